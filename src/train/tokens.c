/* tokens.c: see tokens.h. */
#include "train/tokens.h"

#include "base/context.h"

const char *const train_tokens_kinds[] = {"words", "characters", "bpe", "wordpiece", "unigram", NULL};

tn_tokenizer *train_tokens_make(tn_context *c, const train_tokens *o, const tn_text *texts, size_t n)
{
    if (o->path)
        return tn_tokenizer_open(c, o->path);
    tn_tokenizer *t =
        tn_tokenizer_train(c, texts, n,
                           TN_OPT(tn_tokenizer_train_opt, .kind = train_tokens_kinds[o->kind],
                                  .vocabulary = (size_t)o->vocabulary, .min_count = o->min_count, .cased = o->cased));
    if (t)
        base_log(c, BASE_LOG_INFO, "the tokenizer was trained on %zu texts and has %zu entries", n,
                 tn_tokenizer_size(t));
    return t;
}
