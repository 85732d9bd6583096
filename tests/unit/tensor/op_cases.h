/* op_cases.h - every operation with odd shapes, as functions from a bench to what comes
 * out. test_backends.c asks that fast equals slow, and that threads change no bit. */
#ifndef TENSOR_OP_CASES_H
#define TENSOR_OP_CASES_H

#include "support/tensors.h"

#include <math.h>

static void show_weight(Bench *b, const Weight *w)
{
    bench_show(b, w->grad);
}

static void linear_of(Bench *b, int64_t N, int64_t O, int64_t C, bool has_bias)
{
    TensorOps *t = b->t;
    Weight w = bench_weight(b, O, C, 0.3);
    Tensor x = bench_normal(b, N * C, 1), bias = {0}, dbias = {0};
    if (has_bias) {
        bias = bench_normal(b, O, 1);
        dbias = bench_normal(b, O, 1);
    }
    Tensor y = bench_normal(b, N * O, 1), dx = bench_normal(b, N * C, 1);
    t->linear(t, y, x, &w, bias, (Tensor){0}, N);
    bench_show(b, y);
    t->linear_backward_input(t, dx, y, &w, N, true);
    bench_show(b, dx);
    t->linear_backward_input(t, dx, y, &w, N, false);
    bench_show(b, dx);
    t->linear_backward_weight(t, &w, dbias, y, x, N);
    show_weight(b, &w);
    bench_show(b, dbias);
    w.grad = (Tensor){0};
    t->linear_backward_weight(t, &w, dbias, y, x, N); /* frozen: only the bias */
    bench_show(b, dbias);
}

static void linear_case(Bench *b)
{
    const int64_t rows[] = {1, 2, 7, 8, 9, 33, 64, 65, 130};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        linear_of(b, rows[i], 37, 29, i % 2 == 0);
    linear_of(b, 150, 1024, 3, false); /* rows of dy a page apart */
}

/* A matrix for products, with the backend's packed copy. */
static Weight bench_product_weight(Bench *b, int64_t rows, int64_t cols, double sd)
{
    Err err;
    Weight w = bench_weight(b, rows, cols, sd);
    w.value = bench_rounded(b, rows * cols, sd);
    CHECK_OK(b->t->weight_prepare(b->t, &w, &err));
    assert_true(b->n_weights < 64);
    b->weights[b->n_weights++] = w;
    b->t->weight_changed(b->t, &w);
    return w;
}

/* Products with a packed weight. Operands that are bf16 numbers leave the sums to round,
 * and what is stored. */
static void product_of(Bench *b, int64_t N, int64_t O, int64_t C, int kind)
{
    TensorOps *t = b->t;
    Weight w = bench_product_weight(b, O, C, 1 / sqrt((double)C));
    Tensor x = bench_activations(b, N * C, 1);
    Tensor dy = bench_activations(b, N * O, 1 / sqrt((double)O));
    Tensor y = bench_activations(b, N * O, 1), dx = bench_activations(b, N * C, 1);
    Tensor sum = bench_normal(b, N * C, 1), bias = bench_normal(b, O, 1);
    Tensor residual = bench_normal(b, N * O, 1), absent = {0};
    t->linear(t, y, x, &w, kind == 1 ? bias : absent, kind == 2 ? residual : absent, N);
    bench_show(b, y);
    t->linear(t, residual, x, &w, absent, residual, N);
    bench_show(b, residual);
    t->linear_backward_input(t, dx, dy, &w, N, false);
    bench_show(b, dx);
    t->linear_backward_input(t, sum, dy, &w, N, true);
    bench_show(b, sum);
    t->linear_backward_weight(t, &w, bias, dy, x, N);
    bench_show(b, bias);
    show_weight(b, &w);
}

static void product_case(Bench *b)
{
    const int64_t rows[] = {1, 2, 3, 8, 15, 33, 130};
    for (int i = 0; i < 7; i++)
        product_of(b, rows[i], 37 + 32 * i, 29 + 40 * i, i % 3);
}
/* Sums in more than one block, and strips that take all of a block's room. */
static void deep_product_case(Bench *b)
{
    product_of(b, 19, 50, 2300, 0);
    product_of(b, 5, 2300, 40, 2);
}

/* Products of at most 64 rows forward: nothing is packed. */
static void few_rows_case(Bench *b)
{
    TensorOps *t = b->t;
    const int64_t rows[] = {1, 3, 8, 31, 64};
    Weight w = bench_weight(b, 45, 67, 0.3);
    Tensor bias = bench_normal(b, 45, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Tensor x = bench_normal(b, rows[i] * 67, 1);
        Tensor y = bench_zeros(b, TENSOR_F32, rows[i] * 45);
        t->linear(t, y, x, &w, i % 2 ? bias : (Tensor){0}, (Tensor){0}, rows[i]);
        bench_show(b, y);
        t->linear(t, y, x, &w, (Tensor){0}, y, rows[i]);
        bench_show(b, y);
    }
}

/* Products with an adapter: of all rows, of pieces with a gap before, between and after
 * them that end anywhere in a strip, of an odd rank, frozen or not. */
static void adapted_of(Bench *b, int64_t N, int64_t C, int64_t rank, int kind)
{
    static const AdapterPiece pieces[][ADAPTER_PIECES] = {
        {{0, 75}}, {{0, 31}, {31, 13}, {44, 31}}, {{3, 17}, {50, 9}}, {{40, 35}}};
    static const int32_t n_pieces[] = {1, 3, 2, 1};
    enum { O = 75 };
    TensorOps *t = b->t;
    bool plain = b->activations == BENCH_PLAIN;
    double sd = 1 / sqrt((double)C);
    Weight w = plain ? bench_weight(b, O, C, sd) : bench_product_weight(b, O, C, sd);
    bench_adapt(b, &w, rank, pieces[kind], n_pieces[kind], 1.5F / (float)rank, 0.4);
    Tensor x = bench_activations(b, N * C, 1), dy = bench_activations(b, N * O, 0.2);
    Tensor y = bench_activations(b, N * O, 1), dx = bench_activations(b, N * C, 1);
    Tensor sum = bench_normal(b, N * C, 1), bias = bench_normal(b, O, 1);
    Tensor residual = bench_normal(b, N * O, 1), absent = {0};
    t->linear(t, y, x, &w, kind == 1 ? bias : absent, kind == 2 ? residual : absent, N);
    bench_show(b, y);
    t->linear(t, residual, x, &w, absent, residual, N);
    bench_show(b, residual);
    t->linear_backward_input(t, dx, dy, &w, N, false);
    bench_show(b, dx);
    t->linear_backward_input(t, sum, dy, &w, N, true);
    bench_show(b, sum);
    if (kind != 0)
        w.grad = absent;
    t->linear_backward_weight(t, &w, kind == 1 ? bias : absent, dy, x, N);
    bench_show(b, bias);
    show_weight(b, &w);
    show_weight(b, &w.adapter->a);
    show_weight(b, &w.adapter->b);
}

static void adapted_case(Bench *b)
{
    const int64_t rows[] = {1, 5, 20, 64, 65, 130}, ranks[] = {4, 1, 3, 8, 5, 16};
    for (int i = 0; i < 6; i++)
        adapted_of(b, rows[i], 29 + 20 * i, ranks[i], i % 4);
    adapted_of(b, 70, 1300, 7, 1); /* sums in more than one block */
}

static void elementwise_case(Bench *b)
{
    TensorOps *t = b->t;
    const int64_t n = 70001;
    Tensor x = bench_normal(b, n, 1), y = bench_normal(b, n, 1);
    t->add(t, y, x);
    bench_show(b, y);
    t->scale(t, y, 0.37F);
    bench_show(b, y);
    float squares = (float)t->sum_squares(t, tensor_slice(y, 0, n - 3));
    bench_show_floats(b, &squares, 1);
    t->fill(t, tensor_slice(y, 5, n - 9), 2.5F);
    bench_show(b, y);
    Tensor half = bench_zeros(b, TENSOR_BF16, n), back = bench_zeros(b, TENSOR_F32, n);
    t->copy(t, half, x);
    t->copy(t, back, half);
    bench_show(b, back);
    t->fill(t, half, -1.5F);
    t->copy(t, back, half);
    bench_show(b, back);
}

static void rows_case(Bench *b)
{
    TensorOps *t = b->t;
    const int32_t chosen[] = {8, 0, 3};
    Tensor x = bench_normal(b, 9 * 21, 1), y = bench_normal(b, 3 * 21, 1);
    Tensor rows = bench_ids(b, chosen, 3);
    t->scatter_rows(t, x, y, rows, 3, 21);
    t->gather_rows(t, y, x, rows, 3, 21);
    bench_show(b, x);
    bench_show(b, y);
}

static void rmsnorm_of(Bench *b, int64_t N, int64_t C)
{
    TensorOps *t = b->t;
    Tensor x = bench_normal(b, N * C, 2), gain = bench_normal(b, C, 1);
    Tensor y = bench_activations(b, N * C, 1), rstd = bench_zeros(b, TENSOR_F32, N);
    Tensor dy = bench_activations(b, N * C, 1), dx = bench_normal(b, N * C, 1);
    Tensor dgain = bench_normal(b, C, 1);
    t->rmsnorm(t, y, rstd, x, gain, N, C, 1e-5F);
    bench_show(b, y);
    bench_show(b, rstd);
    t->rmsnorm_backward(t, dx, dgain, dy, x, rstd, gain, N, C);
    bench_show(b, dx);
    bench_show(b, dgain);
    t->rmsnorm_backward(t, dx, (Tensor){0}, dy, x, rstd, gain, N, C);
    bench_show(b, dx);
}

static void rmsnorm_case(Bench *b)
{
    rmsnorm_of(b, 1, 1);
    rmsnorm_of(b, 1, 48);
    rmsnorm_of(b, 301, 61);
}

static void qk_norm_of(Bench *b, int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    TensorOps *t = b->t;
    int64_t width = (Hq + 2 * Hk) * D;
    Tensor x = bench_activations(b, N * width, 1);
    Tensor out = bench_activations(b, N * width, 1);
    Tensor rstd = bench_zeros(b, TENSOR_F32, N * (Hq + Hk));
    Tensor gq = bench_normal(b, D, 1), gk = bench_normal(b, D, 1);
    Tensor dgq = bench_normal(b, D, 1), dgk = bench_normal(b, D, 1);
    Tensor d = bench_activations(b, N * width, 1);
    t->qk_norm(t, out, rstd, x, gq, gk, N, Hq, Hk, D, 1e-6F);
    bench_show(b, out);
    bench_show(b, rstd);
    t->qk_norm_backward(t, d, dgq, dgk, x, rstd, gq, gk, N, Hq, Hk, D);
    bench_show(b, d);
    bench_show(b, dgq);
    bench_show(b, dgk);
    t->qk_norm_backward(t, d, (Tensor){0}, (Tensor){0}, x, rstd, gq, gk, N, Hq, Hk, D);
    bench_show(b, d);
}

static void qk_norm_case(Bench *b)
{
    qk_norm_of(b, 1, 1, 1, 2);
    qk_norm_of(b, 203, 6, 2, 18);
}

static void rope_of(Bench *b, int64_t N, int64_t heads, int64_t D, int64_t beyond)
{
    TensorOps *t = b->t;
    int64_t stride = heads * D + beyond;
    Tensor x = bench_activations(b, N * stride, 1),
           pos = bench_random_ids(b, N, 100000);
    t->rope(t, x, pos, N, stride, heads, D, 10000.0, false);
    bench_show(b, x);
    t->rope(t, x, pos, N, stride, heads, D, 10000.0, true);
    bench_show(b, x);
}

static void rope_case(Bench *b)
{
    rope_of(b, 1, 1, 2, 0);
    rope_of(b, 97, 5, 22, 13);
    rope_of(b, 130, 3, 64, 64);
}

static void swiglu_of(Bench *b, int64_t N, int64_t F)
{
    TensorOps *t = b->t;
    Tensor gu = bench_activations(b, N * 2 * F, 3), h = bench_activations(b, N * F, 1);
    Tensor dh = bench_activations(b, N * F, 1);
    Tensor dgu = bench_activations(b, N * 2 * F, 1),
           again = bench_activations(b, N * F, 1);
    t->swiglu(t, h, gu, N, F);
    bench_show(b, h);
    t->swiglu_backward(t, dgu, again, dh, gu, N, F);
    bench_show(b, dgu);
    bench_show(b, again);
}

static void swiglu_case(Bench *b)
{
    swiglu_of(b, 1, 1);
    swiglu_of(b, 301, 71);
}

static void embed_case(Bench *b)
{
    TensorOps *t = b->t;
    const int64_t N = 401, C = 75;
    Weight table = bench_weight(b, 23, C, 1);
    Tensor ids = bench_random_ids(b, N, 23), x = bench_zeros(b, TENSOR_F32, N * C);
    t->embed(t, x, &table, ids, N);
    bench_show(b, x);
    t->embed_backward(t, &table, x, ids, N);
    show_weight(b, &table);
}

static void attention_of(Bench *b, int64_t N, int64_t longest, int64_t Hq, int64_t Hk,
                         int64_t D)
{
    TensorOps *t = b->t;
    int64_t width = (Hq + 2 * Hk) * D, out = Hq * D;
    Tensor qkv = bench_activations(b, N * width, 1);
    Tensor starts = bench_starts(b, N, longest),
           lse = bench_zeros(b, TENSOR_F32, N * Hq);
    Tensor o = bench_activations(b, N * out, 1),
           dout = bench_activations(b, N * out, 1);
    Tensor dqkv = bench_activations(b, N * width, 1);
    t->attention(t, o, lse, qkv, starts, N, Hq, Hk, D);
    bench_show(b, o);
    bench_show(b, lse);
    t->attention_backward(t, dqkv, dout, o, lse, qkv, starts, N, Hq, Hk, D);
    bench_show(b, dqkv);
}

static void attention_case(Bench *b)
{
    attention_of(b, 1, 1, 1, 1, 2);
    attention_of(b, 61, 20, 3, 1, 10);
    attention_of(b, 90, 90, 4, 2, 16);
    attention_of(b, 150, 140, 2, 2, 32);
    attention_of(b, 75, 40, 2, 1, 40);
    attention_of(b, 70, 70, 1, 1, 64);
}

static void decode_of(Bench *b, int64_t M, int64_t Hq, int64_t Hk, int64_t D)
{
    enum { SLOTS = 3, CAPACITY = 141 };
    TensorOps *t = b->t;
    int64_t width = (Hq + 2 * Hk) * D, cache = SLOTS * CAPACITY * Hk * D;
    Tensor k = bench_normal(b, cache, 1), v = bench_normal(b, cache, 1);
    Tensor qkv = bench_normal(b, M * width, 1), o = bench_normal(b, M * Hq * D, 1);
    int32_t *slot = malloc((size_t)M * 4), *pos = malloc((size_t)M * 4);
    assert_true(slot && pos);
    for (int32_t i = 0; i < M; i++) {
        slot[i] = i % SLOTS;
        pos[i] = i * 37 % CAPACITY;
    }
    Tensor slots = bench_ids(b, slot, M), positions = bench_ids(b, pos, M);
    free(slot);
    free(pos);
    t->cache_store(t, k, v, qkv, slots, positions, M, CAPACITY, Hq, Hk, D);
    bench_show(b, k);
    bench_show(b, v);
    t->attention_cached(t, o, qkv, k, v, slots, positions, M, CAPACITY, Hq, Hk, D);
    bench_show(b, o);
}

static void decode_case(Bench *b)
{
    decode_of(b, 1, 1, 1, 2);
    decode_of(b, 8, 6, 2, 18);
    decode_of(b, 5, 2, 2, 32);
}

static void head_of(Bench *b, int64_t M, int64_t V, int64_t C, double spread)
{
    TensorOps *t = b->t;
    Weight w = bench_product_weight(b, V, C, spread);
    Tensor x = bench_activations(b, M * C, 1);
    Tensor targets = bench_random_ids(b, M, (int32_t)V);
    Tensor weights = bench_normal(b, M, 1), nll = bench_zeros(b, TENSOR_F32, M);
    Tensor dx = bench_normal(b, M * C, 1), logprob = bench_zeros(b, TENSOR_F32, M);
    Tensor lse = bench_zeros(b, TENSOR_F32, M), entropy = bench_zeros(b, TENSOR_F32, M);
    Tensor dlogprob = bench_normal(b, M, 1), dentropy = bench_normal(b, M, 1);
    t->head_cross_entropy(t, nll, (Tensor){0}, x, &w, targets, weights, M);
    bench_show(b, nll);
    t->head_cross_entropy(t, nll, dx, x, &w, targets, weights, M);
    bench_show(b, nll);
    bench_show(b, dx);
    show_weight(b, &w);
    t->head_logprob(t, logprob, lse, (Tensor){0}, x, &w, targets, M, 1);
    bench_show(b, logprob);
    t->head_logprob_backward(t, dx, dlogprob, (Tensor){0}, lse, (Tensor){0}, x, &w,
                             targets, M, 1);
    bench_show(b, dx);
    t->head_logprob(t, logprob, lse, entropy, x, &w, targets, M, 0.7F);
    bench_show(b, logprob);
    bench_show(b, lse);
    bench_show(b, entropy);
    t->head_logprob_backward(t, dx, dlogprob, dentropy, lse, entropy, x, &w, targets, M,
                             0.7F);
    bench_show(b, dx);
    show_weight(b, &w);
    w.grad = (Tensor){0};
    t->head_cross_entropy(t, nll, dx, x, &w, targets, weights, M);
    bench_show(b, dx);
}

static void head_case(Bench *b)
{
    head_of(b, 1, 1, 3, 0.3);
    head_of(b, 5, 37, 11, 0.3);
    head_of(b, 70, 131, 19, 0.3);
}

/* More rows than are done at a time, of logits and of their gradients. */
static void long_head_case(Bench *b)
{
    head_of(b, 1060, 41, 8, 0.3);
}

static void logits_case(Bench *b)
{
    enum { M = 9, V = 77, C = 13 };
    float logits[M * V];
    Weight w = bench_weight(b, V, C, 1);
    Tensor x = bench_normal(b, M * C, 1);
    b->t->head_logits(b->t, logits, x, &w, M);
    bench_show_floats(b, logits, M * V);
}

static void adamw_case(Bench *b)
{
    TensorOps *t = b->t;
    const int64_t n = 40007;
    Tensor w = bench_normal(b, n, 1), m = bench_zeros(b, TENSOR_F32, n);
    Tensor v = bench_zeros(b, TENSOR_F32, n), g = bench_normal(b, n, 1);
    AdamwStep step = {.lr = 1e-3F,
                      .beta1 = 0.9F,
                      .beta2 = 0.95F,
                      .eps = 1e-8F,
                      .decay = 0.1F,
                      .grad_scale = 0.5F,
                      .correction1 = 0.1F,
                      .correction2 = 0.05F};
    for (int i = 0; i < 3; i++)
        t->adamw(t, w, g, m, v, step);
    bench_show(b, w);
    bench_show(b, m);
    bench_show(b, v);
}

/* Shapes with whole tiles and without, wide, tall and square. */
static void muon_case(Bench *b)
{
    enum { N = 5 };
    static const int64_t shapes[N][2] = {
        {28, 64}, {37, 53}, {70, 29}, {1, 5}, {48, 48}};
    TensorOps *t = b->t;
    Err err;
    MuonMatrix u[N];
    for (int i = 0; i < N; i++) {
        int64_t rows = shapes[i][0], cols = shapes[i][1], n = rows * cols;
        CHECK_OK(t->muon_reserve(t, rows, cols, &err));
        u[i] = (MuonMatrix){.w = bench_normal(b, n, 0.1),
                            .g = bench_normal(b, n, 1),
                            .m = bench_zeros(b, TENSOR_F32, n),
                            .rows = rows,
                            .cols = cols};
    }
    for (int i = 0; i < 3; i++)
        t->muon(t, u, N, (MuonStep){0.02F, 0.95F, 0.1F, 0.5F});
    for (int i = 0; i < N; i++) {
        bench_show(b, u[i].w);
        bench_show(b, u[i].m);
    }
}

#endif
