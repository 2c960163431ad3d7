/* safetensors_out.c: writing; see safetensors.h. The header is made first, as all sizes are known; then the data pass
 * through once. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "format/checksum.h"
#include "format/json.h"
#include "format/safetensors.h"

struct format_safetensors_writer {
    base_writer *file;
    base_error *e;
    char *path;
    size_t n, at, put; /* at: position in the order of writing; put: bytes of that tensor so far */
    size_t *order, *bytes;
};

/* ---- checks ---------------------------------------------------------------------------------------------------- */

static tn_status check_text(const char *what, const char *text, base_error *e)
{
    if (base_utf8_valid(text, strlen(text)))
        return TN_OK;
    return base_fail(e, TN_INVALID, "the %s '%s' is not UTF-8", what, BASE_SHOW(text));
}

static tn_status tensor_bytes(const format_tensor *t, size_t *bytes, base_error *e)
{
    int64_t n = (int64_t)tn_dtype_size(t->dtype);
    if (!t->name)
        return base_fail(e, TN_INVALID, "a tensor has no name");
    BASE_TRY(check_text("name of a tensor", t->name, e));
    if (strcmp(t->name, "__metadata__") == 0)
        return base_fail(e, TN_INVALID, "a tensor cannot have the name '__metadata__'");
    if (n == 0)
        return base_fail(e, TN_DTYPE, "tensor '%s' has no dtype", BASE_SHOW(t->name));
    if (t->rank < 0 || t->rank > TN_MAX_RANK)
        return base_fail(e, TN_SHAPE, "tensor '%s' has %d dimensions", BASE_SHOW(t->name), t->rank);
    for (int i = 0; i < t->rank; i++)
        if (t->dims[i] < 0 || __builtin_mul_overflow(n, t->dims[i], &n))
            return base_fail(e, TN_SHAPE, "the shape of tensor '%s' is negative or too large", BASE_SHOW(t->name));
    *bytes = (size_t)n;
    return TN_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two equal names would make a file that nobody can read. */
static tn_status check_unique(const char *what, const void *first, size_t stride, size_t n, base_error *e)
{
    const char **names = malloc((n + 1) * sizeof *names);
    if (!names)
        return base_no_memory(e, "writing a safetensors file");
    for (size_t i = 0; i < n; i++)
        names[i] = *(const char *const *)((const char *)first + i * stride);
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    tn_status status = TN_OK;
    for (size_t i = 1; i < n && status == TN_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = base_fail(e, TN_INVALID, "the %s '%s' is given twice", what, BASE_SHOW(names[i]));
    free(names);
    return status;
}

static tn_status check_all(format_safetensors_writer *w, const format_tensor *tensors, const format_pair *metadata,
                           size_t metadata_n)
{
    for (size_t i = 0; i < w->n; i++)
        BASE_TRY(tensor_bytes(&tensors[i], &w->bytes[i], w->e));
    for (size_t i = 0; i < metadata_n; i++) {
        if (!metadata[i].key || !metadata[i].value)
            return base_fail(w->e, TN_INVALID, "a metadata pair lacks its key or its value");
        BASE_TRY(check_text("metadata key", metadata[i].key, w->e));
        if (!base_utf8_valid(metadata[i].value, strlen(metadata[i].value)))
            return base_fail(w->e, TN_INVALID, "the metadata of key '%s' is not UTF-8", BASE_SHOW(metadata[i].key));
    }
    if (w->n)
        BASE_TRY(check_unique("tensor", &tensors->name, sizeof *tensors, w->n, w->e));
    return metadata_n ? check_unique("metadata key", &metadata->key, sizeof *metadata, metadata_n, w->e) : TN_OK;
}

/* ---- header ---------------------------------------------------------------------------------------------------- */

/* Larger elements first, otherwise as given: sizes of elements divide each other, so every tensor comes to lie on a
 * multiple of its own. */
static void put_in_order(format_safetensors_writer *w, const format_tensor *tensors)
{
    size_t at = 0;
    for (size_t size = 8; size; size /= 2)
        for (size_t i = 0; i < w->n; i++)
            if (tn_dtype_size(tensors[i].dtype) == size)
                w->order[at++] = i;
}

static void add_entry(format_json_out *out, const format_tensor *t, size_t begin, size_t end)
{
    format_json_open_object(out, t->name);
    format_json_put_string(out, "dtype", format_safetensors_dtype(t->dtype));
    format_json_open_list(out, "shape");
    for (int i = 0; i < t->rank; i++)
        format_json_put_i64(out, NULL, t->dims[i]);
    format_json_close(out);
    format_json_open_list(out, "data_offsets");
    format_json_put_i64(out, NULL, (int64_t)begin);
    format_json_put_i64(out, NULL, (int64_t)end);
    format_json_close(out);
    format_json_close(out);
}

static tn_status make_header(const format_safetensors_writer *w, const format_tensor *tensors,
                             const format_pair *metadata, size_t metadata_n, base_str *text)
{
    format_json_out out = {.to = text};
    size_t begin = 0;
    format_json_open_object(&out, NULL);
    if (metadata_n) {
        format_json_open_object(&out, "__metadata__");
        for (size_t i = 0; i < metadata_n; i++)
            format_json_put_string(&out, metadata[i].key, metadata[i].value);
        format_json_close(&out);
    }
    for (size_t i = 0; i < w->n; i++) {
        size_t bytes = w->bytes[w->order[i]], end = begin + bytes;
        if (end < begin || end > INT64_MAX)
            return base_fail(w->e, TN_INVALID, "the tensors together have more than 2^63 bytes");
        add_entry(&out, &tensors[w->order[i]], begin, end);
        begin = end;
    }
    format_json_close(&out);
    while (text->length % 8 && !text->failed)
        base_str_bytes(text, " ", 1);
    if (text->failed)
        return base_no_memory(w->e, "writing a safetensors header");
    if (text->length > 100000000)
        return base_fail(w->e, TN_LIMIT, "its header has %zu bytes, readers take at most 100000000", text->length);
    return TN_OK;
}

/* The number of the whole file, where the metadata keep a place for it. */
static void put_checksum(const format_safetensors_writer *w, const format_tensor *tensors, base_str *text)
{
    const char *place = format_checksum_place(text->text, text->length);
    if (!place)
        return;
    char digits[FORMAT_CHECKSUM_DIGITS + 1];
    uint64_t h = format_checksum_header(text->text, text->length, place);
    for (size_t i = 0; i < w->n; i++)
        if (w->bytes[w->order[i]])
            h = format_checksum(h, tensors[w->order[i]].data, w->bytes[w->order[i]]);
    (void)base_print(digits, sizeof digits, "%016llx", (unsigned long long)h);
    memcpy(text->text + (place - text->text), digits, FORMAT_CHECKSUM_DIGITS);
}

static tn_status write_header(const format_safetensors_writer *w, const base_str *text)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)text->length >> 8 * i);
    BASE_TRY(base_writer_write(w->file, length, 8));
    return base_writer_write(w->file, text->text, text->length);
}

/* ---- the writer ------------------------------------------------------------------------------------------------ */

void format_safetensors_abandon(format_safetensors_writer *w)
{
    if (!w)
        return;
    base_writer_abandon(w->file);
    free(w->path);
    free(w->order);
    free(w->bytes);
    free(w);
}

/* Passes over the tensors that have all their bytes, the empty ones among them. */
static void step(format_safetensors_writer *w)
{
    while (w->at < w->n && w->put == w->bytes[w->order[w->at]]) {
        w->at++;
        w->put = 0;
    }
}

static tn_status begin(format_safetensors_writer *w, const char *path, const format_tensor *tensors,
                       const format_pair *metadata, size_t metadata_n, bool have_data)
{
    base_str header = {0};
    tn_status status = check_all(w, tensors, metadata, metadata_n);
    if (status == TN_OK) {
        put_in_order(w, tensors);
        status = make_header(w, tensors, metadata, metadata_n, &header);
    }
    if (status == TN_OK && have_data)
        put_checksum(w, tensors, &header);
    if (status != TN_OK) {
        (void)base_prefix(w->e, "cannot write %s: ", path);
    } else {
        w->file = base_writer_new(path, w->e);
        status = w->file ? write_header(w, &header) : TN_IO;
    }
    base_str_free(&header);
    step(w);
    return status;
}

static format_safetensors_writer *begin_new(const char *path, const format_tensor *tensors, size_t n,
                                            const format_pair *metadata, size_t metadata_n, bool have_data,
                                            base_error *e)
{
    format_safetensors_writer *w = calloc(1, sizeof *w);
    if (w) {
        *w = (format_safetensors_writer){.e = e, .n = n, .path = strdup(path)};
        w->order = calloc(n + 1, sizeof *w->order);
        w->bytes = calloc(n + 1, sizeof *w->bytes);
    }
    if (!w || !w->path || !w->order || !w->bytes)
        base_no_memory(e, "writing a safetensors file");
    else if (begin(w, path, tensors, metadata, metadata_n, have_data) == TN_OK)
        return w;
    format_safetensors_abandon(w);
    return NULL;
}

format_safetensors_writer *format_safetensors_begin(const char *path, const format_tensor *tensors, size_t n,
                                                    const format_pair *metadata, size_t metadata_n, base_error *e)
{
    return begin_new(path, tensors, n, metadata, metadata_n, false, e);
}

size_t format_safetensors_due(const format_safetensors_writer *w)
{
    return w->at < w->n ? w->order[w->at] : w->n;
}

tn_status format_safetensors_put(format_safetensors_writer *w, const void *data, size_t bytes)
{
    if (bytes == 0)
        return TN_OK;
    size_t room = w->at < w->n ? w->bytes[w->order[w->at]] - w->put : 0;
    if (bytes > room)
        return base_fail(w->e, TN_INVALID,
                         "cannot write %s: %zu bytes of data are due for tensor %zu of the list, %zu came", w->path,
                         room, format_safetensors_due(w), bytes);
    BASE_TRY(base_writer_write(w->file, data, bytes));
    w->put += bytes;
    step(w);
    return TN_OK;
}

tn_status format_safetensors_commit(format_safetensors_writer *w)
{
    tn_status status = TN_OK;
    if (w->at < w->n) {
        status = base_fail(w->e, TN_INVALID, "cannot write %s: data are missing from tensor %zu of the list on",
                           w->path, format_safetensors_due(w));
    } else {
        status = base_writer_commit(w->file);
        w->file = NULL;
    }
    format_safetensors_abandon(w);
    return status;
}

tn_status format_safetensors_write(const char *path, const format_tensor *tensors, size_t n,
                                   const format_pair *metadata, size_t metadata_n, base_error *e)
{
    base_error own = {0};
    e = e ? e : &own; /* begin tells its failure through the status that e holds */
    format_safetensors_writer *w = begin_new(path, tensors, n, metadata, metadata_n, true, e);
    if (!w)
        return e->status;
    for (size_t i = format_safetensors_due(w); i < n; i = format_safetensors_due(w)) {
        tn_status status = format_safetensors_put(w, tensors[i].data, w->bytes[i]);
        if (status != TN_OK) {
            format_safetensors_abandon(w);
            return status;
        }
    }
    return format_safetensors_commit(w);
}
