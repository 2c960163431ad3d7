/* test_files.c: folders, tar (ustar, pax, GNU), tar.gz, zip and plain files as one view: the same names in the same order and
 * the same bytes whatever they lie in; cut and damaged archives; limits; several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/file.h"
#include "data/files.h"
#include "support/scratch.h"
#include <tarn/data.h>

static int setup(void **state)
{
    (void)state;
    return scratch_new() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

static void says(const base_error *e, const char *why)
{
    if (!strstr(e->text, why))
        fail_msg("\"%s\" does not say \"%s\"", e->text, why);
}

/* Runs a shell command in the scratch folder; $S is that folder. */
static bool shell(const char *command)
{
    char line[4000];
    snprintf(line, sizeof line, "cd '%s' && { %s; } >/dev/null 2>&1", scratch_path("."), command);
    return system(line) == 0;
}

static const char LONG[] = "a_folder_whose_name_is_rather_long_so_that_a_hundred_bytes_do_not_suffice_for_all_of_it/"
                           "another_folder_with_a_long_name_that_goes_on_and_on_for_quite_a_while_until_it_ends/"
                           "and_one_more_so_that_even_the_prefix_of_ustar_is_too_short_for_this_name_it_is_hoped/x.bin";

/* set/: files of many sizes, a long name, a hidden file, an empty one. */
static void make_tree(void)
{
    char command[3000];
    snprintf(
        command, sizeof command,
        "mkdir -p set/b set/a/c \"set/$(dirname %s)\" set/.git; printf one > set/b/1.txt; printf hid > set/.git/x; "
        "head -c 512 /dev/zero > set/b/512; head -c 70000 /dev/urandom > set/a/big; : > set/a/empty; "
        "printf '\\303\\244' > set/a/c/\xc3\xa4.txt; seq 200 > set/%s; printf two > set/b-1.txt; printf x > set/a/._y",
        LONG, LONG);
    assert_true(shell(command));
}

static data_files *open_well(const char *path, const data_files_opt *opt)
{
    base_error e = {0};
    data_files *f = data_files_open(path, opt, &e);
    if (!f)
        fail_msg("%s", e.text);
    return f;
}

/* Same names, same order, same bytes. */
static void same(data_files *a, data_files *b)
{
    base_error e = {0};
    data_buffer p = {0}, q = {0};
    assert_int_equal(data_files_count(a), data_files_count(b));
    for (int64_t i = 0; i < data_files_count(a); i++) {
        assert_string_equal(data_files_name(a, i), data_files_name(b, i));
        assert_int_equal(data_files_size(a, i), data_files_size(b, i));
        if (data_files_read(a, i, &p, &e) != TN_OK || data_files_read(b, i, &q, &e) != TN_OK)
            fail_msg("%s", e.text);
        assert_int_equal(p.bytes, data_files_size(a, i));
        assert_int_equal(p.bytes, q.bytes);
        assert_memory_equal(p.data, q.data, p.bytes);
        assert_int_equal(data_files_find(a, data_files_name(b, i)), i);
    }
    assert_int_equal(data_files_find(a, "not/there"), -1);
    data_buffer_free(&p);
    data_buffer_free(&q);
}

static void folders(void **state)
{
    (void)state;
    base_error e = {0};
    make_tree();
    data_files *f = open_well(scratch_path("set"), NULL);
    assert_int_equal(data_files_count(f), 7);
    assert_string_equal(data_files_name(f, 0), "a/big");
    assert_string_equal(data_files_name(f, 4), "b-1.txt"); /* '-' before '/': bytes of the whole path decide */
    base_str where = {0};
    data_files_where(f, 4, &where);
    assert_string_equal(where.text, scratch_path("set/b-1.txt"));
    base_str_free(&where);
    data_files_close(f);
    f = open_well(scratch_path("set"), &(data_files_opt){.under = "a/"});
    assert_int_equal(data_files_count(f), 3);
    assert_string_equal(data_files_name(f, 0), "big");
    assert_int_equal(data_files_find(f, "empty"), 2);
    data_files_close(f);
    assert_null(data_files_open(scratch_path("set"), &(data_files_opt){.under = "trian"}, &e));
    says(&e, "has no files in a folder \"trian\"; at its top there are: ");
    assert_null(data_files_open(scratch_path("nowhere"), NULL, &e));
    assert_int_equal(e.status, TN_NOT_FOUND);
    assert_true(shell("mkdir void"));
    assert_null(data_files_open(scratch_path("void"), NULL, &e));
    says(&e, "is empty: there is no file in it");
    assert_null(data_files_open(scratch_path("set"), &(data_files_opt){.count_limit = 3}, &e));
    says(&e, "more than 3 files");
    /* A circle of links ends; a link that leads nowhere is told when it is read. */
    assert_true(shell("mkdir -p round/in; printf 1 > round/in/1; ln -s .. round/in/up; ln -s in/1 round/2"));
    f = open_well(scratch_path("round"), NULL);
    assert_int_equal(data_files_count(f), 2);
    data_files_close(f);
    assert_true(shell("ln -s nowhere round/3"));
    f = open_well(scratch_path("round"), NULL);
    data_buffer b = {0};
    assert_int_equal(data_files_count(f), 3);
    assert_int_equal(data_files_read(f, data_files_find(f, "3"), &b, &e), TN_NOT_FOUND);
    says(&e, "round/3");
    data_buffer_free(&b);
    data_files_close(f);
}

static void tars(void **state)
{
    (void)state;
    make_tree();
    data_files *folder = open_well(scratch_path("set"), NULL);
    static const char *const kinds[] = {"gnu", "pax", "posix"};
    for (int k = 0; k < 3; k++) {
        char command[200];
        snprintf(command, sizeof command, "tar --format=%s -C set -cf set.tar .", kinds[k]);
        if (!shell(command))
            skip();
        data_files *f = open_well(scratch_path("set.tar"), NULL);
        same(folder, f);
        base_str where = {0};
        data_files_where(f, data_files_find(f, "b/1.txt"), &where);
        assert_string_equal(strrchr(where.text, '/') - 9, "set.tar!b/1.txt");
        base_str_free(&where);
        data_files_close(f);
#ifdef TARN_HAVE_ZLIB
        assert_true(shell("gzip -kf set.tar"));
        f = open_well(scratch_path("set.tar.gz"), NULL);
        same(folder, f);
        data_files_close(f);
        /* Beyond the limit it goes to a file, which nobody sees. */
        int before = scratch_count();
        f = open_well(scratch_path("set.tar.gz"),
                      &(data_files_opt){.memory_limit = 1000, .temporary = scratch_path(".")});
        assert_int_equal(scratch_count(), before);
        same(folder, f);
        data_files_close(f);
        base_error e = {0};
        assert_null(data_files_open(scratch_path("set.tar.gz"), &(data_files_opt){.unpack_limit = 9000}, &e));
        says(&e, "unpacks to more than 9000 bytes");
        assert_null(data_files_open(scratch_path("set.tar.gz"),
                                    &(data_files_opt){.memory_limit = 1, .temporary = "/nowhere"}, &e));
        says(&e, "temporary file in /nowhere");
#endif
    }
    data_files_close(folder);
}

/* Later members replace earlier ones; hard links share bytes; what is no file is counted. */
static void tar_members(void **state)
{
    (void)state;
    base_error e = {0};
    data_buffer b = {0};
    if (!shell("mkdir t; printf old > t/a; tar cf t.tar t; printf newer > t/a; ln t/a t/z; ln -s a t/soft; "
               "tar rf t.tar t"))
        skip();
    data_files *f = open_well(scratch_path("t.tar"), &(data_files_opt){.under = "t"});
    assert_int_equal(data_files_count(f), 2);
    assert_int_equal(data_files_passed_over(f), 1);
    for (int64_t i = 0; i < 2; i++) {
        assert_int_equal(data_files_read(f, i, &b, &e), TN_OK);
        assert_int_equal(b.bytes, 5);
        assert_memory_equal(b.data, "newer", 5);
    }
    assert_int_equal(data_files_read(f, 2, &b, &e), TN_INVALID);
    data_files_close(f);
    assert_null(data_files_open(scratch_path("t.tar"), &(data_files_opt){.member_limit = 4}, &e));
    says(&e, "has 5 bytes");
    data_buffer_free(&b);
}

/* ---- zip ------------------------------------------------------------------------------------------------------- */

#ifdef TARN_HAVE_ZLIB
static void put(base_str *s, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        base_str_bytes(s, &(char){(char)v}, 1);
}

typedef struct entry {
    const char *name;
    const void *data;
    size_t bytes;
    bool deflate, large;
} entry;

static void zip_one(base_str *zip, base_str *central, const entry *m)
{
    static unsigned char packed[1 << 18];
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)m->data;
    z.avail_in = (uInt)m->bytes;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = m->deflate ? z.total_out : m->bytes, offset = zip->length;
    deflateEnd(&z);
    uint64_t crc = crc32(0, m->data, (uInt)m->bytes);
    base_str_bytes(zip, "PK\3\4\x14\0\0\0", 8);
    put(zip, m->deflate ? 8 : 0, 2);
    put(zip, 0, 4);
    put(zip, crc, 4);
    put(zip, n, 4);
    put(zip, m->bytes, 4);
    put(zip, strlen(m->name), 2);
    put(zip, 3, 2);
    base_str_add(zip, m->name);
    base_str_bytes(zip, "xyz", 3);
    base_str_bytes(zip, m->deflate ? (const void *)packed : m->data, n);
    base_str_bytes(central, "PK\1\2\x14\0\x14\0\0\0", 10);
    put(central, m->deflate ? 8 : 0, 2);
    put(central, 0, 4);
    put(central, crc, 4);
    put(central, n, 4);
    put(central, m->large ? 0xffffffff : m->bytes, 4);
    put(central, strlen(m->name), 2);
    put(central, m->large ? 20 : 0, 2);
    put(central, 0, 2 + 2 + 2 + 4);
    put(central, m->large ? 0xffffffff : offset, 4);
    base_str_add(central, m->name);
    if (m->large) {
        put(central, 1, 2);
        put(central, 16, 2);
        put(central, m->bytes, 8);
        put(central, offset, 8);
    }
}

static base_str zip_of(const entry *m, int n, bool large)
{
    base_str zip = {0}, central = {0};
    for (int i = 0; i < n; i++)
        zip_one(&zip, &central, &m[i]);
    size_t start = zip.length;
    base_str_bytes(&zip, base_str_text(&central), central.length);
    if (large) {
        size_t at = zip.length;
        base_str_bytes(&zip, "PK\6\6", 4);
        put(&zip, 44, 8);
        put(&zip, 45, 4);
        put(&zip, 0, 8);
        put(&zip, (uint64_t)n, 8);
        put(&zip, (uint64_t)n, 8);
        put(&zip, central.length, 8);
        put(&zip, start, 8);
        base_str_bytes(&zip, "PK\6\7\0\0\0\0", 8);
        put(&zip, at, 8);
        put(&zip, 1, 4);
    }
    base_str_bytes(&zip, "PK\5\6\0\0\0\0", 8);
    put(&zip, large ? 0xffff : (uint64_t)n, 2);
    put(&zip, large ? 0xffff : (uint64_t)n, 2);
    put(&zip, large ? 0xffffffff : central.length, 4);
    put(&zip, large ? 0xffffffff : start, 4);
    put(&zip, 2, 2);
    base_str_add(&zip, "hi");
    base_str_free(&central);
    assert_false(zip.failed);
    return zip;
}

static void zips(void **state)
{
    (void)state;
    base_error e = {0};
    data_buffer b = {0};
    static char big[100000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i % 251 + i / 1000);
    const entry entries[] = {{"b/", "", 0, false, false},
                             {"b/2.txt", "second", 6, false, false},
                             {"./b/1.txt", "first", 5, true, true},
                             {"a\\big", big, sizeof big, true, false},
                             {"empty", "", 0, false, true}};
    for (int large = 0; large < 2; large++) {
        base_str zip = zip_of(entries, 5, large);
        assert_int_equal(base_file_write(scratch_path("z.zip"), zip.text, zip.length, &e), TN_OK);
        data_files *f = open_well(scratch_path("z.zip"), NULL);
        assert_int_equal(data_files_count(f), 4);
        assert_string_equal(data_files_name(f, 0), "a/big");
        assert_int_equal(data_files_read(f, 0, &b, &e), TN_OK);
        assert_int_equal(b.bytes, sizeof big);
        assert_memory_equal(b.data, big, sizeof big);
        assert_int_equal(data_files_read(f, data_files_find(f, "b/1.txt"), &b, &e), TN_OK);
        assert_memory_equal(b.data, "first", 5);
        assert_int_equal(data_files_read(f, data_files_find(f, "empty"), &b, &e), TN_OK);
        assert_int_equal(b.bytes, 0);
        data_files_close(f);
        /* Every cut is told; every flipped byte gives files or a sentence. */
        size_t step = 97;
        for (size_t cut = 0; cut < zip.length - 2; cut += cut + step < zip.length - 400 ? step : 1) {
            data_files *bad = data_files_borrow(zip.text, cut, "x.zip", NULL, &e);
            if (bad)
                fail_msg("cut off at %zu of %zu it still is an archive", cut, zip.length);
        }
        for (size_t i = 0; i < zip.length; i += i + step < zip.length - 400 ? step : 1) {
            zip.text[i] ^= 0x41;
            data_files *bad = data_files_borrow(zip.text, zip.length, "x.zip", NULL, &e);
            for (int64_t k = 0; bad && k < data_files_count(bad); k++)
                (void)data_files_read(bad, k, &b, &e);
            data_files_close(bad);
            zip.text[i] ^= 0x41;
        }
        base_str_free(&zip);
    }
    data_buffer_free(&b);
}
#endif

/* ---- damage ---------------------------------------------------------------------------------------------------- */

static void damaged_tar(void **state)
{
    (void)state;
    base_error e = {0};
    data_buffer b = {0};
    void *data;
    size_t bytes;
    make_tree();
    if (!shell("rm set/a/big; tar --format=pax -b 1 -C set -cf set.tar ."))
        skip();
    assert_int_equal(base_file_read(scratch_path("set.tar"), 1 << 20, &data, &bytes, &e), TN_OK);
    for (size_t cut = 0; cut < bytes - 512; cut += 64) {
        data_files *f = data_files_borrow(data, cut, "x.tar", NULL, &e);
        if (f)
            fail_msg("cut off at %zu of %zu it still is an archive", cut, bytes);
        assert_true(e.text[0] != '\0');
    }
    char *p = data;
    for (size_t i = 0; i < bytes; i += i % 512 < 345 ? 1 : 29) {
        p[i] ^= 0x35;
        data_files *f = data_files_borrow(data, bytes, "x.tar", NULL, &e);
        for (int64_t k = 0; f && k < data_files_count(f); k++)
            assert_int_equal(data_files_read(f, k, &b, &e), TN_OK);
        data_files_close(f);
        p[i] ^= 0x35;
    }
    free(data);
    data_buffer_free(&b);
}

static void single_files(void **state)
{
    (void)state;
    base_error e = {0};
    data_buffer b = {0};
    assert_true(shell("printf 'a line\\n' > one.txt; gzip -k one.txt"));
    data_files *f = open_well(scratch_path("one.txt"), NULL);
    assert_int_equal(data_files_count(f), 1);
    assert_string_equal(data_files_name(f, 0), "one.txt");
    assert_int_equal(data_files_read(f, 0, &b, &e), TN_OK);
    assert_int_equal(b.bytes, 7);
    data_files_close(f);
#ifdef TARN_HAVE_ZLIB
    f = open_well(scratch_path("one.txt.gz"), NULL);
    assert_string_equal(data_files_name(f, 0), "one.txt");
    assert_int_equal(data_files_read(f, 0, &b, &e), TN_OK);
    assert_memory_equal(b.data, "a line\n", 7);
    data_files_close(f);
#endif
    const char *both[] = {scratch_path("one.txt"), scratch_path("one.txt")};
    f = data_files_open_shards(both, 2, NULL, &e);
    assert_non_null(f);
    assert_int_equal(data_files_count(f), 2);
    assert_int_equal(data_files_shard(f, 1), 1);
    assert_int_equal(data_files_find(f, "one.txt"), 0);
    data_files_close(f);
    assert_null(data_files_open(scratch_path("one.txt"), &(data_files_opt){.under = "x"}, &e));
    says(&e, "neither a folder nor an archive");
    assert_null(data_files_open("/dev/null", NULL, &e));
    assert_null(data_files_open_shards(both, 0, NULL, &e));
    data_buffer_free(&b);
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

static void *read_all(void *of)
{
    data_files *f = of;
    base_error e = {0};
    data_buffer b = {0};
    uintptr_t sum = 0;
    for (int round = 0; round < 20; round++)
        for (int64_t i = 0; i < data_files_count(f); i++) {
            if (data_files_read(f, i, &b, &e) != TN_OK)
                return NULL;
            for (size_t k = 0; k < b.bytes; k++)
                sum = sum * 31 + b.data[k];
        }
    data_buffer_free(&b);
    return (void *)(sum | 1);
}

static void threads(void **state)
{
    (void)state;
    make_tree();
    if (!shell("tar -C set -cf set.tar . && gzip -kf set.tar"))
        skip();
    static const char *const names[] = {"set", "set.tar", "set.tar.gz"};
    void *due = NULL;
    for (int k = 0; k < 3; k++) {
        pthread_t t[4];
        data_files *f = open_well(scratch_path(names[k]), &(data_files_opt){.memory_limit = 1});
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&t[i], NULL, read_all, f), 0);
        for (int i = 0; i < 4; i++) {
            void *sum = NULL;
            pthread_join(t[i], &sum);
            assert_non_null(sum);
            due = due ? due : sum;
            assert_ptr_equal(sum, due);
        }
        data_files_close(f);
#ifndef TARN_HAVE_ZLIB
        break;
#endif
    }
}

/* The same for programs. */
static void for_programs(void **state)
{
    (void)state;
    const void *data;
    size_t bytes;
    tn_context *c = tn_context_new(NULL);
    if (!shell("mkdir -p p/b; printf one > p/b/1.txt; printf two > p/2.txt; tar cf p.tar p"))
        skip();
    tn_files *f = tn_files_open(c, scratch_path("p.tar"));
    assert_non_null(f);
    assert_int_equal(tn_files_count(f), 2);
    assert_string_equal(tn_files_name(f, 0), "p/2.txt");
    assert_string_equal(tn_files_where(f, 1), scratch_path("p.tar!p/b/1.txt"));
    assert_int_equal(tn_files_read(c, f, 1, &data, &bytes), TN_OK);
    assert_true(bytes == 3 && memcmp(data, "one", 3) == 0);
    assert_int_equal(tn_files_read(c, f, 2, &data, &bytes), TN_INVALID);
    assert_true(!data && bytes == 0 && strstr(tn_context_error(c), "there is no file 2; there are 2"));
    assert_string_equal(tn_files_name(f, -1), "");
    assert_string_equal(tn_files_where(f, 2), "");
    tn_files_free(f);
    assert_null(tn_files_open(c, scratch_path("nothere")));
    assert_true(strstr(tn_context_error(c), "nothere") != NULL);
    assert_true(tn_picture_name("a/B.JPG") && !tn_picture_name("a.txt"));
    tn_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders, setup, teardown),
        cmocka_unit_test_setup_teardown(tars, setup, teardown),
        cmocka_unit_test_setup_teardown(tar_members, setup, teardown),
#ifdef TARN_HAVE_ZLIB
        cmocka_unit_test_setup_teardown(zips, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(damaged_tar, setup, teardown),
        cmocka_unit_test_setup_teardown(single_files, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test_setup_teardown(for_programs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
