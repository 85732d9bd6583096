/* records.c - what a sentence says, as a record: answers that a program reads.
 *
 *     Melano, who is 34, came from Zorvike with 3 bags.
 *     {"name": "melano", "age": 34, "town": "zorvike", "bags": 3}
 *
 * In `notes` the values stand in the order of the sentence before the record. */
#include "data/tasks/tasks_internal.h"

typedef enum Variant { RECORD, NOTES } Variant;

static const TaskVariant variants[] = {
    [RECORD] = {"record", 1}, [NOTES] = {"notes", 1}, {NULL, 0}};

typedef struct Traveller {
    Place name, town;
    int age, bags;
} Traveller;

enum { SENTENCES = 6, LARGEST_AGE = 99, LARGEST_BAGS = 9 };

/* Sentence k, and what it says in its order. */
static void put_sentence(Str *out, Str *notes, const Traveller *t, uint32_t k)
{
    const char *name = t->name.name, *town = t->town.name;
    switch (k) {
    case 0:
        str_printf(out, "%s, who is %d, came from %s with %d bags.", name, t->age, town,
                   t->bags);
        str_printf(notes, "%s %d %s %d", name, t->age, town, t->bags);
        return;
    case 1:
        str_printf(out, "From %s came %s with %d bags, aged %d.", town, name, t->bags,
                   t->age);
        str_printf(notes, "%s %s %d %d", town, name, t->bags, t->age);
        return;
    case 2:
        str_printf(out, "%d bags and %d years: %s of %s.", t->bags, t->age, name, town);
        str_printf(notes, "%d %d %s %s", t->bags, t->age, name, town);
        return;
    case 3:
        str_printf(out, "At %d, %s left %s and took %d bags.", t->age, name, town,
                   t->bags);
        str_printf(notes, "%d %s %s %d", t->age, name, town, t->bags);
        return;
    case 4:
        str_printf(out, "%s took %d bags out of %s at the age of %d.", name, t->bags,
                   town, t->age);
        str_printf(notes, "%s %d %s %d", name, t->bags, town, t->age);
        return;
    default:
        str_printf(out, "In %s lived %s, %d years old, with %d bags.", town, name,
                   t->age, t->bags);
        str_printf(notes, "%s %s %d %d", town, name, t->age, t->bags);
    }
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    (void)way;
    Traveller t = {.name = place_of(o->seed, rng_below(&question, PLACES)),
                   .town = place_of(o->seed, rng_below(&question, PLACES)),
                   .age = 1 + (int)rng_below(&question, LARGEST_AGE),
                   .bags = 1 + (int)rng_below(&question, LARGEST_BAGS)};
    Str notes = {0};
    put_sentence(&out->question, &notes, &t, rng_below(&question, SENTENCES));
    str_printf(&out->expected,
               "{\"name\": \"%s\", \"age\": %d, \"town\": \"%s\", \"bags\": %d}",
               t.name.name, t.age, t.town.name, t.bags);
    str_puts(&out->text, variant == NOTES ? "N " : "R ");
    str_span_append(&out->text, str_span(&out->question));
    Status status = example_say(out, ROLE_USER, err);
    if (variant == NOTES)
        str_printf(&out->text, "%s\n", str_c(&notes));
    str_release(&notes);
    TRY(status);
    str_span_append(&out->text, str_span(&out->expected));
    return example_say(out, ROLE_ASSISTANT, err);
}

const TaskKind task_records = {.name = "records",
                               .variants = variants,
                               .size = 1,
                               .size_min = 1,
                               .size_max = 1,
                               .put = put};
