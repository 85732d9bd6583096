/* rational.h - fractions of 128-bit integers for the calculator. Always in lowest terms
 * with a positive denominator, so that equal numbers have equal parts. Every operation
 * returns false, and leaves its output alone, when a part would not fit.
 *
 * __int128 is in gcc and clang on every 64-bit machine; __extension__ says so. */
#ifndef THINK_RATIONAL_H
#define THINK_RATIONAL_H

#include "base/str.h"

#include <stdbool.h>

__extension__ typedef __int128 Int128;

typedef struct Rational {
    Int128 num, den; /* den >= 1, gcd(num, den) = 1 */
} Rational;

/* digits * 10^-places: "12.50" is (1250, 2). */
bool rational_from_decimal(Int128 digits, int places, Rational *out);
bool rational_add(Rational a, Rational b, Rational *out);
bool rational_subtract(Rational a, Rational b, Rational *out);
bool rational_multiply(Rational a, Rational b, Rational *out);
bool rational_divide(Rational a, Rational b, Rational *out); /* b is not 0 */
Rational rational_negate(Rational a);
/* v*10 + digit, for those who read numbers. */
bool rational_push_digit(Int128 *v, int digit);
/* Appends a decimal: exact when it ends within `exact` places, else rounded to `rounded`
 * places, halves away from zero, without zeros at its end. */
void rational_append(Rational a, int exact, int rounded, Str *out);

#endif
