/* adam.tile.c: the inner loop of adam.h, built once per instruction set. */
#include "cpu/core/adam.h"
#include "cpu/core/vec.h"
#include "cpu/core/vecmath.h"

CPU_INLINE void update(const cpu_adam *a, cpu_vf *p, cpu_vf g, cpu_vf *m, cpu_vf *v)
{
    g *= a->scale;
    if (a->decay != 0) /* a weight that is infinite leaves its moments alone otherwise */
        g = cpu_vf_fma(cpu_vf_set1(a->decay), *p, g);
    if (a->l1 != 0)
        g += a->l1 * ((cpu_vf)((cpu_vi)cpu_vf_set1(1) & (*p > 0)) - (cpu_vf)((cpu_vi)cpu_vf_set1(1) & (*p < 0)));
    *m = cpu_vf_fma(cpu_vf_set1(a->rate1), g - *m, *m);
    *v = cpu_vf_fma(cpu_vf_set1(a->rate2), g * g, *v * a->beta2);
    cpu_vf root = cpu_vf_fma(cpu_vf_sqrt_near(*v), cpu_vf_set1(a->spread), cpu_vf_set1(a->eps));
    *p = cpu_vf_fma(-a->size * *m, cpu_vf_reciprocal_near(root), *p * a->keep);
}

static void sweep(const cpu_adam *a, const cpu_adam_data *d, int64_t from, int64_t to)
{
    int64_t i = from;
    for (; i + CPU_VF <= to; i += CPU_VF) {
        cpu_vf p = cpu_vf_load(d->p + i), m = cpu_vf_load(d->m + i), v = cpu_vf_load(d->v + i);
        update(a, &p, cpu_vf_load(d->g + i), &m, &v);
        cpu_vf_store(d->to_p + i, p);
        cpu_vf_store(d->to_m + i, m);
        cpu_vf_store(d->to_v + i, v);
    }
    if (i < to) {
        cpu_vf p = cpu_vf_load_n(d->p + i, to - i), m = cpu_vf_load_n(d->m + i, to - i);
        cpu_vf v = cpu_vf_load_n(d->v + i, to - i);
        update(a, &p, cpu_vf_load_n(d->g + i, to - i), &m, &v);
        cpu_vf_store_n(d->to_p + i, p, to - i);
        cpu_vf_store_n(d->to_m + i, m, to - i);
        cpu_vf_store_n(d->to_v + i, v, to - i);
    }
}

extern const cpu_adam_fn CPU_NAME(cpu_adam_sweep);
const cpu_adam_fn CPU_NAME(cpu_adam_sweep) = sweep;
