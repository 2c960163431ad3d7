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

bool cli_data_overrides(const cli_args *a, char **places)
{
    for (int i = 0; i < a->n_overrides; i++) {
        const char *equal = strchr(a->overrides[i], '=');
        if (!equal || !cli_data_is_set(equal + 1))
            continue;
        places[i] = cli_data_place(a->overrides[i], (size_t)(equal + 1 - a->overrides[i]));
        if (!places[i])
            return false;
        a->overrides[i] = places[i];
    }
    return true;
}
