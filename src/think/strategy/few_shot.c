/* few_shot.c - examples in front of the question (Brown et al. 2020): what a base model
 * takes for the earlier part of its page, and an assistant for the earlier turns of the
 * conversation. Under a chain of thought the examples show their steps (Wei et al. 2022).
 *
 * Which examples, and in which order, is examples.h. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

/* How an example answers: its steps too, where a chain is wanted. */
static Status add_answer(Conversation *c, const Example *x, bool steps, Err *err)
{
    Str text = {0};
    if (steps && x->steps.len > 0) {
        str_span_append(&text, str_span(&x->steps));
        str_puts(&text, " The answer is ");
    }
    str_span_append(&text, str_span(&x->answer));
    if (steps && x->steps.len > 0 && text.len > 0 && text.ptr[text.len - 1] != '.')
        str_putc(&text, '.');
    Status status = str_check(&text, err);
    if (status == OK)
        status = conversation_add(c, ROLE_ASSISTANT, str_span(&text), err);
    str_release(&text);
    return status;
}

/* The talk with the examples between its system text and the rest. */
static Status with_examples(const Question *q, const size_t *picked, size_t n,
                            Conversation *out, Err *err)
{
    bool system = q->talk->messages[0].role == ROLE_SYSTEM;
    Conversation head = {q->talk->messages, system, system};
    TRY(conversation_copy(out, &head, err));
    for (size_t i = 0; i < n; i++) {
        const Example *x = &q->examples->examples[picked[i]];
        TRY(conversation_add(out, ROLE_USER, str_span(&x->question), err));
        TRY(add_answer(out, x, q->steps, err));
    }
    return conversation_append(out, q->talk, system, q->talk->n, err);
}

static json_t *numbers_json(const size_t *picked, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer((json_int_t)picked[i] + 1));
    return list;
}

static Status ask_with(const Strategy *s, Run *run, const Question *q, int32_t first,
                       int32_t n, size_t *picked, Outcome *out, Err *err)
{
    Conversation talk = {0};
    Question shown = *q;
    size_t n_picked;
    const Message *asked = &q->talk->messages[q->talk->n - 1];
    Status status = examples_pick(
        q->examples, (ExamplePick)q->o->pick, (Span){asked->content, asked->len},
        (size_t)s->number, (uint64_t)q->o->pick_seed, q->id, picked, &n_picked, err);
    if (status == OK)
        status = with_examples(q, picked, n_picked, &talk, err);
    if (status == OK) {
        trace_note(run->trace, "examples", numbers_json(picked, n_picked));
        shown.talk = &talk;
        status = strategy_inner(s, run, &shown, first, n, out, err);
    }
    conversation_release(&talk);
    return status;
}

static Status few_shot_attempt(const Strategy *s, Run *run, const Question *q,
                               int32_t first, int32_t n, Outcome *out, Err *err)
{
    size_t *picked;
    if (!q->examples)
        return err_set(err, ERR_OPTION,
                       "few-shot needs --examples, a file of questions and answers");
    TRY(MEM_ARRAY(&picked, (size_t)s->number, err));
    trace_open(run->trace, "strategy", "few-shot");
    Status status = ask_with(s, run, q, first, n, picked, out, err);
    trace_close(run->trace);
    mem_free(picked);
    return status;
}

const StrategyKind few_shot_kind = {
    .name = "few-shot",
    .argument = "examples",
    .help = "shows worked examples first (--examples)",
    .place = 2,
    .def = 4,
    .min = 1,
    .max = 1024,
    .attempt = few_shot_attempt,
};
