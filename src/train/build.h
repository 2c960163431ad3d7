/* build.h: what a recipe becomes: graph, model, data sets, options. */
#ifndef TRAIN_BUILD_H
#define TRAIN_BUILD_H

#include <stdatomic.h>

#include "train/recipe.h"
#include <tarn/recipe.h>

struct tn_recipe {
    atomic_int references;
    train_recipe *r; /* never changed once read */
};

/* Undone by a tn_recipe_free. */
tn_recipe *train_recipe_retain(const tn_recipe *recipe);

/* The output of the recipe's model in graph g for samples of data with `field` as their x; NULL and e set on failure. *all: what the first
 * layer sees of all nodes, where samples are nodes of a graph, else NULL. */
tn_tensor *train_build_graph(const train_recipe *r, const tn_dataset *data, const tn_field *field, tn_graph *g,
                             tn_tensor **all, base_error *e);
/* The same net once more, with the same parameters, for nodes and edges that batches bring (tn_dataset_neighbours). `batch`: how many. */
tn_tensor *train_build_drawn(const train_recipe *r, const tn_dataset *data, tn_dim batch, tn_graph *g, tn_tensor *all,
                             base_error *e);
/* How samples like x become the model's input. */
tn_preprocess train_preprocess_of(const train_recipe *r, const tn_field *x);
/* ---- whose fault it is: blame.c ---- */

/* Sentence with a suggestion. */
void train_unknown_model(const char *name, base_error *e);
/* Model.input, where it is given, is what samples like x are. */
tn_status train_check_input(const train_recipe *r, const tn_field *x, base_error *e);
/* The graph's sentence on a layer that does not take `x`, with the layer's place in the recipe and what may be done. */
tn_status train_blame_layer(const train_layer *layer, const tn_tensor *x, base_error *e);
/* The same of a model of the zoo. */
tn_status train_blame_zoo(const train_recipe *r, const tn_tensor *x, base_error *e);
/* Puts the place of the model's last layer, or of the model's name, in front of e's sentence. */
tn_status train_blame_model(const train_recipe *r, base_error *e);
/* Puts the place and the key of the path among the data's that the sentence is about in front of it: of a file that is not there. */
tn_status train_blame_data(const train_recipe *r, base_error *e);
/* Path number `at` of an option, or NULL. */
const char *train_path_of(const format_option *option, const void *options, size_t at);

tn_optim_opt train_optim_of(const train_options *options);
/* Options of L-BFGS, filled; NULL for other optimizers. */
const tn_lbfgs_opt *train_lbfgs_of(const train_options *options, tn_lbfgs_opt *to);
/* What a tn_train_opt points to. */
typedef struct train_pointed {
    tn_transform augment;
    tn_lbfgs_opt lbfgs;
} train_pointed;
/* What the plateau among the schedules watches. */
int train_plateau_metric(const train_options *options);
/* The training options that the recipe means. Pointers into the recipe. */
/* As tn_recipe_evaluate; where the recipe leaves out samples that are bad, they are told or not. */
tn_status train_recipe_evaluate(tn_context *context, const train_recipe *r, tn_model *model, const tn_dataset *data,
                                bool tell, tn_evaluation *result, int64_t *confusion);
tn_train_opt train_options_of(const train_recipe *r, train_pointed *to);

#endif
