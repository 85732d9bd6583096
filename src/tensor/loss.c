/* loss.c - see loss.h. Written for reading: at most a few thousand numbers a call. */
#include "tensor/loss.h"

#include "base/err.h"
#include "tensor/mutant.h"

#include <math.h>

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

PolicyLoss loss_policy(const float *logprob, const float *old_logprob,
                       const float *advantage, const float *w, int64_t n, double clip,
                       double total, float *dlogprob)
{
    PolicyLoss out = {.ratio_max = -HUGE_VAL, .ratio_min = HUGE_VAL};
    double ratio_squares = 0;
    for (int64_t i = 0; i < n; i++) {
        dlogprob[i] = 0;
        double weight = (double)w[i];
        if (weight == 0)
            continue;
        double d = (double)logprob[i] - (double)old_logprob[i], ratio = exp(d);
        double a = (double)advantage[i];
        double plain = -a * ratio, clipped = -a * clamp(ratio, 1 - clip, 1 + clip);
        bool is_clipped = MUTANT(CLIP_SWAPPED) ? clipped < plain : clipped > plain;
        out.loss += weight * (is_clipped ? clipped : plain) / total;
        if (is_clipped)
            out.clip_fraction += weight; /* the clipped branch is flat */
        else
            dlogprob[i] = (float)(weight * plain / total);
        out.approx_kl += weight * d * d / 2;
        out.ratio_mean += weight * ratio;
        ratio_squares += weight * ratio * ratio;
        out.ratio_max = fmax(out.ratio_max, ratio);
        out.ratio_min = fmin(out.ratio_min, ratio);
        out.weight += weight;
    }
    if (out.weight == 0) {
        out.ratio_max = out.ratio_min = 0;
        return out;
    }
    out.clip_fraction /= out.weight;
    out.approx_kl /= out.weight;
    out.ratio_mean /= out.weight;
    out.ratio_variance =
        fmax(0, ratio_squares / out.weight - out.ratio_mean * out.ratio_mean);
    return out;
}

ValueLoss loss_value(const float *value, const float *old_value, const float *returns,
                     const float *w, int64_t n, double clip, double total,
                     float *dvalue)
{
    ValueLoss out = {0};
    for (int64_t i = 0; i < n; i++) {
        dvalue[i] = 0;
        double weight = (double)w[i];
        if (weight == 0)
            continue;
        double v = (double)value[i], ret = (double)returns[i],
               old = (double)old_value[i];
        double error = v - ret, square = error * error;
        double limited = clip > 0 ? clamp(v, old - clip, old + clip) - ret : error;
        bool is_clipped = limited * limited > square;
        out.loss += weight * 0.5 * (is_clipped ? limited * limited : square) / total;
        if (is_clipped)
            out.clip_fraction += weight;
        else
            dvalue[i] = (float)(weight * error / total);
        out.weight += weight;
    }
    if (out.weight > 0)
        out.clip_fraction /= out.weight;
    return out;
}

void loss_gae(const float *reward, const float *value, int64_t T, double gamma,
              double lambda, float *advantage, float *returns)
{
    double next_value = 0, next_advantage = 0;
    for (int64_t t = T - 1; t >= 0; t--) {
        double v = (double)value[t];
        if (MUTANT(VALUES_LATE))
            v = t + 1 < T ? (double)value[t + 1] : 0;
        double delta = (double)reward[t] + gamma * next_value - v;
        next_advantage = delta + gamma * lambda * next_advantage;
        next_value = v;
        advantage[t] = (float)next_advantage;
        returns[t] = (float)(next_advantage + v);
    }
}

void loss_whiten(float *x, const float *w, int64_t n, bool shift_mean)
{
    int64_t count = 0;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) {
        if (w[i] != 0) {
            mean += (double)x[i];
            count++;
        }
    }
    if (count > 0)
        mean /= (double)count;
    for (int64_t i = 0; i < n; i++) {
        if (w[i] != 0)
            variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)count;
    }
    double scale = 1 / sqrt(variance + 1e-8);
    for (int64_t i = 0; i < n; i++) {
        double centred = ((double)x[i] - mean) * scale;
        x[i] = w[i] != 0 ? (float)(shift_mean ? centred : centred + mean) : 0;
    }
}

double loss_kl1(double d)
{
    return d;
}

double loss_kl2(double d)
{
    return d * d / 2;
}

double loss_kl3(double d)
{
    return expm1(-d) + d;
}

double loss_adaptive_kl(double beta, double kl, double target, double horizon,
                        int64_t episodes)
{
    double error = clamp(kl / target - 1, -0.2, 0.2);
    return beta * (1 + error * (double)episodes / horizon);
}
