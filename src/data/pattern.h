/* pattern.h: regular expressions over the names of files (POSIX extended, by bytes): what is taken, and which class it has. */
#ifndef DATA_PATTERN_H
#define DATA_PATTERN_H

#include "base/error.h"
#include "base/str.h"

#include <regex.h>

typedef struct data_pattern {
    bool given;
    regex_t regex;
} data_pattern;

/* text NULL: a pattern that is not given. `what` opens the sentence. */
tn_status data_pattern_init(data_pattern *p, const char *text, const char *what, base_error *e);
void data_pattern_clear(data_pattern *p);
/* False when it is not given. */
bool data_pattern_matches(const data_pattern *p, const char *name);
/* Appends what the first group matched (the whole match, where there is no group). False: the name does not match. */
bool data_pattern_group(const data_pattern *p, const char *name, base_str *to);

#endif
