/* test_data_faults.c: the data room when memory is out, or a disk fails: each allocation, read and write in turn. What is
 * asked for either comes, or a sentence does; nothing leaks; nothing is left beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/context.h"
#include "base/file.h"
#include "support/faults.h"
#include "support/scratch.h"

#include <tarn/data.h>

/* A piece of work: TN_OK, or the status of what failed with its sentence in the context. */
typedef tn_status (*job)(tn_context *context);

static tn_status status_of(const tn_context *c, const void *made)
{
    return made ? TN_OK : c->err.status;
}

/* ---- the work -------------------------------------------------------------------------------------------------- */

static tn_status take_batches(tn_context *c, const tn_dataset *d, int workers)
{
    const double mean = 0.5;
    const tn_transform t = {.field = "x", .scale = 1.0 / 255, .channels = 1, .mean = &mean, .move = 1};
    tn_loader *l = tn_loader_new(
        c, d,
        TN_OPT(tn_loader_opt, .batch = 3, .shuffle = true, .workers = workers, .transforms = &t, .n_transforms = 1));
    if (!l)
        return c->err.status;
    tn_status status = TN_OK;
    for (int i = 0; i < 5 && status == TN_OK; i++) {
        const tn_batch *b;
        status = tn_loader_next(l, &b);
    }
    if (status != TN_OK)
        base_fail(&c->err, status, "%s", tn_loader_error(l));
    tn_loader_free(l);
    return status;
}

static tn_status load_digits(tn_context *c)
{
    tn_dataset *d = tn_dataset_digits(c, TN_OPT(tn_digits_opt, .count = 12, .kept = true));
    tn_status status = d ? take_batches(c, d, 2) : c->err.status;
    tn_dataset_free(d);
    return status;
}

static tn_status cut_and_join(tn_context *c)
{
    tn_dataset *d = tn_dataset_digits(c, TN_OPT(tn_digits_opt, .count = 40)), *a = NULL, *b = NULL, *both = NULL,
               *some = NULL, *kept = NULL;
    tn_status status = status_of(c, d);
    if (status == TN_OK)
        status = tn_dataset_split(c, d, 0.5, 1, true, &a, &b);
    if (status == TN_OK)
        status = status_of(c, both = tn_dataset_concat(c, (const tn_dataset *[]){a, b}, 2));
    if (status == TN_OK)
        status = status_of(c, some = tn_dataset_range(c, both, 10, 20));
    if (status == TN_OK)
        status = status_of(c, kept = tn_dataset_cache(c, some, 0));
    if (status == TN_OK)
        status = take_batches(c, kept, 0);
    tn_dataset *of[] = {d, a, b, both, some, kept};
    for (size_t i = 0; i < 6; i++)
        tn_dataset_free(of[i]);
    return status;
}

static tn_status read_idx(tn_context *c)
{
    tn_dataset *d = tn_dataset_mnist(c, scratch_path("."), false, NULL);
    tn_status status = d ? take_batches(c, d, 0) : c->err.status;
    tn_dataset_free(d);
    return status;
}

static tn_status map_idx(tn_context *c)
{
    tn_dataset *d = tn_dataset_mnist(c, scratch_path("."), false, TN_OPT(tn_idx_opt, .map = true));
    tn_dataset_free(d);
    return status_of(c, d);
}

static tn_status use_picture(tn_context *c, const char *path)
{
    tn_picture *p = tn_picture_read(c, path, TN_OPT(tn_picture_opt, .channels = 3));
    tn_picture *q = p ? tn_picture_resize(c, p, 200, 100) : NULL;
    tn_picture *digit = q ? tn_picture_digit(c, q) : NULL;
    tn_status status = status_of(c, digit);
    tn_picture *of[] = {p, q, digit};
    for (size_t i = 0; i < 3; i++)
        tn_picture_free(of[i]);
    return status;
}

#ifdef TARN_HAVE_PNG
static tn_status read_png(tn_context *c)
{
    return use_picture(c, scratch_path("picture.png"));
}

/* What was there before stays when writing fails. */
static tn_status write_png(tn_context *c)
{
    tn_picture *p = tn_picture_new(c, 40, 30, 3);
    tn_status status = status_of(c, p);
    if (status == TN_OK)
        status = tn_picture_write_png(c, p, scratch_path("out.png"));
    tn_picture_free(p);
    return status;
}
#endif
#ifdef TARN_HAVE_JPEG
static tn_status read_jpeg(tn_context *c)
{
    return use_picture(c, scratch_path("picture.jpg"));
}
#endif

/* ---- what it works on ------------------------------------------------------------------------------------------ */

static void put(const char *name, const void *data, size_t bytes, bool pack)
{
    base_error e = {0};
#ifdef TARN_HAVE_ZLIB
    if (pack) {
        gzFile f = gzopen(scratch_path(name), "wb");
        assert_int_equal(gzwrite(f, data, (unsigned)bytes), bytes);
        assert_int_equal(gzclose(f), Z_OK);
        return;
    }
#else
    (void)pack;
#endif
    assert_int_equal(base_file_write(scratch_path(name), data, bytes, &e), TN_OK);
}

static uint8_t ring(int x, int y)
{
    int d = (x - 30) * (x - 30) + (y - 25) * (y - 25);
    return d > 150 && d < 330 ? 0 : 255;
}

#ifdef TARN_HAVE_JPEG
static void put_jpeg(void)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &n);
    c.image_width = 60;
    c.image_height = 50;
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < 50; y++) {
        uint8_t row[60];
        for (int x = 0; x < 60; x++)
            row[x] = ring(x, y);
        JSAMPROW rows[1] = {row};
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    put("picture.jpg", out, n, false);
    free(out);
}
#endif

static int setup(void **state)
{
    (void)state;
    if (!scratch_new())
        return 1;
    unsigned char x[16 + 10 * 12] = {0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 3, 0, 0, 0, 4},
                              y[18] = {0, 0, 8, 1, 0, 0, 0, 10};
    bool pack = false;
#ifdef TARN_HAVE_ZLIB
    pack = true;
#endif
    put(pack ? "t10k-images-idx3-ubyte.gz" : "t10k-images-idx3-ubyte", x, sizeof x, pack);
    put("t10k-labels-idx1-ubyte", y, sizeof y, false);
#ifdef TARN_HAVE_PNG
    tn_picture *p = tn_picture_new(NULL, 60, 50, 1);
    for (int i = 0; i < 60 * 50; i++)
        p->pixels[i] = ring(i % 60, i / 60);
    assert_int_equal(tn_picture_write_png(NULL, p, scratch_path("picture.png")), TN_OK);
    assert_int_equal(tn_picture_write_png(NULL, p, scratch_path("out.png")), TN_OK);
    tn_picture_free(p);
#endif
#ifdef TARN_HAVE_JPEG
    put_jpeg();
#endif
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

static const struct {
    const char *name;
    job run;
} jobs[] = {
    {"load_digits", load_digits}, {"cut_and_join", cut_and_join}, {"read_idx", read_idx}, {"map_idx", map_idx},
#ifdef TARN_HAVE_PNG
    {"read_png", read_png},       {"write_png", write_png},
#endif
#ifdef TARN_HAVE_JPEG
    {"read_jpeg", read_jpeg},
#endif
};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* ---- the tests ------------------------------------------------------------------------------------------------- */

/* Runs every job with call 0, 1, 2, ... of one kind failing until none is left to fail. */
static void each_in_turn(atomic_long *kind, tn_status expected, long at_least)
{
    if (!FAULTS_WORK) {
        print_message("SKIPPED: a sanitizer stands where failures are made\n");
        skip();
    }
    long struck = 0;
    for (int j = 0; j < JOBS; j++) {
        tn_context *c = tn_context_new(NULL);
        assert_int_equal(jobs[j].run(c),
                         TN_OK); /* first as it should be: what libraries keep for ever, they keep now */
        int names = scratch_count();
        bool fired = true;
        for (long n = 0; fired; n++) {
            long live = faults.live;
            base_clear(&c->err);
            faults_set(kind, n);
            tn_status status = jobs[j].run(c);
            fired = faults_clear();
            struck += fired;
            if (status != TN_OK && (!fired || status != expected || !c->err.text[0]))
                fail_msg("%s, call %ld: %s: \"%s\"", jobs[j].name, n, tn_status_name(status), c->err.text);
            if (faults.live != live)
                fail_msg("%s, call %ld: %ld allocations are left", jobs[j].name, n, faults.live - live);
            assert_int_equal(scratch_count(), names);
        }
        assert_int_equal(jobs[j].run(c), TN_OK);
        tn_context_free(c);
    }
    assert_true(struck >= at_least);
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    each_in_turn(&faults.allocate_in, TN_MEMORY, 40);
}

static void every_read_fails_in_turn(void **state)
{
    (void)state;
    each_in_turn(&faults.read_in, TN_IO, 2);
}

static void every_write_fails_in_turn(void **state)
{
    (void)state;
#ifdef TARN_HAVE_PNG
    each_in_turn(&faults.write_in, TN_IO, 5);
#else
    skip();
#endif
}

static void contexts_need_memory(void **state)
{
    (void)state;
    if (!FAULTS_WORK)
        skip();
    faults_set(&faults.allocate_in, 0);
    tn_context *c = tn_context_new(NULL);
    assert_true(faults_clear());
    assert_null(c);
}

/* After the first batches nothing is allocated, whatever the workers. */
static void loading_allocates_nothing(void **state)
{
    (void)state;
    if (!FAULTS_WORK)
        skip();
    tn_dataset *d = tn_dataset_digits(NULL, TN_OPT(tn_digits_opt, .count = 50));
    const tn_transform t = {.field = "x", .scale = 1.0 / 255, .rotate = 5};
    for (int workers = 0; workers < 4; workers++) {
        tn_loader *l = tn_loader_new(NULL, d,
                                     TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .workers = workers,
                                            .transforms = &t, .n_transforms = 1));
        assert_non_null(l);
        const tn_batch *b;
        for (int i = 0; i < 8; i++)
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
        long before = faults.allocations;
        for (int i = 0; i < 40; i++)
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
        assert_int_equal(faults.allocations, before);
        tn_loader_free(l);
    }
    tn_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_in_turn), cmocka_unit_test(every_read_fails_in_turn),
        cmocka_unit_test(every_write_fails_in_turn),      cmocka_unit_test(contexts_need_memory),
        cmocka_unit_test(loading_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
