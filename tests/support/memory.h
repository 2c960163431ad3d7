/* memory.h: what is said to run in bounded memory does so in a process that may have no more. */
#ifndef SUPPORT_MEMORY_H
#define SUPPORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From here on the process may have so many bytes of data more than it has. False: this system has no such limit. */
bool memory_limit(size_t more);
/* Runs in a child; a test fails if it gives anything but 0, and is skipped if it gives MEMORY_SKIP. */
enum { MEMORY_SKIP = 77 };
void memory_child(int (*run)(void *user), void *user);

#endif
