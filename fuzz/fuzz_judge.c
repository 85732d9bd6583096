// floor: data
/* fuzz_judge.c - any prompt (the first line) and any answer (the rest) get a score whose
 * parts are in [0, 1], the same one every time; a prompt that is recognised is written
 * back as it came. */
#include "data/world/world_internal.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static World *shared_world(void)
{
    static World *world;
    if (!world) {
        WorldOptions o;
        Err err;
        ASSERT(opt_defaults(&world_options, &o, &err) == OK);
        ASSERT(world_new(&world, &o, &err) == OK);
    }
    return world;
}

static void check_share(double part)
{
    ASSERT(part >= 0 && part <= 1);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const World *w = shared_world();
    const char *text = size > 0 ? (const char *)data : "";
    const char *line_end = memchr(text, '\n', size);
    Span prompt = {text, line_end ? (size_t)(line_end - text) : size};
    Span answer = {text + prompt.len, size - prompt.len};
    if (answer.len > 0)
        answer = (Span){answer.ptr + 1, answer.len - 1};

    JudgeScore s, again;
    judge_score(w, prompt, answer, true, &s);
    judge_score(w, prompt, answer, true, &again);
    check_share(s.correct);
    check_share(s.relevant);
    check_share(s.form);
    check_share(s.manners);
    check_share(s.brief);
    check_share(s.fresh);
    ASSERT(isfinite(s.total) && s.total == again.total);
    judge_skill_right(w, prompt, answer);

    Task t;
    if (task_recognise(&w->lore, prompt, &t)) {
        Str back = {0};
        task_prompt(&t, &back);
        ASSERT(back.failed || t.skill == SKILL_CALCULATOR || t.skill == SKILL_STEPS ||
               t.skill == SKILL_DIRECT || span_equal(str_span(&back), prompt));
        str_release(&back);
    }
    return 0;
}
