/* checkpoint.c: `last.safetensors`: the model file with everything that a run needs to go on: optimizer slots among the
 * tensors, the position in the metadata under "tarn.train", the metrics so far under "tarn.history". */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/json.h"
#include "train/trainer.h"

static const char *optimizer_of(const tn_trainer *t)
{
    return t->opt.lbfgs ? "lbfgs" : tn_optimizer_name((int)t->opt.optim.kind);
}

static void put_position(const tn_trainer *t, base_str *s)
{
    format_json_out w = {.to = s};
    const train_position *at = &t->at;
    uint64_t seed, step;
    tn_state_get_random(t->model->state, &seed, &step);
    format_json_open_object(&w, NULL);
    format_json_put_i64(&w, "epoch", at->epoch);
    format_json_put_i64(&w, "batch", at->batch);
    format_json_put_i64(&w, "total", at->total);
    format_json_put_i64(&w, "seed", (int64_t)seed);
    format_json_put_i64(&w, "random_step", (int64_t)step);
    format_json_put_f64(&w, "schedule_best", at->schedule.best);
    format_json_put_f64(&w, "schedule_factor", at->schedule.factor);
    format_json_put_i64(&w, "schedule_bad", at->schedule.bad_epochs);
    format_json_put_i64(&w, "schedule_seen", at->schedule.seen);
    format_json_put_f64(&w, "best", at->best);
    format_json_put_f64(&w, "mark", at->mark);
    format_json_put_bool(&w, "have_best", at->have_best);
    format_json_put_bool(&w, "finished", at->finished);
    format_json_put_i64(&w, "bad_epochs", at->bad_epochs);
    format_json_put_f64(&w, "loss_sum", at->loss.sum);
    format_json_put_f64(&w, "loss_lost", at->loss.lost);
    format_json_put_f64(&w, "loss_weight", at->loss.weight);
    format_json_put_i64(&w, "correct", at->correct);
    format_json_put_i64(&w, "judged", at->judged);
    format_json_put_i64(&w, "seen", at->seen);
    format_json_put_i64(&w, "skipped", at->skipped);
    format_json_put_i64(&w, "batch_size", t->opt.batch);
    format_json_put_i64(&w, "accumulate", t->opt.accumulate);
    format_json_put_i64(&w, "batches", t->batches);
    format_json_put_string(&w, "optimizer", optimizer_of(t));
    format_json_put_string(&w, "isa", tn_context_isa(t->context));
    format_json_close(&w);
}

tn_status train_save(tn_trainer *t, const char *path)
{
    base_str s = {0};
    put_position(t, &s);
    format_pair pairs[2] = {{"tarn.train", base_str_text(&s)}, {"tarn.history", base_str_text(&t->history)}};
    tn_status status = s.failed ? base_no_memory(&t->error, "saving a checkpoint")
                                : model_write(t->model, path, true, pairs, 2, &t->error);
    base_str_free(&s);
    return status;
}

tn_status tn_trainer_save(tn_trainer *t, const char *path)
{
    base_clear(&t->error);
    return train_save(t, path);
}

typedef struct number {
    const char *key;
    int64_t *i;
    double *f;
    bool *b;
} number;

static tn_status read_position(tn_trainer *t, const format_json *root, train_position *at, int64_t fixed[5])
{
    const char *what = "metadata 'tarn.train'";
    number numbers[] = {{"epoch", &at->epoch, 0, 0},
                        {"batch", &at->batch, 0, 0},
                        {"total", &at->total, 0, 0},
                        {"seed", &fixed[0], 0, 0},
                        {"random_step", &fixed[1], 0, 0},
                        {"schedule_best", 0, &at->schedule.best, 0},
                        {"schedule_factor", 0, &at->schedule.factor, 0},
                        {"schedule_bad", &at->schedule.bad_epochs, 0, 0},
                        {"schedule_seen", &at->schedule.seen, 0, 0},
                        {"best", 0, &at->best, 0},
                        {"mark", 0, &at->mark, 0},
                        {"have_best", 0, 0, &at->have_best},
                        {"finished", 0, 0, &at->finished},
                        {"bad_epochs", &at->bad_epochs, 0, 0},
                        {"loss_sum", 0, &at->loss.sum, 0},
                        {"loss_lost", 0, &at->loss.lost, 0},
                        {"loss_weight", 0, &at->loss.weight, 0},
                        {"correct", &at->correct, 0, 0},
                        {"judged", &at->judged, 0, 0},
                        {"seen", &at->seen, 0, 0},
                        {"batch_size", &fixed[2], 0, 0},
                        {"accumulate", &fixed[3], 0, 0},
                        {"batches", &fixed[4], 0, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        number *n = &numbers[i];
        if (n->i)
            BASE_TRY(format_json_get_i64(root, what, n->key, INT64_MIN, INT64_MAX, n->i, &t->error));
        else if (n->f)
            BASE_TRY(format_json_get_f64(root, what, n->key, n->f, &t->error));
        else
            BASE_TRY(format_json_get_bool(root, what, n->key, n->b, &t->error));
    }
    if (!format_json_find(root, "skipped")) /* files did not say so at first */
        return TN_OK;
    return format_json_get_i64(root, what, "skipped", 0, INT64_MAX, &at->skipped, &t->error);
}

static tn_status check_position(tn_trainer *t, const char *path, const train_position *at, const int64_t fixed[5])
{
    if (fixed[2] != t->opt.batch || fixed[3] != t->opt.accumulate || fixed[4] != t->batches)
        return base_fail(&t->error, TN_INVALID,
                         "%s was written with batches of %lld, %lld accumulated, %lld in an epoch; this run has %lld, "
                         "%lld, %lld. Resume with the "
                         "same data and settings",
                         path, (long long)fixed[2], (long long)fixed[3], (long long)fixed[4], (long long)t->opt.batch,
                         (long long)t->opt.accumulate, (long long)t->batches);
    if ((uint64_t)fixed[0] != t->opt.seed)
        return base_fail(&t->error, TN_INVALID,
                         "%s was written by a run with the seed %llu; this run has %llu, so its samples would come in "
                         "another order. Resume with the same seed",
                         path, (unsigned long long)fixed[0], (unsigned long long)t->opt.seed);
    if (at->epoch < 0 || at->batch < 0 || at->batch > t->batches || at->total < 0 || at->seen < 0)
        return base_fail(&t->error, TN_FORMAT, "%s: its position makes no sense", path);
    return TN_OK;
}

/* Another optimizer has no use for what this one remembers of the gradients. */
static tn_status check_optimizer(tn_trainer *t, const format_json *root, const char *path)
{
    const char *then;
    if (!format_json_find(root, "optimizer")) /* files did not say so at first */
        return TN_OK;
    BASE_TRY(format_json_get_string(root, "metadata 'tarn.train'", "optimizer", &then, &t->error));
    if (strcmp(then, optimizer_of(t)) == 0)
        return TN_OK;
    return base_fail(&t->error, TN_INVALID, "%s was written by a run with %s; this run has %s. Resume with the same",
                     path, BASE_SHOW(then), optimizer_of(t));
}

/* Other instructions round differently: the run goes on, but not to the bits that it would have come to. */
static tn_status check_isa(tn_trainer *t, const format_json *root, const char *path)
{
    const char *then, *now = tn_context_isa(t->context);
    if (!format_json_find(root, "isa")) /* files did not say so at first */
        return TN_OK;
    BASE_TRY(format_json_get_string(root, "metadata 'tarn.train'", "isa", &then, &t->error));
    if (strcmp(then, now) != 0)
        base_log(t->context, BASE_LOG_WARNING,
                 "%s was written by a run on %s and goes on with %s: its results will differ in the last bits from "
                 "those of a run that was not interrupted",
                 path, BASE_SHOW(then), now);
    return TN_OK;
}

static tn_status restore(tn_trainer *t, const format_safetensors *file, const char *path)
{
    const char *text = format_safetensors_metadata(file, "tarn.train"),
               *history = format_safetensors_metadata(file, "tarn.history");
    train_position at = {0};
    int64_t fixed[5] = {0};
    format_json *root = NULL;
    if (!text || !history)
        return base_fail(&t->error, TN_FORMAT, "%s is no checkpoint of a run: its metadata have no 'tarn.train'", path);
    tn_status status = format_json_parse(text, strlen(text), NULL, path, &root, &t->error);
    if (status == TN_OK)
        status = read_position(t, root, &at, fixed);
    if (status == TN_OK)
        status = check_optimizer(t, root, path);
    if (status == TN_OK)
        status = check_isa(t, root, path);
    format_json_free(root);
    if (status == TN_OK)
        status = check_position(t, path, &at, fixed);
    if (status == TN_OK)
        status = model_read_state(t->model, file, path, true, &t->error);
    if (status != TN_OK)
        return status;
    if (tn_loader_seek(t->loader, at.epoch, at.batch) != TN_OK)
        return base_fail(&t->error, TN_INVALID, "%s", tn_loader_error(t->loader));
    tn_state_set_random(t->model->state, (uint64_t)fixed[0], (uint64_t)fixed[1]);
    t->at = at;
    t->held = 0;                         /* a checkpoint stands between groups */
    const char *why = train_finished(t); /* by this run's settings: with more epochs or patience it goes on */
    t->at.finished = why != NULL;
    if (why)
        base_log(t->context, BASE_LOG_WARNING,
                 "%s: the run was finished after %lld of %lld epochs: %s. Resuming it changes nothing", path,
                 (long long)at.epoch, (long long)t->opt.epochs, why);
    base_str_free(&t->history);
    base_str_add(&t->history, history);
    return t->history.failed ? base_no_memory(&t->error, "resuming") : TN_OK;
}

tn_status tn_trainer_resume(tn_trainer *t, const char *path)
{
    format_safetensors *file;
    base_clear(&t->error);
    BASE_TRY(format_safetensors_open(path, &file, &t->error));
    tn_status status = restore(t, file, path);
    format_safetensors_free(file);
    return status;
}
