/* unicode.h: what the text room must know of characters. Those of ASCII come from a table; the rest from utf8proc, without
 * which tokenizers that look at characters cannot be made (text_unicode_needed gives the sentence). */
#ifndef DATA_TEXT_UNICODE_H
#define DATA_TEXT_UNICODE_H

#include "base/error.h"

/* A set of properties for every character. */
enum {
    TEXT_LETTER = 1,        /* general category L */
    TEXT_NUMBER = 2,        /* N */
    TEXT_SPACE = 4,         /* White_Space */
    TEXT_PUNCTUATION = 8,   /* P, and everything printable of ASCII that is neither letter nor number */
    TEXT_WORD = 16,         /* what \w means: alphabetic, marks, decimal numbers, connectors, joiners */
    TEXT_CONTROL = 32,      /* C, without tab, newline and carriage return */
    TEXT_MARK = 64,         /* Mn: accents */
    TEXT_HAN = 128,         /* the ideographs that BERT sets apart */
    TEXT_UPPER = 256,       /* Lu and Lt */
    TEXT_LOWER = 512,       /* Ll */
    TEXT_MARK_OTHER = 1024, /* Mc and Me */
    TEXT_JOINER = 2048      /* zero width joiner and non-joiner: of words to some */
};

extern const uint16_t text_ascii[128];
int text_properties_far(int32_t c);
static inline int text_properties(int32_t c)
{
    return c < 128 ? text_ascii[c] : text_properties_far(c);
}

/* The character at p (p < end) and its bytes; a byte that is not UTF-8 is a character of its own: -1 - byte. */
int32_t text_next_far(const char *p, const char *end, size_t *used);
static inline int32_t text_next(const char *p, const char *end, size_t *used)
{
    if ((unsigned char)*p < 128) {
        *used = 1;
        return (unsigned char)*p;
    }
    return text_next_far(p, end, used);
}
/* Properties of what text_next gave: a stray byte has none. */
static inline int text_properties_of(int32_t c)
{
    return c < 0 ? 0 : text_properties(c);
}
/* General categories as bits: of a name such as "L", "Lu", "N" (0: no such name), and of a character. */
uint32_t text_categories(const char *name);
uint32_t text_category_of(int32_t c);
/* Writes c as UTF-8 (a stray byte as itself); bytes written. */
size_t text_put(int32_t c, char out[4]);

/* Lower case, as one character (or itself). */
int32_t text_lower(int32_t c);

enum { TEXT_NFC, TEXT_NFD, TEXT_NFKC, TEXT_NFKD };
/* A character that never joins with what stands before it, so that a text may be cut there before it is normalised. */
bool text_starts(int32_t c);
/* The normal form of a piece of UTF-8 (without stray bytes), malloc'ed; NULL: out of memory. */
char *text_normal_form(const char *text, size_t bytes, int form, size_t *out_bytes);

/* TN_UNSUPPORTED with the name of the package when this build has no utf8proc; `what` opens the sentence. */
tn_status text_unicode_needed(const char *what, base_error *e);

#endif
