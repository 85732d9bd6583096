/* number.c - see number.h. GMP ends the program when there is no memory, so nothing is
 * computed before its size is known to be small. */
#include "think/tool/number.h"

#include "base/err.h"

#include <string.h>

/* Digits that a rounded value is carried with, and from which size on it is cut. */
enum { WORKING_DIGITS = 60, WORKING_BITS = 512 };

void number_init(Number *a)
{
    mpq_init(a->q);
    a->rounded = false;
}

void number_clear(Number *a)
{
    mpq_clear(a->q);
}

static size_t bits(const mpq_t q)
{
    size_t num = mpz_sizeinbase(mpq_numref(q), 2),
           den = mpz_sizeinbase(mpq_denref(q), 2);
    return num > den ? num : den;
}

/* Digits before the point less zeros behind it, give or take one. */
static long magnitude(const mpq_t q)
{
    return (long)mpz_sizeinbase(mpq_numref(q), 10) -
           (long)mpz_sizeinbase(mpq_denref(q), 10);
}

static void ten_to(mpz_t out, long n)
{
    mpz_ui_pow_ui(out, 10, (unsigned long)n);
}

/* q = floor(q 10^places) / 10^places. */
static void cut(mpq_t q, long places)
{
    mpz_t scale;
    mpz_init(scale);
    ten_to(scale, places);
    mpz_mul(mpq_numref(q), mpq_numref(q), scale);
    mpz_fdiv_q(mpq_numref(q), mpq_numref(q), mpq_denref(q));
    mpz_set(mpq_denref(q), scale);
    mpq_canonicalize(q);
    mpz_clear(scale);
}

/* The end of every operation. */
static bool settle(Number *a)
{
    if (a->rounded && bits(a->q) > WORKING_BITS) {
        long places = WORKING_DIGITS - magnitude(a->q);
        cut(a->q, places > 0 ? places : 0);
    }
    return bits(a->q) <= NUMBER_BITS;
}

static void mark(Number *a, const Number *b)
{
    a->rounded = a->rounded || b->rounded;
}

bool number_read(Number *a, Span digits)
{
    enum { MOST = 512 };
    char text[MOST];
    size_t n = 0, places = 0;
    ASSERT(digits.len < MOST);
    bool behind = false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == '.') {
            behind = true;
            continue;
        }
        text[n++] = digits.ptr[i];
        places += behind;
    }
    text[n] = '\0';
    a->rounded = false;
    if (mpz_set_str(mpq_numref(a->q), n > 0 ? text : "0", 10) != 0)
        return false;
    ten_to(mpq_denref(a->q), (long)places);
    mpq_canonicalize(a->q);
    return settle(a);
}

/* --- arithmetic ---------------------------------------------------------------------- */

bool number_add(Number *a, const Number *b)
{
    mpq_add(a->q, a->q, b->q);
    mark(a, b);
    return settle(a);
}

bool number_subtract(Number *a, const Number *b)
{
    mpq_sub(a->q, a->q, b->q);
    mark(a, b);
    return settle(a);
}

bool number_multiply(Number *a, const Number *b)
{
    mpq_mul(a->q, a->q, b->q);
    mark(a, b);
    return settle(a);
}

bool number_divide(Number *a, const Number *b)
{
    ASSERT(number_sign(b) != 0);
    mpq_div(a->q, a->q, b->q);
    mark(a, b);
    return settle(a);
}

bool number_divide_floor(Number *a, const Number *b)
{
    ASSERT(number_sign(b) != 0);
    mpq_div(a->q, a->q, b->q);
    cut(a->q, 0);
    mark(a, b);
    return settle(a);
}

bool number_modulo(Number *a, const Number *b)
{
    Number times;
    number_init(&times);
    mpq_set(times.q, a->q);
    bool fits = number_divide_floor(&times, b) && number_multiply(&times, b);
    if (fits)
        mpq_sub(a->q, a->q, times.q);
    number_clear(&times);
    mark(a, b);
    return fits && settle(a);
}

/* Squares and multiplies from the highest bit of the exponent down, so that no square is
 * taken that the result does not need. */
bool number_power(Number *a, const Number *b)
{
    ASSERT(number_is_whole(b) && (number_sign(b) >= 0 || number_sign(a) != 0));
    Number base;
    mpz_t n;
    number_init(&base);
    mpz_init(n);
    mpz_abs(n, mpq_numref(b->q));
    if (number_sign(b) < 0)
        mpq_inv(a->q, a->q);
    mpq_set(base.q, a->q);
    base.rounded = a->rounded;
    mpq_set_ui(a->q, 1, 1);
    bool fits = true;
    for (size_t bit = mpz_sizeinbase(n, 2); fits && bit-- > 0;)
        fits =
            number_multiply(a, a) && (!mpz_tstbit(n, bit) || number_multiply(a, &base));
    mpz_clear(n);
    number_clear(&base);
    mark(a, b);
    return fits;
}

bool number_gcd(Number *a, const Number *b)
{
    ASSERT(number_is_whole(a) && number_is_whole(b));
    mpz_gcd(mpq_numref(a->q), mpq_numref(a->q), mpq_numref(b->q));
    mark(a, b);
    return settle(a);
}

bool number_root(Number *a)
{
    ASSERT(number_sign(a) >= 0);
    mpz_ptr num = mpq_numref(a->q), den = mpq_denref(a->q);
    if (mpz_perfect_square_p(num) && mpz_perfect_square_p(den)) {
        mpz_sqrt(num, num);
        mpz_sqrt(den, den);
        return settle(a);
    }
    /* floor(sqrt(a 10^(2k))) / 10^k */
    long places = WORKING_DIGITS - magnitude(a->q) / 2;
    mpz_t scale;
    mpz_init(scale);
    ten_to(scale, places > 0 ? places : 0);
    mpz_mul(num, num, scale);
    mpz_mul(num, num, scale);
    mpz_fdiv_q(num, num, den);
    mpz_sqrt(num, num);
    mpz_set(den, scale);
    mpz_clear(scale);
    mpq_canonicalize(a->q);
    a->rounded = true;
    return settle(a);
}

/* num/den to the nearest whole number, halves away from zero; den > 0. */
static void round_quotient(mpz_t num, const mpz_t den)
{
    int sign = mpz_sgn(num);
    mpz_t twice;
    mpz_init(twice);
    mpz_mul_2exp(twice, den, 1);
    mpz_abs(num, num);
    mpz_mul_2exp(num, num, 1);
    mpz_add(num, num, den);
    mpz_fdiv_q(num, num, twice);
    if (sign < 0)
        mpz_neg(num, num);
    mpz_clear(twice);
}

bool number_round(Number *a, long places)
{
    mpz_t scale;
    mpz_init(scale);
    ten_to(scale, places < 0 ? -places : places);
    mpz_ptr num = mpq_numref(a->q), den = mpq_denref(a->q);
    mpz_mul(places < 0 ? den : num, places < 0 ? den : num, scale);
    round_quotient(num, den);
    if (places < 0)
        mpz_mul(num, num, scale);
    mpz_set_ui(den, 1);
    if (places > 0)
        mpz_set(den, scale);
    mpz_clear(scale);
    mpq_canonicalize(a->q);
    return settle(a);
}

static bool take(Number *a, const Number *b, bool b_wins)
{
    if (b_wins)
        mpq_set(a->q, b->q);
    mark(a, b);
    return settle(a);
}

bool number_min(Number *a, const Number *b)
{
    return take(a, b, mpq_cmp(b->q, a->q) < 0);
}

bool number_max(Number *a, const Number *b)
{
    return take(a, b, mpq_cmp(b->q, a->q) > 0);
}

void number_negate(Number *a)
{
    mpq_neg(a->q, a->q);
}

void number_abs(Number *a)
{
    mpq_abs(a->q, a->q);
}

int number_sign(const Number *a)
{
    return mpq_sgn(a->q);
}

bool number_is_whole(const Number *a)
{
    return mpz_cmp_ui(mpq_denref(a->q), 1) == 0;
}

/* --- printing ------------------------------------------------------------------------ */

/* Places of the decimal that q is, or -1 when it does not end. */
static long places_of(const mpq_t q)
{
    mpz_t rest, prime;
    mpz_inits(rest, prime, NULL);
    mpz_set_ui(prime, 2);
    size_t twos = mpz_remove(rest, mpq_denref(q), prime);
    mpz_set_ui(prime, 5);
    size_t fives = mpz_remove(rest, rest, prime);
    bool ends = mpz_cmp_ui(rest, 1) == 0;
    mpz_clears(rest, prime, NULL);
    return ends ? (long)(twos > fives ? twos : fives) : -1;
}

/* Places that leave ten of them, or ten digits where zeros come first. */
static long rounded_places(const mpq_t q)
{
    mpz_t num;
    mpz_init(num);
    mpz_abs(num, mpq_numref(q));
    long zeros = 0;
    mpz_mul_ui(num, num, 10);
    while (mpz_sgn(num) != 0 && mpz_cmp(num, mpq_denref(q)) < 0) {
        mpz_mul_ui(num, num, 10);
        zeros++;
    }
    mpz_clear(num);
    return NUMBER_ROUNDED_DIGITS + zeros;
}

/* digits 10^-places, without zeros at its end. */
static void append_decimal(const mpz_t digits, long places, Str *out)
{
    enum { MOST = 4096 };
    char text[MOST];
    ASSERT(mpz_sizeinbase(digits, 10) + 2 < MOST);
    (void)mpz_get_str(text, 10, digits);
    const char *at = text;
    if (*at == '-')
        str_putc(out, *at++);
    long n = (long)strlen(at), whole = n - places;
    if (whole <= 0)
        str_putc(out, '0');
    else
        str_append(out, at, (size_t)whole);
    while (n > 0 && n > whole && at[n - 1] == '0')
        n--;
    if (n <= 0 || n <= whole)
        return;
    str_putc(out, '.');
    for (long i = whole; i < 0; i++)
        str_putc(out, '0');
    long from = whole > 0 ? whole : 0;
    str_append(out, at + from, (size_t)(n - from));
}

void number_append(const Number *a, Str *out)
{
    long places = places_of(a->q);
    bool exact = places >= 0 && places <= NUMBER_EXACT_PLACES && !a->rounded;
    if (!exact) {
        places = rounded_places(a->q);
        str_puts(out, "\u2248");
    }
    mpz_t scale, digits;
    mpz_inits(scale, digits, NULL);
    ten_to(scale, places);
    mpz_mul(digits, mpq_numref(a->q), scale);
    round_quotient(digits, mpq_denref(a->q));
    append_decimal(digits, places, out);
    mpz_clears(scale, digits, NULL);
}
