/* yolov3: Redmon, Farhadi 2018, "YOLOv3: An Incremental Improvement": pictures with sides that are multiples of 32 to boxes
 * [N, boxes, 5 + classes], three at each place of three grids, the coarsest first: x, y, w, h, whether there is anything, classes, all as they
 * leave the last convolution. Layers have the numbers of the paper's configuration file, as in PyTorch ports of it:
 * module_list.0.Conv2d.weight, module_list.0.BatchNorm2d.weight, ... */
#include <stdio.h>

#include "model/core/blocks.h"

enum { ANCHORS = 3 };

typedef struct yolo {
    tn_tensor *x;
    int number; /* of the next layer */
} yolo;

static void conv(yolo *y, int64_t channels, int kernel, int stride)
{
    char name[48], norm[48];
    (void)snprintf(name, sizeof name, "module_list.%d.Conv2d", y->number);
    (void)snprintf(norm, sizeof norm, "module_list.%d.BatchNorm2d", y->number++);
    y->x = tn_leaky_relu(zoo_conv_norm(y->x, name, norm, channels, kernel, stride, 1), 0.1);
}

/* Halved in size; then so many times narrowed, widened and added to what was before. */
static tn_tensor *level(yolo *y, int64_t channels, int times)
{
    conv(y, channels, 3, 2);
    for (int i = 0; i < times; i++) {
        tn_tensor *before = y->x;
        conv(y, channels / 2, 1, 1);
        conv(y, channels, 3, 1);
        y->x = tn_add(before, y->x);
        y->number++;
    }
    return y->x;
}

/* Five convolutions, whose result remains, and two more to the boxes of this grid, [N, boxes, 5 + classes]. */
static tn_tensor *boxes(yolo *y, int64_t channels, int64_t classes)
{
    const int64_t last[] = {0, 1, 3, 4, 2}, values = 5 + classes;
    char name[48];
    for (int i = 0; i < 5; i++)
        conv(y, i % 2 ? 2 * channels : channels, i % 2 ? 3 : 1, 1);
    tn_tensor *remains = y->x;
    conv(y, 2 * channels, 3, 1);
    (void)snprintf(name, sizeof name, "module_list.%d.Conv2d", y->number);
    tn_tensor *b = tn_layer_conv2d(y->x, name, ANCHORS * values, 1, NULL);
    tn_graph *g = tn_tensor_graph(b);
    tn_dim n = tn_dim_of(b, 0), height = tn_dim_of(b, 2), width = tn_dim_of(b, 3);
    b = tn_permute(tn_reshape(b, TN_SHAPE(n, ANCHORS, values, height, width)), 5, last);
    y->x = remains;
    y->number += 3; /* this one, the grid's own, and the way back to what remains */
    return tn_reshape(b, TN_SHAPE(n, tn_dim_mul(g, ANCHORS, tn_dim_mul(g, height, width)), values));
}

/* Narrowed, twice as large, beside what was there before that size was halved. */
static void widen(yolo *y, int64_t channels, tn_tensor *beside)
{
    conv(y, channels, 1, 1);
    tn_tensor *both[] = {tn_interpolate(y->x, TN_OPT(tn_interpolate_opt, .scale = 2)), beside};
    y->x = tn_concat(2, both, 1);
    y->number += 2;
}

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    yolo y = {.x = x};
    tn_tensor *grid[3], *fine, *middle;
    if (tn_graph_status(tn_tensor_graph(x)) != TN_OK)
        return x;
    conv(&y, 32, 3, 1);
    level(&y, 64, 1);
    level(&y, 128, 2);
    fine = level(&y, 256, 8);
    middle = level(&y, 512, 8);
    level(&y, 1024, 4);
    grid[0] = boxes(&y, 512, classes);
    widen(&y, 256, middle);
    grid[1] = boxes(&y, 256, classes);
    widen(&y, 128, fine);
    grid[2] = boxes(&y, 128, classes);
    return tn_concat(3, grid, 1);
}

const zoo_model model_yolov3 = {
    "yolov3", "YOLOv3 (62 M parameters with 80 classes): boxes, as the last convolutions give them", build};
