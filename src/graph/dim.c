/* dim.c: see dim.h. */
#include "graph/dim.h"

#include <string.h>

/* A polynomial while it is being computed; literals become a constant term. */
typedef struct poly {
    int n;
    dim_term term[DIM_MAX_TERMS];
} poly;

void dim_table_free(dim_table *t)
{
    base_vec_free(&t->atoms);
    base_vec_free(&t->exprs);
    base_vec_free(&t->equals);
}

bool dim_copy_table(dim_table *to, const dim_table *from)
{
    for (size_t i = 0; i < from->atoms.n; i++) {
        dim_atom a = from->atoms.at[i];
        a.name = base_arena_strdup(to->arena, a.name);
        if ((from->atoms.at[i].name && !a.name) || !base_vec_push(&to->atoms, a))
            return false;
    }
    for (size_t i = 0; i < from->exprs.n; i++) {
        dim_expr x = from->exprs.at[i];
        x.term = base_arena_copy(to->arena, x.term, (size_t)x.n * sizeof *x.term);
        if (!x.term || !base_vec_push(&to->exprs, x))
            return false;
    }
    for (size_t i = 0; i < from->equals.n; i++) {
        dim_equal q = from->equals.at[i];
        q.what = base_arena_strdup(to->arena, q.what);
        if (!q.what || !base_vec_push(&to->equals, q))
            return false;
    }
    return true;
}

bool dim_exists(const dim_table *t, tn_dim d)
{
    return d >= 0 || (d != TN_INFER && (size_t) - (d + 2) < t->exprs.n);
}

/* A number that names no expression is 0; those who take sizes from outside refuse it. */
static const dim_expr *expr_of(const dim_table *t, tn_dim d)
{
    static const dim_expr none;
    return dim_exists(t, d) ? &t->exprs.at[-(d + 2)] : &none;
}

static poly to_poly(const dim_table *t, tn_dim d)
{
    poly p = {0};
    if (d > 0 || d == TN_INFER) {
        p.n = 1;
        p.term[0].factor = d;
    } else if (d < 0) {
        const dim_expr *x = expr_of(t, d);
        p.n = x->n;
        if (x->n)
            memcpy(p.term, x->term, (size_t)x->n * sizeof *x->term);
    }
    return p;
}

static int compare_terms(const dim_term *a, const dim_term *b)
{
    if (a->n != b->n)
        return a->n - b->n;
    for (int i = 0; i < a->n; i++)
        if (a->atom[i] != b->atom[i])
            return a->atom[i] - b->atom[i];
    return 0;
}

/* Adds one term, keeping the order; false when the limits or 64 bits are exceeded. */
static bool add_term(poly *p, const dim_term *term)
{
    int i = 0;
    while (i < p->n && compare_terms(&p->term[i], term) < 0)
        i++;
    if (i < p->n && compare_terms(&p->term[i], term) == 0) {
        if (__builtin_add_overflow(p->term[i].factor, term->factor, &p->term[i].factor))
            return false;
        if (p->term[i].factor == 0) {
            memmove(&p->term[i], &p->term[i + 1], (size_t)(p->n - i - 1) * sizeof *p->term);
            p->n--;
        }
        return true;
    }
    if (term->factor == 0)
        return true;
    if (p->n == DIM_MAX_TERMS)
        return false;
    memmove(&p->term[i + 1], &p->term[i], (size_t)(p->n - i) * sizeof *p->term);
    p->term[i] = *term;
    p->n++;
    return true;
}

static bool multiply_terms(const dim_term *a, const dim_term *b, dim_term *out)
{
    if (a->n + b->n > DIM_MAX_ATOMS || __builtin_mul_overflow(a->factor, b->factor, &out->factor))
        return false;
    int i = 0, j = 0;
    for (out->n = 0; i < a->n || j < b->n; out->n++)
        out->atom[out->n] = j == b->n || (i < a->n && a->atom[i] <= b->atom[j]) ? a->atom[i++] : b->atom[j++];
    return true;
}

static bool same_expr(const dim_expr *x, const poly *p)
{
    if (x->n != p->n)
        return false;
    for (int i = 0; i < p->n; i++)
        if (x->term[i].factor != p->term[i].factor || compare_terms(&x->term[i], &p->term[i]) != 0)
            return false;
    return true;
}

static tn_dim give_up(dim_table *t, tn_status why)
{
    if (t->failed == TN_OK)
        t->failed = why;
    return 0;
}

tn_status dim_failure(const dim_table *t, base_error *e)
{
    switch (t->failed) {
    case TN_OK: return TN_OK;
    case TN_MEMORY: return base_no_memory(e, "computing with sizes");
    case TN_INVALID: return base_fail(e, TN_INVALID, "a size is divided by 0");
    default: return base_fail(e, t->failed, "the size expressions grow beyond what is supported");
    }
}

static tn_dim from_poly(dim_table *t, const poly *p)
{
    if (p->n == 0)
        return 0;
    if (p->n == 1 && p->term[0].n == 0 && p->term[0].factor >= 0)
        return p->term[0].factor;
    for (size_t i = 0; i < t->exprs.n; i++)
        if (same_expr(&t->exprs.at[i], p))
            return -2 - (tn_dim)i;
    dim_expr x = {.n = p->n, .term = base_arena_copy(t->arena, p->term, (size_t)p->n * sizeof *p->term)};
    if (!x.term || !base_vec_push(&t->exprs, x))
        return give_up(t, TN_MEMORY);
    return -1 - (tn_dim)t->exprs.n;
}

static tn_dim atom_dim(dim_table *t, int atom)
{
    poly p = {.n = 1, .term = {{.factor = 1, .n = 1, .atom = {atom}}}};
    return from_poly(t, &p);
}

static tn_dim new_atom(dim_table *t, dim_kind kind, const char *name, tn_dim a, tn_dim b)
{
    for (size_t i = 0; i < t->atoms.n; i++) {
        const dim_atom *x = &t->atoms.at[i];
        if (x->kind == kind && x->a == a && x->b == b && (kind != DIM_SYMBOL || strcmp(x->name, name) == 0))
            return atom_dim(t, (int)i);
    }
    dim_atom x = {kind, base_arena_strdup(t->arena, name), a, b};
    if ((name && !x.name) || !base_vec_push(&t->atoms, x))
        return give_up(t, TN_MEMORY);
    return atom_dim(t, (int)t->atoms.n - 1);
}

tn_dim dim_symbol(dim_table *t, const char *name)
{
    return new_atom(t, DIM_SYMBOL, name, 0, 0);
}

static tn_dim combine(dim_table *t, tn_dim a, tn_dim b, int64_t sign)
{
    poly p = to_poly(t, a), q = to_poly(t, b);
    for (int i = 0; i < q.n; i++) {
        if (__builtin_mul_overflow(q.term[i].factor, sign, &q.term[i].factor) || !add_term(&p, &q.term[i]))
            return give_up(t, TN_LIMIT);
    }
    return from_poly(t, &p);
}

tn_dim dim_add(dim_table *t, tn_dim a, tn_dim b)
{
    return combine(t, a, b, 1);
}

tn_dim dim_sub(dim_table *t, tn_dim a, tn_dim b)
{
    return combine(t, a, b, -1);
}

tn_dim dim_mul(dim_table *t, tn_dim a, tn_dim b)
{
    poly p = to_poly(t, a), q = to_poly(t, b), r = {0};
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j < q.n; j++) {
            dim_term term = {0};
            if (!multiply_terms(&p.term[i], &q.term[j], &term) || !add_term(&r, &term))
                return give_up(t, TN_LIMIT);
        }
    return from_poly(t, &r);
}

/* term / by, where it is exact. */
static bool divide_term(const dim_term *term, const dim_term *by, dim_term *out)
{
    if (by->factor == 0 || (by->factor == -1 && term->factor == INT64_MIN) || term->factor % by->factor != 0)
        return false;
    *out = (dim_term){.factor = term->factor / by->factor};
    int j = 0;
    for (int i = 0; i < term->n; i++) {
        if (j < by->n && term->atom[i] == by->atom[j])
            j++;
        else
            out->atom[out->n++] = term->atom[i];
    }
    return j == by->n;
}

tn_dim dim_div(dim_table *t, tn_dim a, tn_dim b)
{
    if (b == 0)
        return give_up(t, TN_INVALID);
    if (dim_literal(a) && dim_literal(b))
        return a / b;
    if (a == b)
        return 1;
    poly p = to_poly(t, a), q = to_poly(t, b), r = {0};
    bool exact = q.n == 1;
    for (int i = 0; exact && i < p.n; i++) {
        dim_term term;
        exact = divide_term(&p.term[i], &q.term[0], &term) && add_term(&r, &term);
    }
    return exact ? from_poly(t, &r) : new_atom(t, DIM_DIV, NULL, a, b);
}

tn_dim dim_max(dim_table *t, tn_dim a, tn_dim b)
{
    if (dim_literal(a) && dim_literal(b))
        return a > b ? a : b;
    if (a == b)
        return a;
    return a < b ? new_atom(t, DIM_MAX, NULL, a, b) : new_atom(t, DIM_MAX, NULL, b, a);
}

bool dim_same(dim_table *t, tn_dim a, tn_dim b, const char *what)
{
    if (a == b)
        return true;
    if (dim_literal(a) && dim_literal(b))
        return false;
    for (size_t i = 0; i < t->equals.n; i++)
        if (t->equals.at[i].a == a && t->equals.at[i].b == b)
            return true;
    dim_equal q = {a, b, base_arena_strdup(t->arena, what)};
    if (!q.what || !base_vec_push(&t->equals, q))
        give_up(t, TN_MEMORY);
    return true;
}

int dim_find_symbol(const dim_table *t, const char *name)
{
    for (size_t i = 0; i < t->atoms.n; i++)
        if (t->atoms.at[i].kind == DIM_SYMBOL && strcmp(t->atoms.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

int dim_symbol_of(const dim_table *t, tn_dim d)
{
    const dim_expr *x = d < TN_INFER ? expr_of(t, d) : NULL;
    if (!x || x->n != 1 || x->term[0].n != 1 || x->term[0].factor != 1)
        return -1;
    return t->atoms.at[x->term[0].atom[0]].kind == DIM_SYMBOL ? x->term[0].atom[0] : -1;
}

static tn_status eval_any(const dim_table *t, tn_dim d, const int64_t *value, int64_t *size, base_error *e);

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static tn_status eval_atom(const dim_table *t, int atom, const int64_t *value, int64_t *size, base_error *e)
{
    const dim_atom *x = &t->atoms.at[atom];
    if (x->kind == DIM_SYMBOL) {
        *size = value[atom];
        if (*size < 0)
            return base_fail(e, TN_SHAPE, "the size '%s' has no value; feed an input that has it", x->name);
        return TN_OK;
    }
    int64_t a, b;
    BASE_TRY(eval_any(t, x->a, value, &a, e));
    BASE_TRY(eval_any(t, x->b, value, &b, e));
    if (x->kind == DIM_DIV && b == 0)
        return base_fail(e, TN_SHAPE, "a size is divided by another that is 0");
    if (x->kind == DIM_DIV && b == -1 && a == INT64_MIN)
        return base_fail(e, TN_SHAPE, "a size does not fit into 64 bits");
    *size = x->kind == DIM_DIV ? floor_div(a, b) : a > b ? a : b;
    return TN_OK;
}

static tn_status eval_any(const dim_table *t, tn_dim d, const int64_t *value, int64_t *size, base_error *e)
{
    *size = d;
    if (d >= TN_INFER)
        return TN_OK;
    const dim_expr *x = expr_of(t, d);
    *size = 0;
    for (int i = 0; i < x->n; i++) {
        int64_t product = x->term[i].factor, factor = 0;
        for (int k = 0; k < x->term[i].n; k++) {
            BASE_TRY(eval_atom(t, x->term[i].atom[k], value, &factor, e));
            if (__builtin_mul_overflow(product, factor, &product))
                return base_fail(e, TN_SHAPE, "a size does not fit into 64 bits");
        }
        if (__builtin_add_overflow(*size, product, size))
            return base_fail(e, TN_SHAPE, "a size does not fit into 64 bits");
    }
    return TN_OK;
}

tn_status dim_eval(const dim_table *t, tn_dim d, const int64_t *value, int64_t *size, base_error *e)
{
    BASE_TRY(eval_any(t, d, value, size, e));
    if (*size >= 0)
        return TN_OK;
    base_str text = {0};
    dim_print(t, d, &text);
    base_fail(e, TN_SHAPE, "the size %s is negative (%lld)", base_str_text(&text), (long long)*size);
    base_str_free(&text);
    return TN_SHAPE;
}

static void print_atom(const dim_table *t, int atom, base_str *out)
{
    const dim_atom *x = &t->atoms.at[atom];
    if (x->kind == DIM_SYMBOL) {
        base_str_add(out, x->name);
        return;
    }
    base_str_add(out, x->kind == DIM_DIV ? "floor((" : "max(");
    dim_print(t, x->a, out);
    base_str_add(out, x->kind == DIM_DIV ? ")/(" : ",");
    dim_print(t, x->b, out);
    base_str_add(out, x->kind == DIM_DIV ? "))" : ")");
}

void dim_print(const dim_table *t, tn_dim d, base_str *out)
{
    if (d >= TN_INFER) {
        base_str_printf(out, "%lld", (long long)d);
        return;
    }
    const dim_expr *x = expr_of(t, d);
    for (int i = x->n - 1; i >= 0; i--) { /* the constant comes last */
        const dim_term *term = &x->term[i];
        if (term->factor > 0 && i < x->n - 1)
            base_str_add(out, "+");
        if (term->n == 0 || (term->factor != 1 && term->factor != -1))
            base_str_printf(out, "%lld%s", (long long)term->factor, term->n ? "*" : "");
        else if (term->factor == -1)
            base_str_add(out, "-");
        for (int k = 0; k < term->n; k++) {
            base_str_add(out, k ? "*" : "");
            print_atom(t, term->atom[k], out);
        }
    }
}
