/* calibration.c - accuracy and calibration of a reward model, see calibration.h.
 *
 * Under Bradley-Terry a gap d between two scores claims that the first wins with
 * probability sigma(d). The claim is tested twice (Guo et al. 2017): the expected
 * calibration error compares it with what happened, in bins of confidence; and the
 * temperature T that minimises the cross-entropy of sigma(d / T) tells by how much the
 * scores are too sure (T > 1) or not sure enough (T < 1). */
#include "stages/calibration.h"

#include "base/mem.h"
#include "base/stats.h"

#include <math.h>

Status pairs_reserve(Pairs *p, int64_t n, Err *err)
{
    *p = (Pairs){.cap = n};
    Status status = MEM_ARRAY(&p->gap, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&p->length, (size_t)n, err);
    if (status != OK)
        pairs_release(p);
    return status;
}

void pairs_release(Pairs *p)
{
    if (!p)
        return;
    mem_free(p->gap);
    mem_free(p->length);
    *p = (Pairs){0};
}

void pairs_add(Pairs *p, const float *score, const int32_t *rank, const int64_t *length,
               int64_t K)
{
    for (int64_t i = 0; i < K; i++) {
        for (int64_t j = 0; j < K; j++) {
            if (rank[i] >= rank[j])
                continue;
            ASSERT(p->n < p->cap);
            p->gap[p->n] = (double)score[i] - (double)score[j];
            p->length[p->n] = (double)(length[i] - length[j]);
            p->n++;
        }
    }
}

/* Share of x that are positive; 0 counts half. */
static double share_positive(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] > 0 ? 1 : (x[i] < 0 ? 0 : 0.5);
    return n > 0 ? sum / (double)n : 0;
}

/* Mean -log sigma(gap / T). */
static double cross_entropy(const Pairs *p, double T)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double d = p->gap[i] / T;
        sum += d > 0 ? log1p(exp(-d)) : log1p(exp(d)) - d;
    }
    return sum / (double)p->n;
}

/* Golden section over log T in [-4, 4]; the cross-entropy is convex in 1/T, so it has
 * one minimum in log T. */
static double fit_temperature(const Pairs *p)
{
    const double ratio = 0.6180339887498949;
    double low = -4, high = 4;
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    double fa = cross_entropy(p, exp(a)), fb = cross_entropy(p, exp(b));
    while (high - low > 1e-4) {
        if (fa < fb) {
            high = b;
            b = a;
            fb = fa;
            a = high - ratio * (high - low);
            fa = cross_entropy(p, exp(a));
        } else {
            low = a;
            a = b;
            fa = fb;
            b = low + ratio * (high - low);
            fb = cross_entropy(p, exp(b));
        }
    }
    return exp((low + high) / 2);
}

static double confidence_of(double gap, double temperature)
{
    return 1 / (1 + exp(-fabs(gap) / temperature));
}

static double hit_of(double gap)
{
    return gap > 0 ? 1 : (gap < 0 ? 0 : 0.5);
}

void calibration_bins(const Pairs *p, double temperature,
                      CalibrationBin bins[CALIBRATION_BINS])
{
    for (int b = 0; b < CALIBRATION_BINS; b++)
        bins[b] = (CalibrationBin){0};
    for (int64_t i = 0; i < p->n; i++) {
        double confidence = confidence_of(p->gap[i], temperature);
        int b = (int)((confidence - 0.5) * 2 * CALIBRATION_BINS);
        CalibrationBin *bin = &bins[b < CALIBRATION_BINS ? b : CALIBRATION_BINS - 1];
        bin->pairs++;
        bin->confidence += confidence;
        bin->accuracy += hit_of(p->gap[i]);
    }
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        bins[b].confidence /= bins[b].pairs > 0 ? bins[b].pairs : 1;
        bins[b].accuracy /= bins[b].pairs > 0 ? bins[b].pairs : 1;
    }
}

static double expected_error(const Pairs *p, double T, double *confidence, double *hit)
{
    for (int64_t i = 0; i < p->n; i++) {
        confidence[i] = confidence_of(p->gap[i], T);
        hit[i] = hit_of(p->gap[i]);
    }
    return stats_ece(confidence, hit, p->n, CALIBRATION_BINS);
}

Status calibration_of(const Pairs *p, Calibration *out, Err *err)
{
    *out = (Calibration){.temperature = 1};
    if (p->n == 0)
        return OK;
    double *confidence = NULL, *hit = NULL;
    Status status = MEM_ARRAY(&confidence, (size_t)p->n, err);
    if (status == OK)
        status = MEM_ARRAY(&hit, (size_t)p->n, err);
    if (status == OK) {
        double longer = share_positive(p->length, p->n);
        out->accuracy = share_positive(p->gap, p->n);
        out->length_accuracy = longer > 0.5 ? longer : 1 - longer;
        out->margin = stats_mean(p->gap, p->n);
        out->temperature = fit_temperature(p);
        out->ece = expected_error(p, 1, confidence, hit);
        out->ece_fitted = expected_error(p, out->temperature, confidence, hit);
    }
    mem_free(confidence);
    mem_free(hit);
    return status;
}
