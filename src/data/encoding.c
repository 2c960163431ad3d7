/* encoding.c: see encoding.h. */
#include "data/encoding.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Past what is ASCII. */
static const char *skip_ascii(const char *p, const char *end)
{
    for (; end - p >= 64; p += 64) {
        uint64_t v[8], any = 0;
        memcpy(v, p, sizeof v);
        for (int i = 0; i < 8; i++)
            any |= v[i];
        if (any & 0x8080808080808080u)
            break;
    }
    while (p < end && !(*p & 0x80))
        p++;
    return p;
}

static bool follows(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

#ifdef __x86_64__
/* 32 bytes at once, after J. Keiser and D. Lemire, "Validating UTF-8 in less than one instruction per byte" (2021): what is wrong with
 * a byte and the one before it shows in three half-bytes. Each table has a bit for each kind of fault that its half-byte allows; a bit
 * that all three have is a fault. */
typedef unsigned char bytes32 __attribute__((vector_size(32)));
typedef char signed32 __attribute__((vector_size(32)));
enum {
    SHORT = 1,      /* a lead or ASCII where a sequence should go on */
    LONG = 2,       /* a byte that goes on behind ASCII */
    OVERLONG3 = 4,  /* E0 80 to E0 9F */
    LARGE = 8,      /* F4 90 and above */
    SURROGATE = 16, /* ED A0 to ED BF */
    OVERLONG2 = 32, /* C0, C1 */
    LARGER = 64,    /* F5 and above with 80 to 8F; F0 80 to F0 8F */
    TWO = 128,      /* two bytes that go on: right where a sequence has three or four */
    ANY = SHORT | LONG | TWO,
    LOW4 = ANY | LARGE | LARGER,
    NEXT = LONG | OVERLONG2 | TWO
};
#define TWICE(...)                                                                                                     \
    {                                                                                                                  \
        __VA_ARGS__, __VA_ARGS__                                                                                       \
    }
static const bytes32 of_high = TWICE(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO,
                                     SHORT | OVERLONG2, SHORT, SHORT | OVERLONG3 | SURROGATE, SHORT | LARGE | LARGER);
static const bytes32 of_low = TWICE(ANY | OVERLONG3 | OVERLONG2 | LARGER, ANY | OVERLONG2, ANY, ANY, ANY | LARGE, LOW4,
                                    LOW4, LOW4, LOW4, LOW4, LOW4, LOW4, LOW4, LOW4 | SURROGATE, LOW4, LOW4);
static const bytes32 of_next =
    TWICE(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, NEXT | OVERLONG3 | LARGER, NEXT | OVERLONG3 | LARGE,
          NEXT | SURROGATE | LARGE, NEXT | SURROGATE | LARGE, SHORT, SHORT, SHORT, SHORT);

#define LOOK(table, at) ((bytes32)__builtin_ia32_pshufb256((signed32)(table), (signed32)(at)))
__attribute__((target("avx2"))) static inline bytes32 load(const char *p)
{
    bytes32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Is [p, end) valid, as far as its last whole 32 bytes tell, if three bytes before p may be looked at? */
__attribute__((target("avx2"))) static bool valid_32(const char *p, const char *end, bool *wide)
{
    bytes32 wrong = {0}, any = {0};
    for (; end - p >= 32; p += 32) {
        bytes32 v = load(p), before = load(p - 1);
        any |= v;
        if (!__builtin_ia32_pmovmskb256((signed32)(v | load(p - 3))))
            continue;
        bytes32 fault = LOOK(of_high, before >> 4) & LOOK(of_low, before & 15) & LOOK(of_next, v >> 4);
        bytes32 third = (bytes32)(load(p - 2) >= 0xE0) | (bytes32)(load(p - 3) >= 0xF0);
        wrong |= fault ^ (third & TWO);
    }
    *wide |= __builtin_ia32_pmovmskb256((signed32)any) != 0;
    return __builtin_ia32_pmovmskb256((signed32)(wrong == 0)) == -1;
}

/* Past what is valid for certain; p if something is not, and then *wide is as it was: what is above ASCII there may be none of UTF-8. */
static const char *skip_valid(const char *p, const char *end, bool *wide)
{
    const char *from = p;
    bool any = *wide;
    size_t used;
    if (!__builtin_cpu_supports("avx2") || end - p < 64)
        return p;
    while (from - p < 4) { /* what stands before is looked at */
        if (base_utf8_next(from, (size_t)(end - from), &used) < 0)
            return p;
        any |= used > 1;
        from += used;
    }
    if (!valid_32(from, end, &any))
        return p;
    *wide = any;
    end = from + (end - from) / 32 * 32;
    for (int i = 0; i < 3 && follows(end[-1]); i++)
        end--;
    return end - ((unsigned char)end[-1] >= 0xC0); /* the last one may go on behind */
}
#else
static const char *skip_valid(const char *p, const char *end, bool *wide)
{
    (void)end;
    (void)wide;
    return p;
}
#endif

/* The first byte that is not UTF-8, or NULL; *wide: code points above ASCII were met before it. What most of them are, two bytes or
 * three, is settled here. */
const char *data_utf8_invalid(const char *p, const char *end, bool *wide)
{
    *wide = false;
    p = skip_valid(p, end, wide);
    for (p = skip_ascii(p, end); p < end;) {
        const unsigned char c = (unsigned char)*p;
        size_t used = 1;
        if (c < 0x80) {
            p = skip_ascii(p, end);
            continue;
        }
        if (c >= 0xC2 && c <= 0xDF && end - p > 1 && follows(p[1]))
            used = 2;
        else if (c > 0xE0 && c <= 0xEF && c != 0xED && end - p > 2 && follows(p[1]) && follows(p[2]))
            used = 3;
        else if (base_utf8_next(p, (size_t)(end - p), &used) < 0)
            return p;
        *wide = true;
        p += used;
    }
    return NULL;
}

/* Half of all bytes, or nearly, are zeros on one side: ASCII in UTF-16. */
tn_encoding data_encoding_zeros(const char *data, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t n = bytes < 4096 ? bytes & ~(size_t)1 : 4096, zeros[2] = {0};
    for (size_t i = 0; i < n; i++)
        zeros[i & 1] += p[i] == 0;
    if (bytes % 2 || zeros[0] + zeros[1] == 0 || zeros[0] + zeros[1] < n / 4)
        return TN_ENCODING_AUTO;
    return zeros[1] > zeros[0] ? TN_ENCODING_UTF16LE : TN_ENCODING_UTF16BE;
}

size_t data_utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 63));
        to[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 63));
    to[2] = (char)(0x80 | (code >> 6 & 63));
    to[3] = (char)(0x80 | (code & 63));
    return 4;
}

static uint32_t unit(const unsigned char *p, bool big)
{
    return (uint32_t)p[!big] << 8 | p[big];
}

tn_status data_utf16_decode(const char **data, size_t *bytes, char **made, bool big, const char *name, base_error *e)
{
    const unsigned char *p = (const unsigned char *)*data;
    size_t units = *bytes / 2, n = 0;
    if (*bytes % 2)
        return base_fail(e, TN_FORMAT, "%s: in UTF-16 the number of bytes is even, but there are %zu", name, *bytes);
    char *to = units < SIZE_MAX / 3 ? malloc(units * 3 + 1) : NULL;
    if (!to)
        return base_no_memory(e, "reading UTF-16");
    for (size_t i = 0; i < units; i++) {
        uint32_t code = unit(p + 2 * i, big), low = 0;
        if (code >= 0xD800 && code < 0xDC00 && i + 1 < units)
            low = unit(p + 2 * i + 2, big);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            i++;
        } else if (code >= 0xD800 && code < 0xE000) {
            free(to);
            return base_fail(e, TN_FORMAT,
                             "%s: offset %zu: half of a pair of surrogates stands alone, so this is not UTF-16", name,
                             2 * i);
        }
        n += data_utf8_put(to + n, code);
    }
    *data = *made = to;
    *bytes = n;
    return TN_OK;
}

tn_status data_latin1_decode(const char **data, size_t *bytes, char **made, base_error *e)
{
    char *to = *bytes < SIZE_MAX / 2 ? malloc(*bytes * 2 + 1) : NULL;
    size_t n = 0;
    if (!to)
        return base_no_memory(e, "reading Latin-1");
    for (size_t i = 0; i < *bytes; i++)
        n += data_utf8_put(to + n, (unsigned char)(*data)[i]);
    *data = *made = to;
    *bytes = n;
    return TN_OK;
}

static bool starts(const char *data, size_t bytes, const char *mark, size_t n)
{
    return bytes >= n && memcmp(data, mark, n) == 0;
}

/* Takes a byte order mark off. */
tn_encoding data_encoding_mark(const char **data, size_t *bytes)
{
    tn_encoding is = TN_ENCODING_AUTO;
    size_t n = 0;
    if (starts(*data, *bytes, "\xEF\xBB\xBF", 3))
        is = TN_ENCODING_UTF8, n = 3;
    else if (starts(*data, *bytes, "\xFF\xFE", 2))
        is = TN_ENCODING_UTF16LE, n = 2;
    else if (starts(*data, *bytes, "\xFE\xFF", 2))
        is = TN_ENCODING_UTF16BE, n = 2;
    *data += n;
    *bytes -= n;
    return is;
}

tn_status data_byte_fail(const char *data, int64_t line, const char *at, const char *why, const char *name,
                         base_error *e)
{
    const char *start = data;
    for (const char *p = data; p < at; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    return base_fail(e, TN_FORMAT, "%s:%lld:%lld: the byte 0x%02X %s", name, (long long)line,
                     (long long)(at - start) + 1, (unsigned)(unsigned char)*at, why);
}
