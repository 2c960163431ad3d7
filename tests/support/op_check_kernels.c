/* op_check_kernels.c: the kernel that the backend chooses for a node, called as a program calls it, but on memory of our own:
 * guards lie before and behind every output and the scratch, inputs must stay as they were, and inputs whose layout the
 * kernel leaves open are given transposed and with gaps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "cpu/core/par.h"
#include "program/backend.h"
#include "support/op_check.h"

enum { GUARD = 256, FILL = 0xA5, SEED = 11, STEP = 5, ALIGN = 64 };

/* Memory between two guards. */
typedef struct guarded {
    unsigned char *block, *data;
    size_t bytes;
} guarded;

static guarded guarded_new(size_t bytes)
{
    size_t whole = (bytes + 2 * GUARD + ALIGN - 1) / ALIGN * ALIGN;
    guarded g = {.block = aligned_alloc(ALIGN, whole), .bytes = bytes};
    if (!g.block)
        abort();
    memset(g.block, FILL, whole);
    g.data = g.block + GUARD;
    return g;
}

static bool guarded_holds(const guarded *g)
{
    for (size_t i = 0; i < GUARD; i++)
        if (g->block[i] != FILL || g->data[g->bytes + i] != FILL)
            return false;
    return true;
}

typedef struct call {
    const op_case *c;
    tn_dtype dtypes[OP_MAX_IN];
    bool training;
    op_report *report;
    const graph_node *node;
    op_reference *reference;
    kernel_operand in[OP_MAX_IN], out[OP_MAX_OUT];
    guarded input[OP_MAX_IN], output[OP_MAX_OUT], scratch;
    const kernel *kernel;
} call;

static void fail_at(const call *x, const char *what, const char *why)
{
    char text[80];
    op_report_fail(x->report, "%s, '%s' (%s), kernel %s: %s %s", x->c->def->name, x->c->text,
                   op_check_dtype_text(x->c, x->dtypes, text), x->kernel ? x->kernel->name : "?", what, why);
}

static int64_t place_of(const kernel_operand *x, int64_t at)
{
    int64_t place = 0;
    for (int k = x->rank - 1; k >= 0; k--) {
        place += at % x->dims[k] * x->strides[k];
        at /= x->dims[k];
    }
    return place;
}

/* Elements from the first to the last that the strides reach. */
static int64_t reach(const kernel_operand *x)
{
    int64_t last = 0;
    for (int k = 0; k < x->rank; k++) {
        if (x->dims[k] == 0)
            return 0;
        last += (x->dims[k] - 1) * x->strides[k];
    }
    return last + 1;
}

/* Axes in the opposite order, every second element. */
static void set_gaps(kernel_operand *x)
{
    int64_t stride = 2;
    for (int k = 0; k < x->rank; k++) {
        x->strides[k] = stride;
        stride *= x->dims[k] > 0 ? x->dims[k] : 1;
    }
}

static void lay_out_inputs(call *x, const kernel_bind *k)
{
    for (int i = 0; i < k->n_in; i++) {
        if (!k->in[i].dtype)
            continue;
        kernel_layout want = x->kernel->want ? x->kernel->want(k, i) : KERNEL_ROW_MAJOR;
        if (want == KERNEL_ANY) {
            set_gaps(&x->in[i]);
            want = x->kernel->want(k, i); /* some take gaps between rows, but not within */
        }
        if (want != KERNEL_ANY)
            kernel_set_layout(&x->in[i], want);
    }
}

static void fill_inputs(call *x)
{
    void *data[OP_MAX_IN];
    op_check_data(x->c, x->dtypes, false, data);
    for (int i = 0; i < x->c->n_in; i++) {
        if (!x->c->in[i].letter)
            continue;
        size_t size = tn_dtype_size(x->dtypes[i]);
        x->input[i] = guarded_new((size_t)reach(&x->in[i]) * size);
        memset(x->input[i].data, x->dtypes[i] == TN_BOOL ? 1 : 0x7f, x->input[i].bytes); /* NaN in the gaps */
        for (int64_t e = 0; e < x->c->in[i].count; e++)
            memcpy(x->input[i].data + (size_t)place_of(&x->in[i], e) * size, (char *)data[i] + (size_t)e * size, size);
    }
    op_check_data_free(x->c, data);
}

static void compare(const call *x, int k)
{
    const op_array *want = op_reference_at(x->reference, &x->node->out[k]);
    size_t size = tn_dtype_size(want->dtype);
    char why[160];
    for (int64_t i = 0; i < want->count; i++) {
        const unsigned char *at = x->output[k].data + (size_t)place_of(&x->out[k], i) * size;
        bool good = want->f ? op_check_float(op_element_to_f64(want->dtype, at), want->f[i], want->magnitude[i],
                                             want->dtype, x->c->def->tol[want->dtype], why)
                            : op_element_to_i64(want->dtype, at) == want->i[i];
        if (!want->f)
            snprintf(why, sizeof why, "element %lld differs", (long long)i);
        x->report->checks++;
        if (!good) {
            fail_at(x, x->c->def->out[k].name, why);
            return;
        }
    }
}

static void run(call *x, const kernel_bind *k)
{
    const void *in[OP_MAX_IN + 1];
    void *out[OP_MAX_OUT + 1], *before[OP_MAX_IN] = {0};
    for (int i = 0; i < k->n_in; i++) {
        in[i] = k->in[i].dtype ? x->input[i].data : NULL;
        if (in[i] && (before[i] = malloc(x->input[i].bytes + 1)))
            memcpy(before[i], in[i], x->input[i].bytes);
    }
    for (int i = 0; i < k->n_out; i++) {
        x->output[i] = guarded_new((size_t)reach(&x->out[i]) * tn_dtype_size(x->out[i].dtype));
        out[i] = x->output[i].data;
    }
    x->scratch = guarded_new(k->scratch);
    kernel_fault fault = {0};
    x->kernel->run(&(kernel_call){.plan = k->plan,
                                  .in = in,
                                  .out = out,
                                  .scratch = x->scratch.data,
                                  .seed = SEED,
                                  .step = STEP,
                                  .fault = &fault});
    x->report->checks += k->n_in + k->n_out + 1;
    if (fault.what)
        fail_at(x, "found a fault:", fault.what);
    if (!guarded_holds(&x->scratch))
        fail_at(x, "the scratch", "was written beyond its ends");
    for (int i = 0; i < k->n_in; i++)
        if (before[i] && (!guarded_holds(&x->input[i]) || memcmp(before[i], in[i], x->input[i].bytes) != 0))
            fail_at(x, x->c->in[i].slot->name, "was written, though it is an input");
    for (int i = 0; i < k->n_out; i++) {
        if (!guarded_holds(&x->output[i]))
            fail_at(x, x->c->def->out[i].name, "was written beyond its ends");
        compare(x, i);
    }
    for (int i = 0; i < k->n_in; i++)
        free(before[i]);
}

/* Chooses, prepares and runs the kernel as binding a program does. */
static void run_kernel(call *x, int isa, int threads)
{
    base_arena arena = {0};
    base_error e = {0};
    for (int i = 0; i < x->c->n_in; i++)
        x->in[i] =
            x->c->in[i].letter ? op_operand_of(x->dtypes[i], x->c->in[i].rank, x->c->in[i].dims) : (kernel_operand){0};
    for (int i = 0; i < x->node->n_out; i++)
        x->out[i] = op_operand_of(x->node->out[i].type.dtype, x->node->out[i].type.rank, x->node->out[i].type.dims);
    kernel_bind k = {.node = x->node,
                     .training = x->training,
                     .threads = threads,
                     .isa = isa,
                     .n_in = x->node->n_in,
                     .n_out = x->node->n_out,
                     .in = x->in,
                     .out = x->out,
                     .arena = &arena,
                     .error = &e};
    x->kernel = backend_cpu.select(&k);
    lay_out_inputs(x, &k);
    fill_inputs(x);
    if (x->kernel->prepare(&k) != TN_OK)
        fail_at(x, "preparing:", e.text);
    else
        run(x, &k);
    for (int i = 0; i < x->c->n_in; i++)
        free(x->input[i].block);
    for (int i = 0; i < x->node->n_out; i++)
        free(x->output[i].block);
    free(x->scratch.block);
    base_arena_free(&arena);
}

static void run_case(call *x, tn_context *context)
{
    tn_tensor *in[OP_MAX_IN];
    tn_graph *g = tn_graph_new(context);
    op_reference r = {0};
    void *data[OP_MAX_IN];
    x->node = op_check_build(x->c, g, "x", x->dtypes, in);
    if (!x->node || x->node->def->view || x->node->n_in > OP_MAX_IN) {
        tn_graph_free(g);
        return;
    }
    op_reference_open(&r, g);
    r.training = x->training;
    r.seed = SEED;
    r.step = STEP;
    op_check_data(x->c, x->dtypes, false, data);
    for (int i = 0; i < x->c->n_in; i++)
        if (in[i])
            op_reference_set(&r, in[i], data[i]);
    op_check_data_free(x->c, data);
    op_reference_get(&r, &x->node->out[0]);
    x->reference = &r;
    for (int threads = 1; threads <= 3; threads += 2) {
        call one = *x;
        cpu_team *team = threads > 1 ? cpu_team_new(threads) : NULL, *before = cpu_team_enter(team);
        run_kernel(&one, backend_cpu.isa(context), threads);
        (void)cpu_team_enter(before);
        cpu_team_free(team);
    }
    x->reference = NULL;
    op_reference_close(&r);
    tn_graph_free(g);
}

void op_check_kernels(const op_def *def, op_report *r)
{
    static const char *const isas[] = {"portable", "avx2", "avx512", NULL};
    for (int n = 0; n < 4; n++) {
        tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1, .isa = isas[n]));
        for (int i = 0; def->cases && def->cases[i]; i++) {
            op_case c;
            base_error e = {0};
            call x = {.c = &c, .report = r};
            if (op_case_parse(&c, def, def->cases[i], &e) != TN_OK)
                op_report_fail(r, "%s", e.text);
            for (int k = 0; e.status == TN_OK && op_case_dtypes(&c, k, x.dtypes); k++)
                for (int training = 0; training < 2; training++) {
                    x.training = training;
                    run_case(&x, context);
                }
        }
        tn_context_free(context);
    }
}
