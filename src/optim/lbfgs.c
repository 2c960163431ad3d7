/* lbfgs.c: L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5), driven from outside the graph: an entry gives loss and gradients, and
 * the vectors of the method, all parameters one behind the other in f64, are state, so that a checkpoint holds them. Numbers and their order
 * are those of torch.optim.LBFGS. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/scheme/op.h"
#include "optim/line_search.h"
#include "optim/rule.h"
#include "program/session.h"

/* ---- the entry and the state ------------------------------------------------------------------------------------- */

/* What "optim.lbfgs.numbers" holds. */
enum { ITERATIONS, KEPT, FIRST, STEP, SCALE, NUMBERS };
enum { USUAL_HISTORY = 10 };

static int64_t history_of(const tn_lbfgs_opt *o)
{
    return o->history_size > 0 ? o->history_size : USUAL_HISTORY;
}

static void add_vectors(optim_minimizer *m, int64_t n, int64_t history)
{
    static const char *const names[] = {"lbfgs.s", "lbfgs.y", "lbfgs.direction", "lbfgs.gradient", "lbfgs.numbers"};
    const tn_shape shapes[] = {TN_SHAPE(history, n), TN_SHAPE(history, n), TN_SHAPE(n), TN_SHAPE(n), TN_SHAPE(NUMBERS)};
    for (int i = 0; i < 5; i++) {
        const char *name = base_arena_printf(m->g->arena, "optim.%s%s", m->prefix, names[i]);
        if (name)
            tn_buffer(m->g, name, TN_F64, shapes[i], NULL);
        else
            graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    }
}

static void add_entry(optim_minimizer *m, int64_t history)
{
    const char *name = base_arena_printf(m->g->arena, "%slbfgs", m->prefix);
    tn_entry *entry = tn_entry_new(m->g, name ? name : "lbfgs", TN_TRAINING);
    int64_t n = 0;
    tn_entry_output(entry, "loss", tn_cast(m->loss, TN_F64));
    for (size_t i = 0; i < m->params.n; i++) {
        const optim_trained *p = &m->params.at[i];
        tn_shape shape = tn_tensor_shape(p->param);
        int64_t count = 1;
        for (int k = 0; k < shape.rank; k++)
            count *= shape.dims[k];
        n += count;
        optim_step s = {.m = m, .p = p};
        tn_entry_write(entry, optim_slot(&s, "lbfgs_grad", 0), p->grad);
    }
    add_vectors(m, n, history);
}

static bool in_range(double x)
{
    return x >= 0 && x <= DBL_MAX;
}

tn_status tn_lbfgs(tn_tensor *loss, const tn_lbfgs_opt *opt)
{
    static const tn_lbfgs_opt defaults;
    const tn_lbfgs_opt *o = opt ? opt : &defaults;
    optim_minimizer m = {.g = loss->graph, .loss = loss};
    const tn_optim_opt common = {.groups = o->groups, .n_groups = o->n_groups, .name = o->name};
    if (m.g->error.status != TN_OK || optim_options(m.g, &common, &m.o) != TN_OK)
        return m.g->error.status;
    if (!in_range(o->lr) || o->max_iter < 0 || o->max_eval < 0 || o->history_size < 0 || !in_range(o->tolerance_grad) ||
        !in_range(o->tolerance_change)) {
        graph_fail(m.g, TN_INVALID, "the options of L-BFGS must be numbers of at least 0");
        return m.g->error.status;
    }
    m.prefix = o->name ? base_arena_printf(m.g->arena, "%s.", o->name) : "";
    if (!m.prefix)
        graph_fail(m.g, TN_MEMORY, "out of memory while making an optimizer");
    else if (optim_find(&m) == TN_OK)
        add_entry(&m, history_of(o));
    base_vec_free(&m.params);
    return m.g->error.status;
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

typedef struct piece {
    tn_view param, grad;
    int64_t at, count; /* in the long vectors */
} piece;

typedef struct lbfgs {
    tn_session *session;
    base_error *e;
    char prefix[64], entry[64];
    int n_feeds;
    const tn_feed *feeds;
    uint64_t seed, random_step; /* the same for every look of a step */
    base_vec(piece) pieces;
    int64_t n, history, looks;
    double *s, *y, *d, *gradient, *numbers; /* the state's */
    double *x, *g, *alpha;                  /* where a direction begins; the present gradient; of the two loops */
    double loss, most_g;                    /* the largest |g| */
} lbfgs;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double largest(const double *a, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fabs(a[i]) > most || isnan(a[i]) ? fabs(a[i]) : most;
    return most;
}

static void take(const tn_view *from, double *to, int64_t count)
{
    size_t size = tn_dtype_size(from->dtype);
    for (int64_t i = 0; i < count; i++)
        to[i] = op_element_to_f64(from->dtype, (const char *)from->data + (size_t)i * size);
}

/* Parameters x + t * d. */
static void move_to(lbfgs *l, double t)
{
    for (size_t i = 0; i < l->pieces.n; i++) {
        const piece *p = &l->pieces.at[i];
        size_t size = tn_dtype_size(p->param.dtype);
        for (int64_t k = 0; k < p->count; k++)
            op_element_from_f64(p->param.dtype, l->x[p->at + k] + t * l->d[p->at + k],
                                (char *)p->param.data + (size_t)k * size);
    }
}

/* Loss and gradient where the parameters are. */
static tn_status evaluate(lbfgs *l)
{
    tn_feed fetch = {"loss", tn_view_of(&l->loss, TN_F64, 0, NULL)};
    tn_state_set_random(l->session->state, l->seed, l->random_step);
    l->looks++;
    BASE_TRY(tn_run(l->session, l->entry, l->n_feeds, l->feeds, 1, &fetch));
    for (size_t i = 0; i < l->pieces.n; i++)
        take(&l->pieces.at[i].grad, l->g + l->pieces.at[i].at, l->pieces.at[i].count);
    l->most_g = largest(l->g, l->n);
    return TN_OK;
}

static tn_status look(void *user, optim_point *p)
{
    lbfgs *l = user;
    move_to(l, p->t);
    BASE_TRY(evaluate(l));
    bool finite = isfinite(l->loss) && isfinite(l->most_g);
    p->f = finite ? l->loss : (double)INFINITY;
    p->slope = finite ? dot(l->g, l->d, l->n) : (double)INFINITY;
    return TN_OK;
}

/* ---- the direction ------------------------------------------------------------------------------------------------- */

/* Row i of the history, from the oldest. */
static int64_t row(const lbfgs *l, int64_t i)
{
    return ((int64_t)l->numbers[FIRST] + i) % l->history * l->n;
}

/* What the last step taught about the curvature, unless there is none along it. */
static void learn(lbfgs *l)
{
    int64_t kept = (int64_t)l->numbers[KEPT], at = row(l, kept);
    bool full = kept == l->history;
    double *s = l->x, *y = l->alpha + l->history; /* x is not in use between steps; y has room of its own */
    for (int64_t i = 0; i < l->n; i++) {
        s[i] = l->d[i] * l->numbers[STEP];
        y[i] = l->g[i] - l->gradient[i];
    }
    double sy = dot(s, y, l->n);
    if (!(sy > 1e-10))
        return;
    memcpy(l->s + at, s, sizeof *s * (size_t)l->n);
    memcpy(l->y + at, y, sizeof *y * (size_t)l->n);
    l->numbers[FIRST] = full ? (double)(((int64_t)l->numbers[FIRST] + 1) % l->history) : l->numbers[FIRST];
    l->numbers[KEPT] = (double)(full ? kept : kept + 1);
    l->numbers[SCALE] = sy / dot(y, y, l->n);
}

static void add(double *to, const double *from, double factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

/* Algorithm 7.4: d = -H g. */
static void find_direction(lbfgs *l)
{
    int64_t kept = (int64_t)l->numbers[KEPT];
    for (int64_t i = 0; i < l->n; i++)
        l->d[i] = -l->g[i];
    for (int64_t i = kept - 1; i >= 0; i--) {
        const double *s = l->s + row(l, i), *y = l->y + row(l, i);
        l->alpha[i] = dot(s, l->d, l->n) / dot(s, y, l->n);
        add(l->d, y, -l->alpha[i], l->n);
    }
    for (int64_t i = 0; i < l->n; i++)
        l->d[i] *= l->numbers[SCALE];
    for (int64_t i = 0; i < kept; i++) {
        const double *s = l->s + row(l, i), *y = l->y + row(l, i);
        add(l->d, s, l->alpha[i] - dot(y, l->d, l->n) / dot(s, y, l->n), l->n);
    }
}

static double length_1(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(x[i]);
    return sum;
}

/* The direction from here and the first guess at how far. */
static double begin(lbfgs *l, double lr)
{
    bool first = l->numbers[ITERATIONS] == 0; /* NOLINT: a count */
    if (first)
        l->numbers[SCALE] = 1;
    else
        learn(l);
    l->numbers[ITERATIONS]++;
    find_direction(l);
    memcpy(l->gradient, l->g, sizeof *l->g * (size_t)l->n);
    for (size_t i = 0; i < l->pieces.n; i++)
        take(&l->pieces.at[i].param, l->x + l->pieces.at[i].at, l->pieces.at[i].count);
    return first ? fmin(1, 1 / length_1(l->g, l->n)) * lr : lr;
}

/* ---- iterations -------------------------------------------------------------------------------------------------- */

typedef struct limits {
    int64_t iterations, looks;
    double lr, gradient, change;
} limits;

static double or_usual(double value, double usual)
{
    return value == 0.0 ? usual : value;
}

static limits limits_of(const tn_lbfgs_opt *o)
{
    int64_t iterations = o->max_iter ? o->max_iter : 20;
    return (limits){.iterations = iterations,
                    .looks = o->max_eval ? o->max_eval : iterations * 5 / 4,
                    .lr = or_usual(o->lr, 1),
                    .gradient = or_usual(o->tolerance_grad, 1e-7),
                    .change = or_usual(o->tolerance_change, 1e-9)};
}

/* Along the direction, by t or as far as a search says. */
static tn_status advance(lbfgs *l, const tn_lbfgs_opt *o, const limits *most, double t, double slope, bool last)
{
    optim_point at = {.t = t};
    if (o->strong_wolfe) {
        optim_search search = {.look = look,
                               .user = l,
                               .start = {0, l->loss, slope},
                               .most = most->looks > l->looks ? most->looks - l->looks : 1,
                               .least = most->change / largest(l->d, l->n)};
        BASE_TRY(optim_line_search(&search, t, &at, &l->looks));
        l->looks--; /* counted by both */
    } else if (last) {
        move_to(l, t); /* nobody asks any more what the loss is there */
    } else {
        BASE_TRY(look(l, &at));
    }
    l->numbers[STEP] = at.t;
    if (isfinite(l->loss) && isfinite(l->most_g))
        return TN_OK;
    return base_fail(l->e, TN_NONFINITE,
                     "L-BFGS: the loss or its gradient is not finite after a step of %g; try a "
                     "smaller learning rate, or a line search",
                     at.t);
}

static tn_status iterate(lbfgs *l, const tn_lbfgs_opt *o)
{
    const limits most = limits_of(o);
    for (int64_t i = 1; i <= most.iterations && l->most_g > most.gradient; i++) {
        double t = begin(l, most.lr), slope = dot(l->g, l->d, l->n), before = l->loss;
        if (slope > -most.change)
            break;
        tn_status status = advance(l, o, &most, t, slope, i == most.iterations);
        if (status != TN_OK) {
            move_to(l, 0);
            return status;
        }
        if (l->looks >= most.looks || largest(l->d, l->n) * fabs(l->numbers[STEP]) <= most.change ||
            (i < most.iterations && fabs(l->loss - before) < most.change))
            break;
    }
    return TN_OK;
}

/* ---- finding everything ------------------------------------------------------------------------------------------- */

static tn_status vector(lbfgs *l, const char *name, double **out)
{
    char full[128];
    tn_view v;
    (void)base_print(full, sizeof full, "optim.%slbfgs.%s", l->prefix, name);
    if (tn_state_find(l->session->state, full, &v) != TN_OK || v.dtype != TN_F64)
        return base_fail(l->e, TN_INVALID, "the state has no '%s': tn_lbfgs makes it", full);
    *out = v.data;
    if (strcmp(name, "s") == 0) {
        l->history = v.dims[0];
        l->n = v.dims[1];
    }
    return TN_OK;
}

/* The parameters are those that have a slot for the gradient. */
static tn_status find_pieces(lbfgs *l)
{
    char before[80], param[512];
    const char *name, end[] = ".lbfgs_grad";
    tn_view grad;
    int64_t n = 0;
    int length = base_print(before, sizeof before, "optim.%s", l->prefix);
    for (int i = 0; (name = tn_state_get(l->session->state, i, &grad)) != NULL; i++) {
        size_t whole = strlen(name), middle = whole - (size_t)length - (sizeof end - 1);
        piece p = {.grad = grad, .at = n, .count = 1};
        if (whole < (size_t)length + sizeof end || strncmp(name, before, (size_t)length) != 0 ||
            strcmp(name + whole - (sizeof end - 1), end) != 0 || middle >= sizeof param)
            continue;
        (void)base_print(param, sizeof param, "%.*s", (int)middle, name + length);
        if (tn_state_find(l->session->state, param, &p.param) != TN_OK)
            continue; /* of an optimizer with a longer name */
        for (int k = 0; k < grad.rank; k++)
            p.count *= grad.dims[k];
        n += p.count;
        if (!base_vec_push(&l->pieces, p))
            return base_no_memory(l->e, "a step of L-BFGS");
    }
    return n == l->n ? TN_OK
                     : base_fail(l->e, TN_INVALID,
                                 "L-BFGS keeps vectors of %lld numbers, but the state's parameters have %lld",
                                 (long long)l->n, (long long)n);
}

static tn_status prepare(lbfgs *l)
{
    static const char *const names[] = {"s", "y", "direction", "gradient", "numbers"};
    double **const to[] = {&l->s, &l->y, &l->d, &l->gradient, &l->numbers};
    for (int i = 0; i < 5; i++)
        BASE_TRY(vector(l, names[i], to[i]));
    BASE_TRY(find_pieces(l));
    size_t n = (size_t)l->n + 1;
    l->x = calloc(n, sizeof *l->x);
    l->g = calloc(n, sizeof *l->g);
    l->alpha = calloc(n + (size_t)l->history, sizeof *l->alpha);
    return l->x && l->g && l->alpha ? TN_OK : base_no_memory(l->e, "a step of L-BFGS");
}

static tn_status run(lbfgs *l, const tn_lbfgs_opt *o, double *loss)
{
    BASE_TRY(prepare(l));
    tn_state_get_random(l->session->state, &l->seed, &l->random_step);
    BASE_TRY(evaluate(l));
    *loss = l->loss;
    if (!isfinite(l->loss) || !isfinite(l->most_g))
        return base_fail(l->e, TN_NONFINITE, "L-BFGS: the loss or its gradient is not finite where the step begins");
    return iterate(l, o);
}

tn_status tn_lbfgs_step(tn_session *session, const tn_lbfgs_opt *opt, int n_feeds, const tn_feed *feeds, double *loss)
{
    static const tn_lbfgs_opt defaults;
    const tn_lbfgs_opt *o = opt ? opt : &defaults;
    double unwanted;
    lbfgs l = {.session = session, .e = &session->error, .n_feeds = n_feeds, .feeds = feeds};
    base_clear(&session->error);
    if (!session->state)
        return base_fail(l.e, TN_INVALID, "L-BFGS needs a session with a state");
    (void)base_print(l.prefix, sizeof l.prefix, "%s%s", o->name ? o->name : "", o->name ? "." : "");
    (void)base_print(l.entry, sizeof l.entry, "%slbfgs", l.prefix);
    tn_status status = run(&l, o, loss ? loss : &unwanted);
    base_vec_free(&l.pieces);
    free(l.x);
    free(l.g);
    free(l.alpha);
    return status;
}
