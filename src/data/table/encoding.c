/* encoding.c: which encoding a table is in, and the table as UTF-8. */
#include <string.h>

#include "base/text.h"
#include "data/encoding.h"
#include "data/parallel.h"
#include "data/table/table.h"

static bool follows(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

bool table_valid_piece(const char **from, const char **to, bool *wide)
{
    const char *first = *from, *end = *to;
    for (int i = 0; i < 3 && first < end && follows(*first); i++)
        first++;
    for (int i = 0; i < 3 && end > first && follows(end[-1]); i++)
        end--;
    end -= end > first && (unsigned char)end[-1] >= 0xC0;
    *from = first;
    *to = end;
    return data_utf8_invalid(first, end, wide) == NULL;
}

/* ---- by several threads ------------------------------------------------------------------------------------------ */

enum { PIECES = 16, PIECE = 1 << 20 };
typedef struct validation {
    const char *at[PIECES + 1];
    bool invalid[PIECES], wide[PIECES];
} validation;

static void validate_piece(void *user, int64_t i)
{
    validation *v = user;
    v->invalid[i] = data_utf8_invalid(v->at[i], v->at[i + 1], &v->wide[i]) != NULL;
}

/* As data_utf8_invalid. What is cut between code points is valid as a whole if each piece is; else the first place is looked for. */
static const char *first_invalid_of(const char *p, const char *end, bool *wide, int threads)
{
    validation v = {{p}};
    int64_t n = (end - p) / PIECE < PIECES ? (end - p) / PIECE : PIECES;
    if (n < 2 || threads < 2)
        return data_utf8_invalid(p, end, wide);
    *wide = false;
    for (int64_t i = 1; i < n; i++) {
        v.at[i] = p + (end - p) / n * i;
        for (int k = 0; k < 3 && follows(*v.at[i]); k++)
            v.at[i]++;
    }
    v.at[n] = end;
    data_parallel(threads, n, validate_piece, &v);
    for (int64_t i = 0; i < n; i++) {
        *wide |= v.wide[i];
        if (v.invalid[i])
            return data_utf8_invalid(p, end, wide);
    }
    return NULL;
}

/* Is some of what follows UTF-8 beyond ASCII? Latin-1 text hardly ever is by accident. */
static bool any_wide(const char *p, const char *end)
{
    while (p < end) {
        size_t used;
        if (base_utf8_next(p, (size_t)(end - p), &used) < 0)
            used = 1;
        else if (used > 1)
            return true;
        p += used;
    }
    return false;
}

tn_status table_decode(const char **data, size_t *bytes, char **made, const tn_table_opt *opt, int threads,
                       const table_scan *scan, const char *name, const char **said, bool *mixed, base_error *e)
{
    tn_encoding told = opt->encoding,
                mark = told == TN_ENCODING_LATIN1 ? TN_ENCODING_AUTO : data_encoding_mark(data, bytes), is;
    *made = NULL;
    *mixed = false;
    is = told ? told : mark ? mark : data_encoding_zeros(*data, *bytes);
    if (told == TN_ENCODING_UTF8 && mark > TN_ENCODING_UTF8)
        return base_fail(e, TN_FORMAT, "%s has the byte order mark of UTF-16, but UTF-8 was told", name);
    if (is == TN_ENCODING_UTF16LE || is == TN_ENCODING_UTF16BE) {
        *said = is == TN_ENCODING_UTF16LE ? "UTF-16 (little-endian)" : "UTF-16 (big-endian)";
        return data_utf16_decode(data, bytes, made, is == TN_ENCODING_UTF16BE, name, e);
    }
    bool wide;
    const char *end = *data + *bytes, *bad = is == TN_ENCODING_LATIN1 ? *data
                                             : scan && scan->valid    ? NULL
                                                                      : first_invalid_of(*data, end, &wide, threads);
    *said = "UTF-8";
    if (!bad)
        return TN_OK;
    if (is == TN_ENCODING_AUTO && (wide || any_wide(bad, end))) {
        if (opt->bad == TN_BAD_FAIL)
            return data_byte_fail(
                *data, 1, bad,
                "is not UTF-8, and elsewhere the file is: it is a mixture of encodings. Such rows can be skipped", name,
                e);
        *mixed = true;
        return TN_OK;
    }
    if (is == TN_ENCODING_UTF8) {
        if (opt->bad == TN_BAD_FAIL)
            return data_byte_fail(*data, 1, bad,
                                  "is not UTF-8; if the file is in Latin-1, say so. Such rows can be skipped", name, e);
        *mixed = true;
        return TN_OK;
    }
    *said = "Latin-1";
    return data_latin1_decode(data, bytes, made, e);
}
