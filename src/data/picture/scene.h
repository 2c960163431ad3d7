/* scene.h: a picture with what belongs to it, boxes and a mask, which move as it does. */
#ifndef DATA_PICTURE_SCENE_H
#define DATA_PICTURE_SCENE_H

#include "data/picture.h"
#include "data/picture/scale.h"

typedef struct picture_box {
    float of_class, left, top, right, bottom; /* pixels */
} picture_box;

typedef struct picture_scene {
    tn_picture *picture;
    tn_picture *mask;   /* one channel of class numbers, as large as the picture; NULL: none */
    picture_box *boxes; /* malloc'ed */
    int n_boxes;
} picture_scene;

void scene_free(picture_scene *s);
/* The picture (and the mask) replaced by another, the old one freed. NULL: the status of e. */
tn_status scene_set(picture_scene *s, tn_picture *picture, base_error *e);

/* Part of the picture, scaled; see scale.h. Boxes are cut, and dropped where less than a tenth of them is left. */
tn_status scene_scale(picture_scene *s, const picture_scaling *how, base_error *e);
tn_status scene_crop(picture_scene *s, int64_t left, int64_t top, int64_t width, int64_t height, base_error *e);
/* Borders around, filled: the mask's with 255. */
tn_status scene_pad(picture_scene *s, int64_t left, int64_t top, int64_t right, int64_t bottom, double fill,
                    base_error *e);
tn_status scene_flip(picture_scene *s, bool horizontal, base_error *e);
/* What TN_FIT_CROP or TN_FIT_STRETCH take of a picture of this size. */
data_part scene_fit_part(int64_t width, int64_t height, int64_t to_width, int64_t to_height, int fit);
/* The same for any fit; of TN_FIT_PAD the size of the result is that of the picture in it. */
data_part scene_fit_window(int64_t width, int64_t height, int64_t to_width, int64_t to_height, int fit);
tn_status scene_scale_part(picture_scene *s, const data_part *part, base_error *e);
/* As tn_fit says. */
tn_status scene_fit(picture_scene *s, int64_t width, int64_t height, int fit, double fill, base_error *e);
/* Boxes cut to the picture; `area[i]` is what box i had before it was moved, NULL: its own now. */
void scene_clip_boxes(picture_scene *s, const double *area);

#endif
