/* test_golden_policy.c: RandAugment and AutoAugment beside torchvision (make_policy.py): magnitudes, policies, and what every operation
 * makes of a picture, within one unit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/picture/policy.h"
#include "support/golden_file.h"

static const char *const names[POLICY_OPERATIONS] = {
    "Identity", "ShearX",    "ShearY",    "TranslateX", "TranslateY",   "Rotate",   "Brightness", "Color",
    "Contrast", "Sharpness", "Posterize", "Solarize",   "AutoContrast", "Equalize", "Invert"};
static format_safetensors *file;

static int teardown(void **state)
{
    (void)state;
    format_safetensors_free(file);
    return 0;
}

/* NULL: there is none. */
static const format_tensor *find(const char *name)
{
    if (!file)
        file = golden_file("policy");
    return format_safetensors_find(file, name);
}

static tn_picture *source(void)
{
    base_error e = {0};
    const format_tensor *t = find("picture");
    assert_non_null(t);
    tn_picture *p = data_picture_new(t->dims[1], t->dims[0], 3, &e);
    assert_non_null(p);
    memcpy(p->pixels, t->data, t->bytes);
    return p;
}

static void magnitudes(void **state)
{
    (void)state;
    static const int bins[] = {31, 10, 9, 2};
    tn_picture *p = source();
    for (size_t b = 0; b < sizeof bins / sizeof *bins; b++) {
        char name[32];
        snprintf(name, sizeof name, "space/%d", bins[b]);
        const format_tensor *t = find(name);
        assert_non_null(t);
        for (int op = 0; op < POLICY_OPERATIONS; op++)
            for (int i = 0; i < bins[b]; i++) {
                double due, value = policy_value(op, (double)i / (bins[b] - 1), p);
                memcpy(&due, (const char *)t->data + sizeof due * (size_t)(op * bins[b] + i), sizeof due);
                if (fabs(value - due) > 1e-4) /* theirs are f32 */
                    fail_msg("%s at %d of %d is %g, not %g", names[op], i, bins[b], value, due);
            }
    }
    tn_picture_free(p);
}

static void policies(void **state)
{
    (void)state;
    static const char *const kinds[] = {"policy/imagenet", "policy/cifar10"};
    for (int k = POLICY_IMAGENET; k <= POLICY_CIFAR10; k++) {
        const format_tensor *t = find(kinds[k]);
        assert_non_null(t);
        for (int i = 0; i < POLICY_PAIRS * 2; i++) {
            int have[3];
            int64_t due[3];
            policy_pair(k, i / 2, i % 2, have);
            memcpy(due, (const char *)t->data + sizeof due * (size_t)i, sizeof due);
            for (int c = 0; c < 3; c++)
                if (have[c] != due[c])
                    fail_msg("%s, pair %d, part %d: number %d is %d, not %d", kinds[k], i / 2, i % 2, c, have[c],
                             (int)due[c]);
        }
    }
}

/* Are there such a picture, is ours like it? */
static bool compare(int op, int bin, char sign, int filter)
{
    static const char *const filters[] = {"nearest", "bilinear"};
    char name[64];
    base_error e = {0};
    snprintf(name, sizeof name, "%s/%d/%c/%s", names[op], bin, sign, filters[filter]);
    const format_tensor *t = find(name);
    if (!t)
        return false;
    picture_scene s = {.picture = source()};
    const double value = policy_value(op, bin / 30.0, s.picture);
    assert_int_equal(policy_operation(&s, op, sign == '-' ? -value : value, (picture_filter)filter, 0, &e), TN_OK);
    const uint8_t *due = t->data;
    size_t far = 0, first = 0;
    for (size_t i = t->bytes; i-- > 0;)
        if (abs(s.picture->pixels[i] - due[i]) > 1) {
            far++;
            first = i;
        }
    if (far > 0)
        fail_msg("%s: %d of %d values differ by more than 1; value %d is %d, not %d", name, (int)far, (int)t->bytes,
                 (int)first, s.picture->pixels[first], due[first]);
    tn_picture_free(s.picture);
    return true;
}

static void operations(void **state)
{
    (void)state;
    static const int bins[] = {0, 9, 30};
    int compared = 0;
    for (int op = 0; op < POLICY_OPERATIONS; op++) {
        int before = compared;
        for (int i = 0; i < 12; i++)
            compared += compare(op, bins[i % 3], i / 3 % 2 ? '-' : '+', i / 6);
        assert_true(compared > before);
    }
    assert_int_equal(compared, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(magnitudes), cmocka_unit_test(policies),
                                       cmocka_unit_test(operations)};
    return cmocka_run_group_tests(tests, NULL, teardown);
}
