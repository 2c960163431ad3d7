/* checksum.h: a number of 64 bits by which damage to a file of ours is seen. A change within any one word of eight bytes always gives
 * another number, others all but one in 2^64. It says nothing of who made the file. */
#ifndef FORMAT_CHECKSUM_H
#define FORMAT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The number of what comes before, and these bytes. */
uint64_t format_checksum(uint64_t before, const void *data, size_t bytes);

/* In the header of a safetensors file the number is the metadata value of this key, 16 digits that count as zeros themselves. */
#define FORMAT_CHECKSUM "tarn.checksum"
#define FORMAT_CHECKSUM_NONE "0000000000000000"
enum { FORMAT_CHECKSUM_DIGITS = 16 };

/* Where the digits stand in the text of a header; NULL: nowhere. */
const char *format_checksum_place(const char *header, size_t bytes);
/* Of a header, its digits at `place` taken as zeros. */
uint64_t format_checksum_header(const char *header, size_t bytes, const char *place);

#endif
