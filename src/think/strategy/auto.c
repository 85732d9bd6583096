/* auto.c - think only where it pays: answer at once and without chance, and ask the rest
 * of the chain only when the model is not sure.
 *
 * Sure: the mean entropy of its tokens is at most auto_entropy (nats), and the answer is
 * whole and valid. Where the model gives no log-probabilities, two samples that agree with
 * the answer take the entropy's place. */
#include "think/strategy/strategy.h"

#include <math.h>

/* Two more samples come to the same answer. */
static Status samples_agree(const Strategy *s, Run *run, const Question *q,
                            const Outcome *greedy, int64_t *tokens, bool *agree,
                            Err *err)
{
    enum { SAMPLES = 2 };
    Outcome samples[SAMPLES] = {0};
    Question again = *q;
    again.key = question_key(q, "agreement", 0);
    Status status = direct_kind.attempt(s, run, &again, 0, SAMPLES, samples, err);
    *agree = status == OK;
    for (int i = 0; i < SAMPLES; i++) {
        *agree = *agree &&
                 span_equal(str_span(&samples[i].answer), str_span(&greedy->answer));
        *tokens += samples[i].tokens;
        outcome_release(&samples[i]);
    }
    return status;
}

static Status is_sure(const Strategy *s, Run *run, const Question *q,
                      const Outcome *greedy, int64_t *tokens, bool *sure, Err *err)
{
    *sure = !greedy->cut && greedy->answer.len > 0;
    if (!*sure)
        return OK;
    if (isfinite(greedy->entropy)) {
        trace_note(run->trace, "entropy", json_real(greedy->entropy));
        *sure = greedy->entropy <= q->o->auto_entropy;
        return OK;
    }
    return samples_agree(s, run, q, greedy, tokens, sure, err);
}

/* Fast first; the rest of the chain if that is not enough, and what was fast if nothing
 * of the budgets is left for the rest, or nothing came of it. */
static Status answer(const Strategy *s, Run *run, const Question *q, int32_t i,
                     Outcome *out, Err *err)
{
    Question fast = *q;
    bool sure;
    int64_t tokens = 0;
    fast.sample.temperature = 0;
    TRY(direct_kind.attempt(s, run, &fast, i, 1, out, err));
    tokens = out->tokens;
    Status status = is_sure(s, run, q, out, &tokens, &sure, err);
    if (run_spent(run, status))
        return OK;
    TRY(status);
    trace_note(run->trace, "sure", json_boolean(sure));
    if (!sure) {
        Outcome slow = {0};
        status = strategy_inner(s, run, q, i, 1, &slow, err);
        if (run_spent(run, status) || (status == OK && slow.answer.len == 0)) {
            out->tokens = tokens + slow.tokens;
            outcome_release(&slow);
            return OK;
        }
        outcome_move(out, &slow);
        tokens += out->tokens;
        if (out->note.len > 0)
            str_puts(&out->note, "; ");
        str_puts(&out->note, "thought about it");
    }
    out->tokens = tokens;
    TRY(status);
    return str_check(&out->note, err);
}

static Status auto_attempt(const Strategy *s, Run *run, const Question *q,
                           int32_t first, int32_t n, Outcome *out, Err *err)
{
    Question silent = *q;
    silent.on_text = NULL;
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++) {
        trace_open(run->trace, "strategy", "auto");
        status = answer(s, run, &silent, first + i, &out[i], err);
        trace_close(run->trace);
    }
    return status;
}

const StrategyKind auto_kind = {
    .name = "auto",
    .help = "answers at once, and thinks (as the rest says) only if it is not sure",
    .place = 6,
    .attempt = auto_attempt,
};
