/* A model folder as a language model: what it says is what the engine draws, whatever is
 * asked beside it. */
#include "support/chatter.h"

#include "base/mem.h"
#include "base/system.h"
#include "format/json.h"
#include "think/lm/answer_reader.h"
#include "think/lm/lm_local.h"
#include "think/tool/builtin.h"
#include "think/tool/schema.h"

#include <math.h>

enum { CONTEXT = 96 };

typedef struct Asked {
    Chatter c;
    Loaded loaded;
    Lm *lm;
    Conversation talk;
} Asked;

static int set_up_as(void **state, bool as_document)
{
    static Asked a;
    Err err = {0};
    a = (Asked){0};
    chatter_init(&a.c, CONTEXT);
    a.loaded = (Loaded){.ops = a.c.ops,
                        .model = a.c.model,
                        .tok = a.c.tok,
                        .chat = a.c.chat,
                        .specials = {.bos = -1, .pad = -1},
                        .ends = {tokenizer_eos(a.c.tok)},
                        .n_ends = 1};
    a.c.ops->scale(a.c.ops, a.c.model->params, 10);
    model_changed(a.c.model);
    LmLocalOptions o = {.batch = 3, .as_document = as_document};
    CHECK_OK(lm_local_new(&a.lm, &a.loaded, "tiny", &o, &err));
    CHECK_OK(conversation_add(&a.talk, ROLE_USER, SPAN("2+2?"), &err));
    *state = &a;
    return 0;
}

static int set_up(void **state)
{
    return set_up_as(state, false);
}

static int set_up_documents(void **state)
{
    return set_up_as(state, true);
}

static int tear_down(void **state)
{
    Asked *a = *state;
    lm_free(a->lm);
    conversation_release(&a->talk);
    chatter_release(&a->c);
    return 0;
}

static LmRequest request_of(const Asked *a, uint64_t key, int32_t n)
{
    return (LmRequest){
        .talk = &a->talk, .sample = sample_plain(1, 12, 3), .key = key, .n = n};
}

static void ask(const Asked *a, const LmRequest *r, LmAnswer *answers)
{
    Err err = {0};
    LmUsage usage = {0};
    memset(answers, 0, (size_t)r->n * sizeof *answers);
    CHECK_OK(a->lm->complete(a->lm->self, r, answers, &usage, &err));
}

static void same_answer(const LmAnswer *x, const LmAnswer *y)
{
    assert_string_equal(str_c(&x->text), str_c(&y->text));
    assert_int_equal(x->tokens, y->tokens);
    assert_int_equal(x->finish, y->finish);
    assert_memory_equal(&x->logprob, &y->logprob, sizeof x->logprob);
}

/* Drawn nearly evenly, a call begins now and then; each is one that the tool takes. */
static void calls_that_are_drawn_are_valid(void **state)
{
    const Asked *a = *state;
    Err err = {0};
    Toolbox box = {0};
    enum { EACH = 8, ROUNDS = 300 };
    LmAnswer answers[EACH];
    int calls = 0;
    CHECK_OK(builtin_add(&box, SPAN("count_letters"), &err));
    for (uint64_t key = 0; key < ROUNDS && calls < 2; key++) {
        LmRequest r = request_of(a, key, EACH);
        r.sample = sample_plain(100, 70, 3);
        r.tools = &box;
        ask(a, &r, answers);
        for (int k = 0; k < EACH; k++) {
            for (size_t i = 0; i < answers[k].n_calls; i++, calls++) {
                const LmCall *call = &answers[k].calls[i];
                json_t *arguments = NULL;
                assert_string_equal(str_c(&call->name), "count_letters");
                CHECK_OK(json_parse(str_span(&call->arguments), &arguments, &err));
                CHECK_OK(schema_check(box.tools[0].parameters, arguments, "x", &err));
                json_decref(arguments);
            }
            lm_answer_release(&answers[k]);
        }
    }
    assert_true(calls > 0);
    toolbox_release(&box);
}

static void answers_are_what_the_engine_draws(void **state)
{
    const Asked *a = *state;
    Err err = {0};
    LmAnswer answer;
    LmRequest r = request_of(a, 5, 1);
    ask(a, &r, &answer);
    uint64_t words[2] = {5, 0};
    Ids prompt = {0};
    CHECK_OK(template_render(a->c.chat, &a->talk, true, &prompt, NULL, &err));
    EngineRequest e = {.prompt = prompt.ptr,
                       .n_prompt = (int64_t)prompt.len,
                       .sample = r.sample,
                       .index = rng_hash(words, sizeof words, 0)};
    EngineResult result;
    CHECK_OK(engine_run(a->c.engine, &e, 1, &result, NULL, &err));
    assert_true(answer.tokens <= result.n);
    double logprob = 0;
    for (int64_t i = 0; i < answer.tokens; i++)
        logprob += (double)result.logprobs[i];
    CHECK_NEAR(answer.logprob, logprob, 0);
    assert_true(answer.entropy > 0);
    AnswerReader reader;
    Str text = {0};
    answer_reader_init(&reader, a->c.tok, a->c.chat);
    result.n = answer.tokens;
    answer_reader_end(&reader, &result, &text);
    assert_string_equal(str_c(&answer.text), str_c(&text));
    answer_reader_release(&reader);
    str_release(&text);
    engine_result_release(&result);
    ids_release(&prompt);
    lm_answer_release(&answer);
}

static void more_answers_are_asked_for_later(void **state)
{
    const Asked *a = *state;
    LmAnswer together[5], alone;
    LmRequest r = request_of(a, 8, 5);
    ask(a, &r, together);
    r.n = 1;
    for (int32_t k = 4; k >= 0; k--) {
        r.first = k;
        ask(a, &r, &alone);
        same_answer(&together[k], &alone);
        lm_answer_release(&alone);
    }
    assert_string_not_equal(str_c(&together[0].text), str_c(&together[1].text));
    for (int k = 0; k < 5; k++)
        lm_answer_release(&together[k]);
}

/* --- threads ------------------------------------------------------------------------- */
enum { THREADS = 16 };
typedef struct Crowd {
    const Asked *a;
    LmAnswer answers[THREADS];
    double logprobs[THREADS];
    Status status[THREADS];
} Crowd;

/* The last one's question is too long; every third scores. */
static void one_of_a_crowd(void *self, int64_t i)
{
    Crowd *crowd = self;
    Lm *lm = crowd->a->lm;
    char text[2 * CONTEXT] = {0};
    memset(text, 'x', i == THREADS - 1 ? sizeof text - 1 : (size_t)i + 1);
    LmRequest r = request_of(crowd->a, (uint64_t)i, 1);
    LmUsage usage = {0};
    Err err;
    Span spans[1] = {SPAN("four")};
    int64_t tokens;
    if (i == THREADS - 1) {
        r.talk = NULL;
        r.document = span_of(text);
    }
    crowd->status[i] =
        i % 3 == 2 ? lm->score(lm->self, &r, spans, 1, &crowd->logprobs[i], &tokens,
                               &usage, &err)
                   : lm->complete(lm->self, &r, &crowd->answers[i], &usage, &err);
}

static void a_crowd_is_answered_as_one_by_one(void **state)
{
    static Crowd crowd, alone;
    crowd = (Crowd){.a = *state};
    alone = (Crowd){.a = *state};
    system_parallel(THREADS, one_of_a_crowd, &crowd);
    for (int64_t i = 0; i < THREADS; i++)
        one_of_a_crowd(&alone, i);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(crowd.status[i], i == THREADS - 1 ? ERR_LIMIT : OK);
        CHECK_NEAR(crowd.logprobs[i], alone.logprobs[i], 0);
        same_answer(&crowd.answers[i], &alone.answers[i]);
        lm_answer_release(&crowd.answers[i]);
        lm_answer_release(&alone.answers[i]);
    }
}

/* --- stops, streams, limits ---------------------------------------------------------- */
typedef struct Shown {
    Str text;
    int calls, most;
} Shown;

static bool look_on(void *self, Span text)
{
    Shown *s = self;
    str_span_append(&s->text, text);
    return ++s->calls < s->most;
}

/* Asks until an answer has letters that a stop can be made of. */
static Span letters_of(const LmAnswer *answer)
{
    Span text = str_span(&answer->text);
    for (size_t i = 2; i + 2 < text.len; i++) {
        if (text.ptr[i] > ' ' && text.ptr[i] < 127 && text.ptr[i + 1] > ' ' &&
            text.ptr[i + 1] < 127)
            return (Span){text.ptr + i, 2};
    }
    return (Span){NULL, 0};
}

static void a_stop_ends_the_answer_and_is_not_shown(void **state)
{
    const Asked *a = *state;
    int tried = 0;
    for (uint64_t key = 0; key < 60; key++) {
        LmAnswer whole, cut;
        LmRequest r = request_of(a, key, 1);
        r.sample.max_new = 30;
        ask(a, &r, &whole);
        Span stops[2] = {SPAN("never to be seen"), letters_of(&whole)};
        if (stops[1].len > 0) {
            Shown shown = {.most = 1000};
            ptrdiff_t at = span_find(str_span(&whole.text), stops[1], 0);
            r.stops = stops;
            r.n_stops = 2;
            r.on_text = look_on;
            r.self = &shown;
            ask(a, &r, &cut);
            assert_int_equal(cut.finish, FINISH_STOP);
            assert_int_equal(cut.text.len, at);
            assert_memory_equal(cut.text.ptr, whole.text.ptr, (size_t)at);
            assert_string_equal(str_c(&shown.text), str_c(&cut.text));
            str_release(&shown.text);
            lm_answer_release(&cut);
            tried++;
        }
        lm_answer_release(&whole);
    }
    assert_true(tried >= 5);
}

static void who_looks_on_may_stop_it(void **state)
{
    const Asked *a = *state;
    Shown shown = {.most = 2};
    LmAnswer answer;
    LmRequest r = request_of(a, 1, 1);
    r.on_text = look_on;
    r.self = &shown;
    ask(a, &r, &answer);
    assert_int_equal(answer.finish, FINISH_ABORTED);
    assert_true(answer.tokens < 12);
    str_release(&shown.text);
    lm_answer_release(&answer);
}

static void a_deadline_ends_all_answers(void **state)
{
    const Asked *a = *state;
    LmAnswer answers[2];
    LmRequest r = request_of(a, 1, 2);
    r.deadline = system_seconds() - 1;
    ask(a, &r, answers);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(answers[k].tokens, 1);
        assert_int_equal(answers[k].finish, FINISH_ABORTED);
        lm_answer_release(&answers[k]);
    }
}

static void what_cannot_be_says_so(void **state)
{
    const Asked *a = *state;
    Err err = {0};
    LmUsage usage = {0};
    LmAnswer answer = {0};
    char text[CONTEXT] = {0};
    memset(text, 'x', sizeof text - 1);
    LmRequest r = {.document = span_of(text), .sample = sample_plain(1, 5, 0), .n = 1};
    CHECK_FAILS(a->lm->complete(a->lm->self, &r, &answer, &usage, &err), ERR_LIMIT,
                "the prompt has 96 tokens and the context of 'tiny' holds 96");
    Span stop = SPAN("");
    r = request_of(a, 1, 1);
    r.stops = &stop;
    r.n_stops = 1;
    CHECK_FAILS(a->lm->complete(a->lm->self, &r, &answer, &usage, &err), ERR_OPTION,
                "a text that ends an answer has 0 bytes, not 1 to 256");
}

/* --- forms --------------------------------------------------------------------------- */
static void answers_keep_to_their_form(void **state)
{
    const Asked *a = *state;
    LmConstraint form = {.kind = LM_REGEX, .text = SPAN("(yes|no), [0-9]{3}!")};
    for (uint64_t key = 0; key < 8; key++) {
        LmAnswer answers[3], alone;
        LmRequest r = request_of(a, key, 3);
        Shown shown = {.most = 1000};
        r.constraint = &form;
        ask(a, &r, answers);
        for (int k = 0; k < 3; k++) {
            const char *text = str_c(&answers[k].text);
            size_t n = strlen(text);
            assert_true(strncmp(text, "yes, ", 5) == 0 ||
                        strncmp(text, "no, ", 4) == 0);
            assert_true(n >= 8 && text[n - 1] == '!' && text[n - 2] >= '0');
            assert_int_equal(answers[k].finish, FINISH_STOP);
            assert_true(answers[k].kept > 0 && answers[k].kept < 1);
            assert_true(answers[k].forced >= 3 &&
                        answers[k].forced < answers[k].tokens);
        }
        r.n = 1;
        r.first = 1;
        r.on_text = look_on;
        r.self = &shown;
        ask(a, &r, &alone);
        same_answer(&answers[1], &alone);
        assert_string_equal(str_c(&shown.text), str_c(&alone.text));
        str_release(&shown.text);
        lm_answer_release(&alone);
        for (int k = 0; k < 3; k++)
            lm_answer_release(&answers[k]);
    }
}

static void many_forms_take_turns(void **state)
{
    const Asked *a = *state;
    for (int i = 0; i < 60; i++) {
        char word[2] = {(char)('a' + i * 7 % 20), '\0'};
        Span choices[1] = {{word, 1}};
        LmConstraint form = {.kind = LM_CHOICES, .choices = choices, .n_choices = 1};
        LmAnswer answer;
        LmRequest r = request_of(a, (uint64_t)i, 1);
        r.constraint = &form;
        ask(a, &r, &answer);
        assert_string_equal(str_c(&answer.text), word);
        lm_answer_release(&answer);
    }
}

static void a_form_that_is_none_says_so(void **state)
{
    const Asked *a = *state;
    Err err = {0};
    LmUsage usage = {0};
    LmAnswer answer = {0};
    LmConstraint form = {.kind = LM_REGEX, .text = SPAN("(")};
    LmRequest r = request_of(a, 1, 1);
    r.constraint = &form;
    assert_int_not_equal(a->lm->complete(a->lm->self, &r, &answer, &usage, &err), OK);
    assert_true(err.msg[0] != '\0');
}

/* --- prefixes and scores ------------------------------------------------------------- */
static double score(const Asked *a, LmRequest r, const char *prefix, const char *text)
{
    Err err = {0};
    LmUsage usage = {0};
    Span texts[1] = {span_of(text)};
    double logprob;
    int64_t tokens;
    r.prefix = span_of(prefix);
    CHECK_OK(a->lm->score(a->lm->self, &r, texts, 1, &logprob, &tokens, &usage, &err));
    assert_int_equal(tokens, strlen(text));
    return logprob;
}

static void scores_add_up_over_the_prefix(void **state)
{
    const Asked *a = *state;
    LmRequest chat = request_of(a, 0, 1), document = chat;
    document.talk = NULL;
    document.document = SPAN("Once upon");
    CHECK_NEAR(score(a, chat, "", "four"),
               score(a, chat, "", "fo") + score(a, chat, "fo", "ur"), 1e-5);
    CHECK_NEAR(score(a, document, "", "four"),
               score(a, document, "", "fo") + score(a, document, "fo", "ur"), 1e-5);
    assert_true(fabs(score(a, chat, "", "ur") - score(a, chat, "fo", "ur")) > 1e-3);
}

/* --- what the model reads ------------------------------------------------------------ */
static void renders_to(const Asked *a, const LmRequest *r, const char *expected)
{
    Err err = {0};
    Str out = {0};
    CHECK_OK(a->lm->render(a->lm->self, r, &out, &err));
    assert_string_equal(str_c(&out), expected);
    str_release(&out);
}

static void a_chat_is_read_in_turns(void **state)
{
    const Asked *a = *state;
    LmRequest r = request_of(a, 0, 1);
    r.prefix = SPAN("The answer is");
    renders_to(a, &r, "<|bos|><|user|>2+2?<|im_end|><|assistant|>The answer is");
}

static void a_base_model_reads_a_page(void **state)
{
    Asked *a = *state;
    Err err = {0};
    LmRequest r = request_of(a, 0, 1);
    CHECK_OK(conversation_add(&a->talk, ROLE_ASSISTANT, SPAN("4"), &err));
    CHECK_OK(conversation_add(&a->talk, ROLE_USER, SPAN("12*7?"), &err));
    CHECK_OK(conversation_add_call(&a->talk, SPAN("calculator"), SPAN("12*7"), &err));
    CHECK_OK(conversation_add(&a->talk, ROLE_TOOL, SPAN("84"), &err));
    renders_to(a, &r,
               "<|bos|>Question: 2+2?\nAnswer: 4\n\nQuestion: 12*7?\n"
               "Call: calculator(12*7)\nResult: 84\nAnswer:");
}

/* --- calls --------------------------------------------------------------------------- */
static void call_reads(const Asked *a, const char *ids, const char *text,
                       const char *name, const char *arguments)
{
    Err err = {0};
    char calculator[] = "calculator", expression[] = "expression";
    Tool tool = {.name = calculator, .argument = expression};
    Toolbox box = {&tool, 1, 1};
    AnswerReader reader;
    Ids all = {0};
    Str out = {0};
    LmCall call = {0};
    chatter_ids(&a->c, ids, &all);
    answer_reader_init(&reader, a->c.tok, a->c.chat);
    EngineResult result = {.ids = all.ptr, .n = (int64_t)all.len};
    answer_reader_end(&reader, &result, &out);
    assert_string_equal(str_c(&out), text);
    assert_int_equal(reader.is_call, name != NULL);
    if (name) {
        CHECK_OK(answer_reader_call(&reader, &box, &call, &err));
        assert_string_equal(str_c(&call.name), name);
        assert_string_equal(str_c(&call.arguments), arguments);
    }
    str_release(&call.name);
    str_release(&call.arguments);
    answer_reader_release(&reader);
    str_release(&out);
    ids_release(&all);
}

static void calls_are_read_apart_from_the_text(void **state)
{
    const Asked *a = *state;
    call_reads(a, "four<|im_end|>", "four", NULL, NULL);
    call_reads(a, "<|call|>calculator(2*\"2)<|im_end|>", "", "calculator",
               "{\"expression\":\"2*\\\"2\"}");
    call_reads(a, "Let me see.<|call|>search({\"q\": \"four\"})<|im_end|>",
               "Let me see.", "search", "{\"q\": \"four\"}");
    call_reads(a, "<|call|>search(four)<|im_end|>", "", "search",
               "{\"input\":\"four\"}");
    call_reads(a, "<|call|>no call<|im_end|>", "", "no call", "{}");
}

#define ASKED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ASKED(calls_that_are_drawn_are_valid),
        ASKED(answers_are_what_the_engine_draws),
        ASKED(more_answers_are_asked_for_later),
        ASKED(a_crowd_is_answered_as_one_by_one),
        ASKED(a_stop_ends_the_answer_and_is_not_shown),
        ASKED(who_looks_on_may_stop_it),
        ASKED(a_deadline_ends_all_answers),
        ASKED(what_cannot_be_says_so),
        ASKED(answers_keep_to_their_form),
        ASKED(many_forms_take_turns),
        ASKED(a_form_that_is_none_says_so),
        ASKED(scores_add_up_over_the_prefix),
        ASKED(a_chat_is_read_in_turns),
        cmocka_unit_test_setup_teardown(a_base_model_reads_a_page, set_up_documents,
                                        tear_down),
        ASKED(calls_are_read_apart_from_the_text),
    };
    return cmocka_run_group_tests_name("think/lm_local", tests, NULL, NULL);
}
