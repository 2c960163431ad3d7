/* files.h: vocabularies as they come in files, on their way into a tokenizer. */
#ifndef DATA_TEXT_FILES_H
#define DATA_TEXT_FILES_H

#include "data/text/tokenizer.h"
#include "format/json.h"

typedef base_vec(text_entry) text_entries;

/* An object {"token": id, ...}. With t->raw tokens are translated from the byte alphabet. */
tn_status text_entries_json(tn_tokenizer *t, const char *json, size_t bytes, const char *what, text_entries *to,
                            base_error *e);
tn_status text_entries_value(tn_tokenizer *t, const format_json *object, const char *what, text_entries *to,
                             base_error *e);
tn_status text_entry_add(tn_tokenizer *t, const char *text, size_t bytes, int64_t id, text_entries *to, base_error *e);

/* The merge of two texts, written as the vocabulary is. `line` names it in sentences. */
tn_status text_merge_add(tn_tokenizer *t, text_merge *to, const char *left, size_t left_bytes, const char *right,
                         size_t right_bytes, const char *what, size_t line, base_error *e);

/* A special token of the vocabulary becomes an added token, if it is there. */
tn_status text_added_special(tn_tokenizer *t, const char *text, base_error *e);
tn_status text_added_put(tn_tokenizer *t, text_added added, base_error *e);
/* A template of `n` places: "$A", "$B" or the text of a token, each with the type of its text. */
tn_status text_template_make(tn_tokenizer *t, text_template *to, const char *const *places, size_t n, base_error *e);

/* BERT's normalizer, pre-tokenizer and decoder; its template, for which the vocabulary must be there. */
tn_status text_bert_steps(tn_tokenizer *t, bool cased, base_error *e);
tn_status text_bert_template(tn_tokenizer *t, base_error *e);

#endif
