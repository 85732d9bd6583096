/* choose.c - one of given choices, by what the model thinks of each: the probability of
 * the choice as the whole beginning of the answer, nothing sampled, nothing invalid.
 *
 * A model likes some words whatever the question (the last example's label, common ones).
 * Contextual calibration (Zhao et al. 2021, "Calibrate Before Use") asks the same prompt
 * with "N/A" for a question, and divides by what it answers there:
 *
 *     q = softmax(log p(choice | question) - log p(choice | "N/A"))                     */
#include "think/strategy/strategy.h"

#include "base/mem.h"

#include <math.h>

/* What one question about the choices gives. */
typedef struct Scores {
    double logprobs[EXTRACT_MOST_CHOICES];
    int64_t tokens[EXTRACT_MOST_CHOICES];
} Scores;

static Status ask_scores(Run *run, const Question *q, const char *name,
                         const Conversation *talk, Scores *out, Err *err)
{
    LmRequest r = {
        .talk = talk, .prefix = q->prefix, .sample = q->sample, .key = q->key, .n = 1};
    return run_score(run, name, &r, q->extract->choices, q->extract->n_choices,
                     out->logprobs, out->tokens, err);
}

/* The same talk about nothing. */
static Status ask_of_nothing(Run *run, const Question *q, Scores *out, Err *err)
{
    Conversation talk = {0};
    Conversation head = {q->talk->messages, q->talk->n - 1, q->talk->n - 1};
    Status status = conversation_copy(&talk, &head, err);
    if (status == OK)
        status = conversation_add(&talk, ROLE_USER, SPAN("N/A"), err);
    if (status == OK)
        status = ask_scores(run, q, "choices of nothing", &talk, out, err);
    conversation_release(&talk);
    return status;
}

/* x becomes softmax(x); returns the place of the largest, of equals the first. */
static size_t softmax(double *x, size_t n)
{
    size_t best = 0;
    double sum = 0;
    ASSERT(n >= 1);
    for (size_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    double largest = x[best];
    for (size_t i = 0; i < n; i++) {
        x[i] = exp(x[i] - largest);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
    return best;
}

static Status choose(Run *run, const Question *q, Outcome *out, Err *err)
{
    Scores scores = {0}, nothing = {0};
    const Extractor *e = q->extract;
    TRY(ask_scores(run, q, "choices", q->talk, &scores, err));
    if (q->o->calibrate)
        TRY(ask_of_nothing(run, q, &nothing, err));
    double p[EXTRACT_MOST_CHOICES] = {0};
    for (size_t i = 0; i < e->n_choices; i++)
        p[i] = scores.logprobs[i] - nothing.logprobs[i];
    size_t best = softmax(p, e->n_choices);
    json_t *list = json_array();
    for (size_t i = 0; i < e->n_choices; i++)
        json_array_append_new(list, json_real(p[i]));
    trace_note(run->trace, "probabilities", list);
    str_span_append(&out->text, e->choices[best]);
    extract_normal(e->choices[best], &out->answer);
    out->confidence = p[best];
    out->logprob = scores.logprobs[best];
    out->entropy = (double)NAN;
    TRY(str_check(&out->text, err));
    return str_check(&out->answer, err);
}

static Status choose_attempt(const Strategy *s, Run *run, const Question *q,
                             int32_t first, int32_t n, Outcome *out, Err *err)
{
    (void)s;
    (void)first;
    if (q->extract->n_choices == 0)
        return err_set(err, ERR_OPTION,
                       "choose needs the choices: --extract choice:A,B,C");
    trace_open(run->trace, "strategy", "choose");
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++)
        status = choose(run, q, &out[i], err);
    trace_close(run->trace);
    return status;
}

static Status choose_check(const Strategy *s, const Lm *lm, Err *err)
{
    (void)s;
    return lm->can.score ? OK
                         : err_set(err, ERR_OPTION,
                                   "'%s' gives no probabilities of texts", lm->name);
}

const StrategyKind choose_kind = {
    .name = "choose",
    .help = "takes the likeliest of the choices of --extract choice:A,B,C",
    .attempt = choose_attempt,
    .check = choose_check,
};
