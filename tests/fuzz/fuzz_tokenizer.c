/* fuzz_tokenizer.c: any bytes as tokenizer.json, or as vocab.txt, give a tokenizer or a sentence; what reads is written, read again, and then
 * encodes and decodes alike. The file may be followed by a zero byte and a text to encode. */
#include <stdlib.h>
#include <string.h>

#include <tarn/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(tn_context *context, const tn_tokenizer *t, const char *text, size_t bytes, const tn_encode_opt *opt)
{
    tn_encoder *enc = tn_encoder_new(context, t);
    tn_tokens got;
    char *back;
    size_t n;
    if (enc && tn_encode(enc, text, bytes, opt, &got) != TN_OK && !*tn_encoder_error(enc))
        abort();
    if (enc && !*tn_encoder_error(enc)) {
        for (size_t i = 0; got.spans && i < got.n; i++)
            if (got.spans[i].begin > got.spans[i].end || got.spans[i].end > bytes)
                abort();
        if (tn_decode(context, t, got.ids, got.n, NULL, &back, &n) == TN_OK)
            free(back);
        else if (!*tn_context_error(context))
            abort();
    }
    tn_encoder_free(enc);
}

/* Written and read again, the same ids come out. */
static void again(tn_context *context, const tn_tokenizer *t, const char *text, size_t bytes)
{
    char *json;
    size_t n;
    if (tn_tokenizer_json(context, t, &json, &n) != TN_OK)
        return;
    tn_tokenizer *u = tn_tokenizer_parse(context, json, n, NULL);
    free(json);
    if (!u)
        abort();
    tn_encoder *a = tn_encoder_new(context, t), *b = tn_encoder_new(context, u);
    tn_tokens x, y;
    if (a && b) {
        tn_status first = tn_encode(a, text, bytes, NULL, &x), second = tn_encode(b, text, bytes, NULL, &y);
        if (first != second ||
            (first == TN_OK && (x.n != y.n || (x.n && memcmp(x.ids, y.ids, x.n * sizeof *x.ids) != 0))))
            abort();
    }
    tn_encoder_free(a);
    tn_encoder_free(b);
    tn_tokenizer_free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t n = zero ? (size_t)(zero - data) : size;
    const char *text = zero ? (const char *)zero + 1 : (const char *)data;
    size_t bytes = zero ? size - n - 1 : size;
    tn_tokenizer *t = context ? tn_tokenizer_parse(context, (const char *)data, n, NULL) : NULL;
    if (context && (t == NULL) == (*tn_context_error(context) == '\0'))
        abort();
    if (t) {
        use(context, t, text, bytes, NULL);
        use(context, t, text, bytes,
            TN_OPT(tn_encode_opt, .spans = true, .types = true, .max_length = 9, .pad_to = 12));
        again(context, t, text, bytes);
    }
    tn_tokenizer_free(t);
    tn_context_free(context);
    return 0;
}
