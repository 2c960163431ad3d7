/* lapack.c: see lapack.h. */
#include "cpu/core/lapack.h"

#ifdef TARN_HAVE_LAPACK
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static bool find(void *library, tn_dtype dtype, const char *name, void *function)
{
    char whole[16];
    (void)snprintf(whole, sizeof whole, "%c%s", dtype == TN_F64 ? 'd' : 's', name);
    void *symbol = dlsym(library, whole);
    memcpy(function, &symbol, sizeof symbol); /* ISO C has no cast from an object to a function */
    return symbol != NULL;
}

bool cpu_lapack_open(tn_dtype dtype, cpu_lapack *l)
{
    void *library = dlopen("liblapack.so.3", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return false;
    bool all = true;
#define FIND(name, symbol, arguments) all = find(library, dtype, symbol, &l->name) && all;
    LAPACK_FUNCTIONS(FIND)
#undef FIND
    (void)dlclose(library); /* it stays all the same */
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
