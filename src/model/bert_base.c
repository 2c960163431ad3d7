/* bert_base: BERT of 12 layers, 768 wide, as a classifier of texts as numbers of tokens [batch, tokens], 0 being padding. Parameters are
 * named as in Hugging Face's BertForSequenceClassification. */
#include "model/core/blocks.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return zoo_bert(x, classes, TN_OPT(tn_bert_opt, .layers = 12));
}

const zoo_model model_bert_base = {
    "bert_base", "BERT of 12 layers, 768 wide, for numbers of tokens (110 M parameters); token 0 is padding", build};
