/* pictures.c: data: {name: pictures, path: ...}, pictures in folders by class, or named by lists, in folders and archives. */
#include "base/context.h"
#include "train/transforms.h"

typedef struct pictures {
    train_data common;
    const char *path, *val_path, *test_path;
    const char *under, *val_under, *test_under;
    const char *list, *val_list, *test_list;
    int64_t height, width, channels;
    int fit;
    double fill, mixup, cutmix;
    format_strings classes, transforms;
} pictures;

static const char *const fits[] = {"crop", "stretch", "pad", NULL};

static const format_option rows[] = {
    FORMAT_PATH(pictures, path, FORMAT_REQUIRED,
                "a folder, .tar, .tar.gz or .zip with a folder of pictures for each class"),
    FORMAT_STRING(pictures, under, NULL, "the folder in it that counts, as train"),
    FORMAT_PATH(pictures, list, NULL, "lines path,label say which pictures there are, instead of folders"),
    FORMAT_PATH(pictures, val_path, NULL, "the validation pictures; path, if val_under or val_list is given"),
    FORMAT_STRING(pictures, val_under, NULL, "the folder in it"),
    FORMAT_PATH(pictures, val_list, NULL, "their list"),
    FORMAT_PATH(pictures, test_path, NULL, "pictures that `tarn eval` takes in place of the validation pictures"),
    FORMAT_STRING(pictures, test_under, NULL, "the folder in it"),
    FORMAT_PATH(pictures, test_list, NULL, "their list"),
    FORMAT_INT(pictures, height, "0", "[0,65536]", "all pictures are made so high; 0: as the first"),
    FORMAT_INT(pictures, width, "0", "[0,65536]", "and so wide; 0: as the first"),
    FORMAT_INT(pictures, channels, "3", "[1,3]", "1: grey, 3: colour"),
    FORMAT_ENUM(pictures, fit, "crop", fits,
                "how: crop covers the size and cuts the middle out, stretch, pad fits in and fills the rest"),
    FORMAT_FLOAT(pictures, fill, "0", "[0,255]", "of what pad fills"),
    FORMAT_STRINGS(pictures, classes, NULL, 2, 0,
                   "names of the classes, from 0; the sorted names of the folders if not given"),
    FORMAT_STRINGS(
        pictures, transforms, NULL, 1, 0,
        "steps done to training pictures, as `random_crop height=32 width=32 padding=4`; docs/pictures.md lists them"),
    FORMAT_FLOAT(pictures, mixup, "0", "[0,1000]", TRAIN_MIXUP_DOC),
    FORMAT_FLOAT(pictures, cutmix, "0", "[0,1000]", TRAIN_CUTMIX_DOC),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "pictures",
    .doc = "PNG, JPEG, WebP, BMP and PPM pictures in folders by class or named by lists, also inside of .tar, .tar.gz "
           "and .zip",
    .options = rows,
};

static train_transforms change_of(const pictures *o)
{
    return (train_transforms){o->transforms, o->mixup, o->cutmix};
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    const train_transforms t = change_of(o);
    bool valid = o->val_path || o->val_under || o->val_list;
    if (o->channels == 2)
        return format_yaml_fail(node, e, "'data' has channels 2; 1 is grey, 3 is colour");
    if (!o->height != !o->width)
        return format_yaml_fail(node, e, "'data' has %s without %s", o->height ? "height" : "width",
                                o->height ? "width" : "height");
    if (valid && o->common.val_fraction > 0)
        return format_yaml_fail(node, e,
                                "'data' has validation pictures and val_fraction; only one of them can say what "
                                "is validated on");
    return train_transforms_check(&t, node, e);
}

static tn_dataset *open_one(tn_context *c, const char *path, const char *under, const char *list, tn_pictures_opt opt)
{
    opt.under = under;
    return list ? tn_dataset_picture_list(c, path, list, &opt) : tn_dataset_pictures(c, path, &opt);
}

/* Classes and size of the training pictures are those of all. */
static tn_status open_others(tn_context *c, const train_recipe *r, tn_pictures_opt opt, train_sets *sets)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    const tn_field *x = tn_dataset_field(sets->train, 0);
    const char *names[4096];
    opt.pipeline = NULL;
    opt.height = x->dims[1];
    opt.width = x->dims[2];
    int classes = tn_dataset_classes(sets->train);
    for (int i = 0; i < classes && i < 4096; i++)
        names[i] = tn_dataset_class_name(sets->train, i);
    if (classes <= 4096 && !(o->list && !o->classes.n)) {
        opt.class_names = names;
        opt.classes = classes;
    }
    if ((o->val_path || o->val_under || o->val_list) &&
        !(sets->valid = open_one(c, o->val_path ? o->val_path : o->path, o->val_under, o->val_list, opt)))
        return TN_IO;
    if ((o->test_path || o->test_under || o->test_list) &&
        !(sets->test = open_one(c, o->test_path ? o->test_path : o->path, o->test_under, o->test_list, opt)))
        return TN_IO;
    const train_transforms t = change_of(o);
    bool cuts = o->transforms.n > 0 && r->data->val_fraction > 0;
    tn_dataset *plain = cuts ? open_one(c, o->path, o->under, o->list, opt) : NULL;
    tn_status status = cuts && !plain ? TN_IO : train_transforms_finish(c, r, &t, plain, sets);
    tn_dataset_free(plain);
    return status;
}

static tn_status open_pictures(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    tn_pictures_opt opt = {.channels = (int)o->channels,
                           .height = o->height,
                           .width = o->width,
                           .fit = (tn_fit)o->fit,
                           .fill = o->fill,
                           .class_names = o->classes.n ? o->classes.at : NULL,
                           .classes = (int)o->classes.n};
    const train_transforms t = change_of(o);
    tn_pipeline *p;
    BASE_TRY(train_transforms_pipeline(&t, &p, base_context_begin(c)));
    opt.pipeline = p;
    sets->train = open_one(c, o->path, o->under, o->list, opt);
    tn_pipeline_free(p);
    return sets->train ? open_others(c, r, opt, sets) : TN_IO;
}

static void preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    static const char *const steps[] = {"crop", "resize", "pad"};
    train_picture_preprocess(r, x, p);
    p->step = steps[TRAIN_SOURCE_OPTIONS(r, pictures)->fit];
}

const train_source train_source_pictures = {.table = &table,
                                            .size = sizeof(pictures),
                                            .by_class = true,
                                            .check = check,
                                            .open = open_pictures,
                                            .preprocess = preprocess};
