/* data_digest.c: SHA-256 (FIPS 180-4) and MD5 (RFC 1321), of a file and both at once. */
#include <math.h>
#include <string.h>

#include "data.h"

enum { BLOCK = 64 };

typedef struct digest {
    uint32_t sha[8], md5[4];
    uint32_t sha_k[64], md5_k[64];
    uint8_t block[BLOCK];
    size_t filled;
    uint64_t bytes;
} digest;

static uint32_t left(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static uint32_t right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static bool prime(int n)
{
    for (int k = 2; k * k <= n; k++)
        if (n % k == 0)
            return false;
    return true;
}

/* The first 32 bits of the fraction of a root, in whole numbers: the largest f with (whole + f / 2^32)^power <= n. */
static uint32_t root_fraction(int n, int power)
{
    uint64_t low = 0, high = (uint64_t)20 << 32;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        long double x = (long double)middle / 4294967296.0L;
        *(x * x * (power == 3 ? x : 1.0L) <= (long double)n ? &low : &high) = middle;
    }
    return (uint32_t)low;
}

/* Both constants are defined by formulas, not by tables: roots of the first primes, and sines. */
static void begin(digest *d)
{
    static const uint32_t md5_start[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
    *d = (digest){0};
    memcpy(d->md5, md5_start, sizeof md5_start);
    for (int i = 0, p = 2; i < 64; p++) {
        if (!prime(p))
            continue;
        if (i < 8)
            d->sha[i] = root_fraction(p, 2);
        d->sha_k[i++] = root_fraction(p, 3);
    }
    for (int i = 0; i < 64; i++)
        d->md5_k[i] = (uint32_t)(4294967296.0 * fabs(sin((double)(i + 1))));
}

static void sha_block(digest *d, const uint8_t *p)
{
    uint32_t w[64], s[8];
    memcpy(s, d->sha, sizeof s);
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (right(a, 7) ^ right(a, 18) ^ a >> 3) + w[i - 7] + (right(b, 17) ^ right(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 64; i++) {
        uint32_t choose = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t most = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t t1 = s[7] + (right(s[4], 6) ^ right(s[4], 11) ^ right(s[4], 25)) + choose + d->sha_k[i] + w[i];
        uint32_t t2 = (right(s[0], 2) ^ right(s[0], 13) ^ right(s[0], 22)) + most;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        d->sha[i] += s[i];
}

static void md5_block(digest *d, const uint8_t *p)
{
    static const int turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t x[16], a = d->md5[0], b = d->md5[1], c = d->md5[2], e = d->md5[3];
    for (int i = 0; i < 16; i++)
        x[i] = (uint32_t)p[4 * i + 3] << 24 | (uint32_t)p[4 * i + 2] << 16 | (uint32_t)p[4 * i + 1] << 8 | p[4 * i];
    for (int i = 0; i < 64; i++) {
        const uint32_t f[4] = {(b & c) | (~b & e), (b & e) | (c & ~e), b ^ c ^ e, c ^ (b | ~e)};
        const int word[4] = {i, 5 * i + 1, 3 * i + 5, 7 * i};
        uint32_t next = b + left(a + f[i / 16] + x[word[i / 16] % 16] + d->md5_k[i], turns[i / 16][i % 4]);
        a = e;
        e = c;
        c = b;
        b = next;
    }
    d->md5[0] += a;
    d->md5[1] += b;
    d->md5[2] += c;
    d->md5[3] += e;
}

static void add(digest *d, const uint8_t *data, size_t n)
{
    d->bytes += n;
    while (n > 0) {
        size_t take = BLOCK - d->filled < n ? BLOCK - d->filled : n;
        memcpy(d->block + d->filled, data, take);
        d->filled += take;
        data += take;
        n -= take;
        if (d->filled == BLOCK) {
            sha_block(d, d->block);
            md5_block(d, d->block);
            d->filled = 0;
        }
    }
}

/* A one, zeros, the number of bits: its bytes are in the other order for MD5. */
static void end(digest *d)
{
    uint64_t bits = d->bytes * 8;
    uint8_t pad[2 * BLOCK] = {0x80};
    size_t zeros = (d->filled < 56 ? 56 : 120) - d->filled;
    add(d, pad, zeros);
    for (int i = 0; i < 8; i++)
        d->block[56 + i] = (uint8_t)(bits >> 8 * i);
    md5_block(d, d->block);
    for (int i = 0; i < 8; i++)
        d->block[56 + i] = (uint8_t)(bits >> 8 * (7 - i));
    sha_block(d, d->block);
}

bool cli_data_digests(const char *path, char sha256[DATA_DIGEST_TEXT], char md5[DATA_DIGEST_TEXT], long long *bytes)
{
    FILE *f = fopen(path, "rb");
    uint8_t piece[16384];
    size_t n;
    digest d;
    if (!f)
        return false;
    begin(&d);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        add(&d, piece, n);
    bool ok = !ferror(f);
    (void)fclose(f);
    *bytes = (long long)d.bytes;
    end(&d);
    for (int i = 0; i < 32; i++)
        (void)snprintf(sha256 + 2 * i, 3, "%02x", (unsigned)(d.sha[i / 4] >> (24 - 8 * (i % 4)) & 255));
    for (int i = 0; i < 16; i++)
        (void)snprintf(md5 + 2 * i, 3, "%02x", (unsigned)(d.md5[i / 4] >> 8 * (i % 4) & 255));
    return ok;
}
