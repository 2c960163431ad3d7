/* test_report.c: src/train/report.c: the page holds what it was given, escaped, the same each time, and is well-formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"
#include "train/report.h"

/* Void elements apart, every element is closed in order, and no bare & or < is left. */
static void well_formed(const char *page)
{
    char stack[64][16];
    int depth = 0;
    for (const char *p = page; (p = strchr(p, '<')) != NULL;) {
        const char *end = strchr(p, '>');
        char name[16] = "";
        assert_non_null(end);
        assert_int_equal(sscanf(p, "<%15[a-z/!0-9A-Z]", name), 1);
        if (name[0] == '/') {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name + 1);
        } else if (name[0] != '!' && strcmp(name, "meta") != 0 && end[-1] != '/') {
            assert_true(depth < 64);
            memcpy(stack[depth++], name, sizeof name);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
}

static const double epochs[] = {1, 2, 3, 4, 5}, falling[] = {2, 1, 0.5, 0.3, 0.2},
                    rising[] = {0.3, 0.6, 0.8, 0.9, 0.95};

static train_report example(train_confusion *c)
{
    static const tn_plot_series losses[] = {{.name = "training", .x = epochs, .y = falling, .n = 5},
                                            {.name = "validation <5>", .x = epochs, .y = rising, .n = 5}};
    static const train_report_curves curves[] = {{"Loss", "epoch", "loss", losses, 2, true},
                                                 {"Accuracy", "epoch", "share right", losses, 1, false}};
    static const train_fact figures[] = {{"test accuracy", "99.12%"}, {"parameters", "1.2 M"}};
    static const train_fact environment[] = {{"processor", "A & B"}, {"threads", "2"}};
    static const char *const names[] = {"cat", "<dog>", "bird"};
    static const uint8_t pixels[16] = {0, 255, 9};
    static const tn_plot_picture samples[] = {
        {.pixels = pixels, .width = 4, .height = 4, .channels = 1, .caption = "cat (99%)"},
        {.pixels = pixels, .width = 2, .height = 2, .channels = 3, .caption = "<dog> is cat", .marked = true}};
    const int64_t truth[] = {0, 0, 1, 1, 2, 2}, guess[] = {0, 1, 1, 1, 2, 0};
    assert_int_equal(train_confusion_init(c, 3, NULL), TN_OK);
    assert_int_equal(train_confusion_add(c, truth, guess, 6, NULL), TN_OK);
    return (train_report){.title = "digits <1>",
                          .summary = "Trained on 60,000 samples & stopped early.",
                          .figures = figures,
                          .figure_count = 2,
                          .curves = curves,
                          .curves_count = 2,
                          .confusion = c,
                          .class_names = names,
                          .samples = samples,
                          .sample_count = 2,
                          .recipe = "model:\n  - dense: {units: 10}\t# \"<&>\"\r\n",
                          .environment = environment,
                          .environment_count = 2};
}

static void the_page_holds_everything(void **state)
{
    (void)state;
    train_confusion c;
    train_report r = example(&c);
    base_str page = {0}, again = {0};
    assert_int_equal(train_report_html(&r, &page, NULL), TN_OK);
    well_formed(page.text);
    static const char *const parts[] = {"<title>digits &lt;1&gt;</title>",
                                        "60,000 samples &amp; stopped",
                                        "<b>99.12%</b>",
                                        ">validation &lt;5&gt;</text>",
                                        "4 of 6 right: accuracy 0.6667",
                                        "<td>&lt;dog&gt;</td><td>0.6667</td><td>1.0000</td><td>0.8000</td><td>2</td>",
                                        "data:image/png;base64,",
                                        "model:\n  - dense: {units: 10}\t# &quot;&lt;&amp;&gt;&quot;\n</pre>",
                                        "<td>A &amp; B</td>"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(page.text, parts[i]))
            fail_msg("the page lacks %s", parts[i]);
    assert_null(strstr(page.text, "src=\""));
    assert_null(strstr(page.text, "href=\"http"));
    assert_int_equal(train_report_html(&r, &again, NULL), TN_OK);
    assert_string_equal(page.text, again.text);
    base_str_free(&page);
    base_str_free(&again);
    train_confusion_free(&c);
}

static void an_empty_run_has_a_page_too(void **state)
{
    (void)state;
    base_str page = {0};
    assert_int_equal(train_report_html(&(train_report){0}, &page, NULL), TN_OK);
    well_formed(page.text);
    assert_null(strstr(page.text, "<section"));
    base_str_free(&page);
}

static void long_text_is_kept_whole(void **state)
{
    (void)state;
    base_str text = {0}, page = {0};
    for (int i = 0; i < 1000; i++)
        base_str_add(&text, i % 3 ? "\xC3\xA9" : "x");
    assert_int_equal(train_report_html(&(train_report){.recipe = text.text}, &page, NULL), TN_OK);
    assert_non_null(strstr(page.text, text.text));
    base_str_free(&text);
    base_str_free(&page);
}

static void failures_are_handed_on(void **state)
{
    (void)state;
    base_error e = {0};
    const train_report_curves bad = {"Loss", "epoch", "loss", &(tn_plot_series){.name = "x", .n = 3}, 1, false};
    const train_report r = {.curves = &bad, .curves_count = 1};
    assert_int_equal(train_report_write(&r, "never.html", &e), TN_INVALID);
    assert_string_equal(e.text, "curve 0 (x) has 3 values, but its y is NULL");
    assert_false(base_file_exists("never.html"));
    assert_int_equal(train_report_write(&(train_report){0}, "/no/such/folder/report.html", &e), TN_NOT_FOUND);
    (void)scratch_new();
    const char *path = scratch_path("report.html");
    assert_int_equal(train_report_write(&(train_report){0}, path, &e), TN_OK);
    assert_true(base_file_exists(path));
    scratch_remove();
}

int main(int argc, char **argv)
{
    if (argc > 1) { /* for eyes: test_report FILE.html */
        train_confusion c;
        train_report r = example(&c);
        return train_report_write(&r, argv[1], NULL) != TN_OK;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_holds_everything),
        cmocka_unit_test(an_empty_run_has_a_page_too),
        cmocka_unit_test(long_text_is_kept_whole),
        cmocka_unit_test(failures_are_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
