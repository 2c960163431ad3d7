/* cache.c: see cache.h. */
#include "nn/cache.h"

static tn_tensor *places(tn_tensor *cache)
{
    return tn_arange(tn_tensor_graph(cache), TN_I64, 0, 1, tn_dim_of(cache, 2));
}

tn_tensor *nn_cached(tn_tensor *at, tn_tensor *cache, tn_tensor *step)
{
    return tn_update_slice(cache, step, tn_cast(at, TN_I64), 2);
}

tn_tensor *nn_past(tn_tensor *at, tn_tensor *cache)
{
    return tn_le(places(cache), tn_cast(at, TN_I64));
}
