/* lstm: a classifier of sequences x[batch, steps, features] by the state after the last step. Pictures are read row by row. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    int rank = tn_tensor_rank(x);
    if (rank == 4) { /* [N, C, H, W]: a step for each row */
        x = tn_transpose(x, 1, 2);
        x = tn_flatten(x, 2);
    } else if (rank == 2) {
        x = tn_unsqueeze(x, 2);
    }
    tn_tensor *h = tn_layer_lstm(x, "lstm", 128, TN_OPT(tn_rnn_opt, .batch_first = true)).h;
    return tn_layer_linear(tn_squeeze(h, 0), "fc", classes, NULL);
}

const zoo_model model_lstm = {"lstm", "LSTM 128 over the steps (of pictures: the rows), linear from its last state",
                              build};
