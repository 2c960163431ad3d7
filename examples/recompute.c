/* recompute.c: a deep net trained with less memory. Gradients read the values of the forward pass, so a step keeps them all; where
 * that is too much, some are computed again instead:
 *
 *     tn_recompute_begin / tn_recompute_end   by hand: one region for each block of layers
 *     tn_compile_opt.memory_limit             by itself: as few as make the step fit
 *
 * The numbers are the same bit for bit, those of dropout included, as this program shows. */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/tarn.h>

enum { BLOCKS = 12, WIDTH = 256, BATCH = 512, STEPS = 3 };

static tn_graph *deep_net(tn_context *context, bool regions)
{
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), WIDTH));
    for (int i = 0; i < BLOCKS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "block%d", i);
        if (regions)
            tn_recompute_begin(g);
        tn_scope_push(g, name);
        tn_tensor *y = tn_layer_layer_norm(x, "norm", NULL);
        y = tn_dropout(tn_gelu(tn_layer_linear(y, "up", 2 * WIDTH, NULL)), 0.1);
        x = tn_add(x, tn_layer_linear(y, "down", WIDTH, NULL));
        tn_scope_pop(g);
        if (regions)
            tn_recompute_end(g);
    }
    tn_minimize(tn_mean(tn_square(tn_layer_linear(x, "out", 1, NULL))), TN_OPT(tn_optim_opt, .kind = TN_SGD));
    return g;
}

/* Trains a few steps; what they need, and the last loss. */
static tn_status train(tn_context *context, bool regions, size_t limit, tn_memory *memory, float *loss)
{
    static float x[BATCH * WIDTH];
    float rate = 0.01f;
    for (int i = 0; i < BATCH * WIDTH; i++)
        x[i] = (float)(i * 7919 % 1000) / 500 - 1;
    tn_feed feeds[] = {{"x", tn_view_of(x, TN_F32, 2, (int64_t[]){BATCH, WIDTH})},
                       {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
    tn_feed fetch = {"loss", tn_view_of(loss, TN_F32, 0, NULL)};
    tn_graph *g = deep_net(context, regions);
    tn_program *p = tn_compile(g, TN_OPT(tn_compile_opt, .memory_limit = limit));
    tn_state *state = tn_state_new(context);
    tn_status status = p ? tn_state_init(state, g, 1) : TN_INVALID;
    tn_session *s = status == TN_OK ? tn_session_new(p, state) : NULL;
    if (s)
        status = tn_session_plan(s, "step", 2, feeds, memory);
    for (int i = 0; s && status == TN_OK && i < STEPS; i++)
        status = tn_run(s, "step", 2, feeds, 1, &fetch);
    if (status != TN_OK)
        fprintf(stderr, "%s\n", s ? tn_session_error(s) : tn_context_error(context));
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
    return status;
}

static void report(const char *how, const tn_memory *m, float loss)
{
    printf("%-22s %6.1f MB for values, %5.1f GFLOP, %3d operators twice, loss %.9g\n", how, (double)m->buffer / 1e6,
           m->flops / 1e9, m->again, (double)loss);
}

int main(void)
{
    tn_context *context = tn_context_new(NULL);
    tn_memory kept, hand, limited;
    float loss[3];
    tn_status status = train(context, false, 0, &kept, &loss[0]);
    if (status == TN_OK)
        status = train(context, true, 0, &hand, &loss[1]);
    if (status == TN_OK)
        status = train(context, false, (kept.buffer + kept.scratch) / 2, &limited, &loss[2]);
    if (status == TN_OK) {
        report("all kept", &kept, loss[0]);
        report("a region per block", &hand, loss[1]);
        report("half the memory", &limited, loss[2]);
    }
    tn_context_free(context);
    return status == TN_OK ? 0 : 1;
}
