/* check.c: a data set read once, file by file; see <tarn/check.h>. */
#include "data/check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/file.h"
#include "base/text.h"
#include "data/names.h"
#include "data/picture/set.h"
#include "data/sound/sound.h"

enum { MOST_LISTED = 20, MOST_NOTES = 100, MOST_CLASSES = 100000, MOST_ARCHIVES = 64 };

const char *tn_samples_name(int kind)
{
    static const char *const names[] = {
#define TN_X(name, number, text) text,
        TN_SAMPLES_LIST(TN_X)
#undef TN_X
    };
    return kind >= 0 && kind < TN_SAMPLES_KINDS ? names[kind] : "?";
}

const char *tn_part_name(int part)
{
    static const char *const names[TN_PARTS] = {"", "train", "val", "test"};
    return part >= 0 && part < TN_PARTS ? names[part] : "?";
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

void check_moments_add(check_moments *m, double value)
{
    check_moments_merge(m, &(check_moments){.n = 1, .mean = value, .min = value, .max = value});
}

/* Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979. */
void check_moments_merge(check_moments *m, const check_moments *more)
{
    if (more->n == 0)
        return;
    double n = (double)m->n + (double)more->n, step = more->mean - m->mean;
    m->min = m->n == 0 || more->min < m->min ? more->min : m->min;
    m->max = m->n == 0 || more->max > m->max ? more->max : m->max;
    m->m2 += more->m2 + step * step * (double)m->n * (double)more->n / n;
    m->mean += step * (double)more->n / n;
    m->n += more->n;
}

double check_moments_std(const check_moments *m)
{
    return m->n ? sqrt(m->m2 / (double)m->n) : NAN;
}

/* Of whole numbers no bin is narrower than one of them. */
void check_bins_begin(tn_check_column *column, bool whole_numbers)
{
    const double range = column->max - column->min;
    if (!isfinite(column->min) || !isfinite(column->max))
        return;
    column->n_bins = !(range > 0) ? 1 : whole_numbers && range < TN_CHECK_BINS ? (int)range + 1 : TN_CHECK_BINS;
    memset(column->bins, 0, sizeof column->bins);
}

void check_bins_add(tn_check_column *column, double value, int64_t n)
{
    const double range = column->max / 2 - column->min / 2; /* halves: the whole may be more than a double holds */
    const int last = column->n_bins - 1;
    if (last < 0 || value < column->min || value > column->max)
        return;
    const double at = range > 0 ? (value / 2 - column->min / 2) / range * column->n_bins : 0;
    column->bins[at < last ? (int)at : last] += n;
}

/* ---- what is noted ----------------------------------------------------------------------------------------------- */

tn_status check_add(data_check *c, const check_file *f, int kind, int64_t row, uint64_t hash)
{
    check_item item = {hash, 0, f->number, row, f->class_number, (uint8_t)kind, (uint8_t)f->part};
    c->report.samples[kind][f->part]++;
    if (f->class_number >= 0)
        c->classes.at[f->class_number].count[f->part]++;
    return base_vec_push(&c->items, item) ? TN_OK : base_no_memory(c->err, "checking data");
}

void check_add_alike(data_check *c, uint64_t hash)
{
    c->items.at[c->items.n - 1].alike = hash;
}

/* Of a reason that begins with the path, and perhaps a line and a column, that stands beside it. */
static tn_status list_bad(data_check *c, tn_check_bad *to, const char *where, const char *reason)
{
    size_t n = strlen(where), line = 0;
    if (strncmp(reason, where, n) == 0 && (reason[n] == ':' || reason[n] == ' ')) {
        reason += n;
        for (size_t k = 0, digits; k < 2 && reason[line] == ':'; k++, line += digits + 1)
            if ((digits = strspn(reason + line + 1, "0123456789")) == 0 || reason[line + 1 + digits] != ':')
                break;
    } else {
        n = 0;
    }
    to->path = base_arena_printf(&c->arena, "%s%.*s", where, (int)line, reason);
    reason += line;
    to->reason = base_arena_strdup(&c->arena, n ? reason + strspn(reason, ": ") : reason);
    return to->path && to->reason ? TN_OK : base_no_memory(c->err, "checking data");
}

/* Counted, and listed while there is room. */
static tn_status add_listed(data_check *c, check_bads *list, int64_t *total, const char *where, const char *reason)
{
    tn_check_bad bad;
    ++*total;
    if (list->n >= (size_t)c->opt.most)
        return TN_OK;
    BASE_TRY(list_bad(c, &bad, where, reason));
    return base_vec_push(list, bad) ? TN_OK : base_no_memory(c->err, "checking data");
}

tn_status check_add_bad(data_check *c, const char *where, const char *reason)
{
    return add_listed(c, &c->bad, &c->report.bad_total, where, reason);
}

tn_status check_add_outside(data_check *c, const char *where, const char *reason)
{
    return add_listed(c, &c->outside, &c->report.outside_total, where, reason);
}

tn_status check_add_note(data_check *c, const char *fmt, ...)
{
    if (c->notes.n >= MOST_NOTES)
        return TN_OK;
    base_error text = {0};
    va_list args;
    va_start(args, fmt);
    (void)base_vfail(&text, TN_INVALID, fmt, args);
    va_end(args);
    const char *note = base_arena_strdup(&c->arena, text.text);
    return note && base_vec_push(&c->notes, note) ? TN_OK : base_no_memory(c->err, "checking data");
}

tn_status check_add_column(data_check *c, const tn_check_column *column)
{
    tn_check_column own = *column;
    own.path = base_arena_strdup(&c->arena, column->path);
    own.name = base_arena_strdup(&c->arena, column->name);
    return own.path && own.name && base_vec_push(&c->columns, own) ? TN_OK : base_no_memory(c->err, "checking data");
}

int check_class(data_check *c, const char *name)
{
    void *known = base_map_get(&c->class_numbers, name);
    if (known)
        return (int)((intptr_t)known - 1);
    if (c->classes.n >= MOST_CLASSES)
        return -1;
    tn_check_class new_class = {.name = base_arena_strdup(&c->arena, name)};
    if (!new_class.name || !base_vec_push(&c->classes, new_class) ||
        !base_map_put(&c->class_numbers, new_class.name, (void *)(intptr_t)c->classes.n))
        return -1;
    return (int)c->classes.n - 1;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "train", and "train2017" too. */
static int part_word(const char *word, size_t n)
{
    static const struct {
        const char *word;
        int part;
    } words[] = {{"train", TN_PART_TRAIN}, {"training", TN_PART_TRAIN}, {"val", TN_PART_VAL},
                 {"valid", TN_PART_VAL},   {"validation", TN_PART_VAL}, {"dev", TN_PART_VAL},
                 {"test", TN_PART_TEST},   {"testing", TN_PART_TEST},   {"t10k", TN_PART_TEST}};
    while (n > 0 && word[n - 1] >= '0' && word[n - 1] <= '9')
        n--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && memcmp(words[i].word, word, n) == 0)
            return words[i].part;
    return TN_PART_NONE;
}

int check_part_of(const char *name, bool of_file)
{
    const char *at = name;
    for (const char *slash; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        int part = part_word(at, (size_t)(slash - at));
        if (part)
            return part;
    }
    return of_file ? part_word(at, strcspn(at, "._-")) : TN_PART_NONE;
}

/* Folders of YOLO, Pascal VOC, COCO and of masks, which say what is in them and not what class it is. */
bool check_layout_word(const char *word, size_t n, bool of_annotations)
{
    static const char *const words[] = {"images",
                                        "JPEGImages",
                                        "labels",
                                        "annotations",
                                        "Annotations",
                                        "ImageSets",
                                        "SegmentationClass",
                                        "SegmentationObject",
                                        "masks"};
    for (size_t i = of_annotations ? 2 : 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
            return true;
    return false;
}

static bool in_layout(const char *name, bool of_annotations)
{
    for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1)
        if (check_layout_word(name, (size_t)(slash - name), of_annotations))
            return true;
    return false;
}

bool check_annotates(const char *name)
{
    return in_layout(name, true);
}

/* Is there a folder of pictures and one of what is told of them? */
static bool is_annotated(const data_files *files)
{
    bool pictures = false, annotations = false;
    for (int64_t i = 0; i < data_files_count(files); i++) {
        const char *name = data_files_name(files, i);
        const bool of = in_layout(name, true);
        annotations |= of;
        pictures |= !of && in_layout(name, false);
    }
    return pictures && annotations;
}

/* The class of train/cat/more/1.jpg and of cat/1.jpg is cat: the first folder that is not a part; -1: none. Of pictures with boxes
 * or masks it is these that have one. */
static int class_by_folder(data_check *c, const char *name)
{
    char folder[256];
    const char *at = name + c->root;
    for (const char *slash; !c->boxed && !c->masked && (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        size_t n = (size_t)(slash - at);
        if (part_word(at, n) || (c->annotated && check_layout_word(at, n, false)) || n == 0 || n >= sizeof folder)
            continue;
        memcpy(folder, at, n);
        folder[n] = '\0';
        return check_class(c, folder);
    }
    return -1;
}

/* The folder that everything lies in, as archives often have one, is neither part nor class. */
static size_t common_root(const data_files *files)
{
    const char *first = data_files_name(files, 0);
    const char *slash = strchr(first, '/');
    size_t n = slash ? (size_t)(slash + 1 - first) : 0;
    if (n == 0 || part_word(first, n - 1) || data_files_folder(files, 1))
        return 0;
    for (int64_t i = 1; i < data_files_count(files); i++)
        if (strncmp(first, data_files_name(files, i), n) != 0)
            return 0;
    /* cat/1.jpg alone: a class. set/cat/1.jpg: a root */
    return strchr(first + n, '/') ? n : 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *ending;
    tn_status (*read)(data_check *c, const check_file *f);
} reader;

static const reader readers[] = {{".csv", check_table},
                                 {".tsv", check_table},
                                 {".jsonl", check_table},
                                 {".ndjson", check_table},
                                 {".csv.gz", check_table},
                                 {".tsv.gz", check_table},
                                 {".jsonl.gz", check_table},
                                 {".ndjson.gz", check_table},
                                 {".npy", check_npy},
                                 {".idx", check_idx},
                                 {".idx1", check_idx},
                                 {".idx3", check_idx},
                                 {".idx1.gz", check_idx},
                                 {".idx3.gz", check_idx},
                                 {"-ubyte", check_idx},
                                 {"-ubyte.gz", check_idx},
                                 {".safetensors", check_safetensors},
                                 {".txt", check_text},
                                 {".txt.gz", check_text},
                                 {".text", check_text}};

static tn_status (*reader_of(const char *name))(data_check *, const check_file *)
{
    if (tn_picture_name(name))
        return check_picture;
    if (data_sound_name(name))
        return check_sound;
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (data_name_ends(name, readers[i].ending))
            return readers[i].read;
    return NULL;
}

static bool is_archive(const char *name)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".zip", ".npz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (data_name_ends(name, endings[i]))
            return true;
    return false;
}

/* Texts in folders by class: two of them lie in different folders below the root and the parts. */
static bool are_classed_texts(const data_files *files, size_t root)
{
    const char *first = NULL;
    for (int64_t i = 0; i < data_files_count(files); i++) {
        const char *at = data_files_name(files, i), *slash;
        if (!data_name_ends(at, ".txt") && !data_name_ends(at, ".txt.gz"))
            continue;
        for (at += root; (slash = strchr(at, '/')) != NULL && part_word(at, (size_t)(slash - at)); at = slash + 1)
            ;
        if (!slash)
            continue;
        if (first && strncmp(first, at, (size_t)(slash - at) + 1) != 0)
            return true;
        first = first ? first : at;
    }
    return false;
}

/* A single file of another name is a text, if it is one. */
static tn_status read_file(data_check *c, int64_t i, data_buffer *b, base_str *where)
{
    const char *name = data_files_name(c->files, i);
    int part = check_part_of(name + c->root, false);
    tn_status (*read)(data_check *, const check_file *) = check_cifar_name(name, &part) ? check_cifar : reader_of(name);
    if (!read && data_files_count(c->files) == 1 && !is_archive(name))
        read = check_text;
    if (!read && c->archives.n > 1 && is_archive(name)) { /* what is in it comes by itself */
        c->report.files--;
        return TN_OK;
    }
    c->report.bytes += data_files_size(c->files, i);
    if (c->told[i].holds) /* when all pictures were read */
        return TN_OK;
    if (!read || check_cifar_classes(name) || (c->annotated && in_layout(name, true))) {
        c->report.others++;
        return TN_OK;
    }
    base_str_free(where);
    *where = (base_str){0};
    data_files_where(c->files, i, where);
    base_error own = {0};
    const bool text = read == check_text && c->classed_texts && class_by_folder(c, name) >= 0;
    bool whole = read == check_picture || read == check_sound || text;
    check_file f = {.number = i, .name = name, .where = base_str_text(where), .class_number = -1};
    tn_status status = data_files_read(c->files, i, b, &own);
    if (status == TN_MEMORY)
        return base_no_memory(c->err, "checking data");
    if (status != TN_OK)
        return check_add_bad(c, f.where, own.text);
    f.data = b->data;
    f.bytes = b->bytes;
    f.part = whole || read == check_cifar ? part : check_part_of(name + c->root, true);
    f.class_number = whole ? class_by_folder(c, name) : -1;
    return text ? check_whole_text(c, &f) : read(c, &f);
}

static tn_status read_files(data_check *c)
{
    data_buffer b = {0};
    base_str where = {0};
    tn_status status = TN_OK;
    c->report.files = data_files_count(c->files);
    c->root = c->archives.n > 1 ? 0 : common_root(c->files);
    c->annotated = is_annotated(c->files);
    c->classed_texts = are_classed_texts(c->files, c->root);
    status = check_find_boxes(c);
    if (status == TN_OK)
        check_find_masks(c);
    if (status == TN_OK && c->annotated && !c->boxed && !c->masked)
        status = check_add_note(c, "pictures and what is told of them lie in folders side by side: the latter are no "
                                   "boxes of YOLO, VOC or COCO, and no masks, "
                                   "and were not looked into");
    for (int64_t i = 0; status == TN_OK && i < data_files_count(c->files); i++)
        status = read_file(c, i, &b, &where);
    data_buffer_free(&b);
    base_str_free(&where);
    if (status == TN_OK && c->boxed)
        status = check_boxes(c);
    return status == TN_OK && c->masked ? check_masks(c) : status;
}

/* An archive in the folder, if it can be opened: a broken one must not keep the others from being read. */
static tn_status add_archive(data_check *c, const char *name)
{
    base_error why = {0};
    char *path = base_arena_printf(&c->arena, "%s/%s", c->path, name);
    data_files *files = path ? data_files_open(path, NULL, &why) : NULL;
    data_files_close(files);
    if (!path || why.status == TN_MEMORY)
        return base_no_memory(c->err, "checking data");
    if (!files)
        return check_add_bad(c, path, why.text);
    return base_vec_push(&c->archives, path) ? TN_OK : base_no_memory(c->err, "checking data");
}

/* The files of a folder and of the archives in it as one view. */
static tn_status open_archives(data_check *c)
{
    if (!base_is_folder(c->path))
        return TN_OK;
    if (!base_vec_push(&c->archives, c->path))
        return base_no_memory(c->err, "checking data");
    for (int64_t i = 0; i < data_files_count(c->files); i++)
        if (is_archive(data_files_name(c->files, i)) && c->archives.n < MOST_ARCHIVES)
            BASE_TRY(add_archive(c, data_files_name(c->files, i)));
    if (c->archives.n == 1)
        return TN_OK;
    data_files_close(c->files);
    c->files = data_files_open_shards(c->archives.at, (int)c->archives.n, NULL, c->err);
    return c->files ? TN_OK : c->err->status;
}

/* Folders without a file are classes too, where the others are. */
static tn_status add_empty(data_check *c, const char *path, const char *under)
{
    base_error none = {0};
    data_files_opt opt = {.under = under};
    data_files *files = data_files_open(path, &opt, &none);
    const char *folder;
    tn_status status = TN_OK;
    for (int64_t i = 0; files && status == TN_OK && (folder = data_files_folder(files, i)) != NULL; i++) {
        if (!under && part_word(folder, strlen(folder)))
            status = add_empty(c, path, folder);
        else
            (void)check_class(c, folder);
    }
    data_files_close(files);
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static tn_status note_classes(data_check *c)
{
    int64_t in_part[TN_PARTS] = {0};
    for (size_t k = 0; k < c->classes.n; k++)
        for (int p = 0; p < TN_PARTS; p++)
            in_part[p] += c->classes.at[k].count[p];
    for (size_t k = 0; k < c->classes.n; k++) {
        const tn_check_class *one = &c->classes.at[k];
        int64_t all = 0;
        for (int p = 0; p < TN_PARTS; p++)
            all += one->count[p];
        if (all == 0)
            BASE_TRY(check_add_note(c, "the class \"%s\" has no sample", BASE_SHOW(one->name)));
        for (int p = 0; all && p < TN_PARTS; p++)
            if (in_part[p] && !one->count[p])
                BASE_TRY(check_add_note(c, "the class \"%s\" has no sample in %s", BASE_SHOW(one->name),
                                        p ? tn_part_name(p) : "what is in no part"));
    }
    return TN_OK;
}

static tn_status add_spread(data_check *c, const char *name, const check_moments *m)
{
    tn_check_spread s = {name, m->min, m->max, m->mean};
    return m->n == 0 || base_vec_push(&c->spreads, s) ? TN_OK : base_no_memory(c->err, "checking data");
}

static tn_status add_channels(data_check *c)
{
    static const char *const names[CHECK_CHANNELS] = {"grey", "red", "green", "blue"};
    for (int i = 0; i < CHECK_CHANNELS; i++) {
        const check_moments *m = &c->channels[i];
        tn_check_column column = {
            .path = "pictures", .name = names[i], .type = "channel", .count = m->n, .distinct = -1};
        column.mean = m->mean;
        column.std = check_moments_std(m);
        column.min = m->min;
        column.max = m->max;
        check_bins_begin(&column, m->n > 0);
        for (int v = 0; v < CHECK_LEVELS; v++)
            check_bins_add(&column, v, c->levels[i][v]);
        if (m->n)
            BASE_TRY(check_add_column(c, &column));
    }
    return TN_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tn_check_class *)a)->name, ((const tn_check_class *)b)->name);
}

static tn_status finish(data_check *c)
{
    tn_data_report *r = &c->report;
    BASE_TRY(check_find_repeats(c));
    if (c->classes.n)
        qsort(c->classes.at, c->classes.n, sizeof *c->classes.at, by_name);
    BASE_TRY(note_classes(c));
    BASE_TRY(add_spread(c, "width", &c->width));
    BASE_TRY(add_spread(c, "height", &c->height));
    BASE_TRY(add_spread(c, "seconds", &c->seconds));
    BASE_TRY(add_spread(c, "rate", &c->rate));
    BASE_TRY(add_spread(c, "bytes of a text", &c->text_bytes));
    BASE_TRY(add_channels(c));
#define HAND_OVER(list, number) (r->list = c->list.at, r->number = c->list.n)
    HAND_OVER(bad, n_bad);
    HAND_OVER(outside, n_outside);
    HAND_OVER(equal, n_equal);
    HAND_OVER(near, n_near);
    HAND_OVER(leaks, n_leaks);
    HAND_OVER(clashes, n_clashes);
    HAND_OVER(classes, n_classes);
    HAND_OVER(spreads, n_spreads);
    HAND_OVER(columns, n_columns);
    HAND_OVER(notes, n_notes);
    HAND_OVER(shown, n_shown);
    HAND_OVER(pixels, n_pixels);
#undef HAND_OVER
    base_vec_free(&c->items); /* names are made; these are large */
    base_vec_free(&c->looks);
    data_files_close(c->files);
    c->files = NULL;
    return TN_OK;
}

static tn_status check(data_check *c)
{
    BASE_TRY(open_archives(c));
    BASE_TRY(read_files(c));
    int64_t whole = 0;
    for (int p = 0; p < TN_PARTS; p++)
        whole += c->report.samples[TN_SAMPLES_PICTURES][p] + c->report.samples[TN_SAMPLES_SOUNDS][p];
    if (c->classes.n && whole && c->root == 0 && !c->annotated && !c->boxed && c->archives.n == 1)
        BASE_TRY(add_empty(c, c->path, NULL));
    return finish(c);
}

tn_data_report *tn_data_check(tn_context *context, const char *path, const tn_check_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    if (!context || !path) {
        base_fail(e, TN_INVALID, "a check of data needs a context and the path of a folder, an archive or a file");
        return NULL;
    }
    data_check *c = calloc(1, sizeof *c);
    if (!c) {
        base_no_memory(e, "checking data");
        return NULL;
    }
    c->context = context;
    c->path = path;
    c->err = &own; /* readers use the context's own place */
    c->opt = opt ? *opt : (tn_check_opt){0};
    c->opt.most = c->opt.most > 0 ? c->opt.most : MOST_LISTED;
    c->files = data_files_open(path, NULL, c->err);
    tn_status status = c->files ? check(c) : own.status;
    c->err = NULL;
    c->path = NULL;
    *e = own;
    if (status != TN_OK) {
        tn_data_report_free(&c->report);
        return NULL;
    }
    return &c->report;
}

void tn_data_report_free(tn_data_report *report)
{
    data_check *c = (data_check *)report; /* its first member */
    if (!c)
        return;
    for (size_t i = 0; i < c->shown.n; i++)
        tn_picture_free((tn_picture *)(uintptr_t)c->shown.at[i].picture);
    data_files_close(c->files);
    base_map_free(&c->class_numbers);
    base_vec_free(&c->archives);
    base_vec_free(&c->items);
    base_vec_free(&c->looks);
    base_vec_free(&c->bad);
    base_vec_free(&c->outside);
    free(c->told);
    base_vec_free(&c->equal);
    base_vec_free(&c->near);
    base_vec_free(&c->leaks);
    base_vec_free(&c->clashes);
    base_vec_free(&c->classes);
    base_vec_free(&c->spreads);
    base_vec_free(&c->columns);
    base_vec_free(&c->notes);
    base_vec_free(&c->shown);
    base_vec_free(&c->pixels);
    base_arena_free(&c->arena);
    free(c);
}
