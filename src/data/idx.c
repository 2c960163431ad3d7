/* idx.c: see idx.h. Everything the header says is checked against what is there before memory is taken. */
#include "data/idx.h"

#include <stdlib.h>
#include <string.h>

#include "data/gzip.h"

enum { MAGIC_BYTES = 4, DIM_BYTES = 4, MOST_HEADER = MAGIC_BYTES + DIM_BYTES * TN_MAX_RANK };

static tn_dtype dtype_of(unsigned char code)
{
    switch (code) {
    case 0x08: return TN_U8;
    case 0x09: return TN_I8;
    case 0x0B: return TN_I16;
    case 0x0C: return TN_I32;
    case 0x0D: return TN_F32;
    case 0x0E: return TN_F64;
    default: return TN_NONE;
    }
}

static tn_status check_magic(data_idx *x, const unsigned char *p, size_t bytes, const char *name, base_error *e)
{
    if (bytes < MAGIC_BYTES)
        return base_fail(e, TN_FORMAT, "%s is not an IDX file: it has %zu bytes, the header alone has 8 or more", name,
                         bytes);
    if (p[0] != 0 || p[1] != 0)
        return base_fail(e, TN_FORMAT, "%s is not an IDX file: it begins with bytes %02x %02x, IDX files with 00 00",
                         name, p[0], p[1]);
    x->dtype = dtype_of(p[2]);
    if (x->dtype == TN_NONE)
        return base_fail(e, TN_FORMAT,
                         "%s: offset 2: unknown element type 0x%02x; known are 08 (u8), 09 (i8), 0b (i16), "
                         "0c (i32), 0d (f32) and 0e (f64)",
                         name, p[2]);
    x->rank = p[3];
    if (x->rank < 1 || x->rank > TN_MAX_RANK)
        return base_fail(e, TN_FORMAT, "%s: offset 3: %d dimensions; 1 to %d are possible", name, x->rank, TN_MAX_RANK);
    size_t header = MAGIC_BYTES + DIM_BYTES * (size_t)x->rank;
    if (bytes < header)
        return base_fail(e, TN_FORMAT, "%s is cut off: it has %zu bytes, its header with %d dimensions has %zu", name,
                         bytes, x->rank, header);
    return TN_OK;
}

static int64_t big_endian_32(const unsigned char *p)
{
    return (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* Sizes from the header; *body is how many bytes must follow. */
static tn_status check_dims(data_idx *x, const unsigned char *p, const char *name, size_t *body, base_error *e)
{
    x->row_elements = 1;
    for (int i = 0; i < x->rank; i++) {
        x->dims[i] = big_endian_32(p + MAGIC_BYTES + DIM_BYTES * i);
        if (i == 0)
            continue;
        if (x->dims[i] == 0)
            return base_fail(e, TN_FORMAT, "%s: offset %d: dimension %d is 0", name, MAGIC_BYTES + DIM_BYTES * i, i);
        if (__builtin_mul_overflow(x->row_elements, x->dims[i], &x->row_elements))
            return base_fail(e, TN_FORMAT, "%s: the dimensions in its header multiply to more than memory can be",
                             name);
    }
    x->count = x->dims[0];
    size_t total;
    if (__builtin_mul_overflow((size_t)x->row_elements, tn_dtype_size(x->dtype), &x->row_bytes) ||
        __builtin_mul_overflow(x->row_bytes, (size_t)x->count, &total) || total > SIZE_MAX / 4)
        return base_fail(e, TN_FORMAT, "%s: the dimensions in its header multiply to more than memory can be", name);
    *body = total;
    return TN_OK;
}

static tn_status wrong_size(const data_idx *x, size_t have, size_t want, bool more, const char *name, base_error *e)
{
    return base_fail(e, TN_FORMAT,
                     "%s holds %s%zu bytes of elements; its header promises %lld entries of %zu bytes, which "
                     "is %zu: the file is %s",
                     name, more ? "more than " : "", have, (long long)x->count, x->row_bytes, want,
                     have < want ? "cut off" : "damaged, or too long");
}

/* ---- packed ---------------------------------------------------------------------------------------------------- */

static tn_status unpack_body(data_idx *x, data_gzip *z, size_t body, size_t limit, size_t most, const char *name,
                             base_error *e)
{
    if (body > most)
        return base_fail(e, TN_FORMAT,
                         "%s: its header promises %zu bytes of elements; as much cannot be packed into a "
                         "file of this size",
                         name, body);
    if (limit && body > limit)
        return base_fail(e, TN_LIMIT, "%s needs %zu bytes of memory; the limit is %zu", name, body, limit);
    size_t got = 0, more = 0;
    unsigned char *p = malloc(body + 1), extra;
    if (!p)
        return base_no_memory(e, "unpacking an IDX file");
    x->owned = p;
    x->rows = p;
    BASE_TRY(data_gzip_read(z, p, body, &got, e));
    if (got < body)
        return wrong_size(x, got, body, false, name, e);
    BASE_TRY(data_gzip_read(z, &extra, 1, &more, e)); /* reads the checksum too */
    return more ? wrong_size(x, body, body, true, name, e) : TN_OK;
}

static tn_status parse_packed(data_idx *x, const void *data, size_t bytes, const char *name, size_t limit,
                              base_error *e)
{
    data_gzip *z = data_gzip_new(data, bytes, name, e);
    if (!z)
        return e ? e->status : TN_FORMAT;
    unsigned char header[MOST_HEADER];
    size_t got = 0, more = 0, body = 0;
    tn_status status = data_gzip_read(z, header, MAGIC_BYTES, &got, e);
    if (status == TN_OK && got == MAGIC_BYTES && header[3] >= 1 && header[3] <= TN_MAX_RANK)
        status = data_gzip_read(z, header + MAGIC_BYTES, DIM_BYTES * (size_t)header[3], &more, e);
    if (status == TN_OK)
        status = check_magic(x, header, got + more, name, e);
    if (status == TN_OK)
        status = check_dims(x, header, name, &body, e);
    if (status == TN_OK)
        status = unpack_body(x, z, body, limit, data_gzip_most(bytes), name, e);
    data_gzip_free(z);
    return status;
}

/* ---- plain ----------------------------------------------------------------------------------------------------- */

static tn_status parse_plain(data_idx *x, const unsigned char *p, size_t bytes, const char *name, base_error *e)
{
    size_t body;
    BASE_TRY(check_magic(x, p, bytes, name, e));
    BASE_TRY(check_dims(x, p, name, &body, e));
    size_t header = MAGIC_BYTES + DIM_BYTES * (size_t)x->rank;
    if (bytes - header != body)
        return wrong_size(x, bytes - header, body, false, name, e);
    x->rows = p + header;
    return TN_OK;
}

tn_status data_idx_parse(data_idx *x, const void *data, size_t bytes, const char *name, size_t limit, base_error *e)
{
    *x = (data_idx){0};
    tn_status status =
        data_is_gzip(data, bytes) ? parse_packed(x, data, bytes, name, limit, e) : parse_plain(x, data, bytes, name, e);
    if (status != TN_OK)
        data_idx_close(x);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static tn_status open_mapped(data_idx *x, const char *path, size_t limit, base_error *e)
{
    base_mapping m;
    BASE_TRY(base_file_map(path, &m, e));
    tn_status status = data_idx_parse(x, m.data, m.bytes, path, limit, e);
    if (status == TN_OK && !x->owned)
        x->mapping = m;
    else
        base_file_unmap(&m);
    return status;
}

tn_status data_idx_open(data_idx *x, const char *path, bool map, size_t limit, base_error *e)
{
    *x = (data_idx){0};
    if (map)
        return open_mapped(x, path, limit, e);
    void *data;
    size_t bytes;
    BASE_TRY(base_file_read(path, limit ? limit : SIZE_MAX - 1, &data, &bytes, e));
    tn_status status = data_idx_parse(x, data, bytes, path, limit, e);
    if (status == TN_OK && !x->owned)
        x->owned = data;
    else
        free(data);
    return status;
}

void data_idx_close(data_idx *x)
{
    base_file_unmap(&x->mapping);
    free(x->owned);
    *x = (data_idx){0};
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static void copy_16(const unsigned char *p, uint16_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint16_t)(p[2 * i] << 8 | p[2 * i + 1]);
}

static uint32_t word(const unsigned char *p)
{
    return (uint32_t)big_endian_32(p);
}

static void copy_32(const unsigned char *p, uint32_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = word(p + 4 * i);
}

static void copy_64(const unsigned char *p, uint64_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint64_t)word(p + 8 * i) << 32 | word(p + 8 * i + 4);
}

void data_idx_row(const data_idx *x, int64_t index, void *out)
{
    const unsigned char *p = x->rows + (size_t)index * x->row_bytes;
    switch (tn_dtype_size(x->dtype)) {
    case 1: memcpy(out, p, x->row_bytes); break;
    case 2: copy_16(p, out, x->row_elements); break;
    case 4: copy_32(p, out, x->row_elements); break;
    default: copy_64(p, out, x->row_elements); break;
    }
}
