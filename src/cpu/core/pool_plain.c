/* pool_plain.c: pooling with any strides, in plain C: what layouts other than channels last take. */
#include "cpu/core/par.h"
#include "cpu/core/pool_parts.h"

#include <math.h>
#include <stddef.h>

typedef struct plain_job plain_job;
struct plain_job {
    const cpu_pool *p;
    const float *x, *dy;
    float *y, *dx;
    void (*plane)(const plain_job *, const float *x, const float *dy, float *y, float *dx);
};

/* Offset of the winner in a window's taps r, q, or -1 if there is none. */
static int64_t winner(const cpu_pool *p, const float *x, int64_t top, int64_t left, pool_range r, pool_range q)
{
    int64_t best = -1;
    for (int64_t i = r.from; i < r.end; i++)
        for (int64_t k = q.from; k < q.end; k++) {
            int64_t at = (top + i * p->dilation[0]) * p->x_stride[2] + (left + k * p->dilation[1]) * p->x_stride[3];
            if (best < 0 || x[at] > x[best] || x[at] != x[at])
                best = at;
        }
    return best;
}

static void max_plane(const plain_job *j, const float *x, const float *dy, float *y, float *dx)
{
    const cpu_pool *p = j->p;
    if (dx)
        for (int64_t i = 0; i < p->h * p->w; i++)
            dx[i / p->w * p->x_stride[2] + i % p->w * p->x_stride[3]] = 0.0f;
    for (int64_t row = 0; row < p->oh; row++) {
        const int64_t top = row * p->stride[0] - p->pad[0];
        const pool_range r = pool_taps(top, p->kh, p->dilation[0], p->h);
        for (int64_t column = 0; column < p->ow; column++) {
            const int64_t left = column * p->stride[1] - p->pad[1];
            const pool_range q = pool_taps(left, p->kw, p->dilation[1], p->w);
            const int64_t best = winner(p, x, top, left, r, q);
            const int64_t out = row * p->y_stride[2] + column * p->y_stride[3];
            if (y)
                y[out] = best < 0 ? -INFINITY : x[best];
            else if (best >= 0)
                dx[best] += dy[out];
        }
    }
}

static void avg_plane(const plain_job *j, const float *x, const float *dy, float *y, float *dx)
{
    (void)dy, (void)dx;
    const cpu_pool *p = j->p;
    for (int64_t row = 0; row < p->oh; row++) {
        const int64_t top = row * p->stride[0] - p->pad[0];
        const pool_range r = pool_taps(top, p->kh, 1, p->h);
        for (int64_t column = 0; column < p->ow; column++) {
            const int64_t left = column * p->stride[1] - p->pad[1];
            const pool_range q = pool_taps(left, p->kw, 1, p->w);
            float sum = 0.0f;
            for (int64_t i = r.from; i < r.end; i++)
                for (int64_t k = q.from; k < q.end; k++)
                    sum += x[(top + i) * p->x_stride[2] + (left + k) * p->x_stride[3]];
            bool some = r.end > r.from && q.end > q.from;
            y[row * p->y_stride[2] + column * p->y_stride[3]] = some ? sum / pool_divisor(p, top, left, r, q) : 0.0f;
        }
    }
}

static void avg_grad_plane(const plain_job *j, const float *x, const float *dy, float *y, float *dx)
{
    (void)x, (void)y;
    const cpu_pool *p = j->p;
    for (int64_t i = 0; i < p->h * p->w; i++) {
        const pool_range rows = pool_windows(i / p->w, p->pad[0], p->kh, p->stride[0], p->oh);
        const pool_range columns = pool_windows(i % p->w, p->pad[1], p->kw, p->stride[1], p->ow);
        float sum = 0.0f;
        for (int64_t row = rows.from; row < rows.end; row++)
            for (int64_t column = columns.from; column < columns.end; column++) {
                const int64_t top = row * p->stride[0] - p->pad[0], left = column * p->stride[1] - p->pad[1];
                const float size =
                    pool_divisor(p, top, left, pool_taps(top, p->kh, 1, p->h), pool_taps(left, p->kw, 1, p->w));
                sum += dy[row * p->y_stride[2] + column * p->y_stride[3]] / size;
            }
        dx[i / p->w * p->x_stride[2] + i % p->w * p->x_stride[3]] = sum;
    }
}

static void plain_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const plain_job *j = arg;
    const cpu_pool *p = j->p;
    const int64_t image = chunk / p->c, channel = chunk % p->c;
    const int64_t x = image * p->x_stride[0] + channel * p->x_stride[1];
    const int64_t y = image * p->y_stride[0] + channel * p->y_stride[1];
    j->plane(j, j->x ? j->x + x : NULL, j->dy ? j->dy + y : NULL, j->y ? j->y + y : NULL, j->dx ? j->dx + x : NULL);
}

static void run(const plain_job *j)
{
    plain_job job = *j;
    cpu_parallel(j->p->threads, j->p->n * j->p->c, plain_chunk, &job);
}

void pool_plain_max(const cpu_pool *p, const float *x, float *y)
{
    run(&(plain_job){.p = p, .x = x, .y = y, .plane = max_plane});
}

void pool_plain_max_grad(const cpu_pool *p, const float *x, const float *dy, float *dx)
{
    run(&(plain_job){.p = p, .x = x, .dy = dy, .dx = dx, .plane = max_plane});
}

void pool_plain_avg(const cpu_pool *p, const float *x, float *y)
{
    run(&(plain_job){.p = p, .x = x, .y = y, .plane = avg_plane});
}

void pool_plain_avg_grad(const cpu_pool *p, const float *dy, float *dx)
{
    run(&(plain_job){.p = p, .dy = dy, .dx = dx, .plane = avg_grad_plane});
}
