/* made_of.c: see made_of.h. Sources are read as clang-format writes them: a function's body is what stands between a line "{" and a line
 * "}", its name the last word before the first bracket of what stands above. */
#include "made_of.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/scheme/op.h"

enum { MOST_FUNCTIONS = 6000, MOST_NAME = 80 };

typedef struct function {
    int file;
    bool seen; /* by the search that is on */
    char name[MOST_NAME];
    const char *from, *to; /* the body */
} function;

static function functions[MOST_FUNCTIONS];
static int n_functions;

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* The file's text, comments and strings as spaces; kept for good. */
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST);
    if (!f || !text)
        abort();
    const size_t n = fread(text, 1, MOST - 1, f);
    (void)fclose(f);
    for (size_t i = 0; i < n; i++) {
        size_t end = i;
        if (text[i] == '/' && text[i + 1] == '*')
            end = (size_t)(strstr(text + i, "*/") - text) + 2;
        else if (text[i] == '"')
            for (end = i + 1; text[end] != '"'; end++)
                end += text[end] == '\\';
        for (; i < end; i++)
            text[i] = text[i] == '\n' ? '\n' : ' ';
    }
    return realloc(text, n + 1);
}

static void add_functions(int file, const char *text)
{
    for (const char *open = strstr(text, "\n{\n"); open; open = strstr(open + 1, "\n{\n")) {
        const char *head = open, *close = strstr(open, "\n}");
        while (head > text && !(head[-1] == '\n' && (*head == '\n' || *head == '}' || *head == '#')))
            head--;
        const char *bracket = memchr(head, '(', (size_t)(open - head)), *word = bracket;
        while (word && word > head && in_word(word[-1]))
            word--;
        if (!bracket || !close || word == bracket || bracket - word >= MOST_NAME)
            continue;
        if (n_functions == MOST_FUNCTIONS)
            abort();
        function *f = &functions[n_functions++];
        *f = (function){.file = file, .from = open, .to = close};
        memcpy(f->name, word, (size_t)(bracket - word));
    }
}

static void read_sources(void)
{
    static const char *const patterns[] = {"src/op/*.c", "src/op/compose/*.c", "src/op/scheme/*.c", "src/nn/*.c"};
    for (int i = 0, file = 0; i < 4 && (i > 0 || n_functions == 0); i++) {
        char path[1024];
        glob_t found;
        (void)snprintf(path, sizeof path, TARN_SOURCE_DIR "/%s", patterns[i]);
        if (glob(path, 0, NULL, &found) != 0)
            abort();
        for (size_t k = 0; k < found.gl_pathc; k++)
            add_functions(file++, read_text(found.gl_pathv[k]));
        globfree(&found);
    }
}

/* ---- searching ----------------------------------------------------------------------------------------------------- */

/* The operator that a word of a body stands for: its builder tn_NAME or op_NAME_of, or its definition op_NAME. */
static const op_def *operator_of(const char *word)
{
    char name[MOST_NAME];
    if (strncmp(word, "tn_", 3) != 0 && strncmp(word, "op_", 3) != 0)
        return NULL;
    (void)snprintf(name, sizeof name, "%s", word + 3);
    size_t n = strlen(name);
    if (word[0] == 'o' && n > 3 && strcmp(name + n - 3, "_of") == 0)
        name[n - 3] = 0;
    return op_find(name);
}

/* The function that a word means in a file: one of that file before others. */
static function *function_of(const char *word, int file)
{
    function *found = NULL;
    for (int i = 0; i < n_functions; i++)
        if (strcmp(functions[i].name, word) == 0 && (!found || functions[i].file == file))
            found = &functions[i];
    return found;
}

made_of made_of_operator(const op_def *def)
{
    made_of m = {.operators = 1, .n = op_count_in(def) > 0 && !(def->flags & OP_VIEW), .of = {def}};
    for (int i = 0; i < op_count_in(def); i++)
        if (def->in[i].dtypes & OP_FLOATS)
            m.floats = (m.floats ? m.floats : OP_FLOATS) & def->in[i].dtypes;
    m.has_gradient = m.floats && def->grad != op_grad_zero && (def->grad || def->lower);
    return m;
}

static void take(made_of *m, const made_of one)
{
    m->operators += one.operators;
    for (int i = 0; i < one.n; i++) {
        int k = 0;
        while (k < m->n && m->of[k] != one.of[i])
            k++;
        if (k == MADE_OF_MOST)
            abort();
        m->of[k] = one.of[i];
        m->n += k == m->n;
    }
    m->floats = m->floats && one.floats ? m->floats & one.floats : m->floats | one.floats;
    m->has_gradient |= one.has_gradient;
}

/* Views are kept apart: they say something only of what is made of nothing else. */
static void search(made_of *m, made_of *views, function *f)
{
    if (f->seen)
        return;
    f->seen = true;
    for (const char *c = f->from; c < f->to;) {
        char word[MOST_NAME] = "";
        size_t n = 0;
        while (in_word(c[n]))
            n++;
        if (n > 0 && n < sizeof word && !isdigit((unsigned char)*c)) {
            memcpy(word, c, n);
            const op_def *def = operator_of(word);
            function *next = def ? NULL : function_of(word, f->file);
            if (def && !(def->flags & OP_SOURCE) && strcmp(def->name, "cast") != 0)
                take(def->flags & OP_VIEW ? views : m, made_of_operator(def));
            else if (def)
                m->operators++; /* takes anything */
            else if (next)
                search(m, views, next);
        }
        c += n ? n : 1;
    }
}

made_of made_of_function(const char *name)
{
    made_of m = {0}, views = {0};
    read_sources();
    for (int i = 0; i < n_functions; i++)
        functions[i].seen = false;
    function *f = function_of(name, -1);
    if (f)
        search(&m, &views, f);
    if (m.floats)
        views = (made_of){.operators = views.operators};
    take(&m, views);
    return m;
}
