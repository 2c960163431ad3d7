/* shared.c: see shared.h. */
#include "support/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"

const char *shared_file(const char *name)
{
    static char path[4096];
    const char *root = getenv("TARN_DATA");
    (void)snprintf(path, sizeof path, "%s/%s", root ? root : TARN_SOURCE_DIR "/../shared/data", name);
    if (!base_file_exists(path)) {
        print_message("skipped: there is no %s\n", path);
        skip();
    }
    return path;
}
