/* evaluate.c: loss and metrics of a model on a data set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

tn_status train_feeds(const tn_loader *loader, const tn_batch *batch, const tn_model *model, bool classes,
                      tn_feed *feeds, base_error *e)
{
    const tn_dataset *data = tn_loader_dataset(loader);
    int x = tn_dataset_find(data, "x"), y = tn_dataset_find(data, "y");
    feeds[0] = (tn_feed){"x", batch->fields[x]};
    feeds[1] = (tn_feed){"target", batch->fields[y]};
    tn_view *target = &feeds[1].view;
    tn_shape due = tn_tensor_shape(model->output);
    if (!classes && target->rank + 1 == due.rank &&
        due.dims[due.rank - 1] == 1) { /* numbers for an output [batch, 1] */
        target->dims[target->rank] = 1;
        target->rank++;
    }
    if (classes && target->dtype != TN_I64)
        return base_fail(e, TN_DTYPE, "the field 'y' is %s; class numbers (i64) are due", tn_dtype_name(target->dtype));
    return TN_OK;
}

tn_status train_output_view(train_scorer *s, int64_t n, tn_view *view)
{
    tn_shape shape = tn_tensor_shape(s->model->output);
    int64_t dims[TN_MAX_RANK];
    size_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        dims[i] = i == 0 ? n : shape.dims[i];
        if (dims[i] < 0)
            return base_fail(s->e, TN_SHAPE, "the model's output has other open sizes than the batch");
        count *= (size_t)dims[i];
    }
    if (count > s->room) {
        float *scores = realloc(s->scores, count * sizeof *scores);
        s->scores = scores ? scores : s->scores;
        int64_t *predicted = scores ? realloc(s->predicted, count * sizeof *predicted) : NULL;
        if (!predicted)
            return base_no_memory(s->e, "evaluating");
        s->predicted = predicted;
        s->room = count;
    }
    *view = tn_view_of(s->scores, TN_F32, shape.rank, dims);
    return TN_OK;
}

void train_count_correct(train_scorer *s, const tn_view *scores, const tn_view *truth, int64_t *correct)
{
    const int64_t *label = truth->data;
    train_argmax(scores->data, (size_t)scores->dims[0], (int)scores->dims[1], s->predicted);
    for (int64_t i = 0; i < scores->dims[0]; i++)
        *correct += s->predicted[i] == label[i];
}

static tn_status score_batch(train_scorer *s, const tn_loader *loader, const tn_batch *batch)
{
    tn_feed feeds[2], fetches[2];
    float loss = 0;
    BASE_TRY(train_feeds(loader, batch, s->model, s->classes, feeds, s->e));
    fetches[0] = (tn_feed){"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    fetches[1].name = "y";
    BASE_TRY(train_output_view(s, batch->n, &fetches[1].view));
    tn_status status = tn_run(s->session, s->entry, 2, feeds, s->classes ? 2 : 1, fetches);
    if (status != TN_OK)
        return base_fail(s->e, status, "evaluation, batch %lld: %s", (long long)batch->index + 1,
                         tn_session_error(s->session));
    train_mean_add(&s->loss, (double)loss, (double)batch->n);
    if (!s->classes)
        return TN_OK;
    train_argmax(s->scores, (size_t)batch->n, (int)fetches[1].view.dims[1], s->predicted);
    return train_confusion_add(&s->confusion, feeds[1].view.data, s->predicted, (size_t)batch->n, s->e);
}

static tn_status score_all(train_scorer *s, tn_loader *loader)
{
    const tn_batch *batch;
    for (;;) {
        tn_status status = tn_loader_next(loader, &batch);
        if (status != TN_OK)
            return base_fail(s->e, status, "%s", tn_loader_error(loader));
        if (!batch)
            return TN_OK;
        BASE_TRY(score_batch(s, loader, batch));
    }
}

tn_status train_score_data(train_scorer *s, const tn_dataset *data, int64_t batch, tn_evaluation *result)
{
    tn_shape shape = tn_tensor_shape(s->model->output);
    int classes = s->classes ? (int)shape.dims[1] : 0;
    if (tn_dataset_count(data) == 0)
        return base_fail(s->e, TN_INVALID, "there is nothing to evaluate on: the data set has no samples");
    train_confusion_free(&s->confusion);
    s->loss = (train_mean){0};
    if (classes)
        BASE_TRY(train_confusion_init(&s->confusion, classes, s->e));
    tn_loader *loader = train_loader(s->context, s->model, data, batch, false, NULL, s->e);
    if (!loader)
        return s->e->status;
    tn_status status = score_all(s, loader);
    tn_loader_free(loader);
    if (status != TN_OK)
        return status;
    *result = (tn_evaluation){.samples = tn_dataset_count(data),
                              .loss = train_mean_value(&s->loss),
                              .accuracy = (double)NAN,
                              .classes = classes};
    if (classes) {
        train_score_figures(&s->confusion, result);
        result->confusion = s->confusion.counts;
    }
    return TN_OK;
}

void train_score_figures(const train_confusion *confusion, tn_evaluation *result)
{
    train_score score = train_confusion_score(confusion);
    result->accuracy = score.accuracy;
    result->macro_f1 = score.macro.f1;
    result->weighted_f1 = score.weighted.f1;
}

void train_scorer_free(train_scorer *s)
{
    free(s->scores);
    free(s->predicted);
    train_confusion_free(&s->confusion);
    *s = (train_scorer){0};
}

tn_status tn_trainer_evaluate(tn_trainer *t, const tn_dataset *data, tn_evaluation *result)
{
    base_clear(&t->error);
    return train_score_data(&t->scorer, data, t->opt.batch, result);
}

static tn_status evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                          train_scorer *s, tn_evaluation *result, base_error *e)
{
    tn_tensor *target;
    if (!tn_graph_entry(model->graph, "evaluate"))
        BASE_TRY(train_add_loss(model, data, &loss, &target, NULL, e));
    tn_program *program = tn_compile_entry(model->graph, "evaluate", NULL);
    if (!program)
        return base_fail(e, TN_INVALID, "%s", tn_context_error(context));
    *s = (train_scorer){.context = context,
                        .model = model,
                        .session = tn_session_new(program, model->state),
                        .entry = "evaluate",
                        .classes = loss == TN_LOSS_AUTO ? tn_dataset_classes(data) > 0 : train_takes_classes(loss),
                        .e = e};
    tn_status status =
        s->session ? train_score_data(s, data, batch > 0 ? batch : 64, result) : base_no_memory(e, "evaluating");
    tn_session_free(s->session);
    tn_program_free(program);
    return status;
}

tn_status tn_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch,
                      tn_evaluation *result, int64_t *confusion)
{
    return train_evaluate(context, model, data, batch, TN_LOSS_AUTO, result, confusion);
}

tn_status train_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                         tn_evaluation *result, int64_t *confusion)
{
    base_error e = {0};
    train_scorer s = {0};
    tn_status status = evaluate(context, model, data, batch, loss, &s, result, &e);
    if (status == TN_OK && confusion && result->classes)
        memcpy(confusion, s.confusion.counts, (size_t)result->classes * (size_t)result->classes * sizeof *confusion);
    result->confusion = confusion;
    train_scorer_free(&s);
    base_error *report = base_context_begin(context);
    return status == TN_OK ? TN_OK : base_fail(report, status, "%s", e.text);
}
