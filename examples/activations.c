/* activations.c: what a neuron does to its sum. The four activation functions that most networks are made of, computed by
 * the engine and drawn into a picture.
 *
 *     activations [PICTURE]      activations.svg unless another .svg or .png is named */
#include <stdio.h>

#include <tarn/tarn.h>

enum { POINTS = 401, FUNCTIONS = 4 };
static const char *const names[FUNCTIONS] = {"relu", "sigmoid", "tanh", "gelu"};

/* Runs all four functions over x. A program without parameters needs no state, and one run is enough. */
static int compute(float *x, float y[FUNCTIONS][POINTS])
{
    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *in = tn_input(graph, "x", TN_F32, TN_SHAPE(POINTS));
    tn_entry *entry = tn_entry_new(graph, "all", 0);
    tn_entry_output(entry, "relu", tn_relu(in));
    tn_entry_output(entry, "sigmoid", tn_sigmoid(in));
    tn_entry_output(entry, "tanh", tn_tanh(in));
    tn_entry_output(entry, "gelu", tn_gelu(in));
    tn_program *program = tn_compile(graph, NULL);
    tn_session *session = program ? tn_session_new(program, NULL) : NULL;

    int64_t shape[] = {POINTS};
    tn_feed feed = {"x", tn_view_of(x, TN_F32, 1, shape)}, fetches[FUNCTIONS];
    for (int i = 0; i < FUNCTIONS; i++)
        fetches[i] = (tn_feed){names[i], tn_view_of(y[i], TN_F32, 1, shape)};
    int ok = session && tn_run(session, "all", 1, &feed, FUNCTIONS, fetches) == TN_OK;
    if (!ok)
        fprintf(stderr, "%s\n", session ? tn_session_error(session) : tn_context_error(context));
    tn_session_free(session);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_context_free(context);
    return ok;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "activations.svg";
    static float x[POINTS], y[FUNCTIONS][POINTS];
    static double across[POINTS], up[FUNCTIONS][POINTS]; /* plots take doubles */
    for (int i = 0; i < POINTS; i++)
        x[i] = (float)(i - POINTS / 2) / 50; /* -4 to 4 */
    if (!compute(x, y))
        return 1;
    for (int i = 0; i < POINTS; i++)
        across[i] = x[i];

    tn_plot *panels[FUNCTIONS];
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int i = 0; i < POINTS; i++)
            up[f][i] = y[f][i];
        printf("%-8s f(-2) = %7.4f   f(0) = %.4f   f(2) = %.4f\n", names[f], y[f][100], y[f][200], y[f][300]);
        tn_plot_series curve = {.x = across, .y = up[f], .n = POINTS, .color = f + 1};
        panels[f] = tn_plot_lines(&curve, 1, TN_OPT(tn_plot_opt, .title = names[f], .width = 360, .height = 260));
    }
    tn_plot *picture = tn_plot_grid(panels, FUNCTIONS, 2, TN_OPT(tn_plot_opt, .title = "Activation functions"));
    tn_status status = tn_plot_save(picture, path);
    if (status == TN_OK)
        printf("wrote %s\n", path);
    else
        fprintf(stderr, "%s\n", tn_plot_error(picture));
    tn_plot_free(picture);
    for (int f = 0; f < FUNCTIONS; f++)
        tn_plot_free(panels[f]);
    return status != TN_OK;
}
