/* help.c: tarn help [TOPIC]. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int overview(void)
{
    (void)puts("tarn: deep learning in C, small and deep\n");
    for (int i = 0; cli_commands[i]; i++)
        (void)printf("  tarn %s\n", cli_commands[i]->usage);
    (void)puts("  tarn --version\n\ntopics of `tarn help TOPIC`: the commands; recipe, model, layers, data, train, "
               "output, models,\n"
               "and every layer by its name. With --markdown as a page. `tarn COMMAND --help` tells of one command.");
    return CLI_OK;
}

static int models(void)
{
    for (int i = 0; tn_zoo_name(i); i++)
        (void)printf("  %-20s %s\n", tn_zoo_name(i), tn_zoo_doc(i));
    return CLI_OK;
}

/* What an option takes and does, as far as it is one of the command's. */
static void show_option(const cli_command *command, const char *name, const char *form, const char *doc)
{
    const size_t length = strlen(name);
    for (const char *p = command->options ? command->options : ""; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strcspn(p, " ") == length && strncmp(p, name, length) == 0)
            (void)printf("  --%-20s %s\n", form, doc);
}

int cli_help_on(const cli_command *command)
{
    static const char *const options[][3] = {
        {"resume", "resume RUN", "go on with a run that was stopped, by the recipe in its folder"},
        {"data", "data FOLDER|FILE", "train: also try the best model on MNIST's digits there; bench: the input"},
        {"json", "json", "figures as JSON, an object a line"},
        {"depth", "depth N", "layers, and what they are made of, so deep"},
        {"parameters", "parameters", "every tensor of the model with its shape"},
        {"steps", "steps", "every step of the compiled prediction, with kernel and address"},
        {"dot", "dot", "the graph, for Graphviz"},
        {"batch", "batch N", "samples in a batch"},
        {"to", "to FOLDER", "where files are put"},
        {"from", "from FOLDER|ADDRESS", "where files are taken from"},
        {"unpack", "unpack", "also put what archives hold beside them"},
        {"html", "html PAGE", "also write a page with pictures"},
        {"markdown", "markdown", "as a page"},
        {"list", "list", "the rows there are"},
        {"serve", "serve", "obey orders on standard input"},
        {"precision", "precision WORD", "f32, bf16, exact or high"},
        {"optimizer", "optimizer NAME", "as train.optimizer of recipes"},
        {"train", "train KIND", "train a tokenizer of this kind"},
        {"vocabulary", "vocabulary N", "entries of the tokenizer that is trained"},
        {"decode", "decode", "from ids to text"},
        {"whole", "whole", "a file is one text, not one for each line"},
    };
    (void)printf("usage: tarn %s\n%s\n\n", command->usage, command->doc);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        show_option(command, options[i][0], options[i][1], options[i][2]);
    (void)puts("  --threads N            threads to compute on; all the process may use unless said\n"
               "  --isa ISA              portable, avx2, avx512, avx512_bf16 or amx: no instructions beyond these\n"
               "  --help, -h             this\n"
               "  --                     what follows are arguments, whatever they look like");
    return CLI_OK;
}

static int run(const cli_args *a)
{
    if (a->n == 0 && !a->markdown)
        return overview();
    const char *topic = a->n ? a->at[0] : NULL;
    const cli_command *command = NULL;
    for (int i = 0; topic && cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, topic) == 0)
            command = cli_commands[i];
    if (command)
        (void)cli_help_on(command);
    if (topic && strcmp(topic, "models") == 0)
        return models();
    char *text = tn_recipe_help(topic, a->markdown); /* train and data are both commands and parts of a recipe */
    if (command && text)
        (void)putchar('\n');
    if (command && !text)
        return CLI_OK;
    if (!text)
        return cli_fail("there is no help on '%s'; `tarn help` lists the topics", topic ? topic : "");
    (void)fputs(text, stdout);
    free(text);
    return CLI_OK;
}

const cli_command cli_help = {
    "help", "help [TOPIC] [--markdown]", "What there is, and every key of a recipe.", run, "markdown", false};
