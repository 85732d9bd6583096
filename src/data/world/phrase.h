/* phrase.h - text as the product of counted choices.
 *
 * A phrase is a string with holes, the right-hand side of a context-free rule:
 *
 *     [a|b|c]   one of the alternatives, each with the same chance; they nest
 *     <word>    one line of the rule `word`, each with the same chance
 *     {p.town}  what the caller has bound to this name: no choice
 *     ^         the next byte in upper case
 *
 * Every choice goes through a Chooser, which sums -log2 of its chance. The sum over a
 * document is its information content given the bindings: the fewest bits in which any
 * model can write the document on average. (Where two derivations give one text it is an
 * upper bound.) Decisions and sums are integers, so that they are the same on every
 * machine: a sum is kept in units of 2^-32 bit. */
#ifndef WORLD_PHRASE_H
#define WORLD_PHRASE_H

#include "base/rng.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Chooser {
    Rng rng;
    uint64_t bits_q32; /* sum of -log2(chance), times 2^32 */
} Chooser;

/* The purposes of a world's streams; item i of a stream has its own Chooser. */
typedef enum ChooserStream {
    STREAM_NAMES,
    STREAM_FACTS,
    STREAM_DOCUMENTS,
    STREAM_DEMONSTRATIONS,
    STREAM_PROMPTS,
    STREAM_HELDOUT_PROMPTS,
    STREAM_COMPARISONS,
    STREAM_HELDOUT_COMPARISONS,
    STREAM_TESTS,
    STREAM_REFERENCE,
    STREAM_HIDDEN,
} ChooserStream;
Chooser chooser_make(uint64_t seed, ChooserStream stream, uint64_t item);
double chooser_bits(const Chooser *c);

int32_t choose(Chooser *c, int32_t n);                      /* uniform in [0, n) */
int32_t choose_between(Chooser *c, int32_t lo, int32_t hi); /* both ends included */
bool choose_chance(Chooser *c, int32_t wins, int32_t of);   /* true: wins in `of` */
/* Index i with chance weights[i] / sum; weights >= 0, their sum >= 1. */
int32_t choose_weighted(Chooser *c, const int32_t *weights, int32_t n);
/* A member of a NULL-terminated list. */
const char *choose_text(Chooser *c, const char *const *list);

/* log2(n) in units of 2^-32, rounded down; n >= 1. */
uint64_t log2_q32(uint32_t n);

typedef struct PhraseRule {
    const char *name; /* NULL ends the table */
    const char *const *lines;
} PhraseRule;

/* The value of a slot. `phrase` is the text that the slot stands in. */
typedef Span (*PhraseSlot)(void *self, Span name, Span phrase);

typedef struct PhraseContext {
    Chooser *chooser;
    const PhraseRule *rules; /* NULL: none */
    PhraseSlot slot;
    void *self;
} PhraseContext;

/* Appends an expansion of `phrase`. A phrase is part of the program: a bad one is a bug. */
void phrase_put(Str *out, const PhraseContext *ctx, const char *phrase);

#endif
