/* data_unpack.c: tarn data get --unpack: what archives hold as files beside them. Nothing needs it here, where archives are read as they
 * are; other programs may. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool is_archive(const char *name)
{
    return ends_with(name, ".tar") || ends_with(name, ".tar.gz") || ends_with(name, ".tgz") || ends_with(name, ".zip");
}

static bool put(const char *path, const char *part, const void *data, size_t bytes)
{
    FILE *f = fopen(part, "wb");
    if (!f)
        return cli_fail("%s cannot be written: %s", part, strerror(errno)) == CLI_OK;
    bool ok = fwrite(data, 1, bytes, f) == bytes;
    ok = fclose(f) == 0 && ok;
    if (ok && rename(part, path) == 0)
        return true;
    cli_fail("%s cannot be written: %s", path, strerror(errno));
    (void)remove(part);
    return false;
}

/* Members with .. or an absolute path are none of the archive's files. */
static bool put_member(tn_context *c, tn_files *files, int64_t i, const char *folder)
{
    const char *name = tn_files_name(files, i);
    const size_t room = strlen(folder) + strlen(name) + 8;
    char *path = malloc(room), *part = malloc(room);
    const void *data = NULL;
    size_t bytes = 0;
    bool ok = (path && part) || cli_fail("out of memory") == CLI_OK;
    if (ok) {
        (void)snprintf(path, room, "%s/%s", folder, name);
        (void)snprintf(part, room, "%s/%s.part", folder, name);
        ok = cli_make_folder_of(path);
    }
    ok = ok && (tn_files_read(c, files, i, &data, &bytes) == TN_OK || cli_fail("%s", tn_context_error(c)) == CLI_OK);
    ok = ok && put(path, part, data, bytes);
    free(path);
    free(part);
    return ok;
}

static bool unpack(tn_context *c, const char *archive, const char *folder)
{
    tn_files *files = tn_files_open(c, archive);
    if (!files)
        return cli_fail("%s", tn_context_error(c)) == CLI_OK;
    bool ok = true;
    const int64_t count = tn_files_count(files);
    for (int64_t i = 0; i < count && ok; i++)
        ok = put_member(c, files, i, folder);
    if (ok)
        (void)printf("%s: %lld files unpacked\n", archive, (long long)count);
    tn_files_free(files);
    return ok;
}

bool cli_data_unpack(const cli_args *a, const char *archive, const char *folder)
{
    if (!is_archive(archive))
        return true;
    tn_context *c = cli_context(a, 1);
    const bool ok = c && unpack(c, archive, folder);
    tn_context_free(c);
    return ok;
}
