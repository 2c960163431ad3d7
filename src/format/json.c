/* json.c: reading JSON through jansson; see json.h.
 *
 * jansson's own limits are fixed when it is built (2,048 levels, no bound on the number of values), so a scan over the
 * text counts levels and values first; it need not understand more of JSON than where strings end. */
#include "format/json.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

#ifdef TARN_HAVE_JANSSON

#include <jansson.h>

static tn_status check_limits(const char *text, size_t bytes, const format_json_limits *limits, const char *what,
                              base_error *e)
{
    size_t most_bytes = limits && limits->bytes ? limits->bytes : (size_t)64 << 20;
    size_t most_values = limits && limits->values ? limits->values : 4000000;
    int most_depth = limits && limits->depth ? limits->depth : 64, depth = 0;
    size_t values = 1;
    bool string = false;
    if (bytes > most_bytes)
        return base_fail(e, TN_LIMIT, "%s has %zu bytes of JSON; at most %zu are read", what, bytes, most_bytes);
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (string) {
            i += c == '\\';
            string = c != '"';
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            values++;
            if (++depth > most_depth)
                return base_fail(e, TN_LIMIT, "%s, byte %zu: lists and objects are nested more than %d deep", what, i,
                                 most_depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == ',' && ++values > most_values) {
            return base_fail(e, TN_LIMIT, "%s has more than %zu values", what, most_values);
        }
    }
    return TN_OK;
}

tn_status format_json_parse(const char *text, size_t bytes, const format_json_limits *limits, const char *what,
                            format_json **out, base_error *e)
{
    json_error_t problem;
    *out = NULL;
    BASE_TRY(check_limits(text, bytes, limits, what, e));
    /* When memory is out in the middle of a word, jansson calls that a word out of place, or leaves a letter out and says
     * nothing. So everything is read twice: a sentence about the text is only said of the text, and what comes is what is
     * there. */
    json_t *again = NULL;
    for (int turn = 0; turn < 3 && (!*out || !again); turn++)
        *(*out ? &again : out) = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    bool same = again && json_equal(*out, again);
    json_decref(again);
    if (same)
        return TN_OK;
    if (*out) {
        json_decref(*out);
        *out = NULL;
        return base_no_memory(e, "reading JSON");
    }
    if (problem.text[0] == '\0' || json_error_code(&problem) == json_error_out_of_memory)
        return base_no_memory(e, "reading JSON");
    return base_fail(e, TN_FORMAT, "%s is not JSON: line %d, column %d: %s", what, problem.line, problem.column,
                     BASE_SHOW(problem.text));
}

void format_json_free(format_json *root)
{
    json_decref(root);
}

const format_json *format_json_find(const format_json *object, const char *key)
{
    return json_object_get(object, key);
}

size_t format_json_count(const format_json *value)
{
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

const format_json *format_json_at(const format_json *list, size_t i)
{
    return json_array_get(list, i);
}

bool format_json_next(const format_json *object, void **iter, const char **key, const format_json **value)
{
    json_t *o = (json_t *)(uintptr_t)object; /* jansson's iterators take no const, but change nothing */
    *iter = *iter ? json_object_iter_next(o, *iter) : json_object_iter(o);
    if (!*iter)
        return false;
    *key = json_object_iter_key(*iter);
    *value = json_object_iter_value(*iter);
    return true;
}

const char *format_json_kind(const format_json *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

static tn_status wrong(const format_json *value, const char *what, const char *due, base_error *e)
{
    return base_fail(e, TN_FORMAT, "%s is %s, %s is due", what, format_json_kind(value), due);
}

tn_status format_json_as_string(const format_json *value, const char *what, const char **out, base_error *e)
{
    if (!json_is_string(value))
        return wrong(value, what, "a string", e);
    *out = json_string_value(value);
    return TN_OK;
}

tn_status format_json_as_i64(const format_json *value, const char *what, int64_t least, int64_t most, int64_t *out,
                             base_error *e)
{
    if (json_is_real(value)) {
        char text[32];
        return base_fail(e, TN_FORMAT, "%s is %s, a whole number is due", what,
                         base_format_f64(json_real_value(value), text));
    }
    if (!json_is_integer(value))
        return wrong(value, what, "a whole number", e);
    int64_t v = json_integer_value(value);
    if (v < least || v > most)
        return base_fail(e, TN_FORMAT, "%s is %lld; it must lie between %lld and %lld", what, (long long)v,
                         (long long)least, (long long)most);
    *out = v;
    return TN_OK;
}

tn_status format_json_as_f64(const format_json *value, const char *what, double *out, base_error *e)
{
    static const char *const special[] = {"nan", "inf", "-inf"};
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return TN_OK;
    }
    for (size_t i = 0; json_is_string(value) && i < 3; i++)
        if (strcmp(json_string_value(value), special[i]) == 0 && base_parse_f64(special[i], out))
            return TN_OK;
    return wrong(value, what, "a number", e);
}

tn_status format_json_as_bool(const format_json *value, const char *what, bool *out, base_error *e)
{
    if (!json_is_boolean(value))
        return wrong(value, what, "true or false", e);
    *out = json_is_true(value);
    return TN_OK;
}

tn_status format_json_as_list(const format_json *value, const char *what, base_error *e)
{
    return json_is_array(value) ? TN_OK : wrong(value, what, "a list", e);
}

tn_status format_json_as_object(const format_json *value, const char *what, base_error *e)
{
    return json_is_object(value) ? TN_OK : wrong(value, what, "an object", e);
}

#else /* without jansson: nothing can be parsed, so no value exists that the rest could be asked about */

static tn_status missing(base_error *e)
{
    return base_fail(e, TN_UNSUPPORTED,
                     "this build reads no JSON: jansson was missing; install the Debian package "
                     "libjansson-dev and build Tarn again");
}

tn_status format_json_parse(const char *text, size_t bytes, const format_json_limits *limits, const char *what,
                            format_json **out, base_error *e)
{
    (void)text, (void)bytes, (void)limits;
    *out = NULL;
    tn_status status = missing(e);
    (void)base_prefix(e, "%s: ", what);
    return status;
}

void format_json_free(format_json *root)
{
    (void)root;
}

const format_json *format_json_find(const format_json *object, const char *key)
{
    (void)object, (void)key;
    return NULL;
}

size_t format_json_count(const format_json *value)
{
    (void)value;
    return 0;
}

const format_json *format_json_at(const format_json *list, size_t i)
{
    (void)list, (void)i;
    return NULL;
}

bool format_json_next(const format_json *object, void **iter, const char **key, const format_json **value)
{
    (void)object, (void)iter, (void)key, (void)value;
    return false;
}

const char *format_json_kind(const format_json *value)
{
    (void)value;
    return "nothing";
}

tn_status format_json_as_string(const format_json *value, const char *what, const char **out, base_error *e)
{
    (void)value, (void)what, (void)out;
    return missing(e);
}

tn_status format_json_as_i64(const format_json *value, const char *what, int64_t least, int64_t most, int64_t *out,
                             base_error *e)
{
    (void)value, (void)what, (void)least, (void)most, (void)out;
    return missing(e);
}

tn_status format_json_as_f64(const format_json *value, const char *what, double *out, base_error *e)
{
    (void)value, (void)what, (void)out;
    return missing(e);
}

tn_status format_json_as_bool(const format_json *value, const char *what, bool *out, base_error *e)
{
    (void)value, (void)what, (void)out;
    return missing(e);
}

tn_status format_json_as_list(const format_json *value, const char *what, base_error *e)
{
    (void)value, (void)what;
    return missing(e);
}

tn_status format_json_as_object(const format_json *value, const char *what, base_error *e)
{
    (void)value, (void)what;
    return missing(e);
}

#endif

/* ---- built on the above ---------------------------------------------------------------------------------------- */

tn_status format_json_as_i64s(const format_json *value, const char *what, int64_t *out, size_t most, size_t *n,
                              base_error *e)
{
    BASE_TRY(format_json_as_list(value, what, e));
    *n = format_json_count(value);
    if (*n > most)
        return base_fail(e, TN_FORMAT, "%s has %zu entries, at most %zu are allowed", what, *n, most);
    for (size_t i = 0; i < *n; i++)
        if (format_json_as_i64(format_json_at(value, i), what, INT64_MIN, INT64_MAX, &out[i], NULL) != TN_OK)
            return base_fail(e, TN_FORMAT, "%s: entry %zu is no whole number", what, i);
    return TN_OK;
}

/* "metadata key 'labels'", in buffer; and the value, or the sentence that it is missing. */
static tn_status look_up(const format_json *object, const char *what, const char *key, char buffer[200],
                         const format_json **value, base_error *e)
{
    (void)snprintf(buffer, 200, "%.90s key '%.90s'", what, key);
    *value = format_json_find(object, key);
    if (*value)
        return TN_OK;
    BASE_TRY(format_json_as_object(object, what, e));
    return base_fail(e, TN_NOT_FOUND, "%s is missing", buffer);
}

tn_status format_json_get_string(const format_json *object, const char *what, const char *key, const char **out,
                                 base_error *e)
{
    char name[200];
    const format_json *value = NULL;
    BASE_TRY(look_up(object, what, key, name, &value, e));
    return format_json_as_string(value, name, out, e);
}

tn_status format_json_get_i64(const format_json *object, const char *what, const char *key, int64_t least, int64_t most,
                              int64_t *out, base_error *e)
{
    char name[200];
    const format_json *value = NULL;
    BASE_TRY(look_up(object, what, key, name, &value, e));
    return format_json_as_i64(value, name, least, most, out, e);
}

tn_status format_json_get_f64(const format_json *object, const char *what, const char *key, double *out, base_error *e)
{
    char name[200];
    const format_json *value = NULL;
    BASE_TRY(look_up(object, what, key, name, &value, e));
    return format_json_as_f64(value, name, out, e);
}

tn_status format_json_get_bool(const format_json *object, const char *what, const char *key, bool *out, base_error *e)
{
    char name[200];
    const format_json *value = NULL;
    BASE_TRY(look_up(object, what, key, name, &value, e));
    return format_json_as_bool(value, name, out, e);
}

tn_status format_json_get_list(const format_json *object, const char *what, const char *key, const format_json **out,
                               base_error *e)
{
    char name[200];
    BASE_TRY(look_up(object, what, key, name, out, e));
    return format_json_as_list(*out, name, e);
}

tn_status format_json_get_object(const format_json *object, const char *what, const char *key, const format_json **out,
                                 base_error *e)
{
    char name[200];
    BASE_TRY(look_up(object, what, key, name, out, e));
    return format_json_as_object(*out, name, e);
}
