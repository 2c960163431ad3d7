/* files.c: tokenizers from the files that models come with: GPT-2's vocab.json and merges.txt, BERT's vocab.txt, and the
 * tokenizer of llama2.c. */
#include "data/text/files.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "base/text.h"
#include "data/text/unicode.h"

static const size_t MOST_BYTES = (size_t)256 << 20;

/* A line of a text: its end, and where the next begins. */
static const char *line_end(const char *p, const char *end, const char **next)
{
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    *next = stop ? stop + 1 : end;
    stop = stop ? stop : end;
    return stop > p && stop[-1] == '\r' ? stop - 1 : stop;
}

static size_t count_lines(const char *p, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

/* What every reader ends with: t, or NULL and t freed. */
static tn_tokenizer *done(tn_tokenizer *t, tn_status status)
{
    if (status == TN_OK)
        return t;
    tn_tokenizer_free(t);
    return NULL;
}

/* ---- GPT-2 ----------------------------------------------------------------------------------------------------- */

static tn_status read_merges(tn_tokenizer *t, const char *text, size_t bytes, const char *path, base_error *e)
{
    const char *end = text + bytes, *next;
    size_t line = 1, most = count_lines(text, bytes);
    t->model.merges = BASE_ARRAY(&t->arena, text_merge, most);
    if (!t->model.merges)
        return base_no_memory(e, "reading merges");
    for (const char *p = text; p < end; p = next, line++) {
        const char *stop = line_end(p, end, &next);
        if (p == stop || (line == 1 && stop - p >= 9 && memcmp(p, "#version:", 9) == 0))
            continue;
        const char *space = memchr(p, ' ', (size_t)(stop - p));
        if (!space || space == p || space + 1 == stop || memchr(space + 1, ' ', (size_t)(stop - space - 1)))
            return base_fail(e, TN_FORMAT, "%s:%zu: a merge is two tokens with a space between them", path, line);
        BASE_TRY(text_merge_add(t, &t->model.merges[t->model.n_merges++], p, (size_t)(space - p), space + 1,
                                (size_t)(stop - space - 1), path, line, e));
    }
    return TN_OK;
}

static tn_status read_gpt2(tn_tokenizer *t, const char *vocab, const char *merges, const tn_tokenizer_gpt2_opt *opt,
                           base_error *e)
{
    void *text = NULL;
    size_t bytes = 0;
    text_entries entries = {0};
    BASE_TRY(base_file_read(vocab, MOST_BYTES, &text, &bytes, e));
    t->raw = true;
    tn_status status = text_entries_json(t, text, bytes, vocab, &entries, e);
    free(text);
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, vocab, e);
    base_vec_free(&entries);
    BASE_TRY(status);
    BASE_TRY(base_file_read(merges, MOST_BYTES, &text, &bytes, e));
    status = read_merges(t, text, bytes, merges, e);
    free(text);
    BASE_TRY(status);
    t->model.kind = TEXT_BPE;
    if (opt->special)
        BASE_TRY(text_added_special(t, "<|endoftext|>", e));
    if (!text_steps_add(t, &t->pretokenizer, (text_step){.kind = TEXT_P_BYTES, .a = opt->prefix_space, .b = 1}) ||
        !text_steps_add(t, &t->decoder, (text_step){.kind = TEXT_D_BYTES}))
        return base_no_memory(e, "making a tokenizer");
    return text_tokenizer_finish(t, vocab, e);
}

tn_tokenizer *tn_tokenizer_gpt2(tn_context *context, const char *vocab, const char *merges,
                                const tn_tokenizer_gpt2_opt *opt)
{
    static const tn_tokenizer_gpt2_opt none = {0};
    base_error *e = base_context_begin(context);
    tn_tokenizer *t = text_tokenizer_new(e);
    return t ? done(t, read_gpt2(t, vocab, merges, opt ? opt : &none, e)) : NULL;
}

/* ---- BERT ------------------------------------------------------------------------------------------------------ */

static tn_status read_lines(tn_tokenizer *t, const char *text, size_t bytes, const char *path, base_error *e)
{
    const char *end = text + bytes, *next;
    text_entries entries = {0};
    int64_t id = 0;
    tn_status status = TN_OK;
    for (const char *p = text; p < end && status == TN_OK; p = next, id++) {
        const char *stop = line_end(p, end, &next);
        if (!base_utf8_valid(p, (size_t)(stop - p)))
            status = base_fail(e, TN_FORMAT, "%s:%lld: the token is not UTF-8", path, (long long)id + 1);
        else
            status = text_entry_add(t, p, (size_t)(stop - p), id, &entries, e);
    }
    if (status == TN_OK && entries.n == 0)
        status = base_fail(e, TN_FORMAT, "%s is empty; a vocabulary has a token a line", path);
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, path, e);
    base_vec_free(&entries);
    return status;
}

tn_status text_bert_steps(tn_tokenizer *t, bool cased, base_error *e)
{
    int what = TEXT_BERT_CLEAN | TEXT_BERT_HAN | (cased ? 0 : TEXT_BERT_ACCENTS | TEXT_BERT_LOWER);
    if (text_steps_add(t, &t->normalizer, (text_step){.kind = TEXT_N_BERT, .a = what}) &&
        text_steps_add(t, &t->pretokenizer, (text_step){.kind = TEXT_P_BERT}) &&
        text_steps_add(t, &t->decoder, (text_step){.kind = TEXT_D_PIECE, .a = 1, .find = {"##", 2}}))
        return TN_OK;
    return base_no_memory(e, "making a tokenizer");
}

tn_status text_bert_template(tn_tokenizer *t, base_error *e)
{
    static const char *const one[] = {"[CLS]", "$A", "[SEP]"}, *const two[] = {"[CLS]", "$A", "[SEP]", "$B", "[SEP]"};
    if (text_id_of(t, "[CLS]", 5) < 0 || text_id_of(t, "[SEP]", 5) < 0)
        return TN_OK;
    t->post.present = true;
    BASE_TRY(text_template_make(t, &t->post.single, one, 3, e));
    BASE_TRY(text_template_make(t, &t->post.pair, two, 5, e));
    t->post.pair.at[4].type = 1;
    return TN_OK;
}

static tn_status read_bert(tn_tokenizer *t, const char *path, const tn_tokenizer_bert_opt *opt, base_error *e)
{
    static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    void *text = NULL;
    size_t bytes = 0;
    BASE_TRY(base_file_read(path, MOST_BYTES, &text, &bytes, e));
    tn_status status = read_lines(t, text, bytes, path, e);
    free(text);
    BASE_TRY(status);
    for (int i = 0; i < 5; i++)
        BASE_TRY(text_added_special(t, specials[i], e));
    t->model.kind = TEXT_WORDPIECE;
    t->model.prefix = "##";
    t->model.unknown = "[UNK]";
    t->model.most_chars = 100;
    BASE_TRY(text_bert_steps(t, opt->cased, e));
    if (!opt->bare)
        BASE_TRY(text_bert_template(t, e));
    return text_tokenizer_finish(t, path, e);
}

tn_tokenizer *tn_tokenizer_bert(tn_context *context, const char *vocab, const tn_tokenizer_bert_opt *opt)
{
    static const tn_tokenizer_bert_opt none = {0};
    base_error *e = base_context_begin(context);
    tn_tokenizer *t = text_tokenizer_new(e);
    return t ? done(t, read_bert(t, vocab, opt ? opt : &none, e)) : NULL;
}

/* ---- llama2.c -------------------------------------------------------------------------------------------------- */

/* A way to put an entry together from two others: those of the best score come first. */
typedef struct scored {
    double score;
    text_merge merge;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->merge.id != y->merge.id)
        return x->merge.id < y->merge.id ? -1 : 1;
    return x->merge.left < y->merge.left ? -1 : x->merge.left > y->merge.left;
}

static tn_status merges_of_scores(tn_tokenizer *t, const float *scores, size_t first, base_error *e)
{
    const text_vocab *v = &t->model.vocab;
    base_vec(scored) ways = {0};
    tn_status status = TN_OK;
    for (size_t id = first; id < v->n && status == TN_OK; id++)
        for (uint32_t k = 1; k < v->at[id].bytes; k++) {
            int32_t left = text_vocab_find(v, v->at[id].text, k);
            int32_t right = left < 0 ? -1 : text_vocab_find(v, v->at[id].text + k, v->at[id].bytes - k);
            if (right >= 0 && !base_vec_push(&ways, (scored){scores[id], {left, right, (int32_t)id}})) {
                status = base_no_memory(e, "reading a tokenizer");
                break;
            }
        }
    t->model.merges = status == TN_OK ? BASE_ARRAY(&t->arena, text_merge, ways.n + 1) : NULL;
    if (status == TN_OK && !t->model.merges)
        status = base_no_memory(e, "reading a tokenizer");
    if (status == TN_OK && ways.n)
        qsort(ways.at, ways.n, sizeof *ways.at, by_score);
    for (size_t i = 0; status == TN_OK && i < ways.n; i++)
        t->model.merges[i] = ways.at[i].merge;
    t->model.n_merges = status == TN_OK ? ways.n : 0;
    base_vec_free(&ways);
    return status;
}

static uint32_t le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static tn_status read_scored(tn_tokenizer *t, const unsigned char *data, size_t bytes, const char *path,
                             text_entries *entries, float **scores, base_error *e)
{
    size_t capacity = 0;
    if (bytes < 4)
        return base_fail(e, TN_FORMAT, "%s has %zu bytes: no tokenizer of llama2.c", path, bytes);
    for (size_t at = 4; at < bytes;) {
        uint32_t length = bytes - at >= 8 ? le32(data + at + 4) : 0, bits = bytes - at >= 8 ? le32(data + at) : 0;
        if (bytes - at < 8 || length > bytes - at - 8)
            return base_fail(e, TN_FORMAT, "%s: offset %zu: the file ends inside entry %zu", path, at, entries->n);
        size_t need = (entries->n + 1) * sizeof **scores;
        if (need > capacity) {
            float *more = realloc(*scores, 2 * need);
            if (!more)
                return base_no_memory(e, "reading a tokenizer");
            *scores = more;
            capacity = 2 * need;
        }
        memcpy(&(*scores)[entries->n], &bits, sizeof bits);
        if (!((*scores)[entries->n] >= -1e30f && (*scores)[entries->n] <= 1e30f))
            return base_fail(e, TN_FORMAT, "%s: offset %zu: the score of entry %zu is no number", path, at, entries->n);
        BASE_TRY(text_entry_add(t, (const char *)data + at + 8, length, (int64_t)entries->n, entries, e));
        at += 8 + (size_t)length;
    }
    if (entries->n < 259)
        return base_fail(e, TN_FORMAT, "%s has %zu entries; a tokenizer of llama2.c has at least 259", path,
                         entries->n);
    return TN_OK;
}

static tn_status llama2_parts(tn_tokenizer *t, const char *path, const float *scores, bool bare, base_error *e)
{
    static const char *const place[] = {"", "$A", "$B"};
    t->model.kind = TEXT_BPE;
    t->model.fallback = true;
    for (int32_t id = 0; id < 3; id++)
        BASE_TRY(text_added_put(t, (text_added){.text = text_of(t, id), .id = id, .special = true}, e));
    t->model.unknown = t->added[0].text.at;
    BASE_TRY(merges_of_scores(t, scores, 259, e));
    if (!text_steps_add(t, &t->normalizer, (text_step){.kind = TEXT_N_PREPEND, .put = {" ", 1}}) ||
        !text_steps_add(t, &t->decoder, (text_step){.kind = TEXT_D_FALLBACK}) ||
        !text_steps_add(t, &t->decoder, (text_step){.kind = TEXT_D_FUSE}) ||
        !text_steps_add(t, &t->decoder, (text_step){.kind = TEXT_D_STRIP, .a = 1, .find = {" ", 1}}))
        return base_no_memory(e, "making a tokenizer");
    if (!bare) {
        const char *one[] = {t->added[1].text.at, place[1]}, *two[] = {one[0], place[1], one[0], place[2]};
        t->post.present = true;
        BASE_TRY(text_template_make(t, &t->post.single, one, 2, e));
        BASE_TRY(text_template_make(t, &t->post.pair, two, 4, e));
    }
    return text_tokenizer_finish(t, path, e);
}

static tn_status read_llama2(tn_tokenizer *t, const char *path, bool bare, base_error *e)
{
    void *data = NULL;
    size_t bytes = 0;
    text_entries entries = {0};
    float *scores = NULL;
    BASE_TRY(base_file_read(path, MOST_BYTES, &data, &bytes, e));
    tn_status status = read_scored(t, data, bytes, path, &entries, &scores, e);
    free(data);
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, path, e);
    base_vec_free(&entries);
    if (status == TN_OK)
        status = llama2_parts(t, path, scores, bare, e);
    free(scores);
    return status;
}

tn_tokenizer *tn_tokenizer_llama2(tn_context *context, const char *path, bool bare)
{
    base_error *e = base_context_begin(context);
    tn_tokenizer *t = text_tokenizer_new(e);
    return t ? done(t, read_llama2(t, path, bare, e)) : NULL;
}

/* ---- any ------------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

/* The path of a file in a folder if it is there; else NULL. */
static const char *inside(base_str *room, const char *folder, const char *name)
{
    base_str_free(room);
    base_str_printf(room, "%s/%s", folder, name);
    return !room->failed && base_file_exists(room->text) ? room->text : NULL;
}

static tn_tokenizer *open_folder(tn_context *context, const char *path)
{
    base_str a = {0}, b = {0};
    tn_tokenizer *t = NULL;
    if (inside(&a, path, "tokenizer.json"))
        t = tn_tokenizer_load(context, a.text);
    else if (inside(&a, path, "vocab.json") && (inside(&b, path, "merges.txt") || inside(&b, path, "vocab.bpe")))
        t = tn_tokenizer_gpt2(context, a.text, b.text, NULL);
    else if (inside(&a, path, "vocab.txt"))
        t = tn_tokenizer_bert(context, a.text, NULL);
    else
        base_fail(base_context_begin(context), TN_NOT_FOUND,
                  "the folder %s holds no tokenizer: tokenizer.json, vocab.json and merges.txt, or vocab.txt", path);
    base_str_free(&a);
    base_str_free(&b);
    return t;
}

tn_tokenizer *tn_tokenizer_open(tn_context *context, const char *path)
{
    if (base_is_folder(path))
        return open_folder(context, path);
    if (ends_in(path, ".txt"))
        return tn_tokenizer_bert(context, path, NULL);
    if (ends_in(path, ".bin"))
        return tn_tokenizer_llama2(context, path, false);
    return tn_tokenizer_load(context, path);
}
