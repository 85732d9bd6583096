/* number.h - exact numbers for the calculator: fractions of whole numbers of any size
 * (GMP), in lowest terms. What no fraction is, a root, is a fraction of 60 digits that
 * knows it was rounded; so does all that is calculated from it.
 *
 * Every operation works in place, a = a op b. It returns false when a part of the result
 * would go over NUMBER_BITS; the value is then of no use. */
#ifndef THINK_TOOL_NUMBER_H
#define THINK_TOOL_NUMBER_H

#include "base/str.h"

#include <gmp.h>
#include <stdbool.h>

enum {
    NUMBER_BITS = 4096,        /* of a numerator or a denominator: 1233 digits */
    NUMBER_EXACT_PLACES = 100, /* a longer decimal is written rounded */
    NUMBER_ROUNDED_DIGITS = 10
};

typedef struct Number {
    mpq_t q;
    bool rounded;
} Number;

void number_init(Number *a); /* 0 */
void number_clear(Number *a);
/* "12.50": digits with at most one point among them, not checked. */
bool number_read(Number *a, Span digits);

bool number_add(Number *a, const Number *b);
bool number_subtract(Number *a, const Number *b);
bool number_multiply(Number *a, const Number *b);
bool number_divide(Number *a, const Number *b); /* b is not 0, as in the next two */
/* a = floor(a/b) and a = a - b floor(a/b), which has the sign of b. */
bool number_divide_floor(Number *a, const Number *b);
bool number_modulo(Number *a, const Number *b);
/* b is whole; a is not 0 when b is negative. 0^0 is 1. */
bool number_power(Number *a, const Number *b);
bool number_gcd(Number *a, const Number *b); /* of two whole numbers, >= 0 */
bool number_root(Number *a);                 /* the square root of a >= 0 */
/* To `places` decimals (negative: to tens, hundreds ...), halves away from zero. */
bool number_round(Number *a, long places);
bool number_min(Number *a, const Number *b);
bool number_max(Number *a, const Number *b);
void number_negate(Number *a);
void number_abs(Number *a);

int number_sign(const Number *a); /* -1, 0, 1 */
bool number_is_whole(const Number *a);
/* Appends a whole number or a decimal that ends, as it is. Anything else is rounded, and
 * marked so by a "≈" in front: to NUMBER_ROUNDED_DIGITS places, or to that many digits
 * behind the zeros of a number below 0.1; halves away from zero. */
void number_append(const Number *a, Str *out);

#endif
