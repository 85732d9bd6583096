/* test_labels.c - the store of labels: what goes in comes out, also after a kill; what is
 * no store is refused. */
#include "unit/data/label_store.h"

#include "base/mem.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

static Label ranking(int64_t item, int64_t labeler, int32_t a, int32_t b)
{
    return (Label){.item = item,
                   .labeler = labeler,
                   .n = 2,
                   .ranks = {a, b},
                   .shown = {1, 0},
                   .seconds = 2.5};
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    Labels *l = store_of(1, 2, LABEL_RANK, 1);
    int64_t ana;
    CHECK_OK(labels_labeler(l, "ana", false, &ana, &err));
    Label given = ranking(1, ana, 2, 1);
    given.all_bad = given.flagged = true;
    str_puts(&given.reason, "both are rude, n\xc3\xa9");
    CHECK_OK(labels_put(l, &given, 0, &err));
    labels_close(l);
    CHECK_OK(labels_open(&l, temp_path("labels.db"), false, &err));
    LabelCursor *c;
    LabelRow row;
    bool end;
    CHECK_OK(labels_read(l, LABEL_RANK, &c, &err));
    CHECK_OK(label_cursor_next(c, &row, &end, &err));
    assert_false(end);
    assert_string_equal(row.labeler, "ana");
    assert_false(row.judge);
    assert_true(row.item->repeated);
    assert_int_equal(row.item->record.n_answers, 2);
    assert_string_equal(row.item->record.chat.messages[0].content, "q1");
    assert_string_equal(row.item->record.answers[1].messages[0].content, "q1 b");
    assert_string_equal(str_c(&row.item->source[1]), "rows");
    assert_int_equal(row.label->ranks[0], 2);
    assert_int_equal(row.label->ranks[1], 1);
    assert_int_equal(row.label->shown[0], 1);
    assert_true(row.label->all_bad && row.label->flagged && !row.label->skipped);
    assert_string_equal(str_c(&row.label->reason), "both are rude, n\xc3\xa9");
    CHECK_NEAR(row.label->seconds, 2.5, 0);
    CHECK_OK(label_cursor_next(c, &row, &end, &err));
    assert_true(end);
    label_cursor_close(c);
    label_release(&given);
    labels_close(l);
}

/* The child is killed the moment its call has returned. */
static void a_label_is_there_although_its_writer_was_killed(void **state)
{
    (void)state;
    labels_close(store_of(20, 2, LABEL_RANK, 0));
    char path[256];
    (void)snprintf(path, sizeof path, "%s", temp_path("labels.db"));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Labels *l;
        int64_t ana;
        bool fine = labels_open(&l, path, false, NULL) == OK &&
                    labels_labeler(l, "ana", false, &ana, NULL) == OK;
        for (int64_t i = 1; fine && i <= 7; i++) {
            Label given = ranking(i, ana, 1, 2);
            fine = labels_put(l, &given, 0, NULL) == OK;
        }
        if (!fine)
            _exit(1);
        (void)raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    Labels *l;
    CHECK_OK(labels_open(&l, path, false, &err));
    assert_int_equal(labels_that_stand(l, LABEL_RANK), 7);
    labels_close(l);
}

static void each_write_is_synced(void **state)
{
    (void)state;
    labels_close(store_of(1, 2, LABEL_RANK, 0));
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(temp_path("labels.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "wal");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void an_item_is_added_once(void **state)
{
    (void)state;
    Labels *l = store_of(3, 2, LABEL_RANK, 0);
    int64_t n;
    take_rows(l, "{\"prompt\":\"q2\",\"completions\":[\"q2 a\",\"q2 b\"]}\n",
              LABEL_RANK, 0, 0);
    CHECK_OK(labels_count_items(l, LABEL_RANK, &n, &err));
    assert_int_equal(n, 3);
    take_rows(l, "{\"prompt\":\"q2\",\"completions\":[\"q2 a\",\"other\"]}\n",
              LABEL_RANK, 0, 0);
    CHECK_OK(labels_count_items(l, LABEL_RANK, &n, &err));
    assert_int_equal(n, 4);
    LabelItem item = {0};
    bool known, added;
    CHECK_OK(labels_item(l, 1, &item, &err));
    CHECK_OK(labels_knows_prompt(l, LABEL_RANK, "", &item.record.chat, &known, &err));
    assert_false(known); /* its key was prompt and answers */
    CHECK_OK(labels_add_item(l, &item, "", 0, &added, &err));
    assert_true(added);
    CHECK_OK(labels_knows_prompt(l, LABEL_RANK, "", &item.record.chat, &known, &err));
    assert_true(known);
    CHECK_OK(
        labels_knows_prompt(l, LABEL_RANK, "second", &item.record.chat, &known, &err));
    assert_false(known);
    label_item_release(&item);
    labels_close(l);
}

static void one_label_stands_for_each_labeler_item_and_round(void **state)
{
    (void)state;
    Labels *l = store_of(1, 2, LABEL_RANK, 0);
    int64_t ana, ben;
    CHECK_OK(labels_labeler(l, "ana", false, &ana, &err));
    CHECK_OK(labels_labeler(l, "ben", false, &ben, &err));
    Label first = ranking(1, ana, 1, 2), again = ranking(1, ana, 2, 1),
          other = ranking(1, ben, 1, 1);
    CHECK_OK(labels_put(l, &first, 0, &err));
    assert_int_not_equal(labels_put(l, &again, 0, &err), OK);
    CHECK_OK(labels_put(l, &again, first.id, &err));
    CHECK_OK(labels_put(l, &other, 0, &err));
    assert_int_equal(labels_that_stand(l, LABEL_RANK), 2);
    Label last = {0};
    bool any;
    CHECK_OK(labels_last(l, ana, LABEL_RANK, 0, &last, &any, &err));
    assert_true(any && last.id == again.id && last.ranks[0] == 2);
    CHECK_OK(labels_last(l, ana, LABEL_RANK, last.id, &last, &any, &err));
    assert_false(any);
    label_release(&last);
    labels_close(l);
}

/* One that would not go in leaves what it was to replace. */
static void a_failed_replacement_changes_nothing(void **state)
{
    (void)state;
    Labels *l = store_of(1, 2, LABEL_RANK, 0);
    int64_t ana;
    CHECK_OK(labels_labeler(l, "ana", false, &ana, &err));
    Label first = ranking(1, ana, 1, 2), broken = ranking(99, ana, 2, 1);
    CHECK_OK(labels_put(l, &first, 0, &err));
    assert_int_not_equal(labels_put(l, &broken, first.id, &err), OK);
    assert_int_equal(labels_that_stand(l, LABEL_RANK), 1);
    labels_close(l);
}

static void a_name_is_a_persons_or_a_judges(void **state)
{
    (void)state;
    Labels *l;
    int64_t a, b;
    CHECK_OK(labels_open(&l, temp_path("labels.db"), true, &err));
    CHECK_OK(labels_labeler(l, "gold", true, &a, &err));
    CHECK_OK(labels_labeler(l, "gold", true, &b, &err));
    assert_int_equal(a, b);
    CHECK_FAILS(labels_labeler(l, "gold", false, &b, &err), ERR_OPTION,
                "'gold' is the name of a judge in this store");
    CHECK_FAILS(labels_labeler(l, " ", false, &b, &err), ERR_OPTION,
                "a labeler's name is empty");
    labels_close(l);
}

static void check_refused(Status want, const char *message)
{
    Labels *l = NULL;
    Status status = labels_open(&l, temp_path("labels.db"), true, &err);
    assert_int_equal(status, want);
    assert_non_null(strstr(err.msg, message));
    assert_null(l);
}

static void what_is_no_store_is_refused(void **state)
{
    (void)state;
    Labels *l;
    sqlite3 *db;
    assert_int_equal(labels_open(&l, temp_path("none.db"), false, &err), ERR_IO);
    assert_non_null(strstr(err.msg, "there is no store of labels"));
    assert_false(file_exists(temp_path("none.db")));
    write_lines(temp_path("labels.db"), "this is no database, but a longer text\n");
    check_refused(ERR_FORMAT, "file is not a database");
    assert_int_equal(unlink(temp_path("labels.db")), 0);
    assert_int_equal(sqlite3_open(temp_path("labels.db"), &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TABLE other(x)", NULL, NULL, NULL);
    sqlite3_close(db);
    check_refused(ERR_FORMAT, "is a database, but no store of labels");
    assert_int_equal(file_remove_tree(temp_path("labels.db"), &err), OK);
    labels_close(store_of(1, 2, LABEL_RANK, 0));
    assert_int_equal(sqlite3_open(temp_path("labels.db"), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version = 9", NULL, NULL, NULL);
    sqlite3_close(db);
    check_refused(ERR_FORMAT, "has version 9, this program reads 1");
}

static void a_damaged_row_is_an_error(void **state)
{
    (void)state;
    labels_close(store_of(1, 2, LABEL_RANK, 0));
    sqlite3 *db;
    Labels *l;
    LabelItem item = {0};
    assert_int_equal(sqlite3_open(temp_path("labels.db"), &db), SQLITE_OK);
    sqlite3_exec(db, "UPDATE items SET row = '{\"prompt\": '", NULL, NULL, NULL);
    sqlite3_close(db);
    CHECK_OK(labels_open(&l, temp_path("labels.db"), false, &err));
    assert_int_equal(labels_item(l, 1, &item, &err), ERR_FORMAT);
    label_item_release(&item);
    labels_close(l);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    labels_close(store_of(1, 3, LABEL_RANK, 0));
    long n = 0;
    for (bool done = false; !done; n++) {
        Labels *l = NULL;
        LabelItem item = {0};
        mem_fail_after(n);
        Status status = labels_open(&l, temp_path("labels.db"), false, &err);
        if (status == OK)
            status = labels_item(l, 1, &item, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        done = status == OK;
        label_item_release(&item);
        labels_close(l);
    }
    assert_true(n >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(what_goes_in_comes_out),
        TEMP_TEST(a_label_is_there_although_its_writer_was_killed),
        TEMP_TEST(each_write_is_synced),
        TEMP_TEST(an_item_is_added_once),
        TEMP_TEST(one_label_stands_for_each_labeler_item_and_round),
        TEMP_TEST(a_failed_replacement_changes_nothing),
        TEMP_TEST(a_name_is_a_persons_or_a_judges),
        TEMP_TEST(what_is_no_store_is_refused),
        TEMP_TEST(a_damaged_row_is_an_error),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("data/labels", tests, NULL, NULL);
}
