/* simplify.c: one walk that folds constants, merges common subexpressions and applies algebra that is exact for every
 * value, NaN and infinities included. Dead code goes because only needed nodes are copied. Repeated until nothing changes. */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "op/scheme/eval.h"

enum { MOST_ROUNDS = 8, LARGEST_FOLDED = 4096 };

typedef struct simplify {
    base_map seen; /* from a node's text to its copy */
    int changed;
} simplify;

static bool is_op(const tn_tensor *x, const char *name)
{
    return x && x->node && strcmp(x->node->def->name, name) == 0;
}

/* Whether every element of x is this number (a rank-0 constant, or one expanded). */
static bool is_number(const tn_tensor *x, double value)
{
    while (is_op(x, "expand") || is_op(x, "reshape"))
        x = x->node->in[0];
    if (!is_op(x, "constant") || x->node->arg[0].data->rank != 0)
        return false;
    const tn_view *v = x->node->arg[0].data;
    return op_element_to_f64(v->dtype, v->data) == value; /* NOLINT: exact on purpose */
}

static bool same_type(tn_graph *g, const tn_tensor *x, const graph_type *type)
{
    if (x->type.dtype != type->dtype || x->type.rank != type->rank)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (x->type.dims[i] != type->dims[i])
            return false;
    (void)g;
    return true;
}

/* ---- algebra ----------------------------------------------------------------------------------------------------- */

/* x * 1, x / 1, x - 0: exact. x + 0 is not (-0 + 0 is 0), but -0 and 0 compare equal and PyTorch's own fusers drop it. */
static tn_tensor *neutral(const graph_node *node, tn_tensor *const *in)
{
    static const struct {
        const char *op;
        double number;
        bool left_too;
    } rules[] = {{"mul", 1, true}, {"add", 0, true}, {"sub", 0, false}, {"div", 1, false}, {"pow", 1, false}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(node->def->name, rules[i].op) != 0)
            continue;
        if (is_number(in[1], rules[i].number))
            return in[0];
        if (rules[i].left_too && is_number(in[0], rules[i].number))
            return in[1];
    }
    return NULL;
}

static tn_tensor *inverse_pair(const graph_node *node, tn_tensor *const *in)
{
    if (strcmp(node->def->name, "neg") == 0 && is_op(in[0], "neg"))
        return in[0]->node->in[0];
    if (strcmp(node->def->name, "logical_not") == 0 && is_op(in[0], "logical_not"))
        return in[0]->node->in[0];
    return NULL;
}

/* Views of views, and views that change nothing. */
static tn_tensor *view_of_view(tn_graph *g, const graph_node *node, tn_tensor *const *in)
{
    const char *name = node->def->name;
    if (strcmp(name, "reshape") == 0 && is_op(in[0], "reshape"))
        return tn_reshape(in[0]->node->in[0], tn_tensor_shape(&node->out[0]));
    if (strcmp(name, "permute") == 0 && is_op(in[0], "permute")) {
        int64_t axes[TN_MAX_RANK];
        int n = node->arg[0].n;
        for (int i = 0; i < n; i++) {
            int64_t outer = node->arg[0].list[i], inner = in[0]->node->arg[0].list[outer < 0 ? outer + n : outer];
            axes[i] = inner < 0 ? inner + n : inner;
        }
        return tn_permute(in[0]->node->in[0], n, axes);
    }
    if (strcmp(name, "permute") == 0) {
        for (int i = 0; i < node->arg[0].n; i++)
            if (node->arg[0].list[i] != i)
                return NULL;
        return in[0];
    }
    bool keeps_order = strcmp(name, "reshape") == 0 || strcmp(name, "expand") == 0;
    if (keeps_order && same_type(g, in[0], &node->out[0].type))
        return in[0];
    return NULL;
}

/* where by a known condition: one of the two, if it has the size of the result. */
static tn_tensor *known_choice(const graph_node *node, tn_tensor *const *in)
{
    if (strcmp(node->def->name, "where") != 0 || !is_op(in[0], "constant") || in[0]->type.rank != 0)
        return NULL;
    return op_element_to_i64(TN_BOOL, in[0]->node->arg[0].data->data) ? in[1] : in[2];
}

static tn_tensor *algebra(tn_graph *g, const graph_node *node, tn_tensor *const *in)
{
    tn_tensor *y = NULL;
    if (node->n_in == 0 || node->n_out != 1)
        return NULL;
    if (strcmp(node->def->name, "cast") == 0 && in[0]->type.dtype == node->out[0].type.dtype)
        return in[0];
    if ((y = neutral(node, in)) && same_type(g, y, &node->out[0].type))
        return y;
    if ((y = known_choice(node, in)) && same_type(g, y, &node->out[0].type))
        return y;
    if ((y = inverse_pair(node, in)) && same_type(g, y, &node->out[0].type)) /* not of a number is bool */
        return y;
    return view_of_view(g, node, in);
}

/* ---- folding ----------------------------------------------------------------------------------------------------- */

static bool small_and_known(const graph_type *type)
{
    int64_t n = 1;
    for (int i = 0; i < type->rank; i++) {
        if (!dim_literal(type->dims[i]) || type->dims[i] > LARGEST_FOLDED)
            return false;
        n *= type->dims[i];
        if (n > LARGEST_FOLDED)
            return false;
    }
    return true;
}

static bool foldable(const graph_node *node, tn_tensor *const *in)
{
    if (node->n_in == 0 || node->n_out != 1 || node->sub || !node->def->ref || (node->def->flags & OP_RANDOM) ||
        strcmp(node->def->name, "expand") == 0 || !small_and_known(&node->out[0].type))
        return false;
    for (int i = 0; i < node->n_in; i++)
        if (in[i] && !is_op(in[i], "constant"))
            return false;
    return true;
}

static tn_tensor *fold(tn_graph *g, const graph_node *node, tn_tensor *const *in, bool training)
{
    op_operand x[node->n_in],
        y = op_operand_of(node->out[0].type.dtype, node->out[0].type.rank, node->out[0].type.dims);
    const void *data[node->n_in];
    for (int i = 0; i < node->n_in; i++) {
        x[i] = (op_operand){0};
        data[i] = NULL;
        if (!in[i])
            continue;
        const tn_view *v = in[i]->node->arg[0].data;
        x[i] = op_operand_of(v->dtype, v->rank, v->dims);
        data[i] = v->data;
    }
    op_eval eval = {.node = node, .n_in = node->n_in, .n_out = 1, .in = x, .out = &y, .training = training};
    tn_view result = tn_view_of(NULL, y.dtype, y.rank, y.dims);
    void *scratch = malloc(op_eval_scratch(&eval)), *out[1] = {malloc(result.bytes + 1)};
    const char *fault = NULL;
    tn_tensor *folded = NULL;
    if (scratch && out[0]) {
        op_eval_run(&eval, data, out, scratch, &fault);
        result.data = out[0];
        if (!fault)
            folded = tn_constant(g, &result);
    }
    free(scratch);
    free(out[0]);
    return folded;
}

/* ---- common subexpressions --------------------------------------------------------------------------------------- */

static void print_value(base_str *s, const op_argdef *a, const op_value *v)
{
    switch (a->kind) {
    case OP_FLOAT: base_str_bytes(s, &v->f, sizeof v->f); break;
    case OP_TEXT: base_str_add(s, v->text ? v->text : ""); break;
    case OP_DATA: base_str_bytes(s, v->data->data, v->data->bytes); break;
    case OP_INTS_LIST:
    case OP_DIMS: base_str_bytes(s, v->list, (size_t)v->n * sizeof *v->list); break;
    default: base_str_bytes(s, &v->i, sizeof v->i);
    }
}

/* Bytes as text, two letters for each: a key is a text, and graphs have many. */
static void add_letters(base_str *text, const base_str *raw)
{
    static const char letters[] = "0123456789abcdef";
    for (size_t i = 0; i < raw->length;) {
        char part[256];
        size_t n = 0;
        for (; n < sizeof part && i < raw->length; i++) {
            part[n++] = letters[(unsigned char)raw->text[i] >> 4];
            part[n++] = letters[(unsigned char)raw->text[i] & 15];
        }
        base_str_bytes(text, part, n);
    }
}

/* What makes two nodes the same, as text without zero bytes. NULL: not to be merged. */
static char *signature(const tn_graph *g, const graph_node *node, tn_tensor *const *in)
{
    base_str raw = {0}, text = {0};
    if (strcmp(node->def->name, "input") == 0)
        return NULL;
    base_str_printf(&raw, "%s", node->def->name);
    for (int i = 0; i < node->n_in; i++)
        base_str_printf(&raw, ",%d", in[i] ? in[i]->id : -1);
    for (int i = 0; i < op_count_arg(node->def); i++) {
        base_str_printf(&raw, "|%d:", node->arg[i].n);
        print_value(&raw, &node->def->arg[i], &node->arg[i]);
    }
    for (int i = 0; i < node->n_out; i++) {
        base_str_printf(&raw, ";%d", (int)node->out[i].type.dtype);
        base_str_bytes(&raw, node->out[i].type.dims, (size_t)node->out[i].type.rank * sizeof(tn_dim));
    }
    add_letters(&text, &raw);
    char *copy = raw.failed || text.failed ? NULL : base_arena_strdup(g->arena, base_str_text(&text));
    base_str_free(&raw);
    base_str_free(&text);
    return copy;
}

static bool simplify_node(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    simplify *s = user;
    tn_tensor *y = algebra(m->to, node, in);
    if (!y && foldable(node, in))
        y = fold(m->to, node, in, m->to->training);
    if (y) {
        out[0] = y;
        s->changed++;
        return true;
    }
    char *key = node->sub ? NULL : signature(m->to, node, in);
    graph_node *old = key ? base_map_get(&s->seen, key) : NULL;
    if (old)
        s->changed++;
    else
        old = pass_clone(m, node, in);
    if (key && old && !base_map_put(&s->seen, key, old))
        graph_fail(m->to, TN_MEMORY, "out of memory while simplifying");
    for (int i = 0; old && i < node->n_out; i++)
        out[i] = &old->out[i];
    return true;
}

tn_graph *pass_simplify(const tn_graph *g, base_error *e)
{
    tn_graph *now = NULL;
    for (int round = 0; round < MOST_ROUNDS; round++) {
        simplify s = {0};
        tn_graph *next = pass_rewrite(now ? now : g, simplify_node, &s, e);
        base_map_free(&s.seen);
        tn_graph_free(now);
        now = next;
        if (!now || !s.changed)
            break;
    }
    return now;
}
