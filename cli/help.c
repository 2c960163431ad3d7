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
               "and every layer by its name. With --markdown as a page.");
    return CLI_OK;
}

static int models(void)
{
    for (int i = 0; tn_zoo_name(i); i++)
        (void)printf("  %-20s %s\n", tn_zoo_name(i), tn_zoo_doc(i));
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
        (void)printf("usage: tarn %s\n%s\n", command->usage, command->doc);
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
