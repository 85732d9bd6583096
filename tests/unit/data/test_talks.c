/* test_talks.c - the store of conversations: ids are what an independent program computes,
 * what goes in comes out, forks share, words are found whatever they look like, what is
 * deleted is gone, what was changed is noticed, a kill loses nothing. */
#include "data/talks.h"

#include "support/check.h"
#include "support/temp.h"

#include "base/mem.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static Err err;

static Talks *store(void)
{
    Talks *t = NULL;
    CHECK_OK(talks_open(&t, temp_path("talks.db"), true, &err));
    return t;
}

/* A conversation of user's and assistant's turns in turn. */
static Conversation talk_of(const char *const *turns, size_t n)
{
    Conversation c = {0};
    for (size_t i = 0; i < n; i++)
        CHECK_OK(conversation_add(&c, i % 2 ? ROLE_ASSISTANT : ROLE_USER,
                                  span_of(turns[i]), &err));
    return c;
}

static TalkId put(Talks *t, const char *question, const char *answer, const char *model)
{
    const char *const turns[] = {question, answer};
    Conversation c = talk_of(turns, 2);
    TalkUse use = {.prompt_tokens = 3, .answer_tokens = 5, .requests = 1};
    TalkId id;
    str_puts(&use.model, model);
    CHECK_OK(talks_put(t, &c, &use, &id, &err));
    assert_true(talk_id_equal(&id, &use.node));
    talk_use_release(&use);
    conversation_release(&c);
    return id;
}

static size_t count(Talks *t, const char *query, const TalkId *under)
{
    TalkUse *uses;
    size_t n;
    CHECK_OK(talks_list(t, span_of(query), under, 100, &uses, &n, &err));
    for (size_t i = 0; i < n; i++)
        talk_use_release(&uses[i]);
    mem_free(uses);
    return n;
}

/* Computed by Python's hashlib and json. */
static void ids_are_the_hashes_of_canonical_json(void **state)
{
    (void)state;
    Conversation c = {0};
    TalkId first, second;
    char hex[65];
    CHECK_OK(conversation_add(&c, ROLE_USER, SPAN("Hi \"\xc3\xa9\"\n"), &err));
    CHECK_OK(conversation_add_call(&c, SPAN("calculator"),
                                   SPAN("{\"expression\":\"1+1\"}"), &err));
    CHECK_OK(talk_id_of(NULL, &c.messages[0], &first, &err));
    CHECK_OK(talk_id_of(&first, &c.messages[1], &second, &err));
    talk_id_hex(&first, hex);
    assert_string_equal(
        hex, "55bbddadc2d9f17b0a95c8fc5a341051590fafe0d6077cc4a4acc224a8ed0db0");
    talk_id_hex(&second, hex);
    assert_string_equal(
        hex, "2728b2ca74e4319c56470684604d40c92e83798a737dcc6477f1de28d785cbe6");
    conversation_release(&c);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    Talks *t = store();
    Conversation c = {0}, back = {0};
    CHECK_OK(conversation_add(&c, ROLE_SYSTEM, SPAN("Be brief."), &err));
    CHECK_OK(conversation_add(&c, ROLE_USER, SPAN("2*3? \xc3\xa9\n\"x\""), &err));
    CHECK_OK(conversation_add_call(&c, SPAN("calculator"), SPAN("2*3"), &err));
    CHECK_OK(conversation_add(&c, ROLE_TOOL, SPAN("6"), &err));
    CHECK_OK(conversation_add(&c, ROLE_ASSISTANT, SPAN("6."), &err));
    TalkUse use = {.prompt_tokens = 30,
                   .cached_tokens = 7,
                   .answer_tokens = 9,
                   .requests = 2,
                   .seconds = 1.25};
    str_puts(&use.model, "runs/demo/ppo");
    str_puts(&use.strategy, "react");
    str_puts(&use.trace, "traces/1.jsonl");
    str_puts(&use.options, "{\"seed\":1}");
    TalkId id, last;
    bool any = false;
    CHECK_OK(talks_put(t, &c, &use, &id, &err));
    talk_use_release(&use);
    talks_close(t);
    CHECK_OK(talks_open(&t, temp_path("talks.db"), false, &err));
    CHECK_OK(talks_last(t, &last, &any, &err));
    assert_true(any && talk_id_equal(&id, &last));
    CHECK_OK(talks_read(t, &id, &back, &err));
    assert_int_equal(back.n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(back.messages[i].role, c.messages[i].role);
        assert_string_equal(back.messages[i].content, c.messages[i].content);
    }
    assert_string_equal(back.messages[2].call_name, "calculator");
    assert_string_equal(back.messages[2].call_args, "2*3");
    TalkUse *uses;
    size_t n;
    CHECK_OK(talks_list(t, SPAN(""), NULL, 10, &uses, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(str_c(&uses->model), "runs/demo/ppo");
    assert_string_equal(str_c(&uses->strategy), "react");
    assert_string_equal(str_c(&uses->trace), "traces/1.jsonl");
    assert_string_equal(str_c(&uses->options), "{\"seed\":1}");
    assert_int_equal(uses->prompt_tokens, 30);
    assert_int_equal(uses->cached_tokens, 7);
    assert_int_equal(uses->answer_tokens, 9);
    assert_int_equal(uses->requests, 2);
    CHECK_NEAR(uses->seconds, 1.25, 0);
    talk_use_release(uses);
    mem_free(uses);
    conversation_release(&c);
    conversation_release(&back);
    talks_close(t);
}

static void bytes_that_are_no_text_are_stored_as_what_their_id_says(void **state)
{
    (void)state;
    Talks *t = store();
    Conversation c = {0}, back = {0};
    CHECK_OK(conversation_add(&c, ROLE_USER,
                              SPAN("a\xff"
                                   "b"),
                              &err));
    TalkId id, own;
    int64_t n;
    CHECK_OK(talks_put(t, &c, NULL, &id, &err));
    CHECK_OK(talks_read(t, &id, &back, &err));
    assert_string_equal(back.messages[0].content, "a\xef\xbf\xbd"
                                                  "b");
    CHECK_OK(talk_id_of(NULL, &back.messages[0], &own, &err));
    assert_true(talk_id_equal(&id, &own));
    CHECK_OK(talks_verify(t, &n, &err));
    conversation_release(&c);
    conversation_release(&back);
    talks_close(t);
}

static void forks_share_what_they_have_in_common(void **state)
{
    (void)state;
    Talks *t = store();
    TalkId a = put(t, "capital of France?", "Paris.", "one");
    TalkId b = put(t, "capital of France?", "Lyon.", "two");
    TalkId same = put(t, "capital of France?", "Paris.", "two");
    int64_t nodes = 0;
    assert_true(talk_id_equal(&a, &same));
    assert_false(talk_id_equal(&a, &b));
    CHECK_OK(talks_verify(t, &nodes, &err));
    assert_int_equal(nodes, 3);
    assert_int_equal(count(t, "", NULL), 3);
    assert_int_equal(count(t, "", &a), 2);
    talks_close(t);
}

static void words_are_found_whatever_they_look_like(void **state)
{
    (void)state;
    Talks *t = store();
    put(t, "capital of France?", "Paris.", "m");
    TalkId spain = put(t, "capital of Spain?", "Madrid, says \"El Pa\xc3\xads\".", "m");
    assert_int_equal(count(t, "capitals", NULL), 2);     /* stemmed */
    assert_int_equal(count(t, "france paris", NULL), 0); /* in one message */
    assert_int_equal(count(t, "SPAIN", NULL), 1);
    assert_int_equal(count(t, "pais", NULL), 1);
    assert_int_equal(count(t, "capital", &spain), 1);
    static const char *const odd[] = {"\"",       "AND",   "OR NOT",   "text:x",
                                      "(",        "*",     "NEAR(a b", "-",
                                      "\"a\" OR", "a\"b*", "^x + y"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(count(t, odd[i], NULL), 0);
    talks_close(t);
}

static void an_id_is_found_by_its_first_digits(void **state)
{
    (void)state;
    Talks *t = store();
    TalkId a = put(t, "q", "a", "m"), found;
    char hex[65];
    talk_id_hex(&a, hex);
    for (size_t n = 4; n <= 64; n += 5) {
        CHECK_OK(talks_find(t, (Span){hex, n}, &found, &err));
        assert_true(talk_id_equal(&a, &found));
    }
    CHECK_FAILS(talks_find(t, SPAN("xyz1"), &found, &err), ERR_OPTION,
                "'xyz1' is no id of a message: 4 to 64 of its hexadecimal digits, as "
                "`tame logs` shows them");
    CHECK_FAILS(
        talks_find(t, SPAN("12"), &found, &err), ERR_OPTION,
        "'12' is no id of a message: 4 to 64 of its hexadecimal digits, as `tame "
        "logs` shows them");
    hex[5] = hex[5] == '0' ? '1' : '0';
    char message[128];
    snprintf(message, sizeof message,
             "no message begins with '%.6s'; `tame logs` lists them", hex);
    CHECK_FAILS(talks_find(t, (Span){hex, 6}, &found, &err), ERR_OPTION, message);
    talks_close(t);
}

/* Whether the bytes occur in the file or in its log. */
static bool on_disk(const char *needle)
{
    static const char *const files[] = {"talks.db", "talks.db-wal"};
    bool found = false;
    for (int i = 0; i < 2; i++) {
        Str bytes = {0};
        if (file_exists(temp_path(files[i])) &&
            file_read(temp_path(files[i]), 1 << 26, &bytes, &err) == OK)
            found = found || span_find(str_span(&bytes), span_of(needle), 0) >= 0;
        str_release(&bytes);
    }
    return found;
}

static void what_is_deleted_is_gone_and_no_more(void **state)
{
    (void)state;
    Talks *t = store();
    TalkId kept = put(t, "shared question", "kept answer", "m");
    TalkId gone = put(t, "shared question", "zanzibarian secret", "m");
    const char *const turns[] = {"shared question", "zanzibarian secret",
                                 "more quokka?", "even more"};
    Conversation c = talk_of(turns, 4), back = {0};
    TalkId later;
    int64_t nodes;
    CHECK_OK(talks_put(t, &c, NULL, &later, &err));
    assert_true(on_disk("zanzibarian") && on_disk("quokka"));
    CHECK_OK(talks_delete(t, &gone, &nodes, &err));
    assert_int_equal(nodes, 3);
    assert_false(on_disk("zanzibarian") || on_disk("quokka"));
    assert_int_equal(count(t, "zanzibarian", NULL), 0);
    assert_int_equal(count(t, "", NULL), 1);
    assert_int_equal(talks_read(t, &later, &back, &err), ERR_OPTION);
    CHECK_OK(talks_read(t, &kept, &back, &err));
    CHECK_OK(talks_delete(t, &kept, &nodes, &err));
    assert_int_equal(nodes, 2); /* now nothing else follows from the question */
    CHECK_OK(talks_verify(t, &nodes, &err));
    assert_int_equal(nodes, 0);
    conversation_release(&c);
    conversation_release(&back);
    talks_close(t);
}

/* Changes the closed store behind our back. */
static void change(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(temp_path("talks.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_changed_message_is_noticed(void **state)
{
    (void)state;
    Talks *t = store();
    put(t, "q", "a", "m");
    talks_close(t);
    change("UPDATE nodes SET message = replace(message, '\"a\"', '\"b\"') "
           "WHERE id = 2");
    t = store();
    int64_t n;
    char message[300];
    snprintf(message, sizeof message,
             "store of conversations '%s': message 2 is not what its id says: the file "
             "was changed",
             talks_path(t));
    CHECK_FAILS(talks_verify(t, &n, &err), ERR_FORMAT, message);
    talks_close(t);
}

/* A message that answers itself: reading ends, and the proof fails. */
static void a_circle_ends(void **state)
{
    (void)state;
    Talks *t = store();
    TalkId id = put(t, "q", "a", "m");
    talks_close(t);
    change("UPDATE nodes SET parent = id");
    t = store();
    int64_t n;
    Conversation c = {0};
    CHECK_OK(talks_read(t, &id, &c, &err));
    assert_int_equal(c.n, 1);
    conversation_release(&c);
    assert_int_equal(talks_verify(t, &n, &err), ERR_FORMAT);
    talks_close(t);
}

/* A page of the words is gone. */
static void a_damaged_file_is_noticed(void **state)
{
    (void)state;
    Talks *t = store();
    put(t, "q", "a", "m");
    talks_close(t);
    change("DELETE FROM words_data WHERE id > 10");
    t = store();
    int64_t n;
    assert_int_equal(talks_verify(t, &n, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "is damaged"));
    talks_close(t);
}

static void the_file_is_its_owners_alone(void **state)
{
    (void)state;
    struct stat st;
    Talks *t = NULL;
    CHECK_OK(talks_open(&t, temp_path("a/b/talks.db"), true, &err));
    assert_int_equal(stat(temp_path("a/b/talks.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    put(t, "q", "a", "m");
    assert_int_equal(stat(temp_path("a/b/talks.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    talks_close(t);
}

static void the_default_path_follows_the_environment(void **state)
{
    (void)state;
    Str path = {0};
    setenv("HOME", "/h", 1);
    unsetenv("XDG_DATA_HOME");
    unsetenv("TAME_TALKS");
    CHECK_OK(talks_default_path(&path, &err));
    assert_string_equal(str_c(&path), "/h/.local/share/tame/talks.db");
    setenv("XDG_DATA_HOME", "/x", 1);
    CHECK_OK(talks_default_path(&path, &err));
    assert_string_equal(str_c(&path), "/x/tame/talks.db");
    setenv("TAME_TALKS", "here.db", 1);
    CHECK_OK(talks_default_path(&path, &err));
    assert_string_equal(str_c(&path), "here.db");
    str_release(&path);
}

static void logs_are_on_until_they_are_turned_off(void **state)
{
    (void)state;
    bool on = false;
    Talks *t = store();
    CHECK_OK(talks_enabled(t, &on, &err));
    assert_true(on);
    CHECK_OK(talks_set_enabled(t, false, &err));
    talks_close(t);
    t = store();
    CHECK_OK(talks_enabled(t, &on, &err));
    assert_false(on);
    talks_close(t);
}

static void another_database_is_refused(void **state)
{
    (void)state;
    Talks *t;
    sqlite3 *db;
    char message[300];
    assert_int_equal(sqlite3_open(temp_path("talks.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    const char *path = temp_path("talks.db");
    snprintf(message, sizeof message,
             "'%s' is a database, but no store of conversations", path);
    CHECK_FAILS(talks_open(&t, path, true, &err), ERR_FORMAT, message);
    assert_null(t);
    path = temp_path("none.db");
    snprintf(message, sizeof message,
             "there is no store of conversations '%s'; the first `tame ask` makes one",
             path);
    CHECK_FAILS(talks_open(&t, path, false, &err), ERR_IO, message);
}

/* The child is killed the moment its call has returned. */
static void a_talk_is_there_although_its_writer_was_killed(void **state)
{
    (void)state;
    talks_close(store());
    char path[256];
    snprintf(path, sizeof path, "%s", temp_path("talks.db"));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Talks *t;
        if (talks_open(&t, path, false, NULL) != OK)
            _exit(1);
        for (int i = 0; i < 5; i++) {
            char question[16];
            snprintf(question, sizeof question, "q%d", i);
            put(t, question, "a", "m");
        }
        (void)raise(SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    Talks *t = store();
    int64_t nodes;
    assert_int_equal(count(t, "", NULL), 5);
    CHECK_OK(talks_verify(t, &nodes, &err));
    assert_int_equal(nodes, 10);
    talks_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_the_hashes_of_canonical_json),
        TEMP_TEST(what_goes_in_comes_out),
        TEMP_TEST(bytes_that_are_no_text_are_stored_as_what_their_id_says),
        TEMP_TEST(forks_share_what_they_have_in_common),
        TEMP_TEST(words_are_found_whatever_they_look_like),
        TEMP_TEST(an_id_is_found_by_its_first_digits),
        TEMP_TEST(what_is_deleted_is_gone_and_no_more),
        TEMP_TEST(a_changed_message_is_noticed),
        TEMP_TEST(a_circle_ends),
        TEMP_TEST(a_damaged_file_is_noticed),
        TEMP_TEST(the_file_is_its_owners_alone),
        TEMP_TEST(the_default_path_follows_the_environment),
        TEMP_TEST(logs_are_on_until_they_are_turned_off),
        TEMP_TEST(another_database_is_refused),
        TEMP_TEST(a_talk_is_there_although_its_writer_was_killed),
    };
    return cmocka_run_group_tests_name("data/talks", tests, NULL, NULL);
}
