/* boxes.h: how well boxes were found: average precision, by the rules of COCO but for areas and crowds. Pure arithmetic. */
#ifndef TRAIN_BOXES_H
#define TRAIN_BOXES_H

#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include <tarn/model.h>

enum { TRAIN_OVERLAPS = 10 }; /* 0.5, 0.55 to 0.95 */

typedef struct train_found {
    float score;
    int of_class;
    int64_t order;  /* of those found so far: equal scores stay in it */
    unsigned right; /* a bit for each overlap: it is a box that none surer was */
} train_found;

typedef struct train_boxes_score {
    int classes;
    int64_t *there; /* boxes of each class */
    base_vec(train_found) found;
} train_boxes_score;

tn_status train_boxes_init(train_boxes_score *s, int classes, base_error *e);
void train_boxes_free(train_boxes_score *s);
/* One picture: what was found in it, surest first, and rows of class (negative: none), left, top, right, bottom that are there. */
tn_status train_boxes_add(train_boxes_score *s, const tn_detection *found, int n, const float *truth, int64_t boxes,
                          base_error *e);
/* map50 and map as in tn_evaluation; NaN where no box is there. */
void train_boxes_figures(train_boxes_score *s, double *map50, double *map);

#endif
