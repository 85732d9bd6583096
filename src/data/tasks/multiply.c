/* multiply.c - products of two numbers: too much for one step, easy in many.
 *
 * A chain for 123*456, all numbers with their least digit first, in which order carries run:
 *
 *     321*6=8370:837000=837000;321*5=5160:051600=898600;321*4=2940:002940... #56088
 *
 * For each digit of the second factor: the part 123*6 = 738, in its place among the digits
 * of the product, and the sum so far; then the answer as people write it. Every step has
 * what it needs at the same distance as every other step, so that all of them teach the
 * same (without that, chains are learned much slower: docs/experiments.md). */
#include "data/tasks/tasks_internal.h"

#include <stdio.h>
#include <string.h>

typedef enum Variant {
    DIRECT,       /* the answer and nothing else */
    REVERSED,     /* least digit first, as addition is learned (Lee et al. 2023) */
    FILLER,       /* as many tokens as a chain has, all dots (Pfau et al. 2024) */
    SHUFFLED,     /* a chain with its digits in any order: tokens without sense */
    ANSWER_FIRST, /* the answer, then the chain */
    CHAIN,
    ORDERS,     /* a chain that takes the digits of the second factor in any order */
    CALCULATOR, /* a call */
    EXPERT,     /* chains of three qualities by tag */
    UNTAGGED,
    SLOPPY,
    UNSEEN, /* a tag that no demonstration has */
    VERIFY, /* is this chain right? the chain again with marks for its digits, yes or no */
    JUDGE, /* yes or no */
} Variant;

static const TaskVariant variants[] = {
    [DIRECT] = {"direct", 1},
    [REVERSED] = {"reversed", 1},
    [FILLER] = {"filler", 1},
    [SHUFFLED] = {"shuffled", 0},
    [ANSWER_FIRST] = {"answer_first", 0},
    [CHAIN] = {"chain", 3},
    [ORDERS] = {"orders", 0},
    [CALCULATOR] = {"calculator", 1},
    [EXPERT] = {"expert", 0},
    [UNTAGGED] = {"untagged", 0},
    [SLOPPY] = {"sloppy", 0},
    [UNSEEN] = {"unseen", 0},
    [VERIFY] = {"verify", 0},
    [JUDGE] = {"judge", 0},
    {NULL, 0},
};
static const char *const tags[] = {
    [DIRECT] = "D",       [REVERSED] = "R", [FILLER] = "F", [SHUFFLED] = "S",
    [ANSWER_FIRST] = "A", [CHAIN] = "C",    [ORDERS] = "O", [CALCULATOR] = "T",
    [EXPERT] = "E",       [UNTAGGED] = "",  [SLOPPY] = "N", [UNSEEN] = "Q",
    [VERIFY] = "V",       [JUDGE] = "J",
};

enum { DIGITS = 9, TERMS = 2 * DIGITS };
/* A sloppy writer gets a digit wrong so often: of a part, of a sum. */
static const double part_slip = 0.06, sum_slip = 0.03;
/* In chains that are to be checked so many times as often: what is wrong is what there is to
 * learn. */
static const double more_to_find = 3;

/* A number that a chain works out, and where it stands in the text. */
typedef struct Number {
    int64_t wanted, said; /* wanted: given the numbers before it */
    int32_t digits;
    size_t at;
} Number;

typedef struct Product {
    int64_t a, b;
    int32_t digits_a, digits_b;
    int64_t order[DIGITS]; /* of the digits of b, from the least */
    double part_slip, sum_slip;
    /* Written by put_chain; result: what the chain says the product is. */
    Number numbers[TERMS];
    int32_t terms;
    int64_t result;
} Product;

static int64_t power(int32_t n)
{
    int64_t p = 1;
    for (int32_t i = 0; i < n; i++)
        p *= 10;
    return p;
}

static int64_t draw_factor(Rng *r, int32_t digits)
{
    int64_t low = digits > 1 ? power(digits - 1) : 0;
    return low + rng_below(r, (uint32_t)(power(digits) - low));
}

/* x with each of its digits replaced by another one with this chance. */
static int64_t slip(int64_t x, int32_t digits, double chance, Rng *r)
{
    if (chance <= 0)
        return x;
    for (int32_t i = 0; i < digits; i++) {
        if (rng_uniform(r) >= chance)
            continue;
        int64_t unit = power(i), old = x / unit % 10;
        int64_t new = (old + 1 + rng_below(r, 9)) % 10;
        x += (new - old) * unit;
    }
    return x;
}

static int64_t put_number(Str *out, Product *p, int64_t wanted, int32_t digits,
                          double chance, Rng *r)
{
    int64_t said = slip(wanted, digits, chance, r);
    p->numbers[p->terms++] = (Number){wanted, said, digits, out->len};
    task_put_reversed(out, said, digits);
    return said;
}

/* The chain without the answer; sets what it says. */
static void put_chain(Str *out, Product *p, Rng *r)
{
    int32_t all = p->digits_a + p->digits_b;
    p->terms = 0;
    p->result = 0;
    for (int32_t k = 0; k < p->digits_b; k++) {
        int64_t unit = power((int32_t)p->order[k]), digit = p->b / unit % 10;
        task_put_reversed(out, p->a, p->digits_a);
        str_printf(out, "*%d=", (int)digit);
        int64_t part =
            put_number(out, p, p->a * digit, p->digits_a + 1, p->part_slip, r);
        str_putc(out, ':');
        task_put_reversed(out, part * unit, all);
        str_putc(out, '=');
        p->result = put_number(out, p, (p->result + part * unit) % power(all), all,
                               p->sum_slip, r);
        str_putc(out, ';');
    }
}

static void put_answer(Str *out, int64_t x)
{
    str_printf(out, "#%lld", (long long)x);
}

/* The digits of out[from..) in any order. */
static void shuffle_digits(Str *out, size_t from, Rng *r)
{
    for (size_t i = out->len; i-- > from;) {
        size_t j = from + rng_below(r, (uint32_t)(i - from + 1));
        char x = out->ptr[i], y = out->ptr[j];
        if (x >= '0' && x <= '9' && y >= '0' && y <= '9') {
            out->ptr[i] = y;
            out->ptr[j] = x;
        }
    }
}

static void put_answer_reversed(Str *out, int64_t x)
{
    int32_t digits = 1;
    while (x >= power(digits))
        digits++;
    str_putc(out, '#');
    task_put_reversed(out, x, digits);
}

/* What the assistant writes. */
static void put_solution(Str *out, int variant, Product *p, Rng *way)
{
    size_t start = out->len;
    switch (variant) {
    case DIRECT:
    case CALCULATOR:
        put_answer(out, p->result);
        return;
    case REVERSED:
        put_answer_reversed(out, p->result);
        return;
    case ANSWER_FIRST:
        put_answer(out, p->result);
        str_putc(out, ';');
        put_chain(out, p, way);
        return;
    default:
        put_chain(out, p, way);
        if (variant == FILLER)
            memset(out->ptr + start, '.', out->len - start);
        if (variant == SHUFFLED)
            shuffle_digits(out, start, way);
        put_answer(out, p->result);
    }
}

/* The chain in text[from..) once more, with a mark for each digit that was worked out: what
 * it takes to check one stands as far from its mark as it stood from the digit, and the
 * digit always a chain's length before. */
static void put_marks(Str *out, const Str *text, size_t from, const Product *p)
{
    size_t start = out->len;
    str_append(out, text->ptr + from, text->len - from);
    for (int32_t n = 0; n < p->terms; n++) {
        const Number *x = &p->numbers[n];
        int64_t wanted = x->wanted, said = x->said;
        for (int32_t i = 0; i < x->digits; i++, wanted /= 10, said /= 10)
            out->ptr[start + x->at - from + (size_t)i] =
                wanted % 10 == said % 10 ? '+' : '-';
    }
}

/* A chain of mixed quality in the question; is it right? */
static Status put_check(Product *p, int variant, const char *ask, Rng *way,
                        Example *out, Err *err)
{
    str_puts(&out->text, ask);
    str_putc(&out->text, ' ');
    size_t chain = out->text.len;
    put_chain(&out->text, p, way);
    Str marks = {0};
    if (variant == VERIFY)
        put_marks(&marks, &out->text, chain, p);
    put_answer(&out->text, p->result);
    Status status = example_say(out, ROLE_USER, err);
    bool right = p->result == p->a * p->b;
    str_span_append(&out->text, str_span(&marks));
    str_release(&marks);
    TRY(status);
    str_puts(&out->expected, right ? "y" : "n");
    str_printf(&out->text, "#%s", right ? "y" : "n");
    return example_say(out, ROLE_ASSISTANT, err);
}

static Status put_call(const Product *p, Example *out, Err *err)
{
    str_printf(&out->text, "%lld*%lld", (long long)p->a, (long long)p->b);
    TRY(conversation_add_call(&out->chat, SPAN("calculator"), str_span(&out->text),
                              err));
    str_reset(&out->text);
    str_printf(&out->text, "%lld", (long long)p->result);
    return example_say(out, ROLE_TOOL, err);
}

static void draw_ways(Product *p, int variant, Rng *way)
{
    for (int32_t i = 0; i < p->digits_b; i++)
        p->order[i] = i;
    if (variant == ORDERS)
        rng_shuffle(way, p->order, p->digits_b);
    bool half = variant == UNTAGGED || variant == VERIFY || variant == JUDGE;
    double often = variant == VERIFY || variant == JUDGE ? more_to_find : 1;
    if (variant == SLOPPY || (half && rng_below(way, 2) == 0)) {
        p->part_slip = often * part_slip;
        p->sum_slip = often * sum_slip;
    }
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    Product p = {.digits_a = (int32_t)o->size,
                 .digits_b = (int32_t)(o->size2 > 0 ? o->size2 : o->size)};
    char ask[64];
    p.a = draw_factor(&question, p.digits_a);
    p.b = draw_factor(&question, p.digits_b);
    p.result = p.a * p.b;
    draw_ways(&p, variant, &way);
    str_printf(&out->question, "%lld*%lld", (long long)p.a, (long long)p.b);
    (void)snprintf(ask, sizeof ask, "%s%lld*%lld", tags[variant], (long long)p.a,
                   (long long)p.b);
    if (variant == VERIFY || variant == JUDGE)
        return put_check(&p, variant, ask, &way, out, err);
    str_puts(&out->text, ask);
    TRY(example_say(out, ROLE_USER, err));
    if (variant == CALCULATOR)
        TRY(put_call(&p, out, err));
    int64_t product = p.result; /* a chain with slips says another one */
    put_solution(&out->text, variant, &p, &way);
    if (variant == REVERSED)
        str_span_append(&out->expected, (Span){out->text.ptr + 1, out->text.len - 1});
    else
        str_printf(&out->expected, "%lld", (long long)product);
    return example_say(out, ROLE_ASSISTANT, err);
}

const TaskKind task_multiply = {.name = "multiply",
                                .variants = variants,
                                .size = 3,
                                .size_min = 1,
                                .size_max = DIGITS,
                                .put = put};
