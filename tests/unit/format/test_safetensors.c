/* test_safetensors.c - good files read as they were written; each rule broken alone is
 * refused with its own words; no cut of a file is read. */
#include "support/check.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "format/safetensors.h"

static Err err;

/* A file of this header, unpadded, and so many bytes of data. */
static Str file_of(const char *header, size_t data_bytes)
{
    Str file = {0};
    char length[8];
    bytes_put_u64(length, strlen(header));
    str_append(&file, length, 8);
    str_puts(&file, header);
    for (size_t i = 0; i < data_bytes; i++)
        str_putc(&file, (char)i);
    return file;
}

static Status parse(const Str *file, Safetensors *st)
{
    return safetensors_parse(str_span(file), st, &err);
}

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\",\"k\":\"v\"},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[8,14]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
    "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]},"
    "\"scalar\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[14,22]}}   ";

static void a_good_file_reads_in_the_order_of_its_data(void **state)
{
    (void)state;
    static const char *const order[] = {"a", "none", "b", "scalar"};
    Str file = file_of(good, 22);
    Safetensors st;
    CHECK_OK(parse(&file, &st));
    assert_int_equal(st.n, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(st.entries[i].name, order[i]);
    const SafetensorsEntry *b = safetensors_find(&st, "b");
    assert_string_equal(b->dtype, "BF16");
    assert_true(b->n_dims == 1 && b->dims[0] == 3 && b->count == 3);
    assert_int_equal(b->end - b->begin, 6);
    assert_memory_equal(file.ptr + b->begin, "\x08\x09\x0a\x0b\x0c\x0d", 6);
    assert_int_equal(safetensors_find(&st, "none")->count, 0);
    assert_int_equal(safetensors_find(&st, "scalar")->count, 1);
    assert_int_equal(safetensors_find(&st, "scalar")->end, file.len);
    assert_null(safetensors_find(&st, "c"));
    assert_string_equal(safetensors_meta(&st, "k"), "v");
    assert_null(safetensors_meta(&st, "none"));
    safetensors_release(&st);
    safetensors_release(&st);
    safetensors_release(NULL);
    str_release(&file);
}

static void no_cut_of_a_file_is_read(void **state)
{
    (void)state;
    Str file = file_of(good, 22);
    for (size_t n = 0; n < file.len; n++) {
        char *cut = malloc(n ? n : 1); /* exact, so that a read beyond it is seen */
        assert_non_null(cut);
        memcpy(cut, file.ptr, n);
        Safetensors st;
        assert_int_equal(safetensors_parse((Span){cut, n}, &st, &err), ERR_FORMAT);
        assert_true(st.n == 0 && st.entries == NULL);
        free(cut);
    }
    str_putc(&file, 0);
    Safetensors st;
    CHECK_FAILS(parse(&file, &st), ERR_FORMAT,
                "the tensors take 22 bytes, but the file has 23");
    str_release(&file);
}

#define INFO(dtype, shape, offsets)                                                    \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void each_broken_rule_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
        size_t data_bytes;
    } cases[] = {
        {"", "the header does not start with '{'", 8},
        {" {}", "the header does not start with '{'", 0},
        {"{\"a\":1}", "tensor 'a': not an object", 0},
        {"{\"\xff\":1}",
         "header: line 1, column 2: unable to decode byte 0xff near '\"'", 0},
        {"{\"a\":" INFO("F32", "[1]", "[0,4]") ",\"a\":" INFO("F32", "[1]",
                                                              "[4,8]") "}",
         "header: line 1, column 57: duplicate object key near '\"a\"'", 8},
        {"{\"a\":" INFO("F31", "[1]", "[0,4]") "}", "tensor 'a': unknown dtype 'F31'",
         4},
        {"{\"a\":" INFO("F32\\u0000", "[1]", "[0,4]") "}",
         "tensor 'a': unknown dtype 'F32'", 4},
        {"{\"a\":" INFO("a long name", "[1]", "[0,4]") "}",
         "tensor 'a': unknown dtype 'a long name'", 4},
        {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}",
         "tensor 'a': 'dtype' is missing", 4},
        {"{\"a\":" INFO("F32", "3", "[0,4]") "}", "tensor 'a': 'shape' is not an array",
         4},
        {"{\"a\":" INFO("F32", "[-1]", "[0,4]") "}",
         "tensor 'a': dimension 0 is not a whole number >= 0", 4},
        {"{\"a\":" INFO("F32", "[1,1.0]", "[0,4]") "}",
         "tensor 'a': dimension 1 is not a whole number >= 0", 4},
        {"{\"a\":" INFO("F32", "[1]", "[0]") "}",
         "tensor 'a': 'data_offsets' is not a pair of integers", 4},
        {"{\"a\":" INFO("F32", "[1]", "{}") "}",
         "tensor 'a': 'data_offsets' is not a pair of integers", 4},
        {"{\"a\":" INFO("F32", "[1]", "[4,0]") "}",
         "tensor 'a': data_offsets [4, 0] run backwards", 4},
        {"{\"a\":" INFO("F32", "[1]", "[-4,0]") "}",
         "tensor 'a': data_offsets [-4, 0] run backwards", 4},
        {"{\"a\":" INFO("F32", "[2]", "[0,4]") "}",
         "tensor 'a': 4 bytes of data, but its shape needs 8", 4},
        {"{\"a\":" INFO("U8", "[4294967296,4294967296]", "[0,0]") "}",
         "tensor 'a': the product of its shape overflows", 0},
        {"{\"a\":" INFO("F32", "[4611686018427387904]", "[0,0]") "}",
         "tensor 'a': the product of its shape overflows", 0},
        {"{\"a\":" INFO("U8", "[4]", "[4,8]") "}",
         "tensor 'a' starts at byte 4 of the data, not at 0: a hole or an overlap", 8},
        {"{\"a\":" INFO("U8", "[4]", "[0,4]") ",\"b\":" INFO("U8", "[4]", "[2,6]") "}",
         "tensor 'b' starts at byte 2 of the data, not at 4: a hole or an overlap", 6},
        {"{\"a\":" INFO("U8", "[4]", "[0,4]") ",\"b\":" INFO("U8", "[4]", "[0,4]") "}",
         "tensor 'b' starts at byte 0 of the data, not at 4: a hole or an overlap", 4},
        {"{\"a\":" INFO("U8", "[4]", "[0,4]") "}",
         "the tensors take 4 bytes, but the file has 5", 5},
        {"{\"__metadata__\":[]}", "'__metadata__' is not an object", 0},
        {"{\"__metadata__\":{\"k\":1}}", "'__metadata__': 'k' is not a text", 0},
        {"{\"__metadata__\":{\"k\":\"a\\u0000\"}}", "'__metadata__': 'k' is not a text",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Str file = file_of(cases[i].header, cases[i].data_bytes);
        Safetensors st;
        CHECK_FAILS(parse(&file, &st), ERR_FORMAT, cases[i].message);
        assert_true(st.n == 0 && st.entries == NULL && st.n_meta == 0);
        str_release(&file);
    }
}

static void limits_are_told(void **state)
{
    (void)state;
    Safetensors st;
    Str file = file_of("{\"a\":" INFO("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1);
    CHECK_FAILS(parse(&file, &st), ERR_LIMIT, "tensor 'a': 9 dimensions, of at most 8");
    bytes_put_u64(file.ptr, 1000);
    CHECK_FAILS(parse(&file, &st), ERR_FORMAT,
                "a header of 1000 bytes, but only 70 bytes follow");
    bytes_put_u64(file.ptr, 100000001);
    CHECK_FAILS(parse(&file, &st), ERR_LIMIT,
                "a header of 100000001 bytes, of at most 100000000");
    bytes_put_u64(file.ptr, UINT64_MAX - 7);
    assert_int_equal(parse(&file, &st), ERR_LIMIT);
    str_release(&file);
    CHECK_FAILS(safetensors_parse(SPAN("1234567"), &st, &err), ERR_FORMAT,
                "7 bytes are too few for a safetensors file");
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    Str file = file_of(good, 22);
    for (long n = 0;; n++) {
        Safetensors st;
        mem_fail_after(n);
        Status status = parse(&file, &st);
        mem_fail_after(-1);
        if (status == OK) {
            /* entries, 4 names, metadata arrays, 2 pairs */
            assert_int_equal(n, 1 + 4 + 2 + 4);
            safetensors_release(&st);
            break;
        }
        assert_int_equal(status, ERR_NOMEM);
        assert_null(st.entries);
    }
    str_release(&file);
}

static char name_a[] = "model.a", name_b[] = "b\"\xc3\xa9";

static void what_is_written_reads_back(void **state)
{
    (void)state;
    SafetensorsEntry entries[] = {
        {.name = name_a, .dtype = "F32", .n_dims = 2, .dims = {3, 5}},
        {.name = name_b, .dtype = "F8_E4M3", .n_dims = 0},
    };
    static const char *const meta[] = {"step", "12"};
    Str file = {0};
    CHECK_OK(safetensors_header(entries, 2, meta, 1, &file, &err));
    assert_int_equal(file.len % 8, 0);
    assert_int_equal(bytes_u64(file.ptr), file.len - 8);
    assert_int_equal(entries[0].begin, file.len);
    assert_int_equal(entries[1].end, file.len + 61);
    for (int i = 0; i < 61; i++)
        str_putc(&file, (char)i);
    Safetensors st;
    CHECK_OK(parse(&file, &st));
    assert_int_equal(st.n, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(st.entries[i].name, entries[i].name);
        assert_string_equal(st.entries[i].dtype, entries[i].dtype);
        assert_true(st.entries[i].count == entries[i].count);
        assert_true(st.entries[i].begin == entries[i].begin);
        assert_true(st.entries[i].end == entries[i].end);
    }
    assert_string_equal(safetensors_meta(&st, "format"), "pt");
    assert_string_equal(safetensors_meta(&st, "step"), "12");
    safetensors_release(&st);
    str_release(&file);
}

static void nothing_is_a_file_too(void **state)
{
    (void)state;
    Str file = {0};
    CHECK_OK(safetensors_header(NULL, 0, NULL, 0, &file, &err));
    Safetensors st;
    CHECK_OK(parse(&file, &st));
    assert_int_equal(st.n, 0);
    safetensors_release(&st);
    str_release(&file);
}

static void what_could_not_be_read_is_not_written(void **state)
{
    (void)state;
    static char reserved[] = "__metadata__", broken[] = "\xff";
    Str out = {0};
    SafetensorsEntry e[2] = {{.name = name_a, .dtype = "F31"}};
    CHECK_FAILS(safetensors_header(e, 1, NULL, 0, &out, &err), ERR_FORMAT,
                "tensor 'model.a': unknown dtype 'F31'");
    e[0] = (SafetensorsEntry){.name = name_a, .dtype = "U8"};
    e[1] = e[0];
    CHECK_FAILS(safetensors_header(e, 2, NULL, 0, &out, &err), ERR_FORMAT,
                "two tensors have the name 'model.a'");
    e[0].name = reserved;
    assert_int_equal(safetensors_header(e, 1, NULL, 0, &out, &err), ERR_FORMAT);
    e[0].name = broken;
    CHECK_FAILS(safetensors_header(e, 1, NULL, 0, &out, &err), ERR_FORMAT,
                "a tensor's name is not UTF-8");
    e[0] = (SafetensorsEntry){
        .name = name_a, .dtype = "F32", .n_dims = 2, .dims = {1ll << 32, 1ll << 32}};
    CHECK_FAILS(safetensors_header(e, 1, NULL, 0, &out, &err), ERR_LIMIT,
                "tensor 'model.a': its size overflows");
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_reads_in_the_order_of_its_data),
        cmocka_unit_test(no_cut_of_a_file_is_read),
        cmocka_unit_test(each_broken_rule_is_named),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(nothing_is_a_file_too),
        cmocka_unit_test(what_could_not_be_read_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
