/* calculator.h - exact arithmetic for the calculator tool: integers and decimals with
 * + - * / ( ) and unary minus (also the signs × ÷ −), computed as rationals of 128-bit
 * integers, so that 0.1 + 0.2 is 0.3. A result is an integer, a terminating decimal of
 * at most 20 places, or a decimal rounded to 10 places (halves away from zero).
 *
 *     sum     = product { ("+" | "-" | "−") product }
 *     product = factor { ("*" | "×" | "/" | "÷") factor }
 *     factor  = ("-" | "−") factor | "(" sum ")" | number
 *     number  = digits [ "." digits ] | "." digits
 *
 * Pure; limits instead of time-outs: 256 bytes, depth 32. */
#ifndef THINK_CALCULATOR_H
#define THINK_CALCULATOR_H

#include "base/err.h"
#include "base/str.h"

/* Appends the result; ERR_FORMAT says where the expression is wrong, ERR_LIMIT when
 * numbers grow too large. Division by zero is ERR_FORMAT "division by zero". */
NODISCARD Status calculator_evaluate(Span expression, Str *out, Err *err);

#endif
