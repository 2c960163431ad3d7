/* test_format_faults.c: files and recipes when memory is out, or a disk fails: each allocation, read and write in turn. What
 * is asked for either comes, or a sentence does; nothing leaks; nothing is left beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/json.h"
#include "format/npy.h"
#include "format/safetensors.h"
#include "support/faults.h"
#include "support/scratch.h"
#include "train/recipe.h"

/* A piece of work: TN_OK, or the status of what failed with its sentence in e. */
typedef tn_status (*job)(base_error *e);

/* ---- the work -------------------------------------------------------------------------------------------------- */

#ifdef TARN_HAVE_JANSSON
static tn_status read_json(base_error *e)
{
    static const char text[] = "{\"a\": [1, 2.5, \"x\"], \"b\": {\"c\": null}}";
    format_json *j = NULL;
    tn_status status = format_json_parse(text, sizeof text - 1, NULL, "text", &j, e);
    format_json_free(j);
    return status;
}

static tn_status read_safetensors(base_error *e)
{
    format_safetensors *f = NULL;
    tn_status status = format_safetensors_open(TARN_SOURCE_DIR "/tests/golden/safetensors/shapes.safetensors", &f, e);
    format_safetensors_free(f);
    return status;
}
#endif

static tn_status write_safetensors(base_error *e)
{
    static const float data[6] = {1, 2, 3, 4, 5, 6};
    static const format_tensor tensors[] = {{"a", TN_F32, 2, {2, 3}, data, 24}, {"b", TN_F32, 1, {2}, data, 8}};
    static const format_pair metadata[] = {{"k", "v"}, {"l", "w"}};
    return format_safetensors_write(scratch_path("m.safetensors"), tensors, 2, metadata, 2, e);
}

static tn_status copy_npy(base_error *e)
{
    format_npy f;
    tn_status status = format_npy_open(TARN_SOURCE_DIR "/tests/golden/npy/fortran.npy", &f, e);
    if (status == TN_OK) {
        status = format_npy_write(scratch_path("c.npy"), &f.view, e);
        format_npy_close(&f);
    }
    return status;
}

#ifdef TARN_HAVE_YAML
static tn_status read_recipe(base_error *e)
{
    const char *overrides[] = {"model.layers.0.units=64", "train.betas=[0.8, 0.9]", "output.folder=here"};
    train_recipe *r = NULL;
    BASE_TRY(train_recipe_read(TARN_SOURCE_DIR "/tests/fuzz/corpus/recipe/cnn.yaml", overrides, 3, &r, e));
    base_str text = {0};
    tn_status status = train_recipe_write(r, "/cwd", &text);
    if (status != TN_OK)
        base_fail(e, status, "the recipe could not be written");
    base_str_free(&text);
    train_recipe_free(r);
    return status;
}
#endif

/* ---- faults ---------------------------------------------------------------------------------------------------- */

/* The job with call 0, 1, 2, ... of a kind failing, until it needs no more of them. */
static void each_fault(job work, atomic_long *kind, tn_status due)
{
    base_error e = {0};
    assert_int_equal(work(&e), TN_OK); /* what libraries keep for good is made now */
    int files = scratch_count();
    for (long n = 0;; n++) {
        long live = faults.live;
        base_clear(&e);
        faults_set(kind, n);
        tn_status status = work(&e);
        bool fired = faults_clear();
        assert_int_equal(faults.live, live);
        assert_int_equal(scratch_count(), files);
        assert_int_equal(status != TN_OK, e.text[0] != '\0');
        if (status != TN_OK && status != due)
            fail_msg("call %ld: %s", n, e.text);
        if (!fired) {
            assert_int_equal(status, TN_OK);
            assert_true(n > 0);
            return;
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    each_fault(write_safetensors, &faults.allocate_in, TN_MEMORY);
    each_fault(copy_npy, &faults.allocate_in, TN_MEMORY);
#ifdef TARN_HAVE_JANSSON
    each_fault(read_json, &faults.allocate_in, TN_MEMORY);
    each_fault(read_safetensors, &faults.allocate_in, TN_MEMORY);
#endif
#ifdef TARN_HAVE_YAML
    each_fault(read_recipe, &faults.allocate_in, TN_MEMORY);
#endif
}

static void test_disk(void **state)
{
    (void)state;
    each_fault(write_safetensors, &faults.write_in, TN_IO);
    each_fault(copy_npy, &faults.write_in, TN_IO);
#ifdef TARN_HAVE_YAML
    each_fault(read_recipe, &faults.read_in, TN_IO);
#endif
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory), cmocka_unit_test(test_disk)};
    if (!FAULTS_WORK) {
        (void)printf("SKIPPED: a sanitizer stands in front of the C library's functions\n");
        return 0;
    }
    return cmocka_run_group_tests_name("format faults", tests, set_up, tear_down);
}
