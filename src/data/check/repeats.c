/* repeats.c: samples that are equal, parts and classes that share them, and pictures and sounds that are alike. */
#include <stdlib.h>
#include <string.h>

#include "data/check/check.h"

enum {
    NEAR_BITS = 3,      /* of 64 may differ, */
    NEAR_GREY = 6,      /* and grey values by this on average; */
    NEAR_ENTRY = 2,     /* of entries of arrays, which are small and often cut out alike, by this */
    FEWEST_EDGES = 6,   /* a look with fewer bits says nothing: a blank page */
    MOST_COMPARED = 400 /* with how many that share a quarter of its bits a look is compared */
};

static char *where_of(data_check *c, const check_item *item)
{
    static const char *const words[TN_SAMPLES_KINDS] = {": picture", "", ": row", ": entry", ": line", "", ""};
    base_str where = {0};
    data_files_where(c->files, item->file, &where);
    if (item->row >= 0)
        base_str_printf(&where, "%s %lld", words[item->kind], (long long)item->row);
    char *text = where.failed ? NULL : base_arena_strdup(&c->arena, base_str_text(&where));
    base_str_free(&where);
    return text;
}

static tn_status add_pair(data_check *c, check_pairs *list, const check_item *a, const check_item *b, int distance)
{
    if (list->n >= (size_t)c->opt.most)
        return TN_OK;
    tn_check_pair pair = {where_of(c, a), where_of(c, b), a->part, b->part, distance};
    return pair.first && pair.second && base_vec_push(list, pair) ? TN_OK : base_no_memory(c->err, "checking data");
}

static tn_status add_near(data_check *c, const check_item *a, const check_item *b, int distance)
{
    c->report.near_total++;
    c->near_leaks += a->part != b->part;
    return add_pair(c, &c->near, a, b, distance);
}

static int by_hash(const void *one, const void *other)
{
    const check_item *a = *(const check_item *const *)one, *b = *(const check_item *const *)other;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* b is equal to a, the first of its kind. */
static tn_status note_equal(data_check *c, const check_item *a, const check_item *b)
{
    c->report.equal_total++;
    BASE_TRY(add_pair(c, &c->equal, a, b, 0));
    if (a->part != b->part) {
        c->report.leak_total++;
        BASE_TRY(add_pair(c, &c->leaks, a, b, 0));
    }
    if (a->class_number >= 0 && b->class_number >= 0 && a->class_number != b->class_number) {
        c->report.clash_total++;
        BASE_TRY(add_pair(c, &c->clashes, a, b, 0));
    }
    return TN_OK;
}

/* first[i]: the item that i repeats, or i. */
static tn_status find_equal(data_check *c, size_t *first)
{
    size_t n = c->items.n;
    const check_item **sorted = malloc((n + 1) * sizeof(*sorted));
    if (!sorted)
        return base_no_memory(c->err, "checking data");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &c->items.at[i];
    qsort(sorted, n, sizeof(*sorted), by_hash);
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        if (sorted[i]->hash != sorted[start]->hash || sorted[i]->kind != sorted[start]->kind)
            start = i;
        first[sorted[i] - c->items.at] = (size_t)(sorted[start] - c->items.at);
    }
    free(sorted);
    for (size_t i = 0; i < n; i++) /* in the order of the set, which reads better */
        if (first[i] != i)
            BASE_TRY(note_equal(c, &c->items.at[first[i]], &c->items.at[i]));
    return TN_OK;
}

/* ---- samples that look alike ------------------------------------------------------------------------------------ */

static unsigned quarter(const check_look *l, int q)
{
    return (unsigned)(l->bits >> (16 * q)) & 0xFFFF;
}

/* Of two that differ in at most 3 bits one quarter is the same: the first such quarter finds the pair, once. */
static bool found_before(const check_look *a, const check_look *b, int q)
{
    for (int k = 0; k < q; k++)
        if (quarter(a, k) == quarter(b, k))
            return true;
    return false;
}

static bool alike(const data_check *c, const check_look *a, const check_look *b)
{
    const check_item *item = &c->items.at[a->item];
    int grey = 0;
    if (item->kind != c->items.at[b->item].kind)
        return false;
    if (__builtin_popcountll(a->bits ^ b->bits) > NEAR_BITS)
        return false;
    for (int i = 0; i < CHECK_LOOK; i++)
        grey += abs(a->grey[i] - b->grey[i]);
    return grey <= (item->kind != TN_SAMPLES_SOUNDS && item->row >= 0 ? NEAR_ENTRY : NEAR_GREY) * CHECK_LOOK;
}

static tn_status compare_quarter(data_check *c, const size_t *first, size_t *last, size_t *chain, int q)
{
    memset(last, 0xFF, 65536 * sizeof *last);
    for (size_t i = 0; i < c->looks.n; i++) {
        const check_look *b = &c->looks.at[i];
        if (first[b->item] != b->item || __builtin_popcountll(b->bits) < FEWEST_EDGES)
            continue;
        int compared = 0;
        for (size_t j = last[quarter(b, q)]; j != SIZE_MAX && compared < MOST_COMPARED; j = chain[j], compared++) {
            const check_look *a = &c->looks.at[j];
            if (!alike(c, a, b) || found_before(a, b, q))
                continue;
            BASE_TRY(
                add_near(c, &c->items.at[a->item], &c->items.at[b->item], __builtin_popcountll(a->bits ^ b->bits)));
        }
        chain[i] = last[quarter(b, q)];
        last[quarter(b, q)] = i;
    }
    return TN_OK;
}

static tn_status find_near(data_check *c, const size_t *first)
{
    size_t *last = malloc(65536 * sizeof *last), *chain = malloc((c->looks.n + 1) * sizeof *chain);
    tn_status status = last && chain ? TN_OK : base_no_memory(c->err, "checking data");
    for (int q = 0; q < 4 && status == TN_OK; q++)
        status = compare_quarter(c, first, last, chain, q);
    free(last);
    free(chain);
    return status;
}

/* ---- samples that are alike in what matters ----------------------------------------------------------------------- */

static int by_alike(const void *one, const void *other)
{
    const check_item *a = *(const check_item *const *)one, *b = *(const check_item *const *)other;
    if (a->alike != b->alike)
        return a->alike < b->alike ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* b is alike to a, the first of its kind, and not equal. */
static tn_status note_alike(data_check *c, const check_item *a, const check_item *b)
{
    if (a->class_number >= 0 && b->class_number >= 0 && a->class_number != b->class_number) {
        c->report.clash_total++;
        return add_pair(c, &c->clashes, a, b, TN_CHECK_ALIKE);
    }
    return add_near(c, a, b, TN_CHECK_ALIKE);
}

static tn_status find_alike(data_check *c, const size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < c->items.n; i++)
        n += c->items.at[i].alike && first[i] == i;
    const check_item **sorted = malloc((n + 1) * sizeof(*sorted));
    size_t *start = malloc((c->items.n + 1) * sizeof *start);
    tn_status status = sorted && start ? TN_OK : base_no_memory(c->err, "checking data");
    n = 0;
    for (size_t i = 0; status == TN_OK && i < c->items.n; i++)
        if (c->items.at[i].alike && first[i] == i)
            sorted[n++] = &c->items.at[i];
    if (status == TN_OK && n > 0) {
        qsort(sorted, n, sizeof(*sorted), by_alike);
        for (size_t i = 0, from = 0; i < n; i++) {
            from = sorted[i]->alike == sorted[from]->alike && sorted[i]->kind == sorted[from]->kind ? from : i;
            start[sorted[i] - c->items.at] = (size_t)(sorted[from] - c->items.at);
        }
    }
    for (size_t i = 0; status == TN_OK && i < c->items.n; i++) /* in the order of the set */
        if (c->items.at[i].alike && first[i] == i && start[i] != i)
            status = note_alike(c, &c->items.at[start[i]], &c->items.at[i]);
    free(sorted);
    free(start);
    return status;
}

tn_status check_find_repeats(data_check *c)
{
    size_t *first = malloc((c->items.n + 1) * sizeof *first);
    tn_status status = first ? find_equal(c, first) : base_no_memory(c->err, "checking data");
    if (status == TN_OK)
        status = find_alike(c, first);
    if (status == TN_OK && c->looks.n)
        status = find_near(c, first);
    free(first);
    return status == TN_OK && c->near_leaks
               ? check_add_note(c, "of those that look alike %lld lie in two parts", (long long)c->near_leaks)
               : status;
}
