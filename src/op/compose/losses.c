/* losses.c: losses that are put together from operators: of pairs of rows, of boxes, of a teacher, of nets that play against each other,
 * of what an encoder says. The papers are named in tarn/ops.h's order below. */
#include "op/compose/compose.h"

#include <math.h>

#include "op/scheme/loss.h"

static const int64_t LAST[] = {-1};

static tn_tensor *positive_part(tn_tensor *x)
{
    return tn_clamp(x, 0, (double)INFINITY);
}

/* ---- pairs of rows ----------------------------------------------------------------------------------------------- */

/* Hadsell, Chopra, LeCun 2006, eq. 4. */
tn_tensor *tn_contrastive(tn_tensor *a, tn_tensor *b, tn_tensor *same, double margin, tn_reduction reduction)
{
    if (op_unusable(a) || op_unusable(b) || op_unusable(same))
        return op_unusable(a) ? a : op_unusable(b) ? b : same;
    if (a->type.rank < 1 || same->type.rank != a->type.rank - 1)
        return OP_REFUSE(a, TN_SHAPE, "contrastive: a has %d axes and same %d; a number is due for each row of a",
                         a->type.rank, same->type.rank);
    tn_tensor *far = tn_norm_axes(tn_sub(a, b), 2, 1, LAST, false);
    tn_tensor *other = tn_square(positive_part(tn_add_f(tn_neg(far), margin)));
    tn_tensor *pull = tn_mul(same, tn_square(far)), *push = tn_mul(tn_add_f(tn_neg(same), 1), other);
    return op_reduce_loss(tn_mul_f(tn_add(pull, push), 0.5), reduction);
}

static tn_tensor *unit_rows(tn_tensor *x)
{
    return tn_div(x, tn_clamp(tn_norm_axes(x, 2, 1, LAST, true), 1e-12, (double)INFINITY));
}

/* Van den Oord et al. 2018, eq. 4, of cosines; in both directions as Radford et al. 2021, figure 3. */
tn_tensor *tn_info_nce(tn_tensor *query, tn_tensor *key, double temperature, bool both)
{
    if (op_unusable(query) || op_unusable(key))
        return op_unusable(query) ? query : key;
    if (query->type.rank != 2 || key->type.rank != 2)
        return OP_REFUSE(query, TN_SHAPE, "info_nce: rows [N, features] are due; query has %d axes, key %d",
                         query->type.rank, key->type.rank);
    if (!(temperature > 0))
        return OP_REFUSE(query, TN_INVALID, "info_nce: the temperature is %g; it must be above 0", temperature);
    tn_tensor *cosines = tn_matmul(unit_rows(query), tn_transpose(unit_rows(key), 0, 1));
    tn_tensor *logits = tn_div_f(cosines, temperature);
    tn_tensor *own = tn_arange(query->graph, TN_I64, 0, 1, query->type.dims[0]);
    tn_tensor *loss = tn_cross_entropy(logits, own, NULL);
    return both ? tn_mul_f(tn_add(loss, tn_cross_entropy(tn_transpose(logits, 0, 1), own, NULL)), 0.5) : loss;
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

typedef struct box {
    tn_tensor *low, *high; /* [..., 2] */
    tn_tensor *size;       /* [..., 2] */
} box;

static box box_of(tn_tensor *x)
{
    box b = {.low = tn_slice(x, -1, 0, 2), .high = tn_slice(x, -1, 2, 4)};
    b.size = tn_sub(b.high, b.low);
    return b;
}

/* Width times height; [...]. */
static tn_tensor *area(tn_tensor *size)
{
    return tn_squeeze(tn_mul(tn_slice(size, -1, 0, 1), tn_slice(size, -1, 1, 2)), -1);
}

static tn_tensor *length_squared(tn_tensor *x)
{
    return tn_sum_axes(tn_square(x), 1, LAST, false);
}

/* How much the shapes differ, eq. 9 of Zheng et al. 2020, times its weight, which counts as given. */
static tn_tensor *shape_term(const box *a, const box *b, tn_tensor *iou)
{
    static const double PI = 3.14159265358979323846, EPS = 1e-7;
    tn_tensor *angle[2];
    const box *of[2] = {a, b};
    for (int i = 0; i < 2; i++)
        angle[i] = tn_atan2(tn_slice(of[i]->size, -1, 0, 1), tn_slice(of[i]->size, -1, 1, 2));
    tn_tensor *v = tn_mul_f(tn_squeeze(tn_square(tn_sub(angle[1], angle[0])), -1), 4 / (PI * PI));
    tn_tensor *weight = tn_detach(tn_div(v, tn_add_f(tn_add(tn_add_f(tn_neg(iou), 1), v), EPS)));
    return tn_mul(weight, v);
}

/* Rezatofighi et al. 2019, algorithm 2; Zheng et al. 2020, eq. 7 and 10. */
tn_tensor *tn_box_loss(tn_tensor *x, tn_tensor *target, tn_box_kind kind, tn_reduction reduction)
{
    static const double EPS = 1e-7;
    if (op_unusable(x) || op_unusable(target))
        return op_unusable(x) ? x : target;
    if (x->type.rank < 1 || x->type.dims[x->type.rank - 1] != 4 || target->type.rank != x->type.rank ||
        target->type.dims[x->type.rank - 1] != 4)
        return OP_REFUSE(x, TN_SHAPE, "box_loss: boxes [..., 4] of left, top, right, bottom are due, for x and target");
    if (kind < TN_BOX_IOU || kind > TN_BOX_CIOU)
        return OP_REFUSE(x, TN_INVALID, "box_loss: there is no kind number %d", (int)kind);
    box a = box_of(x), b = box_of(target);
    tn_tensor *common = area(positive_part(tn_sub(tn_minimum(a.high, b.high), tn_maximum(a.low, b.low))));
    tn_tensor *both = tn_sub(tn_add(area(a.size), area(b.size)), common);
    tn_tensor *iou = tn_div(common, tn_add_f(both, EPS)), *loss = tn_add_f(tn_neg(iou), 1);
    tn_tensor *around = tn_sub(tn_maximum(a.high, b.high), tn_minimum(a.low, b.low));
    if (kind == TN_BOX_GIOU) {
        tn_tensor *hull = area(around);
        loss = tn_add(loss, tn_div(tn_sub(hull, both), tn_add_f(hull, EPS)));
    } else if (kind != TN_BOX_IOU) {
        tn_tensor *gap = tn_mul_f(tn_sub(tn_add(a.low, a.high), tn_add(b.low, b.high)), 0.5);
        loss = tn_add(loss, tn_div(length_squared(gap), tn_add_f(length_squared(around), EPS)));
        loss = kind == TN_BOX_CIOU ? tn_add(loss, shape_term(&a, &b, iou)) : loss;
    }
    return op_reduce_loss(loss, reduction);
}

/* ---- a teacher --------------------------------------------------------------------------------------------------- */

/* Hinton, Vinyals, Dean 2015, section 2: the gradients keep their size as the temperature rises. */
tn_tensor *tn_distillation(tn_tensor *student, tn_tensor *teacher, double temperature)
{
    if (op_unusable(student) || op_unusable(teacher))
        return op_unusable(student) ? student : teacher;
    if (student->type.rank < 1 || !(temperature > 0))
        return OP_REFUSE(student, TN_INVALID,
                         "distillation: logits [..., classes] and a temperature above 0 are due; it is %g",
                         temperature);
    tn_tensor *log_p = tn_log_softmax(tn_div_f(student, temperature), -1);
    tn_tensor *log_q = tn_log_softmax(tn_div_f(tn_detach(teacher), temperature), -1);
    tn_tensor *each = tn_sum_axes(tn_kl_div(log_p, log_q, true, TN_REDUCE_NONE), 1, LAST, false);
    return tn_mul_f(tn_mean(each), temperature * temperature);
}

/* ---- nets that play against each other ----------------------------------------------------------------------------- */

static tn_tensor *minus_mean(tn_tensor *x)
{
    return tn_neg(tn_mean(x));
}

static bool no_game(tn_tensor *x, tn_gan kind, const char *who)
{
    if (kind >= TN_GAN_MINIMAX && kind <= TN_GAN_HINGE)
        return false;
    graph_fail(x->graph, TN_INVALID, "%s: there is no kind number %d", who, (int)kind);
    return true;
}

/* Goodfellow et al. 2014, eq. 1; Mao et al. 2017, eq. 9; Arjovsky et al. 2017, algorithm 1; Lim and Ye 2017, eq. 9. */
tn_tensor *tn_gan_critic_loss(tn_tensor *real, tn_tensor *fake, tn_gan kind)
{
    if (op_unusable(real) || op_unusable(fake))
        return op_unusable(real) ? real : fake;
    if (no_game(real, kind, "gan_critic_loss"))
        return &real->graph->poison;
    switch (kind) {
    case TN_GAN_LEAST_SQUARES:
        return tn_mul_f(tn_add(tn_mean(tn_square(tn_sub_f(real, 1))), tn_mean(tn_square(fake))), 0.5);
    case TN_GAN_WASSERSTEIN: return tn_sub(tn_mean(fake), tn_mean(real));
    case TN_GAN_HINGE:
        return tn_add(tn_mean(positive_part(tn_add_f(tn_neg(real), 1))), tn_mean(positive_part(tn_add_f(fake, 1))));
    default: return tn_add(minus_mean(tn_log_sigmoid(real)), minus_mean(tn_log_sigmoid(tn_neg(fake))));
    }
}

/* Goodfellow et al. 2014, eq. 1 and what follows it; the others as above. */
tn_tensor *tn_gan_generator_loss(tn_tensor *fake, tn_gan kind)
{
    if (op_unusable(fake) || no_game(fake, kind, "gan_generator_loss"))
        return op_unusable(fake) ? fake : &fake->graph->poison;
    switch (kind) {
    case TN_GAN_MINIMAX: return tn_mean(tn_log_sigmoid(tn_neg(fake)));
    case TN_GAN_NON_SATURATING: return minus_mean(tn_log_sigmoid(fake));
    case TN_GAN_LEAST_SQUARES: return tn_mul_f(tn_mean(tn_square(tn_sub_f(fake, 1))), 0.5);
    default: return minus_mean(fake);
    }
}

/* Gulrajani et al. 2017, eq. 3. */
tn_tensor *tn_gradient_penalty(tn_tensor *score, tn_tensor *x, double length)
{
    if (op_unusable(score) || op_unusable(x))
        return op_unusable(score) ? score : x;
    if (x->type.rank < 1)
        return OP_REFUSE(x, TN_SHAPE, "gradient_penalty: x must be a batch of samples");
    tn_tensor *g = NULL;
    if (tn_gradients(tn_sum(score), 1, &x, &g) != TN_OK)
        return &x->graph->poison;
    tn_tensor *rows = x->type.rank > 1 ? tn_flatten(g, 1) : tn_unsqueeze(g, 1);
    return tn_mean(tn_square(tn_sub_f(tn_norm_axes(rows, 2, 1, LAST, false), length)));
}

/* ---- what an encoder says ------------------------------------------------------------------------------------------ */

/* Kingma and Welling 2014, appendix B. */
tn_tensor *tn_normal_kl(tn_tensor *mean, tn_tensor *log_var)
{
    if (op_unusable(mean) || op_unusable(log_var))
        return op_unusable(mean) ? mean : log_var;
    if (mean->type.rank < 1)
        return OP_REFUSE(mean, TN_SHAPE, "normal_kl: mean and log_var must have the shape [..., features]");
    tn_tensor *each = tn_sub(tn_add(tn_square(mean), tn_exp(log_var)), tn_add_f(log_var, 1));
    return tn_mul_f(tn_sum_axes(each, 1, LAST, false), 0.5);
}

/* Kingma and Welling 2014, eq. 10; beta after Higgins et al. 2017, eq. 4. */
tn_tensor *tn_negative_elbo(tn_tensor *nll, tn_tensor *mean, tn_tensor *log_var, double beta)
{
    if (op_unusable(nll))
        return nll;
    return tn_mean(tn_add(nll, tn_mul_f(tn_normal_kl(mean, log_var), beta)));
}
