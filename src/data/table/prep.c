/* prep.c: rows of a table become numbers, by what a preparation fitted; see prep.h. */
#include "data/table/prep.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "base/number.h"
#include "base/philox.h"
#include "base/special.h"
#include "base/text.h"

static const double tau = 6.283185307179586;

const char *tn_feature_name(tn_feature how)
{
    switch (how) {
#define TN_X(name, number, text)                                                                                       \
    case TN_FEATURE_##name: return text;
        TN_FEATURE_LIST(TN_X)
#undef TN_X
    default: return "?";
    }
}

bool prep_takes_words(tn_feature how)
{
    return how == TN_FEATURE_ONE_HOT || how == TN_FEATURE_CODES || how == TN_FEATURE_HASH;
}

/* ---- cells ------------------------------------------------------------------------------------------------------ */

prep_got prep_cell_number(const tn_table *t, int column, int64_t row, double *v)
{
    const tn_column *c = &t->columns[column];
    size_t length;
    const char *text;
    if (table_bit(c->missing, row))
        return PREP_MISSING;
    switch (c->type) {
    case TN_COLUMN_INTEGER: *v = (double)((const int64_t *)c->values)[row]; return PREP_GOT;
    case TN_COLUMN_BOOLEAN: *v = ((const uint8_t *)c->values)[row]; return PREP_GOT;
    case TN_COLUMN_NUMBER:
    case TN_COLUMN_TIME: *v = ((const double *)c->values)[row]; return isfinite(*v) ? PREP_GOT : PREP_MISSING;
    default:
        text = tn_table_text(t, column, row, &length);
        return table_parse_f64(text, length, v) && isfinite(*v) ? PREP_GOT : PREP_OTHER;
    }
}

prep_got prep_cell_text(const tn_table *t, int column, int64_t row, char buffer[PREP_TEXT], const char **text,
                        size_t *length)
{
    const tn_column *c = &t->columns[column];
    if (table_bit(c->missing, row))
        return PREP_MISSING;
    *text = buffer;
    switch (c->type) {
    case TN_COLUMN_INTEGER:
        (void)base_print(buffer, PREP_TEXT, "%lld", (long long)((const int64_t *)c->values)[row]);
        break;
    case TN_COLUMN_NUMBER: (void)base_format_f64(((const double *)c->values)[row], buffer); break;
    case TN_COLUMN_TIME: (void)table_format_time(((const double *)c->values)[row], buffer); break;
    case TN_COLUMN_BOOLEAN: *text = ((const uint8_t *)c->values)[row] ? "true" : "false"; break;
    default: *text = tn_table_text(t, column, row, length); return PREP_GOT;
    }
    *length = strlen(*text);
    return PREP_GOT;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static int by_bytes(const char *a, size_t n, const char *b, size_t m)
{
    int order = memcmp(a, b, n < m ? n : m);
    return order ? order : n < m ? -1 : n > m;
}

static int by_word(const void *a, const void *b)
{
    const prep_word *x = a, *y = b;
    return by_bytes(x->text, x->length, y->text, y->length);
}

int prep_find(const prep_word *sorted, int n, const char *text, size_t length)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2, order = by_bytes(sorted[middle].text, sorted[middle].length, text, length);
        if (order == 0)
            return sorted[middle].code;
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return n;
}

static tn_status sort_words(base_arena *a, const char *const *words, int n, prep_word **sorted, base_error *e)
{
    *sorted = BASE_ARRAY(a, prep_word, n + 1);
    if (!*sorted)
        return base_no_memory(e, "preparing a table");
    for (int i = 0; i < n; i++)
        (*sorted)[i] = (prep_word){words[i], strlen(words[i]), i};
    qsort(*sorted, (size_t)n, sizeof **sorted, by_word);
    for (int i = 1; i < n; i++)
        if (by_word(&(*sorted)[i - 1], &(*sorted)[i]) == 0)
            return base_fail(e, TN_FORMAT, "a table's preparation has \"%s\" twice among its words",
                             BASE_SHOW((*sorted)[i].text));
    return TN_OK;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static int width_of(const prep_column *c)
{
    switch (c->how) {
    case TN_FEATURE_ONE_HOT: return c->n_words + 1;
    case TN_FEATURE_HASH: return c->buckets + 1;
    case TN_FEATURE_DATE: return 7;
    case TN_FEATURE_DROP: return 0;
    default: return 1;
    }
}

tn_status prep_finish(table_prep *p, base_error *e)
{
    enum { MOST_FEATURES = 1 << 20 };
    int64_t at = 0;
    for (int k = 0; k < p->n_columns; k++) {
        prep_column *c = &p->columns[k];
        BASE_TRY(sort_words(&p->arena, c->words, c->n_words, &c->sorted, e));
        c->at = (int)at;
        c->width = width_of(c);
        at += c->width + c->indicator;
        if (at > MOST_FEATURES)
            return base_fail(e, TN_LIMIT, "a table's preparation gives more than %d numbers for a row", MOST_FEATURES);
    }
    if (at == 0)
        return base_fail(e, TN_INVALID,
                         "a table's preparation uses no column at all, so that a model would see nothing");
    p->features = (int)at;
    return sort_words(&p->arena, p->class_names, p->classes, &p->class_words, e);
}

tn_status prep_bind(const table_prep *p, const tn_table *t, prep_binding *b, base_error *e)
{
    *b = (prep_binding){p, t, calloc((size_t)p->n_columns + 1, sizeof *b->columns), -1};
    if (!b->columns)
        return base_no_memory(e, "preparing a table");
    for (int k = 0; k < p->n_columns; k++)
        if ((b->columns[k] = tn_table_find(t, p->columns[k].name)) < 0) {
            free(b->columns);
            b->columns = NULL;
            return base_fail(e, TN_NOT_FOUND, "%.300s has no column \"%s\", which the preparation was fitted on",
                             table_called(t), BASE_SHOW(p->columns[k].name));
        }
    b->target = p->target ? tn_table_find(t, p->target) : -1;
    return TN_OK;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* Where v would lie among the marks, 0 to 1: the middle of where it could, if marks are equal. */
static double rank_of(const prep_column *c, double v)
{
    int n = c->n_marks, low = 0, high;
    while (low < n && c->marks[low] < v)
        low++;
    high = low;
    while (high < n && c->marks[high] <= v)
        high++;
    if (high > low) /* equal to marks low .. high - 1 */
        return n > 1 ? (low + high - 1) / 2.0 / (n - 1) : 0.5;
    if (low == 0 || low == n)
        return low == 0 ? 0 : 1;
    double part = (v - c->marks[low - 1]) / (c->marks[low] - c->marks[low - 1]);
    return (low - 1 + part) / (n - 1);
}

double prep_quantile(const prep_column *c, double v)
{
    double z = 1.4142135623730951 * base_erfinv(2 * rank_of(c, v) - 1);
    return z < -3 ? -3 : z > 3 ? 3 : z;
}

static void put_date(const prep_column *c, double v, float *x)
{
    table_date d = table_date_of(v);
    double parts[] = {d.yearday / 365.25, d.weekday / 7.0, (d.hour * 3600 + d.minute * 60 + d.second) / 86400};
    x[0] = (float)((v - c->mean) / c->std);
    for (int i = 0; i < 3; i++) {
        x[1 + 2 * i] = (float)sin(tau * parts[i]);
        x[2 + 2 * i] = (float)cos(tau * parts[i]);
    }
}

static void put_number(const prep_column *c, double v, float *x)
{
    switch (c->how) {
    case TN_FEATURE_QUANTILE: x[0] = (float)prep_quantile(c, v); break;
    case TN_FEATURE_LOG: x[0] = (float)((copysign(log1p(fabs(v)), v) - c->mean) / c->std); break;
    case TN_FEATURE_AS_IS: x[0] = (float)v; break;
    case TN_FEATURE_DATE: put_date(c, v, x); break;
    default: x[0] = (float)((v - c->mean) / c->std);
    }
}

static int code_of(const prep_column *c, prep_got got, const char *text, size_t length)
{
    if (got != PREP_GOT)
        return c->fill_code;
    return c->how == TN_FEATURE_HASH ? (int)(base_mix(base_hash(text, length, 0)) % (uint64_t)c->buckets)
                                     : prep_find(c->sorted, c->n_words, text, length);
}

static tn_status fail_cell(const prep_binding *b, int k, int64_t row, base_error *e)
{
    char shown[PREP_TEXT] = "";
    size_t length;
    const char *text = tn_table_text(b->table, b->columns[k], row, &length);
    memcpy(shown, text, length < sizeof shown - 1 ? length : sizeof shown - 1);
    return base_fail(e, TN_FORMAT, "%.300s: row %lld: column \"%s\": \"%s\" is no number", table_called(b->table),
                     (long long)row + 1, BASE_SHOW(b->prep->columns[k].name), BASE_SHOW(shown));
}

/* How many numbers tell all that a column says of a row: of words the code. */
static int told_width(const prep_column *c)
{
    return c->width == 0 ? 0 : (prep_takes_words(c->how) ? 1 : c->width) + c->indicator;
}

int prep_told_width(const table_prep *p)
{
    int width = 0;
    for (int k = 0; k < p->n_columns; k++)
        width += told_width(&p->columns[k]);
    return width;
}

static tn_status tell_column(const prep_binding *b, int k, int64_t row, float *told, base_error *e)
{
    const prep_column *c = &b->prep->columns[k];
    prep_got got;
    if (prep_takes_words(c->how)) {
        char buffer[PREP_TEXT];
        const char *text = NULL;
        size_t length = 0;
        got = prep_cell_text(b->table, b->columns[k], row, buffer, &text, &length);
        told[0] = (float)code_of(c, got, text, length);
    } else {
        double v = c->fill;
        got = prep_cell_number(b->table, b->columns[k], row, &v);
        if (got == PREP_OTHER)
            return fail_cell(b, k, row, e);
        put_number(c, got == PREP_GOT ? v : c->fill, told);
    }
    if (c->indicator)
        told[told_width(c) - 1] = got == PREP_MISSING;
    return TN_OK;
}

static void spread_column(const prep_column *c, const float *told, float *x)
{
    if (c->how == TN_FEATURE_ONE_HOT || c->how == TN_FEATURE_HASH) {
        memset(x, 0, (size_t)c->width * sizeof *x);
        x[(int)told[0]] = 1;
    } else {
        for (int i = 0; i < c->width; i++)
            x[i] = told[i];
    }
    if (c->indicator)
        x[c->width] = told[told_width(c) - 1];
}

tn_status prep_tell(const prep_binding *b, int64_t row, float *told, base_error *e)
{
    for (int k = 0; k < b->prep->n_columns; k++)
        if (b->prep->columns[k].width > 0) {
            BASE_TRY(tell_column(b, k, row, told, e));
            told += told_width(&b->prep->columns[k]);
        }
    return TN_OK;
}

void prep_spread(const table_prep *p, const float *told, float *x)
{
    for (int k = 0; k < p->n_columns; k++)
        if (p->columns[k].width > 0) {
            spread_column(&p->columns[k], told, x + p->columns[k].at);
            told += told_width(&p->columns[k]);
        }
}

tn_status prep_apply(const prep_binding *b, int64_t row, float *x, base_error *e)
{
    enum { MOST_TOLD = 8 };
    for (int k = 0; k < b->prep->n_columns; k++) {
        const prep_column *c = &b->prep->columns[k];
        float told[MOST_TOLD];
        if (c->width == 0)
            continue;
        BASE_TRY(tell_column(b, k, row, told, e));
        spread_column(c, told, x + c->at);
    }
    return TN_OK;
}

/* ---- targets ---------------------------------------------------------------------------------------------------- */

tn_status prep_class(const prep_binding *b, int64_t row, int64_t *y, base_error *e)
{
    char buffer[PREP_TEXT], shown[PREP_TEXT] = "";
    const char *text = NULL, *target = b->prep->target;
    size_t length = 0;
    if (prep_cell_text(b->table, b->target, row, buffer, &text, &length) != PREP_GOT)
        return base_fail(e, TN_FORMAT, "%.300s: row %lld has no \"%s\", which is the target", table_called(b->table),
                         (long long)row + 1, BASE_SHOW(target));
    int code = prep_find(b->prep->class_words, b->prep->classes, text, length);
    *y = code;
    if (code < b->prep->classes)
        return TN_OK;
    memcpy(shown, text, length < sizeof shown - 1 ? length : sizeof shown - 1);
    return base_fail(e, TN_FORMAT, "%.300s: row %lld: \"%s\" is \"%s\", a class that no training row has",
                     table_called(b->table), (long long)row + 1, BASE_SHOW(target), BASE_SHOW(shown));
}

tn_status prep_number(const prep_binding *b, int64_t row, float *y, base_error *e)
{
    double v = 0;
    if (prep_cell_number(b->table, b->target, row, &v) != PREP_GOT)
        return base_fail(e, TN_FORMAT, "%.300s: row %lld: the target \"%s\" is missing, or no number",
                         table_called(b->table), (long long)row + 1, BASE_SHOW(b->prep->target));
    *y = (float)((v - b->prep->y_mean) / b->prep->y_std);
    return TN_OK;
}
