/* rope.c - rotary positions; the formula is in ref/rope.c. Sines and cosines are
 * computed anew for each row (a loop over D/2 angles that vectorises) and serve all its
 * heads: no table, so no limit on positions and nothing to allocate. */
#include "tensor/cpu/simd/fill.h"

#include "tensor/cpu/simd/stored.h"
#include "tensor/host.h"

enum { MAX_HALF = TENSOR_MAX_HEAD / 2 };

/* sin and cos of n angles in double to about 1e-9: the multiple of pi/2 nearest to the
 * angle is taken off, Taylor series on [-pi/4, pi/4], then swapped and signed by quadrant.
 * Angles below 2^30. */
static void sines(float *sine, float *cosine, const double *rate, double position,
                  double sign, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double shift = 6755399441055744.0; /* 1.5*2^52: adding it rounds */
        double angle = position * rate[i];
        double shifted = angle * 0.63661977236758134308 + shift, q = shifted - shift;
        double x = angle - q * 1.57079632679489655800 - q * 6.12323399573676603587e-17;
        double y = x * x;
        double s = x + x * y *
                           (-1.0 / 6 +
                            y * (1.0 / 120 + y * (-1.0 / 5040 + y * (1.0 / 362880))));
        double c =
            1 +
            y * (-0.5 + y * (1.0 / 24 + y * (-1.0 / 720 +
                                             y * (1.0 / 40320 - y * (1.0 / 3628800)))));
        int64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        double first = bits & 1 ? c : s, second = bits & 1 ? s : c;
        sine[i] = (float)(bits & 2 ? -sign * first : sign * first);
        cosine[i] = (float)((bits + 1) & 2 ? -second : second);
    }
}

/* One head, with the sines and cosines of its row. */
INLINE void rotate(void *x, const float *s, const float *c, int64_t half,
                   const bool bf16)
{
    for (int64_t j = 0; j < half; j += LANES) {
        int64_t n = half - j < LANES ? half - j : LANES;
        Vec u = stored_load_some(x, j, n, bf16);
        Vec v = stored_load_some(x, half + j, n, bf16);
        Vec sine = stored_load_some(s, j, n, false);
        Vec cosine = stored_load_some(c, j, n, false);
        stored_store_some(x, j, u * cosine - v * sine, n, bf16);
        stored_store_some(x, half + j, u * sine + v * cosine, n, bf16);
    }
}

static void rope(TensorOps *t, Tensor x, Tensor positions, int64_t N, int64_t stride,
                 int64_t heads, int64_t D, double theta, bool inverse)
{
    ASSERT(D % 2 == 0 && D / 2 <= MAX_HALF && heads * D <= stride);
    void *px = host_activations(x, N * stride);
    bool bf16 = host_is_bf16(x);
    const int32_t *pos = host_i32(positions, N);
    int64_t half = D / 2;
    double rate[MAX_HALF];
    for (int64_t j = 0; j < half; j++)
        rate[j] = pow(theta, -2.0 * (double)j / (double)D);
    PARALLEL_FOR(t, N * heads * D)
    for (int64_t n = 0; n < N; n++) {
        float s[MAX_HALF], c[MAX_HALF];
        sines(s, c, rate, pos[n], inverse ? -1 : 1, half);
        for (int64_t h = 0; h < heads; h++) {
            int64_t at = n * stride + h * D;
            if (bf16)
                rotate(stored_at(px, at, true), s, c, half, true);
            else
                rotate(stored_at(px, at, false), s, c, half, false);
        }
    }
}

void SIMD_FILL(rope_)(TensorOps *t)
{
    t->rope = rope;
}
