/* test_bytes.c - numbers survive their bytes; 16-bit floats round and widen as IEEE
 * and bfloat16 say. */
#include "support/check.h"

#include "base/bytes.h"

#include <math.h>

static void numbers_are_little_endian(void **state)
{
    (void)state;
    unsigned char b[9] = {0xff, 1, 2, 3, 4, 5, 6, 7, 0x88};
    assert_true(bytes_u32(b + 1) == 0x04030201u);
    assert_true(bytes_u64(b + 1) == 0x8807060504030201u);
    unsigned char back[8];
    bytes_put_u64(back, 0x8807060504030201u);
    assert_memory_equal(back, b + 1, 8);
    bytes_put_u32(back, 0xdeadbeefu);
    assert_memory_equal(back, "\xef\xbe\xad\xde", 4);
    assert_true(bytes_f32("\x00\x00\xc0\x3f") == 1.5f);
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(bytes_f32_to_bf16(1.0f), 0x3f80);
    assert_int_equal(bytes_f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);     /* tie: even */
    assert_int_equal(bytes_f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82); /* tie: even */
    assert_int_equal(bytes_f32_to_bf16(1.0f + 0x1.02p-8f), 0x3f81);  /* above it */
    assert_int_equal(bytes_f32_to_bf16(-0.0f), 0x8000);
    assert_int_equal(bytes_f32_to_bf16(3.4e38f), 0x7f80); /* rounds up to Inf */
    assert_int_equal(bytes_f32_to_bf16(-INFINITY), 0xff80);
}

static void bf16_nan_stays_nan(void **state)
{
    (void)state;
    float quiet =
        bytes_f32("\x01\x00\x80\x7f"); /* all its fraction is in the low half */
    assert_true(isnan(bytes_bf16_to_f32(bytes_f32_to_bf16(quiet))));
    assert_true(isnan(bytes_bf16_to_f32(bytes_f32_to_bf16(NAN))));
}

static void every_bf16_survives_the_round_trip(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = bytes_bf16_to_f32((uint16_t)h);
        if (!isnan(f))
            assert_int_equal(bytes_f32_to_bf16(f), h);
    }
}

static void halves_widen_exactly(void **state)
{
    (void)state;
    assert_true(bytes_f16_to_f32(0x3c00) == 1.0f);
    assert_true(bytes_f16_to_f32(0xc000) == -2.0f);
    assert_true(bytes_f16_to_f32(0x7bff) == 65504.0f);
    assert_true(bytes_f16_to_f32(0x0001) == 0x1p-24f);
    assert_true(bytes_f16_to_f32(0x83ff) == -0x1.ff8p-15f);
    assert_true(bytes_f16_to_f32(0x0400) == 0x1p-14f);
    assert_true(bytes_f16_to_f32(0x7c00) == INFINITY);
    assert_true(bytes_f16_to_f32(0xfc00) == -INFINITY);
    assert_true(isnan(bytes_f16_to_f32(0x7c01)));
    assert_true(signbit(bytes_f16_to_f32(0x8000)));
}

static void halves_grow_with_their_bits(void **state)
{
    (void)state;
    for (uint32_t h = 1; h <= 0x7c00; h++)
        assert_true(bytes_f16_to_f32((uint16_t)h) >
                    bytes_f16_to_f32((uint16_t)(h - 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_nan_stays_nan),
        cmocka_unit_test(every_bf16_survives_the_round_trip),
        cmocka_unit_test(halves_widen_exactly),
        cmocka_unit_test(halves_grow_with_their_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
