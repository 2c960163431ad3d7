/* Builders that make several nodes (src/op/compose/): with a batch of open size they compute what they do with a number, and what
 * is wrong gives a sentence. Values are compared with PyTorch's in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compose.h"

/* Each takes x[batch, 3, 4] and gives a value. */
static tn_tensor *split(tn_tensor *x)
{
    tn_tensor *part[3];
    tn_split(x, 1, 3, NULL, part);
    return tn_add(part[0], part[2]);
}
static tn_tensor *stack(tn_tensor *x)
{
    return tn_stack(2, (tn_tensor *[]){x, tn_neg(x)}, 0);
}
static tn_tensor *tile(tn_tensor *x)
{
    return tn_tile(x, 3, (int64_t[]){2, 1, 3});
}
static tn_tensor *interleave(tn_tensor *x)
{
    return tn_repeat_interleave(x, 0, 2);
}
static tn_tensor *roll(tn_tensor *x)
{
    return tn_roll(tn_roll(x, 0, 1), 2, -1);
}
static tn_tensor *move_axis(tn_tensor *x)
{
    return tn_move_axis(x, 0, 2);
}
static tn_tensor *backwards(tn_tensor *x)
{
    return tn_slice_axes(x, 2, (int64_t[]){0, 2}, (tn_dim[]){TN_INFER, 3}, (tn_dim[]){TN_INFER, 0},
                         (int64_t[]){-1, -2});
}
static tn_tensor *replicate(tn_tensor *x)
{
    return tn_pad_border(x, (int64_t[]){1, 0, 2}, (int64_t[]){2, 1, 0}, TN_BORDER_REPLICATE);
}
static tn_tensor *circular(tn_tensor *x)
{
    return tn_pad_border(x, (int64_t[]){1, 0, 2}, (int64_t[]){0, 1, 0}, TN_BORDER_CIRCULAR);
}
static tn_tensor *triangle(tn_tensor *x)
{
    return tn_add(tn_tril(tn_permute(x, 3, (int64_t[]){1, 0, 2}), 0),
                  tn_triu(tn_permute(x, 3, (int64_t[]){1, 0, 2}), 1));
}
static tn_tensor *square(tn_tensor *x)
{
    tn_tensor *rows = tn_flatten(x, 1), *m = tn_matmul(rows, tn_transpose(rows, 0, 1));
    return tn_add(tn_diag(tn_diag(m, 0), 1), tn_scalar(tn_tensor_graph(x), TN_F32, 1));
}
static tn_tensor *contracted(tn_tensor *x)
{
    return tn_einsum("bij,cij->bc", 2, (tn_tensor *[]){x, tn_square(x)});
}
static tn_tensor *windows(tn_tensor *x)
{
    tn_tensor *picture = tn_unsqueeze(x, 1);
    tn_tensor *columns = tn_unfold(picture, (int[]){2, 2}, NULL);
    return tn_fold(tn_square(columns), 3, 4, (int[]){2, 2}, NULL);
}
static tn_tensor *selected(tn_tensor *x)
{
    return tn_masked_select(x, tn_gt(x, tn_scalar(tn_tensor_graph(x), TN_F32, 0)), 64).values;
}
static tn_tensor *along(tn_tensor *x)
{
    return tn_take_along(x, 2, tn_argmax(x, 2, true));
}
static tn_tensor *mean(tn_tensor *x)
{
    return tn_scatter_mean(x, 2, tn_argsort(x, 2, false), x, false);
}
static tn_tensor *hot(tn_tensor *x)
{
    return tn_one_hot(tn_argmax(x, 2, false), 5, TN_F32);
}

static tn_tensor *(*const builders[])(tn_tensor *) = {split,     stack,     tile,     interleave, roll,   move_axis,
                                                      backwards, replicate, circular, triangle,   square, contracted,
                                                      windows,   selected,  along,    mean,       hot};

/* ---- sentences --------------------------------------------------------------------------------------------------- */

static tn_tensor *bad_split(tn_tensor *x)
{
    tn_tensor *part[2];
    tn_split(x, 1, 2, NULL, part);
    return part[0];
}
static tn_tensor *bad_tile(tn_tensor *x)
{
    return tn_tile(x, 1, (int64_t[]){-1});
}
static tn_tensor *bad_roll(tn_tensor *x)
{
    return tn_roll(x, 3, 1);
}
static tn_tensor *bad_border(tn_tensor *x)
{
    return tn_pad_border(x, (int64_t[]){0, 3, 0}, (int64_t[]){0, 0, 0}, TN_BORDER_REFLECT);
}
static tn_tensor *bad_grid(tn_tensor *x)
{
    tn_tensor *grid[1];
    tn_meshgrid(1, &x, grid);
    return grid[0];
}
static tn_tensor *bad_diag(tn_tensor *x)
{
    return tn_diag(x, 0);
}
static tn_tensor *bad_triangle(tn_tensor *x)
{
    return tn_tril(tn_sum(x), 0);
}
static tn_tensor *bad_along(tn_tensor *x)
{
    return tn_take_along(x, 0, tn_argmax(x, 0, false));
}
static tn_tensor *bad_unfold(tn_tensor *x)
{
    return tn_unfold(x, (int[]){2, 2}, NULL);
}
static tn_tensor *bad_window(tn_tensor *x)
{
    return tn_unfold(tn_unsqueeze(x, 0), (int[]){4, 2}, NULL);
}
static tn_tensor *bad_fold(tn_tensor *x)
{
    return tn_fold(tn_unsqueeze(x, 0), 4, 4, (int[]){2, 2}, NULL);
}
static tn_tensor *bad_terms(tn_tensor *x)
{
    return tn_einsum("ij->i", 1, &x);
}
static tn_tensor *bad_sizes(tn_tensor *x)
{
    return tn_einsum("ijk,kjl->i", 2, (tn_tensor *[]){x, x});
}
static tn_tensor *bad_operands(tn_tensor *x)
{
    return tn_einsum("ijk,ijk", 1, &x);
}
static tn_tensor *bad_result(tn_tensor *x)
{
    return tn_einsum("ijk->im", 1, &x);
}
static tn_tensor *bad_twice(tn_tensor *x)
{
    return tn_einsum("ijk->ii", 1, &x);
}
static tn_tensor *bad_text(tn_tensor *x)
{
    return tn_einsum("ijk>i", 1, &x);
}

static tn_tensor *bad_rank(tn_tensor *x)
{
    for (int i = 3; i < TN_MAX_RANK; i++)
        x = tn_unsqueeze(x, 0);
    return tn_tile(x, 1, (int64_t[]){2});
}
static tn_tensor *bad_interleave(tn_tensor *x)
{
    return tn_repeat_interleave(x, 1, -1);
}
static tn_tensor *bad_move(tn_tensor *x)
{
    return tn_move_axis(x, 0, -4);
}
static tn_tensor *bad_many(tn_tensor *x)
{
    tn_tensor *all[17];
    for (int i = 0; i < 17; i++)
        all[i] = x;
    return tn_einsum("", 17, all);
}
static tn_tensor *bad_product(tn_tensor *x) /* nine letters are needed later when three operands are multiplied */
{
    return tn_einsum("abc,def,ghi,abc,def,ghi->a", 6, (tn_tensor *[]){x, x, x, x, x, x});
}
static tn_tensor *bad_diagonal(tn_tensor *x)
{
    tn_graph *g = tn_tensor_graph(x);
    return tn_diagonal(tn_input(g, "open", TN_F32, TN_SHAPE(tn_symbol(g, "n"), 3)), 0, 0, 1);
}
static tn_tensor *bad_size(tn_tensor *x)
{
    return tn_full(tn_tensor_graph(x), TN_F32, TN_SHAPE(2, -5), 0);
}
static tn_tensor *bad_height(tn_tensor *x)
{
    return tn_fold(x, INT64_MIN, 4, (int[]){1, 1}, NULL);
}
static tn_tensor *far_roll(tn_tensor *x)
{
    return tn_roll(x, 0, INT64_MIN);
}
static tn_tensor *far_step(tn_tensor *x) /* one element is left */
{
    tn_tensor *y = tn_slice_axes(x, 1, (int64_t[]){2}, (tn_dim[]){3}, (tn_dim[]){0}, (int64_t[]){INT64_MIN});
    return tn_reshape(y, TN_SHAPE(7));
}
static tn_tensor *far_pad(tn_tensor *x)
{
    return tn_pad(x, (int64_t[]){0, INT64_MIN, 0}, (int64_t[]){0, INT64_MIN, 0}, 0);
}

static tn_tensor *short_pad(tn_tensor *x) /* -1 would be "to the end" */
{
    return tn_pad(x, (int64_t[]){0, 0, 0}, (int64_t[]){0, -4, 0}, 0);
}

static const compose_wrong wrong[] = {
    {short_pad, "0 and 4 elements are cut off axis 1, which has 3"},
    {bad_split, "do not make up axis 1 of size 3"},
    {bad_tile, "axis 2 cannot be repeated -1 times"},
    {bad_roll, "roll of 'x': axis 3 of a 3-d tensor"},
    {bad_border, "a border of 3 and 0 elements cannot be made of axis 1 of size 3"},
    {bad_grid, "input 0 has 3"},
    {bad_diag, "takes a vector or a matrix; it has 3 axes"},
    {bad_triangle, "needs two axes; it has 0"},
    {bad_along, "index has 2 axes; it needs 3"},
    {bad_unfold, "takes pictures [N, C, H, W]; it has 3 axes"},
    {bad_window, "windows of 4 elements, 1 apart, at every 1 do not fit into 3"},
    {bad_fold, "takes columns [N, C * places, windows]"},
    {bad_terms, "does not have a letter for each axis"},
    {bad_sizes, "a letter stands for axes of different sizes"},
    {bad_operands, "there must be as many terms as operands"},
    {bad_result, "the result has a letter that no operand has"},
    {bad_twice, "the result has a letter twice"},
    {bad_rank, "has too many axes to be repeated: at most 7"},
    {bad_interleave, "nothing can be repeated -1 times"},
    {bad_move, "move_axis of 'x': axis -4 of a 3-d tensor"},
    {bad_many, "it has too many operands"},
    {bad_product, "a product on the way has too many axes"},
    {bad_diagonal, "must have equal sizes if one is not a number"},
    {bad_size, "shape has the size -5, which is neither a number from 0 on nor made by this graph"},
    {bad_height, "do not fit into 0"},
    {far_roll, "places are too many"},
    {far_step, "6 elements cannot take a shape of 7"},
    {far_pad, "it must lie in"},
    {bad_text, "does not have a letter for each axis"}};

static compose_list list = COMPOSE_LIST(builders, wrong);

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(compose_open_sizes, &list),
                                       cmocka_unit_test_prestate(compose_sentences, &list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
