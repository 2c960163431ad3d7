/* op_check_values.c: the values that compiled programs give, against the reference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/op_check.h"
#include <tarn/program.h>

/* How the inputs lie in memory when the operator's kernel sees them. */
typedef enum layout { ROW_MAJOR, STRIDED, CHANNELS_LAST, FLIPPED } layout;

/* One entry of the graph that is compiled. */
typedef struct variant {
    const char *name;
    layout layout;
    bool training;
    bool open; /* the size of the batch is a symbol */
} variant;

static const variant variants[] = {{"row", ROW_MAJOR, false, false},   {"train", ROW_MAJOR, true, false},
                                   {"strided", STRIDED, false, false}, {"last", CHANNELS_LAST, false, false},
                                   {"open", ROW_MAJOR, true, true},    {"flipped", FLIPPED, false, false}};
enum { N_VARIANTS = sizeof variants / sizeof *variants, OPEN = 4 };

typedef struct setting {
    const char *isa;
    int threads;
    bool no_fuse, no_simplify;
    unsigned variants; /* bits */
    bool poisoned;     /* runs with NaN and infinities too */
    bool same_bits;    /* as setting 0 */
} setting;

static const setting settings[] = {
    {NULL, 1, false, false, 63, true, false},       {NULL, 1, true, false, 47, true, false},
    {NULL, 1, false, true, 17, false, false},       {NULL, 2, false, false, 3, false, true},
    {NULL, 3, false, false, 3, false, true},        {NULL, 7, false, false, 3, false, true},
    {"portable", 1, false, false, 15, true, false}, {"avx2", 1, false, false, 13, false, false},
    {"avx512", 1, false, false, 13, false, false}};
enum { N_SETTINGS = sizeof settings / sizeof *settings, GUARD = 64, SEED = 11, STEP = 5 };

/* A case with dtypes chosen, its data, and what the reference says in both modes. */
typedef struct trial {
    const op_case *c;
    tn_dtype dtypes[OP_MAX_IN];
    bool poison, opens;
    void *data[OP_MAX_IN];
    tn_graph *graph;
    const graph_node *node;
    op_reference reference[2];
    unsigned char *bits[N_VARIANTS][OP_MAX_OUT]; /* what setting 0 gave */
    op_report *report;
} trial;

static void *allocate(size_t bytes)
{
    void *p = calloc(1, bytes + 1);
    if (!p)
        abort();
    return p;
}

/* ---- the reference ----------------------------------------------------------------------------------------------- */

static bool trial_open(trial *t, tn_context *context)
{
    tn_tensor *in[OP_MAX_IN];
    t->graph = tn_graph_new(context);
    graph_node *node = op_check_build(t->c, t->graph, "x", t->dtypes, in);
    char text[80];
    if (!node) {
        op_report_fail(t->report, "%s, '%s' (%s): %s", t->c->def->name, t->c->text,
                       op_check_dtype_text(t->c, t->dtypes, text), tn_graph_error(t->graph));
        return false;
    }
    t->node = node;
    op_check_data(t->c, t->dtypes, t->poison, t->data);
    for (int training = 0; training < 2; training++) {
        op_reference *r = &t->reference[training];
        op_reference_open(r, t->graph);
        r->training = training;
        r->seed = SEED;
        r->step = STEP;
        for (int i = 0; i < t->c->n_in; i++)
            if (in[i])
                op_reference_set(r, in[i], t->data[i]);
        op_reference_get(r, &node->out[0]);
        if (r->fault)
            op_report_fail(t->report, "%s, '%s': the reference finds a fault: %s", t->c->def->name, t->c->text,
                           r->fault);
    }
    return true;
}

static void trial_close(trial *t)
{
    for (int i = 0; i < 2; i++)
        op_reference_close(&t->reference[i]);
    for (int v = 0; v < N_VARIANTS; v++)
        for (int k = 0; k < OP_MAX_OUT; k++)
            free(t->bits[v][k]);
    op_check_data_free(t->c, t->data);
    tn_graph_free(t->graph);
}

/* ---- inputs in a layout ------------------------------------------------------------------------------------------ */

/* The sizes of what is fed so that input x can be seen in the layout. */
static int fed_dims(const op_case_input *x, layout how, int64_t *dims)
{
    for (int k = 0; k < x->rank; k++)
        dims[k] = how == STRIDED ? 2 * x->dims[x->rank - 1 - k] + 1 : x->dims[k];
    if (how == CHANNELS_LAST && x->rank == 4) {
        dims[1] = x->dims[2];
        dims[2] = x->dims[3];
        dims[3] = x->dims[1];
    }
    return x->rank;
}

/* Where element `at` (row-major) of input x lies in what is fed. */
static int64_t fed_place(const op_case_input *x, layout how, int64_t at)
{
    int64_t coordinate[TN_MAX_RANK] = {0}, dims[TN_MAX_RANK], place = 0;
    if (how == ROW_MAJOR || (how == CHANNELS_LAST && x->rank != 4))
        return at;
    if (how == FLIPPED) /* along every axis */
        return x->count - 1 - at;
    for (int k = x->rank - 1; k >= 0; k--) {
        coordinate[k] = at % x->dims[k];
        at /= x->dims[k];
    }
    (void)fed_dims(x, how, dims);
    if (how == CHANNELS_LAST)
        return ((coordinate[0] * dims[1] + coordinate[2]) * dims[2] + coordinate[3]) * dims[3] + coordinate[1];
    for (int k = 0; k < x->rank; k++)
        place = place * dims[k] + 2 * coordinate[x->rank - 1 - k] + 1;
    return place;
}

/* The operators that turn what is fed into input x. */
static tn_tensor *seen(tn_tensor *fed, const op_case_input *x, layout how)
{
    static const int64_t channels_first[] = {0, 3, 1, 2};
    int64_t axes[TN_MAX_RANK], back[TN_MAX_RANK], start[TN_MAX_RANK], end[TN_MAX_RANK], step[TN_MAX_RANK];
    if (how == ROW_MAJOR || x->rank == 0)
        return fed;
    if (how == CHANNELS_LAST)
        return x->rank == 4 ? tn_permute(fed, 4, channels_first) : fed;
    for (int k = 0; k < x->rank; k++)
        axes[k] = k;
    if (how == FLIPPED)
        return tn_flip(fed, x->rank, axes);
    for (int k = 0; k < x->rank; k++) {
        back[k] = x->rank - 1 - k;
        start[k] = 1;
        end[k] = 2 * x->dims[k] + 1;
        step[k] = 2;
    }
    return OP_MAKE(op_find("slice"),
                   OP_ARGS(OP_L(x->rank, axes), OP_L(x->rank, start), OP_L(x->rank, end), OP_L(x->rank, step)),
                   tn_permute(fed, x->rank, back));
}

/* What is fed: input i's elements in their places, 0x7f bytes (NaN in all float dtypes) between them; it begins one byte
 * beyond an aligned place where the layout is not plain. */
static tn_view fed_view(const trial *t, int i, layout how, void **block)
{
    const op_case_input *x = &t->c->in[i];
    int64_t dims[TN_MAX_RANK], count = 1, size = (int64_t)tn_dtype_size(t->dtypes[i]);
    int rank = fed_dims(x, how, dims);
    for (int k = 0; k < rank; k++)
        count *= dims[k];
    char *bytes = *block = allocate((size_t)(count * size) + 1);
    bytes += how != ROW_MAJOR;
    memset(bytes, t->dtypes[i] == TN_BOOL ? 1 : 0x7f, (size_t)(count * size));
    for (int64_t e = 0; e < x->count; e++)
        memcpy(bytes + fed_place(x, how, e) * size, (char *)t->data[i] + e * size, (size_t)size);
    return tn_view_of(bytes, t->dtypes[i], rank, dims);
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

static bool wanted(const trial *t, const setting *s, int v)
{
    bool rank4 = false, inputs = false;
    if (!(s->variants >> v & 1))
        return false;
    for (int i = 0; i < t->c->n_in; i++) {
        rank4 |= t->c->in[i].letter && t->c->in[i].rank == 4;
        inputs |= t->c->in[i].letter && t->c->in[i].rank > 0;
    }
    if (variants[v].open)
        return t->opens;
    return variants[v].layout == ROW_MAJOR || (variants[v].layout == CHANNELS_LAST ? rank4 : inputs);
}

static void add_entry(const trial *t, tn_graph *g, const variant *v)
{
    tn_tensor *in[OP_MAX_IN];
    for (int i = 0; i < t->c->n_in; i++) {
        const op_case_input *x = &t->c->in[i];
        tn_shape shape = {.rank = 0};
        char name[32];
        in[i] = NULL;
        if (!x->letter)
            continue;
        shape.rank = fed_dims(x, v->layout, shape.dims);
        if (v->open)
            op_check_open(t->c, i, g, &shape);
        snprintf(name, sizeof name, "%s%d", v->name, i);
        in[i] = seen(tn_input(g, name, t->dtypes[i], shape), x, v->layout);
    }
    graph_node *node = op_apply(g, t->c->def, t->c->n_in, in, &t->c->args);
    tn_entry *entry = tn_entry_new(g, v->name, v->training ? TN_TRAINING : 0);
    for (int k = 0; node && k < node->n_out; k++)
        tn_entry_output(entry, t->c->def->out[k].name, &node->out[k]);
}

/* Whether the operator takes a batch of open size at all. It may refuse only where an argument speaks of sizes. */
static bool opens(const trial *t, tn_context *context)
{
    char text[80];
    if (t->c->batch <= 1)
        return false;
    tn_graph *g = tn_graph_new(context);
    add_entry(t, g, &variants[OPEN]);
    bool good = tn_graph_status(g) == TN_OK;
    if (!good)
        op_report_fail(t->report, "%s, '%s' (%s): a batch of open size is refused: %s", t->c->def->name, t->c->text,
                       op_check_dtype_text(t->c, t->dtypes, text), tn_graph_error(g));
    tn_graph_free(g);
    return good;
}

static tn_program *compiled(const trial *t, const setting *s, tn_context *context)
{
    tn_graph *g = tn_graph_new(context);
    for (int v = 0; v < N_VARIANTS; v++)
        if (wanted(t, s, v))
            add_entry(t, g, &variants[v]);
    tn_program *p = tn_compile(g, TN_OPT(tn_compile_opt, .no_fuse = s->no_fuse, .no_simplify = s->no_simplify));
    tn_graph_free(g);
    return p;
}

/* ---- running and comparing --------------------------------------------------------------------------------------- */

typedef struct place {
    const trial *t;
    const setting *s;
    const variant *v;
} place;

static void fail_at(const place *p, const char *output, const char *what)
{
    char text[80];
    op_report_fail(p->t->report, "%s, '%s' (%s)%s, %s, %s, %d threads%s%s: %s %s", p->t->c->def->name, p->t->c->text,
                   op_check_dtype_text(p->t->c, p->t->dtypes, text), p->t->poison ? " poisoned" : "", p->v->name,
                   p->s->isa ? p->s->isa : "best", p->s->threads, p->s->no_fuse ? ", not fused" : "",
                   p->s->no_simplify ? ", not simplified" : "", output, what);
}

static bool guards_hold(const unsigned char *block, size_t bytes)
{
    for (size_t i = 0; i < GUARD; i++)
        if (block[i] != 0xA5 || block[GUARD + bytes + i] != 0xA5)
            return false;
    return true;
}

static void compare(const place *p, int k, const unsigned char *got)
{
    const op_def *def = p->t->c->def;
    const op_array *want = op_reference_at(&p->t->reference[p->v->training], &p->t->node->out[k]);
    size_t size = tn_dtype_size(want->dtype);
    char why[160], text[256];
    p->t->report->checks += want->count + 1;
    if (!def->tol[want->dtype].set) {
        snprintf(text, sizeof text, "is %s, for which there is no tolerance", tn_dtype_name(want->dtype));
        fail_at(p, def->out[k].name, text);
        return;
    }
    for (int64_t i = 0; i < want->count; i++) {
        const unsigned char *at = got + (size_t)i * size;
        bool good;
        if (want->f) {
            good = op_check_float(op_element_to_f64(want->dtype, at), want->f[i], want->magnitude[i], want->dtype,
                                  def->tol[want->dtype], why);
        } else {
            int64_t value = want->dtype == TN_BOOL ? *at : op_element_to_i64(want->dtype, at); /* bool is 0 or 1 only */
            good = value == want->i[i];
            snprintf(why, sizeof why, "is %lld; the reference says %lld", (long long)value, (long long)want->i[i]);
        }
        if (!good) {
            snprintf(text, sizeof text, "element %lld of %lld %s", (long long)i, (long long)want->count, why);
            fail_at(p, def->out[k].name, text);
            return;
        }
    }
}

/* The bits of two runs of the same instructions. */
static void compare_bits(const place *p, int k, const unsigned char *got, const unsigned char *before, size_t bytes,
                         const char *what)
{
    p->t->report->checks++;
    if (bytes && before && memcmp(got, before, bytes) != 0)
        fail_at(p, p->t->c->def->out[k].name, what);
}

static void check_outputs(trial *t, const place *p, int round, unsigned char *const *block)
{
    int v = (int)(p->v - variants);
    for (int k = 0; k < t->node->n_out; k++) {
        const op_array *want = op_reference_at(&t->reference[0], &t->node->out[k]);
        size_t bytes = (size_t)want->count * tn_dtype_size(want->dtype);
        const unsigned char *got = block[k] + GUARD;
        if (!guards_hold(block[k], bytes))
            fail_at(p, p->t->c->def->out[k].name, "was written beyond its ends");
        if (round == 0)
            compare(p, k, got);
        if (round == 0 && p->s->same_bits)
            compare_bits(p, k, got, t->bits[v][k], bytes, "differs in bits from a run with one thread");
        if (round == 1)
            compare_bits(p, k, got, t->bits[v][k], bytes, "differs in bits from the run before");
        if (p->s == settings && round == 0) {
            t->bits[v][k] = allocate(bytes);
            memcpy(t->bits[v][k], got, bytes);
        }
    }
}

static void run_variant(trial *t, const place *p, tn_program *program, tn_context *context)
{
    const graph_node *node = t->node;
    tn_feed feeds[OP_MAX_IN], fetches[OP_MAX_OUT];
    void *blocks[OP_MAX_IN] = {0};
    unsigned char *out[OP_MAX_OUT];
    char name[OP_MAX_IN][32];
    int n = 0;
    for (int i = 0; i < t->c->n_in; i++)
        if (t->c->in[i].letter) {
            snprintf(name[i], sizeof name[i], "%s%d", p->v->name, i);
            feeds[n++] = (tn_feed){name[i], fed_view(t, i, p->v->layout, &blocks[i])};
        }
    tn_state *state = tn_state_new(context);
    tn_session *session = tn_session_new(program, state);
    int rounds = p->s == settings ? 2 : 1;
    for (int round = 0; round < rounds; round++) {
        for (int k = 0; k < node->n_out; k++) {
            const op_array *y = op_reference_at(&t->reference[0], &node->out[k]);
            size_t bytes = (size_t)y->count * tn_dtype_size(y->dtype);
            out[k] = allocate(bytes + 2 * GUARD);
            memset(out[k], 0xA5, bytes + 2 * GUARD);
            fetches[k] = (tn_feed){t->c->def->out[k].name, tn_view_of(out[k] + GUARD, y->dtype, y->rank, y->dims)};
        }
        tn_state_set_random(state, SEED, STEP);
        if (tn_run(session, p->v->name, n, feeds, node->n_out, fetches) != TN_OK)
            fail_at(p, "the run", tn_session_error(session));
        else
            check_outputs(t, p, round, out);
        for (int k = 0; k < node->n_out; k++)
            free(out[k]);
    }
    tn_session_free(session);
    tn_state_free(state);
    for (int i = 0; i < OP_MAX_IN; i++)
        free(blocks[i]);
}

static void run_setting(trial *t, const setting *s, tn_context *context)
{
    tn_program *program = compiled(t, s, context);
    for (int v = 0; v < N_VARIANTS; v++) {
        place p = {t, s, &variants[v]};
        if (!wanted(t, s, v))
            continue;
        if (!program) {
            fail_at(&p, "compiling:", tn_context_error(context));
            break;
        }
        run_variant(t, &p, program, context);
    }
    tn_program_free(program);
}

static bool takes_floats(const op_case *c, const tn_dtype *dtypes)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].letter && tn_dtype_is_float(dtypes[i]) && c->in[i].count)
            return true;
    return false;
}

static void run_case(const op_case *c, tn_context *const *context, op_report *r)
{
    tn_dtype dtypes[OP_MAX_IN];
    for (int k = 0; op_case_dtypes(c, k, dtypes); k++)
        for (int poison = 0; poison <= (takes_floats(c, dtypes) ? 1 : 0); poison++) {
            trial t = {.c = c, .poison = poison, .report = r};
            memcpy(t.dtypes, dtypes, sizeof t.dtypes);
            bool good = trial_open(&t, context[0]);
            t.opens = good && opens(&t, context[0]);
            for (int s = 0; s < N_SETTINGS && good; s++)
                if (!poison || settings[s].poisoned)
                    run_setting(&t, &settings[s], context[s]);
            trial_close(&t);
        }
}

/* ---- an empty axis, and one of size 1 ------------------------------------------------------------------------------ */

/* Whether the graph takes the case as it stands, and the reference finds no fault in it. */
static bool takes(const op_case *c, tn_context *context)
{
    op_report r = {0};
    trial t = {.c = c, .report = &r};
    const bool good = op_case_dtypes(c, 0, t.dtypes) && trial_open(&t, context) && r.failures == 0;
    trial_close(&t);
    base_str_free(&r.text);
    return good;
}

/* A case in which a size has become `to`, the first that the operator takes, run; false: there is none. */
static bool run_resized(const op_def *def, const char *text, int64_t to, tn_context *const *context, op_report *r)
{
    op_case c, other;
    base_error e = {0};
    char resized[512];
    if (op_case_parse(&c, def, text, &e) != TN_OK)
        return false;
    for (int i = 0; i < c.n_in; i++)
        for (int d = 0; c.in[i].letter && d < c.in[i].rank; d++) {
            if (!op_case_resized(text, c.in[i].dims[d], to, resized, sizeof resized) ||
                op_case_parse(&other, def, resized, &e) != TN_OK || !takes(&other, context[0]))
                continue;
            run_case(&other, context, r);
            return true;
        }
    return false;
}

static void check_size(const op_def *def, int64_t size, tn_context *const *context, op_report *r)
{
    op_case c;
    base_error e = {0};
    r->checks++;
    for (int i = 0; def->cases[i]; i++)
        if (op_case_parse(&c, def, def->cases[i], &e) == TN_OK && op_case_has_size(&c, size))
            return;
    for (int i = 0; def->cases[i]; i++)
        if (run_resized(def, def->cases[i], size, context, r))
            return;
    if (op_count_in(def) > 0)
        op_report_fail(r, "%s: no case has an axis of size %d, and none can be made", def->name, (int)size);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void open_contexts(tn_context *context[N_SETTINGS])
{
    for (int s = 0; s < N_SETTINGS; s++)
        context[s] = tn_context_new(TN_OPT(tn_context_opt, .threads = settings[s].threads, .isa = settings[s].isa));
}

static void close_contexts(tn_context *const context[N_SETTINGS])
{
    for (int s = 0; s < N_SETTINGS; s++)
        tn_context_free(context[s]);
}

void op_check_values(const op_def *def, op_report *r)
{
    tn_context *context[N_SETTINGS];
    open_contexts(context);
    for (int i = 0; def->cases && def->cases[i]; i++) {
        op_case c;
        base_error e = {0};
        if (op_case_parse(&c, def, def->cases[i], &e) != TN_OK)
            op_report_fail(r, "%s", e.text);
        else
            run_case(&c, context, r);
    }
    close_contexts(context);
}

void op_check_sizes(const op_def *def, op_report *r)
{
    tn_context *context[N_SETTINGS];
    open_contexts(context);
    for (int size = 0; size <= 1 && def->cases; size++)
        check_size(def, size, context, r);
    close_contexts(context);
}
