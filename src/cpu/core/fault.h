/* fault.h: the record of bad data that a kernel met while it ran: an index out of range, an integer divided by zero. One
 * record serves a whole run; kernels fill it, keep going with a defined result, and the run fails when it is over. */
#ifndef CPU_FAULT_H
#define CPU_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cpu_fault {
    bool set;
    int node;         /* which node of the program */
    int64_t element;  /* row-major index of the element within the node's result */
    double value;     /* the offending value */
    const char *what; /* static: "division of an integer by zero" */
} cpu_fault;

#endif
