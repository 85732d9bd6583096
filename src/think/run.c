/* run.c - see run.h. */
#include "think/run.h"

#include "base/system.h"
#include "data/record_json.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

static const OptField fields[] = {
    OPT_INT(Budget, tokens, 0, 0, 1e12,
            "tokens that the model may write for an answer; 0: no limit"),
    OPT_INT(Budget, calls, 0, 0, 1e9,
            "answers and scorings asked of the model; 0: no limit"),
    OPT_REAL(Budget, seconds, 0, 0, 1e9, "seconds for an answer; 0: no limit"),
    OPT_END,
};
const OptTable budget_options = {"budget", "budgets, kept strictly", sizeof(Budget),
                                 fields};

Status run_init(Run *run, Lm *lm, const Budget *budget, double (*clock)(void),
                const char *name, Err *err)
{
    *run = (Run){.lm = lm, .budget = *budget, .clock = clock ? clock : system_seconds};
    run->begin = run->clock();
    TRY(trace_new(&run->trace, run->clock, err));
    trace_open(run->trace, "strategy", name);
    return OK;
}

void run_end(Run *run)
{
    trace_close(run->trace);
}

void run_release(Run *run)
{
    trace_free(run->trace);
    *run = (Run){0};
}

/* --- budgets ------------------------------------------------------------------------- */
static Status no_more(Run *run, Err *err, const char *what, double limit)
{
    run->spent = true;
    return err_set(err, ERR_LIMIT, "the budget of %.15g %s is used up", limit, what);
}

/* May the model be asked for n more answers (`writes`), or for a scoring? */
static Status may_ask(Run *run, int32_t n, bool writes, Err *err)
{
    const Budget *b = &run->budget;
    if (system_stop_requested())
        return err_set(err, ERR_STOPPED, "stopped");
    if (b->calls > 0 && run->calls + n > b->calls)
        return no_more(run, err, "calls", (double)b->calls);
    if (writes && b->tokens > 0 && (b->tokens - run->tokens) / n < 1)
        return no_more(run, err, "tokens", (double)b->tokens);
    if (b->seconds > 0 && run->clock() - run->begin >= b->seconds)
        return no_more(run, err, "seconds", b->seconds);
    return OK;
}

int32_t run_room(const Run *run, int32_t n, int64_t max_new)
{
    const Budget *b = &run->budget;
    int64_t room = n;
    if (b->calls > 0 && b->calls - run->calls < room)
        room = b->calls - run->calls;
    if (b->tokens > 0 && (b->tokens - run->tokens) / max_new < room)
        room = (b->tokens - run->tokens) / max_new;
    return room > 0 ? (int32_t)room : 0;
}

/* --- what the trace says ------------------------------------------------------------- */
static json_t *text_json(const Str *s)
{
    return json_from_bytes(str_span(s));
}

static json_t *real_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* The prompt as the model reads it, or, where only the endpoint knows, what it was
 * given. */
static void note_prompt(Run *run, const LmRequest *r)
{
    Trace *t = run->trace;
    Str text = {0};
    Err why;
    if (run->lm->render && run->lm->render(run->lm->self, r, &text, &why) == OK) {
        trace_note(t, "prompt", text_json(&text));
    } else if (r->talk) {
        trace_note(t, "messages", conversation_json(r->talk));
    } else {
        trace_note(t, "document", json_from_bytes(r->document));
    }
    if (r->prefix.len > 0)
        trace_note(t, "prefix", json_from_bytes(r->prefix));
    str_release(&text);
}

static void note_request(Run *run, const LmRequest *r)
{
    Trace *t = run->trace;
    char key[24];
    note_prompt(run, r);
    (void)snprintf(key, sizeof key, "%016llx", (unsigned long long)r->key);
    trace_note(t, "key", json_string(key));
    if (r->first > 0)
        trace_note(t, "first", json_integer(r->first));
    trace_note(t, "sample", json_from_options(&sample_options, &r->sample));
}

static const char *const finish_names[] = {[FINISH_STOP] = "stop",
                                           [FINISH_LENGTH] = "length",
                                           [FINISH_CONTEXT] = "context",
                                           [FINISH_ABORTED] = "aborted"};

static json_t *calls_json(const LmAnswer *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_calls; i++) {
        json_t *call = json_object();
        json_object_set_new(call, "name", text_json(&a->calls[i].name));
        json_object_set_new(call, "arguments", text_json(&a->calls[i].arguments));
        json_array_append_new(list, call);
    }
    return list;
}

static json_t *answer_note(const LmAnswer *a)
{
    json_t *o = json_object();
    json_object_set_new(o, "text", text_json(&a->text));
    if (a->n_calls > 0)
        json_object_set_new(o, "calls", calls_json(a));
    json_object_set_new(o, "tokens", json_integer(a->tokens));
    json_object_set_new(o, "logprob", real_json(a->logprob));
    json_object_set_new(o, "entropy", real_json(a->entropy));
    if (a->kept < 1)
        json_object_set_new(o, "kept", real_json(a->kept));
    json_object_set_new(o, "finish", json_string(finish_names[a->finish]));
    return o;
}

static void note_answers(Run *run, const LmAnswer *answers, int32_t n,
                         const LmUsage *used)
{
    Trace *t = run->trace;
    json_t *list = json_array();
    for (int32_t i = 0; i < n; i++)
        json_array_append_new(list, answer_note(&answers[i]));
    trace_note(t, "answers", list);
    trace_note(t, "prompt_tokens", json_integer(used->prompt_tokens));
    if (used->cached_tokens > 0)
        trace_note(t, "cached_tokens", json_integer(used->cached_tokens));
    trace_note(t, "tokens", json_integer(used->answer_tokens));
    if (used->cost > 0)
        trace_note(t, "cost", json_real(used->cost));
    trace_note(t, "says",
               text_json(answers[0].n_calls > 0 ? &answers[0].calls[0].arguments
                                                : &answers[0].text));
}

/* --- calls --------------------------------------------------------------------------- */
static void add_usage(Run *run, const LmUsage *used, int64_t calls)
{
    lm_usage_add(&run->usage, used);
    run->tokens += used->answer_tokens;
    run->calls += calls;
}

/* The request within what is left. */
static LmRequest within_budget(const Run *run, const LmRequest *request)
{
    LmRequest r = *request;
    const Budget *b = &run->budget;
    if (b->tokens > 0) {
        int64_t share = (b->tokens - run->tokens) / r.n;
        if (r.sample.max_new > share)
            r.sample.max_new = share;
    }
    double deadline = run->begin + b->seconds;
    if (b->seconds > 0 && (r.deadline <= 0 || r.deadline > deadline))
        r.deadline = deadline;
    return r;
}

static Status fail(Run *run, Status status, const Err *err)
{
    trace_note(run->trace, "error", json_from_bytes(span_of(err->msg)));
    trace_note(run->trace, "says", json_from_bytes(span_of(err->msg)));
    trace_close(run->trace);
    return status;
}

/* Did the time run out before a first word? A shorter answer is one. */
static bool nothing_came(const Run *run, const LmAnswer *answers, int32_t n)
{
    const Budget *b = &run->budget;
    bool some = b->seconds <= 0 || run->clock() - run->begin < b->seconds;
    for (int32_t i = 0; i < n && !some; i++)
        some =
            answers[i].text.len > 0 || answers[i].tokens > 0 || answers[i].n_calls > 0;
    return !some;
}

Status run_complete(Run *run, const char *name, const LmRequest *request,
                    LmAnswer *answers, Err *err)
{
    LmUsage used = {0};
    int32_t n = request->n;
    memset(answers, 0, (size_t)n * sizeof *answers);
    TRY(may_ask(run, n, true, err));
    LmRequest r = within_budget(run, request);
    trace_open(run->trace, "call", name);
    note_request(run, &r);
    Status status = run->lm->complete(run->lm->self, &r, answers, &used, err);
    add_usage(run, &used, n);
    if (status == OK && system_stop_requested())
        status = err_set(err, ERR_STOPPED, "stopped");
    if (status == OK && nothing_came(run, answers, n))
        status = no_more(run, err, "seconds", run->budget.seconds);
    if (status != OK) {
        for (int32_t i = 0; i < n; i++)
            lm_answer_release(&answers[i]);
        return fail(run, status, err);
    }
    note_answers(run, answers, n, &used);
    trace_close(run->trace);
    return OK;
}

Status run_score(Run *run, const char *name, const LmRequest *request,
                 const Span *texts, size_t n, double *logprobs, int64_t *tokens,
                 Err *err)
{
    LmUsage used = {0};
    if (!run->lm->can.score)
        return err_set(err, ERR_OPTION,
                       "'%s' gives no probabilities of texts, which '%s' needs",
                       run->lm->name, name);
    TRY(may_ask(run, 1, false, err));
    trace_open(run->trace, "score", name);
    note_request(run, request);
    Status status =
        run->lm->score(run->lm->self, request, texts, n, logprobs, tokens, &used, err);
    add_usage(run, &used, 1);
    if (status != OK)
        return fail(run, status, err);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "text", json_from_bytes(texts[i]));
        json_object_set_new(o, "logprob", real_json(logprobs[i]));
        json_array_append_new(list, o);
    }
    trace_note(run->trace, "texts", list);
    trace_note(run->trace, "prompt_tokens", json_integer(used.prompt_tokens));
    trace_close(run->trace);
    return OK;
}

Status run_tool(Run *run, const Toolbox *tools, const LmCall *call, ToolApprove approve,
                void *self, Str *out, bool *failed, Err *err)
{
    size_t before = out->len;
    if (system_stop_requested())
        return err_set(err, ERR_STOPPED, "stopped");
    trace_open(run->trace, "tool", "tool");
    trace_note(run->trace, "tool", text_json(&call->name));
    trace_note(run->trace, "arguments", text_json(&call->arguments));
    run->tool_calls++;
    Status status =
        toolbox_call(tools, str_span(&call->name), str_span(&call->arguments), approve,
                     self, out, failed, err);
    if (status != OK)
        return fail(run, status, err);
    Span result = {out->ptr + before, out->len - before};
    trace_note(run->trace, "result", json_from_bytes(result));
    trace_note(run->trace, "says", json_from_bytes(result));
    if (*failed)
        trace_note(run->trace, "failed", json_true());
    trace_close(run->trace);
    return OK;
}
