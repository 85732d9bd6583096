/* try_endpoint.c - `try_endpoint MODEL`: asks a real endpoint for everything that lm_remote
 * can ask for, and says what came. By hand, see docs/ask.md. */
#include "base/log.h"
#include "base/system.h"
#include "format/json.h"
#include "think/lm/lm_remote.h"

#include <math.h>
#include <stdio.h>

typedef struct Trial {
    const char *name;
    LmRequest request;
} Trial;

static bool show(void *self, Span text)
{
    (void)text;
    ++*(int *)self;
    return true;
}

static void tell(const LmAnswer *a, int32_t n, const LmUsage *u)
{
    Str shown = {0};
    for (int32_t i = 0; i < n; i++) {
        str_puts(&shown, i ? " | " : "");
        str_quote(&shown, str_span(&a[i].text), 40);
        for (size_t k = 0; k < a[i].n_calls; k++)
            str_printf(&shown, " call %s(%s)", str_c(&a[i].calls[k].name),
                       str_c(&a[i].calls[k].arguments));
    }
    printf("%lld+%lld tokens (%lld cached), %lld request%s, finish %d",
           (long long)u->prompt_tokens, (long long)u->answer_tokens,
           (long long)u->cached_tokens, (long long)u->requests,
           u->requests == 1 ? "" : "s", (int)a[0].finish);
    if (!isnan(a[0].logprob))
        printf(", logprob %.3f, entropy %.3f", a[0].logprob, a[0].entropy);
    printf(": %s\n", str_c(&shown));
    str_release(&shown);
}

static void try_one(Lm *lm, const Trial *t)
{
    LmAnswer answers[4] = {0};
    LmUsage usage = {0};
    Err err = {0};
    printf("%-22s ", t->name);
    Status status = lm->complete(lm->self, &t->request, answers, &usage, &err);
    if (status == OK)
        tell(answers, t->request.n, &usage);
    else
        printf("error: %s\n", err.msg);
    for (int i = 0; i < 4; i++)
        lm_answer_release(&answers[i]);
}

static void try_all(Lm *lm)
{
    Conversation talk = {0};
    Err err = {0};
    int pieces = 0;
    char name[] = "add", what[] = "Adds two integers.";
    Tool add = {.name = name,
                .description = what,
                .parameters = json_pack("{s:s, s:{s:{s:s}, s:{s:s}}, s:[ss]}", "type",
                                        "object", "properties", "a", "type", "integer",
                                        "b", "type", "integer", "required", "a", "b")};
    const Toolbox box = {.tools = &add, .n = 1};
    const Span stops[] = {SPAN("a"), SPAN("e")}, words[] = {SPAN("yes"), SPAN("no")};
    const LmConstraint schema = {.kind = LM_JSON_SCHEMA,
                                 .text = SPAN("{\"type\":\"object\",\"properties\":{"
                                              "\"ok\":{\"type\":\"boolean\"}},"
                                              "\"required\":[\"ok\"],"
                                              "\"additionalProperties\":false}")},
                       choices = {.kind = LM_CHOICES, .choices = words, .n_choices = 2},
                       gbnf = {.kind = LM_GBNF, .text = SPAN("root ::= [0-9] [0-9]")},
                       regex = {.kind = LM_REGEX, .text = SPAN("[0-9]+")};
    if (conversation_add(&talk, ROLE_USER, SPAN("What is 2 + 3?"), &err) != OK)
        return;
    LmRequest plain = {.talk = &talk, .sample = sample_plain(1, 16, 1), .n = 1};
    Trial trials[] = {
        {"plain", plain},   {"plain, same seed", plain}, {"other seed", plain},
        {"stream", plain},  {"three answers", plain},    {"stops", plain},
        {"schema", plain},  {"choices", plain},          {"grammar", plain},
        {"regex", plain},   {"prefix", plain},           {"tools", plain},
        {"document", plain}};
    trials[2].request.sample.seed = 2;
    trials[3].request.on_text = show;
    trials[3].request.self = &pieces;
    trials[4].request.n = 3;
    trials[5].request.stops = stops;
    trials[5].request.n_stops = 2;
    trials[6].request.constraint = &schema;
    trials[7].request.constraint = &choices;
    trials[8].request.constraint = &gbnf;
    trials[9].request.constraint = &regex;
    trials[10].request.prefix = SPAN("It is");
    trials[11].request.tools = &box;
    trials[12].request.talk = NULL;
    trials[12].request.document = SPAN("Once upon a time");
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        try_one(lm, &trials[i]);
    printf("the stream came in %d pieces\n", pieces);
    json_decref(add.parameters);
    conversation_release(&talk);
}

int main(int argc, char **argv)
{
    Err err = {0};
    Lm *lm = NULL;
    if (argc != 2)
        return 2;
    log_set_sink(log_to_stderr, NULL, LOG_INFO);
    system_catch_stop();
    Status status = lm_remote_open(&lm, argv[1], &err);
    if (status == OK)
        status = lm_remote_probe(lm, &err);
    if (status == OK) {
        printf("%s, logprobs: %s\n", lm->name, lm->can.logprobs ? "yes" : "no");
        try_all(lm);
    } else {
        printf("error: %s\n", err.msg);
    }
    lm_free(lm);
    return status == OK ? 0 : 1;
}
