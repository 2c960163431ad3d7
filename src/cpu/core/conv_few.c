/* conv_few.c: cuts and copies of conv_few.h. */
#include "cpu/core/conv_few.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"

#include <string.h>

#if CPU_X86

enum { SIDE = CONV_FEW_SIDE, PANEL = SIDE * SIDE }; /* bf16 of 32 terms and 32 output channels */

static const conv_few_kernels *conv_few_of(const conv_problem *p)
{
    return CPU_OF_AMX(p->isa, &conv_few);
}

typedef struct few_plan {
    int64_t wide, pitch;        /* places of a row, bytes of a row of the copy */
    int64_t rows, bands;        /* output rows of a chunk, chunks of a picture */
    int64_t phases, phase_rows; /* rows of the copy: those of each phase of the step down lie together */
    int64_t places, low;        /* of a chunk, a multiple of 32; bytes from high to low parts */
    int64_t blocks;             /* of output channels */
    size_t off_bytes, copy_bytes, thread_bytes;
} few_plan;

typedef struct few_job {
    const conv_problem *p;
    const few_plan *plan;
    const float *x, *packed;
    conv_end end;
    const int64_t *off;
    bool past;
    void *y;
    char *threads;
} few_job;

bool conv_few_takes(const conv_problem *p)
{
    enum { LEAST = 8 };
    const int64_t terms = p->kw * p->c_in;
    return p->groups == 1 && p->dw == 1 && terms >= LEAST && terms <= SIDE && p->c_out >= SIDE / 2 && p->kh > 1 &&
           p->kh <= SIDE;
}

int64_t conv_few_packed_floats(const conv_problem *p)
{
    return conv_ceil(p->c_out, SIDE) * p->kh * PANEL * (p->narrow ? 1 : 2) / 2;
}

/* [block][row of the window][high, low][16 output channels, 16 more][pair of terms][output channel][2] */
void conv_few_pack(const conv_problem *p, const conv_pack_plan *plan, const float *w, float *packed)
{
    uint16_t *to = (uint16_t *)(void *)packed;
    for (int64_t block = 0; block < p->c_out; block += SIDE)
        for (int64_t r = 0; r < p->kh; r++, to += p->narrow ? PANEL : 2 * PANEL)
            for (int64_t k = 0; k < SIDE; k++)
                for (int64_t o = 0; o < SIDE; o++) {
                    const int64_t at = o / 16 * (PANEL / 2) + k / 2 * SIDE + o % 16 * 2 + k % 2, c = k / p->c_in;
                    float v = 0.0f;
                    if (c < p->kw && block + o < p->c_out)
                        v = w[(block + o) * plan->lane + k % p->c_in * plan->channel + plan->column0 +
                              (plan->row0 + r * plan->row_step) * plan->width + c * plan->column_step];
                    to[at] = cpu_bf16_of_f32(v);
                    if (!p->narrow)
                        to[PANEL + at] = cpu_bf16_of_f32(v - cpu_f32_of_bf16(to[at]));
                }
}

static void make_plan(few_plan *r, const conv_problem *p)
{
    enum { PLACES = 2048, WANT = 16, SLACK = 128 };
    r->wide = p->ow - 1 + conv_ceil(p->kw, p->sw);
    r->pitch = r->wide * p->sw * p->c_in * 2;
    const int64_t most = conv_max(1, PLACES / r->wide), least = conv_min(p->oh, conv_ceil(WANT, p->n));
    r->bands = conv_max(conv_ceil(p->oh, most), conv_min(least, conv_ceil(p->oh, 4)));
    r->rows = conv_ceil(p->oh, r->bands);
    r->bands = conv_ceil(p->oh, r->rows);
    r->phases = p->kh == 1 ? 1 : p->sh;
    r->phase_rows = r->rows + (p->kh - 1) * p->dh / p->sh;
    r->places = conv_ceil((r->rows - 1) * r->wide + p->ow, SIDE) * SIDE;
    /* registers read up to 31 places beyond the last */
    r->low = (int64_t)conv_align((size_t)(r->phases * r->phase_rows * r->pitch + SIDE * p->sw * p->c_in * 2 + SLACK));
    r->blocks = conv_ceil(p->c_out, SIDE);
    r->off_bytes = conv_align((size_t)p->kh * sizeof(int64_t));
    r->copy_bytes = (size_t)(p->narrow ? r->low : 2 * r->low);
    r->thread_bytes = r->copy_bytes + conv_align((size_t)r->places * sizeof(int64_t));
}

static bool nothing(const conv_problem *p)
{
    return p->n == 0 || p->oh == 0 || p->ow == 0 || p->c_out == 0;
}

size_t conv_few_scratch(const conv_problem *p, int threads)
{
    few_plan r;
    if (nothing(p))
        return 0;
    make_plan(&r, p);
    return r.off_bytes + (size_t)(threads > 1 ? threads : 1) * r.thread_bytes;
}

/* The rows that output rows from `first` on read, with zeros where there is no picture. */
static void fill(const few_job *j, const float *x, int64_t first, char *to)
{
    const few_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t columns = r->wide * p->sw, begin = conv_min(columns, conv_max(0, -p->left)),
                  from = conv_max(0, p->left);
    const int64_t count = conv_max(0, conv_min(p->w - from, columns - begin));
    memset(to, 0, r->copy_bytes);
    for (int64_t phase = 0; phase < r->phases; phase++)
        for (int64_t i = 0; i < r->phase_rows; i++) {
            const int64_t row = p->top + (first + i) * p->sh + phase;
            char *at = to + (phase * r->phase_rows + i) * r->pitch + begin * p->c_in * 2;
            if (row >= 0 && row < p->h)
                conv_few_of(p)->line(x + (row * p->w + from) * p->c_in, count * p->c_in, at,
                                     p->narrow ? NULL : at + r->low);
        }
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const few_job *j = arg;
    const few_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t image = chunk / r->bands, first = chunk % r->bands * r->rows, rows = conv_min(r->rows, p->oh - first);
    char *copy = j->threads + (size_t)thread * r->thread_bytes;
    int64_t *outputs = (int64_t *)(void *)(copy + r->copy_bytes);
    fill(j, j->x + image * p->h * p->w * p->c_in, first, copy);
    for (int64_t i = 0, row = 0, column = 0; i < r->places; i++) {
        const bool there = row < rows && column < p->ow;
        outputs[i] = there ? image * p->y_image + (first + row) * p->y_row + column * p->y_pixel : -1;
        if (++column == r->wide) {
            column = 0;
            row++;
        }
    }
    _Alignas(64) float sums[CONV_FEW_SIDE * CONV_FEW_SIDE];
    conv_few_tile t = {
        .step = p->sw * p->c_in * 2, .off = j->off, .rows = p->kh, .terms = p->kw * p->c_in, .sums = sums};
    t.half = SIDE / 2 * t.step;
    t.low = p->narrow ? 0 : r->low;
    conv_few_of(p)->enter(p->kw * p->c_in);
    for (int64_t q = 0; q < (rows - 1) * r->wide + p->ow; q += SIDE)
        for (int64_t b = 0; b < r->blocks; b++) {
            t.x = copy + q * t.step;
            t.w = (const char *)j->packed + b * p->kh * PANEL * (p->narrow ? 2 : 4);
            conv_few_of(p)->tile(&t);
            const conv_split_store store = conv_split_store_of(p, &j->end, j->y, b * SIDE, j->past);
            conv_split_of(p)->store(sums, outputs + q, &store);
        }
    conv_few_of(p)->leave();
    if (j->past)
        conv_split_of(p)->fence();
}

void conv_few_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end, void *y,
                  void *scratch)
{
    few_plan r;
    if (nothing(p))
        return;
    make_plan(&r, p);
    int64_t *off = scratch;
    for (int64_t i = 0; i < p->kh; i++)
        off[i] = (i * p->dh % p->sh * r.phase_rows + i * p->dh / p->sh) * r.pitch;
    few_job j = {.p = p, .plan = &r, .x = x, .packed = packed, .end = *end, .off = off, .y = y};
    j.past = conv_split_past(p, y);
    j.threads = (char *)scratch + r.off_bytes;
    cpu_parallel(threads, p->n * r.bands, run_chunk, &j);
}

/* ---- for the gradient of weights --------------------------------------------------------------------------------- */

void conv_few_map_set(conv_split_map *m, const conv_problem *p, int64_t *off, int64_t *stream)
{
    const int64_t below = (p->kh - 1) * p->dh / p->sh;
    *m = (conv_split_map){.wide = p->ow, .high = p->oh + below, .reach = below * p->ow, .taps = p->kh, .groups = 1};
    m->places = ((p->n - 1) * m->high + p->oh) * m->wide;
    m->phases = p->sh;
    m->record = p->narrow ? CONV_SPLIT_RECORD : 2 * CONV_SPLIT_RECORD;
    for (int64_t r = 0; r < p->kh && off; r++) {
        off[r] = r * p->dh / p->sh * m->wide;
        stream[r] = r * p->dh % p->sh;
    }
}

/* A window's row that begins at column `from`, zeros where it leaves the picture's row x. */
static void copy_edge(const conv_problem *p, const float *x, int64_t from, float *edge)
{
    for (int64_t c = 0; c < p->kw; c++)
        for (int64_t i = 0; i < p->c_in; i++) {
            const bool there = from + c >= 0 && from + c < p->w;
            edge[c * p->c_in + i] = there ? x[(from + c) * p->c_in + i] : 0.0f;
        }
}

void conv_few_inputs(const conv_split_map *m, const conv_problem *p, int64_t stream, const float *x, int64_t first,
                     int64_t count, const float **at, float *edge)
{
    int64_t column = first % m->wide, line = first / m->wide % m->high, image = first / m->wide / m->high;
    for (int64_t i = 0; i < count; i++, edge += SIDE) {
        const int64_t row = p->top + line * p->sh + stream, from = p->left + column * p->sw;
        at[i] = NULL;
        if (image < p->n && row >= 0 && row < p->h) {
            const float *start = x + (image * p->h + row) * p->w * p->c_in;
            const bool inside = from >= 0 && from + p->kw <= p->w;
            at[i] = inside ? start + from * p->c_in : edge;
            if (!inside)
                copy_edge(p, start, from, edge);
        }
        if (++column == m->wide) {
            column = 0;
            if (++line == m->high) {
                line = 0;
                image++;
            }
        }
    }
}

#endif
