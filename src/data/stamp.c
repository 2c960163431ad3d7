/* stamp.c: see stamp.h. */
#include "data/stamp.h"

#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"

uint64_t data_stamp(uint64_t before, const data_files *f, int64_t i)
{
    base_str where = {0};
    struct stat st = {0};
    data_files_place(f, i, &where);
    if (where.failed)
        return before + 1; /* another one: what was kept is made anew */
    before = base_checksum(before, where.text, where.length);
    char *inside = strrchr(where.text, '!');
    if (stat(where.text, &st) != 0 && inside) {
        *inside = '\0';
        (void)!stat(where.text, &st);
    }
    const int64_t is[] = {data_files_size(f, i), (int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec,
                          (int64_t)st.st_mtim.tv_nsec};
    base_str_free(&where);
    return base_checksum(before, is, sizeof is);
}
