/* nonfinite.c: where a NaN or an infinity came from. The run is repeated up to the check that failed (nothing was written, so
 * it computes the same), and every value is looked at as soon as it is made. */
#include "program/session.h"

#include <math.h>

static int64_t offset_of(const kernel_operand *x, int64_t i)
{
    int64_t at = 0;
    for (int k = x->rank - 1; k >= 0; k--) {
        at += i % x->dims[k] * x->strides[k];
        i /= x->dims[k];
    }
    return at;
}

bool session_is_finite(const kernel_operand *x, const void *data, int64_t *at)
{
    int64_t n = kernel_count(x), size = (int64_t)tn_dtype_size(x->dtype);
    if (!tn_dtype_is_float(x->dtype))
        return true;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(op_element_to_f64(x->dtype, (const char *)data + offset_of(x, i) * size))) {
            if (at)
                *at = i;
            return false;
        }
    return true;
}

typedef struct finding {
    const bound_step *step;
    const kernel_operand *type;
    int64_t at;
} finding;

static bool look(void *user, const session_bound *b, const bound_step *step, void *const *out)
{
    finding *f = user;
    for (int k = 0; k < step->n_out; k++) {
        const kernel_operand *type = &b->binding->values.at[step->out[k]].type;
        if (session_is_finite(type, out[k], &f->at))
            continue;
        f->step = step;
        f->type = type;
        return true;
    }
    return false;
}

/* A parameter or an input that is not finite is to blame before any node. */
static bool look_at_sources(const program_entry *entry, const session_bound *b, base_error *e)
{
    for (size_t i = 0; i < b->binding->values.n; i++) {
        const bound_value *v = &b->binding->values.at[i];
        const place *p = &b->binding->places.at[v->place];
        if ((p->kind != PLACE_INPUT && p->kind != PLACE_STATE) || v->offset != 0 || !kernel_is_row_major(&v->type))
            continue;
        const char *data = p->kind == PLACE_INPUT ? b->input[p->index] : b->state[p->index];
        int64_t at;
        if ((size_t)kernel_count(&v->type) * tn_dtype_size(v->type.dtype) > p->bytes ||
            session_is_finite(&v->type, data, &at))
            continue;
        const char *name =
            p->kind == PLACE_INPUT ? entry->inputs.at[p->index]->name : entry->graph->state.at[p->index]->name;
        base_fail(e, TN_NONFINITE, "the %s '%s' holds a NaN or an infinity (element %lld)",
                  p->kind == PLACE_INPUT ? "input" : "state", name, (long long)at);
        return true;
    }
    return false;
}

tn_status session_name_nonfinite(tn_session *s, const session_bound *b, int at)
{
    const bound_step *check = &b->binding->steps.at[at];
    finding f = {0};
    if (look_at_sources(b->entry, b, &s->error))
        return TN_NONFINITE;
    session_rerun(s, b, at, look, &f);
    if (!f.step)
        return base_fail(&s->error, TN_NONFINITE, "the value '%s' is not finite", check->name);
    return base_fail(&s->error, TN_NONFINITE,
                     "the value '%s' is not finite; the first NaN or infinity was made by %s (node '%s'), element %lld",
                     check->name, f.step->node ? f.step->node->def->name : "copy", f.step->name, (long long)f.at);
}
