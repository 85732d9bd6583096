/* test_model.c - models as memory: weights, start values, copies (model/model.c,
 * init.c). */
#include "support/small_model.h"

#include "base/mem.h"

#include <math.h>

static TensorOps *ops;

static void weights_tile_the_parameters_in_order(void **state)
{
    (void)state;
    Model *m = small_model(ops, MODEL_QWEN3, HEAD_LM);
    int64_t sum = 0;
    for (int64_t i = 0; i < m->n_weights; i++) {
        Weight *w = m->weights[i];
        Tensor slice = tensor_slice(m->params, sum, w->value.count);
        assert_ptr_equal(w->value.data, slice.data);
        assert_int_equal(w->rows * w->cols, w->value.count);
        assert_int_equal(w->decays, w->rows > 1);
        sum += w->value.count;
    }
    assert_int_equal(sum, m->n_params);
    assert_int_equal(m->params.count, m->n_params);
    assert_int_equal(m->grads.count, m->n_params);
    assert_string_equal(m->names[0], "model.embed_tokens.weight");
    assert_string_equal(m->names[2], "model.layers.0.self_attn.qkv_proj.weight");
    assert_string_equal(m->names[m->n_weights - 1], "lm_head.weight");
    model_free(m);
}

static void the_row_of_a_scalar_head_decays(void **state)
{
    (void)state;
    Model *m = small_model(ops, MODEL_LLAMA, HEAD_SCALAR);
    assert_true(m->score.decays);
    assert_false(m->norm.decays);
    model_free(m);
}

static void a_frozen_model_has_no_gradients(void **state)
{
    (void)state;
    Err err;
    Model *m;
    ModelShape shape = small_shape(MODEL_LLAMA, HEAD_LM);
    CHECK_OK(model_new(&m, ops, &shape, false, &err));
    assert_false(tensor_present(m->grads));
    for (int64_t i = 0; i < m->n_weights; i++)
        assert_false(m->weights[i]->trainable || tensor_present(m->weights[i]->grad));
    model_free(m);
}

static void bias_together_with_head_norms_is_refused(void **state)
{
    (void)state;
    Err err;
    Model *m;
    ModelShape shape = small_shape(MODEL_QWEN3, HEAD_LM);
    shape.qkv_bias = true;
    CHECK_FAILS(
        model_new(&m, ops, &shape, true, &err), ERR_OPTION,
        "'qkv_bias' and 'qk_norm' exclude each other: no family of models has both");
    assert_null(m);
}

static double deviation_of(Tensor x)
{
    float *v = tensor_values(ops, x);
    double sum = 0;
    for (int64_t i = 0; i < x.count; i++)
        sum += (double)v[i] * (double)v[i];
    free(v);
    return sqrt(sum / (double)x.count);
}

static void start_values_have_their_deviations(void **state)
{
    (void)state;
    Err err;
    Model *m;
    ModelShape shape = small_shape(MODEL_LLAMA, HEAD_SCALAR);
    shape.hidden = 60;
    shape.intermediate = 90;
    CHECK_OK(model_new(&m, ops, &shape, false, &err));
    CHECK_OK(model_init(m, 3, &err));
    /* A deviation estimated from n draws is off by a factor 1 +- 1/sqrt(2n): four of
     * these for the smallest, score with n = 60, are 37 %. */
    CHECK_NEAR(deviation_of(m->layer[0].qkv.value) / 0.02, 1, 0.05);
    CHECK_NEAR(deviation_of(m->layer[1].down.value) / (0.02 / 2), 1, 0.05);
    CHECK_NEAR(deviation_of(m->layer[1].out.value) / (0.02 / 2), 1, 0.08);
    CHECK_NEAR(deviation_of(m->score.value) * 61, 1, 0.37);
    CHECK_NEAR(deviation_of(m->norm.value), 1, 0);
    model_free(m);
}

static void start_values_follow_the_seed_and_no_two_layers_are_equal(void **state)
{
    (void)state;
    Err err;
    Model *a = small_model(ops, MODEL_QWEN2, HEAD_LM);
    Model *b = small_model(ops, MODEL_QWEN2, HEAD_LM);
    CHECK_OK(model_init(a, 5, &err));
    CHECK_OK(model_init(b, 5, &err));
    size_t bytes = (size_t)a->n_params * 4;
    float *x = tensor_values(ops, a->params), *y = tensor_values(ops, b->params);
    assert_memory_equal(x, y, bytes);
    CHECK_NEAR(deviation_of(a->layer[0].qkv_bias.value), 0, 0);
    free(y);
    CHECK_OK(model_init(b, 6, &err));
    y = tensor_values(ops, b->params);
    assert_memory_not_equal(x, y, bytes);
    free(x);
    free(y);
    x = tensor_values(ops, a->layer[0].qkv.value);
    y = tensor_values(ops, a->layer[1].qkv.value);
    assert_memory_not_equal(x, y, (size_t)a->layer[0].qkv.value.count * 4);
    free(x);
    free(y);
    model_free(a);
    model_free(b);
}

static void a_reward_model_takes_all_but_the_head(void **state)
{
    (void)state;
    Err err;
    Model *sft = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Model *reward = small_model(ops, MODEL_LLAMA, HEAD_SCALAR);
    small_model_fill(reward, 99);
    float *score = tensor_values(ops, reward->score.value);
    CHECK_OK(model_copy_trunk(reward, sft, &err));
    float *kept = tensor_values(ops, reward->score.value);
    assert_memory_equal(score, kept, (size_t)reward->score.value.count * 4);
    CHECK_NEAR(reward->score_bias, 0.25, 0);
    size_t trunk = (size_t)(reward->n_params - reward->score.value.count);
    float *a = tensor_values(ops, sft->params), *b = tensor_values(ops, reward->params);
    assert_memory_equal(a, b, trunk * 4);
    free(score);
    free(kept);
    free(a);
    free(b);
    model_free(sft);
    model_free(reward);
}

/* Of each family, a tied head among them: the same weights and a row of zeros; without it
 * again the model that it was. */
static void a_score_row_comes_and_goes(void **state)
{
    (void)state;
    static const ModelFamily families[] = {MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3};
    for (int f = 0; f < 3; f++) {
        Err err;
        Model *m = small_model(ops, families[f], HEAD_LM);
        int64_t n = m->n_params, weights = m->n_weights, C = m->shape.hidden;
        float *before = tensor_values(ops, m->params);
        CHECK_OK(model_add_score(&m, &err));
        assert_int_equal(m->shape.head, HEAD_BOTH);
        assert_int_equal(m->n_params, n + C);
        assert_int_equal(m->n_params, model_shape_own_params(&m->shape));
        assert_string_equal(m->names[m->n_weights - 1], "score.weight");
        float *both = tensor_values(ops, m->params);
        assert_memory_equal(before, both, (size_t)n * 4);
        for (int64_t i = n; i < n + C; i++)
            assert_true(both[i] == 0);
        assert_int_equal(model_head(m)->rows, m->shape.vocab);
        model_drop_score(m);
        assert_int_equal(m->shape.head, HEAD_LM);
        assert_int_equal(m->n_weights, weights);
        assert_int_equal(m->params.count, n);
        assert_int_equal(m->grads.count, n);
        float *after = tensor_values(ops, m->params);
        assert_memory_equal(before, after, (size_t)n * 4);
        free(before);
        free(both);
        free(after);
        model_free(m);
    }
}

static void copies_between_different_shapes_are_refused(void **state)
{
    (void)state;
    Err err;
    Model *a = small_model(ops, MODEL_LLAMA, HEAD_LM), *b;
    ModelShape shape = small_shape(MODEL_LLAMA, HEAD_LM);
    shape.layers = 3;
    CHECK_OK(model_new(&b, ops, &shape, false, &err));
    CHECK_FAILS(model_copy_trunk(b, a, &err), ERR_OPTION,
                "models of different shapes: 'layers' is 3 in one and 2 in the other");
    model_free(b);
    shape.layers = 2;
    shape.tied = true;
    CHECK_OK(model_new(&b, ops, &shape, false, &err));
    CHECK_FAILS(model_copy_trunk(b, a, &err), ERR_OPTION,
                "models of different shapes: the head is tied in one only");
    model_free(b);
    model_free(a);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    ModelShape shape = small_shape(MODEL_QWEN2, HEAD_LM);
    for (long n = 0;; n++) {
        Err err = {0};
        Model *m = NULL;
        Tape *tape = NULL;
        ModelCache *cache = NULL;
        mem_fail_after(n);
        Status s = model_new(&m, ops, &shape, true, &err);
        if (s == OK)
            s = model_init(m, 1, &err);
        if (s == OK)
            s = tape_new(&tape, m, 8, (TapeOptions){.backward = true}, &err);
        if (s == OK)
            s = model_cache_new(&cache, m, 2, 8, 8, &err);
        mem_fail_after(-1);
        model_cache_free(cache);
        tape_free(tape);
        model_free(m);
        if (s == OK) {
            assert_true(n > 20);
            break;
        }
        assert_int_equal(s, ERR_NOMEM);
        assert_non_null(strstr(err.msg, "memory"));
    }
}

int main(void)
{
    Err err;
    if (tensor_ref_new(&ops, &err) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_tile_the_parameters_in_order),
        cmocka_unit_test(the_row_of_a_scalar_head_decays),
        cmocka_unit_test(a_frozen_model_has_no_gradients),
        cmocka_unit_test(bias_together_with_head_norms_is_refused),
        cmocka_unit_test(start_values_have_their_deviations),
        cmocka_unit_test(start_values_follow_the_seed_and_no_two_layers_are_equal),
        cmocka_unit_test(a_reward_model_takes_all_but_the_head),
        cmocka_unit_test(a_score_row_comes_and_goes),
        cmocka_unit_test(copies_between_different_shapes_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tensor_free(ops);
    return failed;
}
