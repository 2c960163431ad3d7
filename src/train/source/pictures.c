/* pictures.c: data: {name: pictures, path: ...}, pictures in folders by class, or named by lists, in folders and archives. */
#include "train/pictures.h"

typedef struct pictures {
    train_data common;
    train_pictures p;
    const char *list, *val_list, *test_list;
    double mixup, cutmix;
} pictures;

static const format_option rows[] = {
    TRAIN_PICTURES_PLACES(pictures, "a folder, .tar, .tar.gz or .zip with a folder of pictures for each class"),
    TRAIN_PICTURES_UNDER(pictures),
    FORMAT_PATH(pictures, list, NULL, "lines path,label say which pictures there are, instead of folders"),
    FORMAT_PATH(pictures, val_list, NULL, "the list of the validation pictures, which are below val_path or path"),
    FORMAT_PATH(pictures, test_list, NULL, "the list of the test pictures, which are below test_path or path"),
    TRAIN_PICTURES_CLASSES(pictures, "names of the classes, from 0; the sorted names of the folders if not given"),
    TRAIN_PICTURES_SIZES(pictures, "crop"),
    TRAIN_PICTURES_BITS(pictures),
    FORMAT_FLOAT(pictures, mixup, "0", "[0,1000]", TRAIN_MIXUP_DOC),
    FORMAT_FLOAT(pictures, cutmix, "0", "[0,1000]", TRAIN_CUTMIX_DOC),
    TRAIN_SPLIT_ROWS,
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "pictures",
    .doc = "PNG, JPEG, WebP, BMP and PPM pictures in folders by class or named by lists, also inside of .tar, .tar.gz "
           "and .zip",
    .options = rows,
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    return train_pictures_check(r, &o->p, o->val_list != NULL, o->test_list != NULL, node, e);
}

static tn_dataset *open_part(tn_context *c, const train_recipe *r, train_part part, tn_pictures_opt *opt)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    const char *lists[] = {o->list, o->val_list, o->test_list};
    const char *path = train_pictures_path(&o->p, part, opt), *list = lists[part];
    path = list && !path ? o->p.path : path;
    return !path ? NULL : list ? tn_dataset_picture_list(c, path, list, opt) : tn_dataset_pictures(c, path, opt);
}

static tn_status open_pictures(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    const train_transforms t = {o->p.transforms, o->mixup, o->cutmix};
    return train_pictures_open(c, r, &o->p, &t, open_part, sets);
}

const train_source train_source_pictures = {.caches = true,
                                            .table = &table,
                                            .size = sizeof(pictures),
                                            .by_class = true,
                                            .check = check,
                                            .open = open_pictures,
                                            .preprocess = train_pictures_preprocess};
