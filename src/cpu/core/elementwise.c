/* elementwise.c: element-wise operators, single or fused, as programs of the tile engine (elem.h).
 *
 * A value has a dtype in the graph and a domain in the engine; conversions are put in where an operator's sources live in
 * different ones. Integers narrower than 64 bits are wrapped after arithmetic, so that a fused chain gives the bits of the
 * separate operators. Floats narrower than 32 bits stay f32 inside a chain and are rounded where a cast or a store says so. */
#include <math.h>
#include <string.h>

#include "cpu/core/elem.h"
#include "cpu/core/kernels.h"

enum { MOST_OPERANDS = 64, MOST_INSTR = 256, INPUT_BASE = 1 << 20 };

/* A value while the program is written: registers of inputs are numbered from INPUT_BASE until their number is known. */
typedef struct reg {
    int number;
    cpu_domain domain;
} reg;

typedef struct writer {
    kernel_bind *b;
    cpu_elem_operand in[MOST_OPERANDS];
    int source[MOST_OPERANDS]; /* which kernel input an operand reads */
    int n_in;
    cpu_elem_instr instr[MOST_INSTR];
    int n_instr;
    bool full;
} writer;

static const char *engine_name(const char *op)
{
    return strcmp(op, "minimum") == 0 ? "min" : strcmp(op, "maximum") == 0 ? "max" : op;
}

static bool narrow_int(tn_dtype d)
{
    return d == TN_I32 || d == TN_I16 || d == TN_I8 || d == TN_U8;
}

/* ---- operands ----------------------------------------------------------------------------------------------------- */

/* Strides of an input over the iteration's dims: aligned from the right, 0 where it is repeated. */
static void broadcast_strides(const kernel_operand *x, const kernel_operand *over, int64_t *strides)
{
    for (int i = over->rank - 1, k = x->rank - 1; i >= 0; i--, k--)
        strides[i] = k < 0 || (x->dims[k] == 1 && over->dims[i] != 1) ? 0 : x->strides[k];
}

static reg load(writer *w, int input, cpu_domain domain)
{
    for (int i = 0; i < w->n_in; i++)
        if (w->source[i] == input && w->in[i].domain == domain)
            return (reg){INPUT_BASE + i, domain};
    if (w->n_in == MOST_OPERANDS) {
        w->full = true;
        return (reg){INPUT_BASE, domain};
    }
    const kernel_operand *x = &w->b->in[input];
    cpu_elem_operand *o = &w->in[w->n_in];
    *o = (cpu_elem_operand){.dtype = x->dtype, .domain = domain};
    broadcast_strides(x, &w->b->out[0], o->strides);
    w->source[w->n_in] = input;
    return (reg){INPUT_BASE + w->n_in++, domain};
}

static cpu_elem_instr *emit(writer *w, const char *name, cpu_domain domain)
{
    if (w->n_instr == MOST_INSTR) {
        w->full = true;
        w->n_instr = 0;
    }
    cpu_elem_instr *i = &w->instr[w->n_instr++];
    *i = (cpu_elem_instr){.fn = cpu_elem_find(name), .domain = domain};
    return i;
}

static reg emit1(writer *w, const char *name, reg x, cpu_domain domain)
{
    emit(w, name, domain)->src[0] = x.number;
    return (reg){w->n_instr - 1, domain};
}

static reg in_domain(writer *w, reg x, cpu_domain domain)
{
    static const char *const to[CPU_DOMAIN_END] = {[CPU_F32] = "to_f32", [CPU_F64] = "to_f64", [CPU_I64] = "to_i64"};
    if (x.domain == domain)
        return x;
    if (x.number >= INPUT_BASE && domain != CPU_I64)
        return load(w, w->source[x.number - INPUT_BASE], domain);
    return emit1(w, to[domain], x, domain);
}

/* ---- operators ---------------------------------------------------------------------------------------------------- */

static reg wrapped(writer *w, reg x, tn_dtype dtype)
{
    static const char *const wrap[TN_DTYPE_END] = {
        [TN_I32] = "wrap_i32", [TN_I16] = "wrap_i16", [TN_I8] = "wrap_i8", [TN_U8] = "wrap_u8"};
    return narrow_int(dtype) ? emit1(w, wrap[dtype], x, CPU_I64) : x;
}

static reg saturated(writer *w, reg x, tn_dtype dtype)
{
    static const double low[TN_DTYPE_END] = {[TN_I32] = -0x1p31, [TN_I16] = -0x1p15, [TN_I8] = -0x1p7};
    static const double high[TN_DTYPE_END] = {
        [TN_I32] = 0x1p31 - 1, [TN_I16] = 0x1p15 - 1, [TN_I8] = 0x1p7 - 1, [TN_U8] = 255};
    reg y = emit1(w, "clamp", x, CPU_I64);
    w->instr[w->n_instr - 1].arg[0] = low[dtype];
    w->instr[w->n_instr - 1].arg[1] = high[dtype];
    return y;
}

static reg cast(writer *w, reg x, tn_dtype from, tn_dtype to)
{
    static const char *const rounds[TN_DTYPE_END] = {[TN_F16] = "round_f16", [TN_BF16] = "round_bf16"};
    cpu_domain domain = cpu_domain_of(to);
    if (to == TN_BOOL)
        return emit1(w, "to_bool", x, x.domain);
    if (tn_dtype_is_float(to)) {
        if (rounds[to] && from != to && from != TN_BOOL) {
            x = x.domain == CPU_I64 ? in_domain(w, x, CPU_F64) : x;
            x = emit1(w, rounds[to], x, x.domain);
        }
        return in_domain(w, x, domain);
    }
    bool from_float = tn_dtype_is_float(from);
    x = in_domain(w, x, CPU_I64);
    return !narrow_int(to) ? x : from_float ? saturated(w, x, to) : wrapped(w, x, to);
}

/* The logical index of an element: row-major, for pictures (rank 4 and more) with the channels fastest. */
static void index_strides(const kernel_operand *y, int64_t *strides)
{
    kernel_operand order = *y;
    kernel_set_layout(&order, y->rank >= 4 ? KERNEL_CHANNELS_LAST : KERNEL_ROW_MAJOR);
    memcpy(strides, order.strides, sizeof order.strides);
}

static void set_arguments(const writer *w, const graph_node *node, cpu_elem_instr *i)
{
    int n = 0;
    for (int k = 0; k < op_count_arg(node->def); k++) {
        if (node->def->arg[k].kind == OP_FLOAT && n < 4)
            i->arg[n++] = node->arg[k].f;
        if (node->def->arg[k].kind == OP_INT && strcmp(node->def->arg[k].name, "stream") == 0)
            i->key = (uint64_t)node->arg[k].i;
    }
    if (node->def->flags & OP_RANDOM)
        index_strides(&w->b->out[0], i->index_strides);
}

/* The domain an operator computes in: that of its widest source; a condition follows the values it chooses from. */
static cpu_domain domain_of(const graph_node *node)
{
    if (node->n_in == 0)
        return cpu_domain_of(node->out[0].type.dtype);
    return cpu_domain_of(node->in[node->n_in - 1]->type.dtype);
}

static reg write_node(writer *w, const graph_node *node, const reg *in)
{
    tn_dtype dtype = node->out[0].type.dtype;
    if (strcmp(node->def->name, "cast") == 0)
        return cast(w, in[0], node->in[0]->type.dtype, dtype);
    cpu_domain domain = domain_of(node);
    reg src[3];
    for (int i = 0; i < node->n_in; i++)
        src[i] = in_domain(w, in[i], domain);
    cpu_elem_instr *instr = emit(w, engine_name(node->def->name), domain);
    for (int i = 0; i < node->n_in; i++)
        instr->src[i] = src[i].number;
    set_arguments(w, node, instr);
    reg y = {w->n_instr - 1, domain};
    return wrapped(w, y, dtype);
}

bool cpu_elementwise_has(const graph_node *node)
{
    if (!(node->def->flags & OP_ELEMENTWISE) || node->n_out != 1 || node->n_in > 3)
        return false;
    if (strcmp(node->def->name, "cast") == 0)
        return true;
    const cpu_elem_fn *fn = cpu_elem_find(engine_name(node->def->name));
    return fn && fn->arity == node->n_in && cpu_elem_has(fn, domain_of(node));
}

/* ---- the kernel --------------------------------------------------------------------------------------------------- */

/* The value of a tensor inside the node: of an input or of an operator that was written before. */
typedef struct values {
    reg of[MOST_INSTR];
    bool known[MOST_INSTR];
} values;

static void write_single(writer *w, reg *out)
{
    reg in[3];
    for (int i = 0; i < w->b->n_in; i++)
        in[i] = load(w, i, cpu_domain_of(w->b->in[i].dtype));
    out[0] = write_node(w, w->b->node, in);
}

static tn_status write_fused(writer *w, reg *out)
{
    const tn_graph *sub = w->b->node->sub;
    reg of[MOST_INSTR];
    if (sub->n_tensors > MOST_INSTR)
        return base_fail(w->b->error, TN_INTERNAL, "a fused node of %d values is too large", sub->n_tensors);
    for (size_t i = 0; i < sub->nodes.n; i++) {
        const graph_node *node = sub->nodes.at[i];
        reg in[3];
        if ((int)i < w->b->n_in) {
            of[node->out[0].id] = load(w, (int)i, cpu_domain_of(node->out[0].type.dtype));
            continue;
        }
        for (int k = 0; k < node->n_in; k++)
            in[k] = of[node->in[k]->id];
        of[node->out[0].id] = write_node(w, node, in);
    }
    for (int i = 0; i < w->b->n_out; i++)
        out[i] = of[sub->results.at[i].value->id];
    return TN_OK;
}

/* Outputs take channels-last order when an input of the full shape has it. One is enough, so that it makes no difference
 * which nodes are fused with which: other orders would add up in other orders further on. */
static void choose_layout(kernel_bind *b)
{
    bool last = false;
    for (int i = 0; i < b->n_in; i++) {
        const kernel_operand *x = &b->in[i];
        if (x->rank != b->out[0].rank || memcmp(x->dims, b->out[0].dims, (size_t)x->rank * sizeof *x->dims) != 0)
            continue;
        last |= !kernel_is_row_major(x) && kernel_has_layout(x, KERNEL_CHANNELS_LAST);
    }
    for (int i = 0; last && i < b->n_out; i++)
        kernel_set_layout(&b->out[i], KERNEL_CHANNELS_LAST);
}

typedef struct elementwise_plan {
    cpu_elem *elem;
    int n_in, n_out;
    int source[MOST_OPERANDS];
} elementwise_plan;

/* Whether output i alone reads the register of the last instruction. */
static bool ends_in(const writer *w, const reg *out, int i)
{
    for (int k = 0; k < w->b->n_out; k++)
        if (k != i && out[k].number == out[i].number)
            return false;
    return w->n_instr > 0 && out[i].number == w->n_instr - 1;
}

/* A function at the end whose result is stored as bf16 need not be exact beyond that. */
static void round_last(writer *w, const reg *out)
{
    for (int i = 0; i < w->b->n_out; i++)
        if (w->b->out[i].dtype == TN_BF16 && out[i].domain == CPU_F32 && ends_in(w, out, i) &&
            w->instr[out[i].number].fn == cpu_elem_find("gelu"))
            w->instr[out[i].number].fn = cpu_elem_find("gelu_half");
}

static int final_number(const writer *w, int number)
{
    return number >= INPUT_BASE ? number - INPUT_BASE : number + w->n_in;
}

static tn_status finish(writer *w, const reg *out)
{
    kernel_bind *b = w->b;
    cpu_elem_operand to[MOST_OPERANDS];
    int out_reg[MOST_OPERANDS];
    elementwise_plan *plan = BASE_NEW(b->arena, elementwise_plan);
    if (!plan)
        return base_no_memory(b->error, "preparing a kernel");
    for (int i = 0; i < b->n_out; i++) {
        to[i] = (cpu_elem_operand){.dtype = b->out[i].dtype, .domain = out[i].domain};
        memcpy(to[i].strides, b->out[i].strides, sizeof to[i].strides);
        out_reg[i] = final_number(w, out[i].number);
    }
    for (int i = 0; i < w->n_instr; i++)
        for (int k = 0; k < w->instr[i].fn->arity; k++)
            w->instr[i].src[k] = final_number(w, w->instr[i].src[k]);
    cpu_elem_desc d = {.rank = b->out[0].rank,
                       .n_in = w->n_in,
                       .in = w->in,
                       .n_out = b->n_out,
                       .out = to,
                       .out_reg = out_reg,
                       .n_instr = w->n_instr,
                       .instr = w->instr};
    memcpy(d.dims, b->out[0].dims, sizeof d.dims);
    plan->elem = cpu_elem_new(b->arena, &d, (cpu_isa)b->isa, b->threads, b->error);
    if (!plan->elem)
        return b->error->status;
    plan->n_in = w->n_in;
    plan->n_out = b->n_out;
    memcpy(plan->source, w->source, sizeof plan->source);
    b->plan = plan;
    b->scratch = cpu_elem_scratch(plan->elem);
    b->scratch_alone = cpu_elem_scratch_alone(plan->elem);
    return TN_OK;
}

static tn_status prepare(kernel_bind *b)
{
    writer w;
    reg out[MOST_OPERANDS];
    w.b = b;
    w.n_in = w.n_instr = 0;
    w.full = false;
    choose_layout(b);
    if (b->n_out > MOST_OPERANDS)
        return base_fail(b->error, TN_INTERNAL, "a fused node has too many outputs");
    if (b->node && b->node->sub)
        BASE_TRY(write_fused(&w, out));
    else if (b->node)
        write_single(&w, out);
    else
        out[0] = load(&w, 0, cpu_domain_of(b->in[0].dtype));
    if (w.full)
        return base_fail(b->error, TN_INTERNAL, "an element-wise node has too many operands or operators");
    round_last(&w, out);
    return finish(&w, out);
}

static void run(const kernel_call *c)
{
    const elementwise_plan *plan = c->plan;
    const void *in[MOST_OPERANDS];
    cpu_fault fault = {0};
    cpu_elem_env env = {.seed = c->seed, .step = c->step, .fault = &fault};
    for (int i = 0; i < plan->n_in; i++)
        in[i] = c->in[plan->source[i]];
    cpu_elem_run(plan->elem, in, c->out, c->scratch, &env);
    if (fault.set && !c->fault->what)
        *c->fault = (kernel_fault){fault.what, fault.element, fault.value};
}

static kernel_layout want_any(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_ANY;
}

/* Loads and stores convert. */
static kernel_half half(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_HALF;
}

const kernel cpu_elementwise = {
    .name = "elementwise/tile", .want = want_any, .prepare = prepare, .run = run, .half = half, .in_place = true};

static tn_status prepare_copy(kernel_bind *b)
{
    writer w;
    w.b = b;
    w.n_in = w.n_instr = 0;
    w.full = false;
    reg x = load(&w, 0, cpu_domain_of(b->in[0].dtype));
    return finish(&w, &x);
}

const kernel cpu_copy = {.op = "copy", .name = "copy/tile", .want = want_any, .prepare = prepare_copy, .run = run};
