/* test_shape.c - legal shapes, their parameters and their arithmetic (model/shape.c). */
#include "support/small_model.h"

#include <math.h>

static ModelShape shape_of(int32_t vocab, int32_t hidden, int32_t intermediate,
                           int32_t layers, int32_t heads, int32_t kv_heads)
{
    return (ModelShape){.head = HEAD_LM,
                        .vocab = vocab,
                        .hidden = hidden,
                        .intermediate = intermediate,
                        .layers = layers,
                        .heads = heads,
                        .kv_heads = kv_heads,
                        .context = 2048,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5};
}

static void parameter_counts_are_the_published_ones(void **state)
{
    (void)state;
    Err err;
    ModelShape llama2_7b = shape_of(32000, 4096, 11008, 32, 32, 32);
    CHECK_OK(model_shape_check(&llama2_7b, &err));
    assert_int_equal(llama2_7b.head_dim, 128);
    assert_int_equal(model_shape_params(&llama2_7b), 6738415616);

    ModelShape qwen2_half_b = shape_of(151936, 896, 4864, 24, 14, 2);
    qwen2_half_b.tied = qwen2_half_b.qkv_bias = true;
    CHECK_OK(model_shape_check(&qwen2_half_b, &err));
    assert_int_equal(qwen2_half_b.family, MODEL_QWEN2);
    assert_int_equal(model_shape_params(&qwen2_half_b), 494032768);

    ModelShape qwen3_0_6b = shape_of(151936, 1024, 3072, 28, 16, 8);
    qwen3_0_6b.head_dim = 128;
    qwen3_0_6b.tied = qwen3_0_6b.qk_norm = true;
    CHECK_OK(model_shape_check(&qwen3_0_6b, &err));
    assert_int_equal(qwen3_0_6b.family, MODEL_QWEN3);
    assert_int_equal(model_shape_params(&qwen3_0_6b), 596049920);
}

static void training_flops_count_matrices_head_and_attention(void **state)
{
    (void)state;
    Err err;
    ModelShape s = shape_of(100, 8, 12, 3, 2, 1);
    CHECK_OK(model_shape_check(&s, &err));
    /* a layer: qkv (2+2)*4*8, out 8*8, gate and up 24*8, down 8*12 */
    double matmul = 3 * (128 + 64 + 192 + 96) + 100 * 8;
    CHECK_NEAR(model_shape_train_flops(&s, 0), 6 * matmul, 0);
    CHECK_NEAR(model_shape_train_flops(&s, 10), 6 * matmul + 12 * 3 * 8 * 10, 0);
    s.tied = true; /* the embedding is then the head's matrix */
    CHECK_NEAR(model_shape_train_flops(&s, 0), 6 * matmul, 0);
    s.tied = false;
    s.head = HEAD_SCALAR;
    CHECK_NEAR(model_shape_train_flops(&s, 0), 6 * (matmul - 99 * 8), 0);
}

static void a_scalar_head_is_never_tied(void **state)
{
    (void)state;
    Err err;
    ModelShape s = small_shape(MODEL_QWEN2, HEAD_SCALAR);
    assert_true(s.tied);
    CHECK_OK(model_shape_check(&s, &err));
    assert_false(s.tied);
}

static void every_illegal_field_is_named(void **state)
{
    (void)state;
    Err err;
    ModelShape s;
#define REFUSED(change, message)                                                       \
    do {                                                                               \
        s = small_shape(MODEL_LLAMA, HEAD_LM);                                         \
        change;                                                                        \
        CHECK_FAILS(model_shape_check(&s, &err), ERR_OPTION, message);                 \
    } while (0)
    REFUSED(s.vocab = 0, "'vocab' is 0, not in 1 to 16777216");
    REFUSED(s.hidden = -4, "'hidden' is -4, not in 1 to 1048576");
    REFUSED(s.layers = 4097, "'layers' is 4097, not in 1 to 4096");
    REFUSED(s.intermediate = 0, "'intermediate' is 0, not in 1 to 4194304");
    REFUSED(s.heads = 0, "'heads' is 0, not in 1 to 4096");
    REFUSED(s.kv_heads = 0, "'kv_heads' is 0, not in 1 to 4096");
    REFUSED(s.context = 0, "'context' is 0, not in 1 to 16777216");
    REFUSED(s.kv_heads = 3, "'kv_heads' (3) does not divide 'heads' (4)");
    REFUSED(s.head_dim = 0, "'heads' (4) does not divide 'hidden' (10)");
    REFUSED(s.head_dim = 5, "'head_dim' is 5, not an even number in 2 to 1024");
    REFUSED(s.head_dim = -2, "'head_dim' is -2, not an even number in 2 to 1024");
    REFUSED(s.head_dim = 1026, "'head_dim' is 1026, not an even number in 2 to 1024");
    REFUSED(s.rope_theta = 0, "'rope_theta' is 0, not a positive number");
    REFUSED(s.rope_theta = (double)INFINITY,
            "'rope_theta' is inf, not a positive number");
    REFUSED(s.norm_eps = -1, "'norm_eps' is -1, not a positive number");
    REFUSED(
        s.qkv_bias = s.qk_norm = true,
        "'qkv_bias' and 'qk_norm' exclude each other: no family of models has both");
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_counts_are_the_published_ones),
        cmocka_unit_test(training_flops_count_matrices_head_and_attention),
        cmocka_unit_test(a_scalar_head_is_never_tied),
        cmocka_unit_test(every_illegal_field_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
