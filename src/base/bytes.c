/* bytes.c - IEEE half to float: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
#include "base/bytes.h"

#include <math.h>

float bytes_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = h >> 10 & 0x1fu;
    uint32_t fraction = h & 0x3ffu;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24, exact in an f32 */
        float f = ldexpf((float)fraction, -24);
        return sign ? -f : f;
    }
    uint32_t wide = exponent == 31 ? 255 : exponent + (127 - 15);
    uint32_t u = sign | wide << 23 | fraction << 13;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
