/* text_folders.c: data: {name: text_folders, path: ...}, texts in folders by class, CLASS/NAME.txt, in folders and archives. Training,
 * validation and test samples are cut first; the tokenizer comes from the training texts alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/text.h"
#include "data/text/folder.h"
#include "train/source/source.h"
#include "train/tokens.h"

typedef struct text_folders {
    train_data common;
    train_tokens tokens;
    const char *path, *val_path, *test_path;
    const char *under, *val_under, *test_under;
} text_folders;

static const format_option rows[] = {
    FORMAT_PATH(text_folders, path, FORMAT_REQUIRED,
                "a folder, .tar, .tar.gz or .zip with a folder of .txt files for each class"),
    FORMAT_STRING(text_folders, under, NULL, "the folder in it that counts, as train"),
    FORMAT_PATH(text_folders, val_path, NULL, "the validation texts; path, if val_under is given"),
    FORMAT_STRING(text_folders, val_under, NULL, "the folder in it"),
    FORMAT_PATH(text_folders, test_path, NULL, "texts that `tarn eval` takes; path, if test_under is given"),
    FORMAT_STRING(text_folders, test_under, NULL, "the folder in it"),
    TRAIN_SPLIT_ROWS,
    TRAIN_TEXTS_OPTIONS(text_folders, "words", "256"),
    {0},
};
static const format_table options = {
    .name = "text_folders",
    .doc = "texts in folders by class, a .txt file each, also inside of .tar, .tar.gz and .zip, as numbers of tokens; "
           "what is fitted is fitted on the training texts alone",
    .options = rows,
    .brief = "name",
};

static bool has_valid(const text_folders *o)
{
    return o->val_path || o->val_under;
}

static bool has_test(const text_folders *o)
{
    return o->test_path || o->test_under;
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const text_folders *o = TRAIN_SOURCE_OPTIONS(r, text_folders);
    return train_split_check(r, has_valid(o) ? "validation texts" : NULL, has_test(o) ? "test texts" : NULL, node, e);
}

/* Texts and labels of one part, in the numbers of the training classes. */
typedef struct part {
    tn_text *texts;
    int64_t *labels, n;
} part;

static void part_free(part *p)
{
    free(p->texts);
    free(p->labels);
}

static tn_status take(const tn_text_folder *f, const int64_t *rows_, int64_t n, part *p, base_error *e)
{
    p->texts = calloc((size_t)n + 1, sizeof *p->texts);
    p->labels = calloc((size_t)n + 1, sizeof *p->labels);
    if (!p->texts || !p->labels)
        return base_no_memory(e, "reading texts");
    for (int64_t i = 0; i < n; i++) {
        p->texts[i] = f->texts[rows_ ? rows_[i] : i];
        p->labels[i] = f->labels[rows_ ? rows_[i] : i];
    }
    p->n = n;
    return TN_OK;
}

/* Classes of another folder by the names that the training folder has. */
static tn_status rename_classes(const tn_text_folder *train, const tn_text_folder *f, part *p, base_error *e)
{
    for (int64_t i = 0; i < p->n; i++) {
        const char *name = f->class_names[f->labels[i]];
        int k = 0;
        while (k < train->classes && strcmp(train->class_names[k], name) != 0)
            k++;
        if (k == train->classes)
            return base_fail(e, TN_FORMAT, "%s: the class \"%s\" has no training text", f->names[i], BASE_SHOW(name));
        p->labels[i] = k;
    }
    return TN_OK;
}

typedef struct folders {
    tn_text_folder *at[3]; /* training, validation, test; NULL: cut from the first, or none */
    part parts[3];
} folders;

static void name_of(const void *user, int64_t index, base_str *to)
{
    const tn_text_folder *f = user;
    base_str_add(to, f->names[index]);
}

static tn_status take_keys(const train_recipe *r, const tn_text_folder *f, const train_names *names,
                           train_split_keys *keys, base_error *e)
{
    const bool classes = TRAIN_SOURCE_OPTIONS(r, text_folders)->tokens.task == TN_TEXT_CLASSES && r->data->stratify;
    if (classes && !(keys->classes = malloc((size_t)(f->n + 1) * sizeof *keys->classes)))
        return base_no_memory(e, "reading texts");
    if (classes)
        memcpy(keys->classes, f->labels, (size_t)f->n * sizeof *keys->classes);
    return train_split_by_name(r, names, keys, e);
}

static tn_status cut(tn_context *c, const train_recipe *r, folders *f, uint64_t *sum, base_error *e)
{
    const train_names names = {f->at[0]->n, name_of, f->at[0]};
    train_split_keys keys = {0};
    train_parts parts = {0};
    tn_status status = take_keys(r, f->at[0], &names, &keys, e);
    if (status == TN_OK)
        status = train_split_parts(c, r, f->at[0]->n, "texts", &keys, !f->at[1], !f->at[2], &parts, e);
    for (int i = 0; i < 3 && status == TN_OK; i++)
        if (parts.n[i] > 0)
            status = take(f->at[0], parts.at[i], parts.n[i], &f->parts[i], e);
    *sum = train_split_sum(&parts, &names);
    train_parts_free(&parts);
    train_split_keys_free(&keys);
    return status;
}

static tn_status read_all(tn_context *c, const train_recipe *r, folders *f, uint64_t *sum, base_error *e)
{
    const text_folders *o = TRAIN_SOURCE_OPTIONS(r, text_folders);
    const char *paths[] = {o->path, has_valid(o) ? o->val_path ? o->val_path : o->path : NULL,
                           has_test(o) ? o->test_path ? o->test_path : o->path : NULL};
    const char *unders[] = {o->under, o->val_under, o->test_under};
    for (int i = 0; i < 3; i++)
        if (paths[i] &&
            !(f->at[i] = text_folder_read(c, paths[i], unders[i], r->data->on_error == TRAIN_ERROR_SKIP, e)))
            return e->status;
    BASE_TRY(cut(c, r, f, sum, e));
    for (int i = 1; i < 3; i++)
        if (f->at[i]) {
            BASE_TRY(take(f->at[i], NULL, f->at[i]->n, &f->parts[i], e));
            BASE_TRY(rename_classes(f->at[0], f->at[i], &f->parts[i], e));
        }
    return TN_OK;
}

static tn_status open_sets(tn_context *c, const text_folders *o, const folders *f, train_sets *sets)
{
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    const part *train = &f->parts[0];
    tn_preparation *p = train_texts_prepare(c, &o->tokens, train->texts, (size_t)train->n, true, f->at[0]->classes,
                                            f->at[0]->class_names);
    tn_status status = p ? TN_OK : TN_INVALID;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        const part *one = &f->parts[i];
        if (one->n > 0)
            status = (*set[i] = tn_dataset_texts(c, p, one->texts, one->n, one->labels)) ? TN_OK : TN_INVALID;
    }
    tn_preparation_free(p);
    return status;
}

static tn_status open_text_folders(tn_context *c, const train_recipe *r, train_sets *sets)
{
    folders f = {0};
    base_error e = {0};
    tn_status status = read_all(c, r, &f, &sets->cut, &e);
    if (status != TN_OK)
        base_fail(base_context_begin(c), status, "%s", e.text);
    else
        status = open_sets(c, TRAIN_SOURCE_OPTIONS(r, text_folders), &f, sets);
    for (int i = 0; i < 3; i++) {
        part_free(&f.parts[i]);
        tn_text_folder_free(f.at[i]);
    }
    return status;
}

const train_source train_source_text_folders = {
    .table = &options, .size = sizeof(text_folders), .check = check, .open = open_text_folders};
