/* recompute_choose.h: what is computed again when memory is limited, for given sizes: plans that save ever more. */
#ifndef PASS_RECOMPUTE_CHOOSE_H
#define PASS_RECOMPUTE_CHOOSE_H

#include "pass/pass.h"

/* The ways of one graph. `cheap` of them take values that are cheap functions of what is kept anyway, in the order of the graph.
 * Then there are `n_cuts` ways to cut the forward pass into segments of which only what crosses the cuts is kept. */
typedef struct recompute_ways {
    const tn_graph *g;
    bool *by_hand;  /* by node: what regions ask for */
    bool *backward; /* by node */
    int *cheap;     /* by node: 1 + the number of the step in which it is taken; 0: never */
    int n_cheap;
    int n_cuts;      /* the most promising first */
    int *segment[8]; /* by node: 1 + its segment, if it is computed again; 0: kept */
    int segments[8];
} recompute_ways;

/* `symbol` has the numbers of sizes. */
tn_status recompute_find_ways(recompute_ways *w, const tn_graph *g, const int64_t *symbol, base_error *e);
/* The first `n` cheap steps. An array by node for pass_recompute, filled. */
void recompute_take_cheap(const recompute_ways *w, int n, bool *again);
/* The first `n` segments of way `cut`, and what is cheap behind them. */
void recompute_take_segments(const recompute_ways *w, int cut, int n, bool *again);
void recompute_free_ways(recompute_ways *w);

#endif
