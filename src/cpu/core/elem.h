/* elem.h: element-wise work on n-dimensional strided operands. A chain of instructions runs over tiles of at most 1,024
 * elements that stay in the first-level cache, so that every operand moves through memory once however long the chain is.
 *
 * A tile is computed in one of three domains: f32 (for f32, f16, bf16 data), f64, or 64-bit integers (for all integers
 * and bool); loads and stores convert. Registers are in static single assignment form: register i < n_in is input i,
 * register n_in + k is the result of instruction k.
 *
 *   loads    exact, but for i64 to a float domain and f64 to f32, which round to nearest even; bool is 0 or 1
 *   stores   float to float rounds once to nearest even; float to integer truncates, saturates to 64 bits (NaN is 0) and
 *            then wraps to the width; integers wrap; to bool is x != 0 (NaN is true)
 *
 * Results depend neither on the number of threads nor on how work was cut. */
#ifndef CPU_ELEM_H
#define CPU_ELEM_H

#include "base/arena.h"
#include "base/error.h"
#include "cpu/core/fault.h"
#include "cpu/core/isa.h"

#include <tarn/core.h>

typedef enum cpu_domain { CPU_F32, CPU_F64, CPU_I64, CPU_DOMAIN_END } cpu_domain;

/* The domain in which elements of a dtype are usually computed. */
cpu_domain cpu_domain_of(tn_dtype dtype);
const char *cpu_domain_name(cpu_domain domain);

/* An operator on tiles. All sources of an instruction are in one domain; the result is in the same unless the name says
 * otherwise (to_f32, to_f64, to_i64). Comparisons and logic give 0 and 1. The list is in elem_list.h. */
typedef struct cpu_elem_fn {
    const char *name;
    int id;
    int arity;  /* sources, 0 .. 3 */
    int result; /* a cpu_domain, or -1: that of the sources */
    int cost;   /* of an f32 element, in quarters of a cycle, roughly */
} cpu_elem_fn;

/* By name ("add", "gelu_tanh"); NULL if there is none. */
const cpu_elem_fn *cpu_elem_find(const char *name);
/* Whether the operator can compute on sources of this domain (for those without a source: make results in it). */
bool cpu_elem_has(const cpu_elem_fn *fn, cpu_domain domain);

/* A tensor that is read or written. Strides are in elements; 0 broadcasts (inputs only), negative ones are allowed. */
typedef struct cpu_elem_operand {
    tn_dtype dtype;
    cpu_domain domain; /* what it is loaded into; an output must be stored from a register of this domain */
    int64_t strides[TN_MAX_RANK];
} cpu_elem_operand;

typedef struct cpu_elem_instr {
    const cpu_elem_fn *fn;
    cpu_domain domain; /* of the result */
    int src[3];        /* registers */
    double arg[4];
    int64_t iarg;                       /* the value of `const` in the integer domain */
    uint64_t key;                       /* random operators: which stream */
    int64_t index_strides[TN_MAX_RANK]; /* random operators: logical index of an element = sum of coordinate * stride */
} cpu_elem_instr;

typedef struct cpu_elem_desc {
    int rank;
    int64_t dims[TN_MAX_RANK];
    int n_in;
    const cpu_elem_operand *in;
    int n_out;
    const cpu_elem_operand *out;
    const int *out_reg; /* which register goes to each output; several outputs may take the same */
    int n_instr;
    const cpu_elem_instr *instr;
} cpu_elem_desc;

typedef struct cpu_elem_env {
    uint64_t seed, step; /* for the random operators */
    int node;            /* for the fault record */
    cpu_fault *fault;    /* may be NULL; a record that is already set is left alone */
} cpu_elem_env;

typedef struct cpu_elem cpu_elem;

/* Plans the loop: dims of 1 dropped, mergeable ones merged, the order that suits the outputs, tiles and chunks cut by
 * shape. NULL on failure, with a sentence in `error`. The result is immutable, lives in the arena, and may be run by
 * several threads at a time, each with a scratch of its own. */
cpu_elem *cpu_elem_new(base_arena *arena, const cpu_elem_desc *desc, cpu_isa isa, int threads, base_error *error);
/* Bytes of scratch that a run needs, any alignment. */
size_t cpu_elem_scratch(const cpu_elem *elem);
/* The same where one thread does it all. */
size_t cpu_elem_scratch_alone(const cpu_elem *elem);
/* Data pointers in the order of the description. An output may be the memory of an input if dtype and strides are the
 * same; other overlaps of outputs with anything are not allowed. `env` may be NULL if nothing random is in the chain. */
void cpu_elem_run(const cpu_elem *elem, const void *const in[], void *const out[], void *scratch,
                  const cpu_elem_env *env);

/* The Philox key of a random stream: seed and key, each mixed so that neighbouring numbers give unrelated streams. Number
 * i of a stream is word i % 4 of the block at counter (lo = i / 4, hi = step). */
static inline uint64_t cpu_elem_mix(uint64_t x)
{
    /* The finaliser of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline uint64_t cpu_elem_random_key(uint64_t seed, uint64_t key)
{
    return cpu_elem_mix(seed ^ cpu_elem_mix(key));
}

#endif
