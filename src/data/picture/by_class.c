/* by_class.c: pictures in one folder for each class. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/names.h"
#include "data/picture/set.h"

/* The names of the folders are the classes, unless the caller has a list. */
static tn_status find_classes(picture_set *s, base_error *e)
{
    if (s->classes > 0)
        return TN_OK;
    int n = 0;
    while (data_files_folder(s->files, n))
        n++;
    s->class_names = BASE_ARRAY(&s->arena, const char *, n + 1);
    if (!s->class_names)
        return base_no_memory(e, "listing classes");
    s->classes = n;
    for (int c = 0; c < n; c++)
        s->class_names[c] = data_files_folder(s->files, c); /* lives as long as the files */
    return TN_OK;
}

static tn_status class_of(const picture_set *s, int64_t i, int *label, base_error *e)
{
    const char *name = data_files_name(s->files, i), *slash = strchr(name, '/');
    char folder[256];
    if (!slash || slash - name >= (int)sizeof folder) {
        base_fail(e, TN_FORMAT,
                  slash ? "the name of its folder is too long for a class"
                        : "this picture lies in no folder, so that it has no class");
        return data_files_blame(s->files, i, e);
    }
    memcpy(folder, name, (size_t)(slash - name));
    folder[slash - name] = '\0';
    *label = data_names_find(s->class_names, s->classes, folder);
    if (*label >= 0)
        return TN_OK;
    base_fail(e, TN_FORMAT, "\"%s\" is not among the %d classes of this model or recipe", BASE_SHOW(folder),
              s->classes);
    return data_files_blame(s->files, i, e);
}

/* Classes that were found must have a picture each; of a given list some may be absent here. */
static tn_status check_classes(const picture_set *s, const char *what, bool given, base_error *e)
{
    bool *seen = calloc((size_t)s->classes + 1, sizeof *seen);
    tn_status status = seen ? TN_OK : base_no_memory(e, "listing classes");
    for (size_t i = 0; seen && i < s->items.n; i++)
        seen[s->items.at[i].label] = true;
    for (int c = 0; status == TN_OK && !given && s->items.n > 0 && c < s->classes; c++)
        if (!seen[c])
            status = base_fail(e, TN_FORMAT,
                               "%s: the folder \"%s\" would be a class, but there is no picture in it; "
                               "put some there or remove it",
                               what, BASE_SHOW(s->class_names[c]));
    free(seen);
    return status;
}

static tn_status list_pictures(picture_set *s, const char *what, base_error *e)
{
    bool given = s->classes > 0;
    BASE_TRY(find_classes(s, e));
    for (int64_t i = 0; i < data_files_count(s->files); i++) {
        picture_item item = {.file = i};
        if (!tn_picture_name(data_files_name(s->files, i)))
            continue;
        BASE_TRY(class_of(s, i, &item.label, e));
        if (!base_vec_push(&s->items, item))
            return base_no_memory(e, "listing pictures");
    }
    s->labelled = true;
    return check_classes(s, what, given, e);
}

tn_dataset *tn_dataset_pictures(tn_context *context, const char *path, const tn_pictures_opt *opt)
{
    base_error *e = base_context_begin(context);
    picture_set *s = picture_set_open(&path, 1, opt, e);
    if (s && list_pictures(s, path, e) == TN_OK)
        return picture_set_finish(s, path, e);
    picture_set_free(s);
    return NULL;
}
