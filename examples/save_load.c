/* save_load.c: a model goes into a file and comes back. The file holds the weights, the graph, the names of the classes and
 * how raw pictures are prepared, so whoever loads it needs nothing else; and it is an ordinary safetensors file, so other
 * tools can read the weights.
 *
 *     save_load [FILE]      model.safetensors unless another is named */
#include <stdio.h>
#include <string.h>

#include <tarn/tarn.h>

enum { CLASSES = 3 };

static tn_model *make(tn_context *context)
{
    static const char *const labels[CLASSES] = {"circle", "square", "triangle"};
    tn_preprocess how = {.raw = TN_U8, .scale = 1.0 / 255}; /* bytes come in, the network sees 0 to 1 */
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *x = tn_input(graph, "x", TN_F32, TN_SHAPE(tn_symbol(graph, "batch"), 16));
    tn_tensor *hidden = tn_relu(tn_layer_linear(x, "fc1", 32, NULL));
    tn_tensor *logits = tn_layer_linear(hidden, "fc2", CLASSES, NULL);
    /* The model takes the graph over. Weights stay random here; see train_loop.c for learning. */
    tn_model *model =
        tn_model_new(context, graph, logits,
                     TN_OPT(tn_model_opt, .name = "shapes", .labels = labels, .n_labels = CLASSES, .preprocess = &how));
    if (model && tn_model_init(model, 7) != TN_OK) {
        fprintf(stderr, "%s\n", tn_model_error(model));
        tn_model_free(model);
        return NULL;
    }
    return model;
}

/* Probabilities of the classes for one picture of 16 bytes. */
static int predict(tn_model *model, uint8_t *picture, float *p)
{
    tn_predictor *predictor = tn_predictor_new(model);
    if (!predictor) {
        fprintf(stderr, "%s\n", tn_model_error(model));
        return 0;
    }
    tn_view in = tn_view_of(picture, TN_U8, 2, (int64_t[]){1, 16}),
            out = tn_view_of(p, TN_F32, 2, (int64_t[]){1, CLASSES});
    int ok = tn_predict(predictor, &in, &out) == TN_OK;
    if (ok)
        for (int i = 0; i < CLASSES; i++)
            printf("  %-8s %.6f\n", tn_model_label(model, i), p[i]);
    else
        fprintf(stderr, "%s\n", tn_predictor_error(predictor));
    tn_predictor_free(predictor);
    return ok;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "model.safetensors";
    uint8_t picture[16];
    for (int i = 0; i < 16; i++)
        picture[i] = (uint8_t)(i * 16);
    float before[CLASSES], after[CLASSES];
    tn_context *context = tn_context_new(NULL);
    tn_model *model = make(context), *loaded = NULL;
    int ok = model != NULL;
    if (ok) {
        printf("the model that was made:\n");
        ok = predict(model, picture, before);
    }
    if (ok && tn_model_save(model, path) != TN_OK) {
        fprintf(stderr, "%s\n", tn_model_error(model));
        ok = 0;
    }
    if (ok && !(loaded = tn_model_load(context, path))) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        ok = 0;
    }
    if (ok) {
        printf("'%s', loaded from %s:\n", tn_model_name(loaded), path);
        ok = predict(loaded, picture, after);
    }
    if (ok)
        printf("%s\n", memcmp(before, after, sizeof before) == 0 ? "the same to the last bit" : "they differ");
    tn_model_free(loaded);
    tn_model_free(model);
    tn_context_free(context);
    return !ok;
}
