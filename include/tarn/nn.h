/* tarn/nn.h: layers: they make parameters under a scope and call operators. Parameters have PyTorch's names, shapes and
 * default initialisers, so that a state_dict made there loads here. A layer's name is unique in its scope. */
#ifndef TARN_NN_H
#define TARN_NN_H

#include <tarn/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_linear_opt {
    bool no_bias;
    const tn_init *weight_init; /* NULL: kaiming uniform with a = sqrt(5), which is +-1/sqrt(in) */
    const tn_init *bias_init;   /* NULL: uniform in +-1/sqrt(in) */
    tn_weight_by
        weight_by; /* NORM: parametrizations.weight.original0 and original1; SPECTRAL: ....original, ....0._u, ....0._v */
    void *reserved[4];
} tn_linear_opt;
/* name.weight [units, in], name.bias [units]: y = x w^T + b over the last axis, whose size must be a number. */
TN_API tn_tensor *tn_layer_linear(tn_tensor *x, const char *name, int64_t units, const tn_linear_opt *opt);

/* name.weight [units, in of a, in of b], name.bias [units]. */
TN_API tn_tensor *tn_layer_bilinear(tn_tensor *a, tn_tensor *b, const char *name, int64_t units,
                                    const tn_linear_opt *opt);

/* name.weight [channels, in / groups, kernel, kernel], name.bias [channels]: x is [N, C, H, W]. */
TN_API tn_tensor *tn_layer_conv2d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                  const tn_conv_opt *opt);

/* The same with a kernel that is not square. */
TN_API tn_tensor *tn_layer_conv2d_rect(tn_tensor *x, const char *name, int64_t channels, int64_t kernel_h,
                                       int64_t kernel_w, const tn_conv_opt *opt);

/* The same for lines x[N, C, L] and bodies x[N, C, D, H, W]. */
TN_API tn_tensor *tn_layer_conv1d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                  const tn_conv_opt *opt);
TN_API tn_tensor *tn_layer_conv3d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                  const tn_conv_opt *opt);
/* name.weight [in, channels / groups, kernel, ...], name.bias [channels]. */
TN_API tn_tensor *tn_layer_conv_transpose1d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                            const tn_conv_opt *opt);
TN_API tn_tensor *tn_layer_conv_transpose2d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                            const tn_conv_opt *opt);
TN_API tn_tensor *tn_layer_conv_transpose3d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                            const tn_conv_opt *opt);
/* Any of them, the kernel having a size for each direction. */
TN_API tn_tensor *tn_layer_conv_rect(tn_tensor *x, const char *name, int64_t channels, int directions,
                                     const int64_t *kernel, bool transposed, const tn_conv_opt *opt);

typedef struct tn_batch_norm_opt {
    tn_opt_f64 eps;      /* 1e-5 */
    tn_opt_f64 momentum; /* 0.1: running = (1 - momentum) running + momentum batch */
    bool no_affine;
    bool cumulative; /* running statistics are the means of all batches: PyTorch's momentum None */
    bool frozen;     /* the running statistics are used in training too, and stay as they are */
    void *reserved[4];
} tn_batch_norm_opt;
/* name.weight, name.bias, name.running_mean, name.running_var, name.num_batches_tracked; x is [N, C] or [N, C, ...]. In
 * training entries the batch's statistics are used and the running ones updated. */
TN_API tn_tensor *tn_layer_batch_norm(tn_tensor *x, const char *name, const tn_batch_norm_opt *opt);

typedef struct tn_norm_opt {
    int axes;       /* layer_norm, rms_norm: the last axes that are normalised; 0: 1 */
    tn_opt_f64 eps; /* 1e-5; rms_norm: the distance of 1 from the dtype's next number */
    bool no_affine; /* neither weight nor bias */
    bool no_bias;
    bool track;          /* instance_norm: running statistics, which entries use that do not train */
    tn_opt_f64 momentum; /* of track; 0.1 */
    void *reserved[2];
} tn_norm_opt;
/* name.weight, name.bias, of the shape of the last axes: each row of these brought to mean 0 and variance 1. */
TN_API tn_tensor *tn_layer_layer_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt);
/* name.weight, of the shape of the last axes: each row divided by the root of its mean square. */
TN_API tn_tensor *tn_layer_rms_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt);
/* name.weight, name.bias [channels]; x is [N, C, ...]: groups of channels, or (instance_norm) each, normalised in each sample.
 * instance_norm has no weights unless options are given; with track, name.running_mean, name.running_var, name.num_batches_tracked. */
TN_API tn_tensor *tn_layer_group_norm(tn_tensor *x, const char *name, int64_t groups, const tn_norm_opt *opt);
TN_API tn_tensor *tn_layer_instance_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt);

typedef struct tn_embedding_opt {
    bool padding; /* the row padding_index begins as zeros and gets no gradient; of a bag, its places do not count */
    int64_t padding_index;
    tn_opt_f64 max_norm; /* rows that are read and longer than this are cut to it; when training in the table, too */
    tn_opt_f64 norm_by;  /* 2: the p of that length */
    tn_bag_mode mode;    /* of a bag */
    tn_tensor *weights;  /* of a bag: as in tn_bag_opt */
    const tn_init *init; /* NULL: normal, mean 0 and deviation 1, zeros for padding */
    tn_dtype dtype;      /* TN_NONE: f32 */
    void *reserved[4];
} tn_embedding_opt;
/* name.weight [rows, features]: the rows that index (i64 or i32, any shape) names, as a new last axis. */
TN_API tn_tensor *tn_layer_embedding(tn_tensor *index, const char *name, int64_t rows, int64_t features,
                                     const tn_embedding_opt *opt);
/* name.weight [rows, features]: rows put together, see tn_embedding_bag. */
TN_API tn_tensor *tn_layer_embedding_bag(tn_tensor *index, tn_tensor *offsets, const char *name, int64_t rows,
                                         int64_t features, const tn_embedding_opt *opt);

typedef struct tn_adaptive_opt {
    tn_opt_f64 divide; /* 4: features of each cluster are those of the one before divided by it */
    bool head_bias;
    void *reserved[4];
} tn_adaptive_opt;
typedef struct tn_adaptive_result {
    tn_tensor *output,
        *loss; /* of each row the logarithm of its target's probability; minus their mean. NULL without target */
    tn_tensor *log_prob;   /* [..., classes] */
    tn_tensor *prediction; /* the likeliest class */
} tn_adaptive_result;
/* name.head.weight [cutoffs[0] + n, features], name.head.bias, name.tail.0.0.weight, name.tail.0.1.weight, ...: x[..., features] and
 * target[...] (NULL: none), as torch.nn.AdaptiveLogSoftmaxWithLoss. Classes are numbered by falling frequency: below cutoffs[0] they are in
 * the head, the n clusters begin at the cutoffs. Clusters are computed for all rows. */
TN_API tn_adaptive_result tn_layer_adaptive_log_softmax(tn_tensor *x, tn_tensor *target, const char *name,
                                                        int64_t classes, int n_cutoffs, const int64_t *cutoffs,
                                                        const tn_adaptive_opt *opt);

/* Keys and values of the steps before, for decoding step by step: [N, key heads, capacity, size] each, usually state. */
typedef struct tn_kv_cache {
    tn_tensor *keys, *values;
    tn_tensor *at;                    /* rank 0, integer: how many steps were before this one */
    tn_tensor *new_keys, *new_values; /* set by the layer: what the entry is to write in place of the old */
    void *reserved[4];
} tn_kv_cache;
typedef struct tn_mha_opt {
    tn_tensor *mask;     /* broadcast to [N, heads, L, S]: bool, true is seen; or added */
    tn_tensor *key_mask; /* bool [N, S], true is seen: padding of keys is false */
    bool causal;
    bool no_bias;
    bool weights; /* make the weights too: their mean over the heads [N, L, S], or (each_head) [N, heads, L, S] */
    bool each_head;
    bool rotary; /* queries and keys are turned by their positions, which count from rotary_at (NULL: 0) */
    tn_tensor *rotary_at;
    double rotary_base;
    int64_t key_heads; /* fewer heads of keys and values than of queries (grouped queries); 0: as many */
    int64_t window;    /* keys less than so far away are seen; 0: any */
    double dropout;
    tn_kv_cache *cache; /* q, k and v are one step: [N, 1, features] */
    void *reserved[4];
} tn_mha_opt;
/* name.in_proj_weight [3 features, features] (or q_proj_weight, k_proj_weight, v_proj_weight where sizes of features differ),
 * name.in_proj_bias, name.out_proj.weight, name.out_proj.bias: q[N, L, features], k[N, S, ...], v[N, S, ...] give y[N, L, features]. */
TN_API tn_attended tn_layer_multihead_attention(tn_tensor *q, tn_tensor *k, tn_tensor *v, const char *name,
                                                int64_t heads, const tn_mha_opt *opt);

/* name.weight [places, features], learned: its first L rows added to x[..., L, features]. */
TN_API tn_tensor *tn_layer_positions(tn_tensor *x, const char *name, int64_t places);
/* name.weight [buckets, heads], learned: a mask [heads, queries, keys] to be added, by the distance between query and key (T5;
 * buckets 0: 32, most 0: 128). */
TN_API tn_tensor *tn_layer_relative_bias(tn_graph *graph, const char *name, int64_t heads, tn_dim queries, tn_dim keys,
                                         int64_t buckets, int64_t most, bool causal);

/* What attention may see. */
typedef struct tn_sight {
    tn_tensor *mask;     /* as in tn_mha_opt */
    tn_tensor *key_mask; /* bool [N, S], true is seen */
    bool causal;
    void *reserved[4];
} tn_sight;
typedef struct tn_transformer_opt {
    int64_t feed_forward; /* width of the hidden layer; 0: 2048 */
    tn_opt_f64 dropout;   /* 0.1 */
    tn_opt_f64 eps;       /* 1e-5 */
    bool norm_first;      /* norms before attention and feed-forward, not behind their sums */
    bool gelu;            /* in place of relu */
    bool last_norm;       /* stacks: name.norm at the end; the whole Transformer always has it */
    bool recompute;       /* stacks: each layer is a region of tn_recompute_begin */
    void *reserved[4];
} tn_transformer_opt;
/* name.self_attn, name.linear1, name.linear2, name.norm1, name.norm2 of x[N, L, features]; sight NULL: everything is seen. */
TN_API tn_tensor *tn_layer_transformer_encoder_layer(tn_tensor *x, const char *name, int64_t heads,
                                                     const tn_sight *sight, const tn_transformer_opt *opt);
/* The same with name.multihead_attn over memory[N, S, features], and name.norm3. */
TN_API tn_tensor *tn_layer_transformer_decoder_layer(tn_tensor *x, tn_tensor *memory, const char *name, int64_t heads,
                                                     const tn_sight *sight, const tn_sight *memory_sight,
                                                     const tn_transformer_opt *opt);
/* name.layers.0, name.layers.1, ... */
TN_API tn_tensor *tn_layer_transformer_encoder(tn_tensor *x, const char *name, int64_t heads, int layers,
                                               const tn_sight *sight, const tn_transformer_opt *opt);
TN_API tn_tensor *tn_layer_transformer_decoder(tn_tensor *x, tn_tensor *memory, const char *name, int64_t heads,
                                               int layers, const tn_sight *sight, const tn_sight *memory_sight,
                                               const tn_transformer_opt *opt);
/* name.encoder and name.decoder with `layers` each; the source's key_mask holds for the decoder's view of it too. */
TN_API tn_tensor *tn_layer_transformer(tn_tensor *source, tn_tensor *target, const char *name, int64_t heads,
                                       int layers, const tn_sight *source_sight, const tn_sight *target_sight,
                                       const tn_transformer_opt *opt);

typedef struct tn_moe_opt {
    int64_t experts; /* 0: 8 */
    int64_t top;     /* experts that see each token; 0: 1 */
    int64_t hidden;  /* width of an expert's hidden layer; 0: 4 * features */
    tn_opt_f64
        capacity; /* an expert has room for so many times its even share of tokens, rounded up; 1.25; INFINITY: for all */
    bool normalize; /* the gates of a token's experts are divided by their sum */
    bool gelu;      /* in place of relu */
    bool drop;      /* tokens without room give 0, as a sum with x wants it; else they pass as they are */
    void *reserved[4];
} tn_moe_opt;
typedef struct tn_moe_result {
    tn_tensor *y;
    tn_tensor *balance; /* 1 when all experts get as much; to be added to the loss, times 0.01 or so */
    tn_tensor *dropped; /* share of the choices that found no room */
} tn_moe_result;
/* name.router.weight [experts, features], name.experts.weight1 [experts, hidden, features], .bias1 [experts, hidden], .weight2
 * [experts, features, hidden], .bias2 [experts, features]: each token of x[..., features] through its best experts, weighted by the
 * softmax of the router. */
TN_API tn_moe_result tn_layer_mixture_of_experts(tn_tensor *x, const char *name, const tn_moe_opt *opt);

typedef struct tn_rnn_opt {
    int layers;         /* one on top of the other; 0: 1 */
    bool bidirectional; /* a second one from the last step to the first; outputs stand side by side */
    bool batch_first;   /* x and y are [B, T, ...] */
    bool no_bias;
    bool relu;          /* rnn: in place of tanh */
    double dropout;     /* between layers, in entries that train */
    tn_tensor *lengths; /* [B], i64 or i32: steps of each row; y is 0 beyond, states are those of the row's last step */
    tn_tensor *h, *c;   /* the state before the first step [layers * directions, B, units]; NULL: 0 */
    int64_t
        projection; /* lstm: y and h have so many features, not units, made by name.weight_hr_l0 [projection, units]; 0: none */
    bool peephole; /* lstm: gates see the cell, by name.weight_ci_l0, name.weight_cf_l0, name.weight_co_l0 [units] */
    void *reserved[4];
} tn_rnn_opt;
/* name.weight_ih_l0 [gates * units, in], name.weight_hh_l0 [gates * units, units], name.bias_ih_l0, name.bias_hh_l0 [gates * units];
 * _l1, ... of further layers, _l0_reverse, ... of the other direction: x[T, B, in] gives y[T, B, directions * units] and the states
 * [layers * directions, B, units] after the last step (c of lstm alone). */
TN_API tn_recurrent_result tn_layer_lstm(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt);
TN_API tn_recurrent_result tn_layer_gru(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt);
TN_API tn_recurrent_result tn_layer_rnn(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt);
TN_API tn_recurrent_result tn_layer_recurrent(tn_tensor *x, const char *name, tn_recurrent_kind kind, int64_t units,
                                              const tn_rnn_opt *opt);
/* One step: name.weight_ih, name.weight_hh, name.bias_ih, name.bias_hh; x[B, in], h[B, units], c[B, units] of lstm (NULL: 0). */
TN_API tn_recurrent_result tn_layer_recurrent_cell(tn_tensor *x, tn_tensor *h, tn_tensor *c, const char *name,
                                                   tn_recurrent_kind kind, int64_t units, const tn_rnn_opt *opt);
/* An lstm's step whose gates see the cell: also name.weight_ci, name.weight_cf, name.weight_co [units]. */
TN_API tn_recurrent_result tn_layer_peephole_cell(tn_tensor *x, tn_tensor *h, tn_tensor *c, const char *name,
                                                  int64_t units, const tn_rnn_opt *opt);

/* Layers on the nodes of a graph, x[N, features], along its edges (tn_edges in tarn/ops.h), with PyTorch Geometric's names. Graphs of a
 * batch are one graph of many parts; tn_segment_mean and its like pool them. */
typedef struct tn_gcn_opt {
    bool normalized;    /* edges come from tn_gcn_norm, once for all layers */
    bool no_self_loops; /* nodes get no edge to themselves */
    bool no_bias;
    void *reserved[4];
} tn_gcn_opt;
/* name.lin.weight [units, in], name.bias [units]: GCNConv; edges may have weights. */
TN_API tn_tensor *tn_layer_gcn(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges,
                               const tn_gcn_opt *opt);
typedef struct tn_sage_opt {
    tn_aggregate aggregate; /* opt NULL: MEAN */
    bool project;           /* x goes through name.lin and relu first */
    bool no_root;           /* without name.lin_r, the node itself */
    bool normalize;         /* rows are brought to length 1 */
    bool no_bias;
    void *reserved[4];
} tn_sage_opt;
/* name.lin_l.weight [units, in], name.lin_l.bias [units], name.lin_r.weight [units, in]: SAGEConv. */
TN_API tn_tensor *tn_layer_sage(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges,
                                const tn_sage_opt *opt);
typedef struct tn_gat_opt {
    bool mean_heads;  /* the heads' mean, not one beside the other */
    tn_opt_f64 slope; /* 0.2: of the leaky relu */
    double dropout;   /* of what edges count */
    bool no_self_loops;
    bool no_bias;
    void *reserved[4];
} tn_gat_opt;
/* name.lin.weight [heads * units, in], name.att_src, name.att_dst [1, heads, units], name.bias [heads * units] (mean_heads: [units]); of
 * edges with features, name.lin_edge.weight [heads * units, D] and name.att_edge: GATConv. */
TN_API tn_tensor *tn_layer_gat(tn_tensor *x, const char *name, int64_t units, int64_t heads, const tn_edges *edges,
                               const tn_gat_opt *opt);
typedef struct tn_gin_opt {
    double eps;
    bool train_eps;                             /* name.eps is trained; else it is kept */
    int64_t hidden;                             /* units of name.nn.0; 0: as many as of name.nn.2 */
    tn_tensor *(*nn)(tn_tensor *x, void *user); /* in place of these two, within the scope name.nn */
    void *user;
    void *reserved[4];
} tn_gin_opt;
/* name.eps [1], name.nn.0.weight, .bias, name.nn.2.weight, .bias (a relu between them): GINConv; of edges with features GINEConv,
 * with name.lin.weight [in, D] and name.lin.bias. */
TN_API tn_tensor *tn_layer_gin(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges,
                               const tn_gin_opt *opt);

typedef struct tn_gpt2_opt {
    int64_t vocabulary, context, width, heads, layers; /* 0: 50257, 1024, 768, 12, 12 */
    double dropout;
    bool features;       /* give what the last norm gives, not the head's scores */
    tn_kv_cache *caches; /* one for each layer, all with the same `at`: tokens are one step [N, 1] */
    void *reserved[4];
} tn_gpt2_opt;
/* GPT-2 with Hugging Face's names (transformer.wte.weight, transformer.h.0.attn.c_attn.weight, ...): tokens [N, L] (i64, i32) give
 * scores [N, L, vocabulary] of the token that comes next. */
TN_API tn_tensor *tn_gpt2(tn_tensor *tokens, const tn_gpt2_opt *opt);

typedef struct tn_bert_opt {
    int64_t vocabulary, places, kinds, width, heads, layers,
        feed_forward;    /* 0: 30522, 512, 2, 768, 12, 12, 4 * width */
    tn_opt_f64 dropout;  /* 0.1 */
    tn_tensor *key_mask; /* bool [N, L], true is seen: padding is false; NULL: everything is seen */
    tn_tensor *kind_of;  /* [N, L], i64 or i32: which of the kinds each token is; NULL: all 0 */
    bool pooled;         /* give [N, width] of the first token behind pooler.dense and tanh */
    void *reserved[4];
} tn_bert_opt;
/* BERT with the names of Hugging Face's BertModel (name.embeddings.word_embeddings.weight, name.encoder.layer.0.attention.self.query.weight,
 * ...): tokens [N, L] (i64, i32) give [N, L, width]. */
TN_API tn_tensor *tn_bert(tn_tensor *tokens, const char *name, const tn_bert_opt *opt);

typedef struct tn_prelu_opt {
    bool channels;    /* a slope for each channel (axis 1), not one for all */
    tn_opt_f64 slope; /* 0.25: to begin with */
    void *reserved[4];
} tn_prelu_opt;
/* name.weight [1] or [channels]: x above 0, else weight * x. */
TN_API tn_tensor *tn_layer_prelu(tn_tensor *x, const char *name, const tn_prelu_opt *opt);

/* Finding things in pictures. Each place of n maps [N, C, h, w] of the input [N, C, H, W] proposes a box: [N, places, 8 + classes], a row
 * having left, top, right, bottom in pixels, the logit that there is a thing, the place's middle x, y and its pixels to the next,
 * then a logit for each class. name.weight [5 + classes, C, 1, 1], name.bias; of several maps name.0.weight, ... */
TN_API tn_tensor *tn_layer_boxes(int n, tn_tensor *const *maps, tn_tensor *input, const char *name, int64_t classes);

#ifdef __cplusplus
}
#endif
#endif
