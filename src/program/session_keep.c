/* session_keep.c: what does not change from run to run: weights that kernels have put in their own order, and values that follow
 * from state alone (keep.c). They lie in the state, shared by its sessions, and are made anew when the state has changed. */
#include "program/session.h"

#include <stdlib.h>
#include <string.h>

/* A value made of state belongs to its program's graph; the state's own bytes go by their address. */
static state_pack_key key_of(const tn_session *s, const session_bound *b, int value)
{
    const bound_value *v = &b->binding->values.at[value];
    const bool own = b->binding->places.at[v->place].kind == PLACE_STATE;
    return (state_pack_key){.from = own ? session_address(s, b, value) : b->entry->graph,
                            .tensor = own ? -1 : v->tensor,
                            .isa = s->program->isa,
                            .type = v->type};
}

static bool find_pack(tn_session *s, session_bound *b, const bound_step *step, size_t at)
{
    state_pack_key key = key_of(s, b, step->in[step->pack.input]);
    key.kernel = step->kernel;
    memcpy(key.form, step->pack.form, sizeof key.form);
    session_pack x = {at + (size_t)step->pack.input, step, state_pack_of(s->shelf, &key, step->pack.bytes)};
    if (x.to && base_vec_push(&b->packs, x))
        return true;
    if (x.to)
        state_pack_release(s->shelf, x.to);
    return false;
}

static bool find_all(tn_session *s, session_bound *b)
{
    const binding *shared = b->binding;
    size_t at = 0;
    for (size_t i = 0; i < shared->kept.n; i++) {
        const int value = shared->kept.at[i];
        const state_pack_key key = key_of(s, b, value);
        b->kept[i] = state_pack_of(s->shelf, &key, shared->places.at[shared->values.at[value].place].bytes);
        if (!b->kept[i])
            return false;
    }
    for (size_t i = 0; i < shared->steps.n; i++) {
        const bound_step *step = &shared->steps.at[i];
        if (step->pack.bytes && !find_pack(s, b, step, at))
            return false;
        at += (size_t)(step->n_in + step->n_out);
    }
    return true;
}

tn_status session_find_kept(tn_session *s, session_bound *b)
{
    b->kept = calloc(b->binding->kept.n + 1, sizeof *b->kept);
    b->wanted = calloc(b->binding->steps.n + b->binding->places.n + 1, sizeof *b->wanted);
    return b->kept && b->wanted && find_all(s, b) ? TN_OK : base_no_memory(&s->error, "binding a session");
}

void session_release_kept(tn_session *s, session_bound *b)
{
    for (size_t i = 0; i < b->packs.n; i++)
        state_pack_release(s->shelf, b->packs.at[i].to);
    for (size_t i = 0; b->kept && i < b->binding->kept.n; i++)
        if (b->kept[i])
            state_pack_release(s->shelf, b->kept[i]);
    base_vec_free(&b->packs);
    free(b->kept);
    free(b->wanted);
}

/* The state's version when something last changed that this entry reads and does not write. */
static uint64_t newest(const tn_session *s, const session_bound *b)
{
    uint64_t version = 1;
    for (size_t i = 0; i < b->entry->graph->state.n; i++) {
        if (b->binding->written[i] || b->state_at[i] < 0)
            continue;
        const uint64_t one = s->shelf->entries.at[b->state_at[i]].version;
        version = one > version ? one : version;
    }
    return version;
}

/* Whether the step makes something that is wanted. Its inputs then are wanted too. */
static bool want_step(const session_bound *b, const bound_step *step, bool *wanted, uint64_t version)
{
    const binding *shared = b->binding;
    bool some = false;
    for (int k = 0; k < step->n_out; k++) {
        const int at = shared->values.at[step->out[k]].place;
        const place *p = &shared->places.at[at];
        some |= p->kind == PLACE_KEPT ? b->kept[p->index]->version < version : wanted[at];
    }
    for (int k = 0; some && k < step->n_in; k++)
        if (step->in[k] >= 0)
            wanted[shared->values.at[step->in[k]].place] = true;
    return some;
}

/* Which steps must run for what is older than `version`; false: none, and no weight needs to be packed. */
static bool mark_wanted(session_bound *b, uint64_t version)
{
    const binding *shared = b->binding;
    bool *wanted = b->wanted + shared->steps.n, some = false;
    memset(b->wanted, 0, (shared->steps.n + shared->places.n) * sizeof *b->wanted);
    size_t pack = b->packs.n;
    for (size_t i = shared->steps.n; i-- > 0;) {
        const bound_step *step = &shared->steps.at[i];
        if (pack > 0 && b->packs.at[pack - 1].step == step && b->packs.at[--pack].to->version < version)
            some = wanted[shared->values.at[step->in[step->pack.input]].place] = true;
        if (step->once)
            some |= b->wanted[i] = want_step(b, step, wanted, version);
    }
    return some;
}

/* A once-only step with a weight of its own to pack runs after that, like every other. */
static void make_wanted(const tn_session *s, session_bound *b, uint64_t version)
{
    const binding *shared = b->binding;
    void **pointer = b->pointer;
    kernel_fault fault = {0}; /* there is none: such steps are not kept */
    for (size_t i = 0, pack = 0; i < shared->steps.n; i++) {
        const bound_step *step = &shared->steps.at[i];
        if (pack < b->packs.n && b->packs.at[pack].step == step) {
            state_pack *to = b->packs.at[pack++].to;
            if (to->version < version)
                step->kernel->pack(step->plan, session_address(s, b, step->in[step->pack.input]), to->data);
            to->version = s->shelf->version;
        }
        if (b->wanted[i])
            session_call_step(s, b, step, pointer, &fault);
        pointer += step->n_in + step->n_out;
    }
    for (size_t i = 0; i < shared->kept.n; i++)
        b->kept[i]->version = s->shelf->version;
}

/* Sessions may come here at once: the first does it for all. */
void session_refresh_kept(const tn_session *s, session_bound *b)
{
    if ((b->packs.n == 0 && b->binding->kept.n == 0) || b->version == s->shelf->version)
        return;
    const uint64_t version = newest(s, b);
    pthread_mutex_lock(&s->shelf->packing);
    if (mark_wanted(b, version))
        make_wanted(s, b, version);
    pthread_mutex_unlock(&s->shelf->packing);
    b->version = s->shelf->version;
}
