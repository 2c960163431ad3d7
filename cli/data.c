/* data.c: tarn data: data sets checked, and known ones listed and fetched. */
#include <string.h>

#include "data.h"

static int list(void)
{
    for (const data_known *s = cli_data_known_sets; s->name; s++)
        (void)printf("  %-16s %s\n", s->name, s->about);
    return CLI_OK;
}

static int info(const data_known *s)
{
    (void)printf("%s: %s\nhome      %s\nlicence   %s\ncite      %s\nfolder    %s\n", s->name, s->about, s->home,
                 s->licence, s->citation, s->folder);
    for (int i = 0; i < DATA_MOST_FILES && s->files[i].name; i++) {
        const data_known_file *f = &s->files[i];
        (void)printf("\n%s\n  from     %s\n", f->name, f->address);
        if (f->sha256)
            (void)printf("  sha256   %s\n", f->sha256);
        if (f->md5)
            (void)printf("  md5      %s\n", f->md5);
        if (f->mirror_sha256)
            (void)printf("  sha256   %s (another copy with the same contents)\n", f->mirror_sha256);
        if (!f->sha256 && !f->md5 && !f->mirror_sha256)
            (void)puts("  not verified: no checksum is known for certain");
    }
    for (int i = 0; i < DATA_MOST_FILES && s->copies[i].name; i++)
        (void)printf("%s%s\n  sha256   %s\n", i ? "" : "\nor, from a mirror\n", s->copies[i].name,
                     s->copies[i].mirror_sha256);
    return CLI_OK;
}

static int run(const cli_args *a)
{
    const char *what = a->n ? a->at[0] : "";
    if (strcmp(what, "check") == 0 && a->n == 2)
        return cli_data_check(a);
    if (strcmp(what, "list") == 0 && a->n == 1)
        return list();
    bool get = strcmp(what, "get") == 0;
    if ((!get && strcmp(what, "info") != 0) || a->n != 2)
        return cli_usage(&cli_data);
    const data_known *s = cli_data_find(a->at[1], strlen(a->at[1]));
    if (!s)
        return CLI_FAILED;
    return get ? cli_data_get(a, s) : info(s);
}

const cli_command cli_data = {
    "data",
    "data check FOLDER|FILE [--json] [--html PAGE]   or   tarn data list   or   tarn data info NAME   or   "
    "tarn data get NAME [--from FOLDER|ADDRESS] [--to FOLDER] [--unpack]",
    "check reads everything once and says what there is and what is wrong: what cannot be read, what comes twice, "
    "also\n"
    "in two parts (train, val, test) or two classes, classes without samples, figures of channels and columns.\n"
    "list and info tell of known sets; get fetches one into $TARN_DATA, or to --to, from its official address, a "
    "folder\n"
    "with a copy or another address (file:, http:, https:); what was begun is gone on with, and checksums are checked. "
    "Archives are read\n"
    "as they are; --unpack also puts what they hold beside them.",
    run,
    "json html from to unpack",
    false};
