/* hf_steps.c: normalizers, pre-tokenizers and decoders of a tokenizer.json, both ways. One table says which there are. */
#include "data/text/hf.h"

#include <string.h>

#include "base/text.h"
#include "data/text/pattern.h"
#include "data/text/unicode.h"
#include "data/text/work.h"

const format_json *hf_find(const format_json *object, const char *key)
{
    const format_json *v = format_json_find(object, key);
    return v && strcmp(format_json_kind(v), "null") == 0 ? NULL : v;
}

static const char *name_of(const char *what, const char *key, char name[160])
{
    int n = 0;
    for (const char *p = what; *p && n < 90; p++)
        name[n++] = *p;
    for (const char *p = ": "; *p; p++)
        name[n++] = *p;
    for (const char *p = key; *p && n < 158; p++)
        name[n++] = *p;
    name[n] = '\0';
    return name;
}

tn_status hf_bool(const format_json *object, const char *what, const char *key, bool *out, base_error *e)
{
    char name[160];
    const format_json *v = hf_find(object, key);
    return v ? format_json_as_bool(v, name_of(what, key, name), out, e) : TN_OK;
}

tn_status hf_string(const format_json *object, const char *what, const char *key, const char **out, base_error *e)
{
    char name[160];
    const format_json *v = hf_find(object, key);
    return v ? format_json_as_string(v, name_of(what, key, name), out, e) : TN_OK;
}

tn_status hf_i64(const format_json *object, const char *what, const char *key, int64_t least, int64_t most,
                 int64_t *out, base_error *e)
{
    char name[160];
    const format_json *v = hf_find(object, key);
    return v ? format_json_as_i64(v, name_of(what, key, name), least, most, out, e) : TN_OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct hf_reader {
    tn_tokenizer *t;
    const format_json *object;
    const char *what; /* "pre_tokenizer Split" */
    base_error *e;
} hf_reader;

static tn_status keep(const hf_reader *r, const char *text, tn_text *to)
{
    *to = text_keep(r->t, text, strlen(text));
    return to->at ? TN_OK : base_no_memory(r->e, "reading a tokenizer");
}

static tn_status need_string(const hf_reader *r, const char *key, tn_text *to)
{
    const char *text = NULL;
    BASE_TRY(format_json_get_string(r->object, r->what, key, &text, r->e));
    return keep(r, text, to);
}

static tn_status flag(const hf_reader *r, const char *key, bool otherwise, int *to)
{
    bool value = otherwise;
    BASE_TRY(hf_bool(r->object, r->what, key, &value, r->e));
    *to = value;
    return TN_OK;
}

/* {"String": ...} or {"Regex": ...} */
static tn_status read_pattern(const hf_reader *r, text_step *s)
{
    const format_json *p = hf_find(r->object, "pattern");
    const char *text = NULL;
    if (p && hf_find(p, "Regex")) {
        BASE_TRY(format_json_get_string(p, r->what, "Regex", &text, r->e));
        BASE_TRY(text_pattern_make(&r->t->arena, text, &s->pattern, r->e));
        tn_text kept;
        BASE_TRY(keep(r, text, &kept));
        s->source = kept.at;
        return TN_OK;
    }
    BASE_TRY(format_json_get_string(p, r->what, "String", &text, r->e));
    return keep(r, text, &s->find);
}

static const char *const behaviours[] = {[TEXT_REMOVED] = "Removed",
                                         [TEXT_ISOLATED] = "Isolated",
                                         [TEXT_WITH_PREVIOUS] = "MergedWithPrevious",
                                         [TEXT_WITH_NEXT] = "MergedWithNext",
                                         [TEXT_CONTIGUOUS] = "Contiguous"};
static const char *const schemes[] = {
    [TEXT_META_FIRST] = "first", [TEXT_META_NEVER] = "never", [TEXT_META_ALWAYS] = "always"};

static tn_status one_of(const hf_reader *r, const char *key, const char *const *names, int n, int *to)
{
    const char *text = NULL;
    BASE_TRY(hf_string(r->object, r->what, key, &text, r->e));
    for (int i = 0; text && i < n; i++)
        if (strcmp(names[i], text) == 0) {
            *to = i;
            return TN_OK;
        }
    return text ? base_fail(r->e, TN_UNSUPPORTED, "%s: %s \"%s\" is not known to Tarn", r->what, key, BASE_SHOW(text))
                : TN_OK;
}

static tn_status read_bert_normalizer(const hf_reader *r, text_step *s)
{
    int clean, han, lower, accents;
    BASE_TRY(flag(r, "clean_text", true, &clean));
    BASE_TRY(flag(r, "handle_chinese_chars", true, &han));
    BASE_TRY(flag(r, "lowercase", true, &lower));
    BASE_TRY(flag(r, "strip_accents", lower, &accents));
    s->a = (clean ? TEXT_BERT_CLEAN : 0) | (han ? TEXT_BERT_HAN : 0) | (lower ? TEXT_BERT_LOWER : 0) |
           (accents ? TEXT_BERT_ACCENTS : 0);
    return TN_OK;
}

static tn_status read_meta(const hf_reader *r, text_step *s)
{
    int prefix, split;
    BASE_TRY(need_string(r, "replacement", &s->put));
    BASE_TRY(flag(r, "add_prefix_space", true, &prefix)); /* as older files have it */
    BASE_TRY(flag(r, "split", true, &split));
    s->a = prefix ? TEXT_META_ALWAYS : TEXT_META_NEVER;
    s->b = split;
    return one_of(r, "prepend_scheme", schemes, 3, &s->a);
}

static tn_status read_counts(const hf_reader *r, text_step *s)
{
    int64_t start = 0, stop = 0;
    BASE_TRY(need_string(r, "content", &s->find));
    BASE_TRY(hf_i64(r->object, r->what, "start", 0, 1000000, &start, r->e));
    BASE_TRY(hf_i64(r->object, r->what, "stop", 0, 1000000, &stop, r->e));
    s->a = (int)start;
    s->b = (int)stop;
    return TN_OK;
}

static tn_status read_normalizer(const hf_reader *r, const char *type, text_step *s)
{
    static const char *const forms[] = {
        [TEXT_NFC] = "NFC", [TEXT_NFD] = "NFD", [TEXT_NFKC] = "NFKC", [TEXT_NFKD] = "NFKD"};
    for (int i = 0; i < 4; i++)
        if (strcmp(type, forms[i]) == 0) {
            *s = (text_step){.kind = TEXT_N_FORM, .a = i};
            return TN_OK;
        }
    switch (s->kind) {
    case TEXT_N_STRIP: BASE_TRY(flag(r, "strip_left", true, &s->a)); return flag(r, "strip_right", true, &s->b);
    case TEXT_N_REPLACE: BASE_TRY(need_string(r, "content", &s->put)); return read_pattern(r, s);
    case TEXT_N_PREPEND: return need_string(r, "prepend", &s->put);
    case TEXT_N_BERT: return read_bert_normalizer(r, s);
    case TEXT_N_MAP: {
        tn_text table;
        BASE_TRY(need_string(r, "precompiled_charsmap", &table));
        return text_charsmap_read(r->t, table.at, s, r->e);
    }
    default: return TN_OK;
    }
}

static tn_status read_pretokenizer(const hf_reader *r, const char *type, text_step *s)
{
    switch (s->kind) {
    case TEXT_P_BYTES:
        if (r->t->model.kind != TEXT_BPE && r->t->model.kind != TEXT_WORDLEVEL)
            return base_fail(r->e, TN_UNSUPPORTED, "%s goes with a BPE model; with %s Tarn does not know it", r->what,
                             tn_tokenizer_model(r->t));
        BASE_TRY(flag(r, "add_prefix_space", true, &s->a));
        return flag(r, "use_regex", true, &s->b);
    case TEXT_P_META: return read_meta(r, s);
    case TEXT_P_SPLIT:
        s->a = TEXT_REMOVED;
        if (strcmp(type, "CharDelimiterSplit") == 0)
            return need_string(r, "delimiter", &s->find);
        BASE_TRY(one_of(r, "behavior", behaviours, 5, &s->a));
        BASE_TRY(flag(r, "invert", false, &s->b));
        return read_pattern(r, s);
    case TEXT_P_CLASS:
        s->c = TEXT_SPACE;
        s->a = TEXT_REMOVED;
        if (strcmp(type, "Digits") == 0) {
            int single;
            s->c = TEXT_NUMBER;
            BASE_TRY(flag(r, "individual_digits", false, &single));
            s->a = single ? TEXT_ISOLATED : TEXT_CONTIGUOUS;
        } else if (strcmp(type, "Punctuation") == 0) {
            s->c = TEXT_PUNCTUATION;
            s->a = TEXT_ISOLATED;
            return one_of(r, "behavior", behaviours, 5, &s->a);
        }
        return TN_OK;
    default: return TN_OK;
    }
}

static tn_status read_decoder(const hf_reader *r, text_step *s)
{
    const char *text = NULL;
    switch (s->kind) {
    case TEXT_D_PIECE:
        text = "##";
        BASE_TRY(hf_string(r->object, r->what, "prefix", &text, r->e));
        BASE_TRY(keep(r, text, &s->find));
        return flag(r, "cleanup", true, &s->a);
    case TEXT_D_META: return read_meta(r, s);
    case TEXT_D_SUFFIX:
        text = "</w>";
        BASE_TRY(hf_string(r->object, r->what, "suffix", &text, r->e));
        return keep(r, text, &s->find);
    case TEXT_D_REPLACE: BASE_TRY(need_string(r, "content", &s->put)); return read_pattern(r, s);
    case TEXT_D_STRIP: return read_counts(r, s);
    default: return TN_OK;
    }
}

static const struct {
    const char *name;
    int list;
    text_step_kind kind;
} known[] = {{"NFC", HF_NORMALIZER, TEXT_N_FORM},
             {"NFD", HF_NORMALIZER, TEXT_N_FORM},
             {"NFKC", HF_NORMALIZER, TEXT_N_FORM},
             {"NFKD", HF_NORMALIZER, TEXT_N_FORM},
             {"Lowercase", HF_NORMALIZER, TEXT_N_LOWER},
             {"Strip", HF_NORMALIZER, TEXT_N_STRIP},
             {"StripAccents", HF_NORMALIZER, TEXT_N_ACCENTS},
             {"Replace", HF_NORMALIZER, TEXT_N_REPLACE},
             {"Precompiled", HF_NORMALIZER, TEXT_N_MAP},
             {"Prepend", HF_NORMALIZER, TEXT_N_PREPEND},
             {"BertNormalizer", HF_NORMALIZER, TEXT_N_BERT},
             {"ByteLevel", HF_PRETOKENIZER, TEXT_P_BYTES},
             {"Metaspace", HF_PRETOKENIZER, TEXT_P_META},
             {"Split", HF_PRETOKENIZER, TEXT_P_SPLIT},
             {"CharDelimiterSplit", HF_PRETOKENIZER, TEXT_P_SPLIT},
             {"WhitespaceSplit", HF_PRETOKENIZER, TEXT_P_CLASS},
             {"Punctuation", HF_PRETOKENIZER, TEXT_P_CLASS},
             {"Digits", HF_PRETOKENIZER, TEXT_P_CLASS},
             {"Whitespace", HF_PRETOKENIZER, TEXT_P_WORDS},
             {"BertPreTokenizer", HF_PRETOKENIZER, TEXT_P_BERT},
             {"ByteLevel", HF_DECODER, TEXT_D_BYTES},
             {"WordPiece", HF_DECODER, TEXT_D_PIECE},
             {"Metaspace", HF_DECODER, TEXT_D_META},
             {"BPEDecoder", HF_DECODER, TEXT_D_SUFFIX},
             {"Replace", HF_DECODER, TEXT_D_REPLACE},
             {"ByteFallback", HF_DECODER, TEXT_D_FALLBACK},
             {"Fuse", HF_DECODER, TEXT_D_FUSE},
             {"Strip", HF_DECODER, TEXT_D_STRIP}};

static const char *const list_names[] = {"normalizer", "pre_tokenizer", "decoder"};
static const char *const list_keys[] = {"normalizers", "pretokenizers", "decoders"};

static text_steps *steps_of(tn_tokenizer *t, int list)
{
    return list == HF_NORMALIZER ? &t->normalizer : list == HF_PRETOKENIZER ? &t->pretokenizer : &t->decoder;
}

static tn_status read_one(tn_tokenizer *t, const format_json *value, const char *type, int list, base_error *e)
{
    char what[160];
    name_of(list_names[list], BASE_SHOW(type), what);
    hf_reader r = {t, value, what, e};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].list != list || strcmp(known[i].name, type) != 0)
            continue;
        text_step s = {.kind = known[i].kind};
        BASE_TRY(list == HF_NORMALIZER     ? read_normalizer(&r, type, &s)
                 : list == HF_PRETOKENIZER ? read_pretokenizer(&r, type, &s)
                                           : read_decoder(&r, &s));
        return text_steps_add(t, steps_of(t, list), s) ? TN_OK : base_no_memory(e, "reading a tokenizer");
    }
    return base_fail(e, TN_UNSUPPORTED, "the %s \"%s\" is not known to Tarn", list_names[list], BASE_SHOW(type));
}

static tn_status read_nested(tn_tokenizer *t, const format_json *value, int list, int depth, base_error *e)
{
    const char *type = NULL;
    BASE_TRY(format_json_get_string(value, list_names[list], "type", &type, e));
    if (strcmp(type, "Sequence") != 0)
        return read_one(t, value, type, list, e);
    const format_json *all = NULL;
    BASE_TRY(format_json_get_list(value, list_names[list], list_keys[list], &all, e));
    if (depth > 8 || format_json_count(all) > 100)
        return base_fail(e, TN_LIMIT, "the %s is a sequence of more steps than anybody needs", list_names[list]);
    for (size_t i = 0; i < format_json_count(all); i++)
        BASE_TRY(read_nested(t, format_json_at(all, i), list, depth + 1, e));
    return TN_OK;
}

tn_status hf_read_steps(tn_tokenizer *t, const format_json *value, int list, base_error *e)
{
    return value ? read_nested(t, value, list, 0, e) : TN_OK;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void write_pattern(format_json_out *w, const text_step *s)
{
    format_json_open_object(w, "pattern");
    format_json_put_string(w, s->pattern ? "Regex" : "String", s->pattern ? s->source : s->find.at);
    format_json_close(w);
}

static void write_meta(format_json_out *w, const text_step *s)
{
    format_json_put_string(w, "type", "Metaspace");
    format_json_put_string(w, "replacement", s->put.at);
    format_json_put_string(w, "prepend_scheme", schemes[s->a]);
    format_json_put_bool(w, "split", s->b);
}

static void write_replace(format_json_out *w, const text_step *s)
{
    format_json_put_string(w, "type", "Replace");
    write_pattern(w, s);
    format_json_put_string(w, "content", s->put.at);
}

static void write_bytes(format_json_out *w, bool prefix, bool regex)
{
    format_json_put_string(w, "type", "ByteLevel");
    format_json_put_bool(w, "add_prefix_space", prefix);
    format_json_put_bool(w, "trim_offsets", true);
    format_json_put_bool(w, "use_regex", regex);
}

static void write_class(format_json_out *w, const text_step *s)
{
    format_json_put_string(w, "type",
                           s->c == TEXT_SPACE    ? "WhitespaceSplit"
                           : s->c == TEXT_NUMBER ? "Digits"
                                                 : "Punctuation");
    if (s->c == TEXT_NUMBER)
        format_json_put_bool(w, "individual_digits", s->a == TEXT_ISOLATED);
    else if (s->c == TEXT_PUNCTUATION)
        format_json_put_string(w, "behavior", behaviours[s->a]);
}

static void write_normalizer(format_json_out *w, const text_step *s)
{
    static const char *const forms[] = {
        [TEXT_NFC] = "NFC", [TEXT_NFD] = "NFD", [TEXT_NFKC] = "NFKC", [TEXT_NFKD] = "NFKD"};
    switch (s->kind) {
    case TEXT_N_FORM: format_json_put_string(w, "type", forms[s->a]); break;
    case TEXT_N_LOWER: format_json_put_string(w, "type", "Lowercase"); break;
    case TEXT_N_STRIP:
        format_json_put_string(w, "type", "Strip");
        format_json_put_bool(w, "strip_left", s->a);
        format_json_put_bool(w, "strip_right", s->b);
        break;
    case TEXT_N_ACCENTS: format_json_put_string(w, "type", "StripAccents"); break;
    case TEXT_N_REPLACE: write_replace(w, s); break;
    case TEXT_N_MAP:
        format_json_put_string(w, "type", "Precompiled");
        format_json_put_string(w, "precompiled_charsmap", s->source);
        break;
    case TEXT_N_PREPEND:
        format_json_put_string(w, "type", "Prepend");
        format_json_put_string(w, "prepend", s->put.at);
        break;
    default:
        format_json_put_string(w, "type", "BertNormalizer");
        format_json_put_bool(w, "clean_text", s->a & TEXT_BERT_CLEAN);
        format_json_put_bool(w, "handle_chinese_chars", s->a & TEXT_BERT_HAN);
        format_json_put_bool(w, "strip_accents", s->a & TEXT_BERT_ACCENTS);
        format_json_put_bool(w, "lowercase", s->a & TEXT_BERT_LOWER);
    }
}

static void write_pretokenizer(format_json_out *w, const text_step *s)
{
    switch (s->kind) {
    case TEXT_P_BYTES: write_bytes(w, s->a, s->b); break;
    case TEXT_P_META: write_meta(w, s); break;
    case TEXT_P_SPLIT:
        format_json_put_string(w, "type", "Split");
        write_pattern(w, s);
        format_json_put_string(w, "behavior", behaviours[s->a]);
        format_json_put_bool(w, "invert", s->b);
        break;
    case TEXT_P_CLASS: write_class(w, s); break;
    case TEXT_P_WORDS: format_json_put_string(w, "type", "Whitespace"); break;
    default: format_json_put_string(w, "type", "BertPreTokenizer");
    }
}

static void write_decoder(format_json_out *w, const text_step *s)
{
    switch (s->kind) {
    case TEXT_D_BYTES: write_bytes(w, true, true); break;
    case TEXT_D_PIECE:
        format_json_put_string(w, "type", "WordPiece");
        format_json_put_string(w, "prefix", s->find.at);
        format_json_put_bool(w, "cleanup", s->a);
        break;
    case TEXT_D_META: write_meta(w, s); break;
    case TEXT_D_SUFFIX:
        format_json_put_string(w, "type", "BPEDecoder");
        format_json_put_string(w, "suffix", s->find.at);
        break;
    case TEXT_D_REPLACE: write_replace(w, s); break;
    case TEXT_D_FALLBACK: format_json_put_string(w, "type", "ByteFallback"); break;
    case TEXT_D_FUSE: format_json_put_string(w, "type", "Fuse"); break;
    default:
        format_json_put_string(w, "type", "Strip");
        format_json_put_string(w, "content", s->find.at);
        format_json_put_i64(w, "start", s->a);
        format_json_put_i64(w, "stop", s->b);
    }
}

static void write_step(format_json_out *w, const char *key, const text_step *s, int list)
{
    format_json_open_object(w, key);
    if (list == HF_NORMALIZER)
        write_normalizer(w, s);
    else if (list == HF_PRETOKENIZER)
        write_pretokenizer(w, s);
    else
        write_decoder(w, s);
    format_json_close(w);
}

void hf_write_steps(format_json_out *w, const text_steps *steps, int list)
{
    if (steps->n == 0) {
        format_json_put_null(w, list_names[list]);
    } else if (steps->n == 1) {
        write_step(w, list_names[list], &steps->at[0], list);
    } else {
        format_json_open_object(w, list_names[list]);
        format_json_put_string(w, "type", "Sequence");
        format_json_open_list(w, list_keys[list]);
        for (size_t i = 0; i < steps->n; i++)
            write_step(w, NULL, &steps->at[i], list);
        format_json_close(w);
        format_json_close(w);
    }
}
