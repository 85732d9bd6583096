/* system2_digits.c - E1D: the same as E1 with fewer and with more digits; and sums, which a
 * model can say at once, if it may begin at the end where carries do: not all arithmetic is
 * too much for one step. */
#include "study/system2_internal.h"

enum { CHAIN_TOKENS = 144, PRODUCTS = 350 };

void compose_digits(Str *y, const System2Scale *s, int64_t seeds)
{
    /* One in twenty of 8,100 products is a test's. */
    System2Scale few = *s;
    few.tests = s->tests < PRODUCTS ? s->tests : PRODUCTS;
    put_questions(y, &few, "two", "multiply", "direct,reversed,chain:2", 40000,
                  ", size: 2");
    put_questions(y, s, "four", "multiply", "direct,reversed,chain:6", 70000,
                  ", size: 4");
    put_questions(y, s, "plus", "sums", "direct,reversed", 120000, "");
    str_puts(y, "  - tokenizer: {data: $two/text.jsonl, vocab: 265}\n");
    put_learners(y, s, seeds, "two_digits", "two", (Learning){1500000, 3e-3, 0.3, 128});
    put_learners(y, s, seeds, "four_digits", "four",
                 (Learning){7000000, 3e-3, 0.15, 176});
    /* Sums come all at once, at some seeds not before 6M tokens, and have to outlast the
     * fine-tuning (docs/experiments.md). */
    put_learners(y, s, seeds, "adder", "plus", (Learning){9000000, 3e-3, 0.6, 64});
}

typedef struct Asked {
    const char *model, *questions, *variant, *name;
} Asked;
enum {
    TWO,
    TWO_REVERSED,
    TWO_CHAIN,
    FOUR,
    FOUR_REVERSED,
    FOUR_CHAIN,
    SUM,
    SUM_REVERSED,
    ARMS
};
static const Asked asked[ARMS] = {
    [TWO] = {"two_digits", "two", "direct", "2 by 2 digits, direct"},
    [TWO_REVERSED] = {"two_digits", "two", "reversed", "... least digit first"},
    [TWO_CHAIN] = {"two_digits", "two", "chain", "... step by step"},
    [FOUR] = {"four_digits", "four", "direct", "4 by 4 digits, direct"},
    [FOUR_REVERSED] = {"four_digits", "four", "reversed", "... least digit first"},
    [FOUR_CHAIN] = {"four_digits", "four", "chain", "... step by step"},
    [SUM] = {"adder", "plus", "direct", "sums of 6 digits, direct"},
    [SUM_REVERSED] = {"adder", "plus", "reversed", "... least digit first"},
};

static void check_digits(Section *out, const ArmSet *sets)
{
    Check *c = section_check(out, "Step by step at every size",
                             "at least 95 % with 2 and with 4 digits, on every seed");
    check_shares(c, "2 digits", &sets[TWO_CHAIN], 0.95, 1);
    check_shares(c, "4 digits", &sets[FOUR_CHAIN], 0.95, 1);
    check_why(c,
              "Chains of four digits take more demonstrations than this budget has.");
    c = section_check(out, "Direct answers fall with the digits",
                      "4 by 4 at most 1 %, and 2 by 2 over it (intervals apart), on "
                      "every seed");
    check_shares(c, "4 digits", &sets[FOUR], 0, 0.01);
    for (int64_t s = 0; s < sets[TWO].n; s++) {
        const ArmScore *two = &sets[TWO].scores[s], *four = &sets[FOUR].scores[s];
        check_part(c, two->interval.low > four->interval.high, "2 digits %.1f %%",
                   100 * two->right);
    }
    c = section_check(out, "System 1 can add",
                      "sums, least digit first, at least 95 % on every seed, and over "
                      "most digit first with 95 % confidence");
    check_shares(c, "least first", &sets[SUM_REVERSED], 0.95, 1);
    check_better(c, "least first over most first", &sets[SUM_REVERSED], &sets[SUM]);
    check_why(c, "The model also learned to add from the other end, looking ahead for "
                 "carries.");
}

Status measure_digits(System2 *s, Section *out, Err *err)
{
    ArmSet sets[ARMS] = {0};
    const ArmHow how = {.samples = 1, .max_new = CHAIN_TOKENS};
    Status status = OK;
    for (int i = 0; status == OK && i < ARMS; i++)
        status = run_arms(s, asked[i].model, asked[i].questions, asked[i].variant, how,
                          &sets[i], err);
    if (status == OK) {
        str_puts(
            &out->text,
            "As E1, one model a size; and sums of two six-digit numbers, without any "
            "chain. Greedy. There are 8,100 products of two two-digit numbers, of "
            "which the demonstrations have nineteen in twenty.\n\n");
        put_arms_head(&out->text);
        for (int i = 0; i < ARMS; i++)
            put_arms_line(&out->text, asked[i].name, &sets[i]);
        str_putc(&out->text, '\n');
        check_digits(out, sets);
    }
    for (int i = 0; i < ARMS; i++)
        arms_release(&sets[i]);
    return status;
}
