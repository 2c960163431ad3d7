/* bench_recurrent.c: the benchmark's recurrent nets, written with operators and step by step: LSTM (Hochreiter and Schmidhuber 1997,
 * with the forget gate of Gers et al. 2000) and GRU (Cho et al. 2014), in PyTorch's form and with its names. */
#include <stdio.h>

#include "bench.h"

enum { NAME = 48, MOST_STEPS = 1024 };

typedef struct layer {
    tn_tensor *input, *input_bias, *state, *state_bias; /* [gates * width, ...], [gates * width] */
} layer;

static tn_tensor *weight(tn_graph *g, const char *part, int number, tn_shape shape, int64_t width)
{
    const tn_init init = {TN_INIT_FAN_UNIFORM, (double)width, 0};
    char name[NAME];
    (void)snprintf(name, sizeof name, "rnn.%s_l%d", part, number);
    return tn_param(g, name, TN_F32, shape, &init);
}

static layer make_layer(tn_tensor *x, int number, int64_t rows, int64_t width)
{
    tn_graph *g = tn_tensor_graph(x);
    const int64_t in = tn_dim_of(x, 2);
    return (layer){.input = weight(g, "weight_ih", number, TN_SHAPE(rows, in), width),
                   .state = weight(g, "weight_hh", number, TN_SHAPE(rows, width), width),
                   .input_bias = weight(g, "bias_ih", number, TN_SHAPE(rows), width),
                   .state_bias = weight(g, "bias_hh", number, TN_SHAPE(rows), width)};
}

static tn_tensor *gate(tn_tensor *all, int i, int64_t width)
{
    return tn_slice(all, 1, i * width, (i + 1) * width);
}

/* in: what the input adds to the gates; h and *c: the state before. Returns the state after; *c becomes the cell after. */
static tn_tensor *lstm_step(const layer *l, tn_tensor *in, tn_tensor *h, tn_tensor **c, int64_t width)
{
    tn_tensor *all = tn_add(in, tn_linear(h, l->state, l->state_bias));
    tn_tensor *kept = tn_mul(tn_sigmoid(gate(all, 1, width)), *c);
    *c = tn_add(kept, tn_mul(tn_sigmoid(gate(all, 0, width)), tn_tanh(gate(all, 2, width))));
    return tn_mul(tn_sigmoid(gate(all, 3, width)), tn_tanh(*c));
}

static tn_tensor *gru_step(const layer *l, tn_tensor *in, tn_tensor *h, int64_t width)
{
    tn_tensor *all = tn_linear(h, l->state, l->state_bias);
    tn_tensor *reset = tn_sigmoid(tn_add(gate(in, 0, width), gate(all, 0, width)));
    tn_tensor *keep = tn_sigmoid(tn_add(gate(in, 1, width), gate(all, 1, width)));
    tn_tensor *fresh = tn_tanh(tn_add(gate(in, 2, width), tn_mul(reset, gate(all, 2, width))));
    return tn_add(fresh, tn_mul(keep, tn_sub(h, fresh)));
}

tn_tensor *bench_recurrent(tn_tensor *x, bool gru, int layers, int64_t width, int64_t classes)
{
    tn_graph *g = tn_tensor_graph(x);
    const tn_dim n = tn_dim_of(x, 0), steps = tn_dim_of(x, 1);
    tn_tensor *zero = tn_expand(tn_scalar(g, TN_F32, 0), TN_SHAPE(n, width)), *h = zero, *after[MOST_STEPS];
    for (int i = 0; i < layers && steps <= MOST_STEPS; i++) {
        const layer l = make_layer(x, i, (gru ? 3 : 4) * width, width);
        tn_tensor *in = tn_linear(x, l.input, l.input_bias), *c = zero; /* of all steps at once */
        h = zero;
        for (int64_t t = 0; t < steps; t++) {
            tn_tensor *now = tn_squeeze(tn_slice(in, 1, t, t + 1), 1);
            h = gru ? gru_step(&l, now, h, width) : lstm_step(&l, now, h, &c, width);
            after[t] = tn_unsqueeze(h, 1);
        }
        x = tn_concat((int)steps, after, 1);
    }
    return tn_layer_linear(h, "fc", classes, NULL);
}
