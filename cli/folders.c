/* folders.c: folders made as they are needed. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

bool cli_make_folder(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    return cli_fail("the folder %s cannot be made: %s", path, strerror(errno)) == CLI_OK;
}

bool cli_make_folder_of(char *file)
{
    char *slash = strrchr(file, '/');
    if (!slash || slash == file)
        return true;
    *slash = '\0';
    const bool ok = cli_make_folder(file);
    *slash = '/';
    return ok;
}
