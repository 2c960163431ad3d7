/* backend.h: what a program and a backend say to each other. The program decides which value lies where; the backend has
 * kernels, each for one operator, and says how it wants its operands laid out.
 *
 * Values are described by sizes and strides: a permuted, sliced or expanded view costs nothing where the kernel takes it. */
#ifndef PROGRAM_BACKEND_H
#define PROGRAM_BACKEND_H

#include "op/scheme/eval.h"
#include "pass/pass.h"
#include <tarn/program.h>

typedef op_operand kernel_operand; /* dtype TN_NONE: absent */

typedef enum kernel_layout {
    KERNEL_ANY,          /* whatever strides, overlapping (expanded) ones too */
    KERNEL_ROW_MAJOR,    /* dense, last axis fastest */
    KERNEL_CHANNELS_LAST /* dense, axis 1 fastest, the others row-major; row-major below rank 3 */
} kernel_layout;

/* What a kernel makes of an f32 that lies in memory as bf16. */
typedef enum kernel_half {
    KERNEL_NO_HALF,
    KERNEL_HALF, /* reads or writes it */
    KERNEL_MOVES, /* takes numbers from place to place: only if all inputs and outputs lie so, and it rounds if who reads them does */
    KERNEL_PICKS, /* the same, but some may lie so and others not: what is rounded by its maker may come out as f32 */
    KERNEL_ROUNDS /* reads it, and would round it to bf16 in any case */
} kernel_half;

struct kernel;

/* An input that a kernel wants in an order of its own, put so once and used until the state is written. The order follows from
 * the kernel, the instruction set, the dtype, sizes and strides of the input, and `form`. */
enum { KERNEL_FORM = 4 };
typedef struct kernel_pack {
    int input;
    size_t bytes;              /* 0: none */
    int64_t form[KERNEL_FORM]; /* whatever else decides the order: numbers of the kernel's own */
} kernel_pack;

/* A kernel being bound to sizes. */
typedef struct kernel_bind {
    const graph_node *node;
    bool training;
    int threads;
    int isa;                /* as the backend numbers them */
    tn_precision precision; /* of products and convolutions of f32 */
    int n_in, n_out;
    kernel_operand *in;  /* as they will be when the kernel runs (after `want`) */
    kernel_operand *out; /* row-major when prepare is called; it may set the strides of another dense order */
    const bool *fixed;   /* by input: state that the entry does not write; NULL: none */
    base_arena *arena;   /* for what prepare keeps; lives as long as the binding */
    base_error *error;
    /* filled by prepare: */
    void *plan;
    size_t scratch;       /* bytes, 64-aligned when run */
    size_t scratch_alone; /* of them, what it needs where one thread does it all; 0: the same */
    kernel_pack pack;     /* of an input that is fixed; `in` of a call is then the packed form */
    const char *path;     /* which way the kernel takes, for the profile; NULL: none worth naming */
} kernel_bind;

/* The record of a fault at run time: the first one stays. */
typedef struct kernel_fault {
    const char *what; /* a sentence, or NULL */
    int64_t element;
    double value;
    const char *at, *with; /* what these two are; NULL: "element" and "value" */
} kernel_fault;

typedef struct kernel_call {
    const void *plan;
    const void *const *in; /* NULL where absent */
    void *const *out;
    void *scratch;
    uint64_t seed, step;
    kernel_fault *fault;
} kernel_call;

typedef struct kernel {
    const char *op, *name;
    /* Whether the kernel can take the node at all, sizes unknown: dtypes, arguments, mode. NULL: yes. */
    bool (*keeps)(const graph_node *node, bool training);
    /* Whether it takes these sizes. NULL: yes. */
    bool (*accepts)(const kernel_bind *b);
    /* The layout that input i must have. NULL: KERNEL_ROW_MAJOR for all. */
    kernel_layout (*want)(const kernel_bind *b, int i);
    tn_status (*prepare)(kernel_bind *b);
    void (*run)(const kernel_call *c);
    void (*pack)(const void *plan, const void *from, void *to);
    /* Takes in the only node that reads output 0, of one input and one output: from now on the plan of prepare makes `out`, whose
     * strides it may set, instead of `in`. NULL: none is. */
    bool (*takes_in)(void *plan, const graph_node *node, const kernel_operand *in, kernel_operand *out);
    /* Whether the f32 of input i, or for i < 0 of output -1 - i, may lie in memory as bf16; sizes are known, layouts are not. NULL: never. */
    kernel_half (*half)(const kernel_bind *b, int i);
    bool in_place; /* an output may take the memory of an input of the same dtype and strides */
} kernel;

typedef struct backend {
    const char *name;
    pass_backend pass;
    /* The best kernel for the node that accepts these sizes; never NULL, as the reference takes everything. */
    const kernel *(*select)(const kernel_bind *b);
    /* What the kernel that it would select says of an f32 operand as bf16; see kernel.half. */
    kernel_half (*half)(const kernel_bind *b, int i);
    /* A kernel that copies input 0 to output 0, any dtype and strides. */
    const kernel *copy;
    int (*isa)(const tn_context *context); /* in force */
    /* Around the kernels of a run: this thread computes with what the context has (threads); gives what it had before. */
    void *(*enter)(tn_context *context);
    void (*leave)(void *before);
    /* Calls fn for 0 .. n-1, each once, on the context's threads; `thread` is below `threads`, and no two calls at once have the same. */
    void (*share)(int threads, int64_t n, void (*fn)(void *arg, int64_t i, int thread), void *arg);
    /* What the machine can do at most: f32 operations and bytes copied a second, measured. */
    tn_status (*limits)(tn_context *context, double *flops, double *bytes, base_error *e);
    /* Fills f32 numbers with low + width * what base_random_f64, or with `normal` base_random_normal, draws of this key and stream. */
    void (*draw)(tn_context *context, uint64_t key, uint64_t stream, bool normal, double low, double width, float *data,
                 int64_t count);
    void (*fill)(tn_context *context, float value, float *data, int64_t count);
} backend;

extern const backend backend_cpu;

/* Layouts of operands. */
bool kernel_is_row_major(const kernel_operand *x);
bool kernel_has_layout(const kernel_operand *x, kernel_layout layout);
void kernel_set_layout(kernel_operand *x, kernel_layout layout);
int64_t kernel_count(const kernel_operand *x);

#endif
