/* The calculator against exact results: by hand, and against 64-bit integers over random
 * expressions that are built together with their value. */
#include "support/check.h"

#include "think/tool/calculator.h"

#define ABOUT "\u2248"

static void gives(const char *expression, const char *expected)
{
    Err err = {0};
    Str out = {0};
    Status status = calculator_evaluate(span_of(expression), &out, &err);
    if (status != OK)
        fail_msg("%s: %s", expression, err.msg);
    if (strcmp(str_c(&out), expected) != 0)
        fail_msg("%s = %s, not %s", expression, str_c(&out), expected);
    str_release(&out);
}

static void fails(const char *expression, Status code, const char *message)
{
    Err err = {0};
    Str out = {0};
    Status status = calculator_evaluate(span_of(expression), &out, &err);
    if (status != code || strcmp(err.msg, message) != 0)
        fail_msg("%s: status %d, '%s'; not %d, '%s'", expression, (int)status, err.msg,
                 (int)code, message);
    assert_int_equal(out.len, 0);
    str_release(&out);
}

static void integers_add_subtract_and_multiply(void **state)
{
    (void)state;
    gives("12*7", "84");
    gives("348 * 27", "9396");
    gives("1+1", "2");
    gives("5-8", "-3");
    gives("0", "0");
    gives("007", "7");
    gives("2*3+4", "10");
    gives("2+3*4", "14");
    gives("10-4-3", "3");
    gives("-0", "0");
    gives(" \t 1 + \n 2 \r ", "3");
}

static void minus_signs_bind_like_mathematics(void **state)
{
    (void)state;
    gives("-3", "-3");
    gives("--3", "3");
    gives("---3", "-3");
    gives("2--3", "5");
    gives("2*-3", "-6");
    gives("-2*-3", "6");
    gives("-(2+3)", "-5");
    gives("6/-4", "-1.5");
    gives("-6/4", "-1.5");
}

static void brackets_nest(void **state)
{
    (void)state;
    gives("(1+2)*3", "9");
    gives("2*(3+4)", "14");
    gives("((((7))))", "7");
    gives("(1+(2+(3+(4+5))))", "15");
    gives("(8-3)*(8+3)", "55");
    gives("10-(4-3)", "9");
    gives("2*((3+1)*(2-5))", "-24");
}

static void decimals_are_exact(void **state)
{
    (void)state;
    gives("0.1+0.2", "0.3");
    gives("1.50", "1.5");
    gives(".5+.5", "1");
    gives("3.14*2", "6.28");
    gives("1.1*1.1", "1.21");
    gives("2.5-5", "-2.5");
    gives("0.001*0.001", "0.000001");
    gives("1000000.000001", "1000000.000001");
    gives("0.00000000000000000001", "0.00000000000000000001");
}

static void quotients_end_or_are_rounded_and_marked(void **state)
{
    (void)state;
    gives("84/7", "12");
    gives("1/2", "0.5");
    gives("1/8", "0.125");
    gives("7/2/2", "1.75");
    gives("1/1024", "0.0009765625");
    gives("1/2^70",
          "0.0000000000000000000008470329472543003390683225006796419620513916015625");
    gives("1/3", ABOUT "0.3333333333");
    gives("2/3", ABOUT "0.6666666667");
    gives("-2/3", ABOUT "-0.6666666667");
    gives("22/7", ABOUT "3.1428571429");
    gives("1/3*3", "1");
    gives("1/7*7", "1");
    gives("29999999999/30000000000", ABOUT "1");
    gives("59999999999.99999999999/3", ABOUT "20000000000");
    gives("1/6+1/3", "0.5");
}

/* Below a tenth, ten digits behind the zeros instead of ten places. */
static void small_quotients_keep_ten_digits(void **state)
{
    (void)state;
    gives("1/30", ABOUT "0.03333333333");
    gives("1/30000000000", ABOUT "0.00000000003333333333");
    gives("-1/30000000000", ABOUT "-0.00000000003333333333");
    gives("9999999999.5/10^20/3*3", "0.000000000099999999995");
    gives("1/3/10^110",
          ABOUT "0.000000000000000000000000000000000000000000000000000000000000"
                "000000000000000000000000000000000000000000000000003333333333");
}

static void functions_are_known_by_name(void **state)
{
    (void)state;
    gives("sqrt(144)", "12");
    gives("sqrt(2.25)", "1.5");
    gives("sqrt(1/4)", "0.5");
    gives("sqrt(0)", "0");
    gives("sqrt(2)", ABOUT "1.4142135624");
    gives("sqrt(2)*sqrt(2)", ABOUT "2");
    gives("sqrt(2)^100/2^50", ABOUT "1");
    gives("sqrt(2)^3 // 0.1 % 7", ABOUT "0");
    gives("sqrt(2*10^60)", ABOUT "1414213562373095048801688724209.6980785697");
    gives("sqrt(10^-41)", ABOUT "0.00000000000000000000316227766");
    gives("round(2.5)", "3");
    gives("round(-2.5)", "-3");
    gives("round(2.4999)", "2");
    gives("round(2/3, 2)", "0.67");
    gives("round(1250, -2)", "1300");
    gives("round(-1249, -2)", "-1200");
    gives("min(3, 1/2, 2)", "0.5");
    gives("max(3, 1/2, 2)", "3");
    gives("min(7)", "7");
    gives("abs(-3/4)", "0.75");
    gives("gcd(84, 36)", "12");
    gives("gcd(-84, 36, 8)", "4");
    gives("gcd(0, 0)", "0");
    gives("max(min(1, 2), min(4, 3)) + 1", "4");
    gives("abs (-1)", "1");
    fails("sqrt(-1)", ERR_FORMAT, "the square root of a negative number");
    fails("gcd(1.5, 2)", ERR_FORMAT, "gcd takes whole numbers");
    fails("gcd(4)", ERR_FORMAT, "gcd takes at least 2 numbers");
    fails("abs(1, 2)", ERR_FORMAT, "abs takes 1 number");
    fails("round(1, 2, 3)", ERR_FORMAT, "round takes at most 2 numbers");
    fails("round(1, 101)", ERR_FORMAT,
          "round takes a whole number of places up to 100");
    fails("round(1, 1/2)", ERR_FORMAT,
          "round takes a whole number of places up to 100");
    fails("sin(1)", ERR_FORMAT,
          "no function 'sin'; there are abs gcd max min round sqrt");
    fails("min(1,)", ERR_FORMAT, "expected a number at 7, found ')'");
    fails("min(1", ERR_FORMAT, "expected ')' at the end");
    fails("min 1", ERR_FORMAT, "expected a number at 1, found 'm'");
}

static void powers_bind_like_mathematics(void **state)
{
    (void)state;
    gives("2^10", "1024");
    gives("2**10", "1024");
    gives("2^3^2", "512");
    gives("-2^2", "-4");
    gives("(-2)^2", "4");
    gives("2^-2", "0.25");
    gives("1.5^2", "2.25");
    gives("0^0", "1");
    gives("(-1)^123456789123456789", "-1");
    gives("1^-123456789123456789", "1");
    gives("0^123456789123456789", "0");
    gives("2*3^2", "18");
    fails("2^0.5", ERR_FORMAT,
          "an exponent is a whole number; sqrt() takes a square root");
    fails("0^-1", ERR_FORMAT, "division by zero");
    fails("2^4096", ERR_LIMIT, "number too large");
    fails("2^-4096", ERR_LIMIT, "number too large");
    fails("9^9^9^9", ERR_LIMIT, "number too large");
    fails("2^", ERR_FORMAT, "expected a number at the end");
}

static void division_with_rest_rounds_down(void **state)
{
    (void)state;
    gives("17 // 5", "3");
    gives("17 % 5", "2");
    gives("-17 // 5", "-4");
    gives("-17 % 5", "3");
    gives("17 // -5", "-4");
    gives("17 % -5", "-3");
    gives("7.5 // 2", "3");
    gives("7.5 % 2", "1.5");
    gives("10 // 3 * 3 + 10 % 3", "10");
    fails("1 // 0", ERR_FORMAT, "division by zero");
    fails("1 % 0", ERR_FORMAT, "division by zero");
}

static void typographic_signs_are_understood(void **state)
{
    (void)state;
    gives("6\u00d77", "42");
    gives("84\u00f72", "42");
    gives("50\u22128", "42");
    gives("\u22125", "-5");
}

static void large_numbers_are_exact_until_they_do_not_fit(void **state)
{
    (void)state;
    gives("999999999999999999*999999999999999999",
          "999999999999999998000000000000000001");
    gives("85070591730234615865843651857942052863",
          "85070591730234615865843651857942052863"); /* 2^126 - 1 */
    gives("-85070591730234615865843651857942052863",
          "-85070591730234615865843651857942052863");
    gives("85070591730234615865843651857942052864+1",
          "85070591730234615865843651857942052865");
    gives("2^128", "340282366920938463463374607431768211456");
    gives("(2^4095-1)*2+1-2^4095+1-2^4095", "0");
    fails("2^4095+2^4095", ERR_LIMIT, "number too large");
    fails("1/2^4000/2^96", ERR_LIMIT, "number too large");
    gives("99999999999999999999*(1/99999999999999999999)", "1");
}

static void faults_are_named_with_their_place(void **state)
{
    (void)state;
    fails("", ERR_FORMAT, "expected a number at the end");
    fails("   ", ERR_FORMAT, "expected a number at the end");
    fails("1+", ERR_FORMAT, "expected a number at the end");
    fails("*3", ERR_FORMAT, "expected a number at 1, found '*'");
    fails("2* *3", ERR_FORMAT, "expected a number at 4, found '*'");
    fails("+3", ERR_FORMAT, "expected a number at 1, found '+'");
    fails("1 2", ERR_FORMAT, "expected an operator at 3, found '2'");
    fails("1,000", ERR_FORMAT, "expected an operator at 2, found ','");
    fails("(1+2", ERR_FORMAT, "expected ')' at the end");
    fails("(1+2]", ERR_FORMAT, "expected ')' at 5, found ']'");
    fails("1+2)", ERR_FORMAT, "expected an operator at 4, found ')'");
    fails("()", ERR_FORMAT, "expected a number at 2, found ')'");
    fails("5.", ERR_FORMAT, "expected a digit at the end");
    fails("5.x", ERR_FORMAT, "expected a digit at 3, found 'x'");
    fails(".", ERR_FORMAT, "expected a number at 1, found '.'");
    fails("1.2.3", ERR_FORMAT, "expected an operator at 4, found '.'");
    fails("x", ERR_FORMAT, "expected a number at 1, found 'x'");
    fails("2&3", ERR_FORMAT, "expected an operator at 2, found '&'");
    fails("3 \u20ac", ERR_FORMAT, "expected an operator at 3, found '\u20ac'");
    fails("\xff", ERR_FORMAT, "expected a number at 1, found '\\xff'");
    fails("1/0", ERR_FORMAT, "division by zero");
    fails("1/(2-2)", ERR_FORMAT, "division by zero");
    fails("0/0.0", ERR_FORMAT, "division by zero");
}

static void length_and_depth_are_limited(void **state)
{
    (void)state;
    char text[300];
    memset(text, '1', sizeof text);
    text[257] = 0;
    fails(text, ERR_LIMIT, "expression of 257 bytes is longer than 256");
    memset(text, '(', sizeof text);
    text[33] = 0;
    fails(text, ERR_LIMIT, "nested more than 32 deep");
    memset(text, '-', sizeof text);
    text[33] = 0;
    fails(text, ERR_LIMIT, "nested more than 32 deep");
    memset(text, '-', sizeof text);
    text[32] = '7';
    text[33] = 0;
    gives(text, "7");
    memset(text, '0', sizeof text);
    text[256] = 0;
    gives(text, "0");
    Str tower = {0};
    for (int i = 0; i < 32; i++)
        str_puts(&tower, "1+1*1^");
    str_puts(&tower, "1");
    gives(str_c(&tower), "33");
    str_reset(&tower);
    for (int i = 0; i < 33; i++)
        str_puts(&tower, "1^");
    str_puts(&tower, "1");
    fails(str_c(&tower), ERR_LIMIT, "nested more than 32 deep");
    str_reset(&tower);
    for (int i = 0; i < 32; i++)
        str_puts(&tower, "1+1*(");
    fails(str_c(&tower), ERR_FORMAT, "expected a number at the end");
    str_release(&tower);
}

static void brackets_side_by_side_are_not_deep(void **state)
{
    (void)state;
    gives("(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+"
          "(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)+(1)",
          "36");
}

/* A random expression of + - * and brackets, written together with its value. */
static int64_t write_random(Rng *rng, int depth, Str *text)
{
    if (depth == 0 || rng_below(rng, 4) == 0) {
        int64_t v = rng_below(rng, 1000);
        str_printf(text, "%lld", (long long)v);
        return v;
    }
    str_putc(text, '(');
    int64_t left = write_random(rng, depth - 1, text);
    uint32_t sign = rng_below(rng, 3);
    str_puts(text, sign == 0 ? " + " : sign == 1 ? "-" : " *");
    int64_t right = write_random(rng, depth - 1, text);
    str_putc(text, ')');
    return sign == 0 ? left + right : sign == 1 ? left - right : left * right;
}

static void random_expressions_agree_with_integers(void **state)
{
    (void)state;
    Rng rng = check_rng();
    Str text = {0};
    for (int i = 0; i < 2000; i++) {
        str_reset(&text);
        int64_t v = write_random(&rng, 2, &text);
        char expected[32];
        (void)snprintf(expected, sizeof expected, "%lld", (long long)v);
        gives(str_c(&text), expected);
    }
    str_release(&text);
}

static void quotients_of_small_numbers_agree_with_doubles(void **state)
{
    (void)state;
    for (int a = -30; a <= 30; a++) {
        for (int b = 1; b <= 30; b++) {
            Err err = {0};
            Str text = {0}, out = {0};
            str_printf(&text, "%d/%d", a, b);
            CHECK_OK(calculator_evaluate(str_span(&text), &out, &err));
            const char *digits = str_c(&out);
            if (strncmp(digits, ABOUT, sizeof ABOUT - 1) == 0)
                digits += sizeof ABOUT - 1;
            CHECK_NEAR(strtod(digits, NULL), (double)a / b, 0.5001e-10);
            str_release(&text);
            str_release(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_add_subtract_and_multiply),
        cmocka_unit_test(minus_signs_bind_like_mathematics),
        cmocka_unit_test(brackets_nest),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(quotients_end_or_are_rounded_and_marked),
        cmocka_unit_test(small_quotients_keep_ten_digits),
        cmocka_unit_test(functions_are_known_by_name),
        cmocka_unit_test(powers_bind_like_mathematics),
        cmocka_unit_test(division_with_rest_rounds_down),
        cmocka_unit_test(typographic_signs_are_understood),
        cmocka_unit_test(large_numbers_are_exact_until_they_do_not_fit),
        cmocka_unit_test(faults_are_named_with_their_place),
        cmocka_unit_test(length_and_depth_are_limited),
        cmocka_unit_test(brackets_side_by_side_are_not_deep),
        cmocka_unit_test(random_expressions_agree_with_integers),
        cmocka_unit_test(quotients_of_small_numbers_agree_with_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
