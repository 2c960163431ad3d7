/* fuzz_train_tokenizer.c: a tokenizer of each kind trained on any bytes encodes them again; byte-level ones give them back. */
#include <stdlib.h>
#include <string.h>

#include <tarn/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"bpe", "wordpiece", "unigram", "words", "characters"};
    if (size < 2)
        return 0;
    const char *kind = kinds[data[0] % 5];
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    tn_text text = {(const char *)data + 2, size - 2};
    tn_tokenizer_train_opt opt = {.kind = kind, .vocabulary = 10 + data[1] * 4, .cased = data[0] & 32};
    tn_tokenizer *t = context ? tn_tokenizer_train(context, &text, 1, &opt) : NULL;
    tn_encoder *enc = t ? tn_encoder_new(context, t) : NULL;
    tn_tokens got;
    char *back, *json;
    size_t n;
    if (context && (t == NULL) == (*tn_context_error(context) == '\0'))
        abort();
    if (enc && tn_encode(enc, text.at, text.bytes, NULL, &got) == TN_OK &&
        tn_decode(context, t, got.ids, got.n, NULL, &back, &n) == TN_OK) {
        if (strcmp(kind, "bpe") == 0 && (n != text.bytes || memcmp(back, text.at, n) != 0))
            abort();
        free(back);
    }
    if (t && tn_tokenizer_json(context, t, &json, &n) == TN_OK) {
        tn_tokenizer *u = tn_tokenizer_parse(context, json, n, NULL);
        if (!u)
            abort();
        tn_tokenizer_free(u);
        free(json);
    }
    tn_encoder_free(enc);
    tn_tokenizer_free(t);
    tn_context_free(context);
    return 0;
}
