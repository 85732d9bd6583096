/* test_shards.c - the header checked at every byte, and documents read back. */
#include "packed.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "data/shards.h"

static Err err;

enum { DOCUMENTS = 2, TOKENS = 5, BYTES = 56 + 3 * 8 + 2 * 4 + 5 * 2 };

/* Two documents, {1, 2, 3} and {40000, 5}, of 7 and 9 bytes of text. */
static void good_shard(unsigned char b[BYTES])
{
    static const uint64_t numbers[] = {77, DOCUMENTS, TOKENS, 16, 99, 0, 3, 5};
    static const uint32_t ids[] = {1, 2, 3, 40000, 5};
    static const unsigned char magic[8] = {'T', 'A', 'M', 'E', 'S', 'H', 'R', 'D'};
    memcpy(b, magic, sizeof magic);
    bytes_put_u32(b + 8, 1);
    bytes_put_u32(b + 12, 2);
    for (int i = 0; i < 8; i++)
        bytes_put_u64(b + 16 + 8 * i, numbers[i]);
    bytes_put_u32(b + 80, 7);
    bytes_put_u32(b + 84, 9);
    for (int i = 0; i < TOKENS; i++) {
        b[88 + 2 * i] = (unsigned char)ids[i];
        b[89 + 2 * i] = (unsigned char)(ids[i] >> 8);
    }
}

static Status parse(const unsigned char *b, size_t n, Shard *s)
{
    return shard_parse((Span){(const char *)b, n}, s, &err);
}

static void a_good_shard_reads_back(void **state)
{
    (void)state;
    unsigned char b[BYTES];
    good_shard(b);
    Shard s;
    CHECK_OK(parse(b, BYTES, &s));
    assert_int_equal(s.fingerprint, 77);
    assert_int_equal(s.source, 99);
    assert_int_equal(s.documents, 2);
    assert_int_equal(shard_doc_len(&s, 0), 3);
    assert_int_equal(shard_doc_len(&s, 1), 2);
    assert_int_equal(shard_doc_text_bytes(&s, 1), 9);
    int32_t ids[3];
    static const int32_t all[] = {1, 2, 3}, end[] = {40000, 5};
    shard_doc_ids(&s, 0, 0, 3, ids);
    assert_memory_equal(ids, all, sizeof all);
    shard_doc_ids(&s, 1, 0, 2, ids);
    assert_memory_equal(ids, end, sizeof end);
    shard_doc_ids(&s, 0, 2, 1, ids);
    assert_int_equal(ids[0], 3);
    CHECK_OK(shard_check_ids(&s, 40001, &err));
    CHECK_FAILS(shard_check_ids(&s, 40000, &err), ERR_FORMAT,
                "token 3 is 40000, not below 40000");
}

static void a_shard_cut_anywhere_is_a_format_error(void **state)
{
    (void)state;
    unsigned char b[BYTES];
    good_shard(b);
    for (size_t n = 0; n < BYTES; n++) {
        unsigned char *cut = mem_alloc_array(n, 1); /* so that a read past it is seen */
        memcpy(cut, b, n);
        Shard s;
        assert_int_equal(parse(cut, n, &s), ERR_FORMAT);
        assert_null(s.ids);
        mem_free(cut);
    }
}

/* Every byte of header and tables counts, but for the two hashes. */
static void a_changed_byte_of_the_header_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < 88; i++) {
        bool is_hash = (i >= 16 && i < 24) || (i >= 48 && i < 56);
        unsigned char b[BYTES];
        good_shard(b);
        b[i] ^= 0x10;
        Shard s;
        Status status = parse(b, BYTES, &s);
        if (is_hash)
            assert_int_equal(status, OK);
        else
            assert_int_equal(status, ERR_FORMAT);
    }
}

static void check_fault(size_t at, uint64_t value, const char *message)
{
    unsigned char b[BYTES];
    good_shard(b);
    if (at < 16 || at >= 80)
        bytes_put_u32(b + at, (uint32_t)value);
    else
        bytes_put_u64(b + at, value);
    Shard s;
    CHECK_FAILS(parse(b, BYTES, &s), ERR_FORMAT, message);
}

static void faults_name_the_number_that_is_wrong(void **state)
{
    (void)state;
    Shard s;
    CHECK_FAILS(parse(NULL, 0, &s), ERR_FORMAT, "the header is cut: 0 of 56 bytes");
    check_fault(0, 0x20202020, "it does not begin with TAMESHRD");
    check_fault(8, 2, "version 2, not 1");
    check_fault(12, 3, "ids of 3 bytes, not 2 or 4");
    check_fault(24, 4, "4 documents do not fit into 98 bytes");
    check_fault(24, UINT64_MAX,
                "18446744073709551615 documents do not fit into 98 bytes");
    check_fault(32, 6, "6 tokens of 2 bytes are not the 10 bytes behind the tables");
    check_fault(32, (UINT64_C(1) << 63) + 5, /* twice this overflows to 10 */
                "9223372036854775813 tokens of 2 bytes are not the 10 bytes behind the "
                "tables");
    check_fault(40, 17, "documents have 16 bytes of text, not 17");
    check_fault(56, 1, "offset 0 of 2 is wrong: 1");
    check_fault(64, 6, "offset 1 of 2 is wrong: 6");
    check_fault(72, 2, "offset 2 of 2 is wrong: 2");
    check_fault(72, 4, "documents end at token 4, not 5");
}

static void a_file_that_is_no_shard_is_named(void **state)
{
    (void)state;
    Shard s;
    const char *path = write_file("x.shard", "hello");
    Str want = {0};
    str_printf(&want, "shard '%s': the header is cut: 5 of 56 bytes", path);
    CHECK_FAILS(shard_open(&s, path, &err), ERR_FORMAT, str_c(&want));
    shard_close(&s);
    shard_close(NULL);
    str_release(&want);
}

static void a_shard_is_a_source_with_all_weights_one(void **state)
{
    (void)state;
    unsigned char b[BYTES];
    good_shard(b);
    Shard s;
    CHECK_OK(parse(b, BYTES, &s));
    PackSource source = shard_pack_source(&s);
    assert_int_equal(source.documents, 2);
    assert_int_equal(source.len(source.self, 0), 3);
    int32_t ids[2];
    float weights[2];
    source.ids(source.self, 0, 1, 2, ids, weights);
    assert_int_equal(ids[1], 3);
    assert_true(weights[0] == 1.0F && weights[1] == 1.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_shard_reads_back),
        cmocka_unit_test(a_shard_cut_anywhere_is_a_format_error),
        cmocka_unit_test(a_changed_byte_of_the_header_is_seen),
        cmocka_unit_test(faults_name_the_number_that_is_wrong),
        TEMP_TEST(a_file_that_is_no_shard_is_named),
        cmocka_unit_test(a_shard_is_a_source_with_all_weights_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
