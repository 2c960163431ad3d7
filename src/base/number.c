/* number.c: see number.h. printf and strtod follow the locale of the process, which belongs to the program that embeds us;
 * so the calling thread, and no other, is put into the C locale around them. */
#include "base/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* POSIX promises "C" to every thread; where it is a constant, as in glibc and musl, this allocates nothing and cannot fail. */
static locale_t enter_c_locale(void)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c ? uselocale(c) : (locale_t)0;
}

static void leave_c_locale(locale_t old)
{
    if (old)
        freelocale(uselocale(old));
}

int base_vprint(char *buffer, size_t size, const char *fmt, va_list args)
{
    locale_t old = enter_c_locale();
    int n = vsnprintf(buffer, size, fmt, args);
    leave_c_locale(old);
    return n;
}

int base_print(char *buffer, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = base_vprint(buffer, size, fmt, args);
    va_end(args);
    return n;
}

static bool looks_decimal(const char *text)
{
    const char *p = text + (*text == '+' || *text == '-');
    size_t digits = strspn(p, "0123456789");
    p += digits;
    if (*p == '.') {
        size_t more = strspn(p + 1, "0123456789");
        digits += more;
        p += 1 + more;
    }
    if (digits == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        size_t exponent = strspn(p, "0123456789");
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

static bool parse_special(const char *text, double *value)
{
    double sign = *text == '-' ? -1.0 : 1.0;
    const char *p = text + (*text == '+' || *text == '-');
    if (strcmp(p, "inf") == 0)
        *value = sign * (double)INFINITY;
    else if (strcmp(p, "nan") == 0)
        *value = (double)NAN;
    else
        return false;
    return true;
}

bool base_parse_f64(const char *text, double *value)
{
    if (parse_special(text, value))
        return true;
    if (!looks_decimal(text))
        return false;
    locale_t old = enter_c_locale();
    *value = strtod(text, NULL);
    leave_c_locale(old);
    return true;
}

bool base_parse_i64(const char *text, int64_t *value)
{
    const char *p = text + (*text == '+' || *text == '-');
    if (*p == '\0' || p[strspn(p, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    if (errno == ERANGE)
        return false;
    *value = v;
    return true;
}

char *base_format_f64(double value, char buffer[32])
{
    if (isnan(value)) {
        memcpy(buffer, "nan", 4);
        return buffer;
    }
    if (isinf(value)) {
        memcpy(buffer, value > 0 ? "inf" : "-inf", value > 0 ? 4 : 5);
        return buffer;
    }
    locale_t old = enter_c_locale();
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) /* exact equality is the point */
            break;
    }
    leave_c_locale(old);
    return buffer;
}

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int base_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    int n = (int)strnlen(a, MOST), m = (int)strnlen(b, MOST);
    int d[MOST + 1][MOST + 1];
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}
