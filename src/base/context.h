/* context.h: what a tn_context holds. Objects that outlive the call that made them retain it. */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/error.h"

#include <stdatomic.h>

/* What another room keeps in a context: freed with it. */
typedef struct base_owned {
    void (*free)(struct base_owned *owned);
} base_owned;

struct tn_context {
    atomic_int references;
    atomic_int threads;              /* 0: as many as there are processors; the CPU room counts them when first asked */
    _Atomic(base_owned *) team;      /* the CPU room's threads, made when first wanted */
    _Atomic(base_owned *) operators; /* of the program that uses the library, the op room's list */
    const char *isa_wish; /* one of base_isa_names, or NULL: the best there is; what is in force the CPU room decides */
    tn_log_fn log;
    void *log_user;
    base_error err;
};

/* The instruction sets that may be wished for, weakest first; ends in NULL. */
extern const char *const base_isa_names[];

/* Each retain is undone by a tn_context_free. Returns its argument; NULL is fine. */
tn_context *base_context_retain(tn_context *context);
/* Forgets the last failure and gives the place for the next one; NULL for a NULL context. */
base_error *base_context_begin(tn_context *context);

enum { BASE_LOG_ERROR, BASE_LOG_WARNING, BASE_LOG_INFO, BASE_LOG_DEBUG };
/* A line to the user's log; nothing without one. */
void base_log(const tn_context *context, int level, const char *fmt, ...) TN_PRINTF(3, 4);

#endif
