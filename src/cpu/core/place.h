/* place.h: on which processor a thread runs, for threads that shall not share one. */
#ifndef CPU_PLACE_H
#define CPU_PLACE_H

/* The number of the processor, at this moment; -1 where the system does not say. */
int cpu_place(void);
/* Moves this thread to a processor that it may use and that is none of these, where there is one. It may use the same
 * ones as before afterwards. */
void cpu_place_apart(const int *taken, int count);

#endif
