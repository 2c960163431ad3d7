/* The training loop on generated digits: it learns, it repeats itself bit for bit, and a run that was stopped and resumed
 * ends in the same bits as one that was not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/recipe.h>
#include <tarn/train.h>

#include "support/scratch.h"

typedef struct fixture {
    tn_context *context;
    tn_dataset *train, *valid;
    const char *folder;
} fixture;

static int set_up(void **p)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = tn_context_new(NULL);
    f->train = tn_dataset_digits(f->context, TN_OPT(tn_digits_opt, .count = 600, .seed = 1));
    f->valid = tn_dataset_digits(f->context, TN_OPT(tn_digits_opt, .count = 100, .seed = 2));
    f->folder = scratch_new();
    *p = f;
    return 0;
}

static int tear_down(void **p)
{
    fixture *f = *p;
    scratch_remove();
    tn_dataset_free(f->train);
    tn_dataset_free(f->valid);
    tn_context_free(f->context);
    free(f);
    return 0;
}

/* `pool`: the side of the squares whose means are taken first; 1 leaves the picture as it is. */
static tn_model *pooled_mlp(const fixture *f, int classes, int pool)
{
    static const char *const labels[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    tn_preprocess prep = {
        .raw = TN_U8, .scale = 1.0 / 255, .channels = 1, .mean = {0.13}, .std = {0.31}, .step = "digit"};
    tn_graph *g = tn_graph_new(f->context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, 28, 28));
    tn_tensor *h = tn_flatten(pool > 1 ? tn_avg_pool2d(x, pool, NULL) : x, 1);
    h = tn_dropout(tn_relu(tn_layer_batch_norm(tn_layer_linear(h, "fc1", 32, NULL), "bn", NULL)), 0.2);
    tn_tensor *y = tn_layer_linear(h, "fc2", classes, NULL);
    tn_model *m =
        tn_model_new(f->context, g, y,
                     TN_OPT(tn_model_opt, .name = "mlp", .labels = labels, .n_labels = classes, .preprocess = &prep));
    if (!m)
        fail_msg("%s", tn_context_error(f->context));
    return m;
}

static tn_model *mlp(const fixture *f, int classes)
{
    return pooled_mlp(f, classes, 1);
}

static tn_train_opt options(void)
{
    tn_train_opt o = {.epochs = 3,
                      .batch = 32,
                      .seed = 5,
                      .optim = {.kind = TN_ADAM, .clip_norm = 5},
                      .schedule = {.kind = TN_SCHEDULE_COSINE, .lr = 3e-3}};
    return o;
}

static tn_trainer *trainer(const fixture *f, tn_model *m, const tn_train_opt *o)
{
    tn_trainer *t = tn_trainer_new(f->context, m, f->train, f->valid, o);
    if (!t)
        fail_msg("%s", tn_context_error(f->context));
    return t;
}

static void it_learns(void **p)
{
    fixture *f = *p;
    tn_train_opt o = options();
    o.folder = f->folder;
    o.workers = 2;
    tn_model *m = mlp(f, 10);
    tn_trainer *t = trainer(f, m, &o);
    if (tn_trainer_run(t) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    tn_evaluation e;
    assert_int_equal(tn_trainer_evaluate(t, f->valid, &e), TN_OK);
    assert_true(e.accuracy > 0.6);
    assert_int_equal(e.samples, 100);
    tn_model *loaded = tn_model_load(f->context, scratch_path("model.safetensors"));
    if (!loaded)
        fail_msg("%s", tn_context_error(f->context));
    assert_string_equal(tn_model_label(loaded, 7), "7");
    tn_evaluation e2;
    int64_t confusion[100];
    if (tn_evaluate(f->context, loaded, f->valid, 50, &e2, confusion) != TN_OK)
        fail_msg("%s", tn_context_error(f->context));
    assert_true(e2.accuracy > 0.55);
    tn_model_free(loaded);
    tn_trainer_free(t);
    tn_model_free(m);
}

static int stop_at(void *user, const tn_progress *p)
{
    int64_t *at = user;
    return !p->epoch_end && p->epoch == at[0] && p->step == at[1];
}

static void same_state(tn_model *a, tn_model *b)
{
    tn_view u, v;
    const char *name;
    for (int i = 0; (name = tn_state_get(tn_model_state(a), i, &u)) != NULL; i++) {
        assert_int_equal(tn_state_find(tn_model_state(b), name, &v), TN_OK);
        assert_int_equal(u.bytes, v.bytes);
        if (memcmp(u.data, v.data, u.bytes) != 0)
            fail_msg("'%s' differs", name);
    }
}

static void resumed_as_well(fixture *f, tn_train_opt o)
{
    for (o.accumulate = 1; o.accumulate <= (o.lbfgs ? 1 : 3); o.accumulate += 2) {
        tn_model *whole = mlp(f, 10);
        o.folder = NULL;
        o.progress = NULL;
        tn_trainer *t = trainer(f, whole, &o);
        assert_int_equal(tn_trainer_run(t), TN_OK);
        tn_trainer_free(t);
        int64_t at[2] = {1, 6};
        o.folder = f->folder;
        o.progress = stop_at;
        o.user = at;
        tn_model *first = mlp(f, 10);
        t = trainer(f, first, &o);
        assert_int_equal(tn_trainer_run(t), TN_CANCELLED);
        tn_trainer_free(t);
        tn_model_free(first);
        o.progress = NULL;
        tn_model *second = mlp(f, 10);
        t = trainer(f, second, &o);
        if (tn_trainer_resume(t, scratch_path("last.safetensors")) != TN_OK)
            fail_msg("%s", tn_trainer_error(t));
        assert_int_equal(tn_trainer_run(t), TN_OK);
        same_state(whole, second);
        tn_trainer_free(t);
        tn_model_free(second);
        tn_model_free(whole);
    }
}

static void resumed_runs_end_in_the_same_bits(void **p)
{
    tn_train_opt o = options();
    resumed_as_well(*p, o);
    const tn_schedule_opt end = {.kind = TN_SCHEDULE_LINEAR, .end_factor = tn_f64(0)};
    o.schedule.kind = TN_SCHEDULE_ONE_CYCLE;
    o.schedule.then = &end;
    o.schedule.until = 20;
    o.optim =
        (tn_optim_opt){.kind = TN_NADAM, .average = TN_AVERAGE_EMA, .lookahead = 3, .sam = 0.01, .scale_loss = true};
    resumed_as_well(*p, o);
    o.optim = (tn_optim_opt){.kind = TN_MUON, .average = TN_AVERAGE_SWA, .average_start = 5, .centralize = true};
    resumed_as_well(*p, o);
    const tn_lbfgs_opt second = {.max_iter = 3, .strong_wolfe = true};
    o.optim = (tn_optim_opt){0};
    o.lbfgs = &second;
    resumed_as_well(*p, o);
}

static tn_model *trained_on(fixture *f, const tn_train_opt *o)
{
    tn_model *m = mlp(f, 10);
    tn_trainer *t = trainer(f, m, o);
    if (tn_trainer_run(t) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    tn_trainer_free(t);
    return m;
}

/* ---- what is told ---------------------------------------------------------------------------------------------------- */

/* The first step after a resume: a process is as fast as what it saw itself. */
static int first_step(void *user, const tn_progress *p)
{
    double *samples = user;
    if (*samples == 0)
        *samples = p->samples_per_second * p->seconds;
    return 0;
}

static void a_resumed_epoch_is_as_fast_as_its_own_samples(void **p)
{
    fixture *f = *p;
    tn_train_opt o = options();
    int64_t at[2] = {1, 15};
    double samples = 0;
    o.folder = f->folder;
    for (int resumed = 0; resumed < 2; resumed++) {
        o.progress = resumed ? first_step : stop_at;
        o.user = resumed ? (void *)&samples : (void *)at;
        tn_model *m = mlp(f, 10);
        tn_trainer *t = trainer(f, m, &o);
        if (resumed)
            assert_int_equal(tn_trainer_resume(t, scratch_path("last.safetensors")), TN_OK);
        assert_int_equal(tn_trainer_run(t), resumed ? TN_OK : TN_CANCELLED);
        tn_trainer_free(t);
        tn_model_free(m);
    }
    assert_true(samples > 0 && samples < 5 * 32); /* not sixteen batches of 32 */
}

static int accuracy_of(void *user, const tn_progress *p)
{
    double *accuracy = user;
    if (p->epoch_end)
        *accuracy = p->accuracy;
    return 0;
}

/* At a rate of 0 the same predictions are counted, whatever the batches. */
static void accuracy_is_told_when_gradients_are_summed(void **p)
{
    fixture *f = *p;
    tn_train_opt o = options();
    double accuracy[2] = {-1, -1};
    o.epochs = 1;
    o.schedule = (tn_schedule_opt){.lr = 1e-30};
    o.progress = accuracy_of;
    for (int i = 0; i < 2; i++) {
        o.accumulate = i ? 3 : 1;
        o.user = &accuracy[i];
        tn_model *m = trained_on(f, &o);
        tn_model_free(m);
    }
    assert_true(accuracy[0] > 0);
    if (fabs(accuracy[0] - accuracy[1]) > 0.1) /* dropout differs: runs are counted */
        fail_msg("%g and %g", accuracy[0], accuracy[1]);
}

/* ---- samples that are left out ------------------------------------------------------------------------------------- */

enum { BATCH = 32 };

/* All of the first three batches of 32, of the fifth, the seventh and the last. */
static bool is_broken(int64_t i)
{
    const int64_t batch = i / BATCH;
    return batch < 3 || batch == 4 || batch == 6 || batch == 18;
}

static tn_status get_unless_broken(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const fixture *f = user;
    const int64_t dims[3] = {1, 28, 28};
    if (is_broken(index))
        return tn_sample_fail(sample, TN_FORMAT, "pictures/%d.png is damaged", (int)index);
    tn_view views[2] = {tn_view_of(sample->at[0], TN_U8, 3, dims), tn_view_of(sample->at[1], TN_I64, 0, NULL)};
    return tn_dataset_get(NULL, f->train, index, key, views);
}

static tn_dataset *broken_set(fixture *whole)
{
    const tn_field fields[2] = {*tn_dataset_field(whole->train, 0), *tn_dataset_field(whole->train, 1)};
    const tn_dataset_def def = {.count = tn_dataset_count(whole->train),
                                .fields = fields,
                                .n_fields = 2,
                                .classes = 10,
                                .get = get_unless_broken,
                                .user = whole};
    tn_dataset *d = tn_dataset_new(whole->context, &def);
    if (!d)
        fail_msg("%s", tn_context_error(whole->context));
    return d;
}

/* Batches that lost all samples are as none, wherever they stand, and runs go on exactly. */
static void whole_batches_are_left_out(void **p)
{
    fixture *f = *p, broken = *f, good = *f;
    int64_t left[600], n = 0;
    for (int64_t i = 0; i < 600; i++)
        if (!is_broken(i))
            left[n++] = i;
    tn_train_opt o = options();
    o.schedule.kind = TN_SCHEDULE_CONSTANT;
    o.no_shuffle = o.skip_bad = true;
    o.workers = 2;
    broken.train = broken_set(f);
    good.train = tn_dataset_subset(f->context, f->train, left, n);
    resumed_as_well(&broken, o);
    tn_model *a = trained_on(&broken, &o), *b = trained_on(&good, &o);
    same_state(a, b);
    tn_model_free(a);
    tn_model_free(b);
    tn_dataset_free(good.train);
    good.train = tn_dataset_range(f->context, broken.train, 0, 3 * BATCH);
    a = mlp(f, 10);
    tn_trainer *t = trainer(&good, a, &o);
    assert_int_equal(tn_trainer_run(t), TN_FORMAT);
    assert_string_equal(tn_trainer_error(t), "none of the epoch's samples can be had: all were left out");
    tn_trainer_free(t);
    tn_model_free(a);
    tn_dataset_free(good.train);
    tn_dataset_free(broken.train);
}

static tn_model *plain_mlp(const fixture *f)
{
    tn_graph *g = tn_graph_new(f->context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, 28, 28));
    tn_tensor *h = tn_tanh(tn_layer_linear(tn_flatten(tn_avg_pool2d(x, 2, NULL), 1), "fc1", 32, NULL));
    const tn_preprocess prep = {.raw = TN_U8, .scale = 1.0 / 255};
    tn_model *m = tn_model_new(f->context, g, tn_layer_linear(h, "fc2", 10, NULL),
                               TN_OPT(tn_model_opt, .name = "mlp", .preprocess = &prep));
    if (!m)
        fail_msg("%s", tn_context_error(f->context));
    return m;
}

/* One step of L-BFGS on all samples, again and again; what it has no use for is refused. */
static void lbfgs_learns(void **p)
{
    fixture *f = *p;
    tn_train_opt o = {.epochs = 4, .batch = 600, .lbfgs = TN_OPT(tn_lbfgs_opt, .strong_wolfe = true)};
    tn_model *m = plain_mlp(f);
    tn_trainer *t = trainer(f, m, &o);
    tn_evaluation before, trained;
    assert_true(tn_trainer_memory(t)->buffer > 0);
    assert_int_equal(tn_trainer_evaluate(t, f->train, &before), TN_OK);
    if (tn_trainer_run(t) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    assert_int_equal(tn_trainer_evaluate(t, f->train, &trained), TN_OK);
    if (!(trained.accuracy > 0.6 && trained.loss < before.loss))
        fail_msg("accuracy %g, loss %g after %g", trained.accuracy, trained.loss, before.loss);
    tn_trainer_free(t);
    tn_model_free(m);
    m = plain_mlp(f);
    o.optim.clip_norm = 1;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_string_equal(tn_context_error(f->context),
                        "clip_norm has no meaning with L-BFGS, which takes gradients as they are");
    tn_model_free(m);
}

/* What is added to the loss is trained for, and is not in evaluations. */
static void losses_are_added(void **p)
{
    fixture *f = *p;
    double loss[2], bias[2];
    for (int i = 0; i < 2; i++) {
        tn_model *m = mlp(f, 10);
        tn_graph *g = tn_model_graph(m);
        if (i)
            tn_graph_add_loss(tn_sum_square(tn_sub_f(tn_graph_state(g, "fc2.bias"), 5)), 0.5);
        tn_train_opt o = {.epochs = 2, .batch = 32, .optim = {.kind = TN_ADAM}, .schedule = {.lr = 0.05}};
        tn_trainer *t = trainer(f, m, &o);
        tn_evaluation e;
        tn_view v;
        assert_int_equal(tn_trainer_run(t), TN_OK);
        assert_int_equal(tn_trainer_evaluate(t, f->valid, &e), TN_OK);
        assert_int_equal(tn_state_find(tn_model_state(m), "fc2.bias", &v), TN_OK);
        loss[i] = e.loss;
        bias[i] = (double)((const float *)v.data)[0];
        tn_trainer_free(t);
        tn_model_free(m);
    }
    assert_true(bias[1] > 1 && bias[0] < 1);
    assert_true(loss[1] < 5); /* the squares alone began at 125 */
    tn_graph *g = tn_graph_new(f->context);
    tn_graph_add_loss(tn_input(g, "x", TN_F32, TN_SHAPE(2)), 1);
    assert_non_null(strstr(tn_graph_error(g), "'x' is to be added to the loss: it must have rank 0"));
    tn_graph_free(g);
}

/* Every optimizer at its own rate makes the loss smaller; the averaged weights are those that are saved. */
static void every_optimizer_learns(void **p)
{
    fixture *f = *p;
    for (int kind = 0; tn_optimizer_name(kind); kind++) {
        tn_train_opt o = {.epochs = 4, .batch = 32, .seed = 5, .folder = f->folder};
        if (kind == TN_RPROP) { /* signs of gradients of small batches say little */
            o.batch = tn_dataset_count(f->train);
            o.epochs = 12;
        }
        o.optim = (tn_optim_opt){.kind = (tn_optimizer)kind, .average = TN_AVERAGE_EMA, .average_decay = tn_f64(0.5)};
        tn_model *m = pooled_mlp(f, 10, 2); /* Shampoo's matrices have the sides of the weights */
        tn_trainer *t = trainer(f, m, &o);
        tn_evaluation before, trained, saved;
        assert_int_equal(tn_trainer_evaluate(t, f->valid, &before), TN_OK);
        if (tn_trainer_run(t) != TN_OK)
            fail_msg("%s: %s", tn_optimizer_name(kind), tn_trainer_error(t));
        assert_int_equal(tn_trainer_evaluate(t, f->valid, &trained), TN_OK);
        tn_model *loaded = tn_model_load(f->context, scratch_path("model.safetensors"));
        assert_non_null(loaded);
        assert_int_equal(tn_evaluate(f->context, loaded, f->valid, 50, &saved, NULL), TN_OK);
        if (!(trained.loss < before.loss) || !(saved.loss < before.loss))
            fail_msg("%s: %g became %g, %g averaged", tn_optimizer_name(kind), before.loss, trained.loss, saved.loss);
        assert_true(fabs(saved.loss - trained.loss) > 1e-9);
        tn_model_free(loaded);
        tn_trainer_free(t);
        tn_model_free(m);
    }
}

/* The last warning of a context. */
static void keep_line(void *user, int level, const char *line)
{
    (void)snprintf(user, 512, "%d %s", level, line);
}

static int count_steps(void *user, const tn_progress *p)
{
    *(int *)user += p->total_steps > 0;
    return 0;
}

/* Runs a net until early stopping ends it, then resumes it with `more` epochs of patience; returns the steps made anew. */
static int resume_stopped(fixture *f, int64_t more, char log[512])
{
    int steps = 0;
    tn_train_opt o = options();
    o.epochs = 9;
    o.folder = f->folder;
    o.patience = 1;
    o.min_delta = 1e9; /* nothing is progress */
    tn_model *first = mlp(f, 10), *second = mlp(f, 10);
    tn_trainer *t = trainer(f, first, &o);
    assert_int_equal(tn_trainer_run(t), TN_OK);
    tn_trainer_free(t);
    tn_context_free(f->context);
    f->context = tn_context_new(TN_OPT(tn_context_opt, .log = keep_line, .log_user = log));
    o.patience += more;
    o.progress = count_steps;
    o.user = &steps;
    t = trainer(f, second, &o);
    log[0] = '\0';
    if (tn_trainer_resume(t, scratch_path("last.safetensors")) != TN_OK || tn_trainer_run(t) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    if (more == 0)
        same_state(first, second);
    tn_trainer_free(t);
    tn_model_free(first);
    tn_model_free(second);
    return steps;
}

static void a_run_that_stopped_early_stays_as_it_is(void **p)
{
    fixture *f = *p;
    char log[512];
    assert_int_equal(resume_stopped(f, 0, log), 0);
    assert_non_null(strstr(log, "last.safetensors: the run was finished after 3 of 9 epochs: it stopped early"));
    assert_int_equal(log[0], '1');
}

static void with_more_patience_it_goes_on(void **p)
{
    fixture *f = *p;
    char log[512];
    assert_int_equal(resume_stopped(f, 2, log), 2 * 19);
    assert_string_equal(log, "");
}

static void another_instruction_set_is_told(void **p)
{
    fixture *f = *p;
    char log[512] = "";
    tn_train_opt o = options();
    tn_model *m = mlp(f, 10);
    tn_trainer *t = trainer(f, m, &o);
    assert_int_equal(tn_trainer_save(t, scratch_path("last.safetensors")), TN_OK);
    bool other = strcmp(tn_context_isa(f->context), "portable") != 0;
    tn_trainer_free(t);
    tn_model_free(m);
    for (int i = 0; i < 2; i++) {
        tn_context *c =
            tn_context_new(TN_OPT(tn_context_opt, .isa = i ? "portable" : NULL, .log = keep_line, .log_user = log));
        fixture g = {c, f->train, f->valid, f->folder};
        m = mlp(&g, 10);
        t = trainer(&g, m, &o);
        assert_int_equal(tn_trainer_resume(t, scratch_path("last.safetensors")), TN_OK);
        if (i && other)
            assert_non_null(strstr(log, "goes on with portable: its results will differ in the last bits"));
        else
            assert_string_equal(log, "");
        tn_trainer_free(t);
        tn_model_free(m);
        tn_context_free(c);
    }
}

static int keep_loss(void *user, const tn_progress *p)
{
    *(tn_progress *)user = *p;
    return 0;
}

/* Smoothed labels are never met: the loss of training stays above, that of validation is the plain one. */
static void labels_are_smoothed_in_training(void **p)
{
    fixture *f = *p;
    tn_train_opt o = options();
    tn_progress plain, smooth;
    for (int i = 0; i < 2; i++) {
        tn_model *m = mlp(f, 10);
        o.label_smoothing = i ? 0.3 : 0;
        o.progress = keep_loss;
        o.user = i ? &smooth : &plain;
        tn_trainer *t = trainer(f, m, &o);
        assert_int_equal(tn_trainer_run(t), TN_OK);
        tn_evaluation e;
        assert_int_equal(tn_trainer_evaluate(t, f->valid, &e), TN_OK);
        assert_true(fabs(e.loss - (i ? smooth : plain).val_loss) < 1e-12);
        tn_trainer_free(t);
        tn_model_free(m);
    }
    assert_true(smooth.loss > plain.loss + 0.2 && smooth.loss > smooth.val_loss);
}

/* NULL for what could not be made goes on to the end, and the first sentence stays. */
static void what_could_not_be_made_is_handed_on(void **p)
{
    fixture *f = *p;
    const tn_train_opt o = {.epochs = 1};
    tn_model *m = tn_model_load(f->context, "no/such/model");
    assert_null(m);
    tn_predictor *predictor = tn_predictor_new(m);
    assert_null(predictor);
    assert_int_equal(tn_predict(predictor, NULL, NULL), TN_INVALID);
    assert_string_equal(tn_predictor_error(predictor), "");
    tn_session *session = tn_session_new(tn_compile(NULL, NULL), NULL);
    assert_null(session);
    assert_int_equal(tn_run(session, "step", 0, NULL, 0, NULL), TN_INVALID);
    assert_string_equal(tn_session_error(session), "");
    tn_trainer *t = tn_trainer_new(f->context, m, f->train, NULL, &o);
    assert_null(t);
    assert_int_equal(tn_trainer_run(t), TN_INVALID);
    assert_string_equal(tn_trainer_error(t), "");
    assert_string_equal(tn_model_error(m), "");
    assert_string_equal(tn_graph_error(NULL), "");
    assert_string_equal(tn_state_error(NULL), "");
    assert_string_equal(tn_loader_error(NULL), "");
    assert_string_equal(tn_job_error(NULL), "");
    assert_non_null(strstr(tn_context_error(f->context), "no/such/model"));

    m = mlp(f, 10); /* nothing failed before: it is said what is missing */
    assert_string_equal(tn_context_error(f->context), "");
    assert_null(tn_trainer_new(f->context, m, NULL, NULL, &o));
    assert_non_null(
        strstr(tn_context_error(f->context), "a trainer needs a model and data to train on; train is NULL"));
    tn_model_free(m);
}

static void wrong_use(void **p)
{
    fixture *f = *p;
    tn_train_opt o = options();
    tn_model *m = mlp(f, 9);
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_string_equal(tn_context_error(f->context),
                        "the data have 10 classes and the model only 9 outputs; make its last layer larger");
    tn_model_free(m);
    m = mlp(f, 10);
    o.batch = 601;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(
        strstr(tn_context_error(f->context), "a batch of 601 samples is larger than the data set, which has 600"));
    o = options();
    o.schedule.lr = NAN;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(strstr(tn_context_error(f->context), "the learning rate is nan"));
    o = options();
    o.epochs = INT64_MAX;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(strstr(tn_context_error(f->context), "more steps than can be counted"));
    o = options();
    o.label_smoothing = 1;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(strstr(tn_context_error(f->context), "label_smoothing is 1; it must be at least 0 and below 1"));
    o = options();
    o.memory_limit = 1000;
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(strstr(tn_context_error(f->context), "the limit is 1000"));
    tn_model_free(m);
    o = options();
    o.watch = TN_METRIC_F1;
    m = mlp(f, 10);
    assert_null(tn_trainer_new(f->context, m, f->train, NULL, &o));
    assert_non_null(strstr(tn_context_error(f->context), "early stopping watches F1"));
    tn_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_learns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_optimizer_learns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resumed_runs_end_in_the_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_resumed_epoch_is_as_fast_as_its_own_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accuracy_is_told_when_gradients_are_summed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_batches_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lbfgs_learns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(losses_are_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_stopped_early_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_more_patience_it_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_instruction_set_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_are_smoothed_in_training, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_made_is_handed_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
