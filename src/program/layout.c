/* layout.c: strides of operands. Axes of size 1 have no say: any stride is right for them. */
#include "program/backend.h"

int64_t kernel_count(const kernel_operand *x)
{
    int64_t n = 1;
    for (int i = 0; i < x->rank; i++)
        n *= x->dims[i];
    return n;
}

/* Axes from slowest to fastest for a layout. */
static int order_of(int rank, kernel_layout layout, int order[TN_MAX_RANK])
{
    int n = 0;
    bool last = layout == KERNEL_CHANNELS_LAST && rank >= 3;
    for (int i = 0; i < rank; i++)
        if (!(last && i == 1))
            order[n++] = i;
    if (last)
        order[n++] = 1;
    return n;
}

bool kernel_has_layout(const kernel_operand *x, kernel_layout layout)
{
    int order[TN_MAX_RANK];
    int64_t stride = 1;
    if (layout == KERNEL_ANY || kernel_count(x) == 0)
        return true;
    for (int n = order_of(x->rank, layout, order) - 1; n >= 0; n--) {
        int axis = order[n];
        if (x->dims[axis] != 1 && x->strides[axis] != stride)
            return false;
        stride *= x->dims[axis];
    }
    return true;
}

bool kernel_is_row_major(const kernel_operand *x)
{
    return kernel_has_layout(x, KERNEL_ROW_MAJOR);
}

void kernel_set_layout(kernel_operand *x, kernel_layout layout)
{
    int order[TN_MAX_RANK];
    int64_t stride = 1;
    for (int n = order_of(x->rank, layout, order) - 1; n >= 0; n--) {
        x->strides[order[n]] = stride;
        stride *= x->dims[order[n]];
    }
}
