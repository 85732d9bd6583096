/* direct.c - System 1: ask, and take what comes. The end of every chain. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

static Status note_call(const LmAnswer *a, Outcome *out, Err *err)
{
    if (a->n_calls > 0)
        str_printf(&out->note, "the model wanted to call %s(%s): --think tools lets it",
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
    for (int32_t i = 0; status == OK && i < n; i++) {
        outcome_cost(&out[i], &answers[i]);
        status = outcome_take(&out[i], &answers[i], request.on_text != NULL, err);
        if (status == OK)
            status = outcome_extract(&out[i], q, str_span(&out[i].text), err);
        if (status == OK)
            status = note_call(&answers[i], &out[i], err);
    }
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
