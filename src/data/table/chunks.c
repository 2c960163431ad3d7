/* chunks.c: a text is cut at ends of rows, threads read the pieces, and columns whose type had to give way are read again.
 *
 * Where a cut lies inside of quotes is found by counting quotes, which is right as long as quotes stand where RFC 4180 has them.
 * A piece that then does not end where a row does proves a cut wrong; the text is then read in one piece. */
#include <pthread.h>
#include <string.h>

#include "base/room.h"
#include "data/parallel.h"
#include "data/table/table.h"

/* ---- cutting ---------------------------------------------------------------------------------------------------- */

enum { MOST_CHUNKS = 1024, SPARES = 64 };
static const size_t MOST_ROOM = (size_t)1 << 32; /* taken for a column's texts before it is known how long they are */

typedef struct cutting {
    const table_source *s;
    const char **at; /* n + 1 places */
    table_sweep *sweeps;
} cutting;

static void sweep(void *user, int64_t i)
{
    cutting *c = user;
    const table_source *s = c->s;
    const table_scan *seen = s->scan;
    const char quote = s->json ? '\n' : s->quote;
    if (i > 0 && seen && seen->quote == quote && s->data + s->bytes == seen->data + seen->bytes) {
        const size_t offset = (size_t)(c->at[i] - seen->data);
        c->sweeps[i] = table_scan_sum(seen, offset, (size_t)(c->at[i + 1] - seen->data));
    } else {
        c->sweeps[i] = table_csv_sweep(quote, c->at[i], c->at[i + 1]);
    }
}

/* Where the pieces begin: evenly, or where the scan's do. */
static const char *place_of(const table_source *s, int64_t i, int64_t n)
{
    const size_t bytes = (size_t)(s->data + s->bytes - s->body);
    const char *at = s->body + bytes / (size_t)n * (size_t)i;
    if (i > 0 && s->scan) {
        const char *even = s->scan->data + (size_t)(at - s->scan->data) / TABLE_PIECE * TABLE_PIECE;
        return even > s->body ? even : s->body;
    }
    return at;
}

/* Chunks with their places, `quotes` and `rows_most`. A part of the text in which no row ends belongs to the chunk before. */
static tn_status cut(const table_source *s, table_chunk *chunks, int64_t *n, base_error *e)
{
    const char *end = s->data + s->bytes;
    cutting c = {s, calloc((size_t)*n + 1, sizeof *c.at), calloc((size_t)*n, sizeof *c.sweeps)};
    tn_status status = c.at && c.sweeps ? TN_OK : base_no_memory(e, "reading a table");
    if (status == TN_OK) {
        for (int64_t i = 0; i <= *n; i++)
            c.at[i] = i == *n ? end : place_of(s, i, *n);
        data_parallel(s->threads, *n, sweep, &c);
        int inside = 0;
        int64_t made = 0;
        chunks[0] = (table_chunk){.at = s->body};
        for (int64_t i = 0; i < *n; i++) {
            const table_sweep *w = &c.sweeps[i];
            chunks[made].quotes |= w->quotes > 0;
            if (i > 0 && w->first[inside]) {
                chunks[made].end = w->first[inside];
                chunks[++made] = (table_chunk){.at = w->first[inside], .quotes = w->quotes > 0};
            }
            chunks[made].rows_most += w->rows[0] + w->rows[1] + 2;
            inside ^= w->quotes & 1;
        }
        chunks[made].end = end;
        *n = made + 1;
    }
    free((void *)c.at);
    free(c.sweeps);
    return status;
}

/* ---- one pass --------------------------------------------------------------------------------------------------- */

typedef struct loading {
    table_source *s;
    table_chunk *chunks;
    int64_t n;
    void **values; /* of each column */
    /* Texts of a column in one room, which is as large as all of the source, or NULL: who has read a chunk waits for his turn, takes the
     * place behind the chunk before, and copies while the texts are in his caches. */
    char **texts;
    size_t *placed;
    int64_t turn;
    base_str spare[SPARES]; /* rooms of chunks that are done, which lie in the caches */
    int n_spare;
    pthread_mutex_t lock;
    pthread_cond_t moved;
} loading;

/* All rows of a chunk. The first failure in the file counts: rows that are whole before it are looked at too. */
static tn_status read_chunk(const table_source *s, table_chunk *c, table_block *b)
{
    for (tn_status status = TN_OK; status == TN_OK;) {
        b->rows = 0;
        status = s->next(s, c, b);
        if (b->rows > c->rows_most - c->rows)
            c->misfit = true;
        if (c->misfit)
            return TN_OK;
        for (int k = 0; k < s->n_columns; k++)
            if (s->active[k]) {
                tn_status made = table_convert(s, c, k, b);
                status = status == TN_OK ? made : status;
            }
        c->rows += b->rows;
        if (c->err.status == TN_MEMORY)
            return TN_MEMORY;
        if (c->at >= c->end && b->rows < b->room)
            return status;
    }
    return TN_FORMAT;
}

static int64_t block_rows(const table_source *s)
{
    return s->n_columns >= BLOCK_CELLS ? 1 : BLOCK_CELLS / s->n_columns;
}

static void reserve(base_str *s, size_t bytes)
{
    if ((s->text = base_room(bytes + 1))) {
        s->text[0] = '\0';
        s->capacity = bytes + 1;
    }
}

static void take_room(loading *l, base_str *heap, size_t bytes)
{
    pthread_mutex_lock(&l->lock);
    if (l->n_spare > 0)
        *heap = l->spare[--l->n_spare];
    pthread_mutex_unlock(&l->lock);
    heap->length = 0;
    if (!heap->text)
        reserve(heap, bytes);
}

static void keep_room(loading *l, base_str *heap)
{
    pthread_mutex_lock(&l->lock);
    const bool room = l->n_spare < SPARES && !heap->failed && heap->text;
    if (room)
        l->spare[l->n_spare++] = *heap;
    pthread_mutex_unlock(&l->lock);
    if (!room)
        base_str_free(heap);
    *heap = (base_str){0};
}

static bool is_placed(const loading *l, const table_chunk *c, int k)
{
    return l->texts[k] && l->s->active[k] && c->parts[k].kind == KIND_TEXT;
}

static void place_texts(loading *l, int64_t i)
{
    table_chunk *c = &l->chunks[i];
    pthread_mutex_lock(&l->lock);
    while (l->turn != i)
        pthread_cond_wait(&l->moved, &l->lock);
    for (int k = 0; k < l->s->n_columns; k++)
        if (is_placed(l, c, k)) {
            c->parts[k].place = l->placed[k];
            l->placed[k] += c->parts[k].heap.length;
        }
    l->turn++;
    pthread_cond_broadcast(&l->moved);
    pthread_mutex_unlock(&l->lock);
    for (int k = 0; k < l->s->n_columns; k++)
        if (is_placed(l, c, k)) {
            table_part *p = &c->parts[k];
            if (p->heap.length)
                memcpy(l->texts[k] + p->place, p->heap.text, p->heap.length);
            for (int64_t r = 0; r < p->rows; r++)
                ((uint64_t *)p->values)[r] += p->place;
            keep_room(l, &p->heap);
        }
}

static void read_one(void *user, int64_t i)
{
    loading *l = user;
    table_chunk *c = &l->chunks[i];
    table_block b = {.room = block_rows(l->s)};
    b.cells = calloc((size_t)b.room * (size_t)l->s->n_columns, sizeof *b.cells);
    for (int k = 0; b.cells && k < l->s->n_columns; k++)
        if (l->s->active[k] && c->parts[k].kind == KIND_TEXT) /* about what comes, so that it seldom moves */
            take_room(l, &c->parts[k].heap, (size_t)(c->end - c->begin) / (size_t)l->s->n_columns);
    if (b.cells)
        (void)read_chunk(l->s, c, &b);
    else
        base_no_memory(&c->err, "reading a table");
    free(b.cells);
    place_texts(l, i);
}

static void free_part(table_part *p)
{
    free(p->missing);
    table_words_free(&p->words);
    base_str_free(&p->heap);
    *p = (table_part){0};
}

static void free_chunks(const table_source *s, table_chunk *chunks, int64_t n)
{
    for (int64_t i = 0; chunks && i < n; i++) {
        table_chunk *c = &chunks[i];
        for (int k = 0; c->parts && k < s->n_columns; k++)
            free_part(&c->parts[k]);
        base_vec_free(&c->dropped);
        free(c->parts);
        free(c->scratch);
    }
    free(chunks);
}

/* Chunks begin anew, with room for what they make of the active columns. */
static tn_status prepare(loading *l, base_error *e)
{
    table_source *s = l->s;
    int64_t rows = 0;
    for (int64_t i = 0; i < l->n; i++) {
        l->chunks[i].row0 = rows;
        rows += l->chunks[i].rows_most;
    }
    for (int k = 0; k < s->n_columns; k++)
        if (s->active[k]) {
            free(l->values[k]);
            l->values[k] = base_room((size_t)rows * table_value_size(table_type_of(s->kinds[k])));
            if (!l->values[k])
                return base_no_memory(e, "reading a table");
            free(l->texts[k]);
            l->texts[k] = l->n > 1 && s->kinds[k] == KIND_TEXT && s->bytes < MOST_ROOM ? base_room(s->bytes + 1) : NULL;
            l->placed[k] = 0;
        }
    l->turn = 0;
    for (int64_t i = 0; i < l->n; i++) {
        table_chunk *c = &l->chunks[i];
        if (!c->parts && !(c->parts = calloc((size_t)s->n_columns, sizeof *c->parts)))
            return base_no_memory(e, "reading a table");
        for (int k = 0; k < s->n_columns; k++)
            if (s->active[k]) {
                free_part(&c->parts[k]);
                c->parts[k].kind = s->kinds[k];
                c->parts[k].values =
                    (char *)l->values[k] + (size_t)c->row0 * table_value_size(table_type_of(s->kinds[k]));
            }
        c->rows = 0;
    }
    return TN_OK;
}

/* TN_OK, or the first failure; *again: the cuts were wrong, or what was thought of quotes. */
static tn_status look_at(const loading *l, bool *again, base_error *e)
{
    for (int64_t i = 0; i < l->n; i++) {
        table_chunk *c = &l->chunks[i];
        if (c->odd_quote && l->s->doubt_quotes) {
            l->s->doubt_quotes = false;
            l->s->quote = '\n';
            *again = true;
            return table_note(l->s->table, e,
                              "quotes are characters like others: some cells begin with one and do not end so");
        }
        if (c->misfit) {
            *again = true;
            return l->n > 1 ? TN_OK : base_fail(e, TN_INTERNAL, "%s: more rows than ends of lines", l->s->name);
        }
        if (c->err.status != TN_OK)
            return base_fail(e, c->err.status, "%s", c->err.text);
        if (c->troubles.rows + c->troubles.values > 0 && l->s->bad == TN_BAD_FAIL)
            return table_trouble_fail(l->s, &c->troubles.first[0], e);
    }
    return TN_OK;
}

/* A column that some chunk could not hold gets a wider kind; the first place says why. */
static tn_status widen(loading *l, int column, bool *wider, base_error *e)
{
    table_source *s = l->s;
    table_kind kind = s->kinds[column];
    const char *at = NULL;
    for (int64_t i = 0; i < l->n; i++) {
        const table_part *p = &l->chunks[i].parts[column];
        if (p->wider != KIND_NONE) {
            kind = table_join(kind, p->wider);
            at = at ? at : p->wider_at;
        }
    }
    *wider = at != NULL;
    if (!at)
        return TN_OK;
    if (s->kinds[column] != KIND_NONE && table_type_of(kind) != table_type_of(s->kinds[column])) {
        base_error where = {0};
        table_trouble_fail(s, &(table_trouble){.fault = FAULT_NONE, .at = at, .column = column}, &where);
        BASE_TRY(table_note(s->table, e, "%.400s: column \"%.100s\" is %s, not %s as it began", where.text,
                            s->names[column], tn_column_type_name(table_type_of(kind)),
                            tn_column_type_name(table_type_of(s->kinds[column]))));
    }
    s->kinds[column] = kind;
    return TN_OK;
}

/* A column that is complete, on its way to the table. */
typedef struct merging {
    const loading *l;
    base_error *err; /* of each column */
    bool *wider;     /* at first: not complete */
} merging;

static void merge_column(merging *m, int64_t k)
{
    const loading *l = m->l;
    if (!l->s->active[k] || m->wider[k])
        return;
    void *values = l->values[k];
    char *text = l->texts[k];
    l->values[k] = NULL;
    l->texts[k] = NULL;
    (void)table_merge(l->s, l->chunks, l->n, (int)k, values, text, &m->wider[k], &m->err[k]);
}

static void merge_one(void *user, int64_t k)
{
    const merging *m = user;
    if (m->l->s->kinds[k] != KIND_CATEGORY) /* whose names go into the arena: one after the other */
        merge_column(user, k);
}

static tn_status merge_all(const loading *l, bool *wider, base_error *e)
{
    merging m = {l, calloc((size_t)l->s->n_columns, sizeof *m.err), wider};
    if (!m.err)
        return base_no_memory(e, "reading a table");
    data_parallel(l->s->threads, l->s->n_columns, merge_one, &m);
    tn_status status = TN_OK;
    for (int k = 0; k < l->s->n_columns; k++)
        if (l->s->kinds[k] == KIND_CATEGORY)
            merge_column(&m, k);
    for (int k = 0; k < l->s->n_columns && status == TN_OK; k++)
        if (m.err[k].status != TN_OK)
            status = base_fail(e, m.err[k].status, "%s", m.err[k].text);
    free(m.err);
    return status;
}

/* Columns that are complete move to the table; the others stay active. */
static tn_status settle_with(loading *l, bool *wider, bool *more, base_error *e)
{
    table_source *s = l->s;
    bool *given_way = wider + s->n_columns;
    for (int k = 0; k < s->n_columns; k++)
        if (s->active[k]) {
            BASE_TRY(widen(l, k, &wider[k], e));
            given_way[k] = wider[k];
        }
    BASE_TRY(merge_all(l, wider, e));
    *more = false;
    for (int k = 0; k < s->n_columns; k++) {
        if (!s->active[k])
            continue;
        *more |= wider[k];
        if (wider[k] && !given_way[k]) { /* more words than categories may be */
            if (s->told[k] == KIND_CATEGORY)
                return base_fail(e, TN_LIMIT, "%.300s: column \"%.100s\" has more than %d categories", s->name,
                                 s->names[k], s->categories);
            s->kinds[k] = KIND_TEXT;
        }
        s->active[k] = wider[k];
        for (int64_t i = 0; i < l->n && !wider[k]; i++)
            free_part(&l->chunks[i].parts[k]);
    }
    return TN_OK;
}

static tn_status settle(loading *l, bool *more, base_error *e)
{
    bool *wider = calloc((size_t)l->s->n_columns * 2, sizeof *wider);
    tn_status status = wider ? settle_with(l, wider, more, e) : base_no_memory(e, "reading a table");
    free(wider);
    return status;
}

/* What was skipped is counted in the first pass; later ones meet the same rows. */
static tn_status count_troubles(loading *l, base_error *e)
{
    table_source *s = l->s;
    int said = 0;
    for (int64_t i = 0; i < l->n; i++) {
        const table_troubles *t = &l->chunks[i].troubles;
        s->table->skipped += t->rows;
        s->table->bad_values += t->values;
        for (int k = 0; k < FIRST_TROUBLES && k < t->rows + t->values && said < FIRST_TROUBLES; k++, said++) {
            base_error one = {0};
            table_trouble_fail(s, &t->first[k], &one);
            BASE_TRY(table_note(s->table, e, "%s: %.800s", s->bad == TN_BAD_SKIP ? "skipped" : "skipped or missing",
                                one.text));
        }
    }
    s->count_troubles = false;
    return TN_OK;
}

static tn_status passes(loading *l, bool *again, base_error *e)
{
    for (bool more = true; more;) {
        BASE_TRY(prepare(l, e));
        for (int64_t i = 0; i < l->n; i++) {
            table_chunk *c = &l->chunks[i];
            c->at = c->begin;
            c->misfit = false;
        }
        data_parallel(l->s->threads, l->n, read_one, l);
        BASE_TRY(look_at(l, again, e));
        if (*again)
            return TN_OK;
        if (l->s->count_troubles)
            BASE_TRY(count_troubles(l, e));
        BASE_TRY(settle(l, &more, e));
    }
    return TN_OK;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

/* One column of them. Words of which there are too many for categories already are texts at once. */
static tn_status sample_kind(table_source *s, const table_block *b, int k, base_error *e)
{
    table_words words = {0};
    tn_status status = TN_OK;
    for (int64_t i = 0; i < b->rows && s->kinds[k] != KIND_TEXT && status == TN_OK; i++) {
        const table_cell *cell = &b->cells[i * s->n_columns + k];
        const char *text = b->base + cell->at;
        size_t length = cell->length & CELL_LENGTH;
        if ((cell->length & (unsigned)CELL_NONE) || table_is_absent_text(&s->absent, text, length))
            continue;
        table_kind is = s->kinds[k] == KIND_CATEGORY ? KIND_CATEGORY : table_classify(text, length, s->day_first);
        if ((cell->length & CELL_STRING) && (is == KIND_INTEGER || is == KIND_NUMBER))
            is = KIND_CATEGORY;
        int32_t number = cell->length & CELL_ESCAPED ? 0 : table_word(&words, text, length, (size_t)s->categories);
        if (number == -1)
            status = base_no_memory(e, "reading a table");
        s->kinds[k] = table_join(s->kinds[k], is);
        if (number == -2 && s->kinds[k] == KIND_CATEGORY)
            s->kinds[k] = KIND_TEXT;
    }
    table_words_free(&words);
    return status;
}

/* Kinds from the first rows, so that most columns are right at once. */
static tn_status sample_kinds(table_source *s, base_error *e)
{
    table_chunk c = {.at = s->body, .end = s->data + s->bytes, .quotes = true};
    table_block b = {.room = block_rows(s)};
    b.cells = calloc((size_t)b.room * (size_t)s->n_columns, sizeof *b.cells);
    if (!b.cells)
        return base_no_memory(e, "reading a table");
    (void)s->next(s, &c, &b); /* what is wrong the passes tell */
    tn_status status = TN_OK;
    for (int k = 0; k < s->n_columns && status == TN_OK; k++)
        if (s->told[k] == KIND_NONE)
            status = sample_kind(s, &b, k, e);
    base_vec_free(&c.dropped);
    free(b.cells);
    return status;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Rows that values of a wrong type have spoilt; several may have spoilt one. */
static tn_status drop_spoilt(loading *l, base_error *e)
{
    base_vec(int64_t) rows = {0};
    int64_t row0 = 0;
    tn_status status = TN_OK;
    for (int64_t i = 0; i < l->n && status == TN_OK; i++) {
        for (size_t k = 0; k < l->chunks[i].dropped.n && status == TN_OK; k++)
            if (!base_vec_push(&rows, row0 + l->chunks[i].dropped.at[k]))
                status = base_no_memory(e, "reading a table");
        row0 += l->chunks[i].rows;
    }
    if (status == TN_OK && rows.n > 0) {
        size_t n = 1;
        qsort(rows.at, rows.n, sizeof *rows.at, by_number);
        for (size_t k = 1; k < rows.n; k++)
            if (rows.at[k] != rows.at[n - 1])
                rows.at[n++] = rows.at[k];
        l->s->table->skipped -= (int64_t)(rows.n - n);
        table_drop(l->s->table, rows.at, (int64_t)n);
    }
    base_vec_free(&rows);
    return status;
}

static tn_status load_in(table_source *s, int64_t n, bool *again, base_error *e)
{
    loading l = {.s = s, .n = n};
    l.chunks = calloc((size_t)n, sizeof *l.chunks);
    l.values = calloc((size_t)s->n_columns, sizeof *l.values);
    l.texts = calloc((size_t)s->n_columns, sizeof *l.texts);
    l.placed = calloc((size_t)s->n_columns, sizeof *l.placed);
    pthread_mutex_init(&l.lock, NULL); /* of default attributes: cannot fail */
    pthread_cond_init(&l.moved, NULL);
    tn_status status =
        l.chunks && l.values && l.texts && l.placed ? cut(s, l.chunks, &l.n, e) : base_no_memory(e, "reading a table");
    for (int64_t i = 0; status == TN_OK && i < l.n; i++)
        l.chunks[i].begin = l.chunks[i].at;
    for (int k = 0; k < s->n_columns; k++)
        s->active[k] = true;
    s->count_troubles = true;
    s->table->skipped = s->table->bad_values = 0;
    if (status == TN_OK)
        status = passes(&l, again, e);
    if (status == TN_OK && !*again) {
        for (int64_t i = 0; i < l.n; i++)
            s->table->rows += l.chunks[i].rows;
        status = drop_spoilt(&l, e);
    }
    for (int k = 0; l.values && k < s->n_columns; k++)
        free(l.values[k]);
    for (int k = 0; l.texts && k < s->n_columns; k++)
        free(l.texts[k]);
    free(l.values);
    free((void *)l.texts);
    free(l.placed);
    while (l.n_spare > 0)
        base_str_free(&l.spare[--l.n_spare]);
    pthread_mutex_destroy(&l.lock);
    pthread_cond_destroy(&l.moved);
    free_chunks(s, l.chunks, n);
    return status;
}

tn_status table_load(table_source *s, base_error *e)
{
    size_t bytes = (size_t)(s->data + s->bytes - s->body), piece = (size_t)1 << 20;
#if defined(TARN_HARD) || defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
    piece = 64;
#endif
    int64_t n = (int64_t)(bytes / piece), most = MOST_CHUNKS;
    bool again = false;
    n = s->threads <= 1 ? 1 : n > most ? most : n < 1 ? 1 : n;
    BASE_TRY(sample_kinds(s, e));
    BASE_TRY(load_in(s, n, &again, e));
    if (!again)
        return TN_OK;
    again = false;
    BASE_TRY(load_in(s, 1, &again, e));
    return again ? (again = false, load_in(s, 1, &again, e)) : TN_OK;
}
