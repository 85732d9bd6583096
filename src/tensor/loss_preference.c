/* loss_preference.c - see loss_preference.h. Written for reading: at most a few thousand
 * numbers a call. */
#include "tensor/loss_preference.h"

#include <math.h>

/* log sigma(x) without overflow on either side. */
static double log_sigmoid(double x)
{
    return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x));
}

/* --- rankings ------------------------------------------------------------------------ */

/* The cost of a pair, and its slopes in d = v_i - v_j and in s = v_i + v_j. */
typedef struct PairCost {
    double cost, by_difference, by_sum;
} PairCost;

static PairCost sigmoid_cost(const RankingLoss *how, double d, double m)
{
    double x = how->beta * d - m, e = how->label_smoothing;
    PairCost c = {-log_sigmoid(x), -exp(log_sigmoid(-x)), 0};
    if (e > 0) {
        c.cost = (1 - e) * c.cost - e * log_sigmoid(-x);
        c.by_difference = (1 - e) * c.by_difference + e * exp(log_sigmoid(x));
    }
    c.by_difference *= how->beta;
    return c;
}

static PairCost ipo_cost(const RankingLoss *how, double d)
{
    double error = d - 1 / (2 * how->beta);
    return (PairCost){error * error, 2 * error, 0};
}

static PairCost pair_cost(const RankingLoss *how, const float *value,
                          const float *margin, int64_t i, int64_t j)
{
    double d = (double)value[i] - (double)value[j];
    double m = margin ? (double)margin[i] - (double)margin[j] : 0;
    PairCost c = how->kind == RANKING_IPO ? ipo_cost(how, d) : sigmoid_cost(how, d, m);
    if (how->centre > 0) {
        double s = (double)value[i] + (double)value[j];
        c.cost += how->centre * s * s;
        c.by_sum = 2 * how->centre * s;
    }
    return c;
}

double loss_ranking(const RankingLoss *how, const float *value, const float *margin,
                    const int32_t *rank, int64_t K, float *dvalue)
{
    int64_t pairs = 0;
    double loss = 0;
    for (int64_t i = 0; i < K; i++) {
        double grad = 0;
        for (int64_t j = 0; j < K; j++) {
            if (rank[i] == rank[j])
                continue;
            bool better = rank[i] < rank[j];
            PairCost c = pair_cost(how, value, margin, better ? i : j, better ? j : i);
            if (better) {
                pairs++;
                loss += c.cost;
            }
            grad += (better ? c.by_difference : -c.by_difference) + c.by_sum;
        }
        dvalue[i] = (float)grad;
    }
    if (pairs == 0)
        return 0; /* every gradient above was an empty sum */
    for (int64_t i = 0; i < K; i++)
        dvalue[i] = (float)((double)dvalue[i] / (double)pairs);
    return loss / (double)pairs;
}

void loss_ranking_pairs(const float *value, const int32_t *rank, int64_t K,
                        int64_t *pairs, double *right)
{
    *pairs = 0;
    *right = 0;
    for (int64_t i = 0; i < K; i++) {
        for (int64_t j = 0; j < K; j++) {
            if (rank[i] >= rank[j])
                continue;
            (*pairs)++;
            if (value[i] > value[j])
                *right += 1;
            else if (value[i] == value[j])
                *right += 0.5;
        }
    }
}

/* --- ratings ------------------------------------------------------------------------- */

double loss_kto(const KtoLoss *how, const float *value, const bool *good, int64_t n,
                double kl, double total, float *dvalue)
{
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        double sign = good[i] ? 1 : -1;
        double weight = (good[i] ? how->weight_good : how->weight_bad) / total;
        double x = sign * how->beta * ((double)value[i] - kl);
        double miss = exp(log_sigmoid(-x)); /* 1 - sigma(x) */
        loss += weight * miss;
        dvalue[i] = (float)(-weight * sign * how->beta * miss * (1 - miss));
    }
    return loss;
}

double loss_kto_kl(const float *value, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)value[i];
    return n > 0 && sum > 0 ? sum / (double)n : 0;
}
