/* boxes.c: boxes around what is in pictures, of YOLO, Pascal VOC and COCO: how many of which class, of what size, and which reach
 * out of their picture. Files are told by their places: 1.txt or 1.xml beside 1.jpg, or in the folders of YOLO and VOC; JSON by
 * its keys. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/check/check.h"
#include "data/picture/boxes.h"

enum { LOOKED_AT = 50, MOST_NAMES = 1 << 16 };

/* ---- which files ------------------------------------------------------------------------------------------------ */

/* The first line that is not empty has five numbers, or there is none: what stands beside a picture may be a caption. */
static bool like_yolo(const unsigned char *data, size_t bytes, bool *empty)
{
    const char *p = (const char *)data, *end = p + bytes;
    int numbers = 0;
    while (p < end && strchr(" \t\r\n", *p) && *p)
        p++;
    *empty = p == end;
    while (p < end && *p != '\n' && numbers < 5) {
        char word[64];
        size_t n = 0;
        double v;
        for (; p < end && (*p == ' ' || *p == '\t'); p++)
            continue;
        for (; p < end && !strchr(" \t\r\n", *p) && n < sizeof word - 1; p++)
            word[n++] = *p;
        word[n] = '\0';
        if (!base_parse_f64(word, &v))
            return false;
        numbers++;
    }
    return *empty || numbers == 5;
}

/* Of a few files that stand beside pictures: are they boxes? All empty: only in a folder "labels". */
static tn_status are_yolo(data_check *c, const int64_t *beside, int64_t n, bool *boxes)
{
    data_buffer b = {0};
    tn_status status = TN_OK;
    *boxes = false;
    for (int64_t i = 0, looked = 0; i < n && looked < LOOKED_AT && !*boxes; i++) {
        base_error why = {0};
        bool empty = false;
        if (beside[i] < 0)
            continue;
        looked++;
        status = data_files_read(c->files, beside[i], &b, &why);
        if (status == TN_MEMORY)
            break;
        *boxes = status == TN_OK && like_yolo(b.data, b.bytes, &empty) && !empty;
        status = TN_OK;
    }
    data_buffer_free(&b);
    return status == TN_OK ? TN_OK : base_no_memory(c->err, "checking data");
}

static bool has(const unsigned char *data, size_t bytes, const char *word)
{
    const size_t n = strlen(word);
    for (const unsigned char *p = data, *end = data + bytes; (p = memchr(p, word[0], (size_t)(end - p))) != NULL; p++)
        if ((size_t)(end - p) < n)
            return false;
        else if (memcmp(p, word, n) == 0)
            return true;
    return false;
}

/* JSON with the lists that COCO has. */
static tn_status find_coco(data_check *c, int64_t i, data_buffer *b)
{
    base_error why = {0};
    const tn_status status = data_files_read(c->files, i, b, &why);
    if (status == TN_MEMORY)
        return base_no_memory(c->err, "checking data");
    if (status != TN_OK || !has(b->data, b->bytes, "\"images\"") || !has(b->data, b->bytes, "\"annotations\"") ||
        !has(b->data, b->bytes, "\"categories\""))
        return TN_OK;
    c->told[i].holds = CHECK_COCO;
    c->boxed = true;
    return TN_OK;
}

static bool names_classes(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return strcmp(base, "classes.txt") == 0 || strcmp(base, "obj.names") == 0;
}

static tn_status find_all(data_check *c, int64_t *yolo, int64_t *voc)
{
    const int64_t n = data_files_count(c->files);
    data_buffer b = {0};
    bool boxes = false;
    tn_status status = TN_OK;
    int64_t pictures = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool picture = tn_picture_name(data_files_name(c->files, i));
        yolo[i] = picture ? boxes_find_beside(c->files, i, false) : -1;
        voc[i] = picture ? boxes_find_beside(c->files, i, true) : -1;
        pictures += picture;
    }
    if (pictures == 0)
        return TN_OK;
    status = are_yolo(c, yolo, n, &boxes);
    for (int64_t i = 0; i < n && status == TN_OK; i++) {
        if (boxes && yolo[i] >= 0)
            c->told[yolo[i]].holds = CHECK_YOLO;
        if (voc[i] >= 0)
            c->told[voc[i]].holds = CHECK_VOC;
        if ((boxes || c->annotated) && names_classes(data_files_name(c->files, i)))
            c->told[i].holds = CHECK_CLASS_NAMES;
        c->boxed |= (boxes && yolo[i] >= 0) || voc[i] >= 0;
        if (data_name_ends(data_files_name(c->files, i), ".json"))
            status = find_coco(c, i, &b);
    }
    data_buffer_free(&b);
    return status;
}

tn_status check_find_boxes(data_check *c)
{
    const size_t n = (size_t)data_files_count(c->files) + 1;
    int64_t *yolo = malloc(n * sizeof *yolo), *voc = malloc(n * sizeof *voc);
    c->told = calloc(n, sizeof *c->told);
    tn_status status = yolo && voc && c->told ? find_all(c, yolo, voc) : base_no_memory(c->err, "checking data");
    free(yolo);
    free(voc);
    return status;
}

/* ---- reading them ------------------------------------------------------------------------------------------------ */

typedef struct reading {
    data_check *c;
    picture_set *set; /* of one kind of file at a time */
    data_names names; /* of VOC, as they come */
    check_moments width, height, count;
    int64_t without; /* pictures of which nothing is told */
    bool *seen;      /* pictures of which something is */
} reading;

static const char *class_name(const reading *r, const picture_box *box, char room[24])
{
    const int k = (int)box->of_class;
    (void)base_print(room, 24, "%d", k);
    if (r->names.n)
        return k >= 0 && (size_t)k < r->names.n ? r->names.at[k] : room;
    return r->set->class_names && k >= 0 && k < r->set->classes ? r->set->class_names[k] : room;
}

/* Where it reaches out of a picture of that size, or that it has no area. */
static tn_status judge(reading *r, const char *where, int number, const picture_box *b, const check_told *size,
                       const char *name)
{
    const float slack = 1, w = (float)size->width, h = (float)size->height;
    base_error why = {0};
    if (b->right <= b->left || b->bottom <= b->top)
        base_fail(&why, TN_FORMAT, "box %d (%s) has no area", number, name);
    else if (size->width && (b->left < -slack || b->top < -slack || b->right > w + slack || b->bottom > h + slack))
        base_fail(&why, TN_FORMAT, "box %d (%s), from %.5g, %.5g to %.5g, %.5g, reaches out of its picture of %d x %d",
                  number, name, (double)b->left, (double)b->top, (double)b->right, (double)b->bottom, size->width,
                  size->height);
    return why.status == TN_OK ? TN_OK : check_add_outside(r->c, where, why.text);
}

/* The boxes of one picture. */
static tn_status add_boxes(reading *r, const picture_item *item, const char *where)
{
    data_check *c = r->c;
    const check_told *size = &c->told[item->file];
    const int part = check_part_of(data_files_name(c->files, item->file) + c->root, false);
    const float w = r->set->relative ? (float)size->width : 1, h = r->set->relative ? (float)size->height : 1;
    char room[24];
    r->seen[item->file] = true;
    check_moments_add(&r->count, item->n_boxes);
    for (int i = 0; i < item->n_boxes; i++) {
        const picture_box *from = &r->set->boxes.at[item->first_box + i];
        const picture_box b = {from->of_class, from->left * w, from->top * h, from->right * w, from->bottom * h};
        const char *name = class_name(r, from, room);
        const int k = check_class(c, name);
        if (k < 0)
            return base_no_memory(c->err, "checking data");
        c->classes.at[k].count[part]++;
        c->report.samples[TN_SAMPLES_BOXES][part]++;
        if (r->set->relative && !size->width) /* the picture could not be read, which is told */
            continue;
        check_moments_add(&r->width, (double)(b.right - b.left));
        check_moments_add(&r->height, (double)(b.bottom - b.top));
        BASE_TRY(judge(r, where, i + 1, &b, size, name));
    }
    return TN_OK;
}

tn_status check_class_names(data_check *c, data_names *names)
{
    data_buffer b = {0};
    tn_status status = TN_OK;
    for (int64_t i = 0; i < data_files_count(c->files) && names->n == 0 && status == TN_OK; i++) {
        base_error ignored = {0};
        if (!names_classes(data_files_name(c->files, i)) || data_files_read(c->files, i, &b, &ignored) != TN_OK ||
            memchr(b.data, '\0', b.bytes))
            continue;
        const char *p = (const char *)b.data, *end = p + b.bytes;
        while (p < end && names->n < MOST_NAMES && status == TN_OK) {
            size_t n = 0;
            while (p + n < end && p[n] != '\n' && p[n] != '\r')
                n++;
            const char *copy = n ? base_arena_printf(&c->arena, "%.*s", (int)n, p) : "";
            if (n && (!copy || !base_vec_push(names, copy)))
                status = base_no_memory(c->err, "checking data");
            p += n + 1;
        }
    }
    data_buffer_free(&b);
    return status;
}

/* Names of YOLO's classes, for the set. */
static tn_status read_class_names(data_check *c, picture_set *s)
{
    data_names names = {0};
    const tn_status status = check_class_names(c, &names);
    s->class_names =
        status == TN_OK && names.n ? base_arena_copy(&s->arena, names.at, names.n * sizeof *names.at) : NULL;
    s->classes = s->class_names ? (int)names.n : 0;
    base_vec_free(&names);
    return status;
}

/* A file that belongs to one picture. */
static tn_status read_beside(reading *r, int64_t picture, int64_t file, data_buffer *b)
{
    data_check *c = r->c;
    const bool voc = c->told[file].holds == CHECK_VOC;
    picture_item item = {.file = picture};
    base_error why = {0};
    base_str where = {0};
    r->set->boxes.n = 0;
    data_files_where(c->files, file, &where);
    tn_status status = data_files_read(c->files, file, b, &why);
    if (status == TN_OK)
        status = voc ? boxes_from_voc(r->set, &item, &r->names, b->data, b->bytes, base_str_text(&where), &why)
                     : boxes_from_yolo(r->set, &item, (const char *)b->data, b->bytes, base_str_text(&where), &why);
    r->seen[picture] = true;
    if (status == TN_OK)
        status = add_boxes(r, &item, base_str_text(&where));
    else if (status == TN_MEMORY || where.failed)
        status = base_no_memory(c->err, "checking data");
    else
        status = check_add_bad(c, base_str_text(&where), why.text);
    base_str_free(&where);
    return status;
}

static tn_status begin(reading *r, bool relative)
{
    picture_set_free(r->set);
    r->set = picture_set_new(TN_OPT(tn_pictures_opt, .skip_bad = true), r->c->err);
    if (!r->set)
        return TN_MEMORY;
    r->set->files = data_files_retain(r->c->files);
    r->set->relative = relative;
    r->set->classes = 0;
    return TN_OK;
}

static tn_status read_all_beside(reading *r, bool voc)
{
    data_check *c = r->c;
    data_buffer b = {0};
    tn_status status = begin(r, !voc);
    if (status == TN_OK && !voc)
        status = read_class_names(c, r->set);
    for (int64_t i = 0; i < data_files_count(c->files) && status == TN_OK; i++) {
        const int64_t file = tn_picture_name(data_files_name(c->files, i)) ? boxes_find_beside(c->files, i, voc) : -1;
        if (file >= 0 && c->told[file].holds == (voc ? CHECK_VOC : CHECK_YOLO))
            status = read_beside(r, i, file, &b);
    }
    data_buffer_free(&b);
    return status;
}

/* The folder that a file of COCO's names its pictures in, which it leaves out: where the first one lies. NULL: none, or none is there. */
static const char *folder_of_first(data_check *c, const unsigned char *data, size_t bytes)
{
    static const char key[] = "\"file_name\"";
    const char *p = (const char *)data, *end = p + bytes, *from = NULL;
    for (; (p = memchr(p, '"', (size_t)(end - p))) != NULL && !from; p++)
        if ((size_t)(end - p) > sizeof key && memcmp(p, key, sizeof key - 1) == 0)
            from = p + sizeof key - 1;
    from = from ? memchr(from, '"', (size_t)(end - from)) : NULL;
    const char *stop = from ? memchr(from + 1, '"', (size_t)(end - from - 1)) : NULL;
    const size_t n = stop ? (size_t)(stop - from - 1) : 0;
    for (int64_t i = 0; n && i < data_files_count(c->files); i++) {
        const char *name = data_files_name(c->files, i);
        const size_t m = strlen(name);
        if (m == n && memcmp(name, from + 1, n) == 0)
            return NULL;
        if (m > n + 1 && name[m - n - 1] == '/' && memcmp(name + m - n, from + 1, n) == 0)
            return base_arena_printf(&c->arena, "%.*s", (int)(m - n - 1), name);
    }
    return NULL;
}

/* What lies in that folder alone, for the set's names to be those of the file. */
static tn_status look_under(reading *r, const char *under)
{
    data_check *c = r->c;
    const data_files_opt opt = {.under = under};
    const char *const one[] = {c->path}, *const *paths = c->archives.n > 1 ? c->archives.at : one;
    base_error why = {0};
    data_files *files = data_files_open_shards(paths, c->archives.n > 1 ? (int)c->archives.n : 1, &opt, &why);
    if (!files)
        return why.status == TN_MEMORY ? base_no_memory(c->err, "checking data") : TN_OK;
    data_files_close(r->set->files);
    r->set->files = files;
    return TN_OK;
}

/* The number of a picture of the set among all files; -1: there is none. */
static int64_t number_of(const reading *r, const char *under, int64_t file)
{
    base_str name = {0};
    base_str_printf(&name, "%s%s%s", under ? under : "", under ? "/" : "", data_files_name(r->set->files, file));
    const int64_t i = name.failed ? -1 : data_files_find(r->c->files, name.text);
    base_str_free(&name);
    return i;
}

/* Pictures that a file of COCO's names and that are not there: one sentence. */
static tn_status add_missing(const reading *r, const char *where)
{
    base_error why = {0};
    base_fail(&why, TN_NOT_FOUND, "%s (%lld of its %zu pictures are not there)", r->set->missing.text,
              (long long)r->set->n_missing, r->set->items.n);
    return check_add_bad(r->c, where, r->set->n_missing == 1 ? r->set->missing.text : why.text);
}

static tn_status add_items(reading *r, const char *under, const char *where)
{
    data_check *c = r->c;
    tn_status status = TN_OK;
    for (int k = 0; k < r->set->classes && status == TN_OK; k++) /* those without a box are told */
        status = check_class(c, r->set->class_names[k]) < 0 ? base_no_memory(c->err, "checking data") : TN_OK;
    if (status == TN_OK && r->set->n_missing > 0)
        status = add_missing(r, where);
    for (size_t i = 0; i < r->set->items.n && status == TN_OK; i++) {
        picture_item item = r->set->items.at[i];
        base_str picture = {0};
        if (item.wrong) {
            status = item.missing ? TN_OK : check_add_bad(c, where, item.wrong); /* those are told as one */
            continue;
        }
        data_files_where(r->set->files, item.file, &picture);
        item.file = number_of(r, under, item.file);
        if (item.file >= 0)
            status = add_boxes(r, &item, base_str_text(&picture));
        base_str_free(&picture);
    }
    return status;
}

static tn_status read_coco(reading *r, int64_t file)
{
    data_check *c = r->c;
    data_buffer b = {0};
    base_error why = {0};
    base_str where = {0};
    r->names.n = 0;
    BASE_TRY(begin(r, false));
    data_files_where(c->files, file, &where);
    tn_status status = data_files_read(c->files, file, &b, &why);
    const char *under = status == TN_OK ? folder_of_first(c, b.data, b.bytes) : NULL;
    if (under)
        status = look_under(r, under);
    if (status == TN_OK)
        status = boxes_from_coco_text(r->set, (const char *)b.data, b.bytes, base_str_text(&where), &why);
    if (status == TN_MEMORY || where.failed)
        status = base_no_memory(c->err, "checking data");
    else if (status != TN_OK)
        status = check_add_bad(c, base_str_text(&where), why.text);
    else
        status = add_items(r, under, base_str_text(&where));
    data_buffer_free(&b);
    base_str_free(&where);
    return status;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static tn_status add_spread(data_check *c, const char *name, const check_moments *m)
{
    const tn_check_spread s = {name, m->min, m->max, m->mean};
    return m->n == 0 || base_vec_push(&c->spreads, s) ? TN_OK : base_no_memory(c->err, "checking data");
}

/* Pictures of which nothing is told, files of boxes that belong to no picture. */
static tn_status add_notes(reading *r)
{
    data_check *c = r->c;
    int64_t without = 0, alone = 0, first[2] = {-1, -1};
    for (int64_t i = 0; i < data_files_count(c->files); i++) {
        const char *name = data_files_name(c->files, i);
        const bool picture = tn_picture_name(name) && !r->seen[i] && c->told[i].width && !strstr(name, "Segmentation");
        const bool orphan = !c->told[i].holds && ((strstr(name, "labels/") && data_name_ends(name, ".txt")) ||
                                                  (strstr(name, "Annotations/") && data_name_ends(name, ".xml")));
        without += picture;
        alone += orphan;
        first[0] = picture && first[0] < 0 ? i : first[0];
        first[1] = orphan && first[1] < 0 ? i : first[1];
    }
    if (without)
        BASE_TRY(check_add_note(c, "of %lld picture%s no boxes are told: %s%s", (long long)without,
                                without == 1 ? "" : "s", data_files_name(c->files, first[0]),
                                without == 1 ? "" : " and others"));
    if (alone)
        BASE_TRY(check_add_note(c, "%lld file%s of boxes %s to no picture: %s%s", (long long)alone,
                                alone == 1 ? "" : "s", alone == 1 ? "belongs" : "belong",
                                data_files_name(c->files, first[1]), alone == 1 ? "" : " and others"));
    return TN_OK;
}

static tn_status read_everything(reading *r)
{
    data_check *c = r->c;
    BASE_TRY(read_all_beside(r, false));
    BASE_TRY(read_all_beside(r, true));
    for (int64_t i = 0; i < data_files_count(c->files); i++)
        if (c->told[i].holds == CHECK_COCO)
            BASE_TRY(read_coco(r, i));
    BASE_TRY(add_spread(c, "boxes of a picture", &r->count));
    BASE_TRY(add_spread(c, "width of a box", &r->width));
    BASE_TRY(add_spread(c, "height of a box", &r->height));
    return add_notes(r);
}

tn_status check_boxes(data_check *c)
{
    reading r = {.c = c, .seen = calloc((size_t)data_files_count(c->files) + 1, sizeof(bool))};
    tn_status status = r.seen ? read_everything(&r) : base_no_memory(c->err, "checking data");
    picture_set_free(r.set);
    base_vec_free(&r.names);
    free(r.seen);
    return status;
}
