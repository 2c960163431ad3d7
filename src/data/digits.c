/* digits.c: see digits.h. The way of a digit: points of a style, shaken; a smooth curve through them; bent, slanted, turned;
 * fitted into 20x20 pixels as MNIST's digits are; drawn with a round pen whose pressure changes; centred by mass. */
#include "data/digits.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "data/digit_strokes.h"

enum { STEPS = 8, MOST_POINTS = DATA_DIGIT_POINTS * STEPS, SIDE = DATA_DIGIT_SIDE, BOX = 20, WAVES = 2 };

typedef struct point {
    float x, y;
    float radius; /* of the pen, in pixels */
    bool lift;    /* nothing is drawn from here to the next */
} point;

typedef struct path {
    int n;
    point at[MOST_POINTS];
} path;

static float uniform(base_random *r, float low, float high)
{
    return low + (high - low) * base_philox_f32(base_random_u32(r));
}

/* About normal, but never far out: the sum of four uniforms has its tails cut. */
static float normal(base_random *r, float deviation)
{
    base_philox x = base_philox_at(r->key, r->n / 4 + 1 + ((uint64_t)1 << 40), r->stream);
    r->n += 4;
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += base_philox_f32(x.v[i]) - 0.5f;
    return sum * 1.7320508f * deviation;
}

/* ---- the curve ------------------------------------------------------------------------------------------------- */

static const data_digit_style *choose_style(int digit, base_random *r)
{
    int total = 0;
    for (int s = 0; s < data_digit_style_count; s++)
        total += data_digit_styles[s].digit == digit ? data_digit_styles[s].often : 0;
    int pick = (int)base_random_below(r, (uint64_t)total);
    for (int s = 0; s < data_digit_style_count; s++) {
        const data_digit_style *style = &data_digit_styles[s];
        if (style->digit != digit)
            continue;
        if (pick < style->often)
            return style;
        pick -= style->often;
    }
    return &data_digit_styles[0]; /* not reached: pick < total */
}

/* Catmull-Rom: a cubic through b and c whose slopes there are those of the chords a-c and b-d. */
static float spline(float a, float b, float c, float d, float t)
{
    float m0 = (c - a) * 0.5f, m1 = (d - b) * 0.5f, t2 = t * t, t3 = t2 * t;
    return (2 * t3 - 3 * t2 + 1) * b + (t3 - 2 * t2 + t) * m0 + (3 * t2 - 2 * t3) * c + (t3 - t2) * m1;
}

/* The points of a style, each a little off, as a polyline in [-1, 1] x [-1, 1]. */
static void trace(const data_digit_style *style, base_random *r, path *p)
{
    float x[DATA_DIGIT_POINTS], y[DATA_DIGIT_POINTS], shake = uniform(r, 0.02f, 0.085f);
    float dx = 0, dy = 0; /* a stroke begun after the pen was lifted does not meet the others exactly */
    for (int i = 0; i < style->n; i++) {
        bool first = i == 0 || style->at[i - 1].kind == DATA_LIFT, last = style->at[i].kind == DATA_LIFT;
        if (first && i > 0) {
            dx = normal(r, 0.06f);
            dy = normal(r, 0.06f);
        }
        float more = first || last ? 1.6f : 1; /* ends are freer than what lies between */
        x[i] = (float)style->at[i].x / 50 - 1 + normal(r, shake * more) + dx;
        y[i] = (float)style->at[i].y / 50 - 1 + normal(r, shake * more) + dy;
    }
    p->n = 0;
    for (int i = 0; i < style->n; i++) {
        int kind = style->at[i].kind;
        if (kind == DATA_LIFT || i + 1 == style->n) {
            p->at[p->n++] = (point){.x = x[i], .y = y[i], .lift = true};
            continue;
        }
        bool starts = i == 0 || style->at[i - 1].kind == DATA_LIFT || kind == DATA_CORNER;
        int before = starts ? i : i - 1, after = style->at[i + 1].kind == DATA_SMOOTH ? i + 2 : i + 1;
        for (int k = 0; k < STEPS; k++) {
            float t = (float)k / STEPS;
            p->at[p->n++] = (point){.x = spline(x[before], x[i], x[i + 1], x[after], t),
                                    .y = spline(y[before], y[i], y[i + 1], y[after], t)};
        }
    }
}

/* ---- bending --------------------------------------------------------------------------------------------------- */

typedef struct bend {
    float wave[WAVES][2][4]; /* amplitude, frequency in x and y, phase; for both coordinates */
    float taper, belly;      /* wider below; lower half larger */
    float aspect, slant, c, s;
} bend;

static bend choose_bend(base_random *r)
{
    bend b;
    float strength = uniform(r, 0.0f, 0.13f);
    for (int w = 0; w < WAVES; w++)
        for (int k = 0; k < 2; k++) {
            b.wave[w][k][0] = normal(r, strength);
            b.wave[w][k][1] = uniform(r, -2.5f, 2.5f);
            b.wave[w][k][2] = uniform(r, -2.5f, 2.5f);
            b.wave[w][k][3] = uniform(r, 0, 6.2831853f);
        }
    b.taper = normal(r, 0.12f);
    b.belly = normal(r, 0.12f);
    b.aspect = fmaxf(expf(normal(r, 0.26f) - 0.08f), 0.6f);
    b.slant = normal(r, 0.23f) + 0.12f;
    float angle = normal(r, 0.12f);
    b.c = cosf(angle);
    b.s = sinf(angle);
    return b;
}

static void apply(const bend *b, path *p)
{
    for (int i = 0; i < p->n; i++) {
        float u = p->at[i].x, v = p->at[i].y, d[2] = {0, 0};
        for (int w = 0; w < WAVES; w++)
            for (int k = 0; k < 2; k++) {
                const float *q = b->wave[w][k];
                d[k] += q[0] * sinf(q[1] * u + q[2] * v + q[3]);
            }
        float x = (u + d[0]) * (1 + b->taper * v) * b->aspect;
        float y = v + d[1] + b->belly * (1 - v * v);
        x -= b->slant * y;
        p->at[i].x = b->c * x - b->s * y;
        p->at[i].y = b->s * x + b->c * y;
    }
}

/* ---- fitting and the pen --------------------------------------------------------------------------------------- */

/* Radii along the path: a thickness of this hand, slow changes of pressure, lighter at the ends of some. */
static void press(path *p, base_random *r)
{
    float thick = fminf(expf(normal(r, 0.28f)) * 1.25f, 2.1f), change = uniform(r, 0, 0.25f),
          rate = uniform(r, 0.02f, 0.12f);
    float phase = uniform(r, 0, 6.2831853f);
    for (int i = 0; i < p->n; i++) {
        float radius = thick * (1 + change * sinf(rate * (float)i + phase));
        p->at[i].radius = radius < 0.7f ? 0.7f : radius;
    }
}

/* Into the middle of the picture, the longer side of the ink BOX pixels long. */
static void fit(path *p)
{
    float left = 1e9f, right = -1e9f, top = 1e9f, bottom = -1e9f, thick = 0;
    for (int i = 0; i < p->n; i++) {
        left = fminf(left, p->at[i].x);
        right = fmaxf(right, p->at[i].x);
        top = fminf(top, p->at[i].y);
        bottom = fmaxf(bottom, p->at[i].y);
        thick = fmaxf(thick, p->at[i].radius);
    }
    float longer = fmaxf(fmaxf(right - left, bottom - top), 0.1f);
    float scale = (BOX - 2 * fminf(thick, 4)) / longer;
    for (int i = 0; i < p->n; i++) {
        p->at[i].x = (p->at[i].x - (left + right) / 2) * scale + SIDE / 2.0f;
        p->at[i].y = (p->at[i].y - (top + bottom) / 2) * scale + SIDE / 2.0f;
    }
}

static int clamp(int i)
{
    return i < 0 ? 0 : i > SIDE ? SIDE : i;
}

static float smaller(float a, float b)
{
    return a < b ? a : b;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* ink: for each pixel how deep its centre lies inside the stroke, in pixels; negative outside. Pixels go by LANES at once; those
 * that this adds lie so far outside that no ink comes to them. */
static void draw_segment(const point *a, const point *b, float *ink)
{
    enum { LANES = 4 };
    _Static_assert(SIDE % LANES == 0, "a row is whole lanes");
    const float reach = larger(a->radius, b->radius) + 1.5f;
    const int x0 = clamp((int)floorf(smaller(a->x, b->x) - reach)) / LANES * LANES,
              x1 = (clamp((int)ceilf(larger(a->x, b->x) + reach)) + LANES - 1) / LANES * LANES,
              y0 = clamp((int)floorf(smaller(a->y, b->y) - reach)), y1 = clamp((int)ceilf(larger(a->y, b->y) + reach));
    const float dx = b->x - a->x, dy = b->y - a->y, inverse = 1 / larger(dx * dx + dy * dy, 1e-9f);
    const float radius = a->radius, wider = b->radius - a->radius;
    for (int y = y0; y < y1; y++) {
        const float py = (float)y + 0.5f - a->y;
        float *row = ink + y * SIDE;
        for (int x = x0; x < x1; x += LANES)
#pragma omp simd simdlen(4)
            for (int i = 0; i < LANES; i++) {
                const float px = (float)(x + i) + 0.5f - a->x, t = smaller(larger((px * dx + py * dy) * inverse, 0), 1);
                const float ex = px - t * dx, ey = py - t * dy;
                const float depth = radius + t * wider - sqrtf(ex * ex + ey * ey);
                row[x + i] = larger(row[x + i], depth);
            }
    }
}

static void draw_path(const path *p, float *ink)
{
    for (int i = 0; i < DATA_DIGIT_PIXELS; i++)
        ink[i] = -2;
    for (int i = 0; i + 1 < p->n; i++)
        if (!p->at[i].lift)
            draw_segment(&p->at[i], &p->at[i + 1], ink);
}

/* Depth to brightness: soft edges, frayed by noise; the paper stays black. */
static void develop(float *ink, base_random *r)
{
    float soft = uniform(r, 0.9f, 1.7f), fray = uniform(r, 0, 0.35f), pale = uniform(r, 0, 0.12f);
    const float paper = -0.5f * (soft + fray);
    for (int i = 0; i < DATA_DIGIT_PIXELS; i += 4) {
        if (larger(larger(ink[i], ink[i + 1]), larger(ink[i + 2], ink[i + 3])) <= paper) {
            memset(&ink[i], 0, 4 * sizeof *ink); /* no noise makes it lighter; most of a picture is so */
            continue;
        }
        const base_philox bits = base_philox_at(r->key, ((uint64_t)1 << 41) + (uint64_t)i, r->stream);
        for (int k = 0; k < 4; k++) {
            float noise = base_philox_f32(bits.v[k]) - 0.5f;
            float v = (ink[i + k] + fray * noise) / soft + 0.5f;
            ink[i + k] = v <= 0 ? 0 : v >= 1 ? 1 - pale * (0.5f + noise) : v * v * (3 - 2 * v);
        }
    }
}

/* Moved by whole pixels, so that the centre of mass is in the middle. */
static void centre(const float *ink, uint8_t *pixels)
{
    float mass = 1e-6f, mx = 0, my = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float v = ink[y * SIDE + x];
            mass += v;
            mx += v * ((float)x + 0.5f);
            my += v * ((float)y + 0.5f);
        }
    int dx = (int)lrintf(SIDE / 2.0f - mx / mass), dy = (int)lrintf(SIDE / 2.0f - my / mass);
    memset(pixels, 0, DATA_DIGIT_PIXELS);
    for (int y = clamp(dy); y < clamp(SIDE + dy); y++)
        for (int x = clamp(dx); x < clamp(SIDE + dx); x++)
            pixels[y * SIDE + x] = (uint8_t)lrintf(255 * ink[(y - dy) * SIDE + x - dx]);
}

void data_digit_draw(int digit, base_random *random, uint8_t pixels[DATA_DIGIT_PIXELS])
{
    path p;
    float ink[DATA_DIGIT_PIXELS];
    trace(choose_style(digit, random), random, &p);
    bend b = choose_bend(random);
    apply(&b, &p);
    press(&p, random);
    fit(&p);
    draw_path(&p, ink);
    develop(ink, random);
    centre(ink, pixels);
}
