/* op_case.c: see op_case.h. */
#include "support/op_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/number.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static tn_status wrong(const op_case *c, const char *token, const char *why, base_error *e)
{
    return base_fail(e, TN_FORMAT, "the case '%s' of %s: '%s' %s", c->text, c->def->name, token, why);
}

/* "2x3]" into dims; returns what follows the bracket, NULL when it is no shape. */
static const char *read_shape(op_case_input *in, const char *at)
{
    in->rank = 0;
    in->count = 1;
    while (*at != ']') {
        char *end;
        if (in->rank == TN_MAX_RANK || *at < '0' || *at > '9')
            return NULL;
        int64_t size = strtoll(at, &end, 10);
        in->dims[in->rank++] = size;
        in->count *= size;
        at = *end == 'x' ? end + 1 : end;
    }
    return at + 1;
}

static bool read_fill(op_case_input *in, char *fill)
{
    static const char *const names[] = {"",       "ties",  "kinks", "index",   "positive", "unit",    "prob",
                                        "finite", "above", "signs", "offsets", "order",    "dominant"};
    char *number = strchr(fill, '=');
    if (number)
        *number++ = 0;
    for (int i = 1; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(fill, names[i]) == 0) {
            in->fill = (op_fill)i;
            bool takes = i == OP_FILL_KINKS || i == OP_FILL_INDEX || i == OP_FILL_ABOVE || i == OP_FILL_OFFSETS;
            return takes ? number && base_parse_f64(number, &in->with) : !number;
        }
    return false;
}

static tn_status read_input(op_case *c, int slot, char *text, base_error *e)
{
    op_case_input *in = &c->in[slot];
    char *fill = strchr(text, ':');
    if (fill)
        *fill++ = 0;
    in->slot = &c->def->in[slot < op_count_in(c->def) ? slot : op_count_in(c->def) - 1];
    in->letter = text[0];
    if (!text[0] || !strchr("xfib", text[0]) || text[1] != '[')
        return wrong(c, text, "is no input", e);
    const char *end = read_shape(in, text + 2);
    if (!end || *end)
        return wrong(c, text, "has no good shape", e);
    if (fill && !read_fill(in, fill))
        return wrong(c, fill, "is no fill", e);
    c->n_in = slot + 1 > c->n_in ? slot + 1 : c->n_in;
    return TN_OK;
}

static tn_status read_inputs(op_case *c, int slot, char *text, base_error *e)
{
    char *save, *one = strtok_r(text, ",", &save);
    for (; one; one = strtok_r(NULL, ",", &save), slot++) {
        if (slot >= OP_MAX_IN)
            return wrong(c, one, "is one input too many", e);
        BASE_TRY(read_input(c, slot, one, e));
    }
    return TN_OK;
}

static bool read_list(op_case *c, int arg, char *text, op_value *v)
{
    char *save;
    v->list = c->list[arg];
    for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save))
        if (v->n == 2 * TN_MAX_RANK || !base_parse_i64(one, &c->list[arg][v->n++]))
            return false;
    return true;
}

static bool read_name(const op_argdef *a, const char *text, op_value *v)
{
    for (; a->names[v->i]; v->i++)
        if (strcmp(a->names[v->i], text) == 0)
            return true;
    return false;
}

static tn_status read_arg(op_case *c, int arg, char *text, base_error *e)
{
    const op_argdef *a = &c->def->arg[arg];
    op_value v = {0};
    bool good = false;
    switch (a->kind) {
    case OP_INT: good = base_parse_i64(text, &v.i); break;
    case OP_FLOAT: good = base_parse_f64(text, &v.f); break;
    case OP_BOOL:
        v.i = strcmp(text, "true") == 0;
        good = v.i || strcmp(text, "false") == 0;
        break;
    case OP_ENUM: good = read_name(a, text, &v); break;
    case OP_DTYPE: good = (v.i = tn_dtype_from_name(text)) != TN_NONE; break;
    case OP_TEXT:
        snprintf(c->word[arg], sizeof c->word[arg], "%s", text);
        v.text = c->word[arg];
        good = true;
        break;
    case OP_INTS_LIST:
    case OP_DIMS: good = read_list(c, arg, text, &v); break;
    case OP_DATA:
    case OP_END: break;
    }
    c->args.at[arg].set = true;
    c->args.at[arg].v = v;
    return good ? TN_OK : wrong(c, text, "is no value of this argument", e);
}

static tn_status read_token(op_case *c, char *token, base_error *e)
{
    char *value = strchr(token, '=');
    if (!value)
        return wrong(c, token, "has no '='", e);
    *value++ = 0;
    for (int i = 0; i < op_count_in(c->def); i++)
        if (strcmp(c->def->in[i].name, token) == 0)
            return read_inputs(c, i, value, e);
    for (int i = 0; i < op_count_arg(c->def); i++)
        if (strcmp(c->def->arg[i].name, token) == 0)
            return read_arg(c, i, value, e);
    return wrong(c, token, "is neither an input nor an argument", e);
}

tn_status op_case_parse(op_case *c, const op_def *def, const char *text, base_error *e)
{
    char copy[512], *save;
    *c = (op_case){.def = def, .text = text};
    if (strlen(text) >= sizeof copy)
        return wrong(c, text, "is too long", e);
    snprintf(copy, sizeof copy, "%s", text);
    for (char *token = strtok_r(copy, " ", &save); token; token = strtok_r(NULL, " ", &save))
        BASE_TRY(read_token(c, token, e));
    c->batch = c->in[0].rank ? c->in[0].dims[0] : 0;
    return TN_OK;
}

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

static uint32_t class_of(const op_case_input *in)
{
    uint32_t class = in->slot->dtypes;
    switch (in->letter) {
    case 'f': return class & OP_FLOATS;
    case 'i': return class & OP_INTS;
    case 'b': return class & OP_BOOLS;
    default: return class;
    }
}

/* The dtypes that input i may have together with all inputs of the same variable. */
static uint32_t shared_class(const op_case *c, int i)
{
    uint32_t class = class_of(&c->in[i]);
    for (int k = 0; k < c->n_in && c->in[i].slot->var; k++)
        if (c->in[k].letter && c->in[k].slot->var == c->in[i].slot->var)
            class &= class_of(&c->in[k]);
    return class;
}

/* The float variable of the first input, where another input has another one: 0 if there is no such pair. */
static char leading_float(const op_case *c)
{
    char first = c->in[0].letter && (class_of(&c->in[0]) & OP_FLOATS) ? c->in[0].slot->var : 0;
    for (int i = 1; i < c->n_in && first; i++)
        if (c->in[i].letter && c->in[i].slot->var && c->in[i].slot->var != first &&
            (shared_class(c, i) & OP_FLOATS) == OP_FLOATS)
            return first;
    return 0;
}

/* Half-precision data beside f32 parameters, as mixed training has them: two assignments more. */
static bool mixed_dtypes(const op_case *c, int k, tn_dtype dtypes[OP_MAX_IN])
{
    char first = leading_float(c);
    if (!first || k > 1)
        return false;
    for (int i = 0; i < c->n_in; i++)
        if (dtypes[i] && tn_dtype_is_float(dtypes[i]))
            dtypes[i] = c->in[i].slot->var != first ? TN_F32 : k == 0 ? TN_F16 : TN_BF16;
    return true;
}

bool op_case_dtypes(const op_case *c, int k, tn_dtype dtypes[OP_MAX_IN])
{
    int most = 1;
    for (int i = 0; i < c->n_in; i++) {
        dtypes[i] = TN_NONE;
        if (!c->in[i].letter)
            continue;
        uint32_t class = shared_class(c, i);
        int n = __builtin_popcount(class);
        if (n == 0)
            return false;
        most = n > most ? n : most;
        for (int skip = k % n; skip; skip--)
            class &= class - 1;
        dtypes[i] = (tn_dtype)__builtin_ctz(class);
    }
    return k < most || mixed_dtypes(c, k - most, dtypes);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

uint64_t op_case_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

double op_case_random(uint64_t *seed)
{
    return ((double)(op_case_next(seed) >> 11) + 0.5) * 0x1p-52 - 1;
}

/* The numbers 0 to n - 1 in an order that the seed gives. */
static void shuffle(int64_t *order, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = (int64_t)(op_case_next(&seed) % (uint64_t)(i + 1));
        order[i] = order[k];
        order[k] = i;
    }
}

/* A real number moved away from integers, order kept: fractions are squeezed into [0.1, 0.9]. */
static double off_integers(double v)
{
    return floor(v) + 0.1 + 0.8 * (v - floor(v));
}

/* Element number q of n, as a float. `shift` in (0, 1) tells inputs apart. */
static double float_value(const op_case_input *in, int64_t q, int64_t n, double shift)
{
    static const double ties[] = {-1.5, 0.5, 2.5, -0.5, 1.5, 2, -2};
    double part = ((double)q + shift) / (double)n;
    switch (in->fill) {
    case OP_FILL_TIES: return ties[q % 7];
    case OP_FILL_INDEX: return (double)(q % (int64_t)in->with);
    case OP_FILL_SIGNS: return q % 2 ? 1 : -1;
    case OP_FILL_POSITIVE: return off_integers(3 * part);
    case OP_FILL_ABOVE: return in->with + off_integers(3 * part);
    case OP_FILL_UNIT:
    case OP_FILL_PROB: return 0.05 + 0.9 * part;
    default: return off_integers(5 * part - 2.5);
    }
}

static int64_t int_value(const op_case_input *in, tn_dtype dtype, int64_t q, int64_t n)
{
    switch (in->fill) {
    case OP_FILL_TIES: return q % 4 - 1;
    case OP_FILL_INDEX: return q % (int64_t)in->with;
    case OP_FILL_SIGNS: return q % 2 ? 1 : -1;
    case OP_FILL_OFFSETS: return n > 1 ? (int64_t)in->with * q * q / ((n - 1) * (n - 1)) : 0;
    case OP_FILL_ORDER: return q;
    case OP_FILL_POSITIVE: return q % 100 + 1;
    case OP_FILL_ABOVE: return (int64_t)in->with + q % 100 + 1;
    case OP_FILL_UNIT:
    case OP_FILL_PROB: return q % 2;
    default: return dtype == TN_BOOL ? q % 2 : (q - n / 2) % 100;
    }
}

static void put(tn_dtype dtype, double f, int64_t i, char *at)
{
    if (tn_dtype_is_float(dtype))
        op_element_from_f64(dtype, f, at);
    else
        op_element_from_i64(dtype, i, at);
}

/* Divides by the sums along the axis of the classes. */
static void normalise(const op_case_input *in, tn_dtype dtype, char *data)
{
    int axis = in->rank > 1 ? 1 : 0;
    int64_t inner = 1, size = in->dims[axis], bytes = (int64_t)tn_dtype_size(dtype);
    for (int i = axis + 1; i < in->rank; i++)
        inner *= in->dims[i];
    for (int64_t r = 0; size && r < in->count / size; r++) {
        char *row = data + (r / inner * size * inner + r % inner) * bytes;
        double sum = 0;
        for (int64_t k = 0; k < size; k++)
            sum += op_element_to_f64(dtype, row + k * inner * bytes);
        for (int64_t k = 0; k < size; k++)
            op_element_from_f64(dtype, op_element_to_f64(dtype, row + k * inner * bytes) / sum,
                                row + k * inner * bytes);
    }
}

/* Elements share a row's 2.5; the diagonal rises from 3. */
static void make_dominant(const op_case_input *in, tn_dtype dtype, char *data)
{
    int64_t rows = in->dims[in->rank - 2], cols = in->dims[in->rank - 1], bytes = (int64_t)tn_dtype_size(dtype);
    for (int64_t i = 0; i < in->count; i++) {
        int64_t row = i / cols % rows, col = i % cols;
        double v = op_element_to_f64(dtype, data + i * bytes) / (double)(rows > cols ? rows : cols);
        op_element_from_f64(dtype, row == col ? v + 3 + 1.5 * (double)row : v, data + i * bytes);
    }
}

static void put_poison(const op_case_input *in, tn_dtype dtype, uint64_t seed, char *data)
{
    static const double poison[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0};
    for (int64_t i = 0; i < in->count; i++) {
        uint64_t r = op_case_next(&seed);
        if (r % 4 == 0 && !(in->fill == OP_FILL_DOMINANT && r / 4 % 5 > 2)) /* no zeros on diagonals */
            op_element_from_f64(dtype, poison[r / 4 % 5], data + i * (int64_t)tn_dtype_size(dtype));
    }
}

void op_case_fill(const op_case *c, int i, tn_dtype dtype, bool poison, void *data)
{
    const op_case_input *in = &c->in[i];
    int64_t size = (int64_t)tn_dtype_size(dtype), n = in->count;
    int64_t *order = malloc((size_t)(n + 1) * sizeof *order);
    uint64_t seed = base_hash_text(c->text) + (uint64_t)i;
    if (!order)
        abort();
    shuffle(order, n, seed);
    for (int64_t k = 0; k < n; k++) {
        char *at = (char *)data + k * size;
        order[k] = in->fill == OP_FILL_OFFSETS ? k : order[k];
        if (in->fill == OP_FILL_KINKS && k % 2 == 0)
            put(dtype, in->with, (int64_t)in->with, at);
        else
            put(dtype, float_value(in, order[k], n, (i + 0.5) / 13), int_value(in, dtype, order[k], n), at);
    }
    free(order);
    if (in->fill == OP_FILL_PROB && tn_dtype_is_float(dtype))
        normalise(in, dtype, data);
    if (in->fill == OP_FILL_DOMINANT && in->rank > 1)
        make_dominant(in, dtype, data);
    if (poison && tn_dtype_is_float(dtype) && in->fill != OP_FILL_FINITE)
        put_poison(in, dtype, seed, data);
}

bool op_case_has_kinks(const op_case *c)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].letter && (c->in[i].fill == OP_FILL_TIES || c->in[i].fill == OP_FILL_KINKS))
            return true;
    return false;
}

/* ---- other sizes ------------------------------------------------------------------------------------------------------ */

bool op_case_has_size(const op_case *c, int64_t size)
{
    for (int i = 0; i < c->n_in; i++)
        for (int d = 0; c->in[i].letter && d < c->in[i].rank; d++)
            if (c->in[i].dims[d] == size)
                return true;
    return false;
}

bool op_case_resized(const char *text, int64_t from, int64_t to, char *out, size_t size)
{
    bool inside = false, any = false;
    size_t n = 0;
    for (const char *at = text; *at && n + 24 < size;) {
        const bool classes = strncmp(at, ":index=", 7) == 0;
        if (classes) {
            memcpy(out + n, at, 7);
            n += 7;
            at += 7;
        }
        inside = *at == '[' || (inside && *at != ']');
        if ((!inside && !classes) || *at < '0' || *at > '9') {
            out[n++] = *at++;
            continue;
        }
        char *end;
        const long long number = strtoll(at, &end, 10);
        if (number == from && classes && to == 0)
            return false; /* there is no index into nothing */
        any |= number == from && inside;
        n += (size_t)snprintf(out + n, size - n, "%lld", number == from ? (long long)to : number);
        at = end;
    }
    out[n] = '\0';
    return any;
}
