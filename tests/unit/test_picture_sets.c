/* test_picture_sets.c: pictures in folders by class, in archives, lists and shards, with masks and boxes; CIFAR's files; arrays.
 * Pictures are written here as PPM, so that no library is needed to read them again. labels: threads */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/map.h"
#include "format/npy.h"
#include "support/context.h"
#include "support/scratch.h"

#include <tarn/picture.h>

static bool shell(const char *command)
{
    char line[2000];
    snprintf(line, sizeof line, "cd '%s' && { %s; } >/dev/null 2>&1", scratch_path("."), command);
    return system(line) == 0;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    base_error e = {0};
    char folder[600];
    snprintf(folder, sizeof folder, "%s", scratch_path(name));
    *strrchr(folder, '/') = '\0';
    assert_int_equal(base_make_folder(folder, &e), TN_OK);
    if (base_file_write(scratch_path(name), data, bytes, &e) != TN_OK)
        fail_msg("%s", e.text);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* A PPM of one colour (red = shade). */
static void write_picture(const char *name, int width, int height, int shade)
{
    static unsigned char bytes[200000];
    int n = snprintf((char *)bytes, 64, "P6 %d %d 255\n", width, height);
    for (int i = 0; i < width * height * 3; i++)
        bytes[n + i] = (unsigned char)(i % 3 == 0 ? shade : 0);
    write_file(name, bytes, (size_t)(n + width * height * 3));
}

static void make_classes(void)
{
    write_picture("set/train/cat/1.ppm", 8, 6, 10);
    write_picture("set/train/cat/2.PPM", 20, 6, 11);
    write_picture("set/train/dog/more/1.ppm", 8, 6, 20);
    write_text("set/train/dog/notes.txt", "not a picture");
    write_text("set/README", "neither");
}

static uint8_t shade_of(tn_dataset *d, int64_t i, int64_t *label)
{
    uint8_t x[3 * 64 * 64];
    *label = -7;
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, tn_dataset_field(d, 0)->dims), tn_view_of(label, TN_I64, 0, NULL)};
    if (tn_dataset_get(context, d, i, 5, views) != TN_OK)
        fail_msg("%s", tn_context_error(context));
    return x[0];
}

static void check_classes(tn_dataset *d)
{
    int64_t label;
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 3);
    assert_int_equal(tn_dataset_classes(d), 2);
    assert_string_equal(tn_dataset_class_name(d, 0), "cat");
    assert_int_equal(tn_dataset_field(d, 0)->dims[1], 6);
    assert_int_equal(shade_of(d, 0, &label), 10);
    assert_int_equal(label, 0);
    assert_int_equal(shade_of(d, 1, &label), 11);
    assert_int_equal(shade_of(d, 2, &label), 20);
    assert_int_equal(label, 1);
    tn_dataset_free(d);
}

static void by_class(void **state)
{
    (void)state;
    make_classes();
    const tn_pictures_opt opt = {.under = "train"};
    check_classes(tn_dataset_pictures(context, scratch_path("set"), &opt));
    if (shell("tar cf set.tar set && gzip -kf set.tar && tar -C set -cf in.tar train")) {
        check_classes(tn_dataset_pictures(context, scratch_path("in.tar"), &opt));
        const tn_pictures_opt deeper = {.under = "set/train"};
        check_classes(tn_dataset_pictures(context, scratch_path("set.tar"), &deeper));
#ifdef TARN_HAVE_ZLIB
        check_classes(tn_dataset_pictures(context, scratch_path("set.tar.gz"), &deeper));
#endif
    }
    /* Names that are given decide the numbers. */
    const char *const names[] = {"dog", "bird", "cat"};
    tn_dataset *d = tn_dataset_pictures(
        context, scratch_path("set"),
        TN_OPT(tn_pictures_opt, .under = "train", .class_names = names, .classes = 3, .height = 4, .width = 4));
    int64_t label;
    assert_non_null(d);
    assert_int_equal(shade_of(d, 0, &label), 10);
    assert_int_equal(label, 2);
    tn_dataset_free(d);
    assert_null(tn_dataset_pictures(context, scratch_path("set"),
                                    TN_OPT(tn_pictures_opt, .under = "train", .class_names = names, .classes = 2)));
    says("cat/1.ppm: \"cat\" is not among the 2 classes");
    assert_null(tn_dataset_pictures(context, scratch_path("set"), TN_OPT(tn_pictures_opt, .under = "tset")));
    says("no files in a folder \"tset\"; at its top there are: train");
    assert_true(shell("mkdir set/train/bird"));
    assert_null(tn_dataset_pictures(context, scratch_path("set"), &opt));
    says("the folder \"bird\" would be a class, but there is no picture in it");
    assert_true(shell("rmdir set/train/bird; cp set/train/cat/1.ppm set/train/stray.ppm"));
    assert_null(tn_dataset_pictures(context, scratch_path("set"), &opt));
    says("set/train/stray.ppm: this picture lies in no folder");
    assert_true(shell("rm set/train/stray.ppm; rm -r set/train/cat; rm -r set/train/dog/more"));
    assert_null(tn_dataset_pictures(context, scratch_path("set"), &opt));
    says("holds no picture");
}

/* A broken picture names itself, in a folder and in an archive. */
/* PBM: pictures of two shades, as text and as bytes. */
static void two_shades(void **state)
{
    (void)state;
    int64_t label;
    write_text("bits/a/1.pbm", "P1 2 1 0 1");
    write_text("bits/b/1.pbm", "P4 2 1 \x40");
    write_text("bits/b/2.PBM", "P4 2 1 \x80");
    tn_dataset *d = tn_dataset_pictures(context, scratch_path("bits"), NULL);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 3);
    assert_int_equal(shade_of(d, 0, &label), 255);
    assert_int_equal(label, 0);
    assert_int_equal(shade_of(d, 1, &label), 255);
    assert_int_equal(shade_of(d, 2, &label), 0);
    assert_int_equal(label, 1);
    tn_dataset_free(d);
}

static void broken(void **state)
{
    (void)state;
    make_classes();
    write_text("set/train/cat/1.ppm", "P6 8 6 255\nshort");
    tn_dataset *d = tn_dataset_pictures(context, scratch_path("set"), TN_OPT(tn_pictures_opt, .height = 4, .width = 4));
    uint8_t x[48];
    int64_t label, dims[] = {3, 4, 4};
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, dims), tn_view_of(&label, TN_I64, 0, NULL)};
    assert_non_null(d);
    assert_int_equal(tn_dataset_get(context, d, 0, 0, views), TN_FORMAT);
    says("set/train/cat/1.ppm is a damaged PNM picture");
    tn_dataset_free(d);
    if (!shell("tar -C set -cf in.tar train"))
        return;
    d = tn_dataset_pictures(context, scratch_path("in.tar"),
                            TN_OPT(tn_pictures_opt, .under = "train", .height = 4, .width = 4));
    assert_non_null(d);
    assert_int_equal(tn_dataset_get(context, d, 0, 0, views), TN_FORMAT);
    says("in.tar!train/cat/1.ppm is a damaged PNM picture");
    tn_dataset_free(d);
}

/* Where no size is said the first picture that can be read tells it, if those that cannot are left out. */
static void broken_first(void **state)
{
    (void)state;
    tn_pictures_opt opt = {.under = "train"};
    tn_loader_stats stats;
    make_classes();
    write_text("set/train/cat/1.ppm", "P6 8 6 255\nshort");
    assert_null(tn_dataset_pictures(context, scratch_path("set"), &opt));
    says("set/train/cat/1.ppm is a damaged PNM picture");
    opt.skip_bad = true;
    tn_dataset *d = tn_dataset_pictures(context, scratch_path("set"), &opt);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_true(tn_dataset_field(d, 0)->dims[1] == 6 && tn_dataset_field(d, 0)->dims[2] == 20);
    tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 2, .skip_bad = true));
    const tn_batch *batch;
    while (tn_loader_next(l, &batch) == TN_OK && batch)
        ;
    tn_loader_get_stats(l, &stats);
    assert_int_equal(stats.skipped, 1);
    tn_loader_free(l);
    tn_dataset_free(d);
    tn_pipeline *p = tn_pipeline_parse(context, "mosaic height=8 width=6");
    opt.pipeline = p;
    d = tn_dataset_pictures(context, scratch_path("set"), &opt);
    assert_true(d && tn_dataset_field(d, 0)->dims[1] == 8);
    tn_dataset_free(d);
    tn_pipeline_free(p);
    opt.pipeline = NULL;
    write_text("set/train/cat/2.PPM", "P6 8 6 255\nshorter");
    write_text("set/train/dog/more/1.ppm", "");
    assert_null(tn_dataset_pictures(context, scratch_path("set"), &opt));
    says("none of 3 pictures can be read; the first: ");
    says("set/train/cat/1.ppm is a damaged PNM picture");
}

static void lists(void **state)
{
    (void)state;
    int64_t label;
    make_classes();
    write_text("set/train/list.csv", "path,label\r\n\"dog/more/1.ppm\",hund\r\ncat/1.ppm,katze\n");
    tn_dataset *d = tn_dataset_picture_list(context, NULL, scratch_path("set/train/list.csv"), NULL);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 2);
    assert_string_equal(tn_dataset_class_name(d, 1), "katze");
    assert_int_equal(shade_of(d, 0, &label), 20);
    assert_int_equal(label, 0);
    tn_dataset_free(d);
    write_text("numbers.tsv", "cat/1.ppm\t3\ncat/2.PPM\t1");
    const tn_pictures_opt opt = {.under = "train"};
    d = tn_dataset_picture_list(context, scratch_path("set"), scratch_path("numbers.tsv"), &opt);
    assert_non_null(d);
    assert_int_equal(tn_dataset_classes(d), 4);
    tn_dataset_free(d);
    write_text("bare.txt", "cat/1.ppm\ncat/2.PPM\n");
    d = tn_dataset_picture_list(context, scratch_path("set"), scratch_path("bare.txt"), &opt);
    assert_int_equal(tn_dataset_fields(d), 1);
    tn_dataset_free(d);
    static const char *const bad[][2] = {{"cat/1.ppm,a\ncat/9.ppm,b\n", "list:2: there is no picture \"cat/9.ppm\""},
                                         {"cat/1.ppm,a\ncat/2.PPM\n", "list:2: there is no label here"},
                                         {"cat/1.ppm,a,b\n", "list:1: more than two columns"},
                                         {"path,label\n", "holds no picture"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text("list", bad[i][0]);
        assert_null(tn_dataset_picture_list(context, scratch_path("set"), scratch_path("list"), &opt));
        says(bad[i][1]);
    }
}

static void shards(void **state)
{
    (void)state;
    int64_t label;
    write_picture("a/000.ppm", 4, 4, 1);
    write_text("a/000.cls", "2\n");
    write_picture("b/000.ppm", 4, 4, 2);
    write_text("b/000.json", "{\"label\": 1, \"x\": [1]}");
    if (!shell("tar -C a -cf a.tar 000.ppm 000.cls; tar -C b -cf b.tar ."))
        skip();
    const char *paths[2] = {strdup(scratch_path("a.tar")), strdup(scratch_path("b.tar"))};
#ifdef TARN_HAVE_JANSSON
    tn_dataset *d = tn_dataset_picture_shards(context, paths, 2, NULL);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 2);
    assert_int_equal(tn_dataset_classes(d), 3);
    assert_int_equal(shade_of(d, 1, &label), 2);
    assert_int_equal(label, 1);
    tn_dataset_free(d);
#endif
    write_text("a/000.cls", "tiger");
    const char *folder = scratch_path("a");
    assert_null(tn_dataset_picture_shards(context, &folder, 1, NULL));
    says("a/000.cls: the label \"tiger\" is not a number");
    const char *const names[] = {"cat", "tiger"};
    tn_dataset *named =
        tn_dataset_picture_shards(context, &folder, 1, TN_OPT(tn_pictures_opt, .class_names = names, .classes = 2));
    assert_int_equal(shade_of(named, 0, &label), 1);
    assert_int_equal(label, 1);
    tn_dataset_free(named);
    assert_true(shell("rm a/000.cls"));
    assert_null(tn_dataset_picture_shards(context, &folder, 1, NULL));
    says("neither a .cls nor a .json beside");
    free((char *)(uintptr_t)paths[0]);
    free((char *)(uintptr_t)paths[1]);
}

/* Samples of one epoch that were left out; each must be named by one of the parts. */
static int64_t left_out(tn_dataset *d, const char *const *parts, int n)
{
    static uint8_t room[1 << 18];
    tn_view views[2] = {{.data = room}, {.data = room + (1 << 17)}};
    for (int f = 0; f < 2; f++) {
        const tn_field *field = tn_dataset_field(d, f);
        views[f] = tn_view_of(views[f].data, field->dtype, field->rank, field->dims);
    }
    int64_t wrong = 0;
    for (int64_t i = 0; i < tn_dataset_count(d); i++) {
        if (tn_dataset_get(context, d, i, 0, views) == TN_OK)
            continue;
        bool named = false;
        for (int k = 0; k < n; k++)
            named |= strstr(tn_context_error(context), parts[k]) != NULL;
        if (!named)
            fail_msg("'%s' is not expected", tn_context_error(context));
        wrong++;
    }
    tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 2, .skip_bad = true));
    const tn_batch *batch;
    tn_loader_stats stats;
    while (tn_loader_next(l, &batch) == TN_OK && batch)
        ;
    tn_loader_get_stats(l, &stats);
    assert_int_equal(stats.skipped, wrong);
    tn_loader_free(l);
    return wrong;
}

/* Labels that cannot be used, pictures without one, and a label without a picture. */
static void broken_shards(void **state)
{
    (void)state;
    int64_t label;
    write_picture("s/0.ppm", 4, 4, 1);
    write_text("s/0.cls", "tiger");
    write_picture("s/1.ppm", 4, 4, 2);
    write_text("s/1.cls", "1");
    write_picture("s/2.ppm", 4, 4, 3);
    write_text("s/3.cls", "2");
    write_text("s/4.txt", "neither");
    const char *folder = strdup(scratch_path("s"));
    tn_pictures_opt opt = {0};
    assert_null(tn_dataset_picture_shards(context, &folder, 1, &opt));
    says("s/0.cls: the label \"tiger\" is not a number");
    opt.skip_bad = true;
    tn_dataset *d = tn_dataset_picture_shards(context, &folder, 1, &opt);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_true(tn_dataset_count(d) == 4 && tn_dataset_classes(d) == 2);
    const char *const parts[] = {"s/0.cls: the label \"tiger\"", "s/2.ppm: there is neither",
                                 "s/3.cls: there is no picture"};
    assert_int_equal(left_out(d, parts, 3), 3);
    assert_int_equal(shade_of(d, 1, &label), 2);
    assert_int_equal(label, 1);
    tn_dataset_free(d);
    write_text("s/0.cls", "0");
    assert_true(shell("rm s/2.ppm"));
    assert_null(tn_dataset_picture_shards(context, &folder, 1, NULL));
    says("s/3.cls: there is no picture beside this label");
    free((char *)(uintptr_t)folder);
}

#ifdef TARN_HAVE_JANSSON
/* Of COCO: a picture that is not there, boxes that are none, entries of no image. */
static void broken_coco(void **state)
{
    (void)state;
    static const char text[] =
        "{\"images\": [{\"id\": 1, \"file_name\": \"1.ppm\"}, {\"id\": 2, \"file_name\": \"gone.ppm\"}, "
        "{\"id\": 3, \"file_name\": \"3.ppm\"}, {\"id\": 4}, {\"id\": 5, \"file_name\": \"5.ppm\"}], "
        "\"categories\": [{\"id\": 90, \"name\": \"b\"}], \"annotations\": ["
        "{\"image_id\": 1, \"category_id\": 90, \"bbox\": [2, 1, 4, 4]}, "
        "{\"image_id\": 2, \"category_id\": 90, \"bbox\": [2, 1, 4, 4]}, "
        "{\"image_id\": 3, \"category_id\": 90, \"bbox\": [2, 1, 4, 4]}, "
        "{\"image_id\": 3, \"category_id\": 7, \"bbox\": [2, 1, 4, 4]}, "
        "{\"image_id\": 9, \"category_id\": 90, \"bbox\": [2, 1, 4, 4]}, "
        "{\"image_id\": 5, \"category_id\": 90, \"bbox\": [2, 1, 4, 4]}]}";
    write_picture("c/1.ppm", 20, 10, 1);
    write_picture("c/3.ppm", 20, 10, 3);
    write_picture("c/5.ppm", 20, 10, 5);
    write_text("c.json", text);
    char *folder = strdup(scratch_path("c")), *path = strdup(scratch_path("c.json"));
    tn_pictures_opt opt = {.most_boxes = 3, .height = 10, .width = 20};
    assert_null(tn_dataset_picture_boxes(context, folder, path, TN_BOXES_COCO, &opt));
    says("c.json: there is no picture \"gone.ppm\"");
    assert_null(strstr(tn_context_error(context), "other"));
    opt.skip_bad = true;
    tn_dataset *d = tn_dataset_picture_boxes(context, folder, path, TN_BOXES_COCO, &opt);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 6);
    const char *const parts[] = {"c.json: there is no picture \"gone.ppm\"", "c.json: annotation 3: category 7",
                                 "c.json: an image", "c.json: annotation 4: there is no image 9"};
    assert_int_equal(left_out(d, parts, 4), 4);
    tn_dataset_free(d);
    write_text("c.json", "{\"images\": [{\"id\": 1, \"file_name\": \"1.ppm\"}, {\"id\": 1, \"file_name\": \"3.ppm\"}], "
                         "\"categories\": [], \"annotations\": []}");
    assert_null(tn_dataset_picture_boxes(context, folder, path, TN_BOXES_COCO, &opt));
    says("c.json: two images have the id 1");
    free(folder);
    free(path);
}
#endif

/* As a trainer takes them: a class for each place, none where the mask has 255, and no class that there is not. */
static void check_mask_targets(tn_dataset *d)
{
    uint8_t x[24];
    int64_t y[8], due[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 2, 4}), tn_view_of(y, TN_I64, 1, (int64_t[]){8})};
    tn_dataset *t = tn_dataset_picture_targets(context, d, 4, NULL);
    assert_non_null(t);
    assert_int_equal(tn_dataset_get(context, t, 0, 0, views), TN_OK);
    assert_memory_equal(y, due, sizeof due);
    assert_string_equal(tn_dataset_class_name(t, 3), "3");
    assert_null(tn_dataset_picture_targets(context, t, 4, NULL));
    says("the fields \"x\" and \"mask\" or \"boxes\"");
    tn_dataset_free(t);
    t = tn_dataset_picture_targets(context, d, 3, NULL);
    assert_int_equal(tn_dataset_get(context, t, 0, 0, views), TN_FORMAT);
    says("masks/1.pgm: the mask has a pixel of class 3; there are the classes 0 to 2");
    tn_dataset_free(t);
    assert_null(tn_dataset_picture_targets(context, d, 0, NULL));
    says("masks have 1 to 255 classes, not 0");
    write_text("masks/1.pgm", "P2 8 4 255\n0 0 0 0 1 1 1 1 0 0 0 0 1 1 1 1 255 255 2 2 3 3 3 3 255 255 2 2 3 3 3 3");
    t = tn_dataset_picture_targets(context, d, 4, (const char *const[]){"a", "b", "c", "d"});
    assert_int_equal(tn_dataset_get(context, t, 0, 0, views), TN_OK);
    assert_int_equal(y[4], -100);
    assert_int_equal(y[5], 2);
    assert_string_equal(tn_dataset_class_name(t, 3), "d");
    tn_dataset_free(t);
}

static void masks(void **state)
{
    (void)state;
    write_picture("images/1.ppm", 8, 4, 9);
    write_text("masks/1.pgm", "P2 8 4 255\n0 0 0 0 1 1 1 1 0 0 0 0 1 1 1 1 2 2 2 2 3 3 3 3 2 2 2 2 3 3 3 3");
    tn_dataset *d = tn_dataset_picture_masks(
        context, scratch_path("."), NULL, "masks",
        TN_OPT(tn_pictures_opt, .under = "images", .height = 2, .width = 4, .fit = TN_FIT_STRETCH));
    if (!d)
        fail_msg("%s", tn_context_error(context));
    uint8_t x[24], mask[8], due[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 2, 4}), tn_view_of(mask, TN_U8, 2, (int64_t[]){2, 4})};
    assert_int_equal(tn_dataset_find(d, "mask"), 1);
    assert_int_equal(tn_dataset_get(context, d, 0, 0, views), TN_OK);
    assert_memory_equal(mask, due, 8);
    check_mask_targets(d);
    tn_dataset_free(d);
    write_text("masks/1.pgm", "P2 1 1 255 0");
    d = tn_dataset_picture_masks(context, scratch_path("images"), scratch_path("masks"), NULL,
                                 TN_OPT(tn_pictures_opt, .height = 2, .width = 4));
    assert_int_equal(tn_dataset_get(context, d, 0, 0, views), TN_FORMAT);
    says("masks/1.pgm: this mask has 1 x 1 pixels");
    tn_dataset_free(d);
}

static void check_boxes(tn_dataset *d)
{
    if (!d)
        fail_msg("%s", tn_context_error(context));
    uint8_t x[3 * 50 * 100];
    float boxes[3][5];
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 50, 100}),
                        tn_view_of(boxes, TN_F32, 2, (int64_t[]){3, 5})};
    assert_int_equal(tn_dataset_find(d, "boxes"), 1);
    if (tn_dataset_get(context, d, 0, 0, views) != TN_OK)
        fail_msg("%s", tn_context_error(context));
    const float due[3][5] = {{1, 10, 5, 30, 25}, {0, 50, 0, 100, 50}, {-1, 0, 0, 0, 0}};
    for (int i = 0; i < 15; i++)
        assert_true(boxes[i / 5][i % 5] > due[i / 5][i % 5] - 1e-3f && boxes[i / 5][i % 5] < due[i / 5][i % 5] + 1e-3f);
    tn_dataset_free(d);
}

static void boxes(void **state)
{
    (void)state;
    const tn_pictures_opt opt = {.most_boxes = 3, .height = 50, .width = 100};
    write_picture("yolo/images/1.ppm", 200, 100, 1);
    write_text("yolo/labels/1.txt", "1 0.2 0.3 0.2 0.4\r\n0 0.75 0.5 0.5 1\n");
    check_boxes(tn_dataset_picture_boxes(context, scratch_path("yolo"), NULL, TN_BOXES_YOLO, &opt));
    write_text("yolo/labels/1.txt", "1 0.2 0.3 0.2 0.4\n0 0.75 0.5 much 1\n");
    assert_null(tn_dataset_picture_boxes(context, scratch_path("yolo"), NULL, TN_BOXES_YOLO, &opt));
    says("labels/1.txt:2: \"much\" is no number");
    write_text("yolo/labels/1.txt", "1 0.2 0.3 0.2 0.4 0.9 \n0 0.1 0.1 0.5 0.1 0.3 0.6\n");
    assert_null(tn_dataset_picture_boxes(context, scratch_path("yolo"), NULL, TN_BOXES_YOLO, &opt));
    says("labels/1.txt:2: more numbers than");
    write_picture("coco/1.ppm", 200, 100, 1);
#ifdef TARN_HAVE_JANSSON
    write_text("coco.json",
               "{\"images\": [{\"id\": 7, \"file_name\": \"1.ppm\"}], \"categories\": [{\"id\": 90, \"name\": "
               "\"b\"}, {\"id\": 3, \"name\": \"a\"}], \"annotations\": [{\"image_id\": 7, \"category_id\": "
               "90, \"bbox\": [20, 10, 40, 40]}, {\"image_id\": 7, \"category_id\": 3, \"bbox\": [100, 0, "
               "100, 100]}]}");
    tn_dataset *d =
        tn_dataset_picture_boxes(context, scratch_path("coco"), scratch_path("coco.json"), TN_BOXES_COCO, &opt);
    assert_non_null(d);
    assert_string_equal(tn_dataset_box_class(d, 0), "a");
    assert_null(tn_dataset_box_class(d, 2));
    check_boxes(d);
    write_text("coco.json", "{\"images\": [], \"categories\": [], \"annotations\": [{\"image_id\": 7}]}");
    assert_null(
        tn_dataset_picture_boxes(context, scratch_path("coco"), scratch_path("coco.json"), TN_BOXES_COCO, &opt));
    says("coco.json: ");
#endif
#ifdef TARN_HAVE_EXPAT
    write_picture("voc/JPEGImages/1.ppm", 200, 100, 1);
    write_text(
        "voc/Annotations/1.xml",
        "<annotation><size><width>200</width></size><object><name>b</name><part><bndbox/></part><bndbox><xmin>21"
        "</xmin><ymin>11</ymin><xmax>60</xmax><ymax> 50 </ymax></bndbox></object><object><bndbox><xmin>101</xmin>"
        "<ymin>1</ymin><xmax>200</xmax><ymax>100</ymax></bndbox><name>a</name></object></annotation>");
    check_boxes(tn_dataset_picture_boxes(context, scratch_path("voc"), NULL, TN_BOXES_VOC, &opt));
    write_text("voc/Annotations/1.xml", "<!DOCTYPE a [<!ENTITY b \"x\">]><annotation/>");
    assert_null(tn_dataset_picture_boxes(context, scratch_path("voc"), NULL, TN_BOXES_VOC, &opt));
    says("1.xml:1: it declares an entity");
    write_text("voc/Annotations/1.xml", "<annotation>\n<object></annotation>");
    assert_null(tn_dataset_picture_boxes(context, scratch_path("voc"), NULL, TN_BOXES_VOC, &opt));
    says("1.xml:2: this is not XML");
#endif
}

static void compare_deep(tn_pictures_opt opt)
{
    enum { MOST = 3 * 40 * 40 };
    static uint8_t plain[MOST];
    static float deep[MOST];
    int64_t y;
    tn_dataset *a = tn_dataset_pictures(context, scratch_path("deep"), &opt);
    opt.deep = true;
    tn_dataset *b = tn_dataset_pictures(context, scratch_path("deep"), &opt);
    if (!a || !b)
        fail_msg("%s", tn_context_error(context));
    const tn_field *f = tn_dataset_field(b, 0);
    assert_int_equal(f->dtype, TN_F32);
    tn_view of_a[2] = {tn_view_of(plain, TN_U8, 3, f->dims), tn_view_of(&y, TN_I64, 0, NULL)};
    tn_view of_b[2] = {tn_view_of(deep, TN_F32, 3, f->dims), tn_view_of(&y, TN_I64, 0, NULL)};
    for (int64_t i = 0; i < 2; i++) {
        assert_int_equal(tn_dataset_get(context, a, i, 0, of_a), TN_OK);
        assert_int_equal(tn_dataset_get(context, b, i, 0, of_b), TN_OK);
        for (int64_t k = 0; k < 3 * f->dims[1] * f->dims[2]; k++)
            if (deep[k] * 255 > (float)plain[k] + 1.001F || deep[k] * 255 < (float)plain[k] - 1.001F)
                fail_msg("fit %d, picture %d: value %d is %g, not %d", (int)opt.fit, (int)i, (int)k,
                         (double)(deep[k] * 255), plain[k]);
    }
    tn_dataset_free(a);
    tn_dataset_free(b);
}

/* Of pictures of 8 bits what is kept at 16 is the same, but for rounding; steps are refused. */
static void deep(void **state)
{
    (void)state;
    static unsigned char bytes[40000];
    for (int p = 0; p < 2; p++) {
        const int width = p ? 23 : 31, height = p ? 37 : 19;
        int n = snprintf((char *)bytes, 64, "P6 %d %d 255\n", width, height);
        for (int i = 0; i < width * height * 3; i++)
            bytes[n + i] = (unsigned char)(i / 3 % width * 7 + i / 3 / width * 5 + i % 3 * 40);
        write_file(p ? "deep/a/2.ppm" : "deep/a/1.ppm", bytes, (size_t)(n + width * height * 3));
    }
    for (int fit = TN_FIT_CROP; fit <= TN_FIT_PAD; fit++) {
        compare_deep((tn_pictures_opt){.height = 12, .width = 9, .fit = (tn_fit)fit, .fill = 90});
        compare_deep((tn_pictures_opt){.height = 40, .width = 38, .fit = (tn_fit)fit});
    }
    compare_deep((tn_pictures_opt){0});
    tn_pipeline *p = tn_pipeline_parse(context, "flip_horizontal");
    assert_null(
        tn_dataset_pictures(context, scratch_path("deep"), TN_OPT(tn_pictures_opt, .deep = true, .pipeline = p)));
    says("pictures of 16 bits have no steps, masks or boxes");
    tn_pipeline_free(p);
}

static void cifar(void **state)
{
    (void)state;
    static unsigned char record[2 * 3073];
    int64_t label;
    record[0] = 3;
    record[1] = 77;
    record[3073] = 9;
    for (int k = 1; k <= 5; k++) {
        char name[80];
        snprintf(name, sizeof name, "c/cifar-10-batches-bin/data_batch_%d.bin", k);
        write_file(name, record, sizeof record);
    }
    write_text("c/cifar-10-batches-bin/batches.meta.txt",
               "airplane\ncar\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    tn_dataset *d = tn_dataset_cifar(context, scratch_path("c"), true);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 10);
    assert_string_equal(tn_dataset_class_name(d, 3), "cat");
    assert_int_equal(shade_of(d, 0, &label), 77);
    assert_int_equal(label, 3);
    /* A pipeline on top, with a size of its own. */
    tn_pipeline *p = tn_pipeline_parse(context, "random_crop padding=4; flip_horizontal");
    tn_dataset *a = p ? tn_dataset_augment(context, d, p, 24, 24) : NULL;
    if (!a)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_field(a, 0)->dims[2], 24);
    (void)shade_of(a, 9, &label);
    assert_int_equal(label, 9);
    tn_pipeline_free(p);
    tn_dataset_free(a);
    tn_dataset_free(d);
    assert_null(tn_dataset_cifar(context, scratch_path("c"), false));
    says("holds no file test_batch.bin");
    write_file("c/test_batch.bin", record, 3072);
    assert_null(tn_dataset_cifar(context, scratch_path("c"), false));
    says("c/test_batch.bin: its 3072 bytes are not a whole number of records");
    record[3073] = 10;
    write_file("c/test_batch.bin", record, sizeof record);
    assert_null(tn_dataset_cifar(context, scratch_path("c"), false));
    says("c/test_batch.bin: record 1, from 0, has the label 10; there are 10 classes");
}

static void arrays(void **state)
{
    (void)state;
    base_error e = {0};
    uint8_t x[2][2][4][3], y[2] = {1, 0};
    for (size_t i = 0; i < sizeof x; i++)
        ((uint8_t *)x)[i] = (uint8_t)i;
    tn_view vx = tn_view_of(x, TN_U8, 4, (int64_t[]){2, 2, 4, 3}), vy = tn_view_of(y, TN_U8, 2, (int64_t[]){2, 1});
    assert_int_equal(format_npy_write(scratch_path("x.npy"), &vx, &e), TN_OK);
    assert_int_equal(format_npy_write(scratch_path("y.npy"), &vy, &e), TN_OK);
    tn_dataset *d = tn_dataset_arrays(context, scratch_path("x.npy"), NULL, scratch_path("y.npy"), NULL);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    int64_t label;
    assert_int_equal(tn_dataset_field(d, 0)->dims[0], 3);
    assert_int_equal(tn_dataset_classes(d), 2);
    uint8_t planes[24];
    tn_view views[2] = {tn_view_of(planes, TN_U8, 3, (int64_t[]){3, 2, 4}), tn_view_of(&label, TN_I64, 0, NULL)};
    assert_int_equal(tn_dataset_get(context, d, 1, 0, views), TN_OK);
    assert_int_equal(label, 0);
    for (int i = 0; i < 24; i++)
        assert_int_equal(planes[i], 24 + i % 8 * 3 + i / 8);
    tn_dataset_free(d);
    assert_null(tn_dataset_arrays(context, scratch_path("x.npy"), NULL, scratch_path("x.npy"),
                                  TN_OPT(tn_arrays_opt, .classes = -1)));
    /* what is wrong with labels is said of their file */
    int8_t negative[2] = {0, -1};
    tn_view vn = tn_view_of(negative, TN_I8, 1, (int64_t[]){2}), v1 = tn_view_of(negative, TN_I8, 1, (int64_t[]){1}),
            v0 = tn_view_of(negative, TN_I8, 1, (int64_t[]){0});
    assert_int_equal(format_npy_write(scratch_path("neg.npy"), &vn, &e), TN_OK);
    assert_null(tn_dataset_arrays(context, scratch_path("x.npy"), NULL, scratch_path("neg.npy"), NULL));
    says("/neg.npy: label -1 of sample 1 of the array y lies outside 0 to ");
    assert_null(strstr(tn_context_error(context), "x.npy"));
    assert_int_equal(format_npy_write(scratch_path("one.npy"), &v1, &e), TN_OK);
    assert_null(tn_dataset_arrays(context, scratch_path("x.npy"), NULL, scratch_path("one.npy"), NULL));
    says("x.npy: x has 2 samples, y (");
    says("one.npy) has 1");
    assert_int_equal(format_npy_write(scratch_path("none.npy"), &v0, &e), TN_OK);
    assert_null(tn_dataset_arrays(context, scratch_path("x.npy"), NULL, scratch_path("none.npy"), NULL));
    says("none.npy: the array y has no samples");
    /* a NaN is told with its sample, which can be left out */
    float odd[4] = {1, 2, NAN, 4};
    tn_view vo = tn_view_of(odd, TN_F32, 2, (int64_t[]){2, 2});
    assert_int_equal(format_npy_write(scratch_path("odd.npy"), &vo, &e), TN_OK);
    d = tn_dataset_arrays(context, scratch_path("odd.npy"), NULL, scratch_path("y.npy"), NULL);
    assert_non_null(d);
    assert_int_equal(left_out(d, (const char *const[]){"odd.npy: sample 1 of the array x holds a NaN"}, 1), 1);
    tn_dataset_free(d);
    assert_null(tn_dataset_arrays(context, scratch_path("nowhere"), NULL, "y", NULL));
    says("nowhere: No such file");
    const char *data = getenv("TARN_DATA");
    char path[600];
    snprintf(path, sizeof path, "%s/pneumonia-mnist/pneumoniamnist.npz", data ? data : "../shared/data");
    if (!base_file_exists(path)) {
        print_message("SKIPPED: the data pack is not there\n");
        return;
    }
    d = tn_dataset_arrays(context, path, "test_images", "test_labels", NULL);
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 624);
    assert_int_equal(tn_dataset_field(d, 0)->dims[0], 1);
    int64_t sum = 0;
    for (int64_t i = 0; i < 624; i++) {
        assert_int_equal(tn_dataset_label(context, d, i, &label), TN_OK);
        sum += label;
    }
    assert_int_equal(sum, 390);
    tn_dataset_free(d);
    assert_null(tn_dataset_arrays(context, path, "pictures", NULL, NULL));
    says("has no array \"pictures\"; it has test_images.npy, ");
}

/* ---- the loader ------------------------------------------------------------------------------------------------ */

static uint64_t epochs_of(const tn_dataset *d, int workers, int64_t from)
{
    tn_loader *l =
        tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 3, .shuffle = true, .seed = 4, .workers = workers));
    uint64_t sum = 0;
    assert_non_null(l);
    if (from > 0)
        assert_int_equal(tn_loader_seek(l, 0, from), TN_OK);
    for (int64_t epoch = 0; epoch < 2;) {
        const tn_batch *b;
        if (tn_loader_next(l, &b) != TN_OK)
            fail_msg("%s", tn_loader_error(l));
        epoch += !b;
        if (b && (b->epoch > 0 || b->index >= 2)) /* what a resumed run sees as well */
            for (int f = 0; f < b->n_fields; f++)
                sum = base_hash(b->fields[f].data,
                                (size_t)tn_view_count(&b->fields[f]) * tn_dtype_size(b->fields[f].dtype), sum);
    }
    tn_loader_free(l);
    return sum;
}

/* The same batches bit for bit with any number of workers, and after a resume in the middle; transforms included. */
static void workers(void **state)
{
    (void)state;
    for (int i = 0; i < 11; i++) {
        char name[40];
        snprintf(name, sizeof name, "w/%c/%d.ppm", "ab"[i % 2], i);
        write_picture(name, 30 + i, 25, i * 20);
    }
    tn_pipeline *p = tn_pipeline_parse(context, "random_resized_crop height=16 width=16; flip_horizontal; randaugment; "
                                                "gaussian_noise");
    tn_dataset *d = tn_dataset_pictures(context, scratch_path("w"),
                                        TN_OPT(tn_pictures_opt, .height = 16, .width = 16, .pipeline = p));
    assert_non_null(d);
    uint64_t due = epochs_of(d, 0, 0);
    static const int counts[] = {1, 2, 7};
    for (int i = 0; i < 3; i++)
        assert_true(epochs_of(d, counts[i], 0) == due && epochs_of(d, counts[i], 2) == due);
    tn_dataset_free(d);
    tn_pipeline_free(p);
}

/* Boxes as targets: the same batches for any number of workers, and after a resume in the middle. */
static void check_box_targets(tn_dataset *d)
{
    tn_dataset *t = tn_dataset_picture_targets(context, d, 0, NULL);
    assert_non_null(t);
    assert_int_equal(tn_dataset_classes(t), 1);
    assert_int_equal(tn_dataset_find(t, "y"), 1);
    int64_t label;
    assert_int_equal(tn_dataset_label(context, t, 0, &label), TN_UNSUPPORTED);
    const uint64_t due = epochs_of(t, 0, 0);
    static const int counts[] = {1, 2, 7};
    for (int i = 0; i < 3; i++)
        assert_true(epochs_of(t, counts[i], 0) == due && epochs_of(t, counts[i], 1) == due);
    tn_dataset_free(t);
    write_text("m/3.txt", "1 0.5 0.5 1 1\n");
    tn_dataset *two = tn_dataset_picture_boxes(context, scratch_path("m"), NULL, TN_BOXES_YOLO,
                                               TN_OPT(tn_pictures_opt, .height = 64, .width = 64));
    t = tn_dataset_picture_targets(context, two, 1, NULL);
    uint8_t x[3 * 64 * 64];
    float boxes[5];
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 64, 64}),
                        tn_view_of(boxes, TN_F32, 2, (int64_t[]){1, 5})};
    assert_int_equal(tn_dataset_get(context, t, 3, 0, views), TN_FORMAT);
    says("m/3.p");
    says(": a box is of class 1; there are the classes 0 to 0");
    tn_dataset_free(t);
    /* a subset knows the file too, and a mosaic those that are in it */
    tn_dataset *last = tn_dataset_subset(context, two, (const int64_t[]){3}, 1);
    t = tn_dataset_picture_targets(context, last, 1, NULL);
    assert_int_equal(tn_dataset_get(context, t, 0, 0, views), TN_FORMAT);
    says("m/3.p");
    tn_dataset_free(t);
    tn_dataset_free(last);
    tn_dataset_free(two);
    tn_pipeline *p = tn_pipeline_parse(context, "mosaic height=64 width=64");
    two = tn_dataset_picture_boxes(context, scratch_path("m"), NULL, TN_BOXES_YOLO,
                                   TN_OPT(tn_pictures_opt, .height = 64, .width = 64, .pipeline = p, .most_boxes = 4));
    t = tn_dataset_picture_targets(context, two, 1, NULL);
    float four[20];
    views[1] = tn_view_of(four, TN_F32, 2, (int64_t[]){4, 5});
    assert_int_equal(tn_dataset_get(context, t, 3, 1, views), TN_FORMAT);
    assert_ptr_equal(strstr(tn_context_error(context), scratch_path("m/3.p")), tn_context_error(context));
    int commas = 0;
    for (const char *c = tn_context_error(context); *c != ':'; c++)
        commas += *c == ',';
    assert_int_equal(commas, 3);
    says(": a box is of class 1; there are the classes 0 to 0");
    tn_dataset_free(t);
    tn_dataset_free(two);
    tn_pipeline_free(p);
}

/* Four pictures in one: quarters of four shades, the boxes of all four. */
static void mosaic(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[40];
        snprintf(name, sizeof name, "m/%d.ppm", i);
        write_picture(name, 64, 64, 50 * i + 40);
        snprintf(name, sizeof name, "m/%d.txt", i);
        write_text(name, "0 0.5 0.5 1 1\n");
    }
    tn_pipeline *p = tn_pipeline_parse(context, "mosaic height=64 width=64");
    tn_dataset *d = tn_dataset_picture_boxes(context, scratch_path("m"), NULL, TN_BOXES_YOLO,
                                             TN_OPT(tn_pictures_opt, .height = 64, .width = 64, .pipeline = p));
    assert_non_null(d);
    assert_int_equal(tn_dataset_field(d, 1)->dims[0], 4);
    uint8_t x[3 * 64 * 64];
    float boxes[4][5];
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 64, 64}),
                        tn_view_of(boxes, TN_F32, 2, (int64_t[]){4, 5})};
    for (uint64_t key = 0; key < 20; key++) {
        double area = 0;
        assert_int_equal(tn_dataset_get(context, d, 1, key, views), TN_OK);
        assert_int_equal(x[0], 90);
        for (int i = 0; i < 4; i++) {
            assert_true(boxes[i][0] == 0);
            area += (double)((boxes[i][3] - boxes[i][1]) * (boxes[i][4] - boxes[i][2]));
        }
        assert_true(area > 4095.9 && area < 4096.1);
    }
    check_box_targets(d);
    tn_dataset_free(d);
    tn_pipeline_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_class, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(two_shades, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(broken, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(broken_first, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(lists, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(shards, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(broken_shards, context_begin_scratch, context_end_scratch),
#ifdef TARN_HAVE_JANSSON
        cmocka_unit_test_setup_teardown(broken_coco, context_begin_scratch, context_end_scratch),
#endif
        cmocka_unit_test_setup_teardown(masks, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(boxes, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(deep, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(cifar, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(arrays, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(workers, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(mosaic, context_begin_scratch, context_end_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
