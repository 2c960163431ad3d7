/* init.c: initialisers. Numbers are drawn from Philox under the seed, in a stream named by the tensor, so that a tensor's
 * values do not depend on what else the model has. Fans are PyTorch's: axis 0 counts outputs, axis 1 inputs, the rest is the
 * receptive field (torch.nn.init._calculate_fan_in_and_fan_out). */
#include "program/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"

static void fans(const tn_view *v, double *in, double *out)
{
    double field = 1;
    for (int i = 2; i < v->rank; i++)
        field *= (double)v->dims[i];
    double first = v->rank > 0 ? (double)v->dims[0] : 1, second = v->rank > 1 ? (double)v->dims[1] : 1;
    *in = v->rank > 1 ? second * field : first;
    *out = first * field;
}

typedef struct drawing {
    double low, high; /* uniform */
    double mean, std; /* normal */
    bool normal, cut;
} drawing;

/* sqrt(2 / (1 + slope^2)) / sqrt(fan_in): He et al. 2015, eq. 15. */
static double kaiming(const tn_init *init, double fan_in)
{
    return sqrt(2.0 / (1.0 + init->a * init->a)) / sqrt(fan_in > 0 ? fan_in : 1);
}

static double xavier(const tn_init *init, double fan_in, double fan_out)
{
    double sum = fan_in + fan_out;
    return (init->a == 0.0 ? 1.0 : init->a) * sqrt(2.0 / (sum > 0 ? sum : 1));
}

static drawing uniform_of(double std)
{
    return (drawing){.low = -sqrt(3.0) * std, .high = sqrt(3.0) * std};
}

static drawing normal_of(double std)
{
    return (drawing){.normal = true, .std = std};
}

static drawing plan_drawing(const tn_init *init, const tn_view *v)
{
    double in, out, bound;
    fans(v, &in, &out);
    switch (init->kind) {
    case TN_INIT_UNIFORM: return (drawing){.low = init->a, .high = init->b};
    case TN_INIT_NORMAL: return (drawing){.normal = true, .mean = init->a, .std = init->b};
    case TN_INIT_NORMAL_BUT_ROW: return normal_of(init->b);
    case TN_INIT_TRUNC_NORMAL: return (drawing){.normal = true, .cut = true, .mean = init->a, .std = init->b};
    case TN_INIT_KAIMING_UNIFORM: return uniform_of(kaiming(init, in));
    case TN_INIT_KAIMING_NORMAL: return normal_of(kaiming(init, in));
    case TN_INIT_XAVIER_UNIFORM: return uniform_of(xavier(init, in, out));
    case TN_INIT_XAVIER_NORMAL: return normal_of(xavier(init, in, out));
    case TN_INIT_FAN_UNIFORM:
        bound = init->a > 0 ? 1.0 / sqrt(init->a) : 0;
        return (drawing){.low = -bound, .high = bound};
    default: return (drawing){0};
    }
}

static double draw(const drawing *d, base_random *r)
{
    if (!d->normal)
        return d->low + (d->high - d->low) * base_random_f64(r);
    double x = base_random_normal(r);
    while (d->cut && fabs(x) > 2)
        x = base_random_normal(r);
    return d->mean + d->std * x;
}

/* Modified Gram-Schmidt, twice, on the rows of a [rows x columns] matrix with rows <= columns. */
static void orthonormal_rows(double *m, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) {
        double *row = m + i * columns, norm = 0;
        for (int64_t k = 0; k < 2 * i; k++) {
            const double *other = m + (k % i) * columns;
            double dot = 0;
            for (int64_t j = 0; j < columns; j++)
                dot += row[j] * other[j];
            for (int64_t j = 0; j < columns; j++)
                row[j] -= dot * other[j];
        }
        for (int64_t j = 0; j < columns; j++)
            norm += row[j] * row[j];
        norm = sqrt(norm);
        for (int64_t j = 0; j < columns && norm > 0; j++)
            row[j] /= norm;
    }
}

static tn_status orthogonal(const tn_init *init, const char *name, base_random *r, const tn_view *v, base_error *e)
{
    int64_t count = tn_view_count(v), rows = v->rank ? v->dims[0] : 1, columns = rows ? count / rows : 0;
    double gain = init->a == 0.0 ? 1.0 : init->a;
    if (v->rank < 2)
        return base_fail(e, TN_SHAPE, "the orthogonal initialiser of '%s' needs two axes or more", name);
    bool tall = rows > columns;
    int64_t n = tall ? columns : rows, m = tall ? rows : columns;
    double *q = calloc((size_t)count + 1, sizeof *q);
    if (!q)
        return base_no_memory(e, "initialising a tensor");
    for (int64_t i = 0; i < count; i++)
        q[i] = base_random_normal(r);
    orthonormal_rows(q, n, m);
    size_t size = tn_dtype_size(v->dtype);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            op_element_from_f64(v->dtype, gain * (tall ? q[j * m + i] : q[i * m + j]),
                                (char *)v->data + (size_t)(i * columns + j) * size);
    free(q);
    return TN_OK;
}

/* f32 by all threads; nothing that has to look at one number before the next. */
static void initialise_f32(tn_context *context, const tn_init *init, const char *name, uint64_t seed, const tn_view *v)
{
    const int64_t count = tn_view_count(v);
    if (init->kind == TN_INIT_ZEROS || init->kind == TN_INIT_CONSTANT) {
        backend_cpu.fill(context, init->kind == TN_INIT_ZEROS ? 0 : (float)init->a, v->data, count);
        return;
    }
    const drawing d = plan_drawing(init, v);
    backend_cpu.draw(context, base_philox_key(seed, 0), base_hash_text(name), d.normal, d.normal ? d.mean : d.low,
                     d.normal ? d.std : d.high - d.low, v->data, count);
}

/* Row init->a of the first axis, if there is one. */
static void clear_row(const tn_init *init, const tn_view *v)
{
    if (v->rank < 1 || v->dims[0] < 1 || !(init->a >= 0 && init->a < (double)v->dims[0]))
        return;
    size_t row = (size_t)(tn_view_count(v) / v->dims[0]) * tn_dtype_size(v->dtype);
    memset((char *)v->data + (size_t)init->a * row, 0, row);
}

static void initialise_slowly(const tn_init *init, base_random *r, const tn_view *v)
{
    const size_t size = tn_dtype_size(v->dtype);
    const int64_t count = tn_view_count(v);
    const drawing d = plan_drawing(init, v);
    for (int64_t i = 0; i < count; i++)
        op_element_from_f64(v->dtype, init->kind == TN_INIT_CONSTANT ? init->a : draw(&d, r),
                            (char *)v->data + (size_t)i * size);
}

tn_status program_initialise(tn_context *context, const tn_init *init, const char *name, uint64_t seed,
                             const tn_view *v, base_error *e)
{
    base_random r = base_random_new(base_philox_key(seed, 0), base_hash_text(name));
    if (init->kind < 0 || init->kind > TN_INIT_NORMAL_BUT_ROW)
        return base_fail(e, TN_INVALID, "the initialiser number %d of '%s' does not exist", (int)init->kind, name);
    if (v->dtype == TN_F32 && init->kind != TN_INIT_ORTHOGONAL && init->kind != TN_INIT_TRUNC_NORMAL) {
        initialise_f32(context, init, name, seed, v);
        if (init->kind == TN_INIT_NORMAL_BUT_ROW)
            clear_row(init, v);
        return TN_OK;
    }
    memset(v->data, 0, v->bytes);
    if (init->kind == TN_INIT_ZEROS)
        return TN_OK;
    if (init->kind == TN_INIT_ORTHOGONAL)
        return orthogonal(init, name, &r, v, e);
    initialise_slowly(init, &r, v);
    if (init->kind == TN_INIT_NORMAL_BUT_ROW)
        clear_row(init, v);
    return TN_OK;
}
