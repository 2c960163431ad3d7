/* custom_operator.c: an operator that Tarn does not have, trained through. y = sin(a x) / (a x), a lens of its own, whose
 * parameter a is learned: the program gives the values and the gradient, Tarn does the rest. */
#include <math.h>
#include <stdio.h>

#include <tarn/tarn.h>

/* The output is like the input. */
static const char *like_input(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op;
    if (in[0].dtype != TN_F32)
        return "x must be f32";
    out[0] = in[0];
    return NULL;
}

static const char *sinc(const tn_operator *op, const tn_view in[], const tn_view out[])
{
    (void)op;
    const float *x = in[0].data;
    float *y = out[0].data;
    for (int64_t i = 0; i < tn_view_count(&in[0]); i++)
        y[i] = x[i] == 0 ? 1 : sinf(x[i]) / x[i];
    return NULL;
}

/* dy/dx = (cos x - y) / x: a graph of operators, so it has a gradient itself. */
static const char *sinc_grad(const tn_operator *op, tn_tensor *const in[], tn_tensor *const out[],
                             tn_tensor *const dout[], tn_tensor *din[])
{
    (void)op;
    din[0] = tn_mul(dout[0], tn_div(tn_sub(tn_cos(in[0]), out[0]), in[0]));
    return NULL;
}

static const tn_operator sinc_operator = {
    .name = "sinc", .inputs = 1, .outputs = 1, .infer = like_input, .run = sinc, .grad = sinc_grad};

int main(void)
{
    enum { POINTS = 64 };
    float x[POINTS], y[POINTS], rate = 0.05F, loss = 0;
    for (int i = 0; i < POINTS; i++) {
        x[i] = 0.1F * (float)(i + 1);
        y[i] = sinf(2 * x[i]) / (2 * x[i]); /* made with a = 2 */
    }
    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *in = tn_input(graph, "x", TN_F32, TN_SHAPE(POINTS)),
              *want = tn_input(graph, "y", TN_F32, TN_SHAPE(POINTS));
    tn_tensor *a = tn_param(graph, "a", TN_F32, TN_SHAPE(1), TN_OPT(tn_init, TN_INIT_CONSTANT, 1.5));
    tn_tensor *inner = tn_mul(in, a);
    tn_minimize(tn_mse(tn_custom(&sinc_operator, 1, &inner), want, TN_REDUCE_MEAN),
                TN_OPT(tn_optim_opt, .kind = TN_ADAM));

    tn_program *program = tn_compile(graph, NULL);
    tn_state *state = tn_state_new(context);
    if (!program || tn_state_init(state, graph, 1) != TN_OK) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    tn_session *session = tn_session_new(program, state);
    int64_t shape[] = {POINTS};
    tn_feed feeds[] = {{"x", tn_view_of(x, TN_F32, 1, shape)},
                       {"y", tn_view_of(y, TN_F32, 1, shape)},
                       {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
    tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    for (int step = 0; step <= 100; step++) {
        if (tn_run(session, "step", 3, feeds, 1, &fetch) != TN_OK) {
            fprintf(stderr, "%s\n", tn_session_error(session));
            return 1;
        }
        if (step % 25 == 0)
            printf("step %3d  loss %.6f\n", step, loss);
    }
    tn_view learned;
    if (tn_state_find(state, "a", &learned) == TN_OK)
        printf("a is %.2f; it was made with 2\n", *(const float *)learned.data);

    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_context_free(context);
    return 0;
}
