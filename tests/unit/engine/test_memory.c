/* test_memory.c - what models, tapes, scratch, caches and engines say that they take
 * is what they ask the allocator for. */
#include "support/small_model.h"

#include "base/mem.h"
#include "engine/engine.h"

static TensorOps *ops; /* fresh for each test: its scratch has not grown yet */
static TensorCompute compute;

static int make_ops(void **state)
{
    (void)state;
    Err err;
    TensorCpuOptions o = {.threads = 2, .compute = compute};
    return tensor_cpu_new(&ops, &o, &err) == OK ? 0 : -1;
}

static int free_ops(void **state)
{
    (void)state;
    tensor_free(ops);
    return 0;
}

static ModelShape checked_shape(ModelFamily family, ModelHead head)
{
    Err err;
    ModelShape s = small_shape(family, head);
    CHECK_OK(model_shape_check(&s, &err));
    return s;
}

static void a_model_takes_what_it_says(void **state)
{
    (void)state;
    Err err;
    for (int i = 0; i < 8; i++) {
        Model *model;
        ModelHead head = i & 1 ? HEAD_SCALAR : HEAD_LM;
        ModelShape s = checked_shape(i & 2 ? MODEL_QWEN2 : MODEL_QWEN3, head);
        s.tied = s.tied && head == HEAD_LM;
        ModelBytes b = model_bytes(ops, &s, i & 4);
        size_t before = mem_asked();
        CHECK_OK(model_new(&model, ops, &s, i & 4, &err));
        size_t took = mem_asked() - before, lists = sizeof *model;
        lists += (size_t)s.layers * sizeof *model->layer;
        for (int64_t w = 0; w < model->n_weights; w++)
            lists += sizeof(Weight *) + sizeof(char *) + strlen(model->names[w]) + 1;
        assert_int_equal(took, b.weights + b.packed + b.gradients + lists);
        model_free(model);
    }
}

static void a_tape_and_the_scratch_take_what_they_say(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_QWEN3, HEAD_LM);
    size_t scratch = model_scratch_bytes(ops, &model->shape, 60);
    assert_true(scratch > 0);
    const TapeOptions options[] = {
        {.backward = true}, {.backward = true, .recomputed = 1}, {.backward = false}};
    for (int i = 0; i < 3; i++) {
        Tape *tape;
        size_t before = mem_asked();
        CHECK_OK(tape_new(&tape, model, 60, options[i], &err));
        assert_int_equal(mem_asked() - before,
                         tape_bytes(ops, &model->shape, 60, options[i]) + scratch);
        scratch = model_scratch_bytes(ops, &model->shape, 60);
        assert_int_equal(scratch, 0); /* it is there now */
        tape_free(tape);
    }
    model_free(model);
}

static void an_engine_takes_what_it_says(void **state)
{
    (void)state;
    Err err;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    enum { SLOTS = 3, CAPACITY = 20, PREFILL = 256 };
    size_t scratch = model_scratch_bytes(ops, &model->shape, SLOTS + PREFILL);
    Engine *engine;
    size_t before = mem_asked();
    CHECK_OK(engine_new(&engine, model, SLOTS, CAPACITY, NULL, &err));
    assert_int_equal(mem_asked() - before,
                     engine_bytes(&model->shape, SLOTS, CAPACITY) + scratch);
    engine_free(engine);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_model_takes_what_it_says, make_ops, free_ops),
        cmocka_unit_test_setup_teardown(a_tape_and_the_scratch_take_what_they_say,
                                        make_ops, free_ops),
        cmocka_unit_test_setup_teardown(an_engine_takes_what_it_says, make_ops,
                                        free_ops),
    };
    compute = COMPUTE_F32;
    int failed = cmocka_run_group_tests_name("f32", tests, NULL, NULL);
    compute = COMPUTE_BF16;
    return failed + cmocka_run_group_tests_name("bf16", tests, NULL, NULL);
}
