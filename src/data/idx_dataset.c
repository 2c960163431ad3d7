/* idx_dataset.c: data sets from IDX files, and MNIST's four files in a folder. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "data/dataset.h"
#include "data/idx.h"

enum { MOST_CLASSES = 1 << 24 };

typedef struct idx_set {
    data_idx x, y;
    bool has_y;
    bool classes; /* y holds class numbers */
} idx_set;

/* The integer of an entry of y. */
static int64_t entry(const data_idx *y, int64_t index)
{
    union {
        uint8_t u8;
        int8_t i8;
        int16_t i16;
        int32_t i32;
    } v;
    data_idx_row(y, index, &v);
    switch (y->dtype) {
    case TN_U8: return v.u8;
    case TN_I8: return v.i8;
    case TN_I16: return v.i16;
    default: return v.i32;
    }
}

static tn_status idx_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const idx_set *s = user;
    (void)key;
    data_idx_row(&s->x, index, sample->at[0]);
    if (s->classes) {
        int64_t label = entry(&s->y, index);
        memcpy(sample->at[1], &label, sizeof label);
    } else if (s->has_y) {
        data_idx_row(&s->y, index, sample->at[1]);
    }
    return TN_OK;
}

static int64_t idx_label(void *user, int64_t index)
{
    const idx_set *s = user;
    return entry(&s->y, index);
}

static void idx_release(void *user)
{
    idx_set *s = user;
    data_idx_close(&s->x);
    data_idx_close(&s->y);
    free(s);
}

/* Where entry `index` stands in the (unpacked) file. */
static long long offset_of(const data_idx *y, int64_t index)
{
    return (long long)(4 + 4 * y->rank) + (long long)index * (long long)y->row_bytes;
}

/* Every label is looked at once, so that a wrong one is told before training starts. */
static tn_status count_classes(const data_idx *y, const char *path, const tn_idx_opt *opt, int *classes, base_error *e)
{
    int64_t limit = opt->classes > 0 ? opt->classes : MOST_CLASSES, most = -1;
    for (int64_t i = 0; i < y->count; i++) {
        int64_t label = entry(y, i);
        if (label < 0 || label >= limit)
            return base_fail(e, TN_FORMAT, "%s: offset %lld: label %lld of entry %lld lies outside 0 to %lld", path,
                             offset_of(y, i), (long long)label, (long long)i, (long long)limit - 1);
        most = label > most ? label : most;
    }
    *classes = opt->classes > 0 ? opt->classes : (int)most + 1;
    return TN_OK;
}

static tn_field field_of(const data_idx *x, const char *name)
{
    tn_field f = {.name = name, .dtype = x->dtype};
    if (x->rank == 3)
        f.dims[f.rank++] = 1;
    for (int i = 1; i < x->rank; i++)
        f.dims[f.rank++] = x->dims[i];
    return f;
}

static tn_status open_both(idx_set *s, const char *images, const char *labels, const tn_idx_opt *opt, base_error *e)
{
    BASE_TRY(data_idx_open(&s->x, images, opt->map, opt->memory_limit, e));
    if (!labels)
        return TN_OK;
    BASE_TRY(data_idx_open(&s->y, labels, opt->map, opt->memory_limit, e));
    s->has_y = true;
    s->classes = s->y.rank == 1 && tn_dtype_is_int(s->y.dtype);
    if (s->x.count != s->y.count)
        return base_fail(e, TN_FORMAT, "%s has %lld entries, %s has %lld: these files do not belong together", images,
                         (long long)s->x.count, labels, (long long)s->y.count);
    return TN_OK;
}

static tn_dataset *make(idx_set *s, const char *images, const char *labels, const tn_idx_opt *opt, base_error *e)
{
    if (open_both(s, images, labels, opt, e) != TN_OK)
        return NULL;
    tn_field fields[2] = {field_of(&s->x, "x")};
    if (s->classes)
        fields[1] = (tn_field){.name = "y", .dtype = TN_I64};
    else if (s->has_y)
        fields[1] = field_of(&s->y, "y");
    tn_dataset_def def = {.count = s->x.count,
                          .fields = fields,
                          .n_fields = s->has_y ? 2 : 1,
                          .get = idx_get,
                          .release = idx_release,
                          .user = s};
    if (s->classes) {
        if (count_classes(&s->y, labels, opt, &def.classes, e) != TN_OK)
            return NULL;
        def.class_names = opt->classes > 0 ? opt->class_names : NULL;
        def.label = idx_label;
    }
    tn_dataset *d = data_new(&def, e);
    if (!d && e && e->status != TN_MEMORY)
        base_prefix(e, "%s: ", images);
    return d;
}

static tn_dataset *open_set(const char *images, const char *labels, const tn_idx_opt *opt, base_error *e)
{
    if (opt->classes < 0 || opt->classes > MOST_CLASSES) {
        base_fail(e, TN_INVALID, "a data set has 0 to %d classes, not %d", MOST_CLASSES, opt->classes);
        return NULL;
    }
    idx_set *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "opening IDX files");
        return NULL;
    }
    tn_dataset *d = make(s, images, labels, opt, e);
    if (!d)
        idx_release(s);
    return d;
}

tn_dataset *tn_dataset_idx(tn_context *context, const char *images, const char *labels, const tn_idx_opt *opt)
{
    base_error *e = base_context_begin(context);
    if (images)
        return open_set(images, labels, opt ? opt : &(tn_idx_opt){0}, e);
    base_fail(e, TN_INVALID, "an IDX data set needs the path of a file");
    return NULL;
}

/* The path of `name` in the folder, plain or packed. */
static tn_status find_file(base_str *path, const char *folder, const char *name, base_error *e)
{
    static const char *const endings[] = {"", ".gz", NULL};
    for (int i = 0; endings[i]; i++) {
        base_str_free(path);
        base_str_printf(path, "%s/%s%s", folder, name, endings[i]);
        if (path->failed)
            return base_no_memory(e, "looking for a file");
        if (base_file_exists(path->text))
            return TN_OK;
    }
    if (!base_is_folder(folder))
        return base_fail(e, TN_NOT_FOUND, "there is no folder %s; it should hold MNIST's files, such as %s.gz", folder,
                         name);
    return base_fail(e, TN_NOT_FOUND, "the folder %s holds neither %s nor %s.gz", folder, name, name);
}

tn_dataset *tn_dataset_mnist(tn_context *context, const char *folder, bool train, const tn_idx_opt *opt)
{
    base_error *e = base_context_begin(context);
    base_str images = {0}, labels = {0};
    tn_dataset *d = NULL;
    tn_idx_opt ten = opt ? *opt : (tn_idx_opt){0};
    if (ten.classes == 0) {
        ten.classes = 10;
        ten.class_names = NULL;
    }
    if (!folder) {
        base_fail(e, TN_INVALID, "MNIST's files need the path of their folder (in a recipe: data.folder)");
        return NULL;
    }
    if (find_file(&images, folder, train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte", e) == TN_OK &&
        find_file(&labels, folder, train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte", e) == TN_OK)
        d = open_set(images.text, labels.text, &ten, e);
    base_str_free(&images);
    base_str_free(&labels);
    return d;
}
