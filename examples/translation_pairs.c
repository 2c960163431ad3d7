/* translation_pairs.c: pairs of sentences become batches for a translator: read from a table, cut into training and validation
 * so that no English sentence is in both, tokenized by vocabularies learned on the training part alone, and put together by
 * length so that little is filled up.
 *
 *     translation_pairs [FILE]      a line is English<TAB>Chinese<TAB>...; without a file, a few made-up pairs */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tarn/tarn.h>

static const char made_up[] =
    "I see a cat.\t我看见一只猫。\tx\nI see a dog.\t我看见一只狗。\tx\nThe cat sleeps.\t猫在睡觉。\tx\n"
    "The dog sleeps.\t狗在睡觉。\tx\nI see a cat.\t我看到一只猫。\tx\nThe cat sees the dog.\t猫看见狗。\tx\n"
    "Good morning.\t早上好。\tx\nThe dog sees a cat and a cat sees the dog.\t狗看见一只猫，猫看见狗。\tx\n";

/* A cell of a column of words, whichever way it is kept. */
static tn_text cell(const tn_table *t, int column, int64_t row)
{
    const tn_column *c = tn_table_column(t, column);
    tn_text text = {0};
    if (c->type == TN_COLUMN_CATEGORY) {
        const int32_t code = ((const int32_t *)c->values)[row];
        text.at = code < 0 ? "" : c->names[code];
        text.bytes = strlen(text.at);
    } else {
        text.at = tn_table_text(t, column, row, &text.bytes);
    }
    return text;
}

/* Equal sentences get equal numbers: a hash of their bytes. */
static int64_t group_of(tn_text t)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < t.bytes; i++)
        h = (h ^ (unsigned char)t.at[i]) * 1099511628211u;
    return (int64_t)(h >> 1);
}

typedef struct part {
    tn_text *english, *chinese;
    int64_t n;
} part;

static part take(const tn_table *t, const int64_t *rows, int64_t n)
{
    part p = {calloc((size_t)n + 1, sizeof(tn_text)), calloc((size_t)n + 1, sizeof(tn_text)), n};
    for (int64_t i = 0; p.english && p.chinese && i < n; i++) {
        p.english[i] = cell(t, 0, rows[i]);
        p.chinese[i] = cell(t, 1, rows[i]);
    }
    return p;
}

static tn_tokenizer *learn(tn_context *c, const tn_text *texts, int64_t n)
{
    static const char *const specials[] = {"<pad>", "<s>", "</s>"};
    return tn_tokenizer_train(c, texts, (size_t)n,
                              TN_OPT(tn_tokenizer_train_opt, .kind = "bpe", .vocabulary = n > 1000 ? 4000 : 270,
                                     .specials = specials, .n_specials = 3));
}

/* The part of all places that is only filled up, over one epoch; bucket: batches that are sorted together. */
static double filled_up(tn_context *c, const tn_dataset *d, int bucket)
{
    tn_loader *l = tn_loader_new(
        c, d, TN_OPT(tn_loader_opt, .batch = 64, .shuffle = true, .seed = 1, .bucket = bucket, .workers = 2));
    const tn_batch *b;
    int64_t places = 0, filled = 0;
    while (l && tn_loader_next(l, &b) == TN_OK && b) {
        const tn_view *y = &b->fields[tn_dataset_find(d, "y")];
        for (int64_t i = 0; i < tn_view_count(y); i++)
            filled += ((const int64_t *)y->data)[i] == -100;
        places += tn_view_count(y);
    }
    tn_loader_free(l);
    return places ? (double)filled / (double)places : 1;
}

/* The first validation pair, as ids and back. */
static void show(tn_context *c, const tn_tokenizer *english, const part *valid)
{
    tn_encoder *e = tn_encoder_new(c, english);
    tn_tokens tokens;
    if (e && valid->n && tn_encode(e, valid->english[0].at, valid->english[0].bytes, NULL, &tokens) == TN_OK) {
        printf("\"%.*s\" is", (int)valid->english[0].bytes, valid->english[0].at);
        for (size_t i = 0; i < tokens.n; i++)
            printf(" %d", (int)tokens.ids[i]);
        printf("\n");
    }
    tn_encoder_free(e);
}

static int run(tn_context *c, const tn_table *t)
{
    const int64_t rows = tn_table_rows(t);
    int64_t *groups = malloc((size_t)rows * sizeof *groups + 8), n_train = 0, n_valid = 0;
    for (int64_t i = 0; groups && i < rows; i++)
        groups[i] = group_of(cell(t, 0, i));
    tn_partition *parts =
        tn_partition_new(c, rows, (const double[]){0.9, 0.1}, 2, TN_OPT(tn_partition_opt, .groups = groups, .seed = 1));
    const int64_t *train_rows = parts ? tn_partition_part(parts, 0, &n_train) : NULL;
    const int64_t *valid_rows = parts ? tn_partition_part(parts, 1, &n_valid) : NULL;
    if (!train_rows || !valid_rows)
        return fprintf(stderr, "%s\n", tn_context_error(c)), 1;
    part train = take(t, train_rows, n_train), valid = take(t, valid_rows, n_valid);
    tn_tokenizer *english = learn(c, train.english, train.n), *chinese = learn(c, train.chinese, train.n);
    tn_dataset *d =
        english && chinese ? tn_dataset_pairs(c, english, chinese, train.english, train.chinese, train.n, NULL) : NULL;
    if (d) {
        printf("%lld pairs to train on, %lld to validate; %zu English and %zu Chinese entries\n", (long long)train.n,
               (long long)valid.n, tn_tokenizer_size(english), tn_tokenizer_size(chinese));
        show(c, english, &valid);
        printf("filled up: %.1f%% as they come", 100 * filled_up(c, d, 0));
        printf(", %.1f%% by length\n", 100 * filled_up(c, d, 100));
    } else {
        fprintf(stderr, "%s\n", tn_context_error(c));
    }
    const int failed = d == NULL;
    tn_dataset_free(d);
    tn_tokenizer_free(english);
    tn_tokenizer_free(chinese);
    tn_partition_free(parts);
    free(train.english), free(train.chinese), free(valid.english), free(valid.chinese), free(groups);
    return failed;
}

int main(int argc, char **argv)
{
    tn_context *c = tn_context_new(NULL);
    const tn_table_opt opt = {.delimiter = '\t', .quote = '\x01', .header = TN_HEADER_NO};
    tn_table *t = argc > 1 ? tn_table_read(c, argv[1], &opt)
                           : tn_table_parse(c, made_up, sizeof made_up - 1, "the made-up pairs", &opt);
    const int code = t ? run(c, t) : (fprintf(stderr, "%s\n", tn_context_error(c)), 1);
    tn_table_free(t);
    tn_context_free(c);
    return code;
}
