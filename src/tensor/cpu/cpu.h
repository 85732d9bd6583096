/* cpu.h - the fast host backend: what its files share.
 *
 * The table starts as ref/'s. The files of simd/ are compiled once for each instruction
 * set that cmake/layers.cmake lists and overwrite what they do better; cpu.c picks the
 * widest set that this processor has.
 *
 * Scratch: buffers in the context, grown by reserve(); an operation that was not
 * reserved for grows them itself, and a bug in the sizes shows as an allocation.
 * Threads: OpenMP over independent outputs. Sums over rows run in a fixed number of
 * blocks that are added in order, so the bits do not depend on the thread count. */
#ifndef TENSOR_CPU_CPU_H
#define TENSOR_CPU_CPU_H

#include "tensor/ops.h"

/* Grown, never shrunk. */
typedef struct CpuBuffer {
    void *data;
    size_t bytes;
} CpuBuffer;

typedef struct CpuContext {
    int threads;
    CpuBuffer logits;     /* cpu_logit_rows rows */
    CpuBuffer gradients;  /* cpu_logit_gradient_rows rows */
    CpuBuffer partial;    /* CPU_BLOCKS rows of partial sums */
    CpuBuffer attention;  /* a workspace a thread */
    CpuBuffer documents;  /* first row of each document, and N */
    CpuBuffer sample;     /* two rows of the vocabulary a thread */
    CpuBuffer transposed; /* the input of a product with few rows */
    CpuBuffer packed;     /* blocks of a product's operands */
    CpuBuffer adapter;    /* x a^T, and dy b, of all rows */
    CpuBuffer muon;       /* a workspace a thread */
    CpuBuffer extra;      /* the first operand of a product's extra */
} CpuContext;

enum {
    CPU_BLOCKS = 16,   /* blocks of rows whose sums are added in order */
    CPU_FEW_ROWS = 64, /* f32 products with at most this many rows pack no weights */
    CPU_QUERIES = 32,  /* queries at a time in attention */
};

static inline CpuContext *cpu_context(TensorOps *t)
{
    return t->context;
}

/* At least `bytes` of memory that stays until the next call with more. */
void *cpu_buffer(CpuBuffer *b, size_t bytes);
static inline float *cpu_floats(CpuBuffer *b, int64_t n)
{
    return cpu_buffer(b, (size_t)n * sizeof(float));
}

/* Rows of logits at a time: they are read three times before their gradient is made, so
 * few enough for the third-level cache, if the vocabulary allows. */
static inline int64_t cpu_logit_rows(int64_t vocab)
{
    int64_t rows = (1 << 22) / (vocab > 0 ? vocab : 1);
    return rows < 56 ? 56 : rows > 512 ? 512 : rows;
}
/* Rows of gradients of logits, of `size` bytes each, at a time: the head's gradient is
 * added to all of the head's once for each so many rows; at most 64 MB. */
static inline int64_t cpu_logit_gradient_rows(int64_t vocab, int64_t size)
{
    int64_t rows = (1 << 26) / size / (vocab > 0 ? vocab : 1);
    return rows < 64 ? 64 : rows > 1024 ? 1024 : rows;
}
/* Words of one thread's workspace in attention for documents of up to `len` rows: at most
 * that, in any arithmetic; see simd/attention.c. */
static inline int64_t cpu_attention_words(int64_t len, int64_t D)
{
    int64_t rows = (len + 31) / 32 * 32, wide = (D + 31) / 32 * 32;
    return rows * (5 * wide + CPU_QUERIES) + CPU_QUERIES * (5 * wide + 4 * 32) + 1024;
}

/* Words of scratch that a product takes (simd/gemm.c): a block of B for all threads, a
 * block of A for each; at least one strip of either when k is `depth` words deep. */
enum {
    CPU_GEMM_DEPTH = 512,    /* words of k at a time */
    CPU_GEMM_COLUMNS = 2048, /* columns of B at a time */
    CPU_GEMM_ROWS = 512      /* rows of A in a task, at most */
};
static inline size_t cpu_gemm_words(int threads, int64_t depth)
{
    size_t deep = depth > CPU_GEMM_DEPTH ? (size_t)depth : CPU_GEMM_DEPTH;
    size_t rows = CPU_GEMM_DEPTH * CPU_GEMM_ROWS,
           columns = CPU_GEMM_DEPTH * CPU_GEMM_COLUMNS;
    rows = rows > deep * 32 ? rows : deep * 32;
    columns = columns > deep * 32 ? columns : deep * 32;
    return columns + ((size_t)threads + 1) * (rows + 16);
}

/* Words of rows of an extra product's first operand that one thread packs, K deep. */
static inline int64_t cpu_gemm_extra_words(int64_t K)
{
    return CPU_GEMM_ROWS * (K + 16) + 64;
}

/* Words of one thread's workspace in muon of a matrix (rows,cols), see simd/muon.c: two
 * matrices of that size, four of the smaller extent squared, and both operands of a product
 * as strips; all with extents rounded up to whole tiles of any instruction set. */
static inline int64_t cpu_muon_words(int64_t rows, int64_t cols)
{
    int64_t p = (rows < cols ? rows : cols) + 32, q = (rows < cols ? cols : rows) + 32;
    return 4 * p * q + 4 * p * p + 256;
}

/* How many threads a loop over `work` floats is worth. */
static inline int cpu_threads(TensorOps *t, int64_t work)
{
    return work < 1 << 14 ? 1 : cpu_context(t)->threads;
}

/* PARALLEL_FOR(t, work) for (...): the iterations in parallel; without OpenMP the plain
 * loop. PARALLEL_FOR_UNEVEN hands them out one at a time. */
#ifdef _OPENMP
#    define CPU_PRAGMA(text) _Pragma(#    text)
#    define PARALLEL_FOR(t, work)                                                      \
        CPU_PRAGMA(omp parallel for schedule(static) num_threads(cpu_threads(t, work)))
#    define PARALLEL_FOR_UNEVEN(t, work)                                               \
        CPU_PRAGMA(omp parallel for schedule(dynamic) num_threads(cpu_threads(t, work)))
#    include <omp.h>
#    define CPU_THREAD omp_get_thread_num()
#    define CPU_SERIAL false
#else
#    define PARALLEL_FOR(t, work)        (void)(t);
#    define PARALLEL_FOR_UNEVEN(t, work) (void)(t);
#    define CPU_THREAD                   0
#    define CPU_SERIAL                   true
#endif

/* The fills of each compiled instruction set; see simd/fill.c. */
void cpu_fill_baseline(TensorOps *t);
#ifdef TENSOR_X86
void cpu_fill_avx2(TensorOps *t);
void cpu_fill_avx512(TensorOps *t);
void cpu_fill_avx512_bf16(TensorOps *t);
void cpu_fill_amx(TensorOps *t);
#endif

#endif
