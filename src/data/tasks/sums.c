/* sums.c - sums of two numbers: what can be said at once, if it is said from the right end.
 *
 *     D462817+905113    #1367930
 *     R462817+905113    #0397631     least digit first, as carries run (Lee et al. 2023)
 *
 * One digit more than the numbers have, so that every answer has the same length. */
#include "data/tasks/tasks_internal.h"

typedef enum Variant { DIRECT, REVERSED } Variant;

static const TaskVariant variants[] = {
    [DIRECT] = {"direct", 1}, [REVERSED] = {"reversed", 1}, {NULL, 0}};

enum { DIGITS = 9 };

static int64_t draw_number(Rng *r, int64_t digits)
{
    int64_t x = 1 + rng_below(r, 9);
    for (int64_t i = 1; i < digits; i++)
        x = 10 * x + rng_below(r, 10);
    return x;
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    (void)way;
    long long a = draw_number(&question, o->size);
    long long b = draw_number(&question, o->size);
    int digits = (int)o->size + 1;
    str_printf(&out->question, "%lld+%lld", a, b);
    str_printf(&out->text, "%c%s", variant == REVERSED ? 'R' : 'D',
               str_c(&out->question));
    TRY(example_say(out, ROLE_USER, err));
    if (variant == REVERSED)
        task_put_reversed(&out->expected, a + b, digits);
    else
        str_printf(&out->expected, "%0*lld", digits, a + b);
    TRY(str_check(&out->expected, err));
    str_printf(&out->text, "#%s", str_c(&out->expected));
    return example_say(out, ROLE_ASSISTANT, err);
}

const TaskKind task_sums = {.name = "sums",
                            .variants = variants,
                            .size = 6,
                            .size_min = 1,
                            .size_max = DIGITS,
                            .put = put};
