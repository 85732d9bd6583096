/* test_corpus.c - specifications, mixtures, bad rows, and the hash of a data set. */
#include "packed.h"

#include "base/mem.h"
#include "data/corpus.h"

#include <utime.h>

static Err err;
static const CorpusOptions plain = {0, CORPUS_SPLIT_FILE};

/* A specification with the test's folder for every '@'. */
static const char *spec_of(const char *pattern)
{
    static char out[1024];
    size_t n = 0;
    for (; *pattern; pattern++) {
        if (*pattern == '@')
            n += (size_t)snprintf(out + n, sizeof out - n, "%s/", temp_folder);
        else
            out[n++] = *pattern;
    }
    out[n] = 0;
    return out;
}

/* All texts of a specification, one after the other with a space between. */
static void read_texts(const char *spec, const CorpusOptions *o, Str *out)
{
    Corpus *c;
    CHECK_OK(corpus_open(&c, spec, o, &err));
    str_reset(out);
    for (;;) {
        Record *r;
        bool end;
        CHECK_OK(corpus_next(c, &r, &end, &err));
        if (end)
            break;
        str_puts(out, out->len > 0 ? " " : "");
        str_span_append(out, str_span(&r->text));
    }
    corpus_close(c);
}

static void check_texts(const char *pattern, const char *want)
{
    Str got = {0};
    read_texts(spec_of(pattern), &plain, &got);
    assert_string_equal(str_c(&got), want);
    str_release(&got);
}

static Status drain(const char *spec, const CorpusOptions *o, int64_t *bad)
{
    Corpus *c;
    Status status = corpus_open(&c, spec, o, &err);
    bool end = false;
    Record *r;
    while (status == OK && !end)
        status = corpus_next(c, &r, &end, &err);
    if (c && bad)
        *bad = corpus_bad_rows(c);
    corpus_close(c);
    return status;
}

/* The failure's message, with '@' for the test's folder. */
static void check_fault(const char *pattern, CorpusOptions o, Status code,
                        const char *message)
{
    Str want = {0};
    str_puts(&want, spec_of(message));
    assert_int_equal(drain(spec_of(pattern), &o, NULL), code);
    assert_string_equal(err.msg, str_c(&want));
    str_release(&want);
}

static void write_rows(const char *name, const char *prefix, int n)
{
    Str text = {0};
    for (int i = 0; i < n; i++)
        str_printf(&text, "{\"text\":\"%s%d\"}\n", prefix, i);
    write_file(name, str_c(&text));
    str_release(&text);
}

static void files_and_globs_are_read_in_order(void **state)
{
    (void)state;
    write_rows("b2.jsonl", "c", 2);
    write_rows("b1.jsonl", "b", 2);
    write_rows("a.jsonl", "a", 1);
    write_file("t.txt", "text");
    check_texts("@b*.jsonl, @a.jsonl,@t.txt", "b0 b1 c0 c1 a0 text");
}

static void colons_and_commas_in_names_do_no_harm(void **state)
{
    (void)state;
    write_rows("a:2", "x", 1);
    write_rows("a:b.jsonl", "y", 1);
    write_rows("p,q.jsonl", "z", 1);
    check_texts("@a:2", "x0");
    check_texts("@a:b.jsonl", "y0");
    check_texts("@p,q.jsonl", "z0");
    check_texts("@a:2:3,@a:b.jsonl:1e0", "x0 x0"); /* 2 documents, 3/4 from one */
}

static void a_specification_that_names_nothing_is_refused(void **state)
{
    (void)state;
    write_rows("a.jsonl", "a", 1);
    check_fault("", plain, ERR_OPTION, "no data is given");
    check_fault("@no*", plain, ERR_IO, "data '@no*': no file matches '@no*'");
    check_fault("@a.jsonl,,", plain, ERR_OPTION,
                "data '@a.jsonl,,': a file name is missing");
    check_fault("@a.jsonl:0", plain, ERR_OPTION,
                "data '@a.jsonl:0': the weight of '@a.jsonl:0' is not a positive "
                "number");
    check_fault("@a.jsonl:nan,@a.jsonl", plain, ERR_OPTION,
                "data '@a.jsonl:nan,@a.jsonl': the weight of '@a.jsonl:nan' is not a "
                "positive number");
    check_fault("@a.jsonl:2,@a.jsonl", plain, ERR_OPTION,
                "data '@a.jsonl:2,@a.jsonl': 1 of 2 sources have a weight; give all or "
                "none");
}

/* Counts texts by their first letter. */
static void count_letters(const char *pattern, int counts[128], int *distinct)
{
    Str got = {0};
    read_texts(spec_of(pattern), &plain, &got);
    memset(counts, 0, 128 * sizeof *counts);
    bool seen[128][1000] = {{false}};
    *distinct = 0;
    for (const char *p = str_c(&got); *p;) {
        char letter = *p++;
        char *end;
        long number = strtol(p, &end, 10);
        p = *end ? end + 1 : end;
        counts[(int)letter]++;
        *distinct += !seen[(int)letter][number];
        seen[(int)letter][number] = true;
    }
    str_release(&got);
}

static void a_mixture_takes_its_shares_of_all_documents(void **state)
{
    (void)state;
    int counts[128], distinct;
    write_rows("a.jsonl", "a", 300);
    write_rows("b.jsonl", "b", 100);
    count_letters("@a.jsonl:1,@b.jsonl:1", counts, &distinct);
    assert_int_equal(counts['a'], 200); /* of 400: half, cut */
    assert_int_equal(counts['b'], 200); /* half, each twice */
    assert_int_equal(distinct, 200 + 100);
    count_letters("@a.jsonl:1,@b.jsonl:7", counts, &distinct);
    assert_int_equal(counts['a'], 50);
    assert_int_equal(counts['b'], 350); /* 3 times all, and 50 of them once more */
    assert_int_equal(distinct, 50 + 100);
}

static void a_mixture_is_the_same_every_time_and_mixed_throughout(void **state)
{
    (void)state;
    write_rows("a.jsonl", "a", 90);
    write_rows("b.jsonl", "b", 30);
    Str one = {0}, two = {0};
    read_texts(spec_of("@a.jsonl:1,@b.jsonl:2"), &plain, &one);
    read_texts(spec_of("@a.jsonl:1,@b.jsonl:2"), &plain, &two);
    assert_string_equal(str_c(&one), str_c(&two));
    /* Every third is an a, from the first three on. */
    int n = 0, a = 0;
    for (const char *p = str_c(&one); p; p = strchr(p, ' ')) {
        p += *p == ' ';
        a += *p == 'a';
        n++;
        assert_true(3 * a >= n - 3 && 3 * a <= n + 3);
    }
    assert_int_equal(n, 120);
    str_release(&one);
    str_release(&two);
}

static void a_mixture_of_nothing_is_refused(void **state)
{
    (void)state;
    write_rows("a.jsonl", "a", 2);
    write_file("e.jsonl", "\n");
    check_fault("@a.jsonl:1,@e.jsonl:1", plain, ERR_FORMAT,
                "there is no row in '@e.jsonl'");
}

static void a_bad_row_has_file_line_and_reason(void **state)
{
    (void)state;
    write_file("a.jsonl", "{\"text\":\"x\"}\n\n{\"text\":1}\n{\"text\":\"y\"}\n");
    write_file("b.jsonl", "{\"text\":\"x\"}\n{\"text\":\n");
    write_file("c.jsonl", "{\"text\":\"x\"}\n{\"prompt\":\"p\"}\n");
    write_file("d.json", "[{\"text\":\"x\"},\n{}]");
    check_fault("@a.jsonl", plain, ERR_FORMAT,
                "file '@a.jsonl': line 3: 'text' is an integer, not a string");
    check_fault("@b.jsonl", plain, ERR_FORMAT,
                "file '@b.jsonl': line 2: column 8: unexpected token near end of file");
    check_fault(
        "@c.jsonl", plain, ERR_FORMAT,
        "file '@c.jsonl': line 2: this row is a prompt, but the first one was a "
        "text");
    check_fault("@d.json", plain, ERR_FORMAT,
                "file '@d.json': line 2: no layout has these keys: none (known are "
                "'text', 'messages', 'prompt' with 'completion', 'chosen' with "
                "'rejected' and others)");
}

static void bad_rows_are_counted_up_to_the_limit(void **state)
{
    (void)state;
    write_file("a.jsonl", "{\"text\":\"x\"}\n7\n{\"text\":\"y\"}\n8\n9\n");
    CorpusOptions o = {3, CORPUS_SPLIT_FILE};
    int64_t bad = 0;
    CHECK_OK(drain(spec_of("@a.jsonl"), &o, &bad));
    assert_int_equal(bad, 3);
    Str got = {0};
    read_texts(spec_of("@a.jsonl"), &o, &got);
    assert_string_equal(str_c(&got), "x y");
    str_release(&got);
    o.max_bad_rows = 2;
    check_fault("@a.jsonl", o, ERR_FORMAT,
                "more than 2 malformed rows: file '@a.jsonl': line 5: a row must be an "
                "object");
}

static void a_mixture_counts_a_bad_row_once(void **state)
{
    (void)state;
    write_file("a.jsonl", "{\"text\":\"x\"}\n7\n");
    write_rows("b.jsonl", "b", 9);
    CorpusOptions o = {1, CORPUS_SPLIT_FILE};
    int64_t bad = 0;
    CHECK_OK(drain(spec_of("@a.jsonl:1,@b.jsonl:1"), &o, &bad)); /* a is read 5 times */
    assert_int_equal(bad, 1);
}

static void where_names_the_row_last_given(void **state)
{
    (void)state;
    write_file("a.jsonl", "\n{\"text\":\"x\"}\n");
    Corpus *c;
    Record *r;
    bool end;
    CHECK_OK(corpus_open(&c, spec_of("@a.jsonl"), &plain, &err));
    CHECK_OK(corpus_next(c, &r, &end, &err));
    assert_string_equal(corpus_where(c), spec_of("file '@a.jsonl': line 2"));
    CHECK_NEAR(corpus_bytes(c), 14, 0);
    CHECK_OK(corpus_next(c, &r, &end, &err));
    assert_true(end);
    CHECK_NEAR(corpus_bytes_read(c), 14, 0);
    corpus_close(c);
    corpus_close(NULL);
}

static uint64_t hash_of(const char *pattern, CorpusOptions o)
{
    uint64_t hash = 0;
    CHECK_OK(corpus_hash(spec_of(pattern), &o, &hash, &err));
    return hash;
}

static void the_hash_changes_with_files_weights_and_options(void **state)
{
    (void)state;
    write_rows("a.jsonl", "a", 2);
    write_rows("b.jsonl", "b", 2);
    struct utimbuf early = {1000, 1000}, late = {2000, 2000};
    utime(temp_path("a.jsonl"), &early);
    uint64_t hash = hash_of("@a.jsonl,@b.jsonl", plain);
    assert_true(hash == hash_of("@a.jsonl,@b.jsonl", plain));
    assert_true(hash != hash_of("@a.jsonl", plain));
    assert_true(hash != hash_of("@b.jsonl,@a.jsonl", plain));
    assert_true(hash != hash_of("@a.jsonl:1,@b.jsonl:2", plain));
    CorpusOptions blank = {0, CORPUS_SPLIT_BLANK};
    assert_true(hash != hash_of("@a.jsonl,@b.jsonl", blank));
    utime(temp_path("a.jsonl"), &late);
    assert_true(hash != hash_of("@a.jsonl,@b.jsonl", plain));
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    write_rows("a.jsonl", "a", 3);
    write_rows("b.jsonl", "b", 2);
    const char *spec = spec_of("@a.jsonl:1,@b.jsonl:2");
    long n = 0;
    for (bool done = false; !done; n++) {
        mem_fail_after(n);
        Status status = drain(spec, &plain, NULL);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        done = status == OK;
    }
    assert_true(n >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(files_and_globs_are_read_in_order),
        TEMP_TEST(colons_and_commas_in_names_do_no_harm),
        TEMP_TEST(a_specification_that_names_nothing_is_refused),
        TEMP_TEST(a_mixture_takes_its_shares_of_all_documents),
        TEMP_TEST(a_mixture_is_the_same_every_time_and_mixed_throughout),
        TEMP_TEST(a_mixture_of_nothing_is_refused),
        TEMP_TEST(a_bad_row_has_file_line_and_reason),
        TEMP_TEST(bad_rows_are_counted_up_to_the_limit),
        TEMP_TEST(a_mixture_counts_a_bad_row_once),
        TEMP_TEST(where_names_the_row_last_given),
        TEMP_TEST(the_hash_changes_with_files_weights_and_options),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
