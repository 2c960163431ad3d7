/* recipe_tables.c: every key of a recipe but those of the layers: type, default, range, meaning. */
#include "train/recipe_tables.h"

static const char
    *const
        optimizer_names[] =
            {
                "sgd",     "adam",  "adamw", "adagrad", "adadelta", "rmsprop",   "adamax",
                "nadam",   "radam", "lamb",  "lars",    "lion",     "adafactor", "muon",
                "shampoo", "kfac",  "rprop", "asgd",    "lbfgs",    NULL}; /* as tn_optimizer, and TRAIN_LBFGS */
static const char *const muon_names[] = {"original", "match_rms_adamw", "plain", NULL};          /* as tn_muon_scale */
static const char *const average_names[] = {"none", "ema", "swa", NULL};                         /* as tn_average */
static const char *const warmup_names[] = {"linear", "cosine", "exponential", "constant", NULL}; /* as tn_warmup */
static const char *const cycle_names[] = {"triangular", "triangular2", "exp_range", NULL};       /* as tn_cycle */
static const char *const precision_names[] = {"f32", "bf16", "exact", "high", NULL};             /* as tn_precision */
static const char *const schedule_names[] = {"constant",    "step",         "cosine", "plateau",         "multi_step",
                                             "exponential", "polynomial",   "linear", "cosine_restarts", "one_cycle",
                                             "cyclic",      "inverse_sqrt", NULL}; /* as tn_schedule_kind */
static const char *const loss_names[] = {"cross_entropy", "nll",   "mse",         "l1",    "bce", "bce_with_logits",
                                         "smooth_l1",     "huber", "poisson_nll", "boxes", NULL};
static const char *const metric_names[] = {"loss", "accuracy", "f1", "iou", "map", NULL};

/* ---- training -------------------------------------------------------------------------------------------------- */

static const format_option schedule_rows[] = {
    FORMAT_ENUM(train_schedule, kind, "constant", schedule_names, "how the learning rate changes over the run"),
    FORMAT_INT(train_schedule, every, "10", "[1,)", "step: epochs from one step to the next"),
    FORMAT_FLOAT(
        train_schedule, factor, NULL, "(0,1]",
        "step, multi_step, plateau, exponential: what the rate is multiplied with; 0.1, exponential 0.95; cyclic "
        "with exp_range: in each step, 1"),
    FORMAT_FLOAT(
        train_schedule, least, "0", "[0,)",
        "cosine, polynomial: the rate at the end; plateau: the smallest rate; cosine_restarts, cyclic: the lower "
        "end"),
    FORMAT_INT(train_schedule, patience, "3", "[0,)", "plateau: epochs without progress before the rate falls"),
    FORMAT_ENUM(train_schedule, metric, "loss", metric_names,
                "plateau: what must make progress, on the validation set"),
    FORMAT_INTS(train_schedule, milestones, NULL, "[1,1000000]", 1, 64,
                "multi_step: epochs, rising, at which the rate falls"),
    FORMAT_FLOAT(train_schedule, power, "1", "(0,)", "polynomial: of the part that is left"),
    FORMAT_FLOAT(train_schedule, start, "0.3333333333333333", "[0,)", "linear: part of the rate at the beginning"),
    FORMAT_FLOAT(train_schedule, end, "1", "[0,)", "linear: part of the rate at the end"),
    FORMAT_INT(train_schedule, period, "1000", "[1,)", "cosine_restarts: steps to the first restart"),
    FORMAT_INT(train_schedule, period_factor, "1", "[1,1000]",
               "cosine_restarts: how many times as long each period is as the one before"),
    FORMAT_FLOAT(train_schedule, pct_start, "0.3", "(0,1)", "one_cycle: part of the steps in which the rate rises"),
    FORMAT_FLOAT(train_schedule, div_factor, "25", "[1,)", "one_cycle: it begins at the rate divided by this"),
    FORMAT_FLOAT(train_schedule, final_div_factor, "10000", "[1,)",
                 "one_cycle: it ends at where it began, divided by this"),
    FORMAT_BOOL(train_schedule, linear, "false", "one_cycle: by lines, not by cosines"),
    FORMAT_BOOL(train_schedule, three_phase, "false", "one_cycle: down to where it began, then on to the end"),
    FORMAT_INT(train_schedule, up, "2000", "[1,)", "cyclic: steps from least to the rate"),
    FORMAT_INT(train_schedule, down, "0", "[0,)", "cyclic: steps back; 0: as many"),
    FORMAT_ENUM(train_schedule, mode, "triangular", cycle_names,
                "cyclic: heights stay, halve with each cycle, or shrink with each step by factor"),
    FORMAT_INT(train_schedule, until, "0", "[0,)", "steps after which the schedule of then takes over"),
    FORMAT_NODE(train_schedule, then, NULL,
                "a schedule, written as this one, that takes over at step until and counts steps from there"),
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

static const format_option lookahead_rows[] = {
    FORMAT_INT(train_lookahead, steps, "0", "[0,1000000]", "steps after which the weights go back a part; 0: never"),
    FORMAT_FLOAT(train_lookahead, alpha, "0.5", "(0,1]", "the part of their way that they keep"),
    {0},
};
static const format_table lookahead_table = {
    .name = "lookahead",
    .doc = "every so many steps the weights go back a part of the way that they came",
    .options = lookahead_rows,
    .brief = "steps",
};

static const format_option lbfgs_rows[] = {
    FORMAT_INT(train_lbfgs, iterations, "20", "[1,1000000]", "of a step, at most"),
    FORMAT_INT(train_lbfgs, looks, "25", "[1,1000000]", "times that a step looks at the loss, at most"),
    FORMAT_INT(train_lbfgs, history, "10", "[1,10000]",
               "steps that the curvature is known from; 16 bytes a weight each"),
    FORMAT_BOOL(train_lbfgs, line_search, "true", "how far to go is searched for (strong Wolfe); no: as lr says"),
    FORMAT_FLOAT(train_lbfgs, tolerance_grad, "1e-7", "(0,)", "where no gradient is larger a step ends"),
    FORMAT_FLOAT(train_lbfgs, tolerance_change, "1e-9", "(0,)", "the same for changes of weights and loss"),
    {0},
};
static const format_table lbfgs_table = {
    .name = "lbfgs",
    .doc = "of the optimizer lbfgs, for few samples and smooth losses: a step looks at the loss of its batch several "
           "times",
    .options = lbfgs_rows,
    .brief = "iterations",
};

static const format_option average_rows[] = {
    FORMAT_ENUM(train_averaging, kind, "none", average_names,
                "averaged weights, by which validation goes and which are saved: exponentially, or their mean"),
    FORMAT_FLOAT(train_averaging, decay, "0.999", "[0,1]", "ema: part of the average that stays in each step"),
    FORMAT_INT(train_averaging, start, "1", "[1,)", "ema, swa: the first step, from 1, whose weights count"),
    FORMAT_INT(train_averaging, every, "1", "[1,)", "ema, swa: steps from one that counts to the next"),
    {0},
};
const format_table train_average_table = {
    .name = "average",
    .doc = "weights averaged on the way",
    .options = average_rows,
    .brief = "kind",
};

/* One of train.groups. */
static const format_option group_rows[] = {
    FORMAT_STRING(train_group, pattern, FORMAT_REQUIRED, "names of parameters; * stands for any text, ? for a letter"),
    FORMAT_FLOAT(train_group, lr_scale, NULL, "[0,)", "what their learning rate is multiplied with"),
    FORMAT_FLOAT(train_group, weight_decay, NULL, "[0,)", "in place of train.weight_decay"),
    FORMAT_FLOAT(train_group, l1, NULL, "[0,)", "in place of train.l1"),
    FORMAT_BOOL(train_group, frozen, "false", "they are not trained"),
    {0},
};
const format_table train_group_table = {
    .name = "groups",
    .doc = "parameters with values of their own; the first group whose pattern matches counts",
    .options = group_rows,
    .brief = "pattern",
};

static const format_option train_rows[] = {
    FORMAT_INT(train_options, epochs, "10", "[1,1000000]", "times the training set is gone through"),
    FORMAT_INT(train_options, batch, "64", "[1,1000000]", "samples in a step"),
    FORMAT_ENUM(train_options, optimizer, "adam", optimizer_names, "how weights follow their gradients"),
    FORMAT_FLOAT(
        train_options, lr, NULL, "(0,)",
        "learning rate; if not given 0.001, and 0.01 for sgd, adagrad, rmsprop, adafactor, 1 for adadelta, lars, "
        "0.002 for adamax, nadam, 0.0001 for lion, 0.1 for shampoo, 0.01 for kfac, rprop, asgd, 1 for lbfgs"),
    FORMAT_FLOAT(train_options, momentum, NULL, "[0,1)",
                 "sgd, rmsprop, lars, muon, kfac: part of the last step that goes on; 0, lars, kfac 0.9, muon 0.95"),
    FORMAT_BOOL(train_options, nesterov, NULL, "sgd, muon: look ahead along the momentum; no, muon yes"),
    FORMAT_FLOATS(train_options, betas, NULL, "[0,1)", 2, 2,
                  "adam and its kin, lamb, lion: decay of the two moments; [0.9, 0.999], lion [0.9, 0.99]"),
    FORMAT_FLOAT(train_options, eps, NULL, "(0,)",
                 "added to what is divided by; 1e-8, adagrad 1e-10, adadelta, lamb 1e-6, muon 1e-7, shampoo 1e-4, "
                 "kfac 1e-3 (the damping)"),
    FORMAT_FLOAT(train_options, weight_decay, NULL, "[0,)",
                 "L2; by itself for adamw, lion, adafactor, muon, kfac; 0, adamw, lamb 0.01, muon 0.1"),
    FORMAT_BOOL(train_options, amsgrad, "false", "adam, adamw: the largest second moment so far counts"),
    FORMAT_BOOL(train_options, decoupled, "false", "adam, nadam, radam: weight decay by itself"),
    FORMAT_BOOL(train_options, centered, "false", "rmsprop: squares less the square of the mean"),
    FORMAT_FLOAT(train_options, alpha, NULL, "[0,1]",
                 "rmsprop: decay of the squares, 0.99; asgd: power of the steps that the rate is divided by, 0.75"),
    FORMAT_FLOAT(train_options, rho, "0.9", "[0,1]", "adadelta: decay of the squares"),
    FORMAT_FLOAT(train_options, lr_decay, "0", "[0,)", "adagrad: the rate is divided by 1 + this * steps"),
    FORMAT_FLOAT(train_options, initial_accumulator_value, "0", "[0,)", "adagrad: where the sum of squares begins"),
    FORMAT_FLOAT(train_options, momentum_decay, "0.004", "[0,)", "nadam: how fast the momentum comes up"),
    FORMAT_FLOAT(train_options, trust_coefficient, "0.001", "(0,)",
                 "lars: part of a parameter's length that a step has"),
    FORMAT_FLOAT(train_options, beta2_decay, "-0.8", "[-10,0]",
                 "adafactor: power of the step that squares are kept by"),
    FORMAT_FLOAT(train_options, eps2, "1e-3", "[0,)", "adafactor: the least length of a parameter"),
    FORMAT_FLOAT(train_options, d, "1", "[1,)", "adafactor: where updates are cut"),
    FORMAT_INT(train_options, ns_steps, "5", "[1,99]", "muon: iterations"),
    FORMAT_ENUM(train_options, adjust_lr, "original", muon_names, "muon: how the rate follows the size of a matrix"),
    FORMAT_TABLE(train_options, lbfgs, train_lbfgs, &lbfgs_table, "lbfgs: iterations, line search, history"),
    FORMAT_INT(train_options, refresh, "0", "[0,)",
               "shampoo, kfac: steps from one root or inverse to the next; 0: shampoo 1, kfac 10"),
    FORMAT_FLOAT(train_options, kl_clip, "1e-3", "[0,)",
                 "kfac: steps are shortened so that they change no more; 0: not"),
    FORMAT_FLOAT(train_options, eta_minus, "0.5", "(0,1)",
                 "rprop: what a weight's step becomes where its gradient turns"),
    FORMAT_FLOAT(train_options, eta_plus, "1.2", "(1,)", "rprop: the same where its gradient keeps its sign"),
    FORMAT_FLOAT(train_options, step_min, "1e-6", "[0,)", "rprop: the shortest step of a weight"),
    FORMAT_FLOAT(train_options, step_max, "50", "(0,)", "rprop: the longest"),
    FORMAT_FLOAT(train_options, lambd, "1e-4", "[0,)", "asgd: how fast the rate falls"),
    FORMAT_FLOAT(train_options, t0, "1e6", "[0,)", "asgd: steps before the mean of the weights begins"),
    FORMAT_FLOAT(train_options, l1, "0", "[0,)", "L1: weight of the sum of absolute weights"),
    FORMAT_FLOAT(train_options, clip_norm, "0", "[0,)", "gradients are shortened to this length together; 0: not"),
    FORMAT_FLOAT(train_options, clip_value, "0", "[0,)", "each gradient is cut to this size; 0: not"),
    FORMAT_BOOL(train_options, centralize, "false", "gradients of matrices and kernels less the mean of each output's"),
    FORMAT_FLOAT(train_options, sam, "0", "[0,)",
                 "gradients are taken where the loss is larger, so far away, as 0.05; twice the work; 0: not"),
    FORMAT_TABLE(train_options, lookahead, train_lookahead, &lookahead_table,
                 "every so many steps the weights go back a part of their way"),
    FORMAT_TABLE(train_options, average, train_averaging, &train_average_table, "weights averaged on the way"),
    FORMAT_BOOL(train_options, scale_loss, "false", "for gradients in f16: multiplied so that small ones are not lost"),
    FORMAT_NODE(train_options, groups, NULL,
                "parameters with values of their own: a list of {pattern, lr_scale, weight_decay, l1, frozen}"),
    FORMAT_TABLE(train_options, schedule, train_schedule, &train_schedule_table, "how the learning rate changes"),
    FORMAT_INT(train_options, warmup_steps, "0", "[0,)", "steps over which the rate rises from 0"),
    FORMAT_ENUM(train_options, warmup, "linear", warmup_names, "how it rises; constant: it stays at warmup_from of it"),
    FORMAT_FLOAT(train_options, warmup_from, "0", "[0,1]", "part of the rate at which it begins"),
    FORMAT_INT(train_options, accumulate, "1", "[1,65536]", "batches whose gradients make one step"),
    FORMAT_ENUM(train_options, loss, "cross_entropy", loss_names, "what is made small"),
    FORMAT_FLOAT(train_options, label_smoothing, "0", "[0,1)",
                 "cross_entropy, in training: this part of the target is spread over all classes"),
    FORMAT_FLOATS(train_options, class_weights, NULL, "[0,)", 2, 0,
                  "cross_entropy and nll, in training: what each class counts for; 1 if not given"),
    FORMAT_TABLE(train_options, early_stopping, train_early_stopping, &train_early_stopping_table,
                 "when to end before the last epoch"),
    FORMAT_INT(train_options, checkpoint_every, "0", "[0,)",
               "steps between checkpoints; 0: one at the end of each epoch"),
    FORMAT_ENUM(train_options, precision, "f32", precision_names,
                "of products and convolutions; bf16: they round what they multiply, where the processor is fast at it "
                "(AMX, or AMD's AVX-512); "
                "exact: multiply-adds of f32 alone; high: in training they split f32 into two bf16 (AMX)"),
    FORMAT_INT(train_options, threads, "0", "[0,1024]", "threads of a step; 0: all that the process may use"),
    FORMAT_BYTES(
        train_options, memory_limit, "0",
        "for values and scratch of a step, parameters apart; where it would need more, values are computed again for "
        "gradients instead of being kept, and if that does not do it is refused before it runs; 0: no limit"),
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
    {.key = "data",
     .kind = FORMAT_KIND_NODE,
     .fallback = FORMAT_REQUIRED,
     .doc = "what is learned from: a kind of data by its name, or {name: ..., its options}",
     .offset = FORMAT_FIELD(train_recipe, data_node, const format_yaml_node *)},
    FORMAT_TABLE(train_recipe, train, train_options, &train_options_table, "how the network is trained"),
    FORMAT_TABLE(train_recipe, output, train_output, &train_output_table, "where the results go"),
    {0},
};
const format_table train_recipe_top = {
    .name = "recipe",
    .doc = "a YAML file that says what is trained, on what and how",
    .options = top_rows,
};
