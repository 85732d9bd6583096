/* rng.h - counter-based random numbers (Salmon et al. 2011, Philox 4x32-10).
 *
 * A draw is a pure function of (seed, purpose, index, counter): the same draws
 * whatever the batch, the thread count or the point of resume. There is no hidden
 * state: an Rng is a key and a counter, 32 bytes, copied and saved freely.
 *
 *     Rng r = rng_make(seed, RNG_SAMPLE, sequence_index);
 *     float u = rng_uniform(&r);                                                     */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* What the draws are for: different purposes never share a stream. */
typedef enum RngPurpose {
    RNG_INIT = 1,     /* parameters; index = number of the tensor */
    RNG_SHUFFLE = 2,  /* order of data; index = epoch */
    RNG_SAMPLE = 3,   /* next tokens; index = sequence */
    RNG_SPLIT = 4,    /* held-out choice; index = document */
    RNG_WORLD = 5,    /* the practice world; index = what is generated */
    RNG_EVAL = 6,     /* evaluation samples */
    RNG_MIX = 7,      /* mixtures of data sets */
    RNG_ADAPTER = 16, /* A of a low-rank adapter; index = layer and projection */
    RNG_LABEL = 20,   /* what people and judges are shown; index = item or labeler */
    RNG_REWARD = 24,  /* a reward that is drawn; index = hash of prompt and answer */
    RNG_TASKS = 30,   /* questions of small worlds; index = the file */
    RNG_TEST = 100,   /* tests and benchmarks */
} RngPurpose;

typedef struct Rng {
    uint64_t seed, purpose, index;
    uint64_t counter; /* 32-bit draws taken so far */
} Rng;

Rng rng_make(uint64_t seed, RngPurpose purpose, uint64_t index);
/* A child stream for item i of r's stream: independent of r's own draws. */
Rng rng_child(const Rng *r, uint64_t i);

/* The bijection itself: 128 bits of counter to 128 random bits under a 64-bit key. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

uint32_t rng_u32(Rng *r);
uint64_t rng_u64(Rng *r);
uint32_t rng_below(Rng *r, uint32_t n); /* uniform in [0, n), unbiased; n >= 1 */
double rng_uniform(Rng *r);             /* [0, 1), 53 bits (two draws) */
double rng_normal(Rng *r);              /* mean 0, deviation 1 (Box-Muller) */
int64_t rng_pick(Rng *r, const double *w, int64_t n); /* index with chance w[i]/sum */
/* Fisher-Yates shuffle of n int64. */
void rng_shuffle(Rng *r, int64_t *v, int64_t n);
/* 64-bit hash of bytes (stable over versions: used to split documents). */
uint64_t rng_hash(const void *bytes, uint64_t len, uint64_t seed);

#endif
