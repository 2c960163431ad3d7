/* elem_plan.h: the inside of a cpu_elem, shared by elem.c (which makes it), elem_loop.c (which plans its loop) and
 * elem_run.c. The loop that is left after simplification has rows and columns: the last dim is the columns, all others
 * together, in row-major order, are the rows. A tile is a range of rows by a range of columns. */
#ifndef CPU_ELEM_PLAN_H
#define CPU_ELEM_PLAN_H

#include "cpu/core/elem.h"
#include "cpu/core/elem_tile.h"

/* How a tensor, or the logical index of random numbers, lies over the loop. */
typedef struct cpu_elem_view {
    int64_t stride[TN_MAX_RANK]; /* of the dims that make the rows, outermost first */
    int64_t col;                 /* of the columns */
    bool regular;                /* within a tile, one element after the other is `col` further on */
    bool direct;                 /* regular with col = 1: a tile can be used where it lies */
    bool invariant;              /* the same for every tile */
    bool uniform;                /* one value for all elements (of a loop with more than one) */
} cpu_elem_view;

typedef struct cpu_elem_loop {
    bool empty;
    int outer; /* dims that make the rows */
    int64_t dims[TN_MAX_RANK], rows, cols;
    int64_t tile_rows, tile_cols, row_blocks, col_blocks, tiles;
    bool down; /* tiles are taken down the rows first, then along the columns */
} cpu_elem_loop;

/* Simplifies the loop over `dims` and cuts tiles of at most `most` elements. On entry `stride` of every view holds
 * `rank` strides; the views in front matter most for the order of the dims. */
void cpu_elem_plan_loop(cpu_elem_loop *loop, int rank, const int64_t *dims, int n_views, cpu_elem_view *views,
                        int64_t most);

/* Bytes at the head of the scratch that all threads share. */
size_t cpu_elem_head_bytes(int n_out);

typedef enum cpu_elem_do {
    CPU_ELEM_POINT, /* take an input where it lies */
    CPU_ELEM_LOAD,
    CPU_ELEM_AIM, /* compute an output where it lies */
    CPU_ELEM_EXEC,
    CPU_ELEM_STORE,
    CPU_ELEM_SPLAT /* spread the first element of a register over a vector, or the tile */
} cpu_elem_do;

typedef struct cpu_elem_step {
    cpu_elem_do what;
    int index; /* of the input, the output, the instruction or the register */
} cpu_elem_step;

/* An input or output: where its elements are, how wide, and how they are converted (NULL: not at all). */
typedef struct cpu_elem_port {
    const cpu_elem_view *view;
    cpu_elem_convert convert;
    cpu_elem_gather gather;
    cpu_elem_scatter scatter;
    size_t width;  /* bytes of an element in memory */
    size_t inside; /* and in a register */
    int reg;
    bool direct; /* outputs: may be computed in place, if nothing that is read later lies there */
    bool ahead;  /* inputs: large, so that the next tile is asked for while this one is computed */
    bool stream; /* outputs: so large that they should go past the caches, unless they lie where an input does */
} cpu_elem_port;

/* An instruction, ready to run. */
typedef struct cpu_elem_op {
    cpu_elem_tile tile;
    int src[3], arity, reg;
    int64_t goes[3]; /* as the tile wants it */
    size_t inside;   /* bytes of an element of the result */
    double arg[4];
    int64_t iarg;
    uint64_t key;
    const cpu_elem_view *index; /* random operators; else NULL */
    const char *fault;          /* what is wrong with an element that the tile reports */
} cpu_elem_op;

struct cpu_elem {
    const cpu_elem_kernels *kernels;
    cpu_elem_loop loop;
    int threads, n_in, n_out, n_instr, n_regs;
    int64_t chunks, tiles_per_chunk;
    cpu_elem_port *in, *out;
    cpu_elem_op *op;
    const cpu_elem_view *logical; /* row-major strides of the dims that were asked for; for faults */
    const bool *late;             /* [n_out][n_in]: the input is read after the output has been computed */
    /* Steps on what is one value throughout, for one element, once per chunk; on what is the same for every tile, once per
     * chunk; on all else, for every tile. */
    int n_single, n_prologue, n_body;
    cpu_elem_step *single, *prologue, *body;
    int ahead_lines;  /* of the next tile's inputs, asked for before each instruction */
    const bool *wide; /* per register: 8 bytes an element, not 4 */
    const bool
        *whole; /* per register: one value that fills a tile, as an output or a source in another domain than f32 */
    /* Scratch: the head is shared, then each thread has pointers of its registers, a raw tile, and slots. */
    const size_t *slot; /* of each register within a thread's part; 0: none */
    size_t raw, head_bytes, thread_bytes;
};

#endif
