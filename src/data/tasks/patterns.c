/* patterns.c - rules that only the examples tell: what a base model can learn from its
 * prompt alone (Brown et al. 2020).
 *
 *     Question: kiv badc
 *     Answer: <dabc
 *
 * A rule moves the letters of a word and puts a mark to it. On a page of a training file each
 * cue ("kiv") has a rule that is drawn for that page, so that nothing can be learned of a
 * cue but from the page. In the pool, and in the tests, every cue has a rule of its own; of
 * half of them it is one whose combination of move and mark no page has. */
#include "data/tasks/tasks_internal.h"

#include <string.h>

typedef enum Variant {
    PAGES,
    POOL,  /* one question and its answer: to be shown as an example */
    KNOWN, /* a question of a cue whose rule pages have had, too */
    NOVEL, /* of a cue whose rule they have not */
} Variant;

static const TaskVariant variants[] = {[PAGES] = {"pages", 1},
                                       [POOL] = {"pool", 0},
                                       [KNOWN] = {"known", 0},
                                       [NOVEL] = {"novel", 0},
                                       {NULL, 0}};

enum { LETTERS = 4, MARKS = 6, TURNS = 9, CUES_ON_A_PAGE = 2, CUES = 20 * 5 * 20 };
/* Which letter stands where. */
static const int moves[][LETTERS] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 2, 3, 0},
                                     {3, 0, 1, 2}, {2, 3, 0, 1}, {1, 0, 3, 2}};
enum { MOVES = sizeof moves / sizeof *moves };
static const char marks[MARKS + 1] = "<^~=!;"; /* the last two stand behind */

typedef struct Rule {
    int move, mark;
} Rule;

/* One combination in six. */
static bool is_novel(Rule rule)
{
    return (rule.move + rule.mark) % MOVES == 0;
}

static Rule draw_rule(Rng *r, bool novel)
{
    for (;;) {
        Rule rule = {(int)rng_below(r, MOVES), (int)rng_below(r, MARKS)};
        if (is_novel(rule) == novel)
            return rule;
    }
}

static void put_cue(Str *out, uint64_t cue)
{
    str_putc(out, task_consonants[cue % 20]);
    str_putc(out, task_vowels[cue / 20 % 5]);
    str_putc(out, task_consonants[cue / 100 % 20]);
}

static void draw_word(char word[LETTERS], Rng *r)
{
    for (int i = 0; i < LETTERS; i++)
        word[i] = (char)('a' + rng_below(r, 8));
}

static void put_answer(Str *out, const char word[LETTERS], Rule rule)
{
    bool behind = rule.mark >= MARKS - 2;
    if (!behind)
        str_putc(out, marks[rule.mark]);
    for (int i = 0; i < LETTERS; i++)
        str_putc(out, word[moves[rule.move][i]]);
    if (behind)
        str_putc(out, marks[rule.mark]);
}

static Status put_turn(Example *out, uint64_t cue, const char word[LETTERS], Rule rule,
                       Err *err)
{
    put_cue(&out->text, cue);
    str_putc(&out->text, ' ');
    str_append(&out->text, word, LETTERS);
    TRY(example_say(out, ROLE_USER, err));
    put_answer(&out->text, word, rule);
    return example_say(out, ROLE_ASSISTANT, err);
}

static Status put_page(Example *out, const char first[LETTERS], Rng *way, Err *err)
{
    uint64_t cues[CUES_ON_A_PAGE];
    Rule rules[CUES_ON_A_PAGE];
    char word[LETTERS];
    for (int c = 0; c < CUES_ON_A_PAGE; c++) {
        do {
            cues[c] = rng_below(way, CUES);
        } while (c > 0 && cues[c] == cues[0]);
        rules[c] = draw_rule(way, false);
    }
    bool one = rng_below(way, 2) == 0; /* half of the pages are of one cue */
    for (int t = 0; t < TURNS; t++) {
        int c = one ? 0 : (int)rng_below(way, CUES_ON_A_PAGE);
        memcpy(word, first, LETTERS);
        if (t > 0)
            draw_word(word, way);
        TRY(put_turn(out, cues[c], word, rules[c], err));
    }
    return OK;
}

static Status put(const TasksOptions *o, int variant, Rng question, Rng way,
                  Example *out, Err *err)
{
    char word[LETTERS];
    draw_word(word, &question);
    /* Cues of the pool by number: even ones have known rules, odd ones novel ones. */
    uint64_t n = rng_below(&question, (uint32_t)o->size);
    str_printf(&out->question, "%d %.*s", (int)(n / 2), LETTERS, word);
    if (variant == PAGES)
        return put_page(out, word, &way, err);
    if (variant != POOL)
        n = n / 2 * 2 + (variant == NOVEL);
    Rng all = rng_make((uint64_t)o->seed, RNG_TASKS, UINT64_MAX);
    Rng own = rng_child(&all, n);
    uint64_t cue = n * 97 % CUES; /* 97 is coprime to it: each once */
    Rule rule = draw_rule(&own, n % 2 == 1);
    put_answer(&out->expected, word, rule);
    return put_turn(out, cue, word, rule, err);
}

const TaskKind task_patterns = {.name = "patterns",
                                .variants = variants,
                                .size = 40,
                                .size_min = 2,
                                .size_max = CUES,
                                .page = true,
                                .put = put};
