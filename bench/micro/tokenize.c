/* tokenize.c: how fast GPT-2's tokenizer reads its files and encodes a text on one core.
 *
 *     bench_tokenize FOLDER TEXT [MEGABYTES]    FOLDER holds vocab.json and merges.txt; the text is repeated to that size
 *
 * bench/peers/tokenize_hf.py does the same with the `tokenizers` library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

#include <tarn/text.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    char vocab[4096], merges[4096];
    void *data;
    size_t bytes, all = (argc > 3 ? (size_t)atoi(argv[3]) : 20) << 20;
    base_error e = {0};
    if (argc < 3 || base_file_read(argv[2], SIZE_MAX, &data, &bytes, &e) != TN_OK || bytes == 0) {
        fprintf(stderr, "usage: bench_tokenize FOLDER TEXT [MEGABYTES]\n%s\n", e.text);
        return 2;
    }
    (void)snprintf(vocab, sizeof vocab, "%s/vocab.json", argv[1]);
    (void)snprintf(merges, sizeof merges, "%s/merges.txt", argv[1]);
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    double load = 1e9, best = 1e9, first = 0;
    tn_tokenizer *t = NULL;
    for (int i = 0; i < 5; i++) {
        tn_tokenizer_free(t);
        double start = now();
        t = tn_tokenizer_gpt2(context, vocab, merges, NULL);
        load = now() - start < load ? now() - start : load;
    }
    if (!t) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    size_t copies = all / bytes + 1;
    char *text = malloc(copies * bytes);
    for (size_t i = 0; i < copies; i++)
        memcpy(text + i * bytes, data, bytes);
    tn_encoder *enc = tn_encoder_new(context, t);
    tn_tokens got = {0};
    double start = now();
    if (tn_encode(enc, data, bytes, NULL, &got) != TN_OK)
        return 1;
    first = now() - start;
    size_t ids = got.n;
    for (int i = 0; i < 5; i++) {
        start = now();
        if (tn_encode(enc, text, copies * bytes, NULL, &got) != TN_OK)
            return 1;
        best = now() - start < best ? now() - start : best;
    }
    printf("load %.1f ms; %zu bytes give %zu ids; cold %.1f MB/s; warm %.1f MB/s\n", 1e3 * load, bytes, ids,
           (double)bytes / first / 1e6, (double)(copies * bytes) / best / 1e6);
    return 0;
}
