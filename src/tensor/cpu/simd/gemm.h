/* gemm.h - matrix products of any size, in f32 or in bf16 with f32 sums. */
#ifndef TENSOR_CPU_SIMD_GEMM_H
#define TENSOR_CPU_SIMD_GEMM_H

#include "tensor/cpu/cpu.h"
#include "tensor/cpu/simd/gemm_pack.h"

/* Compiled once for each instruction set, see simd.h. */
#define gemm_multiply SIMD_NAME(gemm_multiply_)
#define gemm_pack_all SIMD_NAME(gemm_pack_all_)

/* A second product of few columns, A B^T with A(M,K) f32 and B(N,K), whose sums are added
 * to C before it is stored: it costs no pass over C, and where C is bf16 both sums are
 * rounded as one. */
typedef struct GemmExtra {
    GemmMatrix a;
    const uint32_t *packed_b; /* as gemm_pack_all leaves B */
    int64_t K;
    /* NULL, or whose pieces B has on its diagonal: rows of piece i are 0 but for columns
     * [i r, (i+1) r), rows of none are 0. */
    const Adapter *blocks;
} GemmExtra;

/* C(M,N) = A B^T + bias + residual + extra, or C += A B^T + extra, with A(M,K) and B(N,K).
 * Rows of C lie ldc apart. packed_b: all of B as gemm_pack_all left it; B itself is not
 * read then. */
typedef struct Gemm {
    void *c; /* f32, or bf16 when c_bf16: not with add */
    int64_t ldc;
    GemmMatrix a, b;
    const uint32_t *packed_b;
    const float *bias;      /* (N) or NULL */
    const float *residual;  /* (M,N), rows ldc apart, or NULL; not both; may be C */
    const GemmExtra *extra; /* or NULL */
    int64_t M, N, K;
    bool add, bf16, c_bf16;
} Gemm;

/* Same bits for any number of threads; the bits of a row do not depend on M. */
void gemm_multiply(TensorOps *t, const Gemm *g);

/* Words that all of a (rows,K) matrix takes as strips of GEMM_COLS; and packing it. */
static inline int64_t gemm_packed_words(int64_t rows, int64_t K, bool bf16)
{
    return (rows + GEMM_COLS - 1) / GEMM_COLS * GEMM_COLS * gemm_words(K, bf16) +
           GEMM_SLACK;
}
void gemm_pack_all(TensorOps *t, uint32_t *out, GemmMatrix m, int64_t rows, int64_t K,
                   bool bf16);

#endif
