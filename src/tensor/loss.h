/* loss.h - the scalar mathematics of reinforcement learning from people, as operations on
 * host arrays (a number a token): losses and their gradients, advantages, whitening, KL
 * estimators; those over whole answers are in loss_preference.h. Stages only wire them.
 * Golden vectors and finite differences hold them (tests/unit/tensor/test_loss.c). All
 * sums are double. */
#ifndef TENSOR_LOSS_H
#define TENSOR_LOSS_H

#include <stdbool.h>
#include <stdint.h>

/* Clipped policy loss (Schulman et al. 2017, eq. 7) over n tokens with weight w
 * (0 masks): L = sum w*max(-A*ratio, -A*clip(ratio,1-eps,1+eps)) / total.
 * dlogprob (=) is dL/dlogprob_new. */
typedef struct PolicyLoss {
    double loss, clip_fraction, approx_kl; /* approx_kl = mean (new-old)^2 / 2 */
    double ratio_mean, ratio_max, ratio_min, ratio_variance;
    double weight; /* sum of w */
} PolicyLoss;
PolicyLoss loss_policy(const float *logprob, const float *old_logprob,
                       const float *advantage, const float *w, int64_t n, double clip,
                       double total, float *dlogprob);

/* Clipped value loss: L = 1/2 sum w*max((v-ret)^2, (clip(v,v_old-c,v_old+c)-ret)^2)/total;
 * clip <= 0 switches clipping off. dvalue (=). */
typedef struct ValueLoss {
    double loss, clip_fraction, weight;
} ValueLoss;
ValueLoss loss_value(const float *value, const float *old_value, const float *returns,
                     const float *w, int64_t n, double clip, double total,
                     float *dvalue);

/* Generalised advantage estimation (Schulman et al. 2016) over one episode of T
 * tokens; value beyond the end is 0. advantage (=), returns (=) advantage + value. */
void loss_gae(const float *reward, const float *value, int64_t T, double gamma,
              double lambda, float *advantage, float *returns);

/* x = (x - mean)/sqrt(var + 1e-8) over entries with w != 0 (biased variance); adds the
 * mean back when !shift_mean. Masked entries become 0. */
void loss_whiten(float *x, const float *w, int64_t n, bool shift_mean);

/* KL estimators of one token from d = logprob - ref_logprob (Schulman 2020). */
double loss_kl1(double d);
double loss_kl2(double d);
double loss_kl3(double d);

/* Adaptive KL coefficient (Ziegler et al. 2019, section 2.2). */
double loss_adaptive_kl(double beta, double kl, double target, double horizon,
                        int64_t episodes);

#endif
