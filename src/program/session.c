/* session.c: running programs. A session holds one block of memory and, per binding, flat arrays of pointers; a run patches
 * the pointers of what is fed, then calls kernel after kernel. */
#include "program/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/room.h"

/* Threads that share a program make their sessions at the same time, so the context is left alone unless this fails. */
tn_session *tn_session_new(tn_program *p, tn_state *state)
{
    if (!p)
        return NULL;
    tn_session *s = calloc(1, sizeof *s);
    if (s)
        s->entry = calloc((size_t)p->n_entries, sizeof *s->entry);
    if (s && s->entry)
        s->shelf = state ? state_retain(state) : tn_state_new(p->context);
    if (!s || !s->entry || !s->shelf) {
        if (s)
            free(s->entry);
        free(s);
        base_no_memory(base_context_begin(p->context), "making a session");
        return NULL;
    }
    s->program = program_retain(p);
    s->state = state;
    atomic_init(&s->cancel, false);
    return s;
}

static void bound_free(tn_session *s, session_bound *b)
{
    session_release_kept(s, b);
    base_vec_free(&b->patches);
    free(b->pointer);
    free(b->state);
    free(b->state_at);
    for (int i = 0; b->staged && i < b->n_inputs; i++)
        free(b->staged[i]);
    free(b->staged);
    free(b->seconds);
    free(b->calls);
    free(b);
}

void tn_session_free(tn_session *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->program->n_entries; i++)
        while (s->entry[i].bound) {
            session_bound *next = s->entry[i].bound->next;
            bound_free(s, s->entry[i].bound);
            s->entry[i].bound = next;
        }
    for (int i = 0; i < s->program->n_entries; i++)
        free(s->entry[i].symbol);
    free(s->entry);
    free(s->block);
    tn_state_free(s->shelf);
    tn_program_free(s->program);
    free(s);
}

const char *tn_session_error(const tn_session *s)
{
    return s ? s->error.text : "";
}

void tn_cancel(tn_session *s)
{
    atomic_store(&s->cancel, true);
}

void tn_session_profile(tn_session *s, bool on)
{
    s->profile = on;
}

/* ---- binding ----------------------------------------------------------------------------------------------------- */

static const tn_feed *find_feed(int n, const tn_feed *feeds, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(feeds[i].name, name) == 0)
            return &feeds[i];
    return NULL;
}

/* An input's size against the number that was fed: symbols take it, numbers must equal it, the rest waits for the symbols. */
static tn_status match_dim(const tn_graph *g, const char *input, int axis, tn_dim want, int64_t got, int64_t *symbol,
                           base_error *e)
{
    if (dim_literal(want))
        return want == got ? TN_OK
                           : base_fail(e, TN_SHAPE, "the input '%s' has size %lld on axis %d; the graph has %lld",
                                       input, (long long)got, axis, (long long)want);
    int atom = dim_symbol_of(g->dims, want);
    if (atom >= 0 && symbol[atom] >= 0 && symbol[atom] != got)
        return base_fail(e, TN_SHAPE, "the input '%s' has size %lld on axis %d, where '%s' is %lld already", input,
                         (long long)got, axis, g->dims->atoms.at[atom].name, (long long)symbol[atom]);
    if (atom >= 0)
        symbol[atom] = got;
    return TN_OK;
}

/* Sizes that are expressions ("2*batch"), once the symbols have their numbers. */
static tn_status match_expressions(const graph_node *node, const tn_feed *feed, const int64_t *symbol, base_error *e)
{
    const dim_table *dims = node->out[0].graph->dims;
    const graph_type *t = &node->out[0].type;
    for (int i = 0; i < t->rank; i++) {
        int64_t want;
        if (dim_literal(t->dims[i]) || dim_symbol_of(dims, t->dims[i]) >= 0)
            continue;
        if (dim_eval(dims, t->dims[i], symbol, &want, e) != TN_OK)
            return base_prefix(e, "the input '%s': ", node->name);
        if (want == feed->view.dims[i])
            continue;
        base_str text = {0};
        dim_print(dims, t->dims[i], &text);
        base_fail(e, TN_SHAPE, "the input '%s' has size %lld on axis %d, where %s is %lld", node->name,
                  (long long)feed->view.dims[i], i, base_str_text(&text), (long long)want);
        base_str_free(&text);
        return TN_SHAPE;
    }
    return TN_OK;
}

static tn_status match_feed(const graph_node *node, const tn_feed *feed, int64_t *symbol, base_error *e)
{
    const graph_type *t = &node->out[0].type;
    if (!feed)
        return base_fail(e, TN_INVALID, "the input '%s' is not fed", node->name);
    if (feed->view.dtype != t->dtype)
        return base_fail(e, TN_DTYPE, "the input '%s' is %s; %s was fed", node->name, tn_dtype_name(t->dtype),
                         tn_dtype_name(feed->view.dtype));
    if (feed->view.rank != t->rank)
        return base_fail(e, TN_SHAPE, "the input '%s' has %d axes; %d were fed", node->name, t->rank, feed->view.rank);
    for (int i = 0; i < t->rank; i++) {
        if (feed->view.dims[i] < 0)
            return base_fail(e, TN_SHAPE, "the input '%s' was fed with size %lld on axis %d", node->name,
                             (long long)feed->view.dims[i], i);
        BASE_TRY(match_dim(node->out[0].graph, node->name, i, t->dims[i], feed->view.dims[i], symbol, e));
    }
    return TN_OK;
}

static tn_status find_symbols(const program_entry *entry, int n, const tn_feed *feeds, int64_t *symbol, base_error *e)
{
    for (size_t i = 0; i < entry->graph->dims->atoms.n; i++)
        symbol[i] = -1;
    for (size_t i = 0; i < entry->inputs.n; i++)
        BASE_TRY(match_feed(entry->inputs.at[i], find_feed(n, feeds, entry->inputs.at[i]->name), symbol, e));
    for (size_t i = 0; i < entry->inputs.n; i++)
        BASE_TRY(match_expressions(entry->inputs.at[i], find_feed(n, feeds, entry->inputs.at[i]->name), symbol, e));
    return TN_OK;
}

/* The data of every state tensor that the entry names. */
static tn_status find_states(tn_session *s, const program_entry *entry, session_bound *b)
{
    const tn_graph *g = entry->graph;
    b->state = calloc(g->state.n + 1, sizeof *b->state);
    b->state_at = calloc(g->state.n + 1, sizeof *b->state_at);
    if (!b->state || !b->state_at)
        return base_no_memory(&s->error, "binding a session");
    for (size_t i = 0; i < g->state.n; i++) {
        const graph_state *want = g->state.at[i];
        const state_entry *have = s->state ? state_find(s->state, want->name) : NULL;
        b->state_at[i] = have ? (int)(have - s->state->entries.at) : -1;
        if (!have) {
            bool used = false;
            for (size_t k = 0; k < b->binding->places.n; k++)
                used |= b->binding->places.at[k].kind == PLACE_STATE && b->binding->places.at[k].index == (int)i;
            if (used)
                return base_fail(&s->error, TN_NOT_FOUND,
                                 "the state has no '%s'; fill it with tn_state_init or load a model that has it",
                                 want->name);
            continue;
        }
        bool same = have->view.dtype == want->type.dtype && have->view.rank == want->type.rank;
        for (int k = 0; same && k < want->type.rank; k++)
            same = have->view.dims[k] == want->type.dims[k];
        if (!same)
            return base_fail(&s->error, TN_SHAPE, "'%s' has another dtype or shape in the state than in the program",
                             want->name);
        b->state[i] = have->view.data;
    }
    return TN_OK;
}

static tn_status reserve_block(tn_session *s, const binding *b)
{
    size_t need = b->buffer + b->scratch + 64;
    if (need <= s->block_bytes)
        return TN_OK;
    void *block = base_room(need);
    if (!block)
        return base_fail(&s->error, TN_MEMORY, "out of memory: the entry needs a block of %zu bytes", need);
    free(s->block);
    s->block = block;
    s->block_bytes = need;
    s->block_number++;
    return TN_OK;
}

void *session_address(const tn_session *s, const session_bound *b, int value)
{
    if (value < 0)
        return NULL;
    const bound_value *v = &b->binding->values.at[value];
    const place *p = &b->binding->places.at[v->place];
    char *base = NULL;
    switch (p->kind) {
    case PLACE_BUFFER: base = (char *)s->block + p->offset; break;
    case PLACE_STATE: base = b->state[p->index]; break;
    case PLACE_CONSTANT: base = (char *)(uintptr_t)p->data; break;
    case PLACE_INPUT: base = b->input[p->index]; break;
    case PLACE_KEPT: base = b->kept[p->index]->data; break;
    }
    return base ? base + v->offset : NULL;
}

/* All pointers of all steps, in order; done again when the block has moved. */
static void resolve(tn_session *s, session_bound *b)
{
    void **p = b->pointer;
    for (size_t i = 0; i < b->binding->steps.n; i++) {
        const bound_step *step = &b->binding->steps.at[i];
        for (int k = 0; k < step->n_in; k++)
            *p++ = session_address(s, b, step->in[k]);
        for (int k = 0; k < step->n_out; k++)
            *p++ = session_address(s, b, step->out[k]);
    }
    for (size_t i = 0; i < b->packs.n; i++)
        b->pointer[b->packs.at[i].pointer] = b->packs.at[i].to->data;
    b->block_number = s->block_number;
}

/* Only the pointers of what is fed. */
static void patch(session_bound *b)
{
    for (size_t i = 0; i < b->patches.n; i++) {
        const session_patch *x = &b->patches.at[i];
        b->pointer[x->pointer] = (char *)b->input[x->input] + x->offset;
    }
}

static tn_status find_patches(session_bound *b, base_error *e)
{
    size_t at = 0;
    for (size_t i = 0; i < b->binding->steps.n; i++) {
        const bound_step *step = &b->binding->steps.at[i];
        for (int k = 0; k < step->n_in + step->n_out; k++, at++) {
            int value = k < step->n_in ? step->in[k] : step->out[k - step->n_in];
            const bound_value *v = value >= 0 ? &b->binding->values.at[value] : NULL;
            if (!v || b->binding->places.at[v->place].kind != PLACE_INPUT)
                continue;
            session_patch x = {at, b->binding->places.at[v->place].index, v->offset};
            if (!base_vec_push(&b->patches, x))
                return base_no_memory(e, "binding a session");
        }
    }
    b->pointer = calloc(at + 1, sizeof *b->pointer);
    b->seconds = calloc(b->binding->steps.n + 1, sizeof *b->seconds);
    b->calls = calloc(b->binding->steps.n + 1, sizeof *b->calls);
    return b->pointer && b->seconds && b->calls ? TN_OK : base_no_memory(e, "binding a session");
}

static tn_status new_bound(tn_session *s, program_entry *entry, session_entry *mine, session_bound **out)
{
    const binding *shared = program_bind(s->program, entry, mine->symbol, &s->error);
    if (!shared)
        return s->error.status;
    session_bound *b = calloc(1, sizeof *b + (entry->inputs.n + 1) * sizeof *b->input);
    if (!b)
        return base_no_memory(&s->error, "binding a session");
    b->entry = entry;
    b->binding = shared;
    b->n_inputs = (int)entry->inputs.n;
    b->staged = calloc(entry->inputs.n + 1, sizeof *b->staged);
    tn_status status = b->staged ? find_states(s, entry, b) : base_no_memory(&s->error, "binding a session");
    if (status == TN_OK)
        status = find_patches(b, &s->error);
    if (status == TN_OK)
        status = session_find_kept(s, b);
    if (status != TN_OK) {
        bound_free(s, b);
        return status;
    }
    b->next = mine->bound;
    mine->bound = b;
    *out = b;
    return TN_OK;
}

/* The session's side of the binding for these feeds. */
static tn_status bind(tn_session *s, const char *name, int n, const tn_feed *feeds, program_entry **entry,
                      session_bound **bound)
{
    base_clear(&s->error);
    *entry = program_find(s->program, name);
    if (!*entry)
        return base_fail(&s->error, TN_NOT_FOUND, "the program has no entry '%s'", name);
    session_entry *mine = &s->entry[*entry - s->program->entries];
    size_t atoms = (*entry)->graph->dims->atoms.n;
    if (!mine->symbol && !(mine->symbol = calloc(atoms + 1, sizeof *mine->symbol)))
        return base_no_memory(&s->error, "binding a session");
    BASE_TRY(find_symbols(*entry, n, feeds, mine->symbol, &s->error));
    for (*bound = mine->bound; *bound; *bound = (*bound)->next)
        if (atoms == 0 || memcmp((*bound)->binding->symbol, mine->symbol, atoms * sizeof *mine->symbol) == 0)
            break;
    if (!*bound)
        BASE_TRY(new_bound(s, *entry, mine, bound));
    mine->last = *bound;
    return reserve_block(s, (*bound)->binding);
}

/* ---- feeding and fetching ---------------------------------------------------------------------------------------- */

/* Every element that a view reaches lies within its bytes; the count of bytes from data on is what must be there. */
static tn_status check_view(const tn_view *v, const char *what, const char *name, base_error *e)
{
    int64_t last = 0, size = (int64_t)tn_dtype_size(v->dtype), count = tn_view_count(v), dense = 1;
    if (count < 0)
        return base_fail(e, TN_SHAPE, "the %s '%s' is too large", what, name);
    for (int i = v->rank - 1; i >= 0; i--) {
        int64_t stride = v->strided ? v->strides[i] : dense, reach;
        dense *= v->dims[i];
        if (count && (stride < 0 || __builtin_mul_overflow(stride, v->dims[i] - 1, &reach) ||
                      __builtin_add_overflow(last, reach, &last)))
            return base_fail(e, TN_SHAPE, "the strides of the %s '%s' are negative or too large", what, name);
    }
    if (count && (__builtin_mul_overflow(last + 1, size, &last) || (uint64_t)last > v->bytes))
        return base_fail(e, TN_SHAPE, "the %s '%s' needs %lld bytes for its shape; its view has %zu", what, name,
                         (long long)last, v->bytes);
    if (count && !v->data)
        return base_fail(e, TN_INVALID, "the %s '%s' has no data", what, name);
    return TN_OK;
}

/* n elements from one place to another, steps of bytes between them. */
static void copy_line(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n, size_t size)
{
#define COPY_LINE(bytes)                                                                                               \
    case bytes:                                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                                \
            memcpy(to + i * to_step, from + i * from_step, bytes);                                                     \
        break;
    switch (size) {
        COPY_LINE(1)
        COPY_LINE(2)
        COPY_LINE(4)
    default: COPY_LINE(8)
    }
#undef COPY_LINE
}

/* Copies between a view and dense memory, line by line along the longest axis. */
static void copy_view(const tn_view *v, const kernel_operand *dense, void *data, bool in)
{
    const int64_t size = (int64_t)tn_dtype_size(v->dtype), n = kernel_count(dense);
    kernel_operand row = op_operand_of(v->dtype, v->rank, v->dims);
    const int64_t *strides = v->strided ? v->strides : row.strides;
    int axis = 0;
    for (int k = 1; k < v->rank; k++)
        axis = v->dims[k] > v->dims[axis] ? k : axis;
    const int64_t line = v->rank ? v->dims[axis] : 1, step = v->rank ? strides[axis] * size : 0,
                  own = v->rank ? dense->strides[axis] * size : 0;
    for (int64_t i = 0; i < n; i += line) {
        int64_t at = 0, to = 0, rest = i / line;
        for (int k = v->rank - 1; k >= 0; k--) {
            if (k == axis)
                continue;
            int64_t c = rest % v->dims[k];
            rest /= v->dims[k];
            at += c * strides[k];
            to += c * dense->strides[k];
        }
        char *mine = (char *)data + to * size, *theirs = (char *)v->data + at * size;
        copy_line(in ? mine : theirs, in ? own : step, in ? theirs : mine, in ? step : own, line, (size_t)size);
    }
}

static bool dense_view(const tn_view *v)
{
    kernel_operand x = op_operand_of(v->dtype, v->rank, v->dims);
    if (v->strided)
        memcpy(x.strides, v->strides, sizeof x.strides);
    return kernel_is_row_major(&x) && (uintptr_t)v->data % tn_dtype_size(v->dtype) == 0;
}

/* Whether the bytes of a feed are bytes of the state, which the run may overwrite while it still reads the feed. */
static bool shows_state(const session_bound *b, const tn_view *v)
{
    const tn_graph *g = b->entry->graph;
    uintptr_t from = (uintptr_t)v->data, to = from + v->bytes;
    for (size_t i = 0; b->entry->writes && i < g->state.n; i++) {
        size_t bytes = tn_dtype_size(g->state.at[i]->type.dtype);
        for (int k = 0; k < g->state.at[i]->type.rank; k++)
            bytes *= (size_t)g->state.at[i]->type.dims[k];
        uintptr_t start = (uintptr_t)b->state[i];
        if (start && from < start + bytes && start < to)
            return true;
    }
    return false;
}

static tn_status take_feed(tn_session *s, session_bound *b, int i, const tn_feed *feed)
{
    static const char nothing[64]; /* an empty feed may be NULL, which kernels may not even add 0 to */
    BASE_TRY(check_view(&feed->view, "input", feed->name, &s->error));
    if (dense_view(&feed->view) && !shows_state(b, &feed->view)) {
        b->input[i] = feed->view.data ? feed->view.data : (void *)(uintptr_t)nothing;
        return TN_OK;
    }
    kernel_operand row = op_operand_of(feed->view.dtype, feed->view.rank, feed->view.dims);
    size_t bytes = (size_t)kernel_count(&row) * tn_dtype_size(row.dtype);
    if (!b->staged[i] && !(b->staged[i] = base_room(bytes)))
        return base_no_memory(&s->error, "copying an input");
    copy_view(&feed->view, &row, b->staged[i], true);
    b->input[i] = b->staged[i];
    return TN_OK;
}

static int find_output(const program_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->graph->results.n; i++)
        if (entry->graph->results.at[i].kind == GRAPH_OUTPUT && strcmp(entry->graph->results.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

static tn_status shape_error(tn_session *s, const tn_feed *fetch, const kernel_operand *have)
{
    tn_view made = tn_view_of(NULL, have->dtype, have->rank, have->dims);
    base_str text = {0};
    state_print_type(&made, &text);
    base_str_add(&text, "; the view given for it is ");
    state_print_type(&fetch->view, &text);
    base_fail(&s->error, TN_SHAPE, "the output '%s' is %s (tn_session_shape says so beforehand)", fetch->name,
              base_str_text(&text));
    base_str_free(&text);
    return TN_SHAPE;
}

static tn_status check_fetch(tn_session *s, const program_entry *entry, const session_bound *b, const tn_feed *fetch)
{
    int r = find_output(entry, fetch->name);
    if (r < 0)
        return base_fail(&s->error, TN_NOT_FOUND, "the entry '%s' has no output '%s'", entry->name, fetch->name);
    const kernel_operand *t = &b->binding->values.at[b->binding->outputs[r]].type;
    if (fetch->view.dtype != t->dtype)
        return base_fail(&s->error, TN_DTYPE, "the output '%s' is %s; the view given for it is %s", fetch->name,
                         tn_dtype_name(t->dtype), tn_dtype_name(fetch->view.dtype));
    bool same = fetch->view.rank == t->rank;
    for (int i = 0; same && i < t->rank; i++)
        same = fetch->view.dims[i] == t->dims[i];
    if (!same)
        return shape_error(s, fetch, t);
    return check_view(&fetch->view, "output", fetch->name, &s->error);
}

static void fetch_output(const tn_session *s, const program_entry *entry, const session_bound *b, const tn_feed *fetch)
{
    int value = b->binding->outputs[find_output(entry, fetch->name)];
    const bound_value *v = &b->binding->values.at[value];
    void *data = session_address(s, b, value);
    size_t bytes = (size_t)kernel_count(&v->type) * tn_dtype_size(v->type.dtype);
    if (bytes == 0)
        return;
    if (dense_view(&fetch->view) && kernel_is_row_major(&v->type))
        memmove(fetch->view.data, data, bytes); /* an input may be fetched to where it was fed from */
    else
        copy_view(&fetch->view, &v->type, data, false);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tn_status report_fault(tn_session *s, const bound_step *step, const kernel_fault *fault)
{
    char text[64];
    (void)base_print(text, sizeof text, "%.17g", fault->value);
    return base_fail(&s->error, TN_FAULT, "%s (node '%s'): %s (%s %lld, %s %s)",
                     step->node ? step->node->def->name : "copy", step->name, fault->what,
                     fault->at ? fault->at : "element", (long long)fault->element, fault->with ? fault->with : "value",
                     text);
}

/* With the scratch from `at` on. */
static void call_step(const tn_session *s, const session_bound *b, const bound_step *step, void **pointer, size_t at,
                      kernel_fault *fault)
{
    kernel_call c = {.plan = step->plan,
                     .in = (const void *const *)pointer,
                     .out = pointer + step->n_in,
                     .scratch = (char *)s->block + ((b->binding->buffer + 63) & ~(size_t)63) + at,
                     .seed = s->seed,
                     .step = s->step,
                     .fault = fault};
    step->kernel->run(&c);
}

void session_call_step(const tn_session *s, const session_bound *b, const bound_step *step, void **pointer,
                       kernel_fault *fault)
{
    call_step(s, b, step, pointer, 0, fault);
}

/* ---- steps at once ----------------------------------------------------------------------------------------------- */

typedef struct group_run {
    const tn_session *s;
    const session_bound *b;
    const step_group *group;
} group_run;

/* Within a part a kernel's loops are run by the thread alone. Where there is one part, or the team is busy elsewhere, they may not be:
 * then `thread` is 0, and all the scratch from there on is theirs. */
static void run_part(void *arg, int64_t part, int thread)
{
    const group_run *r = arg;
    kernel_fault fault = {0}; /* there is none: steps that may find bad data are in no group */
    for (int i = r->group->from[part]; i < r->group->from[part + 1]; i++) {
        const bound_step *step = &r->b->binding->steps.at[i];
        call_step(r->s, r->b, step, r->b->pointer + step->pointers, (size_t)thread * r->group->scratch, &fault);
    }
}

/* What each step took is not known: its share by bytes is told. */
static void note_group(session_bound *b, const step_group *g, double took)
{
    double all = 0;
    for (int i = g->first; i < g->first + g->n; i++)
        all += b->binding->steps.at[i].bytes;
    for (int i = g->first; i < g->first + g->n; i++) {
        b->seconds[i] += all > 0 ? took * b->binding->steps.at[i].bytes / all : took / g->n;
        b->calls[i]++;
    }
}

static void run_group(tn_session *s, session_bound *b, const step_group *g)
{
    group_run r = {s, b, g};
    const double start = s->profile ? now() : 0;
    s->program->backend->share(s->program->threads, g->n_parts, run_part, &r);
    if (s->profile)
        note_group(b, g, now() - start);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static tn_status run_steps(tn_session *s, session_bound *b)
{
    void **pointer = b->pointer;
    kernel_fault fault = {0};
    for (size_t i = 0; i < b->binding->steps.n; i++) {
        const bound_step *step = &b->binding->steps.at[i];
        if ((int)i <= b->binding->first_write && atomic_load_explicit(&s->cancel, memory_order_relaxed)) {
            atomic_store(&s->cancel, false);
            return base_fail(&s->error, TN_CANCELLED, "cancelled");
        }
        if (step->once) {
            pointer += step->n_in + step->n_out;
            continue;
        }
        if (step->group >= 0) {
            const step_group *g = &b->binding->groups.at[step->group];
            run_group(s, b, g);
            i += (size_t)g->n - 1;
            pointer = b->pointer + b->binding->steps.at[i].pointers + b->binding->steps.at[i].n_in +
                      b->binding->steps.at[i].n_out;
            continue;
        }
        double start = s->profile ? now() : 0;
        if (step->check) {
            if (!session_is_finite(&b->binding->values.at[step->in[0]].type, pointer[0], NULL))
                return session_name_nonfinite(s, b, (int)i);
        } else {
            session_call_step(s, b, step, pointer, &fault);
            if (fault.what)
                return report_fault(s, step, &fault);
        }
        if (s->profile) {
            b->seconds[i] += now() - start;
            b->calls[i]++;
        }
        pointer += step->n_in + step->n_out;
    }
    return TN_OK;
}

void session_rerun(const tn_session *s, const session_bound *b, int until, session_look look, void *user)
{
    void **pointer = b->pointer;
    kernel_fault fault = {0};
    for (int i = 0; i < until; i++) {
        const bound_step *step = &b->binding->steps.at[i];
        if (step->kernel && !step->once) {
            session_call_step(s, b, step, pointer, &fault);
            if (look(user, b, step, pointer + step->n_in))
                return;
        }
        pointer += step->n_in + step->n_out;
    }
}

static tn_status prepare_run(tn_session *s, const char *name, int n_feeds, const tn_feed *feeds, int n_fetches,
                             const tn_feed *fetches, program_entry **entry, session_bound **bound)
{
    BASE_TRY(bind(s, name, n_feeds, feeds, entry, bound));
    for (size_t i = 0; i < (*entry)->inputs.n; i++)
        BASE_TRY(take_feed(s, *bound, (int)i, find_feed(n_feeds, feeds, (*entry)->inputs.at[i]->name)));
    for (int i = 0; i < n_fetches; i++)
        BASE_TRY(check_fetch(s, *entry, *bound, &fetches[i]));
    return TN_OK;
}

/* A writer has the state alone; readers share it. */
static tn_status lock_state(tn_session *s, bool writes)
{
    int seen = 0;
    if (!s->state)
        return TN_OK;
    if (writes && !atomic_compare_exchange_strong(&s->state->writers, &seen, -1))
        return base_fail(&s->error, TN_BUSY, "the state is in use by another session");
    while (!writes && !atomic_compare_exchange_weak(&s->state->writers, &seen, seen + 1))
        if (seen < 0)
            return base_fail(&s->error, TN_BUSY, "the state is being trained by another session");
    return TN_OK;
}

static void unlock_state(tn_session *s, bool writes)
{
    if (s->state && writes)
        atomic_store(&s->state->writers, 0);
    else if (s->state)
        atomic_fetch_sub(&s->state->writers, 1);
}

/* Each run of a training entry has a number of its own, by which random operators draw. */
static void take_step(tn_session *s, bool training)
{
    s->seed = s->state ? s->state->seed : 0;
    s->step = !s->state ? 0 : training ? atomic_fetch_add(&s->state->step, 1) : atomic_load(&s->state->step);
}

/* A run that failed counts for nothing, unless another one has taken a number since. */
static void give_back_step(tn_session *s)
{
    uint64_t next = s->step + 1;
    if (s->state)
        (void)atomic_compare_exchange_strong(&s->state->step, &next, s->step);
}

static void note_writes(tn_session *s, const session_bound *b)
{
    const uint64_t version = ++s->state->version;
    for (size_t i = 0; i < b->entry->graph->state.n; i++)
        if (b->binding->written[i] && b->state_at[i] >= 0)
            s->state->entries.at[b->state_at[i]].version = version;
}

tn_status tn_run(tn_session *s, const char *name, int n_feeds, const tn_feed *feeds, int n_fetches,
                 const tn_feed *fetches)
{
    program_entry *entry;
    session_bound *b;
    if (!s)
        return TN_INVALID;
    BASE_TRY(prepare_run(s, name, n_feeds, feeds, n_fetches, fetches, &entry, &b));
    BASE_TRY(lock_state(s, entry->writes));
    take_step(s, entry->training);
    if (b->block_number != s->block_number)
        resolve(s, b);
    else
        patch(b);
    void *before = s->program->backend->enter(s->program->context);
    session_refresh_kept(s, b);
    tn_status status = run_steps(s, b);
    s->program->backend->leave(before);
    for (int i = 0; i < n_fetches && status == TN_OK; i++)
        fetch_output(s, entry, b, &fetches[i]);
    if (status != TN_OK && entry->training)
        give_back_step(s);
    if (s->state && entry->writes)
        note_writes(s, b);
    unlock_state(s, entry->writes);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static session_bound *last_bound(const tn_session *s, const char *name)
{
    program_entry *entry = program_find(s->program, name);
    return entry ? s->entry[entry - s->program->entries].last : NULL;
}

tn_status tn_session_shape(tn_session *s, const char *name, const char *output, tn_view *shape)
{
    const session_bound *b = last_bound(s, name);
    program_entry *entry = program_find(s->program, name);
    int r = entry ? find_output(entry, output) : -1;
    base_clear(&s->error);
    if (r < 0 || !b)
        return base_fail(&s->error, TN_NOT_FOUND, "no run of an entry '%s' with an output '%s'", name, output);
    const kernel_operand *t = &b->binding->values.at[b->binding->outputs[r]].type;
    *shape = tn_view_of(NULL, t->dtype, t->rank, t->dims);
    return TN_OK;
}

tn_status tn_session_plan(tn_session *s, const char *name, int n_feeds, const tn_feed *feeds, tn_memory *memory)
{
    program_entry *entry;
    session_bound *b;
    BASE_TRY(bind(s, name, n_feeds, feeds, &entry, &b));
    *memory = (tn_memory){.buffer = b->binding->buffer,
                          .scratch = b->binding->scratch,
                          .unshared = b->binding->unshared,
                          .packed = b->binding->packed,
                          .flops = b->binding->flops,
                          .bytes = b->binding->bytes,
                          .steps = (int)b->binding->steps.n,
                          .again = b->binding->again,
                          .buffer_kept = b->binding->buffer_kept,
                          .flops_kept = b->binding->flops_kept};
    for (size_t i = 0; i < b->binding->places.n; i++)
        if (b->binding->places.at[i].kind == PLACE_STATE)
            memory->state += b->binding->places.at[i].bytes;
    return TN_OK;
}

tn_status tn_session_profile_row(const tn_session *s, const char *name, int i, tn_profile_row *row)
{
    const session_bound *b = last_bound(s, name);
    if (!b || i < 0 || (size_t)i >= b->binding->steps.n)
        return TN_NOT_FOUND;
    const bound_step *step = &b->binding->steps.at[i];
    const char *path = step->check ? "check" : step->path ? step->path : step->kernel->name;
    const bound_value *v = &b->binding->values.at[step->check ? step->in[0] : step->out[0]];
    const place *p = &b->binding->places.at[v->place];
    *row = (tn_profile_row){.node = step->name,
                            .op = step->check  ? "check"
                                  : step->node ? step->node->def->name
                                               : "copy",
                            .kernel = path,
                            .seconds = b->seconds[i],
                            .flops = step->flops,
                            .bytes = step->bytes,
                            .calls = b->calls[i],
                            .output = tn_view_of(NULL, v->type.dtype, v->type.rank, v->type.dims),
                            .address = p->kind == PLACE_BUFFER ? (int64_t)p->offset + v->offset : -1};
    return TN_OK;
}
