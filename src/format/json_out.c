/* json_out.c: writing JSON; see json.h. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "format/json.h"

static void add_quoted(base_str *s, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = strlen(text), used = 0;
    base_str_add(s, "\"");
    for (size_t i = 0; i < length; i += used) {
        int32_t code = base_utf8_next(text + i, length - i, &used);
        if (code < 0) {
            used = 1;
            base_str_add(s, "\xEF\xBF\xBD");
        } else if (code == '"' || code == '\\') {
            base_str_bytes(s, "\\", 1);
            base_str_bytes(s, text + i, 1);
        } else if (code == '\n') {
            base_str_add(s, "\\n");
        } else if (code == '\t') {
            base_str_add(s, "\\t");
        } else if (code < 0x20 || code == 0x7F) {
            base_str_bytes(s, (char[]){'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]}, 6);
        } else {
            base_str_bytes(s, text + i, used);
        }
    }
    base_str_add(s, "\"");
}

/* What stands before a value: the comma after its elder, and its key. */
static void lead(format_json_out *w, const char *key)
{
    if (w->comma)
        base_str_bytes(w->to, ",", 1);
    w->comma = true;
    if (key) {
        add_quoted(w->to, key);
        base_str_bytes(w->to, ":", 1);
    }
}

static void open_level(format_json_out *w, const char *key, bool object)
{
    lead(w, key);
    if (w->depth >= 64) {
        w->to->failed = true;
        return;
    }
    uint64_t bit = (uint64_t)1 << w->depth++;
    w->objects = object ? w->objects | bit : w->objects & ~bit;
    w->comma = false;
    base_str_bytes(w->to, object ? "{" : "[", 1);
}

void format_json_open_object(format_json_out *w, const char *key)
{
    open_level(w, key, true);
}

void format_json_open_list(format_json_out *w, const char *key)
{
    open_level(w, key, false);
}

void format_json_close(format_json_out *w)
{
    if (w->depth == 0) {
        w->to->failed = true;
        return;
    }
    bool object = (w->objects >> --w->depth) & 1;
    base_str_bytes(w->to, object ? "}" : "]", 1);
    w->comma = true;
}

void format_json_put_string(format_json_out *w, const char *key, const char *text)
{
    lead(w, key);
    add_quoted(w->to, text);
}

void format_json_put_i64(format_json_out *w, const char *key, int64_t value)
{
    lead(w, key);
    base_str_printf(w->to, "%lld", (long long)value);
}

void format_json_put_f64(format_json_out *w, const char *key, double value)
{
    char text[32];
    lead(w, key);
    base_format_f64(value, text);
    base_str_printf(w->to, isfinite(value) ? "%s" : "\"%s\"", text);
    if (isfinite(value) && !strpbrk(text, ".e"))
        base_str_add(w->to, ".0"); /* stays a real for readers that tell the two apart */
}

void format_json_put_bool(format_json_out *w, const char *key, bool value)
{
    lead(w, key);
    base_str_add(w->to, value ? "true" : "false");
}

void format_json_put_null(format_json_out *w, const char *key)
{
    lead(w, key);
    base_str_add(w->to, "null");
}

void format_json_put_raw(format_json_out *w, const char *key, const char *json)
{
    lead(w, key);
    base_str_add(w->to, json);
}
