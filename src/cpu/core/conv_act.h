/* conv_act.h: the activation at the end of a convolution, for the files of its inner loops. */
#ifndef CPU_CONV_ACT_H
#define CPU_CONV_ACT_H

#include "cpu/core/vec.h"

/* slope * v below 0, with 0 <= slope <= 1, and at most `most`; NaN stays, being the second operand of both. */
CPU_INLINE cpu_vf conv_activate(cpu_vf v, float slope, float most)
{
    const cpu_vi leaky =
        cpu_vf_set1(slope) > 0; /* else zero, as 0 * inf would be NaN; no branch, of which a tile would have many */
    const cpu_vf low = (cpu_vf)((cpu_vi)(v * slope) & leaky);
    return cpu_vf_min(cpu_vf_set1(most), cpu_vf_max(low, v));
}

#endif
