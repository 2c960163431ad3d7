/* recipe_layers.c: the layers of a recipe: their tables, their short forms, and the list as structs. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "train/recipe_tables.h"

/* ---- tables ---------------------------------------------------------------------------------------------------- */

#define NAME(S) FORMAT_STRING(S, name, NULL, "what its parameters are called; made from type and place if not given")

static const char *const weight_names[] = {"plain", "norm", "spectral", NULL};
#define WEIGHT(S)                                                                                                      \
    FORMAT_ENUM(S, weight, "plain", weight_names, "norm: a direction times a length; spectral: divided by its norm")
static const format_option linear_rows[] = {
    FORMAT_INT(train_linear, units, FORMAT_REQUIRED, "[1,1000000000]", "outputs"),
    FORMAT_BOOL(train_linear, bias, "true", "add a learned number to each output"),
    WEIGHT(train_linear),
    NAME(train_linear),
    {0},
};
#define CONV(n, window, border)                                                                                        \
    FORMAT_INT(train_conv, units, FORMAT_REQUIRED, "[1,1000000]", "channels that come out"),                           \
        FORMAT_INTS(train_conv, kernel, "3", "[1,65535]", 1, n, window),                                               \
        FORMAT_INTS(train_conv, stride, "1", "[1,65535]", 1, n, "pixels from one window to the next"),                 \
        FORMAT_INTS(train_conv, padding, "0", "[0,65535]", 1, n, border),                                              \
        FORMAT_INTS(train_conv, dilation, "1", "[1,65535]", 1, n, "pixels between neighbours in the window"),          \
        FORMAT_INT(train_conv, groups, "1", "[1,1000000]", "channels are cut into so many parts, each on its own"),    \
        FORMAT_BOOL(train_conv, bias, "true", "add a learned number to each channel"), WEIGHT(train_conv)
static const char *const border_names[] = {"zeros", "reflect", "replicate", "circular", NULL};
#define SAME                                                                                                           \
    FORMAT_BOOL(train_conv, same, "false", "as much padding as keeps the size; with stride 1"),                        \
        FORMAT_ENUM(train_conv, border, "zeros", border_names, "what padding is made of")
static const format_option conv1d_rows[] = {
    CONV(1, "length of the window", "elements at both ends"),
    SAME,
    NAME(train_conv),
    {0},
};
static const format_option conv2d_rows[] = {
    CONV(2, "height and width of the window", "rows and columns around the picture"),
    SAME,
    NAME(train_conv),
    {0},
};
static const format_option conv3d_rows[] = {
    CONV(3, "depth, height and width of the window", "elements around the body"),
    SAME,
    NAME(train_conv),
    {0},
};
static const format_option conv_transpose_rows[] = {
    CONV(3, "the window's size in each direction", "so much is cut off at every side"),
    FORMAT_INTS(train_conv, output_padding, "0", "[0,65535]", 1, 3, "so much longer at the far sides"),
    NAME(train_conv),
    {0},
};
static const char *const resize_names[] = {"nearest", "nearest_exact", "linear", "cubic", "area", NULL};
static const format_option upsample_rows[] = {
    FORMAT_FLOATS(train_resize, scale, NULL, "(0,65535]", 1, 3, "how much larger, in each direction"),
    FORMAT_INTS(train_resize, size, NULL, "[1,65535]", 1, 3, "the new size, in place of scale"),
    FORMAT_ENUM(train_resize, mode, "nearest", resize_names, "linear is bilinear for pictures, cubic bicubic"),
    FORMAT_BOOL(train_resize, align_corners, "false", "linear, cubic: first and last pixels stay where they are"),
    FORMAT_BOOL(train_resize, antialias, "false", "linear, cubic: smooth what is left out"),
    NAME(train_resize),
    {0},
};
static const format_option adaptive_rows[] = {
    FORMAT_INTS(train_resize, size, "1", "[1,65535]", 1, 3, "the new size, in each direction"),
    NAME(train_resize),
    {0},
};
static const format_option shuffle_rows[] = {
    FORMAT_INT(train_resize, factor, FORMAT_REQUIRED, "[1,1024]", "how much larger"),
    NAME(train_resize),
    {0},
};
static const format_option concat_rows[] = {
    FORMAT_STRINGS(train_join, with, FORMAT_REQUIRED, 1, 64, "names of layers before; input is the model's"),
    FORMAT_INT(train_join, axis, "1", "[-8,7]", "the axis along which they are put; 1 are the channels"),
    NAME(train_join),
    {0},
};
static const format_option add_rows[] = {
    FORMAT_STRINGS(train_join, with, FORMAT_REQUIRED, 1, 64, "names of layers before; input is the model's"),
    NAME(train_join),
    {0},
};
#define POOL(n, window)                                                                                                \
    FORMAT_INTS(train_pool, kernel, FORMAT_REQUIRED, "[1,65535]", 1, n, window),                                       \
        FORMAT_INTS(train_pool, stride, NULL, "[1,65535]", 1, n,                                                       \
                    "pixels from one window to the next; as the window if not given"),                                 \
        FORMAT_INTS(train_pool, padding, "0", "[0,65535]", 1, n, "rows and columns added around the picture"),         \
        FORMAT_BOOL(train_pool, ceil, "false", "sizes are rounded up, so that no pixel is left out")
#define EXCLUDE FORMAT_BOOL(train_pool, exclude_padding, "false", "what is added around does not count in the mean")
#define LENGTH "length of the window"
#define AREA "height and width of the window"
#define VOLUME "depth, height and width of the window"
static const format_option max_pool1d_rows[] = {POOL(1, LENGTH), NAME(train_pool), {0}};
static const format_option max_pool_rows[] = {POOL(2, AREA), NAME(train_pool), {0}};
static const format_option max_pool3d_rows[] = {POOL(3, VOLUME), NAME(train_pool), {0}};
static const format_option avg_pool1d_rows[] = {POOL(1, LENGTH), EXCLUDE, NAME(train_pool), {0}};
static const format_option avg_pool_rows[] = {POOL(2, AREA), EXCLUDE, NAME(train_pool), {0}};
static const format_option avg_pool3d_rows[] = {POOL(3, VOLUME), EXCLUDE, NAME(train_pool), {0}};
static const format_option batch_norm_rows[] = {
    FORMAT_FLOAT(train_batch_norm, eps, "1e-5", "(0,)", "added to the variance"),
    FORMAT_FLOAT(train_batch_norm, momentum, "0.1", "[0,1]", "how fast the running statistics follow the batch"),
    FORMAT_BOOL(train_batch_norm, affine, "true", "learn a scale and a shift for each channel"),
    FORMAT_BOOL(train_batch_norm, cumulative, "false", "the running statistics are the means of all batches"),
    NAME(train_batch_norm),
    {0},
};
static const format_option response_rows[] = {
    FORMAT_INT(train_response, size, "5", "[1,65535]", "channels around each that count"),
    FORMAT_FLOAT(train_response, alpha, "1e-4", NULL, "weight of their mean square"),
    FORMAT_FLOAT(train_response, beta, "0.75", NULL, "the power that x is divided by"),
    FORMAT_FLOAT(train_response, k, "1", NULL, "added to it before"),
    NAME(train_response),
    {0},
};
static const format_option layer_norm_rows[] = {
    FORMAT_INT(train_norm, axes, "1", "[1,7]", "so many last axes are normalised together"),
    FORMAT_FLOAT(train_norm, eps, "1e-5", "(0,)", "added to the variance"),
    FORMAT_BOOL(train_norm, affine, "true", "learn a scale and a shift"),
    NAME(train_norm),
    {0},
};
static const format_option rms_norm_rows[] = {
    FORMAT_INT(train_norm, axes, "1", "[1,7]", "so many last axes are normalised together"),
    FORMAT_FLOAT(train_norm, eps, "1.1920929e-7", "(0,)", "added to the mean square"),
    FORMAT_BOOL(train_norm, affine, "true", "learn a scale"),
    NAME(train_norm),
    {0},
};
static const format_option group_norm_rows[] = {
    FORMAT_INT(train_norm, groups, FORMAT_REQUIRED, "[1,1000000]", "channels are cut into so many parts"),
    FORMAT_FLOAT(train_norm, eps, "1e-5", "(0,)", "added to the variance"),
    FORMAT_BOOL(train_norm, affine, "true", "learn a scale and a shift for each channel"),
    NAME(train_norm),
    {0},
};
static const format_option instance_norm_rows[] = {
    FORMAT_FLOAT(train_norm, eps, "1e-5", "(0,)", "added to the variance"),
    FORMAT_BOOL(train_norm, affine, "false", "learn a scale and a shift for each channel"),
    NAME(train_norm),
    {0},
};
#define RECURRENT                                                                                                      \
    FORMAT_INT(train_recurrent, units, FORMAT_REQUIRED, "[1,1000000]", "size of the state"),                           \
        FORMAT_INT(train_recurrent, layers, "1", "[1,64]", "one on top of the other"),                                 \
        FORMAT_BOOL(train_recurrent, bidirectional, "false", "a second one from the last step to the first"),          \
        FORMAT_FLOAT(train_recurrent, dropout, "0", "[0,1)", "between layers"),                                        \
        FORMAT_BOOL(train_recurrent, steps, "false", "give every step's output, not the last state alone")
static const format_option recurrent_rows[] = {RECURRENT, NAME(train_recurrent), {0}};
static const format_option lstm_rows[] = {
    RECURRENT,
    FORMAT_INT(train_recurrent, projection, "0", "[0,1000000]",
               "so many features, fewer than units, are made of the state and go on; 0: the state itself"),
    NAME(train_recurrent),
    {0},
};
static const format_option mixture_rows[] = {
    FORMAT_INT(train_mixture, experts, "8", "[1,1024]", "how many there are"),
    FORMAT_INT(train_mixture, top, "1", "[1,1024]", "so many of them see each step"),
    FORMAT_INT(train_mixture, hidden, "0", "[0,1000000]", "width of an expert's hidden layer; 0: 4 times the features"),
    FORMAT_FLOAT(train_mixture, capacity, "1.25", "(0,1000000]",
                 "each has room for so many times its even share; a step without room passes as it is"),
    FORMAT_BOOL(train_mixture, normalize, "false", "the weights of a step's experts add up to 1"),
    FORMAT_FLOAT(train_mixture, balance, "0.01", "[0,)",
                 "weight in the loss of what is 1 when all experts get as much, and more when they do not"),
    NAME(train_mixture),
    {0},
};
#define TRANSFORMER_ROWS                                                                                               \
    FORMAT_INT(train_encoder, heads, FORMAT_REQUIRED, "[1,4096]", "heads of the attention; they divide the features"), \
        FORMAT_INT(train_encoder, layers, "1", "[1,1000]", "one on top of the other"),                                 \
        FORMAT_INT(train_encoder, feed_forward, "2048", "[1,1000000]", "width of the hidden layer"),                   \
        FORMAT_FLOAT(train_encoder, dropout, "0.1", "[0,1)", "behind attention, its weights, and both linear layers"), \
        FORMAT_BOOL(train_encoder, norm_first, "false", "norms stand before attention and linear layers, not behind"), \
        FORMAT_BOOL(train_encoder, recompute, "false", "each layer is a block as the layer recompute makes"),          \
        FORMAT_INT(train_encoder, padding, "-1", "[-1,1000000000]",                                                    \
                   "the token of the model's input that is not looked at; -1: all are"),                               \
        NAME(train_encoder)
static const format_option encoder_rows[] = {
    TRANSFORMER_ROWS,
    FORMAT_BOOL(train_encoder, causal, "false", "a step sees itself and what was before it only"),
    {0},
};
static const format_option decoder_rows[] = {
    FORMAT_INT(train_encoder, rows, FORMAT_REQUIRED, "[1,1000000000]", "tokens that there are to say, from 0 on"),
    TRANSFORMER_ROWS,
    {0},
};
#define EDGE_ROWS                                                                                                      \
    FORMAT_INT(train_edges, units, FORMAT_REQUIRED, "[1,1000000]", "features that each node gets"),                    \
        FORMAT_BOOL(train_edges, bias, "true", "a learned number is added to each feature"), NAME(train_edges)
static const format_option gcn_rows[] = {
    EDGE_ROWS,
    FORMAT_BOOL(train_edges, self_loops, "true", "each node counts as its own neighbour"),
    {0},
};
static const format_option sage_rows[] = {EDGE_ROWS, {0}};
static const format_option gat_rows[] = {
    EDGE_ROWS,
    FORMAT_INT(train_edges, heads, "1", "[1,1024]", "ways to attend, each with so many units"),
    FORMAT_BOOL(train_edges, mean_heads, "false", "the heads' mean, not one beside the other"),
    FORMAT_FLOAT(train_edges, dropout, "0", "[0,1)", "of what edges count"),
    FORMAT_BOOL(train_edges, self_loops, "true", "each node counts as its own neighbour"),
    {0},
};

static const format_option codes_rows[] = {
    FORMAT_INT(train_embedding, units, FORMAT_REQUIRED, "[1,1000000]", "features of each"),
    NAME(train_embedding),
    {0},
};
static const format_option embedding_rows[] = {
    FORMAT_INT(train_embedding, rows, FORMAT_REQUIRED, "[1,1000000000]", "how many numbers there are, from 0 on"),
    FORMAT_INT(train_embedding, units, FORMAT_REQUIRED, "[1,1000000]", "features of each"),
    NAME(train_embedding),
    {0},
};
static const format_option dropout_rows[] = {
    FORMAT_FLOAT(train_dropout, rate, "0.5", "[0,1)", "the part of the values that is set to zero in training"),
    NAME(train_dropout),
    {0},
};
static const char *const mel_logs[] = {"ln", "decibel", NULL};
static const format_option log_mel_rows[] = {
    FORMAT_FLOAT(train_mel, rate, "16000", "(0,)", "samples a second"),
    FORMAT_INT(train_mel, n_fft, "400", "[1,1048576]", "samples of a frame"),
    FORMAT_INT(train_mel, window_length, NULL, "[1,1048576]", "of Hann's window; as the frame if not given"),
    FORMAT_INT(train_mel, hop, NULL, "[1,1048576]", "from one frame to the next; half the window if not given"),
    FORMAT_INT(train_mel, mels, "80", "[1,65536]", "triangular filters"),
    FORMAT_FLOAT(train_mel, low, "0", "[0,)", "Hz, where the first filter begins"),
    FORMAT_FLOAT(train_mel, high, NULL, "(0,)", "Hz, where the last filter ends; half the rate if not given"),
    FORMAT_BOOL(train_mel, slaney, "false", "Slaney's scale, linear up to 1000 Hz, in place of HTK's"),
    FORMAT_BOOL(train_mel, slaney_norm, "false", "filters of area 1 in place of height 1"),
    FORMAT_ENUM(train_mel, log, "ln", mel_logs, "decibel: at most 80 below the largest"),
    FORMAT_INT(train_mel, coefficients, NULL, "[1,8192]",
               "so many of the cosine transform (MFCC) in place of the logarithms"),
    NAME(train_mel),
    {0},
};
static const format_option spec_augment_rows[] = {
    FORMAT_INT(train_spec_augment, masks, "2", "[0,64]", "stripes of bands, and as many of frames"),
    FORMAT_FLOAT(train_spec_augment, bands, "8", "[0,)", "the most bands that one takes out"),
    FORMAT_FLOAT(train_spec_augment, frames, "16", "[0,)", "the most frames that one takes out"),
    NAME(train_spec_augment),
    {0},
};
static const format_option boxes_rows[] = {
    FORMAT_STRINGS(train_boxes, from, NULL, 1, 16,
                   "names of layers that give maps of several sizes, finest first; the layer before if not given"),
    FORMAT_INT(train_boxes, classes, "0", "[0,1000000]", "kinds of things; 0: as many as the data have"),
    NAME(train_boxes),
    {0},
};
static const format_option flatten_rows[] = {
    FORMAT_INT(train_flatten, from, "1", "[0,7]", "the first axis that is flattened; 0 is the batch"),
    NAME(train_flatten),
    {0},
};
static const format_option reshape_rows[] = {
    FORMAT_INTS(train_reshape, shape, FORMAT_REQUIRED, "[-1,1000000000]", 1, 7,
                "the new shape of one sample; one axis may be -1"),
    NAME(train_reshape),
    {0},
};
static const format_option recompute_rows[] = {
    FORMAT_INT(train_recompute, layers, FORMAT_REQUIRED, "[1,1000000]", "so many layers behind this one"),
    NAME(train_recompute),
    {0},
};
static const format_option gelu_rows[] = {
    FORMAT_BOOL(train_gelu, tanh, "false", "the approximation by tanh"),
    NAME(train_gelu),
    {0},
};
static const format_option elu_rows[] = {
    FORMAT_FLOAT(train_activation, alpha, "1", "(0,)", "minus the value far to the left"),
    NAME(train_activation),
    {0},
};
static const format_option leaky_relu_rows[] = {
    FORMAT_FLOAT(train_activation, slope, "0.01", "[0,1]", "slope left of zero"),
    NAME(train_activation),
    {0},
};
static const format_option softmax_rows[] = {
    FORMAT_INT(train_activation, axis, "-1", "[-8,7]", "the axis whose values come to add up to 1"),
    NAME(train_activation),
    {0},
};
static const format_option prelu_rows[] = {
    FORMAT_BOOL(train_prelu, channels, "false", "a slope for each channel, not one for all"),
    FORMAT_FLOAT(train_prelu, slope, "0.25", "[-1,1]", "the slope left of zero to begin with"),
    NAME(train_prelu),
    {0},
};
static const format_option shrink_rows[] = {
    FORMAT_FLOAT(train_activation, lambda, "0.5", "[0,)", "values this close to zero become zero"),
    NAME(train_activation),
    {0},
};
static const format_option hardtanh_rows[] = {
    FORMAT_FLOAT(train_activation, min, "-1", NULL, "the smallest value"),
    FORMAT_FLOAT(train_activation, max, "1", NULL, "the largest value"),
    NAME(train_activation),
    {0},
};
static const format_option rrelu_rows[] = {
    FORMAT_FLOAT(train_activation, lower, "0.125", NULL, "the smallest slope left of zero that is drawn"),
    FORMAT_FLOAT(train_activation, upper, "0.3333333333333333", NULL, "the largest one; evaluation takes their mean"),
    NAME(train_activation),
    {0},
};
static const format_option threshold_rows[] = {
    FORMAT_FLOAT(train_activation, threshold, "0", NULL, "values above it stay"),
    FORMAT_FLOAT(train_activation, value, "0", NULL, "what the others become"),
    NAME(train_activation),
    {0},
};
static const format_option gated_rows[] = {
    FORMAT_INT(train_activation, axis, "-1", "[-8,7]",
               "the axis that is cut into halves; for pictures 1, the channels"),
    NAME(train_activation),
    {0},
};
static const format_option plain_rows[] = {NAME(train_activation), {0}};

#define TABLE(layer, rows, brief_, doc_)                                                                               \
    [TRAIN_LAYER_##layer] = {.name = #layer, .doc = doc_, .options = rows, .brief = brief_}
static const format_table tables[TRAIN_LAYER_END] = {
    TABLE(linear, linear_rows, "units", "y = x W' + b: every output sees every input"),
    TABLE(conv2d, conv2d_rows, "units", "the same small window of weights over the whole picture"),
    TABLE(conv1d, conv1d_rows, "units", "the same short window of weights along [channels, length]"),
    TABLE(conv3d, conv3d_rows, "units", "the same small window of weights through [channels, depth, height, width]"),
    TABLE(conv_transpose, conv_transpose_rows, "units",
          "each pixel puts a window of weights into a larger picture; also for lines and bodies"),
    TABLE(max_pool2d, max_pool_rows, "kernel", "the largest value of each window"),
    TABLE(avg_pool2d, avg_pool_rows, "kernel", "the mean of each window"),
    TABLE(max_pool1d, max_pool1d_rows, "kernel", "the largest value of each window along [channels, length]"),
    TABLE(avg_pool1d, avg_pool1d_rows, "kernel", "the mean of each window along [channels, length]"),
    TABLE(max_pool3d, max_pool3d_rows, "kernel",
          "the largest value of each window of [channels, depth, height, width]"),
    TABLE(avg_pool3d, avg_pool3d_rows, "kernel", "the mean of each window of [channels, depth, height, width]"),
    TABLE(global_avg_pool, plain_rows, NULL, "the mean of each channel over the whole picture"),
    TABLE(adaptive_avg_pool, adaptive_rows, "size", "the mean of what each pixel of the new size covers"),
    TABLE(adaptive_max_pool, adaptive_rows, "size", "the largest of what each pixel of the new size covers"),
    TABLE(upsample, upsample_rows, "scale", "another size by interpolation"),
    TABLE(pixel_shuffle, shuffle_rows, "factor", "factor x factor channels become pixels of a larger picture"),
    TABLE(concat, concat_rows, "with", "what other layers gave, put behind x"),
    TABLE(add, add_rows, "with", "what other layers gave, added to x"),
    TABLE(batch_norm1d, batch_norm_rows, NULL, "features brought to zero mean and unit variance over the batch"),
    TABLE(batch_norm2d, batch_norm_rows, NULL, "channels brought to zero mean and unit variance over the batch"),
    TABLE(batch_norm3d, batch_norm_rows, NULL, "channels brought to zero mean and unit variance over the batch"),
    TABLE(local_response_norm, response_rows, "size", "each pixel divided by what the channels around have there"),
    TABLE(layer_norm, layer_norm_rows, "axes", "the last axes of each sample brought to zero mean and unit variance"),
    TABLE(rms_norm, rms_norm_rows, "axes", "the last axes of each sample divided by the root of their mean square"),
    TABLE(group_norm, group_norm_rows, "groups",
          "groups of channels of each sample brought to zero mean, unit variance"),
    TABLE(instance_norm, instance_norm_rows, NULL,
          "each channel of each sample brought to zero mean and unit variance"),
    TABLE(rnn, recurrent_rows, "units", "over the steps of [steps, features]: h = tanh(x W' + h U' + b)"),
    TABLE(lstm, lstm_rows, "units", "over the steps of [steps, features]: a long short-term memory"),
    TABLE(gru, recurrent_rows, "units", "over the steps of [steps, features]: gated recurrent units"),
    TABLE(transformer_encoder, encoder_rows, "heads",
          "attention between the steps of [steps, features], and linear layers"),
    TABLE(
        transformer_decoder, decoder_rows, NULL,
        "what was said so far (data of the kind pairs), embedded with sinusoids, and attention to the steps of [steps, "
        "features] before: [said, features]"),
    TABLE(mixture_of_experts, mixture_rows, "experts",
          "each step of [steps, features], or sample of [features], through the few of many small nets that a router "
          "picks"),
    TABLE(log_mel, log_mel_rows, "mels",
          "the logarithm of a mel spectrogram of a signal [..., length]: [..., mels, frames]"),
    TABLE(spec_augment, spec_augment_rows, NULL,
          "in training, stripes of bands and frames of a spectrogram taken out by chance"),
    TABLE(gcn, gcn_rows, "units",
          "the weighed mean of a node's neighbours, through a linear layer (data of the kind graph)"),
    TABLE(sage, sage_rows, "units", "the mean of a node's neighbours and the node itself, each through a linear layer"),
    TABLE(gat, gat_rows, "units", "a node's neighbours as attention weighs them, through a linear layer"),
    TABLE(embed_codes, codes_rows, "units",
          "columns of a table that are codes become learned rows of numbers; the others stay as they are"),
    TABLE(embedding, embedding_rows, NULL, "a learned row of numbers for each whole number"),
    TABLE(positions, plain_rows, NULL, "sines and cosines of its place added to each step of [steps, features]"),
    TABLE(mean_steps, plain_rows, NULL, "the mean over the steps of [steps, features]"),
    TABLE(dropout, dropout_rows, "rate", "some values are dropped by chance in training, the rest scaled up"),
    TABLE(dropout_channels, dropout_rows, "rate", "whole channels are dropped by chance in training"),
    TABLE(drop_path, dropout_rows, "rate",
          "whole samples are dropped by chance in training: before add, a path is left out"),
    TABLE(alpha_dropout, dropout_rows, "rate", "dropout that keeps mean and variance of what selu gives"),
    TABLE(flatten, flatten_rows, "from", "all axes from one on become one"),
    TABLE(pixels, plain_rows, NULL,
          "channels of [channels, height, width] become scores of classes for each pixel: the last layer for masks"),
    TABLE(
        boxes, boxes_rows, "from",
        "each place of a map [channels, height, width] proposes a box: the last layer for boxes, with the loss boxes"),
    TABLE(reshape, reshape_rows, "shape", "another shape for the same values"),
    TABLE(relu, plain_rows, NULL, "max(x, 0)"),
    TABLE(leaky_relu, leaky_relu_rows, "slope", "x right of zero, slope x left of it"),
    TABLE(elu, elu_rows, "alpha", "x right of zero, alpha (exp(x) - 1) left of it"),
    TABLE(gelu, gelu_rows, NULL, "x times the normal distribution's share below x"),
    TABLE(silu, plain_rows, NULL, "x sigmoid(x)"),
    TABLE(sigmoid, plain_rows, NULL, "1 / (1 + exp(-x))"),
    TABLE(tanh, plain_rows, NULL, "the hyperbolic tangent"),
    TABLE(softplus, plain_rows, NULL, "log(1 + exp(x))"),
    TABLE(relu6, plain_rows, NULL, "min(max(x, 0), 6)"),
    TABLE(prelu, prelu_rows, "channels", "x right of zero, a learned slope times x left of it"),
    TABLE(selu, plain_rows, NULL, "an elu that keeps mean 0 and variance 1"),
    TABLE(celu, elu_rows, "alpha", "x right of zero, alpha (exp(x / alpha) - 1) left of it"),
    TABLE(mish, plain_rows, NULL, "x tanh(log(1 + exp(x)))"),
    TABLE(hardswish, plain_rows, NULL, "x min(max(x + 3, 0), 6) / 6"),
    TABLE(hardsigmoid, plain_rows, NULL, "min(max(x + 3, 0), 6) / 6"),
    TABLE(hardtanh, hardtanh_rows, NULL, "x kept between two numbers"),
    TABLE(rrelu, rrelu_rows, NULL, "x, and x times a slope that is drawn for each element left of zero"),
    TABLE(softsign, plain_rows, NULL, "x / (1 + |x|)"),
    TABLE(log_sigmoid, plain_rows, NULL, "the logarithm of sigmoid"),
    TABLE(softshrink, shrink_rows, "lambda", "x moved towards zero, and zero near it"),
    TABLE(hardshrink, shrink_rows, "lambda", "x, and zero near zero"),
    TABLE(tanhshrink, plain_rows, NULL, "x - tanh(x)"),
    TABLE(threshold, threshold_rows, "threshold", "x above a number, another value in its place below"),
    TABLE(glu, gated_rows, "axis", "a sigmoid(b), a and b being halves of x"),
    TABLE(swiglu, gated_rows, "axis", "a silu(b), a and b being halves of x"),
    TABLE(geglu, gated_rows, "axis", "a gelu(b), a and b being halves of x"),
    TABLE(softmax, softmax_rows, "axis", "exp(x), scaled to add up to 1"),
    TABLE(log_softmax, softmax_rows, "axis", "the logarithm of softmax"),
    TABLE(recompute, recompute_rows, "layers",
          "the next layers are a block whose inner values are computed again for gradients, not kept: less memory"),
};

const format_table *train_layer_table(train_layer_kind kind)
{
    return kind > TRAIN_LAYER_NONE && kind < TRAIN_LAYER_END ? &tables[kind] : NULL;
}

const char *const *train_layer_names(void)
{
    static const char *const names[] = {
#define TRAIN_X(name) #name,
        TRAIN_LAYER_LIST(TRAIN_X)
#undef TRAIN_X
            NULL};
    return names;
}

static train_layer_kind kind_of(const char *type)
{
    for (int k = 1; k < TRAIN_LAYER_END; k++)
        if (strcmp(tables[k].name, type) == 0)
            return (train_layer_kind)k;
    return TRAIN_LAYER_NONE;
}

/* ---- short forms ----------------------------------------------------------------------------------------------- */

/* {key: value} as a new mapping that stands where `from` does. */
static format_yaml_node *wrap(format_yaml *tree, const char *key, format_yaml_node *value, const format_yaml_node *from)
{
    format_yaml_node *map = format_yaml_new(tree, FORMAT_YAML_MAP, NULL, from);
    return map && value && format_yaml_put(tree, map, key, value) ? map : NULL;
}

static format_yaml_node *spread_options(format_yaml *tree, const char *type, format_yaml_node *value)
{
    const char *brief = tables[kind_of(type)].brief;
    if (value->kind == FORMAT_YAML_MAP)
        return value;
    if (format_yaml_is_empty(value))
        return format_yaml_new(tree, FORMAT_YAML_MAP, NULL, value);
    return brief ? wrap(tree, brief, value, value) : value;
}

/* {linear: 9, name: fc}: the item that is not the name, if that is clear. */
static format_yaml_item *type_item(const format_yaml_node *map)
{
    if (map->n == 1)
        return &map->items[0];
    for (size_t i = 0; map->n == 2 && i < 2; i++)
        if (strcmp(map->items[i].key, "name") == 0)
            return &map->items[1 - i];
    return NULL;
}

/* The long form of one layer; NULL when memory is out. */
static format_yaml_node *spread_layer(format_yaml *tree, format_yaml_node *node)
{
    if (node->kind == FORMAT_YAML_SCALAR && !format_yaml_is_empty(node) && strlen(node->text) < 64)
        return wrap(tree, node->text, format_yaml_new(tree, FORMAT_YAML_MAP, NULL, node), node);
    format_yaml_item *item = node->kind == FORMAT_YAML_MAP ? type_item(node) : NULL;
    if (!item)
        return node;
    format_yaml_node *options = spread_options(tree, item->key, item->value);
    if (!options)
        return NULL;
    item->value = options;
    if (node->n == 1 || options->kind != FORMAT_YAML_MAP || format_yaml_get(options, "name"))
        return node;
    format_yaml_node *name = format_yaml_get(node, "name");
    return format_yaml_put(tree, options, "name", name) ? wrap(tree, item->key, options, node) : NULL;
}

bool train_layers_spread(format_yaml *tree)
{
    format_yaml_node *model = format_yaml_get(tree->root, "model");
    bool word = model && model->kind == FORMAT_YAML_SCALAR && !format_yaml_is_empty(model);
    if (word || (model && model->kind == FORMAT_YAML_LIST)) {
        format_yaml_node *map = wrap(tree, word ? "name" : "layers", model, model);
        for (size_t i = 0; map && i < tree->root->n; i++)
            if (tree->root->items[i].value == model)
                tree->root->items[i].value = map;
        if (!map)
            return false;
        model = map;
    }
    format_yaml_node *layers = model ? format_yaml_get(model, "layers") : NULL;
    for (size_t i = 0; layers && layers->kind == FORMAT_YAML_LIST && i < layers->n; i++) {
        format_yaml_node *node = spread_layer(tree, layers->items[i].value);
        if (!node)
            return false;
        layers->items[i].value = node;
    }
    return true;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static tn_status fail_layer(const format_yaml_node *node, const char *path, base_error *e)
{
    char kind[FORMAT_YAML_PLACE];
    if (node->kind != FORMAT_YAML_MAP || node->n == 0)
        return format_yaml_fail(node, e, "%s is %s; a layer is a word (relu) or a mapping ({linear: {units: 10}})",
                                path,
                                node->kind == FORMAT_YAML_MAP ? "an empty mapping" : format_yaml_kind_of(node, kind));
    return format_yaml_fail(node, e,
                            "%s has the keys '%s' and '%s'; a layer has one key, its type, with the options below it",
                            path, BASE_SHOW(node->items[0].key), BASE_SHOW(node->items[1].key));
}

/* The last of "conv2d", a digit and a 'd', of a layer in the list as it was written; 0: it has none. */
static char directions_of(const format_yaml_node *list, size_t i)
{
    const format_yaml_node *node = list->items[i].value;
    const char *word = node->kind == FORMAT_YAML_MAP && node->n ? node->items[0].key : "";
    const size_t n = strlen(word);
    return n > 2 && word[n - 1] == 'd' && word[n - 2] >= '1' && word[n - 2] <= '3' ? word[n - 2] : '\0';
}

/* Names are alike but for case and underscores: those of PyTorch are found so. `end` is the last of them: "2d", or nothing. */
static bool alike(const char *word, const char *name, const char *end)
{
    const char *parts[] = {word, end};
    for (int i = 0; i < 2; i++)
        for (const char *p = parts[i]; *p; p++) {
            name += *name == '_';
            const char lower = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
            if (lower != '_' && lower != *name++)
                return false;
        }
    return *name == '\0';
}

/* What was meant by the word of layer i: BatchNorm2d and batchnorm2d are batch_norm2d; so is batch_norm where the next layer with
 * directions, before it if there is one, has two. NULL: it must be guessed. */
static const char *meant(const format_yaml_node *list, size_t i, const char *word)
{
    char end[3] = "";
    for (size_t k = i + 1; k < list->n; k++)
        if (directions_of(list, k)) {
            (void)snprintf(end, sizeof end, "%cd", directions_of(list, k));
            break;
        }
    for (size_t k = i; k-- > 0;)
        if (directions_of(list, k)) {
            (void)snprintf(end, sizeof end, "%cd", directions_of(list, k));
            break;
        }
    for (const char *const *name = train_layer_names(); *name; name++)
        if (alike(word, *name, "") || alike(word, *name, end))
            return *name;
    return NULL;
}

/* The layer i of a list that is no layer. */
static tn_status fail_word(const format_yaml_node *list, size_t i, const char *path, base_error *e)
{
    const format_yaml_node *node = list->items[i].value;
    const char *word = node->items[0].key, *layer = meant(list, i, word);
    char hint[FORMAT_HINT];
    if (layer)
        (void)snprintf(hint, sizeof hint, "; did you mean '%s'?", layer);
    else
        format_hint(word, train_layer_names(), hint);
    return format_yaml_fail(node, e, "%s: there is no layer '%s'%s", path, BASE_SHOW(word), hint);
}

static tn_status read_layer(train_recipe *recipe, const format_yaml_node *list, size_t i, train_layer *layer,
                            base_error *e)
{
    const format_yaml_node *node = list->items[i].value;
    base_arena *arena = &recipe->tree.arena;
    char place[FORMAT_YAML_PLACE], path[64];
    (void)snprintf(path, sizeof path, "model.layers.%zu", i);
    if (node->kind != FORMAT_YAML_MAP || node->n != 1)
        return fail_layer(node, path, e);
    const format_yaml_item *item = &node->items[0];
    layer->kind = kind_of(item->key);
    if (layer->kind == TRAIN_LAYER_NONE)
        return fail_word(list, i, path, e);
    const format_table *table = train_layer_table(layer->kind);
    layer->type = table->name;
    layer->line = node->source && node->source->override ? 0 : node->line;
    layer->place = base_arena_strdup(arena, format_yaml_place(node->source, node->line, place));
    layer->path = base_arena_strdup(arena, path);
    if (!layer->place || !layer->path)
        return base_no_memory(e, "reading a recipe");
    (void)snprintf(path, sizeof path, "model.layers.%zu.%s", i, table->name);
    BASE_TRY(format_options_read(table, item->value, node, path, arena, &layer->linear, e));
    layer->name = layer->linear.name; /* the same place in every struct */
    return TN_OK;
}

static tn_status check_name(base_map *names, const train_layer *layer, base_error *e)
{
    if (!layer->name)
        return TN_OK;
    const char *text = layer->name;
    if (text[0] == '\0' ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
        return base_fail(e, TN_FORMAT, "%s%s: the name '%s' may hold letters, digits, _ and - only", layer->place,
                         layer->path, BASE_SHOW(text));
    const train_layer *first = base_map_get(names, text);
    if (first)
        return base_fail(e, TN_FORMAT, "%s%s: the name '%s' belongs to %s already", layer->place, layer->path,
                         BASE_SHOW(text), first->path);
    return base_map_put(names, text, (void *)(uintptr_t)layer) ? TN_OK : base_no_memory(e, "reading a recipe");
}

static tn_status read_layers(train_recipe *recipe, const format_yaml_node *list, base_error *e)
{
    char kind[FORMAT_YAML_PLACE];
    train_model *model = &recipe->model;
    if (list->kind != FORMAT_YAML_LIST)
        return format_yaml_fail(list, e, "model.layers is %s, a list is due", format_yaml_kind_of(list, kind));
    if (list->n == 0)
        return format_yaml_fail(list, e, "model.layers is empty");
    model->layers = BASE_ARRAY(&recipe->tree.arena, train_layer, list->n);
    if (!model->layers)
        return base_no_memory(e, "reading a recipe");
    base_map names = {0};
    tn_status status = TN_OK;
    for (size_t i = 0; i < list->n && status == TN_OK; i++) {
        status = read_layer(recipe, list, i, &model->layers[i], e);
        if (status == TN_OK)
            status = check_name(&names, &model->layers[i], e);
        model->n++;
    }
    base_map_free(&names);
    return status;
}

/* {name: ..., options}: only the model of that name knows its options. */
static tn_status read_zoo(train_recipe *recipe, const format_yaml_node *node, base_error *e)
{
    const format_yaml_node *name = format_yaml_get(node, "name");
    if (name->kind != FORMAT_YAML_SCALAR || name->text[0] == '\0')
        return format_yaml_fail(name, e, "model.name must be the name of a model");
    if (format_yaml_find(node, "layers"))
        return format_yaml_fail(node, e, "model has both a name of the zoo and layers; only one of them can be");
    recipe->model.name = name->text;
    recipe->model.options = node;
    return TN_OK;
}

tn_status train_model_read(train_recipe *recipe, base_error *e)
{
    const format_yaml_node *node = recipe->model_node;
    if (node->kind != FORMAT_YAML_MAP)
        return format_yaml_fail(node, e, "model is empty; give a name of the zoo, or {input: ..., layers: [...]}");
    if (format_yaml_find(node, "name"))
        return read_zoo(recipe, node, e);
    BASE_TRY(format_options_read(&train_model_table, node, node, "model", &recipe->tree.arena, &recipe->model, e));
    if (!recipe->model.list)
        return format_yaml_fail(node, e, "'model' lacks a name of the zoo, or the key 'layers'");
    return read_layers(recipe, recipe->model.list, e);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

format_yaml_node *train_layers_tree(const train_recipe *recipe, format_yaml *tree)
{
    format_yaml_node *list = format_yaml_new(tree, FORMAT_YAML_LIST, NULL, NULL);
    for (size_t i = 0; list && i < recipe->model.n; i++) {
        const train_layer *layer = &recipe->model.layers[i];
        format_yaml_node *node =
            format_options_tree(train_layer_table(layer->kind), &layer->linear, NULL, NULL, NULL, tree);
        if (!node)
            return NULL;
        node = node->n ? wrap(tree, layer->type, node, NULL)
                       : format_yaml_new(tree, FORMAT_YAML_SCALAR, layer->type, NULL);
        if (!node || !format_yaml_put(tree, list, NULL, node))
            return NULL;
    }
    return list;
}
