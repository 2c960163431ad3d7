/* loop.c: steps and epochs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/loader.h"
#include "format/json.h"
#include "train/target.h"

static tn_status session_error(tn_trainer *t, tn_status status)
{
    return base_fail(&t->error, status, "epoch %lld, batch %lld: %s", (long long)t->at.epoch + 1,
                     (long long)t->at.batch + 1, tn_session_error(t->session));
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* How many batches the group of batch number `batch` has, and which of them it is. */
static int64_t group_size(const tn_trainer *t, int64_t batch, int64_t *which)
{
    int64_t first = batch / t->opt.accumulate * t->opt.accumulate;
    int64_t left = t->batches - first;
    *which = batch - first;
    return left < t->opt.accumulate ? left : t->opt.accumulate;
}

static tn_status apply(tn_trainer *t, float lr, float count)
{
    float norm = 0;
    tn_feed feeds[2] = {{"lr", tn_view_of(&lr, TN_F32, 0, NULL)}, {"accumulated", tn_view_of(&count, TN_F32, 0, NULL)}};
    tn_feed fetch = {"grad_norm", tn_view_of(&norm, TN_F32, 0, NULL)};
    bool want = !t->opt.optim.no_gradient_norm;
    tn_status status = tn_run(t->session, "apply", 2, feeds, want, &fetch);
    t->grad_norm = (double)norm;
    return status == TN_OK ? TN_OK : session_error(t, status);
}

/* Whether a step is one run. */
static bool is_single(const tn_trainer *t)
{
    return t->opt.accumulate == 1 && !t->opt.lbfgs;
}

/* A step of L-BFGS looks at the loss several times; that at the beginning counts. */
static tn_status step_by_lbfgs(tn_trainer *t, const tn_batch *batch)
{
    double loss = 0;
    tn_feed feeds[TRAIN_MOST_FEEDS];
    int n = 0;
    tn_lbfgs_opt o = *t->opt.lbfgs;
    o.lr = t->lr;
    BASE_TRY(train_feeds(&t->scorer, t->loader, batch, feeds, &n));
    tn_status status = tn_lbfgs_step(t->session, &o, n, feeds, &loss);
    if (status != TN_OK)
        return session_error(t, status);
    train_mean_add(&t->at.loss, loss, (double)batch->n);
    t->at.seen += batch->n;
    return TN_OK;
}

static void count_correct(tn_trainer *t, const tn_view *scores, const tn_view *target)
{
    const int64_t *predicted, *truth, rows = train_judge(&t->scorer, scores, target, &predicted, &truth);
    for (int64_t i = 0; i < rows; i++) {
        t->at.correct += predicted[i] == truth[i];
        t->at.judged += truth[i] >= 0;
    }
}

/* The gradients of one batch: a whole step, or kept until the group is complete. */
static tn_status run_batch(tn_trainer *t, const tn_batch *batch)
{
    if (t->opt.lbfgs)
        return step_by_lbfgs(t, batch);
    float loss = 0, norm = 0, lr = (float)t->lr;
    tn_feed feeds[TRAIN_MOST_FEEDS + 1], fetches[3];
    int n = 0, fed = 0;
    BASE_TRY(train_feeds(&t->scorer, t->loader, batch, feeds, &fed));
    const int64_t weight = train_weight(&t->scorer, &feeds[1].view);
    t->at.seen += batch->n;
    if (weight == 0 && is_single(t))
        return TN_OK; /* no place of it has a class: there is nothing to learn */
    feeds[fed++] = (tn_feed){"lr", tn_view_of(&lr, TN_F32, 0, NULL)};
    fetches[n++] = (tn_feed){"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    const bool single = is_single(t), scores = train_has_scores(&t->scorer);
    if (scores) {
        fetches[n].name = "y";
        BASE_TRY(train_output_view(&t->scorer, feeds, &fetches[n++].view));
    }
    if (single && !t->opt.optim.no_gradient_norm)
        fetches[n++] = (tn_feed){"grad_norm", tn_view_of(&norm, TN_F32, 0, NULL)};
    const char *entry = single ? "step" : t->held == 0 ? "accumulate_first" : "accumulate";
    tn_status status = tn_run(t->session, entry, fed, feeds, n, fetches);
    if (status != TN_OK)
        return session_error(t, status);
    t->grad_norm = single ? (double)norm : t->grad_norm;
    train_mean_add(&t->at.loss, (double)loss, (double)weight);
    if (scores)
        count_correct(t, &fetches[1].view, &feeds[1].view);
    t->held += !single;
    return TN_OK;
}

/* Behind the last batch of a group: an update by what there is. Batches whose samples were all left out add nothing. */
static tn_status end_group(tn_trainer *t)
{
    const int64_t count = t->held;
    t->held = 0;
    return count > 0 ? apply(t, (float)t->lr, (float)count) : TN_OK;
}

static tn_progress progress_now(const tn_trainer *t)
{
    tn_loader_stats stats;
    double now = train_now(), seconds = now - t->epoch_started;
    tn_loader_get_stats(t->loader, &stats);
    tn_progress p = {.epoch = t->at.epoch,
                     .epochs = t->opt.epochs,
                     .step = t->at.batch,
                     .steps = t->batches,
                     .total_steps = t->at.total,
                     .loss = train_mean_value(&t->at.loss),
                     .accuracy = (double)NAN,
                     .skipped = t->at.skipped,
                     .lr = t->lr,
                     .grad_norm = t->grad_norm,
                     .seconds = now - t->started,
                     .val_loss = (double)NAN,
                     .val_accuracy = (double)NAN,
                     .val_f1 = (double)NAN,
                     .val_iou = (double)NAN,
                     .val_map = (double)NAN};
    if (t->at.judged)
        p.accuracy = (double)t->at.correct / (double)t->at.judged;
    p.samples_per_second = seconds > 0 ? (double)(t->at.seen - t->seen_before) / seconds : 0;
    p.waited = stats.total > 0 ? stats.waited / stats.total : 0;
    return p;
}

/* Cancelled by the callback or by a signal: `last` is saved by the caller. A group of batches whose gradients are summed is
 * gone through first. */
static tn_status report(tn_trainer *t, const tn_progress *p)
{
    int64_t which;
    (void)group_size(t, t->at.batch, &which);
    if (t->opt.progress && t->opt.progress(t->opt.user, p) != 0)
        atomic_store(&t->cancel, true);
    if (which == 0 && atomic_load(&t->cancel))
        return base_fail(&t->error, TN_CANCELLED, "training was cancelled in epoch %lld after %lld of %lld batches",
                         (long long)t->at.epoch + 1, (long long)t->at.batch, (long long)t->batches);
    return TN_OK;
}

static tn_status save_last(tn_trainer *t)
{
    if (!t->opt.folder)
        return TN_OK;
    base_str path = {0};
    base_str_printf(&path, "%s/last.safetensors", t->opt.folder);
    tn_status status = path.failed ? base_no_memory(&t->error, "saving") : train_save(t, base_str_text(&path));
    base_str_free(&path);
    return status;
}

/* Between updates only: gradients that are summed halfway are not kept. */
static tn_status maybe_checkpoint(tn_trainer *t)
{
    int64_t which;
    bool boundary = group_size(t, t->at.batch, &which) > 0 && which == 0;
    if (t->opt.checkpoint_every <= 0 || t->at.batch >= t->batches || !boundary ||
        t->at.batch / t->opt.accumulate % t->opt.checkpoint_every != 0)
        return TN_OK;
    return save_last(t);
}

/* Steps are counted by the plan, also where all samples of a batch were left out: the position tells which batches come, and the
 * learning rate goes as it would. */
static tn_status run_epoch(tn_trainer *t)
{
    const tn_batch *batch;
    t->epoch_started = train_now();
    t->seen_before = t->at.seen;
    while (t->at.batch < t->batches) {
        int64_t which;
        int64_t skipped;
        tn_status status = data_loader_next(t->loader, &batch, &skipped);
        t->at.skipped += skipped;
        if (status != TN_OK || !batch)
            return base_fail(&t->error, status == TN_OK ? TN_INTERNAL : status, "epoch %lld, batch %lld, %s",
                             (long long)t->at.epoch + 1, (long long)t->at.batch + 1,
                             status != TN_OK ? data_loader_why(t->loader) : "the epoch ended early");
        (void)group_size(t, t->at.batch, &which);
        if (which == 0)
            t->lr = tn_schedule_rate(&t->opt.schedule, &t->at.schedule, t->at.total, t->at.epoch);
        if (batch->n > 0)
            BASE_TRY(run_batch(t, batch));
        t->at.batch++;
        (void)group_size(t, t->at.batch, &which);
        if (which == 0 || t->at.batch == t->batches)
            BASE_TRY(end_group(t));
        t->at.total += which == 0 || t->at.batch == t->batches;
        tn_progress p = progress_now(t);
        if (t->at.batch < t->batches)
            BASE_TRY(report(t, &p));
        BASE_TRY(maybe_checkpoint(t));
    }
    return t->at.seen > 0 || !t->opt.skip_bad
               ? TN_OK
               : base_fail(&t->error, TN_FORMAT, "none of the epoch's samples can be had: all were left out");
}

/* ---- the end of an epoch ----------------------------------------------------------------------------------------- */

static void put_history(tn_trainer *t, const tn_progress *p)
{
    format_json_out w = {.to = &t->history};
    format_json_open_object(&w, NULL);
    format_json_put_i64(&w, "epoch", p->epoch + 1);
    format_json_put_i64(&w, "step", p->total_steps);
    format_json_put_f64(&w, "loss", p->loss);
    if (!isnan(p->accuracy))
        format_json_put_f64(&w, "accuracy", p->accuracy);
    if (p->valid) {
        format_json_put_f64(&w, "val_loss", p->val_loss);
        if (!isnan(p->val_accuracy)) {
            format_json_put_f64(&w, "val_accuracy", p->val_accuracy);
            format_json_put_f64(&w, "val_f1", p->val_f1);
        }
        if (!isnan(p->val_iou))
            format_json_put_f64(&w, "val_iou", p->val_iou);
        if (!isnan(p->val_map))
            format_json_put_f64(&w, "val_map", p->val_map);
    }
    format_json_put_f64(&w, "lr", p->lr);
    format_json_put_f64(&w, "grad_norm", p->grad_norm);
    format_json_put_f64(&w, "samples_per_second", p->samples_per_second);
    format_json_put_f64(&w, "seconds", p->seconds);
    if (p->skipped)
        format_json_put_i64(&w, "skipped", p->skipped);
    if (p->val_skipped)
        format_json_put_i64(&w, "val_skipped", p->val_skipped);
    format_json_put_bool(&w, "best", p->best);
    format_json_close(&w);
    base_str_add(&t->history, "\n");
}

static tn_status write_in_folder(tn_trainer *t, const char *name, bool model)
{
    base_str path = {0};
    base_str_printf(&path, "%s/%s", t->opt.folder, name);
    tn_status status;
    if (path.failed || t->history.failed)
        status = base_no_memory(&t->error, "saving");
    else if (model)
        status = model_write(t->model, base_str_text(&path), false, NULL, 0, &t->error);
    else
        status = base_file_write(base_str_text(&path), base_str_text(&t->history), t->history.length, &t->error);
    base_str_free(&path);
    return status;
}

/* A metric so that smaller is better; that there is what it needs was seen to at the beginning. */
static double watched(tn_metric metric, const tn_progress *p)
{
    if (!p->valid)
        return p->loss;
    switch (metric) {
    case TN_METRIC_ACCURACY: return -p->val_accuracy;
    case TN_METRIC_F1: return -p->val_f1;
    case TN_METRIC_IOU: return -p->val_iou;
    case TN_METRIC_MAP: return isnan(p->val_map) ? 0 : -p->val_map;
    default: return p->val_loss;
    }
}

static void judge(tn_trainer *t, tn_progress *p)
{
    double value = watched(t->opt.watch, p);
    bool first = !t->at.have_best, progress = first || value < t->at.mark - t->opt.min_delta;
    p->best = first || value < t->at.best;
    t->at.have_best = true;
    t->at.best = p->best ? value : t->at.best;
    t->at.mark = progress ? value : t->at.mark;
    t->at.bad_epochs = progress ? 0 : t->at.bad_epochs + 1;
    tn_schedule_epoch(&t->opt.schedule, &t->at.schedule, watched(t->opt.plateau, p));
}

const char *train_finished(const tn_trainer *t)
{
    if (t->at.epoch >= t->opt.epochs)
        return "all its epochs are done";
    return t->at.batch == 0 && t->opt.patience > 0 && t->at.bad_epochs > t->opt.patience
               ? "it stopped early, as nothing became better"
               : NULL;
}

/* Averaged weights, where there are any, and those that are trained change places. */
static tn_status swap_average(tn_trainer *t)
{
    if (t->opt.optim.average == TN_AVERAGE_NONE && t->opt.optim.kind != TN_ASGD) /* which has its own */
        return TN_OK;
    tn_status status = tn_run(t->session, "swap_average", 0, NULL, 0, NULL);
    return status == TN_OK ? TN_OK : session_error(t, status);
}

/* Validation, and the best model: with averaged weights if there are any. */
static tn_status end_epoch_averaged(tn_trainer *t, tn_progress *p)
{
    tn_evaluation result;
    if (t->valid) {
        BASE_TRY(train_score_data(&t->scorer, t->valid, t->opt.batch, &result));
        p->valid = true;
        t->scorer.bad = t->opt.skip_bad ? TRAIN_BAD_PASSED : TRAIN_BAD_FAILS; /* told once */
        p->val_skipped = result.skipped;
        p->val_loss = result.loss;
        p->val_accuracy = result.accuracy;
        p->val_f1 = result.classes ? result.macro_f1 : (double)NAN;
        p->val_iou = result.mean_iou;
        p->val_map = result.map50;
    }
    judge(t, p);
    put_history(t, p);
    return t->opt.folder && p->best ? write_in_folder(t, "model.safetensors", true) : TN_OK;
}

static tn_status end_epoch(tn_trainer *t)
{
    tn_progress p = progress_now(t);
    p.epoch_end = true;
    BASE_TRY(swap_average(t));
    tn_status status = end_epoch_averaged(t, &p);
    BASE_TRY(swap_average(t)); /* back, whatever came of it */
    if (status != TN_OK)
        return status;
    t->at.epoch++;
    t->at.batch = t->at.seen = t->at.correct = t->at.judged = t->at.skipped = 0;
    t->at.loss = (train_mean){0};
    t->at.finished = train_finished(t) != NULL;
    if (t->opt.folder) {
        BASE_TRY(write_in_folder(t, "metrics.jsonl", false));
        BASE_TRY(save_last(t));
    }
    return report(t, &p);
}

static tn_status run_all(tn_trainer *t)
{
    const tn_batch *end;
    while (!t->at.finished) {
        BASE_TRY(run_epoch(t));
        if (tn_loader_next(t->loader, &end) != TN_OK) /* the NULL that ends an epoch */
            return base_fail(&t->error, TN_IO, "%s", tn_loader_error(t->loader));
        BASE_TRY(end_epoch(t));
    }
    return TN_OK;
}

tn_status tn_trainer_run(tn_trainer *t)
{
    if (!t)
        return TN_INVALID;
    base_clear(&t->error);
    t->started = train_now();
    tn_status status = run_all(t);
    if (status == TN_CANCELLED || status == TN_NONFINITE) { /* nothing of the run so far is lost */
        base_error kept = t->error;
        int64_t which;
        (void)group_size(t, t->at.batch, &which);
        if (which == 0 && save_last(t) != TN_OK)
            return t->error.status;
        t->error = kept;
    }
    return status;
}
