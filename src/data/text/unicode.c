/* unicode.c: see unicode.h. */
#include "data/text/unicode.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* clang-format off */
#define C TEXT_CONTROL
#define S TEXT_SPACE
#define P TEXT_PUNCTUATION
#define N (TEXT_NUMBER | TEXT_WORD)
#define U (TEXT_LETTER | TEXT_WORD | TEXT_UPPER)
#define L (TEXT_LETTER | TEXT_WORD | TEXT_LOWER)
const uint16_t text_ascii[128] = {
    C, C, C, C, C, C, C, C, C, S, S, S | C, S | C, S, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C,
    S, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, N, N, N, N, N, N, N, N, N, N, P, P, P, P, P, P,
    P, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, P, P, P, P, P | TEXT_WORD,
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, P, P, P, P, C};
#undef C
#undef S
#undef P
#undef N
#undef U
#undef L
/* clang-format on */

int32_t text_next_far(const char *p, const char *end, size_t *used)
{
    int32_t c = base_utf8_next(p, (size_t)(end - p), used);
    if (c >= 0)
        return c;
    *used = 1;
    return -1 - (int32_t)(unsigned char)*p;
}

size_t text_put(int32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)(c < 0 ? -1 - c : c);
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

#ifdef TARN_HAVE_UTF8PROC

#include <utf8proc.h>

static bool is_space(int32_t c)
{
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_han(int32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

int text_properties_far(int32_t c)
{
    int p = (is_space(c) ? TEXT_SPACE : 0) | (is_han(c) ? TEXT_HAN : 0);
    if (c >= 0x24B6 && c <= 0x24E9) /* circled letters are alphabetic */
        p |= TEXT_WORD;
    if (c == 0x200C || c == 0x200D)
        p |= TEXT_JOINER;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return p | TEXT_LETTER | TEXT_WORD | TEXT_UPPER;
    case UTF8PROC_CATEGORY_LL: return p | TEXT_LETTER | TEXT_WORD | TEXT_LOWER;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return p | TEXT_LETTER | TEXT_WORD;
    case UTF8PROC_CATEGORY_MN: return p | TEXT_MARK | TEXT_WORD;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return p | TEXT_MARK_OTHER | TEXT_WORD;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: return p | TEXT_NUMBER | TEXT_WORD;
    case UTF8PROC_CATEGORY_NO: return p | TEXT_NUMBER;
    case UTF8PROC_CATEGORY_PC: return p | TEXT_PUNCTUATION | TEXT_WORD;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return p | TEXT_PUNCTUATION;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN: return p | TEXT_CONTROL;
    default: return p;
    }
}

uint32_t text_category_of(int32_t c)
{
    return (uint32_t)1 << utf8proc_category(c);
}

uint32_t text_categories(const char *name)
{
    /* In the order of utf8proc's numbers. */
    static const char names[][3] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                    "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};
    uint32_t bits = 0;
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
        if (name[0] == names[i][0] && (!name[1] || (name[1] == names[i][1] && !name[2])))
            bits |= (uint32_t)1 << i;
    return bits;
}

int32_t text_lower(int32_t c)
{
    return c < 0 ? c : utf8proc_tolower(c);
}

bool text_starts(int32_t c)
{
    if (c < 0x300)
        return true;
    /* Vowels and finals of Hangul, and half-width forms that become marks or such, join with what precedes. */
    if ((c >= 0x1160 && c <= 0x11FF) || c == 0xFF9E || c == 0xFF9F || (c >= 0xFFA0 && c <= 0xFFDC))
        return false;
    int category = (int)utf8proc_category(c);
    return category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC && category != UTF8PROC_CATEGORY_ME;
}

char *text_normal_form(const char *text, size_t bytes, int form, size_t *out_bytes)
{
    static const int options[] = {[TEXT_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                  [TEXT_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                  [TEXT_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                  [TEXT_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &out, (utf8proc_option_t)options[form]);
    *out_bytes = n < 0 ? 0 : (size_t)n;
    return n < 0 ? NULL : (char *)out;
}

tn_status text_unicode_needed(const char *what, base_error *e)
{
    (void)what, (void)e;
    return TN_OK;
}

#else /* without utf8proc no tokenizer that asks is ever made */

int text_properties_far(int32_t c)
{
    (void)c;
    return 0;
}

uint32_t text_category_of(int32_t c)
{
    (void)c;
    return 0;
}

uint32_t text_categories(const char *name)
{
    (void)name;
    return 0;
}

int32_t text_lower(int32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool text_starts(int32_t c)
{
    return c < 0x300;
}

char *text_normal_form(const char *text, size_t bytes, int form, size_t *out_bytes)
{
    (void)form;
    char *copy = malloc(bytes + 1);
    if (copy)
        memcpy(copy, text, bytes);
    *out_bytes = copy ? bytes : 0;
    return copy;
}

tn_status text_unicode_needed(const char *what, base_error *e)
{
    return base_fail(e, TN_UNSUPPORTED,
                     "%s must know the classes of Unicode characters, which this build cannot: utf8proc was missing; "
                     "install the Debian package libutf8proc-dev and build Tarn again",
                     what);
}

#endif
