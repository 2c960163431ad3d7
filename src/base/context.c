/* context.c: see context.h and <tarn/core.h>. What is in force (tn_context_isa,
 * tn_context_threads) is in src/cpu/core/context.c: what the machine can do is not known here.
 */
#include "base/context.h"

#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024 };

const char *const base_isa_names[] = {"portable", "avx2", "avx512", "avx512_bf16", "amx", NULL};

/* A wish that cannot be read is told in the context's sentence and met in the way that is always possible. */
static void set_isa(tn_context *c, const char *wish)
{
    if (!wish)
        return;
    for (int i = 0; base_isa_names[i]; i++)
        if (strcmp(base_isa_names[i], wish) == 0) {
            c->isa_wish = base_isa_names[i];
            return;
        }
    c->isa_wish = base_isa_names[0];
    base_fail(&c->err, TN_INVALID,
              "unknown instruction set \"%.40s\"; known are portable, avx2, avx512 and amx; portable is taken", wish);
}

static void set_threads(tn_context *c, int wish)
{
    int taken = wish < 0 ? 1 : wish > MOST_THREADS ? MOST_THREADS : wish;
    atomic_init(&c->threads, taken);
    if (taken != wish)
        base_fail(&c->err, TN_INVALID, "%d threads are wished for; 0 to %d can be had; %d taken", wish, MOST_THREADS,
                  taken);
}

tn_context *tn_context_new_version(int version, const tn_context_opt *opt)
{
    if (version / 10000 != TN_VERSION_MAJOR)
        return NULL;
    tn_context *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    tn_context_opt none = {0};
    if (!opt)
        opt = &none;
    atomic_init(&c->references, 1);
    c->log = opt->log;
    c->log_user = opt->log_user;
    set_threads(c, opt->threads);
    set_isa(c, opt->isa);
    if (c->err.status != TN_OK)
        base_log(c, BASE_LOG_WARNING, "%s", c->err.text);
    return c;
}

void tn_context_free(tn_context *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
        return;
    base_owned *const owned[] = {atomic_load_explicit(&c->team, memory_order_relaxed),
                                 atomic_load_explicit(&c->operators, memory_order_relaxed)};
    for (int i = 0; i < 2; i++)
        if (owned[i])
            owned[i]->free(owned[i]);
    free(c);
}

tn_context *base_context_retain(tn_context *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

base_error *base_context_begin(tn_context *c)
{
    if (!c)
        return NULL;
    base_clear(&c->err);
    return &c->err;
}

const char *tn_context_error(const tn_context *c)
{
    return c ? c->err.text : "";
}

void base_log(const tn_context *c, int level, const char *fmt, ...)
{
    if (!c || !c->log)
        return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    (void)base_vprint(line, sizeof line, fmt, args);
    va_end(args);
    c->log(c->log_user, level, line);
}
