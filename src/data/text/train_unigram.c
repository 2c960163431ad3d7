/* train_unigram.c: choosing the entries of a Unigram model (Kudo, "Subword Regularization", ACL 2018; Kudo, Richardson,
 * "SentencePiece", EMNLP 2018): all substrings that repeat are the first entries; expectation and maximisation give them
 * probabilities, and those whose loss hurts least are dropped, until few enough are left. The steps and constants are those of
 * the `tokenizers` library; sums are taken in a fixed order, whatever the number of threads. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "data/text/train.h"
#include "data/text/unicode.h"

enum { MOST_SEEDS = 1000000, LONGEST = 16, PARTS = 16, ROUNDS = 2 };
static const double SHRINK = 0.75;

typedef struct entry {
    const char *text;
    uint32_t bytes;
    double score;
} entry;

typedef struct unigram {
    tn_tokenizer *t;
    const text_table *words;
    const text_train_plan *plan;
    base_arena arena; /* texts of entries */
    entry *entries;   /* the first stands for what is unknown */
    size_t n;
    base_arena model_arena;
    text_vocab vocab;
    text_trie trie;
    double unknown_score;
    size_t longest; /* of a word, in bytes */
    base_error *e;
} unigram;

static tn_status no_memory(const unigram *u)
{
    return base_no_memory(u->e, "training a tokenizer");
}

/* ---- the first entries ----------------------------------------------------------------------------------------- */

/* A suffix of all words one after the other as characters, a 0 behind each. */
typedef struct suffix {
    const int32_t *p;
} suffix;

static int by_text(const void *a, const void *b)
{
    const int32_t *x = ((const suffix *)a)->p, *y = ((const suffix *)b)->p;
    for (int i = 0; i <= LONGEST; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static size_t common(const int32_t *x, const int32_t *y)
{
    size_t n = 0;
    while (n <= LONGEST && x[n] == y[n])
        n++;
    return n;
}

typedef struct seed {
    const int32_t *p; /* its characters */
    uint32_t length;
    int64_t score;
} seed;

static int by_score(const void *a, const void *b)
{
    const seed *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    for (uint32_t i = 0; i < x->length && i < y->length; i++)
        if (x->p[i] != y->p[i])
            return x->p[i] > y->p[i] ? -1 : 1;
    return x->length > y->length ? -1 : x->length < y->length;
}

typedef base_vec(seed) seeds;

static bool put_seed(seeds *to, const int32_t *p, size_t length, size_t count)
{
    if (length < 2 || length > LONGEST)
        return true;
    for (size_t i = 0; i < length; i++)
        if (p[i] == 0)
            return true; /* goes beyond a word */
    return base_vec_push(to, (seed){p, (uint32_t)length, (int64_t)(count * length)});
}

/* Each text that is followed by different characters in different places, with the number of places: the inner nodes of the
 * suffix tree, read off the neighbours in order (Abouelhoda, Kurtz, Ohlebusch, "Replacing Suffix Trees with Enhanced Suffix
 * Arrays", 2004). */
static bool repeated(const suffix *s, size_t n, seeds *to)
{
    struct {
        size_t length, first;
    } open[LONGEST + 3];
    size_t depth = 0;
    open[depth].length = 0;
    open[depth++].first = 0;
    for (size_t i = 1; i <= n; i++) {
        size_t length = i < n ? common(s[i - 1].p, s[i].p) : 0, first = i - 1;
        while (depth && open[depth - 1].length > length) {
            first = open[depth - 1].first;
            if (!put_seed(to, s[i - 1].p, open[depth - 1].length, i - first))
                return false;
            depth--;
        }
        if (!depth || open[depth - 1].length < length) {
            open[depth].length = length;
            open[depth++].first = first;
        }
    }
    return true;
}

typedef struct letter {
    int32_t c;
    int64_t count;
} letter;

static int by_char(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

static int by_count(const void *a, const void *b)
{
    const letter *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : (x->c < y->c) - (x->c > y->c);
}

/* The characters of the words by number, each once. */
static letter *count_letters(const unigram *u, size_t *n)
{
    size_t total = 0, k = 0, used;
    for (size_t i = 0; i < u->words->n; i++)
        total += u->words->at[i].bytes;
    letter *all = malloc((total + 1) * sizeof *all);
    for (size_t i = 0; all && i < u->words->n; i++) {
        const text_word *w = &u->words->at[i];
        for (size_t at = 0; at < w->bytes; at += used)
            all[k++] = (letter){text_next(w->text + at, w->text + w->bytes, &used), w->count};
    }
    *n = 0;
    if (!all || !k)
        return all;
    qsort(all, k, sizeof *all, by_char);
    for (size_t i = 1; i < k; i++) {
        if (all[i].c == all[*n].c)
            all[*n].count += all[i].count;
        else
            all[++*n] = all[i];
    }
    ++*n;
    return all;
}

static tn_status put_entry(unigram *u, size_t *capacity, const int32_t *p, uint32_t length, double score)
{
    char *text = base_arena_alloc(&u->arena, 4 * (size_t)length + 1);
    uint32_t bytes = 0;
    if (!text || !text_grow((void **)&u->entries, capacity, u->n + 1, sizeof *u->entries))
        return no_memory(u);
    for (uint32_t i = 0; i < length; i++)
        bytes += (uint32_t)text_put(p[i], text + bytes);
    u->entries[u->n++] = (entry){text, bytes, score};
    return TN_OK;
}

static tn_status put_seeds(unigram *u, const letter *letters, size_t n_letters, const seeds *all)
{
    size_t capacity = 0, first;
    double sum = 0;
    BASE_TRY(put_entry(u, &capacity, NULL, 0, NAN));
    first = u->n;
    for (size_t i = 0; i < n_letters; i++)
        BASE_TRY(put_entry(u, &capacity, &letters[i].c, 1, (double)letters[i].count));
    for (size_t i = 0; i < all->n && u->n < MOST_SEEDS; i++)
        BASE_TRY(put_entry(u, &capacity, all->at[i].p, all->at[i].length, (double)all->at[i].score));
    for (size_t i = first; i < u->n; i++)
        sum += u->entries[i].score;
    for (size_t i = first; i < u->n; i++)
        u->entries[i].score = log(u->entries[i].score) - log(sum);
    return TN_OK;
}

static tn_status make_seeds(unigram *u)
{
    size_t total = 0, n = 0, n_letters = 0, used;
    seeds all = {0};
    for (size_t i = 0; i < u->words->n; i++)
        total += u->words->at[i].bytes + 1;
    int32_t *text = calloc(total + LONGEST + 2, sizeof *text);
    suffix *s = malloc((total + 1) * sizeof *s);
    letter *letters = count_letters(u, &n_letters);
    bool ok = text && s && letters;
    for (size_t i = 0; ok && i < u->words->n; i++) {
        const text_word *w = &u->words->at[i];
        for (size_t at = 0; at < w->bytes; at += used)
            text[n++] = text_next(w->text + at, w->text + w->bytes, &used);
        text[n++] = 0;
    }
    for (size_t i = 0; ok && i < n; i++)
        s[i].p = text + i;
    if (ok && n)
        qsort(s, n, sizeof *s, by_text);
    ok = ok && repeated(s, n, &all);
    if (ok && all.n)
        qsort(all.at, all.n, sizeof *all.at, by_score);
    if (ok && n_letters)
        qsort(letters, n_letters, sizeof *letters, by_count);
    tn_status status = ok ? put_seeds(u, letters, n_letters, &all) : no_memory(u);
    base_vec_free(&all);
    free(letters);
    free(s);
    free(text);
    return status;
}

/* ---- the model of the moment ----------------------------------------------------------------------------------- */

static tn_status build(unigram *u)
{
    base_vec(text_entry) list = {0};
    tn_status status = TN_OK;
    double least = INFINITY;
    base_arena_free(&u->model_arena);
    u->vocab = (text_vocab){0};
    u->trie = (text_trie){0};
    for (size_t i = 1; i < u->n && status == TN_OK; i++) {
        least = u->entries[i].score < least ? u->entries[i].score : least;
        if (!base_vec_push(&list, (text_entry){u->entries[i].text, u->entries[i].bytes, (int64_t)i, false}))
            status = no_memory(u);
    }
    if (status == TN_OK)
        status = text_vocab_make(&u->vocab, &u->model_arena, list.at, list.n, "vocabulary", u->e);
    base_vec_free(&list);
    u->unknown_score = least - 10;
    return status == TN_OK ? text_trie_make(&u->trie, &u->model_arena, &u->vocab, u->e) : status;
}

/* An entry inside a word: bytes begin to end. */
typedef struct arc {
    uint32_t begin, end;
    int32_t id;
    double score;
    double total;           /* of the best way from the left up to its end */
    int64_t previous, next; /* the arc before it on that way; the next one that ends where it ends; -1: none */
} arc;

/* One thread's memory. */
typedef struct lattice {
    base_vec(arc) arcs; /* by beginning, then by length */
    double *forward, *backward;
    int64_t *from;         /* on the best way: the arc that ends at a place */
    int64_t *first, *last; /* the arcs that end at a place, in their order; -1: none */
    double best;           /* the score of the best way */
} lattice;

static bool lattice_room(lattice *l, size_t longest)
{
    l->forward = calloc(longest + 1, sizeof *l->forward);
    l->backward = calloc(longest + 1, sizeof *l->backward);
    l->from = calloc(longest + 1, sizeof *l->from);
    l->first = calloc(longest + 1, sizeof *l->first);
    l->last = calloc(longest + 1, sizeof *l->last);
    return l->forward && l->backward && l->from && l->first && l->last;
}

static void lattice_free(lattice *l)
{
    base_vec_free(&l->arcs);
    free(l->forward);
    free(l->backward);
    free(l->from);
    free(l->first);
    free(l->last);
}

/* All entries inside a text; `without` is left out (-1: none). */
static bool find_arcs(const unigram *u, lattice *l, const char *p, size_t n, int32_t without)
{
    l->arcs.n = 0;
    for (size_t i = 0, used; i < n; i += used) {
        bool single = false;
        uint32_t node = 0;
        text_next(p + i, p + n, &used);
        for (size_t k = i; k < n && (node = text_trie_next(&u->trie, node, (unsigned char)p[k])); k++) {
            int32_t id = u->trie.id[node];
            if (id < 0)
                continue;
            single = single || k + 1 - i == used;
            if (id != without &&
                !base_vec_push(
                    &l->arcs,
                    (arc){.begin = (uint32_t)i, .end = (uint32_t)k + 1, .id = id, .score = u->entries[id].score}))
                return false;
        }
        if (!single &&
            !base_vec_push(&l->arcs,
                           (arc){.begin = (uint32_t)i, .end = (uint32_t)(i + used), .score = u->unknown_score}))
            return false;
    }
    return true;
}

static double log_add(double x, double y)
{
    double low = x < y ? x : y, high = x < y ? y : x;
    return high > low + 50 ? high : high + log(exp(low - high) + 1);
}

/* What the entries of one text are expected to occur, times count, added to expected[]. */
static void expect(lattice *l, size_t n, double count, double *expected)
{
    double *f = l->forward, *b = l->backward;
    for (size_t i = 0; i <= n; i++)
        f[i] = b[i] = -INFINITY;
    f[0] = b[n] = 0;
    for (size_t i = 0; i < l->arcs.n; i++) {
        const arc *a = &l->arcs.at[i];
        double x = f[a->begin] + a->score;
        f[a->end] = isinf(f[a->end]) ? x : log_add(f[a->end], x);
    }
    for (size_t end = l->arcs.n, first; end > 0; end = first) { /* places from the right, at each the arcs by length */
        for (first = end - 1; first > 0 && l->arcs.at[first - 1].begin == l->arcs.at[end - 1].begin;)
            first--;
        for (size_t i = first; i < end; i++) {
            const arc *a = &l->arcs.at[i];
            double x = b[a->end] + a->score;
            b[a->begin] = isinf(b[a->begin]) ? x : log_add(b[a->begin], x);
        }
    }
    for (size_t i = 0; i < l->arcs.n; i++) {
        const arc *a = &l->arcs.at[i];
        expected[a->id] += count * exp(f[a->begin] + a->score + b[a->end] - f[n]);
    }
}

/* The way to an arc: the best of those that end where it begins. Its own score is added before they are compared: of ways that
 * differ by less than the sum shows, the first is taken. */
static void reach(lattice *l, arc *a)
{
    a->previous = -1;
    a->total = a->begin == 0 ? a->score : -INFINITY;
    for (int64_t i = l->first[a->begin]; i >= 0; i = l->arcs.at[i].next) {
        double total = l->arcs.at[i].total + a->score;
        if (total > a->total) {
            a->total = total;
            a->previous = i;
        }
    }
}

/* The best way through; false if there is none. */
static bool best_way(lattice *l, size_t n)
{
    int64_t end = -1;
    for (size_t i = 0; i <= n; i++)
        l->first[i] = l->last[i] = -1;
    for (size_t i = 0; i < l->arcs.n; i++) {
        arc *a = &l->arcs.at[i];
        reach(l, a);
        if (isinf(a->total))
            continue;
        a->next = -1;
        if (l->last[a->end] >= 0)
            l->arcs.at[l->last[a->end]].next = (int64_t)i;
        else
            l->first[a->end] = (int64_t)i;
        l->last[a->end] = (int64_t)i;
    }
    for (int64_t i = l->first[n]; n > 0 && i >= 0; i = l->arcs.at[i].next)
        if (end < 0 || l->arcs.at[i].total > l->arcs.at[end].total)
            end = i;
    l->best = end >= 0 ? l->arcs.at[end].total : 0;
    for (int64_t i = end; i >= 0; i = l->arcs.at[i].previous)
        l->from[l->arcs.at[i].end] = i;
    return n == 0 || end >= 0;
}

/* ---- expectation and maximisation ------------------------------------------------------------------------------ */

/* The words in parts: each has sums of its own, added in the order of the parts. */
typedef struct parts {
    const unigram *u;
    double *sums[PARTS]; /* expected counts, or counts on best ways */
    double *seen[PARTS]; /* counts of the words that an entry is in */
    bool best;
    atomic_int next;
    atomic_bool failed;
} parts;

static bool run_word(const parts *all, lattice *l, const text_word *w, double *sums, double *seen)
{
    if (!find_arcs(all->u, l, w->text, w->bytes, -1))
        return false;
    if (!all->best) {
        expect(l, w->bytes, (double)w->count, sums);
        return true;
    }
    if (!best_way(l, w->bytes))
        return true;
    for (uint32_t at = w->bytes; at > 0; at = l->arcs.at[l->from[at]].begin) {
        sums[l->arcs.at[l->from[at]].id] += (double)w->count;
        seen[l->arcs.at[l->from[at]].id] += (double)w->count;
    }
    return true;
}

static void *run_parts(void *user)
{
    parts *all = user;
    lattice l = {0};
    bool ok = lattice_room(&l, all->u->longest);
    for (int p; ok && !atomic_load(&all->failed) && (p = atomic_fetch_add(&all->next, 1)) < PARTS;) {
        size_t n = all->u->words->n, first = n * (size_t)p / PARTS, end = n * ((size_t)p + 1) / PARTS;
        for (size_t i = first; ok && i < end; i++)
            ok = run_word(all, &l, &all->u->words->at[i], all->sums[p], all->seen[p]);
    }
    if (!ok)
        atomic_store(&all->failed, true);
    lattice_free(&l);
    return NULL;
}

/* sums[0] (and seen[0]) hold the totals afterwards; the caller frees what is in `all`. */
static tn_status run_all(unigram *u, parts *all)
{
    pthread_t thread[PARTS];
    int started = 0;
    all->u = u;
    for (int p = 0; p < PARTS; p++) {
        all->sums[p] = calloc(u->n, sizeof(double));
        all->seen[p] = all->best ? calloc(u->n, sizeof(double)) : NULL;
        if (!all->sums[p] || (all->best && !all->seen[p]))
            return no_memory(u);
    }
    while (started + 1 < u->plan->threads && started + 1 < PARTS &&
           pthread_create(&thread[started], NULL, run_parts, all) == 0)
        started++;
    run_parts(all);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    if (atomic_load(&all->failed))
        return no_memory(u);
    for (int p = 1; p < PARTS; p++)
        for (size_t i = 0; i < u->n; i++) {
            all->sums[0][i] += all->sums[p][i];
            if (all->best)
                all->seen[0][i] += all->seen[p][i];
        }
    return TN_OK;
}

static void parts_free(parts *all)
{
    for (int p = 0; p < PARTS; p++) {
        free(all->sums[p]);
        free(all->seen[p]);
    }
}

static double digamma(double x)
{
    double result = 0;
    for (; x < 7; x++)
        result -= 1 / x;
    x -= 0.5;
    double xx = 1 / x, xx2 = xx * xx, xx4 = xx2 * xx2;
    return result + log(x) + 1.0 / 24 * xx2 - 7.0 / 960 * xx4 + 31.0 / 8064 * xx4 * xx2 - 127.0 / 30720 * xx4 * xx4;
}

/* One round: what is expected less than half a time goes; the others get the logarithm of their share, which digamma makes a
 * little smaller for what is rare. */
static tn_status improve(unigram *u)
{
    parts all = {0};
    tn_status status = run_all(u, &all);
    size_t kept = 1;
    double sum = 0;
    for (size_t i = 1; i < u->n && status == TN_OK; i++) {
        double expected = all.sums[0][i];
        if (!(expected >= 0.5))
            continue;
        u->entries[kept] = u->entries[i];
        u->entries[kept++].score = expected;
        sum += expected;
    }
    parts_free(&all);
    BASE_TRY(status);
    u->n = kept;
    for (size_t i = 1; i < u->n; i++)
        u->entries[i].score = digamma(u->entries[i].score) - digamma(sum);
    return build(u);
}

/* ---- dropping entries ------------------------------------------------------------------------------------------ */

typedef struct candidate {
    size_t id;
    double loss;
} candidate;

static int by_loss(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->loss != y->loss ? (x->loss > y->loss ? -1 : 1) : (x->id > y->id) - (x->id < y->id);
}

/* How an entry would be cut if it were not there: LEAVES says that its own text is better cut, KEEPS that there is no other
 * way; else the arcs of the way are in l. */
enum { KEEPS, LEAVES, OTHERWISE };
static int without(const unigram *u, lattice *l, size_t id, bool *ok)
{
    const entry *e = &u->entries[id];
    *ok = find_arcs(u, l, e->text, e->bytes, (int32_t)id);
    if (!*ok || !best_way(l, e->bytes))
        return KEEPS;
    return l->best > e->score ? LEAVES : OTHERWISE;
}

/* The likelihood that is lost with an entry: its share of the words times the change of their score. Sums go from the left, as
 * equal losses are common and the last bit decides between them. What is counted once the entry is gone should grow by the pieces that
 * take its place; the `tokenizers` library lets it grow by all entries, which spares what is frequent, and its choice is wanted here. */
static double loss_of(const unigram *u, const lattice *l, size_t id, const double *sums, double share, double total)
{
    int32_t way[4 * LONGEST];
    int n = 0;
    double after = 0;
    for (uint32_t at = u->entries[id].bytes; at > 0 && n < 4 * LONGEST; at = l->arcs.at[l->from[at]].begin)
        way[n++] = l->arcs.at[l->from[at]].id;
    double log_after = log(total + sums[id] * (double)(u->n - 1));
    while (n > 0)
        after += log(sums[way[--n]] + sums[id]) - log_after;
    return share * (log(sums[id]) - log(total) - after);
}

static tn_status choose(unigram *u, const parts *all, lattice *l, candidate *losers, bool *keep, size_t *n,
                        size_t *kept)
{
    const double *sums = all->sums[0], *seen = all->seen[0];
    double total = 0, words = 0;
    for (size_t i = 0; i < u->n; i++)
        total += sums[i];
    for (size_t i = 0; i < u->words->n; i++)
        words += (double)u->words->at[i].count;
    for (size_t i = 1; i < u->n; i++) {
        bool ok;
        int how = without(u, l, i, &ok);
        if (!ok)
            return no_memory(u);
        if (sums[i] == 0 && how == LEAVES)
            continue;
        if (how != OTHERWISE) {
            keep[i] = true;
            ++*kept;
        } else if (seen[i] > 0) {
            losers[(*n)++] = (candidate){i, loss_of(u, l, i, sums, seen[i] / words, total)};
        }
    }
    return TN_OK;
}

static tn_status drop(unigram *u, size_t wanted)
{
    parts all = {.best = true};
    lattice l = {0};
    size_t n = 0, kept = 1, pruned = (size_t)((double)u->n * SHRINK), made = 0;
    candidate *losers = malloc(u->n * sizeof *losers);
    bool *keep = calloc(u->n, sizeof *keep);
    entry *entries = malloc(u->n * sizeof *entries);
    tn_status status = losers && keep && entries && lattice_room(&l, u->longest) ? run_all(u, &all) : no_memory(u);
    pruned = pruned > wanted ? pruned : wanted;
    if (status == TN_OK)
        status = choose(u, &all, &l, losers, keep, &n, &kept);
    if (status == TN_OK) {
        if (n)
            qsort(losers, n, sizeof *losers, by_loss);
        entries[made++] = u->entries[0];
        for (size_t i = 1; i < u->n; i++)
            if (keep[i])
                entries[made++] = u->entries[i];
        for (size_t i = 0; i < n && made != pruned; i++)
            entries[made++] = u->entries[losers[i].id];
        memcpy(u->entries, entries, made * sizeof *entries);
        u->n = made;
    }
    parts_free(&all);
    lattice_free(&l);
    free(losers);
    free(keep);
    free(entries);
    return status == TN_OK ? build(u) : status;
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

static int by_falling_score(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static bool is_special(const unigram *u, const entry *e)
{
    for (int i = 0; i < u->plan->n_specials; i++)
        if (strlen(u->plan->specials[i]) == e->bytes && memcmp(u->plan->specials[i], e->text, e->bytes) == 0)
            return true;
    return false;
}

/* Every character is an entry; then the others as they come, up to `most`. */
static tn_status final_entries(unigram *u, entry *to, size_t *n, size_t most)
{
    size_t n_letters = 0;
    letter *letters = count_letters(u, &n_letters);
    double least = INFINITY, penalty = 0;
    if (!letters)
        return no_memory(u);
    for (size_t i = 1; i < u->n; i++)
        least = u->entries[i].score < least ? u->entries[i].score : least;
    bool *used = calloc(u->n, sizeof *used);
    tn_status status = used ? TN_OK : no_memory(u);
    for (size_t i = 0; i < n_letters && status == TN_OK; i++) {
        char utf8[4];
        size_t bytes = text_put(letters[i].c, utf8);
        int32_t id = text_vocab_find(&u->vocab, utf8, bytes);
        char *text = base_arena_alloc(&u->arena, bytes + 1);
        if (!text) {
            status = no_memory(u);
            break;
        }
        memcpy(text, utf8, bytes);
        to[(*n)++] = (entry){text, (uint32_t)bytes, id >= 0 ? u->entries[id].score : least + penalty};
        if (id >= 0)
            used[id] = true;
        else
            penalty += 0.0001;
    }
    for (size_t i = 1; i < u->n && *n < most && status == TN_OK; i++)
        if (!used[i] && !is_special(u, &u->entries[i]))
            to[(*n)++] = u->entries[i];
    free(used);
    free(letters);
    return status;
}

typedef base_vec(text_entry) text_list;

/* Entries of bytes score so low that they never compete with texts that are entries. */
static tn_status byte_entries(unigram *u, double score, text_list *list)
{
    for (int i = 0; i < 256; i++) {
        char name[7];
        text_byte_name(i, name);
        tn_text text = text_keep(u->t, name, 6);
        const size_t id = list->n;
        u->t->model.scores[id] = score;
        if (!text.at || !base_vec_push(list, (text_entry){text.at, 6, (int64_t)id, false}))
            return no_memory(u);
    }
    return TN_OK;
}

static tn_status hand_over(unigram *u, const entry *final, size_t n)
{
    tn_tokenizer *t = u->t;
    text_list list = {0};
    const size_t specials = (size_t)u->plan->n_specials, bytes = u->plan->byte_fallback ? 256 : 0;
    tn_status status = TN_OK;
    t->model.scores = BASE_ARRAY(&t->arena, double, specials + bytes + n + 1);
    if (!t->model.scores)
        return no_memory(u);
    for (size_t i = 0; i < specials + n && status == TN_OK; i++) {
        const char *special = i < specials ? u->plan->specials[i] : NULL;
        if (i == specials && bytes && (status = byte_entries(u, final[n - 1].score - 100, &list)) != TN_OK)
            break;
        tn_text text = special ? text_keep(t, special, strlen(special))
                               : text_keep(t, final[i - specials].text, final[i - specials].bytes);
        const size_t id = list.n;
        t->model.scores[id] = special ? 0 : final[i - specials].score;
        if (!text.at || !base_vec_push(&list, (text_entry){text.at, (uint32_t)text.bytes, (int64_t)id, false}))
            status = no_memory(u);
    }
    if (status == TN_OK)
        status = text_vocab_make(&t->model.vocab, &t->arena, list.at, list.n, "vocabulary", u->e);
    base_vec_free(&list);
    return status;
}

static tn_status finish(unigram *u)
{
    size_t n = 0, specials = (size_t)u->plan->n_specials + (u->plan->byte_fallback ? 256 : 0);
    size_t most = u->plan->vocabulary > specials ? u->plan->vocabulary - specials : 0, letters = 0;
    letter *all = count_letters(u, &letters);
    entry *final = all ? malloc((u->n + letters + 1) * sizeof *final) : NULL;
    free(all);
    tn_status status = final ? final_entries(u, final, &n, most) : no_memory(u);
    if (status == TN_OK && n)
        qsort(final, n, sizeof *final, by_falling_score);
    if (status == TN_OK)
        status = hand_over(u, final, n);
    free(final);
    return status;
}

static tn_status train(unigram *u)
{
    size_t wanted = u->plan->vocabulary * 11 / 10;
    for (size_t i = 0; i < u->words->n; i++)
        u->longest = u->words->at[i].bytes > u->longest ? u->words->at[i].bytes : u->longest;
    BASE_TRY(make_seeds(u));
    u->longest = u->longest > 4 * LONGEST ? u->longest : 4 * LONGEST;
    BASE_TRY(build(u));
    for (;;) {
        for (int i = 0; i < ROUNDS; i++)
            BASE_TRY(improve(u));
        if (u->n <= wanted)
            break;
        size_t before = u->n;
        BASE_TRY(drop(u, wanted));
        if (u->n >= before)
            break; /* nothing more can go */
    }
    return finish(u);
}

tn_status text_train_unigram(tn_tokenizer *t, const text_table *words, const text_train_plan *plan, base_error *e)
{
    unigram u = {.t = t, .words = words, .plan = plan, .e = e};
    tn_status status = train(&u);
    free(u.entries);
    base_arena_free(&u.arena);
    base_arena_free(&u.model_arena);
    return status;
}
