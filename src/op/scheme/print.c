/* print.c: graphs as text, a line a node, and for Graphviz. */
#include "op/scheme/op.h"

#include "base/number.h"

static void print_inputs(const graph_node *node, base_str *s)
{
    for (int i = 0; i < node->n_in; i++) {
        base_str_add(s, i ? ", " : "");
        if (!node->in[i])
            base_str_add(s, "-");
        else if (node->in[i]->index)
            base_str_printf(s, "%%%d.%d", node->in[i]->node->id, node->in[i]->index);
        else
            base_str_printf(s, "%%%d", node->in[i]->node->id);
    }
}

static void print_value(const dim_table *t, const op_argdef *a, const op_value *v, base_str *s)
{
    char number[32];
    switch (a->kind) {
    case OP_INT: base_str_printf(s, "%lld", (long long)v->i); break;
    case OP_BOOL: base_str_add(s, v->i ? "true" : "false"); break;
    case OP_ENUM: base_str_add(s, a->names[v->i]); break;
    case OP_DTYPE: base_str_add(s, tn_dtype_name((tn_dtype)v->i)); break;
    case OP_FLOAT: base_str_add(s, base_format_f64(v->f, number)); break;
    case OP_TEXT: base_str_add(s, v->text ? v->text : ""); break;
    case OP_DATA:
        if (v->data->rank == 0)
            base_str_add(s, base_format_f64(op_element_to_f64(v->data->dtype, v->data->data), number));
        else
            base_str_printf(s, "%zu bytes", v->data->bytes);
        break;
    default:
        for (int i = 0; i < v->n; i++) {
            base_str_add(s, i ? "," : "");
            dim_print(t, v->list[i], s);
        }
    }
}

static void print_args(const dim_table *t, const graph_node *node, base_str *s)
{
    const op_def *def = node->def;
    for (int i = 0; i < op_count_arg(def); i++) {
        base_str_printf(s, " %s=", def->arg[i].name);
        print_value(t, &def->arg[i], &node->arg[i], s);
    }
}

static void print_graph(const tn_graph *g, const char *indent, base_str *s)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        base_str_printf(s, "%s%%%d = %s(", indent, node->id, node->def->name);
        print_inputs(node, s);
        base_str_add(s, ")");
        print_args(g->dims, node, s);
        base_str_add(s, " : ");
        for (int k = 0; k < node->n_out; k++) {
            base_str_add(s, k ? ", " : "");
            graph_print_type(g->dims, &node->out[k].type, s);
        }
        base_str_printf(s, "  # %s\n", node->name);
        if (node->sub)
            print_graph(node->sub, "        ", s);
    }
}

static void print_results(const graph_result *r, size_t n, base_str *s)
{
    static const char *const verb[] = {
        [GRAPH_OUTPUT] = "output", [GRAPH_WRITE] = "write", [GRAPH_CHECK] = "check finite"};
    for (size_t i = 0; i < n; i++)
        base_str_printf(s, "  %s %s = %%%d.%d\n", verb[r[i].kind], r[i].name, r[i].value->node->id, r[i].value->index);
}

char *tn_graph_text(const tn_graph *g)
{
    base_str s = {0};
    print_graph(g, "", &s);
    for (size_t i = 0; i < g->entries.n; i++) {
        const tn_entry *e = g->entries.at[i];
        base_str_printf(&s, "entry %s%s\n", e->name, e->training ? " (training)" : "");
        print_results(e->results.at, e->results.n, &s);
    }
    print_results(g->results.at, g->results.n, &s);
    base_str_add(&s, "");
    if (!s.failed)
        return s.text;
    base_str_free(&s);
    return NULL;
}

static void dot_escape(const char *text, base_str *s)
{
    for (; *text; text++) {
        char c[3] = {'\\', *text, 0};
        base_str_add(s, *text == '"' || *text == '\\' ? c : c + 1);
    }
}

char *tn_graph_dot(const tn_graph *g)
{
    base_str s = {0};
    base_str_add(&s, "digraph tarn {\n  node [shape=box, fontname=\"Helvetica\", fontsize=10];\n  edge "
                     "[fontname=\"Helvetica\", fontsize=8];\n");
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        base_str_printf(&s, "  n%d [label=\"", node->id);
        dot_escape(node->name, &s);
        base_str_printf(&s, "\\n%s\"%s];\n", node->def->name,
                        node->n_in ? "" : ", style=filled, fillcolor=\"#e8eef7\"");
        for (int k = 0; k < node->n_in; k++) {
            if (!node->in[k])
                continue;
            base_str_printf(&s, "  n%d -> n%d [label=\"", node->in[k]->node->id, node->id);
            graph_print_type(g->dims, &node->in[k]->type, &s);
            base_str_add(&s, "\"];\n");
        }
    }
    base_str_add(&s, "}\n");
    if (!s.failed)
        return s.text;
    base_str_free(&s);
    return NULL;
}
