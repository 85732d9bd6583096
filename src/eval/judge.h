/* judge.h - which of several answers is better: what people are asked in data/labels.h,
 * asked of a program. Behind it stands the gold judge of the practice world, a reward
 * (a model, an executable, a rule, or a weighted sum of them), or a language model that is
 * asked in words.
 *
 * A language model is asked about each two answers twice, with either of them first, and
 * an answer wins only if both times it is the choice (Zheng et al. 2023, Judging
 * LLM-as-a-judge, 3.4); otherwise the two tie. Its choice is the letter, A or B, that it
 * finds more likely: nothing is sampled. */
#ifndef EVAL_JUDGE_H
#define EVAL_JUDGE_H

#include "base/options.h"
#include "data/record.h"
#include "eval/reward.h"

typedef struct JudgeOptions {
    char *world; /* a practice world: its gold judge */
    char *
        reward; /* a reward model's folder, or parts: programs, rules (reward_spec.h) */
    char *judge;       /* folder of a chat model */
    char *instruction; /* file: what the chat model is asked */
    double tie;        /* scores no further apart tie */
} JudgeOptions;
extern const OptTable judge_options;
/* The same without `world`, where that is an option already. */
extern const OptTable judge_models_options;

/* A prompt with its answers, borrowed; and what the judge says about them. */
typedef struct JudgeCase {
    const Record *record; /* chat, and n_answers >= 2 answers */
    uint32_t cut;         /* bit k: answer k did not come to its end */
    bool too_long;        /* out: more than the judge can read; nothing else is said */
    int32_t ranks[RECORD_MAX_ANSWERS]; /* out: 1 is best, ties share a rank */
    double scores[RECORD_MAX_ANSWERS]; /* out; of a language model: wins, ties half */
} JudgeCase;

/* What became of asking in both orders; zeros of judges that do not see an order. */
typedef struct JudgeBias {
    int64_t pairs;     /* of answers, each asked twice */
    int64_t agreed;    /* both times for the same answer */
    int64_t for_first; /* of 2*pairs choices: the answer that stood first */
} JudgeBias;

typedef struct Judge Judge;
/* One of the three of the options, else ERR_OPTION. ops is borrowed. */
NODISCARD Status judge_open(Judge **out, TensorOps *ops, const JudgeOptions *o,
                            Err *err);
void judge_free(Judge *j);              /* accepts NULL */
const char *judge_name(const Judge *j); /* "gold judge", "reward model runs/rm" */
NODISCARD Status judge_rank(Judge *j, JudgeCase *cases, int64_t n, Err *err);
JudgeBias judge_bias(const Judge *j); /* of all so far */

/* Ranks of n scores: the best has 1, and each group ties with its best when it is within
 * `tie` of it. */
void judge_ranks(const double *scores, int32_t n, double tie, int32_t *ranks);
/* What the language model is asked, when no file says otherwise. */
extern const char judge_instruction[];
/* The instruction with {prompt}, {a} and {b} filled in. ERR_FORMAT when it lacks one. */
NODISCARD Status judge_question(const char *instruction, Span prompt, Span a, Span b,
                                Str *out, Err *err);

#endif
