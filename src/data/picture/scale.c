/* scale.c: see scale.h. Rows first, then columns, each a sum of pixels times weights of 16 bits with as many bits behind the
 * point as fit; after the first a pixel is rounded to 8 bits again, as Pillow does it. A table says for each pixel of the
 * result which pixels it is made of. */
#include "data/picture/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

/* Loads of the fast way may reach so many bytes behind what is needed. */
enum { SPARE = 64, MOST_TAPS = 1 << 20 };

typedef struct table {
    int taps;         /* weights of one pixel; a multiple of 4, zeros behind */
    int bits;         /* behind the point */
    int64_t *first;   /* of the pixels that one is made of */
    int16_t *weights; /* [to][taps] */
} table;

/* ---- weights --------------------------------------------------------------------------------------------------- */

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Weights of the window [first, first + n) around `centre`. With antialias what lies outside of the picture does not count;
 * without it the pixel at the edge is repeated. */
static int64_t exact_weights(const picture_scaling *s, double centre, double scale, int64_t from, double *w, int *n)
{
    double radius = s->filter == PICTURE_BICUBIC ? 2 : 1, wide = scale > 1 && !s->plain_filter ? scale : 1;
    double reach = radius * wide, sum = 0;
    int64_t low = (int64_t)floor(centre - reach + 0.5), high = (int64_t)floor(centre + reach + 0.5);
    if (s->plain_filter) {
        low = (int64_t)floor(centre - 0.5) - (s->filter == PICTURE_BICUBIC);
        high = low + 2 * (int64_t)radius;
    }
    int64_t first = low < 0 ? 0 : low < from ? low : from - 1, last = high > from ? from : high;
    last = last <= first ? first + 1 : last;
    *n = (int)(last - first);
    for (int k = 0; k < *n; k++)
        w[k] = 0;
    for (int64_t i = low; i < high; i++) {
        int64_t at = i < first ? first : i >= last ? last - 1 : i;
        double x = ((double)i + 0.5 - centre) / wide;
        double v = s->filter == PICTURE_BICUBIC ? cubic(x, s->plain_filter ? -0.75 : -0.5) : triangle(x);
        if (at != i && !s->plain_filter)
            continue;
        w[at - first] += v;
        sum += v;
    }
    for (int k = 0; k < *n; k++)
        w[k] /= sum;
    return first;
}

static void table_free(table *t)
{
    free(t->first);
    free(t->weights);
}

/* To 16 bits; what rounding takes from one weight the next gets, so that the sum is exact and a picture of one colour stays
 * what it is. */
static void quantize(const double *w, int n, int bits, int16_t *out)
{
    double unit = (double)((int64_t)1 << bits), carry = 0;
    for (int k = 0; k < n; k++) {
        double due = w[k] * unit + carry;
        out[k] = (int16_t)lrint(due);
        carry = due - out[k];
    }
}

static int bits_for(const double *w, size_t n)
{
    double most = 1e-6;
    for (size_t k = 0; k < n; k++)
        most = fmax(most, fabs(w[k]));
    int bits = 0;
    while (bits < 22 && most * (double)((int64_t)2 << bits) < 32000)
        bits++;
    return bits;
}

static bool table_init(table *t, const picture_scaling *s, int64_t from, int64_t to, bool mirror)
{
    double scale = (double)from / (double)to, radius = s->filter == PICTURE_BICUBIC ? 2 : 1;
    double reach = radius * (scale > 1 && !s->plain_filter ? scale : 1);
    *t = (table){0};
    if (reach > MOST_TAPS / 4)
        return false;
    int taps = (int)(2 * ceil(reach)) + 2;
    t->taps = (taps + 3) & ~3;
    size_t all;
    if (__builtin_mul_overflow((size_t)t->taps, (size_t)to, &all) || all > SIZE_MAX / 32)
        return false;
    double *w = calloc(all, sizeof *w);
    int *n = calloc((size_t)to, sizeof *n);
    t->first = calloc((size_t)to, sizeof *t->first);
    t->weights = calloc(all + SPARE, sizeof *t->weights);
    bool good = w && n && t->first && t->weights;
    for (int64_t i = 0; good && i < to; i++) {
        int64_t at = mirror ? to - 1 - i : i;
        t->first[at] = exact_weights(s, ((double)i + 0.5) * scale, scale, from, w + at * t->taps, &n[at]);
    }
    t->bits = good ? bits_for(w, all) : 0;
    for (int64_t i = 0; good && i < to; i++)
        quantize(w + i * t->taps, n[i], t->bits, t->weights + i * t->taps);
    free(w);
    free(n);
    return good;
}

/* ---- the plain way --------------------------------------------------------------------------------------------- */

static inline uint8_t clip(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void across_plain(const uint8_t *row, int channels, const table *t, int64_t width, uint8_t *out)
{
    for (int64_t x = 0; x < width; x++) {
        const int16_t *w = t->weights + x * t->taps;
        const uint8_t *from = row + t->first[x] * channels;
        for (int c = 0; c < channels; c++) {
            int32_t sum = t->bits ? 1 << (t->bits - 1) : 0;
            for (int k = 0; k < t->taps; k++)
                sum += w[k] * from[k * channels + c];
            *out++ = clip(sum >> t->bits);
        }
    }
}

static void down_plain(const uint8_t *rows, size_t stride, const int16_t *w, const table *t, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        int32_t sum = t->bits ? 1 << (t->bits - 1) : 0;
        for (int k = 0; k < t->taps; k++)
            sum += w[k] * rows[(size_t)k * stride + i];
        out[i] = clip(sum >> t->bits);
    }
}

/* ---- the fast way ---------------------------------------------------------------------------------------------- */

#ifdef HAVE_AVX2
/* Two rows at a time, one in each half of a register. Of four pixels of three bytes two shuffles make the pairs (red 0, red 1),
 * (green 0, green 1), ... that the multiplication adds up. */
__attribute__((target("avx2"))) static void across_two(const uint8_t *a, const uint8_t *b, const table *t,
                                                       int64_t width, uint8_t *out_a, uint8_t *out_b)
{
    const __m256i low =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i high =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m256i half = _mm256_set1_epi32(t->bits ? 1 << (t->bits - 1) : 0);
    const __m128i bits = _mm_cvtsi32_si128(t->bits);
    for (int64_t x = 0; x < width; x++) {
        const int16_t *w = t->weights + x * t->taps;
        int64_t at = t->first[x] * 3;
        __m256i sum = half;
        for (int k = 0; k < t->taps; k += 4, at += 12) {
            __m256i p = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(a + at))),
                                                _mm_loadu_si128((const __m128i *)(b + at)), 1);
            int32_t pair[2];
            memcpy(pair, w + k, sizeof pair);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(p, low), _mm256_set1_epi32(pair[0])));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(p, high), _mm256_set1_epi32(pair[1])));
        }
        sum = _mm256_sra_epi32(sum, bits);
        sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), _mm256_setzero_si256());
        int32_t pixel_a = _mm256_extract_epi32(sum, 0), pixel_b = _mm256_extract_epi32(sum, 4);
        memcpy(out_a + 3 * x, &pixel_a, 4); /* the fourth byte is overwritten by the next pixel or spare */
        memcpy(out_b + 3 * x, &pixel_b, 4);
    }
}

__attribute__((target("avx2"))) static void down_fast(const uint8_t *rows, size_t stride, const int16_t *w,
                                                      const table *t, size_t n, uint8_t *out)
{
    const __m256i half = _mm256_set1_epi32(t->bits ? 1 << (t->bits - 1) : 0);
    const __m128i bits = _mm_cvtsi32_si128(t->bits);
    for (size_t i = 0; i < n; i += 16) { /* rows have bytes to spare, and so has the result */
        __m256i even = half, odd = half;
        for (int k = 0; k < t->taps; k += 2) {
            int32_t pair;
            memcpy(&pair, w + k, sizeof pair);
            if (pair == 0)
                continue;
            const uint8_t *p = rows + (size_t)k * stride + i;
            __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
            __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(p + stride)));
            __m256i weight = _mm256_set1_epi32(pair);
            even = _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weight));
            odd = _mm256_add_epi32(odd, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weight));
        }
        __m256i words = _mm256_packs_epi32(_mm256_sra_epi32(even, bits), _mm256_sra_epi32(odd, bits));
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(out + i), bytes);
    }
}

static bool have_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}
#endif

/* ---- one picture ----------------------------------------------------------------------------------------------- */

/* Rows of the part, with bytes to spare behind each: loads may reach behind a row's end, and taps of weight 0 do. */
typedef struct work {
    uint8_t *memory;
    uint8_t *in[2];  /* two rows of the part */
    uint8_t *mid;    /* rows scaled across; `taps` empty ones behind */
    uint8_t *out;    /* one row of the result */
    size_t in_bytes; /* of a row that count */
    size_t stride;   /* of mid */
} work;

static bool work_init(work *w, const picture_scaling *s, int channels, const table *across, const table *down)
{
    size_t in = ((size_t)s->width + (size_t)across->taps) * (size_t)channels + SPARE, mid, all;
    w->in_bytes = (size_t)s->width * (size_t)channels;
    w->stride = (size_t)s->to_width * (size_t)channels + SPARE;
    if (__builtin_mul_overflow(w->stride, (size_t)s->height + (size_t)down->taps + 1, &mid) ||
        __builtin_add_overflow(mid, 2 * in + w->stride, &all))
        return false;
    w->memory = calloc(all, 1);
    w->in[0] = w->memory;
    w->in[1] = w->memory + in;
    w->mid = w->memory + 2 * in;
    w->out = w->mid + mid;
    return w->memory != NULL;
}

static void scale_with(const tn_picture *p, const picture_scaling *s, const table *across, const table *down, work *w,
                       tn_picture *q)
{
    size_t channels = (size_t)p->channels, row = (size_t)q->width * channels, pitch = (size_t)p->width * channels;
    const uint8_t *from = p->pixels + (size_t)s->top * pitch + (size_t)s->left * channels;
    bool fast = false;
#ifdef HAVE_AVX2
    fast = !s->plain_code && have_avx2();
#endif
    for (int64_t y = 0; y < s->height; y += 2) {
        int64_t two = y + 1 < s->height;
        memcpy(w->in[0], from + (size_t)y * pitch, w->in_bytes);
        memcpy(w->in[1], from + (size_t)(y + two) * pitch, w->in_bytes);
        uint8_t *to = w->mid + (size_t)y * w->stride;
#ifdef HAVE_AVX2
        if (fast && channels == 3) {
            across_two(w->in[0], w->in[1], across, q->width, to, to + w->stride);
            continue;
        }
#endif
        across_plain(w->in[0], p->channels, across, q->width, to);
        if (two)
            across_plain(w->in[1], p->channels, across, q->width, to + w->stride);
    }
    for (int64_t y = 0; y < q->height; y++) {
        const int16_t *weights = down->weights + y * down->taps;
        const uint8_t *rows = w->mid + (size_t)down->first[y] * w->stride;
#ifdef HAVE_AVX2
        if (fast)
            down_fast(rows, w->stride, weights, down, row, w->out);
        else
#endif
            down_plain(rows, w->stride, weights, down, row, w->out);
        memcpy(q->pixels + (size_t)y * row, w->out, row);
    }
}

static tn_picture *scale_nearest(const tn_picture *p, const picture_scaling *s, base_error *e)
{
    tn_picture *q = data_picture_new(s->to_width, s->to_height, p->channels, e);
    double sx = (double)s->width / (double)s->to_width, sy = (double)s->height / (double)s->to_height;
    size_t channels = (size_t)p->channels;
    for (int64_t y = 0; q && y < q->height; y++) {
        int64_t from_y = s->top + (int64_t)fmin(((double)y + 0.5) * sy, (double)(s->height - 1));
        const uint8_t *row = p->pixels + (size_t)(from_y * p->width + s->left) * channels;
        uint8_t *to = q->pixels + (size_t)(y * q->width) * channels;
        for (int64_t x = 0; x < q->width; x++, to += channels) {
            int64_t at = (int64_t)fmin(((double)(s->mirror ? q->width - 1 - x : x) + 0.5) * sx, (double)(s->width - 1));
            for (size_t c = 0; c < channels; c++)
                to[c] = row[(size_t)at * channels + c];
        }
    }
    return q;
}

tn_picture *picture_scale(const tn_picture *p, const picture_scaling *scaling, base_error *e)
{
    picture_scaling s = *scaling;
    if (s.width == 0 && s.height == 0) {
        s.width = p->width;
        s.height = p->height;
    }
    if (s.left < 0 || s.top < 0 || s.width < 1 || s.height < 1 || s.left > p->width - s.width ||
        s.top > p->height - s.height || s.width > INT32_MAX || s.height > INT32_MAX) {
        base_fail(e, TN_INVALID, "the part to be scaled lies outside of the picture");
        return NULL;
    }
    if (s.filter == PICTURE_NEAREST)
        return scale_nearest(p, &s, e);
    tn_picture *q = data_picture_new(s.to_width, s.to_height, p->channels, e);
    if (!q)
        return NULL;
    table across = {0}, down = {0};
    work w = {0};
    bool room = table_init(&across, &s, s.width, s.to_width, s.mirror) &&
                table_init(&down, &s, s.height, s.to_height, false) && work_init(&w, &s, p->channels, &across, &down);
    if (room)
        scale_with(p, &s, &across, &down, &w, q);
    free(w.memory);
    table_free(&across);
    table_free(&down);
    if (room)
        return q;
    base_no_memory(e, "scaling a picture");
    tn_picture_free(q);
    return NULL;
}

tn_picture *data_picture_resize(const tn_picture *p, int64_t width, int64_t height, base_error *e)
{
    return picture_scale(p, &(picture_scaling){.to_width = width, .to_height = height, .filter = PICTURE_BILINEAR}, e);
}

/* ---- planes ---------------------------------------------------------------------------------------------------- */

void picture_to_planes(const tn_picture *p, uint8_t *out)
{
    size_t n = (size_t)p->width * (size_t)p->height;
    const uint8_t *from = p->pixels;
    uint8_t *r = out, *g = out + n, *b = out + 2 * n;
    if (p->channels == 1)
        memcpy(out, from, n);
    else
        for (size_t i = 0; i < n; i++) {
            r[i] = from[3 * i];
            g[i] = from[3 * i + 1];
            b[i] = from[3 * i + 2];
        }
}
