/* Files are written beside their name and renamed: what is there already and is no file stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"

static int set_up(void **state)
{
    (void)state;
    (void)scratch_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

static void holds(const char *path, const char *text)
{
    void *data;
    size_t bytes;
    assert_int_equal(base_file_read(path, 100, &data, &bytes, NULL), TN_OK);
    assert_string_equal(data, text);
    free(data);
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    const char *path = scratch_path("file");
    assert_int_equal(base_file_write(path, "old", 3, NULL), TN_OK);
    base_writer *w = base_writer_new(path, NULL);
    assert_int_equal(base_writer_write(w, "new", 3), TN_OK);
    holds(path, "old");
    assert_int_equal(base_writer_commit(w), TN_OK);
    holds(path, "new");
    base_writer_abandon(base_writer_new(path, NULL));
    holds(path, "new");
    assert_int_equal(scratch_count(), 1);
}

/* 'p'ipe, 'd'irectory, 'l'ink, '-': as ls names them. */
static int kind_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return S_ISFIFO(st.st_mode) ? 'p' : S_ISDIR(st.st_mode) ? 'd' : S_ISLNK(st.st_mode) ? 'l' : '-';
}

static void refused(const char *path, int kind, const char *what)
{
    base_error e = {0};
    char want[700];
    (void)snprintf(want, sizeof want, "cannot write %s: it is %s, not a file", path, what);
    assert_int_equal(base_file_write(path, "x", 1, &e), TN_IO);
    assert_string_equal(e.text, want);
    assert_int_equal(kind_of(path), kind);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    refused(scratch_path("pipe"), 'p', "a device or pipe");
    assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
    refused(scratch_path("folder"), 'd', "a folder");
    if (access("/dev/full", F_OK) == 0) { /* by a link, so that what is wrong here harms nobody */
        assert_int_equal(symlink("/dev/full", scratch_path("full")), 0);
        refused(scratch_path("full"), 'l', "a device or pipe");
        assert_int_equal(scratch_count(), 3);
    }
}

static void links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("folder"), 0700), 0);
    assert_int_equal(base_file_write(scratch_path("folder/file"), "old", 3, NULL), TN_OK);
    assert_int_equal(symlink("folder/file", scratch_path("link")), 0);
    assert_int_equal(base_file_write(scratch_path("link"), "new", 3, NULL), TN_OK);
    assert_int_equal(kind_of(scratch_path("link")), 'l');
    holds(scratch_path("folder/file"), "new");
    assert_int_equal(symlink("nowhere", scratch_path("dangling")), 0); /* this one becomes the file */
    assert_int_equal(base_file_write(scratch_path("dangling"), "new", 3, NULL), TN_OK);
    holds(scratch_path("dangling"), "new");
    assert_int_equal(scratch_count(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_followed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
