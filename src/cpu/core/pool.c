/* pool.c: the calls of pool.h: shapes, cuts of the work, choice of kernels. */
#include "cpu/core/par.h"
#include "cpu/core/pool_parts.h"

#include <stddef.h>

static const pool_kernels *kernels_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &pool_kernels);
}

static bool out_size(const cpu_pool *p, int64_t size, int64_t kernel, int dimension, int64_t *out)
{
    const int64_t stride = p->stride[dimension], before = p->pad[dimension], after = p->pad[dimension + 2];
    const int64_t span = (kernel - 1) * p->dilation[dimension] + 1, room = size + before + after - span;
    *out = 0;
    if (room < 0)
        return false;
    *out = (room + (p->ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (p->ceil_mode && (*out - 1) * stride >= size + before)
        --*out;
    return true;
}

bool cpu_pool_shape(cpu_pool *p)
{
    bool high = out_size(p, p->h, p->kh, 0, &p->oh), wide = out_size(p, p->w, p->kw, 1, &p->ow);
    return high && wide;
}

static bool channels_last(const int64_t stride[4], int64_t c, int64_t h, int64_t w)
{
    bool none = stride[0] == 0 && stride[1] == 0 && stride[2] == 0 && stride[3] == 0;
    return none || (stride[1] == 1 && stride[3] == c && stride[2] == w * c && stride[0] == h * w * c);
}

static bool plain(const cpu_pool *p)
{
    return !channels_last(p->x_stride, p->c, p->h, p->w) || !channels_last(p->y_stride, p->c, p->oh, p->ow);
}

/* The plain path wants both sets of strides. */
static cpu_pool with_strides(const cpu_pool *p)
{
    cpu_pool q = *p;
    const int64_t x[4] = {p->h * p->w * p->c, 1, p->w * p->c, p->c};
    const int64_t y[4] = {p->oh * p->ow * p->c, 1, p->ow * p->c, p->c};
    for (int i = 0; i < 4; i++) {
        if (channels_last(p->x_stride, p->c, p->h, p->w))
            q.x_stride[i] = x[i];
        if (channels_last(p->y_stride, p->c, p->oh, p->ow))
            q.y_stride[i] = y[i];
    }
    return q;
}

typedef struct pool_job {
    const cpu_pool *p;
    void (*run)(const pool_piece *);
    const void *x;
    const float *dy;
    void *y, *dx;
    int64_t rows;         /* of the output, in bands */
    int64_t bands, parts; /* parts of the channels */
    int lanes;
} pool_job;

static int64_t part(int64_t total, int64_t parts, int64_t i)
{
    return total / parts * i + (i < total % parts ? i : total % parts);
}

/* Element i of f32 or bf16. */
static void *element(const void *p, int64_t i, bool half)
{
    return p ? (char *)(uintptr_t)p + i * (half ? 2 : 4) : NULL;
}

static void pool_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const pool_job *j = arg;
    const cpu_pool *p = j->p;
    const int64_t at = chunk % j->parts, band = chunk / j->parts % j->bands, image = chunk / j->parts / j->bands;
    const int64_t in = image * p->h * p->w * p->c, out = image * p->oh * p->ow * p->c;
    const int64_t blocks = (p->c + j->lanes - 1) / j->lanes, last = part(blocks, j->parts, at + 1) * j->lanes;
    pool_piece a = {.p = p, .first = part(j->rows, j->bands, band), .end = part(j->rows, j->bands, band + 1)};
    a.x = element(j->x, in, p->half_x);
    a.dx = element(j->dx, in, p->half_dx);
    a.y = element(j->y, out, p->half_y);
    a.dy = j->dy ? j->dy + out : NULL;
    a.channel = part(blocks, j->parts, at) * j->lanes;
    a.channel_end = last < p->c ? last : p->c;
    /* With several bands windows of different bands share no pixel. */
    a.dx_first = band == 0 ? 0 : a.first * p->stride[0] - p->pad[0];
    a.dx_end = band == j->bands - 1 ? p->h : a.end * p->stride[0] - p->pad[0];
    a.dx_end = a.dx_end < p->h ? a.dx_end : p->h;
    j->run(&a);
}

/* Chunks of some 32,000 elements, of a single picture less: bands of rows; where rows depend on each other whole pictures,
 * or if these are few parts of their channels, though each part then walks through memory by strides. */
static void run(pool_job *j, int64_t elements, bool by_rows)
{
    enum { LARGE = 1 << 15, SMALL = 1 << 13, FEW = 16 };
    const int64_t chunk = j->p->n == 1 ? SMALL : LARGE;
    const cpu_pool *p = j->p;
    const int64_t blocks = (p->c + j->lanes - 1) / j->lanes, parts = FEW / (p->n > 0 ? p->n : 1);
    const int64_t most = by_rows ? j->rows : parts < blocks ? parts : blocks;
    int64_t pieces = elements / chunk < most ? elements / chunk : most;
    pieces = pieces < 1 ? 1 : pieces;
    j->bands = by_rows ? pieces : 1;
    j->parts = by_rows ? 1 : pieces;
    if (p->c > 0)
        cpu_parallel(elements * p->n < 2 * chunk ? 1 : p->threads, p->n * pieces, pool_chunk, j);
}

void cpu_max_pool(const cpu_pool *p, const void *x, void *y)
{
    const pool_kernels *k = kernels_of(p->isa);
    const cpu_pool q = with_strides(p);
    pool_job j = {.p = p, .run = k->max, .x = x, .y = y, .rows = p->oh, .lanes = k->lanes};
    if (plain(p))
        pool_plain_max(&q, x, y);
    else
        run(&j, p->h * p->w * p->c, true);
}

bool cpu_pool_apart(const cpu_pool *p)
{
    return p->kh == 2 && p->kw == 2 && p->stride[0] == 2 && p->stride[1] == 2 && p->dilation[0] == 1 &&
           p->dilation[1] == 1;
}

void cpu_max_pool_grad(const cpu_pool *p, const void *x, const float *dy, void *dx)
{
    const pool_kernels *k = kernels_of(p->isa);
    const cpu_pool q = with_strides(p);
    pool_job j = {.p = p, .run = k->max_grad, .x = x, .dy = dy, .dx = dx, .rows = p->oh, .lanes = k->lanes};
    /* A band's rows of dx begin where its first window does, which must not lie in the padding. */
    bool apart = p->stride[0] >= (p->kh - 1) * p->dilation[0] + 1 && p->pad[0] <= p->stride[0];
    if (plain(p))
        pool_plain_max_grad(&q, x, dy, dx);
    else
        run(&j, p->h * p->w * p->c, apart);
}

void cpu_avg_pool(const cpu_pool *p, const float *x, float *y)
{
    const pool_kernels *k = kernels_of(p->isa);
    const cpu_pool q = with_strides(p);
    pool_job j = {.p = p, .run = k->avg, .x = x, .y = y, .rows = p->oh, .lanes = k->lanes};
    if (plain(p))
        pool_plain_avg(&q, x, y);
    else
        run(&j, p->h * p->w * p->c, true);
}

void cpu_avg_pool_grad(const cpu_pool *p, const float *dy, float *dx)
{
    const pool_kernels *k = kernels_of(p->isa);
    const cpu_pool q = with_strides(p);
    pool_job j = {.p = p, .run = k->avg_grad, .dy = dy, .dx = dx, .rows = p->h, .lanes = k->lanes};
    if (plain(p))
        pool_plain_avg_grad(&q, dy, dx);
    else
        run(&j, p->h * p->w * p->c, true);
}
