/* calibration.h - how good a reward model's orderings are: accuracy, against the length
 * of an answer alone, and whether its confidence can be believed. Pure. */
#ifndef STAGES_CALIBRATION_H
#define STAGES_CALIBRATION_H

#include "base/err.h"

#include <stdint.h>

/* Pairs of answers of which one is ranked above the other. */
typedef struct Pairs {
    double *gap;    /* score of the better one - score of the worse one */
    double *length; /* the same in tokens */
    int64_t n;
    int64_t cap;
} Pairs;

typedef struct Calibration {
    double accuracy;        /* gap > 0; equal scores count half */
    double length_accuracy; /* of the better rule: "longer wins" or "shorter wins" */
    double margin;          /* mean gap */
    double temperature;     /* T for which sigma(gap / T) predicts best */
    double ece;             /* expected calibration error of sigma(|gap|), 10 bins */
    double ece_fitted;      /* of sigma(|gap| / T) */
} Calibration;

NODISCARD Status pairs_reserve(Pairs *p, int64_t n, Err *err);
void pairs_release(Pairs *p);
/* Appends all ordered pairs of one ranking of K answers; room was reserved. */
void pairs_add(Pairs *p, const float *score, const int32_t *rank, const int64_t *length,
               int64_t K);
NODISCARD Status calibration_of(const Pairs *p, Calibration *out, Err *err);

/* The reliability diagram: confidence sigma(|gap| / temperature) in equal bins from 0.5 to
 * 1, and how often the model was right there. */
enum { CALIBRATION_BINS = 10 };
typedef struct CalibrationBin {
    double pairs;
    double confidence, accuracy; /* means; 0 when there is no pair */
} CalibrationBin;
void calibration_bins(const Pairs *p, double temperature,
                      CalibrationBin bins[CALIBRATION_BINS]);

#endif
