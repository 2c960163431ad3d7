/* Jobs: trainings with a run folder, made from recipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/recipe.h>

#include "base/file.h"
#include "support/scratch.h"

static tn_context *context;

static int set_up(void **state)
{
    (void)state;
    (void)scratch_new();
    context = tn_context_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tn_context_free(context);
    scratch_remove();
    return 0;
}

/* A recipe of a net that trains in no time; `train` are more keys of its section "train". */
static tn_recipe *recipe(const char *train)
{
    char text[1024];
    const char *path = scratch_path("tiny.yaml");
    (void)snprintf(text, sizeof text,
                   "tarn: 1\nname: tiny\nmodel: {layers: [flatten, {linear: 10}]}\n"
                   "data: {name: digits, train_count: 64, val_count: 16}\n"
                   "train: {batch: 32, threads: 1%s}\noutput: {folder: %s, report: false, plots: false}\n",
                   train, scratch_path("runs"));
    assert_int_equal(base_file_write(path, text, strlen(text), NULL), TN_OK);
    tn_recipe *r = tn_recipe_load(context, path, 0, NULL);
    if (!r)
        fail_msg("%s", tn_context_error(context));
    return r;
}

static void run(tn_job *j)
{
    if (!j)
        fail_msg("%s", tn_context_error(context));
    if (tn_job_run(j) != TN_OK)
        fail_msg("%s", tn_job_error(j));
}

static void a_job_outlives_its_recipe(void **state)
{
    (void)state;
    tn_recipe *r = recipe(", epochs: 1");
    tn_job *j = tn_job_new(context, r, NULL);
    tn_recipe_free(r);
    for (int i = 0; i < 64; i++) /* what was freed is used for something else */
        free(memset(malloc((size_t)i * 8 + 8), 0x55, (size_t)i * 8 + 8));
    run(j);
    tn_evaluation result;
    assert_true(tn_job_result(j, &result));
    assert_int_equal(result.samples, 16);
    tn_job_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_outlives_its_recipe, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
