/* test_loader.c: batches: the same whatever the workers, repeatable orders, exact positions, transforms, failures, frees in
 * the middle. labels: threads */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/map.h"
#include "data/dataset.h"
#include "data/permutation.h"
#include "data/transform.h"
#include "support/context.h"

/* Sample i: x u8 [2, 3, 4] filled from (i, key), y = i % 5. Samples of `bad` fail. */
typedef struct pictures {
    int64_t bad, bad2;
    int inside, most_inside; /* only looked at by a serial set */
} pictures;

static tn_status pictures_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    const pictures *p = user;
    if (index == p->bad || index == p->bad2)
        return tn_sample_fail(s, TN_FORMAT, "picture %d is torn", (int)index);
    uint8_t *x = s->at[0];
    for (int i = 0; i < 24; i++)
        x[i] = (uint8_t)((uint64_t)(index * 31 + i * 7) + (key >> 60));
    *(int64_t *)s->at[1] = index % 5;
    return TN_OK;
}

static tn_status serial_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    pictures *p = user;
    p->inside++;
    p->most_inside = p->inside > p->most_inside ? p->inside : p->most_inside;
    tn_status status = pictures_get(user, index, key, s);
    p->inside--;
    return status;
}

static tn_dataset *make(pictures *p, int64_t count, bool serial)
{
    static const tn_field fields[2] = {{.name = "x", .dtype = TN_U8, .rank = 3, .dims = {2, 3, 4}},
                                       {.name = "y", .dtype = TN_I64}};
    *p = (pictures){.bad = -1, .bad2 = -1};
    tn_dataset_def def = {.count = count,
                          .fields = fields,
                          .n_fields = 2,
                          .classes = 5,
                          .user = p,
                          .serial = serial,
                          .get = serial ? serial_get : pictures_get};
    tn_dataset *d = tn_dataset_new(context, &def);
    assert_non_null(d);
    return d;
}

static const double means[2] = {0.25, 0.5}, stds[2] = {0.5, 2};
static const tn_transform normal[1] = {{.field = "x",
                                        .scale = 1.0 / 255,
                                        .channels = 2,
                                        .mean = means,
                                        .std = stds,
                                        .move = 1,
                                        .rotate = 10,
                                        .zoom = 0.1}};

/* A number that stands for `calls` results of tn_loader_next: batches, their fields, ends of epochs. */
static uint64_t digest(tn_loader *l, int calls)
{
    uint64_t h = 0;
    for (int i = 0; i < calls; i++) {
        const tn_batch *b;
        assert_int_equal(tn_loader_next(l, &b), TN_OK);
        if (!b) {
            h = base_hash("end", 3, h);
            continue;
        }
        int64_t head[3] = {b->n, b->epoch, b->index};
        h = base_hash(head, sizeof head, h);
        h = base_hash(b->samples, sizeof *b->samples * (size_t)b->n, h);
        for (int f = 0; f < b->n_fields; f++) {
            const tn_view *v = &b->fields[f];
            assert_int_equal((uintptr_t)v->data % 64, 0);
            assert_int_equal(v->dims[0], b->n);
            size_t bytes = (size_t)tn_view_count(v) * tn_dtype_size(v->dtype);
            assert_true(bytes <= v->bytes);
            h = base_hash(v->data, bytes, h);
        }
    }
    return h;
}

static void batches_do_not_depend_on_workers(void **state)
{
    (void)state;
    pictures p;
    for (int serial = 0; serial < 2; serial++)
        for (int drop = 0; drop < 2; drop++) {
            tn_dataset *d = make(&p, 53, serial);
            uint64_t expected = 0;
            static const int workers[] = {0, 0, 1, 2, 7}, prefetch[] = {0, 3, 1, 0, 20};
            for (size_t w = 0; w < 5; w++) {
                tn_loader *l = tn_loader_new(context, d,
                                             TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .seed = 3,
                                                    .drop_last = drop, .workers = workers[w], .prefetch = prefetch[w],
                                                    .transforms = normal, .n_transforms = 1));
                assert_non_null(l);
                uint64_t h = digest(l, 40);
                if (w == 0)
                    expected = h;
                assert_int_equal(h, expected);
                tn_loader_stats s;
                tn_loader_get_stats(l, &s);
                assert_true(s.waited > 0 && s.total >= s.waited * 0.5 && s.batches > 30 && s.samples > 200);
                tn_loader_free(l);
            }
            tn_dataset_free(d);
            if (serial)
                assert_int_equal(p.most_inside, 1);
        }
}

/* More batches are made ahead where they are small, but not more than a limit has room for. */
static void small_limits_are_enough_for_few_batches(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 53, false);
    int made = 0, refused = 0;
    for (size_t limit = 64; limit < (1 << 20); limit += limit / 4) {
        tn_loader_opt o = {.batch = 8, .workers = 1, .memory_limit = limit};
        tn_loader *usual = tn_loader_new(context, d, &o);
        o.prefetch = 2;
        tn_loader *two = tn_loader_new(context, d, &o);
        assert_int_equal(usual != NULL, two != NULL);
        usual ? made++ : refused++;
        tn_loader_free(usual);
        tn_loader_free(two);
    }
    assert_true(made > 5 && refused > 5);
    tn_dataset_free(d);
}

static void sleep_for(long microseconds)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL);
}

static tn_status slow_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    sleep_for(800);
    return pictures_get(user, index, key, s);
}

/* What part of the time a step of 5 ms waits for batches that take at least 3 ms to make. */
static double waited(const tn_dataset *d, int workers)
{
    const tn_batch *b;
    tn_loader_stats s;
    tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 4, .workers = workers));
    for (int i = 0; i < 40; i++) {
        assert_int_equal(tn_loader_next(l, &b), TN_OK);
        sleep_for(5000);
    }
    tn_loader_get_stats(l, &s);
    tn_loader_free(l);
    return s.waited / s.total;
}

static void steps_do_not_wait_for_a_worker(void **state)
{
    (void)state;
    pictures p = {.bad = -1, .bad2 = -1};
    const tn_field fields[2] = {{.name = "x", .dtype = TN_U8, .rank = 3, .dims = {2, 3, 4}},
                                {.name = "y", .dtype = TN_I64}};
    tn_dataset *d = tn_dataset_new(
        context, &(tn_dataset_def){.count = 160, .fields = fields, .n_fields = 2, .user = &p, .get = slow_get});
    double alone = waited(d, 0), with = waited(d, 1);
    printf("a step waits for %.1f%% of the time, without a worker for %.1f%%\n", 100 * with, 100 * alone);
    assert_true(alone > 0.3);
    assert_true(with < alone / 3);
    tn_dataset_free(d);
}

static void caches_serve_many_threads(void **state)
{
    (void)state;
    pictures p;
    for (int serial = 0; serial < 2; serial++) {
        tn_dataset *d = make(&p, 40, serial), *c = tn_dataset_cache(context, d, 0);
        const tn_loader_opt opt = {.batch = 3, .shuffle = true, .workers = 4};
        tn_loader *l = tn_loader_new(context, c, &opt), *m = tn_loader_new(context, c, &opt);
        uint64_t first = digest(l, 14);
        assert_int_equal(first, digest(m, 14));
        tn_loader_free(l);
        tn_loader_free(m);
        tn_dataset_free(c);
        tn_dataset_free(d);
    }
}

static void an_epoch_shows_every_sample_once(void **state)
{
    (void)state;
    pictures p;
    static const int64_t counts[] = {1, 2, 7, 8, 9, 100};
    for (size_t c = 0; c < 6; c++) {
        tn_dataset *d = make(&p, counts[c], false);
        tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .workers = 2));
        assert_int_equal(tn_loader_batches(l), (counts[c] + 7) / 8);
        for (int epoch = 0; epoch < 3; epoch++) {
            char seen[100] = {0};
            const tn_batch *b;
            int64_t total = 0, index = 0;
            for (; assert_int_equal(tn_loader_next(l, &b), TN_OK), b; total += b->n) {
                assert_int_equal(b->epoch, epoch);
                assert_int_equal(b->index, index++);
                for (int64_t i = 0; i < b->n; i++) {
                    assert_int_equal(seen[b->samples[i]]++, 0);
                    assert_int_equal(((const int64_t *)b->fields[1].data)[i], b->samples[i] % 5);
                }
            }
            assert_int_equal(total, counts[c]);
        }
        tn_loader_free(l);
        tn_dataset_free(d);
    }
}

static void unshuffled_is_in_order_and_as_stored(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 5, false);
    tn_loader *l = tn_loader_new(context, d, NULL);
    tn_dataset_free(d);
    assert_int_equal(tn_loader_batches(l), 5);
    assert_int_equal(tn_dataset_count(tn_loader_dataset(l)), 5);
    tn_field f;
    assert_true(tn_loader_field(l, 0, &f));
    assert_int_equal(f.dtype, TN_U8);
    assert_int_equal(f.rank, 4);
    assert_int_equal(f.dims[0], 1);
    assert_int_equal(f.dims[3], 4);
    assert_false(tn_loader_field(l, 2, &f));
    for (int64_t i = 0; i < 5; i++) {
        const tn_batch *b;
        assert_int_equal(tn_loader_next(l, &b), TN_OK);
        assert_int_equal(b->samples[0], i);
    }
    tn_loader_free(l);
    tn_loader_free(NULL);
}

static void positions_are_exact(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 30, false);
    for (int workers = 0; workers < 4; workers += 3) {
        const tn_loader_opt opt = {
            .batch = 7, .shuffle = true, .seed = 11, .workers = workers, .transforms = normal, .n_transforms = 1};
        for (int calls = 0; calls < 15; calls++) {
            tn_loader *a = tn_loader_new(context, d, &opt), *b = tn_loader_new(context, d, &opt);
            (void)digest(a, calls);
            int64_t epoch, batch;
            tn_loader_position(a, &epoch, &batch);
            (void)digest(b, 3);
            assert_int_equal(tn_loader_seek(b, epoch, batch), TN_OK);
            assert_int_equal(digest(a, 20), digest(b, 20));
            tn_loader_free(a);
            tn_loader_free(b);
        }
        tn_loader *l = tn_loader_new(context, d, &opt);
        assert_int_equal(tn_loader_seek(l, 0, 6), TN_INVALID);
        assert_non_null(strstr(tn_loader_error(l), "there is no batch 6 of epoch 0: an epoch has 5"));
        assert_int_equal(tn_loader_seek(l, -1, 0), TN_INVALID);
        assert_int_equal(tn_loader_seek(l, 0, -1), TN_INVALID);
        assert_int_equal(tn_loader_seek(l, INT64_MAX / 2, 0), TN_INVALID);
        tn_loader_free(l);
    }
    tn_dataset_free(d);
}

static void bad_samples_stop_or_are_counted(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 20, false);
    p.bad = 13;
    p.bad2 = 14;
    for (int workers = 0; workers < 3; workers++) {
        tn_loader *l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 4, .workers = workers));
        const tn_batch *b;
        for (int i = 0; i < 3; i++)
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(tn_loader_next(l, &b), TN_FORMAT);
            assert_null(b);
            assert_string_equal(tn_loader_error(l), "epoch 0, batch 3, sample 13: picture 13 is torn");
        }
        assert_int_equal(tn_loader_seek(l, 0, 4), TN_OK);
        assert_int_equal(tn_loader_next(l, &b), TN_OK);
        assert_string_equal(tn_loader_error(l), "");
        assert_int_equal(b->samples[0], 16);
        tn_loader_free(l);

        l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 4, .workers = workers, .skip_bad = true));
        for (int i = 0; i < 4; i++)
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
        assert_int_equal(b->n, 2);
        assert_int_equal(b->samples[0], 12);
        assert_int_equal(b->samples[1], 15);
        assert_int_equal(((const int64_t *)b->fields[1].data)[1], 0);
        tn_loader_stats s;
        tn_loader_get_stats(l, &s);
        assert_int_equal(s.skipped, 2);
        assert_int_equal(s.samples, 14);
        tn_loader_free(l);

        l = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 1, .workers = workers, .skip_bad = true));
        int n = 0;
        while (assert_int_equal(tn_loader_next(l, &b), TN_OK), b)
            n++;
        assert_int_equal(n, 18); /* batches that lost all samples are passed over */
        tn_loader_free(l);
    }
    tn_dataset_free(d);
}

static void loaders_can_be_freed_at_any_time(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 1000, false);
    for (int workers = 1; workers < 6; workers++)
        for (int calls = 0; calls < 6; calls++) {
            tn_loader *l = tn_loader_new(context, d,
                                         TN_OPT(tn_loader_opt, .batch = 16, .workers = workers, .shuffle = true,
                                                .transforms = normal, .n_transforms = 1));
            (void)digest(l, calls);
            if (calls == 3)
                assert_int_equal(tn_loader_seek(l, 2, 2), TN_OK);
            tn_loader_free(l);
        }
    tn_dataset_free(d);
}

static void empty_sets_have_no_batches(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 0, false);
    for (int workers = 0; workers < 2; workers++) {
        tn_loader *l =
            tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 4, .workers = workers, .drop_last = true));
        const tn_batch *b;
        assert_int_equal(tn_loader_batches(l), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(tn_loader_next(l, &b), TN_OK);
            assert_null(b);
        }
        int64_t epoch, batch;
        tn_loader_position(l, &epoch, &batch);
        assert_int_equal(epoch, 3);
        assert_int_equal(tn_loader_seek(l, 5, 0), TN_OK);
        tn_loader_free(l);
    }
    tn_dataset_free(d);
}

static void refuse(const tn_dataset *d, const tn_loader_opt *opt, const char *why)
{
    assert_null(tn_loader_new(context, d, opt));
    if (!strstr(tn_context_error(context), why))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(context), why);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    pictures p;
    tn_dataset *d = make(&p, 10, false);
    refuse(d, TN_OPT(tn_loader_opt, .batch = -1), "-1 samples");
    refuse(d, TN_OPT(tn_loader_opt, .workers = -1), "workers, not -1");
    refuse(d, TN_OPT(tn_loader_opt, .workers = 100000), "workers, not 100000");
    refuse(d, TN_OPT(tn_loader_opt, .prefetch = -2), "batches, not -2");
    refuse(d, TN_OPT(tn_loader_opt, .batch = 11, .drop_last = true),
           "the batch of 11 samples is larger than the data, which have 10");
    refuse(d, TN_OPT(tn_loader_opt, .batch = 10, .memory_limit = 100), "more than the 100 bytes allowed");
    refuse(d, TN_OPT(tn_loader_opt, .n_transforms = 1), "there are none");
    static const double zero[2] = {1, 0}, nan_[2] = {NAN, 0};
    const struct {
        tn_transform t;
        const char *why;
    } bad[] = {
        {{.field = "z"}, "field \"z\", which the data set does not have"},
        {{0}, "field \"\""},
        {{.field = "x", .scale = INFINITY}, "not finite"},
        {{.field = "x", .move = -1}, "must not be negative"},
        {{.field = "x", .zoom = 1}, "[0, 1)"},
        {{.field = "x", .mean = means}, "0 channels"},
        {{.field = "x", .channels = 3, .mean = means}, "for 3 channels; its samples have 2"},
        {{.field = "x", .channels = -1}, "for -1 channels"},
        {{.field = "x", .channels = 2, .std = zero}, "channel 1: mean 0 and std 0"},
        {{.field = "x", .channels = 2, .mean = nan_}, "channel 0"},
        {{.field = "x", .dtype = TN_I32, .scale = 2}, "must be f32 or f64, not i32"},
        {{.field = "x", .dtype = TN_F16}, "cast it in the graph"},
        {{.field = "y", .dtype = TN_I32}, "without loss"},
        {{.field = "y", .move = 1}, "cannot be moved"},
        {{.field = "x", .dtype = TN_DTYPE_END}, "unknown dtype"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(d, TN_OPT(tn_loader_opt, .transforms = &bad[i].t, .n_transforms = 1), bad[i].why);
    const tn_transform twice[2] = {{.field = "x"}, {.field = "x"}};
    refuse(d, TN_OPT(tn_loader_opt, .transforms = twice, .n_transforms = 2), "two transforms");
    tn_dataset_free(d);
}

/* ---- transforms ------------------------------------------------------------------------------------------------ */

static void run(const tn_field *field, const tn_transform *spec, const void *in, void *out, uint64_t key)
{
    data_transform t;
    base_error e = {0};
    float scratch[256];
    assert_int_equal(data_transform_init(&t, field, spec, &e), TN_OK);
    assert_true(data_transform_scratch(&t) <= sizeof scratch);
    data_transform_run(&t, in, out, scratch, key);
    data_transform_clear(&t);
}

static void casts_keep_values(void **state)
{
    (void)state;
    static const uint8_t u8[3] = {0, 1, 255};
    static const int8_t i8[3] = {-128, 0, 127};
    static const int16_t i16[3] = {-32768, 5, 32767};
    static const int32_t i32[3] = {-5, 7, 1 << 20};
    static const int64_t i64[3] = {-5, 7, (int64_t)1 << 23};
    static const float f32[3] = {-0.5f, 0, 3};
    static const double f64[3] = {-0.5, 0, 3};
    const struct {
        tn_dtype dtype;
        const void *data;
    } from[] = {{TN_U8, u8}, {TN_I8, i8}, {TN_I16, i16}, {TN_I32, i32}, {TN_I64, i64}, {TN_F32, f32}, {TN_F64, f64}};
    const double expected[][3] = {{0, 1, 255},      {-128, 0, 127}, {-32768, 5, 32767}, {-5, 7, 1 << 20},
                                  {-5, 7, 1 << 23}, {-0.5, 0, 3},   {-0.5, 0, 3}};
    for (size_t k = 0; k < 7; k++) {
        tn_field field = {.name = "v", .dtype = from[k].dtype, .rank = 1, .dims = {3}};
        float f[3];
        double d[3];
        int64_t n[3];
        run(&field, &(tn_transform){.dtype = TN_F32}, from[k].data, f, 0);
        run(&field, &(tn_transform){.dtype = TN_F64}, from[k].data, d, 0);
        if (!tn_dtype_is_float(from[k].dtype))
            run(&field, &(tn_transform){.dtype = TN_I64}, from[k].data, n, 0);
        for (int i = 0; i < 3; i++) {
            assert_true((double)f[i] == expected[k][i] && d[i] == expected[k][i]);
            assert_true(tn_dtype_is_float(from[k].dtype) || n[i] == (int64_t)expected[k][i]);
        }
    }
    int32_t wide[3];
    int16_t middle[3];
    tn_field bytes = {.name = "v", .dtype = TN_U8, .rank = 1, .dims = {3}};
    run(&bytes, &(tn_transform){.dtype = TN_I32}, u8, wide, 0);
    run(&bytes, &(tn_transform){.dtype = TN_I16}, u8, middle, 0);
    assert_int_equal(wide[2], 255);
    assert_int_equal(middle[2], 255);
    uint8_t truth[3];
    run(&bytes, &(tn_transform){.dtype = TN_BOOL}, u8, truth, 0);
    assert_int_equal(truth[2], 1);
}

static void channels_are_normalised(void **state)
{
    (void)state;
    tn_field field = {.name = "v", .dtype = TN_U8, .rank = 3, .dims = {2, 1, 2}};
    static const uint8_t in[4] = {0, 255, 51, 102};
    float out[4];
    run(&field, &(tn_transform){.scale = 1.0 / 255, .channels = 2, .mean = means, .std = stds}, in, out, 0);
    static const double expected[4] = {-0.5, 1.5, (0.2 - 0.5) / 2, (0.4 - 0.5) / 2};
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)out[i] - expected[i]) < 1e-6);
    run(&field, &(tn_transform){.channels = 1, .mean = means}, in, out, 0);
    assert_true(out[3] == 101.75f);
    double wide[4];
    run(&field, &(tn_transform){.dtype = TN_F64, .scale = 2}, in, wide, 0);
    assert_true(wide[3] == 204);
}

static void moves_are_functions_of_the_key(void **state)
{
    (void)state;
    tn_field field = {.name = "v", .dtype = TN_F32, .rank = 2, .dims = {5, 6}};
    float in[30], a[30], b[30];
    for (int i = 0; i < 30; i++)
        in[i] = (float)i;
    const tn_transform all = {.move = 2, .rotate = 30, .zoom = 0.2, .flip = true, .fill = -9};
    run(&field, &all, in, a, 1);
    run(&field, &all, in, b, 1);
    assert_memory_equal(a, b, sizeof a);
    run(&field, &all, in, b, 2);
    assert_memory_not_equal(a, b, sizeof a);
    bool as_it_was = false, mirrored = false;
    for (uint64_t key = 0; key < 20; key++) {
        run(&field, &(tn_transform){.flip = true}, in, a, key);
        as_it_was |= a[0] == 0 && a[29] == 29;
        mirrored |= a[0] == 5 && a[29] == 24;
    }
    assert_true(as_it_was && mirrored);
    run(&field, &(tn_transform){.move = 1e9, .fill = -9}, in, a, 4); /* far away: nothing but fill */
    for (int i = 0; i < 30; i++)
        assert_true(a[i] == -9);
}

/* ---- orders ---------------------------------------------------------------------------------------------------- */

static void permutations_are_complete(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 3, 15, 16, 17, 1000, 4096, 60000};
    char *seen = malloc(60000);
    for (size_t s = 0; s < 9; s++) {
        data_permutation p = data_permutation_new(sizes[s], 1, 2);
        memset(seen, 0, 60000);
        for (uint64_t i = 0; i < sizes[s]; i++) {
            uint64_t at = data_permutation_at(&p, i);
            assert_true(at < sizes[s] && !seen[at]);
            seen[at] = 1;
        }
    }
    free(seen);
    data_permutation huge = data_permutation_new(UINT64_MAX, 1, 2);
    assert_true(data_permutation_at(&huge, 0) != data_permutation_at(&huge, UINT64_MAX - 1));
}

/* Every thing comes to every place, and after every other, about equally often: chi-square far below the 1e-6 point. */
static void permutations_are_even(void **state)
{
    (void)state;
    enum { N = 7, ORDERS = 7000 };
    double place[N][N] = {{0}}, after[N][N] = {{0}}, chi = 0, chi_after = 0;
    for (uint64_t epoch = 0; epoch < ORDERS; epoch++) {
        data_permutation p = data_permutation_new(N, 99, epoch);
        uint64_t at[N];
        for (uint64_t i = 0; i < N; i++) {
            at[i] = data_permutation_at(&p, i);
            place[i][at[i]]++;
            if (i > 0)
                after[at[i - 1]][at[i]]++;
        }
    }
    const double expected = (double)ORDERS / N;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            chi += (place[i][j] - expected) * (place[i][j] - expected) / expected;
            double a = after[i][j] - expected;
            chi_after += i == j ? 0 : a * a / expected;
        }
    assert_true(chi < 95);        /* 36 degrees of freedom */
    assert_true(chi_after < 100); /* about 41 */
}

static void seeds_and_epochs_give_other_orders(void **state)
{
    (void)state;
    data_permutation p = data_permutation_new(1000, 1, 0), q = data_permutation_new(1000, 1, 1),
                     r = data_permutation_new(1000, 2, 0);
    int same = 0;
    for (uint64_t i = 0; i < 1000; i++)
        same += (data_permutation_at(&p, i) == data_permutation_at(&q, i)) +
                (data_permutation_at(&p, i) == data_permutation_at(&r, i));
    assert_in_range(same, 0, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_do_not_depend_on_workers),
        cmocka_unit_test(small_limits_are_enough_for_few_batches),
        cmocka_unit_test(steps_do_not_wait_for_a_worker),
        cmocka_unit_test(caches_serve_many_threads),
        cmocka_unit_test(an_epoch_shows_every_sample_once),
        cmocka_unit_test(unshuffled_is_in_order_and_as_stored),
        cmocka_unit_test(positions_are_exact),
        cmocka_unit_test(bad_samples_stop_or_are_counted),
        cmocka_unit_test(loaders_can_be_freed_at_any_time),
        cmocka_unit_test(empty_sets_have_no_batches),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(casts_keep_values),
        cmocka_unit_test(channels_are_normalised),
        cmocka_unit_test(moves_are_functions_of_the_key),
        cmocka_unit_test(permutations_are_complete),
        cmocka_unit_test(permutations_are_even),
        cmocka_unit_test(seeds_and_epochs_give_other_orders),
    };
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
