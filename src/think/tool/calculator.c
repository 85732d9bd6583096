/* calculator.c - recursive descent over the grammar in calculator.h. One function a rule;
 * a cursor over the bytes; the first fault stops everything. A rule leaves its value on
 * top of a stack, which is cleared as a whole at the end. Positions in messages count
 * bytes from 1. */
#include "think/tool/calculator.h"

#include "think/tool/number.h"

#include <string.h>

/* One level of brackets or signs keeps at most a sum, a product, a base and an argument
 * waiting. */
enum { MAX_BYTES = 256, MAX_DEPTH = 32, STACK = 4 * (MAX_DEPTH + 2), MAX_PLACES = 100 };

typedef struct Cursor {
    Span text;
    size_t at;
    int depth; /* of open brackets, minus signs and exponents */
    Number stack[STACK];
    int height, ready; /* in use, initialised */
} Cursor;

static Status sum(Cursor *c, Err *err);
static Status factor(Cursor *c, Err *err);

/* --- the stack ----------------------------------------------------------------------- */

static Number *push(Cursor *c)
{
    ASSERT(c->height < STACK);
    if (c->height == c->ready)
        number_init(&c->stack[c->ready++]);
    return &c->stack[c->height++];
}

/* 1: the top; 2: the one below. */
static Number *top(Cursor *c, int below)
{
    return &c->stack[c->height - below];
}

static Status too_large(Err *err)
{
    return err_set(err, ERR_LIMIT, "number too large");
}

typedef bool (*Operation)(Number *a, const Number *b);

/* The two on top become one. */
static Status combine(Cursor *c, Operation operation, Err *err)
{
    bool fits = operation(top(c, 2), top(c, 1));
    c->height--;
    return fits ? OK : too_large(err);
}

/* --- bytes --------------------------------------------------------------------------- */

static void skip_spaces(Cursor *c)
{
    while (c->at < c->text.len &&
           (c->text.ptr[c->at] == ' ' || c->text.ptr[c->at] == '\t' ||
            c->text.ptr[c->at] == '\n' || c->text.ptr[c->at] == '\r'))
        c->at++;
}

static Span rest(const Cursor *c)
{
    return (Span){c->text.ptr + c->at, c->text.len - c->at};
}

/* Takes `sign` when it comes next. */
static bool take(Cursor *c, Span sign)
{
    skip_spaces(c);
    if (!span_starts(rest(c), sign))
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

/* Into a bracket, behind a sign, into an exponent. */
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

static size_t skip_digits(Cursor *c)
{
    size_t start = c->at;
    while (is_digit(c))
        c->at++;
    return c->at - start;
}

/* --- functions ----------------------------------------------------------------------- */

static Status absolute(Cursor *c, int n, Err *err)
{
    (void)n, (void)err;
    number_abs(top(c, 1));
    return OK;
}

static Status root(Cursor *c, int n, Err *err)
{
    (void)n;
    if (number_sign(top(c, 1)) < 0)
        return err_set(err, ERR_FORMAT, "the square root of a negative number");
    return number_root(top(c, 1)) ? OK : too_large(err);
}

static Status rounded(Cursor *c, int n, Err *err)
{
    long places = 0;
    if (n == 2) {
        const Number *given = top(c, 1);
        if (!number_is_whole(given) ||
            mpz_cmpabs_ui(mpq_numref(given->q), MAX_PLACES) > 0)
            return err_set(err, ERR_FORMAT,
                           "round takes a whole number of places up to %d", MAX_PLACES);
        places = mpz_get_si(mpq_numref(given->q));
        c->height--;
    }
    return number_round(top(c, 1), places) ? OK : too_large(err);
}

static Status fold(Cursor *c, int n, Operation operation, Err *err)
{
    return n > 1 ? combine(c, operation, err) : OK;
}

static Status least(Cursor *c, int n, Err *err)
{
    return fold(c, n, number_min, err);
}

static Status most(Cursor *c, int n, Err *err)
{
    return fold(c, n, number_max, err);
}

static Status divisor(Cursor *c, int n, Err *err)
{
    if (!number_is_whole(top(c, 1)))
        return err_set(err, ERR_FORMAT, "gcd takes whole numbers");
    number_abs(top(c, 1));
    return fold(c, n, number_gcd, err);
}

/* `apply` finds the newest of n arguments on top. One that folds is called for each, and
 * leaves one value; the others once, with all of theirs. */
typedef struct Function {
    Span name;
    int least, most; /* arguments */
    bool folds;
    Status (*apply)(Cursor *c, int n, Err *err);
} Function;

static const Function functions[] = {
    {{"abs", 3}, 1, 1, false, absolute},    {{"gcd", 3}, 2, MAX_BYTES, true, divisor},
    {{"max", 3}, 1, MAX_BYTES, true, most}, {{"min", 3}, 1, MAX_BYTES, true, least},
    {{"round", 5}, 1, 2, false, rounded},   {{"sqrt", 4}, 1, 1, false, root},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Letters and digits that an opening bracket follows; the cursor does not move. */
static Span name_ahead(Cursor *c)
{
    skip_spaces(c);
    Span left = rest(c);
    size_t n = 0;
    while (n < left.len && ((left.ptr[n] >= 'a' && left.ptr[n] <= 'z') ||
                            (left.ptr[n] >= 'A' && left.ptr[n] <= 'Z') ||
                            (n > 0 && left.ptr[n] >= '0' && left.ptr[n] <= '9')))
        n++;
    size_t open = n;
    while (open < left.len && left.ptr[open] == ' ')
        open++;
    bool calls = open < left.len && left.ptr[open] == '(';
    return (Span){left.ptr, calls ? n : 0};
}

static Status find_function(Span name, const Function **out, Err *err)
{
    for (size_t i = 0; i < FUNCTIONS; i++) {
        if (span_equal(name, functions[i].name)) {
            *out = &functions[i];
            return OK;
        }
    }
    Str shown = {0};
    str_quote(&shown, name, 16);
    Status status = err_set(err, ERR_FORMAT,
                            "no function '%s'; there are abs gcd max min round sqrt",
                            str_c(&shown));
    str_release(&shown);
    return status;
}

static Status arguments(Cursor *c, const Function *f, Err *err)
{
    int n = 0;
    do {
        TRY(sum(c, err));
        if (++n > f->most)
            break;
        if (f->folds)
            TRY(f->apply(c, n, err));
    } while (take(c, SPAN(",")));
    if (n < f->least || n > f->most)
        return err_set(err, ERR_FORMAT, "%s takes %s%d number%s", f->name.ptr,
                       n < f->least && f->most > f->least ? "at least "
                       : f->most > f->least               ? "at most "
                                                          : "",
                       n < f->least ? f->least : f->most,
                       (n < f->least ? f->least : f->most) == 1 ? "" : "s");
    return f->folds ? OK : f->apply(c, n, err);
}

static Status call(Cursor *c, Span name, Err *err)
{
    const Function *f = NULL;
    TRY(find_function(name, &f, err));
    c->at += name.len;
    bool open = take(c, SPAN("("));
    ASSERT(open);
    TRY(descend(c, err));
    TRY(arguments(c, f, err));
    c->depth--;
    return take(c, SPAN(")")) ? OK : expected(c, "')'", err);
}

/* --- the grammar --------------------------------------------------------------------- */

static Status number(Cursor *c, Err *err)
{
    skip_spaces(c);
    size_t start = c->at, places = 0, whole = skip_digits(c);
    if (c->at < c->text.len && c->text.ptr[c->at] == '.') {
        c->at++;
        places = skip_digits(c);
        if (places == 0) {
            if (whole == 0)
                c->at = start;
            return expected(c, whole ? "a digit" : "a number", err);
        }
    }
    if (whole + places == 0)
        return expected(c, "a number", err);
    Span digits = {c->text.ptr + start, c->at - start};
    return number_read(push(c), digits) ? OK : too_large(err);
}

static Status primary(Cursor *c, Err *err)
{
    Span name = name_ahead(c);
    if (name.len > 0)
        return call(c, name, err);
    if (!take(c, SPAN("(")))
        return number(c, err);
    TRY(descend(c, err));
    TRY(sum(c, err));
    c->depth--;
    return take(c, SPAN(")")) ? OK : expected(c, "')'", err);
}

static Status raise(Cursor *c, Err *err)
{
    const Number *exponent = top(c, 1);
    if (!number_is_whole(exponent))
        return err_set(err, ERR_FORMAT,
                       "an exponent is a whole number; sqrt() takes a square root");
    if (number_sign(exponent) < 0 && number_sign(top(c, 2)) == 0)
        return err_set(err, ERR_FORMAT, "division by zero");
    return combine(c, number_power, err);
}

static Status power(Cursor *c, Err *err)
{
    TRY(primary(c, err));
    if (!take(c, SPAN("^")) && !take(c, SPAN("**")))
        return OK;
    TRY(descend(c, err));
    TRY(factor(c, err));
    c->depth--;
    return raise(c, err);
}

static Status factor(Cursor *c, Err *err)
{
    if (!take_minus(c))
        return power(c, err);
    TRY(descend(c, err));
    TRY(factor(c, err));
    c->depth--;
    number_negate(top(c, 1));
    return OK;
}

/* The sign of a product that comes next, or NULL. "//" is looked for before "/". */
static Operation product_sign(Cursor *c)
{
    if (take(c, SPAN("*")) || take(c, SPAN("\u00d7")))
        return number_multiply;
    if (take(c, SPAN("//")))
        return number_divide_floor;
    if (take(c, SPAN("/")) || take(c, SPAN("\u00f7")))
        return number_divide;
    return take(c, SPAN("%")) ? number_modulo : NULL;
}

static Status product(Cursor *c, Err *err)
{
    TRY(factor(c, err));
    for (;;) {
        Operation operation = product_sign(c);
        if (!operation)
            return OK;
        TRY(factor(c, err));
        if (operation != number_multiply && number_sign(top(c, 1)) == 0)
            return err_set(err, ERR_FORMAT, "division by zero");
        TRY(combine(c, operation, err));
    }
}

static Status sum(Cursor *c, Err *err)
{
    TRY(product(c, err));
    for (;;) {
        bool plus = take(c, SPAN("+"));
        if (!plus && !take_minus(c))
            return OK;
        TRY(product(c, err));
        TRY(combine(c, plus ? number_add : number_subtract, err));
    }
}

Status calculator_evaluate(Span expression, Str *out, Err *err)
{
    if (expression.len > MAX_BYTES)
        return err_set(err, ERR_LIMIT, "expression of %zu bytes is longer than %d",
                       expression.len, MAX_BYTES);
    Cursor c = {.text = expression};
    Status status = sum(&c, err);
    skip_spaces(&c);
    if (status == OK && c.at < c.text.len)
        status = expected(&c, "an operator", err);
    if (status == OK) {
        number_append(top(&c, 1), out);
        status = str_check(out, err);
    }
    for (int i = 0; i < c.ready; i++)
        number_clear(&c.stack[i]);
    return status;
}
