/* set.c: see set.h. A sample is read, decoded, sent through the pipeline with its key, fitted to the size, and cut up into
 * planes. */
#include "data/picture/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/text.h"
#include "data/first.h"
#include "data/names.h"
#include "data/picture/deep.h"
#include "data/picture/pipeline.h"
#include "data/stamp.h"

/* ---- names ----------------------------------------------------------------------------------------------------- */

bool tn_picture_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp", ".bmp",
                                          ".ppm", ".pgm",  ".pbm", ".pnm",  NULL};
    return data_name_ends_in(name, endings);
}

/* ---- making and freeing ---------------------------------------------------------------------------------------- */

data_files_opt picture_files_opt(const tn_pictures_opt *opt)
{
    return (data_files_opt){.under = opt->under, .memory_limit = opt->memory_limit, .temporary = opt->temporary};
}

static tn_status check_opt(const tn_pictures_opt *o, base_error *e)
{
    if (o->channels != 0 && o->channels != 1 && o->channels != 3)
        return base_fail(e, TN_INVALID, "pictures have 1 channel (grey) or 3 (red, green, blue), not %d", o->channels);
    if (o->height < 0 || o->width < 0 || o->height > 1 << 20 || o->width > 1 << 20 ||
        (o->height == 0) != (o->width == 0))
        return base_fail(e, TN_INVALID, "pictures of %lld x %lld pixels cannot be: give height and width, or neither",
                         (long long)o->height, (long long)o->width);
    if ((int)o->fit < TN_FIT_CROP || (int)o->fit > TN_FIT_PAD || !(o->fill >= 0 && o->fill <= 255))
        return base_fail(e, TN_INVALID, "the fit is one of TN_FIT_..., and fill lies in 0 to 255");
    if (o->classes < 0 || (o->classes > 0) != (o->class_names != NULL) || o->most_boxes < 0)
        return base_fail(e, TN_INVALID, "class_names needs as many names as `classes` says, at least one");
    return TN_OK;
}

static bool copy_names(picture_set *s, const tn_pictures_opt *o)
{
    s->classes = o->classes;
    s->class_names = BASE_ARRAY(&s->arena, const char *, o->classes + 1);
    for (int c = 0; s->class_names && c < o->classes; c++)
        if (!(s->class_names[c] = base_arena_strdup(&s->arena, o->class_names[c])))
            return false;
    return s->class_names != NULL;
}

picture_set *picture_set_new(const tn_pictures_opt *o, base_error *e)
{
    if (check_opt(o, e) != TN_OK)
        return NULL;
    picture_set *s = calloc(1, sizeof *s);
    if (!s || !copy_names(s, o)) {
        picture_set_free(s);
        base_no_memory(e, "making a data set");
        return NULL;
    }
    s->channels = o->channels ? o->channels : 3;
    s->height = o->height;
    s->width = o->width;
    s->fit = (int)o->fit;
    s->fill = o->fill;
    s->most_boxes = o->most_boxes;
    s->pixels_limit = o->pixels_limit > 0 ? o->pixels_limit : DATA_PIXELS_LIMIT;
    s->pipeline = o->pipeline ? pipeline_retain(o->pipeline) : NULL;
    s->deep = o->deep;
    s->skip_bad = o->skip_bad;
    s->cache = o->deep ? NULL : o->cache;
    return s;
}

picture_set *picture_set_open(const char *const *paths, int n, const tn_pictures_opt *opt, base_error *e)
{
    static const tn_pictures_opt usual = {0};
    opt = opt ? opt : &usual;
    picture_set *s = picture_set_new(opt, e);
    const data_files_opt files = picture_files_opt(opt);
    if (s && !(s->files = data_files_open_shards(paths, n, &files, e))) {
        picture_set_free(s);
        return NULL;
    }
    return s;
}

void picture_set_free(picture_set *s)
{
    if (!s)
        return;
    data_store_free(s->store);
    data_files_close(s->files);
    data_files_close(s->masks);
    base_vec_free(&s->items);
    base_vec_free(&s->boxes);
    base_arena_free(&s->arena);
    tn_pipeline_free(s->pipeline);
    free(s);
}

tn_status picture_item_wrong(picture_set *s, picture_item *item, tn_status status, base_error *e)
{
    if (!s->skip_bad || status == TN_MEMORY || !e)
        return status;
    item->wrong = base_arena_strdup(&s->arena, e->text);
    base_clear(e);
    return item->wrong ? TN_OK : base_no_memory(e, "listing pictures");
}

tn_status picture_item_missing(picture_set *s, picture_item *item, base_error *e)
{
    if (s->n_missing++ == 0)
        s->missing = *e;
    if (s->skip_bad)
        return picture_item_wrong(s, item, TN_NOT_FOUND, e);
    base_clear(e);
    return TN_OK;
}

tn_status picture_items_missing(const picture_set *s, base_error *e)
{
    if (s->skip_bad || s->n_missing == 0)
        return TN_OK;
    if (s->n_missing == 1)
        return base_fail(e, TN_NOT_FOUND, "%s", s->missing.text);
    return base_fail(e, TN_NOT_FOUND, "%s, and so it is with %lld other%s", s->missing.text,
                     (long long)s->n_missing - 1, s->n_missing == 2 ? "" : "s");
}

/* ---- a sample -------------------------------------------------------------------------------------------------- */

static tn_status decode_file(const data_files *files, int64_t i, const data_source *like, data_hint *hint,
                             tn_picture **out, base_error *e)
{
    data_buffer b = {0};
    base_str where = {0};
    data_files_where(files, i, &where);
    tn_status status = where.failed ? base_no_memory(e, "reading a picture") : data_files_read(files, i, &b, e);
    if (status == TN_OK) {
        data_source source = *like;
        source.data = b.data;
        source.bytes = b.bytes;
        source.name = where.text;
        *out = data_picture_decode_hinted(&source, hint, e);
        status = *out ? TN_OK : e && e->status ? e->status : TN_FORMAT;
    }
    data_buffer_free(&b);
    base_str_free(&where);
    return status;
}

static tn_status load_boxes(const picture_set *s, const picture_item *item, picture_scene *scene, base_error *e)
{
    scene->boxes = malloc(sizeof *scene->boxes * (size_t)(item->n_boxes + 1));
    if (!scene->boxes)
        return base_no_memory(e, "reading boxes");
    scene->n_boxes = item->n_boxes;
    for (int i = 0; i < item->n_boxes; i++) {
        picture_box b = s->boxes.at[item->first_box + i];
        float w = s->relative ? (float)scene->picture->width : 1, h = s->relative ? (float)scene->picture->height : 1;
        scene->boxes[i] = (picture_box){b.of_class, b.left * w, b.top * h, b.right * w, b.bottom * h};
    }
    scene_clip_boxes(scene, NULL);
    return TN_OK;
}

static tn_status load_mask(const picture_set *s, const picture_item *item, picture_scene *scene, base_error *e)
{
    data_source like = {.pixels_limit = s->pixels_limit, .channels = 1, .numbers = true};
    BASE_TRY(decode_file(s->masks, item->mask, &like, NULL, &scene->mask, e));
    if (scene->mask->width == scene->picture->width && scene->mask->height == scene->picture->height)
        return TN_OK;
    base_fail(e, TN_FORMAT, "this mask has %lld x %lld pixels, its picture %lld x %lld", (long long)scene->mask->width,
              (long long)scene->mask->height, (long long)scene->picture->width, (long long)scene->picture->height);
    return data_files_blame(s->masks, item->mask, e);
}

static tn_status load(const picture_set *s, int64_t index, data_hint *hint, picture_scene *scene, base_error *e)
{
    const picture_item *item = &s->items.at[index];
    if (item->wrong)
        return base_fail(e, TN_FORMAT, "%s", item->wrong);
    data_source like = {.pixels_limit = s->pixels_limit, .channels = s->channels};
    BASE_TRY(decode_file(s->files, item->file, &like, hint, &scene->picture, e));
    if (s->masks)
        BASE_TRY(load_mask(s, item, scene, e));
    return s->boxed ? load_boxes(s, item, scene, e) : TN_OK;
}

static void write_boxes(const picture_scene *scene, int most, float *out)
{
    int n = scene->n_boxes < most ? scene->n_boxes : most;
    memset(out, 0, sizeof(float) * 5 * (size_t)most);
    for (int i = 0; i < n; i++)
        memcpy(out + 5 * i, &scene->boxes[i], sizeof(float) * 5);
    for (int i = n; i < most; i++)
        out[5 * i] = -1;
}

typedef struct mosaic_source {
    const picture_set *set;
    const data_among *among;
} mosaic_source;

static tn_status load_other(void *user, uint64_t number, picture_scene *scene, base_error *e)
{
    const mosaic_source *m = user;
    return load(m->set, data_other(m->among, (int64_t)m->set->items.n, number), NULL, scene, e);
}

typedef struct wanted {
    const picture_set *set;
    uint64_t key;
} wanted;

/* What the decoder asks when it knows the size. */
static bool ask(void *user, int64_t width, int64_t height, data_part *part)
{
    const wanted *w = user;
    const picture_set *s = w->set;
    if (s->pipeline)
        return pipeline_part(s->pipeline, width, height, w->key, part);
    if (s->fit == TN_FIT_PAD)
        return false;
    *part = scene_fit_part(width, height, s->width, s->height, s->fit);
    return true;
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

typedef struct kept {
    int64_t width, height, channels;
} kept;

static void keep(const picture_set *s, int64_t index, const tn_picture *p)
{
    const kept head = {p->width, p->height, p->channels};
    data_store_put(s->store, index, &head, sizeof head, p->pixels,
                   (size_t)p->width * (size_t)p->height * (size_t)p->channels);
}

/* Is that a picture of this set? A record whose sum is right may still be of another's making. */
static bool fits(const picture_set *s, const kept *head, size_t bytes)
{
    const int64_t w = head->width, h = head->height, n = head->channels;
    if (w < 1 || h < 1 || n != s->channels || (s->whole && (w != s->width || h != s->height)))
        return false;
    return (uint64_t)w <= bytes && (uint64_t)h <= bytes / (uint64_t)w && (uint64_t)(w * h) == bytes / (uint64_t)n &&
           bytes % (uint64_t)n == 0;
}

/* The steps that are done with it; 0, and no picture: it was not kept. -1: memory is out. */
static int find_kept(const picture_set *s, int64_t index, picture_scene *scene, base_error *e)
{
    size_t bytes;
    kept head;
    const char *record = data_store_find(s->store, index, &bytes);
    if (!record || bytes < sizeof head)
        return 0;
    memcpy(&head, record, sizeof head);
    if (!fits(s, &head, bytes - sizeof head))
        return 0;
    scene->picture = data_picture_new(head.width, head.height, (int)head.channels, e);
    if (!scene->picture)
        return -1;
    memcpy(scene->picture->pixels, record + sizeof head, bytes - sizeof head);
    return s->certain;
}

/* What decides about what is kept, beside the sources' sizes and times. */
static uint64_t sum_of(const picture_set *s)
{
    enum { VERSION = 1 };
    const int64_t numbers[] = {
        VERSION,  s->channels, s->fit,          s->whole ? s->height : 0, s->whole ? s->width : 0,
        s->whole, s->certain,  s->pixels_limit, (int64_t)s->items.n};
    uint64_t h = base_checksum(0, numbers, sizeof numbers);
    h = base_checksum(h, &s->fill, sizeof s->fill);
    for (int i = 0; i < s->certain && s->pipeline; i++) {
        const picture_step *step = &s->pipeline->steps[i];
        h = base_checksum(h, step->kind->name, strlen(step->kind->name));
        h = base_checksum(h, step->v, sizeof step->v);
    }
    base_str where = {0};
    data_files_where(s->files, s->items.at[0].file, &where);
    h = base_checksum(h, base_str_text(&where), where.length);
    base_str_free(&where);
    return h;
}

static tn_status begin_keeping(picture_set *s, base_error *e)
{
    s->certain = s->pipeline ? pipeline_certain(s->pipeline) : 0;
    s->whole = !s->pipeline || s->certain == s->pipeline->n;
    if (!s->cache || s->masks || s->boxed || s->certain < 0)
        return TN_OK;
    const uint64_t names = sum_of(s);
    uint64_t key = names;
    for (size_t i = 0; i < s->items.n; i++)
        key = data_stamp(key, s->files, s->items.at[i].file);
    picture_scene scene = {0};
    size_t about = (size_t)s->width * (size_t)s->height * (size_t)s->channels + sizeof(kept);
    if (s->cache->either && !s->whole && load(s, 0, NULL, &scene, e) == TN_OK)
        about = (size_t)scene.picture->width * (size_t)scene.picture->height * (size_t)s->channels + sizeof(kept);
    scene_free(&scene);
    base_clear(e); /* what cannot be read is told when it is fetched */
    s->store = data_store_new(s->cache, "pictures", names, key, (int64_t)s->items.n, about, e);
    s->cache = NULL;
    return s->store ? TN_OK : e->status;
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static tn_status make_deep_sample(const picture_set *s, int64_t index, void *const *at, base_error *e)
{
    const picture_item *item = &s->items.at[index];
    const tn_picture_opt opt = {.channels = s->channels, .pixels_limit = s->pixels_limit};
    const int64_t label = item->label;
    if (item->wrong)
        return base_fail(e, TN_FORMAT, "%s", item->wrong);
    data_buffer b = {0};
    base_str where = {0};
    data_files_where(s->files, item->file, &where);
    tn_status status =
        where.failed ? base_no_memory(e, "reading a picture") : data_files_read(s->files, item->file, &b, e);
    tn_picture16 *p = status == TN_OK ? data_picture_decode16(b.data, b.bytes, where.text, &opt, e) : NULL;
    if (p)
        status = picture_deep_planes(p, s->width, s->height, s->fit, s->fill, at[0], e);
    else if (status == TN_OK)
        status = e && e->status ? e->status : TN_FORMAT;
    if (s->labelled)
        memcpy(at[1], &label, sizeof label);
    tn_picture16_free(p);
    data_buffer_free(&b);
    base_str_free(&where);
    return status;
}

static tn_status make_sample(const picture_set *s, int64_t index, uint64_t key, const tn_sample *sample)
{
    base_error *e = sample->inside;
    void *const *at = sample->at;
    picture_scene scene = {0};
    mosaic_source more = {s, sample->among};
    /* Where only a part of the picture will be seen, no more is decoded; masks and boxes want the whole. */
    wanted want = {s, key};
    data_hint hint = {.ask = ask, .user = &want};
    const int steps = s->pipeline ? s->pipeline->n : 0;
    int done = s->store ? find_kept(s, index, &scene, e) : 0;
    tn_status status = done < 0 ? TN_MEMORY : TN_OK;
    const bool found = done > 0 || scene.picture;
    if (!found && status == TN_OK)
        status = load(s, index, s->masks || s->boxed ? NULL : &hint, &scene, e);
    if (s->store && !found) {
        done = s->certain;
        if (status == TN_OK && s->pipeline)
            status = pipeline_run_steps(s->pipeline, 0, done, &scene, key, &hint, NULL, NULL, e);
        if (status == TN_OK && !s->whole)
            keep(s, index, scene.picture);
        else if (status != TN_OK)
            data_store_pass(s->store, index);
        hint.used &= done == 0;
    }
    if (status == TN_OK && s->pipeline)
        status = pipeline_run_steps(s->pipeline, done, steps, &scene, key, &hint, load_other, &more, e);
    else if (status == TN_OK && hint.used)
        status = scene_scale_part(&scene, &hint.part, e);
    if (status == TN_OK && !(found && s->whole))
        status = scene_fit(&scene, s->width, s->height, s->fit, s->fill, e);
    if (status == TN_OK && s->store && s->whole && !found)
        keep(s, index, scene.picture);
    if (status == TN_OK) {
        int f = 0;
        int64_t label = s->items.at[index].label;
        picture_to_planes(scene.picture, at[f++]);
        if (s->labelled)
            memcpy(at[f++], &label, sizeof label);
        if (s->masks)
            memcpy(at[f++], scene.mask->pixels, (size_t)(s->width * s->height));
        if (s->boxed)
            write_boxes(&scene, s->most_boxes, at[f]);
    }
    scene_free(&scene);
    return status;
}

static tn_status set_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const picture_set *s = user;
    return s->deep ? make_deep_sample(s, index, sample->at, sample->inside) : make_sample(s, index, key, sample);
}

static int64_t set_label(void *user, int64_t index)
{
    const picture_set *s = user;
    return s->items.at[index].label;
}

/* The mask, or the picture that boxes are drawn in. */
static void target_where(const picture_set *s, int64_t index, base_str *to)
{
    const picture_item *item = &s->items.at[index];
    if (s->masks)
        data_files_where(s->masks, item->mask, to);
    else
        data_files_where(s->files, item->file, to);
}

typedef struct noting {
    mosaic_source from;
    base_str *to;
} noting;

static tn_status load_noted(void *user, uint64_t number, picture_scene *scene, base_error *e)
{
    noting *n = user;
    const picture_set *s = n->from.set;
    base_str_add(n->to, ", ");
    target_where(s, data_other(n->from.among, (int64_t)s->items.n, number), n->to);
    return load_other(&n->from, number, scene, e);
}

/* Of a mosaic all that are in it: it is made again, to see which. */
static void set_where(void *user, int64_t index, uint64_t key, const data_among *among, base_str *to)
{
    const picture_set *s = user;
    const bool mosaic = s->pipeline && pipeline_has_mosaic(s->pipeline);
    picture_scene scene = {0};
    noting note = {{s, among}, to};
    base_error why = {0};
    target_where(s, index, to);
    if (mosaic && load(s, index, NULL, &scene, &why) == TN_OK)
        (void)pipeline_run(s->pipeline, &scene, key, NULL, load_noted, &note, &why);
    scene_free(&scene);
}

/* Names repeat in shards, so that the archive's stands in front there. */
static void set_name(const void *user, int64_t index, base_str *to)
{
    const picture_set *s = user;
    const int64_t file = s->items.at[index].file;
    const char *name = data_files_name(s->files, file);
    base_str where = {0};
    if (s->sharded)
        data_files_where(s->files, file, &where);
    const size_t n = strlen(name);
    size_t from = where.length > n ? where.length - n - 1 : 0;
    while (from > 0 && where.text[from - 1] != '/')
        from--;
    base_str_add(to, where.length > n ? where.text + from : name);
    to->failed |= where.failed;
    base_str_free(&where);
}

static void set_release(void *user)
{
    picture_set_free(user);
}

/* ---- the data set ---------------------------------------------------------------------------------------------- */

typedef struct size_source {
    const picture_set *set;
    int64_t index;
} size_source;

/* What else stands in a mosaic does not change its size, and may be broken. */
static tn_status load_same(void *user, uint64_t number, picture_scene *scene, base_error *e)
{
    const size_source *from = user;
    (void)number;
    return load(from->set, from->index, NULL, scene, e);
}

static tn_status take_size(void *user, int64_t index, base_error *e)
{
    picture_set *s = user;
    picture_scene scene = {0};
    size_source from = {s, index};
    tn_status status = load(s, index, NULL, &scene, e);
    if (status == TN_OK && s->pipeline)
        status = pipeline_run(s->pipeline, &scene, 0, NULL, load_same, &from, e);
    if (status == TN_OK) {
        s->height = scene.picture->height;
        s->width = scene.picture->width;
    }
    scene_free(&scene);
    return status;
}

static tn_status find_size(picture_set *s, base_error *e)
{
    return s->height > 0 ? TN_OK : data_first((int64_t)s->items.n, s->skip_bad, take_size, s, "pictures", e);
}

static int fields_of(picture_set *s, tn_field fields[4])
{
    int n = 0;
    fields[n++] = (tn_field){
        .name = "x", .dtype = s->deep ? TN_F32 : TN_U8, .rank = 3, .dims = {s->channels, s->height, s->width}};
    if (s->labelled)
        fields[n++] = (tn_field){.name = "y", .dtype = TN_I64};
    if (s->masks)
        fields[n++] = (tn_field){.name = "mask", .dtype = TN_U8, .rank = 2, .dims = {s->height, s->width}};
    if (s->boxed)
        fields[n++] = (tn_field){.name = "boxes", .dtype = TN_F32, .rank = 2, .dims = {s->most_boxes, 5}};
    return n;
}

static void count_boxes(picture_set *s)
{
    int most = 1;
    for (size_t i = 0; i < s->items.n; i++)
        most = s->items.at[i].n_boxes > most ? s->items.at[i].n_boxes : most;
    if (s->most_boxes == 0) /* a mosaic has those of four */
        s->most_boxes = s->pipeline && pipeline_has_mosaic(s->pipeline) ? 4 * most : most;
}

tn_dataset *picture_set_finish(picture_set *s, const char *what, base_error *e)
{
    base_error own = {0};
    e = e ? e : &own;
    tn_field fields[4];
    tn_status status = TN_OK;
    if (s->items.n == 0)
        status =
            base_fail(e, TN_NOT_FOUND,
                      "%s holds no picture: no name ends in png, jpg, jpeg, webp, bmp, ppm, pgm, pbm or pnm", what);
    if (status == TN_OK && s->deep && (s->pipeline || s->masks || s->boxed))
        status =
            base_fail(e, TN_UNSUPPORTED, "pictures of 16 bits have no steps, masks or boxes: those are for 8 bits");
    if (status == TN_OK)
        status = find_size(s, e);
    count_boxes(s);
    if (status == TN_OK)
        status = begin_keeping(s, e);
    tn_dataset *d = NULL;
    if (status == TN_OK) {
        tn_dataset_def def = {.count = (int64_t)s->items.n,
                              .fields = fields,
                              .n_fields = fields_of(s, fields),
                              .classes = s->labelled ? s->classes : 0,
                              .class_names = s->labelled ? s->class_names : NULL,
                              .get = set_get,
                              .label = s->labelled ? set_label : NULL,
                              .release = set_release,
                              .user = s};
        d = data_new(&def, e);
    }
    if (!d) {
        picture_set_free(s);
        return NULL;
    }
    d->where = set_where;
    d->name = set_name;
    d->mixes = s->pipeline && pipeline_has_mosaic(s->pipeline);
    return d;
}

const char *tn_dataset_box_class(const tn_dataset *d, int i)
{
    const picture_set *s = d->def.get == set_get ? d->def.user : NULL;
    return s && s->boxed && i >= 0 && i < s->classes ? s->class_names[i] : NULL;
}
