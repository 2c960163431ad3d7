/* bind.c: an entry bound to sizes: which kernel each node gets, how its operands are laid out, where each value lies.
 *
 * Views share the memory of what they show. A kernel that wants another layout gets a copy, made once for all who want it.
 * State is written in place where nobody reads the old value afterwards; what is left is copied at the very end. */
#include "program/half.h"
#include "program/program.h"
#include "program/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/lists.h"

typedef struct layout_copy {
    int value, copy;
    kernel_layout layout;
} layout_copy;

/* Input `in` of a step. */
typedef struct bound_read {
    int step, in;
} bound_read;

typedef struct binder {
    tn_program *p;
    const program_entry *entry;
    const tn_graph *g;
    binding *b;
    schedule order;
    int writes_from; /* steps from here on may write state in place */
    base_vec(layout_copy) copies;
    base_lists copies_of; /* by value: its copies */
    base_lists values_at; /* by place */
    base_vec(bound_read) reads;
    base_lists reads_of; /* by place */
    base_vec(int) maker; /* by value: the step that makes it, -1: none */
    int *state_place;    /* by state, -1: none yet */
    int *uses;           /* of each tensor, by nodes and results */
    bool sized;          /* the node that is being bound asks for sizes */
    bool *half;          /* by tensor: f32 that lies in memory as bf16; NULL: none */
    base_error *e;
} binder;

static tn_status no_memory(const binder *x)
{
    return base_no_memory(x->e, "binding a program to sizes");
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static tn_status check_equalities(const binder *x)
{
    const dim_table *t = x->g->dims;
    for (size_t i = 0; i < t->equals.n; i++) {
        const dim_equal *q = &t->equals.at[i];
        int64_t a, b;
        BASE_TRY(dim_eval(t, q->a, x->b->symbol, &a, x->e));
        BASE_TRY(dim_eval(t, q->b, x->b->symbol, &b, x->e));
        if (a == b)
            continue;
        base_str text = {0};
        dim_print(t, q->a, &text);
        base_str_printf(&text, " (%lld) and ", (long long)a);
        dim_print(t, q->b, &text);
        base_fail(x->e, TN_SHAPE, "%s: the sizes %s (%lld) must be equal", q->what, base_str_text(&text), (long long)b);
        base_str_free(&text);
        return TN_SHAPE;
    }
    return TN_OK;
}

static tn_status operand_of(const binder *x, const tn_tensor *t, kernel_operand *out)
{
    int64_t dims[TN_MAX_RANK], count = 1;
    for (int i = 0; i < t->type.rank; i++) {
        if (dim_eval(x->g->dims, t->type.dims[i], x->b->symbol, &dims[i], x->e) != TN_OK)
            return base_prefix(x->e, "node '%s': ", t->node->name);
        if (__builtin_mul_overflow(count, dims[i], &count) || count > INT64_MAX / 16)
            return base_fail(x->e, TN_SHAPE, "node '%s': the tensor is too large", t->node->name);
    }
    *out = op_operand_of(t->type.dtype, t->type.rank, dims);
    return TN_OK;
}

/* ---- places and values ------------------------------------------------------------------------------------------- */

static int add_place(binder *x, place_kind kind, size_t bytes)
{
    place p = {.kind = kind, .bytes = bytes, .first = -1, .last = -1};
    return base_vec_push(&x->b->places, p) ? (int)x->b->places.n - 1 : -1;
}

static int add_value(binder *x, const kernel_operand *type, int at, int64_t offset)
{
    bound_value v = {.type = *type, .place = at, .offset = offset, .tensor = -1};
    int value = (int)x->b->values.n;
    return at >= 0 && base_vec_push(&x->maker, -1) && base_lists_add(&x->values_at, at, value) &&
                   base_vec_push(&x->b->values, v)
               ? value
               : -1;
}

/* A value of its own in the buffer. */
static int add_dense(binder *x, const kernel_operand *type)
{
    return add_value(x, type, add_place(x, PLACE_BUFFER, (size_t)kernel_count(type) * tn_dtype_size(type->dtype)), 0);
}

static int *value_of(binder *x, const tn_tensor *t)
{
    return &x->b->of_tensor[t->id];
}

/* The tensor is this value; -1 stays -1. */
static tn_status set_value(binder *x, const tn_tensor *t, int value, bool fixed)
{
    if (value < 0)
        return no_memory(x);
    x->b->values.at[value].tensor = t->id;
    x->b->values.at[value].fixed = fixed;
    *value_of(x, t) = value;
    return TN_OK;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* Bytes that an operand moves: an axis that is repeated counts once. */
static double bytes_of(const kernel_operand *x)
{
    double n = (double)tn_dtype_size(x->dtype);
    for (int i = 0; i < x->rank; i++)
        n *= x->strides[i] == 0 && x->dims[i] ? 1 : (double)x->dims[i];
    return n;
}

/* Whether a value follows from state that no run of this entry changes. */
static bool is_fixed(const binder *x, int value)
{
    return value < 0 || x->b->values.at[value].fixed;
}

/* Whether sizes that are not known before a run decide what the node computes. */
static bool asks_for_sizes(const graph_node *node)
{
    for (int i = 0; i < op_count_arg(node->def); i++)
        for (int k = 0; node->def->arg[i].kind == OP_DIMS && k < node->arg[i].n; k++)
            if (!dim_literal(node->arg[i].list[k]) && node->arg[i].list[k] != TN_INFER)
                return true;
    return false;
}

/* Whether a value is fixed and no constant. */
static bool is_made_of_state(const binder *x, int value)
{
    return value >= 0 && is_fixed(x, value) && x->b->places.at[x->b->values.at[value].place].kind != PLACE_CONSTANT;
}

/* Whether the node's outputs follow from fixed values alone, state among them. */
static bool makes_fixed(const binder *x, const graph_node *node, const int *in, int n_in)
{
    bool some = false, all = !(node->def->flags & (OP_RANDOM | OP_FAULTS)) && !x->sized;
    for (size_t i = 0; all && node->sub && i < node->sub->nodes.n; i++)
        all =
            !(node->sub->nodes.at[i]->def->flags & (OP_RANDOM | OP_FAULTS)) && !asks_for_sizes(node->sub->nodes.at[i]);
    for (int k = 0; all && k < n_in; k++) {
        some |= is_made_of_state(x, in[k]);
        all = is_fixed(x, in[k]);
    }
    return some && all;
}

/* Who reads and who makes the values of step number s; once: what it makes is fixed. */
static bool note_operands(binder *x, int s, const int *in, int n_in, const int *out, int n_out, bool once)
{
    for (int k = 0; k < n_in; k++) {
        bound_read r = {s, k};
        if (in[k] >= 0 && (!base_lists_add(&x->reads_of, x->b->values.at[in[k]].place, (int)x->reads.n) ||
                           !base_vec_push(&x->reads, r)))
            return false;
    }
    for (int k = 0; k < n_out; k++) {
        x->maker.at[out[k]] = s;
        x->b->values.at[out[k]].fixed = once;
    }
    return true;
}

static int add_step(binder *x, bound_step *s, const kernel_bind *k, const int *in, const int *out)
{
    s->n_in = k->n_in;
    s->n_out = k->n_out;
    s->in = base_arena_copy(&x->b->arena, in, (size_t)k->n_in * sizeof *in);
    s->out = base_arena_copy(&x->b->arena, out, (size_t)k->n_out * sizeof *out);
    s->plan = k->plan;
    s->path = k->path;
    s->scratch = k->scratch;
    s->scratch_alone = k->scratch_alone ? k->scratch_alone : k->scratch;
    s->pack = k->pack;
    x->b->packed += k->pack.bytes;
    s->once = s->check ? false : k->node ? makes_fixed(x, k->node, in, k->n_in) : is_made_of_state(x, in[0]);
    for (int i = 0; i < k->n_in; i++)
        s->bytes += k->in[i].dtype ? bytes_of(&k->in[i]) : 0;
    for (int i = 0; i < k->n_out; i++)
        s->bytes += bytes_of(&k->out[i]);
    x->b->flops += s->once ? 0 : s->flops;
    x->b->bytes += s->once ? 0 : s->bytes;
    if (s->scratch > x->b->scratch)
        x->b->scratch = s->scratch;
    return s->in && s->out && note_operands(x, (int)x->b->steps.n, in, k->n_in, out, k->n_out, s->once) &&
                   base_vec_push(&x->b->steps, *s)
               ? 0
               : -1;
}

static kernel_bind bind_of(const binder *x, const graph_node *node, int n_in, kernel_operand *in, int n_out,
                           kernel_operand *out)
{
    return (kernel_bind){.node = node,
                         .training = x->entry->training,
                         .threads = x->p->threads,
                         .isa = x->p->isa,
                         .precision = x->p->precision,
                         .n_in = n_in,
                         .n_out = n_out,
                         .in = in,
                         .out = out,
                         .arena = &x->b->arena,
                         .error = x->e};
}

/* A step that copies value `from` to value `to`. */
static tn_status add_copy(binder *x, int from, int to, const char *name)
{
    kernel_operand in = x->b->values.at[from].type, out = x->b->values.at[to].type;
    kernel_bind k = bind_of(x, NULL, 1, &in, 1, &out);
    bound_step s = {.kernel = x->p->backend->copy, .name = name};
    BASE_TRY(s.kernel->prepare(&k));
    return add_step(x, &s, &k, &from, &to) ? no_memory(x) : TN_OK;
}

/* The value in a layout: itself where it has it, else a copy. */
static tn_status in_layout(binder *x, int *value, kernel_layout layout, const char *name)
{
    kernel_operand type = x->b->values.at[*value].type;
    if (kernel_has_layout(&type, layout))
        return TN_OK;
    for (int i = base_lists_first(&x->copies_of, *value); i >= 0; i = base_lists_next(&x->copies_of, i)) {
        const layout_copy *c = &x->copies.at[base_lists_item(&x->copies_of, i)];
        if (c->layout == layout) {
            *value = c->copy;
            return TN_OK;
        }
    }
    kernel_set_layout(&type, layout);
    layout_copy c = {*value, add_dense(x, &type), layout};
    if (c.copy >= 0)
        x->b->values.at[c.copy].tensor = x->b->values.at[*value].tensor;
    if (c.copy < 0 || !base_lists_add(&x->copies_of, *value, (int)x->copies.n) || !base_vec_push(&x->copies, c))
        return no_memory(x);
    BASE_TRY(add_copy(x, *value, c.copy, name));
    *value = c.copy;
    return TN_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static tn_status bind_input(binder *x, const graph_node *node, const kernel_operand *type)
{
    int at = add_place(x, PLACE_INPUT, (size_t)kernel_count(type) * tn_dtype_size(type->dtype));
    BASE_TRY(set_value(x, &node->out[0], add_value(x, type, at, 0), false));
    for (size_t i = 0; i < x->entry->inputs.n; i++)
        if (strcmp(x->entry->inputs.at[i]->name, node->name) == 0)
            x->b->places.at[at].index = (int)i;
    return TN_OK;
}

/* The place of a state, made once. */
static int state_place(binder *x, const char *name)
{
    const graph_state *s = graph_find_state(x->g, name);
    int *at = &x->state_place[s->id];
    if (*at >= 0)
        return *at;
    size_t bytes = tn_dtype_size(s->type.dtype);
    for (int i = 0; i < s->type.rank; i++)
        bytes *= (size_t)s->type.dims[i];
    *at = add_place(x, PLACE_STATE, bytes);
    if (*at >= 0)
        x->b->places.at[*at].index = s->id;
    return *at;
}

static tn_status bind_source(binder *x, const graph_node *node)
{
    kernel_operand type;
    const char *op = node->def->name;
    BASE_TRY(operand_of(x, &node->out[0], &type));
    if (strcmp(op, "input") == 0)
        return bind_input(x, node, &type);
    int at;
    bool fixed = !x->entry->training;
    if (strcmp(op, "state") == 0) {
        at = state_place(x, node->arg[0].text);
        fixed &= at >= 0 && !x->b->written[x->b->places.at[at].index];
    } else {
        at = add_place(x, PLACE_CONSTANT, (size_t)kernel_count(&type) * tn_dtype_size(type.dtype));
        int64_t *size = BASE_NEW(&x->b->arena, int64_t);
        if (at < 0 || !size)
            return no_memory(x);
        x->b->places.at[at].data = size;
        if (strcmp(op, "constant") == 0) {
            x->b->places.at[at].data = node->arg[0].data->data;
        } else {
            fixed = false; /* a size */
            BASE_TRY(dim_eval(x->g->dims, node->arg[0].list[0], x->b->symbol, size, x->e));
        }
    }
    return set_value(x, &node->out[0], add_value(x, &type, at, 0), fixed);
}

/* The node with its sizes as numbers, as views, references and kernels want them. */
static tn_status with_numbers(binder *x, const graph_node **node)
{
    int n = op_count_arg((*node)->def);
    op_value *arg = NULL;
    for (int i = 0; i < n; i++) {
        const op_value *v = &(*node)->arg[i];
        if ((*node)->def->arg[i].kind != OP_DIMS || v->n == 0)
            continue;
        if (!arg) {
            graph_node *copy = base_arena_copy(&x->b->arena, *node, sizeof **node);
            arg = base_arena_copy(&x->b->arena, (*node)->arg, (size_t)n * sizeof *arg);
            if (!copy || !arg)
                return no_memory(x);
            copy->arg = arg;
            *node = copy;
        }
        int64_t *list = base_arena_copy(&x->b->arena, v->list, (size_t)v->n * sizeof *list);
        if (!list)
            return no_memory(x);
        for (int k = 0; k < v->n; k++)
            if (list[k] != TN_INFER)
                BASE_TRY(dim_eval(x->g->dims, v->list[k], x->b->symbol, &list[k], x->e));
        arg[i].list = list;
    }
    return TN_OK;
}

/* Inference again, now that sizes are numbers: what could not be decided on symbols is decided here, before anything is
 * read or written by it. */
static tn_status infer_again(binder *x, const graph_node *node)
{
    graph_type in[node->n_in + 1], out[OP_MAX_OUT] = {0};
    const graph_type *pin[node->n_in + 1];
    int n_out = node->n_out;
    for (int i = 0; i < node->n_in; i++) {
        pin[i] = NULL;
        if (!node->in[i])
            continue;
        const kernel_operand *type = &x->b->values.at[*value_of(x, node->in[i])].type;
        in[i] = (graph_type){.dtype = node->in[i]->type.dtype, .rank = type->rank};
        memcpy(in[i].dims, type->dims, sizeof in[i].dims);
        pin[i] = &in[i];
    }
    for (int i = 0; i < n_out; i++)
        out[i].dtype = node->out[i].type.dtype;
    dim_table numbers = {.arena = &x->b->arena};
    op_infer c = {.def = node->def,
                  .dims = &numbers,
                  .n_in = node->n_in,
                  .in = pin,
                  .arg = node->arg,
                  .out = out,
                  .n_out = &n_out,
                  .error = x->e};
    tn_status status = node->def->infer(&c);
    dim_table_free(&numbers);
    if (status != TN_OK)
        return base_prefix(x->e, "%s (node '%s'): ", node->def->name, node->name);
    for (int i = 0; i < n_out; i++) {
        kernel_operand want;
        BASE_TRY(operand_of(x, &node->out[i], &want));
        if (want.rank != out[i].rank || memcmp(want.dims, out[i].dims, (size_t)want.rank * sizeof *want.dims) != 0)
            return base_fail(x->e, TN_SHAPE,
                             "%s (node '%s'): its shape is another one with these sizes than with symbols",
                             node->def->name, node->name);
    }
    return TN_OK;
}

static tn_status bind_view(binder *x, const graph_node *node)
{
    kernel_operand plain, y;
    int64_t offset = 0;
    int from = *value_of(x, node->in[0]);
    BASE_TRY(operand_of(x, &node->out[0], &plain));
    kernel_operand in = x->b->values.at[from].type;
    plain.dtype = in.dtype; /* as it lies */
    y = plain;
    if (!node->def->view(node->arg, &in, &y, &offset)) {
        BASE_TRY(in_layout(x, &from, KERNEL_ROW_MAJOR, node->name));
        in = x->b->values.at[from].type;
        offset = 0;
        y = plain;
        if (!node->def->view(node->arg, &in, &y, &offset))
            return base_fail(x->e, TN_INTERNAL, "%s (node '%s') gives no view of a row-major tensor", node->def->name,
                             node->name);
    }
    bound_value v = x->b->values.at[from];
    int value = add_value(x, &y, v.place, v.offset + offset * (int64_t)tn_dtype_size(y.dtype));
    return set_value(x, &node->out[0], value, v.fixed && !x->sized);
}

static double flops_of(const graph_node *node, const kernel_bind *k)
{
    graph_type in[k->n_in + 1], out[k->n_out + 1];
    const graph_type *pin[k->n_in + 1];
    for (int i = 0; i < k->n_in; i++) {
        in[i] = (graph_type){.dtype = k->in[i].dtype, .rank = k->in[i].rank};
        memcpy(in[i].dims, k->in[i].dims, sizeof in[i].dims);
        pin[i] = k->in[i].dtype ? &in[i] : NULL;
    }
    for (int i = 0; i < k->n_out; i++) {
        out[i] = (graph_type){.dtype = k->out[i].dtype, .rank = k->out[i].rank};
        memcpy(out[i].dims, k->out[i].dims, sizeof out[i].dims);
    }
    return op_flops_of(node->def, node->arg, pin, out, k->n_out);
}

/* Whether the step that makes the node's input makes its output instead. */
static bool is_taken_in(binder *x, const graph_node *node, int from, kernel_operand *out)
{
    const int s = node->n_in == 1 && node->n_out == 1 && from >= 0 ? x->maker.at[from] : -1;
    if (s < 0 || x->uses[node->in[0]->id] != 1)
        return false;
    bound_step *step = &x->b->steps.at[s];
    return step->kernel->takes_in && !step->once && step->n_out == 1 && step->out[0] == from &&
           step->kernel->takes_in(step->plan, node, &x->b->values.at[from].type, out);
}

/* What the step made before lies nowhere any more: nobody reads or writes its place. */
static tn_status take_in(binder *x, const graph_node *node, int from, const kernel_operand *out)
{
    const int s = x->maker.at[from], to = add_dense(x, out);
    bound_step *step = &x->b->steps.at[s];
    const double less = bytes_of(&x->b->values.at[from].type) - bytes_of(out);
    BASE_TRY(set_value(x, &node->out[0], to, false));
    step->out[0] = to;
    step->bytes -= less;
    x->b->bytes -= less;
    x->maker.at[to] = s;
    x->maker.at[from] = -1;
    return TN_OK;
}

static tn_status bind_kernel(binder *x, const graph_node *node)
{
    kernel_operand in[node->n_in + 1], out[node->n_out + 1];
    int from[node->n_in + 1], to[node->n_out + 1];
    bool fixed[node->n_in + 1];
    kernel_bind k = bind_of(x, node, node->n_in, in, node->n_out, out);
    for (int i = 0; i < node->n_in; i++) {
        from[i] = node->in[i] ? *value_of(x, node->in[i]) : -1;
        in[i] = from[i] >= 0 ? x->b->values.at[from[i]].type : (kernel_operand){0};
    }
    for (int i = 0; i < node->n_out; i++) {
        BASE_TRY(operand_of(x, &node->out[i], &out[i]));
        out[i].dtype = x->half && x->half[node->out[i].id] ? TN_BF16 : out[i].dtype;
    }
    if (is_taken_in(x, node, node->n_in ? from[0] : -1, &out[0]))
        return take_in(x, node, from[0], &out[0]);
    bound_step s = {.kernel = x->p->backend->select(&k), .node = node, .name = node->name};
    for (int i = 0; i < node->n_in; i++) {
        if (from[i] < 0)
            continue;
        BASE_TRY(in_layout(x, &from[i], s.kernel->want ? s.kernel->want(&k, i) : KERNEL_ROW_MAJOR, node->name));
        in[i] = x->b->values.at[from[i]].type;
    }
    for (int i = 0; i < node->n_in; i++)
        fixed[i] = from[i] >= 0 && is_fixed(x, from[i]);
    k.fixed = fixed;
    if (s.kernel->prepare(&k) != TN_OK)
        return base_prefix(x->e, "%s (node '%s'): ", node->def->name, node->name);
    for (int i = 0; i < node->n_out; i++) {
        to[i] = add_dense(x, &out[i]);
        BASE_TRY(set_value(x, &node->out[i], to[i], false));
    }
    s.flops = flops_of(node, &k);
    return add_step(x, &s, &k, from, to) ? no_memory(x) : TN_OK;
}

static tn_status describe(const void *user, const graph_node *node, kernel_operand *in, kernel_operand *out,
                          kernel_bind *k)
{
    const binder *x = user;
    for (int i = 0; i < node->n_in; i++) {
        in[i] = (kernel_operand){0};
        if (node->in[i])
            BASE_TRY(operand_of(x, node->in[i], &in[i]));
    }
    for (int i = 0; i < node->n_out; i++)
        BASE_TRY(operand_of(x, &node->out[i], &out[i]));
    *k = bind_of(x, node, node->n_in, in, node->n_out, out);
    return TN_OK;
}

static tn_status choose_half(binder *x)
{
    if (x->p->precision != TN_PRECISION_BF16)
        return TN_OK;
    x->half = calloc((size_t)x->g->n_tensors + 1, sizeof *x->half);
    const half_question q = {.g = x->g, .order = &x->order, .backend = x->p->backend, .describe = describe, .user = x};
    return x->half ? half_choose(&q, x->half, x->e) : no_memory(x);
}

static tn_status bind_check(binder *x, const tn_tensor *value)
{
    int v = *value_of(x, value);
    BASE_TRY(in_layout(x, &v, KERNEL_ROW_MAJOR, value->node->name));
    kernel_operand type = x->b->values.at[v].type;
    kernel_bind k = {.n_in = 1, .in = &type};
    bound_step s = {.check = true, .node = value->node, .name = value->node->name};
    return add_step(x, &s, &k, &v, NULL) ? no_memory(x) : TN_OK;
}

static tn_status bind_nodes(binder *x)
{
    for (int i = 0; i < x->order.n; i++) {
        if (i == x->order.writes_from)
            x->writes_from = (int)x->b->steps.n;
        const schedule_item *item = &x->order.item[i];
        const graph_node *node = item->node;
        if (item->check) {
            BASE_TRY(bind_check(x, item->check));
        } else if (node->def->flags & OP_SOURCE) {
            BASE_TRY(bind_source(x, node));
        } else {
            x->sized = asks_for_sizes(node);
            BASE_TRY(with_numbers(x, &node));
            if (!node->sub) /* a fused node's parts were broadcast when they were built */
                BASE_TRY(infer_again(x, node));
            BASE_TRY(node->def->view ? bind_view(x, node) : bind_kernel(x, node));
        }
    }
    if (x->order.writes_from >= x->order.n)
        x->writes_from = (int)x->b->steps.n;
    return TN_OK;
}

/* ---- writes ------------------------------------------------------------------------------------------------------ */

typedef struct bound_writes {
    int *times; /* by tensor: how many results write it */
    int *shown; /* by place: how many outputs and writes show what is there at the end */
    base_vec(layout_copy) commits;
} bound_writes;

/* Whether step s may write its output `value` over the state at place `at`: nobody else reads the state from then on, and
 * where s itself reads it, it does so element by element. What follows from unwritten state alone is no such step: it runs
 * once, and so do those that read it, before all others. */
static bool may_overwrite(const binder *x, const bound_writes *w, int s, int value, int at)
{
    const bound_value *v = &x->b->values.at[value];
    const bound_step *maker = &x->b->steps.at[s];
    if (s < x->writes_from || maker->once || v->offset != 0 || !kernel_is_row_major(&v->type) ||
        x->b->places.at[v->place].kind != PLACE_BUFFER)
        return false;
    for (int i = base_lists_first(&x->reads_of, at); i >= 0; i = base_lists_next(&x->reads_of, i)) {
        const bound_read *r = &x->reads.at[base_lists_item(&x->reads_of, i)];
        if (r->step < s)
            continue;
        const bound_value *in = &x->b->values.at[x->b->steps.at[r->step].in[r->in]];
        const kernel_operand *t = &in->type;
        if (r->step != s || !maker->kernel->in_place || in->offset != 0 || t->rank != v->type.rank ||
            memcmp(t->dims, v->type.dims, sizeof t->dims) != 0 || !kernel_is_row_major(t))
            return false;
    }
    return w->shown[at] == 0; /* else an output, or another write, shows the old value at the end */
}

/* All values at place `from` lie at place `to` from now on. */
static tn_status move_place(binder *x, bound_writes *w, int from, int to)
{
    w->shown[to] += w->shown[from];
    return program_move_values(x->b, &x->values_at, from, to) && base_lists_join(&x->reads_of, from, to) ? TN_OK
                                                                                                         : no_memory(x);
}

static tn_status count_writes(const binder *x, bound_writes *w)
{
    size_t most = x->b->places.n + 2 * x->g->results.n + 1; /* each write may need a place of its state and one more */
    w->times = calloc((size_t)x->g->n_tensors + 1, sizeof *w->times);
    w->shown = calloc(most, sizeof *w->shown);
    if (!w->times || !w->shown)
        return no_memory(x);
    for (size_t i = 0; i < x->g->results.n; i++) {
        const graph_result *r = &x->g->results.at[i];
        int value = x->b->of_tensor[r->value->id];
        w->times[r->value->id] += r->kind == GRAPH_WRITE;
        if (r->kind != GRAPH_CHECK && value >= 0)
            w->shown[x->b->values.at[value].place]++;
    }
    return TN_OK;
}

/* The value is copied to the state at place `at` when all else is done. */
static tn_status commit_later(binder *x, bound_writes *w, const graph_result *r, int value, int at)
{
    kernel_operand type;
    BASE_TRY(operand_of(x, r->value, &type));
    layout_copy c = {value, add_value(x, &type, at, 0), KERNEL_ROW_MAJOR};
    if (x->b->places.at[x->b->values.at[value].place].kind == PLACE_STATE) { /* read all before writing any */
        c.value = add_dense(x, &type);
        if (c.value < 0)
            return no_memory(x);
        BASE_TRY(add_copy(x, value, c.value, r->name));
    }
    return c.copy >= 0 && base_vec_push(&w->commits, c) ? TN_OK : no_memory(x);
}

/* Writes in place where that is safe; the others are listed as pairs of values to copy at the end. */
static tn_status write_all(binder *x, bound_writes *w)
{
    BASE_TRY(count_writes(x, w));
    for (size_t i = 0; i < x->g->results.n; i++) {
        const graph_result *r = &x->g->results.at[i];
        if (r->kind != GRAPH_WRITE)
            continue;
        int at = state_place(x, r->name), value = *value_of(x, r->value), s = x->maker.at[value];
        if (at < 0)
            return no_memory(x);
        bool over = s >= 0 && w->times[r->value->id] == 1 && may_overwrite(x, w, s, value, at);
        BASE_TRY(over ? move_place(x, w, x->b->values.at[value].place, at) : commit_later(x, w, r, value, at));
    }
    for (size_t i = 0; i < w->commits.n; i++)
        BASE_TRY(add_copy(x, w->commits.at[i].value, w->commits.at[i].copy, "commit"));
    return TN_OK;
}

static tn_status bind_writes(binder *x)
{
    bound_writes w = {0};
    tn_status status = write_all(x, &w);
    free(w.times);
    free(w.shown);
    base_vec_free(&w.commits);
    return status;
}

static void find_first_write(binding *b)
{
    for (b->first_write = 0; b->first_write < (int)b->steps.n; b->first_write++) {
        const bound_step *s = &b->steps.at[b->first_write];
        for (int k = 0; k < s->n_out; k++)
            if (b->places.at[b->values.at[s->out[k]].place].kind == PLACE_STATE)
                return;
    }
}

/* Outputs are handed out after the writes: one that shows state which the run writes is copied before. */
static tn_status keep_old(binder *x, const graph_result *r, int *value)
{
    const place *at = &x->b->places.at[x->b->values.at[*value].place];
    if (at->kind != PLACE_STATE || !x->b->written[at->index])
        return TN_OK;
    kernel_operand type;
    BASE_TRY(operand_of(x, r->value, &type));
    int from = *value;
    *value = add_dense(x, &type);
    return *value < 0 ? no_memory(x) : add_copy(x, from, *value, r->name);
}

static tn_status bind_outputs(binder *x)
{
    x->b->outputs = BASE_ARRAY(&x->b->arena, int, x->g->results.n + 1);
    if (!x->b->outputs)
        return no_memory(x);
    x->b->n_outputs = (int)x->g->results.n;
    for (size_t i = 0; i < x->g->results.n; i++) {
        const graph_result *r = &x->g->results.at[i];
        x->b->outputs[i] = r->kind == GRAPH_OUTPUT ? *value_of(x, r->value) : -1;
        if (r->kind == GRAPH_OUTPUT)
            BASE_TRY(keep_old(x, r, &x->b->outputs[i]));
    }
    return TN_OK;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static tn_status list_states(binder *x)
{
    x->state_place = malloc((x->g->state.n + 1) * sizeof *x->state_place);
    x->b->written = BASE_ARRAY(&x->b->arena, bool, x->g->state.n + 1);
    if (!x->state_place || !x->b->written)
        return no_memory(x);
    for (size_t i = 0; i < x->g->state.n; i++)
        x->state_place[i] = -1;
    for (size_t i = 0; i < x->g->results.n; i++)
        if (x->g->results.at[i].kind == GRAPH_WRITE)
            x->b->written[graph_find_state(x->g, x->g->results.at[i].name)->id] = true;
    return TN_OK;
}

static void free_binder(binder *x)
{
    schedule_free(&x->order);
    base_vec_free(&x->copies);
    base_lists_free(&x->copies_of);
    base_lists_free(&x->values_at);
    base_vec_free(&x->reads);
    base_lists_free(&x->reads_of);
    base_vec_free(&x->maker);
    free(x->state_place);
    free(x->uses);
    free(x->half);
}

static tn_status bind_all(binder *x, const int64_t *symbol)
{
    binding *b = x->b;
    size_t atoms = x->g->dims->atoms.n;
    b->symbol = base_arena_copy(&b->arena, symbol, atoms * sizeof *symbol);
    b->of_tensor = BASE_ARRAY(&b->arena, int, x->g->n_tensors + 1);
    if (!b->symbol || !b->of_tensor)
        return no_memory(x);
    for (int i = 0; i < x->g->n_tensors; i++)
        b->of_tensor[i] = -1;
    if (!(x->uses = pass_count_uses(x->g, x->e)))
        return TN_MEMORY;
    BASE_TRY(list_states(x));
    BASE_TRY(check_equalities(x));
    BASE_TRY(schedule_make(&x->order, x->g, x->e));
    BASE_TRY(choose_half(x));
    BASE_TRY(bind_nodes(x));
    BASE_TRY(bind_outputs(x));
    BASE_TRY(bind_writes(x));
    find_first_write(b);
    BASE_TRY(program_keep_fixed(b, x->e));
    BASE_TRY(program_group_steps(b, x->writes_from, x->p->threads, x->e));
    return program_plan_buffer(b, &x->values_at, x->e);
}

tn_status program_bind_graph(tn_program *p, const program_entry *entry, const tn_graph *g, const int64_t *symbol,
                             binding **to, base_error *e)
{
    binder x = {.p = p, .entry = entry, .g = g, .b = calloc(1, sizeof(binding)), .e = e};
    tn_status status = x.b ? bind_all(&x, symbol) : no_memory(&x);
    free_binder(&x);
    *to = x.b;
    if (x.b) {
        x.b->buffer_kept = x.b->buffer;
        x.b->flops_kept = x.b->flops;
    }
    return status;
}

static const binding *find(const program_entry *entry, const int64_t *symbol)
{
    size_t bytes = entry->graph->dims->atoms.n * sizeof *symbol;
    for (binding *b = entry->bindings; b; b = b->next)
        if (bytes == 0 || memcmp(b->symbol, symbol, bytes) == 0)
            return b;
    return NULL;
}

const binding *program_bind(tn_program *p, program_entry *entry, const int64_t *symbol, base_error *e)
{
    pthread_mutex_lock(&p->lock);
    const binding *found = find(entry, symbol);
    if (!found) {
        binding *made = NULL;
        if (program_bind_within(p, entry, symbol, &made, e) == TN_OK) {
            made->next = entry->bindings;
            entry->bindings = made;
            found = made;
        } else {
            binding_free(made);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

void binding_free(binding *b)
{
    if (!b)
        return;
    tn_graph_free(b->own);
    base_vec_free(&b->places);
    base_vec_free(&b->values);
    base_vec_free(&b->steps);
    base_vec_free(&b->kept);
    base_vec_free(&b->groups);
    base_arena_free(&b->arena);
    free(b);
}
