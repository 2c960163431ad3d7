/* SGD, Adagrad and Adam on used rows alone: a table that two embeddings read, beside the formulas of torch.optim; rows that no batch uses stay
 * as they are, and cost no memory; what cannot be is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { ROWS = 20000, WIDTH = 3, FIRST = 4, SECOND = 2, STEPS = 5 };

/* loss = the sum of w * (rows of the table at i + rows at j, which are fewer) */
static tn_tensor *loss_of(tn_graph *g)
{
    const tn_init half = {TN_INIT_CONSTANT, 0.5, 0};
    tn_tensor *table = tn_param(g, "table", TN_F32, TN_SHAPE(ROWS, WIDTH), &half);
    tn_tensor *a = tn_embedding(table, tn_input(g, "i", TN_I64, TN_SHAPE(FIRST)), -1);
    tn_tensor *b = tn_embedding(table, tn_input(g, "j", TN_I64, TN_SHAPE(SECOND)), -1);
    tn_tensor *w = tn_input(g, "w", TN_F32, TN_SHAPE(FIRST, WIDTH));
    return tn_add(tn_sum(tn_mul(w, a)), tn_sum(tn_mul(tn_slice(w, 0, 0, SECOND), b)));
}

typedef struct row {
    double p[WIDTH], m[WIDTH], v[WIDTH];
} row;

static void step_by_hand(tn_optimizer kind, row *r, const double *g, int t)
{
    for (int k = 0; k < WIDTH; k++) {
        if (kind == TN_SGD) {
            r->p[k] -= 0.01 * g[k];
            continue;
        }
        if (kind == TN_ADAGRAD) {
            r->v[k] += g[k] * g[k];
            r->p[k] -= g[k] != 0 ? 0.01 / (1 + 0.5 * (t - 1)) * g[k] / (sqrt(r->v[k]) + 1e-10) : 0; /* NOLINT */
            continue;
        }
        r->m[k] += 0.1 * (g[k] - r->m[k]);
        r->v[k] = 0.999 * r->v[k] + 0.001 * g[k] * g[k];
        r->p[k] -= 0.01 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t)) * r->m[k] / (sqrt(r->v[k]) + 1e-8);
    }
}

static void rows_by_hand(tn_optimizer kind)
{
    const tn_param_group rows = {.pattern = "*", .rows = true};
    const tn_optim_opt o = {.kind = kind, .groups = &rows, .n_groups = 1, .lr_decay = 0.5, .no_gradient_norm = true};
    int64_t i[FIRST] = {7, 19999, 7, 3}, j[SECOND] = {3, 11};
    const int64_t used[] = {7, 19999, 3, 11};
    float w[FIRST][WIDTH] = {{1, 2, 3}, {-1, 0.5F, 0}, {0.25F, -3, 1}, {2, 2, -2}};
    row by_hand[4];
    float lr = 0.01F;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    assert_int_equal(tn_minimize(loss_of(g), &o), TN_OK);
    tn_program *p = tn_compile(g, NULL);
    tn_state *s = tn_state_new(c);
    assert_int_equal(tn_state_init(s, g, 1), TN_OK);
    tn_session *run = tn_session_new(p, s);
    const tn_feed feeds[] = {{"i", tn_view_of(i, TN_I64, 1, (const int64_t[]){FIRST})},
                             {"j", tn_view_of(j, TN_I64, 1, (const int64_t[]){SECOND})},
                             {"w", tn_view_of(w, TN_F32, 2, (const int64_t[]){FIRST, WIDTH})},
                             {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    for (int u = 0; u < 4; u++)
        by_hand[u] = (row){.p = {0.5, 0.5, 0.5}};
    for (int t = 1; t <= STEPS; t++) {
        if (tn_run(run, "step", 4, feeds, 0, NULL) != TN_OK)
            fail_msg("%s", tn_session_error(run));
        for (int u = 0; u < 4; u++) {
            double sum[WIDTH] = {0};
            for (int k = 0; k < WIDTH; k++) {
                for (int at = 0; at < FIRST; at++)
                    sum[k] += i[at] == used[u] ? (double)w[at][k] : 0;
                for (int at = 0; at < SECOND; at++)
                    sum[k] += j[at] == used[u] ? (double)w[at][k] : 0;
            }
            step_by_hand(kind, &by_hand[u], sum, t);
        }
    }
    tn_view table;
    assert_int_equal(tn_state_find(s, "table", &table), TN_OK);
    const float *x = table.data;
    for (int u = 0; u < 4; u++)
        for (int k = 0; k < WIDTH; k++)
            if (!(fabs((double)x[used[u] * WIDTH + k] - by_hand[u].p[k]) < 1e-5))
                fail_msg("row %lld is %g, not %g", (long long)used[u], (double)x[used[u] * WIDTH + k], by_hand[u].p[k]);
    for (int64_t r = 0; r < ROWS; r++)
        if (r != 7 && r != 19999 && r != 3 && r != 11)
            assert_true(x[r * WIDTH] == 0.5F && x[r * WIDTH + 2] == 0.5F);
    tn_memory memory;
    assert_int_equal(tn_session_plan(run, "step", 4, feeds, &memory), TN_OK);
    assert_true(memory.buffer + memory.scratch < ROWS * WIDTH * sizeof(float) / 4);
    tn_session_free(run);
    tn_state_free(s);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(c);
}

static void sgd(void **state)
{
    (void)state;
    rows_by_hand(TN_SGD);
}

static void adagrad(void **state)
{
    (void)state;
    rows_by_hand(TN_ADAGRAD);
}

static void adam(void **state)
{
    (void)state;
    rows_by_hand(TN_ADAM);
}

static void what_cannot_be(void **state)
{
    (void)state;
    const tn_param_group rows = {.pattern = "*", .rows = true};
    const tn_optim_opt wrong[] = {{.kind = TN_SGD, .momentum = 0.9},
                                  {.kind = TN_RMSPROP},
                                  {.kind = TN_ADAMW},
                                  {.kind = TN_ADAM, .clip_value = 1}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        tn_context *c = tn_context_new(NULL);
        tn_graph *g = tn_graph_new(c);
        tn_optim_opt o = wrong[k];
        o.groups = &rows;
        o.n_groups = 1;
        assert_int_equal(tn_minimize(loss_of(g), &o), TN_INVALID);
        assert_non_null(strstr(tn_graph_error(g), "used rows alone"));
        tn_graph_free(g);
        tn_context_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sgd), cmocka_unit_test(adagrad), cmocka_unit_test(adam),
                                       cmocka_unit_test(what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
