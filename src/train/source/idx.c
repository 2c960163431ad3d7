/* idx.c: data: {name: idx, images: ..., labels: ...}, files in MNIST's format with names of their own. */
#include "train/source/source.h"

typedef struct idx {
    train_data common;
    const char *images, *labels, *val_images, *val_labels, *test_images, *test_labels; /* NULL if not given */
    format_strings classes;
} idx;

static const format_option rows[] = {
    FORMAT_PATH(idx, images, FORMAT_REQUIRED, "the training pictures"),
    FORMAT_PATH(idx, labels, FORMAT_REQUIRED, "their labels"),
    FORMAT_PATH(idx, val_images, NULL, "the validation pictures"),
    FORMAT_PATH(idx, val_labels, NULL, "their labels"),
    FORMAT_PATH(idx, test_images, NULL, "pictures that `tarn eval` takes in place of the validation pictures"),
    FORMAT_PATH(idx, test_labels, NULL, "their labels"),
    FORMAT_STRINGS(idx, classes, NULL, 2, 0, "names of the labels, from 0"),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "idx",
    .doc = "files in the format of MNIST's (IDX), packed by gzip or not",
    .options = rows,
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const idx *o = TRAIN_SOURCE_OPTIONS(r, idx);
    if (!o->val_images != !o->val_labels)
        return format_yaml_fail(node, e, "'data' has %s without %s", o->val_images ? "val_images" : "val_labels",
                                o->val_images ? "val_labels" : "val_images");
    if (!o->test_images != !o->test_labels)
        return format_yaml_fail(node, e, "'data' has %s without %s", o->test_images ? "test_images" : "test_labels",
                                o->test_images ? "test_labels" : "test_images");
    return train_split_check(r, o->val_images ? "val_images" : NULL, o->test_images ? "test_images" : NULL, node, e);
}

static tn_status open_idx(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const idx *o = TRAIN_SOURCE_OPTIONS(r, idx);
    tn_idx_opt opt = {.class_names = o->classes.n ? o->classes.at : NULL, .classes = (int)o->classes.n};
    sets->train = tn_dataset_idx(c, o->images, o->labels, &opt);
    if (!sets->train)
        return TN_IO;
    opt.classes = tn_dataset_classes(sets->train);
    if (o->val_images && !(sets->valid = tn_dataset_idx(c, o->val_images, o->val_labels, &opt)))
        return TN_IO;
    if (o->test_images && !(sets->test = tn_dataset_idx(c, o->test_images, o->test_labels, &opt)))
        return TN_IO;
    return TN_OK;
}

static void preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    train_picture_preprocess(r, x, p);
    if (x->dtype == TN_U8 && x->rank == 3)
        p->step = "resize";
}

const train_source train_source_idx = {
    .table = &table, .size = sizeof(idx), .check = check, .open = open_idx, .preprocess = preprocess};
