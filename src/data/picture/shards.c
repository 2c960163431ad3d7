/* shards.c: archives in which a picture and its label lie side by side: 000.jpg, 000.cls or 000.json. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "data/names.h"
#include "data/picture/set.h"
#include "format/json.h"

enum { MOST_CLASSES = 1 << 16 };

/* What the files of one sample have in common: all up to the first point of the name behind the folders. */
static size_t key_length(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *point = strchr(base, '.');
    return point ? (size_t)(point - name) : strlen(name);
}

static tn_status bad_label(const picture_set *s, int64_t file, const char *text, base_error *e)
{
    if (s->classes > 0)
        base_fail(e, TN_FORMAT, "the label \"%s\" is not among the %d classes", BASE_SHOW(text), s->classes);
    else
        base_fail(e, TN_FORMAT, "the label \"%s\" is not a number; name the classes by 'classes'", BASE_SHOW(text));
    return data_files_blame(s->files, file, e);
}

static tn_status label_of_text(const picture_set *s, int64_t file, const char *text, int *label, base_error *e)
{
    int64_t v, limit = s->classes > 0 ? s->classes : MOST_CLASSES;
    *label = s->classes > 0 ? data_names_find(s->class_names, s->classes, text) : -1;
    if (*label < 0 && base_parse_i64(text, &v) && v >= 0 && v < limit)
        *label = (int)v;
    return *label >= 0 ? TN_OK : bad_label(s, file, text, e);
}

static tn_status label_of_json(const picture_set *s, int64_t file, const char *text, size_t bytes, int *label,
                               base_error *e)
{
    static const char *const keys[] = {"label", "cls", "class"};
    format_json *root = NULL;
    base_str where = {0};
    data_files_where(s->files, file, &where);
    tn_status status = format_json_parse(text, bytes, NULL, base_str_text(&where), &root, e);
    const format_json *value = NULL;
    for (int k = 0; status == TN_OK && !value && k < 3; k++)
        value = format_json_find(root, keys[k]);
    if (status == TN_OK && !value)
        status = base_fail(e, TN_FORMAT, "%s has no key \"label\", \"cls\" or \"class\"", base_str_text(&where));
    else if (status == TN_OK && strcmp(format_json_kind(value), "a string") == 0) {
        const char *name;
        status = format_json_as_string(value, "label", &name, e);
        status = status == TN_OK ? label_of_text(s, file, name, label, e) : status;
    } else if (status == TN_OK) {
        int64_t v = 0;
        status = format_json_as_i64(value, "label", 0, s->classes > 0 ? s->classes - 1 : MOST_CLASSES - 1, &v, e);
        *label = (int)v;
        if (status != TN_OK)
            (void)data_files_blame(s->files, file, e);
    }
    base_str_free(&where);
    format_json_free(root);
    return status;
}

static tn_status read_label(const picture_set *s, int64_t file, data_buffer *b, int *label, base_error *e)
{
    char text[128];
    BASE_TRY(data_files_read(s->files, file, b, e));
    if (data_name_ends(data_files_name(s->files, file), ".json"))
        return label_of_json(s, file, (const char *)b->data, b->bytes, label, e);
    size_t n = b->bytes;
    while (n > 0 && strchr(" \r\n\t", b->data[n - 1]) && b->data[n - 1])
        n--;
    if (n >= sizeof text || memchr(b->data, '\0', n)) {
        base_fail(e, TN_FORMAT, "this is not a label: it has %zu bytes", n);
        return data_files_blame(s->files, file, e);
    }
    memcpy(text, b->data, n);
    text[n] = '\0';
    return label_of_text(s, file, text, label, e);
}

static tn_status find_label(const picture_set *s, int64_t picture, int64_t label, data_buffer *b, int *to,
                            base_error *e)
{
    if (picture >= 0 && label >= 0)
        return read_label(s, label, b, to, e);
    base_fail(e, TN_FORMAT,
              label < 0 ? "there is neither a .cls nor a .json beside this picture"
                        : "there is no picture beside this label");
    return data_files_blame(s->files, label < 0 ? picture : label, e);
}

static tn_status add_sample(picture_set *s, int64_t picture, int64_t label, data_buffer *b, int *most, base_error *e)
{
    picture_item item = {.file = picture < 0 ? label : picture};
    const tn_status status = find_label(s, picture, label, b, &item.label, e);
    if (status != TN_OK) {
        BASE_TRY(picture_item_wrong(s, &item, status, e));
        item.label = 0; /* a label that could not be used counts as no class */
    }
    *most = item.label > *most ? item.label : *most;
    return base_vec_push(&s->items, item) ? TN_OK : base_no_memory(e, "listing pictures");
}

static tn_status list_samples(picture_set *s, base_error *e)
{
    data_buffer b = {0};
    tn_status status = TN_OK;
    int most = -1;
    int64_t count = data_files_count(s->files);
    for (int64_t i = 0, end; status == TN_OK && i < count; i = end) {
        const char *name = data_files_name(s->files, i);
        size_t n = key_length(name);
        int64_t picture = -1, label = -1;
        for (end = i; end < count && data_files_shard(s->files, end) == data_files_shard(s->files, i); end++) {
            const char *other = data_files_name(s->files, end);
            if (key_length(other) != n || memcmp(other, name, n) != 0)
                break;
            if (tn_picture_name(other))
                picture = end;
            else if (data_name_ends(other, ".cls") || (label < 0 && data_name_ends(other, ".json")))
                label = end;
        }
        if (picture >= 0 || (label >= 0 && data_name_ends(data_files_name(s->files, label), ".cls")))
            status = add_sample(s, picture, label, &b, &most, e);
    }
    data_buffer_free(&b);
    s->labelled = true;
    if (status != TN_OK || s->classes > 0)
        return status;
    s->classes = most + 1;
    s->class_names = BASE_ARRAY(&s->arena, const char *, s->classes + 1);
    for (int c = 0; s->class_names && c < s->classes; c++)
        if (!(s->class_names[c] = base_arena_printf(&s->arena, "%d", c)))
            return base_no_memory(e, "listing classes");
    return s->class_names ? TN_OK : base_no_memory(e, "listing classes");
}

tn_dataset *tn_dataset_picture_shards(tn_context *context, const char *const *paths, int n, const tn_pictures_opt *opt)
{
    base_error *e = base_context_begin(context);
    picture_set *s = picture_set_open(paths, n, opt, e);
    if (s)
        s->sharded = true;
    if (s && list_samples(s, e) == TN_OK)
        return picture_set_finish(s, paths[0], e);
    picture_set_free(s);
    return NULL;
}
