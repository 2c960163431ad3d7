/* schedule.c: learning rates over time. All but the plateau are closed forms of step and epoch, so that a run that is resumed
 * needs to know no more. */
#include <math.h>

#include <tarn/optim.h>

static const double PI = 3.14159265358979323846;

static double or_default(double value, double usual)
{
    return value == 0.0 ? usual : value;
}

static int64_t or_count(int64_t value, int64_t usual)
{
    return value > 0 ? value : usual;
}

/* Half a cosine, or a line, from one value to another; part goes from 0 to 1. */
static double along(double from, double to, double part, bool line)
{
    return line ? from + (to - from) * part : to + 0.5 * (from - to) * (1 + cos(PI * part));
}

/* The part of the length that is behind: at most 1. */
static double part_of(const tn_schedule_opt *o, int64_t at)
{
    int64_t length = o->total - o->warmup_steps;
    return length <= 0 || at >= length ? 1 : (double)at / (double)length;
}

static double warm_up(const tn_schedule_opt *o, int64_t step)
{
    double part = (double)(step + 1) / (double)o->warmup_steps, from = o->warmup_from;
    switch (o->warmup) {
    case TN_WARMUP_COSINE: return along(from, 1, part, false);
    case TN_WARMUP_EXPONENTIAL: return from > 0 ? pow(from, 1 - part) : 1;
    case TN_WARMUP_CONSTANT: return from;
    default: return along(from, 1, part, true);
    }
}

static double multi_step(const tn_schedule_opt *o, int64_t epoch)
{
    int passed = 0;
    while (passed < o->n_milestones && o->milestones[passed] <= epoch)
        passed++;
    return o->lr * pow(or_default(o->gamma, 0.1), passed);
}

static double restarts(const tn_schedule_opt *o, int64_t at)
{
    int64_t length = or_count(o->period, 10), factor = or_count(o->period_factor, 1);
    if (factor == 1)
        at %= length;
    while (at >= length) {
        at -= length;
        length = length > INT64_MAX / factor ? INT64_MAX : length * factor;
    }
    return along(o->lr, o->lr_min, (double)at / (double)length, false);
}

static double one_cycle(const tn_schedule_opt *o, int64_t at)
{
    double first = o->lr / or_default(o->div_factor, 25), last = first / or_default(o->final_div_factor, 1e4);
    double steps = (double)(o->total - o->warmup_steps), top = or_default(o->pct_start, 0.3) * steps - 1,
           now = (double)at;
    double ends[4] = {0, top, o->three_phase ? 2 * top : steps - 1, steps - 1};
    double rates[4] = {first, o->lr, o->three_phase ? first : last, last};
    for (int i = 1; i < 4; i++)
        if (now <= ends[i] && ends[i] > ends[i - 1])
            return along(rates[i - 1], rates[i], (now - ends[i - 1]) / (ends[i] - ends[i - 1]), o->linear);
    return last;
}

static double cyclic(const tn_schedule_opt *o, int64_t at)
{
    double up = (double)or_count(o->up, 2000), down = (double)or_count(o->down, or_count(o->up, 2000));
    double cycle = floor((double)at / (up + down)), where = (double)at - cycle * (up + down);
    double height = (o->lr - o->lr_min) * (where <= up ? where / up : (up + down - where) / down);
    if (o->mode == TN_CYCLE_TRIANGULAR2)
        height /= pow(2, cycle);
    else if (o->mode == TN_CYCLE_EXP_RANGE)
        height *= pow(or_default(o->gamma, 1), (double)at);
    return o->lr_min + height;
}

static double inverse_sqrt(const tn_schedule_opt *o, int64_t step)
{
    return o->lr * sqrt((double)or_count(o->warmup_steps, 1) / (double)(step + 1));
}

static double rate_of(const tn_schedule_opt *o, const tn_schedule *s, int64_t step, int64_t epoch)
{
    int64_t at = step - o->warmup_steps;
    switch (o->kind) {
    case TN_SCHEDULE_STEP: return o->lr * pow(or_default(o->gamma, 0.1), (double)(epoch / or_count(o->every, 1)));
    case TN_SCHEDULE_COSINE: return along(o->lr, o->lr_min, part_of(o, at), false);
    case TN_SCHEDULE_PLATEAU: return fmax(o->lr * (s->seen ? s->factor : 1), o->lr_min);
    case TN_SCHEDULE_MULTI_STEP: return multi_step(o, epoch);
    case TN_SCHEDULE_EXPONENTIAL: return o->lr * pow(or_default(o->gamma, 0.95), (double)epoch);
    case TN_SCHEDULE_POLYNOMIAL:
        return o->lr_min + (o->lr - o->lr_min) * pow(1 - part_of(o, at), or_default(o->power, 1));
    case TN_SCHEDULE_LINEAR:
        return o->lr * along(o->start_factor.set ? o->start_factor.value : 1.0 / 3,
                             o->end_factor.set ? o->end_factor.value : 1, part_of(o, at), true);
    case TN_SCHEDULE_COSINE_RESTARTS: return restarts(o, at);
    case TN_SCHEDULE_ONE_CYCLE: return one_cycle(o, at);
    case TN_SCHEDULE_CYCLIC: return cyclic(o, at);
    case TN_SCHEDULE_INVERSE_SQRT: return inverse_sqrt(o, step);
    default: return o->lr;
    }
}

double tn_schedule_rate(const tn_schedule_opt *o, const tn_schedule *s, int64_t step, int64_t epoch)
{
    double others = 1;
    while (o->then && step >= o->until) {
        step -= o->until;
        o = o->then;
    }
    for (const tn_schedule_opt *also = o->also; also; also = also->also) {
        tn_schedule_opt alone = *also;
        alone.lr = 1;
        others *= step < alone.warmup_steps ? warm_up(&alone, step) : rate_of(&alone, s, step, epoch);
    }
    return others * (step < o->warmup_steps ? o->lr * warm_up(o, step) : rate_of(o, s, step, epoch));
}

/* The plateau among what is chained, or NULL. */
static const tn_schedule_opt *plateau(const tn_schedule_opt *o)
{
    for (; o; o = o->then)
        for (const tn_schedule_opt *also = o; also; also = also->also)
            if (also->kind == TN_SCHEDULE_PLATEAU)
                return also;
    return NULL;
}

void tn_schedule_epoch(const tn_schedule_opt *o, tn_schedule *s, double metric)
{
    if (s->seen++ == 0) {
        s->best = metric;
        s->factor = 1;
        return;
    }
    o = plateau(o);
    if (!o)
        return;
    double threshold = or_default(o->threshold, 1e-4);
    /* a metric that should grow comes negated: better is then further from 0, as with PyTorch's mode max */
    if (metric < s->best * (s->best < 0 ? 1 + threshold : 1 - threshold)) {
        s->best = metric;
        s->bad_epochs = 0;
    } else if (++s->bad_epochs > o->patience) {
        s->factor *= or_default(o->gamma, 0.1);
        s->bad_epochs = 0;
    }
}
