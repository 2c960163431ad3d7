/* gpt2: the smallest GPT-2, 124 million parameters, for tokens [batch, tokens]: what comes next at each place. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    if (tn_tensor_dtype(x) != TN_I64)
        x = tn_cast(x, TN_I64);
    return tn_gpt2(x, TN_OPT(tn_gpt2_opt, .vocabulary = classes > 1 ? classes : 0, .dropout = 0.1));
}

const zoo_model model_gpt2 = {"gpt2", "GPT-2 of 12 layers, 768 wide, for numbers of tokens; classes are the vocabulary",
                              build};
