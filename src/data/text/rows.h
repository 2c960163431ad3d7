/* rows.h: the ids of texts as data sets hold them: in memory, or in a file without a name that is mapped, of which the system keeps in
 * memory what is used and there is room for. */
#ifndef DATA_TEXT_ROWS_H
#define DATA_TEXT_ROWS_H

#include "base/file.h"
#include "data/text/work.h"

/* The ids of text i are ids[starts[i]] to ids[starts[i + 1]]. */
typedef struct text_rows {
    size_t n;
    int64_t *starts; /* n + 1 */
    const int32_t *ids;
    base_mapping map; /* what ids lie in; data NULL: in memory */
} text_rows;

/* Bytes of texts that are encoded at once on their way to a file, and of a piece of a long one: an encoder's memory is many times that. */
enum { TEXT_BLOCK = 1 << 20, TEXT_PIECE = 1 << 16 };

/* `folder`, made if it is not there: where the file lies, which is gone when the rows are freed, or the process ends; NULL: in memory. */
tn_status text_rows_encode(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt, int threads,
                           const char *folder, text_rows *rows, base_error *e);
void text_rows_free(text_rows *rows);
/* Texts in pieces of at most TEXT_PIECE bytes, which end with a line, or else with a character; *pieces is the caller's. */
tn_status text_rows_cut(const tn_text *texts, size_t n, tn_text **pieces, size_t *count, base_error *e);

#endif
