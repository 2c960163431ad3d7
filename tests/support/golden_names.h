/* golden_names.h: what the golden files have cases of, by name. */
#ifndef GOLDEN_NAMES_H
#define GOLDEN_NAMES_H

#include <stdbool.h>

#include "base/str.h"

typedef enum golden_kind {
    GOLDEN_OPERATOR = 1,
    GOLDEN_LAYER = 2,
    GOLDEN_OPTIMIZER = 4,
    GOLDEN_SCHEDULE = 8
} golden_kind;

/* Reads the names, once; false without jansson. */
bool golden_names_open(void);
/* How many cases are called so: `words` separated by spaces, of which a last * stands for any end; `kinds` of golden_kind. Where s is
 * not NULL, "FILE, ..." is added to it. */
int golden_names_count(const char *words, int kinds, base_str *s);
/* Of which order the gradients are that these cases compare: bit 0 the first, bit 1 the second. */
int golden_names_orders(const char *words, int kinds);

#endif
