/* call_rules.h - the pieces of GBNF that grammars of calls are made of (call_constraint.c,
 * call_guard.c). */
#ifndef THINK_TOOL_CALL_RULES_H
#define THINK_TOOL_CALL_RULES_H

#include "base/str.h"
#include "think/tool/tool.h"

/* The calculator's expressions (calculator.h), and any JSON object, each with a rule
 * "root". */
Span call_rules_expression(void);
Span call_rules_object(void);

/* Does the plain text of a call mean an expression of the calculator, or any text? */
bool call_takes_expression(const Tool *t);
bool call_takes_text(const Tool *t);

#endif
