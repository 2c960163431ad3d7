/* layers.c: linear layers, batch normalisation, and what layers share (parts.h). */
#include <math.h>

#include "graph/graph.h"
#include "nn/parts.h"

int64_t nn_features(tn_tensor *x, int axis, const char *layer)
{
    tn_dim size = tn_dim_of(x, axis);
    if (size >= 0)
        return size;
    graph_fail(tn_tensor_graph(x), TN_SHAPE,
               "layer '%s': the size of axis %d must be a number, as weights have a fixed size", layer, axis);
    return 0;
}

static tn_init weight_default(void)
{
    tn_init init = {TN_INIT_KAIMING_UNIFORM, sqrt(5.0), 0};
    return init;
}

tn_tensor *nn_weight(tn_tensor *x, tn_shape shape, const tn_init *init)
{
    tn_init usual = weight_default();
    return tn_param(tn_tensor_graph(x), "weight", tn_tensor_dtype(x), shape, init ? init : &usual);
}

/* original0 is the length of each row, and begins as what rows of the usual weight have: sqrt(1 / 3). */
static tn_tensor *weight_norm(tn_graph *g, tn_dtype dtype, tn_shape shape, const tn_init *init)
{
    const tn_init length = {TN_INIT_CONSTANT, 1 / sqrt(3.0), 0};
    tn_shape rows = {.rank = shape.rank, .dims = {shape.dims[0]}};
    for (int i = 1; i < shape.rank; i++)
        rows.dims[i] = 1;
    tn_tensor *by = tn_param(g, "original0", dtype, rows, &length);
    return tn_weight_norm(tn_param(g, "original1", dtype, shape, init), by, 0);
}

static tn_tensor *spectral_norm(tn_graph *g, tn_dtype dtype, tn_shape shape, const tn_init *init, int axis)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 1};
    int64_t columns = 1;
    for (int i = 0; i < shape.rank; i++)
        columns *= i == axis ? 1 : shape.dims[i];
    tn_tensor *w = tn_param(g, "original", dtype, shape, init);
    tn_scope_push(g, "0");
    tn_tensor *u = tn_buffer(g, "_u", dtype, TN_SHAPE(shape.dims[axis]), &normal);
    tn_tensor *v = tn_buffer(g, "_v", dtype, TN_SHAPE(columns), &normal);
    tn_scope_pop(g);
    tn_spectral_result r = tn_spectral_norm(w, u, v, axis);
    tn_graph_update(g, u, r.new_u, r.w);
    tn_graph_update(g, v, r.new_v, r.w);
    return r.w;
}

tn_tensor *nn_weight_by(tn_tensor *x, tn_shape shape, const tn_init *init, tn_weight_by how, int axis)
{
    tn_init usual = weight_default();
    tn_graph *g = tn_tensor_graph(x);
    if (how == TN_WEIGHT_PLAIN)
        return nn_weight(x, shape, init);
    init = init ? init : &usual;
    tn_scope_push(g, "parametrizations");
    tn_scope_push(g, "weight");
    tn_tensor *w = how == TN_WEIGHT_NORM ? weight_norm(g, tn_tensor_dtype(x), shape, init)
                                         : spectral_norm(g, tn_tensor_dtype(x), shape, init, axis);
    tn_scope_pop(g);
    tn_scope_pop(g);
    return w;
}

tn_tensor *nn_bias(tn_tensor *x, int64_t n, double fan_in, bool none, const tn_init *init)
{
    tn_init usual = {TN_INIT_FAN_UNIFORM, fan_in, 0};
    return none ? NULL : tn_param(tn_tensor_graph(x), "bias", tn_tensor_dtype(x), TN_SHAPE(n), init ? init : &usual);
}

tn_tensor *tn_layer_linear(tn_tensor *x, const char *name, int64_t units, const tn_linear_opt *opt)
{
    static const tn_linear_opt defaults;
    const tn_linear_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    int64_t in = nn_features(x, -1, name);
    tn_tensor *w = nn_weight_by(x, TN_SHAPE(units, in), o->weight_init, o->weight_by, 0);
    tn_tensor *y = tn_linear(x, w, nn_bias(x, units, (double)in, o->no_bias, o->bias_init));
    tn_scope_pop(g);
    return y;
}

tn_tensor *tn_layer_bilinear(tn_tensor *a, tn_tensor *b, const char *name, int64_t units, const tn_linear_opt *opt)
{
    static const tn_linear_opt defaults;
    const tn_linear_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(a);
    if (tn_graph_status(g) != TN_OK)
        return a;
    tn_scope_push(g, name);
    int64_t first = nn_features(a, -1, name), second = nn_features(b, -1, name);
    tn_init usual = {TN_INIT_FAN_UNIFORM, (double)first, 0};
    tn_tensor *w = nn_weight(a, TN_SHAPE(units, first, second), o->weight_init ? o->weight_init : &usual);
    tn_tensor *y = tn_bilinear(a, b, w, nn_bias(a, units, (double)first, o->no_bias, o->bias_init));
    tn_scope_pop(g);
    return y;
}

/* (x - mean) / sqrt(var + eps) * w + b with the statistics as they are, training or not. */
static tn_tensor *frozen(tn_tensor *x, tn_tensor *w, tn_tensor *b, tn_tensor *mean, tn_tensor *var, double eps)
{
    tn_shape channels = {.rank = tn_tensor_rank(x) - 1, .dims = {tn_dim_of(x, 1), 1, 1, 1, 1, 1, 1}};
    tn_tensor *scale = tn_rsqrt(tn_add_f(var, eps));
    scale = w ? tn_mul(scale, w) : scale;
    tn_tensor *shift = tn_neg(tn_mul(mean, scale));
    shift = b ? tn_add(shift, b) : shift;
    return tn_add(tn_mul(x, tn_reshape(scale, channels)), tn_reshape(shift, channels));
}

/* old moved towards `batch` so that it is the mean of all batches. */
static tn_tensor *running_mean_of(tn_tensor *old, tn_tensor *batch, tn_tensor *count)
{
    tn_tensor *n = tn_cast(tn_add_f(count, 1), tn_tensor_dtype(old));
    return tn_add(old, tn_div(tn_sub(batch, old), n));
}

tn_tensor *tn_layer_batch_norm(tn_tensor *x, const char *name, const tn_batch_norm_opt *opt)
{
    static const tn_batch_norm_opt defaults;
    const tn_batch_norm_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(x);
    tn_init one = {TN_INIT_CONSTANT, 1, 0};
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    tn_shape shape = TN_SHAPE(nn_features(x, 1, name));
    tn_dtype dtype = tn_tensor_dtype(x);
    tn_tensor *w = o->no_affine ? NULL : tn_param(g, "weight", dtype, shape, &one);
    tn_tensor *b = o->no_affine ? NULL : tn_param(g, "bias", dtype, shape, NULL);
    tn_tensor *mean = tn_buffer(g, "running_mean", dtype, shape, NULL),
              *var = tn_buffer(g, "running_var", dtype, shape, &one);
    tn_tensor *count = tn_buffer(g, "num_batches_tracked", TN_I64, TN_SCALAR, NULL);
    double eps = o->eps.set ? o->eps.value : 1e-5;
    if (o->frozen) {
        tn_scope_pop(g);
        return frozen(x, w, b, mean, var, eps);
    }
    double momentum = o->cumulative ? 1 : o->momentum.set ? o->momentum.value : 0.1;
    tn_batch_norm_result r = tn_batch_norm(x, w, b, mean, var, eps, momentum);
    tn_tensor *when = r.new_running_mean; /* the batch's statistics are made */
    if (o->cumulative) {
        r.new_running_mean = running_mean_of(mean, r.new_running_mean, count);
        r.new_running_var = running_mean_of(var, r.new_running_var, count);
    }
    tn_graph_update(g, mean, r.new_running_mean, when);
    tn_graph_update(g, var, r.new_running_var, when);
    tn_graph_update(g, count, tn_add(count, tn_scalar(g, TN_I64, 1)), when);
    tn_scope_pop(g);
    return r.y;
}

tn_tensor *tn_layer_prelu(tn_tensor *x, const char *name, const tn_prelu_opt *opt)
{
    static const tn_prelu_opt defaults;
    const tn_prelu_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(x);
    tn_init slope = {TN_INIT_CONSTANT, o->slope.set ? o->slope.value : 0.25, 0};
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    int64_t n = o->channels ? nn_features(x, 1, name) : 1;
    tn_tensor *y = tn_prelu(x, tn_param(g, "weight", tn_tensor_dtype(x), TN_SHAPE(n), &slope));
    tn_scope_pop(g);
    return y;
}
