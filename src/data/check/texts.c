/* texts.c: a text line by line: lines that are not UTF-8, lines that come again. */
#include <string.h>

#include "base/text.h"
#include "data/check/check.h"
#include "data/text/plain.h"

static void count_words(const char *line, size_t n, int64_t *words)
{
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        bool space = line[i] == ' ' || line[i] == '\t' || line[i] == '\r';
        *words += !space && !inside;
        inside = !space;
    }
}

/* Of its words: letters and digits whatever their case, parted by anything else; 0: it has none. */
static uint64_t words_of(const char *text, size_t n)
{
    char word[256];
    size_t have = 0;
    uint64_t hash = TN_SAMPLES_TEXTS;
    bool any = false;
    for (size_t i = 0; i <= n; i++) {
        const unsigned char b = i < n ? (unsigned char)text[i] : ' ';
        const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b >= 0x80;
        if (letter && have < sizeof word)
            word[have++] = (char)(b >= 'A' && b <= 'Z' ? b + 'a' - 'A' : b);
        if ((!letter && have > 0) || have == sizeof word) {
            hash = base_hash(word, have, hash);
            any = true;
            have = 0;
        }
    }
    return any ? hash | 1 : 0;
}

static tn_status add_sample(data_check *c, const check_file *f, int kind, int64_t row, const char *text, size_t n)
{
    BASE_TRY(check_add(c, f, kind, row, base_hash(text, n, (uint64_t)kind)));
    check_add_alike(c, words_of(text, n));
    return TN_OK;
}

static tn_status add_figures(data_check *c, const check_file *f, const check_moments *lines, int64_t words)
{
    tn_check_column column = {.path = f->where, .name = "bytes of a line", .type = "text", .distinct = -1};
    column.count = lines->n;
    column.mean = lines->mean;
    column.std = check_moments_std(lines);
    column.min = lines->min;
    column.max = lines->max;
    if (lines->n)
        BASE_TRY(check_add_column(c, &column));
    return check_add_note(c, "%s: %lld words", f->where, (long long)words);
}

/* The lines of a text in UTF-8. */
static tn_status check_lines(data_check *c, const check_file *f, tn_text text)
{
    check_moments lines = {0};
    int64_t number = 0, words = 0;
    tn_status status = TN_OK;
    for (size_t at = 0; at < text.bytes && status == TN_OK;) {
        const char *line = text.at + at, *stop = memchr(line, '\n', text.bytes - at);
        size_t n = stop ? (size_t)(stop - line) : text.bytes - at;
        number++;
        if (!base_utf8_valid(line, n)) {
            base_str where = {0};
            base_str_printf(&where, "%s:%lld", f->where, (long long)number);
            status = check_add_bad(c, base_str_text(&where), "this line is not UTF-8");
            base_str_free(&where);
        } else if (n > 0) {
            check_moments_add(&lines, (double)n);
            count_words(line, n, &words);
            status = add_sample(c, f, TN_SAMPLES_LINES, number, line, n);
        }
        at += n + 1;
    }
    return status == TN_OK ? add_figures(c, f, &lines, words) : status;
}

tn_status check_text(data_check *c, const check_file *f)
{
    base_error why = {0};
    text_plain plain = {0};
    tn_status status = text_plain_of(f->data, f->bytes, f->where, TN_ENCODING_AUTO, &plain, &why);
    if (status == TN_MEMORY)
        status = base_no_memory(c->err, "checking data");
    else if (status != TN_OK)
        status = check_add_bad(c, f->where, why.text);
    else if (plain.text.bytes && memchr(plain.text.at, 0, plain.text.bytes))
        status = check_add_bad(c, f->where, "it holds zero bytes, so it is no text; nor does its name say what it is");
    else
        status = check_lines(c, f, plain.text);
    text_plain_close(&plain);
    return status;
}

tn_status check_whole_text(data_check *c, const check_file *f)
{
    base_error why = {0};
    text_plain plain = {0};
    tn_status status = text_plain_of(f->data, f->bytes, f->where, TN_ENCODING_AUTO, &plain, &why);
    if (status == TN_OK)
        status = text_plain_check(plain.text, 1, f->where, &why);
    if (status == TN_MEMORY) {
        status = base_no_memory(c->err, "checking data");
    } else if (status != TN_OK) {
        status = check_add_bad(c, f->where, why.text);
    } else {
        check_moments_add(&c->text_bytes, (double)plain.text.bytes);
        status = add_sample(c, f, TN_SAMPLES_TEXTS, -1, plain.text.at, plain.text.bytes);
    }
    text_plain_close(&plain);
    return status;
}
