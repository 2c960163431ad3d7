/* boxes.c: data: {name: boxes, path: ..., format: yolo}, pictures with rectangles around what is to be found in them. */
#include "train/pictures.h"

typedef struct boxes {
    train_data common;
    train_pictures p;
    const char *annotations, *val_annotations, *test_annotations;
    int format;
} boxes;

static const char *const formats[] = {"yolo", "coco", "voc", NULL}; /* as tn_box_format */

static const format_option rows[] = {
    TRAIN_PICTURES_PLACES(boxes, "a folder, .tar, .tar.gz or .zip of pictures"),
    TRAIN_PICTURES_UNDER(boxes),
    FORMAT_ENUM(boxes, format, "yolo", formats,
                "yolo: 1.txt beside 1.jpg, or in labels/ instead of images/; coco: one JSON file; voc: 1.xml beside "
                "1.jpg, or in Annotations/ instead of JPEGImages/"),
    FORMAT_PATH(boxes, annotations, NULL, "coco: the JSON file of the training pictures"),
    FORMAT_PATH(boxes, val_annotations, NULL,
                "coco: that of the validation pictures, which are below path or val_path"),
    FORMAT_PATH(boxes, test_annotations, NULL, "coco: that of the test pictures"),
    TRAIN_PICTURES_CLASSES(boxes,
                           "names of the classes, from 0; those that the files have if not given, of yolo numbers"),
    TRAIN_PICTURES_SIZES(boxes, "pad"),
    TRAIN_SPLIT_ROWS,
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "boxes",
    .doc = "pictures and boxes around what is to be found in them (detection), for models that end in the layer boxes, "
           "with "
           "the loss boxes",
    .options = rows,
};
enum { COCO = 1 };

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const boxes *o = TRAIN_SOURCE_OPTIONS(r, boxes);
    if ((o->format == COCO) != (o->annotations != NULL))
        return format_yaml_fail(node, e,
                                o->annotations
                                    ? "'data' has annotations, which only the format coco has"
                                    : "'data' of the format coco needs annotations, the path of the JSON file");
    return train_pictures_check(r, &o->p, o->val_annotations != NULL, o->test_annotations != NULL, node, e);
}

static tn_dataset *open_part(tn_context *c, const train_recipe *r, train_part part, tn_pictures_opt *opt)
{
    const boxes *o = TRAIN_SOURCE_OPTIONS(r, boxes);
    const char *of[] = {o->annotations, o->val_annotations, o->test_annotations};
    const char *path = train_pictures_path(&o->p, part, opt);
    if (!path && of[part]) { /* one folder of pictures, a file for each part */
        path = o->p.path;
        opt->under = o->p.under;
    }
    if (!path)
        return NULL;
    tn_dataset *found = tn_dataset_picture_boxes(c, path, of[part], (tn_box_format)o->format, opt);
    tn_dataset *d = found ? tn_dataset_picture_targets(c, found, opt->classes, opt->class_names) : NULL;
    tn_dataset_free(found);
    return d;
}

static tn_status open_boxes(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const train_pictures *p = &TRAIN_SOURCE_OPTIONS(r, boxes)->p;
    return train_pictures_open(c, r, p, TN_OPT(train_transforms, .steps = p->transforms), open_part, sets);
}

const train_source train_source_boxes = {.table = &table,
                                         .size = sizeof(boxes),
                                         .check = check,
                                         .open = open_boxes,
                                         .preprocess = train_pictures_preprocess};
