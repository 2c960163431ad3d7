/* transforms.h: what kinds of pictures do to their training samples: steps of a pipeline, mixing. Validation samples are cut off
 * before. */
#ifndef TRAIN_TRANSFORMS_H
#define TRAIN_TRANSFORMS_H

#include "train/source/source.h"

#include <tarn/picture.h>

/* What such kinds have keys for: transforms, mixup, cutmix. */
typedef struct train_transforms {
    format_strings steps;
    double mixup, cutmix;
} train_transforms;

#define TRAIN_TRANSFORMS_DOC                                                                                           \
    "steps done to training pictures, as `random_crop height=32 width=32 padding=4`; docs/pictures.md lists them"
#define TRAIN_MIXUP_DOC "training pictures mixed with others, labels too; the share from Beta(mixup, mixup); 0: not"
#define TRAIN_CUTMIX_DOC                                                                                               \
    "rectangles of others put into training pictures, labels mixed by area; the share from Beta(cutmix, cutmix); 0: "  \
    "not"

/* Are the steps well said? The sentence names the line. */
tn_status train_transforms_check(const train_transforms *t, const format_yaml_node *node, base_error *e);
/* *out is NULL where there are no steps. */
tn_status train_transforms_pipeline(const train_transforms *t, tn_pipeline **out, base_error *e);
/* sets->train has the steps in it already, `plain`, taken over, is the same without (NULL: sets->train itself): cuts off
 * validation and test samples if the recipe says so, then mixes. */
tn_status train_transforms_finish(tn_context *c, const train_recipe *r, const train_transforms *t, tn_dataset *plain,
                                  train_sets *sets);
/* The same for sets whose "x" are pictures in memory: puts the steps on top first. */
tn_status train_transforms_apply(tn_context *c, const train_recipe *r, const train_transforms *t, train_sets *sets);

#endif
