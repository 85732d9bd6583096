/* tape_internal.h - the buffers of a pass and the pieces that passes share.
 *
 * Every buffer is a view into memory that was allocated once for the largest N. Before
 * a pass of N tokens the layout function runs again for that N, so each view has
 * exactly the elements that the pass uses. The same function, run over a Placer
 * without memory, counts what to allocate.
 *
 * Shapes: N tokens, C hidden, F intermediate, E = (Hq + 2 Hk) D. */
#ifndef MODEL_TAPE_INTERNAL_H
#define MODEL_TAPE_INTERNAL_H

#include "model/model.h"

/* Hands out slices of `memory`, which is F32, from the front; with absent memory it only
 * counts. */
typedef struct Placer {
    Tensor memory;
    int64_t used;
    TensorType stored; /* of activations */
} Placer;
Tensor placer_take(Placer *placer, int64_t count);
Tensor placer_take_stored(Placer *placer,
                          int64_t count); /* as activations are stored */

/* What one layer reads and writes; ~ as activations are stored. attn_rstd to gate_up are its activations: all that
 * backward.c wants of a layer beside x. */
typedef struct BlockBuffers {
    Tensor x;         /* (N,C) comes in */
    Tensor attn_rstd; /* (N) */
    Tensor normed;    /* ~(N,C) output of either norm; shared by all layers */
    Tensor raw_qkv;   /* ~(N,E) before q/k norm; absent without it */
    Tensor qk_rstd;   /* (N,Hq+Hk); absent without q/k norm */
    Tensor qkv;       /* ~(N,E) rotated */
    Tensor attended;  /* ~(N,Hq*D) */
    Tensor lse;       /* (N,Hq) */
    Tensor mid;       /* (N,C) x plus attention */
    Tensor mlp_rstd;  /* (N) */
    Tensor gate_up;   /* ~(N,2F) */
    Tensor gated;     /* ~(N,F) swiglu(gate_up); shared by all layers */
    Tensor next;      /* (N,C) mid plus MLP; the x of the next layer */
} BlockBuffers;

/* Places the buffers of one layer that serve for all: its `next` is its `x`. */
void block_place(Placer *placer, const ModelShape *shape, int64_t N, BlockBuffers *b);
/* Makes room in the backend for passes of up to N tokens. */
Status blocks_reserve(Model *model, int64_t N, Err *err);

/* A layer without its attention: qkv from x; mid and gate_up from attended; next from
 * these two. */
void block_qkv(Model *model, ModelLayer *layer, BlockBuffers *b, Tensor positions,
               int64_t N);
void block_gate_up(Model *model, ModelLayer *layer, BlockBuffers *b, int64_t N);
void block_output(Model *model, ModelLayer *layer, BlockBuffers *b, int64_t N);

/* Rows at which a head is asked, kept for its backward. M of N rows are in use. */
typedef struct HeadBuffers {
    int64_t M;
    float inv_temperature;
    bool has_entropy;
    Tensor rows, targets;          /* (N) I32 */
    Tensor x;                      /* (N,C) hidden states of the rows */
    Tensor logprob, lse, entropy;  /* (N); also nll, score */
    Tensor dx, dlogprob, dentropy; /* (N,C), (N), (N); backward tapes */
} HeadBuffers;

struct Tape {
    Model *model; /* borrowed: outlives us */
    int64_t max_tokens;
    TapeOptions options; /* recomputed: at most layers - 1 */
    Tensor floats, ints; /* the memory under all views */

    int64_t N; /* of the last forward */
    Tensor ids, positions, starts;
    BlockBuffers *block; /* [layers], all the same without backward */
    Tensor hidden, hidden_rstd;
    HeadBuffers head;

    Tensor dhidden;                                        /* (N,C) set by the heads */
    Tensor dx, dnormed, dqkv, dattended, dgate_up, dgated; /* backward tapes */
};
/* Points the views at a pass of N tokens. */
void tape_lay_out(Tape *tape, int64_t N);
/* The activations of layer i from its x. */
void tape_run_layer(Tape *tape, int32_t i);

#endif
