/* test_mem.c - arrays are zeroed, aligned and checked. */
#include "support/check.h"

#include "base/mem.h"

#include <stdbool.h>

static bool all_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i])
            return false;
    }
    return true;
}

static void arrays_are_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 37) {
        unsigned char *p = mem_alloc_array(n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_true(all_zero(p, 3 * n));
        mem_free(p);
    }
    mem_free(NULL);
}

static void products_that_overflow_are_no_memory(void **state)
{
    (void)state;
    assert_null(mem_alloc_array(SIZE_MAX, 2));
    assert_null(mem_alloc_array((size_t)1 << 33, (size_t)1 << 33));
    assert_null(mem_dup("x", SIZE_MAX));
    Err err = {0};
    double other = 0, *v = &other;
    CHECK_FAILS(MEM_ARRAY(&v, SIZE_MAX, &err), ERR_NOMEM,
                "no memory for 18446744073709551615 elements of 8 bytes");
    assert_null(v);
}

static void growing_keeps_old_and_zeroes_new(void **state)
{
    (void)state;
    uint16_t *v = mem_grow_array(NULL, 0, 3, 2);
    assert_non_null(v);
    v[0] = 7, v[1] = 8, v[2] = 9;
    v = mem_grow_array(v, 3, 100, 2);
    assert_non_null(v);
    assert_true(v[0] == 7 && v[1] == 8 && v[2] == 9);
    assert_true(all_zero((unsigned char *)(v + 3), 97 * 2));
    mem_fail_after(0);
    assert_null(mem_grow_array(v, 100, 200, 2));
    assert_int_equal(v[2], 9); /* still ours */
    mem_free(v);
}

static void push_room_doubles(void **state)
{
    (void)state;
    Err err = {0};
    int64_t *v = NULL;
    size_t n = 0, cap = 0, moves = 0;
    for (; n < 1000; n++) {
        size_t before = cap;
        CHECK_OK(MEM_PUSH_ROOM(&v, n, &cap, &err));
        moves += cap != before;
        v[n] = (int64_t)n;
    }
    assert_int_equal(moves, 8); /* 8, 16, ... 1024 */
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v[i], i);
    mem_free(v);
}

static void the_chosen_allocation_fails_and_no_other(void **state)
{
    (void)state;
    mem_fail_after(2);
    for (int i = 0; i < 6; i++) {
        void *p = mem_alloc_array(1, 8);
        assert_true((p == NULL) == (i == 2));
        mem_free(p);
    }
    mem_fail_after(0);
    mem_fail_after(-1);
    void *p = mem_alloc_array(1, 8);
    assert_non_null(p);
    mem_free(p);
}

static void dup_copies_nuls_and_ends_with_one(void **state)
{
    (void)state;
    char *copy = mem_dup("a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    mem_free(copy);
    copy = mem_dup(NULL, 0);
    assert_string_equal(copy, "");
    mem_free(copy);
}

static void peak_memory_is_known_and_grows(void **state)
{
    (void)state;
    int64_t before = mem_peak_rss();
    char *p = mem_alloc_array(64 << 20, 1);
    assert_non_null(p);
    assert_true(before > 0 && mem_peak_rss() >= before + (32 << 20));
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_zeroed_and_aligned),
        cmocka_unit_test(products_that_overflow_are_no_memory),
        cmocka_unit_test(growing_keeps_old_and_zeroes_new),
        cmocka_unit_test(push_room_doubles),
        cmocka_unit_test(the_chosen_allocation_fails_and_no_other),
        cmocka_unit_test(dup_copies_nuls_and_ends_with_one),
        cmocka_unit_test(peak_memory_is_known_and_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
