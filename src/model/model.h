/* model.h - the GPT family: shape, parameters, one forward pass, one backward pass.
 *
 * Stands on tensor/. Knows nothing of text, data or optimizers. Llama-family decoder
 * (Touvron et al. 2023): pre-norm RMSNorm, RoPE, grouped-query attention, SwiGLU,
 * tied or untied head; Qwen2 adds biases to q, k, v; Qwen3 adds RMSNorm to each head's
 * q and k. Embedding x, then `layers` times
 *
 *     x += O attention(rope(qkv(norm(x))))
 *     x += down swiglu(gate_up(norm(x)))
 *
 * then a last norm, and a head: logits (language model) or one number (reward, value).
 *
 * Shapes:  N tokens in a line, C hidden, F intermediate, L layers, Hq/Hk heads of D.
 * Memory:  parameters are slices of one tensor, gradients of another of the same
 *          layout (so one all-reduce serves). What a pass keeps lives in a Tape, laid
 *          out once for the largest N; no pass allocates.
 * Threads: many may read a Model while none writes; a Tape belongs to one at a time. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/err.h"
#include "base/str.h"
#include "tensor/ops.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ModelFamily { MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3 } ModelFamily;
typedef enum ModelHead {
    HEAD_LM,
    HEAD_SCALAR,
    HEAD_BOTH /* a language model with a score row beside: a policy and its critic */
} ModelHead;
static inline bool head_has_logits(ModelHead head)
{
    return head != HEAD_SCALAR;
}
static inline bool head_has_score(ModelHead head)
{
    return head != HEAD_LM;
}

/* The projections that an adapter may be over, as bits. */
typedef enum LoraTarget {
    LORA_Q = 1,
    LORA_K = 2,
    LORA_V = 4,
    LORA_O = 8,
    LORA_GATE = 16,
    LORA_UP = 32,
    LORA_DOWN = 64,
    LORA_ALL_LINEAR = 127
} LoraTarget;

/* A low-rank adapter (Hu et al. 2021): y = x W^T + scale (x A^T) B^T for the W of each
 * target, of which A(rank,in) and B(out,rank) alone are trained. scale = alpha / rank, or
 * alpha / sqrt(rank) with rslora (Kalajdzievski 2023). */
typedef struct ModelLora {
    int32_t rank; /* 0: no adapter */
    uint32_t targets;
    double alpha;
    bool rslora;
} ModelLora;
double model_lora_scale(const ModelLora *lora);
bool model_lora_same(const ModelLora *a, const ModelLora *b);
/* "all-linear", or names with commas: "q_proj,v_proj", also without "_proj". ERR_OPTION
 * names the nearest. And back, with full names; appended. */
NODISCARD Status model_lora_parse(const char *text, uint32_t *targets, Err *err);
void model_lora_names(uint32_t targets, Str *out);

typedef struct ModelShape {
    ModelFamily family; /* derived from qkv_bias and qk_norm by model_shape_check */
    ModelHead head;
    int32_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim;
    int32_t context;   /* longest sequence */
    double rope_theta; /* 10000 */
    double norm_eps;   /* 1e-5 */
    bool tied;         /* the head is the embedding (not with HEAD_SCALAR) */
    bool qkv_bias, qk_norm;
    ModelLora lora; /* of an adapter, see model_adapter_new */
} ModelShape;

/* OK, or ERR_OPTION naming the field at fault. Sets shape->family; combinations that
 * no family holds (bias with q/k norm) are refused. head_dim 0 = hidden/heads. */
NODISCARD Status model_shape_check(ModelShape *shape, Err *err);
int64_t model_shape_params(const ModelShape *shape); /* the adapter's not included */
/* What a model of the shape owns and trains: all of it; of an adapter, A, B and the score. */
int64_t model_shape_own_params(const ModelShape *shape);
/* FLOPs of forward + backward for one token at mean attended length `span`:
 * 6 * matmul params (embedding lookup excluded, head included) + 12 L Hq D span; where
 * those are frozen 4, and 6 for each of the adapter's. */
double model_shape_train_flops(const ModelShape *shape, double span);

typedef struct ModelLayer {
    Weight attn_norm;      /* (1,C) */
    Weight qkv, qkv_bias;  /* ((Hq+2Hk)D, C); bias (1,(Hq+2Hk)D) or absent */
    Weight q_norm, k_norm; /* (1,D) or absent */
    Weight out;            /* (C, Hq*D) */
    Weight mlp_norm;       /* (1,C) */
    Weight gate_up;        /* (2F, C): gate rows, then up rows */
    Weight down;           /* (C, F) */
    Adapter qkv_lora, out_lora, gate_up_lora, down_lora; /* zero without */
} ModelLayer;

typedef struct Model {
    TensorOps *ops; /* borrowed: outlives us */
    ModelShape shape;
    Weight embed;         /* (V,C) */
    ModelLayer *layer;    /* [layers] */
    Weight norm;          /* (1,C) */
    Weight lm_head;       /* (V,C); absent when tied or HEAD_SCALAR: use model_head() */
    Weight score;         /* (1,C), not with HEAD_LM */
    double score_bias;    /* added to every score: tame_reward_bias of config.json */
    Tensor params, grads; /* all that it owns; grads absent when frozen */
    int64_t n_params;
    Weight **weights; /* each that it owns once, in the order of params */
    char **names;     /* their names: Hugging Face's, fused ones "…qkv_proj" */
    int64_t n_weights;
    struct Model *base; /* of an adapter: the model whose weights it borrows, or NULL */
    int32_t holders;    /* who frees it: its maker, and each adapter over it */
    /* Where its weights were read from, for the folders of adapters over it; NULL: nowhere,
     * or nobody asked (model/folder.h). */
    char *source;
    uint64_t source_hash;
} Model;

/* All parameters zero (norm gains one). trainable: has gradients. */
NODISCARD Status model_new(Model **out, TensorOps *ops, const ModelShape *shape,
                           bool trainable, Err *err);
void model_free(Model *model); /* accepts NULL; memory goes with the last holder */
/* What model_new takes, but for the few bytes of its lists and names. */
typedef struct ModelBytes {
    size_t weights, packed, gradients;
} ModelBytes;
ModelBytes model_bytes(TensorOps *ops, const ModelShape *shape, bool trainable);
/* N(0, 0.02) matrices, residual outputs (out, down) / sqrt(2 layers), score N(0,
 * 1/(C+1)); keyed by (seed, RNG_INIT, weight number). */
NODISCARD Status model_init(Model *model, uint64_t seed, Err *err);
/* Copies every weight that both have (a reward model from an SFT model: all but the
 * head). Shapes must agree apart from the head. */
NODISCARD Status model_copy_trunk(Model *dst, const Model *src, Err *err);
/* A language model becomes one with both heads: the same weights in new memory, and a score
 * row of zeros. An adapter is made with HEAD_BOTH instead (model_adapter_new). */
NODISCARD Status model_add_score(Model **model, Err *err);
/* And back, in place: the row is forgotten. Nothing where there is none beside. */
void model_drop_score(Model *model);
Weight *model_head(Model *model); /* the (V,C) matrix of logits */
void model_changed(Model *model); /* parameters were written: packed copies refresh */
void model_zero_grads(Model *model);

/* --- adapters ----------------------------------------------------------------------- */
/* A model that computes what `from` computes and trains an adapter: A and B (and a scalar
 * head in full) are its own, the other weights are from's, frozen, in from's memory, which
 * lives as long as any model over it does, in whatever order they are freed. from without
 * an adapter: A is uniform within 1/sqrt(in) (He et al. 2015, a = sqrt(5)), keyed by (seed,
 * RNG_ADAPTER, projection), and B 0, so the logits are the same bits. from with an adapter:
 * the new one goes on from its A and B, over the same base; `lora` must be the same
 * (ERR_OPTION). A scalar head over a language model is new, by the seed as model_init
 * draws it; over a reward model it is a copy. So is the row of HEAD_BOTH.
 *
 * Passes, tapes, caches, optimizers and folders take an adapter as any model. So policy,
 * reference and critic share one base in a few lines:
 *
 *     Model *sft, *reward, *policy, *critic;
 *     TRY(model_folder_open(&sft, ops, "sft", NULL, NULL, err));        the reference
 *     TRY(model_folder_open(&reward, ops, "reward", sft, NULL, err));   beside it
 *     TRY(model_adapter_new(&policy, sft, &lora, HEAD_LM, true, seed, err));
 *     TRY(model_adapter_new(&critic, reward, &lora, HEAD_SCALAR, true, seed, err));
 *
 * and their memory is counted as that of models of their shapes (train/memory.h). */
NODISCARD Status model_adapter_new(Model **out, Model *from, const ModelLora *lora,
                                   ModelHead head, bool trainable, uint64_t seed,
                                   Err *err);
/* Whether the next passes have the adapter (as made: yes). Off, the model is its base: where
 * the reference is what an adapter started from with B = 0, it is the policy, switched
 * off. Gradients are asked of a pass as it ran: leave the switch between the two. */
void model_adapter_switch(Model *adapter, bool on);
static inline Model *model_base(Model *model) /* itself without an adapter */
{
    return model->base ? model->base : model;
}

/* What a pass reads: host memory, borrowed for the call. */
typedef struct ModelTokens {
    const int32_t *ids;       /* (N), each in [0,vocab): data/ has checked */
    const int32_t *positions; /* (N), within the document, < context */
    const int32_t *starts;    /* (N), row at which the row's document begins */
    int64_t n;
} ModelTokens;

/* --- training passes ------------------------------------------------------------- */
typedef struct Tape Tape;
typedef struct TapeOptions {
    bool backward; /* false: a pass for scoring only, with one layer's buffers */
    /* So many of the first layers keep only their input and run forward again inside
     * model_backward: less memory, more time, the same bits. 0: none; all but one at
     * most (model_most_recomputed), more counts as that. */
    int32_t recomputed;
} TapeOptions;
static inline int32_t model_most_recomputed(const ModelShape *shape)
{
    return shape->layers - 1;
}
/* What tape_new takes for itself, and by how much it makes the backend's scratch grow,
 * which all tapes and caches share. */
size_t tape_bytes(const TensorOps *ops, const ModelShape *shape, int64_t max_tokens,
                  TapeOptions o);
size_t model_scratch_bytes(TensorOps *ops, const ModelShape *shape, int64_t max_tokens);
NODISCARD Status tape_new(Tape **out, Model *model, int64_t max_tokens, TapeOptions o,
                          Err *err);
void tape_free(Tape *tape); /* accepts NULL */

/* Runs the trunk: afterwards the tape holds the final normed hidden states (N,C), and
 * the gradient at them is zero. */
void model_forward(Model *model, Tape *tape, const ModelTokens *tokens);
/* Heads, at M chosen rows (distinct, ascending; host arrays; M <= max_tokens):
 * log-probabilities of targets under softmax(logits * inv_temperature); entropy may be
 * NULL. */
void model_logprobs(Model *model, Tape *tape, const int32_t *rows,
                    const int32_t *targets, int64_t M, float inv_temperature,
                    float *logprob, float *entropy);
/* For the rows of the last model_logprobs (called with entropy if dentropy is given):
 * adds to the gradient at the hidden states and to the head's. */
void model_logprobs_backward(Model *model, Tape *tape, const float *dlogprob,
                             const float *dentropy);
/* nll(M) (=), and, when with_gradient, the gradient of sum weights*nll as above. */
void model_cross_entropy(Model *model, Tape *tape, const int32_t *rows,
                         const int32_t *targets, const float *weights, int64_t M,
                         bool with_gradient, float *nll);
/* Not HEAD_LM: score(M) (=) at the rows, score_bias included; and its backward. Where both
 * heads are asked, each one's backward comes before the other head's forward. */
void model_scores(Model *model, Tape *tape, const int32_t *rows, int64_t M,
                  float *score);
void model_scores_backward(Model *model, Tape *tape, const float *dscore);
/* Through the trunk: gradients += . Once after the heads' backward. */
void model_backward(Model *model, Tape *tape);

/* Reads the final hidden states (N,C) or logits of chosen rows to host memory (tests). */
void tape_hidden(Tape *tape, float *hidden);
void model_logits(Model *model, Tape *tape, const int32_t *rows, int64_t M,
                  float *logits);

/* --- decoding --------------------------------------------------------------------- */
typedef struct ModelCache ModelCache;
/* Keys and values for `slots` sequences of up to `capacity` tokens, and buffers for
 * max_tokens tokens a call. */
NODISCARD Status model_cache_new(ModelCache **out, Model *model, int32_t slots,
                                 int32_t capacity, int32_t max_tokens, Err *err);
void model_cache_free(ModelCache *cache);
/* What model_cache_new takes, but for scratch. */
size_t model_cache_bytes(const ModelShape *shape, int32_t slots, int32_t capacity,
                         int32_t max_tokens);
/* Runs M tokens (any mix of prompts and next tokens): token i belongs to slots[i] at
 * positions[i]; tokens of one slot come in order of position. Equals the full forward. */
void model_decode(Model *model, ModelCache *cache, const int32_t *ids,
                  const int32_t *slots, const int32_t *positions, int64_t M);
/* Slot `to` gets the keys and values of the first n tokens of slot `from`: sequences that
 * begin alike read their beginning once. */
void model_cache_copy(ModelCache *cache, int32_t from, int32_t to, int32_t n);
/* Draws one id for each chosen row (index into the M of the last model_decode). */
void model_decode_sample(Model *model, ModelCache *cache, const int32_t *rows,
                         const SampleRow *how, int64_t n, SampleOut *out);
/* Log-probability of one id after each chosen row, as model_logprobs at temperature 1. */
void model_decode_logprobs(Model *model, ModelCache *cache, const int32_t *rows,
                           const int32_t *targets, int64_t n, float *logprobs);
void model_decode_logits(Model *model, ModelCache *cache, const int32_t *rows,
                         int64_t n, float *logits);

#endif
