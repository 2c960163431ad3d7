/* lists.c: see lists.h. */
#include "base/lists.h"

static bool reach(base_lists *l, int list)
{
    while ((size_t)list >= l->first.n)
        if (!base_vec_push(&l->first, -1))
            return false;
    return true;
}

bool base_lists_add(base_lists *l, int list, int item)
{
    if (!reach(l, list))
        return false;
    base_lists_link link = {item, l->first.at[list]};
    if (!base_vec_push(&l->links, link))
        return false;
    l->first.at[list] = (int)l->links.n - 1;
    return true;
}

bool base_lists_join(base_lists *l, int from, int to)
{
    int first = base_lists_first(l, from), last = first;
    if (first < 0 || from == to)
        return true;
    if (!reach(l, to))
        return false;
    while (l->links.at[last].next >= 0)
        last = l->links.at[last].next;
    l->links.at[last].next = l->first.at[to];
    l->first.at[to] = first;
    l->first.at[from] = -1;
    return true;
}

void base_lists_free(base_lists *l)
{
    base_vec_free(&l->first);
    base_vec_free(&l->links);
}
