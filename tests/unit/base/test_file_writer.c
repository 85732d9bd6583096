/* test_file_writer.c - a file appears whole or not at all; lines and locks. */
#include "support/temp.h"

#include "base/mem.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static Err err;

static void check_content(const char *path, const char *want)
{
    Str text;
    CHECK_OK(file_read(path, 1 << 24, &text, &err));
    assert_string_equal(text.ptr, want);
    str_release(&text);
}

static size_t count_names(void)
{
    char **names;
    size_t n;
    CHECK_OK(file_list(temp_folder, &names, &n, &err));
    file_list_free(names, n);
    return n;
}

static void the_old_file_stands_until_commit(void **state)
{
    (void)state;
    FileWriter *w;
    CHECK_OK(file_write_atomic(temp_path("a"), "old", 3, &err));
    CHECK_OK(file_writer_open(&w, temp_path("a"), &err));
    CHECK_OK(file_writer_put(w, "ne", 2, &err));
    CHECK_OK(file_writer_put(w, "w", 1, &err));
    check_content(temp_path("a"), "old");
    CHECK_OK(file_writer_commit(w, &err));
    check_content(temp_path("a"), "new");
    assert_int_equal(count_names(), 1);
}

static void an_aborted_file_leaves_no_trace(void **state)
{
    (void)state;
    FileWriter *w;
    CHECK_OK(file_writer_open(&w, temp_path("a"), &err));
    CHECK_OK(file_writer_put(w, "x", 1, &err));
    file_writer_abort(w);
    file_writer_abort(NULL);
    assert_int_equal(count_names(), 0);
}

static void pieces_of_any_size_come_out_in_order(void **state)
{
    (void)state;
    enum { N = 3 << 18 };
    char *bytes = mem_alloc_array(N, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < N; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    FileWriter *w;
    CHECK_OK(file_writer_open(&w, temp_path("a"), &err));
    size_t at = 0, step = 1;
    while (at < N) {
        size_t n = step < N - at ? step : N - at;
        CHECK_OK(file_writer_put(w, bytes + at, n, &err));
        at += n;
        step = step * 3 + 1;
    }
    CHECK_OK(file_writer_commit(w, &err));
    FileMap map;
    CHECK_OK(file_map(temp_path("a"), &map, &err));
    assert_int_equal(map.len, N);
    assert_memory_equal(map.ptr, bytes, N);
    file_unmap(&map);
    mem_free(bytes);
}

static void a_full_disk_is_reported(void **state)
{
    (void)state;
    CHECK_FAILS(file_write_atomic("/dev/full", "x", 1, &err), ERR_IO,
                "cannot write '/dev/full': No space left on device");
    struct stat about;
    assert_int_equal(stat("/dev/full", &about), 0);
    assert_true(S_ISCHR(about.st_mode)); /* not renamed over */
}

static void an_unwritable_folder_is_reported(void **state)
{
    (void)state;
    CHECK_FAILS(file_write_atomic("/nowhere/a", "x", 1, &err), ERR_IO,
                "cannot write '/nowhere/a': No such file or directory");
    char want[200];
    CHECK_OK(file_make_folders(temp_path("locked"), &err));
    assert_int_equal(chmod(temp_path("locked"), 0500), 0);
    snprintf(want, sizeof want, "cannot write '%s/locked/a': Permission denied",
             temp_folder);
    if (geteuid() != 0) /* root may write anywhere */
        CHECK_FAILS(file_write_atomic(temp_path("locked/a"), "x", 1, &err), ERR_IO,
                    want);
    assert_int_equal(chmod(temp_path("locked"), 0700), 0);
    CHECK_OK(file_write_atomic(temp_path("file"), "x", 1, &err));
    snprintf(want, sizeof want, "cannot write '%s/file/a': Not a directory",
             temp_folder);
    CHECK_FAILS(file_write_atomic(temp_path("file/a"), "x", 1, &err), ERR_IO, want);
}

static void a_failed_rename_removes_the_temporary_file(void **state)
{
    (void)state;
    CHECK_OK(file_write_atomic(temp_path("a"), "old", 3, &err));
    FileWriter *w;
    CHECK_OK(file_writer_open(&w, temp_path("a"), &err));
    CHECK_OK(file_remove_tree(temp_path("a"), &err));
    CHECK_OK(file_make_folders(temp_path("a/in-the-way"), &err));
    assert_int_equal(file_writer_commit(w, &err), ERR_IO);
    assert_int_equal(count_names(), 1);
}

static void every_failed_allocation_leaves_the_old_file(void **state)
{
    (void)state;
    CHECK_OK(file_write_atomic(temp_path("a"), "old", 3, &err));
    for (long n = 0;; n++) {
        mem_fail_after(n);
        Status status = file_write_atomic(temp_path("a"), "new", 3, &err);
        mem_fail_after(-1);
        assert_int_equal(count_names(), 1);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
        if (n < 4) /* the writer, its buffer and two names come before the rename */
            check_content(temp_path("a"), "old");
    }
    check_content(temp_path("a"), "new");
}

static void a_lock_held_elsewhere_names_its_process(void **state)
{
    (void)state;
    int to_parent[2], to_child[2];
    assert_int_equal(pipe(to_parent), 0);
    assert_int_equal(pipe(to_child), 0);
    pid_t child = fork();
    if (child == 0) {
        FileLock held;
        char c = file_lock(&held, temp_folder, NULL) == OK;
        ssize_t n = write(to_parent[1], &c, 1);
        n += read(to_child[0], &c, 1);
        _exit(n == 2 ? 0 : 1);
    }
    char c = 0;
    assert_int_equal(read(to_parent[0], &c, 1), 1);
    assert_int_equal(c, 1);
    FileLock lock;
    char want[200];
    snprintf(want, sizeof want, "'%s' is in use by process %ld", temp_folder,
             (long)child);
    CHECK_FAILS(file_lock(&lock, temp_folder, &err), ERR_IO, want);
    file_unlock(&lock);

    assert_int_equal(write(to_child[1], &c, 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    CHECK_OK(file_lock(&lock, temp_folder, &err)); /* it ended with its holder */
    file_unlock(&lock);
    file_unlock(NULL);
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(to_child[i]);
    }
}

static void a_lock_needs_its_folder(void **state)
{
    (void)state;
    FileLock lock;
    CHECK_FAILS(file_lock(&lock, "/nowhere", &err), ERR_IO,
                "cannot lock '/nowhere': No such file or directory");
}

static void lines_are_appended_and_counted(void **state)
{
    (void)state;
    FileAppend *f;
    CHECK_OK(file_append_open(&f, temp_path("log"), &err));
    CHECK_OK(file_append_line(f, "one", &err));
    assert_int_equal(file_append_offset(f), 4);
    CHECK_OK(file_append_sync(f, &err));
    file_append_close(f);
    CHECK_OK(file_append_open(&f, temp_path("log"), &err));
    assert_int_equal(file_append_offset(f), 4);
    CHECK_OK(file_append_line(f, "", &err));
    mem_fail_after(0);
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    CHECK_FAILS(file_append_line(f, longer, &err), ERR_NOMEM,
                "no memory for a text of over 0 bytes");
    file_append_close(f);
    file_append_close(NULL);
    check_content(temp_path("log"), "one\n\n");
}

static void a_line_that_does_not_fit_is_reported(void **state)
{
    (void)state;
    FileAppend *f;
    CHECK_OK(file_append_open(&f, "/dev/full", &err));
    CHECK_FAILS(file_append_line(f, "x", &err), ERR_IO,
                "cannot write '/dev/full': No space left on device");
    assert_int_equal(file_append_offset(f), 0);
    file_append_close(f);
    CHECK_FAILS(file_append_open(&f, "/nowhere/log", &err), ERR_IO,
                "cannot write '/nowhere/log': No such file or directory");
    assert_null(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(the_old_file_stands_until_commit),
        TEMP_TEST(an_aborted_file_leaves_no_trace),
        TEMP_TEST(pieces_of_any_size_come_out_in_order),
        TEMP_TEST(a_full_disk_is_reported),
        TEMP_TEST(an_unwritable_folder_is_reported),
        TEMP_TEST(a_failed_rename_removes_the_temporary_file),
        TEMP_TEST(every_failed_allocation_leaves_the_old_file),
        TEMP_TEST(a_lock_held_elsewhere_names_its_process),
        cmocka_unit_test(a_lock_needs_its_folder),
        TEMP_TEST(lines_are_appended_and_counted),
        TEMP_TEST(a_line_that_does_not_fit_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
