/* test_plot.c: tarn/plot.h and what is behind it. Looks are for eyes (examples draw them); here: well-formed files, the
 * right figures at the right places, the same bytes each time, sentences for wrong use, no crash on wild values. */
#include <float.h>
#include <math.h>
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
#include "train/plot/axis.h"

#ifdef TARN_HAVE_PNG
#include <png.h>
#endif

/* fontconfig keeps some patterns until the process ends. */
TN_API const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

/* Every element closed, every attribute quoted, no bare & or <: enough to catch what our own writer could get wrong. */
static void well_formed(const char *svg)
{
    int depth = 0;
    assert_non_null(svg);
    for (const char *p = svg; *p; p++) {
        if (*p == '&')
            assert_true(strchr(p, ';') && strcspn(p, ";") <= 6);
        assert_true(*p != '>');
        if (*p != '<')
            continue;
        bool closing = p[1] == '/';
        int quotes = 0;
        while (*++p != '>' || quotes % 2) {
            assert_true(*p && *p != '<');
            quotes += *p == '"';
        }
        depth += closing ? -1 : p[-1] == '/' ? 0 : 1;
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf\""));
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        n++;
    return n;
}

static void curves_have_axes_legend_and_gaps(void **state)
{
    (void)state;
    const double a[] = {1, 2, NAN, 4, 5}, b[] = {5, 4, 3, 2, 1};
    const tn_plot_series s[] = {{.name = "a <&> \"b\"", .y = a, .n = 5}, {.name = "b", .y = b, .n = 5, .dashed = true}};
    tn_plot *p = tn_plot_lines(s, 2, &(tn_plot_opt){.title = "T", .x_label = "epoch", .y_label = "loss"});
    const char *svg = tn_plot_svg(p);
    well_formed(svg);
    assert_non_null(strstr(svg, ">a &lt;&amp;&gt; &quot;b&quot;</text>"));
    assert_non_null(strstr(svg, ">epoch</text>"));
    assert_non_null(strstr(svg, ">loss</text>"));
    assert_int_equal(count(svg, "stroke=\"#0072b2\""), 3); /* legend, and two pieces around the gap */
    assert_int_equal(count(svg, "stroke=\"#d55e00\""), 2);
    tn_plot *again = tn_plot_lines(s, 2, &(tn_plot_opt){.title = "T", .x_label = "epoch", .y_label = "loss"});
    assert_string_equal(svg, tn_plot_svg(again));
    tn_plot_free(again);
    tn_plot_free(p);
}

static void curves_are_cut_at_the_edges(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3}, y[] = {-10, 10, -10, 0.5};
    tn_plot_opt o = {.width = 300, .height = 200, .y_min = tn_f64(-1), .y_max = tn_f64(1)};
    tn_plot *p = tn_plot_lines(&(tn_plot_series){.x = x, .y = y, .n = 4}, 1, &o);
    well_formed(tn_plot_svg(p));
    size_t pieces = 0;
    for (const plot_item *i = p->first; i; i = i->next) {
        if (i->kind != PLOT_LINE || i->color != plot_palette(0))
            continue;
        pieces++;
        for (size_t k = 0; k < i->n; k++) {
            assert_true(i->points[2 * k + 1] >= 15 && i->points[2 * k + 1] <= 175);
            assert_true(i->points[2 * k] >= 20 && i->points[2 * k] <= 281);
        }
    }
    assert_int_equal(pieces, 3);
    tn_plot_free(p);
}

static void a_million_points_stay_small(void **state)
{
    (void)state;
    enum { N = 1000000 };
    double *y = malloc(N * sizeof *y);
    assert_non_null(y);
    for (int i = 0; i < N; i++)
        y[i] = sin(i * 0.001) + (i % 7) * 0.1;
    y[N / 2] = 40; /* a spike of one point must survive */
    tn_plot *p = tn_plot_lines(&(tn_plot_series){.y = y, .n = N}, 1, NULL);
    assert_true(strlen(tn_plot_svg(p)) < 200000);
    double top = 1e9;
    for (const plot_item *i = p->first; i; i = i->next)
        for (size_t k = 0; i->kind == PLOT_LINE && i->color == plot_palette(0) && k < i->n; k++)
            top = fmin(top, i->points[2 * k + 1]);
    assert_true(top < 25);
    tn_plot_free(p);
    free(y);
}

static void wild_values_do_no_harm(void **state)
{
    (void)state;
    static const double wild[] = {0,    -0.0,      NAN,  INFINITY, -INFINITY, DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324,
                                  1e-9, 1 + 1e-15, 1e15, 1e300,    -1e300,    1,       -1,       0.1,     123456789};
    enum { N = sizeof wild / sizeof *wild };
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int mode = 0; mode < 4; mode++) {
                const double xy[] = {wild[i], wild[j], wild[(i + j) % N]};
                tn_plot_opt o = {.log_x = mode & 1, .log_y = mode >> 1};
                tn_plot *p = tn_plot_lines(&(tn_plot_series){.x = xy, .y = xy, .n = 3}, 1, &o);
                if (tn_plot_svg(p))
                    well_formed(tn_plot_svg(p));
                else
                    fail_msg("%s", tn_plot_error(p));
                tn_plot_free(p);
                o.y_min = tn_f64(wild[i]);
                o.y_max = tn_f64(wild[j]);
                p = tn_plot_lines(&(tn_plot_series){.y = xy, .n = 3}, 1, &o);
                assert_true(tn_plot_svg(p) != NULL || strstr(tn_plot_error(p), "axis cannot run from"));
                tn_plot_free(p);
                p = tn_plot_bars((const char *const[]){"a", "b", NULL}, 3, &(tn_plot_series){.y = xy, .n = 3}, 1, &o);
                assert_true(tn_plot_svg(p) != NULL || tn_plot_error(p)[0]);
                tn_plot_free(p);
                p = tn_plot_heat(xy, 1, 3, NULL, NULL, NULL);
                assert_non_null(tn_plot_svg(p));
                tn_plot_free(p);
            }
}

static void expect_ticks(double low, double high, bool log, const char *expected)
{
    plot_axis a;
    plot_range r = PLOT_NO_RANGE;
    char text[400] = "";
    plot_range_add(&r, low, log);
    plot_range_add(&r, high, log);
    assert_true(plot_axis_set(&a, r, log, NULL, NULL, 5, true, "x", NULL));
    for (int i = 0; i < a.ticks; i++) {
        strcat(text, i ? " " : "");
        strcat(text, a.label[i]);
        double at = plot_axis_at(&a, a.tick[i]);
        assert_true(at > -1e-9 && at < 1 + 1e-9);
    }
    assert_string_equal(text, expected);
}

static void ticks_are_round_numbers(void **state)
{
    (void)state;
    expect_ticks(0, 1.5, false, "0.0 0.2 0.4 0.6 0.8 1.0 1.2 1.4 1.6");
    expect_ticks(0.02, 0.97, false, "0.0 0.2 0.4 0.6 0.8 1.0");
    expect_ticks(1, 20, false, "0 5 10 15 20");
    expect_ticks(0, 1, false, "0 1");
    expect_ticks(-3.1, 2.5, false, "-4 -3 -2 -1 0 1 2 3");
    expect_ticks(1e7, 3e7, false, "1.0e7 1.5e7 2.0e7 2.5e7 3.0e7");
    expect_ticks(0, 3.9e-9, false, "0 1e-9 2e-9 3e-9 4e-9");
    expect_ticks(0.03, 4, true, "0.02 0.05 0.1 0.2 0.5 1 2 5");
    expect_ticks(1e-7, 1e3, true, "1e-7 1e-5 0.001 0.1 10 1000");
}

static void readable_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {0.5, "0.5"},
                 {12.3456, "12.35"},
                 {99999, "99999"},
                 {1e6, "1e6"},
                 {1.234e-7, "1.23e-7"},
                 {-2.5e12, "-2.5e12"},
                 {0.001234, "0.001234"}};
    char buffer[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(plot_readable(buffer, sizeof buffer, cases[i].value), cases[i].text);
    assert_string_equal(plot_fixed(buffer, sizeof buffer, -0.001, 2), "0.00");
}

static void confusion_matrices_show_their_counts(void **state)
{
    (void)state;
    const int64_t counts[] = {90, 10, 0, 0, 50, 1, 0, 0, 0};
    const char *const names[] = {"cat", "dog", "bird"};
    tn_plot *p = tn_plot_confusion(counts, 3, names, NULL);
    const char *svg = tn_plot_svg(p);
    well_formed(svg);
    assert_non_null(strstr(svg, ">90</text>"));
    assert_int_equal(count(svg, ">cat</text>"), 2);
    assert_non_null(strstr(svg, ">predicted</text>"));
    tn_plot_free(p);
    enum { MANY = 300 };
    int64_t *large = calloc((size_t)MANY * MANY, sizeof *large);
    assert_non_null(large);
    p = tn_plot_confusion(large, MANY, NULL, NULL);
    well_formed(tn_plot_svg(p));
    assert_int_equal(count(tn_plot_svg(p), "<image"), 1);
    tn_plot_free(p);
    free(large);
}

static void wrong_use_gives_a_sentence(void **state)
{
    (void)state;
    const double y[] = {1, 2};
    const uint8_t pixel[3] = {0};
    const char *const names[] = {"a", "b"};
    struct {
        tn_plot *plot;
        const char *sentence;
    } cases[] = {
        {tn_plot_lines(&(tn_plot_series){.name = "loss", .n = 3}, 1, NULL),
         "curve 0 (loss) has 3 values, but its y is NULL"},
        {tn_plot_lines(NULL, 0, &(tn_plot_opt){.width = 10}),
         "a plot of 10 x 400: width and height must be between 40 and 20000"},
        {tn_plot_lines(NULL, 0, &(tn_plot_opt){.scale = (double)NAN}),
         "a plot of scale nan: it must be between 0.1 and 8"},
        {tn_plot_lines(NULL, 0, &(tn_plot_opt){.y_min = tn_f64(2), .y_max = tn_f64(1)}),
         "the y axis cannot run from 2 to 1"},
        {tn_plot_lines(NULL, 0, &(tn_plot_opt){.log_x = true, .x_min = tn_f64(0)}),
         "the x axis cannot run from 0 to 1 on a logarithmic scale"},
        {tn_plot_bars(names, 2, &(tn_plot_series){.name = "s", .y = y, .n = 1}, 1, NULL),
         "series 0 (s) has 1 values for 2 names"},
        {tn_plot_heat(NULL, 1, 1, NULL, NULL, NULL), "a heat map needs values and 1 to 16384 rows and columns"},
        {tn_plot_confusion(NULL, 1, NULL, NULL), "a confusion matrix needs counts and 1 to 16384 classes"},
        {tn_plot_pictures(&(tn_plot_picture){.pixels = pixel, .width = 1, .height = 1, .channels = 2}, 1, 0, NULL),
         "picture 0 is 1 x 1 with 2 channels: it needs pixels, sides of 1 to 16384 and 1 or 3 channels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_non_null(cases[i].plot);
        assert_null(tn_plot_svg(cases[i].plot));
        assert_int_not_equal(tn_plot_save(cases[i].plot, "never.svg"), TN_OK);
        assert_string_equal(tn_plot_error(cases[i].plot), cases[i].sentence);
        assert_false(base_file_exists("never.svg"));
    }
    tn_plot *grid = tn_plot_grid(&cases[3].plot, 1, 0, NULL);
    assert_string_equal(tn_plot_error(grid), "plot 0 of a grid: the y axis cannot run from 2 to 1");
    tn_plot_free(grid);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tn_plot_free(cases[i].plot);
    assert_int_equal(tn_plot_save(NULL, "x.svg"), TN_MEMORY);
    tn_plot_free(NULL);
    tn_plot *p = tn_plot_lines(NULL, 0, NULL);
    assert_int_equal(tn_plot_save(p, "picture.gif"), TN_INVALID);
    assert_string_equal(tn_plot_error(p), "picture.gif: a plot is saved as .svg or .png");
    assert_int_equal(tn_plot_save(p, "/no/such/folder/x.svg"), TN_NOT_FOUND);
    assert_non_null(strstr(tn_plot_error(p), "/no/such/folder/x.svg"));
    tn_plot_free(p);
}

static void bad_text_becomes_valid(void **state)
{
    (void)state;
    base_str s = {0};
    plot_escape(&s, "a\xFF<\x01>\xC0\x80\xED\xA0\x80 \xC3\xA9\xF0\x9F\x90\xA7\xE2\x82");
    assert_string_equal(s.text,
                        "a\xEF\xBF\xBD&lt;\xEF\xBF\xBD&gt;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF"
                        "\xBD \xC3\xA9\xF0\x9F\x90\xA7\xEF\xBF\xBD\xEF\xBF\xBD");
    base_str_free(&s);
}

static void base64_of_the_standard(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        base_str s = {0};
        plot_base64(&s, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(base_str_text(&s), pairs[i][1]);
        base_str_free(&s);
    }
}

#ifdef TARN_HAVE_PNG
static void our_png_is_read_by_libpng(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        enum { W = 301, H = 257 };
        static uint8_t pixels[W * H * 3], back[W * H * 3];
        base_str file = {0};
        for (size_t i = 0; i < sizeof pixels; i++)
            pixels[i] = (uint8_t)(i * i >> 5);
        plot_png_encode(&file, pixels, W, H, channels);
        png_image image = {.version = PNG_IMAGE_VERSION};
        assert_true(png_image_begin_read_from_memory(&image, file.text, file.length));
        assert_int_equal(image.width, W);
        assert_int_equal(image.height, H);
        image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
        assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
        assert_memory_equal(pixels, back, (size_t)W * H * (size_t)channels);
        base_str_free(&file);
    }
}
#endif

static void files_are_written(void **state)
{
    (void)state;
    (void)scratch_new();
    const char *path = scratch_path("plot.png");
    const uint8_t pixels[] = {0, 64, 128, 255, 9, 8};
    const tn_plot_picture q[] = {
        {.pixels = pixels, .width = 2, .height = 2, .channels = 1, .caption = "\xFF is 7"},
        {.pixels = pixels, .width = 1, .height = 2, .channels = 3, .caption = "b", .marked = true}};
    const double y[] = {3, 1, 2};
    tn_plot *parts[] = {
        tn_plot_pictures(q, 2, 0, &(tn_plot_opt){.title = "Samples"}),
        tn_plot_bars((const char *const[]){"a", "b", "c"}, 3, &(tn_plot_series){.y = y, .n = 3}, 1, NULL)};
    tn_plot *p = tn_plot_grid(parts, 2, 0, &(tn_plot_opt){.title = "Both", .scale = 1});
    tn_plot_free(parts[0]);
    tn_plot_free(parts[1]);
    well_formed(tn_plot_svg(p));
    tn_status status = tn_plot_save(p, path);
    if (status == TN_UNSUPPORTED) {
        print_message("skipped: %s\n", tn_plot_error(p));
        assert_non_null(strstr(tn_plot_error(p), "libcairo2"));
    } else {
        void *data;
        size_t bytes;
        assert_int_equal(status, TN_OK);
        assert_int_equal(base_file_read(path, 1 << 24, &data, &bytes, NULL), TN_OK);
        assert_memory_equal(data, "\x89PNG\r\n\x1A\n", 8);
        assert_true(bytes > 2000);
        free(data);
    }
    assert_int_equal(tn_plot_save(p, scratch_path("plot.svg")), TN_OK);
    scratch_remove();
    tn_plot_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_have_axes_legend_and_gaps),
        cmocka_unit_test(curves_are_cut_at_the_edges),
        cmocka_unit_test(a_million_points_stay_small),
        cmocka_unit_test(wild_values_do_no_harm),
        cmocka_unit_test(ticks_are_round_numbers),
        cmocka_unit_test(readable_numbers),
        cmocka_unit_test(confusion_matrices_show_their_counts),
        cmocka_unit_test(wrong_use_gives_a_sentence),
        cmocka_unit_test(bad_text_becomes_valid),
        cmocka_unit_test(base64_of_the_standard),
#ifdef TARN_HAVE_PNG
        cmocka_unit_test(our_png_is_read_by_libpng),
#endif
        cmocka_unit_test(files_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
