/* test_lora.c - adapters over shared weights (model/lora.c): what they start from, what they
 * train and what they leave alone, on and off, several over one base. Their gradients and
 * ten steps of training beside PyTorch's are in test_golden.c, their folders in
 * test_folder_adapter.c. */
#include "support/small_model.h"

#include "base/mem.h"

#include <math.h>

/* All tests run on ref/, on cpu/ in f32 and in bf16. */
static TensorOps *ops;

static const ModelFamily families[] = {MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3};
enum { V = 19, C = 10, TOKENS = 16 };

static const ModelLora all = {.rank = 3, .alpha = 6, .targets = LORA_ALL_LINEAR};
static const ModelLora some = {
    .rank = 4, .alpha = 4, .rslora = true, .targets = LORA_K | LORA_O | LORA_UP};

static Model *adapter_over(Model *from, const ModelLora *lora, ModelHead head)
{
    Err err;
    Model *m;
    CHECK_OK(model_adapter_new(&m, from, lora, head, true, 11, &err));
    return m;
}

/* One whose B is not 0. */
static Model *trained_over(Model *from, const ModelLora *lora, ModelHead head,
                           uint64_t seed)
{
    Model *m = adapter_over(from, lora, head);
    small_model_fill(m, seed);
    return m;
}

static Tape *new_tape(Model *model, bool backward, int32_t recomputed)
{
    Err err;
    Tape *tape;
    TapeOptions o = {.backward = backward, .recomputed = recomputed};
    CHECK_OK(tape_new(&tape, model, LINE_MAX_TOKENS, o, &err));
    return tape;
}

static Line three_documents(const Model *model)
{
    Rng rng = rng_make(4, RNG_TEST, 0);
    Line line = {0};
    line_add(&line, &rng, model, 9);
    line_add(&line, &rng, model, 1);
    line_add(&line, &rng, model, 6);
    return line;
}

/* Logits or scores of the line; returns how many. */
static int64_t outputs(Model *model, float out[TOKENS * V])
{
    Tape *tape = new_tape(model, false, 0);
    Line line = three_documents(model);
    ModelTokens tokens = line_tokens(&line);
    bool is_lm = model->shape.head == HEAD_LM;
    model_forward(model, tape, &tokens);
    if (is_lm)
        model_logits(model, tape, line.rows, line.n, out);
    else
        model_scores(model, tape, line.rows, line.n, out);
    tape_free(tape);
    return line.n * (is_lm ? V : 1);
}

static void check_same_outputs(Model *a, Model *b, bool same)
{
    float x[TOKENS * V], y[TOKENS * V];
    int64_t n = outputs(a, x);
    assert_int_equal(outputs(b, y), n);
    if (same)
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
    else
        assert_memory_not_equal(x, y, (size_t)n * sizeof *x);
}

static void check_same_values(const float *a, Tensor b)
{
    float *values = tensor_values(ops, b);
    assert_memory_equal(a, values, (size_t)b.count * sizeof *a);
    free(values);
}

/* Logits of the line's first document, decoded in two calls. */
static void decode(Model *model, float out[9 * V])
{
    Err err;
    ModelCache *cache;
    Line line = three_documents(model);
    int32_t slots[9] = {0};
    CHECK_OK(model_cache_new(&cache, model, 1, 12, 9, &err));
    model_decode(model, cache, line.ids, slots, line.positions, 6);
    model_decode_logits(model, cache, line.rows, 6, out);
    model_decode(model, cache, line.ids + 6, slots, line.positions + 6, 3);
    model_decode_logits(model, cache, line.rows, 3, out + 6 * V);
    model_cache_free(cache);
}

/* --- the start ------------------------------------------------------------------------- */

static void a_new_adapter_changes_no_bit(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        float x[9 * V], y[9 * V];
        Model *base = small_model(ops, families[f], HEAD_LM);
        Model *a = adapter_over(base, &all, HEAD_LM);
        Model *b = adapter_over(base, &some, HEAD_LM);
        check_same_outputs(base, a, true);
        check_same_outputs(base, b, true);
        decode(base, x);
        decode(a, y);
        assert_memory_equal(x, y, sizeof x);
        model_free(a);
        model_free(b);
        model_free(base);
    }
}

static void a_score_of_its_own_starts_as_that_of_a_new_reward_model(void **state)
{
    (void)state;
    Err err;
    Model *base = small_model(ops, MODEL_QWEN2, HEAD_LM), *plain; /* tied */
    ModelShape shape = base->shape;
    shape.head = HEAD_SCALAR;
    CHECK_OK(model_new(&plain, ops, &shape, false, &err));
    CHECK_OK(model_init(plain, 11, &err));
    CHECK_OK(model_copy_trunk(plain, base, &err));
    Model *a = adapter_over(base, &all, HEAD_SCALAR);
    check_same_outputs(plain, a, true);
    Model *critic = adapter_over(plain, &some, HEAD_SCALAR); /* over a reward model */
    check_same_outputs(plain, critic, true);
    model_free(critic);
    model_free(a);
    model_free(plain);
    model_free(base);
}

/* Uniform within 1/sqrt(in): He et al. 2015 with a slope of sqrt(5). */
static void a_is_drawn_by_projection(void **state)
{
    (void)state;
    Err err;
    ModelShape shape = small_shape(MODEL_LLAMA, HEAD_LM);
    shape.hidden = 400;
    Model *base = small_model_of(ops, &shape);
    const ModelLora v = {.rank = 3, .alpha = 6, .targets = LORA_V};
    Model *a = adapter_over(base, &all, HEAD_LM),
          *one = adapter_over(base, &v, HEAD_LM);
    Model *other;
    CHECK_OK(model_adapter_new(&other, base, &all, HEAD_LM, false, 12, &err));

    const Weight *qkv = &a->layer[1].qkv_lora.a;
    assert_int_equal(qkv->rows, 9);
    float *x = tensor_values(ops, qkv->value);
    double bound = 1 / sqrt(400), sum = 0, squares = 0;
    for (int64_t i = 0; i < qkv->value.count; i++) {
        assert_true(fabs((double)x[i]) <= bound);
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    /* 3,600 draws: the mean errs by 1/60 of a deviation, the variance by 1.5 %. */
    CHECK_NEAR(sum / 3600 / bound, 0, 4 * 0.577 / 60);
    CHECK_NEAR(squares / 3600 / (bound * bound), 1.0 / 3, 4 * 0.015 / 3);
    /* v's rows are the same without q and k beside it, and not those of another seed. */
    assert_int_equal(one->layer[1].qkv_lora.a.rows, 3);
    check_same_values(x + 6 * 400, one->layer[1].qkv_lora.a.value);
    assert_memory_not_equal(x, x + 3 * 400, 3 * 400 * sizeof *x);
    float *y = tensor_values(ops, other->layer[1].qkv_lora.a.value);
    assert_memory_not_equal(x, y, 9 * 400 * sizeof *x);
    free(x);
    free(y);
    CHECK_NEAR(ops->sum_squares(ops, a->layer[0].down_lora.b.value), 0, 0);
    model_free(other);
    model_free(one);
    model_free(a);
    model_free(base);
}

static void an_adapter_goes_on_from_another(void **state)
{
    (void)state;
    Err err;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM), *none;
    Model *sft = trained_over(base, &all, HEAD_LM, 5);
    Model *policy = adapter_over(sft, &all, HEAD_LM);
    assert_ptr_equal(policy->base, base);
    check_same_outputs(sft, policy, true);
    check_same_outputs(base, policy, false);
    small_model_fill(policy, 6);
    check_same_outputs(sft, policy, false);
    Model *reward = trained_over(sft, &all, HEAD_SCALAR, 7);
    Model *critic = adapter_over(reward, &all, HEAD_SCALAR);
    check_same_outputs(reward, critic, true);
    CHECK_FAILS(model_adapter_new(&none, sft, &some, HEAD_LM, true, 1, &err),
                ERR_OPTION,
                "the adapter to go on from has rank 3, alpha 6 and no rslora, not rank "
                "4, alpha "
                "4 and rslora, or other targets; give the same, or merge it first");
    CHECK_FAILS(model_adapter_new(&none, reward, &all, HEAD_LM, true, 1, &err),
                ERR_OPTION, "a reward model has no language-model head for an adapter");
    assert_null(none);
    model_free(critic);
    model_free(reward);
    model_free(policy);
    model_free(sft);
    model_free(base);
}

static void impossible_adapters_are_refused(void **state)
{
    (void)state;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    const ModelLora wrong[] = {{.rank = 0, .alpha = 1, .targets = 1},
                               {.rank = ADAPTER_MAX_RANK + 1, .alpha = 1, .targets = 1},
                               {.rank = 1, .alpha = 0, .targets = 1},
                               {.rank = 1, .alpha = (double)NAN, .targets = 1},
                               {.rank = 1, .alpha = 1, .targets = 0},
                               {.rank = 1, .alpha = 1, .targets = 128}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Err err;
        Model *m;
        assert_int_equal(model_adapter_new(&m, base, &wrong[i], HEAD_LM, true, 1, &err),
                         ERR_OPTION);
        assert_null(m);
    }
    model_free(base);
}

/* --- training --------------------------------------------------------------------------- */

static void step(Model *model)
{
    for (int64_t i = 0; i < model->n_weights; i++) {
        Weight *w = model->weights[i];
        float *x = tensor_values(ops, w->value), *g = tensor_values(ops, w->grad);
        for (int64_t j = 0; j < w->value.count; j++)
            x[j] -= 0.05f * g[j];
        ops->write(ops, w->value, x);
        free(x);
        free(g);
    }
    model_changed(model);
}

static void training_leaves_the_base_as_it_is(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        Model *base = small_model(ops, families[f], HEAD_LM);
        Model *a = adapter_over(base, f == 1 ? &some : &all, HEAD_LM);
        Tape *tape = new_tape(a, true, 0);
        Line line = three_documents(a);
        float logits[TOKENS * V];
        (void)outputs(base, logits);
        float *before = tensor_values(ops, base->params);
        float *own = tensor_values(ops, a->params);
        double first = line_loss(a, tape, &line, false);
        for (int u = 0; u < 8; u++) {
            model_zero_grads(a);
            (void)line_loss(a, tape, &line, true);
            step(a);
        }
        assert_true(line_loss(a, tape, &line, false) < 0.97 * first);
        for (int64_t i = 0; i < a->n_weights; i++) /* B first, by which A has one */
            assert_true(ops->sum_squares(ops, a->weights[i]->grad) > 0);
        check_same_values(before, base->params);
        CHECK_NEAR(ops->sum_squares(ops, base->grads), 0, 0);
        float after[TOKENS * V];
        (void)outputs(base, after);
        assert_memory_equal(after, logits, sizeof logits);
        float *moved = tensor_values(ops, a->params);
        assert_memory_not_equal(own, moved, (size_t)a->n_params * sizeof *own);
        free(moved);
        free(own);
        free(before);
        tape_free(tape);
        model_free(a);
        model_free(base);
    }
}

/* Only A, B and the score have gradients; of two layers with all projections that is what
 * PEFT counts. */
static void nothing_else_is_trained(void **state)
{
    (void)state;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Model *a = adapter_over(base, &all, HEAD_SCALAR);
    /* a layer: q 10 -> 24, k and v -> 12, o 24 -> 10, gate and up -> 13, down 13 -> 10 */
    const int64_t layer =
        3 * ((10 + 24) + 2 * (10 + 12) + (24 + 10) + 2 * (10 + 13) + (13 + 10));
    assert_int_equal(a->n_params, 2 * layer + C);
    assert_int_equal(a->n_params, model_shape_own_params(&a->shape));
    assert_int_equal(a->params.count, a->n_params);
    assert_int_equal(a->grads.count, a->n_params);
    assert_int_equal(a->n_weights, 2 * 4 * 2 + 1);
    int64_t total = 0;
    for (int64_t i = 0; i < a->n_weights; i++) {
        assert_true(a->weights[i]->trainable);
        total += a->weights[i]->value.count;
    }
    assert_int_equal(total, a->n_params);
    assert_string_equal(a->names[0], "model.layers.0.self_attn.qkv_proj.lora_A.weight");
    assert_string_equal(a->names[1], "model.layers.0.self_attn.qkv_proj.lora_B.weight");
    assert_string_equal(a->names[16], "score.weight");
    assert_false(tensor_present(a->embed.grad) || a->embed.trainable);
    assert_false(tensor_present(a->layer[1].down.grad));
    assert_false(tensor_present(a->norm.grad));
    assert_ptr_equal(a->layer[1].down.value.data, base->layer[1].down.value.data);
    assert_ptr_equal(a->layer[1].down.packed, base->layer[1].down.packed);
    model_free(a);
    model_free(base);
}

/* Of frozen weights 4 for each forward and backward, of the adapter's 6. */
static void flops_are_of_what_is_computed(void **state)
{
    (void)state;
    ModelShape s = small_shape(MODEL_LLAMA, HEAD_LM), a = s;
    a.lora = all;
    double attention = 12.0 * 2 * 24 * 8;
    double matmul = (model_shape_train_flops(&s, 8) - attention) / 6;
    CHECK_NEAR(model_shape_train_flops(&a, 8),
               4 * matmul + 6.0 * (double)model_shape_own_params(&a) + attention, 1e-6);
}

/* As in test_passes.c: along a random direction in each weight. In bf16 the loss is too
 * coarse for differences; there test_golden.c compares with PyTorch. */
static double moved_loss(Model *model, Tape *tape, const Line *line, Weight *w,
                         const double *d, double by)
{
    float *old = tensor_values(ops, w->value), *new = tensor_values(ops, w->value);
    for (int64_t i = 0; i < w->value.count; i++)
        new[i] = (float)((double)old[i] + by * d[i]);
    ops->write(ops, w->value, new);
    model_changed(model);
    double loss = 0;
    if (model->shape.head == HEAD_LM) {
        loss = line_loss(model, tape, line, false);
    } else {
        float score[TOKENS];
        ModelTokens tokens = line_tokens(line);
        model_forward(model, tape, &tokens);
        model_scores(model, tape, line->rows, line->n, score);
        for (int64_t i = 0; i < line->n; i++)
            loss += (double)line->weights[i] * (double)score[i];
    }
    ops->write(ops, w->value, old);
    model_changed(model);
    free(old);
    free(new);
    return loss;
}

static void check_finite_differences(ModelFamily family, ModelHead head,
                                     const ModelLora *lora)
{
    const double h = 0.02;
    Model *base = small_model(ops, family, HEAD_LM);
    Model *m = trained_over(base, lora, head, 9);
    Tape *tape = new_tape(m, true, 0);
    Line line = three_documents(m);
    model_zero_grads(m);
    if (head == HEAD_LM) {
        (void)line_loss(m, tape, &line, true);
    } else {
        float score[TOKENS];
        ModelTokens tokens = line_tokens(&line);
        model_forward(m, tape, &tokens);
        model_scores(m, tape, line.rows, line.n, score);
        model_scores_backward(m, tape, line.weights);
        model_backward(m, tape);
    }
    for (int64_t i = 0; i < m->n_weights; i++) {
        Weight *w = m->weights[i];
        int64_t n = w->value.count;
        Rng rng = rng_make(2, RNG_TEST, (uint64_t)i);
        double *d = calloc((size_t)n, sizeof *d), length = 0, slope = 0, size = 0;
        assert_non_null(d);
        for (int64_t j = 0; j < n; j++) {
            d[j] = rng_normal(&rng);
            length += d[j] * d[j];
        }
        float *g = tensor_values(ops, w->grad);
        for (int64_t j = 0; j < n; j++) {
            d[j] /= sqrt(length);
            slope += d[j] * (double)g[j];
            size += (double)g[j] * (double)g[j];
        }
        double measured = (moved_loss(m, tape, &line, w, d, h) -
                           moved_loss(m, tape, &line, w, d, -h)) /
                          (2 * h);
        double off = fabs(measured - slope), allowed = 5e-5 + 6e-3 * sqrt(size);
        if (off > allowed)
            fail_msg("%s: slope %.7g, gradient says %.7g (%.2g allowed)", m->names[i],
                     measured, slope, allowed);
        free(g);
        free(d);
    }
    tape_free(tape);
    model_free(m);
    model_free(base);
}

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    if (ops->compute == COMPUTE_BF16)
        return;
    for (int f = 0; f < 3; f++) {
        check_finite_differences(families[f], HEAD_LM, &all);
        check_finite_differences(families[f], HEAD_SCALAR, &all);
        check_finite_differences(families[f], HEAD_LM, &some);
    }
}

static void recomputed_layers_give_the_same_bits(void **state)
{
    (void)state;
    ModelShape shape = small_shape(MODEL_QWEN3, HEAD_LM);
    shape.layers = 4;
    Model *base = small_model_of(ops, &shape);
    Model *m = trained_over(base, &all, HEAD_LM, 9);
    Line line = three_documents(m);
    float *kept = NULL;
    for (int32_t recomputed = 0; recomputed < 4; recomputed++) {
        Tape *tape = new_tape(m, true, recomputed);
        model_zero_grads(m);
        (void)line_loss(m, tape, &line, true);
        if (kept)
            check_same_values(kept, m->grads);
        else
            kept = tensor_values(ops, m->grads);
        tape_free(tape);
    }
    free(kept);
    model_free(m);
    model_free(base);
}

/* --- decoding, memory ----------------------------------------------------------------------- */

static void decoding_equals_the_full_forward(void **state)
{
    (void)state;
    /* f32: as in test_decode.c. bf16: the cache and its attention are f32 where the pass
     * stores bf16, 2^-9 a number, through two layers. */
    double tolerance = ops->compute == COMPUTE_BF16 ? 3e-2 : 4e-6;
    for (int f = 0; f < 3; f++) {
        float full[TOKENS * V], cached[9 * V];
        Model *base = small_model(ops, families[f], HEAD_LM);
        Model *m = trained_over(base, f == 1 ? &some : &all, HEAD_LM, 9);
        (void)outputs(m, full);
        decode(m, cached);
        check_close("logits", cached, full, 9 * V, tolerance);
        model_free(m);
        model_free(base);
    }
}

static void no_pass_allocates(void **state)
{
    (void)state;
    Err err;
    Model *base = small_model(ops, MODEL_QWEN3, HEAD_LM);
    Model *m = trained_over(base, &all, HEAD_LM, 9);
    Tape *tape = new_tape(m, true, 1);
    ModelCache *cache;
    Line line = three_documents(m);
    int32_t slots[9] = {0};
    CHECK_OK(model_cache_new(&cache, m, 1, 12, 9, &err));
    mem_fail_after(0);
    (void)line_loss(m, tape, &line, true);
    model_changed(m);
    model_adapter_switch(m, false);
    (void)line_loss(m, tape, &line, false);
    model_adapter_switch(m, true);
    model_decode(m, cache, line.ids, slots, line.positions, 9);
    assert_null(mem_alloc_array(1, 1)); /* still to come */
    mem_fail_after(-1);
    model_cache_free(cache);
    tape_free(tape);
    model_free(m);
    model_free(base);
}

static size_t all_bytes(const ModelShape *shape, bool trainable)
{
    ModelBytes b = model_bytes(ops, shape, trainable);
    return b.weights + b.packed + b.gradients;
}

/* What else an adapter asks for: lists, names, and room to draw A in. */
static size_t other_bytes(const Model *m)
{
    size_t bytes = sizeof *m + (size_t)m->shape.layers * sizeof *m->layer +
                   (1 << 14) * sizeof(float);
    for (int64_t i = 0; i < m->n_weights; i++)
        bytes += 2 * sizeof(void *) + strlen(m->names[i]) + 1;
    return bytes;
}

static void its_memory_is_counted(void **state)
{
    (void)state;
    Model *base = small_model(ops, MODEL_QWEN2, HEAD_LM);
    size_t before = mem_asked();
    Model *m = adapter_over(base, &some, HEAD_SCALAR);
    assert_int_equal(mem_asked() - before, all_bytes(&m->shape, true) + other_bytes(m));
    model_free(m);
    model_free(base);
}

/* --- several over one base -------------------------------------------------------------- */

static void switched_off_it_is_its_base(void **state)
{
    (void)state;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Model *m = trained_over(base, &all, HEAD_LM, 9);
    float on[TOKENS * V], again[TOKENS * V];
    (void)outputs(m, on);
    check_same_outputs(base, m, false);
    model_adapter_switch(m, false);
    check_same_outputs(base, m, true);
    small_model_fill(m, 9); /* also while it is off */
    model_adapter_switch(m, true);
    (void)outputs(m, again);
    assert_memory_equal(on, again, sizeof on);
    model_free(m);
    model_free(base);
}

/* Reference, policy, reward model and critic. */
enum { MODELS = 4 };

/* A different update of policy and critic each. */
static void train_two(Model *m[MODELS])
{
    for (int i = 1; i < MODELS; i += 2) {
        Tape *tape = new_tape(m[i], true, 0);
        Line line = three_documents(m[i]);
        model_zero_grads(m[i]);
        if (i == 1) {
            (void)line_loss(m[i], tape, &line, true);
        } else {
            float score[TOKENS];
            ModelTokens tokens = line_tokens(&line);
            model_forward(m[i], tape, &tokens);
            model_scores(m[i], tape, line.rows, line.n, score);
            model_scores_backward(m[i], tape, line.weights);
            model_backward(m[i], tape);
        }
        step(m[i]);
        tape_free(tape);
    }
}

static void policy_reference_reward_and_critic_share_one_base(void **state)
{
    (void)state;
    Model *own[MODELS], *apart[MODELS], *shared[MODELS];
    for (int i = 0; i < MODELS; i++) {
        own[i] = small_model(ops, MODEL_LLAMA, HEAD_LM);
        apart[i] =
            trained_over(own[i], &all, i < 2 ? HEAD_LM : HEAD_SCALAR, i < 2 ? 21 : 22);
    }
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    size_t before = mem_asked();
    shared[0] = trained_over(base, &all, HEAD_LM, 21); /* the SFT model */
    shared[1] = adapter_over(shared[0], &all, HEAD_LM);
    shared[2] = trained_over(base, &all, HEAD_SCALAR, 22);
    shared[3] = adapter_over(shared[2], &all, HEAD_SCALAR);
    size_t adapters = 0; /* and no second base */
    for (int i = 0; i < MODELS; i++)
        adapters += all_bytes(&shared[i]->shape, true) + other_bytes(shared[i]);
    assert_int_equal(mem_asked() - before, adapters);

    train_two(shared);
    train_two(apart);
    for (int i = 0; i < MODELS; i++) {
        assert_ptr_equal(model_base(shared[i]), base);
        check_same_outputs(shared[i], apart[i], true);
    }
    check_same_outputs(shared[0], shared[1], false); /* the policy has moved */
    check_same_outputs(shared[2], shared[3], false);
    check_same_outputs(base, own[0], true);
    for (int i = 0; i < MODELS; i++) {
        model_free(apart[i]);
        model_free(own[i]);
        model_free(shared[i]);
    }
    model_free(base);
}

static void a_base_lives_as_long_as_its_adapters(void **state)
{
    (void)state;
    for (int order = 0; order < 6; order++) {
        Model *m[3];
        float want[TOKENS * V], got[TOKENS * V];
        m[0] = small_model(ops, MODEL_LLAMA, HEAD_LM);
        m[1] = trained_over(m[0], &all, HEAD_LM, 5);
        m[2] = adapter_over(m[1], &all, HEAD_LM);
        (void)outputs(m[2], want);
        int first = order % 3, second = (first + 1 + order / 3) % 3;
        int last = 3 - first - second;
        model_free(m[first]);
        model_free(m[second]);
        (void)outputs(m[last], got);
        if (last > 0)
            assert_memory_equal(want, got, sizeof want);
        model_free(m[last]);
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    Model *base = small_model(ops, MODEL_LLAMA, HEAD_LM);
    for (long n = 0;; n++) {
        Err err = {0};
        Model *m = NULL;
        mem_fail_after(n);
        Status s = model_adapter_new(&m, base, &all, HEAD_SCALAR, true, 1, &err);
        mem_fail_after(-1);
        assert_int_equal(base->holders, s == OK ? 2 : 1);
        model_free(m);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_NOMEM);
    }
    model_free(base);
}

/* --- names ------------------------------------------------------------------------------ */

static void targets_have_names(void **state)
{
    (void)state;
    Err err;
    uint32_t bits;
    Str text = {0};
    CHECK_OK(model_lora_parse("all-linear", &bits, &err));
    assert_int_equal(bits, LORA_ALL_LINEAR);
    CHECK_OK(model_lora_parse("q_proj, v,down_proj", &bits, &err));
    assert_int_equal(bits, LORA_Q | LORA_V | LORA_DOWN);
    model_lora_names(bits, &text);
    assert_string_equal(str_c(&text), "q_proj,v_proj,down_proj");
    const char *const wrong[] = {"", "q_proj,", "lm_head", "proj", "q_proj;v_proj"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(model_lora_parse(wrong[i], &bits, &err), ERR_OPTION);
    assert_int_equal(model_lora_parse("gate_porj", &bits, &err), ERR_OPTION);
    assert_non_null(strstr(err.msg, "did you mean 'gate_proj'?"));
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_adapter_changes_no_bit),
        cmocka_unit_test(a_score_of_its_own_starts_as_that_of_a_new_reward_model),
        cmocka_unit_test(a_is_drawn_by_projection),
        cmocka_unit_test(an_adapter_goes_on_from_another),
        cmocka_unit_test(impossible_adapters_are_refused),
        cmocka_unit_test(training_leaves_the_base_as_it_is),
        cmocka_unit_test(nothing_else_is_trained),
        cmocka_unit_test(flops_are_of_what_is_computed),
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(recomputed_layers_give_the_same_bits),
        cmocka_unit_test(decoding_equals_the_full_forward),
        cmocka_unit_test(no_pass_allocates),
        cmocka_unit_test(its_memory_is_counted),
        cmocka_unit_test(switched_off_it_is_its_base),
        cmocka_unit_test(policy_reference_reward_and_critic_share_one_base),
        cmocka_unit_test(a_base_lives_as_long_as_its_adapters),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(targets_have_names),
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
