/* first.h: what a set takes from its first sample (the size of pictures, the rate of sounds), where samples that cannot be read
 * are left out: from the first that can. */
#ifndef DATA_FIRST_H
#define DATA_FIRST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Calls take(user, i) for i = 0, and, if `skip`, for those that follow until one succeeds of the n; `what` they are stands in the
 * sentence where none does, before that of the first. Memory that is out is no reason to try another. */
tn_status data_first(int64_t n, bool skip, tn_status (*take)(void *user, int64_t i, base_error *e), void *user,
                     const char *what, base_error *e);

#endif
