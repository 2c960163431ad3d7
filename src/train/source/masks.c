/* masks.c: data: {name: masks, path: ..., masks: ...}, pictures with a class for each pixel. */
#include "train/pictures.h"

typedef struct masks {
    train_data common;
    train_pictures p;
    const char *masks, *masks_under, *val_masks, *val_masks_under, *test_masks, *test_masks_under;
    int64_t class_count;
} masks;

static const format_option rows[] = {
    TRAIN_PICTURES_PLACES(masks, "a folder, .tar, .tar.gz or .zip of pictures"),
    TRAIN_PICTURES_UNDER(masks),
    FORMAT_PATH(
        masks, masks, NULL,
        "where their masks are: PNG pictures of class numbers, grey or with a palette, of the same names but for "
        "the ending; path, if not given. 255 does not count"),
    FORMAT_STRING(masks, masks_under, NULL, "the folder in it"),
    FORMAT_PATH(masks, val_masks, NULL, "masks of the validation pictures; val_path (or path), if not given"),
    FORMAT_STRING(masks, val_masks_under, NULL, "the folder in it"),
    FORMAT_PATH(masks, test_masks, NULL, "masks of the test pictures; test_path (or path), if not given"),
    FORMAT_STRING(masks, test_masks_under, NULL, "the folder in it"),
    TRAIN_PICTURES_CLASSES(masks, "names of the classes, from 0"),
    FORMAT_INT(masks, class_count, "0", "[0,255]", "how many classes there are, in place of names"),
    TRAIN_PICTURES_SIZES(masks, "stretch"),
    TRAIN_SPLIT_ROWS,
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "masks",
    .doc =
        "pictures and masks that say the class of each pixel (segmentation), for models that end in the layer pixels",
    .options = rows,
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const masks *o = TRAIN_SOURCE_OPTIONS(r, masks);
    if ((o->p.classes.n > 0) == (o->class_count > 0))
        return format_yaml_fail(
            node, e,
            "'data' of the kind masks needs classes, the names of the classes from 0, or class_count, "
            "how many there are; %s",
            o->class_count ? "it has both" : "it has neither");
    if (!o->masks && !o->masks_under)
        return format_yaml_fail(node, e, "'data' needs masks or masks_under: where the masks of the pictures are");
    return train_pictures_check(r, &o->p, false, false, node, e);
}

static tn_dataset *open_part(tn_context *c, const train_recipe *r, train_part part, tn_pictures_opt *opt)
{
    const masks *o = TRAIN_SOURCE_OPTIONS(r, masks);
    const char *of[] = {o->masks, o->val_masks, o->test_masks};
    const char *under[] = {o->masks_under, o->val_masks_under, o->test_masks_under};
    const char *path = train_pictures_path(&o->p, part, opt);
    tn_dataset *pairs = path ? tn_dataset_picture_masks(c, path, of[part], under[part], opt) : NULL;
    tn_dataset *d =
        pairs ? tn_dataset_picture_targets(c, pairs, (int)(o->p.classes.n ? (int64_t)o->p.classes.n : o->class_count),
                                           o->p.classes.n ? o->p.classes.at : NULL)
              : NULL;
    tn_dataset_free(pairs);
    return d;
}

static tn_status open_masks(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const train_pictures *p = &TRAIN_SOURCE_OPTIONS(r, masks)->p;
    return train_pictures_open(c, r, p, TN_OPT(train_transforms, .steps = p->transforms), open_part, sets);
}

const train_source train_source_masks = {.table = &table,
                                         .size = sizeof(masks),
                                         .check = check,
                                         .open = open_masks,
                                         .preprocess = train_pictures_preprocess};
