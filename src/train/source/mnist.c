/* mnist.c: data: {name: mnist, folder: ...}, the four files of MNIST or of a set in its form. */
#include "train/source/source.h"

typedef struct mnist {
    train_data common;
    const char *folder;
} mnist;

static const format_option rows[] = {
    FORMAT_PATH(mnist, folder, NULL, "where the four files are, packed by gzip or not"),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "mnist",
    .doc = "the handwritten digits of MNIST, or a set in the same four files; validated on its test digits, or on a "
           "part of the "
           "training digits (val_fraction): then `tarn eval` takes the test digits",
    .options = rows,
};

static tn_status open_mnist(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const mnist *o = TRAIN_SOURCE_OPTIONS(r, mnist);
    sets->train = tn_dataset_mnist(c, o->folder, true, NULL);
    tn_dataset *test = sets->train ? tn_dataset_mnist(c, o->folder, false, NULL) : NULL;
    if (train_cut_key(r))
        sets->test = test;
    else
        sets->valid = test;
    return test ? TN_OK : TN_IO;
}

const train_source train_source_mnist = {
    .own_test = true, .table = &table, .size = sizeof(mnist), .open = open_mnist, .preprocess = train_digit_preprocess};
