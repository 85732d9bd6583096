/* test_rows.c - the same rows from every kind of file, each with its line. */
#include "packed.h"

#include "base/mem.h"
#include "data/rows.h"

static Err err;

/* All rows of a file as "where=row;", text rows as "where~row;". */
static void read_all(const char *path, RowsSplit split, Str *out)
{
    Rows *r;
    CHECK_OK(rows_open(&r, path, split, &err));
    size_t prefix = strlen("file '") + strlen(path) + strlen("': ");
    str_reset(out);
    for (;;) {
        Span row;
        bool is_text, end;
        CHECK_OK(rows_next(r, &row, &is_text, &end, &err));
        if (end)
            break;
        str_puts(out, rows_where(r) + prefix);
        str_putc(out, is_text ? '~' : '=');
        str_span_append(out, row);
        str_putc(out, ';');
    }
    rows_close(r);
}

static void check_rows(const char *path, RowsSplit split, const char *want)
{
    Str got = {0};
    read_all(path, split, &got);
    assert_string_equal(str_c(&got), want);
    str_release(&got);
}

static void check_fault(const char *path, Status code, const char *message)
{
    Rows *r = NULL;
    Status status = rows_open(&r, path, ROWS_FILE, &err);
    bool end = false;
    while (status == OK && !end) {
        Span row;
        bool is_text;
        status = rows_next(r, &row, &is_text, &end, &err);
    }
    rows_close(r);
    assert_int_equal(status, code);
    Str want = {0};
    put_path(&want, message, path);
    assert_string_equal(err.msg, str_c(&want));
    str_release(&want);
}

static void lines_are_rows_and_blank_ones_are_none(void **state)
{
    (void)state;
    check_rows(write_file("a.jsonl", "1\n\n  \n{\"b\":2}\r\n3"), ROWS_FILE,
               "line 1=1;line 4={\"b\":2}\r;line 5=3;");
    check_rows(write_file("b", "1\n"), ROWS_FILE, "line 1=1;");
    check_rows(write_file("c.jsonl", ""), ROWS_FILE, "");
    check_rows(write_file("d.jsonl", "\n\n"), ROWS_FILE, "");
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    check_rows(write_file("a.jsonl", "\xef\xbb\xbf{}\n"), ROWS_FILE, "line 1={};");
    check_rows(write_file("a.txt", "\xef\xbb\xbfx"), ROWS_FILE, "line 1~x;");
}

static void elements_of_an_array_are_rows(void **state)
{
    (void)state;
    check_rows(
        write_file("a.json", "\n [ {\"a\":\"],\\\"{\"},\n[1,\n2], 7 ,\"x\\\\\"\n]\n "),
        ROWS_FILE,
        "line 2={\"a\":\"],\\\"{\"};line 3=[1,\n2];line 4=7 ;line 4=\"x\\\\\"\n;");
    check_rows(write_file("b.json", "[]"), ROWS_FILE, "");
    check_fault(write_file("c.json", "[{},\n{}"), ERR_FORMAT,
                "file '@': line 2: the array has no end");
    check_fault(write_file("d.json", "["), ERR_FORMAT,
                "file '@': line 1: the array has no end");
    check_fault(write_file("e.json", "[1]\n[2]"), ERR_FORMAT,
                "file '@': line 2: there is more after the array");
}

static void a_text_file_is_one_row_as_it_is(void **state)
{
    (void)state;
    check_rows(write_file("a.txt", "a\n\nb\xff\n"), ROWS_FILE, "line 1~a\n\nb\xff\n;");
    check_rows(write_file("b.txt", ""), ROWS_FILE, "");
}

static void blank_lines_part_the_documents_of_a_text(void **state)
{
    (void)state;
    check_rows(write_file("a.txt", "\n\na\nb\n\n \t\r\nc"), ROWS_BLANK,
               "line 3~a\nb;line 7~c;");
    check_rows(write_file("b.txt", "a\n"), ROWS_BLANK, "line 1~a;");
    check_rows(write_file("c.txt", "\n \n"), ROWS_BLANK, "");
}

static void compressed_rows_equal_plain_ones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int filter;
    } cases[] = {{"a.jsonl.gz", ARCHIVE_FILTER_GZIP},
                 {"a.jsonl.zst", ARCHIVE_FILTER_ZSTD},
                 {"a.jsonl.xz", ARCHIVE_FILTER_XZ},
                 {"a.jsonl.bz2", ARCHIVE_FILTER_BZIP2},
                 {"no-ending", ARCHIVE_FILTER_GZIP}};
    Str text = {0}, want = {0}, got = {0};
    for (int i = 0; i < 30000; i++)
        str_printf(&text, "{\"text\":\"row %d of a file that spans chunks\"}\n", i);
    read_all(write_file("a.jsonl", str_c(&text)), ROWS_FILE, &want);
    const char *const member[][2] = {{"data", str_c(&text)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path =
            write_packed(cases[i].name, ARCHIVE_FORMAT_RAW, cases[i].filter, member, 1);
        read_all(path, ROWS_FILE, &got);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.ptr, want.ptr, want.len);
    }
    str_release(&text);
    str_release(&want);
    str_release(&got);
}

static void a_compressed_text_is_text(void **state)
{
    (void)state;
    const char *const member[][2] = {{"data", "one\n\ntwo\n"}};
    check_rows(
        write_packed("a.txt.gz", ARCHIVE_FORMAT_RAW, ARCHIVE_FILTER_GZIP, member, 1),
        ROWS_BLANK, "line 1~one;line 3~two;");
}

static void members_of_containers_are_read_in_order(void **state)
{
    (void)state;
    const char *const members[][2] = {{"x/b.jsonl", "1\n2\n"},
                                      {"README.md", "no data"},
                                      {"empty.jsonl", ""},
                                      {"a.txt", "text"},
                                      {"c.json", "[3]"}};
    static const char want[] = "member 'x/b.jsonl': line 1=1;member 'x/b.jsonl': line "
                               "2=2;member 'a.txt': line 1~text;member 'c.json': line "
                               "1=3;";
    check_rows(write_packed("a.zip", ARCHIVE_FORMAT_ZIP, -1, members, 5), ROWS_FILE,
               want);
    check_rows(write_packed("a.tar", ARCHIVE_FORMAT_TAR_USTAR, -1, members, 5),
               ROWS_FILE, want);
    check_rows(write_packed("a.tar.zst", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_ZSTD,
                            members, 5),
               ROWS_FILE, want);
    check_rows(write_packed("a.tgz", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP,
                            members, 5),
               ROWS_FILE, want);
}

static void as_text_anything_is_read_and_of_containers_texts(void **state)
{
    (void)state;
    check_rows(write_file("Makefile", "all:\n\n[1]\n"), ROWS_TEXT,
               "line 1~all:\n\n[1]\n;");
    const char *const members[][2] = {
        {"x/b.jsonl", "1\n"}, {"README.md", "# a"}, {"a.txt", "text"}, {"c.c", "int"}};
    check_rows(write_packed("a.tgz", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP,
                            members, 4),
               ROWS_TEXT,
               "member 'README.md': line 1~# a;member 'a.txt': line 1~text;");
    assert_true(rows_is_text_name(SPAN("a/b.markdown.zst")));
    assert_false(rows_is_text_name(SPAN("a.md/b.c")));
}

static void a_row_over_the_limit_is_an_error(void **state)
{
    (void)state;
    Rows *r;
    Span row;
    bool is_text, end;
    CHECK_OK(rows_open(&r, write_file("a.txt", "12345"), ROWS_TEXT, &err));
    rows_limit(r, 4);
    assert_int_equal(rows_next(r, &row, &is_text, &end, &err), ERR_LIMIT);
    assert_non_null(strstr(err.msg, "a.txt': line 1: longer than 4 bytes"));
    rows_close(r);
}

static void a_file_that_is_absent_or_a_folder_is_named(void **state)
{
    (void)state;
    check_fault(temp_path("no.jsonl"), ERR_IO, "there is no file '@'");
    check_fault(temp_folder, ERR_IO, "'@' is a folder, not a file");
}

/* Cut anywhere, a compressed file is an error or gives fewer rows, never others. */
static void a_cut_compressed_file_is_an_error(void **state)
{
    (void)state;
    const char *const member[][2] = {{"data", "{\"text\":\"some text\"}\n7\n"}};
    const char *path =
        write_packed("a.jsonl.gz", ARCHIVE_FORMAT_RAW, ARCHIVE_FILTER_GZIP, member, 1);
    Str bytes = {0};
    CHECK_OK(file_read(path, 1 << 20, &bytes, &err));
    check_rows(path, ROWS_FILE, "line 1={\"text\":\"some text\"};line 2=7;");
    CHECK_OK(file_write_atomic(path, bytes.ptr, bytes.len - 9, &err));
    check_fault(path, ERR_FORMAT, "file '@': truncated gzip input");
    str_release(&bytes);
}

static void a_zip_that_is_none_is_an_error(void **state)
{
    (void)state;
    check_fault(write_file("a.zip", "this is not a zip file"), ERR_FORMAT,
                "file '@': Unrecognized archive format");
}

static void a_row_is_found_across_chunks(void **state)
{
    (void)state;
    Str text = {0}, want = {0};
    str_puts(&text, "[\"");
    str_puts(&want, "line 1=\"");
    for (int i = 0; i < 70000; i++) { /* longer than a chunk */
        str_puts(&text, "\\\"");
        str_puts(&want, "\\\"");
    }
    str_puts(&text, "\"\n,2]");
    str_puts(&want, "\"\n;line 2=2;");
    check_rows(write_file("a.json", str_c(&text)), ROWS_FILE, str_c(&want));
    str_release(&text);
    str_release(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(lines_are_rows_and_blank_ones_are_none),
        TEMP_TEST(a_byte_order_mark_is_skipped),
        TEMP_TEST(elements_of_an_array_are_rows),
        TEMP_TEST(a_text_file_is_one_row_as_it_is),
        TEMP_TEST(blank_lines_part_the_documents_of_a_text),
        TEMP_TEST(compressed_rows_equal_plain_ones),
        TEMP_TEST(a_compressed_text_is_text),
        TEMP_TEST(members_of_containers_are_read_in_order),
        TEMP_TEST(as_text_anything_is_read_and_of_containers_texts),
        TEMP_TEST(a_row_over_the_limit_is_an_error),
        TEMP_TEST(a_file_that_is_absent_or_a_folder_is_named),
        TEMP_TEST(a_cut_compressed_file_is_an_error),
        TEMP_TEST(a_zip_that_is_none_is_an_error),
        TEMP_TEST(a_row_is_found_across_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
