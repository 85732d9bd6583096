/* best_of.c - best of n: several attempts, each judged by itself, and the best kept
 * (Stiennon et al. 2020; with a verifier, Cobbe et al. 2021). The judge is what the
 * question brings along (Judging in strategy.h): a reward model, a rule, a checker. Of
 * equals the first is taken. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

/* Judges the attempts that were made; *best: the number of the best. */
static Status judge_all(Run *run, const Question *q, const Outcome *attempts, int32_t n,
                        int32_t *best, Err *err)
{
    double best_score = 0;
    json_t *list = json_array();
    Status status = OK;
    *best = 0;
    for (int32_t i = 0; status == OK && i < n; i++) {
        double score = 0;
        status = q->judge->score(q->judge->self, q->talk, str_span(&attempts[i].text),
                                 &score, err);
        json_array_append_new(list, json_real(score));
        if (i == 0 || score > best_score) {
            *best = i;
            best_score = score;
        }
    }
    trace_note(run->trace, "scores", list);
    trace_note(run->trace, "best", json_integer(*best + 1));
    return status;
}

static Status best(const Strategy *s, Run *run, const Question *q, int32_t i,
                   Outcome *attempts, Outcome *out, Err *err)
{
    int32_t n = (int32_t)s->number, picked, room = run_room(run, n, q->sample.max_new);
    room = room > 0 ? room : 1;
    TRY(strategy_inner(s, run, q, i * n, room, attempts, err));
    TRY(judge_all(run, q, attempts, room, &picked, err));
    int64_t tokens = 0;
    for (int32_t k = 0; k < room; k++)
        tokens += attempts[k].tokens;
    outcome_move(out, &attempts[picked]);
    out->tokens = tokens;
    out->cut |= room < n;
    if (out->note.len > 0)
        str_puts(&out->note, "; ");
    str_printf(&out->note, "the best of %d", room);
    return str_check(&out->note, err);
}

static Status best_of_attempt(const Strategy *s, Run *run, const Question *q,
                              int32_t first, int32_t n, Outcome *out, Err *err)
{
    Question silent = *q;
    Outcome *attempts;
    silent.on_text = NULL;
    if (!q->judge)
        return err_set(err, ERR_OPTION,
                       "best-of needs --judge, which says what is good");
    TRY(MEM_ARRAY(&attempts, (size_t)s->number, err));
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++) {
        trace_open(run->trace, "strategy", "best-of");
        status = best(s, run, &silent, first + i, attempts, &out[i], err);
        trace_close(run->trace);
        for (int64_t k = 0; k < s->number; k++)
            outcome_release(&attempts[k]);
    }
    mem_free(attempts);
    return status;
}

const StrategyKind best_of_kind = {
    .name = "best-of",
    .argument = "attempts",
    .help = "answers several times and keeps what --judge likes best",
    .place = 4,
    .def = 8,
    .min = 1,
    .max = 1024,
    .attempt = best_of_attempt,
};
