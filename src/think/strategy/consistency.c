/* consistency.c - self-consistency (Wang et al. 2022): sample k chains, and take the
 * answer that most of them come to.
 *
 * Attempts without an answer are no votes. Of answers with as many votes the one that came
 * first is taken. With Adaptive-Consistency (Aggarwal et al. 2023) no more are sampled
 * once the leader is ahead for good: with v1 votes for it and v2 for the next, when
 *
 *     P(p1 > p2 | v1, v2) = 1 - I_1/2(v1 + 1, v2 + 1) > vote_stop
 *
 * under a uniform prior. The votes are looked at every vote_round samples. */
#include "think/strategy/strategy.h"

#include "base/mem.h"
#include "think/strategy/votes.h"

#include <math.h>

/* What one vote needs. */
typedef struct Election {
    Outcome *attempts;
    int32_t k, n; /* wanted, and there */
    bool cut;     /* a budget allows no more */
    Votes votes;
} Election;

/* Takes the next round of attempts; *more: there may be a next. */
static Status take_round(const Strategy *s, Run *run, const Question *q, int32_t first,
                         Election *e, bool *more, Err *err)
{
    int32_t want = e->k - e->n;
    if (want > q->o->vote_round)
        want = (int32_t)q->o->vote_round;
    int32_t room = run_room(run, want, q->sample.max_new);
    if (room == 0)
        room = 1; /* a shorter one, or the budget says no */
    Status status =
        strategy_inner(s, run, q, first + e->n, room, e->attempts + e->n, err);
    if (e->n > 0 && run_spent(run, status)) {
        for (int32_t i = 0; i < room; i++)
            outcome_release(&e->attempts[e->n + i]);
        e->cut = true;
        *more = false;
        return OK;
    }
    TRY(status);
    for (int32_t i = 0; i < room; i++)
        votes_add(&e->votes, e->n + i, str_span(&e->attempts[e->n + i].answer));
    e->n += room;
    *more = e->n < e->k && votes_lead(&e->votes) <= q->o->vote_stop;
    return OK;
}

static void note_votes(Run *run, const Election *e)
{
    json_t *counts = json_object();
    for (int32_t i = 0; i < e->votes.n; i++) {
        Span answer = e->votes.entries[i].answer;
        json_object_setn_new_nocheck(counts, answer.ptr, answer.len,
                                     json_integer(e->votes.entries[i].count));
    }
    trace_note(run->trace, "votes", counts);
    trace_note(run->trace, "attempts", json_integer(e->n));
    trace_note(run->trace, "invalid", json_integer(e->votes.invalid));
}

/* The winner's first attempt is the outcome. */
static Status elect(Run *run, Election *e, Outcome *out, Err *err)
{
    note_votes(run, e);
    const VotesEntry *winner = votes_winner(&e->votes);
    int64_t tokens = 0;
    for (int32_t i = 0; i < e->n; i++)
        tokens += e->attempts[i].tokens;
    outcome_move(out, &e->attempts[winner ? winner->first : 0]);
    out->tokens = tokens;
    out->cut |= e->cut;
    out->confidence = winner ? (double)winner->count / (e->n - e->votes.invalid) : 0;
    str_reset(&out->note);
    if (winner)
        str_printf(&out->note, "%d of %d votes", winner->count,
                   e->n - e->votes.invalid);
    else
        str_printf(&out->note, "none of %d attempts has an answer", e->n);
    if (winner && e->votes.invalid > 0)
        str_printf(&out->note, ", %d invalid", e->votes.invalid);
    trace_note(run->trace, "says", json_string(str_c(&out->note)));
    return str_check(&out->note, err);
}

static Status one_vote(const Strategy *s, Run *run, const Question *q, int32_t i,
                       Outcome *out, Err *err)
{
    Election e = {.k = (int32_t)s->number};
    bool more = true;
    TRY(MEM_ARRAY(&e.attempts, (size_t)e.k, err));
    Status status = votes_init(&e.votes, e.k, err);
    while (status == OK && more)
        status = take_round(s, run, q, i * e.k, &e, &more, err);
    if (status == OK)
        status = elect(run, &e, out, err);
    for (int32_t a = 0; a < e.k; a++)
        outcome_release(&e.attempts[a]);
    votes_release(&e.votes);
    mem_free(e.attempts);
    return status;
}

static Status consistency_attempt(const Strategy *s, Run *run, const Question *q,
                                  int32_t first, int32_t n, Outcome *out, Err *err)
{
    if (q->sample.temperature <= 0)
        return err_set(err, ERR_OPTION,
                       "consistency needs a --temperature above 0: without chance all "
                       "samples are the same");
    Question silent = *q;
    silent.on_text = NULL;
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++) {
        trace_open(run->trace, "strategy", "consistency");
        status = one_vote(s, run, &silent, first + i, &out[i], err);
        trace_close(run->trace);
    }
    return status;
}

const StrategyKind consistency_kind = {
    .name = "consistency",
    .argument = "samples",
    .help = "asks several times and takes the answer of most",
    .place = 4,
    .def = 8,
    .min = 1,
    .max = 1024,
    .attempt = consistency_attempt,
};
