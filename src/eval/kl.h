/* kl.h - how far a policy's answers are from a reference's: KL(policy || reference) of whole
 * answers, in nats. The policy answers each prompt at temperature 1, and the mean of
 * log policy(answer) - log reference(answer) is an unbiased estimate (k1, Schulman 2020);
 * what a tool forced into an answer is no choice and does not count. */
#ifndef EVAL_KL_H
#define EVAL_KL_H

#include "base/options.h"
#include "base/stats.h"
#include "data/corpus.h"
#include "engine/engine.h"
#include "text/template.h"

typedef struct KlOptions {
    int64_t answers; /* to each prompt */
    int64_t max_new, max_calls, limit, seed;
} KlOptions;
extern const OptTable kl_options;

typedef struct KlReport {
    int64_t n;              /* answers */
    double kl;              /* nats an answer */
    StatsInterval interval; /* 95 % */
    double tokens;          /* mean length; tool results do not count */
} KlReport;

/* At most `limit` of the prompts (0: all), in their order. Both engines read the ids of the
 * one tokenizer. */
NODISCARD Status kl_measure(Engine *policy, Engine *reference, const Tokenizer *tok,
                            const ChatTemplate *chat, const RecordList *prompts,
                            const KlOptions *o, const char *progress, KlReport *out,
                            Err *err);

#endif
