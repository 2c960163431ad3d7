/* build.c: making nodes from definitions: counts, dtypes, arguments, inference, sentences. */
#include "op/scheme/op.h"

#include <math.h>
#include <string.h>

#include "base/philox.h"

int op_count_in(const op_def *def)
{
    int n = 0;
    while (n < OP_MAX_IN && def->in[n].name)
        n++;
    return n;
}

int op_count_out(const op_def *def)
{
    int n = 0;
    while (n < OP_MAX_OUT && def->out[n].name)
        n++;
    return n;
}

int op_count_arg(const op_def *def)
{
    int n = 0;
    while (n < OP_MAX_ARG && def->arg[n].kind != OP_END)
        n++;
    return n;
}

/* The slot of input i: the last one again when it is variadic, or when too many were given. */
static const op_slot *slot_of(const op_def *def, int i)
{
    static const op_slot none = {.name = "(none is taken)"};
    int n = op_count_in(def);
    return n == 0 ? &none : &def->in[i < n ? i : n - 1];
}

/* Puts "op (node 'path'): " before the sentence and the input types behind it, then sticks it to the graph. */
static void report(tn_graph *g, const op_def *def, const char *path, int n_in, tn_tensor *const *in,
                   const base_error *e)
{
    base_str s = {0};
    base_str_printf(&s, "%s (node '%s'): %s", def->name, path ? path : "?", e->text);
    for (int i = 0; i < n_in; i++) {
        if (!in[i])
            continue;
        base_str_printf(&s, "%s%s ", s.length && i ? ", " : "; given ", slot_of(def, i)->name);
        graph_print_type(g->dims, &in[i]->type, &s);
    }
    graph_fail(g, e->status, "%s", base_str_text(&s));
    base_str_free(&s);
}

static tn_status check_count(const op_def *def, int n_in, tn_tensor *const *in, base_error *e)
{
    int n = op_count_in(def);
    bool variadic = n && (def->in[n - 1].flags & OP_VARIADIC);
    if (n_in > n && !variadic)
        return base_fail(e, TN_INVALID, "takes %d inputs and was given %d", n, n_in);
    for (int i = 0; i < n_in || i < n; i++)
        if ((i >= n_in || !in[i]) && !(slot_of(def, i)->flags & OP_OPTIONAL))
            return base_fail(e, TN_INVALID, "the input '%s' is missing", slot_of(def, i)->name);
    return TN_OK;
}

static void print_class(uint32_t class, base_str *out)
{
    const char *between = "";
    for (int d = 1; d < TN_DTYPE_END; d++)
        if (class & OP_BIT(d)) {
            base_str_printf(out, "%s%s", between, tn_dtype_name((tn_dtype)d));
            between = " ";
        }
}

static tn_status check_dtypes(const op_def *def, int n_in, tn_tensor *const *in, tn_dtype vars[128], base_error *e)
{
    for (int i = 0; i < n_in; i++) {
        const op_slot *slot = slot_of(def, i);
        if (!in[i])
            continue;
        tn_dtype dtype = in[i]->type.dtype, *var = &vars[slot->var & 127];
        if (!(slot->dtypes & OP_BIT(dtype))) {
            base_str s = {0};
            print_class(slot->dtypes, &s);
            base_fail(e, TN_DTYPE, "the input '%s' is %s; it must be one of: %s", slot->name, tn_dtype_name(dtype),
                      base_str_text(&s));
            base_str_free(&s);
            return TN_DTYPE;
        }
        if (slot->var && *var && *var != dtype)
            return base_fail(e, TN_DTYPE, "the input '%s' is %s where the others are %s; cast one of them", slot->name,
                             tn_dtype_name(dtype), tn_dtype_name(*var));
        *var = dtype;
    }
    return TN_OK;
}

static tn_status check_range(const op_argdef *a, double value, base_error *e)
{
    if (!a->bounded || (value >= a->min && value <= a->max))
        return TN_OK;
    return base_fail(e, TN_INVALID, "%s is %g; it must lie in [%g, %g]", a->name, value, a->min, a->max);
}

static tn_status check_arg(const dim_table *t, const op_argdef *a, const op_value *v, base_error *e)
{
    int names = 0;
    switch (a->kind) {
    case OP_FLOAT: return check_range(a, v->f, e);
    case OP_INT: return check_range(a, (double)v->i, e);
    case OP_INTS_LIST:
        for (int i = 0; i < v->n; i++)
            BASE_TRY(check_range(a, (double)v->list[i], e));
        return TN_OK;
    case OP_DIMS:
        for (int i = 0; i < v->n; i++)
            if (v->list[i] != TN_INFER && !dim_exists(t, v->list[i]))
                return base_fail(e, TN_INVALID,
                                 "%s has the size %lld, which is neither a number from 0 on nor made by this graph",
                                 a->name, (long long)v->list[i]);
        return TN_OK;
    case OP_ENUM:
        while (a->names[names])
            names++;
        if (v->i < 0 || v->i >= names)
            return base_fail(e, TN_INVALID, "%s has no choice number %lld", a->name, (long long)v->i);
        return TN_OK;
    default: return TN_OK;
    }
}

static tn_view *copy_data(base_arena *arena, const tn_view *data)
{
    tn_view *view = base_arena_copy(arena, data, sizeof *data);
    void *bytes = view ? base_arena_alloc(arena, data->bytes + 64) : NULL;
    if (!bytes)
        return NULL;
    view->data = (void *)(((uintptr_t)bytes + 63) & ~(uintptr_t)63);
    if (data->bytes)
        memcpy(view->data, data->data, data->bytes);
    return view;
}

/* A deep copy of an argument in the graph's arena; false when memory is out. */
static bool copy_value(tn_graph *g, op_kind kind, const op_value *from, op_value *to)
{
    *to = *from;
    if (kind == OP_TEXT && from->text)
        return (to->text = base_arena_strdup(g->arena, from->text)) != NULL;
    if ((kind == OP_INTS_LIST || kind == OP_DIMS) && from->n)
        return (to->list = base_arena_copy(g->arena, from->list, (size_t)from->n * sizeof *from->list)) != NULL;
    if (kind == OP_DATA && from->data)
        return (to->data = copy_data(g->arena, from->data)) != NULL;
    return true;
}

static tn_status infer_types(tn_graph *g, const op_def *def, int n_in, tn_tensor *const *in, const op_value *arg,
                             graph_type *out, int *n_out, base_error *e)
{
    tn_dtype vars[128] = {0};
    const graph_type *types[n_in > 0 ? n_in : 1];
    BASE_TRY(check_dtypes(def, n_in, in, vars, e));
    for (int i = 0; i < n_in; i++)
        types[i] = in[i] ? &in[i]->type : NULL;
    for (int i = 0; i < *n_out; i++) {
        uint32_t class = def->out[i].dtypes;
        if (def->out[i].var)
            out[i].dtype = vars[def->out[i].var & 127];
        else if (class && (class & (class - 1)) == 0)
            out[i].dtype = (tn_dtype)__builtin_ctz(class);
    }
    op_infer c = {
        .def = def, .dims = g->dims, .n_in = n_in, .in = types, .arg = arg, .out = out, .n_out = n_out, .error = e};
    BASE_TRY(def->infer(&c));
    BASE_TRY(dim_failure(g->dims, e));
    for (int i = 0; i < *n_out; i++)
        if (out[i].dtype == TN_NONE || out[i].rank > TN_MAX_RANK)
            return base_fail(e, TN_INTERNAL, "inference left the output '%s' without a type", def->out[i].name);
    return TN_OK;
}

static graph_node *build(tn_graph *g, const op_def *def, const char *path, int n_given, tn_tensor *const *given_in,
                         const op_value *given)
{
    int slots = op_count_in(def), n_in = n_given > slots ? n_given : slots;
    tn_tensor *in[n_in > 0 ? n_in : 1]; /* inputs that were left out at the end are absent */
    for (int i = 0; i < n_in; i++)
        in[i] = i < n_given ? given_in[i] : NULL;
    base_error e = {0};
    graph_type out[OP_MAX_OUT] = {0};
    int n_out = op_count_out(def), n_arg = op_count_arg(def);
    op_value *arg = BASE_ARRAY(g->arena, op_value, n_arg ? n_arg : 1);
    tn_status status = arg ? check_count(def, n_in, in, &e) : base_no_memory(&e, "building a node");
    for (int i = 0; i < n_arg && status == TN_OK; i++) {
        status = check_arg(g->dims, &def->arg[i], &given[i], &e);
        if (status == TN_OK && !copy_value(g, def->arg[i].kind, &given[i], &arg[i]))
            status = base_no_memory(&e, "building a node");
    }
    if (status == TN_OK)
        status = infer_types(g, def, n_in, in, arg, out, &n_out, &e);
    if (status == TN_OK)
        return graph_add(g, def, path, n_in, in, n_out, out, arg);
    report(g, def, path, n_in, in, &e);
    return NULL;
}

graph_node *op_apply_named(tn_graph *g, const op_def *def, const char *path, int n_in, tn_tensor *const *in,
                           const op_value *arg)
{
    if (g->error.status != TN_OK)
        return NULL;
    for (int i = 0; i < n_in; i++)
        if (in[i] && in[i]->graph != g) {
            graph_fail(g, TN_INVALID, "%s (node '%s'): the input '%s' belongs to another graph", def->name, path,
                       tn_tensor_name(in[i]));
            return NULL;
        }
    return build(g, def, path, n_in, in, arg);
}

graph_node *op_apply(tn_graph *g, const op_def *def, int n_in, tn_tensor *const *in, const op_args *args)
{
    op_value arg[OP_MAX_ARG];
    for (int i = 0; i < OP_MAX_ARG; i++)
        arg[i] = args && args->at[i].set ? args->at[i].v : def->arg[i].def;
    const char *path = graph_path(g, def->name);
    if (!path) {
        graph_fail(g, TN_MEMORY, "out of memory while naming a node");
        return NULL;
    }
    return op_apply_named(g, def, path, n_in, in, arg);
}

tn_tensor *op_make(const op_def *def, int n_in, tn_tensor *const *in, const op_args *args)
{
    tn_graph *g = NULL;
    for (int i = 0; i < n_in && !g; i++)
        g = in[i] ? in[i]->graph : NULL;
    if (!g)
        return NULL; /* nothing to hold an error: an operator whose inputs are all absent */
    graph_node *node = op_apply(g, def, n_in, in, args);
    return node ? &node->out[0] : &g->poison;
}

tn_tensor *op_sibling(tn_tensor *x, int i)
{
    return graph_poisoned(x) || i >= x->node->n_out ? &x->graph->poison : &x->node->out[i];
}

int64_t op_new_stream(tn_graph *g, const char *name)
{
    const char *path = graph_path(g, name);
    path = path ? graph_unique(g, path) : NULL;
    return path ? (int64_t)base_hash_text(path) : 0;
}

uint32_t op_random_word(uint64_t seed, uint64_t step, int64_t stream, uint64_t index)
{
    return base_philox_at(base_philox_key(seed, (uint64_t)stream), index / 4, step).v[index % 4];
}

/* ---- what builders share ----------------------------------------------------------------------------------------- */

/* Rank in the promotion order within a category: wider wins. */
static int width(tn_dtype d)
{
    static const int order[TN_DTYPE_END] = {[TN_BOOL] = 0, [TN_U8] = 1,  [TN_I8] = 1,   [TN_I16] = 2, [TN_I32] = 3,
                                            [TN_I64] = 4,  [TN_F16] = 5, [TN_BF16] = 5, [TN_F32] = 6, [TN_F64] = 7};
    return order[d];
}

tn_dtype op_promote(tn_dtype a, tn_dtype b)
{
    if (a == b)
        return a;
    if (width(a) != width(b))
        return width(a) > width(b) ? a : b;
    return tn_dtype_is_float(a) ? TN_F32 : TN_I16; /* f16 with bf16, u8 with i8 */
}

tn_tensor *op_cast_to(tn_tensor *x, tn_dtype dtype)
{
    return !x || graph_poisoned(x) || x->type.dtype == dtype ? x : tn_cast(x, dtype);
}

tn_tensor *op_binary(const op_def *def, tn_tensor *a, tn_tensor *b)
{
    if (!a || !b || graph_poisoned(a) || graph_poisoned(b))
        return OP_MAKE(def, NULL, a, b);
    tn_dtype dtype = op_promote(a->type.dtype, b->type.dtype);
    return OP_MAKE(def, NULL, op_cast_to(a, dtype), op_cast_to(b, dtype));
}

tn_tensor *op_like_scalar(tn_tensor *x, double value)
{
    return graph_poisoned(x) ? x : tn_scalar(x->graph, x->type.dtype, value);
}

tn_tensor *op_full_like(tn_tensor *x, tn_dtype dtype, double value)
{
    if (graph_poisoned(x))
        return x;
    tn_tensor *s = tn_scalar(x->graph, dtype ? dtype : x->type.dtype, value);
    return x->type.rank == 0 ? s : tn_expand(s, tn_tensor_shape(x));
}

tn_tensor *op_count_value(tn_tensor *x, int64_t axes_mask, tn_dtype dtype)
{
    if (graph_poisoned(x))
        return x;
    tn_dim n = 1;
    for (int i = 0; i < x->type.rank; i++)
        if (axes_mask < 0 || (axes_mask >> i & 1))
            n = dim_mul(x->graph->dims, n, x->type.dims[i]);
    if (dim_literal(n))
        return tn_scalar(x->graph, dtype, (double)n);
    return op_cast_to(tn_size_value(x->graph, n), dtype);
}
