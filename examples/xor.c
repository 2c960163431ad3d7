/* xor.c: what one neuron cannot do. No straight line separates the inputs whose exclusive or is 1 from those where it is 0,
 * so a single neuron (neuron.c) never learns it; two layers with a bend in between do. */
#include <stdio.h>

#include <tarn/tarn.h>

int main(void)
{
    float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y[4][1] = {{0}, {1}, {1}, {0}};

    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *in = tn_input(graph, "x", TN_F32, TN_SHAPE(4, 2)), *want = tn_input(graph, "y", TN_F32, TN_SHAPE(4, 1));
    tn_tensor *hidden = tn_tanh(tn_layer_linear(in, "hidden", 8, NULL)); /* the bend */
    tn_tensor *sum = tn_layer_linear(hidden, "out", 1, NULL);
    tn_entry_output(tn_entry_new(graph, "guess", 0), "p", tn_sigmoid(sum));
    tn_minimize(tn_bce_with_logits(sum, want, NULL), TN_OPT(tn_optim_opt, .kind = TN_ADAM));

    tn_program *program = tn_compile(graph, NULL);
    tn_state *state = tn_state_new(context);
    if (!program || tn_state_init(state, graph, 1) != TN_OK) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    tn_session *session = tn_session_new(program, state);

    float rate = 0.05F, error = 0, p[4][1];
    int64_t shape_x[] = {4, 2}, shape_y[] = {4, 1};
    tn_feed feeds[] = {{"x", tn_view_of(x, TN_F32, 2, shape_x)},
                       {"y", tn_view_of(y, TN_F32, 2, shape_y)},
                       {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
    tn_feed fetch_loss = {"loss", tn_view_of(&error, TN_F32, 0, NULL)},
            fetch_p = {"p", tn_view_of(p, TN_F32, 2, shape_y)};
    tn_status status = TN_OK;
    for (int step = 0; step <= 300 && status == TN_OK; step++) {
        status = tn_run(session, "step", 3, feeds, 1, &fetch_loss);
        if (status == TN_OK && step % 50 == 0)
            printf("step %3d  loss %.4f\n", step, error);
    }
    if (status == TN_OK)
        status = tn_run(session, "guess", 1, feeds, 1, &fetch_p);
    if (status != TN_OK) {
        fprintf(stderr, "%s\n", tn_session_error(session));
        return 1;
    }
    for (int i = 0; i < 4; i++)
        printf("%g xor %g = %.3f, which is %s\n", x[i][0], x[i][1], p[i][0],
               (p[i][0] > 0.5F) == (y[i][0] > 0) ? "right" : "wrong");

    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_context_free(context);
    return 0;
}
