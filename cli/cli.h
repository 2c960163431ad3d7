/* cli.h: what the subcommands of `tarn` share. A subcommand is one file; it uses <tarn/...> and nothing else of Tarn. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>
#include <tarn/tarn.h>

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_CANCELLED = 130 };

typedef struct cli_args {
    int n; /* arguments without options */
    char **at;
    int n_overrides; /* "key=value" */
    const char **overrides;
    bool json, dot, markdown;
    bool parameters, steps; /* of `tarn show` */
    int depth;              /* 0: all */
    const char *resume;
    const char *isa;
    int threads; /* 0: as the recipe says, or all */
    int batch;   /* 0: the command's own */
    /* of `tarn bench` */
    const char *data, *precision, *optimizer;
    bool serve, list;
    /* of `tarn tokenize` */
    bool decode, whole;
    const char *train;
    int vocabulary; /* 0: not given */
    /* of `tarn data` */
    const char *html, *from, *to;
    bool unpack;
} cli_args;

typedef struct cli_command {
    const char *name, *usage, *doc;
    int (*run)(const cli_args *args);
    const char *options; /* that it takes: "json data"; --threads and --isa all do */
    bool overrides;      /* whether "key=value" is one; else it is an argument like others */
} cli_command;

extern const cli_command cli_train, cli_eval, cli_predict, cli_show, cli_profile, cli_bench, cli_help, cli_tokenize,
    cli_data;
extern const cli_command *const cli_commands[]; /* ends in NULL */

/* "tarn: SENTENCE" on standard error; returns CLI_FAILED. */
int cli_fail(const char *fmt, ...) TN_PRINTF(1, 2);
/* mkdir -p; and for the folder that a file is to lie in. False: the sentence is printed. */
bool cli_make_folder(char *path);
bool cli_make_folder_of(char *file);
/* How a command is used, on standard error; returns CLI_USAGE. */
int cli_usage(const cli_command *command);
/* The same with its options, on standard output, as it was asked for; returns CLI_OK. */
int cli_help_on(const cli_command *command);
/* A context with the threads and instruction set of the options; NULL and the sentence printed on failure. */
tn_context *cli_context(const cli_args *args, int threads);
/* One that also says what was assumed of the data: types of columns, encodings. */
tn_context *cli_context_noting(const cli_args *args, int threads);
/* The model of a run folder or a model file; NULL and the sentence printed on failure. */
tn_model *cli_model(tn_context *context, const char *path);
/* The same for the first argument, which may also be a recipe: its model, untrained. */
tn_model *cli_model_of(tn_context *context, const cli_args *args);
bool cli_is_recipe(const char *path);
/* A recipe with the overrides of the command line, places in the stead of known sets ("set:NAME"); NULL and the sentence printed. */
tn_recipe *cli_recipe(tn_context *context, const char *path, const cli_args *args);
/* What computing values again saves, as a line; nothing where none are. */
void cli_show_saving(const tn_memory *memory);
/* path/name when path is a folder that has it, else NULL; free() it. */
char *cli_in_folder(const char *path, const char *name);
/* The figures of an evaluation that only masks and boxes have, behind others: ", mean IoU 0.81", or members of an object. */
void cli_figures(const tn_evaluation *result);
void cli_figures_json(const tn_evaluation *result);
/* A string as JSON, with its quotes. */
void cli_json_string(FILE *to, const char *text);
void cli_json_number(FILE *to, double value);

#endif
