/* fuse.h: which nodes become one `fused` node: found by fuse_group.c, made by fuse.c. */
#ifndef PASS_FUSE_H
#define PASS_FUSE_H

#include "pass/pass.h"

enum { FUSE_MOST_IN = 20, FUSE_MOST_NODES = 48 };

/* Arrays by node. A group is named by its first member. */
typedef struct fuse_groups {
    int *group; /* the node's, or -1 */
    int *next;  /* the next member of its group, in the order of nodes; -1 for the last */
} fuse_groups;

/* Groups of the needed nodes. The caller frees both arrays, after a failure too. */
tn_status fuse_find_groups(const tn_graph *g, const pass_backend *backend, const bool *needed, fuse_groups *out,
                           base_error *e);

#endif
