/* shards.c: data: {name: shards, paths: [...]}, pictures and their classes side by side in archives, as WebDataset writes them. */
#include "train/pictures.h"

typedef struct shards {
    train_data common;
    train_pictures p; /* its paths are not used: shards are lists */
    format_strings paths, val_paths, test_paths;
    double mixup, cutmix;
} shards;

static const format_option rows[] = {
    FORMAT_PATHS(shards, paths, FORMAT_REQUIRED, 1, 0,
                 "archives, or folders, with 000.jpg beside 000.cls (its class) or 000.json (key label, cls or class), "
                 "in this order"),
    FORMAT_PATHS(shards, val_paths, NULL, 1, 0, "those of the validation pictures"),
    FORMAT_PATHS(shards, test_paths, NULL, 1, 0, "those that `tarn eval` takes in their place"),
    TRAIN_PICTURES_CLASSES(shards, "names of the classes, from 0; numbers if not given"),
    TRAIN_PICTURES_SIZES(shards, "crop"),
    TRAIN_PICTURES_BITS(shards),
    FORMAT_FLOAT(shards, mixup, "0", "[0,1000]", TRAIN_MIXUP_DOC),
    FORMAT_FLOAT(shards, cutmix, "0", "[0,1000]", TRAIN_CUTMIX_DOC),
    TRAIN_SPLIT_ROWS,
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "shards",
    .doc = "archives in which a picture and its class lie side by side, as WebDataset writes them",
    .options = rows,
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const shards *o = TRAIN_SOURCE_OPTIONS(r, shards);
    return train_pictures_check(r, &o->p, o->val_paths.n > 0, o->test_paths.n > 0, node, e);
}

static tn_dataset *open_part(tn_context *c, const train_recipe *r, train_part part, tn_pictures_opt *opt)
{
    const shards *o = TRAIN_SOURCE_OPTIONS(r, shards);
    const format_strings *of[] = {&o->paths, &o->val_paths, &o->test_paths};
    return of[part]->n ? tn_dataset_picture_shards(c, of[part]->at, (int)of[part]->n, opt) : NULL;
}

static tn_status open_shards(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const shards *o = TRAIN_SOURCE_OPTIONS(r, shards);
    const train_transforms t = {o->p.transforms, o->mixup, o->cutmix};
    return train_pictures_open(c, r, &o->p, &t, open_part, sets);
}

const train_source train_source_shards = {.caches = true,
                                          .table = &table,
                                          .size = sizeof(shards),
                                          .by_class = true,
                                          .check = check,
                                          .open = open_shards,
                                          .preprocess = train_pictures_preprocess};
