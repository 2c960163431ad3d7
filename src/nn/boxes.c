/* boxes.c: finding things in pictures: a head in which each place of a map proposes a box, without anchors, as in FCOS (Tian et al.
 * 2019) and YOLOX (Ge et al. 2021). */
#include <math.h>

#include "base/number.h"
#include "graph/graph.h"
#include "nn/parts.h"
#include <tarn/nn.h>

static tn_tensor *column(tn_tensor *x, int from, int to)
{
    return tn_slice(x, -1, from, to);
}

enum { COLUMNS = 5 }; /* of a place: shifts, sizes, whether there is a thing */

/* The middles of a map's places and the pixels from one to the next: [1, places, 3]. */
static tn_tensor *places_of(tn_graph *g, int64_t rows, int64_t columns, double step_y, double step_x)
{
    const tn_shape whole = TN_SHAPE(1, rows, columns, 1);
    tn_tensor *y = tn_mul_f(tn_add_f(tn_arange(g, TN_F32, 0, 1, rows), 0.5), step_y);
    tn_tensor *x = tn_mul_f(tn_add_f(tn_arange(g, TN_F32, 0, 1, columns), 0.5), step_x);
    tn_tensor *parts[] = {tn_expand(tn_reshape(x, TN_SHAPE(1, 1, columns, 1)), whole),
                          tn_expand(tn_reshape(y, TN_SHAPE(1, rows, 1, 1)), whole),
                          tn_full(g, TN_F32, whole, sqrt(step_y * step_x))};
    return tn_reshape(tn_concat(3, parts, -1), TN_SHAPE(1, rows * columns, 3));
}

static tn_tensor *proposals(tn_tensor *map, tn_tensor *input, const char *name, int64_t classes)
{
    /* A box begins as large as so many steps; a thing is seldom there: of 100 places at about 2. */
    static const double STEPS = 4, SELDOM = -4, WIDEST = 6;
    static const int64_t inwards[] = {0, 2, 3, 1};
    tn_graph *g = tn_tensor_graph(map);
    const tn_shape m = tn_tensor_shape(map), in = tn_tensor_shape(input);
    if (m.rank != 4 || in.rank != 4 || m.dims[2] < 1 || m.dims[3] < 1 || in.dims[2] < m.dims[2] ||
        in.dims[3] < m.dims[3]) {
        graph_fail(g, TN_SHAPE,
                   "layer '%s': boxes are proposed by maps [batch, channels, height, width] of a picture that is no "
                   "smaller, and both sizes are known",
                   name);
        return map;
    }
    const int64_t places = m.dims[2] * m.dims[3];
    tn_tensor *y = tn_permute(tn_layer_conv2d(map, name, COLUMNS + classes, 1, NULL), 4, inwards);
    y = tn_reshape(y, TN_SHAPE(m.dims[0], places, COLUMNS + classes));
    tn_tensor *at = places_of(g, m.dims[2], m.dims[3], (double)in.dims[2] / (double)m.dims[2],
                              (double)in.dims[3] / (double)m.dims[3]);
    tn_tensor *step = column(at, 2, 3);
    tn_tensor *middle = tn_add(tn_mul(column(y, 0, 2), step), column(at, 0, 2));
    tn_tensor *half = tn_mul(tn_exp(tn_clamp(column(y, 2, 4), -WIDEST, WIDEST)), tn_mul_f(step, STEPS / 2));
    tn_tensor *parts[] = {tn_sub(middle, half), tn_add(middle, half), tn_add_f(column(y, 4, 5), SELDOM),
                          tn_expand(at, TN_SHAPE(m.dims[0], places, 3)), column(y, COLUMNS, COLUMNS + (int)classes)};
    return tn_concat(5, parts, -1);
}

tn_tensor *tn_layer_boxes(int n, tn_tensor *const *maps, tn_tensor *input, const char *name, int64_t classes)
{
    enum { MOST = 16 };
    tn_tensor *each[MOST];
    tn_graph *g = tn_tensor_graph(input);
    char number[16];
    if (n < 1 || n > MOST || classes < 1 || classes > 1000000) {
        graph_fail(g, TN_INVALID, "layer '%s': boxes of %lld classes from %d maps; 1 to %d maps and a class are due",
                   name, (long long)classes, n, (int)MOST);
        return input;
    }
    if (n == 1)
        return proposals(maps[0], input, name, classes);
    tn_scope_push(g, name);
    for (int i = 0; i < n; i++) {
        (void)base_print(number, sizeof number, "%d", i);
        each[i] = proposals(maps[i], input, number, classes);
    }
    tn_scope_pop(g);
    return tn_concat(n, each, 1);
}
