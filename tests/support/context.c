/* context.c: see context.h. */
#include "support/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/scratch.h"

tn_context *context;

int context_begin(void **state)
{
    *state = context = tn_context_new(NULL);
    return context ? 0 : 1;
}

int context_end(void **state)
{
    (void)state;
    tn_context_free(context);
    context = NULL;
    return 0;
}

int context_begin_scratch(void **state)
{
    return context_begin(state) == 0 && scratch_new() ? 0 : 1;
}

int context_end_scratch(void **state)
{
    scratch_remove();
    return context_end(state);
}

void says(const char *why)
{
    if (!strstr(tn_context_error(context), why))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(context), why);
}
