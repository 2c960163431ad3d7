/* gemm_body.h: the pieces of a matrix product, for T in vectors V of LANES. Read by gemm.tile.c once for float and once
 * for double, hence no include guard. Functions that take R, C, P or W as `const int` are made anew for each such number,
 * so that their sums stay in registers. */

/* The call, once with each dtype as a constant d. */
#if HALVES
#define BY_DTYPE(dtype, call)                                                                                          \
    if (dtype == TN_BF16) {                                                                                            \
        const tn_dtype d = TN_BF16;                                                                                    \
        call;                                                                                                          \
    } else if (dtype == TN_F16) {                                                                                      \
        const tn_dtype d = TN_F16;                                                                                     \
        call;                                                                                                          \
    } else {                                                                                                           \
        const tn_dtype d = TN_F32;                                                                                     \
        call;                                                                                                          \
    }
#else
#define BY_DTYPE(dtype, call)                                                                                          \
    {                                                                                                                  \
        const tn_dtype d = TN_F64;                                                                                     \
        (void)(dtype);                                                                                                 \
        call;                                                                                                          \
    }
#endif

/* ---- loading any dtype as T ------------------------------------------------------------------------------------ */

static inline T NAME(one)(const void *p, tn_dtype dtype, int64_t i)
{
#if HALVES
    if (dtype == TN_BF16)
        return cpu_f32_of_bf16(((const uint16_t *)p)[i]);
    if (dtype == TN_F16)
        return cpu_f32_of_f16(((const uint16_t *)p)[i]);
#endif
    (void)dtype;
    return ((const T *)p)[i];
}

/* The address of element i. */
CPU_INLINE const void *NAME(at)(const void *p, tn_dtype dtype, int64_t i)
{
    return (const char *)p + i * (HALVES && dtype != TN_F32 ? 2 : (int64_t)sizeof(T));
}

CPU_INLINE V NAME(load)(const void *p, tn_dtype dtype)
{
#if HALVES
    if (dtype == TN_BF16)
        return cpu_vf_load_bf16(p);
    if (dtype == TN_F16)
        return cpu_vf_load_f16(p);
#endif
    (void)dtype;
    return OP(load)(p);
}

CPU_INLINE V NAME(load_n)(const void *p, tn_dtype dtype, int64_t n)
{
#if HALVES
    if (dtype == TN_BF16)
        return cpu_vf_load_bf16_n(p, n);
    if (dtype == TN_F16)
        return cpu_vf_load_f16_n(p, n);
#endif
    (void)dtype;
    return OP(load_n)(p, n);
}

/* ---- tile ------------------------------------------------------------------------------------------------------ */

/* The sums of R rows and C vectors on their way to memory; the last vector has `last` columns. */
CPU_INLINE void NAME(store)(const int R, const int C, const bool whole, V sum[MR][2], int64_t last, T *c, int64_t c_row,
                            const gemm_end *end)
{
    V alpha = OP(set1)((T)end->alpha);
    CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int v = 0; v < C; v++) sum[i][v] *= alpha;
    if (end->add)
        CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int v = 0; v < C; v++)
        {
            const T *p = c + i * c_row + v * LANES;
            sum[i][v] += v + 1 < C || whole ? OP(load)(p) : OP(load_n)(p, last);
        }
    if (end->bias_col)
        CPU_UNROLL for (int v = 0; v < C; v++)
        {
            const T *p = (const T *)end->bias_col + v * LANES;
            V bias = v + 1 < C || whole ? OP(load)(p) : OP(load_n)(p, last);
            CPU_UNROLL for (int i = 0; i < R; i++) sum[i][v] += bias;
        }
    if (end->bias_row)
        CPU_UNROLL for (int i = 0; i < R; i++)
        {
            V bias = OP(set1)(((const T *)end->bias_row)[i]);
            CPU_UNROLL for (int v = 0; v < C; v++) sum[i][v] += bias;
        }
    if (end->relu)
        CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int v = 0; v < C; v++) sum[i][v] =
            OP(max)(OP(set1)(0), sum[i][v]);
    CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int v = 0; v < C; v++)
    {
        T *p = c + i * c_row + v * LANES;
        if (v + 1 < C || last == LANES)
            OP(store)(p, sum[i][v]);
        else
            OP(store_n)(p, sum[i][v], last);
    }
}

/* One k: R elements of A, C vectors of B, the last of which is whole or has `last` columns. Without masked loads B is
 * packed, to the full width of a tile. Rows of A are reached from every third one, so that the addresses of 14 rows fit
 * in the registers; where they are neighbours, from the first. */
CPU_INLINE void NAME(step)(const int R, const int C, const bool whole, const bool down, int64_t last,
                           const T *const *third, int64_t a_row, const T *b, V sum[MR][2])
{
    V vb[2];
    CPU_UNROLL for (int v = 0; v < C; v++) vb[v] =
        v + 1 < C || whole || !GEMM_MASKED ? OP(load)(b + v * LANES) : OP(load_n)(b + v * LANES, last);
    CPU_UNROLL for (int i = 0; i < R; i++)
    {
        V va = OP(set1)(down ? third[0][i] : third[i / 3][i % 3 * a_row]);
        CPU_UNROLL for (int v = 0; v < C; v++) sum[i][v] = OP(fma)(va, vb[v], sum[i][v]);
    }
}

/* `down`: A's neighbours are down a column (as in a packed block), else along a row. Few operations beside the sums, which
 * would compete with them: addresses are advanced once for several k where they can be. */
CPU_INLINE void NAME(tile_of)(const int R, const int C, const bool whole, const bool down, int64_t last, int64_t k,
                              const T *a, int64_t a_step, const T *b, int64_t b_row, T *c, int64_t c_row,
                              const gemm_end *end)
{
    V sum[MR][2];
    CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int v = 0; v < C; v++) sum[i][v] = OP(set1)(0);
    CPU_UNROLL for (int i = 0; i < R; i++) /* C is wanted when the sums are done */
        CPU_UNROLL for (int v = 0; v < C; v++) __builtin_prefetch(c + i * c_row + v * LANES, 1);
    const T *third[(MR + 2) / 3];
    const int thirds = down ? 1 : (R + 2) / 3, depth = whole ? GEMM_DEPTH : 1;
    CPU_UNROLL for (int i = 0; i < thirds; i++) third[i] = a + 3 * i * a_step;
    const char *next = end->next;
    int64_t next_step = end->next_step;
    for (; k >= depth; k -= depth) {
        if (whole && down) {
            __builtin_prefetch(next, 0, 2);
            next += next_step;
        }
        CPU_UNROLL for (int u = 0; u < depth; u++)
        {
            const T *at[(MR + 2) / 3];
            CPU_UNROLL for (int i = 0; i < thirds; i++) at[i] = third[i] + (down ? u * a_step : u);
            NAME(step)(R, C, whole, down, last, at, a_step, b + u * b_row, sum);
        }
        CPU_UNROLL for (int i = 0; i < thirds; i++) third[i] += depth * (down ? a_step : 1);
        b += depth * b_row;
    }
    for (; depth > 1 && k > 0; k--) {
        NAME(step)(R, C, whole, down, last, third, a_step, b, sum);
        CPU_UNROLL for (int i = 0; i < thirds; i++) third[i] += down ? a_step : 1;
        b += b_row;
    }
    NAME(store)(R, C, whole, sum, last, c, c_row, end);
}

#define TILE(R)                                                                                                        \
    static void NAME(tile##R)(int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,              \
                              int64_t b_row, T *c, int64_t c_row, const gemm_end *end)                                 \
    {                                                                                                                  \
        if (a_row == 1) {                                                                                              \
            if (n == 2 * LANES)                                                                                        \
                NAME(tile_of)(R, 2, true, true, LANES, k, a, a_col, b, b_row, c, c_row, end);                          \
            else if (n > LANES)                                                                                        \
                NAME(tile_of)(R, 2, false, true, n - LANES, k, a, a_col, b, b_row, c, c_row, end);                     \
            else                                                                                                       \
                NAME(tile_of)(R, 1, false, true, n, k, a, a_col, b, b_row, c, c_row, end);                             \
        } else if (n == 2 * LANES)                                                                                     \
            NAME(tile_of)(R, 2, true, false, LANES, k, a, a_row, b, b_row, c, c_row, end);                             \
        else if (n > LANES)                                                                                            \
            NAME(tile_of)(R, 2, false, false, n - LANES, k, a, a_row, b, b_row, c, c_row, end);                        \
        else                                                                                                           \
            NAME(tile_of)(R, 1, false, false, n, k, a, a_row, b, b_row, c, c_row, end);                                \
    }

/* clang-format off */
#if MR == 14
#define EACH_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif MR == 8
#define EACH_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#else
#define EACH_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
EACH_TILE(TILE)
#undef TILE
/* clang-format on */

static void NAME(tile)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_col, const void *b,
                       int64_t b_row, void *c, int64_t c_row, const gemm_end *end)
{
#define ENTRY(R) NAME(tile##R),
    static void (*const tiles[])(int64_t, int64_t, const T *, int64_t, int64_t, const T *, int64_t, T *, int64_t,
                                 const gemm_end *) = {EACH_TILE(ENTRY)};
#undef ENTRY
#undef EACH_TILE
    tiles[m - 1](n, k, a, a_row, a_col, b, b_row, c, c_row, end);
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* A square of LANES x LANES, transposed in registers. */
CPU_INLINE void NAME(pack_square)(T *to, int64_t width, const void *from, tn_dtype dtype, int64_t across)
{
    V r[LANES];
    CPU_UNROLL for (int i = 0; i < LANES; i++) r[i] = NAME(load)(NAME(at)(from, dtype, i * across), dtype);
    OP(transpose)(r);
    CPU_UNROLL for (int i = 0; i < LANES; i++) OP(store)(to + i * width, r[i]);
}

/* The source has neighbours along k: squares are transposed. */
CPU_INLINE void NAME(pack_along)(T *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t have,
                                 int64_t k)
{
    for (int64_t w = 0; w < width; w += LANES) {
        int64_t lanes = width - w < LANES ? width - w : LANES, rows = have - w < lanes ? have - w : lanes, j = 0;
        for (; rows == LANES && j + LANES <= k; j += LANES)
            NAME(pack_square)(to + j * width + w, width, NAME(at)(from, dtype, w * across + j), dtype, across);
        for (; j < k; j += LANES) {
            int64_t ks = k - j < LANES ? k - j : LANES;
            V r[LANES];
            CPU_UNROLL for (int i = 0; i < LANES; i++)
            {
                const void *p = NAME(at)(from, dtype, (w + i) * across + j);
                r[i] = i >= rows ? OP(set1)(0) : ks == LANES ? NAME(load)(p, dtype) : NAME(load_n)(p, dtype, ks);
            }
            OP(transpose)(r);
            T *q = to + j * width + w;
            if (ks == LANES && lanes == LANES)
                CPU_UNROLL for (int i = 0; i < LANES; i++) OP(store)(q + i * width, r[i]);
            else
                CPU_UNROLL for (int i = 0; i < LANES; i++) if (i < ks) OP(store_n)(q + i * width, r[i], lanes);
        }
    }
}

/* The source has neighbours across: rows are copied. */
CPU_INLINE void NAME(pack_across)(T *to, int64_t width, const void *from, tn_dtype dtype, int64_t along, int64_t have,
                                  int64_t k)
{
    if (have == 2 * LANES && width == 2 * LANES) {
        for (int64_t i = 0; i < k; i++, to += width) {
            const void *p = NAME(at)(from, dtype, i * along);
            OP(store)(to, NAME(load)(p, dtype));
            OP(store)(to + LANES, NAME(load)(NAME(at)(p, dtype, LANES), dtype));
        }
        return;
    }
    for (int64_t i = 0; i < k; i++, to += width)
        for (int64_t w = 0; w < width; w += LANES) {
            int64_t lanes = width - w < LANES ? width - w : LANES;
            int64_t n = have - w < 0 ? 0 : have - w < lanes ? have - w : lanes;
            const void *p = NAME(at)(from, dtype, i * along + (n ? w : 0));
            OP(store_n)(to + w, NAME(load_n)(p, dtype, n), lanes);
        }
}

CPU_INLINE void NAME(pack_dtype)(T *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                                 int64_t have, int64_t k)
{
    if (across == 1)
        NAME(pack_across)(to, width, from, dtype, along, have, k);
    else if (along == 1)
        NAME(pack_along)(to, width, from, dtype, across, have, k);
    else
        for (int64_t i = 0; i < k; i++)
            for (int64_t w = 0; w < width; w++)
                to[i * width + w] = w < have ? NAME(one)(from, dtype, w * across + i * along) : 0;
}

static void NAME(pack)(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                       int64_t have,
                       int64_t k){BY_DTYPE(dtype, NAME(pack_dtype)(to, width, from, d, across, along, have, k))}

/* ---- one row of A, B with neighbours along n --------------------------------------------------------------------- */

/* C vectors of y; P sums per vector, of every Pth k, hide the latency where C is small. */
CPU_INLINE void NAME(row_of)(const int C, const int P, int64_t last, int64_t k, const T *x, const void *b,
                             tn_dtype dtype, int64_t b_row, bool add, T *y)
{
    V sum[8][8];
    CPU_UNROLL for (int p = 0; p < P; p++) CPU_UNROLL for (int v = 0; v < C; v++) sum[p][v] = OP(set1)(0);
    if (add)
        CPU_UNROLL for (int v = 0; v < C; v++) sum[0][v] =
            v + 1 < C || last == LANES ? OP(load)(y + v * LANES) : OP(load_n)(y + v * LANES, last);
    const int64_t ahead = b_row == C * LANES ? 2048 : 0; /* rows that lie behind each other are one stream */
    int64_t i = 0;
    for (; i + P <= k; i += P)
        CPU_UNROLL for (int p = 0; p < P; p++)
        {
            V vx = OP(set1)(x[i + p]);
            const void *row = NAME(at)(b, dtype, (i + p) * b_row);
            CPU_UNROLL for (int v = 0; v < C; v++)
            {
                const void *q = NAME(at)(row, dtype, v * LANES);
                if (P == 1)
                    __builtin_prefetch((const char *)q + ahead);
                V vb = v + 1 < C || last == LANES ? NAME(load)(q, dtype) : NAME(load_n)(q, dtype, last);
                sum[p][v] = OP(fma)(vx, vb, sum[p][v]);
            }
        }
    for (; i < k; i++)
        CPU_UNROLL for (int v = 0; v < C; v++)
        {
            const void *q = NAME(at)(b, dtype, i * b_row + v * LANES);
            V vb = v + 1 < C || last == LANES ? NAME(load)(q, dtype) : NAME(load_n)(q, dtype, last);
            sum[0][v] = OP(fma)(OP(set1)(x[i]), vb, sum[0][v]);
        }
    CPU_UNROLL for (int v = 0; v < C; v++)
    {
        CPU_UNROLL for (int step = P / 2; step; step /= 2) CPU_UNROLL for (int p = 0; p < step; p++) sum[p][v] +=
            sum[p + step][v];
        if (v + 1 < C || last == LANES)
            OP(store)(y + v * LANES, sum[0][v]);
        else
            OP(store_n)(y + v * LANES, sum[0][v], last);
    }
}

CPU_INLINE void NAME(row_block)(int64_t n, int64_t k, const T *x, const void *b, tn_dtype dtype, int64_t b_row,
                                bool add, T *y)
{
    int64_t j = 0;
    for (; j + 8 * LANES <= n; j += 8 * LANES)
        NAME(row_of)(8, 1, LANES, k, x, NAME(at)(b, dtype, j), dtype, b_row, add, y + j);
    if (j + 4 * LANES <= n) {
        NAME(row_of)(4, 2, LANES, k, x, NAME(at)(b, dtype, j), dtype, b_row, add, y + j);
        j += 4 * LANES;
    }
    if (j + 2 * LANES <= n) {
        NAME(row_of)(2, 4, LANES, k, x, NAME(at)(b, dtype, j), dtype, b_row, add, y + j);
        j += 2 * LANES;
    }
    if (n - j > LANES)
        NAME(row_of)(2, 4, n - j - LANES, k, x, NAME(at)(b, dtype, j), dtype, b_row, add, y + j);
    else if (n - j > 0)
        NAME(row_of)(1, 8, n - j, k, x, NAME(at)(b, dtype, j), dtype, b_row, add, y + j);
}

/* Where the rows of B are pages apart, a few are read at a time, along their whole length. */
CPU_INLINE void NAME(row_dtype)(int64_t n, int64_t k, const T *x, const void *b, tn_dtype dtype, int64_t b_row, T *y)
{
    int64_t deep = b_row * (int64_t)sizeof(T) < 1024 ? k : 16;
    for (int64_t i = 0; i < k; i += deep)
        NAME(row_block)(n, k - i < deep ? k - i : deep, x + i, NAME(at)(b, dtype, i * b_row), dtype, b_row, i > 0, y);
}

static void NAME(row)(int64_t n, int64_t k, const void *x, const void *b, tn_dtype dtype, int64_t b_row,
                      void *y){BY_DTYPE(dtype, NAME(row_dtype)(n, k, x, b, d, b_row, y))}

/* ---- few rows, both operands with neighbours along k ------------------------------------------------------------- */

/* R rows of A by C of B; a sum has one vector of partial sums, whatever R and C are. `far`: B comes from memory, and is asked
 * for ahead. */
CPU_INLINE void NAME(dot_of)(const int R, const int C, const bool far, int64_t k, const T *a, int64_t a_row,
                             const void *b, tn_dtype dtype, int64_t b_row, T *y, int64_t y_row, int64_t y_col)
{
    V sum[4][8];
    CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int j = 0; j < C; j++) sum[i][j] = OP(set1)(0);
    int64_t t = 0;
    for (; t + LANES <= k; t += LANES) {
        V va[4];
        CPU_UNROLL for (int i = 0; i < R; i++) va[i] = OP(load)(a + i * a_row + t);
        CPU_UNROLL for (int j = 0; j < C; j++)
        {
            const char *p = NAME(at)(b, dtype, j * b_row + t);
            if (far)
                __builtin_prefetch(p + 1024);
            V vb = NAME(load)(p, dtype);
            CPU_UNROLL for (int i = 0; i < R; i++) sum[i][j] = OP(fma)(va[i], vb, sum[i][j]);
        }
    }
    if (t < k)
        CPU_UNROLL for (int j = 0; j < C; j++)
        {
            V vb = NAME(load_n)(NAME(at)(b, dtype, j * b_row + t), dtype, k - t);
            CPU_UNROLL for (int i = 0; i < R; i++) sum[i][j] =
                OP(fma)(OP(load_n)(a + i * a_row + t, k - t), vb, sum[i][j]);
        }
    CPU_UNROLL for (int i = 0; i < R; i++) CPU_UNROLL for (int j = 0; j < C; j++) y[i * y_row + j * y_col] =
        OP(sum)(sum[i][j]);
}

CPU_INLINE void NAME(dot_rows)(const int R, const int C, int64_t n, int64_t k, const T *a, int64_t a_row, const void *b,
                               tn_dtype dtype, int64_t b_row, T *y, int64_t y_row)
{
    int64_t j = 0;
    for (; j + C <= n; j += C)
        NAME(dot_of)(R, C, false, k, a, a_row, NAME(at)(b, dtype, j * b_row), dtype, b_row, y + j, y_row, 1);
    for (; j < n; j++)
        NAME(dot_of)(R, 1, false, k, a, a_row, NAME(at)(b, dtype, j * b_row), dtype, b_row, y + j, y_row, 1);
}

/* All rows of A against a few of B at a time, so that B is read from memory once. One row of A waits for memory alone, which
 * comes faster from eight places that lie apart (34 GB/s instead of 29 where a copy moves 37). */
CPU_INLINE void NAME(dot_dtype)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const void *b,
                                tn_dtype dtype, int64_t b_row, T *y, int64_t y_row)
{
    if (m == 1 && n >= 16) {
        const int64_t far = n / 8;
        for (int64_t j = 0; j < far; j++)
            NAME(dot_of)(1, 8, true, k, a, a_row, NAME(at)(b, dtype, j * b_row), dtype, far * b_row, y + j, y_row, far);
        b = NAME(at)(b, dtype, 8 * far * b_row), y += 8 * far, n -= 8 * far;
    }
    for (; n > 0; n -= 8, b = NAME(at)(b, dtype, 8 * b_row), y += 8) {
        int64_t few = n < 8 ? n : 8;
        for (int64_t i = 0; i < m; i += 4) {
            const T *ai = a + i * a_row;
            T *yi = y + i * y_row;
            switch (m - i) {
            case 1: NAME(dot_rows)(1, 8, few, k, ai, a_row, b, dtype, b_row, yi, y_row); break;
            case 2: NAME(dot_rows)(2, 4, few, k, ai, a_row, b, dtype, b_row, yi, y_row); break;
            case 3: NAME(dot_rows)(3, 4, few, k, ai, a_row, b, dtype, b_row, yi, y_row); break;
            default: NAME(dot_rows)(4, CPU_VF == 16 ? 4 : 2, few, k, ai, a_row, b, dtype, b_row, yi, y_row);
            }
        }
    }
}

static void NAME(dot)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, const void *b, tn_dtype dtype,
                      int64_t b_row, void *y,
                      int64_t y_row){BY_DTYPE(dtype, NAME(dot_dtype)(m, n, k, a, a_row, b, d, b_row, y, y_row))}

/* ---- finishing a block ------------------------------------------------------------------------------------------- */

CPU_INLINE void NAME(put)(void *p, tn_dtype dtype, V v)
{
#if HALVES
    if (dtype == TN_BF16) {
        cpu_vf_store_bf16(p, v);
        return;
    }
    if (dtype == TN_F16) {
        cpu_vf_store_f16(p, v);
        return;
    }
#endif
    (void)dtype;
    OP(store)(p, v);
}

CPU_INLINE void NAME(put_n)(void *p, tn_dtype dtype, V v, int64_t n)
{
#if HALVES
    if (dtype == TN_BF16) {
        cpu_vf_store_bf16_n(p, v, n);
        return;
    }
    if (dtype == TN_F16) {
        cpu_vf_store_f16_n(p, v, n);
        return;
    }
#endif
    (void)dtype;
    OP(store_n)(p, v, n);
}

/* One row, n columns from j on, n <= LANES; C's old values come in `old`. `whole`: n is LANES */
CPU_INLINE V NAME(ended)(const gemm_finish *f, const bool whole, int64_t i, int64_t j, int64_t n, V old)
{
    V v = OP(set1)(0);
    if (f->from) {
        const T *from = (const T *)f->from + i * f->from_row + j;
        v = (whole ? OP(load)(from) : OP(load_n)(from, n)) * OP(set1)((T)f->end.alpha);
    }
    if (f->end.add)
        v += old;
    if (f->end.bias_col) {
        const T *p = (const T *)f->end.bias_col + j;
        v += whole ? OP(load)(p) : OP(load_n)(p, n);
    }
    if (f->end.bias_row)
        v += OP(set1)(((const T *)f->end.bias_row)[i]);
    return f->end.relu ? OP(max)(OP(set1)(0), v) : v;
}

/* n elements of a row of C that are not neighbours. */
static void NAME(finish_apart)(const gemm_finish *f, tn_dtype dtype, int64_t i, int64_t j, int64_t n, void *p)
{
    T one[LANES] = {0};
    for (int64_t l = 0; f->end.add && l < n; l++)
        one[l] = NAME(one)(p, dtype, l * f->c_col);
    OP(store)(one, NAME(ended)(f, false, i, j, n, OP(load)(one)));
    for (int64_t l = 0; l < n; l++)
        if (HALVES && dtype == TN_BF16)
            ((uint16_t *)p)[l * f->c_col] = cpu_bf16_of_f32((float)one[l]);
        else if (HALVES && dtype == TN_F16)
            ((uint16_t *)p)[l * f->c_col] = cpu_f16_of_f32((float)one[l]);
        else
            ((T *)p)[l * f->c_col] = one[l];
}

/* Rows i.. (n of them, at most LANES) of a C of T whose neighbours are down a column: squares of sums are transposed. */
CPU_INLINE void NAME(finish_down)(const gemm_finish *f, int64_t i, int64_t n)
{
    for (int64_t j = 0; j < f->n; j += LANES) {
        int64_t columns = f->n - j < LANES ? f->n - j : LANES;
        V r[LANES];
        CPU_UNROLL for (int l = 0; l < LANES; l++)
        {
            const T *from = (const T *)f->from + (i + l) * f->from_row + j;
            r[l] = l >= n ? OP(set1)(0) : columns == LANES ? OP(load)(from) : OP(load_n)(from, columns);
        }
        OP(transpose)(r);
        V rows = f->end.bias_row ? OP(load_n)((const T *)f->end.bias_row + i, n) : OP(set1)(0);
        CPU_UNROLL for (int l = 0; l < LANES; l++) if (l < columns)
        {
            T *to = (T *)f->c + (j + l) * f->c_col + i;
            V v = r[l] * OP(set1)((T)f->end.alpha) + rows;
            if (f->end.bias_col)
                v += OP(set1)(((const T *)f->end.bias_col)[j + l]);
            if (f->end.add)
                v += OP(load_n)(to, n);
            OP(store_n)(to, f->end.relu ? OP(max)(OP(set1)(0), v) : v, n);
        }
    }
}

CPU_INLINE void NAME(finish_dtype)(const gemm_finish *f, tn_dtype dtype)
{
    int64_t size = HALVES && dtype != TN_F32 ? 2 : (int64_t)sizeof(T);
    for (int64_t i = 0; i < f->m; i++) {
        char *p = (char *)f->c + i * f->c_row * size;
        int64_t j = 0;
        for (; j + LANES <= f->n && f->c_col == 1; j += LANES, p += LANES * size) {
            V old = f->end.add ? NAME(load)(p, dtype) : OP(set1)(0);
            NAME(put)(p, dtype, NAME(ended)(f, true, i, j, LANES, old));
        }
        for (; j < f->n; j += LANES, p += LANES * f->c_col * size) {
            int64_t n = f->n - j < LANES ? f->n - j : LANES;
            if (f->c_col != 1) {
                NAME(finish_apart)(f, dtype, i, j, n, p);
                continue;
            }
            V old = f->end.add ? NAME(load_n)(p, dtype, n) : OP(set1)(0);
            NAME(put_n)(p, dtype, NAME(ended)(f, false, i, j, n, old), n);
        }
    }
}

static void NAME(finish)(const gemm_finish *f)
{
    if (f->from && f->c_row == 1 && f->c_col != 1 && f->c_dtype == (HALVES ? TN_F32 : TN_F64)) {
        for (int64_t i = 0; i < f->m; i += LANES)
            NAME(finish_down)(f, i, f->m - i < LANES ? f->m - i : LANES);
        return;
    }
    BY_DTYPE(f->c_dtype, NAME(finish_dtype)(f, d))
}

const gemm_kernels CPU_NAME(NAME(gemm)) = {
    .mr = MR,
    .nr = 2 * LANES,
    .lanes = LANES,
    .row_panels = 16,
    .col_panels = 32,
    .kc = 352, /* 44 KB of B stream from the second cache; 28 KB, which would stay in the first, are 3% slower */
    .k_unit = 1,
    .packed = sizeof(T),
    .masked = GEMM_MASKED,
    .tile = NAME(tile),
    .pack_a = NAME(pack),
    .pack_b = NAME(pack),
    .row = NAME(row),
    .dot = NAME(dot),
    .finish = NAME(finish),
};

#undef BY_DTYPE
