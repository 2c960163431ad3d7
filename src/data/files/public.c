/* public.c: files of folders and archives for programs: <tarn/data.h> over data/files.h. */
#include <stdlib.h>

#include "base/context.h"
#include "data/files.h"
#include <tarn/data.h>

struct tn_files {
    data_files *files;
    data_buffer buffer; /* of the file that was read last */
    base_str where;
};

tn_files *tn_files_open(tn_context *context, const char *path)
{
    base_error *e = base_context_begin(context);
    tn_files *f = calloc(1, sizeof *f);
    if (!f) {
        base_no_memory(e, "opening files");
        return NULL;
    }
    f->files = data_files_open(path, NULL, e);
    if (f->files)
        return f;
    free(f);
    return NULL;
}

void tn_files_free(tn_files *f)
{
    if (!f)
        return;
    data_buffer_free(&f->buffer);
    data_files_close(f->files);
    base_str_free(&f->where);
    free(f);
}

int64_t tn_files_count(const tn_files *f)
{
    return data_files_count(f->files);
}

const char *tn_files_name(const tn_files *f, int64_t i)
{
    return i >= 0 && i < data_files_count(f->files) ? data_files_name(f->files, i) : "";
}

const char *tn_files_where(tn_files *f, int64_t i)
{
    f->where.length = 0;
    if (i >= 0 && i < data_files_count(f->files))
        data_files_place(f->files, i, &f->where);
    return f->where.failed || f->where.length == 0 ? tn_files_name(f, i) : f->where.text;
}

tn_status tn_files_read(tn_context *context, tn_files *f, int64_t i, const void **data, size_t *bytes)
{
    base_error *e = base_context_begin(context);
    *data = NULL;
    *bytes = 0;
    if (i < 0 || i >= data_files_count(f->files))
        return base_fail(e, TN_INVALID, "there is no file %lld; there are %lld", (long long)i,
                         (long long)data_files_count(f->files));
    const tn_status status = data_files_read(f->files, i, &f->buffer, e);
    if (status == TN_OK) {
        *data = f->buffer.data;
        *bytes = f->buffer.bytes;
    }
    return status;
}
