/* pictures.c: see pictures.h. */
#include "train/pictures.h"

#include <stdlib.h>

#include "base/context.h"

const char *const train_fits[] = {"crop", "stretch", "pad", NULL};
const char *const train_bits[] = {"8", "16", NULL};

static train_transforms steps_of(const train_pictures *p)
{
    return (train_transforms){.steps = p->transforms};
}

tn_status train_pictures_check(const train_recipe *r, const train_pictures *p, bool valid, bool test,
                               const format_yaml_node *node, base_error *e)
{
    const train_transforms t = steps_of(p);
    if (p->channels == 2)
        return format_yaml_fail(node, e, "'data' has channels 2; 1 is grey, 3 is colour");
    if (p->bits == TRAIN_BITS_16 && p->transforms.n)
        return format_yaml_fail(node, e,
                                "'data' has bits 16 and transforms, which are for 8 bits; augment moves, turns and "
                                "flips pictures of 16");
    if (!p->height != !p->width)
        return format_yaml_fail(node, e, "'data' has %s without %s", p->height ? "height" : "width",
                                p->height ? "width" : "height");
    BASE_TRY(train_split_check(r, valid || p->val_path || p->val_under ? "validation pictures" : NULL,
                               test || p->test_path || p->test_under ? "test pictures" : NULL, node, e));
    return train_transforms_check(&t, node, e);
}

const char *train_pictures_path(const train_pictures *p, train_part part, tn_pictures_opt *opt)
{
    const char *paths[] = {p->path, p->val_path, p->test_path};
    const char *unders[] = {p->under, p->val_under, p->test_under};
    opt->under = unders[part];
    return paths[part] ? paths[part] : unders[part] ? p->path : NULL;
}

/* Names of the training pictures' classes, for the others to have the same numbers; NULL where memory is out. */
static const char **names_of(const tn_dataset *train, int *n)
{
    *n = tn_dataset_classes(train);
    const char **names = calloc((size_t)*n + 1, sizeof *names);
    for (int i = 0; names && i < *n; i++)
        names[i] = tn_dataset_class_name(train, i);
    return names;
}

static tn_status open_others(tn_context *c, const train_recipe *r, const train_pictures *p, const train_transforms *t,
                             tn_pictures_opt *opt, train_open_part open, train_sets *sets)
{
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    const tn_field *x = tn_dataset_field(sets->train, tn_dataset_find(sets->train, "x"));
    opt->pipeline = NULL;
    opt->height = x->dims[1];
    opt->width = x->dims[2];
    for (int part = TRAIN_PART_VALID; part <= TRAIN_PART_TEST; part++) {
        base_error *e = base_context_begin(c);
        if (!(*set[part] = open(c, r, (train_part)part, opt)) && e && e->status != TN_OK)
            return e->status;
    }
    const bool cuts = p->transforms.n > 0 && train_cuts(r);
    tn_dataset *plain = cuts ? open(c, r, TRAIN_PART_TRAIN, opt) : NULL;
    return cuts && !plain ? TN_IO : train_transforms_finish(c, r, t, plain, sets);
}

tn_status train_pictures_open(tn_context *c, const train_recipe *r, const train_pictures *p, const train_transforms *t,
                              train_open_part open, train_sets *sets)
{
    tn_cache_opt cache;
    tn_pictures_opt opt = {.channels = (int)p->channels,
                           .cache = r->source->caches ? train_cache(r, c, &cache) : NULL,
                           .height = p->height,
                           .width = p->width,
                           .fit = (tn_fit)p->fit,
                           .fill = p->fill,
                           .deep = p->bits == TRAIN_BITS_16,
                           .skip_bad = r->data->on_error == TRAIN_ERROR_SKIP,
                           .class_names = p->classes.n ? p->classes.at : NULL,
                           .classes = (int)p->classes.n};
    tn_pipeline *pipeline;
    BASE_TRY(train_transforms_pipeline(t, &pipeline, base_context_begin(c)));
    opt.pipeline = pipeline;
    sets->train = open(c, r, TRAIN_PART_TRAIN, &opt);
    tn_pipeline_free(pipeline);
    if (!sets->train)
        return TN_IO;
    int n = 0;
    const char **names = names_of(sets->train, &n);
    if (!names)
        return base_no_memory(base_context_begin(c), "opening pictures");
    if (n > 0 && !opt.classes) {
        opt.class_names = names;
        opt.classes = n;
    }
    tn_status status = open_others(c, r, p, t, &opt, open, sets);
    free(names);
    return status;
}

void train_pictures_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *to)
{
    static const char *const steps[] = {"crop", "resize", "pad"};
    train_picture_preprocess(r, x, to);
    to->step = steps[TRAIN_SOURCE_OPTIONS(r, train_picture_files)->p.fit];
}
