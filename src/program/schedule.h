/* schedule.h: the order in which an entry's nodes run. */
#ifndef PROGRAM_SCHEDULE_H
#define PROGRAM_SCHEDULE_H

#include "op/scheme/op.h"

typedef struct schedule_item {
    const graph_node *node; /* or */
    const tn_tensor *check; /* this value must be finite */
} schedule_item;

typedef struct schedule {
    int n;
    schedule_item *item;
    int writes_from; /* items from here on cannot stop the run: they may write state in place */
} schedule;

tn_status schedule_make(schedule *s, const tn_graph *g, base_error *e);
void schedule_free(schedule *s);
/* Whether the node may find bad data and stop a run. */
bool schedule_can_fault(const graph_node *node);

#endif
