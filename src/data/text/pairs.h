/* pairs.h: a preparation of pairs: both tokenizers, how long sources and targets may be, and the target's marks. */
#ifndef DATA_TEXT_PAIRS_H
#define DATA_TEXT_PAIRS_H

#include "data/prepare.h"
#include "data/text/work.h"

typedef struct pairs_prep {
    tn_tokenizer *source, *target;
    int64_t length, target_length;
    int32_t begin, end, pad, target_pad;
} pairs_prep;

extern const data_prepare data_prepare_pairs;

#endif
