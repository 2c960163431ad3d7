/* safetensors.c: reading; see safetensors.h. The file was specified by Hugging Face
 * (https://huggingface.co/docs/safetensors); the checks are ours and at least as strict as theirs. */
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "format/checksum.h"
#include "format/json.h"

/* As the Python package: a header is at most this long. */
static const size_t MOST_HEADER = 100000000;
static const char *const METADATA = "__metadata__";

/* What a user sees is the first member. */
typedef struct safetensors {
    format_safetensors face;
    base_arena arena;
    base_mapping mapping;
    format_tensor *tensors;
    const format_tensor **by_name; /* sorted: a hash of hostile names could be made slow */
    format_pair *metadata;
} safetensors;

/* What the functions below share while one file is read. */
typedef struct reading {
    safetensors *f;
    const char *what;
    const unsigned char *body;
    size_t body_bytes;
    base_error *e;
} reading;

static const struct {
    tn_dtype dtype;
    const char *name;
} dtypes[] = {{TN_F64, "F64"}, {TN_F32, "F32"}, {TN_F16, "F16"}, {TN_BF16, "BF16"}, {TN_I64, "I64"},
              {TN_I32, "I32"}, {TN_I16, "I16"}, {TN_I8, "I8"},   {TN_U8, "U8"},     {TN_BOOL, "BOOL"}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

const char *format_safetensors_dtype(tn_dtype dtype)
{
    for (int i = 0; i < DTYPES; i++)
        if (dtypes[i].dtype == dtype)
            return dtypes[i].name;
    return NULL;
}

tn_dtype format_safetensors_dtype_from(const char *name)
{
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return dtypes[i].dtype;
    return TN_NONE;
}

/* Puts "path: tensor 'x': " in front of the sentence and hands the status on. */
static tn_status of_tensor(const reading *r, const char *name, tn_status status)
{
    if (status != TN_OK)
        (void)base_prefix(r->e, "%s: tensor '%s': ", r->what, BASE_SHOW(name));
    return status;
}

/* ---- one tensor ------------------------------------------------------------------------------------------------ */

static tn_status read_dtype(const format_json *entry, format_tensor *t, base_error *e)
{
    const char *name = NULL;
    BASE_TRY(format_json_get_string(entry, "header", "dtype", &name, e));
    t->dtype = format_safetensors_dtype_from(name);
    if (t->dtype != TN_NONE)
        return TN_OK;
    return base_fail(e, TN_UNSUPPORTED, "dtype '%s' is not one that Tarn has (F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL)",
                     BASE_SHOW(name));
}

static tn_status read_shape(const format_json *entry, format_tensor *t, base_error *e)
{
    const format_json *shape = NULL;
    size_t rank = 0;
    BASE_TRY(format_json_get_list(entry, "header", "shape", &shape, e));
    if (format_json_count(shape) > TN_MAX_RANK)
        return base_fail(e, TN_UNSUPPORTED, "it has %zu dimensions; Tarn's tensors have at most %d",
                         format_json_count(shape), TN_MAX_RANK);
    BASE_TRY(format_json_as_i64s(shape, "header key 'shape'", t->dims, TN_MAX_RANK, &rank, e));
    t->rank = (int)rank;
    int64_t bytes = (int64_t)tn_dtype_size(t->dtype);
    for (size_t i = 0; i < rank; i++) {
        if (t->dims[i] < 0)
            return base_fail(e, TN_FORMAT, "dimension %zu is %lld", i, (long long)t->dims[i]);
        if (__builtin_mul_overflow(bytes, t->dims[i], &bytes))
            return base_fail(e, TN_FORMAT, "the product of its dimensions does not fit into 64 bits");
    }
    t->bytes = (size_t)bytes;
    return TN_OK;
}

static tn_status read_offsets(const reading *r, const format_json *entry, format_tensor *t)
{
    const format_json *list = NULL;
    int64_t at[2] = {0};
    size_t n = 0;
    BASE_TRY(format_json_get_list(entry, "header", "data_offsets", &list, r->e));
    BASE_TRY(format_json_as_i64s(list, "header key 'data_offsets'", at, 2, &n, r->e));
    if (n != 2 || at[0] < 0 || at[1] < at[0])
        return base_fail(r->e, TN_FORMAT, "data_offsets must be two numbers [begin, end] with 0 <= begin <= end");
    if ((uint64_t)at[1] > r->body_bytes)
        return base_fail(r->e, TN_FORMAT,
                         "its data end at %lld, but the file has only %zu bytes of data: it is cut short",
                         (long long)at[1], r->body_bytes);
    if ((size_t)(at[1] - at[0]) != t->bytes)
        return base_fail(r->e, TN_FORMAT, "its dtype and shape need %zu bytes, its data_offsets [%lld, %lld] span %lld",
                         t->bytes, (long long)at[0], (long long)at[1], (long long)(at[1] - at[0]));
    t->data = r->body + at[0];
    return TN_OK;
}

static tn_status read_keys(const format_json *entry, base_error *e)
{
    void *iter = NULL;
    const char *key = NULL;
    const format_json *value = NULL;
    BASE_TRY(format_json_as_object(entry, "its header entry", e));
    while (format_json_next(entry, &iter, &key, &value))
        if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 && strcmp(key, "data_offsets") != 0)
            return base_fail(e, TN_FORMAT, "unknown key '%s' in its header entry", BASE_SHOW(key));
    return TN_OK;
}

static tn_status read_tensor(const reading *r, const char *name, const format_json *entry, format_tensor *t)
{
    t->name = base_arena_strdup(&r->f->arena, name);
    if (!t->name)
        return base_no_memory(r->e, "reading the header");
    BASE_TRY(read_keys(entry, r->e));
    BASE_TRY(read_dtype(entry, t, r->e));
    BASE_TRY(read_shape(entry, t, r->e));
    return read_offsets(r, entry, t);
}

/* ---- the whole file -------------------------------------------------------------------------------------------- */

static tn_status read_metadata(const reading *r, const format_json *map)
{
    void *iter = NULL;
    const char *key = NULL, *text = NULL;
    const format_json *value = NULL;
    safetensors *f = r->f;
    BASE_TRY(format_json_as_object(map, METADATA, r->e));
    f->metadata = BASE_ARRAY(&f->arena, format_pair, format_json_count(map) + 1);
    if (!f->metadata)
        return base_no_memory(r->e, "reading metadata");
    while (format_json_next(map, &iter, &key, &value)) {
        tn_status status = format_json_as_string(value, "the value", &text, r->e);
        if (status != TN_OK) {
            (void)base_prefix(r->e, "metadata key '%s': ", BASE_SHOW(key));
            return status;
        }
        format_pair *p = &f->metadata[f->face.metadata_n++];
        *p = (format_pair){base_arena_strdup(&f->arena, key), base_arena_strdup(&f->arena, text)};
        if (!p->key || !p->value)
            return base_no_memory(r->e, "reading metadata");
    }
    return TN_OK;
}

static tn_status read_entries(const reading *r, const format_json *header)
{
    void *iter = NULL;
    const char *key = NULL;
    const format_json *value = NULL;
    safetensors *f = r->f;
    f->tensors = BASE_ARRAY(&f->arena, format_tensor, format_json_count(header) + 1);
    f->by_name = BASE_ARRAY(&f->arena, const format_tensor *, format_json_count(header) + 1);
    if (!f->tensors || !f->by_name)
        return base_no_memory(r->e, "reading the header");
    while (format_json_next(header, &iter, &key, &value)) {
        if (strcmp(key, METADATA) == 0) {
            tn_status status = read_metadata(r, value);
            if (status != TN_OK) {
                (void)base_prefix(r->e, "%s: ", r->what);
                return status;
            }
        } else {
            BASE_TRY(of_tensor(r, key, read_tensor(r, key, value, &f->tensors[f->face.n])));
            f->face.n++;
        }
    }
    return TN_OK;
}

/* By place, empty tensors before the one that starts where they stand. */
static int by_place(const void *a, const void *b)
{
    const format_tensor *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    if (p != q)
        return p < q ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const format_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static tn_status check_cover(const reading *r)
{
    safetensors *f = r->f;
    const unsigned char *end = r->body;
    for (size_t i = 0; i < f->face.n; i++) {
        const format_tensor *t = &f->tensors[i];
        const unsigned char *at = t->data;
        if (at < end)
            return base_fail(r->e, TN_FORMAT, "%s: the data of tensors '%s' and '%s' overlap", r->what,
                             BASE_SHOW(f->tensors[i - 1].name), BASE_SHOW(t->name));
        if (at > end)
            return base_fail(r->e, TN_FORMAT, "%s: %zu bytes before the data of tensor '%s' belong to no tensor",
                             r->what, (size_t)(at - end), BASE_SHOW(t->name));
        end = at + t->bytes;
    }
    size_t used = (size_t)(end - r->body);
    if (used != r->body_bytes)
        return base_fail(r->e, TN_FORMAT, "%s: the last %zu bytes belong to no tensor", r->what, r->body_bytes - used);
    return TN_OK;
}

static tn_status read_header(const reading *r, const format_json *header)
{
    safetensors *f = r->f;
    BASE_TRY(read_entries(r, header));
    if (f->face.n > 1)
        qsort(f->tensors, f->face.n, sizeof *f->tensors, by_place);
    BASE_TRY(check_cover(r));
    for (size_t i = 0; i < f->face.n; i++)
        f->by_name[i] = &f->tensors[i];
    if (f->face.n > 1)
        qsort(f->by_name, f->face.n, sizeof *f->by_name, by_name);
    f->face.tensors = f->tensors;
    f->face.metadata = f->metadata;
    return TN_OK;
}

/* Files that Tarn wrote have the number that their bytes must give. */
static tn_status check_sum(const reading *r, const char *header, size_t bytes)
{
    const safetensors *f = r->f;
    const char *said = format_safetensors_metadata(&f->face, FORMAT_CHECKSUM);
    const char *place = said ? format_checksum_place(header, bytes) : NULL;
    char digits[FORMAT_CHECKSUM_DIGITS + 1];
    if (!place)
        return TN_OK;
    uint64_t h = format_checksum_header(header, bytes, place);
    for (size_t i = 0; i < f->face.n; i++)
        if (f->tensors[i].bytes)
            h = format_checksum(h, f->tensors[i].data, f->tensors[i].bytes);
    (void)base_print(digits, sizeof digits, "%016llx", (unsigned long long)h);
    if (memcmp(digits, place, FORMAT_CHECKSUM_DIGITS) != 0)
        return base_fail(r->e, TN_FORMAT, "%s is damaged: its bytes give the checksum %s, and it says %s", r->what,
                         digits, BASE_SHOW(said));
    return TN_OK;
}

static tn_status read_file(safetensors *f, const void *data, size_t bytes, const char *what, base_error *e)
{
    const unsigned char *p = data;
    uint64_t length = 0;
    if (bytes < 8)
        return base_fail(e, TN_FORMAT, "%s: a file of %zu bytes is no safetensors file (at least 10 are due)", what,
                         bytes);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | p[i];
    if (length > MOST_HEADER)
        return base_fail(
            e, TN_FORMAT,
            "%s: the header is said to have %llu bytes, at most %zu are allowed; is it a safetensors file?", what,
            (unsigned long long)length, MOST_HEADER);
    if (length > bytes - 8)
        return base_fail(e, TN_FORMAT,
                         "%s: the header should have %llu bytes, but only %zu follow: the file is cut short", what,
                         (unsigned long long)length, bytes - 8);
    if (length < 2 || p[8] != '{')
        return base_fail(e, TN_FORMAT, "%s: byte 8, where the header starts, is not '{'; is it a safetensors file?",
                         what);
    reading r = {f, what, p + 8 + length, bytes - 8 - (size_t)length, e};
    format_json_limits limits = {.bytes = MOST_HEADER, .depth = 4, .values = 8000000};
    format_json *header = NULL;
    base_str name = {0};
    base_str_printf(&name, "%s: header", what);
    tn_status status =
        format_json_parse((const char *)p + 8, (size_t)length, &limits, base_str_text(&name), &header, e);
    base_str_free(&name);
    if (status == TN_OK)
        status = read_header(&r, header);
    if (status == TN_OK)
        status = check_sum(&r, (const char *)p + 8, (size_t)length);
    format_json_free(header);
    return status;
}

tn_status format_safetensors_borrow(const void *data, size_t bytes, const char *what, format_safetensors **out,
                                    base_error *e)
{
    *out = NULL;
    safetensors *f = calloc(1, sizeof *f);
    if (!f)
        return base_no_memory(e, "reading a safetensors file");
    tn_status status = read_file(f, data, bytes, what, e);
    if (status == TN_OK)
        *out = &f->face;
    else
        format_safetensors_free(&f->face);
    return status;
}

tn_status format_safetensors_open(const char *path, format_safetensors **out, base_error *e)
{
    base_mapping mapping;
    *out = NULL;
    BASE_TRY(base_file_map(path, &mapping, e));
    tn_status status = format_safetensors_borrow(mapping.data, mapping.bytes, path, out, e);
    if (status == TN_OK)
        ((safetensors *)*out)->mapping = mapping;
    else
        base_file_unmap(&mapping);
    return status;
}

void format_safetensors_free(format_safetensors *file)
{
    if (!file)
        return;
    safetensors *f = (safetensors *)file;
    base_file_unmap(&f->mapping);
    base_arena_free(&f->arena);
    free(f);
}

const format_tensor *format_safetensors_find(const format_safetensors *file, const char *name)
{
    const safetensors *f = (const safetensors *)file;
    size_t low = 0, high = f->face.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, f->by_name[middle]->name);
        if (order == 0)
            return f->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *format_safetensors_metadata(const format_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_n; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}
