/* axis.c: see axis.h. Steps between ticks are 1, 2 or 5 times a power of ten; powers of ten on logarithmic axes. */
#include "train/plot/axis.h"

#include <math.h>
#include <stdio.h>

void plot_range_add(plot_range *r, double value, bool log)
{
    if (!isfinite(value) || (log && value <= 0))
        return;
    r->fractions = r->fractions || value != floor(value);
    if (r->min > r->max)
        r->min = r->max = value;
    else if (value < r->min)
        r->min = value;
    else if (value > r->max)
        r->max = value;
}

static double unit(const plot_axis *a, double value)
{
    return a->log ? log10(value) : value;
}

/* Makes room around a single value, and keeps sums of ends from overflowing or from drowning in rounding. */
static void widen(plot_axis *a, bool low_fixed, bool high_fixed)
{
    double most = 1e300, least = 1e-290, size = fmax(fabs(a->low), fabs(a->high));
    a->low = fmin(fmax(a->low, -most), most);
    a->high = fmin(fmax(a->high, -most), most);
    if (a->high - a->low > 1e-9 * (a->log ? fmax(size, 1) : size) && size > least)
        return;
    double room = size <= least ? 1 : a->log ? 0.5 : 0.1 * size;
    if (!low_fixed)
        a->low -= room;
    if (!high_fixed || low_fixed)
        a->high += room;
}

static double nice_step(double span, int wanted, int *exponent)
{
    double rough = span / wanted;
    *exponent = (int)floor(log10(rough));
    double mantissa = rough / pow(10, *exponent);
    double m = mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : mantissa < 7.5 ? 5 : 10;
    if (m == 10)
        *exponent += 1;
    return m == 10 ? 1 : m;
}

/* k steps of m * 10^e, without the rounding of 0.1: division by a power of ten is exact to the last digit shown. */
static double at_step(double k, double m, int e)
{
    return e < 0 && e > -300 ? k * m / pow(10, -e) : k * m * pow(10, e);
}

static void write_label(plot_axis *a, double value, int exponent)
{
    double size = fmax(fabs(a->low), fabs(a->high));
    char *to = a->label[a->ticks], mantissa[24];
    a->tick[a->ticks++] = value;
    if (size < 1e6 && exponent > -6) {
        plot_fixed(to, sizeof a->label[0], value, exponent < 0 ? -exponent : 0);
    } else if (fabs(value) < pow(10, exponent) / 2) {
        (void)snprintf(to, sizeof a->label[0], "0");
    } else {
        int own = (int)floor(log10(fabs(value)) + 1e-9), decimals = own - exponent;
        decimals = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
        plot_fixed(mantissa, sizeof mantissa, value / pow(10, own), decimals);
        (void)snprintf(to, sizeof a->label[0], "%.16se%d", mantissa, own);
    }
}

static void linear_ticks(plot_axis *a, int wanted, bool whole, bool low_free, bool high_free)
{
    int exponent;
    double m = nice_step(a->high - a->low, wanted, &exponent);
    if (whole && exponent < 0) {
        m = 1;
        exponent = 0;
    }
    double step = at_step(1, m, exponent);
    double first = a->low / step, last = a->high / step;
    first = low_free ? floor(first + 1e-6) : ceil(first - 1e-6);
    last = high_free ? ceil(last - 1e-6) : floor(last + 1e-6);
    if (low_free)
        a->low = at_step(first, m, exponent);
    if (high_free)
        a->high = at_step(last, m, exponent);
    for (double k = first; k <= last && a->ticks < PLOT_MOST_TICKS; k++)
        write_label(a, at_step(k, m, exponent), exponent);
}

/* The next of 1, 2, 5, 10, ... at or beyond the end of a logarithmic axis. */
static double log_round(double at, bool up)
{
    static const double within[] = {0, 0.30102999566398120, 0.69897000433601880, 1};
    double decade = floor(at + 1e-6), rest = at - decade;
    int i = 0;
    if (up)
        while (within[i] < rest - 1e-6)
            i++;
    else
        while (i < 2 && within[i + 1] <= rest + 1e-6)
            i++;
    return decade + within[i];
}

static void log_ticks(plot_axis *a, int wanted, bool low_free, bool high_free)
{
    static const double within[] = {1, 2, 5};
    if (low_free)
        a->low = log_round(a->low, false);
    if (high_free)
        a->high = log_round(a->high, true);
    double span = a->high - a->low, every = fmax(1, ceil(span / wanted));
    int parts = 3 * span <= 2 * wanted + 1 ? 3 : 1;
    for (double decade = floor(a->low + 1e-6); decade <= a->high + 1e-9; decade += every)
        for (int i = 0; i < parts && a->ticks < PLOT_MOST_TICKS; i++) {
            double value = at_step(1, within[i], (int)decade), at = log10(value);
            if (at < a->low - 1e-9 || at > a->high + 1e-9)
                continue;
            a->tick[a->ticks] = value;
            plot_readable(a->label[a->ticks], sizeof a->label[0], value);
            a->ticks++;
        }
}

bool plot_axis_set(plot_axis *a, plot_range r, bool log, const tn_opt_f64 *min, const tn_opt_f64 *max, int wanted,
                   bool round, const char *name, base_error *e)
{
    bool low_fixed = min && min->set, high_fixed = max && max->set;
    *a = (plot_axis){.log = log};
    if (r.min > r.max)
        r = (plot_range){log ? 0.1 : 0, 1, true};
    double low = low_fixed ? min->value : r.min, high = high_fixed ? max->value : r.max;
    if (!low_fixed && low > high) /* all data lies beyond the fixed end */
        low = log ? high / 10 : high - 1;
    if (!high_fixed && high < low)
        high = log ? low * 10 : low + 1;
    if (!isfinite(low) || !isfinite(high) || low > high || (low_fixed && high_fixed && low == high) ||
        (log && low <= 0)) {
        base_fail(e, TN_INVALID, "the %s axis cannot run from %g to %g%s", name, low, high,
                  log ? " on a logarithmic scale" : "");
        return false;
    }
    a->low = unit(a, low);
    a->high = unit(a, high);
    widen(a, low_fixed, high_fixed);
    if (wanted < 2)
        wanted = 2;
    if (wanted > PLOT_MOST_TICKS / 2)
        wanted = PLOT_MOST_TICKS / 2;
    if (log)
        log_ticks(a, wanted, round && !low_fixed, round && !high_fixed);
    else
        linear_ticks(a, wanted, !r.fractions, round && !low_fixed, round && !high_fixed);
    return true;
}

double plot_axis_at(const plot_axis *a, double value)
{
    if (!isfinite(value) || (a->log && value <= 0))
        return (double)NAN;
    return (unit(a, value) - a->low) / (a->high - a->low);
}

double plot_axis_widest(const plot_axis *a, double size)
{
    double widest = 0;
    for (int i = 0; i < a->ticks; i++)
        widest = fmax(widest, plot_text_width(a->label[i], size));
    return widest;
}
