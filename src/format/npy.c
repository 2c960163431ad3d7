/* npy.c: see npy.h. The header is a Python dictionary with three keys; what numpy writes into it is a small language, which
 * is read here word by word. */
#include "format/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"

static const char MAGIC[6] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y'};
enum { MOST_HEADER = 65536 };

static const struct {
    tn_dtype dtype;
    const char *descr;
} dtypes[] = {{TN_F64, "<f8"}, {TN_F32, "<f4"}, {TN_F16, "<f2"}, {TN_I64, "<i8"}, {TN_I32, "<i4"},
              {TN_I16, "<i2"}, {TN_I8, "|i1"},  {TN_U8, "|u1"},  {TN_BOOL, "|b1"}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- the header ------------------------------------------------------------------------------------------------ */

/* A place in the header. */
typedef struct cursor {
    const char *p, *end;
    const char *what;
    base_error *e;
} cursor;

static tn_status fail(const cursor *c, const char *due)
{
    return base_fail(c->e, TN_FORMAT, "%s: the header is damaged: %s is due, %zu bytes before its end", c->what, due,
                     (size_t)(c->end - c->p));
}

static bool take(cursor *c, char due)
{
    while (c->p < c->end && *c->p == ' ')
        c->p++;
    bool there = c->p < c->end && *c->p == due;
    c->p += there;
    return there;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    (void)take(c, '\0'); /* passes over spaces; a NUL is not due anywhere, and fails what comes next */
    if ((size_t)(c->end - c->p) < length || memcmp(c->p, word, length) != 0)
        return false;
    c->p += length;
    return true;
}

/* 'text' without escapes, which no key or dtype of ours needs. */
static tn_status take_text(cursor *c, char text[32])
{
    char quote = take(c, '\'') ? '\'' : take(c, '"') ? '"' : '\0';
    const char *close = quote ? memchr(c->p, quote, (size_t)(c->end - c->p)) : NULL;
    if (!close || close - c->p >= 32)
        return fail(c, "a short text in quotes");
    memcpy(text, c->p, (size_t)(close - c->p));
    text[close - c->p] = '\0';
    c->p = close + 1;
    return TN_OK;
}

static tn_status take_dim(cursor *c, int64_t *dim)
{
    int digits = 0;
    *dim = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        if (__builtin_mul_overflow(*dim, 10, dim) || __builtin_add_overflow(*dim, *c->p - '0', dim))
            return base_fail(c->e, TN_FORMAT, "%s: a dimension does not fit into 64 bits", c->what);
        c->p++;
        digits++;
    }
    return digits ? TN_OK : fail(c, "a whole number from 0");
}

static tn_status take_shape(cursor *c, tn_view *v)
{
    bool more = true;
    if (!take(c, '('))
        return fail(c, "the shape in parentheses");
    for (v->rank = 0; more && !take(c, ')'); more = take(c, ',')) {
        if (v->rank == TN_MAX_RANK)
            return base_fail(c->e, TN_UNSUPPORTED, "%s: the array has more than %d dimensions", c->what, TN_MAX_RANK);
        BASE_TRY(take_dim(c, &v->dims[v->rank++]));
    }
    return more || take(c, ')') ? TN_OK : fail(c, "')' behind the shape");
}

static tn_status take_dtype(cursor *c, tn_view *v)
{
    char text[32];
    if (take(c, '['))
        return base_fail(c->e, TN_UNSUPPORTED, "%s holds records; only arrays of plain numbers are read", c->what);
    BASE_TRY(take_text(c, text));
    for (int i = 0; i < DTYPES; i++)
        if (strcmp(text, dtypes[i].descr) == 0)
            v->dtype = dtypes[i].dtype;
    if (v->dtype != TN_NONE)
        return TN_OK;
    const char *why = text[0] == '>'                ? "big-endian; save it with astype(dtype.newbyteorder('<'))"
                      : strchr(text, 'O')           ? "Python objects, which are never unpickled"
                      : strchr(text + !!*text, 'u') ? "unsigned integers wider than 8 bits; save it as a signed type"
                                                    : "not a type that Tarn has";
    return base_fail(c->e, TN_UNSUPPORTED, "%s: dtype '%s' is %s", c->what, BASE_SHOW(text), why);
}

static tn_status take_order(cursor *c, bool *fortran)
{
    *fortran = take_word(c, "True");
    return *fortran || take_word(c, "False") ? TN_OK : fail(c, "True or False");
}

static tn_status read_header(cursor *c, tn_view *v, bool *fortran)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    int seen = 0, key = 0;
    bool more = true;
    if (!take(c, '{'))
        return fail(c, "'{'");
    for (; more && !take(c, '}'); more = take(c, ',')) {
        char text[32];
        BASE_TRY(take_text(c, text));
        key = strcmp(text, "descr") == 0           ? DESCR
              : strcmp(text, "fortran_order") == 0 ? ORDER
              : strcmp(text, "shape") == 0         ? SHAPE
                                                   : 0;
        if (!key || (seen & key))
            return base_fail(c->e, TN_FORMAT, "%s: the header has an unknown or doubled key '%s'", c->what,
                             BASE_SHOW(text));
        if (!take(c, ':'))
            return fail(c, "':'");
        BASE_TRY(key == DESCR ? take_dtype(c, v) : key == ORDER ? take_order(c, fortran) : take_shape(c, v));
        seen |= key;
    }
    if (!more && !take(c, '}'))
        return fail(c, "'}'");
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n'))
        c->p++;
    if (c->p < c->end)
        return fail(c, "nothing but space");
    return seen == ALL ? TN_OK
                       : base_fail(c->e, TN_FORMAT, "%s: the header lacks descr, fortran_order or shape", c->what);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static tn_status find_header(const unsigned char *p, size_t bytes, const char *what, size_t *at, size_t *length,
                             base_error *e)
{
    if (bytes < 10 || memcmp(p, MAGIC, sizeof MAGIC) != 0)
        return base_fail(e, TN_FORMAT, "%s is not an .npy file: it does not start with \\x93NUMPY", what);
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return base_fail(e, TN_UNSUPPORTED, "%s is an .npy file of version %d.%d; versions 1.0 to 3.0 are read", what,
                         p[6], p[7]);
    *at = p[6] == 1 ? 10 : 12;
    *length = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1 && bytes >= 12)
        *length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (*length > MOST_HEADER)
        return base_fail(e, TN_LIMIT, "%s: the header is said to have %zu bytes, at most %d are read", what, *length,
                         MOST_HEADER);
    if (bytes < *at || *length > bytes - *at)
        return base_fail(e, TN_FORMAT,
                         "%s: the header should have %zu bytes, but the file ends before: it is cut short", what,
                         *length);
    return TN_OK;
}

static tn_status check_size(tn_view *v, const char *what, base_error *e)
{
    int64_t count = tn_view_count(v), due = 0;
    if (count < 0 || __builtin_mul_overflow(count, (int64_t)tn_dtype_size(v->dtype), &due))
        return base_fail(e, TN_FORMAT, "%s: the product of its dimensions does not fit into 64 bits", what);
    if ((uint64_t)due == v->bytes)
        return TN_OK;
    return base_fail(e, TN_FORMAT, "%s: its dtype and shape need %lld bytes, but %zu follow the header%s", what,
                     (long long)due, v->bytes, (uint64_t)due > v->bytes ? ": it is cut short" : "");
}

tn_status format_npy_borrow(const void *data, size_t bytes, const char *what, tn_view *out, base_error *e)
{
    const unsigned char *p = data;
    size_t at = 0, length = 0;
    bool fortran = false;
    tn_view v = {0};
    *out = v;
    BASE_TRY(find_header(p, bytes, what, &at, &length, e));
    cursor c = {(const char *)p + at, (const char *)p + at + length, what, e};
    BASE_TRY(read_header(&c, &v, &fortran));
    v.data = (void *)(uintptr_t)(p + at + length);
    v.bytes = bytes - at - length;
    BASE_TRY(check_size(&v, what, e));
    int64_t stride = 1;
    v.strided = fortran && v.rank > 1;
    for (int i = 0; v.strided && i < v.rank; i++) {
        v.strides[i] = stride;
        if (v.bytes) /* dims with a 0 among them may multiply to anything */
            stride *= v.dims[i];
    }
    *out = v;
    return TN_OK;
}

tn_status format_npy_open(const char *path, format_npy *out, base_error *e)
{
    *out = (format_npy){0};
    BASE_TRY(base_file_map(path, &out->mapping, e));
    tn_status status = format_npy_borrow(out->mapping.data, out->mapping.bytes, path, &out->view, e);
    if (status != TN_OK)
        format_npy_close(out);
    return status;
}

void format_npy_close(format_npy *file)
{
    base_file_unmap(&file->mapping);
    file->view = (tn_view){0};
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static tn_status check_view(const tn_view *v, const char **descr, const char *path, base_error *e)
{
    *descr = NULL;
    for (int i = 0; i < DTYPES; i++)
        if (dtypes[i].dtype == v->dtype)
            *descr = dtypes[i].descr;
    if (!*descr)
        return base_fail(e, TN_DTYPE, "cannot write %s: .npy files cannot hold dtype %s", path,
                         tn_dtype_name(v->dtype));
    if (v->rank < 0 || v->rank > TN_MAX_RANK)
        return base_fail(e, TN_SHAPE, "cannot write %s: the array has %d dimensions", path, v->rank);
    int64_t count = tn_view_count(v), size = (int64_t)tn_dtype_size(v->dtype), last = 0, bytes = 0;
    if (count < 0 || __builtin_mul_overflow(count, size, &bytes))
        return base_fail(e, TN_SHAPE, "cannot write %s: its shape is negative or too large", path);
    if (!v->strided)
        last = count - 1;
    for (int i = 0; v->strided && i < v->rank; i++) {
        int64_t reach = 0;
        if (v->strides[i] < 0 || __builtin_mul_overflow(v->strides[i], v->dims[i] - 1, &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return base_fail(e, TN_SHAPE, "cannot write %s: its strides are negative or too large", path);
    }
    if (count > 0 && (uint64_t)last >= v->bytes / (uint64_t)size)
        return base_fail(e, TN_SHAPE, "cannot write %s: its shape reaches beyond its %zu bytes", path, v->bytes);
    return TN_OK;
}

/* Magic, version, length and dictionary, padded so that the data start at a multiple of 64, as numpy does it. */
static void add_header(base_str *s, const tn_view *v, const char *descr)
{
    base_str_bytes(s, MAGIC, sizeof MAGIC);
    base_str_bytes(s, "\x01\x00\x00\x00", 4);
    base_str_printf(s, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < v->rank; i++)
        base_str_printf(s, i ? ", %lld" : "%lld", (long long)v->dims[i]);
    base_str_add(s, v->rank == 1 ? ",), }" : "), }");
    while ((s->length + 1) % 64 && !s->failed)
        base_str_add(s, " ");
    base_str_add(s, "\n");
    if (!s->failed) {
        s->text[8] = (char)((s->length - 10) & 255);
        s->text[9] = (char)((s->length - 10) >> 8);
    }
}

/* Runs of the last axis, or single elements where that axis is not dense. */
static void write_data(base_writer *w, const tn_view *v)
{
    size_t size = tn_dtype_size(v->dtype);
    int64_t count = tn_view_count(v), at[TN_MAX_RANK] = {0};
    bool dense = v->rank && v->strides[v->rank - 1] == 1;
    int64_t run = dense ? v->dims[v->rank - 1] : 1;
    int outer = dense ? v->rank - 1 : v->rank;
    if (!v->strided) {
        (void)base_writer_write(w, v->data, (size_t)count * size);
        return;
    }
    for (int64_t done = 0; done < count; done += run) {
        int64_t offset = 0;
        for (int i = 0; i < outer; i++)
            offset += at[i] * v->strides[i];
        if (base_writer_write(w, (const char *)v->data + (size_t)offset * size, (size_t)run * size) != TN_OK)
            return; /* commit tells */
        for (int i = outer - 1; i >= 0 && ++at[i] == v->dims[i]; i--)
            at[i] = 0;
    }
}

tn_status format_npy_write(const char *path, const tn_view *view, base_error *e)
{
    const char *descr = NULL;
    base_error own = {0};
    base_str header = {0};
    e = e ? e : &own;
    BASE_TRY(check_view(view, &descr, path, e));
    add_header(&header, view, descr);
    base_writer *w = header.failed ? NULL : base_writer_new(path, e);
    if (w) {
        (void)base_writer_write(w, header.text, header.length);
        write_data(w, view);
    }
    tn_status status = w               ? base_writer_commit(w)
                       : header.failed ? base_no_memory(e, "writing an .npy file")
                                       : e->status;
    base_str_free(&header);
    return status;
}
