/* warp.c: see warp.h. As Pillow: a place outside of the picture is filled, inside the pixels at the edge are repeated for the
 * filter. */
#include "data/picture/warp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture/gauss.h"

static int64_t cut(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static double cubic(double v1, double v2, double v3, double v4, double d)
{
    double p2 = v3 - v1, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

static uint8_t rounded(double v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + 0.5);
}

static void fetch_bilinear(const tn_picture *p, double x, double y, uint8_t *to)
{
    int64_t channels = p->channels, ix = (int64_t)(x + 0.5) - 1,
            iy = (int64_t)(y + 0.5) - 1; /* x, y are not negative */
    float dx = (float)(x - 0.5 - (double)ix), dy = (float)(y - 0.5 - (double)iy);
    const uint8_t *top = p->pixels + cut(iy, p->height) * p->width * channels;
    const uint8_t *bottom = p->pixels + cut(iy + 1, p->height) * p->width * channels;
    int64_t left = cut(ix, p->width) * channels, right = cut(ix + 1, p->width) * channels;
    for (int64_t c = 0; c < channels; c++) {
        float a = top[left + c], b = bottom[left + c];
        a += ((float)top[right + c] - a) * dx;
        b += ((float)bottom[right + c] - b) * dx;
        to[c] = (uint8_t)(a + (b - a) * dy + 0.5f);
    }
}

static void fetch_bicubic(const tn_picture *p, double x, double y, uint8_t *to)
{
    int64_t channels = p->channels, ix = (int64_t)(x + 0.5) - 1, iy = (int64_t)(y + 0.5) - 1;
    double dx = x - 0.5 - (double)ix, dy = y - 0.5 - (double)iy;
    for (int64_t c = 0; c < channels; c++) {
        double rows[4];
        for (int j = -1; j <= 2; j++) {
            const uint8_t *row = p->pixels + cut(iy + j, p->height) * p->width * channels + c;
            double at[4];
            for (int i = -1; i <= 2; i++)
                at[i + 1] = row[cut(ix + i, p->width) * channels];
            rows[j + 1] = cubic(at[0], at[1], at[2], at[3], dx);
        }
        to[c] = rounded(cubic(rows[0], rows[1], rows[2], rows[3], dy));
    }
}

/* The pixel at (x, y), or `fill` outside of the picture. */
static inline void fetch(const tn_picture *p, double x, double y, picture_filter filter, uint8_t fill, uint8_t *to)
{
    if (!(x >= 0 && x < (double)p->width && y >= 0 && y < (double)p->height))
        memset(to, fill, (size_t)p->channels);
    else if (filter == PICTURE_BILINEAR)
        fetch_bilinear(p, x, y, to);
    else if (filter == PICTURE_BICUBIC)
        fetch_bicubic(p, x, y, to);
    else
        memcpy(to, p->pixels + ((int64_t)y * p->width + (int64_t)x) * p->channels, (size_t)p->channels);
}

/* The nearest pixels under an affine map, by steps of 1/65536 as Pillow takes them: a place on a border between two pixels is the
 * same one's. */
static void map_nearest(const tn_picture *p, const double m[9], uint8_t fill, tn_picture *q)
{
    enum { BITS = 16 };
    int64_t f[6];
    const double first[6] = {m[0], m[1], m[2] + (m[0] + m[1]) / 2, m[3], m[4], m[5] + (m[3] + m[4]) / 2};
    for (int i = 0; i < 6; i++)
        f[i] = (int64_t)floor(first[i] * (1 << BITS) + 0.5);
    uint8_t *to = q->pixels;
    const size_t channels = (size_t)p->channels;
    for (int64_t y = 0; y < q->height; y++)
        for (int64_t x = 0; x < q->width; x++, to += channels) {
            const int64_t u = (f[2] + f[1] * y + f[0] * x) >> BITS, v = (f[5] + f[4] * y + f[3] * x) >> BITS;
            if (u < 0 || v < 0 || u >= p->width || v >= p->height)
                memset(to, fill, channels);
            else
                memcpy(to, p->pixels + (size_t)(v * p->width + u) * channels, channels);
        }
}

/* Is every place of a map far from where whole numbers of 1/65536 end? */
static bool is_tame(const double m[9], const tn_picture *p)
{
    const double most = 1e6;
    for (int i = 0; i < 6; i++)
        if (!(fabs(m[i]) < most))
            return false;
    return p->width < 32768 && p->height < 32768;
}

static tn_picture *map_picture(const tn_picture *p, const double m[9], picture_filter filter, uint8_t fill,
                               base_error *e)
{
    tn_picture *q = data_picture_new(p->width, p->height, p->channels, e);
    uint8_t *to = q ? q->pixels : NULL;
    bool affine = m[6] == 0 && m[7] == 0 && m[8] == 1;
    if (q && affine && filter == PICTURE_NEAREST && is_tame(m, p)) {
        map_nearest(p, m, fill, q);
        return q;
    }
    for (int64_t y = 0; q && y < q->height; y++)
        for (int64_t x = 0; x < q->width; x++, to += q->channels) {
            double cx = (double)x + 0.5, cy = (double)y + 0.5, d = affine ? 1 : m[6] * cx + m[7] * cy + m[8];
            double u = m[0] * cx + m[1] * cy + m[2], v = m[3] * cx + m[4] * cy + m[5];
            fetch(p, affine ? u : u / d, affine ? v : v / d, filter, fill, to);
        }
    return q;
}

static bool invert(const double m[9], double out[9])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            out[3 * i + j] = m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c];
        }
    double det = m[0] * out[0] + m[1] * out[3] + m[2] * out[6];
    for (int i = 0; i < 9; i++)
        out[i] /= det;
    return isfinite(out[0]) && fabs(det) > 1e-12;
}

static tn_status move_boxes(picture_scene *s, const double inverse[9], base_error *e)
{
    double *area = malloc(sizeof *area * (size_t)(s->n_boxes + 1));
    if (!area)
        return base_no_memory(e, "moving boxes");
    for (int i = 0; i < s->n_boxes; i++) {
        picture_box *b = &s->boxes[i];
        float l = HUGE_VALF, t = HUGE_VALF, r = -HUGE_VALF, o = -HUGE_VALF;
        for (int k = 0; k < 4; k++) {
            double x = k & 1 ? b->right : b->left, y = k & 2 ? b->bottom : b->top;
            double d = inverse[6] * x + inverse[7] * y + inverse[8];
            double u = (inverse[0] * x + inverse[1] * y + inverse[2]) / d;
            double v = (inverse[3] * x + inverse[4] * y + inverse[5]) / d;
            l = fminf(l, (float)u);
            r = fmaxf(r, (float)u);
            t = fminf(t, (float)v);
            o = fmaxf(o, (float)v);
        }
        *b = (picture_box){b->of_class, l, t, r, o};
        area[i] = ((double)r - (double)l) * ((double)o - (double)t);
    }
    scene_clip_boxes(s, area);
    free(area);
    return TN_OK;
}

tn_status warp_map(picture_scene *s, const double m[9], picture_filter filter, double fill, base_error *e)
{
    double inverse[9];
    if (!invert(m, inverse))
        return TN_OK; /* all of the picture would become a line */
    BASE_TRY(scene_set(s, map_picture(s->picture, m, filter, (uint8_t)lrint(fill), e), e));
    if (s->n_boxes > 0)
        BASE_TRY(move_boxes(s, inverse, e));
    if (!s->mask)
        return TN_OK;
    tn_picture *mask = map_picture(s->mask, m, PICTURE_NEAREST, 255, e);
    if (!mask)
        return e && e->status ? e->status : TN_MEMORY;
    tn_picture_free(s->mask);
    s->mask = mask;
    return TN_OK;
}

/* The inverse of: shift to the middle, turn, shear, scale, shift back and by (dx, dy). */
void warp_affine_map(double width, double height, double degrees, double dx, double dy, double scale, double shear_x,
                     double shear_y, double m[9])
{
    const double unit = 3.14159265358979323846 / 180;
    double r = degrees * unit, sx = shear_x * unit, sy = shear_y * unit, cx = width / 2, cy = height / 2;
    /* rotation * shear, as PyTorch's torchvision defines them */
    double a = cos(r - sy) / cos(sy), b = -cos(r - sy) * tan(sx) / cos(sy) - sin(r);
    double c = sin(r - sy) / cos(sy), d = -sin(r - sy) * tan(sx) / cos(sy) + cos(r);
    double i[6] = {d / scale, -b / scale, 0, -c / scale, a / scale, 0};
    i[2] = i[0] * (-cx - dx) + i[1] * (-cy - dy) + cx;
    i[5] = i[3] * (-cx - dx) + i[4] * (-cy - dy) + cy;
    memcpy(m, i, sizeof i);
    m[6] = m[7] = 0;
    m[8] = 1;
}

/* Eight equations for m0 to m7, m8 being 1, by elimination with pivots. */
bool warp_corners(double from[4][2], double to[4][2], double m[9])
{
    double a[8][9] = {{0}};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++) {
            double *row = a[2 * i + j], x = from[i][0], y = from[i][1], t = to[i][j];
            row[3 * j] = x;
            row[3 * j + 1] = y;
            row[3 * j + 2] = 1;
            row[6] = -x * t;
            row[7] = -y * t;
            row[8] = t;
        }
    for (int k = 0; k < 8; k++) {
        int best = k;
        for (int i = k + 1; i < 8; i++)
            best = fabs(a[i][k]) > fabs(a[best][k]) ? i : best;
        if (fabs(a[best][k]) < 1e-12)
            return false;
        for (int j = 0; j < 9; j++) {
            double keep = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = keep;
        }
        for (int i = 0; i < 8; i++) {
            double f = i == k ? 0 : a[i][k] / a[k][k];
            for (int j = k; f != 0 && j < 9; j++)
                a[i][j] -= f * a[k][j];
        }
    }
    for (int k = 0; k < 8; k++)
        m[k] = a[k][8] / a[k][k];
    m[8] = 1;
    return true;
}

/* ---- elastic --------------------------------------------------------------------------------------------------- */

static tn_picture *shift_picture(const tn_picture *p, const float *dx, const float *dy, picture_filter filter,
                                 uint8_t fill, base_error *e)
{
    tn_picture *q = data_picture_new(p->width, p->height, p->channels, e);
    uint8_t *to = q ? q->pixels : NULL;
    for (int64_t y = 0; q && y < q->height; y++)
        for (int64_t x = 0; x < q->width; x++, to += q->channels) {
            double u = (double)x + 0.5 + (double)dx[y * p->width + x];
            double v = (double)y + 0.5 + (double)dy[y * p->width + x];
            fetch(p, u, v, filter, fill, to);
        }
    return q;
}

tn_status warp_elastic(picture_scene *s, double alpha, double sigma, picture_filter filter, double fill, base_random *r,
                       base_error *e)
{
    int64_t width = s->picture->width, height = s->picture->height;
    size_t n = (size_t)width * (size_t)height;
    float *field = calloc(2 * n, sizeof *field);
    if (!field)
        return base_no_memory(e, "bending a picture");
    for (size_t i = 0; i < 2 * n; i++)
        field[i] = (float)(alpha * (2 * base_random_f64(r) - 1));
    tn_picture *mask = NULL;
    tn_status status = TN_OK;
    for (int k = 0; status == TN_OK && k < 2; k++)
        status = gauss_smooth(field + (size_t)k * n, width, height, 1, (int)ceil(3 * sigma), sigma, e);
    if (status == TN_OK)
        status = scene_set(s, shift_picture(s->picture, field, field + n, filter, (uint8_t)lrint(fill), e), e);
    if (status == TN_OK && s->mask) {
        mask = shift_picture(s->mask, field, field + n, PICTURE_NEAREST, 255, e);
        status = mask ? TN_OK : e && e->status ? e->status : TN_MEMORY;
        if (mask) {
            tn_picture_free(s->mask);
            s->mask = mask;
        }
    }
    free(field);
    return status;
}
