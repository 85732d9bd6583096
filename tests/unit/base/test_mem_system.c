/* test_mem_system.c - what the system could give (base/mem_system.c), read from folders
 * that stand for "/". */
#include "support/temp.h"

#include "base/mem.h"

/* Writes a file under the test's folder. */
static void put(const char *folder, const char *name, const char *text)
{
    Err err;
    Str path = {0};
    CHECK_OK(file_make_folders(temp_path(folder), &err));
    CHECK_OK(file_write_atomic(file_join(&path, temp_path(folder), name), text,
                               strlen(text), &err));
    str_release(&path);
}

static void put_meminfo(void)
{
    put("proc", "meminfo",
        "MemTotal:       9000000 kB\nMemFree:          10 kB\nMemAvailable:    5000 "
        "kB\n");
}

static void without_files_nothing_is_known(void **state)
{
    (void)state;
    assert_int_equal(mem_available(temp_folder), -1);
    put("proc", "meminfo", "MemTotal:       9000000 kB\n");
    assert_int_equal(mem_available(temp_folder), -1);
}

static void a_machine_without_groups_gives_what_it_has(void **state)
{
    (void)state;
    put_meminfo();
    assert_int_equal(mem_available(temp_folder), 5000 * 1024);
    put("proc/self", "cgroup", "0::/a\n"); /* a group that no file describes */
    assert_int_equal(mem_available(temp_folder), 5000 * 1024);
}

static void the_narrowest_group_decides(void **state)
{
    (void)state;
    put_meminfo();
    put("proc/self", "cgroup", "3:cpu:/x\n0::/a/b\n");
    put("sys/fs/cgroup/a/b", "memory.max", "max\n");
    put("sys/fs/cgroup/a/b", "memory.current", "700000\n");
    assert_int_equal(mem_available(temp_folder), 5000 * 1024);
    put("sys/fs/cgroup/a", "memory.max", "1000000\n"); /* the one above limits */
    put("sys/fs/cgroup/a", "memory.current", "700000\n");
    assert_int_equal(mem_available(temp_folder), 300000);
    put("sys/fs/cgroup/a", "memory.stat", "anon 1\ninactive_file 5000\n");
    assert_int_equal(mem_available(temp_folder), 305000);
    put("sys/fs/cgroup/a/b", "memory.max", "600000\n"); /* over its limit */
    assert_int_equal(mem_available(temp_folder), 0);
}

static void the_first_version_of_groups_is_read_too(void **state)
{
    (void)state;
    put_meminfo();
    put("proc/self", "cgroup", "4:memory:/g\n3:cpu:/x\n");
    put("sys/fs/cgroup/memory/g", "memory.limit_in_bytes", "2000000\n");
    put("sys/fs/cgroup/memory/g", "memory.usage_in_bytes", "1500000\n");
    put("sys/fs/cgroup/memory/g", "memory.stat",
        "inactive_file 9\ntotal_inactive_file 70\n");
    assert_int_equal(mem_available(temp_folder), 500070);
}

static void this_process_is_resident(void **state)
{
    (void)state;
    int64_t before = mem_rss();
    char *p = mem_alloc_array(64 << 20, 1);
    assert_non_null(p);
    assert_true(before > 0 && mem_rss() >= before + (48 << 20));
    assert_true(mem_peak_rss() >= mem_rss() - (1 << 20));
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(without_files_nothing_is_known),
        TEMP_TEST(a_machine_without_groups_gives_what_it_has),
        TEMP_TEST(the_narrowest_group_decides),
        TEMP_TEST(the_first_version_of_groups_is_read_too),
        TEMP_TEST(this_process_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
