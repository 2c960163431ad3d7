/* shared.h: files of the pack of data ($TARN_DATA, or shared/data beside the source), which need not be there. */
#ifndef SUPPORT_SHARED_H
#define SUPPORT_SHARED_H

/* Its path, valid until the next call; where there is none the test is skipped, loudly. */
const char *shared_file(const char *name);

#endif
