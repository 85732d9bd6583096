/* network_internal.h - a network while it is built: loose edges, in any order. */
#ifndef ENGINE_CONSTRAINT_NETWORK_INTERNAL_H
#define ENGINE_CONSTRAINT_NETWORK_INTERNAL_H

#include "engine/constraint/network.h"

typedef struct LooseEdge {
    Edge edge;
    int32_t from;
} LooseEdge;

typedef struct Builder {
    const Grammar *g;
    LooseEdge *edges;
    uint16_t *parts; /* (n_states) */
    bool *used;      /* (rules of g): called by something that is reached */
    int32_t *queue;  /* those, in the order in which they were found */
    int32_t n_queue;
    size_t n_edges, cap_edges, n_states, cap_states;
    uint16_t part; /* of the states that are made now */
    Err failed;    /* code OK: nothing went wrong */
} Builder;

int32_t network_new_state(Builder *b);
void network_add_nothing(Builder *b, int32_t from, int32_t to);
void network_add_set(Builder *b, int32_t from, int32_t to, const CharSet *set);
/* Edges from one state to another that read what the node allows. */
void network_add_node(Builder *b, int32_t node, int32_t from, int32_t to);
/* network_until.c: the same for GRAMMAR_UNTIL. */
void network_add_until(Builder *b, const GrammarNode *node, int32_t from, int32_t to);
/* network_finish.c: pass 2, of n_states and edges. */
NODISCARD Status network_finish(Builder *b, Network *net, Err *err);

#endif
