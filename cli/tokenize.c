/* tokenize.c: tarn tokenize: text to ids and back by a tokenizer's files, and tokenizers trained on files. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* All of a file, or of standard input for "-" and NULL; NULL and the sentence printed on failure. */
static char *read_all(const char *path, size_t *bytes)
{
    bool input = !path || strcmp(path, "-") == 0;
    FILE *f = input ? stdin : fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, room = 0, got = 0;
    do {
        if (n + 65536 > room) {
            char *more = f ? realloc(text, room = 2 * room + 65536) : NULL;
            if (!more)
                break;
            text = more;
        }
        n += got = fread(text + n, 1, 65536, f);
    } while (got > 0);
    bool ok = f && text && !ferror(f);
    if (f && !input)
        (void)fclose(f);
    *bytes = n;
    if (ok) {
        text[n] = '\0'; /* there is always room for more */
        return text;
    }
    free(text);
    cli_fail("%s cannot be read", input ? "standard input" : path);
    return NULL;
}

/* A row of ids for each line, or one for all of the text with its newlines. */
static int encode(tn_context *c, const tn_tokenizer *t, const char *text, size_t bytes, bool whole)
{
    tn_encoder *enc = tn_encoder_new(c, t);
    tn_tokens got;
    if (!enc)
        return cli_fail("%s", tn_context_error(c));
    tn_status status = TN_OK;
    for (size_t i = 0; i < bytes && status == TN_OK;) {
        const char *stop = whole ? NULL : memchr(text + i, '\n', bytes - i);
        size_t end = stop ? (size_t)(stop - text) : bytes;
        status = tn_encode(enc, text + i, end - i, TN_OPT(tn_encode_opt, .unpadded = true), &got);
        for (size_t k = 0; k < got.n && status == TN_OK; k++)
            (void)printf(k ? " %d" : "%d", got.ids[k]);
        if (status == TN_OK)
            (void)putchar('\n');
        i = end + 1;
    }
    int code = status == TN_OK ? CLI_OK : cli_fail("%s", tn_encoder_error(enc));
    tn_encoder_free(enc);
    return code;
}

static int decode_row(tn_context *c, const tn_tokenizer *t, const int32_t *ids, size_t n, bool newline)
{
    char *text;
    size_t bytes;
    if (tn_decode(c, t, ids, n, NULL, &text, &bytes) != TN_OK)
        return cli_fail("%s", tn_context_error(c));
    (void)fwrite(text, 1, bytes, stdout);
    if (newline)
        (void)putchar('\n');
    free(text);
    return CLI_OK;
}

/* A line for each row of ids, or of a whole text, whose newlines are among the tokens, all ids as one. */
static int decode(tn_context *c, const tn_tokenizer *t, char *text, size_t bytes, bool whole)
{
    int32_t *ids = malloc((bytes + 1) * sizeof *ids);
    int code = ids ? CLI_OK : cli_fail("out of memory");
    const char *const space = whole ? " \t\r\n" : " \t\r";
    for (char *line = text; code == CLI_OK && line < text + bytes;) {
        size_t n = 0;
        char *end = line + strcspn(line, whole ? "" : "\n"), *at = line;
        for (at += strspn(at, space); at < end; at += strspn(at, space)) {
            char *stop;
            long id = strtol(at, &stop, 10);
            if (stop == at || id < 0 || id > INT32_MAX) {
                code = cli_fail("\"%.20s\" is no id; whole numbers with spaces between them are due", at);
                break;
            }
            ids[n++] = (int32_t)id;
            at = stop;
        }
        if (code == CLI_OK)
            code = decode_row(c, t, ids, n, !whole);
        line = end + 1;
    }
    free(ids);
    return code;
}

static int train(tn_context *c, const cli_args *a)
{
    const tn_tokenizer_train_opt opt = {.kind = a->train, .vocabulary = (size_t)a->vocabulary};
    tn_tokenizer *t = tn_tokenizer_train_files(c, (const char *const *)a->at + 1, a->n - 1, &opt);
    tn_status status = t ? tn_tokenizer_save(c, t, a->at[0]) : TN_INVALID;
    int code = status == TN_OK ? CLI_OK : cli_fail("%s", tn_context_error(c));
    if (code == CLI_OK)
        (void)printf("%s: %s, %zu entries\n", a->at[0], tn_tokenizer_model(t), tn_tokenizer_size(t));
    tn_tokenizer_free(t);
    return code;
}

static int run(const cli_args *a)
{
    if (a->n < (a->train ? 2 : 1) || (!a->train && a->n > 2))
        return cli_usage(&cli_tokenize);
    tn_context *c = cli_context(a, 0);
    if (!c)
        return CLI_FAILED;
    if (a->train) {
        int code = train(c, a);
        tn_context_free(c);
        return code;
    }
    tn_tokenizer *t = tn_tokenizer_open(c, a->at[0]);
    size_t bytes = 0;
    char *text = t ? read_all(a->n > 1 ? a->at[1] : NULL, &bytes) : NULL;
    int code = CLI_FAILED;
    if (!t)
        code = cli_fail("%s", tn_context_error(c));
    else if (text)
        code = a->decode ? decode(c, t, text, bytes, a->whole) : encode(c, t, text, bytes, a->whole);
    free(text);
    tn_tokenizer_free(t);
    tn_context_free(c);
    return code;
}

const cli_command cli_tokenize = {
    "tokenize",
    "tokenize TOKENIZER [FILE] [--decode] [--whole]   or   tarn tokenize --train KIND [--vocabulary N] OUT.json FILE "
    "...",
    "Text to ids, a row for each line, or with --decode ids to text; FILE is standard input if it is not given. With\n"
    "--whole the text is one, newlines and all, in one row; --decode --whole gives it back without one more.\n"
    "TOKENIZER is a\n"
    "tokenizer.json, a vocab.txt, or a folder with vocab.json and merges.txt. --train makes one of the files' texts: "
    "bpe,\n"
    "wordpiece, unigram, words or characters.",
    run,
    "decode train vocabulary whole",
    false};
