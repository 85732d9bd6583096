/* beside.h - what a policy is worth beside the one it came from, answer by answer on the
 * same prompts. */
#ifndef STUDY_BESIDE_H
#define STUDY_BESIDE_H

#include "base/stats.h"
#include "eval/winrate.h"
#include "study/measure.h"

typedef struct Beside {
    double gain, in_deviations;    /* of gold; over the spread of single SFT answers */
    StatsInterval interval;        /* of the gain, 95 %, in pairs */
    double sft, proxy;             /* mean proxies, before and after; NAN without one */
    double kl, kl_exact, kl_error; /* error: of kl, one deviation */
    double kl_gap, kl_gap_error;   /* kl - kl_exact, and one deviation of it */
    double ended;
    Winrate wins; /* of the judge; lengths in tokens */
    int64_t prompts;
} Beside;

/* One answer to each prompt in both; `after` has its KL to the policy of `before`. proxy: a
 * column that both have, or NULL. */
NODISCARD Status beside_of(const Measure *before, const Measure *after,
                           const char *proxy, Beside *out, Err *err);

#endif
