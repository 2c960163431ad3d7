/* bodies.c: bodies x[N, C, D, H, W] as pictures. Channels come last on the way, as pictures have them, so that views do. */
#include "op/compose/compose.h"

tn_tensor *op_channels_last(tn_tensor *x)
{
    return tn_permute(x, 5, (const int64_t[]){0, 2, 3, 4, 1});
}

tn_tensor *op_as_pictures(tn_tensor *x)
{
    dim_table *t = tn_tensor_graph(x)->dims;
    tn_shape s = tn_tensor_shape(x);
    tn_shape flat = TN_SHAPE(dim_mul(t, s.dims[0], s.dims[1]), s.dims[2], s.dims[3], s.dims[4]);
    return tn_permute(tn_reshape(x, flat), 4, (const int64_t[]){0, 3, 1, 2});
}

tn_tensor *op_as_bodies(tn_tensor *y, tn_dim n, tn_dim depth)
{
    tn_shape s = tn_tensor_shape(y);
    return tn_reshape(tn_permute(y, 4, (const int64_t[]){0, 2, 3, 1}),
                      TN_SHAPE(n, depth, s.dims[2], s.dims[3], s.dims[1]));
}

tn_tensor *op_channels_second(tn_tensor *x)
{
    return tn_permute(x, 5, (const int64_t[]){0, 4, 1, 2, 3});
}
