/* ctc and its gradient, any float dtype: samples side by side, each in logarithms and double (op/scheme/ctc.h). */
#include "op/scheme/ctc.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/loss.h"

#include <math.h>
#include <string.h>

typedef struct plan {
    int threads, first; /* of the inputs: log_p */
    tn_dtype dtype, index;
    int64_t samples, steps, classes, labels, blank, how;
    bool zero_infinity;
    size_t room; /* bytes of scratch for a thread */
} plan;

typedef struct job {
    const plan *p;
    const kernel_call *c;
    double *losses; /* of samples, divided as the reduction says; fault: see below */
    char *rooms;
} job;

static tn_status prepare_from(kernel_bind *b, int first)
{
    const kernel_operand *x = &b->in[first], *target = &b->in[first + 1];
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.threads = b->threads,
                .first = first,
                .dtype = x->dtype,
                .index = target->dtype,
                .samples = x->dims[0],
                .steps = x->dims[1],
                .classes = x->dims[2],
                .labels = target->dims[1],
                .blank = cpu_arg_int(b->node, "blank"),
                .how = cpu_arg_int(b->node, "reduction"),
                .zero_infinity = cpu_arg_int(b->node, "zero_infinity") != 0};
    int64_t numbers = p->steps * (p->labels + 1) + op_ctc_room(p->steps, p->labels) + p->labels + p->classes + 1;
    p->room = (size_t)numbers * sizeof(double);
    b->plan = p;
    b->scratch = (size_t)(p->samples + 1) * sizeof(double) + (size_t)p->threads * p->room;
    b->path = "samples";
    return TN_OK;
}

static tn_status prepare(kernel_bind *b)
{
    return prepare_from(b, 0);
}

static tn_status prepare_grad(kernel_bind *b)
{
    return prepare_from(b, 1);
}

static int64_t whole(const plan *p, const void *data, int64_t i)
{
    return p->index == TN_I64 ? ((const int64_t *)data)[i] : ((const int32_t *)data)[i];
}

static double number(const plan *p, const void *data, int64_t i)
{
    if (p->dtype == TN_F32)
        return (double)((const float *)data)[i];
    return op_element_to_f64(p->dtype, (const char *)data + (size_t)i * tn_dtype_size(p->dtype));
}

/* What makes sample n impossible, or NULL; checked before samples are shared out, so that the first one is told. */
static const char *wrong(const plan *p, const kernel_call *c, int64_t n, double *value)
{
    const int64_t most[] = {p->steps, p->labels};
    int64_t labels = p->labels;
    for (int i = 0; i < 2; i++) {
        const void *lengths = c->in[p->first + 2 + i];
        int64_t length = lengths ? whole(p, lengths, n) : most[i];
        *value = (double)length;
        if (length < 0 || length > most[i])
            return "a length is out of range";
        labels = length;
    }
    for (int64_t k = 0; k < labels; k++) {
        int64_t class = whole(p, c->in[p->first + 1], n * p->labels + k);
        *value = (double)class;
        if (class < 0 || class >= p->classes)
            return "a target is not a class: its number is out of range";
    }
    return NULL;
}

static bool check(const plan *p, const kernel_call *c)
{
    for (int64_t n = 0; n < p->samples; n++) {
        double value;
        const char *what = wrong(p, c, n, &value);
        if (!what)
            continue;
        if (!c->fault->what)
            *c->fault = (kernel_fault){what, n, value};
        return false;
    }
    return true;
}

/* The sample n in a thread's room: its labels, e, and behind it the work. */
static op_alignment take(const job *j, int64_t n, int thread, double **e, double **work, double **row)
{
    const plan *p = j->p;
    const void *const *in = j->c->in + p->first;
    int64_t *labels = (int64_t *)(void *)(j->rooms + (size_t)thread * p->room);
    op_alignment s = {.steps = in[2] ? whole(p, in[2], n) : p->steps,
                      .labels = in[3] ? whole(p, in[3], n) : p->labels,
                      .target = labels};
    *e = (double *)(void *)(labels + p->labels);
    *work = *e + p->steps * (p->labels + 1);
    *row = *work + op_ctc_room(p->steps, p->labels);
    for (int64_t k = 0; k < s.labels; k++)
        labels[k] = whole(p, in[1], n * p->labels + k);
    for (int64_t t = 0; t < s.steps; t++)
        for (int64_t k = 0; k <= s.labels; k++)
            (*e)[t * (s.labels + 1) + k] =
                number(p, in[0], (n * p->steps + t) * p->classes + (k ? labels[k - 1] : p->blank));
    return s;
}

/* The part that a sample's loss has in the result. */
static double part(const plan *p, const op_alignment *s)
{
    return p->how == OP_REDUCE_MEAN ? 1 / (double)(s->labels > 1 ? s->labels : 1) / (double)p->samples : 1;
}

static void loss_of(void *arg, int64_t n, int thread)
{
    const job *j = arg;
    double *e, *work, *row;
    op_alignment s = take(j, n, thread, &e, &work, &row);
    double loss = op_ctc_loss(&s, e, work);
    j->losses[n] = isinf(loss) && j->p->zero_infinity ? 0 : loss * part(j->p, &s);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .c = c, .losses = c->scratch};
    size_t size = tn_dtype_size(p->dtype);
    double sum = p->samples == 0 && p->how == OP_REDUCE_MEAN ? (double)NAN : 0;
    j.rooms = (char *)(j.losses + p->samples + 1);
    if (!check(p, c))
        return;
    cpu_parallel(p->threads, p->samples, loss_of, &j);
    for (int64_t n = 0; n < p->samples; n++) {
        sum += j.losses[n];
        if (p->how == OP_REDUCE_NONE)
            op_element_from_f64(p->dtype, j.losses[n], (char *)c->out[0] + (size_t)n * size);
    }
    if (p->how != OP_REDUCE_NONE)
        op_element_from_f64(p->dtype, sum, c->out[0]);
}

static void put_row(const plan *p, const double *row, void *to, int64_t at)
{
    float *f = (float *)to + at;
    for (int64_t k = 0; k < p->classes; k++)
        if (p->dtype == TN_F32)
            f[k] = (float)row[k];
        else
            op_element_from_f64(p->dtype, row[k], (char *)to + (size_t)(at + k) * tn_dtype_size(p->dtype));
}

static void gradient_of(void *arg, int64_t n, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    double *e, *work, *row;
    op_alignment s = take(j, n, thread, &e, &work, &row);
    double share = number(p, j->c->in[0], p->how == OP_REDUCE_NONE ? n : 0) * part(p, &s);
    op_ctc_shares(&s, e, work, op_ctc_loss(&s, e, work));
    for (int64_t k = 0; k < p->classes; k++)
        row[k] = 0;
    for (int64_t t = 0; t < p->steps; t++) {
        const double *of = e + t * (s.labels + 1);
        for (int64_t k = 0; t < s.steps && k <= s.labels; k++)
            row[k ? s.target[k - 1] : p->blank] -= share * of[k];
        put_row(p, row, j->c->out[0], (n * p->steps + t) * p->classes);
        for (int64_t k = 0; t < s.steps && k <= s.labels; k++)
            row[k ? s.target[k - 1] : p->blank] = 0;
    }
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .c = c, .losses = c->scratch};
    j.rooms = (char *)(j.losses + p->samples + 1);
    if (check(p, c))
        cpu_parallel(p->threads, p->samples, gradient_of, &j);
}

const kernel cpu_kernels_ctc[] = {
    {.op = "ctc", .name = "ctc/samples", .prepare = prepare, .run = run},
    {.op = "ctc_grad", .name = "ctc_grad/samples", .prepare = prepare_grad, .run = run_grad},
    {0}};
