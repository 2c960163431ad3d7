/* eval.c: tarn eval RUN|MODEL [RECIPE]: loss and metrics on the test data of the run's recipe (else its validation data), or of another. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

static void show_confusion(const tn_model *m, const tn_evaluation *r, const int64_t *confusion)
{
    (void)printf("class            precision  recall     F1  samples\n");
    for (int k = 0; k < r->classes; k++) {
        int64_t hit = confusion[k * r->classes + k], truth = 0, said = 0;
        for (int i = 0; i < r->classes; i++) {
            truth += confusion[k * r->classes + i];
            said += confusion[i * r->classes + k];
        }
        double p = said ? (double)hit / (double)said : 0, q = truth ? (double)hit / (double)truth : 0;
        const char *label = tn_model_label(m, k);
        char number[16];
        (void)snprintf(number, sizeof number, "%d", k);
        (void)printf("%-16s %9.4f %7.4f %6.4f %8lld\n", label ? label : number, p, q,
                     p + q > 0 ? 2 * p * q / (p + q) : 0, (long long)truth);
    }
}

void cli_figures(const tn_evaluation *r)
{
    if (!isnan(r->mean_iou))
        (void)printf(", mean IoU %.4f", r->mean_iou);
    if (!isnan(r->map50))
        (void)printf(", mAP@0.5 %.4f, mAP@0.5:0.95 %.4f", r->map50, r->map);
}

void cli_figures_json(const tn_evaluation *r)
{
    const struct {
        const char *name;
        double value;
    } all[] = {{"mean_iou", r->mean_iou}, {"map50", r->map50}, {"map", r->map}};
    for (int i = 0; i < 3; i++)
        if (!isnan(all[i].value)) {
            (void)printf(",\"%s\":", all[i].name);
            cli_json_number(stdout, all[i].value);
        }
}

static void show(tn_model *m, const tn_evaluation *r, const int64_t *confusion, bool json)
{
    const bool tokens = r->classes > 0 && tn_tensor_rank(tn_model_output(m)) == 3 &&
                        tn_tensor_dtype(tn_model_input(m)) == TN_I64; /* loss is nats a token */
    if (json) {
        (void)printf("{\"samples\":%lld,", (long long)r->samples);
        if (r->skipped)
            (void)printf("\"skipped\":%lld,", (long long)r->skipped);
        (void)fputs("\"loss\":", stdout);
        cli_json_number(stdout, r->loss);
        if (tokens) {
            (void)fputs(",\"perplexity\":", stdout);
            cli_json_number(stdout, exp(r->loss));
        }
        (void)fputs(",\"accuracy\":", stdout);
        cli_json_number(stdout, r->accuracy);
        (void)fputs(",\"macro_f1\":", stdout);
        cli_json_number(stdout, r->macro_f1);
        if (r->classes == 2) {
            (void)fputs(",\"auc\":", stdout);
            cli_json_number(stdout, r->auc);
        }
        cli_figures_json(r);
        (void)fputs(",\"confusion\":[", stdout);
        for (size_t i = 0; confusion && i < (size_t)r->classes * (size_t)r->classes; i++)
            (void)printf("%s%lld", i ? "," : "", (long long)confusion[i]);
        (void)fputs("]}\n", stdout);
        return;
    }
    (void)printf("%lld samples", (long long)r->samples);
    if (r->skipped)
        (void)printf(" (%lld left out)", (long long)r->skipped);
    (void)printf(", loss %.4f", r->loss);
    if (tokens)
        (void)printf(", perplexity %.2f", exp(r->loss));
    if (r->classes)
        (void)printf(", accuracy %.2f%%, macro F1 %.4f, weighted F1 %.4f", 100 * r->accuracy, r->macro_f1,
                     r->weighted_f1);
    if (r->classes == 2)
        (void)printf(", AUC %.4f", r->auc);
    cli_figures(r);
    (void)fputc('\n', stdout);
    if (confusion && r->classes && r->classes <= 100)
        show_confusion(m, r, confusion);
    else if (r->classes > TN_CONFUSION_CLASSES)
        (void)printf("(no confusion matrix: of %d classes none is kept, %d are the most)\n", r->classes,
                     TN_CONFUSION_CLASSES);
}

static int evaluate(tn_context *c, const cli_args *a, tn_model *m, tn_recipe *recipe)
{
    tn_dataset *train, *valid, *test;
    tn_evaluation r;
    if (tn_recipe_sets(c, recipe, &train, &valid, &test) != TN_OK)
        return cli_fail("%s", tn_context_error(c));
    const tn_dataset *data = test ? test : valid ? valid : train;
    if (data == train)
        (void)fputs(
            "tarn: the recipe has neither test nor validation samples: these are figures on what was trained on\n",
            stderr);
    tn_shape y = tn_tensor_shape(tn_model_output(m));
    const int64_t last = y.rank > 1 ? y.dims[y.rank - 1] : 0;
    const size_t n = last > 0 && last <= TN_CONFUSION_CLASSES ? (size_t)last : 0;
    int64_t *confusion = n ? calloc(n * n, sizeof *confusion) : NULL;
    tn_status status = tn_recipe_evaluate(c, recipe, m, data, &r, confusion);
    if (status == TN_OK)
        show(m, &r, confusion, a->json);
    free(confusion);
    tn_dataset_free(train);
    tn_dataset_free(valid);
    tn_dataset_free(test);
    return status == TN_OK ? CLI_OK : cli_fail("%s", tn_context_error(c));
}

static int run(const cli_args *a)
{
    if (a->n < 1 || a->n > 2)
        return cli_usage(&cli_eval);
    char *own = a->n == 1 ? cli_in_folder(a->at[0], "recipe.yaml") : NULL;
    tn_context *c = cli_context(a, 0);
    tn_model *m = c ? cli_model(c, a->at[0]) : NULL;
    if (m && a->n == 1 && (!own || access(own, F_OK) != 0)) {
        cli_fail(
            "%s is a model without the recipe of its run; name a recipe whose data the model is tried on: tarn eval %s "
            "RECIPE",
            a->at[0], a->at[0]);
        tn_model_free(m);
        m = NULL;
    }
    tn_recipe *recipe = m ? cli_recipe(c, own ? own : a->at[1], a) : NULL;
    int code = recipe ? evaluate(c, a, m, recipe) : CLI_FAILED;
    tn_recipe_free(recipe);
    tn_model_free(m);
    tn_context_free(c);
    free(own);
    return code;
}

const cli_command cli_eval = {"eval",
                              "eval RUN|MODEL [RECIPE] [key=value ...] [--json]",
                              "Loss, accuracy, precision, recall and F1 on the test data of the run's recipe (else its "
                              "validation data), or of RECIPE.",
                              run,
                              "json",
                              true};
