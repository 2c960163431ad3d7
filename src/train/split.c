/* split.c: see split.h. */
#include "train/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/context.h"
#include "base/file.h"
#include "base/map.h"
#include "base/number.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/pattern.h"
#include "data/table/table.h"
#include "format/json.h"
#include "train/source/source.h"

void train_parts_free(train_parts *parts)
{
    for (int i = 0; i < 3; i++)
        free(parts->at[i]);
    *parts = (train_parts){0};
}

tn_status train_parts_add(train_parts *p, int part, int64_t index, int64_t count, base_error *e)
{
    if (!p->at[part] && !(p->at[part] = malloc((size_t)(count > 0 ? count : 1) * sizeof(int64_t))))
        return base_no_memory(e, "splitting samples");
    p->at[part][p->n[part]++] = index;
    return TN_OK;
}

void train_split_keys_free(train_split_keys *keys)
{
    free(keys->classes);
    free(keys->groups);
    free(keys->times);
    *keys = (train_split_keys){0};
}

/* ---- what recipes say ---------------------------------------------------------------------------------------------- */

const char *train_cut_key(const train_recipe *r)
{
    return r->data->val_fraction > 0 ? "val_fraction" : r->data->folds ? "folds" : NULL;
}

bool train_cuts(const train_recipe *r)
{
    return train_cut_key(r) || r->data->test_fraction > 0;
}

tn_status train_split_check(const train_recipe *r, const char *valid, const char *test, const format_yaml_node *node,
                            base_error *e)
{
    const train_data *d = r->data;
    if (valid && train_cut_key(r))
        return format_yaml_fail(node, e, "'data' has %s and %s; only one of them can say what is validated on", valid,
                                train_cut_key(r));
    if (test && d->test_fraction > 0)
        return format_yaml_fail(node, e, "'data' has %s and test_fraction; only one of them can say what is tested on",
                                test);
    if (d->val_fraction + d->test_fraction >= 1)
        return format_yaml_fail(node, e, "data: val_fraction and test_fraction leave nothing to train on");
    if (d->time && d->group)
        return format_yaml_fail(node, e, "'data' has time and group; samples are cut by one of them");
    if ((d->time || d->group) && !train_cuts(r))
        return format_yaml_fail(
            node, e, "'data' has %s, but nothing is cut: val_fraction, folds or test_fraction would go by it",
            d->time ? "time" : "group");
    return TN_OK;
}

tn_status train_nothing_left(int64_t of, base_error *e)
{
    if (of == 0)
        return base_fail(e, TN_INVALID, "data: there are no samples: what was read is empty but for its header");
    return base_fail(
        e, TN_INVALID,
        "data: nothing is left to train on, of %lld samples; a smaller val_fraction or test_fraction leaves "
        "more",
        (long long)of);
}

/* ---- parts --------------------------------------------------------------------------------------------------------- */

/* Without folds training and validation, else all folds; behind them what is tested on. */
static tn_partition *deal(tn_context *c, const train_recipe *r, int64_t count, const train_split_keys *keys, bool valid,
                          bool test, int64_t folds, base_error *e)
{
    const double last = test ? r->data->test_fraction : 0;
    const tn_partition_opt opt = {.seed = (uint64_t)r->seed,
                                  .classes = keys->times ? NULL : keys->classes,
                                  .groups = keys->groups,
                                  .times = keys->times};
    double *fractions = malloc((size_t)(folds + 1) * sizeof *fractions);
    if (!fractions) {
        base_no_memory(e, "splitting samples");
        return NULL;
    }
    for (int64_t i = 0; i < folds; i++)
        fractions[i] = (1 - last) / (double)folds;
    if (r->data->folds == 0) {
        fractions[1] = valid ? r->data->val_fraction : 0;
        fractions[0] = 1 - fractions[1] - last;
    }
    fractions[folds] = last;
    tn_partition *parts = tn_partition_new(c, count, fractions, (int)folds + 1, &opt);
    if (!parts)
        base_fail(e, TN_INVALID, "%s", tn_context_error(c));
    free(fractions);
    return parts;
}

/* A fold without samples would be validated on, or say nothing new. */
static tn_status check_folds(const tn_partition *parts, int64_t folds, int64_t count, const char *what,
                             const train_split_keys *keys, base_error *e)
{
    int64_t filled = 0, n;
    for (int64_t i = 0; i < folds; i++)
        filled += tn_partition_part(parts, (int)i, &n) && n > 0;
    if (filled == folds)
        return TN_OK;
    return base_fail(e, TN_INVALID, "data.folds is %lld, but the %lld %s%s fill %lld of them only", (long long)folds,
                     (long long)count, what,
                     keys->groups  ? ", whose groups stay together,"
                     : keys->times ? ", of which those of one time stay together,"
                                   : "",
                     (long long)filled);
}

tn_status train_split_parts(tn_context *c, const train_recipe *r, int64_t count, const char *what,
                            const train_split_keys *keys, bool valid, bool test, train_parts *p, base_error *e)
{
    const int64_t folds = r->data->folds ? r->data->folds : 2, held = r->data->folds ? r->data->fold : 1;
    tn_partition *parts = deal(c, r, count, keys, valid, test, folds, e);
    tn_status status = parts ? TN_OK : e->status;
    if (status == TN_OK && r->data->folds)
        status = check_folds(parts, folds, count, what, keys, e);
    for (int64_t i = 0; i <= folds && status == TN_OK; i++) {
        int64_t n = 0;
        const int64_t *at = tn_partition_part(parts, (int)i, &n);
        for (int64_t k = 0; k < n && status == TN_OK; k++)
            status = train_parts_add(p, i == folds ? 2 : i == held, at[k], count, e);
    }
    if (status == TN_OK && p->n[0] == 0)
        status = train_nothing_left(count, e);
    for (int i = 1; i < 3 && status == TN_OK; i++) {
        const double asked = i == 1 ? r->data->val_fraction : r->data->test_fraction;
        if ((i == 1 ? valid : test) && asked > 0 && p->n[i] == 0)
            status = base_fail(e, TN_INVALID,
                               "data.%s_fraction is %g: of %lld %s%s none falls to it; a larger one takes some",
                               i == 1 ? "val" : "test", asked, (long long)count, what,
                               keys->groups  ? ", whose groups stay together,"
                               : keys->times ? ", of which those of one time stay together,"
                                             : "");
    }
    tn_partition_free(parts);
    return status;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

/* A number, or a date; of one data set all are of one kind. */
static tn_status time_of(const char *found, const char *name, int *kind, double *to, base_error *e)
{
    const size_t n = strlen(found);
    const int is = table_parse_f64(found, n, to) ? 1 : table_parse_time(found, n, false, to) ? 2 : 0;
    if (is == 0)
        return base_fail(e, TN_FORMAT, "data.time finds '%s' in the name %s, which is neither a number nor a date",
                         BASE_SHOW(found), BASE_SHOW(name));
    if (*kind && is != *kind)
        return base_fail(e, TN_FORMAT, "data.time finds '%s' in the name %s, and %s in others", BASE_SHOW(found),
                         BASE_SHOW(name), is == 1 ? "dates" : "numbers");
    *kind = is;
    return TN_OK;
}

static tn_status find_in_names(const train_names *names, const data_pattern *pattern, const char *key,
                               train_split_keys *keys, base_error *e)
{
    base_str name = {0}, found = {0};
    tn_status status = TN_OK;
    int kind = 0;
    for (int64_t i = 0; i < names->count && status == TN_OK; i++) {
        name.length = found.length = 0;
        names->name(names->user, i, &name);
        const bool any = data_pattern_group(pattern, base_str_text(&name), &found);
        if (name.failed || found.failed)
            status = base_no_memory(e, "splitting samples");
        else if (!any)
            status =
                base_fail(e, TN_FORMAT, "data.%s: the name %s does not match, so that it is not known where it belongs",
                          key, BASE_SHOW(base_str_text(&name)));
        else if (keys->times)
            status = time_of(base_str_text(&found), base_str_text(&name), &kind, &keys->times[i], e);
        else
            keys->groups[i] = (int64_t)base_hash(base_str_text(&found), found.length, 0);
    }
    base_str_free(&name);
    base_str_free(&found);
    return status;
}

train_names train_names_of(const tn_dataset *data)
{
    return (train_names){data->def.count, data->name, data->def.user};
}

tn_status train_split_by_name(const train_recipe *r, const train_names *names, train_split_keys *keys, base_error *e)
{
    const char *key = r->data->group ? "group" : "time", *text = r->data->group ? r->data->group : r->data->time;
    data_pattern pattern;
    if (!text)
        return TN_OK;
    if (!names->name)
        return base_fail(e, TN_INTERNAL, "data.%s: these samples have no names", key);
    BASE_TRY(data_pattern_init(&pattern, text, r->data->group ? "data.group" : "data.time", e));
    const size_t n = (size_t)names->count + 1;
    if (r->data->group)
        keys->groups = malloc(n * sizeof *keys->groups);
    else
        keys->times = malloc(n * sizeof *keys->times);
    tn_status status = keys->groups || keys->times ? find_in_names(names, &pattern, key, keys, e)
                                                   : base_no_memory(e, "splitting samples");
    data_pattern_clear(&pattern);
    return status;
}

/* ---- the record ------------------------------------------------------------------------------------------------------ */

uint64_t train_split_sum(const train_parts *parts, const train_names *names)
{
    uint64_t sum = 0;
    base_str name = {0};
    for (int p = 0; p < 3; p++) {
        sum = base_checksum(sum, &parts->n[p], sizeof parts->n[p]);
        if (parts->n[p])
            sum = base_checksum(sum, parts->at[p], (size_t)parts->n[p] * sizeof *parts->at[p]);
        for (int64_t i = 0; names && names->name && i < parts->n[p]; i++) {
            name.length = 0;
            names->name(names->user, parts->at[p][i], &name);
            sum = base_checksum(sum, base_str_text(&name), name.length);
        }
    }
    base_str_free(&name);
    return sum ? sum : 1;
}

static const char *const part_names[] = {"train", "valid", "test"};

tn_status train_split_write(const train_recipe *r, const int64_t n[3], const int64_t bad[2], uint64_t sum,
                            const char *path, base_error *e)
{
    const train_data *d = r->data;
    char hex[24];
    base_str text = {0};
    format_json_out w = {.to = &text};
    (void)base_print(hex, sizeof hex, "%016llx", (unsigned long long)sum);
    format_json_open_object(&w, NULL);
    for (int i = 0; i < 3; i++)
        format_json_put_i64(&w, part_names[i], n[i]);
    format_json_put_i64(&w, "seed", r->seed);
    if (d->val_fraction > 0)
        format_json_put_f64(&w, "val_fraction", d->val_fraction);
    if (d->test_fraction > 0)
        format_json_put_f64(&w, "test_fraction", d->test_fraction);
    if (d->folds) {
        format_json_put_i64(&w, "folds", d->folds);
        format_json_put_i64(&w, "fold", d->fold);
    }
    if (d->group)
        format_json_put_string(&w, "group", d->group);
    if (d->time)
        format_json_put_string(&w, "time", d->time);
    if (bad[0])
        format_json_put_i64(&w, "bad_rows", bad[0]);
    if (bad[1])
        format_json_put_i64(&w, "bad_values", bad[1]);
    format_json_put_string(&w, "checksum", hex);
    format_json_close(&w);
    base_str_add(&text, "\n");
    tn_status status =
        text.failed ? base_no_memory(e, "saving a split") : base_file_write(path, base_str_text(&text), text.length, e);
    base_str_free(&text);
    return status;
}

/* Whether the record is of these parts; what cannot be read tells nothing. */
static bool same_parts(const char *path, const int64_t n[3], uint64_t sum, int64_t of_run[3])
{
    enum { LIMIT = 1 << 16 };
    base_error ignored = {0};
    void *text = NULL;
    size_t bytes = 0;
    format_json *root = NULL;
    const char *hex = NULL;
    char own[24];
    (void)base_print(own, sizeof own, "%016llx", (unsigned long long)sum);
    bool read = base_file_read(path, LIMIT, &text, &bytes, &ignored) == TN_OK &&
                format_json_parse(text, bytes, NULL, path, &root, &ignored) == TN_OK &&
                format_json_get_string(root, "a split", "checksum", &hex, &ignored) == TN_OK;
    bool same = read && strcmp(hex, own) == 0;
    for (int i = 0; i < 3 && read; i++) {
        read = format_json_get_i64(root, "a split", part_names[i], 0, INT64_MAX, &of_run[i], &ignored) == TN_OK;
        same = same && of_run[i] == n[i];
    }
    format_json_free(root);
    free(text);
    return !read || same;
}

/* Data of another kind or from another place, as the command line says, are no parts of what the run was trained on. */
static bool are_other_data(const train_recipe *r)
{
    for (const format_option *o = r->data_table->options; o->key; o++) {
        const format_yaml_item *item = format_yaml_find(r->data_node, o->key);
        const bool place = o->kind == FORMAT_KIND_PATH || o->kind == FORMAT_KIND_PATHS || strcmp(o->key, "name") == 0;
        if (place && item && item->source && item->source->override)
            return true;
    }
    return false;
}

void train_split_compare(tn_context *c, const train_recipe *r, const int64_t n[3], uint64_t sum)
{
    const format_yaml_source *from = r->tree.root->source;
    base_str path = {0};
    int64_t run[3];
    if (!from || !from->folder || are_other_data(r))
        return;
    base_str_printf(&path, "%s/split.json", from->folder);
    if (!path.failed && base_file_exists(path.text) && !same_parts(path.text, n, sum, run))
        base_log(
            c, BASE_LOG_WARNING,
            "%s tells of other parts than these: %lld samples for training, %lld for validation and %lld for the "
            "test, now %lld, %lld and %lld. The data, or the keys that cut them, have changed since, so that samples "
            "that were trained on may be among those for validation or test",
            path.text, (long long)run[0], (long long)run[1], (long long)run[2], (long long)n[0], (long long)n[1],
            (long long)n[2]);
    base_str_free(&path);
}
