/* first.c: see first.h. */
#include "data/first.h"

tn_status data_first(int64_t n, bool skip, tn_status (*take)(void *user, int64_t i, base_error *e), void *user,
                     const char *what, base_error *e)
{
    base_error first = {0}, last = {0};
    tn_status status = take(user, 0, &first);
    if (status == TN_OK)
        return TN_OK;
    for (int64_t i = 1; skip && i < n && status != TN_OK && status != TN_MEMORY; i++) {
        base_clear(&last);
        status = take(user, i, &last);
    }
    if (status == TN_OK)
        return TN_OK;
    if (status == TN_MEMORY)
        return base_no_memory(e, "looking at the first samples");
    base_fail(e, first.status, "%s", first.text);
    if (skip)
        base_prefix(e, "none of %lld %s can be read; the first: ", (long long)n, what);
    return first.status;
}
