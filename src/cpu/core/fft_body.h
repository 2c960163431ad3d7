/* fft_body.h: the transforms of fft.h for numbers T in vectors V of W. Read by fft.tile.c once for float and once for double,
 * hence no include guard. */

/* ---- butterflies ------------------------------------------------------------------------------------------------- */

typedef struct FN(complex) {
    V re, im;
} FN(complex);
#define C FN(complex)

CPU_INLINE C FN(plus)(C a, C b)
{
    return (C){a.re + b.re, a.im + b.im};
}
CPU_INLINE C FN(minus)(C a, C b)
{
    return (C){a.re - b.re, a.im - b.im};
}
CPU_INLINE C FN(times)(C a, V re, V im)
{
    return (C){a.re * re - a.im * im, a.re * im + a.im * re};
}
/* Times -i. */
CPU_INLINE C FN(down)(C a)
{
    return (C){a.im, -a.re};
}

CPU_INLINE void FN(dft2)(C *a)
{
    C t = a[1];
    a[1] = FN(minus)(a[0], t);
    a[0] = FN(plus)(a[0], t);
}
CPU_INLINE void FN(dft3)(C *a)
{
    const T half = (T)0.5, root = (T)0.86602540378443864676;
    C s = FN(plus)(a[1], a[2]), d = FN(minus)(a[1], a[2]);
    C m = {a[0].re - half * s.re, a[0].im - half * s.im}, r = FN(down)((C){root * d.re, root * d.im});
    a[0] = FN(plus)(a[0], s);
    a[1] = FN(plus)(m, r);
    a[2] = FN(minus)(m, r);
}
CPU_INLINE void FN(dft4)(C *a)
{
    C s = FN(plus)(a[0], a[2]), d = FN(minus)(a[0], a[2]);
    C t = FN(plus)(a[1], a[3]), u = FN(down)(FN(minus)(a[1], a[3]));
    a[0] = FN(plus)(s, t);
    a[1] = FN(plus)(d, u);
    a[2] = FN(minus)(s, t);
    a[3] = FN(minus)(d, u);
}
CPU_INLINE void FN(dft5)(C *a)
{
    const T c1 = (T)0.30901699437494742410, c2 = (T)-0.80901699437494742410, s1 = (T)0.95105651629515357212,
            s2 = (T)0.58778525229247312917;
    C p = FN(plus)(a[1], a[4]), q = FN(plus)(a[2], a[3]), u = FN(minus)(a[1], a[4]), v = FN(minus)(a[2], a[3]);
    C m1 = {a[0].re + c1 * p.re + c2 * q.re, a[0].im + c1 * p.im + c2 * q.im};
    C m2 = {a[0].re + c2 * p.re + c1 * q.re, a[0].im + c2 * p.im + c1 * q.im};
    C r1 = FN(down)((C){s1 * u.re + s2 * v.re, s1 * u.im + s2 * v.im});
    C r2 = FN(down)((C){s2 * u.re - s1 * v.re, s2 * u.im - s1 * v.im});
    a[0] = FN(plus)(a[0], FN(plus)(p, q));
    a[1] = FN(plus)(m1, r1);
    a[2] = FN(plus)(m2, r2);
    a[3] = FN(minus)(m2, r2);
    a[4] = FN(minus)(m1, r1);
}
CPU_INLINE void FN(dft8)(C *a)
{
    const T root = (T)0.70710678118654752440;
    C even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
    FN(dft4)(even);
    FN(dft4)(odd);
    odd[1] = (C){root * (odd[1].re + odd[1].im), root * (odd[1].im - odd[1].re)};
    odd[2] = FN(down)(odd[2]);
    odd[3] = (C){root * (odd[3].im - odd[3].re), -root * (odd[3].re + odd[3].im)};
    for (int k = 0; k < 4; k++) {
        a[k] = FN(plus)(even[k], odd[k]);
        a[k + 4] = FN(minus)(even[k], odd[k]);
    }
}

/* As four by four. */
CPU_INLINE void FN(dft16)(C *a)
{
    const T c1 = (T)0.92387953251128675613, c2 = (T)0.70710678118654752440, c3 = (T)0.38268343236508977173;
    const T turn[4][4][2] = {{{1, 0}, {1, 0}, {1, 0}, {1, 0}},
                             {{1, 0}, {c1, -c3}, {c2, -c2}, {c3, -c1}},
                             {{1, 0}, {c2, -c2}, {0, -1}, {-c2, -c2}},
                             {{1, 0}, {c3, -c1}, {-c2, -c2}, {-c1, c3}}};
    C b[4][4];
    _Pragma("GCC unroll 4") for (int q = 0; q < 4; q++)
    {
        C v[4] = {a[q], a[q + 4], a[q + 8], a[q + 12]};
        FN(dft4)(v);
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) b[k][q] =
            q && k ? FN(times)(v[k], VEC(set1)(turn[q][k][0]), VEC(set1)(turn[q][k][1])) : v[k];
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        FN(dft4)(b[k]);
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) a[k + 4 * j] = b[k][j];
    }
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

/* Vectors of real and imaginary parts, `apart` numbers from one to the next. */
typedef struct FN(place) {
    T *re, *im;
    int64_t apart;
} FN(place);
#define P FN(place)

CPU_INLINE C FN(get)(P x, int64_t i)
{
    return (C){VEC(load)(x.re + i * x.apart), VEC(load)(x.im + i * x.apart)};
}
CPU_INLINE void FN(put)(P y, int64_t i, C a)
{
    VEC(store)(y.re + i * y.apart, a.re);
    VEC(store)(y.im + i * y.apart, a.im);
}

#define STAGE(R)                                                                                                       \
    static void FN(stage##R)(const cpu_fft_stage *st, P x, P y)                                                        \
    {                                                                                                                  \
        const T *w = st->turn;                                                                                         \
        for (int64_t p = 0; p < st->m; p++, w += w ? 2 * (R - 1) : 0)                                                  \
            for (int64_t q = 0; q < st->s; q++) {                                                                      \
                C a[R];                                                                                                \
                _Pragma("GCC unroll 8") for (int j = 0; j < R; j++) a[j] = FN(get)(x, q + st->s * (p + st->m * j));    \
                FN(dft##R)(a);                                                                                         \
                FN(put)(y, q + st->s * R * p, a[0]);                                                                   \
                _Pragma("GCC unroll 8") for (int k = 1; k < R; k++)                                                    \
                {                                                                                                      \
                    if (w)                                                                                             \
                        a[k] = FN(times)(a[k], VEC(set1)(w[2 * k - 2]), VEC(set1)(w[2 * k - 1]));                      \
                    FN(put)(y, q + st->s * (R * p + k), a[k]);                                                         \
                }                                                                                                      \
            }                                                                                                          \
    }
STAGE(2)
STAGE(3)
STAGE(4)
STAGE(5)
STAGE(8)

/* An odd radix r by its definition, numbers j and r - j together. */
static void FN(stage_odd)(const cpu_fft_stage *st, P x, P y)
{
    const T *roots = st->roots, *w = st->turn;
    const int64_t r = st->radix, half = r / 2;
    C s[CPU_FFT_LARGEST / 2 + 1], d[CPU_FFT_LARGEST / 2 + 1];
    for (int64_t p = 0; p < st->m; p++)
        for (int64_t q = 0; q < st->s; q++) {
            const C first = FN(get)(x, q + st->s * p);
            C all = first;
            for (int64_t j = 1; j <= half; j++) {
                C a = FN(get)(x, q + st->s * (p + st->m * j)), b = FN(get)(x, q + st->s * (p + st->m * (r - j)));
                s[j] = FN(plus)(a, b);
                d[j] = FN(minus)(a, b);
                all = FN(plus)(all, s[j]);
            }
            FN(put)(y, q + st->s * r * p, all);
            for (int64_t k = 1; k <= half; k++) {
                C m = first, n = {VEC(set1)(0), VEC(set1)(0)};
                for (int64_t j = 1, at = k; j <= half; j++, at = at + k < r ? at + k : at + k - r) {
                    V c = VEC(set1)(roots[2 * at]), v = VEC(set1)(-roots[2 * at + 1]);
                    m = (C){m.re + c * s[j].re, m.im + c * s[j].im};
                    n = (C){n.re + v * d[j].re, n.im + v * d[j].im};
                }
                C low = FN(plus)(m, FN(down)(n)), high = FN(minus)(m, FN(down)(n));
                if (w) {
                    const T *v = w + 2 * (r - 1) * p;
                    low = FN(times)(low, VEC(set1)(v[2 * k - 2]), VEC(set1)(v[2 * k - 1]));
                    high = FN(times)(high, VEC(set1)(v[2 * (r - k) - 2]), VEC(set1)(v[2 * (r - k) - 1]));
                }
                FN(put)(y, q + st->s * (r * p + k), low);
                FN(put)(y, q + st->s * (r * p + r - k), high);
            }
        }
}

/* All passes, from x to y and back; gives where the result is. */
static P FN(passes)(const cpu_fft_line *line, P x, P y)
{
    for (int i = 0; i < line->stages; i++) {
        const cpu_fft_stage *st = &line->stage[i];
        switch (st->radix) {
        case 2: FN(stage2)(st, x, y); break;
        case 3: FN(stage3)(st, x, y); break;
        case 4: FN(stage4)(st, x, y); break;
        case 5: FN(stage5)(st, x, y); break;
        case 8: FN(stage8)(st, x, y); break;
        default: FN(stage_odd)(st, x, y);
        }
        P t = x;
        x = y;
        y = t;
    }
    return x;
}

/* ---- one transform: numbers lie one after the other ------------------------------------------------------------- */

/* Where a transform puts its result: pairs times `scale`, real parts first unless exchanged. */
typedef struct FN(pairs) {
    T *at;
    T scale;
    bool exchanged;
} FN(pairs);

/* The first n pairs. */
CPU_INLINE void FN(put_pairs)(T *y, C a, T scale, int64_t n)
{
    const V re = a.re * scale, im = a.im * scale;
    const V low = __builtin_shufflevector(re, im, LIST(PAIRS, 0, W));
    const V high = __builtin_shufflevector(re, im, LIST(MORE_PAIRS, 0, W));
    if (n == W) {
        VEC(store)(y, low);
        VEC(store)(y + W, high);
        return;
    }
    VEC(store_n)(y, low, 2 * n < W ? 2 * n : W);
    if (2 * n > W)
        VEC(store_n)(y + W, high, 2 * n - W);
}

/* `count` numbers of each lane's result from k on, turned, put across and transformed: to y, or as pairs. */
static void FN(across)(const cpu_fft *f, P x, P y, const FN(pairs) * to, int64_t k, int64_t count)
{
    const int64_t m = f->n / W;
    const T *turn = f->turn;
    V re[W], im[W];
    C a[W];
    for (int i = 0; i < W; i++) {
        C v = {VEC(set1)(0), VEC(set1)(0)};
        if (i < count)
            v = FN(times)(FN(get)(x, k + i), VEC(load)(turn + 2 * (k + i) * W),
                          VEC(load)(turn + (2 * (k + i) + 1) * W));
        re[i] = v.re;
        im[i] = v.im;
    }
    VEC(transpose)(re);
    VEC(transpose)(im);
    for (int i = 0; i < W; i++)
        a[i] = (C){re[i], im[i]};
    LANE_DFT(a);
    for (int i = 0; i < W; i++) {
        if (to) {
            const C v = to->exchanged ? (C){a[i].im, a[i].re} : a[i];
            FN(put_pairs)(to->at + 2 * (m * i + k), v, to->scale, count);
        } else if (count == W) {
            VEC(store)(y.re + m * i + k, a[i].re);
            VEC(store)(y.im + m * i + k, a[i].im);
        } else {
            VEC(store_n)(y.re + m * i + k, a[i].re, count);
            VEC(store_n)(y.im + m * i + k, a[i].im, count);
        }
    }
}

/* From x or y to where it says, or to pairs. */
static P FN(within)(const cpu_fft *f, P x, P y, const FN(pairs) * pairs)
{
    const int64_t m = f->n / W;
    P from = FN(passes)(&f->line, x, y), to = from.re == x.re ? y : x;
    for (int64_t k = 0; k < m; k += W)
        FN(across)(f, from, to, pairs, k, m - k < W ? m - k : W);
    return to;
}

CPU_INLINE void FN(multiply)(P x, const T *re, const T *im, int64_t n)
{
    T *xr = x.re, *xi = x.im;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const T a = xr[i], b = xi[i];
        xr[i] = a * re[i] - b * im[i];
        xi[i] = a * im[i] + b * re[i];
    }
}

/* From x or y to where it says. */
static P FN(single)(const cpu_fft *f, P x, P y)
{
    if (f->way == CPU_FFT_WITHIN)
        return FN(within)(f, x, y, NULL);
    const T *chirp = f->chirp, *spectrum = f->spectrum;
    const int64_t more = f->longer->n;
    FN(multiply)(x, chirp, chirp + f->n, f->n);
    memset(x.re + f->n, 0, (size_t)(more - f->n) * sizeof(T));
    memset(x.im + f->n, 0, (size_t)(more - f->n) * sizeof(T));
    P z = FN(within)(f->longer, x, y, NULL), rest = z.re == x.re ? y : x;
    FN(multiply)(z, spectrum, spectrum + more, more);
    /* the inverse transform is this one with real and imaginary parts exchanged */
    z = FN(within)(f->longer, (P){z.im, z.re, W}, (P){rest.im, rest.re, W}, NULL);
    z = (P){z.im, z.re, W};
    FN(multiply)(z, chirp, chirp + f->n, f->n);
    return z;
}

static void FN(apart)(const T *x, int64_t n, P to)
{
    int64_t i = 0;
    for (; i + W <= n; i += W) {
        V a = VEC(load)(x + 2 * i), b = VEC(load)(x + 2 * i + W);
        VEC(store)(to.re + i, __builtin_shufflevector(a, b, LIST(FIRST, 0, W)));
        VEC(store)(to.im + i, __builtin_shufflevector(a, b, LIST(SECOND, 0, W)));
    }
    for (; i < n; i++) {
        to.re[i] = x[2 * i];
        to.im[i] = x[2 * i + 1];
    }
}

/* Numbers times scale as pairs. */
static void FN(together)(P from, int64_t n, T scale, T *y)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        FN(put_pairs)(y + 2 * i, (C){VEC(load)(from.re + i), VEC(load)(from.im + i)}, scale, W);
    for (; i < n; i++) {
        y[2 * i] = from.re[i] * scale;
        y[2 * i + 1] = from.im[i] * scale;
    }
}

/* Twice the half spectrum of 2 h real numbers from the transform z of their pairs: with e and o those of the even and the odd numbers,
 * z = e + i o, and the spectrum is e + turn o. */
static void FN(take_apart)(P z, int64_t h, const T *turn, P y)
{
    const T *wr = turn, *wi = turn + h / 2 + 1;
    y.re[0] = 2 * (z.re[0] + z.im[0]);
    y.re[h] = 2 * (z.re[0] - z.im[0]);
    y.im[0] = y.im[h] = 0;
#pragma omp simd
    for (int64_t k = 1; k <= h / 2; k++) {
        const T ar = z.re[k], ai = z.im[k], br = z.re[h - k], bi = z.im[h - k];
        const T er = ar + br, ei = ai - bi, dr = ai + bi, di = br - ar;
        const T tr = wr[k] * dr - wi[k] * di, ti = wr[k] * di + wi[k] * dr;
        y.re[k] = er + tr;
        y.im[k] = ei + ti;
        y.re[h - k] = er - tr;
        y.im[h - k] = ti - ei;
    }
}

/* The other way round: z whose inverse transform has the real numbers as pairs, from their half spectrum x. */
static void FN(put_together)(P x, int64_t h, const T *turn, P z)
{
    const T *wr = turn, *wi = turn + h / 2 + 1;
    z.re[0] = x.re[0] + x.re[h];
    z.im[0] = x.re[0] - x.re[h];
#pragma omp simd
    for (int64_t k = 1; k <= h / 2; k++) {
        const T ar = x.re[k], ai = x.im[k], br = x.re[h - k], bi = x.im[h - k];
        const T er = ar + br, ei = ai - bi, dr = ar - br, di = ai + bi;
        const T tr = wi[k] * dr - wr[k] * di, ti = wr[k] * dr + wi[k] * di;
        z.re[k] = er + tr;
        z.im[k] = ei + ti;
        z.re[h - k] = er - tr;
        z.im[h - k] = ti - ei;
    }
}

/* The second half of a spectrum of odd length from the first. */
static void FN(mirror)(P x, int64_t n)
{
    x.im[0] = 0;
    for (int64_t k = 1; k <= n / 2; k++) {
        x.re[n - k] = x.re[k];
        x.im[n - k] = -x.im[k];
    }
}

static void FN(edges)(P x, int64_t n, T by)
{
    x.re[0] *= by;
    if (n % 2 == 0)
        x.re[n / 2] *= by;
}

/* One transform; its numbers are neighbours. */
static void FN(run_row)(const cpu_fft_plan *p, const T *x, T *y, T *room)
{
    const int64_t n = p->n, half = n / 2 + 1, size = p->array;
    const bool even = n % 2 == 0;
    P a = {room, room + size, W}, b = {room + 2 * size, room + 3 * size, W};
    if (p->kind == CPU_FFT_COMPLEX) {
        const FN(pairs) to = {y, (T)p->scale, p->inverse};
        FN(apart)(x, n, p->inverse ? (P){a.im, a.re, W} : a);
        if (p->core.way == CPU_FFT_WITHIN) {
            FN(within)(&p->core, a, b, &to);
            return;
        }
        P z = FN(single)(&p->core, a, b);
        FN(together)(p->inverse ? (P){z.im, z.re, W} : z, n, (T)p->scale, y);
    } else if (p->kind == CPU_FFT_FROM_REAL) {
        if (even) {
            FN(apart)(x, n / 2, a);
        } else {
            memcpy(a.re, x, (size_t)n * sizeof(T));
            memset(a.im, 0, (size_t)n * sizeof(T));
        }
        P z = FN(single)(&p->core, a, b), to = z.re == a.re ? b : a;
        if (even)
            FN(take_apart)(z, n / 2, p->turn, to);
        z = even ? to : z;
        FN(edges)(z, n, (T)p->edge);
        FN(together)(z, half, (T)(even ? 0.5 * p->scale : p->scale), y);
    } else {
        FN(apart)(x, half, a);
        FN(edges)(a, n, (T)p->edge);
        if (even)
            FN(put_together)(a, n / 2, p->turn, b);
        else
            FN(mirror)(a, n);
        P from = even ? b : a, to = even ? a : b;
        P z = FN(single)(&p->core, (P){from.im, from.re, W}, (P){to.im, to.re, W});
        if (even)
            FN(together)((P){z.im, z.re, W}, n / 2, (T)p->scale, y);
        else
            for (int64_t i = 0; i < n; i++)
                y[i] = (T)p->scale * z.im[i];
    }
}

/* `width` columns, `step` numbers from one row to the next, as rows, or rows as columns; `parts` numbers belong together. */
CPU_INLINE void FN(turn)(T *columns, T *rows, int64_t count, int64_t width, int64_t step, int64_t parts, bool back)
{
    for (int64_t j = 0; j < count; j++)
        for (int64_t c = 0; c < width; c++)
            for (int64_t k = 0; k < parts; k++)
                if (back)
                    columns[j * step + parts * c + k] = rows[(c * count + j) * parts + k];
                else
                    rows[(c * count + j) * parts + k] = columns[j * step + parts * c + k];
}

static void FN(run_single)(const cpu_fft_plan *p, const T *x, T *y, int64_t unit, T *room)
{
    const int64_t half = p->n / 2 + 1, xw = p->kind == CPU_FFT_FROM_REAL ? 1 : 2,
                  yw = p->kind == CPU_FFT_TO_REAL ? 1 : 2;
    const int64_t xn = p->kind == CPU_FFT_TO_REAL ? half : p->n, yn = p->kind == CPU_FFT_FROM_REAL ? half : p->n;
    if (p->inner == 1) {
        FN(run_row)(p, x + unit * xn * xw, y + unit * yn * yw, room);
        return;
    }
    const int64_t blocks = (p->inner + W - 1) / W, outer = unit / blocks, from = unit % blocks * W,
                  left = p->inner - from;
    const int64_t width = left < W ? left : W;
    T *in = room + 4 * p->array, *out = in + W * xn * xw;
    FN(turn)((T *)(uintptr_t)(x + (outer * xn * p->inner + from) * xw), in, xn, width, p->inner * xw, xw, false);
    for (int64_t c = 0; c < width; c++)
        FN(run_row)(p, in + c * xn * xw, out + c * yn * yw, room);
    FN(turn)(y + (outer * yn * p->inner + from) * yw, out, yn, width, p->inner * yw, yw, true);
}

/* ---- a vector's width of transforms ------------------------------------------------------------------------------ */

/* `rows` rows of `count` numbers, `count` apart, as that many vectors, lanes being rows; what is missing is 0. */
static void FN(rows_in)(const T *x, int64_t count, int64_t rows, T *v)
{
    for (int64_t i = 0; i < count; i += W) {
        const int64_t n = count - i < W ? count - i : W;
        V r[W];
        for (int k = 0; k < W; k++)
            r[k] = k >= rows ? VEC(set1)(0) : n == W ? VEC(load)(x + k * count + i) : VEC(load_n)(x + k * count + i, n);
        VEC(transpose)(r);
        for (int k = 0; k < W && k < n; k++)
            VEC(store)(v + (i + k) * W, r[k]);
    }
}
static void FN(rows_out)(const T *v, int64_t count, int64_t rows, T scale, T *y)
{
    for (int64_t i = 0; i < count; i += W) {
        const int64_t n = count - i < W ? count - i : W;
        V r[W];
        for (int k = 0; k < W; k++)
            r[k] = k < n ? VEC(load)(v + (i + k) * W) * scale : VEC(set1)(0);
        VEC(transpose)(r);
        for (int k = 0; k < W && k < rows; k++)
            if (n == W)
                VEC(store)(y + k * count + i, r[k]);
            else
                VEC(store_n)(y + k * count + i, r[k], n);
    }
}

/* `count` numbers of `width` neighbouring columns, `step` from one to the next; complex ones as vectors of both parts. */
static void FN(columns_in)(const T *x, int64_t count, int64_t width, int64_t step, T *v)
{
    for (int64_t i = 0; i < count; i++)
        VEC(store)(v + i * W, VEC(load_n)(x + i * step, width));
}
static void FN(columns_out)(const T *v, int64_t count, int64_t width, int64_t step, T scale, T *y)
{
    for (int64_t i = 0; i < count; i++)
        VEC(store_n)(y + i * step, VEC(load)(v + i * W) * scale, width);
}
static void FN(pairs_in)(const T *x, int64_t count, int64_t width, int64_t step, T *v)
{
    const int64_t first = 2 * width < W ? 2 * width : W;
    for (int64_t i = 0; i < count; i++) {
        V a = VEC(load_n)(x + 2 * i * step, first), b = VEC(set1)(0);
        if (2 * width > W)
            b = VEC(load_n)(x + 2 * i * step + W, 2 * width - W);
        VEC(store)(v + 2 * i * W, __builtin_shufflevector(a, b, LIST(FIRST, 0, W)));
        VEC(store)(v + (2 * i + 1) * W, __builtin_shufflevector(a, b, LIST(SECOND, 0, W)));
    }
}
static void FN(pairs_out)(const T *v, int64_t count, int64_t width, int64_t step, T scale, T *y)
{
    for (int64_t i = 0; i < count; i++)
        FN(put_pairs)(y + 2 * i * step, (C){VEC(load)(v + 2 * i * W), VEC(load)(v + (2 * i + 1) * W)}, scale, width);
}

/* take_apart and put_together with vectors for numbers, whose halves of h pairs lie in x, from there to y. */
static void FN(lanes_apart)(P z, int64_t h, const T *turn, P y)
{
    const C first = FN(get)(z, 0);
    const V zero = VEC(set1)(0);
    FN(put)(y, 0, (C){(first.re + first.im) * 2, zero});
    FN(put)(y, h, (C){(first.re - first.im) * 2, zero});
    for (int64_t k = 1; k <= h / 2; k++) {
        C a = FN(get)(z, k), b = FN(get)(z, h - k);
        C e = {a.re + b.re, a.im - b.im}, o = {a.im + b.im, b.re - a.re};
        C t = FN(times)(o, VEC(set1)(turn[k]), VEC(set1)(turn[h / 2 + 1 + k]));
        FN(put)(y, k, FN(plus)(e, t));
        FN(put)(y, h - k, (C){e.re - t.re, t.im - e.im});
    }
}
static void FN(lanes_together)(P x, int64_t h, const T *turn, P z)
{
    const C first = FN(get)(x, 0), last = FN(get)(x, h);
    FN(put)(z, 0, (C){first.re + last.re, first.re - last.re});
    for (int64_t k = 1; k <= h / 2; k++) {
        C a = FN(get)(x, k), b = FN(get)(x, h - k), e = {a.re + b.re, a.im - b.im};
        C d = FN(times)((C){a.re - b.re, a.im + b.im}, VEC(set1)(turn[k]), VEC(set1)(-turn[h / 2 + 1 + k]));
        FN(put)(z, k, (C){e.re - d.im, e.im + d.re});
        FN(put)(z, h - k, (C){e.re + d.im, d.re - e.im});
    }
}

static void FN(lanes_edges)(P x, int64_t n, T by)
{
    VEC(store)(x.re, VEC(load)(x.re) * by);
    if (n % 2 == 0)
        VEC(store)(x.re + n / 2 * x.apart, VEC(load)(x.re + n / 2 * x.apart) * by);
}

/* Pairs of vectors from `room` on. */
static P FN(pairs_at)(T *room)
{
    return (P){room, room + W, 2 * W};
}
static P FN(exchanged)(P x)
{
    return (P){x.im, x.re, x.apart};
}
static T *FN(start_of)(P x)
{
    return x.re < x.im ? x.re : x.im;
}

/* What is read is in a. Gives where the result is, as vectors in their order. */
static T *FN(from_real)(const cpu_fft_plan *p, T *a, T *b)
{
    const int64_t n = p->n;
    P z;
    if (n % 2 == 0) {
        z = FN(passes)(&p->core.line, FN(pairs_at)(a), FN(pairs_at)(b));
        P to = FN(pairs_at)(z.re == a ? b : a);
        FN(lanes_apart)(z, n / 2, p->turn, to);
        z = to;
    } else {
        for (int64_t i = 0; i < n; i++)
            FN(put)(FN(pairs_at)(b), i, (C){VEC(load)(a + i * W), VEC(set1)(0)});
        z = FN(passes)(&p->core.line, FN(pairs_at)(b), FN(pairs_at)(a));
    }
    FN(lanes_edges)(z, n, (T)p->edge);
    return z.re;
}

static T *FN(to_real)(const cpu_fft_plan *p, T *a, T *b)
{
    const int64_t n = p->n;
    P x = FN(pairs_at)(a), y = FN(pairs_at)(b);
    FN(lanes_edges)(x, n, (T)p->edge);
    if (n % 2 == 0) {
        FN(lanes_together)(x, n / 2, p->turn, y);
        return FN(start_of)(FN(passes)(&p->core.line, FN(exchanged)(y), FN(exchanged)(x)));
    }
    VEC(store)(x.im, VEC(set1)(0));
    for (int64_t k = 1; k <= n / 2; k++) {
        C v = FN(get)(x, k);
        FN(put)(x, n - k, (C){v.re, -v.im});
    }
    x = FN(exchanged)(FN(passes)(&p->core.line, FN(exchanged)(x), FN(exchanged)(y)));
    for (int64_t i = 0; i < n; i++)
        VEC(store)(x.re + i * W, VEC(load)(x.re + i * x.apart));
    return x.re;
}

static void FN(run_lanes)(const cpu_fft_plan *p, const T *x, T *y, int64_t unit, T *room)
{
    const int64_t n = p->n, half = n / 2 + 1, inner = p->inner;
    const bool real_in = p->kind == CPU_FFT_FROM_REAL, real_out = p->kind == CPU_FFT_TO_REAL;
    const int64_t xn = real_out ? half : n, yn = real_in ? half : n, xw = real_in ? 1 : 2, yw = real_out ? 1 : 2;
    T *a = room, *b = room + p->scratch / 2, *result;
    int64_t blocks = (inner + W - 1) / W, outer = unit / blocks, from = unit % blocks * W, width = inner - from;
    width = width < W ? width : W;
    if (inner == 1) {
        const int64_t rows = p->outer - unit * W;
        x += unit * W * xn * xw;
        y += unit * W * yn * yw;
        width = rows < W ? rows : W;
        FN(rows_in)(x, xn * xw, width, a);
    } else {
        x += (outer * xn * inner + from) * xw;
        y += (outer * yn * inner + from) * yw;
        (real_in ? FN(columns_in) : FN(pairs_in))(x, xn, width, inner, a);
    }
    if (p->kind == CPU_FFT_COMPLEX) {
        P z = FN(pairs_at)(a), to = FN(pairs_at)(b);
        result = FN(start_of)(p->inverse ? FN(passes)(&p->core.line, FN(exchanged)(z), FN(exchanged)(to))
                                         : FN(passes)(&p->core.line, z, to));
    } else {
        result = real_in ? FN(from_real)(p, a, b) : FN(to_real)(p, a, b);
    }
    const T scale = (T)(real_in && n % 2 == 0 ? 0.5 * p->scale : p->scale);
    if (inner == 1)
        FN(rows_out)(result, yn * yw, width, scale, y);
    else if (real_out)
        FN(columns_out)(result, yn, width, inner, scale, y);
    else
        FN(pairs_out)(result, yn, width, inner, scale, y);
}

static void FN(run)(const cpu_fft_plan *p, const void *x, void *y, int64_t unit, void *scratch)
{
    if (p->core.way == CPU_FFT_LANES)
        FN(run_lanes)(p, x, y, unit, scratch);
    else
        FN(run_single)(p, x, y, unit, scratch);
}

#undef C
#undef P
#undef STAGE
