/* hf.h: tokenizer.json, the file of the `tokenizers` library: reading (hf_read.c, hf_steps.c) and writing (hf_write.c). */
#ifndef DATA_TEXT_HF_H
#define DATA_TEXT_HF_H

#include "data/text/files.h"

enum { HF_NORMALIZER, HF_PRETOKENIZER, HF_DECODER };

/* The steps of one of the three lists; a Sequence inside a Sequence is laid out flat. `null` is no step. */
tn_status hf_read_steps(tn_tokenizer *t, const format_json *value, int list, base_error *e);
void hf_write_steps(format_json_out *w, const text_steps *steps, int list);

/* Optional keys: what is not there (or null) leaves *out as it is. `what` is the part's name. */
tn_status hf_bool(const format_json *object, const char *what, const char *key, bool *out, base_error *e);
tn_status hf_string(const format_json *object, const char *what, const char *key, const char **out, base_error *e);
tn_status hf_i64(const format_json *object, const char *what, const char *key, int64_t least, int64_t most,
                 int64_t *out, base_error *e);
/* The value of a key, NULL also for null. */
const format_json *hf_find(const format_json *object, const char *key);

/* From JSON, and to it. */
tn_tokenizer *hf_read(const char *json, size_t bytes, const char *what, base_error *e);
/* The same from an object that is read already. */
tn_tokenizer *hf_read_value(const format_json *root, const char *what, base_error *e);
tn_status hf_write(const tn_tokenizer *t, base_str *out, base_error *e);
/* As a member of an object that is open. */
void hf_put(format_json_out *w, const char *key, const tn_tokenizer *t);

#endif
