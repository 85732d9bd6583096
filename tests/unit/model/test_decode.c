/* test_decode.c - decoding over a cache (model/decode.c) against the full forward. */
#include "support/small_model.h"

#include "base/mem.h"

#include <math.h>

static TensorOps *ops;     /* all tests run on ref/, then on cpu/ */
static bool takes_scratch; /* ref/ alone allocates, and only when it samples */

enum { V = 19, A = 11, B = 7 }; /* vocabulary; lengths of two sequences */

/* ref/ sums in double and rounds once, so its cached pass is the full one to the bit. In
 * cpu/ the two passes add their float terms in different orders, chosen by processor:
 * each stays within 6.4e-7 of ref/ over the whole line (measured, worst family), and one
 * row's largest logit may be half of the line's: 2 * 2 * 6.4e-7, rounded up. */
static double tolerance;

typedef struct Bench {
    Model *model;
    ModelCache *cache;
    Line a, b;
    float want_a[A * V], want_b[B * V]; /* logits of the full forward */
} Bench;

static void bench_make(Bench *bench, ModelFamily family)
{
    Err err;
    Tape *tape;
    Rng rng = check_rng();
    *bench = (Bench){.model = small_model(ops, family, HEAD_LM)};
    line_add(&bench->a, &rng, bench->model, A);
    line_add(&bench->b, &rng, bench->model, B);
    CHECK_OK(model_cache_new(&bench->cache, bench->model, 3, 16, 12, &err));
    CHECK_OK(tape_new(&tape, bench->model, A, (TapeOptions){0}, &err));
    ModelTokens tokens = line_tokens(&bench->a);
    model_forward(bench->model, tape, &tokens);
    model_logits(bench->model, tape, bench->a.rows, A, bench->want_a);
    tokens = line_tokens(&bench->b);
    model_forward(bench->model, tape, &tokens);
    model_logits(bench->model, tape, bench->b.rows, B, bench->want_b);
    tape_free(tape);
}

static void bench_free(Bench *bench)
{
    model_cache_free(bench->cache);
    model_free(bench->model);
}

/* One call: tokens [from, from + n) of a line in a slot. */
typedef struct Call {
    int32_t ids[32], slots[32], positions[32];
    int64_t M;
} Call;

static void call_add(Call *call, const Line *line, int32_t slot, int64_t from,
                     int64_t n)
{
    for (int64_t i = from; i < from + n; i++) {
        call->ids[call->M] = line->ids[i];
        call->slots[call->M] = slot;
        call->positions[call->M++] = (int32_t)i;
    }
}

static void call_run(Bench *bench, const Call *call, float *logits)
{
    const int32_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    model_decode(bench->model, bench->cache, call->ids, call->slots, call->positions,
                 call->M);
    model_decode_logits(bench->model, bench->cache, rows, call->M, logits);
}

static void log_probabilities_are_those_of_the_logits(void **state)
{
    (void)state;
    Bench bench;
    Call call = {0};
    const int32_t rows[] = {0, 1, 3}, targets[] = {V - 1, 0, 5};
    float logits[A * V], got[3];
    bench_make(&bench, (ModelFamily)0);
    call_add(&call, &bench.a, 1, 0, A);
    call_run(&bench, &call, logits);
    model_decode_logprobs(bench.model, bench.cache, rows, targets, 3, got);
    for (int i = 0; i < 3; i++) {
        const float *row = logits + rows[i] * V;
        double sum = 0;
        for (int v = 0; v < V; v++)
            sum += exp((double)row[v]);
        CHECK_NEAR(got[i], (double)row[targets[i]] - log(sum), 1e-5);
    }
    bench_free(&bench);
}

static void token_by_token_equals_the_full_forward(void **state)
{
    (void)state;
    for (int family = 0; family < 3; family++) {
        Bench bench;
        bench_make(&bench, (ModelFamily)family);
        for (int i = 0; i < A; i++) {
            Call call = {0};
            float got[V];
            call_add(&call, &bench.a, 1, i, 1);
            call_run(&bench, &call, got);
            check_close("logits", got, bench.want_a + i * V, V, tolerance);
        }
        bench_free(&bench);
    }
}

static void pieces_of_several_sequences_mix_in_a_call(void **state)
{
    (void)state;
    for (int family = 0; family < 3; family++) {
        Bench bench;
        bench_make(&bench, (ModelFamily)family);
        float got[12 * V];
        Call one = {0}, two = {0}, three = {0};
        call_add(&one, &bench.a, 2, 0, 6);
        call_run(&bench, &one, got);
        check_close("a", got, bench.want_a, 6 * V, tolerance);

        call_add(&two, &bench.b, 0, 0, 5); /* a prompt beside next tokens */
        call_add(&two, &bench.a, 2, 6, 4);
        call_run(&bench, &two, got);
        check_close("b", got, bench.want_b, 5 * V, tolerance);
        check_close("a", got + 5 * V, bench.want_a + 6 * V, 4 * V, tolerance);

        call_add(&three, &bench.a, 2, 10, 1); /* interleaved */
        call_add(&three, &bench.b, 0, 5, 2);
        call_run(&bench, &three, got);
        check_close("a", got, bench.want_a + 10 * V, V, tolerance);
        check_close("b", got + V, bench.want_b + 5 * V, 2 * V, tolerance);
        bench_free(&bench);
    }
}

static void a_slot_starts_anew_at_position_zero(void **state)
{
    (void)state;
    Bench bench;
    bench_make(&bench, MODEL_LLAMA);
    float got[12 * V];
    Call a = {0}, b = {0};
    call_add(&a, &bench.a, 0, 0, A);
    call_run(&bench, &a, got);
    call_add(&b, &bench.b, 0, 0, B);
    call_run(&bench, &b, got);
    check_close("b", got, bench.want_b, B * V, tolerance);
    bench_free(&bench);
}

static void greedy_draws_the_most_likely_id_with_its_logprob(void **state)
{
    (void)state;
    Bench bench;
    bench_make(&bench, MODEL_QWEN2);
    Err err;
    Tape *tape;
    Call call = {0};
    call_add(&call, &bench.a, 0, 0, A);
    model_decode(bench.model, bench.cache, call.ids, call.slots, call.positions, A);
    const SampleRow greedy = {.top_p = 1, .repetition_penalty = 1};
    const SampleRow how[2] = {greedy, greedy};
    const int32_t rows[2] = {A - 1, 3}; /* any order */
    SampleOut out[2];
    model_decode_sample(bench.model, bench.cache, rows, how, 2, out);

    CHECK_OK(tape_new(&tape, bench.model, A, (TapeOptions){0}, &err));
    ModelTokens tokens = line_tokens(&bench.a);
    model_forward(bench.model, tape, &tokens);
    for (int i = 0; i < 2; i++) {
        const float *z = bench.want_a + rows[i] * V;
        int best = 0;
        for (int v = 1; v < V; v++)
            best = z[v] > z[best] ? v : best;
        assert_int_equal(out[i].id, best);
        float logprob, entropy;
        model_logprobs(bench.model, tape, &rows[i], &out[i].id, 1, 1, &logprob,
                       &entropy);
        CHECK_NEAR(out[i].logprob, logprob, 1e-5);
        CHECK_NEAR(out[i].entropy, entropy, 1e-5);
    }
    tape_free(tape);
    bench_free(&bench);
}

static void decoding_allocates_nothing(void **state)
{
    (void)state;
    Bench bench;
    bench_make(&bench, MODEL_QWEN3);
    float got[12 * V];
    Call call = {0};
    SampleOut out;
    const int32_t row = 0;
    const SampleRow how = {
        .u = 0.5, .temperature = 1, .top_k = 5, .top_p = 0.9f, .repetition_penalty = 1};
    call_add(&call, &bench.a, 0, 0, A);
    mem_fail_after(0); /* the next allocation, whosever it is */
    call_run(&bench, &call, got);
    if (!takes_scratch)
        model_decode_sample(bench.model, bench.cache, &row, &how, 1, &out);
    assert_null(mem_alloc_array(1, 1)); /* it is still to come */
    mem_fail_after(-1);
    bench_free(&bench);
}

static void cache_bytes_count_keys_and_values(void **state)
{
    (void)state;
    ModelShape s = small_shape(MODEL_LLAMA, HEAD_LM);
    size_t a = model_cache_bytes(&s, 4, 100, 9), b = model_cache_bytes(&s, 4, 200, 9);
    /* 2 (keys, values) * layers * slots * tokens * Hk * D floats */
    assert_int_equal(b - a, 2 * 2 * 4 * 100 * 2 * 6 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_by_token_equals_the_full_forward),
        cmocka_unit_test(log_probabilities_are_those_of_the_logits),
        cmocka_unit_test(pieces_of_several_sequences_mix_in_a_call),
        cmocka_unit_test(a_slot_starts_anew_at_position_zero),
        cmocka_unit_test(greedy_draws_the_most_likely_id_with_its_logprob),
        cmocka_unit_test(decoding_allocates_nothing),
        cmocka_unit_test(cache_bytes_count_keys_and_values),
    };
    int failed = 0;
    for (int fast = 0; fast < 2; fast++) {
        Err err;
        Status s = fast ? tensor_cpu_new(&ops, &(TensorCpuOptions){.threads = 2}, &err)
                        : tensor_ref_new(&ops, &err);
        if (s != OK)
            return 1;
        takes_scratch = !fast;
        tolerance = fast ? 3e-6 : 0;
        failed += cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
        tensor_free(ops);
    }
    return failed;
}
