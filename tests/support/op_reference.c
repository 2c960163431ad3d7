/* op_reference.c: see op_reference.h. */
#include "support/op_reference.h"

#include <stdlib.h>
#include <string.h>

static void *take(op_reference *r, int64_t n, size_t size)
{
    void *p = base_arena_array(&r->arena, (size_t)n + 1, size);
    if (!p)
        abort();
    return p;
}

static op_array *array_of(op_reference *r, const graph_type *type)
{
    op_array *a = take(r, 1, sizeof *a);
    *a = (op_array){.dtype = type->dtype, .rank = type->rank, .count = 1};
    for (int i = 0; i < a->rank; i++) {
        a->dims[i] = type->dims[i];
        a->count *= type->dims[i];
    }
    if (tn_dtype_is_float(type->dtype))
        a->f = take(r, a->count, sizeof *a->f);
    else
        a->i = take(r, a->count, sizeof *a->i);
    a->magnitude = take(r, a->count, sizeof *a->magnitude);
    return a;
}

static void load(op_array *a, const void *data)
{
    size_t size = tn_dtype_size(a->dtype);
    for (int64_t i = 0; i < a->count; i++)
        if (a->f)
            a->f[i] = op_element_to_f64(a->dtype, (const char *)data + (size_t)i * size);
        else
            a->i[i] = op_element_to_i64(a->dtype, (const char *)data + (size_t)i * size);
}

void op_reference_open(op_reference *r, const tn_graph *g)
{
    *r = (op_reference){.graph = g};
    r->value = take(r, g->n_tensors, sizeof(op_array *));
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        for (int k = 0; k < node->n_out; k++)
            r->value[node->out[k].id] = array_of(r, &node->out[k].type);
        if (strcmp(node->def->name, "constant") == 0)
            load(r->value[node->out[0].id], node->arg[0].data->data);
        else if (strcmp(node->def->name, "size") == 0)
            r->value[node->out[0].id]->i[0] = node->arg[0].list[0];
    }
}

void op_reference_close(op_reference *r)
{
    base_arena_free(&r->arena);
    *r = (op_reference){0};
}

void op_reference_set(op_reference *r, const tn_tensor *x, const void *data)
{
    load(r->value[x->id], data);
}

static void compute(op_reference *r, const graph_node *node)
{
    const op_array *in[node->n_in + 1];
    op_array *out[node->n_out + 1];
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? r->value[node->in[i]->id] : NULL;
    for (int i = 0; i < node->n_out; i++) {
        out[i] = r->value[node->out[i].id];
        memset(out[i]->magnitude, 0, (size_t)out[i]->count * sizeof *out[i]->magnitude);
        if (out[i]->f)
            memset(out[i]->f, 0, (size_t)out[i]->count * sizeof *out[i]->f);
        else
            memset(out[i]->i, 0, (size_t)out[i]->count * sizeof *out[i]->i);
    }
    if (r->unrounded && strcmp(node->def->name, "cast") == 0 && in[0]->f && out[0]->f) {
        memcpy(out[0]->f, in[0]->f, (size_t)in[0]->count * sizeof *in[0]->f);
        return;
    }
    op_ref c = {.node = node,
                .n_in = node->n_in,
                .n_out = node->n_out,
                .in = in,
                .out = out,
                .arg = node->arg,
                .training = r->training,
                .seed = r->seed,
                .step = r->step,
                .fault = &r->fault};
    if (node->def->room)
        c.room = malloc(((size_t)node->def->room * (size_t)in[0]->count + 1) * sizeof *c.room);
    node->def->ref(&c);
    free(c.room);
}

const op_array *op_reference_get(op_reference *r, const tn_tensor *x)
{
    const tn_graph *g = r->graph;
    bool *needed = calloc(g->nodes.n + 1, sizeof *needed);
    if (!needed)
        abort();
    r->fault = NULL;
    needed[x->node->id] = true;
    for (int i = x->node->id; i >= 0; i--)
        for (int k = 0; needed[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                needed[g->nodes.at[i]->in[k]->node->id] = true;
    for (int i = 0; i <= x->node->id; i++)
        if (needed[i] && !(g->nodes.at[i]->def->flags & OP_SOURCE))
            compute(r, g->nodes.at[i]);
    free(needed);
    return r->value[x->id];
}
