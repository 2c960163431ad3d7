/* digit_light.c: even light and no specks for the step "digit". The light on a sheet of paper changes slowly, so a polynomial
 * of degree two in x and y, fitted to the border by least squares, tells it everywhere; strokes that reach the border are
 * outliers, left out of the next fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/digit_light.h"

enum {
    TERMS = 6,         /* 1, x, y, x x, x y, y y */
    SAMPLES = 4096,    /* of the border, about */
    FITS = 6,          /* each without the outliers of the one before */
    LEAST_SIDE = 64,   /* smaller pictures are drawn or cut out: taken as they are */
    LEAST_CHANGE = 12, /* shades: light that changes less is even */
    CELLS = 640        /* specks are looked for on a grid of at most so many cells by side */
};

int data_shade(const data_shades *s, double share)
{
    int64_t total = 0, sum = 0;
    for (int v = 0; v < 256; v++)
        total += s->count[v];
    for (int v = 0; v < 256; v++) {
        sum += s->count[v];
        if ((double)sum >= share * (double)total)
            return v;
    }
    return 255;
}

/* Pixels within `width` of the border, every step-th of them. */
typedef struct band {
    int64_t width, step;
} band;

typedef void band_fn(void *user, const tn_picture *p, int64_t x, int64_t y);

static void walk(const tn_picture *p, band b, band_fn *f, void *user)
{
    int64_t at = 0;
    for (int64_t y = 0; y < p->height; y++) {
        bool whole = y < b.width || y >= p->height - b.width;
        for (int64_t x = 0; x < p->width; x++) {
            if (!whole && x == b.width && p->width > 2 * b.width)
                x = p->width - b.width;
            if (at++ % b.step == 0)
                f(user, p, x, y);
        }
    }
}

static int pixel_at(const tn_picture *p, int64_t x, int64_t y)
{
    return p->pixels[y * p->width + x];
}

static void count_shade(void *user, const tn_picture *p, int64_t x, int64_t y)
{
    ((data_shades *)user)->count[pixel_at(p, x, y)]++;
}

void data_shades_of_border(const tn_picture *p, int64_t width, data_shades *s)
{
    walk(p, (band){width, 1}, count_shade, s);
}

/* ---- light ----------------------------------------------------------------------------------------------------- */

typedef struct surface {
    double a[TERMS];
} surface;

static void terms_at(const tn_picture *p, int64_t x, int64_t y, double t[TERMS])
{
    double u = 2 * (double)x / (double)(p->width - 1) - 1, v = 2 * (double)y / (double)(p->height - 1) - 1;
    memcpy(t, (double[TERMS]){1, u, v, u * u, u * v, v * v}, TERMS * sizeof *t);
}

static double height_at(const surface *s, const double t[TERMS])
{
    double sum = 0;
    for (int i = 0; i < TERMS; i++)
        sum += s->a[i] * t[i];
    return sum;
}

/* Solves the normal equations m a = r, which are positive definite, by elimination. False where they are not, in numbers. */
static bool solve(double m[TERMS][TERMS], double r[TERMS], surface *s)
{
    for (int k = 0; k < TERMS; k++) {
        if (!(m[k][k] > 1e-9))
            return false;
        for (int i = k + 1; i < TERMS; i++) {
            double f = m[i][k] / m[k][k];
            for (int j = k; j < TERMS; j++)
                m[i][j] -= f * m[k][j];
            r[i] -= f * r[k];
        }
    }
    for (int k = TERMS - 1; k >= 0; k--) {
        double sum = r[k];
        for (int j = k + 1; j < TERMS; j++)
            sum -= m[k][j] * s->a[j];
        s->a[k] = sum / m[k][k];
    }
    return true;
}

typedef struct fit {
    surface s;
    double within; /* what is farther from s is an outlier */
    data_shades off;
    double m[TERMS][TERMS], r[TERMS], low, high;
} fit;

static void add_equation(void *user, const tn_picture *p, int64_t x, int64_t y)
{
    fit *f = user;
    const int pixel = pixel_at(p, x, y);
    double t[TERMS];
    terms_at(p, x, y, t);
    if (fabs(pixel - height_at(&f->s, t)) > f->within)
        return;
    for (int i = 0; i < TERMS; i++) {
        for (int j = 0; j < TERMS; j++)
            f->m[i][j] += t[i] * t[j];
        f->r[i] += t[i] * pixel;
    }
}

static void measure(void *user, const tn_picture *p, int64_t x, int64_t y)
{
    fit *f = user;
    double t[TERMS];
    terms_at(p, x, y, t);
    double h = height_at(&f->s, t), off = fabs(pixel_at(p, x, y) - h);
    f->off.count[off > 255 ? 255 : (int)off]++;
    f->low = h < f->low ? h : f->low;
    f->high = h > f->high ? h : f->high;
}

/* Fits the light along the border. False where it is even, or where the border cannot tell. */
static bool light_of(const tn_picture *p, surface *s)
{
    int64_t shorter = p->width < p->height ? p->width : p->height;
    if (shorter < LEAST_SIDE)
        return false;
    band b = {shorter / 32, 1};
    b.step = 1 + 2 * b.width * (p->width + p->height) / SAMPLES;
    b.step += b.step % 2 == 0; /* rows are often a power of two long */
    fit f = {.within = INFINITY};
    for (int k = 0; k < FITS; k++) {
        memset(f.m, 0, sizeof f.m);
        memset(f.r, 0, sizeof f.r);
        walk(p, b, add_equation, &f);
        if (!solve(f.m, f.r, &f.s))
            return false;
        f.off = (data_shades){0};
        f.low = INFINITY, f.high = -INFINITY;
        walk(p, b, measure, &f);
        f.within = 3 + 3 * data_shade(&f.off, 0.5); /* about two standard deviations of noise */
    }
    *s = f.s;
    return f.high - f.low > LEAST_CHANGE;
}

/* The light along one row: a[0] + a[1] u + a[2] u u. */
typedef struct row_light {
    double a[3];
} row_light;

static row_light light_of_row(const tn_picture *p, const surface *s, int64_t y)
{
    const double v = 2 * (double)y / (double)(p->height - 1) - 1, *a = s->a;
    return (row_light){{a[0] + v * (a[2] + v * a[5]), a[1] + v * a[4], a[3]}};
}

/* A pixel less the light at its place, in [-255, 255]. */
static int from_light(const tn_picture *p, const row_light *r, int64_t x, int64_t y)
{
    const double u = 2 * (double)x / (double)(p->width - 1) - 1;
    int d = (int)lround(pixel_at(p, x, y) - (r->a[0] + u * (r->a[1] + u * r->a[2])));
    return d < -255 ? -255 : d > 255 ? 255 : d;
}

void data_digit_even_light(tn_picture *p)
{
    data_shades border = {0}, above = {0}, below = {0};
    data_shades_of_border(p, 1, &border);
    int ground = data_shade(&border, 0.5);
    surface s = {{ground}};
    bool even = !light_of(p, &s);
    for (int64_t y = 0; y < p->height; y++) {
        const row_light r = light_of_row(p, &s, y);
        for (int64_t x = 0; x < p->width; x++) {
            int d = even ? pixel_at(p, x, y) - ground : from_light(p, &r, x, y);
            above.count[d > 0 ? d : 0]++;
            below.count[d < 0 ? -d : 0]++;
        }
    }
    int up = data_shade(&above, 1 - 0.0005), down = data_shade(&below, 1 - 0.0005);
    bool dark = down == up ? ground > 127 : down > up;
    for (int64_t y = 0; y < p->height; y++) {
        const row_light r = light_of_row(p, &s, y);
        for (int64_t x = 0; x < p->width; x++) {
            uint8_t *v = &p->pixels[y * p->width + x];
            int d = even ? 0 : from_light(p, &r, x, y);
            d = dark ? -d : d;
            *v = even ? (uint8_t)(dark ? 255 - *v : *v) : (uint8_t)(d < 0 ? 0 : d);
        }
    }
}

/* ---- specks ---------------------------------------------------------------------------------------------------- */

/* Square cells of `side` pixels; each knows how many of its pixels are ink, negative while its piece was weighed once. */
typedef struct grid {
    int64_t side, width, height, pieces;
    int32_t *ink, *piece; /* the last piece that was weighed: its cells */
} grid;

static void count_ink(const tn_picture *p, grid *g)
{
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            g->ink[y / g->side * g->width + x / g->side] += p->pixels[y * p->width + x] > DATA_INK;
}

/* A cell of the piece: it changes its sign, so that it is not met twice. */
static int64_t take(grid *g, int64_t cell)
{
    g->piece[g->pieces++] = (int32_t)cell;
    g->ink[cell] = -g->ink[cell];
    return abs(g->ink[cell]);
}

/* The ink of the piece that a cell belongs to: all cells of its sign that touch each other. */
static int64_t weigh(grid *g, int64_t cell)
{
    bool positive = g->ink[cell] > 0;
    g->pieces = 0;
    int64_t sum = take(g, cell);
    for (int64_t next = 0; next < g->pieces; next++)
        for (int near = 0; near < 9; near++) {
            int64_t x = g->piece[next] % g->width + near % 3 - 1, y = g->piece[next] / g->width + near / 3 - 1;
            if (x < 0 || y < 0 || x >= g->width || y >= g->height)
                continue;
            int32_t ink = g->ink[y * g->width + x];
            if (positive ? ink > 0 : ink < 0)
                sum += take(g, y * g->width + x);
        }
    return sum;
}

/* Cells of small pieces have no ink afterwards. */
static void forget_specks(grid *g)
{
    int64_t most = 0, n = g->width * g->height;
    for (int64_t i = 0; i < n; i++) {
        int64_t ink = g->ink[i] > 0 ? weigh(g, i) : 0;
        most = ink > most ? ink : most;
    }
    for (int64_t i = 0; i < n; i++)
        if (g->ink[i] < 0 && weigh(g, i) < most / 100)
            for (int64_t k = 0; k < g->pieces; k++)
                g->ink[g->piece[k]] = 0;
}

tn_status data_digit_drop_specks(tn_picture *p, base_error *e)
{
    int64_t longer = p->width > p->height ? p->width : p->height, side = (longer + CELLS - 1) / CELLS;
    grid g = {.side = side, .width = (p->width + side - 1) / side, .height = (p->height + side - 1) / side};
    size_t n = (size_t)(g.width * g.height);
    g.ink = calloc(n, sizeof *g.ink);
    g.piece = calloc(n, sizeof *g.piece);
    bool made = g.ink && g.piece;
    if (made) {
        count_ink(p, &g);
        forget_specks(&g);
    }
    for (int64_t y = 0; made && y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            uint8_t *v = &p->pixels[y * p->width + x];
            *v = g.ink[y / side * g.width + x / side] == 0 && *v > DATA_INK ? 0 : *v;
        }
    free(g.ink);
    free(g.piece);
    return made ? TN_OK : base_no_memory(e, "looking for specks of a picture");
}
