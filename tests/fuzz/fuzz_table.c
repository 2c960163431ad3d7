/* fuzz_table.c: any bytes as a table, CSV or JSON lines: columns that hold what their types say, the same for any number of threads, or a
 * sentence. The first byte chooses the form and what becomes of bad rows. */
#include <stdlib.h>
#include <string.h>

#include <tarn/table.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_table *parse(const uint8_t *data, size_t size, const char *name, const tn_table_opt *opt)
{
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    if (!c)
        abort();
    tn_table *t = tn_table_parse(c, data, size, name, opt);
    if ((t == NULL) != (tn_context_error(c)[0] != '\0'))
        abort();
    tn_context_free(c);
    return t;
}

static void look(const tn_table *t)
{
    size_t bytes, sum = 0;
    for (int k = 0; k < tn_table_columns(t); k++) {
        const tn_column *c = tn_table_column(t, k);
        int64_t missing = 0;
        if (c->type < TN_COLUMN_INTEGER || c->type > TN_COLUMN_TEXT || !c->name[0])
            abort();
        for (int64_t r = 0; r < tn_table_rows(t); r++) {
            missing += tn_table_missing(t, k, r);
            const char *text = tn_table_text(t, k, r, &bytes);
            for (size_t i = 0; text && i < bytes; i++)
                sum += (unsigned char)text[i];
            if (c->type == TN_COLUMN_CATEGORY && ((const int32_t *)c->values)[r] >= c->categories)
                abort();
        }
        if (missing != c->n_missing || sum == SIZE_MAX)
            abort();
        tn_column_stats s;
        if (tn_table_describe(NULL, t, k, &s) == TN_OK) {
            if (s.count + s.missing != tn_table_rows(t))
                abort();
            tn_column_stats_free(&s);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    const char *name = data[0] & 1 ? "in.jsonl" : "in.csv";
    tn_table_opt opt = {
        .bad = (tn_bad_row)((data[0] >> 1) % 3), .threads = 1, .memory_limit = 1 << 22, .categories = 50};
    tn_table *one = parse(data + 1, size - 1, name, &opt);
    opt.threads = 3;
    tn_table *three = parse(data + 1, size - 1, name, &opt);
    if ((one == NULL) != (three == NULL) || (one && tn_table_rows(one) != tn_table_rows(three)))
        abort();
    if (one)
        look(one);
    tn_table_free(one);
    tn_table_free(three);
    return 0;
}
