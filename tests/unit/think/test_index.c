/* test_index.c - files become passages in an index: renewed when they change, gone when
 * they are gone, whole after a kill; what is no index or no text does no harm. */
#include "unit/think/index_files.h"

#include "base/mem.h"
#include "base/system.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void three_files(void)
{
    make_folder("d/deep");
    write_text("d/a.md", "# Denton\n\nThe mayor of Denton is Kora.\n");
    write_text("d/b.txt", "The river Elta runs through Lemmere.\n");
    write_text("d/deep/c.markdown", "# Lamford\n\n## Food\nPeople there eat plums.\n");
    write_text("d/.hidden.md", "secret\n");
    write_text("d/program.c", "int main;\n");
}

/* SQLite finds no fault, and the words are those of the passages. */
static void check_whole(void)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(temp_path("x.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT INTO chunk_text(chunk_text, rank) "
                                  "VALUES('integrity-check', 1)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* All passages as one text, whatever their numbers. */
static Str dump(void)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    Str out = {0};
    assert_int_equal(sqlite3_open(temp_path("x.db"), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT name, start, end, heading, body FROM chunks JOIN "
                           "documents ON documents.id = document ORDER BY name, start",
                           -1, &s, NULL),
        SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        for (int i = 0; i < 5; i++)
            str_printf(&out, "%s\t", (const char *)sqlite3_column_text(s, i));
        str_putc(&out, '\n');
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return out;
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(temp_path("x.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void passages_say_where_they_are_from(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    IndexReport r = update(x);
    assert_int_equal(r.files, 3);
    assert_int_equal(r.renewed, 3);
    assert_int_equal(r.chunks, 3);
    Hits hits = find(x, "What do people eat in Lamford?", 5);
    assert_int_equal(hits.n, 1);
    Hit *h = &hits.hits[0];
    assert_string_equal(str_c(&h->passage.document), temp_path("d/deep/c.markdown"));
    assert_string_equal(str_c(&h->passage.heading), "Lamford > Food");
    assert_string_equal(str_c(&h->passage.text), "People there eat plums.");
    assert_int_equal(h->passage.start, 19);
    assert_int_equal(h->passage.end, 42);
    assert_string_equal(str_c(&h->snippet), "\x01People\x02 there \x01"
                                            "eat\x02 plums.");
    hits_release(&hits);
    assert_int_equal(count_found(x, "secret"), 0);
    assert_int_equal(count_found(x, "main"), 0);
    index_close(x);
    check_whole();
}

static void what_changed_is_renewed_and_what_is_gone_vanishes(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    update(x);
    write_text("d/a.md", "# Denton\n\nThe mayor of Denton is Meda.\n");
    write_text("d/new.txt", "A tower.\n");
    assert_int_equal(unlink(temp_path("d/b.txt")), 0);
    IndexReport r = update(x);
    assert_int_equal(r.renewed, 2);
    assert_int_equal(r.unchanged, 1);
    assert_int_equal(r.removed, 1);
    assert_int_equal(count_found(x, "Kora"), 0);
    assert_int_equal(count_found(x, "Meda"), 1);
    assert_int_equal(count_found(x, "tower"), 1);
    assert_int_equal(count_found(x, "river"), 0);
    index_close(x);
    check_whole();
}

static void set_time(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Three ways to be unchanged: an old time and size (not even read: here the bytes were
 * changed behind its back), and the same bytes with a new time. */
static void an_unchanged_file_costs_nothing(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/a.md", "one\n");
    set_time(temp_path("d/a.md"), 1000000);
    Index *x = open_index();
    update(x);
    write_text("d/a.md", "two\n");
    set_time(temp_path("d/a.md"), 1000000);
    assert_int_equal(update(x).unchanged, 1);
    assert_int_equal(count_found(x, "one"), 1);
    write_text("d/a.md", "one\n");
    set_time(temp_path("d/a.md"), 2000000);
    IndexReport r = update(x);
    assert_int_equal(r.unchanged, 1);
    assert_int_equal(r.renewed, 0);
    index_close(x);
}

/* A file that changes twice in the same moment, with the same size. */
static void a_change_within_the_clocks_grain_is_seen(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/a.md", "one\n");
    struct stat about;
    assert_int_equal(stat(temp_path("d/a.md"), &about), 0);
    Index *x = open_index();
    update(x);
    write_text("d/a.md", "two\n");
    struct timespec times[2] = {about.st_mtim, about.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, temp_path("d/a.md"), times, 0), 0);
    assert_int_equal(update(x).renewed, 1);
    assert_int_equal(count_found(x, "two"), 1);
    index_close(x);
}

static void other_sizes_renew_every_file_also_after_a_stop(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    IndexReport r;
    update(x);
    system_request_stop();
    assert_int_equal(update_status(x, 32, &r), ERR_STOPPED);
    assert_string_equal(err.msg,
                        "stopped; what was indexed is kept, the same command goes on");
    system_clear_stop();
    CHECK_OK(update_status(x, 32, &r));
    assert_int_equal(r.renewed, 3);
    CHECK_OK(update_status(x, 32, &r));
    assert_int_equal(r.unchanged, 3);
    index_close(x);
    check_whole();
}

static void keep_keeps_what_no_path_names(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    update(x);
    IndexReport r;
    IndexOptions o = {.max_bytes = 1000, .keep = true};
    ChunkOptions chunk = {64, 8};
    const char *path = temp_path("d/a.md");
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err));
    assert_int_equal(count_found(x, "river"), 1);
    chunk.size = 32;
    assert_int_equal(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err), ERR_OPTION);
    o.keep = false;
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err));
    assert_int_equal(r.removed, 2);
    assert_int_equal(count_found(x, "river"), 0);
    index_close(x);
}

static void rows_of_json_lines_are_documents(void **state)
{
    (void)state;
    write_text("books.jsonl",
               "{\"title\":\"Emma\",\"text\":\"# One\\nEmma was handsome.\"}\n"
               "{\"text\":\"Call me Ishmael.\"}\n");
    Index *x = open_index();
    IndexReport r;
    IndexOptions o = {.max_bytes = 1000};
    ChunkOptions chunk = {64, 8};
    const char *path = temp_path("books.jsonl");
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err));
    assert_int_equal(r.documents, 2);
    Hits hits = find(x, "handsome Emma", 1);
    assert_string_equal(str_c(&hits.hits[0].passage.heading), "Emma > One");
    assert_string_equal(str_c(&hits.hits[0].passage.document),
                        temp_path("books.jsonl:1"));
    hits_release(&hits);
    write_text("books.jsonl", "{\"text\":\"Call me Ishmael.\"}\n{\"text\": 3}\n");
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err));
    assert_int_equal(r.skipped, 1);
    assert_int_equal(count_found(x, "Ishmael Emma"), 0);
    index_close(x);
    check_whole();
}

static void what_is_no_text_is_left_out_and_stray_bytes_do_no_harm(void **state)
{
    (void)state;
    make_folder("d");
    Str big = {0};
    for (int i = 0; i < 9000; i++)
        str_putc(&big, 'x');
    str_append(&big, "\0\0 late", 7);
    write_bytes("d/binary.txt", (Span){"apple\0pear", 10});
    write_bytes("d/late.txt", str_span(&big));
    write_bytes("d/stray.txt", SPAN("apple \xff\xfe \x1b[31m\xc2\x9b"
                                    "1m\xc3\x9b pear\r\n\xc3"));
    write_bytes("d/broken.txt.gz",
                (Span){"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff no gzip", 20});
    write_text("d/empty.txt", "");
    Index *x = open_index();
    IndexReport r = update(x);
    assert_int_equal(r.skipped, 1);
    assert_int_equal(count_found(x, "late"), 1);
    Hits hits = find(x, "apple", 5);
    assert_int_equal(hits.n, 1);
    assert_string_equal(
        str_c(&hits.hits[0].passage.text),
        "apple \xef\xbf\xbd\xef\xbf\xbd  [31m 1m\xc3\x9b pear\n\xef\xbf\xbd");
    hits_release(&hits);
    str_release(&big);
    index_close(x);
    check_whole();
}

static void a_document_over_the_limit_is_left_out(void **state)
{
    (void)state;
    make_folder("d");
    write_text("d/a.txt", "apple");
    write_text("d/b.txt", "apple pie");
    Index *x = open_index();
    IndexReport r;
    IndexOptions o = {.max_bytes = 6};
    ChunkOptions chunk = {64, 8};
    const char *path = temp_path("d");
    CHECK_OK(index_update(x, &path, 1, &o, &chunk, NULL, &r, &err));
    assert_int_equal(r.skipped, 1);
    assert_int_equal(count_found(x, "apple"), 1);
    index_close(x);
}

static void an_endless_line_is_indexed(void **state)
{
    (void)state;
    make_folder("d");
    Str line = {0};
    while (line.len < 2 << 20)
        str_puts(&line, line.len % 1000 < 20 ? "plum " : "wordwordword");
    write_bytes("d/a.txt", str_span(&line));
    Index *x = open_index();
    assert_true(update(x).chunks > 1000);
    assert_true(count_found(x, "plum") > 1);
    str_release(&line);
    index_close(x);
}

static void what_is_no_index_is_refused(void **state)
{
    (void)state;
    Index *x;
    char want[400];
    assert_int_equal(index_open(&x, temp_path("x.db"), false, &err), ERR_IO);
    (void)snprintf(want, sizeof want,
                   "there is no index '%s'; `tame index FOLDER --out %s` makes one",
                   temp_path("x.db"), temp_path("x.db"));
    assert_string_equal(err.msg, want);
    write_text("x.db",
               "This is a text, long enough to be no database at all, and it is "
               "not one, whatever it is called.\n");
    assert_int_equal(index_open(&x, temp_path("x.db"), false, &err), ERR_FORMAT);
    assert_int_equal(unlink(temp_path("x.db")), 0);
    run_sql("CREATE TABLE t(x)");
    assert_int_equal(index_open(&x, temp_path("x.db"), true, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "is a database, but no index"));
    assert_int_equal(unlink(temp_path("x.db")), 0);
    index_close(open_index());
    run_sql("PRAGMA user_version = 9");
    assert_int_equal(index_open(&x, temp_path("x.db"), false, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "has version 9, this program reads 1"));
}

/* A copy that was cut off, at every length: what cannot be read is an error. */
static void a_half_written_file_is_an_error_or_reads_well(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    update(x);
    index_close(x);
    Str whole;
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    CHECK_OK(file_read(temp_path("x.db"), 1 << 24, &whole, &err));
    for (size_t n = 0; n < whole.len; n += 4001) {
        write_bytes("x.db", (Span){whole.ptr, n});
        if (index_open(&x, temp_path("x.db"), false, &err) != OK)
            continue;
        Hits hits;
        Searcher s = {.index = x, .o = &o};
        err.msg[0] = '\0';
        Status status = search_passages(&s, SPAN("mayor river"), &hits, NULL, &err);
        assert_true(status == OK || err.msg[0] != '\0');
        hits_release(&hits);
        index_close(x);
    }
    str_release(&whole);
}

static void many_files(int n, int version)
{
    make_folder("d");
    for (int i = 0; i < n; i++) {
        Str text = {0};
        char name[32];
        str_printf(&text, "# File %d\n\n", i);
        for (int k = 0; k < 100; k++)
            str_printf(&text, "Sentence %d of version %d says w%d.\n\n", k, version,
                       k * i);
        (void)snprintf(name, sizeof name, "d/f%03d.txt", i);
        write_bytes(name, str_span(&text));
        str_release(&text);
    }
}

/* Killed at random moments of a renewal, the index is whole, and the next call completes
 * it to what an index made at once holds. */
static void a_kill_at_any_moment_leaves_a_whole_index(void **state)
{
    (void)state;
    Rng r = check_rng();
    many_files(30, 1);
    Index *x = open_index();
    update(x);
    index_close(x);
    for (int version = 2; version < 6; version++) {
        many_files(30, version);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            IndexReport report;
            if (index_open(&x, temp_path("x.db"), true, NULL) == OK)
                (void)update_status(x, 64, &report);
            _exit(0);
        }
        (void)usleep(rng_below(&r, 30000));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        check_whole();
    }
    x = open_index();
    update(x);
    index_close(x);
    check_whole();
    Str again = dump();
    assert_int_equal(unlink(temp_path("x.db")), 0);
    x = open_index();
    update(x);
    index_close(x);
    Str fresh = dump();
    assert_string_equal(str_c(&again), str_c(&fresh));
    str_release(&again);
    str_release(&fresh);
}

static void others_search_while_it_is_written(void **state)
{
    (void)state;
    three_files();
    Index *x = open_index();
    update(x);
    index_close(x);
    sqlite3 *writer;
    assert_int_equal(sqlite3_open(temp_path("x.db"), &writer), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(writer, "BEGIN IMMEDIATE; DELETE FROM chunks", NULL, NULL, NULL),
        SQLITE_OK);
    double start = system_seconds();
    CHECK_OK(index_open(&x, temp_path("x.db"), false, &err));
    assert_int_equal(count_found(x, "mayor"), 1);
    assert_true(system_seconds() - start < 9); /* a wait for the writer is 10 s */
    index_close(x);
    sqlite3_close(writer);
}

/* A file of one index, opened anew and brought up to date in each round. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    three_files();
    index_close(open_index());
    SearchOptions o;
    CHECK_OK(opt_defaults(&search_options, &o, &err));
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Index *x = NULL;
        Hits hits = {0};
        IndexReport report;
        mem_fail_after(n);
        status = index_open(&x, temp_path("x.db"), false, &err);
        if (status == OK)
            status = update_status(x, 64, &report);
        Searcher s = {.index = x, .o = &o};
        if (status == OK)
            status = search_passages(&s, SPAN("mayor"), &hits, NULL, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        hits_release(&hits);
        index_close(x);
    }
    check_whole();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(passages_say_where_they_are_from),
        TEMP_TEST(what_changed_is_renewed_and_what_is_gone_vanishes),
        TEMP_TEST(an_unchanged_file_costs_nothing),
        TEMP_TEST(a_change_within_the_clocks_grain_is_seen),
        TEMP_TEST(other_sizes_renew_every_file_also_after_a_stop),
        TEMP_TEST(keep_keeps_what_no_path_names),
        TEMP_TEST(rows_of_json_lines_are_documents),
        TEMP_TEST(what_is_no_text_is_left_out_and_stray_bytes_do_no_harm),
        TEMP_TEST(a_document_over_the_limit_is_left_out),
        TEMP_TEST(an_endless_line_is_indexed),
        TEMP_TEST(what_is_no_index_is_refused),
        TEMP_TEST(a_half_written_file_is_an_error_or_reads_well),
        TEMP_TEST(a_kill_at_any_moment_leaves_a_whole_index),
        TEMP_TEST(others_search_while_it_is_written),
        TEMP_TEST(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
