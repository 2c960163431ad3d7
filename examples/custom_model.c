/* custom_model.c: a model with an operator that Tarn does not have, saved and loaded. The file names the operator; who loads it registers
 * the operator first, or is told so. */
#include <math.h>
#include <stdio.h>

#include <tarn/tarn.h>

/* Values are folded at 0 and 1, as a mirror would: 1.25 becomes 0.75. */
static const char *like_input(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op;
    if (in[0].dtype != TN_F32)
        return "x must be f32";
    out[0] = in[0];
    return NULL;
}

static const char *fold(const tn_operator *op, const tn_view in[], const tn_view out[])
{
    (void)op;
    const float *x = in[0].data;
    float *y = out[0].data;
    for (int64_t i = 0; i < tn_view_count(&in[0]); i++)
        y[i] = fabsf(x[i] - 2 * rintf(0.5F * x[i]));
    return NULL;
}

static const tn_operator fold_operator = {
    .name = "fold", .inputs = 1, .outputs = 1, .infer = like_input, .run = fold, .domain = "org.example", .version = 1};

static int save(const char *path)
{
    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *x = tn_input(graph, "x", TN_F32, TN_SHAPE(tn_symbol(graph, "batch"), 2));
    tn_tensor *scale = tn_param(graph, "scale", TN_F32, TN_SHAPE(2), TN_OPT(tn_init, TN_INIT_CONSTANT, 0.5));
    tn_tensor *inner = tn_mul(x, scale);
    tn_model *model = tn_model_new(context, graph, tn_custom(&fold_operator, 1, &inner), NULL);
    int failed = !model || tn_model_init(model, 1) != TN_OK || tn_model_save(model, path) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", model ? tn_model_error(model) : tn_context_error(context));
    tn_model_free(model);
    tn_context_free(context);
    return failed;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "custom_model.safetensors";
    if (save(path))
        return 1;

    tn_context *context = tn_context_new(NULL);
    tn_model *model = tn_model_load(context, path); /* too early */
    printf("%s\n", model ? "it was loaded without its operator" : tn_context_error(context));
    tn_model_free(model);

    if (tn_operator_register(context, &fold_operator) != TN_OK || !(model = tn_model_load(context, path))) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    tn_predictor *predictor = tn_predictor_new(model);
    float x[] = {0.5F, 2.5F, -3, 4}, y[4];
    const int64_t shape[] = {2, 2};
    tn_view in = tn_view_of(x, TN_F32, 2, shape), out = tn_view_of(y, TN_F32, 2, shape);
    if (!predictor || tn_predict(predictor, &in, &out) != TN_OK) {
        fprintf(stderr, "%s\n", predictor ? tn_predictor_error(predictor) : tn_model_error(model));
        return 1;
    }
    for (int i = 0; i < 4; i++)
        printf("half of %4.1f folds to %.2f\n", x[i], y[i]);
    tn_predictor_free(predictor);
    tn_model_free(model);
    tn_context_free(context);
    return 0;
}
