/* stamp.h: whether files are still those that something was made from. */
#ifndef DATA_STAMP_H
#define DATA_STAMP_H

#include "data/files.h"

#include <stdint.h>

/* `before`, and name, size and time of change of file i; of a file in an archive those of the archive. */
uint64_t data_stamp(uint64_t before, const data_files *f, int64_t i);

#endif
