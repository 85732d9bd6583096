/* direct.c - System 1: ask, and take what comes. The end of every chain. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

#include <math.h>

/* Why the answer is not finished, or NULL. */
static const char *cut_reason(const LmAnswer *a)
{
    switch (a->finish) {
    case FINISH_LENGTH:
        return "cut: --max-new or a budget allows no more tokens";
    case FINISH_CONTEXT:
        return "cut: the context is full";
    case FINISH_ABORTED:
        return "cut: out of time, or stopped";
    case FINISH_STOP:
        break;
    }
    return NULL;
}

static Status take_answer(LmAnswer *a, const Question *q, bool shown, Outcome *out,
                          Err *err)
{
    const char *reason = cut_reason(a);
    out->text = a->text;
    a->text = (Str){0};
    out->shown = shown;
    out->cut = reason != NULL;
    out->logprob = a->logprob;
    out->entropy = a->entropy;
    out->tokens = a->tokens;
    out->confidence = (double)NAN;
    TRY(outcome_extract(out, q, str_span(&out->text), err));
    if (reason)
        str_puts(&out->note, reason);
    else if (a->n_calls > 0)
        str_printf(&out->note,
                   "the model wanted to call %s(%s), which this strategy "
                   "does not",
                   str_c(&a->calls[0].name), str_c(&a->calls[0].arguments));
    return str_check(&out->note, err);
}

static Status direct_attempt(const Strategy *s, Run *run, const Question *q,
                             int32_t first, int32_t n, Outcome *out, Err *err)
{
    (void)s;
    LmAnswer *answers;
    LmRequest request = {.talk = q->talk,
                         .prefix = q->prefix,
                         .stops = q->stops,
                         .n_stops = q->n_stops,
                         .sample = q->sample,
                         .key = q->key,
                         .first = first,
                         .n = n,
                         .constraint = q->constraint,
                         .on_text = n == 1 ? q->on_text : NULL,
                         .self = q->self};
    TRY(MEM_ARRAY(&answers, (size_t)n, err));
    Status status = run_complete(run, "answer", &request, answers, err);
    for (int32_t i = 0; status == OK && i < n; i++)
        status = take_answer(&answers[i], q, request.on_text != NULL, &out[i], err);
    for (int32_t i = 0; i < n; i++)
        lm_answer_release(&answers[i]);
    mem_free(answers);
    return status;
}

const StrategyKind direct_kind = {
    .name = "direct",
    .help = "asks once and takes what comes",
    .attempt = direct_attempt,
};
