/* lm.h - the language-model loss over a Batch of any size, in passes of at most
 * micro_batch tokens: what pretraining, fine-tuning and PPO's pretraining mix share.
 *
 * A Batch is cut between documents only, so a pass may be larger when one document is.
 * Gradients add up over the passes, and every token's weight is divided by the total of
 * the whole Batch before the first: the update does not depend on the cuts. */
#ifndef TRAIN_LM_H
#define TRAIN_LM_H

#include "data/batch.h"

typedef struct LmPass LmPass;
/* For batches of up to batch_tokens tokens whose documents have at most longest tokens.
 * Not o.backward: for evaluation only. All memory is taken here. */
NODISCARD Status lm_pass_new(LmPass **out, Model *model, int64_t batch_tokens,
                             int64_t micro_batch, int64_t longest, TapeOptions o,
                             Err *err);
/* The most tokens that a pass of it has: those of its tape. */
int64_t lm_pass_tokens(int64_t batch_tokens, int64_t micro_batch, int64_t longest);
void lm_pass_free(LmPass *p); /* accepts NULL */

typedef struct LmLoss {
    double nll;    /* sum of weight * nll, nats */
    double weight; /* sum of weights */
    double right; /* weight of targets that were the most likely token; lm_pass_count */
} LmLoss;
/* Adds the gradient of scale * nll / weight (scale 0: forward only). */
LmLoss lm_pass_loss(LmPass *p, const Batch *b, double scale);
/* Forward only, with `right`: reads the logits, so for held-out data. Allocates the
 * logits' buffer at the first call. */
NODISCARD Status lm_pass_count(LmPass *p, const Batch *b, LmLoss *out, Err *err);

#endif
