/* gbnf.h - llama.cpp's grammar text (its grammars/README.md), pure:
 *
 *     # a comment
 *     root   ::= "answer: " ( word | number{1,3} )+
 *     word   ::= [a-z]+            # class; [^a-z] is its complement; . any character
 *     number ::= [0-9] "\n"?       # ? * + {m} {m,} {m,n} follow what they repeat
 *
 * Escapes in literals and classes: \n \r \t \\ \" \[ \] \] \- \^ \xHH \uHHHH \UHHHHHHHH.
 * Names are of letters, digits, '-' and '_'. Inside parentheses, and in front of '|', a
 * rule goes on on the next line. Tokens (<think>, <[7]>) are refused: a token is the
 * tokenizer's, a grammar is of text. */
#ifndef FORMAT_GRAMMAR_GBNF_H
#define FORMAT_GRAMMAR_GBNF_H

#include "format/grammar/grammar.h"

/* *node: what rule `root` allows. Rules are added to g, and may have the names of rules
 * that were there before. ERR_FORMAT with line and column. Left recursion and rules that
 * never end are found when the grammar is compiled. */
NODISCARD Status gbnf_parse(Grammar *g, Span text, int32_t *node, Err *err);

#endif
