/* fuzz_samples.c: any bytes as the file in which decoded pictures are kept: the samples are the right ones where the file does not look whole,
 * and pictures of the right size in any case; the file is made anew. The first byte chooses whether the sums are put right first, and
 * whether pictures are kept as decoded or as they are handed out. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "support/scratch.h"

#include <tarn/picture.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As store.c has it. */
typedef struct tail {
    char magic[8];
    uint64_t order, version, key, count, index_at, index_sum, sum;
} tail;
typedef struct entry {
    uint64_t at, bytes, sum;
} entry;

enum { PICTURES = 3, SIDE = 4, SAMPLE = 3 * SIDE * SIDE };

/* The samples as they should be, and the file that keeps them: [0] as decoded, [1] as handed out. */
typedef struct place {
    char path[512]; /* of the file */
    uint64_t key;
    uint8_t due[PICTURES][SAMPLE];
} place;
static place places[2];
static tn_context *context;

static tn_dataset *open_set(bool whole)
{
    tn_pipeline *p =
        whole ? NULL : tn_pipeline_parse(context, "flip_horizontal; random_crop height=4 width=4 padding=2");
    const tn_cache_opt cache = {.folder = scratch_path(whole ? "kept1" : "kept0"), .context = context};
    tn_dataset *d =
        tn_dataset_pictures(context, scratch_path("pictures"),
                            TN_OPT(tn_pictures_opt, .height = SIDE, .width = SIDE, .pipeline = p, .cache = &cache));
    tn_pipeline_free(p);
    if (!d)
        abort();
    return d;
}

/* All of them, which ends in a file that is whole. */
static void fetch_all(bool whole, uint8_t to[PICTURES][SAMPLE])
{
    tn_dataset *d = open_set(whole);
    for (int64_t i = 0; i < PICTURES; i++) {
        int64_t y = -1;
        tn_view views[] = {tn_view_of(to[i], TN_U8, 3, (int64_t[]){3, SIDE, SIDE}), tn_view_of(&y, TN_I64, 0, NULL)};
        if (tn_dataset_get(context, d, i, 0, views) != TN_OK || y != 0)
            abort();
    }
    tn_dataset_free(d);
}

static void read_tail(const char *path, tail *t)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, -(long)sizeof *t, SEEK_END) != 0 || fread(t, sizeof *t, 1, f) != 1 || fclose(f) != 0)
        abort();
}

static void find_kept(place *p, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (d->d_name[0] != '.')
            (void)snprintf(p->path, sizeof p->path, "%s/%s", folder, d->d_name);
    tail t = {0};
    if (!dir || closedir(dir) != 0 || !p->path[0])
        abort();
    read_tail(p->path, &t);
    p->key = t.key;
}

static void write_pictures(void)
{
    base_error e = {0};
    if (base_make_folder(scratch_path("pictures"), &e) != TN_OK ||
        base_make_folder(scratch_path("pictures/a"), &e) != TN_OK)
        abort();
    for (int i = 0; i < PICTURES; i++) {
        char name[32], data[400];
        const int w = 5 + i, h = 7 - i, n = snprintf(data, sizeof data, "P6\n%d %d\n255\n", w, h), all = n + w * h * 3;
        for (int k = n; k < all; k++)
            data[k] = (char)(k * (i + 3));
        (void)snprintf(name, sizeof name, "pictures/a/%d.ppm", i);
        if (base_file_write(scratch_path(name), data, (size_t)all, &e) != TN_OK)
            abort();
    }
}

static void begin(void)
{
    (void)scratch_new();
    (void)atexit(scratch_remove);
    write_pictures();
    if (!(context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1))))
        abort();
    for (int whole = 0; whole < 2; whole++) {
        fetch_all(whole, places[whole].due);
        find_kept(&places[whole], scratch_path(whole ? "kept1" : "kept0"));
    }
}

/* All that is needed for the records to be believed, whatever they say. */
static void seal(uint8_t *file, size_t bytes, uint64_t key)
{
    tail t;
    const size_t index_bytes = PICTURES * sizeof(entry);
    if (bytes < sizeof t + index_bytes)
        return;
    memcpy(&t, file + bytes - sizeof t, sizeof t);
    memcpy(t.magic, "TarnSamp", sizeof t.magic);
    t.order = 0x0102030405060708u;
    t.version = 1;
    t.key = key;
    t.count = PICTURES;
    t.index_at = bytes - sizeof t - index_bytes;
    for (int i = 0; i < PICTURES; i++) {
        entry r;
        memcpy(&r, file + t.index_at + (size_t)i * sizeof r, sizeof r);
        if (r.at <= t.index_at && r.bytes <= t.index_at - r.at)
            r.sum = base_checksum(0, file + r.at, (size_t)r.bytes);
        memcpy(file + t.index_at + (size_t)i * sizeof r, &r, sizeof r);
    }
    t.index_sum = base_checksum(0, file + t.index_at, index_bytes);
    t.sum = base_checksum(0, &t, offsetof(tail, sum));
    memcpy(file + bytes - sizeof t, &t, sizeof t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t got[PICTURES][SAMPLE];
    if (!context)
        begin();
    if (size < 1 || size > 1 << 14)
        return 0;
    const bool sealed = data[0] & 1, whole = data[0] & 2;
    const place *p = &places[whole];
    uint8_t *file = malloc(size);
    if (!file)
        abort();
    memcpy(file, data + 1, size - 1);
    if (sealed)
        seal(file, size - 1, p->key);
    FILE *f = fopen(p->path, "wb");
    if (!f || fwrite(file, 1, size - 1, f) != size - 1 || fclose(f) != 0)
        abort();
    free(file);
    fetch_all(whole, got);
    if (!sealed && memcmp(got, p->due, sizeof got) != 0) /* no sums are right by chance */
        abort();
    return 0;
}
