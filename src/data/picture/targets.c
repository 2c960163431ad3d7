/* targets.c: masks and boxes as targets of a trainer: the field "y" beside "x". */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "data/dataset.h"

#include <tarn/picture.h>

typedef struct targets {
    tn_dataset *from;
    int x, y, classes; /* fields of `from` */
    int64_t pixels;    /* of a mask; 0: boxes */
} targets;

enum { NO_CLASS = 255, NOT_JUDGED = -100, BOX = 5 };

static tn_status put_mask(const targets *t, int64_t index, uint64_t key, const uint8_t *mask, const tn_sample *sample)
{
    base_error *e = sample->inside;
    int64_t *y = sample->at[1];
    for (int64_t i = 0; i < t->pixels; i++) {
        if (mask[i] >= t->classes && mask[i] != NO_CLASS) {
            base_fail(e, TN_FORMAT,
                      "the mask has a pixel of class %d; there are the classes 0 to %d, and 255 for pixels that do not "
                      "count",
                      mask[i], t->classes - 1);
            return data_blame(t->from, index, key, sample->among, e);
        }
        y[i] = mask[i] == NO_CLASS ? NOT_JUDGED : mask[i];
    }
    return TN_OK;
}

static tn_status check_boxes(const targets *t, int64_t index, uint64_t key, const tn_sample *sample)
{
    base_error *e = sample->inside;
    const float *boxes = sample->at[1];
    const int64_t most = tn_dataset_field(t->from, t->y)->dims[0];
    for (int64_t i = 0; i < most; i++)
        if (boxes[BOX * i] >= (float)t->classes) {
            base_fail(e, TN_FORMAT, "a box is of class %g; there are the classes 0 to %d", (double)boxes[BOX * i],
                      t->classes - 1);
            return data_blame(t->from, index, key, sample->among, e);
        }
    return TN_OK;
}

static tn_status targets_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const targets *t = user;
    base_error *e = sample->inside;
    void *at[2];
    uint8_t *room = malloc((size_t)t->pixels + 1);
    if (!room)
        return base_no_memory(e, "fetching a sample");
    at[t->x] = sample->at[0];
    at[t->y] = t->pixels ? room : sample->at[1];
    tn_status status = data_get_among(t->from, index, key, at, NULL, sample->among, e);
    if (status == TN_OK)
        status = t->pixels ? put_mask(t, index, key, room, sample) : check_boxes(t, index, key, sample);
    free(room);
    return status;
}

static void targets_name(const void *user, int64_t index, base_str *to)
{
    const targets *t = user;
    t->from->name(t->from->def.user, index, to);
}

static void targets_release(void *user)
{
    targets *t = user;
    tn_dataset_free(t->from);
    free(t);
}

/* How many boxes' classes the data set names. */
static int named(const tn_dataset *d)
{
    int n = 0;
    while (tn_dataset_box_class(d, n))
        n++;
    return n;
}

static tn_dataset *make(const tn_dataset *d, targets *t, const char *const *names, base_error *e)
{
    const tn_field *x = tn_dataset_field(d, t->x), *y = tn_dataset_field(d, t->y);
    const char **own = NULL;
    if (!names && !t->pixels && (own = calloc((size_t)t->classes, sizeof *own)) != NULL)
        for (int i = 0; i < t->classes; i++)
            own[i] = tn_dataset_box_class(d, i);
    tn_field fields[2] = {*x, *y};
    fields[1].name = "y";
    if (t->pixels)
        fields[1] = (tn_field){.name = "y", .dtype = TN_I64, .rank = 1, .dims = {t->pixels}};
    const tn_dataset_def def = {.count = tn_dataset_count(d),
                                .fields = fields,
                                .n_fields = 2,
                                .classes = t->classes,
                                .class_names = names                        ? names
                                               : own && own[t->classes - 1] ? own
                                                                            : NULL,
                                .get = targets_get,
                                .release = targets_release,
                                .user = t};
    tn_dataset *result = data_new(&def, e);
    free(own);
    return result;
}

tn_dataset *tn_dataset_picture_targets(tn_context *context, const tn_dataset *d, int classes, const char *const *names)
{
    base_error *e = base_context_begin(context);
    int mask = d ? tn_dataset_find(d, "mask") : -1, boxes = d ? tn_dataset_find(d, "boxes") : -1;
    const int x = d ? tn_dataset_find(d, "x") : -1;
    if (x < 0 || (mask < 0 && boxes < 0) || tn_dataset_fields(d) != 2) {
        base_fail(e, TN_INVALID, "targets are made of data sets with the fields \"x\" and \"mask\" or \"boxes\"");
        return NULL;
    }
    classes = classes || mask >= 0 ? classes : named(d);
    if (classes < 1 || (mask >= 0 && classes > NO_CLASS)) {
        base_fail(e, TN_INVALID, mask >= 0 ? "masks have 1 to 255 classes, not %d" : "boxes need a class, not %d",
                  classes);
        return NULL;
    }
    targets *t = calloc(1, sizeof *t);
    if (!t) {
        base_no_memory(e, "making a data set");
        return NULL;
    }
    *t = (targets){.x = x, .y = mask >= 0 ? mask : boxes, .classes = classes};
    const tn_field *f = tn_dataset_field(d, t->y);
    t->pixels = mask >= 0 ? f->dims[0] * f->dims[1] : 0;
    t->from = data_retain(d);
    tn_dataset *result = make(d, t, names, e);
    if (!result) {
        targets_release(t);
        return NULL;
    }
    result->mixes = d->mixes;
    result->name = d->name ? targets_name : NULL;
    return result;
}
