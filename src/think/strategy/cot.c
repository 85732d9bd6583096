/* cot.c - chain of thought: tokens to think before the answer.
 *
 * Zero-shot (Kojima et al. 2022, "Large Language Models are Zero-Shot Reasoners"):
 *     1. Q, and in the answer's mouth "Let's think step by step."    -> chain z
 *     2. Q, the trigger, z, "Therefore, the answer is"               -> answer
 * The second question is asked only where z does not say itself what its answer is. A
 * chain that reaches its cap of tokens is cut there and the answer forced (Muennighoff et
 * al. 2025, "s1": budget forcing).
 *
 * Few-shot (Wei et al. 2022): examples that show their steps are the trigger
 * (few_shot.c).
 *
 * An answer that must have a form has it alone: the chain is free, and the second question
 * is asked under the constraint.
 *
 * The chain is the outcome's `thinking`; its `text` is the answer alone. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

#include <string.h>

enum { ANSWER_TOKENS = 32 };
static const char forcing[] = "Therefore, the answer is";

/* What the model is asked so that it thinks, and what of the chain is already said. */
typedef struct Chain {
    Conversation talk; /* with the trigger, where it cannot be put into the mouth */
    Str prefix;        /* in the answer's mouth before the chain */
} Chain;

static Status last_turn_with(Conversation *c, Span more, Err *err)
{
    Conversation head = *c;
    Str text = {0};
    Message *last = &c->messages[c->n - 1];
    str_append(&text, last->content, last->len);
    str_puts(&text, "\n\n");
    str_span_append(&text, more);
    Conversation out = {0};
    head.n--;
    Status status = conversation_copy(&out, &head, err);
    if (status == OK)
        status = conversation_add(&out, last->role, str_span(&text), err);
    str_release(&text);
    if (status != OK) {
        conversation_release(&out);
        return status;
    }
    conversation_release(c);
    *c = out;
    return OK;
}

/* Examples that show their steps are trigger enough. */
static Span trigger_of(const Strategy *s, const Question *q)
{
    bool shown = strategy_holds(s, &few_shot_kind) && q->examples &&
                 q->examples->n > 0 && q->examples->examples[0].steps.len > 0;
    return span_of(!shown && q->o->steps ? q->o->steps : "");
}

static Status chain_init(Chain *c, const Strategy *s, const Run *run, const Question *q,
                         Err *err)
{
    *c = (Chain){0};
    Span trigger = trigger_of(s, q);
    str_span_append(&c->prefix, q->prefix);
    TRY(conversation_copy(&c->talk, q->talk, err));
    if (trigger.len == 0)
        return str_check(&c->prefix, err);
    if (!run->lm->can.prefixes)
        return last_turn_with(&c->talk, trigger, err);
    if (c->prefix.len > 0)
        str_putc(&c->prefix, ' ');
    str_span_append(&c->prefix, trigger);
    return str_check(&c->prefix, err);
}

static void chain_release(Chain *c)
{
    conversation_release(&c->talk);
    str_release(&c->prefix);
}

/* Step 2: asks what the answer is, after the chain in o->text. */
static Status force_answer(Run *run, const Question *q, const Chain *chain, int32_t i,
                           Outcome *o, Err *err)
{
    static const Span line_end[] = {{"\n", 1}};
    Str prefix = {0};
    LmAnswer answer = {0};
    Conversation talk = {0};
    LmRequest r = {.talk = &talk,
                   .sample = q->sample,
                   .key = question_key(q, "answer", i),
                   .n = 1,
                   .constraint = q->constraint};
    r.sample.temperature = 0;
    if (!q->constraint) {
        r.stops = line_end;
        r.n_stops = 1;
        r.sample.max_new = ANSWER_TOKENS;
    }
    Status status = conversation_copy(&talk, &chain->talk, err);
    if (run->lm->can.prefixes) {
        str_span_append(&prefix, str_span(&chain->prefix));
        str_span_append(&prefix, str_span(&o->text));
        str_printf(&prefix, "\n%s", forcing);
        r.prefix = str_span(&prefix);
    } else if (status == OK) {
        status = conversation_add(&talk, ROLE_ASSISTANT, str_span(&o->text), err);
        str_printf(&prefix, "%s? Write the answer alone.", forcing);
        if (status == OK)
            status = conversation_add(&talk, ROLE_USER, str_span(&prefix), err);
    }
    if (status == OK)
        status = str_check(&prefix, err);
    if (status == OK)
        status = run_complete(run, "forced answer", &r, &answer, err);
    if (status == OK) {
        Span said = span_trim(str_span(&answer.text));
        str_reset(&o->text);
        str_span_append(&o->text, said);
        o->tokens += answer.tokens;
        o->logprob += answer.logprob;
        status = outcome_extract(o, q, said, err);
    }
    lm_answer_release(&answer);
    conversation_release(&talk);
    str_release(&prefix);
    return status;
}

/* Is a guess at the answer good enough? Behind a whole chain a last number is; a chain
 * that was cut has no last number, and all of its text is no answer. */
static bool is_answered(const Question *q, const Outcome *o, Span found, bool marked)
{
    return found.len > 0 && !q->constraint &&
           (marked || (!o->cut && (q->extract->kind == EXTRACT_NUMBER ||
                                   q->extract->kind == EXTRACT_CHOICE)));
}

static Status finish_chain(Run *run, const Question *q, const Chain *chain, int32_t i,
                           Outcome *o, Err *err)
{
    Span found;
    bool marked;
    TRY(extract_find(q->extract, str_span(&o->text), &found, &marked, err));
    str_span_append(&o->thinking, str_span(&o->text));
    o->shown = false;
    if (is_answered(q, o, found, marked)) {
        Str text = {0};
        str_span_append(&text, found);
        str_release(&o->text);
        o->text = text;
        return str_check(&o->text, err);
    }
    Status status = force_answer(run, q, chain, i, o, err);
    if (status == OK) {
        o->cut = false;
        str_reset(&o->note);
        return str_check(&o->thinking, err);
    }
    if (!run_spent(run, status))
        return status;
    o->cut = true; /* the chain, as far as it came, is all there is */
    str_reset(&o->note);
    str_puts(&o->note, "cut: a budget ended it before it came to an answer");
    str_reset(&o->answer);
    return str_check(&o->note, err);
}

static Status cot_attempt(const Strategy *s, Run *run, const Question *q, int32_t first,
                          int32_t n, Outcome *out, Err *err)
{
    Chain chain;
    Question thinking = *q;
    trace_open(run->trace, "strategy", "cot");
    Status status = chain_init(&chain, s, run, q, err);
    thinking.talk = &chain.talk;
    thinking.prefix = str_span(&chain.prefix);
    thinking.on_text = NULL;
    thinking.steps = true;
    thinking.constraint = NULL; /* think free, then constrain */
    if (q->o->think_tokens > 0)
        thinking.sample.max_new = q->o->think_tokens;
    if (status == OK)
        status = strategy_inner(s, run, &thinking, first, n, out, err);
    for (int32_t i = 0; status == OK && i < n; i++)
        status = finish_chain(run, q, &chain, first + i, &out[i], err);
    chain_release(&chain);
    trace_close(run->trace);
    return status;
}

const StrategyKind cot_kind = {
    .name = "cot",
    .help = "chain of thought: the model thinks in steps, then answers",
    .place = 3,
    .attempt = cot_attempt,
};
