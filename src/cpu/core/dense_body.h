/* dense_body.h: the smallest blocks of dense.h for T. Read by dense.tile.c once for float and once for double, hence no include guard.
 * Rows are neighbours, and so the innermost loops go along them. */

/* row[0, n) -= part * from[0, n) */
static inline void NAME(take)(T *restrict row, const T *restrict from, T part, int64_t n)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        row[j] -= part * from[j];
}

static int64_t NAME(panel)(int64_t m, int64_t n, void *at, int64_t row, int64_t *pivot)
{
    T *x = at;
    for (int64_t c = 0; c < n; c++) {
        int64_t best = c;
        for (int64_t i = c + 1; i < m; i++)
            best = SIZE(x[i * row + c]) > SIZE(x[best * row + c]) ? i : best;
        if (x[best * row + c] == 0)
            return c + 1;
        pivot[c] = best;
        T *top = x + c * row, *low = x + best * row;
        for (int64_t j = 0; j < n && best != c; j++) {
            T t = top[j];
            top[j] = low[j];
            low[j] = t;
        }
        for (int64_t i = c + 1; i < m; i++) {
            T part = x[i * row + c] /= top[c];
            NAME(take)(x + i * row + c + 1, top + c + 1, part, n - c - 1);
        }
    }
    return 0;
}

static int64_t NAME(cholesky)(int64_t n, void *at, int64_t row)
{
    T *x = at;
    for (int64_t c = 0; c < n; c++) {
        T *top = x + c * row;
        if (!(top[c] > 0))
            return c + 1;
        top[c] = ROOT(top[c]);
        for (int64_t j = c + 1; j < n; j++)
            top[j] /= top[c];
        for (int64_t i = c + 1; i < n; i++)
            NAME(take)(x + i * row + i, top + i, top[i], n - i);
    }
    return 0;
}

static void NAME(solve)(bool lower, bool unit, int64_t n, int64_t k, cpu_matrix t, void *at, int64_t row)
{
    const T *a = t.at;
    T *b = at;
    for (int64_t s = 0; s < n; s++) {
        int64_t i = lower ? s : n - 1 - s;
        for (int64_t q = 0; q < s; q++) {
            int64_t l = lower ? q : n - 1 - q;
            NAME(take)(b + i * row, b + l * row, a[i * t.row + l * t.col], k);
        }
        for (int64_t j = 0; j < k && !unit; j++)
            b[i * row + j] /= a[i * (t.row + t.col)];
    }
}

/* ---- reflections ------------------------------------------------------------------------------------------------- */

/* The length of column c below its row, which its largest element is taken out of before squares can overflow. */
static double NAME(below)(const T *x, int64_t m, int64_t row, int64_t c)
{
    double most = 0, sum = 0;
    for (int64_t i = c + 1; i < m; i++)
        most = fmax(most, fabs((double)x[i * row + c]));
    for (int64_t i = c + 1; i < m && most > 0; i++)
        sum += (double)x[i * row + c] / most * ((double)x[i * row + c] / most);
    return most * sqrt(sum);
}

static void NAME(reflect)(int64_t m, int64_t n, void *at, int64_t row, void *taus)
{
    T *x = at, *tau = taus, w[CPU_REFLECTIONS];
    for (int64_t c = 0; c < n; c++) {
        double length = NAME(below)(x, m, row, c), top = (double)x[c * row + c];
        tau[c] = 0;
        if (length == 0)
            continue;
        double to = -copysign(hypot(top, length), top);
        tau[c] = (T)((to - top) / to);
        x[c * row + c] = (T)to;
        for (int64_t j = c + 1; j < n; j++)
            w[j] = x[c * row + j];
        for (int64_t i = c + 1; i < m; i++) {
            x[i * row + c] = (T)((double)x[i * row + c] / (top - to));
            NAME(take)(w + c + 1, x + i * row + c + 1, -x[i * row + c], n - c - 1);
        }
        NAME(take)(x + c * row + c + 1, w + c + 1, tau[c], n - c - 1);
        for (int64_t i = c + 1; i < m; i++)
            NAME(take)(x + i * row + c + 1, w + c + 1, tau[c] * x[i * row + c], n - c - 1);
    }
}

static void NAME(unpack)(int64_t m, int64_t n, const void *at, int64_t row, void *to)
{
    const T *x = at;
    T *v = to;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            v[i * n + j] = i > j ? x[i * row + j] : i == j ? 1 : 0;
}

/* Column c: -tau times the part so far times v^T v's column (Schreiber, Van Loan 1989). */
static void NAME(join)(int64_t n, const void *taus, void *at)
{
    const T *tau = taus;
    T *t = at, column[CPU_REFLECTIONS];
    for (int64_t c = 0; c < n; c++) {
        for (int64_t i = 0; i < c; i++) {
            column[i] = 0;
            for (int64_t j = i; j < c; j++)
                column[i] -= t[i * n + j] * t[j * n + c];
        }
        for (int64_t i = 0; i < n; i++)
            t[i * n + c] = i < c ? tau[c] * column[i] : i == c ? tau[c] : t[i * n + c];
        for (int64_t j = 0; j < c; j++) /* nothing reads v^T v there any more */
            t[c * n + j] = 0;
    }
}
