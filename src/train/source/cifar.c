/* cifar.c: data: {name: cifar, path: ...}, CIFAR-10 or CIFAR-100 in the binary form. */
#include "train/transforms.h"

typedef struct cifar {
    train_data common;
    const char *path;
    format_strings transforms;
    double mixup, cutmix;
} cifar;

static const format_option rows[] = {
    FORMAT_PATH(cifar, path, FORMAT_REQUIRED, "the archive as it is distributed, or the folder with its files"),
    FORMAT_STRINGS(cifar, transforms, NULL, 1, 0, TRAIN_TRANSFORMS_DOC),
    FORMAT_FLOAT(cifar, mixup, "0", "[0,1000]", TRAIN_MIXUP_DOC),
    FORMAT_FLOAT(cifar, cutmix, "0", "[0,1000]", TRAIN_CUTMIX_DOC),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "cifar",
    .doc = "CIFAR-10 or CIFAR-100 in the binary form; validated on the test pictures, or on a part of the training "
           "pictures "
           "(val_fraction): then `tarn eval` takes the test pictures",
    .options = rows,
};

static train_transforms change_of(const cifar *o)
{
    return (train_transforms){o->transforms, o->mixup, o->cutmix};
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const train_transforms t = change_of(TRAIN_SOURCE_OPTIONS(r, cifar));
    return train_transforms_check(&t, node, e);
}

static tn_status open_cifar(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const cifar *o = TRAIN_SOURCE_OPTIONS(r, cifar);
    const train_transforms t = change_of(o);
    sets->train = tn_dataset_cifar(c, o->path, true);
    tn_dataset *test = sets->train ? tn_dataset_cifar(c, o->path, false) : NULL;
    if (train_cut_key(r))
        sets->test = test;
    else
        sets->valid = test;
    return test ? train_transforms_apply(c, r, &t, sets) : TN_IO;
}

static void preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    train_picture_preprocess(r, x, p);
    p->step = "crop";
}

const train_source train_source_cifar = {.own_test = true,
                                         .table = &table,
                                         .size = sizeof(cifar),
                                         .check = check,
                                         .open = open_cifar,
                                         .preprocess = preprocess};
