/* split.h: samples dealt to training, validation and test: one way for all kinds of data, whatever their samples are. Keys of the recipe
 * say how (val_fraction, folds, test_fraction; group, time, stratify), a kind what there is to go by. */
#ifndef TRAIN_SPLIT_H
#define TRAIN_SPLIT_H

#include "train/recipe.h"
#include <tarn/data.h>

/* Numbers of the samples of training, validation and test, ascending. */
typedef struct train_parts {
    int64_t *at[3], n[3];
} train_parts;
void train_parts_free(train_parts *parts);
tn_status train_parts_add(train_parts *p, int part, int64_t index, int64_t count, base_error *e);

/* What parts go by, an entry for each sample; NULL: not by this. */
typedef struct train_split_keys {
    int64_t *classes, *groups;
    double *times;
} train_split_keys;
void train_split_keys_free(train_split_keys *keys);

/* valid, test: whether those are cut from these samples, or come from elsewhere. `what`: "samples", "rows of the table". */
tn_status train_split_parts(tn_context *c, const train_recipe *r, int64_t count, const char *what,
                            const train_split_keys *keys, bool valid, bool test, train_parts *parts, base_error *e);
/* What samples are called that are files; name NULL: they are none. */
typedef struct train_names {
    int64_t count;
    void (*name)(const void *user, int64_t index, base_str *to); /* appends it */
    const void *user;
} train_names;
train_names train_names_of(const tn_dataset *data);
/* Groups and times by names: what the recipe's patterns find in them. */
tn_status train_split_by_name(const train_recipe *r, const train_names *names, train_split_keys *keys, base_error *e);
/* Who is where, as a number, never 0: the same only for the same parts, of files of the same names (NULL: they have none). */
uint64_t train_split_sum(const train_parts *parts, const train_names *names);

/* Refuses fractions that cut what is there already: `valid` and `test` name what says so (NULL: nothing does). */
tn_status train_split_check(const train_recipe *r, const char *valid, const char *test, const format_yaml_node *node,
                            base_error *e);
/* The key that cuts off validation samples; NULL: none. */
const char *train_cut_key(const train_recipe *r);
/* Is anything cut off the training samples? */
bool train_cuts(const train_recipe *r);

/* ---- the record in a run's folder --------------------------------------------------------------------------------- */

/* What split.json says: how many there are of each, by which keys, the sum, and how many rows and values data.bad left out. */
tn_status train_split_write(const train_recipe *r, const int64_t n[3], const int64_t bad[2], uint64_t sum,
                            const char *path, base_error *e);
/* A warning where split.json, beside the file that the recipe was read from, tells of other parts: samples that were trained on may be
 * among those that are evaluated on. */
void train_split_compare(tn_context *c, const train_recipe *r, const int64_t n[3], uint64_t sum);

/* Rows for kinds whose samples are files. */
#define TRAIN_SPLIT_ROWS                                                                                               \
    FORMAT_STRING(train_data, group, NULL,                                                                             \
                  "regular expression over the names of files, within the folder or archive, whose first group is "    \
                  "whom they are of: '(patient[0-9]+)_'. Those of one stay in one part"),                              \
        FORMAT_STRING(train_data, time, NULL,                                                                          \
                      "the same for a date, a time or a number, by which parts follow each other: the last is tested " \
                      "on")

#endif
