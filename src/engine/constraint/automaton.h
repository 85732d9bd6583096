/* automaton.h - a network run as a machine with one state at a time, made as it is met.
 *
 * While a text is read, a network may be in several places at once, each with its own
 * stack of calls to come back to. Such a set of (state, stack) pairs is one state of the
 * automaton. Stacks are shared (a frame points to the one below) and each is kept once,
 * so two texts that leave the same to come lead to the same number: what was worked out
 * for it, its next states and its mask of tokens, serves again. For what a regular
 * expression can say there are few such states; recursion makes more.
 *
 *     AUTOMATON_DEPTH frames at most: deeper, a call is not taken (the grammar is as if it
 *     went no deeper). AUTOMATON_PLACES pairs at most: those over it are dropped. Both
 *     only take texts away.
 *
 * What was made is kept up to a limit of memory; then all of it is forgotten, and numbers
 * mean nothing more: automaton_generation() tells, and who holds a number reads its text
 * again. Threads: one at a time. */
#ifndef ENGINE_CONSTRAINT_AUTOMATON_H
#define ENGINE_CONSTRAINT_AUTOMATON_H

#include "engine/constraint/network.h"

enum {
    AUTOMATON_DEPTH = 500,
    AUTOMATON_PLACES = 2000,
    AUTOMATON_DEAD = 0, /* no text that begins so is allowed */
    AUTOMATON_FULL = -1 /* no memory is left: forget, and read again */
};

typedef struct Automaton Automaton;
/* The network is borrowed; max_bytes: of what is made (0: 128 MB). */
NODISCARD Status automaton_new(Automaton **out, const Network *net, size_t max_bytes,
                               Err *err);
void automaton_free(Automaton *a); /* accepts NULL */

/* The state before any text; AUTOMATON_FULL. */
int32_t automaton_start(Automaton *a);
/* The state behind one byte more: a number > 0, AUTOMATON_DEAD or AUTOMATON_FULL. */
int32_t automaton_step(Automaton *a, int32_t state, uint8_t byte);
/* All bytes of a text; stops at DEAD and FULL. */
int32_t automaton_read(Automaton *a, int32_t state, Span text);
/* May the text end here? */
bool automaton_accepts(const Automaton *a, int32_t state);
/* The one byte that may follow, or -1 when it may end here or there are several. */
int automaton_only_byte(Automaton *a, int32_t state);
/* Fewest bytes to an end. */
int32_t automaton_least(const Automaton *a, int32_t state);
/* The first part of the network that the text may still be in. */
int32_t automaton_part(const Automaton *a, int32_t state);
/* Fewest bytes until the text has left `part`: 0 when it may have. */
int32_t automaton_least_of_part(const Automaton *a, int32_t state, int32_t part);
/* The state in which the text has left `part`; DEAD when it cannot have. */
int32_t automaton_leave(Automaton *a, int32_t state, int32_t part);

/* Forgets all states; their numbers are void, and the generation is the next. */
void automaton_forget(Automaton *a);
int64_t automaton_generation(const Automaton *a);
/* For `bytes` more that its user keeps for states; false: there is no room. */
bool automaton_take(Automaton *a, size_t bytes);
/* Has a call or a place been dropped since it was made? */
bool automaton_was_limited(const Automaton *a);

#endif
