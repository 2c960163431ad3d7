/* list.c: pictures named by a list of paths and labels. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "data/names.h"
#include "data/picture/set.h"

/* Numbers from here on are names, not classes: a lone label of a few digits must not make millions of them. */
enum { LIST_LIMIT = 1 << 30, MOST_CLASSES = 1 << 16 };

typedef struct line {
    int64_t file;
    const char *wrong; /* NULL: nothing */
    const char *label; /* NULL: none */
    int number;        /* of the line */
} line;

typedef struct lister {
    picture_set *set;
    const char *path;
    base_vec(line) lines;
    int n_labels;
    base_error *e;
} lister;

/* One cell, up to the separator or the end of the line; quotes are taken off where it stands. */
static char *take_cell(char **p, char *separator)
{
    char *from = *p, *to = from, *start = from;
    bool quoted = *from == '"';
    from += quoted;
    for (; *from && *from != '\n'; from++) {
        if (quoted && *from == '"') {
            if (from[1] != '"') {
                quoted = false;
                continue;
            }
            from++;
        } else if (!quoted && (*from == ',' || *from == '\t')) {
            break;
        }
        *to++ = *from;
    }
    *separator = *from;
    *p = *from ? from + 1 : from;
    if (to > start && to[-1] == '\r')
        to--;
    *to = '\0';
    return start;
}

static tn_status add_line(lister *l, const char *name, const char *label, int number)
{
    int64_t file = data_files_find(l->set->files, name);
    if (file < 0 && number == 1 && !tn_picture_name(name))
        return TN_OK; /* a header */
    picture_item item = {.file = file < 0 ? 0 : file};
    if (file < 0) {
        base_fail(l->e, TN_NOT_FOUND, "%s:%d: there is no picture \"%s\"", l->path, number, BASE_SHOW(name));
        BASE_TRY(picture_item_missing(l->set, &item, l->e));
    }
    l->n_labels += label != NULL;
    if (label && !(label = base_arena_strdup(&l->set->arena, label)))
        return base_no_memory(l->e, "reading a list");
    return base_vec_push(&l->lines, (line){item.file, item.wrong, label, number})
               ? TN_OK
               : base_no_memory(l->e, "reading a list");
}

static tn_status read_lines(lister *l, char *text)
{
    int number = 0;
    for (char *p = text; *p;) {
        char separator;
        number++;
        char *name = take_cell(&p, &separator), *label = NULL;
        if (separator == ',' || separator == '\t')
            label = take_cell(&p, &separator);
        if (separator == ',' || separator == '\t')
            return base_fail(l->e, TN_FORMAT, "%s:%d: more than two columns; a path and a label are due", l->path,
                             number);
        if (!*name && !label)
            continue;
        BASE_TRY(add_line(l, name, label, number));
    }
    BASE_TRY(picture_items_missing(l->set, l->e));
    for (size_t i = 0; l->n_labels > 0 && i < l->lines.n; i++)
        if (!l->lines.at[i].label)
            return base_fail(l->e, TN_FORMAT, "%s:%d: there is no label here, but there are in other lines", l->path,
                             l->lines.at[i].number);
    return TN_OK;
}

/* Labels that all are numbers are the classes themselves. */
static bool all_numbers(const lister *l, int64_t *most)
{
    *most = -1;
    for (size_t i = 0; i < l->lines.n; i++) {
        int64_t v;
        if (!base_parse_i64(l->lines.at[i].label, &v) || v < 0 || v >= MOST_CLASSES)
            return false;
        *most = v > *most ? v : *most;
    }
    return true;
}

static tn_status name_classes(lister *l)
{
    picture_set *s = l->set;
    data_names names = {0};
    int64_t most;
    bool numbers = all_numbers(l, &most);
    if (s->classes > 0)
        return TN_OK;
    for (size_t i = 0; !numbers && i < l->lines.n; i++)
        if (!base_vec_push(&names, l->lines.at[i].label))
            return base_vec_free(&names), base_no_memory(l->e, "reading a list");
    data_names_sort(&names);
    s->classes = numbers ? (int)most + 1 : (int)names.n;
    s->class_names = BASE_ARRAY(&s->arena, const char *, s->classes + 1);
    for (int c = 0; s->class_names && c < s->classes; c++)
        s->class_names[c] = numbers ? base_arena_printf(&s->arena, "%d", c) : names.at[c];
    base_vec_free(&names);
    return s->class_names ? TN_OK : base_no_memory(l->e, "reading a list");
}

static tn_status make_items(lister *l)
{
    picture_set *s = l->set;
    s->labelled = l->n_labels > 0;
    if (s->labelled)
        BASE_TRY(name_classes(l));
    for (size_t i = 0; i < l->lines.n; i++) {
        const line *from = &l->lines.at[i];
        picture_item item = {.file = from->file, .wrong = from->wrong};
        int64_t v;
        if (s->labelled) {
            item.label = data_names_find(s->class_names, s->classes, from->label);
            if (item.label < 0 && base_parse_i64(from->label, &v) && v >= 0 && v < s->classes)
                item.label = (int)v;
            if (item.label < 0)
                return base_fail(l->e, TN_FORMAT, "%s:%d: \"%s\" is not among the %d classes", l->path, from->number,
                                 BASE_SHOW(from->label), s->classes);
        }
        if (!base_vec_push(&s->items, item))
            return base_no_memory(l->e, "reading a list");
    }
    return TN_OK;
}

tn_status picture_list_parse(picture_set *s, char *text, size_t bytes, const char *list, base_error *e)
{
    lister l = {.set = s, .path = list, .e = e};
    bool marked = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    tn_status status = memchr(text, '\0', bytes) ? base_fail(e, TN_FORMAT, "%s is not a text: it has zero bytes", list)
                                                 : read_lines(&l, text + (marked ? 3 : 0));
    if (status == TN_OK)
        status = make_items(&l);
    base_vec_free(&l.lines);
    return status;
}

static tn_status read_list(picture_set *s, const char *list, base_error *e)
{
    void *text;
    size_t bytes;
    BASE_TRY(base_file_read(list, LIST_LIMIT, &text, &bytes, e));
    tn_status status = picture_list_parse(s, text, bytes, list, e);
    free(text);
    return status;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 1;
    char *folder = malloc(n + 1);
    if (folder) {
        memcpy(folder, slash ? path : ".", n);
        folder[n] = '\0';
    }
    return folder;
}

tn_dataset *tn_dataset_picture_list(tn_context *context, const char *path, const char *list, const tn_pictures_opt *opt)
{
    base_error *e = base_context_begin(context);
    char *folder = path ? NULL : folder_of(list);
    const char *from = path ? path : folder;
    picture_set *s = from ? picture_set_open(&from, 1, opt, e) : NULL;
    if (!from)
        base_no_memory(e, "listing pictures");
    free(folder);
    if (s && read_list(s, list, e) == TN_OK)
        return picture_set_finish(s, list, e);
    picture_set_free(s);
    return NULL;
}
