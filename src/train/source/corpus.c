/* corpus.c: data: {name: corpus, path: ...}, a long text for language models, as windows of tokens with the next ones to say. The
 * end of the text is validated on (val_fraction) and, after that, tested on; a tokenizer is trained on what comes before. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "data/text/plain.h"
#include "data/text/rows.h"
#include "train/source/source.h"
#include "train/tokens.h"

typedef struct corpus {
    train_data common;
    train_tokens tokens;
    const char *path, *val_path, *test_path;
    int64_t stride;
    bool shift;
    int task;
    double mask;
} corpus;

static const char *const tasks[] = {"next", "masked", NULL};

static const format_option rows[] = {
    FORMAT_PATH(corpus, path, FORMAT_REQUIRED, "the text: UTF-8, or UTF-16 with its mark; plain or packed by gzip"),
    FORMAT_PATH(corpus, val_path, NULL, "a text that is validated on"),
    FORMAT_PATH(corpus, test_path, NULL, "a text that is tested on"),
    FORMAT_ENUM(corpus, task, "next", tasks,
                "what is learned: the next token at each place, or tokens that were hidden"),
    FORMAT_FLOAT(corpus, mask, "0.15", "(0,1]", "masked: part of the tokens that is hidden"),
    TRAIN_TOKENS_OPTIONS(corpus, "characters", "256"),
    FORMAT_INT(corpus, stride, "0", "[0,)", "tokens from one window to the next; 0: the length"),
    FORMAT_BOOL(corpus, shift, "false", "training windows begin up to stride - 1 tokens later, at random"),
    {0},
};
static const format_table options = {
    .name = "corpus",
    .doc = "a long text for language models: windows of tokens, and at each place the token that follows, or what was "
           "hidden",
    .options = rows,
    .brief = "name",
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const corpus *o = TRAIN_SOURCE_OPTIONS(r, corpus);
    return train_split_check(r, o->val_path ? "val_path" : NULL, o->test_path ? "test_path" : NULL, node, e);
}

/* A place in the text where no character is cut in two. */
static size_t cut_at(tn_text text, double part)
{
    size_t at = part >= 1 ? text.bytes : (size_t)((double)text.bytes * part);
    while (at < text.bytes && ((unsigned char)text.at[at] & 0xC0) == 0x80)
        at++;
    return at;
}

typedef struct texts {
    text_plain file[3];
    tn_text part[3]; /* training, validation, test; 0 bytes: none */
} texts;

static tn_status read_texts(const corpus *o, double val, texts *t, base_error *e)
{
    const char *paths[] = {o->path, o->val_path, o->test_path};
    for (int i = 0; i < 3; i++)
        if (paths[i]) {
            BASE_TRY(text_plain_open(paths[i], TN_ENCODING_AUTO, &t->file[i], e));
            BASE_TRY(text_plain_check(t->file[i].text, 1, paths[i], e));
            if (t->file[i].text.bytes == 0)
                return base_fail(e, TN_FORMAT, "%s holds no text", paths[i]);
        }
    double test = o->test_path ? 0 : o->common.test_fraction;
    const tn_text all = t->file[0].text;
    size_t first = cut_at(all, 1 - test - (o->val_path ? 0 : val)), second = cut_at(all, 1 - test);
    t->part[0] = (tn_text){all.at, first};
    t->part[1] = (tn_text){all.at + first, second - first};
    t->part[2] = (tn_text){all.at + second, all.bytes - second};
    for (int i = 1; i < 3; i++)
        if (paths[i])
            t->part[i] = t->file[i].text;
    return TN_OK;
}

/* From pieces of the text, where it is not to be held in memory. */
static tn_tokenizer *make_tokens(tn_context *c, const train_recipe *r, const corpus *o, const tn_text *text)
{
    const train_tokens_use use = o->task == 1 ? TRAIN_TOKENS_MASKED : TRAIN_TOKENS_PLAIN;
    tn_text *pieces = NULL;
    size_t n = 0;
    if (!train_cache_texts(r, text->bytes))
        return train_tokens_make(c, &o->tokens, use, text, 1);
    tn_tokenizer *t = text_rows_cut(text, 1, &pieces, &n, base_context_begin(c)) == TN_OK
                          ? train_tokens_make(c, &o->tokens, use, pieces, n)
                          : NULL;
    free(pieces);
    return t;
}

static tn_status open_parts(tn_context *c, const train_recipe *r, const corpus *o, const texts *t, train_sets *sets)
{
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    const bool masked = o->task == 1;
    tn_tokenizer *tokens = make_tokens(c, r, o, &t->part[0]);
    const tn_text_opt as = {
        .task = masked ? TN_TEXT_MASKED : TN_TEXT_NEXT, .length = o->tokens.length, .plain = true, .mask = o->mask};
    tn_preparation *p = tokens ? tn_text_prepare(c, tokens, &as) : NULL;
    tn_status status = p ? TN_OK : TN_INVALID;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        if (i > 0 && t->part[i].bytes == 0)
            continue;
        tn_windows_opt opt = {.stride = i == 0 ? o->stride : 0,
                              .shift = i == 0 && o->shift,
                              .folder = train_cache_texts(r, t->part[i].bytes)};
        *set[i] = tn_dataset_windows(c, p, &t->part[i], 1, &opt);
        status = *set[i] ? TN_OK : TN_INVALID;
    }
    tn_preparation_free(p);
    tn_tokenizer_free(tokens);
    return status;
}

static tn_status open_corpus(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const corpus *o = TRAIN_SOURCE_OPTIONS(r, corpus);
    texts t = {0};
    tn_status status = read_texts(o, r->data->val_fraction, &t, base_context_begin(c));
    if (status == TN_OK)
        status = open_parts(c, r, o, &t, sets);
    for (int i = 0; i < 3; i++)
        text_plain_close(&t.file[i]);
    return status;
}

const train_source train_source_corpus = {.in_order = true,
                                          .any_length = true,
                                          .caches = true,
                                          .table = &options,
                                          .size = sizeof(corpus),
                                          .check = check,
                                          .open = open_corpus};
