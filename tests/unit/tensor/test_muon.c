/* test_muon.c - Muon's orthogonalisation against the factor U V^T from a singular value
 * decomposition, and its step against the slow backend (test_backends.c has the threads). */
#include "support/tensors.h"

/* From tests/golden/polar/make.py. */
static const struct {
    int64_t rows, cols;
    double factor[25];
} golden[] = {
    /* 5 x 5: singular values 2.203 to 0.903 */
    {5, 5, {-0.604652703, 0.094376211,  -0.621397903, 0.094815371, -0.479961385,
            -0.002558957, -0.434333720, 0.418624039,  0.620011925, -0.501683963,
            0.296595622,  0.544958609,  -0.251639519, 0.715188425, 0.200584697,
            -0.685259297, 0.393694323,  0.548331631,  0.106500583, 0.251822406,
            -0.277199014, -0.592006964, -0.273182237, 0.289410436, 0.643662587}},
    /* 3 x 7: singular values 2.018 to 1.478 */
    {3, 7, {-0.557276320, 0.064166934,  -0.546891047, 0.139292373,  -0.440662291,
            0.093552692,  -0.404843381, -0.118420875, -0.426108680, 0.414985654,
            0.492607329,  -0.504827514, -0.319843369, 0.179950596,  0.218230598,
            0.354543452,  -0.340611189, 0.510333353,  0.251863391,  -0.621365464,
            -0.026230233}},
    /* 7 x 3: singular values 2.032 to 1.582 */
    {7, 3, {-0.630725211, 0.054471741,  -0.488747370, -0.102803198, -0.442538465,
            0.410728692,  0.250107934,  0.340112501,  -0.274963713, -0.494770497,
            0.408981190,  0.466377687,  -0.011265315, -0.556404778, -0.430892362,
            0.429418922,  -0.095870133, 0.240441000,  -0.315813029, -0.446624059,
            0.236293582}},
};

/* make.py's matrix. */
static void fill_matrix(float *x, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++)
            x[i * cols + j] =
                (float)((double)((i * 37 + j * 53 + i * i * j * 11 + i * j * j * 7) %
                                     101 -
                                 50) /
                        50.0);
    }
}

/* polar(g) out of one step from w = m = 0 with lr -1. */
static void polar_of(TensorOps *t, const float *g, int64_t rows, int64_t cols,
                     float *out)
{
    Err err;
    Bench b = bench_make(t, 1);
    int64_t n = rows * cols;
    MuonMatrix u = {.w = bench_zeros(&b, TENSOR_F32, n),
                    .g = bench_floats(&b, g, n),
                    .m = bench_zeros(&b, TENSOR_F32, n),
                    .rows = rows,
                    .cols = cols};
    CHECK_OK(t->muon_reserve(t, rows, cols, &err));
    t->muon(t, &u, 1, (MuonStep){.lr = -1, .grad_scale = 0.01F});
    t->read(t, out, u.w);
    double scale = rows > cols ? sqrt((double)rows / (double)cols) : 1;
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)((double)out[i] / scale);
    bench_release(&b);
}

/* With X = U f(S) V^T and Q = U V^T: X Q^T = U f(S) U^T (X wide; tall, Q^T X = V f(S) V^T)
 * is symmetric, and no entry of X - Q exceeds |f(S) - 1|, at most 0.1412. */
static void check_factor(const float *x, const double *q, int64_t rows, int64_t cols,
                         double tolerance)
{
    for (int64_t i = 0; i < rows * cols; i++)
        CHECK_NEAR(x[i], q[i], 0.1412 + tolerance);
    bool tall = rows > cols;
    int64_t p = tall ? cols : rows, k = tall ? rows : cols;
    for (int64_t i = 0; i < p; i++) {
        for (int64_t j = 0; j < i; j++) {
            double a = 0, b = 0;
            for (int64_t l = 0; l < k; l++) {
                int64_t at_i = tall ? l * cols + i : i * cols + l;
                int64_t at_j = tall ? l * cols + j : j * cols + l;
                a += (double)x[at_i] * q[at_j];
                b += (double)x[at_j] * q[at_i];
            }
            CHECK_NEAR(a, b, tolerance);
        }
    }
}

static void check_backend(TensorOps *t, double tolerance)
{
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        float g[25], x[25];
        fill_matrix(g, golden[i].rows, golden[i].cols);
        polar_of(t, g, golden[i].rows, golden[i].cols, x);
        check_factor(x, golden[i].factor, golden[i].rows, golden[i].cols, tolerance);
    }
    tensor_free(t);
}

/* The fast one multiplies rounding errors, 6e-8, by all five steps' slopes: at most 990. */
static const double fast_tolerance = 5e-4;

static void it_is_the_orthogonal_factor(void **state)
{
    (void)state;
    TensorOps *slow = NULL;
    Err err;
    CHECK_OK(tensor_ref_new(&slow, &err));
    check_backend(slow, 1e-5);
    for (int i = 0; i < BENCH_SETS; i++) {
        TensorOps *f32 = bench_cpu(bench_sets[i], 1, COMPUTE_F32);
        if (!f32)
            continue;
        check_backend(f32, fast_tolerance);
        check_backend(bench_cpu(bench_sets[i], 1, COMPUTE_BF16), fast_tolerance);
    }
}

/* Gradients are nearly of low rank. Columns whose sizes run from 1 to 1e-6: singular values
 * whose squares are less than a float's rounding. */
static void small_singular_values_do_no_harm(void **state)
{
    (void)state;
    enum { P = 96, Q = 128 };
    static float g[P * Q], want[P * Q], got[P * Q];
    TensorOps *slow = NULL;
    Err err;
    Rng rng = rng_make(1, RNG_TEST, 0);
    for (int i = 0; i < P * Q; i++)
        g[i] = (float)(rng_normal(&rng) * pow(10, -6.0 * (i % Q) / Q));
    CHECK_OK(tensor_ref_new(&slow, &err));
    polar_of(slow, g, P, Q, want);
    tensor_free(slow);
    for (int i = 0; i < BENCH_SETS; i++) {
        TensorOps *fast = bench_cpu(bench_sets[i], 2, COMPUTE_F32);
        if (!fast)
            continue;
        polar_of(fast, g, P, Q, got);
        for (int j = 0; j < P * Q; j++)
            CHECK_NEAR(got[j], want[j], 0.02);
        tensor_free(fast);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_singular_values_do_no_harm),
        cmocka_unit_test(it_is_the_orthogonal_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
