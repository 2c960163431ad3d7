/* value.c: texts of tables as numbers and truth values; see table.h. The locale plays no part: what is not settled here goes to
 * base/number.h, which keeps it out. */
#include <string.h>

#include "base/number.h"
#include "data/table/table.h"

__extension__ typedef unsigned __int128 u128;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool eight_digits(const char *p, uint64_t *value)
{
    uint64_t v;
    if (!table_digits(p, 8, &v))
        return false;
    *value = *value * 100000000 + v;
    return true;
}

/* Digits from p on; the sum may wrap, which the caller excludes by counting them. */
static inline const char *digits(const char *p, const char *end, uint64_t *value)
{
    while (end - p >= 8 && eight_digits(p, value))
        p += 8;
    uint64_t v = *value;
    for (; p < end && is_digit(*p); p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *value = v;
    return p;
}

bool table_parse_i64(const char *text, size_t length, int64_t *value)
{
    const char *p = text, *end = text + length;
    bool minus = length > 0 && *p == '-';
    p += length > 0 && (*p == '-' || *p == '+');
    const char *first = p;
    uint64_t v = 0;
    if (p == end || !is_digit(*p))
        return false;
    p = digits(p, end, &v);
    if (p != end)
        return false;
    if (end - first > 18) { /* it may not fit */
        char copy[32];
        if (length >= sizeof copy)
            return false;
        memcpy(copy, text, length);
        copy[length] = '\0';
        return base_parse_i64(copy, value);
    }
    *value = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* w / 10^q, rounded to nearest, ties to even: a division of 128 by 64 bits gives at least 62 bits of the quotient, and whether
 * there is more behind them. */
static double divided(uint64_t w, int q)
{
    static const uint64_t fives[] = {1,
                                     5,
                                     25,
                                     125,
                                     625,
                                     3125,
                                     15625,
                                     78125,
                                     390625,
                                     1953125,
                                     9765625,
                                     48828125,
                                     244140625,
                                     1220703125,
                                     6103515625,
                                     30517578125,
                                     152587890625,
                                     762939453125,
                                     3814697265625,
                                     19073486328125,
                                     95367431640625,
                                     476837158203125,
                                     2384185791015625,
                                     11920928955078125,
                                     59604644775390625,
                                     298023223876953125,
                                     1490116119384765625,
                                     7450580596923828125};
    int up = __builtin_clzll(w), down = __builtin_clzll(fives[q]);
    uint64_t d = fives[q] << down;
    u128 n = (u128)(w << up) << 63;
    uint64_t quotient = (uint64_t)(n / d);
    quotient |= n - (u128)quotient * d != 0;
    uint64_t power = (uint64_t)(1023 + down - up - 63 - q) << 52;
    double scale;
    memcpy(&scale, &power, sizeof scale);
    return (double)quotient * scale;
}

/* What has more digits, or a larger exponent, than the ways above settle; and inf, which base/number.h knows. */
static bool parse_slow(const char *text, size_t length, double *value)
{
    char copy[400];
    if (length == 0 || length >= sizeof copy || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return base_parse_f64(copy, value);
}

static bool parse_exponent(const char *p, const char *end, int *exponent)
{
    bool minus = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    uint64_t v = 0;
    const char *first = p;
    p = digits(p, end, &v);
    if (p == first || p != end || p - first > 6)
        return false;
    *exponent = minus ? -(int)v : (int)v;
    return true;
}

bool table_parse_f64(const char *text, size_t length, double *value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = text, *end = text + length;
    bool minus = length > 0 && *p == '-';
    p += length > 0 && (*p == '-' || *p == '+');
    if (p == end || !(is_digit(*p) || *p == '.'))
        return parse_slow(text, length, value);
    while (end - p > 1 && p[0] == '0' && is_digit(p[1])) /* they would count as digits */
        p++;
    const char *first = p;
    uint64_t w = 0;
    int exponent = 0;
    p = digits(p, end, &w);
    int64_t n = p - first;
    if (p < end && *p == '.') {
        const char *point = ++p;
        p = digits(p, end, &w);
        exponent = -(int)(p - point < 1000 ? p - point : 1000);
        n += p - point;
    }
    if (n == 0)
        return false;
    if (p < end) {
        int more;
        if ((*p != 'e' && *p != 'E') || !parse_exponent(p + 1, end, &more))
            return parse_slow(text, length, value);
        exponent += more;
    }
    double v;
    if (n > 19)
        return parse_slow(text, length, value);
    if (w == 0)
        v = 0;
    else if (exponent >= 0 && exponent <= 22 && w <= (uint64_t)1 << 53)
        v = (double)w * tens[exponent];
    else if (exponent < 0 && exponent >= -22 && w <= (uint64_t)1 << 53)
        v = (double)w / tens[-exponent];
    else if (exponent < 0 && exponent >= -27)
        v = divided(w, -exponent);
    else if (exponent == 0)
        v = (double)w;
    else
        return parse_slow(text, length, value);
    *value = minus ? -v : v;
    return true;
}

bool table_parse_bool(const char *text, size_t length, uint8_t *value)
{
    static const char *const words[] = {"false", "true", "no", "yes"};
    if (length < 2 || length > 5)
        return false;
    char low[6] = {0};
    for (size_t i = 0; i < length; i++)
        low[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    for (int i = 0; i < 4; i++)
        if (strlen(words[i]) == length && memcmp(low, words[i], length) == 0) {
            *value = i & 1;
            return true;
        }
    return false;
}

table_absent table_absent_new(const tn_table_opt *opt)
{
    static const char *const usual[] = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "#N/A"};
    table_absent a = {.texts = opt->missing ? opt->missing : usual,
                      .n = opt->missing ? opt->n_missing : (int)(sizeof usual / sizeof *usual),
                      .no_numbers = true};
    for (int i = 0; i < a.n; i++) {
        size_t length = strlen(a.texts[i]);
        a.longest = length > a.longest ? length : a.longest;
        a.empty |= length == 0;
        a.first[(unsigned char)a.texts[i][0]] = true;
        double v;
        a.no_numbers &= length == 0 || a.texts[i][0] > '9' || !table_parse_f64(a.texts[i], length, &v);
    }
    return a;
}

/* ---- kinds ------------------------------------------------------------------------------------------------------ */

tn_column_type table_type_of(table_kind kind)
{
    static const tn_column_type types[] = {[KIND_NONE] = TN_COLUMN_NUMBER,       [KIND_INTEGER] = TN_COLUMN_INTEGER,
                                           [KIND_NUMBER] = TN_COLUMN_NUMBER,     [KIND_BOOLEAN] = TN_COLUMN_BOOLEAN,
                                           [KIND_TIME] = TN_COLUMN_TIME,         [KIND_TIME_DAY_FIRST] = TN_COLUMN_TIME,
                                           [KIND_CATEGORY] = TN_COLUMN_CATEGORY, [KIND_TEXT] = TN_COLUMN_TEXT};
    return types[kind];
}

table_kind table_kind_of(tn_column_type type, bool day_first)
{
    switch (type) {
    case TN_COLUMN_INTEGER: return KIND_INTEGER;
    case TN_COLUMN_NUMBER: return KIND_NUMBER;
    case TN_COLUMN_BOOLEAN: return KIND_BOOLEAN;
    case TN_COLUMN_TIME: return day_first ? KIND_TIME_DAY_FIRST : KIND_TIME;
    case TN_COLUMN_CATEGORY: return KIND_CATEGORY;
    case TN_COLUMN_TEXT: return KIND_TEXT;
    default: return KIND_NONE;
    }
}

table_kind table_classify(const char *text, size_t length, bool day_first)
{
    int64_t i;
    double d;
    uint8_t b;
    if (table_parse_i64(text, length, &i))
        return KIND_INTEGER;
    if (table_parse_f64(text, length, &d))
        return KIND_NUMBER;
    if ((*text | 32) != 'y' && (*text | 32) != 'n' && table_parse_bool(text, length, &b))
        return KIND_BOOLEAN; /* yes and no are words unless they are told to be more: classes keep their names */
    if (table_parse_time(text, length, day_first, &d))
        return day_first ? KIND_TIME_DAY_FIRST : KIND_TIME;
    if (table_parse_time(text, length, !day_first, &d))
        return day_first ? KIND_TIME : KIND_TIME_DAY_FIRST;
    return KIND_CATEGORY;
}

/* A month first that a later value contradicts was a day first: such a column is read again, and what then contradicts is text. */
table_kind table_join(table_kind a, table_kind b)
{
    if (a == KIND_NONE || b == KIND_NONE || a == b)
        return a == KIND_NONE ? b : a;
    table_kind low = a < b ? a : b, high = a < b ? b : a;
    if ((low == KIND_INTEGER && high == KIND_NUMBER) || (low == KIND_TIME && high == KIND_TIME_DAY_FIRST))
        return high;
    return high == KIND_TEXT ? KIND_TEXT : KIND_CATEGORY;
}
