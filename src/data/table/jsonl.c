/* jsonl.c: JSON lines: each line an object whose keys name columns. Where cells lie is found without building trees; a value
 * inside an object or list stays JSON text. */
#include <string.h>

#include "base/map.h"
#include "data/table/table.h"

enum { MOST_DEPTH = 64 };

typedef struct scanner {
    const char *p, *end;
    const char *wrong, *at; /* what and where */
} scanner;

static bool fail(scanner *s, const char *what)
{
    if (!s->wrong) {
        s->wrong = what;
        s->at = s->p;
    }
    return false;
}

static void space(scanner *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static bool hex4(const char *p, const char *end, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        if (p + i >= end)
            return false;
        char c = p[i];
        uint32_t v = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : 16;
        if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = (uint32_t)((c | 32) - 'a') + 10;
        if (v > 15)
            return false;
        *code = *code << 4 | v;
    }
    return true;
}

/* A string whose opening quote is at p; *text is what stands between the quotes. */
static bool string(scanner *s, const char **text, size_t *length, bool *escaped)
{
    *escaped = false;
    if (s->p >= s->end || *s->p != '"')
        return fail(s, "a string is due here");
    *text = ++s->p;
    for (; s->p < s->end && *s->p != '"'; s->p++) {
        if ((unsigned char)*s->p < 0x20)
            return fail(s, "a control character stands in a string");
        if (*s->p != '\\')
            continue;
        *escaped = true;
        uint32_t code;
        s->p++;
        if (s->p >= s->end || !strchr("\"\\/bfnrtu", *s->p) || *s->p == '\0')
            return fail(s, "after \\ comes one of \" \\ / b f n r t u");
        if (*s->p == 'u' && !hex4(s->p + 1, s->end, &code))
            return fail(s, "after \\u come four hexadecimal digits");
    }
    if (s->p >= s->end)
        return fail(s, "a string does not end in this line");
    *length = (size_t)(s->p++ - *text);
    return true;
}

/* A number, true, false, null: taken as text, which columns understand or not. */
static bool bare(scanner *s)
{
    const char *from = s->p;
    while (s->p < s->end && *s->p != ',' && *s->p != '}' && *s->p != ']' && *s->p != ' ' && *s->p != '\t' &&
           *s->p != '\r')
        s->p++;
    size_t n = (size_t)(s->p - from);
    double d;
    if ((n == 4 && (memcmp(from, "true", 4) == 0 || memcmp(from, "null", 4) == 0)) ||
        (n == 5 && memcmp(from, "false", 5) == 0))
        return true;
    if (n > 0 && (*from == '-' || (*from >= '0' && *from <= '9')) && table_parse_f64(from, n, &d))
        return true;
    s->p = from;
    return fail(s, "a value is due here: a string, a number, true, false, null, a list or an object");
}

/* A list or object is only walked over: brackets must pair, strings end. */
static bool nested(scanner *s)
{
    char stack[MOST_DEPTH];
    int depth = 0;
    do {
        if (s->p >= s->end)
            return fail(s, "a list or object does not end in this line");
        char c = *s->p;
        if (c == '"') {
            const char *text;
            size_t length;
            bool escaped;
            if (!string(s, &text, &length, &escaped))
                return false;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == MOST_DEPTH)
                return fail(s, "lists and objects are nested more than 64 deep");
            stack[depth++] = c;
        } else if (c == '}' || c == ']') {
            if (stack[--depth] != (c == '}' ? '{' : '['))
                return fail(s, "a bracket closes what another kind opened");
        }
        s->p++;
    } while (depth > 0);
    return true;
}

typedef struct member {
    const char *key;
    size_t key_length;
    bool key_escaped;
    const char *value;
    size_t length;
    uint32_t flags;
} member;

static bool read_value(scanner *s, member *m)
{
    m->value = s->p;
    m->flags = 0;
    if (s->p < s->end && *s->p == '"') {
        bool escaped;
        if (!string(s, &m->value, &m->length, &escaped))
            return false;
        m->flags = CELL_STRING | (escaped ? (uint32_t)CELL_ESCAPED : 0);
        return true;
    }
    bool inner = s->p < s->end && (*s->p == '{' || *s->p == '[');
    if (!(inner ? nested(s) : bare(s)))
        return false;
    m->length = (size_t)(s->p - m->value);
    if (inner)
        m->flags = CELL_STRING;
    else if (*m->value == 'n')
        m->flags = (uint32_t)CELL_NONE;
    return true;
}

/* The next member of an object; *done at its end. The scanner begins before '{' (first) or after a value. */
static bool next_member(scanner *s, bool first, member *m, bool *done)
{
    space(s);
    *done = false;
    if (s->p >= s->end || *s->p != (first ? '{' : ',')) {
        if (first)
            return fail(s, "a line of JSON lines is an object, which begins with {");
        if (s->p >= s->end || *s->p != '}')
            return fail(s, "a comma or } is due here");
    }
    *done = *s->p++ == '}';
    space(s);
    if (first && s->p < s->end && *s->p == '}') {
        s->p++;
        *done = true;
    }
    if (*done) {
        space(s);
        return s->p == s->end || fail(s, "something follows the object in its line");
    }
    if (!string(s, &m->key, &m->key_length, &m->key_escaped))
        return false;
    space(s);
    if (s->p >= s->end || *s->p != ':')
        return fail(s, "a colon is due after a key");
    s->p++;
    space(s);
    return read_value(s, m);
}

/* ---- unescaping ------------------------------------------------------------------------------------------------- */

static size_t put_code(char *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800)
        return to[0] = (char)(0xC0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (char)(0xE0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)), to[2] = (char)(0x80 | (c & 63)), 3;
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63));
    to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Half of a surrogate pair without the other is U+FFFD, and \\u0000, which no text holds. What comes out is never longer than what went in. */
size_t table_json_unescape(const table_source *s, const char *text, size_t length, char *to)
{
    static const char from[] = "bfnrt\"\\/", plain[] = "\b\f\n\r\t\"\\/";
    const char *end = text + length;
    size_t n = 0;
    (void)s;
    for (const char *p = text; p < end;) {
        if (*p != '\\' || p + 1 >= end) {
            to[n++] = *p++;
            continue;
        }
        const char *which = p[1] ? strchr(from, p[1]) : NULL;
        uint32_t code = 0xFFFD, low = 0;
        if (which) {
            to[n++] = plain[which - from];
            p += 2;
            continue;
        }
        (void)hex4(p + 2, end, &code);
        p += p + 6 <= end ? 6 : end - p;
        if (code >= 0xD800 && code < 0xDC00 && p + 6 <= end && p[0] == '\\' && p[1] == 'u' && hex4(p + 2, end, &low) &&
            low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
        n += put_code(to + n, code == 0 || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code);
    }
    return n;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const char *end_of_line(const char *p, const char *end)
{
    const char *q = memchr(p, '\n', (size_t)(end - p));
    return q ? q : end;
}

static tn_status add_key(table_source *s, base_map *known, base_str *key, base_error *e)
{
    enum { MOST_COLUMNS = 1 << 14 };
    if (key->failed)
        return base_no_memory(e, "reading a table");
    if (base_map_get(known, base_str_text(key)))
        return TN_OK;
    if (s->n_columns == MOST_COLUMNS)
        return base_fail(e, TN_LIMIT, "%.300s: there are more than %d different keys", s->name, MOST_COLUMNS);
    if ((s->n_columns & (s->n_columns - 1)) == 0) { /* a power of two is full */
        char **more = BASE_ARRAY(s->arena, char *, s->n_columns ? s->n_columns * 2 : 1);
        if (!more)
            return base_no_memory(e, "reading a table");
        if (s->n_columns)
            memcpy(more, s->names, sizeof *more * (size_t)s->n_columns);
        s->names = more;
    }
    char *name = base_arena_strdup(s->arena, base_str_text(key));
    if (!name || !base_map_put(known, name, name))
        return base_no_memory(e, "reading a table");
    s->names[s->n_columns++] = name;
    return TN_OK;
}

/* All keys of the file, in the order in which they come first, behind those that are known already. Lines that are wrong are left to the
 * passes. */
tn_status table_json_keys(table_source *s, base_error *e)
{
    const char *end = s->data + s->bytes;
    base_map known = {0};
    base_str key = {0};
    tn_status status = TN_OK;
    table_trouble wrong = {0};
    for (int k = 0; k < s->n_columns && status == TN_OK; k++)
        status = base_map_put(&known, s->names[k], s->names[k]) ? TN_OK : base_no_memory(e, "reading a table");
    for (const char *p = s->data; p < end && status == TN_OK;) {
        const char *line = end_of_line(p, end);
        scanner in = {.p = p, .end = line};
        member m;
        bool done = false;
        int k = 0;
        if (s->check_rows && table_row_fault(p, line) != FAULT_NONE) {
            p = line + (line < end);
            continue;
        }
        for (bool first = true; status == TN_OK && next_member(&in, first, &m, &done) && !done; first = false, k++) {
            if (k < s->n_columns && !m.key_escaped && strlen(s->names[k]) == m.key_length &&
                memcmp(s->names[k], m.key, m.key_length) == 0)
                continue; /* as in the line before */
            key.length = 0;
            base_str_bytes(&key, m.key, m.key_length);
            if (m.key_escaped && !key.failed) {
                key.length = table_json_unescape(s, m.key, m.key_length, key.text);
                key.text[key.length] = '\0';
            }
            status = add_key(s, &known, &key, e);
        }
        if (in.wrong && wrong.fault == FAULT_NONE)
            wrong = (table_trouble){.fault = FAULT_JSON, .at = in.at, .what = in.wrong};
        p = line + (line < end);
    }
    base_map_free(&known);
    base_str_free(&key);
    if (status == TN_OK && s->n_columns == 0 && wrong.fault != FAULT_NONE)
        status = table_trouble_fail(s, &wrong, e);
    else if (status == TN_OK && s->n_columns == 0)
        status = base_fail(e, TN_FORMAT, "%.300s: no line is an object with keys, as JSON lines are", s->name);
    return status;
}

static int column_of(const table_source *s, const member *m, int likely, char *scratch)
{
    const char *key = m->key;
    size_t length = m->key_length;
    if (m->key_escaped) {
        length = table_json_unescape(s, key, length, scratch);
        key = scratch;
    }
    for (int i = 0; i < s->n_columns; i++) {
        int k = (likely + i) % s->n_columns;
        if (strlen(s->names[k]) == length && memcmp(s->names[k], key, length) == 0)
            return k;
    }
    return -1;
}

/* The line at p as a row of cells. */
static tn_status read_line(const table_source *s, table_chunk *c, table_block *b, const char *p, const char *line)
{
    table_cell *row = b->cells + b->rows * s->n_columns;
    scanner in = {.p = p, .end = line};
    member m;
    bool done = false, first = true;
    int k = -1;
    const table_fault fault = s->check_rows ? table_row_fault(p, line) : FAULT_NONE;
    if (fault != FAULT_NONE)
        return table_bad(s, c, (table_trouble){.fault = fault, .at = p});
    for (int i = 0; i < s->n_columns; i++)
        row[i] = (table_cell){0, (uint32_t)CELL_NONE | CELL_LENGTH}; /* a length that no cell has: none came */
    for (; next_member(&in, first, &m, &done) && !done; first = false) {
        if (m.key_length > 4096)
            return table_bad(s, c, (table_trouble){.fault = FAULT_JSON, .at = m.key, .what = "this key is too long"});
        char scratch[4096];
        k = column_of(s, &m, k + 1, scratch);
        if (k < 0) /* its line is wrong further on, or was when keys were gathered */
            continue;
        if (row[k].length != ((uint32_t)CELL_NONE | CELL_LENGTH))
            return table_bad(s, c, (table_trouble){.fault = FAULT_REPEATED, .at = m.key});
        if (m.length >= CELL_LENGTH)
            return table_bad(s, c, (table_trouble){.fault = FAULT_LONG, .at = m.value});
        row[k] = (table_cell){(uint32_t)(m.value - b->base), (uint32_t)m.length | m.flags};
    }
    if (in.wrong)
        return table_bad(s, c, (table_trouble){.fault = FAULT_JSON, .at = in.at, .what = in.wrong});
    b->rows++;
    return TN_OK;
}

tn_status table_json_next(const table_source *s, table_chunk *c, table_block *b)
{
    b->base = c->at;
    b->rows = 0;
    while (c->at < c->end && b->rows < b->room && c->at - b->base < INT32_MAX) {
        const char *p = c->at, *line = end_of_line(p, c->end), *q = p;
        c->at = line + (line < c->end);
        while (q < line && (*q == ' ' || *q == '\t' || *q == '\r'))
            q++;
        if (q == line)
            continue;
        if (line - b->base > UINT32_MAX) {
            BASE_TRY(table_bad(s, c, (table_trouble){.fault = FAULT_LONG, .at = p}));
            continue;
        }
        BASE_TRY(read_line(s, c, b, p, line));
    }
    return TN_OK;
}
