/* elem_run.c: runs a planned element-wise chain, tile after tile. */
#include "cpu/core/elem_plan.h"
#include "cpu/core/par.h"

#include <stdatomic.h>
#include <string.h>

/* What all threads of a run see. It lies, with one flag per output behind it, at the head of the scratch. */
enum { STORE, DIRECT /* computed where it belongs */, STREAM };
typedef struct run {
    const cpu_elem *e;
    const void *const *in;
    void *const *out;
    unsigned char *threads;
    const cpu_elem_env *env;
    bool report; /* faults are wanted, and there was none before */
    atomic_flag lock;
    bool streams;        /* some output goes past the caches */
    unsigned char way[]; /* per output */
} run;

size_t cpu_elem_head_bytes(int n_out)
{
    return sizeof(run) + (size_t)n_out;
}

/* One tile of one thread. */
typedef struct tile {
    run *r;
    void **reg;
    unsigned char *base; /* the thread's scratch */
    int64_t row, rows, col, cols, n;
    int64_t at[TN_MAX_RANK]; /* coordinates of its first row */
} tile;

static int64_t offset_of(const tile *t, const cpu_elem_view *v)
{
    int64_t offset = t->col * v->col;
    for (int d = 0; d < t->r->e->loop.outer; d++)
        offset += t->at[d] * v->stride[d];
    return offset;
}

/* ---- boxes ----------------------------------------------------------------------------------------------------- */

/* Walks the rows of a tile in runs of equal distance. */
typedef struct walk {
    int64_t at[TN_MAX_RANK], done, count, offset, step; /* rows before this run, rows in it, its first element */
} walk;

static walk walk_start(const tile *t)
{
    walk w = {.done = 0};
    for (int d = 0; d < t->r->e->loop.outer; d++)
        w.at[d] = t->at[d];
    return w;
}

static bool walk_next(walk *w, const tile *t, const cpu_elem_view *v)
{
    const cpu_elem_loop *l = &t->r->e->loop;
    w->done += w->count;
    if (w->done == t->rows)
        return false;
    int last = l->outer - 1;
    w->offset = t->col * v->col;
    w->count = 1;
    w->step = 0;
    if (last < 0)
        return true;
    for (int d = 0; d <= last; d++)
        w->offset += w->at[d] * v->stride[d];
    int64_t left = t->rows - w->done, room = l->dims[last] - w->at[last];
    w->count = left < room ? left : room;
    w->step = v->stride[last];
    w->at[last] += w->count;
    for (int d = last; d > 0 && w->at[d] == l->dims[d]; d--) {
        w->at[d] = 0;
        w->at[d - 1]++;
    }
    return true;
}

static void gather(const tile *t, const cpu_elem_port *p, const unsigned char *memory, unsigned char *dense)
{
    walk w = walk_start(t);
    while (walk_next(&w, t, p->view)) {
        const cpu_elem_box box = {w.count, t->cols, w.step, p->view->col};
        p->gather(dense + (size_t)(w.done * t->cols) * p->width, memory + w.offset * (int64_t)p->width, &box);
    }
}

static void scatter(const tile *t, const cpu_elem_port *p, unsigned char *memory, const unsigned char *dense)
{
    walk w = walk_start(t);
    while (walk_next(&w, t, p->view)) {
        const cpu_elem_box box = {w.count, t->cols, w.step, p->view->col};
        p->scatter(memory + w.offset * (int64_t)p->width, dense + (size_t)(w.done * t->cols) * p->width, &box);
    }
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

/* The memory behind a tile, where the next one usually is: asking for what is not there does no harm. It is asked for in portions between
 * the instructions, which then have something to do while it comes: all at once the processor would wait as soon as it has no more room
 * for requests. */
typedef struct asking {
    const cpu_elem_port *port; /* whose memory is being asked for */
    uintptr_t at, end;
} asking;

static void next_port(const tile *t, asking *a)
{
    const cpu_elem *e = t->r->e;
    const cpu_elem_port *p = a->port ? a->port + 1 : e->in;
    while (p < e->in + e->n_in && !p->ahead)
        p++;
    a->port = p;
    if (p == e->in + e->n_in)
        return;
    a->at = (uintptr_t)t->r->in[p - e->in] + (uintptr_t)((offset_of(t, p->view) + t->n) * (int64_t)p->width);
    a->end = a->at + (uintptr_t)t->n * p->width;
}

static void ask_ahead(const tile *t, asking *a)
{
    const cpu_elem *e = t->r->e;
    const cpu_elem_port *none = e->in + e->n_in;
    for (int lines = e->ahead_lines; lines > 0 && a->port != none; lines--) {
        if (a->at >= a->end)
            next_port(t, a);
        if (a->port == none)
            return;
        __builtin_prefetch((const void *)a->at, 0, 2);
        a->at += 64;
    }
}

/* An input that is used where it lies. The registers of such inputs are never written. */
static void point(const tile *t, int i)
{
    const cpu_elem_port *p = &t->r->e->in[i];
    const unsigned char *first = (const unsigned char *)t->r->in[i] + offset_of(t, p->view) * (int64_t)p->width;
    t->reg[i] = (void *)(uintptr_t)first;
}

static void load(const tile *t, int i)
{
    const cpu_elem *e = t->r->e;
    const cpu_elem_port *p = &e->in[i];
    const unsigned char *memory = t->r->in[i];
    unsigned char *reg = t->reg[i];
    if (p->view->direct) {
        memory += offset_of(t, p->view) * (int64_t)p->width;
    } else {
        unsigned char *dense = p->convert ? t->base + e->raw : reg;
        gather(t, p, memory, dense);
        memory = dense;
    }
    if (p->convert)
        p->convert(reg, memory, t->n);
}

static void aim(const tile *t, int o)
{
    const cpu_elem *e = t->r->e;
    const cpu_elem_port *p = &e->out[o];
    t->reg[p->reg] = (unsigned char *)t->r->out[o] + offset_of(t, p->view) * (int64_t)p->width;
}

static void store(const tile *t, int o)
{
    const cpu_elem *e = t->r->e;
    const cpu_elem_port *p = &e->out[o];
    const unsigned char *from = t->reg[p->reg];
    unsigned char *memory = t->r->out[o];
    if (p->view->direct) {
        memory += offset_of(t, p->view) * (int64_t)p->width;
        if (t->r->way[o] == STREAM) {
            if (p->convert)
                p->convert(t->base + e->raw, from, t->n);
            e->kernels->stream(memory, p->convert ? t->base + e->raw : from, (size_t)t->n * p->width);
        } else if (p->convert)
            p->convert(memory, from, t->n);
        else if (memory != from)
            memcpy(memory, from, (size_t)t->n * p->width);
        return;
    }
    if (p->convert) {
        p->convert(t->base + e->raw, from, t->n);
        from = t->base + e->raw;
    }
    scatter(t, p, memory, from);
}

static void report(const tile *t, const cpu_elem_call *call, const char *what)
{
    const cpu_elem *e = t->r->e;
    int64_t row = t->row + call->bad / t->cols, element = (t->col + call->bad % t->cols) * e->logical->col;
    for (int d = e->loop.outer - 1; d >= 0; d--) {
        element += row % e->loop.dims[d] * e->logical->stride[d];
        row /= e->loop.dims[d];
    }
    run *r = t->r;
    cpu_fault *f = r->env->fault;
    while (atomic_flag_test_and_set_explicit(&r->lock, memory_order_acquire))
        ;
    if (!f->set || element < f->element) /* the first in element order wins, on any number of threads */
        *f = (cpu_fault){true, r->env->node, element, 0, what};
    atomic_flag_clear_explicit(&r->lock, memory_order_release);
}

/* Random numbers need the logical index of every element: where it does not run on from row to row, row by row. */
static void draw(const tile *t, const cpu_elem_op *op, cpu_elem_call *call)
{
    const cpu_elem_view *v = op->index;
    call->key = cpu_elem_random_key(t->r->env->seed, op->key);
    call->step = t->r->env->step;
    call->stride = v->col;
    if (v->regular) {
        call->index = offset_of(t, v);
        op->tile(call);
        return;
    }
    unsigned char *reg = call->dst;
    call->n = t->cols;
    walk w = walk_start(t);
    while (walk_next(&w, t, v))
        for (int64_t i = 0; i < w.count; i++) {
            call->dst = reg + (size_t)((w.done + i) * t->cols) * op->inside;
            call->index = w.offset + i * w.step;
            op->tile(call);
        }
}

static void execute(const tile *t, int k)
{
    const cpu_elem_op *op = &t->r->e->op[k];
    cpu_elem_call call = {.dst = t->reg[op->reg], .n = t->n, .arg = op->arg, .iarg = op->iarg, .bad = -1};
    for (int s = 0; s < op->arity; s++) {
        call.src[s] = t->reg[op->src[s]];
        call.goes[s] = op->goes[s];
    }
    if (op->index) {
        draw(t, op, &call);
        return;
    }
    op->tile(&call);
    if (call.bad >= 0 && t->r->report)
        report(t, &call, op->fault);
}

static void splat(const tile *t, int reg)
{
    const int64_t n = t->r->e->whole[reg] ? t->n : CPU_ELEM_VECTOR;
    if (t->r->e->wide[reg]) {
        uint64_t *d = t->reg[reg];
        for (int64_t i = 1; i < n; i++)
            d[i] = d[0];
    } else {
        uint32_t *d = t->reg[reg];
        for (int64_t i = 1; i < n; i++)
            d[i] = d[0];
    }
}

static void run_steps(const tile *t, const cpu_elem_step *steps, int n, asking *ahead)
{
    for (int i = 0; i < n; i++) {
        int index = steps[i].index;
        switch (steps[i].what) {
        case CPU_ELEM_POINT: point(t, index); break;
        case CPU_ELEM_LOAD: load(t, index); break;
        case CPU_ELEM_AIM:
            if (t->r->way[index] == DIRECT)
                aim(t, index);
            break;
        case CPU_ELEM_EXEC:
            if (ahead)
                ask_ahead(t, ahead);
            execute(t, index);
            break;
        case CPU_ELEM_SPLAT: splat(t, index); break;
        case CPU_ELEM_STORE:
            if (t->r->way[index] != DIRECT)
                store(t, index);
            break;
        }
    }
}

/* ---- tiles and chunks ------------------------------------------------------------------------------------------ */

static void place(tile *t, int64_t index)
{
    const cpu_elem_loop *l = &t->r->e->loop;
    int64_t row_block = index, col_block = 0;
    if (l->down) {
        row_block = index % l->row_blocks;
        col_block = index / l->row_blocks;
    } else if (l->col_blocks > 1) {
        row_block = index / l->col_blocks;
        col_block = index % l->col_blocks;
    }
    t->row = row_block * l->tile_rows;
    t->col = col_block * l->tile_cols;
    t->rows = l->rows - t->row < l->tile_rows ? l->rows - t->row : l->tile_rows;
    t->cols = l->cols - t->col < l->tile_cols ? l->cols - t->col : l->tile_cols;
    t->n = t->rows * t->cols;
    int64_t row = t->row;
    for (int d = l->outer - 1; d > 0; d--) {
        t->at[d] = row % l->dims[d];
        row /= l->dims[d];
    }
    t->at[0] = row;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    run *r = arg;
    const cpu_elem *e = r->e;
    unsigned char *base = r->threads + (size_t)thread * e->thread_bytes;
    tile t = {.r = r, .base = base, .reg = (void **)(void *)base};
    for (int i = 0; i < e->n_regs; i++)
        t.reg[i] = base + e->slot[i];
    int64_t first = chunk * e->tiles_per_chunk, last = first + e->tiles_per_chunk;
    if (last > e->loop.tiles)
        last = e->loop.tiles;
    if (e->n_single) {
        place(&t, 0);
        t.n = t.rows = t.cols = 1;
        run_steps(&t, e->single, e->n_single, NULL);
    }
    if (e->n_prologue) {
        place(&t, 0); /* no tile is larger than the first */
        run_steps(&t, e->prologue, e->n_prologue, NULL);
    }
    for (int64_t i = first; i < last; i++) {
        place(&t, i);
        asking ahead = {0};
        run_steps(&t, e->body, e->n_body, e->ahead_lines ? &ahead : NULL);
    }
    if (r->streams)
        e->kernels->fence();
}

size_t cpu_elem_scratch(const cpu_elem *e)
{
    return 64 + e->head_bytes + (size_t)e->threads * e->thread_bytes;
}

size_t cpu_elem_scratch_alone(const cpu_elem *e)
{
    return 64 + e->head_bytes + e->thread_bytes;
}

/* How output o gets to `memory`. In place of an input it is in the caches already; a result may be computed there unless
 * the input is read once more. */
static unsigned char way_of(const cpu_elem *e, int o, const void *const in[], const void *memory)
{
    bool direct = e->out[o].direct, stream = e->out[o].stream;
    for (int i = 0; i < e->n_in; i++)
        if (in[i] == memory) {
            stream = false;
            direct = direct && !e->late[o * e->n_in + i];
        }
    return stream ? STREAM : direct ? DIRECT : STORE;
}

void cpu_elem_run(const cpu_elem *e, const void *const in[], void *const out[], void *scratch, const cpu_elem_env *env)
{
    static const cpu_elem_env nothing = {0};
    if (e->loop.empty)
        return;
    unsigned char *aligned = (unsigned char *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    run *r = (run *)(void *)aligned;
    r->e = e;
    r->in = in;
    r->out = out;
    r->threads = aligned + e->head_bytes;
    r->env = env ? env : &nothing;
    r->report = r->env->fault && !r->env->fault->set;
    atomic_flag_clear_explicit(&r->lock, memory_order_relaxed);
    r->streams = false;
    for (int o = 0; o < e->n_out; o++) {
        r->way[o] = way_of(e, o, in, out[o]);
        r->streams = r->streams || r->way[o] == STREAM;
    }
    cpu_parallel(e->threads, e->chunks, run_chunk, r);
}
