/* arrays.c: data: {name: arrays, path: ..., x: ..., y: ...}, arrays in .npy, .npz and .safetensors files. */
#include <stdlib.h>

#include "data/picture/arrays.h"
#include "train/transforms.h"

typedef struct arrays {
    train_data common;
    const char *path, *val_path, *test_path;
    const char *x, *y, *val_x, *val_y, *test_x, *test_y;
    format_strings classes, transforms;
    double mixup, cutmix;
} arrays;

/* Beside a .npy file another file, else an array in the file. */
static const char *const files[] = {".npy", NULL};

static const format_option rows[] = {
    FORMAT_PATH(arrays, path, FORMAT_REQUIRED,
                "a .npz or .safetensors file that holds all arrays, or the .npy file of x"),
    FORMAT_STRING(arrays, x, NULL, "the array of the training samples, as train_images; its first dim counts them"),
    FORMAT_NAME_OR_PATH(arrays, y, FORMAT_REQUIRED, files,
                        "the array of their labels; beside a .npy file the path of another"),
    FORMAT_PATH(arrays, val_path, NULL, "the file of the validation samples; path, if not given"),
    FORMAT_STRING(arrays, val_x, NULL, "the array of the validation samples"),
    FORMAT_NAME_OR_PATH(arrays, val_y, NULL, files, "of their labels"),
    FORMAT_PATH(arrays, test_path, NULL, "the file of the samples that `tarn eval` takes; path, if not given"),
    FORMAT_STRING(arrays, test_x, NULL, "the array of those samples"),
    FORMAT_NAME_OR_PATH(arrays, test_y, NULL, files, "of their labels"),
    FORMAT_STRINGS(arrays, classes, NULL, 2, 0, "names of the labels, from 0"),
    FORMAT_STRINGS(arrays, transforms, NULL, 1, 0, TRAIN_TRANSFORMS_DOC),
    FORMAT_FLOAT(arrays, mixup, "0", "[0,1000]", TRAIN_MIXUP_DOC),
    FORMAT_FLOAT(arrays, cutmix, "0", "[0,1000]", TRAIN_CUTMIX_DOC),
    FORMAT_NAME_OR_PATH(train_data, group, NULL, files,
                        "an array of whole numbers, one for each sample: samples of one number stay in one part"),
    FORMAT_NAME_OR_PATH(train_data, time, NULL, files,
                        "an array of numbers by which parts follow each other: the last is tested on"),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "arrays",
    .doc =
        "arrays in .npy, .npz or .safetensors files; u8 arrays of 3 dims, or of 4 with 1 or 3 channels, are pictures",
    .options = rows,
};

static train_transforms change_of(const arrays *o)
{
    return (train_transforms){o->transforms, o->mixup, o->cutmix};
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const arrays *o = TRAIN_SOURCE_OPTIONS(r, arrays);
    const train_transforms t = change_of(o);
    bool valid = o->val_path || o->val_x;
    if (valid && !o->val_y)
        return format_yaml_fail(node, e, "'data' has val_%s without val_y", o->val_x ? "x" : "path");
    if ((o->test_path || o->test_x) && !o->test_y)
        return format_yaml_fail(node, e, "'data' has test_%s without test_y", o->test_x ? "x" : "path");
    BASE_TRY(train_split_check(r, valid ? "validation samples" : NULL, o->test_y ? "test samples" : NULL, node, e));
    return train_transforms_check(&t, node, e);
}

static tn_status open_arrays(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const arrays *o = TRAIN_SOURCE_OPTIONS(r, arrays);
    const train_transforms t = change_of(o);
    tn_arrays_opt opt = {.class_names = o->classes.n ? o->classes.at : NULL, .classes = (int)o->classes.n};
    sets->train = tn_dataset_arrays(c, o->path, o->x, o->y, &opt);
    if (!sets->train)
        return TN_IO;
    opt.classes = tn_dataset_classes(sets->train);
    if (o->val_y &&
        !(sets->valid = tn_dataset_arrays(c, o->val_path ? o->val_path : o->path, o->val_x, o->val_y, &opt)))
        return TN_IO;
    if (o->test_y &&
        !(sets->test = tn_dataset_arrays(c, o->test_path ? o->test_path : o->path, o->test_x, o->test_y, &opt)))
        return TN_IO;
    return train_transforms_apply(c, r, &t, sets);
}

static tn_status find_keys(const train_recipe *r, const tn_dataset *data, train_split_keys *keys, base_error *e)
{
    const arrays *o = TRAIN_SOURCE_OPTIONS(r, arrays);
    const int64_t n = tn_dataset_count(data);
    const char *name = o->common.group ? o->common.group : o->common.time;
    if (!name)
        return TN_OK;
    if (o->common.group)
        keys->groups = malloc((size_t)(n + 1) * sizeof *keys->groups);
    else
        keys->times = malloc((size_t)(n + 1) * sizeof *keys->times);
    if (!keys->groups && !keys->times)
        return base_no_memory(e, "splitting samples");
    return data_arrays_numbers(o->path, name, n, keys->groups, keys->times, e);
}

static void preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    train_picture_preprocess(r, x, p);
    if (x->dtype == TN_U8 && x->rank == 3)
        p->step = "resize";
}

const train_source train_source_arrays = {.table = &table,
                                          .size = sizeof(arrays),
                                          .check = check,
                                          .open = open_arrays,
                                          .keys = find_keys,
                                          .preprocess = preprocess};
