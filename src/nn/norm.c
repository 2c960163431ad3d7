/* norm.c: layer, RMS, group and instance normalisation as layers. */
#include "graph/graph.h"

#include <float.h>

#include <tarn/nn.h>

/* weight (ones) and bias (zeros) of this shape; NULL where there is none. */
static void scales(tn_tensor *x, tn_shape shape, const tn_norm_opt *o, tn_tensor **weight, tn_tensor **bias)
{
    const tn_init one = {TN_INIT_CONSTANT, 1, 0};
    tn_graph *g = tn_tensor_graph(x);
    *weight = o->no_affine ? NULL : tn_param(g, "weight", tn_tensor_dtype(x), shape, &one);
    *bias = o->no_affine || o->no_bias ? NULL : tn_param(g, "bias", tn_tensor_dtype(x), shape, NULL);
}

static const tn_norm_opt *options(const tn_norm_opt *opt)
{
    static const tn_norm_opt defaults;
    return opt ? opt : &defaults;
}

/* The last axes of x, whose sizes must be numbers where there are weights. */
static tn_shape rows_of(tn_tensor *x, const char *name, const tn_norm_opt *o)
{
    int axes = o->axes ? o->axes : 1, rank = tn_tensor_rank(x);
    tn_shape shape = {.rank = axes < 1 || axes > rank ? 0 : axes};
    if (!shape.rank)
        graph_fail(tn_tensor_graph(x), TN_SHAPE, "layer '%s': axes is %d, and x has %d", name, axes, rank);
    for (int i = 0; i < shape.rank; i++) {
        shape.dims[i] = tn_dim_of(x, rank - axes + i);
        if (shape.dims[i] < 0 && !o->no_affine)
            graph_fail(tn_tensor_graph(x), TN_SHAPE,
                       "layer '%s': the size of axis %d must be a number, as weights have a fixed size", name,
                       rank - axes + i);
    }
    return shape;
}

tn_tensor *tn_layer_layer_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt)
{
    const tn_norm_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(x);
    tn_tensor *w, *b;
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    tn_shape shape = rows_of(x, name, o);
    scales(x, shape, o, &w, &b);
    tn_tensor *y = tn_layer_norm(x, shape.rank, w, b, o->eps.set ? o->eps.value : 1e-5);
    tn_scope_pop(g);
    return y;
}

/* PyTorch's default: the distance of 1 from the next number. */
static double epsilon(tn_dtype dtype)
{
    return dtype == TN_F64 ? DBL_EPSILON : dtype == TN_F16 ? 0x1p-10 : dtype == TN_BF16 ? 0x1p-7 : FLT_EPSILON;
}

tn_tensor *tn_layer_rms_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt)
{
    tn_norm_opt o = *options(opt);
    tn_graph *g = tn_tensor_graph(x);
    tn_tensor *w, *b;
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    o.no_bias = true;
    tn_shape shape = rows_of(x, name, &o);
    scales(x, shape, &o, &w, &b);
    tn_tensor *y = tn_rms_norm(x, shape.rank, w, o.eps.set ? o.eps.value : epsilon(tn_tensor_dtype(x)));
    tn_scope_pop(g);
    return y;
}

/* values[C] once for each sample: [N C]. */
static tn_tensor *for_each(tn_tensor *values, tn_dim samples, tn_dim all)
{
    tn_shape shape = TN_SHAPE(samples, tn_dim_of(values, 0));
    return tn_reshape(tn_expand(values, shape), TN_SHAPE(all));
}

/* The mean over the samples of [N C]. */
static tn_tensor *over_samples(tn_tensor *values, tn_dim samples, tn_dim channels)
{
    return tn_mean_axes(tn_reshape(values, TN_SHAPE(samples, channels)), 1, (const int64_t[]){0}, false);
}

/* Instances are the channels of one large sample, whose running statistics are those of their channel; what each instance makes of
 * these is averaged over the samples. As torch.nn.functional.instance_norm. */
static tn_tensor *tracked(tn_tensor *x, tn_tensor *w, tn_tensor *b, const tn_norm_opt *o, double eps)
{
    tn_graph *g = tn_tensor_graph(x);
    const tn_init one = {TN_INIT_CONSTANT, 1, 0};
    tn_shape shape = tn_tensor_shape(x), large = shape;
    if (shape.rank < 3) {
        graph_fail(g, TN_SHAPE, "instance_norm takes x[N, C, ...]; it has %d axes", shape.rank);
        return x;
    }
    tn_dim n = shape.dims[0], channels = shape.dims[1], all = tn_dim_mul(g, n, channels);
    tn_tensor *mean = tn_buffer(g, "running_mean", tn_tensor_dtype(x), TN_SHAPE(channels), NULL),
              *var = tn_buffer(g, "running_var", tn_tensor_dtype(x), TN_SHAPE(channels), &one);
    (void)tn_buffer(g, "num_batches_tracked", TN_I64, TN_SCALAR,
                    NULL); /* PyTorch's states have it, and leave it at 0 */
    large.dims[0] = 1;
    large.dims[1] = all;
    tn_batch_norm_result r =
        tn_batch_norm(tn_reshape(x, large), w ? for_each(w, n, all) : NULL, b ? for_each(b, n, all) : NULL,
                      for_each(mean, n, all), for_each(var, n, all), eps, o->momentum.set ? o->momentum.value : 0.1);
    tn_tensor *when = r.new_running_mean; /* the batch's statistics are made */
    tn_graph_update(g, mean, over_samples(r.new_running_mean, n, channels), when);
    tn_graph_update(g, var, over_samples(r.new_running_var, n, channels), when);
    return tn_reshape(r.y, shape);
}

/* groups = 0: every channel. */
static tn_tensor *grouped(tn_tensor *x, const char *name, int64_t groups, const tn_norm_opt *o)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_tensor *w, *b;
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    tn_dim channels = tn_dim_of(x, 1);
    if (channels < 0)
        graph_fail(g, TN_SHAPE, "layer '%s': the size of axis 1 must be a number, as weights have a fixed size", name);
    scales(x, TN_SHAPE(channels), o, &w, &b);
    double eps = o->eps.set ? o->eps.value : 1e-5;
    tn_tensor *y = groups     ? tn_group_norm(x, groups, w, b, eps)
                   : o->track ? tracked(x, w, b, o, eps)
                              : tn_instance_norm(x, w, b, eps);
    tn_scope_pop(g);
    return y;
}

tn_tensor *tn_layer_group_norm(tn_tensor *x, const char *name, int64_t groups, const tn_norm_opt *opt)
{
    if (groups < 1)
        graph_fail(tn_tensor_graph(x), TN_INVALID, "layer '%s': groups is %lld; there must be one or more", name,
                   (long long)groups);
    return grouped(x, name, groups, options(opt));
}

tn_tensor *tn_layer_instance_norm(tn_tensor *x, const char *name, const tn_norm_opt *opt)
{
    static const tn_norm_opt bare = {.no_affine = true}; /* PyTorch's default */
    return grouped(x, name, 0, opt ? opt : &bare);
}
