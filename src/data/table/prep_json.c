/* prep_json.c: a table's preparation as model files hold it, and tables of files as it wants them. Nothing that is parsed is
 * believed. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/dataset.h"
#include "data/table/prep.h"

enum { MOST_COLUMNS = 1 << 17, MOST_WORDS = 1 << 20 };

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void write_words(format_json_out *w, const char *key, const char *const *words, int n)
{
    format_json_open_list(w, key);
    for (int i = 0; i < n; i++)
        format_json_put_string(w, NULL, words[i]);
    format_json_close(w);
}

static void write_column(const prep_column *c, format_json_out *w)
{
    format_json_open_object(w, NULL);
    format_json_put_string(w, "name", c->name);
    format_json_put_string(w, "how", tn_feature_name(c->how));
    if (c->type != TN_COLUMN_AUTO)
        format_json_put_string(w, "type", tn_column_type_name(c->type));
    format_json_put_bool(w, "indicator", c->indicator);
    if (prep_takes_words(c->how)) {
        format_json_put_i64(w, "missing", c->fill_code);
        if (c->how == TN_FEATURE_HASH)
            format_json_put_i64(w, "buckets", c->buckets);
        else
            write_words(w, "words", c->words, c->n_words);
    } else {
        format_json_put_f64(w, "missing", c->fill);
        format_json_put_f64(w, "mean", c->mean);
        format_json_put_f64(w, "std", c->std);
    }
    if (c->how == TN_FEATURE_QUANTILE) {
        format_json_open_list(w, "marks");
        for (int i = 0; i < c->n_marks; i++)
            format_json_put_f64(w, NULL, c->marks[i]);
        format_json_close(w);
    }
    format_json_close(w);
}

static void write_prep(const void *self, format_json_out *w)
{
    const table_prep *p = self;
    format_json_put_i64(w, "delimiter", p->delimiter);
    format_json_put_bool(w, "header", p->header);
    format_json_open_list(w, "columns");
    for (int k = 0; k < p->n_columns; k++)
        write_column(&p->columns[k], w);
    format_json_close(w);
    if (!p->target)
        return;
    format_json_open_object(w, "target");
    format_json_put_string(w, "name", p->target);
    if (p->classes)
        write_words(w, "classes", p->class_names, p->classes);
    format_json_put_f64(w, "mean", p->y_mean);
    format_json_put_f64(w, "std", p->y_std);
    format_json_close(w);
}

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

static tn_status read_text(table_prep *p, const format_json *o, const char *key, const char **out, base_error *e)
{
    const char *text;
    BASE_TRY(format_json_get_string(o, "a table's preparation", key, &text, e));
    *out = base_arena_strdup(&p->arena, text);
    return *out ? TN_OK : base_no_memory(e, "reading a preparation");
}

static tn_status read_finite(const format_json *o, const char *key, double *v, base_error *e)
{
    BASE_TRY(format_json_get_f64(o, "a table's preparation", key, v, e));
    return isfinite(*v) ? TN_OK : base_fail(e, TN_FORMAT, "a table's preparation: '%s' is not finite", key);
}

static tn_status read_words(table_prep *p, const format_json *list, const char ***words, int *n, base_error *e)
{
    size_t count = format_json_count(list);
    if (count > MOST_WORDS)
        return base_fail(e, TN_LIMIT, "a table's preparation has more than %d words", MOST_WORDS);
    *words = BASE_ARRAY(&p->arena, const char *, count + 1);
    for (size_t i = 0; *words && i < count; i++) {
        const char *text;
        BASE_TRY(format_json_as_string(format_json_at(list, i), "a word of a table's preparation", &text, e));
        if (!((*words)[i] = base_arena_strdup(&p->arena, text)))
            return base_no_memory(e, "reading a preparation");
    }
    *n = (int)count;
    return *words ? TN_OK : base_no_memory(e, "reading a preparation");
}

static tn_status read_marks(table_prep *p, const format_json *o, prep_column *c, base_error *e)
{
    const format_json *list;
    BASE_TRY(format_json_get_list(o, "a table's preparation", "marks", &list, e));
    size_t n = format_json_count(list);
    c->marks = n >= 1 && n <= 10000 ? BASE_ARRAY(&p->arena, double, n) : NULL;
    if (!c->marks)
        return base_fail(e, TN_FORMAT, "a table's preparation has %zu marks of a quantile; 1 to 10000 are possible", n);
    for (size_t i = 0; i < n; i++) {
        BASE_TRY(format_json_as_f64(format_json_at(list, i), "a mark of a quantile", &c->marks[i], e));
        if (!isfinite(c->marks[i]) || (i && c->marks[i] < c->marks[i - 1]))
            return base_fail(e, TN_FORMAT, "a table's preparation: marks of a quantile are not in order");
    }
    c->n_marks = (int)n;
    return TN_OK;
}

static tn_status read_word_column(table_prep *p, const format_json *o, prep_column *c, base_error *e)
{
    int64_t v, most;
    const format_json *list;
    if (c->how == TN_FEATURE_HASH) {
        BASE_TRY(format_json_get_i64(o, "a table's preparation", "buckets", 1, 1 << 20, &v, e));
        c->buckets = (int)v;
        most = v;
    } else {
        BASE_TRY(format_json_get_list(o, "a table's preparation", "words", &list, e));
        BASE_TRY(read_words(p, list, &c->words, &c->n_words, e));
        most = c->n_words;
    }
    BASE_TRY(format_json_get_i64(o, "a table's preparation", "missing", 0, most, &v, e));
    c->fill_code = (int)v;
    return TN_OK;
}

/* Files of older versions have none. */
static tn_status read_type(const format_json *o, tn_column_type *type, base_error *e)
{
    const char *text;
    if (!format_json_find(o, "type"))
        return TN_OK;
    BASE_TRY(format_json_get_string(o, "a table's preparation", "type", &text, e));
    for (int i = TN_COLUMN_INTEGER; i <= TN_COLUMN_TEXT; i++)
        if (strcmp(text, tn_column_type_name((tn_column_type)i)) == 0)
            *type = (tn_column_type)i;
    return *type != TN_COLUMN_AUTO
               ? TN_OK
               : base_fail(e, TN_TOO_NEW,
                           "a table's preparation has a column of type '%s', which this version does not know",
                           BASE_SHOW(text));
}

static tn_status read_column(table_prep *p, const format_json *o, prep_column *c, base_error *e)
{
    const char *how;
    BASE_TRY(format_json_as_object(o, "a column of a table's preparation", e));
    BASE_TRY(read_text(p, o, "name", &c->name, e));
    BASE_TRY(format_json_get_string(o, "a table's preparation", "how", &how, e));
    BASE_TRY(format_json_get_bool(o, "a table's preparation", "indicator", &c->indicator, e));
    BASE_TRY(read_type(o, &c->type, e));
    for (tn_feature i = TN_FEATURE_STANDARDIZE; i <= TN_FEATURE_DATE; i++)
        if (strcmp(how, tn_feature_name(i)) == 0)
            c->how = i;
    if (c->how == TN_FEATURE_AUTO)
        return base_fail(e, TN_TOO_NEW,
                         "a table's preparation encodes a column by '%s', which this version does not know",
                         BASE_SHOW(how));
    if (prep_takes_words(c->how))
        return read_word_column(p, o, c, e);
    BASE_TRY(read_finite(o, "missing", &c->fill, e));
    BASE_TRY(read_finite(o, "mean", &c->mean, e));
    BASE_TRY(read_finite(o, "std", &c->std, e));
    if (!(c->std > 0))
        return base_fail(e, TN_FORMAT, "a table's preparation has a deviation that is not above 0");
    return c->how == TN_FEATURE_QUANTILE ? read_marks(p, o, c, e) : TN_OK;
}

static tn_status read_target(table_prep *p, const format_json *o, base_error *e)
{
    const format_json *classes = format_json_find(o, "classes");
    BASE_TRY(format_json_as_object(o, "the target of a table's preparation", e));
    BASE_TRY(read_text(p, o, "name", &p->target, e));
    BASE_TRY(read_finite(o, "mean", &p->y_mean, e));
    BASE_TRY(read_finite(o, "std", &p->y_std, e));
    if (!(p->y_std > 0))
        return base_fail(e, TN_FORMAT, "a table's preparation has a deviation that is not above 0");
    return classes ? read_words(p, classes, &p->class_names, &p->classes, e) : TN_OK;
}

static tn_status parse_prep(const format_json *o, void *self, base_error *e)
{
    table_prep *p = self;
    const format_json *list, *target = format_json_find(o, "target");
    int64_t delimiter;
    BASE_TRY(format_json_get_i64(o, "a table's preparation", "delimiter", 0, 126, &delimiter, e));
    BASE_TRY(format_json_get_bool(o, "a table's preparation", "header", &p->header, e));
    BASE_TRY(format_json_get_list(o, "a table's preparation", "columns", &list, e));
    p->delimiter = (char)delimiter;
    size_t n = format_json_count(list);
    p->columns = n <= MOST_COLUMNS ? BASE_ARRAY(&p->arena, prep_column, n) : NULL;
    if (!p->columns)
        return base_fail(e, TN_LIMIT, "a table's preparation has %zu columns", n);
    for (size_t k = 0; k < n; k++)
        BASE_TRY(read_column(p, format_json_at(list, k), &p->columns[p->n_columns++], e));
    p->y_std = 1;
    if (target)
        BASE_TRY(read_target(p, target, e));
    return prep_finish(p, e);
}

static void free_prep(void *self)
{
    table_prep *p = self;
    base_arena_free(&p->arena);
    free(p);
}

/* ---- raw files ---------------------------------------------------------------------------------------------------- */

static bool is_words(tn_column_type type)
{
    return type == TN_COLUMN_CATEGORY || type == TN_COLUMN_TEXT;
}

/* Those of `types` that the table has, but as words where they are none, or the other way. */
static int misread(const tn_table *t, const prep_types *types, tn_table_column_opt *out)
{
    int n = 0;
    for (int i = 0; types && i < types->n; i++) {
        const tn_column *c = tn_table_column(t, tn_table_find(t, types->at[i].name));
        if (c && types->at[i].type != TN_COLUMN_AUTO && is_words(c->type) != is_words(types->at[i].type))
            out[n++] = types->at[i];
    }
    return n;
}

static tn_table *read_raw(tn_context *c, const data_raw *raw, const tn_table_opt *opt, base_error *e)
{
    tn_table *t =
        raw->path ? tn_table_read(c, raw->path, opt) : tn_table_parse(c, raw->data, raw->bytes, raw->name, opt);
    if (!t)
        base_fail(e, c->err.status, "%s%s", c->err.text,
                  opt->n_columns && c->err.status == TN_FORMAT ? " (by the table that the model was trained on)" : "");
    return t;
}

tn_table *prep_read_raw(const data_raw *raw, char delimiter, bool header, const prep_types *types, base_error *e)
{
    tn_context *c = tn_context_new(NULL);
    tn_table_column_opt *told = calloc((size_t)(types ? types->n : 0) + 1, sizeof *told);
    tn_table_opt opt = {.delimiter = delimiter, /* 0: a database or JSON lines, whose columns had names */
                        .header = header || !delimiter ? TN_HEADER_YES : TN_HEADER_NO,
                        .columns = told};
    tn_table *t = NULL;
    if (!c || !told)
        base_no_memory(e, "reading a table");
    else
        t = read_raw(c, raw, &opt, e);
    if (t && (opt.n_columns = misread(t, types, told)) > 0) {
        tn_table_free(t);
        t = read_raw(c, raw, &opt, e);
    }
    free(told);
    tn_context_free(c);
    return t;
}

/* What a column must be read as. Numbers may be written as whole ones, and words hold all that texts do. */
static tn_column_type type_of(const prep_column *c)
{
    if (prep_takes_words(c->how))
        return is_words(c->type) ? TN_COLUMN_TEXT : TN_COLUMN_AUTO;
    return c->how == TN_FEATURE_DATE || c->type == TN_COLUMN_TIME ? TN_COLUMN_TIME
           : c->type == TN_COLUMN_BOOLEAN                         ? TN_COLUMN_BOOLEAN
                                                                  : TN_COLUMN_NUMBER;
}

static tn_dataset *open_prep(const tn_preparation *preparation, const void *self, const data_raw *raw, base_error *e)
{
    const table_prep *p = self;
    tn_table_column_opt *at = calloc((size_t)p->n_columns + 1, sizeof *at);
    if (!at) {
        base_no_memory(e, "reading a table");
        return NULL;
    }
    for (int k = 0; k < p->n_columns; k++)
        at[k] = (tn_table_column_opt){.name = p->columns[k].name, .type = type_of(&p->columns[k])};
    tn_table *t = prep_read_raw(raw, p->delimiter, p->header, &(prep_types){at, p->n_columns}, e);
    tn_dataset *d = t ? prep_open_table(t, preparation, e) : NULL;
    tn_table_free(t);
    free(at);
    return d;
}

static void restore(const void *self, float *y, int64_t n)
{
    const table_prep *p = self;
    for (int64_t i = 0; i < n && p->classes == 0; i++)
        y[i] = (float)((double)y[i] * p->y_std + p->y_mean);
}

const data_prepare data_prepare_table = {.kind = "table",
                                         .size = sizeof(table_prep),
                                         .parse = parse_prep,
                                         .write = write_prep,
                                         .open = open_prep,
                                         .restore = restore,
                                         .endings = data_prepare_tables,
                                         .free = free_prep};

/* ---- features ---------------------------------------------------------------------------------------------------- */

int tn_table_features(const tn_preparation *preparation)
{
    const table_prep *p = data_preparation_self(preparation, &data_prepare_table);
    return p ? p->features : 0;
}

tn_status tn_table_feature(const tn_preparation *preparation, int index, char *name, size_t bytes, int *codes)
{
    static const char *const parts[] = {"time",        "yearday:sin", "yearday:cos", "weekday:sin",
                                        "weekday:cos", "day:sin",     "day:cos"};
    const table_prep *p = data_preparation_self(preparation, &data_prepare_table);
    if (!p || index < 0 || index >= p->features)
        return TN_INVALID;
    const prep_column *c = p->columns;
    while (index >= c->at + c->width + c->indicator)
        c++;
    int i = index - c->at;
    base_error text = {0};
    *codes = 0;
    if (i == c->width)
        base_fail(&text, TN_OK, "%s:missing", c->name);
    else if (c->how == TN_FEATURE_ONE_HOT)
        base_fail(&text, TN_OK, "%s=%s", c->name, i < c->n_words ? c->words[i] : "?");
    else if (c->how == TN_FEATURE_HASH)
        base_fail(&text, TN_OK, "%s#%d", c->name, i);
    else if (c->how == TN_FEATURE_DATE)
        base_fail(&text, TN_OK, "%s:%s", c->name, parts[i]);
    else
        base_fail(&text, TN_OK, "%s", c->name);
    if (c->how == TN_FEATURE_CODES && i < c->width)
        *codes = c->n_words + 1;
    size_t n = strlen(text.text);
    if (bytes > 0) {
        n = n < bytes ? n : bytes - 1;
        memcpy(name, text.text, n);
        name[n] = '\0';
    }
    return TN_OK;
}
