/* data_get.c: tarn data get: files of a known set from their address or a mirror, checked, then put where they belong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data.h"

/* "a/b/c", without what is empty; free() it. */
static char *joined(const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 3, end = strlen(a);
    char *path = malloc(n);
    while (*b && end > 1 && a[end - 1] == '/') /* of http://where/ no two become one */
        end--;
    if (path)
        (void)snprintf(path, n, "%.*s%s%s%s%s", (int)end, a, *a && *b ? "/" : "", b, *c ? "/" : "", c);
    return path;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- checksums --------------------------------------------------------------------------------------------------- */

typedef enum verdict { RIGHT, UNKNOWN, WRONG, UNREADABLE } verdict;

/* `original`: it came from the official address, of which a mirror's checksum says nothing for certain. */
static verdict judge(const data_known_file *f, const char *path, bool original, char sha256[DATA_DIGEST_TEXT])
{
    char md5[DATA_DIGEST_TEXT];
    long long bytes;
    if (!cli_data_digests(path, sha256, md5, &bytes))
        return UNREADABLE;
    if ((f->sha256 && strcmp(f->sha256, sha256) == 0) || (f->md5 && strcmp(f->md5, md5) == 0) ||
        (f->mirror_sha256 && strcmp(f->mirror_sha256, sha256) == 0))
        return RIGHT;
    return f->sha256 || f->md5 || (f->mirror_sha256 && !original) ? WRONG : UNKNOWN;
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

static bool put_in_place(const data_known_file *f, const char *part, const char *path, bool original)
{
    char sha256[DATA_DIGEST_TEXT] = "";
    verdict v = judge(f, part, original, sha256);
    if (v == WRONG || v == UNREADABLE) {
        cli_fail(v == WRONG
                     ? "%s is not what it should be: its checksum is wrong (sha256 %s); it was removed, try again"
                     : "%s cannot be read%s",
                 part, v == WRONG ? sha256 : "");
        return v == WRONG && unlink(part) != 0 ? cli_fail("%s cannot be removed", part) == CLI_OK : false;
    }
    if (rename(part, path) != 0)
        return cli_fail("%s cannot be renamed: %s", part, strerror(errno)) == CLI_OK;
    (void)printf("%s: %s\n", path, v == RIGHT ? "verified" : "not verified");
    if (v == UNKNOWN)
        (void)printf("  no checksum is known for certain; it has sha256 %s\n", sha256);
    return true;
}

static bool get_file(const data_known_file *f, const char *address, const char *folder, bool original)
{
    char *path = joined(folder, f->name, ""), *part = path ? malloc(strlen(path) + 6) : NULL, sha256[DATA_DIGEST_TEXT];
    bool ok = part || cli_fail("out of memory") == CLI_OK;
    if (ok && exists(path) && judge(f, path, original, sha256) <= UNKNOWN) {
        (void)printf("%s: there already\n", path);
    } else if (ok) {
        (void)snprintf(part, strlen(path) + 6, "%s.part", path);
        ok = cli_data_download(address, part, f->sha256 || f->md5 || f->mirror_sha256) &&
             put_in_place(f, part, path, original);
    }
    free(path);
    free(part);
    return ok;
}

/* ---- a set ------------------------------------------------------------------------------------------------------- */

static bool is_web(const char *from)
{
    return strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0;
}

/* Where a mirror has a file: MIRROR/set/file or MIRROR/file; NULL: nowhere. */
static char *in_mirror(const char *from, const data_known *set, const char *name)
{
    if (is_web(from))
        return joined(from, name, "");
    if (strncmp(from, "file:", 5) == 0) {
        from += 5;
        from += strncmp(from, "//", 2) == 0 ? 2 : 0;
    }
    char *path = joined(from, set->folder, name);
    if (path && exists(path))
        return path;
    free(path);
    path = joined(from, name, "");
    if (path && exists(path))
        return path;
    free(path);
    return NULL;
}

static bool get_files(const data_known *set, const data_known_file *files, const char *from, const char *folder)
{
    for (int i = 0; i < DATA_MOST_FILES && files[i].name; i++) {
        char *address = from ? in_mirror(from, set, files[i].name) : joined(files[i].address, "", "");
        if (!address)
            return cli_fail("%s has no %s, neither there nor in %s", from, files[i].name, set->folder) == CLI_OK;
        bool ok = get_file(&files[i], address, folder, !from);
        free(address);
        if (!ok)
            return false;
    }
    return true;
}

static bool unpack_files(const cli_args *a, const data_known_file *files, const char *folder)
{
    bool ok = true;
    for (int i = 0; i < DATA_MOST_FILES && files[i].name && ok; i++) {
        char *path = joined(folder, files[i].name, "");
        ok = path ? cli_data_unpack(a, path, folder) : cli_fail("out of memory") == CLI_OK;
        free(path);
    }
    return ok;
}

int cli_data_get(const cli_args *a, const data_known *set)
{
    const data_known_file *files = set->files;
    const char *from = a->from, *to = a->to ? a->to : getenv("TARN_DATA");
    if (!to || !*to)
        return cli_fail("say where data are kept: --to FOLDER, or the variable TARN_DATA");
    if (from && set->copies[0].name) { /* the mirror says which form it has */
        char *first = in_mirror(from, set, files[0].name);
        files = first && (!is_web(from) || cli_data_is_there(first)) ? files : set->copies;
        free(first);
    }
    char *folder = joined(to, set->folder, "");
    bool ok = folder ? cli_make_folder(folder) : cli_fail("out of memory") == CLI_OK;
    if (ok)
        (void)printf("licence: %s\ncite: %s\n", set->licence, set->citation);
    ok = ok && get_files(set, files, from, folder) && (!a->unpack || unpack_files(a, files, folder));
    free(folder);
    return ok ? CLI_OK : CLI_FAILED;
}
