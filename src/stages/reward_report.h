/* reward_report.h - whether a reward model can be trusted with reinforcement learning: its
 * accuracy on held-out rankings, overall and where it matters (by confidence, by source, by
 * which answer is longer), beside what length alone and a bag of words reach and what the
 * labels allow; its calibration; and a sentence that says go or no go, with reasons.
 *
 * Intervals are 95 %. Pairs of one ranking share answers, so they count for fewer than
 * they are: each is widened by the design effect (the variance of the accuracy with whole
 * rankings as the units, over that of independent pairs; never below 1). */
#ifndef STAGES_REWARD_REPORT_H
#define STAGES_REWARD_REPORT_H

#include "format/json.h"
#include "stages/rankings.h"

typedef struct RewardReportInput {
    const Rankings *train, *heldout;
    const float *score; /* of each held-out answer */
    const Tokenizer *tok;
    int64_t seed;
    double
        label_noise; /* chance that a held-out pair is the wrong way round; 0: unknown */
    const json_t *curve; /* of reward_curve_point; or NULL */
} RewardReportInput;

/* The report as a tree (docs/formats.md), the caller's; held-out rankings are not empty. */
NODISCARD Status reward_report_make(const RewardReportInput *in, json_t **out,
                                    Err *err);
/* Appends the same for people. */
void reward_report_markdown(const json_t *report, Str *out);
/* Logs the sentence and its reasons. */
void reward_report_tell(const json_t *report);
/* One point of the learning curve: a model trained on so many rankings. */
NODISCARD Status reward_curve_point(const Rankings *heldout, const float *score,
                                    int64_t rankings, json_t **out, Err *err);

#endif
