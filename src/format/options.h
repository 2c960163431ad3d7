/* options.h: tables of options. One row per option says its key, type, default, range and purpose, and where it goes in a
 * struct; from it come parsing, checks, sentences, `tarn help` and the reference pages.
 *
 *     typedef struct sgd { uint64_t given; double lr; bool nesterov; } sgd;      // `given` comes first, always
 *     static const format_option rows[] = {
 *         FORMAT_FLOAT(sgd, lr, "0.01", "(0,)", "learning rate"),
 *         FORMAT_BOOL(sgd, nesterov, "false", "look ahead along the momentum"),
 *         {0}};
 *     static const format_table table = {.name = "sgd", .doc = "...", .options = rows};
 *
 * A range is written as in mathematics: "[0,1)" takes 0 and not 1, "(0,)" everything above 0, NULL everything finite. */
#ifndef FORMAT_OPTIONS_H
#define FORMAT_OPTIONS_H

#include "format/yaml.h"

typedef enum format_option_kind {
    FORMAT_KIND_BOOL = 1, /* bool */
    FORMAT_KIND_INT,      /* int64_t */
    FORMAT_KIND_FLOAT,    /* double */
    FORMAT_KIND_BYTES,    /* int64_t; "512M" and "2G" are binary: 512 * 2^20, 2 * 2^30 */
    FORMAT_KIND_STRING,   /* const char * */
    FORMAT_KIND_PATH,     /* const char *, made relative to where it was written */
    FORMAT_KIND_ENUM,     /* int, index into names */
    FORMAT_KIND_INTS,     /* format_ints; a single number counts as a list of one, as for the next two */
    FORMAT_KIND_FLOATS,   /* format_floats */
    FORMAT_KIND_STRINGS,  /* format_strings */
    FORMAT_KIND_PATHS,    /* format_strings, each as a path */
    FORMAT_KIND_TABLE,    /* a struct of its own, by a table of its own */
    FORMAT_KIND_NODE,     /* const format_yaml_node *, read by somebody else; NULL if not given */
} format_option_kind;

typedef struct format_ints {
    const int64_t *at;
    size_t n;
} format_ints;
typedef struct format_floats {
    const double *at;
    size_t n;
} format_floats;
typedef struct format_strings {
    const char *const *at;
    size_t n;
} format_strings;

struct format_table;
typedef struct format_option {
    const char *key;
    format_option_kind kind;
    const char *fallback;     /* as one would write it ("0.1", "[0.9, 0.999]"); NULL: none; or FORMAT_REQUIRED */
    const char *range;        /* of a number, or of each in a list */
    int least_n, most_n;      /* length of a list; most_n 0: any */
    const char *const *names; /* of an enum; of a path that may be a name too, the endings of paths. Ended by NULL */
    const struct format_table *table;
    const char *doc; /* one line */
    size_t offset;
} format_option;

typedef struct format_table {
    const char *name;
    const char *doc;
    const format_option *options; /* at most 64, ended by a row without key */
    const char *brief;            /* a bare scalar or list stands for {brief: it}; may be NULL */
} format_table;

#define FORMAT_REQUIRED "required"

/* The offset of a field, and a complaint by the compiler if it has another type. */
#define FORMAT_FIELD(S, field, type) (offsetof(S, field) + 0 * sizeof(*(1 ? &((S *)0)->field : (type *)0)))
#define FORMAT_BOOL(S, f, fallback_, doc_)                                                                             \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_BOOL, .fallback = fallback_, .doc = doc_, .offset = FORMAT_FIELD(S, f, bool)    \
    }
#define FORMAT_INT(S, f, fallback_, range_, doc_)                                                                      \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_INT, .fallback = fallback_, .range = range_, .doc = doc_,                       \
        .offset = FORMAT_FIELD(S, f, int64_t)                                                                          \
    }
#define FORMAT_FLOAT(S, f, fallback_, range_, doc_)                                                                    \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_FLOAT, .fallback = fallback_, .range = range_, .doc = doc_,                     \
        .offset = FORMAT_FIELD(S, f, double)                                                                           \
    }
#define FORMAT_BYTES(S, f, fallback_, doc_)                                                                            \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_BYTES, .fallback = fallback_, .doc = doc_,                                      \
        .offset = FORMAT_FIELD(S, f, int64_t)                                                                          \
    }
#define FORMAT_STRING(S, f, fallback_, doc_)                                                                           \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_STRING, .fallback = fallback_, .doc = doc_,                                     \
        .offset = FORMAT_FIELD(S, f, const char *)                                                                     \
    }
#define FORMAT_PATH(S, f, fallback_, doc_)                                                                             \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_PATH, .fallback = fallback_, .doc = doc_,                                       \
        .offset = FORMAT_FIELD(S, f, const char *)                                                                     \
    }
/* A name, or a path if it has one of these endings. */
#define FORMAT_NAME_OR_PATH(S, f, fallback_, endings_, doc_)                                                           \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_PATH, .fallback = fallback_, .names = endings_, .doc = doc_,                    \
        .offset = FORMAT_FIELD(S, f, const char *)                                                                     \
    }
#define FORMAT_ENUM(S, f, fallback_, names_, doc_)                                                                     \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_ENUM, .fallback = fallback_, .names = names_, .doc = doc_,                      \
        .offset = FORMAT_FIELD(S, f, int)                                                                              \
    }
#define FORMAT_INTS(S, f, fallback_, range_, least_n_, most_n_, doc_)                                                  \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_INTS, .fallback = fallback_, .range = range_, .least_n = least_n_,              \
        .most_n = most_n_, .doc = doc_, .offset = FORMAT_FIELD(S, f, format_ints)                                      \
    }
#define FORMAT_FLOATS(S, f, fallback_, range_, least_n_, most_n_, doc_)                                                \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_FLOATS, .fallback = fallback_, .range = range_, .least_n = least_n_,            \
        .most_n = most_n_, .doc = doc_, .offset = FORMAT_FIELD(S, f, format_floats)                                    \
    }
#define FORMAT_STRINGS(S, f, fallback_, least_n_, most_n_, doc_)                                                       \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_STRINGS, .fallback = fallback_, .least_n = least_n_, .most_n = most_n_,         \
        .doc = doc_, .offset = FORMAT_FIELD(S, f, format_strings)                                                      \
    }
#define FORMAT_PATHS(S, f, fallback_, least_n_, most_n_, doc_)                                                         \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_PATHS, .fallback = fallback_, .least_n = least_n_, .most_n = most_n_,           \
        .doc = doc_, .offset = FORMAT_FIELD(S, f, format_strings)                                                      \
    }
#define FORMAT_TABLE(S, f, T, table_, doc_)                                                                            \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_TABLE, .table = table_, .doc = doc_, .offset = FORMAT_FIELD(S, f, T)            \
    }
#define FORMAT_NODE(S, f, fallback_, doc_)                                                                             \
    {                                                                                                                  \
        .key = #f, .kind = FORMAT_KIND_NODE, .fallback = fallback_, .doc = doc_,                                       \
        .offset = FORMAT_FIELD(S, f, const format_yaml_node *)                                                         \
    }

/* "set:NAME": not a place but a known set, which a program puts one in for. Such a path is no file's neighbour. */
/* Does an option's text stand for a place among files? */
bool format_is_path(const format_option *o, const char *text);
bool format_path_names_set(const char *path);

/* Fills *options from a node, defaults for what it does not say. A NULL node, or an empty one, says nothing; `origin` then
 * gives the line for sentences (may be NULL). `path` is how sentences call the node ("train", "" for the top). Strings and
 * lists live in the arena. */
tn_status format_options_read(const format_table *table, const format_yaml_node *node, const format_yaml_node *origin,
                              const char *path, base_arena *arena, void *options, base_error *e);
/* Was this key written, rather than filled in? False for keys that the table lacks. */
bool format_options_given(const format_table *table, const void *options, const char *key);

/* The other way: options as a mapping of `tree`, defaults written out; NULL when memory is out. Rows that have neither been
 * given nor have a default are left out, as are those that `applies` (may be NULL) says no to. Relative paths get `folder`
 * in front (NULL: as they are). Nodes are copied. */
typedef bool (*format_applies)(const void *user, const format_table *table, const format_option *option);
format_yaml_node *format_options_tree(const format_table *table, const void *options, const char *folder,
                                      format_applies applies, const void *user, format_yaml *tree);

/* The tables as text for a terminal or as a markdown table, inner tables with dotted keys below their own. */
void format_options_help(const format_table *table, base_str *out);
void format_options_markdown(const format_table *table, base_str *out);

/* What the writer of `word` may have meant, among names that end with NULL, or among the keys of a table; NULL if
 * nothing is near. Knows other libraries' words for the same ("batch_size"). */
const char *format_nearest(const char *word, const char *const *names);
const char *format_options_nearest(const format_table *table, const char *word);
/* "; did you mean 'x'?" for a near name, otherwise "; known are a, b, c". Returns buffer. */
enum { FORMAT_HINT = 400 };
const char *format_hint(const char *word, const char *const *names, char buffer[FORMAT_HINT]);

/* NULL, or what is wrong with a table itself (default outside its range, two equal keys, ...): for tests. */
const char *format_table_check(const format_table *table, base_error *e);

#endif
