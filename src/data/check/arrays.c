/* arrays.c: arrays in .npy (also inside .npz), .safetensors and IDX files: entries along the first dim are samples, whole
 * numbers [n] or [n, 1] are classes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/check/check.h"
#include "data/idx.h"
#include "data/picture.h"
#include "format/npy.h"
#include "format/safetensors.h"

enum { MOST_LABEL = 1000 };

/* Element i of row-major data of any alignment; halves are given as NaN: nobody keeps data sets in them. */
static double element(const unsigned char *data, tn_dtype dtype, int64_t i)
{
#define AS(type)                                                                                                       \
    do {                                                                                                               \
        type v;                                                                                                        \
        memcpy(&v, data + (size_t)i * sizeof v, sizeof v);                                                             \
        return (double)v;                                                                                              \
    } while (0)
    switch (dtype) {
    case TN_F64: AS(double);
    case TN_F32: AS(float);
    case TN_I64: AS(int64_t);
    case TN_I32: AS(int32_t);
    case TN_I16: AS(int16_t);
    case TN_I8: AS(int8_t);
    case TN_U8:
    case TN_BOOL: AS(uint8_t);
    default: return NAN;
    }
#undef AS
}

static bool is_labels(const tn_view *v)
{
    return tn_dtype_is_int(v->dtype) && (v->rank == 1 || (v->rank == 2 && v->dims[1] == 1));
}

/* Are all of them class numbers? */
static bool all_small(const tn_view *v)
{
    for (int64_t i = 0; i < v->dims[0]; i++) {
        double k = element(v->data, v->dtype, i);
        if (k < 0 || k >= MOST_LABEL)
            return false;
    }
    return true;
}

static tn_status count_labels(data_check *c, const check_file *f, const tn_view *v)
{
    for (int64_t i = 0; i < v->dims[0]; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%d", (int)element(v->data, v->dtype, i));
        int k = check_class(c, name);
        if (k < 0)
            return base_no_memory(c->err, "checking data");
        c->classes.at[k].count[f->part]++;
    }
    return TN_OK;
}

static tn_status add_figures(data_check *c, const check_file *f, const char *name, const tn_view *v)
{
    base_str type = {0};
    check_moments m = {0};
    int64_t n = tn_view_count(v), missing = 0;
    for (int64_t i = 0; i < n; i++) {
        double value = element(v->data, v->dtype, i);
        if (isfinite(value))
            check_moments_add(&m, value);
        else
            missing++;
    }
    base_str_printf(&type, "%s [", tn_dtype_name(v->dtype));
    for (int i = 0; i < v->rank; i++)
        base_str_printf(&type, i ? ", %lld" : "%lld", (long long)v->dims[i]);
    base_str_add(&type, "]");
    tn_check_column column = {.path = f->where, .name = name, .count = m.n, .missing = missing, .distinct = -1};
    column.type = base_arena_strdup(&c->arena, base_str_text(&type));
    column.mean = m.n ? m.mean : NAN;
    column.std = check_moments_std(&m);
    column.min = m.n ? m.min : NAN;
    column.max = m.n ? m.max : NAN;
    base_str_free(&type);
    check_bins_begin(&column, m.n && (tn_dtype_is_int(v->dtype) || v->dtype == TN_BOOL));
    for (int64_t i = 0; column.n_bins && i < n; i++) {
        const double value = element(v->data, v->dtype, i);
        if (isfinite(value))
            check_bins_add(&column, value, 1);
    }
    return column.type ? check_add_column(c, &column) : base_no_memory(c->err, "checking data");
}

/* Entries that are pictures, [h, w], [1 or 3, h, w] or [h, w, 1 or 3], and large enough to tell apart. */
static bool are_pictures(const tn_view *v, int64_t *height, int64_t *width)
{
    enum { SMALLEST = 16 };
    const bool planes = v->rank == 4 && v->dims[1] <= 3;
    *height = v->rank >= 3 ? v->dims[planes ? 2 : 1] : 0;
    *width = v->rank >= 3 ? v->dims[planes ? 3 : 2] : 0;
    return *height >= SMALLEST && *width >= SMALLEST && (v->rank == 3 || (v->rank == 4 && (planes || v->dims[3] <= 3)));
}

/* One entry as it looks: its first channel, from the smallest value of the array to the largest as 0 to 255. */
static tn_status look_at(data_check *c, const tn_view *v, int64_t i, tn_picture *grey)
{
    const int64_t pixels = grey->width * grey->height, all = tn_view_count(v) / v->dims[0];
    const int64_t step = v->rank == 4 && v->dims[1] > 3 ? v->dims[3] : 1;
    const tn_check_column *column = &c->columns.at[c->columns.n - 1];
    const double low = column->min, range = column->max - column->min;
    for (int64_t k = 0; k < pixels; k++) {
        const double value = element(v->data, v->dtype, i * all + k * step);
        grey->pixels[k] = (uint8_t)(isfinite(value) && range > 0 ? 255 * (value - low) / range : 0);
    }
    return check_add_look(c, grey);
}

/* An array that is row-major. */
static tn_status add_array(data_check *c, const check_file *f, const char *name, const tn_view *v)
{
    BASE_TRY(add_figures(c, f, name, v));
    if (v->rank == 0 || tn_view_count(v) < 1)
        return TN_OK;
    if (is_labels(v) && all_small(v))
        return count_labels(c, f, v);
    size_t bytes = (size_t)(tn_view_count(v) / v->dims[0]) * tn_dtype_size(v->dtype);
    int64_t height, width;
    tn_picture *grey = are_pictures(v, &height, &width) ? data_picture_new(width, height, 1, c->err) : NULL;
    if (v->rank >= 3) {
        check_moments_add(&c->height, (double)height);
        check_moments_add(&c->width, (double)width);
    }
    tn_status status = TN_OK;
    for (int64_t i = 0; status == TN_OK && i < v->dims[0]; i++) {
        uint64_t hash = base_hash((const unsigned char *)v->data + (size_t)i * bytes, bytes, TN_SAMPLES_ENTRIES);
        status = check_add(c, f, TN_SAMPLES_ENTRIES, i, hash);
        if (status == TN_OK && grey)
            status = look_at(c, v, i, grey);
    }
    tn_picture_free(grey);
    return status;
}

static tn_status give_up(data_check *c, const check_file *f, const base_error *why)
{
    return why->status == TN_MEMORY ? base_no_memory(c->err, "checking data") : check_add_bad(c, f->where, why->text);
}

tn_status check_npy(data_check *c, const check_file *f)
{
    base_error why = {0};
    tn_view v;
    if (format_npy_borrow(f->data, f->bytes, f->where, &v, &why) != TN_OK)
        return give_up(c, f, &why);
    if (v.strided)
        return check_add_note(c, "%s is in Fortran order and was not looked into", f->where);
    return add_array(c, f, "values", &v);
}

tn_status check_safetensors(data_check *c, const check_file *f)
{
    base_error why = {0};
    format_safetensors *file;
    if (format_safetensors_borrow(f->data, f->bytes, f->where, &file, &why) != TN_OK)
        return give_up(c, f, &why);
    tn_status status = TN_OK;
    for (size_t i = 0; i < file->n && status == TN_OK; i++) {
        const format_tensor *t = &file->tensors[i];
        tn_view v = tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
        status = add_array(c, f, t->name, &v);
    }
    format_safetensors_free(file);
    return status;
}

tn_status check_idx(data_check *c, const check_file *f)
{
    base_error why = {0};
    data_idx x = {0};
    if (data_idx_parse(&x, f->data, f->bytes, f->where, 0, &why) != TN_OK)
        return give_up(c, f, &why);
    size_t bytes = x.row_bytes * (size_t)x.count;
    unsigned char *data = malloc(bytes + 1);
    tn_status status = data ? TN_OK : base_no_memory(c->err, "checking data");
    for (int64_t i = 0; data && i < x.count; i++)
        data_idx_row(&x, i, data + (size_t)i * x.row_bytes);
    tn_view v = tn_view_of(data, x.dtype, x.rank, x.dims);
    if (status == TN_OK)
        status = add_array(c, f, "values", &v);
    free(data);
    data_idx_close(&x);
    return status;
}
