/* golden.c: see golden.h. */
#include "support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden_file.h"
#include "support/op_case.h"
#include <tarn/program.h>

enum { MOST = GOLDEN_MOST };

/* ---- options and tensors ----------------------------------------------------------------------------------------- */

double golden_number(const golden *c, const char *key, double otherwise)
{
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_f64(v, key, &otherwise, NULL);
    return otherwise;
}

bool golden_flag(const golden *c, const char *key, bool otherwise)
{
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_bool(v, key, &otherwise, NULL);
    return otherwise;
}

const char *golden_word(const golden *c, const char *key)
{
    const char *text = "";
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_string(v, key, &text, NULL);
    return text;
}

/* A number or a list of them; how many, 0 if the key is missing. */
int golden_numbers(const golden *c, const char *key, int64_t out[TN_MAX_RANK])
{
    size_t n = 0;
    const format_json *v = format_json_find(c->options, key);
    if (v && format_json_as_i64(v, key, -1000, 1000, out, NULL) == TN_OK)
        return 1;
    if (v)
        (void)format_json_as_i64s(v, key, out, TN_MAX_RANK, &n, NULL);
    return (int)n;
}

int golden_floats(const golden *c, const char *key, double *out, int most)
{
    const format_json *v = format_json_find(c->options, key);
    int n = 0;
    for (; n < most && format_json_at(v, (size_t)n); n++)
        (void)format_json_as_f64(format_json_at(v, (size_t)n), key, &out[n], NULL);
    return n;
}

const format_tensor *golden_stored(const golden *c, const char *what, int i)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s%d", c->name, what, i);
    return format_safetensors_find(c->file, name);
}

void golden_pair(const golden *c, const char *key, int out[2])
{
    int64_t v[TN_MAX_RANK] = {0};
    if (golden_numbers(c, key, v) == 2) {
        out[0] = (int)v[0];
        out[1] = (int)v[1];
    }
}

/* ---- the case's own word -------------------------------------------------------------------------------------- */

/* By the case's own word: "clamp min=-1 max=1". */
static bool make_named(golden *c)
{
    char name[64];
    op_case parsed;
    base_error e = {0};
    const char *text = golden_word(c, "tarn");
    size_t length = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    const op_def *def = op_find(name);
    int n_in = 0;
    for (int i = 0; i < MOST; i++)
        n_in = c->in[i] ? i + 1 : n_in;
    if (!def)
        fail_msg("%s: there is no operator '%s'", c->name, name);
    if (op_case_parse(&parsed, def, text + length, &e) != TN_OK)
        fail_msg("%s: %s", c->name, e.text);
    graph_node *node = op_apply(c->graph, def, n_in, c->in, &parsed.args);
    for (int i = 0; node && i < node->n_out; i++)
        c->out[i] = &node->out[i];
    return true;
}

bool golden_missing(golden *c)
{
    (void)c;
    return false;
}

/* ---- building, running, comparing -------------------------------------------------------------------------------- */

static tn_dtype golden_dtype(const golden *c, tn_dtype stored)
{
    return stored == TN_F32 ? c->as : stored;
}

static tn_tensor *as_input(golden *c, const char *what, int i)
{
    const format_tensor *t = golden_stored(c, what, i);
    char name[32];
    tn_shape shape = {.rank = 0};
    if (!t)
        return NULL;
    snprintf(name, sizeof name, "%s%d", what, i);
    shape.rank = t->rank;
    memcpy(shape.dims, t->dims, sizeof shape.dims);
    return tn_input(c->graph, name, golden_dtype(c, t->dtype), shape);
}

static tn_tensor *add_product(tn_tensor *all, tn_tensor *a, tn_tensor *b)
{
    tn_tensor *part = tn_sum(tn_mul(a, b));
    return all ? tn_add(all, part) : part;
}

static void output(tn_entry *e, const char *what, int i, tn_tensor *value)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, i);
    tn_entry_output(e, name, value);
}

/* Second gradients: of s = sum(gin * v), in the inputs and in gout0. */
static void add_second(golden *c, tn_entry *e, int n, tn_tensor *const *wrt, tn_tensor *const *gin, const int *which)
{
    tn_tensor *s = NULL, *at[MOST], *got[MOST];
    for (int i = 0; i < n; i++) {
        s = add_product(s, gin[i], as_input(c, "v", which[i]));
        at[i] = wrt[i];
    }
    at[n] = c->gout[0];
    if (tn_gradients(s, n + 1, at, got) != TN_OK)
        return;
    for (int i = 0; i < n; i++)
        if (golden_stored(c, "ggin", which[i]))
            output(e, "ggin", which[i], got[i]);
    output(e, "ggout", 0, got[n]);
}

static void add_gradients(golden *c, tn_entry *e)
{
    tn_tensor *loss = NULL, *wrt[MOST], *gin[MOST];
    int which[MOST], n = 0;
    for (int i = 0; i < MOST; i++)
        if (golden_stored(c, "gout", i)) {
            c->gout[i] = as_input(c, "gout", i);
            loss = add_product(loss, c->out[i], c->gout[i]);
        }
    for (int i = 0; i < MOST; i++)
        if (golden_stored(c, "gin", i)) {
            which[n] = i;
            wrt[n++] = c->in[i];
        }
    if (!loss || n == 0 || tn_gradients(loss, n, wrt, gin) != TN_OK)
        return;
    for (int i = 0; i < n; i++)
        output(e, "gin", which[i], gin[i]);
    if (golden_stored(c, "v", which[0]))
        add_second(c, e, n, wrt, gin, which);
}

/* Room for t's elements in another dtype, and they themselves. */
static tn_feed feed_of(const golden *c, const format_tensor *t, tn_dtype dtype, bool filled)
{
    size_t n = t->bytes / tn_dtype_size(t->dtype), size = tn_dtype_size(dtype);
    char *data = calloc(n + 1, size);
    assert_non_null(data);
    if (filled && dtype == t->dtype)
        memcpy(data, t->data, t->bytes);
    else if (filled)
        for (size_t i = 0; i < n; i++)
            (void)op_element_from_f64(dtype,
                                      op_element_to_f64(t->dtype, (const char *)t->data + i * tn_dtype_size(t->dtype)),
                                      data + i * size);
    return (tn_feed){t->name + strlen(c->name) + 1, tn_view_of(data, dtype, t->rank, t->dims)};
}

static double largest_of(const format_tensor *t)
{
    double most = 0;
    for (size_t i = 0; i < t->bytes / tn_dtype_size(t->dtype); i++) {
        double v = fabs(op_element_to_f64(t->dtype, (const char *)t->data + i * tn_dtype_size(t->dtype)));
        most = isfinite(v) && v > most ? v : most;
    }
    return most;
}

/* Parts of the element, and of the tensor's largest one, as sums cancel. */
static double bound_of(tn_dtype dtype, double element, double most)
{
    switch (dtype) {
    case TN_F64: return 1.2e-7 * fabs(element) + 2e-11 * most + 1e-37; /* f32's rounding of what is stored */
    case TN_F32: return 1e-5 * fabs(element) + 2e-6 * most + 1e-12;
    case TN_F16: return 8e-3 * fabs(element) + 4e-3 * most + 1e-6;
    case TN_BF16: return 6e-2 * fabs(element) + 3e-2 * most;
    default: return 0;
    }
}

/* How many elements are not what is wanted. */
static int compare(const golden *c, const format_tensor *want, const tn_view *got)
{
    size_t size = tn_dtype_size(want->dtype), step = tn_dtype_size(got->dtype);
    double most = largest_of(want);
    for (size_t i = 0; i < want->bytes / size; i++) {
        double y = op_element_to_f64(got->dtype, (const char *)got->data + i * step),
               w = op_element_to_f64(want->dtype, (const char *)want->data + i * size);
        bool stored = (double)(float)y == w; /* NOLINT: also where f32 has an infinity or a 0 */
        if (isnan(w) ? isnan(y) : y == w || stored || fabs(y - w) <= bound_of(got->dtype, w, most))
            continue;
        print_error("%s in %s: element %zu is %.9g; PyTorch says %.9g (%s)\n", want->name, tn_dtype_name(got->dtype), i,
                    y, w, golden_word(c, "note"));
        return 1;
    }
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What an output of the entry is made in: operators may give a dtype of their own. */
static tn_dtype dtype_of(const golden *c, const char *what, tn_dtype stored)
{
    return begins(what, "out") && c->out[atoi(what + 3)] ? tn_tensor_dtype(c->out[atoi(what + 3)])
                                                         : golden_dtype(c, stored);
}

/* Feeds everything that the file has for the case and is an input, fetches everything else; failures. */
static int run(const golden *c, tn_program *p)
{
    tn_feed feeds[32], fetches[32];
    const format_tensor *want[32];
    int n = 0, m = 0, failures = 0;
    for (size_t i = 0; i < c->file->n; i++) {
        const format_tensor *t = &c->file->tensors[i];
        size_t length = strlen(c->name);
        if (strncmp(t->name, c->name, length) != 0 || t->name[length] != '.')
            continue;
        const char *what = t->name + length + 1;
        if (begins(what, "in") || begins(what, "gout") || begins(what, "v")) {
            feeds[n++] = feed_of(c, t, golden_dtype(c, t->dtype), true);
        } else {
            want[m] = t;
            fetches[m] = feed_of(c, t, dtype_of(c, what, t->dtype), false);
            m++;
        }
    }
    tn_session *s = tn_session_new(p, NULL);
    if (tn_run(s, "e", n, feeds, m, fetches) != TN_OK) {
        print_error("%s: %s\n", c->name, tn_session_error(s));
        failures++;
    } else {
        for (int i = 0; i < m; i++)
            failures += compare(c, want[i], &fetches[i].view);
    }
    for (int i = 0; i < m; i++)
        free(fetches[i].view.data);
    for (int i = 0; i < n; i++)
        free(feeds[i].view.data);
    tn_session_free(s);
    return failures;
}

/* 1 or more failures, 0, or -1 for a case that Tarn has not. */
static int check(golden *c, bool (*build)(golden *))
{
    for (int i = 0; i < MOST; i++)
        c->in[i] = as_input(c, "in", i);
    if (build == golden_missing || !build(c))
        return -1;
    tn_entry *e = tn_entry_new(c->graph, "e", c->training ? TN_TRAINING : 0);
    for (int i = 0; i < MOST; i++)
        if (c->out[i] && golden_stored(c, "out", i))
            output(e, "out", i, c->out[i]);
    add_gradients(c, e);
    tn_program *p = tn_compile(c->graph, NULL);
    int failures = p ? run(c, p) : 1;
    if (!p)
        print_error("%s: %s\n", c->name, tn_graph_error(c->graph));
    tn_program_free(p);
    return failures;
}

static int check_named(const format_safetensors *file, tn_context *context, const char *name, const golden_row *table,
                       tn_dtype as)
{
    golden c = {.file = file, .name = name, .graph = tn_graph_new(context), .as = as};
    const char *options = format_safetensors_metadata(file, name), *dot = strchr(name, '.');
    int result = 1;
    base_error e = {0};
    if (format_json_parse(options, strlen(options), NULL, name, &c.options, &e) != TN_OK)
        fail_msg("%s", e.text);
    bool named = format_json_find(c.options, "tarn");
    if (named)
        result = check(&c, make_named);
    for (size_t i = 0; !named; i++) {
        if (!table[i].name) {
            print_error("%s: this test knows no such operator\n", name);
            break;
        }
        if (strlen(table[i].name) == (size_t)(dot - name) && begins(name, table[i].name)) {
            result = check(&c, table[i].build);
            break;
        }
    }
    format_json_free(c.options);
    tn_graph_free(c.graph);
    return result;
}

/* Whether a case "NAME.K" is one of these, or of one of these operators. */
static bool is_of(const char *name, const char *const *some)
{
    size_t length = strcspn(name, ".");
    for (int i = 0; some && some[i]; i++)
        if (strcmp(some[i], name) == 0 || (strlen(some[i]) == length && begins(name, some[i])))
            return true;
    return false;
}

static void check_file(const char *name, int least, const golden_row *table, const char *const *but, tn_dtype as)
{
    format_safetensors *file = golden_file(name);
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    char *cases = strdup(format_safetensors_metadata(file, "cases")), *save;
    int done = 0, not_there = 0, failures = 0;
    for (char *of = strtok_r(cases, " ", &save); of; of = strtok_r(NULL, " ", &save)) {
        if (is_of(of, but))
            continue;
        int result = check_named(file, context, of, table, as);
        done += result >= 0;
        not_there += result < 0;
        failures += result > 0 ? result : 0;
    }
    print_message("%d cases of PyTorch's in %s, %d failures; %d are of operators that are not there\n", done,
                  tn_dtype_name(as), failures, not_there);
    free(cases);
    tn_context_free(context);
    format_safetensors_free(file);
    assert_int_equal(failures, 0);
    assert_true(done >= least);
}

void golden_check_file(const char *name, int least, const golden_row *table)
{
    check_file(name, least, table, NULL, TN_F32);
    check_file(name, least, table, NULL, TN_F64);
}

void golden_check_halves(const char *name, int least, const golden_row *table, const char *const *but)
{
    check_file(name, least, table, but, TN_F16);
    check_file(name, least, table, but, TN_BF16);
}
