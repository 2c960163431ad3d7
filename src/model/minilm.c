/* minilm: BERT of 6 layers, 384 wide (Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation"), as a classifier of texts as
 * numbers of tokens [batch, tokens], 0 being padding. Named as bert_base. */
#include "model/core/blocks.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return zoo_bert(x, classes, TN_OPT(tn_bert_opt, .layers = 6, .width = 384));
}

const zoo_model model_minilm = {
    "minilm", "MiniLM, a BERT of 6 layers, 384 wide, for numbers of tokens (23 M parameters); token 0 is padding",
    build};
