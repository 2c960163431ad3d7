/* augment.c: pipelines on pictures of the caller's, and on the field "x" of any data set. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "data/dataset.h"
#include "data/picture/pipeline.h"

_Static_assert(sizeof(tn_box) == sizeof(picture_box), "boxes are copied as they are");

tn_status tn_pipeline_run(tn_context *context, const tn_pipeline *p, tn_scene *scene, uint64_t key)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    if (!p || !scene || !scene->picture || scene->n_boxes < 0 || (scene->n_boxes > 0 && !scene->boxes))
        return base_fail(e, TN_INVALID, "a pipeline needs a picture, and as many boxes as are said");
    const tn_picture *m = scene->mask;
    if (m && (m->channels != 1 || m->width != scene->picture->width || m->height != scene->picture->height))
        return base_fail(e, TN_SHAPE, "a mask has one channel and the size of its picture");
    picture_scene s = {.picture = scene->picture, .mask = scene->mask, .n_boxes = scene->n_boxes};
    s.boxes = malloc(sizeof *s.boxes * (size_t)(s.n_boxes + 1));
    if (!s.boxes)
        return base_no_memory(e, "running a pipeline");
    if (s.n_boxes)
        memcpy(s.boxes, scene->boxes, sizeof *s.boxes * (size_t)s.n_boxes);
    tn_status status = pipeline_run(p, &s, key, NULL, NULL, NULL, e);
    scene->picture = s.picture;
    scene->mask = s.mask;
    if (status == TN_OK) {
        scene->n_boxes = s.n_boxes;
        if (s.n_boxes)
            memcpy(scene->boxes, s.boxes, sizeof *s.boxes * (size_t)s.n_boxes);
    }
    free(s.boxes);
    return status;
}

/* ---- data sets ------------------------------------------------------------------------------------------------- */

typedef struct augmented {
    tn_dataset *from;
    tn_pipeline *pipeline;
    int x;
    int64_t height, width;
} augmented;

static tn_picture *from_planes(const tn_field *field, const uint8_t *planes, base_error *e)
{
    int channels = (int)field->dims[0];
    tn_picture *p = data_picture_new(field->dims[2], field->dims[1], channels, e);
    size_t n = p ? (size_t)p->width * (size_t)p->height : 0;
    for (int c = 0; p && c < channels; c++)
        for (size_t i = 0; i < n; i++)
            p->pixels[i * (size_t)channels + (size_t)c] = *planes++;
    return p;
}

static tn_status augmented_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const augmented *a = user;
    base_error *e = sample->inside;
    const tn_field *field = tn_dataset_field(a->from, a->x);
    size_t bytes = a->from->bytes[a->x];
    uint8_t *planes = malloc(bytes);
    if (!planes)
        return base_no_memory(e, "augmenting a picture");
    void *at[TN_MAX_FIELDS];
    memcpy(at, sample->at, sizeof *at * (size_t)sample->n_fields);
    at[a->x] = planes;
    tn_status status = data_get_among(a->from, index, key, at, sample->lengths, sample->among, e);
    picture_scene s = {0};
    if (status == TN_OK)
        status = scene_set(&s, from_planes(field, planes, e), e);
    free(planes);
    if (status == TN_OK)
        status = pipeline_run(a->pipeline, &s, key, NULL, NULL, NULL, e);
    if (status == TN_OK)
        status = scene_fit(&s, a->width, a->height, TN_FIT_CROP, 0, e);
    if (status == TN_OK)
        picture_to_planes(s.picture, sample->at[a->x]);
    scene_free(&s);
    return status;
}

static int64_t augmented_label(void *user, int64_t index)
{
    const augmented *a = user;
    int64_t label;
    return data_label(a->from, index, &label, NULL) == TN_OK ? label : -1;
}

static void augmented_release(void *user)
{
    augmented *a = user;
    tn_dataset_free(a->from);
    tn_pipeline_free(a->pipeline);
    free(a);
}

tn_dataset *tn_dataset_augment(tn_context *context, const tn_dataset *d, const tn_pipeline *pipeline, int64_t height,
                               int64_t width)
{
    base_error *e = base_context_begin(context);
    int x = d ? tn_dataset_find(d, "x") : -1;
    const tn_field *field = x >= 0 ? tn_dataset_field(d, x) : NULL;
    if (!pipeline || !field || field->dtype != TN_U8 || field->rank != 3 ||
        (field->dims[0] != 1 && field->dims[0] != 3) || height < 0 || width < 0 || height > 1 << 20 ||
        width > 1 << 20) {
        base_fail(e, TN_SHAPE, "a pipeline works on data sets whose field \"x\" is u8 [1 or 3, height, width]");
        return NULL;
    }
    augmented *a = calloc(1, sizeof *a);
    if (!a) {
        base_no_memory(e, "making a data set");
        return NULL;
    }
    *a = (augmented){data_retain(d), pipeline_retain(pipeline), x, height ? height : field->dims[1],
                     width ? width : field->dims[2]};
    tn_field fields[TN_MAX_FIELDS];
    tn_dataset_def def = data_def_like(d);
    memcpy(fields, d->def.fields, sizeof *fields * (size_t)d->def.n_fields);
    fields[x].dims[1] = a->height;
    fields[x].dims[2] = a->width;
    def.fields = fields;
    def.count = d->def.count;
    def.get = augmented_get;
    def.label = d->def.classes ? augmented_label : NULL;
    def.release = augmented_release;
    def.user = a;
    tn_dataset *result = data_new(&def, e);
    if (result)
        result->mixes = d->mixes;
    else
        augmented_release(a);
    return result;
}
