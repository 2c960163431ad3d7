/* op.h: what an operator is. Each file src/op/NAME.c defines one `const op_def op_NAME`: its slots and arguments, shape
 * inference, gradient, lowering, meaning (the reference in double), test cases and tolerances, and its public builder.
 *
 * Holds: operators are pure; the graph never promotes types (builders do); nothing here knows a backend. */
#ifndef OP_OP_H
#define OP_OP_H

#include "graph/graph.h"
#include <tarn/ops.h>

enum { OP_MAX_IN = 14, OP_MAX_OUT = 6, OP_MAX_ARG = 14 };

/* ---- dtype classes (bit sets over tn_dtype) --------------------------------------------------------------------- */

#define OP_BIT(dtype) (1u << (dtype))
#define OP_FLOATS (OP_BIT(TN_F64) | OP_BIT(TN_F32) | OP_BIT(TN_F16) | OP_BIT(TN_BF16))
#define OP_INTS (OP_BIT(TN_I64) | OP_BIT(TN_I32) | OP_BIT(TN_I16) | OP_BIT(TN_I8) | OP_BIT(TN_U8))
#define OP_NUMBERS (OP_FLOATS | OP_INTS)
#define OP_BOOLS OP_BIT(TN_BOOL)
#define OP_ANY (OP_NUMBERS | OP_BOOLS)
#define OP_INDEX (OP_BIT(TN_I64) | OP_BIT(TN_I32))

/* ---- declarations ------------------------------------------------------------------------------------------------ */

enum op_slot_flag {
    OP_OPTIONAL = 1,  /* may be NULL */
    OP_VARIADIC = 2,  /* the last slot: one or more */
    OP_BROADCAST = 4, /* shapes are broadcast together; autodiff sums the gradient back to the input's shape */
    OP_SAVED = 8,     /* an output made for the gradient: pruned when nobody uses it */
    OP_FIXED = 16     /* no gradient ever flows here (statistics, lengths, seeds) */
};

typedef struct op_slot {
    const char *name;
    uint32_t dtypes; /* the class; for an output 0 means: as its variable, or as infer says */
    char var;        /* slots with the same letter have the same dtype; 0: on its own */
    unsigned flags;
} op_slot;

typedef enum op_kind {
    OP_END = 0,
    OP_INT,
    OP_FLOAT,
    OP_BOOL,
    OP_ENUM,
    OP_DTYPE,
    OP_TEXT,
    OP_INTS_LIST,
    OP_DIMS,
    OP_DATA
} op_kind;

typedef struct op_value {
    int64_t i;           /* OP_INT, OP_BOOL, OP_ENUM (the number of the name), OP_DTYPE */
    double f;            /* OP_FLOAT */
    const char *text;    /* OP_TEXT */
    int n;               /* OP_INTS_LIST, OP_DIMS */
    const int64_t *list; /* numbers, or tn_dims */
    const tn_view *data; /* OP_DATA */
} op_value;

typedef struct op_argdef {
    const char *name;
    op_kind kind;
    op_value def;             /* the default */
    const char *const *names; /* OP_ENUM: ends in NULL */
    bool bounded;             /* min <= value <= max is checked (OP_INT, OP_FLOAT and each of OP_INTS_LIST) */
    double min, max;
} op_argdef;

#define OP_ARG_INT(text, value)                                                                                        \
    {                                                                                                                  \
        .name = text, .kind = OP_INT, .def = {.i = value }                                                             \
    }
#define OP_ARG_INT_IN(text, value, lo, hi)                                                                             \
    {                                                                                                                  \
        .name = text, .kind = OP_INT, .def = {.i = value}, .bounded = true, .min = lo, .max = hi                       \
    }
#define OP_ARG_FLOAT(text, value)                                                                                      \
    {                                                                                                                  \
        .name = text, .kind = OP_FLOAT, .def = {.f = value }                                                           \
    }
#define OP_ARG_FLOAT_IN(text, value, lo, hi)                                                                           \
    {                                                                                                                  \
        .name = text, .kind = OP_FLOAT, .def = {.f = value}, .bounded = true, .min = lo, .max = hi                     \
    }
#define OP_ARG_BOOL(text, value)                                                                                       \
    {                                                                                                                  \
        .name = text, .kind = OP_BOOL, .def = {.i = value }                                                            \
    }
#define OP_ARG_ENUM(text, value, list)                                                                                 \
    {                                                                                                                  \
        .name = text, .kind = OP_ENUM, .def = {.i = value}, .names = list                                              \
    }
#define OP_ARG_DTYPE(text)                                                                                             \
    {                                                                                                                  \
        .name = text, .kind = OP_DTYPE                                                                                 \
    }
#define OP_ARG_INTS(text)                                                                                              \
    {                                                                                                                  \
        .name = text, .kind = OP_INTS_LIST                                                                             \
    }
#define OP_ARG_DIMS(text)                                                                                              \
    {                                                                                                                  \
        .name = text, .kind = OP_DIMS                                                                                  \
    }

enum op_flag {
    OP_ELEMENTWISE = 1, /* y[i] depends on x[i] (broadcast) alone: may be fused */
    OP_RANDOM = 2,      /* its value depends on (seed, step, name path): never merged with another */
    OP_SOURCE = 4,      /* input, state, constant: no kernel */
    OP_VIEW = 8,        /* the output shows the input's elements in another shape or order */
    OP_COMMUTES = 16,   /* f(x, y) = f(y, x) */
    OP_FAULTS = 32,     /* may find bad data while running (an index out of range): runs before any state is written */
    OP_OPAQUE = 64,     /* what it computes is not said here (fused, custom): no reference and no cases */
    OP_SINGULAR = 128   /* with OP_FAULTS: numbers may be at fault, not indices alone (a matrix without inverse) */
};

typedef struct op_infer op_infer;
typedef struct op_grad op_grad;
typedef struct op_lower op_lower;
typedef struct op_ref op_ref;

typedef struct op_bad {
    const char *with; /* a case string that must be refused */
    const char *says; /* part of the sentence */
} op_bad;

typedef struct op_tol {
    bool set;
    double relative, absolute;
} op_tol;
#define OP_TOL(rel, abs)                                                                                               \
    {                                                                                                                  \
        true, rel, abs                                                                                                 \
    }
#define OP_EXACT                                                                                                       \
    {                                                                                                                  \
        true, 0, 0                                                                                                     \
    }
/* The usual tolerances of operators that compute one rounded result per element. */
#define OP_TOL_FLOATS                                                                                                  \
    [TN_F64] = OP_TOL(1e-13, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37), [TN_F16] = OP_TOL(2e-3, 1e-7),                   \
    [TN_BF16] = OP_TOL(1.6e-2, 1e-37)
/* The same where f32 may go by Winograd's transforms, whose errors are those of a whole tile of outputs, or by
 * products split into bf16. */
#define OP_TOL_CONV                                                                                                    \
    [TN_F64] = OP_TOL(1e-13, 1e-300), [TN_F32] = OP_TOL(5e-6, 1e-37), [TN_F16] = OP_TOL(2e-3, 1e-7),                   \
    [TN_BF16] = OP_TOL(1.6e-2, 1e-37)
#define OP_TOL_EXACT                                                                                                   \
    [TN_F64] = OP_EXACT, [TN_F32] = OP_EXACT, [TN_F16] = OP_EXACT, [TN_BF16] = OP_EXACT, [TN_I64] = OP_EXACT,          \
    [TN_I32] = OP_EXACT, [TN_I16] = OP_EXACT, [TN_I8] = OP_EXACT, [TN_U8] = OP_EXACT, [TN_BOOL] = OP_EXACT
#define OP_TOL_INTS                                                                                                    \
    [TN_I64] = OP_EXACT, [TN_I32] = OP_EXACT, [TN_I16] = OP_EXACT, [TN_I8] = OP_EXACT, [TN_U8] = OP_EXACT,             \
    [TN_BOOL] = OP_EXACT

/* An array described by sizes and strides (in elements). */
typedef struct op_operand {
    tn_dtype dtype; /* TN_NONE: absent */
    int rank;
    int64_t dims[TN_MAX_RANK], strides[TN_MAX_RANK];
} op_operand;

typedef struct op_def {
    const char *name, *doc;
    const char *torch, *onnx; /* what does the same there, perhaps with other arguments; NULL: nothing */
    op_slot in[OP_MAX_IN], out[OP_MAX_OUT];
    op_argdef arg[OP_MAX_ARG];
    unsigned flags;
    tn_status (*infer)(const op_infer *c);
    tn_status (*grad)(const op_grad *c);   /* NULL: by the lowered form */
    tn_status (*lower)(const op_lower *c); /* NULL: a primitive */
    void (*ref)(const op_ref *c);
    int room; /* numbers of op_ref.room for each element of input 0 */
    /* Floating-point operations: so many for each element of input 0; or, where that is 0, from the types with numbers for
     * sizes; neither: one per element of output 0. */
    double flops_each;
    double (*flops)(const op_value *arg, const graph_type *const *in, const graph_type *out);
    /* OP_VIEW: sets y's strides (its dtype and dims are there) and the offset in elements so that y shows x's elements where
     * they lie; false when these strides of x do not allow it (x is then copied row-major first). */
    bool (*view)(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset);
    const char *const *cases; /* ends in NULL */
    const op_bad *bad;        /* ends in {0} */
    const op_bad
        *fault; /* case strings that build but must fail at run time, and what the sentence says; ends in {0} */
    op_tol tol[TN_DTYPE_END];
} op_def;

/* All operators, in the order of their file names; ends in NULL. */
extern const op_def *const op_table[];
/* The one operator that passes make directly. */
extern const op_def op_fused;
const op_def *op_find(const char *name);
int op_count_in(const op_def *def);
int op_count_out(const op_def *def);
int op_count_arg(const op_def *def);

/* ---- building ---------------------------------------------------------------------------------------------------- */

/* Makes a node: checks counts, dtypes and arguments, infers the outputs, names it "scope/name". `arg` may be NULL (all
 * defaults). Arguments are given by enumerator through OP_SET; what is not set takes its default. On failure the sentence
 * sticks to the graph and the result is NULL. */
typedef struct op_args {
    struct {
        bool set;
        op_value v;
    } at[OP_MAX_ARG];
} op_args;
#define OP_I(value)                                                                                                    \
    {                                                                                                                  \
        true,                                                                                                          \
        {                                                                                                              \
            .i = (value)                                                                                               \
        }                                                                                                              \
    }
#define OP_F(value)                                                                                                    \
    {                                                                                                                  \
        true,                                                                                                          \
        {                                                                                                              \
            .f = (value)                                                                                               \
        }                                                                                                              \
    }
#define OP_T(value)                                                                                                    \
    {                                                                                                                  \
        true,                                                                                                          \
        {                                                                                                              \
            .text = (value)                                                                                            \
        }                                                                                                              \
    }
#define OP_L(count, numbers)                                                                                           \
    {                                                                                                                  \
        true,                                                                                                          \
        {                                                                                                              \
            .n = (count), .list = (numbers)                                                                            \
        }                                                                                                              \
    }
#define OP_D(view)                                                                                                     \
    {                                                                                                                  \
        true,                                                                                                          \
        {                                                                                                              \
            .data = (view)                                                                                             \
        }                                                                                                              \
    }
#define OP_ARGS(...) (&(const op_args){.at = {__VA_ARGS__}})

graph_node *op_apply(tn_graph *g, const op_def *def, int n_in, tn_tensor *const *in, const op_args *args);
/* The same under a path that is given (passes keep names). */
graph_node *op_apply_named(tn_graph *g, const op_def *def, const char *path, int n_in, tn_tensor *const *in,
                           const op_value *arg);
/* Output 0, or poison. The graph is that of the first input that is not NULL. */
tn_tensor *op_make(const op_def *def, int n_in, tn_tensor *const *in, const op_args *args);
#define OP_MAKE(def, args, ...)                                                                                        \
    op_make((def), (int)(sizeof((tn_tensor *[]){__VA_ARGS__}) / sizeof(tn_tensor *)), (tn_tensor *[]){__VA_ARGS__},    \
            (args))
/* True for what a builder must pass on rather than look at: an absent or failed value. */
static inline bool op_unusable(const tn_tensor *x)
{
    return !x || graph_poisoned(x);
}
/* Output i of the node that made x, or poison. */
tn_tensor *op_sibling(tn_tensor *x, int i);

/* The dtype that a and b are promoted to: floats over integers over bool, wider over narrower, f16 with bf16 is f32,
 * u8 with i8 is i16 (PyTorch's table). */
tn_dtype op_promote(tn_dtype a, tn_dtype b);
/* Casts where the dtype differs. */
tn_tensor *op_cast_to(tn_tensor *x, tn_dtype dtype);
/* Both cast to their common dtype and given to a two-input operator. */
tn_tensor *op_binary(const op_def *def, tn_tensor *a, tn_tensor *b);
/* Rank-0 constant of x's dtype. */
tn_tensor *op_like_scalar(tn_tensor *x, double value);
/* A constant of x's shape and the given dtype (TN_NONE: x's): an expanded scalar. */
tn_tensor *op_full_like(tn_tensor *x, tn_dtype dtype, double value);
/* The number of elements along the axes (mask; all if negative) as a rank-0 value of that dtype: works for symbols. */
tn_tensor *op_count_value(tn_tensor *x, int64_t axes_mask, tn_dtype dtype);

/* What an operator computes, by types with numbers for sizes; in holds NULL where an input is absent. */
double op_flops_of(const op_def *def, const op_value *arg, const graph_type *const *in, const graph_type *out,
                   int n_out);
/* For operators that compute nothing. */
double op_no_flops(const op_value *arg, const graph_type *const *in, const graph_type *out);

/* ---- inference ---------------------------------------------------------------------------------------------------- */

struct op_infer {
    const op_def *def;
    dim_table *dims;
    int n_in;
    const graph_type *const *in; /* NULL where absent */
    const op_value *arg;
    graph_type *out; /* filled by infer; dtypes are there already where slots determine them */
    int *n_out;      /* for operators with a variable number of outputs */
    base_error *error;
};

static inline int64_t op_int(const op_infer *c, int arg)
{
    return c->arg[arg].i;
}
/* Sentence; the caller's name, node and input shapes are put around it. */
tn_status op_fail(const op_infer *c, tn_status status, const char *fmt, ...) TN_PRINTF(3, 4);
/* Output i has x's shape. */
tn_status op_like(const op_infer *c, int i, const graph_type *x);
/* The axis of argument arg for this rank, negative ones counted from the end; -1 and the sentence set when out of range. */
int op_axis(const op_infer *c, int arg, int rank);
/* Output 0 is the broadcast of all inputs. */
tn_status op_infer_broadcast(const op_infer *c);
/* The same for all but the last `keep` axes, whose sizes the caller sets. */
tn_status op_infer_broadcast_lead(const op_infer *c, int keep);
/* Output 0 like input 0. */
tn_status op_infer_same(const op_infer *c);
/* Output 0 like input 0, whose shape all the others must have. */
tn_status op_infer_alike(const op_infer *c);
/* The same for operators along an axis, which is argument 0. */
tn_status op_infer_along(const op_infer *c);
/* Input i has the shape of `like`, or a sentence. */
tn_status op_want_shape(const op_infer *c, int i, const graph_type *like);
/* Equal sizes or a sentence naming what. */
tn_status op_want_same(const op_infer *c, tn_dim a, tn_dim b, const char *what);
/* Of updates of rows: param[rows, features], dy[..., features], index[...], and last a rate of rank 0. */
tn_status op_infer_rows(const op_infer *c);
/* bool[rows, 1]: index names the row. */
tn_tensor *op_used_rows(tn_tensor *index, tn_dim rows, int64_t padding_index);

/* Axes of an OP_INTS_LIST argument as a bit mask for rank (empty list: all axes); -1 and the sentence set on a bad or
 * repeated axis. */
int64_t op_axes(const op_infer *c, int arg, int rank);

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

struct op_grad {
    tn_graph *graph;
    const graph_node *node;
    tn_tensor *const *dout; /* NULL where no gradient arrives */
    const bool *wants;      /* which inputs need one */
    tn_tensor **din;        /* answers: NULL none yet */
    bool *zero;             /* answers: the gradient is zero */
    base_error *error;
};

static inline tn_tensor *op_in(const op_grad *c, int i)
{
    return c->node->in[i];
}
static inline tn_tensor *op_out(const op_grad *c, int i)
{
    return &c->node->out[i];
}
static inline const op_value *op_arg(const op_grad *c, int i)
{
    return &c->node->arg[i];
}
static inline bool op_wants(const op_grad *c, int i)
{
    return i < c->node->n_in && c->node->in[i] && c->wants[i];
}
/* The gradient of output i; zeros of its shape when none arrives. */
tn_tensor *op_dout(const op_grad *c, int i);
/* The gradient of input i, of the input's dtype and shape (before broadcasting is undone). Ignored when not wanted. */
tn_status op_give(const op_grad *c, int i, tn_tensor *gradient);
tn_status op_give_zero(const op_grad *c, int i);
/* There is no gradient, and this is why. */
tn_status op_no_grad(const op_grad *c, int i, const char *why);
/* x summed to the shape of `to`, which was broadcast to x's shape. */
tn_tensor *op_unbroadcast(tn_tensor *x, tn_tensor *to);
/* A gradient that is zero everywhere (comparisons, rounding). */
tn_status op_grad_zero(const op_grad *c);

/* ---- lowering ----------------------------------------------------------------------------------------------------- */

struct op_lower {
    tn_graph *graph; /* the inputs below are values of this graph */
    const graph_node *node;
    tn_tensor *const *in;
    bool training;
    tn_tensor **out; /* answers; an output that nobody uses may stay NULL */
};

/* ---- references --------------------------------------------------------------------------------------------------- */

/* An array in the reference's arithmetic: floats as double, integers and bool as int64; row-major. */
typedef struct op_array {
    tn_dtype dtype;
    int rank;
    int64_t dims[TN_MAX_RANK];
    int64_t count;
    double *f;
    int64_t *i;
    double
        *magnitude; /* outputs: the scale of the rounding error per element, if set by the reference (NULL: |value|) */
} op_array;

struct op_ref {
    const graph_node *node;
    int n_in, n_out;
    const op_array *const *in; /* NULL where absent */
    op_array *const *out;      /* shapes set, values zero */
    const op_value *arg;
    bool training;
    uint64_t seed, step; /* of random operators */
    const char **fault;  /* where to put the sentence of a fault; NULL inside: none yet */
    double *room;        /* to work in, as many numbers as the definition asks for */
};

/* Keeps the first fault of a run. `sentence` is static. */
void op_ref_fault(const op_ref *c, const char *sentence);
/* Position in x of the element that is broadcast to position `at` of an array with y's dims. */
int64_t op_ref_index(const op_array *y, const op_array *x, int64_t at);
/* y[i] = f(x[i]) for floats, g(x[i]) for integers and bool (either may be NULL where the class has none). */
void op_ref_unary(const op_ref *c, double (*f)(double), int64_t (*g)(int64_t));
/* y[i] = f(a[i], b[i]), broadcast; the output may be bool or integer where the inputs are floats: then h is used. */
void op_ref_binary(const op_ref *c, double (*f)(double, double), int64_t (*g)(int64_t, int64_t));
/* The same for divisions: an integer b = 0 is a fault and gives 0. */
void op_ref_division(const op_ref *c, double (*f)(double, double), int64_t (*g)(int64_t, int64_t));
void op_ref_compare(const op_ref *c, bool (*f)(double, double), bool (*g)(int64_t, int64_t));
/* Coordinates of position `at` in an array of these dims, and back with strides. */
void op_ref_coordinates(const op_array *x, int64_t at, int64_t *coordinate);
int64_t op_ref_at(const op_array *x, const int64_t *coordinate);
/* -1, 0, 1: element a of x is smaller than b, equal, larger; NaN is larger than everything, and equal to NaN. */
int op_ref_order(const op_array *x, int64_t a, int64_t b);
/* Keeps v as the dtype of an integer array keeps it (wraps), bool as 0 or 1. */
int64_t op_ref_wrap(tn_dtype dtype, int64_t v);
/* A double as this float dtype holds it. */
double op_ref_round(tn_dtype dtype, double v);

/* A float as an integer dtype takes it: cut towards zero, saturated, NaN is 0; bool is v != 0. */
int64_t op_ref_to_int(tn_dtype dtype, double v);

/* ---- reductions: arguments 0 and 1 are the axes and whether they are kept, with size 1 ------------------------------ */

/* Elements of a type whose sizes are numbers. */
double op_elements(const graph_type *type);
/* Output 0: x without the axes, or with size 1 there. */
tn_status op_infer_reduced(const op_infer *c);
int64_t op_axes_mask(const op_value *axes, int rank);
/* Where element `at` of input 0 goes in output 0. */
int64_t op_ref_reduced(const op_ref *c, int64_t at);
/* A reduced value with the reduced axes put back as size 1; and stretched to x's shape. */
tn_tensor *op_keep_reduced(tn_tensor *y, tn_tensor *x, const op_value *axes, bool keepdim);
tn_tensor *op_expand_reduced(tn_tensor *y, tn_tensor *x, const op_value *axes, bool keepdim);

/* ---- random numbers and elements ---------------------------------------------------------------------------------- */

/* One element of this dtype from a double (rounded, or as op_ref_to_int); false for TN_NONE. */
bool op_element_from_f64(tn_dtype dtype, double value, void *element);
double op_element_to_f64(tn_dtype dtype, const void *element);
int64_t op_element_to_i64(tn_dtype dtype, const void *element);
bool op_element_from_i64(tn_dtype dtype, int64_t value, void *element);

/* The stream of a random operator made now under the graph's scope: a hash of the path that the node will have. Builders keep
 * it as an argument, so that passes and gradients make the same numbers again. */
int64_t op_new_stream(tn_graph *g, const char *name);
/* The random word of logical element `index`: Philox under the key of (seed, stream) at counter (index / 4, step), word index % 4. */
uint32_t op_random_word(uint64_t seed, uint64_t step, int64_t stream, uint64_t index);

#endif
