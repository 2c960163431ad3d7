/* golden_file.c: see golden_file.h. */
#include "support/golden_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

format_safetensors *golden_file(const char *name)
{
#ifndef TARN_HAVE_JANSSON
    print_message("skipped: JSON cannot be read without jansson (libjansson-dev)\n");
    skip();
#endif
    char path[512];
    base_error e = {0};
    format_safetensors *file;
    (void)snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", TARN_SOURCE_DIR, name);
    if (format_safetensors_open(path, &file, &e) != TN_OK)
        fail_msg("%s", e.text);
    return file;
}
