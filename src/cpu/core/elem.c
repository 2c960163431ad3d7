/* elem.c: see elem.h. Checks a description, gives its registers memory and turns it into steps. */
#include "cpu/core/elem.h"

#include "cpu/core/elem_plan.h"

#include <string.h>

/* Planned tiles are smaller in the hard build, so that small tests meet many tiles and chunks. */
#ifdef TARN_HARD
enum { LARGEST_TILE = 64, SMALLEST_TILE = 64, CHUNK_COST = 1, MUCH_MEMORY = 4096 };
#else
enum { LARGEST_TILE = CPU_ELEM_TILE, SMALLEST_TILE = 128 };
enum { CHUNK_COST = 1 << 18 };   /* in quarters of a cycle */
enum { MUCH_MEMORY = 16 << 20 }; /* bytes: from here on caches do not help whoever reads the result */
#endif
enum { CACHE = 32 << 10 /* bytes that registers may take of the first-level cache */, MOST_CHUNKS = 256 };

/* ---- operators ------------------------------------------------------------------------------------------------- */

#define SAME (-1)
static const cpu_elem_fn functions[CPU_ELEM_COUNT] = {
#define X(name, arity, result, cost) {#name, CPU_ELEM_##name, arity, result, cost},
    CPU_ELEM_LIST(X)
#undef X
};

/* Only divisions report elements; a fused node must still say which operator it was. */
static const char *const faults[CPU_ELEM_COUNT] = {
#define X(name, arity, result, cost) "division of an integer by zero in " #name,
    CPU_ELEM_LIST(X)
#undef X
};

const cpu_elem_fn *cpu_elem_find(const char *name)
{
    for (int i = 0; i < CPU_ELEM_COUNT; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

bool cpu_elem_has(const cpu_elem_fn *fn, cpu_domain domain)
{
    return (unsigned)domain < CPU_DOMAIN_END && cpu_elem_kernels_portable.fn[domain][fn->id];
}

static bool is_random(const cpu_elem_fn *fn)
{
    return fn->id == CPU_ELEM_uniform || fn->id == CPU_ELEM_dropout_mask;
}

cpu_domain cpu_domain_of(tn_dtype dtype)
{
    return dtype == TN_F64 ? CPU_F64 : tn_dtype_is_float(dtype) ? CPU_F32 : CPU_I64;
}

const char *cpu_domain_name(cpu_domain domain)
{
    static const char *const names[CPU_DOMAIN_END] = {"f32", "f64", "i64"};
    return (unsigned)domain < CPU_DOMAIN_END ? names[domain] : "?";
}

static const cpu_elem_kernels *kernels_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_elem_kernels);
}

static size_t inside_of(cpu_domain domain)
{
    return domain == CPU_F32 ? 4 : 8;
}

/* ---- checks ---------------------------------------------------------------------------------------------------- */

static cpu_domain domain_of_register(const cpu_elem_desc *d, int reg)
{
    return reg < d->n_in ? d->in[reg].domain : d->instr[reg - d->n_in].domain;
}

static tn_status check_operand(const cpu_elem_operand *o, const char *what, int number, base_error *error)
{
    if (tn_dtype_size(o->dtype) == 0)
        return base_fail(error, TN_DTYPE, "element-wise: %s %d has no dtype", what, number);
    if ((unsigned)o->domain >= CPU_DOMAIN_END)
        return base_fail(error, TN_INVALID, "element-wise: %s %d has no domain", what, number);
    return TN_OK;
}

static tn_status check_instr(const cpu_elem_desc *d, int k, base_error *error)
{
    const cpu_elem_instr *in = &d->instr[k];
    if (!in->fn || (unsigned)in->domain >= CPU_DOMAIN_END)
        return base_fail(error, TN_INVALID, "element-wise: instruction %d has no operator or no domain", k);
    cpu_domain from = in->domain;
    for (int s = 0; s < in->fn->arity; s++) {
        if (in->src[s] < 0 || in->src[s] >= d->n_in + k)
            return base_fail(error, TN_INVALID,
                             "element-wise: instruction %d (%s) reads register %d, which is not "
                             "computed before it",
                             k, in->fn->name, in->src[s]);
        cpu_domain domain = domain_of_register(d, in->src[s]);
        if (s > 0 && domain != from)
            return base_fail(error, TN_DTYPE, "element-wise: the sources of instruction %d (%s) are in %s and in %s", k,
                             in->fn->name, cpu_domain_name(from), cpu_domain_name(domain));
        from = domain;
    }
    if (!cpu_elem_has(in->fn, from))
        return base_fail(error, TN_UNSUPPORTED, "element-wise: instruction %d, %s, cannot be computed in %s", k,
                         in->fn->name, cpu_domain_name(from));
    cpu_domain result = in->fn->result < 0 ? from : (cpu_domain)in->fn->result;
    if (in->domain != result)
        return base_fail(error, TN_DTYPE, "element-wise: the result of instruction %d (%s) is in %s, not in %s", k,
                         in->fn->name, cpu_domain_name(result), cpu_domain_name(in->domain));
    return TN_OK;
}

static tn_status check(const cpu_elem_desc *d, base_error *error)
{
    if (d->rank < 0 || d->rank > TN_MAX_RANK || d->n_in < 0 || d->n_out < 0 || d->n_instr < 0)
        return base_fail(error, TN_INVALID,
                         "element-wise: a count is out of range (rank %d, %d inputs, %d outputs, "
                         "%d instructions)",
                         d->rank, d->n_in, d->n_out, d->n_instr);
    int64_t left = INT64_MAX / 8;
    bool empty = false;
    for (int i = 0; i < d->rank; i++) {
        empty |= d->dims[i] == 0;
        if (d->dims[i] < 0 || d->dims[i] > left)
            return base_fail(error, TN_SHAPE, "element-wise: dim %d is %lld", i, (long long)d->dims[i]);
        left /= d->dims[i] > 1 ? d->dims[i] : 1;
    }
    for (int i = 0; i < d->n_in; i++)
        BASE_TRY(check_operand(&d->in[i], "input", i, error));
    for (int k = 0; k < d->n_instr; k++)
        BASE_TRY(check_instr(d, k, error));
    for (int o = 0; o < d->n_out; o++) {
        BASE_TRY(check_operand(&d->out[o], "output", o, error));
        if (d->out_reg[o] < 0 || d->out_reg[o] >= d->n_in + d->n_instr)
            return base_fail(error, TN_INVALID, "element-wise: output %d is of register %d, which there is not", o,
                             d->out_reg[o]);
        if (domain_of_register(d, d->out_reg[o]) != d->out[o].domain)
            return base_fail(error, TN_DTYPE, "element-wise: output %d is stored from %s, its register is in %s", o,
                             cpu_domain_name(d->out[o].domain), cpu_domain_name(domain_of_register(d, d->out_reg[o])));
        for (int i = 0; i < d->rank && !empty; i++) /* row-major strides of no elements are 0 */
            if (d->out[o].strides[i] == 0 && d->dims[i] > 1)
                return base_fail(error, TN_INVALID, "element-wise: output %d has stride 0 in dim %d of %lld", o, i,
                                 (long long)d->dims[i]);
    }
    return TN_OK;
}

/* ---- planning -------------------------------------------------------------------------------------------------- */

/* What making a cpu_elem needs to know besides it. Views: the outputs, the inputs, the instructions, the logical one. */
typedef struct maker {
    const cpu_elem_desc *d;
    const cpu_elem_kernels *kernels;
    cpu_elem *e;
    cpu_elem_view *views;
    int n_views;
    int *last;    /* per register: the last instruction that reads it; n_instr for what outputs need */
    bool *fixed;  /* per register: made once per chunk */
    bool *single; /* per register: one value, made for one element */
    bool *spread; /* per register: single, and read by what is not */
    bool *whole;  /* per register: spread over a tile; else, as f32, over a vector that tiles share */
    bool *wide;   /* per register: 8 bytes an element */
    bool *loaded; /* per input */
    bool *late;
    size_t *slot;
    int *free_slots; /* slots that can be used again: of 4 bytes an element, then of 8 */
    int n_free[2];
} maker;

static cpu_elem_view *view_of_out(const maker *m, int o)
{
    return &m->views[o];
}

static cpu_elem_view *view_of_in(const maker *m, int i)
{
    return &m->views[m->d->n_out + i];
}

/* Only random instructions have one. */
static cpu_elem_view *view_of_instr(const maker *m, int k)
{
    int at = m->d->n_out + m->d->n_in;
    for (int j = 0; j < k; j++)
        at += is_random(m->d->instr[j].fn);
    return &m->views[at];
}

static bool allocate(base_arena *arena, maker *m)
{
    const cpu_elem_desc *d = m->d;
    int n_regs = d->n_in + d->n_instr;
    m->n_views = d->n_out + d->n_in + 1;
    for (int k = 0; k < d->n_instr; k++)
        m->n_views += is_random(d->instr[k].fn);
    cpu_elem *e = m->e = BASE_NEW(arena, cpu_elem);
    m->views = BASE_ARRAY(arena, cpu_elem_view, m->n_views);
    m->last = BASE_ARRAY(arena, int, n_regs);
    m->fixed = BASE_ARRAY(arena, bool, n_regs);
    m->single = BASE_ARRAY(arena, bool, n_regs);
    m->spread = BASE_ARRAY(arena, bool, n_regs);
    m->whole = BASE_ARRAY(arena, bool, n_regs);
    m->wide = BASE_ARRAY(arena, bool, n_regs);
    m->loaded = BASE_ARRAY(arena, bool, d->n_in);
    m->late = BASE_ARRAY(arena, bool, (size_t)d->n_out *(size_t)d->n_in);
    m->slot = BASE_ARRAY(arena, size_t, n_regs);
    m->free_slots = BASE_ARRAY(arena, int, 2 * n_regs);
    if (!m->fixed || !m->single || !m->spread || !m->whole || !m->wide)
        return false;
    if (!e || !m->views || !m->last || !m->loaded || !m->late || !m->slot || !m->free_slots)
        return false;
    e->kernels = m->kernels;
    e->n_in = d->n_in;
    e->n_out = d->n_out;
    e->n_instr = d->n_instr;
    e->n_regs = n_regs;
    e->in = BASE_ARRAY(arena, cpu_elem_port, d->n_in);
    e->out = BASE_ARRAY(arena, cpu_elem_port, d->n_out);
    e->op = BASE_ARRAY(arena, cpu_elem_op, d->n_instr);
    e->single = BASE_ARRAY(arena, cpu_elem_step, n_regs);
    e->prologue = BASE_ARRAY(arena, cpu_elem_step, n_regs);
    e->body = BASE_ARRAY(arena, cpu_elem_step, n_regs + 2 * d->n_out);
    e->late = m->late;
    e->slot = m->slot;
    e->logical = &m->views[m->n_views - 1];
    e->wide = m->wide;
    e->whole = m->whole;
    for (int r = 0; r < n_regs; r++)
        m->wide[r] = domain_of_register(d, r) != CPU_F32;
    return e->in && e->out && e->op && e->single && e->prologue && e->body;
}

/* Where an element is in row-major order is asked only for the report of a fault, and only integers can be at fault. The
 * order would else count as a tensor that runs across those with channels last. */
static bool may_fault(const cpu_elem_desc *d)
{
    for (int k = 0; k < d->n_instr; k++)
        if (d->instr[k].domain == CPU_I64)
            return true;
    return false;
}

/* The loop with tiles of at most `most` elements. */
static void plan_loop(maker *m, int64_t most)
{
    const cpu_elem_desc *d = m->d;
    memset(m->views, 0, (size_t)m->n_views * sizeof *m->views);
    const size_t bytes = (size_t)d->rank * sizeof(int64_t);
    for (int o = 0; o < d->n_out; o++)
        memcpy(view_of_out(m, o)->stride, d->out[o].strides, bytes);
    for (int i = 0; i < d->n_in; i++)
        memcpy(view_of_in(m, i)->stride, d->in[i].strides, bytes);
    for (int k = 0; k < d->n_instr; k++)
        if (is_random(d->instr[k].fn))
            memcpy(view_of_instr(m, k)->stride, d->instr[k].index_strides, bytes);
    cpu_elem_view *logical = &m->views[m->n_views - 1];
    int64_t stride = 1;
    for (int i = d->rank - 1; i >= 0; i--) {
        logical->stride[i] = stride;
        stride *= d->dims[i];
    }
    cpu_elem_plan_loop(&m->e->loop, d->rank, d->dims, m->n_views - !may_fault(d), m->views, most);
}

static int log2_of(size_t width)
{
    return width == 8 ? 3 : width == 4 ? 2 : width == 2 ? 1 : 0;
}

static void fill_port(const maker *m, cpu_elem_port *p, const cpu_elem_operand *o, const cpu_elem_view *view, int reg)
{
    p->view = view;
    p->width = tn_dtype_size(o->dtype);
    p->inside = inside_of(o->domain);
    p->gather = m->kernels->gather[log2_of(p->width)];
    p->scatter = m->kernels->scatter[log2_of(p->width)];
    p->reg = reg;
}

/* Bytes that a run reads and writes. */
static double traffic(const maker *m)
{
    const cpu_elem_desc *d = m->d;
    double bytes = 0;
    for (int i = 0; i < d->n_in; i++)
        bytes += (double)tn_dtype_size(d->in[i].dtype);
    for (int o = 0; o < d->n_out; o++)
        bytes += (double)tn_dtype_size(d->out[o].dtype);
    return bytes * (double)m->e->loop.rows * (double)m->e->loop.cols;
}

/* What depends only on what is fixed, or single, is so itself. */
static void find_fixed(maker *m)
{
    const cpu_elem_desc *d = m->d;
    memset(m->spread, 0, (size_t)m->e->n_regs * sizeof *m->spread);
    for (int k = 0; k < d->n_instr; k++) {
        const cpu_elem_instr *in = &d->instr[k];
        bool fixed = !is_random(in->fn), single = fixed;
        for (int s = 0; s < in->fn->arity; s++) {
            fixed = fixed && m->fixed[in->src[s]];
            single = single && m->single[in->src[s]];
        }
        m->fixed[d->n_in + k] = fixed;
        m->single[d->n_in + k] = single;
        for (int s = 0; s < in->fn->arity && !single; s++)
            m->spread[in->src[s]] = m->single[in->src[s]];
    }
    for (int r = 0; r < m->e->n_regs; r++)
        m->whole[r] = m->spread[r] && m->wide[r];
    for (int o = 0; o < d->n_out; o++)
        m->spread[d->out_reg[o]] = m->whole[d->out_reg[o]] = m->single[d->out_reg[o]];
}

static void fill_ports(maker *m)
{
    const cpu_elem_desc *d = m->d;
    bool much = m->kernels->stream && traffic(m) >= MUCH_MEMORY;
    for (int i = 0; i < d->n_in; i++) {
        cpu_elem_port *p = &m->e->in[i];
        fill_port(m, p, &d->in[i], view_of_in(m, i), i);
        p->convert = m->kernels->load[d->in[i].domain][d->in[i].dtype];
        p->ahead = much && p->view->direct;
        m->loaded[i] = p->convert || !p->view->direct;
        m->loaded[i] = m->loaded[i] || p->view->uniform;
        m->single[i] = p->view->uniform;
        m->fixed[i] = m->loaded[i] && p->view->invariant;
    }
    find_fixed(m);
    for (int o = 0; o < d->n_out; o++) {
        cpu_elem_port *p = &m->e->out[o];
        fill_port(m, p, &d->out[o], view_of_out(m, o), d->out_reg[o]);
        p->convert = m->kernels->store[d->out[o].domain][d->out[o].dtype];
        p->direct = !p->convert && p->view->direct && p->reg >= d->n_in && !m->fixed[p->reg];
        p->stream = much && p->view->direct;
        for (int earlier = 0; earlier < o; earlier++) /* only one output can be where the register is */
            p->direct = p->direct && d->out_reg[earlier] != p->reg;
    }
}

static void fill_ops(maker *m)
{
    const cpu_elem_desc *d = m->d;
    for (int k = 0; k < d->n_instr; k++) {
        const cpu_elem_instr *in = &d->instr[k];
        cpu_elem_op *op = &m->e->op[k];
        cpu_domain from = in->fn->arity ? domain_of_register(d, in->src[0]) : in->domain;
        op->tile = m->kernels->fn[from][in->fn->id];
        op->fault = faults[in->fn->id];
        memcpy(op->src, in->src, sizeof op->src);
        memcpy(op->arg, in->arg, sizeof op->arg);
        op->arity = in->fn->arity;
        op->reg = d->n_in + k;
        op->inside = inside_of(in->domain);
        op->iarg = in->iarg;
        op->key = in->key;
        op->index = is_random(in->fn) ? view_of_instr(m, k) : NULL;
    }
}

static void find_last_reads(maker *m)
{
    const cpu_elem_desc *d = m->d;
    for (int r = 0; r < m->e->n_regs; r++)
        m->last[r] = -1;
    for (int k = 0; k < d->n_instr; k++)
        for (int s = 0; s < d->instr[k].fn->arity; s++)
            m->last[d->instr[k].src[s]] = k;
    for (int o = 0; o < d->n_out; o++)
        m->last[d->out_reg[o]] = d->n_instr;
    for (int o = 0; o < d->n_out; o++)
        for (int i = 0; i < d->n_in; i++)
            m->late[o * d->n_in + i] = m->last[i] > d->out_reg[o] - d->n_in;
}

/* ---- slots and steps ------------------------------------------------------------------------------------------- */

/* Slots of one size are used again when what they hold is not read any more. */
static size_t take_slot(maker *m, size_t inside, int64_t tile, size_t *end)
{
    int kind = inside == 8;
    if (m->n_free[kind])
        return (size_t)m->free_slots[kind * m->e->n_regs + --m->n_free[kind]] * 64;
    size_t at = *end;
    /* Three lines more than a tile: else all slots would agree in their lower 12 bits, and loads would wait for stores
     * to other slots. */
    *end += ((size_t)tile * inside + 63) / 64 * 64 + 192;
    return at;
}

static void give_slot(maker *m, int reg, size_t inside)
{
    int kind = inside == 8;
    m->free_slots[kind * m->e->n_regs + m->n_free[kind]++] = (int)(m->slot[reg] / 64);
}

static bool has_slot(const maker *m, int reg)
{
    return reg >= m->d->n_in || m->loaded[reg];
}

/* The sources that instruction k reads last give their slots back. Those that were made in the prologue stay. */
static void release_sources(maker *m, int k)
{
    const cpu_elem_instr *in = &m->d->instr[k];
    for (int s = 0; s < in->fn->arity; s++) {
        int reg = in->src[s];
        bool again = false;
        for (int t = 0; t < s; t++)
            again = again || in->src[t] == reg;
        if (!again && m->last[reg] == k && has_slot(m, reg) && !m->fixed[reg])
            give_slot(m, reg, inside_of(domain_of_register(m->d, reg)));
    }
}

static void emit(cpu_elem_step *steps, int *n, cpu_elem_do what, int index)
{
    steps[(*n)++] = (cpu_elem_step){what, index};
}

static void bring_input(maker *m, int i, bool *ready, int64_t tile, size_t *end)
{
    cpu_elem *e = m->e;
    if (i >= m->d->n_in || ready[i])
        return;
    ready[i] = true;
    if (!m->loaded[i]) {
        emit(e->body, &e->n_body, CPU_ELEM_POINT, i);
        return;
    }
    if (m->fixed[i])
        return;
    m->slot[i] = take_slot(m, e->in[i].inside, tile, end);
    emit(e->body, &e->n_body, CPU_ELEM_LOAD, i);
}

/* Elements that a register made once per chunk holds. */
static int64_t length_of(const maker *m, int r, int64_t tile)
{
    return !m->single[r] || m->whole[r] ? tile : m->spread[r] ? CPU_ELEM_VECTOR : 1;
}

/* What is made once per chunk: its slots stay. */
static void make_prologue(maker *m, int64_t tile, size_t *end)
{
    cpu_elem *e = m->e;
    for (int r = 0; r < e->n_regs; r++) {
        cpu_elem_do what = r < e->n_in ? CPU_ELEM_LOAD : CPU_ELEM_EXEC;
        int index = r < e->n_in ? r : r - e->n_in;
        m->slot[r] = 0;
        if (!m->fixed[r])
            continue;
        m->slot[r] = take_slot(m, m->wide[r] ? 8 : 4, length_of(m, r, tile), end);
        if (m->single[r])
            emit(e->single, &e->n_single, what, index);
        if (!m->single[r])
            emit(e->prologue, &e->n_prologue, what, index);
        else if (m->spread[r])
            emit(e->prologue, &e->n_prologue, CPU_ELEM_SPLAT, r);
    }
}

/* Lays out the slots and writes the steps; returns the bytes that a thread needs. `ready` has n_in flags, all false. */
static size_t make_steps(maker *m, bool *ready)
{
    const cpu_elem_desc *d = m->d;
    cpu_elem *e = m->e;
    int64_t tile = e->loop.tile_rows * e->loop.tile_cols;
    size_t end = ((size_t)e->n_regs * sizeof(void *) + 63) / 64 * 64;
    e->raw = end;
    end += ((size_t)tile * 8 + 63) / 64 * 64;
    e->n_single = e->n_prologue = e->n_body = 0;
    m->n_free[0] = m->n_free[1] = 0;
    make_prologue(m, tile, &end);
    for (int k = 0; k < d->n_instr; k++) {
        const cpu_elem_instr *in = &d->instr[k];
        int reg = d->n_in + k;
        if (m->fixed[reg])
            continue;
        for (int s = 0; s < in->fn->arity; s++)
            bring_input(m, in->src[s], ready, tile, &end);
        bool same = in->fn->result < 0; /* a change of domain does not happen in place */
        if (same)
            release_sources(m, k);
        m->slot[reg] = take_slot(m, inside_of(in->domain), tile, &end);
        if (!same)
            release_sources(m, k);
        if (m->last[reg] < 0)
            give_slot(m, reg, inside_of(in->domain)); /* nobody reads it */
        for (int o = 0; o < d->n_out; o++)
            if (d->out_reg[o] == reg && e->out[o].direct)
                emit(e->body, &e->n_body, CPU_ELEM_AIM, o);
        emit(e->body, &e->n_body, CPU_ELEM_EXEC, k);
    }
    for (int o = 0; o < d->n_out; o++) {
        bring_input(m, d->out_reg[o], ready, tile, &end);
        emit(e->body, &e->n_body, CPU_ELEM_STORE, o);
    }
    return end;
}

/* How many lines of the next tile are asked for before each instruction. */
static void share_asking(const maker *m)
{
    cpu_elem *e = m->e;
    const int64_t tile = e->loop.tile_rows * e->loop.tile_cols;
    int64_t lines = 0, n = 0;
    for (int i = 0; i < e->n_in; i++)
        lines += e->in[i].ahead ? (tile * (int64_t)e->in[i].width + 63) / 64 : 0;
    for (int i = 0; i < e->n_body; i++)
        n += e->body[i].what == CPU_ELEM_EXEC;
    e->ahead_lines = n ? (int)((lines + n - 1) / n) : 0;
}

/* Sources that are one value for all elements of what reads them. */
static void find_still(const maker *m)
{
    for (int k = 0; k < m->d->n_instr; k++)
        for (int s = 0; s < m->e->op[k].arity; s++) {
            const int r = m->e->op[k].src[s];
            m->e->op[k].goes[s] = m->spread[r] && !m->whole[r] && !m->single[m->d->n_in + k] ? 0 : -1;
        }
}

/* ---- chunks ---------------------------------------------------------------------------------------------------- */

static double cost_of_element(const cpu_elem_desc *d)
{
    double cost = 0;
    for (int k = 0; k < d->n_instr; k++)
        cost += d->instr[k].fn->cost * (d->instr[k].domain == CPU_F32 ? 1 : d->instr[k].fn->cost > 3 ? 8 : 2);
    for (int i = 0; i < d->n_in; i++)
        cost += 0.5 * (double)tn_dtype_size(d->in[i].dtype);
    for (int o = 0; o < d->n_out; o++)
        cost += 0.5 * (double)tn_dtype_size(d->out[o].dtype);
    return cost;
}

static void cut_chunks(maker *m)
{
    cpu_elem *e = m->e;
    double tile_cost = cost_of_element(m->d) * (double)(e->loop.tile_rows * e->loop.tile_cols);
    int64_t per_chunk = (int64_t)(CHUNK_COST / tile_cost) + 1;
    int64_t most = (e->loop.tiles + MOST_CHUNKS - 1) / MOST_CHUNKS;
    e->tiles_per_chunk = per_chunk > most ? per_chunk : most;
    e->chunks = (e->loop.tiles + e->tiles_per_chunk - 1) / e->tiles_per_chunk;
}

cpu_elem *cpu_elem_new(base_arena *arena, const cpu_elem_desc *desc, cpu_isa isa, int threads, base_error *error)
{
    if (check(desc, error) != TN_OK)
        return NULL;
    maker m = {.d = desc, .kernels = kernels_of(isa)};
    bool *ready = BASE_ARRAY(arena, bool, desc->n_in);
    if (!allocate(arena, &m) || !ready) {
        base_no_memory(error, "planning an element-wise chain");
        return NULL;
    }
    fill_ops(&m);
    find_last_reads(&m);
    for (int64_t most = LARGEST_TILE;; most /= 2) {
        plan_loop(&m, most);
        fill_ports(&m);
        memset(ready, 0, (size_t)desc->n_in * sizeof *ready);
        m.e->thread_bytes = (make_steps(&m, ready) + 63) / 64 * 64;
        if (m.e->thread_bytes <= CACHE || most <= SMALLEST_TILE)
            break;
    }
    find_still(&m);
    share_asking(&m);
    cut_chunks(&m);
    m.e->threads = threads < 1 ? 1 : threads;
    m.e->head_bytes = (cpu_elem_head_bytes(desc->n_out) + 63) / 64 * 64;
    return m.e;
}
