/* model.h: the insides of a model. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <pthread.h>

#include "data/prepare.h"
#include "format/graph_json.h"
#include <tarn/model.h>

struct tn_model {
    tn_context *context;
    base_arena arena;
    base_error error;
    const char *name;
    tn_graph *graph;
    tn_state *state;
    tn_tensor *input, *output;
    tn_tensor *
        drawn; /* what training has in place of output: the same for a part of the data that is drawn for a batch; or NULL */
    tn_tensor *heard;          /* a second input "given": what a decoder has said so far; NULL: there is none */
    format_graph_extent given; /* the graph with "predict", before a trainer adds to it: what files hold */
    int n_labels;
    const char **labels;
    tn_preprocess preprocess;
    const tn_preparation *preparation;
    tn_program *predict;  /* compiled on first use */
    pthread_mutex_t lock; /* of predict */
};

struct tn_predictor {
    tn_model *model;
    tn_session *session;
    base_error error;
    void *input; /* preprocessed */
    size_t input_bytes;
};

/* The model's own entry: "predict", output "y"; with labels also "p", the probabilities. */
tn_status model_add_entry(tn_model *m);
/* Fills name, labels and preprocessing. */
tn_status model_set_options(tn_model *m, const tn_model_opt *opt);
/* The model's metadata as pairs for a safetensors file; values live in the arena and in text. At most MODEL_MOST_PAIRS. */
enum { MODEL_MOST_PAIRS = 8 };
tn_status model_metadata(tn_model *m, const format_graph_text *text, base_arena *arena, format_pair *pairs, size_t *n,
                         base_error *e);
/* Writes the state, all of it or without "optim." entries, with the model's metadata and `more` pairs. */
tn_status model_write(tn_model *m, const char *path, bool everything, const format_pair *more, size_t n_more,
                      base_error *e);
/* Copies the file's tensors into the model's state: those that the graph declares, and with `everything` all others too. */
tn_status model_read_state(tn_model *m, const format_safetensors *file, const char *what, bool everything,
                           base_error *e);

#endif
