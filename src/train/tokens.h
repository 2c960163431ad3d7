/* tokens.h: what recipes that read text have in common: where the tokenizer comes from. */
#ifndef TRAIN_TOKENS_H
#define TRAIN_TOKENS_H

#include "train/recipe.h"
#include <tarn/text.h>

typedef struct train_tokens {
    int kind; /* of train_tokens_kinds */
    const char *path;
    int64_t vocabulary, min_count, length;
    bool cased;
} train_tokens;

extern const char *const train_tokens_kinds[];

/* Rows of an option table for a struct S with a member `train_tokens tokens`. */
#define TRAIN_TOKENS_OPTION(S, word, kind_, field, ...)                                                                \
    {                                                                                                                  \
        .key = word, .kind = FORMAT_KIND_##kind_, .offset = offsetof(S, tokens.field), __VA_ARGS__                     \
    }
#define TRAIN_TOKENS_OPTIONS(S, default_kind, default_length)                                                          \
    TRAIN_TOKENS_OPTION(S, "tokenizer", ENUM, kind, .fallback = default_kind, .names = train_tokens_kinds,             \
                        .doc = "trained on the training texts: words, characters, bpe (of bytes, as GPT-2's), "        \
                               "wordpiece (as BERT's), unigram (as SentencePiece's)"),                                 \
        TRAIN_TOKENS_OPTION(S, "tokenizer_path", PATH, path,                                                           \
                            .doc = "a tokenizer.json, a vocab.txt, or a folder with vocab.json and merges.txt, in "    \
                                   "place of training one"),                                                           \
        TRAIN_TOKENS_OPTION(S, "vocabulary", INT, vocabulary, .fallback = "8000", .range = "[2,4000000]",              \
                            .doc = "entries of a trained tokenizer, at most"),                                         \
        TRAIN_TOKENS_OPTION(S, "min_count", INT, min_count, .fallback = "1", .range = "[1,)",                          \
                            .doc = "what is rarer in the training texts becomes no entry"),                            \
        TRAIN_TOKENS_OPTION(S, "cased", BOOL, cased, .fallback = "false",                                              \
                            .doc = "capitals are kept by words, wordpiece and unigram"),                               \
        TRAIN_TOKENS_OPTION(S, "length", INT, length, .fallback = default_length, .range = "[1,16777216]",             \
                            .doc = "most tokens of a sample")

/* NULL, with the sentence in the context. */
tn_tokenizer *train_tokens_make(tn_context *c, const train_tokens *o, const tn_text *texts, size_t n);

#endif
