/* walk.h - for the targets of grammars: compiles what was parsed, and walks the shortest
 * way to a text that it accepts. */
#ifndef FUZZ_WALK_H
#define FUZZ_WALK_H

#include "engine/constraint/automaton.h"

static inline void walk(Automaton *a, Str *text)
{
    int32_t s = automaton_start(a);
    while (s > 0 && !automaton_accepts(a, s) && text->len < 2000) {
        int32_t next = AUTOMATON_DEAD;
        int byte = 0;
        for (; byte < 256 && next <= 0; byte++) {
            next = automaton_step(a, s, (uint8_t)byte);
            if (next == AUTOMATON_FULL)
                return;
            if (next > 0 && automaton_least(a, next) >= automaton_least(a, s))
                next = AUTOMATON_DEAD;
        }
        /* Only what goes too deep, or is too ambiguous, may end on the way. */
        ASSERT(next > 0 || automaton_was_limited(a));
        if (next <= 0)
            return;
        str_putc(text, (char)(byte - 1));
        s = next;
    }
    ASSERT(s != AUTOMATON_DEAD || automaton_was_limited(a));
}

/* The shortest text, "" when there is none, it is too long, or the grammar is refused;
 * `status` is the parser's. */
static inline Str walk_to_an_end(const Grammar *g, int32_t node, Status status,
                                 Err *err)
{
    Str text = {0};
    Network *net = NULL;
    Automaton *a = NULL;
    if (status == OK)
        status = network_new(&net, g, &node, 1, err);
    if (status == OK)
        status = automaton_new(&a, net, 8 << 20, err);
    ASSERT(status == OK || (err->code == status && err->msg[0]));
    if (status == OK) {
        walk(a, &text);
        int32_t s = automaton_start(a);
        s = s > 0 ? automaton_read(a, s, str_span(&text)) : s;
        if (s <= 0 || !automaton_accepts(a, s))
            str_reset(&text);
    }
    automaton_free(a);
    network_free(net);
    return text;
}

#endif
