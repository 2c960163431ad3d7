/* context.c: the parts of a tn_context that this machine decides: threads and instruction set. */
#include "base/context.h"
#include "cpu/core/isa.h"

int tn_context_threads(const tn_context *context)
{
    if (!context)
        return 1;
    tn_context *c = (tn_context *)(uintptr_t)context;
    int n = atomic_load_explicit(&c->threads, memory_order_relaxed);
    if (n > 0)
        return n;
    n = cpu_thread_count(); /* the same for all that ask at once */
    atomic_store_explicit(&c->threads, n, memory_order_relaxed);
    return n;
}

const char *tn_context_isa(const tn_context *context)
{
    cpu_isa best = cpu_isa_best(), wish = best;
    if (context && context->isa_wish)
        (void)cpu_isa_from_name(context->isa_wish, &wish);
    return cpu_isa_name(wish < best ? wish : best);
}
