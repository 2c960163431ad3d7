/* special.c: see special.h. */
#include "base/special.h"

#include <math.h>
#include <stdbool.h>

/* A first guess within 0.3 % (Winitzki, "A handy approximation for the error function and its inverse", 2008), then two
 * steps of Halley's method, each of which triples the number of right digits. Near 1 the error is taken of erfc, as 1 - x
 * is exact and 1 - erf(y) is not. */
double base_erfinv(double x)
{
    const double a = 0.147, pi = 3.14159265358979323846, size = fabs(x);
    if (!(size < 1))
        return size == 1 ? copysign((double)INFINITY, x) : (double)NAN;
    if (size < 1e-8)
        return x * 0.88622692545275801365; /* sqrt(pi) / 2; the next term is of order x^3 */
    double w = log1p(-size * size), t = 2 / (pi * a) + 0.5 * w;
    double y = sqrt(-w / a / (sqrt(t * t - w / a) + t)); /* sqrt(sqrt(t^2 - w / a) - t) without cancellation */
    for (int step = 0; step < 2; step++) {
        double error = size < 0.5 ? erf(y) - size : (1 - size) - erfc(y);
        double newton = error / (1.12837916709551257390 * exp(-y * y)); /* 2 / sqrt(pi) */
        y -= newton / (1 + y * newton);
    }
    return copysign(y, x);
}

/* ---- the gamma function's logarithm and its derivatives ------------------------------------------------------------ */

static const double pi = 3.14159265358979323846;

static bool is_pole(double x)
{
    return x <= 0 && floor(x) == x;
}

/* log(gamma(2 + e)), |e| <= 1/2: e (1 - Euler's constant) + the sum of (-1)^k (zeta(k) - 1) e^k / k from k = 2 on, whose terms fall as
 * 4^-k (Abramowitz and Stegun 6.1.33). */
static double lgamma_near_2(double e)
{
    static const double terms[] = {
        0.32246703342411321824,    -0.067352301053198095133,  0.020580808427784547879,   -0.0073855510286739852663,
        0.0028905103307415232858,  -0.0011927539117032609771, 0.00050966952474304242234, -0.00022315475845357937976,
        9.9457512781808533715e-5,  -4.49262367381331417e-5,   2.0507212775670691553e-5,  -9.439488275268395904e-6,
        4.3748667899074878042e-6,  -2.0392157538013662368e-6, 9.5514121304074198329e-7,  -4.4924691987645660433e-7,
        2.1207184805554665869e-7,  -1.0043224823968099609e-7, 4.7698101693639805658e-8,  -2.271109460894316491e-8,
        1.0838659214896954091e-8,  -5.1834750419700466551e-9, 2.4836745438024783172e-9,  -1.1921401405860912074e-9,
        5.7313672416788620133e-10, -2.7595228851242331452e-10};
    double sum = 0;
    for (int i = (int)(sizeof terms / sizeof *terms) - 1; i >= 0; i--)
        sum = sum * e + terms[i];
    return e * (0.42278433509846713939 + e * sum);
}

/* Stirling's series, 6.1.41; for x >= 10 the first term left out is below 1e-16. */
static double lgamma_far(double x)
{
    static const double terms[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                   1.0 / 1188, -691.0 / 360360, 1.0 / 156};
    double w = 1 / (x * x), sum = 0;
    for (int i = (int)(sizeof terms / sizeof *terms) - 1; i >= 0; i--)
        sum = sum * w + terms[i];
    return (x - 0.5) * (log(x) - 1) - 0.5 + 0.91893853320467274178 + sum / x; /* log(2 pi) / 2 */
}

double base_lgamma(double x)
{
    if (isnan(x))
        return x;
    if (isinf(x) || is_pole(x))
        return (double)INFINITY;
    if (x < -0.5) /* reflection; the distance from the next whole number is exact */
        return log(pi / fabs(x * sin(pi * (x - round(x))))) - base_lgamma(-x);
    if (x < 0.5) /* gamma(x) = gamma(2 + x) / (x (1 + x)) */
        return lgamma_near_2(x) - log1p(x) - log(fabs(x));
    if (x < 1.5)
        return lgamma_near_2(x - 1) - log1p(x - 1);
    if (x >= 10)
        return x > 1e300 ? x * (log(x) - 1) : lgamma_far(x);
    double product = 1;
    for (; x > 2.5; product *= x)
        x--;
    return lgamma_near_2(x - 2) + log(product);
}

double base_digamma(double x)
{
    static const double terms[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                   1.0 / 132, -691.0 / 32760, 1.0 / 12}; /* 6.3.18 */
    if (isnan(x) || x == (double)INFINITY)
        return x;
    if (x == 0)
        return copysign((double)INFINITY, -x);
    if (is_pole(x) || isinf(x))
        return (double)NAN;
    if (x < 0)
        return base_digamma(1 - x) - pi / tan(pi * (x - round(x)));
    double before = 0, sum = 0;
    for (; x < 10; x++)
        before += 1 / x;
    double w = 1 / (x * x);
    for (int i = (int)(sizeof terms / sizeof *terms) - 1; i >= 0; i--)
        sum = sum * w + terms[i];
    return log(x) - 0.5 / x - sum * w - before;
}

/* Hurwitz' zeta function, the sum of (q + k)^-s from k = 0 on, q > 0, s >= 2, times n! with n = s - 1: its first terms, and the rest by
 * Euler and Maclaurin. The factorial goes in early, as powers alone would leave the range. */
static double zeta_times_factorial(int s, double q)
{
    static const double bernoulli[] = {1.0 / 12,           -1.0 / 720,     1.0 / 30240,
                                       -1.0 / 1209600,     1.0 / 47900160, -691.0 / 1307674368000.0,
                                       1.0 / 74724249600.0}; /* B(2j) / (2j)! */
    double sum = 0, scale = tgamma((double)s);
    for (; q < s + 10; q++)
        sum += scale * pow(q, -s);
    double lead = scale * pow(q, 1 - s), term = lead * s / (q * q);
    sum += lead / (s - 1) + lead / q / 2;
    for (int j = 0; j < (int)(sizeof bernoulli / sizeof *bernoulli); j++) {
        sum += bernoulli[j] * term;
        term *= (double)(s + 2 * j + 1) * (s + 2 * j + 2) / (q * q);
    }
    return sum;
}

double base_polygamma(int n, double x)
{
    int s = n + 1;
    double sign = n % 2 ? 1 : -1;
    if (isnan(x))
        return x;
    if (isinf(x))
        return x > 0 ? sign * 0.0 : (double)NAN;
    if (is_pole(x))
        return n % 2 ? (double)INFINITY : (double)NAN;
    if (x > 0)
        return sign * zeta_times_factorial(s, x);
    /* terms below 0, from x up to -f, turned over; then those above it, from 1 - f */
    double f = -x - floor(-x), turned = zeta_times_factorial(s, f) - zeta_times_factorial(s, 1 - x);
    return sign * ((s % 2 ? -turned : turned) + zeta_times_factorial(s, 1 - f));
}
