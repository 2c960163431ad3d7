/* text.c: UTF-8, escaping, numbers and the widths of texts, for plots and reports. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "train/plot/draw.h"

static uint32_t decode(const unsigned char *p, int *length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *length = 1;
    if (p[0] < 0x80)
        return p[0] < 0x20 || p[0] == 0x7F ? 0xFFFD : p[0];
    int n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC0 ? 2 : 0;
    if (n == 0 || p[0] >= 0xF8)
        return 0xFFFD;
    uint32_t code = p[0] & (0xFFU >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0xFFFD;
        code = code << 6 | (p[i] & 0x3FU);
    }
    bool bad = code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) || (code & 0xFFFE) == 0xFFFE ||
               (code >= 0x80 && code < 0xA0);
    *length = bad ? 1 : n;
    return bad ? 0xFFFD : code;
}

uint32_t plot_utf8(const char **text)
{
    int length;
    if (**text == '\0')
        return 0;
    uint32_t code = decode((const unsigned char *)*text, &length);
    *text += length;
    return code;
}

static void add_code(base_str *s, uint32_t c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[n] | c);
    base_str_bytes(s, bytes, n);
}

void plot_escape(base_str *s, const char *text)
{
    for (uint32_t c; (c = plot_utf8(&text)) != 0;) {
        switch (c) {
        case '&': base_str_add(s, "&amp;"); break;
        case '<': base_str_add(s, "&lt;"); break;
        case '>': base_str_add(s, "&gt;"); break;
        case '"': base_str_add(s, "&quot;"); break;
        case '\'': base_str_add(s, "&#39;"); break;
        default: add_code(s, c);
        }
    }
}

char *plot_fixed(char *buffer, size_t size, double value, int decimals)
{
    if (!isfinite(value)) {
        (void)snprintf(buffer, size, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return buffer;
    }
    (void)base_print(buffer, size, "%.*f", decimals, value);
    if (buffer[0] == '-' && strspn(buffer + 1, "0.") == strlen(buffer + 1)) /* no "-0.00" */
        memmove(buffer, buffer + 1, strlen(buffer));
    return buffer;
}

static char *trim_zeros(char *text)
{
    if (strchr(text, '.')) {
        size_t n = strlen(text);
        while (text[n - 1] == '0')
            n--;
        text[n - (text[n - 1] == '.')] = '\0';
    }
    return text;
}

char *plot_readable(char *buffer, size_t size, double value)
{
    double a = fabs(value);
    if (!isfinite(value) || a == 0)
        return plot_fixed(buffer, size, value, 0);
    int exponent = (int)floor(log10(a));
    if (exponent >= -3 && exponent < 6)
        return trim_zeros(plot_fixed(buffer, size, value, exponent < 3 ? 3 - exponent : 0));
    (void)base_print(buffer, size, "%.2e", value);
    char *e = strchr(buffer, 'e'), tail[16], number[32];
    if (!e)
        return buffer;
    (void)snprintf(tail, sizeof tail, "%s%s", e[1] == '-' ? "e-" : "e", e + 2 + strspn(e + 2, "0"));
    (void)snprintf(number, sizeof number, "%.*s", (int)(e - buffer), buffer);
    (void)snprintf(buffer, size, "%s%s", trim_zeros(number), tail);
    return buffer;
}

void plot_number(base_str *s, double value)
{
    char buffer[400];
    base_str_add(s, trim_zeros(plot_fixed(buffer, sizeof buffer, value, 2)));
}

/* Thousandths of the size, for the characters from ' ' to '~', of DejaVu Sans. */
static int advance(uint32_t c)
{
    static const char narrow[] = "!'(),-./:;I[]fijlrt| ", wide[] = "%@MWmw";
    if (c < 0x80) {
        if (strchr(narrow, (int)c))
            return 390;
        if (strchr(wide, (int)c))
            return 985;
        return (c >= 'A' && c <= 'Z') || strchr("#+<=>~", (int)c) ? 740 : 625;
    }
    return c < 0x2E80 ? 680 : 1000;
}

double plot_text_width(const char *text, double size)
{
    long sum = 0;
    for (uint32_t c; (c = plot_utf8(&text)) != 0;)
        sum += advance(c);
    return (double)sum * size / 1000;
}

const char *plot_text_fit(tn_plot *p, const char *text, double size, double width)
{
    if (plot_text_width(text, size) <= width)
        return text;
    double room = width - size, used = 0;
    const char *end = text;
    for (const char *next = text; *next; end = next) {
        uint32_t c = plot_utf8(&next);
        used += advance(c) * size / 1000;
        if (used > room)
            break;
    }
    const char *fit = base_arena_printf(&p->arena, "%.*s\xE2\x80\xA6", (int)(end - text), text);
    if (!fit)
        base_no_memory(&p->error, "drawing a plot");
    return fit ? fit : "";
}
