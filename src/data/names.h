/* names.h: names of files and of classes. */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include <stdbool.h>

#include "base/vec.h"

/* Does a name end so, whatever the case of its ASCII letters? The ending is in small letters. */
bool data_name_ends(const char *name, const char *ending);
/* In one of these, of which the last is NULL? */
bool data_name_ends_in(const char *name, const char *const *endings);

/* Names of classes; what they point to is borrowed. */
typedef base_vec(const char *) data_names;
/* Sorted by their bytes, without doubles. */
void data_names_sort(data_names *names);
/* Where a name stands, found at once in sorted ones; -1: nowhere. */
int data_names_find(const char *const *names, int n, const char *name);

#endif
