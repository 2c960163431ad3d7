/* test_options.c: options by their table: values, defaults, presence, sentences, help, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/options.h"

typedef struct inner {
    uint64_t given;
    int64_t kind;
    double x;
} inner;
typedef struct outer {
    uint64_t given;
    bool flag;
    int64_t count, bytes;
    double lr;
    const char *text, *path;
    int mode;
    format_ints dims;
    format_floats betas;
    format_strings words;
    inner in;
    const format_yaml_node *node;
} outer;

static const char *const modes[] = {"slow", "fast", NULL};
static const format_option inner_rows[] = {
    FORMAT_INT(inner, kind, "7", "[0,9]", "which kind"),
    FORMAT_FLOAT(inner, x, NULL, "(0,1)", "some number"),
    {0},
};
static const format_table inner_table = {.name = "in", .doc = "inside", .options = inner_rows, .brief = "kind"};
static const format_option rows[] = {
    FORMAT_BOOL(outer, flag, "true", "a flag"),
    FORMAT_INT(outer, count, "3", "[1,)", "how many"),
    FORMAT_BYTES(outer, bytes, "1k", "how large"),
    FORMAT_FLOAT(outer, lr, "0.1", "[0,1)", "learning rate"),
    FORMAT_STRING(outer, text, NULL, "a text"),
    FORMAT_PATH(outer, path, NULL, "a path"),
    FORMAT_ENUM(outer, mode, "fast", modes, "a word"),
    FORMAT_INTS(outer, dims, "[1, 28, 28]", "[1,)", 1, 3, "a shape"),
    FORMAT_FLOATS(outer, betas, "[0.9, 0.999]", "[0,1)", 2, 2, "two numbers"),
    FORMAT_STRINGS(outer, words, NULL, 2, 0, "some words"),
    FORMAT_TABLE(outer, in, inner, &inner_table, "a table of its own"),
    FORMAT_NODE(outer, node, NULL, "anything"),
    {0},
};
static const format_table table = {.name = "outer", .doc = "for the test", .options = rows};

typedef struct session {
    format_yaml tree;
    outer o;
    base_error e;
    tn_status status;
} session;

static session read(const char *text)
{
    session s = {0};
    if (format_yaml_parse(text, strlen(text), "r.yaml", "some/dir", NULL, &s.tree, &s.e) != TN_OK)
        fail_msg("%s", s.e.text);
    s.status = format_options_read(&table, s.tree.root, NULL, "train", &s.tree.arena, &s.o, &s.e);
    return s;
}

static session reads(const char *text)
{
    session s = read(text);
    if (s.status != TN_OK)
        fail_msg("%s", s.e.text);
    return s;
}

static void test_defaults(void **state)
{
    (void)state;
    session s = reads("");
    assert_true(s.o.flag);
    assert_int_equal(s.o.count, 3);
    assert_int_equal(s.o.bytes, 1024);
    assert_true(s.o.lr == 0.1);
    assert_null(s.o.text);
    assert_int_equal(s.o.mode, 1);
    assert_int_equal(s.o.dims.n, 3);
    assert_int_equal(s.o.dims.at[2], 28);
    assert_true(s.o.betas.n == 2 && s.o.betas.at[1] == 0.999);
    assert_int_equal(s.o.words.n, 0);
    assert_int_equal(s.o.in.kind, 7);
    assert_null(s.o.node);
    assert_int_equal(s.o.given, 0);
    format_yaml_free(&s.tree);
    base_error e = {0};
    base_arena arena = {0};
    outer o = {0};
    assert_int_equal(format_options_read(&table, NULL, NULL, "x", &arena, &o, &e), TN_OK);
    assert_int_equal(o.count, 3);
    base_arena_free(&arena);
}

static void test_values(void **state)
{
    (void)state;
    session s = reads("flag: no\ncount: 12\nbytes: 2GiB\nlr: 0\ntext: no\npath: a/b\nmode: slow\ndims: 5\n"
                      "betas: [0, 1e-3]\nwords: [true, 'x y', 3]\nin: {kind: 2, x: .5}\nnode: [1]\n");
    assert_false(s.o.flag);
    assert_int_equal(s.o.count, 12);
    assert_true(s.o.bytes == (int64_t)2 << 30);
    assert_true(s.o.lr == 0);
    assert_string_equal(s.o.text, "no"); /* the table decides */
    assert_string_equal(s.o.path, "some/dir/a/b");
    assert_int_equal(s.o.mode, 0);
    assert_true(s.o.dims.n == 1 && s.o.dims.at[0] == 5);
    assert_true(s.o.betas.at[1] == 0.001);
    assert_string_equal(s.o.words.at[0], "true");
    assert_string_equal(s.o.words.at[2], "3");
    assert_true(s.o.in.kind == 2 && s.o.in.x == 0.5);
    assert_int_equal(s.o.node->kind, FORMAT_YAML_LIST);
    assert_true(format_options_given(&table, &s.o, "lr"));
    assert_true(format_options_given(&inner_table, &s.o.in, "x"));
    assert_false(format_options_given(&table, &s.o, "zz"));
    format_yaml_free(&s.tree);
    s = reads("in: 4\npath: /abs\nbytes: 512M\n");
    assert_int_equal(s.o.in.kind, 4);
    assert_true(format_options_given(&inner_table, &s.o.in, "kind"));
    assert_false(format_options_given(&inner_table, &s.o.in, "x"));
    assert_false(format_options_given(&table, &s.o, "lr"));
    assert_string_equal(s.o.path, "/abs");
    assert_true(s.o.bytes == (int64_t)512 << 20);
    format_yaml_free(&s.tree);
}

static void says(const char *text, const char *sentence)
{
    session s = read(text);
    assert_int_equal(s.status, TN_FORMAT);
    assert_string_equal(s.e.text, sentence);
    format_yaml_free(&s.tree);
}

static void test_sentences(void **state)
{
    (void)state;
    says("lr: 1\n\n\nepoch: 3\n",
         "r.yaml:4: unknown key 'epoch' in 'train'; known are flag, count, bytes, lr, text, path, "
         "mode, dims, betas, words, in, node");
    says("cuont: 3\n", "r.yaml:1: unknown key 'cuont' in 'train'; did you mean 'count'?");
    says("learning_rate: 3\n", "r.yaml:1: unknown key 'learning_rate' in 'train'; did you mean 'lr'?");
    says("\nlr: abc\n", "r.yaml:2: train.lr: 'abc' is not a number");
    says("lr: '0.1'\n",
         "r.yaml:1: train.lr: \"0.1\" stands in quotes, which makes it a text; a number is due, so leave them out");
    says("lr: 'x'\n", "r.yaml:1: train.lr: 'x' is not a number");
    says("lr: 1\n", "r.yaml:1: train.lr: 1 is out of range; it must be at least 0 and below 1");
    says("lr: -1e-9\n", "r.yaml:1: train.lr: -1e-9 is out of range; it must be at least 0 and below 1");
    says("lr: nan\n", "r.yaml:1: train.lr: 'nan' is not a finite number");
    says("lr: inf\n", "r.yaml:1: train.lr: 'inf' is not a finite number");
    says("lr: 1e999\n", "r.yaml:1: train.lr: '1e999' is not a finite number");
    says("lr:\n", "r.yaml:1: train.lr has no value, a number is due");
    says("lr: ''\n", "r.yaml:1: train.lr: '' is not a number");
    says("lr: [1]\n", "r.yaml:1: train.lr is a list, a number is due");
    says("lr: {a: 1}\n", "r.yaml:1: train.lr is a mapping, a number is due");
    says("count: 1.5\n", "r.yaml:1: train.count: '1.5' is not a whole number");
    says("count: 1e3\n", "r.yaml:1: train.count: '1e3' is not a whole number");
    says("count: 0x10\n", "r.yaml:1: train.count: '0x10' is not a whole number");
    says("count: 99999999999999999999\n", "r.yaml:1: train.count: '99999999999999999999' does not fit into 64 bits");
    says("count: 0\n", "r.yaml:1: train.count: 0 is out of range; it must be at least 1");
    says("flag: maybe\n", "r.yaml:1: train.flag: 'maybe' is neither true nor false");
    says("flag: 'true'\n", "r.yaml:1: train.flag: 'true' is neither true nor false (quotes make it a text)");
    says("mode: fest\n", "r.yaml:1: train.mode: 'fest' is none of its values; did you mean 'fast'?");
    says("mode: 3\n", "r.yaml:1: train.mode: '3' is none of its values; known are slow, fast");
    says("bytes: 5X\n", "r.yaml:1: train.bytes: '5X' is not a number of bytes (1048576, 512M, 2G)");
    says("bytes: -5\n", "r.yaml:1: train.bytes: '-5' is not a number of bytes (1048576, 512M, 2G)");
    says("bytes: 99999999T\n", "r.yaml:1: train.bytes: '99999999T' is not a number of bytes (1048576, 512M, 2G)");
    says("path: ''\n", "r.yaml:1: train.path: the path is empty");
    says("dims: []\n", "r.yaml:1: train.dims has 0 entries, 1 to 3 are due");
    says("dims: [1, x]\n", "r.yaml:1: train.dims.1: 'x' is not a whole number");
    says("dims: [1, 0]\n", "r.yaml:1: train.dims.1: 0 is out of range; it must be at least 1");
    says("dims: {a: 1}\n", "r.yaml:1: train.dims is a mapping, a list is due");
    says("betas: [0.1]\n", "r.yaml:1: train.betas has 1 entry, 2 are due");
    says("betas: [0.1, [2]]\n", "r.yaml:1: train.betas.1 is a list, a number is due");
    says("words: [a]\n", "r.yaml:1: train.words has 1 entry, at least 2 are due");
    says("in: {kind: 10}\n", "r.yaml:1: train.in.kind: 10 is out of range; it must be from 0 to 9");
    says("in: {x: 0}\n", "r.yaml:1: train.in.x: 0 is out of range; it must be above 0 and below 1");
    says("in: {kinf: 1}\n", "r.yaml:1: unknown key 'kinf' in 'train.in'; did you mean 'kind'?");
    says("in: [1, 2]\n", "r.yaml:1: train.in.kind is a list, a whole number is due");
    says("[1]\n", "r.yaml:1: train is a list, a mapping is due");
    says("text\n", "r.yaml:1: train is 'text', a mapping is due");
    says("mode: \"a\\x1b[31m\"\n", "r.yaml:1: train.mode: 'a?[31m' is none of its values; known are slow, fast");
}

static const format_option strict_rows[] = {FORMAT_INT(inner, kind, FORMAT_REQUIRED, NULL, "which kind"), {0}};
static const format_table strict = {.name = "strict", .doc = "d", .options = strict_rows};

static void test_required(void **state)
{
    (void)state;
    base_error e = {0};
    base_arena arena = {0};
    inner in = {0};
    format_yaml_source source = {"r.yaml", ".", false};
    format_yaml_node origin = {.kind = FORMAT_YAML_MAP, .source = &source, .line = 5};
    assert_int_equal(format_options_read(&strict, NULL, &origin, "data", &arena, &in, &e), TN_FORMAT);
    assert_string_equal(e.text, "r.yaml:5: 'data' lacks the key 'kind' (which kind)");
    assert_int_equal(format_options_read(&strict, &origin, NULL, "", &arena, &in, &e), TN_FORMAT);
    assert_string_equal(e.text, "r.yaml:5: the key 'kind' is missing (which kind)");
    base_arena_free(&arena);
}

static void test_override_places(void **state)
{
    (void)state;
    session s = {0};
    assert_int_equal(format_yaml_parse("a: 1\nlr: 2", 10, "r.yaml", "some/dir", NULL, &s.tree, &s.e), TN_OK);
    assert_int_equal(format_yaml_override(&s.tree, "a=", &s.e), TN_OK);
    assert_int_equal(format_yaml_override(&s.tree, "lr=high", &s.e), TN_OK);
    assert_int_equal(format_options_read(&table, s.tree.root, NULL, "", &s.tree.arena, &s.o, &s.e), TN_FORMAT);
    assert_string_equal(s.e.text, "override 'lr=high': lr: 'high' is not a number");
    assert_int_equal(format_yaml_override(&s.tree, "lr=0.5", &s.e), TN_OK);
    assert_int_equal(format_yaml_override(&s.tree, "path=x/y", &s.e), TN_OK);
    assert_int_equal(format_options_read(&table, s.tree.root, NULL, "", &s.tree.arena, &s.o, &s.e), TN_OK);
    assert_string_equal(s.o.path, "x/y"); /* where the command runs */
    assert_int_equal(format_yaml_override(&s.tree, "rl=0.5", &s.e), TN_OK);
    assert_int_equal(format_options_read(&table, s.tree.root, NULL, "", &s.tree.arena, &s.o, &s.e), TN_FORMAT);
    assert_string_equal(s.e.text, "override 'rl=0.5': unknown key 'rl'; did you mean 'lr'?");
    format_yaml_free(&s.tree);
}

static void test_way_back(void **state)
{
    (void)state;
    session s = reads(
        "lr: 0.3333333333333333\ntext: 'null'\npath: p\nwords: ['~', '', b]\nin: {x: 0.25}\nnode: {a: [1, '2']}\n");
    base_str text = {0};
    format_yaml tree = {0};
    format_yaml_node *map = format_options_tree(&table, &s.o, "/cwd", NULL, NULL, &tree);
    assert_non_null(map);
    format_yaml_write(map, &text);
    assert_string_equal(text.text, "flag: true\ncount: 3\nbytes: 1024\nlr: 0.3333333333333333\ntext: \"null\"\n"
                                   "path: /cwd/some/dir/p\nmode: fast\ndims: [1, 28, 28]\nbetas: [0.9, 0.999]\n"
                                   "words: [\"~\", \"\", b]\nin:\n  kind: 7\n  x: 0.25\nnode:\n  a: [1, \"2\"]\n");
    session again = reads(text.text);
    assert_true(again.o.lr == s.o.lr && again.o.in.x == 0.25);
    assert_string_equal(again.o.path, "/cwd/some/dir/p");
    assert_string_equal(again.o.words.at[0], "~");
    format_yaml_free(&again.tree);
    format_yaml_free(&tree);
    format_yaml_free(&s.tree);
    base_str_free(&text);
}

static void test_help(void **state)
{
    (void)state;
    base_str s = {0};
    format_options_help(&inner_table, &s);
    assert_string_equal(s.text, "in: inside\n\n"
                                "  key   value                        default\n"
                                "  kind  whole number, 0 to 9         7        which kind\n"
                                "  x     number, above 0 and below 1  -        some number\n");
    base_str_free(&s);
    format_options_markdown(&table, &s);
    assert_non_null(
        strstr(s.text, "### `outer`\n\nfor the test\n\n| key | value | default | what it does |\n|---|---|---|---|\n"));
    assert_non_null(
        strstr(s.text, "| `dims` | list of 1 to 3 whole numbers, at least 1 | `[1, 28, 28]` | a shape |\n"));
    assert_non_null(strstr(s.text, "| `in` | mapping, or its kind | - | a table of its own |\n| `in.kind` |"));
    base_str_free(&s);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"conv2d", "linear", "relu", "lr", NULL};
    assert_string_equal(format_nearest("conv", names), "conv2d");
    assert_string_equal(format_nearest("conv2", names), "conv2d");
    assert_string_equal(format_nearest("liner", names), "linear");
    assert_string_equal(format_nearest("dense", names), "linear");
    assert_string_equal(format_nearest("rl", names), "lr");
    assert_null(format_nearest("", names));
    assert_null(format_nearest("xyz", names));
    assert_null(format_nearest("ab", names));
}

static const format_option bad_default[] = {FORMAT_INT(inner, kind, "5", "[0,3]", "doc"), {0}};
static const format_option bad_range[] = {FORMAT_INT(inner, kind, "5", "0-3", "doc"), {0}};
static const format_option bad_double[] = {
    FORMAT_INT(inner, kind, "5", NULL, "doc"), FORMAT_INT(inner, kind, "5", NULL, "doc"), {0}};
static const format_option bad_doc[] = {FORMAT_INT(inner, kind, "5", NULL, ""), {0}};

static void test_tables(void **state)
{
    (void)state;
    base_error e = {0};
    assert_null(format_table_check(&table, &e));
    assert_non_null(format_table_check(&(format_table){"t", "d", bad_default, NULL}, &e));
    assert_non_null(format_table_check(&(format_table){"t", "d", bad_range, NULL}, &e));
    assert_non_null(format_table_check(&(format_table){"t", "d", bad_double, NULL}, &e));
    assert_non_null(format_table_check(&(format_table){"t", "d", bad_doc, NULL}, &e));
    assert_non_null(format_table_check(&(format_table){"t", "d", inner_rows, "none"}, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),          cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_required), cmocka_unit_test(test_override_places), cmocka_unit_test(test_way_back),
        cmocka_unit_test(test_help),     cmocka_unit_test(test_nearest),         cmocka_unit_test(test_tables),
    };
#ifndef TARN_HAVE_YAML
    (void)printf("SKIPPED: built without libyaml\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
