/* fuzz_safetensors.c: any bytes as a safetensors file give tensors that lie inside the bytes, or a sentence. */
#include <stdlib.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = {0};
    format_safetensors *f = NULL;
    tn_status status = format_safetensors_borrow(data, size, "input", &f, &e);
    if ((status == TN_OK) != (f != NULL) || (status == TN_OK) != (e.text[0] == '\0'))
        abort();
    volatile unsigned sum = 0;
    for (size_t i = 0; f && i < f->n; i++) {
        const format_tensor *t = &f->tensors[i];
        if (format_safetensors_find(f, t->name) != t)
            abort();
        for (size_t k = 0; k < t->bytes; k++)
            sum = sum + ((const uint8_t *)t->data)[k];
    }
    for (size_t i = 0; f && i < f->metadata_n; i++)
        if (!format_safetensors_metadata(f, f->metadata[i].key))
            abort();
    format_safetensors_free(f);
    return 0;
}
