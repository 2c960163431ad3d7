/* graph_write.c: graphs to JSON; see graph_json.h. */
#include <stdlib.h>
#include <string.h>

#include "format/graph_json.h"
#include "format/json.h"
#include "op/internal.h"
#include <tarn/custom.h>

enum { INLINE_ELEMENTS = 16 };

typedef struct writer {
    const tn_graph *g;
    const format_graph_extent *extent;
    format_graph_text *out;
    format_json_out w;
    int *number; /* by node: its place in the text, -1 left out */
    base_error *e;
} writer;

/* Entries may have been given more outputs since. */
static bool was_there(const writer *x, const tn_tensor *t)
{
    return (size_t)t->node->id < x->extent->nodes;
}

static void find_nodes(writer *x)
{
    const tn_graph *g = x->g;
    bool *needed = calloc(g->nodes.n + 1, 1);
    for (size_t i = 0; needed && i < x->extent->entries; i++)
        for (size_t k = 0; k < g->entries.at[i]->results.n; k++)
            if (was_there(x, g->entries.at[i]->results.at[k].value))
                needed[g->entries.at[i]->results.at[k].value->node->id] = true;
    for (size_t i = 0; needed && i < g->losses.n; i++)
        needed[g->losses.at[i].value->node->id] = true;
    for (bool more = needed != NULL; more;) {
        more = false;
        for (size_t i = g->nodes.n; i-- > 0;)
            for (int k = 0; needed[i] && k < g->nodes.at[i]->n_in; k++)
                if (g->nodes.at[i]->in[k])
                    needed[g->nodes.at[i]->in[k]->node->id] = true;
        for (size_t u = 0; u < x->extent->updates; u++) {
            const graph_result *r = &g->updates.at[u];
            bool *value = &needed[r->value->node->id];
            if (needed[r->when->node->id] && !*value)
                more = *value = true;
        }
    }
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        x->number[i] = needed && needed[i] ? n++ : -1;
    x->out->json.failed |= needed == NULL;
    free(needed);
}

static void put_value(writer *x, const char *key, const tn_tensor *t)
{
    if (!t) {
        format_json_put_null(&x->w, key);
        return;
    }
    format_json_open_list(&x->w, key);
    format_json_put_i64(&x->w, NULL, x->number[t->node->id]);
    format_json_put_i64(&x->w, NULL, t->index);
    format_json_close(&x->w);
}

static void put_dim(writer *x, tn_dim d)
{
    base_str text = {0};
    if (d >= TN_INFER) {
        format_json_put_i64(&x->w, NULL, d);
        return;
    }
    dim_print(x->g->dims, d, &text);
    format_json_put_string(&x->w, NULL, base_str_text(&text));
    x->out->json.failed |= text.failed;
    base_str_free(&text);
}

static void put_data(writer *x, const char *key, const tn_view *v, int number)
{
    size_t size = tn_dtype_size(v->dtype), n = size ? v->bytes / size : 0;
    format_json_open_object(&x->w, key);
    format_json_put_string(&x->w, "dtype", tn_dtype_name(v->dtype));
    format_json_open_list(&x->w, "shape");
    for (int i = 0; i < v->rank; i++)
        format_json_put_i64(&x->w, NULL, v->dims[i]);
    format_json_close(&x->w);
    if (n <= INLINE_ELEMENTS) {
        format_json_open_list(&x->w, "values");
        for (size_t i = 0; i < n; i++) {
            const char *element = (const char *)v->data + i * size;
            if (tn_dtype_is_float(v->dtype))
                format_json_put_f64(&x->w, NULL, op_element_to_f64(v->dtype, element));
            else
                format_json_put_i64(&x->w, NULL, op_element_to_i64(v->dtype, element));
        }
        format_json_close(&x->w);
    } else {
        format_tensor t = {.name = base_arena_printf(&x->out->arena, "constant.%d", number),
                           .dtype = v->dtype,
                           .rank = v->rank,
                           .data = v->data,
                           .bytes = v->bytes};
        memcpy(t.dims, v->dims, sizeof t.dims);
        if (!t.name || !base_vec_push(&x->out->constants, t))
            x->out->json.failed = true;
    }
    format_json_close(&x->w);
}

static void put_argument(writer *x, const op_argdef *a, const op_value *v, int number)
{
    switch (a->kind) {
    case OP_INT: format_json_put_i64(&x->w, a->name, v->i); break;
    case OP_BOOL: format_json_put_bool(&x->w, a->name, v->i != 0); break;
    case OP_FLOAT: format_json_put_f64(&x->w, a->name, v->f); break;
    case OP_ENUM: format_json_put_string(&x->w, a->name, a->names[v->i]); break;
    case OP_DTYPE: format_json_put_string(&x->w, a->name, tn_dtype_name((tn_dtype)v->i)); break;
    case OP_TEXT: format_json_put_string(&x->w, a->name, v->text ? v->text : ""); break;
    case OP_DATA: put_data(x, a->name, v->data, number); break;
    default:
        format_json_open_list(&x->w, a->name);
        for (int i = 0; i < v->n; i++)
            a->kind == OP_DIMS ? put_dim(x, v->list[i]) : format_json_put_i64(&x->w, NULL, v->list[i]);
        format_json_close(&x->w);
    }
}

/* State nodes carry what the state declaration says beside its shape. */
static void put_state(writer *x, const graph_state *s)
{
    format_json_put_bool(&x->w, "trainable", s->trainable);
    format_json_put_bool(&x->w, "frozen", s->frozen);
    format_json_open_list(&x->w, "init");
    format_json_put_string(&x->w, NULL, graph_init_names[s->init.kind]);
    format_json_put_f64(&x->w, NULL, s->init.a);
    format_json_put_f64(&x->w, NULL, s->init.b);
    format_json_close(&x->w);
}

/* Of an operator from outside a file has the name, and whoever loads it the rest. */
static void put_custom(writer *x, const tn_operator *op)
{
    format_json_put_string(&x->w, "domain", op->domain ? op->domain : "");
    format_json_put_string(&x->w, "name", op->name);
    format_json_put_i64(&x->w, "version", op->version);
}

static tn_status put_node(writer *x, const graph_node *node)
{
    if (node->sub)
        return base_fail(x->e, TN_UNSUPPORTED, "the node '%s' was made by a pass; only graphs as built can be saved",
                         node->name);
    format_json_open_object(&x->w, NULL);
    format_json_put_string(&x->w, "op", node->def->name);
    format_json_put_string(&x->w, "name", node->name);
    format_json_open_list(&x->w, "in");
    for (int i = 0; i < node->n_in; i++)
        put_value(x, NULL, node->in[i]);
    format_json_close(&x->w);
    format_json_open_object(&x->w, "args");
    if (node->def == &op_custom)
        put_custom(x, op_custom_of(node));
    for (int i = 0; node->def != &op_custom && i < op_count_arg(node->def); i++)
        put_argument(x, &node->def->arg[i], &node->arg[i], x->number[node->id]);
    format_json_close(&x->w);
    if (node->mark.region)
        format_json_put_i64(&x->w, "region", node->mark.region);
    if (node->mark.layer)
        format_json_put_i64(&x->w, "layer", node->mark.layer);
    if (strcmp(node->def->name, "state") == 0)
        put_state(x, graph_find_state(x->g, node->name));
    format_json_close(&x->w);
    return TN_OK;
}

static void put_entries(writer *x)
{
    format_json_open_list(&x->w, "entries");
    for (size_t i = 0; i < x->extent->entries; i++) {
        const tn_entry *entry = x->g->entries.at[i];
        format_json_open_object(&x->w, NULL);
        format_json_put_string(&x->w, "name", entry->name);
        format_json_put_bool(&x->w, "training", entry->training);
        format_json_open_list(&x->w, "outputs");
        for (size_t k = 0; k < entry->results.n; k++) {
            if (entry->results.at[k].kind != GRAPH_OUTPUT || !was_there(x, entry->results.at[k].value))
                continue;
            format_json_open_object(&x->w, NULL);
            format_json_put_string(&x->w, "name", entry->results.at[k].name);
            put_value(x, "value", entry->results.at[k].value);
            format_json_close(&x->w);
        }
        format_json_close(&x->w);
        format_json_close(&x->w);
    }
    format_json_close(&x->w);
}

static void put_updates(writer *x)
{
    format_json_open_list(&x->w, "updates");
    for (size_t i = 0; i < x->extent->updates; i++) {
        const graph_result *r = &x->g->updates.at[i];
        const graph_state *s = graph_find_state(x->g, r->name);
        if (x->number[r->when->node->id] < 0 || !s || x->number[s->value->node->id] < 0)
            continue;
        format_json_open_object(&x->w, NULL);
        format_json_put_i64(&x->w, "state", x->number[s->value->node->id]);
        put_value(x, "value", r->value);
        put_value(x, "when", r->when);
        format_json_close(&x->w);
    }
    format_json_close(&x->w);
}

static void put_losses(writer *x)
{
    if (x->g->losses.n == 0)
        return;
    format_json_open_list(&x->w, "losses");
    for (size_t i = 0; i < x->g->losses.n; i++) {
        format_json_open_object(&x->w, NULL);
        put_value(x, "value", x->g->losses.at[i].value);
        format_json_put_f64(&x->w, "weight", x->g->losses.at[i].weight);
        format_json_close(&x->w);
    }
    format_json_close(&x->w);
}

static void put_layers(writer *x)
{
    if (x->g->layers.n == 0)
        return;
    format_json_open_list(&x->w, "layers");
    for (size_t i = 0; i < x->g->layers.n; i++) {
        format_json_open_object(&x->w, NULL);
        format_json_put_string(&x->w, "name", x->g->layers.at[i].name);
        format_json_put_string(&x->w, "type", x->g->layers.at[i].type);
        format_json_close(&x->w);
    }
    format_json_close(&x->w);
}

format_graph_extent format_graph_extent_of(const tn_graph *g)
{
    return (format_graph_extent){g->nodes.n, g->entries.n, g->updates.n};
}

tn_status format_graph_write(const tn_graph *g, const format_graph_extent *extent, format_graph_text *out,
                             base_error *e)
{
    writer x = {.g = g,
                .extent = extent,
                .out = out,
                .w = {.to = &out->json},
                .number = calloc(g->nodes.n + 1, sizeof *x.number),
                .e = e};
    tn_status status = x.number ? TN_OK : base_no_memory(e, "writing a graph");
    if (status == TN_OK) {
        find_nodes(&x);
        format_json_open_object(&x.w, NULL);
        format_json_open_list(&x.w, "nodes");
        for (size_t i = 0; i < g->nodes.n && status == TN_OK; i++)
            if (x.number[i] >= 0)
                status = put_node(&x, g->nodes.at[i]);
        format_json_close(&x.w);
        put_entries(&x);
        put_updates(&x);
        put_losses(&x);
        put_layers(&x);
        format_json_close(&x.w);
    }
    free(x.number);
    if (status == TN_OK && out->json.failed)
        status = base_no_memory(e, "writing a graph");
    return status;
}

void format_graph_text_free(format_graph_text *t)
{
    base_str_free(&t->json);
    base_vec_free(&t->constants);
    base_arena_free(&t->arena);
}
