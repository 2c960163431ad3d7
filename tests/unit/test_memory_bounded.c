/* test_memory_bounded.c: tables and texts that are larger than the memory that a process may have: read, prepared, and sent through a
 * loader; an evaluation of many small samples. labels: release */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_SQLITE
#include <sqlite3.h>
#endif

#include "base/file.h"
#include "data/table/table.h"
#include "support/memory.h"
#include "support/scratch.h"

#include <tarn/nn.h>
#include <tarn/text.h>
#include <tarn/train.h>

static int setup(void **state)
{
    (void)state;
    scratch_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

/* All samples of an epoch; -1, and what was wrong is told. */
static int64_t epoch_of(tn_context *c, const tn_dataset *d)
{
    tn_loader *l = d ? tn_loader_new(c, d, TN_OPT(tn_loader_opt, .batch = 256, .shuffle = true)) : NULL;
    const tn_batch *b = NULL;
    int64_t seen = 0;
    if (!l) {
        fprintf(stderr, "%s\n", tn_context_error(c));
        return -1;
    }
    while (tn_loader_next(l, &b) == TN_OK && b)
        seen += b->n;
    tn_loader_free(l);
    return seen;
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

typedef struct source {
    const char *path, *query, *folder;
} source;

static tn_table *read_table(tn_context *c, const source *s, const tn_table_opt *opt)
{
    return s->query ? tn_table_sqlite(c, s->path, s->query, opt) : tn_table_read(c, s->path, opt);
}

/* Tens of MB of numbers, 20 MB of data more than the process begins with. */
static int learn_table(void *user)
{
    enum { MORE = 20 << 20 };
    const source *s = user;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    if (!c || !memory_limit(MORE))
        return MEMORY_SKIP;
    if (read_table(c, s, NULL))
        return 1; /* in memory it cannot be had: the limit holds */
    tn_table *t = read_table(c, s, TN_OPT(tn_table_opt, .cache = s->folder, .cache_above = 1 << 20));
    tn_preparation *p =
        t ? tn_table_prepare(c, t, NULL, 0, TN_OPT(tn_prepare_opt, .target = "n", .number = true)) : NULL;
    tn_dataset *d = p ? tn_dataset_table(c, t, p, NULL, tn_table_rows(t)) : NULL;
    const int64_t seen = epoch_of(c, d);
    if (seen < 0)
        return 2;
    printf("%zu bytes of columns, at most %zu more of memory of its own\n", t->map.bytes, (size_t)MORE);
    const bool all = seen == tn_table_rows(t) && t->map.bytes > MORE;
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_table_free(t);
    tn_context_free(c);
    return all ? 0 : 3;
}

static void check_memory(const char *path, const char *query)
{
    char folder[600];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns"));
    memory_child(learn_table, &(source){path, query, folder});
}

static void memory_is_bounded(void **state)
{
    (void)state;
    char path[600];
    (void)snprintf(path, sizeof path, "%s", scratch_path("large.csv"));
    FILE *f = fopen(path, "wb");
    fputs("n,a,b,c,d,e,f,g,h,i,j,k,l,m\n", f);
    for (int i = 0; i < 450000; i++) {
        fprintf(f, "%d", i % 1000);
        for (int k = 0; k < 13; k++)
            fprintf(f, ",%d.%02d", (i * 7 + k * 131) % 1000, (i + k) % 100);
        fputs("\n", f);
    }
    fclose(f);
    check_memory(path, NULL);
}

static void memory_of_lines_is_bounded(void **state)
{
    (void)state;
    char path[600];
    (void)snprintf(path, sizeof path, "%s", scratch_path("large.jsonl"));
    FILE *f = fopen(path, "wb");
    for (int i = 0; i < 250000; i++) {
        fprintf(f, "{\"n\":%d", i % 1000);
        for (int k = 0; k < 13; k++)
            fprintf(f, ",\"%c\":%d.%02d", 'a' + k, (i * 7 + k * 131) % 1000, (i + k) % 100);
        fputs("}\n", f);
    }
    fclose(f);
    check_memory(path, NULL);
}

#ifdef TARN_HAVE_SQLITE
static void memory_of_queries_is_bounded(void **state)
{
    (void)state;
    char path[600];
    (void)snprintf(path, sizeof path, "%s", scratch_path("large.db"));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "create table t(n, a, b, c, d, e, f, g, h);"
            "with recursive n(i) as (select 0 union all select i + 1 from n where i < 400000) insert into t select "
            "i % 1000, i * 1.5, i / 3.0, i * 0.1, i * 2.25, i / 7.0, i * 3.5, i / 9.0, i * 0.01 from n",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    check_memory(path, "select * from t");
}
#endif

/* ---- texts --------------------------------------------------------------------------------------------------------- */

/* 48 MB of tokens, 24 MB of memory. */
static int learn_text(void *user)
{
    enum { MORE = 24 << 20, LENGTH = 64 };
    const source *s = user;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    base_mapping map;
    if (!c || base_file_map(s->path, &map, NULL) != TN_OK || !memory_limit(MORE))
        return MEMORY_SKIP;
    const tn_text text = {map.data, map.bytes}, begin = {map.data, 1000};
    tn_tokenizer *t = tn_tokenizer_train(c, &begin, 1, TN_OPT(tn_tokenizer_train_opt, .kind = "characters"));
    tn_preparation *p =
        t ? tn_text_prepare(c, t, TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = LENGTH, .plain = true)) : NULL;
    if (tn_dataset_windows(c, p, &text, 1, NULL))
        return 1; /* in memory it cannot be had: the limit holds */
    tn_dataset *d = tn_dataset_windows(c, p, &text, 1, TN_OPT(tn_windows_opt, .folder = s->folder));
    const int64_t seen = epoch_of(c, d);
    const bool all = seen >= 0 && seen == tn_dataset_count(d) && seen * LENGTH * (int64_t)sizeof(int32_t) > MORE;
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_tokenizer_free(t);
    base_file_unmap(&map);
    tn_context_free(c);
    return all ? 0 : 2;
}

static void memory_of_texts_is_bounded(void **state)
{
    (void)state;
#ifndef TARN_HAVE_UTF8PROC
    print_message("without libutf8proc there are no tokenizers\n");
    skip();
#endif
    char path[600], folder[600];
    (void)snprintf(path, sizeof path, "%s", scratch_path("long.txt"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("tokens"));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 500000; i++)
        fputs("the cat sat on the mat.\n", f);
    fclose(f);
    memory_child(learn_text, &(source){path, NULL, folder});
}

/* ---- evaluation ---------------------------------------------------------------------------------------------------- */

enum { NUMBERS = 1 << 18, ROWS = 100, KINDS = 256 };

static tn_status get_number(void *user, int64_t index, uint64_t key, const tn_sample *out)
{
    const int64_t x = index * 7919 % ROWS, y = (x * 31 + index % 2) % KINDS;
    (void)user, (void)key;
    memcpy(out->at[0], &x, sizeof x);
    memcpy(out->at[1], &y, sizeof y);
    return TN_OK;
}

static double loss_by_hand(const float *weights)
{
    double sum = 0;
    for (int64_t i = 0; i < 2 * ROWS; i++) { /* after so many samples they repeat */
        const int64_t x = i * 7919 % ROWS, y = (x * 31 + i % 2) % KINDS;
        double of = 0;
        for (int k = 0; k < KINDS; k++)
            of += exp((double)weights[x * KINDS + k]);
        sum += log(of) - (double)weights[x * KINDS + y];
    }
    return sum / (2 * ROWS);
}

/* Samples that are a number each are evaluated in large batches, as the nodes of a graph want it, but not in such as take a gigabyte. */
static int evaluate_numbers(void *user)
{
    static const tn_field fields[] = {{.name = "x", .dtype = TN_I64}, {.name = "y", .dtype = TN_I64}};
    (void)user;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_dataset *d = tn_dataset_new(c, TN_OPT(tn_dataset_def, .count = NUMBERS, .fields = fields, .n_fields = 2,
                                             .classes = KINDS, .get = get_number));
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_I64, TN_SHAPE(tn_symbol(g, "batch")));
    tn_model *m = tn_model_new(c, g, tn_layer_embedding(x, "table", ROWS, KINDS, NULL), NULL);
    tn_view weights;
    tn_evaluation r;
    if (!d || !m || tn_model_init(m, 3) != TN_OK || !tn_state_get(tn_model_state(m), 0, &weights))
        return 2;
    if (!memory_limit((size_t)160 << 20))
        return MEMORY_SKIP;
    const tn_status status = tn_evaluate(c, m, d, 64, &r, NULL);
    const double loss = loss_by_hand(weights.data);
    if (status != TN_OK)
        fprintf(stderr, "%s\n", tn_context_error(c));
    else if (fabs(r.loss - loss) > 1e-4) /* of 262,144 samples, the last repetition is not whole */
        fprintf(stderr, "the loss is %.9f, not %.9f\n", r.loss, loss);
    const bool right = status == TN_OK && fabs(r.loss - loss) <= 1e-4 && r.samples == NUMBERS;
    tn_model_free(m);
    tn_dataset_free(d);
    tn_context_free(c);
    return right ? 0 : 3;
}

static void memory_of_evaluation_is_bounded(void **state)
{
    (void)state;
    memory_child(evaluate_numbers, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_of_lines_is_bounded, setup, teardown),
#ifdef TARN_HAVE_SQLITE
        cmocka_unit_test_setup_teardown(memory_of_queries_is_bounded, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(memory_of_texts_is_bounded, setup, teardown),
        cmocka_unit_test(memory_of_evaluation_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
