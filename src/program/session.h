/* session.h: the insides of a session. */
#ifndef PROGRAM_SESSION_H
#define PROGRAM_SESSION_H

#include "base/number.h"
#include "program/program.h"

typedef struct session_patch {
    size_t pointer;
    int input;
    int64_t offset;
} session_patch;

/* A kernel's input in the kernel's own order. */
typedef struct session_pack {
    size_t pointer;
    const bound_step *step;
    state_pack *to;
} session_pack;

/* A session's side of a binding. */
typedef struct session_bound {
    struct session_bound *next;
    const program_entry *entry;
    const binding *binding;
    void **pointer; /* of all steps: inputs, then outputs */
    base_vec(session_patch) patches;
    base_vec(session_pack) packs; /* in the order of their steps */
    state_pack **kept;            /* by kept value of the binding */
    bool *wanted;                 /* by step, then by place: what must be made anew */
    uint64_t version;             /* of the state that packs and kept values were last compared with */
    void **state;                 /* by state of the entry's graph */
    int *state_at;                /* by state of the entry's graph: which of the state's entries; -1: not used */
    void **staged;                /* by input: a copy, where what was fed is strided or badly aligned */
    int block_number;
    double *seconds; /* by step, while profiling */
    int64_t *calls;
    int n_inputs;
    void *input[]; /* as fed */
} session_bound;

typedef struct session_entry {
    session_bound *bound, *last;
    int64_t *symbol;
} session_entry;

struct tn_session {
    tn_program *program;
    tn_state *state; /* NULL: none */
    tn_state *shelf; /* where what is kept lies: the state, or one of the session's own */
    base_error error;
    void *block;
    size_t block_bytes;
    int block_number; /* counts the blocks that there were: pointers are found again when it changes */
    session_entry *entry;
    uint64_t seed, step; /* of the run in progress */
    bool profile;
    atomic_bool cancel;
};

/* What does not change from run to run, session_keep.c: packed weights and values made of state alone. */
tn_status session_find_kept(tn_session *s, session_bound *b);
void session_release_kept(tn_session *s, session_bound *b);
/* Makes what the state has changed since. */
void session_refresh_kept(const tn_session *s, session_bound *b);

/* The bytes of a value, NULL where it is absent. */
void *session_address(const tn_session *s, const session_bound *b, int value);
void session_call_step(const tn_session *s, const session_bound *b, const bound_step *step, void **pointer,
                       kernel_fault *fault);

/* Whether all elements are finite; if not and `at` is given, the position of the first that is not. */
bool session_is_finite(const kernel_operand *x, const void *data, int64_t *at);
/* Sentence for a check that failed at step `at`: names the first node that made a NaN or an infinity. */
tn_status session_name_nonfinite(tn_session *s, const session_bound *b, int at);

/* Runs the steps before `until` again, showing the outputs of each; stops when look says true. No state was written yet. */
typedef bool (*session_look)(void *user, const session_bound *b, const bound_step *step, void *const *out);
void session_rerun(const tn_session *s, const session_bound *b, int until, session_look look, void *user);

#endif
