/* cifar.c: CIFAR-10 and CIFAR-100 in the binary form: records of one or two label bytes and 3072 bytes, three planes of 32 x 32.
 * See https://www.cs.toronto.edu/~kriz/cifar.html. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/vec.h"
#include "data/dataset.h"
#include "data/files.h"

#include <tarn/picture.h>

enum { PIXELS = 3 * 32 * 32, MOST_BATCHES = 5 };

typedef struct cifar {
    int labels; /* bytes in front of the pixels: 1, or 2 of which the second counts */
    int64_t count;
    unsigned char *records;
} cifar;

static size_t record_bytes(const cifar *c)
{
    return (size_t)PIXELS + (size_t)c->labels;
}

static int64_t cifar_label(void *user, int64_t index)
{
    const cifar *c = user;
    return c->records[(size_t)index * record_bytes(c) + (size_t)c->labels - 1];
}

static tn_status cifar_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const cifar *c = user;
    int64_t label = cifar_label(user, index);
    (void)key;
    memcpy(sample->at[0], c->records + (size_t)index * record_bytes(c) + (size_t)c->labels, PIXELS);
    memcpy(sample->at[1], &label, sizeof label);
    return TN_OK;
}

static void cifar_release(void *user)
{
    cifar *c = user;
    free(c->records);
    free(c);
}

/* The file of this name, in whatever folder; -1: none. */
static int64_t find_file(const data_files *f, const char *name)
{
    size_t n = strlen(name);
    for (int64_t i = 0; i < data_files_count(f); i++) {
        const char *have = data_files_name(f, i);
        size_t m = strlen(have);
        if (m >= n && strcmp(have + m - n, name) == 0 && (m == n || have[m - n - 1] == '/'))
            return i;
    }
    return -1;
}

static tn_status check_labels(cifar *c, int64_t from, base_error *e)
{
    const int64_t classes = c->labels == 2 ? 100 : 10;
    for (int64_t i = from; i < c->count; i++)
        if (cifar_label(c, i) >= classes)
            return base_fail(e, TN_FORMAT, "record %lld, from 0, has the label %lld; there are %lld classes",
                             (long long)(i - from), (long long)cifar_label(c, i), (long long)classes);
    return TN_OK;
}

static tn_status append(cifar *c, const data_files *f, int64_t i, base_error *e)
{
    data_buffer b = {0};
    const int64_t before = c->count;
    tn_status status = data_files_read(f, i, &b, e);
    size_t have = (size_t)c->count * record_bytes(c);
    if (status == TN_OK && (b.bytes == 0 || b.bytes % record_bytes(c) != 0)) {
        base_fail(e, TN_FORMAT, "its %zu bytes are not a whole number of records of %zu", b.bytes, record_bytes(c));
        status = data_files_blame(f, i, e);
    }
    unsigned char *records = status == TN_OK ? realloc(c->records, have + b.bytes) : NULL;
    if (status == TN_OK && !records)
        status = base_no_memory(e, "reading CIFAR");
    if (records) {
        memcpy(records + have, b.data, b.bytes);
        c->records = records;
        c->count += (int64_t)(b.bytes / record_bytes(c));
        status = check_labels(c, before, e);
        if (status != TN_OK)
            (void)data_files_blame(f, i, e);
    }
    data_buffer_free(&b);
    return status;
}

static tn_status read_all(cifar *c, const data_files *f, bool train, const char *path, base_error *e)
{
    static const char *const ten[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                      "data_batch_5.bin"};
    bool hundred = find_file(f, "train.bin") >= 0 || find_file(f, "test.bin") >= 0;
    c->labels = hundred ? 2 : 1;
    for (int k = 0; k < (train && !hundred ? MOST_BATCHES : 1); k++) {
        const char *name = hundred ? (train ? "train.bin" : "test.bin") : train ? ten[k] : "test_batch.bin";
        int64_t i = find_file(f, name);
        if (i < 0)
            return base_fail(e, TN_NOT_FOUND, "%s holds no file %s of CIFAR in the binary form", path, name);
        BASE_TRY(append(c, f, i, e));
    }
    return TN_OK;
}

/* Names of classes, one a line; without the file classes are numbers. */
typedef struct names {
    base_str text;
    const char *at[100];
    int n;
} names;

static void read_names(names *out, const data_files *f, int classes)
{
    base_error e = {0};
    data_buffer b = {0};
    int64_t i = find_file(f, classes == 100 ? "fine_label_names.txt" : "batches.meta.txt");
    if (i >= 0 && data_files_read(f, i, &b, &e) == TN_OK && b.bytes < 65536 && !memchr(b.data, '\0', b.bytes))
        base_str_bytes(&out->text, b.data, b.bytes);
    for (char *p = out->text.text; !out->text.failed && p && *p && out->n < classes;) {
        size_t n = strcspn(p, "\r\n");
        bool last = !p[n];
        p[n] = '\0';
        if (n)
            out->at[out->n++] = p;
        p += last ? n : n + 1;
    }
    data_buffer_free(&b);
}

static tn_dataset *make(cifar *c, const data_files *f, base_error *e)
{
    const tn_field fields[] = {{.name = "x", .dtype = TN_U8, .rank = 3, .dims = {3, 32, 32}},
                               {.name = "y", .dtype = TN_I64}};
    names n = {0};
    tn_dataset_def def = {.count = c->count,
                          .fields = fields,
                          .n_fields = 2,
                          .classes = c->labels == 2 ? 100 : 10,
                          .get = cifar_get,
                          .label = cifar_label,
                          .release = cifar_release,
                          .user = c};
    read_names(&n, f, def.classes);
    def.class_names = n.n == def.classes ? n.at : NULL;
    tn_dataset *d = data_new(&def, e);
    base_str_free(&n.text);
    return d;
}

tn_dataset *tn_dataset_cifar(tn_context *context, const char *path, bool train)
{
    base_error *e = base_context_begin(context);
    data_files *f = data_files_open(path, NULL, e);
    cifar *c = f ? calloc(1, sizeof *c) : NULL;
    tn_dataset *d = NULL;
    if (f && !c)
        base_no_memory(e, "reading CIFAR");
    if (c && read_all(c, f, train, path, e) == TN_OK)
        d = make(c, f, e);
    if (c && !d)
        cifar_release(c);
    data_files_close(f);
    return d;
}
