/* test_boxes.c: finding things in pictures: where the layer's places lie, its loss beside the same in plain C, what is picked of a
 * picture's rows, and average precision by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/net.h"
#include "train/boxes.h"

#include <tarn/nn.h>
#include <tarn/ops.h>

enum { CLASSES = 2, COLUMNS = TN_BOX_COLUMNS + CLASSES };

/* ---- the layer --------------------------------------------------------------------------------------------------- */

static void places(void **state)
{
    (void)state;
    net n = net_new();
    tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(tn_symbol(n.graph, "batch"), 3, 8, 16));
    tn_tensor *fine = tn_avg_pool2d(x, 2, NULL), *coarse = tn_avg_pool2d(x, 8, NULL);
    tn_tensor *y = tn_layer_boxes(2, (tn_tensor *const[]){fine, coarse}, x, "boxes", CLASSES);
    tn_entry_output(tn_entry_new(n.graph, "run", 0), "y", y);
    net_compile(&n, NULL);
    static float in[2 * 3 * 8 * 16], out[2][34][COLUMNS];
    const tn_feed feed = {"x", tn_view_of(in, TN_F32, 4, (int64_t[]){2, 3, 8, 16})};
    const tn_feed fetch = {"y", tn_view_of(out, TN_F32, 3, (int64_t[]){2, 34, COLUMNS})};
    net_run(n.session, "run", 1, &feed, 1, &fetch);
    const float *second = out[1][9], *last = out[1][33]; /* row 1, column 1 of 4 x 8; the second of two */
    assert_true(second[5] == 3 && second[6] == 3 && second[7] == 2);
    assert_true(last[5] == 12 && last[6] == 4 && last[7] == 8);
    assert_true(second[2] - second[0] > 4 && second[2] - second[0] < 16);
    assert_true(second[4] < -3 && second[4] > -5);
    net_free(&n);
}

static void refused(void **state)
{
    (void)state;
    const struct {
        int64_t height;
        int maps;
        int64_t classes;
        const char *why;
    } bad[] = {{8, 0, 2, "boxes of 2 classes from 0 maps"},
               {8, 1, 0, "a class are due"},
               {0, 1, 2, "and both sizes are known"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net n = net_new();
        tn_dim height = bad[i].height ? bad[i].height : tn_symbol(n.graph, "height");
        tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(tn_symbol(n.graph, "batch"), 3, height, 8));
        tn_layer_boxes(bad[i].maps, &x, x, "boxes", bad[i].classes);
        if (!strstr(tn_graph_error(n.graph), bad[i].why))
            fail_msg("\"%s\" does not say \"%s\"", tn_graph_error(n.graph), bad[i].why);
        net_free(&n);
    }
    net n = net_new();
    tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(tn_symbol(n.graph, "batch"), 4, TN_BOX_COLUMNS));
    tn_boxes_loss(x, x);
    assert_non_null(strstr(tn_graph_error(n.graph), "as the layer boxes gives them are due"));
    net_free(&n);
}

/* ---- the loss ---------------------------------------------------------------------------------------------------- */

static double cross(double logit, double due)
{
    return fmax(logit, 0) - logit * due + log1p(exp(-fabs(logit)));
}

static double area_of(const double *b)
{
    return (b[2] - b[0]) * (b[3] - b[1]);
}

/* 1 - CIoU as Zheng et al. write it; *common is the IoU. */
static double apart(const float *p, const float *t, double *common)
{
    const double pi = acos(-1.0);
    const double a[] = {(double)p[0], (double)p[1], (double)p[2], (double)p[3]};
    const double b[] = {(double)t[1], (double)t[2], (double)t[3], (double)t[4]};
    double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double inner = w > 0 && h > 0 ? w * h : 0;
    *common = inner / (area_of(a) + area_of(b) - inner);
    double cw = fmax(a[2], b[2]) - fmin(a[0], b[0]), ch = fmax(a[3], b[3]) - fmin(a[1], b[1]);
    double dx = (a[0] + a[2] - b[0] - b[2]) / 2, dy = (a[1] + a[3] - b[1] - b[3]) / 2;
    double angle = atan((b[2] - b[0]) / (b[3] - b[1])) - atan((a[2] - a[0]) / (a[3] - a[1]));
    double v = 4 / (pi * pi) * angle * angle;
    return 1 - *common + (dx * dx + dy * dy) / (cw * cw + ch * ch) + v * v / (1 - *common + v);
}

static bool answers(const float *p, const float *t)
{
    const double x = (double)p[5], y = (double)p[6], step = (double)p[7];
    const double left = (double)t[1], top = (double)t[2], right = (double)t[3], bottom = (double)t[4];
    const double dx = fabs(x - (left + right) / 2), dy = fabs(y - (top + bottom) / 2);
    const double side = fmax(right - left, bottom - top);
    bool suits = step < 5 ? side <= 8 * step : side > 4 * step; /* steps of 4 and of 8 */
    bool at = dx <= step / 2 && dy <= step / 2;
    bool within = dx <= 1.5 * step && dy <= 1.5 * step && x > left && x < right && y > top && y < bottom;
    return t[0] >= 0 && suits && (at || within);
}

enum { PICTURES = 2, PLACES = 20, BOXES = 4 };

static double loss_by_hand(const float (*rows)[COLUMNS], const float (*truth)[5])
{
    double sum = 0;
    int found = 0;
    for (int i = 0; i < PICTURES * PLACES; i++) {
        const float(*of)[5] = truth + i / PLACES * BOXES, *own = NULL;
        double common, smallest = 0;
        for (int k = 0; k < BOXES; k++) {
            double area = (double)(of[k][3] - of[k][1]) * (double)(of[k][4] - of[k][2]);
            if (answers(rows[i], of[k]) && (!own || area < smallest)) {
                own = of[k];
                smallest = area;
            }
        }
        sum += cross((double)rows[i][4], own ? 1 : 0);
        if (!own)
            continue;
        found++;
        sum += 5 * apart(rows[i], own, &common);
        for (int c = 0; c < CLASSES; c++)
            sum += cross((double)rows[i][TN_BOX_COLUMNS + c], c == (int)own[0] ? common : 0);
    }
    return sum / (found ? found : 1);
}

/* 4 x 4 places of 4 pixels and 2 x 2 of 8, of pictures of 16; boxes of all sizes, some over others. */
static void fill(float (*rows)[COLUMNS])
{
    for (int i = 0; i < PICTURES * PLACES; i++) {
        const int p = i % PLACES, step = p < 16 ? 4 : 8, n = p < 16 ? 4 : 2, at = p < 16 ? p : p - 16;
        float *r = rows[i];
        r[5] = (float)(step * (at % n)) + (float)step / 2;
        r[6] = (float)(step * (at / n)) + (float)step / 2;
        r[7] = (float)step;
        const float half = 2 + (float)(i * 7 % 5);
        r[0] = r[5] - half;
        r[1] = r[6] - half * 0.75F;
        r[2] = r[5] + half + 1;
        r[3] = r[6] + half;
        for (int c = 4; c < COLUMNS; c++)
            if (c < 5 || c >= TN_BOX_COLUMNS)
                r[c] = (float)((i * 13 + c * 5) % 11) / 4 - 1.5F;
    }
}

static void loss(void **state)
{
    (void)state;
    static float rows[PICTURES * PLACES][COLUMNS];
    static const float some[PICTURES * BOXES][5] = {{1, 2, 2, 7, 9},  {0, 0, 0, 16, 15}, {0, 3, 3, 5, 5},
                                                    {-1, 0, 0, 0, 0}, {1, 1, 1, 15, 9},  {0, 10, 8, 11, 9},
                                                    {-1, 0, 0, 0, 0}, {-1, 2, 2, 14, 14}};
    static const float none[PICTURES * BOXES][5] = {{-1, 0, 0, 0, 0}, {-1, 0, 0, 0, 0}, {-1, 0, 0, 0, 0},
                                                    {-1, 0, 0, 0, 0}, {-1, 0, 0, 0, 0}, {-1, 0, 0, 0, 0},
                                                    {-1, 0, 0, 0, 0}, {-1, 0, 0, 0, 0}};
    net n = net_new();
    tn_dim batch = tn_symbol(n.graph, "batch");
    tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(batch, PLACES, COLUMNS));
    tn_tensor *t = tn_input(n.graph, "t", TN_F32, TN_SHAPE(batch, tn_symbol(n.graph, "boxes"), 5));
    tn_entry_output(tn_entry_new(n.graph, "run", 0), "loss", tn_boxes_loss(x, t));
    net_compile(&n, NULL);
    fill(rows);
    for (int k = 0; k < 2; k++) {
        const float(*truth)[5] = k ? none : some;
        float value = 0;
        const tn_feed in[] = {{"x", tn_view_of(rows, TN_F32, 3, (int64_t[]){PICTURES, PLACES, COLUMNS})},
                              {"t", tn_view_of((void *)(uintptr_t)truth, TN_F32, 3, (int64_t[]){PICTURES, BOXES, 5})}};
        const tn_feed out = {"loss", tn_view_of(&value, TN_F32, 0, NULL)};
        net_run(n.session, "run", 2, in, 1, &out);
        const double due = loss_by_hand(rows, truth);
        if (fabs((double)value - due) > 1e-4 * fabs(due))
            fail_msg("loss %d is %g, not %g", k, (double)value, due);
    }
    net_free(&n);
}

/* ---- what is picked ---------------------------------------------------------------------------------------------- */

static void picked(void **state)
{
    (void)state;
    const float rows[][COLUMNS] = {{0, 0, 10, 10, 2, 0, 0, 1, 3, -9},
                                   {1, 0, 11, 10, 4, 0, 0, 1, 3, -9},   /* the same thing, surer */
                                   {0, 0, 10, 10, 3, 0, 0, 1, -9, 3},   /* of another class */
                                   {40, 0, 50, 10, -8, 0, 0, 1, 3, 3},  /* not sure */
                                   {20, 0, 30, NAN, 5, 0, 0, 1, 3, -9}, /* nowhere */
                                   {20, 0, 30, 10, 1, 0, 0, 1, 3, -9}};
    tn_detection found[8];
    assert_int_equal(tn_detections(rows[0], 6, CLASSES, 0.3, 0.5, found, 8), 3);
    assert_true(found[0].of_class == 0 && found[0].left == 1 && found[0].score > 0.93f && found[0].score < 0.94f);
    assert_true(found[1].of_class == 1 && found[2].of_class == 0 && found[2].left == 20);
    assert_int_equal(tn_detections(rows[0], 6, CLASSES, 0.3, 0.95, found, 8), 4);
    assert_int_equal(tn_detections(rows[0], 6, CLASSES, 0.3, 0.95, found, 2), 2); /* the surest of all */
    assert_true(found[0].left == 1 && found[1].of_class == 1);
    assert_int_equal(tn_detections(rows[0], 0, CLASSES, 0.3, 0.5, found, 8), 0);
}

/* ---- average precision ------------------------------------------------------------------------------------------- */

static void precision(void **state)
{
    (void)state;
    train_boxes_score s = {0};
    base_error e = {0};
    double map50, map;
    assert_int_equal(train_boxes_init(&s, 3, &e), TN_OK);
    train_boxes_figures(&s, &map50, &map);
    assert_true(isnan(map50) && isnan(map));
    /* Class 0: right, wrong, right of three boxes: precision 1 up to recall 1/3, 2/3 up to 2/3, then 0. Class 1: never found. */
    const float first[][5] = {{0, 0, 0, 10, 10}, {0, 20, 0, 30, 10}, {-1, 0, 0, 9, 9}};
    const float second[][5] = {{0, 0, 0, 10, 10}, {1, 0, 0, 5, 5}};
    const tn_detection of_first[] = {{0, 0.9f, 0, 0, 10, 10}, {0, 0.7f, 20, 0, 30, 6}};
    const tn_detection of_second[] = {{0, 0.8f, 50, 50, 60, 60}, {2, 0.5f, 0, 0, 10, 10}};
    assert_int_equal(train_boxes_add(&s, of_first, 2, first[0], 3, &e), TN_OK);
    assert_int_equal(train_boxes_add(&s, of_second, 2, second[0], 2, &e), TN_OK);
    train_boxes_figures(&s, &map50, &map);
    const double of_class = (34 * 1.0 + 33 * 2 / 3.0) / 101; /* 0 to 0.33, 0.34 to 0.66 */
    assert_true(fabs(map50 - of_class / 2) < 1e-9);
    /* The second shares 0.6: found for 0.5, 0.55 and 0.6 alone, else precision falls to 1 up to 1/3. */
    assert_true(fabs(map - (3 * of_class + 7 * 34.0 / 101) / 20) < 1e-9);
    /* One box cannot be found twice. */
    assert_int_equal(train_boxes_init(&s, 1, &e), TN_OK);
    const tn_detection twice[] = {{0, 0.9f, 0, 0, 10, 10}, {0, 0.8f, 0, 0, 10, 10}};
    assert_int_equal(train_boxes_add(&s, twice, 2, first[0], 1, &e), TN_OK);
    train_boxes_figures(&s, &map50, &map);
    assert_true(fabs(map50 - 1) < 1e-9 && fabs(map - 1) < 1e-9);
    train_boxes_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places), cmocka_unit_test(refused), cmocka_unit_test(loss),
                                       cmocka_unit_test(picked), cmocka_unit_test(precision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
