/* prep.c: text preparations: made, written into model files, read back; see prep.h. */
#include "data/text/prep.h"

#include <stdlib.h>

#include "base/text.h"
#include "data/files.h"
#include "data/text/hf.h"
#include "data/text/plain.h"

static const char *const tasks[] = {"classes", "next", "masked", "alone"};
enum { MOST_LENGTH = 1 << 24, MOST_CLASSES = 1 << 20 };

static void prep_free(void *self)
{
    text_prep *p = self;
    if (!p)
        return;
    tn_tokenizer_free(p->t);
    base_arena_free(&p->arena);
    free(p);
}

static tn_status check(const text_prep *p, base_error *e)
{
    if (p->length < 1 || p->length > MOST_LENGTH)
        return base_fail(e, TN_INVALID, "samples of %lld tokens are not possible; 1 to %d are", (long long)p->length,
                         MOST_LENGTH);
    if (p->task == TN_TEXT_CLASSES && (p->classes < 1 || p->classes > MOST_CLASSES))
        return base_fail(e, TN_INVALID, "texts have 1 to %d classes, not %d", MOST_CLASSES, p->classes);
    if (!(p->mask > 0 && p->mask <= 1))
        return base_fail(e, TN_INVALID, "the part of the tokens that is hidden must lie above 0 and not above 1");
    if (p->task == TN_TEXT_MASKED && tn_tokenizer_roles(p->t).mask < 0)
        return base_fail(e, TN_NOT_FOUND, "the tokenizer has no token to hide others behind, as [MASK] or <mask>");
    return TN_OK;
}

static tn_status copy_names(text_prep *p, const char *const *names, base_error *e)
{
    p->class_names = BASE_ARRAY(&p->arena, const char *, p->classes + 1);
    for (int i = 0; p->class_names && i < p->classes; i++)
        if (!(p->class_names[i] = base_arena_strdup(&p->arena, names[i])))
            p->class_names = NULL;
    return p->class_names ? TN_OK : base_no_memory(e, "making a preparation");
}

tn_preparation *tn_text_prepare(tn_context *context, const tn_tokenizer *tokenizer, const tn_text_opt *opt)
{
    static const tn_text_opt none = {0};
    base_error *e = base_context_begin(context);
    text_prep *p = calloc(1, sizeof *p);
    opt = opt ? opt : &none;
    if (!p) {
        base_no_memory(e, "making a preparation");
        return NULL;
    }
    int32_t pad = tn_tokenizer_roles(tokenizer).pad;
    p->t = text_tokenizer_retain(tokenizer);
    p->task = opt->task;
    p->length = opt->length ? opt->length : 512;
    p->fixed = opt->fixed;
    p->pad_left = opt->pad_left;
    p->plain = opt->plain;
    p->truncate_left = opt->truncate_left;
    p->whole = opt->whole;
    p->mask = opt->mask != 0 ? opt->mask : 0.15;
    p->pad = pad >= 0 ? pad : 0;
    p->classes = opt->task == TN_TEXT_CLASSES ? opt->classes : 0;
    tn_status status = check(p, e);
    if (status == TN_OK && p->classes && opt->class_names)
        status = copy_names(p, opt->class_names, e);
    if (status == TN_OK)
        return data_preparation_new(&data_prepare_text, p, e);
    prep_free(p);
    return NULL;
}

const tn_tokenizer *tn_text_tokenizer(const tn_preparation *preparation)
{
    const text_prep *p = data_preparation_self(preparation, &data_prepare_text);
    return p ? p->t : NULL;
}

tn_text_task tn_text_task_of(const tn_preparation *preparation)
{
    const text_prep *p = data_preparation_self(preparation, &data_prepare_text);
    return p ? p->task : TN_TEXT_ALONE;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void prep_write(const void *self, format_json_out *w)
{
    const text_prep *p = self;
    format_json_put_string(w, "task", tasks[p->task]);
    format_json_put_i64(w, "length", p->length);
    format_json_put_bool(w, "fixed", p->fixed);
    format_json_put_bool(w, "pad_left", p->pad_left);
    format_json_put_bool(w, "plain", p->plain);
    format_json_put_bool(w, "truncate_left", p->truncate_left);
    if (p->whole)
        format_json_put_bool(w, "whole", true);
    format_json_put_f64(w, "mask", p->mask);
    if (p->classes) {
        format_json_put_i64(w, "classes", p->classes);
        if (p->class_names) {
            format_json_open_list(w, "class_names");
            for (int i = 0; i < p->classes; i++)
                format_json_put_string(w, NULL, p->class_names[i]);
            format_json_close(w);
        }
    }
    hf_put(w, "tokenizer", p->t);
}

static tn_status parse_classes(text_prep *p, const format_json *object, base_error *e)
{
    int64_t n = 0;
    BASE_TRY(format_json_get_i64(object, "text preparation", "classes", 1, MOST_CLASSES, &n, e));
    const format_json *names = format_json_find(object, "class_names");
    p->classes = (int)n;
    if (!names)
        return TN_OK;
    if (format_json_count(names) != (size_t)n)
        return base_fail(e, TN_FORMAT, "text preparation: %lld classes have %zu names", (long long)n,
                         format_json_count(names));
    p->class_names = BASE_ARRAY(&p->arena, const char *, n + 1);
    if (!p->class_names)
        return base_no_memory(e, "reading a preparation");
    for (int i = 0; i < p->classes; i++) {
        const char *name = NULL;
        BASE_TRY(format_json_as_string(format_json_at(names, (size_t)i), "text preparation: a class", &name, e));
        if (!(p->class_names[i] = base_arena_strdup(&p->arena, name)))
            return base_no_memory(e, "reading a preparation");
    }
    return TN_OK;
}

static tn_status prep_parse(const format_json *object, void *self, base_error *e)
{
    text_prep *p = self;
    static const char what[] = "text preparation";
    const char *task = NULL;
    const format_json *tokenizer = NULL;
    BASE_TRY(format_json_get_object(object, what, "tokenizer", &tokenizer, e));
    if (!(p->t = hf_read_value(tokenizer, what, e)))
        return e ? e->status : TN_FORMAT;
    BASE_TRY(format_json_get_string(object, what, "task", &task, e));
    int k = 0;
    while (k < 4 && strcmp(tasks[k], task) != 0)
        k++;
    if (k == 4)
        return base_fail(e, TN_TOO_NEW, "text preparation: the task \"%s\" is not known to this version",
                         BASE_SHOW(task));
    p->task = (tn_text_task)k;
    BASE_TRY(format_json_get_i64(object, what, "length", 1, MOST_LENGTH, &p->length, e));
    BASE_TRY(format_json_get_bool(object, what, "fixed", &p->fixed, e));
    BASE_TRY(hf_bool(object, what, "pad_left", &p->pad_left, e));
    BASE_TRY(format_json_get_bool(object, what, "plain", &p->plain, e));
    BASE_TRY(format_json_get_bool(object, what, "truncate_left", &p->truncate_left, e));
    BASE_TRY(hf_bool(object, what, "whole", &p->whole, e));
    BASE_TRY(format_json_get_f64(object, what, "mask", &p->mask, e));
    if (p->task == TN_TEXT_CLASSES)
        BASE_TRY(parse_classes(p, object, e));
    int32_t pad = tn_tokenizer_roles(p->t).pad;
    p->pad = pad >= 0 ? pad : 0;
    return check(p, e);
}

/* ---- raw input ------------------------------------------------------------------------------------------------- */

tn_status text_lines(const char *text, size_t bytes, bool all, tn_text **lines, size_t *n, base_error *e)
{
    size_t capacity = 0;
    *lines = NULL;
    *n = 0;
    for (size_t i = 0; i < bytes;) {
        const char *stop = memchr(text + i, '\n', bytes - i);
        size_t end = stop ? (size_t)(stop - text) : bytes, next = end + 1;
        end -= end > i && text[end - 1] == '\r';
        if (end > i || all) {
            if (!text_grow((void **)lines, &capacity, *n + 1, sizeof **lines)) {
                free(*lines);
                *lines = NULL;
                return base_no_memory(e, "reading texts");
            }
            (*lines)[(*n)++] = (tn_text){text + i, end - i};
        }
        i = next;
    }
    return TN_OK;
}

tn_status text_file_read(const char *path, data_buffer *b, base_error *e)
{
    data_files *f = data_files_open(path, NULL, e);
    tn_status status = TN_IO;
    if (f && data_files_count(f) != 1)
        status = base_fail(e, TN_FORMAT, "%s holds %lld files; one with a text a line is due", path,
                           (long long)data_files_count(f));
    else if (f && (status = data_files_read(f, 0, b, e)) == TN_OK && b->data != b->room) {
        /* What lies in a mapped file outlives it in memory of the buffer's own. */
        const void *mapped = b->data;
        const size_t bytes = b->bytes;
        if ((status = data_buffer_room(b, bytes, e)) == TN_OK && bytes)
            memcpy(b->room, mapped, bytes);
        b->data = b->room;
        b->bytes = bytes;
    }
    data_files_close(f);
    return status;
}

/* Its lines, or itself as the only one. */
static tn_status take_lines(tn_text text, bool whole, bool all, tn_text **lines, size_t *n, base_error *e)
{
    if (!whole)
        return text_lines(text.at, text.bytes, all, lines, n, e);
    *lines = malloc(sizeof **lines);
    *n = 1;
    if (!*lines)
        return base_no_memory(e, "reading texts");
    **lines = text;
    return TN_OK;
}

/* Raw lines are answered one by one, those that are empty too, as an empty text among training texts is. */
static tn_dataset *set_of_lines(const char *text, size_t bytes, const char *name, const tn_preparation *p,
                                text_make_set *make, bool raw, bool whole, int threads, base_error *e)
{
    tn_text *lines = NULL;
    text_plain plain = {0};
    size_t n = 0;
    tn_dataset *d = NULL;
    name = name ? name : "the input";
    if (text_plain_of(text, bytes, name, TN_ENCODING_AUTO, &plain, e) == TN_OK &&
        text_plain_check(plain.text, 1, name, e) == TN_OK &&
        take_lines(plain.text, whole, raw, &lines, &n, e) == TN_OK) {
        if (n == 0)
            base_fail(e, TN_FORMAT, "%s holds no text", name);
        else
            d = make(p, lines, n, raw, threads, e);
    }
    free(lines);
    text_plain_close(&plain);
    return d;
}

tn_dataset *text_open_lines(const tn_preparation *p, const data_raw *in, text_make_set *make, bool raw, bool whole,
                            int threads, base_error *e)
{
    data_buffer b = {0};
    tn_dataset *d = NULL;
    if (!in->path)
        return set_of_lines(in->data, in->bytes, in->name, p, make, raw, whole, threads, e);
    if (text_file_read(in->path, &b, e) == TN_OK)
        d = set_of_lines((const char *)b.data, b.bytes, in->path, p, make, raw, whole, threads, e);
    data_buffer_free(&b);
    return d;
}

static tn_dataset *without_labels(const tn_preparation *p, const tn_text *lines, size_t n, bool raw, int threads,
                                  base_error *e)
{
    return text_set_new(p, lines, n, NULL, raw, threads, NULL, e);
}

static tn_dataset *prep_open(const tn_preparation *p, const void *self, const data_raw *raw, base_error *e)
{
    return text_open_lines(p, raw, without_labels, true, ((const text_prep *)self)->whole, 1, e);
}

tn_dataset *tn_dataset_text_lines(tn_context *context, const tn_preparation *preparation, const char *path)
{
    base_error *e = base_context_begin(context);
    const text_prep *p = data_preparation_self(preparation, &data_prepare_text);
    if (p && p->task != TN_TEXT_CLASSES)
        return text_open_lines(preparation, &(data_raw){.path = path}, without_labels, false, false,
                               tn_context_threads(context), e);
    base_fail(e, TN_INVALID,
              p ? "lines have no classes; tn_dataset_texts takes texts with labels"
                : "the preparation is not one of texts");
    return NULL;
}

const data_prepare data_prepare_text = {.kind = "text",
                                        .size = sizeof(text_prep),
                                        .parse = prep_parse,
                                        .write = prep_write,
                                        .open = prep_open,
                                        .endings = data_prepare_texts,
                                        .free = prep_free};
