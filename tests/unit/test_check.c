/* test_check.c: tn_data_check on what memory can name: equal rows, parts, classes, pictures that look alike, damaged files, and
 * memory that is out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "support/scratch.h"

#include <tarn/check.h>
#include <tarn/sound.h>

#include "support/faults.h"

static int setup(void **state)
{
    (void)state;
    return scratch_new() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

static void put(const char *name, const void *data, size_t bytes)
{
    FILE *f = fopen(scratch_path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(scratch_path(name), 0777), 0);
}

/* A picture of waves, brighter by `more`. */
static void put_picture(const char *name, int seed, int more)
{
    enum { SIDE = 24, HEAD = 13 };
    unsigned char file[HEAD + SIDE * SIDE];
    (void)snprintf((char *)file, sizeof file, "P5 %02d %02d 255\n", SIDE, SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        file[HEAD + i] = (unsigned char)((i % SIDE * seed * 9 + i / SIDE * 13 * seed) % 200 + more);
    put(name, file, sizeof file);
}

static void pictures(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    folder("p");
    folder("p/train");
    folder("p/train/a");
    folder("p/train/b");
    folder("p/train/none");
    folder("p/val");
    folder("p/val/a");
    put_picture("p/train/a/1.pgm", 1, 0);
    put_picture("p/train/b/2.pgm", 2, 0);
    put_picture("p/train/b/2_again.pgm", 2, 0);
    put_picture("p/train/b/3.pgm", 3, 0);
    put_picture("p/train/b/3_bright.pgm", 3, 2);
    put_picture("p/val/a/1.pgm", 1, 0);
    put_text("p/val/a/cut.pgm", "P5 24 24 255\nab");
    put_text("p/val/a/none.png", "");
    tn_data_report *r = tn_data_check(c, scratch_path("p"), TN_OPT(tn_check_opt, .shown = 5, .most = 1));
    assert_non_null(r);
    assert_int_equal(r->files, 8);
    assert_int_equal(r->samples[TN_SAMPLES_PICTURES][TN_PART_TRAIN], 5);
    assert_int_equal(r->samples[TN_SAMPLES_PICTURES][TN_PART_VAL], 1);
    assert_int_equal(r->bad_total, 2);
    assert_int_equal(r->n_bad, 1); /* as many as asked for */
    assert_int_equal(r->equal_total, 2);
    assert_int_equal(r->leak_total, 1);
    assert_int_equal(r->clash_total, 0);
    assert_int_equal(r->leaks[0].second_part, TN_PART_VAL);
    assert_int_equal(r->near_total, 1);
    assert_non_null(strstr(r->near[0].second, "3_bright.pgm"));
    assert_int_equal(r->n_classes, 3);
    assert_string_equal(r->classes[2].name, "none");
    assert_non_null(strstr(r->notes[0], "\"b\" has no sample in val"));
    assert_int_equal(r->n_shown, 5);
    assert_true(r->spreads[0].min == 24 && r->spreads[0].max == 24);
    assert_int_equal(r->columns[0].count, 6 * 24 * 24);
    tn_data_report_free(r);
    tn_context_free(c);
}

static void tables_and_texts(void **state)
{
    (void)state;
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1};
    static const unsigned char entries[] = {0, 0, 9, 2, 0, 0, 0, 2, 0, 0, 0, 2, 255, 1, 255, 1};
    tn_context *c = tn_context_new(NULL);
    folder("t");
    put_text("t/train.csv", "x,class\n1.5,red\n2,blue\n1.5,red\n");
    put_text("t/test.csv", "x,class\n2,blue\n3,red\n4\n");
    put_text("t/lines.txt", "a b\n\na b\n\xFF\n");
    put("t/train-labels-idx1-ubyte", labels, sizeof labels);
    put("t/t10k.idx", entries, sizeof entries);
    put("t/cut.npy", "\x93NUMPY", 6);
    put("t/cut.safetensors", "abc", 3);
    put("t/cut.wav", "RIFF", 4);
    put("t/other.bin", "x", 1);
    tn_data_report *r = tn_data_check(c, scratch_path("t"), NULL);
    assert_non_null(r);
    assert_int_equal(r->others, 1);
    assert_int_equal(r->samples[TN_SAMPLES_ROWS][TN_PART_TRAIN], 3);
    assert_int_equal(r->samples[TN_SAMPLES_ROWS][TN_PART_TEST], 2);
    assert_int_equal(r->samples[TN_SAMPLES_LINES][TN_PART_NONE], 2);
    assert_int_equal(r->samples[TN_SAMPLES_ENTRIES][TN_PART_TEST], 2);
    assert_int_equal(r->bad_total, 5); /* a row, a line, three files */
    assert_int_equal(r->leak_total, 1);
    assert_int_equal(r->equal_total, 4);
    assert_int_equal(r->n_classes, 4); /* 0, 1, blue, red */
    assert_int_equal(r->classes[1].count[TN_PART_TRAIN], 2);
    tn_data_report_free(r);

    assert_null(tn_data_check(c, scratch_path("nowhere"), NULL));
    assert_non_null(strstr(tn_context_error(c), "nowhere"));
    assert_null(tn_data_check(c, NULL, NULL));
    tn_data_report_free(NULL);
    tn_context_free(c);
}

static void sounds(void **state)
{
    (void)state;
    unsigned char wav[44 + 16] = "RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x08\0\0\0\x10\0\0\0\2\0\x10\0data\x10\0\0\0";
    tn_context *c = tn_context_new(NULL);
    folder("s");
    put("s/one.wav", wav, sizeof wav);
    put("s/two.wav", wav, sizeof wav);
    put("s/cut.wav", wav, 50);
    tn_data_report *r = tn_data_check(c, scratch_path("s"), NULL);
    assert_non_null(r);
    assert_int_equal(r->samples[TN_SAMPLES_SOUNDS][TN_PART_NONE], 2);
    assert_int_equal(r->equal_total, 1);
    assert_int_equal(r->bad_total, 1);
    assert_true(r->spreads[0].mean == 1.0); /* 8 samples of 8 Hz */
    tn_data_report_free(r);
    tn_context_free(c);
}

/* A tone that swells three times, at a loudness; `other`: higher, and swelling otherwise. */
static void put_sound(tn_context *c, const char *name, double loudness, bool other)
{
    tn_sound *s = tn_sound_new(c, 8000, 1, 8000);
    assert_non_null(s);
    for (int i = 0; i < 8000; i++) {
        const double t = i / 8000.0, swell = other ? fabs(cos(t * 5)) : fabs(sin(t * 9.4));
        s->samples[i] = (float)(loudness * swell * (sin(t * (other ? 9000 : 2000)) + 0.3 * sin(t * 11000)));
    }
    assert_int_equal(tn_sound_write_wav(c, s, scratch_path(name)), TN_OK);
    tn_sound_free(s);
}

/* Sounds that are the same but for how loud they are; without libsndfile it is said that nobody listened. */
static void alike_sounds(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    folder("n");
    put_sound(c, "n/1.wav", 0.6, false);
    put_sound(c, "n/2.wav", 0.4, false);
    put_sound(c, "n/3.wav", 0.6, true);
    tn_data_report *r = tn_data_check(c, scratch_path("n"), NULL);
    assert_non_null(r);
    assert_int_equal(r->samples[TN_SAMPLES_SOUNDS][TN_PART_NONE], 3);
    if (r->n_notes) {
        assert_non_null(strstr(r->notes[0], "by their headers alone"));
        print_message("SKIPPED: there is no libsndfile\n");
    } else {
        assert_int_equal(r->near_total, 1);
        assert_non_null(strstr(r->near[0].first, "1.wav"));
        assert_non_null(strstr(r->near[0].second, "2.wav"));
    }
    tn_data_report_free(r);
    tn_context_free(c);
}

/* Pictures in an array, u8 [4, 16, 16]: the third is the first but for a pixel, the fourth equal to the second. */
static void alike_entries(void **state)
{
    (void)state;
    static unsigned char idx[16 + 4 * 256] = {0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 16, 0, 0, 0, 16};
    for (int i = 0; i < 1024; i++) {
        const int entry = i / 256, x = i % 16, y = i / 16 % 16;
        idx[16 + i] = (unsigned char)(entry % 2 ? 16 * ((y * 5 + x * 3) % 16) : 16 * ((x * 3 + y * 7) % 16));
    }
    idx[16 + 512 + 40] ^= 8;
    tn_context *c = tn_context_new(NULL);
    folder("e");
    put("e/x.idx", idx, sizeof idx);
    tn_data_report *r = tn_data_check(c, scratch_path("e"), NULL);
    assert_non_null(r);
    assert_int_equal(r->equal_total, 1);
    assert_int_equal(r->near_total, 1);
    assert_non_null(strstr(r->near[0].first, "entry 0"));
    assert_non_null(strstr(r->near[0].second, "entry 2"));
    tn_data_report_free(r);
    tn_context_free(c);
}

/* Boxes of pictures that are judged by their size, and figures that the report has of them. */
static void boxes(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    folder("b");
    folder("b/train");
    put_picture("b/train/1.pgm", 1, 0);
    put_picture("b/train/2.pgm", 2, 0);
    put_text("b/train/1.txt", "1 0.5 0.5 0.5 0.25\n0 1 1 0.5 0.5\n\n");
    put_text("b/train/2.txt", "");
    tn_data_report *r = tn_data_check(c, scratch_path("b"), NULL);
    assert_non_null(r);
    assert_int_equal(r->samples[TN_SAMPLES_BOXES][TN_PART_TRAIN], 2);
    assert_int_equal(r->outside_total, 1);
    assert_non_null(strstr(r->outside[0].path, "train/1.txt"));
    assert_non_null(
        strstr(r->outside[0].reason, "box 2 (0), from 18, 18 to 30, 30, reaches out of its picture of 24 x 24"));
    assert_true(r->n_classes == 2 && strcmp(r->classes[1].name, "1") == 0 && r->classes[1].count[TN_PART_TRAIN] == 1);
    assert_string_equal(r->spreads[0].name, "boxes of a picture");
    assert_true(r->spreads[0].min < 0.5 && r->spreads[0].max > 1.5 && r->bad_total == 0 && r->n_notes == 0);
    tn_data_report_free(r);
    tn_context_free(c);
}

/* With any allocation failing there is a report, or none and no memory lost. */
static void memory_out(void **state)
{
    (void)state;
    if (!FAULTS_WORK)
        skip();
    tn_context *c = tn_context_new(NULL);
    folder("m");
    folder("m/a");
    put_picture("m/a/1.pgm", 1, 0);
    put_picture("m/a/2.pgm", 1, 0);
    put_text("m/train.csv", "x,y\n1,2\n1,2\n");
    put_text("m/a.txt", "a\na\n");
    put_text("m/clash.csv", "x,label\n1,2\n1,3\n");
    put_text("m/a/1.txt", "0 0.5 0.5 2e0 1\n1 0.9 0.5 0.9 0.5\n");
    put_text("m/a/2.txt", "1 0.9 0.5 0.9 0.5\n");
    put_text("m/classes.txt", "cat\ndog\n");
    unsigned char record[3073 + 5] = {1};
    put("m/test_batch.bin", record, sizeof record);
    tn_data_report_free(tn_data_check(c, scratch_path("m"), NULL));
    for (long n = 0, failed = 1; failed; n++) {
        long live = faults.live;
        faults_set(&faults.allocate_in, n);
        tn_data_report *r = tn_data_check(c, scratch_path("m"), TN_OPT(tn_check_opt, .shown = 2));
        failed = faults_clear();
        if (!r)
            assert_true(failed && *tn_context_error(c));
        tn_data_report_free(r);
        assert_int_equal(faults.live, live);
        assert_true(n < 20000);
    }
    tn_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_and_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(sounds, setup, teardown),
        cmocka_unit_test_setup_teardown(alike_sounds, setup, teardown),
        cmocka_unit_test_setup_teardown(alike_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(boxes, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
