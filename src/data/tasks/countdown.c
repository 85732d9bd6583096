/* countdown.c - reach a number from four others, each used once, by + - * and /: easy to
 * check, and every step can spoil what was possible before it.
 *
 *     7,3,8,2:24       8-7=1 3,2,1
 *                      1*3=3 ...
 *
 * A chain has a line for each step, with what is left behind it; the last one ends with what
 * came out. Numbers on the way are whole and at least 1. In `value` a part of a chain stands
 * behind the question, as tree search asks (think/strategy/tree_value.c), and the answer is
 * whether the target can still be reached from there: "sure" or "impossible". */
#include "data/tasks/tasks_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Variant {
    CHAIN,
    VALUE, /* parts of chains: half of the way that was found, half of any other */
} Variant;

static const TaskVariant variants[] = {
    [CHAIN] = {"chain", 1}, [VALUE] = {"value", 1}, {NULL, 0}};

enum { MOST = 6, LARGEST = 10, LARGEST_TARGET = 100, LARGEST_ON_THE_WAY = 300 };
static const char signs[] = "+-*/";
enum { SIGNS = 4 };

typedef struct Numbers {
    int64_t x[MOST];
    int32_t n;
} Numbers;

typedef struct Step {
    int64_t a, b, c;
    char sign;
} Step;

/* a sign b, or 0 where the rules do not allow it. */
static int64_t result_of(int64_t a, char sign, int64_t b)
{
    switch (sign) {
    case '+':
        return a + b;
    case '-':
        return a > b ? a - b : 0;
    case '*':
        return a * b;
    default:
        return b > 0 && a % b == 0 ? a / b : 0;
    }
}

/* Takes the numbers at i and j away and puts c behind the others. */
static Numbers after(const Numbers *s, int32_t i, int32_t j, int64_t c)
{
    Numbers left = {.n = 0};
    for (int32_t k = 0; k < s->n; k++) {
        if (k != i && k != j)
            left.x[left.n++] = s->x[k];
    }
    left.x[left.n++] = c;
    return left;
}

/* Can the target be made of all of them? Every order of every step: 4 numbers have some
 * 10,000. */
static bool can_reach(const Numbers *s, int64_t target)
{
    if (s->n == 1)
        return s->x[0] == target;
    for (int32_t i = 0; i < s->n; i++) {
        for (int32_t j = 0; j < s->n; j++) {
            for (int k = 0; i != j && k < SIGNS; k++) {
                int64_t c = result_of(s->x[i], signs[k], s->x[j]);
                Numbers left = after(s, i, j, c);
                if (c > 0 && can_reach(&left, target))
                    return true;
            }
        }
    }
    return false;
}

/* Any step that the rules allow; multiplying and dividing by 1 leads nowhere. */
static Step draw_step(Numbers *s, Rng *r)
{
    for (;;) {
        int32_t i = (int32_t)rng_below(r, (uint32_t)s->n),
                j = (int32_t)rng_below(r, (uint32_t)s->n);
        Step step = {.a = s->x[i], .b = s->x[j], .sign = signs[rng_below(r, SIGNS)]};
        bool idle =
            (step.sign == '*' || step.sign == '/') && (step.a == 1 || step.b == 1);
        step.c = result_of(step.a, step.sign, step.b);
        if (i == j || (idle && s->n > 2) || step.c < 1 || step.c > LARGEST_ON_THE_WAY)
            continue;
        *s = after(s, i, j, step.c);
        return step;
    }
}

static void put_step(Str *out, const Step *step, const Numbers *left)
{
    str_printf(out, "%lld%c%lld=%lld ", (long long)step->a, step->sign,
               (long long)step->b, (long long)step->c);
    if (left->n == 1) {
        str_printf(out, "#%lld", (long long)left->x[0]);
        return;
    }
    for (int32_t k = 0; k < left->n; k++)
        str_printf(out, "%s%lld", k > 0 ? "," : "", (long long)left->x[k]);
}

/* --- questions -------------------------------------------------------------------------- */

typedef struct Puzzle {
    Numbers start;
    int64_t target;
    Step steps[MOST]; /* a way to it */
} Puzzle;

static Puzzle draw_puzzle(const TasksOptions *o, Rng *r)
{
    Puzzle p;
    do {
        p = (Puzzle){.start = {.n = (int32_t)o->size}};
        for (int32_t k = 0; k < p.start.n; k++)
            p.start.x[k] = 1 + rng_below(r, LARGEST);
        Numbers left = p.start;
        for (int32_t k = 0; left.n > 1; k++)
            p.steps[k] = draw_step(&left, r);
        p.target = left.x[0];
    } while (p.target < LARGEST || p.target > LARGEST_TARGET);
    return p;
}

static int32_t place_of_number(const Numbers *s, int64_t x, int32_t not_at)
{
    for (int32_t i = 0; i < s->n; i++) {
        if (s->x[i] == x && i != not_at)
            return i;
    }
    return -1;
}

static void apply(Numbers *s, const Step *step)
{
    int32_t i = place_of_number(s, step->a, -1), j = place_of_number(s, step->b, i);
    *s = after(s, i, j, step->c);
}

static void put_chain(Str *out, const Puzzle *p)
{
    Numbers left = p->start;
    for (int32_t k = 0; k + 1 < p->start.n; k++) {
        apply(&left, &p->steps[k]);
        str_puts(out, k > 0 ? "\n" : "");
        put_step(out, &p->steps[k], &left);
    }
}

enum { TRIES = 40 };

/* A slip in a step: another result; half of the time, where one is found, one from which the
 * target can be reached, as people who know what should come out slip. */
static void slip(Step *step, Numbers *left, int64_t target, Rng *r)
{
    int64_t *last = &left->x[left->n - 1];
    bool wanted = rng_below(r, 2) == 0;
    for (int i = 0; wanted && i < TRIES; i++) {
        *last = left->n == 1 ? target : 1 + rng_below(r, LARGEST_TARGET);
        if (*last != step->c && can_reach(left, target)) {
            step->c = *last;
            return;
        }
    }
    *last = step->c += 1 + rng_below(r, 9);
}

/* A step after which the target can still be reached, where one is found soon. */
static Step draw_good_step(Numbers *s, int64_t target, Rng *r)
{
    for (int i = 0;; i++) {
        Numbers left = *s;
        Step step = draw_step(&left, r);
        if (i == TRIES || can_reach(&left, target)) {
            *s = left;
            return step;
        }
    }
}

/* Some steps, and whether they leave a way: the first ones of the way that was found, or
 * others after some of them. In one of three is a slip, after which there is no way, however
 * well the rest goes on from it. */
static bool put_part(Str *out, const Puzzle *p, Rng *r)
{
    int32_t steps = 1 + (int32_t)rng_below(r, (uint32_t)p->start.n - 1);
    int32_t found =
        rng_below(r, 2) == 0 ? steps : (int32_t)rng_below(r, (uint32_t)steps);
    int32_t slip_at =
        rng_below(r, 3) == 0 ? (int32_t)rng_below(r, (uint32_t)steps) : steps;
    Numbers left = p->start;
    for (int32_t k = 0; k < steps; k++) {
        Step step;
        if (k > slip_at) {
            step = draw_good_step(&left, p->target, r);
        } else if (k < found) {
            step = p->steps[k];
            apply(&left, &step);
        } else {
            step = draw_step(&left, r);
        }
        if (k == slip_at)
            slip(&step, &left, p->target, r);
        str_puts(out, k > 0 ? "\n" : "");
        put_step(out, &step, &left);
    }
    return slip_at == steps && can_reach(&left, p->target);
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    Puzzle p = draw_puzzle(o, &question);
    for (int32_t k = 0; k < p.start.n; k++)
        str_printf(&out->question, "%s%lld", k > 0 ? "," : "", (long long)p.start.x[k]);
    str_printf(&out->question, ":%lld", (long long)p.target);
    str_span_append(&out->text, str_span(&out->question));
    if (variant == CHAIN) {
        TRY(example_say(out, ROLE_USER, err));
        put_chain(&out->text, &p);
        str_printf(&out->expected, "%lld", (long long)p.target);
        return example_say(out, ROLE_ASSISTANT, err);
    }
    str_puts(&out->text, "\n\n");
    bool sure = put_part(&out->text, &p, &way);
    str_puts(&out->text, "\n\n?");
    TRY(example_say(out, ROLE_USER, err));
    str_puts(&out->expected, sure ? "sure" : "impossible");
    str_span_append(&out->text, str_span(&out->expected));
    return example_say(out, ROLE_ASSISTANT, err);
}

const TaskKind task_countdown = {.name = "countdown",
                                 .variants = variants,
                                 .size = 4,
                                 .size_min = 2,
                                 .size_max = MOST,
                                 .put = put};

/* --- checking ---------------------------------------------------------------------------- */

/* Reads a whole number of at most 9 digits; false: there is none. */
static bool read_number(Span *text, int64_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < text->len && n < 9 && text->ptr[n] >= '0' && text->ptr[n] <= '9')
        *out = 10 * *out + (text->ptr[n++] - '0');
    *text = (Span){text->ptr + n, text->len - n};
    return n > 0;
}

static bool read_char(Span *text, char *out)
{
    if (text->len == 0)
        return false;
    *out = text->ptr[0];
    *text = (Span){text->ptr + 1, text->len - 1};
    return true;
}

static bool read_question(Span text, Numbers *start, int64_t *target)
{
    char mark = ',';
    for (start->n = 0; mark == ',' && start->n < MOST; start->n++) {
        if (!read_number(&text, &start->x[start->n]) || !read_char(&text, &mark))
            return false;
    }
    return mark == ':' && read_number(&text, target) && text.len == 0;
}

/* One step that the rules allow, of numbers that are there. */
static bool take_step(Span *text, Numbers *left)
{
    Step step;
    char equals;
    if (!read_number(text, &step.a) || !read_char(text, &step.sign) ||
        !read_number(text, &step.b) || !read_char(text, &equals) || equals != '=' ||
        !read_number(text, &step.c) || step.sign == '\0' || !strchr(signs, step.sign))
        return false;
    int32_t i = place_of_number(left, step.a, -1);
    int32_t j = i < 0 ? -1 : place_of_number(left, step.b, i);
    if (j < 0 || step.c < 1 || result_of(step.a, step.sign, step.b) != step.c)
        return false;
    *left = after(left, i, j, step.c);
    return true;
}

bool countdown_is_solved(Span question, Span chain)
{
    Numbers left;
    int64_t target;
    if (!read_question(question, &left, &target))
        return false;
    while (left.n > 1) {
        if (!take_step(&chain, &left))
            return false;
        ptrdiff_t end = span_find(chain, SPAN("\n"), 0);
        size_t past = end < 0 ? chain.len : (size_t)end + 1;
        chain = (Span){chain.ptr + past, chain.len - past};
    }
    return left.x[0] == target;
}
