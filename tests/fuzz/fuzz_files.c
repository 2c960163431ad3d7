/* fuzz_files.c: any bytes as a tar, a .tar.gz or a zip give files within the limits, or a sentence; so does every member. */
#include <stdlib.h>
#include <string.h>

#include "data/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const data_files_opt opt = {.unpack_limit = 1 << 20, .member_limit = 1 << 18, .count_limit = 1000};
    base_error e = {0};
    data_buffer b = {0};
    volatile unsigned sum = 0;
    data_files *f = data_files_borrow(data, size, size % 3 ? "x.tar" : "x.zip", &opt, &e);
    if (!f && !e.text[0])
        abort();
    for (int64_t i = 0; f && i < data_files_count(f); i++) {
        const char *name = data_files_name(f, i);
        if (!*name || *name == '/' || strstr(name, "/../") || (i > 0 && strcmp(name, data_files_name(f, i - 1)) <= 0))
            abort();
        base_clear(&e);
        if ((data_files_read(f, i, &b, &e) == TN_OK) != (e.text[0] == '\0'))
            abort();
        for (size_t k = 0; e.status == TN_OK && k < b.bytes; k++)
            sum += b.data[k];
    }
    data_files_close(f);
    data_buffer_free(&b);
    return 0;
}
