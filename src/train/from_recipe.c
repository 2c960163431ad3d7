/* from_recipe.c: recipes for programs that embed the library: data sets, model and options from one. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/number.h"
#include "data/dataset.h"
#include "model/core/zoo.h"
#include "train/build.h"
#include "train/source/source.h"
#include "train/trainer.h"
#include <tarn/ops.h>

tn_recipe *tn_recipe_load(tn_context *context, const char *path, int n, const char *const *overrides)
{
    base_error *e = base_context_begin(context);
    tn_recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe) {
        base_no_memory(e, "reading a recipe");
        return NULL;
    }
    atomic_init(&recipe->references, 1);
    if (train_recipe_read(path, overrides, (size_t)n, &recipe->r, e) == TN_OK)
        return recipe;
    free(recipe);
    return NULL;
}

tn_recipe *train_recipe_retain(const tn_recipe *recipe)
{
    tn_recipe *own = (tn_recipe *)(uintptr_t)recipe; /* its count alone changes */
    atomic_fetch_add(&own->references, 1);
    return own;
}

void tn_recipe_free(tn_recipe *recipe)
{
    if (!recipe || atomic_fetch_sub(&recipe->references, 1) != 1)
        return;
    train_recipe_free(recipe->r);
    free(recipe);
}

const char *tn_recipe_known_set(const tn_recipe *recipe, int i, char *key, size_t bytes)
{
    const train_recipe *r = recipe->r;
    for (const format_option *o = r->data_table->options; o->key; o++) {
        const char *path;
        for (size_t at = 0; (path = train_path_of(o, r->data, at)) != NULL; at++) {
            if (!format_path_names_set(path) || i-- > 0)
                continue;
            if (o->kind == FORMAT_KIND_PATHS)
                (void)base_print(key, bytes, "data.%s.%lld", o->key, (long long)at);
            else
                (void)base_print(key, bytes, "data.%s", o->key);
            return path;
        }
    }
    return NULL;
}

const char *tn_recipe_name(const tn_recipe *recipe)
{
    return recipe->r->name ? recipe->r->name : "run";
}

int tn_recipe_threads(const tn_recipe *recipe)
{
    return (int)recipe->r->train.threads;
}

char *tn_recipe_text(const tn_recipe *recipe)
{
    base_str s = {0};
    if (train_recipe_write(recipe->r, NULL, &s) == TN_OK && !s.failed)
        return s.text;
    base_str_free(&s);
    return NULL;
}

char *tn_recipe_help(const char *topic, bool markdown)
{
    base_str s = {0};
    if (train_recipe_help(topic, markdown, &s) && !s.failed)
        return s.text;
    base_str_free(&s);
    return NULL;
}

tn_tensor *tn_zoo_build(const char *name, tn_tensor *x, int64_t classes)
{
    const zoo_model *model = name && x ? zoo_find(name) : NULL;
    return model ? model->build(x, classes) : NULL;
}

const char *tn_zoo_name(int i)
{
    const zoo_model *m = zoo_at(i);
    return m ? m->name : NULL;
}

const char *tn_zoo_doc(int i)
{
    const zoo_model *m = zoo_at(i);
    return m ? m->doc : NULL;
}

/* ---- model ------------------------------------------------------------------------------------------------------- */

/* How many classes the output tells apart: its last axis, of boxes and of pictures' pixels too; 0 for any other output. */
static int64_t labelled(const tn_dataset *data, const tn_tensor *y)
{
    const tn_field *x = tn_dataset_field(data, tn_dataset_find(data, "x"));
    const tn_field *target = tn_dataset_field(data, tn_dataset_find(data, "y"));
    const tn_shape shape = tn_tensor_shape(y);
    const int64_t last = shape.rank > 1 ? shape.dims[shape.rank - 1] : 0;
    if (shape.rank == 2)
        return last;
    if (shape.rank != 3 || !x || !target || x->rank != 3 || target->rank == 0)
        return 0;
    return target->dtype == TN_F32 ? last - TN_BOX_COLUMNS : last;
}

/* A label for each class of the output: the class's name, a number where the data have no such class. */
static tn_status labels_of(base_arena *arena, const tn_dataset *data, const tn_tensor *y, tn_model_opt *opt)
{
    const int classes = tn_dataset_classes(data);
    const int64_t n = labelled(data, y);
    if (classes == 0 || n < classes || n > TRAIN_MOST_CLASSES)
        return TN_OK;
    const char **labels = BASE_ARRAY(arena, const char *, (size_t)n);
    for (int i = 0; labels && i < n; i++) {
        labels[i] = i < classes ? tn_dataset_class_name(data, i) : base_arena_printf(arena, "%d", i);
        if (!labels[i])
            return TN_MEMORY;
    }
    opt->labels = labels;
    opt->n_labels = (int)n;
    return labels ? TN_OK : TN_MEMORY;
}

/* The output of a graph for samples like x; NULL, and no graph, with the sentence in e. all: as train_build_graph. */
static tn_tensor *build_for(tn_context *c, const train_recipe *r, const tn_dataset *data, const tn_field *x,
                            tn_graph **g, tn_tensor **all, base_error *e)
{
    base_clear(e);
    *g = tn_graph_new(c);
    tn_tensor *y = *g ? train_build_graph(r, data, x, *g, all, e) : NULL;
    if (!y) {
        tn_graph_free(*g);
        *g = NULL;
    }
    return y;
}

static tn_model *build(tn_context *c, const train_recipe *r, const tn_dataset *data, base_error *e)
{
    const tn_field *x = tn_dataset_field(data, tn_dataset_find(data, "x"));
    tn_graph *g = NULL;
    tn_tensor *y = NULL, *all = NULL;
    if (x && r->source->any_length && !x->varies) { /* lines of other lengths can be predicted then */
        tn_field free_length = *x;
        free_length.varies = true;
        y = build_for(c, r, data, &free_length, &g, &all, e);
    }
    if (x && !y)
        y = build_for(c, r, data, x, &g, &all, e);
    if (!y)
        return NULL;
    tn_preprocess p = train_preprocess_of(r, x);
    tn_model_opt opt = {
        .name = r->name ? r->name : r->model.name, .preprocess = &p, .preparation = tn_dataset_preparation(data)};
    base_arena arena = {0};
    tn_model *m = NULL;
    if (labels_of(&arena, data, y, &opt) != TN_OK) {
        base_no_memory(e, "making a model");
        tn_graph_free(g);
    } else if (!(m = tn_model_new(c, g, y, &opt))) {
        base_fail(e, c->err.status, "%s", c->err.text);
    }
    base_arena_free(&arena);
    if (m && all && data_list_at(data, 0)) { /* behind what files hold */
        m->drawn = train_build_drawn(r, data, tn_dim_of(m->input, 0), g, all, e);
        if (!m->drawn) {
            tn_model_free(m);
            m = NULL;
        }
    }
    return m;
}

tn_model *tn_recipe_model(tn_context *c, const tn_recipe *recipe, const tn_dataset *data)
{
    base_error e = {0};
    tn_model *m = build(c, recipe->r, data, &e);
    base_error *report = base_context_begin(c);
    if (m && tn_model_init(m, (uint64_t)recipe->r->seed) != TN_OK) {
        base_fail(&e, TN_MEMORY, "%s", tn_model_error(m));
        tn_model_free(m);
        m = NULL;
    }
    if (!m)
        base_fail(report, e.status != TN_OK ? e.status : TN_MEMORY, "%s", e.text);
    return m;
}

static const tn_loss losses[] = {[TRAIN_LOSS_CROSS_ENTROPY] = TN_LOSS_CROSS_ENTROPY,
                                 [TRAIN_LOSS_NLL] = TN_LOSS_NLL,
                                 [TRAIN_LOSS_MSE] = TN_LOSS_MSE,
                                 [TRAIN_LOSS_L1] = TN_LOSS_L1,
                                 [TRAIN_LOSS_BCE] = TN_LOSS_BCE,
                                 [TRAIN_LOSS_BCE_WITH_LOGITS] = TN_LOSS_BCE_WITH_LOGITS,
                                 [TRAIN_LOSS_SMOOTH_L1] = TN_LOSS_SMOOTH_L1,
                                 [TRAIN_LOSS_HUBER] = TN_LOSS_HUBER,
                                 [TRAIN_LOSS_POISSON_NLL] = TN_LOSS_POISSON_NLL,
                                 [TRAIN_LOSS_BOXES] = TN_LOSS_BOXES};

tn_status tn_recipe_evaluate(tn_context *c, const tn_recipe *recipe, tn_model *model, const tn_dataset *data,
                             tn_evaluation *result, int64_t *confusion)
{
    return train_recipe_evaluate(c, recipe->r, model, data, true, result, confusion);
}

tn_status train_recipe_evaluate(tn_context *c, const train_recipe *r, tn_model *model, const tn_dataset *data,
                                bool tell, tn_evaluation *result, int64_t *confusion)
{
    enum { BATCH = 256 };
    const train_bad bad = r->data->on_error != TRAIN_ERROR_SKIP ? TRAIN_BAD_FAILS
                          : tell                                ? TRAIN_BAD_TOLD
                                                                : TRAIN_BAD_PASSED;
    return train_evaluate(c, model, data, BATCH, losses[r->train.loss], bad, result, confusion);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

tn_train_opt train_options_of(const train_recipe *r, train_pointed *to)
{
    static const tn_metric metrics[] = {[TRAIN_METRIC_LOSS] = TN_METRIC_LOSS,
                                        [TRAIN_METRIC_ACCURACY] = TN_METRIC_ACCURACY,
                                        [TRAIN_METRIC_F1] = TN_METRIC_F1,
                                        [TRAIN_METRIC_IOU] = TN_METRIC_IOU,
                                        [TRAIN_METRIC_MAP] = TN_METRIC_MAP};
    const train_options *o = &r->train;
    const train_augment *a = &r->data->augment;
    tn_train_opt t = {.epochs = o->epochs,
                      .batch = o->batch,
                      .seed = (uint64_t)r->seed,
                      .loss = losses[o->loss],
                      .label_smoothing = o->label_smoothing,
                      .class_weights = o->class_weights.n ? o->class_weights.at : NULL,
                      .n_class_weights = (int)o->class_weights.n,
                      .balance_classes = r->data->balance == TRAIN_BALANCE_WEIGHTS,
                      .optim = train_optim_of(o),
                      .lbfgs = train_lbfgs_of(o, &to->lbfgs),
                      .schedule = *o->schedule_opt,
                      .accumulate = o->accumulate,
                      .workers = (int)r->data->workers,
                      .patience = o->early_stopping.patience,
                      .watch = metrics[o->early_stopping.metric],
                      .min_delta = o->early_stopping.min_delta,
                      .plateau = metrics[train_plateau_metric(o)],
                      .no_shuffle = !r->data->shuffle,
                      .drop_last = r->data->drop_last,
                      .prefetch = (int)r->data->prefetch,
                      .skip_bad = r->data->on_error == TRAIN_ERROR_SKIP,
                      .bucket = (int)r->data->bucket,
                      .pad_to = (int)r->data->pad_to,
                      .checkpoint_every = o->checkpoint_every,
                      .memory_limit = (size_t)o->memory_limit,
                      .precision = (tn_precision)o->precision};
    to->augment = (tn_transform){
        .field = "x", .move = a->move, .rotate = a->rotate, .zoom = a->zoom, .flip = a->flip, .fill = a->fill};
    if (a->move > 0 || a->rotate > 0 || a->zoom > 0 || a->flip)
        t.augment = &to->augment;
    return t;
}

tn_status tn_recipe_memory(tn_context *c, const tn_recipe *recipe, const tn_dataset *train, const tn_dataset *valid,
                           tn_memory *memory)
{
    train_pointed to;
    const tn_train_opt o = train_options_of(recipe->r, &to);
    tn_model *m = tn_recipe_model(c, recipe, train);
    tn_trainer *t = m ? tn_trainer_new(c, m, train, valid, &o) : NULL;
    const tn_status status = t ? TN_OK : c->err.status;
    if (m && status == TN_SHAPE)
        (void)train_blame_model(recipe->r, &c->err);
    if (t)
        *memory = *tn_trainer_memory(t);
    tn_trainer_free(t);
    tn_model_free(m);
    return status;
}
