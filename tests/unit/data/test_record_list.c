/* test_record_list.c - whole data sets of one kind, and their held-out part. */
#include "packed.h"

#include "base/mem.h"
#include "data/corpus.h"
#include "show.h"

static Err err;
static const CorpusOptions plain = {0, CORPUS_SPLIT_FILE};

static RecordList load(const char *name, RecordKind kind)
{
    RecordList list;
    CHECK_OK(corpus_load(&list, temp_path(name), kind, &plain, &err));
    return list;
}

static void check_fault(const char *name, RecordKind kind, const char *message)
{
    RecordList list;
    Str want = {0};
    put_path(&want, message, temp_path(name));
    CHECK_FAILS(corpus_load(&list, temp_path(name), kind, &plain, &err), ERR_FORMAT,
                str_c(&want));
    assert_int_equal(list.n, 0);
    str_release(&want);
}

static void check_record(const Record *r, const char *want)
{
    Str shown = {0};
    assert_string_equal(show_record(r, &shown), want);
    str_release(&shown);
}

static void records_of_the_wanted_kind_are_loaded(void **state)
{
    (void)state;
    write_file("chats", "{\"prompt\":\"p\",\"completion\":\"c\"}\n"
                        "{\"question\":\"q\",\"answer\":\"a\"}\n");
    RecordList list = load("chats", RECORD_CHAT);
    assert_int_equal(list.n, 2);
    check_record(&list.records[0], "chat [user] p [assistant] c");
    check_record(&list.records[1], "chat [user] q [assistant] a");
    record_list_release(&list);
    record_list_release(NULL);
}

static void conversations_and_comparisons_give_prompts(void **state)
{
    (void)state;
    write_file("chats", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                        "{\"role\":\"assistant\",\"content\":\"b\"},"
                        "{\"role\":\"user\",\"content\":\"c\"},"
                        "{\"role\":\"assistant\",\"content\":\"d\"}]}\n");
    write_file("pairs", "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}\n");
    RecordList list = load("chats", RECORD_PROMPT);
    check_record(&list.records[0], "prompt [user] a [assistant] b [user] c");
    record_list_release(&list);
    list = load("pairs", RECORD_PROMPT);
    check_record(&list.records[0], "prompt [user] p");
    record_list_release(&list);
}

static void comparisons_give_ratings(void **state)
{
    (void)state;
    write_file("pairs", "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}\n");
    write_file("rated", "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":false}\n");
    RecordList list = load("pairs", RECORD_RATED);
    check_record(&list.records[0],
                 "rated [user] p | +: [assistant] c | -: [assistant] r");
    record_list_release(&list);
    list = load("rated", RECORD_RATED);
    check_record(&list.records[0], "rated [user] p | -: [assistant] c");
    record_list_release(&list);
    list = load("rated", RECORD_PROMPT);
    check_record(&list.records[0], "prompt [user] p");
    record_list_release(&list);
}

static void another_kind_is_refused_with_what_is_wanted(void **state)
{
    (void)state;
    write_file("texts", "{\"text\":\"t\"}\n");
    write_file("prompts", "{\"prompt\":\"p\"}\n");
    write_file("open", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n");
    check_fault("texts", RECORD_CHAT,
                "file '@': line 1: it holds texts, and conversations ('messages', or "
                "'prompt' with 'completion') are wanted");
    check_fault("prompts", RECORD_RANKING,
                "file '@': line 1: it holds prompts, and comparisons ('chosen' with "
                "'rejected', or 'completions' with 'ranks') are wanted");
    check_fault("texts", RECORD_PROMPT,
                "file '@': line 1: it holds texts, and prompts ('prompt') are wanted");
    check_fault("prompts", RECORD_RATED,
                "file '@': line 1: it holds prompts, and rated answers ('prompt' with "
                "'completion' and 'label') or comparisons are wanted");
    check_fault("open", RECORD_CHAT,
                "file '@': line 1: the conversation has no answer to learn");
}

static void a_data_set_without_rows_is_refused(void **state)
{
    (void)state;
    write_file("none.jsonl", "\n\n");
    check_fault("none.jsonl", RECORD_CHAT, "there is no row in '@'");
}

static void write_prompts(const char *name, int n, int copies)
{
    Str text = {0};
    for (int i = 0; i < n * copies; i++)
        str_printf(&text, "{\"prompt\":\"p%d\",\"chosen\":\"%d\",\"rejected\":\"r\"}\n",
                   i % n, i);
    write_file(name, str_c(&text));
    str_release(&text);
}

static bool holds(const RecordList *list, const char *prompt)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->records[i].chat.messages[0].content, prompt) == 0)
            return true;
    }
    return false;
}

static void a_prompt_is_on_one_side_only(void **state)
{
    (void)state;
    write_prompts("pairs", 200, 3);
    RecordList list = load("pairs", RECORD_RANKING), heldout;
    CHECK_OK(record_list_split(&list, 0.25, &heldout, &err));
    assert_int_equal(list.n + heldout.n, 600);
    assert_int_equal(heldout.n % 3, 0); /* all three of a prompt */
    /* 200 prompts at 1/4: deviation sqrt(200/4*3/4) = 6 prompts; 5 of them */
    assert_true(heldout.n / 3 > 20 && heldout.n / 3 < 80);
    for (size_t i = 0; i < heldout.n; i++)
        assert_false(holds(&list, heldout.records[i].chat.messages[0].content));
    record_list_release(&list);
    record_list_release(&heldout);
}

static void each_side_has_at_least_one_record(void **state)
{
    (void)state;
    write_prompts("pairs", 2, 1);
    for (int i = 1; i <= 10; i++) {
        RecordList list = load("pairs", RECORD_RANKING), heldout;
        CHECK_OK(record_list_split(&list, i / 10.0, &heldout, &err));
        assert_int_equal(list.n, 1);
        assert_int_equal(heldout.n, 1);
        record_list_release(&list);
        record_list_release(&heldout);
    }
}

static void one_prompt_cannot_be_split(void **state)
{
    (void)state;
    write_prompts("pairs", 1, 3);
    RecordList list = load("pairs", RECORD_RANKING), heldout;
    CHECK_FAILS(record_list_split(&list, 0.5, &heldout, &err), ERR_FORMAT,
                "none can be held out of 3 rows with one prompt");
    assert_int_equal(list.n, 3);
    CHECK_OK(record_list_split(&list, 0, &heldout, &err)); /* none is wanted */
    assert_int_equal(list.n, 3);
    assert_int_equal(heldout.n, 0);
    record_list_release(&list);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    write_prompts("pairs", 3, 1);
    const char *spec = temp_path("pairs");
    long n = 0;
    for (bool done = false; !done; n++) {
        RecordList list, heldout = {0};
        mem_fail_after(n);
        Status status = corpus_load(&list, spec, RECORD_PROMPT, &plain, &err);
        if (status == OK)
            status = record_list_split(&list, 0.5, &heldout, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        done = status == OK;
        record_list_release(&list);
        record_list_release(&heldout);
    }
    assert_true(n >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(records_of_the_wanted_kind_are_loaded),
        TEMP_TEST(conversations_and_comparisons_give_prompts),
        TEMP_TEST(comparisons_give_ratings),
        TEMP_TEST(another_kind_is_refused_with_what_is_wanted),
        TEMP_TEST(a_data_set_without_rows_is_refused),
        TEMP_TEST(a_prompt_is_on_one_side_only),
        TEMP_TEST(each_side_has_at_least_one_record),
        TEMP_TEST(one_prompt_cannot_be_split),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
