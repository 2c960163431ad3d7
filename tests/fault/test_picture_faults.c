/* test_picture_faults.c: data sets of pictures when memory is out: each allocation in turn. Either samples come, or a sentence does;
 * nothing leaks, and no file is left open. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/file.h"
#include "support/faults.h"
#include "support/scratch.h"

#include <tarn/picture.h>

typedef tn_status (*job)(tn_context *context);

/* All samples of a set, with a key each; frees it. */
static tn_status take_all(tn_context *c, tn_dataset *d)
{
    static uint8_t x[3 * 24 * 24], mask[24 * 24];
    static float boxes[40 * 5];
    int64_t label;
    if (!d)
        return c->err.status;
    tn_status status = TN_OK;
    for (int64_t i = 0; status == TN_OK && i < tn_dataset_count(d); i++) {
        tn_view views[4];
        for (int f = 0; f < tn_dataset_fields(d); f++) {
            const tn_field *field = tn_dataset_field(d, f);
            void *at = strcmp(field->name, "x") == 0      ? (void *)x
                       : strcmp(field->name, "mask") == 0 ? (void *)mask
                       : strcmp(field->name, "y") == 0    ? (void *)&label
                                                          : (void *)boxes;
            views[f] = tn_view_of(at, field->dtype, field->rank, field->dims);
        }
        status = tn_dataset_get(c, d, i, (uint64_t)i, views);
    }
    tn_dataset_free(d);
    return status;
}

static const char STEPS[] =
    "random_resized_crop height=30 width=30 probability=0.5; flip_horizontal; pad; random_crop height=28 width=28; "
    "rotate; "
    "affine shear_x=5; perspective probability=1; elastic alpha=9; colour_jitter brightness=0.2 hue=0.1; sharpness; "
    "gaussian_blur; random_erasing; randaugment n=3; autoaugment; centre_crop height=26 width=26";

static tn_status by_class(tn_context *c)
{
    tn_pipeline *p = tn_pipeline_parse(c, STEPS);
    tn_dataset *d = p ? tn_dataset_pictures(c, scratch_path("set"),
                                            TN_OPT(tn_pictures_opt, .height = 24, .width = 24, .pipeline = p))
                      : NULL;
    tn_pipeline_free(p);
    return take_all(c, d);
}

static tn_status from_tar(tn_context *c)
{
    return take_all(
        c, tn_dataset_pictures(c, scratch_path("set.tar"), TN_OPT(tn_pictures_opt, .height = 24, .width = 24)));
}

#ifdef TARN_HAVE_ZLIB
static tn_status from_gzip(tn_context *c)
{
    return take_all(c, tn_dataset_pictures(c, scratch_path("set.tar.gz"),
                                           TN_OPT(tn_pictures_opt, .height = 24, .width = 24, .fit = TN_FIT_PAD)));
}
#endif

/* In a folder that is new each time: written first, then read; and in memory. */
static tn_status kept(tn_context *c)
{
    static int times;
    char folder[600];
    (void)snprintf(folder, sizeof folder, "%s/%d", scratch_path("kept"), times++);
    tn_status status = TN_OK;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        const tn_cache_opt cache = {.folder = i < 2 ? folder : NULL, .context = c};
        status = take_all(c, tn_dataset_pictures(c, scratch_path("set"),
                                                 TN_OPT(tn_pictures_opt, .height = 24, .width = 24, .cache = &cache)));
    }
    return status;
}

static tn_status listed(tn_context *c)
{
    return take_all(c, tn_dataset_picture_list(c, scratch_path("set"), scratch_path("list.csv"),
                                               TN_OPT(tn_pictures_opt, .height = 24, .width = 24)));
}

static tn_status masked(tn_context *c)
{
    return take_all(c, tn_dataset_picture_masks(c, scratch_path("set"), scratch_path("masks"), NULL,
                                                TN_OPT(tn_pictures_opt, .height = 24, .width = 24)));
}

static tn_status boxed(tn_context *c)
{
    tn_pipeline *p = tn_pipeline_parse(c, "mosaic height=40 width=40; affine degrees=10; flip_vertical");
    tn_dataset *d = p ? tn_dataset_picture_boxes(c, scratch_path("yolo"), NULL, TN_BOXES_YOLO,
                                                 TN_OPT(tn_pictures_opt, .height = 24, .width = 24, .pipeline = p))
                      : NULL;
    tn_pipeline_free(p);
    return take_all(c, d);
}

#ifdef TARN_HAVE_EXPAT
static tn_status annotated(tn_context *c)
{
    return take_all(c, tn_dataset_picture_boxes(c, scratch_path("voc"), NULL, TN_BOXES_VOC,
                                                TN_OPT(tn_pictures_opt, .height = 24, .width = 24)));
}
#endif

static const struct {
    const char *name;
    job run;
} jobs[] = {
    {"by_class", by_class},   {"from_tar", from_tar},
#ifdef TARN_HAVE_ZLIB
    {"from_gzip", from_gzip},
#endif
    {"kept", kept},           {"listed", listed},     {"masked", masked}, {"boxed", boxed},
#ifdef TARN_HAVE_EXPAT
    {"annotated", annotated},
#endif
};

/* ---- what it works on ------------------------------------------------------------------------------------------ */

static void put(const char *name, const char *text, size_t bytes)
{
    base_error e = {0};
    char folder[600];
    snprintf(folder, sizeof folder, "%s", scratch_path(name));
    *strrchr(folder, '/') = '\0';
    assert_int_equal(base_make_folder(folder, &e), TN_OK);
    assert_int_equal(base_file_write(scratch_path(name), text, bytes, &e), TN_OK);
}

static void put_picture(const char *name, int width, int height)
{
    char bytes[32 + 3 * 40 * 40] = "";
    int n = snprintf(bytes, 32, "P6 %d %d 255\n", width, height);
    for (int i = 0; i < width * height * 3; i++)
        bytes[n + i] = (char)(i * 7);
    put(name, bytes, (size_t)(n + width * height * 3));
}

static void put_mask(const char *name, int width, int height)
{
    char bytes[32 + 40 * 40] = "";
    const int n = snprintf(bytes, 32, "P5 %d %d 255\n", width, height);
    put(name, bytes, (size_t)(n + width * height));
}

static int setup(void **state)
{
    (void)state;
    char command[1000];
    if (!scratch_new())
        return 1;
    put_picture("set/cat/1.ppm", 40, 30);
    put_picture("set/dog/1.ppm", 20, 33);
    put_mask("masks/cat/1.pgm", 40, 30);
    put_mask("masks/dog/1.pgm", 20, 33);
    put("list.csv", "cat/1.ppm,a\ndog/1.ppm,b\n", 24);
    put_picture("yolo/1.ppm", 40, 30);
    put("yolo/1.txt", "0 0.5 0.5 0.5 0.5\n1 0.2 0.2 0.2 0.2\n", 36);
    static const char xml[] = "<annotation><object><name>b</name><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>6</xmax>"
                              "<ymax>5</ymax></bndbox></object></annotation>";
    put_picture("voc/1.ppm", 40, 30);
    put("voc/1.xml", xml, sizeof xml - 1);
    snprintf(command, sizeof command, "cd '%s' && tar -C set -cf set.tar . && gzip -kf set.tar", scratch_path("."));
    return system(command) == 0 ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

/* ---- the test -------------------------------------------------------------------------------------------------- */

/* The number that the next file would be opened under. */
static int next_file(void)
{
    const int fd = open("/dev/null", O_RDONLY), number = fd;
    assert_true(fd >= 0);
    close(fd);
    return number;
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    if (!FAULTS_WORK) {
        print_message("SKIPPED: a sanitizer stands where failures are made\n");
        skip();
    }
    long struck = 0;
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        tn_context *c = tn_context_new(NULL);
        if (jobs[j].run(c) != TN_OK)
            fail_msg("%s: %s", jobs[j].name, tn_context_error(c));
        bool fired = true;
        int files = next_file();
        for (long n = 0; fired; n++) {
            long live = faults.live;
            base_clear(&c->err);
            faults_set(&faults.allocate_in, n);
            tn_status status = jobs[j].run(c);
            fired = faults_clear();
            struck += fired;
            if (status != TN_OK && (!fired || !c->err.text[0]))
                fail_msg("%s, call %ld: %s: \"%s\"", jobs[j].name, n, tn_status_name(status), c->err.text);
            if (faults.live != live)
                fail_msg("%s, call %ld: %ld allocations are left", jobs[j].name, n, faults.live - live);
            assert_int_equal(next_file(), files);
        }
        tn_context_free(c);
    }
    assert_true(struck > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_in_turn)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
