/* prep_set.c: rows of a table as a data set, ready for a model. What is found out about a row (which word of its column's a cell is,
 * logarithms, ranks) is found out once, by some threads, and kept: a number for a cell. */
#include <string.h>

#include "data/dataset.h"
#include "data/parallel.h"
#include "data/table/prep.h"

/* Rows that a thread takes at a time; bytes up to which what is told of rows is kept. */
enum { PIECE = 512, MOST_KEPT = 256 << 20 };

typedef struct table_set {
    tn_table *table;
    prep_binding binding;
    int64_t *rows;
    int64_t n;
    int32_t *classes; /* of all rows, or */
    float *numbers;
    int width;   /* numbers that tell all of a row */
    float *told; /* of all rows; NULL: each is told when it is asked for */
    bool *good;  /* the others have a cell at fault */
} table_set;

static int64_t row_at(const table_set *s, int64_t index)
{
    return s->rows ? s->rows[index] : index;
}

static tn_status set_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const table_set *s = user;
    base_error e = {0};
    (void)key;
    if (s->told && s->good[index])
        prep_spread(s->binding.prep, s->told + index * s->width, sample->at[0]);
    else if (prep_apply(&s->binding, row_at(s, index), sample->at[0], &e) != TN_OK)
        return tn_sample_fail(sample, e.status, "%s", e.text);
    if (s->classes)
        *(int64_t *)sample->at[1] = s->classes[index];
    else if (s->numbers)
        *(float *)sample->at[1] = s->numbers[index];
    return TN_OK;
}

static int64_t set_label(void *user, int64_t index)
{
    const table_set *s = user;
    return s->classes[index];
}

static void set_release(void *user)
{
    table_set *s = user;
    tn_table_free(s->table);
    free(s->binding.columns);
    free(s->rows);
    free(s->classes);
    free(s->numbers);
    free(s->told);
    free(s->good);
    free(s);
}

/* Every target is looked at once, so that a wrong one is told before training. */
static tn_status read_targets(table_set *s, base_error *e)
{
    const bool classes = s->binding.prep->classes > 0;
    void *at = calloc((size_t)(s->n > 0 ? s->n : 1), sizeof(int32_t));
    s->classes = classes ? at : NULL;
    s->numbers = classes ? NULL : at;
    if (!at)
        return base_no_memory(e, "making a data set of a table");
    for (int64_t i = 0; i < s->n; i++) {
        int64_t y = 0;
        BASE_TRY(classes ? prep_class(&s->binding, row_at(s, i), &y, e)
                         : prep_number(&s->binding, row_at(s, i), &s->numbers[i], e));
        if (classes)
            s->classes[i] = (int32_t)y;
    }
    return TN_OK;
}

static void tell_piece(void *user, int64_t piece)
{
    table_set *s = user;
    const int64_t last = (piece + 1) * PIECE < s->n ? (piece + 1) * PIECE : s->n;
    for (int64_t i = piece * PIECE; i < last; i++)
        s->good[i] = prep_tell(&s->binding, row_at(s, i), s->told + i * s->width, NULL) == TN_OK;
}

static tn_status tell_rows(table_set *s, int threads, base_error *e)
{
    const int64_t bytes = (int64_t)sizeof *s->told * (s->width = prep_told_width(s->binding.prep));
    if (s->n == 0 || s->n > MOST_KEPT / bytes || s->table->map.data) /* which may be larger than memory */
        return TN_OK;
    s->told = malloc((size_t)(s->n * bytes));
    s->good = malloc((size_t)s->n * sizeof *s->good);
    if (!s->told || !s->good)
        return base_no_memory(e, "making a data set of a table");
    data_parallel(threads, (s->n + PIECE - 1) / PIECE, tell_piece, s);
    return TN_OK;
}

static tn_status fill_set(table_set *s, const tn_table *table, const table_prep *p, const int64_t *rows, int64_t count,
                          bool target, int threads, base_error *e)
{
    s->table = table_retain(table);
    s->n = rows ? count : table->rows;
    if (rows) {
        s->rows = malloc((size_t)(count > 0 ? count : 1) * sizeof *rows);
        if (!s->rows)
            return base_no_memory(e, "making a data set of a table");
        for (int64_t i = 0; i < count; i++) {
            if (rows[i] < 0 || rows[i] >= table->rows)
                return base_fail(e, TN_INVALID, "row %lld of a table with %lld rows", (long long)rows[i],
                                 (long long)table->rows);
            s->rows[i] = rows[i];
        }
    }
    BASE_TRY(prep_bind(p, table, &s->binding, e));
    if (target && s->binding.target < 0)
        return base_fail(e, TN_NOT_FOUND, "%.300s has no column \"%s\", which is the target", table_called(table),
                         BASE_SHOW(p->target));
    BASE_TRY(target ? read_targets(s, e) : TN_OK);
    return tell_rows(s, threads, e);
}

static tn_dataset *make_set(const tn_table *table, const tn_preparation *preparation, const table_prep *p,
                            const int64_t *rows, int64_t count, bool target, int threads, base_error *e)
{
    table_set *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "making a data set of a table");
        return NULL;
    }
    if (fill_set(s, table, p, rows, count, target, threads, e) != TN_OK) {
        set_release(s);
        return NULL;
    }
    const tn_field fields[] = {
        {.name = "x", .dtype = TN_F32, .rank = 1, .dims = {p->features}},
        {.name = "y", .dtype = p->classes ? TN_I64 : TN_F32, .rank = p->classes ? 0 : 1, .dims = {1}}};
    const tn_dataset_def def = {.count = s->n,
                                .fields = fields,
                                .n_fields = target ? 2 : 1,
                                .classes = target ? p->classes : 0,
                                .class_names = target && p->classes ? p->class_names : NULL,
                                .get = set_get,
                                .label = target && p->classes ? set_label : NULL,
                                .release = set_release,
                                .user = s,
                                .preparation = preparation};
    tn_dataset *d = data_new(&def, e);
    if (!d)
        set_release(s);
    return d;
}

tn_dataset *tn_dataset_table(tn_context *context, const tn_table *table, const tn_preparation *preparation,
                             const int64_t *rows, int64_t count)
{
    base_error own = {0}, *e = base_context_begin(context);
    const table_prep *p = data_preparation_self(preparation, &data_prepare_table);
    e = e ? e : &own;
    if (p && table)
        return make_set(table, preparation, p, rows, count, p->target != NULL, tn_context_threads(context), e);
    base_fail(e, TN_INVALID, "a data set of a table needs the table and its preparation");
    return NULL;
}

tn_dataset *prep_open_table(const tn_table *table, const tn_preparation *preparation, base_error *e)
{
    return make_set(table, preparation, data_preparation_self(preparation, &data_prepare_table), NULL, 0, false, 1, e);
}
