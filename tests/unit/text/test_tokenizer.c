/* test_tokenizer.c - byte-level tokenizers: encoding, decoding, special tokens. */
#include "support/text.h"

#include "base/mem.h"
#include "base/system.h"
#include "text/merge.h"

static const char *const specials[] = {TOKEN_BOS, TOKEN_EOS, TOKEN_END};

/* "ab" = 256, "abc" = 257, "bc" = 258, then three specials. */
static Tokenizer *small(void)
{
    const Span merges[][2] = {
        {{"a", 1}, {"b", 1}}, {{"ab", 2}, {"c", 1}}, {{"b", 1}, {"c", 1}}};
    Err err = {0};
    Tokenizer *tok;
    CHECK_OK(tokenizer_from_merges(&tok, SPLIT_CL100K, merges, 3, specials, 3, &err));
    return tok;
}

static void check_ids(const Tokenizer *tok, Span text, const char *want)
{
    Err err = {0};
    Ids ids = {0};
    CHECK_OK(tokenizer_encode(tok, text, &ids, &err));
    assert_string_equal(text_ids(&ids), want);
    ids_release(&ids);
}

static void merges_go_by_rank_and_from_the_left(void **state)
{
    (void)state;
    Tokenizer *tok = small();
    /* GPT-2 numbers bytes from '!': a is 64. */
    check_ids(tok, SPAN("abc"), "257");
    check_ids(tok, SPAN("bcabcbab"), "258 257 65 256");
    check_ids(tok, SPAN("a b!"), "64 220 65 0");
    check_ids(tok, SPAN(""), "");
    tokenizer_free(tok);
}

static void special_tokens_never_come_from_text(void **state)
{
    (void)state;
    Tokenizer *tok = small();
    assert_int_equal(tokenizer_special(tok, TOKEN_BOS), 259);
    assert_int_equal(tokenizer_special(tok, "<|user|>"), -1);
    text_check_round_trip(tok, SPAN("<|bos|>x<|im_end|><|endoftext|>"));
    tokenizer_free(tok);
}

static void roles_are_found_by_name(void **state)
{
    (void)state;
    Tokenizer *tok = small();
    assert_int_equal(tokenizer_bos(tok), 259);
    assert_int_equal(tokenizer_eos(tok), 260);
    assert_int_equal(tokenizer_end_of_turn(tok), 261);
    assert_int_equal(tokenizer_pad(tok), -1);
    assert_int_equal(tokenizer_vocab(tok), 262);
    assert_true(tokenizer_is_special(tok, 261));
    assert_false(tokenizer_is_special(tok, 258));
    assert_true(span_equal(tokenizer_bytes(tok, 261), SPAN("<|im_end|>")));
    tokenizer_free(tok);
}

static void specials_are_left_out_of_decoded_text_unless_asked_for(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok = small();
    const int32_t ids[] = {259, 257, 261};
    Str out = {0};
    CHECK_OK(tokenizer_decode(tok, ids, 3, false, &out, &err));
    assert_string_equal(str_c(&out), "abc");
    CHECK_OK(tokenizer_decode(tok, ids, 3, true, &out, &err));
    assert_string_equal(str_c(&out), "abc<|bos|>abc<|im_end|>");
    const int32_t bad[] = {0, 262};
    CHECK_FAILS(tokenizer_decode(tok, bad, 2, true, &out, &err), ERR_FORMAT,
                "id 262 at 1 is not in [0, 262)");
    str_release(&out);
    tokenizer_free(tok);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    Rng rng = check_rng();
    char bytes[600];
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        Tokenizer *tok = text_train(text_sample, 288, (SplitPattern)pattern);
        for (int round = 0; round < 300; round++) {
            size_t n = rng_below(&rng, sizeof bytes + 1);
            uint32_t most = round % 3 == 0 ? 256 : round % 3 == 1 ? 128 : 4;
            for (size_t i = 0; i < n; i++)
                bytes[i] = (char)(rng_below(&rng, most) + (most == 4 ? 'a' : 0));
            text_check_round_trip(tok, (Span){bytes, n});
        }
        tokenizer_free(tok);
    }
}

/* Algorithm 1 of the paper, read literally. */
static size_t merge_slowly(const PairMap *merges, int32_t *ids, size_t n)
{
    for (;;) {
        uint64_t best = UINT64_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const uint64_t *v = pair_map_find(merges, ids[i], ids[i + 1]);
            if (v && *v >> 32 < best >> 32) {
                best = *v;
                at = i;
            }
        }
        if (best == UINT64_MAX)
            return n;
        ids[at] = (int32_t)(uint32_t)best;
        n--;
        memmove(ids + at + 1, ids + at + 2, (n - at - 1) * sizeof *ids);
    }
}

/* Ranks repeat on purpose, so that ties must go to the left. */
static void long_and_short_pieces_merge_as_the_definition_says(void **state)
{
    (void)state;
    Rng rng = check_rng();
    for (int round = 0; round < 300; round++) {
        Err err = {0};
        PairMap merges = {0};
        for (uint32_t i = 0; i < 12; i++) {
            uint64_t *value;
            bool is_new;
            CHECK_OK(pair_map_put(&merges, (int32_t)rng_below(&rng, 3 + i),
                                  (int32_t)rng_below(&rng, 3 + i), &value, &is_new,
                                  &err));
            *value = merge_value(rng_below(&rng, 6), (int32_t)(3 + i));
        }
        int32_t ids[200], want[200];
        size_t n = rng_below(&rng, 200), left = n;
        for (size_t i = 0; i < n; i++)
            ids[i] = want[i] = (int32_t)rng_below(&rng, 3);
        size_t n_want = merge_slowly(&merges, want, n);
        CHECK_OK(merge_ids(&merges, ids, &left, &err));
        assert_int_equal(left, n_want);
        assert_memory_equal(ids, want, n_want * sizeof *ids);
        pair_map_release(&merges);
    }
}

static void half_a_megabyte_of_one_letter_is_quick(void **state)
{
    (void)state;
    Tokenizer *tok = text_train(text_sample, 288, SPLIT_GPT2);
    Str text = {0};
    for (int i = 0; i < 1 << 19; i++)
        str_putc(&text, 't');
    double start = system_seconds();
    text_check_round_trip(tok, str_span(&text));
    assert_true(system_seconds() - start < 20); /* quadratic work takes hours */
    str_release(&text);
    tokenizer_free(tok);
}

static void merges_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    Err err = {0};
    Tokenizer *tok;
    const Span unknown[][2] = {{{"a", 1}, {"xy", 2}}};
    CHECK_FAILS(tokenizer_from_merges(&tok, SPLIT_GPT2, unknown, 1, NULL, 0, &err),
                ERR_FORMAT, "merge 0 needs 'xy', which is no token");
    const Span twice[][2] = {{{"a", 1}, {"b", 1}}, {{"a", 1}, {"b", 1}}};
    CHECK_FAILS(tokenizer_from_merges(&tok, SPLIT_GPT2, twice, 2, NULL, 0, &err),
                ERR_FORMAT, "merge 1 is there twice");
    const char *const taken[] = {"ab"};
    CHECK_FAILS(tokenizer_from_merges(&tok, SPLIT_GPT2, twice, 1, taken, 1, &err),
                ERR_FORMAT, "special token 'ab' is also a merge");
    CHECK_FAILS(tokenizer_from_merges(&tok, SPLIT_CUSTOM, twice, 1, NULL, 0, &err),
                ERR_OPTION, "a custom split pattern needs its regex");
    assert_null(tok);
}

static void fingerprints_tell_tokenizers_apart(void **state)
{
    (void)state;
    Tokenizer *a = text_train(text_sample, 288, SPLIT_GPT2);
    Tokenizer *b = text_train(text_sample, 288, SPLIT_GPT2);
    Tokenizer *c = text_train(text_sample, 289, SPLIT_GPT2);
    Tokenizer *d = text_train(text_sample, 288, SPLIT_CL100K);
    assert_int_equal(tokenizer_fingerprint(a), tokenizer_fingerprint(b));
    assert_int_not_equal(tokenizer_fingerprint(a), tokenizer_fingerprint(c));
    assert_int_not_equal(tokenizer_fingerprint(a), tokenizer_fingerprint(d));
    tokenizer_free(a);
    tokenizer_free(b);
    tokenizer_free(c);
    tokenizer_free(d);
}

/* Words of 1 to 40 letters from a few, so that the encoder meets old ones, forgets some,
 * and has pieces that are short, long and too long for its memory. */
static void an_encoder_gives_the_ids_of_its_tokenizer(void **state)
{
    (void)state;
    Err err = {0};
    Rng rng = check_rng();
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        Tokenizer *tok = text_train(text_sample, 288, (SplitPattern)pattern);
        Encoder *encoder;
        Ids want = {0}, got = {0};
        Str text = {0};
        CHECK_OK(encoder_new(&encoder, tok, &err));
        for (int round = 0; round < 40; round++) {
            str_reset(&text);
            ids_reset(&want);
            ids_reset(&got);
            for (uint32_t word = rng_below(&rng, 400); word > 0; word--) {
                uint32_t letters = 1 + rng_below(&rng, rng_below(&rng, 40) + 1);
                while (letters-- > 0)
                    str_putc(&text, "the \xc3\xa9"[rng_below(&rng, 6)]);
                str_putc(&text, ' ');
            }
            CHECK_OK(tokenizer_encode(tok, str_span(&text), &want, &err));
            CHECK_OK(encoder_encode(encoder, str_span(&text), &got, &err));
            assert_int_equal(got.len, want.len);
            if (want.len > 0)
                assert_memory_equal(got.ptr, want.ptr, want.len * sizeof *want.ptr);
        }
        encoder_free(encoder);
        ids_release(&want);
        ids_release(&got);
        str_release(&text);
        tokenizer_free(tok);
    }
}

static void a_failed_allocation_leaves_the_ids_as_they_were(void **state)
{
    (void)state;
    Tokenizer *tok = text_train(text_sample, 288, SPLIT_GPT2);
    char text[300];
    memset(text, 't', sizeof text);
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        Ids ids = {0};
        mem_fail_after(n);
        status = tokenizer_encode(tok, (Span){text, sizeof text}, &ids, &err);
        mem_fail_after(-1);
        assert_true(status == OK || (status == ERR_NOMEM && ids.len == 0));
        ids_release(&ids);
    }
    tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank_and_from_the_left),
        cmocka_unit_test(special_tokens_never_come_from_text),
        cmocka_unit_test(roles_are_found_by_name),
        cmocka_unit_test(specials_are_left_out_of_decoded_text_unless_asked_for),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(long_and_short_pieces_merge_as_the_definition_says),
        cmocka_unit_test(half_a_megabyte_of_one_letter_is_quick),
        cmocka_unit_test(merges_that_do_not_fit_are_refused),
        cmocka_unit_test(fingerprints_tell_tokenizers_apart),
        cmocka_unit_test(an_encoder_gives_the_ids_of_its_tokenizer),
        cmocka_unit_test(a_failed_allocation_leaves_the_ids_as_they_were),
    };
    return cmocka_run_group_tests_name("text/tokenizer", tests, NULL, NULL);
}
