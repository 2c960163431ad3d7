/* resize.c: see resize.h. Coordinates and filters are PyTorch's (aten/src/ATen/native/UpSample.h describes them): the cubic filter
 * is that of Keys 1981 with a = -0.75, for antialias with a = -0.5. */
#include "op/scheme/resize.h"

#include <math.h>

enum { NEAREST, NEAREST_EXACT, LINEAR, CUBIC, AREA };
const char *const op_resize_modes[] = {"nearest", "nearest_exact", "linear", "cubic", "area", NULL};

tn_status op_resize_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *size = &c->arg[OP_RESIZE_SIZE];
    int64_t mode = op_int(c, OP_RESIZE_MODE);
    int axis = op_axis(c, OP_RESIZE_AXIS, x->rank);
    if (axis < 0)
        return c->error->status;
    if (size->n != 1 || size->list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one size, which must be given");
    if (size->list[0] == 0 || x->dims[axis] == 0)
        return op_fail(c, TN_SHAPE, "axis %d of size %lld cannot be brought to size %lld: both must be above 0", axis,
                       (long long)x->dims[axis], (long long)size->list[0]);
    if (op_int(c, OP_RESIZE_ALIGN) && mode != LINEAR && mode != CUBIC)
        return op_fail(c, TN_INVALID, "align_corners goes with linear and cubic, not with %s", op_resize_modes[mode]);
    if (op_int(c, OP_RESIZE_ANTIALIAS) && mode != LINEAR && mode != CUBIC)
        return op_fail(c, TN_INVALID, "antialias goes with linear and cubic, not with %s", op_resize_modes[mode]);
    op_like(c, 0, x);
    c->out[0].dims[axis] = size->list[0];
    return TN_OK;
}

/* ---- filters: the weight at a distance ------------------------------------------------------------------------------ */

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double filter(const op_resize_row *row, int64_t j)
{
    double x = ((double)j - row->place + 0.5) / row->width;
    return row->mode == CUBIC ? cubic(x, -0.5) : fabs(x) < 1 ? 1 - fabs(x) : 0;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

/* Elements of the argument for one of the result. */
static double step_of(const op_value *arg, int64_t in, int64_t out)
{
    if (arg[OP_RESIZE_ALIGN].i)
        return out > 1 ? (double)(in - 1) / (double)(out - 1) : 0;
    return arg[OP_RESIZE_SCALE].f > 0 ? 1 / arg[OP_RESIZE_SCALE].f : (double)in / (double)out;
}

static void limit(op_resize_row *row, int64_t first, int64_t end)
{
    row->first = first < 0 ? 0 : first < row->in ? first : row->in - 1;
    end = end < row->in ? end : row->in;
    row->n = end > row->first ? end - row->first : 1;
}

/* The filter is stretched over what is left out. */
static void smooth(op_resize_row *row, double step, int64_t i)
{
    row->width = step > 1 ? step : 1;
    double support = (row->mode == CUBIC ? 2 : 1) * row->width;
    row->place = step * ((double)i + 0.5);
    limit(row, (int64_t)(row->place - support + 0.5), (int64_t)(row->place + support + 0.5));
    for (int64_t j = row->first; j < row->first + row->n; j++)
        row->total += filter(row, j);
}

op_resize_row op_resize_row_of(const op_value *arg, int64_t in, int64_t out, int64_t i)
{
    op_resize_row row = {.mode = arg[OP_RESIZE_MODE].i, .in = in, .antialias = arg[OP_RESIZE_ANTIALIAS].i};
    bool align = arg[OP_RESIZE_ALIGN].i;
    double step = step_of(arg, in, out);
    if (row.antialias) {
        smooth(&row, step, i);
        return row;
    }
    if (row.mode == AREA) {
        limit(&row, (int64_t)((double)i * (double)in / (double)out),
              (int64_t)ceil((double)(i + 1) * (double)in / (double)out));
        return row;
    }
    if (row.mode == NEAREST || row.mode == NEAREST_EXACT) { /* in f32, as everywhere */
        float at = ((float)i + (row.mode == NEAREST ? 0.0F : 0.5F)) * (float)step;
        limit(&row, (int64_t)floorf(at), 0);
        return row;
    }
    double place = align ? step * (double)i : step * ((double)i + 0.5) - 0.5;
    place = row.mode == LINEAR && place < 0 ? 0 : place;
    row.at = (int64_t)floor(place);
    if (row.mode == LINEAR && row.at > in - 1)
        row.at = in - 1;
    row.place = place - (double)row.at;
    if (row.mode == CUBIC)
        limit(&row, row.at - 1, row.at + 3);
    else
        limit(&row, row.at, row.at + 2);
    return row;
}

/* Places beyond the edge are the edge's. */
static double cubic_weight(const op_resize_row *row, int64_t j)
{
    double w = 0;
    for (int64_t k = -1; k <= 2; k++) {
        int64_t at = row->at + k;
        at = at < 0 ? 0 : at < row->in ? at : row->in - 1;
        w += at == j ? cubic(row->place - (double)k, -0.75) : 0;
    }
    return w;
}

double op_resize_weight(const op_resize_row *row, int64_t j)
{
    if (row->antialias)
        return row->total != 0 ? filter(row, j) / row->total : 0;
    switch (row->mode) {
    case AREA: return 1 / (double)row->n;
    case LINEAR: return row->n == 1 ? 1 : j == row->at ? 1 - row->place : row->place;
    case CUBIC: return cubic_weight(row, j);
    default: return 1;
    }
}

/* ---- reference ------------------------------------------------------------------------------------------------------- */

void op_resize_ref(const op_ref *c, bool back)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t axis = c->arg[OP_RESIZE_AXIS].i, inner = 1, outer = 1;
    axis = axis < 0 ? axis + x->rank : axis;
    for (int k = 0; k < x->rank; k++)
        *(k < axis ? &outer : &inner) *= k == axis ? 1 : x->dims[k];
    int64_t in = back ? y->dims[axis] : x->dims[axis], out = back ? x->dims[axis] : y->dims[axis];
    for (int64_t i = 0; i < out; i++) {
        op_resize_row row = op_resize_row_of(c->arg, in, out, i);
        for (int64_t j = row.first; j < row.first + row.n; j++) {
            double w = op_resize_weight(&row, j);
            for (int64_t o = 0; o < outer * inner; o++) {
                int64_t small = (o / inner * in + j) * inner + o % inner,
                        large = (o / inner * out + i) * inner + o % inner;
                double v = w * x->f[back ? large : small];
                y->f[back ? small : large] += v;
                y->magnitude[back ? small : large] += fabs(v);
            }
        }
    }
}
