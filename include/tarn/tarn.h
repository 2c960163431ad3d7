/* tarn/tarn.h: the whole public interface, in reading order. */
#ifndef TARN_TARN_H
#define TARN_TARN_H

#include <tarn/core.h>
#include <tarn/data.h>
#include <tarn/plot.h>

#endif
