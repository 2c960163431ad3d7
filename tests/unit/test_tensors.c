/* test_tensors.c: files of named tensors as programs read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/safetensors.h"
#include "support/scratch.h"
#include <tarn/model.h>

static void test_reading(void **state)
{
    static const float w[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t n = 7;
    const format_tensor tensors[] = {
        {.name = "fc.weight", .dtype = TN_F32, .rank = 2, .dims = {2, 3}, .data = w, .bytes = sizeof w},
        {.name = "count", .dtype = TN_I64, .rank = 0, .data = &n, .bytes = sizeof n}};
    const format_pair pairs[] = {{"row", "mlp"}};
    base_error e = {0};
    tn_view v;
    (void)state;
    assert_non_null(scratch_new());
    const char *path = scratch_path("some.safetensors");
    assert_int_equal(format_safetensors_write(path, tensors, 2, pairs, 1, &e), TN_OK);

    tn_context *c = tn_context_new(NULL);
    tn_tensors *t = tn_tensors_open(c, path);
    assert_non_null(t);
    tn_context_free(c); /* nothing of it is needed any more */
    assert_int_equal(tn_tensors_find(t, "fc.weight", &v), TN_OK);
    assert_int_equal(v.dtype, TN_F32);
    assert_int_equal(v.rank, 2);
    assert_int_equal(v.dims[1], 3);
    assert_int_equal(v.bytes, sizeof w);
    assert_memory_equal(v.data, w, sizeof w);
    assert_int_equal(tn_tensors_find(t, "fc.bias", &v), TN_NOT_FOUND);
    assert_string_equal(tn_tensors_get(t, 0, &v), "count"); /* the larger elements come first */
    assert_string_equal(tn_tensors_get(t, 1, &v), "fc.weight");
    assert_null(tn_tensors_get(t, 2, &v));
    assert_null(tn_tensors_get(t, -1, &v));
    assert_string_equal(tn_tensors_metadata(t, "row"), "mlp");
    assert_null(tn_tensors_metadata(t, "net"));
    tn_tensors_close(t);
    tn_tensors_close(NULL);
    scratch_remove();
}

static void test_no_file(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    assert_non_null(scratch_new());
    const char *path = scratch_path("none.safetensors");
    assert_null(tn_tensors_open(c, path));
    assert_non_null(strstr(tn_context_error(c), "none.safetensors"));
    tn_context_free(c);
    scratch_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_no_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
