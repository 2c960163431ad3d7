/* cifar.c: files of CIFAR-10 and CIFAR-100 in the binary form: a picture of 32 x 32 and its class in each record. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/check/check.h"
#include "data/names.h"
#include "data/picture.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, PLANES = 3 };

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static bool of_hundred(const char *name)
{
    return strcmp(base_of(name), "train.bin") == 0 || strcmp(base_of(name), "test.bin") == 0;
}

bool check_cifar_classes(const char *name)
{
    static const char *const names[] = {"batches.meta.txt", "fine_label_names.txt", "coarse_label_names.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(base_of(name), names[i]) == 0)
            return true;
    return false;
}

bool check_cifar_name(const char *name, int *part)
{
    const char *base = base_of(name);
    const bool train =
        (strncmp(base, "data_batch_", 11) == 0 && data_name_ends(base, ".bin")) || strcmp(base, "train.bin") == 0;
    const bool test = strcmp(base, "test_batch.bin") == 0 || strcmp(base, "test.bin") == 0;
    if (train || test)
        *part = train ? TN_PART_TRAIN : TN_PART_TEST;
    return train || test;
}

/* The name of a class, from the file of names beside if there is one; in `names`, which it fills. */
static void read_names(const data_check *c, const check_file *f, base_str *names)
{
    base_str beside = {0};
    base_error ignored = {0};
    data_buffer b = {0};
    base_str_printf(&beside, "%.*s%s", (int)(base_of(f->name) - f->name), f->name,
                    of_hundred(f->name) ? "fine_label_names.txt" : "batches.meta.txt");
    const int64_t i = beside.failed ? -1 : data_files_find(c->files, beside.text);
    if (i >= 0 && data_files_read(c->files, i, &b, &ignored) == TN_OK && b.bytes < 65536 &&
        !memchr(b.data, '\0', b.bytes))
        base_str_bytes(names, b.data, b.bytes);
    data_buffer_free(&b);
    base_str_free(&beside);
}

/* Line k of the names that is not empty, else the number. */
static int class_of(data_check *c, const base_str *names, int k)
{
    char name[100];
    (void)base_print(name, sizeof name, "%d", k);
    const char *p = base_str_text(names);
    for (int line = 0; *p; p += strcspn(p, "\r\n"), p += strspn(p, "\r\n"), line++)
        if (line == k && strcspn(p, "\r\n") < sizeof name)
            (void)base_print(name, sizeof name, "%.*s", (int)strcspn(p, "\r\n"), p);
    return check_class(c, name);
}

static tn_status add_record(data_check *c, const check_file *f, const unsigned char *pixels, int64_t row, tn_picture *p)
{
    for (int64_t i = 0; i < PIXELS; i++)
        for (int k = 0; k < PLANES; k++)
            p->pixels[PLANES * i + k] = pixels[k * PIXELS + i];
    return check_measure(c, f, p, row);
}

tn_status check_cifar(data_check *c, const check_file *f)
{
    const int labels = of_hundred(f->name) ? 2 : 1, classes = labels == 2 ? 100 : 10;
    const size_t record = (size_t)labels + (size_t)PLANES * PIXELS;
    const int64_t n = (int64_t)(f->bytes / record);
    int known[100] = {0}; /* class numbers, from 1 */
    base_str names = {0};
    check_file one = *f;
    tn_picture *p = data_picture_new(SIDE, SIDE, PLANES, c->err);
    tn_status status = p ? TN_OK : TN_MEMORY;
    read_names(c, f, &names);
    for (int64_t i = 0; status == TN_OK && i < n; i++) {
        const unsigned char *at = f->data + (size_t)i * record;
        const int label = at[labels - 1];
        base_error why = {0};
        if (label >= classes) {
            base_fail(&why, TN_FORMAT, "picture %lld has the class %d; there are %d", (long long)i, label, classes);
            status = check_add_bad(c, f->where, why.text);
            continue;
        }
        if (known[label] == 0)
            known[label] = class_of(c, &names, label) + 1;
        one.class_number = known[label] - 1;
        status =
            one.class_number < 0 ? base_no_memory(c->err, "checking data") : add_record(c, &one, at + labels, i, p);
    }
    if (status == TN_OK && (n == 0 || f->bytes % record != 0)) {
        base_error why = {0};
        base_fail(&why, TN_FORMAT, "its %zu bytes are not a whole number of records of %zu: is it cut off?", f->bytes,
                  record);
        status = check_add_bad(c, f->where, why.text);
    }
    tn_picture_free(p);
    base_str_free(&names);
    return status;
}
