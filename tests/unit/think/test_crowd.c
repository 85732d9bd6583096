/* Strategies over a real (tiny, random) model: many threads, one at a time and another
 * number of answers side by side give the same answers and the same traces. */
#include "support/chatter.h"

#include "base/mem.h"
#include "base/system.h"
#include "think/lm/lm_local.h"
#include "think/strategy/strategy.h"

static const char *const specs[] = {"direct", "cot",  "cot+consistency:6",
                                    "tree:2", "auto", "few-shot:1+consistency:5",
                                    "choose"};
enum { N_SPECS = sizeof specs / sizeof *specs, QUESTIONS = 2 * N_SPECS };

typedef struct Crowd {
    Lm *lm;
    const Examples *examples;
    Str traces[QUESTIONS];
    Status status[QUESTIONS];
} Crowd;

static double no_clock(void)
{
    return 0;
}

static Status think(const Crowd *crowd, int64_t i, Run *run, Outcome *out, Err *err)
{
    ThinkOptions o = {0};
    Extractor extractor = {0};
    Conversation talk = {0};
    Strategy *s = NULL;
    Budget budget = {.tokens = 400};
    Status status = opt_defaults(&think_options, &o, err);
    o.tree_depth = 2;
    o.tree_thoughts_n = 2;
    if (status == OK)
        status = extractor_parse(&extractor, SPAN("choice:a,b,c,d,e"), err);
    if (status == OK)
        status = conversation_add(&talk, ROLE_USER, SPAN("Which?"), err);
    if (status == OK)
        status = strategy_parse(&s, span_of(specs[i % N_SPECS]), err);
    if (status == OK)
        status = run_init(run, crowd->lm, &budget, no_clock, "ask", err);
    Question q = {.talk = &talk,
                  .sample = sample_plain(1, 10, 3),
                  .key = (uint64_t)i,
                  .o = &o,
                  .extract = &extractor,
                  .examples = crowd->examples};
    if (status == OK)
        status = strategy_answer(s, run, &q, out, err);
    strategy_free(s);
    conversation_release(&talk);
    extractor_release(&extractor);
    opt_release(&think_options, &o);
    return status;
}

static void ask_one(void *self, int64_t i)
{
    Crowd *crowd = self;
    Run run = {0};
    Outcome out = {0};
    Err err;
    crowd->status[i] = think(crowd, i, &run, &out, &err);
    if (crowd->status[i] == OK)
        crowd->status[i] = trace_lines(run.trace, &crowd->traces[i], &err);
    outcome_release(&out);
    run_release(&run);
}

static void crowds_and_single_questions_are_alike(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    Examples examples = {0};
    CHECK_OK(examples_add(&examples, SPAN("Who?"), SPAN(""), SPAN("me"), &err));
    chatter_init(&c, 400);
    c.ops->scale(c.ops, c.model->params, 10);
    model_changed(c.model);
    Loaded loaded = {.model = c.model,
                     .tok = c.tok,
                     .chat = c.chat,
                     .specials = {.bos = -1, .pad = -1}};
    static Crowd crowds[3];
    for (int k = 0; k < 3; k++) {
        LmLocalOptions o = {.batch = k == 2 ? 1 : 4};
        crowds[k] = (Crowd){.examples = &examples};
        CHECK_OK(lm_local_new(&crowds[k].lm, &loaded, "tiny", &o, &err));
        if (k == 0)
            system_parallel(QUESTIONS, ask_one, &crowds[k]);
        for (int64_t i = QUESTIONS - 1; k > 0 && i >= 0; i--)
            ask_one(&crowds[k], i);
        lm_free(crowds[k].lm);
    }
    for (int i = 0; i < QUESTIONS; i++) {
        assert_int_equal(crowds[0].status[i], OK);
        assert_true(crowds[0].traces[i].len > 300);
        for (int k = 1; k < 3; k++)
            assert_string_equal(str_c(&crowds[k].traces[i]),
                                str_c(&crowds[0].traces[i]));
        for (int k = 0; k < 3; k++)
            str_release(&crowds[k].traces[i]);
    }
    examples_release(&examples);
    chatter_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crowds_and_single_questions_are_alike),
    };
    return cmocka_run_group_tests_name("think/crowd", tests, NULL, NULL);
}
