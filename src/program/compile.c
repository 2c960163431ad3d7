/* compile.c: from a graph to a program: every entry through the passes, the graph verified after each in debug builds. */
#include "program/program.h"

#include <stdlib.h>
#include <string.h>

typedef struct pipeline {
    const backend *backend;
    const tn_compile_opt *opt;
    base_error *e;
    tn_graph *now, *kept;
    int again;
} pipeline;

/* Takes the result of a pass in place of the graph before it. */
static tn_status take(pipeline *p, tn_graph *next)
{
    tn_graph_free(p->now);
    p->now = next;
    if (!next)
        return p->e->status;
#ifdef TARN_DEBUG
    return graph_verify(next, p->e);
#else
    return TN_OK;
#endif
}

/* What regions ask for. The graph without it is kept: to say what they save, and for the memory limit to choose from. */
static tn_status compute_again(pipeline *p)
{
    bool *again = pass_find_regions(p->now, p->e), any = false;
    if (!again)
        return p->e->status;
    for (size_t i = 0; i < p->now->nodes.n; i++)
        any |= again[i];
    tn_status status = TN_OK;
    if (any || p->opt->memory_limit) {
        p->kept = p->now;
        p->now = NULL;
        status = take(p, pass_recompute(p->kept, again, p->e));
    }
    for (size_t i = 0; status == TN_OK && i < p->now->nodes.n; i++)
        p->again += p->now->nodes.at[i]->mark.again;
    free(again);
    return status;
}

static tn_status run_passes(pipeline *p, const tn_entry *entry)
{
    const pass_backend *b = &p->backend->pass;
    BASE_TRY(take(p, pass_extract(entry, p->e)));
    if (!p->opt->no_simplify)
        BASE_TRY(take(p, pass_simplify(p->now, p->e)));
    const bool folds = !entry->training && !p->opt->no_simplify && p->opt->precision != TN_PRECISION_EXACT;
    if (folds)
        BASE_TRY(take(p, pass_fold(p->now, p->e)));
    BASE_TRY(take(p, pass_lower(p->now, b, p->e)));
    if (folds) /* what lay between a picture and its linear layer may be gone, dropout for one */
        BASE_TRY(take(p, pass_fold(p->now, p->e)));
    if (!p->opt->no_fuse)
        BASE_TRY(take(p, pass_epilogue(p->now, b, p->e)));
    if (!p->opt->no_simplify)
        BASE_TRY(take(p, pass_simplify(p->now, p->e)));
    if (entry->training && !p->opt->no_recompute)
        BASE_TRY(compute_again(p));
    if (p->opt->no_fuse)
        return TN_OK;
    return take(p, pass_fuse(p->now, b, p->e));
}

static bool writes_state(const tn_graph *g)
{
    for (size_t i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == GRAPH_WRITE)
            return true;
    return false;
}

/* ---- what is missing ---------------------------------------------------------------------------------------------- */

/* Everything that entries lack, so that it can be said at once. */
typedef struct lacking {
    base_str text; /* a sentence for each entry and kind, with "; " between */
    tn_status status;
    int n; /* of what is named in the sentence that is being made */
} lacking;

enum { MOST_NAMED = 12 }; /* in one sentence: more are counted */

/* "entry 'step': no kernel for " before the first, ", " before others; whether there is room for its name. */
static bool name_one(lacking *l, const char *entry, const char *what, tn_status status)
{
    l->status = l->status == TN_OK ? status : l->status;
    if (++l->n > MOST_NAMED)
        return false;
    if (l->n > 1)
        base_str_add(&l->text, ", ");
    else
        base_str_printf(&l->text, "%sentry '%s': %s", l->text.length ? "; " : "", entry, what);
    return true;
}

static void end_names(lacking *l)
{
    if (l->n > MOST_NAMED)
        base_str_printf(&l->text, " and %d more", l->n - MOST_NAMED);
    l->n = 0;
}

/* What has neither a kernel nor a reference. */
static void check_kernels(const tn_graph *g, const pass_backend *by, const char *entry, lacking *l)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        if ((node->def->flags & OP_SOURCE) || node->def->ref || node->sub || by->keeps(node, g->training))
            continue;
        if (name_one(l, entry, "no kernel for ", TN_UNSUPPORTED))
            base_str_printf(&l->text, "%s (node '%s')", node->def->name, node->name);
    }
    end_names(l);
}

static void mark_symbols(const dim_table *t, tn_dim d, bool *used)
{
    if (d >= TN_INFER)
        return;
    const dim_expr *x = &t->exprs.at[-d - 2];
    for (int i = 0; i < x->n; i++)
        for (int k = 0; k < x->term[i].n; k++) {
            const dim_atom *a = &t->atoms.at[x->term[i].atom[k]];
            if (a->kind == DIM_SYMBOL)
                used[x->term[i].atom[k]] = true;
            if (a->kind != DIM_SYMBOL) {
                mark_symbols(t, a->a, used);
                mark_symbols(t, a->b, used);
            }
        }
}

/* A symbol is bound by an input that has it alone as a size. False: no memory. */
static bool check_symbols(const tn_graph *g, const char *entry, lacking *l)
{
    size_t n = g->dims->atoms.n;
    bool *used = calloc(2 * n + 1, sizeof *used);
    if (!used)
        return false;
    bool *bound = used + n;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_out; k++)
            for (int d = 0; d < g->nodes.at[i]->out[k].type.rank; d++) {
                tn_dim size = g->nodes.at[i]->out[k].type.dims[d];
                mark_symbols(g->dims, size, used);
                if (dim_literal(size) || strcmp(g->nodes.at[i]->def->name, "input") != 0)
                    continue;
                int atom = dim_symbol_of(g->dims, size);
                if (atom >= 0)
                    bound[atom] = true;
            }
    for (size_t i = 0; i < n; i++)
        if (used[i] && !bound[i] &&
            name_one(l, entry, "no input has these sizes, so nothing says what they are: ", TN_SHAPE))
            base_str_printf(&l->text, "'%s'", g->dims->atoms.at[i].name);
    end_names(l);
    free(used);
    return true;
}

static tn_status compile_entry(tn_program *p, program_entry *to, const tn_entry *from, const tn_compile_opt *opt,
                               lacking *l, base_error *e)
{
    pipeline line = {.backend = p->backend, .opt = opt, .e = e};
    tn_status status = run_passes(&line, from);
    to->graph = line.now;
    to->kept = line.kept;
    to->again = line.again;
    to->name = base_arena_strdup(&p->arena, from->name);
    to->training = from->training;
    if (status != TN_OK)
        return status;
    to->writes = writes_state(to->graph);
    for (size_t i = 0; i < to->graph->nodes.n; i++)
        if (strcmp(to->graph->nodes.at[i]->def->name, "input") == 0 &&
            !base_vec_push(&to->inputs, to->graph->nodes.at[i]))
            return base_no_memory(e, "compiling");
    if (!to->name || !check_symbols(to->graph, to->name, l))
        return base_no_memory(e, "compiling");
    check_kernels(to->graph, &p->backend->pass, to->name, l);
    return l->text.failed ? base_no_memory(e, "compiling") : TN_OK;
}

/* One entry, or all where `only` is NULL. */
static tn_status compile_all(tn_program *p, tn_graph *g, const char *only, const tn_compile_opt *opt, base_error *e)
{
    if (g->error.status != TN_OK)
        return base_fail(e, g->error.status, "%s", g->error.text);
    if (g->scopes.n)
        return base_fail(e, TN_INVALID, "the scope '%s' was entered and not left", g->scopes.at[g->scopes.n - 1]);
    if (g->mark.region)
        return base_fail(e, TN_INVALID, "tn_recompute_begin without tn_recompute_end");
    if (g->entries.n == 0)
        return base_fail(e, TN_INVALID,
                         "the graph has no entry; say what to compute with tn_entry_new and tn_entry_output");
    p->entries = BASE_ARRAY(&p->arena, program_entry, g->entries.n);
    if (!p->entries)
        return base_no_memory(e, "compiling");
    lacking l = {.status = TN_OK};
    tn_status status = TN_OK;
    for (size_t i = 0; i < g->entries.n && status == TN_OK; i++) {
        if (only && strcmp(g->entries.at[i]->name, only) != 0)
            continue;
        p->n_entries++; /* a failed one may hold a graph: it is freed too */
        status = compile_entry(p, &p->entries[p->n_entries - 1], g->entries.at[i], opt, &l, e);
    }
    if (status == TN_OK && l.status != TN_OK)
        status = base_fail(e, l.status, "%s", base_str_text(&l.text));
    base_str_free(&l.text);
    if (status == TN_OK && p->n_entries == 0)
        return base_fail(e, TN_NOT_FOUND, "the graph has no entry '%s'", only);
    return status;
}

tn_program *tn_compile(tn_graph *g, const tn_compile_opt *opt)
{
    return tn_compile_entry(g, NULL, opt);
}

tn_program *tn_compile_entry(tn_graph *g, const char *entry, const tn_compile_opt *opt)
{
    static const tn_compile_opt defaults;
    if (!g)
        return NULL;
    base_error *e = base_context_begin(g->context);
    tn_program *p = calloc(1, sizeof *p);
    if (!p) {
        base_no_memory(e, "compiling");
        return NULL;
    }
    p->context = base_context_retain(g->context);
    atomic_init(&p->references, 1);
    pthread_mutex_init(&p->lock, NULL);
    p->backend = &backend_cpu;
    p->threads = tn_context_threads(g->context);
    p->isa = p->backend->isa(g->context);
    p->memory_limit = opt ? opt->memory_limit : 0;
    p->fuses = !opt || !opt->no_fuse;
    p->precision = opt ? opt->precision : TN_PRECISION_F32;
    if (compile_all(p, g, entry, opt ? opt : &defaults, e) == TN_OK)
        return p;
    tn_program_free(p);
    return NULL;
}

tn_program *program_retain(tn_program *p)
{
    atomic_fetch_add(&p->references, 1);
    return p;
}

static void entry_free(program_entry *entry)
{
    while (entry->bindings) {
        binding *next = entry->bindings->next;
        binding_free(entry->bindings);
        entry->bindings = next;
    }
    base_vec_free(&entry->inputs);
    tn_graph_free(entry->graph);
    tn_graph_free(entry->kept);
}

void tn_program_free(tn_program *p)
{
    if (!p || atomic_fetch_sub(&p->references, 1) != 1)
        return;
    for (int i = 0; i < p->n_entries; i++)
        entry_free(&p->entries[i]);
    pthread_mutex_destroy(&p->lock);
    base_arena_free(&p->arena);
    tn_context_free(p->context);
    free(p);
}

program_entry *program_find(tn_program *p, const char *name)
{
    for (int i = 0; i < p->n_entries; i++)
        if (strcmp(p->entries[i].name, name) == 0)
            return &p->entries[i];
    return NULL;
}

static const tn_graph *graph_of(const tn_program *p, const char *name)
{
    for (int i = 0; i < p->n_entries; i++)
        if (strcmp(p->entries[i].name, name) == 0)
            return p->entries[i].graph;
    return NULL;
}

char *tn_program_text(const tn_program *p, const char *entry)
{
    const tn_graph *g = graph_of(p, entry);
    return g ? tn_graph_text(g) : NULL;
}

char *tn_program_dot(const tn_program *p, const char *entry)
{
    const tn_graph *g = graph_of(p, entry);
    return g ? tn_graph_dot(g) : NULL;
}
