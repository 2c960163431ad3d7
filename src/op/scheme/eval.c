/* eval.c: see eval.h. */
#include "op/scheme/eval.h"

#include <string.h>

op_operand op_operand_of(tn_dtype dtype, int rank, const int64_t *dims)
{
    op_operand x = {.dtype = dtype, .rank = rank};
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        x.dims[i] = dims[i];
        x.strides[i] = stride;
        stride *= dims[i];
    }
    return x;
}

static int64_t count_of(const op_operand *x)
{
    int64_t n = 1;
    for (int i = 0; i < x->rank; i++)
        n *= x->dims[i];
    return n;
}

size_t op_eval_scratch(const op_eval *v)
{
    size_t bytes = 64;
    for (int i = 0; i < v->n_in; i++)
        bytes += v->in[i].dtype ? sizeof(op_array) + 8 * (size_t)count_of(&v->in[i]) : 0;
    for (int i = 0; i < v->n_out; i++)
        bytes += sizeof(op_array) + 16 * (size_t)count_of(&v->out[i]);
    if (v->node->def->room)
        bytes += 8 * (size_t)v->node->def->room * (size_t)count_of(&v->in[0]);
    return bytes;
}

/* An array of the reference's arithmetic cut from the scratch; outputs get a magnitude too. */
static op_array *cut(char **scratch, const op_operand *x, bool output)
{
    op_array *a = (op_array *)(void *)*scratch;
    size_t bytes = 8 * (size_t)count_of(x);
    *a = (op_array){.dtype = x->dtype, .rank = x->rank, .count = count_of(x)};
    memcpy(a->dims, x->dims, sizeof a->dims);
    *scratch += sizeof *a;
    if (tn_dtype_is_float(x->dtype))
        a->f = (double *)(void *)*scratch;
    else
        a->i = (int64_t *)(void *)*scratch;
    *scratch += bytes;
    if (output) {
        a->magnitude = (double *)(void *)*scratch;
        memset(*scratch - bytes, 0, 2 * bytes);
        *scratch += bytes;
    }
    return a;
}

static int64_t offset_of(const op_operand *x, const op_array *a, int64_t i)
{
    int64_t at = 0;
    for (int k = x->rank - 1; k >= 0; k--) {
        at += i % a->dims[k] * x->strides[k];
        i /= a->dims[k];
    }
    return at;
}

static void load(const op_operand *x, op_array *a, const char *data)
{
    int64_t size = (int64_t)tn_dtype_size(x->dtype);
    for (int64_t i = 0; i < a->count; i++) {
        const char *element = data + offset_of(x, a, i) * size;
        if (a->f)
            a->f[i] = op_element_to_f64(x->dtype, element);
        else
            a->i[i] = op_element_to_i64(x->dtype, element);
    }
}

static void store(const op_operand *x, const op_array *a, char *data)
{
    int64_t size = (int64_t)tn_dtype_size(x->dtype);
    for (int64_t i = 0; i < a->count; i++) {
        char *element = data + offset_of(x, a, i) * size;
        if (a->f)
            op_element_from_f64(x->dtype, a->f[i], element);
        else
            op_element_from_i64(x->dtype, a->i[i], element);
    }
}

void op_eval_run(const op_eval *v, const void *const *in, void *const *out, void *scratch, const char **fault)
{
    const op_array *a[v->n_in + 1];
    op_array *y[v->n_out + 1];
    char *free_from = scratch;
    for (int i = 0; i < v->n_in; i++) {
        a[i] = NULL;
        if (!v->in[i].dtype)
            continue;
        op_array *x = cut(&free_from, &v->in[i], false);
        load(&v->in[i], x, in[i]);
        a[i] = x;
    }
    for (int i = 0; i < v->n_out; i++)
        y[i] = cut(&free_from, &v->out[i], true);
    op_ref c = {.node = v->node,
                .n_in = v->n_in,
                .n_out = v->n_out,
                .in = a,
                .out = y,
                .arg = v->node->arg,
                .training = v->training,
                .seed = v->seed,
                .step = v->step,
                .fault = fault,
                .room = (double *)(void *)free_from};
    v->node->def->ref(&c);
    for (int i = 0; i < v->n_out; i++)
        store(&v->out[i], y[i], out[i]);
}
