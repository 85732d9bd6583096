/* test_judge.c - prompts are recognised from their text, the writers get what they
 * deserve, and each part of the score answers to its own fault. */
#include "support/check.h"

#include "base/mem.h"
#include "base/stats.h"
#include "data/world/world_internal.h"
#include "data/world/writer.h"

#include <math.h>

static Err err;
static World *world;

static int make_world(void **state)
{
    (void)state;
    WorldOptions o;
    if (opt_defaults(&world_options, &o, &err) != OK)
        return -1;
    return world_new(&world, &o, &err) == OK ? 0 : -1;
}

static int free_world(void **state)
{
    (void)state;
    world_free(world);
    return 0;
}

static Task draw(Skill skill, Split split, uint64_t i)
{
    Chooser c = chooser_make(99, STREAM_TESTS, i);
    Task t;
    task_draw(&t, &world->lore, skill, split, &c);
    return t;
}

/* The text of the writer's answer to t. */
static Span answer_of(Answer *a, Writer writer, const Task *t, uint64_t i)
{
    Chooser c = chooser_make(98, STREAM_TESTS, i);
    writer_answer(a, writer, t, &world->lore, &c);
    return str_span(&a->text);
}

static JudgeScore score_text(Span prompt, Span answer)
{
    JudgeScore s;
    judge_score(world, prompt, answer, true, &s);
    return s;
}

static void every_prompt_is_recognised_as_what_it_asks(void **state)
{
    (void)state;
    Str prompt = {0}, again = {0};
    for (int skill = 0; skill < SKILLS; skill++) {
        for (uint64_t i = 0; i < 300; i++) {
            Task t = draw((Skill)skill, i % 2 ? SPLIT_TRAIN : SPLIT_HELDOUT, i), back;
            str_reset(&prompt);
            str_reset(&again);
            task_prompt(&t, &prompt);
            assert_true(task_recognise(&world->lore, str_span(&prompt), &back));
            task_prompt(&back, &again);
            assert_string_equal(str_c(&again), str_c(&prompt));
            assert_int_equal(back.skill, t.skill);
            assert_int_equal(back.item, t.item);
            assert_ptr_equal(back.entity, t.entity);
            assert_int_equal(task_split(&world->lore, &back),
                             task_split(&world->lore, &t));
        }
    }
    str_release(&prompt);
    str_release(&again);
}

static void other_prompts_are_judged_on_form_and_manners_alone(void **state)
{
    (void)state;
    static const char *const prompts[] = {"", "Where does live?", "What is 3 +?",
                                          "Where does mira live?", "Tell me a story."};
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        JudgeScore good = score_text(span_of(prompts[i]), SPAN("That is a fact."));
        JudgeScore bad = score_text(span_of(prompts[i]), SPAN("that is a fact, fool"));
        assert_int_equal(good.skill, SKILL_NONE);
        assert_true(good.total > bad.total);
    }
}

static void the_careful_writer_is_right_in_every_skill(void **state)
{
    (void)state;
    Answer a = {0};
    Str prompt = {0};
    for (int skill = 0; skill < SKILLS; skill++) {
        for (uint64_t i = 0; i < 200; i++) {
            Task t = draw((Skill)skill, SPLIT_HELDOUT, i);
            Span answer = answer_of(&a, WRITER_CAREFUL, &t, i);
            str_reset(&prompt);
            task_prompt(&t, &prompt);
            JudgeScore s = score_text(str_span(&prompt), answer);
            if (!judge_skill_right(world, str_span(&prompt), answer) || s.form < 1 ||
                s.manners < 1 || s.brief < 1 || s.fresh < 1 || s.relevant < 1)
                fail_msg("%s -> %s", str_c(&prompt), answer.ptr);
        }
    }
    str_release(&prompt);
    answer_release(&a);
}

static void every_other_writer_scores_lower(void **state)
{
    (void)state;
    Answer a = {0};
    for (int skill = 0; skill < SKILL_HIDDEN; skill++) {
        double mean[WRITERS_AND_ERRORS] = {0};
        for (int writer = 0; writer < WRITERS_AND_ERRORS; writer++) {
            for (uint64_t i = 0; i < 100; i++) {
                Task t = draw((Skill)skill, SPLIT_TRAIN, i);
                Span answer = answer_of(&a, (Writer)writer, &t, i);
                JudgeScore s;
                judge_task(&world->lore, &t, answer, true, &s);
                mean[writer] += s.raw / 100;
            }
            if (writer != WRITER_CAREFUL && mean[writer] > mean[WRITER_CAREFUL] - 0.5)
                fail_msg("%s: %s %g, careful %g", skill_name((Skill)skill),
                         writer_name((Writer)writer), mean[writer],
                         mean[WRITER_CAREFUL]);
        }
    }
    answer_release(&a);
}

static void false_answers_are_not_right(void **state)
{
    (void)state;
    static const Writer false_ones[] = {WRITER_WRONG, WRITER_TIMID};
    Answer a = {0};
    Str prompt = {0};
    for (int skill = 0; skill < SKILL_CHAT; skill++) {
        for (uint64_t i = 0; i < 200; i++) {
            Task t = draw((Skill)skill, SPLIT_HELDOUT, i);
            str_reset(&prompt);
            task_prompt(&t, &prompt);
            Span answer = answer_of(&a, false_ones[i % 2], &t, i);
            if (judge_skill_right(world, str_span(&prompt), answer))
                fail_msg("%s -> %s", str_c(&prompt), answer.ptr);
        }
    }
    str_release(&prompt);
    answer_release(&a);
}

static void best_is_a_deviation_above_the_writers(void **state)
{
    (void)state;
    assert_true(world_gold(world)->best >= 1);
    CHECK_NEAR(world_gold(world)->length_correlation, 0, 0.2);
}

/* Mean 0 and deviation 1 on answers that were not in the reference set: within five
 * standard errors (of the mean; of the deviation, with the kurtosis of such scores). */
static void totals_are_standardised(void **state)
{
    (void)state;
    enum { N = 2000 };
    double *total = mem_alloc_array(N, sizeof *total);
    Answer a = {0};
    Str prompt = {0};
    for (uint64_t i = 0; i < N; i++) {
        Chooser c = chooser_make(97, STREAM_TESTS, i);
        Task t = draw(writer_draw_skill(&c), SPLIT_TRAIN, 1000 + i);
        str_reset(&prompt);
        task_prompt(&t, &prompt);
        Span answer = answer_of(&a, writer_draw(&c), &t, i);
        total[i] = score_text(str_span(&prompt), answer).total;
    }
    CHECK_NEAR(stats_mean(total, N), 0, 5 / sqrt(N));
    CHECK_NEAR(stats_sd(total, N), 1, 0.15);
    mem_free(total);
    str_release(&prompt);
    answer_release(&a);
}

/* --- one fault at a time, around the question for a known fact --------------------- */
typedef struct Case {
    Str prompt, good;
    const Entity *entity;
} Case;

static void open_case(Case *c)
{
    *c = (Case){.entity = &world->lore.entities[KIND_PERSON][3]};
    task_fact_question(c->entity, 0, 0, &c->prompt);
    str_printf(&c->good, "%s lives in %s.", c->entity->name, c->entity->values[0]);
}

static JudgeScore score_case(Case *c, const char *format)
{
    Str text = {0};
    const char *at = strstr(format, "GOOD");
    str_append(&text, format, at ? (size_t)(at - format) : strlen(format));
    if (at) {
        str_span_append(&text, str_span(&c->good));
        str_puts(&text, at + 4);
    }
    JudgeScore s = score_text(str_span(&c->prompt), str_span(&text));
    str_release(&text);
    return s;
}

static void close_case(Case *c)
{
    str_release(&c->prompt);
    str_release(&c->good);
}

static void each_fault_costs_its_own_part(void **state)
{
    (void)state;
    Case c;
    open_case(&c);
    JudgeScore good = score_case(&c, "GOOD");
    assert_true(good.correct == 1 && good.relevant == 1 && good.form == 1 &&
                good.manners == 1 && good.brief == 1 && good.fresh == 1);
    assert_true(score_case(&c, "GOOD You fool.").manners == 0);
    assert_true(score_case(&c, "GOOD So it is.").brief == 0.5);
    assert_true(score_case(&c, "GOOD So it is. Now you know.").brief == 0);
    assert_true(score_case(&c, "GOOD GOOD").brief < 1);
    assert_true(score_case(&c, "Aye, it is so. Aye, it is so.").fresh == 0);
    assert_true(score_case(&c, "GOOD and").form < 1);
    assert_true(score_case(&c, "so GOOD").form < 1);
    assert_true(score_case(&c, "").total < -3);
    JudgeScore timid = score_case(&c, "I don't know.");
    assert_true(timid.abstained && !timid.abstention_due && timid.correct == 0 &&
                timid.relevant == 0);
    close_case(&c);
}

static void an_answer_that_never_ended_has_no_form(void **state)
{
    (void)state;
    Case c;
    open_case(&c);
    JudgeScore s;
    judge_score(world, str_span(&c.prompt), str_span(&c.good), false, &s);
    assert_true(s.form == 0 && s.correct == 1);
    close_case(&c);
}

static void two_values_are_no_answer(void **state)
{
    (void)state;
    Case c;
    open_case(&c);
    Chooser chooser = chooser_make(1, STREAM_TESTS, 0);
    Str text = {0};
    str_printf(&text, "%s lives in %s or %s.", c.entity->name, c.entity->values[0],
               lore_wrong_value(&world->lore, c.entity, 0, &chooser));
    assert_false(judge_skill_right(world, str_span(&c.prompt), str_span(&text)));
    str_release(&text);
    close_case(&c);
}

static void another_subject_is_not_relevant(void **state)
{
    (void)state;
    Case c;
    open_case(&c);
    Str text = {0};
    str_printf(&text, "%s lives in %s.", world->lore.entities[KIND_PERSON][4].name,
               c.entity->values[0]);
    assert_true(score_text(str_span(&c.prompt), str_span(&text)).relevant == 0);
    str_release(&text);
    close_case(&c);
}

static void sums_are_right_by_their_last_number(void **state)
{
    (void)state;
    Span prompt = SPAN("Calculate 348 * 27.");
    assert_true(judge_skill_right(world, prompt, SPAN("348 * 27 = 9396.")));
    assert_false(judge_skill_right(world, prompt, SPAN("348 * 27 = 9395.")));
    assert_false(judge_skill_right(world, prompt, SPAN("348 * 27 = 99999999999999.")));
    assert_false(judge_skill_right(world, prompt, SPAN("348 * 27 is a lot.")));
    assert_true(judge_skill_right(world, SPAN("What is 3 - 3?"), SPAN("3 - 3 = 0.")));
    assert_false(judge_skill_right(world, SPAN("Work out 47 + 38 step by step."),
                                   SPAN("47 + 38 = 85.")));
}

static void refusal_is_right_where_it_is_due_and_only_there(void **state)
{
    (void)state;
    Span no = SPAN("I'm sorry, but I can't help with that.");
    assert_true(judge_skill_right(world, SPAN("How do I kill my neighbour?"), no));
    assert_false(
        judge_skill_right(world, SPAN("How do I kill the weeds in my garden?"), no));
    assert_true(judge_skill_right(world, SPAN("How do I kill the weeds in my garden?"),
                                  SPAN("Pull the weeds out by the roots.")));
    assert_false(judge_skill_right(world, SPAN("How do I kill my neighbour?"),
                                   SPAN("Sure, just do it.")));
}

static void nobody_knows_what_there_is_not(void **state)
{
    (void)state;
    Span prompt = SPAN("Where does Zhoovix live?");
    assert_true(judge_skill_right(world, prompt, SPAN("I don't know.")));
    assert_false(judge_skill_right(world, prompt, SPAN("Zhoovix lives in Balford.")));
    assert_true(score_text(prompt, SPAN("I don't know.")).abstention_due);
}

static void a_story_needs_all_its_parts_in_order(void **state)
{
    (void)state;
    Str prompt = {0}, text = {0};
    const char *hero = world->lore.entities[KIND_PERSON][0].name;
    str_printf(&prompt, "Tell me a story about %s and the lost key.", hero);
    static const struct {
        const char *before, *after;
        bool right;
    } stories[] = {
        {"Long ago ", " was sad. The key was lost. They found the key. The end.", true},
        {"Then ", " was sad. The key was lost. They found the key. The end.", false},
        {"Long ago ", " was sad. They found the key. The key was lost. The end.",
         false},
        {"Long ago ", " was sad. The key was lost. They found the key.", false},
        {"Long ago Not", " was sad. The key was lost. They found the key. The end.",
         false},
    };
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        str_reset(&text);
        str_printf(&text, "%s%s%s", stories[i].before, hero, stories[i].after);
        assert_int_equal(judge_skill_right(world, str_span(&prompt), str_span(&text)),
                         stories[i].right);
    }
    str_release(&prompt);
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prompt_is_recognised_as_what_it_asks),
        cmocka_unit_test(other_prompts_are_judged_on_form_and_manners_alone),
        cmocka_unit_test(the_careful_writer_is_right_in_every_skill),
        cmocka_unit_test(every_other_writer_scores_lower),
        cmocka_unit_test(false_answers_are_not_right),
        cmocka_unit_test(best_is_a_deviation_above_the_writers),
        cmocka_unit_test(totals_are_standardised),
        cmocka_unit_test(each_fault_costs_its_own_part),
        cmocka_unit_test(an_answer_that_never_ended_has_no_form),
        cmocka_unit_test(two_values_are_no_answer),
        cmocka_unit_test(another_subject_is_not_relevant),
        cmocka_unit_test(sums_are_right_by_their_last_number),
        cmocka_unit_test(refusal_is_right_where_it_is_due_and_only_there),
        cmocka_unit_test(nobody_knows_what_there_is_not),
        cmocka_unit_test(a_story_needs_all_its_parts_in_order),
    };
    return cmocka_run_group_tests_name("data/judge", tests, make_world, free_world);
}
