/* texts.c: a text line by line: lines that are not UTF-8, lines that come again. */
#include <string.h>

#include "base/text.h"
#include "data/check/check.h"

static void count_words(const char *line, size_t n, int64_t *words)
{
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        bool space = line[i] == ' ' || line[i] == '\t' || line[i] == '\r';
        *words += !space && !inside;
        inside = !space;
    }
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

tn_status check_text(data_check *c, const check_file *f)
{
    const char *text = (const char *)f->data, *wrong = "this line is not UTF-8";
    check_moments lines = {0};
    int64_t number = 0, words = 0;
    base_str where = {0};
    tn_status status = TN_OK;
    if (f->bytes && memchr(text, 0, f->bytes))
        return check_add_bad(c, f->where, "it holds zero bytes, so it is no text; nor does its name say what it is");
    for (size_t at = 0; at < f->bytes && status == TN_OK;) {
        const char *stop = memchr(text + at, '\n', f->bytes - at);
        size_t n = stop ? (size_t)(stop - text) - at : f->bytes - at;
        number++;
        if (!base_utf8_valid(text + at, n)) {
            base_str_free(&where);
            where = (base_str){0};
            base_str_printf(&where, "%s:%lld", f->where, (long long)number);
            status = check_add_bad(c, base_str_text(&where), wrong);
        } else if (n > 0) {
            check_moments_add(&lines, (double)n);
            count_words(text + at, n, &words);
            status = check_add(c, f, TN_SAMPLES_LINES, number, base_hash(text + at, n, TN_SAMPLES_LINES));
        }
        at += n + 1;
    }
    base_str_free(&where);
    return status == TN_OK ? add_figures(c, f, &lines, words) : status;
}

tn_status check_whole_text(data_check *c, const check_file *f)
{
    const char *text = (const char *)f->data;
    if (f->bytes && (memchr(text, 0, f->bytes) || !base_utf8_valid(text, f->bytes)))
        return check_add_bad(c, f->where, "it is not UTF-8, or holds zero bytes");
    check_moments_add(&c->text_bytes, (double)f->bytes);
    return check_add(c, f, TN_SAMPLES_TEXTS, -1, base_hash(text, f->bytes, TN_SAMPLES_TEXTS));
}
