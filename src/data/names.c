/* names.c: see names.h. */
#include "data/names.h"

#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool data_name_ends(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    for (size_t i = 0; n >= m && i < m; i++)
        if (lower(name[n - m + i]) != ending[i])
            return false;
    return n >= m;
}

bool data_name_ends_in(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (data_name_ends(name, *endings))
            return true;
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void data_names_sort(data_names *names)
{
    size_t kept = 0;
    if (names->n)
        qsort(names->at, names->n, sizeof *names->at, by_bytes);
    for (size_t i = 0; i < names->n; i++)
        if (i == 0 || strcmp(names->at[i], names->at[kept - 1]) != 0)
            names->at[kept++] = names->at[i];
    names->n = kept;
}

int data_names_find(const char *const *names, int n, const char *name)
{
    int low = 0, high = n;
    while (low < high) { /* the usual case: sorted */
        int middle = (low + high) / 2, c = strcmp(names[middle], name);
        if (c == 0)
            return middle;
        low = c < 0 ? middle + 1 : low;
        high = c < 0 ? high : middle;
    }
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}
