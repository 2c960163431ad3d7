/* library.h: shared libraries of others that are opened when something first needs them: most programs never do. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>

/* A library by its name (libm.so.6); it stays for as long as the process. NULL if the system has none. */
void *base_library_open(const char *name);

/* Writes the function of that name to *function, a pointer to a function of any type. False, and NULL there, if there is none. */
bool base_library_find(void *library, const char *name, void *function);

#endif
