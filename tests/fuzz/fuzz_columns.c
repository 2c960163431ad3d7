/* fuzz_columns.c: any bytes as the file in which a table's columns are kept: columns that can be read through and through, or a sentence. The
 * first byte chooses whether the sums are put right first, without which almost nothing would be believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "data/table/columns.h"
#include "support/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As columns.c has it. */
typedef struct tail {
    char magic[8];
    uint64_t order, version, key, index_at, index_bytes, index_sum, sum;
} tail;

typedef struct walk {
    uint8_t *file, *at, *end;
    size_t bytes;
} walk;

static uint64_t number(walk *w)
{
    uint64_t v = 0;
    if (w->end - w->at < (ptrdiff_t)sizeof v)
        w->at = w->end;
    else {
        memcpy(&v, w->at, sizeof v);
        w->at += sizeof v;
    }
    return v;
}

static void skip_text(walk *w)
{
    const uint64_t n = number(w);
    w->at = n > (uint64_t)(w->end - w->at) ? w->end : w->at + n;
}

/* Where it is and how long stay as they are; its sum becomes right. */
static void seal_section(walk *w)
{
    const uint64_t at = number(w), bytes = number(w);
    uint8_t *sum = w->at;
    (void)number(w);
    if (w->at - sum != sizeof(uint64_t) || at > w->bytes || bytes > w->bytes - at)
        return;
    const uint64_t is = base_checksum(0, w->file + at, (size_t)bytes);
    memcpy(sum, &is, sizeof is);
}

static void seal_columns(walk *w)
{
    while (w->at < w->end) {
        skip_text(w);
        const uint64_t type = number(w), n_missing = number(w), words = number(w);
        for (uint64_t i = 0; i < words && w->at < w->end; i++)
            skip_text(w);
        seal_section(w);
        if (n_missing > 0)
            seal_section(w);
        if (type == TN_COLUMN_TEXT)
            seal_section(w);
    }
}

/* All that is needed for the index to be believed, whatever it says. */
static void seal(uint8_t *file, size_t bytes)
{
    tail t;
    uint64_t counts;
    if (bytes < sizeof t + sizeof counts)
        return;
    const size_t end = bytes - sizeof t;
    memcpy(&t, file + end, sizeof t);
    memcpy(t.magic, "TarnCols", sizeof t.magic);
    t.order = 0x0102030405060708u;
    t.version = 1;
    t.key = 0;
    t.index_at %= end - sizeof counts + 1;
    t.index_bytes = end - t.index_at;
    memcpy(&counts, file + end - sizeof counts, sizeof counts);
    if (counts <= t.index_bytes - sizeof counts) {
        walk w = {file, file + t.index_at, file + t.index_at + counts, bytes};
        seal_columns(&w);
    }
    t.index_sum = base_checksum(0, file + t.index_at, (size_t)t.index_bytes);
    t.sum = base_checksum(0, &t, offsetof(tail, sum));
    memcpy(file + end, &t, sizeof t);
}

static void look_at_cells(const tn_table *t, int k)
{
    const tn_column *c = tn_table_column(t, k);
    int64_t missing = 0;
    size_t bytes;
    volatile unsigned sum = 0;
    for (int64_t r = 0; r < tn_table_rows(t); r++) {
        missing += tn_table_missing(t, k, r);
        const char *text = tn_table_text(t, k, r, &bytes);
        for (size_t i = 0; text && i < bytes; i++)
            sum += (unsigned char)text[i];
    }
    if (missing != c->n_missing)
        abort();
}

static void look(const tn_table *t)
{
    tn_column_stats s;
    if (tn_table_bytes(t) == 0)
        abort();
    for (int k = 0; k < tn_table_columns(t); k++) {
        look_at_cells(t, k);
        if (tn_table_describe(NULL, t, k, &s) == TN_OK)
            tn_column_stats_free(&s);
    }
    for (int i = 0; tn_table_note(t, i); i++)
        if (strlen(tn_table_note(t, i)) > sizeof(base_error))
            abort();
}

/* One file that is written over and over. */
static const char *put_file(const uint8_t *data, size_t size)
{
    static char path[512];
    if (!path[0]) {
        (void)scratch_new();
        (void)atexit(scratch_remove);
        (void)snprintf(path, sizeof path, "%s", scratch_path("file"));
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    uint8_t *file = malloc(size);
    tn_table *t = NULL;
    base_error e = {0};
    if (!file)
        abort();
    memcpy(file, data + 1, size - 1);
    if (data[0] & 1)
        seal(file, size - 1);
    const tn_status status = columns_open(put_file(file, size - 1), 0, &t, &e);
    if ((status == TN_OK) != (t != NULL) || (status != TN_OK && !e.text[0]))
        abort();
    if (t)
        look(t);
    tn_table_free(t);
    free(file);
    return 0;
}
