/* pictures.c: data: {name: pictures, path: ...}, pictures in folders by class, or named by lists, in folders and archives. */
#include "base/context.h"
#include "data/picture/pipeline.h"
#include "train/source/source.h"

#include <tarn/picture.h>

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
    FORMAT_FLOAT(pictures, mixup, "0", "[0,1000]",
                 "training pictures mixed with others, labels too; the share from Beta(mixup, mixup); 0: not"),
    FORMAT_FLOAT(pictures, cutmix, "0", "[0,1000]",
                 "rectangles of others put into training pictures, labels mixed by area; the share from Beta(cutmix, "
                 "cutmix); 0: not"),
    TRAIN_PICTURE_ROWS,
    {0},
};
static const format_table table = {
    .name = "pictures",
    .doc = "PNG, JPEG, WebP, BMP and PPM pictures in folders by class or named by lists, also inside of .tar, .tar.gz "
           "and .zip",
    .options = rows,
};

/* All steps as one text; NULL: none, or memory is out. */
static tn_pipeline *pipeline_of(const format_strings *steps, base_error *e)
{
    base_str text = {0};
    for (size_t i = 0; i < steps->n; i++)
        base_str_printf(&text, "%s;", steps->at[i]);
    tn_pipeline *p = text.failed ? NULL : pipeline_parse(base_str_text(&text), e);
    if (text.failed)
        base_no_memory(e, "reading transforms");
    base_str_free(&text);
    return p;
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const pictures *o = TRAIN_SOURCE_OPTIONS(r, pictures);
    base_error inner = {0};
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
    tn_pipeline *p = o->transforms.n ? pipeline_of(&o->transforms, &inner) : NULL;
    if (o->transforms.n && !p)
        return format_yaml_fail(node, e, "data.transforms: %s", inner.text);
    tn_pipeline_free(p);
    return TN_OK;
}

static tn_dataset *open_one(tn_context *c, const char *path, const char *under, const char *list, tn_pictures_opt opt)
{
    opt.under = under;
    return list ? tn_dataset_picture_list(c, path, list, &opt) : tn_dataset_pictures(c, path, &opt);
}

/* Training samples with their transforms; validation samples cut from them without. */
static tn_status cut_valid(tn_context *c, const train_recipe *r, const tn_dataset *plain, train_sets *sets)
{
    const double part = 1 - r->data->val_fraction;
    tn_dataset *whole = sets->train, *first = NULL, *rest = NULL;
    tn_status status = tn_dataset_split(c, whole, part, (uint64_t)r->seed, true, &sets->train, &rest);
    tn_dataset_free(whole);
    tn_dataset_free(rest);
    if (status != TN_OK) {
        sets->train = NULL;
        return status;
    }
    status = tn_dataset_split(c, plain, part, (uint64_t)r->seed, true, &first, &sets->valid);
    tn_dataset_free(first);
    return status;
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
    if ((!o->transforms.n && o->mixup == 0 && o->cutmix == 0) || r->data->val_fraction <= 0)
        return TN_OK;
    tn_dataset *plain = open_one(c, o->path, o->under, o->list, opt);
    tn_status status = plain ? cut_valid(c, r, plain, sets) : TN_IO;
    tn_dataset_free(plain);
    return status;
}

/* After what is validated on was cut off. */
static tn_status mix(tn_context *c, const pictures *o, train_sets *sets)
{
    if (o->mixup == 0 && o->cutmix == 0)
        return TN_OK;
    tn_dataset *plain = sets->train;
    sets->train = tn_dataset_mix(c, plain, TN_OPT(tn_mix_opt, .mixup = o->mixup, .cutmix = o->cutmix));
    tn_dataset_free(plain);
    return sets->train ? TN_OK : TN_INVALID;
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
    tn_pipeline *p = o->transforms.n ? pipeline_of(&o->transforms, base_context_begin(c)) : NULL;
    opt.pipeline = p;
    if (!o->transforms.n || p)
        sets->train = open_one(c, o->path, o->under, o->list, opt);
    tn_pipeline_free(p);
    if (!sets->train)
        return TN_IO;
    BASE_TRY(open_others(c, r, opt, sets));
    return mix(c, o, sets);
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
