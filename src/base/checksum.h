/* checksum.h: whether bytes are still those that were written: 64 bits, as fast as memory. No defence against those who want to deceive. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `before` and these bytes; pieces of other lengths give other sums. The same on every machine of this byte order. */
uint64_t base_checksum(uint64_t before, const void *data, size_t bytes);

#endif
