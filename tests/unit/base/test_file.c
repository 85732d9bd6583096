/* test_file.c - reads, maps, folders, lists and globs, with the message of each way
 * to fail. */
#include "support/temp.h"

#include "base/mem.h"

#include <sys/stat.h>
#include <unistd.h>

static Err err;

static void write_file(const char *name, const char *text)
{
    CHECK_OK(file_write_atomic(temp_path(name), text, strlen(text), &err));
}

static void a_file_reads_as_it_was_written(void **state)
{
    (void)state;
    Str text;
    CHECK_OK(file_write_atomic(temp_path("a"), "x\0y", 3, &err));
    CHECK_OK(file_read(temp_path("a"), 3, &text, &err));
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.ptr, "x\0y", 4);
    str_release(&text);
    write_file("empty", "");
    CHECK_OK(file_read(temp_path("empty"), 0, &text, &err));
    assert_string_equal(text.ptr, "");
    str_release(&text);
}

static void reading_stops_at_the_limit(void **state)
{
    (void)state;
    Str text;
    char want[200];
    write_file("a", "four");
    snprintf(want, sizeof want, "'%s/a' is larger than the limit of 3 bytes",
             temp_folder);
    CHECK_FAILS(file_read(temp_path("a"), 3, &text, &err), ERR_LIMIT, want);
    assert_null(text.ptr);
    assert_int_equal(file_read("/dev/zero", 100000, &text, &err), ERR_LIMIT);
}

static void what_is_absent_or_a_folder_is_named(void **state)
{
    (void)state;
    Str text;
    FileMap map;
    CHECK_FAILS(file_read("/nowhere/x", 10, &text, &err), ERR_IO,
                "cannot open '/nowhere/x': No such file or directory");
    CHECK_FAILS(file_read("/tmp", 10, &text, &err), ERR_IO,
                "cannot read '/tmp': Is a directory");
    CHECK_FAILS(file_map("/nowhere/x", &map, &err), ERR_IO,
                "cannot open '/nowhere/x': No such file or directory");
    CHECK_FAILS(file_map("/dev/null", &map, &err), ERR_IO,
                "cannot read '/dev/null': not a regular file");
    assert_null(map.ptr);
}

static void a_pipe_is_not_mapped_and_not_waited_for(void **state)
{
    (void)state;
    FileMap map;
    assert_int_equal(mkfifo(temp_path("pipe"), 0600), 0);
    alarm(10); /* opening waits for a writer that never comes */
    assert_int_equal(file_map(temp_path("pipe"), &map, &err), ERR_IO);
    alarm(0);
    assert_non_null(strstr(err.msg, "not a regular file"));
}

static void reading_survives_every_failed_allocation(void **state)
{
    (void)state;
    write_file("a", "some text");
    for (long n = 0;; n++) {
        Str text;
        mem_fail_after(n);
        Status status = file_read(temp_path("a"), 100, &text, &err);
        mem_fail_after(-1);
        if (status == OK) {
            assert_true(n > 0);
            str_release(&text);
            return;
        }
        assert_int_equal(status, ERR_NOMEM);
        assert_null(text.ptr);
    }
}

static void maps_show_the_bytes(void **state)
{
    (void)state;
    FileMap map;
    write_file("a", "mapped");
    CHECK_OK(file_map(temp_path("a"), &map, &err));
    assert_int_equal(map.len, 6);
    assert_memory_equal(map.ptr, "mapped", 6);
    file_unmap(&map);
    file_unmap(&map);
    file_unmap(NULL);
    write_file("empty", "");
    CHECK_OK(file_map(temp_path("empty"), &map, &err));
    assert_true(map.ptr == NULL && map.len == 0);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    CHECK_OK(file_make_folders(temp_path("a/b//c/"), &err));
    CHECK_OK(file_make_folders(temp_path("a/b"), &err));
    assert_true(file_is_folder(temp_path("a/b/c")));
    write_file("a/file", "x");
    char want[200];
    snprintf(want, sizeof want, "cannot make folder '%s/a/file': File exists",
             temp_folder);
    CHECK_FAILS(file_make_folders(temp_path("a/file/d"), &err), ERR_IO, want);
    assert_true(file_exists(temp_path("a/file")) &&
                !file_is_folder(temp_path("a/file")));
    assert_int_equal(file_size(temp_path("a/file")), 1);
    assert_int_equal(file_size(temp_path("none")), -1);
}

static void removing_a_tree_spares_what_links_point_at(void **state)
{
    (void)state;
    CHECK_OK(file_make_folders(temp_path("kept"), &err));
    write_file("kept/file", "x");
    CHECK_OK(file_make_folders(temp_path("gone/deep"), &err));
    write_file("gone/deep/file", "x");
    assert_int_equal(symlink(temp_path("kept"), temp_path("gone/link")), 0);
    CHECK_OK(file_remove_tree(temp_path("gone"), &err));
    assert_false(file_exists(temp_path("gone")));
    assert_true(file_exists(temp_path("kept/file")));
    CHECK_OK(file_remove_tree(temp_path("gone"), &err));
    CHECK_FAILS(file_remove_tree("", &err), ERR_IO,
                "cannot remove a path without a name");
}

static void names_move_and_files_shrink(void **state)
{
    (void)state;
    write_file("a", "12345");
    CHECK_OK(file_rename(temp_path("a"), temp_path("b"), &err));
    CHECK_OK(file_truncate(temp_path("b"), 2, &err));
    assert_int_equal(file_size(temp_path("b")), 2);
    CHECK_OK(file_copy(temp_path("b"), temp_path("c"), &err));
    assert_int_equal(file_size(temp_path("c")), 2);
    CHECK_FAILS(
        file_rename("/nowhere/a", "/nowhere/b", &err), ERR_IO,
        "cannot rename '/nowhere/a' to '/nowhere/b': No such file or directory");
    CHECK_FAILS(file_truncate("/nowhere/a", 1, &err), ERR_IO,
                "cannot truncate '/nowhere/a': No such file or directory");
}

static void lists_are_sorted_by_bytes(void **state)
{
    (void)state;
    static const char *const want[] = {".hidden", "B", "a", "b10", "b9"};
    write_file("b9", "");
    write_file("a", "");
    write_file("B", "");
    write_file("b10", "");
    write_file(".hidden", "");
    char **names;
    size_t n;
    CHECK_OK(file_list(temp_folder, &names, &n, &err));
    assert_int_equal(n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(names[i], want[i]);
    file_list_free(names, n);
    CHECK_FAILS(file_list("/nowhere", &names, &n, &err), ERR_IO,
                "cannot list '/nowhere': No such file or directory");
    assert_true(names == NULL && n == 0);
}

static void globs_give_sorted_paths_or_an_error(void **state)
{
    (void)state;
    write_file("b.txt", "");
    write_file("a.txt", "");
    write_file("[x].md", "");
    char **paths;
    size_t n;
    CHECK_OK(file_glob(temp_path("*.txt"), &paths, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(paths[0], temp_path("a.txt"));
    assert_string_equal(paths[1], temp_path("b.txt"));
    file_list_free(paths, n);
    CHECK_OK(file_glob(temp_path("[x].md"), &paths, &n, &err));
    assert_string_equal(paths[0], temp_path("[x].md"));
    file_list_free(paths, n);
    CHECK_FAILS(file_glob("/nowhere/*.txt", &paths, &n, &err), ERR_IO,
                "no file matches '/nowhere/*.txt'");
}

static void lists_survive_every_failed_allocation(void **state)
{
    (void)state;
    write_file("a", "");
    write_file("b", "");
    for (long n = 0;; n++) {
        char **names;
        size_t count;
        mem_fail_after(n);
        Status status = file_list(temp_folder, &names, &count, &err);
        mem_fail_after(-1);
        if (status == OK) {
            assert_int_equal(n, 3);
            file_list_free(names, count);
            return;
        }
        assert_true(status == ERR_NOMEM && names == NULL && count == 0);
    }
}

static void paths_join_and_end(void **state)
{
    (void)state;
    Str path = {0};
    assert_string_equal(file_join(&path, "a", "b"), "a/b");
    assert_string_equal(file_join(&path, "a/", "b"), "a/b");
    assert_string_equal(file_join(&path, "/", "b"), "/b");
    assert_string_equal(file_join(&path, "", "b"), "b");
    str_release(&path);
    mem_fail_after(0);
    assert_string_equal(file_join(&path, "/precious", "tmp"), ""); /* never a half */
    str_release(&path);
    assert_string_equal(file_base_name("/a/b.txt"), "b.txt");
    assert_string_equal(file_base_name("b.txt"), "b.txt");
    assert_string_equal(file_base_name("a/"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_file_reads_as_it_was_written),
        TEMP_TEST(reading_stops_at_the_limit),
        TEMP_TEST(what_is_absent_or_a_folder_is_named),
        TEMP_TEST(reading_survives_every_failed_allocation),
        TEMP_TEST(a_pipe_is_not_mapped_and_not_waited_for),
        TEMP_TEST(maps_show_the_bytes),
        TEMP_TEST(folders_are_made_with_their_parents),
        TEMP_TEST(removing_a_tree_spares_what_links_point_at),
        TEMP_TEST(names_move_and_files_shrink),
        TEMP_TEST(lists_are_sorted_by_bytes),
        TEMP_TEST(globs_give_sorted_paths_or_an_error),
        TEMP_TEST(lists_survive_every_failed_allocation),
        cmocka_unit_test(paths_join_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
