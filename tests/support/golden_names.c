/* golden_names.c: the names of the cases in tests/golden.
 *
 * Files of operators have metadata "NAME.K" for each case, whose text may name the operator by "tarn"; others list their cases, or the
 * layers, optimizers ("variants") and schedules that they compare, as words; those of graphs and of L-BFGS are known by their tensors
 * "NAME...." alone. */
#include "golden_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

static const char *const files[] = {"ops",      "vocabulary", "sequence", "vision", "losses", "signal",
                                    "linalg",   "layers",     "graph",    "mlp",    "cnn",    "norm",
                                    "max_norm", "optim",      "optim64",  "kfac",   "wgan"};
enum { FILES = sizeof files / sizeof *files };

typedef struct golden_name {
    int file, kind, orders;
    char name[60];
} golden_name;

static golden_name *names;
static size_t names_n, names_capacity;

static bool known(int file, int kind, const char *text, size_t length)
{
    for (size_t i = names_n; i-- && names[i].file == file;)
        if (names[i].kind == kind && strlen(names[i].name) == length && memcmp(names[i].name, text, length) == 0)
            return true;
    return false;
}

/* What of gradients a file has under "CASE.": gin and grad, ggin. */
static int orders_of(const format_safetensors *f, const char *name, size_t length)
{
    int orders = 0;
    for (size_t i = 0; i < f->n; i++) {
        const char *tensor = f->tensors[i].name;
        if (strncmp(tensor, name, length) != 0 || tensor[length] != '.')
            continue;
        orders |= strncmp(tensor + length, ".gin", 4) == 0 || strncmp(tensor + length, ".grad.", 6) == 0;
        orders |= strncmp(tensor + length, ".ggin", 5) == 0 ? 2 : 0;
    }
    return orders;
}

static void add(int file, int kind, const char *text, size_t length, int orders)
{
    if (length == 0 || length >= sizeof names->name)
        return;
    if (names_n == names_capacity) {
        names_capacity = names_capacity ? 2 * names_capacity : 256;
        golden_name *more = realloc(names, names_capacity * sizeof *names);
        if (!more)
            abort();
        names = more;
    }
    golden_name *n = &names[names_n++];
    *n = (golden_name){.file = file, .kind = kind, .orders = orders};
    memcpy(n->name, text, length);
}

/* Each word of a text once. */
static void add_words(const format_safetensors *f, int file, int kind, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    for (const char *c = text; *c;) {
        size_t n = strspn(c, letters);
        if (!known(file, kind, c, n))
            add(file, kind, c, n, orders_of(f, c, n));
        c += n;
        c += strcspn(c, letters);
    }
}

/* A case "NAME.K" of an operator; "plateau.K" are schedules. */
static void add_case(const format_safetensors *f, int file, const format_pair *p)
{
    const int orders = orders_of(f, p->key, strlen(p->key));
    static const char key[] = "\"tarn\": \"";
    const char *own = strstr(p->value, key), *dot = strchr(p->key, '.');
    if (own)
        add(file, GOLDEN_OPERATOR, own + strlen(key), strcspn(own + strlen(key), " \""), orders);
    else if (dot && p->value[0] == '{')
        add(file, strncmp(p->key, "plateau.", 8) == 0 ? GOLDEN_SCHEDULE : GOLDEN_OPERATOR, p->key,
            (size_t)(dot - p->key), orders);
}

static void add_file(int file, const format_safetensors *f)
{
    static const struct {
        const char *key;
        int kind;
    } lists[] = {{"cases", GOLDEN_LAYER},
                 {"layers", GOLDEN_LAYER},
                 {"variants", GOLDEN_OPTIMIZER},
                 {"schedules", GOLDEN_SCHEDULE}};
    bool of_operators = format_safetensors_metadata(f, "counts") != NULL;
    for (size_t i = 0; i < f->metadata_n; i++)
        add_case(f, file, &f->metadata[i]);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *words = format_safetensors_metadata(f, lists[i].key);
        if (words && !of_operators)
            add_words(f, file, lists[i].kind, words);
    }
    int kind = f->metadata_n == 1 ? GOLDEN_LAYER : GOLDEN_OPTIMIZER;
    for (size_t i = 0; i < f->n && (kind == GOLDEN_LAYER || strcmp(files[file], "optim") == 0); i++) {
        size_t n = strcspn(f->tensors[i].name, ".");
        if (!known(file, kind, f->tensors[i].name, n))
            add(file, kind, f->tensors[i].name, n, orders_of(f, f->tensors[i].name, n));
    }
}

bool golden_names_open(void)
{
    base_error e = {0};
    for (int i = names_n ? FILES : 0; i < FILES; i++) {
        char path[1024];
        format_safetensors *f = NULL;
        (void)snprintf(path, sizeof path, TARN_SOURCE_DIR "/tests/golden/%s.safetensors", files[i]);
        if (format_safetensors_open(path, &f, &e) != TN_OK)
            return false;
        add_file(i, f);
        format_safetensors_free(f);
    }
    return true;
}

static bool matches(const char *name, const char *words)
{
    for (const char *c = words; *c;) {
        size_t n = strcspn(c, " ");
        bool any_end = n && c[n - 1] == '*';
        if (strncmp(name, c, any_end ? n - 1 : n) == 0 && (any_end || strlen(name) == n))
            return true;
        c += n;
        c += strspn(c, " ");
    }
    return false;
}

int golden_names_count(const char *words, int kinds, base_str *s)
{
    int all = 0;
    for (int file = 0; file < FILES; file++) {
        int n = 0;
        for (size_t i = 0; i < names_n; i++)
            n += names[i].file == file && (names[i].kind & kinds) && matches(names[i].name, words);
        if (n && s)
            base_str_printf(s, "%s%s", all ? ", " : "", files[file]);
        all += n;
    }
    return all;
}

int golden_names_orders(const char *words, int kinds)
{
    int orders = 0;
    for (size_t i = 0; i < names_n; i++)
        if ((names[i].kind & kinds) && matches(names[i].name, words))
            orders |= names[i].orders;
    return orders;
}
