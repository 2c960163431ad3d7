/* blocks.h: what models of the zoo share. */
#ifndef MODEL_BLOCKS_H
#define MODEL_BLOCKS_H

#include "model/core/zoo.h"

/* A convolution without bias that keeps sizes but for its stride, named `conv`, and a batch norm, named `norm`. Weights are
 * drawn as He et al. 2015 propose for what comes before a relu, by the number of outputs, as torchvision does. */
tn_tensor *zoo_conv_norm(tn_tensor *x, const char *conv, const char *norm, int64_t channels, int kernel, int stride,
                         int groups);

/* The mean of each picture: [N, C, H, W] to [N, C]. */
tn_tensor *zoo_global_mean(tn_tensor *x);

/* ResNet (He et al. 2015, "Deep Residual Learning for Image Recognition") with so many blocks on each of its four levels.
 * Bottlenecks have their stride on the 3x3 convolution. Pictures of at most 64 x 64 enter by a 3x3 convolution with
 * stride 1 and no pooling, as usual for CIFAR; others by 7x7 with stride 2 and max pooling. */
tn_tensor *zoo_resnet(tn_tensor *x, int64_t classes, const int blocks[4], bool bottleneck);

/* BERT's first token, dropout, one linear layer "classifier"; x: numbers of tokens [batch, tokens], as i64 or cast to it. */
tn_tensor *zoo_bert(tn_tensor *x, int64_t classes, const tn_bert_opt *opt);

#endif
