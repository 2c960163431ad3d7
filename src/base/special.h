/* special.h: functions of numbers that C's library lacks. */
#ifndef BASE_SPECIAL_H
#define BASE_SPECIAL_H

/* y with erf(y) = x: infinite at -1 and 1, NaN beyond. Off by a few units in the last place. */
double base_erfinv(double x);

#endif
