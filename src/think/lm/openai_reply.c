/* openai_reply.c - replies of endpoints, whole or in pieces, see openai.h. Nothing that an
 * endpoint says is believed: numbers are checked, lists bounded, absent members allowed. */
#include "base/mem.h"
#include "format/json.h"
#include "think/lm/openai.h"

#include <math.h>
#include <string.h>

struct OpenaiPart {
    bool ended;
    bool begun;    /* the answer itself, behind what is echoed */
    size_t echoed; /* bytes of it that have come */
    size_t cap_calls;
    int64_t n_logprobs, n_entropies;
    double logprob, entropy; /* sums */
};

/* --- what may be there ------------------------------------------------------------------ */
static Span text_of(const json_t *value)
{
    return json_is_string(value)
               ? (Span){json_string_value(value), json_string_length(value)}
               : (Span){0};
}

/* A count that an endpoint claims; 0 when it is none. */
static int64_t count_of(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 && n < INT32_MAX ? n : 0;
}

static int64_t guess_tokens(int64_t bytes)
{
    return (bytes + 3) / 4;
}

static Status no_json(Span bytes, Err *err)
{
    Str shown = {0};
    str_quote(&shown, bytes, 80);
    Status status = err_set(err, ERR_FORMAT,
                            "what the endpoint sent is no reply in OpenAI's form: '%s'",
                            str_c(&shown));
    str_release(&shown);
    return status;
}

/* --- refusals --------------------------------------------------------------------------- */
/* FastAPI's list of what is wrong: the first entry, "where: what". */
static void append_detail(const json_t *entry, Str *out)
{
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(entry, "loc"), i, part)
    {
        str_puts(out, i ? "." : "");
        str_span_append(out, text_of(part));
    }
    str_puts(out, out->len ? ": " : "");
    str_span_append(out, text_of(json_object_get(entry, "msg")));
}

static void refusal_of(const json_t *tree, Str *out)
{
    const json_t *error = json_object_get(tree, "error"),
                 *detail = json_object_get(tree, "detail");
    enum { PLACES = 4 };
    const json_t *const places[PLACES] = {json_object_get(error, "message"), error,
                                          json_object_get(tree, "message"), detail};
    for (int i = 0; i < PLACES && out->len == 0; i++)
        str_span_append(out, text_of(places[i]));
    if (out->len == 0 && json_is_array(detail))
        append_detail(json_array_get(detail, 0), out);
}

void openai_refusal(Span body, Str *out)
{
    json_t *tree = NULL;
    Str said = {0};
    if (json_parse(body, &tree, NULL) == OK)
        refusal_of(tree, &said);
    if (said.len == 0)
        str_span_append(&said, span_trim(body));
    str_quote(out, str_span(&said), 300);
    str_release(&said);
    json_decref(tree);
}

Status openai_only_model(Span body, Str *out, Err *err)
{
    json_t *tree = NULL;
    if (json_parse(body, &tree, NULL) != OK)
        return no_json(body, err);
    const json_t *list = json_object_get(tree, "data");
    size_t n = json_array_size(list);
    Str names = {0};
    for (size_t i = 0; i < n && i < 8; i++) {
        str_puts(&names, i ? ", " : "");
        str_quote(&names, text_of(json_object_get(json_array_get(list, i), "id")), 60);
    }
    Status status = OK;
    if (n == 1)
        str_span_append(out, text_of(json_object_get(json_array_get(list, 0), "id")));
    else
        status = n == 0
                     ? err_set(err, ERR_OPTION,
                               "the endpoint lists no model: name one behind #")
                     : err_set(err, ERR_OPTION,
                               "the endpoint has %zu models (%s%s): name one behind #",
                               n, str_c(&names), n > 8 ? ", ..." : "");
    str_release(&names);
    json_decref(tree);
    return status == OK ? str_check(out, err) : status;
}

/* --- log-probabilities ------------------------------------------------------------------ */
/* Of a list of the likeliest: what it leaves out counts as one token more, so the entropy
 * is a little low. */
typedef struct Likeliest {
    double entropy, rest;
} Likeliest;

static void take_likely(Likeliest *l, const json_t *logprob)
{
    double x = json_is_number(logprob) ? json_number_value(logprob) : -HUGE_VAL;
    if (!(x <= 0) || x < -700)
        return;
    l->entropy -= exp(x) * x;
    l->rest -= exp(x);
}

static void end_likely(const Likeliest *l, OpenaiPart *p)
{
    double rest = l->rest > 1e-9 ? l->rest * log(l->rest) : 0;
    p->entropy += l->entropy - rest;
    p->n_entropies++;
}

static bool take_logprob(OpenaiPart *p, const json_t *value)
{
    double x = json_is_number(value) ? json_number_value(value) : (double)NAN;
    if (!(x <= 1e-3)) /* rounding above 0 */
        return false;
    p->logprob += x > 0 ? 0 : x;
    p->n_logprobs++;
    return true;
}

/* /chat/completions: [{"logprob", "top_logprobs": [{"logprob"}]}] */
static void take_chat_logprobs(OpenaiPart *p, const json_t *list)
{
    size_t i, k;
    json_t *token, *one;
    json_array_foreach(list, i, token)
    {
        const json_t *top = json_object_get(token, "top_logprobs");
        Likeliest l = {.rest = 1};
        if (!take_logprob(p, json_object_get(token, "logprob")) ||
            json_array_size(top) == 0)
            continue;
        json_array_foreach(top, k, one)
            take_likely(&l, json_object_get(one, "logprob"));
        end_likely(&l, p);
    }
}

/* /completions: {"token_logprobs": [x], "top_logprobs": [{"token": x}]} */
static void take_document_logprobs(OpenaiPart *p, const json_t *logprobs)
{
    const json_t *tops = json_object_get(logprobs, "top_logprobs");
    size_t i;
    const char *key;
    json_t *value, *one;
    json_array_foreach(json_object_get(logprobs, "token_logprobs"), i, value)
    {
        json_t *top = json_array_get(tops, i);
        Likeliest l = {.rest = 1};
        if (!take_logprob(p, value) || json_object_size(top) == 0)
            continue;
        json_object_foreach(top, key, one) take_likely(&l, one);
        end_likely(&l, p);
    }
}

/* --- texts and calls -------------------------------------------------------------------- */
static void give_text(OpenaiReply *r, LmAnswer *a, Span text)
{
    if (text.len == 0 || r->stopped)
        return;
    str_span_append(&a->text, text);
    r->bytes += (int64_t)text.len;
    if (r->on_text && !r->unwrap && !r->on_text(r->self, text))
        r->stopped = true;
}

/* Drops the echo from the beginning; what only begins like it is held until it differs. */
static void take_text(OpenaiReply *r, LmAnswer *a, Span text)
{
    OpenaiPart *p = &r->parts[a - r->answers];
    size_t n = 0;
    while (!p->begun && p->echoed < r->echo.len && n < text.len &&
           text.ptr[n] == r->echo.ptr[p->echoed]) {
        p->echoed++;
        n++;
    }
    if (n == text.len)
        return;
    if (!p->begun && p->echoed < r->echo.len)
        give_text(r, a, (Span){r->echo.ptr, p->echoed});
    p->begun = true;
    give_text(r, a, (Span){text.ptr + n, text.len - n});
}

/* A text, or a list of parts of which some are texts. */
static void take_content(OpenaiReply *r, LmAnswer *a, const json_t *content)
{
    size_t i;
    json_t *part;
    take_text(r, a, text_of(content));
    json_array_foreach(content, i, part)
        take_text(r, a, text_of(json_object_get(part, "text")));
}

static Status call_at(LmAnswer *a, OpenaiPart *p, size_t index, LmCall **out, Err *err)
{
    if (index >= OPENAI_MAX_CALLS)
        return err_set(err, ERR_LIMIT, "the endpoint makes more than %d calls at once",
                       OPENAI_MAX_CALLS);
    while (a->n_calls <= index) {
        TRY(MEM_PUSH_ROOM(&a->calls, a->n_calls, &p->cap_calls, err));
        a->calls[a->n_calls++] = (LmCall){0};
    }
    *out = &a->calls[index];
    return OK;
}

static Status take_call(OpenaiReply *r, LmAnswer *a, OpenaiPart *p, size_t index,
                        const json_t *id, const json_t *function, Err *err)
{
    LmCall *call = NULL;
    TRY(call_at(a, p, index, &call, err));
    const json_t *arguments = json_object_get(function, "arguments");
    Span name = text_of(json_object_get(function, "name"));
    if (call->name.len == 0) /* some repeat it in every piece */
        str_span_append(&call->name, name);
    if (call->id.len == 0)
        str_span_append(&call->id, text_of(id));
    size_t before = call->arguments.len;
    if (json_is_object(arguments)) /* ollama's native form */
        json_append(&call->arguments, arguments);
    else
        str_span_append(&call->arguments, text_of(arguments));
    r->bytes += (int64_t)(call->arguments.len - before);
    TRY(str_check(&call->name, err));
    TRY(str_check(&call->id, err));
    return str_check(&call->arguments, err);
}

static Status take_calls(OpenaiReply *r, LmAnswer *a, OpenaiPart *p,
                         const json_t *message, Err *err)
{
    size_t i;
    json_t *call;
    json_array_foreach(json_object_get(message, "tool_calls"), i, call)
    {
        const json_t *at = json_object_get(call, "index");
        json_int_t index = json_is_integer(at) ? json_integer_value(at) : (json_int_t)i;
        if (index < 0)
            return err_set(err, ERR_FORMAT, "the endpoint makes call number %lld",
                           (long long)index);
        TRY(take_call(r, a, p, (size_t)index, json_object_get(call, "id"),
                      json_object_get(call, "function"), err));
    }
    const json_t *old = json_object_get(message, "function_call");
    return json_is_object(old) ? take_call(r, a, p, 0, NULL, old, err) : OK;
}

/* --- replies ---------------------------------------------------------------------------- */
static void take_finish(LmAnswer *a, OpenaiPart *p, Span reason)
{
    if (reason.len == 0)
        return;
    p->ended = true;
    a->finish = span_equal(reason, SPAN("length"))           ? FINISH_LENGTH
                : span_equal(reason, SPAN("content_filter")) ? FINISH_ABORTED
                                                             : FINISH_STOP;
}

static Status take_choice(OpenaiReply *r, const json_t *choice, const char *key,
                          size_t place, Err *err)
{
    const json_t *at = json_object_get(choice, "index"),
                 *message = json_object_get(choice, key),
                 *logprobs = json_object_get(choice, "logprobs");
    json_int_t i = json_is_integer(at) ? json_integer_value(at) : (json_int_t)place;
    if (i < 0 || i >= r->n)
        return err_set(err, ERR_FORMAT, "the endpoint gave answer number %lld of %d",
                       (long long)i, (int)r->n);
    LmAnswer *a = &r->answers[i];
    OpenaiPart *p = &r->parts[i];
    take_content(r, a, json_object_get(message, "content"));
    take_text(r, a, text_of(json_object_get(choice, "text")));
    TRY(str_check(&a->text, err));
    TRY(take_calls(r, a, p, message, err));
    take_chat_logprobs(p, json_object_get(logprobs, "content"));
    take_document_logprobs(p, logprobs);
    take_finish(a, p, text_of(json_object_get(choice, "finish_reason")));
    return OK;
}

static void take_usage(OpenaiReply *r, const json_t *usage)
{
    if (!json_is_object(usage))
        return;
    r->has_usage = true;
    r->usage.prompt_tokens = count_of(usage, "prompt_tokens");
    r->usage.answer_tokens = count_of(usage, "completion_tokens");
    r->usage.cached_tokens =
        count_of(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
}

static Status take_tree(OpenaiReply *r, const json_t *tree, const char *key, Err *err)
{
    size_t i;
    json_t *choice;
    const json_t *error = json_object_get(tree, "error");
    if (error && !json_is_null(error)) {
        Str said = {0}, shown = {0};
        refusal_of(tree, &said);
        str_quote(&shown, str_span(&said), 300);
        Status status =
            err_set(err, ERR_IO, "the endpoint broke off: %s", str_c(&shown));
        str_release(&said);
        str_release(&shown);
        return status;
    }
    json_array_foreach(json_object_get(tree, "choices"), i, choice)
        TRY(take_choice(r, choice, key, i, err));
    take_usage(r, json_object_get(tree, "usage"));
    return OK;
}

Status openai_reply_begin(OpenaiReply *r, const LmRequest *request,
                          const OpenaiWay *way, LmAnswer *answers, int32_t n, Err *err)
{
    const LmConstraint *c = request->constraint;
    *r = (OpenaiReply){.answers = answers,
                       .n = n,
                       .on_text = request->on_text,
                       .self = request->self,
                       .echo = way->echo && request->talk ? request->prefix : (Span){0},
                       .unwrap = c && c->kind == LM_CHOICES && !way->grammar};
    for (int32_t i = 0; i < n; i++)
        answers[i].kept = c ? (double)NAN : 1;
    return MEM_ARRAY(&r->parts, (size_t)n, err);
}

Status openai_reply_event(OpenaiReply *r, Span data, Err *err)
{
    json_t *tree = NULL;
    Err ignored = {0};
    Span text = span_trim(data);
    if (r->done || r->stopped || text.len == 0)
        return OK;
    if (span_equal(text, SPAN("[DONE]"))) {
        r->done = true;
        return OK;
    }
    if (json_parse(text, &tree, &ignored) != OK || !json_is_object(tree)) {
        json_decref(tree);
        return no_json(text, err);
    }
    Status status = take_tree(r, tree, "delta", err);
    json_decref(tree);
    return status;
}

Status openai_reply_whole(OpenaiReply *r, Span body, Err *err)
{
    json_t *tree = NULL;
    Err ignored = {0};
    if (json_parse(body, &tree, &ignored) != OK ||
        (json_array_size(json_object_get(tree, "choices")) == 0 &&
         !json_object_get(tree, "error"))) {
        json_decref(tree);
        return no_json(body, err);
    }
    Status status = take_tree(r, tree, "message", err);
    size_t came = json_array_size(json_object_get(tree, "choices"));
    for (size_t i = 0; status == OK && i < came && i < (size_t)r->n; i++)
        r->parts[i].ended = true; /* also where no reason is given */
    r->done = status == OK;
    json_decref(tree);
    return status;
}

int32_t openai_reply_ended(const OpenaiReply *r)
{
    int32_t n = 0;
    while (n < r->n && r->parts[n].ended)
        n++;
    return n;
}

/* {"answer": "yes"} becomes yes. */
static Status unwrap(OpenaiReply *r, LmAnswer *a, Err *err)
{
    json_t *tree = NULL;
    Err ignored = {0};
    bool fine = json_parse(str_span(&a->text), &tree, &ignored) == OK &&
                json_is_string(json_object_get(tree, "answer"));
    Status status = OK;
    if (fine) {
        str_reset(&a->text);
        str_span_append(&a->text, text_of(json_object_get(tree, "answer")));
        status = str_check(&a->text, err);
        if (status == OK && r->on_text && !r->on_text(r->self, str_span(&a->text)))
            r->stopped = true;
    } else {
        Str shown = {0};
        str_quote(&shown, str_span(&a->text), 60);
        status = err_set(err, ERR_FORMAT,
                         "the endpoint's answer is none of the choices ('%s'): it does "
                         "not keep to schemas, or the answer was cut at max-new",
                         str_c(&shown));
        str_release(&shown);
    }
    json_decref(tree);
    return status;
}

static void finish_answer(OpenaiReply *r, LmAnswer *a, const OpenaiPart *p)
{
    if (!p->begun && p->echoed < r->echo.len)
        give_text(r, a, (Span){r->echo.ptr, p->echoed});
    int64_t bytes = (int64_t)a->text.len;
    for (size_t k = 0; k < a->n_calls; k++)
        bytes += (int64_t)(a->calls[k].name.len + a->calls[k].arguments.len);
    a->tokens = p->n_logprobs > 0           ? p->n_logprobs
                : r->has_usage && r->n == 1 ? r->usage.answer_tokens
                                            : guess_tokens(bytes);
    a->logprob = p->n_logprobs > 0 ? p->logprob : (double)NAN;
    a->entropy = p->n_entropies > 0 ? p->entropy / (double)p->n_entropies : (double)NAN;
    if (r->stopped)
        a->finish = FINISH_ABORTED;
}

Status openai_reply_finish(OpenaiReply *r, size_t prompt_bytes, Err *err)
{
    int64_t tokens = 0;
    for (int32_t i = 0; i < r->n; i++) {
        finish_answer(r, &r->answers[i], &r->parts[i]);
        tokens += r->answers[i].tokens;
    }
    if (!r->has_usage) {
        r->usage.prompt_tokens = guess_tokens((int64_t)prompt_bytes);
        r->usage.answer_tokens = tokens;
    }
    for (int32_t i = 0; i < r->n && r->unwrap && !r->stopped; i++) {
        if (r->parts[i].ended)
            TRY(unwrap(r, &r->answers[i], err));
    }
    return OK;
}

void openai_reply_release(OpenaiReply *r)
{
    mem_free(r->parts);
    *r = (OpenaiReply){0};
}
