/* entries.c: vocabularies and merges as they are read; see files.h.
 *
 * A vocab.json of 50,000 entries is read by a loop of our own, in a few milliseconds: one object of strings and whole numbers.
 * Whatever else a text holds is left to the JSON reader of the house, which also finds the words for what is wrong. */
#include <stdlib.h>

#include "base/number.h"
#include "base/text.h"
#include "data/text/files.h"
#include "data/text/unicode.h"

tn_status text_entry_add(tn_tokenizer *t, const char *text, size_t bytes, int64_t id, text_entries *to, base_error *e)
{
    if (bytes > TEXT_MOST_TOKEN_BYTES)
        return base_fail(e, TN_LIMIT, "the token with id %lld has %zu bytes; at most %d are read", (long long)id, bytes,
                         TEXT_MOST_TOKEN_BYTES);
    tn_text kept = text_keep(t, text, bytes);
    if (!kept.at)
        return base_no_memory(e, "reading a vocabulary");
    text_entry entry = {kept.at, (uint32_t)bytes, id, false};
    if (t->raw) {
        char *raw = (char *)(uintptr_t)kept.at; /* ours, and bytes are never more than what spells them */
        entry.literal = !text_alphabet_read(kept.at, bytes, raw, &entry.bytes);
        raw[entry.bytes] = '\0';
    }
    return base_vec_push(to, entry) ? TN_OK : base_no_memory(e, "reading a vocabulary");
}

/* ---- the quick reader ------------------------------------------------------------------------------------------ */

typedef struct flat {
    const char *at, *end;
    char *string; /* room for the longest one: the whole text */
    size_t n;
} flat;

static void skip(flat *f)
{
    while (f->at < f->end && (*f->at == ' ' || *f->at == '\n' || *f->at == '\r' || *f->at == '\t'))
        f->at++;
}

static bool is(flat *f, char c)
{
    skip(f);
    if (f->at >= f->end || *f->at != c)
        return false;
    f->at++;
    return true;
}

static int32_t four_hex(const char *p)
{
    int32_t c = 0;
    for (int i = 0; i < 4; i++) {
        int d = p[i] >= '0' && p[i] <= '9'                 ? p[i] - '0'
                : (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f' ? (p[i] | 32) - 'a' + 10
                                                           : -1;
        if (d < 0)
            return -1;
        c = c << 4 | d;
    }
    return c;
}

/* What follows a backslash. Half of a surrogate pair alone, NUL and whatever else is odd is left to the other reader. */
static bool escaped(flat *f)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = f->at < f->end && *f->at ? strchr(from, *f->at) : NULL;
    if (known) {
        f->string[f->n++] = to[known - from];
        f->at++;
        return true;
    }
    if (f->end - f->at < 5 || *f->at != 'u')
        return false;
    int32_t c = four_hex(f->at + 1);
    f->at += 5;
    if (c >= 0xD800 && c < 0xDC00 && f->end - f->at >= 6 && f->at[0] == '\\' && f->at[1] == 'u') {
        int32_t low = four_hex(f->at + 2);
        if (low < 0xDC00 || low > 0xDFFF)
            return false;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        f->at += 6;
    }
    if (c <= 0 || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    f->n += text_put(c, f->string + f->n);
    return true;
}

static bool string(flat *f)
{
    f->n = 0;
    if (!is(f, '"'))
        return false;
    while (f->at < f->end && *f->at != '"') {
        unsigned char c = (unsigned char)*f->at++;
        if (c < 0x20 || (c == '\\' && !escaped(f)))
            return false;
        if (c != '\\')
            f->string[f->n++] = (char)c;
    }
    return is(f, '"') && base_utf8_valid(f->string, f->n);
}

static bool whole(flat *f, int64_t *value)
{
    skip(f);
    const char *start = f->at;
    *value = 0;
    while (f->at < f->end && *f->at >= '0' && *f->at <= '9' && f->at - start < 12)
        *value = *value * 10 + (*f->at++ - '0');
    size_t digits = (size_t)(f->at - start);
    return digits > 0 && digits < 12 && (digits == 1 || *start != '0');
}

/* False: not of the simple kind (or wrong); `to` may then hold a part. */
static bool read_flat(tn_tokenizer *t, flat *f, text_entries *to, tn_status *status, base_error *e)
{
    *status = TN_OK;
    if (!is(f, '{'))
        return false;
    for (bool first = true; !is(f, '}'); first = false) {
        int64_t id;
        if ((!first && !is(f, ',')) || !string(f) || !is(f, ':') || !whole(f, &id))
            return false;
        *status = text_entry_add(t, f->string, f->n, id, to, e);
        if (*status != TN_OK)
            return true;
    }
    skip(f);
    return f->at == f->end;
}

tn_status text_entries_value(tn_tokenizer *t, const format_json *object, const char *what, text_entries *to,
                             base_error *e)
{
    void *iter = NULL;
    const char *key;
    const format_json *value;
    BASE_TRY(format_json_as_object(object, what, e));
    while (format_json_next(object, &iter, &key, &value)) {
        char name[160];
        int64_t id = 0;
        (void)base_print(name, sizeof name, "%s: token \"%s\"", what, BASE_SHOW(key));
        BASE_TRY(format_json_as_i64(value, name, 0, TEXT_MOST_TOKENS, &id, e));
        BASE_TRY(text_entry_add(t, key, strlen(key), id, to, e));
    }
    return TN_OK;
}

tn_status text_entries_json(tn_tokenizer *t, const char *json, size_t bytes, const char *what, text_entries *to,
                            base_error *e)
{
    flat f = {.at = json, .end = json + bytes, .string = malloc(bytes + 8)};
    tn_status status = TN_OK;
    if (!f.string)
        return base_no_memory(e, "reading a vocabulary");
    bool done = read_flat(t, &f, to, &status, e);
    free(f.string);
    if (done)
        return status;
    to->n = 0;
    format_json *root = NULL;
    BASE_TRY(format_json_parse(json, bytes, NULL, what, &root, e));
    status = text_entries_value(t, root, what, to, e);
    format_json_free(root);
    return status;
}

/* ---- merges ---------------------------------------------------------------------------------------------------- */

static int32_t find_part(const tn_tokenizer *t, const char *text, size_t bytes, char *room, uint32_t *n)
{
    *n = (uint32_t)bytes;
    memcpy(room, text, bytes);
    if (t->raw && !text_alphabet_read(text, bytes, room, n))
        return -1;
    return text_vocab_find(&t->model.vocab, room, *n);
}

tn_status text_merge_add(tn_tokenizer *t, text_merge *to, const char *left, size_t left_bytes, const char *right,
                         size_t right_bytes, const char *what, size_t line, base_error *e)
{
    const text_model *m = &t->model;
    char small[512], *room = small;
    uint32_t a, b;
    size_t prefix = m->prefix ? strlen(m->prefix) : 0;
    if (left_bytes + right_bytes > sizeof small && !(room = malloc(left_bytes + right_bytes)))
        return base_no_memory(e, "reading merges");
    int32_t l = find_part(t, left, left_bytes, room, &a), r = find_part(t, right, right_bytes, room + a, &b), both = -1;
    if (l >= 0 && r >= 0) {
        bool inner = prefix && b >= prefix && memcmp(room + a, m->prefix, prefix) == 0;
        if (inner)
            memmove(room + a, room + a + prefix, b -= (uint32_t)prefix);
        both = text_vocab_find(&m->vocab, room, a + b);
    }
    if (room != small)
        free(room);
    *to = (text_merge){l, r, both};
    if (both >= 0)
        return TN_OK;
    char shown[2][64];
    (void)base_print(shown[0], sizeof shown[0], "%.*s", (int)(left_bytes < 60 ? left_bytes : 60), left);
    (void)base_print(shown[1], sizeof shown[1], "%.*s", (int)(right_bytes < 60 ? right_bytes : 60), right);
    return base_fail(e, TN_FORMAT, "%s:%zu: merge of \"%s\" and \"%s\": %s is not in the vocabulary", what, line,
                     BASE_SHOW(shown[0]), BASE_SHOW(shown[1]),
                     l < 0   ? "the first"
                     : r < 0 ? "the second"
                             : "what they give");
}

/* ---- added tokens and templates -------------------------------------------------------------------------------- */

tn_status text_added_put(tn_tokenizer *t, text_added added, base_error *e)
{
    if ((t->n_added & (t->n_added - 1)) == 0) { /* 0, 1, 2, 4, ...: the array may be full */
        text_added *at = BASE_ARRAY(&t->arena, text_added, 2 * t->n_added + 1);
        if (!at)
            return base_no_memory(e, "making a tokenizer");
        if (t->n_added)
            memcpy(at, t->added, t->n_added * sizeof *at);
        t->added = at;
    }
    t->added[t->n_added++] = added;
    return TN_OK;
}

tn_status text_added_special(tn_tokenizer *t, const char *text, base_error *e)
{
    int32_t id = text_vocab_find(&t->model.vocab, text, strlen(text));
    if (id < 0)
        return TN_OK;
    tn_text kept = text_keep(t, text, strlen(text));
    if (!kept.at)
        return base_no_memory(e, "making a tokenizer");
    return text_added_put(t, (text_added){.text = kept, .id = id, .special = true}, e);
}

tn_status text_template_make(tn_tokenizer *t, text_template *to, const char *const *places, size_t n, base_error *e)
{
    uint8_t type = 0;
    to->at = BASE_ARRAY(&t->arena, text_place, n);
    to->n = n;
    if (!to->at)
        return base_no_memory(e, "making a tokenizer");
    for (size_t i = 0; i < n; i++) {
        bool text = places[i][0] == '$';
        if (text && places[i][1] == 'B')
            type = 1;
        to->at[i] = (text_place){.text = text ? places[i][1] == 'B' : -1, .id = -1, .type = type};
        if (text)
            continue;
        to->at[i].id = text_id_of(t, places[i], strlen(places[i]));
        to->at[i].token = base_arena_strdup(&t->arena, places[i]);
        if (to->at[i].id < 0)
            return base_fail(e, TN_FORMAT, "the vocabulary has no token \"%s\", which is to stand around texts",
                             BASE_SHOW(places[i]));
        if (!to->at[i].token)
            return base_no_memory(e, "making a tokenizer");
    }
    return TN_OK;
}
