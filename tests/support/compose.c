/* compose.c: see compose.h. */
#include "support/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- open sizes -------------------------------------------------------------------------------------------------- */

enum { MOST = 4096 };

/* The value and its gradient (of the sum of its squares) for a batch of n, built with an open size or with the number. */
static void run(tn_context *context, compose_fn *build, int64_t n, bool open, float *y, float *dx)
{
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(open ? tn_symbol(g, "batch") : n, 3, 4)), *value = build(x), *grad;
    tn_tensor *loss = tn_sum(tn_square(value));
    assert_int_equal(tn_gradients(loss, 1, &x, &grad), TN_OK);
    tn_entry *e = tn_entry_new(g, "e", 0);
    tn_entry_output(e, "y", tn_flatten(value, 0));
    tn_entry_output(e, "dx", grad);
    tn_program *p = tn_compile(g, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    float data[12 * 8];
    for (int i = 0; i < 12 * n; i++)
        data[i] = (float)(i * 7 % 11) - 4.5f;
    int64_t dims[3] = {n, 3, 4};
    tn_session *s = tn_session_new(p, NULL);
    tn_feed feed = {"x", tn_view_of(data, TN_F32, 3, dims)};
    tn_view shape;
    if (tn_run(s, "e", 1, &feed, 0, NULL) != TN_OK || tn_session_shape(s, "e", "y", &shape) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    assert_true(shape.dims[0] <= MOST);
    memset(y, 0, MOST * sizeof *y);
    tn_feed out[2] = {{"y", tn_view_of(y, TN_F32, 1, shape.dims)}, {"dx", tn_view_of(dx, TN_F32, 3, dims)}};
    if (tn_run(s, "e", 1, &feed, 2, out) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
    tn_program_free(p);
    tn_graph_free(g);
}

void compose_open_sizes(void **state)
{
    const compose_list *list = *state;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    static float y[2][MOST], dx[2][12 * 8];
    for (size_t i = 0; i < list->n_builders; i++)
        for (int64_t n = 2; n < 5; n += 2) {
            for (int open = 0; open < 2; open++)
                run(context, list->builders[i], n, open, y[open], dx[open]);
            assert_memory_equal(y[0], y[1], sizeof y[0]);
            assert_memory_equal(dx[0], dx[1], (size_t)n * 12 * sizeof(float));
        }
    tn_context_free(context);
}

/* ---- sentences --------------------------------------------------------------------------------------------------- */

void compose_sentences(void **state)
{
    const compose_list *list = *state;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    for (size_t i = 0; i < list->n_wrong; i++) {
        const compose_wrong *wrong = &list->wrong[i];
        tn_graph *g = tn_graph_new(context);
        (void)wrong->build(tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, 4)));
        if (!strstr(tn_graph_error(g), wrong->says))
            fail_msg("'%s' does not say '%s'", tn_graph_error(g), wrong->says);
        tn_graph_free(g);
    }
    tn_context_free(context);
}
