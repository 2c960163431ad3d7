/* hf_read.c: a tokenizer.json as a tokenizer: model, added tokens, post-processor, truncation and padding; the three lists of
 * steps are in hf_steps.c. */
#include "data/text/hf.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"

static tn_status kept_string(tn_tokenizer *t, const format_json *object, const char *what, const char *key,
                             const char **to, base_error *e)
{
    const char *text = NULL;
    BASE_TRY(hf_string(object, what, key, &text, e));
    if (!text)
        return TN_OK;
    *to = base_arena_strdup(&t->arena, text);
    return *to ? TN_OK : base_no_memory(e, "reading a tokenizer");
}

/* ---- models ---------------------------------------------------------------------------------------------------- */

/* A merge is "left right", or, in newer files, a list of the two. */
static tn_status read_merge(tn_tokenizer *t, const format_json *value, size_t i, const char *what, base_error *e)
{
    const char *left = NULL, *right = NULL;
    size_t left_bytes;
    char name[160];
    (void)base_print(name, sizeof name, "%.80s: merge %zu", what, i);
    if (format_json_count(value) == 2) {
        BASE_TRY(format_json_as_string(format_json_at(value, 0), name, &left, e));
        BASE_TRY(format_json_as_string(format_json_at(value, 1), name, &right, e));
        left_bytes = strlen(left);
    } else {
        BASE_TRY(format_json_as_string(value, name, &left, e));
        const char *space = strchr(left, ' ');
        if (!space)
            return base_fail(e, TN_FORMAT, "%s is \"%s\"; two tokens with a space between them are due", name,
                             BASE_SHOW(left));
        left_bytes = (size_t)(space - left);
        right = space + 1;
    }
    (void)base_print(name, sizeof name, "%.100s: merges", what);
    return text_merge_add(t, &t->model.merges[i], left, left_bytes, right, strlen(right), name, i, e);
}

static tn_status read_bpe(tn_tokenizer *t, const format_json *m, const char *what, base_error *e)
{
    const format_json *merges = NULL;
    if (hf_find(m, "dropout"))
        return base_fail(e, TN_UNSUPPORTED, "%s: a BPE model with dropout is not known to Tarn", what);
    BASE_TRY(kept_string(t, m, what, "unk_token", &t->model.unknown, e));
    BASE_TRY(kept_string(t, m, what, "continuing_subword_prefix", &t->model.prefix, e));
    BASE_TRY(kept_string(t, m, what, "end_of_word_suffix", &t->model.suffix, e));
    BASE_TRY(hf_bool(m, what, "fuse_unk", &t->model.fuse_unknown, e));
    BASE_TRY(hf_bool(m, what, "byte_fallback", &t->model.fallback, e));
    BASE_TRY(hf_bool(m, what, "ignore_merges", &t->model.ignore_merges, e));
    t->model.prefix = t->model.prefix && !*t->model.prefix ? NULL : t->model.prefix;
    t->model.suffix = t->model.suffix && !*t->model.suffix ? NULL : t->model.suffix;
    BASE_TRY(format_json_get_list(m, what, "merges", &merges, e));
    t->model.n_merges = format_json_count(merges);
    t->model.merges = BASE_ARRAY(&t->arena, text_merge, t->model.n_merges + 1);
    if (!t->model.merges)
        return base_no_memory(e, "reading a tokenizer");
    for (size_t i = 0; i < t->model.n_merges; i++)
        BASE_TRY(read_merge(t, format_json_at(merges, i), i, what, e));
    return TN_OK;
}

static tn_status read_wordpiece(tn_tokenizer *t, const format_json *m, const char *what, base_error *e)
{
    t->model.prefix = "##";
    t->model.unknown = "[UNK]";
    t->model.most_chars = 100;
    BASE_TRY(kept_string(t, m, what, "unk_token", &t->model.unknown, e));
    BASE_TRY(kept_string(t, m, what, "continuing_subword_prefix", &t->model.prefix, e));
    t->model.prefix = *t->model.prefix ? t->model.prefix : NULL;
    return hf_i64(m, what, "max_input_chars_per_word", 0, INT32_MAX, &t->model.most_chars, e);
}

/* "vocab": [["token", score], ...] */
static tn_status read_scores(tn_tokenizer *t, const format_json *vocab, const char *what, text_entries *to,
                             base_error *e)
{
    size_t n = format_json_count(vocab);
    BASE_TRY(format_json_as_list(vocab, what, e));
    t->model.scores = BASE_ARRAY(&t->arena, double, n + 1);
    if (!t->model.scores)
        return base_no_memory(e, "reading a tokenizer");
    for (size_t i = 0; i < n; i++) {
        const format_json *entry = format_json_at(vocab, i);
        const char *text = NULL;
        char name[160];
        (void)base_print(name, sizeof name, "%.80s: entry %zu of the vocabulary", what, i);
        BASE_TRY(format_json_as_list(entry, name, e));
        BASE_TRY(format_json_as_string(format_json_at(entry, 0), name, &text, e));
        BASE_TRY(format_json_as_f64(format_json_at(entry, 1), name, &t->model.scores[i], e));
        if (!(t->model.scores[i] > -1e300 && t->model.scores[i] < 1e300))
            return base_fail(e, TN_FORMAT, "%s: the score is no number", name);
        BASE_TRY(text_entry_add(t, text, strlen(text), (int64_t)i, to, e));
    }
    return TN_OK;
}

static tn_status read_unigram(tn_tokenizer *t, const format_json *m, const char *what, base_error *e)
{
    int64_t unknown = -1;
    BASE_TRY(hf_i64(m, what, "unk_id", 0, (int64_t)t->model.vocab.n - 1, &unknown, e));
    BASE_TRY(hf_bool(m, what, "byte_fallback", &t->model.fallback, e));
    if (unknown >= 0)
        t->model.unknown = t->model.vocab.at[unknown].text;
    return TN_OK;
}

static tn_status read_model(tn_tokenizer *t, const format_json *m, const char *what, base_error *e)
{
    const char *unknown = NULL;
    text_entries entries = {0};
    const format_json *vocab = format_json_find(m, "vocab");
    tn_status status = t->model.kind == TEXT_UNIGRAM ? read_scores(t, vocab, what, &entries, e)
                                                     : text_entries_value(t, vocab, what, &entries, e);
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, what, e);
    base_vec_free(&entries);
    BASE_TRY(status);
    switch (t->model.kind) {
    case TEXT_BPE: return read_bpe(t, m, what, e);
    case TEXT_WORDPIECE: return read_wordpiece(t, m, what, e);
    case TEXT_UNIGRAM: return read_unigram(t, m, what, e);
    case TEXT_WORDLEVEL: break;
    }
    BASE_TRY(hf_string(m, what, "unk_token", &unknown, e));
    /* The library names an unknown token even where the vocabulary has none. */
    if (unknown && text_id_of(t, unknown, strlen(unknown)) >= 0)
        return kept_string(t, m, what, "unk_token", &t->model.unknown, e);
    return TN_OK;
}

/* Older files leave the type out. */
static tn_status model_kind(tn_tokenizer *t, const format_json *m, base_error *e)
{
    static const char *const names[] = {
        [TEXT_BPE] = "BPE", [TEXT_WORDPIECE] = "WordPiece", [TEXT_UNIGRAM] = "Unigram", [TEXT_WORDLEVEL] = "WordLevel"};
    const char *type = hf_find(m, "merges")                                                      ? "BPE"
                       : hf_find(m, "unk_id") || format_json_at(format_json_find(m, "vocab"), 0) ? "Unigram"
                       : hf_find(m, "max_input_chars_per_word") || hf_find(m, "continuing_subword_prefix")
                           ? "WordPiece"
                           : "WordLevel";
    BASE_TRY(hf_string(m, "model", "type", &type, e));
    for (int i = 0; i < 4; i++)
        if (strcmp(type, names[i]) == 0) {
            t->model.kind = (text_model_kind)i;
            return TN_OK;
        }
    return base_fail(e, TN_UNSUPPORTED, "the model \"%s\" is not known to Tarn", BASE_SHOW(type));
}

/* Whether entries are written in the byte alphabet is said by the pre-tokenizer. */
static bool has_byte_level(const format_json *p, int depth)
{
    const char *type = NULL;
    base_error e;
    if (!p || depth > 8 || format_json_get_string(p, "", "type", &type, &e) != TN_OK)
        return false;
    if (strcmp(type, "ByteLevel") == 0)
        return true;
    const format_json *all = format_json_find(p, "pretokenizers");
    for (size_t i = 0; i < format_json_count(all); i++)
        if (has_byte_level(format_json_at(all, i), depth + 1))
            return true;
    return false;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------- */

static tn_status read_added(tn_tokenizer *t, const format_json *list, base_error *e)
{
    BASE_TRY(list ? format_json_as_list(list, "added_tokens", e) : TN_OK);
    for (size_t i = 0; i < format_json_count(list); i++) {
        const format_json *a = format_json_at(list, i);
        char what[60];
        const char *text = NULL;
        int64_t id = 0;
        text_added added = {0};
        (void)base_print(what, sizeof what, "added token %zu", i);
        BASE_TRY(format_json_get_string(a, what, "content", &text, e));
        /* Not far beyond what there is, so that a short file asks for little memory. */
        BASE_TRY(format_json_get_i64(a, what, "id", 0,
                                     (int64_t)(t->model.vocab.n + 65536 + 4 * format_json_count(list)), &id, e));
        added.id = (int32_t)id;
        BASE_TRY(hf_bool(a, what, "special", &added.special, e));
        added.normalized = !added.special;
        BASE_TRY(hf_bool(a, what, "normalized", &added.normalized, e));
        BASE_TRY(hf_bool(a, what, "single_word", &added.single_word, e));
        BASE_TRY(hf_bool(a, what, "lstrip", &added.lstrip, e));
        BASE_TRY(hf_bool(a, what, "rstrip", &added.rstrip, e));
        added.text = text_keep(t, text, strlen(text));
        if (!added.text.at)
            return base_no_memory(e, "reading a tokenizer");
        BASE_TRY(text_added_put(t, added, e));
    }
    return TN_OK;
}

/* ---- post-processor -------------------------------------------------------------------------------------------- */

static tn_status read_place(tn_tokenizer *t, const format_json *p, const format_json *specials, text_place *to,
                            base_error *e)
{
    const char *what = "post_processor TemplateProcessing", *id = NULL;
    const format_json *token = format_json_find(p, "SpecialToken"), *text = format_json_find(p, "Sequence");
    int64_t type = 0;
    BASE_TRY(format_json_get_string(token ? token : text, what, "id", &id, e));
    BASE_TRY(hf_i64(token ? token : text, what, "type_id", 0, 255, &type, e));
    *to = (text_place){.text = -1, .id = -1, .type = (uint8_t)type};
    if (!token) {
        to->text = strcmp(id, "B") == 0;
        return TN_OK;
    }
    const format_json *ids = hf_find(hf_find(specials, id), "ids");
    int64_t number = text_id_of(t, id, strlen(id));
    if (ids && format_json_count(ids) != 1)
        return base_fail(e, TN_UNSUPPORTED, "%s: \"%s\" stands for %zu ids; Tarn knows special tokens of one id", what,
                         BASE_SHOW(id), format_json_count(ids));
    if (ids)
        BASE_TRY(format_json_as_i64(format_json_at(ids, 0), what, 0, TEXT_MOST_TOKENS, &number, e));
    if (number < 0)
        return base_fail(e, TN_FORMAT, "%s: there is no token \"%s\"", what, BASE_SHOW(id));
    to->id = (int32_t)number;
    to->token = base_arena_strdup(&t->arena, id);
    return to->token ? TN_OK : base_no_memory(e, "reading a tokenizer");
}

static tn_status read_template(tn_tokenizer *t, const format_json *p, const char *key, text_template *to, base_error *e)
{
    const format_json *list = NULL;
    BASE_TRY(format_json_get_list(p, "post_processor TemplateProcessing", key, &list, e));
    if (format_json_count(list) > 100)
        return base_fail(e, TN_LIMIT, "post_processor TemplateProcessing: %s has more than 100 places", key);
    to->n = format_json_count(list);
    to->at = BASE_ARRAY(&t->arena, text_place, to->n + 1);
    if (!to->at)
        return base_no_memory(e, "reading a tokenizer");
    for (size_t i = 0; i < to->n; i++)
        BASE_TRY(read_place(t, format_json_at(list, i), format_json_find(p, "special_tokens"), &to->at[i], e));
    return TN_OK;
}

/* ["[SEP]", 102] */
static tn_status read_named(tn_tokenizer *t, const format_json *p, const char *key, text_place *to, base_error *e)
{
    const format_json *list = NULL;
    const char *text = NULL;
    int64_t id = 0;
    BASE_TRY(format_json_get_list(p, "post_processor", key, &list, e));
    BASE_TRY(format_json_as_string(format_json_at(list, 0), "post_processor: a token", &text, e));
    BASE_TRY(format_json_as_i64(format_json_at(list, 1), "post_processor: an id", 0, TEXT_MOST_TOKENS, &id, e));
    *to = (text_place){.text = -1, .id = (int32_t)id, .token = base_arena_strdup(&t->arena, text)};
    return to->token ? TN_OK : base_no_memory(e, "reading a tokenizer");
}

/* BERT: [CLS] A [SEP] B [SEP]; RoBERTa: <s> A </s> </s> B </s>, all of type 0. */
static tn_status read_around(tn_tokenizer *t, const format_json *p, bool roberta, base_error *e)
{
    text_place cls, sep, a = {.text = 0}, b = {.text = 1, .type = !roberta};
    BASE_TRY(read_named(t, p, "cls", &cls, e));
    BASE_TRY(read_named(t, p, "sep", &sep, e));
    text_place last = sep;
    last.type = !roberta;
    text_place one[] = {cls, a, sep}, two[] = {cls, a, sep, b, last}, four[] = {cls, a, sep, sep, b, sep};
    t->post.present = true;
    t->post.single = (text_template){base_arena_copy(&t->arena, one, sizeof one), 3};
    t->post.pair = roberta ? (text_template){base_arena_copy(&t->arena, four, sizeof four), 6}
                           : (text_template){base_arena_copy(&t->arena, two, sizeof two), 5};
    return t->post.single.at && t->post.pair.at ? TN_OK : base_no_memory(e, "reading a tokenizer");
}

static tn_status read_post(tn_tokenizer *t, const format_json *p, int depth, base_error *e)
{
    const char *type = NULL;
    if (!p)
        return TN_OK;
    BASE_TRY(format_json_get_string(p, "post_processor", "type", &type, e));
    if (strcmp(type, "ByteLevel") == 0)
        return TN_OK; /* moves spans only */
    if (strcmp(type, "Sequence") == 0 && depth < 8) {
        const format_json *all = NULL;
        BASE_TRY(format_json_get_list(p, "post_processor", "processors", &all, e));
        for (size_t i = 0; i < format_json_count(all); i++)
            BASE_TRY(read_post(t, format_json_at(all, i), depth + 1, e));
        return TN_OK;
    }
    if (t->post.present)
        return base_fail(e, TN_UNSUPPORTED, "a post_processor that adds tokens twice is not known to Tarn");
    if (strcmp(type, "TemplateProcessing") == 0) {
        t->post.present = true;
        BASE_TRY(read_template(t, p, "single", &t->post.single, e));
        return read_template(t, p, "pair", &t->post.pair, e);
    }
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return read_around(t, p, type[0] == 'R', e);
    return base_fail(e, TN_UNSUPPORTED, "the post_processor \"%s\" is not known to Tarn", BASE_SHOW(type));
}

/* ---- truncation and padding ------------------------------------------------------------------------------------ */

static tn_status read_direction(const format_json *p, const char *what, bool *left, base_error *e)
{
    const char *direction = "Right";
    BASE_TRY(hf_string(p, what, "direction", &direction, e));
    *left = strcmp(direction, "Left") == 0;
    return TN_OK;
}

static tn_status read_limits(tn_tokenizer *t, const format_json *root, base_error *e)
{
    const format_json *cut = hf_find(root, "truncation"), *pad = hf_find(root, "padding"), *fixed;
    int64_t n = 512, id = 0, type = 0, multiple = 0;
    const char *token = "[PAD]";
    if (cut) {
        BASE_TRY(hf_i64(cut, "truncation", "max_length", 0, INT32_MAX, &n, e));
        BASE_TRY(read_direction(cut, "truncation", &t->truncation.left, e));
        t->truncation.present = n > 0;
        t->truncation.length = (size_t)n;
    }
    if (!pad)
        return TN_OK;
    n = 0;
    fixed = hf_find(pad, "strategy");
    BASE_TRY(hf_i64(fixed && hf_find(fixed, "Fixed") ? fixed : NULL, "padding: strategy", "Fixed", 0, 1 << 24, &n, e));
    BASE_TRY(hf_i64(pad, "padding", "pad_to_multiple_of", 0, 1 << 24, &multiple, e));
    BASE_TRY(hf_i64(pad, "padding", "pad_id", 0, TEXT_MOST_TOKENS, &id, e));
    BASE_TRY(hf_i64(pad, "padding", "pad_type_id", 0, 255, &type, e));
    BASE_TRY(hf_string(pad, "padding", "pad_token", &token, e));
    BASE_TRY(read_direction(pad, "padding", &t->padding.left, e));
    t->padding = (text_limit){true,
                              (size_t)n,
                              (size_t)multiple,
                              t->padding.left,
                              (int32_t)id,
                              (uint8_t)type,
                              base_arena_strdup(&t->arena, token)};
    return t->padding.pad_token ? TN_OK : base_no_memory(e, "reading a tokenizer");
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static tn_status read_parts(tn_tokenizer *t, const format_json *root, base_error *e)
{
    const format_json *model = NULL;
    BASE_TRY(format_json_as_object(root, "the tokenizer", e));
    BASE_TRY(format_json_get_object(root, "tokenizer", "model", &model, e));
    BASE_TRY(model_kind(t, model, e));
    t->raw = has_byte_level(hf_find(root, "pre_tokenizer"), 0);
    BASE_TRY(read_model(t, model, "model", e));
    BASE_TRY(read_added(t, hf_find(root, "added_tokens"), e));
    BASE_TRY(hf_read_steps(t, hf_find(root, "normalizer"), HF_NORMALIZER, e));
    BASE_TRY(hf_read_steps(t, hf_find(root, "pre_tokenizer"), HF_PRETOKENIZER, e));
    BASE_TRY(hf_read_steps(t, hf_find(root, "decoder"), HF_DECODER, e));
    BASE_TRY(read_post(t, hf_find(root, "post_processor"), 0, e));
    BASE_TRY(read_limits(t, root, e));
    return text_tokenizer_finish(t, "model", e);
}

tn_tokenizer *hf_read_value(const format_json *root, const char *what, base_error *e)
{
    tn_tokenizer *t = text_tokenizer_new(e);
    if (t && read_parts(t, root, e) != TN_OK) {
        base_prefix(e, "%s: ", what);
        tn_tokenizer_free(t);
        t = NULL;
    }
    return t;
}

tn_tokenizer *hf_read(const char *json, size_t bytes, const char *what, base_error *e)
{
    format_json *root = NULL;
    if (format_json_parse(json, bytes, NULL, what, &root, e) != TN_OK)
        return NULL;
    tn_tokenizer *t = hf_read_value(root, what, e);
    format_json_free(root);
    return t;
}

tn_tokenizer *tn_tokenizer_parse(tn_context *context, const char *json, size_t bytes, const char *what)
{
    return hf_read(json, bytes, what ? what : "tokenizer", base_context_begin(context));
}

tn_tokenizer *tn_tokenizer_load(tn_context *context, const char *path)
{
    base_error *e = base_context_begin(context);
    void *text = NULL;
    size_t bytes = 0;
    if (base_file_read(path, (size_t)64 << 20, &text, &bytes, e) != TN_OK)
        return NULL;
    tn_tokenizer *t = hf_read(text, bytes, path, e);
    free(text);
    return t;
}
