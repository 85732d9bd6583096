/* loss_group.c - see loss_group.h. */
#include "tensor/loss_group.h"

#include "base/err.h"
#include "tensor/mutant.h"

#include <math.h>

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double mean_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* --- advantages ---------------------------------------------------------------------- */

void loss_leave_one_out(const double *reward, int64_t K, double *advantage)
{
    ASSERT(K >= 2);
    double mean = mean_of(reward, K), others = (double)K / (double)(K - 1);
    for (int64_t i = 0; i < K; i++)
        advantage[i] = (reward[i] - mean) * others; /* = r_i - (K mean - r_i)/(K - 1) */
}

void loss_group_advantage(const double *reward, int64_t K, bool divide,
                          double *advantage)
{
    ASSERT(K >= 2);
    double mean = mean_of(reward, K), squares = 0;
    for (int64_t i = 0; i < K; i++)
        squares += (reward[i] - mean) * (reward[i] - mean);
    double scale = divide ? sqrt(squares / (double)(K - 1)) + 1e-4 : 1;
    for (int64_t i = 0; i < K; i++)
        advantage[i] = (reward[i] - mean) / scale;
}

double loss_overlong(int64_t length, int64_t most, int64_t buffer, double penalty)
{
    if (buffer <= 0 || length <= most - buffer)
        return 0;
    double exceed = (double)(length - (most - buffer));
    return penalty * fmin(exceed, (double)buffer) / (double)buffer;
}

/* --- policy losses ------------------------------------------------------------------- */

/* One term of the clipped loss, and its slope in log ratio. */
typedef struct Clipped {
    double loss, slope;
    bool is_clipped;
} Clipped;

static Clipped clipped(double advantage, double ratio, double low, double high)
{
    double plain = -advantage * ratio;
    double limited = -advantage * clamp(ratio, 1 - low, 1 + high);
    if (MUTANT(CLIP_SWAPPED) ? limited < plain : limited > plain)
        return (Clipped){limited, 0, true}; /* this branch is flat */
    return (Clipped){plain, plain, false};
}

/* Sums for the measures; `tokens` is what a ratio counts for. */
static void measure(PolicyLoss *out, double ratio, double log_ratios_squared,
                    double tokens, bool is_clipped, double *ratio_squares)
{
    out->clip_fraction += is_clipped ? tokens : 0;
    out->approx_kl += log_ratios_squared / 2;
    out->ratio_mean += tokens * ratio;
    *ratio_squares += tokens * ratio * ratio;
    out->ratio_max = fmax(out->ratio_max, ratio);
    out->ratio_min = fmin(out->ratio_min, ratio);
    out->weight += tokens;
}

static void finish(PolicyLoss *out, double ratio_squares)
{
    if (out->weight == 0) {
        out->ratio_max = out->ratio_min = 0;
        return;
    }
    out->clip_fraction /= out->weight;
    out->approx_kl /= out->weight;
    out->ratio_mean /= out->weight;
    out->ratio_variance =
        fmax(0, ratio_squares / out->weight - out->ratio_mean * out->ratio_mean);
}

PolicyLoss loss_policy_sequence(const float *logprob, const float *old_logprob,
                                const float *advantage, const float *w,
                                const int64_t *length, int64_t n, double clip,
                                double total, float *dlogprob)
{
    PolicyLoss out = {.ratio_max = -HUGE_VAL, .ratio_min = HUGE_VAL};
    double ratio_squares = 0;
    for (int64_t k = 0; k < n; k++) {
        double d = 0, squares = 0, weight = (double)w[k];
        for (int64_t t = 0; t < length[k]; t++) {
            double one = (double)logprob[t] - (double)old_logprob[t];
            d += one;
            squares += one * one;
        }
        Clipped c = clipped((double)advantage[k], exp(d), clip, clip);
        for (int64_t t = 0; t < length[k]; t++)
            dlogprob[t] = (float)(weight * c.slope / total);
        out.loss += weight * c.loss / total;
        if (weight != 0 && length[k] > 0)
            measure(&out, exp(d), squares, (double)length[k], c.is_clipped,
                    &ratio_squares);
        logprob += length[k];
        old_logprob += length[k];
        dlogprob += length[k];
    }
    finish(&out, ratio_squares);
    return out;
}

PolicyLoss loss_grpo(const GrpoLoss *how, const float *logprob,
                     const float *old_logprob, const float *ref_logprob,
                     const float *advantage, const float *w, int64_t n, double total,
                     float *dlogprob)
{
    PolicyLoss out = {.ratio_max = -HUGE_VAL, .ratio_min = HUGE_VAL};
    double ratio_squares = 0;
    for (int64_t t = 0; t < n; t++) {
        double weight = (double)w[t];
        dlogprob[t] = 0;
        if (weight == 0)
            continue;
        double step = (double)logprob[t] - (double)old_logprob[t], ratio = exp(step);
        double d = (double)logprob[t] - (double)ref_logprob[t];
        Clipped c = clipped((double)advantage[t], ratio, how->low, how->high);
        out.loss += weight * (c.loss + how->kl_coef * loss_kl3(d)) / total;
        double slope = c.slope - how->kl_coef * expm1(-d); /* dk3/dd = 1 - exp(-d) */
        dlogprob[t] = (float)(weight * slope / total);
        measure(&out, ratio, step * step, 1, c.is_clipped, &ratio_squares);
    }
    finish(&out, ratio_squares);
    return out;
}
