/* channel_moments and channel_sums on f32, x also as bf16, with channels last, by core/moments.h. */
#include "cpu/core/kernels.h"
#include "cpu/core/moments.h"

static kernel_layout want(const kernel_bind *b, int i)
{
    return b->in[i].rank > 1 ? KERNEL_CHANNELS_LAST : KERNEL_ROW_MAJOR;
}

static bool accepts(const kernel_bind *b)
{
    return kernel_count(&b->in[0]) > 0;
}

static tn_status prepare(kernel_bind *b)
{
    cpu_moments *m = BASE_NEW(b->arena, cpu_moments);
    if (!m)
        return base_no_memory(b->error, "preparing a kernel");
    m->channels = b->in[0].dims[1];
    m->rows = kernel_count(&b->in[0]) / m->channels;
    m->threads = b->threads;
    m->isa = (cpu_isa)b->isa;
    m->half = b->in[b->n_in > 1].dtype == TN_BF16;
    cpu_moments_plan(m);
    b->plan = m;
    b->scratch = cpu_moments_scratch(m);
    return TN_OK;
}

/* x: input 0 of channel_moments, input 1 of channel_sums. */
static kernel_half half(const kernel_bind *b, int i)
{
    return i == (b->n_in > 1) ? KERNEL_HALF : KERNEL_NO_HALF;
}

static void run_moments(const kernel_call *c)
{
    cpu_moments_run(c->plan, c->in[0], c->out[0], c->out[1], c->scratch);
}

static void run_sums(const kernel_call *c)
{
    cpu_moments_sums(c->plan, c->in[0], c->in[1], c->in[2], c->out[0], c->out[1], c->scratch);
}

#define ROW(text, what)                                                                                                \
    {                                                                                                                  \
        .op = text, .name = text "/direct", .keeps = cpu_node_is_f32, .accepts = accepts, .want = want,                \
        .prepare = prepare, .run = what, .half = half                                                                  \
    }
const kernel cpu_kernels_channel_moments[] = {ROW("channel_moments", run_moments), ROW("channel_sums", run_sums), {0}};
