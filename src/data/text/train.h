/* train.h: making a vocabulary from texts: counting pieces on several threads, and the three ways to choose entries. */
#ifndef DATA_TEXT_TRAIN_H
#define DATA_TEXT_TRAIN_H

#include "data/text/work.h"

/* Texts with a number each; grows. */
typedef struct text_word {
    const char *text;
    uint32_t bytes;
    int64_t count;
} text_word;
typedef struct text_table {
    base_arena arena; /* the texts */
    text_word *at;
    size_t n, capacity;
    uint32_t *slots; /* index + 1 */
    size_t n_slots;
} text_table;

/* The index of a text, added with count 0 if new; -1: out of memory. */
int64_t text_table_add(text_table *t, const char *text, size_t bytes);
/* The index, or -1 if it is not there. */
int64_t text_table_find(const text_table *t, const char *text, size_t bytes);
void text_table_free(text_table *t);
/* By bytes. Finding does not work afterwards. */
void text_table_sort(text_table *t);

/* How often each piece of the texts occurs after normalizer and pre-tokenizer of `t`; sorted by bytes, whatever the number of
 * threads. */
tn_status text_count(const tn_tokenizer *t, const tn_text *texts, size_t n, int threads, text_table *counts,
                     base_error *e);

typedef struct text_train_plan {
    size_t vocabulary;
    int64_t least_count;
    size_t alphabet; /* most characters of the alphabet, the rarest are dropped; 0: all */
    size_t longest;  /* most characters of an entry; 0: any */
    const char *const *specials;
    int n_specials;
    bool byte_fallback; /* entries <0x00> to <0xFF> behind the special ones */
    int threads;
} text_train_plan;

/* The name of a byte's entry: 6 characters and a zero. */
void text_byte_name(int byte, char name[7]);

/* Fill vocabulary (and merges, scores) of t, whose model.kind, raw and prefix say how; words are sorted. */
tn_status text_train_bpe(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e);
tn_status text_train_unigram(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e);
tn_status text_train_words(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e);

#endif
