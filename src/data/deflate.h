/* deflate.h: gzip unpacked at once by libdeflate, which is opened when it is wanted: twice as fast as zlib, where it is there. */
#ifndef DATA_DEFLATE_H
#define DATA_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

/* All members of gzip data into *out (free() it), followed by a zero byte that is not counted. False, and nothing made: libdeflate is not
 * there, memory is out, the data are damaged, hold something else behind or more than `most` bytes; zlib then tells what it is. */
bool data_deflate_all(const void *data, size_t bytes, size_t most, char **out, size_t *length);

#endif
