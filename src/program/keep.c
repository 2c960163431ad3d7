/* keep.c: what follows from state alone is computed when the state has changed, not with every run: a weight scaled by the
 * statistics of a batch norm, transposed, or cast. Of such values those that runs read get places of their own, shared by
 * all sessions of the state; what only leads to them, or to a kernel's packed weight, is forgotten again. */
#include "program/program.h"

#include <stdlib.h>

static bool writes_state(const binding *b, const bound_step *s)
{
    for (int k = 0; k < s->n_out; k++)
        if (b->places.at[b->values.at[s->out[k]].place].kind == PLACE_STATE)
            return true;
    return false;
}

/* The places that every run reads as they are. */
static void mark_read(const binding *b, bool *read)
{
    for (size_t i = 0; i < b->steps.n; i++) {
        const bound_step *s = &b->steps.at[i];
        for (int k = 0; k < s->n_in && !s->once; k++)
            if (s->in[k] >= 0 && !(s->pack.bytes && s->pack.input == k))
                read[b->values.at[s->in[k]].place] = true;
    }
    for (int i = 0; i < b->n_outputs; i++)
        if (b->outputs[i] >= 0)
            read[b->values.at[b->outputs[i]].place] = true;
}

static bool keep_outputs(binding *b, const bound_step *s, const bool *read)
{
    for (int k = 0; k < s->n_out && s->once; k++) {
        const int at = b->values.at[s->out[k]].place;
        place *p = &b->places.at[at];
        if (p->kind != PLACE_BUFFER || !read[at])
            continue;
        p->kind = PLACE_KEPT;
        p->index = (int)b->kept.n;
        b->packed += p->bytes;
        if (!base_vec_push(&b->kept, s->out[k]))
            return false;
    }
    return true;
}

tn_status program_keep_fixed(binding *b, base_error *e)
{
    bool *read = calloc(b->places.n + 1, sizeof *read), ok = read != NULL;
    for (size_t i = 0; i < b->steps.n; i++)
        b->steps.at[i].once &= !writes_state(b, &b->steps.at[i]); /* what is written is written by every run */
    if (ok)
        mark_read(b, read);
    for (size_t i = 0; ok && i < b->steps.n; i++)
        ok = keep_outputs(b, &b->steps.at[i], read);
    free(read);
    return ok ? TN_OK : base_no_memory(e, "binding a program to sizes");
}
