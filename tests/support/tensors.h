/* tensors.h - what tests of the operations need: a backend's tensors from a random
 * stream, several packed documents, and what came out, as one line of floats. */
#ifndef SUPPORT_TENSORS_H
#define SUPPORT_TENSORS_H

#include "support/check.h"
#include "tensor/ops.h"

#include <math.h>

/* How a case draws its activations. */
typedef enum BenchActivations {
    BENCH_PLAIN,   /* any floats */
    BENCH_ROUNDED, /* numbers that bf16 has, as floats */
    BENCH_STORED   /* these, as the backend stores activations */
} BenchActivations;

/* One run of a case on one backend: everything it makes is freed together, everything
 * it shows is kept in `shown`. Two backends given equal seeds make equal inputs. */
typedef struct Bench {
    TensorOps *t;
    Rng rng;
    BenchActivations activations;
    Tensor made[256];
    int n_made;
    Weight weights[64]; /* with packed copies */
    int n_weights;
    Adapter adapters[32];
    int n_adapters;
    float *shown;
    int64_t n_shown;
} Bench;

/* Every set of instructions that a backend may be compiled for. */
static const char *const bench_sets[] = {"baseline", "avx2", "avx512", "avx512_bf16",
                                         "amx"};
enum { BENCH_SETS = sizeof bench_sets / sizeof *bench_sets };

/* The fast backend with these instructions; NULL where the processor lacks them. */
static inline TensorOps *bench_cpu(const char *set, int threads, TensorCompute compute)
{
    TensorOps *t = NULL;
    Err err;
    TensorCpuOptions o = {.threads = threads, .compute = compute, .set = set};
    Status status = tensor_cpu_new(&t, &o, &err);
    assert_true(status == OK || (set && status == ERR_OPTION));
    return t;
}

static inline Bench bench_make(TensorOps *t, uint64_t seed)
{
    return (Bench){.t = t, .rng = rng_make(seed, RNG_TEST, 0)};
}

static inline void bench_release(Bench *b)
{
    for (int i = 0; i < b->n_weights; i++)
        b->t->weight_release(b->t, &b->weights[i]);
    for (int i = 0; i < b->n_adapters; i++)
        b->t->adapter_release(b->t, &(Weight){.adapter = &b->adapters[i]});
    for (int i = 0; i < b->n_made; i++)
        b->t->free(b->t, &b->made[i]);
    free(b->shown);
}

static inline Tensor bench_zeros(Bench *b, TensorType type, int64_t n)
{
    Err err;
    assert_true(b->n_made < 256);
    CHECK_OK(b->t->alloc(b->t, &b->made[b->n_made], type, n, &err));
    return b->made[b->n_made++];
}

static inline Tensor bench_floats(Bench *b, const float *x, int64_t n)
{
    Tensor out = bench_zeros(b, TENSOR_F32, n);
    b->t->write(b->t, out, x);
    return out;
}

static inline Tensor bench_ids(Bench *b, const int32_t *x, int64_t n)
{
    Tensor out = bench_zeros(b, TENSOR_I32, n);
    b->t->write(b->t, out, x);
    return out;
}

/* Normal numbers of deviation `sd`. */
static inline Tensor bench_normal(Bench *b, int64_t n, double sd)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(rng_normal(&b->rng) * sd);
    Tensor out = bench_floats(b, x, n);
    free(x);
    return out;
}

/* The same, each rounded to bf16. */
static inline Tensor bench_rounded(Bench *b, int64_t n, double sd)
{
    Tensor x = bench_normal(b, n, sd), half = bench_zeros(b, TENSOR_BF16, n);
    b->t->copy(b->t, half, x);
    b->t->copy(b->t, x, half);
    return x;
}

/* Normal activations of deviation `sd`. */
static inline Tensor bench_activations(Bench *b, int64_t n, double sd)
{
    if (b->activations == BENCH_PLAIN)
        return bench_normal(b, n, sd);
    Tensor x = bench_rounded(b, n, sd);
    if (b->activations == BENCH_ROUNDED)
        return x;
    Tensor stored = bench_zeros(b, tensor_activation_type(b->t), n);
    b->t->copy(b->t, stored, x);
    return stored;
}

/* Ids in [0, bound). */
static inline Tensor bench_random_ids(Bench *b, int64_t n, int32_t bound)
{
    int32_t *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (int32_t)rng_below(&b->rng, (uint32_t)bound);
    Tensor out = bench_ids(b, x, n);
    free(x);
    return out;
}

static inline Weight bench_weight(Bench *b, int64_t rows, int64_t cols, double sd)
{
    return (Weight){.value = bench_normal(b, rows * cols, sd),
                    .grad = bench_normal(b, rows * cols, 1),
                    .rows = rows,
                    .cols = cols,
                    .trainable = true};
}

/* An adapter for w of `rank` on these pieces of its rows; w has its own packed copy
 * already, if it is to have one. x a^T is of x's deviation, b of `sd`. */
static inline void bench_adapt(Bench *b, Weight *w, int64_t rank,
                               const AdapterPiece *piece, int32_t pieces, float scale,
                               double sd)
{
    Err err;
    int64_t rows = 0;
    assert_true(b->n_adapters < 32 && pieces <= ADAPTER_PIECES);
    Adapter *adapter = &b->adapters[b->n_adapters++];
    for (int32_t i = 0; i < pieces; i++)
        rows += piece[i].rows;
    double a_sd = 1 / sqrt((double)w->cols);
    *adapter = (Adapter){.a = bench_weight(b, pieces * rank, w->cols, a_sd),
                         .b = bench_weight(b, rows, rank, sd),
                         .pieces = pieces,
                         .scale = scale};
    adapter->a.value = bench_rounded(b, adapter->a.value.count, a_sd);
    adapter->b.value = bench_rounded(b, adapter->b.value.count, sd);
    memcpy(adapter->piece, piece, (size_t)pieces * sizeof *piece);
    w->adapter = adapter;
    CHECK_OK(b->t->adapter_prepare(b->t, w, &err));
    b->t->adapter_changed(b->t, w);
}

/* The first rows of documents whose lengths are drawn from 1..longest. */
static inline Tensor bench_starts(Bench *b, int64_t N, int64_t longest)
{
    int32_t *x = malloc((size_t)N * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < N;) {
        int64_t len = 1 + rng_below(&b->rng, (uint32_t)longest), first = i;
        for (; i < N && i < first + len; i++)
            x[i] = (int32_t)first;
    }
    Tensor out = bench_ids(b, x, N);
    free(x);
    return out;
}

static inline void bench_show_floats(Bench *b, const float *x, int64_t n)
{
    float *grown = realloc(b->shown, (size_t)(b->n_shown + n + 1) * sizeof *grown);
    assert_non_null(grown);
    b->shown = grown;
    memcpy(b->shown + b->n_shown, x, (size_t)n * sizeof *x);
    b->n_shown += n;
}

static inline void bench_show(Bench *b, Tensor x)
{
    Tensor floats = bench_zeros(b, TENSOR_F32, x.count);
    float *copy = malloc((size_t)(x.count + 1) * sizeof *copy);
    assert_non_null(copy);
    b->t->copy(b->t, floats, x);
    b->t->read(b->t, copy, floats);
    bench_show_floats(b, copy, x.count);
    free(copy);
}

#endif
