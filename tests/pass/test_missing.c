/* What a graph lacks is said at once when it is compiled: operators without kernel and reference, sizes that nothing binds, of all entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "op/scheme/op.h"
#include <tarn/program.h>

/* An operator that says what shape it gives, and nothing else: no kernel, no reference, no lowered form. */
static const op_def op_unheard = {
    .name = "unheard",
    .doc = "Nobody knows.",
    .in = {{"x", OP_FLOATS, 'T', 0}},
    .out = {{"y", 0, 'T', 0}},
    .infer = op_infer_same,
};
static const op_def op_unseen = {
    .name = "unseen",
    .doc = "Nobody knows either.",
    .in = {{"x", OP_FLOATS, 'T', 0}},
    .out = {{"y", 0, 'T', 0}},
    .infer = op_infer_same,
};

typedef struct fixture {
    tn_context *c;
    tn_graph *g;
    tn_tensor *x;
} fixture;

static fixture fresh(void)
{
    fixture f = {.c = tn_context_new(NULL)};
    f.g = tn_graph_new(f.c);
    f.x = tn_input(f.g, "x", TN_F32, TN_SHAPE(tn_symbol(f.g, "batch"), 3));
    return f;
}

static void refused(fixture *f, tn_status status, const char *sentence)
{
    assert_null(tn_compile(f->g, NULL));
    assert_string_equal(tn_context_error(f->c), sentence);
    assert_int_equal(f->c->err.status, status);
    tn_graph_free(f->g);
    tn_context_free(f->c);
}

static void everything_is_named_at_once(void **p)
{
    (void)p;
    fixture f = fresh();
    tn_scope_push(f.g, "block");
    tn_tensor *y = tn_relu(OP_MAKE(&op_unheard, NULL, f.x));
    tn_scope_pop(f.g);
    tn_tensor *z = tn_exp(OP_MAKE(&op_unseen, NULL, OP_MAKE(&op_unheard, NULL, y)));
    tn_dim rows = tn_symbol(f.g, "rows"), columns = tn_symbol(f.g, "columns");
    tn_entry *predict = tn_entry_new(f.g, "predict", 0), *step = tn_entry_new(f.g, "step", TN_TRAINING);
    tn_entry_output(predict, "z", z);
    tn_entry_output(predict, "ones", tn_expand(tn_scalar(f.g, TN_F32, 1), TN_SHAPE(rows, columns)));
    tn_entry_output(step, "y", y);
    refused(&f, TN_SHAPE,
            "entry 'predict': no input has these sizes, so nothing says what they are: 'rows', 'columns'; "
            "entry 'predict': no kernel for unheard (node 'block.unheard'), unheard (node 'unheard'), unseen (node "
            "'unseen'); entry 'step': no kernel for unheard (node 'block.unheard')");
}

static void kernels_alone(void **p)
{
    (void)p;
    fixture f = fresh();
    tn_entry_output(tn_entry_new(f.g, "predict", 0), "y", OP_MAKE(&op_unheard, NULL, tn_relu(f.x)));
    refused(&f, TN_UNSUPPORTED, "entry 'predict': no kernel for unheard (node 'unheard')");
}

/* What no entry asks for is not missed; a sentence does not grow without end. */
static void many_are_counted(void **p)
{
    (void)p;
    enum { MANY = 40 };
    fixture f = fresh();
    tn_tensor *y = f.x;
    for (int i = 0; i < MANY; i++)
        y = OP_MAKE(&op_unheard, NULL, y);
    tn_entry_output(tn_entry_new(f.g, "predict", 0), "y", y);
    OP_MAKE(&op_unseen, NULL, f.x);
    assert_null(tn_compile(f.g, NULL));
    const char *said = tn_context_error(f.c), *end = " and 28 more";
    assert_non_null(strstr(said, "unheard (node 'unheard_12')"));
    assert_null(strstr(said, "unseen"));
    assert_string_equal(said + strlen(said) - strlen(end), end);
    tn_graph_free(f.g);
    tn_context_free(f.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_named_at_once),
        cmocka_unit_test(kernels_alone),
        cmocka_unit_test(many_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
