/* kept.c: a table of any size with bounded memory. The file is read in blocks that end where a row does; each becomes columns as a table of its
 * own would, with the types that the blocks before had, and goes to a file of groups. A type that has to give way makes the groups wrong:
 * the rest of that pass only finds out types, and another pass writes. Then each column's pieces are put behind each other (columns.h).
 *
 * The columns are those that reading in memory gives: types are the join over all values, categories are sorted by their bytes. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/beside.h"
#include "base/checksum.h"
#include "base/map.h"
#include "base/room.h"
#include "base/text.h"
#include "data/gzip.h"
#include "data/table/columns.h"

enum { LEAST_BLOCK = 64 << 10, MOST_BLOCK = 16 << 20, MOST_ROW = 1 << 30, SAID = 3, VERSION = 2 };

/* ---- the file, in pieces ---------------------------------------------------------------------------------------- */

typedef struct feed {
    const table_feed *from; /* NULL: the file */
    base_reader file;
    size_t at;
    base_mapping packed;
    data_gzip *z;
} feed;

static tn_status feed_open(feed *f, const char *path, const table_feed *from, base_error *e)
{
    unsigned char head[2] = {0};
    *f = (feed){.file.fd = -1, .from = from};
    if (from)
        return from->again(from->self, e);
    BASE_TRY(base_reader_open(&f->file, path, e));
    if (f->file.bytes >= sizeof head)
        BASE_TRY(base_reader_at(&f->file, 0, head, sizeof head, e));
    if (!data_is_gzip(head, sizeof head))
        return TN_OK;
    BASE_TRY(base_file_map(path, &f->packed, e));
    f->z = data_gzip_new(f->packed.data, f->packed.bytes, path, e);
    return f->z ? TN_OK : e->status;
}

/* Fewer than `room` bytes only at the end. */
static tn_status feed_read(feed *f, char *to, size_t room, size_t *got, base_error *e)
{
    if (f->from)
        return f->from->read(f->from->self, to, room, got, e);
    if (f->z)
        return data_gzip_read(f->z, to, room, got, e);
    *got = f->file.bytes - f->at < room ? f->file.bytes - f->at : room;
    BASE_TRY(base_reader_at(&f->file, f->at, to, *got, e));
    f->at += *got;
    return TN_OK;
}

static void feed_close(feed *f)
{
    data_gzip_free(f->z);
    base_file_unmap(&f->packed);
    if (f->file.fd >= 0)
        base_reader_close(&f->file);
}

/* ---- what is made ----------------------------------------------------------------------------------------------- */

/* A column of a group in the file of groups. */
typedef struct piece {
    size_t at; /* values, then bits if some are missing, then text */
    int64_t n_missing;
    size_t text;
} piece;

/* Of a column of numbers: how many are infinite, and the row of the first, from 0. */
typedef struct infinite {
    int64_t n, first;
} infinite;

typedef struct keeping {
    tn_context *context;
    const char *path;
    const table_feed *from; /* NULL: the file */
    tn_table_opt opt;
    tn_table *table; /* names, notes, counts */
    bool json;
    bool gathers; /* this pass finds the keys of JSON lines, which are the columns */
    bool told;    /* names are known before rows are read */
    base_error no_keys;
    int n;
    char **names, **raw_names; /* raw: as they were told */
    table_kind *kinds, *before;
    table_words *words; /* of categories, in the order in which they came */
    infinite *infinite;
    base_vec(int64_t) rows; /* of each group */
    base_vec(piece) pieces; /* [group][column] */
    base_writer *groups;
    size_t at;
    char delimiter;
    bool writes, changed, foreign; /* foreign: not UTF-8, so that it must be read as a whole */
    int said;
    base_error *e;
} keeping;

static tn_status put(keeping *k, const void *data, size_t bytes)
{
    k->at += bytes;
    return base_writer_write(k->groups, data, bytes);
}

/* The codes of a group become numbers that all groups share. More words than categories may have: the column is text. */
static tn_status share_words(keeping *k, const table_source *s, int column)
{
    tn_column *c = &s->table->columns[column];
    int32_t *codes = (int32_t *)(uintptr_t)c->values, *map = calloc((size_t)c->categories + 1, sizeof *map);
    tn_status status = map ? TN_OK : base_no_memory(k->e, "reading a table");
    for (int i = 0; i < c->categories && status == TN_OK && k->kinds[column] == KIND_CATEGORY; i++) {
        map[i] = table_word(&k->words[column], c->names[i], strlen(c->names[i]), (size_t)s->categories);
        if (map[i] == -1)
            status = base_no_memory(k->e, "reading a table");
        else if (map[i] < 0 && s->told[column] == KIND_CATEGORY)
            status = base_fail(k->e, TN_LIMIT, "%.300s: column \"%.100s\" has more than %d categories", k->path,
                               c->name, s->categories);
        else if (map[i] < 0)
            k->kinds[column] = KIND_TEXT;
    }
    for (int64_t r = 0; status == TN_OK && r < s->table->rows; r++)
        codes[r] = codes[r] < 0 ? -1 : map[codes[r]];
    free(map);
    return status;
}

static tn_status write_column(keeping *k, const tn_column *c, int64_t rows)
{
    const size_t text = c->type == TN_COLUMN_TEXT && rows > 0 ? (size_t)((const uint64_t *)c->values)[rows - 1] : 0;
    if (!base_vec_push(&k->pieces, (piece){k->at, c->n_missing, text}))
        return base_no_memory(k->e, "reading a table");
    BASE_TRY(put(k, c->values, (size_t)rows * table_value_size(c->type)));
    if (c->n_missing > 0)
        BASE_TRY(put(k, c->missing, (size_t)(rows / 64 + 1) * sizeof(uint64_t)));
    return put(k, c->text, text);
}

/* Notes of the first block are those of the table; of the others the first few sentences about rows. */
static tn_status take_notes(keeping *k, const tn_table *t, bool first)
{
    for (size_t i = 0; i < t->notes.n; i++) {
        const char *note = t->notes.at[i];
        const bool counts = note[0] >= '0' && note[0] <= '9',
                   bad = strncmp(note, "skipped", 7) == 0 || strncmp(note, "doubtful", 8) == 0;
        if ((counts && strncmp(note, "column", 6) != 0) || (bad ? k->said >= SAID : !first))
            continue;
        k->said += bad;
        BASE_TRY(table_note(k->table, k->e, "%s", note));
    }
    return TN_OK;
}

static tn_status name_columns(keeping *k, int n, char *const *names)
{
    base_arena *a = &k->table->arena;
    char **own = BASE_ARRAY(a, char *, n);
    k->n = k->table->n_columns = n;
    k->kinds = BASE_ARRAY(a, table_kind, n);
    k->before = BASE_ARRAY(a, table_kind, n);
    k->words = BASE_ARRAY(a, table_words, n);
    k->infinite = BASE_ARRAY(a, infinite, n);
    bool ok = own && k->kinds && k->before && k->words && k->infinite;
    for (int i = 0; ok && i < n; i++)
        ok = (own[i] = base_arena_strdup(a, names[i])) != NULL;
    k->names = k->raw_names = own;
    if (ok)
        return TN_OK;
    k->words = NULL;
    return base_no_memory(k->e, "reading a table");
}

static tn_status first_block(keeping *k, const table_source *s)
{
    k->delimiter = k->table->delimiter = s->delimiter;
    k->table->header = s->table->header;
    BASE_TRY(name_columns(k, s->n_columns, s->names));
    memcpy(k->kinds, s->kinds, sizeof *k->kinds * (size_t)k->n);
    return TN_OK;
}

/* The keys of a block of JSON lines that are new. That no line is an object is told at the end, if it stays so. */
static tn_status gather(keeping *k, const char *data, size_t bytes, int64_t lines)
{
    table_source s = {.name = k->path,
                      .data = data,
                      .bytes = bytes,
                      .lines = lines,
                      .json = true,
                      .arena = &k->table->arena,
                      .table = k->table,
                      .names = k->names,
                      .n_columns = k->n};
    const tn_status status = table_json_keys(&s, k->e);
    k->names = s.names;
    k->n = s.n_columns;
    if (status != TN_FORMAT || k->n > 0)
        return status;
    k->no_keys = k->no_keys.status == TN_OK ? *k->e : k->no_keys;
    base_clear(k->e);
    return TN_OK;
}

static void count_infinite(const keeping *k, const tn_table *t)
{
    for (int i = 0; i < k->n; i++) {
        int64_t first = 0;
        const int64_t n = table_infinite(&t->columns[i], t->rows, &first);
        if (n > 0 && k->infinite[i].n == 0)
            k->infinite[i].first = k->table->rows + first;
        k->infinite[i].n += n;
    }
}

static tn_status note_infinite(const keeping *k)
{
    for (int i = 0; i < k->n; i++)
        if (k->infinite[i].n > 0)
            BASE_TRY(table_note(k->table, k->e, TABLE_INFINITE, k->path, (long long)k->infinite[i].first + 1,
                                BASE_SHOW(k->names[i]), k->infinite[i].n > 1 ? " and in other rows" : ""));
    return TN_OK;
}

/* What a block that was read gives. */
static tn_status take_table(keeping *k, const table_source *s, bool first)
{
    const tn_table *t = s->table;
    for (int i = 0; i < k->n && k->writes; i++)
        if (k->kinds[i] == KIND_CATEGORY)
            BASE_TRY(share_words(k, s, i));
    for (int i = 0; i < k->n; i++)
        k->changed |= (k->rows.n > 0 || !first) && k->kinds[i] != k->before[i];
    for (int i = 0; i < k->n; i++) /* in the first block too */
        k->changed |= k->kinds[i] == KIND_TEXT && t->columns[i].type == TN_COLUMN_CATEGORY;
    k->writes &= !k->changed;
    BASE_TRY(take_notes(k, t, first));
    if (k->writes)
        count_infinite(k, t);
    k->table->skipped += t->skipped;
    k->table->bad_values += t->bad_values;
    k->table->rows += t->rows;
    for (int i = 0; i < k->n && k->writes; i++)
        BASE_TRY(write_column(k, &t->columns[i], t->rows));
    return !k->writes || base_vec_push(&k->rows, t->rows) ? TN_OK : base_no_memory(k->e, "reading a table");
}

static char quote_of(const keeping *k)
{
    return k->json ? '\n' : k->opt.quote ? k->opt.quote : '"';
}

static tn_status take_block(keeping *k, const char *data, size_t bytes, int64_t lines)
{
    table_scan scan = {0};
    const bool first = lines == 0, known = k->n > 0;
    if (first && bytes >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
        data += 3, bytes -= 3;
    if (k->gathers)
        return gather(k, data, bytes, lines);
    BASE_TRY(table_scan_text(&scan, data, bytes, quote_of(k), tn_context_threads(k->context), k->e));
    k->foreign = !scan.valid || scan.zero;
    tn_table *t = k->foreign ? NULL : table_new(k->e);
    table_source s = {
        .name = k->path, .scan = &scan, .data = data, .bytes = bytes, .lines = lines, .json = k->json, .table = t};
    s.texts_quoted = k->from != NULL;
    if (known) {
        memcpy(k->before, k->kinds, sizeof *k->kinds * (size_t)k->n);
        s.kinds = k->kinds;
    }
    if (known && (!first || k->told)) {
        s.n_columns = k->n;
        s.names = k->names;
        s.delimiter = k->delimiter;
    }
    tn_status status = k->foreign ? TN_UNSUPPORTED : t ? table_fill(k->context, &s, &k->opt, k->e) : TN_MEMORY;
    if (status == TN_OK && !known)
        status = first_block(k, &s);
    if (status == TN_OK && s.quote == '\n' && k->opt.quote != '\n') { /* all of the file is read so */
        k->opt.quote = '\n';
        k->changed |= !first;
        k->writes &= !k->changed;
    }
    if (status == TN_OK && !known)
        memcpy(k->before, k->kinds, sizeof *k->kinds * (size_t)k->n);
    if (status == TN_OK)
        status = take_table(k, &s, first);
    tn_table_free(t);
    table_scan_free(&scan);
    return status;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* Behind the last end of a row, which is outside of quotes; 0: there is none. */
static size_t last_end(const char *data, size_t bytes, char quote)
{
    bool inside = quote != '\n' && (table_csv_sweep(quote, data, data + bytes).quotes & 1);
    for (const char *p = data + bytes; p > data; p--) {
        if (p[-1] == '\n' && !inside)
            return (size_t)(p - data);
        inside ^= p[-1] == quote && quote != '\n';
    }
    return 0;
}

static int64_t lines_in(const char *data, size_t bytes)
{
    return table_csv_sweep('\n', data, data + bytes).rows[0];
}

static tn_status blocks(keeping *k, feed *f, size_t room)
{
    size_t have = 0, got = 0;
    int64_t lines = 0;
    char *data = malloc(room);
    tn_status status = data ? TN_OK : base_no_memory(k->e, "reading a table");
    for (bool end = false; status == TN_OK && (!end || have > 0);) {
        if (!end && (status = feed_read(f, data + have, room - have, &got, k->e)) != TN_OK)
            break;
        end |= got < room - have;
        have += got;
        got = 0;
        const size_t cut = end ? have : last_end(data, have, quote_of(k));
        if (cut > 0) {
            status = take_block(k, data, cut, lines);
            lines += lines_in(data, cut);
            memmove(data, data + cut, have - cut);
            have -= cut;
        } else if (!end && room >= MOST_ROW) {
            status = base_fail(k->e, TN_LIMIT,
                               "%.300s: no row ends within a gigabyte from line %lld on; is a quote missing?", k->path,
                               (long long)lines + 1);
        } else if (!end) {
            room *= 2;
            status = base_grow(&data, room) ? TN_OK : base_no_memory(k->e, "reading a table");
        }
    }
    free(data);
    return status == TN_OK && lines == 0 && k->n == 0
               ? base_fail(k->e, TN_FORMAT, "%.300s is empty: a table has one row at least", k->path)
               : status;
}

static void forget(keeping *k)
{
    tn_table *t = k->table;
    for (size_t i = 0; i < t->notes.n; i++)
        free(t->notes.at[i]);
    t->notes.n = 0;
    t->skipped = t->bad_values = t->rows = 0;
    k->rows.n = k->pieces.n = 0;
    k->at = 0;
    k->said = 0;
    k->changed = false;
    k->writes = true;
    for (int i = 0; i < k->n; i++) {
        table_words_free(&k->words[i]);
        k->words[i] = (table_words){0};
        k->infinite[i] = (infinite){0};
    }
}

/* Each pass says anew what it makes of names that come twice or are empty. */
static tn_status check_names(keeping *k)
{
    table_source s = {.name = k->path,
                      .bad = k->opt.bad,
                      .arena = &k->table->arena,
                      .table = k->table,
                      .names = base_arena_copy(&k->table->arena, k->raw_names, sizeof *k->names * (size_t)k->n),
                      .n_columns = k->n};
    if (!s.names)
        return base_no_memory(k->e, "reading a table");
    BASE_TRY(table_check_names(&s, k->e));
    k->names = s.names;
    return TN_OK;
}

/* The columns, where rows do not say them: a pass over JSON lines for their keys. */
static tn_status tell_columns(keeping *k, size_t room)
{
    if (k->from) {
        k->told = true;
        k->delimiter = ',';
        return name_columns(k, k->from->n, k->from->names);
    }
    k->json = table_is_json(k->path);
    if (!k->json)
        return TN_OK;
    feed f;
    k->gathers = true;
    tn_status status = feed_open(&f, k->path, NULL, k->e);
    if (status == TN_OK)
        status = blocks(k, &f, room);
    feed_close(&f);
    k->gathers = false;
    if (status == TN_OK && k->n == 0)
        status = base_fail(k->e, k->no_keys.status, "%s", k->no_keys.text);
    BASE_TRY(status);
    k->told = true;
    return name_columns(k, k->n, k->names);
}

/* Passes over the file until no type gives way: two, as a rule one. Groups never get a name: they are read through their writer. */
static tn_status passes(keeping *k, const char *path, size_t room)
{
    for (k->changed = true; k->changed;) {
        feed f;
        forget(k);
        tn_status status = feed_open(&f, k->path, k->from, k->e);
        k->groups = status == TN_OK ? base_writer_new(path, k->e) : NULL;
        status = status == TN_OK && !k->groups ? k->e->status : status;
        if (status == TN_OK && k->opt.encoding == TN_ENCODING_AUTO)
            status = table_note(k->table, k->e, "the encoding is UTF-8");
        if (status == TN_OK && k->told)
            status = check_names(k);
        if (status == TN_OK)
            status = blocks(k, &f, room);
        feed_close(&f);
        if (status != TN_OK || k->changed) {
            base_writer_abandon(k->groups);
            k->groups = NULL;
        }
        BASE_TRY(status);
    }
    return TN_OK;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

typedef struct joining {
    keeping *k;
    base_reader groups;
    columns_writer out;
    int column;
    tn_column c;
    int32_t *rank;
    char *room; /* of a piece */
    size_t size;
} joining;

static const piece *piece_of(const joining *j, size_t group)
{
    return &j->k->pieces.at[group * (size_t)j->k->n + (size_t)j->column];
}

static tn_status load(joining *j, size_t at, size_t bytes)
{
    if (bytes > j->size) {
        free(j->room);
        j->room = malloc(bytes);
        j->size = j->room ? bytes : 0;
        if (!j->room)
            return base_no_memory(j->k->e, "writing the columns of a table");
    }
    return base_reader_at(&j->groups, at, j->room, bytes, j->k->e);
}

static tn_status join_values(joining *j)
{
    uint64_t text = 0;
    const size_t size = table_value_size(j->c.type);
    for (size_t g = 0; g < j->k->rows.n; g++) {
        const int64_t rows = j->k->rows.at[g];
        BASE_TRY(load(j, piece_of(j, g)->at, (size_t)rows * size));
        int32_t *codes = (int32_t *)(void *)j->room;
        uint64_t *ends = (uint64_t *)(void *)j->room;
        for (int64_t r = 0; j->rank && r < rows; r++)
            codes[r] = codes[r] < 0 ? -1 : j->rank[codes[r]];
        for (int64_t r = 0; j->c.type == TN_COLUMN_TEXT && r < rows; r++)
            ends[r] += text;
        text += piece_of(j, g)->text;
        BASE_TRY(columns_put(&j->out, j->room, (size_t)rows * size));
    }
    return columns_end_section(&j->out);
}

static tn_status join_missing(joining *j)
{
    const int64_t all = j->k->table->rows;
    uint64_t *bits = calloc((size_t)(all / 64) + 2, sizeof *bits);
    tn_status status = bits ? TN_OK : base_no_memory(j->k->e, "writing the columns of a table");
    int64_t at = 0;
    for (size_t g = 0; g < j->k->rows.n && status == TN_OK; at += j->k->rows.at[g++]) {
        const int64_t rows = j->k->rows.at[g];
        if (piece_of(j, g)->n_missing == 0)
            continue;
        status = load(j, piece_of(j, g)->at + (size_t)rows * table_value_size(j->c.type),
                      (size_t)(rows / 64 + 1) * sizeof *bits);
        if (status == TN_OK)
            table_copy_bits(bits, at, (const uint64_t *)(void *)j->room, rows);
    }
    if (status == TN_OK)
        status = columns_put(&j->out, bits, (size_t)(all / 64 + 1) * sizeof *bits);
    free(bits);
    return status == TN_OK ? columns_end_section(&j->out) : status;
}

static tn_status join_text(joining *j)
{
    for (size_t g = 0; g < j->k->rows.n; g++) {
        const piece *p = piece_of(j, g);
        const size_t rows = (size_t)j->k->rows.at[g];
        BASE_TRY(load(j, p->at + rows * sizeof(uint64_t) + (p->n_missing ? (rows / 64 + 1) * sizeof(uint64_t) : 0),
                      p->text));
        BASE_TRY(columns_put(&j->out, j->room, p->text));
    }
    return columns_end_section(&j->out);
}

static tn_status join_column(joining *j)
{
    keeping *k = j->k;
    const table_words *words = &k->words[j->column];
    j->c = (tn_column){.name = k->names[j->column], .type = table_type_of(k->kinds[j->column])};
    for (size_t g = 0; g < k->rows.n; g++)
        j->c.n_missing += piece_of(j, g)->n_missing;
    j->rank = NULL;
    if (j->c.type == TN_COLUMN_CATEGORY) {
        j->rank = calloc(words->ends.n + 1, sizeof *j->rank);
        if (!j->rank)
            return base_no_memory(k->e, "writing the columns of a table");
        BASE_TRY(table_name_words(words, &j->c, j->rank, &k->table->arena, k->e));
    }
    columns_describe(&j->out, &j->c);
    BASE_TRY(join_values(j));
    if (j->c.n_missing > 0)
        BASE_TRY(join_missing(j));
    return j->c.type == TN_COLUMN_TEXT ? join_text(j) : TN_OK;
}

static tn_status join(keeping *k, const char *path, uint64_t key)
{
    joining j = {.k = k, .groups = base_writer_reader(k->groups, k->at)};
    tn_status status = columns_begin(&j.out, path, k->e);
    for (j.column = 0; j.column < k->n && status == TN_OK; j.column++) {
        status = join_column(&j);
        free(j.rank);
        j.rank = NULL;
    }
    if (status == TN_OK)
        status = columns_finish(&j.out, k->table, key, k->e);
    else
        columns_abandon(&j.out);
    free(j.room);
    return status;
}

static tn_status make(keeping *k, const char *path, uint64_t key)
{
    const size_t wish = k->opt.cache_above / 8, room = wish == 0 || wish > MOST_BLOCK ? MOST_BLOCK
                                                       : wish < LEAST_BLOCK           ? LEAST_BLOCK
                                                                                      : wish;
    tn_status status = tell_columns(k, room);
    if (status == TN_OK)
        status = passes(k, path, room);
    if (status == TN_OK && k->from && k->table->rows == 0) { /* types that none has are said elsewhere */
        k->foreign = true;
        status = TN_UNSUPPORTED;
    }
    if (status == TN_OK && k->table->skipped > 0)
        status = table_note(k->table, k->e, "%lld rows were skipped", (long long)k->table->skipped);
    if (status == TN_OK && k->table->bad_values > 0)
        status = table_note(k->table, k->e, "%lld values were of another type than told and count as missing",
                            (long long)k->table->bad_values);
    if (status == TN_OK)
        status = note_infinite(k);
    if (status == TN_OK)
        status = join(k, path, key);
    base_writer_abandon(k->groups);
    k->groups = NULL;
    return status;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* What decides about the columns, beside the file's size and time. */
static uint64_t sum_of(const char *path, const tn_table_opt *o)
{
    const int64_t numbers[] = {
        VERSION,      o->delimiter, o->quote,     o->header,    o->encoding, o->missing ? o->n_missing : -1,
        o->n_columns, o->bad,       o->day_first, o->categories};
    uint64_t h = base_checksum(base_hash_text(path), numbers, sizeof numbers);
    for (int i = 0; o->missing && i < o->n_missing; i++)
        h = base_checksum(h, o->missing[i], strlen(o->missing[i]));
    for (int i = 0; i < o->n_columns; i++) {
        h = base_checksum(h, o->columns[i].name, strlen(o->columns[i].name));
        h = base_checksum(h, &o->columns[i].type, sizeof o->columns[i].type);
    }
    return h;
}

static tn_status make_table(tn_context *context, const char *path, const tn_table_opt *opt, const table_feed *from,
                            const char *file, uint64_t key, bool *foreign, base_error *e)
{
    keeping k = {.context = context, .path = path, .from = from, .opt = *opt, .table = table_new(e), .e = e};
    tn_status status = k.table ? base_make_folder(opt->cache, e) : TN_MEMORY;
    if (status == TN_OK) {
        base_beside_sweep(opt->cache);
        status = make(&k, file, key);
    }
    *foreign = k.foreign;
    for (int i = 0; k.words && i < k.n; i++)
        table_words_free(&k.words[i]);
    base_vec_free(&k.rows);
    base_vec_free(&k.pieces);
    tn_table_free(k.table);
    return status;
}

tn_status table_kept(tn_context *context, const char *path, const tn_table_opt *opt, const table_feed *from,
                     tn_table **out, bool *foreign, base_error *e)
{
    struct stat st;
    char file[4096];
    *foreign = false;
    if (stat(path, &st) != 0 || (opt->encoding != TN_ENCODING_AUTO && opt->encoding != TN_ENCODING_UTF8)) {
        *foreign = true;
        return TN_UNSUPPORTED;
    }
    const uint64_t name = from ? base_checksum(sum_of(path, opt), &from->of, sizeof from->of) : sum_of(path, opt);
    const int64_t is[] = {(int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec,
                          from ? (int64_t)from->stamp : 0};
    const uint64_t key = base_checksum(name, is, sizeof is);
    if (snprintf(file, sizeof file, "%s/table-%016llx.columns", opt->cache, (unsigned long long)name) >=
        (int)sizeof file)
        return base_fail(e, TN_INVALID, "the path of the folder for columns is longer than %zu bytes", sizeof file);
    tn_status status = columns_open(file, key, out, e);
    if (status == TN_OK)
        return TN_OK;
    if (status == TN_FORMAT)
        base_log(context, BASE_LOG_WARNING, "%s; it is made anew", e->text);
    if (status != TN_FORMAT && status != TN_NOT_FOUND)
        return status;
    base_clear(e);
    BASE_TRY(make_table(context, path, opt, from, file, key, foreign, e));
    return columns_open(file, key, out, e);
}
