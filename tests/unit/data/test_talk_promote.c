/* test_talk_promote.c - stored answers become rows that the stages read, and labels. */
#include "data/talk_promote.h"

#include "support/check.h"
#include "support/temp.h"

static Err err;
static Talks *talks;

static TalkId put(const char *question, const char *answer, const char *model)
{
    Conversation c = {0};
    TalkUse use = {0};
    TalkId id;
    str_puts(&use.model, model);
    CHECK_OK(conversation_add(&c, ROLE_SYSTEM, SPAN("Be brief."), &err));
    CHECK_OK(conversation_add(&c, ROLE_USER, span_of(question), &err));
    if (strcmp(answer, "6.") == 0) {
        CHECK_OK(conversation_add_call(&c, SPAN("calculator"), SPAN("2*3"), &err));
        CHECK_OK(conversation_add(&c, ROLE_TOOL, SPAN("6"), &err));
    }
    CHECK_OK(conversation_add(&c, ROLE_ASSISTANT, span_of(answer), &err));
    CHECK_OK(talks_put(talks, &c, &use, &id, &err));
    talk_use_release(&use);
    conversation_release(&c);
    return id;
}

static void open_store(void)
{
    CHECK_OK(talks_open(&talks, temp_path("talks.db"), true, &err));
}

/* What the stages make of row k. */
static Record row(const Str *rows, int k)
{
    Record r = {0};
    size_t at = 0;
    Span all = str_span(rows);
    for (; k > 0; k--)
        at = (size_t)span_find(all, SPAN("\n"), at) + 1;
    ptrdiff_t end = span_find(all, SPAN("\n"), at);
    assert_true(end > 0);
    CHECK_OK(record_parse((Span){all.ptr + at, (size_t)end - at}, &r, &err));
    return r;
}

static void a_demonstration_is_read_by_the_stages(void **state)
{
    (void)state;
    open_store();
    TalkId id = put("2*3?", "6.", "m");
    Promoted p;
    Str rows = {0};
    CHECK_OK(promote_demonstration(talks, &id, &p, &err));
    promoted_rows(&p, &rows);
    Record r = row(&rows, 0);
    assert_int_equal(r.kind, RECORD_CHAT);
    assert_int_equal(r.chat.n, 5);
    assert_string_equal(r.chat.messages[2].call_name, "calculator");
    assert_string_equal(r.chat.messages[4].content, "6.");
    assert_string_equal(str_c(&p.models[0]), "m");
    record_release(&r);
    promoted_release(&p);
    str_release(&rows);
    talks_close(talks);
}

/* The answers differ in how many messages they have, and one came twice. */
static void a_comparison_has_every_other_answer(void **state)
{
    (void)state;
    open_store();
    put("2*3?", "5.", "one");
    put("2*3?", "5.", "two");
    put("2*4?", "8.", "one");
    TalkId good = put("2*3?", "6.", "two"), bad = put("2*3?", "7.", "three");
    Promoted p;
    Str rows = {0};
    CHECK_OK(promote_comparison(talks, &good, NULL, &p, &err));
    assert_int_equal(p.n, 3);
    promoted_rows(&p, &rows);
    for (int k = 0; k < 2; k++) {
        Record r = row(&rows, k);
        assert_int_equal(r.kind, RECORD_RANKING);
        assert_int_equal(r.chat.n, 2);
        assert_int_equal(r.answers[0].n, 3);
        assert_string_equal(r.answers[0].messages[2].content, "6.");
        assert_string_equal(r.answers[1].messages[0].content, k ? "5." : "7.");
        assert_true(r.ranks[0] < r.ranks[1]);
        record_release(&r);
    }
    promoted_release(&p);
    CHECK_OK(promote_comparison(talks, &good, &bad, &p, &err));
    assert_int_equal(p.n, 2);
    promoted_release(&p);
    str_release(&rows);
    talks_close(talks);
}

static void what_cannot_be_promoted_says_why(void **state)
{
    (void)state;
    open_store();
    Promoted p;
    TalkId one = put("2*3?", "5.", "m"), other = put("2*4?", "8.", "m"), question;
    Conversation c = {0};
    CHECK_FAILS(promote_comparison(talks, &one, NULL, &p, &err), ERR_OPTION,
                "there is no other answer to that question to compare with; ask it "
                "again, of another model or with another seed");
    CHECK_FAILS(promote_comparison(talks, &one, &other, &p, &err), ERR_OPTION,
                "the other answer is not one to the same question");
    CHECK_OK(conversation_add(&c, ROLE_USER, SPAN("alone"), &err));
    CHECK_OK(talks_put(talks, &c, NULL, &question, &err));
    CHECK_FAILS(promote_demonstration(talks, &question, &p, &err), ERR_OPTION,
                "that message is no answer to a question; `tame logs` lists answers");
    conversation_release(&c);
    talks_close(talks);
}

static void labels_take_what_is_promoted(void **state)
{
    (void)state;
    open_store();
    TalkId good = put("2*3?", "6.", "two");
    put("2*3?", "7.", "three");
    Promoted p;
    Labels *labels;
    LabelCursor *cursor;
    LabelRow row;
    bool end;
    char message[300];
    CHECK_OK(labels_open(&labels, temp_path("labels.db"), true, &err));
    CHECK_OK(promote_comparison(talks, &good, NULL, &p, &err));
    CHECK_OK(promoted_label(&p, labels, "ana", &err));
    (void)snprintf(message, sizeof message, "'ana' has already labelled that in '%s'",
                   labels_path(labels));
    CHECK_FAILS(promoted_label(&p, labels, "ana", &err), ERR_OPTION, message);
    CHECK_OK(labels_read(labels, LABEL_RANK, &cursor, &err));
    CHECK_OK(label_cursor_next(cursor, &row, &end, &err));
    assert_false(end);
    assert_int_equal(row.label->ranks[0], 1);
    assert_int_equal(row.label->ranks[1], 2);
    assert_string_equal(str_c(&row.item->source[1]), "three");
    assert_string_equal(row.item->record.answers[0].messages[2].content, "6.");
    label_cursor_close(cursor);
    promoted_release(&p);
    CHECK_OK(promote_demonstration(talks, &good, &p, &err));
    CHECK_OK(promoted_label(&p, labels, "ana", &err));
    CHECK_OK(labels_read(labels, LABEL_WRITE, &cursor, &err));
    CHECK_OK(label_cursor_next(cursor, &row, &end, &err));
    assert_false(end);
    assert_string_equal(str_c(&row.label->text), "6.");
    label_cursor_close(cursor);
    promoted_release(&p);
    labels_close(labels);
    talks_close(talks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_demonstration_is_read_by_the_stages),
        TEMP_TEST(a_comparison_has_every_other_answer),
        TEMP_TEST(what_cannot_be_promoted_says_why),
        TEMP_TEST(labels_take_what_is_promoted),
    };
    return cmocka_run_group_tests_name("data/talk_promote", tests, NULL, NULL);
}
