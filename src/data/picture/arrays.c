/* arrays.c: data sets from arrays in .npy, .npz and .safetensors files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/picture/arrays.h"
#include "format/npy.h"
#include "format/safetensors.h"

#include <tarn/picture.h>

enum { MOST_CLASSES = 1 << 24 };

typedef struct array {
    tn_view view;
    data_buffer buffer; /* of an .npz */
    format_npy npy;
    bool open;
} array;

typedef struct arrays {
    array x, y;
    format_safetensors *tensors;
    tn_field field;
    size_t x_bytes, y_bytes; /* of one sample */
    bool interleaved;        /* [h, w, channels] becomes planes */
    bool classes;
    bool has_y;
    char *x_file, *y_file; /* for sentences */
} arrays;

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void array_close(array *a)
{
    if (a->open)
        format_npy_close(&a->npy);
    data_buffer_free(&a->buffer);
}

static tn_status known_arrays(const data_files *f, const char *path, const char *name, base_error *e)
{
    base_str known = {0};
    for (int64_t i = 0; i < data_files_count(f) && known.length < 300; i++)
        base_str_printf(&known, "%s%s", i ? ", " : "", data_files_name(f, i));
    base_fail(e, TN_NOT_FOUND, "%s has no array \"%s\"; it has %s", path, BASE_SHOW(name), base_str_text(&known));
    base_str_free(&known);
    return TN_NOT_FOUND;
}

static tn_status open_npz(array *a, const char *path, const char *name, base_error *e)
{
    base_str member = {0}, where = {0};
    data_files *f = data_files_open(path, NULL, e);
    base_str_printf(&member, "%s.npy", name);
    int64_t i = f ? data_files_find(f, base_str_text(&member)) : -1;
    tn_status status = !f ? (e && e->status ? e->status : TN_IO) : i < 0 ? known_arrays(f, path, name, e) : TN_OK;
    if (status == TN_OK) {
        data_files_where(f, i, &where);
        status = data_files_read(f, i, &a->buffer, e);
    }
    if (status == TN_OK)
        status = format_npy_borrow(a->buffer.data, a->buffer.bytes, base_str_text(&where), &a->view, e);
    base_str_free(&member);
    base_str_free(&where);
    data_files_close(f);
    return status;
}

static tn_status open_npy(array *a, const char *path, base_error *e)
{
    BASE_TRY(format_npy_open(path, &a->npy, e));
    a->open = true;
    a->view = a->npy.view;
    return TN_OK;
}

static tn_status find_tensor(arrays *s, array *a, const char *path, const char *name, base_error *e)
{
    const format_tensor *t = format_safetensors_find(s->tensors, name);
    if (!t) {
        base_str known = {0};
        for (size_t i = 0; i < s->tensors->n && known.length < 300; i++)
            base_str_printf(&known, "%s%s", i ? ", " : "", BASE_SHOW(s->tensors->tensors[i].name));
        base_fail(e, TN_NOT_FOUND, "%s has no array \"%s\"; it has %s", path, BASE_SHOW(name),
                  known.length ? base_str_text(&known) : "none");
        base_str_free(&known);
        return TN_NOT_FOUND;
    }
    a->view = tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
    a->view.bytes = t->bytes;
    return TN_OK;
}

static tn_status open_one(arrays *s, array *a, const char *path, const char *name, bool is_y, base_error *e)
{
    if (base_ends_with(path, ".safetensors")) {
        if (!s->tensors)
            BASE_TRY(format_safetensors_open(path, &s->tensors, e));
        return name ? find_tensor(s, a, path, name, e)
                    : base_fail(e, TN_INVALID, "%s holds several arrays: say which one is x", path);
    }
    if (base_ends_with(path, ".npy"))
        return open_npy(a, is_y ? name : path, e);
    if (name)
        return open_npz(a, path, name, e);
    data_files *f = data_files_open(path, NULL, e); /* what cannot be read is told first */
    if (!f)
        return e && e->status ? e->status : TN_IO;
    data_files_close(f);
    return base_fail(e, TN_INVALID, "%s holds several arrays: say which one is x", path);
}

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

static tn_status check_array(const array *a, const char *path, const char *what, base_error *e)
{
    if (a->view.strided)
        return base_fail(e, TN_UNSUPPORTED,
                         "%s: the array %s is in Fortran order; save it with numpy.ascontiguousarray", path, what);
    if (a->view.rank < 1 || tn_view_count(&a->view) < 1)
        return base_fail(e, TN_SHAPE, "%s: the array %s has no samples", path, what);
    return TN_OK;
}

static tn_status describe_x(arrays *s, const char *path, base_error *e)
{
    const tn_view *v = &s->x.view;
    tn_field *f = &s->field;
    BASE_TRY(check_array(&s->x, path, "x", e));
    *f = (tn_field){.name = "x", .dtype = v->dtype};
    if (v->dtype == TN_U8 && v->rank == 3)
        f->dims[f->rank++] = 1;
    for (int i = 1; i < v->rank; i++)
        f->dims[f->rank++] = v->dims[i];
    int64_t last = f->dims[2];
    s->interleaved =
        v->dtype == TN_U8 && v->rank == 4 && (last == 1 || last == 3) && f->dims[0] != 1 && f->dims[0] != 3;
    if (s->interleaved) {
        f->dims[2] = f->dims[1];
        f->dims[1] = f->dims[0];
        f->dims[0] = last;
    }
    s->x_bytes = (size_t)(tn_view_count(v) / v->dims[0]) * tn_dtype_size(v->dtype);
    return TN_OK;
}

static int64_t whole_number(tn_dtype dtype, const void *at)
{
    union {
        uint8_t u8;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } v = {0};
    memcpy(&v, at, tn_dtype_size(dtype));
    switch (dtype) {
    case TN_I8: return v.i8;
    case TN_I16: return v.i16;
    case TN_I32: return v.i32;
    case TN_I64: return v.i64;
    default: return v.u8;
    }
}

static int64_t entry(const arrays *s, int64_t index)
{
    return whole_number(s->y.view.dtype, (const char *)s->y.view.data + (size_t)index * s->y_bytes);
}

/* Beside a .npy file `name` is the path of another. */
static const char *file_of(const char *path, const char *name)
{
    return base_ends_with(path, ".npy") ? name : path;
}

static tn_status describe_y(arrays *s, const char *path, const char *name, const tn_arrays_opt *opt, tn_field *field,
                            int *classes, base_error *e)
{
    const tn_view *v = &s->y.view;
    const char *x_path = path;
    path = file_of(path, name);
    const char *what = path == name ? "y" : name;
    BASE_TRY(check_array(&s->y, path, what, e));
    if (v->dims[0] != s->x.view.dims[0])
        return base_fail(e, TN_SHAPE, "%s: x has %lld samples, y (%s) has %lld", x_path, (long long)s->x.view.dims[0],
                         BASE_SHOW(name), (long long)v->dims[0]);
    int64_t each = tn_view_count(v) / v->dims[0];
    s->has_y = true;
    s->y_bytes = (size_t)each * tn_dtype_size(v->dtype);
    s->classes = each == 1 && tn_dtype_is_int(v->dtype);
    *field = (tn_field){.name = "y", .dtype = s->classes ? TN_I64 : v->dtype};
    for (int i = 1; !s->classes && i < v->rank; i++)
        field->dims[field->rank++] = v->dims[i];
    int64_t limit = opt->classes > 0 ? opt->classes : MOST_CLASSES, most = -1;
    for (int64_t i = 0; s->classes && i < v->dims[0]; i++) {
        int64_t label = entry(s, i);
        if (label < 0 || label >= limit)
            return base_fail(e, TN_FORMAT, "%s: label %lld of sample %lld of the array %s lies outside 0 to %lld", path,
                             (long long)label, (long long)i, BASE_SHOW(what), (long long)limit - 1);
        most = label > most ? label : most;
    }
    *classes = !s->classes ? 0 : opt->classes > 0 ? opt->classes : (int)most + 1;
    return TN_OK;
}

/* ---- the data set ---------------------------------------------------------------------------------------------- */

static bool is_finite(const void *data, tn_dtype dtype, size_t bytes)
{
    bool finite = true;
    for (size_t i = 0; dtype == TN_F32 && i < bytes / sizeof(float); i++)
        finite &= isfinite(((const float *)data)[i]) != 0;
    for (size_t i = 0; dtype == TN_F64 && i < bytes / sizeof(double); i++)
        finite &= isfinite(((const double *)data)[i]) != 0;
    return finite;
}

/* A NaN would end a run anyway, but say neither whose it is nor leave the sample out. */
static tn_status check_sample(const arrays *s, const tn_sample *sample, int64_t index)
{
    const tn_dtype of_x = s->x.view.dtype, of_y = s->has_y && !s->classes ? s->y.view.dtype : TN_NONE;
    const bool x = is_finite(sample->at[0], of_x, s->x_bytes);
    if (x && (of_y == TN_NONE || is_finite(sample->at[1], of_y, s->y_bytes)))
        return TN_OK;
    return base_fail(sample->inside, TN_FORMAT, "%s: sample %lld of the array %s holds a NaN or an infinity",
                     x ? s->y_file : s->x_file, (long long)index, x ? "y" : "x");
}

static tn_status arrays_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const arrays *s = user;
    const uint8_t *from = (const uint8_t *)s->x.view.data + (size_t)index * s->x_bytes;
    uint8_t *to = sample->at[0];
    (void)key;
    if (s->interleaved) {
        size_t channels = (size_t)s->field.dims[0], n = s->x_bytes / channels;
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < n; i++)
                *to++ = from[i * channels + c];
    } else {
        memcpy(to, from, s->x_bytes);
    }
    int64_t label = s->classes ? entry(s, index) : 0;
    if (s->classes)
        memcpy(sample->at[1], &label, sizeof label);
    else if (s->has_y)
        memcpy(sample->at[1], (const char *)s->y.view.data + (size_t)index * s->y_bytes, s->y_bytes);
    return check_sample(s, sample, index);
}

static int64_t arrays_label(void *user, int64_t index)
{
    return entry(user, index);
}

static void arrays_release(void *user)
{
    arrays *s = user;
    array_close(&s->x);
    array_close(&s->y);
    format_safetensors_free(s->tensors);
    free(s->x_file);
    free(s->y_file);
    free(s);
}

static tn_dataset *make(arrays *s, const char *path, const char *x, const char *y, const tn_arrays_opt *opt,
                        base_error *e)
{
    tn_field fields[2];
    tn_dataset_def def = {
        .fields = fields, .n_fields = y ? 2 : 1, .get = arrays_get, .release = arrays_release, .user = s};
    if (open_one(s, &s->x, path, x, false, e) != TN_OK || describe_x(s, path, e) != TN_OK)
        return NULL;
    if (y && (open_one(s, &s->y, path, y, true, e) != TN_OK ||
              describe_y(s, path, y, opt, &fields[1], &def.classes, e) != TN_OK))
        return NULL;
    s->x_file = strdup(path);
    s->y_file = y ? strdup(file_of(path, y)) : NULL;
    if (!s->x_file || (y && !s->y_file)) {
        base_no_memory(e, "opening arrays");
        return NULL;
    }
    fields[0] = s->field;
    def.count = s->x.view.dims[0];
    def.class_names = opt->classes > 0 && def.classes > 0 ? opt->class_names : NULL;
    def.label = def.classes > 0 ? arrays_label : NULL;
    return data_new(&def, e);
}

tn_dataset *tn_dataset_arrays(tn_context *context, const char *path, const char *x, const char *y,
                              const tn_arrays_opt *opt)
{
    base_error *e = base_context_begin(context);
    opt = opt ? opt : &(tn_arrays_opt){0};
    if (!path || opt->classes < 0 || opt->classes > MOST_CLASSES) {
        base_fail(e, TN_INVALID, "arrays need a path, and 0 to %d classes", MOST_CLASSES);
        return NULL;
    }
    arrays *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "opening arrays");
        return NULL;
    }
    tn_dataset *d = make(s, path, x, y, opt, e);
    if (!d)
        arrays_release(s);
    return d;
}

/* The array as whole numbers or, into `floats`, as any. */
static tn_status read_entries(const array *a, const char *path, const char *name, int64_t count, int64_t *ints,
                              double *floats, base_error *e)
{
    const tn_view *v = &a->view;
    const size_t size = tn_dtype_size(v->dtype);
    const bool whole = tn_dtype_is_int(v->dtype) || v->dtype == TN_BOOL;
    path = file_of(path, name);
    BASE_TRY(check_array(a, path, name, e));
    if (tn_view_count(v) != count)
        return base_fail(e, TN_SHAPE, "%s: the array \"%s\" has %lld entries for %lld samples", path, BASE_SHOW(name),
                         (long long)tn_view_count(v), (long long)count);
    if (!whole && (ints || (v->dtype != TN_F32 && v->dtype != TN_F64)))
        return base_fail(e, TN_DTYPE, "%s: the array \"%s\" is %s; %s", path, BASE_SHOW(name), tn_dtype_name(v->dtype),
                         ints ? "groups are whole numbers" : "times are numbers");
    for (int64_t i = 0; i < count; i++) {
        const char *at = (const char *)v->data + (size_t)i * size;
        float f;
        if (whole && ints)
            ints[i] = whole_number(v->dtype, at);
        else if (whole)
            floats[i] = (double)whole_number(v->dtype, at);
        else if (v->dtype == TN_F64)
            memcpy(&floats[i], at, sizeof *floats);
        else
            memcpy(&f, at, sizeof f), floats[i] = (double)f;
    }
    return TN_OK;
}

tn_status data_arrays_numbers(const char *path, const char *name, int64_t count, int64_t *ints, double *floats,
                              base_error *e)
{
    arrays s = {0};
    tn_status status = open_one(&s, &s.y, path, name, true, e);
    if (status == TN_OK)
        status = read_entries(&s.y, path, name, count, ints, floats, e);
    array_close(&s.y);
    format_safetensors_free(s.tensors);
    return status;
}
