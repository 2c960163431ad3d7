/* op_check.h: the harness that tests an operator from its definition alone. Every check counts what it looked at and keeps
 * a sentence for each failure, so that the test of the harness can demand failures of operators broken on purpose. */
#ifndef TEST_OP_CHECK_H
#define TEST_OP_CHECK_H

#include "support/op_case.h"
#include "support/op_reference.h"

typedef struct op_report {
    int64_t checks;
    int failures;
    base_str text; /* the first sentences, a line each */
} op_report;

void op_report_fail(op_report *r, const char *fmt, ...) TN_PRINTF(2, 3);
/* Prints the failures; their number. */
int op_report_end(op_report *r, const char *what);

/* A check of all operators, or of those that are named; the number of failures, which are printed. */
int op_check_all(void (*check)(const op_def *, op_report *), const char *what, int n_names, char *const *names);

/* The definition itself: every dtype that its slots claim has a tolerance, none is absurdly wide, there are cases, a
 * documentation, and gradients where there are floats. */
void op_check_definition(const op_def *def, op_report *r);
/* Values: all cases, dtypes, layouts of the inputs, modes; fused or not; with NaN and infinities among the inputs; any
 * number of threads gives the same bits, and so does a second run; every instruction set. */
void op_check_values(const op_def *def, op_report *r);
/* An axis of size 0, and one of size 1, somewhere: a case of the definition has it, or one is made of these and its values
 * are checked. */
void op_check_sizes(const op_def *def, op_report *r);
/* The kernels that the backend chooses, on memory between guards; inputs of open layout lie transposed, with gaps. */
void op_check_kernels(const op_def *def, op_report *r);
/* The lowered form, by the references, against the operator's own reference, when training and not. */
void op_check_lowered(const op_def *def, op_report *r);
/* First and second gradients against differences; compiled gradients against the references. */
void op_check_gradients(const op_def *def, op_report *r);
/* Every .bad case is refused and every .fault case stops the run before state is written, each with its sentence. */
void op_check_errors(const op_def *def, op_report *r);

/* One element held against the reference: a sentence in `why` and false when it is beyond the tolerance. */
bool op_check_float(double got, double want, double magnitude, tn_dtype dtype, op_tol tol, char why[160]);

/* The inputs of a case as graph inputs NAME0, NAME1, ... and the node on them; NULL when the graph refuses. */
graph_node *op_check_build(const op_case *c, tn_graph *g, const char *name, const tn_dtype *dtypes, tn_tensor **in);
/* Makes the batch of input i a symbol: its axis 0, where it has the size of the first input's. */
void op_check_open(const op_case *c, int i, tn_graph *g, tn_shape *shape);
/* Malloc'ed row-major data of each input; NULL where absent. */
void op_check_data(const op_case *c, const tn_dtype *dtypes, bool poison, void *data[OP_MAX_IN]);
void op_check_data_free(const op_case *c, void *data[OP_MAX_IN]);
/* "f32 i64" */
const char *op_check_dtype_text(const op_case *c, const tn_dtype *dtypes, char text[80]);

#endif
