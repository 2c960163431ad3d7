/* prepare.c: see prepare.h and <tarn/data.h>. */
#include "data/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/names.h"

/* The kinds, each in the folder of its own. */
extern const data_prepare data_prepare_table, data_prepare_series, data_prepare_text, data_prepare_pairs,
    data_prepare_sound;
static const data_prepare *const kinds[] = {&data_prepare_table, &data_prepare_series, &data_prepare_text,
                                            &data_prepare_pairs, &data_prepare_sound};

const char *const data_prepare_tables[] = {".csv",    ".tsv",      ".jsonl",     ".ndjson", ".csv.gz",
                                           ".tsv.gz", ".jsonl.gz", ".ndjson.gz", NULL};
const char *const data_prepare_texts[] = {".txt", ".text", ".txt.gz", NULL};

struct tn_preparation {
    atomic_int references;
    const data_prepare *kind;
    void *self;
};

tn_preparation *data_preparation_new(const data_prepare *kind, void *self, base_error *e)
{
    tn_preparation *p = calloc(1, sizeof *p);
    if (!p) {
        kind->free(self);
        base_no_memory(e, "making a preparation");
        return NULL;
    }
    atomic_init(&p->references, 1);
    p->kind = kind;
    p->self = self;
    return p;
}

const tn_preparation *data_preparation_retain(const tn_preparation *p)
{
    tn_preparation *mine = (tn_preparation *)(uintptr_t)p;
    if (mine)
        atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

void tn_preparation_free(tn_preparation *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1)
        return;
    p->kind->free(p->self);
    free(p);
}

const void *data_preparation_self(const tn_preparation *p, const data_prepare *kind)
{
    return p && p->kind == kind ? p->self : NULL;
}

const char *tn_preparation_kind(const tn_preparation *p)
{
    return p->kind->kind;
}

void data_preparation_restore(const tn_preparation *p, float *y, int64_t n)
{
    if (p && p->kind->restore)
        p->kind->restore(p->self, y, n);
}

void data_preparation_restore_sample(const tn_preparation *p, const tn_dataset *d, int64_t index, float *y, int64_t n)
{
    if (!p || !p->kind->restore_sample || !p->kind->restore_sample(p->self, d, index, y, n))
        data_preparation_restore(p, y, n);
}

/* ---- as JSON ----------------------------------------------------------------------------------------------------- */

void data_preparation_write(const tn_preparation *p, format_json_out *w, const char *key)
{
    format_json_open_object(w, key);
    format_json_put_string(w, "kind", p->kind->kind);
    p->kind->write(p->self, w);
    format_json_close(w);
}

static tn_preparation *parse(const data_prepare *kind, const format_json *object, base_error *e)
{
    void *self = calloc(1, kind->size);
    if (!self) {
        base_no_memory(e, "reading a preparation");
        return NULL;
    }
    if (kind->parse(object, self, e) == TN_OK)
        return data_preparation_new(kind, self, e);
    kind->free(self);
    return NULL;
}

tn_preparation *data_preparation_read(const format_json *object, base_error *e)
{
    const char *name;
    if (format_json_as_object(object, "a preparation", e) != TN_OK ||
        format_json_get_string(object, "a preparation", "kind", &name, e) != TN_OK)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->kind, name) == 0)
            return parse(kinds[i], object, e);
    base_fail(e, TN_TOO_NEW, "there is no preparation of the kind '%s' in this version", BASE_SHOW(name));
    return NULL;
}

char *tn_preparation_json(tn_context *context, const tn_preparation *p)
{
    base_error *e = base_context_begin(context);
    base_str s = {0};
    format_json_out w = {.to = &s};
    data_preparation_write(p, &w, NULL);
    if (!s.failed)
        return s.text;
    base_str_free(&s);
    base_no_memory(e, "writing a preparation");
    return NULL;
}

tn_preparation *tn_preparation_parse(tn_context *context, const char *json, size_t bytes)
{
    base_error *e = base_context_begin(context);
    format_json *root = NULL;
    if (format_json_parse(json, bytes, NULL, "a preparation", &root, e) != TN_OK)
        return NULL;
    tn_preparation *p = data_preparation_read(root, e);
    format_json_free(root);
    return p;
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

tn_dataset *tn_preparation_open(tn_context *context, const tn_preparation *p, const char *path)
{
    const data_raw raw = {.path = path, .name = path};
    tn_dataset *d = p->kind->open(p, p->self, &raw, base_context_begin(context));
    return d; // cppcheck-suppress returnDanglingLifetime ; the data set keeps nothing of `raw` itself
}

tn_dataset *tn_preparation_read(tn_context *context, const tn_preparation *p, const void *data, size_t bytes,
                                const char *name)
{
    const data_raw raw = {.data = data, .bytes = bytes, .name = name ? name : "the input"};
    tn_dataset *d = p->kind->open(p, p->self, &raw, base_context_begin(context));
    return d; // cppcheck-suppress returnDanglingLifetime ; the data set keeps nothing of `raw` itself
}

bool tn_preparation_reads(const tn_preparation *p, const char *name)
{
    return data_name_ends_in(name, p->kind->endings);
}
