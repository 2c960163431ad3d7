/* yaml_tree.c: the tree of yaml.h without libyaml: building, looking up, places, overrides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "format/yaml.h"

/* ---- building -------------------------------------------------------------------------------------------------- */

format_yaml_node *format_yaml_new(format_yaml *tree, format_yaml_kind kind, const char *text,
                                  const format_yaml_node *from)
{
    format_yaml_node *node = BASE_NEW(&tree->arena, format_yaml_node);
    if (!node)
        return NULL;
    node->kind = kind;
    if (from) {
        node->source = from->source;
        node->line = from->line;
        node->column = from->column;
    }
    if (text && !(node->text = base_arena_strdup(&tree->arena, text)))
        return NULL;
    return node;
}

static bool push(base_arena *arena, format_yaml_node *parent, format_yaml_item item)
{
    if (parent->n == parent->capacity) {
        size_t capacity = parent->capacity ? parent->capacity * 2 : 4;
        format_yaml_item *items = BASE_ARRAY(arena, format_yaml_item, capacity);
        if (!items)
            return false;
        if (parent->n)
            memcpy(items, parent->items, parent->n * sizeof *items);
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->items[parent->n++] = item;
    return true;
}

bool format_yaml_put(format_yaml *tree, format_yaml_node *parent, const char *key, format_yaml_node *value)
{
    format_yaml_item item = {.source = value->source, .line = value->line, .value = value};
    if (key && !(item.key = base_arena_strdup(&tree->arena, key)))
        return false;
    return push(&tree->arena, parent, item);
}

void format_yaml_free(format_yaml *tree)
{
    base_arena_free(&tree->arena);
    tree->root = NULL;
}

/* ---- looking up ------------------------------------------------------------------------------------------------ */

const format_yaml_item *format_yaml_find(const format_yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == FORMAT_YAML_MAP && i < map->n; i++)
        if (strcmp(map->items[i].key, key) == 0)
            return &map->items[i];
    return NULL;
}

format_yaml_node *format_yaml_get(const format_yaml_node *map, const char *key)
{
    const format_yaml_item *item = format_yaml_find(map, key);
    return item ? item->value : NULL;
}

bool format_yaml_is_empty(const format_yaml_node *node)
{
    return node->kind == FORMAT_YAML_SCALAR && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* ---- sentences ------------------------------------------------------------------------------------------------- */

const char *format_yaml_place(const format_yaml_source *source, int line, char buffer[FORMAT_YAML_PLACE])
{
    char shown[BASE_SHOWN];
    if (!source)
        buffer[0] = '\0';
    else if (source->override)
        (void)snprintf(buffer, FORMAT_YAML_PLACE, "override '%s': ", base_shown(source->name, shown));
    else
        (void)snprintf(buffer, FORMAT_YAML_PLACE, "%.250s:%d: ", source->name, line);
    return buffer;
}

const char *format_yaml_kind_of(const format_yaml_node *node, char buffer[FORMAT_YAML_PLACE])
{
    char shown[BASE_SHOWN];
    if (node->kind != FORMAT_YAML_SCALAR)
        return node->kind == FORMAT_YAML_LIST ? "a list" : "a mapping";
    if (node->text[0] == '\0' && !node->quoted)
        return "nothing";
    (void)snprintf(buffer, FORMAT_YAML_PLACE, "'%s'", base_shown(node->text, shown));
    return buffer;
}

tn_status format_yaml_fail(const format_yaml_node *node, base_error *e, const char *fmt, ...)
{
    char place[FORMAT_YAML_PLACE];
    va_list args;
    va_start(args, fmt);
    (void)base_vfail(e, TN_FORMAT, fmt, args);
    va_end(args);
    (void)base_prefix(e, "%s", format_yaml_place(node->source, node->line, place));
    return TN_FORMAT;
}

/* ---- overrides ------------------------------------------------------------------------------------------------- */

/* So bounded that a tree with overrides is no deeper than one that is read: twelve keys, six looked through, twelve more
 * in the value. */
enum { MOST_PARTS = 12, MOST_KEY = 200 };

/* One override on its way down the tree. */
typedef struct walk {
    format_yaml *tree;
    const format_yaml_source *source;
    char *path;       /* "a.b.2.units", cut at points as we go */
    const char *text; /* the same, whole */
    format_yaml_node *value;
    base_error *e;
} walk;

static tn_status complain(const walk *w, const char *fmt, ...) TN_PRINTF(2, 3);
static tn_status complain(const walk *w, const char *fmt, ...)
{
    char place[FORMAT_YAML_PLACE];
    va_list args;
    va_start(args, fmt);
    (void)base_vfail(w->e, TN_INVALID, fmt, args);
    va_end(args);
    (void)base_prefix(w->e, "%s", format_yaml_place(w->source, 0, place));
    return TN_INVALID;
}

/* What stands left of `rest` in the path: "a.b.2". */
static const char *so_far(const walk *w, const char *rest, char buffer[BASE_SHOWN])
{
    char copy[BASE_SHOWN * 2];
    size_t length = (size_t)(rest - w->path);
    (void)snprintf(copy, sizeof copy, "%.*s", (int)(length ? length - 1 : 0), w->text);
    return base_shown(copy, buffer);
}

/* The item that `part` names in a list. */
static tn_status step_list(const walk *w, const format_yaml_node *list, const char *part, format_yaml_item **item)
{
    char shown[BASE_SHOWN];
    int64_t i = 0;
    const char *name = so_far(w, part, shown);
    if (!base_parse_i64(part, &i) || part[0] == '+' || part[0] == '-')
        return complain(w, "'%s' is a list, so a number from 0 must follow it, not '%s'", name, BASE_SHOW(part));
    if (list->n == 0)
        return complain(w, "'%s' is an empty list", name);
    if ((uint64_t)i >= list->n)
        return complain(w, "'%s' has %zu entries, 0 to %zu; there is no entry %lld", name, list->n, list->n - 1,
                        (long long)i);
    *item = &list->items[i];
    return TN_OK;
}

/* The item that `part` names in a mapping, made if it is missing; but what is to be taken out must be there. */
static tn_status step_map(const walk *w, format_yaml_node *map, const char *part, format_yaml_item **item)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->items[i].key, part) == 0) {
            *item = &map->items[i];
            return TN_OK;
        }
    if (!w->value)
        return complain(w, "there is no key '%s' that could be taken out", BASE_SHOW(part));
    format_yaml_item fresh = {.key = base_arena_strdup(&w->tree->arena, part), .source = w->source};
    if (!fresh.key || !push(&w->tree->arena, map, fresh))
        return base_no_memory(w->e, "applying an override");
    *item = &map->items[map->n - 1];
    return TN_OK;
}

/* {conv2d: {...}} in a list, and the path goes on with something else than conv2d: the inner mapping is meant. */
static format_yaml_node *look_through(format_yaml_node *node, const char *part)
{
    bool single = node->kind == FORMAT_YAML_MAP && node->n == 1 && node->items[0].value->kind == FORMAT_YAML_MAP;
    return single && strcmp(node->items[0].key, part) != 0 ? node->items[0].value : node;
}

/* The node below an item that the path passes through; a key that was missing or empty becomes a mapping. */
static tn_status pass(const walk *w, format_yaml_item *item, const char *rest, format_yaml_node **node)
{
    char shown[BASE_SHOWN];
    if (!item->value || format_yaml_is_empty(item->value)) {
        format_yaml_node origin = {.source = w->source};
        item->value = format_yaml_new(w->tree, FORMAT_YAML_MAP, NULL, &origin);
        if (!item->value)
            return base_no_memory(w->e, "applying an override");
    }
    if (item->value->kind == FORMAT_YAML_SCALAR)
        return complain(w, "'%s' is '%s', so nothing can be set below it", so_far(w, rest, shown),
                        BASE_SHOW(item->value->text));
    *node = item->value;
    return TN_OK;
}

/* At the end of the path: the new value, or, for "key=", no item any more. */
static tn_status finish(const walk *w, format_yaml_node *parent, format_yaml_item *item)
{
    if (w->value) {
        item->value = w->value;
        item->source = w->source;
        item->line = 0;
        return TN_OK;
    }
    size_t behind = parent->n - 1 - (size_t)(item - parent->items);
    memmove(item, item + 1, behind * sizeof *item);
    parent->n--;
    return TN_OK;
}

static tn_status descend(const walk *w)
{
    format_yaml_node *node = w->tree->root;
    bool indexed = false;
    int depth = 0;
    for (char *part = w->path, *next = NULL;; part = next) {
        next = strchr(part, '.');
        if (next)
            *next++ = '\0';
        format_yaml_item *item = NULL;
        if (part[0] == '\0')
            return complain(w, "a key is empty; an override looks like train.lr=0.1 or model.layers.2.units=64");
        if (++depth > MOST_PARTS || strlen(part) > MOST_KEY)
            return complain(w, "more than %d keys in a row, or a key of more than %d bytes", MOST_PARTS, MOST_KEY);
        if (indexed)
            node = look_through(node, part);
        indexed = node->kind == FORMAT_YAML_LIST;
        BASE_TRY(indexed ? step_list(w, node, part, &item) : step_map(w, node, part, &item));
        if (!next)
            return finish(w, node, item);
        BASE_TRY(pass(w, item, next, &node));
    }
}

/* Lends a parsed value to the tree: nodes move by copy, their memory is the tree's. */
static format_yaml_node *copy_node(format_yaml *tree, const format_yaml_node *node, const format_yaml_source *source)
{
    format_yaml_node origin = {.source = source};
    format_yaml_node *copy = format_yaml_new(tree, node->kind, node->text, &origin);
    if (!copy)
        return NULL;
    copy->quoted = node->quoted;
    for (size_t i = 0; i < node->n; i++) {
        format_yaml_node *value = copy_node(tree, node->items[i].value, source);
        if (!value || !format_yaml_put(tree, copy, node->items[i].key, value))
            return NULL;
    }
    return copy;
}

static tn_status parse_value(walk *w, const char *text)
{
    format_yaml inner = {0};
    format_yaml_node origin = {.source = w->source};
    if (text[0] == '\0')
        return TN_OK; /* takes the key out */
    if (strchr("[{\"'", text[0])) {
        base_error problem = {0};
        format_yaml_limits limits = {.depth = MOST_PARTS};
        tn_status status = format_yaml_parse(text, strlen(text), "value", ".", &limits, &inner, &problem);
        if (status == TN_OK)
            w->value = copy_node(w->tree, inner.root, w->source);
        format_yaml_free(&inner);
        if (status != TN_OK && status != TN_MEMORY)
            return complain(w, "the value is not YAML: %s", problem.text);
    } else {
        w->value = format_yaml_new(w->tree, FORMAT_YAML_SCALAR, text, &origin);
    }
    return w->value ? TN_OK : base_no_memory(w->e, "applying an override");
}

tn_status format_yaml_override(format_yaml *tree, const char *text, base_error *e)
{
    const char *equals = strchr(text, '=');
    base_arena *arena = &tree->arena;
    format_yaml_source *source = BASE_NEW(arena, format_yaml_source);
    walk w = {.tree = tree, .source = source, .text = text, .e = e, .path = base_arena_strdup(arena, text)};
    if (!source || !w.path)
        return base_no_memory(e, "applying an override");
    *source = (format_yaml_source){.name = base_arena_strdup(arena, text), .folder = ".", .override = true};
    if (!source->name)
        return base_no_memory(e, "applying an override");
    if (!base_utf8_valid(text, strlen(text)))
        return complain(&w, "it is not UTF-8");
    if (strlen(text) > 65536)
        return complain(&w, "it is longer than 65536 bytes");
    if (!equals)
        return complain(&w, "there is no '='; an override looks like train.lr=0.1 or model.layers.2.units=64");
    if (tree->root->kind == FORMAT_YAML_SCALAR)
        return complain(&w, "the recipe is not a mapping, so no key of it can be set");
    w.path[equals - text] = '\0';
    BASE_TRY(parse_value(&w, equals + 1));
    return descend(&w);
}
