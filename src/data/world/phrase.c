/* phrase.c - counted choices and the expansion of phrases, see phrase.h.
 *
 * log2 is computed bit by bit: squaring a number in [1, 2) doubles its logarithm, so that
 * each squaring that reaches 2 gives a one of the binary expansion. 32 squarings in 64-bit
 * integers lose less than 2^-25 bit in all. */
#include "data/world/phrase.h"

#include <string.h>

uint64_t log2_q32(uint32_t n)
{
    ASSERT(n >= 1);
    uint64_t whole = 0;
    while (n >> whole > 1)
        whole++;
    uint64_t x = (uint64_t)n << (31 - whole); /* n / 2^whole in [1, 2), times 2^31 */
    uint64_t fraction = 0;
    for (int i = 0; i < 32; i++) {
        x = x * x >> 31;
        fraction <<= 1;
        if (x >> 32) {
            fraction |= 1;
            x >>= 1;
        }
    }
    return whole << 32 | fraction;
}

Chooser chooser_make(uint64_t seed, ChooserStream stream, uint64_t item)
{
    ASSERT(item < UINT64_C(1) << 40);
    return (Chooser){rng_make(seed, RNG_WORLD, (uint64_t)stream << 40 | item), 0};
}

double chooser_bits(const Chooser *c)
{
    return (double)c->bits_q32 * 0x1p-32;
}

int32_t choose(Chooser *c, int32_t n)
{
    ASSERT(n >= 1);
    if (n == 1)
        return 0;
    c->bits_q32 += log2_q32((uint32_t)n);
    return (int32_t)rng_below(&c->rng, (uint32_t)n);
}

int32_t choose_between(Chooser *c, int32_t lo, int32_t hi)
{
    return lo + choose(c, hi - lo + 1);
}

bool choose_chance(Chooser *c, int32_t wins, int32_t of)
{
    ASSERT(0 <= wins && wins <= of);
    return choose_weighted(c, (const int32_t[]){of - wins, wins}, 2) == 1;
}

int32_t choose_weighted(Chooser *c, const int32_t *weights, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += weights[i];
    ASSERT(sum >= 1);
    int32_t mark = (int32_t)rng_below(&c->rng, (uint32_t)sum);
    int32_t i = 0;
    for (; i < n - 1 && mark >= weights[i]; i++)
        mark -= weights[i];
    c->bits_q32 += log2_q32((uint32_t)sum) - log2_q32((uint32_t)weights[i]);
    return i;
}

const char *choose_text(Chooser *c, const char *const *list)
{
    int32_t n = 0;
    while (list[n])
        n++;
    return list[choose(c, n)];
}

/* --- expansion ------------------------------------------------------------------- */
typedef struct Expansion {
    const PhraseContext *ctx;
    Str *out;
    bool upper; /* the next byte in upper case */
} Expansion;

static void put(Expansion *e, const char *bytes, size_t len)
{
    if (len > 0 && e->upper) {
        char first = bytes[0];
        if (first >= 'a' && first <= 'z')
            first = (char)(first - 'a' + 'A');
        str_putc(e->out, first);
        e->upper = false;
        bytes++;
        len--;
    }
    str_append(e->out, bytes, len);
}

/* The end of the alternative that starts at p: its '|' or ']' at this depth. */
static const char *alternative_end(const char *p, const char *end)
{
    for (int depth = 0; p < end; p++) {
        if (*p == '[')
            depth++;
        else if (depth == 0 && (*p == '|' || *p == ']'))
            return p;
        else if (*p == ']')
            depth--;
    }
    ASSERT(false && "a phrase with '[' and no ']'");
    return end;
}

static const char *const *rule_lines(const PhraseRule *rule, Span name)
{
    for (; rule && rule->name; rule++) {
        if (strlen(rule->name) == name.len && !memcmp(rule->name, name.ptr, name.len))
            return rule->lines;
    }
    ASSERT(false && "a phrase names a rule that is not there");
    return NULL;
}

static Span name_until(const char *p, const char *end, char close)
{
    const char *q = memchr(p, close, (size_t)(end - p));
    ASSERT(q);
    return (Span){p, (size_t)(q - p)};
}

static void expand(Expansion *e, const char *p, const char *end);

/* p stands behind '['; gives the position behind the matching ']'. */
static const char *expand_alternatives(Expansion *e, const char *p, const char *end)
{
    int32_t n = 1;
    const char *close = alternative_end(p, end);
    for (; *close == '|'; close = alternative_end(close + 1, end))
        n++;
    int32_t picked = choose(e->ctx->chooser, n);
    const char *stop = alternative_end(p, end);
    for (; picked > 0; picked--) {
        p = stop + 1;
        stop = alternative_end(p, end);
    }
    expand(e, p, stop);
    return close + 1;
}

static void expand(Expansion *e, const char *p, const char *end)
{
    const char *begin = p;
    while (p < end) {
        size_t plain = strcspn(p, "[<{^");
        if (plain > (size_t)(end - p))
            plain = (size_t)(end - p);
        put(e, p, plain);
        p += plain;
        if (p == end)
            return;
        Span name;
        switch (*p++) {
        case '^':
            e->upper = true;
            break;
        case '[':
            p = expand_alternatives(e, p, end);
            break;
        case '<': {
            name = name_until(p, end, '>');
            const char *line =
                choose_text(e->ctx->chooser, rule_lines(e->ctx->rules, name));
            expand(e, line, line + strlen(line));
            p += name.len + 1;
            break;
        }
        default: {
            name = name_until(p, end, '}');
            Span value =
                e->ctx->slot(e->ctx->self, name, (Span){begin, (size_t)(end - begin)});
            put(e, value.ptr, value.len);
            p += name.len + 1;
        }
        }
    }
}

void phrase_put(Str *out, const PhraseContext *ctx, const char *phrase)
{
    Expansion e = {ctx, out, false};
    expand(&e, phrase, phrase + strlen(phrase));
}
