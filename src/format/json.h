/* json.h: JSON read with limits (through jansson) and written in the order it is given (by ourselves). Numbers are the
 * same whatever the locale. Without jansson reading fails with a sentence that names the package; writing always works.
 */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include "base/error.h"
#include "base/str.h"

/* A value; jansson's json_t, which nobody else needs to see. */
typedef struct json_t format_json;

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct format_json_limits {
    size_t bytes;  /* of text; 0: 64 MiB */
    int depth;     /* lists and objects inside each other; 0: 64 */
    size_t values; /* in the whole text, keys not counted: memory is at most about 100 bytes each; 0: 4 million */
} format_json_limits;

/* Reads one JSON value, followed by nothing but space. `what` names the text in sentences ("model.safetensors:
 * header"). Duplicate keys, strings with a NUL inside, bad UTF-8, integers beyond 64 bits and reals beyond double are
 * refused. limits may be NULL. The caller frees *out. */
tn_status format_json_parse(const char *text, size_t bytes, const format_json_limits *limits, const char *what,
                            format_json **out, base_error *e);
/* Frees what format_json_parse gave; values found inside live as long as it does. */
void format_json_free(format_json *root);

/* The value of a key, or NULL (also when `object` is no object). */
const format_json *format_json_find(const format_json *object, const char *key);
/* Entries of a list or object, 0 for other values; and the i-th of a list, NULL out of range. */
size_t format_json_count(const format_json *value);
const format_json *format_json_at(const format_json *list, size_t i);
/* Walks an object in the order of the text: *iter starts NULL; false at the end. */
bool format_json_next(const format_json *object, void **iter, const char **key, const format_json **value);
/* "a string", "a number", "a list", "an object", "true or false", "null"; "nothing" for NULL. */
const char *format_json_kind(const format_json *value);

/* A value as a type; `what` opens the sentence: "metadata key 'labels'" gives "metadata key 'labels' is a number, a
 * list is due". Doubles accept integers and the strings "nan", "inf", "-inf", as the writer below makes them. Integers
 * must be written as such. Strings are borrowed from the value. */
tn_status format_json_as_string(const format_json *value, const char *what, const char **out, base_error *e);
tn_status format_json_as_i64(const format_json *value, const char *what, int64_t least, int64_t most, int64_t *out,
                             base_error *e);
tn_status format_json_as_f64(const format_json *value, const char *what, double *out, base_error *e);
tn_status format_json_as_bool(const format_json *value, const char *what, bool *out, base_error *e);
tn_status format_json_as_list(const format_json *value, const char *what, base_error *e);
tn_status format_json_as_object(const format_json *value, const char *what, base_error *e);
/* A list of at most `most` integers into out[]; *n says how many. */
tn_status format_json_as_i64s(const format_json *value, const char *what, int64_t *out, size_t most, size_t *n,
                              base_error *e);

/* The same for a key of an object that `what` names ("metadata"): a missing key is TN_NOT_FOUND. */
tn_status format_json_get_string(const format_json *object, const char *what, const char *key, const char **out,
                                 base_error *e);
tn_status format_json_get_i64(const format_json *object, const char *what, const char *key, int64_t least, int64_t most,
                              int64_t *out, base_error *e);
tn_status format_json_get_f64(const format_json *object, const char *what, const char *key, double *out, base_error *e);
tn_status format_json_get_bool(const format_json *object, const char *what, const char *key, bool *out, base_error *e);
tn_status format_json_get_list(const format_json *object, const char *what, const char *key, const format_json **out,
                               base_error *e);
tn_status format_json_get_object(const format_json *object, const char *what, const char *key, const format_json **out,
                                 base_error *e);

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Appends to a base_str, whose `failed` tells at the end whether memory was out:
 *     base_str s = {0};
 *     format_json_out w = {.to = &s};
 *     format_json_open_object(&w, NULL);
 *     format_json_put_f64(&w, "loss", 0.25);
 *     format_json_close(&w);
 * `key` is NULL inside lists and at the top. One line, no space after ':' and ','. Doubles have the shortest text that
 * reads back as the same double; nan and infinities, which JSON lacks, become the strings "nan", "inf", "-inf". What is
 * not UTF-8 in a string becomes U+FFFD. */
typedef struct format_json_out {
    base_str *to;
    bool comma;       /* a value stands before, in the innermost list or object */
    int depth;        /* deeper than 64 sets to->failed */
    uint64_t objects; /* bit d: level d is an object */
} format_json_out;

void format_json_open_object(format_json_out *w, const char *key);
void format_json_open_list(format_json_out *w, const char *key);
void format_json_close(format_json_out *w);
void format_json_put_string(format_json_out *w, const char *key, const char *text);
void format_json_put_i64(format_json_out *w, const char *key, int64_t value);
void format_json_put_f64(format_json_out *w, const char *key, double value);
void format_json_put_bool(format_json_out *w, const char *key, bool value);
void format_json_put_null(format_json_out *w, const char *key);
/* A value that is JSON already, checked by nobody. */
void format_json_put_raw(format_json_out *w, const char *key, const char *json);

#endif
