/* lm.h - a language model as those who ask it see it: messages in, answers out, whatever
 * stands behind it. Two kinds: a model folder through our engine (lm_local.h), and any
 * OpenAI-compatible endpoint (lm_remote.h). Strategies, tools, retrieval and comparisons
 * know this table alone; what a kind cannot do it says in `can`, and who needs it fails
 * with the name of what is lacking.
 *
 * complete() and score() may be called from several threads at once, one question a
 * thread: a local model runs what waits together in one run of the engine. The draws of
 * a request depend on its key and seed alone, not on what runs beside it. */
#ifndef THINK_LM_LM_H
#define THINK_LM_LM_H

#include "base/err.h"
#include "base/str.h"
#include "engine/engine.h"
#include "text/template.h"
#include "think/tool/tool.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum LmConstraintKind {
    LM_CHOICES, /* one of `choices` */
    LM_REGEX,
    LM_JSON_SCHEMA,
    LM_GBNF
} LmConstraintKind;

/* What an answer must look like, as text: each kind of model makes of it what it needs. */
typedef struct LmConstraint {
    LmConstraintKind kind;
    Span text; /* of all but choices */
    const Span *choices;
    size_t n_choices;
} LmConstraint;

/* Text of an answer as it comes; false stops the answer. One answer, in one thread. */
typedef bool (*LmOnText)(void *self, Span text);

typedef struct LmRequest {
    const Conversation *talk; /* ends with a user's or a tool's turn; NULL: */
    Span document;            /* a text to be continued as it stands */
    Span prefix;          /* put in the answer's mouth: it begins with this, which is
                                 neither drawn nor part of the text that comes back */
    const Toolbox *tools; /* what the model may call; NULL: nothing */
    SampleOptions sample; /* sample.seed and key decide the draws */
    uint64_t key;         /* answer k to it draws as (seed, key, first + k): who asks */
    int32_t first;        /* for more of the same later gets others, and the same */
    int32_t n;            /* answers, >= 1: they share the work of the prompt */
    double deadline; /* system_seconds() at which they end as they are (FINISH_ABORTED);
                        0: none */
    const Span *stops; /* texts that end an answer, not part of it */
    size_t n_stops;
    const LmConstraint *constraint; /* NULL: free */
    LmOnText on_text;               /* NULL: nobody looks on; else n == 1 */
    void *self;
} LmRequest;

/* A call that the model wants made; the caller makes it and asks again. */
typedef struct LmCall {
    Str name, arguments; /* a JSON object, as text */
    Str id;              /* the endpoint's name for it; "" of local models */
} LmCall;

typedef struct LmAnswer {
    Str text; /* what a person reads: no prefix, no stop, no special token */
    LmCall *calls;
    size_t n_calls;
    int64_t tokens; /* drawn or forced */
    int64_t forced; /* of them */
    double logprob; /* sum over the drawn ones; NAN: the model does not say */
    double entropy; /* mean over the drawn ones, nats; NAN */
    double kept; /* share of probability that the constraint left, geometric mean over
                       the drawn tokens; 1 without a constraint; NAN: not known */
    FinishReason finish;
} LmAnswer;
void lm_answer_release(LmAnswer *a); /* accepts zeroed */

typedef struct LmUsage {
    int64_t prompt_tokens, answer_tokens, requests;
    /* Of the prompts, as endpoints say. 0 of our own models, where it hangs on what else
     * runs, and one seed gives one trace. */
    int64_t cached_tokens;
    double seconds;
    double cost; /* by the prices among the endpoint's options; 0: none */
} LmUsage;
void lm_usage_add(LmUsage *to, const LmUsage *from);

/* What a kind of model can do beside answering. */
typedef struct LmAbility {
    bool score;       /* log-probabilities of given texts */
    bool logprobs;    /* and entropies, of its answers */
    bool constraints; /* all kinds of them */
    bool schemas;     /* at least JSON Schema, and choices */
    bool documents;   /* continue a text that is no conversation */
    bool prefixes;
    bool tools;
} LmAbility;

typedef struct Lm {
    const char *name; /* as errors and traces call it */
    LmAbility can;
    int64_t context; /* tokens; 0: not known */
    void *self;
    /* answers has request->n zeroed places (release each, also after an error). usage is
     * added to. What the model cannot do is ERR_OPTION naming it. */
    Status (*complete)(void *self, const LmRequest *request, LmAnswer *answers,
                       LmUsage *usage, Err *err);
    /* log p(text | what the request says so far, its prefix included), at temperature 1,
     * of each of n texts; tokens[i] how many. Needs can.score. */
    Status (*score)(void *self, const LmRequest *request, const Span *texts, size_t n,
                    double *logprobs, int64_t *tokens, LmUsage *usage, Err *err);
    int64_t (*count)(void *self, Span text); /* tokens of a text, or a fair guess */
    /* Appends the prompt as the model reads it, special tokens by their names, for traces.
     * NULL: only the endpoint knows. */
    Status (*render)(void *self, const LmRequest *request, Str *out, Err *err);
    void (*free)(void *self);
} Lm;
/* Frees self, and lm itself, which is a mem_alloc_array of its own. NULL allowed. */
void lm_free(Lm *lm);

#endif
