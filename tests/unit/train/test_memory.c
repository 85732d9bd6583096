/* test_memory.c - the plan of a stage's memory (train/memory.h): the choice of what is
 * recomputed, the refusal, the sum beside what is really taken. */
#include "support/small_model.h"

#include "base/mem.h"
#include "train/memory.h"

#include <string.h>

enum { TOKENS = 300, LAYERS = 6 };

static TensorOps *ops;

static int make_ops(void **state)
{
    (void)state;
    Err err;
    TensorCpuOptions o = {.threads = 1, .compute = COMPUTE_BF16};
    return tensor_cpu_new(&ops, &o, &err) == OK ? 0 : -1;
}

static int free_ops(void **state)
{
    (void)state;
    tensor_free(ops);
    return 0;
}

static ModelShape deep_shape(void)
{
    Err err;
    ModelShape s = small_shape(MODEL_LLAMA, HEAD_LM);
    s.layers = LAYERS;
    CHECK_OK(model_shape_check(&s, &err));
    return s;
}

/* A model that trains and nothing else. */
static MemoryPlan some_plan(void)
{
    ModelShape s = deep_shape();
    MemoryPlan plan = {.ops = ops};
    memory_add_model(&plan, &s, true);
    memory_add_optimizer(&plan, &s);
    memory_add_tape(&plan, &s, TOKENS, true);
    return plan;
}

static int64_t peak_with(MemoryPlan plan, int32_t recomputed)
{
    plan.recomputed = recomputed;
    return (int64_t)memory_peak(&plan);
}

static void the_plan_is_what_is_taken(void **state)
{
    (void)state;
    Err err;
    ModelShape s = deep_shape();
    for (int32_t recomputed = 0; recomputed < LAYERS; recomputed += 3) {
        Model *model;
        Adamw adamw;
        Tape *tape;
        MemoryPlan plan = some_plan();
        plan.recomputed = recomputed;
        size_t before = mem_asked();
        CHECK_OK(model_new(&model, ops, &s, true, &err));
        CHECK_OK(adamw_new(&adamw, model, &err));
        TapeOptions o = {.backward = true, .recomputed = recomputed};
        CHECK_OK(tape_new(&tape, model, TOKENS, o, &err));
        size_t lists = sizeof *model + LAYERS * sizeof *model->layer;
        for (int64_t w = 0; w < model->n_weights; w++)
            lists += 2 * sizeof(void *) + strlen(model->names[w]) + 1;
        assert_int_equal(mem_asked() - before, memory_peak(&plan) + lists);
        tape_free(tape);
        adamw_release(&adamw, model);
        model_free(model);
    }
}

/* With Muon: the squares of AdamW's weights alone, and the backend's room. */
static void the_plan_with_muon_is_what_is_taken(void **state)
{
    (void)state;
    Err err;
    ModelShape s = deep_shape();
    TensorCpuOptions o = {.threads = 2, .compute = COMPUTE_F32};
    TensorOps *backends[2] = {ops};
    CHECK_OK(tensor_cpu_new(&backends[1], &o, &err));
    for (int i = 0; i < 2; i++) {
        Model *model;
        Adamw adamw;
        MemoryPlan plan = {.ops = backends[i]};
        memory_add_model(&plan, &s, true);
        memory_add_muon(&plan, &s);
        CHECK_OK(model_new(&model, backends[i], &s, true, &err));
        size_t before = mem_asked();
        CHECK_OK(adamw_muon_new(&adamw, model, &err));
        size_t list = (size_t)adamw.muon.n * sizeof *adamw.muon.matrices;
        assert_int_equal(mem_asked() - before, plan.optimizer + list);
        adamw_release(&adamw, model);
        model_free(model);
    }
    tensor_free(backends[1]);
}

/* Of an adapter: its base once, gradients and moments of A, B and the score alone. */
static void the_plan_of_an_adapter_is_what_is_taken(void **state)
{
    (void)state;
    Err err;
    ModelShape s = deep_shape(), a = s;
    a.head = HEAD_SCALAR;
    a.lora = (ModelLora){.rank = 2, .alpha = 4, .targets = LORA_ALL_LINEAR};
    Model *base, *model;
    Adamw adamw;
    Tape *tape;
    MemoryPlan plan = {.ops = ops};
    memory_add_model(&plan, &s, false);
    memory_add_model(&plan, &a, true);
    memory_add_optimizer(&plan, &a);
    memory_add_tape(&plan, &a, TOKENS, true);
    size_t before = mem_asked(), lists = (1 << 14) * sizeof(float); /* to draw A */
    CHECK_OK(model_new(&base, ops, &s, false, &err));
    CHECK_OK(model_adapter_new(&model, base, &a.lora, HEAD_SCALAR, true, 1, &err));
    CHECK_OK(adamw_new(&adamw, model, &err));
    CHECK_OK(tape_new(&tape, model, TOKENS, (TapeOptions){.backward = true}, &err));
    Model *const both[] = {base, model};
    for (int i = 0; i < 2; i++) {
        lists += sizeof *model + LAYERS * sizeof *model->layer;
        for (int64_t w = 0; w < both[i]->n_weights; w++)
            lists += 2 * sizeof(void *) + strlen(both[i]->names[w]) + 1;
    }
    assert_int_equal(mem_asked() - before, memory_peak(&plan) + lists);
    assert_int_equal(plan.optimizer, 2 * plan.gradients);
    assert_int_equal(plan.gradients,
                     model_shape_own_params(&a) * (int64_t)sizeof(float));
    tape_free(tape);
    adamw_release(&adamw, model);
    model_free(model);
    model_free(base);
}

static void no_more_is_recomputed_than_must_be(void **state)
{
    (void)state;
    Err err;
    for (int32_t want = 0; want < LAYERS; want++) {
        MemoryPlan plan = some_plan();
        TrainOptions t = {.memory = peak_with(plan, want), .micro_batch = TOKENS};
        CHECK_OK(memory_settle(&plan, &t, &err));
        assert_int_equal(plan.recomputed, want);
        t.memory--; /* one byte less: one layer more, or refused */
        if (want < LAYERS - 1) {
            CHECK_OK(memory_settle(&plan, &t, &err));
            assert_int_equal(plan.recomputed, want + 1);
        }
    }
}

static void what_never_fits_is_refused_with_numbers_and_a_way_out(void **state)
{
    (void)state;
    Err err;
    MemoryPlan plan = some_plan();
    TrainOptions t = {.memory = peak_with(plan, LAYERS - 1) - 1, .micro_batch = TOKENS};
    assert_int_equal(memory_settle(&plan, &t, &err), ERR_LIMIT);
    assert_non_null(strstr(err.msg, "passes of 300 tokens need"));
    assert_non_null(strstr(err.msg, "raise the option memory, or lower micro_batch."));
    assert_non_null(strstr(err.msg, "(5 of 6 layers recomputed)"));
    t.memory = 1000;
    assert_int_equal(memory_settle(&plan, &t, &err), ERR_LIMIT);
    assert_non_null(strstr(err.msg, "may take 1 kB"));
    assert_non_null(strstr(err.msg, "does not help enough"));
    t.micro_batch = 1; /* a document is longer */
    assert_int_equal(memory_settle(&plan, &t, &err), ERR_LIMIT);
    assert_non_null(strstr(err.msg, "longest document"));
    assert_null(strstr(err.msg, "lower micro_batch"));
}

static void without_a_limit_a_small_model_keeps_all(void **state)
{
    (void)state;
    Err err;
    MemoryPlan plan = some_plan();
    TrainOptions t = {.micro_batch = TOKENS};
    CHECK_OK(memory_settle(&plan, &t, &err));
    assert_int_equal(plan.recomputed, 0);
}

static void the_process_is_what_the_plan_does_not_explain(void **state)
{
    (void)state;
    enum { DATA = 40 << 20 };
    MemoryPlan plan = {.ops = ops};
    char *data = mem_alloc_array(DATA, 1);
    assert_non_null(data);
    memory_add_cache(&plan, DATA);
    memory_add_process(&plan);
    CHECK_NEAR((double)memory_peak(&plan), (double)mem_rss(), 8 << 20);
    assert_true(plan.process > 0);
    memory_add_cache(&plan,
                     (size_t)1 << 40); /* what is not there yet: nothing is left */
    size_t before = plan.process;
    memory_add_process(&plan);
    assert_int_equal(plan.process, before);
    mem_free(data);
}

static void the_plan_reads_as_a_sum(void **state)
{
    (void)state;
    Str text = {0};
    MemoryPlan plan = {.weights = 500000000,
                       .gradients = 500000000,
                       .optimizer = 1000000000,
                       .scratch = 70000000};
    memory_describe(&plan, &text);
    assert_string_equal(str_c(&text),
                        "weights 0.50 + gradients 0.50 + optimizer 1.00 + "
                        "scratch 0.07 = peak 2.07 GB");
    str_reset(&text);
    plan = some_plan();
    plan.recomputed = 4;
    memory_describe(&plan, &text);
    assert_non_null(strstr(str_c(&text), "(4 of 6 layers recomputed) + scratch"));
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_plan_is_what_is_taken, make_ops, free_ops),
        cmocka_unit_test_setup_teardown(the_plan_with_muon_is_what_is_taken, make_ops,
                                        free_ops),
        cmocka_unit_test_setup_teardown(the_plan_of_an_adapter_is_what_is_taken,
                                        make_ops, free_ops),
        cmocka_unit_test_setup_teardown(no_more_is_recomputed_than_must_be, make_ops,
                                        free_ops),
        cmocka_unit_test_setup_teardown(
            what_never_fits_is_refused_with_numbers_and_a_way_out, make_ops, free_ops),
        cmocka_unit_test_setup_teardown(without_a_limit_a_small_model_keeps_all,
                                        make_ops, free_ops),
        cmocka_unit_test_setup_teardown(the_process_is_what_the_plan_does_not_explain,
                                        make_ops, free_ops),
        cmocka_unit_test_setup_teardown(the_plan_reads_as_a_sum, make_ops, free_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
