/* The test of the harness: operators broken on purpose must turn it red, and the same ones whole must not. A broken
 * operator keeps its name, so that it is compiled with the kernels of the real one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "op/internal.h"
#include "support/op_check.h"

typedef void check_fn(const op_def *def, op_report *r);

static int failures_of(check_fn *check, const op_def *def)
{
    op_report r = {0};
    check(def, &r);
    int failures = r.failures;
    assert_true(r.checks > 0 || failures > 0);
    base_str_free(&r.text);
    return failures;
}

/* The whole operator passes the check that its broken twin fails. */
static void must_find(check_fn *check, const op_def *whole, const op_def *broken, const char *what)
{
    int before = failures_of(check, whole), after = failures_of(check, broken);
    print_message("%s: %d failures whole, %d broken\n", what, before, after);
    assert_int_equal(before, 0);
    assert_true(after > 0);
}

static op_def small(const char *name)
{
    return *op_find(name);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* tanh' = 1 - y^2, in the ways to get it wrong. */
static tn_status wrong_sign(const op_grad *c)
{
    return op_give(c, 0, tn_neg(tn_mul(op_dout(c, 0), tn_sub_f(tn_neg(tn_square(op_out(c, 0))), -1))));
}
static tn_status wrong_scale(const op_grad *c)
{
    return op_give(c, 0, tn_mul_f(tn_mul(op_dout(c, 0), tn_sub_f(tn_neg(tn_square(op_out(c, 0))), -1)), 1.00001));
}
static tn_status no_chain(const op_grad *c)
{
    return op_give(c, 0, tn_sub_f(tn_neg(tn_square(op_out(c, 0))), -1));
}
static tn_status only_zero(const op_grad *c)
{
    return op_give_zero(c, 0);
}
static tn_status no_answer(const op_grad *c)
{
    (void)c;
    return TN_OK;
}
static void gradients_broken(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        tn_status (*grad)(const op_grad *);
    } ways[] = {{"gradient with the wrong sign", wrong_sign},
                {"gradient off by 1e-5", wrong_scale},
                {"gradient without what arrives", no_chain},
                {"gradient of zero", only_zero},
                {"gradient without an answer", no_answer}};
    op_def whole = small("tanh");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        op_def broken = whole;
        broken.grad = ways[i].grad;
        must_find(op_check_gradients, &whole, &broken, ways[i].what);
    }
}

/* (x^2)' = 2 x, where x came through integers: near enough, but nothing flows back through them. */
static tn_status square_cut_off(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *scaled = tn_mul_f(x, 0x1p40);
    tn_tensor *still = tn_mul_f(tn_cast(tn_cast(scaled, TN_I64), x->type.dtype), 0x1p-40);
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_mul_f(still, 2)));
}

static tn_status first_only(const op_grad *c)
{
    op_give(c, 1, tn_mul(op_dout(c, 0), op_in(c, 0)));
    return op_give(c, 0, op_dout(c, 0));
}

static tn_status not_summed(const op_grad *c)
{
    return op_give(c, 0, op_dout(c, 0));
}

static void more_gradients_broken(void **state)
{
    (void)state;
    op_def whole = small("square"), broken = whole;
    broken.grad = square_cut_off;
    must_find(op_check_gradients, &whole, &broken, "second gradient cut off");
    whole = broken = small("mul");
    broken.grad = first_only;
    must_find(op_check_gradients, &whole, &broken, "a factor dropped for one input");
    whole = broken = small("add");
    broken.in[0].flags = broken.in[1].flags = 0;
    must_find(op_check_gradients, &whole, &broken, "broadcasting not undone");
    whole = broken = small("sum");
    broken.grad = not_summed;
    must_find(op_check_gradients, &whole, &broken, "gradient of another shape");
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static double almost_exp(double x)
{
    return exp(x) * 1.0001;
}
static void exp_off(const op_ref *c)
{
    op_ref_unary(c, almost_exp, NULL);
}
static double relu_without_nan(double x)
{
    return fmax(x, 0);
}
static int64_t relu_of_int(int64_t x)
{
    return x > 0 ? x : 0;
}
static void relu_drops_nan(const op_ref *c)
{
    op_ref_unary(c, relu_without_nan, relu_of_int);
}
/* Right but for the last element. */
static void sum_short(const op_ref *c)
{
    op_find("sum")->ref(c);
    op_array *y = c->out[0];
    if (y->f && y->count)
        y->f[y->count - 1] *= 1.01;
}

static void values_broken(void **state)
{
    (void)state;
    op_def whole = small("exp"), broken = whole;
    broken.ref = exp_off;
    must_find(op_check_values, &whole, &broken, "reference off by 1e-4");
    broken = whole;
    broken.tol[TN_F32] = (op_tol)OP_EXACT;
    must_find(op_check_values, &whole, &broken, "tolerance too tight");
    broken = whole;
    broken.tol[TN_BF16].set = false;
    must_find(op_check_values, &whole, &broken, "values of a dtype without tolerance");
    must_find(op_check_definition, &whole, &broken, "definition of a dtype without tolerance");
    whole = broken = small("relu");
    broken.ref = relu_drops_nan;
    must_find(op_check_values, &whole, &broken, "NaN lost");
    whole = broken = small("sum");
    broken.ref = sum_short;
    must_find(op_check_values, &whole, &broken, "the last element wrong");
}

/* Batch norm takes no batch of one value when it trains: another axis than the first is then the one of size 1. */
static void sizes_broken(void **state)
{
    (void)state;
    static const char *const one_case[] = {"x=x[4x3] running_mean=x[3] running_var=x[3]:positive", NULL};
    static const char *const fixed[] = {"dy=x[2x3x3x2] kernel=2 shape=2,3,6,4", NULL};
    op_def whole = small("batch_norm"), broken;
    whole.cases = one_case;
    broken = whole;
    broken.tol[TN_F32].set = false;
    must_find(op_check_sizes, &whole, &broken, "cases made of others");
    whole = broken = small("avg_pool2d_grad");
    broken.cases = fixed;
    must_find(op_check_sizes, &whole, &broken, "no empty axis");
}

static tn_status shifted(const op_lower *c)
{
    tn_status status = op_find("mean")->lower(c);
    c->out[0] = tn_add_f(c->out[0], 1e-3);
    return status;
}
static tn_status of_another_shape(const op_lower *c)
{
    c->out[0] = tn_sum(c->in[0]);
    return TN_OK;
}
static tn_status never_training(const op_lower *c)
{
    c->out[0] = c->in[0];
    return TN_OK;
}

static void lowered_broken(void **state)
{
    (void)state;
    op_def whole = small("mean"), broken = whole;
    broken.lower = shifted;
    must_find(op_check_lowered, &whole, &broken, "lowered form off");
    broken.lower = of_another_shape;
    must_find(op_check_lowered, &whole, &broken, "lowered form of another shape");
    whole = broken = small("dropout");
    broken.lower = never_training;
    must_find(op_check_lowered, &whole, &broken, "lowered form blind to the mode");
}

/* ---- definitions and errors -------------------------------------------------------------------------------------- */

static void definitions_broken(void **state)
{
    (void)state;
    op_def whole = small("div"), broken = whole;
    broken.tol[TN_F32].relative = 1e-3;
    must_find(op_check_definition, &whole, &broken, "tolerance too wide");
    broken = whole;
    broken.tol[TN_F32].relative = (double)NAN;
    must_find(op_check_definition, &whole, &broken, "tolerance that is no number");
    broken = whole;
    broken.flags &= ~(unsigned)OP_FAULTS;
    must_find(op_check_definition, &whole, &broken, "faults not flagged");
    broken = whole;
    broken.grad = NULL;
    must_find(op_check_definition, &whole, &broken, "no gradient");
    broken = whole;
    broken.cases = NULL;
    must_find(op_check_definition, &whole, &broken, "no cases");
}

static void errors_broken(void **state)
{
    (void)state;
    static const op_bad fine[] = {{"a=x[2x3] b=x[3]", "cannot be broadcast"}, {0}};
    static const op_bad other[] = {{"a=x[2x3] b=x[2]", "is on fire"}, {0}};
    static const op_bad harmless[] = {{"a=i[5] b=i[5]:positive", "division of an integer by zero"}, {0}};
    static const op_bad no_case[] = {{"a=x[2x3] c=x[2]", "cannot be broadcast"}, {0}};
    op_def whole = small("div"), broken = whole;
    broken.bad = fine;
    must_find(op_check_errors, &whole, &broken, "a bad case that is accepted");
    broken.bad = other;
    must_find(op_check_errors, &whole, &broken, "another sentence");
    broken.bad = no_case;
    must_find(op_check_errors, &whole, &broken, "a case that cannot be read");
    broken = whole;
    broken.fault = harmless;
    must_find(op_check_errors, &whole, &broken, "a fault that does not happen");
    broken = whole;
    broken.flags &= ~(unsigned)OP_FAULTS;
    must_find(op_check_errors, &whole, &broken, "a fault found after state was written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_broken), cmocka_unit_test(more_gradients_broken),
        cmocka_unit_test(values_broken),    cmocka_unit_test(sizes_broken),
        cmocka_unit_test(lowered_broken),   cmocka_unit_test(definitions_broken),
        cmocka_unit_test(errors_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
