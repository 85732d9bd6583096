/* network.h - a grammar compiled for decoding: a recursive transition network over bytes
 * (Woods 1970). Each rule is a small nondeterministic automaton whose edges read a byte
 * of a range, read nothing, or call a rule and go on behind it; classes of characters
 * become ranges of the bytes of their UTF-8 forms.
 *
 * A network stands for a row of parts, one behind the other (a template's texts and
 * blanks; mostly one part). Each state of the top level knows its part.
 *
 * least[s]: the fewest bytes from s to the end of its rule, so that decoding can see to it
 * that an answer is finished in time (Knuth 1977, "A generalization of Dijkstra's
 * algorithm"). Edges that lead nowhere are left out. */
#ifndef ENGINE_CONSTRAINT_NETWORK_H
#define ENGINE_CONSTRAINT_NETWORK_H

#include "format/grammar/grammar.h"

enum { NETWORK_STATES = 1 << 19, NETWORK_PARTS = 1000 };

typedef enum EdgeKind { EDGE_BYTES, EDGE_NOTHING, EDGE_CALL } EdgeKind;

typedef struct Edge {
    uint8_t kind, low, high; /* bytes low..high */
    int32_t to;
    int32_t rule; /* EDGE_CALL */
} Edge;

typedef struct Network {
    int32_t n_states, n_edges, n_rules;
    int32_t *first; /* (n_states + 1): edges[first[s], first[s+1]) leave s */
    Edge *edges;
    int32_t *least;          /* (n_states) */
    uint16_t *part;          /* (n_states): of the top level; of others 0 */
    uint8_t *is_end, *tail;  /* (n_states): the end of its rule; nothing but that is
                                ahead, so that a call that comes back here need not */
    int32_t *start, *finish; /* (n_rules) */
    int32_t n_parts;
    int32_t *part_start; /* (n_parts + 1) top-level states; the last is the end */
    /* Bytes that no edge tells apart are of one class. */
    uint8_t class_of[256],
        class_byte[256]; /* byte -> class; class -> one of its bytes */
    int32_t n_classes;
    uint16_t class_size[256];
} Network;

/* parts: nodes of g, one behind the other. ERR_FORMAT: a rule calls itself before it reads
 * a byte, or never ends; both name it. ERR_LIMIT: over NETWORK_STATES states. */
NODISCARD Status network_new(Network **out, const Grammar *g, const int32_t *parts,
                             int32_t n_parts, Err *err);
void network_free(Network *net); /* accepts NULL */

#endif
