/* test_lm_remote.c - a model behind an endpoint, beside a server that answers well and
 * badly in every way: what it says is understood, what fails is tried again or said in
 * words, nothing hangs, nothing is kept that is too large, no key is shown. */
#include "think/lm/lm_remote.h"

#include "support/check.h"
#include "support/fake_server.h"
#include "support/temp.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "format/json.h"

#include <math.h>
#include <sys/stat.h>

static Err err;
static FakeServer server;

#define HEAD(status, type)                                                             \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nConnection: close\r\n"
#define JSON(status, body) HEAD(status, "application/json") "\r\n" body
#define STREAM(events)     HEAD("200 OK", "text/event-stream; charset=utf-8") "\r\n" events
#define EVENT(json)        "data: " json "\n\n"
#define SAYS(text)                                                                     \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"      \
    "\"" text "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,"      \
    "\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4}}}"
#define PIECE(text)                                                                    \
    EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"},"           \
          "\"finish_reason\":null}],\"usage\":null}")
#define LAST                                                                           \
    EVENT("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}")
#define USAGE                                                                          \
    EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}")
#define FINE                                                                           \
    {                                                                                  \
        JSON("200 OK", SAYS("Paris.")), FAKE_CLOSE                                     \
    }

/* --- asking ------------------------------------------------------------------------------ */
typedef struct Asked {
    Lm *lm;
    LmRequest request;
    Conversation talk;
    LmAnswer answers[4];
    LmUsage usage;
    Str shown; /* by on_text */
    int pieces, stop_after;
    double seconds;
} Asked;

static EndpointOptions quick(const char *model)
{
    EndpointOptions o;
    char word[64];
    (void)snprintf(word, sizeof word, "http://127.0.0.1:%d#%s", server.port, model);
    CHECK_OK(endpoint_parse(word, &o, &err));
    o.backoff = 0.01;
    o.logprobs = LOGPROBS_NO;
    return o;
}

static Asked asking(const EndpointOptions *o, const char *question)
{
    Asked a = {.request = {.sample = sample_plain(0.5, 64, 7), .key = 3, .n = 1}};
    CHECK_OK(lm_remote_new(&a.lm, o, &err));
    CHECK_OK(conversation_add(&a.talk, ROLE_USER, span_of(question), &err));
    return a;
}

static Status complete(Asked *a)
{
    a->request.talk = a->request.document.ptr ? NULL : &a->talk;
    double begun = system_seconds();
    Status status =
        a->lm->complete(a->lm->self, &a->request, a->answers, &a->usage, &err);
    a->seconds = system_seconds() - begun;
    return status;
}

static void asked_release(Asked *a)
{
    for (int i = 0; i < 4; i++)
        lm_answer_release(&a->answers[i]);
    str_release(&a->shown);
    conversation_release(&a->talk);
    lm_free(a->lm);
}

static bool show(void *self, Span text)
{
    Asked *a = self;
    str_span_append(&a->shown, text);
    return ++a->pieces != a->stop_after;
}

/* The body of request k as a tree. */
static json_t *body_of(size_t k)
{
    json_t *tree = NULL;
    const char *body = strstr(str_c(&server.seen[k]), "\r\n\r\n");
    assert_non_null(body);
    CHECK_OK(json_parse(span_of(body + 4), &tree, &err));
    return tree;
}

static bool sent(size_t k, const char *text)
{
    return strstr(str_c(&server.seen[k]), text) != NULL;
}

#define START(script) fake_start(&server, script, sizeof(script) / sizeof *(script))
static void finish(Asked *a, EndpointOptions *o)
{
    asked_release(a);
    opt_release(&endpoint_options, o);
    fake_release(&server);
}

/* What becomes of one question when the server says this. */
typedef struct Outcome {
    Status status;
    char text[64];
    size_t requests;
    double seconds;
} Outcome;
static double reply_seconds = 30; /* for a whole reply */
static Outcome outcome_of(const FakeReply *script, size_t n, bool stream, int retries)
{
    fake_start(&server, script, n);
    EndpointOptions o = quick("m");
    o.retries = retries;
    o.timeout = reply_seconds;
    o.idle_timeout = 1;
    o.max_bytes = 100000;
    Asked a = asking(&o, "Capital of France?");
    if (stream) {
        a.request.on_text = show;
        a.request.self = &a;
    }
    err = (Err){0};
    Outcome out = {.status = complete(&a), .seconds = a.seconds};
    fake_halt(&server);
    out.requests = server.requests;
    (void)snprintf(out.text, sizeof out.text, "%s",
                   str_c(stream ? &a.shown : &a.answers[0].text));
    finish(&a, &o);
    return out;
}
#define OUTCOME(script, stream, retries)                                               \
    outcome_of(script, sizeof(script) / sizeof *(script), stream, retries)

static bool says(const char *text)
{
    if (strstr(err.msg, text))
        return true;
    print_message("the message is: %s\n", err.msg);
    return false;
}

/* --- answers ----------------------------------------------------------------------------- */
static void a_question_is_asked_and_answered(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    START(script);
    EndpointOptions o = quick("some/model");
    o.price_read = 2;
    o.price_cached = 0.5;
    o.price_written = 8;
    Asked a = asking(&o, "Capital of \"France\"?\n");
    Span stops[] = {SPAN("\n\n"), SPAN("END")};
    a.request.stops = stops;
    a.request.n_stops = 2;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), "Paris.");
    assert_int_equal(a.answers[0].finish, FINISH_STOP);
    assert_int_equal(a.answers[0].tokens, 3);
    assert_true(isnan(a.answers[0].logprob) && isnan(a.answers[0].entropy));
    CHECK_NEAR(a.answers[0].kept, 1, 0);
    assert_int_equal(a.usage.prompt_tokens, 11);
    assert_int_equal(a.usage.cached_tokens, 4);
    assert_int_equal(a.usage.answer_tokens, 3);
    assert_int_equal(a.usage.requests, 1);
    CHECK_NEAR(a.usage.cost, (7 * 2 + 4 * 0.5 + 3 * 8) * 1e-6, 1e-12);
    assert_true(sent(0, "POST /v1/chat/completions HTTP/1.1"));
    assert_false(sent(0, "Authorization"));
    json_t *body = body_of(0),
           *message = json_array_get(json_object_get(body, "messages"), 0);
    assert_string_equal(json_string_value(json_object_get(body, "model")),
                        "some/model");
    assert_string_equal(json_string_value(json_object_get(message, "content")),
                        "Capital of \"France\"?\n");
    CHECK_NEAR(json_number_value(json_object_get(body, "temperature")), 0.5, 0);
    assert_int_equal(json_integer_value(json_object_get(body, "max_tokens")), 64);
    assert_int_equal(json_array_size(json_object_get(body, "stop")), 2);
    assert_true(json_is_integer(json_object_get(body, "seed")));
    assert_null(json_object_get(body, "top_k"));
    assert_null(json_object_get(body, "stream"));
    json_decref(body);
    char name[64];
    (void)snprintf(name, sizeof name, "http://127.0.0.1:%d/v1#some/model", server.port);
    assert_string_equal(a.lm->name, name);
    finish(&a, &o);
}

static void a_stream_is_shown_as_it_comes(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(EVENT(
             "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
             "null}}]}") ": ping\n\n" PIECE("Pa") PIECE("ris") PIECE(".")
                    LAST USAGE EVENT("[DONE]")),
         FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "Capital?");
    a.request.on_text = show;
    a.request.self = &a;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.shown), "Paris.");
    assert_int_equal(a.pieces, 3);
    assert_string_equal(str_c(&a.answers[0].text), "Paris.");
    assert_int_equal(a.usage.prompt_tokens, 9);
    assert_int_equal(a.answers[0].tokens, 2);
    assert_true(sent(0, "\"include_usage\":true"));
    finish(&a, &o);
}

static void a_stream_needs_no_done_and_no_usage(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(PIECE("Par") PIECE("is.") LAST), FAKE_CLOSE}};
    Outcome out = OUTCOME(script, true, 0);
    assert_int_equal(out.status, OK);
    assert_string_equal(out.text, "Paris.");
}

static void an_endpoint_that_does_not_stream_is_shown_at_once(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    Outcome out = OUTCOME(script, true, 0);
    assert_int_equal(out.status, OK);
    assert_string_equal(out.text, "Paris.");
}

static void whoever_looks_on_can_stop_the_answer(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(PIECE("a") PIECE("b") PIECE("c")), FAKE_HANG}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.on_text = show;
    a.request.self = &a;
    a.stop_after = 2;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), "ab");
    assert_int_equal(a.answers[0].finish, FINISH_ABORTED);
    finish(&a, &o);
}

static void calls_come_in_fragments(void **state)
{
    (void)state;
#define CALL(json)                                                                     \
    EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[" json "]}}]}")
    static const FakeReply script[] = {
        {STREAM(CALL("{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{"
                     "\"name\":\"add\",\"arguments\":\"\"}}")
                    CALL("{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}")
                        CALL("{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":"
                             "\"now\",\"arguments\":\"{}\"}}")
                            CALL("{\"index\":0,\"function\":{\"arguments\":\"12}\"}}")
                                EVENT("{\"choices\":[{\"index\":0,\"delta\":{},"
                                      "\"finish_reason\":\"tool_calls\"}]}")),
         FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "12 + 1?");
    char name[] = "add", what[] = "adds", plain[] = "expression";
    Tool tools[] = {{.name = name,
                     .description = what,
                     .parameters = json_pack("{s:s}", "type", "object"),
                     .argument = plain}};
    const Toolbox box = {.tools = tools, .n = 1};
    a.request.tools = &box;
    a.request.on_text = show;
    a.request.self = &a;
    CHECK_OK(conversation_add_call(&a.talk, SPAN("add"), SPAN("1+2"), &err));
    CHECK_OK(conversation_add(&a.talk, ROLE_TOOL, SPAN("3"), &err));
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_int_equal(a.answers[0].n_calls, 2);
    assert_string_equal(str_c(&a.answers[0].calls[0].name), "add");
    assert_string_equal(str_c(&a.answers[0].calls[0].arguments), "{\"a\":12}");
    assert_string_equal(str_c(&a.answers[0].calls[0].id), "c1");
    assert_string_equal(str_c(&a.answers[0].calls[1].name), "now");
    assert_string_equal(str_c(&a.answers[0].text), "");
    json_t *body = body_of(0), *messages = json_object_get(body, "messages"),
           *call = json_array_get(
               json_object_get(json_array_get(messages, 1), "tool_calls"), 0),
           *result = json_array_get(messages, 2);
    json_t *function = json_object_get(call, "function");
    assert_string_equal(json_string_value(json_object_get(function, "arguments")),
                        "{\"expression\":\"1+2\"}");
    assert_string_equal(json_string_value(json_object_get(result, "role")), "tool");
    assert_string_equal(json_string_value(json_object_get(result, "tool_call_id")),
                        json_string_value(json_object_get(call, "id")));
    assert_int_equal(json_array_size(json_object_get(body, "tools")), 1);
    json_decref(body);
    json_decref(tools[0].parameters);
    finish(&a, &o);
}

/* ln(1/2) - ln(4)/1: by hand; the entropies of (1/2, 1/2) and (1/4, the rest as one). */
static void logprobs_and_entropies_are_summed(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("200 OK", "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ab\"},"
                        "\"finish_reason\":\"length\",\"logprobs\":{\"content\":["
                        "{\"token\":\"a\",\"logprob\":-0.69314718056,\"top_logprobs\":["
                        "{\"logprob\":-0.69314718056},{\"logprob\":-0.69314718056}]},"
                        "{\"token\":\"b\",\"logprob\":-1.38629436112,\"top_logprobs\":["
                        "{\"logprob\":-1.38629436112}]}]}}]}"),
         FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    o.logprobs = LOGPROBS_YES;
    Asked a = asking(&o, "?");
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_int_equal(a.answers[0].finish, FINISH_LENGTH);
    assert_int_equal(a.answers[0].tokens, 2);
    CHECK_NEAR(a.answers[0].logprob, -log(8), 1e-9);
    CHECK_NEAR(a.answers[0].entropy, (log(2) + 0.25 * log(4) + 0.75 * log(4.0 / 3)) / 2,
               1e-9);
    assert_true(sent(0, "\"top_logprobs\""));
    finish(&a, &o);
}

static void a_document_goes_to_completions(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("200 OK",
              "{\"choices\":[{\"text\":\" time\",\"index\":0,\"finish_reason\":"
              "\"length\",\"logprobs\":{\"token_logprobs\":[-0.5],"
              "\"top_logprobs\":[{\" time\":-0.5}]}}]}"),
         FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.document = SPAN("Once upon");
    a.request.prefix = SPAN(" a");
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), " time");
    CHECK_NEAR(a.answers[0].logprob, -0.5, 0);
    assert_true(sent(0, "POST /v1/completions "));
    assert_true(sent(0, "\"prompt\":\"Once upon a\""));
    finish(&a, &o);
}

#define TWO                                                                            \
    "{\"choices\":[{\"index\":1,\"message\":{\"content\":\"b\"},\"finish_reason\":"    \
    "\"stop\"},{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":"        \
    "\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"

static void a_prefix_that_is_echoed_is_no_part_of_the_answer(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(PIECE("It") PIECE(" is 5") PIECE(".") LAST), FAKE_CLOSE},
        {STREAM(PIECE("It") PIECE(" i") PIECE("t") LAST), FAKE_CLOSE},
        {JSON("200 OK", SAYS("It")), FAKE_CLOSE}};
    static const char *const want[] = {" 5.", "It it", "It"};
    START(script);
    EndpointOptions o = quick("m");
    o.prefixes = PREFIXES_ECHO;
    Asked a = asking(&o, "2 + 3?");
    a.request.prefix = SPAN("It is");
    a.request.on_text = show;
    a.request.self = &a;
    for (int i = 0; i < 3; i++) {
        str_reset(&a.shown);
        lm_answer_release(&a.answers[0]);
        CHECK_OK(complete(&a));
        assert_string_equal(str_c(&a.answers[0].text), want[i]);
        assert_string_equal(str_c(&a.shown), str_c(&a.answers[0].text));
    }
    fake_halt(&server);
    assert_true(sent(0, "{\"role\":\"assistant\",\"content\":\"It is\"}]"));
    finish(&a, &o);
}

static void several_answers_come_in_one_reply(void **state)
{
    (void)state;
    static const FakeReply script[] = {{JSON("200 OK", TWO), FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.n = 2;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), "a");
    assert_string_equal(str_c(&a.answers[1].text), "b");
    assert_int_equal(server.requests, 1);
    assert_true(sent(0, "\"n\":2"));
    finish(&a, &o);
}

static json_int_t seed_of(size_t k)
{
    json_t *body = body_of(k);
    json_int_t seed = json_integer_value(json_object_get(body, "seed"));
    json_decref(body);
    return seed;
}

/* llama-cpp-python knows no n and gives one. */
static void an_endpoint_that_gives_one_answer_is_asked_again(void **state)
{
    (void)state;
    static const FakeReply script[] = {{JSON("200 OK", SAYS("a")), FAKE_CLOSE},
                                       {JSON("200 OK", SAYS("b")), FAKE_CLOSE},
                                       {JSON("200 OK", SAYS("c")), FAKE_CLOSE}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.n = 3;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), "a");
    assert_string_equal(str_c(&a.answers[2].text), "c");
    assert_int_equal(server.requests, 3);
    assert_false(sent(1, "\"n\":"));
    assert_true(seed_of(0) != seed_of(1) && seed_of(1) != seed_of(2));
    assert_int_equal(a.usage.requests, 3);
    finish(&a, &o);
}

static const Span yes_no[] = {{"yes", 3}, {"no", 2}};

static void choices_are_a_schema_where_there_is_no_grammar(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("200 OK", SAYS("{\\\"answer\\\": \\\"no\\\"}")), FAKE_CLOSE}};
    const LmConstraint c = {LM_CHOICES, {0}, yes_no, 2};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.constraint = &c;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_string_equal(str_c(&a.answers[0].text), "no");
    assert_true(isnan(a.answers[0].kept));
    json_t *body = body_of(0), *format = json_object_get(body, "response_format");
    json_t *schema = json_object_get(format, "json_schema");
    assert_true(json_is_true(json_object_get(schema, "strict")));
    json_decref(body);
    finish(&a, &o);
}

static void constraints_are_said_in_the_endpoints_words(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    const LmConstraint choices = {LM_CHOICES, {0}, yes_no, 2},
                       regex = {.kind = LM_REGEX, .text = SPAN("[0-9]+")};
    START(script);
    EndpointOptions o = quick("m");
    o.grammar = 1; /* llama.cpp */
    Asked a = asking(&o, "?");
    a.request.constraint = &choices;
    CHECK_OK(complete(&a));
    a.request.constraint = &regex;
    CHECK_OK(complete(&a));
    asked_release(&a);
    o.grammar = 2; /* vllm */
    a = asking(&o, "?");
    a.request.constraint = &regex;
    CHECK_OK(complete(&a));
    asked_release(&a);
    o.grammar = 0;
    a = asking(&o, "?");
    a.request.constraint = &regex;
    assert_int_equal(complete(&a), ERR_OPTION);
    assert_true(says("takes no regular expressions"));
    fake_halt(&server);
    assert_true(sent(0, "\"grammar\":\"root ::= \\\"yes\\\" | \\\"no\\\"\\n\""));
    assert_true(sent(1, "\"grammar\":\"root ::= [0-9]+\\n\""));
    assert_true(sent(2, "\"structured_outputs\":{\"regex\":\"[0-9]+\"}"));
    finish(&a, &o);
}

/* --- what an endpoint wants otherwise --------------------------------------------------------- */
#define REFUSES(what)                                                                  \
    {                                                                                  \
        JSON("400 Bad Request", "{\"error\":{\"message\":\"" what "\"}}"), FAKE_CLOSE  \
    }

static void what_is_refused_by_name_is_said_otherwise(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        REFUSES("logprobs is not supported"),
        REFUSES("Unsupported parameter: use 'max_completion_tokens' instead"),
        REFUSES("response_format.type must be text or json_object"),
        REFUSES("Unknown field: seed"), FINE};
    const LmConstraint c = {.kind = LM_JSON_SCHEMA,
                            .text = SPAN("{\"type\":\"object\"}")};
    START(script);
    EndpointOptions o = quick("m");
    o.logprobs = LOGPROBS_AUTO;
    o.retries = 0;
    Asked a = asking(&o, "?");
    a.request.constraint = &c;
    CHECK_OK(complete(&a));
    CHECK_OK(complete(&a)); /* learnt: asked once */
    fake_halt(&server);
    assert_int_equal(server.requests, 6);
    assert_true(sent(0, "\"logprobs\":true") && !sent(1, "logprobs"));
    assert_true(sent(1, "\"max_tokens\"") && sent(2, "\"max_completion_tokens\""));
    assert_true(sent(2, "\"json_schema\"") &&
                sent(3, "{\"type\":\"json_object\",\"schema\":{\"type\":\"object\"}}"));
    assert_true(sent(3, "\"seed\"") && !sent(4, "\"seed\""));
    assert_false(sent(5, "\"seed\"") || sent(5, "logprobs") || sent(5, "max_tokens"));
    finish(&a, &o);
}

static void n_that_is_refused_is_asked_one_by_one(void **state)
{
    (void)state;
    static const FakeReply script[] = {REFUSES("Only one completion choice is allowed"),
                                       FINE};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.n = 2;
    CHECK_OK(complete(&a));
    fake_halt(&server);
    assert_int_equal(server.requests, 3);
    assert_string_equal(str_c(&a.answers[1].text), "Paris.");
    finish(&a, &o);
}

static void a_probe_settles_whether_there_are_logprobs(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    START(script);
    EndpointOptions o = quick("m");
    o.logprobs = LOGPROBS_AUTO;
    Asked a = asking(&o, "?");
    assert_true(a.lm->can.logprobs);
    CHECK_OK(lm_remote_probe(a.lm, &err));
    assert_false(a.lm->can.logprobs);
    fake_halt(&server);
    assert_int_equal(server.requests, 1);
    finish(&a, &o);
}

/* --- failures ------------------------------------------------------------------------------- */
static void too_many_requests_waits_as_long_as_it_is_told(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: "
         "0\r\n\r\n",
         FAKE_KEEP},
        FINE};
    Outcome out = OUTCOME(script, false, 4);
    assert_int_equal(out.status, OK);
    assert_string_equal(out.text, "Paris.");
    assert_int_equal(out.requests, 2);
    assert_true(out.seconds >= 1 && out.seconds < 20);
}

static void an_endpoint_that_wants_an_hour_is_not_waited_for(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: "
         "0\r\n\r\n",
         FAKE_KEEP}};
    Outcome out = OUTCOME(script, false, 4);
    assert_int_equal(out.status, ERR_IO);
    assert_int_equal(out.requests, 1);
    assert_true(says("it asks to be left alone for") && says("status 429"));
}

static void no_money_is_not_asked_again(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("429 Too Many Requests",
              "{\"error\":{\"message\":\"You exceeded your quota\",\"code\":"
              "\"insufficient_quota\"}}"),
         FAKE_CLOSE}};
    Outcome out = OUTCOME(script, false, 4);
    assert_int_equal(out.requests, 1);
    assert_true(says("status 429: You exceeded your quota"));
}

static void a_server_error_is_tried_again(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("500 Internal Server Error", "{\"error\":{\"message\":\"oops\"}}"),
         FAKE_CLOSE},
        {JSON("503 Service Unavailable", "{\"error\":{\"message\":\"Loading model\"}}"),
         FAKE_CLOSE},
        {JSON("502 Bad Gateway", "<html>"), FAKE_CLOSE},
        FINE};
    Outcome out = OUTCOME(script, false, 4);
    assert_int_equal(out.status, OK);
    assert_int_equal(out.requests, 4);
}

static void a_server_that_only_fails_is_given_up(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("500 Internal Server Error",
              "{\"error\":{\"message\":\"out\\nof \\u001b[31m "
              "luck\"}}"),
         FAKE_CLOSE}};
    Outcome out = OUTCOME(script, false, 2);
    assert_int_equal(out.status, ERR_IO);
    assert_int_equal(out.requests, 3);
    assert_true(says("status 500: out\\nof \\x1b[31m luck (3 tries in"));
}

static void a_server_that_hangs_is_given_up(void **state)
{
    (void)state;
    static const FakeReply script[] = {{"", FAKE_HANG}};
    reply_seconds = 0.5;
    Outcome out = OUTCOME(script, false, 1);
    reply_seconds = 30;
    assert_int_equal(out.status, ERR_IO);
    assert_int_equal(out.requests, 2);
    assert_true(says("no reply in time") && says("(2 tries in"));
    assert_true(out.seconds < 20);
}

static void a_stream_that_falls_silent_is_an_error_that_says_how_much_came(void **state)
{
    (void)state;
    static const FakeReply script[] = {{STREAM(PIECE("Par") PIECE("is")), FAKE_HANG}};
    Outcome out = OUTCOME(script, true, 4);
    assert_int_equal(out.status, ERR_IO);
    assert_int_equal(out.requests, 1); /* it has been shown */
    assert_string_equal(out.text, "Paris");
    assert_true(
        says("the stream was cut after 5 bytes of the answer: nothing more came"));
}

static void a_stream_that_is_cut_is_an_error_that_says_how_much_came(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(PIECE("Par") "data: {\"choi"), FAKE_CLOSE}};
    Outcome out = OUTCOME(script, true, 4);
    assert_int_equal(out.status, ERR_IO);
    assert_int_equal(out.requests, 1);
    assert_true(says("the stream was cut after 3 bytes of the answer"));
}

static void a_stream_that_is_cut_before_a_word_is_tried_again(void **state)
{
    (void)state;
    static const FakeReply script[] = {{STREAM(": ping\n\n"), FAKE_CLOSE},
                                       {STREAM(PIECE("Hi") LAST), FAKE_CLOSE}};
    Outcome out = OUTCOME(script, true, 4);
    assert_int_equal(out.status, OK);
    assert_string_equal(out.text, "Hi");
    assert_int_equal(out.requests, 2);
}

static void a_reply_that_is_cut_is_tried_again(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
         "500\r\n\r\n{\"choices\":[",
         FAKE_CLOSE},
        {"", FAKE_CLOSE},
        FINE};
    Outcome out = OUTCOME(script, false, 4);
    assert_int_equal(out.status, OK);
    assert_int_equal(out.requests, 3);
}

static void garbage_is_refused_in_words(void **state)
{
    (void)state;
    static const FakeReply html[] = {
        {HEAD("200 OK", "text/html") "\r\n<html>\x01 welcome", FAKE_CLOSE}};
    static const FakeReply other[] = {{JSON("200 OK", "{\"ok\":true}"), FAKE_CLOSE}};
    static const FakeReply stream[] = {{STREAM(EVENT("no json")), FAKE_CLOSE}};
    static const FakeReply number[] = {
        {JSON("200 OK",
              "{\"choices\":[{\"index\":7,\"message\":{\"content\":\"x\"}}]}"),
         FAKE_CLOSE}};
    static const FakeReply no_http[] = {{"\x16\x03\x01 hello", FAKE_CLOSE}};
    assert_int_equal(OUTCOME(html, false, 1).status, ERR_FORMAT);
    assert_true(says("is no reply in OpenAI's form: '<html>\\x01 welcome'"));
    assert_int_equal(OUTCOME(other, false, 1).status, ERR_FORMAT);
    assert_true(says("'{\"ok\":true}'"));
    assert_int_equal(OUTCOME(stream, true, 1).status, ERR_FORMAT);
    assert_true(says("'no json'"));
    assert_int_equal(OUTCOME(number, false, 1).status, ERR_FORMAT);
    assert_true(says("answer number 7 of 1"));
    assert_int_equal(OUTCOME(no_http, false, 1).status, ERR_IO);
}

static void an_error_in_the_stream_is_the_endpoints_own(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {STREAM(PIECE("Hi") EVENT("{\"error\":{\"message\":\"slot lost\"}}")),
         FAKE_CLOSE}};
    Outcome out = OUTCOME(script, true, 1);
    assert_int_equal(out.status, ERR_IO);
    assert_true(says("the endpoint broke off: slot lost"));
}

static void a_flood_is_cut_at_the_limit(void **state)
{
    (void)state;
    static const FakeReply body[] = {
        {HEAD("200 OK", "application/json") "\r\n", FAKE_FLOOD}};
    static const FakeReply event[] = {{STREAM("data: "), FAKE_FLOOD}};
    static const FakeReply heads[] = {{"HTTP/1.1 200 OK\r\nX-Flood: ", FAKE_FLOOD}};
    Outcome out = OUTCOME(body, false, 4);
    assert_int_equal(out.status, ERR_LIMIT);
    assert_int_equal(out.requests, 1);
    assert_true(says("the reply has more than 100000 bytes; max_bytes sets the limit"));
    assert_true(server.flooded < 20 << 20);
    assert_int_equal(OUTCOME(event, true, 4).status, ERR_LIMIT);
    assert_int_not_equal(OUTCOME(heads, false, 0).status, OK);
    assert_true(server.flooded < 20 << 20);
}

static void nobody_there_is_tried_again_and_said(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    START(script);
    EndpointOptions o = quick("m");
    fake_halt(&server);
    o.retries = 1;
    Asked a = asking(&o, "?");
    assert_int_equal(complete(&a), ERR_IO);
    assert_true(says("cannot be reached") && says("(2 tries in"));
    assert_int_equal(a.usage.requests, 2);
    finish(&a, &o);
}

static void a_redirection_is_not_followed(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
         "0\r\n\r\n",
         FAKE_KEEP}};
    Outcome out = OUTCOME(script, false, 1);
    assert_int_equal(out.status, ERR_OPTION);
    assert_int_equal(out.requests, 1);
    assert_true(says("it sends us elsewhere (status 302)"));
}

static void a_wrong_model_is_said_with_advice(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("404 Not Found",
              "{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"no "
              "such model\"}]}"),
         FAKE_CLOSE}};
    Outcome out = OUTCOME(script, false, 3);
    assert_int_equal(out.status, ERR_OPTION);
    assert_int_equal(out.requests, 1);
    assert_true(says("status 404: body.model: no such model; is the address right"));
}

/* --- stopping ------------------------------------------------------------------------------- */
static void *stop_soon(void *self)
{
    (void)self;
    struct timespec t = {.tv_nsec = 200000000};
    (void)nanosleep(&t, NULL);
    system_request_stop();
    return NULL;
}

static void a_stop_ends_waits_and_requests_at_once(void **state)
{
    (void)state;
    static const FakeReply hangs[] = {{"", FAKE_HANG}};
    static const FakeReply waits[] = {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: "
                                       "50\r\nContent-Length: 0\r\n\r\n",
                                       FAKE_KEEP}};
    const FakeReply *const both[] = {hangs, waits};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        fake_start(&server, both[i], 1);
        EndpointOptions o = quick("m");
        Asked a = asking(&o, "?");
        pthread_create(&thread, NULL, stop_soon, NULL);
        assert_int_equal(complete(&a), ERR_STOPPED);
        assert_true(a.seconds < 20); /* alone 0.3 */
        pthread_join(thread, NULL);
        system_clear_stop();
        fake_halt(&server);
        finish(&a, &o);
    }
}

/* What has come of a stream is the answer; of what came not at all there is none. */
static void a_deadline_ends_an_answer_as_it_is(void **state)
{
    (void)state;
    static const FakeReply script[] = {{STREAM(PIECE("Par") PIECE("is")), FAKE_HANG},
                                       {"", FAKE_HANG}};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    for (int i = 0; i < 2; i++) {
        str_reset(&a.shown);
        lm_answer_release(&a.answers[0]);
        a.request.on_text = show;
        a.request.self = &a;
        a.request.deadline = system_seconds() + (i ? 0.2 : 1.5);
        CHECK_OK(complete(&a));
        assert_int_equal(a.answers[0].finish, FINISH_ABORTED);
        assert_string_equal(str_c(&a.answers[0].text), i ? "" : "Paris");
        assert_true(a.seconds < 20);
    }
    fake_halt(&server);
    finish(&a, &o);
}

/* --- threads ------------------------------------------------------------------------------- */
static Asked *shared;
static void ask_once(void *self, int64_t i)
{
    Asked *a = self;
    LmAnswer answer = {0};
    LmUsage usage = {0};
    LmRequest r = a->request;
    Err own = {0};
    r.talk = &a->talk;
    r.key = (uint64_t)i;
    Status status = shared->lm->complete(shared->lm->self, &r, &answer, &usage, &own);
    assert_int_equal(status, OK);
    assert_string_equal(str_c(&answer.text), "Paris.");
    lm_answer_release(&answer);
}

static void *ask_in_thread(void *self)
{
    for (int64_t i = 0; i < 5; i++)
        ask_once(self, i);
    return NULL;
}

static void several_threads_ask_over_few_connections(void **state)
{
    (void)state;
    char reply[600];
    (void)snprintf(
        reply, sizeof reply,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        "%zu\r\n\r\n%s",
        strlen(SAYS("Paris.")), SAYS("Paris."));
    const FakeReply script[] = {{reply, FAKE_KEEP}};
    pthread_t threads[4];
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    shared = &a;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask_in_thread, &a);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    asked_release(&a);
    fake_halt(&server);
    assert_int_equal(server.requests, 20);
    assert_in_range(server.connections, 1, 4);
    fake_release(&server);
    opt_release(&endpoint_options, &o);
}

/* --- keys ---------------------------------------------------------------------------------- */
#define SECRET "sk-very-secret-123"

static void write_key(const char *path, const char *text, mode_t mode)
{
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
    assert_int_equal(chmod(path, mode), 0);
}

static Str logged;
static void keep_log(void *self, LogLevel level, const char *line)
{
    (void)self, (void)level;
    str_puts(&logged, line);
}

static void a_key_goes_to_the_endpoint_and_nowhere_else(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("401 Unauthorized",
              "{\"error\":{\"message\":\"Incorrect API key: " SECRET "\"}}"),
         FAKE_CLOSE}};
    const char *path = temp_path("key");
    write_key(path, SECRET "\n", 0600);
    log_set_sink(keep_log, NULL, LOG_DEBUG);
    START(script);
    EndpointOptions o = quick("m");
    o.key_file = mem_dup(path, strlen(path));
    Asked a = asking(&o, "?");
    assert_int_equal(complete(&a), ERR_OPTION);
    fake_halt(&server);
    log_set_sink(NULL, NULL, LOG_INFO);
    assert_true(sent(0, "Authorization: Bearer " SECRET "\r\n"));
    assert_true(says("status 401: Incorrect API key: [key]; is the key right?"));
    assert_null(strstr(err.msg, SECRET));
    assert_null(strstr(str_c(&logged), SECRET));
    assert_null(strstr(a.lm->name, SECRET));
    str_release(&logged);
    finish(&a, &o);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    char message[400];
    Str key = {0};
    char address[] = "https://x/v1", path[256];
    (void)snprintf(path, sizeof path, "%s", temp_path("key"));
    EndpointOptions o = {.endpoint = address, .key_file = path};
    write_key(path, SECRET, 0640);
    (void)snprintf(message, sizeof message,
                   "key_file '%s' can be read by others than its owner: `chmod 600` it",
                   path);
    CHECK_FAILS(endpoint_key(&o, &key, &err), ERR_OPTION, message);
    write_key(path, "two words", 0600);
    assert_int_equal(endpoint_key(&o, &key, &err), ERR_OPTION);
    assert_true(says("has a space or a byte that no key has"));
    write_key(path, "\n", 0600);
    assert_int_equal(endpoint_key(&o, &key, &err), ERR_OPTION);
    write_key(path, SECRET, 0600);
    CHECK_OK(endpoint_key(&o, &key, &err));
    assert_string_equal(str_c(&key), SECRET);
    str_release(&key);
}

static void a_providers_key_goes_to_no_other_host(void **state)
{
    (void)state;
    Str key = {0};
    setenv("OPENAI_API_KEY", SECRET, 1);
    unsetenv("TAME_API_KEY");
    char address[64] = "https://api.openai.com/v1", name[] = "NO_SUCH_KEY";
    EndpointOptions o = {.endpoint = address};
    CHECK_OK(endpoint_key(&o, &key, &err));
    assert_string_equal(str_c(&key), SECRET);
    static const char *const others[] = {"https://api.openai.com.evil.org/v1",
                                         "http://localhost:8080/v1",
                                         "https://evil.org/api.openai.com/v1"};
    for (int i = 0; i < 3; i++) {
        (void)snprintf(address, sizeof address, "%s", others[i]);
        CHECK_OK(endpoint_key(&o, &key, &err));
        assert_string_equal(str_c(&key), "");
    }
    o.key_env = name;
    CHECK_FAILS(
        endpoint_key(&o, &key, &err), ERR_OPTION,
        "the environment variable 'NO_SUCH_KEY', which key_env names, is not set");
    unsetenv("OPENAI_API_KEY");
    str_release(&key);
}

/* --- opening -------------------------------------------------------------------------------- */
static void the_only_model_needs_no_name(void **state)
{
    (void)state;
    static const FakeReply script[] = {
        {JSON("200 OK", "{\"data\":[{\"id\":\"tiny\"}]}"), FAKE_CLOSE},
        {JSON("200 OK", "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"), FAKE_CLOSE}};
    char word[64];
    Lm *lm;
    START(script);
    (void)snprintf(word, sizeof word, "http://127.0.0.1:%d/v1/", server.port);
    CHECK_OK(lm_remote_open(&lm, word, &err));
    assert_non_null(strstr(lm->name, "/v1#tiny"));
    lm_free(lm);
    assert_int_equal(lm_remote_open(&lm, word, &err), ERR_OPTION);
    assert_true(says("the endpoint has 2 models (a, b): name one behind #"));
    assert_null(lm);
    fake_halt(&server);
    assert_true(sent(0, "GET /v1/models HTTP/1.1"));
    fake_release(&server);
}

static void what_an_endpoint_lacks_is_named(void **state)
{
    (void)state;
    static const FakeReply script[] = {FINE};
    START(script);
    EndpointOptions o = quick("m");
    Asked a = asking(&o, "?");
    a.request.prefix = SPAN("Sure");
    assert_int_equal(complete(&a), ERR_OPTION);
    assert_true(says("it takes no prefixes"));
    double x;
    int64_t n;
    Span text = SPAN("a");
    assert_int_equal(
        a.lm->score(a.lm->self, &a.request, &text, 1, &x, &n, &a.usage, &err),
        ERR_OPTION);
    assert_true(says("no log-probabilities of texts it did not write"));
    assert_int_equal(a.lm->count(a.lm->self, SPAN("12345")), 2);
    fake_halt(&server);
    finish(&a, &o);
}

int main(void)
{
    /* A proxy of the machine is none of the test's business. */
    static const char *const proxies[] = {"http_proxy", "HTTP_PROXY", "all_proxy",
                                          "ALL_PROXY", "TAME_API_KEY"};
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        unsetenv(proxies[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_asked_and_answered),
        cmocka_unit_test(a_stream_is_shown_as_it_comes),
        cmocka_unit_test(a_stream_needs_no_done_and_no_usage),
        cmocka_unit_test(an_endpoint_that_does_not_stream_is_shown_at_once),
        cmocka_unit_test(whoever_looks_on_can_stop_the_answer),
        cmocka_unit_test(calls_come_in_fragments),
        cmocka_unit_test(logprobs_and_entropies_are_summed),
        cmocka_unit_test(a_document_goes_to_completions),
        cmocka_unit_test(a_prefix_that_is_echoed_is_no_part_of_the_answer),
        cmocka_unit_test(several_answers_come_in_one_reply),
        cmocka_unit_test(a_deadline_ends_an_answer_as_it_is),
        cmocka_unit_test(an_endpoint_that_gives_one_answer_is_asked_again),
        cmocka_unit_test(choices_are_a_schema_where_there_is_no_grammar),
        cmocka_unit_test(constraints_are_said_in_the_endpoints_words),
        cmocka_unit_test(what_is_refused_by_name_is_said_otherwise),
        cmocka_unit_test(n_that_is_refused_is_asked_one_by_one),
        cmocka_unit_test(a_probe_settles_whether_there_are_logprobs),
        cmocka_unit_test(too_many_requests_waits_as_long_as_it_is_told),
        cmocka_unit_test(an_endpoint_that_wants_an_hour_is_not_waited_for),
        cmocka_unit_test(no_money_is_not_asked_again),
        cmocka_unit_test(a_server_error_is_tried_again),
        cmocka_unit_test(a_server_that_only_fails_is_given_up),
        cmocka_unit_test(a_server_that_hangs_is_given_up),
        cmocka_unit_test(
            a_stream_that_falls_silent_is_an_error_that_says_how_much_came),
        cmocka_unit_test(a_stream_that_is_cut_is_an_error_that_says_how_much_came),
        cmocka_unit_test(a_stream_that_is_cut_before_a_word_is_tried_again),
        cmocka_unit_test(a_reply_that_is_cut_is_tried_again),
        cmocka_unit_test(garbage_is_refused_in_words),
        cmocka_unit_test(an_error_in_the_stream_is_the_endpoints_own),
        cmocka_unit_test(a_flood_is_cut_at_the_limit),
        cmocka_unit_test(nobody_there_is_tried_again_and_said),
        cmocka_unit_test(a_redirection_is_not_followed),
        cmocka_unit_test(a_wrong_model_is_said_with_advice),
        cmocka_unit_test(a_stop_ends_waits_and_requests_at_once),
        cmocka_unit_test(several_threads_ask_over_few_connections),
        TEMP_TEST(a_key_goes_to_the_endpoint_and_nowhere_else),
        TEMP_TEST(a_key_that_others_can_read_is_refused),
        cmocka_unit_test(a_providers_key_goes_to_no_other_host),
        cmocka_unit_test(the_only_model_needs_no_name),
        cmocka_unit_test(what_an_endpoint_lacks_is_named),
    };
    return cmocka_run_group_tests_name("think/lm_remote", tests, NULL, NULL);
}
