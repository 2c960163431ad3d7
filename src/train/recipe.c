/* recipe.c: reading, checking and writing recipes; see recipe.h. */
#include "train/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "train/recipe_tables.h"
#include "train/source/source.h"
#include <tarn/optim.h>

/* ---- which options go together --------------------------------------------------------------------------------- */

/* Options that act only with some value of another: "step plateau" are the values of that other. */
typedef struct condition {
    const format_table *table;
    const char *key, *with;
} condition;
#define NOT_LBFGS                                                                                                      \
    "sgd adam adamw adagrad adadelta rmsprop adamax nadam radam lamb lars lion adafactor muon shampoo kfac "           \
    "rprop asgd"
static const condition conditions[] = {
    {&train_options_table, "lbfgs", "lbfgs"},
    {&train_options_table, "weight_decay", NOT_LBFGS},
    {&train_options_table, "l1", NOT_LBFGS},
    {&train_options_table, "clip_norm", NOT_LBFGS},
    {&train_options_table, "clip_value", NOT_LBFGS},
    {&train_options_table, "centralize", NOT_LBFGS},
    {&train_options_table, "sam", NOT_LBFGS},
    {&train_options_table, "lookahead", NOT_LBFGS},
    {&train_options_table, "average", NOT_LBFGS},
    {&train_options_table, "scale_loss", NOT_LBFGS},
    {&train_options_table, "accumulate", NOT_LBFGS},
    {&train_options_table, "momentum", "sgd rmsprop lars muon kfac"},
    {&train_options_table, "nesterov", "sgd muon"},
    {&train_options_table, "betas", "adam adamw adamax nadam radam lamb lion muon"},
    {&train_options_table, "eps",
     "adam adamw adagrad adadelta rmsprop adamax nadam radam lamb adafactor muon shampoo kfac"},
    {&train_options_table, "amsgrad", "adam adamw"},
    {&train_options_table, "decoupled", "adam nadam radam"},
    {&train_options_table, "centered", "rmsprop"},
    {&train_options_table, "alpha", "rmsprop asgd"},
    {&train_options_table, "rho", "adadelta"},
    {&train_options_table, "lr_decay", "adagrad"},
    {&train_options_table, "initial_accumulator_value", "adagrad"},
    {&train_options_table, "momentum_decay", "nadam"},
    {&train_options_table, "trust_coefficient", "lars"},
    {&train_options_table, "beta2_decay", "adafactor"},
    {&train_options_table, "eps2", "adafactor"},
    {&train_options_table, "d", "adafactor"},
    {&train_options_table, "ns_steps", "muon"},
    {&train_options_table, "adjust_lr", "muon"},
    {&train_options_table, "refresh", "shampoo kfac"},
    {&train_options_table, "kl_clip", "kfac"},
    {&train_options_table, "eta_minus", "rprop"},
    {&train_options_table, "eta_plus", "rprop"},
    {&train_options_table, "step_min", "rprop"},
    {&train_options_table, "step_max", "rprop"},
    {&train_options_table, "lambd", "asgd"},
    {&train_options_table, "t0", "asgd"},
    {&train_average_table, "decay", "ema"},
    {&train_average_table, "start", "ema swa"},
    {&train_average_table, "every", "ema swa"},
    {&train_schedule_table, "every", "step"},
    {&train_schedule_table, "factor", "step multi_step plateau exponential cyclic"},
    {&train_schedule_table, "least", "cosine plateau polynomial cosine_restarts cyclic"},
    {&train_schedule_table, "patience", "plateau"},
    {&train_schedule_table, "metric", "plateau"},
    {&train_schedule_table, "milestones", "multi_step"},
    {&train_schedule_table, "power", "polynomial"},
    {&train_schedule_table, "start", "linear"},
    {&train_schedule_table, "end", "linear"},
    {&train_schedule_table, "period", "cosine_restarts"},
    {&train_schedule_table, "period_factor", "cosine_restarts"},
    {&train_schedule_table, "pct_start", "one_cycle"},
    {&train_schedule_table, "div_factor", "one_cycle"},
    {&train_schedule_table, "final_div_factor", "one_cycle"},
    {&train_schedule_table, "linear", "one_cycle"},
    {&train_schedule_table, "three_phase", "one_cycle"},
    {&train_schedule_table, "up", "cyclic"},
    {&train_schedule_table, "down", "cyclic"},
    {&train_schedule_table, "mode", "cyclic"},
};

static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = strstr(words, word); p; p = strstr(p + 1, word))
        if ((p == words || p[-1] == ' ') && (p[length] == '\0' || p[length] == ' '))
            return true;
    return false;
}

static const char *enum_text(const format_table *table, const char *key, int value)
{
    for (const format_option *o = table->options; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return o->names[value];
    return "?";
}

/* What conditions on a table look at: the key and its present value in these options. */
static const char *decider(const format_table *table, const void *options, const char **key)
{
    *key = table == &train_options_table ? "optimizer" : "kind";
    for (const format_option *o = table->options; o->key; o++)
        if (strcmp(o->key, *key) == 0)
            return o->names[*(const int *)(const void *)((const char *)options + o->offset)];
    return "?";
}

static const void *options_of(const train_recipe *r, const format_table *table)
{
    return table == &train_options_table    ? (const void *)&r->train
           : table == &train_average_table  ? (const void *)&r->train.average
           : table == &train_schedule_table ? (const void *)&r->train.schedule
                                            : NULL;
}

static bool acts(const format_table *table, const void *options, const format_option *option)
{
    const char *key = NULL;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (conditions[i].table == table && strcmp(conditions[i].key, option->key) == 0)
            return has_word(conditions[i].with, decider(table, options, &key));
    return true;
}

static bool applies(const void *user, const format_table *table, const format_option *option)
{
    const train_recipe *r = user;
    return table == r->data_table ? train_data_applies(r, option) : acts(table, options_of(r, table), option);
}

/* Options of a table that were written, but do nothing. */
static tn_status check_idle(const format_table *table, const void *options, const format_yaml_node *node,
                            const char *path, base_error *e)
{
    char place[FORMAT_YAML_PLACE];
    for (const format_option *o = table->options; o->key; o++) {
        const char *key = NULL;
        if (!format_options_given(table, options, o->key) || acts(table, options, o))
            continue;
        const format_yaml_item *item = format_yaml_find(node, o->key);
        const char *value = decider(table, options, &key);
        (void)base_fail(e, TN_FORMAT, "%s.%s does nothing when %s.%s is %s; take it out (on the command line: %s.%s=)",
                        path, o->key, path, key, value, path, o->key);
        if (item)
            (void)base_prefix(e, "%s", format_yaml_place(item->source, item->line, place));
        return TN_FORMAT;
    }
    return TN_OK;
}

/* ---- checks across options ------------------------------------------------------------------------------------- */

static tn_status check_schedule(const train_schedule *s, const format_yaml_node *node, const char *path, base_error *e)
{
    if (s->kind == TN_SCHEDULE_MULTI_STEP && s->milestones.n == 0)
        return format_yaml_fail(node, e, "%s lacks the key 'milestones': the epochs at which the rate falls", path);
    for (size_t i = 1; i < s->milestones.n; i++)
        if (s->milestones.at[i] <= s->milestones.at[i - 1])
            return format_yaml_fail(node, e, "%s.milestones must rise; %lld comes after %lld", path,
                                    (long long)s->milestones.at[i], (long long)s->milestones.at[i - 1]);
    if (!s->then != (s->until == 0))
        return format_yaml_fail(node, e,
                                "%s has %s without %s: a schedule that takes over, and the step at which it does", path,
                                s->then ? "then" : "until", s->then ? "until" : "then");
    return TN_OK;
}

static tn_status check_train(const train_recipe *r, base_error *e)
{
    const train_options *t = &r->train;
    const format_yaml_node *node = format_yaml_get(r->tree.root, "train");
    const format_yaml_node *schedule = node ? format_yaml_get(node, "schedule") : NULL;
    node = node ? node : r->tree.root;
    BASE_TRY(check_idle(&train_options_table, t, node, "train", e));
    BASE_TRY(check_idle(&train_average_table, &t->average, format_yaml_get(node, "average"), "train.average", e));
    for (const train_schedule *s = &t->schedule; s; s = s->after) {
        bool inner = s != &t->schedule;
        const char *path = inner ? "train.schedule.then" : "train.schedule";
        BASE_TRY(check_idle(&train_schedule_table, s, schedule, path, e));
        BASE_TRY(check_schedule(s, schedule ? schedule : node, path, e));
        schedule = s->then;
    }
    if (t->optimizer == TN_SGD && t->nesterov && t->momentum <= 0)
        return format_yaml_fail(node, e, "train.nesterov needs train.momentum above 0");
    if ((t->optimizer == TN_MUON || t->optimizer == TN_LARS || t->optimizer == TN_KFAC) &&
        format_options_given(&train_options_table, t, "momentum") && t->momentum <= 0)
        return format_yaml_fail(node, e, "train.momentum must be above 0 for %s",
                                enum_text(&train_options_table, "optimizer", t->optimizer));
    if (t->class_weights.n && t->loss != TRAIN_LOSS_CROSS_ENTROPY && t->loss != TRAIN_LOSS_NLL)
        return format_yaml_fail(node, e, "train.class_weights does nothing when train.loss is %s; take it out",
                                enum_text(&train_options_table, "loss", t->loss));
    if (t->label_smoothing > 0 && t->loss != TRAIN_LOSS_CROSS_ENTROPY)
        return format_yaml_fail(node, e, "train.label_smoothing does nothing when train.loss is %s; take it out",
                                enum_text(&train_options_table, "loss", t->loss));
    if (t->warmup == TN_WARMUP_EXPONENTIAL && t->warmup_from <= 0)
        return format_yaml_fail(node, e, "train.warmup exponential needs train.warmup_from above 0");
    return TN_OK;
}

/* Losses take what the last layer gives: cross_entropy and bce_with_logits plain numbers, nll logarithms, bce probabilities. A
 * wrong pair trains, badly, and says nothing; so it is said here. */
static tn_status check_loss(const train_recipe *r, base_error *e)
{
    const format_yaml_node *node = format_yaml_get(r->tree.root, "train");
    const char *loss = enum_text(&train_options_table, "loss", r->train.loss);
    train_layer_kind last = r->model.n ? r->model.layers[r->model.n - 1].kind : TRAIN_LAYER_NONE;
    bool squashed = last == TRAIN_LAYER_softmax || last == TRAIN_LAYER_sigmoid;
    node = node ? node : r->tree.root;
    switch (r->train.loss) {
    case TRAIN_LOSS_CROSS_ENTROPY:
    case TRAIN_LOSS_BCE_WITH_LOGITS:
        if (squashed)
            return format_yaml_fail(node, e, "the loss %s makes probabilities itself; take out the last layer, %s",
                                    loss, r->model.layers[r->model.n - 1].type);
        return TN_OK;
    case TRAIN_LOSS_NLL:
        if (last != TRAIN_LAYER_log_softmax)
            return format_yaml_fail(node, e,
                                    "the loss nll takes logarithms of probabilities: end the layers with log_softmax, "
                                    "or take cross_entropy");
        return TN_OK;
    case TRAIN_LOSS_BCE:
        if (!squashed)
            return format_yaml_fail(node, e,
                                    "the loss bce takes probabilities: end the layers with sigmoid, or take "
                                    "bce_with_logits");
        return TN_OK;
    default: return TN_OK;
    }
}

/* A newer format may have keys that we do not know: its version is looked at before anything else. */
static tn_status check_version(const format_yaml_node *root, base_error *e)
{
    const format_yaml_node *node = format_yaml_get(root, "tarn");
    int64_t version = 0;
    if (!node || node->kind != FORMAT_YAML_SCALAR || !base_parse_i64(node->text, &version) ||
        version <= TRAIN_RECIPE_VERSION)
        return TN_OK; /* the table says what is wrong, if anything */
    (void)format_yaml_fail(node, e,
                           "this recipe has version %lld, this Tarn reads versions up to %d; a newer Tarn is needed",
                           (long long)version, TRAIN_RECIPE_VERSION);
    if (e)
        e->status = TN_TOO_NEW;
    return TN_TOO_NEW;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* "recipes/mnist.yaml" names its run mnist. */
static tn_status decide_name(train_recipe *r, const char *source, base_error *e)
{
    const char *slash = strrchr(source, '/'), *stem = slash ? slash + 1 : source, *dot = strrchr(stem, '.');
    if (!r->name)
        r->name =
            base_arena_printf(&r->tree.arena, "%.*s", dot && dot > stem ? (int)(dot - stem) : (int)strlen(stem), stem);
    if (!r->name)
        return base_no_memory(e, "reading a recipe");
    const format_yaml_node *node = format_yaml_get(r->tree.root, "name");
    bool usable = r->name[0] != '\0' && r->name[0] != '.';
    for (const char *p = r->name; *p; p++)
        usable = usable && *p != '/' && (unsigned char)*p >= ' ' && *p != 0x7f;
    if (!usable)
        return format_yaml_fail(node ? node : r->tree.root, e, "name: '%s' must be usable in the name of a folder",
                                BASE_SHOW(r->name));
    return TN_OK;
}

static tn_status apply(train_recipe *r, const char *const *overrides, size_t n, base_error *e)
{
    bool memory = train_layers_spread(&r->tree); /* so that overrides find the long forms */
    for (size_t i = 0; i < n && memory; i++) {
        BASE_TRY(format_yaml_override(&r->tree, overrides[i], e));
        memory = train_layers_spread(&r->tree);
    }
    return memory ? TN_OK : base_no_memory(e, "reading a recipe");
}

static tn_status resolve(train_recipe *r, const char *source, const char *const *overrides, size_t n, base_error *e)
{
    BASE_TRY(apply(r, overrides, n, e));
    BASE_TRY(check_version(r->tree.root, e));
    BASE_TRY(format_options_read(&train_recipe_top, r->tree.root, r->tree.root, "", &r->tree.arena, r, e));
    BASE_TRY(decide_name(r, source, e));
    BASE_TRY(train_model_read(r, e));
    BASE_TRY(train_inner_read(r, e));
    BASE_TRY(train_data_read(r, e));
    BASE_TRY(check_train(r, e));
    BASE_TRY(check_loss(r, e));
    return train_decide(r, e);
}

static tn_status finish(train_recipe *r, tn_status status, train_recipe **out)
{
    *out = status == TN_OK ? r : NULL;
    if (status != TN_OK)
        train_recipe_free(r);
    return status;
}

tn_status train_recipe_parse(const char *text, size_t bytes, const char *name, const char *folder,
                             const char *const *overrides, size_t n, train_recipe **out, base_error *e)
{
    *out = NULL;
    train_recipe *r = calloc(1, sizeof *r);
    if (!r)
        return base_no_memory(e, "reading a recipe");
    tn_status status = format_yaml_parse(text, bytes, name, folder, NULL, &r->tree, e);
    if (status == TN_OK)
        status = resolve(r, name, overrides, n, e);
    return finish(r, status, out);
}

tn_status train_recipe_read(const char *path, const char *const *overrides, size_t n, train_recipe **out, base_error *e)
{
    *out = NULL;
    train_recipe *r = calloc(1, sizeof *r);
    if (!r)
        return base_no_memory(e, "reading a recipe");
    tn_status status = format_yaml_read(path, NULL, &r->tree, e);
    if (status == TN_OK)
        status = resolve(r, path, overrides, n, e);
    return finish(r, status, out);
}

void train_recipe_free(train_recipe *recipe)
{
    if (!recipe)
        return;
    format_yaml_free(&recipe->tree);
    free(recipe);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* The model in `map`, as it came from the table of the top, with its layers in full. */
static bool write_model(const train_recipe *recipe, format_yaml_node *map, format_yaml *tree)
{
    format_yaml_node *model = format_yaml_get(map, "model");
    if (recipe->model.name || model->kind != FORMAT_YAML_MAP)
        return true;
    format_yaml_node *layers = train_layers_tree(recipe, tree);
    for (size_t i = 0; layers && i < model->n; i++)
        if (strcmp(model->items[i].key, "layers") == 0)
            model->items[i].value = layers;
    return layers != NULL;
}

/* The data in `map`, with all keys of the kind. */
static bool write_data(const train_recipe *r, format_yaml_node *map, const char *folder, format_yaml *tree)
{
    format_yaml_node *data = format_options_tree(r->data_table, r->data, folder, applies, r, tree);
    for (size_t i = 0; data && i < map->n; i++)
        if (strcmp(map->items[i].key, "data") == 0)
            map->items[i].value = data;
    return data != NULL;
}

tn_status train_recipe_write(const train_recipe *recipe, const char *folder, base_str *out)
{
    format_yaml tree = {0};
    format_yaml_node *map = format_options_tree(&train_recipe_top, recipe, folder, applies, recipe, &tree);
    bool ok = map && write_model(recipe, map, &tree) && write_data(recipe, map, folder, &tree);
    if (ok)
        format_yaml_write(map, out);
    format_yaml_free(&tree);
    return ok && !out->failed ? TN_OK : TN_MEMORY;
}

/* ---- help ------------------------------------------------------------------------------------------------------ */

const format_table *train_recipe_table(const char *name)
{
    static const format_table *const rest[] = {&train_recipe_top, &train_model_table, &train_data_table,
                                               &train_options_table, &train_output_table};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (strcmp(rest[i]->name, name) == 0)
            return rest[i];
    for (int k = 1; k < TRAIN_LAYER_END; k++)
        if (strcmp(train_layer_table((train_layer_kind)k)->name, name) == 0)
            return train_layer_table((train_layer_kind)k);
    const train_source *source = train_source_find(name);
    return source ? source->table : NULL;
}

static void help_table(const format_table *table, bool markdown, base_str *out)
{
    if (out->length)
        base_str_add(out, "\n");
    if (markdown)
        format_options_markdown(table, out);
    else
        format_options_help(table, out);
}

static void help_data(bool markdown, base_str *out)
{
    train_data_kinds(out, markdown);
    for (int i = 0; train_source_at(i); i++)
        help_table(train_source_at(i)->table, markdown, out);
}

static void help_layers(bool markdown, base_str *out)
{
    for (int k = 1; k < TRAIN_LAYER_END; k++)
        help_table(train_layer_table((train_layer_kind)k), markdown, out);
}

bool train_recipe_help(const char *topic, bool markdown, base_str *out)
{
    const format_table *table = topic ? train_recipe_table(topic) : &train_recipe_top;
    if (topic && strcmp(topic, "layers") == 0) {
        help_layers(markdown, out);
        return true;
    }
    if (!table)
        return false;
    help_table(table, markdown, out);
    if (table == &train_data_table)
        train_data_kinds(out, markdown);
    if (!topic) {
        help_table(&train_data_table, markdown, out);
        help_data(markdown, out);
        help_table(&train_model_table, markdown, out);
        help_layers(markdown, out);
    }
    return true;
}
