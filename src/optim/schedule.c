/* schedule.c: learning rates over time. */
#include <math.h>

#include <tarn/optim.h>

static double or_default(double value, double usual)
{
    return value == 0.0 ? usual : value;
}

static double cosine(const tn_schedule_opt *o, int64_t step)
{
    int64_t length = o->total - o->warmup_steps, at = step - o->warmup_steps;
    if (length <= 0 || at >= length)
        return o->lr_min;
    return o->lr_min + 0.5 * (o->lr - o->lr_min) * (1 + cos(3.14159265358979323846 * (double)at / (double)length));
}

double tn_schedule_rate(const tn_schedule_opt *o, const tn_schedule *s, int64_t step, int64_t epoch)
{
    if (step < o->warmup_steps)
        return o->lr * (double)(step + 1) / (double)o->warmup_steps;
    switch (o->kind) {
    case TN_SCHEDULE_STEP:
        return o->lr * pow(or_default(o->gamma, 0.1), (double)(epoch / (o->every > 0 ? o->every : 1)));
    case TN_SCHEDULE_COSINE: return cosine(o, step);
    case TN_SCHEDULE_PLATEAU: {
        double rate = o->lr * (s->seen ? s->factor : 1);
        return rate > o->lr_min ? rate : o->lr_min;
    }
    default: return o->lr;
    }
}

void tn_schedule_epoch(const tn_schedule_opt *o, tn_schedule *s, double metric)
{
    if (s->seen++ == 0) {
        s->best = metric;
        s->factor = 1;
        return;
    }
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
