/* test_passes.c - forward, backward and heads (model/forward.c, backward.c, heads.c,
 * tape.c): packing, micro-batches, gradients, memory. */
#include "support/small_model.h"

#include "base/mem.h"

#include <math.h>

/* All tests run on ref/ and then on cpu/, whose products round by the number of rows
 * that they are done with: there, "the same" is up to a few roundings (2^-24). */
static TensorOps *ops;
static double rounding; /* relative; 0: the same bits */

static const ModelFamily families[] = {MODEL_LLAMA, MODEL_QWEN2, MODEL_QWEN3};

static Tape *new_tape(Model *model, bool backward)
{
    Err err;
    Tape *tape;
    TapeOptions o = {.backward = backward};
    CHECK_OK(tape_new(&tape, model, LINE_MAX_TOKENS, o, &err));
    return tape;
}

static Line three_documents(const Model *model)
{
    Rng rng = check_rng();
    Line line = {0};
    line_add(&line, &rng, model, 9);
    line_add(&line, &rng, model, 1);
    line_add(&line, &rng, model, 6);
    return line;
}

static void packed_loss_is_the_sum_of_unpacked_losses(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        Model *model = small_model(ops, families[f], HEAD_LM);
        Tape *tape = new_tape(model, true);
        Line line = three_documents(model), a = line_part(&line, 0, 9),
             b = line_part(&line, 9, 1), c = line_part(&line, 10, 6);

        double packed = line_loss(model, tape, &line, true);
        float *packed_grads = tensor_values(ops, model->grads);
        model_zero_grads(model);
        double sum = line_loss(model, tape, &a, true) +
                     line_loss(model, tape, &b, true) +
                     line_loss(model, tape, &c, true);
        float *sum_grads = tensor_values(ops, model->grads);
        /* ref/ computes row by row, so the terms are the same bits; gradients are added
         * up in another order, which costs a rounding (6e-8) for each of 16 rows. cpu/
         * sums products of few rows in another order too, and the gradients pass through
         * some ten products: as much again, twice. */
        CHECK_NEAR(packed, sum, 1e-12 + rounding * sum);
        check_close("grads", packed_grads, sum_grads, model->n_params,
                    1e-6 + 2 * rounding);
        free(packed_grads);
        free(sum_grads);
        tape_free(tape);
        model_free(model);
    }
}

static void a_document_does_not_see_the_ones_beside_it(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Tape *tape = new_tape(model, false);
    Line line = three_documents(model);
    enum { V = 19 };
    float before[16 * V], after[16 * V];
    ModelTokens tokens = line_tokens(&line);
    model_forward(model, tape, &tokens);
    model_logits(model, tape, line.rows, line.n, before);
    for (int i = 0; i < 9; i++)
        line.ids[i] = (line.ids[i] + 5) % V;
    model_forward(model, tape, &tokens);
    model_logits(model, tape, line.rows, line.n, after);
    for (int i = 0; i < 9; i++)
        assert_memory_not_equal(before + i * V, after + i * V, V * sizeof(float));
    assert_memory_equal(before + 9 * V, after + 9 * V, 7 * V * sizeof(float));
    tape_free(tape);
    model_free(model);
}

static void later_tokens_do_not_change_earlier_ones(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_QWEN3, HEAD_LM);
    Tape *tape = new_tape(model, false);
    Line line = three_documents(model);
    float before[16 * 10], after[16 * 10];
    ModelTokens tokens = line_tokens(&line);
    model_forward(model, tape, &tokens);
    tape_hidden(tape, before);
    line.ids[4] = (line.ids[4] + 1) % 19;
    model_forward(model, tape, &tokens);
    tape_hidden(tape, after);
    assert_memory_equal(before, after, 4 * 10 * sizeof(float));
    for (int i = 4; i < 9; i++)
        assert_memory_not_equal(before + 10 * i, after + 10 * i, 10 * sizeof(float));
    tape_free(tape);
    model_free(model);
}

static void padding_changes_nothing(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_QWEN2, HEAD_LM);
    Tape *tape = new_tape(model, true);
    Line line = three_documents(model);
    double loss = line_loss(model, tape, &line, true);
    float *grads = tensor_values(ops, model->grads);

    /* Padding: a document of its own behind the others, whose rows have no loss. */
    Line padded = line;
    Rng rng = rng_make(1, RNG_TEST, 1);
    line_add(&padded, &rng, model, 11);
    float nll[LINE_MAX_TOKENS];
    ModelTokens tokens = line_tokens(&padded);
    model_zero_grads(model);
    model_forward(model, tape, &tokens);
    model_cross_entropy(model, tape, line.rows, line.targets, line.weights, line.n,
                        true, nll);
    model_backward(model, tape);
    double again = 0;
    for (int64_t i = 0; i < line.n; i++)
        again += (double)line.weights[i] * (double)nll[i];
    float *padded_grads = tensor_values(ops, model->grads);
    CHECK_NEAR(again, loss, rounding * loss);
    check_close("grads", padded_grads, grads, model->n_params, rounding);
    free(grads);
    free(padded_grads);
    tape_free(tape);
    model_free(model);
}

static void micro_batches_are_one_batch(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Tape *tape = new_tape(model, true);
    Rng rng = check_rng();
    Line whole = {0};
    for (int i = 0; i < 6; i++)
        line_add(&whole, &rng, model, 3 + i);
    double loss = line_loss(model, tape, &whole, true);
    float *grads = tensor_values(ops, model->grads);
    model_zero_grads(model);
    Line first = line_part(&whole, 0, 3 + 4 + 5);
    Line second = line_part(&whole, 12, 6 + 7 + 8);
    double sum =
        line_loss(model, tape, &first, true) + line_loss(model, tape, &second, true);
    float *sum_grads = tensor_values(ops, model->grads);
    CHECK_NEAR(sum, loss, 1e-12 + rounding * loss);
    check_close("grads", sum_grads, grads, model->n_params, 1e-6);
    free(grads);
    free(sum_grads);
    tape_free(tape);
    model_free(model);
}

static void a_scoring_tape_gives_the_same_bits(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        Model *model = small_model(ops, families[f], HEAD_LM);
        Tape *training = new_tape(model, true), *scoring = new_tape(model, false);
        Line line = three_documents(model);
        float a[16 * 10], b[16 * 10];
        ModelTokens tokens = line_tokens(&line);
        model_forward(model, training, &tokens);
        model_forward(model, scoring, &tokens);
        tape_hidden(training, a);
        tape_hidden(scoring, b);
        assert_memory_equal(a, b, sizeof a);
        tape_free(training);
        tape_free(scoring);
        model_free(model);
    }
}

/* A loss that uses all that the heads offer: sum of a logprob + b entropy over some
 * rows, and of a score over others. `line->weights` are the coefficients. */
static double mixed_loss(Model *model, Tape *tape, const Line *line, bool with_gradient)
{
    enum { M = 5 };
    const int32_t rows[M] = {0, 3, 4, 9, 15}, scored[M] = {1, 3, 5, 6, 14};
    float value[M], entropy[M], score[M], dvalue[M], dentropy[M];
    int32_t targets[M];
    ModelTokens tokens = line_tokens(line);
    double loss = 0;
    for (int i = 0; i < M; i++) {
        targets[i] = line->targets[i];
        dvalue[i] = line->weights[i];
        dentropy[i] = line->weights[M + i];
    }
    model_forward(model, tape, &tokens);
    if (head_has_logits(model->shape.head)) {
        model_logprobs(model, tape, rows, targets, M, 0.7f, value, entropy);
        for (int i = 0; i < M; i++)
            loss += (double)dvalue[i] * (double)value[i] +
                    (double)dentropy[i] * (double)entropy[i];
        if (with_gradient)
            model_logprobs_backward(model, tape, dvalue, dentropy);
    }
    if (head_has_score(model->shape.head)) {
        model_scores(model, tape, scored, M, score);
        for (int i = 0; i < M; i++)
            loss += (double)dvalue[i] * (double)score[i];
        if (with_gradient)
            model_scores_backward(model, tape, dvalue);
    }
    if (with_gradient)
        model_backward(model, tape);
    return loss;
}

/* The loss when weight w is moved by `step` along the unit vector d. */
static double moved_loss(Model *model, Tape *tape, const Line *line, const Weight *w,
                         const double *d, double step)
{
    float *old = tensor_values(ops, w->value), *new = tensor_values(ops, w->value);
    for (int64_t i = 0; i < w->value.count; i++)
        new[i] = (float)((double)old[i] + step * d[i]);
    ops->write(ops, w->value, new);
    model_changed(model);
    double loss = mixed_loss(model, tape, line, false);
    ops->write(ops, w->value, old);
    model_changed(model);
    free(old);
    free(new);
    return loss;
}

/* Along a random direction in each weight, (L(w+h) - L(w-h)) / 2h is g.d + O(h^2).
 * With h = 0.02 the rounding of a loss of about 3 (2e-7 for each of ten terms) costs
 * 1e-5, and the curvature about h^2 = 4e-4 of the gradient's length. */
static void check_finite_differences(ModelFamily family, ModelHead head, int32_t layers)
{
    ModelShape shape = small_shape(family, head);
    shape.layers = layers;
    Model *model = small_model_of(ops, &shape);
    Tape *tape = new_tape(model, true);
    Line line = three_documents(model);
    (void)mixed_loss(model, tape, &line, true);
    for (int64_t i = 0; i < model->n_weights; i++) {
        Weight *w = model->weights[i];
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
        const double h = 0.02;
        double measured = (moved_loss(model, tape, &line, w, d, h) -
                           moved_loss(model, tape, &line, w, d, -h)) /
                          (2 * h);
        double off = fabs(measured - slope), allowed = 2e-5 + 4e-3 * sqrt(size);
        if (off > allowed)
            fail_msg("%s: slope %.7g, gradient says %.7g (%.2g allowed)",
                     model->names[i], measured, slope, allowed);
        free(g);
        free(d);
    }
    tape_free(tape);
    model_free(model);
}

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        check_finite_differences(families[f], HEAD_LM, 2);
        check_finite_differences(families[f], HEAD_SCALAR, 2);
        check_finite_differences(families[f], HEAD_BOTH, 2);
        check_finite_differences(families[f], HEAD_LM, 1);
    }
}

static void heads_add_up_at_the_hidden_states(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Tape *tape = new_tape(model, true);
    Line line = three_documents(model);
    (void)line_loss(model, tape, &line, true);
    float *whole = tensor_values(ops, model->grads), nll[LINE_MAX_TOKENS];

    model_zero_grads(model);
    ModelTokens tokens = line_tokens(&line);
    model_forward(model, tape, &tokens);
    model_cross_entropy(model, tape, line.rows, line.targets, line.weights, 5, true,
                        nll);
    model_cross_entropy(model, tape, line.rows + 5, line.targets + 5, line.weights + 5,
                        0, true, nll);
    model_cross_entropy(model, tape, line.rows + 5, line.targets + 5, line.weights + 5,
                        11, true, nll);
    model_backward(model, tape);
    float *parts = tensor_values(ops, model->grads);
    check_close("grads", parts, whole, model->n_params, 1e-6);
    free(whole);
    free(parts);
    tape_free(tape);
    model_free(model);
}

static void cross_entropy_is_minus_the_logprob(void **state)
{
    (void)state;
    Model *model = small_model(ops, MODEL_QWEN2, HEAD_LM);
    Tape *tape = new_tape(model, false);
    Line line = three_documents(model);
    float nll[16], logprob[16], entropy[16];
    ModelTokens tokens = line_tokens(&line);
    model_forward(model, tape, &tokens);
    model_cross_entropy(model, tape, line.rows, line.targets, line.weights, 16, false,
                        nll);
    model_logprobs(model, tape, line.rows, line.targets, 16, 1, logprob, NULL);
    for (int i = 0; i < 16; i++)
        CHECK_NEAR(nll[i], -logprob[i], 1e-6);
    model_logprobs(model, tape, line.rows, line.targets, 16, 0, logprob, entropy);
    for (int i = 0; i < 16; i++) { /* infinitely hot: uniform */
        CHECK_NEAR(logprob[i], -log(19), 1e-6);
        CHECK_NEAR(entropy[i], log(19), 1e-6);
    }
    tape_free(tape);
    model_free(model);
}

static void no_pass_allocates(void **state)
{
    (void)state;
    for (int head = 0; head < 2; head++) {
        Model *model = small_model(ops, MODEL_QWEN3, head ? HEAD_SCALAR : HEAD_LM);
        Tape *tape = new_tape(model, true);
        Line line = three_documents(model);
        float out[LINE_MAX_TOKENS];
        mem_fail_after(0); /* the next allocation, whosever it is */
        (void)mixed_loss(model, tape, &line, true);
        if (!head)
            model_cross_entropy(model, tape, line.rows, line.targets, line.weights,
                                line.n, true, out);
        model_changed(model);
        model_zero_grads(model);
        assert_null(mem_alloc_array(1, 1)); /* it is still to come */
        mem_fail_after(-1);
        tape_free(tape);
        model_free(model);
    }
}

static void tape_bytes_grow_with_what_is_kept(void **state)
{
    (void)state;
    ModelShape s = small_shape(MODEL_LLAMA, HEAD_LM);
    const TapeOptions backward = {.backward = true}, forward = {0};
    size_t scoring = tape_bytes(ops, &s, 100, forward);
    size_t training = tape_bytes(ops, &s, 100, backward);
    assert_true(scoring < training);
    s.layers = 20;
    assert_true(tape_bytes(ops, &s, 100, forward) - scoring <
                20 * 512); /* views alone */
    /* A layer keeps x, mid, qkv, attended, gate_up and a few scalars a token. */
    double a_layer = 4.0 * 100 * (2 * 10 + 48 + 24 + 26 + 2 + 4);
    CHECK_NEAR((double)(tape_bytes(ops, &s, 100, backward) - training) / (18 * a_layer),
               1, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_loss_is_the_sum_of_unpacked_losses),
        cmocka_unit_test(a_document_does_not_see_the_ones_beside_it),
        cmocka_unit_test(later_tokens_do_not_change_earlier_ones),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(micro_batches_are_one_batch),
        cmocka_unit_test(a_scoring_tape_gives_the_same_bits),
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(heads_add_up_at_the_hidden_states),
        cmocka_unit_test(cross_entropy_is_minus_the_logprob),
        cmocka_unit_test(no_pass_allocates),
        cmocka_unit_test(tape_bytes_grow_with_what_is_kept),
    };
    int failed = 0;
    for (int fast = 0; fast < 2; fast++) {
        Err err;
        Status s = fast ? tensor_cpu_new(&ops, &(TensorCpuOptions){.threads = 2}, &err)
                        : tensor_ref_new(&ops, &err);
        if (s != OK)
            return 1;
        rounding = fast ? 1e-6 : 0;
        failed += cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
        tensor_free(ops);
    }
    return failed;
}
