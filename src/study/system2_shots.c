/* system2_shots.c - E10: a base model, asked with examples in front of the question: how
 * many, and which (few-shot prompting, Brown et al. 2020; think/strategy/few_shot.c). */
#include "base/file.h"
#include "base/rng.h"
#include "study/plot.h"
#include "study/system2_internal.h"

#include <stdio.h>

enum { ANSWER_TOKENS = 16, POOL = 480 };

/* Half of the cues of a pool have rules that no page has. */
void compose_shots(Str *y, const System2Scale *s, int64_t seeds)
{
    put_questions(y, s, "pages", "patterns", "pages", 60000, "");
    str_printf(y,
               "  - tasks: {name: pool, task: patterns, variants: pool, examples: %d, "
               "tests: %lld}\n",
               POOL, (long long)s->tests);
    str_puts(y, "  - tokenizer: {data: $pages/text.jsonl, vocab: 290}\n");
    for (int64_t seed = 1; seed <= seeds; seed++)
        put_base(y, s, seed, "reader", "pages", (Learning){12000000, 3e-3, 0, 256});
}

/* One way to ask. */
typedef struct Way {
    const char *variant;
    int shots;
    ExamplePick pick;
    int order; /* of the pool: 0 as it is, others shuffled */
    const char *name;
} Way;
enum {
    ZERO,
    ONE,
    TWO,
    FOUR,
    EIGHT,
    ORDER_1,
    ORDER_2,
    FIXED,
    RANDOM,
    DIVERSE,
    NEW,
    WAYS
};
static const Way ways[WAYS] = {
    [ZERO] = {"known", 0, PICK_NEAREST, 0, "no example"},
    [ONE] = {"known", 1, PICK_NEAREST, 0, "1, nearest"},
    [TWO] = {"known", 2, PICK_NEAREST, 0, "2, nearest"},
    [FOUR] = {"known", 4, PICK_NEAREST, 0, "4, nearest"},
    [EIGHT] = {"known", 8, PICK_NEAREST, 0, "8, nearest"},
    [ORDER_1] = {"known", 4, PICK_NEAREST, 1, "4, nearest, others in another order"},
    [ORDER_2] = {"known", 4, PICK_NEAREST, 2, "4, nearest, others in a third order"},
    [FIXED] = {"known", 8, PICK_FIXED, 0, "8, always the same"},
    [RANDOM] = {"known", 8, PICK_RANDOM, 0, "8, at random"},
    [DIVERSE] = {"known", 8, PICK_DIVERSE, 0, "8, near and diverse"},
    [NEW] = {"novel", 8, PICK_NEAREST, 0, "8, nearest, a rule that no page had"},
};

static void shuffle(Examples *pool, int order)
{
    Rng rng = rng_make((uint64_t)order, RNG_TASKS, 0);
    for (size_t i = pool->n; order > 0 && i > 1; i--) {
        size_t j = rng_below(&rng, (uint32_t)i);
        Example swap = pool->examples[i - 1];
        pool->examples[i - 1] = pool->examples[j];
        pool->examples[j] = swap;
    }
}

static Status ask(System2 *s, const Way *way, ArmSet *out, Err *err)
{
    ThinkOptions o;
    Examples pool = {0};
    Str path = {0}, tests = {0};
    char spec[32], label[64];
    const char *folder = lab_folder(&s->lab, "pool");
    TRY(opt_defaults(&think_options, &o, err));
    o.pick = way->pick;
    if (way->shots > 0)
        (void)snprintf(spec, sizeof spec, "few-shot:%d", way->shots);
    else
        (void)snprintf(spec, sizeof spec, "direct");
    (void)snprintf(label, sizeof label, "%s-%d-%s-%d", way->variant, way->shots,
                   example_pick_names[way->pick], way->order);
    str_printf(&tests, "%s/tests/%s.jsonl", folder, way->variant);
    Status status = examples_load(&pool, file_join(&path, folder, "train.jsonl"), err);
    shuffle(&pool, way->order);
    ArmThinking thinking = {.spec = spec,
                            .extract = "exact",
                            .options = &o,
                            .examples = &pool,
                            .as_document = true};
    ArmHow how = {
        .samples = 1, .max_new = ANSWER_TOKENS, .whole = true, .thinking = &thinking};
    if (status == OK)
        status = run_arms_of(s, "reader_base", str_c(&tests), label, how, out, err);
    examples_release(&pool);
    opt_release(&think_options, &o);
    str_release(&path);
    str_release(&tests);
    return status;
}

static Status plot_shots(const System2 *s, const ArmSet *sets, Err *err)
{
    enum { POINTS = EIGHT + 1 };
    Plot plot = {.title = "Examples in front of the question",
                 .x = "examples",
                 .y = "share of right answers"};
    double x[POINTS], y[POINTS], low[POINTS], high[POINTS];
    Str path = {0};
    for (int i = 0; i < POINTS; i++) {
        x[i] = ways[i].shots;
        y[i] = sets[i].all.right;
        low[i] = sets[i].all.interval.low;
        high[i] = sets[i].all.interval.high;
    }
    Status status = plot_add(&plot, "nearest", x, y, low, high, POINTS, err);
    double at = ways[RANDOM].shots, right = sets[RANDOM].all.right;
    if (status == OK)
        status = plot_add(&plot, "at random", &at, &right, NULL, NULL, 1, err);
    if (status == OK)
        status = plot_write(&plot, file_join(&path, s->plots, "shots.svg"), err);
    plot_release(&plot);
    str_release(&path);
    return status;
}

static void check_shots(Section *out, const ArmSet *sets)
{
    Check *c = section_check(out, "Examples teach what no question tells",
                             "8 over none and over 1, with 95 % confidence on every "
                             "seed; none: at most 5 %");
    check_shares(c, "no example", &sets[ZERO], 0, 0.05);
    check_better(c, "8 over 1", &sets[EIGHT], &sets[ONE]);
    check_better(c, "8 over none", &sets[EIGHT], &sets[ZERO]);
    check_why(c, "Without an example one rule of thirty is guessed, and the model's "
                 "favourite is right for the cues that have it.");
    c = section_check(out, "It matters which",
                      "the nearest over as many at random, with 95 % confidence on "
                      "every seed");
    check_better(c, "nearest over random", &sets[EIGHT], &sets[RANDOM]);
    c = section_check(out, "Others in another order say the same",
                      "three pools of 4 nearest within 5 points of one another");
    double low = 1, high = 0;
    const int orders[] = {FOUR, ORDER_1, ORDER_2};
    for (int i = 0; i < 3; i++) {
        double right = sets[orders[i]].all.right;
        low = right < low ? right : low;
        high = right > high ? right : high;
    }
    check_part(c, high - low <= 0.05, "%.1f to %.1f %%", 100 * low, 100 * high);
    c = section_check(out, "Also a rule that training never had",
                      "8 examples: at least half of the time, on every seed");
    check_shares(c, "a new rule", &sets[NEW], 0.5, 1);
    check_why(c,
              "The model has learned the rules of its pages rather than to put moves "
              "and marks together.");
}

Status measure_shots(System2 *s, Section *out, Err *err)
{
    ArmSet sets[WAYS] = {0};
    Status status = OK;
    for (int i = 0; status == OK && i < WAYS; i++)
        status = ask(s, &ways[i], &sets[i], err);
    if (status == OK)
        status = plot_shots(s, sets, err);
    if (status == OK) {
        str_printf(
            &out->text,
            "A base model that read pages of questions and answers. A question is "
            "a cue and a word (`kiv badc`), its answer the word with its letters "
            "moved and a mark (`<dabc`); which move and which mark belong to the "
            "cue was drawn anew for every page, so only the page tells. The model "
            "is asked greedily with `--think few-shot` from a pool of %d examples "
            "of 40 cues; no question is in the pool.\n\n",
            POOL);
        put_arms_head(&out->text);
        for (int i = 0; i < WAYS; i++)
            put_arms_line(&out->text, ways[i].name, &sets[i]);
        str_puts(&out->text,
                 "\n![examples in front of the question](system2/shots.svg)\n\n");
        check_shots(out, sets);
    }
    for (int i = 0; i < WAYS; i++)
        arms_release(&sets[i]);
    return status;
}
