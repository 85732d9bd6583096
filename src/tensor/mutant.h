/* mutant.h - deliberate mistakes, for the tests of the tests: reinforcement learning that is
 * wrong in one of these ways often goes on as if nothing were wrong, so each must be caught
 * by some test (tests/unit/oracle). Files that have such places are compiled once more with
 * TAME_MUTANTS for those tests (tests/CMakeLists.txt); everywhere else MUTANT(...) is the
 * constant false, and nothing of it is in the program. */
#ifndef TENSOR_MUTANT_H
#define TENSOR_MUTANT_H

#include <stdbool.h>

typedef enum Mutant {
    MUTANT_NONE,
    MUTANT_VALUES_LATE,      /* V of the state after the action for that before it */
    MUTANT_SCORE_EARLY,      /* the score at the action before the last */
    MUTANT_KL_SIGN,          /* a reward for leaving the reference */
    MUTANT_K3_REWARD,        /* k3 instead of k1 in the reward */
    MUTANT_CRITIC_UNTRAINED, /* no gradient for the critic */
    MUTANT_TEMPERATURE,      /* drawn at T, scored at 1 */
    MUTANT_CLIP_SWAPPED,     /* min for max in the clipped loss */
    MUTANTS
} Mutant;

#ifdef TAME_MUTANTS
extern Mutant mutant; /* the one that acts */
#    define MUTANT(m) (mutant == MUTANT_##m)
#else
#    define MUTANT(m) false
#endif

#endif
