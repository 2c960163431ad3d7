/* Updates that run as soon as their gradients are there: a step without a gradient norm has few gradients at once, also where tables are
 * looked up and where one parameter has two gradients; an index out of range still leaves the state as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { ROWS = 500, WIDTH = 128, LAYERS = 6, BATCH = 4 };

typedef struct net {
    tn_context *c;
    tn_graph *g;
    tn_program *program;
    tn_state *state;
    tn_session *session;
} net;

/* Look-ups, layers, and scores from the same table. */
static net net_of(bool no_norm)
{
    net n = {.c = tn_context_new(&(tn_context_opt){.threads = 2})};
    n.g = tn_graph_new(n.c);
    tn_tensor *index = tn_input(n.g, "x", TN_I64, TN_SHAPE(BATCH));
    tn_tensor *target = tn_input(n.g, "target", TN_I64, TN_SHAPE(BATCH));
    const tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *table = tn_param(n.g, "table", TN_F32, TN_SHAPE(ROWS, WIDTH), &normal);
    tn_tensor *y = tn_embedding(table, index, -1);
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "layer%d", i);
        y = tn_tanh(tn_layer_linear(y, name, WIDTH, NULL));
    }
    tn_tensor *loss = tn_cross_entropy(tn_linear(y, table, NULL), target, NULL);
    const tn_optim_opt opt = {.kind = TN_ADAM, .no_gradient_norm = no_norm};
    assert_int_equal(tn_minimize(loss, &opt), TN_OK);
    n.program = tn_compile(n.g, NULL);
    if (!n.program)
        fail_msg("%s", tn_context_error(n.c));
    n.state = tn_state_new(n.c);
    assert_int_equal(tn_state_init(n.state, n.g, 5), TN_OK);
    n.session = tn_session_new(n.program, n.state);
    return n;
}

static void net_free(net *n)
{
    tn_session_free(n->session);
    tn_state_free(n->state);
    tn_program_free(n->program);
    tn_graph_free(n->g);
    tn_context_free(n->c);
}

static tn_status step(const net *n, const int64_t *index, tn_memory *m)
{
    const int64_t count = BATCH, target[BATCH] = {0, 1, 2, 3};
    float rate = 0.01F;
    int64_t own[BATCH];
    memcpy(own, index, sizeof own);
    tn_feed feeds[] = {{"x", tn_view_of(own, TN_I64, 1, &count)},
                       {"target", tn_view_of((void *)(uintptr_t)target, TN_I64, 1, &count)},
                       {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
    return m ? tn_session_plan(n->session, "step", 3, feeds, m) : tn_run(n->session, "step", 3, feeds, 0, NULL);
}

static const int64_t good[BATCH] = {7, 0, 499, 7};

static void gradients_go_when_they_are_used(void **p)
{
    (void)p;
    const size_t table = (size_t)ROWS * WIDTH * sizeof(float), layers = (size_t)LAYERS * WIDTH * WIDTH * sizeof(float);
    net with = net_of(false), without = net_of(true);
    tn_memory all, few;
    assert_int_equal(step(&with, good, &all), TN_OK);
    assert_int_equal(step(&without, good, &few), TN_OK);
    assert_true(all.buffer > table + layers); /* the norm needs all gradients */
    assert_true(few.buffer < 2 * table + layers / 2);
    net_free(&with);
    net_free(&without);
}

static unsigned char *bits_of(const tn_state *s, size_t *bytes)
{
    unsigned char *all = NULL;
    *bytes = 0;
    for (int i = 0; i < tn_state_count(s); i++) {
        tn_view v;
        (void)tn_state_get(s, i, &v);
        unsigned char *more = realloc(all, *bytes + v.bytes + 1);
        assert_non_null(more);
        all = more;
        memcpy(all + *bytes, v.data, v.bytes);
        *bytes += v.bytes;
    }
    return all;
}

/* When it is known what the norm is makes no difference to what is computed. */
static void the_same_bits_as_with_all_gradients(void **p)
{
    (void)p;
    net n[2] = {net_of(false), net_of(true)};
    unsigned char *bits[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++)
            assert_int_equal(step(&n[i], good, NULL), TN_OK);
        bits[i] = bits_of(n[i].state, &bytes[i]);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(bits[0], bits[1], bytes[0]);
    for (int i = 0; i < 2; i++) {
        free(bits[i]);
        net_free(&n[i]);
    }
}

static void a_bad_index_changes_nothing(void **p)
{
    (void)p;
    const int64_t bad[BATCH] = {7, 0, 500, 7};
    net n = net_of(true);
    size_t before, after;
    assert_int_equal(step(&n, good, NULL), TN_OK);
    unsigned char *was = bits_of(n.state, &before);
    assert_int_not_equal(step(&n, bad, NULL), TN_OK);
    assert_non_null(strstr(tn_session_error(n.session), "out of range"));
    unsigned char *is = bits_of(n.state, &after);
    assert_int_equal(before, after);
    assert_memory_equal(was, is, before);
    free(was);
    free(is);
    net_free(&n);
}

/* Rows that are added by an index which was looked at for a larger table alone. */
static void an_index_of_a_smaller_table_is_looked_at(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    const tn_init zeros = {TN_INIT_ZEROS, 0, 0};
    tn_tensor *index = tn_input(g, "x", TN_I64, TN_SHAPE(2));
    tn_tensor *large = tn_buffer(g, "large", TN_F32, TN_SHAPE(9, 2), &zeros);
    tn_tensor *small = tn_buffer(g, "small", TN_F32, TN_SHAPE(5, 2), &zeros);
    tn_tensor *count = tn_buffer(g, "count", TN_F32, TN_SCALAR, &zeros);
    tn_tensor *rows = tn_index_select(large, 0, index);
    tn_entry *e = tn_entry_new(g, "go", 0);
    tn_entry_write(e, count, tn_add(count, tn_full(g, TN_F32, TN_SCALAR, 1)));
    tn_entry_write(e, small, tn_index_add(small, 0, index, tn_add(rows, tn_full(g, TN_F32, TN_SCALAR, 1))));
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(c));
    tn_state *s = tn_state_new(c);
    assert_int_equal(tn_state_init(s, g, 1), TN_OK);
    tn_session *session = tn_session_new(program, s);
    int64_t at[] = {8, 1}, n = 2;
    tn_feed x = {"x", tn_view_of(at, TN_I64, 1, &n)};
    assert_int_not_equal(tn_run(session, "go", 1, &x, 0, NULL), TN_OK);
    tn_view v;
    assert_int_equal(tn_state_find(s, "count", &v), TN_OK);
    assert_true(*(float *)v.data == 0);
    at[0] = 4;
    assert_int_equal(tn_run(session, "go", 1, &x, 0, NULL), TN_OK);
    assert_true(*(float *)v.data == 1);
    tn_session_free(session);
    tn_state_free(s);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_go_when_they_are_used),
        cmocka_unit_test(the_same_bits_as_with_all_gradients),
        cmocka_unit_test(a_bad_index_changes_nothing),
        cmocka_unit_test(an_index_of_a_smaller_table_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
