/* linalg.c: inverse, solve, det, cofactors, slogdet, cholesky and triangular_solve of f32 and f64, by core/dense.h. A batch is spread over the
 * threads, a single matrix uses them all. */
#include "op/scheme/linalg.h"
#include "cpu/core/dense.h"
#include "cpu/core/kernels.h"
#include "cpu/core/matrix.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 12 /* elements, about */ };

typedef struct linalg_plan linalg_plan;
typedef struct linalg_job linalg_job;
/* Matrix b, in a worker's room; what cpu_dense_lu and _cholesky say. */
typedef struct worker {
    cpu_dense d;
    char *matrix; /* n x n */
    int64_t *pivot;
    double *exact; /* of cofactors: n (3 n + 2) numbers */
} worker;
typedef int64_t (*one_fn)(const linalg_job *j, worker *w, int64_t b);

struct linalg_plan {
    one_fn one;
    const char *fault, *with; /* what a matrix without a result is called; and the number that is told with it */
    tn_dtype dtype;
    cpu_isa isa;
    int threads;
    int64_t n, k, count, per_chunk,
        *from;                /* from: of each matrix, its number in the first and second input; NULL: the same */
    size_t size, dense, each; /* bytes of an element, of dense's scratch, of a worker's room */
    bool upper, transpose, unit, keeps; /* keeps: input 1 stays where input 2 is false */
    int64_t triangle;
};
struct linalg_job {
    const linalg_plan *p;
    const char *in[2];
    char *out[2];
    int64_t *wrong; /* by matrix */
    char *room;
};

/* ---- parts --------------------------------------------------------------------------------------------------------- */

static cpu_matrix dense(char *x, int64_t columns)
{
    return (cpu_matrix){x, columns, 1};
}

/* Where the matrix of input i that belongs to b begins. */
static const char *input(const linalg_job *j, int i, int64_t b, int64_t elements)
{
    return j->in[i] + (j->p->from ? j->p->from[2 * b + i] : b) * elements * (int64_t)j->p->size;
}

/* A copy of input 0 in the worker's room, factored; -1: it is not finite. */
static int64_t factor(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    const char *x = input(j, 0, b, p->n * p->n);
    if (!cpu_all_finite(p->dtype, x, p->n * p->n))
        return -1;
    memcpy(w->matrix, x, (size_t)(p->n * p->n) * p->size);
    return cpu_dense_lu(&w->d, p->n, dense(w->matrix, p->n), w->pivot);
}

/* ---- one matrix ---------------------------------------------------------------------------------------------------- */

static void solve_factored(const linalg_plan *p, worker *w, char *x, int64_t k)
{
    cpu_dense_solve(&w->d, true, true, p->n, k, dense(w->matrix, p->n), dense(x, k));
    cpu_dense_solve(&w->d, false, false, p->n, k, dense(w->matrix, p->n), dense(x, k));
}

static int64_t inverse_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    char *y = j->out[0] + b * p->n * p->n * (int64_t)p->size;
    int64_t wrong = factor(j, w, b);
    if (wrong) {
        cpu_fill_nan(p->dtype, y, p->n * p->n);
        return wrong > 0 ? wrong : 0;
    }
    memset(y, 0, (size_t)(p->n * p->n) * p->size);
    for (int64_t i = 0; i < p->n; i++)
        cpu_set_element(p->dtype, y, i * (p->n + 1), 1);
    cpu_dense_exchange(&w->d, dense(y, p->n), p->n, w->pivot, p->n);
    solve_factored(p, w, y, p->n);
    return 0;
}

/* Columns of b that are not finite make NaN of those of x. */
static void spoil_columns(const linalg_plan *p, const char *b, char *x)
{
    if (cpu_all_finite(p->dtype, b, p->n * p->k))
        return;
    for (int64_t j = 0; j < p->k; j++) {
        bool finite = true;
        for (int64_t i = 0; i < p->n; i++)
            finite &= isfinite(cpu_element(p->dtype, b, i * p->k + j)) != 0;
        for (int64_t i = 0; i < p->n && !finite; i++)
            cpu_set_element(p->dtype, x, i * p->k + j, (double)NAN);
    }
}

static int64_t solve_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    const char *right = input(j, 1, b, p->n * p->k);
    char *x = j->out[0] + b * p->n * p->k * (int64_t)p->size;
    int64_t wrong = factor(j, w, b);
    if (wrong) {
        cpu_fill_nan(p->dtype, x, p->n * p->k);
        return wrong > 0 ? wrong : 0;
    }
    memcpy(x, right, (size_t)(p->n * p->k) * p->size);
    cpu_dense_exchange(&w->d, dense(x, p->k), p->k, w->pivot, p->n);
    solve_factored(p, w, x, p->k);
    spoil_columns(p, right, x);
    return 0;
}

static double sign_of(const linalg_plan *p, const worker *w)
{
    double sign = 1;
    for (int64_t i = 0; i < p->n; i++)
        sign = w->pivot[i] == i ? sign : -sign;
    return sign;
}

static int64_t det_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    int64_t wrong = factor(j, w, b);
    double det = wrong < 0 ? (double)NAN : wrong ? 0 : sign_of(p, w);
    for (int64_t i = 0; i < p->n && !wrong; i++)
        det *= cpu_element(p->dtype, w->matrix, i * (p->n + 1));
    cpu_set_element(p->dtype, j->out[0], b, det);
    return 0;
}

/* A singular matrix has cofactors too, but no inverse to make them of. */
static void singular_cofactors(const linalg_plan *p, worker *w, const char *x, char *y)
{
    int64_t n = p->n;
    double *result = w->exact, *room = result + n * n, *copy = room + n * (n + 2);
    for (int64_t i = 0; i < n * n; i++)
        copy[i] = cpu_element(p->dtype, x, i);
    op_find_cofactors(copy, n, result, room);
    for (int64_t i = 0; i < n * n; i++)
        cpu_set_element(p->dtype, y, i, result[i]);
}

static int64_t cofactors_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    int64_t n = p->n, wrong = inverse_one(j, w, b);
    char *y = j->out[0] + b * n * n * (int64_t)p->size;
    double det = sign_of(p, w);
    if (wrong) {
        singular_cofactors(p, w, input(j, 0, b, n * n), y);
        return 0;
    }
    for (int64_t i = 0; i < n; i++)
        det *= cpu_element(p->dtype, w->matrix, i * (n + 1));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k <= i; k++) {
            double below = det * cpu_element(p->dtype, y, i * n + k);
            cpu_set_element(p->dtype, y, i * n + k, det * cpu_element(p->dtype, y, k * n + i));
            cpu_set_element(p->dtype, y, k * n + i, below);
        }
    return 0;
}

static int64_t slogdet_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    int64_t wrong = factor(j, w, b);
    double sign = wrong < 0 ? (double)NAN : wrong ? 0 : sign_of(p, w);
    double size = wrong < 0 ? (double)NAN : wrong ? -(double)INFINITY : 0;
    for (int64_t i = 0; i < p->n && !wrong; i++) {
        double v = cpu_element(p->dtype, w->matrix, i * (p->n + 1));
        sign = v < 0 ? -sign : sign;
        size += log(fabs(v));
    }
    cpu_set_element(p->dtype, j->out[0], b, sign);
    cpu_set_element(p->dtype, j->out[1], b, size);
    return 0;
}

static int64_t cholesky_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    const void *x = input(j, 0, b, p->n * p->n);
    void *y = j->out[0] + b * p->n * p->n * (int64_t)p->size;
    bool finite = cpu_read_symmetric(p->dtype, x, y, p->n, p->triangle);
    int64_t wrong = finite ? cpu_dense_cholesky(&w->d, p->n, dense(y, p->n)) : 0;
    if (!finite || wrong)
        cpu_fill_nan(p->dtype, y, p->n * p->n);
    else
        cpu_keep_triangle(p->dtype, y, p->n, p->upper);
    return wrong;
}

static int64_t triangular_one(const linalg_job *j, worker *w, int64_t b)
{
    const linalg_plan *p = j->p;
    char *x = j->out[0] + b * p->n * p->k * (int64_t)p->size;
    union {
        const char *from;
        void *at;
    } t = {.from = input(j, 0, b, p->n * p->n)}; /* it is only read */
    memcpy(x, input(j, 1, b, p->n * p->k), (size_t)(p->n * p->k) * p->size);
    cpu_matrix a = {t.at, p->transpose ? 1 : p->n, p->transpose ? p->n : 1};
    cpu_dense_solve(&w->d, p->upper == p->transpose, p->unit, p->n, p->k, a, dense(x, p->k));
    return 0;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const linalg_job *j = arg;
    const linalg_plan *p = j->p;
    char *room = j->room + (size_t)thread * p->each;
    worker w = {.d = {.isa = p->isa, .threads = p->count > 1 ? 1 : p->threads, .dtype = p->dtype, .scratch = room},
                .matrix = room + p->dense};
    w.pivot = (int64_t *)(void *)(w.matrix + ((size_t)(p->n * p->n) * p->size + 63) / 64 * 64);
    w.exact = (double *)(void *)((char *)w.pivot + ((size_t)p->n * 8 + 63) / 64 * 64);
    for (int64_t b = chunk * p->per_chunk; b < p->count && b < (chunk + 1) * p->per_chunk; b++)
        j->wrong[b] = p->one(j, &w, b);
}

static void run(const kernel_call *c)
{
    const linalg_plan *p = c->plan;
    if (p->keeps && !*(const bool *)c->in[2]) {
        memcpy(c->out[0], c->in[1], (size_t)(p->count * p->n * p->n) * p->size);
        return;
    }
    size_t tags = ((size_t)p->count * sizeof(int64_t) + 63) / 64 * 64;
    linalg_job j = {.p = p, .in = {c->in[0], c->in[1]}, .out = {c->out[0], c->out[1]}, .wrong = c->scratch};
    j.room = (char *)c->scratch + tags;
    if (p->count == 1) {
        unsigned mode = cpu_flush_begin();
        run_chunk(&j, 0, 0);
        cpu_flush_end(mode);
    } else {
        cpu_parallel(p->threads, (p->count + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
    }
    for (int64_t b = 0; b < p->count && p->fault && !c->fault->what; b++)
        if (j.wrong[b])
            *c->fault = (kernel_fault){p->fault, b, (double)j.wrong[b], "matrix", p->with};
}

/* The numbers of the matrices of both inputs that are broadcast to each of y. */
static tn_status find_sources(kernel_bind *b, linalg_plan *p)
{
    const kernel_operand *y = &b->out[0];
    bool same = true;
    for (int i = 0; i < b->n_in; i++)
        same &= kernel_count(&b->in[i]) == p->count * p->n * (i ? p->k : p->n);
    if (same)
        return TN_OK;
    p->from = BASE_ARRAY(b->arena, int64_t, 2 * p->count + 2);
    if (!p->from)
        return base_no_memory(b->error, "preparing a kernel");
    for (int i = 0; i < 2; i++) {
        int64_t step = 1, over = 1; /* matrices of the input and of y behind the axis */
        for (int k = b->in[i].rank - 3, l = y->rank - 3; l >= 0; k--, l--) {
            int64_t size = k >= 0 ? b->in[i].dims[k] : 1;
            for (int64_t m = 0; m < p->count && size > 1; m++)
                p->from[2 * m + i] += m / over % y->dims[l] * step;
            step *= size;
            over *= y->dims[l];
        }
    }
    return TN_OK;
}

static bool is_set(const graph_node *node, const char *argument)
{
    const op_value *v = cpu_arg(node, argument);
    return v && v->i;
}

static tn_status prepare(kernel_bind *b, one_fn one, const char *path)
{
    const kernel_operand *x = &b->in[0];
    linalg_plan *p = BASE_NEW(b->arena, linalg_plan);
    const op_value *triangle = cpu_arg(b->node, "triangle");
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (linalg_plan){.one = one,
                       .dtype = x->dtype,
                       .isa = (cpu_isa)b->isa,
                       .threads = b->threads,
                       .n = x->dims[x->rank - 1],
                       .count = 1,
                       .size = tn_dtype_size(x->dtype),
                       .upper = is_set(b->node, "upper"),
                       .transpose = is_set(b->node, "transpose"),
                       .unit = is_set(b->node, "unit"),
                       .keeps = b->n_in > 2 && b->in[2].dtype != TN_NONE,
                       .triangle = triangle ? triangle->i : 0};
    bool two = b->n_in == 2;
    const kernel_operand *lead = two ? &b->out[0] : x;
    for (int i = 0; i < lead->rank - 2; i++)
        p->count *= lead->dims[i];
    p->k = two ? lead->dims[lead->rank - 1] : p->n;
    if (two)
        BASE_TRY(find_sources(b, p));
    p->per_chunk = CHUNK / (p->n * (p->n + p->k) + 1) + 1;
    p->dense = cpu_dense_scratch(p->isa, p->dtype, p->count > 1 ? 1 : p->threads, p->n, p->k);
    p->each = p->dense + ((size_t)(p->n * p->n) * p->size + 63) / 64 * 64 + ((size_t)p->n * 8 + 63) / 64 * 64;
    if (one == cofactors_one)
        p->each += (size_t)(p->n * (3 * p->n + 2)) * 8 + 64;
    p->each = (p->each + 63) / 64 * 64;
    b->scratch =
        (size_t)(p->count > 1 ? p->threads : 1) * p->each + ((size_t)p->count * sizeof(int64_t) + 63) / 64 * 64;
    b->plan = p;
    b->path = path;
    return TN_OK;
}

/* Kernels of operators that stop a run where a matrix has no result, unless they are told not to. */
static tn_status prepare_checked(kernel_bind *b, one_fn one, const char *path, const char *fault, const char *with)
{
    const op_value *check = cpu_arg(b->node, "check");
    BASE_TRY(prepare(b, one, path));
    linalg_plan *p = b->plan;
    p->fault = check && !check->i ? NULL : fault;
    p->with = with;
    return TN_OK;
}

static tn_status prepare_inverse(kernel_bind *b)
{
    return prepare_checked(b, inverse_one, "inverse/lu", "a matrix is singular", "pivot");
}
static tn_status prepare_solve(kernel_bind *b)
{
    return prepare_checked(b, solve_one, "solve/lu", "a matrix is singular", "pivot");
}
static tn_status prepare_det(kernel_bind *b)
{
    return prepare(b, det_one, "det/lu");
}
static tn_status prepare_cofactors(kernel_bind *b)
{
    return prepare(b, cofactors_one, "cofactors/lu");
}
static tn_status prepare_slogdet(kernel_bind *b)
{
    return prepare(b, slogdet_one, "slogdet/lu");
}
static tn_status prepare_cholesky(kernel_bind *b)
{
    return prepare_checked(b, cholesky_one, "cholesky/halves", "a matrix is not positive definite", "leading minor");
}
static tn_status prepare_triangular(kernel_bind *b)
{
    return prepare(b, triangular_one, "triangular_solve/halves");
}

const kernel cpu_kernels_linalg[] = {
    {.op = "inverse", .name = "inverse/lu", .prepare = prepare_inverse, .run = run},
    {.op = "solve", .name = "solve/lu", .prepare = prepare_solve, .run = run},
    {.op = "det", .name = "det/lu", .prepare = prepare_det, .run = run},
    {.op = "cofactors", .name = "cofactors/lu", .prepare = prepare_cofactors, .run = run},
    {.op = "slogdet", .name = "slogdet/lu", .prepare = prepare_slogdet, .run = run},
    {.op = "cholesky", .name = "cholesky/halves", .prepare = prepare_cholesky, .run = run},
    {.op = "triangular_solve", .name = "triangular_solve/halves", .prepare = prepare_triangular, .run = run},
    {0}};
