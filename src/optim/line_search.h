/* line_search.h: a step along a direction that fulfils the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6). */
#ifndef OPTIM_LINE_SEARCH_H
#define OPTIM_LINE_SEARCH_H

#include <tarn/core.h>

/* The function along the direction: at t it has value f and this slope. */
typedef struct optim_point {
    double t, f, slope;
} optim_point;
/* Fills in f and slope for p->t; a value that is no number counts as infinite. */
typedef tn_status (*optim_look)(void *user, optim_point *p);

typedef struct optim_search {
    optim_look look;
    void *user;
    optim_point start; /* t = 0, slope below 0 */
    int64_t most;      /* looks, at least 1 */
    double least;      /* intervals of t shorter than this are not searched */
} optim_search;

/* From a first guess t > 0; *at gets the best point found, which is the one looked at last, and *looks is counted up. */
tn_status optim_line_search(const optim_search *s, double t, optim_point *at, int64_t *looks);

#endif
