/* gemm.c: cuts a matrix product into pieces and runs them; see gemm.h. The pieces themselves are in gemm.tile.c.
 *
 * A plan follows from the problem alone. What shapes the order of a sum (path, depth of a k block, parts of a split k)
 * does not look at the number of threads; how the blocks of C are dealt out may, since it changes no sum. */
#include "cpu/core/gemm.h"
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/gemm_mend.h"
#include "cpu/core/par.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

typedef enum gemm_path {
    PATH_FILL, /* k is 0: bias only */
    PATH_ROW,  /* one row of A, B along n */
    PATH_DOT,  /* few rows, both along k */
    PATH_TILE, /* register tiles */
    PATH_PARTS /* register tiles, long k cut into parts that are added up afterwards */
} gemm_path;

static const char *const path_names[] = {"fill", "row", "dot", "tile", "parts"};

enum {
    ALIGN = 64,
    PACK_PANELS = 8,         /* panels of B that one chunk packs side by side, so that lines and pages are read whole */
    PACK_DEPTH = 512,        /* and their depth */
    PACKED_B_MAX = 16 << 20, /* bytes of B packed at a time */
    PACKED_A_MAX = 32 << 20, /* bytes of A packed once for all */
    PARTS_MAX = 16,
    DEEP = 1500,             /* k from which the blocks of a thread are few */
    FEW_BLOCKS = 1000000000, /* operations of a product that is not cut further than for its threads */
    LITTLE = 160 << 10,      /* bytes of B that one thread reads sooner than it shares them */
    FEW_ROWS = 96,           /* of A, where f32 packed ahead is faster than f32 in parts */
    MANY_PANELS = 64,        /* of A: larger blocks, which read B less often */
    NEAR_B = 1600 << 10,     /* bytes of packed B that stay in a core's second cache */
    SMALL_A = 64 << 10,      /* bytes of A that are read as they lie, however often */
    DOT_ROWS = 32,           /* more rows are worth packing B for */
    DOT_ROWS_AMX = 4
};

typedef struct plan {
    cpu_gemm g; /* with rows and columns exchanged if C is better written that way */
    bool exchanged;
    const gemm_kernels *kern, *base; /* for tiles; for the rest */
    size_t size, packed;             /* bytes of T, of a packed element */
    tn_dtype a_dtype, b_dtype;       /* as they lie */
    int64_t a_size, b_size;          /* bytes of an element of A, of B */
    gemm_path path;
    bool pack_a, share_a, pack_b, share_b; /* share: packed once for all threads, else each packs what it needs */
    bool direct;                           /* tiles go straight to C, else to a space of T first */
    bool one_tile;                         /* that space is one tile: k is a single block */
    int64_t kc, k_deep, parts;             /* k_deep: k, filled up to what a packed panel has */
    int64_t mr, row_panels, col_panels;    /* height of a tile, tiles down and across */
    int64_t rows, cols;                    /* blocks of C down and across */
    int64_t nb;                            /* column panels whose B is packed at a time */
    int64_t chunks, threads;
    size_t bias_at, a_at, b_at, parts_at, thread_at, thread_bytes, a_bytes, c_bytes, bytes;
} plan;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t unit)
{
    return ceil_div(n, unit) * unit;
}

static size_t padded(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static const gemm_kernels *kernels_for(const cpu_gemm *g)
{
    return g->dtype == TN_F64 ? CPU_OF_ISA(g->isa, &gemm_f64) : CPU_OF_ISA(g->isa, &gemm_f32);
}

#if CPU_X86
/* Pairs of bf16 in vector registers take half the time of f32, but both operands are packed for them; B only once where it is packed
 * ahead. */
static bool rounding_pays(const cpu_gemm *g)
{
    enum { ENOUGH = 32, DEEP_ENOUGH = 48 };
    if (g->isa != CPU_AVX512_BF16 || g->dtype == TN_BF16 || g->half_a || g->half_b)
        return true;
    return g->k >= DEEP_ENOUGH && (g->b_packed || g->b_fixed ? g->n >= ENOUGH : g->m * g->n >= ENOUGH * (g->m + g->n));
}

/* f32 in parts takes half the time of the vector registers, but packs both operands, which takes as long as multiplying by 30 rows
 * or columns. */
static bool splitting_pays(const cpu_gemm *g)
{
    return g->m > 0 && g->n > 0 && g->k >= 48 && g->m * g->n >= 40 * (g->m + g->n);
}
#endif

/* Tiles of bf16 have matrix registers of their own where there are any, and f32 as sums of them. What is packed ahead is f32, which is
 * read faster. */
static const gemm_kernels *tile_kernels_for(const cpu_gemm *g)
{
#if CPU_X86
    if (g->isa >= CPU_AVX512_BF16 && (g->dtype == TN_BF16 || (g->dtype == TN_F32 && g->narrow)) && rounding_pays(g))
        return CPU_OF_AMX(g->isa, &gemm_bf16);
    if (g->isa >= CPU_AMX_PAIRS && g->dtype == TN_F32 && !g->plain && !g->b_packed && splitting_pays(g))
        return g->high ? CPU_OF_AMX(g->isa, &gemm_f32_split2) : CPU_OF_AMX(g->isa, &gemm_f32_split3);
#endif
    return kernels_for(g);
}

/* ---- packed panels --------------------------------------------------------------------------------------------- */

/* Blocks of k follow each other, and in a block its panels: what a block of C reads together lies together, in different places
 * of the caches. */
typedef struct panel_form {
    int64_t count, width, depth, k; /* depth: of a block of k, but the last; k: filled up to what a panel has */
    size_t packed;
} panel_form;

static int64_t depth_of_block(const gemm_kernels *kern, int64_t k)
{
    return round_up(ceil_div(k, ceil_div(k, kern->kc)), kern->k_unit);
}

/* Bytes from a panel to the next, in the block that begins at k0. */
static int64_t panel_step(const panel_form *p, int64_t k0)
{
    return least(p->depth, p->k - k0) * p->width * (int64_t)p->packed;
}

/* Where a panel's k lies. */
static size_t panel_at(const panel_form *p, int64_t panel, int64_t k)
{
    int64_t k0 = k / p->depth * p->depth;
    return (size_t)((k0 * p->count + k - k0) * p->width) * p->packed + (size_t)(panel * panel_step(p, k0));
}

/* ---- the plan -------------------------------------------------------------------------------------------------- */

/* C' = B' A': the same product with rows and columns exchanged. */
static void exchange(plan *p)
{
    cpu_gemm g = p->g;
    p->exchanged = true;
    p->g.m = g.n, p->g.n = g.m;
    p->g.a_row = g.b_col, p->g.a_col = g.b_row, p->g.a_batch = g.b_batch;
    p->g.b_row = g.a_col, p->g.b_col = g.a_row, p->g.b_batch = g.a_batch;
    p->g.half_a = g.half_b, p->g.half_b = g.half_a;
    p->g.c_row = g.c_col, p->g.c_col = g.c_row;
    p->g.bias = g.bias == CPU_BIAS_COLUMN ? CPU_BIAS_ROW : g.bias == CPU_BIAS_ROW ? CPU_BIAS_COLUMN : CPU_BIAS_NONE;
}

/* Where both operands have neighbours along k and A is the smaller one, B is read as it lies if the two change places: then A
 * is packed, and tiles of C are transposed. */
static bool turning_pays(const plan *p)
{
    const cpu_gemm *g = &p->g;
    return !p->kern->whole && (g->dtype == TN_F32 || g->dtype == TN_F64) && g->c_dtype == g->dtype && g->a_col == 1 &&
           g->b_row == 1 && g->c_col == 1 && g->m > DOT_ROWS && 2 * g->m <= g->n && g->k >= p->kern->kc / 2;
}

/* Of high matrices in matrix registers the smaller operand had better be A, which every thread packs for itself, while each packs its share of
 * the larger one: tiles of C are transposed. */
static bool lying_pays(const plan *p)
{
    enum { LEAST_ROWS = 256, MOST_ROWS = 1280, LEAST_COLUMNS = 64 };
    const cpu_gemm *g = &p->g;
    return p->kern->whole && g->c_dtype == TN_F32 && g->c_col == 1 && 4 * g->m >= 5 * g->n && g->m >= LEAST_ROWS &&
           g->m <= MOST_ROWS && g->n >= LEAST_COLUMNS && (p->kern->wild || g->k < DEEP);
}

/* A few long columns: the dot path wants few rows. Each of its sums costs a handful of steps besides, so that where they are short a tile
 * with empty lanes is faster. */
static bool dots_pay(const plan *p)
{
    enum { FEW = 8, LONG = 16, BESIDE = 6 };
    const cpu_gemm *g = &p->g;
    const int64_t lanes = p->base->lanes;
    return g->n < FEW && g->m > g->n && g->m > LONG && g->a_col == 1 && g->b_row == 1 &&
           g->k * (lanes - g->n) > BESIDE * g->n * lanes;
}

static void normalise(plan *p, const cpu_gemm *g)
{
    p->g = *g;
    p->g.threads = g->threads < 1 ? 1 : g->threads;
    p->g.batch = g->batch < 1 ? 1 : g->batch;
    p->g.c_dtype = g->c_dtype ? g->c_dtype : g->dtype;
    p->g.bias_dtype = g->bias_dtype ? g->bias_dtype : p->g.c_dtype;
    p->base = kernels_for(g);
    p->kern = tile_kernels_for(g);
    p->size = g->dtype == TN_F64 ? 8 : 4;
    p->packed = (size_t)p->kern->packed;
    p->k_deep = round_up(g->k, p->kern->k_unit);
    /* A matrix of one row or column has a stride that is never used: it is taken as the one that suits. */
    if (g->b_packed)
        return;
    bool wide = g->n > 1 && (g->m == 1 || g->c_col == 1);
    if (g->m > 1 && !wide && (g->n == 1 || g->c_row == 1))
        exchange(p);
    else if (dots_pay(p) || turning_pays(p) || lying_pays(p))
        exchange(p);
}

/* How A and B lie, once they have changed places. */
static void note_operands(plan *p)
{
    p->a_dtype = p->g.half_a ? TN_BF16 : p->g.dtype, p->b_dtype = p->g.half_b ? TN_BF16 : p->g.dtype;
    p->a_size = (int64_t)tn_dtype_size(p->a_dtype), p->b_size = (int64_t)tn_dtype_size(p->b_dtype);
}

static gemm_path choose_path(const plan *p)
{
    const cpu_gemm *g = &p->g;
    int64_t lanes = p->base->lanes;
    if (g->k == 0)
        return PATH_FILL;
    if (!g->b_packed) {
        bool dots = g->a_col == 1 && g->b_row == 1 && g->k >= lanes;
        if (g->m == 1 && (g->b_col == 1 || g->n == 1) && !(g->b_row == 1 && g->k > 1))
            return PATH_ROW;
        if (g->m == 1 && g->b_row == 1 && g->k >= lanes)
            return PATH_DOT;
        if (dots && g->m <= (p->kern->whole ? DOT_ROWS_AMX : DOT_ROWS))
            return PATH_DOT;
    }
    int64_t tiles = ceil_div(g->m, p->kern->mr) * ceil_div(g->n, p->kern->nr);
    return tiles <= 8 && g->k >= 4 * p->kern->kc && !g->b_packed ? PATH_PARTS : PATH_TILE;
}

/* Whether a tile may read B where it lies. */
static bool b_in_place(const plan *p)
{
    const cpu_gemm *g = &p->g;
    if (g->b_col != 1 || p->kern->whole || g->dtype == TN_BF16 || g->dtype == TN_F16)
        return false;
    if (!p->kern->masked && g->n % p->kern->nr)
        return false;
    const int64_t bytes = g->n * g->k * (int64_t)p->size;
    return p->row_panels <= 2 || (p->row_panels <= 10 && g->n <= 1024 && bytes <= 256 << 10);
}

static bool a_in_place(const plan *p)
{
    const cpu_gemm *g = &p->g;
    if (p->kern->whole || g->dtype == TN_BF16 || g->dtype == TN_F16)
        return false;
    if (p->col_panels > 8 && g->m * g->k * (int64_t)p->size > SMALL_A)
        return false;
    /* Rows a multiple of a page apart fall into the same few places of the cache. */
    int64_t step = g->a_col == 1 ? g->a_row * (int64_t)p->size % 4096 : 0;
    return g->a_col == 1 ? step > 128 || p->mr <= 4 : g->a_row == 1;
}

/* What few rows of A wait for: B from the caches, once for some rows. */
static double bytes_read(const cpu_gemm *g, size_t size)
{
    return (double)g->k * (double)g->n * (double)g->batch * (double)size * (double)least(g->m, 4);
}

/* Blocks for a thread. Of deep ones each reads all of B anew; of split ones, and those of B packed ahead, each packs A anew. */
static int64_t blocks_each(const plan *p, double work)
{
    if (p->kern->whole && p->pack_b && !p->share_b)
        return work < FEW_BLOCKS ? 1 : 2;
    if (p->row_panels >= MANY_PANELS)
        return p->g.k >= DEEP ? 2 : 4;
    return p->g.k >= DEEP || p->g.b_packed ? 2 : 6;
}

/* Panels of packed B that stay in a core's second cache. */
static int64_t near_panels(const plan *p)
{
    return NEAR_B / (p->k_deep * p->kern->nr * (int64_t)p->packed);
}

/* Panels of B in a block of C. Where each block packs its own rows of A there are few across. */
static int64_t widest(const plan *p)
{
    const int64_t near = near_panels(p), most = p->kern->col_panels * (p->one_tile ? 2 : 1);
    const bool packs_a = p->kern->whole && p->pack_a && !p->share_a && (p->share_b || p->g.b_packed);
    return packs_a && near > most ? near : most;
}

/* Whether columns are cut before rows: where every block packs the B that it needs, and where B was packed ahead and comes from memory,
 * once for a block of rows. (In matrix registers and pairs each block packs A, which rows had better not do again.) */
static bool cuts_columns(const plan *p)
{
    return p->g.b_packed ? !p->kern->whole : p->pack_b && !p->share_b;
}

/* Blocks of C: as large as they may be, then enough of them for all threads, none too small. Cut first is what makes no
 * work twice: columns where every block packs the B that it needs, else rows, since a block's columns share its packed A.
 * What makes work twice is cut only while a thread has nothing to do. */
static void deal(plan *p)
{
    const cpu_gemm *g = &p->g;
    double work = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    const int64_t each = blocks_each(p, work);
    bool little = work < 600e3 && bytes_read(g, p->size) < LITTLE;
    int64_t want = g->threads == 1 || little ? 1 : least(g->threads * each, (int64_t)(work / 2e6) + g->threads);
    int64_t high = least(p->kern->row_panels, p->row_panels), wide = least(p->nb, widest(p));
    const bool by_columns = cuts_columns(p);
    int64_t *first = by_columns ? &wide : &high, *second = by_columns ? &high : &wide;
    for (;;) {
        int64_t blocks = ceil_div(p->row_panels, high) * ceil_div(p->nb, wide);
        if (blocks >= want)
            break;
        if (*first > (by_columns ? 1 : 4) || (!by_columns && wide == 1 && high > 1))
            *first = ceil_div(*first, 2);
        else if (*second > 1 && (!by_columns || blocks < g->threads))
            *second = ceil_div(*second, 2);
        else
            break;
    }
    p->rows = ceil_div(p->row_panels, high);
    p->cols = ceil_div(p->nb, wide);
    if (p->rows * p->cols < 4 * g->threads && p->rows > 1) /* few: then as many for each thread */
        p->rows = least(p->row_panels, round_up(p->rows, g->threads));
}

/* Whether blocks of columns, each packing the B that it needs, pack A over again for longer than threads wait for each other where they
 * share what is packed. */
static bool packs_a_again(const plan *p)
{
    const int64_t threads = p->g.threads;
    const bool little = p->kern->whole && p->g.m * threads <= 2 * p->g.n;
    return p->pack_a && p->row_panels >= 8 && threads > 1 && !little;
}

static void plan_tiles(plan *p)
{
    const cpu_gemm *g = &p->g;
    p->row_panels = ceil_div(g->m, p->kern->mr);
    p->mr = p->kern->whole ? p->kern->mr : ceil_div(g->m, p->row_panels);
    p->col_panels = ceil_div(g->n, p->kern->nr);
    p->kc = depth_of_block(p->kern, g->k);
    p->direct =
        !p->kern->whole && g->c_col == 1 && (g->c_dtype == TN_F32 || g->c_dtype == TN_F64) && p->path == PATH_TILE;
    p->one_tile = p->kc >= g->k;
    p->pack_b = !g->b_packed && !b_in_place(p);
    p->pack_a = !a_in_place(p);
    double work = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    /* One block of rows uses its B once: then whoever computes packs it too, just before, into its own cache; unless A is
     * packed as well, which blocks of columns would each do. */
    p->share_b = p->path == PATH_TILE && p->pack_b &&
                 (p->row_panels > p->kern->row_panels || (packs_a_again(p) && work > 20e6)) &&
                 (g->batch == 1 || (g->batch < 2 * g->threads && work > 4e6));
    p->share_a = p->share_b && p->kern->whole && p->row_panels * p->mr * p->k_deep * (int64_t)p->packed <= PACKED_A_MAX;
    if (p->col_panels <=
        near_panels(p)) /* then each thread packs the rows of A that it multiplies, and finds them near too */
        p->share_a = false;
    p->nb = p->col_panels;
    if (p->share_b) {
        int64_t most = PACKED_B_MAX / (p->k_deep * p->kern->nr * (int64_t)p->packed);
        p->nb = most < 1 ? 1 : least(most, p->nb);
        p->nb = ceil_div(p->col_panels, ceil_div(p->col_panels, p->nb));
    }
    if (p->path == PATH_PARTS) {
        p->parts = least(PARTS_MAX, g->k / (2 * p->kern->kc));
        p->rows = p->cols = 1;
        p->chunks = g->batch * p->parts;
        return;
    }
    p->parts = 1;
    deal(p);
    p->chunks = p->rows * p->cols * (p->share_b ? 1 : g->batch);
}

static void plan_rows(plan *p)
{
    const cpu_gemm *g = &p->g;
    int64_t unit = GEMM_ROW_BLOCK * p->base->lanes; /* columns are summed in the same way in every multiple of these */
    if (bytes_read(g, p->size) < LITTLE)
        p->g.threads = 1;
    p->nb = unit;
    if (p->path == PATH_ROW)
        p->nb = least(32 * unit, round_up(ceil_div(g->n, p->g.threads), unit));
    else if (p->path == PATH_DOT) /* every column is summed by itself */
        p->nb = least(unit, round_up(ceil_div(g->n, 16 * p->g.threads), GEMM_DOT_BLOCK));
    p->parts = 1;
    p->rows = 1;
    p->cols = ceil_div(g->n, p->nb);
    p->chunks = g->batch * p->cols;
}

static size_t take(plan *p, size_t bytes)
{
    size_t at = p->bytes;
    p->bytes += padded(bytes);
    return at;
}

/* A part is a whole number of tiles. */
static size_t part_bytes(const plan *p)
{
    return (size_t)(p->row_panels * p->mr * p->col_panels * p->kern->nr) * p->size;
}

static void plan_scratch(plan *p)
{
    const cpu_gemm *g = &p->g;
    bool tiles = p->path == PATH_TILE || p->path == PATH_PARTS;
    p->bytes = 0;
    int64_t biases = g->bias == CPU_BIAS_COLUMN ? g->n : g->bias == CPU_BIAS_ROW ? g->m : 0;
    bool narrow = g->bias_dtype == TN_BF16 || g->bias_dtype == TN_F16;
    p->bias_at = take(p, narrow ? (size_t)biases * p->size : 0);
    p->a_at = take(p, p->share_a ? (size_t)(p->k_deep * p->row_panels * p->mr) * p->packed : 0);
    p->b_at = take(p, p->share_b ? (size_t)(p->k_deep * p->nb * p->kern->nr) * p->packed : 0);
    p->parts_at = take(p, p->path == PATH_PARTS ? (size_t)(g->batch * p->parts) * part_bytes(p) : 0);
    p->thread_at = p->bytes;
    p->bytes = 0;
    if (tiles) {
        int64_t high = ceil_div(p->row_panels, p->rows), wide = ceil_div(p->nb, p->cols);
        int64_t tiles_in_space = p->one_tile ? 1 : high * wide;
        p->a_bytes = padded(p->pack_a && !p->share_a ? (size_t)(high * p->mr * p->kc) * p->packed : 0);
        p->c_bytes =
            padded(p->direct || p->path == PATH_PARTS ? 0 : (size_t)(tiles_in_space * p->mr * p->kern->nr) * p->size);
        take(p, p->a_bytes);
        take(p, p->c_bytes);
        take(p, p->pack_b && !p->share_b ? (size_t)(wide * p->kern->nr * p->kc) * p->packed : 0);
    } else {
        bool copy_x = p->path != PATH_FILL && (g->a_col != 1 || g->dtype == TN_BF16 || g->dtype == TN_F16);
        p->a_bytes = padded(copy_x ? (size_t)(g->m * g->k) * p->size : 0);
        take(p, p->a_bytes);
        take(p, p->path == PATH_FILL ? 0 : (size_t)(g->m * p->nb) * p->size);
    }
    p->thread_bytes = p->bytes;
    p->bytes = p->thread_at + (size_t)p->threads * p->thread_bytes;
}

static plan make_plan(const cpu_gemm *g)
{
    plan p;
    memset(&p, 0, sizeof p);
    normalise(&p, g);
    note_operands(&p);
    p.path = choose_path(&p);
    if (p.path == PATH_TILE || p.path == PATH_PARTS)
        plan_tiles(&p);
    else
        plan_rows(&p);
    p.threads = least(p.g.threads, p.chunks);
    if (p.share_b && p.threads < p.g.threads)
        p.threads = least(p.g.threads, p.chunks + p.nb);
    plan_scratch(&p);
    return p;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct job {
    plan p;
    const char *a, *b;
    char *c, *scratch;
    const char *bias;       /* of T */
    size_t out;             /* bytes of an element of C */
    int64_t item;           /* of the batch, where it is run one by one */
    int64_t panel;          /* first column panel of the packed B */
    int64_t packs_b, packs; /* chunks that pack B, and then A, before those that compute */
    _Atomic int64_t packed;
} job;

static const char *a_of(const job *j, int64_t item)
{
    const cpu_gemm *g = &j->p.g;
    int64_t at = g->offsets ? g->offsets[3 * item + (j->p.exchanged ? 1 : 0)] : item * g->a_batch;
    return j->a + at * j->p.a_size;
}

static const char *b_of(const job *j, int64_t item)
{
    const cpu_gemm *g = &j->p.g;
    int64_t at = g->offsets ? g->offsets[3 * item + (j->p.exchanged ? 0 : 1)] : item * g->b_batch;
    return j->b + at * j->p.b_size;
}

static char *c_of(const job *j, int64_t item)
{
    const cpu_gemm *g = &j->p.g;
    int64_t at = g->offsets ? g->offsets[3 * item + 2] : item * g->c_batch;
    return j->c + at * (int64_t)j->out;
}

/* What happens to the sums of the piece whose first element is (i, j). */
static gemm_end end_at(const job *jb, int64_t i, int64_t j)
{
    const cpu_gemm *g = &jb->p.g;
    int64_t size = (int64_t)jb->p.size;
    return (gemm_end){.alpha = g->alpha.set ? g->alpha.value : 1,
                      .add = g->accumulate,
                      .relu = g->act == CPU_ACT_RELU,
                      .bias_col = g->bias == CPU_BIAS_COLUMN ? jb->bias + j * size : NULL,
                      .bias_row = g->bias == CPU_BIAS_ROW ? jb->bias + i * size : NULL};
}

/* Sums [m][n] at `from`, rows from_row apart, go to C from (i, j) on. */
static void finish(const job *jb, int64_t item, int64_t i, int64_t j, int64_t m, int64_t n, const void *from,
                   int64_t from_row)
{
    const cpu_gemm *g = &jb->p.g;
    gemm_finish f = {.from = from, .from_row = from_row, .m = m, .n = n};
    f.c = c_of(jb, item) + (i * g->c_row + j * g->c_col) * (int64_t)jb->out;
    f.c_row = g->c_row, f.c_col = g->c_col, f.c_dtype = g->c_dtype;
    f.end = end_at(jb, i, j);
    jb->p.base->finish(&f);
}

/* Whole sums before they are finished. */
static void check_sums(const job *jb, int64_t item, int64_t i, int64_t j, int64_t m, int64_t n, void *sums, int64_t row)
{
    const gemm_kernels *kern = jb->p.kern;
    const cpu_gemm *g = &jb->p.g;
    if (!kern->wild)
        return;
    for (int64_t i1 = 0; i1 < m; i1 += kern->mr)
        for (int64_t j1 = 0; j1 < n; j1 += kern->nr) {
            const int64_t high = least(kern->mr, m - i1), wide = least(kern->nr, n - j1);
            float *at = (float *)sums + i1 * row + j1;
            if (kern->wild(at, row, high, wide))
                gemm_mend(&(gemm_lost){.m = high,
                                       .n = wide,
                                       .k = g->k,
                                       .sums = at,
                                       .row = row,
                                       .a = a_of(jb, item) + (i + i1) * g->a_row * jb->p.a_size,
                                       .a_row = g->a_row,
                                       .a_col = g->a_col,
                                       .b = b_of(jb, item) + (j + j1) * g->b_col * jb->p.b_size,
                                       .b_row = g->b_row,
                                       .b_col = g->b_col});
        }
}

/* A block of one product: rows i0..i1, columns of panels j0..j1, k0..k1. */
typedef struct block {
    int64_t item, i0, i1, j0, j1, k0, k1;
    char *a_space, *b_space; /* for packing */
    char *to;                /* T [i1-i0][to_row] */
    int64_t to_row;
    bool direct; /* `to` is C: the end is applied, and C may be added */
    bool part;   /* `to` keeps the sums; else they are finished tile by tile, with the last k */
} block;

static panel_form panels_of_a(const plan *p)
{
    return (panel_form){p->row_panels, p->mr, p->kc, p->k_deep, p->packed};
}

static panel_form panels_of_b(const plan *p)
{
    return (panel_form){p->g.b_packed ? p->col_panels : p->nb, p->kern->nr, p->kc, p->k_deep, p->packed};
}

static bool has_panels(const plan *p)
{
    return p->pack_b || p->g.b_packed;
}

/* Where a tile's B is: in a panel, or in place. */
static const char *b_of_tile(const job *jb, const block *t, int64_t j, int64_t k0)
{
    const plan *p = &jb->p;
    int64_t nr = p->kern->nr;
    const panel_form b = panels_of_b(p);
    if (p->g.b_packed)
        return jb->b + panel_at(&b, j, k0);
    if (p->share_b)
        return jb->scratch + p->b_at + panel_at(&b, j - jb->panel, k0);
    if (p->pack_b)
        return t->b_space + (j - t->j0) * p->kc * nr * (int64_t)p->packed;
    return b_of(jb, t->item) + (k0 * p->g.b_row + j * nr) * p->b_size;
}

/* The panel that a block reads next, if it is packed already: the first one of the next block of k behind the last. */
static const char *next_panel(const job *jb, const block *t, int64_t j, int64_t k0, int64_t k)
{
    const plan *p = &jb->p;
    if (j + 1 < t->j1)
        return has_panels(p) ? b_of_tile(jb, t, j + 1, k0) : NULL;
    return (p->share_b || p->g.b_packed) && k0 + k < t->k1 ? b_of_tile(jb, t, t->j0, k0 + k) : NULL;
}

/* A as the tiles of a block read it. */
typedef struct a_form {
    const char *at;
    int64_t row, col, tile; /* strides in elements, bytes from tile to tile */
} a_form;

/* The tiles of a block over k0..k0+k. */
static void run_tiles(const job *jb, const block *t, int64_t k0, int64_t k, const a_form *a)
{
    const plan *p = &jb->p;
    int64_t size = (int64_t)p->size, nr = p->kern->nr, tiles = ceil_div(t->i1 - t->i0, p->mr);
    bool last = k0 + k == t->k1;
    int64_t deep = round_up(k, p->kern->k_unit), b_row = has_panels(p) ? nr : p->g.b_row;
    for (int64_t j = t->j0; j < t->j1; j++) {
        const char *b = b_of_tile(jb, t, j, k0), *next = next_panel(jb, t, j, k0, k);
        for (int64_t i = t->i0, tile = 0; i < t->i1; i += p->mr, tile++) {
            gemm_end end = t->direct ? end_at(jb, i, j * nr) : (gemm_end){.alpha = 1};
            if (!last)
                end.relu = false, end.bias_col = end.bias_row = NULL;
            end.add = end.add || k0 > t->k0;
            end.next = b;
            if (next) { /* the tiles of this panel bring the next one nearer, each a share */
                end.next_step = 4 * nr * (int64_t)p->packed / tiles;
                end.next = next + tile * (k / 4) * end.next_step;
            }
            int64_t m = least(p->mr, t->i1 - i), n = least(nr, p->g.n - j * nr);
            char *to = t->to;
            if (t->direct || t->part)
                to += ((i - t->i0) * t->to_row + (j - t->j0) * nr) * size;
            else if (!p->one_tile)
                to += ((j - t->j0) * tiles + tile) * p->mr * nr * size;
            p->kern->tile(m, n, deep, a->at + tile * a->tile, a->row, a->col, b, b_row, to, t->to_row, &end);
            if (last && !t->direct && !t->part) {
                check_sums(jb, t->item, i, j * nr, m, n, to, t->to_row);
                finish(jb, t->item, i, j * nr, m, n, to, t->to_row);
            }
        }
    }
}

static void pack_block_b(const job *jb, const block *t, int64_t k0, int64_t k)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t nr = p->kern->nr;
    for (int64_t j = t->j0; j < t->j1; j++)
        p->kern->pack_b(t->b_space + (j - t->j0) * p->kc * nr * (int64_t)p->packed, nr,
                        b_of(jb, t->item) + (k0 * g->b_row + j * nr * g->b_col) * p->b_size, p->b_dtype, g->b_col,
                        g->b_row, least(nr, g->n - j * nr), k);
}

/* Rows of one chunk at a time: few where what lies together is of one k, so that its lines and pages are read whole. */
static int64_t pack_step(int64_t across)
{
    return across == 1 ? 32 : PACK_DEPTH;
}

static void pack_block_a(const job *jb, const block *t, const char *from, int64_t k)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t in = p->a_size, packed = (int64_t)p->packed, step = p->kern->whole ? k : pack_step(g->a_row);
    for (int64_t k0 = 0; k0 < k; k0 += step)
        for (int64_t i = t->i0; i < t->i1; i += p->mr)
            p->kern->pack_a(t->a_space + ((i - t->i0) * p->kc + k0 * p->mr) * packed, p->mr,
                            from + ((i - t->i0) * g->a_row + k0 * g->a_col) * in, p->a_dtype, g->a_row, g->a_col,
                            least(p->mr, t->i1 - i), least(step, k - k0));
}

static void run_block(const job *jb, const block *t)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t in = p->a_size, packed = (int64_t)p->packed;
    if (p->kern->enter)
        p->kern->enter();
    for (int64_t k0 = t->k0; k0 < t->k1; k0 += p->kc) {
        int64_t k = least(p->kc, t->k1 - k0);
        if (p->pack_b && !p->share_b)
            pack_block_b(jb, t, k0, k);
        const char *from = a_of(jb, t->item) + (t->i0 * g->a_row + k0 * g->a_col) * in;
        a_form a = {from, g->a_row, g->a_col, p->mr * g->a_row * in};
        if (p->share_a) {
            const panel_form all = panels_of_a(p);
            a = (a_form){jb->scratch + p->a_at + panel_at(&all, t->i0 / p->mr, k0), 1, p->mr, panel_step(&all, k0)};
        } else if (p->pack_a) {
            pack_block_a(jb, t, from, k);
            a = (a_form){t->a_space, 1, p->mr, p->mr * p->kc * packed};
        }
        run_tiles(jb, t, k0, k, &a);
    }
    if (p->kern->leave)
        p->kern->leave();
}

static char *thread_space(const job *jb, int thread)
{
    return jb->scratch + jb->p.thread_at + (size_t)thread * jb->p.thread_bytes;
}

static void compute_chunk(job *jb, int64_t chunk, int thread)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t blocks = p->rows * p->cols, panels = least(p->nb, p->col_panels - jb->panel), nr = p->kern->nr;
    int64_t r = chunk % blocks / p->cols, c = chunk % p->cols;
    char *space = thread_space(jb, thread);
    block t = {.item = p->share_b ? jb->item : chunk / blocks, .k1 = g->k, .direct = p->direct};
    t.i0 = p->row_panels * r / p->rows * p->mr;
    t.i1 = least(p->row_panels * (r + 1) / p->rows * p->mr, g->m);
    t.j0 = jb->panel + panels * c / p->cols;
    t.j1 = jb->panel + panels * (c + 1) / p->cols;
    t.a_space = space, t.b_space = space + p->a_bytes + p->c_bytes;
    if (t.j0 == t.j1)
        return;
    t.to = p->direct ? c_of(jb, t.item) + (t.i0 * g->c_row + t.j0 * nr) * (int64_t)p->size : space + p->a_bytes;
    t.to_row = p->direct ? g->c_row : nr; /* else tile after tile */
    run_block(jb, &t);
}

/* As much of k from k0 on as is packed at once: not past a block of it. */
static int64_t depth_to_pack(const plan *p, int64_t k0, int64_t k1, int64_t across)
{
    return least(pack_step(across), least(k1, k0 / p->kc * p->kc + p->kc) - k0);
}

/* Panels side by side, then downwards. */
static void pack_chunk_b(const job *jb, int64_t chunk)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t nr = p->kern->nr, depths = ceil_div(g->k, PACK_DEPTH), first = chunk / depths * PACK_PANELS;
    int64_t k0 = chunk % depths * PACK_DEPTH, k1 = least(g->k, k0 + PACK_DEPTH);
    int64_t count = least(PACK_PANELS, least(p->nb, p->col_panels - jb->panel) - first);
    const panel_form to = panels_of_b(p);
    for (int64_t step; k0 < k1; k0 += step) {
        step = depth_to_pack(p, k0, k1, g->b_col);
        for (int64_t j = first; j < first + count; j++) {
            int64_t col = (jb->panel + j) * nr;
            p->kern->pack_b(jb->scratch + p->b_at + panel_at(&to, j, k0), nr,
                            b_of(jb, jb->item) + (k0 * g->b_row + col * g->b_col) * p->b_size, p->b_dtype, g->b_col,
                            g->b_row, least(nr, g->n - col), step);
        }
    }
}

static void pack_chunk_a(const job *jb, int64_t chunk)
{
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    int64_t depths = ceil_div(g->k, PACK_DEPTH), first = chunk / depths * PACK_PANELS;
    int64_t k0 = chunk % depths * PACK_DEPTH, k1 = least(g->k, k0 + PACK_DEPTH);
    int64_t count = least(PACK_PANELS, p->row_panels - first);
    const panel_form to = panels_of_a(p);
    for (int64_t step; k0 < k1; k0 += step) {
        step = depth_to_pack(p, k0, k1, g->a_row);
        for (int64_t i = first; i < first + count; i++) {
            int64_t row = i * p->mr;
            p->kern->pack_a(jb->scratch + p->a_at + panel_at(&to, i, k0), p->mr,
                            a_of(jb, jb->item) + (k0 * g->a_col + row * g->a_row) * p->a_size, p->a_dtype, g->a_row,
                            g->a_col, least(p->mr, g->m - row), step);
        }
    }
}

/* First come the chunks that pack a panel of B, then those that compute. Chunks are claimed in order, so whoever waits
 * here waits for a thread that is packing. */
static void shared_chunk(void *arg, int64_t chunk, int thread)
{
    job *jb = arg;
    if (chunk < jb->packs) {
        if (chunk < jb->packs_b)
            pack_chunk_b(jb, chunk);
        else
            pack_chunk_a(jb, chunk - jb->packs_b);
        atomic_fetch_add_explicit(&jb->packed, 1, memory_order_release);
        return;
    }
    for (int spins = 0; atomic_load_explicit(&jb->packed, memory_order_acquire) < jb->packs; spins++)
        if (spins > 10000)
            sched_yield();
    compute_chunk(jb, chunk - jb->packs, thread);
}

static void own_chunk(void *arg, int64_t chunk, int thread)
{
    compute_chunk(arg, chunk, thread);
}

static void run_shared(job *jb)
{
    const plan *p = &jb->p;
    int64_t depths = ceil_div(p->g.k, PACK_DEPTH);
    for (jb->item = 0; jb->item < p->g.batch; jb->item++)
        for (jb->panel = 0; jb->panel < p->col_panels; jb->panel += p->nb) {
            jb->packs_b = ceil_div(least(p->nb, p->col_panels - jb->panel), PACK_PANELS) * depths;
            jb->packs = jb->packs_b;
            if (p->share_a && jb->panel == 0)
                jb->packs += ceil_div(p->row_panels, PACK_PANELS) * depths;
            atomic_store_explicit(&jb->packed, 0, memory_order_relaxed);
            cpu_parallel_in_order((int)p->threads, jb->packs + p->chunks, shared_chunk, jb);
        }
}

static char *part_of(const job *jb, int64_t item, int64_t part)
{
    const plan *p = &jb->p;
    return jb->scratch + p->parts_at + (size_t)(item * p->parts + part) * part_bytes(p);
}

static void part_chunk(void *arg, int64_t chunk, int thread)
{
    job *jb = arg;
    const plan *p = &jb->p;
    char *space = thread_space(jb, thread);
    int64_t item = chunk / p->parts, part = chunk % p->parts;
    block t = {.item = item, .i1 = p->g.m, .j1 = p->col_panels, .a_space = space, .part = true};
    t.to_row = p->col_panels * p->kern->nr;
    t.b_space = space + p->a_bytes + p->c_bytes;
    t.k0 = p->g.k * part / p->parts, t.k1 = p->g.k * (part + 1) / p->parts;
    t.to = part_of(jb, item, part);
    run_block(jb, &t);
}

/* The parts are added in order, whoever made them. */
static void add_parts(const job *jb, int64_t item)
{
    const plan *p = &jb->p;
    int64_t row = p->col_panels * p->kern->nr, count = p->g.m * row;
    void *sum = part_of(jb, item, 0);
    for (int64_t s = 1; s < p->parts; s++) {
        const void *part = part_of(jb, item, s);
        if (p->size == 8)
            for (int64_t i = 0; i < count; i++)
                ((double *)sum)[i] += ((const double *)part)[i];
        else
            for (int64_t i = 0; i < count; i++)
                ((float *)sum)[i] += ((const float *)part)[i];
    }
    check_sums(jb, item, 0, 0, p->g.m, p->g.n, sum, row);
    finish(jb, item, 0, 0, p->g.m, p->g.n, sum, row);
}

static void row_chunk(void *arg, int64_t chunk, int thread)
{
    job *jb = arg;
    const plan *p = &jb->p;
    const cpu_gemm *g = &p->g;
    if (g->backwards)
        chunk = cpu_chunk_from_the_end(p->threads, p->chunks, chunk);
    int64_t item = chunk / p->cols, j = chunk % p->cols * p->nb, n = least(p->nb, g->n - j);
    char *space = thread_space(jb, thread);
    const char *a = a_of(jb, item), *b = b_of(jb, item) + j * g->b_col * p->b_size;
    int64_t a_row = g->a_row;
    char *y = space + p->a_bytes;
    if (p->path == PATH_FILL) {
        finish(jb, item, 0, j, g->m, n, NULL, 0);
        return;
    }
    if (p->a_bytes) { /* A as neighbours of T */
        for (int64_t i = 0; i < g->m; i++)
            p->base->pack_a(space + (size_t)(i * g->k) * p->size, 1, a + i * g->a_row * p->a_size, g->dtype, g->a_row,
                            g->a_col, 1, g->k);
        a = space, a_row = g->k;
    }
    if (p->path == PATH_ROW)
        p->base->row(n, g->k, a, b, g->dtype, g->b_row, y);
    else
        p->base->dot(g->m, n, g->k, a, a_row, b, g->dtype, g->b_col, y, p->nb);
    finish(jb, item, 0, j, g->m, n, y, p->nb);
}

/* The bias as T, where it is narrower. */
static void widen_bias(job *jb)
{
    const cpu_gemm *g = &jb->p.g;
    if (g->bias == CPU_BIAS_NONE || (g->bias_dtype != TN_BF16 && g->bias_dtype != TN_F16))
        return;
    char *to = jb->scratch + jb->p.bias_at;
    jb->p.base->pack_a(to, g->bias == CPU_BIAS_COLUMN ? g->n : g->m, jb->bias, g->bias_dtype, 1, 1,
                       g->bias == CPU_BIAS_COLUMN ? g->n : g->m, 1);
    jb->bias = to;
}

size_t cpu_gemm_scratch(const cpu_gemm *g)
{
    return g->m <= 0 || g->n <= 0 ? 0 : make_plan(g).bytes;
}

/* Else B is read as it lies, which is faster: few rows do not repay that it is taken apart each time. */
bool cpu_gemm_packs_b(const cpu_gemm *g)
{
    cpu_gemm fixed = *g;
    fixed.b_fixed = true;
    if (g->m <= 0 || g->n <= 0)
        return false;
    const plan p = make_plan(&fixed);
    return p.path == PATH_TILE && !p.exchanged && (!p.kern->wild || g->m < FEW_ROWS);
}

bool cpu_gemm_takes_half(const cpu_gemm *g)
{
    if (g->m <= 0 || g->n <= 0 || g->k <= 0 || g->dtype != TN_F32 || !g->narrow)
        return false;
    const plan p = make_plan(g);
    return p.kern->whole && !p.kern->wild && (p.path == PATH_TILE || p.path == PATH_PARTS);
}

bool cpu_gemm_rounds(const cpu_gemm *g)
{
    return g->m > DOT_ROWS && g->n > DOT_ROWS && cpu_gemm_takes_half(g); /* rows and columns may be exchanged */
}

const char *cpu_gemm_path(const cpu_gemm *g)
{
    if (g->m <= 0 || g->n <= 0)
        return "nothing";
    plan p = make_plan(g);
    if (p.path != PATH_TILE || !p.kern->whole)
        return path_names[p.path];
    return g->isa < CPU_AMX_PAIRS ? "bf16" : p.kern->wild ? "amx f32" : "amx";
}

void cpu_gemm_run(const cpu_gemm *g, const void *a, const void *b, void *c, const void *bias, void *scratch)
{
    if (g->m <= 0 || g->n <= 0)
        return;
    job jb = {.p = make_plan(g), .c = c, .scratch = scratch, .bias = bias};
    const plan *p = &jb.p;
    jb.a = p->exchanged ? b : a, jb.b = p->exchanged ? a : b;
    jb.out = tn_dtype_size(p->g.c_dtype);
    widen_bias(&jb);
    int threads = (int)p->threads;
    switch (p->path) {
    case PATH_TILE:
        if (p->share_b)
            run_shared(&jb);
        else
            cpu_parallel(threads, p->chunks, own_chunk, &jb);
        break;
    case PATH_PARTS:
        cpu_parallel(threads, p->chunks, part_chunk, &jb);
        for (int64_t i = 0; i < p->g.batch; i++)
            add_parts(&jb, i);
        break;
    default: cpu_parallel(threads, p->chunks, row_chunk, &jb);
    }
}

/* ---- B packed ahead -------------------------------------------------------------------------------------------- */

/* The kernels that read B packed. */
static const gemm_kernels *packed_kernels_for(const cpu_gemm *g)
{
    cpu_gemm packed = *g;
    packed.b_packed = true;
    return tile_kernels_for(&packed);
}

size_t cpu_gemm_packed_size(const cpu_gemm *g)
{
    const gemm_kernels *kern = packed_kernels_for(g);
    return (size_t)(round_up(g->n, kern->nr) * round_up(g->k, kern->k_unit)) * (size_t)kern->packed;
}

void cpu_gemm_pack_b(const cpu_gemm *g, const void *b, void *packed)
{
    const gemm_kernels *kern = packed_kernels_for(g);
    int64_t nr = kern->nr, in = (int64_t)tn_dtype_size(g->dtype);
    if (g->k <= 0 || g->n <= 0)
        return;
    const panel_form to = {ceil_div(g->n, nr), nr, depth_of_block(kern, g->k), round_up(g->k, kern->k_unit),
                           (size_t)kern->packed};
    for (int64_t k0 = 0; k0 < g->k; k0 += to.depth)
        for (int64_t j = 0; j < g->n; j += nr)
            kern->pack_b((char *)packed + panel_at(&to, j / nr, k0), nr,
                         (const char *)b + (k0 * g->b_row + j * g->b_col) * in, g->dtype, g->b_col, g->b_row,
                         least(nr, g->n - j), least(to.depth, g->k - k0));
}
