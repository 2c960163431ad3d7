/* loader.h: a loader from the inside. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include <tarn/data.h>

/* As tn_loader_next, but a batch of which every sample was left out comes too, with n 0 (and fields that are not to be looked at): for
 * those who count batches. *skipped: how many samples were left out of this one. */
tn_status data_loader_next(tn_loader *loader, const tn_batch **batch, int64_t *skipped);
/* The sentence of tn_loader_error without epoch and batch, which people count from 1, if at all. */
const char *data_loader_why(const tn_loader *loader);
/* Samples are told to be "left out" followed by this, as " of validation"; NULL: they are not told. */
void data_loader_tell(tn_loader *loader, const char *of);

#endif
