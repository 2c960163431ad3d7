/* The definitions of all operators are complete, and docs/operators.md is what they say. Run with --write DIR, where DIR is
 * the top of the source, this program writes the page anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "cpu_list.h"
#include "op/scheme/op.h"
#include "program/backend.h"
#include "support/golden_names.h"
#include "support/vocabulary.h"

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void print_class(uint32_t dtypes, base_str *s)
{
    static const struct {
        uint32_t dtypes;
        const char *name;
    } classes[] = {
        {OP_ANY, "any"}, {OP_NUMBERS, "number"}, {OP_FLOATS, "float"}, {OP_INTS, "integer"}, {OP_INDEX, "index"}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].dtypes == dtypes) {
            base_str_add(s, classes[i].name);
            return;
        }
    const char *between = "";
    for (int d = 1; d < TN_DTYPE_END; d++)
        if (dtypes & OP_BIT(d)) {
            base_str_printf(s, "%s%s", between, tn_dtype_name((tn_dtype)d));
            between = " ";
        }
}

static void print_slots(const op_slot *slot, int n, base_str *s)
{
    for (int i = 0; i < n; i++) {
        base_str_printf(s, "%s%s%s%s", i ? ", " : "", slot[i].name, slot[i].flags & OP_OPTIONAL ? "?" : "",
                        slot[i].flags & OP_VARIADIC ? " ..." : "");
        if (!slot[i].dtypes)
            continue;
        base_str_add(s, ": ");
        print_class(slot[i].dtypes, s);
    }
}

static void print_default(const op_argdef *a, base_str *s)
{
    static const char *const kinds[] = {
        [OP_TEXT] = "text", [OP_INTS_LIST] = "numbers", [OP_DIMS] = "sizes", [OP_DATA] = "data", [OP_DTYPE] = "dtype"};
    char number[32];
    if (a->kind == OP_INT)
        base_str_printf(s, "=%lld", (long long)a->def.i);
    else if (a->kind == OP_BOOL)
        base_str_add(s, a->def.i ? "=true" : "=false");
    else if (a->kind == OP_FLOAT)
        base_str_printf(s, "=%s", base_format_f64(a->def.f, number));
    else if (a->kind == OP_ENUM)
        for (int i = 0; a->names[i]; i++)
            base_str_printf(s, "%s%s", i ? " or " : "=", a->names[i]);
    else
        base_str_printf(s, ": %s", kinds[a->kind]);
}

/* ---- what is known of an operator from elsewhere -------------------------------------------------------------------- */

#define X(name) extern const kernel cpu_kernels_##name[];
CPU_LIST(X)
#undef X

static const kernel *const kernels[] = {
#define X(name) cpu_kernels_##name,
    CPU_LIST(X)
#undef X
        NULL};

/* Whether the tile engine computes an operator on elements of some dtype. */
static bool in_tiles(const op_def *def)
{
    for (int d = 1; d < TN_DTYPE_END; d++) {
        tn_tensor x[OP_MAX_IN] = {0}, y = {.type.dtype = (tn_dtype)d}, *in[OP_MAX_IN];
        graph_node node = {.def = def, .n_in = op_count_in(def), .n_out = 1, .in = in, .out = &y};
        for (int i = 0; i < node.n_in; i++) {
            uint32_t class = def->in[i].dtypes ? def->in[i].dtypes : OP_BIT(d);
            x[i].type.dtype = class & OP_BIT(d) ? (tn_dtype)d : (tn_dtype)__builtin_ctz(class);
            in[i] = &x[i];
        }
        if (op_count_out(def) == 1 && backend_cpu.pass.fuses(&node))
            return true;
    }
    return false;
}

/* How an operator without a kernel of its own runs. */
static const char *runs_by(const op_def *def)
{
    return def->flags & (OP_SOURCE | OP_VIEW) ? "none needed"
           : in_tiles(def)                    ? "tile engine"
           : def->lower                       ? "by parts"
           : def == &op_fused                 ? "tile engine"
                                              : "reference";
}

static bool has_kernel(const op_def *def)
{
    for (int t = 0; kernels[t]; t++)
        for (const kernel *k = kernels[t]; k->name; k++)
            if (strcmp(k->op, def->name) == 0)
                return true;
    return false;
}

static int by_reference(const op_def *def)
{
    return !has_kernel(def) && strcmp(runs_by(def), "reference") == 0;
}

static void print_kernels(const op_def *def, base_str *s)
{
    const char *between = "";
    size_t before = s->length;
    for (int t = 0; kernels[t]; t++)
        for (const kernel *k = kernels[t]; k->name; k++)
            if (strcmp(k->op, def->name) == 0) {
                base_str_printf(s, "%s%s", between, k->name);
                between = ", ";
            }
    if (s->length == before)
        base_str_add(s, runs_by(def));
}

/* How many golden cases are about the operator, by its name or PyTorch's; s (may be NULL): in which files. */
static int golden_of(const op_def *def, base_str *s)
{
    char words[160];
    (void)snprintf(words, sizeof words, "%s %s", def->name, def->torch ? strrchr(def->torch, '.') + 1 : "");
    return golden_names_count(words, GOLDEN_OPERATOR, s);
}

static const char *gradient_of(const op_def *def)
{
    bool floats = false;
    for (int i = 0; i < op_count_in(def); i++)
        floats |= (def->in[i].dtypes & OP_FLOATS) != 0;
    return !floats || def->flags & OP_SOURCE ? ""
           : def->grad == op_grad_zero       ? "zero"
           : def->grad                       ? "any order"
           : def->lower                      ? "any order, by lowering"
                                             : "";
}

static void print_row(const op_def *def, base_str *s)
{
    base_str_printf(s, "| `%s` | ", def->name);
    for (const char *c = def->doc; *c; c++) { /* a bar would end the cell */
        base_str_add(s, *c == '|' ? "\\" : "");
        base_str_bytes(s, c, 1);
    }
    base_str_add(s, " | ");
    print_slots(def->in, op_count_in(def), s);
    base_str_add(s, " | ");
    print_slots(def->out, op_count_out(def), s);
    base_str_add(s, " | ");
    for (int i = 0; i < op_count_arg(def); i++) {
        base_str_printf(s, "%s%s", i ? ", " : "", def->arg[i].name);
        print_default(&def->arg[i], s);
    }
    base_str_printf(s, " | %s | %s | ",
                    def->flags & OP_SOURCE        ? "source"
                    : def->flags & OP_ELEMENTWISE ? "element-wise"
                    : def->flags & OP_VIEW        ? "view"
                    : def->lower                  ? "lowered"
                                                  : "",
                    gradient_of(def));
    print_kernels(def, s);
    base_str_printf(s, " | %s%s%s | %s | %s |\n", def->torch ? "`" : "", def->torch ? def->torch : "",
                    def->torch ? "`" : "", def->onnx ? def->onnx : "", golden_of(def, NULL) ? "yes" : "");
}

static int is_operator(const char *name)
{
    return op_find(name) != NULL;
}

static const char *operator_row(const char *name, base_str *golden)
{
    const op_def *def = op_find(name);
    (void)golden_of(def, golden);
    return def->torch;
}

/* The page; *wrong: what the list of the vocabulary lacks. */
static base_str page(base_str *wrong)
{
    base_str s = {0};
    base_str_add(
        &s, "# Operators\n\n"
            "Written from the definitions in `src/op/` by `tests/op/test_operators.c`; the file of an "
            "operator has its formulas,\n"
            "gradient, test cases and tolerances. `?` marks what may be absent. Dtypes: any = number or bool, "
            "number = float or\n"
            "integer, float = f64 f32 f16 bf16, integer = i64 i32 i16 i8 u8, index = i64 i32; slots without "
            "one have that of another.\n"
            "Kinds: an element-wise operator may be fused with others; a view moves no data where the reader "
            "takes strides; a\n"
            "lowered one is written with others unless a backend has a kernel for the whole. Gradients are of any "
            "order: by a rule\n"
            "of their own, or by lowering, which differentiates what the operator is written with. Kernels: the CPU's "
            "own for the whole,\n"
            "for some dtypes at least; the tile engine, alone or fused with others; by parts, as lowered; or the "
            "reference, which is\n"
            "slow. PyTorch and ONNX: what does the same there, perhaps with other arguments; golden: tests/golden "
            "compares values and\n"
            "gradients with PyTorch's, in f64 and f32, most in f16 and bf16 too. Below stand composites, layers, "
            "losses, optimizers and schedules.\n\n"
            "| operator | does | inputs | outputs | arguments | kind | gradient | kernels | PyTorch | ONNX | golden |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; op_table[i]; i++)
        print_row(op_table[i], &s);
    vocabulary_sections(&s, wrong, is_operator, operator_row, by_reference);
    return s;
}

static void page_is_what_the_definitions_say(void **p)
{
    (void)p;
    if (!golden_names_open()) {
        print_message("skipped: the golden files cannot be read without jansson (libjansson-dev)\n");
        skip();
    }
    base_str wrong = {0}, want = page(&wrong);
    if (wrong.length)
        fail_msg("%s", wrong.text);
    char *have = calloc(1, want.length + 2);
    FILE *f = fopen(TARN_SOURCE_DIR "/docs/operators.md", "rb");
    size_t n = f ? fread(have, 1, want.length + 1, f) : 0, line = 1;
    if (f)
        (void)fclose(f);
    for (size_t i = 0; i < want.length && i < n && have[i] == want.text[i]; i++)
        line += have[i] == '\n';
    if (n != want.length || memcmp(have, want.text, n) != 0)
        fail_msg("docs/operators.md is not what the definitions say, from line %zu on; run test_operators --write . in "
                 "the top folder",
                 line);
    free(have);
    base_str_free(&want);
}

/* ---- completeness ------------------------------------------------------------------------------------------------ */

static void definitions_are_complete(void **p)
{
    (void)p;
    for (int i = 0; op_table[i]; i++) {
        const op_def *d = op_table[i];
        if (!d->name || !d->doc || !d->infer || op_count_out(d) == 0)
            fail_msg("operator %d (%s) lacks a name, a doc, an inference or an output", i, d->name ? d->name : "?");
        if (op_find(d->name) != d)
            fail_msg("two operators are called '%s'", d->name);
        if (d->flags & (OP_SOURCE | OP_OPAQUE))
            continue;
        if (!d->ref || !d->cases || !d->cases[0])
            fail_msg("'%s' lacks a reference or test cases", d->name);
        if (!d->grad && !d->lower)
            fail_msg("'%s' has neither a gradient nor a lowered form", d->name);
        for (int k = 0; k < op_count_arg(d); k++)
            for (int j = 0; j < k; j++)
                if (strcmp(d->arg[k].name, d->arg[j].name) == 0)
                    fail_msg("'%s' has two arguments called '%s'", d->name, d->arg[k].name);
    }
}

/* Where an output has its dtype from: itself, or the first input of the same variable. */
static uint32_t class_of(const op_def *d, const op_slot *out)
{
    for (int i = 0; !out->dtypes && i < op_count_in(d); i++)
        if (d->in[i].var == out->var)
            return d->in[i].dtypes;
    return out->dtypes;
}

static void every_dtype_has_a_tolerance(void **p)
{
    (void)p;
    for (int i = 0; op_table[i]; i++) {
        const op_def *d = op_table[i];
        for (int k = 0; !(d->flags & (OP_SOURCE | OP_OPAQUE)) && k < op_count_out(d); k++)
            for (int t = 1; t < TN_DTYPE_END; t++)
                if ((class_of(d, &d->out[k]) & OP_BIT(t)) && !d->tol[t].set)
                    fail_msg("'%s' may give %s, but says no tolerance for it", d->name, tn_dtype_name((tn_dtype)t));
    }
}

/* What PyTorch has too is compared with it; random numbers cannot be, and sources compute nothing. */
static void pytorch_has_been_asked(void **p)
{
    (void)p;
    if (!golden_names_open()) {
        print_message("skipped: the golden files cannot be read without jansson (libjansson-dev)\n");
        skip();
    }
    for (int i = 0; op_table[i]; i++)
        if (op_table[i]->torch && !(op_table[i]->flags & (OP_RANDOM | OP_SOURCE)) && !golden_of(op_table[i], NULL))
            fail_msg("'%s' is %s in PyTorch, and no golden file has a case of it; see tests/golden/make_vocabulary.py",
                     op_table[i]->name, op_table[i]->torch);
}

static int write_page(const char *folder)
{
    if (!golden_names_open())
        return 1;
    base_str wrong = {0}, s = page(&wrong);
    (void)fputs(base_str_text(&wrong), stderr);
    base_str_free(&wrong);
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/docs/operators.md", folder);
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(s.text, 1, s.length, f) == s.length;
    good = f && fclose(f) == 0 && good;
    base_str_free(&s);
    (void)fprintf(stderr, good ? "wrote %s\n" : "cannot write %s\n", path);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_page(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_complete),
        cmocka_unit_test(every_dtype_has_a_tolerance),
        cmocka_unit_test(page_is_what_the_definitions_say),
        cmocka_unit_test(pytorch_has_been_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
