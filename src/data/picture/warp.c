/* warp.c: see warp.h. As Pillow: a place outside of the picture is filled, inside the pixels at the edge are repeated for the
 * filter. */
#include "data/picture/warp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t cut(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static double cubic(double v1, double v2, double v3, double v4, double d)
{
    double p2 = v3 - v1, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

/* One value of channel c at (x, y), which lie inside. */
static double sample(const tn_picture *p, double x, double y, int c, picture_filter filter)
{
    const uint8_t *v = p->pixels + c;
    int64_t channels = p->channels;
    if (filter == PICTURE_NEAREST)
        return v[(cut((int64_t)floor(y), p->height) * p->width + cut((int64_t)floor(x), p->width)) * channels];
    double fx = floor(x - 0.5), fy = floor(y - 0.5), dx = x - 0.5 - fx, dy = y - 0.5 - fy;
    int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    int reach = filter == PICTURE_BICUBIC ? 1 : 0;
    double rows[4];
    for (int j = -reach; j <= 1 + reach; j++) {
        const uint8_t *row = v + cut(iy + j, p->height) * p->width * channels;
        double at[4];
        for (int i = -reach; i <= 1 + reach; i++)
            at[i + reach] = row[cut(ix + i, p->width) * channels];
        rows[j + reach] = reach ? cubic(at[0], at[1], at[2], at[3], dx) : at[0] + (at[1] - at[0]) * dx;
    }
    return reach ? cubic(rows[0], rows[1], rows[2], rows[3], dy) : rows[0] + (rows[1] - rows[0]) * dy;
}

static uint8_t rounded(double v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + 0.5);
}

static tn_picture *map_picture(const tn_picture *p, const double m[9], picture_filter filter, uint8_t fill,
                               base_error *e)
{
    tn_picture *q = data_picture_new(p->width, p->height, p->channels, e);
    uint8_t *to = q ? q->pixels : NULL;
    for (int64_t y = 0; q && y < q->height; y++)
        for (int64_t x = 0; x < q->width; x++, to += q->channels) {
            double cx = (double)x + 0.5, cy = (double)y + 0.5, d = m[6] * cx + m[7] * cy + m[8];
            double u = (m[0] * cx + m[1] * cy + m[2]) / d, v = (m[3] * cx + m[4] * cy + m[5]) / d;
            bool inside = u >= 0 && u < (double)p->width && v >= 0 && v < (double)p->height;
            for (int c = 0; c < q->channels; c++)
                to[c] = inside ? rounded(sample(p, u, v, c, filter)) : fill;
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

/* A Gauss over a field, borders mirrored, both ways. */
static void smooth(float *field, float *work, int64_t width, int64_t height, double sigma)
{
    int radius = (int)ceil(3 * sigma);
    double sum = 0;
    for (int k = -radius; k <= radius; k++)
        sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int pass = 0; pass < 2; pass++) {
        int64_t n = pass ? height : width, step = pass ? width : 1;
        memset(work, 0, sizeof *work * (size_t)(width * height));
        for (int k = -radius; k <= radius; k++) {
            float w = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
            for (int64_t y = 0; y < height; y++)
                for (int64_t x = 0; x < width; x++) {
                    int64_t at = pass ? y : x, from = at + k, period = n > 1 ? 2 * (n - 1) : 1;
                    from = ((from % period) + period) % period;
                    from = from < n ? from : period - from;
                    work[y * width + x] += w * field[y * width + x + (from - at) * step];
                }
        }
        memcpy(field, work, sizeof *work * (size_t)(width * height));
    }
}

static tn_picture *shift_picture(const tn_picture *p, const float *dx, const float *dy, picture_filter filter,
                                 uint8_t fill, base_error *e)
{
    tn_picture *q = data_picture_new(p->width, p->height, p->channels, e);
    uint8_t *to = q ? q->pixels : NULL;
    for (int64_t y = 0; q && y < q->height; y++)
        for (int64_t x = 0; x < q->width; x++, to += q->channels) {
            double u = (double)x + 0.5 + (double)dx[y * p->width + x];
            double v = (double)y + 0.5 + (double)dy[y * p->width + x];
            bool inside = u >= 0 && u < (double)p->width && v >= 0 && v < (double)p->height;
            for (int c = 0; c < q->channels; c++)
                to[c] = inside ? rounded(sample(p, u, v, c, filter)) : fill;
        }
    return q;
}

tn_status warp_elastic(picture_scene *s, double alpha, double sigma, picture_filter filter, double fill, base_random *r,
                       base_error *e)
{
    int64_t width = s->picture->width, height = s->picture->height;
    size_t n = (size_t)width * (size_t)height;
    float *field = calloc(3 * n, sizeof *field);
    if (!field)
        return base_no_memory(e, "bending a picture");
    for (size_t i = 0; i < 2 * n; i++)
        field[i] = (float)(alpha * (2 * base_random_f64(r) - 1));
    for (int k = 0; k < 2; k++)
        smooth(field + (size_t)k * n, field + 2 * n, width, height, sigma);
    tn_picture *mask = NULL;
    tn_status status = scene_set(s, shift_picture(s->picture, field, field + n, filter, (uint8_t)lrint(fill), e), e);
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
