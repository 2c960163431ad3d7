/* masks.c: pictures with masks, paired by their names without the endings. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/picture/set.h"

static size_t stem_length(const char *name)
{
    const char *slash = strrchr(name, '/'), *point = strrchr(slash ? slash : name, '.');
    return point ? (size_t)(point - name) : strlen(name);
}

typedef struct stem {
    const char *name;
    size_t length;
    int64_t file;
} stem;
typedef base_vec(stem) stems;

static int compare(const char *a, size_t n, const char *b, size_t m)
{
    int c = memcmp(a, b, n < m ? n : m);
    return c ? c : (n > m) - (n < m);
}

static int by_stem(const void *a, const void *b)
{
    const stem *p = a, *q = b;
    return compare(p->name, p->length, q->name, q->length);
}

/* The mask of a picture; NULL: none, or several, of which none can be chosen, with the sentence in e. */
static const stem *find_mask(const stems *masks, const stem *like, base_error *e)
{
    const stem *mask = masks->n ? bsearch(like, masks->at, masks->n, sizeof *like, by_stem) : NULL;
    if (!mask) {
        base_fail(e, TN_NOT_FOUND, "there is no mask for this picture");
        return NULL;
    }
    const stem *other = mask > masks->at && by_stem(mask - 1, mask) == 0                  ? mask - 1
                        : mask + 1 < masks->at + masks->n && by_stem(mask, mask + 1) == 0 ? mask + 1
                                                                                          : NULL;
    if (!other)
        return mask;
    const bool swap = other->file < mask->file;
    base_fail(e, TN_FORMAT, "this picture has several masks: %s and %s", BASE_SHOW(swap ? other->name : mask->name),
              BASE_SHOW(swap ? mask->name : other->name));
    return NULL;
}

static tn_status list_masks(const data_files *masks, stems *out, base_error *e)
{
    for (int64_t i = 0; i < data_files_count(masks); i++) {
        const char *name = data_files_name(masks, i);
        if (tn_picture_name(name) && !base_vec_push(out, (stem){name, stem_length(name), i}))
            return base_no_memory(e, "listing masks");
    }
    if (out->n)
        qsort(out->at, out->n, sizeof *out->at, by_stem);
    return TN_OK;
}

static tn_status pair_up(picture_set *s, base_error *e)
{
    stems masks = {0};
    tn_status status = list_masks(s->masks, &masks, e);
    for (int64_t i = 0; status == TN_OK && i < data_files_count(s->files); i++) {
        const char *name = data_files_name(s->files, i);
        const stem like = {name, stem_length(name), 0};
        if (!tn_picture_name(name))
            continue;
        const stem *mask = find_mask(&masks, &like, e);
        picture_item item = {.file = i, .mask = mask ? mask->file : 0};
        if (!mask) {
            const tn_status why = data_files_blame(s->files, i, e);
            status = why == TN_NOT_FOUND ? picture_item_missing(s, &item, e) : picture_item_wrong(s, &item, why, e);
        }
        if (status == TN_OK && !base_vec_push(&s->items, item))
            status = base_no_memory(e, "listing pictures");
    }
    base_vec_free(&masks);
    return status == TN_OK ? picture_items_missing(s, e) : status;
}

tn_dataset *tn_dataset_picture_masks(tn_context *context, const char *path, const char *masks, const char *masks_under,
                                     const tn_pictures_opt *opt)
{
    base_error *e = base_context_begin(context);
    picture_set *s = picture_set_open(&path, 1, opt, e);
    data_files_opt files = opt ? picture_files_opt(opt) : (data_files_opt){0};
    files.under = masks_under;
    if (s && (s->masks = data_files_open(masks ? masks : path, &files, e)) && pair_up(s, e) == TN_OK)
        return picture_set_finish(s, path, e);
    picture_set_free(s);
    return NULL;
}
