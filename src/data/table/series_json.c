/* series_json.c: a preparation of series as model files hold it. Nothing that is parsed is believed. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/table/series.h"

static const char *const what = "a preparation of series";

static void write_names(format_json_out *w, const char *key, const char *const *names, int n)
{
    format_json_open_list(w, key);
    for (int i = 0; i < n; i++)
        format_json_put_string(w, NULL, names[i]);
    format_json_close(w);
}

static void write_numbers(format_json_out *w, const char *key, const double *v, int64_t n)
{
    format_json_open_list(w, key);
    for (int64_t i = 0; i < n; i++)
        format_json_put_f64(w, NULL, v[i]);
    format_json_close(w);
}

void series_write(const void *self, format_json_out *w)
{
    const series_prep *p = self;
    format_json_put_i64(w, "length", p->length);
    format_json_put_i64(w, "horizon", p->horizon);
    format_json_put_i64(w, "stride", p->stride);
    if (p->time)
        format_json_put_string(w, "time", p->time);
    if (p->id)
        format_json_put_string(w, "id", p->id);
    write_names(w, "columns", p->columns, p->n_columns);
    format_json_open_list(w, "targets");
    for (int i = 0; i < p->n_targets; i++)
        format_json_put_i64(w, NULL, p->targets[i]);
    format_json_close(w);
    format_json_put_bool(w, "calendar", p->calendar);
    format_json_put_bool(w, "difference", p->difference);
    format_json_put_bool(w, "channels_first", p->channels_first);
    format_json_put_i64(w, "delimiter", p->delimiter);
    format_json_put_bool(w, "header", p->header);
    write_names(w, "ids", p->ids, p->n_ids);
    write_numbers(w, "mean", p->mean, (int64_t)(1 + p->n_ids) * p->n_columns);
    write_numbers(w, "std", p->std, (int64_t)(1 + p->n_ids) * p->n_columns);
}

static tn_status read_names(series_prep *p, const format_json *o, const char *key, const char ***names, int *n,
                            base_error *e)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(o, what, key, &list, e));
    size_t count = format_json_count(list);
    *names = count < 1 << 24 ? BASE_ARRAY(&p->arena, const char *, count + 1) : NULL;
    for (size_t i = 0; *names && i < count; i++) {
        const char *text;
        BASE_TRY(format_json_as_string(format_json_at(list, i), what, &text, e));
        if (!((*names)[i] = base_arena_strdup(&p->arena, text)))
            return base_no_memory(e, "reading a preparation");
    }
    *n = (int)count;
    return *names ? TN_OK : base_no_memory(e, "reading a preparation");
}

static tn_status read_numbers(series_prep *p, const format_json *o, const char *key, bool positive, double **v,
                              base_error *e)
{
    const format_json *list;
    size_t n = (size_t)(1 + p->n_ids) * (size_t)p->n_columns;
    BASE_TRY(format_json_get_list(o, what, key, &list, e));
    if (format_json_count(list) != n)
        return base_fail(e, TN_FORMAT, "%s: '%s' has %zu numbers, %zu are due", what, key, format_json_count(list), n);
    *v = BASE_ARRAY(&p->arena, double, n);
    for (size_t i = 0; *v && i < n; i++) {
        BASE_TRY(format_json_as_f64(format_json_at(list, i), what, &(*v)[i], e));
        if (!isfinite((*v)[i]) || (positive && !((*v)[i] > 0)))
            return base_fail(e, TN_FORMAT, "%s: a number of '%s' is not finite%s", what, key,
                             positive ? ", or not above 0" : "");
    }
    return *v ? TN_OK : base_no_memory(e, "reading a preparation");
}

static tn_status read_name(series_prep *p, const format_json *o, const char *key, const char **out, base_error *e)
{
    const char *text;
    if (!format_json_find(o, key))
        return TN_OK;
    BASE_TRY(format_json_get_string(o, what, key, &text, e));
    *out = base_arena_strdup(&p->arena, text);
    return *out ? TN_OK : base_no_memory(e, "reading a preparation");
}

static tn_status read_targets(series_prep *p, const format_json *o, base_error *e)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(o, what, "targets", &list, e));
    size_t n = format_json_count(list);
    p->targets = BASE_ARRAY(&p->arena, int, n + 1);
    if (!p->targets)
        return base_no_memory(e, "reading a preparation");
    if (n < 1 || n > 1 << 20)
        return base_fail(e, TN_FORMAT, "%s has %zu targets", what, n);
    p->n_targets = (int)n;
    for (size_t i = 0; i < n; i++) {
        int64_t k;
        BASE_TRY(format_json_as_i64(format_json_at(list, i), what, 0, p->n_columns - 1, &k, e));
        p->targets[i] = (int)k;
    }
    return TN_OK;
}

tn_status series_parse(const format_json *o, void *self, base_error *e)
{
    series_prep *p = self;
    int64_t delimiter;
    BASE_TRY(format_json_get_i64(o, what, "length", 1, 1 << 20, &p->length, e));
    BASE_TRY(format_json_get_i64(o, what, "horizon", 1, 1 << 20, &p->horizon, e));
    BASE_TRY(format_json_get_i64(o, what, "stride", 1, INT64_MAX / 4, &p->stride, e));
    BASE_TRY(format_json_get_i64(o, what, "delimiter", 0, 126, &delimiter, e));
    p->delimiter = (char)delimiter;
    BASE_TRY(format_json_get_bool(o, what, "header", &p->header, e));
    BASE_TRY(format_json_get_bool(o, what, "calendar", &p->calendar, e));
    BASE_TRY(format_json_get_bool(o, what, "difference", &p->difference, e));
    BASE_TRY(format_json_get_bool(o, what, "channels_first", &p->channels_first, e));
    BASE_TRY(read_name(p, o, "time", &p->time, e));
    BASE_TRY(read_name(p, o, "id", &p->id, e));
    BASE_TRY(read_names(p, o, "columns", &p->columns, &p->n_columns, e));
    if (p->n_columns == 0)
        return base_fail(e, TN_FORMAT, "%s has no columns", what);
    BASE_TRY(read_targets(p, o, e));
    BASE_TRY(read_names(p, o, "ids", &p->ids, &p->n_ids, e));
    BASE_TRY(read_numbers(p, o, "mean", false, &p->mean, e));
    BASE_TRY(read_numbers(p, o, "std", true, &p->std, e));
    return series_check(p, e);
}
