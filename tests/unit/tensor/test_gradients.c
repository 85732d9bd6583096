/* test_gradients.c - every backward operation of the reference against finite differences
 * of its forward one. The scalar is sum dy*y, so its gradient at x is what backward says.
 *
 * Fourth-order differences with step 1/32: the formula errs by about h^4/30 times the
 * fifth derivative (3e-8), the floats by 6e-8 sqrt(n)/h (2e-5 for n = 100). */
#include "support/tensors.h"

#include <math.h>

typedef struct Probe {
    Bench *b;
    double (*scalar)(const void *self);
    const void *self;
} Probe;

static double dot_of(Bench *b, Tensor x, Tensor y)
{
    double sum = 0;
    float *p = malloc((size_t)(2 * x.count) * sizeof *p);
    assert_non_null(p);
    assert_int_equal(x.count, y.count);
    b->t->read(b->t, p, x);
    b->t->read(b->t, p + x.count, y);
    for (int64_t i = 0; i < x.count; i++)
        sum += (double)p[i] * (double)p[x.count + i];
    free(p);
    return sum;
}

/* The gradient at x is `claimed`, element by element. */
static void check_gradient(Probe probe, const char *name, Tensor x, Tensor claimed)
{
    TensorOps *t = probe.b->t;
    const double h = 1.0 / 32;
    const double step[] = {-2 * h, -h, h, 2 * h}, share[] = {1, -8, 8, -1};
    assert_int_equal(x.count, claimed.count);
    for (int64_t i = 0; i < x.count; i++) {
        float at, want;
        double slope = 0;
        t->read(t, &at, tensor_slice(x, i, 1));
        t->read(t, &want, tensor_slice(claimed, i, 1));
        for (int k = 0; k < 4; k++) {
            float moved = (float)((double)at + step[k]);
            t->write(t, tensor_slice(x, i, 1), &moved);
            slope += share[k] * probe.scalar(probe.self) / (12 * h);
        }
        t->write(t, tensor_slice(x, i, 1), &at);
        if (!(fabs(slope - (double)want) <= 4e-4 * (1 + fabs(slope))))
            fail_msg("%s[%lld]: backward says %.7g, differences %.7g", name,
                     (long long)i, (double)want, slope);
    }
}

static Bench reference(uint64_t seed)
{
    TensorOps *t = NULL;
    Err err;
    CHECK_OK(tensor_ref_new(&t, &err));
    return bench_make(t, seed);
}

static void finish(Bench *b)
{
    bench_release(b);
    tensor_free(b->t);
}

/* --- linear ---------------------------------------------------------------------- */
typedef struct Linear {
    Bench *b;
    Tensor y, dy, x, bias;
    Weight w;
    int64_t N;
} Linear;

static double linear_scalar(const void *self)
{
    Linear l = *(const Linear *)self;
    l.b->t->linear(l.b->t, l.y, l.x, &l.w, l.bias, (Tensor){0}, l.N);
    return dot_of(l.b, l.y, l.dy);
}

static void linear_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 3, O = 5, C = 4 };
    Bench b = reference(1);
    Linear l = {&b,
                bench_zeros(&b, TENSOR_F32, N * O),
                bench_normal(&b, N * O, 1),
                bench_normal(&b, N * C, 1),
                bench_normal(&b, O, 1),
                bench_weight(&b, O, C, 1),
                N};
    Tensor dx = bench_normal(&b, N * C, 1), dbias = bench_zeros(&b, TENSOR_F32, O);
    b.t->fill(b.t, l.w.grad, 0);
    b.t->linear_backward_input(b.t, dx, l.dy, &l.w, N, false);
    b.t->linear_backward_weight(b.t, &l.w, dbias, l.dy, l.x, N);
    Probe probe = {&b, linear_scalar, &l};
    check_gradient(probe, "dx", l.x, dx);
    check_gradient(probe, "dw", l.w.value, l.w.grad);
    check_gradient(probe, "dbias", l.bias, dbias);
    finish(&b);
}

/* A frozen matrix of which rows 0 and 3 to 4 are adapted. */
static void an_adapter_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 4, O = 6, C = 5, R = 2 };
    const AdapterPiece pieces[] = {{0, 1}, {3, 2}};
    Bench b = reference(2);
    Linear l = {&b,
                bench_zeros(&b, TENSOR_F32, N * O),
                bench_normal(&b, N * O, 1),
                bench_normal(&b, N * C, 1),
                bench_normal(&b, O, 1),
                bench_weight(&b, O, C, 1),
                N};
    bench_adapt(&b, &l.w, R, pieces, 2, 0.7F, 0.8);
    Weight *a = &l.w.adapter->a, *up = &l.w.adapter->b;
    Tensor dx = bench_normal(&b, N * C, 1);
    l.w.grad = (Tensor){0};
    b.t->fill(b.t, a->grad, 0);
    b.t->fill(b.t, up->grad, 0);
    b.t->linear_backward_input(b.t, dx, l.dy, &l.w, N, false);
    b.t->linear_backward_weight(b.t, &l.w, (Tensor){0}, l.dy, l.x, N);
    Probe probe = {&b, linear_scalar, &l};
    check_gradient(probe, "dx", l.x, dx);
    check_gradient(probe, "da", a->value, a->grad);
    check_gradient(probe, "db", up->value, up->grad);
    finish(&b);
}

/* --- norms ------------------------------------------------------------------------ */
typedef struct Norm {
    Bench *b;
    Tensor y, dy, x, gain, k_gain, rstd;
    int64_t N, C, Hq, Hk, D;
} Norm;

static double rmsnorm_scalar(const void *self)
{
    const Norm *n = self;
    n->b->t->rmsnorm(n->b->t, n->y, n->rstd, n->x, n->gain, n->N, n->C, 1e-5F);
    return dot_of(n->b, n->y, n->dy);
}

static void rmsnorm_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 3, C = 7 };
    Bench b = reference(2);
    Norm n = {.b = &b,
              .y = bench_zeros(&b, TENSOR_F32, N * C),
              .dy = bench_normal(&b, N * C, 1),
              .x = bench_normal(&b, N * C, 2),
              .gain = bench_normal(&b, C, 1),
              .rstd = bench_zeros(&b, TENSOR_F32, N),
              .N = N,
              .C = C};
    Tensor dx = bench_zeros(&b, TENSOR_F32, N * C), dg = bench_zeros(&b, TENSOR_F32, C);
    rmsnorm_scalar(&n);
    b.t->rmsnorm_backward(b.t, dx, dg, n.dy, n.x, n.rstd, n.gain, N, C);
    Probe probe = {&b, rmsnorm_scalar, &n};
    check_gradient(probe, "dx", n.x, dx);
    check_gradient(probe, "dgain", n.gain, dg);
    finish(&b);
}

static double qk_norm_scalar(const void *self)
{
    const Norm *n = self;
    n->b->t->qk_norm(n->b->t, n->y, n->rstd, n->x, n->gain, n->k_gain, n->N, n->Hq,
                     n->Hk, n->D, 1e-5F);
    return dot_of(n->b, n->y, n->dy);
}

static void qk_norm_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 3, HQ = 4, HK = 2, D = 6, WIDTH = (HQ + 2 * HK) * D };
    Bench b = reference(3);
    Norm n = {.b = &b,
              .y = bench_zeros(&b, TENSOR_F32, N * WIDTH),
              .dy = bench_normal(&b, N * WIDTH, 1),
              .x = bench_normal(&b, N * WIDTH, 2),
              .gain = bench_normal(&b, D, 1),
              .k_gain = bench_normal(&b, D, 1),
              .rstd = bench_zeros(&b, TENSOR_F32, N * (HQ + HK)),
              .N = N,
              .Hq = HQ,
              .Hk = HK,
              .D = D};
    Tensor dx = bench_zeros(&b, TENSOR_F32, N * WIDTH);
    Tensor dq = bench_zeros(&b, TENSOR_F32, D), dk = bench_zeros(&b, TENSOR_F32, D);
    qk_norm_scalar(&n);
    b.t->copy(b.t, dx, n.dy);
    b.t->qk_norm_backward(b.t, dx, dq, dk, n.x, n.rstd, n.gain, n.k_gain, N, HQ, HK, D);
    Probe probe = {&b, qk_norm_scalar, &n};
    check_gradient(probe, "dqkv", n.x, dx);
    check_gradient(probe, "dq_gain", n.gain, dq);
    check_gradient(probe, "dk_gain", n.k_gain, dk);
    finish(&b);
}

/* --- rope, swiglu, embedding: y = f(x) for one x ----------------------------------- */
typedef struct Map {
    Bench *b;
    Tensor y, dy, x, ids;
    Weight table;
    int64_t N, width;
} Map;

static double rope_scalar(const void *self)
{
    const Map *m = self;
    m->b->t->copy(m->b->t, m->y, m->x);
    m->b->t->rope(m->b->t, m->y, m->ids, m->N, m->width, 2, 6, 100, false);
    return dot_of(m->b, m->y, m->dy);
}

static void the_inverse_rotation_is_the_gradient_of_rope(void **state)
{
    (void)state;
    enum { N = 4, WIDTH = 15 }; /* two heads of 6, and 3 channels that stay */
    Bench b = reference(4);
    Map m = {.b = &b,
             .y = bench_zeros(&b, TENSOR_F32, N * WIDTH),
             .dy = bench_normal(&b, N * WIDTH, 1),
             .x = bench_normal(&b, N * WIDTH, 1),
             .ids = bench_random_ids(&b, N, 50),
             .N = N,
             .width = WIDTH};
    Tensor dx = bench_zeros(&b, TENSOR_F32, N * WIDTH);
    b.t->copy(b.t, dx, m.dy);
    b.t->rope(b.t, dx, m.ids, N, WIDTH, 2, 6, 100, true);
    check_gradient((Probe){&b, rope_scalar, &m}, "dx", m.x, dx);
    finish(&b);
}

static double swiglu_scalar(const void *self)
{
    const Map *m = self;
    m->b->t->swiglu(m->b->t, m->y, m->x, m->N, m->width);
    return dot_of(m->b, m->y, m->dy);
}

static void swiglu_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 3, F = 7 };
    Bench b = reference(5);
    Map m = {.b = &b,
             .y = bench_zeros(&b, TENSOR_F32, N * F),
             .dy = bench_normal(&b, N * F, 1),
             .x = bench_normal(&b, N * 2 * F, 2),
             .N = N,
             .width = F};
    Tensor dgu = bench_normal(&b, N * 2 * F, 1), h = bench_zeros(&b, TENSOR_F32, N * F);
    b.t->swiglu_backward(b.t, dgu, h, m.dy, m.x, N, F);
    check_gradient((Probe){&b, swiglu_scalar, &m}, "dgu", m.x, dgu);
    finish(&b);
}

static double embed_scalar(const void *self)
{
    Map m = *(const Map *)self;
    m.b->t->embed(m.b->t, m.y, &m.table, m.ids, m.N);
    return dot_of(m.b, m.y, m.dy);
}

static void embedding_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 9, V = 4, C = 3 };
    Bench b = reference(6);
    Map m = {.b = &b,
             .y = bench_zeros(&b, TENSOR_F32, N * C),
             .dy = bench_normal(&b, N * C, 1),
             .ids = bench_random_ids(&b, N, V),
             .table = bench_weight(&b, V, C, 1),
             .N = N};
    b.t->fill(b.t, m.table.grad, 0);
    b.t->embed_backward(b.t, &m.table, m.dy, m.ids, N);
    check_gradient((Probe){&b, embed_scalar, &m}, "dtable", m.table.value,
                   m.table.grad);
    finish(&b);
}

/* --- attention ---------------------------------------------------------------------- */
typedef struct Attention {
    Bench *b;
    Tensor o, dout, lse, qkv, starts;
    int64_t N, Hq, Hk, D;
} Attention;

static double attention_scalar(const void *self)
{
    const Attention *a = self;
    a->b->t->attention(a->b->t, a->o, a->lse, a->qkv, a->starts, a->N, a->Hq, a->Hk,
                       a->D);
    return dot_of(a->b, a->o, a->dout);
}

static void attention_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { N = 9, HQ = 4, HK = 2, D = 4, WIDTH = (HQ + 2 * HK) * D };
    Bench b = reference(7);
    Attention a = {&b,
                   bench_zeros(&b, TENSOR_F32, N * HQ * D),
                   bench_normal(&b, N * HQ * D, 1),
                   bench_zeros(&b, TENSOR_F32, N * HQ),
                   bench_normal(&b, N * WIDTH, 1),
                   bench_starts(&b, N, 6),
                   N,
                   HQ,
                   HK,
                   D};
    Tensor dqkv = bench_normal(&b, N * WIDTH, 1);
    attention_scalar(&a);
    b.t->attention_backward(b.t, dqkv, a.dout, a.o, a.lse, a.qkv, a.starts, N, HQ, HK,
                            D);
    check_gradient((Probe){&b, attention_scalar, &a}, "dqkv", a.qkv, dqkv);
    finish(&b);
}

/* --- head --------------------------------------------------------------------------- */
typedef struct Head {
    Bench *b;
    Tensor nll, logprob, lse, entropy, x, targets, weights, dentropy;
    Weight w;
    int64_t M;
    float inv_temperature;
} Head;

static Head head_make(Bench *b, int64_t M, int64_t V, int64_t C)
{
    Head h = {.b = b,
              .nll = bench_zeros(b, TENSOR_F32, M),
              .logprob = bench_zeros(b, TENSOR_F32, M),
              .lse = bench_zeros(b, TENSOR_F32, M),
              .entropy = bench_zeros(b, TENSOR_F32, M),
              .x = bench_normal(b, M * C, 1),
              .targets = bench_random_ids(b, M, (int32_t)V),
              .weights = bench_normal(b, M, 1),
              .dentropy = bench_normal(b, M, 1),
              .w = bench_weight(b, V, C, 1),
              .M = M,
              .inv_temperature = 1.3F};
    b->t->fill(b->t, h.w.grad, 0);
    return h;
}

static double cross_entropy_scalar(const void *self)
{
    Head h = *(const Head *)self;
    h.b->t->head_cross_entropy(h.b->t, h.nll, (Tensor){0}, h.x, &h.w, h.targets,
                               h.weights, h.M);
    return dot_of(h.b, h.nll, h.weights);
}

static void cross_entropy_has_the_gradient_of_its_differences(void **state)
{
    (void)state;
    enum { M = 4, V = 6, C = 3 };
    Bench b = reference(8);
    Head h = head_make(&b, M, V, C);
    Tensor dx = bench_normal(&b, M * C, 1);
    b.t->head_cross_entropy(b.t, h.nll, dx, h.x, &h.w, h.targets, h.weights, M);
    Probe probe = {&b, cross_entropy_scalar, &h};
    check_gradient(probe, "dx", h.x, dx);
    check_gradient(probe, "dw", h.w.value, h.w.grad);
    finish(&b);
}

static double logprob_scalar(const void *self)
{
    Head h = *(const Head *)self;
    h.b->t->head_logprob(h.b->t, h.logprob, h.lse, h.entropy, h.x, &h.w, h.targets, h.M,
                         h.inv_temperature);
    return dot_of(h.b, h.logprob, h.weights) + dot_of(h.b, h.entropy, h.dentropy);
}

static void logprob_and_entropy_have_the_gradient_of_their_differences(void **state)
{
    (void)state;
    enum { M = 4, V = 6, C = 3 };
    Bench b = reference(9);
    Head h = head_make(&b, M, V, C);
    Tensor dx = bench_normal(&b, M * C, 1);
    logprob_scalar(&h);
    b.t->head_logprob_backward(b.t, dx, h.weights, h.dentropy, h.lse, h.entropy, h.x,
                               &h.w, h.targets, M, h.inv_temperature);
    Probe probe = {&b, logprob_scalar, &h};
    check_gradient(probe, "dx", h.x, dx);
    check_gradient(probe, "dw", h.w.value, h.w.grad);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_has_the_gradient_of_its_differences),
        cmocka_unit_test(an_adapter_has_the_gradient_of_its_differences),
        cmocka_unit_test(rmsnorm_has_the_gradient_of_its_differences),
        cmocka_unit_test(qk_norm_has_the_gradient_of_its_differences),
        cmocka_unit_test(the_inverse_rotation_is_the_gradient_of_rope),
        cmocka_unit_test(swiglu_has_the_gradient_of_its_differences),
        cmocka_unit_test(embedding_has_the_gradient_of_its_differences),
        cmocka_unit_test(attention_has_the_gradient_of_its_differences),
        cmocka_unit_test(cross_entropy_has_the_gradient_of_its_differences),
        cmocka_unit_test(logprob_and_entropy_have_the_gradient_of_their_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
