/* test_backends.c - the fast backend equals the reference, and the number of threads
 * changes no bit of a kernel of ours. */
#include "unit/tensor/op_cases.h"

#include "base/mem.h"

#include <math.h>

/* Sums of at most a few hundred products of numbers near 1: a float's rounding, 6e-8,
 * times the square root of that, with room. */
static const double f32_tolerance = 2e-5;

typedef struct How {
    TensorCompute compute;
    BenchActivations activations;
    double tolerance;
} How;

static void agrees_with(TensorOps *fast, const char *set, void (*run)(Bench *), How how)
{
    TensorOps *slow = NULL;
    Err err;
    CHECK_OK(tensor_ref_new(&slow, &err));
    Bench a = bench_make(slow, 1), b = bench_make(fast, 1);
    a.activations = b.activations = how.activations;
    run(&a);
    run(&b);
    assert_int_equal(a.n_shown, b.n_shown);
    for (int64_t i = 0; i < a.n_shown; i++) {
        double x = (double)a.shown[i], y = (double)b.shown[i];
        if (!(fabs(x - y) <= how.tolerance * (1 + fabs(x))))
            fail_msg("element %lld of %lld: ref %.9g, %s %.9g", (long long)i,
                     (long long)a.n_shown, x, set, y);
    }
    bench_release(&a);
    bench_release(&b);
    tensor_free(slow);
}

/* With every set of instructions that is here. */
static void agrees(void (*run)(Bench *), How how)
{
    for (int i = 0; i < BENCH_SETS; i++) {
        TensorOps *fast = bench_cpu(bench_sets[i], 2, how.compute);
        if (fast)
            agrees_with(fast, bench_sets[i], run, how);
        tensor_free(fast);
    }
}

#define AGREES(op)                                                                     \
    static void op##_equals_the_reference(void **state)                                \
    {                                                                                  \
        (void)state;                                                                   \
        agrees(op##_case, (How){COMPUTE_F32, BENCH_PLAIN, f32_tolerance});             \
    }
AGREES(linear)
AGREES(few_rows)
AGREES(adapted)
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

/* Rounding errors are multiplied by five steps' slopes (test_muon.c), less the rate. */
static void muon_equals_the_reference(void **state)
{
    (void)state;
    agrees(muon_case, (How){COMPUTE_F32, BENCH_PLAIN, 1e-4});
}

/* Operands that are bf16 already lose nothing: what is left is the rounding of f32 sums,
 * with every set of instructions, those without bf16 included. */
static void products_of_bf16_are_exact_products(void **state)
{
    (void)state;
    How how = {COMPUTE_BF16, BENCH_ROUNDED, f32_tolerance};
    agrees(product_case, how);
    agrees(deep_product_case, how);
}

/* Queries, keys, values and dO that are bf16 already give exact scores; what is rounded, to
 * 2^-9 of itself, are P in O and dV, and dS in dK and dQ. With outputs near 1 and terms of
 * both signs near 1, half of whose errors cancel, that stays below 4 * 2^-9. */
static void attention_in_bf16_rounds_only_its_probabilities(void **state)
{
    (void)state;
    agrees(attention_case, (How){COMPUTE_BF16, BENCH_ROUNDED, 4.0 / 512});
}

/* What is stored in bf16 is rounded to 2^-9 of itself, and goes through another operation,
 * whose factors are gains of up to 3 and gates, at most once more. */
static void activations_are_stored_in_bf16(void **state)
{
    (void)state;
    void (*const cases[])(Bench *) = {product_case, deep_product_case, rmsnorm_case,
                                      qk_norm_case, rope_case,         swiglu_case};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        agrees(cases[i], (How){COMPUTE_BF16, BENCH_STORED, 4.0 / 512});
    /* Adapters round x a^T and dy b once more, with factors of up to 2 behind them. */
    agrees(adapted_case, (How){COMPUTE_BF16, BENCH_STORED, 6.0 / 512});
    /* Gradients of logits are; each counts in dx alone. */
    agrees(head_case, (How){COMPUTE_BF16, BENCH_STORED, 4.0 / 512});
    /* o is rounded before delta is computed from it. */
    agrees(attention_case, (How){COMPUTE_BF16, BENCH_STORED, 6.0 / 512});
}

static void rounding_to_bf16_is_to_nearest_even(void **state)
{
    (void)state;
    const float x[] = {1, 1.00390625F, 1.01171875F, 1.0039062F, -3.3895314e38F, 0};
    const float want[] = {1, 1, 1.015625F, 1, -3.3895314e38F, 0};
    for (int i = 0; i < BENCH_SETS; i++) {
        TensorOps *t = bench_cpu(bench_sets[i], 1, COMPUTE_BF16);
        if (!t)
            continue;
        Bench b = bench_make(t, 1);
        for (int j = 0; j < 6; j++) {
            float one = 1, got;
            Weight w = bench_product_weight(&b, 1, 1, 1);
            t->write(t, w.value, &one);
            t->weight_changed(t, &w);
            Tensor y = bench_zeros(&b, TENSOR_F32, 1);
            t->linear(t, y, bench_floats(&b, x + j, 1), &w, (Tensor){0}, (Tensor){0},
                      1);
            t->read(t, &got, y);
            assert_memory_equal(&got, &want[j], sizeof got);
        }
        float nan = NAN, one = 1;
        Weight w = bench_product_weight(&b, 1, 1, 1);
        t->write(t, w.value, &one);
        t->weight_changed(t, &w);
        Tensor y = bench_zeros(&b, TENSOR_F32, 1);
        t->linear(t, y, bench_floats(&b, &nan, 1), &w, (Tensor){0}, (Tensor){0}, 1);
        t->read(t, &one, y);
        assert_true(isnan(one));
        bench_release(&b);
        tensor_free(t);
    }
}

/* What a token gets does not depend on who is in the batch. */
static void a_row_has_the_same_bits_in_any_batch(void **state)
{
    (void)state;
    enum { N = 150, O = 70, C = 45 };
    float all[N * O], some[N * O];
    for (int i = 0; i < BENCH_SETS; i++) {
        TensorOps *t = bench_cpu(bench_sets[i], 2, COMPUTE_BF16);
        if (!t)
            continue;
        Bench b = bench_make(t, 1);
        Weight w = bench_product_weight(&b, O, C, 1);
        Tensor x = bench_normal(&b, N * C, 1), y = bench_zeros(&b, TENSOR_F32, N * O);
        t->linear(t, y, x, &w, (Tensor){0}, (Tensor){0}, N);
        t->read(t, all, y);
        for (int64_t first = 0, n = 1; first + n <= N; first += n, n += 3) {
            t->linear(t, tensor_slice(y, 0, n * O), tensor_slice(x, first * C, n * C),
                      &w, (Tensor){0}, (Tensor){0}, n);
            t->read(t, some, tensor_slice(y, 0, n * O));
            assert_memory_equal(some, all + first * O, (size_t)(n * O) * sizeof *all);
        }
        bench_release(&b);
        tensor_free(t);
    }
}

static void a_product_of_no_rows_is_nothing(void **state)
{
    (void)state;
    TensorOps *t = bench_cpu(NULL, 2, COMPUTE_BF16);
    Bench b = bench_make(t, 1);
    Weight w = bench_product_weight(&b, 5, 3, 1);
    t->linear(t, (Tensor){0}, (Tensor){0}, &w, (Tensor){0}, (Tensor){0}, 0);
    t->linear_backward_input(t, (Tensor){0}, (Tensor){0}, &w, 0, false);
    bench_release(&b);
    tensor_free(t);
}

/* What training starts from: with b = 0 the adapter adds nothing, not even a rounding. */
static void an_adapter_that_is_zero_changes_no_bit(void **state)
{
    (void)state;
    enum { O = 90, C = 70, MOST = 130 };
    const AdapterPiece pieces[] = {{0, 45}, {45, 20}, {65, 25}};
    const int64_t rows[] = {1, 9, 64, MOST};
    for (int i = 0; i < 2 * BENCH_SETS; i++) {
        TensorCompute compute = i % 2 ? COMPUTE_BF16 : COMPUTE_F32;
        TensorOps *t = bench_cpu(bench_sets[i / 2], 2, compute);
        if (!t)
            continue;
        Bench b = bench_make(t, 3);
        b.activations = BENCH_STORED;
        Weight w = bench_product_weight(&b, O, C, 0.3), same = w;
        bench_adapt(&b, &w, 6, pieces, 3, 2, 0.5);
        t->fill(t, w.adapter->b.value, 0);
        t->adapter_changed(t, &w);
        Tensor bias = bench_normal(&b, O, 1), absent = {0};
        for (int j = 0; j < 4; j++) {
            int64_t N = rows[j], from = b.n_shown;
            Tensor x = bench_activations(&b, N * C, 1);
            Tensor dy = bench_activations(&b, N * O, 1);
            Tensor y = bench_activations(&b, N * O, 1), dx = bench_normal(&b, N * C, 1);
            for (int with = 0; with < 2; with++) {
                Weight *one = with ? &w : &same;
                t->linear(t, y, x, one, j % 2 ? bias : absent, absent, N);
                bench_show(&b, y);
                t->linear_backward_input(t, dx, dy, one, N, false);
                bench_show(&b, dx);
            }
            int64_t half = (b.n_shown - from) / 2;
            assert_memory_equal(b.shown + from, b.shown + from + half,
                                (size_t)half * sizeof *b.shown);
        }
        bench_release(&b);
        tensor_free(t);
    }
}

/* An adapter of a fused weight is one of each of its pieces by itself. */
static void pieces_are_adapters_of_their_own(void **state)
{
    (void)state;
    enum { O = 47, C = 21, R = 5, N = 70 };
    const AdapterPiece pieces[] = {{4, 20}, {30, 17}};
    TensorOps *t = NULL;
    Err err;
    CHECK_OK(tensor_ref_new(&t, &err));
    Bench b = bench_make(t, 4);
    Weight w = bench_weight(&b, O, C, 0.3);
    bench_adapt(&b, &w, R, pieces, 2, 0.75F, 0.5);
    Tensor x = bench_normal(&b, N * C, 1), dy = bench_normal(&b, N * O, 1);
    Tensor y = bench_zeros(&b, TENSOR_F32, N * O), absent = {0};
    t->fill(t, w.adapter->a.grad, 0);
    t->fill(t, w.adapter->b.grad, 0);
    t->linear(t, y, x, &w, absent, absent, N);
    t->linear_backward_weight(t, &w, absent, dy, x, N);
    float *py = y.data, *pdy = dy.data, *da = w.adapter->a.grad.data,
          *db = w.adapter->b.grad.data;
    for (int i = 0, row = 0; i < 2; row += (int)pieces[i].rows, i++) {
        AdapterPiece p = pieces[i];
        Weight a = {.value = tensor_slice(w.adapter->a.value, i * R * C, R * C),
                    .grad = bench_zeros(&b, TENSOR_F32, R * C),
                    .rows = R,
                    .cols = C};
        Weight up = {.value = tensor_slice(w.adapter->b.value, row * R, p.rows * R),
                     .grad = bench_zeros(&b, TENSOR_F32, p.rows * R),
                     .rows = p.rows,
                     .cols = R};
        Weight part = {.value = tensor_slice(w.value, p.first * C, p.rows * C),
                       .rows = p.rows,
                       .cols = C};
        Tensor z = bench_zeros(&b, TENSOR_F32, N * R),
               dz = bench_zeros(&b, TENSOR_F32, N * R);
        Tensor want = bench_zeros(&b, TENSOR_F32, N * p.rows);
        Tensor dwant = bench_zeros(&b, TENSOR_F32, N * p.rows);
        for (int64_t n = 0; n < N; n++)
            t->write(t, tensor_slice(dwant, n * p.rows, p.rows), pdy + n * O + p.first);
        t->linear(t, z, x, &a, absent, absent, N);
        t->scale(t, z, 0.75F);
        t->linear(t, want, z, &up, absent, absent, N);
        t->linear(t, want, x, &part, absent, want, N);
        t->linear_backward_input(t, dz, dwant, &up, N, false);
        t->scale(t, dz, 0.75F);
        t->linear_backward_weight(t, &up, absent, dwant, z, N);
        t->linear_backward_weight(t, &a, absent, dz, x, N);
        const float *pw = want.data, *pa = a.grad.data, *pb = up.grad.data;
        for (int64_t n = 0; n < N; n++) {
            for (int64_t o = 0; o < p.rows; o++)
                CHECK_NEAR(py[n * O + p.first + o], pw[n * p.rows + o], 1e-5);
        }
        for (int64_t k = 0; k < R * C; k++)
            CHECK_NEAR(da[i * R * C + k], pa[k], 1e-4);
        for (int64_t k = 0; k < p.rows * R; k++)
            CHECK_NEAR(db[row * R + k], pb[k], 1e-4);
    }
    bench_release(&b);
    tensor_free(t);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    void (*const cases[])(Bench *) = {
        linear_case,      few_rows_case,  product_case, deep_product_case, adapted_case,
        elementwise_case, rmsnorm_case,   qk_norm_case, rope_case,         swiglu_case,
        embed_case,       attention_case, decode_case,  adamw_case,        logits_case,
        head_case,        long_head_case, muon_case};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool plain = cases[i] == linear_case || cases[i] == few_rows_case;
        TensorOps *one = bench_cpu(NULL, 1, COMPUTE_BF16);
        Bench a = bench_make(one, 2);
        a.activations = plain ? BENCH_PLAIN : BENCH_STORED;
        cases[i](&a);
        for (int threads = 2; threads <= 3; threads++) {
            TensorOps *many = bench_cpu(NULL, threads, COMPUTE_BF16);
            Bench b = bench_make(many, 2);
            b.activations = a.activations;
            cases[i](&b);
            assert_int_equal(a.n_shown, b.n_shown);
            assert_memory_equal(a.shown, b.shown, (size_t)a.n_shown * sizeof(float));
            bench_release(&b);
            tensor_free(many);
        }
        bench_release(&a);
        tensor_free(one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_equals_the_reference),
        cmocka_unit_test(few_rows_equals_the_reference),
        cmocka_unit_test(adapted_equals_the_reference),
        cmocka_unit_test(an_adapter_that_is_zero_changes_no_bit),
        cmocka_unit_test(pieces_are_adapters_of_their_own),
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
        cmocka_unit_test(muon_equals_the_reference),
        cmocka_unit_test(products_of_bf16_are_exact_products),
        cmocka_unit_test(attention_in_bf16_rounds_only_its_probabilities),
        cmocka_unit_test(activations_are_stored_in_bf16),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even),
        cmocka_unit_test(a_row_has_the_same_bits_in_any_batch),
        cmocka_unit_test(a_product_of_no_rows_is_nothing),
        cmocka_unit_test(threads_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
