/* Losses against PyTorch and their formulas: every case of losses.safetensors (make_losses.py) through compiled programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden.h"

static tn_reduction reduction(const golden *c)
{
    const char *how = golden_word(c, "reduction");
    return strcmp(how, "sum") == 0 ? TN_REDUCE_SUM : strcmp(how, "none") == 0 ? TN_REDUCE_NONE : TN_REDUCE_MEAN;
}

static int kind(const golden *c)
{
    return (int)golden_number(c, "kind", 0);
}

static bool make_ctc(golden *c)
{
    tn_ctc_opt o = {.reduction = reduction(c),
                    .blank = (int64_t)golden_number(c, "blank", 0),
                    .zero_infinity = golden_flag(c, "zero_infinity", false)};
    c->out[0] = tn_ctc(tn_log_softmax(c->in[0], -1), c->in[1], c->in[2], c->in[3], &o);
    return true;
}

static bool make_contrastive(golden *c)
{
    c->out[0] = tn_contrastive(c->in[0], c->in[1], c->in[2], golden_number(c, "margin", 1), reduction(c));
    return true;
}

static bool make_info_nce(golden *c)
{
    c->out[0] = tn_info_nce(c->in[0], c->in[1], golden_number(c, "temperature", 1), golden_flag(c, "both", false));
    return true;
}

static bool make_distillation(golden *c)
{
    c->out[0] = tn_distillation(c->in[0], c->in[1], golden_number(c, "temperature", 1));
    return true;
}

static bool make_normalize(golden *c)
{
    c->out[0] = tn_normalize(c->in[0], golden_number(c, "p", 2), (int)golden_number(c, "dim", 1),
                             golden_number(c, "eps", 1e-12));
    return true;
}

static bool make_cosine_similarity(golden *c)
{
    c->out[0] = tn_cosine_similarity(c->in[0], c->in[1], (int)golden_number(c, "dim", 1), golden_number(c, "eps", 0));
    return true;
}

static bool make_pairwise_distance(golden *c)
{
    c->out[0] = tn_pairwise_distance(c->in[0], c->in[1], golden_number(c, "p", 2), golden_number(c, "eps", 0),
                                     golden_flag(c, "keepdim", false));
    return true;
}

static bool make_box_loss(golden *c)
{
    c->out[0] = tn_box_loss(c->in[0], c->in[1], (tn_box_kind)kind(c), reduction(c));
    return true;
}

static bool make_gan_critic_loss(golden *c)
{
    c->out[0] = tn_gan_critic_loss(c->in[0], c->in[1], (tn_gan)kind(c));
    return true;
}

static bool make_gan_generator_loss(golden *c)
{
    c->out[0] = tn_gan_generator_loss(c->in[0], (tn_gan)kind(c));
    return true;
}

/* Of a small critic; its weights get the gradients, the samples are given. */
static bool make_gradient_penalty(golden *c)
{
    tn_tensor *x = c->in[0], *score = tn_matmul(tn_tanh(tn_matmul(x, c->in[1])), c->in[2]);
    c->out[0] = tn_gradient_penalty(score, x, golden_number(c, "length", 1));
    return true;
}

static bool make_negative_elbo(golden *c)
{
    c->out[0] = tn_negative_elbo(c->in[0], c->in[1], c->in[2], golden_number(c, "beta", 1));
    return true;
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, make_##name                                                                                             \
    }
static const golden_row table[] = {
    ROW(ctc),           ROW(contrastive),     ROW(info_nce),           ROW(distillation),
    ROW(box_loss),      ROW(gan_critic_loss), ROW(gan_generator_loss), ROW(gradient_penalty),
    ROW(negative_elbo), ROW(normalize),       ROW(cosine_similarity),  ROW(pairwise_distance),
    {NULL, NULL}};

static void losses_are_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("losses", 50, table);
    golden_check_halves("losses", 40, table, (const char *const[]){"normalize", "cosine_similarity", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(losses_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
