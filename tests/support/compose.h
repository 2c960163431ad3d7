/* compose.h: tests of builders that make several nodes (src/op/compose/). Each takes x[batch, 3, 4] in f32 and gives a value. */
#ifndef TEST_COMPOSE_H
#define TEST_COMPOSE_H

#include <tarn/tarn.h>

typedef tn_tensor *compose_fn(tn_tensor *x);

/* With a batch of open size they compute what they do with a number, and so do their gradients. */
void compose_open_sizes(compose_fn *const *builders, size_t n);

typedef struct compose_wrong {
    compose_fn *build;
    const char *says; /* a part of the sentence; x[2, 3, 4] */
} compose_wrong;
void compose_sentences(const compose_wrong *wrong, size_t n);

#endif
