/* set.h: data sets of encoded pictures, however they are listed: a row of items, each a file with perhaps a label, a mask and
 * boxes. Sources (by_class.c, list.c, ...) fill one in; set.c makes the data set of it. */
#ifndef DATA_PICTURE_SET_H
#define DATA_PICTURE_SET_H

#include "base/arena.h"
#include "base/vec.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/picture/scene.h"
#include "data/store.h"

#include <tarn/picture.h>

typedef struct picture_item {
    int64_t file, mask;
    int64_t first_box;
    int n_boxes;
    int label;
    const char *wrong; /* why the sample cannot be had, found when it was listed; NULL: nothing */
    bool missing;      /* of a COCO file: because there is no such picture */
} picture_item;

/* Boxes as annotated: of class, left, top, right, bottom; in parts of the picture where `relative`. */
typedef struct picture_set {
    data_files *files, *masks;
    base_vec(picture_item) items;
    base_vec(picture_box) boxes;
    bool relative, labelled, boxed;
    bool deep;        /* 16 bits are kept: x is f32 */
    bool sharded;     /* files of several archives, which may have the same names */
    bool skip_bad;    /* the first picture that can be read tells the size */
    base_arena arena; /* of names */
    const char **class_names;
    int classes;
    int channels, fit, most_boxes;
    int64_t height, width, pixels_limit;
    double fill;
    tn_pipeline *pipeline;
    /* What is kept: scenes when `certain` steps are done, or, where no step depends on the key, pictures as they are handed out. */
    const tn_cache_opt *cache; /* the caller's, while the set is made */
    data_store *store;         /* NULL: nothing */
    int certain;
    bool whole;
    /* What is named and is not there, counted while items are listed, with the first sentence. */
    int64_t n_missing;
    base_error missing;
} picture_set;

/* A set without files; NULL, with the sentence in e. */
picture_set *picture_set_new(const tn_pictures_opt *opt, base_error *e);
/* One without items whose files are opened; opt may be NULL. NULL, with the sentence in e. */
picture_set *picture_set_open(const char *const *paths, int n, const tn_pictures_opt *opt, base_error *e);
void picture_set_free(picture_set *s);
data_files_opt picture_files_opt(const tn_pictures_opt *opt);
/* What is wrong with an item that is being listed: where samples that are bad are left out, it is kept until the sample is fetched, e is
 * cleared and TN_OK comes; else `status`. */
tn_status picture_item_wrong(picture_set *s, picture_item *item, tn_status status, base_error *e);
/* The same of a file that is named and not there, e saying so: all are looked for, so that picture_items_missing tells how many. */
tn_status picture_item_missing(picture_set *s, picture_item *item, base_error *e);
/* After the last item: one sentence about those that are missing, if there are any and they may not be left out. */
tn_status picture_items_missing(const picture_set *s, base_error *e);
/* Items from the lines of a list that was read: a zero byte stands behind the text, which is cut up. */
tn_status picture_list_parse(picture_set *s, char *text, size_t bytes, const char *list, base_error *e);
/* Takes the set over in any case: makes a data set of it or frees it. `what` names it in sentences. */
tn_dataset *picture_set_finish(picture_set *s, const char *what, base_error *e);

#endif
