/* loss_preference.h - losses over answers that people ranked or rated, as operations on
 * host arrays with one number an answer: a reward model's score, or, for a policy, its
 * log-ratio log pi(y|x) - log ref(y|x), which is the reward it stands for over beta
 * (Rafailov et al. 2023, eq. 5). Golden vectors, finite differences and invariances hold
 * them (tests/unit/tensor/test_loss_preference.c). All sums are double. */
#ifndef TENSOR_LOSS_PREFERENCE_H
#define TENSOR_LOSS_PREFERENCE_H

#include <stdbool.h>
#include <stdint.h>

/* What a pair costs in which i was ranked above j; d = v_i - v_j, m its margin:
 *     sigmoid  -(1-e) log sigma(beta d - m) - e log sigma(m - beta d)
 *     ipo      (d - 1/(2 beta))^2
 * and either + centre (v_i + v_j)^2. With v scores and beta 1, sigmoid is the loss of a
 * reward model (Bradley-Terry); m is Llama 2's margin (Touvron et al. 2023, eq. 2). With v
 * log-ratios it is DPO (Rafailov et al. 2023, eq. 7), e > 0 conservative DPO (Mitchell
 * 2023): labels are wrong with chance e. ipo is Azar et al. 2023, eq. 17: unlike sigmoid's
 * its d has an aim, so answers that never lose are not pushed apart for ever. */
enum { RANKING_SIGMOID, RANKING_IPO };
typedef struct RankingLoss {
    int kind;               /* RANKING_... */
    double beta;            /* > 0 */
    double label_smoothing; /* e, in [0, 0.5); sigmoid */
    double centre;          /* 0: none; keeps scores near 0 (Eisenstein et al. 2023) */
} RankingLoss;

/* The mean over all pairs of one ranked group (Ouyang et al. 2022, section 3.5: pairs of a
 * prompt are one example; K = 2 is the plain pair):
 *     L = 1/P sum_{rank_i < rank_j} cost(v_i, v_j)
 * ranks: 1 is best, ties allowed and left out of P. margin: (K), a pair's is margin_i -
 * margin_j; NULL: 0; sigmoid. dvalue (=) is dL/dv. Returns L, 0 when all tie (P = 0). */
double loss_ranking(const RankingLoss *how, const float *value, const float *margin,
                    const int32_t *rank, int64_t K, float *dvalue);
/* Pairs with different ranks, and how many of them the values order as the ranks do. */
void loss_ranking_pairs(const float *value, const int32_t *rank, int64_t K,
                        int64_t *pairs, double *right); /* equal values count 1/2 */

/* KTO (Ethayarajh et al. 2024, eq. 8) over n rated answers with log-ratios v:
 *     good  w_good (1 - sigma(beta (v - kl)))
 *     bad   w_bad  (1 - sigma(beta (kl - v)))
 * L = sum / total. kl is the reference point, a constant: no gradient goes through it.
 * dvalue (=). */
typedef struct KtoLoss {
    double beta, weight_good, weight_bad;
} KtoLoss;
double loss_kto(const KtoLoss *how, const float *value, const bool *good, int64_t n,
                double kl, double total, float *dvalue);
/* The reference point: KL(pi || ref), estimated by the mean log-ratio of n answers that
 * were given to other prompts, and never below 0 (section 4.1 there). */
double loss_kto_kl(const float *value, int64_t n);

#endif
