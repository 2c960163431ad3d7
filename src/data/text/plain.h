/* plain.h: files of text as training takes them: unpacked, in UTF-8 without its mark, and text to the last byte. */
#ifndef DATA_TEXT_PLAIN_H
#define DATA_TEXT_PLAIN_H

#include "base/file.h"
#include "data/encoding.h"
#include "data/text/tokenizer.h"

typedef struct text_plain {
    tn_text text; /* valid until the close */
    base_mapping map;
    char *unpacked, *converted;
} text_plain;

/* What gzip packed is unpacked, UTF-16 becomes UTF-8, and a mark in front is taken off. Whether all of it is text text_plain_check tells.
 * `told`: AUTO, or what the file is in. To be closed also after a failure; start with zeros. */
tn_status text_plain_open(const char *path, tn_encoding told, text_plain *t, base_error *e);
/* The same of bytes that last until the close. */
tn_status text_plain_of(const void *data, size_t bytes, const char *name, tn_encoding told, text_plain *t,
                        base_error *e);
/* Refuses what is not UTF-8, and zero bytes, with their line and place; `line` is where in the file the text begins, from 1. */
tn_status text_plain_check(tn_text text, int64_t line, const char *name, base_error *e);
void text_plain_close(text_plain *t);

#endif
