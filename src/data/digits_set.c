/* digits_set.c: the drawn digits as a data set: drawn as they are asked for, or all at once by some threads and kept. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/digits.h"
#include "data/parallel.h"
#include "data/permutation.h"

enum { PIECE = 128 }; /* digits that a thread draws at a time */

typedef struct digits {
    uint64_t seed;
    bool fresh;
    int64_t count;
    uint8_t *pixels; /* of all, if they are kept; their classes are soon told */
} digits;

/* Every ten samples in a row are all ten digits, in an order of their own. */
static int64_t digits_label(void *user, int64_t index)
{
    const digits *d = user;
    data_permutation p = data_permutation_new(10, d->seed, (uint64_t)index / 10);
    return (int64_t)data_permutation_at(&p, (uint64_t)index % 10);
}

static void draw(const digits *d, int64_t index, int64_t label, uint64_t key, uint8_t *pixels)
{
    base_random random = base_random_new(d->seed ^ (d->fresh ? key | 1 : 0), (uint64_t)index);
    data_digit_draw((int)label, &random, pixels);
}

static tn_status digits_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const digits *d = user;
    int64_t label = digits_label(user, index);
    if (d->pixels)
        memcpy(sample->at[0], d->pixels + index * DATA_DIGIT_PIXELS, DATA_DIGIT_PIXELS);
    else
        draw(d, index, label, key, sample->at[0]);
    memcpy(sample->at[1], &label, sizeof label);
    return TN_OK;
}

static void digits_release(void *user)
{
    digits *d = user;
    free(d->pixels);
    free(d);
}

static void draw_piece(void *user, int64_t piece)
{
    digits *d = user;
    const int64_t last = (piece + 1) * PIECE < d->count ? (piece + 1) * PIECE : d->count;
    for (int64_t i = piece * PIECE; i < last; i++)
        draw(d, i, digits_label(user, i), 0, d->pixels + i * DATA_DIGIT_PIXELS);
}

static tn_status draw_all(digits *d, int threads, base_error *e)
{
    const size_t n = (size_t)d->count;
    uint8_t *pixels = n <= SIZE_MAX / 2 / DATA_DIGIT_PIXELS ? malloc(n ? n * DATA_DIGIT_PIXELS : 1) : NULL;
    if (!pixels)
        return base_no_memory(e, "keeping the digits");
    d->pixels = pixels;
    data_parallel(threads, (d->count + PIECE - 1) / PIECE, draw_piece, d);
    return TN_OK;
}

static tn_status check(const tn_digits_opt *o, base_error *e)
{
    return o->kept && o->fresh
               ? base_fail(e, TN_INVALID, "digits that are drawn anew in every epoch (fresh) cannot be kept")
               : TN_OK;
}

tn_dataset *tn_dataset_digits(tn_context *context, const tn_digits_opt *opt)
{
    base_error *e = base_context_begin(context);
    static const tn_digits_opt none = {0};
    enum { SIDE = DATA_DIGIT_SIDE };
    static const tn_field fields[2] = {{.name = "x", .dtype = TN_U8, .rank = 3, .dims = {1, SIDE, SIDE}},
                                       {.name = "y", .dtype = TN_I64}};
    opt = opt ? opt : &none;
    if (check(opt, e) != TN_OK)
        return NULL;
    digits *d = calloc(1, sizeof *d);
    if (!d) {
        base_no_memory(e, "making the digits");
        return NULL;
    }
    *d = (digits){.seed = opt->seed, .fresh = opt->fresh, .count = opt->count ? opt->count : 60000};
    tn_dataset_def def = {.count = d->count,
                          .fields = fields,
                          .n_fields = 2,
                          .classes = 10,
                          .get = digits_get,
                          .label = digits_label,
                          .release = digits_release,
                          .user = d};
    tn_dataset *set = data_new(&def, e);
    if (!set)
        digits_release(d);
    else if (opt->kept && draw_all(d, tn_context_threads(context), e) != TN_OK) {
        tn_dataset_free(set);
        return NULL;
    }
    return set;
}
