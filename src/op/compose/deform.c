/* deform.c: convolution whose windows read x where a tensor says, between pixels, and weigh what they read (Dai et al. 2017; Zhu et al.
 * 2019). A picture is a table whose rows are the channels of a pixel, and what is read is a bag of four rows. */
#include "op/compose/compose.h"
#include "op/scheme/window.h"

typedef struct deform {
    tn_graph *g;
    tn_dtype dtype;       /* of coordinates */
    tn_dim n, h, w;       /* pictures, one for each group of offsets; their sizes */
    int64_t kernel[2];    /* of the window */
    tn_dim height, width; /* of the result */
    op_conv_numbers o;
} deform;

/* Where the windows' places lie without offsets, in one direction: [places, height, 1] or [places, 1, width]. */
static tn_tensor *plain(const deform *d, int direction)
{
    const op_conv_numbers *o = &d->o;
    int64_t k = d->kernel[direction], places = d->kernel[0] * d->kernel[1];
    tn_dim size = direction ? d->width : d->height;
    tn_tensor *place = tn_arange(d->g, d->dtype, 0, (double)o->dilation[direction], k);
    tn_tensor *window = tn_arange(d->g, d->dtype, -(double)o->padding[direction], (double)o->stride[direction], size);
    place = tn_reshape(place, direction ? TN_SHAPE(1, k, 1) : TN_SHAPE(k, 1, 1));
    tn_tensor *at = tn_expand(tn_add(place, window), TN_SHAPE(d->kernel[0], d->kernel[1], size));
    return tn_reshape(at, direction ? TN_SHAPE(places, 1, size) : TN_SHAPE(places, size, 1));
}

/* The two pixels beside a coordinate, their weights (0 for one that is not there) and indices. */
static void beside(const deform *d, tn_tensor *at, tn_dim open, tn_tensor *index[2], tn_tensor *weight[2])
{
    tn_tensor *zero = op_like_scalar(at, 0), *last = tn_sub_f(op_size_as(at, open, d->dtype), 1);
    tn_tensor *low = tn_floor(at), *part = tn_sub(at, low);
    for (int i = 0; i < 2; i++) {
        tn_tensor *place = tn_add_f(low, i), *share = i ? part : tn_add_f(tn_neg(part), 1);
        tn_tensor *there = tn_logical_and(tn_ge(place, zero), tn_le(place, last));
        weight[i] = tn_where(there, share, zero);
        index[i] = tn_cast(tn_minimum(tn_maximum(place, zero), last), TN_I64);
    }
}

/* Rows and weights of four pixels for each place: [pictures, places, height, width, 4]. */
static void read_where(const deform *d, tn_tensor *offset, tn_tensor **rows, tn_tensor **weights)
{
    tn_tensor *index[2][2], *weight[2][2], *row[4], *share[4];
    for (int k = 0; k < 2; k++) {
        tn_tensor *at = tn_add(plain(d, k), tn_squeeze(tn_slice(offset, 2, k, k + 1), 2));
        beside(d, at, k ? d->w : d->h, index[k], weight[k]);
    }
    tn_tensor *picture = tn_reshape(tn_arange(d->g, TN_I64, 0, 1, d->n), TN_SHAPE(d->n, 1, 1, 1));
    tn_tensor *first = tn_mul(picture, op_size_as(offset, d->h, TN_I64));
    for (int k = 0; k < 4; k++) {
        row[k] = tn_add(tn_mul(tn_add(first, index[0][k / 2]), op_size_as(offset, d->w, TN_I64)), index[1][k % 2]);
        share[k] = tn_mul(weight[0][k / 2], weight[1][k % 2]);
    }
    *rows = tn_stack(4, row, 4);
    *weights = tn_stack(4, share, 4);
}

/* What the windows read: [N, C * places, height * width], C slowest. */
static tn_tensor *columns(const deform *d, tn_tensor *x, tn_tensor *offset, tn_tensor *mask, int64_t groups)
{
    tn_shape s = tn_tensor_shape(x);
    int64_t places = d->kernel[0] * d->kernel[1], channels = s.dims[1] / groups;
    tn_dim windows = tn_dim_mul(d->g, d->height, d->width);
    tn_dim reads = tn_dim_mul(d->g, tn_dim_mul(d->g, d->n, places), windows), pixels = tn_dim_mul(d->g, d->h, d->w);
    tn_tensor *rows, *weights;
    offset = tn_reshape(op_cast_to(offset, d->dtype), TN_SHAPE(d->n, places, 2, d->height, d->width));
    read_where(d, offset, &rows, &weights);
    if (mask) /* what is read is linear in the weights */
        weights =
            tn_mul(weights, tn_reshape(op_cast_to(mask, d->dtype), TN_SHAPE(d->n, places, d->height, d->width, 1)));
    tn_tensor *table = tn_move_axis(tn_reshape(x, TN_SHAPE(d->n, channels, pixels)), 1, -1);
    tn_tensor *by = op_cast_to(tn_reshape(weights, TN_SHAPE(reads, 4)), x->type.dtype);
    tn_tensor *read = tn_embedding_bag(tn_reshape(table, TN_SHAPE(tn_dim_mul(d->g, d->n, pixels), channels)),
                                       tn_reshape(rows, TN_SHAPE(reads, 4)), NULL,
                                       TN_OPT(tn_bag_opt, .mode = TN_BAG_SUM, .weights = by));
    read = tn_reshape(read, TN_SHAPE(s.dims[0], groups, places, windows, channels));
    return tn_reshape(tn_permute(read, 5, (const int64_t[]){0, 1, 4, 2, 3}),
                      TN_SHAPE(s.dims[0], s.dims[1] * places, windows));
}

/* What is wrong, or NULL. */
static const char *wrong(const tn_tensor *x, const tn_tensor *offset, const tn_tensor *mask, const tn_tensor *w,
                         int64_t groups)
{
    if (x->type.rank != 4 || w->type.rank != 4 || offset->type.rank != 4 || (mask && mask->type.rank != 4))
        return "takes pictures [N, C, H, W], a weight, offsets and masks of four axes each";
    for (int i = 0; i < 4; i++)
        if (!dim_literal(w->type.dims[i]) || w->type.dims[i] < 1)
            return "the sizes of the weight must be numbers above 0";
    tn_dim channels = x->type.dims[1], rows = offset->type.dims[1], each = 2 * w->type.dims[2] * w->type.dims[3];
    if (!dim_literal(channels) || groups < 1 || channels != w->type.dims[1] * groups || w->type.dims[0] % groups)
        return "the channels of x, those of the weight and the groups do not fit";
    if (!dim_literal(rows) || rows < each || rows % each || channels % (rows / each))
        return "the offsets need 2 * kh * kw channels for each of their groups, into which the channels of x are "
               "divided";
    if (mask && mask->type.dims[1] * 2 != rows)
        return "the mask needs half as many channels as the offsets";
    return NULL;
}

/* The same of the options. */
static const char *unfit(const deform *d, const tn_tensor *x)
{
    const op_conv_numbers *o = &d->o;
    for (int k = 0; k < 2; k++) {
        if (o->stride[k] < 1 || o->dilation[k] < 1 || o->padding[k] < 0 || o->padding[k + 2] < 0)
            return "stride and dilation must be 1 or more, and the border not below 0";
        tn_dim size = x->type.dims[k + 2];
        if (dim_literal(size) && size + o->padding[k] + o->padding[k + 2] < o->dilation[k] * (d->kernel[k] - 1) + 1)
            return "the window does not fit into the picture, its border counted";
    }
    return NULL;
}

/* Offsets and masks have the batch and the size of the result. */
static bool same_places(const deform *d, tn_tensor *x, tn_tensor *t)
{
    dim_table *dims = d->g->dims;
    return !t || (dim_same(dims, t->type.dims[0], x->type.dims[0], "deform_conv2d") &&
                  dim_same(dims, t->type.dims[2], d->height, "deform_conv2d") &&
                  dim_same(dims, t->type.dims[3], d->width, "deform_conv2d"));
}

static tn_dim result_size(const deform *d, tn_dim size, int k)
{
    const op_conv_numbers *o = &d->o;
    int64_t reach = o->dilation[k] * (d->kernel[k] - 1) + 1;
    dim_table *t = d->g->dims;
    tn_dim padded = dim_add(t, size, o->padding[k] + o->padding[k + 2]);
    return dim_add(t, dim_div(t, dim_sub(t, padded, reach), o->stride[k]), 1);
}

tn_tensor *tn_deform_conv2d(tn_tensor *x, tn_tensor *offset, tn_tensor *mask, tn_tensor *w, tn_tensor *bias,
                            const tn_conv_opt *opt)
{
    if (op_unusable(x) || op_unusable(offset) || op_unusable(w) || (mask && op_unusable(mask)))
        return op_unusable(x) ? x : &x->graph->poison;
    const int64_t groups = opt && opt->groups ? opt->groups : 1;
    const char *why = wrong(x, offset, mask, w, groups);
    if (why)
        return OP_REFUSE(x, TN_SHAPE, "deform_conv2d of '%s': %s", tn_tensor_name(x), why);
    const tn_dim *k = &w->type.dims[2];
    deform d = {.g = x->graph, .dtype = x->type.dtype == TN_F64 ? TN_F64 : TN_F32, .kernel = {k[0], k[1]}};
    if (opt && opt->border != TN_CONV_ZEROS)
        return OP_REFUSE(x, TN_INVALID, "deform_conv2d of '%s': what is not there is 0, and no other border",
                         tn_tensor_name(x));
    x = op_conv_options(x, "deform_conv2d", 2, k, false, opt, &d.o);
    if (op_unusable(x))
        return x;
    why = unfit(&d, x);
    if (why)
        return OP_REFUSE(x, TN_SHAPE, "deform_conv2d of '%s': %s", tn_tensor_name(x), why);
    int64_t shares = offset->type.dims[1] / (2 * k[0] * k[1]);
    d.h = x->type.dims[2];
    d.w = x->type.dims[3];
    d.n = tn_dim_mul(d.g, x->type.dims[0], shares);
    d.height = result_size(&d, d.h, 0);
    d.width = result_size(&d, d.w, 1);
    if (!same_places(&d, x, offset) || !same_places(&d, x, mask))
        return OP_REFUSE(x, TN_SHAPE,
                         "deform_conv2d of '%s': offsets and mask need its batch and the size of the result",
                         tn_tensor_name(x));
    tn_shape s = tn_tensor_shape(x);
    tn_dim windows = tn_dim_mul(d.g, d.height, d.width);
    int64_t inputs = w->type.dims[1] * k[0] * k[1], outputs = w->type.dims[0];
    tn_tensor *read = tn_reshape(columns(&d, x, offset, mask, shares), TN_SHAPE(s.dims[0], groups, inputs, windows));
    tn_tensor *y = tn_matmul(tn_reshape(w, TN_SHAPE(1, groups, outputs / groups, inputs)), read);
    y = tn_reshape(y, TN_SHAPE(s.dims[0], outputs, d.height, d.width));
    return bias ? tn_add(y, tn_reshape(bias, TN_SHAPE(outputs, 1, 1))) : y;
}
