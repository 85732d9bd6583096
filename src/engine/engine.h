/* engine.h - token ids in, token ids out: many sequences decoded together over one KV
 * cache, and the scorer. The chat command, PPO's rollouts, best-of-n and evaluation all
 * sample and score through it and through nothing else.
 *
 * Knows ids, never roles or templates. Sequences join and leave at every step
 * (continuous batching): a finished slot takes the next waiting request at once; prompts
 * are prefilled in pieces beside the others' next tokens. The draw for token t of a
 * request is keyed by (seed, RNG_SAMPLE, request index, t): it does not depend on what
 * else runs. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "base/options.h"
#include "base/str.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENGINE_STOP_BYTES = 256, ENGINE_PENALTY_IDS = 64 };

typedef struct SampleOptions {
    double temperature;        /* 0: greedy */
    int64_t top_k;             /* 0: off */
    double top_p;              /* 1: off */
    double min_p;              /* 0: off */
    double repetition_penalty; /* 1: off; for the last 64 ids, the prompt's included */
    int64_t max_new;           /* tokens at most, forced ones included */
    int64_t seed;
} SampleOptions;
extern const OptTable sample_options;

/* Draws from all of the distribution: nothing is left out, nothing penalised. */
static inline SampleOptions sample_plain(double temperature, int64_t max_new,
                                         int64_t seed)
{
    return (SampleOptions){.temperature = temperature,
                           .top_p = 1,
                           .repetition_penalty = 1,
                           .max_new = max_new,
                           .seed = seed};
}

typedef enum FinishReason {
    FINISH_STOP,    /* a stop id or stop string */
    FINISH_LENGTH,  /* max_new reached */
    FINISH_CONTEXT, /* the context is full */
    FINISH_ABORTED, /* on_token said so */
} FinishReason;

/* A sequence's result: what follows the prompt. forced[i] 1: the id was put there by the
 * request or a hook (a tool's result), not drawn; its logprob is 0 and nothing is learned from it. */
typedef struct EngineResult {
    int32_t *ids;
    float *logprobs; /* under softmax(logits/T), the distribution drawn from before
                        truncation */
    float *entropies;
    uint8_t *forced;
    int64_t n;
    int64_t shared; /* ids of the prompt that were not read for it: another sequence, or
                       one before, began with them too */
    FinishReason finish;
    double
        log_kept; /* of what constraints left of the distributions drawn from, the sum
                        of logs over the drawn ids; 0 without constraint */
    int64_t stop_tail; /* bytes at the end of the ids' text, from the first byte of the
                          stop string that ended it; 0 when none did */
} EngineResult;

/* Called after each drawn id (also the stop id). May append up to `room` ids to `force`:
 * they follow at once (a tool's result). Setting *go_on keeps a sequence alive at a stop
 * id. Runs in the engine's thread; ids are the n of the result so far (the prompt is not
 * among them), the new one included. */
typedef Status (*EngineHook)(void *self, int64_t request, const int32_t *ids, int64_t n,
                             bool *go_on, int32_t *force, int64_t room,
                             int64_t *n_force, Err *err);
/* Which ids may come next: fills `allowed` (a bit an id, zero before) or returns false for
 * "all". A constraint that allows none ends the sequence (FINISH_STOP). */
typedef bool (*EngineConstraint)(void *self, const int32_t *ids, int64_t n,
                                 uint32_t *allowed);
/* Streaming: one id (drawn or forced; the stop id too). Return false to stop this
 * sequence. */
typedef bool (*EngineOnToken)(void *self, int64_t request, int32_t id, bool forced);

typedef struct EngineRequest {
    const int32_t *prompt; /* borrowed until the request ends; n_prompt >= 1 */
    int64_t n_prompt;
    SampleOptions sample;
    const int32_t *begin; /* borrowed: the answer begins with these, forced */
    int64_t n_begin;      /* 0: none; no room behind them is ERR_LIMIT */
    uint64_t index;       /* keys the draws */
    bool share_prompt; /* what the prompt has in common with other sequences that have
                             this set is read once: see engine_run */
    const int32_t *stop_ids;  /* borrowed */
    const Span *stop_strings; /* borrowed; matched against the bytes of the drawn ids, 1
                                 to ENGINE_STOP_BYTES each */
    int32_t n_stop_ids, n_stop_strings;
    EngineHook hook;             /* NULL: none */
    EngineConstraint constraint; /* NULL: none */
    EngineOnToken on_token;      /* NULL: none */
    void *self;                  /* given to the three */
} EngineRequest;

typedef struct Engine Engine;
/* The model (borrowed) needs a language-model head (ERR_OPTION). slots sequences at once,
 * each up to `capacity` tokens (0: the model's context; more is ERR_OPTION). token_bytes:
 * the bytes of each id, (vocab), borrowed; NULL when no stop strings. */
NODISCARD Status engine_new(Engine **out, Model *model, int32_t slots, int32_t capacity,
                            const Span *token_bytes, Err *err);
void engine_free(Engine *engine);
int32_t engine_capacity(const Engine *engine);
/* What engine_new takes, but for the backend's scratch and what engine_score takes at its
 * first call. */
size_t engine_bytes(const ModelShape *shape, int32_t slots, int32_t capacity);

/* Runs n requests to their end; results[i] belongs to requests[i] (release each). A
 * prompt longer than the capacity is ERR_LIMIT with both numbers. Progress of a long job
 * through base/log.h when `progress` is not NULL (what to call it).
 *
 * With share_prompt a prompt takes over the longest beginning that a running sequence has
 * in common with it, or one that a slot still holds from this run or an earlier one (a
 * conversation that goes on, other answers to it, another branch of a search): ids are
 * compared, so nothing needs a name, and results are the same bits as without. The
 * model's weights must not change between runs that share. */
NODISCARD Status engine_run(Engine *engine, const EngineRequest *requests, int64_t n,
                            EngineResult *results, const char *progress, Err *err);
void engine_result_release(EngineResult *r);
/* The share of probability that the constraint left, geometric mean over the drawn ids;
 * 1 when nothing was drawn or constrained. */
double engine_result_kept(const EngineResult *r);

/* Log-probabilities (temperature 1) of given ids: logprobs[i] of ids[i] after those before
 * it, i >= first (first >= 1); the others are 0. Items are packed into large passes; one
 * of more than capacity + 1 ids is ERR_LIMIT. */
typedef struct EngineScore {
    const int32_t *ids;
    int64_t n, first;
    float *logprobs; /* out, n long */
} EngineScore;
NODISCARD Status engine_score(Engine *engine, EngineScore *items, int64_t n, Err *err);
/* The same, up to rounding, over the cache of keys and values: what items have in common
 * with each other and with requests that share their prompts is read once, as in
 * engine_run. For short texts behind one prompt (answers to choose from, a verdict);
 * engine_score is for texts that have nothing in common. */
NODISCARD Status engine_score_shared(Engine *engine, EngineScore *items, int64_t n,
                                     Err *err);

#endif
