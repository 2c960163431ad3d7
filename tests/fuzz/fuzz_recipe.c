/* fuzz_recipe.c: any text as a recipe, with overrides, gives a recipe or a sentence; what is written comes back the same.
 * The input is lines of overrides up to an empty line, then the recipe; without an empty line it is all recipe. */
#include <stdlib.h>
#include <string.h>

#include "train/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_OVERRIDES = 8 };

/* Cuts the lines above the empty one into overrides; returns where the recipe starts. */
static char *cut_overrides(char *text, const char *overrides[MOST_OVERRIDES], size_t *n)
{
    char *end = strstr(text, "\n\n");
    if (!end)
        return text;
    *end = '\0';
    for (char *line = text, *next = NULL; line && *n < MOST_OVERRIDES; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        overrides[(*n)++] = line;
    }
    return end + 2;
}

static void write_twice(const train_recipe *recipe)
{
    base_str first = {0}, second = {0};
    base_error e = {0};
    train_recipe *again = NULL;
    if (train_recipe_write(recipe, NULL, &first) != TN_OK ||
        train_recipe_parse(first.text, first.length, "again", ".", NULL, 0, &again, &e) != TN_OK ||
        train_recipe_write(again, NULL, &second) != TN_OK || strcmp(first.text, second.text) != 0)
        abort();
    train_recipe_free(again);
    base_str_free(&first);
    base_str_free(&second);
}

static void tree_twice(const char *text, size_t size)
{
    base_str first = {0}, second = {0};
    base_error e = {0};
    format_yaml tree, again;
    if (format_yaml_parse(text, size, "input", ".", NULL, &tree, &e) == TN_OK) {
        format_yaml_write(tree.root, &first);
        if (format_yaml_parse(first.text, first.length, "again", ".", &(format_yaml_limits){.bytes = 1 << 24}, &again,
                              &e) != TN_OK)
            abort();
        format_yaml_write(again.root, &second);
        if (strcmp(first.text, second.text) != 0)
            abort();
        format_yaml_free(&again);
    }
    format_yaml_free(&tree);
    base_str_free(&first);
    base_str_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *overrides[MOST_OVERRIDES];
    size_t n = 0;
    base_error e = {0};
    train_recipe *recipe = NULL;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *start = cut_overrides(text, overrides, &n);
    size_t length = size - (size_t)(start - text);
    tree_twice(start, length);
    tn_status status = train_recipe_parse(start, length, "input", ".", overrides, n, &recipe, &e);
    if ((status == TN_OK) != (recipe != NULL) || (status == TN_OK) != (e.text[0] == '\0'))
        abort();
    if (recipe)
        write_twice(recipe);
    train_recipe_free(recipe);
    free(text);
    return 0;
}
