/* target.c: see target.h. */
#include "train/target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/room.h"
#include "data/dataset.h"
#include "op/scheme/op.h"
#include <tarn/ops.h>

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* "f32[3,4]": dtype and shape of a field in one sample. */
const char *train_describe(const tn_field *f, char *buffer, size_t size)
{
    int at = base_print(buffer, size, "%s[", tn_dtype_name(f->dtype));
    for (int i = 0; i < f->rank && at < (int)size; i++)
        at += base_print(buffer + at, size - (size_t)at, "%s%s%lld", i ? "," : "", i == 0 && f->varies ? "up to " : "",
                         (long long)f->dims[i]);
    if (at < (int)size)
        (void)base_print(buffer + at, size - (size_t)at, "]");
    return buffer;
}

bool train_takes_classes(tn_loss loss)
{
    return loss == TN_LOSS_CROSS_ENTROPY || loss == TN_LOSS_NLL;
}

int train_classes_of(const tn_model *m)
{
    tn_shape y = tn_tensor_shape(m->output);
    const tn_dim last = y.rank > 1 ? y.dims[y.rank - 1] : 0;
    return last > 0 && last <= INT32_MAX ? (int)last : 0;
}

static bool holds_boxes(const tn_dataset *data, const tn_field *y)
{
    return y->dtype == TN_F32 && y->rank == 2 && tn_dataset_classes(data) > 0;
}

static train_target_kind kind_of(const tn_field *y, tn_loss loss)
{
    if (loss == TN_LOSS_BOXES)
        return TRAIN_BOXES;
    if (!train_takes_classes(loss))
        return TRAIN_NUMBERS;
    return y->dtype != TN_I64 ? TRAIN_SOFT : y->rank == 0 ? TRAIN_CLASS : TRAIN_PLACES;
}

static tn_status check_classes(const tn_model *m, const tn_dataset *data, const tn_field *target, tn_loss loss,
                               base_error *e)
{
    const train_target_kind kind = kind_of(target, loss);
    const int classes = tn_dataset_classes(data), axes = kind == TRAIN_PLACES ? target->rank + 2 : 2;
    tn_shape y = tn_tensor_shape(m->output);
    char have[128];
    if (classes == 0)
        return base_fail(e, TN_DTYPE,
                         "cross entropy needs class numbers; the data have %s as 'y'. Is it the file of labels? For "
                         "numbers there are other losses, such as mse",
                         train_describe(target, have, sizeof have));
    if (holds_boxes(data, target))
        return base_fail(e, TN_DTYPE, "the data have boxes; the loss for them is boxes, not cross entropy or nll");
    if (kind == TRAIN_SOFT && loss == TN_LOSS_NLL)
        return base_fail(e, TN_DTYPE, "nll takes class numbers; the data have probabilities: take cross_entropy");
    if (y.rank != axes)
        return base_fail(
            e, TN_SHAPE, "cross entropy needs an output %s; the model's is %s%s",
            kind == TRAIN_PLACES ? "[batch, places, classes], as the data have a class for each place"
                                 : "[batch, classes]",
            tn_tensor_describe(m->output, have, sizeof have),
            kind == TRAIN_PLACES && y.rank == 4   ? "; end in the layer pixels"
            : kind != TRAIN_PLACES && y.rank == 4 ? "; put the layer flatten or global_avg_pool before the "
                                                    "first linear layer"
            : kind != TRAIN_PLACES && y.rank == 3 ? "; put the layer flatten or mean_steps before the last "
                                                    "linear layer"
                                                  : "");
    if (y.dims[axes - 1] >= 0 && (kind == TRAIN_SOFT ? y.dims[1] != classes : y.dims[axes - 1] < classes))
        return base_fail(e, TN_SHAPE,
                         "the data have %d classes and the model only %lld outputs; make its last layer larger",
                         classes, (long long)y.dims[axes - 1]);
    if (kind == TRAIN_PLACES && !target->varies && y.dims[1] >= 0 && y.dims[1] != target->dims[0])
        return base_fail(
            e, TN_SHAPE,
            "the data have a class for each of %lld places, and the model scores for %lld; of pictures the "
            "maps before the layer pixels must be as large as the picture (upsample)",
            (long long)target->dims[0], (long long)y.dims[1]);
    return TN_OK;
}

static tn_status check_boxes(const tn_model *m, const tn_dataset *data, const tn_field *target, base_error *e)
{
    const tn_shape y = tn_tensor_shape(m->output);
    const int classes = tn_dataset_classes(data);
    if (!holds_boxes(data, target))
        return base_fail(e, TN_DTYPE, "the loss boxes needs data with boxes, as those of the kind boxes");
    if (y.rank != 3 || y.dims[2] < TN_BOX_COLUMNS + 1 || tn_tensor_dtype(m->output) != TN_F32)
        return base_fail(e, TN_SHAPE, "the loss boxes needs a model that ends in the layer boxes");
    if (y.dims[2] < TN_BOX_COLUMNS + classes)
        return base_fail(e, TN_SHAPE, "the data have boxes of %d classes, and the model's layer boxes only %lld",
                         classes, (long long)y.dims[2] - TN_BOX_COLUMNS);
    return TN_OK;
}

/* Numbers to come near to: as many as the output has, in its shape; for an output [batch, 1] single ones will do. */
static tn_status check_numbers(const tn_model *m, const tn_dataset *data, const tn_field *target, base_error *e)
{
    tn_shape y = tn_tensor_shape(m->output);
    char have[128], due[128];
    if (tn_dataset_classes(data) > 0)
        return base_fail(e, TN_DTYPE, "the data have %d classes; this loss takes numbers. Use %s",
                         tn_dataset_classes(data), holds_boxes(data, target) ? "boxes" : "cross_entropy");
    int axes = target->rank + 1;
    bool fits = axes == y.rank || (axes + 1 == y.rank && y.dims[axes] == 1);
    for (int i = 1; fits && i < axes; i++)
        fits = y.dims[i] < 0 || y.dims[i] == target->dims[i - 1];
    if (fits)
        return TN_OK;
    return base_fail(e, TN_SHAPE, "the data have targets 'y' %s for each sample; the model gives %s",
                     train_describe(target, have, sizeof have), tn_tensor_describe(m->output, due, sizeof due));
}

tn_status train_check_target(const tn_model *m, const tn_dataset *data, tn_loss *loss, train_target_kind *kind,
                             base_error *e)
{
    const tn_field *y = tn_dataset_field(data, tn_dataset_find(data, "y"));
    if (!y)
        return base_fail(e, TN_INVALID, "the data set needs the fields 'x' and 'y'");
    if (*loss == TN_LOSS_AUTO)
        *loss = holds_boxes(data, y)           ? TN_LOSS_BOXES
                : tn_dataset_classes(data) > 0 ? TN_LOSS_CROSS_ENTROPY
                                               : TN_LOSS_MSE;
    *kind = kind_of(y, *loss);
    if (*kind == TRAIN_BOXES)
        return check_boxes(m, data, y, e);
    return train_takes_classes(*loss) ? check_classes(m, data, y, *loss, e) : check_numbers(m, data, y, e);
}

/* ---- in the graph ------------------------------------------------------------------------------------------------ */

tn_tensor *train_add_target(tn_model *m, train_target_kind kind)
{
    tn_shape y = tn_tensor_shape(m->output);
    if (kind == TRAIN_CLASS || kind == TRAIN_PLACES) {
        y.rank--;
        return tn_input(m->graph, "target", TN_I64, y);
    }
    if (kind == TRAIN_BOXES)
        return tn_input(m->graph, "target", TN_F32, TN_SHAPE(y.dims[0], tn_symbol(m->graph, "boxes"), 5));
    return tn_input(m->graph, "target", tn_tensor_dtype(m->output), y);
}

tn_tensor *train_loss_of(tn_tensor *y, tn_loss loss, train_target_kind kind, tn_tensor *target, const tn_loss_opt *opt)
{
    if (kind == TRAIN_PLACES) { /* a class for each place is a class for each row of a longer batch */
        y = tn_reshape(y, TN_SHAPE(-1, tn_dim_of(y, -1)));
        target = tn_reshape(target, TN_SHAPE(-1));
    }
    switch (loss) {
    case TN_LOSS_BOXES: return tn_boxes_loss(y, target);
    case TN_LOSS_CROSS_ENTROPY: return tn_cross_entropy(y, target, opt);
    case TN_LOSS_SMOOTH_L1: return tn_smooth_l1(y, target, 1, TN_REDUCE_MEAN);
    case TN_LOSS_HUBER: return tn_huber(y, target, 1, TN_REDUCE_MEAN);
    case TN_LOSS_POISSON_NLL: return tn_poisson_nll(y, target, true, false, 1e-8, TN_REDUCE_MEAN);
    case TN_LOSS_NLL: return tn_nll(y, target, opt);
    case TN_LOSS_BCE: return tn_bce(y, target, NULL);
    case TN_LOSS_L1: return tn_l1(y, target, TN_REDUCE_MEAN);
    case TN_LOSS_BCE_WITH_LOGITS: return tn_bce_with_logits(y, target, NULL);
    default: return tn_mse(y, target, TN_REDUCE_MEAN);
    }
}

/* ---- weights of classes -------------------------------------------------------------------------------------------- */

static tn_status fill_weights(const tn_dataset *data, const tn_train_opt *opt, double *weights, int classes,
                              base_error *e)
{
    for (int i = 0; i < classes; i++) {
        weights[i] = opt->class_weights && i < opt->n_class_weights ? opt->class_weights[i] : 1;
        if (!isfinite(weights[i]) || weights[i] < 0)
            return base_fail(e, TN_INVALID, "class %d counts for %g; weights of classes must be at least 0", i,
                             weights[i]);
    }
    return opt->balance_classes ? data_class_weights(data, weights, e) : TN_OK;
}

tn_tensor *train_class_weights(tn_model *m, const tn_dataset *data, tn_loss loss, const tn_train_opt *opt,
                               base_error *e)
{
    const int classes = train_classes_of(m);
    if (!opt->balance_classes && !opt->class_weights)
        return NULL;
    if (!train_takes_classes(loss) || (opt->balance_classes && opt->class_weights)) {
        base_fail(e, TN_INVALID,
                  opt->balance_classes && opt->class_weights
                      ? "classes are weighed by class_weights or by how often they are, not by both"
                      : "weights of classes are for the losses cross_entropy and nll");
        return NULL;
    }
    if (opt->class_weights && opt->n_class_weights != classes) {
        base_fail(e, TN_SHAPE, "there are %d class_weights; the model has %d outputs", opt->n_class_weights, classes);
        return NULL;
    }
    double *weights = malloc((size_t)classes * sizeof *weights + 8);
    tn_tensor *w = NULL;
    if (!weights)
        base_no_memory(e, "weighing classes");
    else if (fill_weights(data, opt, weights, classes, e) == TN_OK)
        w = tn_cast(tn_constant(m->graph, &(tn_view){.data = weights,
                                                     .bytes = (size_t)classes * sizeof *weights,
                                                     .dtype = TN_F64,
                                                     .rank = 1,
                                                     .dims = {classes}}),
                    tn_tensor_dtype(m->output));
    free(weights);
    return w;
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

static tn_status make_room(train_scorer *s, size_t scores)
{
    if (scores <= s->room)
        return TN_OK;
    const int classes = train_classes_of(s->model);
    const size_t rows = classes > 0 ? scores / (size_t)classes : scores;
    s->room = 0;
    if (!base_grow(&s->scores, scores * sizeof *s->scores) ||
        !base_grow(&s->predicted, (2 * rows + 1) * sizeof *s->predicted))
        return base_no_memory(s->e, "evaluating");
    s->room = scores;
    return TN_OK;
}

/* The graph wants probabilities, the data have class numbers: those of validation, where training mixes classes. */
static tn_status to_soft(train_scorer *s, tn_view *target)
{
    const int64_t n = target->dims[0], classes = train_classes_of(s->model), *y = target->data;
    const size_t need = (size_t)n * (size_t)classes;
    if (need > s->soft_room) {
        if (!base_grow(&s->soft, need * sizeof *s->soft))
            return base_no_memory(s->e, "evaluating");
        s->soft_room = need;
    }
    memset(s->soft, 0, need * sizeof *s->soft);
    for (int64_t i = 0; i < n; i++)
        if (y[i] >= 0 && y[i] < classes)
            s->soft[i * classes + y[i]] = 1;
    *target = tn_view_of(s->soft, TN_F32, 2, (const int64_t[]){n, classes});
    return TN_OK;
}

tn_status train_feeds(train_scorer *s, const tn_loader *loader, const tn_batch *batch, tn_feed *feeds, int *n)
{
    const tn_dataset *data = tn_loader_dataset(loader);
    int x = tn_dataset_find(data, "x"), y = tn_dataset_find(data, "y");
    feeds[0] = (tn_feed){"x", batch->fields[x]};
    feeds[1] = (tn_feed){"target", batch->fields[y]};
    *n = 2;
    if (s->model->heard)
        feeds[(*n)++] = (tn_feed){"given", batch->fields[tn_dataset_find(data, "target")]};
    for (int i = 0; data_list_at(data, i); i++)
        feeds[(*n)++] = (tn_feed){data_list_at(data, i)->name, batch->fields[tn_dataset_fields(data) + i]};
    tn_view *target = &feeds[1].view;
    tn_shape due = tn_tensor_shape(s->model->output);
    if (s->target == TRAIN_BOXES)
        return TN_OK;
    if (s->target == TRAIN_SOFT)
        return target->dtype == TN_I64 ? to_soft(s, target) : TN_OK;
    if (s->target == TRAIN_NUMBERS && target->rank + 1 == due.rank &&
        due.dims[due.rank - 1] == 1) { /* numbers for an output [batch, 1] */
        target->dims[target->rank] = 1;
        target->rank++;
    }
    if (s->target != TRAIN_NUMBERS && target->dtype != TN_I64)
        return base_fail(s->e, TN_DTYPE, "the field 'y' is %s; class numbers (i64) are due",
                         tn_dtype_name(target->dtype));
    return TN_OK;
}

bool train_has_scores(const train_scorer *s)
{
    const int classes = train_classes_of(s->model);
    return s->target != TRAIN_NUMBERS && s->target != TRAIN_BOXES && classes > 0 && classes <= TRAIN_MOST_CLASSES;
}

/* Open sizes of the output are those of an input that have the same symbol. */
static int64_t size_of(tn_dim dim, const tn_tensor *input, const tn_view *x)
{
    tn_shape in = tn_tensor_shape(input);
    for (int i = 0; dim < 0 && i < in.rank; i++)
        if (in.dims[i] == dim)
            return x->dims[i];
    return dim;
}

tn_status train_output_view(train_scorer *s, const tn_feed *feeds, tn_view *view)
{
    tn_shape shape = tn_tensor_shape(s->model->output);
    int64_t dims[TN_MAX_RANK];
    size_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        dims[i] = i == 0 ? feeds[0].view.dims[0] : size_of(shape.dims[i], s->model->input, &feeds[0].view);
        if (s->model->heard)
            dims[i] = size_of(dims[i], s->model->heard, &feeds[2].view);
        if (dims[i] < 0)
            return base_fail(s->e, TN_SHAPE, "the model's output has other open sizes than its input");
        count *= (size_t)dims[i];
    }
    BASE_TRY(make_room(s, count));
    *view = tn_view_of(s->scores, TN_F32, shape.rank, dims);
    return TN_OK;
}

int64_t train_weight(const train_scorer *s, const tn_view *target)
{
    const int64_t *y = target->data, n = tn_view_count(target);
    int64_t places = 0;
    if (s->target != TRAIN_PLACES)
        return target->dims[0];
    for (int64_t i = 0; i < n; i++)
        places += y[i] >= 0;
    return places;
}

int64_t train_judge(train_scorer *s, const tn_view *scores, const tn_view *target, const int64_t **predicted,
                    const int64_t **truth)
{
    const int classes = train_classes_of(s->model);
    const int64_t rows = tn_view_count(scores) / classes;
    train_argmax(scores->data, (size_t)rows, classes, s->predicted);
    *predicted = s->predicted;
    *truth = target->data;
    if (s->target == TRAIN_SOFT) {
        train_argmax(target->data, (size_t)rows, classes, s->predicted + rows);
        *truth = s->predicted + rows;
    }
    return rows;
}
