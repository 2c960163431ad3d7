/* fuzz_model.c: any bytes as a model file give a model that predicts or says why not, or a sentence. */
#include <stdlib.h>

#include <tarn/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 16 }; /* of input and output: a short file may describe a large net */

static void predict_once(tn_predictor *p, tn_model *m)
{
    tn_shape shape = tn_tensor_shape(tn_model_input(m));
    tn_dtype raw = tn_model_preprocess(m)->raw;
    tn_view y;
    if (tn_predictor_shape(p, 1, &y) != TN_OK) {
        if (!*tn_predictor_error(p))
            abort();
        return;
    }
    shape.dims[0] = 1;
    tn_view x = tn_view_of(NULL, raw ? raw : tn_tensor_dtype(tn_model_input(m)), shape.rank, shape.dims);
    if (x.bytes > MOST_BYTES || y.bytes > MOST_BYTES)
        return;
    x.data = calloc(x.bytes + 1, 1);
    y.data = malloc(y.bytes + 1);
    if (x.data && y.data && tn_predict(p, &x, &y) != TN_OK && !*tn_predictor_error(p))
        abort();
    free(x.data);
    free(y.data);
}

static void list_layers(tn_model *m)
{
    tn_layer_row *rows;
    int n;
    if ((tn_model_layers(m, 1, 32, &rows, &n) == TN_OK) != (*tn_model_error(m) == '\0'))
        abort();
    for (int i = 0; i < n; i++)
        if (!rows[i].name || !rows[i].type || rows[i].depth < 0)
            abort();
    free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_model *m = context ? tn_model_load_memory(context, data, size) : NULL;
    if (context && (m == NULL) == (*tn_context_error(context) == '\0'))
        abort();
    if (m)
        list_layers(m);
    tn_predictor *p = m ? tn_predictor_new(m) : NULL;
    if (p)
        predict_once(p, m);
    tn_predictor_free(p);
    tn_model_free(m);
    tn_context_free(context);
    return 0;
}
