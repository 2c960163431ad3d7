/* test_table_kept.c: tables whose columns are kept in a file: the same as in memory, whatever gives way in later blocks; found again, made anew
 * when damaged or out of date. What they hold in memory: test_memory_bounded.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef TARN_HAVE_SQLITE
#include <sqlite3.h>
#endif

#include "base/context.h"
#include "data/table/table.h"
#include "support/scratch.h"

static tn_context *context;
static char said[4096];

static void listen(void *user, int level, const char *text)
{
    (void)user;
    if (level <= BASE_LOG_WARNING)
        (void)snprintf(said, sizeof said, "%s", text);
}

static int setup(void **state)
{
    (void)state;
    scratch_new();
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2, .log = listen));
    return context ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    tn_context_free(context);
    return 0;
}

enum { ROWS = 20000 };

/* Columns that give way late, words that become too many late or never, missing values, line breaks in quotes. */
static void write_table(const char *path, int shift)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("whole,late_number,late_word,few,many,late_many,date,text,none,flag\n", f);
    for (int i = 0; i < ROWS; i++) {
        fprintf(f, "%d,%s%d%s,", i - 7 + shift, i % 50 == 3 ? "" : "", i, i == 15000 ? ".5" : "");
        fprintf(f, "%s,%c,w%d,", i == 19000 ? "later" : i % 3 ? "12" : "", 'a' + i % 7, i % 3000);
        fprintf(f, "v%d,2016-07-%02d,", i < 10000 ? i % 10 : i, i % 28 + 1);
        fprintf(f, "\"line %d,\n\"\"%d\"\" \xC3\xA9\",,%s\n", i, i * 3, i % 2 ? "true" : i % 11 ? "false" : "NA");
    }
    fclose(f);
}

static tn_table *read_as(const char *path, const char *cache, size_t above)
{
    tn_table *t = tn_table_read(context, path, TN_OPT(tn_table_opt, .cache = cache, .cache_above = above));
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static void same(const tn_table *a, const tn_table *b)
{
    assert_int_equal(tn_table_rows(a), tn_table_rows(b));
    assert_int_equal(tn_table_columns(a), tn_table_columns(b));
    for (int k = 0; k < tn_table_columns(a); k++) {
        const tn_column *x = tn_table_column(a, k), *y = tn_table_column(b, k);
        assert_string_equal(x->name, y->name);
        if (x->type != y->type || x->n_missing != y->n_missing || x->categories != y->categories)
            fail_msg("%s: %s, %d missing, and %s, %d missing", x->name, tn_column_type_name(x->type), (int)x->n_missing,
                     tn_column_type_name(y->type), (int)y->n_missing);
        assert_memory_equal(x->values, y->values, (size_t)a->rows * table_value_size(x->type));
        for (int i = 0; i < x->categories; i++)
            assert_string_equal(x->names[i], y->names[i]);
        for (int64_t r = 0; r < a->rows; r++)
            assert_int_equal(tn_table_missing(a, k, r), tn_table_missing(b, k, r));
        if (x->type == TN_COLUMN_TEXT)
            assert_memory_equal(x->text, y->text, ((const uint64_t *)x->values)[a->rows - 1]);
    }
}

static void columns_are_the_same(void **state)
{
    (void)state;
    const char *path = scratch_path("table.csv");
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns"));
    write_table(path, 0);
    tn_table *memory = read_as(path, NULL, 0);
    const size_t above[] = {0, 1, 1 << 20};
    for (int i = 0; i < 3; i++) {
        tn_table *kept = read_as(path, folder, above[i]);
        assert_non_null(kept->map.data);
        same(memory, kept);
        tn_table_free(kept);
        char line[600];
        (void)snprintf(line, sizeof line, "rm -r '%s'", folder);
        assert_int_equal(system(line), 0);
    }
    tn_table *whole = read_as(path, folder, 1 << 30);
    assert_null(whole->map.data);
    tn_table_free(whole);
    tn_table_free(memory);
}

/* Several processes that want the columns of one table at once make them beside each other, and nothing is left. */
static void processes_do_not_meet(void **state)
{
    (void)state;
    enum { PROCESSES = 3 };
    const char *path = scratch_path("table.csv");
    char folder[512];
    pid_t child[PROCESSES];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns"));
    write_table(path, 0);
    for (int i = 0; i < PROCESSES; i++)
        if ((child[i] = fork()) == 0) {
            tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
            tn_table *t = tn_table_read(c, path, TN_OPT(tn_table_opt, .cache = folder, .cache_above = 1));
            _exit(t && tn_table_rows(t) == ROWS ? 0 : 1);
        }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    char line[1100];
    (void)snprintf(line, sizeof line, "test \"$(ls '%s' | wc -l)\" = 1", folder);
    assert_int_equal(system(line), 0);
    tn_table *memory = read_as(path, NULL, 0), *kept = read_as(path, folder, 1);
    same(memory, kept);
    tn_table_free(memory);
    tn_table_free(kept);
}

/* The one file of columns in the folder. */
static char *kept_file(const char *folder)
{
    static char name[600];
    char line[700];
    (void)snprintf(line, sizeof line, "ls '%s'/*", folder);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    assert_non_null(fgets(name, sizeof name, f));
    char more[10];
    assert_null(fgets(more, sizeof more, f));
    pclose(f);
    name[strcspn(name, "\n")] = '\0';
    return name;
}

static void damage_is_told(void **state)
{
    (void)state;
    const char *path = scratch_path("damaged.csv");
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns2"));
    write_table(path, 0);
    tn_table *memory = read_as(path, NULL, 0);
    tn_table_free(read_as(path, folder, 1));
    const char *file = kept_file(folder);
    for (int i = 0; i < 40; i++) {
        FILE *f = fopen(file, "r+b");
        fseek(f, 0, SEEK_END);
        const long bytes = ftell(f), at = i < 20 ? (bytes - 1) / 20 * i : bytes - 1 - 13L * (i - 20);
        fseek(f, at, SEEK_SET);
        const int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 0x10, f);
        fclose(f);
        if (i % 10 == 9)
            assert_int_equal(truncate(file, at), 0);
        said[0] = '\0';
        tn_table *t = read_as(path, folder, 1);
        same(memory, t);
        tn_table_free(t);
        /* bytes between sections belong to nobody */
        if (!strstr(said, "is damaged") && i % 10 == 9)
            fail_msg("%d: damage at %ld of %ld is not told: %s", i, at, bytes, said);
    }
    tn_table_free(memory);
    write_table(path, 5);
    tn_table *now = read_as(path, folder, 1);
    assert_int_equal(((const int64_t *)tn_table_column(now, 0)->values)[0], -2);
    tn_table_free(now);
    (void)kept_file(folder); /* the old one was replaced */
}

static void sentences_know_their_lines(void **state)
{
    (void)state;
    const char *path = scratch_path("wrong.csv");
    FILE *f = fopen(path, "wb");
    fputs("a,b\n", f);
    for (int i = 0; i < 60000; i++)
        fputs(i == 50000 ? "1,2,3\n" : "1,2\n", f);
    fclose(f);
    assert_null(
        tn_table_read(context, path, TN_OPT(tn_table_opt, .cache = scratch_path("columns3"), .cache_above = 1)));
    assert_non_null(strstr(tn_context_error(context), "wrong.csv:50002:1"));
    tn_table *t = tn_table_read(
        context, path, TN_OPT(tn_table_opt, .cache = scratch_path("columns3"), .cache_above = 1, .bad = TN_BAD_SKIP));
    assert_non_null(t);
    assert_int_equal(tn_table_rows(t), 59999);
    assert_int_equal(tn_table_skipped(t), 1);
    tn_table_free(t);
}

/* ---- JSON lines ---------------------------------------------------------------------------------------------------- */

enum { LINES = 6000 };

/* Keys that come late or only once, in any order, escaped; types that give way late. */
static void write_lines(const char *path)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < LINES; i++) {
        fprintf(f, i % 3 ? "{\"id\":%d,\"late\":" : "{\"late_w\\u00f6rd\":\"x\",\"id\":%d,\"late\":", i);
        fprintf(f, "%s,\"few\":\"%c\",", i == 5000 ? "2.5" : i % 17 ? "7" : "null", 'a' + i % 5);
        fprintf(f, "\"text\":\"line\\n\\\"%d\\\"\",\"inner\":[1,{\"a\":%d}]", i, i % 3);
        fprintf(f, "%s%s}\n", i == 5500 ? ",\"once\":true" : "", i > 4000 ? ",\"word\":\"12\"" : "");
    }
    fclose(f);
}

static void lines_are_kept(void **state)
{
    (void)state;
    char path[600], folder[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("some.jsonl"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns_json"));
    write_lines(path);
    tn_table *memory = read_as(path, NULL, 0), *kept = read_as(path, folder, 1);
    assert_non_null(kept->map.data);
    assert_int_equal(tn_table_columns(kept), 8);
    same(memory, kept);
    for (int i = 0; tn_table_note(memory, i); i++)
        assert_string_equal(tn_table_note(memory, i), tn_table_note(kept, i));
    tn_table_free(kept);
    kept = read_as(path, folder, 1); /* again, from the file */
    same(memory, kept);
    tn_table_free(kept);
    tn_table_free(memory);
    FILE *f = fopen(path, "ab");
    fputs("{\"id\":1,}\n", f);
    fclose(f);
    assert_null(tn_table_read(context, path, TN_OPT(tn_table_opt, .cache = folder, .cache_above = 1)));
    assert_non_null(strstr(tn_context_error(context), "some.jsonl:6001:"));
    kept = tn_table_read(context, path, TN_OPT(tn_table_opt, .cache = folder, .cache_above = 1, .bad = TN_BAD_SKIP));
    assert_true(kept && tn_table_rows(kept) == LINES && tn_table_skipped(kept) == 1);
    tn_table_free(kept);
    f = fopen(path, "wb");
    fputs("[1]\nnothing\n", f);
    fclose(f);
    assert_null(tn_table_read(context, path, TN_OPT(tn_table_opt, .cache = folder)));
    assert_non_null(strstr(tn_context_error(context), "some.jsonl:1:1: "));
}

/* ---- queries ------------------------------------------------------------------------------------------------------- */

#ifdef TARN_HAVE_SQLITE
static sqlite3 *open_database(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
}

static tn_table *ask(const char *path, const char *query, const char *folder)
{
    tn_table *t =
        tn_table_sqlite(context, path, query, TN_OPT(tn_table_opt, .cache = folder, .cache_above = folder ? 1 : 0));
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static const char MANY[] = "with recursive n(i) as (select 0 union all select i + 1 from n where i < %d) "
                           "insert into t select i, case when i %% 7 then i / 4.0 end, "
                           "case when i = 90000 then 'x' else i %% 3 end, 'w' || (i %% 5), "
                           "'a \"b\", ' || char(10) || i, printf('%%05d', i %% 40) from n";

static void queries_are_kept(void **state)
{
    (void)state;
    char path[600], folder[512], sql[600];
    (void)snprintf(path, sizeof path, "%s", scratch_path("kept.db"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns_db"));
    sqlite3 *db = open_database(path);
    (void)snprintf(sql, sizeof sql, MANY, 99999);
    run(db, "create table t(id, x, late, few, text, zip)");
    run(db, sql);
    const char *all = "select * from t order by id";
    tn_table *memory = ask(path, all, NULL), *kept = ask(path, all, folder);
    assert_non_null(kept->map.data);
    assert_int_equal(tn_table_column(kept, 5)->type, TN_COLUMN_CATEGORY); /* digits, but a text */
    same(memory, kept);
    tn_table_free(kept);
    tn_table_free(memory);
    /* another question, the database changed, and answers without rows or with a blob */
    kept = ask(path, "select id, few from t where id < 10", folder);
    assert_true(tn_table_rows(kept) == 10 && tn_table_columns(kept) == 2);
    tn_table_free(kept);
    run(db, "delete from t where id >= 50000");
    sqlite3_close(db);
    kept = ask(path, all, folder);
    assert_int_equal(tn_table_rows(kept), 50000);
    tn_table_free(kept);
    kept = ask(path, "select id from t where id < 0", folder);
    assert_int_equal(tn_table_rows(kept), 0);
    tn_table_free(kept);
    const tn_table_opt opt = {.cache = folder, .cache_above = 1};
    assert_null(tn_table_sqlite(context, path, "select id, cast(few as blob) from t", &opt));
    assert_non_null(strstr(tn_context_error(context), "row 1 of the answer: column 2 is a blob"));
    assert_null(tn_table_sqlite(context, path, "select id, x as id from t", &opt));
    assert_non_null(strstr(tn_context_error(context), "columns 1 and 2 are both named \"id\""));
}

/* A database keeps any bytes as a text. */
static void texts_of_queries_are_texts(void **state)
{
    (void)state;
    char path[600], folder[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("odd.db"));
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("columns_odd"));
    sqlite3 *db = open_database(path);
    run(db, "create table t(id, c); insert into t values (1, 'one'), (2, cast(x'72ff64' as text)), "
            "(3, cast(x'720064' as text)), (4, 'four')");
    sqlite3_close(db);
    for (int k = 0; k < 2; k++) {
        const char *where = k ? folder : NULL;
        const tn_table_opt fail = {.cache = where, .cache_above = 1};
        const tn_table_opt skip = {.cache = where, .cache_above = 1, .bad = TN_BAD_SKIP};
        assert_null(tn_table_sqlite(context, path, "select * from t", &fail));
        assert_non_null(strstr(tn_context_error(context), "row 2 of the answer: \"c\" is not UTF-8"));
        tn_table *t = tn_table_sqlite(context, path, "select * from t", &skip);
        if (!t)
            fail_msg("%s", tn_context_error(context));
        assert_true(tn_table_rows(t) == 2 && tn_table_skipped(t) == 2);
        tn_table_free(t);
    }
}

#endif

#ifdef TARN_HAVE_ZLIB
static void packed_files_are_kept(void **state)
{
    (void)state;
    const char *path = scratch_path("plain.csv");
    char packed[600], buffer[65536];
    (void)snprintf(packed, sizeof packed, "%s", scratch_path("packed.csv.gz"));
    write_table(path, 0);
    gzFile z = gzopen(packed, "wb");
    FILE *f = fopen(path, "rb");
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        assert_int_equal(gzwrite(z, buffer, (unsigned)n), (int)n);
    fclose(f);
    gzclose(z);
    tn_table *a = read_as(path, NULL, 0), *b = read_as(packed, scratch_path("columns5"), 1);
    assert_non_null(b->map.data);
    same(a, b);
    tn_table_free(a);
    tn_table_free(b);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_the_same),  cmocka_unit_test(processes_do_not_meet),
        cmocka_unit_test(damage_is_told),        cmocka_unit_test(sentences_know_their_lines),

        cmocka_unit_test(lines_are_kept),

#ifdef TARN_HAVE_SQLITE
        cmocka_unit_test(queries_are_kept),      cmocka_unit_test(texts_of_queries_are_texts),

#endif

#ifdef TARN_HAVE_ZLIB
        cmocka_unit_test(packed_files_are_kept),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
