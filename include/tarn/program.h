/* tarn/program.h: compiling graphs and running them.
 *
 *     tn_program *p = tn_compile(graph, NULL);
 *     tn_state   *s = tn_state_new(context);       tn_state_init(s, graph, seed);
 *     tn_session *r = tn_session_new(p, s);
 *     tn_run(r, "step", feeds, n_feeds, fetches, n_fetches);
 */
#ifndef TARN_PROGRAM_H
#define TARN_PROGRAM_H

#include <tarn/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* The named tensors that outlive a run: parameters, running statistics, optimizer slots. A session that trains excludes
 * others on the same state (TN_BUSY); sessions that only read it may be many. */
typedef struct tn_state tn_state;

TN_API tn_state *tn_state_new(tn_context *context);
TN_API void tn_state_free(tn_state *state);
/* Adds every state tensor of the graph that is not there yet, filled by its initialiser. Values depend on seed and name
 * only. An entry that is there with another dtype or shape is an error. */
TN_API tn_status tn_state_init(tn_state *state, const tn_graph *graph, uint64_t seed);
TN_API const char *tn_state_error(const tn_state *state);
TN_API int tn_state_count(const tn_state *state);
/* Name and data of entry i in order of addition; NULL from the end on. The view may be written between runs. */
TN_API const char *tn_state_get(const tn_state *state, int i, tn_view *view);
/* The entry with this name; TN_NOT_FOUND. */
TN_API tn_status tn_state_find(const tn_state *state, const char *name, tn_view *view);
/* Copies data into an entry, which is added if it is not there; dtype and shape must match if it is. */
TN_API tn_status tn_state_set(tn_state *state, const char *name, const tn_view *view);
/* Seed and step of the random operators: numbers are a function of (seed, step, name, element). Each run of a training
 * entry adds 1 to the step. Both belong to what a checkpoint keeps. */
TN_API void tn_state_set_random(tn_state *state, uint64_t seed, uint64_t step);
TN_API void tn_state_get_random(const tn_state *state, uint64_t *seed, uint64_t *step);

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* Immutable; shared by sessions on any number of threads. */
typedef struct tn_program tn_program;

/* How products and convolutions of f32 tensors are computed. Everything else, and every sum, is f32 in any case: weights,
 * updates, statistics, normalisation, losses. docs/training.md says how large the errors are. */
typedef enum tn_precision {
    TN_PRECISION_F32 =
        0, /* f32; convolutions also by Winograd's transforms, products also in parts that are as exact (AMX) */
    TN_PRECISION_BF16 =
        1, /* operands rounded to bf16 where the processor is fast at it (AMX; AMD's AVX512_BF16); elsewhere f32,
                               which is faster there. What these round in any case lies in memory so, and what
                               convolutions and linear layers give */
    TN_PRECISION_EXACT = 2, /* plain f32 sums throughout: convolutions of 3x3 take about twice as long */
    TN_PRECISION_HIGH = 3   /* as PyTorch's float32_matmul_precision of that name: in training they take each number as
                               the sum of two bf16, where the processor has matrix registers (AMX); elsewhere f32 */
} tn_precision;

typedef struct tn_compile_opt {
    size_t memory_limit; /* bytes of buffer and scratch that a binding may need; 0: no limit. Training entries that need
                            more compute values again instead of keeping them for gradients (tn_recompute_begin): as few
                            as suffice, with the same results bit for bit */
    bool no_fuse;        /* keep element-wise operators apart (for finding errors) */
    bool no_simplify;
    tn_precision precision;
    bool no_recompute; /* nothing is computed again, whatever regions and the limit ask for */
    void *reserved[6];
} tn_compile_opt;

/* Compiles every entry of the graph. NULL on failure: the context has the sentence, which lists everything that is missing.
 * The graph may be freed afterwards. */
TN_API tn_program *tn_compile(tn_graph *graph, const tn_compile_opt *opt);
/* The same for one entry of the graph. */
TN_API tn_program *tn_compile_entry(tn_graph *graph, const char *entry, const tn_compile_opt *opt);
TN_API void tn_program_free(tn_program *program);
/* The passes' result for an entry, as text or for Graphviz; free() it; NULL if there is no such entry or no memory. */
TN_API char *tn_program_text(const tn_program *program, const char *entry);
TN_API char *tn_program_dot(const tn_program *program, const char *entry);

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

/* Buffers to run a program, for one thread at a time. Retains program and state. */
typedef struct tn_session tn_session;

TN_API tn_session *tn_session_new(tn_program *program, tn_state *state);
TN_API void tn_session_free(tn_session *session);
TN_API const char *tn_session_error(const tn_session *session);

/* A named value that goes in or comes out. */
typedef struct tn_feed {
    const char *name;
    tn_view view;
} tn_feed;

/* Runs an entry. Every input that the entry uses must be fed, with its dtype; symbols take their numbers from the shapes of
 * the feeds. Outputs that are not fetched are not copied; a fetch's view must have the output's dtype and shape (a rank-0
 * view takes a rank-0 output). After the first run with the same shapes nothing is allocated. When it fails no state was
 * changed. */
TN_API tn_status tn_run(tn_session *session, const char *entry, int n_feeds, const tn_feed *feeds, int n_fetches,
                        const tn_feed *fetches);
/* The shape of an output as of the last successful run. */
TN_API tn_status tn_session_shape(tn_session *session, const char *entry, const char *output, tn_view *shape);

/* What a binding needs, known before it runs. */
typedef struct tn_memory {
    size_t buffer;       /* values of the run, planned by lifetime in one block */
    size_t scratch;      /* the largest need of a kernel */
    size_t unshared;     /* what the values would need without sharing */
    size_t state;        /* parameters, statistics, slots */
    size_t packed;       /* parameters once more, in the order of the kernels: shared by all sessions of a state */
    double flops, bytes; /* of one run: counted from the shapes */
    int steps;           /* kernel calls */
    /* Of training entries in which values are computed again for gradients (tn_recompute_begin, memory_limit): */
    int again;          /* operators that run twice; 0: none */
    size_t buffer_kept; /* the buffer if all were kept instead */
    double flops_kept;  /* and the FLOPs */
} tn_memory;
/* Binds the entry to the shapes of the feeds (their data is not read and may be NULL) without running it. */
TN_API tn_status tn_session_plan(tn_session *session, const char *entry, int n_feeds, const tn_feed *feeds,
                                 tn_memory *memory);

/* Profiling: while on, every kernel call is timed. */
TN_API void tn_session_profile(tn_session *session, bool on);
typedef struct tn_profile_row {
    const char *node, *op, *kernel; /* "conv1/conv2d", "conv2d", "conv2d/own:direct" */
    double seconds;                 /* sum over the calls */
    double flops, bytes;            /* of one call */
    int64_t calls;                  /* 0: it follows from state alone, and was run when that changed */
    tn_view output;                 /* dtype and sizes of what it gives; without data */
    int64_t address;                /* where in the buffer that lies; -1: not there, but in the state */
} tn_profile_row;
/* Row i in the order of execution of the entry as last bound; TN_NOT_FOUND from the end on. */
TN_API tn_status tn_session_profile_row(const tn_session *session, const char *entry, int i, tn_profile_row *row);

/* What this machine can do at most on the context's threads, measured now (about half a second, 128 MB). */
typedef struct tn_machine {
    double flops; /* f32 multiply-adds in registers, operations a second */
    double bytes; /* copying between arrays that no cache holds, read and written, a second */
} tn_machine;
TN_API tn_status tn_machine_limits(tn_context *context, tn_machine *machine);

/* From another thread or a signal handler: the run in progress, or the next, stops between kernels with TN_CANCELLED. */
TN_API void tn_cancel(tn_session *session);

#ifdef __cplusplus
}
#endif
#endif
