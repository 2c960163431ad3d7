/* tarn/tarn.h: the whole public interface, in reading order. */
#ifndef TARN_TARN_H
#define TARN_TARN_H

/* clang-format off */
#include <tarn/core.h>
#include <tarn/recipe.h>
#include <tarn/sound.h>
#include <tarn/graph.h>
#include <tarn/ops.h>
#include <tarn/custom.h>
#include <tarn/nn.h>
#include <tarn/optim.h>
#include <tarn/program.h>
#include <tarn/data.h>
#include <tarn/table.h>
#include <tarn/series.h>
#include <tarn/graph_data.h>
#include <tarn/text.h>
#include <tarn/picture.h>
#include <tarn/check.h>
#include <tarn/model.h>
#include <tarn/train.h>
#include <tarn/plot.h>
/* clang-format on */

#endif
