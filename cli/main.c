/* main.c: tarn, the program: options, then a subcommand. */
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

const cli_command *const cli_commands[] = {&cli_train, &cli_eval, &cli_predict, &cli_show, &cli_bench, &cli_help, NULL};

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

tn_context *cli_context(const cli_args *args, int threads)
{
    tn_context *c =
        tn_context_new(TN_OPT(tn_context_opt, .threads = args->threads ? args->threads : threads, .isa = args->isa));
    if (!c)
        cli_fail("out of memory, or an unknown instruction set '%s'", args->isa ? args->isa : "");
    return c;
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

/* "--name=VALUE" or "--name VALUE"; NULL if this is another option. */
static const char *value_of(const char *name, int n, char **argv, int *i)
{
    size_t length = strlen(name);
    if (strncmp(argv[*i], name, length) != 0)
        return NULL;
    if (argv[*i][length] == '=')
        return argv[*i] + length + 1;
    return argv[*i][length] == '\0' && *i + 1 < n ? argv[++*i] : NULL;
}

static bool is_override(const char *text)
{
    const char *equal = strchr(text, '='), *slash = strchr(text, '/');
    return equal && equal != text && (!slash || slash > equal);
}

static bool take_option(cli_args *a, int n, char **argv, int *i)
{
    const char *v;
    if (strcmp(argv[*i], "--json") == 0)
        a->json = true;
    else if (strcmp(argv[*i], "--dot") == 0)
        a->dot = true;
    else if (strcmp(argv[*i], "--memory") == 0)
        a->memory = true;
    else if (strcmp(argv[*i], "--markdown") == 0)
        a->markdown = true;
    else if (strcmp(argv[*i], "--serve") == 0)
        a->serve = true;
    else if ((v = value_of("--resume", n, argv, i)) != NULL)
        a->resume = v;
    else if ((v = value_of("--isa", n, argv, i)) != NULL)
        a->isa = v;
    else if ((v = value_of("--data", n, argv, i)) != NULL)
        a->data = v;
    else if ((v = value_of("--threads", n, argv, i)) != NULL)
        a->threads = atoi(v);
    else
        return false;
    return true;
}

static bool parse(cli_args *a, int n, char **argv)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            if (!take_option(a, n, argv, &i)) {
                cli_fail("unknown option '%s', or its value is missing; see `tarn help`", argv[i]);
                return false;
            }
        } else if (is_override(argv[i])) {
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
    else if (parse(&a, argc > 2 ? argc - 2 : 0, argv + 2))
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
    if (fflush(stdout) != 0 && code == CLI_OK)
        code = cli_fail("cannot write the output");
    return code;
}
