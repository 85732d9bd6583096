/* rope.c - rotary positions (Su et al. 2021), half-rotation as in Llama checkpoints of
 * the transformers library: channels j and j+D/2 of a head turn by the angle
 *
 *     a = position * theta^(-2j/D):   (x, y) -> (x cos a - y sin a, x sin a + y cos a)
 *
 * A rotation's transpose is its inverse, so the backward pass turns by -a. */
#include "tensor/ref/ref.h"

#include "tensor/host.h"

#include <math.h>

static void rope(TensorOps *t, Tensor x, Tensor positions, int64_t N, int64_t stride,
                 int64_t heads, int64_t D, double theta, bool inverse)
{
    (void)t;
    ASSERT(D % 2 == 0 && heads * D <= stride);
    float *px = host_f32(x, N * stride);
    const int32_t *pos = host_i32(positions, N);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t j = 0; j < D / 2; j++) {
            double a = pos[n] * pow(theta, -2.0 * (double)j / (double)D);
            double c = cos(a), s = inverse ? -sin(a) : sin(a);
            for (int64_t h = 0; h < heads; h++) {
                float *lo = px + n * stride + h * D + j, *hi = lo + D / 2;
                double u = (double)*lo, v = (double)*hi;
                *lo = (float)(u * c - v * s);
                *hi = (float)(u * s + v * c);
            }
        }
    }
}

void ref_fill_rope(TensorOps *t)
{
    t->rope = rope;
}
