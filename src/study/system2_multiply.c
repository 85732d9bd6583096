/* system2_multiply.c - E1 and E2: products of two three-digit numbers, which a small model
 * does not learn to say at once, learns to work out, and does not fail with a calculator. */
#include "study/system2_internal.h"
#include "think/tool/builtin.h"
#include "think/tool/calculator.h"

#include <stdlib.h>

enum { CHAIN_TOKENS = 96 };

/* Few kinds of answers a model: with five of them in one, chains were not learned in 3M
 * tokens (docs/experiments.md). */
static const Learning learning = {2000000, 3e-3, 0.3, 128};

void compose_multiply(Str *y, const System2Scale *s, int64_t seeds)
{
    put_questions(y, s, "products", "multiply", "direct,chain:4,calculator:2", 27000,
                  "");
    str_puts(y, "  - tokenizer: {data: $products/text.jsonl, vocab: 265}\n");
    put_learners(y, s, seeds, "steps", "products", learning);
    /* Direct answers alone, in as many tokens. */
    put_questions(y, s, "answers", "multiply", "direct", 120000, "");
    put_learners(y, s, seeds, "guesser", "answers",
                 (Learning){2000000, 3e-3, 0.1, 128});
    /* What is not in the number of tokens of a chain: its sense. */
    put_questions(y, s, "nonsense", "multiply",
                  "direct:2,reversed:2,filler,shuffled,answer_first", 35000, "");
    put_learners(y, s, seeds, "controls", "nonsense", learning);
}

/* Greedy. */
static ArmHow greedy(int64_t calls)
{
    return (ArmHow){.samples = 1, .calls = calls, .max_new = CHAIN_TOKENS};
}

typedef struct Asked {
    const char *model, *questions, *variant, *name;
    int64_t calls;
} Asked;

static Status run_all(System2 *s, const Asked *asked, size_t n, ArmSet *sets, Err *err)
{
    for (size_t i = 0; i < n; i++)
        TRY(run_arms(s, asked[i].model, asked[i].questions, asked[i].variant,
                     greedy(asked[i].calls), &sets[i], err));
    return OK;
}

static void put_table(Section *out, const Asked *asked, size_t n, const ArmSet *sets)
{
    put_arms_head(&out->text);
    for (size_t i = 0; i < n; i++)
        put_arms_line(&out->text, asked[i].name, &sets[i]);
    str_putc(&out->text, '\n');
}

enum { DIRECT, CHAIN, ONLY_DIRECT, REVERSED, FILLER, SHUFFLED, ANSWER_FIRST, STEPS };

static void check_steps(Section *out, const ArmSet *sets)
{
    Check *c =
        section_check(out, "System 1 fails",
                      "direct answers, also least digit first and of a model that "
                      "learned little else: at most 6 % on every seed");
    check_shares(c, "direct", &sets[DIRECT], 0, 0.06);
    check_shares(c, "reversed", &sets[REVERSED], 0, 0.06);
    check_shares(c, "direct alone", &sets[ONLY_DIRECT], 0, 0.06);
    check_why(c, "The model has room for a share of the products, or learns the first "
                 "and the last digits.");
    c = section_check(out, "Step by step",
                      "at least 95 % on every seed, over direct with "
                      "95 % confidence");
    check_shares(c, "chain", &sets[CHAIN], 0.95, 1);
    check_better(c, "chain over direct", &sets[CHAIN], &sets[DIRECT]);
    check_why(c,
              "Chains are learned with more demonstrations; the loss on held-out ones "
              "is in metrics.jsonl of the run.");
    c = section_check(
        out, "It is not the number of tokens",
        "as many tokens without sense (dots; the digits of a chain in any "
        "order; a chain after the answer) stay within 6 %");
    check_shares(c, "dots", &sets[FILLER], 0, 0.06);
    check_shares(c, "shuffled", &sets[SHUFFLED], 0, 0.06);
    check_shares(c, "answer first", &sets[ANSWER_FIRST], 0, 0.06);
}

Status measure_steps(System2 *s, Section *out, Err *err)
{
    static const Asked asked[STEPS] = {
        [DIRECT] = {"steps", "products", "direct", "direct", 0},
        [CHAIN] = {"steps", "products", "chain", "step by step", 0},
        [ONLY_DIRECT] = {"guesser", "answers", "direct",
                         "direct, by a model that learned nothing else", 0},
        [REVERSED] = {"controls", "nonsense", "reversed", "direct, least digit first",
                      0},
        [FILLER] = {"controls", "nonsense", "filler", "dots, then the answer", 0},
        [SHUFFLED] = {"controls", "nonsense", "shuffled",
                      "a shuffled chain, then the answer", 0},
        [ANSWER_FIRST] = {"controls", "nonsense", "answer_first",
                          "the answer, then the chain", 0},
    };
    ArmSet sets[STEPS] = {0};
    Status status = run_all(s, asked, STEPS, sets, err);
    if (status == OK) {
        str_puts(
            &out->text,
            "Products of two three-digit numbers that no demonstration has, greedy. "
            "The first two lines are one model and one set of weights; a letter in "
            "front of the question says how to answer. The third is a model that "
            "learned direct answers alone, in as many tokens; the others are one which "
            "never saw a chain before an answer.\n\n");
        put_table(out, asked, STEPS, sets);
        check_steps(out, sets);
    }
    for (int i = 0; i < STEPS; i++)
        arms_release(&sets[i]);
    return status;
}

/* --- a calculator that is wrong by one --------------------------------------------------- */

static Status add_one(void *self, const json_t *arguments, Str *out, bool *failed,
                      Err *err)
{
    (void)self;
    Str exact = {0};
    const char *expression =
        json_string_value(json_object_get(arguments, "expression"));
    Status status = calculator_evaluate(span_of(expression), &exact, err);
    *failed = status != OK;
    str_printf(out, "%lld", strtoll(str_c(&exact), NULL, 10) + 1);
    str_release(&exact);
    return OK;
}

/* The calculator as it comes, with another function. */
static Status open_liar(Toolbox *box, Err *err)
{
    TRY(builtin_add(box, SPAN("calculator"), err));
    box->tools[0].call = add_one;
    return OK;
}

static bool is_one_more(const json_t *row, Span said)
{
    const char *expected = json_string_value(json_object_get(row, "expected"));
    Str wanted = {0};
    str_printf(&wanted, "%lld", expected ? strtoll(expected, NULL, 10) + 1 : 0);
    bool is = span_equal(str_span(&wanted), said);
    str_release(&wanted);
    return is;
}

static Status ask_liar(System2 *s, ArmSet *out, Err *err)
{
    Toolbox box = {0};
    Str tests = {0};
    ArmHow how = greedy(1);
    str_printf(&tests, "%s/tests/calculator.jsonl", lab_folder(&s->lab, "products"));
    how.tools = &box;
    how.judge = is_one_more;
    Status status = open_liar(&box, err);
    if (status == OK)
        status = run_arms_of(s, "steps", str_c(&tests), "products-liar", how, out, err);
    toolbox_release(&box);
    str_release(&tests);
    return status;
}

Status measure_calculator(System2 *s, Section *out, Err *err)
{
    enum { CALCULATOR, WITHOUT, STEP_BY_STEP, ARMS };
    static const Asked asked[ARMS] = {
        [CALCULATOR] = {"steps", "products", "calculator", "calculator", 1},
        [WITHOUT] = {"steps", "products", "calculator", "calculator taken away", 0},
        [STEP_BY_STEP] = {"steps", "products", "chain", "step by step", 0},
    };
    ArmSet sets[ARMS] = {0}, liar = {0};
    Status status = run_all(s, asked, ARMS, sets, err);
    if (status == OK)
        status = ask_liar(s, &liar, err);
    if (status == OK) {
        str_puts(&out->text,
                 "The same weights as in E1, asked to call: the model writes "
                 "`calculator(123*456)`, the result is put behind it, and it ends its "
                 "answer. Taken away, the call stands there unanswered.\n\n");
        put_arms_head(&out->text);
        for (int i = 0; i < ARMS; i++)
            put_arms_line(&out->text, asked[i].name, &sets[i]);
        put_arms_line(&out->text, "a calculator that is wrong by one: says the same",
                      &liar);
        str_putc(&out->text, '\n');
        Check *c = section_check(out, "A tool makes it exact", "100 % on every seed");
        check_shares(c, "calculator", &sets[CALCULATOR], 1, 1);
        check_why(c,
                  "What is missing are calls with a digit wrongly copied, or a result "
                  "that was not repeated.");
        c = section_check(out, "It is the tool", "0 % without it");
        check_shares(c, "taken away", &sets[WITHOUT], 0, 0);
        c = section_check(
            out, "It believes the tool",
            "says what a calculator says that is wrong by one, at least 95 "
            "% of the time");
        check_shares(c, "wrong by one", &liar, 0.95, 1);
    }
    for (int i = 0; i < ARMS; i++)
        arms_release(&sets[i]);
    arms_release(&liar);
    return status;
}
