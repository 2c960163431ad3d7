/* op_check_gradients.c: lowered forms against references, gradients and second gradients against differences.
 *
 * With y the outputs of a case, c and v random numbers, x the inputs:
 *     L = sum(y * c),   g = the gradient of L for x,   G = sum(g * v),   second gradients: those of G for x and c.
 * All are nodes of one graph. In f64 the references run it: g and the second gradients along random directions must be the
 * differences of L and of G, taken at h and h / 2 and extrapolated. In f32 it is compiled and held against the references. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "support/op_check.h"
#include <tarn/program.h>

static const double H = 1e-3;
enum { DIRECTIONS = 2, SINGLES = 3, SEED = 11, STEP = 5 };

/* ---- lowered forms ----------------------------------------------------------------------------------------------- */

/* What the checks of this file are about, for their sentences. */
typedef struct subject {
    const op_case *c;
    tn_dtype dtypes[OP_MAX_IN];
    bool training;
    op_report *report;
} subject;

static void fail_at(const subject *s, const char *what, const char *why)
{
    char text[80];
    op_report_fail(s->report, "%s, '%s' (%s), %s%s: %s %s", s->c->def->name, s->c->text,
                   op_check_dtype_text(s->c, s->dtypes, text), s->training ? "training" : "not training",
                   s->c->open ? ", open batch" : "", what, why);
}

static void set_inputs(const subject *s, op_reference *r, tn_tensor *const *in)
{
    void *data[OP_MAX_IN];
    op_check_data(s->c, s->dtypes, false, data);
    for (int i = 0; i < s->c->n_in; i++)
        if (in[i])
            op_reference_set(r, in[i], data[i]);
    op_check_data_free(s->c, data);
    r->training = s->training;
    r->seed = SEED;
    r->step = STEP;
}

static void compare_lowered(const subject *s, op_reference *r, const tn_tensor *want, const tn_tensor *got)
{
    const op_array *b = op_reference_get(r, got), *a = op_reference_get(r, want);
    op_tol tol = s->c->def->tol[a->dtype];
    tol.relative = tol.relative > 1e-15 ? tol.relative : 1e-15;
    for (int64_t i = 0; i < a->count; i++) {
        char why[160] = "differs";
        s->report->checks++;
        if (a->f ? op_check_float(op_ref_round(a->dtype, b->f[i]), a->f[i], a->magnitude[i], a->dtype, tol, why)
                 : a->i[i] == b->i[i])
            continue;
        fail_at(s, "the lowered form", why);
        return;
    }
}

static void check_lowered(const subject *s, tn_context *context)
{
    tn_graph *g = tn_graph_new(context);
    tn_tensor *in[OP_MAX_IN], *out[OP_MAX_OUT] = {0};
    graph_node *node = op_check_build(s->c, g, "x", s->dtypes, in);
    if (!node) {
        fail_at(s, "building", tn_graph_error(g));
        tn_graph_free(g);
        return;
    }
    op_lower c = {.graph = g, .node = node, .in = node->in, .training = s->training, .out = out};
    if (s->c->def->lower(&c) != TN_OK || tn_graph_status(g) != TN_OK) {
        fail_at(s, "lowering", tn_graph_error(g));
    } else {
        op_reference r;
        op_reference_open(&r, g);
        set_inputs(s, &r, in);
        for (int k = 0; k < node->n_out; k++) {
            const graph_type *want = &node->out[k].type;
            if (!out[k])
                continue;
            if (out[k]->type.dtype != want->dtype || !graph_same_dims(g->dims, &out[k]->type, want, "lowered"))
                fail_at(s, s->c->def->out[k].name, "has another type in the lowered form");
            else
                compare_lowered(s, &r, &node->out[k], out[k]);
        }
        op_reference_close(&r);
    }
    tn_graph_free(g);
}

void op_check_lowered(const op_def *def, op_report *r)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    for (int i = 0; def->lower && def->cases && def->cases[i]; i++) {
        op_case c;
        base_error e = {0};
        subject s = {.c = &c, .report = r};
        if (op_case_parse(&c, def, def->cases[i], &e) != TN_OK)
            op_report_fail(r, "%s", e.text);
        for (int k = 0; e.status == TN_OK && op_case_dtypes(&c, k, s.dtypes); k++)
            for (int training = 0; training < 2; training++) {
                s.training = training;
                check_lowered(&s, context);
            }
    }
    tn_context_free(context);
}

/* ---- the graph of first and second gradients --------------------------------------------------------------------- */

enum { MOST = OP_MAX_IN + OP_MAX_OUT };

typedef struct gradients {
    const subject *s;
    tn_graph *graph;
    tn_tensor *in[OP_MAX_IN];
    int n_x, n_all;          /* inputs with a gradient; those and the cotangents */
    tn_tensor *x[MOST];      /* the inputs, then the cotangents c */
    tn_tensor *v[OP_MAX_IN]; /* directions of the second gradients */
    tn_tensor *loss, *bend;  /* L and G */
    tn_tensor *first[OP_MAX_IN], *second[MOST];
} gradients;

static tn_tensor *random_input(tn_graph *g, const char *prefix, int i, const tn_tensor *like)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", prefix, i);
    return tn_input(g, name, tn_tensor_dtype(like), tn_tensor_shape(like));
}

static tn_tensor *add_product(tn_tensor *sum, tn_tensor *a, tn_tensor *b)
{
    tn_tensor *part = tn_sum(tn_mul(a, b));
    return sum ? tn_add(sum, part) : part;
}

/* False when there is nothing to differentiate, or it failed and was reported. */
static bool make_gradients(gradients *d)
{
    const op_case *c = d->s->c;
    graph_node *node = op_check_build(c, d->graph, "x", d->s->dtypes, d->in);
    for (int i = 0; node && i < c->n_in; i++)
        if (d->in[i] && tn_dtype_is_float(d->s->dtypes[i]) && !(c->in[i].slot->flags & OP_FIXED))
            d->x[d->n_x++] = d->in[i];
    d->n_all = d->n_x;
    for (int k = 0; node && d->n_x && k < node->n_out; k++)
        if (tn_dtype_is_float(node->out[k].type.dtype)) {
            d->x[d->n_all] = random_input(d->graph, "c", k, &node->out[k]);
            d->loss = add_product(d->loss, &node->out[k], d->x[d->n_all++]);
        }
    if (!d->loss)
        return false;
    if (tn_gradients(d->loss, d->n_x, d->x, d->first) == TN_OK) {
        for (int i = 0; i < d->n_x; i++) {
            d->v[i] = random_input(d->graph, "v", i, d->x[i]);
            d->bend = add_product(d->bend, d->first[i], d->v[i]);
        }
        (void)tn_gradients(d->bend, d->n_all, d->x, d->second);
    }
    if (tn_graph_status(d->graph) == TN_OK)
        return true;
    fail_at(d->s, d->bend ? "making second gradients:" : "making gradients:", tn_graph_error(d->graph));
    return false;
}

static void set_random(const gradients *d, op_reference *r)
{
    uint64_t seed = base_hash_text(d->s->c->text);
    for (int i = 0; i < d->n_all; i++) {
        const tn_tensor *t = i < d->n_x ? d->v[i] : d->x[i];
        op_array *a = op_reference_at(r, t);
        for (int64_t k = 0; k < a->count; k++)
            a->f[k] = op_ref_round(a->dtype, op_case_random(&seed));
    }
}

/* ---- differences ------------------------------------------------------------------------------------------------- */

/* `of` at x + h * d. */
static double moved(op_reference *r, const tn_tensor *of, op_array *x, const double *base, const double *d, double h)
{
    for (int64_t i = 0; i < x->count; i++)
        x->f[i] = base[i] + h * d[i];
    double y = op_reference_get(r, of)->f[0];
    for (int64_t i = 0; i < x->count; i++)
        x->f[i] = base[i];
    return y;
}

static void check_direction(const gradients *d, op_reference *r, const tn_tensor *of, const tn_tensor *x,
                            const double *base, const double *grad, const double *direction)
{
    op_array *a = op_reference_at(r, x);
    double want = 0, scale = 0;
    for (int64_t i = 0; i < a->count; i++) {
        want += grad[i] * direction[i];
        scale += fabs(grad[i] * direction[i]);
    }
    double y = fabs(moved(r, of, a, base, direction, 0));
    double wide = (moved(r, of, a, base, direction, H) - moved(r, of, a, base, direction, -H)) / (2 * H);
    double narrow = (moved(r, of, a, base, direction, H / 2) - moved(r, of, a, base, direction, -H / 2)) / H;
    double got = narrow + (narrow - wide) / 3;
    double bound = 2e-7 * scale + 1e-3 * fabs(narrow - wide) + 1e-14 * (100 + y) / H;
    d->s->report->checks++;
    if (fabs(got - want) <= bound)
        return;
    char what[80], why[160];
    snprintf(what, sizeof what, "the %s gradient for '%s'", of == d->loss ? "first" : "second", tn_tensor_name(x));
    snprintf(why, sizeof why, "is %.12g along a direction; differences say %.12g (bound %.3g)", want, got, bound);
    fail_at(d->s, what, why);
}

/* Along random directions, and along the first few elements alone. */
static void check_differences(const gradients *d, op_reference *r, const tn_tensor *of, const tn_tensor *x,
                              const tn_tensor *gradient)
{
    const op_array *a = op_reference_at(r, x), *g = op_reference_get(r, gradient);
    size_t bytes = ((size_t)a->count + 1) * sizeof(double);
    double *base = malloc(3 * bytes);
    if (!base)
        abort();
    double *grad = base + a->count + 1, *direction = grad + a->count + 1;
    uint64_t seed = base_hash_text(d->s->c->text) + (uint64_t)x->id;
    memcpy(base, a->f, (size_t)a->count * sizeof *base);
    memcpy(grad, g->f, (size_t)a->count * sizeof *grad);
    for (int k = 0; k < DIRECTIONS + SINGLES && k - DIRECTIONS < a->count; k++) {
        for (int64_t i = 0; i < a->count; i++)
            direction[i] = k < DIRECTIONS ? op_case_random(&seed) : i == k - DIRECTIONS;
        check_direction(d, r, of, x, base, grad, direction);
    }
    free(base);
}

static void differentiate(const subject *s, tn_context *context)
{
    gradients d = {.s = s, .graph = tn_graph_new(context)};
    if (make_gradients(&d)) {
        op_reference r;
        op_reference_open(&r, d.graph);
        r.unrounded = true;
        set_inputs(s, &r, d.in);
        set_random(&d, &r);
        bool finite = isfinite(op_reference_get(&r, d.loss)->f[0]); /* not the mean of nothing */
        for (int i = 0; i < d.n_x && finite; i++)
            check_differences(&d, &r, d.loss, d.x[i], d.first[i]);
        for (int i = 0; i < d.n_all && finite; i++)
            check_differences(&d, &r, d.bend, d.x[i], d.second[i]);
        op_reference_close(&r);
    }
    tn_graph_free(d.graph);
}

/* ---- compiled ---------------------------------------------------------------------------------------------------- */

/* An array of the reference as data of its dtype. */
static tn_view data_of(const op_array *a)
{
    tn_view view = tn_view_of(NULL, a->dtype, a->rank, a->dims);
    char *at = view.data = malloc(view.bytes + 1);
    if (!at)
        abort();
    for (int64_t i = 0; i < a->count; i++, at += tn_dtype_size(a->dtype))
        if (a->f)
            op_element_from_f64(a->dtype, a->f[i], at);
        else
            op_element_from_i64(a->dtype, a->i[i], at);
    return view;
}

static void compare_compiled(const subject *s, const char *name, const op_array *want, const tn_view *got)
{
    double largest = 0;
    char why[160];
    for (int64_t i = 0; i < want->count; i++)
        if (isfinite(want->f[i]) && fabs(want->f[i]) > largest)
            largest = fabs(want->f[i]);
    op_tol tol = {true, 1e-4, 1e-5 + 1e-4 * largest};
    for (int64_t i = 0; i < want->count; i++) {
        double y = op_element_to_f64(want->dtype, (char *)got->data + (size_t)i * tn_dtype_size(want->dtype));
        s->report->checks++;
        if (!op_check_float(y, want->f[i], 0, want->dtype, tol, why)) {
            fail_at(s, name, why);
            return;
        }
    }
}

/* Compiles the graph of `p`, which is that of `d` but for open sizes; d and r have the data and the results. */
static void run_compiled(const gradients *d, op_reference *r, const gradients *p)
{
    enum { RESULTS = MOST + OP_MAX_IN };
    tn_feed feeds[RESULTS], out[RESULTS];
    tn_tensor *from[RESULTS];
    char name[RESULTS][32];
    int n = 0, n_out = 0;
    tn_entry *entry = tn_entry_new(p->graph, "e", d->s->training ? TN_TRAINING : 0);
    tn_entry_output(entry, "loss", p->loss); /* so that inputs say the sizes of gradients that are 0 */
    for (int i = 0; i < d->n_x; i++)
        from[n_out++] = d->first[i];
    for (int i = 0; i < d->n_all; i++)
        from[n_out++] = d->second[i];
    for (int i = 0; i < n_out; i++) {
        snprintf(name[i], sizeof name[i], "%s%d", i < d->n_x ? "first" : "second", i < d->n_x ? i : i - d->n_x);
        tn_entry_output(entry, name[i], i < d->n_x ? p->first[i] : p->second[i - d->n_x]);
        out[i] = (tn_feed){name[i], data_of(op_reference_at(r, from[i]))};
    }
    for (int i = 0; i < d->s->c->n_in; i++)
        if (d->in[i])
            feeds[n++] = (tn_feed){tn_tensor_name(d->in[i]), data_of(op_reference_at(r, d->in[i]))};
    for (int i = 0; i < d->n_all; i++) {
        const tn_tensor *t = i < d->n_x ? d->v[i] : d->x[i];
        feeds[n++] = (tn_feed){tn_tensor_name(t), data_of(op_reference_at(r, t))};
    }
    tn_state *state = tn_state_new(p->graph->context);
    tn_program *program = tn_compile(p->graph, NULL);
    tn_session *session = program ? tn_session_new(program, state) : NULL;
    tn_state_set_random(state, SEED, STEP);
    if (!session)
        fail_at(p->s, "compiling gradients:", tn_context_error(p->graph->context));
    else if (tn_run(session, "e", n, feeds, n_out, out) != TN_OK)
        fail_at(p->s, "running gradients:", tn_session_error(session));
    else
        for (int i = 0; i < n_out; i++)
            compare_compiled(p->s, name[i], op_reference_get(r, from[i]), &out[i].view);
    tn_session_free(session);
    tn_program_free(program);
    tn_state_free(state);
    for (int i = 0; i < n; i++)
        free(feeds[i].view.data);
    for (int i = 0; i < n_out; i++)
        free(out[i].view.data);
}

static void check_compiled(const subject *s, tn_context *context)
{
    op_case open = *s->c;
    subject other = *s;
    open.open = true;
    other.c = &open;
    gradients d = {.s = s, .graph = tn_graph_new(context)}, p = {.s = &other, .graph = tn_graph_new(context)};
    if (make_gradients(&d)) {
        op_reference r;
        op_reference_open(&r, d.graph);
        set_inputs(s, &r, d.in);
        set_random(&d, &r);
        run_compiled(&d, &r, &d);
        if (open.batch > 1 && make_gradients(&p))
            run_compiled(&d, &r, &p);
        op_reference_close(&r);
    }
    tn_graph_free(d.graph);
    tn_graph_free(p.graph);
}

static bool all_floats_are(const subject *s, tn_dtype dtype)
{
    bool some = false;
    for (int i = 0; i < s->c->n_in; i++)
        if (s->c->in[i].letter && tn_dtype_is_float(s->dtypes[i])) {
            some |= s->dtypes[i] == dtype;
            if (s->dtypes[i] != dtype && (s->c->in[i].slot->dtypes & OP_BIT(dtype)))
                return false;
        }
    return some;
}

void op_check_gradients(const op_def *def, op_report *r)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    for (int i = 0; def->cases && def->cases[i]; i++) {
        op_case c;
        base_error e = {0};
        subject s = {.c = &c, .report = r};
        if (op_case_parse(&c, def, def->cases[i], &e) != TN_OK)
            op_report_fail(r, "%s", e.text);
        for (int k = 0; e.status == TN_OK && op_case_dtypes(&c, k, s.dtypes); k++)
            for (int training = 0; training < 2; training++) {
                s.training = training;
                if (all_floats_are(&s, TN_F64) && !op_case_has_kinks(&c))
                    differentiate(&s, context);
                if (all_floats_are(&s, TN_F32))
                    check_compiled(&s, context);
            }
    }
    tn_context_free(context);
}
