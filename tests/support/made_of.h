/* made_of.h: which operators a function of the library is made of, as its source says: whatever its body names, and what these functions name
 * in turn, down to operators. A function that takes another way in some case is made of the operators of all ways. */
#ifndef MADE_OF_H
#define MADE_OF_H

#include "op/scheme/op.h"

enum { MADE_OF_MOST = 100 };

typedef struct made_of {
    int operators;     /* how many; 0: the source says nothing of the function */
    uint32_t floats;   /* dtypes that all of them take which take floats; 0: none does */
    bool has_gradient; /* some of them that take floats have one that is not 0 everywhere */
    int n;             /* those that take tensors and are no views, each once */
    const op_def *of[MADE_OF_MOST];
} made_of;

/* "tn_conv1d". Reads the sources once. */
made_of made_of_function(const char *name);
made_of made_of_operator(const op_def *def);

#endif
