/* test_shards_build.c - text to shards and back: nothing lost, nothing on both sides,
 * built anew exactly when something changed. */
#include "packed.h"

#include "base/mem.h"
#include "base/system.h"
#include "data/shards.h"

#include <sys/stat.h>

static Err err;
static const CorpusOptions plain = {0, CORPUS_SPLIT_FILE};

static Tokenizer *byte_tokenizer(void)
{
    Tokenizer *tok;
    CHECK_OK(tokenizer_of_bytes(&tok, &err));
    return tok;
}

static void write_rows(const char *name, int from, int n)
{
    Str text = {0};
    for (int i = from; i < from + n; i++)
        str_printf(&text, "{\"text\":\"document %d \\u00e9\"}\n", i);
    write_file(name, str_c(&text));
    str_release(&text);
}

static Status build(const char *spec, const char *heldout_spec, ShardOptions o)
{
    Tokenizer *tok = byte_tokenizer();
    Status status =
        shards_build(temp_path("shards"), spec, heldout_spec, &plain, &o, tok, &err);
    tokenizer_free(tok);
    return status;
}

static Shard open_shard(const char *name)
{
    Shard s;
    CHECK_OK(shard_open(&s, temp_path(name), &err));
    return s;
}

/* A document decoded; it must begin with bos and end with eos. */
static void doc_text(const Shard *s, int64_t doc, Str *out)
{
    Tokenizer *tok = byte_tokenizer();
    int32_t ids[256];
    int64_t n = shard_doc_len(s, doc);
    assert_true(n >= 2 && n <= 256);
    shard_doc_ids(s, doc, 0, n, ids);
    assert_int_equal(ids[0], tokenizer_bos(tok));
    assert_int_equal(ids[n - 1], tokenizer_eos(tok));
    str_reset(out);
    CHECK_OK(tokenizer_decode(tok, ids + 1, (size_t)n - 2, true, out, &err));
    assert_int_equal(out->len, shard_doc_text_bytes(s, doc));
    tokenizer_free(tok);
}

/* Marks seen[i] for each "document i"; gives how many documents there are. */
static int64_t mark_documents(const char *name, int *seen)
{
    Shard s = open_shard(name);
    Str text = {0}, want = {0};
    for (int64_t doc = 0; doc < (int64_t)s.documents; doc++) {
        doc_text(&s, doc, &text);
        int number = (int)strtol(text.ptr + strlen("document "), NULL, 10);
        str_reset(&want);
        str_printf(&want, "document %d \xc3\xa9", number);
        assert_string_equal(str_c(&text), str_c(&want));
        seen[number]++;
    }
    int64_t n = (int64_t)s.documents;
    str_release(&text);
    str_release(&want);
    shard_close(&s);
    return n;
}

static void every_document_is_in_one_shard_once(void **state)
{
    (void)state;
    enum { N = 20000 }; /* several blocks */
    write_rows("a.jsonl", 0, N);
    CHECK_OK(build(temp_path("a.jsonl"), NULL, (ShardOptions){0.1, 1000000}));
    int *train = mem_alloc_array(N, sizeof *train);
    int *heldout = mem_alloc_array(N, sizeof *heldout);
    int64_t n = mark_documents("shards/train.shard", train);
    int64_t held = mark_documents("shards/heldout.shard", heldout);
    assert_int_equal(n + held, N);
    assert_true(held > 1700 && held < 2300); /* 2000, deviation 42 */
    for (int i = 0; i < N; i++)
        assert_int_equal(train[i] + heldout[i], 1);
    mem_free(train);
    mem_free(heldout);
    assert_false(file_exists(temp_path("shards/train.shard.ids")));
    assert_false(file_exists(temp_path("shards/heldout.shard.ids")));
}

static void the_split_does_not_depend_on_the_order_of_files(void **state)
{
    (void)state;
    write_rows("a.jsonl", 0, 300);
    write_rows("b.jsonl", 300, 300);
    int one[600] = {0}, two[600] = {0};
    ShardOptions few = {0.1, 20};
    char spec[600];
    snprintf(spec, sizeof spec, "%s,%s", temp_path("a.jsonl"), temp_path("b.jsonl"));
    CHECK_OK(build(spec, NULL, few));
    assert_int_equal(mark_documents("shards/heldout.shard", one), 20);
    snprintf(spec, sizeof spec, "%s,%s", temp_path("b.jsonl"), temp_path("a.jsonl"));
    CHECK_OK(build(spec, NULL, few));
    assert_int_equal(mark_documents("shards/heldout.shard", two), 20);
    assert_memory_equal(one, two, sizeof one);
    int all[600] = {0};
    mark_documents("shards/train.shard", all);
    for (int i = 0; i < 600; i++)
        assert_int_equal(all[i] + two[i], 1);
}

static void equal_texts_are_on_the_same_side(void **state)
{
    (void)state;
    write_rows("a.jsonl", 0, 100);
    char spec[600];
    snprintf(spec, sizeof spec, "%s,%s,%s", temp_path("a.jsonl"), temp_path("a.jsonl"),
             temp_path("a.jsonl"));
    for (int64_t most = 1; most < 40; most += 7) {
        CHECK_OK(build(spec, NULL, (ShardOptions){0.2, most > 2 ? most : 3}));
        int train[100] = {0}, heldout[100] = {0};
        mark_documents("shards/train.shard", train);
        int64_t n = mark_documents("shards/heldout.shard", heldout);
        assert_true(n > 0 && n <= (most > 2 ? most : 3));
        for (int i = 0; i < 100; i++) {
            assert_int_equal(train[i] + heldout[i], 3);
            assert_true(train[i] == 0 || heldout[i] == 0);
        }
    }
}

static void at_least_one_document_is_held_out(void **state)
{
    (void)state;
    for (int first = 0; first < 20; first++) {
        write_rows("a.jsonl", first, 3);
        CHECK_OK(build(temp_path("a.jsonl"), NULL, (ShardOptions){0.001, 100}));
        int seen[30] = {0};
        assert_int_equal(mark_documents("shards/heldout.shard", seen), 1);
        assert_int_equal(mark_documents("shards/train.shard", seen), 2);
        for (int i = 0; i < 30; i++)
            assert_int_equal(seen[i], i >= first && i < first + 3);
    }
}

static void one_document_cannot_be_split(void **state)
{
    (void)state;
    write_file("a.txt", "all of it");
    CHECK_FAILS(build(temp_path("a.txt"), NULL, (ShardOptions){0.01, 100}), ERR_FORMAT,
                "no document can be held out: there is one text only; give "
                "more, or held-out data, or hold out 0");
    assert_false(file_exists(temp_path("shards/train.shard")));
    CHECK_OK(build(temp_path("a.txt"), NULL, (ShardOptions){0, 100}));
    Shard train = open_shard("shards/train.shard");
    Shard heldout = open_shard("shards/heldout.shard");
    assert_int_equal(train.documents, 1);
    assert_int_equal(train.text_bytes, 9);
    assert_int_equal(heldout.documents, 0);
    shard_close(&train);
    shard_close(&heldout);
}

static void held_out_data_of_its_own_are_taken_whole(void **state)
{
    (void)state;
    write_rows("a.jsonl", 0, 10);
    write_rows("b.jsonl", 10, 5);
    char spec[300];
    snprintf(spec, sizeof spec, "%s", temp_path("b.jsonl"));
    CHECK_OK(build(temp_path("a.jsonl"), spec, (ShardOptions){0.5, 1}));
    int seen[15] = {0};
    assert_int_equal(mark_documents("shards/train.shard", seen), 10);
    assert_int_equal(mark_documents("shards/heldout.shard", seen), 5);
    for (int i = 0; i < 15; i++)
        assert_int_equal(seen[i], 1);
}

static void data_without_documents_are_refused(void **state)
{
    (void)state;
    const char *path = write_file("a.jsonl", "\n");
    Str want = {0};
    str_printf(&want, "there is no document in '%s'", path);
    CHECK_FAILS(build(path, NULL, (ShardOptions){0.01, 100}), ERR_FORMAT, str_c(&want));
    path = write_file("b.jsonl", "{\"prompt\":\"p\"}\n");
    str_reset(&want);
    str_printf(&want,
               "file '%s': line 1: pretraining reads texts ('text', or .txt files)",
               path);
    CHECK_FAILS(build(path, NULL, (ShardOptions){0.01, 100}), ERR_FORMAT, str_c(&want));
    str_release(&want);
    assert_false(file_exists(temp_path("shards/train.shard")));
    assert_false(file_exists(temp_path("shards/train.shard.ids")));
}

static ino_t inode(const char *name)
{
    struct stat about;
    assert_int_equal(stat(temp_path(name), &about), 0);
    return about.st_ino;
}

/* Whether building again writes another file. */
static bool is_rebuilt(ShardOptions o)
{
    ino_t before = inode("shards/train.shard");
    CHECK_OK(file_copy(temp_path("shards/train.shard"), temp_path("keep"), &err));
    CHECK_OK(build(temp_path("a.jsonl"), NULL, o)); /* "keep" keeps no inode free */
    return inode("shards/train.shard") != before;
}

static void shards_are_rebuilt_when_and_only_when_something_changed(void **state)
{
    (void)state;
    ShardOptions o = {0.1, 100};
    write_rows("a.jsonl", 0, 50);
    CHECK_OK(build(temp_path("a.jsonl"), NULL, o));
    assert_false(is_rebuilt(o));
    o.heldout = 0.2;
    assert_true(is_rebuilt(o));
    write_rows("a.jsonl", 1, 50);
    assert_true(is_rebuilt(o));
    assert_false(is_rebuilt(o));
    write_file("shards/heldout.shard", "not a shard");
    assert_true(is_rebuilt(o));
    int seen[60] = {0};
    assert_int_equal(mark_documents("shards/heldout.shard", seen) +
                         mark_documents("shards/train.shard", seen),
                     50);
}

static void a_stop_leaves_nothing_half_written(void **state)
{
    (void)state;
    write_rows("a.jsonl", 0, 50);
    system_request_stop();
    Status status = build(temp_path("a.jsonl"), NULL, (ShardOptions){0.1, 100});
    system_clear_stop();
    assert_int_equal(status, ERR_STOPPED);
    char **names;
    size_t n;
    CHECK_OK(file_list(temp_path("shards"), &names, &n, &err));
    assert_int_equal(n, 0);
    file_list_free(names, n);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    write_rows("a.jsonl", 0, 5);
    long n = 0;
    Tokenizer *tok = byte_tokenizer();
    ShardOptions o = {0.5, 1};
    for (bool done = false; !done; n++) {
        mem_fail_after(n);
        Status status = shards_build(temp_path("shards"), temp_path("a.jsonl"), NULL,
                                     &plain, &o, tok, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        done = status == OK;
        if (file_exists(temp_path("shards/train.shard"))) { /* then it is whole */
            Shard s = open_shard("shards/train.shard");
            shard_close(&s);
        }
        CHECK_OK(file_remove_tree(temp_path("shards"), &err));
    }
    assert_true(n >= 20);
    tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(every_document_is_in_one_shard_once),
        TEMP_TEST(the_split_does_not_depend_on_the_order_of_files),
        TEMP_TEST(equal_texts_are_on_the_same_side),
        TEMP_TEST(at_least_one_document_is_held_out),
        TEMP_TEST(one_document_cannot_be_split),
        TEMP_TEST(held_out_data_of_its_own_are_taken_whole),
        TEMP_TEST(data_without_documents_are_refused),
        TEMP_TEST(shards_are_rebuilt_when_and_only_when_something_changed),
        TEMP_TEST(a_stop_leaves_nothing_half_written),
        TEMP_TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
