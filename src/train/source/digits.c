/* digits.c: data: digits, generated handwritten-like digits. */
#include "train/source/source.h"

typedef struct digits {
    train_data common;
} digits;

static const format_option rows[] = {TRAIN_PICTURE_ROWS, {0}};
static const format_table table = {
    .name = "digits",
    .doc = "handwritten-like digits, drawn from strokes: no files are needed; 20,000 for training and 2,000 for "
           "validation",
    .options = rows,
};

/* To draw a digit takes 15 us, longer than small networks take to learn from it: all are drawn before training, by all threads,
 * unless they were very many. */
static tn_dataset *draw(tn_context *c, int64_t count, uint64_t seed)
{
    enum { MOST_KEPT = 200000 };
    return tn_dataset_digits(c, TN_OPT(tn_digits_opt, .count = count, .seed = seed, .kept = count <= MOST_KEPT));
}

static tn_status open_digits(tn_context *c, const train_recipe *r, train_sets *sets)
{
    int64_t n = r->data->train_count > 0 ? r->data->train_count : 20000,
            m = r->data->val_count > 0 ? r->data->val_count : 2000;
    sets->train = draw(c, n, (uint64_t)r->seed);
    /* other pictures than any of the training: a seed of their own */
    if (sets->train)
        sets->valid = draw(c, m, (uint64_t)r->seed ^ 0x76616c6964u);
    return sets->valid ? TN_OK : TN_MEMORY;
}

const train_source train_source_digits = {.table = &table,
                                          .size = sizeof(digits),
                                          .own_valid = true,
                                          .open = open_digits,
                                          .preprocess = train_digit_preprocess};
