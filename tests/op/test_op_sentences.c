/* Every way in which an operator's inference fails is shown by a case: each sentence in src/op, as its format stands in the source,
 * must be what some .bad case of an operator, or a graph made here, gets to read. A file of an operator is held against that operator's
 * own cases, what is shared (src/op/scheme) against those of all. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/op_check.h"
#include <tarn/program.h>

typedef struct sentence {
    const char *op;
    char *text;
} sentence;
static base_vec(sentence) sentences;

/* The graph's sentence is kept, the graph freed. */
static void keep(const char *op, tn_graph *g)
{
    sentence s = {op, strdup(tn_graph_error(g))};
    assert_true(base_vec_push(&sentences, s));
    tn_graph_free(g);
}

static void hear(tn_context *context, const op_def *def, const char *with)
{
    op_case c;
    base_error e = {0};
    tn_dtype dtypes[OP_MAX_IN];
    tn_tensor *in[OP_MAX_IN];
    if (op_case_parse(&c, def, with, &e) != TN_OK || !op_case_dtypes(&c, 0, dtypes))
        return;
    tn_graph *g = tn_graph_new(context);
    (void)op_check_build(&c, g, "x", dtypes, in);
    keep(def->name, g);
}

/* What a case cannot say: sizes that are symbols, arguments that builders give no choice of. */
static void hear_others(tn_context *context)
{
    for (int i = 0; i < 6; i++) {
        tn_graph *g = tn_graph_new(context);
        tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "n"), tn_symbol(g, "m")));
        tn_tensor *q = tn_input(g, "q", TN_F32, TN_SHAPE(3, 4)), *mask = tn_input(g, "mask", TN_F64, TN_SHAPE(3, 3));
        const char *names[] = {"diagonal", "group_norm", "state", "size", "fused", "attention"};
        switch (i) {
        case 0: (void)tn_diagonal(x, 0, 0, 1); break;
        case 1: (void)tn_group_norm(x, 2, NULL, NULL, 1e-5); break;
        case 2: (void)tn_buffer(g, "s", TN_F32, TN_SHAPE(tn_symbol(g, "n")), NULL); break;
        case 3: (void)op_apply(g, op_find("size"), 0, NULL, NULL); break;
        case 4: (void)op_apply(g, &op_fused, 1, &x, NULL); break;
        default: (void)op_apply(g, op_find("attention"), 4, (tn_tensor *[]){q, q, q, mask}, NULL);
        }
        keep(names[i], g);
    }
}

/* Sizes that must be equal, and are found not to be when they become numbers. */
static void hear_bound(tn_context *context)
{
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "n"), tn_symbol(g, "m")));
    tn_entry_output(tn_entry_new(g, "run", 0), "y", tn_fft(x, 0, TN_FFT_BACKWARD));
    tn_program *p = tn_compile(g, NULL);
    tn_session *s = tn_session_new(p, NULL);
    tn_feed feed = {"x", tn_view_of(NULL, TN_F32, 2, (const int64_t[]){2, 3})};
    tn_memory m;
    assert_int_equal(tn_session_plan(s, "run", 1, &feed, &m), TN_SHAPE);
    sentence heard = {"fft", strdup(tn_session_error(s))};
    assert_true(base_vec_push(&sentences, heard));
    tn_session_free(s);
    tn_program_free(p);
    tn_graph_free(g);
}

static void hear_all(tn_context *context)
{
    for (const op_def *const *def = op_table; *def; def++)
        for (const op_bad *bad = (*def)->bad; bad && bad->with; bad++)
            hear(context, *def, bad->with);
    hear_others(context);
    hear_bound(context);
}

/* Whether the text holds what stands between the conversions of the format, in this order. */
static bool fits(const char *text, const char *format)
{
    char part[512];
    while (*format) {
        size_t n = 0;
        for (; *format && *format != '%' && n + 1 < sizeof part; format++)
            part[n++] = *format;
        part[n] = '\0';
        const char *at = strstr(text, part);
        if (!at)
            return false;
        text = at + n;
        if (*format == '%') /* %d, %lld, %s, %g, %zu, %% */
            for (format++; *format && strchr("0123456789.*lz", *format); format++)
                ;
        format += *format != '\0';
    }
    return true;
}

static bool heard(const char *file, const char *format, bool shared)
{
    for (size_t i = 0; i < sentences.n; i++) {
        const sentence *s = &sentences.at[i];
        if ((shared || strcmp(s->op, file) == 0) && fits(s->text, format))
            return true;
    }
    return false;
}

/* The string literal at or behind `at`, before the call ends, put together from its pieces; false: there is none. */
static bool literal(const char *at, char *to, size_t size)
{
    size_t n = 0;
    int depth = 0;
    bool any = false;
    for (; *at; at++) {
        if (*at == '"') {
            for (at++; *at && *at != '"'; at++) {
                at += *at == '\\';
                if (n + 1 < size)
                    to[n++] = *at;
            }
            any = true;
        } else if (any && !strchr(" \n", *at)) {
            break;
        } else if (*at == '(') {
            depth++;
        } else if (*at == ')' && --depth == 0) {
            break;
        }
    }
    to[n] = '\0';
    return any;
}

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

typedef struct count {
    int all, missing;
} count;

static void look_for(const char *call, const char *file, const char *text, bool shared, count *n)
{
    char format[512];
    for (const char *at = strstr(text, call); at; at = strstr(at + 1, call)) {
        const char *open = at + strlen(call) - 1;
        if (!literal(open, format, sizeof format))
            continue; /* its own definition, or a sentence that is handed on */
        n->all++;
        if (heard(file, format, shared))
            continue;
        n->missing++;
        print_message("%s.c:%d: no case gets to read \"%s\"\n", file, line_of(text, at), format);
    }
}

static void read_folder(const char *folder, bool shared, count *n)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char path[1024], name[300];
        size_t length = strlen(f->d_name);
        if (strcmp(f->d_name, "custom.c") == 0) /* its operators are those of tests/unit/test_custom.c */
            continue;
        if (length < 3 || length > 200 || strcmp(f->d_name + length - 2, ".c") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        (void)snprintf(name, sizeof name, "%.*s", (int)length - 2, f->d_name);
        FILE *from = fopen(path, "rb");
        assert_non_null(from);
        static char text[1 << 20];
        text[fread(text, 1, sizeof text - 1, from)] = '\0';
        (void)fclose(from);
        look_for("op_fail(", name, text, shared, n);
        look_for("op_want_same(", name, text, shared, n);
    }
    closedir(d);
}

static void every_sentence_is_read(void **state)
{
    (void)state;
    count n = {0};
    tn_context *context = tn_context_new(NULL);
    hear_all(context);
    read_folder(TARN_SOURCE_DIR "/src/op", false, &n);
    read_folder(TARN_SOURCE_DIR "/src/op/scheme", true, &n);
    for (size_t i = 0; i < sentences.n; i++)
        free(sentences.at[i].text);
    base_vec_free(&sentences);
    tn_context_free(context);
    print_message("%d sentences, %d without a case\n", n.all, n.missing);
    assert_true(n.all > 150);
    assert_int_equal(n.missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_sentence_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
