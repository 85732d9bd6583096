/* The calculator against bc(1), an independent one: random expressions with all that the
 * grammar has. CHECK_EXPRESSIONS=100000 is the long run (tools/compare_bc.sh).
 *
 * bc calculates with a fixed number of places, 400 here, and cuts what is beyond; so it
 * cannot say whether 1/3*3 is whole. Rounding, //, % and gcd therefore get arguments
 * without quotients and roots, where bc is exact too. */
#include "support/check.h"
#include "support/temp.h"

#include "base/file.h"
#include "base/process.h"
#include "think/tool/calculator.h"

/* What the calculator has and bc has not. z: something was divided by nothing, which
 * with quotients cut at 400 places is less than 10^-300. ok(): our result is right to its
 * last place: exact to far beyond what we print, or within half a unit of it. */
static const char prelude[] =
    "scale=400\n"
    "define zero(b) { if (b < 0) b = -b; if (b < 10^-300) { z = 1; return 1; }; return "
    "0; }\n"
    "define over(a,b) { if (zero(b)) return 0; return a/b; }\n"
    "define floor(q) { auto s, t; s = scale; scale = 0; t = q/1; scale = s; "
    "if (t > q) t = t-1; return t; }\n"
    "define down(a,b) { if (zero(b)) return 0; return floor(a/b); }\n"
    "define rest(a,b) { if (zero(b)) return 0; return a - b*floor(a/b); }\n"
    "define abs(a) { if (a < 0) return -a; return a; }\n"
    "define min(a,b) { if (b < a) return b; return a; }\n"
    "define max(a,b) { if (b > a) return b; return a; }\n"
    "define gcd(a,b) { auto t; a = abs(a); b = abs(b); "
    "while (b > 0) { t = rest(a,b); a = b; b = t; }; return a; }\n"
    "define round(a,n) { auto t; t = floor(abs(a)*10^n + 0.5)/10^n; if (a < 0) return "
    "-t; "
    "return t; }\n"
    "define ok(v,ours,tolerance) { return z == 0 && abs(v-ours) <= tolerance; }\n";

/* --- random expressions, for us and for bc -------------------------------------------- */

typedef struct Pair {
    Str ours, bc;
} Pair;

static void both(Pair *p, const char *text)
{
    str_puts(&p->ours, text);
    str_puts(&p->bc, text);
}

static void literal(Rng *rng, bool whole, Pair *p)
{
    char text[32];
    uint32_t digits = 1 + rng_below(rng, 6), v = rng_u32(rng) % 1000000;
    while (digits++ < 6)
        v /= 10;
    if (whole || rng_below(rng, 3) > 0)
        (void)snprintf(text, sizeof text, "%u", (unsigned)v);
    else
        (void)snprintf(text, sizeof text, "%u.%03u", (unsigned)(v % 100),
                       (unsigned)rng_below(rng, 1000));
    both(p, text);
}

static void expression(Rng *rng, int depth, bool exact, bool whole, Pair *p);

/* NAME(left, right) for bc, "left SIGN right" or NAME(left, right) for us. */
static void pair_of(Rng *rng, int depth, bool exact, bool whole, const char *sign,
                    const char *name, Pair *p)
{
    str_puts(&p->bc, name);
    if (!sign)
        str_puts(&p->ours, name);
    both(p, "(");
    expression(rng, depth, exact, whole, p);
    str_puts(&p->ours, sign ? sign : ", ");
    str_puts(&p->bc, ",");
    expression(rng, depth, exact, whole, p);
    both(p, ")");
}

static void call_of(Rng *rng, int depth, bool exact, const char *open,
                    const char *close, Pair *p)
{
    both(p, open);
    expression(rng, depth, exact, false, p);
    both(p, close);
}

/* exact: without quotients and roots; whole: besides, of whole numbers only. */
static void expression(Rng *rng, int depth, bool exact, bool whole, Pair *p)
{
    static const char *const signs[] = {"+", " - ", "*"};
    if (depth == 0 || rng_below(rng, 6) == 0) {
        literal(rng, whole, p);
        return;
    }
    depth--;
    switch (rng_below(rng, exact ? 10 : 14)) {
    case 0:
        pair_of(rng, depth, true, true, " // ", "down", p);
        return;
    case 1:
        pair_of(rng, depth, true, whole, "%", "rest", p);
        return;
    case 2:
        pair_of(rng, depth, exact, whole, NULL, rng_below(rng, 2) ? "min" : "max", p);
        return;
    case 3:
        pair_of(rng, depth, true, true, NULL, "gcd", p);
        return;
    case 4: {
        static const char *const powers[] = {")^2", ")^3", ")^0"};
        both(p, "((");
        expression(rng, depth, exact, whole, p);
        both(p, powers[rng_below(rng, 3)]);
        both(p, ")");
        return;
    }
    case 5:
        both(p, "(-");
        both(p, "abs(");
        expression(rng, depth, exact, whole, p);
        both(p, "))");
        return;
    case 10:
    case 11:
    case 12:
        pair_of(rng, depth, false, false, "/", "over", p);
        return;
    case 13:
        if (rng_below(rng, 2))
            call_of(rng, depth, false, "sqrt(abs(", "))", p);
        else
            call_of(rng, depth, true, "round(", whole ? ",0)" : ",2)", p);
        return;
    default:
        both(p, "(");
        expression(rng, depth, exact, whole, p);
        both(p, signs[rng_below(rng, 3)]);
        expression(rng, depth, exact, whole, p);
        both(p, ")");
    }
}

/* --- the comparison ------------------------------------------------------------------- */

/* Places behind the point of a result. */
static int places_of(const char *result)
{
    const char *point = strchr(result, '.');
    return point ? (int)strlen(point) - 1 : 0;
}

/* One line of bc that prints 1 where bc agrees; false: an expression to leave out. */
static bool write_check(Rng *rng, Pair *p, Str *program, int64_t counts[3])
{
    static const char about[] = "\u2248";
    Err err = {0};
    Str ours = {0};
    str_reset(&p->ours);
    str_reset(&p->bc);
    expression(rng, 3, false, false, p);
    Status status = calculator_evaluate(str_span(&p->ours), &ours, &err);
    bool left_out = status == ERR_LIMIT;
    if (status == OK && strncmp(str_c(&ours), about, sizeof about - 1) == 0) {
        const char *digits = str_c(&ours) + sizeof about - 1;
        /* ten digits at least were kept: half a unit of the tenth behind the point, or of
         * the last one that stands there */
        int places = places_of(digits) > 10 ? places_of(digits) : 10;
        str_printf(program, "z=0; v=%s; ok(v,%s,0.5*10^-%d+10^-300)\n", str_c(&p->bc),
                   digits, places);
        counts[1]++;
    } else if (status == OK) {
        str_printf(program, "z=0; v=%s; ok(v,%s,10^-150)\n", str_c(&p->bc),
                   str_c(&ours));
        counts[0]++;
    } else if (!left_out) {
        if (strcmp(err.msg, "division by zero") != 0)
            fail_msg("%s: %s", str_c(&p->ours), err.msg);
        str_printf(program, "z=0; v=%s; z\n", str_c(&p->bc));
        counts[2]++;
    }
    str_release(&ours);
    return !left_out;
}

/* Runs bc over the program; its output is one line an expression. */
static bool run_bc(const char *path, Str *out)
{
    const char *argv[] = {"bc", "-q", path, NULL};
    Err err = {0};
    Process *bc = NULL;
    if (process_start(&bc, argv, &err) != OK)
        return false;
    ProcessEvent event = PROCESS_TALKED;
    Span in = {0};
    while (event != PROCESS_ENDED)
        CHECK_OK(process_talk(bc, &in, out, 600, &event, &err));
    process_free(bc);
    return true;
}

static void random_expressions_agree_with_bc(void **state)
{
    (void)state;
    const char *given = getenv("CHECK_EXPRESSIONS");
    int64_t n = given ? strtoll(given, NULL, 10) : 300, counts[3] = {0};
    Rng rng = check_rng();
    Pair p = {0};
    Str program = {0}, all = {0}, out = {0};
    str_puts(&program, prelude);
    for (int64_t i = 0; i < n;) {
        if (!write_check(&rng, &p, &program, counts))
            continue;
        str_span_append(&all, str_span(&p.ours));
        str_putc(&all, '\n');
        i++;
    }
    str_puts(&program, "quit\n");
    Err err = {0};
    const char *path = temp_path("check.bc");
    CHECK_OK(file_write_atomic(path, str_c(&program), program.len, &err));
    bool ran = run_bc(path, &out);
    if (ran) {
        const char *line = str_c(&all);
        int64_t seen = 0;
        for (size_t i = 0; i + 1 < out.len; i += 2, seen++) {
            const char *end = strchr(line, '\n');
            if (out.ptr[i] != '1' || out.ptr[i + 1] != '\n')
                fail_msg("bc does not agree on %.*s", (int)(end - line), line);
            line = end + 1;
        }
        assert_int_equal(seen, n);
        print_message("%lld exact, %lld rounded, %lld divided by zero\n",
                      (long long)counts[0], (long long)counts[1], (long long)counts[2]);
    }
    str_release(&p.ours);
    str_release(&p.bc);
    str_release(&program);
    str_release(&all);
    str_release(&out);
    if (!ran) {
        print_message("skipped: there is no bc\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(random_expressions_agree_with_bc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
