/* calculator.h - exact arithmetic for the calculator tool: whole numbers and decimals of
 * any size, computed as fractions, so that 0.1 + 0.2 is 0.3 and 1/3*3 is 1.
 *
 *     sum     = product { ("+" | "-" | "−") product }
 *     product = factor { ("*" | "×" | "/" | "÷" | "//" | "%") factor }
 *     factor  = ("-" | "−") factor | power
 *     power   = primary [ ("^" | "**") factor ]
 *     primary = "(" sum ")" | name "(" sum { "," sum } ")" | number
 *     number  = digits [ "." digits ] | "." digits
 *     name    = "sqrt" | "round" | "min" | "max" | "abs" | "gcd"
 *
 * As in mathematics -2^2 is -4 and 2^3^2 is 2^9; // rounds down and % has the sign of its
 * right side; round(x) and round(x, places) round halves away from zero. A result that is
 * no whole number and no decimal that ends (within 100 places), and all that comes of a
 * root which is no fraction, is rounded and says so: "≈0.3333333333" (number.h).
 *
 * Pure; limits instead of time-outs: 256 bytes, depth 32, 4096 bits a number. */
#ifndef THINK_TOOL_CALCULATOR_H
#define THINK_TOOL_CALCULATOR_H

#include "base/err.h"
#include "base/str.h"

/* Appends the result; ERR_FORMAT says where the expression is wrong, ERR_LIMIT when
 * numbers grow too large. Division by zero is ERR_FORMAT "division by zero". */
NODISCARD Status calculator_evaluate(Span expression, Str *out, Err *err);

#endif
