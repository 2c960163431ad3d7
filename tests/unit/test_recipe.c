/* test_recipe.c: recipes into structs, every rule across options with its sentence, overrides, and the resolved recipe. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"
#include "train/build.h"
#include "train/recipe.h"
#include <tarn/optim.h>

static const char cnn[] = "tarn: 1\n"
                          "seed: 7\n"
                          "model:\n"
                          "  input: [1, 28, 28]\n"
                          "  layers:\n"
                          "    - conv2d: {units: 32, kernel: [3, 5], stride: 2, padding: 1, bias: no, name: conv1}\n"
                          "    - batch_norm2d\n"
                          "    - relu\n"
                          "    - max_pool2d: 2\n"
                          "    - dropout: 0.25\n"
                          "    - flatten\n"
                          "    - linear: 128\n"
                          "      name: fc1\n"
                          "    - leaky_relu: {slope: 0.2}\n"
                          "    - gelu: {tanh: yes}\n"
                          "    - linear: {units: 10}\n"
                          "data: {name: mnist, folder: ../data, val_fraction: 0.1}\n"
                          "train:\n"
                          "  epochs: 5\n"
                          "  lr: 1e-3\n"
                          "  schedule: {kind: step, every: 2}\n"
                          "  early_stopping: 3\n";

static tn_status try(const char *text, const char *const *overrides, size_t n, train_recipe **r, base_error *e)
{
    return train_recipe_parse(text, strlen(text), "dir/r.yaml", "dir", overrides, n, r, e);
}

static train_recipe *reads(const char *text, const char *const *overrides, size_t n)
{
    base_error e = {0};
    train_recipe *r = NULL;
    if (try(text, overrides, n, &r, &e) != TN_OK)
        fail_msg("%s", e.text);
    return r;
}

/* A key of the kind's own, which is a text or a path. */
static const char *text_of(const train_recipe *r, const char *key)
{
    for (const format_option *o = r->data_table->options; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return *(const char *const *)(const void *)((const char *)r->data + o->offset);
    return NULL;
}

static void test_whole(void **state)
{
    (void)state;
    train_recipe *r = reads(cnn, NULL, 0);
    const train_layer *l = r->model.layers;
    assert_string_equal(r->name, "r");
    assert_int_equal(r->seed, 7);
    assert_null(r->model.name);
    assert_true(r->model.input.n == 3 && r->model.input.at[1] == 28);
    assert_int_equal(r->model.n, 10);
    assert_int_equal(l[0].kind, TRAIN_LAYER_conv2d);
    assert_string_equal(l[0].type, "conv2d");
    assert_string_equal(l[0].name, "conv1");
    assert_string_equal(l[0].place, "dir/r.yaml:6: ");
    assert_string_equal(l[0].path, "model.layers.0");
    assert_int_equal(l[0].line, 6);
    assert_int_equal(l[0].conv2d.units, 32);
    assert_true(l[0].conv2d.kernel.n == 2 && l[0].conv2d.kernel.at[1] == 5);
    assert_true(l[0].conv2d.stride.n == 1 && l[0].conv2d.stride.at[0] == 2);
    assert_int_equal(l[0].conv2d.dilation.at[0], 1);
    assert_false(l[0].conv2d.bias);
    assert_true(l[1].kind == TRAIN_LAYER_batch_norm2d && l[1].batch_norm2d.momentum == 0.1 && l[1].batch_norm2d.affine);
    assert_null(l[1].name);
    assert_int_equal(l[2].kind, TRAIN_LAYER_relu);
    assert_true(l[3].max_pool2d.kernel.at[0] == 2 && l[3].max_pool2d.stride.n == 0);
    assert_true(l[4].dropout.rate == 0.25);
    assert_int_equal(l[5].flatten.from, 1);
    assert_int_equal(l[6].linear.units, 128);
    assert_string_equal(l[6].name, "fc1");
    assert_true(l[7].leaky_relu.slope == 0.2);
    assert_true(l[8].gelu.tanh);
    assert_int_equal(l[9].linear.units, 10);
    assert_string_equal(r->data->name, "mnist");
    assert_string_equal(text_of(r, "folder"), "dir/../data");
    assert_true(r->data->shuffle && r->data->val_fraction == 0.1);
    assert_true(r->train.epochs == 5 && r->train.batch == 64 && r->train.lr == 1e-3);
    assert_true(r->train.betas.n == 2 && r->train.weight_decay == 0);
    assert_int_equal(r->train.optimizer, TN_ADAM);
    assert_true(r->train.schedule.kind == TN_SCHEDULE_STEP && r->train.schedule.every == 2 &&
                r->train.schedule.factor == 0.1);
    assert_int_equal(r->train.early_stopping.patience, 3);
    assert_string_equal(r->output.folder, "runs");
    train_recipe_free(r);
    train_recipe_free(NULL);
}

static void test_activations(void **state)
{
    (void)state;
    static const char text[] =
        "tarn: 1\nmodel:\n  input: [8]\n  layers:\n"
        "    - relu6\n    - prelu: {channels: true, slope: 0.1, name: p}\n    - celu: 0.5\n"
        "    - hardtanh: {min: -2}\n    - softshrink: 0.1\n    - threshold: {threshold: -1, value: 3}\n"
        "    - swiglu: 1\n    - prelu\n    - rrelu: {upper: 0.5}\ndata: {name: digits}\n";
    train_recipe *r = reads(text, NULL, 0);
    const train_layer *l = r->model.layers;
    assert_int_equal(l[0].kind, TRAIN_LAYER_relu6);
    assert_true(l[1].prelu.channels && l[1].prelu.slope == 0.1);
    assert_string_equal(l[1].name, "p");
    assert_true(l[2].celu.alpha == 0.5);
    assert_true(l[3].hardtanh.min == -2 && l[3].hardtanh.max == 1);
    assert_true(l[8].rrelu.lower == 0.125 && l[8].rrelu.upper == 0.5);
    assert_true(l[4].softshrink.lambda == 0.1);
    assert_true(l[5].threshold.threshold == -1 && l[5].threshold.value == 3);
    assert_int_equal(l[6].swiglu.axis, 1);
    assert_true(!l[7].prelu.channels && l[7].prelu.slope == 0.25);
    train_recipe_free(r);
}

static void test_models(void **state)
{
    (void)state;
    train_recipe *r = reads("tarn: 1\nmodel: mlp\ndata: digits\n", NULL, 0);
    assert_string_equal(r->model.name, "mlp");
    assert_string_equal(format_yaml_get(r->model.options, "name")->text, "mlp");
    assert_int_equal(r->model.n, 0);
    train_recipe_free(r);
    r = reads("tarn: 1\nmodel: {name: mlp, hidden: [3, 4]}\ndata: digits\n", NULL, 0);
    assert_string_equal(r->model.name, "mlp");
    assert_int_equal(format_yaml_get(r->model.options, "hidden")->n, 2);
    train_recipe_free(r);
    r = reads("tarn: 1\nmodel: [flatten, linear: 10]\ndata: digits\n", NULL, 0);
    assert_int_equal(r->model.n, 2);
    assert_int_equal(r->model.layers[1].linear.units, 10);
    train_recipe_free(r);
    const char *change[] = {"model.hidden=[5]"};
    r = reads("tarn: 1\nmodel: mlp\ndata: digits\n", change, 1);
    assert_int_equal(format_yaml_get(r->model.options, "hidden")->n, 1);
    train_recipe_free(r);
}

static void test_overrides(void **state)
{
    (void)state;
    const char *changes[] = {"model.layers.0.units=64", "model.layers.6.units=99",
                             "model.layers.4=dropout",  "model.layers.1=",
                             "model.layers.8=linear",   "model.layers.8.units=3",
                             "train.optimizer=sgd",     "train.momentum=0.9",
                             "data.folder=here",        "name=two",
                             "train.schedule=cosine",   "train.memory_limit=1.5G"};
    train_recipe *r = reads(cnn, changes, sizeof changes / sizeof *changes);
    const train_layer *l = r->model.layers;
    assert_int_equal(r->model.n, 9);
    assert_int_equal(l[0].conv2d.units, 64);
    assert_int_equal(l[0].line, 6);
    assert_int_equal(l[5].linear.units, 99);
    assert_string_equal(l[5].name, "fc1");
    assert_true(l[3].kind == TRAIN_LAYER_dropout && l[3].dropout.rate == 0.5);
    assert_int_equal(l[3].line, 0);
    assert_int_equal(l[8].linear.units, 3);
    assert_string_equal(text_of(r, "folder"), "here");
    assert_string_equal(r->name, "two");
    assert_true(r->train.momentum == 0.9 && r->train.lr == 1e-3);
    assert_true(r->train.memory_limit == (int64_t)3 << 29);
    train_recipe_free(r);
}

static void test_rates(void **state)
{
    (void)state;
    const char *sgd[] = {"train.optimizer=sgd"}, *adamw[] = {"train.optimizer=adamw"},
               *zero[] = {"train.weight_decay=0", "train.optimizer=adamw"};
    const char *text = "tarn: 1\nmodel: mlp\ndata: digits\n";
    train_recipe *r = reads(text, sgd, 1);
    assert_true(r->train.lr == 0.01 && r->train.weight_decay == 0);
    train_recipe_free(r);
    r = reads(text, adamw, 1);
    assert_true(r->train.lr == 0.001 && r->train.weight_decay == 0.01);
    train_recipe_free(r);
    r = reads(text, zero, 2);
    assert_true(r->train.weight_decay == 0);
    train_recipe_free(r);
}

static void says_with(const char *text, const char *override, tn_status due, const char *sentence)
{
    base_error e = {0};
    train_recipe *r = (void *)1;
    tn_status status = try(text, override ? &override : NULL, override ? 1 : 0, &r, &e);
    assert_null(r);
    assert_string_equal(e.text, sentence);
    assert_int_equal(status, due);
    assert_int_equal(e.status, due);
}

#define HEAD "tarn: 1\ndata: digits\nmodel:"
static void says(const char *text, const char *sentence)
{
    says_with(text, NULL, TN_FORMAT, sentence);
}

static void test_top(void **state)
{
    (void)state;
    says("", "dir/r.yaml:1: the key 'tarn' is missing (version of the recipe format: 1)");
    says("tarn: 1\n",
         "dir/r.yaml:1: the key 'model' is missing (the network: a name of the zoo, {name: ..., its options}, or "
         "{input: ..., layers: [...]})");
    says("tarn: 1\nmodel: mlp\n",
         "dir/r.yaml:1: the key 'data' is missing (what is learned from: a kind of data by its name, or {name: ..., "
         "its options})");
    says("tarn: 1\nmodel: mlp\ndata: {train_count: 3}\n",
         "dir/r.yaml:3: 'data' lacks the key 'name': the kind of data, such as digits or mnist");
    says("tarn: 1\nmodel: mlp\ndata: digit\n",
         "dir/r.yaml:3: data.name: there is no kind of data 'digit'; did you mean 'digits'?");
    says("tarn: 1\ndatas: x\nmodel: m\n", "dir/r.yaml:2: unknown key 'datas'; did you mean 'data'?");
    says_with("tarn: 2\nfuture: x\n", NULL, TN_TOO_NEW,
              "dir/r.yaml:1: this recipe has version 2, this Tarn reads versions up to 1; "
              "a newer Tarn is needed");
    says("tarn: x\nmodel: m\ndata: digits\n", "dir/r.yaml:1: tarn: 'x' is not a whole number");
    says("tarn: 0\nmodel: m\ndata: digits\n", "dir/r.yaml:1: tarn: 0 is out of range; it must be at least 1");
    says("- a\n- b\n", "dir/r.yaml:1: the text is a list, a mapping is due");
    says("tarn: 1\nname: a/b\nmodel: m\ndata: digits\n",
         "dir/r.yaml:2: name: 'a/b' must be usable in the name of a folder");
    says(HEAD " m\nseed: -1\n", "dir/r.yaml:4: seed: -1 is out of range; it must be at least 0");
    says(HEAD " m\ntrain:\n  epoch: 3\n", "dir/r.yaml:5: unknown key 'epoch' in 'train'; did you mean 'epochs'?");
    says(HEAD " m\ntrain:\n  lr: 0\n", "dir/r.yaml:5: train.lr: 0 is out of range; it must be above 0");
    says(HEAD " m\ntrain:\n  lr: nan\n", "dir/r.yaml:5: train.lr: 'nan' is not a finite number");
}

static void test_layers(void **state)
{
    (void)state;
    says(HEAD "\n", "dir/r.yaml:3: model is empty; give a name of the zoo, or {input: ..., layers: [...]}");
    says(HEAD " {}\n", "dir/r.yaml:3: 'model' lacks a name of the zoo, or the key 'layers'");
    says(HEAD " {layers: [], name: x}\n",
         "dir/r.yaml:3: model has both a name of the zoo and layers; only one of them can be");
    says(HEAD " {name: [x]}\n", "dir/r.yaml:3: model.name must be the name of a model");
    says(HEAD " []\n", "dir/r.yaml:3: model.layers is empty");
    says(HEAD " {layers: relu}\n", "dir/r.yaml:3: model.layers is 'relu', a list is due");
    says(HEAD " {layer: [relu]}\n", "dir/r.yaml:3: unknown key 'layer' in 'model'; did you mean 'layers'?");
    says(HEAD "\n  - relu\n  - conv: 3\n",
         "dir/r.yaml:5: model.layers.1: there is no layer 'conv'; did you mean 'conv2d'?");
    says(HEAD "\n  - dense: 3\n", "dir/r.yaml:4: model.layers.0: there is no layer 'dense'; did you mean 'linear'?");
    says(HEAD "\n  - linear: {unit: 3}\n",
         "dir/r.yaml:4: unknown key 'unit' in 'model.layers.0.linear'; did you mean 'units'?");
    says(HEAD "\n  - linear: ten\n", "dir/r.yaml:4: model.layers.0.linear.units: 'ten' is not a whole number");
    says(HEAD "\n  - linear\n", "dir/r.yaml:4: 'model.layers.0.linear' lacks the key 'units' (outputs)");
    says(HEAD "\n  - relu: 3\n", "dir/r.yaml:4: model.layers.0.relu is '3', a mapping is due");
    says(HEAD "\n  - dropout: 1\n",
         "dir/r.yaml:4: model.layers.0.dropout.rate: 1 is out of range; it must be at least 0 and below 1");
    says(HEAD "\n  - conv2d: {units: 3, kernel: [1, 2, 3]}\n",
         "dir/r.yaml:4: model.layers.0.conv2d.kernel has 3 entries, 1 to 2 are due");
    says(HEAD "\n  - conv2d: {units: 3, stride: 0}\n",
         "dir/r.yaml:4: model.layers.0.conv2d.stride: 0 is out of range; it must be from 1 to 65535");
    says(HEAD "\n  - {linear: 3, relu: }\n", "dir/r.yaml:4: model.layers.0 has the keys 'linear' and 'relu'; a layer "
                                             "has one key, its type, with the options below it");
    says(HEAD "\n  - [relu]\n",
         "dir/r.yaml:4: model.layers.0 is a list; a layer is a word (relu) or a mapping ({linear: {units: 10}})");
    says(HEAD "\n  - {}\n", "dir/r.yaml:4: model.layers.0 is an empty mapping; a layer is a word (relu) or a mapping "
                            "({linear: {units: 10}})");
    says(HEAD "\n  -\n",
         "dir/r.yaml:4: model.layers.0 is nothing; a layer is a word (relu) or a mapping ({linear: {units: 10}})");
    says(HEAD "\n  - {linear: 3, name: a}\n  - {linear: 3, name: a}\n",
         "dir/r.yaml:5: model.layers.1: the name 'a' belongs to model.layers.0 already");
    says(HEAD "\n  - {linear: 3, name: a.b}\n",
         "dir/r.yaml:4: model.layers.0: the name 'a.b' may hold letters, digits, _ and - only");
    says(HEAD "\n  - {linear: {units: 3, name: x}, name: y}\n",
         "dir/r.yaml:4: model.layers.0 has the keys 'linear' and 'name'; a layer has one key, its type, with the "
         "options below it");
    says_with(cnn, "model.layers.0.unit=3", TN_FORMAT,
              "override 'model.layers.0.unit=3': unknown key 'unit' in 'model.layers.0.conv2d'; did you mean 'units'?");
    says_with(cnn, "model.layers.10=relu", TN_INVALID,
              "override 'model.layers.10=relu': 'model.layers' has 10 entries, 0 to 9; there is no entry 10");
}

#define MODEL "tarn: 1\nmodel: mlp\n"
static void test_across(void **state)
{
    (void)state;
    says(MODEL "data: digits\ntrain: {momentum: 0.9}\n",
         "dir/r.yaml:4: train.momentum does nothing when train.optimizer is adam; "
         "take it out (on the command line: train.momentum=)");
    says(MODEL "data: digits\ntrain:\n  optimizer: sgd\n  betas: [0.9, 0.9]\n",
         "dir/r.yaml:6: train.betas does nothing when train.optimizer is sgd; take it out (on the command line: "
         "train.betas=)");
    says(MODEL "data: digits\ntrain: {schedule: {every: 3}}\n",
         "dir/r.yaml:4: train.schedule.every does nothing when train.schedule.kind is constant; take it out (on the "
         "command line: "
         "train.schedule.every=)");
    says(MODEL "data: digits\ntrain: {optimizer: sgd, nesterov: yes}\n",
         "dir/r.yaml:4: train.nesterov needs train.momentum above 0");
    says(MODEL "data: {name: digits, folder: x}\n", "dir/r.yaml:3: data.folder does nothing when data.name is digits; "
                                                    "take it out (on the command line: data.folder=)");
    says(MODEL "data: {name: idx, images: x}\n", "dir/r.yaml:3: 'data' lacks the key 'labels' (their labels)");
    says(MODEL "data: idx\n", "dir/r.yaml:3: 'data' lacks the key 'images' (the training pictures)");
    says(MODEL "data: {name: idx, images: x, labels: 'y', val_images: z}\n",
         "dir/r.yaml:3: 'data' has val_images without val_labels");
    says(MODEL "data: {name: idx, images: x, labels: 'y', val_images: z, val_labels: 'z', val_fraction: 0.5}\n",
         "dir/r.yaml:3: 'data' has val_images and val_fraction; only one of them can say what is validated on");
    says(MODEL "data: {name: digits, normalize: {mean: 1}}\n",
         "dir/r.yaml:3: data.normalize has 1 means and 0 deviations");
    says(MODEL "data: {name: digits, normalize: {mean: 1, std: 0}}\n",
         "dir/r.yaml:3: data.normalize.std: 0 is out of range; it must be above 0");
    says_with(MODEL "data: digits\n", "train.momentum=0.9", TN_FORMAT,
              "override 'train.momentum=0.9': train.momentum does nothing when train.optimizer is adam; take it out "
              "(on the command "
              "line: train.momentum=)");
}

/* Every optimizer and its options, groups, averages, schedules one after the other. */
static void test_training(void **state)
{
    (void)state;
    const format_table *table = train_recipe_table("train");
    const char *const *names = NULL;
    for (const format_option *o = table->options; o->key; o++)
        names = strcmp(o->key, "optimizer") == 0 ? o->names : names;
    assert_non_null(names);
    for (int i = 0; names && names[i]; i++) {
        char text[64];
        const bool second = i == TRAIN_LBFGS; /* the one that tn_minimize does not have */
        assert_string_equal(names[i], second ? "lbfgs" : tn_optimizer_name(i));
        (void)snprintf(text, sizeof text, "train.optimizer=%s", names[i]);
        const char *const override = text;
        train_recipe *r = reads(MODEL "data: digits\n", &override, 1);
        tn_lbfgs_opt lbfgs;
        assert_true(r->train.lr == (second ? 1 : tn_optimizer_lr((tn_optimizer)i)));
        assert_true(train_optim_of(&r->train).kind == (second ? TN_SGD : (tn_optimizer)i));
        assert_true((train_lbfgs_of(&r->train, &lbfgs) != NULL) == second && lbfgs.strong_wolfe);
        train_recipe_free(r);
    }
    train_recipe *r =
        reads(MODEL "data: digits\ntrain:\n  optimizer: muon\n  nesterov: no\n  ns_steps: 3\n"
                    "  adjust_lr: match_rms_adamw\n  average: {kind: ema, decay: 0.9}\n  lookahead: 6\n"
                    "  groups:\n    - '*.bias'\n    - {pattern: 'fc1.*', lr_scale: 0.5, weight_decay: 0}\n"
                    "    - {pattern: fc2.weight, frozen: yes}\n  warmup_steps: 5\n  warmup: cosine\n"
                    "  schedule: {kind: cyclic, up: 10, until: 100, then: {kind: exponential, until: 50, "
                    "then: cosine}}\n",
              NULL, 0);
    tn_optim_opt o = train_optim_of(&r->train);
    assert_true(o.no_nesterov && o.ns_steps == 3 && o.adjust_lr == TN_MUON_MATCH_ADAMW && o.momentum == 0.95);
    assert_true(o.average == TN_AVERAGE_EMA && o.average_decay.value == 0.9 && o.lookahead == 6 && o.n_groups == 3);
    assert_string_equal(o.groups[0].pattern, "*.bias");
    assert_true(!o.groups[0].weight_decay.set && o.groups[1].weight_decay.set && o.groups[1].lr_scale.value == 0.5);
    assert_true(o.groups[2].frozen && o.weight_decay.value == 0.1);
    tn_optim_opt kfac = train_optim_of(&r->train);
    assert_true(kfac.refresh == 0 && kfac.kl_clip.value == 1e-3);
    const tn_schedule_opt *s = r->train.schedule_opt;
    assert_true(s->kind == TN_SCHEDULE_CYCLIC && s->up == 10 && s->until == 100 && s->gamma == 1 &&
                s->warmup == TN_WARMUP_COSINE);
    assert_true(s->then->kind == TN_SCHEDULE_EXPONENTIAL && s->then->gamma == 0.95 && s->then->until == 50);
    assert_true(s->then->then->kind == TN_SCHEDULE_COSINE && !s->then->then->then && s->then->then->lr == 1e-3);
    train_recipe_free(r);
}

static void test_wrong_training(void **state)
{
    (void)state;
    says(MODEL "data: digits\ntrain: {lbfgs: 9}\n",
         "dir/r.yaml:4: train.lbfgs does nothing when train.optimizer is adam; take it out (on the command line: "
         "train.lbfgs=)");
    says(MODEL "data: digits\ntrain: {optimizer: lbfgs, accumulate: 2}\n",
         "dir/r.yaml:4: train.accumulate does nothing when train.optimizer is lbfgs; take it out (on the command line: "
         "train.accumulate=)");
    says(MODEL "data: digits\ntrain: {average: {decay: 0.9}}\n",
         "dir/r.yaml:4: train.average.decay does nothing when train.average.kind is none; take it out (on the command "
         "line: train.average.decay=)");
    says(MODEL "data: digits\ntrain: {amsgrad: yes, optimizer: lion}\n",
         "dir/r.yaml:4: train.amsgrad does nothing when train.optimizer is lion; take it out (on the command line: "
         "train.amsgrad=)");
    says(MODEL "data: digits\ntrain: {groups: 3}\n",
         "dir/r.yaml:4: train.groups must be a list, as [{pattern: '*.bias', weight_decay: 0}]");
    says(MODEL "data: digits\ntrain: {groups: [{lr_scale: 1}]}\n",
         "dir/r.yaml:4: 'train.groups.0' lacks the key 'pattern' (names of parameters; * stands for any text, ? for a "
         "letter)");
    says(MODEL "data: digits\ntrain: {schedule: multi_step}\n",
         "dir/r.yaml:4: train.schedule lacks the key 'milestones': the epochs at which the rate falls");
    says(MODEL "data: digits\ntrain: {schedule: {kind: multi_step, milestones: [3, 2]}}\n",
         "dir/r.yaml:4: train.schedule.milestones must rise; 2 comes after 3");
    says(MODEL "data: digits\ntrain: {schedule: {then: cosine}}\n",
         "dir/r.yaml:4: train.schedule has then without until: a schedule that takes over, and the step at which it "
         "does");
    says(
        MODEL "data: digits\ntrain: {schedule: {until: 3, then: {kind: cosine, every: 3}}}\n",
        "dir/r.yaml:4: train.schedule.then.every does nothing when train.schedule.then.kind is cosine; take it out (on "
        "the command line: train.schedule.then.every=)");
    says(MODEL "data: digits\ntrain: {optimizer: muon, momentum: 0}\n",
         "dir/r.yaml:4: train.momentum must be above 0 for muon");
    says(MODEL "data: digits\ntrain: {label_smoothing: 0.1, loss: huber}\n",
         "dir/r.yaml:4: train.label_smoothing does nothing when train.loss is huber; take it out");
    says(MODEL "data: digits\ntrain: {warmup: exponential, warmup_steps: 3}\n",
         "dir/r.yaml:4: train.warmup exponential needs train.warmup_from above 0");
}

/* The resolved recipe says the same as the recipe, and resolves to itself. */
static void test_resolved(void **state)
{
    (void)state;
    const char *const texts[] = {
        cnn, MODEL "data: digits\n",
        "tarn: 1\nmodel: {name: mlp, hidden: [3, '4']}\ndata: {name: idx, images: a, labels: /b}\n"
        "train: {optimizer: sgd, momentum: 0.9, schedule: plateau}\noutput: out\n",
        MODEL "data: digits\ntrain: {optimizer: adafactor, groups: ['*'], average: swa, lookahead: 3, "
              "schedule: {kind: one_cycle, until: 9, then: {kind: linear, end: 0.5}}}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        base_str first = {0}, second = {0};
        train_recipe *r = reads(texts[i], NULL, 0);
        assert_int_equal(train_recipe_write(r, "/cwd", &first), TN_OK);
        train_recipe *again = reads(first.text, NULL, 0);
        assert_int_equal(train_recipe_write(again, "/other", &second), TN_OK);
        assert_string_equal(first.text, second.text);
        assert_true(again->train.lr == r->train.lr && again->model.n == r->model.n);
        train_recipe_free(again);
        train_recipe_free(r);
        base_str_free(&first);
        base_str_free(&second);
    }
}

static void test_resolved_text(void **state)
{
    (void)state;
    base_str s = {0};
    train_recipe *r = reads("tarn: 1\nmodel: [flatten, linear: 10]\ndata: digits\n", NULL, 0);
    assert_int_equal(train_recipe_write(r, NULL, &s), TN_OK);
    assert_non_null(strstr(
        s.text,
        "tarn: 1\nname: r\nseed: 1\nmodel:\n  layers:\n    - flatten:\n        from: 1\n    - linear:\n"
        "        units: 10\n        bias: true\n        weight: plain\ndata:\n  name: digits\n  train_count: 0\n"));
    assert_non_null(strstr(s.text, "  lr: 0.001\n"));
    assert_null(strstr(s.text, "momentum"));
    train_recipe_free(r);
    base_str_free(&s);
}

/* A small U-Net: what goes down is put beside what comes up. */
static void test_joins(void **state)
{
    (void)state;
    train_recipe *r = reads("tarn: 1\nmodel:\n  - conv2d: {units: 4, same: yes, name: down}\n  - max_pool2d: 2\n"
                            "  - conv_transpose: {units: 4, kernel: 2, stride: 2}\n  - concat: down\n"
                            "  - upsample: {scale: 2, mode: linear}\n  - add: {with: [a, b]}\ndata: digits\n",
                            NULL, 0);
    const train_layer *l = r->model.layers;
    assert_true(l[0].conv2d.same);
    assert_int_equal(l[2].conv_transpose.stride.at[0], 2);
    assert_true(l[3].concat.with.n == 1 && l[3].concat.axis == 1);
    assert_string_equal(l[3].concat.with.at[0], "down");
    assert_true(l[4].upsample.scale.n == 1 && l[4].upsample.mode == 2);
    assert_int_equal(l[5].add.with.n, 2);
    train_recipe_free(r);
}

/* What is left out of a spectrogram is as tn_mel_opt says. */
static void test_signal(void **state)
{
    (void)state;
    train_recipe *r =
        reads("tarn: 1\nmodel:\n  - log_mel: 40\n"
              "  - log_mel: {rate: 8000, n_fft: 64, hop: 28, log: decibel, coefficients: 13}\ndata: digits\n",
              NULL, 0);
    const train_mel *a = &r->model.layers[0].log_mel, *b = &r->model.layers[1].log_mel;
    assert_true(a->mels == 40 && a->rate == 16000 && a->n_fft == 400 && a->hop == 0 && a->coefficients == 0);
    assert_true(b->mels == 80 && b->rate == 8000 && b->n_fft == 64 && b->hop == 28);
    assert_true(b->log == 1 && b->coefficients == 13 && b->high == 0 && !b->slaney);
    train_recipe_free(r);
}

static void test_help(void **state)
{
    (void)state;
    static const char *const topics[] = {NULL, "recipe", "model", "data", "train", "output", "layers", "conv2d"};
    base_error e = {0};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        for (int markdown = 0; markdown < 2; markdown++) {
            base_str s = {0};
            assert_true(train_recipe_help(topics[i], markdown, &s));
            assert_true(s.length > 100);
            base_str_free(&s);
        }
    base_str s = {0};
    assert_false(train_recipe_help("nonsense", false, &s));
    assert_null(format_table_check(train_recipe_table("recipe"), &e));
    assert_null(format_table_check(train_recipe_table("model"), &e));
    for (const char *const *name = train_layer_names(); *name; name++) {
        const format_table *table = train_recipe_table(*name);
        assert_non_null(table);
        assert_string_equal(table->name, *name);
        assert_null(format_table_check(table, &e));
    }
}

static void test_file(void **state)
{
    (void)state;
    base_error e = {0};
    train_recipe *r = NULL;
    scratch_new();
    const char *path = scratch_path("net.yaml");
    assert_int_equal(base_file_write(path, cnn, sizeof cnn - 1, &e), TN_OK);
    assert_int_equal(train_recipe_read(path, NULL, 0, &r, &e), TN_OK);
    assert_string_equal(r->name, "net");
    assert_string_equal(text_of(r, "folder"), scratch_path("../data"));
    train_recipe_free(r);
    assert_int_equal(train_recipe_read(scratch_path("absent.yaml"), NULL, 0, &r, &e), TN_NOT_FOUND);
    assert_null(r);
    assert_non_null(strstr(e.text, "absent.yaml: "));
    scratch_remove();
}

/* The recipes that come with the source are good ones. */
static void test_ours(void **state)
{
    (void)state;
    DIR *dir = opendir(TARN_SOURCE_DIR "/recipes");
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        char path[1024];
        base_error e = {0};
        train_recipe *r = NULL;
        (void)snprintf(path, sizeof path, TARN_SOURCE_DIR "/recipes/%s", d->d_name);
        if (!strstr(d->d_name, ".yaml"))
            continue;
        if (train_recipe_read(path, NULL, 0, &r, &e) != TN_OK)
            fail_msg("%s", e.text);
        train_recipe_free(r);
    }
    if (dir)
        closedir(dir);
}

/* Every prefix of a recipe, and every byte of it changed, is read or refused with a sentence. */
static void test_any_damage(void **state)
{
    (void)state;
    char text[sizeof cnn];
    static const char swaps[] = "\0\n:[]{}'\"-#x9\t\xff";
    for (size_t i = 0; i < sizeof cnn - 1; i++)
        for (size_t k = 0; k < sizeof swaps; k++) {
            base_error e = {0};
            train_recipe *r = NULL;
            memcpy(text, cnn, sizeof cnn);
            text[i] = swaps[k];
            size_t length = k == sizeof swaps - 1 ? i : sizeof cnn - 1;
            tn_status status = train_recipe_parse(text, length, "r.yaml", ".", NULL, 0, &r, &e);
            assert_int_equal(status == TN_OK, e.text[0] == '\0');
            assert_int_equal(status == TN_OK, r != NULL);
            train_recipe_free(r);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_models),        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_rates),       cmocka_unit_test(test_top),           cmocka_unit_test(test_layers),
        cmocka_unit_test(test_across),      cmocka_unit_test(test_training),      cmocka_unit_test(test_wrong_training),
        cmocka_unit_test(test_resolved),    cmocka_unit_test(test_resolved_text), cmocka_unit_test(test_help),
        cmocka_unit_test(test_file),        cmocka_unit_test(test_any_damage),    cmocka_unit_test(test_ours),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_joins),         cmocka_unit_test(test_signal),
    };
#ifndef TARN_HAVE_YAML
    (void)printf("SKIPPED: built without libyaml\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("recipe", tests, NULL, NULL);
}
