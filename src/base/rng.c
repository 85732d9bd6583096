/* rng.c - Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as
 * easy as 1, 2, 3", 2011) and the draws made of it.
 *
 * The key is the seed. The counter is laid out so that no two of (purpose, index,
 * block) share a block of four draws:
 *
 *     word 0        word 1                       words 2, 3
 *     block, low    purpose << 24 | block, high  index
 *
 * which leaves 2^58 draws a stream. A child stream's seed is a Philox output, so it
 * differs from every other seed but for chance (2^-64). */
#include "base/rng.h"

#include "base/bytes.h"
#include "base/err.h"

#include <math.h>

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0;
        uint64_t p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u; /* the golden ratio */
        k1 += 0xbb67ae85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void draw_block(const Rng *r, uint64_t block, uint32_t out[4])
{
    const uint32_t counter[4] = {(uint32_t)block,
                                 (uint32_t)(r->purpose << 24 | block >> 32),
                                 (uint32_t)r->index, (uint32_t)(r->index >> 32)};
    const uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
    rng_philox(counter, key, out);
}

/* The next n <= 4 draws; a block is computed once for those of them it holds. */
static void take(Rng *r, uint32_t *out, int n)
{
    uint32_t block[4];
    for (int i = 0; i < n; i++) {
        if (i == 0 || r->counter % 4 == 0)
            draw_block(r, r->counter / 4, block);
        out[i] = block[r->counter % 4];
        r->counter++;
    }
}

Rng rng_make(uint64_t seed, RngPurpose purpose, uint64_t index)
{
    ASSERT((int)purpose > 0 && (int)purpose < 255);
    return (Rng){seed, (uint64_t)purpose, index, 0};
}

Rng rng_child(const Rng *r, uint64_t i)
{
    Rng parent = *r;
    parent.purpose = 255; /* no stream's own: its draws are the children's seeds */
    uint32_t words[4];
    draw_block(&parent, r->purpose, words);
    uint64_t seed = (uint64_t)words[0] | (uint64_t)words[1] << 32;
    return (Rng){seed, r->purpose, i, 0};
}

uint32_t rng_u32(Rng *r)
{
    uint32_t u;
    take(r, &u, 1);
    return u;
}

uint64_t rng_u64(Rng *r)
{
    uint32_t u[2];
    take(r, u, 2);
    return (uint64_t)u[0] | (uint64_t)u[1] << 32;
}

/* Lemire 2019: the high word of u*n, drawing again where the low word would favour
 * some results. */
uint32_t rng_below(Rng *r, uint32_t n)
{
    ASSERT(n >= 1);
    uint64_t product = (uint64_t)rng_u32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t least = (0u - n) % n;
        while ((uint32_t)product < least)
            product = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

double rng_uniform(Rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(Rng *r)
{
    uint32_t w[4];
    take(r, w, 4);
    uint64_t a = (uint64_t)w[0] | (uint64_t)w[1] << 32;
    uint64_t b = (uint64_t)w[2] | (uint64_t)w[3] << 32;
    double u = (double)((a >> 11) + 1) * 0x1p-53; /* (0, 1]: its logarithm is finite */
    double v = (double)(b >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

int64_t rng_pick(Rng *r, const double *w, int64_t n)
{
    double sum = 0;
    int64_t last = -1;
    for (int64_t i = 0; i < n; i++) {
        ASSERT(w[i] >= 0);
        sum += w[i];
        if (w[i] > 0)
            last = i;
    }
    ASSERT(last >= 0 && isfinite(sum));
    double mark = rng_uniform(r) * sum;
    double below = 0;
    for (int64_t i = 0; i < last; i++) {
        below += w[i];
        if (mark < below)
            return i;
    }
    return last; /* also where rounding made `below` end short of the mark */
}

void rng_shuffle(Rng *r, int64_t *v, int64_t n)
{
    ASSERT(n <= UINT32_MAX);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = rng_below(r, (uint32_t)(i + 1));
        int64_t kept = v[i];
        v[i] = v[j];
        v[j] = kept;
    }
}

/* MurmurHash64A (Appleby 2008), with little-endian words on every machine. */
uint64_t rng_hash(const void *bytes, uint64_t len, uint64_t seed)
{
    const uint64_t m = 0xc6a4a7935bd1e995u;
    const unsigned char *p = bytes;
    uint64_t h = seed ^ (len * m);
    uint64_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t k = bytes_u64(p) * m;
        h = (h ^ (k ^ k >> 47) * m) * m;
    }
    if (left > 0) {
        uint64_t k = 0;
        for (uint64_t i = 0; i < left; i++)
            k |= (uint64_t)p[i] << (8 * i);
        h = (h ^ k) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}
