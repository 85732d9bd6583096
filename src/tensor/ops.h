/* ops.h - TensorOps, the seam to the hardware: every operation of a transformer as a
 * commented table of function pointers.
 *
 * ref/ fills the table with slow, obvious code; cpu/ (later cuda/) overwrites what it
 * does better. ref/ stays: it is the oracle of every faster kernel.
 *
 * Tensor memory belongs to the backend. Nothing above tensor/ dereferences
 * Tensor.data: values cross by read() and write(), so that a backend with its own
 * memory changes no floor above. Functions below return nothing: what can fail
 * (memory) fails in alloc() and reserve(), before the work starts. Wrong shapes are
 * bugs (ASSERT).
 *
 * Names:  N rows (tokens), C hidden channels, O outputs, F width of the MLP, V
 *         vocabulary, Hq query heads, Hk key/value heads (Hk divides Hq), D channels a
 *         head (even, at most TENSOR_MAX_HEAD), M a few selected rows. All tensors are
 *         row-major and dense.
 * Marks:  `=` the output is overwritten, `+=` it is added to. dX is dLoss/dX.
 *         `~` an activation: F32, or BF16 on a backend that computes in bf16 (then what is
 *         stored is rounded; arithmetic is f32). Those of one call may differ unless it
 *         says otherwise. What has no mark is F32.
 * Packed: there is no batch dimension. A pass is N tokens in a line; starts[i] is the
 *         row at which the document of row i begins, and row i attends to rows
 *         starts[i]..i. So padding, packing and batches are one thing.
 * Threads: one thread drives one TensorOps at a time. Same threads, same bits. */
#ifndef TENSOR_OPS_H
#define TENSOR_OPS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The widest head: kernels keep a row of it on the stack. */
enum { TENSOR_MAX_HEAD = 1024 };

typedef enum TensorType { TENSOR_F32, TENSOR_BF16, TENSOR_I32 } TensorType;

/* A piece of backend memory; by value. count 0 and data NULL: no tensor. */
typedef struct Tensor {
    void *data; /* the backend's; opaque above tensor/ */
    TensorType type;
    int64_t count; /* elements */
} Tensor;

static inline int tensor_type_bytes(TensorType t)
{
    return t == TENSOR_BF16 ? 2 : 4;
}
/* Elements [offset, offset+count) of t. */
static inline Tensor tensor_slice(Tensor t, int64_t offset, int64_t count)
{
    ASSERT(offset >= 0 && count >= 0 && offset + count <= t.count);
    return (Tensor){(char *)t.data + offset * tensor_type_bytes(t.type), t.type, count};
}
static inline bool tensor_present(Tensor t)
{
    return t.count > 0;
}

/* A matrix (rows,cols), or a vector (rows = 1), that takes part in training. */
typedef struct Adapter Adapter;
typedef struct Weight {
    Tensor value;  /* (rows,cols): y = x value^T has `rows` outputs */
    Tensor grad;   /* same shape; absent when frozen */
    Tensor master; /* f32 copy when value is bf16; absent otherwise */
    int64_t rows, cols;
    void *packed; /* owned by the backend: a copy for its products, or NULL; one in bf16
                     makes all products with this weight products of bf16 */
    bool decays;  /* weight decay applies (matrices) */
    bool trainable;
    Adapter
        *adapter; /* borrowed; its products are added to this weight's. NULL: none */
} Weight;

/* A low-rank adapter of a matrix w(O,C) (Hu et al. 2021, "LoRA"): wherever w multiplies,
 * w + scale * b a does, and a and b are trained in its place. A fused w has one for each
 * piece of its rows that is adapted, with a rank of r each and as many columns of x a^T:
 * piece i is rows [first, first + rows) of w, rows [i r, (i+1) r) of a and, after those of
 * the pieces before it, `rows` rows of b. */
enum { ADAPTER_PIECES = 3, ADAPTER_MAX_RANK = 1024 };
typedef struct AdapterPiece {
    int64_t first, rows; /* of w; pieces come in order and do not overlap */
} AdapterPiece;
struct Adapter {
    Weight a; /* (pieces r, C) */
    Weight b; /* (rows of all pieces, r) */
    AdapterPiece piece[ADAPTER_PIECES];
    int32_t pieces;
    float scale;
    void *packed; /* owned by the backend: copies for its products, or NULL */
};
static inline int64_t adapter_rank(const Adapter *a)
{
    return a->b.cols;
}
/* Columns of x a^T: what the backend keeps of each row for a moment. */
static inline int64_t adapter_width(const Adapter *a)
{
    return a->a.rows;
}

/* How one row of logits becomes one id. */
typedef struct SampleRow {
    double u;                 /* uniform draw in [0,1) */
    float temperature;        /* 0: the most likely id */
    int32_t top_k;            /* 0: off */
    float top_p;              /* 1: off */
    float min_p;              /* 0: off */
    float repetition_penalty; /* 1: off (Keskar et al. 2019) */
    const int32_t *recent;    /* ids that the penalty is for */
    int32_t n_recent;
    const uint32_t *allowed; /* bit v set: id v may be drawn; NULL: all */
} SampleRow;

typedef struct SampleOut {
    int32_t id;
    float logprob;  /* log softmax(logits/T)[id] over the whole vocabulary (T=1 if
                      temperature is 0): what PPO learns from */
    float entropy;  /* of softmax(logits/T), nats */
    float log_kept; /* log of the share that `allowed` has of softmax(logits/T) */
} SampleOut;

typedef struct AdamwStep {
    float lr, beta1, beta2, eps, decay;
    float grad_scale;  /* multiplies the gradient first (clipping) */
    float correction1; /* 1 - beta1^t */
    float correction2; /* 1 - beta2^t */
} AdamwStep;

/* One matrix (rows,cols) that Muon updates, or a piece of rows of a fused one. */
typedef struct MuonMatrix {
    Tensor w, g, m; /* value, gradient, momentum */
    int64_t rows, cols;
} MuonMatrix;
typedef struct MuonStep {
    float lr, momentum, decay;
    float grad_scale; /* multiplies the gradient first (clipping) */
} MuonStep;

/* What the products of prepared weights are computed in. Sums, stored values, gradients
 * and the optimizer are f32 in either. AUTO: bf16 where the processor has instructions
 * for it, which doubles the speed of products. */
typedef enum TensorCompute { COMPUTE_F32, COMPUTE_BF16, COMPUTE_AUTO } TensorCompute;

typedef struct TensorOps TensorOps;
struct TensorOps {
    void *context;
    const char *name;      /* "ref", "cpu" */
    TensorCompute compute; /* F32 or BF16 */

    /* --- memory ------------------------------------------------------------------ */
    /* Zeroed memory, 64-aligned. ERR_NOMEM says how much was asked. */
    Status (*alloc)(TensorOps *t, Tensor *out, TensorType type, int64_t count,
                    Err *err);
    void (*free)(TensorOps *t, Tensor *x); /* absent allowed; *x becomes absent */
    void (*read)(TensorOps *t, void *dst, Tensor src);        /* src.count elements */
    void (*write)(TensorOps *t, Tensor dst, const void *src); /* dst.count elements */
    void (*fill)(TensorOps *t, Tensor x, float value);
    void (*copy)(TensorOps *t, Tensor dst, Tensor src); /* same count; converts types */
    /* Makes room for the scratch that passes of up to N rows with these widths need, so
     * that no operation allocates later. */
    Status (*reserve)(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                      int64_t heads, Err *err);
    /* By how many bytes reserve with the same numbers would make scratch grow. */
    size_t (*reserve_bytes)(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                            int64_t heads);
    /* Before the first weight_changed of a matrix that takes part in products: makes the
     * packed copy, if the backend wants one. */
    Status (*weight_prepare)(TensorOps *t, Weight *w, Err *err);
    /* The bytes of that copy of a matrix (rows,cols); 0: there is none. */
    size_t (*weight_packed_bytes)(TensorOps *t, int64_t rows, int64_t cols);
    /* w.value was written: refreshes the packed copy. */
    void (*weight_changed)(TensorOps *t, Weight *w);
    void (*weight_release)(TensorOps *t, Weight *w); /* frees packed */
    /* The same for w->adapter. Prepared after w and its a and b; changed when a or b was
     * written. reserve: besides the other one, for products of up to N rows with adapters
     * of up to `width` columns. */
    Status (*adapter_reserve)(TensorOps *t, int64_t N, int64_t width, Err *err);
    size_t (*adapter_reserve_bytes)(TensorOps *t, int64_t N, int64_t width);
    Status (*adapter_prepare)(TensorOps *t, Weight *w, Err *err);
    size_t (*adapter_packed_bytes)(TensorOps *t, int64_t rows, int64_t cols,
                                   int64_t width);
    void (*adapter_changed)(TensorOps *t, Weight *w);
    void (*adapter_release)(TensorOps *t, Weight *w);
    void (*free_context)(TensorOps *t);

    /* --- matrix products: w with its adapter, if it has one ----------------------- */
    /* y~(N,O) = x~(N,C) w(O,C)^T + bias(O) + residual(N,O); at least one of the last two
     * is absent. y may be the residual. */
    void (*linear)(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias,
                   Tensor residual, int64_t N);
    /* dx~(N,C) = dy~(N,O) w(O,C);  += when add (then dx is F32). */
    void (*linear_backward_input)(TensorOps *t, Tensor dx, Tensor dy, Weight *w,
                                  int64_t N, bool add);
    /* w.grad(O,C) += dy~(N,O)^T x~(N,C), unless w is frozen; the gradients of its adapter
     * += likewise; dbias(O) += column sums of dy, may be absent. */
    void (*linear_backward_weight)(TensorOps *t, Weight *w, Tensor dbias, Tensor dy,
                                   Tensor x, int64_t N);

    /* --- element-wise and row-wise ----------------------------------------------- */
    void (*add)(TensorOps *t, Tensor y, Tensor x);  /* y += x */
    void (*scale)(TensorOps *t, Tensor y, float s); /* y *= s */
    double (*sum_squares)(TensorOps *t, Tensor x);  /* same bits for any threads */
    /* y~(N,C) = x * rstd * gain, rstd(N) = 1/sqrt(mean(x^2) + eps) (Zhang & Sennrich). */
    void (*rmsnorm)(TensorOps *t, Tensor y, Tensor rstd, Tensor x, Tensor gain,
                    int64_t N, int64_t C, float eps);
    /* dx(N,C) += from dy~, dgain(C) += (absent when frozen). */
    void (*rmsnorm_backward)(TensorOps *t, Tensor dx, Tensor dgain, Tensor dy, Tensor x,
                             Tensor rstd, Tensor gain, int64_t N, int64_t C);
    /* Per-head RMSNorm of queries and keys (Qwen3). qkv rows are (Hq+2Hk)*D wide:
     * queries, keys, values. out~ = normed q and k, v copied, as qkv~ is stored;
     * rstd(N, Hq+Hk) =. */
    void (*qk_norm)(TensorOps *t, Tensor out, Tensor rstd, Tensor qkv, Tensor q_gain,
                    Tensor k_gain, int64_t N, int64_t Hq, int64_t Hk, int64_t D,
                    float eps);
    /* dqkv~ is changed in place from d(out) to d(qkv~); dq_gain(D), dk_gain(D) +=. */
    void (*qk_norm_backward)(TensorOps *t, Tensor dqkv, Tensor dq_gain, Tensor dk_gain,
                             Tensor qkv, Tensor rstd, Tensor q_gain, Tensor k_gain,
                             int64_t N, int64_t Hq, int64_t Hk, int64_t D);
    /* Rotates the first `heads` heads of each row of x~ in place by its position (Su et al.
     * 2021, half-rotation: channels j and j+D/2 by position * theta^(-2j/D)).
     * `stride` elements a row. inverse: the other way round, which is the backward. */
    void (*rope)(TensorOps *t, Tensor x, Tensor positions, int64_t N, int64_t stride,
                 int64_t heads, int64_t D, double theta, bool inverse);
    /* h~(N,F) = silu(g) * u with gu~(N,2F) = [g, u] (Shazeer 2020), stored alike. */
    void (*swiglu)(TensorOps *t, Tensor h, Tensor gu, int64_t N, int64_t F);
    /* dgu~ = from dh~, and h~ = again, which the products after it want; all alike. */
    void (*swiglu_backward)(TensorOps *t, Tensor dgu, Tensor h, Tensor dh, Tensor gu,
                            int64_t N, int64_t F);
    /* x(N,C) = table[ids[i]]; ids I32, each in [0, rows). */
    void (*embed)(TensorOps *t, Tensor x, Weight *table, Tensor ids, int64_t N);
    /* table.grad[ids[i]] += dx[i]; same bits for any thread count. */
    void (*embed_backward)(TensorOps *t, Weight *table, Tensor dx, Tensor ids,
                           int64_t N);
    /* y(M,C) = x[rows[i]];   scatter: x[rows[i]] += y[i] (rows distinct). */
    void (*gather_rows)(TensorOps *t, Tensor y, Tensor x, Tensor rows, int64_t M,
                        int64_t C);
    void (*scatter_rows)(TensorOps *t, Tensor x, Tensor y, Tensor rows, int64_t M,
                         int64_t C);

    /* --- attention ---------------------------------------------------------------- */
    /* Causal, within documents, grouped queries, scale 1/sqrt(D). o~(N,Hq*D) = from qkv~,
     * lse(N,Hq) = log-sum-exp of the scaled scores. Never stores N x N scores. */
    void (*attention)(TensorOps *t, Tensor o, Tensor lse, Tensor qkv, Tensor starts,
                      int64_t N, int64_t Hq, int64_t Hk, int64_t D);
    void (*attention_backward)(TensorOps *t, Tensor dqkv, Tensor dout, Tensor o,
                               Tensor lse, Tensor qkv, Tensor starts, int64_t N,
                               int64_t Hq, int64_t Hk, int64_t D); /* dqkv~ = */
    /* Decoding: keys and values of M tokens go into k_cache, v_cache
     * (slots, capacity, Hk*D) at [slots[i]][positions[i]]. */
    void (*cache_store)(TensorOps *t, Tensor k_cache, Tensor v_cache, Tensor qkv,
                        Tensor slots, Tensor positions, int64_t M, int64_t capacity,
                        int64_t Hq, int64_t Hk, int64_t D);
    /* o(M,Hq*D) =: row i attends to positions 0..positions[i] of slots[i]. */
    void (*attention_cached)(TensorOps *t, Tensor o, Tensor qkv, Tensor k_cache,
                             Tensor v_cache, Tensor slots, Tensor positions, int64_t M,
                             int64_t capacity, int64_t Hq, int64_t Hk, int64_t D);

    /* --- the language-model head: logits live only in chunks inside these ---------- */
    /* With z = x w^T * inv_temperature: logprob(M) = z[target] - lse, lse(M) =
     * log-sum-exp of z, entropy(M) = that of softmax(z) (absent: not computed).
     * targets I32 in [0, V). */
    void (*head_logprob)(TensorOps *t, Tensor logprob, Tensor lse, Tensor entropy,
                         Tensor x, Weight *w, Tensor targets, int64_t M,
                         float inv_temperature);
    /* Given dLoss/dlogprob and dLoss/dentropy (absent: 0): dx(M,C) =, w.grad += .
     *   dLoss/dz_v = dlogprob*([v=target] - p_v) - dentropy * p_v*(log p_v + entropy) */
    void (*head_logprob_backward)(TensorOps *t, Tensor dx, Tensor dlogprob,
                                  Tensor dentropy, Tensor lse, Tensor entropy, Tensor x,
                                  Weight *w, Tensor targets, int64_t M,
                                  float inv_temperature);
    /* Cross-entropy, both at once (one pass over the logits): nll(M) = -logprob, and for
     * the loss sum_i weights[i]*nll[i]: dx(M,C) =, w.grad +=. dx absent: loss only. */
    void (*head_cross_entropy)(TensorOps *t, Tensor nll, Tensor dx, Tensor x, Weight *w,
                               Tensor targets, Tensor weights, int64_t M);
    /* Draws M ids from softmax(x w^T) as rows[i] says; out is host memory. */
    void (*head_sample)(TensorOps *t, SampleOut *out, Tensor x, Weight *w,
                        const SampleRow *rows, int64_t M);
    /* logits(M,V) to host memory, for tests and those who ask. */
    void (*head_logits)(TensorOps *t, float *logits, Tensor x, Weight *w, int64_t M);

    /* --- optimizer ------------------------------------------------------------------ */
    /* AdamW (Loshchilov & Hutter 2019), PyTorch's form: w -= lr*decay*w;
     * m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
     * w -= lr * (m/correction1) / (sqrt(v/correction2) + eps).  f32 everywhere. */
    void (*adamw)(TensorOps *t, Tensor w, Tensor g, Tensor m, Tensor v, AdamwStep step);
    /* Makes room for muon of matrices of up to rows * cols; and by how many bytes. */
    Status (*muon_reserve)(TensorOps *t, int64_t rows, int64_t cols, Err *err);
    size_t (*muon_reserve_bytes)(TensorOps *t, int64_t rows, int64_t cols);
    /* Muon (Jordan et al. 2024) of n matrices: m = momentum m + g; u = momentum m + g;
     * w -= lr*decay*w; w -= lr * sqrt(max(1, rows/cols)) * polar(u), where polar(u) is
     * about U V^T of u = U S V^T: five steps of the Newton-Schulz iteration
     * X = aX + (bA + cA^2)X, A = XX^T, from u/(1.02 |u|), with the coefficients of
     * muon_polar[]. */
    void (*muon)(TensorOps *t, const MuonMatrix *matrices, int64_t n, MuonStep step);
};

/* How activations are best stored: in what products read. */
static inline TensorType tensor_activation_type(const TensorOps *t)
{
    return t->compute == COMPUTE_BF16 ? TENSOR_BF16 : TENSOR_F32;
}

enum { MUON_POLAR_STEPS = 5 };
/* a, b, c of each step: the odd polynomials of degree 5 whose composition is nearest to 1
 * on the singular values that matter (Amsel et al. 2025, "The Polar Express"), with a
 * margin of 2 % for rounding. */
extern const double muon_polar[MUON_POLAR_STEPS][3];

/* The slow, obvious backend: single-threaded, f32 with double sums. */
NODISCARD Status tensor_ref_new(TensorOps **out, Err *err);

typedef struct TensorCpuOptions {
    int threads; /* 0: all */
    TensorCompute compute;
    const char *set; /* of instructions: "baseline", "avx2", "avx512", "avx512_bf16",
                        "amx"; NULL: the widest that this processor has */
} TensorCpuOptions;
/* The fast backend for this processor: ref overwritten by cpu/. ERR_OPTION when the
 * processor lacks the set. */
NODISCARD Status tensor_cpu_new(TensorOps **out, const TensorCpuOptions *o, Err *err);
void tensor_free(TensorOps *t); /* accepts NULL */

#endif
