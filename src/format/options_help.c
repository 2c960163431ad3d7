/* options_help.c: what a table says to people: help for a terminal, pages in markdown, and the nearest key to a mistyped
 * one. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "format/options.h"
#include "format/options_text.h"

/* ---- did you mean ---------------------------------------------------------------------------------------------- */

/* What other libraries call things. Used for hints alone. */
static const struct {
    const char *word, *ours;
} synonyms[] = {
    {"learning_rate", "lr"},
    {"batch_size", "batch"},
    {"num_epochs", "epochs"},
    {"out_channels", "units"},
    {"filters", "units"},
    {"channels", "units"},
    {"features", "units"},
    {"out_features", "units"},
    {"kernel_size", "kernel"},
    {"strides", "stride"},
    {"p", "rate"},
    {"prob", "rate"},
    {"num_workers", "workers"},
    {"scheduler", "schedule"},
    {"lr_scheduler", "schedule"},
    {"criterion", "loss"},
    {"wd", "weight_decay"},
    {"l2", "weight_decay"},
    {"maxpool", "max_pool2d"},
    {"maxpooling2d", "max_pool2d"},
    {"avgpool", "avg_pool2d"},
    {"dense", "linear"},
    {"fc", "linear"},
    {"batchnorm", "batch_norm2d"},
    {"batchnormalization", "batch_norm2d"},
    {"swish", "silu"},
    {"dir", "folder"},
    {"path", "folder"},
    {"random_seed", "seed"},
    {"augmentation", "augment"},
    {"normalise", "normalize"},
};

const char *format_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t length = strlen(word);
    int least = length < 3 ? 1 : length < 6 ? 2 : 3;
    if (length == 0 || length > 63)
        return NULL;
    for (size_t s = 0; s < sizeof synonyms / sizeof *synonyms; s++)
        for (size_t i = 0; strcmp(synonyms[s].word, word) == 0 && names[i]; i++)
            if (strcmp(synonyms[s].ours, names[i]) == 0)
                return names[i];
    for (size_t i = 0; names[i]; i++) {
        int d = base_distance(word, names[i]);
        if (d <= least && (size_t)d < length && (size_t)d < strlen(names[i])) {
            least = d - 1;
            best = names[i];
        }
    }
    for (size_t i = 0; !best && names[i]; i++) { /* "conv" for "conv2d" */
        size_t other = strlen(names[i]), shared = other < length ? other : length;
        if (shared >= 3 && strncmp(word, names[i], shared) == 0)
            best = names[i];
    }
    return best;
}

const char *format_options_nearest(const format_table *table, const char *word)
{
    const char *keys[65] = {0};
    for (size_t i = 0; i < 64 && table->options[i].key; i++)
        keys[i] = table->options[i].key;
    return format_nearest(word, keys);
}

const char *format_hint(const char *word, const char *const *names, char buffer[FORMAT_HINT])
{
    const char *near = format_nearest(word, names);
    if (near) {
        (void)snprintf(buffer, FORMAT_HINT, "; did you mean '%s'?", near);
        return buffer;
    }
    size_t at = (size_t)snprintf(buffer, FORMAT_HINT, "; known are ");
    for (size_t i = 0; names[i]; i++) {
        int n = snprintf(buffer + at, FORMAT_HINT - at, "%s%s", i ? ", " : "", names[i]);
        if (n < 0 || at + (size_t)n >= FORMAT_HINT - 5) {
            memcpy(buffer + at, ", ...", 6);
            break;
        }
        at += (size_t)n;
    }
    return buffer;
}

/* ---- help ------------------------------------------------------------------------------------------------------ */

static void add_names(const char *const *names, const char *between, base_str *out)
{
    for (size_t i = 0; names[i]; i++) {
        base_str_add(out, i ? between : "");
        base_str_add(out, names[i]);
    }
}

static void add_count(const format_option *o, base_str *out)
{
    if (o->most_n == 0)
        base_str_add(out, "list of ");
    else if (o->least_n == o->most_n)
        base_str_printf(out, "list of %d ", o->most_n);
    else
        base_str_printf(out, "list of %d to %d ", o->least_n, o->most_n);
}

/* "number, at least 0 and below 1" */
static void add_type(const format_option *o, base_str *out)
{
    char range[100];
    switch (o->kind) {
    case FORMAT_KIND_BOOL: base_str_add(out, "true or false"); break;
    case FORMAT_KIND_INT: base_str_add(out, "whole number"); break;
    case FORMAT_KIND_FLOAT: base_str_add(out, "number"); break;
    case FORMAT_KIND_BYTES: base_str_add(out, "bytes (512M, 2G)"); break;
    case FORMAT_KIND_STRING: base_str_add(out, "text"); break;
    case FORMAT_KIND_PATH: base_str_add(out, o->names ? "name or path" : "path"); break;
    case FORMAT_KIND_ENUM: add_names(o->names, ", ", out); break;
    case FORMAT_KIND_INTS: add_count(o, out), base_str_add(out, "whole numbers"); break;
    case FORMAT_KIND_FLOATS: add_count(o, out), base_str_add(out, "numbers"); break;
    case FORMAT_KIND_STRINGS: add_count(o, out), base_str_add(out, "texts"); break;
    case FORMAT_KIND_PATHS: add_count(o, out), base_str_add(out, "paths"); break;
    case FORMAT_KIND_TABLE: base_str_add(out, o->table->brief ? "mapping, or its " : "mapping"); break;
    case FORMAT_KIND_NODE: base_str_add(out, "see below"); break;
    }
    if (o->kind == FORMAT_KIND_TABLE && o->table->brief)
        base_str_add(out, o->table->brief);
    if (o->range)
        base_str_printf(out, ", %s", format_range_text(o->range, range));
}

/* One row of help, as text. */
typedef struct help_row {
    base_str key, type, fallback;
    const char *doc;
} help_row;

static void make_row(const format_option *o, const char *path, help_row *row)
{
    *row = (help_row){.doc = o->doc};
    base_str_printf(&row->key, "%s%s", path, o->key);
    add_type(o, &row->type);
    base_str_add(&row->fallback, o->fallback && o->fallback[0] ? o->fallback : "-");
}

static void free_row(help_row *row)
{
    base_str_free(&row->key);
    base_str_free(&row->type);
    base_str_free(&row->fallback);
}

/* Calls visit for every row of a table and of the tables in it, with its dotted key. */
typedef void (*visit_fn)(void *user, const help_row *row);
static void each_row(const format_table *table, const char *path, visit_fn visit, void *user)
{
    for (const format_option *o = table->options; o->key; o++) {
        help_row row;
        make_row(o, path, &row);
        visit(user, &row);
        free_row(&row);
        if (o->table) {
            base_str inner = {0};
            base_str_printf(&inner, "%s%s.", path, o->key);
            each_row(o->table, base_str_text(&inner), visit, user);
            base_str_free(&inner);
        }
    }
}

typedef struct columns {
    int key, type, fallback;
    base_str *out;
} columns;

/* Columns are as wide as their content, within reason: a long entry pushes its own row only. */
static int widen(int width, const base_str *text, int most)
{
    int length = (int)text->length;
    return length > width && length <= most ? length : width;
}

static void measure(void *user, const help_row *row)
{
    columns *c = user;
    c->key = widen(c->key, &row->key, 28);
    c->type = widen(c->type, &row->type, 44);
    c->fallback = widen(c->fallback, &row->fallback, 16);
}

static void print_row(void *user, const help_row *row)
{
    const columns *c = user;
    base_str_printf(c->out, "  %-*s  %-*s  %-*s  %s\n", c->key, base_str_text(&row->key), c->type,
                    base_str_text(&row->type), c->fallback, base_str_text(&row->fallback), row->doc);
}

void format_options_help(const format_table *table, base_str *out)
{
    columns c = {3, 5, 7, out};
    base_str_printf(out, "%s: %s\n", table->name, table->doc);
    each_row(table, "", measure, &c);
    if (table->options->key)
        base_str_printf(out, "\n  %-*s  %-*s  default\n", c.key, "key", c.type, "value");
    each_row(table, "", print_row, &c);
}

static void print_markdown(void *user, const help_row *row)
{
    const char *fallback = base_str_text(&row->fallback);
    const char *tick = strcmp(fallback, "-") == 0 ? "" : "`";
    base_str_printf(user, "| `%s` | %s | %s%s%s | %s |\n", base_str_text(&row->key), base_str_text(&row->type), tick,
                    fallback, tick, row->doc);
}

void format_options_markdown(const format_table *table, base_str *out)
{
    base_str_printf(out, "### `%s`\n\n%s\n", table->name, table->doc);
    if (table->options->key)
        base_str_add(out, "\n| key | value | default | what it does |\n|---|---|---|---|\n");
    each_row(table, "", print_markdown, out);
}
