/* boxes.c: pictures with boxes: which annotation belongs to which picture, and YOLO's text. */
#include "data/picture/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

/* ---- YOLO ------------------------------------------------------------------------------------------------------ */

static tn_status take_number(char **p, double *v, const char *what, int line, base_error *e)
{
    char *from = *p + strspn(*p, " \t\r"), *end = from + strcspn(from, " \t\r\n");
    char keep = *end;
    *end = '\0';
    bool good = base_parse_f64(from, v) && *v >= -1e9 && *v <= 1e9;
    *p = end;
    if (!good)
        base_fail(e, TN_FORMAT, "%s:%d: \"%s\" is no number; \"class cx cy width height\" is due", what, line,
                  BASE_SHOW(from));
    *end = keep;
    return good ? TN_OK : TN_FORMAT;
}

static tn_status add_yolo_line(picture_set *s, picture_item *item, char *p, const char *what, int line, base_error *e)
{
    static const double WHOLE = 1.001; /* sides are rounded */
    double v[5];
    for (int i = 0; i < 5; i++)
        BASE_TRY(take_number(&p, &v[i], what, line, e));
    p += strspn(p, " \t\r"); /* how sure a detector was may follow; outlines of more numbers are something else */
    p += strcspn(p, " \t\r");
    if (p[strspn(p, " \t\r")])
        return base_fail(e, TN_FORMAT,
                         "%s:%d: more numbers than \"class cx cy width height\"; outlines, corners and points are not "
                         "read as boxes",
                         what, line);
    if (v[0] < 0 || v[0] > 1e6 || v[0] != (double)(int)v[0] || (s->classes > 0 && v[0] >= s->classes))
        return base_fail(e, TN_FORMAT, "%s:%d: %g is not a class; classes are 0 to %d", what, line, v[0],
                         s->classes > 0 ? s->classes - 1 : 1000000);
    if (v[3] < 0 || v[4] < 0)
        return base_fail(e, TN_FORMAT, "%s:%d: a box with a negative side", what, line);
    if (v[3] > WHOLE || v[4] > WHOLE)
        return base_fail(e, TN_FORMAT,
                         "%s:%d: a box of %g x %g; its sides are parts of the picture's, so that 1 is the most", what,
                         line, v[3], v[4]);
    picture_box b = {(float)v[0], (float)(v[1] - v[3] / 2), (float)(v[2] - v[4] / 2), (float)(v[1] + v[3] / 2),
                     (float)(v[2] + v[4] / 2)};
    item->n_boxes++;
    return base_vec_push(&s->boxes, b) ? TN_OK : base_no_memory(e, "reading boxes");
}

tn_status boxes_from_yolo(picture_set *s, picture_item *item, const char *text, size_t bytes, const char *what,
                          base_error *e)
{
    char *copy = malloc(bytes + 1);
    if (!copy)
        return base_no_memory(e, "reading boxes");
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    tn_status status = strlen(copy) == bytes ? TN_OK : base_fail(e, TN_FORMAT, "%s is not a text", what);
    int line = 1;
    for (char *p = copy; status == TN_OK && *p; line++) {
        char *end = p + strcspn(p, "\n");
        bool last = !*end;
        *end = '\0';
        if (p[strspn(p, " \t\r")])
            status = add_yolo_line(s, item, p, what, line, e);
        p = last ? end : end + 1;
    }
    free(copy);
    return status;
}

/* ---- finding annotations --------------------------------------------------------------------------------------- */

int64_t boxes_find_beside(const data_files *files, int64_t i, bool voc)
{
    const char *from = voc ? "JPEGImages" : "images", *to = voc ? "Annotations" : "labels";
    const char *ending = voc ? ".xml" : ".txt", *name = data_files_name(files, i), *point = strrchr(name, '.');
    base_str beside = {0}, instead = {0};
    size_t n = strlen(from), stem = (size_t)(point - name);
    base_str_printf(&beside, "%.*s%s", (int)stem, name, ending);
    int64_t found = beside.failed ? -1 : data_files_find(files, beside.text);
    for (const char *p = name; found < 0 && (p = strstr(p, from)) != NULL && p < point; p += n)
        if ((p == name || p[-1] == '/') && p[n] == '/') {
            base_str_free(&instead);
            base_str_printf(&instead, "%.*s%s%.*s%s", (int)(p - name), name, to, (int)(point - p - (long)n), p + n,
                            ending);
            found = instead.failed ? -1 : data_files_find(files, instead.text);
        }
    base_str_free(&beside);
    base_str_free(&instead);
    return found;
}

static tn_status read_annotation(picture_set *s, picture_item *item, int64_t file, data_names *names, data_buffer *b,
                                 base_error *e)
{
    base_str where = {0};
    data_files_where(s->files, file, &where);
    tn_status status = where.failed ? base_no_memory(e, "reading boxes") : data_files_read(s->files, file, b, e);
    if (status == TN_OK)
        status = names ? boxes_from_voc(s, item, names, b->data, b->bytes, where.text, e)
                       : boxes_from_yolo(s, item, (const char *)b->data, b->bytes, where.text, e);
    base_str_free(&where);
    return status;
}

static tn_status list_beside(picture_set *s, data_names *names, base_error *e)
{
    data_buffer b = {0};
    tn_status status = TN_OK;
    int64_t annotated = 0;
    for (int64_t i = 0; status == TN_OK && i < data_files_count(s->files); i++) {
        picture_item item = {.file = i, .first_box = (int64_t)s->boxes.n};
        if (!tn_picture_name(data_files_name(s->files, i)))
            continue;
        int64_t file = boxes_find_beside(s->files, i, names != NULL);
        annotated += file >= 0;
        if (file >= 0)
            status = read_annotation(s, &item, file, names, &b, e);
        if (status != TN_OK && (status = picture_item_wrong(s, &item, status, e)) == TN_OK) {
            s->boxes.n = (size_t)item.first_box; /* half of them would be wrong as well */
            item.n_boxes = 0;
        }
        if (status == TN_OK && !base_vec_push(&s->items, item))
            status = base_no_memory(e, "listing pictures");
    }
    data_buffer_free(&b);
    if (status == TN_OK && s->items.n > 0 && annotated == 0)
        return base_fail(e, TN_NOT_FOUND, "there is no file of boxes beside any of the %zu pictures", s->items.n);
    return status;
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

/* Numbers alone, as YOLO has them. */
static tn_status number_classes(picture_set *s, base_error *e)
{
    float most = -1;
    for (size_t i = 0; i < s->boxes.n; i++)
        most = s->boxes.at[i].of_class > most ? s->boxes.at[i].of_class : most;
    if (s->classes > 0)
        return TN_OK;
    s->classes = (int)most + 1;
    s->class_names = BASE_ARRAY(&s->arena, const char *, s->classes + 1);
    for (int c = 0; s->class_names && c < s->classes; c++)
        if (!(s->class_names[c] = base_arena_printf(&s->arena, "%d", c)))
            return base_no_memory(e, "listing classes");
    return s->class_names ? TN_OK : base_no_memory(e, "listing classes");
}

/* Names in the order in which they came become sorted ones. */
static tn_status sort_classes(picture_set *s, const data_names *names, base_error *e)
{
    data_names sorted = {0};
    if (s->classes > 0)
        return TN_OK;
    for (size_t i = 0; i < names->n; i++)
        if (!base_vec_push(&sorted, names->at[i]))
            return base_vec_free(&sorted), base_no_memory(e, "listing classes");
    data_names_sort(&sorted);
    s->class_names = BASE_ARRAY(&s->arena, const char *, sorted.n + 1);
    s->classes = (int)sorted.n;
    for (size_t i = 0; s->class_names && i < sorted.n; i++)
        s->class_names[i] = sorted.at[i];
    base_vec_free(&sorted);
    if (!s->class_names)
        return base_no_memory(e, "listing classes");
    for (size_t i = 0; i < s->boxes.n; i++) {
        picture_box *b = &s->boxes.at[i];
        b->of_class = (float)data_names_find(s->class_names, s->classes, names->at[(size_t)b->of_class]);
    }
    return TN_OK;
}

static tn_status list_boxes(picture_set *s, const char *annotations, tn_box_format format, base_error *e)
{
    data_names names = {0};
    tn_status status;
    s->boxed = true;
    s->relative = format == TN_BOXES_YOLO;
    if (format == TN_BOXES_COCO)
        return annotations ? boxes_from_coco(s, annotations, e)
                           : base_fail(e, TN_INVALID, "boxes of COCO need the path of their JSON file");
    status = list_beside(s, format == TN_BOXES_VOC ? &names : NULL, e);
    if (status == TN_OK)
        status = format == TN_BOXES_VOC ? sort_classes(s, &names, e) : number_classes(s, e);
    base_vec_free(&names);
    return status;
}

tn_dataset *tn_dataset_picture_boxes(tn_context *context, const char *path, const char *annotations,
                                     tn_box_format format, const tn_pictures_opt *opt)
{
    base_error *e = base_context_begin(context);
    picture_set *s = picture_set_open(&path, 1, opt, e);
    if (s && list_boxes(s, annotations, format, e) == TN_OK)
        return picture_set_finish(s, path, e);
    picture_set_free(s);
    return NULL;
}
