/* train.c: tokenizers from texts: what each kind is made of, and vocabularies of whole words. */
#include "data/text/train.h"

#include <stdlib.h>

#include "base/text.h"
#include "data/text/files.h"
#include "data/text/pattern.h"
#include "data/text/plain.h"
#include "data/text/unicode.h"

void text_byte_name(int byte, char name[7])
{
    static const char hex[] = "0123456789ABCDEF";
    const char text[7] = {'<', '0', 'x', hex[byte >> 4 & 15], hex[byte & 15], '>', 0};
    memcpy(name, text, sizeof text);
}

/* ---- whole words ----------------------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b)
{
    const text_word *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static bool is_special(const text_train_plan *plan, const text_word *w)
{
    for (int i = 0; i < plan->n_specials; i++)
        if (strlen(plan->specials[i]) == w->bytes && memcmp(plan->specials[i], w->text, w->bytes) == 0)
            return true;
    return false;
}

tn_status text_train_words(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e)
{
    text_word *sorted = malloc((words->n + 1) * sizeof *sorted);
    text_entries entries = {0};
    tn_status status = sorted ? TN_OK : base_no_memory(e, "training a tokenizer");
    for (int i = 0; i < plan->n_specials && status == TN_OK; i++)
        status = text_entry_add(t, plan->specials[i], strlen(plan->specials[i]), i, &entries, e);
    for (int i = 0; i < 256 && plan->byte_fallback && status == TN_OK; i++) {
        char name[7];
        text_byte_name(i, name);
        status = text_entry_add(t, name, 6, (int64_t)entries.n, &entries, e);
    }
    if (status == TN_OK && words->n) {
        memcpy(sorted, words->at, words->n * sizeof *sorted);
        qsort(sorted, words->n, sizeof *sorted, by_count);
    }
    for (size_t i = 0; i < words->n && entries.n < plan->vocabulary && status == TN_OK; i++) {
        if (sorted[i].count < plan->least_count)
            break;
        if (!is_special(plan, &sorted[i]))
            status = text_entry_add(t, sorted[i].text, sorted[i].bytes, (int64_t)entries.n, &entries, e);
    }
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, "vocabulary", e);
    base_vec_free(&entries);
    free(sorted);
    return status;
}

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

static tn_status add_step(tn_tokenizer *t, text_steps *steps, text_step s, base_error *e)
{
    return text_steps_add(t, steps, s) ? TN_OK : base_no_memory(e, "training a tokenizer");
}

static const tn_text META = {"\xE2\x96\x81", 3};

static tn_status unigram_parts(tn_tokenizer *t, bool cased, base_error *e)
{
    if (t->model.fallback)
        BASE_TRY(add_step(t, &t->decoder, (text_step){.kind = TEXT_D_FALLBACK}, e));
    BASE_TRY(add_step(t, &t->normalizer, (text_step){.kind = TEXT_N_FORM, .a = TEXT_NFKC}, e));
    if (!cased)
        BASE_TRY(add_step(t, &t->normalizer, (text_step){.kind = TEXT_N_LOWER}, e));
    text_step meta = {.kind = TEXT_P_META, .put = META, .a = TEXT_META_ALWAYS, .b = 1};
    BASE_TRY(add_step(t, &t->pretokenizer, meta, e));
    meta.kind = TEXT_D_META;
    return add_step(t, &t->decoder, meta, e);
}

static tn_status words_parts(tn_tokenizer *t, const tn_tokenizer_train_opt *opt, base_error *e)
{
    text_step split = {.kind = TEXT_P_WORDS};
    if (opt->keep_punctuation)
        split = (text_step){.kind = TEXT_P_CLASS, .c = TEXT_SPACE, .a = TEXT_REMOVED};
    if (!opt->cased)
        BASE_TRY(add_step(t, &t->normalizer, (text_step){.kind = TEXT_N_LOWER}, e));
    return add_step(t, &t->pretokenizer, split, e);
}

static tn_status characters_parts(tn_tokenizer *t, base_error *e)
{
    text_step each = {.kind = TEXT_P_SPLIT, .a = TEXT_ISOLATED, .source = "[\\s\\S]"};
    BASE_TRY(text_pattern_make(&t->arena, each.source, &each.pattern, e));
    BASE_TRY(add_step(t, &t->pretokenizer, each, e));
    if (t->model.fallback)
        BASE_TRY(add_step(t, &t->decoder, (text_step){.kind = TEXT_D_FALLBACK}, e));
    return add_step(t, &t->decoder, (text_step){.kind = TEXT_D_FUSE}, e);
}

typedef enum kind { BYTES, WORDPIECE, UNIGRAM, WORDS, CHARACTERS } kind;
static const struct {
    const char *name;
    text_model_kind model;
    size_t vocabulary;
    const char *specials[6];
} kinds[] = {[BYTES] = {"bpe", TEXT_BPE, 30000, {NULL}},
             [WORDPIECE] = {"wordpiece", TEXT_WORDPIECE, 30000, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}},
             [UNIGRAM] = {"unigram", TEXT_UNIGRAM, 8000, {"<unk>", "<pad>", "<s>", "</s>"}},
             [WORDS] = {"words", TEXT_WORDLEVEL, 30000, {"<pad>", "<unk>"}},
             [CHARACTERS] = {"characters", TEXT_WORDLEVEL, 30000, {"<unk>"}}};

static tn_status find_kind(const char *name, kind *k, base_error *e)
{
    for (int i = 0; i <= CHARACTERS; i++)
        if (name && strcmp(kinds[i].name, name) == 0) {
            *k = (kind)i;
            return TN_OK;
        }
    return base_fail(e, TN_INVALID,
                     "there is no tokenizer \"%s\" to train; there are bpe, wordpiece, unigram, words and characters",
                     BASE_SHOW(name ? name : ""));
}

static tn_status parts_of(tn_tokenizer *t, kind k, const tn_tokenizer_train_opt *opt, base_error *e)
{
    t->model.kind = kinds[k].model;
    t->model.fallback = opt->byte_fallback;
    switch (k) {
    case BYTES:
        t->raw = true;
        BASE_TRY(add_step(t, &t->pretokenizer, (text_step){.kind = TEXT_P_BYTES, .a = opt->prefix_space, .b = 1}, e));
        return add_step(t, &t->decoder, (text_step){.kind = TEXT_D_BYTES}, e);
    case WORDPIECE: return text_bert_steps(t, opt->cased, e);
    case UNIGRAM: return unigram_parts(t, opt->cased, e);
    case WORDS: return words_parts(t, opt, e);
    case CHARACTERS: return characters_parts(t, e);
    }
    return TN_OK;
}

/* The special token that stands for what is unknown: the first that looks like it. */
static const char *unknown_of(const text_train_plan *plan)
{
    for (int i = 0; i < plan->n_specials; i++)
        if (strcmp(plan->specials[i], "[UNK]") == 0 || strcmp(plan->specials[i], "<unk>") == 0)
            return plan->specials[i];
    return NULL;
}

static tn_status add_specials(tn_tokenizer *t, const text_train_plan *plan, base_error *e)
{
    for (int i = 0; i < plan->n_specials; i++) {
        tn_text text = text_keep(t, plan->specials[i], strlen(plan->specials[i]));
        if (!text.at)
            return base_no_memory(e, "training a tokenizer");
        BASE_TRY(text_added_put(t, (text_added){.text = text, .id = i, .special = true}, e));
    }
    const char *unknown = unknown_of(plan);
    if (unknown && t->model.kind != TEXT_BPE && !(t->model.unknown = base_arena_strdup(&t->arena, unknown)))
        return base_no_memory(e, "training a tokenizer");
    return TN_OK;
}

static tn_status check_plan(const text_train_plan *plan, kind k, base_error *e)
{
    for (int i = 0; i < plan->n_specials; i++) {
        const char *s = plan->specials[i];
        if (!s || !*s || !base_utf8_valid(s, strlen(s)))
            return base_fail(e, TN_INVALID, "special token %d is no text", i);
        for (int j = 0; j < i; j++)
            if (strcmp(s, plan->specials[j]) == 0)
                return base_fail(e, TN_INVALID, "the special token \"%s\" is named twice", BASE_SHOW(s));
    }
    if (k == WORDPIECE && !unknown_of(plan))
        return base_fail(e, TN_INVALID,
                         "WordPiece needs the special token \"[UNK]\" for words that it cannot put together");
    if (plan->byte_fallback && k != UNIGRAM && k != CHARACTERS)
        return base_fail(e, TN_INVALID, "bytes for what is unknown are for unigram and characters%s",
                         k == BYTES ? "; to bpe nothing is unknown" : "");
    if (plan->byte_fallback && plan->vocabulary <= (size_t)plan->n_specials + 256)
        return base_fail(e, TN_INVALID, "a vocabulary of %zu entries has no room beside those of 256 bytes",
                         plan->vocabulary);
    if (plan->vocabulary > TEXT_MOST_TOKENS / 4)
        return base_fail(e, TN_INVALID, "a vocabulary has at most %d entries, not %zu", TEXT_MOST_TOKENS / 4,
                         plan->vocabulary);
    return TN_OK;
}

static tn_status train_model(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e)
{
    switch (t->model.kind) {
    case TEXT_WORDPIECE:
        t->model.prefix = "##";
        t->model.most_chars = 100;
        return text_train_bpe(t, words, plan, e);
    case TEXT_BPE: return text_train_bpe(t, words, plan, e);
    case TEXT_UNIGRAM: return text_train_unigram(t, words, plan, e);
    case TEXT_WORDLEVEL: break;
    }
    return text_train_words(t, words, plan, e);
}

static tn_status train(tn_tokenizer *t, kind k, const tn_text *texts, size_t n, const text_train_plan *plan,
                       const tn_tokenizer_train_opt *opt, base_error *e)
{
    text_table words = {0};
    BASE_TRY(check_plan(plan, k, e));
    BASE_TRY(parts_of(t, k, opt, e));
    BASE_TRY(text_unicode_needed("training a tokenizer", e));
    tn_status status = text_count(t, texts, n, plan->threads, &words, e);
    if (status == TN_OK)
        status = train_model(t, &words, plan, e);
    text_table_free(&words);
    BASE_TRY(status);
    if (k == CHARACTERS && plan->byte_fallback)
        t->model.kind = TEXT_BPE; /* without merges: the model of single characters that knows bytes */
    BASE_TRY(add_specials(t, plan, e));
    if (k == WORDPIECE)
        BASE_TRY(text_bert_template(t, e));
    return text_tokenizer_finish(t, "the trained tokenizer", e);
}

tn_tokenizer *tn_tokenizer_train(tn_context *context, const tn_text *texts, size_t n, const tn_tokenizer_train_opt *opt)
{
    static const tn_tokenizer_train_opt none = {0};
    base_error *e = base_context_begin(context);
    kind k = BYTES;
    opt = opt ? opt : &none;
    if (find_kind(opt->kind ? opt->kind : "bpe", &k, e) != TN_OK)
        return NULL;
    text_train_plan plan = {.vocabulary = opt->vocabulary ? opt->vocabulary : kinds[k].vocabulary,
                            .least_count = opt->min_count,
                            .alphabet = opt->alphabet,
                            .longest = opt->longest,
                            .byte_fallback = opt->byte_fallback,
                            .specials = opt->specials,
                            .n_specials = opt->n_specials,
                            .threads = tn_context_threads(context)};
    if (!opt->specials) {
        plan.specials = kinds[k].specials;
        for (plan.n_specials = 0; kinds[k].specials[plan.n_specials];)
            plan.n_specials++;
    }
    tn_tokenizer *t = text_tokenizer_new(e);
    if (t && train(t, k, texts, n, &plan, opt, e) != TN_OK) {
        tn_tokenizer_free(t);
        t = NULL;
    }
    return t;
}

/* ---- texts in files -------------------------------------------------------------------------------------------- */

/* Lines with their ends, as the `tokenizers` library counts a file. */
static tn_status add_lines(tn_text file, bool whole, tn_text **to, size_t *n, size_t *capacity, base_error *e)
{
    for (size_t i = 0; i < file.bytes;) {
        const char *end = whole ? NULL : memchr(file.at + i, '\n', file.bytes - i);
        size_t next = end ? (size_t)(end - file.at) + 1 : file.bytes;
        if (!text_grow((void **)to, capacity, *n + 1, sizeof **to))
            return base_no_memory(e, "reading texts");
        (*to)[(*n)++] = (tn_text){file.at + i, next - i};
        i = next;
    }
    return TN_OK;
}

tn_tokenizer *tn_tokenizer_train_files(tn_context *context, const char *const *paths, int n_paths,
                                       const tn_tokenizer_train_opt *opt)
{
    base_error *e = base_context_begin(context);
    text_plain *files = calloc((size_t)(n_paths > 0 ? n_paths : 1), sizeof *files);
    tn_text *texts = NULL;
    size_t n = 0, capacity = 0;
    tn_status status = files ? TN_OK : base_no_memory(e, "reading texts");
    int opened = 0;
    for (; opened < n_paths && status == TN_OK; opened++) {
        status = text_plain_open(paths[opened], TN_ENCODING_AUTO, &files[opened], e);
        if (status == TN_OK)
            status = text_plain_check(files[opened].text, 1, paths[opened], e);
        if (status == TN_OK)
            status = add_lines(files[opened].text, opt && opt->whole_files, &texts, &n, &capacity, e);
    }
    tn_tokenizer *t = status == TN_OK ? tn_tokenizer_train(context, texts, n, opt) : NULL;
    for (int i = 0; i < opened; i++)
        text_plain_close(&files[i]);
    free(files);
    free(texts);
    return t;
}
