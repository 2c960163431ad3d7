/* rows.c: see rows.h. */
#include "data/text/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
#include "base/str.h"

static tn_status in_memory(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt, int threads,
                           text_rows *rows, base_error *e)
{
    tn_token_rows made = {0};
    BASE_TRY(text_encode_batch(t, texts, n, opt, threads, &made, e));
    *rows = (text_rows){.n = made.rows, .starts = made.starts, .ids = made.ids};
    return TN_OK;
}

/* Texts from `first` on that have a block's bytes together, one at least. */
static size_t block_of(const tn_text *texts, size_t first, size_t n)
{
    size_t bytes = 0, i = first;
    while (i < n && (i == first || bytes + texts[i].bytes <= TEXT_BLOCK))
        bytes += texts[i++].bytes;
    return i - first;
}

static tn_status write_blocks(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt,
                              int threads, base_writer *w, int64_t *starts, base_error *e)
{
    for (size_t i = 0, count; i < n; i += count) {
        tn_token_rows block = {0};
        count = block_of(texts, i, n);
        BASE_TRY(text_encode_batch(t, texts + i, count, opt, threads, &block, e));
        for (size_t k = 1; k <= count; k++)
            starts[i + k] = starts[i] + block.starts[k];
        const tn_status status = base_writer_write(w, block.ids, (size_t)block.starts[count] * sizeof *block.ids);
        tn_token_rows_free(&block);
        BASE_TRY(status);
    }
    return TN_OK;
}

static tn_status on_disk(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt, int threads,
                         const char *folder, text_rows *rows, base_error *e)
{
    base_str path = {0};
    BASE_TRY(base_make_folder(folder, e));
    base_beside_sweep(folder);
    base_str_printf(&path, "%s/tokens", folder);
    int64_t *starts = calloc(n + 1, sizeof *starts);
    base_writer *w = starts && !path.failed ? base_writer_new(path.text, e) : NULL;
    tn_status status = w ? TN_OK : !starts || path.failed ? base_no_memory(e, "encoding texts") : e->status;
    if (status == TN_OK)
        status = write_blocks(t, texts, n, opt, threads, w, starts, e);
    if (status == TN_OK)
        status = base_writer_map(w, &rows->map);
    else
        base_writer_abandon(w);
    base_str_free(&path);
    if (status != TN_OK) {
        free(starts);
        return status;
    }
    rows->n = n;
    rows->starts = starts;
    rows->ids = rows->map.data;
    return TN_OK;
}

tn_status text_rows_encode(const tn_tokenizer *t, const tn_text *texts, size_t n, const tn_encode_opt *opt, int threads,
                           const char *folder, text_rows *rows, base_error *e)
{
    base_error own = {0};
    *rows = (text_rows){0};
    return folder ? on_disk(t, texts, n, opt, threads, folder, rows, e ? e : &own)
                  : in_memory(t, texts, n, opt, threads, rows, e);
}

void text_rows_free(text_rows *rows)
{
    if (rows->map.data)
        base_file_unmap(&rows->map);
    else
        free((void *)(uintptr_t)rows->ids);
    free(rows->starts);
    *rows = (text_rows){0};
}

/* How much of what is left makes a piece. */
static size_t piece_of(const char *at, size_t bytes)
{
    if (bytes <= TEXT_PIECE)
        return bytes;
    size_t end = TEXT_PIECE;
    while (end > 0 && at[end - 1] != '\n')
        end--;
    if (end > 0)
        return end;
    for (end = TEXT_PIECE; end > TEXT_PIECE - 4 && ((unsigned char)at[end] & 0xC0) == 0x80;)
        end--;
    return end;
}

tn_status text_rows_cut(const tn_text *texts, size_t n, tn_text **pieces, size_t *count, base_error *e)
{
    base_vec(tn_text) all = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0, size; at < texts[i].bytes; at += size) {
            size = piece_of(texts[i].at + at, texts[i].bytes - at);
            if (!base_vec_push(&all, ((tn_text){texts[i].at + at, size}))) {
                base_vec_free(&all);
                return base_no_memory(e, "encoding texts");
            }
        }
    *pieces = all.at;
    *count = all.n;
    return TN_OK;
}
