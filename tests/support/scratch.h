/* scratch.h: a folder of one's own for a test that writes files, and failures of the system on request. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>
#include <tarn/core.h>

/* Makes a folder below $TMPDIR or /tmp and removes it with all it holds; the path stays valid until then. */
const char *scratch_new(void);
void scratch_remove(void);
/* "folder/name"; the last 8 results stay valid. */
const char *scratch_path(const char *name);
/* Names in the scratch folder, "." and ".." aside. */
int scratch_count(void);

/* Between the two calls no file of this process grows beyond `bytes`: the way a full disk looks to a writer. */
void scratch_disk_full(size_t bytes);
void scratch_disk_free(void);

#endif
