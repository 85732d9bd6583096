/* strategy.h - ways of getting a good answer out of a model. Each is a file of this folder
 * that reads like its paper; a specification composes them:
 *
 *     direct                      ask, and take what comes
 *     cot+consistency:8           eight chains of thought, and the answer of most
 *
 * Every strategy is one function: n independent attempts at a question, numbered from
 * `first`. A strategy that works on the attempts of another (votes, picks, revises) holds
 * that one as its `inner`, so a composition is a chain with the model at its end. The
 * order in a specification does not matter: each kind has its place in the chain.
 *
 * Attempt i draws as (question's key, i): how many are asked for at a time changes
 * nothing. */
#ifndef THINK_STRATEGY_STRATEGY_H
#define THINK_STRATEGY_STRATEGY_H

#include "think/extract.h"
#include "think/run.h"
#include "think/strategy/examples.h"

/* What the strategies of this folder can be told, beside their numbers. */
typedef struct ThinkOptions {
    char *steps;          /* cot: what makes the model think in steps */
    int64_t think_tokens; /* cot: of a chain at most; 0: as of any answer */
    double vote_stop;     /* consistency: probability that settles the vote */
    int64_t vote_round;   /* consistency: samples asked for at a time */
    char *examples;       /* few-shot: a file, for whoever fills Question.examples */
    int pick;             /* few-shot: ExamplePick */
    int64_t pick_seed;
    bool calibrate;      /* choose */
    double reflect_gain; /* reflect: by which a revision must be better */
    bool reflect_blind;  /* reflect: without a judge take every revision */
    int64_t tool_steps;  /* tools: rounds of calls */
    double auto_entropy; /* auto: nats a token up to which the model is sure */
    int tree_search, tree_thoughts, tree_value; /* tree: names as below */
    int64_t tree_depth, tree_thoughts_n, tree_values;
    char *tree_ask; /* tree: what the model is asked about a partial answer */
} ThinkOptions;
extern const OptTable think_options;
extern const char *const tree_search_names[],
    *const tree_thoughts_names[], *const tree_value_names[]; /* ended by NULL */

/* What says how good an answer is, higher is better: a reward, a rule, a checker (1 or 0),
 * filled in by whoever has one. It must not know the right answer. */
typedef struct Judging {
    void *self;
    Status (*score)(void *self, const Conversation *talk, Span answer, double *out,
                    Err *err);
} Judging;

/* How often reflection took what (0: right, 1: wrong) to what. */
typedef struct Flips {
    int64_t counts[2][2];
} Flips;

/* All pointers are borrowed. */
typedef struct Question {
    const Conversation *talk; /* ends with the user's turn */
    Span prefix;              /* as in LmRequest */
    const Span *stops;
    size_t n_stops;
    SampleOptions sample;
    uint64_t key; /* of the draws; parts of the question draw by keys of their own */
    uint64_t id;  /* the whole question's key, which stays; set by strategy_answer */
    const ThinkOptions *o;
    const Extractor *extract;
    const Examples *examples; /* few-shot; NULL: none */
    const Toolbox *tools;     /* tools; NULL: none */
    ToolApprove approve;      /* who is asked before a call (tool.h) */
    void *approver;
    const Judging *judge; /* best-of, reflect, tree; NULL: none */
    Span gold;    /* the right answer's normal form, for counting flips; ptr NULL */
    Flips *flips; /* NULL: nobody counts */
    bool steps;   /* a chain of thought is wanted: set by cot */
    const LmConstraint *constraint; /* NULL: free */
    LmOnText on_text; /* shows the answer as it is written, where the strategy can know
                         that it is the answer; NULL: nobody looks on */
    void *self;
} Question;

/* One attempt. */
typedef struct Outcome {
    Str text;       /* what a person reads */
    Str thinking;   /* what led to it and is not shown unless asked for */
    Str answer;     /* the answer in it, in its normal form (extract.h); "": none */
    bool shown;     /* on_text had all of `text` */
    bool cut;       /* it was not finished: a limit or a budget ended it */
    Str note;       /* a remark for people: why it was cut, how the votes fell; or "" */
    double logprob; /* as in LmAnswer, of all that was drawn for it */
    double entropy; /* as in LmAnswer, of the last answer */
    int64_t tokens, forced; /* forced: of them, by a constraint that left one way */
    double kept;            /* as in LmAnswer, of the last answer */
    double confidence;      /* share of the votes, from 0 to 1; NAN: nobody voted */
} Outcome;
void outcome_release(Outcome *o); /* accepts zeroed */
/* Moves *from into *to, which is released first. */
void outcome_move(Outcome *to, Outcome *from);
/* The text of an answer, taken from it, with a note when it is not finished; `shown`:
 * on_text had it. */
NODISCARD Status outcome_take(Outcome *o, LmAnswer *a, bool shown, Err *err);
/* Adds what an answer cost: its tokens, forced ones and log-probability; what is kept and
 * the entropy are its own. */
void outcome_cost(Outcome *o, const LmAnswer *a);
/* Finds o->answer in text. */
NODISCARD Status outcome_extract(Outcome *o, const Question *q, Span text, Err *err);

/* The key of a further question about the same: draws as independent as of another. */
uint64_t question_key(const Question *q, const char *what, int64_t i);

typedef struct Strategy Strategy;

typedef struct StrategyKind {
    const char *name;
    const char *argument;  /* what stands behind the colon, NULL: nothing may */
    const char *help;      /* a sentence */
    int place;             /* in the chain: higher ones hold lower ones */
    int64_t def, min, max; /* of the number behind the colon */
    /* out has n zeroed places; release each, also after an error. */
    Status (*attempt)(const Strategy *s, Run *run, const Question *q, int32_t first,
                      int32_t n, Outcome *out, Err *err);
    /* ERR_OPTION naming what the model lacks; NULL: any model will do. */
    Status (*check)(const Strategy *s, const Lm *lm, Err *err);
} StrategyKind;

struct Strategy {
    const StrategyKind *kind;
    int64_t number;  /* behind the colon */
    Strategy *inner; /* owned; NULL at the end of the chain */
};

/* "a+b:8" as a chain. ERR_OPTION names the part at fault, and the nearest kind. */
NODISCARD Status strategy_parse(Strategy **out, Span spec, Err *err);
void strategy_free(Strategy *s); /* accepts NULL */
/* All kinds with their help, for people. */
void strategy_list(Str *out);
/* The chain as a specification: its kinds from the model up, numbers written out. */
void strategy_spec(const Strategy *s, Str *out);
/* ERR_OPTION: what some part of the chain needs and the model lacks. */
NODISCARD Status strategy_check(const Strategy *s, const Lm *lm, Err *err);

/* One answer. Ends the run. A budget that is used up before there is any answer is
 * ERR_LIMIT; afterwards the answer is what there is, with `cut` set. */
NODISCARD Status strategy_answer(const Strategy *s, Run *run, const Question *q,
                                 Outcome *out, Err *err);

/* Attempts of the inner strategy, within a span of `s` that the caller has opened. */
NODISCARD Status strategy_inner(const Strategy *s, Run *run, const Question *q,
                                int32_t first, int32_t n, Outcome *out, Err *err);
/* Is there a strategy of this kind in the chain below s? */
bool strategy_holds(const Strategy *s, const StrategyKind *kind);

/* The kinds, a file each. */
extern const StrategyKind direct_kind, choose_kind, few_shot_kind, cot_kind,
    consistency_kind, best_of_kind, reflect_kind, auto_kind, tree_kind, tools_kind;

#endif
