/* subset.c: data sets made of others: chosen samples, one set after another, and cutting in two at random. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "data/dataset.h"

/* ---- chosen samples -------------------------------------------------------------------------------------------- */

typedef struct subset {
    const tn_dataset *of;
    int64_t *indices, count;
} subset;

static int64_t subset_at(const void *user, int64_t i)
{
    const subset *s = user;
    return s->indices[i];
}

static data_among subset_link(const subset *s, const data_among *outer)
{
    return (data_among){.outer = outer, .count = s->count, .at = subset_at, .user = s};
}

static tn_status subset_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const subset *s = user;
    const data_among among = subset_link(s, sample->among);
    return data_get_among(s->of, s->indices[index], key, sample->at, sample->lengths, &among, sample->inside);
}

static int64_t subset_label(void *user, int64_t index)
{
    const subset *s = user;
    int64_t label;
    return data_label(s->of, s->indices[index], &label, NULL) == TN_OK ? label : -1;
}

static int64_t subset_length(void *user, int64_t index)
{
    const subset *s = user;
    return data_length(s->of, s->indices[index]);
}

static void subset_where(void *user, int64_t index, uint64_t key, const data_among *outer, base_str *to)
{
    const subset *s = user;
    const data_among among = subset_link(s, outer);
    s->of->where(s->of->def.user, s->indices[index], key, &among, to);
}

static void subset_release(void *user)
{
    subset *s = user;
    tn_dataset_free((tn_dataset *)(uintptr_t)s->of);
    free(s->indices);
    free(s);
}

/* Takes `indices` (malloc'ed) over, also on failure. */
static tn_dataset *subset_new(const tn_dataset *of, int64_t *indices, int64_t count, base_error *e)
{
    subset *s = calloc(1, sizeof *s);
    if (!s) {
        free(indices);
        base_no_memory(e, "choosing samples of a data set");
        return NULL;
    }
    s->of = data_retain(of);
    s->indices = indices;
    s->count = count;
    tn_dataset_def def = data_def_like(of);
    def.count = count;
    def.get = subset_get;
    def.label = of->def.classes ? subset_label : NULL;
    def.length = of->def.length ? subset_length : NULL;
    def.release = subset_release;
    def.user = s;
    tn_dataset *d = data_new(&def, e);
    if (!d) {
        subset_release(s);
        return NULL;
    }
    d->lists = of->lists; /* made of the samples alone, whoever chose them */
    d->where = of->where ? subset_where : NULL;
    d->mixes = of->mixes;
    return d;
}

static int64_t *index_array(int64_t count, base_error *e)
{
    int64_t *p = (uint64_t)count < SIZE_MAX / 8 ? malloc((size_t)count * 8 + 8) : NULL;
    if (!p)
        base_no_memory(e, "choosing samples of a data set");
    return p;
}

tn_dataset *tn_dataset_subset(tn_context *context, const tn_dataset *of, const int64_t *indices, int64_t count)
{
    base_error *e = base_context_begin(context);
    if (count < 0) {
        base_fail(e, TN_INVALID, "a data set cannot have %lld samples", (long long)count);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++)
        if (indices[i] < 0 || indices[i] >= of->def.count) {
            base_fail(e, TN_INVALID, "entry %lld of the subset asks for sample %lld; the data set has %lld",
                      (long long)i, (long long)indices[i], (long long)of->def.count);
            return NULL;
        }
    int64_t *copy = index_array(count, e);
    if (!copy)
        return NULL;
    if (count)
        memcpy(copy, indices, (size_t)count * sizeof *copy);
    return subset_new(of, copy, count, e);
}

tn_dataset *tn_dataset_range(tn_context *context, const tn_dataset *of, int64_t first, int64_t count)
{
    base_error *e = base_context_begin(context);
    if (first < 0 || count < 0 || count > of->def.count || first > of->def.count - count) {
        base_fail(e, TN_INVALID, "samples %lld and the %lld after do not lie within a data set of %lld",
                  (long long)first, (long long)count, (long long)of->def.count);
        return NULL;
    }
    int64_t *indices = index_array(count, e);
    if (!indices)
        return NULL;
    for (int64_t i = 0; i < count; i++)
        indices[i] = first + i;
    return subset_new(of, indices, count, e);
}

/* ---- one after another ----------------------------------------------------------------------------------------- */

typedef struct concat {
    int n;
    struct {
        const tn_dataset *set;
        int64_t end; /* samples up to and with this set */
    } part[];
} concat;

static const tn_dataset *concat_find(const concat *c, int64_t *index)
{
    int low = 0, high = c->n - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (*index < c->part[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    *index -= low ? c->part[low - 1].end : 0;
    return c->part[low].set;
}

/* The part that a sample is from. */
typedef struct concat_part {
    int64_t first, end;
} concat_part;

static int64_t concat_at(const void *user, int64_t i)
{
    const concat_part *p = user;
    return i >= p->first && i < p->end ? i - p->first : -1;
}

static tn_status concat_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const concat *c = user;
    int64_t inside = index;
    const tn_dataset *set = concat_find(c, &inside);
    const concat_part part = {.first = index - inside, .end = index - inside + set->def.count};
    const data_among among = {.outer = sample->among, .count = c->part[c->n - 1].end, .at = concat_at, .user = &part};
    return data_get_among(set, inside, key, sample->at, sample->lengths, &among, sample->inside);
}

static int64_t concat_label(void *user, int64_t index)
{
    const tn_dataset *set = concat_find(user, &index);
    int64_t label;
    return data_label(set, index, &label, NULL) == TN_OK ? label : -1;
}

static int64_t concat_length(void *user, int64_t index)
{
    const tn_dataset *set = concat_find(user, &index);
    return data_length(set, index);
}

static void concat_release(void *user)
{
    concat *c = user;
    for (int i = 0; i < c->n; i++)
        tn_dataset_free((tn_dataset *)(uintptr_t)c->part[i].set);
    free(c);
}

static tn_status same_kind(const tn_dataset *a, const tn_dataset *b, int i, base_error *e)
{
    if (a->def.n_fields != b->def.n_fields)
        return base_fail(e, TN_SHAPE, "data set 0 has %d fields, data set %d has %d: they cannot be joined",
                         a->def.n_fields, i, b->def.n_fields);
    if (a->def.classes != b->def.classes)
        return base_fail(e, TN_SHAPE, "data set 0 has %d classes, data set %d has %d: they cannot be joined",
                         a->def.classes, i, b->def.classes);
    for (int f = 0; f < a->def.n_fields; f++) {
        const tn_field *p = &a->def.fields[f], *q = &b->def.fields[f];
        if (strcmp(p->name, q->name) != 0 || p->dtype != q->dtype || p->rank != q->rank ||
            memcmp(p->dims, q->dims, sizeof p->dims[0] * (size_t)p->rank) != 0 || p->varies != q->varies)
            return base_fail(e, TN_SHAPE,
                             "field %d (\"%.100s\", %s) differs from that of data set %d (\"%.100s\", %s) in "
                             "name, dtype or dims: they cannot be joined",
                             f, p->name, tn_dtype_name(p->dtype), i, q->name, tn_dtype_name(q->dtype));
    }
    return TN_OK;
}

static tn_dataset *concat_new(const tn_dataset *const *sets, int n, base_error *e)
{
    concat *c = calloc(1, sizeof *c + sizeof c->part[0] * (size_t)n);
    if (!c) {
        base_no_memory(e, "joining data sets");
        return NULL;
    }
    int64_t total = 0;
    bool sums = true;
    for (int i = 0; i < n; i++) {
        sums = sums && !__builtin_add_overflow(total, sets[i]->def.count, &total);
        c->part[i].set = data_retain(sets[i]);
        c->part[i].end = total;
    }
    c->n = n;
    tn_dataset_def def = data_def_like(sets[0]);
    def.count = total;
    def.get = concat_get;
    def.label = def.classes ? concat_label : NULL;
    def.length = sets[0]->def.length ? concat_length : NULL;
    def.release = concat_release;
    def.user = c;
    if (!sums)
        base_fail(e, TN_LIMIT, "the data sets joined would have more than 2^63 samples");
    tn_dataset *d = sums ? data_new(&def, e) : NULL;
    if (!d)
        concat_release(c);
    for (int i = 0; d && i < n; i++)
        d->mixes |= sets[i]->mixes;
    return d;
}

tn_dataset *tn_dataset_concat(tn_context *context, const tn_dataset *const *sets, int n)
{
    base_error *e = base_context_begin(context);
    if (n < 1) {
        base_fail(e, TN_INVALID, "%d data sets cannot be joined", n);
        return NULL;
    }
    for (int i = 1; i < n; i++)
        if (same_kind(sets[0], sets[i], i, e) != TN_OK)
            return NULL;
    return concat_new(sets, n, e);
}

/* ---- cutting in two -------------------------------------------------------------------------------------------- */

/* Marks round(fraction * n) of members[0 .. n) for the first part: the front of a Fisher-Yates shuffle. */
static void mark(int64_t *members, int64_t n, double fraction, base_random *random, unsigned char *first)
{
    int64_t want = (int64_t)llround(fraction * (double)n);
    for (int64_t i = 0; i < want; i++) {
        int64_t j = i + (int64_t)base_random_below(random, (uint64_t)(n - i));
        int64_t swap = members[i];
        members[i] = members[j];
        members[j] = swap;
        first[members[i]] = 1;
    }
}

/* members: the samples class by class, in order, by counting; start[c] is where class c begins. */
static void by_class(const tn_dataset *d, int64_t *members, const int64_t *labels, int64_t *start)
{
    for (int64_t i = 0; i < d->def.count; i++)
        start[labels[i] + 1]++;
    for (int c = 0; c < d->def.classes; c++)
        start[c + 1] += start[c];
    for (int64_t i = 0; i < d->def.count; i++)
        members[start[labels[i]]++] = i;
    for (int c = d->def.classes; c > 0; c--)
        start[c] = start[c - 1];
    start[0] = 0;
}

static tn_status choose(const tn_dataset *d, double fraction, uint64_t seed, bool stratified, unsigned char *first,
                        base_error *e)
{
    int64_t n = d->def.count;
    base_random random = base_random_new(seed, 0x5b117); /* "split": apart from the streams of other uses */
    int64_t *members = index_array(n, e), *labels = NULL, *start = NULL;
    tn_status status = members ? TN_OK : TN_MEMORY;
    if (status == TN_OK && stratified) {
        start = calloc((size_t)d->def.classes + 2, sizeof *start);
        status = start ? data_labels(d, &labels, e) : base_no_memory(e, "splitting a data set");
        if (status == TN_OK)
            by_class(d, members, labels, start);
        for (int c = 0; status == TN_OK && c < d->def.classes; c++)
            mark(members + start[c], start[c + 1] - start[c], fraction, &random, first);
    } else if (status == TN_OK) {
        for (int64_t i = 0; i < n; i++)
            members[i] = i;
        mark(members, n, fraction, &random, first);
    }
    free(members);
    free(labels);
    free(start);
    return status;
}

static tn_dataset *chosen(const tn_dataset *d, const unsigned char *first, unsigned char which, base_error *e)
{
    int64_t count = 0, *indices = index_array(d->def.count, e);
    if (!indices)
        return NULL;
    for (int64_t i = 0; i < d->def.count; i++)
        if (first[i] == which)
            indices[count++] = i;
    return subset_new(d, indices, count, e);
}

tn_status tn_dataset_split(tn_context *context, const tn_dataset *d, double fraction, uint64_t seed, bool stratified,
                           tn_dataset **a, tn_dataset **b)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    *a = *b = NULL;
    if (!(fraction >= 0 && fraction <= 1))
        return base_fail(e, TN_INVALID, "a data set cannot be split at %g: the fraction lies between 0 and 1",
                         fraction);
    if (stratified && d->def.classes == 0)
        return base_fail(e, TN_UNSUPPORTED, "a split by classes needs a data set with classes");
    unsigned char *first = calloc((size_t)d->def.count + 1, 1);
    if (!first)
        return base_no_memory(e, "splitting a data set");
    tn_status status = choose(d, fraction, seed, stratified, first, e);
    if (status == TN_OK) {
        *a = chosen(d, first, 1, e);
        *b = *a ? chosen(d, first, 0, e) : NULL;
    }
    free(first);
    if (status != TN_OK || *b)
        return status;
    tn_dataset_free(*a);
    *a = NULL;
    return e->status;
}
