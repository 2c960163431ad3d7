/* yaml.h: YAML (through libyaml) as a tree of scalars, lists and mappings that knows the line of everything, and changes
 * to it from the command line. A scalar is text: what type it has is for the table of options to say, so that `no` is a
 * string where a string is due. Anchors, aliases, tags and second documents are refused, sizes and depth are bounded.
 * Without libyaml reading fails with a sentence that names the package; trees can still be built and written. */
#ifndef FORMAT_YAML_H
#define FORMAT_YAML_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Where a piece of a tree comes from: a file, or an override on the command line. */
typedef struct format_yaml_source {
    const char *name;   /* "recipe.yaml"; for an override its text, "train.lr=0.1" */
    const char *folder; /* relative paths in it start here: the file's folder, "." for an override */
    bool override;
} format_yaml_source;

typedef enum format_yaml_kind {
    FORMAT_YAML_SCALAR = 1,
    FORMAT_YAML_LIST = 2,
    FORMAT_YAML_MAP = 3,
} format_yaml_kind;

typedef struct format_yaml_node format_yaml_node;
typedef struct format_yaml_item {
    const char *key;                  /* of a mapping; NULL in a list */
    const format_yaml_source *source; /* of the key; in a list of the value */
    int line;
    format_yaml_node *value;
} format_yaml_item;

struct format_yaml_node {
    format_yaml_kind kind;
    const format_yaml_source *source;
    int line, column; /* from 1; 0 in overrides */
    bool quoted;      /* a scalar in quotes, or a block scalar: never a number */
    const char *text; /* of a scalar, UTF-8 without NUL */
    format_yaml_item *items;
    size_t n, capacity;
};

/* A tree and all that it points to. */
typedef struct format_yaml {
    base_arena arena;
    format_yaml_node *root; /* never NULL after a successful parse; an empty text is an empty mapping */
} format_yaml;

typedef struct format_yaml_limits {
    size_t bytes; /* 0: 1 MiB */
    int depth;    /* 0: 32 */
    size_t nodes; /* 0: 100,000 */
} format_yaml_limits;

/* Parses text into *tree, which the caller frees in any case. `name` stands in sentences ("recipe.yaml:7: ..."); `folder`
 * as in format_yaml_source. limits may be NULL. */
tn_status format_yaml_parse(const char *text, size_t bytes, const char *name, const char *folder,
                            const format_yaml_limits *limits, format_yaml *tree, base_error *e);
/* The same for a file. */
tn_status format_yaml_read(const char *path, const format_yaml_limits *limits, format_yaml *tree, base_error *e);
void format_yaml_free(format_yaml *tree);

/* Applies "a.b.2.units=64": keys of mappings and indices of lists, separated by points. Keys that are missing are made,
 * entries of lists are not. Behind an index, the one key of a mapping may be left out: layers.2.units reaches into
 * {conv2d: {units: 3}}. The value is YAML if it opens with [ { or a quote, otherwise it is the plain text behind the '=';
 * "a.b=" takes the key or the entry out, which must be there.
 * After a failure the tree is as it was, but for empty mappings. */
tn_status format_yaml_override(format_yaml *tree, const char *text, base_error *e);

/* The value of a key of a mapping, or NULL; and of its item, to learn the line of the key. */
format_yaml_node *format_yaml_get(const format_yaml_node *map, const char *key);
const format_yaml_item *format_yaml_find(const format_yaml_node *map, const char *key);

/* Building; NULL or false when memory is out. Text and keys are copied. */
format_yaml_node *format_yaml_new(format_yaml *tree, format_yaml_kind kind, const char *text,
                                  const format_yaml_node *from);
bool format_yaml_put(format_yaml *tree, format_yaml_node *parent, const char *key, format_yaml_node *value);

/* The tree as YAML that parses to the same tree (scalars that need quotes come back quoted). */
void format_yaml_write(const format_yaml_node *root, base_str *out);

/* "recipe.yaml:12: " or "override 'train.lr=x': ": how a sentence about it opens. */
enum { FORMAT_YAML_PLACE = 300 };
const char *format_yaml_place(const format_yaml_source *source, int line, char buffer[FORMAT_YAML_PLACE]);
/* "a mapping", "a list", "'text'", "nothing" (an empty plain scalar). */
const char *format_yaml_kind_of(const format_yaml_node *node, char buffer[FORMAT_YAML_PLACE]);
/* `key:` without a value, `~` or `null`. */
bool format_yaml_is_empty(const format_yaml_node *node);
/* Records a sentence that opens with the place of the node; FORMAT. */
tn_status format_yaml_fail(const format_yaml_node *node, base_error *e, const char *fmt, ...) TN_PRINTF(3, 4);

#endif
