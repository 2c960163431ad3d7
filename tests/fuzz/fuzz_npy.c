/* fuzz_npy.c: any bytes as an .npy file give an array that lies inside the bytes, or a sentence. */
#include <stdlib.h>

#include "format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = {0};
    tn_view v;
    tn_status status = format_npy_borrow(data, size, "input", &v, &e);
    if ((status == TN_OK) != (e.text[0] == '\0') || (status == TN_OK) != (v.dtype != TN_NONE))
        abort();
    if (status == TN_OK && (tn_view_count(&v) < 0 || (const uint8_t *)v.data + v.bytes != data + size))
        abort();
    return 0;
}
