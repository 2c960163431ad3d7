/* test_dataset.c: data sets of one's own, chosen samples, joining, cutting in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/dataset.h"

/* Sample i: x = {i, key}, y = i % 3; sample `bad` fails. */
typedef struct numbers {
    int64_t bad;
    int released;
} numbers;

static tn_status numbers_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    const numbers *n = user;
    if (index == n->bad)
        return tn_sample_fail(s, TN_IO, "number %d is bad", (int)index);
    float *x = s->at[0];
    x[0] = (float)index;
    x[1] = (float)(key % 1000);
    *(int64_t *)s->at[1] = index % 3;
    return TN_OK;
}

static int64_t numbers_label(void *user, int64_t index)
{
    (void)user;
    return index % 3;
}

static void numbers_release(void *user)
{
    ((numbers *)user)->released++;
}

static const tn_field fields[2] = {{.name = "x", .dtype = TN_F32, .rank = 1, .dims = {2}},
                                   {.name = "y", .dtype = TN_I64}};

static tn_dataset_def numbers_def(numbers *n, int64_t count)
{
    return (tn_dataset_def){.count = count,
                            .fields = fields,
                            .n_fields = 2,
                            .classes = 3,
                            .get = numbers_get,
                            .release = numbers_release,
                            .user = n};
}

static int setup(void **state)
{
    *state = tn_context_new(NULL);
    return *state ? 0 : 1;
}

static int teardown(void **state)
{
    tn_context_free(*state);
    return 0;
}

static tn_dataset *make(tn_context *c, numbers *n, int64_t count)
{
    *n = (numbers){.bad = -1};
    tn_dataset_def def = numbers_def(n, count);
    tn_dataset *d = tn_dataset_new(c, &def);
    assert_non_null(d);
    return d;
}

static tn_status get(tn_context *c, const tn_dataset *d, int64_t index, float x[2], int64_t *y)
{
    tn_view views[2] = {tn_view_of(x, TN_F32, 1, (int64_t[]){2}), tn_view_of(y, TN_I64, 0, NULL)};
    return tn_dataset_get(c, d, index, 77, views);
}

static int64_t number_at(const tn_dataset *d, int64_t index)
{
    float x[2];
    int64_t y;
    base_error e = {0};
    assert_int_equal(data_get(d, index, 0, (void *[]){x, &y}, NULL, &e), TN_OK);
    assert_int_equal(y, (int64_t)x[0] % 3);
    return (int64_t)x[0];
}

static void own_sets_work(void **state)
{
    numbers n;
    tn_dataset *d = make(*state, &n, 10);
    assert_int_equal(tn_dataset_count(d), 10);
    assert_int_equal(tn_dataset_fields(d), 2);
    assert_int_equal(tn_dataset_find(d, "y"), 1);
    assert_int_equal(tn_dataset_find(d, "z"), -1);
    assert_string_equal(tn_dataset_field(d, 0)->name, "x");
    assert_ptr_not_equal(tn_dataset_field(d, 0)->name, fields[0].name);
    assert_null(tn_dataset_field(d, 2));
    assert_null(tn_dataset_field(d, -1));
    assert_int_equal(tn_dataset_classes(d), 3);
    assert_string_equal(tn_dataset_class_name(d, 2), "2");
    assert_null(tn_dataset_class_name(d, 3));
    float x[2];
    int64_t y;
    assert_int_equal(get(*state, d, 7, x, &y), TN_OK);
    assert_int_equal((int)x[0], 7);
    assert_int_equal((int)x[1], 77);
    assert_int_equal(y, 1);
    assert_int_equal(tn_dataset_label(*state, d, 8, &y), TN_OK);
    assert_int_equal(y, 2);
    tn_dataset_free(d);
    assert_int_equal(n.released, 1);
    tn_dataset_free(NULL);
}

static void getting_fails_with_sentences(void **state)
{
    numbers n;
    tn_dataset *d = make(*state, &n, 10);
    float x[2];
    int64_t y;
    assert_int_equal(get(*state, d, 10, x, &y), TN_INVALID);
    assert_string_equal(tn_context_error(*state), "there is no sample 10: the data set has 10");
    assert_int_equal(get(*state, d, -1, x, &y), TN_INVALID);
    n.bad = 4;
    assert_int_equal(get(*state, d, 4, x, &y), TN_IO);
    assert_string_equal(tn_context_error(*state), "number 4 is bad");
    assert_int_equal(tn_dataset_label(*state, d, 4, &y), TN_IO);
    assert_int_equal(tn_dataset_label(*state, d, 44, &y), TN_INVALID);
    tn_view wrong[2] = {tn_view_of(x, TN_F32, 1, (int64_t[]){1}), tn_view_of(&y, TN_I64, 0, NULL)};
    assert_int_equal(tn_dataset_get(*state, d, 0, 0, wrong), TN_SHAPE);
    assert_non_null(strstr(tn_context_error(*state), "\"x\""));
    wrong[0] = tn_view_of(x, TN_I32, 1, (int64_t[]){2});
    assert_int_equal(tn_dataset_get(*state, d, 0, 0, wrong), TN_SHAPE);
    wrong[0] = tn_view_of(x, TN_F32, 1, (int64_t[]){2});
    wrong[0].bytes = 7;
    assert_int_equal(tn_dataset_get(*state, d, 0, 0, wrong), TN_SHAPE);
    wrong[0].bytes = 8;
    wrong[0].data = (char *)x + 1;
    assert_int_equal(tn_dataset_get(*state, d, 0, 0, wrong), TN_SHAPE);
    tn_dataset_free(d);
}

static tn_status silent_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    (void)user;
    (void)key;
    *(int64_t *)s->at[1] = 7;
    return index == 0 ? TN_OK : TN_NOT_FOUND;
}

static void bad_callbacks_are_noticed(void **state)
{
    tn_dataset_def def = numbers_def(NULL, 2);
    def.get = silent_get;
    def.release = NULL;
    tn_dataset *d = tn_dataset_new(*state, &def);
    float x[2];
    int64_t y;
    assert_int_equal(get(*state, d, 0, x, &y), TN_FORMAT);
    assert_string_equal(tn_context_error(*state), "sample 0 has class 7; the data set has classes 0 to 2");
    assert_int_equal(get(*state, d, 1, x, &y), TN_NOT_FOUND);
    assert_string_equal(tn_context_error(*state), "sample 1 cannot be had: no such thing");
    tn_dataset_free(d);
}

static void refuse(tn_context *c, const tn_dataset_def *def, const char *why)
{
    assert_null(tn_dataset_new(c, def));
    if (!strstr(tn_context_error(c), why))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(c), why);
}

static void bad_definitions_are_refused(void **state)
{
    numbers n = {0};
    tn_dataset_def good = numbers_def(&n, 3), d = good;
    refuse(*state, NULL, "needs a function");
    d.get = NULL;
    refuse(*state, &d, "needs a function");
    d = good, d.count = -1;
    refuse(*state, &d, "-1 samples");
    d = good, d.n_fields = 0;
    refuse(*state, &d, "1 to 16 fields");
    d = good, d.n_fields = 17;
    refuse(*state, &d, "1 to 16 fields");
    d = good, d.classes = -1;
    refuse(*state, &d, "classes, not -1");
    d = good, d.n_fields = 1;
    refuse(*state, &d, "needs a field \"y\"");
    const char *names[3] = {"a", NULL, "c"};
    d = good, d.class_names = names;
    refuse(*state, &d, "class 1 of a data set has no name");
    tn_field bad[2] = {fields[0], fields[1]};
    d = good, d.fields = bad;
    bad[1].name = "x";
    refuse(*state, &d, "two fields of a data set are named \"x\"");
    bad[1].name = "";
    refuse(*state, &d, "field 1 of a data set has no name");
    bad[1] = fields[1];
    bad[0].dtype = TN_NONE;
    refuse(*state, &d, "no dtype");
    bad[0] = fields[0];
    bad[0].rank = TN_MAX_RANK;
    refuse(*state, &d, "8 dimensions");
    bad[0].rank = 2;
    refuse(*state, &d, "dimension 1 of field \"x\" is 0");
    bad[0].dims[1] = INT64_MAX / 2;
    refuse(*state, &d, "larger than memory can be");
    assert_int_equal(n.released, 0);
}

static void subsets_choose(void **state)
{
    numbers n;
    tn_dataset *d = make(*state, &n, 10);
    const int64_t indices[] = {9, 0, 9, 4};
    tn_dataset *s = tn_dataset_subset(*state, d, indices, 4), *r = tn_dataset_range(*state, d, 3, 5);
    tn_dataset *none = tn_dataset_subset(*state, d, NULL, 0), *all = tn_dataset_range(*state, d, 0, 10);
    tn_dataset_free(d);
    assert_int_equal(n.released, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(number_at(s, i), indices[i]);
    assert_int_equal(tn_dataset_count(r), 5);
    assert_int_equal(number_at(r, 4), 7);
    assert_int_equal(tn_dataset_count(none), 0);
    tn_dataset *inner = tn_dataset_range(*state, r, 1, 2);
    int64_t label;
    assert_int_equal(number_at(inner, 1), 5);
    assert_int_equal(tn_dataset_label(*state, inner, 1, &label), TN_OK);
    assert_int_equal(label, 2);
    assert_int_equal(tn_dataset_classes(inner), 3);
    assert_null(tn_dataset_subset(*state, s, (int64_t[]){0, 4}, 2));
    assert_string_equal(tn_context_error(*state), "entry 1 of the subset asks for sample 4; the data set has 4");
    assert_null(tn_dataset_subset(*state, s, NULL, -1));
    assert_null(tn_dataset_range(*state, s, 2, 3));
    assert_null(tn_dataset_range(*state, s, -1, 2));
    assert_null(tn_dataset_range(*state, s, INT64_MAX, 1));
    tn_dataset *of[] = {s, r, none, all, inner};
    for (size_t i = 0; i < 5; i++)
        tn_dataset_free(of[i]);
    assert_int_equal(n.released, 1);
}

static void concat_joins(void **state)
{
    numbers n, m, o;
    tn_dataset *a = make(*state, &n, 3), *b = make(*state, &m, 0), *c = make(*state, &o, 4);
    const tn_dataset *parts[] = {b, a, b, c};
    tn_dataset *d = tn_dataset_concat(*state, parts, 4);
    const int64_t expected[] = {0, 1, 2, 0, 1, 2, 3};
    assert_int_equal(tn_dataset_count(d), 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(number_at(d, i), expected[i]);
    int64_t label;
    assert_int_equal(tn_dataset_label(*state, d, 5, &label), TN_OK);
    assert_int_equal(label, 2);
    assert_null(tn_dataset_concat(*state, parts, 0));
    numbers p = {.bad = -1};
    tn_dataset_def other = numbers_def(&p, 1);
    other.classes = 4;
    tn_dataset *e = tn_dataset_new(*state, &other);
    assert_null(tn_dataset_concat(*state, (const tn_dataset *[]){a, e}, 2));
    assert_string_equal(tn_context_error(*state), "data set 0 has 3 classes, data set 1 has 4: they cannot be joined");
    tn_dataset_free(e);
    tn_field wide[2] = {fields[0], fields[1]};
    wide[0].dims[0] = 3;
    other = numbers_def(&p, 1);
    other.fields = wide;
    e = tn_dataset_new(*state, &other);
    assert_null(tn_dataset_concat(*state, (const tn_dataset *[]){a, e}, 2));
    assert_non_null(strstr(tn_context_error(*state), "\"x\""));
    tn_dataset_free(e);
    other = numbers_def(&p, INT64_MAX);
    e = tn_dataset_new(*state, &other);
    assert_null(tn_dataset_concat(*state, (const tn_dataset *[]){a, e}, 2));
    assert_non_null(strstr(tn_context_error(*state), "2^63"));
    tn_dataset *of[] = {a, b, c, d, e};
    for (size_t i = 0; i < 5; i++)
        tn_dataset_free(of[i]);
    assert_int_equal(n.released + m.released + o.released, 3);
}

/* The numbers of both parts are those of the whole, each in rising order. */
static void check_parts(const tn_dataset *a, const tn_dataset *b, int64_t total)
{
    int64_t na = tn_dataset_count(a), nb = tn_dataset_count(b), i = 0, j = 0;
    assert_int_equal(na + nb, total);
    for (int64_t k = 0; k < total; k++)
        if (i < na && number_at(a, i) == k)
            i++;
        else
            assert_int_equal(number_at(b, j++), k);
}

static void splits_are_fair_and_repeatable(void **state)
{
    numbers n;
    tn_dataset *d = make(*state, &n, 100), *a, *b, *a2, *b2;
    static const double fractions[] = {0, 0.1, 0.5, 0.905, 1};
    for (size_t f = 0; f < 5; f++)
        for (int stratified = 0; stratified < 2; stratified++) {
            assert_int_equal(tn_dataset_split(*state, d, fractions[f], 5, stratified, &a, &b), TN_OK);
            assert_int_equal(tn_dataset_split(*state, d, fractions[f], 5, stratified, &a2, &b2), TN_OK);
            check_parts(a, b, 100);
            assert_int_equal(tn_dataset_count(a), tn_dataset_count(a2));
            for (int64_t i = 0; i < tn_dataset_count(a); i++)
                assert_int_equal(number_at(a, i), number_at(a2, i));
            int of_class[3] = {0};
            for (int64_t i = 0; i < tn_dataset_count(a); i++)
                of_class[number_at(a, i) % 3]++;
            for (int c = 0; c < 3 && stratified; c++) /* 34, 33 and 33 there are */
                assert_int_equal(of_class[c], (int)(fractions[f] * (c == 0 ? 34 : 33) + 0.5));
            tn_dataset *of[] = {a, b, a2, b2};
            for (size_t i = 0; i < 4; i++)
                tn_dataset_free(of[i]);
        }
    assert_int_equal(tn_dataset_split(*state, d, 0.5, 5, false, &a, &b), TN_OK);
    assert_int_equal(tn_dataset_split(*state, d, 0.5, 6, false, &a2, &b2), TN_OK);
    int same = 0;
    for (int64_t i = 0; i < 50; i++)
        same += number_at(a, i) == number_at(a2, i);
    assert_in_range(same, 0, 40);
    tn_dataset *of[] = {a, b, a2, b2, d};
    for (size_t i = 0; i < 5; i++)
        tn_dataset_free(of[i]);
}

static void bad_splits_are_refused(void **state)
{
    numbers n = {.bad = -1};
    tn_dataset_def def = numbers_def(&n, 9);
    def.label = numbers_label;
    tn_dataset *d = tn_dataset_new(*state, &def), *a, *b;
    assert_int_equal(tn_dataset_split(*state, d, 1.5, 5, false, &a, &b), TN_INVALID);
    assert_int_equal(tn_dataset_split(*state, d, 0.0 / 0.0, 5, false, &a, &b), TN_INVALID);
    assert_null(a);
    assert_null(b);
    n.bad = 2; /* classes are asked of `label`, which does not fail */
    assert_int_equal(tn_dataset_split(*state, d, 0.5, 5, true, &a, &b), TN_OK);
    tn_dataset_free(a);
    tn_dataset_free(b);
    tn_dataset_free(d);
    def.label = NULL;
    d = tn_dataset_new(*state, &def);
    assert_int_equal(tn_dataset_split(*state, d, 0.5, 5, true, &a, &b), TN_IO);
    assert_string_equal(tn_context_error(*state), "number 2 is bad");
    tn_dataset_free(d);
    def.classes = 0;
    d = tn_dataset_new(*state, &def);
    assert_int_equal(tn_dataset_split(*state, d, 0.5, 5, true, &a, &b), TN_UNSUPPORTED);
    int64_t label;
    assert_int_equal(tn_dataset_label(*state, d, 0, &label), TN_UNSUPPORTED);
    tn_dataset_free(d);
}

static tn_status counting_get(void *user, int64_t index, uint64_t key, const tn_sample *s)
{
    atomic_fetch_add((atomic_int *)user, 1);
    numbers n = {.bad = 6};
    return numbers_get(&n, index, key, s);
}

static void caches_fetch_once(void **state)
{
    atomic_int calls = 0;
    tn_dataset_def def = numbers_def(NULL, 10);
    def.get = counting_get;
    def.release = NULL;
    def.user = &calls;
    tn_dataset *d = tn_dataset_new(*state, &def), *c = tn_dataset_cache(*state, d, 0);
    assert_non_null(c);
    tn_dataset_free(d);
    float x[2];
    int64_t y;
    for (int round = 0; round < 3; round++)
        for (int64_t i = 0; i < 10; i++) {
            tn_status status = get(*state, c, i, x, &y);
            assert_int_equal(status, i == 6 ? TN_IO : TN_OK);
            assert_true(i == 6 || ((int64_t)x[0] == i && y == i % 3));
            assert_true(i != 6 || strstr(tn_context_error(*state), "number 6 is bad"));
        }
    assert_int_equal(calls, 9 + 3); /* what fails is asked for again */
    int64_t label;
    assert_int_equal(tn_dataset_label(*state, c, 5, &label), TN_OK);
    assert_int_equal(label, 2);
    assert_int_equal(calls, 12);
    assert_null(tn_dataset_cache(*state, c, 10 * 16 - 1));
    assert_non_null(strstr(tn_context_error(*state), "160 bytes"));
    tn_dataset_free(c);
    def.count = INT64_MAX;
    d = tn_dataset_new(*state, &def);
    assert_null(tn_dataset_cache(*state, d, 0));
    tn_dataset_free(d);
    def.count = 0;
    d = tn_dataset_new(*state, &def);
    c = tn_dataset_cache(*state, d, 0);
    assert_int_equal(tn_dataset_count(c), 0);
    tn_dataset_free(d);
    tn_dataset_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_sets_work),
        cmocka_unit_test(getting_fails_with_sentences),
        cmocka_unit_test(bad_callbacks_are_noticed),
        cmocka_unit_test(bad_definitions_are_refused),
        cmocka_unit_test(subsets_choose),
        cmocka_unit_test(concat_joins),
        cmocka_unit_test(caches_fetch_once),
        cmocka_unit_test(splits_are_fair_and_repeatable),
        cmocka_unit_test(bad_splits_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
