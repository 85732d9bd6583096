/* test_reward_program.c - programs that score, and programs that crash, hang and write
 * garbage. They are shell scripts, written where the test works. */
#include "support/chatter.h"
#include "support/temp.h"

#include "base/log.h"
#include "eval/reward_program.h"

#include <math.h>
#include <sys/stat.h>

enum { ITEMS = 5 };

typedef struct Scene {
    Chatter c;
    RewardSpec spec;
    Reward reward;
    Conversation prompt;
    Ids answers[ITEMS];
    RewardItem items[ITEMS];
    json_t *row;
    Str log; /* warnings */
} Scene;

static void keep_line(void *self, LogLevel level, const char *line)
{
    (void)level;
    Str *log = self;
    str_printf(log, "%s\n", line);
}

static const char *write_script(const char *body)
{
    Err err = {0};
    Str text = {0};
    str_printf(&text, "#!/bin/sh\n%s\n", body);
    const char *path = temp_path("score.sh");
    CHECK_OK(file_write_atomic(path, text.ptr, text.len, &err));
    assert_int_equal(chmod(path, 0700), 0);
    str_release(&text);
    return path;
}

/* A script as the program of a reward with these options; five answers "a0" to "a4". */
static void open_scene(Scene *s, const char *script, const char *options)
{
    Err err = {0};
    Str spec = {0};
    *s = (Scene){0};
    chatter_init(&s->c, 32);
    str_printf(&spec, "{program: ['%s', '%s']%s%s}", write_script(script), temp_folder,
               options[0] ? ", " : "", options);
    CHECK_OK(reward_spec_parse(str_span(&spec), &s->spec, &err));
    CHECK_OK(reward_from_program(&s->reward, &s->spec.parts[0], s->c.tok, s->c.chat,
                                 false, &err));
    CHECK_OK(conversation_add(&s->prompt, ROLE_USER, SPAN("How \"so\"?"), &err));
    CHECK_OK(json_parse(SPAN("{\"expected\": \"84\"}"), &s->row, &err));
    for (int i = 0; i < ITEMS; i++) {
        char text[64];
        snprintf(text, sizeof text, "a%d<|im_end|>", i);
        chatter_ids(&s->c, text, &s->answers[i]);
        s->items[i] = (RewardItem){.prompt = &s->prompt,
                                   .row = i == 0 ? s->row : NULL,
                                   .answer = s->answers[i].ptr,
                                   .n_answer = (int64_t)s->answers[i].len,
                                   .ended = true};
    }
    log_set_sink(keep_line, &s->log, LOG_WARN);
    str_release(&spec);
}

static void close_scene(Scene *s)
{
    log_set_sink(NULL, NULL, LOG_WARN);
    reward_release(&s->reward);
    reward_spec_release(&s->spec);
    conversation_release(&s->prompt);
    for (int i = 0; i < ITEMS; i++)
        ids_release(&s->answers[i]);
    json_decref(s->row);
    str_release(&s->log);
    chatter_release(&s->c);
}

static void check_scores(Scene *s, const double want[ITEMS])
{
    Err err = {0};
    CHECK_OK(reward_score(&s->reward, s->items, ITEMS, &err));
    for (int i = 0; i < ITEMS; i++)
        CHECK_NEAR(s->items[i].score, want[i], 0);
}

/* The number of the line within this life of the program. */
#define COUNTING "n=0; while read -r line; do n=$((n + 1)); "

static void scores_come_in_the_order_asked(void **state)
{
    (void)state;
    Scene s;
    open_scene(&s, COUNTING "echo $n.5; echo; done", "");
    check_scores(&s, (const double[]){1.5, 2.5, 3.5, 4.5, 5.5});
    check_scores(&s, (const double[]){6.5, 7.5, 8.5, 9.5, 10.5}); /* it was kept */
    assert_int_equal(s.log.len, 0);
    close_scene(&s);
}

static void ids_may_come_in_any_order(void **state)
{
    (void)state;
    Scene s;
    open_scene(
        &s,
        "while true; do for i in 1 2 3 4 5; do read -r line || exit 0; done\n"
        "for i in 4 3 2 1 0; do echo \"{\\\"id\\\": $((i + base)), \\\"score\\\": "
        "$i}\"; done; base=$((base + 5)); done",
        "");
    check_scores(&s, (const double[]){0, 1, 2, 3, 4});
    check_scores(&s, (const double[]){0, 1, 2, 3, 4});
    close_scene(&s);
}

static void it_is_told_all_there_is(void **state)
{
    (void)state;
    Err err = {0};
    Scene s;
    Str text = {0};
    open_scene(&s, "while read -r line; do echo \"$line\" >>$1/heard; echo 1; done",
               "");
    check_scores(&s, (const double[]){1, 1, 1, 1, 1});
    CHECK_OK(file_read(temp_path("heard"), 1 << 16, &text, &err));
    str_truncate(&text, (size_t)(strchr(str_c(&text), '\n') - text.ptr));
    assert_string_equal(
        str_c(&text),
        "{\"id\":0,\"prompt\":[{\"role\":\"user\",\"content\":\"How \\\"so\\\"?\"}],"
        "\"answer\":\"a0\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a0\"}],"
        "\"ended\":true,\"tokens\":3,\"row\":{\"expected\":\"84\"}}");
    str_release(&text);
    close_scene(&s);
}

/* It dies at the third answer of its first life; the fourth is the first of the next. */
static void one_that_crashes_is_started_again(void **state)
{
    (void)state;
    Scene s;
    open_scene(&s,
               COUNTING "if [ $n = 3 ] && [ ! -e $1/died ]; then touch $1/died; "
                        "echo oh dear >&2; kill -SEGV $$; fi; echo $n; done",
               "");
    check_scores(&s, (const double[]){1, 2, 1, 2, 3});
    assert_non_null(strstr(str_c(&s.log), "it was killed by signal 11 (oh dear); it is "
                                          "started again"));
    close_scene(&s);
}

static void check_failure(const char *script, const char *options, Status code,
                          const char *says)
{
    Scene s;
    Err err = {0};
    open_scene(&s, script, options);
    assert_int_equal(reward_score(&s.reward, s.items, ITEMS, &err), code);
    if (!strstr(err.msg, says))
        fail_msg("'%s' does not say '%s'", err.msg, says);
    assert_non_null(strstr(err.msg, "score.sh"));
    close_scene(&s);
}

/* Each is tried `attempts` times on the answer that it fails on. */
static void what_it_did_is_told(void **state)
{
    (void)state;
    check_failure("exit 3", "", ERR_IO,
                  "answer with id 0: it ended with exit status 3 (3 attempts");
    check_failure("echo no module >&2; exit 1", "attempts: 1", ERR_IO,
                  "it ended with exit status 1 (no module) (1 attempts");
    check_failure(COUNTING "[ $n = 3 ] && exit 4; echo 1; done", "attempts: 1", ERR_IO,
                  "answer with id 2: it ended with exit status 4");
    check_failure("sleep 100", "timeout: 0.05, attempts: 2", ERR_IO,
                  "answer with id 0: it said nothing for 0.05 seconds (2 attempts");
    check_failure("while read -r line; do echo very good; done", "", ERR_FORMAT,
                  "it wrote 'very good', which is no score");
    check_failure("while read -r line; do echo '{\"score\": \"1\"}'; done", "",
                  ERR_FORMAT, "which is no score");
    check_failure("while read -r line; do echo '{\"error\": \"no key\"}'; done",
                  "attempts: 1", ERR_FORMAT, "it says: no key");
    check_failure("while read -r line; do echo '{\"id\": 7, \"score\": 1}'; done",
                  "attempts: 1", ERR_FORMAT,
                  "it wrote a score for id 7, which it was not asked");
    check_failure("read -r line; head -c 200000 /dev/zero | tr '\\0' x; sleep 100",
                  "attempts: 1", ERR_FORMAT, "bytes without a line's end");
    check_failure("read -r line; yes", "attempts: 1", ERR_FORMAT,
                  "it wrote 'y', which is no score");
}

static void too_many_lines_are_no_scores_of_the_next(void **state)
{
    (void)state;
    Scene s;
    open_scene(&s,
               "if [ -e $1/died ]; then " COUNTING
               "echo $n; done; fi; touch $1/died; for i in 1 2 3 4 5; do read -r line; "
               "done; printf '1\\n2\\n3\\n4\\n5\\n9\\n9\\n'; read -r line",
               "");
    check_scores(&s, (const double[]){1, 2, 3, 4, 5});
    check_scores(&s, (const double[]){1, 2, 3, 4, 5});
    close_scene(&s);
}

/* The answer that it cannot bear has the score that was set for that; the others theirs. */
static void a_failed_answer_may_have_a_score(void **state)
{
    (void)state;
    Scene s;
    open_scene(&s,
               "while read -r line; do case $line in *a1*) exit 1;; *a3*) sleep 100;; "
               "esac; echo 1; done",
               "failed: -2.5, attempts: 2, timeout: 1.5");
    check_scores(&s, (const double[]){1, -2.5, 1, -2.5, 1});
    assert_non_null(strstr(str_c(&s.log), "the answer with id 1 gets -2.5"));
    close_scene(&s);
}

static void one_that_is_not_there_is_told_at_once(void **state)
{
    (void)state;
    Err err = {0};
    Chatter c;
    RewardSpec spec;
    Reward reward;
    chatter_init(&c, 16);
    CHECK_OK(reward_spec_parse(SPAN("{program: /no/such}"), &spec, &err));
    CHECK_FAILS(
        reward_from_program(&reward, &spec.parts[0], c.tok, c.chat, false, &err),
        ERR_IO, "program: cannot run '/no/such': No such file or directory");
    reward_spec_release(&spec);
    chatter_release(&c);
}

static void replies(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t id;
        double score; /* NAN: refused */
    } cases[] = {
        {"1", -1, 1},
        {" -2.5e-1\r", -1, -0.25},
        {"{\"score\": 3}", -1, 3},
        {"{\"score\": 3, \"id\": 12, \"why\": [1]}", 12, 3},
        {"", 0, (double)NAN},
        {"nan", 0, (double)NAN},
        {"NaN", 0, (double)NAN},
        {"1 2", 0, (double)NAN},
        {"1e999", 0, (double)NAN},
        {"true", 0, (double)NAN},
        {"[1]", 0, (double)NAN},
        {"{\"score\": null}", 0, (double)NAN},
        {"{\"score\": 1, \"id\": -1}", 0, (double)NAN},
        {"{\"score\": 1, \"id\": \"1\"}", 0, (double)NAN},
        {"{\"score\": 1", 0, (double)NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = {0};
        RewardReply reply;
        Status status = reward_reply_parse(span_of(cases[i].line), &reply, &err);
        bool good = cases[i].score == cases[i].score;
        if ((status == OK) != good)
            fail_msg("'%s': %s", cases[i].line, status == OK ? "accepted" : err.msg);
        if (good) {
            assert_int_equal(reply.id, cases[i].id);
            CHECK_NEAR(reply.score, cases[i].score, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(scores_come_in_the_order_asked),
        TEMP_TEST(ids_may_come_in_any_order),
        TEMP_TEST(it_is_told_all_there_is),
        TEMP_TEST(one_that_crashes_is_started_again),
        TEMP_TEST(what_it_did_is_told),
        TEMP_TEST(too_many_lines_are_no_scores_of_the_next),
        TEMP_TEST(a_failed_answer_may_have_a_score),
        cmocka_unit_test(one_that_is_not_there_is_told_at_once),
        cmocka_unit_test(replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
