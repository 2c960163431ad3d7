/* recipe_tables.c: every key of a recipe but those of the layers: type, default, range, meaning. */
#include "train/recipe_tables.h"

static const char *const data_names[] = {"digits", "mnist", "idx", NULL};
static const char *const optimizer_names[] = {"sgd", "adam", "adamw", NULL};
static const char *const precision_names[] = {"f32", "bf16", "exact", "high", NULL}; /* as tn_precision */
static const char *const schedule_names[] = {"constant", "step", "cosine", "plateau", NULL};
static const char *const loss_names[] = {"cross_entropy", "nll", "mse", "l1", "bce", "bce_with_logits", NULL};
static const char *const metric_names[] = {"loss", "accuracy", "f1", NULL};

/* ---- data ------------------------------------------------------------------------------------------------------ */

static const format_option normalize_rows[] = {
    FORMAT_FLOATS(train_normalize, mean, NULL, NULL, 1, 0, "subtracted, one for each channel or one for all"),
    FORMAT_FLOATS(train_normalize, std, NULL, "(0,)", 1, 0, "then divided by, one for each channel or one for all"),
    {0},
};
static const format_table normalize_table = {
    .name = "normalize",
    .doc = "how pixels in 0 to 1 are brought to zero mean and unit deviation; what the data set says if not given",
    .options = normalize_rows,
};

static const format_option augment_rows[] = {
    FORMAT_FLOAT(train_augment, move, "0", "[0,1000]", "moved by up to so many pixels"),
    FORMAT_FLOAT(train_augment, rotate, "0", "[0,180]", "turned by up to so many degrees"),
    FORMAT_FLOAT(train_augment, zoom, "0", "[0,1)", "made larger or smaller by up to this part of the size"),
    FORMAT_BOOL(train_augment, flip, "false", "every other picture mirrored left to right"),
    FORMAT_FLOAT(train_augment, fill, "0", NULL, "what comes in from outside"),
    {0},
};
static const format_table augment_table = {
    .name = "augment",
    .doc = "how training pictures are changed by chance, differently in every epoch",
    .options = augment_rows,
};

static const format_option data_rows[] = {
    FORMAT_ENUM(train_data, name, FORMAT_REQUIRED, data_names,
                "digits are generated, mnist and idx are read from files"),
    FORMAT_PATH(train_data, folder, NULL, "mnist: where its four files are, packed by gzip or not"),
    FORMAT_PATH(train_data, images, NULL, "idx: the training pictures"),
    FORMAT_PATH(train_data, labels, NULL, "idx: their labels"),
    FORMAT_PATH(train_data, val_images, NULL, "idx: the validation pictures"),
    FORMAT_PATH(train_data, val_labels, NULL, "idx: their labels"),
    FORMAT_INT(train_data, train_count, "0", "[0,)",
               "training samples that are used; 0: all, or the usual number for digits"),
    FORMAT_INT(train_data, val_count, "0", "[0,)",
               "validation samples that are used; 0: all, or the usual number for digits"),
    FORMAT_FLOAT(train_data, val_fraction, "0", "[0,1)",
                 "part of the training samples that is kept for validation; mnist: in place of its test digits"),
    FORMAT_INT(train_data, workers, "1", "[0,64]", "threads that prepare batches; 0: none, the step waits"),
    FORMAT_INT(train_data, prefetch, "0", "[0,1024]", "batches made ahead; 0: two, and as many as workers"),
    FORMAT_BOOL(train_data, shuffle, "true", "training samples in a new order every epoch"),
    FORMAT_BOOL(train_data, drop_last, "false", "leave out the last batch if it is not full"),
    FORMAT_STRINGS(train_data, classes, NULL, 2, 0, "names of the labels, from 0"),
    FORMAT_TABLE(train_data, normalize, train_normalize, &normalize_table, "mean and deviation of the pixels"),
    FORMAT_TABLE(train_data, augment, train_augment, &augment_table, "chance changes to training pictures"),
    {0},
};
const format_table train_data_table = {
    .name = "data",
    .doc = "what is learned from, and what it is checked on",
    .options = data_rows,
    .brief = "name",
};

/* ---- training -------------------------------------------------------------------------------------------------- */

static const format_option schedule_rows[] = {
    FORMAT_ENUM(train_schedule, kind, "constant", schedule_names, "how the learning rate changes over the run"),
    FORMAT_INT(train_schedule, every, "10", "[1,)", "step: epochs from one step to the next"),
    FORMAT_FLOAT(train_schedule, factor, "0.1", "(0,1)", "step, plateau: what the rate is multiplied with"),
    FORMAT_FLOAT(train_schedule, least, "0", "[0,)", "cosine: the rate at the end; plateau: the smallest rate"),
    FORMAT_INT(train_schedule, patience, "3", "[0,)", "plateau: epochs without progress before the rate falls"),
    FORMAT_ENUM(train_schedule, metric, "loss", metric_names,
                "plateau: what must make progress, on the validation set"),
    {0},
};
const format_table train_schedule_table = {
    .name = "schedule",
    .doc = "how the learning rate changes over the run",
    .options = schedule_rows,
    .brief = "kind",
};

static const format_option early_stopping_rows[] = {
    FORMAT_INT(train_early_stopping, patience, "0", "[0,)",
               "epochs without progress after which the run ends; 0: never"),
    FORMAT_ENUM(train_early_stopping, metric, "loss", metric_names, "what must make progress, on the validation set"),
    FORMAT_FLOAT(train_early_stopping, min_delta, "0", "[0,)", "progress smaller than this counts as none"),
    {0},
};
const format_table train_early_stopping_table = {
    .name = "early_stopping",
    .doc = "ends a run that makes no progress any more",
    .options = early_stopping_rows,
    .brief = "patience",
};

static const format_option train_rows[] = {
    FORMAT_INT(train_options, epochs, "10", "[1,1000000]", "times the training set is gone through"),
    FORMAT_INT(train_options, batch, "64", "[1,1000000]", "samples in a step"),
    FORMAT_ENUM(train_options, optimizer, "adam", optimizer_names, "how weights follow their gradients"),
    FORMAT_FLOAT(train_options, lr, NULL, "[0,)", "learning rate; 0.001 for adam and adamw, 0.01 for sgd if not given"),
    FORMAT_FLOAT(train_options, momentum, "0", "[0,1)", "sgd: part of the last step that goes on"),
    FORMAT_BOOL(train_options, nesterov, "false", "sgd: look ahead along the momentum"),
    FORMAT_FLOATS(train_options, betas, "[0.9, 0.999]", "[0,1)", 2, 2, "adam, adamw: decay of the two moments"),
    FORMAT_FLOAT(train_options, eps, "1e-8", "(0,)", "adam, adamw: added to the root of the second moment"),
    FORMAT_FLOAT(train_options, weight_decay, NULL, "[0,)", "L2; by itself for adamw (0.01 if not given, otherwise 0)"),
    FORMAT_FLOAT(train_options, l1, "0", "[0,)", "L1: weight of the sum of absolute weights"),
    FORMAT_FLOAT(train_options, clip_norm, "0", "[0,)", "gradients are shortened to this length together; 0: not"),
    FORMAT_FLOAT(train_options, clip_value, "0", "[0,)", "each gradient is cut to this size; 0: not"),
    FORMAT_TABLE(train_options, schedule, train_schedule, &train_schedule_table, "how the learning rate changes"),
    FORMAT_INT(train_options, warmup_steps, "0", "[0,)", "steps over which the rate rises from 0"),
    FORMAT_INT(train_options, accumulate, "1", "[1,65536]", "batches whose gradients make one step"),
    FORMAT_ENUM(train_options, loss, "cross_entropy", loss_names, "what is made small"),
    FORMAT_TABLE(train_options, early_stopping, train_early_stopping, &train_early_stopping_table,
                 "when to end before the last epoch"),
    FORMAT_INT(train_options, checkpoint_every, "0", "[0,)",
               "steps between checkpoints; 0: one at the end of each epoch"),
    FORMAT_ENUM(
        train_options, precision, "f32", precision_names,
        "of products and convolutions; bf16: they round what they multiply, where the processor is fast at it (AMX); "
        "exact: "
        "plain sums only; high: convolutions split f32 into two bf16 (AMX)"),
    FORMAT_INT(train_options, threads, "0", "[0,1024]", "threads of a step; 0: all that the process may use"),
    FORMAT_BYTES(train_options, memory_limit, "0", "a step that needs more is refused before it runs; 0: no limit"),
    {0},
};
const format_table train_options_table = {
    .name = "train",
    .doc = "how the network is trained",
    .options = train_rows,
};

static const format_option output_rows[] = {
    FORMAT_PATH(train_output, folder, "runs", "where a numbered folder is made for each run"),
    FORMAT_BOOL(train_output, report, "true", "a page about the run when it ends"),
    FORMAT_BOOL(train_output, plots, "true", "pictures of the curves and the confusion matrix when it ends"),
    {0},
};
const format_table train_output_table = {
    .name = "output",
    .doc = "where the results of a run go",
    .options = output_rows,
    .brief = "folder",
};

/* ---- the top --------------------------------------------------------------------------------------------------- */

static const format_option model_rows[] = {
    FORMAT_STRING(train_model, name, NULL, "a model of the zoo; its own options stand beside the name"),
    FORMAT_INTS(train_model, input, NULL, "[1,1000000000]", 1, 7,
                "shape of one sample, as [channels, height, width]; as the data if not given"),
    {.key = "layers",
     .kind = FORMAT_KIND_NODE,
     .doc = "the layers, first to last: words, or {word: options}",
     .offset = FORMAT_FIELD(train_model, list, const format_yaml_node *)},
    {0},
};
const format_table train_model_table = {
    .name = "model",
    .doc = "the network: the name of one from the zoo, or its layers",
    .options = model_rows,
};

static const format_option top_rows[] = {
    FORMAT_INT(train_recipe, tarn, FORMAT_REQUIRED, "[1,)", "version of the recipe format: 1"),
    FORMAT_STRING(train_recipe, name, NULL, "what the run is called; the name of the file if not given"),
    FORMAT_INT(train_recipe, seed, "1", "[0,)", "the same seed gives the same run"),
    {.key = "model",
     .kind = FORMAT_KIND_NODE,
     .fallback = FORMAT_REQUIRED,
     .doc = "the network: a name of the zoo, {name: ..., its options}, or {input: ..., layers: [...]}",
     .offset = FORMAT_FIELD(train_recipe, model_node, const format_yaml_node *)},
    FORMAT_TABLE(train_recipe, data, train_data, &train_data_table, "what is learned from"),
    FORMAT_TABLE(train_recipe, train, train_options, &train_options_table, "how the network is trained"),
    FORMAT_TABLE(train_recipe, output, train_output, &train_output_table, "where the results go"),
    {0},
};
const format_table train_recipe_top = {
    .name = "recipe",
    .doc = "a YAML file that says what is trained, on what and how",
    .options = top_rows,
};
