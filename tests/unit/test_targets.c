/* test_targets.c: what a model is measured against: a class for each place of a text, of which some have none and texts vary in
 * length; probabilities for each class in training, classes in validation. Losses and accuracies by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/train.h>

#include "support/context.h"
#include "support/scratch.h"

enum { TEXTS = 50, MOST = 9, WORDS = 4 };

static int64_t length_of(int64_t i)
{
    return i % (MOST + 1);
}

static int64_t word(int64_t i, int64_t k)
{
    return (i * 3 + k) % WORDS;
}

/* The word that comes next; none at every third place. */
static int64_t next_word(int64_t i, int64_t k)
{
    return k % 3 == 2 ? -100 : (word(i, k) + 1) % WORDS;
}

static tn_status get_text(void *user, int64_t i, uint64_t key, const tn_sample *s)
{
    (void)user;
    (void)key;
    s->lengths[0] = s->lengths[1] = length_of(i);
    for (int64_t k = 0; k < length_of(i); k++) {
        ((int64_t *)s->at[0])[k] = word(i, k);
        ((int64_t *)s->at[1])[k] = next_word(i, k);
    }
    return TN_OK;
}

static int64_t text_length(void *user, int64_t i)
{
    (void)user;
    return length_of(i);
}

static tn_dataset *texts(tn_context *c)
{
    const tn_field fields[] = {{.name = "x", .dtype = TN_I64, .rank = 1, .dims = {MOST}, .varies = true},
                               {.name = "y", .dtype = TN_I64, .rank = 1, .dims = {MOST}, .varies = true, .pad = -100}};
    const tn_dataset_def def = {
        .count = TEXTS, .fields = fields, .n_fields = 2, .classes = WORDS, .get = get_text, .length = text_length};
    tn_dataset *d = tn_dataset_new(c, &def);
    assert_non_null(d);
    return d;
}

/* A table from word to next word, or the mean over the words of a text. */
static tn_model *table(tn_context *c, bool places)
{
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_I64, TN_SHAPE(tn_symbol(g, "batch"), tn_symbol(g, "time")));
    tn_tensor *y = tn_layer_embedding(x, "table", WORDS, WORDS, NULL);
    tn_model *m = tn_model_new(c, g, places ? y : tn_mean_axes(y, 1, (const int64_t[]){1}, false), NULL);
    if (!m)
        fail_msg("%s", tn_context_error(c));
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    return m;
}

/* Mean of -log p over all places that have a class, and the part where the likeliest is right. */
static double by_hand(const tn_model *m, double *accuracy)
{
    tn_view v;
    const char *name = tn_state_get(tn_model_state((tn_model *)(uintptr_t)m), 0, &v);
    assert_string_equal(name, "table.weight");
    const float *weights = v.data;
    double loss = 0, right = 0, n = 0;
    for (int64_t i = 0; i < TEXTS; i++)
        for (int64_t k = 0; k < length_of(i); k++) {
            const float *row = weights + WORDS * word(i, k);
            double sum = 0;
            int best = 0;
            for (int w = 0; w < WORDS; w++) {
                sum += exp((double)row[w]);
                best = row[w] > row[best] ? w : best;
            }
            if (next_word(i, k) < 0)
                continue;
            loss += log(sum) - (double)row[next_word(i, k)];
            right += best == next_word(i, k);
            n++;
        }
    *accuracy = right / n;
    return loss / n;
}

static void test_places(void **state)
{
    tn_dataset *d = texts(*state);
    tn_model *m = table(*state, true);
    tn_evaluation r;
    int64_t confusion[WORDS * WORDS], counted = 0;
    double accuracy, loss = by_hand(m, &accuracy);
    for (int64_t batch = 1; batch <= 64; batch *= 8) {
        if (tn_evaluate(*state, m, d, batch, &r, confusion) != TN_OK)
            fail_msg("%s", tn_context_error(*state));
        assert_true(fabs(r.loss - loss) < 1e-6 && fabs(r.accuracy - accuracy) < 1e-12 && r.classes == WORDS);
    }
    for (int i = 0; i < WORDS * WORDS; i++)
        counted += confusion[i];
    int64_t places = 0;
    for (int64_t i = 0; i < TEXTS; i++)
        for (int64_t k = 0; k < length_of(i); k++)
            places += next_word(i, k) >= 0;
    assert_int_equal(counted, places);
    tn_model_free(m);
    tn_dataset_free(d);
}

static tn_trainer *trainer(tn_context *c, tn_model *m, const tn_dataset *train, const tn_dataset *valid, int epochs)
{
    tn_trainer *t =
        tn_trainer_new(c, m, train, valid,
                       TN_OPT(tn_train_opt, .epochs = epochs, .batch = 5, .seed = 2, .bucket = 4, .pad_to = 4,
                              .workers = 2, .optim = {.kind = TN_ADAM}, .schedule = {.lr = 0.1}));
    if (!t)
        fail_msg("%s", tn_context_error(c));
    return t;
}

/* The table is learned to the last word. */
static void test_learns(void **state)
{
    tn_dataset *d = texts(*state);
    tn_model *m = table(*state, true);
    tn_trainer *t = trainer(*state, m, d, d, 20);
    if (tn_trainer_run(t) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    double accuracy, loss = by_hand(m, &accuracy);
    assert_true(loss < 0.02 && accuracy == 1.0);
    tn_trainer_free(t);
    tn_model_free(m);
    tn_dataset_free(d);
}

/* ---- probabilities ----------------------------------------------------------------------------------------------- */

enum { POINTS = 40, KINDS = 3 };

static tn_status get_point(void *user, int64_t i, uint64_t key, const tn_sample *s)
{
    const bool soft = user != NULL;
    float *x = s->at[0], *y = s->at[1];
    (void)key;
    for (int k = 0; k < KINDS; k++)
        x[k] = i % KINDS == k ? 2 : -1;
    for (int k = 0; soft && k < KINDS; k++)
        y[k] = i % KINDS == k ? 0.8F : 0.1F;
    if (!soft)
        *(int64_t *)s->at[1] = i % KINDS;
    return TN_OK;
}

static tn_dataset *points(tn_context *c, bool soft)
{
    static int yes;
    const tn_field fields[] = {{.name = "x", .dtype = TN_F32, .rank = 1, .dims = {KINDS}},
                               {.name = "y", .dtype = soft ? TN_F32 : TN_I64, .rank = soft, .dims = {KINDS}}};
    const tn_dataset_def def = {.count = POINTS,
                                .fields = fields,
                                .n_fields = 2,
                                .classes = KINDS,
                                .get = get_point,
                                .user = soft ? &yes : NULL};
    tn_dataset *d = tn_dataset_new(c, &def);
    assert_non_null(d);
    return d;
}

static tn_model *linear(tn_context *c, int64_t out)
{
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), KINDS));
    tn_model *m = tn_model_new(c, g, tn_layer_linear(x, "fc", out, NULL), NULL);
    assert_non_null(m);
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    return m;
}

/* The best that can be reached is the entropy of the targets; on classes it is -log 0.8. */
static void test_soft(void **state)
{
    tn_dataset *soft = points(*state, true), *hard = points(*state, false);
    tn_model *m = linear(*state, KINDS);
    tn_trainer *t = trainer(*state, m, soft, hard, 60);
    tn_evaluation r;
    if (tn_trainer_run(t) != TN_OK || tn_trainer_evaluate(t, hard, &r) != TN_OK)
        fail_msg("%s", tn_trainer_error(t));
    assert_true(r.accuracy == 1.0 && fabs(r.loss + log(0.8)) < 1e-3);
    assert_int_equal(tn_trainer_evaluate(t, soft, &r), TN_OK);
    assert_true(r.accuracy == 1.0 && fabs(r.loss + 0.8 * log(0.8) + 0.2 * log(0.1)) < 1e-3);
    tn_trainer_free(t);
    tn_model_free(m);
    tn_dataset_free(soft);
    tn_dataset_free(hard);
}

/* ---- weights ------------------------------------------------------------------------------------------------------- */

static tn_status get_same(void *user, int64_t i, uint64_t key, const tn_sample *s)
{
    (void)user, (void)key;
    float *x = s->at[0];
    for (int k = 0; k < KINDS; k++)
        x[k] = 1;
    *(int64_t *)s->at[1] = i % 8 ? 0 : i % 16 ? 1 : 2; /* 35, 2 and 3 of 40 */
    return TN_OK;
}

/* All samples look alike: what is learned are the parts that the classes have, by what they count for. */
static void learned_parts(tn_context *c, const tn_train_opt *o, double p[KINDS])
{
    const tn_field fields[] = {{.name = "x", .dtype = TN_F32, .rank = 1, .dims = {KINDS}},
                               {.name = "y", .dtype = TN_I64}};
    tn_dataset *d = tn_dataset_new(
        c, &(tn_dataset_def){.count = POINTS, .fields = fields, .n_fields = 2, .classes = KINDS, .get = get_same});
    tn_model *m = linear(c, KINDS);
    tn_trainer *t = tn_trainer_new(c, m, d, NULL, o);
    if (!t || tn_trainer_run(t) != TN_OK)
        fail_msg("%s", t ? tn_trainer_error(t) : tn_context_error(c));
    tn_predictor *q = tn_predictor_new(m);
    float x[KINDS] = {1, 1, 1}, y[KINDS];
    const tn_view in = tn_view_of(x, TN_F32, 2, (const int64_t[]){1, KINDS}),
                  out = tn_view_of(y, TN_F32, 2, (const int64_t[]){1, KINDS});
    assert_int_equal(tn_predict(q, &in, &out), TN_OK);
    double sum = 0;
    for (int k = 0; k < KINDS; k++)
        sum += p[k] = exp((double)y[k]);
    for (int k = 0; k < KINDS; k++)
        p[k] /= sum;
    tn_predictor_free(q);
    tn_trainer_free(t);
    tn_model_free(m);
    tn_dataset_free(d);
}

static void test_weights(void **state)
{
    static const double weights[] = {1, 2, 0};
    double p[KINDS];
    tn_train_opt o = {.epochs = 400, .batch = POINTS, .optim = {.kind = TN_ADAM}, .schedule = {.lr = 0.05}};
    learned_parts(*state, &o, p);
    assert_true(fabs(p[0] - 35.0 / 40) < 2e-3 && fabs(p[1] - 2.0 / 40) < 2e-3 && fabs(p[2] - 3.0 / 40) < 2e-3);
    o.balance_classes = true;
    learned_parts(*state, &o, p);
    assert_true(fabs(p[0] - 1.0 / 3) < 2e-3 && fabs(p[1] - 1.0 / 3) < 2e-3);
    o.balance_classes = false;
    o.class_weights = weights;
    o.n_class_weights = KINDS;
    learned_parts(*state, &o, p);
    assert_true(fabs(p[0] - 35.0 / 39) < 2e-3 && fabs(p[1] - 4.0 / 39) < 2e-3 && p[2] < 2e-3);
}

static void refused_weights(tn_context *c, tn_train_opt o, const char *sentence)
{
    tn_dataset *d = points(c, false);
    tn_model *m = linear(c, KINDS);
    o.batch = 4;
    assert_null(tn_trainer_new(c, m, d, NULL, &o));
    assert_string_equal(tn_context_error(c), sentence);
    tn_model_free(m);
    tn_dataset_free(d);
}

static void test_wrong_weights(void **state)
{
    static const double two[] = {1, 2}, less[] = {1, -1, 1};
    refused_weights(*state, (tn_train_opt){.class_weights = two, .n_class_weights = 2},
                    "there are 2 class_weights; the model has 3 outputs");
    refused_weights(*state, (tn_train_opt){.class_weights = less, .n_class_weights = 3},
                    "class 1 counts for -1; weights of classes must be at least 0");
    refused_weights(*state, (tn_train_opt){.class_weights = less, .n_class_weights = 3, .balance_classes = true},
                    "classes are weighed by class_weights or by how often they are, not by both");
}

static void refused(tn_context *c, tn_model *m, const tn_dataset *d, tn_loss loss, const char *sentence)
{
    assert_null(tn_trainer_new(c, m, d, NULL, TN_OPT(tn_train_opt, .loss = loss, .batch = 4)));
    assert_string_equal(tn_context_error(c), sentence);
    tn_model_free(m);
}

static void test_wrong(void **state)
{
    tn_dataset *soft = points(*state, true), *text = texts(*state);
    refused(*state, linear(*state, KINDS), soft, TN_LOSS_NLL,
            "nll takes class numbers; the data have probabilities: take cross_entropy");
    refused(*state, linear(*state, 2), soft, TN_LOSS_AUTO,
            "the data have 3 classes and the model only 2 outputs; make its last layer larger");
    refused(
        *state, table(*state, false), text, TN_LOSS_AUTO,
        "cross entropy needs an output [batch, places, classes], as the data have a class for each place; the model's "
        "is f32[batch,4]");
    tn_dataset_free(soft);
    tn_dataset_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_places, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_learns, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_soft, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_weights, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_wrong_weights, context_begin, context_end),
                                       cmocka_unit_test_setup_teardown(test_wrong, context_begin, context_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
