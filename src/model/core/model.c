/* model.c: making models, their entry, their options. */
#include "model/core/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/ops.h>

static void free_parts(tn_model *m)
{
    tn_preparation_free((tn_preparation *)(uintptr_t)m->preparation);
    tn_program_free(m->predict);
    tn_graph_free(m->graph);
    tn_state_free(m->state);
    tn_context_free(m->context);
    pthread_mutex_destroy(&m->lock);
    base_arena_free(&m->arena);
    free(m);
}

void tn_model_free(tn_model *m)
{
    if (m)
        free_parts(m);
}

const char *tn_model_error(const tn_model *m)
{
    return m ? m->error.text : "";
}

static tn_status check_preprocess(const tn_preprocess *p, base_error *e)
{
    if (p->channels < 0 || p->channels > 16)
        return base_fail(e, TN_INVALID, "preprocessing has %d channels; 0 to 16 are possible", p->channels);
    for (int i = 0; i < p->channels; i++)
        if (!isfinite(p->mean[i]) || !isfinite(p->std[i]) || p->std[i] == 0.0)
            return base_fail(e, TN_INVALID,
                             "preprocessing: mean and std of channel %d must be finite, and std not zero", i);
    if (!isfinite(p->scale))
        return base_fail(e, TN_INVALID, "preprocessing: the scale is not finite");
    return TN_OK;
}

tn_status model_set_options(tn_model *m, const tn_model_opt *opt)
{
    if (!opt)
        return TN_OK;
    m->name = base_arena_strdup(&m->arena, opt->name);
    if (opt->name && !m->name)
        return base_no_memory(&m->error, "making a model");
    m->n_labels = opt->n_labels;
    m->labels = BASE_ARRAY(&m->arena, const char *, opt->n_labels + 1);
    for (int i = 0; m->labels && i < opt->n_labels; i++)
        if (!(m->labels[i] = base_arena_strdup(&m->arena, opt->labels[i])))
            return base_no_memory(&m->error, "making a model");
    if (opt->preprocess) {
        BASE_TRY(check_preprocess(opt->preprocess, &m->error));
        m->preprocess = *opt->preprocess;
        m->preprocess.step = base_arena_strdup(&m->arena, opt->preprocess->step);
        if (opt->preprocess->step && !m->preprocess.step)
            return base_no_memory(&m->error, "making a model");
    }
    m->preparation = data_preparation_retain(opt->preparation);
    return m->labels ? TN_OK : base_no_memory(&m->error, "making a model");
}

/* With labels rows of boxes have as many columns more than other outputs. */
bool tn_model_finds_boxes(const tn_model *m)
{
    const tn_shape shape = tn_tensor_shape(m->output);
    return m->n_labels > 0 && shape.rank == 3 && shape.dims[2] == m->n_labels + TN_BOX_COLUMNS;
}

/* The output's last axis counts the classes; with labels it must be as many. */
static tn_status check_labels(tn_model *m)
{
    tn_shape shape = tn_tensor_shape(m->output);
    if (m->n_labels == 0)
        return TN_OK;
    tn_dim classes = shape.rank ? shape.dims[shape.rank - 1] : 1;
    if (classes != m->n_labels && !tn_model_finds_boxes(m))
        return base_fail(&m->error, TN_SHAPE, "the model has %d labels and its output %lld values a sample",
                         m->n_labels, (long long)classes);
    return TN_OK;
}

/* Files are written without the probabilities, which join the entry again when the model is loaded. */
tn_status model_add_entry(tn_model *m)
{
    BASE_TRY(check_labels(m));
    tn_entry *entry = tn_entry_new(m->graph, "predict", 0);
    tn_entry_output(entry, "y", m->output);
    m->given = format_graph_extent_of(m->graph);
    if (m->n_labels && !tn_model_finds_boxes(m))
        tn_entry_output(entry, "p", tn_softmax(m->output, -1));
    if (m->graph->error.status != TN_OK)
        return base_fail(&m->error, m->graph->error.status, "%s", m->graph->error.text);
    return TN_OK;
}

static tn_status find_input(tn_model *m)
{
    for (size_t i = 0; i < m->graph->nodes.n; i++) {
        const graph_node *node = m->graph->nodes.at[i];
        if (strcmp(node->def->name, "input") != 0)
            continue;
        if (strcmp(node->name, "x") == 0)
            m->input = &m->graph->nodes.at[i]->out[0];
        else if (strcmp(node->name, "given") == 0 && node->out[0].type.rank == 2 && node->out[0].type.dtype == TN_I64)
            m->heard = &m->graph->nodes.at[i]->out[0];
    }
    if (!m->input || m->input->type.rank < 1 || dim_literal(m->input->type.dims[0]))
        return base_fail(&m->error, TN_INVALID,
                         "a model's graph needs an input 'x' whose first axis is a symbol, the batch");
    return TN_OK;
}

static tn_status fill(tn_model *m, tn_tensor *output, const tn_model_opt *opt)
{
    if (m->graph->error.status != TN_OK)
        return base_fail(&m->error, m->graph->error.status, "%s", m->graph->error.text);
    m->output = output;
    BASE_TRY(find_input(m));
    BASE_TRY(model_set_options(m, opt));
    return model_add_entry(m);
}

tn_model *tn_model_new(tn_context *context, tn_graph *graph, tn_tensor *output, const tn_model_opt *opt)
{
    base_error *e = base_context_begin(context);
    tn_model *m = calloc(1, sizeof *m);
    tn_state *state = m ? tn_state_new(context) : NULL;
    if (!state) {
        free(m);
        tn_graph_free(graph);
        base_no_memory(e, "making a model");
        return NULL;
    }
    m->context = base_context_retain(context);
    m->graph = graph;
    m->state = state;
    pthread_mutex_init(&m->lock, NULL);
    if (fill(m, output, opt) == TN_OK)
        return m;
    base_fail(e, m->error.status, "%s", m->error.text);
    free_parts(m);
    return NULL;
}

tn_status tn_model_init(tn_model *m, uint64_t seed)
{
    base_clear(&m->error);
    tn_status status = tn_state_init(m->state, m->graph, seed);
    return status == TN_OK ? TN_OK : base_fail(&m->error, status, "%s", tn_state_error(m->state));
}

const char *tn_model_name(const tn_model *m)
{
    return m->name ? m->name : "model";
}

tn_graph *tn_model_graph(tn_model *m)
{
    return m->graph;
}

tn_state *tn_model_state(tn_model *m)
{
    return m->state;
}

tn_tensor *tn_model_input(tn_model *m)
{
    return m->input;
}

tn_tensor *tn_model_heard(tn_model *m)
{
    return m->heard;
}

tn_tensor *tn_model_output(tn_model *m)
{
    return m->output;
}

int tn_model_labels(const tn_model *m)
{
    return m->n_labels;
}

const char *tn_model_label(const tn_model *m, int i)
{
    return i >= 0 && i < m->n_labels ? m->labels[i] : NULL;
}

const tn_preparation *tn_model_preparation(const tn_model *m)
{
    return m->preparation;
}

const tn_preprocess *tn_model_preprocess(const tn_model *m)
{
    return &m->preprocess;
}
