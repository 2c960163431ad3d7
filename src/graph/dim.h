/* dim.h: sizes as integer expressions over symbols ("batch", "2*time+1").
 *
 * A tn_dim is a number: >= 0 is that size; <= -2 names an expression in the table of one graph. Expressions are kept as
 * canonical polynomials over atoms (symbols, floor divisions, maxima), so that two dims are known to be equal exactly when
 * their numbers are. What cannot be decided becomes a constraint, checked when the symbols are bound to numbers. */
#ifndef GRAPH_DIM_H
#define GRAPH_DIM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"
#include <tarn/graph.h>

enum { DIM_MAX_ATOMS = 8, DIM_MAX_TERMS = 64 };

typedef struct dim_term {
    int64_t factor;
    int n;                   /* atoms multiplied; 0 in the constant term */
    int atom[DIM_MAX_ATOMS]; /* sorted */
} dim_term;

typedef enum dim_kind { DIM_SYMBOL, DIM_DIV, DIM_MAX } dim_kind;
typedef struct dim_atom {
    dim_kind kind;
    const char *name; /* DIM_SYMBOL */
    tn_dim a, b;      /* DIM_DIV: floor(a / b); DIM_MAX: max(a, b) */
} dim_atom;

typedef struct dim_expr {
    int n;
    dim_term *term; /* sorted; no zero factors */
} dim_expr;

/* a == b must hold; `what` says where it was asked. */
typedef struct dim_equal {
    tn_dim a, b;
    const char *what;
} dim_equal;

typedef struct dim_table {
    base_arena *arena;
    base_vec(dim_atom) atoms;
    base_vec(dim_expr) exprs;
    base_vec(dim_equal) equals;
    tn_status
        failed; /* the first failure, TN_OK if none: TN_MEMORY, TN_LIMIT (an expression grew beyond what is kept) or
                         TN_INVALID (a division by 0). Results are 0 from then on */
} dim_table;

void dim_table_free(dim_table *t);
bool dim_copy_table(dim_table *to, const dim_table *from);

tn_dim dim_symbol(dim_table *t, const char *name);
tn_dim dim_add(dim_table *t, tn_dim a, tn_dim b);
tn_dim dim_sub(dim_table *t, tn_dim a, tn_dim b);
tn_dim dim_mul(dim_table *t, tn_dim a, tn_dim b);
/* floor(a / b): exact where the polynomials allow it. */
tn_dim dim_div(dim_table *t, tn_dim a, tn_dim b);
tn_dim dim_max(dim_table *t, tn_dim a, tn_dim b);

static inline bool dim_literal(tn_dim d)
{
    return d >= 0;
}
/* Whether it is a size or names an expression of this table: other numbers below 0 are nobody's. */
bool dim_exists(const dim_table *t, tn_dim d);
/* False only when they are known to differ. Undecided pairs are recorded as a constraint named `what`. */
bool dim_same(dim_table *t, tn_dim a, tn_dim b, const char *what);

/* The atom number of a symbol, or -1. */
int dim_find_symbol(const dim_table *t, const char *name);
/* The atom number of a size that is a symbol and nothing else, or -1. */
int dim_symbol_of(const dim_table *t, tn_dim d);
/* Sentence and status for a table that failed. */
tn_status dim_failure(const dim_table *t, base_error *e);
/* The size with atoms bound: value[atom] for symbols (-1: unbound). Fails with a sentence on unbound symbols, overflow and
 * negative sizes. */
tn_status dim_eval(const dim_table *t, tn_dim d, const int64_t *value, int64_t *size, base_error *e);
/* "batch", "784", "2*batch+1". */
void dim_print(const dim_table *t, tn_dim d, base_str *out);
/* And back; false if the text is no size. */
bool dim_parse(dim_table *t, const char *text, tn_dim *size);

#endif
