/* decompose.c: eigh, eig, svd and qr of f32 and f64. The first three by LAPACK (core/lapack.h), divide and conquer: a matrix stored by rows is,
 * read by columns, its transpose, and x = u s v^T is asked for as x^T = v s u^T, so that results come out where they belong; where
 * there is no LAPACK the reference computes. qr by blocks of reflections (core/dense.h). */
#include "cpu/core/dense.h"
#include "cpu/core/kernels.h"
#include "cpu/core/lapack.h"
#include "cpu/core/matrix.h"
#include "cpu/core/par.h"

#include <string.h>

enum { MOST = 1 << 14 /* of a side: lengths of work are int */ };

typedef struct decompose_plan decompose_plan;
typedef struct decompose_job decompose_job;
typedef void (*one_fn)(const decompose_job *j, char *room, int64_t b);

struct decompose_plan {
    cpu_lapack lapack; /* of all but qr */
    cpu_dense dense;   /* of qr */
    one_fn one;
    tn_dtype dtype;
    int threads, n_out, m, n, k, least; /* k: columns of u or q; least: of m and n */
    int n_work, n_lapack, n_iwork;      /* n_lapack: of eig, what is LAPACK's of n_work */
    int64_t count, triangle;
    size_t size, matrix, work, each; /* bytes: of an element, a copy of x, the numbers to work with, all of a thread */
};
struct decompose_job {
    const decompose_plan *p;
    const char *x;
    char *out[3], *room;
};

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Matrix b of output i, of so many elements. */
static void *output(const decompose_job *j, int i, int64_t b, int64_t elements)
{
    return j->out[i] + b * elements * (int64_t)j->p->size;
}

/* A thread's room: a copy of x, numbers to work with, integers; of qr: and the products' scratch. */
static void *work_in(const decompose_plan *p, char *room)
{
    return room + p->matrix;
}
static int *integers_in(const decompose_plan *p, char *room)
{
    return (int *)(void *)(room + p->matrix + p->work);
}

/* ---- one matrix ---------------------------------------------------------------------------------------------------- */

/* The upper triangle by rows is the lower one by columns. Vectors come one behind the other. */
static void eigh_one(const decompose_job *j, char *room, int64_t b)
{
    const decompose_plan *p = j->p;
    int64_t n = p->n;
    void *value = output(j, 0, b, n), *v = output(j, 1, b, n * n);
    const char *x = j->x + b * n * n * (int64_t)p->size;
    int info = 1;
    if (cpu_read_symmetric(p->dtype, x, room, n, p->triangle))
        p->lapack.eigh("V", "L", &p->n, room, &p->n, value, work_in(p, room), &p->n_work, integers_in(p, room),
                       &p->n_iwork, &info, 1, 1);
    if (info) {
        cpu_fill_nan(p->dtype, value, n);
        cpu_fill_nan(p->dtype, v, n * n);
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        void *vector = room + k * n * (int64_t)p->size;
        (void)cpu_upright(p->dtype, vector, n, 1, 0);
        for (int64_t i = 0; i < n; i++)
            cpu_set_element(p->dtype, v, i * n + k, cpu_element(p->dtype, vector, i));
    }
}

/* Where the values come when they are ordered by their real, then imaginary part. */
static void sort_values(tn_dtype dtype, const void *re, const void *im, int n, int *order)
{
    for (int i = 0; i < n; i++) {
        int k = i;
        double a = cpu_element(dtype, re, i), b = cpu_element(dtype, im, i);
        for (; k > 0; k--) {
            double before = cpu_element(dtype, re, order[k - 1]);
            if (before < a || (before == a && cpu_element(dtype, im, order[k - 1]) <= b)) /* NOLINT */
                break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
}

/* The vector re + i im as column `to` of v[n, n, 2], turned as eig says; im is NULL for a real one. */
static void put_vector(tn_dtype dtype, const void *re, const void *im, double sign, int n, void *v, int to)
{
    double most = 0, sum = 0, part[2];
    int at = -1;
    for (int i = 0; i < n; i++)
        most = fmax(most, hypot(cpu_element(dtype, re, i), im ? cpu_element(dtype, im, i) : 0));
    for (int i = 0; i < n; i++) {
        double size = hypot(cpu_element(dtype, re, i), im ? cpu_element(dtype, im, i) : 0);
        at = at < 0 && size >= 0.999 * most ? i : at;
        sum += size * size;
    }
    double a = cpu_element(dtype, re, at), b = im ? sign * cpu_element(dtype, im, at) : 0,
           all = hypot(a, b) * sqrt(sum);
    for (int i = 0; i < n; i++) { /* times the conjugate of the largest */
        double x = cpu_element(dtype, re, i), y = im ? sign * cpu_element(dtype, im, i) : 0;
        part[0] = (x * a + y * b) / all;
        part[1] = i == at ? 0 : (y * a - x * b) / all;
        for (int k = 0; k < 2; k++)
            cpu_set_element(dtype, v, 2 * ((int64_t)i * n + to) + k, part[k]);
    }
}

static void eig_one(const decompose_job *j, char *room, int64_t b)
{
    const decompose_plan *p = j->p;
    const int n = p->n;
    const size_t column = (size_t)n * p->size;
    char *re = work_in(p, room), *im = re + column, *vector = im + column, *work = vector + (size_t)n * column;
    void *value = output(j, 0, b, 2 * n), *v = output(j, 1, b, 2 * (int64_t)n * n);
    const char *x = j->x + b * n * n * (int64_t)p->size;
    int info = 1, *order = integers_in(p, room);
    for (int64_t i = 0; i < (int64_t)n * n; i++)
        cpu_set_element(p->dtype, room, i % n * n + i / n, cpu_element(p->dtype, x, i));
    if (cpu_all_finite(p->dtype, x, (int64_t)n * n))
        p->lapack.eig("N", "V", &n, room, &n, re, im, NULL, &n, vector, &n, work, &p->n_lapack, &info, 1, 1);
    if (info) {
        cpu_fill_nan(p->dtype, value, 2 * n);
        cpu_fill_nan(p->dtype, v, 2 * (int64_t)n * n);
        return;
    }
    sort_values(p->dtype, re, im, n, order);
    for (int k = 0; k < n; k++) { /* of a pair the one above the real line is first, and its vector is stored */
        int from = order[k];
        double above = cpu_element(p->dtype, im, from);
        const char *first = vector + (size_t)(above < 0 ? from - 1 : from) * column;
        put_vector(p->dtype, first, above == 0 ? NULL : first + column, above < 0 ? -1 : 1, n, v, k); /* NOLINT */
        cpu_set_element(p->dtype, value, 2 * k, cpu_element(p->dtype, re, from));
        cpu_set_element(p->dtype, value, 2 * k + 1, above);
    }
}

static void svd_one(const decompose_job *j, char *room, int64_t b)
{
    const decompose_plan *p = j->p;
    int64_t m = p->m, n = p->n, k = p->k;
    void *u = output(j, 0, b, m * k), *s = output(j, 1, b, k), *vt = output(j, 2, b, k * n);
    int info = 1;
    memcpy(room, j->x + b * m * n * (int64_t)p->size, (size_t)(m * n) * p->size);
    if (cpu_all_finite(p->dtype, room, m * n))
        p->lapack.svd("S", &p->n, &p->m, room, &p->n, s, vt, &p->n, u, &p->k, work_in(p, room), &p->n_work,
                      integers_in(p, room), &info, 1);
    if (info) {
        cpu_fill_nan(p->dtype, u, m * k);
        cpu_fill_nan(p->dtype, s, k);
        cpu_fill_nan(p->dtype, vt, k * n);
        return;
    }
    for (int64_t c = 0; c < k; c++)
        if (cpu_upright(p->dtype, u, m, k, c) < 0)
            for (int64_t i = 0; i < n; i++)
                cpu_set_element(p->dtype, vt, c * n + i, -cpu_element(p->dtype, vt, c * n + i));
}

static void qr_one(const decompose_job *j, char *room, int64_t b)
{
    const decompose_plan *p = j->p;
    int64_t m = p->m, n = p->n, k = p->k;
    void *q = output(j, 0, b, m * k), *r = output(j, 1, b, k * n);
    cpu_dense d = p->dense;
    memcpy(room, j->x + b * m * n * (int64_t)p->size, (size_t)(m * n) * p->size);
    if (!cpu_all_finite(p->dtype, room, m * n)) {
        cpu_fill_nan(p->dtype, q, m * k);
        cpu_fill_nan(p->dtype, r, k * n);
        return;
    }
    d.scratch = room + p->matrix + p->work;
    cpu_dense_qr(&d, m, n, k, (cpu_matrix){room, n, 1}, q, r, work_in(p, room));
}

/* ---- how much there is to work with ----------------------------------------------------------------------------------- */

/* How many elements LAPACK asks for is said in one of them, which may be rounded. */
typedef union number {
    double f64;
    float f32;
} number;
static int asked(const decompose_plan *p, const number *n)
{
    return (int)((p->dtype == TN_F64 ? n->f64 : (double)n->f32) * (1 + 1e-6)) + 1;
}

static void ask_eigh(decompose_plan *p)
{
    int info, ask = -1;
    number work = {0};
    p->lapack.eigh("V", "L", &p->n, NULL, &p->n, NULL, &work, &ask, &p->n_iwork, &ask, &info, 1, 1);
    p->n_work = asked(p, &work);
}

static void ask_eig(decompose_plan *p)
{
    int info, ask = -1;
    number work = {0};
    p->lapack.eig("N", "V", &p->n, NULL, &p->n, NULL, NULL, NULL, &p->n, NULL, &p->n, &work, &ask, &info, 1, 1);
    p->n_lapack = asked(p, &work);
    p->n_work = p->n_lapack + 2 * p->n + p->n * p->n;
    p->n_iwork = p->n;
}

static void ask_svd(decompose_plan *p)
{
    int info, ask = -1, none = 0;
    number work = {0};
    p->lapack.svd("S", &p->n, &p->m, NULL, &p->n, NULL, NULL, &p->n, NULL, &p->k, &work, &ask, &none, &info, 1);
    p->n_work = asked(p, &work);
    p->n_iwork = 8 * p->least;
}

static void ask_qr(decompose_plan *p)
{
    cpu_dense_qr(&p->dense, p->m, p->n, p->k, (cpu_matrix){NULL, p->n, 1}, NULL, NULL, NULL);
    p->n_work = (int)cpu_dense_qr_room(p->m, p->n, p->k);
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static bool has_elements(const kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    int64_t m = x->dims[x->rank - 2], n = x->dims[x->rank - 1];
    return m > 0 && n > 0 && m <= MOST && n <= MOST;
}

static bool has_lapack(const kernel_bind *b)
{
    cpu_lapack lapack;
    return has_elements(b) && cpu_lapack_open(b->in[0].dtype, &lapack);
}

static tn_status prepare(kernel_bind *b, one_fn one, void (*ask)(decompose_plan *p))
{
    const kernel_operand *x = &b->in[0];
    const op_value *complete = cpu_arg(b->node, "complete"), *triangle = cpu_arg(b->node, "triangle");
    decompose_plan *p = BASE_NEW(b->arena, decompose_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (decompose_plan){.one = one,
                          .dtype = x->dtype,
                          .n_out = b->n_out,
                          .m = (int)x->dims[x->rank - 2],
                          .n = (int)x->dims[x->rank - 1],
                          .count = 1,
                          .triangle = triangle ? triangle->i : 0,
                          .size = tn_dtype_size(x->dtype)};
    if (one != qr_one && !cpu_lapack_open(x->dtype, &p->lapack))
        return base_fail(b->error, TN_UNSUPPORTED, "LAPACK was there and is there no more");
    p->least = p->m < p->n ? p->m : p->n;
    p->k = complete && complete->i ? p->m : p->least;
    for (int i = 0; i < x->rank - 2; i++)
        p->count *= x->dims[i];
    p->dense = (cpu_dense){.isa = (cpu_isa)b->isa, .threads = p->count > 1 ? 1 : b->threads, .dtype = x->dtype};
    ask(p);
    p->matrix = aligned((size_t)p->m * (size_t)p->n * p->size);
    p->work = aligned((size_t)p->n_work * p->size);
    p->each = p->matrix + p->work + aligned((size_t)p->n_iwork * sizeof(int)) + aligned(p->dense.need) + 64;
    p->threads = p->count < b->threads ? (int)p->count : b->threads;
    b->scratch = (size_t)p->threads * p->each;
    b->plan = p;
    b->path = one == qr_one ? "reflections" : "lapack";
    return TN_OK;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const decompose_job *j = arg;
    j->p->one(j, j->room + (size_t)thread * j->p->each, chunk);
}

static void run(const kernel_call *c)
{
    const decompose_plan *p = c->plan;
    decompose_job j = {.p = p, .x = c->in[0], .room = c->scratch};
    for (int i = 0; i < p->n_out; i++)
        j.out[i] = c->out[i];
    if (p->count == 1) { /* a product may want all threads */
        unsigned mode = cpu_flush_begin();
        run_chunk(&j, 0, 0);
        cpu_flush_end(mode);
    } else {
        cpu_parallel(p->threads, p->count, run_chunk, &j);
    }
}

static tn_status prepare_eigh(kernel_bind *b)
{
    return prepare(b, eigh_one, ask_eigh);
}
static tn_status prepare_eig(kernel_bind *b)
{
    return prepare(b, eig_one, ask_eig);
}
static tn_status prepare_svd(kernel_bind *b)
{
    return prepare(b, svd_one, ask_svd);
}
static tn_status prepare_qr(kernel_bind *b)
{
    return prepare(b, qr_one, ask_qr);
}

const kernel cpu_kernels_decompose[] = {
    {.op = "eigh", .name = "eigh/lapack", .accepts = has_lapack, .prepare = prepare_eigh, .run = run},
    {.op = "eig", .name = "eig/lapack", .accepts = has_lapack, .prepare = prepare_eig, .run = run},
    {.op = "svd", .name = "svd/lapack", .accepts = has_lapack, .prepare = prepare_svd, .run = run},
    {.op = "qr", .name = "qr/reflections", .accepts = has_elements, .prepare = prepare_qr, .run = run},
    {0}};
