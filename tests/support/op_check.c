/* op_check.c: what the checks of op_check.h share: reports, comparison,
 * building; and the checks of definitions and errors. */
#include "support/op_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include <tarn/program.h>

enum { MOST_SENTENCES = 60 };

void op_report_fail(op_report *r, const char *fmt, ...)
{
    char line[1200];
    va_list args;
    va_start(args, fmt);
    base_vprint(line, sizeof line, fmt, args);
    va_end(args);
    if (r->failures++ < MOST_SENTENCES)
        base_str_printf(&r->text, "  %s\n", line);
}

int op_report_end(op_report *r, const char *what)
{
    int failures = r->failures;
    printf("%s: %lld checks, %d failures\n%s", what, (long long)r->checks, failures, base_str_text(&r->text));
    base_str_free(&r->text);
    *r = (op_report){0};
    return failures;
}

int op_check_all(void (*check)(const op_def *, op_report *), const char *what, int n_names, char *const *names)
{
    op_report r = {0};
    for (int i = 0; op_table[i]; i++) {
        bool chosen = n_names == 0;
        for (int k = 0; k < n_names; k++)
            chosen |= strcmp(names[k], op_table[i]->name) == 0;
        if (chosen)
            check(op_table[i], &r);
    }
    return op_report_end(&r, what);
}

bool op_check_float(double got, double want, double magnitude, tn_dtype dtype, op_tol tol, char why[160])
{
    double rounded = op_ref_round(dtype, want), scale = magnitude > fabs(want) ? magnitude : fabs(want);
    if (isnan(want) ? isnan(got) : got == rounded)
        return true;
    double bound = tol.relative * scale + tol.absolute;
    if (isfinite(want) && isfinite(got) && fabs(got - want) <= bound)
        return true;
    /* at the edge of the range either side of infinity is right, as far as the
   * tolerance goes */
    double other = nextafter(want, isinf(got) ? got : 0) * (1 + copysign(tol.relative, isinf(got) ? 1 : -1));
    if (isfinite(want) && isinf(got) && op_ref_round(dtype, other) == got)
        return true;
    snprintf(why, 160, "is %.17g; the reference says %.17g (magnitude %.3g, bound %.3g)", got, want, magnitude, bound);
    return false;
}

void op_check_open(const op_case *c, int i, tn_graph *g, tn_shape *shape)
{
    if (c->in[i].rank && c->batch > 1 && c->in[i].dims[0] == c->batch)
        shape->dims[0] = tn_symbol(g, "batch");
}

graph_node *op_check_build(const op_case *c, tn_graph *g, const char *name, const tn_dtype *dtypes, tn_tensor **in)
{
    for (int i = 0; i < c->n_in; i++) {
        const op_case_input *x = &c->in[i];
        char full[32];
        tn_shape shape = {x->rank, {0}};
        in[i] = NULL;
        if (!x->letter)
            continue;
        snprintf(full, sizeof full, "%s%d", name, i);
        memcpy(shape.dims, x->dims, sizeof shape.dims);
        if (c->open)
            op_check_open(c, i, g, &shape);
        in[i] = tn_input(g, full, dtypes[i], shape);
    }
    return op_apply(g, c->def, c->n_in, in, &c->args);
}

void op_check_data(const op_case *c, const tn_dtype *dtypes, bool poison, void *data[OP_MAX_IN])
{
    for (int i = 0; i < c->n_in; i++) {
        data[i] = NULL;
        if (!c->in[i].letter)
            continue;
        data[i] = malloc((size_t)c->in[i].count * tn_dtype_size(dtypes[i]) + 1);
        if (!data[i])
            abort();
        op_case_fill(c, i, dtypes[i], poison, data[i]);
    }
}

void op_check_data_free(const op_case *c, void *data[OP_MAX_IN])
{
    for (int i = 0; i < c->n_in; i++)
        free(data[i]);
}

const char *op_check_dtype_text(const op_case *c, const tn_dtype *dtypes, char text[80])
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < c->n_in && at < 70; i++)
        at += (size_t)snprintf(text + at, 80 - at, "%s%s", i ? " " : "",
                               c->in[i].letter ? tn_dtype_name(dtypes[i]) : "-");
    return text;
}

/* ---- definitions
 * -------------------------------------------------------------------------------------------------
 */

/* The widest tolerance that a float dtype may ask for: a few units of its last
 * place, times what a long sum may cost. */
static const double widest[TN_DTYPE_END] = {[TN_F64] = 1e-11, [TN_F32] = 2e-5, [TN_F16] = 1e-2, [TN_BF16] = 5e-2};

static void check_tolerances(const op_def *def, op_report *r)
{
    for (int d = 1; d < TN_DTYPE_END; d++) {
        const op_tol *t = &def->tol[d];
        if (!t->set)
            continue;
        r->checks++;
        if (!(t->relative >= 0 && t->relative <= widest[d]) || !(t->absolute >= 0 && t->absolute <= widest[d]))
            op_report_fail(r, "%s: the tolerance of %s, {%g, %g}, is wider than {%g, %g}", def->name,
                           tn_dtype_name((tn_dtype)d), t->relative, t->absolute, widest[d], widest[d]);
    }
}

/* Every dtype that an output can have, as far as slots tell. */
static void check_claims(const op_def *def, op_report *r)
{
    for (int i = 0; i < op_count_out(def); i++) {
        uint32_t class = def->out[i].dtypes;
        for (int k = 0; k < op_count_in(def) && def->out[i].var; k++)
            if (def->in[k].var == def->out[i].var)
                class |= def->in[k].dtypes;
        r->checks++;
        for (int d = 1; d < TN_DTYPE_END; d++)
            if ((class & OP_BIT(d)) && !def->tol[d].set)
                op_report_fail(r, "%s: the output '%s' may be %s, for which there is no tolerance", def->name,
                               def->out[i].name, tn_dtype_name((tn_dtype)d));
    }
}

void op_check_definition(const op_def *def, op_report *r)
{
    bool floats = false;
    r->checks++;
    if (!def->name || !def->doc || !def->infer)
        op_report_fail(r, "%s: lacks a name, a documentation or its inference", def->name ? def->name : "?");
    if (def->flags & (OP_SOURCE | OP_OPAQUE))
        return;
    for (int i = 0; i < op_count_in(def); i++)
        floats |= (def->in[i].dtypes & OP_FLOATS) && !(def->in[i].flags & OP_FIXED);
    if (!def->ref)
        op_report_fail(r, "%s: has no reference", def->name);
    if (!def->cases || !def->cases[0])
        op_report_fail(r, "%s: has no cases", def->name);
    if (floats && !def->grad && !def->lower)
        op_report_fail(r, "%s: takes floats and has neither a gradient nor a lowered form", def->name);
    if (def->fault && !(def->flags & OP_FAULTS))
        op_report_fail(r, "%s: has cases of faults and lacks the flag OP_FAULTS", def->name);
    if (!def->fault && (def->flags & OP_FAULTS))
        op_report_fail(r, "%s: has the flag OP_FAULTS and no case of a fault", def->name);
    check_tolerances(def, r);
    check_claims(def, r);
}

/* ---- errors
 * ------------------------------------------------------------------------------------------------------
 */

static void check_sentence(const op_case *c, const char *sentence, const char *says, op_report *r)
{
    const char *must[] = {says, c->def->name};
    for (int i = 0; i < 2; i++) {
        r->checks++;
        if (!strstr(sentence, must[i]))
            op_report_fail(r, "%s, '%s': the sentence '%s' does not say '%s'", c->def->name, c->text, sentence,
                           must[i]);
    }
}

/* The sentence of a refused node also shows the shapes that were given. */
static void check_shapes(const op_case *c, const tn_graph *g, tn_tensor *const *in, op_report *r)
{
    for (int i = 0; i < c->n_in; i++) {
        char type[128];
        if (!in[i])
            continue;
        r->checks++;
        if (!strstr(tn_graph_error(g), tn_tensor_describe(in[i], type, sizeof type)))
            op_report_fail(r, "%s, '%s': the sentence '%s' does not show %s", c->def->name, c->text, tn_graph_error(g),
                           type);
    }
}

static void check_bad(tn_context *context, const op_def *def, const op_bad *bad, op_report *r)
{
    op_case c;
    base_error e = {0};
    tn_dtype dtypes[OP_MAX_IN];
    tn_tensor *in[OP_MAX_IN];
    if (op_case_parse(&c, def, bad->with, &e) != TN_OK || !op_case_dtypes(&c, 0, dtypes)) {
        op_report_fail(r, "%s", e.status ? e.text : "a bad case has no dtypes");
        return;
    }
    tn_graph *g = tn_graph_new(context);
    graph_node *node = op_check_build(&c, g, "x", dtypes, in);
    r->checks++;
    if (node || tn_graph_status(g) == TN_OK) {
        op_report_fail(r, "%s, '%s': was not refused; the sentence should say '%s'", def->name, bad->with, bad->says);
    } else {
        check_sentence(&c, tn_graph_error(g), bad->says, r);
        check_shapes(&c, g, in, r);
    }
    tn_graph_free(g);
}

/* Feeds of a case's inputs x0, x1, ...; how many. Names are kept in `name`. */
static int feeds_of(const op_case *c, const tn_dtype *dtypes, void *const *data, char name[][32], tn_feed *feeds)
{
    int n = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].letter) {
            snprintf(name[n], 32, "x%d", i);
            feeds[n] = (tn_feed){name[n], tn_view_of(data[i], dtypes[i], c->in[i].rank, c->in[i].dims)};
            n++;
        }
    return n;
}

/* An entry that does nothing but write: 'count' becomes `more`, at once if it may, and 'sum' the sum of y. */
static void add_writes(tn_graph *g, tn_tensor *y, tn_tensor *count, tn_tensor *more)
{
    tn_entry *entry = tn_entry_new(g, "e", 0);
    tn_tensor *sum = tn_buffer(g, "sum", TN_F32, TN_SCALAR, NULL);
    tn_entry_write(entry, count, more);
    tn_entry_write(entry, sum, tn_sum(tn_cast(y, TN_F32)));
}

/* Runs the entry; the value of 'count' afterwards. */
static float run_fault(const op_case *c, tn_graph *g, const tn_dtype *dtypes, bool no_fuse, tn_status *status,
                       char sentence[1000])
{
    tn_feed feeds[OP_MAX_IN];
    void *data[OP_MAX_IN];
    char name[OP_MAX_IN][32];
    tn_view count = {0};
    tn_state *state = tn_state_new(g->context);
    tn_program *p = tn_compile(g, TN_OPT(tn_compile_opt, .no_fuse = no_fuse));
    snprintf(sentence, 1000, "%s", tn_context_error(g->context));
    (void)tn_state_init(state, g, 1);
    tn_session *s = p ? tn_session_new(p, state) : NULL;
    op_check_data(c, dtypes, false, data);
    int n = feeds_of(c, dtypes, data, name, feeds);
    *status = s ? tn_run(s, "e", n, feeds, 0, NULL) : TN_INTERNAL;
    if (s)
        snprintf(sentence, 1000, "%s", tn_session_error(s));
    float after = tn_state_find(state, "count", &count) == TN_OK ? *(float *)count.data : -1;
    op_check_data_free(c, data);
    tn_session_free(s);
    tn_program_free(p);
    tn_state_free(state);
    return after;
}

static void check_one_fault(const op_case *c, const tn_dtype *dtypes, const char *says, tn_context *context,
                            op_report *r)
{
    tn_tensor *in[OP_MAX_IN];
    tn_graph *g = tn_graph_new(context);
    tn_tensor *count = tn_buffer(g, "count", TN_F32, TN_SCALAR, NULL), *one = tn_scalar(g, TN_F32, 1);
    tn_tensor *more = tn_add(tn_abs(count), one); /* ready before the case is, and two steps where not fused */
    graph_node *node = op_check_build(c, g, "x", dtypes, in);
    if (node)
        add_writes(g, &node->out[0], count, more);
    for (int no_fuse = 0; no_fuse < 2; no_fuse++) {
        char sentence[1000], text[80];
        tn_status status;
        float after = run_fault(c, g, dtypes, no_fuse, &status, sentence);
        r->checks++;
        if (status != TN_FAULT)
            op_report_fail(r, "%s, '%s' (%s): the run found no fault: '%s'", c->def->name, c->text,
                           op_check_dtype_text(c, dtypes, text), sentence);
        else if (after != 0)
            op_report_fail(r, "%s, '%s' (%s): state was written before the fault was found", c->def->name, c->text,
                           op_check_dtype_text(c, dtypes, text));
        else
            check_sentence(c, sentence, says, r);
    }
    tn_graph_free(g);
}

static void check_fault(tn_context *context, const op_def *def, const op_bad *fault, op_report *r)
{
    op_case c;
    base_error e = {0};
    tn_dtype dtypes[OP_MAX_IN];
    if (op_case_parse(&c, def, fault->with, &e) != TN_OK)
        op_report_fail(r, "%s", e.text);
    for (int k = 0; e.status == TN_OK && op_case_dtypes(&c, k, dtypes); k++)
        check_one_fault(&c, dtypes, fault->says, context, r);
}

/* A case of the definition with input i left out, or of a dtype that the slot does not take, must be refused by name. */
static void check_slot(tn_context *context, const op_case *whole, int i, bool left_out, op_report *r)
{
    op_case c = *whole;
    op_def def = *c.def;
    op_slot slot = *c.in[i].slot;
    tn_dtype dtypes[OP_MAX_IN];
    tn_tensor *in[OP_MAX_IN];
    if (!op_case_dtypes(&c, 0, dtypes) || (left_out ? slot.flags & OP_OPTIONAL : slot.dtypes == OP_ANY))
        return;
    if (left_out)
        c.in[i].letter = 0;
    else
        for (int d = 1; d < TN_DTYPE_END; d++)
            dtypes[i] = slot.dtypes & OP_BIT(d) ? dtypes[i] : (tn_dtype)d;
    tn_graph *g = tn_graph_new(context);
    graph_node *node = op_check_build(&c, g, "x", dtypes, in);
    r->checks++;
    if (node || !strstr(tn_graph_error(g), slot.name) || !strstr(tn_graph_error(g), def.name))
        op_report_fail(r, "%s, '%s': '%s' %s, and the sentence is '%s'", def.name, c.text, slot.name,
                       left_out ? "is left out" : "has a dtype that it does not take", tn_graph_error(g));
    tn_graph_free(g);
}

static void check_slots(tn_context *context, const op_def *def, op_report *r)
{
    op_case c;
    base_error e = {0};
    if (!def->cases || op_case_parse(&c, def, def->cases[0], &e) != TN_OK)
        return;
    for (int i = 0; i < c.n_in; i++)
        for (int left_out = 0; left_out < 2 && c.in[i].letter; left_out++)
            check_slot(context, &c, i, left_out, r);
}

void op_check_errors(const op_def *def, op_report *r)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    check_slots(context, def, r);
    for (const op_bad *b = def->bad; b && b->with; b++)
        check_bad(context, def, b, r);
    for (const op_bad *b = def->fault; b && b->with; b++)
        check_fault(context, def, b, r);
    tn_context_free(context);
}
