/* tokenizer.h: what a tokenizer is made of. A text goes through these parts, each a list of steps:
 *
 *   added tokens   cut out of the text and looked up as they are
 *   normalizer     text to text (lower case, normal forms, ...)
 *   pre-tokenizer  text to pieces (words, mostly)
 *   model          piece to ids
 *   post           ids to ids (BOS, [CLS], ...)
 *
 * and ids go back through the decoder. A reader of a file fills `parts` and calls text_tokenizer_finish.
 *
 * Byte-level tokenizers write their entries in an alphabet of 256 printable characters; here they are held as the bytes that
 * they stand for (`raw`), so that texts need no translation. */
#ifndef DATA_TEXT_TOKENIZER_H
#define DATA_TEXT_TOKENIZER_H

#include "base/context.h"
#include "base/vec.h"
#include "data/text/vocab.h"

#include <stdatomic.h>
#include <tarn/text.h>

/* ---- steps ----------------------------------------------------------------------------------------------------- */

typedef enum text_step_kind {
    /* normalizers */
    TEXT_N_FORM, /* a: TEXT_NFC, ... */
    TEXT_N_LOWER,
    TEXT_N_STRIP, /* a: left, b: right */
    TEXT_N_ACCENTS,
    TEXT_N_REPLACE, /* find (or pattern), put */
    TEXT_N_MAP,     /* Precompiled: charsmap.c */
    TEXT_N_PREPEND, /* put */
    TEXT_N_BERT,    /* a: bits of TEXT_BERT_... */
    /* pre-tokenizers */
    TEXT_P_BYTES, /* ByteLevel: a: prefix space, b: GPT-2's pattern */
    TEXT_P_META,  /* Metaspace: put the replacement, a: TEXT_META_..., b: split */
    TEXT_P_SPLIT, /* find or pattern, a: behaviour, b: inverted */
    TEXT_P_CLASS, /* characters with property `c`: a: behaviour */
    TEXT_P_WORDS, /* Whitespace: runs of \w, runs of what is neither \w nor space */
    TEXT_P_BERT,
    /* decoders */
    TEXT_D_BYTES,
    TEXT_D_PIECE,   /* WordPiece: find the prefix, a: clean up */
    TEXT_D_META,    /* put the replacement, a: TEXT_META_... */
    TEXT_D_SUFFIX,  /* BPEDecoder: find the suffix */
    TEXT_D_REPLACE, /* find, put */
    TEXT_D_FALLBACK,
    TEXT_D_FUSE,
    TEXT_D_STRIP, /* find the character, a: from the start, b: from the end */
} text_step_kind;

enum { TEXT_BERT_CLEAN = 1, TEXT_BERT_HAN = 2, TEXT_BERT_ACCENTS = 4, TEXT_BERT_LOWER = 8 };
enum { TEXT_META_FIRST, TEXT_META_NEVER, TEXT_META_ALWAYS };
enum { TEXT_REMOVED, TEXT_ISOLATED, TEXT_WITH_PREVIOUS, TEXT_WITH_NEXT, TEXT_CONTIGUOUS };

typedef struct text_pattern text_pattern; /* a compiled regular expression, pattern.h */

typedef struct text_step {
    text_step_kind kind;
    int a, b, c;
    tn_text find, put;
    const text_pattern *pattern;
    const char *source; /* of the pattern, as it is written */
} text_step;

typedef struct text_steps {
    text_step *at;
    size_t n;
} text_steps;

/* ---- model ----------------------------------------------------------------------------------------------------- */

typedef enum text_model_kind { TEXT_BPE, TEXT_WORDPIECE, TEXT_UNIGRAM, TEXT_WORDLEVEL } text_model_kind;

typedef struct text_merge {
    int32_t left, right, id;
} text_merge;

typedef struct text_model {
    text_model_kind kind;
    text_vocab vocab;
    const char *unknown; /* text of the unknown token, NULL: none */
    int32_t unknown_id;  /* -1: none */
    /* BPE */
    text_merge *merges; /* by rank */
    size_t n_merges;
    text_pairs pairs;
    const char *prefix, *suffix; /* continuing_subword_prefix (also WordPiece's), end_of_word_suffix; NULL: none */
    bool fuse_unknown, fallback, ignore_merges;
    int32_t byte_id[256]; /* raw: the entry of one byte; fallback: that of <0x..>; -1: none */
    /* WordPiece and Unigram */
    text_trie trie;
    uint32_t continuing; /* WordPiece: the node of the prefix; 0: no entry has it */
    int64_t most_chars;  /* WordPiece: longer words are unknown */
    double *scores;      /* Unigram, by id */
    double least_score;
} text_model;

/* ---- the rest -------------------------------------------------------------------------------------------------- */

typedef struct text_added {
    tn_text text, seek; /* seek: what is looked for, `text` normalized if `normalized` */
    int32_t id;
    bool special, single_word, lstrip, rstrip, normalized;
} text_added;

/* One place of a template: text 0 or 1 of the pair, or (text -1) the token `id`. */
typedef struct text_place {
    int text;
    int32_t id;
    uint8_t type;
    const char *token;
} text_place;
typedef struct text_template {
    text_place *at;
    size_t n;
} text_template;

typedef struct text_post {
    bool present;
    text_template single, pair;
} text_post;

typedef struct text_limit {
    bool present;
    size_t length; /* truncation: most; padding: fixed length, 0: none */
    size_t multiple;
    bool left;
    int32_t pad_id;
    uint8_t pad_type;
    const char *pad_token;
} text_limit;

struct tn_tokenizer {
    atomic_int references;
    base_arena arena;
    bool raw;
    text_steps normalizer, pretokenizer, decoder;
    text_model model;
    text_added *added;
    size_t n_added;
    bool added_first[256]; /* some added token begins with this byte */
    int added_byte;        /* the only such byte, or -1 */
    int32_t *added_by_id;  /* index into `added` + 1; `size` of them */
    bool any_normalized;   /* some added token is looked for after normalising */
    size_t size;           /* largest id + 1 */
    text_post post;
    text_limit truncation, padding;
};

/* A tokenizer with nothing in it, references 1. */
tn_tokenizer *text_tokenizer_new(base_error *e);
tn_tokenizer *text_tokenizer_retain(const tn_tokenizer *t);
/* Tables for what the reader put in: vocabulary and merges must be there. */
tn_status text_tokenizer_finish(tn_tokenizer *t, const char *what, base_error *e);
/* The merges of `t` in a table; the concatenations must be entries. */
tn_status text_merges_index(tn_tokenizer *t, base_error *e);

text_step *text_steps_add(tn_tokenizer *t, text_steps *steps, text_step step);
/* Copies into the arena; .at NULL: out of memory. */
tn_text text_keep(tn_tokenizer *t, const char *text, size_t bytes);

/* The byte alphabet: an entry as bytes. False (out untouched) if it holds a character outside of the alphabet. `out` has room
 * for `bytes`. */
bool text_alphabet_read(const char *text, size_t bytes, char *out, uint32_t *out_bytes);
/* Bytes in the alphabet: the character of one byte as UTF-8, 1 or 2 bytes. */
size_t text_alphabet_put(unsigned char byte, char out[2]);

/* An added token by text, or NULL. */
const text_added *text_added_find(const tn_tokenizer *t, const char *text, size_t bytes);
const text_added *text_added_of(const tn_tokenizer *t, int32_t id);
/* The text of an id (added tokens first); .at NULL: there is none. */
tn_text text_of(const tn_tokenizer *t, int32_t id);
/* The id of a text: added tokens first. */
int32_t text_id_of(const tn_tokenizer *t, const char *text, size_t bytes);

#endif
