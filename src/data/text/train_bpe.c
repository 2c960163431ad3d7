/* train_bpe.c: choosing merges: the pair of neighbours that is most frequent becomes an entry, again and again. WordPiece's
 * entries are chosen likewise, with a prefix on what does not begin a word.
 *
 * The order is that of the `tokenizers` library, so that the same text gives the same merges: of pairs that are equally
 * frequent the one with the smaller ids comes first. Pairs wait in a heap with the words that they were seen in; a count that
 * has changed meanwhile is corrected when the pair comes up. */
#include <stdlib.h>

#include "data/text/train.h"
#include "data/text/unicode.h"

typedef base_vec(uint32_t) word_list;

/* A pair that waits: its count when it was put here and the words to change. */
typedef struct waiting {
    int64_t count;
    uint32_t left, right;
    uint64_t number; /* of equals the earlier comes first */
    word_list words;
} waiting;

/* Counts of pairs, growing; `fresh` is an index + 1 into the list of pairs that the last merge made. */
typedef struct pair_count {
    uint64_t key;
    int64_t count;
    size_t fresh;
} pair_count;

typedef struct word_symbols {
    uint32_t *at;
    uint32_t n;
} word_symbols;

typedef struct bpe_trainer {
    tn_tokenizer *t;
    const text_table *words;
    const text_train_plan *plan;
    text_table tokens; /* by id */
    base_arena arena;
    word_symbols *word;
    pair_count *pairs;
    size_t n_pairs, n_slots;
    base_vec(waiting) heap;
    base_vec(waiting) fresh;
    base_vec(text_merge) merges;
    uint64_t numbers;
    base_error *e;
} bpe_trainer;

static tn_status no_memory(const bpe_trainer *b)
{
    return base_no_memory(b->e, "training a tokenizer");
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

static bool grow_pairs(bpe_trainer *b)
{
    size_t n = b->n_slots ? 2 * b->n_slots : 4096;
    pair_count *pairs = calloc(n, sizeof *pairs);
    if (!pairs)
        return false;
    for (size_t k = 0; k < b->n_slots; k++) {
        if (!b->pairs[k].key)
            continue;
        size_t i = (size_t)text_pair_slot(b->pairs[k].key) & (n - 1);
        while (pairs[i].key)
            i = (i + 1) & (n - 1);
        pairs[i] = b->pairs[k];
    }
    free(b->pairs);
    b->pairs = pairs;
    b->n_slots = n;
    return true;
}

/* The count of a pair, made if new; valid until the next call. */
static pair_count *count_of(bpe_trainer *b, uint32_t left, uint32_t right)
{
    if (2 * b->n_pairs >= b->n_slots && !grow_pairs(b))
        return NULL;
    uint64_t key = text_pair_key(left, right);
    size_t i = (size_t)text_pair_slot(key) & (b->n_slots - 1);
    while (b->pairs[i].key && b->pairs[i].key != key)
        i = (i + 1) & (b->n_slots - 1);
    if (!b->pairs[i].key) {
        b->pairs[i].key = key;
        b->n_pairs++;
    }
    return &b->pairs[i];
}

/* The pair is (again) more frequent: it will wait with this word among others. */
static tn_status seen_in(bpe_trainer *b, uint32_t left, uint32_t right, uint32_t word, int64_t change)
{
    pair_count *c = count_of(b, left, right);
    if (!c)
        return no_memory(b);
    c->count += change;
    if (change < 0)
        return TN_OK;
    if (!c->fresh) {
        if (!base_vec_push(&b->fresh, (waiting){.left = left, .right = right}))
            return no_memory(b);
        c->fresh = b->fresh.n;
    }
    word_list *list = &b->fresh.at[c->fresh - 1].words;
    if (list->n && list->at[list->n - 1] == word)
        return TN_OK;
    return base_vec_push(list, word) ? TN_OK : no_memory(b);
}

/* ---- the heap -------------------------------------------------------------------------------------------------- */

static bool before(const waiting *x, const waiting *y)
{
    if (x->count != y->count)
        return x->count > y->count;
    if (x->left != y->left)
        return x->left < y->left;
    if (x->right != y->right)
        return x->right < y->right;
    return x->number < y->number;
}

static bool put(bpe_trainer *b, waiting w)
{
    if (!base_vec_push(&b->heap, w))
        return false;
    size_t i = b->heap.n - 1;
    for (; i > 0 && before(&w, &b->heap.at[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap.at[i] = b->heap.at[(i - 1) / 2];
    b->heap.at[i] = w;
    return true;
}

static waiting take(bpe_trainer *b)
{
    waiting top = b->heap.at[0], last = b->heap.at[--b->heap.n];
    size_t i = 0, n = b->heap.n;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && before(&b->heap.at[child + 1], &b->heap.at[child]);
        if (!before(&b->heap.at[child], &last))
            break;
        b->heap.at[i] = b->heap.at[child];
    }
    if (n)
        b->heap.at[i] = last;
    return top;
}

/* The pairs that became more frequent go into the heap. */
static tn_status put_fresh(bpe_trainer *b)
{
    for (size_t i = 0; i < b->fresh.n; i++) {
        waiting w = b->fresh.at[i];
        pair_count *c = count_of(b, w.left, w.right);
        if (!c)
            return no_memory(b);
        c->fresh = 0;
        w.count = c->count;
        w.number = b->numbers++;
        if (w.count <= 0)
            base_vec_free(&w.words);
        else if (!put(b, w))
            return no_memory(b);
        b->fresh.at[i].words = (word_list){0};
    }
    b->fresh.n = 0;
    return TN_OK;
}

/* ---- the alphabet ---------------------------------------------------------------------------------------------- */

typedef struct letter {
    int32_t c;   /* the character, or the byte */
    int32_t key; /* what letters are ordered by: the character that writes it */
    int64_t count;
} letter;

static int by_count(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : (x->key > y->key) - (x->key < y->key);
}

static int by_key(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static size_t letter_at(const bpe_trainer *b, const text_word *w, size_t i, int32_t *c)
{
    size_t used = 1;
    *c = (unsigned char)w->text[i];
    if (!b->t->raw)
        *c = text_next(w->text + i, w->text + w->bytes, &used);
    return used;
}

static int by_char(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

/* All letters of the words, each once with its count; *n of them. NULL: out of memory. */
static letter *count_letters(const bpe_trainer *b, size_t *n)
{
    base_vec(letter) all = {0};
    size_t kept = 0;
    for (int32_t byte = 0; b->t->raw && byte < 256; byte++) { /* every byte is in the alphabet, seen or not */
        char utf8[2];
        size_t bytes = text_alphabet_put((unsigned char)byte, utf8), used;
        if (!base_vec_push(&all, (letter){byte, text_next(utf8, utf8 + bytes, &used), INT64_MAX / 2}))
            goto fail;
    }
    for (size_t i = 0; !b->t->raw && i < b->words->n; i++) {
        const text_word *w = &b->words->at[i];
        for (size_t k = 0, used; k < w->bytes; k += used) {
            int32_t c;
            used = letter_at(b, w, k, &c);
            if (!base_vec_push(&all, (letter){c, c, w->count}))
                goto fail;
        }
        if (all.n < 1000000 && i + 1 < b->words->n)
            continue; /* put together now and then, so that there are never many */
        if (all.n)
            qsort(all.at, all.n, sizeof *all.at, by_char);
        kept = 0;
        for (size_t k = 1; k < all.n; k++) {
            if (all.at[k].c == all.at[kept].c)
                all.at[kept].count += all.at[k].count;
            else
                all.at[++kept] = all.at[k];
        }
        all.n = all.n ? kept + 1 : 0;
    }
    *n = all.n;
    if (!all.at && !base_vec_push(&all, (letter){0})) /* no words: an empty alphabet is no failure */
        return NULL;
    return all.at;
fail:
    base_vec_free(&all);
    return NULL;
}

static int64_t add_token(bpe_trainer *b, const char *text, size_t bytes)
{
    return text_table_add(&b->tokens, text, bytes);
}

static tn_status add_alphabet(bpe_trainer *b)
{
    size_t n = 0;
    letter *all = count_letters(b, &n);
    tn_status status = all ? TN_OK : no_memory(b);
    if (all && b->plan->alphabet && n > b->plan->alphabet) {
        qsort(all, n, sizeof *all, by_count);
        n = b->plan->alphabet;
    }
    if (all && n)
        qsort(all, n, sizeof *all, by_key);
    for (size_t i = 0; i < n && status == TN_OK; i++) {
        char utf8[4] = {(char)all[i].c};
        size_t bytes = b->t->raw ? 1 : text_put(all[i].c, utf8);
        if (add_token(b, utf8, bytes) < 0)
            status = no_memory(b);
    }
    free(all);
    return status;
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

/* A word as entries of its letters; letters that are not in the alphabet are left out. */
static tn_status spell(bpe_trainer *b, size_t i)
{
    const text_word *w = &b->words->at[i];
    const char *prefix = b->t->model.prefix;
    size_t lead = prefix ? strlen(prefix) : 0;
    char text[64];
    uint32_t *at = BASE_ARRAY(&b->arena, uint32_t, w->bytes + 1), n = 0;
    if (!at || lead > sizeof text - 4)
        return no_memory(b);
    for (size_t k = 0, used; k < w->bytes; k += used) {
        int32_t c;
        used = letter_at(b, w, k, &c);
        int64_t id = text_table_find(&b->tokens, w->text + k, used);
        if (id < 0)
            continue;
        if (lead && k > 0) {
            memcpy(text, prefix, lead);
            memcpy(text + lead, w->text + k, used);
            id = add_token(b, text, lead + used);
            if (id < 0)
                return no_memory(b);
        }
        at[n++] = (uint32_t)id;
    }
    b->word[i] = (word_symbols){at, n};
    for (uint32_t k = 0; k + 1 < n; k++)
        BASE_TRY(seen_in(b, at[k], at[k + 1], (uint32_t)i, w->count));
    return TN_OK;
}

static uint32_t chars_of(const bpe_trainer *b, const text_word *w)
{
    uint32_t n = 0;
    for (size_t i = 0, used; i < w->bytes; i += used, n++) {
        int32_t c;
        used = letter_at(b, w, i, &c);
    }
    return n;
}

static tn_status merge_in_word(bpe_trainer *b, uint32_t i, const waiting *w, uint32_t id)
{
    word_symbols *s = &b->word[i];
    int64_t count = b->words->at[i].count;
    for (uint32_t k = 0; k + 1 < s->n; k++) {
        if (s->at[k] != w->left || s->at[k + 1] != w->right)
            continue;
        if (k > 0) {
            BASE_TRY(seen_in(b, s->at[k - 1], w->left, i, -count));
            BASE_TRY(seen_in(b, s->at[k - 1], id, i, count));
        }
        s->at[k] = id;
        memmove(&s->at[k + 1], &s->at[k + 2], (s->n - k - 2) * sizeof *s->at);
        s->n--;
        if (k + 1 < s->n) {
            BASE_TRY(seen_in(b, w->right, s->at[k + 1], i, -count));
            BASE_TRY(seen_in(b, id, s->at[k + 1], i, count));
        }
    }
    return TN_OK;
}

/* The entry that a pair becomes, -1: out of memory, -2: it would be too long. */
static int64_t join(bpe_trainer *b, const waiting *w)
{
    text_word left = b->tokens.at[w->left], right = b->tokens.at[w->right];
    size_t lead = b->t->model.prefix ? strlen(b->t->model.prefix) : 0;
    if (lead && right.bytes >= lead && memcmp(right.text, b->t->model.prefix, lead) == 0) {
        right.text += lead;
        right.bytes -= (uint32_t)lead;
    }
    if (b->plan->longest && chars_of(b, &left) + chars_of(b, &right) > b->plan->longest)
        return -2;
    char *text = malloc((size_t)left.bytes + right.bytes + 1);
    if (!text)
        return -1;
    memcpy(text, left.text, left.bytes);
    memcpy(text + left.bytes, right.text, right.bytes);
    int64_t id = add_token(b, text, (size_t)left.bytes + right.bytes);
    free(text);
    return id;
}

static tn_status merge_all(bpe_trainer *b)
{
    while (b->tokens.n < b->plan->vocabulary && b->heap.n) {
        waiting w = take(b);
        pair_count *c = count_of(b, w.left, w.right);
        if (c && w.count != c->count) {
            w.count = c->count;
            (void)put(b, w); /* the place that was taken is free */
            continue;
        }
        if (!c) {
            base_vec_free(&w.words);
            return no_memory(b);
        }
        if (w.count < 1 || w.count < b->plan->least_count) {
            base_vec_free(&w.words);
            break;
        }
        int64_t id = join(b, &w);
        tn_status status = id == -1 ? no_memory(b) : TN_OK;
        if (id >= 0 && !base_vec_push(&b->merges, (text_merge){(int32_t)w.left, (int32_t)w.right, (int32_t)id}))
            status = no_memory(b);
        for (size_t i = 0; i < w.words.n && id >= 0 && status == TN_OK; i++)
            status = merge_in_word(b, w.words.at[i], &w, (uint32_t)id);
        base_vec_free(&w.words);
        BASE_TRY(status);
        BASE_TRY(put_fresh(b));
    }
    return TN_OK;
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

static tn_status hand_over(bpe_trainer *b)
{
    tn_tokenizer *t = b->t;
    base_vec(text_entry) entries = {0};
    tn_status status = TN_OK;
    for (size_t i = 0; i < b->tokens.n && status == TN_OK; i++) {
        const text_word *w = &b->tokens.at[i];
        tn_text text = text_keep(t, w->text, w->bytes);
        text_entry entry = {text.at, w->bytes, (int64_t)i, false};
        if (t->raw && i < (size_t)b->plan->n_specials) { /* is not made of bytes that a text holds */
            char *spelled = (char *)(uintptr_t)text.at;
            entry.literal = !text.at || !text_alphabet_read(text.at, w->bytes, spelled, &entry.bytes);
        }
        if (!text.at || !base_vec_push(&entries, entry))
            status = no_memory(b);
    }
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, entries.at, entries.n, "vocabulary", b->e);
    base_vec_free(&entries);
    if (status != TN_OK || t->model.kind != TEXT_BPE)
        return status;
    t->model.merges = BASE_ARRAY(&t->arena, text_merge, b->merges.n + 1);
    if (!t->model.merges)
        return no_memory(b);
    if (b->merges.n)
        memcpy(t->model.merges, b->merges.at, b->merges.n * sizeof *b->merges.at);
    t->model.n_merges = b->merges.n;
    return TN_OK;
}

static tn_status train(bpe_trainer *b)
{
    for (int i = 0; i < b->plan->n_specials; i++)
        if (add_token(b, b->plan->specials[i], strlen(b->plan->specials[i])) < 0)
            return no_memory(b);
    BASE_TRY(add_alphabet(b));
    b->word = BASE_ARRAY(&b->arena, word_symbols, b->words->n + 1);
    if (!b->word)
        return no_memory(b);
    for (size_t i = 0; i < b->words->n; i++)
        BASE_TRY(spell(b, i));
    BASE_TRY(put_fresh(b));
    BASE_TRY(merge_all(b));
    return hand_over(b);
}

tn_status text_train_bpe(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e)
{
    bpe_trainer b = {.t = t, .words = words, .plan = plan, .e = e};
    tn_status status = train(&b);
    for (size_t i = 0; i < b.heap.n; i++)
        base_vec_free(&b.heap.at[i].words);
    for (size_t i = 0; i < b.fresh.n; i++)
        base_vec_free(&b.fresh.at[i].words);
    base_vec_free(&b.heap);
    base_vec_free(&b.fresh);
    base_vec_free(&b.merges);
    text_table_free(&b.tokens);
    base_arena_free(&b.arena);
    free(b.pairs);
    return status;
}
