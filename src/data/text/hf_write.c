/* hf_write.c: a tokenizer as tokenizer.json. What is read back behaves the same; the post-processor is always written as a
 * template, which says all that the others say. */
#include "data/text/hf.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"

/* An entry as the file spells it: in the byte alphabet if the tokenizer is of bytes. */
static const char *spelled(const tn_tokenizer *t, int32_t id, base_str *room)
{
    const text_token *token = &t->model.vocab.at[id];
    if (!t->raw || token->literal)
        return token->text;
    room->length = 0;
    base_str_bytes(room, "", 0);
    for (uint32_t i = 0; i < token->bytes; i++) {
        char out[2];
        base_str_bytes(room, out, text_alphabet_put((unsigned char)token->text[i], out));
    }
    return base_str_text(room);
}

static void write_scores(format_json_out *w, const tn_tokenizer *t)
{
    format_json_open_list(w, "vocab");
    for (size_t i = 0; i < t->model.vocab.n; i++) {
        format_json_open_list(w, NULL);
        format_json_put_string(w, NULL, t->model.vocab.at[i].text ? t->model.vocab.at[i].text : "");
        format_json_put_f64(w, NULL, t->model.scores[i]);
        format_json_close(w);
    }
    format_json_close(w);
}

static void write_vocab(format_json_out *w, const tn_tokenizer *t, base_str *room)
{
    format_json_open_object(w, "vocab");
    for (size_t i = 0; i < t->model.vocab.n; i++)
        if (t->model.vocab.at[i].text)
            format_json_put_i64(w, spelled(t, (int32_t)i, room), (int64_t)i);
    format_json_close(w);
}

static void put_optional(format_json_out *w, const char *key, const char *text)
{
    if (text)
        format_json_put_string(w, key, text);
    else
        format_json_put_null(w, key);
}

static void write_bpe(format_json_out *w, const tn_tokenizer *t, base_str *room)
{
    const text_model *m = &t->model;
    format_json_put_null(w, "dropout");
    put_optional(w, "unk_token", m->unknown);
    put_optional(w, "continuing_subword_prefix", m->prefix);
    put_optional(w, "end_of_word_suffix", m->suffix);
    format_json_put_bool(w, "fuse_unk", m->fuse_unknown);
    format_json_put_bool(w, "byte_fallback", m->fallback);
    format_json_put_bool(w, "ignore_merges", m->ignore_merges);
    write_vocab(w, t, room);
    format_json_open_list(w, "merges");
    for (size_t i = 0; i < m->n_merges; i++) {
        format_json_open_list(w, NULL);
        format_json_put_string(w, NULL, spelled(t, m->merges[i].left, room));
        format_json_put_string(w, NULL, spelled(t, m->merges[i].right, room));
        format_json_close(w);
    }
    format_json_close(w);
}

/* The library wants a name: where there is no unknown token, one that the vocabulary does not have. */
static void write_unknown(format_json_out *w, const tn_tokenizer *t)
{
    char name[32] = "<unk>";
    for (int i = 1; !t->model.unknown && text_id_of(t, name, strlen(name)) >= 0; i++)
        (void)base_print(name, sizeof name, "<unk%d>", i);
    format_json_put_string(w, "unk_token", t->model.unknown ? t->model.unknown : name);
}

static void write_model(format_json_out *w, const tn_tokenizer *t)
{
    const text_model *m = &t->model;
    base_str room = {0};
    format_json_open_object(w, "model");
    format_json_put_string(w, "type", tn_tokenizer_model(t));
    switch (m->kind) {
    case TEXT_BPE: write_bpe(w, t, &room); break;
    case TEXT_WORDPIECE:
        format_json_put_string(w, "unk_token", m->unknown);
        format_json_put_string(w, "continuing_subword_prefix", m->prefix ? m->prefix : "");
        format_json_put_i64(w, "max_input_chars_per_word", m->most_chars);
        write_vocab(w, t, &room);
        break;
    case TEXT_UNIGRAM:
        if (m->unknown_id >= 0)
            format_json_put_i64(w, "unk_id", m->unknown_id);
        else
            format_json_put_null(w, "unk_id");
        write_scores(w, t);
        format_json_put_bool(w, "byte_fallback", m->fallback);
        break;
    case TEXT_WORDLEVEL:
        write_vocab(w, t, &room);
        write_unknown(w, t);
        break;
    }
    format_json_close(w);
    if (room.failed)
        w->to->failed = true;
    base_str_free(&room);
}

static void write_added(format_json_out *w, const tn_tokenizer *t)
{
    format_json_open_list(w, "added_tokens");
    for (size_t i = 0; i < t->n_added; i++) {
        const text_added *a = &t->added[i];
        format_json_open_object(w, NULL);
        format_json_put_i64(w, "id", a->id);
        format_json_put_string(w, "content", a->text.at);
        format_json_put_bool(w, "single_word", a->single_word);
        format_json_put_bool(w, "lstrip", a->lstrip);
        format_json_put_bool(w, "rstrip", a->rstrip);
        format_json_put_bool(w, "normalized", a->normalized);
        format_json_put_bool(w, "special", a->special);
        format_json_close(w);
    }
    format_json_close(w);
}

static void write_template(format_json_out *w, const char *key, const text_template *t)
{
    format_json_open_list(w, key);
    for (size_t i = 0; i < t->n; i++) {
        const text_place *p = &t->at[i];
        format_json_open_object(w, NULL);
        format_json_open_object(w, p->text < 0 ? "SpecialToken" : "Sequence");
        format_json_put_string(w, "id", p->text < 0 ? p->token : p->text ? "B" : "A");
        format_json_put_i64(w, "type_id", p->type);
        format_json_close(w);
        format_json_close(w);
    }
    format_json_close(w);
}

static void write_specials(format_json_out *w, const text_template *one, const text_template *two)
{
    format_json_open_object(w, "special_tokens");
    for (size_t i = 0; i < one->n + two->n; i++) {
        const text_place *p = i < one->n ? &one->at[i] : &two->at[i - one->n];
        bool written = p->text >= 0;
        for (size_t k = 0; k < i && !written; k++) {
            const text_place *q = k < one->n ? &one->at[k] : &two->at[k - one->n];
            written = q->text < 0 && strcmp(q->token, p->token) == 0;
        }
        if (written)
            continue;
        format_json_open_object(w, p->token);
        format_json_put_string(w, "id", p->token);
        format_json_open_list(w, "ids");
        format_json_put_i64(w, NULL, p->id);
        format_json_close(w);
        format_json_open_list(w, "tokens");
        format_json_put_string(w, NULL, p->token);
        format_json_close(w);
        format_json_close(w);
    }
    format_json_close(w);
}

static void write_post(format_json_out *w, const text_post *post)
{
    if (!post->present) {
        format_json_put_null(w, "post_processor");
        return;
    }
    format_json_open_object(w, "post_processor");
    format_json_put_string(w, "type", "TemplateProcessing");
    write_template(w, "single", &post->single);
    write_template(w, "pair", &post->pair);
    write_specials(w, &post->single, &post->pair);
    format_json_close(w);
}

static void write_limits(format_json_out *w, const tn_tokenizer *t)
{
    const text_limit *cut = &t->truncation, *pad = &t->padding;
    if (cut->present) {
        format_json_open_object(w, "truncation");
        format_json_put_string(w, "direction", cut->left ? "Left" : "Right");
        format_json_put_i64(w, "max_length", (int64_t)cut->length);
        format_json_put_string(w, "strategy", "LongestFirst");
        format_json_put_i64(w, "stride", 0);
        format_json_close(w);
    } else {
        format_json_put_null(w, "truncation");
    }
    if (!pad->present) {
        format_json_put_null(w, "padding");
        return;
    }
    format_json_open_object(w, "padding");
    if (pad->length) {
        format_json_open_object(w, "strategy");
        format_json_put_i64(w, "Fixed", (int64_t)pad->length);
        format_json_close(w);
    } else {
        format_json_put_string(w, "strategy", "BatchLongest");
    }
    format_json_put_string(w, "direction", pad->left ? "Left" : "Right");
    if (pad->multiple)
        format_json_put_i64(w, "pad_to_multiple_of", (int64_t)pad->multiple);
    else
        format_json_put_null(w, "pad_to_multiple_of");
    format_json_put_i64(w, "pad_id", pad->pad_id);
    format_json_put_i64(w, "pad_type_id", pad->pad_type);
    format_json_put_string(w, "pad_token", pad->pad_token);
    format_json_close(w);
}

tn_status hf_write(const tn_tokenizer *t, base_str *out, base_error *e)
{
    format_json_out w = {.to = out};
    format_json_open_object(&w, NULL);
    format_json_put_string(&w, "version", "1.0");
    write_limits(&w, t);
    write_added(&w, t);
    hf_write_steps(&w, &t->normalizer, HF_NORMALIZER);
    hf_write_steps(&w, &t->pretokenizer, HF_PRETOKENIZER);
    write_post(&w, &t->post);
    hf_write_steps(&w, &t->decoder, HF_DECODER);
    write_model(&w, t);
    format_json_close(&w);
    return out->failed ? base_no_memory(e, "writing a tokenizer") : TN_OK;
}

void hf_put(format_json_out *w, const char *key, const tn_tokenizer *t)
{
    base_str json = {0};
    if (hf_write(t, &json, NULL) == TN_OK)
        format_json_put_raw(w, key, json.text);
    else
        w->to->failed = true;
    base_str_free(&json);
}

tn_status tn_tokenizer_json(tn_context *context, const tn_tokenizer *tokenizer, char **json, size_t *bytes)
{
    base_str s = {0};
    tn_status status = hf_write(tokenizer, &s, base_context_begin(context));
    *json = NULL;
    *bytes = 0;
    if (status != TN_OK) {
        base_str_free(&s);
        return status;
    }
    *json = s.text;
    *bytes = s.length;
    return TN_OK;
}

tn_status tn_tokenizer_save(tn_context *context, const tn_tokenizer *tokenizer, const char *path)
{
    base_error *e = base_context_begin(context);
    base_str s = {0};
    tn_status status = hf_write(tokenizer, &s, e);
    if (status == TN_OK)
        status = base_file_write(path, s.text, s.length, e);
    base_str_free(&s);
    return status;
}
