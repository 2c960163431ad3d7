/* recurrent.h: what recurrent and recurrent_grad share. One layer in one direction: x[T, B, G H] has the inputs' products of all
 * steps, w[G H, H] and b[G H] are what the state is multiplied with, lengths[B] how many steps each row has. With u = w h + b:
 *   rnn_tanh, rnn_relu   h = f(x + u)                                                                                  G = 1
 *   lstm                 i, f, g, o of x + u; c = f c + i g; h = o tanh(c)                                             G = 4
 *   gru                  r, z of x + u; n = tanh(x + r u); h = (1 - z) n + z h                                         G = 3
 * With r[P, H] the state goes through fewer features, as an LSTM with projection has it (Sak et al. 2014): u = w (r h) + b, w[G H, P].
 * With peep[3, H] gates of lstm see the cell (Gers, Schmidhuber 2000): i and f that before, times rows 0 and 1, o the new one, times row 2.
 * (Elman 1990; Hochreiter, Schmidhuber 1997; Cho et al. 2014), gates in PyTorch's order. Steps beyond a row's length change nothing
 * and give y = 0. reverse: from the last step to the first. Kept for the gradient: gates [T, B, 4 H] of lstm (i, f, g, o) and of gru
 * (r, z, n, and u of n), cells [T, B, H] of lstm. */
#ifndef OP_RECURRENT_H
#define OP_RECURRENT_H

#include "op/internal.h"

enum { OP_REC_KIND, OP_REC_REVERSE };
enum { OP_REC_TANH, OP_REC_RELU, OP_REC_LSTM, OP_REC_GRU };
extern const char *const op_rec_kinds[];
#define OP_REC_ARGS                                                                                                    \
    {                                                                                                                  \
        [OP_REC_KIND] = OP_ARG_ENUM("kind", OP_REC_LSTM, op_rec_kinds), [OP_REC_REVERSE] =                             \
                                                                            OP_ARG_BOOL("reverse", false)              \
    }
#define OP_REC_TOL                                                                                                     \
    {                                                                                                                  \
        [TN_F64] = OP_TOL(1e-12, 1e-15), [TN_F32] = OP_TOL(2e-5, 1e-6), [TN_F16] = OP_TOL(1e-2, 1e-3),                 \
        [TN_BF16] = OP_TOL(5e-2, 1e-2)                                                                                 \
    }

static inline int op_rec_gates(int64_t kind)
{
    return kind == OP_REC_LSTM ? 4 : kind == OP_REC_GRU ? 3 : 1;
}
/* The row's length, kept within the steps. */
static inline int64_t op_rec_length(const op_array *lengths, int64_t row, int64_t steps)
{
    int64_t n = lengths ? lengths->i[row] : steps;
    return n < 0 ? 0 : n > steps ? steps : n;
}
/* Shapes of the state, x and weights; x may be NULL, the steps are then those of y. */
tn_status op_rec_check(const op_infer *c, const graph_type *h, const graph_type *cell, const graph_type *w,
                       const graph_type *lengths, const graph_type *r, const graph_type *peep, tn_dim *batch,
                       tn_dim *width);

typedef struct op_rec_grad {
    tn_tensor *dy, *dh, *dc, *dgates, *dcells; /* what arrives; NULL: nothing */
    tn_tensor *h, *c, *y, *gates, *cells, *w, *lengths, *r, *peep;
} op_rec_grad;
/* dx; siblings: dh, and of lstm dc. */
tn_tensor *op_recurrent_grad_of(const op_rec_grad *r, const op_value *arg);
/* As tn_recurrent; r and peep may be NULL. */
typedef struct op_rec {
    tn_tensor *x, *h, *c, *w, *b, *lengths, *r, *peep;
} op_rec;
tn_recurrent_result op_recurrent_of(tn_recurrent_kind kind, const op_rec *a, bool reverse);
/* The state before each step, [T, B, H]. */
tn_tensor *op_rec_before(tn_tensor *h, tn_tensor *y, tn_tensor *lengths, bool reverse);

#endif
