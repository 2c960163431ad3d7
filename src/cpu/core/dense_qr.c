/* dense_qr.c: x = q r (dense.h) by blocks of reflections: I - v t v^T for CPU_REFLECTIONS columns, so that what is behind them is brought
 * up to date by matrix products (Schreiber, Van Loan 1989). */
#include "cpu/core/dense.h"

#include <string.h>

#include "cpu/core/matrix.h"

/* The room: v[m, B], t[B, B] for each block, two of w[B, max(n, k)], tau. */
typedef struct blocks {
    cpu_dense *d;
    int64_t m, width, size; /* width: of w; size: bytes of an element */
    cpu_matrix x;
    char *v, *t, *w, *w2, *tau;
} blocks;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t cpu_dense_qr_room(int64_t m, int64_t n, int64_t k)
{
    int64_t steps = least(m, n), all = (steps + CPU_REFLECTIONS - 1) / CPU_REFLECTIONS, width = n > k ? n : k;
    return (size_t)(CPU_REFLECTIONS * (m + CPU_REFLECTIONS * all + 2 * width) + steps);
}

static cpu_matrix dense(void *at, int64_t columns)
{
    return (cpu_matrix){at, columns, 1};
}

static cpu_matrix turned(cpu_matrix x)
{
    return (cpu_matrix){x.at, x.col, x.row};
}

/* c[rows, columns] becomes (I - v t v^T) c, or with t^T. */
static void apply(const blocks *b, int64_t rows, int64_t n, const char *t, bool turn, int64_t columns, cpu_matrix c)
{
    cpu_matrix v = dense(b->v, n), w = dense(b->w, b->width), w2 = dense(b->w2, b->width);
    union {
        const char *from;
        void *at;
    } read = {.from = t};
    cpu_matrix middle = dense(read.at, n);
    cpu_dense_product(b->d, false, n, columns, rows, turned(v), c, w);
    cpu_dense_product(b->d, false, n, columns, n, turn ? turned(middle) : middle, w, w2);
    cpu_dense_product(b->d, true, rows, columns, n, v, w2, c);
}

/* The block of columns from j on, and what is behind it. */
static void reflect(const blocks *b, int64_t j, int64_t n, int64_t behind, char *t)
{
    cpu_matrix top = cpu_dense_at(b->d, b->x, j, j), v = dense(b->v, n);
    const cpu_dense_loops *loops = cpu_dense_loops_of(b->d);
    int64_t rows = b->m - j;
    if (b->d->scratch) {
        loops->reflect(rows, n, top.at, b->x.row, b->tau + j * b->size);
        loops->unpack(rows, n, top.at, b->x.row, b->v);
    }
    cpu_dense_product(b->d, false, n, n, rows, turned(v), v, dense(t, n));
    if (b->d->scratch)
        loops->join(n, b->tau + j * b->size, t);
    apply(b, rows, n, t, true, behind, cpu_dense_at(b->d, b->x, j, j + n));
}

static void set_triangle(const blocks *b, int64_t n, int64_t k, void *r)
{
    tn_dtype dtype = b->d->dtype;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            cpu_set_element(dtype, r, i * n + j, j < i ? 0 : cpu_element(dtype, b->x.at, i * b->x.row + j));
}

void cpu_dense_qr(cpu_dense *d, int64_t m, int64_t n, int64_t k, cpu_matrix x, void *q, void *r, void *room)
{
    enum { B = CPU_REFLECTIONS };
    int64_t steps = least(m, n), size = (int64_t)tn_dtype_size(d->dtype), all = (steps + B - 1) / B;
    blocks b = {.d = d, .m = m, .width = n > k ? n : k, .size = size, .x = x};
    if (d->scratch) {
        b.v = room;
        b.t = b.v + m * B * size;
        b.w = b.t + all * B * B * size;
        b.w2 = b.w + B * b.width * size;
        b.tau = b.w2 + B * b.width * size;
        memset(q, 0, (size_t)(m * k * size));
        for (int64_t i = 0; i < k; i++)
            cpu_set_element(d->dtype, q, i * (k + 1), 1);
    }
    for (int64_t i = 0; i < all; i++)
        reflect(&b, i * B, least(B, steps - i * B), n - i * B - least(B, steps - i * B),
                d->scratch ? b.t + i * B * B * size : NULL);
    if (d->scratch)
        set_triangle(&b, n, k, r);
    for (int64_t i = all - 1; i >= 0; i--) { /* columns before the block have nothing in these rows yet */
        int64_t j = i * B, width = least(B, steps - j);
        if (d->scratch)
            cpu_dense_loops_of(d)->unpack(m - j, width, cpu_dense_at(d, x, j, j).at, x.row, b.v);
        apply(&b, m - j, width, d->scratch ? b.t + i * B * B * size : NULL, false, k - j,
              cpu_dense_at(d, dense(q, k), j, j));
    }
}
