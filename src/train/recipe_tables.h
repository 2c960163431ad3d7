/* recipe_tables.h: what the files of the recipe share: its tables and its two halves of reading. */
#ifndef TRAIN_RECIPE_TABLES_H
#define TRAIN_RECIPE_TABLES_H

#include "train/recipe.h"

extern const format_table train_recipe_top, train_data_table, train_options_table, train_schedule_table,
    train_early_stopping_table, train_output_table, train_model_table, train_average_table, train_group_table;

/* One of train.groups, as it is written. */
typedef struct train_group {
    uint64_t given;
    const char *pattern;
    double lr_scale, weight_decay, l1;
    bool frozen;
} train_group;

/* Reads recipe->data_node into recipe->source, ->data and ->data_table. */
tn_status train_data_read(train_recipe *recipe, base_error *e);
/* Does a key of the data do anything for this kind? */
bool train_data_applies(const train_recipe *recipe, const format_option *option);
/* A list of the kinds of data. */
void train_data_kinds(base_str *out, bool markdown);

/* Reads what train.groups and train.schedule.then hold. */
tn_status train_inner_read(train_recipe *recipe, base_error *e);
/* Fills in what depends on the optimizer and the schedule, as if it had been written. */
tn_status train_decide(train_recipe *recipe, base_error *e);

/* The table of a layer; NULL for numbers outside the list. */
const format_table *train_layer_table(train_layer_kind kind);
/* Brings the model of a tree into its long form: model: word becomes {name: word}, model: [...] {layers: [...]}, relu becomes {relu: {}},
 * {linear: 9} becomes {linear: {units: 9}}, {linear: 9, name: fc} becomes {linear: {units: 9, name: fc}}. What is wrong stays
 * as it is. False when memory is out. */
bool train_layers_spread(format_yaml *tree);
/* Reads the model of a recipe, in long form, into recipe->model. */
tn_status train_model_read(train_recipe *recipe, base_error *e);
/* The layers of a recipe as a list of the tree, defaults written out; NULL when memory is out. */
format_yaml_node *train_layers_tree(const train_recipe *recipe, format_yaml *tree);

#endif
