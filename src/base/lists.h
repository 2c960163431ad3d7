/* lists.h: many lists of numbers, each list with a number too: which nodes read a value, which values lie in a place. Adding
 * takes constant time, joining as long as the list that is joined to another. The newest of a list comes first:
 *
 *     for (int i = base_lists_first(&l, list); i >= 0; i = base_lists_next(&l, i))
 *         use(base_lists_item(&l, i)); */
#ifndef BASE_LISTS_H
#define BASE_LISTS_H

#include "base/vec.h"

typedef struct base_lists_link {
    int item, next;
} base_lists_link;

typedef struct base_lists {
    base_vec(int) first; /* by list: its first link, -1 for none */
    base_vec(base_lists_link) links;
} base_lists;

/* False when memory is out. */
bool base_lists_add(base_lists *l, int list, int item);
/* All of list `from` to the front of list `to`; `from` is empty then. False when memory is out: nothing was done. */
bool base_lists_join(base_lists *l, int from, int to);
void base_lists_free(base_lists *l);

static inline int base_lists_first(const base_lists *l, int list)
{
    return (size_t)list < l->first.n ? l->first.at[list] : -1;
}

static inline int base_lists_next(const base_lists *l, int link)
{
    return l->links.at[link].next;
}

static inline int base_lists_item(const base_lists *l, int link)
{
    return l->links.at[link].item;
}

#endif
