/* bench.h: what the files of `tarn bench` share: rows, the work that a row is, and both ways to ask for it. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"

enum { BENCH_NAME = 32, BENCH_NET = 512, BENCH_OUTPUTS = 4096, BENCH_UPDATED = 16, BENCH_KEPT = 32 };

/* What is run: by the table of rows, or as the metadata and the shapes of a data file say. */
typedef struct bench_row {
    const char *name, *title;
    const char *
        net; /* layers ("linear 128, relu, linear 10"), "vae HIDDEN LATENT", "gan", "encoder LAYERS HEADS HIDDEN", or a zoo model */
    tn_shape sample;  /* of the input, without the batch */
    int64_t classes;  /* of the labels */
    const char *loss; /* "cross_entropy", "bce_with_logits", "next_token", "mask", "vae", "gan"; "": forward only */
    int64_t batch;
    const char *optimizer; /* as in recipes, or "sparse_adam"; "": forward only */
    double lr, momentum;
    bool bf16;          /* what products and convolutions multiply is rounded to it */
    int64_t tokens;     /* not 0: inputs are numbers below it, i64 */
    int64_t parameters; /* not 0: no net; the optimizer's update alone, of so many */
    int64_t limit_mb;   /* of a step's values and scratch: what is above it is computed again; 0: none */
} bench_row;

/* The i-th row; NULL from the end on. */
const bench_row *bench_row_at(int i);
const bench_row *bench_row_find(const char *name);

/* What a forward leaves for the next one. */
typedef struct bench_kept {
    tn_tensor *state, *next;
} bench_kept;

/* A row made ready: its batches, program, state and session. */
typedef struct bench_work {
    tn_context *c;
    bench_row row;
    char net[BENCH_NET], loss_name[BENCH_NAME], optimizer[BENCH_NAME]; /* where row's texts lie when a file gave them */
    int64_t batches, sample_count, label_count;                        /* values of a sample and of its label */
    float *x;                                                          /* [batches, batch, sample...] */
    int64_t *tokens; /* the same, in place of x where inputs are numbers */
    int64_t *labels; /* [batches, batch] */
    float *targets;  /* the same as numbers, for a loss that wants them */
    float *scores;   /* what a forward gives: [batch, n_scores] */
    int64_t n_scores;
    tn_shape score_shape;
    bench_kept kept[BENCH_KEPT]; /* of the graph that is being built */
    int n_kept;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    int n_feeds;
    tn_feed feeds[3];
    float lr, loss, accumulated;
    int64_t at; /* steps since the first weights */
    tn_memory memory;
    char error[512];
} bench_work;

bool bench_fail(bench_work *w, const char *fmt, ...) TN_PRINTF(2, 3); /* false */
double bench_now(void);
bool bench_trains(const bench_work *w);
/* The i-th entry that a step runs; NULL from the end on. */
const char *bench_entry(const bench_work *w, int i);

/* Batches, net and first weights: those of a data file, or with NULL some of its own. Step 0 is next. */
bool bench_set_up(bench_work *w, const char *path);
void bench_clear(bench_work *w);
/* One step: its seconds, or a negative number after a failure. */
double bench_step(bench_work *w);
/* What can be compared with others: a forward's scores for its first sample, or some of the parameters. At most
 * BENCH_OUTPUTS numbers; returns how many. */
int bench_outputs(const bench_work *w, double *outputs);

/* Adds the net to the graph: its output for x, or when it is trained its loss and what minimizes it. Mistakes stick to the
 * graph; false when the text of the net is wrong. */
bool bench_build_net(bench_work *w, tn_graph *g, tn_tensor *x, tn_tensor **y);
/* The same for two nets that are trained in turn. */
bool bench_gan(bench_work *w, tn_graph *g, tn_tensor *x);
/* Normal numbers, new ones in every step. */
tn_tensor *bench_normal(tn_graph *g, tn_shape shape);
tn_optim_opt bench_optimizer(const bench_work *w);
/* For x [batch, places, width]: scores of so many classes. */
tn_tensor *bench_encoder(tn_tensor *x, int layers, int heads, int hidden, int64_t classes);
/* For numbers of tokens x [batch, places]: scores of classes, and of the token that comes next at each place or at the last one. */
tn_tensor *bench_bert(tn_tensor *x, int layers, int width, int heads, int64_t classes);
tn_tensor *bench_gpt2(tn_tensor *x, int layers, int width, int heads, bool last, int64_t classes);
/* The same for one token [batch, 1] behind `past` others, whose keys and values are state: the next token's scores. */
tn_tensor *bench_gpt2_step(bench_work *w, tn_tensor *x, int layers, int width, int heads, int past);
/* For pictures x with sides that are multiples of 16. */
tn_tensor *bench_vit(tn_tensor *x, int layers, int heads, int64_t width, int64_t classes);

/* The protocol of bench/README.md on standard input and output. */
int bench_serve(bench_work *w, const char *path);

#endif
