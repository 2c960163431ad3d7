/* dataset.c: sounds of a folder or archive as a data set, and the preparation that reads single ones the same way. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checksum.h"
#include "base/context.h"
#include "base/philox.h"
#include "base/text.h"
#include "base/vec.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/first.h"
#include "data/names.h"
#include "data/pattern.h"
#include "data/prepare.h"
#include "data/sound/sound.h"
#include "data/stamp.h"
#include "data/store.h"

/* How any sound becomes a sample. */
typedef struct shape {
    int rate;
    int64_t frames; /* of a sample; where they vary, the most */
    bool varies;
} shape;

typedef struct item {
    int64_t file, label, length; /* length: bytes, for batches of alike ones */
} item;

typedef struct sounds {
    data_files *files;
    base_vec(item) items;
    base_arena arena;
    const char **names; /* of classes */
    int classes;
    shape shape;
    bool augmented;
    tn_sound_augment augment;
    data_store *store; /* NULL: nothing is kept */
} sounds;

static void sounds_free(sounds *s)
{
    if (!s)
        return;
    data_store_free(s->store);
    data_files_close(s->files);
    base_vec_free(&s->items);
    base_arena_free(&s->arena);
    free(s);
}

/* ---- chance changes ---------------------------------------------------------------------------------------------- */

/* In -1 to 1. */
static double chance(uint64_t key, uint64_t which)
{
    const base_philox x = base_philox_at(key, which, 0x736f756e64);
    return 2 * base_philox_f64(x.v[0], x.v[1]) - 1;
}

/* Gauss' by Box and Muller; power is the variance. */
static void add_noise(tn_sound *s, double part, uint64_t key)
{
    double power = 0;
    for (int64_t i = 0; i < s->frames; i++)
        power += (double)s->samples[i] * (double)s->samples[i];
    const double deviation = s->frames ? sqrt(part * power / (double)s->frames) : 0;
    for (int64_t i = 0; i < s->frames; i++) {
        const base_philox x = base_philox_at(key, (uint64_t)i, 0x6e6f697365);
        const double u = 1 - base_philox_f64(x.v[0], x.v[1]), v = base_philox_f64(x.v[2], x.v[3]);
        s->samples[i] += (float)(deviation * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
}

static void roll(tn_sound *s, int64_t by)
{
    const int64_t n = s->frames, size = llabs(by) < n ? n - llabs(by) : 0;
    memmove(s->samples + (by > 0 ? n - size : 0), s->samples + (by > 0 ? 0 : n - size), (size_t)size * sizeof(float));
    memset(s->samples + (by > 0 ? 0 : size), 0, (size_t)(n - size) * sizeof(float));
}

static tn_status replace(tn_sound **s, tn_sound *by)
{
    if (!by)
        return TN_MEMORY;
    tn_sound_free(*s);
    *s = by;
    return TN_OK;
}

static tn_status change(tn_sound **s, const tn_sound_augment *a, uint64_t key, base_error *e)
{
    if (a->stretch > 0)
        BASE_TRY(replace(s, data_sound_stretch(*s, pow(1 + a->stretch, chance(key, 1)), e)));
    if (a->shift > 0)
        BASE_TRY(replace(s, data_sound_shift(*s, a->shift * chance(key, 2), e)));
    if (a->noise > 0)
        add_noise(*s, a->noise * fabs(chance(key, 3)), key);
    if (a->roll > 0)
        roll(*s, llround(a->roll * (*s)->rate * chance(key, 4)));
    const float gain = (float)pow(10, a->gain * chance(key, 5) / 20);
    for (int64_t i = 0; a->gain > 0 && i < (*s)->frames; i++)
        (*s)->samples[i] *= gain;
    return TN_OK;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Cut at the end, or followed by silence. */
static void place(const shape *due, const tn_sound *s, float *x, int64_t *length)
{
    const int64_t n = s->frames < due->frames ? s->frames : due->frames;
    memcpy(x, s->samples, (size_t)n * sizeof *x);
    if (due->varies)
        *length = n;
    else
        memset(x + n, 0, (size_t)(due->frames - n) * sizeof *x);
}

static tn_sound *decode(const sounds *s, const item *it, base_error *e)
{
    data_buffer b = {0};
    base_str where = {0};
    const tn_sound_opt opt = {.rate = s->shape.rate, .channels = 1};
    data_files_where(s->files, it->file, &where);
    tn_status status = where.failed ? base_no_memory(e, "reading a sound") : data_files_read(s->files, it->file, &b, e);
    tn_sound *sound = status == TN_OK ? data_sound_decode(b.data, b.bytes, base_str_text(&where), &opt, e) : NULL;
    data_buffer_free(&b);
    base_str_free(&where);
    return sound;
}

/* What was kept of it, or now is. */
static tn_sound *load(const sounds *s, int64_t index, base_error *e)
{
    size_t bytes = 0;
    const float *kept = s->store ? data_store_find(s->store, index, &bytes) : NULL;
    if (kept && bytes % sizeof *kept != 0) /* not of our making */
        kept = NULL;
    tn_sound *sound =
        kept ? data_sound_new((int64_t)(bytes / sizeof *kept), 1, s->shape.rate, e) : decode(s, &s->items.at[index], e);
    if (kept && sound)
        memcpy(sound->samples, kept, bytes);
    else if (s->store && sound)
        data_store_put(s->store, index, NULL, 0, sound->samples, (size_t)sound->frames * sizeof *sound->samples);
    else if (s->store && !kept)
        data_store_pass(s->store, index);
    return sound;
}

static tn_status sounds_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const sounds *s = user;
    const item *it = &s->items.at[index];
    base_error *e = sample->inside;
    tn_sound *sound = load(s, index, e);
    if (sound && s->augmented && change(&sound, &s->augment, key, e) != TN_OK) {
        tn_sound_free(sound);
        sound = NULL;
    }
    if (sound) {
        place(&s->shape, sound, sample->at[0], &sample->lengths[0]);
        if (sample->n_fields > 1)
            memcpy(sample->at[1], &it->label, sizeof it->label);
    }
    tn_sound_free(sound);
    return sound ? TN_OK : e && e->status != TN_OK ? e->status : TN_FORMAT;
}

static int64_t sounds_label(void *user, int64_t index)
{
    return ((const sounds *)user)->items.at[index].label;
}

static int64_t sounds_length(void *user, int64_t index)
{
    return ((const sounds *)user)->items.at[index].length;
}

static void sounds_name(const void *user, int64_t index, base_str *to)
{
    const sounds *s = user;
    base_str_add(to, data_files_name(s->files, s->items.at[index].file));
}

static void sounds_release(void *user)
{
    sounds_free(user);
}

/* Takes s over, also on failure. */
static tn_dataset *finish(sounds *s, const tn_preparation *p, base_error *e)
{
    const tn_field fields[] = {
        {.name = "x", .dtype = TN_F32, .rank = 1, .dims = {s->shape.frames}, .varies = s->shape.varies},
        {.name = "y", .dtype = TN_I64}};
    const tn_dataset_def def = {.count = (int64_t)s->items.n,
                                .fields = fields,
                                .n_fields = s->classes ? 2 : 1,
                                .classes = s->classes,
                                .class_names = s->names,
                                .get = sounds_get,
                                .label = s->classes ? sounds_label : NULL,
                                .length = s->shape.varies ? sounds_length : NULL,
                                .release = sounds_release,
                                .user = s,
                                .preparation = p};
    tn_dataset *d = data_new(&def, e);
    if (d)
        d->name = sounds_name;
    else
        sounds_free(s);
    return d;
}

/* ---- the preparation --------------------------------------------------------------------------------------------- */

static tn_status prepare_parse(const format_json *object, void *self, base_error *e)
{
    int64_t rate, frames;
    bool varies;
    BASE_TRY(format_json_get_i64(object, "a preparation", "rate", 1, INT32_MAX, &rate, e));
    BASE_TRY(format_json_get_i64(object, "a preparation", "frames", 1, INT64_C(1) << 40, &frames, e));
    BASE_TRY(format_json_get_bool(object, "a preparation", "varies", &varies, e));
    *(shape *)self = (shape){(int)rate, frames, varies};
    return TN_OK;
}

static void prepare_write(const void *self, format_json_out *w)
{
    const shape *s = self;
    format_json_put_i64(w, "rate", s->rate);
    format_json_put_i64(w, "frames", s->frames);
    format_json_put_bool(w, "varies", s->varies);
}

/* A sound, or all of a folder or archive. */
static tn_dataset *prepare_open(const tn_preparation *p, const void *self, const data_raw *raw, base_error *e)
{
    sounds *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "reading sounds");
        return NULL;
    }
    s->shape = *(const shape *)self;
    s->files =
        raw->path ? data_files_open(raw->path, NULL, e) : data_files_borrow(raw->data, raw->bytes, raw->name, NULL, e);
    const int64_t n = s->files ? data_files_count(s->files) : 0;
    for (int64_t i = 0; i < n; i++)
        if ((n == 1 || data_sound_name(data_files_name(s->files, i))) &&
            !base_vec_push(&s->items, ((item){i, 0, data_files_size(s->files, i)}))) {
            base_no_memory(e, "reading sounds");
            s->items.n = 0;
            break;
        }
    if (s->items.n > 0)
        return finish(s, p, e);
    if (s->files && n > 0 && (!e || e->status == TN_OK))
        base_fail(e, TN_NOT_FOUND, "%s holds no sounds", raw->name);
    sounds_free(s);
    return NULL;
}

const data_prepare data_prepare_sound = {.kind = "sound",
                                         .size = sizeof(shape),
                                         .parse = prepare_parse,
                                         .write = prepare_write,
                                         .open = prepare_open,
                                         .endings = data_sound_endings,
                                         .free = free};

/* ---- labels ------------------------------------------------------------------------------------------------------ */

/* The class that a name tells: by the pattern, or the folder. */
static tn_status label_of(const data_pattern *pattern, const char *name, base_str *to, base_error *e)
{
    const char *slash = strrchr(name, '/');
    if (pattern->given) {
        if (!data_pattern_group(pattern, name, to))
            return base_fail(e, TN_FORMAT,
                             "%s: the name does not match 'label', so its class is not known; leave it out by "
                             "'except', or change the pattern",
                             BASE_SHOW(name));
    } else if (slash) {
        const char *from = slash;
        while (from > name && from[-1] != '/')
            from--;
        base_str_bytes(to, from, (size_t)(slash - from));
    } else {
        return base_fail(e, TN_FORMAT,
                         "%s lies in no folder that would name its class; say by 'label' what part of the name does",
                         BASE_SHOW(name));
    }
    return to->failed ? base_no_memory(e, "reading sounds") : TN_OK;
}

enum { MOST_CLASSES = 4096 };

/* All names there are, sorted. */
static tn_status collect(sounds *s, const char *const *labels, base_error *e)
{
    data_names names = {0};
    for (size_t i = 0; i < s->items.n; i++)
        if (!base_vec_push(&names, labels[i])) {
            base_vec_free(&names);
            return base_no_memory(e, "reading sounds");
        }
    data_names_sort(&names);
    s->classes = names.n <= MOST_CLASSES ? (int)names.n : 0;
    s->names = base_arena_copy(&s->arena, names.at, sizeof *names.at * (size_t)s->classes);
    base_vec_free(&names);
    if (s->classes == 0)
        return base_fail(e, TN_LIMIT, "the names of the sounds tell more than %d classes: is it the right 'label'?",
                         MOST_CLASSES);
    return s->names ? TN_OK : base_no_memory(e, "reading sounds");
}

static tn_status set_labels(sounds *s, const char *const *labels, const tn_sounds_opt *o, base_error *e)
{
    if (o->classes == 0)
        BASE_TRY(collect(s, labels, e));
    s->classes = o->classes ? o->classes : s->classes;
    if (o->classes && !(s->names = base_arena_copy(&s->arena, o->class_names, sizeof *s->names * (size_t)o->classes)))
        return base_no_memory(e, "reading sounds");
    for (size_t i = 0; i < s->items.n; i++) {
        s->items.at[i].label = data_names_find(s->names, s->classes, labels[i]);
        if (s->items.at[i].label < 0)
            return base_fail(e, TN_FORMAT, "%s is of class '%s', which is none of the %d that were said",
                             BASE_SHOW(data_files_name(s->files, s->items.at[i].file)), BASE_SHOW(labels[i]),
                             s->classes);
    }
    return TN_OK;
}

typedef struct patterns {
    data_pattern label, only, except;
} patterns;

/* Items, and the class that each name tells. */
static tn_status choose(sounds *s, const patterns *p, const char **labels, base_error *e)
{
    base_str text = {0};
    tn_status status = TN_OK;
    for (int64_t i = 0; status == TN_OK && i < data_files_count(s->files); i++) {
        const char *name = data_files_name(s->files, i);
        if (!data_sound_name(name) || (p->only.given && !data_pattern_matches(&p->only, name)) ||
            data_pattern_matches(&p->except, name))
            continue;
        text.length = 0;
        status = label_of(&p->label, name, &text, e);
        if (status == TN_OK && (!(labels[s->items.n] = base_arena_strdup(&s->arena, base_str_text(&text))) ||
                                !base_vec_push(&s->items, ((item){i, 0, data_files_size(s->files, i)}))))
            status = base_no_memory(e, "reading sounds");
    }
    base_str_free(&text);
    return status;
}

/* The folders at the top in which a sound lies, sounds that patterns leave out too. */
static tn_status mark_folders(const sounds *s, const char *const *folders, int n, bool *seen, base_error *e)
{
    base_str top = {0};
    for (int64_t i = 0; i < data_files_count(s->files); i++) {
        const char *name = data_files_name(s->files, i), *slash = strchr(name, '/');
        if (!slash || !data_sound_name(name))
            continue;
        top.length = 0;
        base_str_bytes(&top, name, (size_t)(slash - name));
        const int at = data_names_find(folders, n, base_str_text(&top));
        if (at >= 0)
            seen[at] = true;
    }
    const bool failed = top.failed;
    base_str_free(&top);
    return failed ? base_no_memory(e, "reading sounds") : TN_OK;
}

/* A folder without a sound would be a class that nothing is learned of. */
static tn_status check_folders(const sounds *s, const patterns *p, const char *path, base_error *e)
{
    data_names folders = {0};
    const char *folder;
    while ((folder = data_files_folder(s->files, (int64_t)folders.n)) != NULL)
        if (!base_vec_push(&folders, folder))
            break;
    bool *seen = calloc(folders.n + 1, sizeof *seen);
    tn_status status =
        folder || !seen ? base_no_memory(e, "reading sounds") : mark_folders(s, folders.at, (int)folders.n, seen, e);
    for (size_t k = 0; status == TN_OK && k < folders.n; k++)
        if (!seen[k] && !data_pattern_matches(&p->except, folders.at[k]))
            status = base_fail(e, TN_FORMAT,
                               "%s: the folder \"%s\" would be a class, but there is no sound in it; put some there, "
                               "remove it, or leave it out by 'except'",
                               path, BASE_SHOW(folders.at[k]));
    free(seen);
    base_vec_free(&folders);
    return status;
}

/* Which patterns left none of the sounds that there are. */
static tn_status fail_empty(const sounds *s, const char *path, const tn_sounds_opt *o, base_error *e)
{
    int64_t n = 0;
    for (int64_t i = 0; i < data_files_count(s->files); i++)
        n += data_sound_name(data_files_name(s->files, i));
    if (n == 0)
        return base_fail(e, TN_NOT_FOUND, "%s holds no sounds", path);
    char left_out[BASE_SHOWN + 64] = "";
    if (o->only && o->except)
        (void)snprintf(left_out, sizeof left_out, ", or all that do match '%s', which leaves them out",
                       BASE_SHOW(o->except));
    return o->only ? base_fail(e, TN_NOT_FOUND, "%s holds %lld sounds, but the name of none matches '%s'%s", path,
                               (long long)n, BASE_SHOW(o->only), left_out)
                   : base_fail(e, TN_NOT_FOUND,
                               "%s holds %lld sounds, but the names of all match '%s', which leaves them out", path,
                               (long long)n, BASE_SHOW(o->except));
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static tn_status take_rate(void *user, int64_t index, base_error *e)
{
    sounds *s = user;
    tn_sound *sound = decode(s, &s->items.at[index], e); /* at its own rate, as ours is 0 */
    if (!sound)
        return e->status != TN_OK ? e->status : TN_FORMAT;
    s->shape.rate = sound->rate;
    tn_sound_free(sound);
    return TN_OK;
}

static tn_status check_opt(const tn_sounds_opt *o, base_error *e)
{
    if (!(o->seconds >= 0 && o->seconds <= 86400) || !(o->longest >= 0 && o->longest <= 86400) || o->rate < 0 ||
        o->rate > 1 << 20)
        return base_fail(e, TN_INVALID,
                         "sounds of %g seconds (%g where they vary) at %d frames a second: a day and 2^20 a "
                         "second are the most, and nothing is negative",
                         o->seconds, o->longest, o->rate);
    const tn_sound_augment *a = o->augment;
    if (a && !(a->stretch >= 0 && a->stretch <= 3 && a->shift >= 0 && a->shift <= 24 && a->gain >= 0 && a->gain <= 60 &&
               a->noise >= 0 && a->noise <= 1 && a->roll >= 0 && a->roll <= 86400))
        return base_fail(
            e, TN_INVALID,
            "changes to sounds: stretch 0 to 3, shift 0 to 24 semitones, gain 0 to 60 decibels, noise 0 to 1, "
            "roll 0 to a day of seconds");
    return TN_OK;
}

static tn_status read_set(sounds *s, const char *path, const tn_sounds_opt *o, const patterns *p, base_error *e)
{
    s->files = data_files_open(path, NULL, e);
    if (!s->files)
        return TN_IO;
    const char **labels = BASE_ARRAY(&s->arena, const char *, (size_t)data_files_count(s->files) + 1);
    if (!labels)
        return base_no_memory(e, "reading sounds");
    BASE_TRY(choose(s, p, labels, e));
    if (s->items.n == 0)
        return fail_empty(s, path, o, e);
    if (!o->label && o->classes == 0)
        BASE_TRY(check_folders(s, p, path, e));
    BASE_TRY(set_labels(s, labels, o, e));
    s->shape = (shape){.rate = o->rate, .varies = o->seconds <= 0};
    if (s->shape.rate == 0)
        BASE_TRY(data_first((int64_t)s->items.n, o->skip_bad, take_rate, s, "sounds", e));
    const double seconds = o->seconds > 0 ? o->seconds : o->longest > 0 ? o->longest : 60;
    s->shape.frames = llround(seconds * s->shape.rate);
    s->shape.frames = s->shape.frames < 1 ? 1 : s->shape.frames;
    s->augmented = o->augment != NULL;
    if (o->augment)
        s->augment = *o->augment;
    return TN_OK;
}

static tn_status begin_keeping(sounds *s, const tn_cache_opt *cache, base_error *e)
{
    enum { VERSION = 2 };
    const int64_t numbers[] = {VERSION, s->shape.rate, (int64_t)s->items.n};
    if (!cache)
        return TN_OK;
    base_str where = {0};
    data_files_where(s->files, s->items.at[0].file, &where);
    const uint64_t names =
        base_checksum(base_checksum(0, numbers, sizeof numbers), base_str_text(&where), where.length);
    uint64_t key = names;
    base_str_free(&where);
    for (size_t i = 0; i < s->items.n; i++)
        key = data_stamp(key, s->files, s->items.at[i].file);
    tn_sound *first = cache->either ? decode(s, &s->items.at[0], e) : NULL;
    const size_t about = first ? (size_t)first->frames * sizeof(float) : 0;
    tn_sound_free(first);
    base_clear(e); /* what cannot be read is told when it is fetched */
    s->store = data_store_new(cache, "sounds", names, key, (int64_t)s->items.n, about, e);
    return s->store ? TN_OK : e->status;
}

static tn_dataset *open_set(const char *path, const tn_sounds_opt *o, const patterns *p, base_error *e)
{
    sounds *s = calloc(1, sizeof *s);
    shape *kept = malloc(sizeof *kept);
    if (!s || !kept || read_set(s, path, o, p, e) != TN_OK || begin_keeping(s, o->cache, e) != TN_OK) {
        if (!s || !kept)
            base_no_memory(e, "reading sounds");
        sounds_free(s);
        free(kept);
        return NULL;
    }
    *kept = s->shape;
    tn_preparation *prepared = data_preparation_new(&data_prepare_sound, kept, e);
    tn_dataset *d = prepared ? finish(s, prepared, e) : NULL;
    if (!prepared)
        sounds_free(s);
    tn_preparation_free(prepared);
    return d;
}

tn_dataset *tn_dataset_sounds(tn_context *context, const char *path, const tn_sounds_opt *opt)
{
    static const tn_sounds_opt usual = {0};
    const tn_sounds_opt *o = opt ? opt : &usual;
    base_error own = {0}, *e = base_context_begin(context);
    patterns p = {0};
    tn_dataset *d = NULL;
    e = e ? e : &own;
    if (check_opt(o, e) == TN_OK && data_pattern_init(&p.label, o->label, "label", e) == TN_OK &&
        data_pattern_init(&p.only, o->only, "only", e) == TN_OK &&
        data_pattern_init(&p.except, o->except, "except", e) == TN_OK)
        d = open_set(path, o, &p, e);
    data_pattern_clear(&p.label);
    data_pattern_clear(&p.only);
    data_pattern_clear(&p.except);
    return d;
}

int data_sounds_rate(const tn_dataset *d)
{
    return d->def.get == sounds_get ? ((const sounds *)d->def.user)->shape.rate : 0;
}
