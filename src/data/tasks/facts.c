/* facts.c - facts of made-up places: some told again and again in the demonstrations, and
 * any number of others that stand nowhere but in a record.
 *
 *     zorvike?b                                  what does the model remember?  #b456
 *     zorvike a123b456c789d012 zorvike?b         can it read?                   #b456
 *
 * A place is a name of three syllables; everything about it follows from the name. It has
 * four facts, a letter and three digits each. Answers repeat the letter: what is to be found
 * in the record stands behind the same letter there (induction, Olsson et al. 2022). */
#include "data/tasks/tasks_internal.h"

#include <string.h>

typedef enum Variant {
    KNOWN, /* from memory: a place of the demonstrations. Its tests ask what was told */
    UNSEEN,   /* from memory: a place that was never told; right only by chance */
    OPEN,     /* with its record */
    CONFLICT, /* a known place with a record that says otherwise; the record counts */
    WRONG,    /* with another place's record that has the same letters: right is what is
                 true of the place asked about, which stands nowhere */
    DECLINE,  /* UNSEEN, and the answer is that it is not known */
    LOST,     /* WRONG likewise */
    COPIED,   /* WRONG, but right is what stands in the record */
} Variant;

static const TaskVariant variants[] = {
    [KNOWN] = {"known", 1},       [UNSEEN] = {"unseen", 0}, [OPEN] = {"open", 3},
    [CONFLICT] = {"conflict", 1}, [WRONG] = {"wrong", 0},   [DECLINE] = {"decline", 0},
    [LOST] = {"lost", 0},         [COPIED] = {"copied", 0}, {NULL, 0},
};

enum { FACTS = PLACE_FACTS, QUERIES = 8, LARGEST_KNOWN = 10000 };

Place place_of(int64_t seed, uint64_t i)
{
    Place p = {0};
    uint64_t n = (i * 387420489 + 12345) % PLACES; /* each name once: 9^9 is coprime */
    for (int k = 0; k < PLACE_SYLLABLES; k++, n /= 100) {
        p.name[2 * k] = task_consonants[n % 20];
        p.name[2 * k + 1] = task_vowels[n / 20 % 5];
    }
    Rng all = rng_make((uint64_t)seed, RNG_TASKS, UINT64_MAX);
    Rng r = rng_child(&all, i);
    int64_t letters[26];
    for (int64_t k = 0; k < 26; k++)
        letters[k] = k;
    rng_shuffle(&r, letters, 26);
    for (int k = 0; k < FACTS; k++) {
        p.letters[k] = (char)('a' + letters[k]);
        p.values[k] = (int)rng_below(&r, 1000);
    }
    bool small = rng_below(&r, 2) == 0;
    p.people = (int)(small ? 10 + rng_below(&r, 90) : 100 + rng_below(&r, 9900));
    return p;
}

static void put_record(Str *out, const Place *p, Rng *r)
{
    int64_t order[FACTS];
    for (int64_t k = 0; k < FACTS; k++)
        order[k] = k;
    rng_shuffle(r, order, FACTS);
    str_printf(out, "%s ", p->name);
    for (int k = 0; k < FACTS; k++)
        str_printf(out, "%c%03d", p->letters[order[k]], p->values[order[k]]);
    str_putc(out, ' ');
}

static Status put_query(Example *out, const char *name, char letter, int value,
                        Err *err)
{
    str_printf(&out->text, "%s?%c", name, letter);
    TRY(example_say(out, ROLE_USER, err));
    if (value < 0)
        str_puts(&out->text, "#?");
    else
        str_printf(&out->text, "#%c%03d", letter, value);
    return example_say(out, ROLE_ASSISTANT, err);
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    bool known = variant == KNOWN || variant == CONFLICT;
    uint64_t at = LARGEST_KNOWN + rng_below(&question, PLACES - LARGEST_KNOWN);
    int first = (int)rng_below(&question, FACTS);
    Place p = place_of(o->seed, at);
    str_puts(&out->question, p.name);
    if (known)
        p = place_of(o->seed, rng_below(&way, (uint32_t)o->size));
    bool other = variant == WRONG || variant == LOST || variant == COPIED;
    bool reads = variant == OPEN || variant == CONFLICT || other;
    Place told = p;
    if (variant == CONFLICT || other) {
        told =
            place_of(o->seed, LARGEST_KNOWN + rng_below(&way, PLACES - LARGEST_KNOWN));
        memcpy(told.letters, p.letters, sizeof told.letters);
    }
    if (variant == CONFLICT)
        memcpy(told.name, p.name, sizeof told.name);
    if (reads)
        put_record(&out->text, &told, &way);
    bool declines = variant == DECLINE || variant == LOST;
    const int *values =
        variant == CONFLICT || variant == COPIED ? told.values : p.values;
    if (declines)
        str_puts(&out->expected, "?");
    else
        str_printf(&out->expected, "%c%03d", p.letters[first], values[first]);
    /* Tests ask the first; the rest are more to learn from the same record. */
    for (int q = 0; q < (reads ? QUERIES : 1); q++) {
        int k = q == 0 ? first : (int)rng_below(&way, FACTS);
        TRY(put_query(out, q == 0 ? p.name : "", p.letters[k],
                      declines ? -1 : values[k], err));
    }
    return OK;
}

const TaskKind task_facts = {.name = "facts",
                             .variants = variants,
                             .size = 125,
                             .size_min = 1,
                             .size_max = LARGEST_KNOWN,
                             .put = put};
