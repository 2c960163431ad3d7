/* evaluate.c: loss and metrics of a model on a data set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/loader.h"
#include "train/target.h"

/* The output's kinds of things: behind what else a box's row holds. */
static int kinds_of(const train_scorer *s)
{
    return train_classes_of(s->model) - TN_BOX_COLUMNS;
}

static tn_status score_boxes(train_scorer *s, const tn_view *rows, const tn_view *truth)
{
    enum { MOST = 300 };
    static const double LEAST = 0.01, OVERLAP = 0.6;
    tn_detection found[MOST];
    const int64_t places = rows->dims[1], boxes = truth->dims[1];
    const float *of = rows->data, *due = truth->data;
    for (int64_t i = 0; i < rows->dims[0]; i++) {
        const int n = tn_detections(of + i * places * rows->dims[2], places, kinds_of(s), LEAST, OVERLAP, found, MOST);
        BASE_TRY(train_boxes_add(&s->boxes, found, n, due + i * boxes * truth->dims[2], boxes, s->e));
    }
    return TN_OK;
}

static tn_status score_batch(train_scorer *s, const tn_loader *loader, const tn_batch *batch)
{
    tn_feed feeds[TRAIN_MOST_FEEDS], fetches[2];
    int n = 0;
    float loss = 0;
    const int64_t *predicted, *truth;
    const bool boxes = s->target == TRAIN_BOXES, scores = train_has_scores(s), output = boxes || scores;
    BASE_TRY(train_feeds(s, loader, batch, feeds, &n));
    fetches[0] = (tn_feed){"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    fetches[1].name = "y";
    if (output)
        BASE_TRY(train_output_view(s, feeds, &fetches[1].view));
    const int64_t weight = train_weight(s, &feeds[1].view);
    if (weight == 0)
        return TN_OK; /* no place of it has a class */
    tn_status status = tn_run(s->session, s->entry, n, feeds, output ? 2 : 1, fetches);
    if (status != TN_OK)
        return base_fail(s->e, status, "%s, batch %lld: %s", s->what, (long long)batch->index + 1,
                         tn_session_error(s->session));
    train_mean_add(&s->loss, (double)loss, (double)weight);
    if (boxes)
        return score_boxes(s, &fetches[1].view, &feeds[1].view);
    if (!scores)
        return TN_OK;
    const int64_t rows = train_judge(s, &fetches[1].view, &feeds[1].view, &predicted, &truth);
    const float *of = fetches[1].view.data;
    for (int64_t i = 0; s->confusion.classes == 2 && i < rows; i++)
        if (truth[i] >= 0 && !base_vec_push(&s->ranked, (train_ranked){of[2 * i + 1] - of[2 * i], truth[i] == 1}))
            return base_no_memory(s->e, "evaluating");
    return train_confusion_add(&s->confusion, truth, predicted, (size_t)rows, s->e);
}

static tn_status score_all(train_scorer *s, tn_loader *loader)
{
    const tn_batch *batch;
    for (;;) {
        tn_status status = tn_loader_next(loader, &batch);
        if (status != TN_OK)
            return base_fail(s->e, status, "%s: %s", s->what, data_loader_why(loader));
        if (!batch)
            return TN_OK;
        BASE_TRY(score_batch(s, loader, batch));
    }
}

/* Bytes of all values that grow with the batch, for a sample: more than a run holds at a time. */
static size_t bytes_of_sample(const tn_model *m)
{
    const tn_graph *g = m->graph;
    const tn_dim open = m->input->type.dims[0];
    size_t bytes = 1;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_out; k++) {
            const graph_type *type = &g->nodes.at[i]->out[k].type;
            size_t size = tn_dtype_size(type->dtype);
            bool grows = false;
            for (int d = 0; d < type->rank; d++) {
                grows |= type->dims[d] == open;
                size *= dim_literal(type->dims[d]) && type->dims[d] > 0 ? (size_t)type->dims[d] : 1;
            }
            bytes += grows ? size : 0;
        }
    return bytes;
}

/* Samples that are a number each, as nodes of a graph, whose net then runs on all of it for every batch: few large batches, of which
 * what belongs to the samples themselves stays small. */
static int64_t batch_of(const train_scorer *s, const tn_dataset *data, int64_t batch)
{
    enum { LARGE = 1 << 18, ROOM = 64 << 20 };
    const graph_type *x = &s->model->input->type;
    if (x->rank != 1 || x->dtype != TN_I64 || dim_literal(x->dims[0]))
        return batch;
    const int64_t count = tn_dataset_count(data), fits = (int64_t)(ROOM / bytes_of_sample(s->model));
    int64_t most = count < LARGE ? count : LARGE;
    most = fits < most ? fits : most;
    return most > batch ? most : batch;
}

static tn_status load_and_score(train_scorer *s, const tn_dataset *data, int64_t batch, tn_loader_stats *stats)
{
    const tn_train_opt o = {.skip_bad = s->bad != TRAIN_BAD_FAILS};
    char of[40];
    tn_loader *loader = train_loader(s->context, s->model, data, batch_of(s, data, batch), false, &o, s->e);
    if (!loader)
        return s->e->status;
    (void)base_print(of, sizeof of, " of %s", s->what);
    data_loader_tell(loader, s->bad == TRAIN_BAD_TOLD ? of : NULL);
    tn_status status = score_all(s, loader);
    tn_loader_get_stats(loader, stats);
    tn_loader_free(loader);
    if (status == TN_OK && stats->samples == 0)
        return base_fail(s->e, TN_FORMAT, "%s: none of its %lld samples can be had: all were left out", s->what,
                         (long long)stats->skipped);
    return status;
}

tn_status train_score_data(train_scorer *s, const tn_dataset *data, int64_t batch, tn_evaluation *result)
{
    int classes = train_has_scores(s) ? train_classes_of(s->model) : 0;
    if (tn_dataset_count(data) == 0)
        return base_fail(s->e, TN_INVALID, "there is nothing to evaluate on: the data set has no samples");
    train_confusion_free(&s->confusion);
    s->loss = (train_mean){0};
    s->ranked.n = 0;
    if (s->target == TRAIN_BOXES)
        BASE_TRY(train_boxes_init(&s->boxes, kinds_of(s), s->e));
    if (classes)
        BASE_TRY(train_confusion_init(&s->confusion, classes, s->e));
    tn_loader_stats stats;
    BASE_TRY(load_and_score(s, data, batch, &stats));
    *result = (tn_evaluation){.samples = stats.samples,
                              .skipped = stats.skipped,
                              .loss = train_mean_value(&s->loss),
                              .auc = (double)NAN,
                              .accuracy = (double)NAN,
                              .mean_iou = (double)NAN,
                              .map50 = (double)NAN,
                              .map = (double)NAN,
                              .classes = classes};
    if (s->target == TRAIN_BOXES)
        train_boxes_figures(&s->boxes, &result->map50, &result->map);
    if (classes) {
        train_score_figures(&s->confusion, result);
        result->confusion = s->confusion.counts;
        const bool pixels = s->target == TRAIN_PLACES && s->model->input->type.dtype != TN_I64; /* not tokens */
        result->mean_iou = pixels ? train_confusion_iou(&s->confusion) : (double)NAN;
        result->auc = classes == 2 ? train_auc(s->ranked.at, s->ranked.n) : (double)NAN;
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
    free(s->soft);
    base_vec_free(&s->ranked);
    train_confusion_free(&s->confusion);
    train_boxes_free(&s->boxes);
    *s = (train_scorer){0};
}

tn_status tn_trainer_evaluate(tn_trainer *t, const tn_dataset *data, tn_evaluation *result)
{
    base_clear(&t->error);
    return train_score_data(&t->scorer, data, t->opt.batch, result);
}

static tn_status evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                          train_bad bad, train_scorer *s, tn_evaluation *result, base_error *e)
{
    train_target_kind kind;
    if (tn_graph_entry(model->graph, "evaluate"))
        BASE_TRY(train_check_target(model, data, &loss, &kind, e));
    else
        BASE_TRY(train_add_loss(model, data, &loss, &kind, NULL, e));
    tn_program *program = tn_compile_entry(model->graph, "evaluate", NULL);
    if (!program)
        return base_fail(e, TN_INVALID, "%s", tn_context_error(context));
    *s = (train_scorer){.context = context,
                        .model = model,
                        .session = tn_session_new(program, model->state),
                        .entry = "evaluate",
                        .target = kind,
                        .bad = bad,
                        .what = "evaluation",
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
    return train_evaluate(context, model, data, batch, TN_LOSS_AUTO, TRAIN_BAD_FAILS, result, confusion);
}

tn_status train_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                         train_bad bad, tn_evaluation *result, int64_t *confusion)
{
    base_error e = {0};
    train_scorer s = {0};
    tn_status status = evaluate(context, model, data, batch, loss, bad, &s, result, &e);
    const bool kept = status == TN_OK && confusion && result->classes && s.confusion.counts;
    if (kept)
        memcpy(confusion, s.confusion.counts, (size_t)result->classes * (size_t)result->classes * sizeof *confusion);
    result->confusion = kept ? confusion : NULL;
    train_scorer_free(&s);
    base_error *report = base_context_begin(context);
    return status == TN_OK ? TN_OK : base_fail(report, status, "%s", e.text);
}
