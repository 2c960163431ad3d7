/* options.c: reading options by their table; see options.h. */
#include "format/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "format/options_text.h"

enum { MOST_PATH = 200 };

/* What stays the same while one table is read; `path` grows from table to table. */
typedef struct reading {
    base_arena *arena;
    base_error *e;
} reading;

static tn_status no_memory(const reading *r)
{
    return base_no_memory(r->e, "reading options");
}

/* ---- ranges ---------------------------------------------------------------------------------------------------- */

typedef struct bounds {
    double least, most;
    bool above, below;                  /* the bound itself is outside */
    char least_text[32], most_text[32]; /* as the table has them; "" for none */
} bounds;

/* One end of a range, "" for none. */
static bool parse_end(const char *from, size_t length, double *value, char text[32])
{
    if (length >= 32)
        return false;
    memcpy(text, from, length);
    text[length] = '\0';
    return length == 0 || base_parse_f64(text, value);
}

static bool parse_range(const char *range, bounds *b)
{
    *b = (bounds){.least = -(double)INFINITY, .most = (double)INFINITY};
    if (!range)
        return true;
    size_t length = strlen(range);
    const char *comma = strchr(range, ',');
    if (length < 3 || !comma || !strchr("[(", range[0]) || !strchr("])", range[length - 1]))
        return false;
    b->above = range[0] == '(';
    b->below = range[length - 1] == ')';
    return parse_end(range + 1, (size_t)(comma - range) - 1, &b->least, b->least_text) &&
           parse_end(comma + 1, (size_t)(range + length - comma) - 2, &b->most, b->most_text);
}

static bool in_range(const bounds *b, double v)
{
    return isfinite(v) && (b->above ? v > b->least : v >= b->least) && (b->below ? v < b->most : v <= b->most);
}

/* "at least 0 and below 1"; "" for everything. Returns buffer. */
const char *format_range_text(const char *range, char buffer[100])
{
    bounds b;
    buffer[0] = '\0';
    if (!parse_range(range, &b))
        return buffer;
    bool low = b.least_text[0], high = b.most_text[0];
    if (low && high && !b.above && !b.below)
        (void)snprintf(buffer, 100, "%s to %s", b.least_text, b.most_text);
    else
        (void)snprintf(buffer, 100, "%s%s%s%s%s", low ? b.above ? "above " : "at least " : "", b.least_text,
                       low && high ? " and " : "", high ? b.below ? "below " : "at most " : "", b.most_text);
    return buffer;
}

static tn_status check_range(const format_option *o, double v, const format_yaml_node *node, const char *path,
                             const reading *r)
{
    bounds b;
    char text[100];
    if (parse_range(o->range, &b) && in_range(&b, v))
        return TN_OK;
    if (!isfinite(v))
        return format_yaml_fail(node, r->e, "%s: '%s' is not a finite number", path, node->text);
    return format_yaml_fail(node, r->e, "%s: %s is out of range; it must be %s%s", path, node->text,
                            strstr(format_range_text(o->range, text), " to ") ? "from " : "", text);
}

/* ---- scalars --------------------------------------------------------------------------------------------------- */

static const char *due_of(const format_option *o)
{
    switch (o->kind) {
    case FORMAT_KIND_BOOL: return "true or false";
    case FORMAT_KIND_INT:
    case FORMAT_KIND_INTS: return "a whole number";
    case FORMAT_KIND_FLOAT:
    case FORMAT_KIND_FLOATS: return "a number";
    case FORMAT_KIND_BYTES: return "a number of bytes";
    case FORMAT_KIND_PATH:
    case FORMAT_KIND_PATHS: return o->names ? "a name or a path" : "a path";
    case FORMAT_KIND_ENUM: return "a word";
    case FORMAT_KIND_TABLE: return "a mapping";
    default: return "a text";
    }
}

static tn_status read_number(const format_option *o, const format_yaml_node *node, const char *path, bool whole,
                             void *field, const reading *r)
{
    double v = 0;
    int64_t i = 0;
    bool is_number = base_parse_f64(node->text, &v);
    if (node->quoted && is_number)
        return format_yaml_fail(node, r->e,
                                "%s: \"%s\" stands in quotes, which makes it a text; %s is due, so leave them out",
                                path, node->text, due_of(o));
    if (node->quoted || !is_number)
        return format_yaml_fail(node, r->e, "%s: '%s' is not %s", path, BASE_SHOW(node->text), due_of(o));
    if (!whole) {
        *(double *)field = v;
        return check_range(o, v, node, path, r);
    }
    if (!base_parse_i64(node->text, &i)) {
        bool digits = node->text[strspn(node->text, "+-0123456789")] == '\0';
        return format_yaml_fail(node, r->e, "%s: '%s' %s", path, BASE_SHOW(node->text),
                                digits ? "does not fit into 64 bits" : "is not a whole number");
    }
    *(int64_t *)field = i;
    return check_range(o, (double)i, node, path, r);
}

/* "1048576", "512M", "1.5G"; the letters of "MiB" and "MB" are taken for the same. */
static bool parse_bytes(const char *text, int64_t *bytes)
{
    static const char units[] = "kMGT";
    char number[40];
    double v = 0, scale = 1;
    size_t length = strspn(text, "0123456789.");
    const char *unit = text + length;
    if (length == 0 || length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    unit += *unit == ' ';
    if (*unit) {
        const char *which = strchr(units, *unit == 'K' ? 'k' : *unit);
        if (!which)
            return false;
        for (long i = which - units; i >= 0; i--)
            scale *= 1024;
        unit++;
        unit += *unit == 'i';
        unit += *unit == 'B';
    }
    if (*unit || !base_parse_f64(number, &v) || !(v * scale < 9e18))
        return false;
    *bytes = (int64_t)(v * scale);
    return true;
}

static tn_status read_bytes(const format_yaml_node *node, const char *path, int64_t *field, const reading *r)
{
    if (parse_bytes(node->text, field))
        return TN_OK;
    return format_yaml_fail(node, r->e, "%s: '%s' is not a number of bytes (1048576, 512M, 2G)", path,
                            BASE_SHOW(node->text));
}

static tn_status read_bool(const format_yaml_node *node, const char *path, bool *field, const reading *r)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; !node->quoted && i < 6; i++)
        if (strcmp(node->text, words[i]) == 0) {
            *field = i % 2;
            return TN_OK;
        }
    return format_yaml_fail(node, r->e, "%s: '%s' is neither true nor false%s", path, BASE_SHOW(node->text),
                            node->quoted ? " (quotes make it a text)" : "");
}

static tn_status read_enum(const format_option *o, const format_yaml_node *node, const char *path, int *field,
                           const reading *r)
{
    char hint[FORMAT_HINT];
    for (int i = 0; o->names[i]; i++)
        if (strcmp(node->text, o->names[i]) == 0) {
            *field = i;
            return TN_OK;
        }
    return format_yaml_fail(node, r->e, "%s: '%s' is none of its values%s", path, BASE_SHOW(node->text),
                            format_hint(node->text, o->names, hint));
}

bool format_path_names_set(const char *path)
{
    return strncmp(path, "set:", 4) == 0;
}

bool format_is_path(const format_option *o, const char *text)
{
    const char *const *ending = o->names;
    if (o->kind != FORMAT_KIND_PATH && o->kind != FORMAT_KIND_PATHS)
        return false;
    while (ending && *ending && !base_ends_with(text, *ending))
        ending++;
    return !ending || *ending;
}

static tn_status read_path(const format_option *o, const format_yaml_node *node, const char *path, const char **field,
                           const reading *r)
{
    const char *folder = node->source ? node->source->folder : ".";
    if (node->text[0] == '\0')
        return format_yaml_fail(node, r->e, "%s: the path is empty", path);
    bool as_is = !format_is_path(o, node->text) || node->text[0] == '/' || strcmp(folder, ".") == 0 ||
                 format_path_names_set(node->text);
    *field =
        as_is ? base_arena_strdup(r->arena, node->text)
              : base_arena_printf(r->arena, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", node->text);
    return *field ? TN_OK : no_memory(r);
}

static tn_status read_scalar(const format_option *o, const format_yaml_node *node, const char *path, void *field,
                             const reading *r)
{
    char kind[FORMAT_YAML_PLACE];
    if (node->kind != FORMAT_YAML_SCALAR)
        return format_yaml_fail(node, r->e, "%s is %s, %s is due", path, format_yaml_kind_of(node, kind), due_of(o));
    if (format_yaml_is_empty(node))
        return format_yaml_fail(node, r->e, "%s has no value, %s is due", path, due_of(o));
    switch (o->kind) {
    case FORMAT_KIND_BOOL: return read_bool(node, path, field, r);
    case FORMAT_KIND_INT:
    case FORMAT_KIND_INTS: return read_number(o, node, path, true, field, r);
    case FORMAT_KIND_FLOAT:
    case FORMAT_KIND_FLOATS: return read_number(o, node, path, false, field, r);
    case FORMAT_KIND_BYTES: return read_bytes(node, path, field, r);
    case FORMAT_KIND_ENUM: return read_enum(o, node, path, field, r);
    case FORMAT_KIND_PATH:
    case FORMAT_KIND_PATHS: return read_path(o, node, path, field, r);
    default:
        *(const char **)field = base_arena_strdup(r->arena, node->text);
        return *(const char **)field ? TN_OK : no_memory(r);
    }
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static tn_status check_length(const format_option *o, size_t n, const format_yaml_node *node, const char *path,
                              const reading *r)
{
    if (n >= (size_t)o->least_n && (o->most_n == 0 || n <= (size_t)o->most_n))
        return TN_OK;
    if (o->least_n == o->most_n)
        return format_yaml_fail(node, r->e, "%s has %zu entr%s, %d are due", path, n, n == 1 ? "y" : "ies", o->least_n);
    if (o->most_n == 0)
        return format_yaml_fail(node, r->e, "%s has %zu entr%s, at least %d are due", path, n, n == 1 ? "y" : "ies",
                                o->least_n);
    return format_yaml_fail(node, r->e, "%s has %zu entries, %d to %d are due", path, n, o->least_n, o->most_n);
}

/* The three lists have the same layout and entries of 8 bytes (or a pointer): one reader serves them all. */
static tn_status read_list(const format_option *o, const format_yaml_node *node, const char *path, void *field,
                           const reading *r)
{
    size_t size = o->kind == FORMAT_KIND_STRINGS || o->kind == FORMAT_KIND_PATHS ? sizeof(char *) : 8;
    bool list = node->kind == FORMAT_YAML_LIST;
    if (node->kind == FORMAT_YAML_MAP)
        return format_yaml_fail(node, r->e, "%s is a mapping, a list is due", path);
    size_t n = list ? node->n : 1;
    BASE_TRY(check_length(o, n, node, path, r));
    char *at = base_arena_array(r->arena, n + 1, size);
    if (!at)
        return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        char name[MOST_PATH + 32];
        (void)snprintf(name, sizeof name, list ? "%s.%zu" : "%s", path, i);
        BASE_TRY(read_scalar(o, list ? node->items[i].value : node, name, at + i * size, r));
    }
    if (o->kind == FORMAT_KIND_INTS)
        *(format_ints *)field = (format_ints){(const int64_t *)(const void *)at, n};
    else if (o->kind == FORMAT_KIND_FLOATS)
        *(format_floats *)field = (format_floats){(const double *)(const void *)at, n};
    else
        *(format_strings *)field = (format_strings){(const char *const *)(const void *)at, n};
    return TN_OK;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

/* A default as the node that one would have written: a scalar, or "[a, b]" as a list. */
static tn_status fallback_node(const format_option *o, format_yaml_node *node, const reading *r)
{
    format_yaml own = {0};
    bool list = o->kind == FORMAT_KIND_INTS || o->kind == FORMAT_KIND_FLOATS || o->kind == FORMAT_KIND_STRINGS ||
                o->kind == FORMAT_KIND_PATHS;
    *node = (format_yaml_node){.kind = FORMAT_YAML_SCALAR, .text = o->fallback, .quoted = o->fallback[0] == '\0'};
    if (!list || o->fallback[0] != '[')
        return TN_OK;
    *node = (format_yaml_node){.kind = FORMAT_YAML_LIST};
    char *copy = base_arena_strdup(r->arena, o->fallback + 1);
    tn_status status = copy ? TN_OK : no_memory(r);
    own.arena = *r->arena; /* lent for the calls below */
    for (char *p = copy, *next = NULL; status == TN_OK && *p && *p != ']'; p = next) {
        next = p + strcspn(p, ",]");
        bool more = *next == ',';
        *next = '\0';
        next += 1;
        next += strspn(next, " ");
        format_yaml_node *entry = format_yaml_new(&own, FORMAT_YAML_SCALAR, p, NULL);
        if (!entry || !format_yaml_put(&own, node, NULL, entry))
            status = no_memory(r);
        if (!more)
            break;
    }
    *r->arena = own.arena;
    return status;
}

static tn_status read_table(const format_table *table, const format_yaml_node *node, const format_yaml_node *origin,
                            const char *path, void *options, const reading *r);

static tn_status read_value(const format_option *o, const format_yaml_node *node, const char *path, void *field,
                            const reading *r)
{
    switch (o->kind) {
    case FORMAT_KIND_INTS:
    case FORMAT_KIND_FLOATS:
    case FORMAT_KIND_STRINGS:
    case FORMAT_KIND_PATHS: return read_list(o, node, path, field, r);
    case FORMAT_KIND_TABLE: return read_table(o->table, node, node, path, field, r);
    case FORMAT_KIND_NODE: *(const format_yaml_node **)field = node; return TN_OK;
    default: return read_scalar(o, node, path, field, r);
    }
}

static tn_status fill_in(const format_option *o, const char *path, const format_yaml_node *origin, void *field,
                         const reading *r)
{
    format_yaml_node node;
    if (o->kind == FORMAT_KIND_TABLE)
        return read_table(o->table, NULL, origin, path, field, r);
    if (!o->fallback || o->kind == FORMAT_KIND_NODE)
        return TN_OK;
    BASE_TRY(fallback_node(o, &node, r));
    return read_value(o, &node, path, field, r);
}

static const format_option *row_of(const format_table *table, const char *key)
{
    for (const format_option *o = table->options; o->key; o++)
        if (strcmp(o->key, key) == 0)
            return o;
    return NULL;
}

/* "; did you mean 'train.lr'?" where a table inside this one has the key that this one lacks; else as format_hint says. */
static const char *hint_on(const format_table *table, const char *path, const char *word, char hint[FORMAT_HINT])
{
    const char *keys[65] = {0};
    for (size_t i = 0; i < 64 && table->options[i].key; i++) {
        const format_option *o = &table->options[i];
        keys[i] = o->key;
        if (o->kind == FORMAT_KIND_TABLE && row_of(o->table, word)) {
            (void)snprintf(hint, FORMAT_HINT, "; did you mean '%s%s%s.%s'?", path, path[0] ? "." : "", o->key, word);
            return hint;
        }
    }
    return format_hint(word, keys, hint);
}

static tn_status check_keys(const format_table *table, const format_yaml_node *node, const char *path, const reading *r)
{
    char place[FORMAT_YAML_PLACE], hint[FORMAT_HINT];
    for (size_t i = 0; i < node->n; i++) {
        const format_yaml_item *item = &node->items[i];
        if (row_of(table, item->key))
            continue;
        (void)base_fail(r->e, TN_FORMAT, "unknown key '%s'%s%s%s%s", BASE_SHOW(item->key), path[0] ? " in '" : "", path,
                        path[0] ? "'" : "", hint_on(table, path, item->key, hint));
        (void)base_prefix(r->e, "%s", format_yaml_place(item->source, item->line, place));
        return TN_FORMAT;
    }
    return TN_OK;
}

static tn_status lacks(const format_option *o, const char *path, const format_yaml_node *origin, const reading *r)
{
    static const format_yaml_node nowhere = {0};
    if (path[0])
        return format_yaml_fail(origin ? origin : &nowhere, r->e, "'%s' lacks the key '%s' (%s)", path, o->key, o->doc);
    return format_yaml_fail(origin ? origin : &nowhere, r->e, "the key '%s' is missing (%s)", o->key, o->doc);
}

static tn_status read_rows(const format_table *table, const format_yaml_node *map, const format_yaml_node *origin,
                           const char *path, void *options, const reading *r)
{
    uint64_t given = 0;
    for (size_t i = 0; i < 64 && table->options[i].key; i++) {
        const format_option *o = &table->options[i];
        const format_yaml_node *value = format_yaml_get(map, o->key);
        void *field = (char *)options + o->offset;
        char name[MOST_PATH];
        (void)snprintf(name, sizeof name, "%s%s%s", path, path[0] ? "." : "", o->key);
        if (value) {
            BASE_TRY(read_value(o, value, name, field, r));
            given |= (uint64_t)1 << i;
        } else if (o->fallback && strcmp(o->fallback, FORMAT_REQUIRED) == 0) {
            return lacks(o, path, map ? map : origin, r);
        } else {
            BASE_TRY(fill_in(o, name, map ? map : origin, field, r));
        }
    }
    *(uint64_t *)options = given;
    return TN_OK;
}

static tn_status read_table(const format_table *table, const format_yaml_node *node, const format_yaml_node *origin,
                            const char *path, void *options, const reading *r)
{
    char kind[FORMAT_YAML_PLACE];
    if (!node || format_yaml_is_empty(node))
        return read_rows(table, NULL, node ? node : origin, path, options, r);
    if (node->kind == FORMAT_YAML_MAP) {
        BASE_TRY(check_keys(table, node, path, r));
        return read_rows(table, node, node, path, options, r);
    }
    if (!table->brief)
        return format_yaml_fail(node, r->e, "%s%s is %s, a mapping is due", path[0] ? path : "the text", "",
                                format_yaml_kind_of(node, kind));
    /* {brief: node}, on the stack; the rows keep no part of it but a node of their own */
    format_yaml_item item = {.key = table->brief, .source = node->source, .line = node->line};
    memcpy(&item.value, &node, sizeof node);
    format_yaml_node map = {FORMAT_YAML_MAP, node->source, node->line, node->column, false, NULL, &item, 1, 1};
    return read_rows(table, &map, node, path, options, r);
}

tn_status format_options_read(const format_table *table, const format_yaml_node *node, const format_yaml_node *origin,
                              const char *path, base_arena *arena, void *options, base_error *e)
{
    reading r = {arena, e};
    return read_table(table, node, origin, path, options, &r);
}

bool format_options_given(const format_table *table, const void *options, const char *key)
{
    const format_option *o = row_of(table, key);
    return o && (*(const uint64_t *)options >> (o - table->options)) & 1;
}

/* ---- the tables themselves ------------------------------------------------------------------------------------- */

static const char *check_row(const format_table *table, const format_option *o, base_error *e)
{
    bounds b;
    if (!o->doc || !o->doc[0])
        return "an option has no line of doc";
    if (row_of(table, o->key) != o)
        return "a key stands in two rows";
    if (!parse_range(o->range, &b))
        return "a range is not like [0,1)";
    if ((o->kind == FORMAT_KIND_ENUM) != (o->names != NULL) || (o->kind == FORMAT_KIND_TABLE) != (o->table != NULL))
        return "an enum has no names, or a table no table";
    if (o->table)
        return format_table_check(o->table, e);
    if (!o->fallback || strcmp(o->fallback, FORMAT_REQUIRED) == 0)
        return NULL;
    base_arena arena = {0};
    reading r = {&arena, e};
    int64_t field[2] = {0};
    tn_status status = fill_in(o, o->key, NULL, field, &r);
    base_arena_free(&arena);
    return status == TN_OK ? NULL : e->text;
}

const char *format_table_check(const format_table *table, base_error *e)
{
    size_t n = 0;
    for (const format_option *o = table->options; o->key; o++, n++) {
        const char *problem = check_row(table, o, e);
        if (problem) {
            (void)base_fail(e, TN_INTERNAL, "%s: %s: %s", table->name, o->key,
                            problem == e->text ? "its default is bad" : problem);
            return e->text;
        }
    }
    if (n > 64)
        return "a table has more than 64 rows";
    return table->brief && !row_of(table, table->brief) ? "the brief key is not in the table" : NULL;
}
