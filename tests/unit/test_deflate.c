/* test_deflate.c: what libdeflate unpacks at once is what zlib unpacks; what it refuses, zlib tells; and memory that is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/philox.h"
#include "data/deflate.h"
#include "data/gzip.h"

#if defined(TARN_HAVE_ZLIB) && defined(TARN_HAVE_DEFLATE)
#include <zlib.h>

#include "support/faults.h"

enum { MOST = 300000 };
static unsigned char text[MOST], packed[2 * MOST];

static void make_text(size_t n)
{
    base_random r = base_random_new(n, 5);
    for (size_t i = 0; i < n; i++)
        text[i] = (unsigned char)("0123456789,.\n\""[base_random_below(&r, 14)]);
}

/* One member at `to`; its size. */
static size_t pack(const unsigned char *from, size_t n, int level, unsigned char *to, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)from;
    z.avail_in = (unsigned)n;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t made = z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return made;
}

static bool is_there(void)
{
    char *out;
    size_t n;
    make_text(100);
    const size_t bytes = pack(text, 100, 6, packed, sizeof packed);
    const bool there = data_deflate_all(packed, bytes, data_gzip_most(bytes), &out, &n);
    if (there)
        free(out);
    return there;
}

static void same_text(size_t bytes, size_t n)
{
    char *out = NULL;
    size_t length = 0;
    assert_true(data_deflate_all(packed, bytes, data_gzip_most(bytes), &out, &length));
    assert_int_equal(length, n);
    assert_memory_equal(out, text, n);
    assert_int_equal(out[n], 0);
    free(out);
}

static void test_texts(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 57, 4096, 65537, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int level = 0; level < 10; level += 3) {
            make_text(sizes[i]);
            const size_t bytes = pack(text, sizes[i], level, packed, sizeof packed);
            same_text(bytes, sizes[i]);
            memset(packed + bytes, 0, 7); /* padding, as tapes have it */
            same_text(bytes + 7, sizes[i]);
        }
}

/* Members in a row count as one, a large one before a small one too, and an empty one. */
static void test_members(void **state)
{
    (void)state;
    make_text(MOST);
    size_t bytes = pack(text, MOST - 10, 9, packed, sizeof packed);
    bytes += pack(text, 0, 9, packed + bytes, sizeof packed - bytes);
    bytes += pack(text + MOST - 10, 10, 9, packed + bytes, sizeof packed - bytes);
    same_text(bytes, MOST);
}

/* What is cut, damaged, followed by something else, or larger than it may be, is not unpacked here, and told by zlib. */
static void test_refused(void **state)
{
    (void)state;
    char *out = NULL;
    size_t n = 0;
    base_error e = {0};
    make_text(500);
    const size_t bytes = pack(text, 500, 6, packed, sizeof packed), most = data_gzip_most(bytes);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_false(data_deflate_all(packed, cut, most, &out, &n));
    for (size_t i = 10; i < bytes; i++) {
        packed[i] ^= 16;
        if (data_deflate_all(packed, bytes, most, &out, &n)) { /* the last bits of a block may be anything */
            assert_true(n == 500 && memcmp(out, text, n) == 0);
            free(out);
        }
        packed[i] ^= 16;
    }
    packed[bytes] = 7;
    assert_false(data_deflate_all(packed, bytes + 1, most, &out, &n));
    assert_int_equal(data_gzip_all(packed, bytes + 1, "f.gz", 0, &out, &n, &e), TN_FORMAT);
    assert_non_null(strstr(e.text, "something that is not gzip follows"));
    assert_false(data_deflate_all(packed, bytes, 499, &out, &n));
    assert_int_equal(data_gzip_all(packed, bytes, "f.gz", 499, &out, &n, &e), TN_LIMIT);
    assert_int_equal(data_gzip_all(packed, bytes, "f.gz", 500, &out, &n, &e), TN_OK);
    free(out);
    memset(packed + bytes - 4, 0xff, 4); /* it says that it is larger */
    assert_int_equal(data_gzip_all(packed, bytes, "f.gz", 0, &out, &n, &e), TN_FORMAT);
}

static void test_memory(void **state)
{
    (void)state;
    if (!FAULTS_WORK)
        skip();
    make_text(100000);
    const size_t bytes = pack(text, 100000, 6, packed, sizeof packed);
    for (long k = 0, failed = 1; failed; k++) {
        char *out = NULL;
        size_t n;
        base_error e = {0};
        const long live = faults.live;
        faults_set(&faults.allocate_in, k);
        const tn_status status = data_gzip_all(packed, bytes, "f.gz", 0, &out, &n, &e);
        failed = faults_clear();
        if (status == TN_OK)
            free(out);
        else
            assert_int_equal(status, TN_MEMORY);
        assert_int_equal(faults.live, live);
        assert_true(k < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_members),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_memory)};
    if (!is_there()) {
        print_message("SKIPPED: there is no libdeflate (Debian package libdeflate0)\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    print_message("SKIPPED: built without zlib or libdeflate\n");
    return 0;
}
#endif
