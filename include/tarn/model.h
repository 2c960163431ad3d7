/* tarn/model.h: a model: a graph with its state, its labels and what to do with raw input. A model file is a plain
 * safetensors file; the graph and the rest are in its metadata, so `tarn predict model.safetensors photo.jpg` needs nothing
 * else, and any tool of the ecosystem can read the weights.
 *
 *     tn_model *m = tn_model_load(context, "model.safetensors");
 *     tn_predictor *p = tn_predictor_new(m);
 *     tn_predict(p, &input, &scores);
 */
#ifndef TARN_MODEL_H
#define TARN_MODEL_H

#include <tarn/program.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_model tn_model;

/* How raw input becomes the graph's input "x": cast, then value * scale, then (value - mean) / std by channel (axis 1). */
typedef struct tn_preprocess {
    const char *step; /* for pictures: "digit", "resize", "crop", "pad" (tn_picture_prepare), or NULL */
    tn_dtype raw;     /* dtype of raw input: u8 for pictures; TN_NONE: already what the graph takes */
    double scale;     /* 0: 1 */
    int channels;     /* entries of mean and std: 0 none, 1 for all, else one a channel; at most 16 */
    double mean[16], std[16];
    void *reserved[4];
} tn_preprocess;

typedef struct tn_model_opt {
    const char *name;
    const char *const *labels; /* names of the classes, n_labels of them */
    int n_labels;
    const tn_preprocess *preprocess;
    const struct tn_preparation *preparation; /* how files become raw input (tarn/data.h), or NULL; retained */
    void *reserved[7];
} tn_model_opt;

/* A model from a graph with one input "x" whose first axis is the batch (a symbol), and the tensor that is its output
 * (logits or values). Takes the graph over: it is freed with the model, on failure too. The state is empty until
 * tn_model_init. NULL: the context has the sentence. */
TN_API tn_model *tn_model_new(tn_context *context, tn_graph *graph, tn_tensor *output, const tn_model_opt *opt);
TN_API void tn_model_free(tn_model *model);
/* Fills parameters that have no value yet by their initialisers. */
TN_API tn_status tn_model_init(tn_model *model, uint64_t seed);
TN_API const char *tn_model_error(const tn_model *model);

/* From a path, or from memory (copied). The graph is checked as if it were built anew; nothing in the file is believed. */
TN_API tn_model *tn_model_load(tn_context *context, const char *path);
TN_API tn_model *tn_model_load_memory(tn_context *context, const void *data, size_t bytes);
/* Written beside and renamed: parameters and statistics, without optimizer slots ("optim."). */
TN_API tn_status tn_model_save(tn_model *model, const char *path);

TN_API const char *tn_model_name(const tn_model *model);
TN_API tn_graph *tn_model_graph(tn_model *model);
TN_API tn_state *tn_model_state(tn_model *model);
TN_API tn_tensor *tn_model_input(tn_model *model);
/* A second input "given", i64 [batch, places]: what a decoder has said so far. NULL: there is none. */
TN_API tn_tensor *tn_model_heard(tn_model *model);
TN_API tn_tensor *tn_model_output(tn_model *model);
TN_API int tn_model_labels(const tn_model *model);
TN_API const char *tn_model_label(const tn_model *model, int i); /* NULL when there is none */
/* Does the model end in the layer boxes, with labels? Predictions are then its rows as they are: see tn_detections. */
TN_API bool tn_model_finds_boxes(const tn_model *model);
TN_API const tn_preprocess *tn_model_preprocess(const tn_model *model);
TN_API const struct tn_preparation *tn_model_preparation(const tn_model *model); /* NULL when there is none */

/* A layer of a model, in tables that people read. Rows stand in the order in which layers are computed, what a layer is made of behind it and
 * deeper. Figures of a layer include those of its parts, so that rows of depth 0 add up to the model. */
typedef struct tn_layer_row {
    const char *name;                 /* as its parameters are: "layer1.0.conv1"; lives as long as the rows */
    const char *type;                 /* as recipes call it, else its operator; "" for what only holds others */
    int depth, parts;                 /* rows behind it that are part of it, directly */
    int64_t parameters, frozen, kept; /* values that are trained, parameters that are not, running statistics */
    double flops;                     /* as the layer is written; a multiply-add counts 2 */
    double bytes;                     /* that it reads, parameters included, and writes when nothing is fused with it */
    tn_view output;                   /* dtype and sizes of what it gives; without data */
} tn_layer_row;
/* The rows for `batch` samples, other open sizes being `open`, in one block: free(*rows). Of layers of a recipe, and of model files made by
 * one, the layers that it lists; else by the names of parameters. TN_SHAPE when sizes that come of `open` are none; tn_model_error. */
TN_API tn_status tn_model_layers(tn_model *model, int64_t batch, int64_t open, tn_layer_row **rows, int *n);

/* What rows [places, 8 + classes] of the layer boxes mean. */
typedef struct tn_detection {
    int of_class;
    float score, left, top, right, bottom;
} tn_detection;
/* What one picture's rows mean: at most `room` boxes that are sure by `score` at least, surest first; of one class that share more than
 * `overlap` of their union only the surest. How many. */
TN_API int tn_detections(const float *rows, int64_t places, int classes, double score, double overlap,
                         tn_detection *found, int room);
/* What two boxes share of their union. */
TN_API double tn_detection_overlap(const tn_detection *a, const tn_detection *b);

/* Any safetensors file, whoever wrote it, as named tensors: weights for tn_state_set, data. The file must not be shortened by
 * others while it is open. */
typedef struct tn_tensors tn_tensors;
TN_API tn_tensors *tn_tensors_open(tn_context *context, const char *path); /* NULL: the context has the sentence */
TN_API void tn_tensors_close(tn_tensors *tensors);
/* Name and data of tensor i, in the order of the file; NULL from the end on. Views are row-major, at any alignment, for
 * reading, until the close. */
TN_API const char *tn_tensors_get(const tn_tensors *tensors, int i, tn_view *view);
TN_API tn_status tn_tensors_find(const tn_tensors *tensors, const char *name, tn_view *view); /* TN_NOT_FOUND */
/* What the file's metadata say under a key, or NULL. */
TN_API const char *tn_tensors_metadata(const tn_tensors *tensors, const char *key);

struct tn_dataset; /* of tarn/data.h */

/* Makes predictions, for one thread at a time; several predictors of one model may run at once. */
typedef struct tn_predictor tn_predictor;
TN_API tn_predictor *tn_predictor_new(tn_model *model); /* NULL: tn_model_error */
TN_API void tn_predictor_free(tn_predictor *predictor);
TN_API const char *tn_predictor_error(const tn_predictor *predictor);
/* raw: [batch, ...] as tn_preprocess.raw says (or the graph's own dtype); output: f32, the shape that the model gives for
 * this batch (tn_predictor_shape). With labels, softmax is applied: the output are probabilities. */
TN_API tn_status tn_predict(tn_predictor *predictor, const tn_view *raw, const tn_view *output);
/* The same for raw input that is sample `index` of a data set of the model's preparation (tn_preparation_open), with a batch of one before
 * it: where units differ from sample to sample, as those of series that are scaled each by itself, they are that sample's. */
TN_API tn_status tn_predict_sample(tn_predictor *predictor, const struct tn_dataset *data, int64_t index,
                                   const tn_view *raw, const tn_view *output);
TN_API tn_status tn_predictor_shape(tn_predictor *predictor, int64_t batch, tn_view *shape);
/* The same for raw input of this shape, where samples vary in length; its data are not looked at. */
TN_API tn_status tn_predictor_shape_for(tn_predictor *predictor, const tn_view *raw, tn_view *shape);
/* The ids that a model with a second input says of one sample x [1, places], as its data set gives it: the likeliest token at each
 * place, from the preparation's begin token to its end token, which is not among them. *n is room for ids and becomes how many there are;
 * where there is no room for more it stops. */
TN_API tn_status tn_translate(tn_predictor *predictor, const tn_view *x, int32_t *ids, size_t *n);
/* tn_decode by the target's tokenizer of the model's preparation. */
TN_API tn_status tn_translate_text(tn_predictor *predictor, const tn_view *x, char **text, size_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
