/* tools.c - tools in a loop (ReAct, Yao et al. 2023): the model calls, reads the result,
 * and goes on, until it answers.
 *
 *     answer <- model(talk, tools)
 *     while the answer has calls:  talk <- talk, call, result;  answer <- model(talk)
 *
 * Guards: at most tool_steps rounds; a call that was made already (same tool, same
 * arguments) is not made again, the model is told so, and the second time the loop ends.
 * What is left then is the best there is, marked as cut: the text that was written, or
 * the last result.
 *
 * A failed call is a result that says "error: ..."; what a result says is data, in a turn
 * of its own, never an instruction of ours. */
#include "think/strategy/strategy.h"

#include "base/mem.h"

/* One attempt on its way. */
typedef struct Loop {
    Conversation talk;
    Str made;   /* the calls so far, a line each */
    Str result; /* of the last one */
    Str good;   /* of the last one that did not fail */
    bool warned, stop;
} Loop;

static void loop_release(Loop *l)
{
    conversation_release(&l->talk);
    str_release(&l->made);
    str_release(&l->result);
    str_release(&l->good);
}

/* --- calls --------------------------------------------------------------------------- */
/* The call as the model would write it: "calculator(12*7)", where the one argument is the
 * one that plain text means, else with its JSON. */
static void write_call(const Toolbox *tools, const LmCall *call, Str *out)
{
    const Tool *tool = toolbox_find(tools, str_span(&call->name));
    json_error_t why;
    json_t *object = json_loads(str_c(&call->arguments), 0, &why);
    const json_t *plain =
        tool && tool->argument ? json_object_get(object, tool->argument) : NULL;
    str_span_append(out, str_span(&call->name));
    str_putc(out, '(');
    if (json_is_string(plain) && json_object_size(object) == 1)
        str_append(out, json_string_value(plain), json_string_length(plain));
    else
        str_span_append(out, str_span(&call->arguments));
    str_putc(out, ')');
    json_decref(object);
}

/* Is `line` among the calls that were made? If not, it is now. */
static bool made_already(Loop *l, Span line)
{
    for (size_t at = 0; at < l->made.len;) {
        ptrdiff_t end = span_find(str_span(&l->made), SPAN("\n"), at);
        Span before = {l->made.ptr + at, (size_t)end - at};
        if (span_equal(before, line))
            return true;
        at = (size_t)end + 1;
    }
    str_span_append(&l->made, line);
    str_putc(&l->made, '\n');
    return false;
}

static Status make_call(Run *run, const Question *q, const LmCall *call, Loop *l,
                        Span written, Err *err)
{
    str_reset(&l->result);
    bool failed;
    if (!made_already(l, written)) {
        TRY(run_tool(run, q->tools, call, q->approve, q->approver, &l->result, &failed,
                     err));
        if (!failed) {
            str_reset(&l->good);
            str_span_append(&l->good, str_span(&l->result));
        }
        return str_check(&l->good, err);
    }
    l->stop = l->warned;
    l->warned = true;
    str_puts(&l->result, "error: this call was made already; its result stands above");
    return str_check(&l->result, err);
}

/* Makes one call and adds it and its result to the talk. */
static Status take_call(Run *run, const Question *q, const LmCall *call, Loop *l,
                        Outcome *out, Err *err)
{
    Str written = {0};
    Span name, args;
    write_call(q->tools, call, &written);
    Status status = str_check(&written, err);
    if (status == OK)
        status = make_call(run, q, call, l, str_span(&written), err);
    if (status == OK && call_parse(str_span(&written), &name, &args))
        status = conversation_add_call(&l->talk, name, args, err);
    else if (status == OK)
        status =
            conversation_add_call(&l->talk, str_span(&written), (Span){NULL, 0}, err);
    if (status == OK)
        status = conversation_add(&l->talk, ROLE_TOOL, str_span(&l->result), err);
    str_printf(&out->thinking, "[%s = %s]\n", str_c(&written), str_c(&l->result));
    str_release(&written);
    return status;
}

/* --- the loop ------------------------------------------------------------------------ */
static LmRequest request_of(const Question *q, const Conversation *talk)
{
    return (LmRequest){.talk = talk,
                       .prefix = q->prefix,
                       .tools = q->tools,
                       .stops = q->stops,
                       .n_stops = q->n_stops,
                       .sample = q->sample,
                       .key = q->key,
                       .n = 1,
                       .constraint = q->constraint,
                       .on_text = q->on_text,
                       .self = q->self};
}

/* The calls of one answer, in its order. */
static Status take_calls(Run *run, const Question *q, const LmAnswer *a, Loop *l,
                         Outcome *out, Err *err)
{
    if (a->text.len > 0)
        str_printf(&out->thinking, "%s\n", str_c(&a->text));
    for (size_t i = 0; i < a->n_calls && !l->stop; i++)
        TRY(take_call(run, q, &a->calls[i], l, out, err));
    return str_check(&out->thinking, err);
}

/* The last word is the answer: the model's, or a tool's that did not fail. */
static Status cut(const Loop *l, const LmAnswer *last, const char *why, Outcome *out,
                  Err *err)
{
    bool said = last && last->text.len > 0;
    if (!said && l->good.len == 0)
        return err_set(err, ERR_LIMIT, "no answer came: %s; the last call: %s", why,
                       str_c(&l->result));
    out->cut = true;
    str_reset(&out->text);
    str_span_append(&out->text, said ? str_span(&last->text) : str_span(&l->good));
    str_reset(&out->note);
    str_puts(&out->note, why);
    TRY(str_check(&out->note, err));
    return str_check(&out->text, err);
}

/* From the first answer of attempt i to the last. */
static Status loop(Run *run, const Question *q, int32_t i, LmAnswer *a, Outcome *out,
                   Err *err)
{
    Loop l = {0};
    Status status = conversation_copy(&l.talk, q->talk, err);
    LmRequest r = request_of(q, &l.talk);
    bool spent = false;
    r.first = i;
    r.prefix = (Span){NULL, 0};
    outcome_cost(out, a);
    for (int64_t step = 1; status == OK && a->n_calls > 0; step++) {
        status = take_calls(run, q, a, &l, out, err);
        if (status != OK || l.stop || step > q->o->tool_steps)
            break;
        LmAnswer next;
        r.key = question_key(q, "step", step);
        status = run_complete(run, "after the call", &r, &next, err);
        spent = run_spent(run, status);
        if (status != OK)
            break;
        lm_answer_release(a);
        *a = next;
        outcome_cost(out, a);
    }
    if (spent)
        status = cut(&l, a, "cut: a budget ended it between its calls", out, err);
    else if (status == OK && l.stop)
        status = cut(&l, a, "cut: it made the same call again and again", out, err);
    else if (status == OK && a->n_calls > 0)
        status = cut(&l, a, "cut: no answer after --tool-steps calls", out, err);
    else if (status == OK)
        status = outcome_take(out, a, q->on_text != NULL, err);
    if (status == OK)
        status = outcome_extract(out, q, str_span(&out->text), err);
    loop_release(&l);
    return status;
}

static Status tools_attempt(const Strategy *s, Run *run, const Question *q,
                            int32_t first, int32_t n, Outcome *out, Err *err)
{
    (void)s;
    LmAnswer *answers;
    Question asked = *q;
    if (!q->tools || q->tools->n == 0)
        return err_set(err, ERR_OPTION, "tools needs some: --tool, --tools or --mcp");
    if (n > 1)
        asked.on_text = NULL;
    LmRequest r = request_of(&asked, q->talk);
    r.first = first;
    r.n = n;
    TRY(MEM_ARRAY(&answers, (size_t)n, err));
    trace_open(run->trace, "strategy", "tools");
    Status status = run_complete(run, "answer", &r, answers, err);
    for (int32_t i = 0; status == OK && i < n; i++)
        status = loop(run, &asked, first + i, &answers[i], &out[i], err);
    trace_close(run->trace);
    for (int32_t i = 0; i < n; i++)
        lm_answer_release(&answers[i]);
    mem_free(answers);
    return status;
}

static Status tools_check(const Strategy *s, const Lm *lm, Err *err)
{
    (void)s;
    return lm->can.tools
               ? OK
               : err_set(err, ERR_OPTION, "'%s' does not call tools", lm->name);
}

const StrategyKind tools_kind = {
    .name = "tools",
    .help = "lets the model call --tool, --tools, --mcp until it answers",
    .attempt = tools_attempt,
    .check = tools_check,
};
