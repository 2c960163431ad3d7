/* tokens.c: see tokens.h. */
#include "train/tokens.h"

#include "base/context.h"

const char *const train_tokens_kinds[] = {"words", "characters", "bpe", "wordpiece", "unigram", NULL};
const char *const train_tokens_tasks[] = {"classes", "next", "masked", NULL};

/* The special tokens of each kind for each use; none: those that the kind has by itself. WordPiece has all. */
static const char *const specials[][5][6] = {
    [TRAIN_TOKENS_PLAIN] = {{NULL}},
    [TRAIN_TOKENS_MASKED] = {{"<pad>", "<unk>", "<mask>"},
                             {"<unk>", "<pad>", "<mask>"},
                             {"<pad>", "<mask>"},
                             {NULL},
                             {"<unk>", "<pad>", "<s>", "</s>", "<mask>"}},
    [TRAIN_TOKENS_PAIRED] = {{"<pad>", "<unk>", "<s>", "</s>"},
                             {"<pad>", "<unk>", "<s>", "</s>"},
                             {"<pad>", "<s>", "</s>"},
                             {NULL},
                             {"<pad>", "<unk>", "<s>", "</s>"}},
};

tn_tokenizer *train_tokens_make(tn_context *c, const train_tokens *o, train_tokens_use use, const tn_text *texts,
                                size_t n)
{
    if (o->path)
        return tn_tokenizer_open(c, o->path);
    const char *const *own = specials[use][o->kind];
    int n_own = 0;
    while (n_own < 6 && own[n_own])
        n_own++;
    tn_tokenizer *t = tn_tokenizer_train(c, texts, n,
                                         TN_OPT(tn_tokenizer_train_opt, .kind = train_tokens_kinds[o->kind],
                                                .vocabulary = (size_t)o->vocabulary, .min_count = o->min_count,
                                                .cased = o->cased, .byte_fallback = o->byte_fallback,
                                                .specials = n_own ? own : NULL, .n_specials = n_own));
    if (t)
        base_log(c, BASE_LOG_INFO, "the tokenizer was trained on %zu texts and has %zu entries", n,
                 tn_tokenizer_size(t));
    return t;
}

tn_preparation *train_texts_prepare(tn_context *c, const train_tokens *o, const tn_text *texts, size_t n, bool whole,
                                    int classes, const char *const *names)
{
    const train_tokens_use use = o->task == TN_TEXT_MASKED ? TRAIN_TOKENS_MASKED : TRAIN_TOKENS_PLAIN;
    tn_tokenizer *t = train_tokens_make(c, o, use, texts, n);
    tn_preparation *p =
        t ? tn_text_prepare(c, t,
                            TN_OPT(tn_text_opt, .task = (tn_text_task)o->task, .length = o->length, .fixed = o->fixed,
                                   .pad_left = o->pad_left, .truncate_left = o->truncate_left, .mask = o->mask,
                                   .whole = whole, .classes = classes, .class_names = names))
          : NULL;
    tn_tokenizer_free(t);
    return p;
}
