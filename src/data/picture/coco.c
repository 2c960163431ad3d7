/* coco.c: boxes from the JSON file of COCO (https://cocodataset.org/#format-data). */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/names.h"
#include "data/picture/boxes.h"
#include "format/json.h"

typedef struct image {
    int64_t id, file;
    const char *wrong; /* why the sample cannot be had; NULL: nothing */
    bool missing;      /* there is no such picture */
} image;

typedef struct found {
    int64_t image, order;
    picture_box box;
} found;

typedef struct category {
    int64_t id;
    const char *name;
} category;

typedef struct reader {
    picture_set *set;
    base_vec(image) images;
    base_vec(found) boxes;
    base_vec(category) categories;
    base_vec(const char *) strays; /* what is wrong with entries that are of no image */
    const char *path;
    base_error *e;
} reader;

static const format_json_limits limits = {.bytes = (size_t)2 << 30, .depth = 16, .values = (size_t)200000000};

static int by_image_id(const void *a, const void *b)
{
    const image *p = a, *q = b;
    return (p->id > q->id) - (p->id < q->id);
}

static int by_category_id(const void *a, const void *b)
{
    const category *p = a, *q = b;
    return (p->id > q->id) - (p->id < q->id);
}

static int by_image(const void *a, const void *b)
{
    const found *p = a, *q = b;
    if (p->image != q->image)
        return p->image > q->image ? 1 : -1;
    return (p->order > q->order) - (p->order < q->order);
}

static int by_file(const void *a, const void *b)
{
    const picture_item *p = a, *q = b;
    if (p->file != q->file)
        return p->file > q->file ? 1 : -1;
    return strcmp(p->wrong ? p->wrong : "", q->wrong ? q->wrong : "");
}

/* By the name in the file, or by what stands behind its last slash. */
static int64_t find_picture(const picture_set *s, const char *name)
{
    int64_t i = data_files_find(s->files, name);
    const char *slash = strrchr(name, '/');
    return i < 0 && slash ? data_files_find(s->files, slash + 1) : i;
}

/* Where samples that are bad are left out: what is wrong with the entry goes to *wrong, and TN_OK comes. */
static tn_status keep_wrong(reader *r, tn_status status, const char **wrong)
{
    picture_item item = {0};
    if (!strstr(r->e->text, r->path))
        base_prefix(r->e, "%s: ", r->path);
    BASE_TRY(picture_item_wrong(r->set, &item, status, r->e));
    *wrong = *wrong ? *wrong : item.wrong;
    return TN_OK;
}

static tn_status keep_stray(reader *r, tn_status status)
{
    const char *wrong = NULL;
    BASE_TRY(keep_wrong(r, status, &wrong));
    return base_vec_push(&r->strays, wrong) ? TN_OK : base_no_memory(r->e, "reading boxes");
}

static tn_status read_image(reader *r, const format_json *object)
{
    image m = {0};
    const char *name;
    BASE_TRY(format_json_get_i64(object, "an image", "id", INT64_MIN, INT64_MAX, &m.id, r->e));
    BASE_TRY(format_json_get_string(object, "an image", "file_name", &name, r->e));
    m.file = find_picture(r->set, name);
    if (m.file < 0) {
        picture_item item = {0};
        base_fail(r->e, TN_NOT_FOUND, "%s: there is no picture \"%s\"", r->path, BASE_SHOW(name));
        BASE_TRY(picture_item_missing(r->set, &item, r->e));
        m.file = 0;
        m.wrong = item.wrong;
        m.missing = true;
    }
    return base_vec_push(&r->images, m) ? TN_OK : base_no_memory(r->e, "reading boxes");
}

static tn_status read_images(reader *r, const format_json *root)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(root, "the file", "images", &list, r->e));
    for (size_t i = 0; i < format_json_count(list); i++) {
        const tn_status status = read_image(r, format_json_at(list, i));
        if (status == TN_OK)
            continue;
        if (status != TN_MEMORY)
            BASE_TRY(picture_items_missing(r->set, r->e)); /* they came before */
        BASE_TRY(keep_stray(r, status));
    }
    BASE_TRY(picture_items_missing(r->set, r->e));
    if (r->images.n)
        qsort(r->images.at, r->images.n, sizeof *r->images.at, by_image_id);
    for (size_t i = 1; i < r->images.n; i++)
        if (r->images.at[i].id == r->images.at[i - 1].id)
            return base_fail(r->e, TN_FORMAT, "two images have the id %lld", (long long)r->images.at[i].id);
    return TN_OK;
}

static tn_status read_categories(reader *r, const format_json *root)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(root, "the file", "categories", &list, r->e));
    for (size_t i = 0; i < format_json_count(list); i++) {
        category c;
        BASE_TRY(format_json_get_i64(format_json_at(list, i), "a category", "id", INT64_MIN, INT64_MAX, &c.id, r->e));
        BASE_TRY(format_json_get_string(format_json_at(list, i), "a category", "name", &c.name, r->e));
        c.name = base_arena_strdup(&r->set->arena, c.name);
        if (!c.name || !base_vec_push(&r->categories, c))
            return base_no_memory(r->e, "reading boxes");
    }
    picture_set *s = r->set;
    if (r->categories.n)
        qsort(r->categories.at, r->categories.n, sizeof *r->categories.at, by_category_id);
    if (s->classes > 0)
        return TN_OK;
    s->class_names = BASE_ARRAY(&s->arena, const char *, r->categories.n + 1);
    s->classes = (int)r->categories.n;
    for (size_t i = 0; s->class_names && i < r->categories.n; i++)
        s->class_names[i] = r->categories.at[i].name;
    return s->class_names ? TN_OK : base_no_memory(r->e, "reading boxes");
}

/* The class of a category: its place among the given names, else its place by id. */
static int class_of(const reader *r, int64_t id)
{
    const category like = {.id = id};
    const category *c =
        r->categories.n ? bsearch(&like, r->categories.at, r->categories.n, sizeof like, by_category_id) : NULL;
    return c ? data_names_find(r->set->class_names, r->set->classes, c->name) : -1;
}

static image *image_of(reader *r, int64_t id)
{
    const image like = {.id = id};
    return r->images.n ? bsearch(&like, r->images.at, r->images.n, sizeof like, by_image_id) : NULL;
}

static tn_status read_box(reader *r, const format_json *object, found *f)
{
    int64_t category_id;
    const format_json *bbox;
    double v[4];
    BASE_TRY(format_json_get_i64(object, "an annotation", "category_id", INT64_MIN, INT64_MAX, &category_id, r->e));
    BASE_TRY(format_json_get_list(object, "an annotation", "bbox", &bbox, r->e));
    if (format_json_count(bbox) != 4)
        return base_fail(r->e, TN_FORMAT, "annotation %lld: a bbox has 4 numbers", (long long)f->order);
    for (size_t i = 0; i < 4; i++)
        BASE_TRY(format_json_as_f64(format_json_at(bbox, i), "a bbox", &v[i], r->e));
    int c = class_of(r, category_id);
    if (c < 0)
        return base_fail(r->e, TN_FORMAT, "annotation %lld: category %lld is not among the classes",
                         (long long)f->order, (long long)category_id);
    if (!(v[2] >= 0 && v[3] >= 0 && v[2] < 1e9 && v[3] < 1e9 && v[0] > -1e9 && v[0] < 1e9 && v[1] > -1e9 && v[1] < 1e9))
        return base_fail(r->e, TN_FORMAT, "annotation %lld: a bbox is x, y, width, height", (long long)f->order);
    f->box = (picture_box){(float)c, (float)v[0], (float)v[1], (float)(v[0] + v[2]), (float)(v[1] + v[3])};
    return TN_OK;
}

/* A box that is wrong leaves out its picture: without it the others would say that there is nothing. */
static tn_status read_annotation(reader *r, const format_json *object, int64_t order)
{
    found f = {.order = order};
    image *m = NULL;
    tn_status status = format_json_get_i64(object, "an annotation", "image_id", INT64_MIN, INT64_MAX, &f.image, r->e);
    if (status == TN_OK && !(m = image_of(r, f.image)))
        status =
            base_fail(r->e, TN_FORMAT, "annotation %lld: there is no image %lld", (long long)order, (long long)f.image);
    if (status != TN_OK)
        return keep_stray(r, status);
    status = read_box(r, object, &f);
    if (status != TN_OK)
        return keep_wrong(r, status, &m->wrong);
    return base_vec_push(&r->boxes, f) ? TN_OK : base_no_memory(r->e, "reading boxes");
}

static tn_status read_boxes(reader *r, const format_json *root)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(root, "the file", "annotations", &list, r->e));
    for (size_t i = 0; i < format_json_count(list); i++)
        BASE_TRY(read_annotation(r, format_json_at(list, i), (int64_t)i));
    if (r->boxes.n)
        qsort(r->boxes.at, r->boxes.n, sizeof *r->boxes.at, by_image);
    return TN_OK;
}

static tn_status make_items(reader *r)
{
    picture_set *s = r->set;
    size_t at = 0;
    for (size_t i = 0; i < r->images.n; i++) { /* both are sorted by the id of the image */
        const image *m = &r->images.at[i];
        picture_item item = {
            .file = m->file, .first_box = (int64_t)s->boxes.n, .wrong = m->wrong, .missing = m->missing};
        for (; at < r->boxes.n && r->boxes.at[at].image == m->id; at++) {
            if (!m->wrong && !base_vec_push(&s->boxes, r->boxes.at[at].box))
                return base_no_memory(r->e, "reading boxes");
            item.n_boxes += !m->wrong;
        }
        if (!base_vec_push(&s->items, item))
            return base_no_memory(r->e, "reading boxes");
    }
    for (size_t i = 0; i < r->strays.n; i++)
        if (!base_vec_push(&s->items, ((picture_item){.wrong = r->strays.at[i]})))
            return base_no_memory(r->e, "reading boxes");
    if (s->items.n)
        qsort(s->items.at, s->items.n, sizeof *s->items.at, by_file);
    return TN_OK;
}

tn_status boxes_from_coco_text(picture_set *s, const char *text, size_t bytes, const char *path, base_error *e)
{
    base_error inner = {0};
    reader r = {.set = s, .path = path, .e = &inner};
    format_json *root = NULL;
    tn_status status = format_json_parse(text, bytes, &limits, path, &root, &inner);
    if (status == TN_OK)
        status = format_json_as_object(root, "the file", &inner);
    if (status == TN_OK)
        status = read_images(&r, root);
    if (status == TN_OK)
        status = read_categories(&r, root);
    if (status == TN_OK)
        status = read_boxes(&r, root);
    if (status == TN_OK)
        status = make_items(&r);
    format_json_free(root);
    base_vec_free(&r.images);
    base_vec_free(&r.boxes);
    base_vec_free(&r.categories);
    base_vec_free(&r.strays);
    if (status == TN_OK)
        return TN_OK;
    bool named = strstr(inner.text, path) != NULL;
    return base_fail(e, status, "%s%s%s", named ? "" : path, named ? "" : ": ", inner.text);
}

tn_status boxes_from_coco(picture_set *s, const char *path, base_error *e)
{
    void *text;
    size_t bytes;
    BASE_TRY(base_file_read(path, limits.bytes, &text, &bytes, e));
    tn_status status = boxes_from_coco_text(s, text, bytes, path, e);
    free(text);
    return status;
}
