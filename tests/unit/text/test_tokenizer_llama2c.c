/* test_tokenizer_llama2c.c - score vocabularies: llama2.c's file and its encoding. */
#include "support/text.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "text/tokenizer_write.h"

typedef struct Piece {
    const char *text;
    float score;
} Piece;

static void put_token(Str *file, const char *text, float score)
{
    char head[8];
    uint32_t bits;
    memcpy(&bits, &score, 4);
    bytes_put_u32(head, bits);
    bytes_put_u32(head + 4, (uint32_t)strlen(text));
    str_append(file, head, 8);
    str_puts(file, text);
}

/* The 259 first tokens of every such file, then pieces. */
static void make_file(Str *file, const Piece *pieces, size_t n)
{
    char name[8] = {7};
    str_reset(file);
    str_append(file, name, 4);
    put_token(file, "<unk>", 0);
    put_token(file, "\n<s>\n", 0);
    put_token(file, "\n</s>\n", 0);
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_token(file, name, 0);
    }
    for (size_t i = 0; i < n; i++)
        put_token(file, pieces[i].text, pieces[i].score);
}

static Tokenizer *load(const Piece *pieces, size_t n)
{
    Err err = {0};
    Str file = {0};
    Tokenizer *tok;
    make_file(&file, pieces, n);
    CHECK_OK(tokenizer_from_llama2c(&tok, str_span(&file), (int32_t)(259 + n), &err));
    str_release(&file);
    return tok;
}

/* Ids from 259: " " h e l o " h" he ll hell "llo" e-acute. */
static const Piece pieces[] = {
    {" ", -20}, {"h", -21}, {"e", -22},   {"l", -23},  {"o", -24},        {" h", -3},
    {"he", -1}, {"ll", -2}, {"hell", -5}, {"llo", -4}, {"\xc3\xa9", -25},
};
enum { N_PIECES = sizeof pieces / sizeof *pieces };

static void check_ids(const Tokenizer *tok, Span text, const char *want)
{
    Err err = {0};
    Ids ids = {0};
    CHECK_OK(tokenizer_encode(tok, text, &ids, &err));
    assert_string_equal(text_ids(&ids), want);
    ids_release(&ids);
}

static void the_best_score_merges_first_behind_a_dummy_space(void **state)
{
    (void)state;
    Tokenizer *tok = load(pieces, N_PIECES);
    assert_int_equal(tokenizer_kind(tok), TOKENIZER_SCORES);
    assert_int_equal(tokenizer_bos(tok), 1);
    assert_int_equal(tokenizer_eos(tok), 2);
    assert_true(tokenizer_adds_bos(tok));
    /* " hello": he, then ll, then llo before hell. */
    check_ids(tok, SPAN("hello"), "259 265 268");
    check_ids(tok, SPAN("hhell"), "264 267");
    check_ids(tok, SPAN(""), "");
    check_ids(tok, SPAN(" "), "259 259");
    tokenizer_free(tok);
}

static void characters_that_are_no_token_fall_back_to_bytes(void **state)
{
    (void)state;
    Tokenizer *tok = load(pieces, N_PIECES);
    check_ids(tok, SPAN("\n"), "259 13");
    check_ids(tok, SPAN("\xc3\xa9\xe2\x82\xac"), "259 269 229 133 175");
    check_ids(tok, SPAN("a\0b"), "259 100 3 101");
    check_ids(tok, SPAN("\x80\x81"), "259 131 132");
    tokenizer_free(tok);
}

static void names_of_specials_and_bytes_are_only_letters_in_text(void **state)
{
    (void)state;
    Tokenizer *tok = load(pieces, N_PIECES);
    Ids ids = {0};
    Err err = {0};
    CHECK_OK(tokenizer_encode(tok, SPAN("<s><0x0A>"), &ids, &err));
    assert_int_equal(ids.len, 10);
    assert_int_equal(ids.ptr[1], '<' + 3);
    ids_release(&ids);
    tokenizer_free(tok);
}

static void one_space_behind_bos_is_left_out_of_decoded_text(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok = load(pieces, N_PIECES);
    const int32_t ids[] = {1, 259, 265, 268, 259, 13, 131};
    Str out = {0};
    CHECK_OK(tokenizer_decode(tok, ids, 7, false, &out, &err));
    assert_string_equal(str_c(&out), "hello \n\x80");
    str_reset(&out);
    CHECK_OK(tokenizer_decode(tok, ids + 1, 3, false, &out, &err));
    assert_string_equal(str_c(&out), " hello");
    assert_int_equal(tokenizer_bytes_after(tok, 1, 264).len, 1);
    assert_int_equal(tokenizer_bytes_after(tok, 265, 264).len, 2);
    str_release(&out);
    tokenizer_free(tok);
}

/* --- llama2.c's encode(), on ids and bytes as there ------------------------------- */
typedef struct Vocabulary {
    Piece pieces[64];
    size_t n;
} Vocabulary;

static int look_up(const Vocabulary *v, const char *text)
{
    for (size_t i = 0; i < v->n; i++) {
        if (strcmp(v->pieces[i].text, text) == 0)
            return (int)(259 + i);
    }
    return -1;
}

static void encode_plainly(const Vocabulary *v, const char *text, Ids *ids)
{
    Err err = {0};
    char buffer[64];
    if (*text)
        CHECK_OK(ids_push(ids, look_up(v, " "), &err));
    for (const char *c = text; *c; c++) {
        buffer[0] = *c;
        buffer[1] = 0;
        int id = look_up(v, buffer);
        CHECK_OK(ids_push(ids, id >= 0 ? id : (unsigned char)*c + 3, &err));
    }
    for (;;) {
        float best_score = -1e10f;
        int best_id = -1;
        size_t at = 0;
        for (size_t i = 0; i + 1 < ids->len; i++) {
            int32_t a = ids->ptr[i], b = ids->ptr[i + 1];
            if (a < 259 || b < 259)
                continue;
            snprintf(buffer, sizeof buffer, "%s%s", v->pieces[a - 259].text,
                     v->pieces[b - 259].text);
            int id = look_up(v, buffer);
            if (id >= 0 && v->pieces[id - 259].score > best_score) {
                best_score = v->pieces[id - 259].score;
                best_id = id;
                at = i;
            }
        }
        if (best_id < 0)
            return;
        ids->ptr[at] = best_id;
        memmove(ids->ptr + at + 1, ids->ptr + at + 2,
                (ids->len - at - 2) * sizeof *ids->ptr);
        ids->len--;
    }
}

/* Few letters, many pieces, scores that tie now and then. */
static void random_vocabularies_encode_as_llama2c_does(void **state)
{
    (void)state;
    Rng rng = check_rng();
    static char names[64][8];
    for (int round = 0; round < 200; round++) {
        Vocabulary v = {.pieces = {{" ", -9}, {"a", -9}, {"b", -9}}, .n = 3};
        while (v.n < 40) {
            uint32_t len = 2 + rng_below(&rng, 4);
            for (uint32_t i = 0; i < len; i++)
                names[v.n][i] = "ab "[rng_below(&rng, 3)];
            names[v.n][len] = 0;
            if (look_up(&v, names[v.n]) >= 0)
                continue;
            v.pieces[v.n].text = names[v.n];
            v.pieces[v.n].score = -(float)rng_below(&rng, 30);
            v.n++;
        }
        Tokenizer *tok = load(v.pieces, v.n);
        for (int i = 0; i < 20; i++) {
            Err err = {0};
            Ids got = {0}, want = {0};
            char text[100];
            uint32_t n = rng_below(&rng, sizeof text);
            for (uint32_t j = 0; j < n; j++)
                text[j] = "aabb cab  "[rng_below(&rng, 10)];
            text[n] = 0;
            encode_plainly(&v, text, &want);
            CHECK_OK(tokenizer_encode(tok, span_of(text), &got, &err));
            assert_int_equal(got.len, want.len);
            if (got.len > 0)
                assert_memory_equal(got.ptr, want.ptr, got.len * sizeof *got.ptr);
            ids_release(&got);
            ids_release(&want);
        }
        tokenizer_free(tok);
    }
}

/* --- files ------------------------------------------------------------------------- */
static void it_comes_back_from_tokenizer_json(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok = load(pieces, N_PIECES), *back;
    Str json = {0}, config = {0}, again = {0};
    tokenizer_write_json(tok, &json);
    tokenizer_write_config(tok, &config);
    CHECK_OK(tokenizer_from_json(&back, str_span(&json), str_span(&config), &err));
    assert_int_equal(tokenizer_fingerprint(back), tokenizer_fingerprint(tok));
    assert_int_equal(tokenizer_kind(back), TOKENIZER_SCORES);
    assert_true(tokenizer_adds_bos(back));
    check_ids(back, SPAN("hello\n"), "259 265 268 13");
    tokenizer_write_json(back, &again);
    assert_string_equal(str_c(&again), str_c(&json));
    str_release(&json);
    str_release(&config);
    str_release(&again);
    tokenizer_free(tok);
    tokenizer_free(back);
}

static void every_cut_file_is_a_format_error(void **state)
{
    (void)state;
    Str file = {0};
    make_file(&file, pieces, N_PIECES);
    for (size_t n = 0; n < file.len; n++) {
        Err err = {0};
        Tokenizer *tok;
        assert_int_equal(
            tokenizer_from_llama2c(&tok, (Span){file.ptr, n}, 259 + N_PIECES, &err),
            ERR_FORMAT);
        assert_null(tok);
    }
    str_release(&file);
}

static void errors_name_the_token_and_the_fault(void **state)
{
    (void)state;
    Err err = {0};
    Str file = {0};
    Tokenizer *tok;
    make_file(&file, pieces, N_PIECES);
    Span bytes = str_span(&file);
    CHECK_FAILS(tokenizer_from_llama2c(&tok, bytes, 258, &err), ERR_FORMAT,
                "a vocabulary of 258 tokens, fewer than 259");
    CHECK_FAILS(tokenizer_from_llama2c(&tok, bytes, 1000, &err), ERR_FORMAT,
                "3736 bytes, too few for 1000 tokens");
    CHECK_FAILS(tokenizer_from_llama2c(&tok, bytes, 269, &err), ERR_FORMAT,
                "10 bytes behind the last of 269 tokens");
    const Piece twice[] = {{" ", -1}, {"a", -2}, {"a", -3}};
    make_file(&file, twice, 3);
    CHECK_FAILS(tokenizer_from_llama2c(&tok, str_span(&file), 262, &err), ERR_FORMAT,
                "token 261: tokens 260 and 261 are the same");
    const Piece no_space[] = {{"a", -2}};
    make_file(&file, no_space, 1);
    CHECK_FAILS(tokenizer_from_llama2c(&tok, str_span(&file), 260, &err), ERR_FORMAT,
                "no token for a space");
    str_release(&file);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Str file = {0};
    make_file(&file, pieces, N_PIECES);
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        Tokenizer *tok;
        mem_fail_after(n);
        status = tokenizer_from_llama2c(&tok, str_span(&file), 259 + N_PIECES, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        tokenizer_free(tok);
    }
    str_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_score_merges_first_behind_a_dummy_space),
        cmocka_unit_test(characters_that_are_no_token_fall_back_to_bytes),
        cmocka_unit_test(names_of_specials_and_bytes_are_only_letters_in_text),
        cmocka_unit_test(one_space_behind_bos_is_left_out_of_decoded_text),
        cmocka_unit_test(random_vocabularies_encode_as_llama2c_does),
        cmocka_unit_test(it_comes_back_from_tokenizer_json),
        cmocka_unit_test(every_cut_file_is_a_format_error),
        cmocka_unit_test(errors_name_the_token_and_the_fault),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("text/tokenizer_llama2c", tests, NULL, NULL);
}
