/* Files are written beside their name and renamed: what is there already and is no file stays as it is. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/beside.h"
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

static void writers_of_one_file_do_not_meet(void **state)
{
    (void)state;
    const char *path = scratch_path("file");
    base_writer *a = base_writer_new(path, NULL), *b = base_writer_new(path, NULL);
    assert_true(a && b);
    assert_int_equal(base_writer_write(a, "first", 5), TN_OK);
    assert_int_equal(base_writer_write(b, "2nd", 3), TN_OK);
    char text[6] = "";
    const base_reader r = base_writer_reader(a, 5);
    assert_int_equal(base_reader_at(&r, 0, text, 5, NULL), TN_OK);
    assert_string_equal(text, "first");
    base_beside_sweep(scratch_path("."));
    assert_int_equal(scratch_count(), 2);
    assert_int_equal(base_writer_commit(a), TN_OK);
    holds(path, "first");
    assert_int_equal(base_writer_commit(b), TN_OK);
    holds(path, "2nd");
    assert_int_equal(scratch_count(), 1);
}

/* What another process writes stays while it lives, and is swept once it was killed. */
static void leftovers_are_swept(void **state)
{
    (void)state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        base_writer *w = base_writer_new(scratch_path("file"), NULL);
        (void)base_writer_write(w, "half", 4);
        (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(base_file_write(scratch_path("notes.tmp"), "kept", 4, NULL), TN_OK);
    base_beside_sweep(scratch_path("."));
    assert_int_equal(scratch_count(), 2);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    base_beside_sweep(scratch_path("."));
    assert_int_equal(scratch_count(), 1);
    holds(scratch_path("notes.tmp"), "kept");
    base_beside_sweep(scratch_path("nowhere"));
}

static void names_beside(void **state)
{
    (void)state;
    static const char *const yes[] = {"a.12.tmp", "a.b.12-3.tmp", "a.7-2.12.tmp"};
    static const char *const no[] = {"a.tmp",    "12.tmp",    ".12.tmp",   "a.12-.tmp",
                                     "a.-3.tmp", "a.x12.tmp", "a.12.tmp2", ""};
    long process = 0;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(base_beside_named(yes[i], &process) && process == 12);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (base_beside_named(no[i], &process))
            fail_msg("%s is taken for a file beside", no[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writers_of_one_file_do_not_meet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_are_swept, set_up, tear_down),
        cmocka_unit_test(names_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
