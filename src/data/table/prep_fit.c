/* prep_fit.c: what a preparation learns of the training rows of a table. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "data/table/prep.h"

enum { MARKS = 101, ONE_HOT_MOST = 100, CLASSES_MOST = 1000, BUCKETS = 64, WORDS_MOST = 1 << 20 };

typedef struct fitting {
    table_prep *prep;
    const tn_table *table;
    const int64_t *rows; /* NULL: all */
    int64_t n;
    double *values; /* room for n */
    base_error *e;
} fitting;

static int64_t row_at(const fitting *f, int64_t i)
{
    return f->rows ? f->rows[i] : i;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* Of v / unit. */
static void moments_in(const double *v, int64_t n, double unit, double *mean, double *std)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i] / unit;
    *mean = n ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        squares += (v[i] / unit - *mean) * (v[i] / unit - *mean);
    *std = n ? sqrt(squares / (double)n) : 0;
}

/* Sums and squares of very large numbers are no numbers any more: those are taken by the largest of them. */
static void moments(const double *v, int64_t n, double *mean, double *std)
{
    moments_in(v, n, 1, mean, std);
    if (!isfinite(*mean) || !isfinite(*std)) {
        double most = 0;
        for (int64_t i = 0; i < n; i++)
            most = fmax(most, fabs(v[i]));
        moments_in(v, n, most, mean, std);
        *mean *= most, *std *= most;
    }
    *std = *std > 0 ? *std : 1;
}

/* Of sorted values. */
static double at_part(const double *v, int64_t n, double part)
{
    double place = part * (double)(n - 1);
    int64_t i = (int64_t)place;
    return i + 1 < n ? v[i] + (place - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

static double most_frequent(const double *v, int64_t n)
{
    int64_t best = 0;
    double value = n ? v[0] : 0;
    for (int64_t i = 0, from = 0; i < n; i++) {
        if (v[i] != v[from])
            from = i;
        if (i - from + 1 > best) {
            best = i - from + 1;
            value = v[i];
        }
    }
    return value;
}

static tn_status take_numbers(const fitting *f, int column, const char *name, int64_t *n)
{
    *n = 0;
    for (int64_t i = 0; i < f->n; i++) {
        prep_got got = prep_cell_number(f->table, column, row_at(f, i), &f->values[*n]);
        if (got == PREP_OTHER)
            return base_fail(f->e, TN_FORMAT, "%.300s: row %lld: column \"%s\" does not hold a number there",
                             table_called(f->table), (long long)row_at(f, i) + 1, BASE_SHOW(name));
        *n += got == PREP_GOT;
    }
    return TN_OK;
}

static tn_status fit_numbers(const fitting *f, prep_column *c, int column, double constant)
{
    int64_t n;
    double mean, std;
    BASE_TRY(take_numbers(f, column, c->name, &n));
    moments(f->values, n, &mean, &std);
    qsort(f->values, (size_t)n, sizeof *f->values, by_value);
    c->fill = c->impute == TN_IMPUTE_CONSTANT      ? constant
              : c->impute == TN_IMPUTE_FREQUENT    ? most_frequent(f->values, n)
              : c->impute == TN_IMPUTE_MEDIAN && n ? at_part(f->values, n, 0.5)
                                                   : mean;
    c->mean = mean;
    c->std = std;
    if (c->how == TN_FEATURE_MIN_MAX) {
        c->mean = n ? f->values[0] : 0;
        c->std = n && f->values[n - 1] > f->values[0] ? f->values[n - 1] - f->values[0] : 1;
    } else if (c->how == TN_FEATURE_QUANTILE) {
        c->n_marks = n ? MARKS : 1;
        c->marks = BASE_ARRAY(&f->prep->arena, double, MARKS);
        if (!c->marks)
            return base_no_memory(f->e, "preparing a table");
        for (int i = 0; n && i < MARKS; i++)
            c->marks[i] = at_part(f->values, n, (double)i / (MARKS - 1));
    } else if (c->how == TN_FEATURE_LOG) {
        for (int64_t i = 0; i < n; i++)
            f->values[i] = copysign(log1p(fabs(f->values[i])), f->values[i]);
        moments(f->values, n, &c->mean, &c->std);
    }
    bool finite = isfinite(c->fill) && isfinite(c->mean) && isfinite(c->std);
    for (int i = 0; finite && c->marks && i < c->n_marks; i++)
        finite = isfinite(c->marks[i]);
    return finite ? TN_OK
                  : base_fail(f->e, TN_LIMIT, "the numbers of the column \"%s\" are too large to be brought to a scale",
                              BASE_SHOW(c->name));
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* The different texts of a column, numbers by value, others by their bytes; *often is the most frequent one (first of equals). */
static tn_status take_words(const fitting *f, int column, const char *name, const char ***out, int *count,
                            const char **often)
{
    table_words w = {0};
    base_vec(int64_t) counts = {0};
    char buffer[PREP_TEXT];
    tn_status status = TN_OK;
    for (int64_t i = 0; i < f->n && status == TN_OK; i++) {
        const char *text;
        size_t length;
        if (prep_cell_text(f->table, column, row_at(f, i), buffer, &text, &length) != PREP_GOT)
            continue;
        int32_t k = table_word(&w, text, length, WORDS_MOST);
        if (k == -2)
            status = base_fail(f->e, TN_LIMIT, "column \"%s\" has more than %d different values; hash them",
                               BASE_SHOW(name), WORDS_MOST);
        else if (k < 0 || ((size_t)k == counts.n && !base_vec_push(&counts, 0)))
            status = base_no_memory(f->e, "preparing a table");
        else
            counts.at[k]++;
    }
    *count = (int)w.ends.n;
    *out = status == TN_OK ? BASE_ARRAY(&f->prep->arena, const char *, w.ends.n + 1) : NULL;
    if (status == TN_OK && !*out)
        status = base_no_memory(f->e, "preparing a table");
    int64_t most = 0;
    for (size_t i = 0; i < w.ends.n && status == TN_OK; i++) {
        size_t length;
        const char *text = table_word_text(&w, i, &length);
        char *copy = base_arena_alloc(&f->prep->arena, length + 1);
        if (!copy) {
            status = base_no_memory(f->e, "preparing a table");
            break;
        }
        memcpy(copy, text, length);
        (*out)[i] = copy;
        if (counts.at[i] > most) {
            most = counts.at[i];
            *often = copy;
        }
    }
    if (status == TN_OK)
        qsort((void *)*out, (size_t)*count, sizeof **out, table_text_order);
    table_words_free(&w);
    base_vec_free(&counts);
    return status;
}

static tn_status fit_words(const fitting *f, prep_column *c, int column)
{
    const char *often = NULL;
    BASE_TRY(take_words(f, column, c->name, &c->words, &c->n_words, &often));
    int unknown = c->how == TN_FEATURE_HASH ? c->buckets : c->n_words;
    c->fill_code = unknown;
    for (int i = 0; c->impute == TN_IMPUTE_FREQUENT && c->how != TN_FEATURE_HASH && often && i < c->n_words; i++)
        if (strcmp(c->words[i], often) == 0)
            c->fill_code = i;
    if (c->how == TN_FEATURE_HASH)
        c->n_words = 0;
    return TN_OK;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static tn_feature usual(const tn_column *c)
{
    switch (c->type) {
    case TN_COLUMN_BOOLEAN: return TN_FEATURE_AS_IS;
    case TN_COLUMN_CATEGORY: return c->categories > ONE_HOT_MOST ? TN_FEATURE_HASH : TN_FEATURE_ONE_HOT;
    case TN_COLUMN_TIME: return TN_FEATURE_DATE;
    case TN_COLUMN_TEXT: return TN_FEATURE_DROP;
    default: return TN_FEATURE_STANDARDIZE;
    }
}

static tn_status check_column(const tn_prepare_column *o, const tn_table *t, base_error *e)
{
    if (!o->name || o->how < 0 || o->how > TN_FEATURE_DROP || o->impute < 0 || o->impute > TN_IMPUTE_CONSTANT ||
        o->buckets < 0 || o->buckets > 1 << 20 || !isfinite(o->constant))
        return base_fail(e, TN_INVALID,
                         "options of a table's preparation: a column has no name, or a value outside its range");
    if (tn_table_find(t, o->name) < 0)
        return base_fail(e, TN_NOT_FOUND, "the table has no column \"%s\", which should be prepared",
                         BASE_SHOW(o->name));
    return TN_OK;
}

static tn_status fit_column(const fitting *f, const tn_prepare_opt *opt, int k)
{
    const tn_column *from = &f->table->columns[k];
    const tn_prepare_column none = {.how = opt->named_only ? TN_FEATURE_DROP : TN_FEATURE_AUTO}, *o = &none;
    for (int i = 0; i < opt->n_columns; i++)
        if (strcmp(opt->columns[i].name, from->name) == 0)
            o = &opt->columns[i];
    tn_feature how = o->how == TN_FEATURE_AUTO ? usual(from) : o->how;
    if (how == TN_FEATURE_DROP || (opt->target && strcmp(opt->target, from->name) == 0))
        return TN_OK;
    prep_column *c = &f->prep->columns[f->prep->n_columns++];
    *c = (prep_column){.name = base_arena_strdup(&f->prep->arena, from->name),
                       .how = how,
                       .type = from->type,
                       .impute = o->impute,
                       .indicator = o->indicator,
                       .buckets = how != TN_FEATURE_HASH ? 0
                                  : o->buckets           ? o->buckets
                                                         : BUCKETS,
                       .std = 1};
    if (!c->name)
        return base_no_memory(f->e, "preparing a table");
    return prep_takes_words(how) ? fit_words(f, c, k) : fit_numbers(f, c, k, o->constant);
}

static tn_status fit_target(const fitting *f, const tn_prepare_opt *opt)
{
    table_prep *p = f->prep;
    int k = tn_table_find(f->table, opt->target), n;
    const char *often;
    int64_t count;
    if (k < 0)
        return base_fail(f->e, TN_NOT_FOUND, "the table has no column \"%s\", which should be the target",
                         BASE_SHOW(opt->target));
    p->target = base_arena_strdup(&p->arena, opt->target);
    if (!p->target)
        return base_no_memory(f->e, "preparing a table");
    bool number = opt->number || f->table->columns[k].type == TN_COLUMN_NUMBER;
    if (!number) {
        BASE_TRY(take_words(f, k, opt->target, &p->class_names, &n, &often));
        p->classes = n;
        number = n > CLASSES_MOST && f->table->columns[k].type == TN_COLUMN_INTEGER;
    }
    if (!number)
        return p->classes >= 2 ? TN_OK
                               : base_fail(f->e, TN_FORMAT,
                                           "the target \"%s\" has %d different value%s in the training rows; "
                                           "there must be two classes at least",
                                           BASE_SHOW(opt->target), p->classes, p->classes == 1 ? "" : "s");
    p->classes = 0;
    if (opt->raw_target)
        return TN_OK;
    BASE_TRY(take_numbers(f, k, opt->target, &count));
    moments(f->values, count, &p->y_mean, &p->y_std);
    if (fabs(p->y_mean) > FLT_MAX || p->y_std > FLT_MAX) /* what is predicted is f32 */
        return base_fail(f->e, TN_LIMIT, "the numbers of the target \"%s\" are too large for f32",
                         BASE_SHOW(opt->target));
    return TN_OK;
}

static tn_status fit(const fitting *f, const tn_prepare_opt *opt)
{
    table_prep *p = f->prep;
    for (int64_t i = 0; i < f->n && f->rows; i++)
        if (f->rows[i] < 0 || f->rows[i] >= f->table->rows)
            return base_fail(f->e, TN_INVALID, "row %lld of a table with %lld rows", (long long)f->rows[i],
                             (long long)f->table->rows);
    if (f->n < 1)
        return base_fail(f->e, TN_INVALID, "a preparation is fitted on one row at least");
    for (int i = 0; i < opt->n_columns; i++)
        BASE_TRY(check_column(&opt->columns[i], f->table, f->e));
    p->columns = BASE_ARRAY(&p->arena, prep_column, f->table->n_columns);
    p->y_std = 1;
    p->delimiter = f->table->delimiter;
    p->header = f->table->header;
    if (!p->columns || !f->values)
        return base_no_memory(f->e, "preparing a table");
    for (int k = 0; k < f->table->n_columns; k++)
        BASE_TRY(fit_column(f, opt, k));
    if (opt->target)
        BASE_TRY(fit_target(f, opt));
    return prep_finish(p, f->e);
}

tn_preparation *tn_table_prepare(tn_context *context, const tn_table *table, const int64_t *rows, int64_t count,
                                 const tn_prepare_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    table_prep *p = calloc(1, sizeof *p);
    e = e ? e : &own;
    if (!p) {
        base_no_memory(e, "preparing a table");
        return NULL;
    }
    int64_t n = rows ? count : table->rows;
    fitting f = {p, table, rows, n, malloc((size_t)(n > 0 ? n : 1) * sizeof(double)), e};
    tn_status status = fit(&f, opt ? opt : &(tn_prepare_opt){0});
    free(f.values);
    if (status == TN_OK)
        return data_preparation_new(&data_prepare_table, p, e);
    data_prepare_table.free(p);
    return NULL;
}
