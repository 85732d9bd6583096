/* test_recompute.c - tapes that keep the activations of some layers only (model/tape.c):
 * the same gradients bit for bit, no more work than said, less memory. */
#include "support/small_model.h"

#include <string.h>

enum { LAYERS = 5 };

static TensorOps *ops;

static const ModelFamily families[] = {MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3};

static Model *deep_model(ModelFamily family)
{
    ModelShape shape = small_shape(family, HEAD_LM);
    shape.layers = LAYERS;
    return small_model_of(ops, &shape);
}

static Tape *recomputing_tape(Model *model, int32_t recomputed)
{
    Err err;
    Tape *tape;
    TapeOptions o = {.backward = true, .recomputed = recomputed};
    CHECK_OK(tape_new(&tape, model, LINE_MAX_TOKENS, o, &err));
    return tape;
}

static Line documents(const Model *model, int32_t n, int32_t longest)
{
    Rng rng = rng_make(3, RNG_TEST, (uint64_t)n);
    Line line = {0};
    for (int32_t i = 0; i < n; i++)
        line_add(&line, &rng, model, 1 + (longest * (i + 1) + i) / (n + 1));
    return line;
}

/* Micro-batches of different lengths, one after the other on one tape, a scoring pass
 * between them. */
static float *gradients(Model *model, int32_t recomputed, double *loss)
{
    Tape *tape = recomputing_tape(model, recomputed);
    Line lines[] = {documents(model, 3, 20), documents(model, 1, 7),
                    documents(model, 4, 23)};
    model_zero_grads(model);
    *loss = line_loss(model, tape, &lines[0], true);
    *loss += line_loss(model, tape, &lines[1], true);
    *loss += line_loss(model, tape, &lines[0], false);
    *loss += line_loss(model, tape, &lines[2], true);
    tape_free(tape);
    return tensor_values(ops, model->grads);
}

static void recomputing_changes_no_bit(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        Model *model = deep_model(families[f]);
        double loss, same_loss;
        float *kept = gradients(model, 0, &loss);
        for (int32_t recomputed = 1; recomputed <= LAYERS; recomputed++) {
            float *again = gradients(model, recomputed, &same_loss);
            assert_memory_equal(again, kept, (size_t)model->n_params * sizeof *kept);
            assert_memory_equal(&loss, &same_loss, sizeof loss);
            free(again);
        }
        free(kept);
        model_free(model);
    }
}

/* Counts the layers that are run. */
static int attentions;
static void (*real_attention)(TensorOps *t, Tensor o, Tensor lse, Tensor qkv,
                              Tensor starts, int64_t N, int64_t Hq, int64_t Hk,
                              int64_t D);
static void counting_attention(TensorOps *t, Tensor o, Tensor lse, Tensor qkv,
                               Tensor starts, int64_t N, int64_t Hq, int64_t Hk,
                               int64_t D)
{
    attentions++;
    real_attention(t, o, lse, qkv, starts, N, Hq, Hk, D);
}

static void only_recomputed_layers_run_twice(void **state)
{
    (void)state;
    Model *model = deep_model(MODEL_LLAMA);
    Line line = documents(model, 2, 9);
    real_attention = ops->attention;
    ops->attention = counting_attention;
    for (int32_t recomputed = 0; recomputed < LAYERS; recomputed++) {
        Tape *tape = recomputing_tape(model, recomputed);
        attentions = 0;
        (void)line_loss(model, tape, &line, true);
        assert_int_equal(attentions, LAYERS + recomputed);
        tape_free(tape);
    }
    ops->attention = real_attention;
    model_free(model);
}

static void a_recomputed_layer_costs_its_input_alone(void **state)
{
    (void)state;
    ModelShape s = small_shape(MODEL_LLAMA, HEAD_LM);
    s.layers = LAYERS;
    size_t bytes[LAYERS + 1];
    for (int32_t r = 0; r <= LAYERS; r++)
        bytes[r] =
            tape_bytes(ops, &s, 160, (TapeOptions){.backward = true, .recomputed = r});
    /* mid, and six numbers of the norms and heads a token; qkv, attended, gate_up */
    size_t stored = (size_t)tensor_type_bytes(tensor_activation_type(ops));
    size_t activations = 160 * (4 * (10 + 2 + 4) + stored * (48 + 24 + 26));
    for (int32_t r = 1; r < LAYERS; r++)
        assert_int_equal(bytes[r - 1] - bytes[r], activations);
    assert_int_equal(bytes[LAYERS], bytes[LAYERS - 1]); /* one set there must be */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recomputing_changes_no_bit),
        cmocka_unit_test(only_recomputed_layers_run_twice),
        cmocka_unit_test(a_recomputed_layer_costs_its_input_alone),
    };
    const char *const names[] = {"ref", "cpu f32", "cpu bf16"};
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        Err err;
        TensorCpuOptions o = {.threads = 2,
                              .compute = i == 2 ? COMPUTE_BF16 : COMPUTE_F32};
        Status s = i == 0 ? tensor_ref_new(&ops, &err) : tensor_cpu_new(&ops, &o, &err);
        if (s != OK)
            return 1;
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
        tensor_free(ops);
    }
    return failed;
}
