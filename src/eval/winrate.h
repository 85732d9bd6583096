/* winrate.h - how often one model's answers are better than another's, by a judge.
 *
 * Both models answer each prompt once; the judge compares the two. A tie counts half, the
 * interval is Wilson's. The length-controlled rate is what the rate would be if both
 * answered at equal length (Dubois et al. 2024, Length-controlled AlpacaEval): the logit of
 * a win is fitted as
 *
 *     theta + phi tanh((length of b - length of a) / deviation of that difference)
 *
 * and the rate is that at phi = 0. Lengths are in bytes of the answers' texts; their
 * paper's term for how hard a prompt is needs many models and is left out. */
#ifndef EVAL_WINRATE_H
#define EVAL_WINRATE_H

#include "base/stats.h"
#include "data/corpus.h"
#include "eval/judge.h"

typedef struct WinrateOptions {
    double temperature;
    int64_t max_new, max_calls, limit, seed;
} WinrateOptions;
extern const OptTable winrate_options;

/* A model's answer to each of n prompts. */
typedef struct WinrateAnswers {
    Conversation *answers; /* [n] */
    bool *cut;             /* [n] */
    int64_t n;
} WinrateAnswers;
/* At most o->limit of the prompts (0: all). `which` keys the draws: a model against itself
 * is two models that differ by chance alone. */
NODISCARD Status winrate_answer(Engine *engine, const Tokenizer *tok,
                                const ChatTemplate *chat, const RecordList *prompts,
                                const WinrateOptions *o, int which,
                                const char *progress, WinrateAnswers *out, Err *err);
void winrate_answers_release(WinrateAnswers *a);

typedef struct Winrate {
    int64_t n, wins, ties, losses;     /* of b over a */
    int64_t too_long;                  /* left out: the judge cannot read them */
    double rate;                       /* ties half */
    StatsInterval interval;            /* Wilson, 95 % */
    double controlled;                 /* at equal length */
    StatsInterval controlled_interval; /* from the fit's curvature, 95 % */
    double length_effect;              /* phi */
    double length_a, length_b;         /* means, bytes */
} Winrate;

/* prompts[i] was answered by a->answers[i] and b->answers[i]. */
NODISCARD Status winrate_judge(Judge *judge, const RecordList *prompts,
                               const WinrateAnswers *a, const WinrateAnswers *b,
                               Winrate *out, Err *err);

/* The rates of n outcomes of b (1 win, 0.5 tie, 0 loss) whose lengths differ by longer[i]
 * (b less a): all of Winrate but too_long and the mean lengths. */
NODISCARD Status winrate_of(const double *outcome, const double *longer, int64_t n,
                            Winrate *out, Err *err);

#endif
