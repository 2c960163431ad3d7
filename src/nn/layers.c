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
    tn_tensor *w = nn_weight(x, TN_SHAPE(units, in), o->weight_init);
    tn_tensor *y = tn_linear(x, w, nn_bias(x, units, (double)in, o->no_bias, o->bias_init));
    tn_scope_pop(g);
    return y;
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
    tn_batch_norm_result r =
        tn_batch_norm(x, w, b, mean, var, o->eps.set ? o->eps.value : 1e-5, o->momentum.set ? o->momentum.value : 0.1);
    tn_graph_update(g, mean, r.new_running_mean, NULL);
    tn_graph_update(g, var, r.new_running_var, NULL);
    tn_graph_update(g, count, tn_add(count, tn_scalar(g, TN_I64, 1)), r.new_running_mean);
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
