/* time.c: dates and times of day in tables: ISO 8601 and the common forms with slashes and points, as seconds since 1970 in UTC. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/table/table.h"

enum { DAYS_OF_400 = 146097, EPOCH_DAYS = 719468 /* from 1 March of the year 0 to 1 January 1970 */ };

/* Days since 1970, by years that begin in March: their leap day is the last. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, y = year - era * 400;
    int64_t m = (month + 9) % 12, yearday = (153 * m + 2) / 5 + day - 1;
    return era * DAYS_OF_400 + y * 365 + y / 4 - y / 100 + yearday - EPOCH_DAYS;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

table_date table_date_of(double seconds)
{
    table_date d = {0};
    if (!(fabs(seconds) < 1e14))
        return d;
    double whole = floor(seconds / 86400), rest = seconds - whole * 86400;
    int64_t days = (int64_t)whole, z = days + EPOCH_DAYS;
    int64_t era = (z >= 0 ? z : z - (DAYS_OF_400 - 1)) / DAYS_OF_400, e = z - era * DAYS_OF_400;
    int64_t y = (e - e / 1460 + e / 36524 - e / 146096) / 365, yearday = e - (365 * y + y / 4 - y / 100);
    int m = (int)((5 * yearday + 2) / 153);
    d.day = (int)(yearday - (153 * m + 2) / 5) + 1;
    d.month = m < 10 ? m + 3 : m - 9;
    d.year = era * 400 + y + (d.month <= 2);
    d.hour = (int)(rest / 3600);
    d.minute = (int)((rest - d.hour * 3600.0) / 60);
    d.second = rest - d.hour * 3600.0 - d.minute * 60.0;
    d.weekday = (int)(((days + 3) % 7 + 7) % 7); /* 1970 began on a Thursday */
    d.yearday = (int)(days - days_of(d.year, 1, 1));
    return d;
}

char *table_format_time(double seconds, char buffer[40])
{
    table_date d = table_date_of(seconds);
    double fraction = d.second - floor(d.second);
    if (d.hour == 0 && d.minute == 0 && d.second == 0)
        (void)base_print(buffer, 40, "%04lld-%02d-%02d", (long long)d.year, d.month, d.day);
    else if (fraction == 0)
        (void)base_print(buffer, 40, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)d.year, d.month, d.day, d.hour,
                         d.minute, (int)d.second);
    else
        (void)base_print(buffer, 40, "%04lld-%02d-%02d %02d:%02d:%09.6f", (long long)d.year, d.month, d.day, d.hour,
                         d.minute, floor(d.second * 1e6) / 1e6);
    return buffer;
}

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

typedef struct scan {
    const char *p, *end;
} scan;

/* One to `most` digits; how many, 0: none. */
static int number(scan *s, int most, int *value)
{
    int n = 0;
    for (*value = 0; n < most && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++)
        *value = *value * 10 + (*s->p++ - '0');
    return n;
}

static bool take(scan *s, char c)
{
    bool is = s->p < s->end && *s->p == c;
    s->p += is;
    return is;
}

/* 2016-07-01, 2016/7/1, 1.7.2016, 7/1/2016 or 1/7/2016. */
static bool date(scan *s, bool day_first, double *seconds)
{
    int a, b, c, n = number(s, 4, &a), year, month, day;
    if (n == 0 || s->p == s->end)
        return false;
    char between = *s->p++;
    if ((between != '-' && between != '/' && between != '.') || !number(s, 2, &b) || !take(s, between))
        return false;
    int last = number(s, 4, &c);
    if (n == 4 && last >= 1 && last <= 2 && between != '.') {
        year = a;
        month = b;
        day = c;
    } else if (n <= 2 && last == 4) {
        bool day_is_first = day_first || between == '.';
        year = c;
        month = day_is_first ? b : a;
        day = day_is_first ? a : b;
    } else {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    *seconds = (double)days_of(year, month, day) * 86400;
    return true;
}

/* Z, +02:00, +0200, +02 */
static bool zone(scan *s, double *seconds)
{
    if (s->p == s->end || take(s, 'Z'))
        return s->p == s->end;
    double sign = *s->p == '-' ? 1 : -1;
    int hour, minute = 0;
    if ((!take(s, '+') && !take(s, '-')) || number(s, 2, &hour) != 2)
        return false;
    (void)take(s, ':');
    if (s->p < s->end && number(s, 2, &minute) != 2)
        return false;
    *seconds += sign * (hour * 3600 + minute * 60);
    return s->p == s->end && hour <= 14 && minute < 60;
}

/* 13:00, 13:00:30, 13:00:30.25 */
static bool time_of_day(scan *s, double *seconds)
{
    int hour, minute, second = 0;
    double fraction = 0;
    if (!number(s, 2, &hour) || !take(s, ':') || number(s, 2, &minute) != 2)
        return false;
    if (take(s, ':')) {
        if (number(s, 2, &second) != 2)
            return false;
        if (take(s, '.') || take(s, ',')) {
            double unit = 0.1;
            int digits = 0;
            for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, unit /= 10, digits++)
                fraction += unit * (*s->p - '0');
            if (digits == 0)
                return false;
        }
    }
    *seconds += hour * 3600.0 + minute * 60.0 + second + fraction;
    return hour < 24 && minute < 60 && second <= 60;
}

bool table_parse_time(const char *text, size_t length, bool day_first, double *value)
{
    scan s = {text, text + length};
    double seconds;
    if (length < 8 || length > 40 || !date(&s, day_first, &seconds))
        return false;
    if (s.p < s.end) {
        if ((!take(&s, ' ') && !take(&s, 'T')) || !time_of_day(&s, &seconds) || !zone(&s, &seconds))
            return false;
    }
    *value = seconds;
    return true;
}
