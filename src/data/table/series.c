/* series.c: series in time: what is fitted on the training part, and windows of rows; see <tarn/series.h>. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/number.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/table/prep.h"
#include "data/table/series.h"

static const double tau = 6.283185307179586;
enum { CALENDAR = 6, MOST_LENGTH = 1 << 20 };

/* ---- rows in order ----------------------------------------------------------------------------------------------- */

typedef struct place {
    double time;
    int64_t row;
    uint64_t id;
} place;

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static tn_status column_of(const tn_table *t, const char *name, int *k, base_error *e)
{
    *k = name ? tn_table_find(t, name) : -1;
    return !name || *k >= 0 ? TN_OK
                            : base_fail(e, TN_NOT_FOUND, "%.300s has no column \"%s\", which a series needs",
                                        table_called(t), BASE_SHOW(name));
}

/* The row to blame: in a column that one wrong cell made words, that cell's, not the first of the right ones. */
static int64_t no_time(const tn_table *t, int column, int64_t row)
{
    for (int64_t r = row; r < t->rows; r++) {
        size_t length;
        double v;
        const char *text = tn_table_text(t, column, r, &length);
        if (!text || !(table_parse_time(text, length, false, &v) || table_parse_time(text, length, true, &v) ||
                       table_parse_f64(text, length, &v)))
            return r;
    }
    return row;
}

/* Ids keep the order in which they come first. */
static tn_status fill_places(const series_prep *p, const tn_table *t, place *places, table_words *ids, base_error *e)
{
    int time, id;
    char buffer[PREP_TEXT];
    BASE_TRY(column_of(t, p->time, &time, e));
    BASE_TRY(column_of(t, p->id, &id, e));
    for (int64_t r = 0; r < t->rows; r++) {
        places[r] = (place){.time = (double)r, .row = r};
        if (time >= 0 && prep_cell_number(t, time, r, &places[r].time) != PREP_GOT)
            return base_fail(e, TN_FORMAT, "%.300s: row %lld: the time \"%s\" is missing, or is no time",
                             table_called(t), (long long)no_time(t, time, r) + 1, BASE_SHOW(p->time));
        const char *text = "";
        size_t length = 0;
        if (id >= 0 && prep_cell_text(t, id, r, buffer, &text, &length) == PREP_MISSING)
            return base_fail(e, TN_FORMAT, "%.300s: row %lld has no \"%s\", which tells series apart", table_called(t),
                             (long long)r + 1, BASE_SHOW(p->id));
        int32_t k = table_word(ids, text, length, INT32_MAX);
        if (k < 0)
            return base_no_memory(e, "reading series");
        places[r].id = (uint64_t)k;
    }
    return TN_OK;
}

/* Sorted places: what comes at one time in one series has no order. The first in the file is blamed. */
static tn_status check_times(const series_prep *p, const tn_table *t, const place *places, base_error *e)
{
    const place *twice = NULL;
    char buffer[PREP_TEXT], shown[64] = "";
    const char *text = "";
    size_t length = 0;
    for (const place *x = places + 1; p->time && x < places + t->rows; x++)
        if (x->id == x[-1].id && x->time == x[-1].time && (!twice || x->row < twice->row))
            twice = x;
    if (!twice)
        return TN_OK;
    (void)prep_cell_text(t, tn_table_find(t, p->time), twice->row, buffer, &text, &length);
    (void)snprintf(shown, sizeof shown, "%.*s", (int)(length < sizeof shown ? length : sizeof shown - 1), text);
    return base_fail(e, TN_FORMAT, "%.300s: rows %lld and %lld have the same time, %s%s", table_called(t),
                     (long long)twice[-1].row + 1, (long long)twice->row + 1, BASE_SHOW(shown),
                     p->id ? ", in one series; keep one of them"
                           : "; keep one of them, or name by 'id' the column that tells series apart");
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorted places: the usual step is the median of some, spread over all. Windows go across gaps, as rows are all that they see. */
static void find_gaps(const series_prep *p, const tn_table *t, const place *places, series_gaps *gaps)
{
    enum { MOST = 1001 };
    double steps[MOST];
    int n = 0;
    const int64_t stride = t->rows / MOST + 1;
    const int time = p->time ? tn_table_find(t, p->time) : -1;
    *gaps = (series_gaps){.seconds = time >= 0 && t->columns[time].type == TN_COLUMN_TIME};
    for (int64_t i = 1; time >= 0 && i < t->rows && n < MOST; i += stride)
        if (places[i].id == places[i - 1].id)
            steps[n++] = places[i].time - places[i - 1].time;
    if (n == 0)
        return;
    qsort(steps, (size_t)n, sizeof *steps, by_size);
    gaps->usual = steps[n / 2];
    for (int64_t i = 1; i < t->rows; i++) {
        const double apart = places[i].time - places[i - 1].time;
        if (places[i].id != places[i - 1].id || !(apart > 1.5 * gaps->usual))
            continue;
        if (gaps->n++ == 0) {
            gaps->before = places[i - 1].row;
            gaps->after = places[i].row;
            gaps->apart = apart;
        }
    }
}

/* "9.04 days", "1 h", or the number. */
static const char *duration(double v, bool seconds, char text[32])
{
    static const struct {
        double of;
        const char *unit;
    } units[] = {{86400, " days"}, {3600, " h"}, {60, " min"}, {0, " s"}};
    int k = 0;
    while (seconds && v < units[k].of)
        k++;
    (void)base_print(text, 32, "%.4g%s", seconds && units[k].of > 0 ? v / units[k].of : v,
                     seconds ? units[k].unit : "");
    return text;
}

static void say_gaps(const tn_context *c, const tn_table *t, const series_gaps *g)
{
    char apart[32], usual[32], more[64] = "";
    if (g->n == 0)
        return;
    if (g->n > 1)
        (void)snprintf(more, sizeof more, ", and %lld other%s so", (long long)g->n - 1, g->n == 2 ? " is" : "s are");
    base_log(c, BASE_LOG_WARNING,
             "doubtful: %.300s: rows %lld and %lld are %s apart, where %s is usual%s; windows go across such gaps",
             table_called(t), (long long)g->before + 1, (long long)g->after + 1, duration(g->apart, g->seconds, apart),
             duration(g->usual, g->seconds, usual), more);
}

static void order_free(series_order *o)
{
    free(o->rows);
    free(o->start);
    table_words_free(&o->ids);
    *o = (series_order){0};
}

static tn_status order_new(const series_prep *p, const tn_table *t, series_order *o, base_error *e)
{
    *o = (series_order){0};
    place *places = malloc((size_t)(t->rows + 1) * sizeof *places);
    tn_status status = places ? fill_places(p, t, places, &o->ids, e) : base_no_memory(e, "reading series");
    if (status == TN_OK) {
        o->n = (int64_t)o->ids.ends.n;
        o->rows = malloc((size_t)(t->rows + 1) * sizeof *o->rows);
        o->start = calloc((size_t)o->n + 2, sizeof *o->start);
        status = o->rows && o->start ? TN_OK : base_no_memory(e, "reading series");
    }
    if (status == TN_OK) {
        qsort(places, (size_t)t->rows, sizeof *places, by_place);
        status = check_times(p, t, places, e);
        find_gaps(p, t, places, &o->gaps);
    }
    if (status == TN_OK) {
        for (int64_t i = 0; i < t->rows; i++) {
            o->rows[i] = places[i].row;
            o->start[places[i].id + 1] = i + 1;
        }
    } else {
        order_free(o);
    }
    free(places);
    return status;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* The raw values of a column in order: differences if asked for; what is missing is what came before it. Where nothing did: NaN. */
static tn_status take_values(const series_prep *p, const tn_table *t, const series_order *o, int k, double *v,
                             base_error *e)
{
    int column;
    BASE_TRY(column_of(t, p->columns[k], &column, e));
    for (int64_t s = 0; s < o->n; s++) {
        double last = (double)NAN;
        for (int64_t i = o->start[s]; i < o->start[s + 1]; i++) {
            double one;
            prep_got got = prep_cell_number(t, column, o->rows[i], &one);
            if (got == PREP_OTHER)
                return base_fail(e, TN_FORMAT, "%.300s: row %lld: column \"%s\" does not hold a number there",
                                 table_called(t), (long long)o->rows[i] + 1, BASE_SHOW(p->columns[k]));
            one = got == PREP_GOT ? one : last;
            v[i] = p->difference ? one - last : one;
            last = one;
        }
    }
    return TN_OK;
}

/* Where a part of a series begins and ends, in the order. */
static void bounds(const series_order *o, int64_t s, const tn_series_part *part, int64_t *from, int64_t *to)
{
    int64_t n = o->start[s + 1] - o->start[s];
    double a = part ? part->from : 0, b = part ? part->to : 0;
    if (a == 0 && b == 0)
        b = part && part->fractions ? 1 : (double)n;
    if (part && part->fractions) {
        a = floor(a * (double)n + 0.5);
        b = floor(b * (double)n + 0.5);
    }
    a = a < 0 ? 0 : a > (double)n ? (double)n : a;
    b = b < a ? a : b > (double)n ? (double)n : b;
    *from = o->start[s] + (int64_t)a;
    *to = o->start[s] + (int64_t)b;
}

typedef struct sums {
    double n, mean, squares; /* Welford 1962 */
} sums;

static void add(sums *s, double v)
{
    double d = v - s->mean;
    s->n++;
    s->mean += d / s->n;
    s->squares += d * (v - s->mean);
}

static void settle(const sums *s, double *mean, double *std)
{
    *mean = s->mean;
    *std = s->n > 0 && s->squares > 0 ? sqrt(s->squares / s->n) : 1;
}

/* Scales that f32 can hold, in which predictions come back. */
static tn_status check_scales(const series_prep *p, int64_t n, base_error *e)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(p->mean[i]) <= FLT_MAX && p->std[i] <= FLT_MAX))
            return base_fail(e, TN_LIMIT, "the numbers of the column \"%s\" are too large to be brought to a scale",
                             BASE_SHOW(p->columns[i % p->n_columns]));
    return TN_OK;
}

static tn_status fit(series_prep *p, const tn_table *t, const tn_series_part *part, base_error *e)
{
    series_order o;
    BASE_TRY(order_new(p, t, &o, e));
    p->gaps = o.gaps;
    int64_t groups = 1 + (p->scale == TN_SERIES_SCALE_EACH ? o.n : 0), rows = 0;
    double *v = malloc((size_t)(t->rows + 1) * sizeof *v);
    p->mean = BASE_ARRAY(&p->arena, double, groups * p->n_columns);
    p->std = BASE_ARRAY(&p->arena, double, groups * p->n_columns);
    p->ids = BASE_ARRAY(&p->arena, const char *, groups);
    p->n_ids = (int)groups - 1;
    tn_status status = v && p->mean && p->std && p->ids ? TN_OK : base_no_memory(e, "preparing series");
    for (int64_t s = 0; s + 1 < groups && status == TN_OK; s++) {
        size_t length;
        const char *text = table_word_text(&o.ids, (size_t)s, &length);
        char *copy = base_arena_alloc(&p->arena, length + 1);
        if (copy)
            memcpy(copy, text, length);
        else
            status = base_no_memory(e, "preparing series");
        p->ids[s] = copy;
    }
    for (int k = 0; k < p->n_columns && status == TN_OK; k++) {
        sums all = {0};
        status = take_values(p, t, &o, k, v, e);
        rows = 0;
        for (int64_t s = 0; s < o.n && status == TN_OK; s++) {
            sums one = {0};
            int64_t from, to;
            bounds(&o, s, part, &from, &to);
            rows += to - from;
            for (int64_t i = from; i < to; i++)
                if (isfinite(v[i])) {
                    add(&one, v[i]);
                    add(&all, v[i]);
                }
            if (s + 1 < groups)
                settle(&one, &p->mean[(s + 1) * p->n_columns + k], &p->std[(s + 1) * p->n_columns + k]);
        }
        settle(&all, &p->mean[k], &p->std[k]);
        if (status == TN_OK && rows > 0 && all.n == 0)
            status = base_fail(e, TN_FORMAT, "%.300s: the column \"%s\" has no number in the rows that are trained on",
                               table_called(t), BASE_SHOW(p->columns[k]));
    }
    if (status == TN_OK && rows == 0)
        status = base_fail(e, TN_INVALID, "the part of the series that is trained on has no rows");
    for (int64_t i = 0; status == TN_OK && p->scale == TN_SERIES_SCALE_NONE && i < p->n_columns; i++) {
        p->mean[i] = 0;
        p->std[i] = 1;
    }
    status = status == TN_OK ? check_scales(p, groups * p->n_columns, e) : status;
    free(v);
    order_free(&o);
    return status;
}

/* ---- the preparation --------------------------------------------------------------------------------------------- */

static void free_prep(void *self)
{
    series_prep *p = self;
    base_arena_free(&p->arena);
    free(p);
}

static tn_status copy_name(series_prep *p, const char *name, const char **out, base_error *e)
{
    *out = name ? base_arena_strdup(&p->arena, name) : NULL;
    return *out || !name ? TN_OK : base_no_memory(e, "preparing series");
}

static bool is_number(const tn_table *t, int k)
{
    tn_column_type type = t->columns[k].type;
    return type == TN_COLUMN_INTEGER || type == TN_COLUMN_NUMBER || type == TN_COLUMN_BOOLEAN;
}

static tn_status choose_columns(series_prep *p, const tn_table *t, const tn_series_opt *o, base_error *e)
{
    p->columns = BASE_ARRAY(&p->arena, const char *, (o->columns ? o->n_columns : t->n_columns) + 1);
    if (!p->columns)
        return base_no_memory(e, "preparing series");
    for (int k = 0; o->columns && k < o->n_columns; k++)
        BASE_TRY(copy_name(p, o->columns[k], &p->columns[p->n_columns++], e));
    for (int k = 0; !o->columns && k < t->n_columns; k++) {
        const char *name = t->columns[k].name;
        if (is_number(t, k) && !(o->time && strcmp(o->time, name) == 0) && !(o->id && strcmp(o->id, name) == 0))
            BASE_TRY(copy_name(p, name, &p->columns[p->n_columns++], e));
    }
    if (p->n_columns == 0)
        return base_fail(e, TN_INVALID, "the table has no column of numbers that a series could be made of");
    p->n_targets = o->targets ? o->n_targets : p->n_columns;
    p->targets = BASE_ARRAY(&p->arena, int, p->n_targets + 1);
    if (!p->targets)
        return base_no_memory(e, "preparing series");
    for (int i = 0; i < p->n_targets; i++) {
        p->targets[i] = o->targets ? -1 : i;
        for (int k = 0; o->targets && k < p->n_columns; k++)
            if (strcmp(p->columns[k], o->targets[i]) == 0)
                p->targets[i] = k;
        if (p->targets[i] < 0)
            return base_fail(e, TN_NOT_FOUND, "the target \"%s\" is not among the columns that the model sees",
                             BASE_SHOW(o->targets[i]));
    }
    return p->n_targets > 0 ? TN_OK : base_fail(e, TN_INVALID, "a series needs a target at least");
}

tn_status series_check(const series_prep *p, base_error *e)
{
    if (p->length < 1 || p->horizon < 1 || p->stride < 1 || p->length > MOST_LENGTH || p->horizon > MOST_LENGTH)
        return base_fail(e, TN_INVALID, "windows of %lld rows, for %lld, every %lld: each is 1 to %d",
                         (long long)p->length, (long long)p->horizon, (long long)p->stride, MOST_LENGTH);
    if (p->calendar && !p->time)
        return base_fail(e, TN_INVALID, "calendar channels need the column of times");
    return TN_OK;
}

static tn_status prepare(series_prep *p, const tn_table *t, const tn_series_part *train, const tn_series_opt *o,
                         base_error *e)
{
    p->length = o->length ? o->length : 96;
    p->horizon = o->horizon ? o->horizon : 1;
    p->stride = o->stride ? o->stride : 1;
    p->scale = o->scale;
    p->calendar = o->calendar;
    p->difference = o->difference;
    p->channels_first = o->channels_first;
    p->delimiter = t->delimiter;
    p->header = t->header;
    BASE_TRY(copy_name(p, o->time, &p->time, e));
    BASE_TRY(copy_name(p, o->id, &p->id, e));
    BASE_TRY(series_check(p, e));
    BASE_TRY(choose_columns(p, t, o, e));
    return fit(p, t, train, e);
}

tn_preparation *tn_series_prepare(tn_context *context, const tn_table *table, const tn_series_part *train,
                                  const tn_series_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    series_prep *p = calloc(1, sizeof *p);
    e = e ? e : &own;
    if (!p) {
        base_no_memory(e, "preparing series");
        return NULL;
    }
    if (prepare(p, table, train, opt ? opt : &(tn_series_opt){0}, e) == TN_OK) {
        say_gaps(context, table, &p->gaps);
        return data_preparation_new(&data_prepare_series, p, e);
    }
    free_prep(p);
    return NULL;
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

typedef struct series_set {
    const tn_preparation *preparation;
    const series_prep *prep;
    float *values; /* [rows in order][channels] */
    int channels;
    int64_t *starts; /* where the horizon of each window begins, in the order */
    int *stats;      /* the row of means and deviations that each was scaled by */
    int64_t n;
} series_set;

static tn_status set_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const series_set *s = user;
    const series_prep *p = s->prep;
    const float *past = s->values + (s->starts[index] - p->length) * s->channels,
                *next = past + p->length * s->channels;
    float *x = sample->at[0], *y = sample->n_fields > 1 ? sample->at[1] : NULL;
    (void)key;
    if (!p->channels_first) {
        memcpy(x, past, (size_t)(p->length * s->channels) * sizeof *x);
        for (int64_t i = 0; y && i < p->horizon; i++)
            for (int k = 0; k < p->n_targets; k++)
                *y++ = next[i * s->channels + p->targets[k]];
        return TN_OK;
    }
    for (int c = 0; c < s->channels; c++)
        for (int64_t i = 0; i < p->length; i++)
            *x++ = past[i * s->channels + c];
    for (int k = 0; y && k < p->n_targets; k++)
        for (int64_t i = 0; i < p->horizon; i++)
            *y++ = next[i * s->channels + p->targets[k]];
    return TN_OK;
}

static void set_release(void *user)
{
    series_set *s = user;
    free(s->values);
    free(s->starts);
    free(s->stats);
    tn_preparation_free((tn_preparation *)(uintptr_t)s->preparation);
    free(s);
}

/* The row of means and deviations of a series. */
static int stats_of(const series_prep *p, const series_order *o, int64_t series)
{
    size_t length;
    const char *id = table_word_text(&o->ids, (size_t)series, &length);
    for (int i = 0; i < p->n_ids; i++)
        if (strlen(p->ids[i]) == length && memcmp(p->ids[i], id, length) == 0)
            return i + 1;
    return 0;
}

static tn_status put_calendar(series_set *s, const tn_table *t, const series_order *o, base_error *e)
{
    int time;
    BASE_TRY(column_of(t, s->prep->time, &time, e));
    for (int64_t i = 0; i < o->start[o->n]; i++) {
        double v = 0;
        (void)prep_cell_number(t, time, o->rows[i], &v);
        table_date d = table_date_of(v);
        const double parts[] = {(d.hour * 3600 + d.minute * 60 + d.second) / 86400, d.weekday / 7.0,
                                d.yearday / 365.25};
        float *x = s->values + i * s->channels + s->prep->n_columns;
        for (int k = 0; k < 3; k++) {
            *x++ = (float)sin(tau * parts[k]);
            *x++ = (float)cos(tau * parts[k]);
        }
    }
    return TN_OK;
}

static tn_status fill_values(series_set *s, const tn_table *t, const series_order *o, base_error *e)
{
    const series_prep *p = s->prep;
    size_t bytes;
    s->channels = p->n_columns + (p->calendar ? CALENDAR : 0);
    if (__builtin_mul_overflow((size_t)t->rows + 1, (size_t)s->channels * sizeof(float), &bytes))
        return base_fail(e, TN_LIMIT, "these series are larger than memory can be");
    double *v = malloc((size_t)(t->rows + 1) * sizeof *v);
    s->values = malloc(bytes);
    tn_status status = v && s->values ? TN_OK : base_no_memory(e, "reading series");
    for (int k = 0; k < p->n_columns && status == TN_OK; k++) {
        status = take_values(p, t, o, k, v, e);
        for (int64_t q = 0; q < o->n && status == TN_OK; q++) {
            int64_t at = stats_of(p, o, q) * (int64_t)p->n_columns + k;
            for (int64_t i = o->start[q]; i < o->start[q + 1]; i++)
                s->values[i * s->channels + k] = isfinite(v[i]) ? (float)((v[i] - p->mean[at]) / p->std[at]) : 0;
        }
    }
    free(v);
    return status == TN_OK && p->calendar ? put_calendar(s, t, o, e) : status;
}

/* With `part` NULL one window a series: its last rows, to predict what comes next. */
static tn_status find_windows(series_set *s, const series_order *o, const tn_series_part *part, bool last,
                              base_error *e)
{
    const series_prep *p = s->prep;
    base_vec(int64_t) starts = {0};
    base_vec(int) stats = {0};
    for (int64_t q = 0; q < o->n; q++) {
        int64_t from, to, first = o->start[q] + p->length + p->difference;
        bounds(o, q, part, &from, &to);
        from = last ? to : from;
        const int row = stats_of(p, o, q);
        for (int64_t i = from > first ? from : first; i + (last ? 0 : p->horizon) <= to; i += last ? to + 1 : p->stride)
            if (!base_vec_push(&starts, i) || !base_vec_push(&stats, row)) {
                base_vec_free(&starts);
                base_vec_free(&stats);
                return base_no_memory(e, "reading series");
            }
    }
    s->starts = starts.at;
    s->stats = stats.at;
    s->n = (int64_t)starts.n;
    return s->n > 0
               ? TN_OK
               : base_fail(e, TN_FORMAT,
                           "no window of %lld rows%s fits into the series, the longest of which is to be cut into them",
                           (long long)p->length, last ? "" : " and their horizon");
}

static tn_dataset *make_set(const tn_table *t, const tn_preparation *preparation, const series_prep *p,
                            const tn_series_part *part, bool last, base_error *e)
{
    series_order o;
    series_set *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "reading series");
        return NULL;
    }
    s->prep = p;
    s->preparation = data_preparation_retain(preparation);
    tn_status status = order_new(p, t, &o, e);
    if (status == TN_OK) {
        status = fill_values(s, t, &o, e);
        if (status == TN_OK)
            status = find_windows(s, &o, part, last, e);
        order_free(&o);
    }
    tn_field fields[] = {{.name = "x", .dtype = TN_F32, .rank = 2, .dims = {p->length, s->channels}},
                         {.name = "y", .dtype = TN_F32, .rank = 2, .dims = {p->horizon, p->n_targets}}};
    for (int f = 0; p->channels_first && f < 2; f++) {
        int64_t rows = fields[f].dims[0];
        fields[f].dims[0] = fields[f].dims[1];
        fields[f].dims[1] = rows;
    }
    const tn_dataset_def def = {.count = s->n,
                                .fields = fields,
                                .n_fields = last ? 1 : 2,
                                .get = set_get,
                                .release = set_release,
                                .user = s,
                                .preparation = preparation};
    tn_dataset *d = status == TN_OK ? data_new(&def, e) : NULL;
    if (!d)
        set_release(s);
    return d;
}

tn_dataset *tn_dataset_series(tn_context *context, const tn_table *table, const tn_preparation *preparation,
                              const tn_series_part *part)
{
    base_error own = {0}, *e = base_context_begin(context);
    const series_prep *p = data_preparation_self(preparation, &data_prepare_series);
    e = e ? e : &own;
    if (p && table)
        return make_set(table, preparation, p, part, false, e);
    base_fail(e, TN_INVALID, "a data set of series needs the table and its preparation");
    return NULL;
}

/* The last rows of each series in a file: what comes next is to be predicted. */
static tn_dataset *open_prep(const tn_preparation *preparation, const void *self, const data_raw *raw, base_error *e)
{
    const series_prep *p = self;
    tn_table_column_opt *at = calloc((size_t)p->n_columns + 1, sizeof *at);
    if (!at) {
        base_no_memory(e, "reading series");
        return NULL;
    }
    for (int k = 0; k < p->n_columns; k++)
        at[k] = (tn_table_column_opt){.name = p->columns[k], .type = TN_COLUMN_NUMBER};
    tn_table *t = prep_read_raw(raw, p->delimiter, p->header, &(prep_types){at, p->n_columns}, e);
    tn_dataset *d = t ? make_set(t, preparation, p, NULL, true, e) : NULL;
    tn_table_free(t);
    free(at);
    return d;
}

static void unscale(const series_prep *p, int row, float *y, int64_t n)
{
    const double *mean = p->mean + (int64_t)row * p->n_columns, *std = p->std + (int64_t)row * p->n_columns;
    for (int64_t i = 0; i < n; i++) {
        int k = p->targets[(p->channels_first ? i / p->horizon : i) % p->n_targets];
        y[i] = (float)((double)y[i] * std[k] + mean[k]);
    }
}

/* By the scale over all series, where it is not known whose series it was. */
static void restore(const void *self, float *y, int64_t n)
{
    unscale(self, 0, y, n);
}

static bool restore_sample(const void *self, const tn_dataset *d, int64_t index, float *y, int64_t n)
{
    const series_set *s = d->def.user;
    if (d->def.get != set_get || s->prep != self || index < 0 || index >= s->n)
        return false;
    unscale(self, s->stats[index], y, n);
    return true;
}

const data_prepare data_prepare_series = {.kind = "series",
                                          .size = sizeof(series_prep),
                                          .parse = series_parse,
                                          .write = series_write,
                                          .open = open_prep,
                                          .restore = restore,
                                          .restore_sample = restore_sample,
                                          .endings = data_prepare_tables,
                                          .free = free_prep};
