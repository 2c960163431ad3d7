/* neuron.c: the smallest network there is. One neuron with two inputs learns the logical OR of them.
 *
 * A neuron multiplies its inputs by weights, adds a bias and puts the sum through a sigmoid:
 *     p = sigmoid(w1 x1 + w2 x2 + b)
 * Nobody tells it the weights. It finds them by gradient descent, from four examples. */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/tarn.h>

int main(void)
{
    /* The four examples: what goes in, and what should come out. */
    float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y[4][1] = {{0}, {1}, {1}, {1}};

    /* The graph says what is computed; nothing is computed yet. */
    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *in = tn_input(graph, "x", TN_F32, TN_SHAPE(4, 2)), *want = tn_input(graph, "y", TN_F32, TN_SHAPE(4, 1));
    tn_tensor *sum = tn_layer_linear(in, "neuron", 1, NULL); /* makes neuron.weight [1, 2] and neuron.bias [1] */
    tn_tensor *loss = tn_bce_with_logits(sum, want, NULL);   /* how wrong sigmoid(sum) is */

    /* Two ways to run it: "guess" hands out p; "step", which tn_minimize makes, moves the weights a little downhill. */
    tn_entry_output(tn_entry_new(graph, "guess", 0), "p", tn_sigmoid(sum));
    tn_minimize(loss, TN_OPT(tn_optim_opt, .kind = TN_SGD));

    /* Compile, fill the weights with random numbers from seed 1, and get buffers to run in. */
    tn_program *program = tn_compile(graph, NULL);
    tn_state *state = tn_state_new(context);
    if (!program || tn_state_init(state, graph, 1) != TN_OK) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    tn_session *session = tn_session_new(program, state);

    float rate = 2, error = 0, p[4][1];
    int64_t shape_x[] = {4, 2}, shape_y[] = {4, 1};
    tn_feed feeds[] = {{"x", tn_view_of(x, TN_F32, 2, shape_x)},
                       {"y", tn_view_of(y, TN_F32, 2, shape_y)},
                       {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
    tn_feed fetch_loss = {"loss", tn_view_of(&error, TN_F32, 0, NULL)},
            fetch_p = {"p", tn_view_of(p, TN_F32, 2, shape_y)};
    tn_status status = TN_OK;
    for (int step = 0; step <= 500 && status == TN_OK; step++) {
        status = tn_run(session, "step", 3, feeds, 1, &fetch_loss);
        if (status == TN_OK && step % 100 == 0)
            printf("step %3d  loss %.4f\n", step, error);
    }
    if (status == TN_OK)
        status = tn_run(session, "guess", 1, feeds, 1, &fetch_p);
    if (status != TN_OK) {
        fprintf(stderr, "%s\n", tn_session_error(session));
        return 1;
    }
    for (int i = 0; i < 4; i++)
        printf("%g or %g = %.3f\n", x[i][0], x[i][1], p[i][0]);
    tn_view w, b;
    tn_state_find(state, "neuron.weight", &w);
    tn_state_find(state, "neuron.bias", &b);
    printf("it learned sigmoid(%.2f x1 + %.2f x2 %+.2f)\n", ((float *)w.data)[0], ((float *)w.data)[1],
           *(float *)b.data);

    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_context_free(context);
    return 0;
}
