/* error.c: see error.h. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

void base_clear(base_error *e)
{
    if (e) {
        e->status = TN_OK;
        e->text[0] = '\0';
    }
}

tn_status base_vfail(base_error *e, tn_status status, const char *fmt, va_list args)
{
    if (!e)
        return status;
    e->status = status;
    (void)base_vprint(e->text, sizeof e->text, fmt, args);
    return status;
}

tn_status base_fail(base_error *e, tn_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    base_vfail(e, status, fmt, args);
    va_end(args);
    return status;
}

tn_status base_prefix(base_error *e, const char *fmt, ...)
{
    if (!e)
        return TN_INTERNAL;
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list args;
    va_start(args, fmt);
    int n = base_vprint(e->text, sizeof e->text, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof e->text)
        (void)snprintf(e->text + n, sizeof e->text - (size_t)n, "%s", old);
    return e->status;
}

tn_status base_no_memory(base_error *e, const char *doing)
{
    return base_fail(e, TN_MEMORY, "out of memory while %s", doing);
}
