/* test_yaml.c: YAML into trees, what is refused, overrides, and trees back into YAML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/yaml.h"
#include "support/scratch.h"

static format_yaml parse(const char *text)
{
    base_error e = {0};
    format_yaml tree;
    if (format_yaml_parse(text, strlen(text), "r.yaml", "dir", NULL, &tree, &e) != TN_OK)
        fail_msg("%s", e.text);
    return tree;
}

static void refuses_n(const char *text, size_t bytes, tn_status due, const char *sentence)
{
    base_error e = {0};
    format_yaml tree;
    tn_status status = format_yaml_parse(text, bytes, "r.yaml", "dir", NULL, &tree, &e);
    if (status == TN_OK)
        fail_msg("accepted: %s", text);
    if (strncmp(e.text, sentence, strlen(sentence)) != 0)
        fail_msg("'%s' does not open with '%s'", e.text, sentence);
    assert_int_equal(status, due);
    assert_null(tree.root);
    format_yaml_free(&tree);
}

static void refuses(const char *text, tn_status due, const char *sentence)
{
    refuses_n(text, strlen(text), due, sentence);
}

static void test_tree(void **state)
{
    (void)state;
    format_yaml t = parse("# a comment\n"
                          "a: no\n"
                          "b:\n"
                          "  - 'x'\n"
                          "  - [1, 2.5]\n"
                          "c:\n"
                          "  d: |\n"
                          "    text\n"
                          "e:\n");
    const format_yaml_node *a = format_yaml_get(t.root, "a"), *b = format_yaml_get(t.root, "b");
    assert_int_equal(t.root->kind, FORMAT_YAML_MAP);
    assert_int_equal(t.root->n, 4);
    assert_string_equal(a->text, "no");
    assert_false(a->quoted);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 4);
    assert_int_equal(format_yaml_find(t.root, "b")->line, 3);
    assert_int_equal(b->kind, FORMAT_YAML_LIST);
    assert_true(b->items[0].value->quoted);
    assert_null(b->items[0].key);
    assert_string_equal(b->items[1].value->items[1].value->text, "2.5");
    assert_int_equal(b->items[1].value->line, 5);
    assert_true(format_yaml_is_empty(format_yaml_get(t.root, "e")));
    assert_null(format_yaml_get(t.root, "x"));
    assert_null(format_yaml_get(a, "x"));
    assert_string_equal(a->source->folder, "dir");
    format_yaml_free(&t);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n", "~", "\n\n", "--- \n...\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        format_yaml t = parse(texts[i]);
        assert_int_equal(t.root->kind, FORMAT_YAML_MAP);
        assert_int_equal(t.root->n, 0);
        format_yaml_free(&t);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    refuses("a: 1\nb: 2\nc: 3\na: 4\n", TN_FORMAT, "r.yaml:4: key 'a' is given twice, the first time in line 1");
    refuses("x:\n  a: 1\n  a: 4\n", TN_FORMAT, "r.yaml:3: key 'a' is given twice, the first time in line 2");
    refuses("a: &x 1\nb: *x\n", TN_FORMAT, "r.yaml:1: anchors (&name) and aliases (*name) are not used here");
    refuses("a: 1\nb: *x\n", TN_FORMAT, "r.yaml:2: anchors (&name) and aliases (*name) are not used here");
    refuses("a: !!int 1\n", TN_FORMAT, "r.yaml:1: tags (!name) are not used here");
    refuses("a: 1\n---\nb: 2\n", TN_FORMAT, "r.yaml:2: a second document starts here; only one is read");
    refuses("? [1, 2]\n: 3\n", TN_FORMAT, "r.yaml:1: a key must be a word, not a list or a mapping");
    refuses("\"\": 3\n", TN_FORMAT, "r.yaml:1: a key is empty");
    refuses("a:\n\tb: 1\n", TN_FORMAT, "r.yaml:2: column 1: ");
    refuses("a: [1, 2\nb: 3\n", TN_FORMAT, "r.yaml:2: column 2: ");
    refuses("a: 1\n b: 3\n", TN_FORMAT, "r.yaml:2: column 3: ");
    refuses("a: \"x", TN_FORMAT, "r.yaml:1: column ");
    refuses("a: \xff\n", TN_FORMAT, "r.yaml: byte 3: ");
    refuses("a: \"\\0\"\n", TN_FORMAT, "r.yaml:1: a text holds a NUL character");
    refuses("\"\\0\": 1\n", TN_FORMAT, "r.yaml:1: a key holds a NUL character");
    refuses_n("a: \0b", 5, TN_FORMAT, "r.yaml: byte 3: control characters");
}

static void test_limits(void **state)
{
    (void)state;
    char *text = malloc(2000001);
    memset(text, '[', 2000000);
    text[2000000] = '\0';
    refuses(text, TN_LIMIT, "r.yaml has 2000000 bytes, at most 1048576 are read");
    text[1000000] = '\0';
    refuses(text, TN_LIMIT, "r.yaml:1: lists and mappings are nested more than 32 deep");
    for (int i = 0; i < 500000; i++)
        memcpy(text + 2 * i, "1,", 2);
    memcpy(text, "[ ", 2);
    refuses(text, TN_LIMIT, "r.yaml:1: there are more than 100000 values");
    memset(text, 'k', 300);
    memcpy(text + 300, ": 1", 4);
    refuses(text, TN_LIMIT, "r.yaml:1: a key has 300 bytes, at most 200 are allowed");
    free(text);
    base_error e = {0};
    format_yaml tree;
    assert_int_equal(format_yaml_parse("a: [1]", 6, "r", ".", &(format_yaml_limits){.nodes = 3}, &tree, &e), TN_LIMIT);
    format_yaml_free(&tree);
    assert_int_equal(format_yaml_parse("a: [1]", 6, "r", ".", &(format_yaml_limits){.depth = 1}, &tree, &e), TN_LIMIT);
    format_yaml_free(&tree);
}

/* Many equal keys are found without comparing each with each. */
static void test_many_keys(void **state)
{
    (void)state;
    base_str s = {0};
    for (int i = 0; i < 49000; i++)
        base_str_printf(&s, "k%d:\n", i);
    format_yaml t = parse(s.text);
    assert_int_equal(t.root->n, 49000);
    format_yaml_free(&t);
    base_str_free(&s);
}

static void test_files(void **state)
{
    (void)state;
    base_error e = {0};
    format_yaml t;
    assert_int_equal(format_yaml_read("/nowhere/x.yaml", NULL, &t, &e), TN_NOT_FOUND);
    format_yaml_free(&t);
    assert_int_equal(format_yaml_read("/tmp", NULL, &t, &e), TN_IO);
    format_yaml_free(&t);
    scratch_new();
    const char *path = scratch_path("x.yaml");
    assert_int_equal(base_file_write(path, "a: 1\n", 5, &e), TN_OK);
    assert_int_equal(format_yaml_read(path, NULL, &t, &e), TN_OK);
    assert_string_equal(t.root->source->name, path);
    assert_int_equal(strlen(t.root->source->folder), strlen(path) - 7);
    format_yaml_free(&t);
    scratch_remove();
}

/* ---- overrides ------------------------------------------------------------------------------------------------- */

static void becomes(const char *text, const char *override, const char *after)
{
    base_error e = {0};
    base_str s = {0};
    format_yaml t = parse(text);
    if (format_yaml_override(&t, override, &e) != TN_OK)
        fail_msg("%s", e.text);
    format_yaml_write(t.root, &s);
    assert_string_equal(base_str_text(&s), after);
    base_str_free(&s);
    format_yaml_free(&t);
}

static void test_overrides(void **state)
{
    (void)state;
    becomes("a: 1\nb: 2\n", "a=x", "a: x\nb: 2\n");
    becomes("a: 1\n", "b=2", "a: 1\nb: 2\n");
    becomes("", "b.c.d=2", "b:\n  c:\n    d: 2\n");
    becomes("a: ~\n", "a.b=1", "a:\n  b: 1\n");
    becomes("l: [1, 2, 3]\n", "l.1=x", "l: [1, x, 3]\n");
    becomes("l: [1, 2, 3]\n", "l.0=", "l: [2, 3]\n");
    becomes("a: 1\nb: 2\n", "a=", "b: 2\n");
    becomes("a: 1\n", "a=[1, {b: c}]", "a:\n  - 1\n  - b: c\n");
    becomes("a: 1\n", "a={}", "a: {}\n");
    becomes("a: 1\n", "a=\"1\"", "a: \"1\"\n");
    becomes("a: 1\n", "a=x: y # z=3", "a: \"x: y # z=3\"\n");
    becomes("l:\n- conv: {units: 3}\n", "l.0.units=64", "l:\n  - conv:\n      units: 64\n");
    becomes("l:\n- conv: {units: 3}\n", "l.0.conv.units=64", "l:\n  - conv:\n      units: 64\n");
    becomes("l:\n- conv: {units: 3}\n", "l.0=relu", "l: [relu]\n");
    becomes("l: [[1, 2], [3]]\n", "l.0.1=x", "l:\n  - [1, x]\n  - [3]\n");
}

static void override_fails(const char *text, const char *override, const char *sentence)
{
    base_error e = {0};
    format_yaml t = parse(text);
    assert_int_equal(format_yaml_override(&t, override, &e), TN_INVALID);
    if (strncmp(e.text, sentence, strlen(sentence)) != 0)
        fail_msg("'%s' does not open with '%s'", e.text, sentence);
    format_yaml_free(&t);
}

static void test_bad_overrides(void **state)
{
    (void)state;
    override_fails("a: 1", "a", "override 'a': there is no '='");
    override_fails("a: 1", "=3", "override '=3': a key is empty");
    override_fails("a: 1", "a..b=3", "override 'a..b=3': 'a' is '1', so nothing can be set below it");
    override_fails("a: {}", "a..b=3", "override 'a..b=3': a key is empty");
    override_fails("a: 1", "a.b=3", "override 'a.b=3': 'a' is '1', so nothing can be set below it");
    override_fails("a: {l: [1, 2]}", "a.l.2=3", "override 'a.l.2=3': 'a.l' has 2 entries, 0 to 1; there is no entry 2");
    override_fails("a: {l: [1, 2]}", "a.l.-1=3",
                   "override 'a.l.-1=3': 'a.l' is a list, so a number from 0 must follow it");
    override_fails("a: {l: [1, 2]}", "a.l.x=3",
                   "override 'a.l.x=3': 'a.l' is a list, so a number from 0 must follow it, not 'x'");
    override_fails("a: []", "a.0=3", "override 'a.0=3': 'a' is an empty list");
    override_fails("a: 1", "zz=", "override 'zz=': there is no key 'zz' that could be taken out");
    override_fails("a:", "a.b=", "override 'a.b=': there is no key 'b' that could be taken out");
    override_fails("a: 1", "a=[1", "override 'a=[1': the value is not YAML: value:");
    override_fails("a: 1", "a=\xff", "override 'a=?': it is not UTF-8");
    override_fails("a: 1", "1.2.3.4.5.6.7.8.9.10.11.12.13=3",
                   "override '1.2.3.4.5.6.7.8.9.10.11.12.13=3': more than 12 keys");
    override_fails("just a text", "a=3", "override 'a=3': the recipe is not a mapping");
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void same_tree(const format_yaml_node *a, const format_yaml_node *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n, b->n);
    if (a->kind == FORMAT_YAML_SCALAR) {
        assert_string_equal(a->text, b->text);
        assert_true(!a->quoted || b->quoted);
    }
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == FORMAT_YAML_MAP)
            assert_string_equal(a->items[i].key, b->items[i].key);
        same_tree(a->items[i].value, b->items[i].value);
    }
}

static void comes_back(const char *text)
{
    base_str s = {0}, again = {0};
    format_yaml a = parse(text);
    format_yaml_write(a.root, &s);
    format_yaml b = parse(s.text);
    same_tree(a.root, b.root);
    format_yaml_write(b.root, &again);
    assert_string_equal(s.text, again.text);
    format_yaml_free(&a);
    format_yaml_free(&b);
    base_str_free(&s);
    base_str_free(&again);
}

static void test_round_trip(void **state)
{
    (void)state;
    comes_back("");
    comes_back("a: 1\nb: [1, [2, 3], {c: d, e: []}, {}]\nf: {g: {h: {i: j}}}\n");
    comes_back("- - - 1\n    - 2\n  - 3\n- a: b\n  c: d\n-\n- ~\n- null\n- 'null'\n- ''\n");
    comes_back("a: ['', \"x\\ty\\n\\\\ \\\"q\\\" \\x01\\x7f\\N\\L\\P\\_\", 'it''s']\n");
    comes_back("a: \"\\uFEFF \xC3\xA4 \xF0\x9F\x98\x80 \\uFFFE\"\n");
    comes_back("a: |\n  two\n   lines\n\nb: >\n  folded\n  text\n");
    comes_back("a: -x\nb: --\nc: '---'\nd: '...'\ne: '- x'\nf: 'a: b'\ng: 'a #b'\nh: ' x '\ni: '[1]'\nj: '&a'\n");
    comes_back("\"a b\": 1\n\"a: b\": 2\n\"- x\": 3\n\"[\": 4\n\"\\n\": 5\n");
    comes_back("a: http://x/y?z=1&w=2\nb: 1e-3\nc: -0.5\nd: +1\ne: .5\n");
    comes_back("just text");
    comes_back("[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),      cmocka_unit_test(test_empty),         cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_many_keys),     cmocka_unit_test(test_files),
        cmocka_unit_test(test_overrides), cmocka_unit_test(test_bad_overrides), cmocka_unit_test(test_round_trip),
    };
#ifndef TARN_HAVE_YAML
    base_error e = {0};
    format_yaml t;
    if (format_yaml_parse("", 0, "r", ".", NULL, &t, &e) != TN_UNSUPPORTED || !strstr(e.text, "libyaml-dev"))
        return 1;
    (void)printf("SKIPPED: built without libyaml\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
