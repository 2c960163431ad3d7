/* describe.c: what a column holds, in figures; see <tarn/table.h>. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/table/prep.h"

enum { SHOWN = 120 };

typedef struct counted {
    double value; /* of numbers */
    int64_t count;
    int32_t word; /* of texts */
} counted;

/* Texts that the figures hold. */
typedef struct kept {
    base_arena arena;
} kept;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The most frequent first; of equals the one that stands first. */
static bool before(const counted *a, const counted *b)
{
    return a->count > b->count;
}

static void keep_top(counted *top, int *n, counted one)
{
    int at = *n;
    while (at > 0 && before(&one, &top[at - 1]))
        at--;
    if (at == TN_TABLE_TOP)
        return;
    *n += *n < TN_TABLE_TOP;
    memmove(top + at + 1, top + at, (size_t)(*n - at - 1) * sizeof *top);
    top[at] = one;
}

static double at_part(const double *v, int64_t n, double part)
{
    double place = part * (double)(n - 1);
    int64_t i = (int64_t)place;
    return i + 1 < n && place > (double)i ? v[i] + (place - (double)i) * (v[i + 1] - v[i]) : v[i];
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static const char *shown_number(kept *k, tn_column_type type, double v)
{
    char buffer[PREP_TEXT];
    if (type == TN_COLUMN_TIME)
        return base_arena_strdup(&k->arena, table_format_time(v, buffer));
    if (type == TN_COLUMN_BOOLEAN)
        return v != 0 ? "true" : "false";
    return base_arena_strdup(&k->arena, base_format_f64(v, buffer));
}

static tn_status figures(const tn_table *t, int column, tn_column_stats *s, base_error *e)
{
    double *v = malloc((size_t)(t->rows + 1) * sizeof *v), one, squares = 0;
    counted top[TN_TABLE_TOP + 1];
    int64_t n = 0;
    if (!v)
        return base_no_memory(e, "describing a table");
    for (int64_t r = 0; r < t->rows; r++)
        if (prep_cell_number(t, column, r, &one) == PREP_GOT)
            v[n++] = one;
    qsort(v, (size_t)n, sizeof *v, by_value);
    s->mean = n ? 0 : (double)NAN;
    for (int64_t i = 0; i < n; i++)
        s->mean += v[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (v[i] - s->mean) * (v[i] - s->mean);
    s->std = n ? sqrt(squares / (double)n) : (double)NAN;
    for (int64_t i = 0, from = 0; i < n; i++) {
        if (i + 1 < n && v[i + 1] == v[i])
            continue;
        s->distinct++;
        keep_top(top, &s->n_top, (counted){.value = v[i], .count = i + 1 - from});
        from = i + 1;
    }
    if (n > 0) {
        s->min = v[0];
        s->q25 = at_part(v, n, 0.25);
        s->median = at_part(v, n, 0.5);
        s->q75 = at_part(v, n, 0.75);
        s->max = v[n - 1];
    }
    free(v);
    for (int i = 0; i < s->n_top; i++) {
        s->top[i] = shown_number(s->inside, t->columns[column].type, top[i].value);
        s->top_count[i] = top[i].count;
        if (!s->top[i])
            return base_no_memory(e, "describing a table");
    }
    return TN_OK;
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* counts[number of a word] */
static tn_status count_words(const tn_table *t, int column, table_words *words, counted **counts, base_error *e)
{
    base_vec(counted) found = {0};
    tn_status status = TN_OK;
    for (int64_t r = 0; r < t->rows && status == TN_OK; r++) {
        size_t length;
        const char *text = tn_table_text(t, column, r, &length);
        int32_t k = text ? table_word(words, text, length, INT32_MAX) : 0;
        if (!text)
            continue;
        if (k < 0 || ((size_t)k == found.n && !base_vec_push(&found, (counted){.word = k})))
            status = base_no_memory(e, "describing a table");
        else
            found.at[k].count++;
    }
    *counts = found.at;
    return status;
}

static tn_status frequencies(const tn_table *t, int column, tn_column_stats *s, base_error *e)
{
    table_words words = {0};
    counted *counts = NULL, top[TN_TABLE_TOP + 1];
    tn_status status = count_words(t, column, &words, &counts, e);
    kept *k = s->inside;
    s->distinct = (int64_t)words.ends.n;
    for (size_t i = 0; status == TN_OK && i < words.ends.n; i++)
        keep_top(top, &s->n_top, counts[i]);
    for (int i = 0; status == TN_OK && i < s->n_top; i++) {
        size_t length;
        const char *text = table_word_text(&words, (size_t)top[i].word, &length);
        char *copy = base_arena_alloc(&k->arena, SHOWN + 1);
        if (!copy) {
            status = base_no_memory(e, "describing a table");
            break;
        }
        memcpy(copy, text, length < SHOWN ? length : SHOWN);
        s->top[i] = copy;
        s->top_count[i] = top[i].count;
    }
    free(counts);
    table_words_free(&words);
    return status;
}

tn_status tn_table_describe(tn_context *context, const tn_table *t, int column, tn_column_stats *s)
{
    base_error own = {0}, *e = base_context_begin(context);
    const tn_column *c = tn_table_column(t, column);
    const double none = (double)NAN;
    e = e ? e : &own;
    *s = (tn_column_stats){
        .mean = none, .std = none, .min = none, .q25 = none, .median = none, .q75 = none, .max = none};
    if (!c)
        return base_fail(e, TN_INVALID, "a table of %d columns has no column %d", t->n_columns, column);
    s->missing = c->n_missing;
    s->count = t->rows - c->n_missing;
    if (!(s->inside = calloc(1, sizeof(kept))))
        return base_no_memory(e, "describing a table");
    bool words = c->type == TN_COLUMN_CATEGORY || c->type == TN_COLUMN_TEXT;
    tn_status status = words ? frequencies(t, column, s, e) : figures(t, column, s, e);
    if (status != TN_OK)
        tn_column_stats_free(s);
    return status;
}

void tn_column_stats_free(tn_column_stats *s)
{
    kept *k = s->inside;
    if (k)
        base_arena_free(&k->arena);
    free(k);
    *s = (tn_column_stats){0};
}
