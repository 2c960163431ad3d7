/* test_recipe_splits.c: training, validation and test samples of every kind whose samples are files or arrays: nobody is in two parts,
 * groups stay together, the last in time is tested on, folds cover all; and the record of it in a run's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/file.h"
#include "base/str.h"
#include "support/context.h"
#include "support/scratch.h"
#include "train/source/source.h"
#include <tarn/sound.h>

/* 60 samples: 12 patients with 5 each; sample i is of patient i / 5 and of day 1 + i % 28, class i % 2. */
enum { SAMPLES = 60, EACH = 5 };

static int patient_of(int id)
{
    return id / EACH;
}

static int day_of(int id)
{
    return 1 + id % 28;
}

static void write_text(const char *path, const char *text)
{
    base_error e = {0};
    if (base_file_write(path, text, strlen(text), &e) != TN_OK)
        fail_msg("%s", e.text);
}

static const char *name_of(int id, const char *folder, const char *ending)
{
    static char names[4][200];
    static int at;
    char *to = names[at++ % 4];
    (void)snprintf(to, sizeof names[0], "%s/%s/p%d_2024-01-%02d_%d.%s", folder, id % 2 ? "odd" : "even", patient_of(id),
                   day_of(id), id, ending);
    return to;
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(scratch_path(name), 0777), 0);
}

static void make_folders(const char *name)
{
    char inner[64];
    make_folder(name);
    (void)snprintf(inner, sizeof inner, "%s/odd", name);
    make_folder(inner);
    (void)snprintf(inner, sizeof inner, "%s/even", name);
    make_folder(inner);
}

/* A picture of 2 x 2 pixels of one grey, its number. */
static void write_picture(const char *name, int grey)
{
    char text[64];
    (void)snprintf(text, sizeof text, "P2 2 2 255 %d %d %d %d\n", grey, grey, grey, grey);
    write_text(scratch_path(name), text);
}

static void make_pictures(void)
{
    base_str list = {0};
    make_folders("set");
    for (int i = 0; i < SAMPLES; i++) {
        write_picture(name_of(i, "set", "pgm"), i);
        base_str_printf(&list, "%s,%s\n", name_of(i, "set", "pgm") + 4, i % 2 ? "odd" : "even");
    }
    write_text(scratch_path("list.csv"), base_str_text(&list));
    base_str_free(&list);
}

/* One format of .npy: little-endian, of `dims`. */
static void write_npy(const char *name, const char *type, const char *dims, const void *data, size_t bytes)
{
    base_str s = {0};
    char head[119];
    (void)memset(head, ' ', sizeof head);
    const int n = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, dims);
    head[n] = ' ';
    head[117] = '\n';
    base_str_bytes(&s, "\x93NUMPY\x01\x00\x76\x00", 10);
    base_str_bytes(&s, head, 118);
    base_str_bytes(&s, data, bytes);
    base_error e = {0};
    assert_int_equal(base_file_write(scratch_path(name), s.text, s.length, &e), TN_OK);
    base_str_free(&s);
}

static void make_arrays(void)
{
    uint8_t x[SAMPLES * 4], y[SAMPLES];
    int64_t patient[SAMPLES];
    double day[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        memset(x + 4 * i, i, 4);
        y[i] = (uint8_t)(i % 2);
        patient[i] = patient_of(i);
        day[i] = day_of(i);
    }
    write_npy("x.npy", "|u1", "60, 2, 2", x, sizeof x);
    write_npy("y.npy", "|u1", "60,", y, sizeof y);
    write_npy("patient.npy", "<i8", "60,", patient, sizeof patient);
    write_npy("day.npy", "<f8", "60,", day, sizeof day);
    write_npy("short.npy", "<i8", "59,", patient, 59 * sizeof *patient);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static tn_status try_sets(tn_context *c, const char *data, train_recipe **r, train_sets *s)
{
    char text[4096];
    base_error e = {0};
    (void)snprintf(text, sizeof text, "tarn: 1\nmodel: {layers: [flatten, linear: 2]}\ndata: {%s}\n", data);
    const char *folder = scratch_path(".");
    *s = (train_sets){0};
    if (train_recipe_parse(text, strlen(text), "r.yaml", folder, NULL, 0, r, &e) == TN_OK)
        return train_sets_open(c, *r, s);
    return base_fail(base_context_begin(c), e.status, "%s", e.text);
}

static void open_sets(tn_context *c, const char *data, train_recipe **r, train_sets *s)
{
    if (try_sets(c, data, r, s) != TN_OK)
        fail_msg("%s: %s", data, tn_context_error(c));
}

static void refuses(tn_context *c, const char *data, const char *sentence)
{
    train_recipe *r = NULL;
    train_sets s;
    assert_int_not_equal(try_sets(c, data, &r, &s), TN_OK);
    if (!strstr(tn_context_error(c), sentence))
        fail_msg("'%s' is not in: %s", sentence, tn_context_error(c));
    train_recipe_free(r);
}

/* The sample's number is its first pixel, or its first amplitude in hundredths. */
static int id_of(tn_context *c, const tn_dataset *d, int64_t i)
{
    static union {
        int64_t align;
        uint8_t u8[1 << 16];
        float f32[1 << 14];
    } room[TN_MAX_FIELDS];
    tn_view views[TN_MAX_FIELDS];
    const int x = tn_dataset_find(d, "x");
    for (int f = 0; f < tn_dataset_fields(d); f++) {
        const tn_field *field = tn_dataset_field(d, f);
        views[f] = tn_view_of(&room[f], field->dtype, field->rank, field->dims);
        assert_true(views[f].bytes <= sizeof room[f]);
    }
    if (tn_dataset_get(c, d, i, 1, views) != TN_OK)
        fail_msg("%s", tn_context_error(c));
    return tn_dataset_field(d, x)->dtype == TN_U8 ? room[x].u8[0] : (int)(room[x].f32[0] * 100 + 0.5F);
}

/* part[id]: 0 to 2, each sample in one; how many of each. */
static void parts_of(tn_context *c, const train_sets *s, int part[SAMPLES], int n[3])
{
    const tn_dataset *const set[] = {s->train, s->valid, s->test};
    for (int i = 0; i < SAMPLES; i++)
        part[i] = -1;
    for (int p = 0; p < 3; p++) {
        n[p] = set[p] ? (int)tn_dataset_count(set[p]) : 0;
        for (int i = 0; i < n[p]; i++) {
            const int id = id_of(c, set[p], i);
            assert_in_range(id, 0, SAMPLES - 1);
            assert_int_equal(part[id], -1); /* in no other part */
            part[id] = p;
        }
    }
    assert_int_equal(n[0] + n[1] + n[2], SAMPLES);
}

static void close_sets(train_recipe *r, train_sets *s)
{
    train_sets_free(s);
    train_recipe_free(r);
}

static void with(char *to, const char *data, const char *more)
{
    (void)snprintf(to, 2048, "%s, %s", data, more);
}

/* All ways of cutting, of one kind; group and time are its keys for patient and day. */
static void check_kind(tn_context *c, const char *data, const char *group, const char *time)
{
    char text[2048], key[512];
    int part[SAMPLES], n[3], held[SAMPLES] = {0};
    train_recipe *r = NULL;
    train_sets s;
    with(text, data, "val_fraction: 0.2, test_fraction: 0.3");
    open_sets(c, text, &r, &s);
    parts_of(c, &s, part, n);
    assert_true(n[1] == 12 && n[2] == 18);
    int odd[3] = {0};
    for (int i = 0; i < SAMPLES; i++)
        odd[part[i]] += i % 2;
    if (tn_dataset_field(s.train, tn_dataset_find(s.train, "y"))->rank == 0) /* stratified */
        assert_true(odd[1] == 6 && odd[2] == 9);
    close_sets(r, &s);

    (void)snprintf(key, sizeof key, "val_fraction: 0.25, test_fraction: 0.25, group: %s", group);
    with(text, data, key);
    open_sets(c, text, &r, &s);
    parts_of(c, &s, part, n);
    assert_true(n[1] == 15 && n[2] == 15);
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(part[i], part[EACH * patient_of(i)]);
    close_sets(r, &s);

    (void)snprintf(key, sizeof key, "val_fraction: 0.2, test_fraction: 0.2, time: %s", time);
    with(text, data, key);
    open_sets(c, text, &r, &s);
    parts_of(c, &s, part, n);
    assert_true(n[1] > 0 && n[2] > 0);
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < SAMPLES; k++)
            assert_true(day_of(i) <= day_of(k) ? part[i] <= part[k] : true);
    close_sets(r, &s);

    int tested = -1;
    for (int fold = 0; fold < 3; fold++) {
        (void)snprintf(key, sizeof key, "folds: 3, fold: %d, test_fraction: 0.25, group: %s", fold, group);
        with(text, data, key);
        open_sets(c, text, &r, &s);
        parts_of(c, &s, part, n);
        int sum = 0;
        for (int i = 0; i < SAMPLES; i++) {
            held[i] += part[i] == 1;
            sum += part[i] == 2 ? i : 0;
        }
        assert_true(tested < 0 || tested == sum); /* the same for all folds */
        tested = sum;
        close_sets(r, &s);
    }
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(held[i], part[i] != 2);
}

/* ---- kinds ---------------------------------------------------------------------------------------------------------- */

static const char by_patient[] = "'/p([0-9]+)_'", by_day[] = "'_([0-9-]+)_'";

static void test_pictures(void **state)
{
    make_pictures();
    check_kind(*state, "name: pictures, path: set, channels: 1", by_patient, by_day);
    check_kind(*state, "name: pictures, path: set, list: list.csv, channels: 1", by_patient, by_day);
    /* steps that are done to training pictures alone, and mixing */
    check_kind(*state, "name: pictures, path: set, channels: 1, transforms: [resize height=2 width=2]", by_patient,
               by_day);
}

static void test_archives(void **state)
{
    char command[1024];
    make_pictures();
    (void)snprintf(command, sizeof command, "cd '%s' && tar cf set.tar set", scratch_path("."));
    if (system(command) != 0)
        skip();
    check_kind(*state, "name: pictures, path: set.tar, under: set, channels: 1", by_patient, by_day);
}

static void test_masks(void **state)
{
    make_pictures();
    make_folders("masks");
    for (int i = 0; i < SAMPLES; i++)
        write_picture(name_of(i, "masks", "pgm"), i % 2);
    check_kind(*state, "name: masks, path: set, masks: masks, channels: 1, class_count: 2", by_patient, by_day);
}

static void test_boxes(void **state)
{
    make_pictures();
    for (int i = 0; i < SAMPLES; i++)
        write_text(scratch_path(name_of(i, "set", "txt")), i % 2 ? "0 0.5 0.5 0.5 0.5\n" : "1 0.5 0.5 0.5 0.5\n");
    check_kind(*state, "name: boxes, path: set, channels: 1", by_patient, by_day);
}

static void test_shards(void **state)
{
    char name[200];
    make_folder("a-0");
    make_folder("a-1");
    for (int i = 0; i < SAMPLES; i++) {
        (void)snprintf(name, sizeof name, "a-%d/p%d_2024-01-%02d_%d.pgm", i >= 30, patient_of(i), day_of(i), i);
        write_picture(name, i);
        (void)snprintf(name, sizeof name, "a-%d/p%d_2024-01-%02d_%d.cls", i >= 30, patient_of(i), day_of(i), i);
        write_text(scratch_path(name), i % 2 ? "1" : "0");
    }
    check_kind(*state, "name: shards, paths: [a-0, a-1], channels: 1", by_patient, by_day);
    /* one of two archives is validated on: names begin with the archive's */
    train_recipe *r = NULL;
    train_sets s;
    int part[SAMPLES], n[3];
    open_sets(*state, "name: shards, paths: [a-0, a-1], channels: 1, val_fraction: 0.5, group: '^a-[01]/'", &r, &s);
    parts_of(*state, &s, part, n);
    assert_true(n[0] == 30 && part[0] == part[29] && part[30] == part[59]);
    close_sets(r, &s);
}

static void test_arrays(void **state)
{
    make_arrays();
    char group[300], time[300], data[1024];
    (void)snprintf(group, sizeof group, "%s", scratch_path("patient.npy"));
    (void)snprintf(time, sizeof time, "%s", scratch_path("day.npy"));
    (void)snprintf(data, sizeof data, "name: arrays, path: x.npy, y: %s", scratch_path("y.npy"));
    check_kind(*state, data, group, time);
    (void)snprintf(data, sizeof data, "name: arrays, path: x.npy, y: %s, val_fraction: 0.2, group: %s",
                   scratch_path("y.npy"), scratch_path("short.npy"));
    refuses(*state, data, "has 59 entries for 60 samples");
    (void)snprintf(data, sizeof data, "name: arrays, path: x.npy, y: %s, val_fraction: 0.2, group: %s",
                   scratch_path("y.npy"), time);
    refuses(*state, data, "groups are whole numbers");
}

static void test_sounds(void **state)
{
    make_folders("sounds");
    for (int i = 0; i < SAMPLES; i++) {
        tn_sound *s = tn_sound_new(*state, 8, 1, 8000);
        assert_non_null(s);
        for (int k = 0; k < 8; k++)
            s->samples[k] = (float)i / 100;
        assert_int_equal(tn_sound_write_wav(*state, s, scratch_path(name_of(i, "sounds", "wav"))), TN_OK);
        tn_sound_free(s);
    }
    tn_sound *any = tn_sound_read(*state, scratch_path(name_of(0, "sounds", "wav")), NULL);
    if (!any) {
        print_message("SKIPPED: %s\n", tn_context_error(*state));
        skip();
    }
    tn_sound_free(any);
    check_kind(*state, "name: sound, path: sounds, seconds: 0.001", by_patient, by_day);
    /* changed by chance, training sounds alone (silence in place of the first) */
    char data[512];
    int part[SAMPLES], n[3];
    train_recipe *r = NULL;
    train_sets s;
    (void)snprintf(data, sizeof data,
                   "name: sound, path: sounds, seconds: 0.001, change: {roll: 0}, test_fraction: 0.25, group: %s",
                   by_patient);
    open_sets(*state, data, &r, &s);
    parts_of(*state, &s, part, n);
    assert_true(n[1] == 0 && n[2] == 15);
    close_sets(r, &s);
}

/* Characters of the validation texts' patients are in no training text, so that all are unknown. */
static void test_texts(void **state)
{
    make_folders("texts");
    for (int i = 0; i < SAMPLES; i++) {
        const char text[] = {(char)('a' + patient_of(i)), '\0'};
        write_text(scratch_path(name_of(i, "texts", "txt")), text);
    }
    char data[512];
    (void)snprintf(
        data, sizeof data,
        "name: text_folders, path: texts, tokenizer: characters, folds: 4, fold: 2, test_fraction: 0.25, group: %s",
        by_patient);
    train_recipe *r = NULL;
    train_sets s;
    if (try_sets(*state, data, &r, &s) == TN_UNSUPPORTED) {
        print_message("SKIPPED: %s\n", tn_context_error(*state));
        train_recipe_free(r);
        skip();
    }
    assert_non_null(s.test);
    assert_true(tn_dataset_count(s.test) == 15 && tn_dataset_count(s.valid) >= 10 && tn_dataset_count(s.valid) <= 15);
    assert_int_equal(tn_dataset_count(s.train) + tn_dataset_count(s.valid), 45);
    int64_t x[256], y;
    const tn_dataset *const others[] = {s.valid, s.test};
    int64_t unknown = -1;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < tn_dataset_count(others[k]); i++) {
            tn_view views[] = {tn_view_of(x, TN_I64, 1, (const int64_t[]){256}), tn_view_of(&y, TN_I64, 0, NULL)};
            assert_int_equal(tn_dataset_get(*state, others[k], i, 0, views), TN_OK);
            unknown = unknown < 0 ? x[0] : unknown;
            assert_int_equal(x[0], unknown);
        }
    close_sets(r, &s);
}

/* ---- what is wrong, and the record ----------------------------------------------------------------------------------- */

static void test_sentences(void **state)
{
    make_pictures();
#define SET "name: pictures, path: set, channels: 1, "
    refuses(*state, SET "group: 'p([0-9]+)_'", "'data' has group, but nothing is cut");
    refuses(*state, SET "val_fraction: 0.2, group: 'p([0-9]+)_', time: '_(.*)_'", "cut by one of them");
    refuses(*state, SET "val_fraction: 0.2, group: 'p1([0-9]+)_'",
            "data.group: the name even/p0_2024-01-01_0.pgm does not match");
    refuses(*state, SET "val_fraction: 0.2, group: 'p(['", "is no regular expression");
    refuses(*state, SET "val_fraction: 0.2, time: '/(p[0-9]+)_'", "which is neither a number nor a date");
    refuses(*state, SET "val_fraction: 0.02, group: 'p()'", "none falls to it");
    refuses(*state, SET "test_fraction: 0.3, test_path: set", "only one of them can say what is tested on");
    refuses(*state, SET "val_fraction: 0.5, test_fraction: 0.5", "leave nothing to train on");
    refuses(*state, SET "folds: 13, group: 'p([0-9]+)_'",
            "the 60 samples, whose groups stay together, fill 12 of them only");
    refuses(*state, "name: digits, test_fraction: 0.5", "data.test_fraction does nothing when data.name is digits");
    refuses(*state, "name: cifar, path: x, test_fraction: 0.5",
            "data.test_fraction does nothing when data.name is cifar");
}

/* The same data give the same sum; a picture more is another one. */
static void test_record(void **state)
{
    make_pictures();
    char data[512];
    train_recipe *r = NULL;
    train_sets s, again;
    base_error e = {0};
    (void)snprintf(data, sizeof data, "%sval_fraction: 0.2, group: %s", SET, by_patient);
    open_sets(*state, data, &r, &s);
    assert_int_equal(train_sets_record(r, &s, scratch_path("split.json"), &e), TN_OK);
    void *text;
    size_t bytes;
    assert_int_equal(base_file_read(scratch_path("split.json"), 4096, &text, &bytes, &e), TN_OK);
    assert_non_null(strstr(text, "{\"train\":50,\"valid\":10,\"test\":0,\"seed\":"));
    assert_non_null(strstr(text, "\"val_fraction\":0.2,\"group\":\"/p([0-9]+)_\",\"checksum\":\""));
    free(text);
    train_recipe_free(r);
    open_sets(*state, data, &r, &again);
    assert_true(s.cut != 0 && s.cut == again.cut);
    train_sets_free(&again);
    train_recipe_free(r);
    write_picture("set/odd/p3_2024-01-01_60.pgm", 60);
    open_sets(*state, data, &r, &again);
    assert_true(s.cut != again.cut);
    close_sets(r, &again);
    train_sets_free(&s);
}

int main(void)
{
#ifndef TARN_HAVE_YAML
    print_message("SKIPPED: recipes need libyaml\n");
    return 0;
#endif
#define T(name) cmocka_unit_test_setup_teardown(name, context_begin_scratch, context_end_scratch)
    const struct CMUnitTest tests[] = {T(test_pictures),  T(test_archives), T(test_masks),  T(test_boxes),
                                       T(test_shards),    T(test_arrays),   T(test_sounds), T(test_texts),
                                       T(test_sentences), T(test_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
