/* masks.c: masks, which say the class of each pixel: the share of each class, those of another size than their picture, those with
 * classes that no name is known of, pictures without a mask and masks without a picture. Masks are the pictures in folders such as
 * masks or SegmentationClass where there are folders of pictures such as images; train/images/1.jpg and masks/train/1.png are of one
 * picture, as what is left of their names without these folders and the ending is the same. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/text.h"
#include "data/check/check.h"
#include "data/picture.h"

enum { NO_CLASS = 255, VALUES = 256 };

/* ---- which files ------------------------------------------------------------------------------------------------ */

void check_find_masks(data_check *c)
{
    for (int64_t i = 0; c->annotated && i < data_files_count(c->files); i++) {
        const char *name = data_files_name(c->files, i);
        if (!tn_picture_name(name) || !check_annotates(name) || strstr(name, "SegmentationObject/"))
            continue;
        c->told[i].holds = CHECK_MASK;
        c->masked = true;
    }
}

/* ---- which mask is of which picture ----------------------------------------------------------------------------- */

typedef struct named {
    const char *key; /* the name without the folders that say what it is, and without the ending */
    int64_t file;
} named;
typedef base_vec(named) named_list;

static int by_key(const void *a, const void *b)
{
    const named *p = a, *q = b;
    const int order = strcmp(p->key, q->key);
    return order ? order : (p->file > q->file) - (p->file < q->file);
}

static const named *find(const named_list *list, const char *key)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(list->at[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->n && strcmp(list->at[low].key, key) == 0 ? &list->at[low] : NULL;
}

static const char *key_of(data_check *c, const char *name)
{
    base_str key = {0};
    for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1)
        if (!check_layout_word(name, (size_t)(slash - name), false))
            base_str_bytes(&key, name, (size_t)(slash - name) + 1);
    const char *point = strrchr(name, '.');
    base_str_bytes(&key, name, point ? (size_t)(point - name) : strlen(name));
    const char *own = key.failed ? NULL : base_arena_strdup(&c->arena, base_str_text(&key));
    base_str_free(&key);
    return own;
}

typedef struct reading {
    data_check *c;
    named_list pictures, masks;
    data_names classes; /* as a file names them */
    tn_check_pixels of[VALUES];
    check_moments distinct; /* classes of a mask */
    data_buffer buffer;
} reading;

static tn_status list_names(reading *r)
{
    data_check *c = r->c;
    for (int64_t i = 0; i < data_files_count(c->files); i++) {
        const char *name = data_files_name(c->files, i);
        named_list *list = c->told[i].holds == CHECK_MASK ? &r->masks : &r->pictures;
        if (!tn_picture_name(name) || (list == &r->pictures && check_annotates(name)))
            continue;
        named one = {key_of(c, name), i};
        if (!one.key || !base_vec_push(list, one))
            return base_no_memory(c->err, "checking data");
    }
    if (r->pictures.n)
        qsort(r->pictures.at, r->pictures.n, sizeof *r->pictures.at, by_key);
    if (r->masks.n)
        qsort(r->masks.at, r->masks.n, sizeof *r->masks.at, by_key);
    return TN_OK;
}

/* ---- a mask ----------------------------------------------------------------------------------------------------- */

/* What of it a model could not learn from. */
static tn_status judge(const reading *r, const tn_picture *p, const int64_t *count, const check_told *picture,
                       base_error *why)
{
    if (picture && picture->width && (picture->width != p->width || picture->height != p->height))
        return base_fail(why, TN_FORMAT, "this mask has %lld x %lld pixels, its picture %d x %d", (long long)p->width,
                         (long long)p->height, picture->width, picture->height);
    for (size_t v = r->classes.n; r->classes.n && v < NO_CLASS; v++)
        if (count[v])
            return base_fail(why, TN_FORMAT, "%lld pixel%s of class %zu; names are there of the classes 0 to %zu",
                             (long long)count[v], count[v] == 1 ? " is" : "s are", v, r->classes.n - 1);
    return TN_OK;
}

static void add_pixels(reading *r, const int64_t *count, int part)
{
    int distinct = 0;
    for (int v = 0; v < VALUES; v++) {
        r->of[v].pixels += count[v];
        r->of[v].masks[part] += count[v] > 0;
        distinct += count[v] > 0 && v != NO_CLASS;
    }
    check_moments_add(&r->distinct, distinct);
}

static tn_status read_mask(reading *r, const named *mask, const char *where)
{
    data_check *c = r->c;
    base_error why = {0};
    const named *picture = find(&r->pictures, mask->key);
    const int part = check_part_of(data_files_name(c->files, mask->file) + c->root, false);
    tn_picture *p = NULL;
    tn_status status = data_files_read(c->files, mask->file, &r->buffer, &why);
    if (status == TN_OK) {
        const data_source source = {.data = r->buffer.data,
                                    .bytes = r->buffer.bytes,
                                    .name = where,
                                    .pixels_limit = c->opt.pixels_limit > 0 ? c->opt.pixels_limit : DATA_PIXELS_LIMIT,
                                    .channels = 1,
                                    .numbers = true};
        p = data_picture_decode_hinted(&source, NULL, &why);
        status = why.status;
    }
    if (p) {
        int64_t count[VALUES] = {0};
        for (int64_t i = 0; i < p->width * p->height; i++)
            count[p->pixels[i]]++;
        c->report.samples[TN_SAMPLES_MASKS][part]++;
        add_pixels(r, count, part);
        status = judge(r, p, count, picture ? &c->told[picture->file] : NULL, &why);
    }
    tn_picture_free(p);
    if (status == TN_MEMORY)
        return base_no_memory(c->err, "checking data");
    return status == TN_OK ? TN_OK : check_add_bad(c, where, why.text);
}

/* Each, and the second one of a picture. */
static tn_status read_masks(reading *r)
{
    data_check *c = r->c;
    base_str where = {0};
    tn_status status = TN_OK;
    for (size_t i = 0; i < r->masks.n && status == TN_OK; i++) {
        const named *mask = &r->masks.at[i], *before = i ? mask - 1 : NULL;
        base_str_free(&where);
        where = (base_str){0};
        data_files_where(c->files, mask->file, &where);
        if (where.failed)
            status = base_no_memory(c->err, "checking data");
        else
            status = read_mask(r, mask, base_str_text(&where));
        if (status == TN_OK && before && strcmp(before->key, mask->key) == 0) {
            base_error why = {0};
            base_fail(&why, TN_FORMAT, "%s is a mask of the same picture",
                      BASE_SHOW(data_files_name(c->files, before->file)));
            status = check_add_bad(c, base_str_text(&where), why.text);
        }
    }
    base_str_free(&where);
    return status;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* How many of `list` have no partner in `other`, and the first of them. */
static int64_t alone(const named_list *list, const named_list *other, int64_t *first)
{
    int64_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (!find(other, list->at[i].key)) {
            *first = n++ == 0 || list->at[i].file < *first ? list->at[i].file : *first;
        }
    return n;
}

static tn_status note_partners(const reading *r)
{
    data_check *c = r->c;
    int64_t first = 0, n = alone(&r->pictures, &r->masks, &first);
    if (n)
        BASE_TRY(check_add_note(c, "%lld picture%s no mask: %s%s", (long long)n, n == 1 ? " has" : "s have",
                                BASE_SHOW(data_files_name(c->files, first)), n == 1 ? "" : " and others"));
    n = alone(&r->masks, &r->pictures, &first);
    if (n)
        BASE_TRY(check_add_note(c, "%lld mask%s to no picture: %s%s", (long long)n, n == 1 ? " belongs" : "s belong",
                                BASE_SHOW(data_files_name(c->files, first)), n == 1 ? "" : " and others"));
    return TN_OK;
}

/* Numbers that are hardly meant: 255 as a class, greys or colours in place of numbers. */
static tn_status note_values(const reading *r)
{
    data_check *c = r->c;
    int used = 0, last = -1;
    for (int v = 0; v < NO_CLASS; v++)
        if (r->of[v].pixels) {
            used++;
            last = v;
        }
    if (used <= 1 && r->of[NO_CLASS].pixels)
        BASE_TRY(check_add_note(c,
                                "masks have %s 255, which stands for pixels that do not count: if it is a class, "
                                "write the number of the class in its place",
                                used ? "one class and" : "nothing but"));
    else if (!r->classes.n && used <= last)
        BASE_TRY(check_add_note(c,
                                "classes of masks go up to %d, but pixels have only %d of these %d: a recipe needs "
                                "class_count: %d, if they are numbers of classes",
                                last, used, last + 1, last + 1));
    return TN_OK;
}

static tn_status add_shares(reading *r)
{
    data_check *c = r->c;
    int64_t in_part[TN_PARTS];
    for (int p = 0; p < TN_PARTS; p++)
        in_part[p] = c->report.samples[TN_SAMPLES_MASKS][p];
    for (int v = 0; v < VALUES; v++) {
        tn_check_pixels *one = &r->of[v];
        one->value = v;
        one->name = (size_t)v < r->classes.n ? r->classes.at[v] : NULL;
        if (!one->pixels && !one->name)
            continue;
        if (!base_vec_push(&c->pixels, *one))
            return base_no_memory(c->err, "checking data");
        if (!one->pixels)
            BASE_TRY(check_add_note(c, "no pixel has the class %d (%s)", v, BASE_SHOW(one->name)));
        for (int p = 1; one->pixels && v != NO_CLASS && p < TN_PARTS; p++)
            if (in_part[p] && !one->masks[p])
                BASE_TRY(check_add_note(c, "no mask of %s has the class %d", tn_part_name(p), v));
    }
    if (r->distinct.n) {
        const tn_check_spread s = {"classes of a mask", r->distinct.min, r->distinct.max, r->distinct.mean};
        if (!base_vec_push(&c->spreads, s))
            return base_no_memory(c->err, "checking data");
    }
    return TN_OK;
}

static tn_status read_everything(reading *r)
{
    BASE_TRY(check_class_names(r->c, &r->classes));
    BASE_TRY(list_names(r));
    BASE_TRY(read_masks(r));
    BASE_TRY(add_shares(r));
    BASE_TRY(note_partners(r));
    return note_values(r);
}

tn_status check_masks(data_check *c)
{
    reading *r = calloc(1, sizeof *r);
    if (!r)
        return base_no_memory(c->err, "checking data");
    r->c = c;
    const tn_status status = read_everything(r);
    base_vec_free(&r->pictures);
    base_vec_free(&r->masks);
    base_vec_free(&r->classes);
    data_buffer_free(&r->buffer);
    free(r);
    return status;
}
