/* Gradients of whole graphs against finite differences: values used twice, gradients that themselves depend on what is
 * differentiated, operators that are differentiated through their lowered form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

enum { ROWS = 3, COLUMNS = 4, COUNT = ROWS * COLUMNS };

typedef tn_tensor *(*net_fn)(tn_tensor *x);

static double run(tn_session *s, double *x, double *dx, double *ddx)
{
    const int64_t dims[2] = {ROWS, COLUMNS};
    double loss;
    tn_feed feed = {"x", tn_view_of(x, TN_F64, 2, dims)};
    tn_feed fetch[3] = {{"loss", tn_view_of(&loss, TN_F64, 0, NULL)},
                        {"dx", tn_view_of(dx, TN_F64, 2, dims)},
                        {"ddx", tn_view_of(ddx, TN_F64, 2, dims)}};
    if (tn_run(s, "run", 1, &feed, 3, fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    return loss;
}

static void compare(int i, const char *what, double got, double want)
{
    double error = got > want ? got - want : want - got, size = want < 0 ? -want : want;
    if (!(error <= 1e-6 * (1 + size)))
        fail_msg("%s of element %d is %.10g; finite differences give %.10g", what, i, got, want);
}

/* dx is the gradient of the loss, ddx that of sum(dx^2): each element against a central difference. */
static void follows_finite_differences(net_fn net)
{
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F64, TN_SHAPE(ROWS, COLUMNS)), *loss = net(x), *dx, *ddx;
    tn_gradients(loss, 1, &x, &dx);
    tn_gradients(tn_sum(tn_square(dx)), 1, &x, &ddx);
    tn_entry *entry = tn_entry_new(g, "run", TN_TRAINING);
    tn_entry_output(entry, "loss", loss);
    tn_entry_output(entry, "dx", dx);
    tn_entry_output(entry, "ddx", ddx);
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(context));
    tn_state *state = tn_state_new(context);
    tn_session *s = tn_session_new(program, state);
    double at[COUNT], d[COUNT], dd[COUNT], unused[COUNT], h = 1e-5;
    for (int i = 0; i < COUNT; i++)
        at[i] = (i * 7 % 11) / 4.0 - 1.13;
    run(s, at, d, dd);
    for (int i = 0; i < COUNT; i++) {
        double up[COUNT], down[COUNT], middle = at[i], up_size = 0, down_size = 0;
        at[i] = middle + h;
        double above = run(s, at, up, unused);
        at[i] = middle - h;
        double below = run(s, at, down, unused);
        at[i] = middle;
        for (int k = 0; k < COUNT; k++) {
            up_size += up[k] * up[k];
            down_size += down[k] * down[k];
        }
        compare(i, "the gradient", d[i], (above - below) / (2 * h));
        compare(i, "the second gradient", dd[i], (up_size - down_size) / (2 * h));
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(context);
}

/* Made for this file: var and cross_entropy_soft have no gradient but that of their lowered form. */
static tn_tensor *spread(tn_tensor *x)
{
    const int64_t axis = 1;
    return tn_var_axes(x, 1, &axis, 1, false);
}

static tn_tensor *same_value_twice(tn_tensor *x)
{
    return tn_cross_entropy(x, x, TN_OPT(tn_loss_opt, .label_smoothing = 0.2));
}

static tn_tensor *factor_made_later(tn_tensor *x)
{
    const int64_t axis = 1;
    tn_tensor *v = spread(x);
    return tn_sum(tn_mul(v, tn_sum_axes(tn_exp(x), 1, &axis, false)));
}

static tn_tensor *result_squared(tn_tensor *x)
{
    tn_tensor *v = spread(x);
    return tn_sum(tn_mul(tn_square(v), tn_sigmoid(v)));
}

static tn_tensor *many_uses(tn_tensor *x)
{
    tn_tensor *y = tn_matmul(x, tn_transpose(x, 0, 1));
    return tn_add(tn_sum(tn_softmax(tn_mul(y, y), 1)), tn_mean(tn_tanh(tn_add(y, tn_slice(x, 1, 0, ROWS)))));
}

static tn_tensor *through_max(tn_tensor *x)
{
    return tn_mul(tn_max(x), tn_sum(tn_maximum(x, tn_neg(x))));
}

static void one_value_in_two_slots(void **p)
{
    (void)p;
    follows_finite_differences(same_value_twice);
}
static void gradient_that_depends_on_x(void **p)
{
    (void)p;
    follows_finite_differences(factor_made_later);
    follows_finite_differences(result_squared);
}
static void values_with_many_uses(void **p)
{
    (void)p;
    follows_finite_differences(many_uses);
    follows_finite_differences(through_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_in_two_slots),
        cmocka_unit_test(gradient_that_depends_on_x),
        cmocka_unit_test(values_with_many_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
