/* test_label_session.c - keys in, labels in the store: the draft, the queue and the store
 * together, as a labeler meets them. */
#include "unit/data/label_store.h"

#include "base/mem.h"
#include "data/label_session.h"

static LabelEvent press(LabelSession *s, int32_t key)
{
    LabelEvent event;
    CHECK_OK(label_session_key(s, key, &event, &err));
    return event;
}

/* '\n' is Enter, '<' is Backspace. */
static LabelEvent type(LabelSession *s, const char *keys)
{
    LabelEvent event = LABEL_STAY;
    for (const char *k = keys; *k; k++)
        event = press(s, *k == '\n' ? KEY_ENTER : *k == '<' ? KEY_BACKSPACE : *k);
    return event;
}

/* The draft points into its session: it is never moved. */
static void open_session(LabelSession *s, Labels *l, LabelKind kind, const char *name)
{
    CHECK_OK(label_session_open(s, l, kind, name, 1, &err));
}

/* The ranks of the last label, as they stood on the screen: "1 2 2". */
static const char *last_ranks(const LabelSession *s)
{
    static char out[64];
    Label label = {0};
    bool any;
    size_t at = 0;
    CHECK_OK(labels_last(s->labels, s->labeler, s->kind, 0, &label, &any, &err));
    assert_true(any);
    out[0] = '\0';
    for (int32_t i = 0; i < label.n; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, i ? " %d" : "%d",
                               (int)label.ranks[label.shown[i]]);
    label_release(&label);
    return out;
}

static void check_order(const char *keys, const char *order, const char *ranks)
{
    Labels *l = store_of(1, 3, LABEL_RANK, 0);
    LabelSession s;
    open_session(&s, l, LABEL_RANK, "ana");
    Str shown = {0};
    type(&s, keys);
    label_draft_order(&s.draft, &shown);
    assert_string_equal(str_c(&shown), order);
    if (ranks) {
        assert_int_equal(press(&s, KEY_ENTER), LABEL_SUBMIT);
        assert_string_equal(last_ranks(&s), ranks);
        assert_false(s.next.any);
    } else {
        assert_int_equal(press(&s, KEY_ENTER), LABEL_STAY);
        assert_true(s.draft.message[0] != '\0');
        assert_int_equal(labels_that_stand(l, LABEL_RANK), 0);
    }
    str_release(&shown);
    label_session_release(&s);
    labels_close(l);
    CHECK_OK(file_remove_tree(temp_path("labels.db"), &err));
}

static void keys_make_an_order(void **state)
{
    (void)state;
    check_order("213", "2 > 1 > 3", "2 1 3");
    check_order("2=13", "2 = 1 > 3", "1 1 2");
    check_order("1=2=3", "1 = 2 = 3", "1 1 1");
    check_order("t", "1 = 2 = 3", "1 1 1");
    check_order("31", "3 > 1 > _", "2 3 1"); /* the last goes by itself */
    check_order("3=1", "3 = 1 > _", "1 2 1");
    check_order("31=", "3 > 1 = _", "2 2 1");
    check_order("13<2", "1 > 2 > _", "1 2 3"); /* taken back */
    check_order("1=>2", "1 > 2 > _", "1 2 3"); /* a tie thought better of */
    check_order("1=<2", "1 > 2 > _", "1 2 3");
    check_order("1123", "1 > 2 > 3", "1 2 3");  /* no answer has two places */
    check_order("=1=23", "1 = 2 > 3", "1 1 2"); /* a tie with nothing is none */
    check_order("321\033"
                "12",
                "3 > 2 > 1", "3 2 1");
    check_order("1", "1 > _", NULL);
    check_order("", "_", NULL);
    check_order("4", "_", NULL);
}

static void marks_and_reasons_are_kept(void **state)
{
    (void)state;
    Labels *l = store_of(2, 2, LABEL_RANK, 0);
    LabelSession s;
    open_session(&s, l, LABEL_RANK, "ana");
    Label label = {0};
    bool any;
    assert_int_equal(type(&s, "bf"), LABEL_STAY);
    assert_int_equal(press(&s, 'r'), LABEL_REASON);
    CHECK_OK(label_draft_set_reason(&s.draft, SPAN("  rude "), &err));
    assert_int_equal(press(&s, KEY_ENTER), LABEL_SUBMIT); /* no order is needed */
    CHECK_OK(labels_last(l, s.labeler, LABEL_RANK, 0, &label, &any, &err));
    assert_true(label.all_bad && label.flagged && !label_is_ranked(&label));
    assert_string_equal(str_c(&label.reason), "rude");
    assert_int_equal(type(&s, "bb1\n"), LABEL_SUBMIT);
    CHECK_OK(labels_last(l, s.labeler, LABEL_RANK, 0, &label, &any, &err));
    assert_true(!label.all_bad && !label.flagged && label_is_ranked(&label));
    assert_int_equal(label.reason.len, 0);
    label_release(&label);
    label_session_release(&s);
    labels_close(l);
}

static void a_skipped_question_does_not_come_back_to_who_skipped_it(void **state)
{
    (void)state;
    Labels *l = store_of(1, 2, LABEL_RANK, 1);
    LabelSession s, other;
    open_session(&s, l, LABEL_RANK, "ana");
    assert_int_equal(type(&s, "12s"), LABEL_SUBMIT);
    assert_false(s.next.any);
    Label label = {0};
    bool any;
    CHECK_OK(labels_last(l, s.labeler, LABEL_RANK, 0, &label, &any, &err));
    assert_true(label.skipped && !label_is_ranked(&label));
    label_release(&label);
    label_session_release(&s);
    open_session(&other, l, LABEL_RANK, "ben");
    assert_true(other.next.any);
    label_session_release(&other);
    labels_close(l);
}

static void undo_changes_an_answer_and_loses_none(void **state)
{
    (void)state;
    Labels *l = store_of(4, 3, LABEL_RANK, 0);
    LabelSession s;
    open_session(&s, l, LABEL_RANK, "ana");
    assert_int_equal(press(&s, 'u'), LABEL_STAY); /* nothing was answered */
    assert_true(s.draft.message[0] != '\0');
    type(&s, "3=12\n");
    int64_t second = s.item.id;
    type(&s, "123\n");
    assert_int_equal(press(&s, 'u'), LABEL_UNDO);
    assert_int_equal(s.item.id, second);
    assert_int_equal(press(&s, 'u'), LABEL_UNDO); /* one further back */
    Str order = {0};
    label_draft_order(&s.draft, &order);
    assert_string_equal(str_c(&order), "1 = 3 > 2");
    str_release(&order);
    assert_int_equal(labels_that_stand(l, LABEL_RANK), 2);
    label_session_release(&s); /* leaving in the middle of it changes nothing */
    open_session(&s, l, LABEL_RANK, "ana");
    assert_int_equal(s.next.done, 2);
    type(&s, "uu");
    press(&s, KEY_ESCAPE);
    type(&s, "213\n");
    assert_int_equal(labels_that_stand(l, LABEL_RANK), 2);
    assert_string_equal(last_ranks(&s), "2 1 3");
    assert_int_equal(s.next.done, 2);
    assert_int_equal(s.next.open, 2);
    label_session_release(&s);
    labels_close(l);
}

static void a_rating_is_one_key(void **state)
{
    (void)state;
    Labels *l = store_of(2, 2, LABEL_RATE, 0); /* an item for each answer */
    LabelSession s;
    open_session(&s, l, LABEL_RATE, "ana");
    Label label = {0};
    bool any;
    assert_int_equal(s.next.open, 4);
    type(&s, "x");
    assert_int_equal(labels_that_stand(l, LABEL_RATE), 0);
    type(&s, "g");
    CHECK_OK(labels_last(l, s.labeler, LABEL_RATE, 0, &label, &any, &err));
    assert_int_equal(label.rating, 1);
    type(&s, "b");
    CHECK_OK(labels_last(l, s.labeler, LABEL_RATE, 0, &label, &any, &err));
    assert_int_equal(label.rating, -1);
    label_release(&label);
    label_session_release(&s);
    labels_close(l);
}

static void a_demonstration_may_begin_with_an_answer(void **state)
{
    (void)state;
    Labels *l = store_of(1, 2, LABEL_WRITE, 0);
    LabelSession s;
    open_session(&s, l, LABEL_WRITE, "ana");
    assert_int_equal(press(&s, KEY_ENTER), LABEL_STAY);
    assert_int_equal(press(&s, 'i'), LABEL_TYPE);
    assert_int_equal(press(&s, 'e'), LABEL_EDITOR);
    press(&s, '2');
    const Message *second = &s.item.record.answers[s.draft.shown[1]].messages[0];
    assert_string_equal(str_c(&s.draft.text), second->content);
    CHECK_OK(label_draft_set_text(&s.draft, SPAN("a better one\n"), &err));
    assert_int_equal(press(&s, KEY_ENTER), LABEL_SUBMIT);
    Label label = {0};
    bool any;
    CHECK_OK(labels_last(l, s.labeler, LABEL_WRITE, 0, &label, &any, &err));
    assert_string_equal(str_c(&label.text), "a better one");
    label_release(&label);
    label_session_release(&s);
    labels_close(l);
}

static void what_was_written_is_found_again(void **state)
{
    (void)state;
    Labels *l = store_of(2, 1, LABEL_WRITE, 0);
    LabelSession s;
    open_session(&s, l, LABEL_WRITE, "ana");
    CHECK_OK(label_session_set_text(&s, SPAN("half an ans"), &err));
    CHECK_OK(label_session_set_reason(&s, SPAN("why"), &err));
    label_session_release(&s); /* stops here */
    open_session(&s, l, LABEL_WRITE, "ben");
    assert_int_equal(s.draft.text.len, 0); /* it is hers */
    label_session_release(&s);
    open_session(&s, l, LABEL_WRITE, "ana");
    assert_string_equal(str_c(&s.draft.text), "half an ans");
    assert_string_equal(str_c(&s.draft.reason), "why");
    int64_t item = s.item.id;
    press(&s, KEY_ENTER);
    LabelKept kept = {.labeler = s.labeler, .item = item};
    CHECK_OK(labels_kept(l, &kept, &err));
    assert_int_equal(kept.text.len, 0); /* given: no draft any more */
    assert_int_equal(s.draft.text.len, 0);
    label_kept_release(&kept);
    label_session_release(&s);
    labels_close(l);
}

/* --- the queue -------------------------------------------------------------------------- */
static void each_question_is_asked_of_one_and_repeated_ones_of_all_twice(void **state)
{
    (void)state;
    enum { N = 40 };
    Labels *l = store_of(N, 2, LABEL_RANK, 0.25);
    static const char *const names[] = {"ana", "ben"};
    LabelSession s[2];
    int64_t asked[2][2] = {{0}}, repeated = 0;
    LabelItem item = {0};
    for (int64_t i = 1; i <= N; i++) {
        CHECK_OK(labels_item(l, i, &item, &err));
        repeated += item.repeated;
    }
    label_item_release(&item);
    assert_in_range(repeated, 4, 16);
    for (int p = 0; p < 2; p++)
        open_session(&s[p], l, LABEL_RANK, names[p]);
    for (int p = 0; s[0].next.any || s[1].next.any; p = !p) {
        if (!s[p].next.any)
            continue;
        asked[p][s[p].next.round]++;
        type(&s[p], "12\n");
    }
    for (int p = 0; p < 2; p++) {
        assert_int_equal(asked[p][1], repeated);
        assert_true(asked[p][0] > repeated);
        label_session_release(&s[p]);
    }
    /* Two at once may have the same question before them, towards the end above all. */
    assert_in_range(asked[0][0] + asked[1][0], N + repeated, N + repeated + 6);
    labels_close(l);
}

static void a_second_time_comes_after_others(void **state)
{
    (void)state;
    Labels *l = store_of(30, 2, LABEL_RANK, 0.3);
    LabelSession s;
    open_session(&s, l, LABEL_RANK, "ana");
    int64_t at = 0, when[64] = {0}, seconds = 0, early = 0;
    for (; s.next.any; at++) {
        int64_t id = s.item.id;
        if (s.next.round > 0) {
            bool others_left = s.next.open > 1;
            seconds++;
            early += others_left && at < 30 && at - when[id] <= LABEL_QUEUE_GAP;
        } else {
            when[id] = at;
        }
        type(&s, "12\n");
    }
    assert_true(seconds >= 3);
    assert_int_equal(early, 0);
    label_session_release(&s);
    labels_close(l);
}

static void the_order_on_the_screen_is_fair_and_repeatable(void **state)
{
    (void)state;
    int first[4] = {0};
    for (int64_t item = 1; item <= 4000; item++) {
        int32_t shown[4], again[4];
        label_queue_shown(item, 1, 0, 4, shown);
        label_queue_shown(item, 1, 0, 4, again);
        assert_memory_equal(shown, again, sizeof shown);
        assert_int_equal(1 << shown[0] | 1 << shown[1] | 1 << shown[2] | 1 << shown[3],
                         15);
        first[shown[0]]++;
    }
    for (int k = 0; k < 4; k++)
        assert_in_range(first[k], 890, 1110); /* 1000 +- 4 deviations */
}

/* Whatever is pressed, what goes into the store is a label. */
static void any_keys_leave_only_whole_labels(void **state)
{
    (void)state;
    static const char keys[] = "123456789=><tbfsu?\nrie0+-gq x";
    Rng r = check_rng();
    for (int kind = 0; kind < LABEL_KINDS; kind++) {
        Labels *l = store_of(12, 3, (LabelKind)kind, 0.3);
        LabelSession s;
        open_session(&s, l, (LabelKind)kind, "ana");
        for (int i = 0; i < 300; i++)
            type(&s, (char[]){keys[rng_below(&r, sizeof keys - 1)], '\0'});
        LabelCursor *c;
        LabelRow row;
        int64_t n = 0;
        CHECK_OK(labels_read(l, (LabelKind)kind, &c, &err));
        for (bool end = false; !end;) {
            CHECK_OK(label_cursor_next(c, &row, &end, &err));
            if (end)
                break;
            n++;
            const Label *g = row.label;
            assert_true(g->skipped || g->all_bad || g->rating || g->text.len > 0 ||
                        label_is_ranked(g));
            for (int32_t k = 0; k < g->n && label_is_ranked(g); k++)
                assert_in_range(g->ranks[k], 1, g->n);
        }
        assert_true(n > 0);
        label_cursor_close(c);
        label_session_release(&s);
        labels_close(l);
        CHECK_OK(file_remove_tree(temp_path("labels.db"), &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(keys_make_an_order),
        TEMP_TEST(marks_and_reasons_are_kept),
        TEMP_TEST(a_skipped_question_does_not_come_back_to_who_skipped_it),
        TEMP_TEST(undo_changes_an_answer_and_loses_none),
        TEMP_TEST(a_rating_is_one_key),
        TEMP_TEST(a_demonstration_may_begin_with_an_answer),
        TEMP_TEST(what_was_written_is_found_again),
        TEMP_TEST(each_question_is_asked_of_one_and_repeated_ones_of_all_twice),
        TEMP_TEST(a_second_time_comes_after_others),
        TEMP_TEST(the_order_on_the_screen_is_fair_and_repeatable),
        TEMP_TEST(any_keys_leave_only_whole_labels),
    };
    return cmocka_run_group_tests_name("data/label_session", tests, NULL, NULL);
}
