/* test_mixing_subsets.c: what is mixed into a sample (by mosaic, mixup, CutMix) comes from the samples that are read, never from those
 * of the set that were cut off. Every picture has a shade of its own: foreign ones show. labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/context.h"
#include "support/scratch.h"

#include <tarn/picture.h>
#include <tarn/recipe.h>

enum { SIDE = 16, PIXELS = SIDE * SIDE, SET = 20, KEYS = 40, STEP = 12 };

static void write_file(const char *folder, int i, const char *ending, const char *text, size_t bytes)
{
    char name[80];
    base_error e = {0};
    assert_int_equal(base_make_folder(scratch_path(folder), &e), TN_OK);
    snprintf(name, sizeof name, "%s/%02d.%s", folder, i, ending);
    if (base_file_write(scratch_path(name), text, bytes, &e) != TN_OK)
        fail_msg("%s", e.text);
}

static void write_grey(const char *folder, int i, int shade)
{
    char bytes[PIXELS + 20];
    int n = snprintf(bytes, 20, "P5 %d %d 255\n", SIDE, SIDE);
    memset(bytes + n, shade, PIXELS);
    write_file(folder, i, "pgm", bytes, (size_t)n + PIXELS);
}

/* Pictures whose shade is STEP times their number + 1: of two classes, with a mask each, with a box each. */
static void write_set(void)
{
    for (int i = 0; i < SET; i++) {
        write_grey(i % 2 ? "set/odd" : "set/even", i, STEP * (i + 1));
        write_grey("boxes", i, STEP * (i + 1));
        write_file("boxes", i, "txt", "0 0.5 0.5 1 1\n", 14);
        write_grey("masks", i, i);
        write_grey("seen", i, STEP * (i + 1));
    }
}

static tn_pictures_opt options(tn_pipeline *p)
{
    return (tn_pictures_opt){.channels = 1, .height = SIDE, .width = SIDE, .pipeline = p};
}

/* The numbers of pictures that are seen in the samples of d, in any epoch. */
static void look(const tn_dataset *d, bool seen[SET])
{
    static char x[PIXELS], rest[2048 * 8];
    memset(seen, 0, SET);
    for (int64_t i = 0; i < KEYS * tn_dataset_count(d); i++) {
        tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){1, SIDE, SIDE})};
        const tn_field *f = tn_dataset_field(d, 1);
        if (f)
            views[1] = tn_view_of(rest, f->dtype, f->rank, f->dims);
        if (tn_dataset_get(context, d, i / KEYS, (uint64_t)i * 77, views) != TN_OK)
            fail_msg("%s", tn_context_error(context));
        for (int p = 0; p < PIXELS; p++) {
            const int shade = (unsigned char)x[p];
            assert_true(shade >= STEP && shade % STEP == 0 && shade / STEP <= SET);
            seen[shade / STEP - 1] = true;
        }
    }
}

static void sees(const tn_dataset *d, const bool wanted[SET])
{
    bool seen[SET];
    if (!d)
        fail_msg("%s", tn_context_error(context));
    look(d, seen);
    for (int i = 0; i < SET; i++)
        if (seen[i] != wanted[i])
            fail_msg("picture %d is %sseen", i, seen[i] ? "" : "not ");
}

/* Both halves of a set that is cut: none has what the other has. */
static void check_halves(tn_dataset *d)
{
    tn_dataset *a, *b;
    bool in_a[SET], in_b[SET];
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_split(context, d, 0.7, 3, false, &a, &b), TN_OK);
    look(a, in_a);
    look(b, in_b);
    int n = 0;
    for (int i = 0; i < SET; i++) {
        assert_int_equal(in_a[i] + in_b[i], 1);
        n += in_a[i];
    }
    assert_int_equal(n, 14);
    tn_dataset_free(a);
    tn_dataset_free(b);
    tn_dataset_free(d);
}

static void kinds(void **state)
{
    (void)state;
    write_set();
    tn_pipeline *p = tn_pipeline_parse(context, "mosaic height=16 width=16 probability=1");
    const tn_pictures_opt o = options(p);
    check_halves(tn_dataset_pictures(context, scratch_path("set"), &o));
    char seen[600];
    snprintf(seen, sizeof seen, "%s", scratch_path("seen"));
    check_halves(tn_dataset_picture_masks(context, seen, scratch_path("masks"), NULL, &o));
    check_halves(tn_dataset_picture_boxes(context, scratch_path("boxes"), NULL, TN_BOXES_YOLO, &o));
    tn_dataset *boxes = tn_dataset_picture_boxes(context, scratch_path("boxes"), NULL, TN_BOXES_YOLO, &o);
    check_halves(tn_dataset_picture_targets(context, boxes, 1, NULL));
    tn_dataset_free(boxes);
    tn_dataset *set = tn_dataset_pictures(context, scratch_path("set"), &o);
    check_halves(tn_dataset_cache(context, set, 0));
    tn_dataset_free(set);
    tn_pipeline_free(p);
}

/* The set comes class by class: number i of it is picture 2 i, and from SET / 2 on an odd one. */
static void chains(void **state)
{
    (void)state;
    write_set();
    tn_pipeline *p = tn_pipeline_parse(context, "mosaic height=16 width=16 probability=1");
    const tn_pictures_opt o = options(p);
    tn_dataset *set = tn_dataset_pictures(context, scratch_path("set"), &o);
    bool all[SET], wanted[SET] = {false};
    memset(all, 1, sizeof all);
    sees(set, all);
    tn_dataset *five = tn_dataset_subset(context, set, (const int64_t[]){9, 1, 4, 13, 14}, 5); /* 18, 2, 8, 7, 9 */
    wanted[18] = wanted[2] = wanted[8] = wanted[7] = wanted[9] = true;
    sees(five, wanted);
    tn_dataset *cached = tn_dataset_cache(context, five, 0); /* kept are those of one key each */
    bool seen[SET];
    look(cached, seen);
    for (int i = 0; i < SET; i++)
        assert_true(wanted[i] || !seen[i]);
    tn_dataset *two = tn_dataset_subset(context, five, (const int64_t[]){3, 1, 3}, 3); /* 7, 2, 7 */
    tn_dataset *joined = tn_dataset_concat(context, (const tn_dataset *[]){five, set}, 2);
    tn_dataset *some = tn_dataset_subset(context, joined, (const int64_t[]){0, 2, 5 + 10, 5 + 0}, 4); /* 18, 8, 1, 0 */
    memset(wanted, 0, sizeof wanted);
    wanted[7] = wanted[2] = true;
    sees(two, wanted);
    memset(wanted, 0, sizeof wanted);
    wanted[18] = wanted[8] = wanted[1] = wanted[0] = true;
    sees(some, wanted);
    tn_dataset *const made[] = {set, five, cached, two, joined, some};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        tn_dataset_free(made[i]);
    tn_pipeline_free(p);
}

/* CutMix of a set that is cut afterwards. */
static void mixed(void **state)
{
    (void)state;
    write_set();
    const tn_pictures_opt o = options(NULL);
    tn_dataset *set = tn_dataset_pictures(context, scratch_path("set"), &o);
    check_halves(tn_dataset_mix(context, set, TN_OPT(tn_mix_opt, .cutmix = 1)));
    tn_dataset_free(set);
}

/* A recipe's training samples hold none of what it validates on. */
static void recipes(void **state)
{
    (void)state;
    write_set();
#ifdef TARN_HAVE_YAML
    static const char *const cuts[][3] = {{"data.val_fraction=0.3", "data.balance=none"},
                                          {"data.folds=4", "data.fold=2"},
                                          {"data.val_fraction=0.2", "data.train_count=8"},
                                          {"data.val_fraction=0.3", "data.balance=over"}};
    static const char text[] = "tarn: 1\nmodel: {layers: [flatten, linear: 2]}\ndata:\n  name: pictures\n  path: set\n"
                               "  channels: 1\n  transforms: [mosaic height=16 width=16]\ntrain: {epochs: 1}\n";
    base_error e = {0};
    assert_int_equal(base_file_write(scratch_path("r.yaml"), text, sizeof text - 1, &e), TN_OK);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        char path[700];
        snprintf(path, sizeof path, "data.path=%s", scratch_path("set"));
        tn_recipe *r =
            tn_recipe_load(context, scratch_path("r.yaml"), 3, (const char *const[]){cuts[i][0], cuts[i][1], path});
        tn_dataset *train, *valid;
        bool trained[SET], validated[SET];
        if (!r || tn_recipe_sets(context, r, &train, &valid, NULL) != TN_OK)
            fail_msg("%s", tn_context_error(context));
        look(train, trained);
        look(valid, validated);
        int n = 0, m = 0;
        for (int k = 0; k < SET; k++) {
            assert_false(trained[k] && validated[k]);
            n += trained[k];
            m += validated[k];
        }
        assert_int_equal(m, tn_dataset_count(valid));
        assert_int_equal(n, i == 2 ? 8 : SET - m);
        tn_dataset_free(train);
        tn_dataset_free(valid);
        tn_recipe_free(r);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kinds, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(chains, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(mixed, context_begin_scratch, context_end_scratch),
        cmocka_unit_test_setup_teardown(recipes, context_begin_scratch, context_end_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
