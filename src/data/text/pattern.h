/* pattern.h: the regular expressions that tokenizers are written with (Oniguruma's syntax, the part of it that they use):
 * characters, classes, \p{...}, alternatives, groups, look-ahead, the quantifiers greedy, lazy and possessive. A text is
 * matched by trying alternatives in order, with a bound on the work. What is not known is refused when it is read. */
#ifndef DATA_TEXT_PATTERN_H
#define DATA_TEXT_PATTERN_H

#include "base/arena.h"
#include "base/error.h"

typedef struct text_pattern text_pattern;

/* In the arena. `source` is UTF-8. */
tn_status text_pattern_make(base_arena *arena, const char *source, const text_pattern **pattern, base_error *e);
/* The first match that begins at or after `from` in text[0..n). Look-ahead sees no further than n. */
tn_status text_pattern_find(const text_pattern *p, const char *text, size_t from, size_t n, size_t *begin, size_t *end,
                            bool *found, base_error *e);

#endif
