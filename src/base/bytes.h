/* bytes.h - little-endian numbers and the 16-bit float formats. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint32_t bytes_u32(const void *p)
{
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}
static inline uint64_t bytes_u64(const void *p)
{
    uint64_t low = bytes_u32(p), high = bytes_u32((const unsigned char *)p + 4);
    return low | high << 32;
}
static inline float bytes_f32(const void *p)
{
    uint32_t u = bytes_u32(p);
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline void bytes_put_u32(void *p, uint32_t v)
{
    unsigned char *b = p;
    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char)(v >> (8 * i));
}
static inline void bytes_put_u64(void *p, uint64_t v)
{
    unsigned char *b = p;
    for (int i = 0; i < 8; i++)
        b[i] = (unsigned char)(v >> (8 * i));
}

/* bfloat16: the upper half of an f32. Rounds to nearest even; NaN stays NaN. */
static inline uint16_t bytes_f32_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}
static inline float bytes_bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
/* IEEE half. */
float bytes_f16_to_f32(uint16_t h);

#endif
