/* calculator.c - recursive descent over the grammar in calculator.h. One function a rule;
 * a cursor over the bytes; the first fault stops everything. Positions in messages count
 * bytes from 1. */
#include "think/calculator.h"

#include "think/rational.h"

enum { MAX_BYTES = 256, MAX_DEPTH = 32, EXACT_PLACES = 20, ROUNDED_PLACES = 10 };

typedef struct Cursor {
    Span text;
    size_t at;
    int depth; /* of open brackets and minus signs */
} Cursor;

static Status sum(Cursor *c, Rational *out, Err *err);

static void skip_spaces(Cursor *c)
{
    while (c->at < c->text.len &&
           (c->text.ptr[c->at] == ' ' || c->text.ptr[c->at] == '\t' ||
            c->text.ptr[c->at] == '\n' || c->text.ptr[c->at] == '\r'))
        c->at++;
}

/* Takes `sign` when it comes next. */
static bool take(Cursor *c, Span sign)
{
    skip_spaces(c);
    Span rest = {c->text.ptr + c->at, c->text.len - c->at};
    if (!span_starts(rest, sign))
        return false;
    c->at += sign.len;
    return true;
}

static bool take_minus(Cursor *c)
{
    return take(c, SPAN("-")) || take(c, SPAN("\u2212"));
}

static Status expected(Cursor *c, const char *what, Err *err)
{
    skip_spaces(c);
    if (c->at >= c->text.len)
        return err_set(err, ERR_FORMAT, "expected %s at the end", what);
    size_t n = span_utf8(c->text, c->at);
    Str shown = {0};
    str_quote(&shown, (Span){c->text.ptr + c->at, n ? n : 1}, 8);
    Status status = err_set(err, ERR_FORMAT, "expected %s at %zu, found '%s'", what,
                            c->at + 1, str_c(&shown));
    str_release(&shown);
    return status;
}

static Status too_large(Err *err)
{
    return err_set(err, ERR_LIMIT, "number too large");
}

/* Into a bracket or behind a sign. */
static Status descend(Cursor *c, Err *err)
{
    if (++c->depth > MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "nested more than %d deep", MAX_DEPTH);
    return OK;
}

static bool is_digit(const Cursor *c)
{
    return c->at < c->text.len && c->text.ptr[c->at] >= '0' &&
           c->text.ptr[c->at] <= '9';
}

/* Appends digits to *digits; *n counts them. */
static bool read_digits(Cursor *c, Int128 *digits, int *n)
{
    for (*n = 0; is_digit(c); c->at++, (*n)++) {
        if (!rational_push_digit(digits, c->text.ptr[c->at] - '0'))
            return false;
    }
    return true;
}

static Status number(Cursor *c, Rational *out, Err *err)
{
    skip_spaces(c);
    size_t start = c->at;
    Int128 digits = 0;
    int whole, places = 0;
    if (!read_digits(c, &digits, &whole))
        return too_large(err);
    if (c->at < c->text.len && c->text.ptr[c->at] == '.') {
        c->at++;
        if (!read_digits(c, &digits, &places))
            return too_large(err);
        if (places == 0) {
            if (whole == 0)
                c->at = start;
            return expected(c, whole ? "a digit" : "a number", err);
        }
    }
    if (whole + places == 0)
        return expected(c, "a number", err);
    return rational_from_decimal(digits, places, out) ? OK : too_large(err);
}

static Status factor(Cursor *c, Rational *out, Err *err)
{
    if (take_minus(c)) {
        TRY(descend(c, err));
        TRY(factor(c, out, err));
        *out = rational_negate(*out);
    } else if (take(c, SPAN("("))) {
        TRY(descend(c, err));
        TRY(sum(c, out, err));
        if (!take(c, SPAN(")")))
            return expected(c, "')'", err);
    } else {
        return number(c, out, err);
    }
    c->depth--;
    return OK;
}

static Status product(Cursor *c, Rational *out, Err *err)
{
    TRY(factor(c, out, err));
    for (;;) {
        Rational right = {0, 1};
        bool times = take(c, SPAN("*")) || take(c, SPAN("\u00d7"));
        if (!times && !take(c, SPAN("/")) && !take(c, SPAN("\u00f7")))
            return OK;
        TRY(factor(c, &right, err));
        if (!times && right.num == 0)
            return err_set(err, ERR_FORMAT, "division by zero");
        if (!(times ? rational_multiply : rational_divide)(*out, right, out))
            return too_large(err);
    }
}

static Status sum(Cursor *c, Rational *out, Err *err)
{
    TRY(product(c, out, err));
    for (;;) {
        Rational right = {0, 1};
        bool plus = take(c, SPAN("+"));
        if (!plus && !take_minus(c))
            return OK;
        TRY(product(c, &right, err));
        if (!(plus ? rational_add : rational_subtract)(*out, right, out))
            return too_large(err);
    }
}

Status calculator_evaluate(Span expression, Str *out, Err *err)
{
    if (expression.len > MAX_BYTES)
        return err_set(err, ERR_LIMIT, "expression of %zu bytes is longer than %d",
                       expression.len, MAX_BYTES);
    Cursor c = {.text = expression};
    Rational result;
    TRY(sum(&c, &result, err));
    skip_spaces(&c);
    if (c.at < c.text.len)
        return expected(&c, "an operator", err);
    rational_append(result, EXACT_PLACES, ROUNDED_PLACES, out);
    return str_check(out, err);
}
