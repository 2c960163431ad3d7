/* elem_list.h: the operators of the tile engine. X(name, sources, domain of the result or SAME, cost); `a`, `b`, `c` are
 * the sources, `p`, `q` the arguments arg[0] and arg[1]. Where a domain lacks an operator its table holds NULL. */
#ifndef CPU_ELEM_LIST_H
#define CPU_ELEM_LIST_H

/* clang-format off */
#define CPU_ELEM_LIST(X)                                                                                              \
    /* without a source: a constant (p; iarg for integers), random numbers */                                         \
    X(const, 0, SAME, 1)                                                                                              \
    X(uniform, 0, SAME, 6)         /* in [0, 1) */                                                                    \
    X(dropout_mask, 0, SAME, 6)    /* 0 with probability p, else 1 / (1 - p) */                                       \
    /* conversions of domain; to_i64 truncates and saturates, NaN is 0 */                                             \
    X(to_f32, 1, CPU_F32, 1)                                                                                          \
    X(to_f64, 1, CPU_F64, 2)                                                                                          \
    X(to_i64, 1, CPU_I64, 2)                                                                                          \
    /* conversions within a domain: to the values that a narrower type has */                                         \
    X(round_bf16, 1, SAME, 2)                                                                                         \
    X(round_f16, 1, SAME, 2)                                                                                          \
    X(round_f32, 1, SAME, 2)                                                                                          \
    X(wrap_i32, 1, SAME, 1)                                                                                           \
    X(wrap_i16, 1, SAME, 1)                                                                                           \
    X(wrap_i8, 1, SAME, 1)                                                                                            \
    X(wrap_u8, 1, SAME, 1)                                                                                            \
    X(to_bool, 1, SAME, 1)         /* a != 0 */                                                                       \
    /* arithmetic; integers wrap, their div truncates */                                                              \
    X(copy, 1, SAME, 1)                                                                                               \
    X(add, 2, SAME, 1)                                                                                                \
    X(sub, 2, SAME, 1)                                                                                                \
    X(mul, 2, SAME, 1)                                                                                                \
    X(div, 2, SAME, 3)                                                                                                \
    X(floor_div, 2, SAME, 4)                                                                                          \
    X(fmod, 2, SAME, 40)           /* sign of a */                                                                    \
    X(remainder, 2, SAME, 40)      /* sign of b */                                                                    \
    X(pow, 2, SAME, 20)                                                                                               \
    X(min, 2, SAME, 1)             /* NaN if either is NaN */                                                         \
    X(max, 2, SAME, 1)                                                                                                \
    X(fma, 3, SAME, 1)             /* a * b + c, rounded once where the instruction set can */                        \
    X(neg, 1, SAME, 1)                                                                                                \
    X(abs, 1, SAME, 1)                                                                                                \
    X(sign, 1, SAME, 1)            /* -1, 0, 1; NaN is 0 */                                                           \
    X(square, 1, SAME, 1)                                                                                             \
    X(reciprocal, 1, SAME, 3)                                                                                         \
    X(sqrt, 1, SAME, 4)                                                                                               \
    X(rsqrt, 1, SAME, 7)                                                                                              \
    X(clamp, 1, SAME, 1)           /* min(max(a, p), q); NaN stays */                                                 \
    X(floor, 1, SAME, 1)                                                                                              \
    X(ceil, 1, SAME, 1)                                                                                               \
    X(round, 1, SAME, 1)           /* half to even */                                                                 \
    X(trunc, 1, SAME, 1)                                                                                              \
    /* comparisons, logic, bits */                                                                                    \
    X(eq, 2, SAME, 1)                                                                                                 \
    X(ne, 2, SAME, 1)                                                                                                 \
    X(lt, 2, SAME, 1)                                                                                                 \
    X(le, 2, SAME, 1)                                                                                                 \
    X(gt, 2, SAME, 1)                                                                                                 \
    X(ge, 2, SAME, 1)                                                                                                 \
    X(logical_and, 2, SAME, 1)                                                                                        \
    X(logical_or, 2, SAME, 1)                                                                                         \
    X(logical_xor, 2, SAME, 1)                                                                                        \
    X(logical_not, 1, SAME, 1)                                                                                        \
    X(where, 3, SAME, 1)           /* a != 0 ? b : c */                                                               \
    X(isfinite, 1, SAME, 1)                                                                                           \
    X(isnan, 1, SAME, 1)                                                                                              \
    X(isinf, 1, SAME, 1)                                                                                              \
    X(bit_and, 2, SAME, 1)                                                                                            \
    X(bit_or, 2, SAME, 1)                                                                                             \
    X(bit_xor, 2, SAME, 1)                                                                                            \
    X(bit_not, 1, SAME, 1)                                                                                            \
    X(shift_left, 2, SAME, 1)      /* by b in 0 .. 63; 0 for other b */                                               \
    X(shift_right, 2, SAME, 1)     /* with the sign; by other b: 0 or -1 */                                           \
    /* functions */                                                                                                   \
    X(exp, 1, SAME, 4)                                                                                                \
    X(exp2, 1, SAME, 4)                                                                                               \
    X(expm1, 1, SAME, 5)                                                                                              \
    X(log, 1, SAME, 6)                                                                                                \
    X(log2, 1, SAME, 6)                                                                                               \
    X(log10, 1, SAME, 6)                                                                                              \
    X(log1p, 1, SAME, 9)                                                                                              \
    X(sin, 1, SAME, 12)                                                                                               \
    X(cos, 1, SAME, 12)                                                                                               \
    X(tan, 1, SAME, 14)                                                                                               \
    X(asin, 1, SAME, 9)                                                                                               \
    X(acos, 1, SAME, 9)                                                                                               \
    X(atan, 1, SAME, 10)                                                                                              \
    X(atan2, 2, SAME, 14)                                                                                             \
    X(sinh, 1, SAME, 10)                                                                                              \
    X(cosh, 1, SAME, 8)                                                                                               \
    X(asinh, 1, SAME, 24)                                                                                             \
    X(acosh, 1, SAME, 22)                                                                                             \
    X(atanh, 1, SAME, 14)                                                                                             \
    X(erf, 1, SAME, 10)                                                                                               \
    X(erfc, 1, SAME, 30)                                                                                              \
    X(erfinv, 1, SAME, 200)                                                                                           \
    X(lgamma, 1, SAME, 200)                                                                                           \
    X(digamma, 1, SAME, 200)                                                                                          \
    X(hypot, 2, SAME, 12)                                                                                             \
    /* of optimizers */                                                                                               \
    X(over_root, 3, SAME, 4)       /* a / (sqrt(b) * c + p), within two units in the last place */                    \
    X(approach, 2, SAME, 1)        /* a + p (b - a) */                                                                \
    X(mix_square, 2, SAME, 1)      /* p a + q b^2 */                                                                  \
    /* activations */                                                                                                 \
    X(tanh, 1, SAME, 8)                                                                                               \
    X(sigmoid, 1, SAME, 7)                                                                                            \
    X(relu, 1, SAME, 1)            /* NaN stays */                                                                    \
    X(leaky_relu, 1, SAME, 1)      /* a > 0 ? a : p a */                                                              \
    X(elu, 1, SAME, 6)             /* a > 0 ? a : p (exp a - 1) */                                                    \
    X(softplus, 1, SAME, 14)       /* log(1 + exp(p a)) / p; a where p a > q */                                       \
    X(silu, 1, SAME, 7)                                                                                               \
    X(gelu, 1, SAME, 11)           /* with erf */                                                                     \
    X(gelu_half, 1, SAME, 7)       /* the same within 2^-11 of itself, for results of bf16 */                         \
    X(gelu_tanh, 1, SAME, 9)                                                                                          \
    /* their gradients: a is the gradient of the result; b is the result for relu, sigmoid, tanh, else the argument */\
    X(relu_grad, 2, SAME, 1)                                                                                          \
    X(hardtanh_grad, 2, SAME, 1)   /* p < b < q ? a : 0 */                                                            \
    X(sigmoid_grad, 2, SAME, 1)                                                                                       \
    X(tanh_grad, 2, SAME, 1)                                                                                          \
    X(leaky_relu_grad, 2, SAME, 1)                                                                                    \
    X(elu_grad, 2, SAME, 6)                                                                                           \
    X(softplus_grad, 2, SAME, 8)                                                                                      \
    X(silu_grad, 2, SAME, 9)                                                                                          \
    X(gelu_grad, 2, SAME, 18)                                                                                         \
    X(gelu_tanh_grad, 2, SAME, 12)
/* clang-format on */

enum {
#define CPU_ELEM_ID(name, arity, result, cost) CPU_ELEM_##name,
    CPU_ELEM_LIST(CPU_ELEM_ID)
#undef CPU_ELEM_ID
        CPU_ELEM_COUNT
};

#endif
