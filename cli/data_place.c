/* data_place.c: where known sets lie: set:NAME is the set's folder below $TARN_DATA, or the only file of it that is there;
 * set:NAME/FILE one of its files. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data.h"

static const char mark[] = "set:";
enum { MARK = sizeof mark - 1 };

const data_known *cli_data_find(const char *name, size_t length)
{
    for (const data_known *s = cli_data_known_sets; s->name; s++)
        if (strlen(s->name) == length && strncmp(s->name, name, length) == 0)
            return s;
    cli_fail("there is no known set '%.*s'; `tarn data list` names them", (int)length, name);
    return NULL;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* The name of the set's only file, in the form in which it is there; NULL: there are several, or none. */
static const char *only_file(const data_known *s, const char *folder, char *path, size_t bytes)
{
    const data_known_file *const forms[] = {s->files, s->copies};
    for (int i = 0; i < 2; i++) {
        if (!forms[i][0].name || forms[i][1].name)
            continue;
        (void)snprintf(path, bytes, "%s/%s/%s", folder, s->folder, forms[i][0].name);
        if (is_there(path))
            return forms[i][0].name;
    }
    return NULL;
}

static char *absolute(const char *folder)
{
    char here[4096] = "";
    if (*folder != '/' && !getcwd(here, sizeof here))
        return NULL;
    size_t bytes = strlen(here) + strlen(folder) + 2;
    char *path = malloc(bytes);
    if (path)
        (void)snprintf(path, bytes, "%s%s%s", here, *here ? "/" : "", folder);
    return path;
}

char *cli_data_place(const char *text, size_t before)
{
    const char *data = getenv("TARN_DATA"), *name = text + before + MARK, *slash = strchr(name, '/');
    const data_known *s = cli_data_find(name, slash ? (size_t)(slash - name) : strlen(name));
    if (!s)
        return NULL;
    char *folder = data && *data ? absolute(data) : NULL; /* recipes' paths are relative to the recipe */
    if (!folder) {
        cli_fail("%.*s is looked for in the folder that the variable TARN_DATA names, and there is none",
                 (int)(strlen(text) - before), text + before);
        return NULL;
    }
    size_t bytes = before + strlen(folder) + strlen(s->folder) + strlen(name) + 128;
    char *result = malloc(bytes);
    if (result) {
        const char *file = slash ? slash + 1 : only_file(s, folder, result, bytes);
        (void)snprintf(result, bytes, "%.*s%s/%s%s%s", (int)before, text, folder, s->folder, file ? "/" : "",
                       file ? file : "");
        if (!is_there(result + before)) {
            cli_fail("%s is not there; `tarn data get %s` fetches it", result + before, s->name);
            free(result);
            result = NULL;
        }
    }
    free(folder);
    return result;
}

bool cli_data_is_set(const char *text)
{
    return strncmp(text, mark, MARK) == 0;
}

/* "data.path=set:NAME" becomes "data.path=/data/NAME/FILE"; NULL and the sentence printed if there is no such place. */
static char *placed(const char *key, const char *set)
{
    const size_t before = strlen(key) + 1, bytes = before + strlen(set) + 1;
    char *text = malloc(bytes), *result = NULL;
    if (text) {
        (void)snprintf(text, bytes, "%s=%s", key, set);
        result = cli_data_place(text, before);
    }
    free(text);
    return result;
}

static tn_recipe *load(tn_context *c, const char *path, int n, const char *const *overrides)
{
    tn_recipe *r = tn_recipe_load(c, path, n, overrides);
    if (!r)
        cli_fail("%s", tn_context_error(c));
    return r;
}

tn_recipe *cli_recipe(tn_context *c, const char *path, const cli_args *a)
{
    enum { MOST = 256 };
    char key[256], *places[MOST];
    const char *set;
    int n = 0;
    const char **all = calloc((size_t)a->n_overrides + MOST, sizeof *all);
    tn_recipe *r = all ? load(c, path, a->n_overrides, a->overrides) : NULL;
    for (int i = 0; i < a->n_overrides && all; i++)
        all[i] = a->overrides[i];
    bool found = r != NULL;
    while (found && n < MOST && (set = tn_recipe_known_set(r, n, key, sizeof key)) != NULL) {
        places[n] = placed(key, set);
        found = places[n] != NULL;
        all[a->n_overrides + n] = places[n];
        n += found;
    }
    if (!found || n > 0) {
        tn_recipe_free(r);
        r = found ? load(c, path, a->n_overrides + n, all) : NULL;
    }
    for (int i = 0; i < n; i++)
        free(places[i]);
    free(all);
    return r;
}
