/* coordinates.h: what gather_nd and scatter_nd share: index[..., k] names places in k axes of x, those behind the first `batch` ones,
 * which index has too: x[batch ..., sizes[k], rest ...]. A coordinate below 0 counts from the end of its axis. x is read as a table
 * of rows [places, rest]. */
#ifndef OP_COORDINATES_H
#define OP_COORDINATES_H

#include "op/internal.h"

/* k is a number, and x and index fit; `out` gets index's axes but the last, and the rest of x's. */
tn_status op_coordinates_check(const op_infer *c, int64_t batch, graph_type *out);
/* x as that table, and the rows that index names, i64 of one axis: -1 for a place that does not exist. */
tn_tensor *op_coordinate_table(tn_tensor *x, tn_tensor *index, int64_t batch);
tn_tensor *op_coordinate_rows(tn_tensor *x, tn_tensor *index, int64_t batch);
/* The row that place i of index names, or -1; how many numbers a row has. */
int64_t op_coordinate_at(const op_array *x, const op_array *index, int64_t batch, int64_t i);
int64_t op_coordinate_rest(const op_array *x, const op_array *index, int64_t batch);
/* The product of the sizes of axes from .. to - 1. */
tn_dim op_product(const tn_tensor *x, int from, int to);

#endif
