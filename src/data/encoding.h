/* encoding.h: text of files: is it UTF-8, what else it is in, and that as UTF-8. */
#ifndef DATA_ENCODING_H
#define DATA_ENCODING_H

#include "base/error.h"

#include <tarn/table.h>

/* The first byte of [p, end) that is not UTF-8, or NULL; *wide: code points above ASCII were met before it. */
const char *data_utf8_invalid(const char *p, const char *end, bool *wide);
/* The sentence for the byte `at` of the text that begins at `data`, in a file's line `line`, with its line and place; `why` goes on from
 * "the byte 0xFF ". */
tn_status data_byte_fail(const char *data, int64_t line, const char *at, const char *why, const char *name,
                         base_error *e);
/* At most 4 bytes; how many. */
size_t data_utf8_put(char *to, uint32_t code);
/* Takes a byte order mark off and says what it is of; AUTO: there is none. */
tn_encoding data_encoding_mark(const char **data, size_t *bytes);
/* UTF-16 without a mark, by its zeros; AUTO: it is not that. */
tn_encoding data_encoding_zeros(const char *data, size_t bytes);
/* Latin-1 as UTF-8, in *made (malloc'ed), which *data then is. */
tn_status data_latin1_decode(const char **data, size_t *bytes, char **made, base_error *e);
/* UTF-16 as UTF-8, in *made (malloc'ed), which *data then is. */
tn_status data_utf16_decode(const char **data, size_t *bytes, char **made, bool big, const char *name, base_error *e);

#endif
