/* partition.c: samples dealt out to parts: at random, class by class, group by group, by time, in folds; see <tarn/data.h>. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/philox.h"
#include "data/dataset.h"
#include <tarn/data.h>

enum { MOST_PARTS = 1 << 16, STREAM_SPLIT = 0x5b1f, STREAM_BALANCE = 0xba1a };

struct tn_partition {
    int parts;
    int64_t *start; /* [parts + 1]: where each begins in indices */
    int64_t *indices;
};

/* What is dealt: samples in an order, with the parts they went to (-1: none). */
typedef struct dealing {
    int64_t count;
    const double *fractions;
    int parts;
    const tn_partition_opt *opt;
    int64_t *order;
    int32_t *part;
    base_error *e;
} dealing;

static void *room(int64_t n, size_t size, base_error *e)
{
    void *p = calloc((size_t)(n > 0 ? n : 1), size);
    if (!p)
        base_no_memory(e, "splitting samples");
    return p;
}

static void shuffle(int64_t *v, int64_t n, base_random *random)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)base_random_below(random, (uint64_t)i + 1), swap = v[i];
        v[i] = v[j];
        v[j] = swap;
    }
}

/* Members in a row go to the parts by their fractions, rounded so that no rounding adds up. */
static void cut(const dealing *d, const int64_t *members, int64_t n)
{
    double sum = 0;
    int64_t from = 0;
    for (int p = 0; p < d->parts; p++) {
        sum += d->fractions[p];
        int64_t to = (int64_t)llround(sum * (double)n);
        for (to = to > n ? n : to; from < to; from++)
            d->part[members[from]] = p;
    }
}

/* ---- by key ------------------------------------------------------------------------------------------------------ */

typedef struct keyed {
    int64_t key, index;
} keyed;
typedef struct timed {
    double time;
    int64_t index;
} timed;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_time(const void *a, const void *b)
{
    const timed *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Places in the order sorted by key: runs of one class or group, each in the order as it was. */
static keyed *sorted_by(const dealing *d, const int64_t *keys)
{
    keyed *k = room(d->count, sizeof *k, d->e);
    for (int64_t i = 0; k && i < d->count; i++)
        k[i] = (keyed){keys[d->order[i]], i};
    if (k)
        qsort(k, (size_t)d->count, sizeof *k, by_key);
    return k;
}

static tn_status deal_classes(const dealing *d)
{
    keyed *k = sorted_by(d, d->opt->classes);
    int64_t *members = room(d->count, sizeof *members, d->e);
    for (int64_t from = 0, to; k && members && from < d->count; from = to) {
        for (to = from; to < d->count && k[to].key == k[from].key; to++)
            members[to] = d->order[k[to].index];
        cut(d, members + from, to - from);
    }
    tn_status status = k && members ? TN_OK : TN_MEMORY;
    free(k);
    free(members);
    return status;
}

static tn_status deal_times(const dealing *d)
{
    timed *t = room(d->count, sizeof *t, d->e);
    int64_t *members = room(d->count, sizeof *members, d->e);
    tn_status status = t && members ? TN_OK : TN_MEMORY;
    for (int64_t i = 0; status == TN_OK && i < d->count; i++) {
        t[i] = (timed){d->opt->times[i], i};
        if (isnan(t[i].time))
            status = base_fail(d->e, TN_INVALID, "sample %lld has no time, so that samples cannot be split by time",
                               (long long)i);
    }
    if (status == TN_OK) {
        qsort(t, (size_t)d->count, sizeof *t, by_time);
        for (int64_t i = 0; i < d->count; i++)
            members[i] = t[i].index;
        cut(d, members, d->count);
        for (int64_t i = 1; i < d->count; i++)
            if (t[i].time == t[i - 1].time)
                d->part[t[i].index] = d->part[t[i - 1].index];
    }
    free(t);
    free(members);
    return status;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

typedef struct group {
    int64_t from, to; /* in the order by group */
    int64_t first;    /* where its first sample stands in the shuffled order */
} group;

static int by_first(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Class numbers without gaps; *n how many. Without classes all samples are of one. */
static tn_status number_classes(const dealing *d, int32_t *class_of, int64_t *n)
{
    *n = d->count > 0;
    if (!d->opt->classes)
        return TN_OK;
    keyed *k = sorted_by(d, d->opt->classes);
    if (!k)
        return TN_MEMORY;
    *n = 0;
    for (int64_t i = 0; i < d->count; i++) {
        *n += i == 0 || k[i].key != k[i - 1].key;
        class_of[d->order[k[i].index]] = (int32_t)*n - 1;
    }
    free(k);
    return TN_OK;
}

/* The part that lacks most of what the group has; -1 (none) counts as one where fractions leave something over. */
static int neediest(const dealing *d, const double *lack, const double *whole, const double *has, int64_t classes)
{
    int best = 0;
    double most = -INFINITY;
    for (int p = 0; p <= d->parts; p++) {
        double need = 0;
        for (int64_t c = 0; c < classes; c++)
            need += has[c] * lack[p * classes + c] / (whole[c] > 0 ? whole[c] : 1);
        if (need > most) {
            most = need;
            best = p;
        }
    }
    return best == d->parts ? -1 : best;
}

static void deal_each(const dealing *d, const keyed *k, const group *groups, int64_t n, const int32_t *class_of,
                      int64_t classes, double *lack, double *whole, double *has)
{
    double rest = 1;
    for (int64_t i = 0; i < d->count; i++)
        whole[class_of[i]]++;
    for (int p = 0; p <= d->parts; p++) {
        double fraction = p < d->parts ? d->fractions[p] : rest > 1e-9 ? rest : 0;
        rest -= fraction;
        for (int64_t c = 0; c < classes; c++)
            lack[p * classes + c] = fraction * whole[c];
    }
    for (int64_t g = 0; g < n; g++) {
        memset(has, 0, (size_t)classes * sizeof *has);
        for (int64_t i = groups[g].from; i < groups[g].to; i++)
            has[class_of[d->order[k[i].index]]]++;
        int p = neediest(d, lack, whole, has, classes);
        for (int64_t c = 0; c < classes; c++)
            lack[(p < 0 ? d->parts : p) * classes + c] -= has[c];
        for (int64_t i = groups[g].from; i < groups[g].to; i++)
            d->part[d->order[k[i].index]] = p;
    }
}

static tn_status deal_groups(const dealing *d)
{
    keyed *k = sorted_by(d, d->opt->groups);
    group *groups = room(d->count, sizeof *groups, d->e);
    int32_t *class_of = room(d->count, sizeof *class_of, d->e);
    int64_t n = 0, classes = 0;
    tn_status status = k && groups && class_of ? number_classes(d, class_of, &classes) : TN_MEMORY;
    for (int64_t i = 0; status == TN_OK && i < d->count; i++) {
        if (i == 0 || k[i].key != k[i - 1].key)
            groups[n++] = (group){i, i, k[i].index};
        groups[n - 1].to = i + 1;
    }
    double *lack = room((d->parts + 1) * (classes + 1), sizeof *lack, d->e),
           *whole = room(classes, sizeof *whole, d->e), *has = room(classes, sizeof *has, d->e);
    if (status == TN_OK && lack && whole && has) {
        qsort(groups, (size_t)n, sizeof *groups, by_first);
        deal_each(d, k, groups, n, class_of, classes, lack, whole, has);
    } else {
        status = TN_MEMORY;
    }
    free(k);
    free(groups);
    free(class_of);
    free(lack);
    free(whole);
    free(has);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static tn_partition *collect(const dealing *d)
{
    tn_partition *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(d->e, "splitting samples");
        return NULL;
    }
    s->parts = d->parts;
    s->start = room(d->parts + 2, sizeof *s->start, d->e);
    s->indices = room(d->count, sizeof *s->indices, d->e);
    if (!s->start || !s->indices) {
        tn_partition_free(s);
        return NULL;
    }
    for (int64_t i = 0; i < d->count; i++)
        if (d->part[i] >= 0)
            s->start[d->part[i] + 2]++;
    for (int p = 1; p < d->parts; p++)
        s->start[p + 1] += s->start[p];
    for (int64_t i = 0; i < d->count; i++)
        if (d->part[i] >= 0)
            s->indices[s->start[d->part[i] + 1]++] = i;
    return s;
}

static tn_status check(const dealing *d)
{
    double sum = 0;
    if (d->count < 0 || d->parts < 1 || d->parts > MOST_PARTS)
        return base_fail(d->e, TN_INVALID, "%lld samples cannot be split into %d parts", (long long)d->count, d->parts);
    for (int p = 0; p < d->parts; p++) {
        sum += d->fractions[p];
        if (!(d->fractions[p] >= 0))
            return base_fail(d->e, TN_INVALID, "a part of a split cannot be %g of the samples", d->fractions[p]);
    }
    if (sum > 1 + 1e-9)
        return base_fail(d->e, TN_INVALID, "the parts of a split add up to %g; there is no more than 1", sum);
    if (d->opt->times && (d->opt->classes || d->opt->groups))
        return base_fail(d->e, TN_INVALID, "a split by time cannot at the same time be by classes or groups");
    return TN_OK;
}

static tn_partition *deal(dealing *d)
{
    tn_partition *s = NULL;
    tn_status status = check(d);
    if (status != TN_OK)
        return NULL;
    d->order = room(d->count, sizeof *d->order, d->e);
    d->part = room(d->count, sizeof *d->part, d->e);
    if (d->order && d->part) {
        base_random random = base_random_new(d->opt->seed, STREAM_SPLIT);
        for (int64_t i = 0; i < d->count; i++) {
            d->order[i] = i;
            d->part[i] = -1;
        }
        if (!d->opt->in_order && !d->opt->times)
            shuffle(d->order, d->count, &random);
        if (d->opt->times)
            status = deal_times(d);
        else if (d->opt->groups)
            status = deal_groups(d);
        else if (d->opt->classes)
            status = deal_classes(d);
        else
            cut(d, d->order, d->count);
        s = status == TN_OK ? collect(d) : NULL;
    }
    free(d->order);
    free(d->part);
    return s;
}

tn_partition *tn_partition_new(tn_context *context, int64_t count, const double *fractions, int parts,
                               const tn_partition_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    dealing d = {.count = count,
                 .fractions = fractions,
                 .parts = parts,
                 .opt = opt ? opt : &(tn_partition_opt){0},
                 .e = e ? e : &own};
    return deal(&d);
}

tn_partition *tn_partition_folds(tn_context *context, int64_t count, int folds, const tn_partition_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    if (folds < 2 || folds > MOST_PARTS || folds > count) {
        base_fail(e, TN_INVALID, "%lld samples cannot be cut into %d folds; there are two at least, none empty",
                  (long long)count, folds);
        return NULL;
    }
    double *fractions = room(folds, sizeof *fractions, e);
    if (!fractions)
        return NULL;
    for (int i = 0; i < folds; i++)
        fractions[i] = 1.0 / folds;
    dealing d = {
        .count = count, .fractions = fractions, .parts = folds, .opt = opt ? opt : &(tn_partition_opt){0}, .e = e};
    tn_partition *s = deal(&d);
    free(fractions);
    return s;
}

void tn_partition_free(tn_partition *s)
{
    if (!s)
        return;
    free(s->start);
    free(s->indices);
    free(s);
}

const int64_t *tn_partition_part(const tn_partition *s, int part, int64_t *count)
{
    if (part < 0 || part >= s->parts)
        return NULL;
    *count = s->start[part + 1] - s->start[part];
    return s->indices + s->start[part];
}

static int by_index(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t tn_partition_others(const tn_partition *s, int part, int64_t *indices)
{
    int64_t n = 0;
    for (int p = 0; p < s->parts; p++)
        for (int64_t i = s->start[p]; p != part && i < s->start[p + 1]; i++)
            indices[n++] = s->indices[i];
    qsort(indices, (size_t)n, sizeof *indices, by_index);
    return n;
}

/* ---- balance ----------------------------------------------------------------------------------------------------- */

/* Runs of one class in k; each is taken `want` times: whole rounds of all, then a random part. */
static int64_t take_even(const keyed *k, int64_t n, int64_t want, base_random *random, int64_t *run, int64_t *out)
{
    int64_t taken = 0;
    for (int64_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && k[to].key == k[from].key; to++)
            run[to - from] = k[to].index;
        int64_t size = to - from;
        if (k[from].key < 0)
            continue;
        shuffle(run, size, random);
        for (int64_t i = 0; i < want; i++)
            out[taken++] = run[i % size];
    }
    qsort(out, (size_t)taken, sizeof *out, by_index);
    return taken;
}

tn_partition *tn_partition_balance(tn_context *context, const int64_t *indices, const int64_t *classes, int64_t count,
                                   bool over, uint64_t seed)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    base_random random = base_random_new(seed, STREAM_BALANCE);
    keyed *k = room(count, sizeof *k, e);
    int64_t *run = room(count, sizeof *run, e), most = 0, least = count, runs = 0;
    tn_partition *s = calloc(1, sizeof *s);
    for (int64_t i = 0; k && i < count; i++)
        k[i] = (keyed){classes[i], indices ? indices[i] : i};
    if (k)
        qsort(k, (size_t)(count > 0 ? count : 0), sizeof *k, by_key);
    for (int64_t from = 0, to; k && from < count; from = to) {
        for (to = from; to < count && k[to].key == k[from].key; to++)
            ;
        if (k[from].key < 0)
            continue;
        runs++;
        most = to - from > most ? to - from : most;
        least = to - from < least ? to - from : least;
    }
    int64_t want = over ? most : runs ? least : 0;
    if (s) {
        s->parts = 1;
        s->start = room(2, sizeof *s->start, e);
        s->indices = room(want * runs, sizeof *s->indices, e);
    }
    if (k && run && s && s->start && s->indices) {
        s->start[1] = take_even(k, count, want, &random, run, s->indices);
    } else {
        base_no_memory(e, "balancing classes");
        tn_partition_free(s);
        s = NULL;
    }
    free(k);
    free(run);
    return s;
}

static tn_status weigh(const int64_t *classes, int64_t count, int n_classes, double *weights, base_error *e)
{
    int64_t total = 0, seen = 0;
    for (int c = 0; c < n_classes; c++)
        weights[c] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (classes[i] >= n_classes)
            return base_fail(e, TN_INVALID, "sample %lld has the class %lld, but there are %d", (long long)i,
                             (long long)classes[i], n_classes);
        if (classes[i] >= 0) {
            weights[classes[i]]++;
            total++;
        }
    }
    for (int c = 0; c < n_classes; c++)
        seen += weights[c] > 0;
    for (int c = 0; c < n_classes; c++)
        weights[c] = weights[c] > 0 ? (double)total / ((double)seen * weights[c]) : 0;
    return TN_OK;
}

tn_status tn_class_weights(tn_context *context, const int64_t *classes, int64_t count, int n_classes, double *weights)
{
    return weigh(classes, count, n_classes, weights, base_context_begin(context));
}

tn_status data_class_weights(const tn_dataset *d, double *weights, base_error *e)
{
    int64_t *labels;
    BASE_TRY(data_labels(d, &labels, e));
    const tn_status status = weigh(labels, d->def.count, d->def.classes, weights, e);
    free(labels);
    return status;
}
