/* rational.c - see rational.h.
 *
 * Common factors are taken out before multiplying, never after, so that a result that
 * fits is found whenever its parts fit:
 *     a/b * c/d = (a/g * c/h) / (b/h * d/g),  g = gcd(a,d), h = gcd(c,b)
 *     a/b + c/d = (a*(d/g) + c*(b/g)) / (b/g*d), g = gcd(b,d)
 * (the sum is reduced once more). Parts stay in -LIMIT..LIMIT, so a sign change never
 * overflows. */
#include "think/rational.h"

#include "base/err.h"

/* The largest magnitude of a part: the sum of two still fits 128 bits with a sign. */
static const Int128 limit = ((Int128)1 << 126) - 1;

static Int128 magnitude(Int128 v)
{
    return v < 0 ? -v : v;
}

static Int128 gcd(Int128 a, Int128 b)
{
    a = magnitude(a);
    b = magnitude(b);
    while (b != 0) {
        Int128 r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static bool multiply(Int128 a, Int128 b, Int128 *out)
{
    if (a != 0 && magnitude(b) > limit / magnitude(a))
        return false;
    *out = a * b;
    return true;
}

static bool add(Int128 a, Int128 b, Int128 *out)
{
    Int128 sum = a + b;
    if (magnitude(sum) > limit)
        return false;
    *out = sum;
    return true;
}

bool rational_push_digit(Int128 *v, int digit)
{
    Int128 shifted;
    return multiply(*v, 10, &shifted) && add(shifted, digit, v);
}

bool rational_from_decimal(Int128 digits, int places, Rational *out)
{
    Int128 den = 1;
    for (int i = 0; i < places; i++) {
        if (!multiply(den, 10, &den))
            return false;
    }
    Int128 g = gcd(digits, den);
    *out = (Rational){digits / g, den / g};
    return true;
}

Rational rational_negate(Rational a)
{
    return (Rational){-a.num, a.den};
}

bool rational_add(Rational a, Rational b, Rational *out)
{
    Int128 g = gcd(a.den, b.den), left, right, num, den;
    if (!multiply(a.num, b.den / g, &left) || !multiply(b.num, a.den / g, &right) ||
        !add(left, right, &num) || !multiply(a.den / g, b.den, &den))
        return false;
    g = gcd(num, den);
    *out = (Rational){num / g, den / g};
    return true;
}

bool rational_subtract(Rational a, Rational b, Rational *out)
{
    return rational_add(a, rational_negate(b), out);
}

bool rational_multiply(Rational a, Rational b, Rational *out)
{
    Int128 g = gcd(a.num, b.den), h = gcd(b.num, a.den), num, den;
    if (!multiply(a.num / g, b.num / h, &num) || !multiply(a.den / h, b.den / g, &den))
        return false;
    *out = (Rational){num, den};
    return true;
}

bool rational_divide(Rational a, Rational b, Rational *out)
{
    ASSERT(b.num != 0);
    Rational inverse =
        b.num < 0 ? (Rational){-b.den, -b.num} : (Rational){b.den, b.num};
    return rational_multiply(a, inverse, out);
}

/* --- printing ------------------------------------------------------------------------ */
static void append_whole(Int128 v, Str *out)
{
    char digits[40];
    int n = 0;
    do {
        digits[n++] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v > 0);
    while (n > 0)
        str_putc(out, digits[--n]);
}

/* The next decimal digit of rest/den by long division; rest < den < 2^126, so rest*10
 * may not fit: ten additions, each reduced, do. */
static int next_digit(Int128 *rest, Int128 den)
{
    Int128 sum = 0;
    int digit = 0;
    for (int i = 0; i < 10; i++) {
        sum += *rest;
        if (sum >= den) {
            sum -= den;
            digit++;
        }
    }
    *rest = sum;
    return digit;
}

/* Adds one unit in the last place; true when it carries into the whole part. */
static bool round_up(char *digits, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (digits[i] != '9') {
            digits[i]++;
            return false;
        }
        digits[i] = '0';
    }
    return true;
}

void rational_append(Rational a, int exact, int rounded, Str *out)
{
    enum { MOST = 32 };
    ASSERT(exact <= MOST && rounded <= exact);
    Int128 num = magnitude(a.num), whole = num / a.den, rest = num % a.den;
    char digits[MOST];
    int n = 0;
    while (rest > 0 && n < exact)
        digits[n++] = (char)('0' + next_digit(&rest, a.den));
    if (rest > 0) {
        bool up = rounded < n ? digits[rounded] >= '5' : rest >= a.den - rest;
        n = rounded;
        if (up && round_up(digits, n))
            whole++;
    }
    while (n > 0 && digits[n - 1] == '0')
        n--;
    if (a.num < 0 && (whole > 0 || n > 0))
        str_putc(out, '-');
    append_whole(whole, out);
    if (n > 0) {
        str_putc(out, '.');
        str_append(out, digits, (size_t)n);
    }
}
