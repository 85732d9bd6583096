/* test_lm.c - the language-model loss in passes: however a batch is cut, the loss and
 * the gradient are those of the whole. */
#include "support/small_model.h"

#include "base/mem.h"
#include "train/lm.h"

static TensorOps *ops;

static int make_ops(void **state)
{
    (void)state;
    Err err;
    return tensor_ref_new(&ops, &err) == OK ? 0 : -1;
}

static int free_ops(void **state)
{
    (void)state;
    tensor_free(ops);
    return 0;
}

/* Five documents of 3 to 11 ids with uneven weights, some of them 0. */
static Batch *some_batch(const Model *model)
{
    Err err;
    Batch *b;
    Rng rng = rng_make(4, RNG_TEST, 0);
    CHECK_OK(batch_new(&b, 64, &err));
    for (int64_t n = 3; n <= 11; n += 2) {
        int32_t ids[16];
        float weights[16];
        for (int64_t i = 0; i < n; i++) {
            ids[i] = (int32_t)rng_below(&rng, (uint32_t)model->shape.vocab);
            weights[i] = i % 3 == 0 ? 0.0F : (float)(0.5 + rng_uniform(&rng));
        }
        assert_true(batch_add(b, ids, weights, n));
    }
    batch_finish(b);
    return b;
}

/* Loss and gradient when passes have at most `micro` tokens. */
static LmLoss run(Model *model, const Batch *b, int64_t micro, float **grads)
{
    Err err;
    LmPass *pass;
    CHECK_OK(lm_pass_new(&pass, model, b->capacity, micro, 10,
                         (TapeOptions){.backward = true}, &err));
    model_zero_grads(model);
    LmLoss loss = lm_pass_loss(pass, b, 1);
    *grads = tensor_values(ops, model->grads);
    lm_pass_free(pass);
    return loss;
}

static void the_cut_into_passes_changes_nothing(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Batch *b = some_batch(model);
    float *whole, *cut;
    LmLoss want = run(model, b, 64, &whole);
    const int64_t micros[] = {1, 7, 12, 20};
    for (int i = 0; i < 4; i++) {
        LmLoss got = run(model, b, micros[i], &cut);
        CHECK_NEAR(got.nll, want.nll, 1e-5);
        CHECK_NEAR(got.weight, want.weight, 0);
        check_close("gradient", cut, whole, model->n_params, 1e-5);
        free(cut);
    }
    free(whole);
    batch_free(b);
    model_free(model);
}

static void the_gradient_is_that_of_the_mean_over_all_weights(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Batch *b = some_batch(model);
    float *grads, at;
    LmLoss loss = run(model, b, 9, &grads);
    Tensor one = tensor_slice(model->layer[0].qkv.value, 5, 1);
    int64_t offset = ((char *)one.data - (char *)model->params.data) / 4;
    const float step = 1e-2F;
    double ends[2];
    for (int i = 0; i < 2; i++) {
        float *unused;
        ops->read(ops, &at, one);
        float moved = at + (i ? -step : step);
        ops->write(ops, one, &moved);
        model_changed(model);
        LmLoss there = run(model, b, 9, &unused);
        ends[i] = there.nll / there.weight;
        ops->write(ops, one, &at);
        free(unused);
    }
    assert_true(loss.weight > 1.5); /* so a missing division would show */
    CHECK_NEAR(grads[offset], (ends[0] - ends[1]) / (2 * (double)step), 1e-4);
    free(grads);
    batch_free(b);
    model_free(model);
}

static void a_pass_allocates_nothing(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Batch *b = some_batch(model);
    LmPass *pass;
    CHECK_OK(lm_pass_new(&pass, model, b->capacity, 12, 10,
                         (TapeOptions){.backward = true}, &err));
    mem_fail_after(0);
    LmLoss loss = lm_pass_loss(pass, b, 1);
    mem_fail_after(-1);
    assert_true(loss.nll > 0);
    lm_pass_free(pass);
    batch_free(b);
    model_free(model);
}

static void counting_finds_the_most_likely_tokens(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Batch *b = some_batch(model);
    LmPass *pass;
    LmLoss plain, counted;
    CHECK_OK(lm_pass_new(&pass, model, b->capacity, 12, 10, (TapeOptions){0}, &err));
    plain = lm_pass_loss(pass, b, 0);
    CHECK_OK(lm_pass_count(pass, b, &counted, &err));
    CHECK_NEAR(counted.nll, plain.nll, 1e-6);
    assert_true(counted.right < counted.weight);
    /* Now every target is the model's own choice. */
    Tape *tape;
    float logits[64 * 19];
    ModelTokens tokens = batch_tokens(b);
    CHECK_OK(tape_new(&tape, model, b->n, (TapeOptions){0}, &err));
    model_forward(model, tape, &tokens);
    model_logits(model, tape, b->learned_rows, b->n_learned, logits);
    for (int64_t i = 0; i < b->n_learned; i++) {
        int32_t best = 0;
        for (int32_t v = 0; v < 19; v++)
            best = logits[i * 19 + v] > logits[i * 19 + best] ? v : best;
        b->learned_targets[i] = best;
    }
    CHECK_OK(lm_pass_count(pass, b, &counted, &err));
    CHECK_NEAR(counted.right, counted.weight, 1e-6);
    tape_free(tape);
    lm_pass_free(pass);
    batch_free(b);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cut_into_passes_changes_nothing),
        cmocka_unit_test(the_gradient_is_that_of_the_mean_over_all_weights),
        cmocka_unit_test(a_pass_allocates_nothing),
        cmocka_unit_test(counting_finds_the_most_likely_tokens),
    };
    return cmocka_run_group_tests(tests, make_ops, free_ops);
}
