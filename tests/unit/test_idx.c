/* test_idx.c: IDX files: every dtype and rank, packed and plain, read and mapped; files that are cut off, too long, changed
 * in any byte of the header; MNIST's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/file.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "support/context.h"
#include "support/scratch.h"

#include <tarn/data.h>

/* A header in `to`; returns its size. */
static size_t header(unsigned char *to, unsigned char type, int rank, const uint32_t *dims)
{
    unsigned char *p = to;
    *p++ = 0;
    *p++ = 0;
    *p++ = type;
    *p++ = (unsigned char)rank;
    for (int i = 0; i < rank; i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            *p++ = (unsigned char)(dims[i] >> shift);
    return (size_t)(p - to);
}

static const char *put(const char *name, const void *data, size_t bytes)
{
    base_error e = {0};
    const char *path = scratch_path(name);
    assert_int_equal(base_file_write(path, data, bytes, &e), TN_OK);
    return path;
}

#ifdef TARN_HAVE_ZLIB
static size_t pack(const void *data, size_t bytes, unsigned char *to, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)bytes;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}
#endif

/* 5 pictures of 2 x 3, element i has value i; and their labels 0 1 2 0 1. */
static size_t pictures(unsigned char *to)
{
    size_t n = header(to, 0x08, 3, (uint32_t[]){5, 2, 3});
    for (int i = 0; i < 30; i++)
        to[n++] = (unsigned char)i;
    return n;
}

static size_t labels(unsigned char *to)
{
    size_t n = header(to, 0x08, 1, (uint32_t[]){5});
    for (int i = 0; i < 5; i++)
        to[n++] = (unsigned char)(i % 3);
    return n;
}

static void check_set(tn_dataset *d)
{
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 5);
    assert_int_equal(tn_dataset_classes(d), 3);
    const tn_field *x = tn_dataset_field(d, 0);
    assert_string_equal(x->name, "x");
    assert_int_equal(x->dtype, TN_U8);
    assert_int_equal(x->rank, 3);
    assert_true(x->dims[0] == 1 && x->dims[1] == 2 && x->dims[2] == 3);
    uint8_t row[6];
    int64_t y, label;
    tn_view views[2] = {tn_view_of(row, TN_U8, 3, x->dims), tn_view_of(&y, TN_I64, 0, NULL)};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tn_dataset_get(context, d, i, 0, views), TN_OK);
        assert_int_equal(row[5], 6 * i + 5);
        assert_int_equal(y, i % 3);
        assert_int_equal(tn_dataset_label(context, d, i, &label), TN_OK);
        assert_int_equal(y, label);
    }
    tn_dataset_free(d);
}

static void plain_packed_read_and_mapped_agree(void **state)
{
    (void)state;
    unsigned char x[100], y[100];
    size_t nx = pictures(x), ny = labels(y);
    const char *xs[2] = {put("x", x, nx)}, *ys[2] = {put("y", y, ny)};
    int n = 1;
#ifdef TARN_HAVE_ZLIB
    unsigned char packed[300];
    xs[1] = put("x.gz", packed, pack(x, nx, packed, sizeof packed));
    ys[1] = put("y.gz", packed, pack(y, ny, packed, sizeof packed));
    n = 2;
#endif
    for (int i = 0; i < n * n * 2; i++)
        check_set(tn_dataset_idx(context, xs[i % n], ys[i / n % n], TN_OPT(tn_idx_opt, .map = i / n / n)));
}

static void every_type_is_read_in_our_byte_order(void **state)
{
    (void)state;
    static const unsigned char bytes[16] = {0xC0, 0x49, 0x0F, 0xDB, 0x40, 0x00, 0, 0, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0};
    static const struct {
        unsigned char code;
        tn_dtype dtype;
    } types[] = {{0x08, TN_U8}, {0x09, TN_I8}, {0x0B, TN_I16}, {0x0C, TN_I32}, {0x0D, TN_F32}, {0x0E, TN_F64}};
    for (size_t t = 0; t < 6; t++) {
        unsigned char file[64];
        size_t size = tn_dtype_size(types[t].dtype);
        size_t n = header(file, types[t].code, 2, (uint32_t[]){1, (uint32_t)(16 / size)});
        memcpy(file + n, bytes, 16);
        data_idx x;
        base_error e = {0};
        assert_int_equal(data_idx_parse(&x, file, n + 16, "memory", 0, &e), TN_OK);
        assert_int_equal(x.dtype, types[t].dtype);
        union {
            uint8_t u8[16];
            int8_t i8[16];
            int16_t i16[8];
            int32_t i32[4];
            float f32[4];
            double f64[2];
        } v;
        data_idx_row(&x, 0, &v);
        switch (types[t].dtype) {
        case TN_U8: assert_int_equal(v.u8[0], 0xC0); break;
        case TN_I8: assert_int_equal(v.i8[0], -0x40); break;
        case TN_I16: assert_int_equal(v.i16[1], 0x0FDB); break;
        case TN_I32: assert_int_equal(v.i32[1], 0x40000000); break;
        case TN_F32: assert_true(v.f32[0] == -3.14159274101257324f && v.f32[1] == 2.0f); break;
        default: assert_true(v.f64[1] == 1.5); break;
        }
        data_idx_close(&x);
    }
}

static void shapes_of_samples(void **state)
{
    (void)state;
    static const struct {
        int rank;
        uint32_t dims[8];
        int sample_rank;
        int64_t sample[8];
    } cases[] = {{1, {4}, 0, {0}},
                 {2, {4, 3}, 1, {3}},
                 {3, {4, 3, 2}, 3, {1, 3, 2}},
                 {4, {4, 3, 1, 2}, 3, {3, 1, 2}},
                 {8, {4, 1, 1, 1, 1, 1, 1, 2}, 7, {1, 1, 1, 1, 1, 1, 2}}};
    for (size_t c = 0; c < 5; c++) {
        unsigned char file[100] = {0};
        size_t n = header(file, 0x08, cases[c].rank, cases[c].dims), body = 1;
        for (int i = 0; i < cases[c].rank; i++)
            body *= cases[c].dims[i];
        tn_dataset *d = tn_dataset_idx(context, put("s", file, n + body), NULL, NULL);
        assert_non_null(d);
        assert_int_equal(tn_dataset_fields(d), 1);
        assert_int_equal(tn_dataset_classes(d), 0);
        const tn_field *x = tn_dataset_field(d, 0);
        assert_int_equal(x->rank, cases[c].sample_rank);
        assert_memory_equal(x->dims, cases[c].sample, sizeof x->dims[0] * (size_t)x->rank);
        tn_dataset_free(d);
    }
}

static void empty_files_are_empty_sets(void **state)
{
    (void)state;
    unsigned char x[20], y[20];
    size_t nx = header(x, 0x08, 3, (uint32_t[]){0, 28, 28}), ny = header(y, 0x08, 1, (uint32_t[]){0});
    for (int map = 0; map < 2; map++) {
        tn_dataset *d = tn_dataset_idx(context, put("x", x, nx), put("y", y, ny), TN_OPT(tn_idx_opt, .map = map));
        assert_non_null(d);
        assert_int_equal(tn_dataset_count(d), 0);
        tn_dataset_free(d);
    }
}

/* No entries of 1.7 GB each: nothing is ever made for them. */
static void huge_samples_of_none_take_no_memory(void **state)
{
    (void)state;
    unsigned char x[20];
    size_t n = header(x, 0x08, 3, (uint32_t[]){0, 60000, 28000});
    tn_dataset *d = tn_dataset_idx(context, put("x", x, n), NULL, NULL);
    assert_non_null(d);
    tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 64, .memory_limit = 1 << 20));
    assert_non_null(l);
    const tn_batch *b;
    assert_int_equal(tn_loader_next(l, &b), TN_OK);
    assert_null(b);
    tn_loader_free(l);
    tn_dataset_free(d);
}

static void targets_need_not_be_classes(void **state)
{
    (void)state;
    unsigned char x[100], y[200];
    size_t nx = pictures(x), ny = header(y, 0x0E, 2, (uint32_t[]){5, 2});
    memset(y + ny, 0, 80);
    tn_dataset *d = tn_dataset_idx(context, put("x", x, nx), put("y", y, ny + 80), NULL);
    assert_non_null(d);
    assert_int_equal(tn_dataset_classes(d), 0);
    assert_int_equal(tn_dataset_field(d, 1)->dtype, TN_F64);
    assert_int_equal(tn_dataset_field(d, 1)->dims[0], 2);
    tn_dataset_free(d);
}

static void refuse(const char *x, const char *y, const tn_idx_opt *opt, const char *why)
{
    assert_null(tn_dataset_idx(context, x, y, opt));
    if (!strstr(tn_context_error(context), why))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(context), why);
}

static void wrong_labels_are_told(void **state)
{
    (void)state;
    unsigned char x[100], y[100];
    size_t nx = pictures(x), ny = labels(y);
    const char *xs = put("x", x, nx), *ys = put("y", y, ny);
    refuse(xs, ys, TN_OPT(tn_idx_opt, .classes = 2), "y: offset 10: label 2 of entry 2 lies outside 0 to 1");
    refuse(xs, ys, TN_OPT(tn_idx_opt, .classes = -2), "not -2");
    y[2] = 0x09; /* i8 */
    y[8] = 0xff;
    refuse(xs, put("z", y, ny), NULL, "z: offset 8: label -1 of entry 0 lies outside");
    ny = header(y, 0x08, 1, (uint32_t[]){6});
    memset(y + ny, 0, 6);
    refuse(xs, put("z", y, ny + 6), NULL, "x has 5 entries");
    ny = header(y, 0x0C, 1, (uint32_t[]){5});
    memset(y + ny, 0, 20);
    y[ny] = 0x7f;
    refuse(xs, put("z", y, ny + 20), NULL, "label 2130706432 of entry 0");
    refuse(NULL, ys, NULL, "needs the path");
    refuse(scratch_path("none"), ys, NULL, "none: ");
    refuse(xs, scratch_path("none"), NULL, "none: ");
}

static void bad_headers_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
        {"", 0, "it has 0 bytes"},
        {"\0\0\x08", 3, "it has 3 bytes"},
        {"\1\0\x08\1\0\0\0\0", 8, "begins with bytes 01 00"},
        {"PNG.....", 8, "begins with bytes 50 4e"},
        {"\0\0\x0A\1\0\0\0\0", 8, "offset 2: unknown element type 0x0a"},
        {"\0\0\x08\0\0\0\0\0", 8, "offset 3: 0 dimensions"},
        {"\0\0\x08\x09\0\0\0\0", 8, "offset 3: 9 dimensions"},
        {"\0\0\x08\2\0\0\0\1\0\0\0", 11, "its header with 2 dimensions has 12"},
        {"\0\0\x08\2\0\0\0\1\0\0\0\0", 12, "offset 8: dimension 1 is 0"},
        {"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", 12, "more than memory can be"},
        {"\0\0\x0E\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20, "more than memory can be"},
        {"\0\0\x08\2\x7f\xff\xff\xff\x0f\xff\xff\xff", 12, "the file is cut off"},
        {"\0\0\x08\1\0\0\0\1", 8, "holds 0 bytes of elements; its header promises 1 entries of 1 bytes"},
        {"\0\0\x08\1\0\0\0\1\7\7", 10, "damaged, or too long"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        data_idx x;
        base_error e = {0};
        assert_int_equal(data_idx_parse(&x, cases[c].bytes, cases[c].n, "a.idx", 0, &e), TN_FORMAT);
        if (!strstr(e.text, cases[c].why) || !strstr(e.text, "a.idx"))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", c, e.text, cases[c].why);
    }
}

/* Whatever is read lies inside; sums keep the reads from being optimised away. */
static tn_status try_bytes(const unsigned char *bytes, size_t n, base_error *e)
{
    data_idx x;
    base_clear(e);
    unsigned char *exact = malloc(n ? n : 1); /* so that AddressSanitizer sees one byte too many */
    memcpy(exact, bytes, n);
    tn_status status = data_idx_parse(&x, exact, n, "f", 0, e);
    if (status == TN_OK) {
        unsigned char *row = malloc(x.row_bytes);
        for (int64_t i = 0; i < x.count; i++)
            data_idx_row(&x, i, row);
        free(row);
        data_idx_close(&x);
    } else {
        assert_true(e->text[0] && strstr(e->text, "f"));
    }
    free(exact);
    return status;
}

static void cut_and_changed_files_never_pass_or_crash(void **state)
{
    (void)state;
    unsigned char x[100];
    base_error e = {0};
    size_t n = pictures(x);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(try_bytes(x, cut, &e), TN_FORMAT);
    for (size_t i = 0; i < 16; i++) /* a changed header never fits the body */
        for (unsigned v = 0; v < 256; v++) {
            unsigned char old = x[i];
            x[i] = (unsigned char)v;
            bool same_size = v == old || (i == 2 && v == 0x09); /* i8 for u8 cannot be told */
            assert_int_equal(try_bytes(x, n, &e), same_size ? TN_OK : TN_FORMAT);
            x[i] = old;
        }
}

#ifdef TARN_HAVE_ZLIB
static void packed_files_are_checked(void **state)
{
    (void)state;
    unsigned char x[100], packed[300];
    base_error e = {0};
    size_t n = pack(x, pictures(x), packed, sizeof packed);
    assert_int_equal(try_bytes(packed, n, &e), TN_OK);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(try_bytes(packed, cut, &e), TN_FORMAT);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            packed[i] ^= (unsigned char)(1 << bit);
            data_idx read;
            /* flags, time and system of the gzip header and the last bits of deflate may be anything */
            if (try_bytes(packed, n, &e) == TN_OK) {
                assert_int_equal(data_idx_parse(&read, packed, n, "f", 0, &e), TN_OK);
                assert_true(read.count == 5 && read.row_bytes == 6);
                assert_memory_equal(read.rows, x + 16, 30);
                data_idx_close(&read);
            }
            packed[i] ^= (unsigned char)(1 << bit);
        }
    memset(packed + n, 0, 10); /* padding, as tapes have it */
    assert_int_equal(try_bytes(packed, n + 10, &e), TN_OK);
    packed[n + 3] = 7;
    assert_int_equal(try_bytes(packed, n + 10, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "something that is not gzip follows"));
}

static void packed_files_may_have_members_and_must_have_the_size(void **state)
{
    (void)state;
    unsigned char x[100], packed[400];
    base_error e = {0};
    size_t n = pictures(x), half = pack(x, 20, packed, sizeof packed);
    size_t whole = half + pack(x + 20, n - 20, packed + half, sizeof packed - half);
    assert_int_equal(try_bytes(packed, whole, &e), TN_OK);
    assert_int_equal(try_bytes(packed, half, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "holds 4 bytes of elements"));
    whole += pack(x, 1, packed + whole, sizeof packed - whole);
    assert_int_equal(try_bytes(packed, whole, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "holds more than 30 bytes"));
    static const unsigned char bomb[] = {0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff};
    whole = pack(bomb, sizeof bomb, packed, sizeof packed);
    assert_int_equal(try_bytes(packed, whole, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "cannot be packed into a file of this size"));
}

static void memory_is_limited(void **state)
{
    (void)state;
    unsigned char x[100], packed[300];
    size_t n = pictures(x);
    refuse(put("x", x, n), NULL, TN_OPT(tn_idx_opt, .memory_limit = 40), "at most 40 are read");
    refuse(put("x", packed, pack(x, n, packed, sizeof packed)), NULL,
           TN_OPT(tn_idx_opt, .memory_limit = 20, .map = true), "needs 30 bytes of memory; the limit is 20");
}

static void mnist_is_found_in_its_folder(void **state)
{
    (void)state;
    unsigned char x[100], y[100], packed[300];
    size_t nx = pictures(x), ny = labels(y);
    tn_dataset *d = tn_dataset_mnist(context, scratch_path("nowhere"), true, NULL);
    assert_null(d);
    assert_non_null(strstr(tn_context_error(context), "there is no folder"));
    base_error e = {0};
    const char *folder = scratch_path("mnist");
    assert_int_equal(base_make_folder(folder, &e), TN_OK);
    put("mnist/train-images-idx3-ubyte.gz", packed, pack(x, nx, packed, sizeof packed));
    d = tn_dataset_mnist(context, folder, true, NULL);
    assert_null(d);
    assert_non_null(
        strstr(tn_context_error(context), "neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz"));
    put("mnist/train-labels-idx1-ubyte", y, ny);
    d = tn_dataset_mnist(context, folder, true, TN_OPT(tn_idx_opt, .map = true));
    assert_non_null(d);
    assert_int_equal(tn_dataset_classes(d), 10);
    tn_dataset_free(d);
    d = tn_dataset_mnist(context, folder, false, NULL);
    assert_null(d);
    assert_non_null(strstr(tn_context_error(context), "t10k-images-idx3-ubyte"));
}

static void the_real_mnist(void **state)
{
    (void)state;
    const char *root = getenv("TARN_DATA");
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s/mnist", root ? root : TARN_SOURCE_DIR "/../shared/data");
    if (!base_is_folder(folder)) {
        print_message("SKIPPED: there is no folder %s\n", folder);
        skip();
    }
    for (int train = 0; train < 2; train++) {
        tn_dataset *d = tn_dataset_mnist(context, folder, train, NULL);
        if (!d)
            fail_msg("%s", tn_context_error(context));
        assert_int_equal(tn_dataset_count(d), train ? 60000 : 10000);
        assert_int_equal(tn_dataset_field(d, 0)->dims[2], 28);
        int64_t label, n[10] = {0};
        for (int64_t i = 0; i < tn_dataset_count(d); i++) {
            assert_int_equal(tn_dataset_label(context, d, i, &label), TN_OK);
            n[label]++;
        }
        assert_int_equal(n[0], train ? 5923 : 980);
        tn_dataset_free(d);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_packed_read_and_mapped_agree),
        cmocka_unit_test(every_type_is_read_in_our_byte_order),
        cmocka_unit_test(shapes_of_samples),
        cmocka_unit_test(empty_files_are_empty_sets),
        cmocka_unit_test(huge_samples_of_none_take_no_memory),
        cmocka_unit_test(targets_need_not_be_classes),
        cmocka_unit_test(wrong_labels_are_told),
        cmocka_unit_test(bad_headers_are_told),
        cmocka_unit_test(cut_and_changed_files_never_pass_or_crash),
#ifdef TARN_HAVE_ZLIB
        cmocka_unit_test(packed_files_are_checked),
        cmocka_unit_test(packed_files_may_have_members_and_must_have_the_size),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(mnist_is_found_in_its_folder),
        cmocka_unit_test(the_real_mnist),
#endif
    };
    return cmocka_run_group_tests(tests, context_begin_scratch, context_end_scratch);
}
