/* predict_tokens.h: what tarn predict shows of models of language: the likeliest tokens where some are hidden, or that follow. */
#ifndef CLI_PREDICT_TOKENS_H
#define CLI_PREDICT_TOKENS_H

#include "cli.h"

typedef struct cli_tokens {
    tn_context *c;
    tn_model *m;
    const cli_args *a;
    const char *file;
    const tn_view *x; /* ids, i64 [1, places] */
} cli_tokens;

/* Does the model give a number for each token, at each place of the text? */
bool cli_gives_tokens(const tn_model *m, const tn_view *x, const tn_view *output);
/* On standard output, likeliest first, with their probability. */
int cli_show_tokens(const cli_tokens *t, const tn_view *output);

#endif
