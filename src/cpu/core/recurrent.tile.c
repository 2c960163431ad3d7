/* recurrent.tile.c: the loops of recurrent.h, built once per instruction set. */
#include "cpu/core/recurrent.h"
#include "cpu/core/vec.h"
#include "cpu/core/vecmath.h"

#define LOAD(p) cpu_vf_load_n((p) + i, m)
#define STORE(p, v) cpu_vf_store_n((p) + i, v, m)
#define EACH for (int64_t i = 0, m = n < CPU_VF ? n : CPU_VF; i < n; i += CPU_VF, m = n - i < CPU_VF ? n - i : CPU_VF)

static void act(int64_t n, bool relu, float *y)
{
    EACH
    {
        cpu_vf v = LOAD(y);
        STORE(y, relu ? cpu_vf_max(cpu_vf_set1(0), v) : cpu_vf_tanh(v));
    }
}

CPU_INLINE void lstm_body(int64_t n, const float *peep, float *gates, const float *c0, float *c, float *h)
{
    EACH
    {
        cpu_vf a = LOAD(gates), f = LOAD(gates + n), g = cpu_vf_tanh(LOAD(gates + 2 * n)), o = LOAD(gates + 3 * n);
        cpu_vf before = LOAD(c0);
        a = cpu_vf_sigmoid(peep ? a + LOAD(peep) * before : a);
        f = cpu_vf_sigmoid(peep ? f + LOAD(peep + n) * before : f);
        cpu_vf cell = f * before + a * g;
        o = cpu_vf_sigmoid(peep ? o + LOAD(peep + 2 * n) * cell : o);
        STORE(gates, a);
        STORE(gates + n, f);
        STORE(gates + 2 * n, g);
        STORE(gates + 3 * n, o);
        STORE(c, cell);
        STORE(h, o * cpu_vf_tanh(cell));
    }
}

static void lstm(int64_t n, const float *peep, float *gates, const float *c0, float *c, float *h)
{
    if (peep)
        lstm_body(n, peep, gates, c0, c, h);
    else
        lstm_body(n, NULL, gates, c0, c, h);
}

static void gru(int64_t n, const float *x, const float *u, const float *h0, float *gates, float *h)
{
    EACH
    {
        cpu_vf r = cpu_vf_sigmoid(LOAD(x) + LOAD(u)), z = cpu_vf_sigmoid(LOAD(x + n) + LOAD(u + n));
        cpu_vf un = LOAD(u + 2 * n), g = cpu_vf_tanh(LOAD(x + 2 * n) + r * un), before = LOAD(h0);
        STORE(gates, r);
        STORE(gates + n, z);
        STORE(gates + 2 * n, g);
        STORE(gates + 3 * n, un);
        STORE(h, (1 - z) * g + z * before);
    }
}

static void act_grad(int64_t n, bool relu, const float *y, const float *d, float *dx)
{
    EACH
    {
        cpu_vf v = LOAD(y), g = LOAD(d);
        STORE(dx, relu ? cpu_vf_select(v > 0, g, cpu_vf_set1(0)) : g * (1 - v * v));
    }
}

static void lstm_grad(int64_t n, const float *peep, const float *gates, const float *c0, const float *c, const float *d,
                      const float *dgates, float *dc, float *dx)
{
    EACH
    {
        cpu_vf a = LOAD(gates), f = LOAD(gates + n), g = LOAD(gates + 2 * n), o = LOAD(gates + 3 * n);
        cpu_vf v = cpu_vf_tanh(LOAD(c)), dh = LOAD(d), s = LOAD(dc) + dh * o * (1 - v * v);
        cpu_vf dout = (dgates ? dh * v + LOAD(dgates + 3 * n) : dh * v) * o * (1 - o);
        s = peep ? s + dout * LOAD(peep + 2 * n) : s;
        cpu_vf da = s * g, df = s * LOAD(c0), dg = s * a;
        if (dgates) {
            da += LOAD(dgates);
            df += LOAD(dgates + n);
            dg += LOAD(dgates + 2 * n);
        }
        da *= a * (1 - a);
        df *= f * (1 - f);
        STORE(dx, da);
        STORE(dx + n, df);
        STORE(dx + 2 * n, dg * (1 - g * g));
        STORE(dx + 3 * n, dout);
        STORE(dc, peep ? s * f + da * LOAD(peep) + df * LOAD(peep + n) : s * f);
    }
}

static void gru_grad(int64_t n, const float *gates, const float *h0, const float *dgates, float *d, float *dx,
                     float *du)
{
    EACH
    {
        cpu_vf r = LOAD(gates), z = LOAD(gates + n), g = LOAD(gates + 2 * n), u = LOAD(gates + 3 * n);
        cpu_vf dh = LOAD(d), zero = cpu_vf_set1(0);
        cpu_vf dn = (dh * (1 - z) + (dgates ? LOAD(dgates + 2 * n) : zero)) * (1 - g * g);
        cpu_vf dr = (dn * u + (dgates ? LOAD(dgates) : zero)) * r * (1 - r);
        cpu_vf dz = (dh * (LOAD(h0) - g) + (dgates ? LOAD(dgates + n) : zero)) * z * (1 - z);
        STORE(dx, dr);
        STORE(dx + n, dz);
        STORE(dx + 2 * n, dn);
        STORE(du, dr);
        STORE(du + n, dz);
        STORE(du + 2 * n, dn * r + (dgates ? LOAD(dgates + 3 * n) : zero));
        STORE(d, dh * z);
    }
}

extern const cpu_recurrent_fns CPU_NAME(cpu_recurrent_fns);
const cpu_recurrent_fns CPU_NAME(cpu_recurrent_fns) = {act, lstm, gru, act_grad, lstm_grad, gru_grad};
