/* fuzz_pattern.c: any bytes as a pattern and a text (a zero byte between them): matches lie inside, or a sentence says what is wrong. */
#include <stdlib.h>
#include <string.h>

#include "data/text/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    if (!zero || size > 4000)
        return 0;
    const char *text = (const char *)zero + 1;
    size_t n = size - (size_t)(zero - data) - 1, begin = 0, end = 0;
    base_arena arena = {0};
    base_error e = {0};
    const text_pattern *p = NULL;
    tn_status status = text_pattern_make(&arena, (const char *)data, &p, &e);
    if ((status == TN_OK) != (e.text[0] == '\0') || (status == TN_OK) != (p != NULL))
        abort();
    for (size_t at = 0; status == TN_OK && at <= n;) {
        bool found;
        status = text_pattern_find(p, text, at, n, &begin, &end, &found, &e);
        if (status != TN_OK || !found)
            break;
        if (begin < at || end < begin || end > n)
            abort();
        at = end > begin ? end : end + 1;
    }
    base_arena_free(&arena);
    return 0;
}
