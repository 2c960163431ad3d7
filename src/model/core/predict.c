/* predict.c: predictors: raw input through preprocessing and the program. The program is compiled once per model. */
#include <stdlib.h>
#include <string.h>

#include "base/room.h"
#include "base/text.h"
#include "model/core/model.h"

static tn_program *program_of(tn_model *m)
{
    pthread_mutex_lock(&m->lock);
    if (!m->predict) {
        m->predict = tn_compile_entry(m->graph, "predict", NULL);
        if (!m->predict)
            base_fail(&m->error, TN_INVALID, "%s", tn_context_error(m->context));
    }
    tn_program *p = m->predict;
    pthread_mutex_unlock(&m->lock);
    return p;
}

tn_predictor *tn_predictor_new(tn_model *m)
{
    tn_program *program = m ? program_of(m) : NULL;
    tn_predictor *p = program ? calloc(1, sizeof *p) : NULL;
    if (p)
        p->session = tn_session_new(program, m->state);
    if (p && p->session) {
        p->model = m;
        return p;
    }
    if (program)
        base_no_memory(&m->error, "making a predictor");
    free(p);
    return NULL;
}

void tn_predictor_free(tn_predictor *p)
{
    if (!p)
        return;
    tn_session_free(p->session);
    free(p->input);
    free(p);
}

const char *tn_predictor_error(const tn_predictor *p)
{
    return p ? p->error.text : "";
}

static tn_status check_one_input(tn_predictor *p)
{
    return !p->model->heard ? TN_OK
                            : base_fail(&p->error, TN_INVALID,
                                        "the model has a second input, what was said so far: tn_translate feeds it");
}

/* Cast, scale and normalise one batch into the predictor's own memory. */
static tn_status preprocess(tn_predictor *p, const tn_view *raw, tn_view *x)
{
    const tn_preprocess *how = &p->model->preprocess;
    tn_dtype dtype = tn_tensor_dtype(p->model->input);
    *x = *raw;
    bool plain = how->channels == 0 && (how->scale == 0.0 || how->scale == 1.0);
    if (raw->dtype == dtype && plain && (how->raw == TN_NONE || how->raw == dtype))
        return TN_OK;
    tn_dtype due = how->raw ? how->raw : dtype;
    if (raw->dtype != due)
        return base_fail(&p->error, TN_DTYPE, "the model takes raw input as %s; %s was given", tn_dtype_name(due),
                         tn_dtype_name(raw->dtype));
    int64_t count = tn_view_count(raw), inner = 1, channels = raw->rank > 1 ? raw->dims[1] : 1;
    size_t size = tn_dtype_size(dtype), from = tn_dtype_size(raw->dtype);
    if (raw->strided || count < 0 || raw->bytes < (size_t)count * from)
        return base_fail(&p->error, TN_INVALID, "raw input must be row-major and hold its shape");
    if (how->channels > 1 && how->channels != channels)
        return base_fail(&p->error, TN_SHAPE, "the model normalises %d channels; the input has %lld", how->channels,
                         (long long)channels);
    for (int i = 2; i < raw->rank; i++)
        inner *= raw->dims[i];
    if (p->input_bytes < (size_t)count * size) {
        void *more = base_room((size_t)count * size);
        if (!more)
            return base_no_memory(&p->error, "preprocessing");
        free(p->input);
        p->input = more;
        p->input_bytes = (size_t)count * size;
    }
    double scale = how->scale == 0.0 ? 1 : how->scale;
    for (int64_t i = 0; i < count; i++) {
        double v = scale * op_element_to_f64(raw->dtype, (const char *)raw->data + (size_t)i * from);
        int c = how->channels > 1 ? (int)(i / inner % channels) : 0;
        if (how->channels)
            v = (v - how->mean[c]) / how->std[c];
        op_element_from_f64(dtype, v, (char *)p->input + (size_t)i * size);
    }
    *x = tn_view_of(p->input, dtype, raw->rank, raw->dims);
    return TN_OK;
}

static tn_status run(tn_predictor *p, const tn_view *raw, const tn_view *output)
{
    tn_feed x = {"x", {0}}, y = {p->model->n_labels && !tn_model_finds_boxes(p->model) ? "p" : "y", *output};
    base_clear(&p->error);
    BASE_TRY(check_one_input(p));
    BASE_TRY(preprocess(p, raw, &x.view));
    tn_status status = tn_run(p->session, "predict", 1, &x, 1, &y);
    return status == TN_OK ? TN_OK : base_fail(&p->error, status, "%s", tn_session_error(p->session));
}

tn_status tn_predict(tn_predictor *p, const tn_view *raw, const tn_view *output)
{
    if (!p)
        return TN_INVALID;
    BASE_TRY(run(p, raw, output));
    if (output->dtype == TN_F32 && !output->strided)
        data_preparation_restore(p->model->preparation, output->data, tn_view_count(output));
    return TN_OK;
}

tn_status tn_predict_sample(tn_predictor *p, const tn_dataset *data, int64_t index, const tn_view *raw,
                            const tn_view *output)
{
    BASE_TRY(run(p, raw, output));
    if (output->dtype == TN_F32 && !output->strided)
        data_preparation_restore_sample(p->model->preparation, data, index, output->data, tn_view_count(output));
    return TN_OK;
}

tn_status tn_predictor_shape_for(tn_predictor *p, const tn_view *raw, tn_view *shape)
{
    tn_feed x = {"x", tn_view_of(NULL, tn_tensor_dtype(p->model->input), raw->rank, raw->dims)};
    tn_memory memory;
    base_clear(&p->error);
    BASE_TRY(check_one_input(p));
    tn_status status = tn_session_plan(p->session, "predict", 1, &x, &memory);
    if (status == TN_OK)
        status = tn_session_shape(p->session, "predict", "y", shape);
    return status == TN_OK ? TN_OK : base_fail(&p->error, status, "%s", tn_session_error(p->session));
}

tn_status tn_predictor_shape(tn_predictor *p, int64_t batch, tn_view *shape)
{
    const graph_type *t = &p->model->input->type;
    tn_view raw = {.rank = t->rank};
    for (int i = 0; i < t->rank; i++) {
        raw.dims[i] = i == 0 ? batch : t->dims[i];
        if (raw.dims[i] < 0)
            return base_fail(&p->error, TN_SHAPE,
                             "the model's input has other open sizes than the batch; tn_predictor_shape_for says what "
                             "comes out for some input");
    }
    return tn_predictor_shape_for(p, &raw, shape);
}
