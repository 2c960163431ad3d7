/* dataset.c: see dataset.h and <tarn/data.h>. */
#include "data/dataset.h"
#include "data/prepare.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "op/scheme/op.h"

enum { MOST_CLASSES = 1 << 24, ALIGN = 64 };

tn_status tn_sample_fail(const tn_sample *sample, tn_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)base_vfail(sample->inside, status, fmt, args);
    va_end(args);
    return status;
}

static tn_status check_field(const tn_dataset_def *def, int f, size_t *bytes, base_error *e)
{
    const tn_field *field = &def->fields[f];
    if (!field->name || !field->name[0])
        return base_fail(e, TN_INVALID, "field %d of a data set has no name", f);
    for (int i = 0; i < f; i++)
        if (strcmp(def->fields[i].name, field->name) == 0)
            return base_fail(e, TN_INVALID, "two fields of a data set are named \"%.100s\"", field->name);
    size_t n = tn_dtype_size(field->dtype);
    if (n == 0)
        return base_fail(e, TN_DTYPE, "field \"%.100s\" of a data set has no dtype", field->name);
    if (field->rank < 0 || field->rank >= TN_MAX_RANK)
        return base_fail(e, TN_SHAPE, "field \"%.100s\" has %d dimensions; 0 to %d are possible, as a batch adds one",
                         field->name, field->rank, TN_MAX_RANK - 1);
    for (int i = 0; i < field->rank; i++) {
        if (field->dims[i] <= 0)
            return base_fail(e, TN_SHAPE, "dimension %d of field \"%.100s\" is %lld; it must be positive", i,
                             field->name, (long long)field->dims[i]);
        if (__builtin_mul_overflow(n, (size_t)field->dims[i], &n) || n > SIZE_MAX / 4)
            return base_fail(e, TN_SHAPE, "a sample of field \"%.100s\" would be larger than memory can be",
                             field->name);
    }
    *bytes = n;
    if (field->varies && field->rank == 0)
        return base_fail(e, TN_SHAPE, "field \"%.100s\" has no dimension that could vary", field->name);
    return TN_OK;
}

/* A class, one for each place, a probability for each class, or boxes with their classes. */
static bool holds_classes(const tn_field *y, int classes)
{
    return y && ((y->dtype == TN_I64 && y->rank <= 1) ||
                 (y->dtype == TN_F32 && y->rank == 1 && y->dims[0] == classes && !y->varies) ||
                 (y->dtype == TN_F32 && y->rank == 2 && y->dims[1] == 5));
}

static tn_status check_classes(const tn_dataset_def *def, const tn_field *y, base_error *e)
{
    if (def->classes < 0 || def->classes > MOST_CLASSES)
        return base_fail(e, TN_INVALID, "a data set has 0 to %d classes, not %d", MOST_CLASSES, def->classes);
    if (def->classes > 0 && !holds_classes(y, def->classes))
        return base_fail(e, TN_INVALID,
                         "a data set with classes needs a field \"y\" of dtype i64 and rank 0 (or 1: a class for each "
                         "place), f32 [classes], or boxes, f32 [most, 5]");
    for (int c = 0; def->class_names && c < def->classes; c++)
        if (!def->class_names[c])
            return base_fail(e, TN_INVALID, "class %d of a data set has no name", c);
    return TN_OK;
}

static tn_status check_def(const tn_dataset_def *def, size_t *bytes, int *y, base_error *e)
{
    *y = -1;
    if (!def || !def->get)
        return base_fail(e, TN_INVALID, "a data set needs a function `get`");
    if (def->count < 0)
        return base_fail(e, TN_INVALID, "a data set cannot have %lld samples", (long long)def->count);
    if (def->n_fields < 1 || def->n_fields > TN_MAX_FIELDS || !def->fields)
        return base_fail(e, TN_INVALID, "a data set has 1 to %d fields, not %d", TN_MAX_FIELDS, def->n_fields);
    for (int f = 0; f < def->n_fields; f++) {
        BASE_TRY(check_field(def, f, &bytes[f], e));
        if (strcmp(def->fields[f].name, "y") == 0)
            *y = f;
    }
    return check_classes(def, *y < 0 ? NULL : &def->fields[*y], e);
}

/* Everything the definition points to moves into the arena. False when memory is out. */
static bool copy_names(tn_dataset *d, const tn_dataset_def *def)
{
    tn_field *fields = base_arena_copy(&d->arena, def->fields, sizeof *fields * (size_t)def->n_fields);
    const char **names = BASE_ARRAY(&d->arena, const char *, def->classes);
    if (!fields || !names)
        return false;
    for (int f = 0; f < def->n_fields; f++)
        if (!(fields[f].name = base_arena_strdup(&d->arena, def->fields[f].name)))
            return false;
    for (int c = 0; c < def->classes; c++) {
        names[c] = def->class_names ? base_arena_strdup(&d->arena, def->class_names[c])
                                    : base_arena_printf(&d->arena, "%d", c);
        if (!names[c])
            return false;
    }
    d->def.fields = fields;
    d->def.class_names = names;
    return true;
}

tn_dataset *data_new(const tn_dataset_def *def, base_error *e)
{
    size_t bytes[TN_MAX_FIELDS] = {0};
    int y;
    if (check_def(def, bytes, &y, e) != TN_OK)
        return NULL;
    tn_dataset *d = calloc(1, sizeof *d);
    if (!d) {
        base_no_memory(e, "making a data set");
        return NULL;
    }
    atomic_init(&d->references, 1);
    d->def = *def;
    d->y = y;
    memcpy(d->bytes, bytes, sizeof bytes);
    d->def.preparation = data_preparation_retain(def->preparation);
    if (!copy_names(d, def) || pthread_mutex_init(&d->serial, NULL) != 0) {
        base_no_memory(e, "making a data set");
        tn_preparation_free((tn_preparation *)(uintptr_t)d->def.preparation);
        base_arena_free(&d->arena);
        free(d);
        return NULL;
    }
    return d;
}

tn_dataset *tn_dataset_new(tn_context *context, const tn_dataset_def *def)
{
    return data_new(def, base_context_begin(context));
}

tn_dataset *data_retain(const tn_dataset *d)
{
    tn_dataset *mine = (tn_dataset *)(uintptr_t)d;
    atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

void tn_dataset_free(tn_dataset *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->references, 1, memory_order_acq_rel) != 1)
        return;
    if (d->def.release)
        d->def.release(d->def.user);
    tn_preparation_free((tn_preparation *)(uintptr_t)d->def.preparation);
    pthread_mutex_destroy(&d->serial);
    base_arena_free(&d->arena);
    free(d);
}

const data_list *data_list_at(const tn_dataset *d, int i)
{
    return d->lists && i >= 0 && i < d->lists->n ? &d->lists->list[i] : NULL;
}

tn_dataset_def data_def_like(const tn_dataset *d)
{
    return (tn_dataset_def){.fields = d->def.fields,
                            .n_fields = d->def.n_fields,
                            .classes = d->def.classes,
                            .class_names = d->def.class_names,
                            .preparation = d->def.preparation};
}

int64_t tn_dataset_count(const tn_dataset *d)
{
    return d->def.count;
}

int tn_dataset_fields(const tn_dataset *d)
{
    return d->def.n_fields;
}

const tn_field *tn_dataset_field(const tn_dataset *d, int index)
{
    return index >= 0 && index < d->def.n_fields ? &d->def.fields[index] : NULL;
}

int tn_dataset_find(const tn_dataset *d, const char *name)
{
    for (int f = 0; f < d->def.n_fields; f++)
        if (strcmp(d->def.fields[f].name, name) == 0)
            return f;
    return -1;
}

int tn_dataset_classes(const tn_dataset *d)
{
    return d->def.classes;
}

const char *tn_dataset_class_name(const tn_dataset *d, int index)
{
    return index >= 0 && index < d->def.classes ? d->def.class_names[index] : NULL;
}

static tn_status check_index(const tn_dataset *d, int64_t index, base_error *e)
{
    if (index >= 0 && index < d->def.count)
        return TN_OK;
    return base_fail(e, TN_INVALID, "there is no sample %lld: the data set has %lld", (long long)index,
                     (long long)d->def.count);
}

static tn_status check_label(const tn_dataset *d, int64_t index, int64_t label, base_error *e)
{
    if (label >= 0 && label < d->def.classes)
        return TN_OK;
    return base_fail(e, TN_FORMAT, "sample %lld has class %lld; the data set has classes 0 to %d", (long long)index,
                     (long long)label, d->def.classes - 1);
}

/* The lock of a serial set is the only state that fetching changes. */
static pthread_mutex_t *lock_of(const tn_dataset *d)
{
    return d->def.serial ? (pthread_mutex_t *)(uintptr_t)&d->serial : NULL;
}

/* Every place that has a class has one of those there are. */
static tn_status check_places(const tn_dataset *d, int64_t index, const int64_t *y, int64_t n, base_error *e)
{
    enum { NONE_HERE = -100 };
    for (int64_t i = 0; i < n; i++)
        if (y[i] != NONE_HERE)
            BASE_TRY(check_label(d, index, y[i], e));
    return TN_OK;
}

static tn_status check_classes_of(const tn_dataset *d, int64_t index, const void *y, const int64_t *lengths,
                                  base_error *e)
{
    const tn_field *field = d->def.classes > 0 ? &d->def.fields[d->y] : NULL;
    if (!field || field->dtype != TN_I64)
        return TN_OK;
    return check_places(d, index, y, field->rank == 0 ? 1 : lengths[d->y], e);
}

/* Writes `pad` from place `from` on. */
static void fill_up(const tn_field *field, size_t bytes, char *at, int64_t from)
{
    const size_t size = tn_dtype_size(field->dtype), begin = bytes / (size_t)field->dims[0] * (size_t)from;
    char element[16] = {0};
    (void)op_element_from_f64(field->dtype, field->pad, element);
    for (size_t i = begin; i < bytes; i += size)
        memcpy(at + i, element, size);
}

static tn_status check_lengths(const tn_dataset *d, int64_t index, void *const *at, const int64_t *lengths,
                               base_error *e)
{
    for (int f = 0; f < d->def.n_fields; f++) {
        const tn_field *field = &d->def.fields[f];
        if (!field->varies)
            continue;
        if (lengths[f] < 0 || lengths[f] > field->dims[0])
            return base_fail(e, TN_INTERNAL,
                             "sample %lld says that its field \"%.100s\" is %lld long; 0 to %lld can be",
                             (long long)index, field->name, (long long)lengths[f], (long long)field->dims[0]);
        fill_up(field, d->bytes[f], at[f], lengths[f]);
    }
    return TN_OK;
}

bool data_varies(const tn_dataset *d)
{
    for (int f = 0; f < d->def.n_fields; f++)
        if (d->def.fields[f].varies)
            return true;
    return false;
}

static tn_status fetch(const tn_dataset *d, int64_t index, uint64_t key, const tn_sample *sample, base_error *e)
{
    pthread_mutex_t *lock = lock_of(d);
    base_clear(e);
    if (lock)
        pthread_mutex_lock(lock);
    tn_status status = d->def.get(d->def.user, index, key, sample);
    if (lock)
        pthread_mutex_unlock(lock);
    if (status == TN_OK)
        base_clear(e);
    else if (!e || !e->text[0])
        base_fail(e, status, "sample %lld cannot be had: %s", (long long)index, tn_status_text(status));
    return status;
}

/* A number as the outermost link has it, as the innermost has it; negative: it cannot be reached. */
static int64_t reach(const data_among *among, uint64_t number)
{
    const int64_t i = among->outer ? reach(among->outer, number) : (int64_t)(number % (uint64_t)among->count);
    return i < 0 ? i : among->at(among->user, i);
}

int64_t data_other(const data_among *among, int64_t count, uint64_t number)
{
    enum { DRAWS = 64 };
    if (!among)
        return (int64_t)(number % (uint64_t)count);
    int64_t i = reach(among, number);
    for (uint64_t n = 0; i < 0;
         n++) /* sets joined: the sample that is fetched itself can be reached, so that this ends */
        i = reach(among, n < DRAWS ? base_philox_key(number, n) : n - DRAWS);
    return i;
}

tn_status data_blame(const tn_dataset *d, int64_t index, uint64_t key, const data_among *among, base_error *e)
{
    base_str where = {0};
    if (d->where)
        d->where(d->def.user, index, key, among, &where);
    else
        base_str_printf(&where, "sample %lld", (long long)index);
    if (e)
        base_prefix(e, "%s: ", base_str_text(&where));
    base_str_free(&where);
    return e ? e->status : TN_FORMAT;
}

tn_status data_get(const tn_dataset *d, int64_t index, uint64_t key, void *const *at, int64_t *lengths, base_error *e)
{
    return data_get_among(d, index, key, at, lengths, NULL, e);
}

tn_status data_get_among(const tn_dataset *d, int64_t index, uint64_t key, void *const *at, int64_t *lengths,
                         const data_among *among, base_error *e)
{
    int64_t own[TN_MAX_FIELDS];
    lengths = lengths ? lengths : own;
    BASE_TRY(check_index(d, index, e));
    for (int f = 0; f < d->def.n_fields; f++)
        lengths[f] = d->def.fields[f].rank > 0 ? d->def.fields[f].dims[0] : 1;
    const tn_sample sample = {.at = at, .lengths = lengths, .n_fields = d->def.n_fields, .inside = e, .among = among};
    BASE_TRY(fetch(d, index, key, &sample, e));
    BASE_TRY(check_lengths(d, index, at, lengths, e));
    return check_classes_of(d, index, d->y >= 0 ? at[d->y] : NULL, lengths, e);
}

int64_t data_length(const tn_dataset *d, int64_t index)
{
    if (!d->def.length)
        return -1;
    pthread_mutex_t *lock = lock_of(d);
    if (lock)
        pthread_mutex_lock(lock);
    const int64_t length = d->def.length(d->def.user, index);
    if (lock)
        pthread_mutex_unlock(lock);
    return length;
}

/* Without a `label` of its own a sample is fetched whole, into memory that is only kept for the call. */
static tn_status label_by_get(const tn_dataset *d, int64_t index, int64_t *label, base_error *e)
{
    size_t total = 0, offset[TN_MAX_FIELDS];
    void *at[TN_MAX_FIELDS];
    for (int f = 0; f < d->def.n_fields; f++) {
        offset[f] = total;
        total += (d->bytes[f] + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    }
    char *room = aligned_alloc(ALIGN, total);
    if (!room)
        return base_no_memory(e, "fetching a sample");
    for (int f = 0; f < d->def.n_fields; f++)
        at[f] = room + offset[f];
    tn_status status = data_get(d, index, 0, at, NULL, e);
    if (status == TN_OK)
        memcpy(label, at[d->y], sizeof *label);
    free(room);
    return status;
}

tn_status data_label(const tn_dataset *d, int64_t index, int64_t *label, base_error *e)
{
    if (d->def.classes == 0)
        return base_fail(e, TN_UNSUPPORTED, "the data set has no classes");
    if (d->def.fields[d->y].rank != 0)
        return base_fail(e, TN_UNSUPPORTED, "the samples of the data set have no single class each");
    BASE_TRY(check_index(d, index, e));
    if (!d->def.label)
        return label_by_get(d, index, label, e);
    pthread_mutex_t *lock = lock_of(d);
    if (lock)
        pthread_mutex_lock(lock);
    *label = d->def.label(d->def.user, index);
    if (lock)
        pthread_mutex_unlock(lock);
    return check_label(d, index, *label, e);
}

tn_status data_labels(const tn_dataset *d, int64_t **labels, base_error *e)
{
    *labels = malloc((size_t)d->def.count * sizeof **labels + 8);
    tn_status status = *labels ? TN_OK : base_no_memory(e, "listing the classes of samples");
    for (int64_t i = 0; status == TN_OK && i < d->def.count; i++)
        status = data_label(d, i, *labels + i, e);
    if (status != TN_OK) {
        free(*labels);
        *labels = NULL;
    }
    return status;
}

tn_status tn_dataset_label(tn_context *context, const tn_dataset *d, int64_t index, int64_t *label)
{
    return data_label(d, index, label, base_context_begin(context));
}

/* A place that a field can be written to as it is. */
static bool view_fits(const tn_view *v, const tn_field *field, size_t bytes)
{
    if (!v->data || v->strided || v->dtype != field->dtype || v->rank != field->rank || v->bytes < bytes ||
        (uintptr_t)v->data % tn_dtype_size(field->dtype) != 0)
        return false;
    for (int i = field->varies; i < field->rank; i++)
        if (v->dims[i] != field->dims[i])
            return false;
    return true;
}

tn_status tn_dataset_get(tn_context *context, const tn_dataset *d, int64_t index, uint64_t key, tn_view *views)
{
    base_error *e = base_context_begin(context);
    void *at[TN_MAX_FIELDS];
    int64_t lengths[TN_MAX_FIELDS];
    for (int f = 0; f < d->def.n_fields; f++) {
        if (!view_fits(&views[f], &d->def.fields[f], d->bytes[f]))
            return base_fail(e, TN_SHAPE,
                             "the view for field \"%.100s\" must be row-major and aligned, of dtype %s and the "
                             "dims of the field",
                             d->def.fields[f].name, tn_dtype_name(d->def.fields[f].dtype));
        at[f] = views[f].data;
    }
    BASE_TRY(data_get(d, index, key, at, lengths, e));
    for (int f = 0; f < d->def.n_fields; f++)
        if (d->def.fields[f].varies)
            views[f].dims[0] = lengths[f];
    return TN_OK;
}

const tn_preparation *tn_dataset_preparation(const tn_dataset *d)
{
    return d->def.preparation;
}
