/* main.c: tarn, the program: options, then a subcommand. */
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

tn_model *cli_model(tn_context *context, const char *path)
{
    char *inside = cli_in_folder(path, "model.safetensors");
    tn_model *m = tn_model_load(context, inside ? inside : path);
    if (!m)
        cli_fail("%s", tn_context_error(context));
    free(inside);
    return m;
}

void cli_json_string(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            (void)fprintf(to, "\\%c", *p);
        else if (*p < 0x20)
            (void)fprintf(to, "\\u%04x", *p);
        else
            (void)fputc(*p, to);
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

enum { MOST_THREADS = 1024, MOST_BATCH = 1 << 20, MOST_VOCABULARY = 1 << 22 };

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
    static const char *const known[] = {"portable", "avx2", "avx512", "amx"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], text) == 0)
            *to = text;
    return *to == text || cli_fail("--isa is '%s'; portable, avx2, avx512 or amx is due", text) == CLI_OK;
}

static bool take_option(cli_args *a, int n, char **argv, int *i)
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
                   {"whole", &a->whole, NULL}};
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
    if ((value = value_of("batch", n, argv, i)) != NULL)
        return take_number("batch", value, MOST_BATCH, &a->batch);
    return cli_fail("%s needs a value, or takes none; see `tarn help`", option) == CLI_OK;
}

static bool parse(const cli_command *command, cli_args *a, int n, char **argv)
{
    bool options = true;
    for (int i = 0; i < n; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false; /* what follows are arguments, whatever they look like */
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            if (!takes(command, argv[i]))
                return cli_fail("tarn %s has no option %s; see `tarn help %s`", command->name, argv[i],
                                command->name) == CLI_OK;
            if (!take_option(a, n, argv, &i))
                return false;
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
    if (!a.at || !a.overrides)
        cli_fail("out of memory");
    else if (parse(command, &a, argc > 2 ? argc - 2 : 0, argv + 2))
        code = command->run(&a);
    else
        code = CLI_USAGE;
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
