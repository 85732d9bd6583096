/* compare.h - providers x prompts over the same tests: what passed, at what cost, and how
 * sure the differences are. */
#ifndef EVAL_COMPARE_H
#define EVAL_COMPARE_H

#include "base/stats.h"
#include "eval/compare_file.h"
#include "think/lm/lm.h"

typedef struct CompareOptions {
    int64_t repeat;      /* answers to each question, with seeds of their own */
    int64_t concurrency; /* questions asked at once */
    int64_t limit;       /* tests at most; 0: all */
    char *output;        /* file that gets a JSON line an answer; NULL: none */
} CompareOptions;
extern const OptTable compare_options;

/* Opens what a provider names. The caller frees it with lm_free. */
typedef Status (*CompareOpen)(void *self, const CompareProvider *p, Lm **out, Err *err);

typedef struct CompareAnswer {
    Str text, why; /* as it came; what did not hold */
    bool passed;
    bool invalid; /* the extractor found nothing */
    int64_t tokens, prompt_tokens;
    double seconds;
} CompareAnswer;

/* One provider with one prompt. */
typedef struct CompareArm {
    const CompareProvider *provider;
    const ComparePrompt *prompt;
    CompareAnswer *answers; /* [tests * repeat] */
    int64_t passed, invalid;
    double tokens, prompt_tokens, seconds; /* means */
    StatsInterval
        interval; /* of the share that passed: Wilson, or by test where there are
                               several answers */
    /* Over the first arm, question by question. */
    double difference, p;
    StatsInterval difference_interval;
    int64_t gained, lost;
} CompareArm;

typedef struct CompareReport {
    CompareArm *arms;
    size_t n;
    int64_t tests, repeat;
} CompareReport;

NODISCARD Status compare_run(const CompareFile *f, const CompareOptions *o,
                             CompareOpen open, void *self, CompareReport *out,
                             Err *err);
void compare_release(CompareReport *r); /* accepts zeroed */
/* {"provider", "prompt", "test", "repeat", "vars", "output", "passed", ...} a line. */
NODISCARD Status compare_lines(const CompareFile *f, const CompareReport *r, Str *out,
                               Err *err);
static inline int64_t compare_n(const CompareReport *r) /* answers of an arm */
{
    return r->tests * r->repeat;
}

#endif
