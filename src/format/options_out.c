/* options_out.c: options back into a tree of YAML, see options.h: how a recipe is kept with everything decided. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "format/options.h"

typedef struct writing {
    format_yaml *tree;
    const char *folder;
    format_applies applies;
    const void *user;
} writing;

static format_yaml_node *scalar(const writing *w, const char *text, bool is_text)
{
    format_yaml_node *node = format_yaml_new(w->tree, FORMAT_YAML_SCALAR, text, NULL);
    if (node && is_text) /* a plain null would read as no value at all */
        node->quoted = text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
    return node;
}

static format_yaml_node *path_scalar(const writing *w, const format_option *o, const char *path)
{
    bool as_is = !w->folder || !format_is_path(o, path) || path[0] == '/' || format_path_names_set(path);
    const char *text = as_is ? path : base_arena_printf(&w->tree->arena, "%s/%s", w->folder, path);
    return text ? scalar(w, text, true) : NULL;
}

static format_yaml_node *number(const writing *w, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return scalar(w, text, false);
}

static format_yaml_node *real(const writing *w, double value)
{
    char text[32];
    return scalar(w, base_format_f64(value, text), false);
}

static format_yaml_node *list(const writing *w, const format_option *o, const void *field)
{
    format_yaml_node *node = format_yaml_new(w->tree, FORMAT_YAML_LIST, NULL, NULL);
    const format_ints *ints = field;
    const format_floats *floats = field;
    const format_strings *strings = field;
    for (size_t i = 0; node && i < ints->n; i++) {
        format_yaml_node *entry = o->kind == FORMAT_KIND_INTS     ? number(w, ints->at[i])
                                  : o->kind == FORMAT_KIND_FLOATS ? real(w, floats->at[i])
                                  : o->kind == FORMAT_KIND_PATHS  ? path_scalar(w, o, strings->at[i])
                                                                  : scalar(w, strings->at[i], true);
        if (!entry || !format_yaml_put(w->tree, node, NULL, entry))
            return NULL;
    }
    return node;
}

static format_yaml_node *copy(const writing *w, const format_yaml_node *from)
{
    format_yaml_node *node = format_yaml_new(w->tree, from->kind, from->text, from);
    if (!node)
        return NULL;
    node->quoted = from->quoted;
    for (size_t i = 0; i < from->n; i++) {
        format_yaml_node *value = copy(w, from->items[i].value);
        if (!value || !format_yaml_put(w->tree, node, from->items[i].key, value))
            return NULL;
    }
    return node;
}

static format_yaml_node *table_node(const writing *w, const format_table *table, const void *options);

static format_yaml_node *value_node(const writing *w, const format_option *o, const void *field)
{
    switch (o->kind) {
    case FORMAT_KIND_BOOL: return scalar(w, *(const bool *)field ? "true" : "false", false);
    case FORMAT_KIND_INT:
    case FORMAT_KIND_BYTES: return number(w, *(const int64_t *)field);
    case FORMAT_KIND_FLOAT: return real(w, *(const double *)field);
    case FORMAT_KIND_STRING: return scalar(w, *(const char *const *)field, true);
    case FORMAT_KIND_PATH: return path_scalar(w, o, *(const char *const *)field);
    case FORMAT_KIND_ENUM: return scalar(w, o->names[*(const int *)field], false);
    case FORMAT_KIND_TABLE: return table_node(w, o->table, field);
    case FORMAT_KIND_NODE: return copy(w, *(const format_yaml_node *const *)field);
    default: return list(w, o, field);
    }
}

static bool has_value(const format_option *o, const void *options, size_t row)
{
    bool given = (*(const uint64_t *)options >> row) & 1;
    const void *field = (const char *)options + o->offset;
    if (o->kind == FORMAT_KIND_NODE)
        return *(const format_yaml_node *const *)field != NULL;
    if (o->kind == FORMAT_KIND_STRING || o->kind == FORMAT_KIND_PATH)
        return *(const char *const *)field != NULL;
    if (o->kind == FORMAT_KIND_TABLE)
        return true;
    return given || (o->fallback && strcmp(o->fallback, FORMAT_REQUIRED) != 0);
}

static format_yaml_node *table_node(const writing *w, const format_table *table, const void *options)
{
    format_yaml_node *map = format_yaml_new(w->tree, FORMAT_YAML_MAP, NULL, NULL);
    for (size_t i = 0; map && i < 64 && table->options[i].key; i++) {
        const format_option *o = &table->options[i];
        if (!has_value(o, options, i) || (w->applies && !w->applies(w->user, table, o)))
            continue;
        format_yaml_node *value = value_node(w, o, (const char *)options + o->offset);
        if (!value)
            return NULL;
        bool empty_table = o->kind == FORMAT_KIND_TABLE && value->n == 0;
        if (!empty_table && !format_yaml_put(w->tree, map, o->key, value))
            return NULL;
    }
    return map;
}

format_yaml_node *format_options_tree(const format_table *table, const void *options, const char *folder,
                                      format_applies applies, const void *user, format_yaml *tree)
{
    writing w = {tree, folder, applies, user};
    return table_node(&w, table, options);
}
