/* file.c: model files: safetensors with the graph, labels and preprocessing as JSON in the metadata.
 *
 *   tarn.format      "1"; a reader refuses larger numbers
 *   tarn.graph       the graph (format/graph_json.h)
 *   tarn.model       {"name", "labels", "preprocess", "preparation" where there is one} */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/checksum.h"
#include "format/json.h"
#include "model/core/model.h"

static const char FORMAT[] = "1";

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put_preprocess(format_json_out *w, const tn_preprocess *p)
{
    format_json_open_object(w, "preprocess");
    if (p->step)
        format_json_put_string(w, "step", p->step);
    if (p->raw)
        format_json_put_string(w, "raw", tn_dtype_name(p->raw));
    format_json_put_f64(w, "scale", p->scale);
    for (int which = 0; which < 2; which++) {
        format_json_open_list(w, which ? "std" : "mean");
        for (int i = 0; i < p->channels; i++)
            format_json_put_f64(w, NULL, which ? p->std[i] : p->mean[i]);
        format_json_close(w);
    }
    format_json_close(w);
}

tn_status model_metadata(tn_model *m, const format_graph_text *text, base_arena *arena, format_pair *pairs, size_t *n,
                         base_error *e)
{
    base_str s = {0};
    format_json_out w = {.to = &s};
    format_json_open_object(&w, NULL);
    format_json_put_string(&w, "name", tn_model_name(m));
    format_json_open_list(&w, "labels");
    for (int i = 0; i < m->n_labels; i++)
        format_json_put_string(&w, NULL, m->labels[i]);
    format_json_close(&w);
    put_preprocess(&w, &m->preprocess);
    if (m->preparation)
        data_preparation_write(m->preparation, &w, "preparation");
    format_json_close(&w);
    pairs[0] = (format_pair){"tarn.format", FORMAT};
    pairs[1] = (format_pair){"tarn.model", s.failed ? NULL : base_arena_strdup(arena, base_str_text(&s))};
    pairs[2] = (format_pair){"tarn.graph", base_str_text(&text->json)};
    pairs[3] = (format_pair){FORMAT_CHECKSUM, FORMAT_CHECKSUM_NONE};
    *n = 4;
    base_str_free(&s);
    return pairs[1].value ? TN_OK : base_no_memory(e, "writing a model");
}

static bool is_optimizer(const char *name)
{
    return strncmp(name, "optim.", 6) == 0;
}

tn_status model_write(tn_model *m, const char *path, bool everything, const format_pair *more, size_t n_more,
                      base_error *e)
{
    base_arena arena = {0};
    format_graph_text text = {0};
    base_vec(format_tensor) tensors = {0};
    format_pair *pairs = BASE_ARRAY(&arena, format_pair, MODEL_MOST_PAIRS + n_more);
    size_t n = 0;
    tn_status status = format_graph_write(m->graph, &m->given, &text, e);
    if (status == TN_OK)
        status = pairs ? model_metadata(m, &text, &arena, pairs, &n, e) : base_no_memory(e, "writing a model");
    tn_view v;
    const char *name;
    for (int i = 0; status == TN_OK && (name = tn_state_get(m->state, i, &v)); i++) {
        format_tensor t = {.name = name, .dtype = v.dtype, .rank = v.rank, .data = v.data, .bytes = v.bytes};
        memcpy(t.dims, v.dims, sizeof t.dims);
        if ((everything || !is_optimizer(name)) && !base_vec_push(&tensors, t))
            status = base_no_memory(e, "writing a model");
    }
    for (size_t i = 0; status == TN_OK && i < text.constants.n; i++)
        if (!base_vec_push(&tensors, text.constants.at[i]))
            status = base_no_memory(e, "writing a model");
    for (size_t i = 0; status == TN_OK && i < n_more; i++)
        pairs[n++] = more[i];
    if (status == TN_OK)
        status = format_safetensors_write(path, tensors.at, tensors.n, pairs, n, e);
    base_vec_free(&tensors);
    format_graph_text_free(&text);
    base_arena_free(&arena);
    return status;
}

tn_status tn_model_save(tn_model *m, const char *path)
{
    base_clear(&m->error);
    return model_write(m, path, false, NULL, 0, &m->error);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct loading {
    tn_context *context;
    const format_safetensors *file;
    const char *what;
    base_error *e;
    base_arena arena;
    tn_model_opt opt;
    tn_preprocess preprocess;
    tn_preparation *preparation;
} loading;

static tn_status read_labels(loading *l, const format_json *list)
{
    size_t n = format_json_count(list);
    const char **labels = BASE_ARRAY(&l->arena, const char *, n + 1);
    if (!labels)
        return base_no_memory(l->e, "loading a model");
    if (n > 1000000)
        return base_fail(l->e, TN_LIMIT, "%s: %zu labels are too many", l->what, n);
    for (size_t i = 0; i < n; i++) {
        BASE_TRY(format_json_as_string(format_json_at(list, i), "metadata 'tarn.model': a label", &labels[i], l->e));
        if (!(labels[i] = base_arena_strdup(&l->arena, labels[i])))
            return base_no_memory(l->e, "loading a model");
    }
    l->opt.labels = labels;
    l->opt.n_labels = (int)n;
    return TN_OK;
}

static tn_status read_numbers(loading *l, const format_json *object, const char *key, double *out, int *n)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(object, "metadata 'tarn.model'", key, &list, l->e));
    if (format_json_count(list) > 16)
        return base_fail(l->e, TN_FORMAT, "%s: metadata 'tarn.model': '%s' has more than 16 numbers", l->what, key);
    *n = (int)format_json_count(list);
    for (int i = 0; i < *n; i++)
        BASE_TRY(format_json_as_f64(format_json_at(list, (size_t)i), "metadata 'tarn.model'", &out[i], l->e));
    return TN_OK;
}

static tn_status read_preprocess(loading *l, const format_json *object)
{
    tn_preprocess *p = &l->preprocess;
    const char *text;
    int n_std;
    if (format_json_find(object, "step")) {
        BASE_TRY(format_json_get_string(object, "metadata 'tarn.model'", "step", &text, l->e));
        if (!(p->step = base_arena_strdup(&l->arena, text)))
            return base_no_memory(l->e, "loading a model");
    }
    if (format_json_find(object, "raw")) {
        BASE_TRY(format_json_get_string(object, "metadata 'tarn.model'", "raw", &text, l->e));
        p->raw = tn_dtype_from_name(text);
        if (!p->raw)
            return base_fail(l->e, TN_FORMAT, "%s: metadata 'tarn.model': '%s' is no dtype", l->what, BASE_SHOW(text));
    }
    BASE_TRY(format_json_get_f64(object, "metadata 'tarn.model'", "scale", &p->scale, l->e));
    BASE_TRY(read_numbers(l, object, "mean", p->mean, &p->channels));
    BASE_TRY(read_numbers(l, object, "std", p->std, &n_std));
    if (n_std != p->channels)
        return base_fail(l->e, TN_FORMAT, "%s: metadata 'tarn.model': mean and std have different lengths", l->what);
    l->opt.preprocess = p;
    return TN_OK;
}

static tn_status read_description(loading *l, const format_json *root)
{
    const format_json *labels, *preprocess;
    const char *name;
    BASE_TRY(format_json_as_object(root, "metadata 'tarn.model'", l->e));
    BASE_TRY(format_json_get_string(root, "metadata 'tarn.model'", "name", &name, l->e));
    if (!(l->opt.name = base_arena_strdup(&l->arena, name)))
        return base_no_memory(l->e, "loading a model");
    BASE_TRY(format_json_get_list(root, "metadata 'tarn.model'", "labels", &labels, l->e));
    BASE_TRY(read_labels(l, labels));
    BASE_TRY(format_json_get_object(root, "metadata 'tarn.model'", "preprocess", &preprocess, l->e));
    BASE_TRY(read_preprocess(l, preprocess));
    const format_json *preparation = format_json_find(root, "preparation");
    if (!preparation)
        return TN_OK;
    l->opt.preparation = l->preparation = data_preparation_read(preparation, l->e);
    return l->preparation ? TN_OK : base_prefix(l->e, "%s: ", l->what);
}

/* The file's metadata: what must be there, and its version. */
static tn_status check_metadata(const loading *l)
{
    static const char *const keys[] = {"tarn.format", "tarn.model", "tarn.graph"};
    for (size_t i = 0; i < 3; i++)
        if (!format_safetensors_metadata(l->file, keys[i]))
            return base_fail(l->e, TN_FORMAT,
                             "%s is no model of Tarn: its metadata have no '%s' (it may hold weights alone)", l->what,
                             keys[i]);
    const char *format = format_safetensors_metadata(l->file, "tarn.format");
    if (strcmp(format, FORMAT) != 0)
        return base_fail(l->e, TN_TOO_NEW, "%s has format %s; this version reads format %s", l->what, BASE_SHOW(format),
                         FORMAT);
    return TN_OK;
}

tn_status model_read_state(tn_model *m, const format_safetensors *file, const char *what, bool everything,
                           base_error *e)
{
    for (size_t i = 0; i < m->graph->state.n; i++)
        if (!is_optimizer(m->graph->state.at[i]->name) && !format_safetensors_find(file, m->graph->state.at[i]->name))
            return base_fail(e, TN_FORMAT, "%s has no tensor '%s', which its graph needs", what,
                             m->graph->state.at[i]->name);
    /* Dtypes and shapes come from the graph, so that the file's are checked. */
    tn_status status = tn_state_init(m->state, m->graph, 0);
    if (status != TN_OK)
        return base_fail(e, status, "%s: %s", what, tn_state_error(m->state));
    for (size_t i = 0; i < file->n; i++) {
        const format_tensor *t = &file->tensors[i];
        tn_view v = tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
        if (!everything && !graph_find_state(m->graph, t->name))
            continue;
        if (everything && strncmp(t->name, "constant.", 9) == 0 && !graph_find_state(m->graph, t->name))
            continue;
        status = tn_state_set(m->state, t->name, &v);
        if (status != TN_OK)
            return base_fail(e, status == TN_MEMORY ? TN_MEMORY : TN_FORMAT, "%s: %s", what, tn_state_error(m->state));
    }
    return TN_OK;
}

static tn_tensor *output_of(const tn_graph *g)
{
    for (size_t i = 0; i < g->entries.n; i++)
        for (size_t k = 0; k < g->entries.at[i]->results.n; k++) {
            const graph_result *r = &g->entries.at[i]->results.at[k];
            if (strcmp(g->entries.at[i]->name, "predict") == 0 && r->kind == GRAPH_OUTPUT && strcmp(r->name, "y") == 0)
                return r->value;
        }
    return NULL;
}

/* The entries go: tn_model_new makes them again from the output, which they told. */
static tn_model *build(loading *l)
{
    const char *text = format_safetensors_metadata(l->file, "tarn.graph");
    tn_graph *g = format_graph_read(l->context, text, strlen(text), l->file, l->what, l->e);
    if (!g)
        return NULL;
    tn_tensor *y = output_of(g);
    if (!y) {
        base_fail(l->e, TN_FORMAT, "%s: the graph has no entry 'predict' with an output 'y'", l->what);
        tn_graph_free(g);
        return NULL;
    }
    for (size_t i = 0; i < g->entries.n; i++)
        base_vec_free(&g->entries.at[i]->results);
    g->entries.n = 0;
    tn_model *m = tn_model_new(l->context, g, y, &l->opt);
    if (m)
        return m;
    base_fail(l->e, TN_FORMAT, "%s: %s", l->what, tn_context_error(l->context));
    return NULL;
}

static tn_model *load(tn_context *context, const format_safetensors *file, const char *what, base_error *e)
{
    loading l = {.context = context, .file = file, .what = what, .e = e};
    format_json *root = NULL;
    tn_model *m = NULL;
    tn_status status = check_metadata(&l);
    const char *text = status == TN_OK ? format_safetensors_metadata(file, "tarn.model") : NULL;
    if (text)
        status = format_json_parse(text, strlen(text), NULL, what, &root, e);
    if (status == TN_OK && read_description(&l, root) == TN_OK && (m = build(&l)) != NULL &&
        model_read_state(m, file, what, false, e) != TN_OK) {
        tn_model_free(m);
        m = NULL;
    }
    tn_preparation_free(l.preparation);
    format_json_free(root);
    base_arena_free(&l.arena);
    return m;
}

static tn_model *load_and_report(tn_context *context, format_safetensors *file, const char *what, tn_status status,
                                 base_error *e)
{
    tn_model *m = status == TN_OK ? load(context, file, what, e) : NULL;
    if (status == TN_OK)
        format_safetensors_free(file);
    base_error *report = base_context_begin(context);
    if (!m)
        base_fail(report, e->status, "%s", e->text);
    return m;
}

tn_model *tn_model_load(tn_context *context, const char *path)
{
    base_error e = {0};
    format_safetensors *file = NULL;
    tn_status status = format_safetensors_open(path, &file, &e);
    return load_and_report(context, file, path, status, &e);
}

tn_model *tn_model_load_memory(tn_context *context, const void *data, size_t bytes)
{
    base_error e = {0};
    format_safetensors *file = NULL;
    tn_status status = format_safetensors_borrow(data, bytes, "the model in memory", &file, &e);
    return load_and_report(context, file, "the model in memory", status, &e);
}
