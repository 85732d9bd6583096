/* lm_remote.c - see lm_remote.h. */
#include "think/lm/lm_remote.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "think/lm/http.h"
#include "think/lm/openai.h"
#include "think/lm/sse.h"

#include <ctype.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* What the endpoint was found to want otherwise: bits of Remote.learnt. */
enum {
    LEARNT_NO_LOGPROBS = 1,
    LEARNT_JSON_OBJECT = 2,
    LEARNT_MAX_COMPLETION = 4,
    LEARNT_NO_SEED = 8,
    LEARNT_NO_USAGE = 16,
    LEARNT_ONE_ANSWER = 32
};

typedef struct Remote {
    Lm *lm;
    EndpointOptions o;
    Http *http;
    Str key, name, model, chat_url, document_url;
    atomic_uint learnt;
} Remote;

/* --- one request, tried until it is answered or refused ---------------------------------- */
typedef struct Try {
    Remote *remote;
    const char *url;
    const LmRequest *request; /* NULL: a GET */
    int32_t first, n;
    LmAnswer *answers; /* [n] */
    Str body;
    OpenaiReply reply;
    Sse sse;
    HttpReply http;
    Str refusal;     /* the endpoint's words */
    unsigned learnt; /* what was known when it was sent */
    int64_t sent;    /* requests so far */
    bool late;       /* the request's deadline has come */
    double begun;
} Try;

static OpenaiWay way_of(const Remote *m, unsigned learnt)
{
    return (OpenaiWay){
        .model = str_span(&m->model),
        .grammar = (OpenaiGrammar)m->o.grammar,
        .logprobs = m->o.logprobs != LOGPROBS_NO && !(learnt & LEARNT_NO_LOGPROBS),
        .json_object =
            m->o.schemas == SCHEMAS_JSON_OBJECT || (learnt & LEARNT_JSON_OBJECT),
        .max_completion_tokens = learnt & LEARNT_MAX_COMPLETION,
        .without_seed = learnt & LEARNT_NO_SEED,
        .without_usage = learnt & LEARNT_NO_USAGE,
        .echo = m->o.prefixes == PREFIXES_ECHO,
    };
}

static bool streams(const Try *t)
{
    return t->request && t->request->on_text;
}

static Status on_event(void *self, Span data, Err *err)
{
    Try *t = self;
    TRY(openai_reply_event(&t->reply, data, err));
    return t->reply.stopped ? ERR_STOPPED : OK; /* whoever looks on has seen enough */
}

static Status on_bytes(void *self, Span bytes, Err *err)
{
    Try *t = self;
    return sse_feed(&t->sse, bytes, on_event, t, err);
}

static void forget(Try *t)
{
    for (int32_t i = 0; i < t->n; i++)
        lm_answer_release(&t->answers[i]);
    openai_reply_release(&t->reply);
    sse_release(&t->sse);
    http_reply_release(&t->http);
    str_reset(&t->body);
    str_reset(&t->refusal);
}

static Status send_once(Try *t, Err *err)
{
    Remote *m = t->remote;
    HttpRequest q = {.url = t->url, .key = str_c(&m->key), .self = t};
    if (t->request) {
        t->learnt = atomic_load(&m->learnt);
        OpenaiWay way = way_of(m, t->learnt);
        TRY(openai_request(t->request, &way, t->first, t->n, streams(t), &t->body,
                           err));
        TRY(openai_reply_begin(&t->reply, t->request, &way, t->answers, t->n, err));
        q.body = str_span(&t->body);
        q.deadline = t->request->deadline;
        q.on_bytes = streams(t) ? on_bytes : NULL;
    }
    t->sent++;
    Status status = http_send(m->http, &q, &t->http, err);
    return t->reply.stopped && status == ERR_STOPPED ? OK : status;
}

/* --- what was wrong --------------------------------------------------------------------- */
static bool is_success(const Try *t)
{
    return t->http.fault == HTTP_FINE && t->http.status / 100 == 2;
}

/* All of what was asked for has come, however the connection ended. */
static bool is_whole(const Try *t)
{
    if (!t->http.streamed)
        return is_success(t);
    return t->reply.stopped || openai_reply_ended(&t->reply) == t->n;
}

static bool may_pass(const Try *t)
{
    long s = t->http.status;
    if (t->reply.bytes > 0)
        return false; /* somebody has seen it */
    if (t->http.fault == HTTP_TOO_LARGE)
        return false;
    if (t->http.fault != HTTP_FINE || (s / 100 == 2 && !is_whole(t)))
        return true;
    if (span_find(str_span(&t->http.body), SPAN("insufficient_quota"), 0) >= 0)
        return false;
    return s == 408 || s == 409 || s == 425 || s == 429 || (s / 100 == 5 && s != 501);
}

/* The endpoint may quote the key that it refuses. */
static void hide_key(const Remote *m, Str *text)
{
    Str clean = {0};
    Span rest = str_span(text), key = str_span(&m->key);
    ptrdiff_t at;
    while (key.len > 0 && (at = span_find(rest, key, 0)) >= 0) {
        str_append(&clean, rest.ptr, (size_t)at);
        str_puts(&clean, "[key]");
        rest = (Span){rest.ptr + at + key.len, rest.len - (size_t)at - key.len};
    }
    str_span_append(&clean, rest);
    str_reset(text);
    str_span_append(text, str_span(&clean));
    str_release(&clean);
}

static void note_refusal(Try *t)
{
    if (t->http.fault != HTTP_FINE)
        str_puts(&t->refusal, t->http.why);
    else
        openai_refusal(str_span(&t->http.body), &t->refusal);
    hide_key(t->remote, &t->refusal);
}

/* --- what is said otherwise -------------------------------------------------------------- */
static bool mentions(const Str *text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text->len; i++) {
        size_t k = 0;
        while (k < n && tolower((unsigned char)text->ptr[i + k]) == word[k])
            k++;
        if (k == n)
            return true;
    }
    return false;
}

static bool mentions_n(const Str *text)
{
    return mentions(text, "completion choice") || mentions(text, "'n'") ||
           mentions(text, "\"n\"") || mentions(text, "`n`") ||
           mentions(text, "body.n:");
}

/* Which of what we said the endpoint complains about; 0: nothing that can be changed. */
static unsigned complaint(const Try *t)
{
    const Remote *m = t->remote;
    const LmConstraint *c = t->request->constraint;
    const Str *said = &t->refusal;
    OpenaiWay way = way_of(m, t->learnt);
    bool schema =
        c && !way.grammar && (c->kind == LM_JSON_SCHEMA || c->kind == LM_CHOICES);
    if (way.logprobs && m->o.logprobs == LOGPROBS_AUTO &&
        (mentions(said, "logprob") || mentions(said, "logits")))
        return LEARNT_NO_LOGPROBS;
    if (!way.max_completion_tokens && mentions(said, "max_completion_tokens"))
        return LEARNT_MAX_COMPLETION;
    if (schema && !way.json_object && m->o.schemas == SCHEMAS_AUTO &&
        (mentions(said, "response_format") || mentions(said, "json_schema")))
        return LEARNT_JSON_OBJECT;
    if (streams(t) && !way.without_usage && mentions(said, "stream_options"))
        return LEARNT_NO_USAGE;
    if (t->n > 1 && mentions_n(said))
        return LEARNT_ONE_ANSWER;
    if (!way.without_seed && mentions(said, "seed"))
        return LEARNT_NO_SEED;
    return 0;
}

static bool adapt(Try *t)
{
    long s = t->http.status;
    if (!t->request || t->http.fault != HTTP_FINE || t->reply.bytes > 0 ||
        (s != 400 && s != 404 && s != 422 && s != 500 && s != 501))
        return false;
    unsigned what = complaint(t);
    if (what == 0)
        return false;
    unsigned before = atomic_fetch_or(&t->remote->learnt, what);
    if (what == LEARNT_ONE_ANSWER)
        t->n = 1;
    if (what == LEARNT_NO_SEED && !(before & LEARNT_NO_SEED))
        log_warn("%s takes no seed: the same question may be answered otherwise next "
                 "time",
                 str_c(&t->remote->name));
    return true;
}

/* --- errors in words -------------------------------------------------------------------- */
static const char *advice(long status)
{
    switch (status) {
    case 401:
    case 403:
        return "; is the key right? It is taken from key_file, key_env or TAME_API_KEY "
               "(OPENAI_API_KEY for api.openai.com)";
    case 404:
        return "; is the address right (mostly it ends in /v1), and the model's name?";
    case 413:
        return "; ask for less at once";
    case 429:
        return "; wait, or ask less often";
    default:
        return "";
    }
}

static Status describe(const Try *t, const char *tries, Err *err)
{
    const HttpReply *h = &t->http;
    const char *said = str_c(&t->refusal);
    if (t->reply.bytes > 0)
        return err_set(err, ERR_IO,
                       "the stream was cut after %lld bytes of the answer%s%s",
                       (long long)t->reply.bytes, *said ? ": " : "", said);
    switch (h->fault) {
    case HTTP_UNREACHABLE:
        return err_set(err, ERR_IO, "cannot be reached: %s%s", said, tries);
    case HTTP_TIMEOUT:
        return err_set(err, ERR_IO, "no reply in time: %s%s", said, tries);
    case HTTP_CUT:
        return err_set(err, ERR_IO, "the reply was cut after %lld bytes: %s%s",
                       (long long)h->bytes, said, tries);
    case HTTP_TOO_LARGE:
        return err_set(err, ERR_LIMIT, "%s; max_bytes sets the limit", said);
    default:
        break;
    }
    if (h->status / 100 == 2)
        return err_set(err, ERR_IO, "the stream ended before it began to answer%s",
                       tries);
    if (h->status / 100 == 3)
        return err_set(
            err, ERR_OPTION,
            "it sends us elsewhere (status %ld), where a key must not follow: "
            "give the address that it means",
            h->status);
    return err_set(err, h->status / 100 == 4 && h->status != 429 ? ERR_OPTION : ERR_IO,
                   "status %ld: %s%s%s", h->status, said, tries, advice(h->status));
}

static Status give_up(const Try *t, Err *err)
{
    char tries[80] = "";
    if (t->sent > 1)
        (void)snprintf(tries, sizeof tries, " (%lld tries in %.3g s)",
                       (long long)t->sent, system_seconds() - t->begun);
    return describe(t, tries, err);
}

/* --- trying again ------------------------------------------------------------------------ */
/* Chance, and none that can be repeated: many who failed together part here. */
static double chance(void)
{
    double now = system_seconds();
    return (double)(rng_hash(&now, sizeof now, (uint64_t)(uintptr_t)&now) >> 11) *
           0x1p-53;
}

static Status pause_before(const Try *t, int64_t attempt, Err *err)
{
    const EndpointOptions *o = &t->remote->o;
    double asked = t->http.retry_after,
           wait = http_backoff(attempt, o->backoff, o->max_wait, chance());
    if (asked > o->max_wait) {
        (void)give_up(t, err);
        return err_context(err, "it asks to be left alone for %s, more than max_wait",
                           log_seconds(asked));
    }
    wait = asked > wait ? asked : wait;
    if (t->request && t->request->deadline > 0)
        wait = fmin(wait, t->request->deadline - system_seconds());
    if (wait >= 2)
        log_info("%s: %s; again in %s", str_c(&t->remote->name), str_c(&t->refusal),
                 log_seconds(wait));
    return http_wait(wait, err);
}

static bool is_late(const Try *t)
{
    return t->request && t->request->deadline > 0 &&
           system_seconds() >= t->request->deadline;
}

static Status run_tries(Try *t, Err *err)
{
    int64_t failures = 0;
    for (;;) {
        forget(t);
        TRY(send_once(t, err));
        if (is_whole(t))
            return OK;
        t->late = is_late(t);
        if (t->late)
            return OK;
        note_refusal(t);
        if (adapt(t))
            continue;
        if (!may_pass(t) || failures == t->remote->o.retries)
            return give_up(t, err);
        TRY(pause_before(t, failures++, err));
    }
}

static void try_release(Try *t)
{
    openai_reply_release(&t->reply);
    sse_release(&t->sse);
    http_reply_release(&t->http);
    str_release(&t->body);
    str_release(&t->refusal);
}

static double cost_of(const EndpointOptions *o, const LmUsage *u)
{
    double cached = o->price_cached > 0 ? o->price_cached : o->price_read;
    return 1e-6 * (o->price_read * (double)(u->prompt_tokens - u->cached_tokens) +
                   cached * (double)u->cached_tokens +
                   o->price_written * (double)u->answer_tokens);
}

static Status read_reply(Try *t, LmUsage *usage, int32_t *got, Err *err)
{
    t->reply.stopped |= t->late; /* what has come is the answer, and it is cut */
    if (!t->http.streamed && !t->late)
        TRY(openai_reply_whole(&t->reply, str_span(&t->http.body), err));
    *got = t->reply.stopped ? t->n : openai_reply_ended(&t->reply);
    if (*got == 0)
        return err_set(err, ERR_FORMAT, "the endpoint's reply holds no answer");
    TRY(openai_reply_finish(&t->reply, t->body.len, err));
    t->reply.usage.cost = cost_of(&t->remote->o, &t->reply.usage);
    lm_usage_add(usage, &t->reply.usage);
    return OK;
}

/* Asks for answers first .. first+n-1; *got of them come. */
static Status ask(Remote *m, const LmRequest *request, int32_t first, int32_t n,
                  LmAnswer *answers, LmUsage *usage, int32_t *got, Err *err)
{
    Try t = {.remote = m,
             .url = str_c(request->talk ? &m->chat_url : &m->document_url),
             .request = request,
             .first = first,
             .n = n,
             .answers = answers,
             .begun = system_seconds()};
    Status status = run_tries(&t, err);
    if (status == OK)
        status = read_reply(&t, usage, got, err);
    usage->requests += t.sent;
    usage->seconds += system_seconds() - t.begun;
    try_release(&t);
    return status;
}

/* --- the table --------------------------------------------------------------------------- */
static Status check_able(const Remote *m, const LmRequest *r, Err *err)
{
    const LmAbility *can = &m->lm->can;
    const LmConstraint *c = r->constraint;
    bool schema = c && (c->kind == LM_JSON_SCHEMA || c->kind == LM_CHOICES);
    const char *lacks = !r->talk && !can->documents                      ? "documents"
                        : r->talk && r->prefix.len > 0 && !can->prefixes ? "prefixes"
                        : r->tools && r->tools->n > 0 && !can->tools     ? "tools"
                        : schema && !can->schemas                        ? "schemas"
                                                                         : NULL;
    if (!lacks)
        return OK;
    return err_set(
        err, ERR_OPTION,
        "it takes no %s, say its options; if it does, a file of options with "
        "`%s` says so",
        lacks, lacks);
}

static Status complete_all(Remote *m, const LmRequest *r, LmAnswer *answers,
                           LmUsage *usage, Err *err)
{
    TRY(check_able(m, r, err));
    int32_t done = 0;
    while (done < r->n) {
        bool one = atomic_load(&m->learnt) & LEARNT_ONE_ANSWER;
        int32_t want = one ? 1 : r->n - done, got = 0;
        TRY(ask(m, r, r->first + done, want, answers + done, usage, &got, err));
        if (got < want)
            (void)atomic_fetch_or(&m->learnt, LEARNT_ONE_ANSWER);
        done += got;
    }
    return OK;
}

static Status remote_complete(void *self, const LmRequest *request, LmAnswer *answers,
                              LmUsage *usage, Err *err)
{
    Remote *m = self;
    Status status = complete_all(m, request, answers, usage, err);
    if (status != OK && status != ERR_STOPPED)
        err_context(err, "endpoint '%s'", str_c(&m->name));
    return status;
}

static Status remote_score(void *self, const LmRequest *request, const Span *texts,
                           size_t n, double *logprobs, int64_t *tokens, LmUsage *usage,
                           Err *err)
{
    const Remote *m = self;
    (void)request, (void)texts, (void)n, (void)logprobs, (void)tokens, (void)usage;
    return err_set(err, ERR_OPTION,
                   "endpoint '%s': it gives no log-probabilities of texts it did not "
                   "write; a model folder does",
                   str_c(&m->name));
}

static int64_t remote_count(void *self, Span text)
{
    (void)self;
    return ((int64_t)text.len + 3) / 4;
}

static void remote_free(void *self)
{
    Remote *m = self;
    http_free(m->http);
    if (m->key.ptr)
        memset(m->key.ptr, 0, m->key.len);
    enum { TEXTS = 5 };
    Str *const all[TEXTS] = {&m->key, &m->name, &m->model, &m->chat_url,
                             &m->document_url};
    for (int i = 0; i < TEXTS; i++)
        str_release(all[i]);
    opt_release(&endpoint_options, &m->o);
    mem_free(m);
}

/* --- opening ----------------------------------------------------------------------------- */
static Status copy_options(EndpointOptions *to, const EndpointOptions *from, Err *err)
{
    char **const texts[] = {&to->endpoint, &to->model, &to->key_env, &to->key_file};
    *to = *from;
    for (int i = 0; i < 4; i++)
        *texts[i] = NULL;
    const char *const given[] = {from->endpoint, from->model, from->key_env,
                                 from->key_file};
    for (int i = 0; i < 4; i++) {
        if (given[i] && !(*texts[i] = mem_dup(given[i], strlen(given[i]))))
            return err_set(err, ERR_NOMEM, "no memory for options");
    }
    return OK;
}

static bool is_here(const char *address)
{
    static const char *const here[] = {"http://localhost", "http://127.",
                                       "http://[::1]"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        if (span_starts(span_of(address), span_of(here[i])))
            return true;
    }
    return false;
}

static Status look_up_model(Remote *m, Err *err)
{
    Str url = {0};
    endpoint_url(m->o.endpoint, "/models", &url);
    Status status = str_check(&url, err);
    Try t = {.remote = m, .url = str_c(&url), .begun = system_seconds()};
    if (status == OK)
        status = run_tries(&t, err);
    if (status == OK)
        status = openai_only_model(str_span(&t.http.body), &m->model, err);
    try_release(&t);
    str_release(&url);
    return status;
}

static Status set_up(Remote *m, const EndpointOptions *o, Err *err)
{
    TRY(copy_options(&m->o, o, err));
    str_puts(&m->name, o->endpoint);
    TRY(endpoint_key(&m->o, &m->key, err));
    if (m->key.len > 0 && span_starts(span_of(o->endpoint), SPAN("http://")) &&
        !is_here(o->endpoint))
        log_warn("%s: the key goes over the network as it is; https would hide it",
                 o->endpoint);
    HttpLimits limits = {.connect_seconds = o->connect_timeout,
                         .idle_seconds = o->idle_timeout,
                         .total_seconds = o->timeout,
                         .max_bytes = o->max_bytes};
    TRY(http_new(&m->http, &limits, err));
    if (o->model)
        str_puts(&m->model, o->model);
    else
        TRY(look_up_model(m, err));
    str_putc(&m->name, '#');
    str_span_append(&m->name, str_span(&m->model));
    endpoint_url(o->endpoint, "/chat/completions", &m->chat_url);
    endpoint_url(o->endpoint, "/completions", &m->document_url);
    TRY(str_check(&m->name, err));
    TRY(str_check(&m->chat_url, err));
    return str_check(&m->document_url, err);
}

static void fill_table(Lm *lm, Remote *m)
{
    const EndpointOptions *o = &m->o;
    bool all = o->grammar != GRAMMAR_NO;
    *lm = (Lm){
        .name = str_c(&m->name),
        .can = {.logprobs = o->logprobs != LOGPROBS_NO,
                .constraints = all,
                .schemas = all || o->schemas != SCHEMAS_NO,
                .documents = o->documents,
                .prefixes = o->prefixes != PREFIXES_NO,
                .tools = o->tools},
        .context = o->context,
        .self = m,
        .complete = remote_complete,
        .score = remote_score,
        .count = remote_count,
        .free = remote_free,
    };
}

Status lm_remote_new(Lm **out, const EndpointOptions *options, Err *err)
{
    Lm *lm = NULL;
    Remote *m = NULL;
    *out = NULL;
    TRY(MEM_ARRAY(&lm, 1, err));
    Status status = MEM_ARRAY(&m, 1, err);
    if (status != OK) {
        mem_free(lm);
        return status;
    }
    m->lm = lm;
    status = set_up(m, options, err);
    fill_table(lm, m);
    if (status != OK) {
        if (status != ERR_STOPPED)
            err_context(err, "endpoint '%s'", options->endpoint);
        lm_free(lm);
        return status;
    }
    *out = lm;
    return OK;
}

Status lm_remote_open(Lm **out, const char *word, Err *err)
{
    EndpointOptions o;
    *out = NULL;
    Status status = endpoint_parse(word, &o, err);
    if (status == OK)
        status = lm_remote_new(out, &o, err);
    opt_release(&endpoint_options, &o);
    return status;
}

Status lm_remote_probe(Lm *lm, Err *err)
{
    Remote *m = lm->self;
    Conversation talk = {0};
    LmAnswer answer = {0};
    LmUsage usage = {0};
    LmRequest r = {.talk = &talk, .sample = sample_plain(0, 1, 1), .n = 1};
    Status status = conversation_add(&talk, ROLE_USER, SPAN("Hi"), err);
    if (status == OK)
        status = remote_complete(m, &r, &answer, &usage, err);
    if (status == OK && m->o.logprobs == LOGPROBS_AUTO)
        lm->can.logprobs = isfinite(answer.logprob) != 0;
    lm_answer_release(&answer);
    conversation_release(&talk);
    return status;
}
