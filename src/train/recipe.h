/* recipe.h: a recipe, the YAML file that says what is trained on what and how, as plain structs.
 *
 *     tarn: 1                      # version of the format
 *     name: mnist-cnn
 *     seed: 1
 *     model:                       # a name of the zoo, {name: ..., its options}, or input and layers:
 *       input: [1, 28, 28]
 *       layers:
 *         - conv2d: {units: 32, kernel: 3}
 *         - relu
 *         - linear: 10
 *     data: {name: mnist, folder: data/mnist}
 *     train: {epochs: 5, optimizer: adam, lr: 1e-3}
 *     output: runs
 *
 * Every key is a row of a table (recipe_tables.c, recipe_layers.c), which gives defaults, checks, sentences and help. Every
 * struct opens with `given`, one bit per row that was written: format_options_given(table, &struct, "key"). Relative paths
 * start at the recipe's folder, in overrides at the working directory; here they are already put together. All memory
 * belongs to the recipe. */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include "format/options.h"

/* ---- layers ---------------------------------------------------------------------------------------------------- */

/* X(name): the word in a recipe, the enumerator TRAIN_LAYER_name, the member of the union. */
#define TRAIN_LAYER_LIST(X)                                                                                            \
    X(linear)                                                                                                          \
    X(conv2d)                                                                                                          \
    X(conv1d)                                                                                                          \
    X(conv3d)                                                                                                          \
    X(conv_transpose)                                                                                                  \
    X(max_pool2d)                                                                                                      \
    X(avg_pool2d)                                                                                                      \
    X(max_pool1d)                                                                                                      \
    X(avg_pool1d)                                                                                                      \
    X(max_pool3d)                                                                                                      \
    X(avg_pool3d)                                                                                                      \
    X(global_avg_pool)                                                                                                 \
    X(adaptive_avg_pool)                                                                                               \
    X(adaptive_max_pool)                                                                                               \
    X(upsample)                                                                                                        \
    X(pixel_shuffle)                                                                                                   \
    X(concat)                                                                                                          \
    X(add)                                                                                                             \
    X(batch_norm1d)                                                                                                    \
    X(batch_norm2d)                                                                                                    \
    X(batch_norm3d)                                                                                                    \
    X(local_response_norm)                                                                                             \
    X(layer_norm)                                                                                                      \
    X(rms_norm)                                                                                                        \
    X(group_norm)                                                                                                      \
    X(instance_norm)                                                                                                   \
    X(rnn)                                                                                                             \
    X(lstm)                                                                                                            \
    X(gru)                                                                                                             \
    X(transformer_encoder)                                                                                             \
    X(transformer_decoder)                                                                                             \
    X(mixture_of_experts)                                                                                              \
    X(gcn)                                                                                                             \
    X(sage)                                                                                                            \
    X(gat)                                                                                                             \
    X(embed_codes)                                                                                                     \
    X(spec_augment)                                                                                                    \
    X(log_mel)                                                                                                         \
    X(embedding)                                                                                                       \
    X(positions)                                                                                                       \
    X(mean_steps)                                                                                                      \
    X(dropout)                                                                                                         \
    X(dropout_channels)                                                                                                \
    X(drop_path)                                                                                                       \
    X(alpha_dropout)                                                                                                   \
    X(flatten)                                                                                                         \
    X(pixels)                                                                                                          \
    X(boxes)                                                                                                           \
    X(reshape)                                                                                                         \
    X(relu)                                                                                                            \
    X(leaky_relu)                                                                                                      \
    X(elu)                                                                                                             \
    X(gelu)                                                                                                            \
    X(silu)                                                                                                            \
    X(sigmoid)                                                                                                         \
    X(tanh)                                                                                                            \
    X(softplus)                                                                                                        \
    X(relu6)                                                                                                           \
    X(prelu)                                                                                                           \
    X(selu)                                                                                                            \
    X(celu)                                                                                                            \
    X(mish)                                                                                                            \
    X(hardswish)                                                                                                       \
    X(hardsigmoid)                                                                                                     \
    X(hardtanh)                                                                                                        \
    X(rrelu)                                                                                                           \
    X(softsign)                                                                                                        \
    X(log_sigmoid)                                                                                                     \
    X(softshrink)                                                                                                      \
    X(hardshrink)                                                                                                      \
    X(tanhshrink)                                                                                                      \
    X(threshold)                                                                                                       \
    X(glu)                                                                                                             \
    X(swiglu)                                                                                                          \
    X(geglu)                                                                                                           \
    X(softmax)                                                                                                         \
    X(log_softmax)                                                                                                     \
    X(recompute)

typedef enum train_layer_kind {
    TRAIN_LAYER_NONE,
#define TRAIN_X(name) TRAIN_LAYER_##name,
    TRAIN_LAYER_LIST(TRAIN_X)
#undef TRAIN_X
        TRAIN_LAYER_END
} train_layer_kind;

/* `name` is NULL when the recipe gives none: the builder then makes one. Pairs of numbers are {height, width}. */
typedef struct train_linear {
    uint64_t given;
    const char *name;
    int64_t units;
    bool bias;
    int weight; /* as tn_weight_by */
} train_linear;

typedef struct train_conv {
    uint64_t given;
    const char *name;
    int64_t units, groups;
    format_ints kernel, stride, padding, dilation; /* one number for all directions, or one for each */
    format_ints output_padding;                    /* conv_transpose */
    bool same;                                     /* the others: as much padding as keeps the size */
    bool bias;
    int weight; /* as tn_weight_by */
    int border; /* as tn_conv_border; not of conv_transpose */
} train_conv;

typedef struct train_resize {
    uint64_t given;
    const char *name;
    format_floats scale; /* upsample: one for all directions, or one for each */
    format_ints size;    /* n is 0 if not given */
    int mode;            /* as tn_resize_mode */
    bool align_corners, antialias;
    int64_t factor; /* pixel_shuffle */
} train_resize;

/* concat, add: outputs of layers before, by their names, or the model's input, "input". */
typedef struct train_join {
    uint64_t given;
    const char *name;
    format_strings with;
    int64_t axis; /* concat */
} train_join;

typedef struct train_pool {
    uint64_t given;
    const char *name;
    format_ints kernel, stride, padding; /* stride.n is 0 if not given: as kernel */
    bool ceil;                           /* sizes are rounded up */
    bool exclude_padding;                /* avg_pool: the border does not count */
} train_pool;

typedef struct train_batch_norm {
    uint64_t given;
    const char *name;
    double eps, momentum;
    bool affine, cumulative;
} train_batch_norm;

typedef struct train_response {
    uint64_t given;
    const char *name;
    int64_t size;
    double alpha, beta, k;
} train_response;

typedef struct train_norm {
    uint64_t given;
    const char *name;
    int64_t axes, groups; /* layer_norm, rms_norm: axes; group_norm: groups */
    double eps;           /* not given: as the layer */
    bool affine;
} train_norm;

typedef struct train_recurrent {
    uint64_t given;
    const char *name;
    int64_t units, layers;
    bool bidirectional, steps; /* steps: give every step, not the last state */
    double dropout;
    int64_t projection; /* lstm; 0: none */
} train_recurrent;

typedef struct train_encoder {
    uint64_t given;
    const char *name;
    int64_t heads, layers, feed_forward, padding;
    int64_t rows; /* transformer_decoder */
    double dropout;
    bool norm_first, causal, recompute;
} train_encoder;

typedef struct train_mixture {
    uint64_t given;
    const char *name;
    int64_t experts, top, hidden;
    double capacity, balance;
    bool normalize;
} train_mixture;

typedef struct train_edges {
    uint64_t given;
    const char *name;
    int64_t units, heads;
    double dropout;
    bool bias, mean_heads, self_loops;
} train_edges;

typedef struct train_embedding {
    uint64_t given;
    const char *name;
    int64_t rows, units;
} train_embedding;

typedef struct train_dropout {
    uint64_t given;
    const char *name;
    double rate; /* the probability to drop */
} train_dropout;

typedef struct train_mel {
    uint64_t given;
    const char *name;
    double rate, low, high;
    int64_t n_fft, window_length, hop, mels, coefficients; /* 0: as tn_mel_opt says; coefficients 0: the logarithms */
    bool slaney, slaney_norm;
    int log; /* as tn_mel_log */
} train_mel;

typedef struct train_spec_augment {
    uint64_t given;
    const char *name;
    int64_t masks;
    double bands, frames;
} train_spec_augment;

typedef struct train_flatten {
    uint64_t given;
    const char *name;
    int64_t from; /* the first axis that is flattened; 0 is the batch */
} train_flatten;

typedef struct train_boxes {
    uint64_t given;
    const char *name;
    format_strings from; /* layers that give maps; none: the one before */
    int64_t classes;     /* 0: as the data have */
} train_boxes;

typedef struct train_recompute {
    uint64_t given;
    const char *name;
    int64_t layers; /* after this one */
} train_recompute;

typedef struct train_reshape {
    uint64_t given;
    const char *name;
    format_ints shape; /* without the batch */
} train_reshape;

typedef struct train_gelu {
    uint64_t given;
    const char *name;
    bool tanh; /* the approximation by tanh */
} train_gelu;

typedef struct train_prelu {
    uint64_t given;
    const char *name;
    bool channels; /* a slope for each channel, not one for all */
    double slope;  /* to begin with */
} train_prelu;

/* elu, celu: alpha; leaky_relu: slope; softshrink, hardshrink: lambda; hardtanh: min, max; rrelu: lower, upper; threshold: threshold, value; softmax,
 * log_softmax, glu, swiglu, geglu: axis; the others: nothing. */
typedef struct train_activation {
    uint64_t given;
    const char *name;
    double alpha, slope, lambda, min, max, lower, upper, threshold, value;
    int64_t axis;
} train_activation;

typedef struct train_layer {
    train_layer_kind kind;
    const char *type;  /* "conv2d" */
    const char *name;  /* or NULL */
    const char *place; /* "recipe.yaml:12: ", to open a sentence about it */
    const char *path;  /* "model.layers.2", the same for overrides and people */
    int line;          /* 0 if it came from an override */
    union {
        train_linear linear;
        train_conv conv2d, conv1d, conv3d, conv_transpose;
        train_resize upsample, adaptive_avg_pool, adaptive_max_pool, pixel_shuffle;
        train_join concat, add;
        train_pool max_pool2d, avg_pool2d, max_pool1d, avg_pool1d, max_pool3d, avg_pool3d;
        train_batch_norm batch_norm1d, batch_norm2d, batch_norm3d;
        train_response local_response_norm;
        train_norm layer_norm, rms_norm, group_norm, instance_norm;
        train_recurrent rnn, lstm, gru;
        train_encoder transformer_encoder, transformer_decoder;
        train_mixture mixture_of_experts;
        train_edges gcn, sage, gat;
        train_embedding embedding, embed_codes;
        train_activation positions, mean_steps, pixels;
        train_dropout dropout, dropout_channels, drop_path, alpha_dropout;
        train_mel log_mel;
        train_spec_augment spec_augment;
        train_flatten flatten;
        train_boxes boxes;
        train_reshape reshape;
        train_recompute recompute;
        train_gelu gelu;
        train_prelu prelu;
        train_activation relu6, selu, celu, mish, hardswish, hardsigmoid, hardtanh, rrelu, softsign, log_sigmoid,
            softshrink, hardshrink, tanhshrink, threshold, glu, swiglu, geglu;
        train_activation global_avg_pool, relu, leaky_relu, elu, silu, sigmoid, tanh, softplus, softmax, log_softmax;
    };
} train_layer;

typedef struct train_model {
    uint64_t given;
    const char *name;             /* of the zoo; NULL when the layers are listed */
    format_ints input;            /* shape of one sample; n is 0 if not given: as the data */
    const format_yaml_node *list; /* the layers as they were written */
    train_layer *layers;
    size_t n;
    const format_yaml_node
        *options; /* with a name: the mapping {name: ..., options of that model}, for its own table */
} train_model;

/* ---- data ------------------------------------------------------------------------------------------------------ */

typedef struct train_normalize {
    uint64_t given;
    format_floats mean, std; /* one per channel, or one for all; n is 0 if not given: what the data set says */
} train_normalize;

/* How far a training picture may be changed, each by chance up to this much; 0 is not at all. As in tn_transform. */
typedef struct train_augment {
    uint64_t given;
    double move;   /* pixels */
    double rotate; /* degrees */
    double zoom;   /* part of the size: 0.1 is 0.9 to 1.1 */
    bool flip;     /* left and right, every other time */
    double fill;   /* what comes in from outside */
} train_augment;

enum { TRAIN_ERROR_FAIL, TRAIN_ERROR_SKIP };
enum { TRAIN_BALANCE_NONE, TRAIN_BALANCE_WEIGHTS, TRAIN_BALANCE_OVER, TRAIN_BALANCE_UNDER };

/* The keys of all kinds of data. A kind's own options follow in its struct: train/source/source.h. */
enum { TRAIN_CACHE_NONE, TRAIN_CACHE_MEMORY, TRAIN_CACHE_DISK, TRAIN_CACHE_AUTO };

typedef struct train_data {
    uint64_t given;
    const char *name;               /* of the kind */
    int64_t train_count, val_count; /* 0: all there are; digits: what the generator takes by default */
    double val_fraction;            /* of the training samples, when there is no validation set of its own */
    double test_fraction;           /* the same for the test */
    int64_t folds, fold;            /* the same: one of so many parts; folds 0: none */
    int64_t workers, prefetch, bucket, pad_to;
    bool shuffle, drop_last;
    int balance;              /* TRAIN_BALANCE_... */
    int on_error;             /* TRAIN_ERROR_... */
    int cache;                /* TRAIN_CACHE_... */
    const char *cache_folder; /* NULL if not given */
    int64_t cache_limit;      /* megabytes; 0: none */
    const char *group, *time; /* of kinds that cut by them: a column, or a pattern over names; NULL if not given */
    bool stratify;
    train_normalize normalize; /* of kinds of pictures, as the next */
    train_augment augment;
} train_data;

/* ---- training -------------------------------------------------------------------------------------------------- */

enum {
    TRAIN_LOSS_CROSS_ENTROPY,
    TRAIN_LOSS_NLL,
    TRAIN_LOSS_MSE,
    TRAIN_LOSS_L1,
    TRAIN_LOSS_BCE,
    TRAIN_LOSS_BCE_WITH_LOGITS,
    TRAIN_LOSS_SMOOTH_L1,
    TRAIN_LOSS_HUBER,
    TRAIN_LOSS_POISSON_NLL,
    TRAIN_LOSS_BOXES
};
enum { TRAIN_METRIC_LOSS, TRAIN_METRIC_ACCURACY, TRAIN_METRIC_F1, TRAIN_METRIC_IOU, TRAIN_METRIC_MAP };

typedef struct train_schedule {
    uint64_t given;
    int kind;         /* as tn_schedule_kind */
    int64_t every;    /* step: epochs between two steps */
    double factor;    /* what the rate is multiplied with */
    double least;     /* the rate never falls below */
    int64_t patience; /* plateau: epochs without progress */
    int metric;       /* plateau: TRAIN_METRIC_..., on the validation set */
    format_ints milestones;
    double power, start, end;
    int64_t period, period_factor;
    double pct_start, div_factor, final_div_factor;
    bool linear, three_phase;
    int64_t up, down;
    int mode; /* as tn_cycle */
    int64_t until;
    const format_yaml_node *then;       /* another schedule, or NULL */
    const struct train_schedule *after; /* what `then` says */
} train_schedule;

enum { TRAIN_LBFGS = 18 }; /* behind the last tn_optimizer */

typedef struct train_lookahead {
    uint64_t given;
    int64_t steps;
    double alpha;
} train_lookahead;

typedef struct train_averaging {
    uint64_t given;
    int kind; /* as tn_average */
    double decay;
    int64_t start, every;
} train_averaging;

typedef struct train_early_stopping {
    uint64_t given;
    int64_t patience; /* epochs without progress; 0: never stops early */
    int metric;       /* TRAIN_METRIC_..., on the validation set */
    double min_delta; /* less progress than this is none */
} train_early_stopping;

typedef struct train_lbfgs {
    uint64_t given;
    int64_t iterations, looks, history;
    bool line_search;
    double tolerance_grad, tolerance_change;
} train_lbfgs;

typedef struct train_options {
    uint64_t given;
    int64_t epochs, batch;
    int optimizer; /* as tn_optimizer, or TRAIN_LBFGS behind them */
    train_lbfgs lbfgs;
    double lr, momentum;
    bool nesterov, amsgrad, centered, decoupled;
    format_floats betas; /* none or two */
    double eps, weight_decay, l1;
    double alpha, rho, lr_decay, initial_accumulator_value, momentum_decay, trust_coefficient, beta2_decay, eps2, d;
    int64_t ns_steps;
    int adjust_lr; /* as tn_muon_scale */
    int64_t refresh;
    double kl_clip, eta_minus, eta_plus, step_min, step_max, lambd, t0;
    double clip_norm, clip_value; /* 0: off */
    bool centralize, scale_loss;
    double sam;
    train_lookahead lookahead;
    train_averaging average;
    const format_yaml_node *groups;          /* a list, or NULL */
    const struct tn_param_group *group_list; /* what it says */
    size_t n_groups;
    train_schedule schedule;
    const struct tn_schedule_opt *schedule_opt; /* what it says, and those after it */
    int64_t warmup_steps;
    int warmup; /* as tn_warmup */
    double warmup_from;
    int64_t accumulate;
    int loss; /* TRAIN_LOSS_... */
    double label_smoothing;
    format_floats class_weights;
    train_early_stopping early_stopping;
    int64_t checkpoint_every; /* steps; 0: at the end of every epoch */
    int precision;            /* as tn_precision */
    int64_t threads;          /* 0: all the process may use */
    int64_t memory_limit;     /* bytes; 0: none */
} train_options;

typedef struct train_output {
    uint64_t given;
    const char *folder; /* where run folders are made */
    bool report, plots;
} train_output;

/* ---- the recipe ------------------------------------------------------------------------------------------------ */

enum { TRAIN_RECIPE_VERSION = 1 };

typedef struct train_recipe {
    uint64_t given;
    int64_t tarn; /* version of the format */
    const char *name;
    int64_t seed;
    const format_yaml_node *model_node, *data_node;
    const struct train_source *source; /* the kind of data */
    train_data *data;                  /* the options of that kind, in its own struct */
    const format_table *data_table;    /* all keys that it has */
    train_options train;
    train_output output;
    train_model model;
    format_yaml tree; /* what the recipe was read from, with overrides; owns all memory */
} train_recipe;

/* Reads a recipe and applies overrides ("train.lr=0.1") in order. The caller frees *out; after a failure it is NULL. */
tn_status train_recipe_read(const char *path, const char *const *overrides, size_t n, train_recipe **out,
                            base_error *e);
/* The same for text; `name` and `folder` as in format_yaml_parse. */
tn_status train_recipe_parse(const char *text, size_t bytes, const char *name, const char *folder,
                             const char *const *overrides, size_t n, train_recipe **out, base_error *e);
void train_recipe_free(train_recipe *recipe);

/* The resolved recipe as YAML: overrides applied, every default written out, relative paths with `folder` (the working
 * directory; NULL: as they are) in front, so that it means the same wherever it is kept. MEMORY is the only failure. */
tn_status train_recipe_write(const train_recipe *recipe, const char *folder, base_str *out);

/* Tables by name: "recipe", "model", "data", "train", "output", the layers and the kinds of data; NULL for other words. */
const format_table *train_recipe_table(const char *name);
/* Names of the layers, ended by NULL; index kind - 1. */
const char *const *train_layer_names(void);
/* Help about one topic (the names above, "layers"), or about all of them for NULL; false for an unknown topic. */
bool train_recipe_help(const char *topic, bool markdown, base_str *out);

#endif
