/* golden_file.h: files that scripts under tests/golden made with PyTorch. */
#ifndef TEST_GOLDEN_FILE_H
#define TEST_GOLDEN_FILE_H

#include "format/safetensors.h"

/* tests/golden/NAME.safetensors, to be freed; the test is skipped where JSON, its header, cannot be read. */
format_safetensors *golden_file(const char *name);

#endif
