/* special.c: see special.h. */
#include "base/special.h"

#include <math.h>

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
