/* test_backends.c - the fast backend equals the reference, and the number of threads
 * changes no bit of a kernel of ours. */
#include "unit/tensor/op_cases.h"

#include "base/mem.h"

#include <math.h>

static TensorOps *cpu(int threads)
{
    TensorOps *t = NULL;
    Err err;
    CHECK_OK(tensor_cpu_new(&t, &(TensorCpuOptions){.threads = threads}, &err));
    return t;
}

/* Sums of at most a few hundred products of numbers near 1: a float's rounding, 6e-8,
 * times the square root of that, with room. */
static const double tolerance = 2e-5;

static void agrees(void (*run)(Bench *))
{
    TensorOps *slow = NULL, *fast = cpu(2);
    Err err;
    CHECK_OK(tensor_ref_new(&slow, &err));
    Bench a = bench_make(slow, 1), b = bench_make(fast, 1);
    run(&a);
    run(&b);
    assert_int_equal(a.n_shown, b.n_shown);
    for (int64_t i = 0; i < a.n_shown; i++) {
        double x = (double)a.shown[i], y = (double)b.shown[i];
        if (!(fabs(x - y) <= tolerance * (1 + fabs(x))))
            fail_msg("element %lld of %lld: ref %.9g, cpu %.9g", (long long)i,
                     (long long)a.n_shown, x, y);
    }
    bench_release(&a);
    bench_release(&b);
    tensor_free(slow);
    tensor_free(fast);
}

#define AGREES(op)                                                                     \
    static void op##_equals_the_reference(void **state)                                \
    {                                                                                  \
        (void)state;                                                                   \
        agrees(op##_case);                                                             \
    }
AGREES(linear)
AGREES(few_rows)
AGREES(elementwise)
AGREES(rows)
AGREES(rmsnorm)
AGREES(qk_norm)
AGREES(rope)
AGREES(swiglu)
AGREES(embed)
AGREES(attention)
AGREES(decode)
AGREES(head)
AGREES(long_head)
AGREES(logits)
AGREES(adamw)

static void threads_change_no_bit_of_our_kernels(void **state)
{
    (void)state;
    void (*const ours[])(Bench *) = {few_rows_case, elementwise_case, rmsnorm_case,
                                     qk_norm_case,  rope_case,        swiglu_case,
                                     embed_case,    attention_case,   decode_case,
                                     adamw_case,    logits_case};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        TensorOps *one = cpu(1);
        Bench a = bench_make(one, 2);
        ours[i](&a);
        for (int threads = 2; threads <= 3; threads++) {
            TensorOps *many = cpu(threads);
            Bench b = bench_make(many, 2);
            ours[i](&b);
            assert_int_equal(a.n_shown, b.n_shown);
            assert_memory_equal(a.shown, b.shown, (size_t)a.n_shown * sizeof(float));
            bench_release(&b);
            tensor_free(many);
        }
        bench_release(&a);
        tensor_free(one);
    }
}

static void the_same_threads_give_the_same_bits(void **state)
{
    (void)state;
    TensorOps *t = cpu(2);
    Bench a = bench_make(t, 3), b = bench_make(t, 3);
    linear_case(&a);
    long_head_case(&a);
    linear_case(&b);
    long_head_case(&b);
    assert_memory_equal(a.shown, b.shown, (size_t)a.n_shown * sizeof(float));
    bench_release(&a);
    bench_release(&b);
    tensor_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_equals_the_reference),
        cmocka_unit_test(few_rows_equals_the_reference),
        cmocka_unit_test(elementwise_equals_the_reference),
        cmocka_unit_test(rows_equals_the_reference),
        cmocka_unit_test(rmsnorm_equals_the_reference),
        cmocka_unit_test(qk_norm_equals_the_reference),
        cmocka_unit_test(rope_equals_the_reference),
        cmocka_unit_test(swiglu_equals_the_reference),
        cmocka_unit_test(embed_equals_the_reference),
        cmocka_unit_test(attention_equals_the_reference),
        cmocka_unit_test(decode_equals_the_reference),
        cmocka_unit_test(head_equals_the_reference),
        cmocka_unit_test(long_head_equals_the_reference),
        cmocka_unit_test(logits_equals_the_reference),
        cmocka_unit_test(adamw_equals_the_reference),
        cmocka_unit_test(threads_change_no_bit_of_our_kernels),
        cmocka_unit_test(the_same_threads_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
