/* context.h: the context of a test, or shared by a file of tests: cmocka's set-up and end, of one test or of the group. */
#ifndef SUPPORT_CONTEXT_H
#define SUPPORT_CONTEXT_H

#include <tarn/core.h>

extern tn_context *context;

/* Makes it; *state is it too. */
int context_begin(void **state);
int context_end(void **state);
/* And a scratch folder. */
int context_begin_scratch(void **state);
int context_end_scratch(void **state);

/* The last error says this; otherwise the test fails. */
void says(const char *why);

#endif
