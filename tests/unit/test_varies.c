/* test_varies.c: samples whose length varies: filled up to the longest of the batch, sorted by length among batches, the same
 * with any number of workers and after a seek; and what a `get` can do wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/context.h"
#include <tarn/data.h>

enum { COUNT = 103, MOST = 17, PAD = -7 };

static int64_t length_of(int64_t i)
{
    return (i * 7 + 3) % (MOST + 1);
}

/* x: [length, 2] of i * 100 + place; y: one class for each place; lie: the sample that says a length it cannot have. */
static tn_status get(void *user, int64_t i, uint64_t key, const tn_sample *s)
{
    const int64_t *lie = user, n = length_of(i);
    int64_t *x = s->at[0], *y = s->at[1];
    (void)key;
    for (int64_t k = 0; k < n; k++) {
        x[2 * k] = x[2 * k + 1] = i * 100 + k;
        y[k] = k % 3;
    }
    assert_int_equal(s->lengths[0], MOST);
    s->lengths[0] = s->lengths[1] = lie && *lie == i ? MOST + 1 : n;
    return TN_OK;
}

static int64_t length(void *user, int64_t i)
{
    (void)user;
    return length_of(i);
}

static tn_dataset *set(tn_context *c, int64_t *lie)
{
    const tn_field fields[] = {{.name = "x", .dtype = TN_I64, .rank = 2, .dims = {MOST, 2}, .varies = true, .pad = PAD},
                               {.name = "y", .dtype = TN_I64, .rank = 1, .dims = {MOST}, .varies = true, .pad = -100}};
    const tn_dataset_def def = {
        .count = COUNT, .fields = fields, .n_fields = 2, .classes = 3, .get = get, .length = length, .user = lie};
    tn_dataset *d = tn_dataset_new(c, &def);
    assert_non_null(d);
    return d;
}

/* Everything of a batch is as its samples say. Returns the places that were filled up. */
static int64_t check_batch(const tn_batch *b, int64_t pad_to)
{
    int64_t longest = 1, filled = 0;
    for (int64_t i = 0; i < b->n; i++)
        longest = length_of(b->samples[i]) > longest ? length_of(b->samples[i]) : longest;
    longest = (longest + pad_to - 1) / pad_to * pad_to;
    longest = longest > MOST ? MOST : longest;
    const tn_view *x = &b->fields[0], *y = &b->fields[1];
    assert_true(x->dims[0] == b->n && x->dims[1] == longest && x->dims[2] == 2 && y->dims[1] == longest);
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t k = 0; k < longest; k++) {
            const bool in = k < length_of(b->samples[i]);
            const int64_t at = i * longest + k, due = in ? b->samples[i] * 100 + k : PAD;
            assert_int_equal(((int64_t *)x->data)[2 * at], due);
            assert_int_equal(((int64_t *)x->data)[2 * at + 1], due);
            assert_int_equal(((int64_t *)y->data)[at], in ? k % 3 : -100);
            filled += !in;
        }
    return filled;
}

static int64_t check_epoch(tn_loader *l, int64_t pad_to, int64_t *order)
{
    const tn_batch *b;
    int64_t n = 0, filled = 0;
    bool seen[COUNT] = {false};
    while (assert_int_equal(tn_loader_next(l, &b), TN_OK), b) {
        filled += check_batch(b, pad_to);
        for (int64_t i = 0; i < b->n; i++) {
            assert_false(seen[b->samples[i]]);
            seen[b->samples[i]] = true;
            order[n++] = b->samples[i];
        }
    }
    assert_int_equal(n, COUNT);
    return filled;
}

static void test_batches(void **state)
{
    static const int workers[] = {0, 1, 2, 7};
    tn_dataset *d = set(*state, NULL);
    int64_t first[COUNT], order[COUNT], again[COUNT];
    for (int pad_to = 0; pad_to < 6; pad_to += 5)
        for (int bucket = 0; bucket <= 5; bucket += 5)
            for (size_t w = 0; w < 4; w++) {
                tn_loader *l = tn_loader_new(*state, d,
                                             TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .seed = 3,
                                                    .bucket = bucket, .pad_to = pad_to, .workers = workers[w]));
                assert_non_null(l);
                check_epoch(l, pad_to ? pad_to : 1, order);
                check_epoch(l, pad_to ? pad_to : 1, again);
                assert_memory_not_equal(order, again, sizeof order); /* another epoch, another order */
                if (w == 0)
                    memcpy(first, order, sizeof first);
                assert_memory_equal(first, order, sizeof first);
                tn_loader_free(l);
            }
    tn_dataset_free(d);
}

/* Sorted among batches, at most half as much is filled up. */
static void test_bucket(void **state)
{
    tn_dataset *d = set(*state, NULL);
    int64_t order[COUNT], filled[2];
    for (int k = 0; k < 2; k++) {
        tn_loader *l = tn_loader_new(
            *state, d, TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .seed = 3, .bucket = k ? 1000 : 0));
        assert_non_null(l);
        filled[k] = check_epoch(l, 1, order);
        tn_loader_free(l);
    }
    assert_true(2 * filled[1] < filled[0]);
    tn_dataset_free(d);
}

/* Three processes: as many samples each, none twice, of 103 all but one; the same batches with any number of workers. */
static void test_ranks(void **state)
{
    tn_dataset *d = set(*state, NULL);
    for (int bucket = 0; bucket <= 4; bucket += 4) {
        int seen[COUNT] = {0}, total = 0;
        for (int rank = 0; rank < 3; rank++)
            for (int workers = 0; workers <= 2; workers += 2) {
                tn_loader *l = tn_loader_new(*state, d,
                                             TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .seed = 4,
                                                    .bucket = bucket, .workers = workers, .rank = rank, .ranks = 3));
                const tn_batch *b;
                int n = 0;
                assert_non_null(l);
                assert_int_equal(tn_loader_batches(l), 5);
                while (assert_int_equal(tn_loader_next(l, &b), TN_OK), b) {
                    check_batch(b, 1);
                    for (int64_t i = 0; i < b->n; i++, n++)
                        seen[b->samples[i]] += 1 << (2 * (workers > 0));
                }
                assert_int_equal(n, 34);
                tn_loader_free(l);
            }
        for (int i = 0; i < COUNT; i++) {
            assert_true(seen[i] == 0 || seen[i] == 5); /* once without workers, once with two */
            total += seen[i] == 5;
        }
        assert_int_equal(total, 102);
    }
    assert_null(tn_loader_new(*state, d, TN_OPT(tn_loader_opt, .rank = 3, .ranks = 3)));
    assert_string_equal(tn_context_error(*state), "rank 3 of 3: ranks go from 0 to one below how many there are");
    assert_null(tn_loader_new(*state, d, TN_OPT(tn_loader_opt, .rank = 1, .ranks = 200)));
    assert_string_equal(tn_context_error(*state), "103 samples cannot be shared out among 200 processes");
    tn_dataset_free(d);
}

/* ---- samples that fail --------------------------------------------------------------------------------------------- */

typedef struct told {
    int lines;
    char first[200];
} told;

static void hear(void *user, int level, const char *line)
{
    told *t = user;
    (void)level;
    if (t->lines++ == 0)
        strncpy(t->first, line, sizeof t->first - 1);
}

static tn_status get_or_not(void *user, int64_t i, uint64_t key, const tn_sample *s)
{
    if (i % 10 == 3)
        return tn_sample_fail(s, TN_FORMAT, "file %d is damaged", (int)i);
    return get(user, i, key, s);
}

/* Ten of 103 are left out, and told in the first epoch: each once, whatever the number of workers. */
static void test_skip(void **state)
{
    (void)state;
    for (int workers = 0; workers <= 2; workers++) {
        told t = {0};
        tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .log = hear, .log_user = &t));
        const tn_field fields[] = {
            {.name = "x", .dtype = TN_I64, .rank = 2, .dims = {MOST, 2}, .varies = true, .pad = PAD},
            {.name = "y", .dtype = TN_I64, .rank = 1, .dims = {MOST}, .varies = true, .pad = -100}};
        tn_dataset *d = tn_dataset_new(
            c, &(tn_dataset_def){.count = COUNT, .fields = fields, .n_fields = 2, .classes = 3, .get = get_or_not});
        tn_loader *l = tn_loader_new(c, d, TN_OPT(tn_loader_opt, .batch = 20, .skip_bad = true, .workers = workers));
        const tn_batch *b;
        tn_loader_stats stats;
        int n = 0;
        for (int epoch = 0; epoch < 2; epoch++)
            while (assert_int_equal(tn_loader_next(l, &b), TN_OK), b)
                for (int64_t i = 0; i < b->n; i++, n++)
                    assert_true(b->samples[i] % 10 != 3);
        tn_loader_get_stats(l, &stats);
        assert_int_equal(n, 2 * (COUNT - 10));
        assert_int_equal(stats.skipped, 20);
        assert_int_equal(t.lines, 10);
        assert_string_equal(t.first, "left out: sample 3: file 3 is damaged");
        tn_loader_free(l);
        tn_dataset_free(d);
        tn_context_free(c);
    }
}

static void test_seek(void **state)
{
    tn_dataset *d = set(*state, NULL), *part = tn_dataset_range(*state, d, 0, COUNT), *kept;
    assert_non_null(kept = tn_dataset_cache(*state, part, 0));
    int64_t order[COUNT];
    const tn_batch *b;
    tn_loader *l = tn_loader_new(
        *state, kept, TN_OPT(tn_loader_opt, .batch = 8, .shuffle = true, .seed = 9, .bucket = 3, .workers = 2));
    assert_non_null(l);
    check_epoch(l, 1, order);
    assert_int_equal(tn_loader_seek(l, 0, 5), TN_OK);
    assert_int_equal(tn_loader_next(l, &b), TN_OK);
    assert_memory_equal(b->samples, order + 40, sizeof(int64_t) * 8);
    check_batch(b, 1);
    tn_loader_free(l);
    tn_dataset_free(kept);
    tn_dataset_free(part);
    tn_dataset_free(d);
}

static void test_wrong(void **state)
{
    int64_t lie = 5, x[MOST * 2], y[MOST];
    tn_dataset *d = set(*state, &lie);
    tn_view views[] = {tn_view_of(x, TN_I64, 2, (const int64_t[]){MOST, 2}),
                       tn_view_of(y, TN_I64, 1, (const int64_t[]){MOST})};
    assert_int_equal(tn_dataset_get(*state, d, 4, 0, views), TN_OK);
    assert_true(views[0].dims[0] == length_of(4) && views[1].dims[0] == length_of(4));
    assert_int_equal(tn_dataset_get(*state, d, 5, 0, views), TN_INTERNAL);
    assert_string_equal(tn_context_error(*state), "sample 5 says that its field \"x\" is 18 long; 0 to 17 can be");
    int64_t label;
    assert_int_equal(tn_dataset_label(*state, d, 1, &label), TN_UNSUPPORTED);
    tn_dataset_free(d);
    const tn_field scalar = {.name = "x", .dtype = TN_F32, .varies = true};
    assert_null(tn_dataset_new(*state, &(tn_dataset_def){.count = 1, .fields = &scalar, .n_fields = 1, .get = get}));
    assert_string_equal(tn_context_error(*state), "field \"x\" has no dimension that could vary");
    d = set(*state, NULL);
    assert_null(tn_loader_new(*state, d, TN_OPT(tn_loader_opt, .bucket = -1)));
    tn_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_batches, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_bucket, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_ranks, context_begin, context_end),
                                       cmocka_unit_test(test_skip),
                                       cmocka_unit_test_setup_teardown(test_seek, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_wrong, context_begin, context_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
