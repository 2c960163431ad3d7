/* test_safetensors.c: files of the Python package are read (tests/golden/make_safetensors.py), files of ours come back,
 * and whatever is wrong with a file gives a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "support/scratch.h"

#define GOLDEN TARN_SOURCE_DIR "/tests/golden/safetensors/"

static format_safetensors *open_file(const char *path)
{
    base_error e = {0};
    format_safetensors *f = NULL;
    if (format_safetensors_open(path, &f, &e) != TN_OK)
        fail_msg("%s", e.text);
    return f;
}

/* ---- golden files ---------------------------------------------------------------------------------------------- */

static const double f64s[] = {0, 1, 2, 3, 4, 5};
static const float f32s[] = {0, 1, 2, 3, 4, 5};
static const uint16_t f16s[] = {0, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500};
static const uint16_t bf16s[] = {0, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0};
static const int64_t i64s[] = {0, 1, 2, 3, 4, 5};
static const int32_t i32s[] = {0, 1, 2, 3, 4, 5};
static const int16_t i16s[] = {0, 1, 2, 3, 4, 5};
static const uint8_t u8s[] = {0, 1, 2, 3, 4, 5}, bools[] = {0, 1, 0, 1, 0, 1};

static const format_tensor every_dtype[] = {
    {"bool", TN_BOOL, 2, {2, 3}, bools, 6}, {"u8", TN_U8, 2, {2, 3}, u8s, 6},
    {"i8", TN_I8, 2, {2, 3}, u8s, 6},       {"i16", TN_I16, 2, {2, 3}, i16s, 12},
    {"i32", TN_I32, 2, {2, 3}, i32s, 24},   {"i64", TN_I64, 2, {2, 3}, i64s, 48},
    {"f16", TN_F16, 2, {2, 3}, f16s, 12},   {"bf16", TN_BF16, 2, {2, 3}, bf16s, 12},
    {"f32", TN_F32, 2, {2, 3}, f32s, 24},   {"f64", TN_F64, 2, {2, 3}, f64s, 48},
};
static const float scalar = 1.5f, pair[] = {0.5f, -0.25f};
static const format_tensor shapes[] = {
    {"scalar", TN_F32, 0, {0}, &scalar, 4},
    {"empty", TN_F32, 2, {0, 3}, NULL, 0},
    {"rank8", TN_F32, 8, {1, 1, 1, 2, 1, 1, 2, 1}, f32s, 16},
    {"layers.0.weight", TN_F32, 2, {1, 2}, pair, 8},
};

static void same(const format_tensor *due, const format_tensor *got)
{
    if (!got)
        fail_msg("tensor %s is missing", due->name);
    assert_string_equal(due->name, got->name);
    assert_int_equal(due->dtype, got->dtype);
    assert_int_equal(due->rank, got->rank);
    assert_memory_equal(due->dims, got->dims, sizeof due->dims);
    assert_int_equal(due->bytes, got->bytes);
    if (due->bytes)
        assert_memory_equal(due->data, got->data, due->bytes);
}

static void test_golden_dtypes(void **state)
{
    (void)state;
    format_safetensors *f = open_file(GOLDEN "dtypes.safetensors");
    assert_int_equal(f->n, 10);
    for (size_t i = 0; i < 10; i++)
        same(&every_dtype[i], format_safetensors_find(f, every_dtype[i].name));
    assert_null(format_safetensors_find(f, "f31"));
    assert_int_equal(f->metadata_n, 0);
    format_safetensors_free(f);
}

static void test_golden_shapes(void **state)
{
    (void)state;
    format_safetensors *f = open_file(GOLDEN "shapes.safetensors");
    assert_int_equal(f->n, 4);
    for (size_t i = 0; i < 4; i++)
        same(&shapes[i], format_safetensors_find(f, shapes[i].name));
    assert_string_equal(format_safetensors_metadata(f, "labels"), "[\"zero\",\"\xC3\xA4\"]");
    assert_null(format_safetensors_metadata(f, "label"));
    format_safetensors_free(f);
    f = open_file(GOLDEN "none.safetensors");
    assert_int_equal(f->n, 0);
    assert_null(format_safetensors_find(f, "x"));
    format_safetensors_free(f);
    format_safetensors_free(NULL);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static size_t all_tensors(format_tensor out[14])
{
    memcpy(out, every_dtype, sizeof every_dtype);
    memcpy(out + 10, shapes, sizeof shapes);
    return 14;
}

static const format_pair metadata[] = {{"labels", "[\"a\",\"\xC3\xA4\"]"},
                                       {"note", "quote \" backslash \\ newline \n tab \t bell \x07"}};

static void test_comes_back(void **state)
{
    (void)state;
    const char *path = TARN_BINARY_DIR "/test_safetensors.safetensors"; /* left there for make_safetensors.py --check */
    base_error e = {0};
    format_tensor tensors[14];
    size_t n = all_tensors(tensors);
    assert_int_equal(format_safetensors_write(path, tensors, n, metadata, 2, &e), TN_OK);
    format_safetensors *f = open_file(path);
    assert_int_equal(f->n, n);
    for (size_t i = 0; i < n; i++)
        same(&tensors[i], format_safetensors_find(f, tensors[i].name));
    const unsigned char *base = NULL;
    for (size_t i = 0; i < n; i++) {
        const format_tensor *t = &f->tensors[i];
        base = base ? base : t->data;
        assert_int_equal((uintptr_t)t->data % tn_dtype_size(t->dtype), 0); /* the header is padded to 8 */
    }
    assert_int_equal(f->metadata_n, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(f->metadata[i].key, metadata[i].key);
        assert_string_equal(f->metadata[i].value, metadata[i].value);
    }
    format_safetensors_free(f);
}

static void test_streams(void **state)
{
    (void)state;
    base_error e = {0};
    format_tensor tensors[14];
    size_t n = all_tensors(tensors), turns = 0;
    const char *path = scratch_path("streamed.safetensors");
    format_safetensors_writer *w = format_safetensors_begin(path, tensors, n, NULL, 0, &e);
    assert_non_null(w);
    for (size_t i = format_safetensors_due(w); i < n; i = format_safetensors_due(w), turns++) {
        assert_int_equal(format_safetensors_put(w, tensors[i].data, 1), TN_OK);
        assert_int_equal(format_safetensors_put(w, NULL, 0), TN_OK);
        assert_int_equal(format_safetensors_put(w, (const char *)tensors[i].data + 1, tensors[i].bytes - 1), TN_OK);
    }
    assert_int_equal(turns, n - 1); /* the empty one is passed over */
    assert_int_equal(format_safetensors_commit(w), TN_OK);
    format_safetensors *f = open_file(path);
    for (size_t i = 0; i < n; i++)
        same(&tensors[i], format_safetensors_find(f, tensors[i].name));
    format_safetensors_free(f);
}

static void test_stream_misused(void **state)
{
    (void)state;
    base_error e = {0};
    const char *path = scratch_path("misused.safetensors");
    format_safetensors_writer *w = format_safetensors_begin(path, &every_dtype[4], 1, NULL, 0, &e);
    assert_int_equal(format_safetensors_put(w, f64s, 25), TN_INVALID);
    assert_non_null(strstr(e.text, "24 bytes of data are due for tensor 0 of the list, 25 came"));
    assert_int_equal(format_safetensors_put(w, f64s, 20), TN_OK);
    assert_int_equal(format_safetensors_commit(w), TN_INVALID);
    assert_non_null(strstr(e.text, "data are missing from tensor 0"));
    assert_false(base_file_exists(path));
    format_safetensors_abandon(format_safetensors_begin(path, every_dtype, 10, NULL, 0, &e));
    format_safetensors_abandon(NULL);
    assert_false(base_file_exists(path));
}

static void refuses_to_write(const format_tensor *t, size_t n, const format_pair *pairs, size_t pairs_n,
                             const char *part)
{
    base_error e = {0};
    const char *path = scratch_path("refused.safetensors");
    assert_int_not_equal(format_safetensors_write(path, t, n, pairs, pairs_n, &e), TN_OK);
    if (!strstr(e.text, part))
        fail_msg("'%s' lacks '%s'", e.text, part);
    assert_int_not_equal(format_safetensors_write(path, t, n, pairs, pairs_n, NULL), TN_OK);
    assert_false(base_file_exists(path));
}

static void test_refuses_to_write(void **state)
{
    (void)state;
    format_tensor t[2] = {every_dtype[8], every_dtype[8]};
    refuses_to_write(t, 2, NULL, 0, "the tensor 'f32' is given twice");
    t[0].name = "__metadata__";
    refuses_to_write(t, 1, NULL, 0, "cannot have the name");
    t[0].name = "a\xff";
    refuses_to_write(t, 1, NULL, 0, "is not UTF-8");
    t[0].name = NULL;
    refuses_to_write(t, 1, NULL, 0, "has no name");
    t[0] = every_dtype[8];
    t[0].dtype = TN_NONE;
    refuses_to_write(t, 1, NULL, 0, "has no dtype");
    t[0] = every_dtype[8];
    t[0].dims[0] = -1;
    refuses_to_write(t, 1, NULL, 0, "negative or too large");
    t[0].dims[0] = INT64_MAX;
    refuses_to_write(t, 1, NULL, 0, "negative or too large");
    t[0].rank = 9;
    refuses_to_write(t, 1, NULL, 0, "9 dimensions");
    refuses_to_write(NULL, 0, (format_pair[]){{"a", "1"}, {"a", "2"}}, 2, "the metadata key 'a' is given twice");
    refuses_to_write(NULL, 0, (format_pair[]){{"a", "\xff"}}, 1, "metadata of key 'a' is not UTF-8");
    refuses_to_write(NULL, 0, (format_pair[]){{"\xff", ""}}, 1, "metadata key '?' is not UTF-8");
    refuses_to_write(NULL, 0, (format_pair[]){{NULL, ""}}, 1, "lacks its key");
}

static void test_disk_full(void **state)
{
    (void)state;
    base_error e = {0};
    const char *path = scratch_path("full.safetensors");
    assert_int_equal(format_safetensors_write(path, every_dtype, 1, NULL, 0, &e), TN_OK);
    int before = scratch_count();
    for (size_t room = 0; room < 800; room += 50) { /* in the length, the header, the data */
        scratch_disk_full(room);
        tn_status status = format_safetensors_write(path, every_dtype, 10, NULL, 0, &e);
        scratch_disk_free();
        assert_int_equal(status, TN_IO);
        assert_non_null(strstr(e.text, "cannot write "));
    }
    assert_int_equal(scratch_count(), before);
    format_safetensors *f = open_file(path);
    assert_int_equal(f->n, 1);
    format_safetensors_free(f);
}

static void test_unwritable(void **state)
{
    (void)state;
    base_error e = {0};
    assert_int_not_equal(format_safetensors_write("/nowhere/at/all", every_dtype, 1, NULL, 0, &e), TN_OK);
    assert_non_null(strstr(e.text, "cannot write /nowhere/at/all: "));
    assert_int_not_equal(format_safetensors_write("/proc/tarn", every_dtype, 1, NULL, 0, &e), TN_OK);
    assert_int_not_equal(format_safetensors_write(scratch_path("."), every_dtype, 1, NULL, 0, &e), TN_OK);
}

/* ---- files that lie -------------------------------------------------------------------------------------------- */

/* A file with this header (not padded) and so many bytes of data. */
static size_t make(unsigned char *buffer, const char *header, size_t data)
{
    size_t length = strlen(header);
    memset(buffer, 0, 8 + length + data);
    buffer[0] = (unsigned char)length;
    buffer[1] = (unsigned char)(length >> 8);
    memcpy(buffer + 8, header, length);
    return 8 + length + data;
}

static void refuses(const char *header, size_t data, tn_status due, const char *part)
{
    unsigned char buffer[4096];
    base_error e = {0};
    format_safetensors *f = NULL;
    size_t bytes = make(buffer, header, data);
    tn_status status = format_safetensors_borrow(buffer, bytes, "m.safetensors", &f, &e);
    if (status == TN_OK)
        fail_msg("accepted: %s", header);
    if (!strstr(e.text, part) || strncmp(e.text, "m.safetensors", 13) != 0)
        fail_msg("'%s' lacks '%s'", e.text, part);
    assert_int_equal(status, due);
    assert_null(f);
    assert_int_equal(format_safetensors_borrow(buffer, bytes, "m", &f, NULL), due);
}

#define T(name, dtype, shape, from, to)                                                                                \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void test_refuses_headers(void **state)
{
    (void)state;
    refuses("", 0, TN_FORMAT, "is not '{'");
    refuses(" {}", 0, TN_FORMAT, "is not '{'");
    refuses("{", 0, TN_FORMAT, "is not '{'");
    refuses("{]", 0, TN_FORMAT, "header is not JSON");
    refuses("{} {}", 0, TN_FORMAT, "header is not JSON");
    refuses("{\"a\":3}", 0, TN_FORMAT, "tensor 'a': its header entry is a number, an object is due");
    refuses("{\"a\":{}}", 0, TN_NOT_FOUND, "tensor 'a': header key 'dtype' is missing");
    refuses("{\"a\":{\"dtype\":1}}", 0, TN_FORMAT, "'dtype' is a number, a string is due");
    refuses("{\"a\":{\"dtype\":\"F32\"}}", 0, TN_NOT_FOUND, "header key 'shape' is missing");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, TN_NOT_FOUND, "header key 'data_offsets' is missing");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offset\":[0,4]}}", 4, TN_FORMAT,
            "unknown key 'data_offset'");
    refuses("{" T("a", "U32", "[1]", 0, 4) "}", 4, TN_UNSUPPORTED, "dtype 'U32' is not one that Tarn has");
    refuses("{" T("a", "F32", "3", 0, 4) "}", 4, TN_FORMAT, "'shape' is a number, a list is due");
    refuses("{" T("a", "F32", "[1.0]", 0, 4) "}", 4, TN_FORMAT, "'shape': entry 0 is no whole number");
    refuses("{" T("a", "F32", "[-1]", 0, 4) "}", 4, TN_FORMAT, "dimension 0 is -1");
    refuses("{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, TN_UNSUPPORTED, "9 dimensions");
    refuses("{" T("a", "F32", "[4294967296,4294967296]", 0, 4) "}", 4, TN_FORMAT, "does not fit into 64 bits");
    refuses("{" T("a", "F32", "[99999999999999999999]", 0, 4) "}", 4, TN_FORMAT, "not JSON");
    refuses("{" T("a", "F32", "[1]", 0, 4) "," T("a", "F32", "[1]", 4, 8) "}", 8, TN_FORMAT, "duplicate");
    refuses("{" T("a\x1b", "F32", "[2]", 0, 4) "}", 4, TN_FORMAT, "not JSON");
    refuses("{\"__metadata__\":[]}", 0, TN_FORMAT, "__metadata__ is a list, an object is due");
    refuses("{\"__metadata__\":{\"k\":1}}", 0, TN_FORMAT, "metadata key 'k': the value is a number, a string is due");
    refuses("{\"__metadata__\":{\"k\":[[[[1]]]]}}", 0, TN_LIMIT, "nested more than 4 deep");
}

static void test_refuses_places(void **state)
{
    (void)state;
    refuses("{" T("a", "F32", "[2]", 0, 4) "}", 4, TN_FORMAT, "need 8 bytes, its data_offsets [0, 4] span 4");
    refuses("{" T("a", "F32", "[1]", 4, 0) "}", 4, TN_FORMAT, "0 <= begin <= end");
    refuses("{" T("a", "F32", "[1]", -4, 0) "}", 4, TN_FORMAT, "0 <= begin <= end");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4, TN_FORMAT, "two numbers [begin, end]");
    refuses("{" T("a", "F32", "[1]", 0, 4) "}", 3, TN_FORMAT, "only 3 bytes of data: it is cut short");
    refuses("{" T("a", "F32", "[1]", 9223372036854775800, 9223372036854775804) "}", 4, TN_FORMAT, "it is cut short");
    refuses("{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 0, 4) "}", 4, TN_FORMAT, "'a' and 'b' overlap");
    refuses("{" T("b", "F32", "[2]", 0, 8) "," T("a", "F32", "[1]", 4, 8) "}", 8, TN_FORMAT, "'b' and 'a' overlap");
    refuses("{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 6, 10) "}", 10, TN_FORMAT,
            "2 bytes before the data of tensor 'b' belong to no tensor");
    refuses("{" T("a", "F32", "[1]", 0, 4) "}", 9, TN_FORMAT, "the last 5 bytes belong to no tensor");
    refuses("{}", 1, TN_FORMAT, "the last 1 bytes belong to no tensor");
    refuses("{" T("e", "F32", "[0]", 2, 2) "," T("a", "F32", "[1]", 0, 4) "}", 4, TN_FORMAT, "overlap");
}

static void test_unaligned(void **state)
{
    (void)state;
    unsigned char buffer[512];
    base_error e = {0};
    format_safetensors *f = NULL;
    size_t bytes = make(
        buffer + 1, "{" T("b", "F64", "[1]", 1, 9) "," T("a", "U8", "[1]", 0, 1) "," T("e", "F32", "[0]", 1, 1) "}", 9);
    assert_int_equal(format_safetensors_borrow(buffer + 1, bytes, "m", &f, &e), TN_OK);
    assert_string_equal(f->tensors[0].name, "a");
    assert_string_equal(f->tensors[1].name, "e");
    assert_string_equal(f->tensors[2].name, "b");
    format_safetensors_free(f);
}

static void test_refuses_lengths(void **state)
{
    (void)state;
    base_error e = {0};
    format_safetensors *f = NULL;
    unsigned char bytes[64] = {0};
    memset(bytes, 0xff, 8);
    assert_int_equal(format_safetensors_borrow(bytes, 64, "m", &f, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "at most 100000000 are allowed"));
    memset(bytes, 0, 8);
    bytes[0] = 57;
    assert_int_equal(format_safetensors_borrow(bytes, 64, "m", &f, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "should have 57 bytes, but only 56 follow"));
    assert_int_equal(format_safetensors_open(scratch_path("absent"), &f, &e), TN_NOT_FOUND);
    assert_int_equal(format_safetensors_open(scratch_path("."), &f, &e), TN_IO);
    assert_int_equal(base_file_write(scratch_path("empty"), "", 0, &e), TN_OK);
    assert_int_equal(format_safetensors_open(scratch_path("empty"), &f, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "a file of 0 bytes is no safetensors file"));
}

/* A copy of exactly this size on the heap, so that the sanitizer sees a read beyond it; touches every byte of the
 * tensors. */
static tn_status survive(const unsigned char *bytes, size_t n)
{
    base_error e = {0};
    format_safetensors *f = NULL;
    unsigned char *copy = malloc(n + !n);
    volatile unsigned sum = 0;
    if (n)
        memcpy(copy, bytes, n);
    tn_status status = format_safetensors_borrow(copy, n, "m", &f, &e);
    assert_int_equal(status != TN_OK, e.text[0] != '\0');
    for (size_t i = 0; f && i < f->n; i++)
        for (size_t k = 0; k < f->tensors[i].bytes; k++)
            sum = sum + ((const unsigned char *)f->tensors[i].data)[k];
    format_safetensors_free(f);
    free(copy);
    return status;
}

static void test_any_damage(void **state)
{
    (void)state;
    static const char *const files[] = {GOLDEN "dtypes.safetensors", GOLDEN "shapes.safetensors",
                                        GOLDEN "none.safetensors"};
    for (int k = 0; k < 3; k++) {
        void *data = NULL;
        size_t n = 0;
        base_error e = {0};
        assert_int_equal(base_file_read(files[k], 1 << 20, &data, &n, &e), TN_OK);
        unsigned char *p = data;
        assert_int_equal(survive(p, n), TN_OK);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_not_equal(survive(p, cut), TN_OK);
        for (size_t i = 0; i < n; i++)
            for (int flip = 0; flip < 11; flip++) {
                unsigned char old = p[i];
                p[i] = (unsigned char)(flip < 8 ? old ^ (1 << flip) : "\x00\xff\x22"[flip - 8]);
                (void)survive(p, n);
                p[i] = old;
            }
        free(data);
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
        cmocka_unit_test(test_golden_dtypes),   cmocka_unit_test(test_golden_shapes),
        cmocka_unit_test(test_comes_back),      cmocka_unit_test(test_streams),
        cmocka_unit_test(test_stream_misused),  cmocka_unit_test(test_refuses_to_write),
        cmocka_unit_test(test_disk_full),       cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_refuses_headers), cmocka_unit_test(test_refuses_places),
        cmocka_unit_test(test_unaligned),       cmocka_unit_test(test_refuses_lengths),
        cmocka_unit_test(test_any_damage),
    };
#ifndef TARN_HAVE_JANSSON
    (void)printf("SKIPPED: built without jansson, safetensors files cannot be read\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
