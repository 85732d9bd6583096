/* Stop strings over pieces of text. */
#include "support/check.h"

#include "engine/stop.h"

static void a_string_that_spans_three_pieces_is_found(void **state)
{
    (void)state;
    StopMatcher m;
    Span stop[] = {SPAN("\nUser:")};
    stop_reset(&m);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("hello\nU")), 0);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("se")), 0);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("r: hi")), 9); /* "\nUser: hi" */
}

static void a_near_miss_may_overlap_the_match(void **state)
{
    (void)state;
    StopMatcher m;
    Span stop[] = {SPAN("aab")};
    stop_reset(&m);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("aa")), 0);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("ab")), 3);
}

static void of_two_that_end_together_the_longest_counts(void **state)
{
    (void)state;
    StopMatcher m;
    Span stop[] = {SPAN("c"), SPAN("abc"), SPAN("bc")};
    stop_reset(&m);
    assert_int_equal(stop_feed(&m, stop, 3, SPAN("xabcx")), 4);
}

static void nothing_reaches_back_over_a_reset(void **state)
{
    (void)state;
    StopMatcher m;
    Span stop[] = {SPAN("ab")};
    stop_reset(&m);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("a")), 0);
    stop_reset(&m);
    assert_int_equal(stop_feed(&m, stop, 1, SPAN("b")), 0);
}

/* The tail is moved every 256 bytes: a longest string, begun at every offset, is found. */
static void the_longest_string_is_found_at_every_offset(void **state)
{
    (void)state;
    char longest[ENGINE_STOP_BYTES];
    memset(longest, 'y', sizeof longest);
    longest[0] = 'x';
    Span stop[] = {{longest, sizeof longest}};
    for (int before = 0; before < 600; before++) {
        StopMatcher m;
        stop_reset(&m);
        for (int i = 0; i < before; i++)
            assert_int_equal(stop_feed(&m, stop, 1, SPAN("-")), 0);
        for (size_t i = 0; i + 1 < sizeof longest; i++)
            assert_int_equal(stop_feed(&m, stop, 1, (Span){longest + i, 1}), 0);
        assert_int_equal(stop_feed(&m, stop, 1, SPAN("y")), sizeof longest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_that_spans_three_pieces_is_found),
        cmocka_unit_test(a_near_miss_may_overlap_the_match),
        cmocka_unit_test(of_two_that_end_together_the_longest_counts),
        cmocka_unit_test(nothing_reaches_back_over_a_reset),
        cmocka_unit_test(the_longest_string_is_found_at_every_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
