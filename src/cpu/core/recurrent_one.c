/* recurrent_one.c: see recurrent_one.h. Chunks are cut by the layer's width alone, so that sums have one order on any number of
 * threads. What a step reads of all units (the state before, the gradients of the gates) is never what the same step writes. */
#include "cpu/core/recurrent_one.h"

#include <string.h>

#include "cpu/core/gemm_kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/recurrent.h"

enum {
    WIDTH = CPU_ONE_UNITS,
    MOST_GATES = 4,
    LITTLE = 64 << 10 /* bytes of weights that one thread reads sooner than it shares them */
};

typedef struct units {
    int64_t first, n;
} units;

static int64_t chunks_of(const cpu_one *o)
{
    return (o->n + WIDTH - 1) / WIDTH;
}

static units units_of(const cpu_one *o, int64_t chunk)
{
    const int64_t first = chunk * WIDTH;
    return (units){first, o->n - first < WIDTH ? o->n - first : WIDTH};
}

static int threads_of(const cpu_one *o)
{
    return o->gates * o->n * o->n * (int64_t)sizeof(float) < LITTLE ? 1 : o->threads;
}

static const gemm_kernels *kernels_of(const cpu_one *o)
{
    return CPU_OF_ISA(o->isa, &gemm_f32);
}

/* The place in memory of step s of those that run one after another. */
static int64_t place_of(const cpu_one *o, int64_t s)
{
    return o->reverse ? o->steps - 1 - s : s;
}

/* ---- weights --------------------------------------------------------------------------------------------------------- */

static int64_t panel_of(const cpu_one *o, bool backward)
{
    return WIDTH * o->n * (backward ? o->gates : 1);
}

size_t cpu_one_packed(const cpu_one *o, bool backward)
{
    return (size_t)(chunks_of(o) * (backward ? 1 : o->gates) * panel_of(o, backward)) * sizeof(float);
}

typedef struct packing {
    const cpu_one *o;
    bool backward;
    const float *w;
    float *packed;
} packing;

static void pack_chunk(void *arg, int64_t chunk, int thread)
{
    const packing *p = arg;
    const cpu_one *o = p->o;
    const gemm_kernels *kern = kernels_of(o);
    const units u = units_of(o, chunk);
    const int64_t n = o->n, panel = panel_of(o, p->backward);
    (void)thread;
    if (p->backward)
        kern->pack_a(p->packed + chunk * panel, WIDTH, p->w + u.first, TN_F32, 1, n, u.n, o->gates * n);
    for (int g = 0; g < o->gates && !p->backward; g++)
        kern->pack_a(p->packed + (chunk * o->gates + g) * panel, WIDTH, p->w + (g * n + u.first) * n, TN_F32, n, 1, u.n,
                     n);
}

void cpu_one_pack(const cpu_one *o, bool backward, const float *w, float *packed)
{
    packing p = {o, backward, w, packed};
    cpu_parallel(threads_of(o), chunks_of(o), pack_chunk, &p);
}

/* ---- rows of gates: in memory n from one to the next, in a chunk's own room as many as it has units -------------------- */

static void take(float *own, const float *from, int gates, int64_t n, units u)
{
    for (int g = 0; g < gates; g++)
        memcpy(own + g * u.n, from + g * n + u.first, (size_t)u.n * sizeof *own);
}

static void give(const float *own, float *to, int gates, int64_t n, units u)
{
    for (int g = 0; g < gates; g++)
        memcpy(to + g * n + u.first, own + g * u.n, (size_t)u.n * sizeof *own);
}

static void add(float *own, const float *from, int gates, int64_t n, units u)
{
    for (int g = 0; from && g < gates; g++)
        for (int64_t i = 0; i < u.n; i++)
            own[g * u.n + i] += from[g * n + u.first + i];
}

/* What other threads wrote in the step before is fetched from their caches all at once. */
static void bring(const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16)
        __builtin_prefetch(from + i);
}

/* ---- forward --------------------------------------------------------------------------------------------------------- */

typedef struct step {
    const cpu_one *o;
    const cpu_recurrent_fns *fns;
    const cpu_one_forward *f;
    const cpu_one_backward *b;
    int64_t at, other; /* its place, and that of the step before, or behind; -1: none */
    int parity;
} step;

static void forward_chunk(void *arg, int64_t chunk, int thread)
{
    const step *s = arg;
    const cpu_one *o = s->o;
    const cpu_one_forward *f = s->f;
    const units u = units_of(o, chunk);
    const int64_t n = o->n, panel = panel_of(o, false);
    const float *before = s->other < 0 ? f->h0 : f->y + s->other * n, *x = f->x + s->at * o->gates * n;
    float own[MOST_GATES * WIDTH], sums[MOST_GATES * WIDTH], *y = f->y + s->at * n + u.first;
    (void)thread;
    bring(before, n);
    for (int g = 0; g < o->gates; g++)
        kernels_of(o)->row(u.n, n, before, f->packed + (chunk * o->gates + g) * panel, TN_F32, WIDTH, sums + g * u.n);
    add(sums, f->b, o->gates, n, u);
    if (o->kind == OP_REC_GRU) {
        float gates[MOST_GATES * WIDTH];
        take(own, x, o->gates, n, u);
        s->fns->gru(u.n, own, sums, before + u.first, gates, y);
        give(gates, f->gates + s->at * 4 * n, 4, n, u);
        return;
    }
    add(sums, x, o->gates, n, u);
    if (o->kind == OP_REC_LSTM) {
        s->fns->lstm(u.n, NULL, sums, f->c + u.first, f->c + u.first, y);
        give(sums, f->gates + s->at * 4 * n, 4, n, u);
        memcpy(f->cells + s->at * n + u.first, f->c + u.first, (size_t)u.n * sizeof *y);
    } else {
        memcpy(y, sums, (size_t)u.n * sizeof *y);
        s->fns->act(u.n, o->kind == OP_REC_RELU, y);
    }
}

void cpu_one_run(const cpu_one *o, const cpu_one_forward *f)
{
    step s = {.o = o, .fns = cpu_recurrent_fns_of(o->isa), .f = f, .other = -1};
    for (int64_t i = 0; i < o->steps; i++) {
        s.at = place_of(o, i);
        cpu_parallel(threads_of(o), chunks_of(o), forward_chunk, &s);
        s.other = s.at;
    }
    memcpy(f->h, s.other < 0 ? f->h0 : f->y + s.other * o->n, (size_t)o->n * sizeof *f->h);
}

/* ---- backward -------------------------------------------------------------------------------------------------------- */

/* What the gates of step `place` give to the state before them: gru's have their own, u, by turns in one of two places. */
static const float *given_by(const step *s, int64_t place)
{
    return s->o->kind == OP_REC_GRU ? s->b->u + !s->parity * s->o->gates * s->o->n
                                    : s->b->dx + place * s->o->gates * s->o->n;
}

/* What arrives at the units' state from the step behind, into h; of gru on top of what came past the gates. */
static void arrive(const step *s, int64_t chunk, units u)
{
    const cpu_one *o = s->o;
    float sums[WIDTH], *h = s->b->h + u.first;
    if (s->other < 0)
        return;
    bring(given_by(s, s->other), o->gates * o->n);
    kernels_of(o)->row(u.n, o->gates * o->n, given_by(s, s->other), s->b->packed + chunk * panel_of(o, true), TN_F32,
                       WIDTH, sums);
    for (int64_t i = 0; i < u.n; i++)
        h[i] = o->kind == OP_REC_GRU ? h[i] + sums[i] : sums[i];
}

static void backward_chunk(void *arg, int64_t chunk, int thread)
{
    const step *s = arg;
    const cpu_one *o = s->o;
    const cpu_one_backward *b = s->b;
    const units u = units_of(o, chunk);
    const int64_t n = o->n, at = s->at, first = place_of(o, 0), before = o->reverse ? at + 1 : at - 1;
    const float *y0 = at == first ? b->h0 : b->y + before * n, *more = NULL;
    float *d = b->h + u.first, gates[MOST_GATES * WIDTH], dgates[MOST_GATES * WIDTH], dx[MOST_GATES * WIDTH];
    (void)thread;
    arrive(s, chunk, u);
    add(d, b->dy ? b->dy + at * n + u.first : NULL, 1, 0, (units){0, u.n});
    if (b->gates)
        take(gates, b->gates + at * 4 * n, 4, n, u);
    if (b->dgates) {
        take(dgates, b->dgates + at * 4 * n, 4, n, u);
        more = dgates;
    }
    if (o->kind == OP_REC_LSTM) {
        const float *c = b->cells + at * n + u.first,
                    *c0 = at == first ? b->c0 + u.first : b->cells + before * n + u.first;
        add(b->c + u.first, b->dcells ? b->dcells + at * n + u.first : NULL, 1, 0, (units){0, u.n});
        s->fns->lstm_grad(u.n, NULL, gates, c0, c, d, more, b->c + u.first, dx);
    } else if (o->kind == OP_REC_GRU) {
        float du[MOST_GATES * WIDTH];
        s->fns->gru_grad(u.n, gates, y0 + u.first, more, d, dx, du);
        give(du, b->u + s->parity * o->gates * n, o->gates, n, u);
    } else {
        s->fns->act_grad(u.n, o->kind == OP_REC_RELU, b->y + at * n + u.first, d, dx);
    }
    give(dx, b->dx + at * o->gates * n, o->gates, n, u);
}

static void arrive_chunk(void *arg, int64_t chunk, int thread)
{
    const step *s = arg;
    (void)thread;
    arrive(s, chunk, units_of(s->o, chunk));
}

void cpu_one_grad(const cpu_one *o, const cpu_one_backward *b)
{
    step s = {.o = o, .fns = cpu_recurrent_fns_of(o->isa), .b = b, .other = -1};
    for (int64_t i = o->steps - 1; i >= 0; i--, s.parity = !s.parity) {
        s.at = place_of(o, i);
        cpu_parallel(threads_of(o), chunks_of(o), backward_chunk, &s);
        s.other = s.at;
    }
    cpu_parallel(threads_of(o), chunks_of(o), arrive_chunk, &s);
}
