/* predict_tokens.c: see predict_tokens.h. */
#include "predict_tokens.h"

#include <math.h>
#include <stdlib.h>

enum { LIKELIEST = 5 };

bool cli_gives_tokens(const tn_model *m, const tn_view *x, const tn_view *output)
{
    const tn_preparation *p = tn_model_preparation(m);
    const tn_tokenizer *t = p ? tn_text_tokenizer(p) : NULL;
    if (!t || x->dtype != TN_I64 || x->rank != 2 || output->rank != 3 || output->dims[1] != x->dims[1])
        return false;
    const tn_text_task task = tn_text_task_of(p);
    return (task == TN_TEXT_NEXT || task == TN_TEXT_MASKED) && output->dims[2] >= (int64_t)tn_tokenizer_size(t);
}

/* A token as it stands in a text, in quotes: " the", "\n"; free() it. NULL: memory is out. */
static char *spell(const cli_tokens *t, const tn_tokenizer *tokenizer, int32_t id)
{
    char *text = NULL;
    size_t bytes = 0;
    if (tn_decode(t->c, tokenizer, &id, 1, TN_OPT(tn_decode_opt, .keep_special = true), &text, &bytes) != TN_OK)
        return NULL;
    return text;
}

static int show_one(const cli_tokens *t, const tn_tokenizer *tokenizer, int32_t id, double probability, bool first)
{
    char *text = spell(t, tokenizer, id);
    if (!text)
        return cli_fail("%s: %s", t->file, tn_context_error(t->c));
    (void)fputs(t->a->json ? first ? "{\"token\":" : ",{\"token\":" : first ? " " : ", ", stdout);
    cli_json_string(stdout, text);
    free(text);
    if (t->a->json) {
        (void)printf(",\"id\":%d,\"probability\":", (int)id);
        cli_json_number(stdout, probability);
        (void)fputc('}', stdout);
    } else {
        (void)printf(" (%.1f%%)", 100 * probability);
    }
    return CLI_OK;
}

/* Those of one place: softmax over all, ids of the tokenizer alone are shown. */
static int show_place(const cli_tokens *t, const tn_tokenizer *tokenizer, const float *scores, int64_t classes)
{
    const int64_t size = (int64_t)tn_tokenizer_size(tokenizer);
    int64_t best[LIKELIEST];
    int n = 0, code = CLI_OK;
    for (int64_t i = 0; i < size; i++) {
        int at = n < LIKELIEST ? n++ : LIKELIEST;
        for (; at > 0 && scores[i] > scores[best[at - 1]]; at--)
            if (at < LIKELIEST)
                best[at] = best[at - 1];
        if (at < LIKELIEST)
            best[at] = i;
    }
    double sum = 0, most = (double)scores[0];
    for (int64_t i = 1; i < classes; i++)
        most = fmax(most, (double)scores[i]);
    for (int64_t i = 0; i < classes; i++)
        sum += exp((double)scores[i] - most);
    for (int k = 0; k < n && code == CLI_OK; k++)
        code = show_one(t, tokenizer, (int32_t)best[k], exp((double)scores[best[k]] - most) / sum, k == 0);
    return code;
}

static int show_masks(const cli_tokens *t, const tn_tokenizer *tokenizer, const float *scores, int64_t classes)
{
    const int64_t *ids = t->x->data, n = t->x->dims[1], mask = tn_tokenizer_roles(tokenizer).mask;
    int code = CLI_OK;
    bool first = true;
    for (int64_t i = 0; i < n && code == CLI_OK; i++) {
        if (ids[i] != mask)
            continue;
        if (t->a->json)
            (void)printf("%s{\"place\":%lld,\"tokens\":[", first ? "" : ",", (long long)i);
        else
            (void)fputs(first ? "" : ";", stdout);
        code = show_place(t, tokenizer, scores + i * classes, classes);
        (void)fputs(t->a->json ? "]}" : "", stdout);
        first = false;
    }
    return code;
}

static bool hides_any(const cli_tokens *t, int32_t mask)
{
    const int64_t *ids = t->x->data;
    for (int64_t i = 0; i < t->x->dims[1]; i++)
        if (ids[i] == mask)
            return true;
    return false;
}

int cli_show_tokens(const cli_tokens *t, const tn_view *output)
{
    const tn_preparation *p = tn_model_preparation(t->m);
    const tn_tokenizer *tokenizer = tn_text_tokenizer(p);
    const bool masked = tn_text_task_of(p) == TN_TEXT_MASKED;
    const int32_t mask = tn_tokenizer_roles(tokenizer).mask;
    const float *scores = output->data;
    const int64_t places = output->dims[1], classes = output->dims[2];
    if (masked && !hides_any(t, mask)) {
        char name[64] = "";
        (void)tn_tokenizer_token(tokenizer, mask, name, sizeof name);
        return cli_fail("%s: nothing is hidden here: this model says what stands in place of %s", t->file, name);
    }
    if (t->a->json) {
        (void)fputs("{\"file\":", stdout);
        cli_json_string(stdout, t->file);
        (void)fputs(masked ? ",\"masks\":[" : ",\"next\":[", stdout);
    } else {
        (void)printf("%s:", t->file);
    }
    const int code = masked ? show_masks(t, tokenizer, scores, classes)
                            : show_place(t, tokenizer, scores + (places - 1) * classes, classes);
    (void)fputs(t->a->json ? "]}\n" : "\n", stdout);
    return code;
}
