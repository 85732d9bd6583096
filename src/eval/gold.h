/* gold.h - how good a model's answers are on average, and whether one model's are better
 * than another's.
 *
 * Answers are sampled to each prompt and scored by a Reward (the gold judge, or a reward
 * model); a prompt's score is the mean of its answers'. Two models are compared on the
 * same prompts in pairs, which takes the difficulty of the prompts out of the noise. */
#ifndef EVAL_GOLD_H
#define EVAL_GOLD_H

#include "base/stats.h"
#include "data/corpus.h"
#include "eval/reward.h"

typedef struct GoldOptions {
    double temperature;
    int64_t answers; /* to each prompt */
    int64_t max_new, max_calls, limit, seed;
} GoldOptions;
extern const OptTable gold_options;

typedef struct GoldReport {
    double *scores;     /* [n], a mean a prompt */
    int64_t n, answers; /* prompts; answers in all */
    double mean;
    double sd;     /* over single answers */
    double ended;  /* share of answers that ended by themselves */
    double called; /* share with a tool call */
    double tokens; /* mean length */
} GoldReport;

/* At most `limit` of the prompts (0: all), in their order. */
NODISCARD Status gold_measure(Engine *engine, const Tokenizer *tok,
                              const ChatTemplate *chat, Reward *judge,
                              const RecordList *prompts, const GoldOptions *o,
                              const char *progress, GoldReport *out, Err *err);
void gold_release(GoldReport *r);

/* Of b over a, prompt by prompt. */
typedef struct GoldComparison {
    int64_t n;
    double mean_a, mean_b, difference; /* b - a */
    StatsInterval interval;            /* of the difference, 95 % */
    double in_deviations;              /* difference / sd of a's single answers */
    double win_rate;            /* share of prompts where b is better, ties half */
    StatsInterval win_interval; /* Wilson, 95 % */
} GoldComparison;
GoldComparison gold_compare(const GoldReport *a, const GoldReport *b);

#endif
