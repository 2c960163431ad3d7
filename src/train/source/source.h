/* source.h: kinds of data that a recipe can name (data: {name: idx, ...}). Each src/train/source/NAME.c defines
 * `const train_source train_source_NAME`; the list is made from file names. A kind has the keys that all have (train_data)
 * and those of its own table; its options are a struct that begins with a train_data. */
#ifndef TRAIN_SOURCE_H
#define TRAIN_SOURCE_H

#include "train/split.h"
#include <tarn/data.h>
#include <tarn/model.h>
#include <tarn/ops.h>

/* What a recipe's data are: freed by whoever asked. valid and test may be NULL. */
typedef struct train_sets {
    tn_dataset *train, *valid, *test;
    uint64_t cut;                 /* train_split_sum of what was cut; 0: nothing was */
    int64_t bad_rows, bad_values; /* what data.bad left out of tables, or took as missing */
} train_sets;

typedef struct train_source {
    const format_table *table; /* its name is what data.name says; rows by FORMAT_...(its struct, ...) */
    size_t size;               /* of its options */
    bool by_class;             /* samples come class by class: train_count takes them spread out */
    bool own_valid;            /* has validation samples always: nothing is cut */
    bool own_test;             /* has test samples always: data.test_fraction does nothing */
    bool in_order;             /* what is validated on follows what is trained on: no folds */
    bool any_length;           /* samples are of one length, models of any where their layers allow it */
    bool caches;               /* keeps what it decodes as data.cache says; else that key does nothing */
    /* Optional: what the rows alone cannot say. `node` is the mapping that was read. */
    tn_status (*check)(const train_recipe *r, const format_yaml_node *node, base_error *e);
    /* Fills *sets; what is set is freed by the caller, on failure too. The sentence goes to the context. Where it leaves
     * sets->valid or ->test NULL and the recipe cuts them, samples are taken from training as it says. A kind that fits something on
     * the training samples cuts them itself (split.h), sets sets->cut and gives its preparation to the data sets. */
    tn_status (*open)(tn_context *c, const train_recipe *r, train_sets *sets);
    /* Optional: groups and times of samples, where the recipe has a key that names them; else they are found in file names. */
    tn_status (*keys)(const train_recipe *r, const tn_dataset *data, train_split_keys *keys, base_error *e);
    /* Optional, for samples that are numbers of nodes in a graph: what the first layer sees, all nodes' features, and the edges that
     * graph layers follow. The rows of the last layer's output that x names are the model's output. NULL: the sentence is in e. */
    tn_tensor *(*enter)(const train_recipe *r, const tn_dataset *data, tn_graph *g, tn_edges *edges, base_error *e);
    /* Optional: how raw samples x become the model's input; *p is zero, but that p->raw is set where x is not f32. */
    void (*preprocess)(const train_recipe *r, const tn_field *x, tn_preprocess *p);
} train_source;

/* NULL: there is none. */
const train_source *train_source_find(const char *name);
const train_source *train_source_at(int i);
/* The options of a recipe's data as its kind's own struct. */
#define TRAIN_SOURCE_OPTIONS(r, type) ((const type *)(const void *)(r)->data)

/* The sets of a recipe; a warning where the run that it is of had others. On failure none, and the sentence in the context. */
tn_status train_sets_open(tn_context *c, const train_recipe *r, train_sets *sets);
/* split.json of a run. */
tn_status train_sets_record(const train_recipe *r, const train_sets *sets, const char *path, base_error *e);
void train_sets_free(train_sets *sets);

/* For kinds whose training samples are changed by chance: cuts what sets->valid and ->test lack; training samples come from `changed`, the
 * others from `plain`, which holds the same samples. Takes both over; fills sets. */
tn_status train_split_changed(tn_context *c, const train_recipe *r, tn_dataset *changed, tn_dataset *plain,
                              train_sets *sets);
/* The sentence where cuts of that many samples left none for training. */
tn_status train_nothing_left(int64_t of, base_error *e);

/* What data.cache says, in *room; NULL: nothing is kept. */
const tn_cache_opt *train_cache(const train_recipe *r, tn_context *c, tn_cache_opt *room);

/* The folder for what `bytes` of texts become, where data.cache says that it is kept on disk; NULL: it is held in memory. */
const char *train_cache_texts(const train_recipe *r, size_t bytes);

/* Keys for kinds of pictures: normalize and augment, which live in train_data. */
extern const format_table train_normalize_table, train_augment_table;
#define TRAIN_PICTURE_ROWS                                                                                             \
    FORMAT_TABLE(train_data, normalize, train_normalize, &train_normalize_table, "mean and deviation of the pixels"),  \
        FORMAT_TABLE(train_data, augment, train_augment, &train_augment_table, "chance changes to training pictures")
/* Pixels to 0..1, then the recipe's mean and deviation. */
void train_picture_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p);
/* The same with MNIST's mean and deviation if the recipe has none, and photographs brought into MNIST's form: what was
 * trained on one kind of digits can be tried on another. */
void train_digit_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p);

#endif
