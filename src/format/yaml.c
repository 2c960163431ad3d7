/* yaml.c: parsing; see yaml.h. libyaml gives events one by one, so a text that goes too deep or grows too many nodes is
 * left at once, and an alias never multiplies anything. */
#include "format/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

static const size_t MOST_BYTES = (size_t)1 << 20;

#ifdef TARN_HAVE_YAML

#include <yaml.h>

enum { MOST_DEPTH = 32, MOST_NODES = 100000, MOST_KEY = 200, DEEPEST = 64 };

typedef struct parsing {
    yaml_parser_t parser;
    format_yaml *tree;
    const format_yaml_source *source;
    int most_depth, depth;
    size_t most_nodes, nodes;
    format_yaml_node *open[DEEPEST + 1]; /* lists and mappings that are not closed, outermost first */
    const char *key;                     /* of the innermost mapping, when its value is due */
    int key_line;
    bool finished;
    base_error *e;
} parsing;

static tn_status fail_at(const parsing *p, tn_status status, size_t line, const char *fmt, ...) TN_PRINTF(4, 5);
static tn_status fail_at(const parsing *p, tn_status status, size_t line, const char *fmt, ...)
{
    char place[FORMAT_YAML_PLACE];
    va_list args;
    va_start(args, fmt);
    (void)base_vfail(p->e, status, fmt, args);
    va_end(args);
    (void)base_prefix(p->e, "%s", format_yaml_place(p->source, (int)line + 1, place));
    return status;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static tn_status take_key(parsing *p, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(p, TN_FORMAT, line, "a key must be a word, not a list or a mapping");
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length)
        return fail_at(p, TN_FORMAT, line, "a key holds a NUL character");
    if (event->data.scalar.length == 0)
        return fail_at(p, TN_FORMAT, line, "a key is empty");
    if (event->data.scalar.length > MOST_KEY)
        return fail_at(p, TN_LIMIT, line, "a key has %zu bytes, at most %d are allowed", event->data.scalar.length,
                       MOST_KEY);
    p->key = base_arena_strdup(&p->tree->arena, text);
    p->key_line = (int)line + 1;
    return p->key ? TN_OK : base_no_memory(p->e, "reading YAML");
}

static tn_status attach(parsing *p, format_yaml_node *node)
{
    if (p->depth == 0) {
        p->tree->root = node;
        return TN_OK;
    }
    format_yaml_node *parent = p->open[p->depth - 1];
    if (!format_yaml_put(p->tree, parent, p->key, node))
        return base_no_memory(p->e, "reading YAML");
    if (p->key) {
        parent->items[parent->n - 1].line = p->key_line;
        p->key = NULL;
    }
    return TN_OK;
}

/* A scalar, or the start of a list or mapping: a key, or a node that is hung in. */
static tn_status take_node(parsing *p, const yaml_event_t *event)
{
    const yaml_mark_t *at = &event->start_mark;
    bool scalar = event->type == YAML_SCALAR_EVENT, list = event->type == YAML_SEQUENCE_START_EVENT;
    const void *anchor = scalar ? event->data.scalar.anchor
                         : list ? event->data.sequence_start.anchor
                                : event->data.mapping_start.anchor;
    const void *tag = scalar ? event->data.scalar.tag
                      : list ? event->data.sequence_start.tag
                             : event->data.mapping_start.tag;
    if (anchor)
        return fail_at(p, TN_FORMAT, at->line,
                       "anchors (&name) and aliases (*name) are not used here; write the value out");
    if (tag)
        return fail_at(p, TN_FORMAT, at->line, "tags (!name) are not used here; leave it out");
    if (++p->nodes > p->most_nodes)
        return fail_at(p, TN_LIMIT, at->line, "there are more than %zu values", p->most_nodes);
    if (p->depth && p->open[p->depth - 1]->kind == FORMAT_YAML_MAP && !p->key)
        return take_key(p, event);
    format_yaml_node origin = {.source = p->source, .line = (int)at->line + 1, .column = (int)at->column + 1};
    const char *text = scalar ? (const char *)event->data.scalar.value : NULL;
    if (scalar && strlen(text) != event->data.scalar.length)
        return fail_at(p, TN_FORMAT, at->line, "a text holds a NUL character");
    format_yaml_node *node = format_yaml_new(p->tree,
                                             scalar ? FORMAT_YAML_SCALAR
                                             : list ? FORMAT_YAML_LIST
                                                    : FORMAT_YAML_MAP,
                                             text, &origin);
    if (!node)
        return base_no_memory(p->e, "reading YAML");
    node->quoted = scalar && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    BASE_TRY(attach(p, node));
    if (scalar)
        return TN_OK;
    if (p->depth >= p->most_depth)
        return fail_at(p, TN_LIMIT, at->line, "lists and mappings are nested more than %d deep", p->most_depth);
    p->open[p->depth++] = node;
    return TN_OK;
}

static int by_key(const void *a, const void *b)
{
    const format_yaml_item *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);
    return order ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* Sorted, so that a mapping of a hundred thousand keys takes no hundred thousand squared. */
static tn_status check_duplicates(const parsing *p, const format_yaml_node *map)
{
    const format_yaml_item **sorted = malloc((map->n + 1) * sizeof *sorted);
    const format_yaml_item *first = NULL, *second = NULL;
    if (!sorted)
        return base_no_memory(p->e, "reading YAML");
    for (size_t i = 0; i < map->n; i++)
        sorted[i] = &map->items[i];
    if (map->n > 1)
        qsort(sorted, map->n, sizeof *sorted, by_key);
    for (size_t i = 1; i < map->n; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 && (!second || sorted[i]->line < second->line)) {
            first = sorted[i - 1];
            second = sorted[i];
        }
    free(sorted);
    if (!second)
        return TN_OK;
    return fail_at(p, TN_FORMAT, (size_t)second->line - 1, "key '%s' is given twice, the first time in line %d",
                   BASE_SHOW(second->key), first->line);
}

static tn_status take_end(parsing *p)
{
    format_yaml_node *node = p->open[--p->depth];
    return node->kind == FORMAT_YAML_MAP ? check_duplicates(p, node) : TN_OK;
}

/* ---- the text -------------------------------------------------------------------------------------------------- */

static tn_status fail_parser(const parsing *p)
{
    const yaml_parser_t *y = &p->parser;
    const char *problem = y->problem ? y->problem : "it is not YAML";
    if (y->error == YAML_MEMORY_ERROR)
        return base_no_memory(p->e, "reading YAML");
    if (y->error == YAML_READER_ERROR)
        return base_fail(p->e, TN_FORMAT, "%s: byte %zu: %s; the text must be UTF-8", p->source->name,
                         y->problem_offset, problem);
    bool tab = strstr(problem, "cannot start any token") || strstr(problem, "tab");
    return fail_at(p, TN_FORMAT, y->problem_mark.line, "column %zu: %s%s%s%s", y->problem_mark.column + 1, problem,
                   y->context ? " " : "", y->context ? y->context : "",
                   tab ? " (YAML is indented with spaces, never tabs; texts that open with @, ` or % need quotes)"
                       : "");
}

static tn_status take(parsing *p, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return take_node(p, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return take_end(p);
    case YAML_ALIAS_EVENT:
        return fail_at(p, TN_FORMAT, event->start_mark.line,
                       "anchors (&name) and aliases (*name) are not used here; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (p->tree->root)
            return fail_at(p, TN_FORMAT, event->start_mark.line, "a second document starts here; only one is read");
        return TN_OK;
    case YAML_STREAM_END_EVENT: p->finished = true; return TN_OK;
    default: return TN_OK;
    }
}

static tn_status run(parsing *p)
{
    while (!p->finished) {
        yaml_event_t event;
        if (!yaml_parser_parse(&p->parser, &event))
            return fail_parser(p);
        tn_status status = take(p, &event);
        yaml_event_delete(&event);
        BASE_TRY(status);
    }
    format_yaml_node origin = {.source = p->source, .line = 1, .column = 1};
    if (!p->tree->root || format_yaml_is_empty(p->tree->root))
        p->tree->root = format_yaml_new(p->tree, FORMAT_YAML_MAP, NULL, &origin);
    return p->tree->root ? TN_OK : base_no_memory(p->e, "reading YAML");
}

tn_status format_yaml_parse(const char *text, size_t bytes, const char *name, const char *folder,
                            const format_yaml_limits *limits, format_yaml *tree, base_error *e)
{
    size_t most = limits && limits->bytes ? limits->bytes : MOST_BYTES;
    *tree = (format_yaml){0};
    if (bytes > most)
        return base_fail(e, TN_LIMIT, "%s has %zu bytes, at most %zu are read", name, bytes, most);
    format_yaml_source *source = BASE_NEW(&tree->arena, format_yaml_source);
    if (source)
        *source =
            (format_yaml_source){base_arena_strdup(&tree->arena, name), base_arena_strdup(&tree->arena, folder), false};
    parsing p = {.tree = tree, .source = source, .e = e};
    p.most_depth = limits && limits->depth ? limits->depth : MOST_DEPTH;
    p.most_depth = p.most_depth < DEEPEST ? p.most_depth : DEEPEST;
    p.most_nodes = limits && limits->nodes ? limits->nodes : MOST_NODES;
    if (!source || !source->name || !source->folder || !yaml_parser_initialize(&p.parser))
        return base_no_memory(e, "reading YAML");
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, bytes);
    tn_status status = run(&p);
    yaml_parser_delete(&p.parser);
    if (status != TN_OK)
        tree->root = NULL;
    return status;
}

#else

tn_status format_yaml_parse(const char *text, size_t bytes, const char *name, const char *folder,
                            const format_yaml_limits *limits, format_yaml *tree, base_error *e)
{
    (void)text, (void)bytes, (void)folder, (void)limits;
    *tree = (format_yaml){0};
    return base_fail(
        e, TN_UNSUPPORTED,
        "%s: this build reads no YAML: libyaml was missing; install the Debian package libyaml-dev and build "
        "Tarn again",
        name);
}

#endif

tn_status format_yaml_read(const char *path, const format_yaml_limits *limits, format_yaml *tree, base_error *e)
{
    void *text = NULL;
    size_t bytes = 0;
    *tree = (format_yaml){0};
    BASE_TRY(base_file_read(path, limits && limits->bytes ? limits->bytes : MOST_BYTES, &text, &bytes, e));
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strdup(path) : strdup(".");
    tn_status status = folder ? TN_OK : base_no_memory(e, "reading YAML");
    if (folder && slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    if (status == TN_OK)
        status = format_yaml_parse(text, bytes, path, folder, limits, tree, e);
    free(folder);
    free(text);
    return status;
}
