/* fuzz_idx.c: any bytes as an IDX file, plain or packed, give rows that lie inside, or a sentence. */
#include <stdlib.h>

#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MEMORY = 16 << 20, ROWS = 1000 };
    base_error e = {0};
    data_idx x;
    tn_status status = data_idx_parse(&x, data, size, "input", MEMORY, &e);
    if ((status == TN_OK) != (e.text[0] == '\0'))
        abort();
    if (status != TN_OK)
        return 0;
    if (x.rank < 1 || x.rank > TN_MAX_RANK || x.count != x.dims[0] || tn_dtype_size(x.dtype) == 0)
        abort();
    void *row = x.count ? malloc(x.row_bytes) : NULL; /* rows of no entries may be said to be huge */
    for (int64_t i = 0; row && i < x.count; i += x.count < ROWS ? 1 : x.count / ROWS)
        data_idx_row(&x, i, row);
    if (row)
        data_idx_row(&x, x.count - 1, row);
    free(row);
    data_idx_close(&x);
    return 0;
}
