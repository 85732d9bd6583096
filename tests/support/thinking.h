/* thinking.h - a strategy asked one question of a fake model. */
#ifndef SUPPORT_THINKING_H
#define SUPPORT_THINKING_H

#include "support/fake_lm.h"

#include "think/strategy/strategy.h"

/* One question, changed by a test before it is asked. */
typedef struct Thinking {
    FakeLm fake;
    ThinkOptions o;
    Extractor extract;
    Conversation talk;
    Question q;
    Budget budget;
    Run run;
    Outcome out;
    Str trace; /* its lines */
    LmUsage spent;
    int64_t calls;
    Err err; /* of the last failure */
} Thinking;

static inline void thinking_init(Thinking *t, const char *const *texts,
                                 const char *extract)
{
    Err err = {0};
    *t = (Thinking){0};
    fake_init(&t->fake, texts);
    CHECK_OK(opt_defaults(&think_options, &t->o, &err));
    CHECK_OK(extractor_parse(&t->extract, span_of(extract), &err));
    CHECK_OK(conversation_add(&t->talk, ROLE_USER, SPAN("2+2?"), &err));
    t->q = (Question){.talk = &t->talk,
                      .sample = sample_plain(1, 50, 3),
                      .key = 9,
                      .o = &t->o,
                      .extract = &t->extract};
}

/* Asks; the trace is kept. */
static inline Status thinking_ask(Thinking *t, const char *spec)
{
    Err err = {0};
    Strategy *s;
    CHECK_OK(strategy_parse(&s, span_of(spec), &err));
    outcome_release(&t->out);
    str_reset(&t->trace);
    CHECK_OK(run_init(&t->run, &t->fake.lm, &t->budget, fake_clock, "ask", &err));
    t->err = (Err){0};
    Status status = strategy_answer(s, &t->run, &t->q, &t->out, &t->err);
    CHECK_OK(trace_lines(t->run.trace, &t->trace, &err));
    t->spent = t->run.usage;
    t->calls = t->run.calls;
    run_release(&t->run);
    strategy_free(s);
    return status;
}

static inline void thinking_release(Thinking *t)
{
    outcome_release(&t->out);
    str_release(&t->trace);
    conversation_release(&t->talk);
    extractor_release(&t->extract);
    opt_release(&think_options, &t->o);
    fake_release(&t->fake);
}

#endif
