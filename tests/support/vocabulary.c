/* vocabulary.c: the sections of docs/operators.md on what is no operator. Headers are read as clang-format writes them. */
#include "vocabulary.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/optim.h>

#include "golden_names.h"
#include "made_of.h"
#include "op/scheme/op.h"
#include "train/recipe.h"
#include "vocabulary_list.h"

enum {
    ROWS = sizeof vocabulary_list / sizeof *vocabulary_list,
    ONNX_ROWS = sizeof vocabulary_onnx / sizeof *vocabulary_onnx
};

typedef struct writer {
    base_str *page, *wrong;
    int (*is_operator)(const char *name);
    const char *(*operator_row)(const char *name, base_str *golden);
    int (*by_reference)(const op_def *def);
    bool used[ROWS], used_onnx[ONNX_ROWS];
} writer;

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* A whole source file with its comments as spaces, but those that open with ---- . */
static char *read_source(const char *path)
{
    char full[1024];
    (void)snprintf(full, sizeof full, TARN_SOURCE_DIR "/%s", path);
    FILE *f = fopen(full, "rb");
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST);
    if (!f || !text || fread(text, 1, MOST - 1, f) == 0)
        abort();
    (void)fclose(f);
    for (char *c = strstr(text, "/*"); c; c = strstr(c, "/*")) {
        char *end = strstr(c, "*/");
        if (!end)
            break;
        if (strncmp(c, "/* ----", 7) == 0)
            c = end;
        else
            memset(c, ' ', (size_t)(end + 2 - c));
    }
    return text;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The last word of a declaration, before any [. */
static void last_word(const char *from, const char *to, base_str *s)
{
    const char *pointer = strstr(from, "(*");
    const char *end = memchr(from, '[', (size_t)(to - from));
    if (pointer && pointer < to) { /* a function */
        from = pointer + 2;
        end = memchr(from, ')', (size_t)(to - from));
    }
    end = end ? end : to;
    while (end > from && !in_word(end[-1]))
        end--;
    const char *c = end;
    while (c > from && in_word(c[-1]))
        c--;
    base_str_bytes(s, c, (size_t)(end - c));
}

static bool holds(const char *from, const char *to, const char *what)
{
    const char *at = strstr(from, what);
    return at && at < to;
}

/* The fields of the struct of that name, less what is reserved. */
static void fields_of(const char *source, const char *name, size_t length, base_str *s)
{
    char head[120];
    (void)snprintf(head, sizeof head, "typedef struct %.*s {", (int)length, name);
    const char *c = strstr(source, head), *between = "";
    if (!c)
        return;
    for (c += strlen(head); *c; c++) {
        const char *end = c + strcspn(c, ";}");
        if (*end == '}' || holds(c, end, "reserved"))
            break;
        while (c < end) {
            bool function = holds(c, end, "(*");
            const char *comma = function ? NULL : memchr(c, ',', (size_t)(end - c));
            base_str_add(s, between);
            last_word(c, comma ? comma : end, s);
            between = ", ";
            c = comma ? comma + 1 : end;
        }
    }
}

typedef struct declaration {
    base_str inputs, arguments, options;
} declaration;

static void free_declaration(declaration *d)
{
    base_str_free(&d->inputs);
    base_str_free(&d->arguments);
    base_str_free(&d->options);
}

/* What stands between the brackets of a function: tensors, the fields of its options, the rest. */
static declaration read_arguments(const char *c, const char *sources[2])
{
    declaration d = {0};
    const char *end = strchr(c, ')');
    while (c < end) {
        const char *comma = memchr(c, ',', (size_t)(end - c)), *to = comma ? comma : end;
        const char *option = strstr(c, "_opt *");
        if (option && option < to) {
            const char *name = option;
            while (in_word(name[-1]))
                name--;
            for (int i = 0; i < 2; i++)
                if (sources[i])
                    fields_of(sources[i], name, (size_t)(option + 4 - name), &d.options);
        } else if (!holds(c, to, "tn_graph *") && !holds(c, to, "char *name")) {
            base_str *s = holds(c, to, "tn_tensor *") ? &d.inputs : &d.arguments;
            base_str_add(s, s->length ? ", " : "");
            last_word(c, to, s);
        }
        c = to + 1;
    }
    return d;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static const vocabulary_row *row_of(writer *w, const char *group, const char *name)
{
    char full[120];
    (void)snprintf(full, sizeof full, "%s%s", group, name);
    for (int i = 0; i < ROWS; i++)
        if (strcmp(vocabulary_list[i].name, full) == 0) {
            w->used[i] = true;
            return &vocabulary_list[i];
        }
    base_str_printf(w->wrong, "tests/support/vocabulary_list.h has no row '%s', which a header declares\n", full);
    return NULL;
}

static bool is_recipe_layer(const char *word, size_t length)
{
#define X(name) #name,
    static const char *const words[] = {TRAIN_LAYER_LIST(X)};
#undef X
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
            return true;
    return false;
}

static void print_recipe(writer *w, const vocabulary_row *row, const char *name)
{
    const char *c = row->recipe;
    if (!*c && is_recipe_layer(name, strlen(name)))
        base_str_printf(w->page, "`%s`", name);
    for (; *c; c += strspn(c, " ")) {
        size_t n = strcspn(c, " ");
        base_str_printf(w->page, "%s`%.*s`", c == row->recipe ? "" : ", ", (int)n, c);
        if (!is_recipe_layer(c, n))
            base_str_printf(w->wrong, "'%s' is said to be '%.*s' in recipes, which no layer is\n", row->name, (int)n,
                            c);
        c += n;
    }
}

static void print_torch(writer *w, const char *torch)
{
    base_str_printf(w->page, torch && *torch ? "`%s`" : "%s", torch ? torch : "");
}

/* The name in ONNX of a composite or layer. */
static void print_onnx(writer *w, const char *full)
{
    for (int i = 0; i < ONNX_ROWS; i++)
        if (strcmp(vocabulary_onnx[i].name, full) == 0)
            for (const char *c = vocabulary_onnx[i].onnx; *c; c++) {
                base_str_bytes(w->page, *c == ' ' ? ", " : c, *c == ' ' ? 2 : 1);
                w->used_onnx[i] = true;
            }
    base_str_add(w->page, " | ");
}

/* The words of a row's golden cases, into room where they are not said. */
static const char *golden_words(const vocabulary_row *row, const char *name, int kinds, char room[200])
{
    (void)snprintf(room, 200, "%s %s%s", name, name, kinds == (GOLDEN_OPERATOR | GOLDEN_LAYER) ? "" : "_*");
    return *row->golden ? row->golden : room;
}

/* Dtypes and gradients of what a function is made of. What takes no tensors has no gradient. */
static void print_made_of(writer *w, const made_of m, bool takes_tensors)
{
    const char *between = "";
    for (int d = TN_DTYPE_END - 1; d > 0 && m.floats != OP_FLOATS; d--)
        if (m.floats & OP_BIT(d)) {
            base_str_printf(w->page, "%s%s", between, tn_dtype_name((tn_dtype)d));
            between = " ";
        }
    base_str_printf(w->page, "%s | %s | ", m.floats == OP_FLOATS ? "float" : "",
                    !takes_tensors   ? ""
                    : m.has_gradient ? "any order"
                    : m.floats       ? "zero"
                                     : "");
}

/* Kernels, or the operators that have none. */
static void print_kernels(writer *w, const made_of *m)
{
    const char *before = "reference: ";
    for (int i = 0; i < m->n; i++)
        if (w->by_reference(m->of[i])) {
            base_str_printf(w->page, "%s%s", before, m->of[i]->name);
            before = ", ";
        }
    base_str_add(w->page, " | ");
}

/* Which gradients golden files compare. */
static void print_compared(writer *w, const char *words, int kinds)
{
    static const char *const orders[] = {"", "first", "second", "first, second"};
    base_str_printf(w->page, "%s | ", orders[strcmp(words, NOTHING) == 0 ? 0 : golden_names_orders(words, kinds)]);
}

static void print_golden(writer *w, const vocabulary_row *row, const char *name, int kinds)
{
    char room[200];
    bool nothing = strcmp(row->golden, NOTHING) == 0;
    if (!nothing && golden_names_count(golden_words(row, name, kinds, room), kinds, w->page) == 0 && *row->torch)
        base_str_printf(w->wrong, "'%s' is %s in PyTorch, and no golden file has a case of it\n", row->name,
                        row->torch);
}

static void print_function(writer *w, const char *group, const char *function, const char *name, const char *brackets,
                           const char *sources[2])
{
    const vocabulary_row *row = row_of(w, group, name);
    declaration d = read_arguments(brackets, sources);
    const int kinds = GOLDEN_LAYER | GOLDEN_OPERATOR | (*group ? GOLDEN_OPTIMIZER : 0);
    if (row) {
        base_str_printf(w->page, "%s | %s | %s | ", base_str_text(&d.inputs), base_str_text(&d.arguments),
                        base_str_text(&d.options));
        print_recipe(w, row, name);
        base_str_add(w->page, " | ");
        char room[200];
        const made_of m = made_of_function(function);
        if (m.operators == 0)
            base_str_printf(w->wrong, "'%s': no source says which operators it is made of\n", function);
        const char *words = golden_words(row, name, kinds, room);
        print_made_of(w, m, d.inputs.length > 0 || *group || golden_names_orders(words, kinds));
        print_compared(w, words, kinds);
        print_kernels(w, &m);
        print_torch(w, row->torch);
        base_str_add(w->page, " | ");
        print_onnx(w, row->name);
        print_golden(w, row, name, kinds);
        base_str_add(w->page, " |\n");
    }
    free_declaration(&d);
}

/* ---- sections ------------------------------------------------------------------------------------------------------ */

#define FUNCTIONS_HEAD                                                                                                 \
    "| function | inputs | arguments | options | recipe | dtypes | gradient | compared | kernels | PyTorch | ONNX | "  \
    "golden |\n"                                                                                                       \
    "|---|---|---|---|---|---|---|---|---|---|---|---|\n"

/* The word that a loss has in recipes, whose enumerator of recipe.h says it. */
static void print_loss_word(writer *w, const char *name)
{
    char enumerator[80] = "TRAIN_LOSS_", *recipe = read_source("src/train/recipe.h");
    size_t n = strlen(enumerator);
    for (const char *c = name; *c && n < sizeof enumerator - 1; c++)
        enumerator[n++] = (char)toupper((unsigned char)*c);
    enumerator[n] = 0;
    for (const char *c = strstr(recipe, enumerator); c; c = strstr(c + n, enumerator))
        if (!in_word(c[n])) {
            base_str_printf(w->page, "`%s`", name);
            break;
        }
    free(recipe);
}

/* The functions of a header from one place to another, composites alone or, of losses, operators too. */
static void print_functions(writer *w, const char *from, const char *to, const char *group, const char *sources[2],
                            bool losses)
{
    for (const char *c = strstr(from, "\nTN_API "); c && (!to || c < to); c = strstr(c + 1, "\nTN_API ")) {
        const char *open = strchr(c, '('), *start = open;
        char name[80];
        while (in_word(start[-1]))
            start--;
        size_t prefix = strncmp(start, "tn_layer_", 9) == 0 && *group ? 9 : 3;
        (void)snprintf(name, sizeof name, "%.*s", (int)(open - start - (ptrdiff_t)prefix), start + prefix);
        bool is_operator = !*group && w->is_operator(name);
        if (is_operator && !losses)
            continue;
        base_str_printf(w->page, "| `%.*s` | ", (int)(open - start), start);
        if (!is_operator) {
            char function[80];
            (void)snprintf(function, sizeof function, "%.*s", (int)(open - start), start);
            print_function(w, group, function, name, open + 1, sources);
            continue;
        }
        declaration d = read_arguments(open + 1, sources);
        base_str golden = {0};
        const char *torch = w->operator_row(name, &golden);
        base_str_printf(w->page, "%s | %s | %s | ", base_str_text(&d.inputs), base_str_text(&d.arguments),
                        base_str_text(&d.options));
        print_loss_word(w, name);
        base_str_add(w->page, " | ");
        const made_of m = made_of_operator(op_find(name));
        print_made_of(w, m, true);
        char words[160];
        (void)snprintf(words, sizeof words, "%s %s", name, torch ? strrchr(torch, '.') + 1 : "");
        print_compared(w, words, GOLDEN_OPERATOR);
        print_kernels(w, &m);
        print_torch(w, torch);
        const char *onnx = op_find(name)->onnx;
        base_str_printf(w->page, " | %s | %s |\n", onnx ? onnx : "", base_str_text(&golden));
        base_str_free(&golden);
        free_declaration(&d);
    }
}

/* Options of recipes that only some optimizers or schedules have: rows {&TABLE, "OPTION", "WORD WORD ..."} of src/train/recipe.c. */
static void print_options(writer *w, const char *recipe, const char *table, const char *word)
{
    const char *between = "";
    for (const char *c = strstr(recipe, table); c; c = strstr(c + 1, table)) {
        const char *option = strchr(c, '"'), *end = strchr(c, '}');
        if (!option || !end || option > end || c[-1] != '&')
            continue;
        size_t length = strcspn(option + 1, "\"");
        const char *words = strchr(option + length + 2, '"');
        if (!words || words > end)
            continue;
        for (words++; *words != '"';) {
            size_t n = strcspn(words, " \"");
            if (n == strlen(word) && strncmp(words, word, n) == 0) {
                base_str_printf(w->page, "%s%.*s", between, (int)length, option + 1);
                between = ", ";
            }
            words += n;
            words += strspn(words, " ");
        }
    }
}

/* Each enumerator of an enum, as a row. */
static void print_kinds(writer *w, const char *source, const char *type, const char *prefix, const char *group,
                        const char *table, int kind)
{
    char head[80], *recipe = read_source("src/train/recipe.c");
    (void)snprintf(head, sizeof head, "typedef enum %s {", type);
    const char *c = strstr(source, head), *end = c ? strchr(c, '}') : NULL;
    for (c = c ? strstr(c, prefix) : NULL; c && c < end; c = strstr(c + 1, prefix)) {
        char name[40] = {0};
        size_t length = strcspn(c, " ,=\n");
        for (size_t i = strlen(prefix); i < length && i - strlen(prefix) < sizeof name - 1; i++)
            name[i - strlen(prefix)] = (char)tolower((unsigned char)c[i]);
        const vocabulary_row *row = row_of(w, group, name);
        if (!row)
            continue;
        base_str_printf(w->page, "| `%.*s` | `%s` | ", (int)length, c, name);
        print_options(w, recipe, table, name);
        base_str_add(w->page, " | ");
        print_torch(w, row->torch);
        base_str_add(w->page, " | ");
        print_golden(w, row, name, kind);
        base_str_add(w->page, " |\n");
    }
    free(recipe);
}

#define KINDS_HEAD "| in C | recipe | options of its own | PyTorch | golden |\n|---|---|---|---|---|\n"

static void print_training(writer *w, const char *optim)
{
    const char *sources[2] = {optim, NULL}, *lbfgs = strstr(optim, "tn_lbfgs(");
    base_str_add(w->page,
                 "\n## Optimizers\n\nOptions that only some take, by their words in [recipes](recipes.md); all are "
                 "fields of `tn_optim_opt`.\n\n" KINDS_HEAD);
    print_kinds(w, optim, "tn_optimizer", "TN_", "optimizer.", "train_options_table", GOLDEN_OPTIMIZER);
    const vocabulary_row *row = lbfgs ? row_of(w, "optimizer.", "lbfgs") : NULL;
    if (row) {
        declaration d = read_arguments(lbfgs + strlen("tn_lbfgs("), sources);
        base_str_printf(w->page, "| `tn_lbfgs` | `lbfgs` | %s | ", base_str_text(&d.options));
        free_declaration(&d);
        print_torch(w, row->torch);
        base_str_add(w->page, " | ");
        print_golden(w, row, "lbfgs", GOLDEN_OPTIMIZER);
        base_str_add(w->page, " |\n");
    }
    base_str_add(w->page,
                 "\n## Schedules\n\nWith any of them a warm-up, another that takes over or is multiplied with: see "
                 "`tn_schedule_opt`.\n\n" KINDS_HEAD);
    print_kinds(w, optim, "tn_schedule_kind", "TN_SCHEDULE_", "schedule.", "train_schedule_table", GOLDEN_SCHEDULE);
}

void vocabulary_sections(base_str *page, base_str *wrong, int (*is_operator)(const char *name),
                         const char *(*operator_row)(const char *name, base_str *golden),
                         int (*by_reference)(const op_def *def))
{
    writer w = {.page = page,
                .wrong = wrong,
                .is_operator = is_operator,
                .operator_row = operator_row,
                .by_reference = by_reference};
    char *ops = read_source("include/tarn/ops.h"), *nn = read_source("include/tarn/nn.h"),
         *optim = read_source("include/tarn/optim.h");
    const char *ops_alone[2] = {ops, NULL}, *both[2] = {nn, ops}, *losses = strstr(ops, "/* ---- losses ----");
    base_str_add(
        page, "\n## Composites\n\nThese functions of `tarn/ops.h` are no operators but write with them what they "
              "compute, and run by the kernels of these.\nOptions are fields "
              "of the struct that they take last; recipe: the word of a layer that is it; dtypes: those of floats that "
              "all the\noperators take which its source names, empty where none takes floats; gradient: that of these "
              "operators; compared: of which\norder gradients are compared with PyTorch's; kernels: empty, or which of "
              "the operators run by reference; golden: files of "
              "tests/golden that have cases of it.\n\n" FUNCTIONS_HEAD);
    print_functions(&w, ops, losses, "", ops_alone, false);
    base_str_add(page, "\n## Layers\n\nFunctions of `tarn/nn.h`, which make parameters.\n\n" FUNCTIONS_HEAD);
    print_functions(&w, nn, NULL, "layer.", both, false);
    base_str_add(page, "\n## Losses\n\nOperators of the table at the top, and composites of them.\n\n" FUNCTIONS_HEAD);
    if (losses)
        print_functions(&w, losses, NULL, "", ops_alone, true);
    print_training(&w, optim);
    for (int i = 0; i < ROWS; i++)
        if (!w.used[i])
            base_str_printf(wrong, "vocabulary_list.h has a row '%s', which no header declares\n",
                            vocabulary_list[i].name);
    for (int i = 0; i < ONNX_ROWS; i++)
        if (!w.used_onnx[i])
            base_str_printf(wrong, "vocabulary_onnx has a row '%s', which no header declares\n",
                            vocabulary_onnx[i].name);
    free(ops);
    free(nn);
    free(optim);
}
