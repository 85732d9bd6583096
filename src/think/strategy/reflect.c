/* reflect.c - reflection: criticise the answer, improve it, and keep the better one.
 *
 *     answer -> "Review your previous answer and find problems with your answer."
 *            -> "Based on the problems you found, improve your answer."
 *
 * (the prompts of Huang et al. 2023, "Large Language Models Cannot Self-Correct Reasoning
 * Yet", who found that without a judge from outside the revised answers are worse). So a
 * revision is accepted only where the question's judge says so: its score rises by more
 * than reflect_gain. Without a judge every revision is accepted only when the options ask
 * for it (reflect_blind), as a control.
 *
 * Every round is noted as first right or wrong, then right or wrong, where the right
 * answer is known (Question.gold; it decides nothing): the 2x2 table of flips. */
#include "think/strategy/strategy.h"

static const char review[] =
    "Review your previous answer and find problems with your answer.";
static const char improve[] = "Based on the problems you found, improve your answer. "
                              "Give all of the answer again.";

/* The talk so far with one turn of each side more. */
static Status add_turns(Conversation *c, Span answer, const char *question, Err *err)
{
    TRY(conversation_add(c, ROLE_ASSISTANT, answer, err));
    return conversation_add(c, ROLE_USER, span_of(question), err);
}

static Status judge(const Question *q, const Outcome *o, double *score, Err *err)
{
    *score = 0;
    return q->judge ? q->judge->score(q->judge->self, q->talk, str_span(&o->text),
                                      score, err)
                    : OK;
}

/* A critique of `now` and a new answer after it, into *next. */
static Status revise(const Strategy *s, Run *run, const Question *q, int64_t round,
                     int32_t i, const Outcome *now, Outcome *next, Err *err)
{
    Conversation talk = {0};
    LmAnswer critique = {0};
    Question again = *q;
    LmRequest r = {.talk = &talk,
                   .sample = q->sample,
                   .key = question_key(q, "critique", round),
                   .first = i,
                   .n = 1};
    Status status = conversation_copy(&talk, q->talk, err);
    if (status == OK)
        status = add_turns(&talk, str_span(&now->text), review, err);
    if (status == OK)
        status = run_complete(run, "critique", &r, &critique, err);
    if (status == OK)
        status = add_turns(&talk, str_span(&critique.text), improve, err);
    again.talk = &talk;
    again.prefix = (Span){NULL, 0};
    again.key = question_key(q, "revision", round);
    if (status == OK)
        status = strategy_inner(s, run, &again, i, 1, next, err);
    if (status == OK) {
        next->tokens += critique.tokens + now->tokens;
        str_puts(&next->thinking, next->thinking.len > 0 ? "\n\n" : "");
        str_span_append(&next->thinking, str_span(&critique.text));
        status = str_check(&next->thinking, err);
    }
    lm_answer_release(&critique);
    conversation_release(&talk);
    return status;
}

/* "WC": the first answer was wrong, the one that was kept is correct. */
static void note_flip(Run *run, const Question *q, const Str *first, const Str *last)
{
    if (!q->gold.ptr)
        return;
    bool before = span_equal(str_span(first), q->gold);
    bool after = span_equal(str_span(last), q->gold);
    char flip[3] = {before ? 'C' : 'W', after ? 'C' : 'W', '\0'};
    trace_note(run->trace, "flip", json_string(flip));
    if (q->flips)
        q->flips->counts[!before][!after]++;
}

static void note_round(Run *run, double before, double after, bool accepted)
{
    json_t *round = json_object();
    json_object_set_new(round, "before", json_real(before));
    json_object_set_new(round, "after", json_real(after));
    json_object_set_new(round, "accepted", json_boolean(accepted));
    trace_note(run->trace, "round", round);
}

/* One round; *go_on: the budgets allow another. */
static Status one_round(const Strategy *s, Run *run, const Question *q, int64_t round,
                        int32_t i, Outcome *now, double *score, bool *go_on, Err *err)
{
    Outcome next = {0};
    double new_score;
    trace_open(run->trace, "strategy", "revision");
    Status status = revise(s, run, q, round, i, now, &next, err);
    if (run_spent(run, status)) {
        *go_on = false;
        status = OK;
    } else if (status == OK) {
        status = judge(q, &next, &new_score, err);
        bool accepted =
            q->judge ? new_score > *score + q->o->reflect_gain : q->o->reflect_blind;
        if (status == OK)
            note_round(run, *score, new_score, accepted);
        if (status == OK && accepted) {
            outcome_move(now, &next);
            *score = new_score;
        } else {
            now->tokens = next.tokens;
        }
    }
    outcome_release(&next);
    trace_close(run->trace);
    return status;
}

static Status reflect(const Strategy *s, Run *run, const Question *q, int32_t i,
                      Outcome *out, Err *err)
{
    double score;
    bool go_on = true;
    Str first = {0};
    Status status = strategy_inner(s, run, q, i, 1, out, err);
    if (status == OK)
        status = judge(q, out, &score, err);
    str_span_append(&first, str_span(&out->answer));
    for (int64_t round = 0; status == OK && go_on && round < s->number; round++)
        status = one_round(s, run, q, round, i, out, &score, &go_on, err);
    if (status == OK)
        note_flip(run, q, &first, &out->answer);
    str_release(&first);
    return status;
}

static Status reflect_attempt(const Strategy *s, Run *run, const Question *q,
                              int32_t first, int32_t n, Outcome *out, Err *err)
{
    Question silent = *q;
    silent.on_text = NULL;
    if (!q->judge && !q->o->reflect_blind)
        return err_set(
            err, ERR_OPTION,
            "reflect needs --judge, which says whether a revision is better: "
            "without one, answers get worse (--reflect-blind shows it)");
    Status status = OK;
    for (int32_t i = 0; status == OK && i < n; i++) {
        trace_open(run->trace, "strategy", "reflect");
        status = reflect(s, run, &silent, first + i, &out[i], err);
        trace_close(run->trace);
    }
    return status;
}

const StrategyKind reflect_kind = {
    .name = "reflect",
    .argument = "rounds",
    .help = "criticises and revises; a revision stays if --judge likes it better",
    .place = 5,
    .def = 1,
    .min = 1,
    .max = 16,
    .attempt = reflect_attempt,
};
