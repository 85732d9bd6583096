/* loss_group.h - the mathematics of reinforcement learning without a critic, as operations
 * on host arrays: an answer is compared with others to the same prompt. Golden vectors and
 * finite differences hold them (tests/unit/tensor/test_loss_group.c). All sums are double.
 *
 * Notation: n tokens of one or several answers; ratio_t = pi(a_t)/pi_old(a_t). PolicyLoss
 * (loss.h) is what a policy's loss comes back as; what it says of clips and ratios is means
 * over tokens. */
#ifndef TENSOR_LOSS_GROUP_H
#define TENSOR_LOSS_GROUP_H

#include "tensor/loss.h"

/* RLOO (Ahmadian et al. 2024, eq. 8): the baseline of an answer is the mean of the others,
 * advantage_i (=) reward_i - mean_{j != i} reward_j; K >= 2. */
void loss_leave_one_out(const double *reward, int64_t K, double *advantage);

/* GRPO (Shao et al. 2024, section 4.1): advantage_i (=) (reward_i - mean)/(scale + 1e-4),
 * with scale the deviation (K - 1) of the group, so 0 throughout where all are equal.
 * Dr. GRPO (Liu et al. 2025): without the division. */
void loss_group_advantage(const double *reward, int64_t K, bool divide,
                          double *advantage);

/* RLOO's policy loss: the answer is one action, its ratio the product of its tokens'.
 * Sequences of length[k] tokens stand one after the other; one advantage each:
 *     L = sum_k w_k max(-A_k ratio_k, -A_k clip(ratio_k, 1 - eps, 1 + eps)) / total
 * w: a weight a sequence (0 masks). dlogprob (=) is dL/dlogprob, (sum length). */
PolicyLoss loss_policy_sequence(const float *logprob, const float *old_logprob,
                                const float *advantage, const float *w,
                                const int64_t *length, int64_t n, double clip,
                                double total, float *dlogprob);

/* GRPO's policy loss (Shao et al. 2024, eq. 3) with DAPO's higher upper bound (Yu et al.
 * 2025, eq. 8):
 *     L = sum_t w_t [max(-A_t ratio_t, -A_t clip(ratio_t, 1 - low, 1 + high))
 *                    + kl_coef k3_t] / total,      k3_t = exp(-d) - 1 + d,
 * d = logprob_t - ref_logprob_t, and the gradient goes through logprob in k3 too. How
 * tokens are weighed is the caller's: w_t 1/|o| and total the answers (GRPO), w_t 1 and
 * total the tokens (DAPO) or a constant (Dr. GRPO). dlogprob (=). */
typedef struct GrpoLoss {
    double low, high, kl_coef;
} GrpoLoss;
PolicyLoss loss_grpo(const GrpoLoss *how, const float *logprob,
                     const float *old_logprob, const float *ref_logprob,
                     const float *advantage, const float *w, int64_t n, double total,
                     float *dlogprob);

/* Soft overlong punishment (Yu et al. 2025, eq. 13): 0 up to most - buffer tokens, then
 * rising to `penalty` at `most`. buffer 0: none. */
double loss_overlong(int64_t length, int64_t most, int64_t buffer, double penalty);

#endif
