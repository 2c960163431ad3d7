/* tarn/text.h: text into numbers and back: tokenizers read from files, made from rules or trained on a corpus, and data sets
 * of what they give.
 *
 * A tn_tokenizer never changes once made, and may be used on several threads at once. It is one JSON text, the tokenizer.json
 * of the `tokenizers` library, and everything about it is in there: normalizer, pre-tokenizer, model, post-processor, decoder,
 * added tokens. Tokenizers made in other ways (characters, words, GPT-2's two files, BERT's vocab.txt, llama2.c's file) are
 * held as the same parts, so that all can be saved and loaded as that JSON.
 *
 * A tn_encoder is one thread's memory for encoding: pieces of text seen before are not worked out again. */
#ifndef TARN_TEXT_H
#define TARN_TEXT_H

#include <tarn/core.h>
#include <tarn/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tokenizers ------------------------------------------------------------------------------------------------ */

typedef struct tn_tokenizer tn_tokenizer;

/* Bytes, not ended by a zero. */
typedef struct tn_text {
    const char *at;
    size_t bytes;
} tn_text;

/* Reads a tokenizer.json: models BPE, WordPiece, Unigram and WordLevel. What Tarn does not know is refused by name. */
TN_API tn_tokenizer *tn_tokenizer_load(tn_context *context, const char *path);
/* The same from memory; `what` opens sentences (NULL: "tokenizer"). */
TN_API tn_tokenizer *tn_tokenizer_parse(tn_context *context, const char *json, size_t bytes, const char *what);
/* Whatever the path holds: a tokenizer.json, BERT's vocab.txt, llama2.c's .bin, or a folder with tokenizer.json, or vocab.json and
 * merges.txt, or vocab.txt. */
TN_API tn_tokenizer *tn_tokenizer_open(tn_context *context, const char *path);
/* The tokenizer as JSON, which tn_tokenizer_parse reads; the caller frees *json by free(). */
TN_API tn_status tn_tokenizer_json(tn_context *context, const tn_tokenizer *tokenizer, char **json, size_t *bytes);
TN_API tn_status tn_tokenizer_save(tn_context *context, const tn_tokenizer *tokenizer, const char *path);
/* What was made from a tokenizer keeps what it needs of it. */
TN_API void tn_tokenizer_free(tn_tokenizer *tokenizer);

/* GPT-2's byte-level BPE: vocab.json and merges.txt (vocab.bpe). "<|endoftext|>" is ordinary text unless `special`. */
typedef struct tn_tokenizer_gpt2_opt {
    bool special;      /* "<|endoftext|>", wherever it stands in a text, is its own token */
    bool prefix_space; /* a text is read as if a space stood before it */
    void *reserved[4];
} tn_tokenizer_gpt2_opt;
TN_API tn_tokenizer *tn_tokenizer_gpt2(tn_context *context, const char *vocab, const char *merges,
                                       const tn_tokenizer_gpt2_opt *opt);

/* BERT's WordPiece: vocab.txt, a token a line, "##" before what continues a word. */
typedef struct tn_tokenizer_bert_opt {
    bool cased; /* keep capitals and accents; as default both go */
    bool bare;  /* no [CLS] and [SEP] around texts */
    void *reserved[4];
} tn_tokenizer_bert_opt;
TN_API tn_tokenizer *tn_tokenizer_bert(tn_context *context, const char *vocab, const tn_tokenizer_bert_opt *opt);

/* The tokenizer file of llama2.c (tokenizer.bin, tok512.bin): pieces with scores, merged best score first; characters that have
 * no piece become their bytes. Texts get BOS (id 1) in front unless `bare`. */
TN_API tn_tokenizer *tn_tokenizer_llama2(tn_context *context, const char *path, bool bare);

TN_API size_t tn_tokenizer_size(const tn_tokenizer *tokenizer); /* largest id + 1, added tokens included */
/* The id of a token as it is written in the vocabulary, or -1. */
TN_API int32_t tn_tokenizer_id(const tn_tokenizer *tokenizer, const char *token);
/* How a token is written in the vocabulary; false when there is no such id. `buffer` holds `size` bytes and is always ended. */
TN_API bool tn_tokenizer_token(const tn_tokenizer *tokenizer, int32_t id, char *buffer, size_t size);
/* Ids of special tokens by what they are commonly called ("[PAD]", "<pad>", "<|endoftext|>", ...); -1: there is none. */
typedef struct tn_token_roles {
    int32_t pad, unknown, begin, end, mask;
} tn_token_roles;
TN_API tn_token_roles tn_tokenizer_roles(const tn_tokenizer *tokenizer);
/* "BPE", "WordPiece", "Unigram" or "WordLevel". Static. */
TN_API const char *tn_tokenizer_model(const tn_tokenizer *tokenizer);

/* ---- training -------------------------------------------------------------------------------------------------- */

/* What a tokenizer learned from texts is made like:
 *   "bpe"         byte-level BPE with GPT-2's pattern: any bytes, nothing unknown
 *   "wordpiece"   BERT's normalizer and words, "##" before what continues a word
 *   "unigram"     SentencePiece's way: NFKC, spaces as U+2581, the likeliest cut
 *   "words"       whole words, punctuation apart; the rest is unknown
 *   "characters"  one character each */
typedef struct tn_tokenizer_train_opt {
    const char *kind;      /* NULL: "bpe" */
    size_t vocabulary;     /* entries at most, special ones included; 0: 30,000, of unigram 8,000 */
    int64_t min_count;     /* of a pair or word to become an entry */
    size_t alphabet;       /* "wordpiece": most characters, the rarest are dropped; 0: all */
    size_t longest;        /* "bpe", "wordpiece": most characters (bytes) of an entry; 0: any */
    bool cased;            /* keep capitals ("wordpiece": and accents) */
    bool keep_punctuation; /* "words": cut at white space only */
    bool prefix_space;     /* "bpe": a text is read as if a space stood before it */
    bool byte_fallback;    /* "unigram", "characters": 256 entries more: what is unknown becomes its bytes */
    bool whole_files;      /* tn_tokenizer_train_files: a file is one text; as default each line with its end is one */
    const char *const
        *specials;  /* first entries, never cut; "[UNK]" or "<unk>" among them stands for what is unknown. */
    int n_specials; /* NULL: of bpe none, of wordpiece BERT's five, of the others "<unk>" and such */
    void *reserved[8];
} tn_tokenizer_train_opt;

/* The same texts and options give the same tokenizer, whatever the number of threads; for "bpe" that of the `tokenizers`
 * library to the last merge. */
TN_API tn_tokenizer *tn_tokenizer_train(tn_context *context, const tn_text *texts, size_t n,
                                        const tn_tokenizer_train_opt *opt);
/* Of files of text: UTF-8, or UTF-16 with its mark; plain or gzip'ed. */
TN_API tn_tokenizer *tn_tokenizer_train_files(tn_context *context, const char *const *paths, int n_paths,
                                              const tn_tokenizer_train_opt *opt);

/* ---- encoding -------------------------------------------------------------------------------------------------- */

typedef struct tn_encode_opt {
    bool plain;         /* no tokens that the post-processor adds (BOS, [CLS], ...) */
    bool spans;         /* say from which bytes of the text each token comes */
    bool types;         /* say to which text of a pair each token belongs */
    size_t max_length;  /* tokens at most, added ones included; 0: what the tokenizer says */
    bool truncate_left; /* cut away the beginning instead of the end */
    size_t pad_to;      /* pad to so many; 0: what the tokenizer says */
    bool pad_left;      /* padding in front */
    bool unpadded;      /* no padding, whatever the tokenizer says */
    void *reserved[4];
} tn_encode_opt;

typedef struct tn_span {
    size_t begin, end; /* bytes of the text; 0, 0 for tokens that were added */
} tn_span;

/* Ids of a text. Valid until the encoder's next call. */
typedef struct tn_tokens {
    size_t n; /* all tokens, padding included */
    const int32_t *ids;
    const tn_span *spans; /* NULL unless asked for */
    const uint8_t *types; /* NULL unless asked for */
    size_t first, length; /* the tokens that are not padding */
} tn_tokens;

typedef struct tn_encoder tn_encoder;
TN_API tn_encoder *tn_encoder_new(tn_context *context, const tn_tokenizer *tokenizer);
TN_API void tn_encoder_free(tn_encoder *encoder);
TN_API const char *tn_encoder_error(const tn_encoder *encoder);
/* Any bytes are a text. Byte-level tokenizers take them as they are; to others what is not UTF-8 is U+FFFD. */
TN_API tn_status tn_encode(tn_encoder *encoder, const char *text, size_t bytes, const tn_encode_opt *opt,
                           tn_tokens *tokens);
/* A question and its answer, or such: as one row of ids, joined as the tokenizer's template says. */
TN_API tn_status tn_encode_pair(tn_encoder *encoder, tn_text first, tn_text second, const tn_encode_opt *opt,
                                tn_tokens *tokens);

/* Many texts by all threads of the context. The ids of text i are ids[starts[i]] to ids[starts[i + 1]]. */
typedef struct tn_token_rows {
    size_t rows;
    int64_t *starts; /* rows + 1 */
    int32_t *ids;
} tn_token_rows;
TN_API tn_status tn_encode_batch(tn_context *context, const tn_tokenizer *tokenizer, const tn_text *texts, size_t n,
                                 const tn_encode_opt *opt, tn_token_rows *rows);
TN_API void tn_token_rows_free(tn_token_rows *rows);

/* ---- decoding -------------------------------------------------------------------------------------------------- */

typedef struct tn_decode_opt {
    bool keep_special; /* write special tokens as they are spelled; as default they are left out */
    void *reserved[4];
} tn_decode_opt;

/* The bytes of ids; *text is the caller's (free()) and ends in a zero byte that is not counted. */
TN_API tn_status tn_decode(tn_context *context, const tn_tokenizer *tokenizer, const int32_t *ids, size_t n,
                           const tn_decode_opt *opt, char **text, size_t *bytes);

/* Decoding id by id, as a model makes them: what is given out is the text of all ids so far, and never half a character. */
typedef struct tn_decoder tn_decoder;
TN_API tn_decoder *tn_decoder_new(tn_context *context, const tn_tokenizer *tokenizer, const tn_decode_opt *opt);
TN_API void tn_decoder_free(tn_decoder *decoder);
/* *text is what this id adds, perhaps nothing; valid until the next call. */
TN_API tn_status tn_decoder_push(tn_decoder *decoder, int32_t id, tn_text *text);
/* What is held back at the end: the bytes of a character that never was completed. */
TN_API tn_status tn_decoder_finish(tn_decoder *decoder, tn_text *text);
TN_API const char *tn_decoder_error(const tn_decoder *decoder);

/* ---- data sets ------------------------------------------------------------------------------------------------- */

/* What a model is to say of a text. Samples have "x", i64 [tokens]; "y" is by the task
 *   TN_TEXT_CLASSES  i64: the class of the text
 *   TN_TEXT_NEXT     i64 [tokens]: the token that follows at each place
 *   TN_TEXT_MASKED   i64 [tokens]: the tokens that were hidden from x, -100 elsewhere; other ones for each key
 *   TN_TEXT_ALONE    there is none */
typedef enum tn_text_task { TN_TEXT_CLASSES = 0, TN_TEXT_NEXT = 1, TN_TEXT_MASKED = 2, TN_TEXT_ALONE = 3 } tn_text_task;

typedef struct tn_text_opt {
    tn_text_task task;
    int64_t length; /* most tokens of a sample; 0: 512 */
    bool fixed; /* all samples are so long, filled up with padding; as default they vary, and a batch is as long as its
                           longest */
    bool pad_left;                  /* `fixed`: padding stands in front, so that the last place is the text's end */
    bool plain;                     /* no tokens that the tokenizer adds around texts */
    bool truncate_left;             /* what is too long loses its beginning */
    double mask;                    /* TN_TEXT_MASKED: part of the tokens that is hidden; 0: 0.15 */
    int classes;                    /* TN_TEXT_CLASSES */
    const char *const *class_names; /* NULL: "0", "1", ... */
    bool whole;                     /* raw input is one text, not one a line */
    void *reserved[8];
} tn_text_opt;

/* How texts become samples: a tokenizer and the options, kept in model files and applied by evaluation and prediction alike. Raw
 * input (tn_preparation_open) is a file with a text a line, in UTF-8: each is a sample, an empty one too; or, where samples are
 * `whole`, a file with one text. */
TN_API tn_preparation *tn_text_prepare(tn_context *context, const tn_tokenizer *tokenizer, const tn_text_opt *opt);
/* The tokenizer of such a preparation; it lives as long as that. NULL if it is of another kind. */
TN_API const tn_tokenizer *tn_text_tokenizer(const tn_preparation *preparation);
/* What is learned with it; TN_TEXT_ALONE if it is of another kind. */
TN_API tn_text_task tn_text_task_of(const tn_preparation *preparation);

/* A sample for each text. `labels` for TN_TEXT_CLASSES: a class each, in [0, classes). */
TN_API tn_dataset *tn_dataset_texts(tn_context *context, const tn_preparation *preparation, const tn_text *texts,
                                    int64_t n, const int64_t *labels);
/* The same with the tokens in a file in `folder` (NULL: in memory), mapped from there, for texts larger than memory; 8 bytes a text stay in
 * memory. The file has no name that lasts: it is gone with the data set, or the process. */
TN_API tn_dataset *tn_dataset_texts_kept(tn_context *context, const tn_preparation *preparation, const tn_text *texts,
                                         int64_t n, const int64_t *labels, const char *folder);
/* Texts in folders by class, CLASS/NAME.txt (or .txt.gz; UTF-8, or UTF-16 with its mark), in a folder, .tar, .tar.gz or .zip: what tn_dataset_texts and the options of a
 * preparation need. Classes are in the order of their names. Freed by tn_text_folder_free, which no data set minds. */
typedef struct tn_text_folder {
    int64_t n;
    const tn_text *texts;
    const int64_t *labels;
    const char *const *names; /* of files, with their folder */
    int classes;
    const char *const *class_names;
} tn_text_folder;
/* `under` (or NULL): only what lies in this folder of it, as "train". */
TN_API tn_text_folder *tn_text_folder_read(tn_context *context, const char *path, const char *under);
TN_API void tn_text_folder_free(tn_text_folder *folder);

/* The lines of a file in UTF-8, or UTF-16 with its mark, plain or gzip'ed; the task is not TN_TEXT_CLASSES. Empty lines are no samples. */
TN_API tn_dataset *tn_dataset_text_lines(tn_context *context, const tn_preparation *preparation, const char *path);

/* Long texts as one row of tokens, cut into samples of `length` (TN_TEXT_NEXT, TN_TEXT_MASKED, always fixed): sample i begins at i * stride, or,
 * with `shift`, up to stride - 1 tokens further, by its key. */
typedef struct tn_windows_opt {
    int64_t stride; /* 0: the length */
    bool shift;
    /* As in tn_dataset_texts_kept. `plain` texts are then encoded in pieces of 64 KB that end with a line: tokens that would go across
     * such an end do not. */
    const char *folder;
    void *reserved[3];
} tn_windows_opt;
TN_API tn_dataset *tn_dataset_windows(tn_context *context, const tn_preparation *preparation, const tn_text *texts,
                                      int64_t n, const tn_windows_opt *opt);

/* Pairs for translation: "x" i64 [tokens], the source; "target" i64 [tokens], the begin token and the translation; "y" the
 * same one place on, the end token last. All three vary in length. The set carries a preparation ("pairs", both tokenizers), by which model
 * files translate: tn_translate_text. */
typedef struct tn_pairs_opt {
    int64_t length, target_length; /* most tokens; 0: 128. Longer pairs lose their ends */
    int32_t begin, end;            /* of the target; both 0: the tokenizer's roles */
    const char *folder;            /* as in tn_dataset_texts_kept */
    void *reserved[3];
} tn_pairs_opt;
TN_API tn_dataset *tn_dataset_pairs(tn_context *context, const tn_tokenizer *source, const tn_tokenizer *target,
                                    const tn_text *sources, const tn_text *targets, int64_t n, const tn_pairs_opt *opt);

/* Hides tokens as BERT was trained: each of x[0 .. n) that is no special token with probability `part`, of these 80% become the
 * mask token, 10% another one and 10% stay; y gets what was there, -100 elsewhere. A function of the key. TN_NOT_FOUND if the
 * tokenizer has no mask token. */
TN_API tn_status tn_text_mask(tn_context *context, const tn_tokenizer *tokenizer, int64_t *x, int64_t *y, int64_t n,
                              double part, uint64_t key);

#ifdef __cplusplus
}
#endif
#endif
