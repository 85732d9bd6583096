/* test_bpe_train.c - learning merges: against the plain algorithm, ties, threads. */
#include "support/text.h"

#include "base/mem.h"
#include "text/bpe_count.h"

/* The token after the 256 bytes and n merges. */
static void check_token(const Tokenizer *tok, int n, const char *want)
{
    Span got = tokenizer_bytes(tok, 256 + n);
    if (!span_equal(got, span_of(want)))
        fail_msg("merge %d is '%.*s', not '%s'", n, (int)got.len, got.ptr, want);
}

static void the_most_frequent_pair_is_merged_first(void **state)
{
    (void)state;
    Tokenizer *tok = text_train("aab aab aab xy xy", 256 + 9 + 3, SPLIT_GPT2);
    /* (a,b) 3, (a,a) 3, (" ",a) 2, (x,y) 2, (" ",x) 2: (a,b) is the greater string. */
    check_token(tok, 0, "ab");
    check_token(tok, 1, "aab");
    check_token(tok, 2, "xy");
    tokenizer_free(tok);
}

static void ties_go_to_the_greater_pair_of_byte_strings(void **state)
{
    (void)state;
    Tokenizer *tok =
        text_train("pq pq\nab ab\nzz zz\n\xff\xfe \xff\xfe", 256 + 9 + 4, SPLIT_GPT2);
    check_token(tok, 0, "\xff\xfe");
    check_token(tok, 1, "zz");
    check_token(tok, 2, "pq");
    check_token(tok, 3, "ab");
    tokenizer_free(tok);
}

static void too_large_a_vocabulary_names_the_largest(void **state)
{
    (void)state;
    Err err = {0};
    BpeTrainer *t;
    Tokenizer *tok;
    Span doc = SPAN("abab abab");
    CHECK_OK(bpe_trainer_new(&t, SPLIT_GPT2, &err));
    CHECK_OK(bpe_trainer_add(t, &doc, 1, &err));
    CHECK_FAILS(bpe_trainer_finish(t, 1000, &tok, &err), ERR_LIMIT,
                "a vocabulary of 1000 tokens, but the text supports at most 267: give "
                "more text or fewer tokens");
    CHECK_OK(bpe_trainer_finish(t, 267, &tok, &err));
    check_token(tok, 1, "abab");
    tokenizer_free(tok);
    CHECK_FAILS(bpe_trainer_finish(t, 264, &tok, &err), ERR_OPTION,
                "a vocabulary of 264 tokens is not in [265, 2097152]");
    assert_null(tok);
    bpe_trainer_free(t);
    CHECK_FAILS(bpe_trainer_new(&t, SPLIT_CUSTOM, &err), ERR_OPTION,
                "a tokenizer is trained with the split pattern gpt2, cl100k or qwen2, "
                "not with a custom one");
}

/* --- the plain algorithm, counting everything anew for each merge ------------------ */
enum { MOST_SYMBOLS = 300 };

typedef struct Plain {
    Span symbols[MOST_SYMBOLS]; /* of the text; pieces end with a symbol of length 0 */
    size_t n;
} Plain;

static bool same_pair(const Plain *p, size_t i, size_t j)
{
    return span_equal(p->symbols[i], p->symbols[j]) &&
           span_equal(p->symbols[i + 1], p->symbols[j + 1]);
}

static int order(Span x, Span y)
{
    int c = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return c != 0 ? c : (int)x.len - (int)y.len;
}

static bool is_pair(const Plain *p, size_t i)
{
    return i + 1 < p->n && p->symbols[i].len > 0 && p->symbols[i + 1].len > 0;
}

/* Position of the best pair, or n. */
static size_t best_pair(const Plain *p)
{
    size_t best = p->n, best_count = 1;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_pair(p, i))
            continue;
        size_t count = 0;
        for (size_t j = 0; j < p->n; j++)
            count += is_pair(p, j) && same_pair(p, i, j);
        int tie = 0;
        if (count == best_count && best < p->n) {
            tie = order(p->symbols[i], p->symbols[best]);
            if (tie == 0)
                tie = order(p->symbols[i + 1], p->symbols[best + 1]);
        }
        if (count > best_count || tie > 0) {
            best = i;
            best_count = count;
        }
    }
    return best;
}

static void merge_plainly(Plain *p, size_t at)
{
    Span a = p->symbols[at], b = p->symbols[at + 1];
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        Span s = p->symbols[i];
        if (is_pair(p, i) && span_equal(s, a) && span_equal(p->symbols[i + 1], b)) {
            s.len += b.len;
            i++;
        }
        p->symbols[kept++] = s;
    }
    p->n = kept;
}

/* Words of a, b and c on lines; no two newlines together, which would be a pair. */
static void draw_text(Rng *rng, char *text, size_t n, Plain *plain)
{
    for (size_t i = 0; i < n; i++) {
        bool ends = i > 0 && text[i - 1] != '\n' && rng_below(rng, 8) == 0;
        text[i] = ends ? '\n' : (char)('a' + rng_below(rng, 3));
        plain->symbols[i] = (Span){text + i, ends ? 0 : 1};
    }
    text[n] = 0;
    plain->n = n;
}

static void random_texts_give_the_merges_of_the_plain_algorithm(void **state)
{
    (void)state;
    Rng rng = check_rng();
    static Plain plain;
    char text[301];
    for (int round = 0; round < 10; round++) {
        int merges = 20;
        draw_text(&rng, text, sizeof text - 1, &plain);
        Tokenizer *tok = text_train(text, 256 + 9 + merges, SPLIT_GPT2);
        for (int i = 0; i < merges; i++) {
            size_t at = best_pair(&plain);
            assert_true(at < plain.n);
            Str want = {0};
            str_span_append(&want, plain.symbols[at]);
            str_span_append(&want, plain.symbols[at + 1]);
            check_token(tok, i, str_c(&want));
            str_release(&want);
            merge_plainly(&plain, at);
        }
        tokenizer_free(tok);
    }
}

/* --- counting ---------------------------------------------------------------------- */

/* Large enough for parts of documents: lines of words and blanks. */
static void make_text(Str *text, size_t bytes)
{
    static const char *const parts[] = {"word",
                                        " the",
                                        "\n",
                                        "\n\n",
                                        "  ",
                                        "12",
                                        "!",
                                        "'s",
                                        "\nA",
                                        "\r\n",
                                        "\xc3\xa9t\xc3\xa9"};
    Rng rng = check_rng();
    str_reset(text);
    while (text->len < bytes)
        str_puts(text, parts[rng_below(&rng, sizeof parts / sizeof *parts)]);
}

static void any_number_of_threads_counts_the_same(void **state)
{
    (void)state;
    Str text = {0};
    make_text(&text, 1200000);
    Span docs[40];
    for (size_t i = 0; i < 39; i++)
        docs[i] = (Span){text.ptr + 1000 * i, 900};
    docs[39] = str_span(&text);
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        Err err = {0};
        BpeCount *one, *many;
        const ByteMap *a, *b;
        CHECK_OK(bpe_count_new(&one, (SplitPattern)pattern, 1, &err));
        CHECK_OK(bpe_count_new(&many, (SplitPattern)pattern, 7, &err));
        for (size_t i = 0; i < 40; i++) { /* one by one: no task is shared */
            CHECK_OK(bpe_count_add(one, &docs[i], 1, &err));
        }
        CHECK_OK(bpe_count_add(many, docs, 40, &err));
        CHECK_OK(bpe_count_sum(one, &a, &err));
        CHECK_OK(bpe_count_sum(many, &b, &err));
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
            Span key = byte_map_key(a, &a->entries[i]);
            const ByteMapEntry *e = byte_map_find(b, key, byte_map_hash(key));
            if (!e || e->value != a->entries[i].value)
                fail_msg("piece %zu is counted differently", i);
        }
        bpe_count_free(one);
        bpe_count_free(many);
    }
    str_release(&text);
}

/* Counts of a document cut into parts are those of one scanner from its start. */
static void parts_of_a_document_are_cut_where_pieces_begin(void **state)
{
    (void)state;
    Err err = {0};
    Str text = {0};
    make_text(&text, 1200000);
    Span doc = str_span(&text);
    for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
        BpeCount *count;
        const ByteMap *got;
        Split *split;
        SplitCursor c;
        Span piece;
        uint64_t n = 0, total = 0;
        CHECK_OK(bpe_count_new(&count, (SplitPattern)pattern, 2, &err));
        CHECK_OK(bpe_count_add(count, &doc, 1, &err));
        CHECK_OK(bpe_count_sum(count, &got, &err));
        CHECK_OK(split_new(&split, &err));
        CHECK_OK(split_add(split, (SplitPattern)pattern, (Span){0}, &err));
        CHECK_OK(split_begin(&c, split, doc, &err));
        for (;; n++) {
            CHECK_OK(split_next(&c, &piece, &err));
            if (piece.len == 0)
                break;
            ByteMapEntry *e = byte_map_find(got, piece, byte_map_hash(piece));
            if (e && e->value > 0)
                e->value--;
            else
                fail_msg("piece %llu is not among the counted", (unsigned long long)n);
        }
        for (size_t i = 0; i < got->n; i++)
            total += got->entries[i].value;
        assert_int_equal(total, 0);
        split_end(&c);
        split_free(split);
        bpe_count_free(count);
    }
    str_release(&text);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        Err err = {0};
        BpeTrainer *t = NULL;
        Tokenizer *tok = NULL;
        Span doc = SPAN(text_sample);
        mem_fail_after(n);
        status = bpe_trainer_new(&t, SPLIT_GPT2, &err);
        if (status == OK)
            status = bpe_trainer_add(t, &doc, 1, &err);
        if (status == OK)
            status = bpe_trainer_finish(t, 256 + 9 + 5, &tok, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        tokenizer_free(tok);
        bpe_trainer_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_frequent_pair_is_merged_first),
        cmocka_unit_test(ties_go_to_the_greater_pair_of_byte_strings),
        cmocka_unit_test(too_large_a_vocabulary_names_the_largest),
        cmocka_unit_test(random_texts_give_the_merges_of_the_plain_algorithm),
        cmocka_unit_test(any_number_of_threads_counts_the_same),
        cmocka_unit_test(parts_of_a_document_are_cut_where_pieces_begin),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("text/bpe_train", tests, NULL, NULL);
}
