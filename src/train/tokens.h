/* tokens.h: what recipes that read text have in common: where the tokenizer comes from. */
#ifndef TRAIN_TOKENS_H
#define TRAIN_TOKENS_H

#include "train/recipe.h"
#include <tarn/text.h>

typedef struct train_tokens {
    int kind; /* of train_tokens_kinds */
    const char *path;
    int64_t vocabulary, min_count, length;
    bool cased, byte_fallback;
    int task; /* tn_text_task; this and the next only where samples are whole texts */
    double mask;
    bool fixed, pad_left, truncate_left;
} train_tokens;

/* What a trained tokenizer needs beside entries: nothing more, a token to hide others behind, or tokens for begin and end. */
typedef enum train_tokens_use { TRAIN_TOKENS_PLAIN, TRAIN_TOKENS_MASKED, TRAIN_TOKENS_PAIRED } train_tokens_use;

extern const char *const train_tokens_kinds[], *const train_tokens_tasks[];

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
        TRAIN_TOKENS_OPTION(S, "byte_fallback", BOOL, byte_fallback, .fallback = "false",                              \
                            .doc = "characters and unigram: what is unknown becomes its bytes (256 entries more)"),    \
        TRAIN_TOKENS_OPTION(S, "length", INT, length, .fallback = default_length, .range = "[1,16777216]",             \
                            .doc = "most tokens of a sample")

/* The same for kinds whose samples are whole texts. */
#define TRAIN_TEXTS_OPTIONS(S, default_kind, default_length)                                                           \
    TRAIN_TOKENS_OPTION(S, "task", ENUM, task, .fallback = "classes", .names = train_tokens_tasks,                     \
                        .doc = "what is learned: classes of texts, the next token at each place, or tokens that "      \
                               "were hidden"),                                                                         \
        TRAIN_TOKENS_OPTION(S, "mask", FLOAT, mask, .fallback = "0.15", .range = "(0,1]",                              \
                            .doc = "masked: part of the tokens that is hidden"),                                       \
        TRAIN_TOKENS_OPTION(S, "fixed", BOOL, fixed, .fallback = "false",                                              \
                            .doc = "all samples have the full length; as default a batch is as long as its longest"),  \
        TRAIN_TOKENS_OPTION(S, "pad_left", BOOL, pad_left, .fallback = "false",                                        \
                            .doc = "fixed: padding stands in front, so that the last step is the end of the text"),    \
        TRAIN_TOKENS_OPTION(S, "truncate_left", BOOL, truncate_left, .fallback = "false",                              \
                            .doc = "what is too long loses its beginning, not its end"),                               \
        TRAIN_TOKENS_OPTIONS(S, default_kind, default_length)

/* NULL, with the sentence in the context. */
tn_tokenizer *train_tokens_make(tn_context *c, const train_tokens *o, train_tokens_use use, const tn_text *texts,
                                size_t n);
/* A tokenizer for the texts and what their task makes of them; whole and classes as in tn_text_opt. NULL as above. */
tn_preparation *train_texts_prepare(tn_context *c, const train_tokens *o, const tn_text *texts, size_t n, bool whole,
                                    int classes, const char *const *names);

#endif
