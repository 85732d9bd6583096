/* test_ops.c - memory of the backends, extreme numbers, and the reduction over one
 * process. */
#include "support/tensors.h"

#include "base/mem.h"
#include "tensor/comm.h"

#include <math.h>

static TensorOps *backend(bool fast)
{
    TensorOps *t = NULL;
    Err err;
    if (fast)
        CHECK_OK(tensor_cpu_new(&t, &(TensorCpuOptions){.threads = 2}, &err));
    else
        CHECK_OK(tensor_ref_new(&t, &err));
    return t;
}

static void a_tensor_too_large_says_how_much_was_asked(void **state)
{
    (void)state;
    TensorOps *t = backend(true);
    Tensor x;
    Err err;
    mem_fail_after(0);
    Status status = t->alloc(t, &x, TENSOR_BF16, 1500000, &err);
    mem_fail_after(-1);
    assert_int_equal(status, ERR_NOMEM);
    assert_string_equal(err.msg, "no memory for a tensor of 1500000 elements (3.0 MB)");
    assert_false(tensor_present(x));
    t->free(t, &x);
    tensor_free(t);
}

static void every_failed_allocation_is_a_status(void **state)
{
    (void)state;
    Err err;
    for (long n = 0; n < 2; n++) {
        TensorOps *t = NULL;
        mem_fail_after(n);
        Status status = tensor_cpu_new(&t, &(TensorCpuOptions){.threads = 1}, &err);
        mem_fail_after(-1);
        assert_int_equal(status, ERR_NOMEM);
        assert_null(t);
    }
    long failed = 0;
    for (;; failed++) {
        TensorOps *t = backend(true);
        mem_fail_after(failed);
        Status status = t->reserve(t, 100, 64, 50, 2, &err);
        mem_fail_after(-1);
        tensor_free(t);
        if (status == OK)
            break;
        assert_int_equal(status, ERR_NOMEM);
    }
    assert_true(failed >= 5);
}

static void an_empty_tensor_is_absent(void **state)
{
    (void)state;
    TensorOps *t = backend(false);
    Tensor x;
    Err err;
    CHECK_OK(t->alloc(t, &x, TENSOR_F32, 0, &err));
    assert_false(tensor_present(x));
    t->fill(t, x, 1);
    t->copy(t, x, x);
    t->free(t, &x);
    tensor_free(t);
    tensor_free(NULL);
}

static void bf16_rounds_to_the_nearest_even(void **state)
{
    (void)state;
    const float in[] = {1, 1.00390625F, 1.01171875F, -3.14159265F};
    const float want[] = {1, 1, 1.015625F, -3.140625F};
    float out[4];
    TensorOps *t = backend(false);
    Bench b = bench_make(t, 1);
    Tensor x = bench_floats(&b, in, 4), half = bench_zeros(&b, TENSOR_BF16, 4);
    t->copy(t, half, x);
    t->copy(t, x, half);
    t->read(t, out, x);
    assert_memory_equal(out, want, sizeof want);
    bench_release(&b);
    tensor_free(t);
}

/* One of everything that a training step and a decoding step do, after reserve(). The
 * fast backend asserts when its scratch has to grow and cannot. */
static void a_reserved_pass_allocates_nothing(void **state)
{
    (void)state;
    enum {
        N = 100,
        HQ = 4,
        HK = 2,
        D = 8,
        C = 32,
        F = 40,
        V = 77,
        QKV = (HQ + 2 * HK) * D
    };
    TensorOps *t = backend(true);
    Err err;
    CHECK_OK(t->reserve(t, N, 2 * F, V, HQ, &err));
    Bench b = bench_make(t, 1);
    Weight w = bench_weight(&b, QKV, C, 0.1), head = bench_weight(&b, V, C, 0.1);
    Tensor x = bench_normal(&b, N * C, 1), qkv = bench_normal(&b, N * QKV, 1);
    Tensor d = bench_normal(&b, N * C, 1), dqkv = bench_normal(&b, N * QKV, 1);
    Tensor gain = bench_normal(&b, C, 1),
           rstd = bench_zeros(&b, TENSOR_F32, N * (HQ + HK));
    Tensor lse = bench_zeros(&b, TENSOR_F32, N * HQ), starts = bench_starts(&b, N, N);
    Tensor ids = bench_random_ids(&b, N, V), nll = bench_zeros(&b, TENSOR_F32, N);
    Tensor h = bench_zeros(&b, TENSOR_F32, N), weights = bench_normal(&b, N, 1);
    Tensor m = bench_zeros(&b, TENSOR_F32, QKV * C),
           v = bench_zeros(&b, TENSOR_F32, QKV * C);
    SampleOut out[N];
    SampleRow rows[N];
    for (int i = 0; i < N; i++)
        rows[i] = (SampleRow){.u = 0.5, .temperature = 1, .top_k = 5, .top_p = 0.9F};

    mem_fail_after(0);
    t->embed(t, x, &head, ids, N);
    t->rmsnorm(t, d, rstd, x, gain, N, C, 1e-5F);
    for (int64_t n = 1; n <= N; n++)
        t->linear(t, qkv, x, &w, (Tensor){0}, (Tensor){0}, n);
    Tensor g = tensor_slice(gain, 0, D);
    t->qk_norm(t, dqkv, rstd, qkv, g, g, N, HQ, HK, D, 1e-5F);
    t->rope(t, qkv, ids, N, QKV, HQ + HK, D, 10000, false);
    t->attention(t, x, lse, qkv, starts, N, HQ, HK, D);
    t->attention_backward(t, dqkv, d, x, lse, qkv, starts, N, HQ, HK, D);
    t->qk_norm_backward(t, dqkv, g, g, qkv, rstd, g, g, N, HQ, HK, D);
    t->linear_backward_input(t, d, dqkv, &w, N, true);
    t->linear_backward_weight(t, &w, (Tensor){0}, dqkv, x, N);
    t->rmsnorm_backward(t, d, gain, d, x, rstd, gain, N, C);
    t->head_cross_entropy(t, nll, d, x, &head, ids, weights, N);
    t->head_logprob(t, nll, lse, h, x, &head, ids, N, 1);
    t->head_logprob_backward(t, d, weights, weights, lse, h, x, &head, ids, N, 1);
    t->head_sample(t, out, x, &head, rows, N);
    t->embed_backward(t, &head, d, ids, N);
    t->sum_squares(t, w.grad);
    t->adamw(t, w.value, w.grad, m, v, (AdamwStep){.correction1 = 1, .correction2 = 1});
    t->weight_changed(t, &w);
    mem_fail_after(-1);

    t->weight_release(t, &w);
    bench_release(&b);
    tensor_free(t);
}

static void huge_logits_have_the_right_loss_on(TensorOps *t)
{
    enum { V = 5 };
    const float z[V] = {3e4F, -3e4F, 2.5e4F, 0, 1}, one = 1;
    const int32_t target = 2;
    float nll, dx, lse;
    Bench b = bench_make(t, 1);
    Weight w = {.value = bench_floats(&b, z, V),
                .grad = bench_zeros(&b, TENSOR_F32, V),
                .rows = V,
                .cols = 1};
    Tensor x = bench_floats(&b, &one, 1), out = bench_zeros(&b, TENSOR_F32, 3);
    Tensor nll_out = tensor_slice(out, 0, 1), dx_out = tensor_slice(out, 1, 1);
    t->head_cross_entropy(t, nll_out, dx_out, x, &w, bench_ids(&b, &target, 1), x, 1);
    t->read(t, &nll, nll_out);
    t->read(t, &dx, dx_out);
    CHECK_NEAR(nll, 5000, 0);
    CHECK_NEAR(dx, 5000, 0); /* z_0 - z_target */
    t->head_logprob(t, nll_out, tensor_slice(out, 2, 1), dx_out, x, &w,
                    bench_ids(&b, &target, 1), 1, 1);
    t->read(t, &lse, tensor_slice(out, 2, 1));
    t->read(t, &dx, dx_out);
    CHECK_NEAR(lse, 3e4, 0);
    CHECK_NEAR(dx, 0, 0); /* entropy */
    bench_release(&b);
}
static void huge_logits_have_the_right_loss(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        TensorOps *t = backend(fast);
        huge_logits_have_the_right_loss_on(t);
        tensor_free(t);
    }
}

/* A run that diverged must be seen: a NaN anywhere reaches the loss. */
static void a_nan_reaches_the_loss(void **state)
{
    (void)state;
    enum { V = 37, C = 19 };
    TensorOps *t = backend(true);
    Bench b = bench_make(t, 1);
    Weight w = bench_weight(&b, V, C, 1);
    Tensor x = bench_normal(&b, C, 1), nll = bench_zeros(&b, TENSOR_F32, 1);
    Tensor y = bench_zeros(&b, TENSOR_F32, C), rstd = bench_zeros(&b, TENSOR_F32, 1);
    const int32_t target = 3;
    const float nan = NAN;
    float out;
    t->write(t, tensor_slice(x, 18, 1), &nan);
    assert_true(isnan(t->sum_squares(t, x)));
    t->rmsnorm(t, y, rstd, x, w.value, 1, C, 1e-5F);
    t->head_cross_entropy(t, nll, (Tensor){0}, y, &w, bench_ids(&b, &target, 1), nll,
                          1);
    t->read(t, &out, nll);
    assert_true(isnan(out));
    bench_release(&b);
    tensor_free(t);
}

/* Documents in one line are as good as documents alone. */
static void packed_documents_do_not_see_each_other_on(TensorOps *t)
{
    enum {
        N = 50,
        CUT = 19,
        HQ = 2,
        HK = 1,
        D = 16,
        QKV = (HQ + 2 * HK) * D,
        O = HQ * D
    };
    float together[N * O], alone[N * O];
    int32_t starts[N], zeros[N] = {0};
    for (int i = 0; i < N; i++)
        starts[i] = i < CUT ? 0 : CUT;
    Bench b = bench_make(t, 3);
    Tensor qkv = bench_normal(&b, N * QKV, 1),
           lse = bench_zeros(&b, TENSOR_F32, N * HQ);
    Tensor o = bench_zeros(&b, TENSOR_F32, N * O), zero = bench_ids(&b, zeros, N);
    t->attention(t, o, lse, qkv, bench_ids(&b, starts, N), N, HQ, HK, D);
    t->read(t, together, o);
    t->attention(t, o, lse, qkv, zero, CUT, HQ, HK, D);
    t->attention(t, tensor_slice(o, CUT * O, (N - CUT) * O), lse,
                 tensor_slice(qkv, CUT * QKV, (N - CUT) * QKV), zero, N - CUT, HQ, HK,
                 D);
    t->read(t, alone, o);
    assert_memory_equal(together, alone, sizeof alone);
    bench_release(&b);
}
static void packed_documents_do_not_see_each_other(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        TensorOps *t = backend(fast);
        packed_documents_do_not_see_each_other_on(t);
        tensor_free(t);
    }
}

static void cached_attention_equals_the_full_one_on(TensorOps *t)
{
    enum { N = 70, HQ = 4, HK = 2, D = 8, QKV = (HQ + 2 * HK) * D, O = HQ * D };
    float full[N * O], cached[N * O];
    int32_t zeros[N] = {0}, positions[N];
    for (int i = 0; i < N; i++)
        positions[i] = i;
    Bench b = bench_make(t, 4);
    Tensor qkv = bench_normal(&b, N * QKV, 1),
           lse = bench_zeros(&b, TENSOR_F32, N * HQ);
    Tensor o = bench_zeros(&b, TENSOR_F32, N * O), zero = bench_ids(&b, zeros, N);
    Tensor k = bench_zeros(&b, TENSOR_F32, N * HK * D),
           pos = bench_ids(&b, positions, N);
    Tensor v = bench_zeros(&b, TENSOR_F32, N * HK * D);
    t->attention(t, o, lse, qkv, zero, N, HQ, HK, D);
    t->read(t, full, o);
    t->cache_store(t, k, v, qkv, zero, pos, N, N, HQ, HK, D);
    t->attention_cached(t, o, qkv, k, v, zero, pos, N, N, HQ, HK, D);
    t->read(t, cached, o);
    for (int i = 0; i < N * O; i++)
        CHECK_NEAR(cached[i], full[i], 1e-5);
    bench_release(&b);
}
static void cached_attention_equals_the_full_one(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        TensorOps *t = backend(fast);
        cached_attention_equals_the_full_one_on(t);
        tensor_free(t);
    }
}

static void one_process_reduces_to_itself(void **state)
{
    (void)state;
    TensorOps *t = backend(false);
    Bench b = bench_make(t, 1);
    const float in[] = {1, 2, 3};
    float out[3];
    double host[] = {4, 5};
    Comm c = comm_one();
    Tensor x = bench_floats(&b, in, 3);
    c.all_reduce(&c, t, x);
    c.broadcast(&c, t, x, 0);
    c.all_reduce_host(&c, host, 2);
    t->read(t, out, x);
    assert_memory_equal(in, out, sizeof in);
    assert_true(c.rank == 0 && c.size == 1 && host[0] == 4 && host[1] == 5);
    bench_release(&b);
    tensor_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_too_large_says_how_much_was_asked),
        cmocka_unit_test(every_failed_allocation_is_a_status),
        cmocka_unit_test(an_empty_tensor_is_absent),
        cmocka_unit_test(bf16_rounds_to_the_nearest_even),
        cmocka_unit_test(a_reserved_pass_allocates_nothing),
        cmocka_unit_test(huge_logits_have_the_right_loss),
        cmocka_unit_test(a_nan_reaches_the_loss),
        cmocka_unit_test(packed_documents_do_not_see_each_other),
        cmocka_unit_test(cached_attention_equals_the_full_one),
        cmocka_unit_test(one_process_reduces_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
