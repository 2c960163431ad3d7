/* merge.c: what the chunks hold of a column becomes one: rows close up where fewer came than room was made for, words get
 * numbers that all chunks share, in the order of their bytes, and texts move behind each other. */
#include <string.h>

#include "base/room.h"
#include "data/table/table.h"

/* Bits [0, n) of from to bit `at` of to. */
void table_copy_bits(uint64_t *to, int64_t at, const uint64_t *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += 64) {
        uint64_t bits = from[i >> 6];
        if (n - i < 64)
            bits &= ((uint64_t)1 << (n - i)) - 1;
        int64_t word = (at + i) >> 6, shift = (at + i) & 63;
        to[word] |= bits << shift;
        if (shift && bits >> (64 - shift))
            to[word + 1] |= bits >> (64 - shift);
    }
}

static tn_status merge_missing(const table_chunk *chunks, int64_t n, int k, int64_t rows, tn_column *c, base_error *e)
{
    for (int64_t i = 0; i < n; i++)
        c->n_missing += chunks[i].parts[k].n_missing;
    if (c->n_missing == 0)
        return TN_OK;
    uint64_t *all = calloc((size_t)(rows >> 6) + 2, sizeof *all);
    if (!all)
        return base_no_memory(e, "reading a table");
    c->missing = all;
    int64_t at = 0;
    for (int64_t i = 0; i < n; at += chunks[i++].rows)
        if (chunks[i].parts[k].missing)
            table_copy_bits(all, at, chunks[i].parts[k].missing, chunks[i].rows);
    return TN_OK;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

typedef struct word {
    const char *text;
    size_t length;
    int32_t number; /* in the union of all chunks */
} word;

static int by_bytes(const void *a, const void *b)
{
    const word *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);
    return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

/* names of c, sorted; rank[number in `all`] is the place there. */
tn_status table_name_words(const table_words *all, tn_column *c, int32_t *rank, base_arena *arena, base_error *e)
{
    size_t n = all->ends.n;
    word *words = calloc(n + 1, sizeof *words);
    const char **names = BASE_ARRAY(arena, const char *, n + 1);
    tn_status status = words && names ? TN_OK : base_no_memory(e, "reading a table");
    if (status == TN_OK) {
        for (size_t i = 0; i < n; i++) {
            words[i].text = table_word_text(all, i, &words[i].length);
            words[i].number = (int32_t)i;
        }
        qsort(words, n, sizeof *words, by_bytes);
    }
    for (size_t i = 0; status == TN_OK && i < n; i++) {
        char *name = base_arena_alloc(arena, words[i].length + 1);
        if (name)
            memcpy(name, words[i].text, words[i].length);
        else
            status = base_no_memory(e, "reading a table");
        names[i] = name;
        rank[words[i].number] = (int32_t)i;
    }
    free(words);
    c->names = names;
    c->categories = (int)n;
    return status;
}

/* map[number in a chunk] for each chunk, one after the other, by way of the union. More than the limit: *overflow. */
static tn_status unite(const table_source *s, const table_chunk *chunks, int64_t n, int k, table_words *all,
                       int32_t *map, bool *overflow, base_error *e)
{
    for (int64_t i = 0; i < n; i++) {
        const table_words *w = &chunks[i].parts[k].words;
        for (size_t j = 0; j < w->ends.n; j++) {
            size_t length;
            const char *text = table_word_text(w, j, &length);
            int32_t number = table_word(all, text, length, (size_t)s->categories);
            if (number == -1)
                return base_no_memory(e, "reading a table");
            if (number < 0) {
                *overflow = true;
                return TN_OK;
            }
            *map++ = number;
        }
    }
    return TN_OK;
}

static tn_status merge_words(const table_source *s, const table_chunk *chunks, int64_t n, int k, int32_t *codes,
                             tn_column *c, bool *overflow, base_error *e)
{
    size_t total = 0;
    for (int64_t i = 0; i < n; i++)
        total += chunks[i].parts[k].words.ends.n;
    table_words all = {0};
    int32_t *map = malloc((total + 1) * sizeof *map), *rank = malloc((total + 1) * sizeof *rank);
    tn_status status =
        map && rank ? unite(s, chunks, n, k, &all, map, overflow, e) : base_no_memory(e, "reading a table");
    if (status == TN_OK && !*overflow)
        status = table_name_words(&all, c, rank, s->arena, e);
    if (status == TN_OK && !*overflow) {
        const int32_t *of = map;
        int64_t row = 0;
        for (int64_t i = 0; i < n; of += chunks[i++].parts[k].words.ends.n)
            for (int64_t r = 0; r < chunks[i].rows; r++, row++)
                codes[row] = codes[row] < 0 ? -1 : rank[of[codes[row]]];
    }
    table_words_free(&all);
    free(map);
    free(rank);
    return status;
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static tn_status merge_texts(table_chunk *chunks, int64_t n, int k, uint64_t *ends, tn_column *c, base_error *e)
{
    size_t total = 0;
    if (n == 1 && chunks[0].parts[k].heap.text) { /* as it is */
        c->text = chunks[0].parts[k].heap.text;
        chunks[0].parts[k].heap = (base_str){0};
        return TN_OK;
    }
    for (int64_t i = 0; i < n; i++)
        total += chunks[i].parts[k].heap.length;
    char *text = base_room(total + 1);
    if (!text)
        return base_no_memory(e, "reading a table");
    c->text = text;
    size_t at = 0;
    int64_t row = 0;
    for (int64_t i = 0; i < n; i++) {
        base_str *heap = &chunks[i].parts[k].heap;
        if (heap->length)
            memcpy(text + at, heap->text, heap->length);
        for (int64_t r = 0; r < chunks[i].rows; r++, row++)
            ends[row] += at;
        at += heap->length;
        base_str_free(heap);
    }
    text[at] = '\0';
    return TN_OK;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void close_up(const table_chunk *chunks, int64_t n, void *values, size_t size)
{
    int64_t row = 0;
    for (int64_t i = 0; i < n; row += chunks[i++].rows)
        if (row != chunks[i].row0)
            memmove((char *)values + (size_t)row * size, (char *)values + (size_t)chunks[i].row0 * size,
                    (size_t)chunks[i].rows * size);
}

/* Takes `values` (malloc'ed) and `text` over, also on failure. */
tn_status table_merge(const table_source *s, table_chunk *chunks, int64_t n, int k, void *values, char *text,
                      bool *overflow, base_error *e)
{
    tn_column *c = &s->table->columns[k];
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++)
        rows += chunks[i].rows;
    c->name = s->names[k];
    c->type = table_type_of(s->kinds[k]);
    close_up(chunks, n, values, table_value_size(c->type));
    size_t bytes = (size_t)rows * table_value_size(c->type);
    const table_chunk *last = &chunks[n - 1];
    size_t room = (size_t)(last->row0 + last->rows_most) * table_value_size(c->type);
    void *smaller = room - bytes > room / 8 ? realloc(values, bytes ? bytes : 1) : NULL;
    values = smaller ? smaller : values;
    c->values = values;
    *overflow = false;
    if (c->type == TN_COLUMN_CATEGORY)
        BASE_TRY(merge_words(s, chunks, n, k, values, c, overflow, e));
    if (*overflow) {
        free(values);
        c->values = NULL;
        return TN_OK;
    }
    if (text) {
        size_t used = rows ? (size_t)((const uint64_t *)values)[rows - 1] : 0;
        char *fits = realloc(text, used + 1);
        c->text = fits ? fits : text;
        ((char *)(uintptr_t)c->text)[used] = '\0';
    } else if (c->type == TN_COLUMN_TEXT)
        BASE_TRY(merge_texts(chunks, n, k, values, c, e));
    return merge_missing(chunks, n, k, rows, c, e);
}
