/* recipe_data.c: the mapping `data` of a recipe: the keys of all kinds, those of the kind, and the data sets themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/text.h"
#include "data/dataset.h"
#include "source_list.h"
#include "train/build.h"
#include "train/recipe_tables.h"
#include "train/source/source.h"
#include "train/split.h"

/* ---- the kinds --------------------------------------------------------------------------------------------------- */

#define X(name) extern const train_source train_source_##name;
SOURCE_LIST(X)
#undef X

static const train_source *const sources[] = {
#define X(name) &train_source_##name,
    SOURCE_LIST(X)
#undef X
        NULL};
enum { N_SOURCES = sizeof sources / sizeof *sources - 1 };

const train_source *train_source_at(int i)
{
    return i >= 0 && i < N_SOURCES ? sources[i] : NULL;
}

const train_source *train_source_find(const char *name)
{
    for (int i = 0; i < N_SOURCES; i++)
        if (strcmp(sources[i]->table->name, name) == 0)
            return sources[i];
    return NULL;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static const format_option normalize_rows[] = {
    FORMAT_FLOATS(train_normalize, mean, NULL, NULL, 1, 0, "subtracted, one for each channel or one for all"),
    FORMAT_FLOATS(train_normalize, std, NULL, "(0,)", 1, 0, "then divided by, one for each channel or one for all"),
    {0},
};
const format_table train_normalize_table = {
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
const format_table train_augment_table = {
    .name = "augment",
    .doc = "how training pictures are changed by chance, differently in every epoch",
    .options = augment_rows,
};

static const char *const error_names[] = {"fail", "skip", NULL};
static const char *const cache_names[] = {"none", "memory", "disk", "auto", NULL};
static const char *const balance_names[] = {"none", "weights", "over", "under", NULL};
static const format_option rows[] = {
    FORMAT_STRING(train_data, name, FORMAT_REQUIRED, "the kind of data: `tarn help data` lists them"),
    FORMAT_INT(train_data, train_count, "0", "[0,)",
               "training samples that are used; 0: all, or the usual number for digits"),
    FORMAT_INT(train_data, val_count, "0", "[0,)",
               "validation samples that are used; 0: all, or the usual number for digits"),
    FORMAT_FLOAT(train_data, val_fraction, "0", "[0,1)", "part of the training samples that is kept for validation"),
    FORMAT_FLOAT(train_data, test_fraction, "0", "[0,1)", "part of the training samples that is kept for `tarn eval`"),
    FORMAT_INT(train_data, folds, "0", "[0,65536]",
               "cross-validation: training samples are cut into so many parts, one of which (fold) is validated on; 0: "
               "they are not"),
    FORMAT_INT(train_data, fold, "0", "[0,65535]", "which part is validated on, from 0"),
    FORMAT_BOOL(train_data, stratify, "true", "each part gets its share of every class, where samples have one"),
    FORMAT_INT(train_data, workers, "1", "[0,64]", "threads that prepare batches; 0: none, the step waits"),
    FORMAT_INT(train_data, prefetch, "0", "[0,1024]",
               "batches made ahead; 0: two, and as many as workers, of small batches eight"),
    FORMAT_BOOL(train_data, shuffle, "true", "training samples in a new order every epoch"),
    FORMAT_INT(train_data, bucket, "0", "[0,65536]",
               "samples of so many batches are sorted by length, where lengths vary: less is filled up"),
    FORMAT_INT(train_data, pad_to, "1", "[1,65536]", "lengths that vary are filled up to a multiple of this"),
    FORMAT_ENUM(train_data, on_error, "fail", error_names,
                "a sample that cannot be read, of training or of what is validated or tested on, ends the run (fail), "
                "or is told, counted and left out (skip); what the "
                "first sample says, such as the size of pictures, then comes from the first that can be read"),
    FORMAT_ENUM(
        train_data, cache, "none", cache_names,
        "what was decoded is kept, up to what changes by chance, for later epochs: in memory, or on disk for later "
        "runs "
        "too; auto: in memory if it fits into cache_limit, else on disk if there is a cache_folder. Tables have their "
        "columns on disk then, and texts their tokens, and may be larger than memory"),
    FORMAT_PATH(train_data, cache_folder, NULL, "the folder for what is kept on disk; it may be emptied at any time"),
    FORMAT_INT(
        train_data, cache_limit, "0", "[0,1000000000]",
        "megabytes kept in memory, what is more is made again each time; 0: as many as there are. auto: see cache"),
    FORMAT_ENUM(train_data, balance, "none", balance_names,
                "classes of training samples that are rarer than others: count for more (weights), are repeated "
                "(over); or of the "
                "others a part is taken (under)"),
    FORMAT_BOOL(train_data, drop_last, "false", "leave out the last batch if it is not full"),
    {0},
};
const format_table train_data_table = {
    .name = "data",
    .doc = "what is learned from, and what it is checked on: a kind by its name, the keys below, and those of the kind",
    .options = rows,
    .brief = "name",
};

/* All keys of a kind in one table, for reading and writing; NULL when memory is out. */
static const format_table *whole_table(const train_source *s, base_arena *arena)
{
    size_t n = 0, own = 0;
    while (rows[n].key)
        n++;
    while (s->table->options[own].key)
        own++;
    format_option *all = BASE_ARRAY(arena, format_option, n + own + 1);
    if (!all)
        return NULL;
    memcpy(all, rows, n * sizeof *all);
    memcpy(all + n, s->table->options, own * sizeof *all);
    const format_table table = {.name = "data", .doc = s->table->doc, .options = all, .brief = "name"};
    return base_arena_copy(arena, &table, sizeof table);
}

static bool has_key(const format_table *table, const char *key)
{
    for (const format_option *o = table->options; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return true;
    return false;
}

static bool idle(const train_source *s, const char *key)
{
    const bool folds = strcmp(key, "folds") == 0 || strcmp(key, "fold") == 0 || strcmp(key, "stratify") == 0;
    return (s->own_valid && strcmp(key, "val_fraction") == 0) || ((s->own_valid || s->in_order) && folds) ||
           ((s->own_valid || s->own_test) && strcmp(key, "test_fraction") == 0) ||
           (!s->caches && strncmp(key, "cache", 5) == 0);
}

bool train_data_applies(const train_recipe *r, const format_option *option)
{
    return !idle(r->source, option->key);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static tn_status unknown_kind(const format_yaml_node *node, const char *name, base_error *e)
{
    const char *names[N_SOURCES + 1] = {0};
    char hint[FORMAT_HINT];
    for (int i = 0; i < N_SOURCES; i++)
        names[i] = sources[i]->table->name;
    return format_yaml_fail(node, e, "data.name: there is no kind of data '%s'%s", BASE_SHOW(name),
                            format_hint(name, names, hint));
}

/* Keys of other kinds, and those of all that this one has no use for. */
static tn_status check_idle(const train_source *s, const format_table *table, const format_yaml_node *node,
                            base_error *e)
{
    char place[FORMAT_YAML_PLACE];
    for (size_t i = 0; i < node->n; i++) {
        const char *key = node->items[i].key;
        bool other = false;
        for (int k = 0; k < N_SOURCES; k++)
            other |= has_key(sources[k]->table, key);
        if (has_key(table, key) ? !idle(s, key) : !other)
            continue;
        (void)base_fail(e, TN_FORMAT,
                        "data.%s does nothing when data.name is %s; take it out (on the command line: data.%s=)", key,
                        s->table->name, key);
        return base_prefix(e, "%s", format_yaml_place(node->items[i].source, node->items[i].line, place));
    }
    return TN_OK;
}

/* {name: word, ...}; a lone word is the name. */
static tn_status name_of(const format_yaml_node *node, const char **name, base_error *e)
{
    const format_yaml_node *word = node->kind == FORMAT_YAML_MAP ? format_yaml_get(node, "name") : node;
    if (!word)
        return format_yaml_fail(node, e, "'data' lacks the key 'name': the kind of data, such as digits or mnist");
    if (word->kind != FORMAT_YAML_SCALAR || format_yaml_is_empty(word))
        return format_yaml_fail(word, e, "data.name is the kind of data, one word such as digits or mnist");
    *name = word->text;
    return TN_OK;
}

static tn_status check_folds(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const train_data *d = r->data;
    if (d->folds == 1 || (d->folds > 0 && d->fold >= d->folds))
        return format_yaml_fail(node, e,
                                "data.folds is %lld and data.fold %lld: there are two folds at least, numbered from 0",
                                (long long)d->folds, (long long)d->fold);
    if (d->folds && d->val_fraction > 0)
        return format_yaml_fail(node, e,
                                "'data' has folds and val_fraction; only one of them can say what is validated on");
    return TN_OK;
}

static tn_status check_cache(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const train_data *d = r->data;
    if (d->cache == TRAIN_CACHE_DISK && !d->cache_folder)
        return format_yaml_fail(node, e, "'data' has cache: disk; say in cache_folder where");
    if (d->cache == TRAIN_CACHE_AUTO && d->cache_limit == 0)
        return format_yaml_fail(node, e,
                                "'data' has cache: auto; say in cache_limit how many megabytes may be kept in memory");
    if (d->cache_folder && d->cache != TRAIN_CACHE_DISK && d->cache != TRAIN_CACHE_AUTO)
        return format_yaml_fail(node, e, "'data' has a cache_folder, but cache is %s; disk or auto would use it",
                                cache_names[d->cache]);
    return TN_OK;
}

const tn_cache_opt *train_cache(const train_recipe *r, tn_context *c, tn_cache_opt *room)
{
    const train_data *d = r->data;
    *room = (tn_cache_opt){.folder = d->cache_folder,
                           .limit = (size_t)d->cache_limit * 1000000,
                           .either = d->cache == TRAIN_CACHE_AUTO,
                           .context = c};
    return d->cache == TRAIN_CACHE_NONE ? NULL : room;
}

const char *train_cache_texts(const train_recipe *r, size_t bytes)
{
    tn_cache_opt cache;
    enum { TOKEN = 4 }; /* bytes; of characters there is one a byte */
    const bool kept = train_cache(r, NULL, &cache) && cache.folder;
    return kept && !(cache.either && (!cache.limit || bytes <= cache.limit / TOKEN)) ? cache.folder : NULL;
}

tn_status train_data_read(train_recipe *r, base_error *e)
{
    const format_yaml_node *node = r->data_node;
    const char *name = NULL;
    BASE_TRY(name_of(node, &name, e));
    r->source = train_source_find(name);
    if (!r->source)
        return unknown_kind(node, name, e);
    r->data = base_arena_alloc(&r->tree.arena, r->source->size);
    r->data_table = whole_table(r->source, &r->tree.arena);
    if (!r->data || !r->data_table)
        return base_no_memory(e, "reading a recipe");
    memset(r->data, 0, r->source->size);
    if (node->kind == FORMAT_YAML_MAP)
        BASE_TRY(check_idle(r->source, r->data_table, node, e));
    BASE_TRY(format_options_read(r->data_table, node, node, "data", &r->tree.arena, r->data, e));
    if (r->data->normalize.mean.n != r->data->normalize.std.n)
        return format_yaml_fail(node, e, "data.normalize has %zu means and %zu deviations", r->data->normalize.mean.n,
                                r->data->normalize.std.n);
    BASE_TRY(check_cache(r, node, e));
    BASE_TRY(check_folds(r, node, e));
    return r->source->check ? r->source->check(r, node, e) : TN_OK;
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

void train_data_kinds(base_str *out, bool markdown)
{
    base_str_add(out, markdown ? "\n| `data.name` | what it is |\n|---|---|\n" : "\nkinds of data (data.name):\n");
    for (int i = 0; i < N_SOURCES; i++)
        base_str_printf(out, markdown ? "| `%s` | %s |\n" : "  %-12s %s\n", sources[i]->table->name,
                        sources[i]->table->doc);
}

/* ---- data sets --------------------------------------------------------------------------------------------------- */

/* Every n-th sample of a set that comes class by class. */
static tn_dataset *spread(tn_context *c, const tn_dataset *data, int64_t count)
{
    int64_t *indices = malloc(sizeof *indices * (size_t)count), all = tn_dataset_count(data);
    if (!indices) {
        base_no_memory(base_context_begin(c), "cutting a data set");
        return NULL;
    }
    for (int64_t i = 0; i < count; i++)
        indices[i] = (int64_t)((double)i * (double)all / (double)count);
    tn_dataset *part = tn_dataset_subset(c, data, indices, count);
    free(indices);
    return part;
}

/* `count` samples, when that is asked for: the first. */
static tn_status shorten(tn_context *c, tn_dataset **data, int64_t count, bool by_class, const char *key)
{
    if (!*data || count <= 0 || count == tn_dataset_count(*data))
        return TN_OK;
    if (count > tn_dataset_count(*data))
        return base_fail(base_context_begin(c), TN_INVALID, "%s is %lld, but there are only %lld samples", key,
                         (long long)count, (long long)tn_dataset_count(*data));
    tn_dataset *part = by_class ? spread(c, *data, count) : tn_dataset_range(c, *data, 0, count);
    if (!part)
        return TN_INVALID;
    tn_dataset_free(*data);
    *data = part;
    return TN_OK;
}

/* What samples are cut by: the kind's own keys, or their files' names; and classes, where they have one. */
static tn_status find_keys(const train_recipe *r, const tn_dataset *whole, train_split_keys *keys, base_error *e)
{
    const tn_field *y = tn_dataset_field(whole, tn_dataset_find(whole, "y"));
    const train_names names = train_names_of(whole);
    BASE_TRY(r->source->keys ? r->source->keys(r, whole, keys, e) : train_split_by_name(r, &names, keys, e));
    const bool classes = y && y->rank == 0 && tn_dataset_classes(whole) > 0 && !keys->times;
    return classes && r->data->stratify ? data_labels(whole, &keys->classes, e) : TN_OK;
}

/* Training samples come from `changed`, all others from `whole`. */
static tn_status take_parts(tn_context *c, const train_parts *p, const tn_dataset *changed, const tn_dataset *whole,
                            train_sets *s)
{
    tn_dataset **set[] = {&s->train, &s->valid, &s->test};
    s->train = NULL;
    for (int i = 0; i < 3; i++)
        if (i == 0 || p->n[i] > 0)
            if (!(*set[i] = tn_dataset_subset(c, i ? whole : changed, p->at[i], p->n[i])))
                return c->err.status;
    return TN_OK;
}

tn_status train_split_changed(tn_context *c, const train_recipe *r, tn_dataset *changed, tn_dataset *plain,
                              train_sets *s)
{
    base_error e = {0};
    train_split_keys keys = {0};
    train_parts parts = {0};
    const train_names names = train_names_of(plain);
    tn_status status = find_keys(r, plain, &keys, &e);
    if (status == TN_OK)
        status = train_split_parts(c, r, tn_dataset_count(plain), "samples", &keys, !s->valid, !s->test, &parts, &e);
    if (status == TN_OK) {
        s->cut = train_split_sum(&parts, &names);
        status = take_parts(c, &parts, changed, plain, s);
    } else {
        s->train = NULL;
        base_fail(base_context_begin(c), status, "%s", e.text);
    }
    tn_dataset_free(changed);
    tn_dataset_free(plain);
    train_split_keys_free(&keys);
    train_parts_free(&parts);
    return status;
}

/* What the kind has not cut itself. */
static tn_status split_off(tn_context *c, const train_recipe *r, train_sets *s)
{
    const bool valid = train_cut_key(r) && !s->valid, test = r->data->test_fraction > 0 && !s->test;
    if (!s->train || s->cut || !(valid || test))
        return TN_OK;
    return train_split_changed(c, r, s->train, data_retain(s->train), s);
}

/* Training samples of which all classes come equally often. */
static tn_status balance(tn_context *c, const train_recipe *r, train_sets *s)
{
    const bool over = r->data->balance == TRAIN_BALANCE_OVER;
    if (!s->train || (!over && r->data->balance != TRAIN_BALANCE_UNDER))
        return TN_OK;
    const int64_t count = tn_dataset_count(s->train);
    int64_t n, *labels;
    BASE_TRY(data_labels(s->train, &labels, base_context_begin(c)));
    tn_partition *p = tn_partition_balance(c, NULL, labels, count, over, (uint64_t)r->seed);
    const int64_t *indices = p ? tn_partition_part(p, 0, &n) : NULL;
    tn_dataset *even = indices ? tn_dataset_subset(c, s->train, indices, n) : NULL;
    tn_partition_free(p);
    free(labels);
    if (!even)
        return TN_INVALID;
    tn_dataset_free(s->train);
    s->train = even;
    return TN_OK;
}

static tn_status open_sets(tn_context *c, const train_recipe *r, train_sets *s)
{
    BASE_TRY(r->source->open(c, r, s));
    BASE_TRY(split_off(c, r, s));
    if (!s->train || tn_dataset_count(s->train) == 0)
        return train_nothing_left(s->valid ? tn_dataset_count(s->valid) : 0, base_context_begin(c));
    BASE_TRY(shorten(c, &s->train, r->data->train_count, r->source->by_class, "data.train_count"));
    BASE_TRY(shorten(c, &s->valid, r->data->val_count, r->source->by_class, "data.val_count"));
    return balance(c, r, s);
}

void train_sets_free(train_sets *s)
{
    tn_dataset_free(s->train);
    tn_dataset_free(s->valid);
    tn_dataset_free(s->test);
    *s = (train_sets){0};
}

static void count_sets(const train_sets *s, int64_t n[3])
{
    const tn_dataset *const set[] = {s->train, s->valid, s->test};
    for (int i = 0; i < 3; i++)
        n[i] = set[i] ? tn_dataset_count(set[i]) : 0;
}

tn_status train_sets_open(tn_context *c, const train_recipe *r, train_sets *s)
{
    int64_t n[3];
    *s = (train_sets){0};
    tn_status status = open_sets(c, r, s);
    if (status != TN_OK) {
        train_sets_free(s);
        return c->err.status != TN_OK ? train_blame_data(r, &c->err)
                                      : base_fail(&c->err, status, "the data could not be read");
    }
    count_sets(s, n);
    train_split_compare(c, r, n, s->cut);
    return TN_OK;
}

tn_status train_sets_record(const train_recipe *r, const train_sets *s, const char *path, base_error *e)
{
    int64_t n[3];
    count_sets(s, n);
    return train_split_write(r, n, (const int64_t[]){s->bad_rows, s->bad_values}, s->cut, path, e);
}

tn_status tn_recipe_sets(tn_context *c, const tn_recipe *recipe, tn_dataset **train, tn_dataset **valid,
                         tn_dataset **test)
{
    train_sets s;
    const tn_status status = train_sets_open(c, recipe->r, &s);
    *train = s.train;
    *valid = s.valid;
    if (test)
        *test = s.test;
    else
        tn_dataset_free(s.test);
    return status;
}

tn_status tn_recipe_data(tn_context *c, const tn_recipe *recipe, tn_dataset **train, tn_dataset **valid)
{
    return tn_recipe_sets(c, recipe, train, valid, NULL);
}

/* ---- preprocessing ----------------------------------------------------------------------------------------------- */

void train_picture_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    const train_normalize *o = &r->data->normalize;
    if (x->dtype == TN_U8)
        p->scale = 1.0 / 255;
    for (size_t i = 0; i < o->mean.n && i < 16; i++, p->channels++) {
        p->mean[i] = o->mean.at[i];
        p->std[i] = o->std.at[i];
    }
}

void train_digit_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *p)
{
    train_picture_preprocess(r, x, p);
    p->step = "digit";
    if (p->channels > 0)
        return;
    p->channels = 1;
    p->mean[0] = 0.1307;
    p->std[0] = 0.3081;
}

tn_preprocess train_preprocess_of(const train_recipe *r, const tn_field *x)
{
    tn_preprocess p = {0};
    if (x->dtype != TN_F32)
        p.raw = x->dtype;
    if (r->source->preprocess)
        r->source->preprocess(r, x, &p);
    return p;
}
