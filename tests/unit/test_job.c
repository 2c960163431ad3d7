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

/* A recipe of a net that trains in no time; with an override, or NULL. */
static tn_recipe *recipe(const char *override)
{
    char text[1024];
    const char *path = scratch_path("tiny.yaml");
    (void)snprintf(text, sizeof text,
                   "tarn: 1\nname: tiny\nmodel: {layers: [flatten, {linear: 10}]}\n"
                   "data: {name: digits, train_count: 64, val_count: 16}\n"
                   "train: {batch: 32, threads: 1, epochs: 1}\noutput: {folder: %s, report: false, plots: false}\n",
                   scratch_path("runs"));
    assert_int_equal(base_file_write(path, text, strlen(text), NULL), TN_OK);
    tn_recipe *r = tn_recipe_load(context, path, override != NULL, &override);
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
    tn_recipe *r = recipe(NULL);
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

/* More outputs than the data have classes: the confusion matrix has a row for each output. */
static void outputs_without_a_class(void **state)
{
    (void)state;
    static const char *const overrides[] = {"model.layers.1.units=23", "output.report=true", "output.plots=true"};
    tn_recipe_free(recipe(NULL)); /* writes the file */
    tn_recipe *r = tn_recipe_load(context, scratch_path("tiny.yaml"), 3, overrides);
    tn_job *j = tn_job_new(context, r, NULL);
    run(j);
    tn_evaluation result;
    assert_true(tn_job_result(j, &result));
    assert_int_equal(result.classes, 23);
    assert_string_equal(tn_model_label(tn_job_model(j), 9), "9");
    assert_string_equal(tn_model_label(tn_job_model(j), 22), "22");
    tn_job_free(j);
    tn_recipe_free(r);
}

/* Another seed would mean other samples in another order, another optimizer other memories: neither is what was stopped. */
static void what_does_not_fit_is_not_resumed(void **state)
{
    (void)state;
    static const struct {
        const char *override, *why;
    } cases[] = {{"seed=2", "the seed 1; this run has 2"},
                 {"train.optimizer=sgd", "a run with adam; this run has sgd"},
                 {"train.batch=16", "batches of 32"},
                 {"model.layers.1.units=11", "f32[11,784] in the state"}};
    tn_recipe *r = recipe(NULL);
    tn_job *j = tn_job_new(context, r, NULL);
    run(j);
    char folder[256];
    (void)snprintf(folder, sizeof folder, "%s", tn_job_folder(j));
    tn_job_free(j);
    tn_recipe_free(r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[300];
        r = recipe(cases[i].override);
        char *text = tn_recipe_text(r);
        (void)snprintf(path, sizeof path, "%s/recipe.yaml", folder);
        assert_int_equal(base_file_write(path, text, strlen(text), NULL), TN_OK);
        assert_null(tn_job_resume(context, folder, NULL));
        if (!strstr(tn_context_error(context), cases[i].why))
            fail_msg("%s", tn_context_error(context));
        free(text);
        tn_recipe_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_outlives_its_recipe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outputs_without_a_class, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_not_resumed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
