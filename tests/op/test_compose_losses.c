/* Losses, medians and quantiles that are put together from operators (src/op/compose/losses.c, order.c): with a batch of open size they compute what they do with a
 * number, and what is wrong gives a sentence. Values are compared with PyTorch's in tests/golden. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compose.h"

static tn_tensor *rows(tn_tensor *x)
{
    return tn_flatten(x, 1);
}
static tn_tensor *one(tn_tensor *x)
{
    return tn_sum_axes(rows(x), 1, (int64_t[]){-1}, false);
}
static tn_tensor *contrastive(tn_tensor *x)
{
    return tn_contrastive(rows(x), tn_square(rows(x)), tn_sigmoid(one(x)), 9, TN_REDUCE_NONE);
}
static tn_tensor *info_nce(tn_tensor *x)
{
    return tn_info_nce(rows(x), tn_square(rows(x)), 0.5, true);
}
static tn_tensor *box(tn_tensor *x)
{
    return tn_box_loss(tn_add(x, tn_arange(tn_tensor_graph(x), TN_F32, 0, 9, 4)), tn_exp(tn_mul_f(x, 0.1)), TN_BOX_CIOU,
                       TN_REDUCE_NONE);
}
static tn_tensor *distillation(tn_tensor *x)
{
    return tn_distillation(x, tn_square(x), 3);
}
static tn_tensor *critic(tn_tensor *x)
{
    return tn_gan_critic_loss(x, tn_neg(x), TN_GAN_MINIMAX);
}
static tn_tensor *generator(tn_tensor *x)
{
    return tn_gan_generator_loss(x, TN_GAN_MINIMAX);
}
static tn_tensor *penalty(tn_tensor *x)
{
    return tn_gradient_penalty(one(tn_square(x)), x, 1);
}
static tn_tensor *elbo(tn_tensor *x)
{
    return tn_negative_elbo(one(x), rows(x), tn_mul_f(rows(x), 0.1), 2);
}

static tn_tensor *cosine(tn_tensor *x)
{
    return tn_cosine_similarity(x, tn_square(x), -1, 1e-8);
}
static tn_tensor *distance(tn_tensor *x)
{
    return tn_pairwise_distance(tn_normalize(x, 2, 1, 1e-12), x, 1, 1e-6, true);
}

static tn_tensor *median(tn_tensor *x)
{
    return tn_add(tn_median(x, 0, true).values, x);
}
static tn_tensor *quantile(tn_tensor *x)
{
    return tn_add(tn_quantile(x, 0.3, 0, true, TN_QUANTILE_LINEAR), tn_copysign(x, tn_sin(x)));
}

static compose_fn *const builders[] = {median, quantile,     cosine, distance,  contrastive, info_nce,
                                       box,    distillation, critic, generator, penalty,     elbo};

static tn_tensor *bad_same(tn_tensor *x)
{
    return tn_contrastive(x, x, x, 1, TN_REDUCE_MEAN);
}
static tn_tensor *bad_rows(tn_tensor *x)
{
    return tn_info_nce(x, x, 1, false);
}
static tn_tensor *bad_temperature(tn_tensor *x)
{
    return tn_info_nce(rows(x), rows(x), 0, false);
}
static tn_tensor *bad_box(tn_tensor *x)
{
    return tn_box_loss(rows(x), rows(x), TN_BOX_IOU, TN_REDUCE_MEAN);
}
static tn_tensor *bad_box_kind(tn_tensor *x)
{
    return tn_box_loss(x, x, (tn_box_kind)4, TN_REDUCE_MEAN);
}
static tn_tensor *bad_heat(tn_tensor *x)
{
    return tn_distillation(x, x, -1);
}
static tn_tensor *bad_critic(tn_tensor *x)
{
    return tn_gan_critic_loss(x, x, (tn_gan)5);
}
static tn_tensor *bad_generator(tn_tensor *x)
{
    return tn_gan_generator_loss(x, (tn_gan)-1);
}
static tn_tensor *bad_penalty(tn_tensor *x)
{
    return tn_gradient_penalty(x, tn_sum(x), 1);
}
static tn_tensor *bad_kl(tn_tensor *x)
{
    return tn_normal_kl(tn_sum(x), x);
}
static tn_tensor *bad_length(tn_tensor *x)
{
    return tn_normalize(x, 2, 3, 1e-12);
}
static tn_tensor *bad_least(tn_tensor *x)
{
    return tn_normalize(x, 2, 1, -1);
}
static tn_tensor *bad_cosine(tn_tensor *x)
{
    return tn_cosine_similarity(x, x, 0, (double)NAN);
}
static tn_tensor *bad_angle(tn_tensor *x)
{
    return tn_cosine_similarity(x, x, -4, 0);
}
static tn_tensor *bad_distance(tn_tensor *x)
{
    return tn_pairwise_distance(x, x, 2, -1, false);
}
static tn_tensor *bad_points(tn_tensor *x)
{
    return tn_pairwise_distance(tn_sum(x), tn_sum(x), 2, 0, false);
}

static tn_tensor *bad_part(tn_tensor *x)
{
    return tn_quantile(x, 1.5, 0, false, TN_QUANTILE_LINEAR);
}
static tn_tensor *bad_middle(tn_tensor *x)
{
    return tn_median(x, 3, false).values;
}
static tn_tensor *bad_empty(tn_tensor *x)
{
    return tn_median(tn_slice(x, 1, 0, 0), 1, false).values;
}

static const compose_wrong wrong[] = {{bad_part, "quantile of 'x': q is 1.5"},
                                      {bad_middle, "median of 'x': axis 3 of a 3-d tensor"},
                                      {bad_empty, "axis 1 is empty"},
                                      {bad_length, "normalize of 'x': axis 3 of a 3-d tensor"},
                                      {bad_least, "normalize of 'x': eps is -1; it must be from 0 to 1000"},
                                      {bad_cosine, "cosine_similarity of 'x': eps is"},
                                      {bad_angle, "cosine_similarity of 'x': axis -4 of a 3-d tensor"},
                                      {bad_distance, "pairwise_distance of 'x': eps is -1"},
                                      {bad_points, "rows [..., features] are due; a and b have no axis"},
                                      {bad_same, "a number is due for each row of a"},
                                      {bad_rows, "rows [N, features] are due"},
                                      {bad_temperature, "the temperature is 0"},
                                      {bad_box, "boxes [..., 4]"},
                                      {bad_box_kind, "there is no kind number 4"},
                                      {bad_heat, "a temperature above 0"},
                                      {bad_critic, "gan_critic_loss: there is no kind number 5"},
                                      {bad_generator, "gan_generator_loss: there is no kind number -1"},
                                      {bad_penalty, "x must be a batch"},
                                      {bad_kl, "mean and log_var"}};

static compose_list list = COMPOSE_LIST(builders, wrong);

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(compose_open_sizes, &list),
                                       cmocka_unit_test_prestate(compose_sentences, &list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
