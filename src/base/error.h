/* error.h: the sentence of a failure. Every object that can fail holds one base_error; the first failure of a call is
 * kept, callers up the stack may put a place in front of it ("recipe.yaml:12: "). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <tarn/core.h>

typedef struct base_error {
    tn_status status;
    char text[1000];
} base_error;

/* Forget the last failure. */
void base_clear(base_error *e);
/* Records status and sentence and returns status, so that `return base_fail(...)` reads well. A NULL e is allowed. */
tn_status base_fail(base_error *e, tn_status status, const char *fmt, ...) TN_PRINTF(3, 4);
tn_status base_vfail(base_error *e, tn_status status, const char *fmt, va_list args) TN_PRINTF(3, 0);
/* Puts text in front of the sentence; returns the status that e holds. */
tn_status base_prefix(base_error *e, const char *fmt, ...) TN_PRINTF(2, 3);
/* "out of memory while ..." */
tn_status base_no_memory(base_error *e, const char *doing);

#define BASE_TRY(call)                                                                                                 \
    do {                                                                                                               \
        tn_status base_try_ = (call);                                                                                  \
        if (base_try_ != TN_OK)                                                                                        \
            return base_try_;                                                                                          \
    } while (0)

#endif
