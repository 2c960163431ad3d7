/* main.c: tarn, the program: options, then a subcommand. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

const cli_command *const cli_commands[] = {&cli_train, &cli_eval,     &cli_predict, &cli_show, &cli_profile,
                                           &cli_bench, &cli_tokenize, &cli_data,    &cli_help, NULL};

int cli_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("tarn: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const cli_command *command)
{
    (void)fprintf(stderr, "usage: tarn %s\n%s\n", command->usage, command->doc);
    return CLI_USAGE;
}

static void show_warning(void *user, int level, const char *line)
{
    (void)user;
    if (level <= 1)
        (void)fprintf(stderr, "tarn: %s\n", line);
}

static void show_note(void *user, int level, const char *line)
{
    show_warning(user, level == 2 ? 1 : level, line);
}

static tn_context *new_context(const cli_args *args, int threads, tn_log_fn log)
{
    tn_context *c = tn_context_new(
        TN_OPT(tn_context_opt, .threads = args->threads ? args->threads : threads, .isa = args->isa, .log = log));
    if (!c)
        cli_fail("out of memory, or an unknown instruction set '%s'", args->isa ? args->isa : "");
    return c;
}

tn_context *cli_context(const cli_args *args, int threads)
{
    return new_context(args, threads, show_warning);
}

tn_context *cli_context_noting(const cli_args *args, int threads)
{
    return new_context(args, threads, show_note);
}

char *cli_in_folder(const char *path, const char *name)
{
    size_t n = strlen(path) + strlen(name) + 2;
    struct stat st;
    char *full = malloc(n);
    if (!full)
        return NULL;
    (void)snprintf(full, n, "%s/%s", path, name);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return full;
    free(full);
    return NULL;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* Why a folder that has no model has none, as far as can be told. */
static void no_model_in(const char *folder)
{
    char *last = cli_in_folder(folder, "last.safetensors"), *recipe = cli_in_folder(folder, "recipe.yaml");
    if (last && is_there(last))
        cli_fail("%s has no model.safetensors yet: its first epoch is not done; go on with: tarn train --resume %s",
                 folder, folder);
    else if (recipe && is_there(recipe))
        cli_fail("%s has no model.safetensors: the run ended before its first epoch did; train with: tarn train "
                 "--resume %s",
                 folder, folder);
    else
        cli_fail("%s is no run folder: it has no model.safetensors; name a folder that `tarn train` made, or a model "
                 "file",
                 folder);
    free(last);
    free(recipe);
}

tn_model *cli_model(tn_context *context, const char *path)
{
    char *inside = cli_in_folder(path, "model.safetensors");
    tn_model *m = NULL;
    if (cli_is_recipe(path))
        cli_fail("%s is a recipe, and a run folder or a model file is due: `tarn train %s` makes one", path, path);
    else if (!is_there(path))
        cli_fail("there is no run folder or model file %s; `tarn train RECIPE` says at its end which folder it left",
                 path);
    else if (inside && !is_there(inside))
        no_model_in(path);
    else if (!(m = tn_model_load(context, inside ? inside : path)))
        cli_fail("%s", tn_context_error(context));
    free(inside);
    return m;
}

/* How many bytes at p are one character of UTF-8; 0 if they are none. */
static int utf8_length(const unsigned char *p)
{
    const int n = *p < 0x80                 ? 1
                  : *p >= 0xc2 && *p < 0xe0 ? 2
                  : *p >= 0xe0 && *p < 0xf0 ? 3
                  : *p >= 0xf0 && *p < 0xf5 ? 4
                                            : 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
    const bool beyond = (*p == 0xed && p[1] > 0x9f) || (*p == 0xf4 && p[1] > 0x8f); /* surrogates; above 10FFFF */
    return overlong || beyond ? 0 : n;
}

void cli_json_string(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const int n = utf8_length(p);
        if (*p == '"' || *p == '\\')
            (void)fprintf(to, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            (void)fprintf(to, "\\u%04x", *p);
        else if (n)
            (void)fwrite(p, 1, (size_t)n, to);
        else
            (void)fputs("\\ufffd", to); /* a file's name may be any bytes */
        p += n ? n : 1;
    }
    (void)fputc('"', to);
}

void cli_json_number(FILE *to, double value)
{
    if (isfinite(value))
        (void)fprintf(to, "%.9g", value);
    else
        (void)fputs("null", to);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

enum { MOST_THREADS = 1024, MOST_BATCH = 1 << 20, MOST_DEPTH = 100, MOST_VOCABULARY = 1 << 22 };

/* The value in "--name=VALUE" or "--name VALUE"; NULL if this is another option, or the value is missing. */
static const char *value_of(const char *name, int n, char **argv, int *i)
{
    size_t length = strlen(name);
    const char *option = argv[*i] + 2;
    if (strncmp(option, name, length) != 0)
        return NULL;
    if (option[length] == '=')
        return option + length + 1;
    return option[length] == '\0' && *i + 1 < n ? argv[++*i] : NULL;
}

static bool is_override(const char *text)
{
    const char *equal = strchr(text, '='), *slash = strchr(text, '/');
    return equal && equal != text && (!slash || slash > equal);
}

/* Whether a command takes the option "--NAME" or "--NAME=...". */
static bool takes(const cli_command *command, const char *option)
{
    size_t length = strcspn(option + 2, "=");
    char list[128];
    (void)snprintf(list, sizeof list, "%s threads isa", command->options ? command->options : "");
    for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strcspn(p, " ") == length && strncmp(p, option + 2, length) == 0)
            return true;
    return false;
}

static bool take_number(const char *option, const char *text, int most, int *to)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > most)
        return cli_fail("--%s is '%s'; a number from 1 to %d is due", option, text, most) == CLI_OK;
    *to = (int)n;
    return true;
}

/* The library would take another one and warn; who asks for one by name wants that one. */
static bool take_isa(const char *text, const char **to)
{
    static const char *const known[] = {"portable", "avx2", "avx512", "avx512_bf16", "amx"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], text) == 0)
            *to = text;
    return *to == text || cli_fail("--isa is '%s'; portable, avx2, avx512, avx512_bf16 or amx is due", text) == CLI_OK;
}

static bool take_option(const char *command, cli_args *a, int n, char **argv, int *i)
{
    const struct {
        const char *name;
        bool *flag;
        const char **text;
    } options[] = {{"json", &a->json, NULL},           {"dot", &a->dot, NULL},
                   {"markdown", &a->markdown, NULL},   {"serve", &a->serve, NULL},
                   {"resume", NULL, &a->resume},       {"data", NULL, &a->data},
                   {"list", &a->list, NULL},           {"precision", NULL, &a->precision},
                   {"optimizer", NULL, &a->optimizer}, {"decode", &a->decode, NULL},
                   {"train", NULL, &a->train},         {"html", NULL, &a->html},
                   {"from", NULL, &a->from},           {"to", NULL, &a->to},
                   {"whole", &a->whole, NULL},         {"parameters", &a->parameters, NULL},
                   {"steps", &a->steps, NULL},         {"unpack", &a->unpack, NULL}};
    const char *option = argv[*i], *value;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        if (options[k].flag && strcmp(option + 2, options[k].name) == 0)
            return *options[k].flag = true;
        if (options[k].text && (value = value_of(options[k].name, n, argv, i)) != NULL) {
            *options[k].text = value;
            return true;
        }
    }
    if ((value = value_of("isa", n, argv, i)) != NULL)
        return take_isa(value, &a->isa);
    if ((value = value_of("threads", n, argv, i)) != NULL)
        return take_number("threads", value, MOST_THREADS, &a->threads);
    if ((value = value_of("vocabulary", n, argv, i)) != NULL)
        return take_number("vocabulary", value, MOST_VOCABULARY, &a->vocabulary);
    if ((value = value_of("depth", n, argv, i)) != NULL)
        return take_number("depth", value, MOST_DEPTH, &a->depth);
    if ((value = value_of("batch", n, argv, i)) != NULL)
        return take_number("batch", value, MOST_BATCH, &a->batch);
    return cli_fail(strchr(option, '=') ? "%s: this option takes no value; see `tarn %s --help`"
                                        : "%s needs a value; see `tarn %s --help`",
                    option, command) == CLI_OK;
}

/* Whether help on the command is asked for, in whatever company. */
static bool asks_for_help(int n, char **argv)
{
    for (int i = 0; i < n && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static bool parse(const cli_command *command, cli_args *a, int n, char **argv)
{
    bool options = true;
    for (int i = 0; i < n; i++) {
        if (argv[i][0] == '\0')
            return cli_fail("argument %d of `tarn %s` is empty: is a variable of the shell not set?", i + 1,
                            command->name) == CLI_OK;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false; /* what follows are arguments, whatever they look like */
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            if (!takes(command, argv[i]))
                return cli_fail("tarn %s has no option %s; see `tarn help %s`", command->name, argv[i],
                                command->name) == CLI_OK;
            if (!take_option(command->name, a, n, argv, &i))
                return false;
        } else if (options && argv[i][0] == '-' && isalpha((unsigned char)argv[i][1]) && !argv[i][2]) {
            return cli_fail("tarn %s has no option %s; see `tarn %s --help` (a file of that name is ./%s)",
                            command->name, argv[i], command->name, argv[i]) == CLI_OK;
        } else if (options && command->overrides && is_override(argv[i])) {
            a->overrides[a->n_overrides++] = argv[i];
        } else {
            a->at[a->n++] = argv[i];
        }
    }
    return true;
}

static const cli_command *find(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
        return puts(tn_version_text()) < 0;
    const cli_command *command = find(strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ? "help" : name);
    if (!command)
        return cli_fail("there is no command '%s'; `tarn help` lists them", name), CLI_USAGE;
    cli_args a = {.at = calloc((size_t)argc + 1, sizeof *a.at),
                  .overrides = calloc((size_t)argc + 1, sizeof *a.overrides)};
    int code = CLI_FAILED;
    if (!a.at || !a.overrides) {
        cli_fail("out of memory");
    } else if (argc > 2 && asks_for_help(argc - 2, argv + 2)) {
        code = cli_help_on(command);
    } else if (parse(command, &a, argc > 2 ? argc - 2 : 0, argv + 2)) {
        code = command->run(&a);
    } else {
        code = CLI_USAGE;
    }
    free(a.at);
    free(a.overrides);
    return code;
}

int main(int argc, char **argv)
{
    int code = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK)
        code = cli_fail("cannot write the output");
    return code;
}
