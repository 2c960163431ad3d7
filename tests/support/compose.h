/* compose.h: tests of builders that make several nodes (src/op/compose/). Each takes x[batch, 3, 4] in f32 and gives a value. */
#ifndef TEST_COMPOSE_H
#define TEST_COMPOSE_H

#include <tarn/tarn.h>

typedef tn_tensor *compose_fn(tn_tensor *x);

typedef struct compose_wrong {
    compose_fn *build;
    const char *says; /* a part of the sentence; x[2, 3, 4] */
} compose_wrong;

typedef struct compose_list {
    compose_fn *const *builders;
    size_t n_builders;
    const compose_wrong *wrong;
    size_t n_wrong;
} compose_list;
#define COMPOSE_LIST(builders, wrong)                                                                                  \
    {                                                                                                                  \
        builders, sizeof(builders) / sizeof *(builders), wrong, sizeof(wrong) / sizeof *(wrong)                        \
    }

/* Tests with a compose_list as their state: with a batch of open size builders compute what they do with a number, and so do their
 * gradients; what is wrong is said. */
void compose_open_sizes(void **state);
void compose_sentences(void **state);

#endif
