/* pattern.c: see pattern.h. A pattern is a list of nodes, each knowing the one that follows it; matching walks them with
 * recursion for alternatives and groups only, so that the depth does not grow with the length of a run of characters. */
#include "data/text/pattern.h"

#include <string.h>

#include "base/text.h"
#include "data/text/unicode.h"

enum { MOST_NODES = 4000, MOST_ITEMS = 8000, MOST_DEPTH = 40, MOST_REPEAT = 1000, MOST_RECURSION = 1000 };
static const int32_t UNBOUNDED = INT32_MAX;

typedef enum node_kind {
    N_MATCH,
    N_SET,
    N_EMPTY,
    N_ALT,
    N_LOOP,
    N_AGAIN,
    N_AHEAD,
    N_NOT_AHEAD,
    N_BEGIN,
    N_END
} node_kind;
typedef enum greedy { GREEDY, LAZY, POSSESSIVE } greedy;

/* A part of a set: characters lo to hi, or with one of the properties, or of one of the categories; or not so. */
typedef struct set_item {
    int32_t lo, hi;
    int properties;
    uint32_t categories;
    bool negated;
} set_item;

typedef struct node {
    node_kind kind;
    int next;            /* the node after this one */
    int a, b;            /* N_ALT: first nodes of the two; N_LOOP, N_AHEAD: first node of the body */
    int32_t least, most; /* N_LOOP, and N_SET, which repeats by itself */
    greedy greed;
    int first_item, n_items; /* N_SET */
    bool negated;
} node;

struct text_pattern {
    node *nodes;
    set_item *items;
    int n_nodes, n_items, most_nodes, most_items, start;
};

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct reader {
    text_pattern *p;
    const char *source, *at, *end;
    int depth;
    bool fold; /* (?i: */
    base_error *e;
} reader;

static tn_status refuse(const reader *r, const char *what)
{
    return base_fail(r->e, TN_UNSUPPORTED, "the pattern \"%s\" has, at byte %td, %s", BASE_SHOW(r->source),
                     r->at - r->source, what);
}

static int add_node(reader *r, node n)
{
    if (r->p->n_nodes == r->p->most_nodes)
        return -1;
    r->p->nodes[r->p->n_nodes] = n;
    return r->p->n_nodes++;
}

static bool add_item(reader *r, set_item item)
{
    if (r->p->n_items == r->p->most_items)
        return false;
    r->p->items[r->p->n_items++] = item;
    return true;
}

static bool add_char(reader *r, int32_t lo, int32_t hi)
{
    bool ok = add_item(r, (set_item){.lo = lo, .hi = hi});
    if (r->fold && lo == hi && (text_properties_of(lo) & TEXT_LETTER)) {
        int32_t small = text_lower(lo);
        ok = ok && add_item(r, (set_item){.lo = small, .hi = small});
        if (lo >= 'a' && lo <= 'z')
            ok = ok && add_item(r, (set_item){.lo = lo - 32, .hi = lo - 32});
        if (lo == 's')
            ok = ok && add_item(r, (set_item){.lo = 0x17F, .hi = 0x17F}); /* the long s is one, too */
    }
    return ok;
}

/* \p{NAME} and \P{NAME}: general categories by one or two letters. */
static tn_status read_property(reader *r, bool negated)
{
    const char *close = r->at < r->end && *r->at == '{' ? memchr(r->at, '}', (size_t)(r->end - r->at)) : NULL;
    char name[4] = "";
    if (!close || close - r->at > 5)
        return refuse(r,
                      "a property of characters that Tarn does not know; it knows general categories such as \\p{L}");
    const char *p = r->at + 1;
    if (*p == '^') {
        negated = !negated;
        p++;
    }
    memcpy(name, p, (size_t)(close - p) < 3 ? (size_t)(close - p) : 3);
    uint32_t categories = text_categories(name);
    if (!categories)
        return refuse(r,
                      "a property of characters that Tarn does not know; it knows general categories such as \\p{L}");
    r->at = close + 1;
    return add_item(r, (set_item){.lo = 1, .categories = categories, .negated = negated}) ? TN_OK
                                                                                          : refuse(r, "too many parts");
}

static tn_status read_hex(reader *r, int32_t *c, int digits)
{
    bool braces = r->at < r->end && *r->at == '{';
    const char *p = r->at + braces;
    *c = 0;
    int n = 0;
    for (; p < r->end && n < (braces ? 6 : digits); p++, n++) {
        int d = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (*p | 32) - 'a' + 10 : -1;
        if (d < 0)
            break;
        *c = *c * 16 + d;
    }
    if (n == 0 || (braces && (p >= r->end || *p != '}')) || *c > 0x10FFFF)
        return refuse(r, "a number of a character that is not written in full");
    r->at = p + braces;
    return TN_OK;
}

/* After a backslash: a class (as items, *c -1) or one character (in *c). */
static tn_status read_escape(reader *r, int32_t *c)
{
    static const char controls[] = "nrtfv", meant[] = "\n\r\t\f\v";
    *c = -1;
    if (r->at == r->end)
        return refuse(r, "a backslash at the end");
    char kind = *r->at++;
    const char *control = strchr(controls, kind);
    if (control && kind) {
        *c = meant[control - controls];
        return TN_OK;
    }
    switch (kind) {
    case 'p': return read_property(r, false);
    case 'P': return read_property(r, true);
    case 's':
    case 'S':
        return add_item(r, (set_item){.lo = 1, .properties = TEXT_SPACE, .negated = kind == 'S'})
                   ? TN_OK
                   : refuse(r, "too many parts");
    case 'w':
    case 'W':
        return add_item(r, (set_item){.lo = 1, .properties = TEXT_WORD, .negated = kind == 'W'})
                   ? TN_OK
                   : refuse(r, "too many parts");
    case 'd':
    case 'D':
        return add_item(r, (set_item){.lo = 1, .categories = text_categories("Nd"), .negated = kind == 'D'})
                   ? TN_OK
                   : refuse(r, "too many parts");
    case 'x': return read_hex(r, c, 2);
    case 'u': return read_hex(r, c, 4);
    default: break;
    }
    if ((kind >= 'a' && kind <= 'z') || (kind >= 'A' && kind <= 'Z') || (kind >= '0' && kind <= '9') ||
        (unsigned char)kind >= 128) {
        r->at--;
        return refuse(r, "an escape that Tarn does not know");
    }
    *c = (unsigned char)kind;
    return TN_OK;
}

static int32_t take(reader *r)
{
    size_t used;
    int32_t c = text_next(r->at, r->end, &used);
    r->at += used;
    return c;
}

/* [...] from behind the bracket on. */
static tn_status read_class(reader *r, node *set)
{
    bool first = true;
    if (r->at < r->end && *r->at == '^') {
        set->negated = true;
        r->at++;
    }
    for (; r->at < r->end && (first || *r->at != ']'); first = false) {
        int32_t lo, hi;
        if (*r->at == '[' || (*r->at == '&' && r->at + 1 < r->end && r->at[1] == '&'))
            return refuse(r, "a set inside a set, which Tarn does not know");
        lo = take(r);
        if (lo == '\\') {
            BASE_TRY(read_escape(r, &lo));
            if (lo < 0)
                continue;
        }
        hi = lo;
        if (r->at + 1 < r->end && *r->at == '-' && r->at[1] != ']') {
            r->at++;
            hi = take(r);
            if (hi == '\\')
                BASE_TRY(read_escape(r, &hi));
            if (hi < lo)
                return refuse(r, "a range that is empty");
        }
        if (!add_char(r, lo, hi))
            return refuse(r, "too many parts");
    }
    if (r->at >= r->end)
        return refuse(r, "a set without its end");
    r->at++;
    return TN_OK;
}

static bool read_count(reader *r, int32_t *value)
{
    const char *start = r->at;
    *value = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && *value <= MOST_REPEAT)
        *value = *value * 10 + (*r->at++ - '0');
    return r->at > start;
}

/* The quantifier at r->at, if there is one. */
static tn_status read_quantifier(reader *r, int32_t *least, int32_t *most, greedy *greed, bool *any)
{
    *any = true;
    *least = *most = 1;
    *greed = GREEDY;
    char c = r->at < r->end ? *r->at : '\0';
    const char *start = r->at++;
    if (c == '?' || c == '*' || c == '+') {
        *least = c == '+';
        *most = c == '?' ? 1 : UNBOUNDED;
    } else if (c == '{' && read_count(r, least)) {
        *most = *least;
        if (r->at < r->end && *r->at == ',') {
            r->at++;
            if (!read_count(r, most))
                *most = UNBOUNDED;
        }
        if (r->at >= r->end || *r->at++ != '}' || *least > MOST_REPEAT || *most < *least ||
            (*most > MOST_REPEAT && *most != UNBOUNDED))
            return refuse(r, "a repetition that Tarn does not know");
    } else {
        r->at = start;
        *any = false;
        return TN_OK;
    }
    if (r->at < r->end && (*r->at == '?' || (*r->at == '+' && c != '{')))
        *greed = *r->at++ == '?' ? LAZY : POSSESSIVE;
    return TN_OK;
}

static tn_status read_alternatives(reader *r, int *start, int *last);

/* (?...) and (...): *first and *last of what it is. */
static tn_status read_group(reader *r, int *first, int *last)
{
    node_kind kind = N_EMPTY;
    bool fold = r->fold;
    if (++r->depth > MOST_DEPTH)
        return refuse(r, "groups nested too deep");
    if (r->at < r->end && *r->at == '?') {
        size_t left = (size_t)(r->end - r->at);
        if (left > 2 && memcmp(r->at, "?:", 2) == 0)
            r->at += 2;
        else if (left > 3 && memcmp(r->at, "?i:", 3) == 0)
            r->fold = true, r->at += 3;
        else if (left > 2 && memcmp(r->at, "?=", 2) == 0)
            kind = N_AHEAD, r->at += 2;
        else if (left > 2 && memcmp(r->at, "?!", 2) == 0)
            kind = N_NOT_AHEAD, r->at += 2;
        else
            return refuse(r, "a group of a kind that Tarn does not know");
    }
    BASE_TRY(read_alternatives(r, first, last));
    if (r->at >= r->end || *r->at != ')')
        return refuse(r, "a group without its end");
    r->at++;
    r->fold = fold;
    r->depth--;
    if (kind != N_EMPTY) {
        int end = add_node(r, (node){.kind = N_MATCH});
        int ahead = add_node(r, (node){.kind = kind, .a = *first});
        if (ahead < 0)
            return refuse(r, "too many parts");
        r->p->nodes[*last].next = end;
        *first = *last = ahead;
    }
    return TN_OK;
}

/* One character, set or group, without its quantifier. */
static tn_status read_atom(reader *r, int *first, int *last)
{
    node set = {.kind = N_SET, .least = 1, .most = 1, .first_item = r->p->n_items};
    const char *start = r->at;
    int32_t c = take(r);
    if (c == '(')
        return read_group(r, first, last);
    if (c == '*' || c == '+' || c == '?') {
        r->at = start;
        return refuse(r, "a repetition of nothing");
    }
    if (c == '^' || c == '$') {
        set.kind = c == '^' ? N_BEGIN : N_END;
    } else if (c == '[') {
        BASE_TRY(read_class(r, &set));
    } else if (c == '.') {
        set.negated = true;
        (void)add_char(r, '\n', '\n');
    } else {
        if (c == '\\')
            BASE_TRY(read_escape(r, &c));
        if (c >= 0 && !add_char(r, c, c))
            return refuse(r, "too many parts");
    }
    set.n_items = r->p->n_items - set.first_item;
    *first = *last = add_node(r, set);
    return *first < 0 ? refuse(r, "too many parts") : TN_OK;
}

/* Puts the quantifier around what was just read. */
static tn_status repeat(reader *r, int *first, int *last, int32_t least, int32_t most, greedy greed)
{
    node *n = &r->p->nodes[*first];
    if (*first == *last && n->kind == N_SET && n->least == 1 && n->most == 1) {
        n->least = least;
        n->most = most;
        n->greed = greed;
        return TN_OK;
    }
    if (greed == POSSESSIVE)
        return refuse(r, "a possessive group, which Tarn does not know");
    int loop = add_node(r, (node){.kind = N_LOOP, .a = *first, .least = least, .most = most, .greed = greed});
    int again = add_node(r, (node){.kind = N_AGAIN, .a = loop});
    if (again < 0)
        return refuse(r, "too many parts");
    r->p->nodes[*last].next = again;
    *first = *last = loop;
    return TN_OK;
}

static tn_status read_sequence(reader *r, int *start, int *last)
{
    *start = *last = add_node(r, (node){.kind = N_EMPTY});
    if (*start < 0)
        return refuse(r, "too many parts");
    while (r->at < r->end && *r->at != '|' && *r->at != ')') {
        int first, end;
        int32_t least, most;
        greedy greed;
        bool any;
        BASE_TRY(read_atom(r, &first, &end));
        BASE_TRY(read_quantifier(r, &least, &most, &greed, &any));
        if (any)
            BASE_TRY(repeat(r, &first, &end, least, most, greed));
        r->p->nodes[*last].next = first;
        *last = end;
    }
    return TN_OK;
}

static tn_status read_alternatives(reader *r, int *start, int *last)
{
    BASE_TRY(read_sequence(r, start, last));
    if (r->at >= r->end || *r->at != '|')
        return TN_OK;
    int join = add_node(r, (node){.kind = N_EMPTY}), second, second_last;
    if (join < 0)
        return refuse(r, "too many parts");
    r->at++;
    if (++r->depth > 4 * MOST_DEPTH)
        return refuse(r, "too many alternatives");
    BASE_TRY(read_alternatives(r, &second, &second_last));
    r->depth--;
    int either = add_node(r, (node){.kind = N_ALT, .a = *start, .b = second});
    if (either < 0)
        return refuse(r, "too many parts");
    r->p->nodes[*last].next = join;
    r->p->nodes[second_last].next = join;
    *start = either;
    *last = join;
    return TN_OK;
}

tn_status text_pattern_make(base_arena *arena, const char *source, const text_pattern **pattern, base_error *e)
{
    size_t n = strlen(source);
    size_t nodes = 8 * n + 8 < MOST_NODES ? 8 * n + 8 : MOST_NODES,
           items = 4 * n + 4 < MOST_ITEMS ? 4 * n + 4 : MOST_ITEMS;
    text_pattern *p = BASE_NEW(arena, text_pattern);
    if (p) {
        p->nodes = BASE_ARRAY(arena, node, nodes);
        p->items = BASE_ARRAY(arena, set_item, items);
    }
    if (!p || !p->nodes || !p->items)
        return base_no_memory(e, "reading a pattern");
    p->most_nodes = (int)nodes;
    p->most_items = (int)items;
    reader r = {.p = p, .source = source, .at = source, .end = source + n, .e = e};
    int last;
    BASE_TRY(text_unicode_needed("a tokenizer with a pattern", e));
    BASE_TRY(read_alternatives(&r, &p->start, &last));
    if (r.at < r.end)
        return refuse(&r, "a bracket that closes nothing");
    int match = add_node(&r, (node){.kind = N_MATCH});
    if (match < 0)
        return refuse(&r, "too many parts");
    p->nodes[last].next = match;
    *pattern = p;
    return TN_OK;
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

typedef struct frame {
    const struct frame *outer;
    int loop;
    int32_t count;
    const char *start;
} frame;

typedef struct matcher {
    const text_pattern *p;
    const char *begin, *end, *matched;
    size_t work, most_work;
    int depth;
    bool gave_up;
} matcher;

static bool in_set(const text_pattern *p, const node *n, int32_t c)
{
    for (int i = 0; i < n->n_items; i++) {
        const set_item *s = &p->items[n->first_item + i];
        bool in = s->properties   ? (text_properties_of(c) & s->properties) != 0
                  : s->categories ? c >= 0 && (text_category_of(c) & s->categories) != 0
                                  : c >= s->lo && c <= s->hi;
        if (in != s->negated)
            return !n->negated;
    }
    return n->negated;
}

/* The start of the character that ends at p; a stray byte is one of its own. */
static const char *before(const matcher *m, const char *p)
{
    size_t used;
    for (int k = 4; k > 1; k--)
        if (p - m->begin >= k && text_next(p - k, m->end, &used) >= 0 && used == (size_t)k)
            return p - k;
    return p - 1;
}

static bool match(matcher *m, int at, const char *p, const frame *f);

/* A set with its repetition: as many as there are, then fewer and fewer. */
static bool match_set(matcher *m, const node *n, const char *p, const frame *f)
{
    int32_t count = 0, most = n->greed == LAZY ? n->least : n->most;
    size_t used;
    for (; count < most && p < m->end; count++, p += used)
        if (m->work++, !in_set(m->p, n, text_next(p, m->end, &used)))
            break;
    if (count < n->least)
        return false;
    if (n->greed == POSSESSIVE)
        return match(m, n->next, p, f);
    for (;;) {
        if (match(m, n->next, p, f))
            return true;
        if (m->gave_up)
            return false;
        if (n->greed == LAZY) {
            if (count == n->most || p >= m->end || !in_set(m->p, n, text_next(p, m->end, &used)))
                return false;
            p += used;
            count++;
        } else {
            if (count-- == n->least)
                return false;
            p = before(m, p);
        }
    }
}

static bool match_loop(matcher *m, const node *n, int at, int32_t count, const char *p, const frame *f)
{
    frame inner = {f, at, count, p};
    bool more = count < n->most;
    if (count < n->least)
        return match(m, n->a, p, &inner);
    if (n->greed == LAZY)
        return match(m, n->next, p, f) || (more && match(m, n->a, p, &inner));
    return (more && match(m, n->a, p, &inner)) || match(m, n->next, p, f);
}

static bool match_ahead(matcher *m, const node *n, const char *p)
{
    const char *matched = m->matched;
    bool yes = match(m, n->a, p, NULL);
    m->matched = matched;
    return yes == (n->kind == N_AHEAD) && !m->gave_up;
}

static bool match_here(matcher *m, int at, const char *p, const frame *f)
{
    for (;;) {
        const node *n = &m->p->nodes[at];
        if (++m->work > m->most_work)
            m->gave_up = true;
        if (m->gave_up)
            return false;
        switch (n->kind) {
        case N_MATCH: m->matched = p; return true;
        case N_EMPTY: break;
        case N_SET:
            if (n->least != 1 || n->most != 1)
                return match_set(m, n, p, f);
            size_t used;
            if (p >= m->end || !in_set(m->p, n, text_next(p, m->end, &used)))
                return false;
            p += used;
            break;
        case N_ALT:
            if (match(m, n->a, p, f))
                return true;
            at = n->b;
            continue;
        case N_LOOP: return match_loop(m, n, at, 0, p, f);
        case N_AGAIN:
            if (!f || (p == f->start && f->count >= m->p->nodes[f->loop].least))
                return false; /* a turn that took nothing would go on for ever */
            return match_loop(m, &m->p->nodes[f->loop], f->loop, f->count + 1, p, f->outer);
        case N_AHEAD:
        case N_NOT_AHEAD:
            if (!match_ahead(m, n, p))
                return false;
            break;
        case N_BEGIN:
            if (p != m->begin)
                return false;
            break;
        case N_END:
            if (p != m->end)
                return false;
            break;
        }
        at = n->next;
    }
}

static bool match(matcher *m, int at, const char *p, const frame *f)
{
    if (++m->depth > MOST_RECURSION)
        m->gave_up = true;
    bool yes = !m->gave_up && match_here(m, at, p, f);
    m->depth--;
    return yes;
}

tn_status text_pattern_find(const text_pattern *p, const char *text, size_t from, size_t n, size_t *begin, size_t *end,
                            bool *found, base_error *e)
{
    matcher m = {.p = p, .begin = text, .end = text + n, .most_work = 1000000 + 64 * (n - from)};
    size_t used;
    *found = false;
    for (size_t i = from; i <= n; i += used) {
        if (match(&m, p->start, text + i, NULL)) {
            *begin = i;
            *end = (size_t)(m.matched - text);
            *found = true;
            return TN_OK;
        }
        if (m.gave_up)
            return base_fail(e, TN_LIMIT, "the tokenizer's pattern takes too long on this text, at byte %zu", i);
        used = 1;
        if (i < n)
            text_next(text + i, text + n, &used);
    }
    return TN_OK;
}
