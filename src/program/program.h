/* program.h: the insides of programs: passes once per entry, bindings once per entry and sizes. */
#ifndef PROGRAM_PROGRAM_H
#define PROGRAM_PROGRAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/lists.h"
#include "program/backend.h"
#include <tarn/program.h>

/* Where the bytes of a value are. */
typedef enum place_kind { PLACE_BUFFER, PLACE_INPUT, PLACE_STATE, PLACE_CONSTANT, PLACE_KEPT } place_kind;
typedef struct place {
    place_kind kind;
    size_t bytes;
    int index;        /* PLACE_INPUT: which input; PLACE_STATE: which state of the entry; PLACE_KEPT: which of `kept` */
    const void *data; /* PLACE_CONSTANT */
    int first, last;  /* PLACE_BUFFER: the steps between which it is alive */
    size_t offset;    /* PLACE_BUFFER: in the session's block */
} place;

typedef struct bound_value {
    kernel_operand type;
    int place;
    int64_t offset; /* bytes into the place */
    int tensor;     /* of the entry's graph: the id of what this shows, or is a copy of */
    bool fixed;     /* follows from state that the entry does not write, and from constants, alone */
} bound_value;

typedef struct bound_step {
    const kernel *kernel;
    void *plan;
    const graph_node *node; /* NULL for copies of layout and commits */
    const char *name, *path;
    int n_in, n_out;
    int *in, *out; /* values; -1 absent */
    size_t scratch, scratch_alone;
    kernel_pack pack;
    double flops, bytes;
    bool check;      /* not a kernel: input 0 must be finite, else the run stops */
    int group;       /* which of the binding's groups it is in; -1: none */
    size_t pointers; /* where its pointers begin in those of all steps */
    bool once;       /* all its inputs are fixed: it runs when the state has changed, not with every run */
} bound_step;

/* Steps next to each other that run as one loop over the threads, together.c. */
typedef struct step_group {
    int first, n, n_parts;
    int *from;      /* by part: its first step; then the end */
    size_t scratch; /* of each thread */
} step_group;

/* An entry bound to sizes. Immutable once made. */
typedef struct binding {
    struct binding *next;
    base_arena arena;
    int64_t *symbol; /* by atom of the dim table */
    base_vec(place) places;
    base_vec(bound_value) values;
    base_vec(bound_step) steps;
    base_vec(int) kept; /* values made once and read by every run */
    base_vec(step_group) groups;
    bool *written;   /* by state of the entry's graph: some run changes it */
    int first_write; /* the first step that writes state: once it has run nothing stops the others */
    int *of_tensor;  /* by tensor id of the entry's graph: value, -1 none */
    int n_outputs;
    int *outputs;                             /* by result of the graph: value (of GRAPH_OUTPUT), else -1 */
    size_t buffer, scratch, unshared, packed; /* packed: with what is kept */
    double flops, bytes;
    tn_graph *own; /* the graph that was bound, if it is not the entry's */
    /* Against the same entry with everything kept: what its buffer would be, its FLOPs, and how many nodes run twice. */
    size_t buffer_kept;
    double flops_kept;
    int again;
} binding;

typedef struct program_entry {
    const char *name;
    tn_graph *graph; /* after the passes */
    tn_graph *kept;  /* the same before fusion and with nothing computed again; NULL where that cannot be asked for */
    int again;       /* nodes of `graph` that compute something again */
    bool training;
    bool writes;
    base_vec(const graph_node *) inputs; /* its `input` nodes */
    binding *bindings;
} program_entry;

struct tn_program {
    tn_context *context;
    atomic_int references;
    const backend *backend;
    int threads, isa;
    tn_precision precision;
    size_t memory_limit;
    bool fuses;
    base_arena arena;
    int n_entries;
    program_entry *entries;
    pthread_mutex_t lock; /* of the binding lists */
};

typedef struct state_entry {
    const char *name;
    tn_view view;     /* data 64-aligned */
    uint64_t version; /* of the state when this last changed */
} state_entry;

/* What a packed form of a state tensor, or a value made of state alone, follows from. */
typedef struct state_pack_key {
    const void *from; /* the first element that is read; for a value made of state the graph of its program's entry */
    int tensor;       /* and there its id; -1: the state's own bytes */
    const kernel *kernel; /* that wants its own order; NULL: the value as it is */
    int isa;
    kernel_operand type;
    int64_t form[KERNEL_FORM];
} state_pack_key;

/* A state tensor in a kernel's order, or a value made of state. Made by the first session that wants it, shared by all. */
typedef struct state_pack {
    struct state_pack *next;
    state_pack_key key;
    void *data;
    int users;        /* bindings of sessions */
    uint64_t version; /* of the state when it was made */
} state_pack;

struct tn_state {
    tn_context *context;
    atomic_int references;
    atomic_int writers; /* -1: a training session has it; else the number of runs that read it */
    base_arena arena;
    base_error error;
    base_vec(state_entry) entries;
    base_map index; /* name to 1 + position */
    uint64_t seed;
    _Atomic uint64_t step; /* runs of training entries so far; those that write nothing run side by side */
    uint64_t version;      /* raised whenever tensors change */
    pthread_mutex_t packing;
    state_pack *packs;
};

tn_program *program_retain(tn_program *p);
tn_state *state_retain(tn_state *s);
state_entry *state_find(const tn_state *s, const char *name);
/* "f32[2,3]". */
void state_print_type(const tn_view *v, base_str *s);
/* The packed form, room for `bytes` made if it is not there; NULL: out of memory. Not packed yet, or not anew. */
state_pack *state_pack_of(tn_state *s, const state_pack_key *key, size_t bytes);
/* One user less. A form of the state's own bytes stays for the next; what belongs to a program goes with its last user. */
void state_pack_release(tn_state *s, state_pack *x);
program_entry *program_find(tn_program *p, const char *name);
/* The binding for these symbol values, made if it is not there. NULL and e set on failure. */
const binding *program_bind(tn_program *p, program_entry *entry, const int64_t *symbol, base_error *e);
/* A graph of the entry, with the same inputs and results, bound to sizes; *to is freed by binding_free, after a failure too. */
tn_status program_bind_graph(tn_program *p, const program_entry *entry, const tn_graph *g, const int64_t *symbol,
                             binding **to, base_error *e);
/* The entry bound to sizes so that it keeps to the memory limit, if need be by computing values again. */
tn_status program_bind_within(tn_program *p, const program_entry *entry, const int64_t *symbol, binding **to,
                              base_error *e);
/* Gives values that are made once and read by runs places of their own. */
tn_status program_keep_fixed(binding *b, base_error *e);
/* Puts small updates from step `from` on together. */
tn_status program_group_steps(binding *b, int from, int threads, base_error *e);
/* `values_at` has the values of each place, and is kept up. */
tn_status program_plan_buffer(binding *b, base_lists *values_at, base_error *e);
/* The values at place `from` lie at place `to` from now on; false when memory is out. */
bool program_move_values(binding *b, base_lists *values_at, int from, int to);
void binding_free(binding *b);

/* Fills a tensor by its initialiser; numbers depend on (seed, name) only. */
tn_status program_initialise(tn_context *context, const tn_init *init, const char *name, uint64_t seed,
                             const tn_view *view, base_error *e);

#endif
