/* test_npy.c: files of numpy are read (tests/golden/make_npy.py), files of ours come back, damaged ones give a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/npy.h"
#include "support/scratch.h"

#define GOLDEN TARN_SOURCE_DIR "/tests/golden/npy/"
#define LEFT TARN_BINARY_DIR "/npy_" /* left there for make_npy.py --check */

static const double f64s[] = {0, 1, 2, 3, 4, 5};
static const float f32s[] = {0, 1, 2, 3, 4, 5};
static const uint16_t f16s[] = {0, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500};
static const int64_t i64s[] = {0, 1, 2, 3, 4, 5};
static const int32_t i32s[] = {0, 1, 2, 3, 4, 5};
static const int16_t i16s[] = {0, 1, 2, 3, 4, 5};
static const uint8_t u8s[] = {0, 1, 2, 3, 4, 5}, bools[] = {0, 1, 0, 1, 0, 1};

static const struct {
    const char *name;
    tn_dtype dtype;
    const void *data;
} every_dtype[] = {{"f8", TN_F64, f64s}, {"f4", TN_F32, f32s}, {"f2", TN_F16, f16s},
                   {"i8", TN_I64, i64s}, {"i4", TN_I32, i32s}, {"i2", TN_I16, i16s},
                   {"i1", TN_I8, u8s},   {"u1", TN_U8, u8s},   {"b1", TN_BOOL, bools}};
enum { DTYPES = sizeof every_dtype / sizeof *every_dtype };

static format_npy open_file(const char *path)
{
    base_error e = {0};
    format_npy f;
    if (format_npy_open(path, &f, &e) != TN_OK)
        fail_msg("%s", e.text);
    return f;
}

static tn_view view_of(const void *data, tn_dtype dtype, int rank, const int64_t *dims)
{
    return tn_view_of((void *)(uintptr_t)data, dtype, rank, dims);
}

static void test_dtypes(void **state)
{
    (void)state;
    for (int i = 0; i < DTYPES; i++) {
        char path[512];
        base_error e = {0};
        tn_view v = view_of(every_dtype[i].data, every_dtype[i].dtype, 2, (int64_t[]){2, 3});
        (void)snprintf(path, sizeof path, LEFT "%s.npy", every_dtype[i].name);
        assert_int_equal(format_npy_write(path, &v, &e), TN_OK);
        for (int ours = 0; ours < 2; ours++) {
            if (!ours)
                (void)snprintf(path, sizeof path, GOLDEN "%s.npy", every_dtype[i].name);
            format_npy f = open_file(path);
            assert_int_equal(f.view.dtype, v.dtype);
            assert_int_equal(f.view.rank, 2);
            assert_true(f.view.dims[0] == 2 && f.view.dims[1] == 3 && !f.view.strided);
            assert_int_equal(f.view.bytes, v.bytes);
            assert_memory_equal(f.view.data, v.data, v.bytes);
            format_npy_close(&f);
            (void)snprintf(path, sizeof path, LEFT "%s.npy", every_dtype[i].name);
        }
    }
}

static void test_same_bytes(void **state)
{
    (void)state;
    base_error e = {0};
    base_mapping a, b;
    assert_int_equal(base_file_map(GOLDEN "f4.npy", &a, &e), TN_OK);
    assert_int_equal(base_file_map(LEFT "f4.npy", &b, &e), TN_OK);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, b.data, a.bytes);
    base_file_unmap(&a);
    base_file_unmap(&b);
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const versions[] = {GOLDEN "version2.npy", GOLDEN "version3.npy"};
    for (int i = 0; i < 2; i++) {
        format_npy f = open_file(versions[i]);
        assert_memory_equal(f.view.data, f32s, sizeof f32s);
        format_npy_close(&f);
    }
    format_npy f = open_file(GOLDEN "scalar.npy");
    assert_int_equal(f.view.rank, 0);
    assert_true(*(const float *)f.view.data == 1.5f);
    format_npy_close(&f);
    f = open_file(GOLDEN "empty.npy");
    assert_true(f.view.rank == 2 && f.view.dims[0] == 0 && f.view.bytes == 0);
    format_npy_close(&f);
    f = open_file(GOLDEN "vector.npy");
    assert_true(f.view.rank == 1 && f.view.dims[0] == 6);
    format_npy_close(&f);
    f = open_file(GOLDEN "fortran.npy");
    assert_true(f.view.strided && f.view.strides[0] == 1 && f.view.strides[1] == 2);
    base_error e = {0};
    const char *path = scratch_path("c.npy");
    assert_int_equal(format_npy_write(path, &f.view, &e), TN_OK);
    format_npy_close(&f);
    f = open_file(path);
    assert_memory_equal(f.view.data, f32s, sizeof f32s);
    format_npy_close(&f);
}

static void test_writes(void **state)
{
    (void)state;
    base_error e = {0};
    tn_view turned = view_of(f32s, TN_F32, 2, (int64_t[]){3, 2});
    turned.strided = true;
    turned.strides[0] = 1;
    turned.strides[1] = 3;
    assert_int_equal(format_npy_write(LEFT "turned.npy", &turned, &e), TN_OK);
    tn_view v = view_of(f32s, TN_F32, 0, NULL);
    assert_int_equal(format_npy_write(LEFT "scalar.npy", &v, &e), TN_OK);
    v = view_of(f32s, TN_F32, 2, (int64_t[]){0, 3});
    assert_int_equal(format_npy_write(LEFT "empty.npy", &v, &e), TN_OK);
    v = view_of(f32s, TN_F32, 1, (int64_t[]){6});
    assert_int_equal(format_npy_write(LEFT "vector.npy", &v, &e), TN_OK);
    tn_view part = view_of(f32s, TN_F32, 2, (int64_t[]){2, 2}); /* two columns of three: runs */
    part.strided = true;
    part.bytes = sizeof f32s;
    part.strides[0] = 3;
    part.strides[1] = 1;
    assert_int_equal(format_npy_write(scratch_path("part.npy"), &part, &e), TN_OK);
    format_npy f = open_file(scratch_path("part.npy"));
    assert_memory_equal(f.view.data, ((const float[]){0, 1, 3, 4}), 16);
    format_npy_close(&f);
}

static void refuses_view(const tn_view *v, tn_status due, const char *part)
{
    base_error e = {0};
    assert_int_equal(format_npy_write(scratch_path("refused.npy"), v, &e), due);
    if (!strstr(e.text, part))
        fail_msg("'%s' lacks '%s'", e.text, part);
    assert_false(base_file_exists(scratch_path("refused.npy")));
}

static void test_refuses_to_write(void **state)
{
    (void)state;
    tn_view v = view_of(f32s, TN_BF16, 1, (int64_t[]){6});
    refuses_view(&v, TN_DTYPE, "cannot hold dtype bf16");
    v = view_of(f32s, TN_F32, 1, (int64_t[]){7});
    v.bytes = sizeof f32s;
    refuses_view(&v, TN_SHAPE, "reaches beyond its 24 bytes");
    v.dims[0] = -1;
    refuses_view(&v, TN_SHAPE, "negative or too large");
    v.dims[0] = 4;
    v.strided = true;
    v.strides[0] = 2;
    refuses_view(&v, TN_SHAPE, "reaches beyond");
    v.strides[0] = INT64_MAX;
    refuses_view(&v, TN_SHAPE, "strides are negative or too large");
    v.rank = 9;
    refuses_view(&v, TN_SHAPE, "9 dimensions");
    v = view_of(f32s, TN_F32, 1, (int64_t[]){6});
    base_error e = {0};
    assert_int_not_equal(format_npy_write("/nowhere/x.npy", &v, &e), TN_OK);
    for (size_t room = 0; room < 150; room += 40) {
        scratch_disk_full(room);
        tn_status status = format_npy_write(scratch_path("refused.npy"), &v, &e);
        scratch_disk_free();
        assert_int_equal(status, TN_IO);
        assert_false(base_file_exists(scratch_path("refused.npy")));
    }
}

static void refuses(const char *header, size_t data, tn_status due, const char *part)
{
    unsigned char buffer[1024] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    base_error e = {0};
    tn_view v;
    size_t length = strlen(header);
    buffer[8] = (unsigned char)length;
    buffer[9] = (unsigned char)(length >> 8);
    memcpy(buffer + 10, header, length);
    tn_status status = format_npy_borrow(buffer, 10 + length + data, "x.npy", &v, &e);
    if (status == TN_OK || !strstr(e.text, part) || strncmp(e.text, "x.npy", 5) != 0)
        fail_msg("%s: '%s' lacks '%s'", header, e.text, part);
    assert_int_equal(status, due);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *path, *part;
    } files[] = {{GOLDEN "big.npy", "dtype '>f4' is big-endian"},
                 {GOLDEN "unsigned.npy", "unsigned integers wider than 8 bits"},
                 {GOLDEN "object.npy", "never unpickled"},
                 {GOLDEN "record.npy", "holds records"},
                 {GOLDEN "rank9.npy", "more than 8 dimensions"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        base_error e = {0};
        format_npy f;
        assert_int_equal(format_npy_open(files[i].path, &f, &e), TN_UNSUPPORTED);
        if (!strstr(e.text, files[i].part))
            fail_msg("'%s' lacks '%s'", e.text, files[i].part);
    }
    refuses("", 0, TN_FORMAT, "'{' is due");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, TN_FORMAT,
            "need 8 bytes, but 7 follow the header: it is cut short");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, TN_FORMAT, "need 8 bytes, but 9 follow");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 0, TN_FORMAT,
            "does not fit into 64 bits");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", 0, TN_FORMAT,
            "does not fit into 64 bits");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 0, TN_FORMAT,
            "does not fit into 64 bits");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 0, TN_FORMAT, "a whole number from 0 is due");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': 3}", 0, TN_FORMAT, "the shape in parentheses");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (3", 0, TN_FORMAT, "')' behind the shape");
    refuses("{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", 0, TN_FORMAT, "True or False is due");
    refuses("{'descr': '<f4', 'descr': '<f4'}", 0, TN_FORMAT, "unknown or doubled key 'descr'");
    refuses("{'descr': '<f4', 'x': 1}", 0, TN_FORMAT, "unknown or doubled key 'x'");
    refuses("{'descr': '<f4'}", 0, TN_FORMAT, "lacks descr, fortran_order or shape");
    refuses("{'descr' '<f4'}", 0, TN_FORMAT, "':' is due");
    refuses("{'descr': '<f4' 'shape': ()}", 0, TN_FORMAT, "'}' is due");
    refuses("{'descr': '", 0, TN_FORMAT, "a short text in quotes");
    refuses("{'descr': ''}", 0, TN_UNSUPPORTED, "not a type that Tarn has");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", 4, TN_FORMAT, "nothing but space");
}

static void test_any_damage(void **state)
{
    (void)state;
    static const char *const files[] = {GOLDEN "fortran.npy", GOLDEN "version2.npy", GOLDEN "empty.npy",
                                        GOLDEN "b1.npy"};
    for (int k = 0; k < 4; k++) {
        base_mapping m;
        base_error e = {0};
        tn_view v;
        assert_int_equal(base_file_map(files[k], &m, &e), TN_OK);
        for (size_t cut = 0; cut < m.bytes; cut++) {
            unsigned char *copy = malloc(cut + 1);
            memcpy(copy, m.data, cut);
            assert_int_not_equal(format_npy_borrow(copy, cut, "m", &v, &e), TN_OK);
            free(copy);
        }
        for (size_t i = 0; i < m.bytes; i++)
            for (int flip = 0; flip < 256; flip++) {
                unsigned char *copy = malloc(m.bytes);
                memcpy(copy, m.data, m.bytes);
                copy[i] = (unsigned char)flip;
                if (format_npy_borrow(copy, m.bytes, "m", &v, &e) == TN_OK)
                    assert_true((const unsigned char *)v.data + v.bytes == copy + m.bytes);
                free(copy);
            }
        base_file_unmap(&m);
    }
}

static int set_up(void **state)
{
    (void)state;
    scratch_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtypes),     cmocka_unit_test(test_same_bytes),       cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_writes),     cmocka_unit_test(test_refuses_to_write), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_any_damage),
    };
    return cmocka_run_group_tests_name("npy", tests, set_up, tear_down);
}
