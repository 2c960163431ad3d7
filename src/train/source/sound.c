/* sound.c: data: {name: sound, path: ...}, sound files of a folder or an archive. */
#include <stdio.h>

#include "base/context.h"
#include "data/pattern.h"
#include "data/sound/sound.h"
#include "train/source/source.h"
#include <tarn/sound.h>

typedef struct change {
    uint64_t given;
    double stretch, shift, gain, noise, roll;
} change;

typedef struct sound {
    train_data common;
    const char *path, *val_path, *test_path, *label, *val, *test, *except; /* NULL if not given */
    int64_t rate;
    double seconds, longest;
    format_strings classes;
    change change;
} sound;

static const format_option change_rows[] = {
    FORMAT_FLOAT(change, stretch, "0", "[0,3]", "faster or slower by up to this part, at the same pitch"),
    FORMAT_FLOAT(change, shift, "0", "[0,24]", "higher or lower by up to so many semitones"),
    FORMAT_FLOAT(change, gain, "0", "[0,60]", "louder or softer by up to so many decibels"),
    FORMAT_FLOAT(change, noise, "0", "[0,1]", "white noise of up to this part of the sound's power"),
    FORMAT_FLOAT(change, roll, "0", "[0,86400]", "earlier or later by up to so many seconds"),
    {0},
};
static const format_table change_table = {.name = "change",
                                          .doc =
                                              "how training sounds are changed by chance, differently in every epoch",
                                          .options = change_rows};

static const format_option rows[] = {
    FORMAT_PATH(sound, path, FORMAT_REQUIRED, "a folder, .tar, .tar.gz or .zip with sound files (WAV, FLAC, OGG, ...)"),
    FORMAT_PATH(sound, val_path, NULL, "where those for validation are, if elsewhere"),
    FORMAT_PATH(sound, test_path, NULL, "where those for `tarn eval` are, if elsewhere"),
    FORMAT_STRING(sound, label, NULL,
                  "regular expression over names whose first group is the class: '^([0-9])_'; else the folder is"),
    FORMAT_STRING(sound, val, NULL, "regular expression: files of `path` that match validate"),
    FORMAT_STRING(sound, test, NULL, "regular expression: files of `path` that match are kept for `tarn eval`"),
    FORMAT_STRING(sound, except, NULL, "regular expression: files that match are left out"),
    FORMAT_INT(sound, rate, "0", "[0,1048576]", "samples a second that all are brought to; 0: those of the first file"),
    FORMAT_FLOAT(sound, seconds, "0", "[0,86400]", "cut or filled up to so long; 0: as long as they are"),
    FORMAT_FLOAT(sound, longest, "60", "(0,86400]", "the most seconds, where lengths vary"),
    FORMAT_STRINGS(sound, classes, NULL, 2, 0, "names of the classes; all there are, sorted, if not given"),
    TRAIN_SPLIT_ROWS,
    FORMAT_TABLE(sound, change, change, &change_table, "chance changes to training sounds"),
    {0},
};
static const format_table table = {
    .name = "sound",
    .doc = "sound files of a folder or an archive, their classes told by folders or names",
    .options = rows,

};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const sound *o = TRAIN_SOURCE_OPTIONS(r, sound);
    const char *valid = o->val_path ? "val_path"
                        : o->val    ? "val"
                                    : NULL,
               *test = o->test_path ? "test_path"
                       : o->test    ? "test"
                                    : NULL;
    if ((o->val_path && o->val) || (o->test_path && o->test))
        return format_yaml_fail(node, e, "'data' says twice what is %s",
                                o->val_path && o->val ? "validated on: val_path and val"
                                                      : "tested on: test_path and test");
    const struct {
        const char *name, *text;
    } patterns[] = {{"label", o->label},        {"val", o->val},         {"test", o->test}, {"except", o->except},
                    {"group", o->common.group}, {"time", o->common.time}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        base_error why = {0};
        data_pattern p;
        if (data_pattern_init(&p, patterns[i].text, patterns[i].name, &why) != TN_OK)
            return format_yaml_fail(node, e, "%s", why.text);
        data_pattern_clear(&p);
    }
    return train_split_check(r, valid, test, node, e);
}

/* The set below `path` of the names that match `only`, and neither of the other patterns. */
static tn_dataset *open_part(tn_context *c, const sound *o, const tn_sounds_opt *like, const char *path,
                             const char *only, const char *a, const char *b)
{
    const char *const not [] = {a, b, o->except};
    char except[4096] = "";
    const int n = (a != NULL) + (b != NULL) + (o->except != NULL);
    size_t at = 0;
    for (size_t i = 0; i < 3; i++)
        if (not [i] && at < sizeof except)
            at += (size_t)snprintf(except + at, sizeof except - at, "%s%s%s%s", at ? "|" : "", n > 1 ? "(" : "",
                                   not [i], n > 1 ? ")" : "");
    if (at >= sizeof except) {
        base_fail(base_context_begin(c), TN_LIMIT,
                  "the regular expressions val, test and except are too long together");
        return NULL;
    }
    tn_sounds_opt opt = *like;
    opt.only = only;
    opt.except = at ? except : NULL;
    return tn_dataset_sounds(c, path, &opt);
}

static tn_status open_sound(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const sound *o = TRAIN_SOURCE_OPTIONS(r, sound);
    const tn_sound_augment changes = {.stretch = o->change.stretch,
                                      .shift = o->change.shift,
                                      .gain = o->change.gain,
                                      .noise = o->change.noise,
                                      .roll = o->change.roll};
    tn_cache_opt cache;
    tn_sounds_opt opt = {.rate = (int)o->rate,
                         .seconds = o->seconds,
                         .longest = o->longest,
                         .label = o->label,
                         .class_names = o->classes.n ? o->classes.at : NULL,
                         .classes = (int)o->classes.n,
                         .cache = train_cache(r, c, &cache),
                         .skip_bad = r->data->on_error == TRAIN_ERROR_SKIP,
                         .augment = o->change.given ? &changes : NULL};
    tn_dataset *train = open_part(c, o, &opt, o->path, NULL, o->val, o->test);
    if (train) /* the others are heard at the rate of the first training sound */
        opt.rate = data_sounds_rate(train);
    if (train && opt.augment && train_cuts(r)) {
        opt.augment = NULL;
        tn_dataset *plain = open_part(c, o, &opt, o->path, NULL, o->val, o->test);
        if (!plain)
            tn_dataset_free(train);
        else
            BASE_TRY(train_split_changed(c, r, train, plain, sets));
    } else {
        sets->train = train;
    }
    if (!sets->train)
        return TN_IO;
    const char *names[4096];
    opt.classes = tn_dataset_classes(sets->train); /* at most 4096 */
    for (int i = 0; i < opt.classes; i++)
        names[i] = tn_dataset_class_name(sets->train, i);
    opt.class_names = names;
    opt.augment = NULL;
    if (o->val || o->val_path)
        sets->valid = open_part(c, o, &opt, o->val_path ? o->val_path : o->path, o->val, NULL, o->test);
    if (o->test || o->test_path)
        sets->test = open_part(c, o, &opt, o->test_path ? o->test_path : o->path, o->test, NULL, NULL);
    return ((o->val || o->val_path) && !sets->valid) || ((o->test || o->test_path) && !sets->test) ? TN_IO : TN_OK;
}

const train_source train_source_sound = {
    .caches = true, .table = &table, .size = sizeof(sound), .check = check, .open = open_sound};
