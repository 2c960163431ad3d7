/* graph_read.c: graphs from JSON; see graph_json.h. Every node is built through its operator, whose checks judge it. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "format/graph_json.h"
#include "format/json.h"
#include "op/internal.h"
#include <tarn/custom.h>

enum { MOST_INPUTS = 1024, MOST_REGIONS = 1000000 };

typedef struct reader {
    tn_graph *g;
    const format_safetensors *file;
    graph_node **node; /* by number in the text */
    size_t n;          /* nodes read so far */
    const char *what;
    char where[160]; /* "model.safetensors: graph node 7 ('fc1.linear')" */
    base_error *e;
} reader;

/* What the graph said of the last thing built, as a sentence about the file. */
static tn_status graph_failure(reader *r)
{
    tn_status status = r->g->error.status;
    if (status == TN_OK)
        return TN_OK;
    return base_fail(r->e, status == TN_MEMORY ? TN_MEMORY : TN_FORMAT, "%s: %s", r->where, r->g->error.text);
}

static tn_status read_value(reader *r, const format_json *v, tn_tensor **out)
{
    int64_t pair[2];
    size_t n;
    BASE_TRY(format_json_as_i64s(v, r->where, pair, 2, &n, r->e));
    if (n != 2 || pair[0] < 0 || (uint64_t)pair[0] >= r->n || pair[1] < 0 || pair[1] >= r->node[pair[0]]->n_out)
        return base_fail(r->e, TN_FORMAT, "%s refers to a value that does not stand before it", r->where);
    *out = &r->node[pair[0]]->out[pair[1]];
    return TN_OK;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static tn_status read_list(reader *r, const op_argdef *a, const format_json *v, op_value *out)
{
    BASE_TRY(format_json_as_list(v, r->where, r->e));
    size_t n = format_json_count(v);
    int64_t *list = BASE_ARRAY(r->g->arena, int64_t, n + 1);
    if (!list)
        return base_no_memory(r->e, "reading a graph");
    if (n > MOST_INPUTS)
        return base_fail(r->e, TN_LIMIT, "%s: the argument '%s' is too long", r->where, a->name);
    for (size_t i = 0; i < n; i++) {
        const format_json *item = format_json_at(v, i);
        const char *text;
        if (a->kind == OP_DIMS && strcmp(format_json_kind(item), "a string") == 0) {
            BASE_TRY(format_json_as_string(item, r->where, &text, r->e));
            if (!dim_parse(r->g->dims, text, &list[i]))
                return r->g->dims->failed
                           ? dim_failure(r->g->dims, r->e)
                           : base_fail(r->e, TN_FORMAT, "%s: '%s' is no size", r->where, BASE_SHOW(text));
        } else {
            BASE_TRY(format_json_as_i64(item, r->where, a->kind == OP_DIMS ? TN_INFER : INT64_MIN, INT64_MAX, &list[i],
                                        r->e));
        }
    }
    *out = (op_value){.n = (int)n, .list = list};
    return TN_OK;
}

static tn_status read_values(reader *r, const format_json *values, tn_view *v)
{
    size_t size = tn_dtype_size(v->dtype), n = (size_t)tn_view_count(v);
    v->data = base_arena_alloc(r->g->arena, v->bytes + 1);
    if (!v->data)
        return base_no_memory(r->e, "reading a graph");
    if (format_json_count(values) != n)
        return base_fail(r->e, TN_FORMAT, "%s: a constant has %zu values where its shape needs %zu", r->where,
                         format_json_count(values), n);
    for (size_t i = 0; i < n; i++) {
        char *element = (char *)v->data + i * size;
        double f;
        int64_t k;
        if (tn_dtype_is_float(v->dtype)) {
            BASE_TRY(format_json_as_f64(format_json_at(values, i), r->where, &f, r->e));
            op_element_from_f64(v->dtype, f, element);
        } else {
            BASE_TRY(format_json_as_i64(format_json_at(values, i), r->where, INT64_MIN, INT64_MAX, &k, r->e));
            op_element_from_i64(v->dtype, k, element);
        }
    }
    return TN_OK;
}

static tn_status read_data(reader *r, const format_json *v, op_value *out)
{
    tn_view *view = BASE_NEW(r->g->arena, tn_view);
    const char *dtype;
    const format_json *shape, *values = format_json_find(v, "values");
    int64_t dims[TN_MAX_RANK];
    size_t rank;
    char name[32];
    BASE_TRY(format_json_get_string(v, r->where, "dtype", &dtype, r->e));
    BASE_TRY(format_json_get_list(v, r->where, "shape", &shape, r->e));
    BASE_TRY(format_json_as_i64s(shape, r->where, dims, TN_MAX_RANK, &rank, r->e));
    if (!view)
        return base_no_memory(r->e, "reading a graph");
    *view = tn_view_of(NULL, tn_dtype_from_name(dtype), (int)rank, dims);
    if (tn_dtype_size(view->dtype) == 0 || tn_view_count(view) < 0 || view->bytes > (size_t)1 << 40)
        return base_fail(r->e, TN_FORMAT, "%s: a constant has no valid dtype or shape", r->where);
    out->data = view;
    if (values && view->bytes <= (size_t)1 << 20)
        return read_values(r, values, view);
    (void)base_print(name, sizeof name, "constant.%zu", r->n);
    const format_tensor *t = r->file ? format_safetensors_find(r->file, name) : NULL;
    if (!t || t->dtype != view->dtype || t->bytes != view->bytes)
        return base_fail(r->e, TN_FORMAT, "%s: its data '%s' are not in the file, or have another dtype or size",
                         r->where, name);
    view->data = (void *)(uintptr_t)t->data; /* copied by tn_constant */
    return TN_OK;
}

static tn_status read_enum(reader *r, const op_argdef *a, const format_json *v, op_value *out)
{
    const char *text;
    BASE_TRY(format_json_as_string(v, r->where, &text, r->e));
    for (int i = 0; a->names[i]; i++)
        if (strcmp(a->names[i], text) == 0) {
            out->i = i;
            return TN_OK;
        }
    return base_fail(r->e, TN_FORMAT, "%s: '%s' is no choice for '%s'", r->where, BASE_SHOW(text), a->name);
}

static tn_status read_argument(reader *r, const op_argdef *a, const format_json *v, op_value *out)
{
    const char *text;
    bool flag = false;
    switch (a->kind) {
    case OP_INT: return format_json_as_i64(v, r->where, INT64_MIN, INT64_MAX, &out->i, r->e);
    case OP_FLOAT: return format_json_as_f64(v, r->where, &out->f, r->e);
    case OP_BOOL:
        BASE_TRY(format_json_as_bool(v, r->where, &flag, r->e));
        out->i = flag;
        return TN_OK;
    case OP_ENUM: return read_enum(r, a, v, out);
    case OP_TEXT: return format_json_as_string(v, r->where, &out->text, r->e);
    case OP_DTYPE:
        BASE_TRY(format_json_as_string(v, r->where, &text, r->e));
        out->i = tn_dtype_from_name(text);
        return out->i ? TN_OK : base_fail(r->e, TN_FORMAT, "%s: '%s' is no dtype", r->where, BASE_SHOW(text));
    case OP_DATA: return read_data(r, v, out);
    default: return read_list(r, a, v, out);
    }
}

static tn_status read_arguments(reader *r, const op_def *def, const format_json *args, op_value *out)
{
    int n = op_count_arg(def);
    void *iter = NULL;
    const char *key;
    const format_json *value;
    for (int i = 0; i < n; i++)
        out[i] = def->arg[i].def;
    while (format_json_next(args, &iter, &key, &value)) {
        int i = 0;
        while (i < n && strcmp(def->arg[i].name, key) != 0)
            i++;
        if (i == n)
            return base_fail(r->e, TN_FORMAT, "%s: %s has no argument '%s'", r->where, def->name, BASE_SHOW(key));
        BASE_TRY(read_argument(r, &def->arg[i], value, &out[i]));
    }
    return TN_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* Files store names; the first ones stored the number. */
static tn_status read_init_kind(reader *r, const format_json *v, tn_init_kind *kind)
{
    int64_t number = 0;
    const char *name;
    if (strcmp(format_json_kind(v), "a string") != 0) {
        BASE_TRY(format_json_as_i64(v, r->where, 0, TN_INIT_FAN_UNIFORM, &number, r->e));
    } else {
        BASE_TRY(format_json_as_string(v, r->where, &name, r->e));
        while (graph_init_names[number] && strcmp(graph_init_names[number], name) != 0)
            number++;
        if (!graph_init_names[number])
            return base_fail(r->e, TN_UNSUPPORTED, "%s: there is no initialiser '%s' in this version", r->where,
                             BASE_SHOW(name));
    }
    *kind = (tn_init_kind)number;
    return TN_OK;
}

static tn_status read_state(reader *r, const format_json *v, const char *name, const op_value *arg, tn_tensor **out)
{
    tn_init init = {TN_INIT_ZEROS, 0, 0};
    bool trainable = false, frozen = false;
    const format_json *list;
    tn_shape shape = {.rank = arg[2].n};
    BASE_TRY(format_json_get_bool(v, r->where, "trainable", &trainable, r->e));
    BASE_TRY(format_json_get_bool(v, r->where, "frozen", &frozen, r->e));
    BASE_TRY(format_json_get_list(v, r->where, "init", &list, r->e));
    BASE_TRY(read_init_kind(r, format_json_at(list, 0), &init.kind));
    BASE_TRY(format_json_as_f64(format_json_at(list, 1), r->where, &init.a, r->e));
    BASE_TRY(format_json_as_f64(format_json_at(list, 2), r->where, &init.b, r->e));
    for (int i = 0; i < shape.rank && i < TN_MAX_RANK; i++)
        shape.dims[i] = arg[2].list[i];
    *out = (trainable ? tn_param : tn_buffer)(r->g, name, (tn_dtype)arg[1].i, shape, &init);
    if (!graph_poisoned(*out) && trainable && frozen)
        tn_param_freeze(*out, true);
    return TN_OK;
}

static tn_status read_inputs(reader *r, const format_json *list, tn_tensor **in, size_t *n)
{
    *n = format_json_count(list);
    if (*n > MOST_INPUTS)
        return base_fail(r->e, TN_LIMIT, "%s has more than %d inputs", r->where, MOST_INPUTS);
    for (size_t i = 0; i < *n; i++) {
        in[i] = NULL;
        if (strcmp(format_json_kind(format_json_at(list, i)), "null") != 0)
            BASE_TRY(read_value(r, format_json_at(list, i), &in[i]));
    }
    return TN_OK;
}

/* An operator of the program: the file names it, the context must have it. */
static tn_status read_custom(reader *r, const format_json *args, const char *path, int n, tn_tensor **in,
                             tn_tensor **out)
{
    const char *domain, *name;
    int64_t version;
    BASE_TRY(format_json_get_string(args, r->where, "domain", &domain, r->e));
    BASE_TRY(format_json_get_string(args, r->where, "name", &name, r->e));
    BASE_TRY(format_json_get_i64(args, r->where, "version", 0, INT64_MAX, &version, r->e));
    const tn_operator *op = op_custom_find(r->g->context, domain, name, version);
    const tn_operator *other = op ? op : op_custom_find(r->g->context, domain, name, -1);
    char has[64] = "";
    if (!op && other)
        (void)base_print(has, sizeof has, ", but version %lld is", (long long)other->version);
    if (!op)
        return base_fail(
            r->e, TN_NOT_FOUND,
            "%s is the operator '%s' of the domain '%s', version %lld, which is not registered here%s: the "
            "program that loads the file must define it and call tn_operator_register before",
            r->where, BASE_SHOW(name), BASE_SHOW(domain), (long long)version, has);
    *out = op_custom_apply(r->g, op, path, n, in);
    return TN_OK;
}

static tn_status build(reader *r, const format_json *v, const op_def *def, const char *name)
{
    const format_json *ins, *args;
    tn_tensor *in[MOST_INPUTS], *made = NULL;
    size_t n_in;
    op_value arg[OP_MAX_ARG] = {0};
    BASE_TRY(format_json_get_list(v, r->where, "in", &ins, r->e));
    BASE_TRY(format_json_get_object(v, r->where, "args", &args, r->e));
    BASE_TRY(read_inputs(r, ins, in, &n_in));
    if (def != &op_custom)
        BASE_TRY(read_arguments(r, def, args, arg));
    if (def == &op_custom) {
        BASE_TRY(read_custom(r, args, name, (int)n_in, in, &made));
    } else if (strcmp(def->name, "state") == 0) {
        BASE_TRY(read_state(r, v, name, arg, &made));
    } else if (strcmp(def->name, "input") == 0) {
        tn_shape shape = {.rank = arg[2].n};
        for (int i = 0; i < shape.rank && i < TN_MAX_RANK; i++)
            shape.dims[i] = arg[2].list[i];
        made = tn_input(r->g, name, (tn_dtype)arg[1].i, shape);
    } else {
        if (strcmp(def->name, "constant") == 0 && !arg[0].data)
            return base_fail(r->e, TN_FORMAT, "%s has no data", r->where);
        graph_node *node = op_apply_named(r->g, def, name, (int)n_in, in, arg);
        made = node ? &node->out[0] : NULL;
    }
    BASE_TRY(graph_failure(r));
    r->node[r->n++] = made->node;
    return TN_OK;
}

static tn_status read_node(reader *r, const format_json *v)
{
    const char *op, *name;
    (void)base_print(r->where, sizeof r->where, "%s: graph node %zu", r->what, r->n);
    BASE_TRY(format_json_as_object(v, r->where, r->e));
    BASE_TRY(format_json_get_string(v, r->where, "op", &op, r->e));
    BASE_TRY(format_json_get_string(v, r->where, "name", &name, r->e));
    (void)base_print(r->where, sizeof r->where, "%s: graph node %zu ('%s')", r->what, r->n, BASE_SHOW(name));
    const op_def *def = op_find(op);
    if (!def || def == &op_fused)
        return base_fail(r->e, TN_UNSUPPORTED, "%s: there is no operator '%s' in this version", r->where,
                         BASE_SHOW(op));
    if (name[0] == '\0' || base_map_get(&r->g->names, name))
        return base_fail(r->e, TN_FORMAT, "%s has an empty name, or one that stands before", r->where);
    int64_t region = 0;
    if (format_json_find(v, "region"))
        BASE_TRY(format_json_get_i64(v, r->where, "region", 1, MOST_REGIONS, &region, r->e));
    r->g->n_regions = (int)region > r->g->n_regions ? (int)region : r->g->n_regions;
    int64_t layer = 0;
    if (format_json_find(v, "layer"))
        BASE_TRY(format_json_get_i64(v, r->where, "layer", 1, (int64_t)r->g->layers.n, &layer, r->e));
    r->g->mark = (graph_mark){.region = (int)region, .layer = (int)layer};
    tn_status status = build(r, v, def, name);
    r->g->mark = (graph_mark){0};
    return status;
}

static tn_status read_entry(reader *r, const format_json *v)
{
    const char *name;
    bool training;
    const format_json *outputs;
    (void)base_print(r->where, sizeof r->where, "%s: graph entry", r->what);
    BASE_TRY(format_json_get_string(v, r->where, "name", &name, r->e));
    BASE_TRY(format_json_get_bool(v, r->where, "training", &training, r->e));
    BASE_TRY(format_json_get_list(v, r->where, "outputs", &outputs, r->e));
    tn_entry *entry = tn_entry_new(r->g, name, training ? TN_TRAINING : 0);
    for (size_t i = 0; i < format_json_count(outputs); i++) {
        const format_json *o = format_json_at(outputs, i);
        tn_tensor *value;
        BASE_TRY(format_json_get_string(o, r->where, "name", &name, r->e));
        BASE_TRY(read_value(r, format_json_find(o, "value"), &value));
        tn_entry_output(entry, name, value);
    }
    return graph_failure(r);
}

static tn_status read_update(reader *r, const format_json *v)
{
    int64_t state;
    tn_tensor *value, *when;
    (void)base_print(r->where, sizeof r->where, "%s: graph update", r->what);
    BASE_TRY(format_json_get_i64(v, r->where, "state", 0, (int64_t)r->n - 1, &state, r->e));
    BASE_TRY(read_value(r, format_json_find(v, "value"), &value));
    BASE_TRY(read_value(r, format_json_find(v, "when"), &when));
    tn_graph_update(r->g, &r->node[state]->out[0], value, when);
    return graph_failure(r);
}

static tn_status read_loss(reader *r, const format_json *v)
{
    double weight;
    tn_tensor *value;
    (void)base_print(r->where, sizeof r->where, "%s: graph loss", r->what);
    BASE_TRY(format_json_as_object(v, r->where, r->e));
    BASE_TRY(read_value(r, format_json_find(v, "value"), &value));
    BASE_TRY(format_json_get_f64(v, r->where, "weight", &weight, r->e));
    tn_graph_add_loss(value, weight);
    return graph_failure(r);
}

static tn_status read_layer(reader *r, const format_json *v)
{
    const char *name, *type;
    (void)base_print(r->where, sizeof r->where, "%s: layer %zu", r->what, r->g->layers.n + 1);
    BASE_TRY(format_json_as_object(v, r->where, r->e));
    BASE_TRY(format_json_get_string(v, r->where, "name", &name, r->e));
    BASE_TRY(format_json_get_string(v, r->where, "type", &type, r->e));
    graph_layer_begin(r->g, type);
    graph_layer_end(r->g, name);
    return graph_failure(r);
}

static tn_status read_each(reader *r, const format_json *root, const char *key,
                           tn_status (*read)(reader *, const format_json *))
{
    const format_json *list;
    BASE_TRY(format_json_get_list(root, r->what, key, &list, r->e));
    for (size_t i = 0; i < format_json_count(list); i++)
        BASE_TRY(read(r, format_json_at(list, i)));
    return TN_OK;
}

static tn_status read_all(reader *r, const format_json *root)
{
    BASE_TRY(format_json_as_object(root, r->what, r->e));
    r->node = calloc(format_json_count(format_json_find(root, "nodes")) + 1, sizeof *r->node);
    if (!r->node)
        return base_no_memory(r->e, "reading a graph");
    if (format_json_find(root, "layers")) /* first: nodes name them */
        BASE_TRY(read_each(r, root, "layers", read_layer));
    BASE_TRY(read_each(r, root, "nodes", read_node));
    BASE_TRY(read_each(r, root, "entries", read_entry));
    BASE_TRY(read_each(r, root, "updates", read_update));
    return format_json_find(root, "losses") ? read_each(r, root, "losses", read_loss) : TN_OK;
}

tn_graph *format_graph_read(tn_context *context, const char *json, size_t bytes, const format_safetensors *file,
                            const char *what, base_error *e)
{
    format_json *root = NULL;
    if (format_json_parse(json, bytes, NULL, what, &root, e) != TN_OK)
        return NULL;
    reader r = {.g = tn_graph_new(context), .file = file, .what = what, .e = e};
    tn_status status = r.g ? read_all(&r, root) : base_no_memory(e, "reading a graph");
    format_json_free(root);
    free(r.node);
    if (status == TN_OK)
        return r.g;
    tn_graph_free(r.g);
    return NULL;
}
