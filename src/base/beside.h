/* beside.h: files that are being written, NAME.PROCESS.tmp beside NAME (or NAME.PROCESS-2.tmp, ...): no two writers share one, each
 * is locked while its process lives, and what a killed process left can be told and removed. */
#ifndef BASE_BESIDE_H
#define BASE_BESIDE_H

#include <stdbool.h>

/* A new file of such a name, open to be written and read, locked; *path is malloc'ed. Negative with errno set on failure, *path NULL. */
int base_beside_open(const char *target, char **path);
/* Is that the name of such a file, and of which process? */
bool base_beside_named(const char *name, long *process);
/* Removes those in a folder that nobody has locked any more. What cannot be read or locked stays. */
void base_beside_sweep(const char *folder);

#endif
