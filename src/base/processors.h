/* processors.h: how many processors this process may use at once. */
#ifndef BASE_PROCESSORS_H
#define BASE_PROCESSORS_H

/* The processors of its affinity mask, but no more than the quota of its control group (rounded up): a container that
 * is given two of sixty-four processors has two. At least 1. */
int base_processors(void);

/* The parts, for tests. The count of bits in a mask as Linux writes it ("ff,ffffffff"); 0 if it has none. */
int base_count_mask(const char *hex);
/* Processors that a quota such as "200000 100000" (cpu.max) grants; 0 for "max 100000" and for what is no quota. */
int base_quota(const char *text);

#endif
