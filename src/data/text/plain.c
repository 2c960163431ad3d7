/* plain.c: see plain.h. Tokenizers take any bytes, so nobody else would notice that a corpus is packed, or in another encoding. */
#include "data/text/plain.h"

#include <stdlib.h>
#include <string.h>

#include "data/gzip.h"

tn_status text_plain_of(const void *data, size_t bytes, const char *name, tn_encoding told, text_plain *t,
                        base_error *e)
{
    const char *text = data;
    if (data_is_gzip(data, bytes)) {
        BASE_TRY(data_gzip_all(data, bytes, name, 0, &t->unpacked, &bytes, e));
        text = t->unpacked;
    }
    tn_encoding is = told == TN_ENCODING_LATIN1 ? told : data_encoding_mark(&text, &bytes);
    if (told == TN_ENCODING_UTF8 && is > told)
        return base_fail(e, TN_FORMAT, "%s has the byte order mark of UTF-16, but UTF-8 was told", name);
    is = told ? told : is ? is : data_encoding_zeros(text, bytes);
    if (is == TN_ENCODING_LATIN1)
        BASE_TRY(data_latin1_decode(&text, &bytes, &t->converted, e));
    if (is == TN_ENCODING_UTF16LE || is == TN_ENCODING_UTF16BE)
        BASE_TRY(data_utf16_decode(&text, &bytes, &t->converted, is == TN_ENCODING_UTF16BE, name, e));
    t->text = (tn_text){text, bytes};
    return TN_OK;
}

tn_status text_plain_open(const char *path, tn_encoding told, text_plain *t, base_error *e)
{
    BASE_TRY(base_file_map(path, &t->map, e));
    return text_plain_of(t->map.data, t->map.bytes, path, told, t, e);
}

tn_status text_plain_check(tn_text text, int64_t line, const char *name, base_error *e)
{
    bool wide;
    const char *zero = text.bytes ? memchr(text.at, '\0', text.bytes) : NULL;
    const char *end = zero ? zero : text.at + text.bytes, *bad = data_utf8_invalid(text.at, end, &wide);
    if (bad)
        return data_byte_fail(text.at, line, bad,
                              "is not UTF-8, in which texts are read; convert the file first, as with "
                              "iconv -f LATIN1 -t UTF-8",
                              name, e);
    return zero ? data_byte_fail(text.at, line, zero, "is in no text; this is a file of another kind", name, e) : TN_OK;
}

void text_plain_close(text_plain *t)
{
    if (t->map.data)
        base_file_unmap(&t->map);
    free(t->unpacked);
    free(t->converted);
    *t = (text_plain){0};
}
