/* loader.h: a loader from the inside. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include <tarn/data.h>

/* As tn_loader_next, but a batch of which every sample was left out comes too, with n 0 (and fields that are not to be looked at): for
 * those who count batches. */
tn_status data_loader_next(tn_loader *loader, const tn_batch **batch);

#endif
