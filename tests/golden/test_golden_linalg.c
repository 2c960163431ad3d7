/* Operators on matrices against PyTorch's: every case of linalg.safetensors (see golden_cases.py) through compiled programs
 * (support/golden.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/golden.h"

static bool make_solve_vector(golden *c)
{
    c->out[0] = tn_solve(c->in[0], c->in[1]);
    return true;
}

static bool make_triangular_right(golden *c)
{
    tn_triangular_opt o = {
        .upper = golden_flag(c, "upper", false), .unit = golden_flag(c, "unitriangular", false), .right = true};
    c->out[0] = tn_triangular_solve(c->in[0], c->in[1], &o);
    return true;
}

static bool make_cholesky_solve(golden *c)
{
    c->out[0] = tn_cholesky_solve(c->in[0], c->in[1], golden_flag(c, "upper", false));
    return true;
}

static bool make_lstsq(golden *c)
{
    c->out[0] = tn_lstsq(c->in[0], c->in[1]);
    return true;
}

static bool make_pinv(golden *c)
{
    c->out[0] = tn_pinv(c->in[0], golden_number(c, "rtol", 0));
    return true;
}

static bool make_trace(golden *c)
{
    c->out[0] = tn_trace(c->in[0]);
    return true;
}

static bool make_matrix_power(golden *c)
{
    c->out[0] = tn_matrix_power(c->in[0], (int64_t)golden_number(c, "n", 1));
    return true;
}

static bool make_outer(golden *c)
{
    c->out[0] = tn_outer(c->in[0], c->in[1]);
    return true;
}

static bool make_kron(golden *c)
{
    c->out[0] = tn_kron(c->in[0], c->in[1]);
    return true;
}

static bool make_lu_parts(golden *c)
{
    tn_lu_result y = tn_lu(c->in[0]);
    c->out[0] = y.l;
    c->out[1] = y.u;
    c->out[2] = y.order;
    c->out[3] = y.pivots;
    return true;
}

static const golden_row table[] = {{"lu_parts", make_lu_parts},
                                   {"solve_vector", make_solve_vector},
                                   {"triangular_right", make_triangular_right},
                                   {"cholesky_solve", make_cholesky_solve},
                                   {"lstsq", make_lstsq},
                                   {"pinv", make_pinv},
                                   {"trace", make_trace},
                                   {"matrix_power", make_matrix_power},
                                   {"outer", make_outer},
                                   {"kron", make_kron},
                                   {NULL, NULL}};

static void matrices_are_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("linalg", 45, table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matrices_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
