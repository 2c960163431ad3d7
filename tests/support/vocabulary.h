/* vocabulary.h: the sections of docs/operators.md on what is no operator: read in the public headers, in vocabulary_list.h and in the
 * golden files. */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include "base/str.h"
#include "op/scheme/op.h"

/* Composites, layers, losses, optimizers and schedules, after golden_names_open. What the list lacks, has for nothing, or what PyTorch
 * has and no golden file compares, is said in *wrong, a line each. `is_operator` tells composites from operators (of the name less
 * tn_); `row` gives PyTorch's name of an operator and adds its golden cases to the text; `by_reference` says whether an operator has nothing
 * faster than its reference to run by. */
void vocabulary_sections(base_str *page, base_str *wrong, int (*is_operator)(const char *name),
                         const char *(*row)(const char *name, base_str *golden),
                         int (*by_reference)(const op_def *def));

#endif
