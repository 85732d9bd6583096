/* regex.h - regular expressions as grammars, pure. The whole text is matched, so '^' at
 * the beginning and '$' at the end change nothing. What is understood:
 *
 *     abc  [a-z]  [^"\n]  .  (...)  (?:...)  a|b  * + ? {m} {m,} {m,n}
 *     \d \D \w \W \s \S (ASCII)  \n \r \t \f \v  \xHH \uHHHH \u{H...}
 *     \ in front of any other sign that is no letter or digit: that sign
 *
 * '.' is any character but a newline. A lazy "*?" allows the same texts as "*". What needs
 * more than a finite automaton (back references, look-around, \b) is refused by name. */
#ifndef FORMAT_GRAMMAR_REGEX_H
#define FORMAT_GRAMMAR_REGEX_H

#include "format/grammar/grammar.h"

typedef struct RegexOptions {
    bool json;   /* of the characters of a JSON string: a quote in it is written \" */
    bool search; /* somewhere in the text, where no '^' and '$' say otherwise */
} RegexOptions;

/* ERR_FORMAT with line and column. */
NODISCARD Status regex_parse(Grammar *g, Span pattern, RegexOptions options,
                             int32_t *node, Err *err);

/* One character of `set` as a JSON string spells it: quotes, backslashes and control
 * characters escaped, the others as they are. */
int32_t grammar_json_chars(Grammar *g, const CharSet *set);

#endif
