/* line_search.c: see line_search.h. */
#include "optim/line_search.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"

static const double DECREASE = 1e-4, CURVATURE = 0.9;

typedef struct searching {
    const optim_search *s;
    int64_t *looks, last; /* last: the count at which no more are allowed */
    optim_point at;       /* what was looked at last */
} searching;

static tn_status look(searching *x, double t)
{
    x->at = (optim_point){.t = t};
    ++*x->looks;
    return x->s->look(x->s->user, &x->at);
}

static bool too_high(const searching *x, const optim_point *p)
{
    return !(p->f <= x->s->start.f + DECREASE * p->t * x->s->start.slope);
}

static bool flat_enough(const searching *x, const optim_point *p)
{
    return fabs(p->slope) <= -CURVATURE * x->s->start.slope;
}

/* Where the cubic through two points with their slopes is least, eq. 3.59; kept within [low, high]; the middle if there is none. */
static double least_between(const optim_point *a, const optim_point *b, double low, double high)
{
    double d1 = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t), square = d1 * d1 - a->slope * b->slope;
    double d2 = square > 0 ? copysign(sqrt(square), b->t - a->t) : (double)NAN;
    double t = b->t - (b->t - a->t) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
    if (!isfinite(t))
        return 0.5 * (low + high);
    return t < low ? low : t > high ? high : t;
}

/* Algorithm 3.6: `low` is the best so far, and the slope there points towards `high`. */
static tn_status zoom(searching *x, optim_point low, optim_point high)
{
    while (*x->looks < x->last && fabs(high.t - low.t) >= x->s->least) {
        double from = low.t < high.t ? low.t : high.t, length = fabs(high.t - low.t);
        BASE_TRY(look(x, least_between(&low, &high, from + 0.1 * length, from + 0.9 * length)));
        if (too_high(x, &x->at) || !(x->at.f < low.f)) {
            high = x->at;
            continue;
        }
        if (flat_enough(x, &x->at))
            return TN_OK;
        if (x->at.slope * (high.t - low.t) >= 0)
            high = low;
        low = x->at;
    }
    return x->at.t == low.t ? TN_OK : look(x, low.t); /* NOLINT: the very point */
}

tn_status optim_line_search(const optim_search *s, double t, optim_point *at, int64_t *looks)
{
    searching x = {.s = s, .looks = looks, .last = *looks + s->most};
    optim_point before = s->start;
    tn_status status = TN_OK;
    for (bool first = true;; first = false) {
        status = look(&x, t);
        if (status != TN_OK)
            break;
        if (too_high(&x, &x.at) || (!first && !(x.at.f < before.f))) {
            status = zoom(&x, before, x.at);
            break;
        }
        if (flat_enough(&x, &x.at) || *looks >= x.last)
            break;
        if (x.at.slope >= 0) {
            status = zoom(&x, x.at, before);
            break;
        }
        t = least_between(&before, &x.at, x.at.t + 0.1 * (x.at.t - before.t), 10 * x.at.t);
        before = x.at;
    }
    *at = x.at;
    return status;
}
