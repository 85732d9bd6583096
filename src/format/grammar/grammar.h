/* grammar.h - a context-free grammar as a tree of nodes over Unicode characters, and how
 * it is built. What texts may look like is written in one of several languages (gbnf.h,
 * regex.h, schema.h, template.h); all of them become this, and one automaton
 * (engine/constraint/) decodes under it.
 *
 *     node  = nothing | one character of a class | a literal | sequence | choice
 *           | repetition | a rule | any text up to the first of some literals
 *
 * Nodes, classes and rules are numbers in one Grammar, so that a grammar is freed at once
 * and may be recursive. A builder never fails in the caller's face: running out of memory
 * or over a limit is remembered, and grammar_check() says so once.
 *
 * Limits: GRAMMAR_NODES nodes, GRAMMAR_DEPTH of one inside another (parsers keep it),
 * GRAMMAR_REPEAT repetitions with a number. */
#ifndef FORMAT_GRAMMAR_GRAMMAR_H
#define FORMAT_GRAMMAR_GRAMMAR_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GRAMMAR_NODES = 200 * 1000,
    GRAMMAR_DEPTH = 200,
    GRAMMAR_REPEAT = 10 * 1000,
    GRAMMAR_RANGES = 256,
    UNICODE_MAX = 0x10FFFF
};

/* --- classes of characters ----------------------------------------------------------- */
typedef struct CharRange {
    uint32_t low, high; /* both inside */
} CharRange;

typedef struct CharSet {
    CharRange ranges[GRAMMAR_RANGES];
    int32_t n;
    bool full; /* one range too many was added */
} CharSet;
void charset_add(CharSet *s, uint32_t low, uint32_t high);
void charset_add_set(CharSet *s, const CharSet *more);
/* Sorted, without overlaps or neighbours. Done by those below. */
void charset_normalise(CharSet *s);
void charset_negate(CharSet *s); /* within [0, UNICODE_MAX] */
void charset_intersect(CharSet *s, const CharSet *with);
bool charset_has(const CharSet *s, uint32_t c);

/* --- nodes ----------------------------------------------------------------------------- */
typedef enum GrammarKind {
    GRAMMAR_EMPTY,
    GRAMMAR_CHARS,    /* ranges[first, first + n) */
    GRAMMAR_BYTES,    /* bytes[first, first + n) */
    GRAMMAR_SEQUENCE, /* kids[first, first + n) */
    GRAMMAR_CHOICE,   /* kids, at least one */
    GRAMMAR_LOOP,     /* kids[first], min to max times; max -1: without end */
    GRAMMAR_CALL,     /* rules[first] */
    GRAMMAR_UNTIL     /* any text with one of the literals kids at its end and nowhere
                         before */
} GrammarKind;

typedef struct GrammarNode {
    GrammarKind kind;
    int32_t first, n;
    int32_t min, max;
} GrammarNode;

typedef struct GrammarRule {
    char *name;   /* owned */
    int32_t node; /* -1: used, but not yet written */
    int32_t line,
        column; /* of its first use or of its definition; 0: not from a text */
} GrammarRule;

typedef struct Grammar {
    GrammarNode *nodes;
    CharRange *ranges;
    int32_t *kids;
    GrammarRule *rules;
    Str bytes;
    size_t n_nodes, n_ranges, n_kids, n_rules;
    size_t cap_nodes, cap_ranges, cap_kids, cap_rules;
    Err failed; /* code OK: nothing went wrong */
} Grammar;      /* zeroed: empty */
void grammar_release(Grammar *g);
/* What a builder could not do, if anything. */
NODISCARD Status grammar_check(const Grammar *g, Err *err);

/* Each gives the number of a new node. After a failure it is 0, and means nothing. */
int32_t grammar_empty(Grammar *g);
int32_t grammar_chars(Grammar *g, const CharSet *set);
int32_t grammar_char(Grammar *g, uint32_t c);
int32_t grammar_bytes(Grammar *g, Span text);
int32_t grammar_sequence(Grammar *g, const int32_t *kids, size_t n);
int32_t grammar_choice(Grammar *g, const int32_t *kids, size_t n); /* n >= 1 */
int32_t grammar_loop(Grammar *g, int32_t kid, int64_t min, int64_t max);
int32_t grammar_call(Grammar *g, int32_t rule);
int32_t grammar_until(Grammar *g, const Span *stops, size_t n); /* n >= 1 */
/* Sequences and choices of two and three, and what may be missing. */
int32_t grammar_pair(Grammar *g, int32_t a, int32_t b);
int32_t grammar_either(Grammar *g, int32_t a, int32_t b);
int32_t grammar_maybe(Grammar *g, int32_t kid);
int32_t grammar_text(Grammar *g, const char *literal);

/* A new rule without a node; line and column for messages. */
int32_t grammar_rule(Grammar *g, Span name, int32_t line, int32_t column);
/* The rule of this name among those numbered from `from` on, or -1. */
int32_t grammar_find_rule(const Grammar *g, size_t from, Span name);

/* A list of node numbers that is being read. */
typedef struct NodeList {
    int32_t *ptr;
    size_t n, cap;
} NodeList;
void node_list_add(NodeList *list, Grammar *g, int32_t node);
void node_list_release(NodeList *list);

/* One of the texts, each of at least a byte. ERR_OPTION: none, or an empty one. */
NODISCARD Status grammar_choices(Grammar *g, const Span *choices, size_t n,
                                 int32_t *node, Err *err);

/* --- places in a text, for parsers --------------------------------------------------- */
/* Line and column (in characters, both from 1) of byte `at`. */
void grammar_place(Span text, size_t at, int32_t *line, int32_t *column);
/* ERR_FORMAT "line L, column C: ...". */
Status grammar_error(Err *err, Span text, size_t at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The character at text[at], and its length; a byte that is not UTF-8 is an error. */
NODISCARD Status grammar_read_char(Span text, size_t at, uint32_t *c, size_t *len,
                                   Err *err);
/* n hexadecimal digits at text[at]. */
NODISCARD Status grammar_read_hex(Span text, size_t at, size_t n, uint32_t *out,
                                  Err *err);
/* "{m}", "{m,}" or "{m,n}" at text[*at], which is moved behind it. max -1: no end. */
NODISCARD Status grammar_read_counts(Span text, size_t *at, int64_t *min, int64_t *max,
                                     Err *err);

#endif
