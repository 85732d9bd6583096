/* arm.h - one way to ask: a model, a file of questions, how its answers are drawn; and what
 * came back. Arms of one experiment ask the same questions, row by row, and are compared in
 * pairs.
 *
 * Every answer goes into a file of JSON Lines, from which all figures can be counted again.
 * An arm is run once and read from there until the weights of its model, its questions or
 * how they are asked change. Draw k of question i is the same whatever else runs. */
#ifndef STUDY_ARM_H
#define STUDY_ARM_H

#include "base/stats.h"
#include "base/str.h"
#include "tensor/ops.h"
#include "think/strategy/strategy.h"
#include "think/tool/tool.h"

#include <jansson.h>
#include <stdbool.h>

/* Is `said` right for this row of the questions? Where several answers are. */
typedef bool (*ArmJudge)(const json_t *row, Span said);
/* Is it an answer at all? */
typedef bool (*ArmValid)(Span said);

/* The strategy that asks (think/strategy/strategy.h). All is borrowed; what it points to the
 * file's name has to tell, too. */
typedef struct ArmThinking {
    const char *spec;            /* "tree:5" */
    const char *extract;         /* specification of its extractor; NULL: auto */
    const ThinkOptions *options; /* NULL: as they come */
    const Judging *judge;
    const Examples *examples;
    const LmConstraint *constraint;
    const Span *stops;
    size_t n_stops;
    bool as_document;
} ArmThinking;

typedef struct ArmOptions {
    const char *file;  /* the answers: JSON Lines, written */
    const char *model; /* folder */
    const char *tests; /* JSON Lines: {"prompt", "expected"} */
    double temperature;
    int64_t questions, samples; /* at most; answers to each */
    int64_t max_new, max_calls, seed;
    const Toolbox
        *tools;     /* what may be called; NULL: the calculator. The file's name has
                             to tell which */
    ArmJudge judge; /* NULL: what is expected, letter by letter */
    ArmValid valid; /* NULL: all that is not empty */
    bool whole;     /* all of the text is what it says, not what follows its last '#' */
    const ArmThinking
        *thinking; /* NULL: plain answers, all at once through the engine */
} ArmOptions;

/* Of each answer, question after question: [questions * samples]. */
typedef struct Arm {
    int64_t questions, samples;
    /* What it says: 0 the right thing, 1, 2 ... other things in the order in which they
     * came up, -1 nothing that the extractor (data/tasks/tasks.h) found. Equal numbers of one
     * question say the same. */
    int64_t *said;
    int64_t *tokens; /* written */
    int64_t *forced; /* of them: by a tool, or a constraint that left one way */
    double *kept;    /* share of probability that a constraint left; 1 without one */
    double *logprob; /* of all drawn tokens together */
    double *entropy; /* mean over them, nats */
    double seconds;  /* for all of it */
} Arm;

NODISCARD Status arm_run(const ArmOptions *o, TensorOps *ops, Arm *out, Err *err);
void arm_release(Arm *a); /* accepts zeroed */
static inline int64_t arm_n(const Arm *a)
{
    return a->questions * a->samples;
}

/* Over all answers; intervals cluster them by question. */
typedef struct ArmScore {
    int64_t n;
    double right, invalid, tokens, entropy; /* shares; means an answer */
    double forced, kept;                    /* shares of tokens; mean of probability */
    double seconds;                         /* a question */
    StatsInterval interval; /* of right: Wilson, or where a question has several answers
                               their clusters' */
} ArmScore;
NODISCARD Status arm_score(const Arm *a, ArmScore *out, Err *err);

/* Right and wrong of two arms on the same questions, by the first answer to each. */
typedef struct ArmPair {
    int64_t n, only_a, only_b; /* right in one alone */
    int64_t both, neither;
    double difference; /* of a over b */
    StatsInterval interval;
    double p; /* McNemar, exact */
} ArmPair;
ArmPair arm_compare(const Arm *a, const Arm *b);
/* Of two lists of 0 and 1. */
ArmPair arm_compare_right(const bool *a, const bool *b, int64_t n);

/* Mean over questions of maj@k and pass@k (eval/majority.h, base/stats.h). */
typedef struct ArmVotes {
    double majority, any;
    StatsInterval majority_interval; /* normal, over questions */
} ArmVotes;
NODISCARD Status arm_votes(const Arm *a, int64_t k, ArmVotes *out, Err *err);

#endif
