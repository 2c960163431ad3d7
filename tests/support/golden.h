/* golden.h: cases of operators as PyTorch runs them (tests/golden/golden_cases.py), through compiled programs in f32 and f64: forward,
 * gradients and, where the file has them, second gradients. In f64 they must be right but for the rounding of what the file holds. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include "format/json.h"
#include "support/golden_file.h"
#include <tarn/ops.h>

enum { GOLDEN_MOST = 8 };

typedef struct golden {
    const format_safetensors *file;
    const char *name; /* "conv2d.3" */
    format_json *options;
    tn_graph *graph;
    tn_tensor *in[GOLDEN_MOST], *out[GOLDEN_MOST];
    bool training;
    tn_dtype as;                  /* in place of f32 */
    tn_tensor *gout[GOLDEN_MOST]; /* inputs: what arrives at the outputs */
} golden;

/* Options of the case under PyTorch's names. */
double golden_number(const golden *c, const char *key, double otherwise);
bool golden_flag(const golden *c, const char *key, bool otherwise);
const char *golden_word(const golden *c, const char *key);
/* A number or a list of them; how many, 0 if the key is missing. */
int golden_numbers(const golden *c, const char *key, int64_t out[TN_MAX_RANK]);
/* The same as floats, up to `most` of them. */
int golden_floats(const golden *c, const char *key, double *out, int most);
/* A list of two into out. */
void golden_pair(const golden *c, const char *key, int out[2]);
/* The tensor "in0" of the case. */
const format_tensor *golden_stored(const golden *c, const char *what, int i);

/* A row sets out[] from in[] for cases that do not name Tarn's operator; false for a case that Tarn has not. */
typedef struct golden_row {
    const char *name; /* the case's; NULL ends the table */
    bool (*build)(golden *c);
} golden_row;
/* For what is looked at elsewhere. */
bool golden_missing(golden *c);

/* All cases of golden_file(name); at least `least` of them are of operators that are there. */
void golden_check_file(const char *name, int least, const golden_row *table);
/* The same in f16 and bf16, within some roundings of the inputs, but for operators that are too steep where the cases look at them, or
 * whose numbers f16 has not; they are named, and NULL is behind the last. */
void golden_check_halves(const char *name, int least, const golden_row *table, const char *const *but);

#endif
