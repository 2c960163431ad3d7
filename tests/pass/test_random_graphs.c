/* Small random graphs, made from a seed: broadcasts, views, reductions, products, random numbers, gradients, state written in
 * place, regions that are computed again. Each is compiled in four ways, with one and with two threads, and run several times;
 * every output and every state must be what a plain interpreter finds that runs the references, node by node, over the graph as
 * it was built. Computing values again, by regions or for a memory limit, must change no bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "op/scheme/eval.h"
#include "op/scheme/op.h"
#include <tarn/program.h>

enum { MOST_VALUES = 200, RUNS = 4, WAYS = 10, GRAPHS = 400, SEED = 1 };
static const double SECONDS = 5;

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

typedef struct maker {
    uint64_t seed;
    tn_graph *g;
    tn_entry *entry;
    tn_tensor *value[MOST_VALUES];
    int n;
    bool smooth; /* no kinks: gradients are taken */
} maker;

static uint64_t bits(uint64_t *seed)
{
    uint64_t x = *seed += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static int pick(maker *m, int n)
{
    return (int)(bits(&m->seed) % (uint64_t)n);
}

/* ---- making a graph ------------------------------------------------------------------------------------------------- */

static void keep(maker *m, tn_tensor *x)
{
    if (x && m->n < MOST_VALUES)
        m->value[m->n++] = x;
}

/* A value of this dtype, late ones more often. */
static tn_tensor *any(maker *m, tn_dtype dtype)
{
    for (int i = 0; i < 200; i++) {
        int at = pick(m, 2) ? pick(m, m->n) : m->n - 1 - pick(m, m->n < 8 ? m->n : 8);
        if (m->value[at]->type.dtype == dtype)
            return m->value[at];
    }
    return m->value[0];
}

static bool same_shape(const tn_tensor *a, const tn_tensor *b)
{
    return a->type.rank == b->type.rank &&
           memcmp(a->type.dims, b->type.dims, (size_t)a->type.rank * sizeof(tn_dim)) == 0;
}

static bool broadcast(const tn_tensor *a, const tn_tensor *b)
{
    for (int i = a->type.rank - 1, k = b->type.rank - 1; i >= 0 && k >= 0; i--, k--)
        if (a->type.dims[i] != b->type.dims[k] && a->type.dims[i] != 1 && b->type.dims[k] != 1)
            return false;
    return true;
}

/* A value that x can be combined with; x itself if none is found. */
static tn_tensor *partner(maker *m, tn_tensor *x)
{
    for (int i = 0; i < 20; i++) {
        tn_tensor *y = any(m, x->type.dtype);
        if (y->type.dtype == x->type.dtype && broadcast(x, y))
            return y;
    }
    return x;
}

/* Values stay small, so that the tolerance is one for all. */
static tn_tensor *tamed(maker *m, tn_tensor *x)
{
    if (x->type.dtype != TN_F32)
        return x;
    switch (pick(m, 3)) {
    case 0: return tn_tanh(x);
    case 1: return tn_sin(x);
    default: return tn_mul_f(tn_tanh(tn_mul_f(x, 0.5)), 1.5);
    }
}

static tn_tensor *unary(maker *m)
{
    tn_tensor *x = any(m, TN_F32);
    switch (pick(m, m->smooth ? 11 : 15)) {
    case 0: return tn_tanh(x);
    case 1: return tn_sigmoid(x);
    case 2: return tn_sin(x);
    case 3: return tn_neg(x);
    case 4: return tn_mul_f(x, 1);
    case 5: return tn_add_f(x, pick(m, 2));
    case 6: return tn_exp(tn_neg(tn_square(x)));
    case 7: return tn_gelu(x);
    case 8: return tn_silu(x);
    case 9: return tn_neg(tn_neg(x));
    case 10: return tamed(m, tn_cast(tn_cast(x, TN_F64), TN_F32));
    case 11: return tn_relu(x);
    case 12: return tn_abs(x);
    case 13: return tn_clamp(x, -0.5, 0.75);
    default: return tn_leaky_relu(x, 0.1);
    }
}

static tn_tensor *binary(maker *m)
{
    tn_tensor *x = any(m, pick(m, 4) ? TN_F32 : TN_I32), *y = partner(m, x);
    bool number = x->type.dtype == TN_F32 || x->type.dtype == TN_I32;
    if (!number)
        return NULL;
    switch (pick(m, m->smooth || x->type.dtype != TN_F32 ? 3 : 5)) {
    case 0: return tamed(m, tn_add(x, y));
    case 1: return tamed(m, tn_sub(x, y));
    case 2: return tamed(m, tn_mul(x, y));
    case 3: return tn_maximum(x, y);
    default: return tn_minimum(y, x);
    }
}

static tn_tensor *integer(maker *m)
{
    tn_tensor *x = any(m, TN_I32), *y = partner(m, x), *c = any(m, TN_BOOL);
    switch (pick(m, 7)) {
    case 0: return tn_lt(x, y);
    case 1: return tn_ne(x, y);
    case 2: return tn_logical_not(c);
    case 3: return tn_sin(tn_cast(tn_mul(x, tn_scalar(m->g, TN_I32, 3)), TN_F32));
    case 4: return tn_cast(c, TN_I32);
    case 5: return tn_div(x, tn_scalar(m->g, TN_I32, 3));
    default: return tn_logical_xor(c, partner(m, c));
    }
}

static tn_tensor *choice(maker *m)
{
    tn_tensor *x = any(m, TN_F32), *y = partner(m, x);
    for (int i = 0; i < 20; i++) {
        tn_tensor *c = any(m, TN_BOOL);
        if (c->type.dtype == TN_BOOL && broadcast(c, x) && broadcast(c, y))
            return tn_where(c, x, y);
    }
    return NULL;
}

static tn_tensor *view(maker *m)
{
    tn_tensor *x = any(m, pick(m, 6) ? TN_F32 : TN_I32);
    int rank = x->type.rank, axis = rank ? pick(m, rank) : 0;
    if (rank == 0 || pick(m, 6) == 0)
        return rank < 4 ? tn_unsqueeze(x, pick(m, rank + 1)) : NULL;
    tn_dim size = x->type.dims[axis];
    switch (pick(m, 4)) {
    case 0: return tn_flatten(x, 0);
    case 1: return size > 1 ? tn_slice(x, axis, pick(m, (int)size), size) : NULL;
    default: return tn_transpose(x, axis, pick(m, rank));
    }
}

static tn_tensor *reduction(maker *m)
{
    tn_tensor *x = any(m, TN_F32);
    int rank = x->type.rank;
    int64_t axis = rank ? pick(m, rank) : 0;
    bool keepdim = pick(m, 2);
    if (rank == 0)
        return NULL;
    switch (pick(m, m->smooth ? 5 : 6)) {
    case 0: return tamed(m, tn_sum(x));
    case 1: return tamed(m, tn_sum_axes(x, 1, &axis, keepdim));
    case 2: return tn_mean_axes(x, 1, &axis, keepdim);
    case 3: return tn_softmax(x, (int)axis);
    case 4: return tamed(m, tn_sum_square(x));
    default: return tn_max_axes(x, 1, &axis, keepdim);
    }
}

static tn_tensor *product(maker *m)
{
    for (int i = 0; i < 50; i++) {
        tn_tensor *x = any(m, TN_F32), *y = any(m, TN_F32);
        if (x->type.rank == 2 && y->type.rank == 2 && x->type.dims[1] == y->type.dims[0])
            return tamed(m, tn_matmul(x, y));
    }
    return NULL;
}

static tn_tensor *other(maker *m)
{
    tn_tensor *x = any(m, TN_F32);
    int64_t low[TN_MAX_RANK] = {1}, high[TN_MAX_RANK] = {0, 1};
    switch (pick(m, 4)) {
    case 0: return x->type.rank ? tn_dropout(x, 0.25 + 0.25 * pick(m, 3)) : NULL;
    case 1: return x->type.rank ? tn_concat(2, (tn_tensor *[]){x, x}, pick(m, x->type.rank)) : NULL;
    case 2: return x->type.rank ? tn_pad(x, low, high, 0.5) : NULL;
    default: return tn_uniform(m->g, TN_F32, tn_tensor_shape(x));
    }
}

static void grow(maker *m)
{
    switch (pick(m, 11)) {
    case 0:
    case 1: keep(m, unary(m)); break;
    case 2:
    case 3:
    case 4: keep(m, binary(m)); break;
    case 5: keep(m, integer(m)); break;
    case 6: keep(m, choice(m)); break;
    case 7: keep(m, view(m)); break;
    case 8: keep(m, reduction(m)); break;
    case 9: keep(m, product(m)); break;
    default: keep(m, other(m)); break;
    }
}

static const char *const state_names[] = {"s0", "s1", "s2", "s3", "s4"};
enum { STATES = sizeof state_names / sizeof *state_names };

static void make_sources(maker *m)
{
    tn_init normal = {TN_INIT_NORMAL, 0, 0.5}, two = {TN_INIT_CONSTANT, 2, 0};
    tn_dim n = tn_symbol(m->g, "n");
    keep(m, tn_input(m->g, "x", TN_F32, TN_SHAPE(n, 4)));
    keep(m, tn_input(m->g, "k", TN_I32, TN_SHAPE(n, 1)));
    keep(m, tn_param(m->g, "s0", TN_F32, TN_SHAPE(4, 4), &normal));
    keep(m, tn_param(m->g, "s1", TN_F32, TN_SHAPE(4, 4), &normal));
    keep(m, tn_param(m->g, "s2", TN_F32, TN_SHAPE(4), &normal));
    keep(m, tn_buffer(m->g, "s3", TN_F32, TN_SHAPE(4, 1, 4), &normal));
    keep(m, tn_buffer(m->g, "s4", TN_I32, TN_SHAPE(4), &two));
    keep(m, tn_lt(m->value[1], tn_scalar(m->g, TN_I32, 5)));
    keep(m, tn_eq(m->value[6], tn_scalar(m->g, TN_I32, 2)));
}

/* What fits state s: something that is there, or what is there broadcast to it. */
static tn_tensor *fit(maker *m, tn_tensor *s)
{
    for (int i = 0; i < 30; i++) {
        tn_tensor *x = any(m, s->type.dtype);
        if (x != s && x->type.dtype == s->type.dtype && same_shape(x, s))
            return x;
    }
    for (int i = 0; i < 30; i++) {
        tn_tensor *x = any(m, s->type.dtype);
        if (x->type.dtype != s->type.dtype || x->type.rank > s->type.rank || !broadcast(x, s))
            continue;
        tn_tensor *y = tn_add(s, x);
        if (same_shape(y, s))
            return tamed(m, y);
    }
    return NULL;
}

static void make_results(maker *m)
{
    char name[16];
    for (int i = 0; i < STATES; i++) {
        tn_tensor *s = tn_graph_state(m->g, state_names[i]), *x = pick(m, 4) ? fit(m, s) : NULL;
        if (x && pick(m, 4))
            tn_entry_write(m->entry, s, x);
        else if (x)
            tn_graph_update(m->g, s, x, pick(m, 2) ? any(m, TN_F32) : NULL);
    }
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "y%d", i);
        /* the first one needs an input, so that n has a value */
        tn_entry_output(m->entry, name, i == 0 ? m->value[0] : i < 3 ? any(m, TN_F32) : m->value[pick(m, m->n)]);
    }
    if (pick(m, 3) == 0)
        tn_entry_check(m->entry, any(m, TN_F32));
}

static void make_gradients(maker *m)
{
    tn_tensor *wrt[3] = {m->value[2], m->value[3], m->value[4]}, *grads[3];
    tn_tensor *loss = tn_mean(tn_square(any(m, TN_F32)));
    if (tn_gradients(loss, 3, wrt, grads) != TN_OK)
        fail_msg("%s", tn_graph_error(m->g));
    keep(m, loss);
    for (int i = 0; i < 3; i++)
        keep(m, tn_sub(wrt[i], tn_mul_f(tn_tanh(grads[i]), 0.1)));
}

static tn_graph *make(tn_context *context, uint64_t seed)
{
    maker m = {.seed = seed, .g = tn_graph_new(context)};
    uint64_t rolls = seed;
    m.smooth = pick(&m, 2);
    make_sources(&m);
    for (int n = 4 + pick(&m, 30), region = 0; n > 0 || region; n--) {
        bool turn =
            n == 0 || (seed % 2 && bits(&rolls) % 8 == 0); /* the other graphs are what they were without regions */
        if (turn)
            (region ? tn_recompute_end : tn_recompute_begin)(m.g);
        region ^= turn;
        if (n > 0)
            grow(&m);
    }
    if (m.smooth)
        make_gradients(&m);
    for (int n = pick(&m, 6); n > 0; n--)
        grow(&m);
    m.entry = tn_entry_new(m.g, "step", pick(&m, 2) ? TN_TRAINING : 0);
    make_results(&m);
    if (tn_graph_status(m.g) != TN_OK)
        fail_msg("seed %d: %s", (int)seed, tn_graph_error(m.g));
    return m.g;
}

/* ---- the interpreter -------------------------------------------------------------------------------------------------- */

typedef struct interpreter {
    const tn_graph *g;
    const tn_entry *entry;
    int64_t symbol[64];
    const tn_feed *feeds;
    const tn_state *state;
    op_operand *type; /* by tensor id */
    void **data;
} interpreter;

static void number(interpreter *x, const tn_tensor *t)
{
    int64_t dims[TN_MAX_RANK];
    base_error e = {0};
    for (int i = 0; i < t->type.rank; i++)
        assert_int_equal(dim_eval(x->g->dims, t->type.dims[i], x->symbol, &dims[i], &e), TN_OK);
    x->type[t->id] = op_operand_of(t->type.dtype, t->type.rank, dims);
    tn_view v = tn_view_of(NULL, t->type.dtype, t->type.rank, dims);
    x->data[t->id] = calloc(1, v.bytes + 8);
}

static void interpret_source(interpreter *x, const graph_node *node)
{
    const tn_tensor *y = &node->out[0];
    const char *op = node->def->name;
    tn_view v = tn_view_of(NULL, y->type.dtype, y->type.rank, x->type[y->id].dims);
    base_error e = {0};
    if (strcmp(op, "input") == 0)
        v.data = x->feeds[strcmp(node->name, "x") != 0].view.data;
    else if (strcmp(op, "state") == 0)
        assert_int_equal(tn_state_find(x->state, node->arg[0].text, &v), TN_OK);
    else if (strcmp(op, "constant") == 0)
        v.data = node->arg[0].data->data;
    else
        assert_int_equal(dim_eval(x->g->dims, node->arg[0].list[0], x->symbol, x->data[y->id], &e), TN_OK);
    if (v.data && v.bytes)
        memcpy(x->data[y->id], v.data, v.bytes);
}

static void interpret_node(interpreter *x, const graph_node *node)
{
    op_operand in[node->n_in + 1], out[node->n_out + 1];
    const void *from[node->n_in + 1];
    void *to[node->n_out + 1];
    op_value arg[OP_MAX_ARG];
    int64_t list[OP_MAX_ARG][64];
    base_error e = {0};
    graph_node numbers = *node;
    for (int i = 0; i < op_count_arg(node->def); i++) {
        arg[i] = node->arg[i];
        for (int k = 0; node->def->arg[i].kind == OP_DIMS && k < arg[i].n; k++) {
            list[i][k] = arg[i].list[k];
            if (list[i][k] != TN_INFER)
                assert_int_equal(dim_eval(x->g->dims, arg[i].list[k], x->symbol, &list[i][k], &e), TN_OK);
        }
        if (node->def->arg[i].kind == OP_DIMS)
            arg[i].list = list[i];
    }
    numbers.arg = arg;
    for (int i = 0; i < node->n_in; i++) {
        in[i] = node->in[i] ? x->type[node->in[i]->id] : (op_operand){0};
        from[i] = node->in[i] ? x->data[node->in[i]->id] : NULL;
    }
    for (int i = 0; i < node->n_out; i++) {
        out[i] = x->type[node->out[i].id];
        to[i] = x->data[node->out[i].id];
    }
    op_eval eval = {.node = &numbers,
                    .n_in = node->n_in,
                    .n_out = node->n_out,
                    .in = in,
                    .out = out,
                    .training = x->entry->training};
    tn_state_get_random(x->state, &eval.seed, &eval.step);
    void *scratch = malloc(op_eval_scratch(&eval));
    const char *fault = NULL;
    op_eval_run(&eval, from, to, scratch, &fault);
    free(scratch);
    assert_null(fault);
}

static void interpret(interpreter *x)
{
    x->type = calloc((size_t)x->g->n_tensors, sizeof *x->type);
    x->data = calloc((size_t)x->g->n_tensors, sizeof *x->data);
    for (size_t i = 0; i < x->g->nodes.n; i++) {
        const graph_node *node = x->g->nodes.at[i];
        for (int k = 0; k < node->n_out; k++)
            number(x, &node->out[k]);
        if (node->def->flags & OP_SOURCE)
            interpret_source(x, node);
        else
            interpret_node(x, node);
    }
}

static void forget(interpreter *x)
{
    for (int i = 0; i < x->g->n_tensors; i++)
        free(x->data[i]);
    free(x->data);
    free(x->type);
}

/* Whether the entry computes the value, so that updates that wait for it are due. */
static void need(const tn_graph *g, bool *needed)
{
    for (size_t i = g->nodes.n; i-- > 0;)
        for (int k = 0; needed[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                needed[g->nodes.at[i]->in[k]->node->id] = true;
}

/* The value that a run leaves in a state, as the interpreter sees it. */
static const tn_tensor *written(const interpreter *x, const char *name)
{
    const tn_graph *g = x->g;
    const tn_tensor *value = NULL;
    bool *needed = calloc(g->nodes.n, 1), more = true;
    for (size_t i = 0; i < x->entry->results.n; i++) {
        const graph_result *r = &x->entry->results.at[i];
        needed[r->value->node->id] = true;
        if (r->kind == GRAPH_WRITE && strcmp(r->name, name) == 0)
            value = r->value;
    }
    while (more) {
        more = false;
        need(g, needed);
        for (size_t i = 0; i < g->updates.n && x->entry->training; i++) {
            const graph_result *r = &g->updates.at[i];
            if (!needed[r->when->node->id])
                continue;
            more = more || !needed[r->value->node->id];
            needed[r->value->node->id] = true;
            if (strcmp(r->name, name) == 0)
                value = r->value;
        }
    }
    free(needed);
    return value ? value : tn_graph_state((tn_graph *)(uintptr_t)g, name);
}

/* ---- running ------------------------------------------------------------------------------------------------------------ */

typedef struct runner {
    tn_state *state;
    tn_session *session;
    float y[4][4096];
} runner;

static int limited; /* graphs that a limit made compute values again */

static void compare(uint64_t seed, int way, int run, const char *name, const op_operand *type, const void *got,
                    const void *want)
{
    int64_t n = 1, size = (int64_t)tn_dtype_size(type->dtype);
    for (int i = 0; i < type->rank; i++)
        n *= type->dims[i];
    for (int64_t i = 0; i < n; i++) {
        double a = op_element_to_f64(type->dtype, (const char *)got + i * size),
               b = op_element_to_f64(type->dtype, (const char *)want + i * size);
        double tolerance = tn_dtype_is_float(type->dtype) ? 1e-4 * (1 + fabs(b)) : 0;
        if (!(fabs(a - b) <= tolerance) && !(isnan(a) && isnan(b)))
            fail_msg("seed %llu, way %d, run %d: %s[%lld] is %.9g; the interpreter has %.9g", (unsigned long long)seed,
                     way, run, name, (long long)i, a, b);
    }
}

static void run_once(const tn_graph *g, runner *r, uint64_t seed, int way, int run, const tn_feed *feeds,
                     interpreter *x)
{
    tn_feed fetch[4];
    char names[4][16];
    for (int i = 0, k = 0; k < 4; i++) {
        const graph_result *out = &g->entries.at[0]->results.at[i];
        if (out->kind != GRAPH_OUTPUT)
            continue;
        const op_operand *type = &x->type[out->value->id];
        (void)snprintf(names[k], sizeof names[k], "y%d", k);
        fetch[k] = (tn_feed){names[k], tn_view_of(r->y[k], type->dtype, type->rank, type->dims)};
        assert_true(fetch[k].view.bytes <= sizeof r->y[k]);
        k++;
    }
    if (tn_run(r->session, "step", 2, feeds, 4, fetch) != TN_OK)
        fail_msg("seed %llu, way %d, run %d: %s", (unsigned long long)seed, way, run, tn_session_error(r->session));
    for (int i = 0, k = 0; k < 4; i++) {
        const graph_result *out = &g->entries.at[0]->results.at[i];
        if (out->kind != GRAPH_OUTPUT)
            continue;
        compare(seed, way, run, names[k], &x->type[out->value->id], r->y[k], x->data[out->value->id]);
        k++;
    }
    for (int i = 0; i < STATES; i++) {
        const tn_tensor *value = written(x, state_names[i]);
        tn_view v;
        tn_state_find(r->state, state_names[i], &v);
        compare(seed, way, run, state_names[i], &x->type[value->id], v.data, x->data[value->id]);
    }
}

/* The states of both after a run with the same arithmetic. */
static void expect_same_bits(uint64_t seed, int way, const char *on, const runner *a, const runner *b)
{
    for (int i = 0; i < STATES; i++) {
        tn_view v, w;
        tn_state_find(a->state, state_names[i], &v);
        tn_state_find(b->state, state_names[i], &w);
        if (memcmp(v.data, w.data, v.bytes) != 0)
            fail_msg("seed %llu, way %d: %s depends on %s", (unsigned long long)seed, way, state_names[i], on);
    }
    for (int k = 0; k < 4; k++)
        if (memcmp(a->y[k], b->y[k], sizeof a->y[k]) != 0)
            fail_msg("seed %llu, way %d: y%d depends on %s", (unsigned long long)seed, way, k, on);
}

/* What this way needs at most, less a part; 0 if it cannot do with less. */
static size_t limit_of(tn_program *p, tn_state *state, uint64_t seed)
{
    tn_session *s = tn_session_new(p, state);
    tn_memory m;
    tn_feed feeds[2] = {{"x", tn_view_of(NULL, TN_F32, 2, (const int64_t[]){6, 4})},
                        {"k", tn_view_of(NULL, TN_I32, 2, (const int64_t[]){6, 1})}};
    assert_int_equal(tn_session_plan(s, "step", 2, feeds, &m), TN_OK);
    tn_session_free(s);
    return (m.buffer + m.scratch) * (50 + seed % 50) / 100;
}

/* The first way once more: with nothing computed again, and under a memory limit, if it can keep to it. */
static tn_program *compile_way(tn_graph *g, int way, tn_state *state, uint64_t seed)
{
    tn_compile_opt opt = {.no_fuse = way & 1 && way < 8, .no_simplify = way & 2 && way < 8, .no_recompute = way == 8};
    tn_program *p = tn_compile(g, &opt);
    if (way != 9 || !p)
        return p;
    opt.memory_limit = limit_of(p, state, seed);
    tn_program *less = tn_compile(g, &opt);
    tn_session *s = tn_session_new(less, state);
    tn_memory m;
    tn_feed feeds[2] = {{"x", tn_view_of(NULL, TN_F32, 2, (const int64_t[]){6, 4})},
                        {"k", tn_view_of(NULL, TN_I32, 2, (const int64_t[]){6, 1})}};
    bool fits = tn_session_plan(s, "step", 2, feeds, &m) == TN_OK;
    limited += fits && m.again > 0;
    tn_session_free(s);
    tn_program_free(fits ? p : less);
    return fits ? less : p;
}

static void one_graph(tn_context *const *context, uint64_t seed)
{
    static const int64_t sizes[RUNS] = {3, 6, 3, 1};
    static runner r[WAYS];
    tn_graph *g[2] = {make(context[0], seed), make(context[1], seed)};
    for (int way = 0; way < WAYS; way++) {
        const int on = way / 4 == 1; /* which context */
        memset(r[way].y, 0, sizeof r[way].y);
        r[way].state = tn_state_new(context[on]);
        assert_int_equal(tn_state_init(r[way].state, g[on], seed), TN_OK);
        tn_state_set_random(r[way].state, seed, 0);
        tn_program *p = compile_way(g[on], way, r[way].state, seed);
        if (!p)
            fail_msg("seed %llu, way %d: %s", (unsigned long long)seed, way, tn_context_error(context[on]));
        r[way].session = tn_session_new(p, r[way].state);
        tn_program_free(p);
    }
    for (int run = 0; run < RUNS; run++) {
        float x[6 * 4];
        int32_t k[6];
        uint64_t s = seed + (uint64_t)run;
        for (int i = 0; i < 24; i++)
            x[i] = (float)((double)(bits(&s) >> 40) / (1 << 23) - 1);
        for (int i = 0; i < 6; i++)
            k[i] = (int32_t)(bits(&s) % 10);
        tn_feed feeds[2] = {{"x", tn_view_of(x, TN_F32, 2, (const int64_t[]){sizes[run], 4})},
                            {"k", tn_view_of(k, TN_I32, 2, (const int64_t[]){sizes[run], 1})}};
        for (int way = 0; way < WAYS; way++) {
            const tn_graph *mine = g[way / 4 == 1];
            interpreter in = {.g = mine, .entry = mine->entries.at[0], .feeds = feeds, .state = r[way].state};
            for (int i = 0; i < 64; i++)
                in.symbol[i] = sizes[run];
            /* the interpreter starts each run from the state of the program, so that nothing adds up */
            interpret(&in);
            run_once(mine, &r[way], seed, way, run, feeds, &in);
            forget(&in);
            if (way >= 8)
                expect_same_bits(seed, way, "what is computed again", &r[0], &r[way]);
            else if (way >= 4)
                expect_same_bits(seed, way, "the number of threads", &r[way - 4], &r[way]);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        tn_session_free(r[way].session);
        tn_state_free(r[way].state);
    }
    tn_graph_free(g[0]);
    tn_graph_free(g[1]);
}

static void random_graphs(void **p)
{
    (void)p;
    tn_context *context[2] = {tn_context_new(TN_OPT(tn_context_opt, .threads = 1)),
                              tn_context_new(TN_OPT(tn_context_opt, .threads = 2))};
    int n = 0;
    clock_t start = clock();
    for (; n < GRAPHS && (double)(clock() - start) / CLOCKS_PER_SEC < SECONDS; n++)
        one_graph(context, (uint64_t)(SEED + n));
    print_message("%d graphs, %d of them computed values again for a limit\n", n, limited);
    assert_true(limited > 0);
    tn_context_free(context[0]);
    tn_context_free(context[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
