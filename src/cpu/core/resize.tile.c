/* resize.tile.c: the inner loops of resize.h, built once per instruction set. */
#include "cpu/core/resize.h"
#include "cpu/core/vec.h"

CPU_INLINE cpu_vf sum_at(const cpu_resize_row *r, int64_t inner, const float *x)
{
    cpu_vf sum = r->weight[0] * cpu_vf_load(x);
    for (int64_t k = 1; k < r->n; k++)
        sum = cpu_vf_fma(cpu_vf_set1(r->weight[k]), cpu_vf_load(x + k * inner), sum);
    return sum;
}

CPU_INLINE cpu_vf pair_at(const cpu_vf a, const cpu_vf b, int64_t inner, const float *x)
{
    return cpu_vf_fma(b, cpu_vf_load(x + inner), a * cpu_vf_load(x));
}

static void long_row(const cpu_resize_row *r, int64_t inner, const float *x, float *y)
{
    int64_t i = 0;
    if (r->n == 1 && r->weight[0] == 1) { /* a copy, whatever stands there */
        memcpy(y, x, (size_t)inner * sizeof *y);
        return;
    }
    if (r->n == 2) {
        cpu_vf a = cpu_vf_set1(r->weight[0]), b = cpu_vf_set1(r->weight[1]);
        for (; i + CPU_VF <= inner; i += CPU_VF)
            cpu_vf_store(y + i, pair_at(a, b, inner, x + i));
    }
    for (; i + CPU_VF <= inner; i += CPU_VF)
        cpu_vf_store(y + i, sum_at(r, inner, x + i));
    for (; i < inner; i++) {
        float sum = r->weight[0] * x[i];
        for (int64_t k = 1; k < r->n; k++)
            sum += r->weight[k] * x[i + k * inner];
        y[i] = sum;
    }
}

/* The last axis of rows: an element each, from neighbours. */
static void short_rows(const cpu_resize_row *row, const float *x, float *y, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const cpu_resize_row *r = &row[i];
        const float *at = x + r->first;
        float sum = r->n ? r->n == 1 && r->weight[0] == 1 ? at[0] : r->weight[0] * at[0] : 0;
        for (int64_t k = 1; k < r->n; k++)
            sum += r->weight[k] * at[k];
        *y++ = sum;
    }
}

static void sweep(const cpu_resize_row *row, int64_t inner, const float *x, float *y, int64_t from, int64_t to)
{
    if (inner == 1) {
        short_rows(row, x, y, from, to);
        return;
    }
    for (int64_t i = from; i < to; i++, y += inner) {
        const cpu_resize_row *r = &row[i];
        if (r->n)
            long_row(r, inner, x + r->first * inner, y);
        else
            memset(y, 0, (size_t)inner * sizeof *y);
    }
}

extern const cpu_resize_fn CPU_NAME(cpu_resize_sweep);
const cpu_resize_fn CPU_NAME(cpu_resize_sweep) = sweep;
