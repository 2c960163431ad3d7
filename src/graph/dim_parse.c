/* dim_parse.c: the text of a size, as dim_print writes it, back into the size. */
#include <string.h>

#include "base/number.h"
#include "graph/dim.h"

enum { DEEPEST = 16, LONGEST_NAME = 63 };

#define DIGITS "0123456789"
#define NAME_CHARACTERS DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

typedef struct parser {
    dim_table *t;
    const char *at;
    int depth;
    bool failed;
} parser;

static tn_dim sum(parser *p);

static bool skip(parser *p, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(p->at, text, n) != 0)
        return false;
    p->at += n;
    return true;
}

static tn_dim number(parser *p)
{
    char digits[24];
    size_t n = strspn(p->at, DIGITS);
    int64_t value = 0;
    if (n >= sizeof digits) {
        p->failed = true;
        return 0;
    }
    memcpy(digits, p->at, n);
    digits[n] = '\0';
    p->at += n;
    p->failed |= !base_parse_i64(digits, &value);
    return value;
}

static tn_dim name(parser *p)
{
    char text[LONGEST_NAME + 1];
    size_t n = strspn(p->at, NAME_CHARACTERS); /* isalnum would ask the locale */
    if (n == 0 || n > LONGEST_NAME) {
        p->failed = true;
        return 0;
    }
    memcpy(text, p->at, n);
    text[n] = '\0';
    p->at += n;
    return dim_symbol(p->t, text);
}

/* floor((a)/(b)) or max(a,b), after its opening word. */
static tn_dim pair(parser *p, const char *between, const char *end, tn_dim (*make)(dim_table *, tn_dim, tn_dim))
{
    tn_dim a = sum(p);
    if (!skip(p, between))
        p->failed = true;
    tn_dim b = p->failed ? 1 : sum(p);
    if (!skip(p, end))
        p->failed = true;
    return p->failed || (make == dim_div && b == 0) ? (p->failed = true, 0) : make(p->t, a, b);
}

static tn_dim factor(parser *p)
{
    if (*p->at >= '0' && *p->at <= '9')
        return number(p);
    if (skip(p, "floor(("))
        return pair(p, ")/(", "))", dim_div);
    if (skip(p, "max("))
        return pair(p, ",", ")", dim_max);
    return name(p);
}

static tn_dim product(parser *p)
{
    tn_dim a = factor(p);
    while (!p->failed && skip(p, "*"))
        a = dim_mul(p->t, a, factor(p));
    return a;
}

static tn_dim sum(parser *p)
{
    if (++p->depth > DEEPEST)
        p->failed = true;
    tn_dim a = skip(p, "-") ? dim_sub(p->t, 0, product(p)) : p->failed ? 0 : product(p);
    while (!p->failed && (*p->at == '+' || *p->at == '-'))
        a = *p->at++ == '+' ? dim_add(p->t, a, product(p)) : dim_sub(p->t, a, product(p));
    p->depth--;
    return a;
}

bool dim_parse(dim_table *t, const char *text, tn_dim *size)
{
    parser p = {.t = t, .at = text};
    *size = sum(&p);
    return !p.failed && *p.at == '\0' && !t->failed;
}
