/* folder.c: texts in folders by class, read whole; see tn_text_folder_read. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/text.h"
#include "data/files.h"
#include "data/names.h"
#include "data/text/folder.h"
#include "data/text/plain.h"
#include "data/text/work.h"

typedef struct folder {
    tn_text_folder seen; /* what the caller sees; first */
    base_arena arena;
    tn_text *texts;
    int64_t *labels;
    const char **names, **class_names;
} folder;

void tn_text_folder_free(tn_text_folder *f)
{
    if (f) {
        folder *mine = (folder *)f;
        base_arena_free(&mine->arena);
        free(mine);
    }
}

static bool is_text(const char *name)
{
    return data_name_ends(name, ".txt") || data_name_ends(name, ".txt.gz");
}

/* What the file holds, in UTF-8, in the arena. */
static tn_status read_text(folder *f, const data_files *files, int64_t i, data_buffer *b, tn_text *to, base_error *e)
{
    base_str where = {0};
    text_plain plain = {0};
    data_files_where(files, i, &where);
    tn_status status = where.failed ? base_no_memory(e, "reading texts") : data_files_read(files, i, b, e);
    if (status == TN_OK)
        status = text_plain_of(b->data, b->bytes, where.text, TN_ENCODING_AUTO, &plain, e);
    if (status == TN_OK)
        status = text_plain_check(plain.text, 1, where.text, e);
    if (status == TN_OK) {
        char *text = base_arena_alloc(&f->arena, plain.text.bytes + 1);
        if (text && plain.text.bytes)
            memcpy(text, plain.text.at, plain.text.bytes);
        *to = (tn_text){text, plain.text.bytes};
        status = text ? TN_OK : base_no_memory(e, "reading texts");
    }
    text_plain_close(&plain);
    base_str_free(&where);
    return status;
}

/* The folder that a file lies in is its class: the first part of its name. Files come sorted, so classes do. */
static tn_status add_file(folder *f, const data_files *files, int64_t i, data_buffer *b, base_error *e)
{
    const char *name = data_files_name(files, i), *slash = strchr(name, '/');
    int64_t k = f->seen.n;
    if (!slash) {
        base_fail(e, TN_FORMAT, "the text lies in no folder that would be its class");
        return data_files_blame(files, i, e);
    }
    size_t n = (size_t)(slash - name);
    const char *before = f->seen.classes ? f->class_names[f->seen.classes - 1] : NULL;
    if (!before || strlen(before) != n || memcmp(before, name, n) != 0)
        f->class_names[f->seen.classes++] = base_arena_printf(&f->arena, "%.*s", (int)n, name);
    f->names[k] = base_arena_strdup(&f->arena, name);
    if (!f->names[k] || !f->class_names[f->seen.classes - 1])
        return base_no_memory(e, "reading texts");
    BASE_TRY(read_text(f, files, i, b, &f->texts[k], e));
    f->labels[k] = f->seen.classes - 1;
    f->seen.n++;
    return TN_OK;
}

/* A folder without a text would be a class that is never seen. */
static tn_status check_classes(const folder *f, const data_files *files, const char *path, base_error *e)
{
    const char *name;
    for (int64_t i = 0; (name = data_files_folder(files, i)) != NULL; i++) {
        int k = 0;
        while (k < f->seen.classes && strcmp(f->class_names[k], name) != 0)
            k++;
        if (k == f->seen.classes)
            return base_fail(e, TN_FORMAT, "%s: the folder \"%s\" holds no .txt file; each folder is a class", path,
                             BASE_SHOW(name));
    }
    return TN_OK;
}

/* All files; with a context that is told of them, those that are no texts are left out. */
static tn_status add_files(folder *f, const data_files *files, const tn_context *told, base_error *e)
{
    data_buffer b = {0};
    int64_t left_out = 0;
    tn_status status = TN_OK;
    for (int64_t i = 0; i < data_files_count(files) && status == TN_OK; i++) {
        if (!is_text(data_files_name(files, i)))
            continue;
        status = add_file(f, files, i, &b, e);
        if (status != TN_OK && status != TN_MEMORY && told) {
            base_log(told, BASE_LOG_WARNING, "left out: %s", e->text);
            base_clear(e);
            left_out++;
            status = TN_OK;
        }
    }
    data_buffer_free(&b);
    if (left_out)
        base_log(told, BASE_LOG_WARNING, "%lld of %lld texts cannot be read and are left out", (long long)left_out,
                 (long long)(f->seen.n + left_out));
    return status;
}

static tn_status read_files(folder *f, const data_files *files, const char *path, const tn_context *told, base_error *e)
{
    int64_t n = data_files_count(files);
    f->texts = BASE_ARRAY(&f->arena, tn_text, n + 1);
    f->labels = BASE_ARRAY(&f->arena, int64_t, n + 1);
    f->names = BASE_ARRAY(&f->arena, const char *, n + 1);
    f->class_names = BASE_ARRAY(&f->arena, const char *, n + 1);
    if (!f->texts || !f->labels || !f->names || !f->class_names)
        return base_no_memory(e, "reading texts");
    tn_status status = add_files(f, files, told, e);
    if (status == TN_OK && f->seen.n == 0)
        return base_fail(e, TN_FORMAT, "%s holds no file CLASS/NAME.txt", path);
    if (status == TN_OK)
        status = check_classes(f, files, path, e);
    f->seen.texts = f->texts;
    f->seen.labels = f->labels;
    f->seen.names = f->names;
    f->seen.class_names = f->class_names;
    return status;
}

tn_text_folder *text_folder_read(tn_context *context, const char *path, const char *under, bool skip, base_error *e)
{
    data_files *files = data_files_open(path, &(data_files_opt){.under = under}, e);
    folder *f = files ? calloc(1, sizeof *f) : NULL;
    tn_status status = !files ? TN_IO
                       : f    ? read_files(f, files, path, skip ? context : NULL, e)
                              : base_no_memory(e, "reading texts");
    data_files_close(files);
    if (status == TN_OK)
        return &f->seen;
    tn_text_folder_free(f ? &f->seen : NULL);
    return NULL;
}

tn_text_folder *tn_text_folder_read(tn_context *context, const char *path, const char *under)
{
    return text_folder_read(context, path, under, false, base_context_begin(context));
}
