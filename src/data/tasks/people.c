/* people.c - "California's population is 53 times Alaska's": look up both, divide, check the
 * quotient, write it down.
 *
 *     user   zorvike against melano
 *     call   search(zorvike)             zorvike has 3920 thousand people
 *     call   search(melano)              melano has 74 thousand people
 *     call   calculator(round(3920/74))  53
 *     call   calculator(53*74)           3922
 *     answer 3922 is near 3920: zorvike has 53 times the people of melano
 *            #zorvike=53*melano
 *
 * Neither place of a test stands in any demonstration: what is known of them is what the
 * search finds, the "documents" of the test's row. */
#include "data/tasks/tasks_internal.h"

typedef enum Variant { TOOLS } Variant;
static const TaskVariant variants[] = {[TOOLS] = {"tools", 1}, {NULL, 0}};
enum { LEAST_TIMES = 2, MOST_TIMES = 99 };

static Status look_up(Example *out, const Place *p, Err *err)
{
    TRY(conversation_add_call(&out->chat, SPAN("search"), span_of(p->name), err));
    str_printf(&out->text, "%s has %d thousand people", p->name, p->people);
    return example_say(out, ROLE_TOOL, err);
}

/* out->text is the expression. */
static Status calculate(Example *out, int result, Err *err)
{
    TRY(str_check(&out->text, err));
    TRY(conversation_add_call(&out->chat, SPAN("calculator"), str_span(&out->text),
                              err));
    str_reset(&out->text);
    str_printf(&out->text, "%d", result);
    return example_say(out, ROLE_TOOL, err);
}

static int times_of(const Place *a, const Place *b)
{
    return (2 * a->people + b->people) / (2 * b->people); /* rounded, halves up */
}

/* Two places of one side of the split, the first with some times the people of the other;
 * about one pair in six is. */
static int draw_pair(int64_t seed, Rng *r, Place *a, Place *b)
{
    for (;;) {
        *a = place_of(seed, rng_below(r, PLACES));
        *b = place_of(seed, rng_below(r, PLACES));
        int times = times_of(a, b);
        if (times >= LEAST_TIMES && times <= MOST_TIMES &&
            task_is_tests(span_of(a->name)) == task_is_tests(span_of(b->name)))
            return times;
    }
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    (void)variant;
    (void)way;
    Place a, b;
    int times = draw_pair(o->seed, &question, &a, &b);
    str_puts(&out->question, a.name);
    str_printf(&out->text, "%s against %s", a.name, b.name);
    TRY(example_say(out, ROLE_USER, err));
    TRY(look_up(out, &a, err));
    TRY(look_up(out, &b, err));
    str_printf(&out->text, "round(%d/%d)", a.people, b.people);
    TRY(calculate(out, times, err));
    str_printf(&out->text, "%d*%d", times, b.people);
    TRY(calculate(out, times * b.people, err));
    str_printf(&out->text, "%d is near %d: %s has %d times the people of %s #%s=%d*%s",
               times * b.people, a.people, a.name, times, b.name, a.name, times,
               b.name);
    str_printf(&out->expected, "%s=%d*%s", a.name, times, b.name);
    return example_say(out, ROLE_ASSISTANT, err);
}

const TaskKind task_people = {.name = "people",
                              .variants = variants,
                              .size = 1,
                              .size_min = 1,
                              .size_max = 1,
                              .put = put};
