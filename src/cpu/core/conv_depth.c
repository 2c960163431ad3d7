/* conv_depth.c: depthwise convolution: packing, cuts, and the sum of shares; the loops are in conv_depth.tile.c. */
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

#include <string.h>

const conv_depth_kernels *conv_depth_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &conv_depth);
}

void conv_depth_pack(const conv_problem *p, const conv_pack_plan *plan, const float *w, float *packed)
{
    w += plan->row0 * plan->width + plan->column0;
    for (int64_t r = 0; r < p->kh; r++)
        for (int64_t q = 0; q < p->kw; q++)
            for (int64_t c = 0; c < p->groups; c++)
                *packed++ = w[c * plan->group + r * plan->row_step * plan->width + q * plan->column_step];
}

typedef struct depth_job {
    const conv_problem *p;
    const conv_depth_kernels *k;
    const float *x, *packed, *dy;
    conv_end end;
    float *y, *dw, *db;
    bool past;
    int64_t bands; /* of a picture, or the shares of the rows */
    int64_t images;
} depth_job;

static void depth_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const depth_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t image = chunk / j->bands, band = chunk % j->bands;
    conv_depth_rows a = {.p = p, .w = j->packed, .to = j->end, .past = j->past};
    const int64_t size = p->half_x ? 2 : 4;
    a.x = (const float *)(const void *)((const char *)(const void *)j->x + image * p->h * p->w * p->groups * size);
    a.y = (float *)(void *)((char *)(void *)j->y + image * p->y_image * size);
    a.to.add = a.to.add ? a.to.add + image * p->y_image : NULL;
    a.first = conv_part(p->oh, j->bands, band);
    a.end = conv_part(p->oh, j->bands, band + 1);
    j->k->rows(&a);
}

/* Floats that no cache keeps. */
#ifdef TARN_HARD
enum { MUCH = 1024 };
#else
enum { MUCH = 1 << 21 };
#endif

void conv_depth_run(const conv_problem *p, const conv_depth_kernels *k, int threads, const void *x, const float *packed,
                    const conv_end *end, void *y)
{
    enum { BAND = 1 << 15 /* floats that are worth a chunk */, LINE = 16 };
    if (p->n == 0 || p->oh == 0 || p->ow == 0)
        return;
    depth_job j = {.p = p, .k = k, .x = x, .packed = packed, .end = *end, .y = y};
    j.past = p->n * p->oh * p->ow * p->groups >= (p->half_x ? 2 * MUCH : MUCH) && p->groups % LINE == 0 &&
             (uintptr_t)y % (LINE * 4) == 0;
    j.bands = conv_max(1, conv_min(p->oh, p->oh * p->ow * p->groups / BAND));
    cpu_parallel(p->n * p->oh * p->ow * p->groups < BAND / 8 ? 1 : threads, p->n * j.bands, depth_chunk, &j);
}

/* Shares of pictures and rows, by the shape alone. */
static void cut_shares(const conv_problem *p, int64_t *images, int64_t *bands)
{
    enum { WANT = 16, SHARE = 1 << 13 };
    int64_t want = conv_max(1, conv_min(WANT, p->n * p->oh * p->ow * p->groups / SHARE));
    *images = conv_min(p->n, want);
    *bands = conv_min(p->oh, conv_ceil(want, conv_max(1, *images)));
}

/* Floats of one share: the weights' gradient and the bias's. */
static int64_t share_floats(const conv_problem *p)
{
    return conv_ceil((p->kh * p->kw + 1) * p->groups, 16) * 16;
}

size_t conv_depth_weight_scratch(const conv_problem *p)
{
    int64_t images, bands;
    cut_shares(p, &images, &bands);
    return (size_t)(images * bands * share_floats(p)) * sizeof(float);
}

static void sums_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const depth_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t share = chunk / j->bands, band = chunk % j->bands;
    float *dw = j->y + chunk * share_floats(p);
    memset(dw, 0, (size_t)share_floats(p) * sizeof *dw);
    conv_depth_sums a = {.p = p, .dw = dw, .db = j->db ? dw + p->kh * p->kw * p->groups : NULL};
    a.first = conv_part(p->oh, j->bands, band);
    a.end = conv_part(p->oh, j->bands, band + 1);
    for (int64_t i = conv_part(p->n, j->images, share); i < conv_part(p->n, j->images, share + 1); i++) {
        a.x = j->x + i * p->h * p->w * p->groups;
        a.dy = j->dy + i * p->y_image;
        j->k->sums(&a);
    }
}

void conv_depth_weight_run(const conv_problem *p, const conv_depth_kernels *k, int threads, const float *x,
                           const float *dy, float *dw, float *db, void *scratch)
{
    depth_job j = {.p = p, .k = k, .x = x, .dy = dy, .y = scratch, .db = db};
    cut_shares(p, &j.images, &j.bands);
    const int64_t shares = j.images * j.bands, taps = p->kh * p->kw, size = share_floats(p);
    cpu_parallel(threads, shares, sums_chunk, &j);
    for (int64_t c = 0; c < p->groups; c++)
        for (int64_t t = 0; t <= taps; t++) {
            float sum = 0.0f;
            for (int64_t s = 0; s < shares; s++)
                sum += j.y[s * size + t * p->groups + c];
            if (t < taps)
                dw[c * taps + t] = sum;
            else if (db)
                db[c] = sum;
        }
}
