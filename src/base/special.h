/* special.h: functions of numbers that C's library lacks. */
#ifndef BASE_SPECIAL_H
#define BASE_SPECIAL_H

/* y with erf(y) = x: infinite at -1 and 1, NaN beyond. Off by a few units in the last place. */
double base_erfinv(double x);

/* The logarithm of |gamma(x)|, infinite at 0, -1, -2, ...: C's own writes a global variable. */
double base_lgamma(double x);
/* The derivatives of log(gamma(x)): the first, and number n + 1 for n = 1 to 100. The first is infinite at 0, with the sign of -x, and
 * NaN at -1, -2, ...; the others are infinite (even n: NaN) at all of these. Off by a few units in the last place of the larger terms. */
double base_digamma(double x);
double base_polygamma(int n, double x);

#endif
