/* inverse_root.c: inverse roots of symmetric matrices of f32 and f64. By LAPACK: with x = v diag(values) v^T the root is b^T b, the rows
 * of b being vectors times a power of their value. Where there is none, by Newton's coupled iteration (Iannazzo 2006; as in Anil et al.
 * 2020, appendix): m, which starts as a multiple of x, comes to the identity while y takes what it is short of. All is products. */
#include "cpu/core/gemm.h"
#include "cpu/core/kernels.h"
#include "cpu/core/lapack.h"
#include "cpu/core/matrix.h"
#include "cpu/core/par.h"

#include <float.h>
#include <string.h>

enum { MOST = 1 << 14, ROUNDS_F32 = 25, ROUNDS_F64 = 40 /* eigenvalues a million apart, and more */ };

typedef struct root_plan {
    cpu_lapack lapack;
    cpu_gemm product; /* n x n */
    tn_dtype dtype;
    int n, n_work, n_iwork, degree;
    int64_t count;
    size_t size, matrix, work; /* bytes: of an element, of a matrix, of numbers to work with */
    bool keeps;
    void (*one)(const struct root_plan *p, const char *x, char *y, char *room);
} root_plan;

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* The room: a matrix, LAPACK's numbers, values, integers, the product's scratch; or five matrices and the scratch. */
static void by_values(const root_plan *p, const char *x, char *y, char *room)
{
    int64_t n = p->n;
    char *work = room + p->matrix, *value = work + p->work, *integers = value + aligned((size_t)n * p->size);
    int info = 1;
    if (cpu_read_symmetric(p->dtype, x, room, n, 0))
        p->lapack.eigh("V", "L", &p->n, room, &p->n, value, work, &p->n_work, (int *)(void *)integers, &p->n_iwork,
                       &info, 1, 1);
    if (info) {
        cpu_fill_nan(p->dtype, y, n * n);
        return;
    }
    double least = cpu_element(p->dtype, value, n - 1) * (p->dtype == TN_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
    for (int64_t k = 0; k < n; k++) {
        double factor = pow(fmax(cpu_element(p->dtype, value, k), least), -0.5 / p->degree);
        for (int64_t i = 0; i < n; i++)
            cpu_set_element(p->dtype, room, k * n + i, cpu_element(p->dtype, room, k * n + i) * factor);
    }
    cpu_gemm g = p->product;
    g.a_row = 1;
    g.a_col = n;
    cpu_gemm_run(&g, room, room, y, NULL, integers + aligned((size_t)p->n_iwork * sizeof(int)));
}

/* to = a b */
static void multiply(const root_plan *p, const char *a, const char *b, char *to, char *room)
{
    cpu_gemm_run(&p->product, a, b, to, NULL, room + 5 * p->matrix);
}

static void swap(char **a, char **b)
{
    char *t = *a;
    *a = *b;
    *b = t;
}

static void by_products(const root_plan *p, const char *x, char *y, char *room)
{
    int64_t n = p->n;
    char *m = room, *root = m + p->matrix, *step = root + p->matrix, *power = step + p->matrix,
         *other = power + p->matrix;
    double length = 0, q = p->degree;
    if (!cpu_read_symmetric(p->dtype, x, m, n, 0)) {
        cpu_fill_nan(p->dtype, y, n * n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double v = cpu_element(p->dtype, m, i <= j ? i * n + j : j * n + i);
            length += v * v;
            cpu_set_element(p->dtype, m, i * n + j, v);
        }
    double z = (1 + q) / 2 / sqrt(length);
    for (int64_t i = 0; i < n * n; i++) {
        cpu_set_element(p->dtype, m, i, cpu_element(p->dtype, m, i) * z);
        cpu_set_element(p->dtype, root, i, i % (n + 1) == 0 ? pow(z, 1 / q) : 0);
    }
    for (int round = 0; round < (p->dtype == TN_F64 ? ROUNDS_F64 : ROUNDS_F32); round++) {
        for (int64_t i = 0; i < n * n; i++)
            cpu_set_element(p->dtype, step, i, (i % (n + 1) == 0 ? 1 + 1 / q : 0) - cpu_element(p->dtype, m, i) / q);
        multiply(p, root, step, other, room);
        swap(&root, &other);
        for (int k = 0; k < p->degree; k++) {
            multiply(p, step, m, power, room);
            swap(&m, &power);
        }
    }
    memcpy(y, root, (size_t)(n * n) * p->size);
}

static void run(const kernel_call *c)
{
    const root_plan *p = c->plan;
    size_t bytes = (size_t)p->n * (size_t)p->n * p->size;
    if (p->keeps && !*(const bool *)c->in[2]) {
        memcpy(c->out[0], c->in[1], (size_t)p->count * bytes);
        return;
    }
    unsigned mode = cpu_flush_begin();
    for (int64_t b = 0; b < p->count; b++)
        p->one(p, (const char *)c->in[0] + (size_t)b * bytes, (char *)c->out[0] + (size_t)b * bytes, c->scratch);
    cpu_flush_end(mode);
}

/* ---- preparing --------------------------------------------------------------------------------------------------- */

static bool has_elements(const kernel_bind *b)
{
    int64_t n = b->in[0].dims[b->in[0].rank - 1];
    return n > 0 && n <= MOST;
}

static bool has_lapack(const kernel_bind *b)
{
    cpu_lapack lapack;
    return has_elements(b) && cpu_lapack_open(b->in[0].dtype, &lapack);
}

static root_plan *new_plan(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    root_plan *p = BASE_NEW(b->arena, root_plan);
    if (!p) {
        (void)base_no_memory(b->error, "preparing a kernel");
        return NULL;
    }
    int64_t n = x->dims[x->rank - 1];
    *p = (root_plan){.dtype = x->dtype,
                     .n = (int)n,
                     .degree = (int)cpu_arg_int(b->node, "degree"),
                     .count = 1,
                     .size = tn_dtype_size(x->dtype),
                     .keeps = b->in[2].dtype != TN_NONE};
    p->product = (cpu_gemm){.isa = (cpu_isa)b->isa, .threads = b->threads, .dtype = x->dtype, .m = n, .n = n, .k = n};
    p->product.a_row = p->product.b_row = p->product.c_row = n;
    p->product.a_col = p->product.b_col = p->product.c_col = 1;
    p->matrix = aligned((size_t)(n * n) * p->size);
    for (int i = 0; i < x->rank - 2; i++)
        p->count *= x->dims[i];
    b->plan = p;
    return p;
}

static tn_status prepare_values(kernel_bind *b)
{
    root_plan *p = new_plan(b);
    union {
        double f64;
        float f32;
    } work = {0};
    int info, ask = -1;
    if (!p)
        return b->error->status;
    if (!cpu_lapack_open(p->dtype, &p->lapack))
        return base_fail(b->error, TN_UNSUPPORTED, "LAPACK was there and is there no more");
    p->lapack.eigh("V", "L", &p->n, NULL, &p->n, NULL, &work, &ask, &p->n_iwork, &ask, &info, 1, 1);
    p->n_work = (int)((p->dtype == TN_F64 ? work.f64 : (double)work.f32) * (1 + 1e-6)) + 1;
    p->work = aligned((size_t)p->n_work * p->size);
    cpu_gemm turned = p->product;
    turned.a_row = 1;
    turned.a_col = p->n;
    b->scratch = p->matrix + p->work + aligned((size_t)p->n * p->size) + aligned((size_t)p->n_iwork * sizeof(int)) +
                 cpu_gemm_scratch(&turned);
    p->one = by_values;
    b->path = "lapack";
    return TN_OK;
}

static tn_status prepare_products(kernel_bind *b)
{
    root_plan *p = new_plan(b);
    if (!p)
        return b->error->status;
    b->scratch = 5 * p->matrix + cpu_gemm_scratch(&p->product);
    p->one = by_products;
    b->path = "newton";
    return TN_OK;
}

const kernel cpu_kernels_inverse_root[] = {
    {.op = "inverse_root", .name = "inverse_root/lapack", .accepts = has_lapack, .prepare = prepare_values, .run = run},
    {.op = "inverse_root",
     .name = "inverse_root/newton",
     .accepts = has_elements,
     .prepare = prepare_products,
     .run = run},
    {0}};
