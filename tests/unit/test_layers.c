/* The layers of a model as a table: rows, what they hold, and that their figures add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/recipe.h>

#include "support/scratch.h"

typedef struct table {
    tn_context *c;
    tn_model *m;
    tn_layer_row *rows;
    int n;
} table;

static table table_of(tn_context *c, tn_graph *g, tn_tensor *y, int64_t batch)
{
    table t = {.c = c, .m = tn_model_new(c, g, y, TN_OPT(tn_model_opt, .name = "m"))};
    if (!t.m)
        fail_msg("%s", tn_context_error(c));
    if (tn_model_layers(t.m, batch, 32, &t.rows, &t.n) != TN_OK)
        fail_msg("%s", tn_model_error(t.m));
    return t;
}

static void free_table(table *t)
{
    free(t->rows);
    tn_model_free(t->m);
    tn_context_free(t->c);
}

static const tn_layer_row *row(const table *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    fail_msg("there is no row '%s'", name);
    return NULL;
}

static void check_row(const table *t, const char *name, const char *type, int64_t parameters, double flops,
                      double bytes)
{
    const tn_layer_row *r = row(t, name);
    assert_string_equal(r->type, type);
    assert_int_equal(r->parameters, parameters);
    if (r->flops != flops || r->bytes != bytes)
        fail_msg("%s: %g FLOPs and %g bytes", name, r->flops, r->bytes);
}

/* The rows that are parts of row i give no more than it has, and are as many as it says. */
static void check_sums(const table *t, int i)
{
    tn_layer_row sum = {0};
    int parts = 0;
    for (int k = i + 1; k < t->n && t->rows[k].depth > t->rows[i].depth; k++)
        if (t->rows[k].depth == t->rows[i].depth + 1) {
            sum.parameters += t->rows[k].parameters;
            sum.kept += t->rows[k].kept;
            sum.flops += t->rows[k].flops;
            sum.bytes += t->rows[k].bytes;
            parts++;
        }
    assert_int_equal(parts, t->rows[i].parts);
    if (parts && (sum.parameters > t->rows[i].parameters || sum.kept > t->rows[i].kept ||
                  sum.flops > t->rows[i].flops || sum.bytes > t->rows[i].bytes))
        fail_msg("%s has less than its parts", t->rows[i].name);
}

static tn_tensor *pictures(tn_graph *g, int64_t size)
{
    return tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3, size, size));
}

static void every_layer_has_a_row_with_its_figures(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_layer_conv2d(pictures(g, 8), "conv1", 4, 3, NULL); /* [2, 4, 6, 6] */
    x = tn_relu(tn_layer_batch_norm(x, "bn1", NULL));
    x = tn_layer_linear(tn_flatten(x, 1), "fc", 5,
                        TN_OPT(tn_linear_opt, .weight_by = TN_WEIGHT_NORM)); /* parameters lie deeper */
    table t = table_of(c, g, x, 2);
    assert_int_equal(t.n, 5);
    assert_string_equal(t.rows[3].name, "reshape");
    for (int i = 0; i < t.n; i++)
        assert_int_equal(t.rows[i].depth, 0);
    check_row(&t, "conv1", "conv2d", 4 * 27 + 4, 2 * 4 * 36 * (2 * 27 + 1), 4 * (2 * 192 + 4 * 27 + 4 + 2 * 144));
    assert_int_equal(row(&t, "bn1")->kept, 4 + 4 + 1);
    check_row(&t, "relu", "relu", 0, 2 * 144, 4 * 2 * 144 * 2);
    check_row(&t, "reshape", "reshape", 0, 0, 0);
    assert_int_equal(row(&t, "fc")->parameters, 5 * 144 + 5 + 5);
    const tn_view *y = &row(&t, "conv1")->output;
    assert_true(y->dtype == TN_F32 && y->rank == 4 && y->dims[0] == 2 && y->dims[1] == 4 && y->dims[3] == 6);
    free_table(&t);
}

static void scopes_hold_what_is_in_them(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    table t = table_of(c, g, tn_zoo_build("resnet18", pictures(g, 224), 1000), 1);
    assert_string_equal(row(&t, "layer1.0.conv1")->type, "conv2d");
    assert_int_equal(row(&t, "layer1.0.conv1")->depth, 2);
    assert_string_equal(row(&t, "layer4")->type, "");
    assert_int_equal(row(&t, "layer4")->output.dims[1], 512);
    assert_int_equal(row(&t, "layer2.0.downsample.0")->parameters, 128 * 64);
    int64_t parameters = 0;
    double flops = 0;
    for (int i = 0; i < t.n; i++) {
        check_sums(&t, i);
        parameters += t.rows[i].depth == 0 ? t.rows[i].parameters : 0;
        flops += t.rows[i].depth == 0 ? t.rows[i].flops : 0;
    }
    assert_int_equal(parameters, 11689512);       /* torchvision's */
    assert_true(flops > 3.62e9 && flops < 3.7e9); /* 1.81 G multiply-adds, and what stands between */
    free_table(&t);
}

static void shared_and_lonely_parameters_count_once(void **p)
{
    (void)p;
    const tn_init zeros = {TN_INIT_ZEROS, 0, 0};
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 4));
    tn_tensor *shift = tn_param(g, "shift", TN_F32, TN_SHAPE(4), &zeros); /* in no scope */
    tn_param_freeze(shift, true);
    x = tn_layer_linear(tn_add(x, shift), "fc", 4, TN_OPT(tn_linear_opt, .no_bias = true));
    x = tn_matmul(tn_relu(x), tn_graph_state(g, "fc.weight"));
    table t = table_of(c, g, x, 1);
    assert_int_equal(t.n, 4);
    assert_int_equal(row(&t, "add")->frozen, 4);
    assert_int_equal(row(&t, "add")->parameters, 0);
    assert_int_equal(row(&t, "fc")->parameters, 16);
    assert_int_equal(row(&t, "matmul")->parameters, 0);
    assert_true(row(&t, "matmul")->bytes == 4 * (4 + 16 + 4)); /* but it is read twice */
    free_table(&t);
}

static void open_sizes_may_be_too_small(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, tn_symbol(g, "time")));
    table t = table_of(c, g, tn_layer_conv1d(x, "conv", 2, 20, NULL), 1);
    free(t.rows);
    assert_int_equal(tn_model_layers(t.m, 1, 10, &t.rows, &t.n), TN_SHAPE);
    assert_true(t.rows == NULL && t.n == 0 && *tn_model_error(t.m));
    free_table(&t);
}

static void names_with_many_points_stop_somewhere(void **p)
{
    (void)p;
    enum { MANY = 300 };
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 4));
    for (int i = 0; i < MANY; i++)
        tn_scope_push(g, "a");
    x = tn_relu(tn_layer_linear(x, "fc", 4, NULL));
    for (int i = 0; i < MANY; i++)
        tn_scope_pop(g);
    table t = table_of(c, g, x, 1);
    assert_true(t.n > 10 && t.n < 50);
    assert_int_equal(t.rows[0].parameters, 20);
    free_table(&t);
}

static void a_saved_model_has_the_same_rows(void **p)
{
    (void)p;
    if (!strstr(tn_version_text(), "jansson")) {
        print_message("SKIPPED: model files, which need jansson\n");
        skip();
    }
    scratch_new();
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    table t = table_of(
        c, g, tn_zoo_build("mnist_cnn", tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, 28, 28)), 10), 3);
    assert_int_equal(tn_model_init(t.m, 1), TN_OK);
    tn_minimize(tn_mean(tn_model_output(t.m)), NULL); /* what training adds is no layer */
    assert_int_equal(tn_model_save(t.m, scratch_path("m.safetensors")), TN_OK);
    table u = {.c = tn_context_new(NULL)};
    u.m = tn_model_load(u.c, scratch_path("m.safetensors"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tn_model_layers(i ? t.m : u.m, 3, 32, &u.rows, &u.n), TN_OK);
        assert_int_equal(t.n, u.n);
        for (int k = 0; k < t.n; k++) {
            check_row(&u, t.rows[k].name, t.rows[k].type, t.rows[k].parameters, t.rows[k].flops, t.rows[k].bytes);
            assert_int_equal(t.rows[k].output.bytes, u.rows[k].output.bytes);
        }
        free(u.rows);
    }
    u.rows = NULL;
    free_table(&u);
    free_table(&t);
    scratch_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_a_row_with_its_figures),  cmocka_unit_test(scopes_hold_what_is_in_them),
        cmocka_unit_test(shared_and_lonely_parameters_count_once), cmocka_unit_test(open_sizes_may_be_too_small),
        cmocka_unit_test(names_with_many_points_stop_somewhere),   cmocka_unit_test(a_saved_model_has_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
