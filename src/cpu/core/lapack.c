/* lapack.c: see lapack.h. */
#include "cpu/core/lapack.h"

#ifdef TARN_HAVE_LAPACK
#include <stdio.h>

#include "base/library.h"

static bool find(void *library, tn_dtype dtype, const char *name, void *function)
{
    char whole[16];
    (void)snprintf(whole, sizeof whole, "%c%s", dtype == TN_F64 ? 'd' : 's', name);
    return base_library_find(library, whole, function);
}

bool cpu_lapack_open(tn_dtype dtype, cpu_lapack *l)
{
    void *library = base_library_open("liblapack.so.3");
    if (!library)
        return false;
    bool all = true;
#define FIND(name, symbol, arguments) all = find(library, dtype, symbol, &l->name) && all;
    LAPACK_FUNCTIONS(FIND)
#undef FIND
    return all;
}

#else

bool cpu_lapack_open(tn_dtype dtype, cpu_lapack *l)
{
    (void)dtype;
    *l = (cpu_lapack){0};
    return false;
}

#endif
