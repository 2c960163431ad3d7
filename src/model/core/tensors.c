/* tensors.c: files of named tensors, for programs: format/safetensors.h with views. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "format/safetensors.h"
#include <tarn/model.h>

struct tn_tensors {
    format_safetensors *file;
};

tn_tensors *tn_tensors_open(tn_context *context, const char *path)
{
    base_error *e = base_context_begin(context);
    tn_tensors *t = calloc(1, sizeof *t);
    if (!t) {
        base_no_memory(e, "opening a file of tensors");
        return NULL;
    }
    if (format_safetensors_open(path, &t->file, e) == TN_OK)
        return t;
    free(t);
    return NULL;
}

void tn_tensors_close(tn_tensors *t)
{
    if (!t)
        return;
    format_safetensors_free(t->file);
    free(t);
}

static tn_view view_of(const format_tensor *tensor)
{
    return tn_view_of((void *)(uintptr_t)tensor->data, tensor->dtype, tensor->rank, tensor->dims);
}

const char *tn_tensors_get(const tn_tensors *t, int i, tn_view *view)
{
    if (i < 0 || (size_t)i >= t->file->n)
        return NULL;
    *view = view_of(&t->file->tensors[i]);
    return t->file->tensors[i].name;
}

tn_status tn_tensors_find(const tn_tensors *t, const char *name, tn_view *view)
{
    const format_tensor *tensor = format_safetensors_find(t->file, name);
    if (!tensor)
        return TN_NOT_FOUND;
    *view = view_of(tensor);
    return TN_OK;
}

const char *tn_tensors_metadata(const tn_tensors *t, const char *key)
{
    return format_safetensors_metadata(t->file, key);
}
