/* Operators at sizes that kernels cut into pieces and share among threads: the cases of definitions are too small for that.
 * The same harness looks at them: values, layouts, instruction sets, and the same bits with 1, 2, 3 and 7 threads.
 * labels: slow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/op_check.h"

static const struct {
    const char *op, *text;
    uint32_t dtypes; /* left of the slots' classes, so that the test stays short */
} large[] = {
    {"matmul", "a=x[150x130] b=x[130x170]", OP_FLOATS},
    {"matmul", "a=x[5x70x64] b=x[5x64x50]", OP_BIT(TN_F32)},
    {"matmul", "a=x[1x900] b=x[900x300]", OP_BIT(TN_F32)},
    {"linear", "x=x[64x390] w=x[130x390] b=x[130]", OP_BIT(TN_F32) | OP_BIT(TN_BF16)},
    {"conv2d", "x=x[6x16x14x14] w=x[40x16x3x3]:finite bias=x[40] padding=1", OP_BIT(TN_F32)},
    {"conv2d", "x=x[6x16x15x15] w=x[40x16x3x3]:finite padding=1 stride=2", OP_BIT(TN_F32)},
    {"conv2d", "x=x[6x48x10x10] w=x[48x1x3x3]:finite padding=1 groups=48", OP_BIT(TN_F32)},
    {"conv2d", "x=x[6x32x12x12] w=x[70x32x1x1]", OP_BIT(TN_F32)},
    {"conv2d", "x=x[6x1x28x28] w=x[32x1x3x3]", OP_BIT(TN_F32)},
    {"conv2d_grad_data", "dy=x[6x40x14x14] w=x[40x16x3x3]:finite padding=1 shape=6,16,14,14", OP_BIT(TN_F32)},
    {"conv2d_grad_data", "dy=x[6x40x8x8]:finite w=x[40x16x3x3]:finite padding=1 stride=2 shape=6,16,15,15",
     OP_BIT(TN_F32)},
    {"conv2d_grad_data", "dy=x[6x70x12x12] w=x[70x32x1x1]:finite shape=6,32,12,12", OP_BIT(TN_F32)},
    {"conv2d_grad_data", "dy=x[6x48x10x10] w=x[48x1x3x3]:finite padding=1 groups=48 shape=6,48,10,10", OP_BIT(TN_F32)},
    {"conv2d_grad_weight", "x=x[6x16x14x14] dy=x[6x40x14x14]:finite padding=1 shape=40,16,3,3", OP_BIT(TN_F32)},
    {"conv2d_grad_weight", "x=x[6x16x15x15] dy=x[6x40x8x8]:finite padding=1 stride=2 shape=40,16,3,3", OP_BIT(TN_F32)},
    {"conv2d_grad_weight", "x=x[6x32x12x12] dy=x[6x70x12x12] shape=70,32,1,1", OP_BIT(TN_F32)},
    {"conv2d_grad_weight", "x=x[6x48x10x10] dy=x[6x48x10x10]:finite padding=1 groups=48 shape=48,1,3,3",
     OP_BIT(TN_F32)},
    {"conv2d_grad_weight", "x=x[6x1x28x28] dy=x[6x32x26x26] shape=32,1,3,3", OP_BIT(TN_F32)},
    {"max_pool2d", "x=x[6x40x14x14] kernel=2", OP_BIT(TN_F32)},
    {"max_pool2d", "x=x[6x40x13x13]:ties kernel=3 stride=2 padding=1", OP_BIT(TN_F32)},
    {"max_pool2d_grad", "dy=x[6x40x7x7] x=x[6x40x14x14]:ties kernel=2", OP_BIT(TN_F32)},
    {"max_pool2d_grad", "dy=x[6x40x7x7] x=x[6x40x13x13]:ties kernel=3 stride=2 padding=1", OP_BIT(TN_F32)},
    {"avg_pool2d", "x=x[6x40x14x14] kernel=2", OP_BIT(TN_F32)},
    {"avg_pool2d_grad", "dy=x[6x40x7x7] kernel=2 shape=6,40,14,14", OP_BIT(TN_F32)},
    {"batch_norm", "x=x[20x30x8x8] weight=x[30] bias=x[30] running_mean=x[30] running_var=x[30]:positive",
     OP_BIT(TN_F32)},
    {"batch_norm", "x=x[300x70] weight=x[70] bias=x[70] running_mean=x[70] running_var=x[70]:positive",
     OP_BIT(TN_F32) | OP_BIT(TN_F64)},
    {"batch_norm_grad", "dy=x[20x30x8x8] x=x[20x30x8x8] weight=x[30] mean=x[30] rstd=x[30]:positive", OP_BIT(TN_F32)},
    {"softmax", "x=x[150x200]", OP_FLOATS},
    {"log_softmax", "x=x[200x150] axis=0", OP_BIT(TN_F32)},
    {"log_softmax_grad", "dy=x[150x200] y=x[150x200]", OP_BIT(TN_F32)},
    {"cross_entropy", "x=x[300x90] target=i[300]:index=90", OP_BIT(TN_F32) | OP_INDEX},
    {"cross_entropy_grad", "dloss=x[] x=x[300x90] target=i[300]:index=90", OP_BIT(TN_F32) | OP_INDEX},
    {"sum", "x=x[300x200] axes=0", OP_BIT(TN_F32) | OP_BIT(TN_F64) | OP_BIT(TN_I32)},
    {"sum", "x=x[300x200] axes=1", OP_BIT(TN_F32) | OP_BIT(TN_BF16)},
    {"sum", "x=x[300x200]", OP_BIT(TN_F32) | OP_BIT(TN_F64)},
    {"sum", "x=x[20x30x100] axes=0,2", OP_BIT(TN_F32)},
    {"mean", "x=x[20x30x100] axes=0,2", OP_BIT(TN_F32)},
    {"max", "x=x[300x200] axes=1", OP_BIT(TN_F32) | OP_BIT(TN_U8)},
    {"argmax", "x=x[300x200]:ties axes=0", OP_BIT(TN_F32)},
    {"add", "a=x[300x200] b=x[200]", OP_NUMBERS},
    {"mul", "a=x[300x1] b=x[1x200]", OP_FLOATS | OP_BIT(TN_I64) | OP_BIT(TN_U8)},
    {"where", "c=b[300x200] a=x[300x200] b=x[]", OP_BIT(TN_F32) | OP_BIT(TN_I8) | OP_BOOLS},
    {"exp", "x=x[60000]", OP_FLOATS},
    {"gelu", "x=x[300x200]", OP_FLOATS},
    {"relu", "x=x[20x30x10x10]", OP_BIT(TN_F32)},
    {"dropout", "x=x[20x30x10x10] p=0.3 stream=9", OP_BIT(TN_F32) | OP_BIT(TN_F64)},
    {"uniform", "shape=60000 stream=5 dtype=f32", OP_ANY},
    {"cast", "x=x[60000] to=bf16", OP_BIT(TN_F32) | OP_BIT(TN_I16)},
    {"concat", "x=x[100x200],x[100x300] axis=1", OP_BIT(TN_F32)},
    {"pad", "x=x[100x200] low=3,5 high=1,2", OP_BIT(TN_F32)},
    {"permute", "x=x[40x30x50] axes=2,0,1", OP_BIT(TN_F32) | OP_BIT(TN_I8)},
    {"gather", "x=x[300x200] index=i[300x150]:index=200 axis=1", OP_BIT(TN_F32) | OP_INDEX},
    {"scatter_add", "x=x[300x200] index=i[300x150]:index=200 source=x[300x150] axis=1", OP_BIT(TN_F32) | OP_INDEX},
    {"sgd_rows_update", "param=x[500x40] dy=x[900x40] index=i[900]:index=500 lr=x[]:unit", OP_BIT(TN_F32) | OP_INDEX},
    {"adagrad_rows_update", "param=x[500x40] dy=x[900x40] index=i[900]:index=500 sum=x[500x40]:positive lr=x[]:unit",
     OP_BIT(TN_F32) | OP_INDEX},
    {"adam_rows_update",
     "param=x[500x40] dy=x[900x40] index=i[900]:index=500 m=x[500x40] v=x[500x40]:positive step=i[]:positive "
     "lr=x[]:unit",
     OP_BIT(TN_F32) | OP_INDEX},
    {"adam_update", "param=x[30000] grad=x[30000] m=x[30000] v=x[30000]:positive step=i[]:positive lr=x[]:unit",
     OP_BIT(TN_F32) | OP_BIT(TN_I64)},
};

/* The operator with one case, and its slots narrowed. */
static void check_one(size_t i, op_report *r)
{
    const char *cases[] = {large[i].text, NULL};
    op_def def = *op_find(large[i].op);
    def.cases = cases;
    for (int k = 0; k < op_count_in(&def); k++)
        if (def.in[k].dtypes & large[i].dtypes)
            def.in[k].dtypes &= large[i].dtypes;
    op_check_values(&def, r);
    op_check_kernels(&def, r);
}

static void pieces_and_threads_do_not_show(void **state)
{
    (void)state;
    op_report r = {0};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        check_one(i, &r);
    assert_int_equal(op_report_end(&r, "large cases"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_and_threads_do_not_show)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
