/* setup.c: what a trainer needs before the first step: loss and optimizer in the graph, loaders, a program, checks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "op/scheme/op.h"
#include "train/target.h"
#include <tarn/ops.h>

double train_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tn_status graph_error(const tn_model *m, base_error *e)
{
    return base_fail(e, m->graph->error.status, "%s", m->graph->error.text);
}

static void add_optimizer(tn_model *m, tn_tensor *loss, const tn_train_opt *train)
{
    for (size_t i = 0; i < m->graph->losses.n; i++) {
        const graph_loss *l = &m->graph->losses.at[i];
        loss = tn_add(loss, tn_mul_f(tn_cast(l->value, tn_tensor_dtype(loss)), l->weight));
    }
    if (train->lbfgs) {
        tn_lbfgs(loss, train->lbfgs);
        return;
    }
    tn_minimize(loss, &train->optim);
    static const char *const entries[] = {"step", "accumulate_first", "accumulate"}; /* those that see a batch */
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        tn_entry *entry = tn_graph_entry(m->graph, entries[i]);
        if (entry)
            tn_entry_output(entry, "y", m->drawn ? m->drawn : m->output);
    }
}

tn_status train_add_loss(tn_model *m, const tn_dataset *data, tn_loss *loss, train_target_kind *kind,
                         const tn_train_opt *train, base_error *e)
{
    BASE_TRY(train_check_target(m, data, loss, kind, e));
    if (tn_graph_entry(m->graph, "evaluate"))
        return base_fail(e, TN_INVALID, "the model has a trainer already; load or build it anew for another one");
    tn_tensor *target = train_add_target(m, *kind), *value = train_loss_of(m->output, *loss, *kind, target, NULL);
    if (train && m->graph->error.status == TN_OK) {
        const tn_loss_opt opt = {.label_smoothing = train->label_smoothing,
                                 .weight = train_class_weights(m, data, *loss, train, e)};
        if (!opt.weight && (train->class_weights || train->balance_classes))
            return e->status;
        const bool other = m->drawn || opt.label_smoothing > 0 || opt.weight;
        tn_tensor *y = m->drawn ? m->drawn : m->output;
        add_optimizer(m, other ? train_loss_of(y, *loss, *kind, target, &opt) : value, train);
    }
    tn_entry *evaluate = tn_entry_new(m->graph, "evaluate", 0);
    tn_entry_output(evaluate, "loss", value);
    tn_entry_output(evaluate, "y", m->output);
    tn_entry_check(evaluate, value);
    return m->graph->error.status == TN_OK ? TN_OK : graph_error(m, e);
}

tn_transform train_transform(const tn_model *m, const tn_transform *augment)
{
    tn_transform t = augment ? *augment : (tn_transform){0};
    t.field = "x";
    t.dtype = tn_tensor_dtype(m->input);
    t.scale = m->preprocess.scale;
    t.channels = m->preprocess.channels;
    t.mean = m->preprocess.channels ? m->preprocess.mean : NULL;
    t.std = m->preprocess.channels ? m->preprocess.std : NULL;
    return t;
}

static tn_status check_data(const tn_model *m, const tn_dataset *data, int64_t batch, base_error *e)
{
    int x = tn_dataset_find(data, "x"), y = tn_dataset_find(data, "y");
    int64_t count = tn_dataset_count(data);
    if (x < 0 || y < 0)
        return base_fail(e, TN_INVALID, "the data set needs the fields 'x' and 'y'");
    if (batch > count)
        return base_fail(e, TN_INVALID,
                         "a batch of %lld samples is larger than the data set, which has %lld; a smaller one fits",
                         (long long)batch, (long long)count);
    const tn_field *given = tn_dataset_field(data, tn_dataset_find(data, "target"));
    const tn_preparation *p = tn_dataset_preparation(data);
    if (m->heard && (!given || given->dtype != TN_I64 || given->rank != 1))
        return base_fail(e, TN_INVALID,
                         "the model hears what was said so far, the field 'target' of data of pairs; these have none");
    if (!m->heard && p && strcmp(tn_preparation_kind(p), "pairs") == 0)
        return base_fail(e, TN_INVALID,
                         "the data are pairs, but the model does not hear what was said so far: it needs the layer "
                         "transformer_decoder");
    const tn_field *f = tn_dataset_field(data, x);
    tn_shape want = tn_tensor_shape(m->input);
    bool fits = f->rank + 1 == want.rank;
    for (int i = 0; fits && i < f->rank; i++)
        fits = want.dims[i + 1] < 0 || (want.dims[i + 1] == f->dims[i] && !(i == 0 && f->varies));
    if (fits)
        return TN_OK;
    char have[128], due[128];
    return base_fail(e, TN_SHAPE, "the data have samples %s; the model takes %s", train_describe(f, have, sizeof have),
                     tn_tensor_describe(m->input, due, sizeof due));
}

tn_loader *train_loader(tn_context *context, tn_model *m, const tn_dataset *data, int64_t batch, bool train,
                        const tn_train_opt *opt, base_error *e)
{
    tn_transform transforms[2] = {train_transform(m, train && opt ? opt->augment : NULL), {.field = "y"}};
    bool cast_y = tn_dataset_classes(data) == 0;
    transforms[1].dtype = tn_tensor_dtype(m->output);
    tn_loader_opt o = {.batch = (int)batch,
                       .shuffle = train && !(opt && opt->no_shuffle),
                       .drop_last = train && opt && opt->drop_last,
                       .seed = opt ? opt->seed : 0,
                       .workers = opt ? opt->workers : 0,
                       .prefetch = opt ? opt->prefetch : 0,
                       .skip_bad = opt && opt->skip_bad,
                       .bucket = opt ? opt->bucket : 0,
                       .pad_to = opt ? opt->pad_to : 0,
                       .transforms = transforms,
                       .n_transforms = cast_y ? 2 : 1};
    if (check_data(m, data, train ? batch : 0, e) != TN_OK)
        return NULL;
    tn_loader *loader = tn_loader_new(context, data, &o);
    if (!loader)
        base_fail(e, TN_INVALID, "%s", tn_context_error(context));
    return loader;
}

/* What is watched must be there in every epoch. */
static tn_status check_metric(tn_trainer *t, tn_metric metric, const char *who)
{
    static const struct {
        const char *name, *what;
    } known[] = {[TN_METRIC_LOSS] = {"the loss", ""},
                 [TN_METRIC_ACCURACY] = {"accuracy", "classes"},
                 [TN_METRIC_F1] = {"F1", "classes"},
                 [TN_METRIC_IOU] = {"iou", "a class for each place"},
                 [TN_METRIC_MAP] = {"map", "boxes"}};
    const train_target_kind kind = t->scorer.target;
    const bool fits = metric == TN_METRIC_MAP   ? kind == TRAIN_BOXES
                      : metric == TN_METRIC_IOU ? kind == TRAIN_PLACES
                                                : train_takes_classes(t->loss);
    if (metric == TN_METRIC_LOSS || (t->valid && fits))
        return TN_OK;
    return base_fail(&t->error, TN_INVALID,
                     "%s watches %s, but there is no validation set with %s; let it watch the loss", who,
                     known[metric].name, known[metric].what);
}

/* What validation needs is known before the first epoch, and said then. */
static tn_status check_valid(tn_trainer *t, const tn_dataset *train)
{
    BASE_TRY(check_metric(t, t->opt.watch, "early stopping"));
    for (const tn_schedule_opt *s = &t->opt.schedule; s; s = s->then)
        if (s->kind == TN_SCHEDULE_PLATEAU)
            BASE_TRY(check_metric(t, t->opt.plateau, "the plateau schedule"));
    if (!t->valid)
        return TN_OK;
    if (tn_dataset_count(t->valid) == 0)
        return base_fail(&t->error, TN_INVALID,
                         "there is a validation set, but it has no samples (of %lld for training); a larger "
                         "val_fraction takes more, and without validation data the training loss decides",
                         (long long)tn_dataset_count(train));
    train_target_kind kind;
    tn_loss loss = t->loss;
    BASE_TRY(train_check_target(t->model, t->valid, &loss, &kind, &t->error));
    if (kind != t->scorer.target && !(kind == TRAIN_CLASS && t->scorer.target == TRAIN_SOFT))
        return base_fail(&t->error, TN_DTYPE, "the validation samples have other targets 'y' than those for training");
    return check_data(t->model, t->valid, 0, &t->error);
}

/* A batch of one sample has no variance: batch norm needs more than one value for each channel. */
static tn_status check_last_batch(tn_trainer *t, const tn_dataset *train)
{
    int64_t count = tn_dataset_count(train), last = count % t->opt.batch;
    const tn_graph *g = t->model->graph;
    if (t->opt.batch != 1 && (last != 1 || t->opt.drop_last))
        return TN_OK;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        bool one = strcmp(node->def->name, "batch_norm") == 0 &&
                   node->in[0]->type.dims[0] == t->model->input->type.dims[0]; /* not the nodes of a graph */
        for (int k = 2; one && k < node->in[0]->type.rank; k++)
            one = node->in[0]->type.dims[k] == 1;
        if (one)
            return base_fail(&t->error, TN_INVALID,
                             "%s has one value for each channel when a batch has one sample, as the last of %lld has "
                             "with batches of %lld; take another batch size or leave the last batch out (drop_last)",
                             node->name, (long long)count, (long long)t->opt.batch);
    }
    return TN_OK;
}

/* Binds the step to its sizes before it runs: too little memory is found out now. */
static tn_status plan_step(tn_trainer *t)
{
    tn_view views[TN_MAX_FIELDS];
    tn_batch batch = {.n = t->opt.batch, .fields = views};
    tn_feed feeds[TRAIN_MOST_FEEDS + 1];
    int n = 0;
    tn_field f;
    for (; batch.n_fields < TN_MAX_FIELDS && tn_loader_field(t->loader, batch.n_fields, &f); batch.n_fields++)
        views[batch.n_fields] = tn_view_of(NULL, f.dtype, f.rank, f.dims);
    BASE_TRY(train_feeds(&t->scorer, t->loader, &batch, feeds, &n));
    feeds[n] = (tn_feed){"lr", tn_view_of(NULL, TN_F32, 0, NULL)};
    const char *entry = t->opt.lbfgs ? "lbfgs" : t->opt.accumulate == 1 ? "step" : "accumulate";
    tn_status status = tn_session_plan(t->session, entry, t->opt.lbfgs ? n : n + 1, feeds, &t->memory);
    return status == TN_OK ? TN_OK : base_fail(&t->error, status, "%s", tn_session_error(t->session));
}

/* Schedules that end with the run learn when that is; those of a chain are copied for it. */
static tn_status set_totals(tn_trainer *t)
{
    int64_t steps = t->opt.epochs * ((t->batches + t->opt.accumulate - 1) / t->opt.accumulate);
    for (tn_schedule_opt *s = &t->opt.schedule, *next; s; s = next) {
        s->total = s->total ? s->total : steps;
        next = NULL;
        if (s->then) {
            next = base_arena_copy(&t->arena, s->then, sizeof *next);
            if (!next)
                return base_no_memory(&t->error, "making a trainer");
            next->lr = next->lr == 0.0 ? s->lr : next->lr;
            s->then = next;
            steps -= s->until;
        }
    }
    return TN_OK;
}

/* What L-BFGS has no use for is refused, not passed over. */
static tn_status take_lbfgs(tn_trainer *t)
{
    const tn_train_opt *o = &t->opt;
    const tn_optim_opt *p = &o->optim;
    if (!o->lbfgs)
        return TN_OK;
    tn_lbfgs_opt *own = base_arena_copy(&t->arena, o->lbfgs, sizeof *own);
    if (!own)
        return base_no_memory(&t->error, "making a trainer");
    own->groups = p->groups;
    own->n_groups = p->n_groups;
    own->name = NULL;
    t->opt.lbfgs = own;
    const struct {
        const char *name;
        bool given;
    } wrong[] = {{"accumulate", o->accumulate > 1},
                 {"weight_decay", p->weight_decay.set && p->weight_decay.value > 0},
                 {"l1", p->l1 > 0},
                 {"clip_norm", p->clip_norm > 0},
                 {"clip_value", p->clip_value > 0},
                 {"centralize", p->centralize},
                 {"sam", p->sam > 0},
                 {"lookahead", p->lookahead > 0},
                 {"average", p->average != TN_AVERAGE_NONE},
                 {"scale_loss", p->scale_loss}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (wrong[i].given)
            return base_fail(&t->error, TN_INVALID, "%s has no meaning with L-BFGS, which takes gradients as they are",
                             wrong[i].name);
    return TN_OK;
}

/* Options with their defaults filled in, and checked. */
static tn_status set_options(tn_trainer *t, const tn_train_opt *opt, const tn_dataset *train)
{
    t->opt = opt ? *opt : (tn_train_opt){0};
    tn_train_opt *o = &t->opt;
    o->epochs = o->epochs ? o->epochs : 1;
    o->batch = o->batch ? o->batch : 64;
    o->accumulate = o->accumulate ? o->accumulate : 1;
    BASE_TRY(take_lbfgs(t));
    if (o->schedule.lr == 0.0)
        o->schedule.lr = o->lbfgs ? 1 : tn_optimizer_lr(o->optim.kind);
    if (!isfinite(o->schedule.lr) || o->schedule.lr < 0)
        return base_fail(&t->error, TN_INVALID, "the learning rate is %g; it must be a number of at least 0",
                         o->schedule.lr);
    if (o->epochs < 0 || o->batch < 0 || o->accumulate < 0 || o->batch > INT32_MAX || o->accumulate > INT32_MAX)
        return base_fail(&t->error, TN_INVALID,
                         "epochs, batch and accumulate must be above 0, the last two below 2^31");
    if (!(o->label_smoothing >= 0 && o->label_smoothing < 1))
        return base_fail(&t->error, TN_INVALID, "label_smoothing is %g; it must be at least 0 and below 1",
                         o->label_smoothing);
    o->optim.accumulate = o->accumulate > 1;
    o->optim.name = NULL; /* there is one */
    t->loss = o->loss;
    int64_t count = tn_dataset_count(train), steps;
    t->batches = count / o->batch + (!o->drop_last && count % o->batch != 0);
    if (__builtin_mul_overflow(t->batches + o->accumulate, o->epochs, &steps)) /* steps of all epochs are counted */
        return base_fail(&t->error, TN_LIMIT, "%lld epochs of %lld batches are more steps than can be counted",
                         (long long)o->epochs, (long long)t->batches);
    BASE_TRY(set_totals(t));
    if (o->folder && !(o->folder = base_arena_strdup(&t->arena, o->folder)))
        return base_no_memory(&t->error, "making a trainer");
    return TN_OK;
}

static tn_status prepare(tn_trainer *t, const tn_dataset *train, const tn_train_opt *opt)
{
    BASE_TRY(set_options(t, opt, train));
    t->loader = train_loader(t->context, t->model, train, t->opt.batch, true, &t->opt, &t->error);
    if (!t->loader)
        return t->error.status;
    BASE_TRY(train_add_loss(t->model, train, &t->loss, &t->scorer.target, &t->opt, &t->error));
    BASE_TRY(check_valid(t, train));
    BASE_TRY(check_last_batch(t, train));
    if (tn_model_init(t->model, t->opt.seed) != TN_OK)
        return base_fail(&t->error, t->model->error.status, "%s", t->model->error.text);
    tn_state_set_random(t->model->state, t->opt.seed, 0);
    t->program = tn_compile(t->model->graph,
                            TN_OPT(tn_compile_opt, .memory_limit = t->opt.memory_limit, .precision = t->opt.precision));
    if (!t->program)
        return base_fail(&t->error, TN_INVALID, "%s", tn_context_error(t->context));
    t->session = tn_session_new(t->program, t->model->state);
    if (!t->session)
        return base_fail(&t->error, TN_MEMORY, "%s", tn_context_error(t->context));
    t->scorer = (train_scorer){.context = t->context,
                               .model = t->model,
                               .session = t->session,
                               .entry = "evaluate",
                               .target = t->scorer.target,
                               .bad = t->opt.skip_bad ? TRAIN_BAD_TOLD : TRAIN_BAD_FAILS,
                               .what = "validation",
                               .e = &t->error};
    BASE_TRY(plan_step(t));
    if (t->opt.folder)
        return base_make_folder(t->opt.folder, &t->error);
    return TN_OK;
}

tn_trainer *tn_trainer_new(tn_context *context, tn_model *model, const tn_dataset *train, const tn_dataset *valid,
                           const tn_train_opt *opt)
{
    if ((!model || !train) && *tn_context_error(context))
        return NULL; /* they could not be made: that sentence stays */
    base_error *e = base_context_begin(context);
    if (!model || !train) {
        base_fail(e, TN_INVALID, "a trainer needs a model and data to train on; %s is NULL", model ? "train" : "model");
        return NULL;
    }
    tn_trainer *t = calloc(1, sizeof *t);
    if (!t) {
        base_no_memory(e, "making a trainer");
        return NULL;
    }
    t->context = base_context_retain(context);
    t->model = model;
    t->valid = valid;
    atomic_init(&t->cancel, false);
    if (prepare(t, train, opt) == TN_OK)
        return t;
    base_fail(e, t->error.status, "%s", t->error.text);
    tn_trainer_free(t);
    return NULL;
}

void tn_trainer_free(tn_trainer *t)
{
    if (!t)
        return;
    train_scorer_free(&t->scorer);
    tn_session_free(t->session);
    tn_program_free(t->program);
    tn_loader_free(t->loader);
    base_str_free(&t->history);
    base_arena_free(&t->arena);
    tn_context_free(t->context);
    free(t);
}

const tn_memory *tn_trainer_memory(const tn_trainer *t)
{
    return &t->memory;
}

const char *tn_trainer_error(const tn_trainer *t)
{
    return t ? t->error.text : "";
}

void tn_trainer_cancel(tn_trainer *t)
{
    atomic_store(&t->cancel, true);
}
