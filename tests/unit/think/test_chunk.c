/* test_chunk.c - documents cut into passages: where they end, what they repeat, and that
 * no word is lost. */
#include "support/check.h"

#include "base/mem.h"
#include "think/retrieval/chunk.h"

static Err err;

enum { MOST = 4096 };
typedef struct Cut {
    Chunk chunks[MOST];
    char headings[MOST][64];
    size_t n;
} Cut;
static Cut cut;

static Status keep(void *self, const Chunk *chunk, Err *e)
{
    Cut *c = self;
    if (c->n == MOST)
        return err_set(e, ERR_LIMIT, "too many");
    (void)snprintf(c->headings[c->n], sizeof c->headings[0], "%.*s",
                   (int)chunk->heading.len, chunk->heading.ptr);
    c->chunks[c->n++] = *chunk;
    return OK;
}

static void cut_text(Span text, int64_t size, int64_t overlap)
{
    ChunkOptions o = {size, overlap};
    cut.n = 0;
    CHECK_OK(chunk_document(text, &o, &measure_words, keep, &cut, &err));
}

static void check_passage(Span text, size_t i, const char *want)
{
    assert_true(i < cut.n);
    Span got = {text.ptr + cut.chunks[i].start,
                cut.chunks[i].end - cut.chunks[i].start};
    if (!span_equal(got, span_of(want)))
        fail_msg("passage %zu is '%.*s', not '%s'", i, (int)got.len, got.ptr, want);
}

static void passages_lie_under_their_headings(void **state)
{
    (void)state;
    Span text = SPAN("Before any.\n\n# Land #\n\n## Rivers\nThe Ulka.\n\nTowns\n-----\n"
                     "Denton.\n# Sea\nSalt.\n");
    cut_text(text, 20, 0);
    assert_int_equal(cut.n, 4);
    const char *headings[] = {"", "Land > Rivers", "Land > Towns", "Sea"};
    const char *bodies[] = {"Before any.", "The Ulka.", "Denton.", "Salt."};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(cut.headings[i], headings[i]);
        check_passage(text, i, bodies[i]);
    }
}

static void a_heading_with_nothing_under_it_is_found_all_the_same(void **state)
{
    (void)state;
    Span text = SPAN("# One\n## Deeper\n## Other\nText.\n# Last\n");
    cut_text(text, 20, 0);
    assert_int_equal(cut.n, 3);
    check_passage(text, 0, "## Deeper");
    assert_string_equal(cut.headings[0], "One > Deeper");
    check_passage(text, 1, "Text.");
    check_passage(text, 2, "# Last");
}

static void no_heading_is_seen_in_a_fence_or_a_rule(void **state)
{
    (void)state;
    Span text = SPAN("Run:\n```sh\n# a comment\nmake\n```\nThen.\n\n---\n\n#hashtag\n");
    cut_text(text, 20, 0);
    assert_int_equal(cut.n, 1);
    assert_string_equal(cut.headings[0], "");
    check_passage(text, 0,
                  "Run:\n```sh\n# a comment\nmake\n```\nThen.\n\n---\n\n#hashtag");
}

static void passages_end_with_sentences_and_repeat_the_last(void **state)
{
    (void)state;
    Span text = SPAN("One two three four. Dr. No met J. Smith here. Five six seven "
                     "eight. Nine ten (e.g. more) eleven. Twelve is e.g. the end of it "
                     "all. And again one two three four.");
    cut_text(text, 10, 6);
    assert_int_equal(cut.n, 5);
    check_passage(text, 0, "One two three four. Dr. No met J. Smith here.");
    check_passage(text, 1, "Dr. No met J. Smith here. Five six seven eight.");
    check_passage(text, 2, "Five six seven eight. Nine ten (e.g. more) eleven.");
    check_passage(text, 3, "Twelve is e.g. the end of it all.");
    check_passage(text, 4, "And again one two three four.");
}

static void lines_of_a_list_stay_whole_and_wrapped_prose_flows(void **state)
{
    (void)state;
    Span list = SPAN("Area: 10 sq. Km in all\nCoast: none\nRivers: Ulka; Elta\n"
                     "Towns: Denton; Rolham; Lamford\n");
    cut_text(list, 8, 0);
    check_passage(list, 0, "Area: 10 sq. Km in all\nCoast: none");
    Span prose = SPAN("The river runs through the town\nand turns north. There it "
                      "meets\nthe sea at last, after many\nmiles.\n");
    cut_text(prose, 10, 0);
    check_passage(prose, 0, "The river runs through the town\nand turns north.");
}

static void a_remainder_goes_with_the_last_and_paragraphs_are_good_ends(void **state)
{
    (void)state;
    Span text = SPAN("a b c d.\n\nE f g h.\n\nI j k l.\n\nM n.\n");
    cut_text(text, 10, 0);
    assert_int_equal(cut.n, 2);
    check_passage(text, 0, "a b c d.\n\nE f g h.");
    check_passage(text, 1, "I j k l.\n\nM n.");
    text = SPAN("a b c d.\n\nE f g h.\n\nI j.\n");
    cut_text(text, 8, 0);
    assert_int_equal(cut.n, 1);
}

static void an_overlap_as_long_as_a_passage_is_refused(void **state)
{
    (void)state;
    ChunkOptions o = {16, 16};
    CHECK_FAILS(chunk_document(SPAN("x"), &o, &measure_words, keep, &cut, &err),
                ERR_OPTION, "an overlap of 16 does not fit into passages of 16");
}

static void words_are_counted_fairly(void **state)
{
    (void)state;
    assert_int_equal(measure_words.count(NULL, SPAN("It's 3,5 km.")), 5);
    assert_int_equal(measure_words.count(NULL, SPAN("\xe6\xb1\x89\xe5\xad\x97")), 2);
    assert_int_equal(measure_words.count(NULL, SPAN("\xc3\xa9t\xc3\xa9")), 1);
    assert_int_equal(
        measure_words.count(NULL, SPAN("................................")), 2);
}

/* Property: texts of random words, headings, blanks and stray bytes. Passages are in
 * order, not too long, and hold every byte of a word that is not in a heading. */
static void check_random(Rng *r)
{
    static const char *const parts[] = {
        "word ", "Next. ",      "\n",     "\n\n", "\n# H\n",
        "\xff",  "\xc3\xa9 ",   "```\n",  "...",  "\n---\n",
        "\r\n",  "1,2 Of it. ", "x: y\n", " ",    "\t"};
    Str text = {0};
    for (uint32_t n = rng_below(r, 300); n > 0; n--)
        str_puts(&text, parts[rng_below(r, sizeof parts / sizeof *parts)]);
    int64_t size = 8 + rng_below(r, 20), overlap = rng_below(r, 8);
    cut_text(str_span(&text), size, overlap);
    size_t at = 0;
    for (size_t i = 0; i < cut.n; i++) {
        const Chunk *c = &cut.chunks[i];
        assert_true(c->start < c->end && c->end <= text.len);
        assert_true(c->size <= size + size / 4);
        if (i > 0) {
            assert_true(c->start > cut.chunks[i - 1].start);
            assert_true(c->end > cut.chunks[i - 1].end);
        }
        for (; at < c->start; at++) {
            char letter = str_c(&text)[at];
            bool lost = letter != '\0' && strchr("wordNextOfity", letter);
            bool setext = span_find(str_span(&text), SPAN("\n---"), at) >= 0;
            if (lost && !setext)
                fail_msg("'%.20s' is lost", text.ptr + at);
        }
        at = c->end > at ? c->end : at;
    }
    str_release(&text);
}

static void no_word_is_lost_and_no_passage_is_too_long(void **state)
{
    (void)state;
    Rng r = check_rng();
    for (int i = 0; i < 300; i++)
        check_random(&r);
}

static Status count_only(void *self, const Chunk *chunk, Err *e)
{
    (void)e;
    size_t *sizes = self;
    sizes[0]++;
    sizes[1] =
        chunk->end - chunk->start > sizes[1] ? chunk->end - chunk->start : sizes[1];
    return OK;
}

/* A line without end, without a blank, without a full stop; and one of full stops. */
static void endless_lines_are_cut_in_one_pass(void **state)
{
    (void)state;
    const char *const kinds[] = {"x",   "word ",        "a.", ".",
                                 "A. ", "\xe2\x82\xac", "#",  "`"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        Str text = {0};
        while (text.len < 1 << 20)
            str_puts(&text, kinds[k]);
        size_t sizes[2] = {0, 0};
        ChunkOptions o = {128, 24};
        CHECK_OK(chunk_document(str_span(&text), &o, &measure_words, count_only, sizes,
                                &err));
        assert_true(sizes[1] <= (size_t)160 * 16);
        assert_true(sizes[0] > 0 || k == 3 || k >= 6); /* nothing there to find */
        str_release(&text);
    }
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    Span text = SPAN("# H\nOne. Two. Three.\n\n# I\nFour.\n");
    ChunkOptions o = {8, 2};
    Status status = ERR_NOMEM;
    for (long n = 0; status != OK; n++) {
        cut.n = 0;
        mem_fail_after(n);
        status = chunk_document(text, &o, &measure_words, keep, &cut, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
    }
    assert_int_equal(cut.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passages_lie_under_their_headings),
        cmocka_unit_test(a_heading_with_nothing_under_it_is_found_all_the_same),
        cmocka_unit_test(no_heading_is_seen_in_a_fence_or_a_rule),
        cmocka_unit_test(passages_end_with_sentences_and_repeat_the_last),
        cmocka_unit_test(lines_of_a_list_stay_whole_and_wrapped_prose_flows),
        cmocka_unit_test(a_remainder_goes_with_the_last_and_paragraphs_are_good_ends),
        cmocka_unit_test(an_overlap_as_long_as_a_passage_is_refused),
        cmocka_unit_test(words_are_counted_fairly),
        cmocka_unit_test(no_word_is_lost_and_no_passage_is_too_long),
        cmocka_unit_test(endless_lines_are_cut_in_one_pass),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
