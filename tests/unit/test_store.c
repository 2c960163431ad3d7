/* test_store.c: decoded samples that are kept: the same bits with and without, in memory and in a file, on any number of threads; files that are
 * damaged or out of date are made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/store.h"
#include "support/scratch.h"

#include <tarn/picture.h>
#include <tarn/sound.h>

static tn_context *context;
static char told[4096];

static void listen(void *user, int level, const char *text)
{
    (void)user;
    if (level <= BASE_LOG_WARNING)
        (void)snprintf(told, sizeof told, "%s", text);
}

enum { PICTURES = 24 };

/* PPMs of different sizes in two classes. */
static void write_pictures(const char *folder, int shade)
{
    for (int i = 0; i < PICTURES; i++) {
        char path[600];
        base_error e = {0};
        const int w = 20 + i, h = 33 - i;
        char *data = malloc(64 + (size_t)(w * h * 3));
        int n = snprintf(data, 64, "P6\n%d %d\n255\n", w, h);
        for (int k = 0; k < w * h * 3; k++)
            data[n + k] = (char)(k * (i + 3) + shade + k / 7);
        (void)snprintf(path, sizeof path, "%s/%c", folder, 'a' + i % 2);
        assert_int_equal(base_make_folder(path, &e), TN_OK);
        (void)snprintf(path, sizeof path, "%s/%c/%02d.ppm", folder, 'a' + i % 2, i);
        assert_int_equal(base_file_write(path, data, (size_t)(n + w * h * 3), &e), TN_OK);
        free(data);
    }
}

static char pictures[512], folder[512];

static int setup(void **state)
{
    (void)state;
    scratch_new();
    context = tn_context_new(TN_OPT(tn_context_opt, .log = listen));
    (void)snprintf(pictures, sizeof pictures, "%s", scratch_path("pictures"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("kept"));
    write_pictures(pictures, 0);
    return context ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    tn_context_free(context);
    return 0;
}

static tn_dataset *open_pictures(const char *steps, const tn_cache_opt *cache)
{
    tn_pipeline *p = steps ? tn_pipeline_parse(context, steps) : NULL;
    tn_dataset *d = tn_dataset_pictures(
        context, pictures, TN_OPT(tn_pictures_opt, .height = 16, .width = 16, .pipeline = p, .cache = cache));
    if (!d)
        fail_msg("%s", tn_context_error(context));
    tn_pipeline_free(p);
    return d;
}

/* Three epochs of both by two workers. */
static void same_batches(const tn_dataset *a, const tn_dataset *b)
{
    const tn_loader_opt opt = {.batch = 5, .shuffle = true, .seed = 3, .workers = 2};
    tn_loader *x = tn_loader_new(context, a, &opt), *y = tn_loader_new(context, b, &opt);
    assert_true(x && y);
    for (int epoch = 0; epoch < 3;) {
        const tn_batch *p, *q;
        assert_int_equal(tn_loader_next(x, &p), TN_OK);
        if (tn_loader_next(y, &q) != TN_OK)
            fail_msg("%s", tn_loader_error(y));
        assert_true(!p == !q);
        epoch += !p;
        for (int f = 0; p && f < p->n_fields; f++)
            assert_memory_equal(p->fields[f].data, q->fields[f].data, p->fields[f].bytes);
    }
    tn_loader_free(x);
    tn_loader_free(y);
}

static int files_kept(void)
{
    char line[700];
    (void)snprintf(line, sizeof line, "ls '%s' 2>/dev/null | grep -c 'samples$'", folder);
    FILE *f = popen(line, "r");
    int n = -1;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

static void empty_folder(void)
{
    char line[700];
    (void)snprintf(line, sizeof line, "rm -rf '%s'", folder);
    assert_int_equal(system(line), 0);
}

static void pictures_are_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *steps;
        int files;
    } cases[] = {{NULL, 1},
                 {"flip_horizontal; random_crop height=16 width=16 padding=2", 1},
                 {"resize_shorter size=18; flip_horizontal; colour_jitter brightness=0.3", 1},
                 {"resize height=20 width=18; centre_crop height=17 width=17", 1},
                 {"random_resized_crop height=16 width=16; flip_horizontal", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const tn_cache_opt in_memory = {0}, few = {.limit = 9000}, on_disk = {.folder = folder, .context = context};
        const tn_cache_opt either = {.folder = folder, .limit = 1, .either = true},
                           fits = {.folder = folder, .limit = 1 << 24, .either = true};
        const tn_cache_opt *ways[] = {&in_memory, &few, &fits, &on_disk, &on_disk, &either};
        tn_dataset *plain = open_pictures(cases[i].steps, NULL);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            if (w == 3)
                assert_int_equal(files_kept(), 0);
            tn_dataset *d = open_pictures(cases[i].steps, ways[w]);
            same_batches(plain, d);
            tn_dataset_free(d);
            if (w >= 3 && files_kept() != cases[i].files)
                fail_msg("case %d: %d files", (int)i, files_kept());
        }
        tn_dataset_free(plain);
        empty_folder();
    }
}

static void kept_pictures_are_used(void **state)
{
    (void)state;
    const tn_cache_opt on_disk = {.folder = folder, .context = context};
    tn_dataset *d = open_pictures(NULL, &on_disk), *again = NULL;
    same_batches(d, d);
    tn_dataset_free(d);
    /* The next run finds the file. When it is damaged it is told and made anew; when a picture has changed it is made anew. */
    told[0] = '\0';
    tn_dataset *plain = open_pictures(NULL, NULL);
    again = open_pictures(NULL, &on_disk);
    same_batches(plain, again);
    tn_dataset_free(again);
    assert_string_equal(told, "");
    char line[900];
    for (int i = 0; i < 3; i++) {
        switch (i) { /* formats are literals */
        case 0:
            (void)snprintf(line, sizeof line,
                           "printf xyz | dd of=$(ls '%s'/*.samples) bs=1 seek=100 conv=notrunc 2>/dev/null", folder);
            break;
        case 1: (void)snprintf(line, sizeof line, "truncate -s -10 '%s'/*.samples", folder); break;
        default: (void)snprintf(line, sizeof line, "truncate -s 10 '%s'/*.samples", folder);
        }
        assert_int_equal(system(line), 0);
        told[0] = '\0';
        again = open_pictures(NULL, &on_disk);
        if (!strstr(told, "is damaged") || !strstr(told, "made anew"))
            fail_msg("damage %d is not told: %s", i, told);
        same_batches(plain, again);
        tn_dataset_free(again);
        assert_int_equal(files_kept(), 1);
    }
    tn_dataset_free(plain);
    write_pictures(pictures, 9);
    (void)snprintf(line, sizeof line, "touch -d '2001-01-01' '%s/a/00.ppm'", pictures);
    assert_int_equal(system(line), 0);
    plain = open_pictures(NULL, NULL);
    again = open_pictures(NULL, &on_disk);
    same_batches(plain, again);
    tn_dataset_free(again);
    tn_dataset_free(plain);
    assert_int_equal(files_kept(), 1); /* the old one was replaced */
    empty_folder();
}

static void broken_pictures_do_not_hinder(void **state)
{
    (void)state;
    char path[600];
    base_error e = {0};
    (void)snprintf(path, sizeof path, "%s/a/02.ppm", pictures);
    assert_int_equal(base_file_write(path, "P6\n9 9\n255\n", 11, &e), TN_OK);
    const tn_cache_opt on_disk = {.folder = folder, .context = context};
    for (int run = 0; run < 2; run++) {
        told[0] = '\0';
        tn_dataset *d = open_pictures(NULL, &on_disk);
        assert_string_equal(told, ""); /* a sample that could not be kept is no damage */
        tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 5, .skip_bad = true, .workers = 1));
        const tn_batch *b;
        int64_t n = 0;
        do {
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
            n += b ? b->n : 0;
        } while (b);
        assert_int_equal(n, PICTURES - 1);
        assert_int_equal(files_kept(), 1);
        tn_loader_free(l);
        tn_dataset_free(d);
    }
    empty_folder();
    write_pictures(pictures, 0);
}

/* A run that saw some samples only leaves those to the next one. */
static void few_pictures_are_kept(void **state)
{
    (void)state;
    const tn_cache_opt on_disk = {.folder = folder, .context = context};
    for (int64_t i = 0; i < PICTURES; i += 5) {
        unsigned char x[3 * 16 * 16], same[sizeof x];
        int64_t y;
        told[0] = '\0';
        tn_dataset *d = open_pictures(NULL, &on_disk), *plain = open_pictures(NULL, NULL);
        assert_string_equal(told, "");
        tn_view views[] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 16, 16}), tn_view_of(&y, TN_I64, 0, (int64_t[]){0})};
        tn_view wanted[] = {tn_view_of(same, TN_U8, 3, (int64_t[]){3, 16, 16}),
                            tn_view_of(&y, TN_I64, 0, (int64_t[]){0})};
        for (int64_t k = 0; k <= i; k += 5) {
            assert_int_equal(tn_dataset_get(context, d, k, 0, views), TN_OK);
            assert_int_equal(tn_dataset_get(context, plain, k, 0, wanted), TN_OK);
            assert_memory_equal(x, same, sizeof x);
        }
        tn_dataset_free(d);
        tn_dataset_free(plain);
        assert_int_equal(files_kept(), 1);
    }
    empty_folder();
}

#ifdef TARN_HAVE_SNDFILE
static void sounds_are_the_same(void **state)
{
    (void)state;
    char sounds[512], path[700];
    base_error e = {0};
    (void)snprintf(sounds, sizeof sounds, "%s", scratch_path("sounds"));
    for (int i = 0; i < 12; i++) {
        tn_sound *s = tn_sound_new(context, 400 + 50 * i, 1, 8000);
        for (int64_t k = 0; k < s->frames; k++)
            s->samples[k] = (float)((k * (i + 1)) % 200) / 200;
        (void)snprintf(path, sizeof path, "%s/%c", sounds, 'a' + i % 3);
        assert_int_equal(base_make_folder(path, &e), TN_OK);
        (void)snprintf(path, sizeof path, "%s/%c/%d.wav", sounds, 'a' + i % 3, i);
        assert_int_equal(tn_sound_write_wav(context, s, path), TN_OK);
        tn_sound_free(s);
    }
    const tn_sound_augment change = {.gain = 6, .noise = 0.1, .roll = 0.01};
    const tn_cache_opt in_memory = {0}, on_disk = {.folder = folder, .context = context};
    const tn_cache_opt *ways[] = {NULL, &in_memory, &on_disk, &on_disk};
    tn_dataset *sets[4];
    for (int i = 0; i < 4; i++) {
        sets[i] = tn_dataset_sounds(context, sounds,
                                    TN_OPT(tn_sounds_opt, .rate = 6000, .augment = &change, .cache = ways[i]));
        if (!sets[i])
            fail_msg("%s", tn_context_error(context));
        same_batches(sets[0], sets[i]);
    }
    assert_int_equal(files_kept(), 1);
    for (int i = 0; i < 4; i++)
        tn_dataset_free(sets[i]);
    empty_folder();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_the_same),         cmocka_unit_test(kept_pictures_are_used),
        cmocka_unit_test(broken_pictures_do_not_hinder), cmocka_unit_test(few_pictures_are_kept),
#ifdef TARN_HAVE_SNDFILE
        cmocka_unit_test(sounds_are_the_same),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
