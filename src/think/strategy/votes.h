/* votes.h - counting answers. */
#ifndef THINK_STRATEGY_VOTES_H
#define THINK_STRATEGY_VOTES_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

typedef struct VotesEntry {
    Span answer;   /* borrowed */
    int32_t count; /* of those who gave it */
    int32_t first; /* number of the first one */
} VotesEntry;

typedef struct Votes {
    VotesEntry *entries; /* in the order they came up */
    int32_t n, cap;
    int32_t invalid;
} Votes;

/* For at most cap votes. */
NODISCARD Status votes_init(Votes *v, int32_t cap, Err *err);
void votes_release(Votes *v); /* accepts zeroed */
/* Vote number i; an empty answer is invalid. */
void votes_add(Votes *v, int32_t i, Span answer);
/* Most votes; of several the one that came up first. NULL: no valid vote. */
const VotesEntry *votes_winner(const Votes *v);
/* P(the leader is the answer that comes most often | votes), against the second alone:
 * 1 - I_1/2(v1 + 1, v2 + 1); 0.5 without votes. */
double votes_lead(const Votes *v);

#endif
