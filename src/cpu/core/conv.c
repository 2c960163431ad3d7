/* conv.c: the calls of conv.h: they describe the job as one or several problems (conv_parts.h) and run them. */
#include "cpu/core/conv_few.h"
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

const conv_kernels *conv_kernels_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &conv_kernels);
}

static bool out_size(int64_t size, int64_t kernel, int pad0, int pad1, int stride, int dilation, int64_t *out)
{
    int64_t span = (kernel - 1) * dilation + 1, room = size + pad0 + pad1;
    *out = room < span ? 0 : (room - span) / stride + 1;
    return room >= span;
}

bool cpu_conv_shape(cpu_conv *c)
{
    return out_size(c->h, c->kh, c->pad[0], c->pad[2], c->stride[0], c->dilation[0], &c->oh) &&
           out_size(c->w, c->kw, c->pad[1], c->pad[3], c->stride[1], c->dilation[1], &c->ow);
}

static conv_problem forward_problem(const cpu_conv *c)
{
    conv_problem p = {.n = c->n, .groups = c->groups, .h = c->h, .w = c->w, .oh = c->oh, .ow = c->ow};
    p.c_in = c->c_in / c->groups;
    p.c_out = c->c_out / c->groups;
    p.kh = c->kh;
    p.kw = c->kw;
    p.sh = c->stride[0];
    p.sw = c->stride[1];
    p.dh = c->dilation[0];
    p.dw = c->dilation[1];
    p.top = -c->pad[0];
    p.left = -c->pad[1];
    p.pool = c->pool;
    p.y_pixel = c->c_out;
    p.y_row = (c->pool ? c->ow / 2 : c->ow) * c->c_out;
    p.y_image = (c->pool ? c->oh / 2 : c->oh) * p.y_row;
    p.half_x = c->half_x, p.half_add = c->half_add, p.half_y = c->half_y;
    conv_way(c, &p);
    if (!conv_is_depthwise(&p) && p.kh == 1 && p.sh == 1 && p.top == 0 &&
        p.oh == p.h) { /* one window row: all pictures are one tall picture */
        p.oh = p.h = c->n * c->oh;
        p.n = 1;
    }
    return p;
}

bool cpu_conv_pools(const cpu_conv *c)
{
    return forward_problem(c).winograd && c->oh >= 2 && c->ow >= 2;
}

/* Windows of few channels read f32: pictures themselves. */
static bool takes_half(const cpu_conv *c, const conv_problem *p, bool x)
{
    return (p->narrow && (p->split || !x)) || (conv_in_vectors(c) && p->winograd);
}

bool cpu_conv_takes_half(const cpu_conv *c)
{
    const conv_problem p = forward_problem(c);
    return takes_half(c, &p, c->half_x);
}

bool cpu_conv_moves_half(const cpu_conv *c)
{
    const conv_problem p = forward_problem(c);
    return conv_is_depthwise(&p);
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* The taps k of one dimension that reach pixels phase, phase + stride, ... of dx: those for which phase + pad - k *
 * dilation is a multiple of stride. They are `count` taps last, last - step, ...; the first of them in this order (the
 * greatest) reads dy at `offset`, and each next one `apart` further. */
typedef struct phase_taps {
    int64_t count, last, step, offset, apart;
} phase_taps;

static phase_taps taps_of_phase(int64_t phase, int64_t kernel, int64_t pad, int64_t stride, int64_t dilation)
{
    phase_taps t = {.step = stride / gcd(stride, dilation), .apart = dilation / gcd(stride, dilation)};
    for (int64_t k = kernel - 1; k >= 0; k--) {
        if ((phase + pad - k * dilation) % stride != 0)
            continue;
        t.last = k;
        t.offset = (phase + pad - k * dilation) / stride;
        t.count = k / t.step + 1;
        break;
    }
    return t;
}

/* One phase (of stride[0] * stride[1]) of the gradient of data: a convolution of dy with step 1 that writes every
 * stride-th pixel. Returns where the phase begins in dx. */
static int64_t data_problem(const cpu_conv *c, int64_t phase, conv_problem *p, conv_pack_plan *plan)
{
    const int64_t row = phase / c->stride[1], column = phase % c->stride[1];
    const phase_taps r = taps_of_phase(row, c->kh, c->pad[0], c->stride[0], c->dilation[0]);
    const phase_taps q = taps_of_phase(column, c->kw, c->pad[1], c->stride[1], c->dilation[1]);
    *p = (conv_problem){.n = c->n, .groups = c->groups, .h = c->oh, .w = c->ow, .sh = 1, .sw = 1};
    p->c_in = c->c_out / c->groups;
    p->c_out = c->c_in / c->groups;
    p->oh = row < c->h ? (c->h - row - 1) / c->stride[0] + 1 : 0;
    p->ow = column < c->w ? (c->w - column - 1) / c->stride[1] + 1 : 0;
    p->kh = q.count ? r.count : 0;
    p->kw = r.count ? q.count : 0;
    p->dh = r.apart;
    p->dw = q.apart;
    p->top = r.offset;
    p->left = q.offset;
    p->y_pixel = c->stride[1] * c->c_in;
    p->y_row = c->stride[0] * c->w * c->c_in;
    p->y_image = c->h * c->w * c->c_in;
    p->half_x = c->half_y;
    conv_way(c, p);
    if (!conv_is_depthwise(p) && p->kh == 1 && p->top == 0 && p->oh == p->h && p->oh * p->y_row == p->y_image) {
        p->oh = p->h = c->n * c->oh;
        p->n = 1;
    }
    const int64_t taps = c->kh * c->kw;
    *plan = (conv_pack_plan){.lane = taps,
                             .channel = p->c_out * taps,
                             .group = p->c_in * p->c_out * taps,
                             .row0 = r.last,
                             .row_step = -r.step,
                             .column0 = q.last,
                             .column_step = -q.step,
                             .width = c->kw,
                             .taps = taps};
    return (row * c->w + column) * c->c_in;
}

static conv_pack_plan forward_plan(const cpu_conv *c)
{
    const int64_t taps = c->kh * c->kw, inputs = c->c_in / c->groups;
    return (conv_pack_plan){.lane = inputs * taps,
                            .channel = taps,
                            .group = c->c_out / c->groups * inputs * taps,
                            .row_step = 1,
                            .column_step = 1,
                            .width = c->kw,
                            .taps = taps};
}

/* A problem of either kind. */
static int64_t packed_floats(const cpu_conv *c, const conv_problem *p)
{
#if CPU_X86
    if (p->pairs)
        return conv_packed_floats(p, &conv_kernels_pairs);
    if (p->split)
        return conv_split_packed_floats(p);
    if (p->few)
        return conv_few_packed_floats(p);
#endif
    if (p->winograd)
        return conv_winograd_packed_floats(p, conv_kernels_of(c->isa));
    return conv_is_depthwise(p) ? p->kh * p->kw * p->groups : conv_packed_floats(p, conv_kernels_of(c->isa));
}

static void pack(const cpu_conv *c, const conv_problem *p, const conv_pack_plan *plan, const float *w, float *packed)
{
#if CPU_X86
    if (p->pairs) {
        conv_pack(p, plan, &conv_kernels_pairs, c->threads, w, packed);
        return;
    }
    if (p->split) {
        conv_split_pack(p, plan, c->threads, w, packed);
        return;
    }
    if (p->few) {
        conv_few_pack(p, plan, w, packed);
        return;
    }
#endif
    if (p->winograd)
        conv_winograd_pack(p, plan, conv_kernels_of(c->isa), c->threads, w, packed);
    else if (conv_is_depthwise(p))
        conv_depth_pack(p, plan, w, packed);
    else
        conv_pack(p, plan, conv_kernels_of(c->isa), c->threads, w, packed);
}

static size_t problem_scratch(const cpu_conv *c, const conv_problem *p)
{
#if CPU_X86
    if (p->pairs)
        return conv_pairs_scratch(p, c->threads);
    if (p->split)
        return conv_split_scratch(p, c->threads);
    if (p->few)
        return conv_few_scratch(p, c->threads);
#endif
    if (p->winograd)
        return conv_winograd_scratch(p, conv_kernels_of(c->isa), c->threads);
    return conv_is_depthwise(p) ? 0 : conv_run_scratch(p, conv_kernels_of(c->isa), c->threads);
}

static void run(const cpu_conv *c, const conv_problem *p, const void *x, const float *packed, const conv_end *end,
                void *y, void *scratch)
{
#if CPU_X86
    if (p->pairs) {
        conv_pairs_run(p, c->threads, x, packed, end, y, scratch);
        return;
    }
    if (p->split || p->few) {
        (p->split ? conv_split_run : conv_few_run)(p, c->threads, x, packed, end, y, scratch);
        return;
    }
    if (p->kh * p->kw == 0 && !end->bias && c->isa >= CPU_AVX512_BF16) {
        conv_split_zero(p, c->threads, y);
        return;
    }
#endif
    if (p->winograd)
        conv_winograd_run(p, conv_kernels_of(c->isa), c->threads, x, packed, end, y, scratch);
    else if (conv_is_depthwise(p))
        conv_depth_run(p, conv_depth_of(c->isa), c->threads, x, packed, end, y);
    else
        conv_run(p, conv_kernels_of(c->isa), c->threads, x, packed, end, y, scratch);
}

static conv_end end_of(const cpu_conv *c, const float *bias, const float *add)
{
    return (conv_end){.bias = bias,
                      .add = add,
                      .relu = c->relu,
                      .add_last = c->add_last,
                      .slope = c->slope,
                      .most = c->most > 0 ? c->most : INFINITY};
}

static int64_t phases(const cpu_conv *c)
{
    return (int64_t)c->stride[0] * c->stride[1];
}

size_t cpu_conv_packed(const cpu_conv *c, cpu_conv_job job)
{
    int64_t floats = 0;
    conv_problem p = forward_problem(c);
    conv_pack_plan plan;
    if (job == CPU_CONV_FORWARD)
        floats = packed_floats(c, &p);
    for (int64_t i = 0; job == CPU_CONV_GRAD_DATA && i < phases(c); i++) {
        data_problem(c, i, &p, &plan);
        floats += packed_floats(c, &p);
    }
    return conv_align((size_t)floats * sizeof(float));
}

void cpu_conv_pack(const cpu_conv *c, cpu_conv_job job, const float *w, float *packed)
{
    conv_problem p = forward_problem(c);
    conv_pack_plan plan = forward_plan(c);
    if (job == CPU_CONV_FORWARD)
        pack(c, &p, &plan, w, packed);
    for (int64_t i = 0; job == CPU_CONV_GRAD_DATA && i < phases(c); i++) {
        data_problem(c, i, &p, &plan);
        pack(c, &p, &plan, w, packed);
        packed += packed_floats(c, &p);
    }
}

/* A window's row of few numbers is not worth a place in the matrix registers. */
static conv_problem weight_problem(const cpu_conv *c)
{
    enum { LONG = 16 };
    conv_problem p = forward_problem(c);
    p.few = p.few && (p.narrow || p.kw * p.c_in >= LONG);
    return p;
}

bool cpu_conv_weight_by_split(const cpu_conv *c)
{
    const conv_problem p = weight_problem(c);
    return p.split || p.few;
}

bool cpu_conv_weight_takes_half(const cpu_conv *c)
{
    const conv_problem p = weight_problem(c);
    return takes_half(c, &p, c->half_x);
}

bool cpu_conv_data_takes_half(const cpu_conv *c)
{
    conv_problem p;
    conv_pack_plan plan;
    for (int64_t i = 0; i < phases(c); i++) {
        data_problem(c, i, &p, &plan);
        if (p.kh * p.kw > 0 && !takes_half(c, &p, true))
            return false;
    }
    return c->isa >= CPU_AVX512_BF16;
}

/* What the packed calls need; the others add the packed weights. */
static size_t weight_scratch(const cpu_conv *c)
{
    const conv_problem p = weight_problem(c);
#if CPU_X86
    if (p.split || p.few)
        return conv_split_weight_scratch(&p, c->threads);
#endif
    return p.winograd              ? conv_winograd_weight_scratch(&p, conv_kernels_of(c->isa), c->threads)
           : conv_is_depthwise(&p) ? conv_depth_weight_scratch(&p)
                                   : conv_weight_scratch(&p, conv_kernels_of(c->isa), c->threads);
}

static size_t run_scratch(const cpu_conv *c, cpu_conv_job job)
{
    conv_problem p = forward_problem(c);
    conv_pack_plan plan;
    if (job == CPU_CONV_FORWARD)
        return problem_scratch(c, &p);
    if (job == CPU_CONV_GRAD_WEIGHT)
        return weight_scratch(c);
    size_t most = 0;
    for (int64_t i = 0; i < phases(c); i++) {
        data_problem(c, i, &p, &plan);
        size_t bytes = problem_scratch(c, &p);
        most = bytes > most ? bytes : most;
    }
    return most;
}

size_t cpu_conv_scratch(const cpu_conv *c, cpu_conv_job job)
{
    return cpu_conv_packed(c, job) + run_scratch(c, job);
}

void cpu_conv_forward_packed(const cpu_conv *c, const void *x, const float *packed, const float *bias, const void *add,
                             void *y, void *scratch)
{
    conv_problem p = forward_problem(c);
    const conv_end end = end_of(c, bias, add);
    run(c, &p, x, packed, &end, y, scratch);
}

void cpu_conv_transposed_packed(const cpu_conv *c, const void *x, const float *packed, const float *bias, float *y,
                                void *scratch)
{
    const conv_end end = end_of(c, bias, NULL);
    for (int64_t i = 0; i < phases(c); i++) {
        conv_problem p;
        conv_pack_plan plan;
        float *start = y + data_problem(c, i, &p, &plan);
        run(c, &p, x, packed, &end, start, scratch);
        packed += packed_floats(c, &p);
    }
}

void cpu_conv_grad_data_packed(const cpu_conv *c, const void *dy, const float *packed, float *dx, void *scratch)
{
    cpu_conv plain = *c;
    plain.relu = false;
    cpu_conv_transposed_packed(&plain, dy, packed, NULL, dx, scratch);
}

void cpu_conv_forward(const cpu_conv *c, const void *x, const float *w, const float *bias, const void *add, void *y,
                      void *scratch)
{
    cpu_conv_pack(c, CPU_CONV_FORWARD, w, scratch);
    cpu_conv_forward_packed(c, x, scratch, bias, add, y, (char *)scratch + cpu_conv_packed(c, CPU_CONV_FORWARD));
}

void cpu_conv_grad_data(const cpu_conv *c, const void *dy, const float *w, float *dx, void *scratch)
{
    cpu_conv_pack(c, CPU_CONV_GRAD_DATA, w, scratch);
    cpu_conv_grad_data_packed(c, dy, scratch, dx, (char *)scratch + cpu_conv_packed(c, CPU_CONV_GRAD_DATA));
}

void cpu_conv_transposed(const cpu_conv *c, const float *x, const float *w, const float *bias, float *y, void *scratch)
{
    cpu_conv_pack(c, CPU_CONV_GRAD_DATA, w, scratch);
    cpu_conv_transposed_packed(c, x, scratch, bias, y, (char *)scratch + cpu_conv_packed(c, CPU_CONV_GRAD_DATA));
}

void cpu_conv_grad_weight(const cpu_conv *c, const void *x, const void *dy, float *dw, float *db, void *scratch)
{
    const conv_problem p = weight_problem(c);
#if CPU_X86
    if (p.split || p.few) {
        conv_split_weight_run(&p, c->threads, x, dy, dw, db, scratch);
        return;
    }
#endif
    if (p.winograd)
        conv_winograd_weight_run(&p, conv_kernels_of(c->isa), c->threads, x, dy, dw, db, scratch);
    else if (conv_is_depthwise(&p))
        conv_depth_weight_run(&p, conv_depth_of(c->isa), c->threads, x, dy, dw, db, scratch);
    else
        conv_weight_run(&p, conv_kernels_of(c->isa), c->threads, x, dy, dw, db, scratch);
}
