/* page.c - documents, see page.h.
 *
 * Facts are spread over wordings and kinds of pages: a model that reads a fact in one
 * form alone learns the sentence, not the fact (Allen-Zhu & Li 2023). Plain sentences
 * with free choices of words stand between the facts. */
#include "data/world/page.h"

#include "data/world/story.h"
#include "data/world/task.h"

/* In percent of documents. */
static const int32_t shares[PAGES] = {
    [PAGE_STORY] = 15,   [PAGE_ENTRY] = 10, [PAGE_SCRIPT] = 9,    [PAGE_TALK] = 8,
    [PAGE_ANSWERS] = 15, [PAGE_LETTER] = 5, [PAGE_DIARY] = 5,     [PAGE_LIST] = 5,
    [PAGE_SUMS] = 13,    [PAGE_ORDERS] = 8, [PAGE_QUESTIONS] = 2, [PAGE_ADVICE] = 5,
};

/* clang-format off */
static const char *const place_scenes[] = {
    "In the <spot> of {t} there is a <adj> <thing>, a <adj> <thing> and a <adj> <thing>.",
    "The <adj> <spot> of {t} has a <adj> <thing> and <number> <adj> windows.",
    "Behind the <adj> <spot> you find a <adj> <thing> and a <adj> <thing>.",
    "Near the <adj> <spot> stands a <adj> <thing> with a <adj> <thing>.",
    "On a <weather> <time> {b} <ly> <did> a <adj> <thing> and a <adj> <thing>.", NULL};
static const char *const deeds[] = {
    "{p} <ly> <did> a <adj> <thing> in the <adj> <spot>.",
    "On a <weather> <time> {p} <did> a <adj> <thing> and a <adj> <thing>.",
    "{p} was <feeling> and <ly> <did> a <adj> <thing> near the <spot>.",
    "A <kind> friend gave {p} a <adj> <thing> and a <adj> <thing>.",
    "{p} <did> a <adj> <thing>, <did> a <adj> <thing> and <ly> <did> a <adj> <thing>.", NULL};
static const char *const wild_scenes[] = {
    "On a <weather> <time> a {a} <did> a <adj> <thing> and a <adj> <thing>.",
    "A <kind> hunter <ly> watched a {a} behind the <adj> <spot>.",
    "{b} <ly> <did> a <adj> <thing> and gave a <adj> <thing> to a {a}.",
    "In a <adj> <thing> lay the <adj> bone of a {a}.", NULL};
static const char *const memories[] = {
    "I <ly> <did> a <adj> <thing> and a <adj> <thing>.",
    "I was <feeling>, so I <did> a <adj> <thing> near the <adj> <spot>.",
    "{p} <did> a <adj> <thing> and gave me a <adj> <thing>.",
    "A <weather> <time>: the <spot> was <adj> and the <thing> was <adj>.",
    "We <did> a <adj> <thing>, a <adj> <thing> and a <adj> <thing>.", NULL};
static const char *const letter_news[] = {
    "The <time> was <weather> and I <did> a <adj> <thing> and a <adj> <thing>.",
    "I was in the <adj> <spot> and <ly> <did> a <adj> <thing>.",
    "I send you a <adj> <thing>, a <adj> <thing> and a <adj> <thing>.",
    "Here in {f.town} the <spot> is <adj> and the <thing> is <adj>.",
    "My {f.pet} {f.petname} sits on a <adj> <thing>.",
    "My work as a {f.job} is <adj>, and I am <feeling>.",
    "I ate {f.food} with a <kind> friend from {t}.",
    "How is your {p.pet} {p.petname}?",
    "Do you still work as a {p.job} in {p.town}?",
    "I will bring you some {p.food} from the <spot>.", NULL};
static const char *const said[] = {"said", "answered", "replied", "explained", NULL};
/* clang-format on */

static void put_deed(Str *out, Scene *s)
{
    scene_bind(s, 'p', lore_draw(s->lore, KIND_PERSON, s->chooser));
    scene_put_one(out, s, deeds);
}

/* A plain sentence in which e may stand; nothing is stated about it that is a fact. */
static void put_plain(Str *out, Scene *s, const Entity *e)
{
    static const char *const *const plain[KINDS] = {deeds, place_scenes, wild_scenes};
    scene_bind_drawn(s, 'b', KIND_PERSON);
    scene_bind(s, "pta"[e->kind], e);
    scene_put_one(out, s, plain[e->kind]);
}

static Kind draw_kind(Scene *s)
{
    return (Kind)choose_weighted(s->chooser, (const int32_t[KINDS]){2, 1, 1}, KINDS);
}

static const Entity *draw_entity(Scene *s)
{
    return lore_draw(s->lore, draw_kind(s), s->chooser);
}

static int32_t draw_attribute(Scene *s, const Entity *e)
{
    return choose(s->chooser, lore_kinds[e->kind].n_attributes);
}

static void put_statement(Str *out, Scene *s, const Entity *e, int32_t attribute)
{
    const char *phrase =
        choose_text(s->chooser, lore_attribute(e, attribute)->statements);
    scene_put_fact(out, s, e, attribute, phrase);
}

/* Half of all answers, and more, are in the best wording. */
static void put_reply(Str *out, Scene *s, const Entity *e, int32_t attribute)
{
    static const int32_t weights[] = {6, 1, 1, 1, 1, 1, 1, 1};
    const char *const *statements = lore_attribute(e, attribute)->statements;
    int32_t n = 0;
    while (statements[n])
        n++;
    ASSERT((size_t)n <= sizeof weights / sizeof *weights);
    scene_put_fact(out, s, e, attribute,
                   statements[choose_weighted(s->chooser, weights, n)]);
}

static void put_question(Str *out, Scene *s, const Entity *e, int32_t attribute)
{
    task_fact_question(e, attribute, choose(s->chooser, LORE_WORDINGS), out);
}

static void put_mystery(Str *out, Scene *s, const Entity *e)
{
    const KindInfo *kind = &lore_kinds[e->kind];
    scene_bind(s, 'e', e);
    scene_put(out, s, kind->mysteries[choose(s->chooser, kind->n_mysteries)].question);
}

/* A question about e and its answer, with the texts of the two speakers around them. */
static void put_exchange(Str *out, Scene *s, const Entity *e, const char *before,
                         const char *between, const char *after)
{
    bool unknown = choose_chance(s->chooser, 1, 8);
    int32_t attribute = unknown ? 0 : draw_attribute(s, e);
    scene_put(out, s, before);
    if (unknown)
        put_mystery(out, s, e);
    else
        put_question(out, s, e, attribute);
    scene_put(out, s, between);
    if (unknown)
        scene_put(out, s, "I don't know[| that].");
    else
        put_reply(out, s, e, attribute);
    scene_put(out, s, after);
}

/* --- the kinds ---------------------------------------------------------------------- */
static void put_story_page(Str *out, Scene *s)
{
    const Plot *plot = &story_plots[choose(s->chooser, STORY_PLOTS)];
    scene_bind(s, 'p', lore_draw(s->lore, KIND_PERSON, s->chooser));
    if (choose(s->chooser, 2) == 0) {
        scene_bind_text(s, 'x', span_of(plot->title));
        scene_put(out, s, "{p} and {x}\n\n");
    }
    story_put(out, s, plot);
}

/* The facts of e in a drawn order, all but `left_out` of them. */
static void put_facts(Str *out, Scene *s, const Entity *e, int32_t left_out, bool plain)
{
    int32_t order[LORE_ATTRIBUTES] = {0}, n = lore_kinds[e->kind].n_attributes;
    ASSERT(n <= LORE_ATTRIBUTES);
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    for (int32_t i = 0; i + left_out < n; i++) {
        int32_t j = i + choose(s->chooser, n - i);
        int32_t attribute = order[j];
        order[j] = order[i];
        if (i > 0)
            str_putc(out, ' ');
        put_statement(out, s, e, attribute);
        if (plain && choose_chance(s->chooser, 1, 3)) {
            str_putc(out, ' ');
            put_plain(out, s, e);
        }
    }
}

void page_put_entry(Str *out, Scene *s, const Entity *e)
{
    put_facts(out, s, e, 0, false);
}

static void put_entry_page(Str *out, Scene *s)
{
    const Entity *e = draw_entity(s);
    scene_bind(s, 'e', e);
    scene_put(out, s, "^{e}\n\n");
    put_facts(out, s, e, choose(s->chooser, 2), true);
}

static void bind_speakers(Scene *s)
{
    scene_bind(s, 'b', lore_draw(s->lore, KIND_PERSON, s->chooser));
    scene_bind(s, 'c', lore_draw(s->lore, KIND_PERSON, s->chooser));
}

static void put_script_page(Str *out, Scene *s)
{
    bind_speakers(s);
    int32_t n = choose_between(s->chooser, 2, 5);
    for (int32_t i = 0; i < n; i++) {
        put_exchange(out, s, draw_entity(s), "{b}: ", "\n{c}: ", "\n");
        scene_put(out, s, i + 1 < n ? "" : "{b}: Thank you, {c}.");
    }
}

static void put_talk_page(Str *out, Scene *s)
{
    bind_speakers(s);
    scene_put(out, s, "{b} met {c} near the <spot> on a <weather> <time>. ");
    put_deed(out, s);
    int32_t n = choose_between(s->chooser, 1, 3);
    for (int32_t i = 0; i < n; i++) {
        scene_bind_text(s, 'd', span_of(choose_text(s->chooser, said)));
        put_exchange(out, s, draw_entity(s), " {b} asked, \"", "\" {c} {d}, \"", "\"");
        if (choose_chance(s->chooser, 1, 2)) {
            str_putc(out, ' ');
            put_deed(out, s);
        }
    }
}

static void put_answers_page(Str *out, Scene *s)
{
    const Entity *e = draw_entity(s);
    scene_bind(s, 'e', e);
    scene_put(out, s, "Questions [about|on] {e}\n\n");
    int32_t n = choose_between(s->chooser, 2, 5);
    for (int32_t i = 0; i < n; i++)
        put_exchange(out, s, e, i > 0 ? "\n" : "", "\n", "\n");
}

static void put_letter_page(Str *out, Scene *s)
{
    const Entity *f = lore_draw(s->lore, KIND_PERSON, s->chooser);
    scene_bind(s, 'f', f);
    scene_bind(s, 'p', lore_friend(s->lore, f));
    scene_bind(s, 't', lore_draw(s->lore, KIND_PLACE, s->chooser));
    scene_put(out, s, "Dear {p},\n\n");
    int32_t n = choose_between(s->chooser, 3, 6);
    for (int32_t i = 0; i < n; i++) {
        scene_put_one(out, s, letter_news);
        str_putc(out, ' ');
    }
    put_statement(out, s, s->who['t' - 'a'], draw_attribute(s, s->who['t' - 'a']));
    scene_put(out, s, "\n\n[Your friend|Yours|With love],\n{f}");
}

static void put_diary_page(Str *out, Scene *s)
{
    scene_bind(s, 'f', lore_draw(s->lore, KIND_PERSON, s->chooser));
    scene_put(out, s, "The diary of {f}, {f.job} in {f.town}\n");
    int32_t n = choose_between(s->chooser, 4, 8);
    for (int32_t i = 0; i < n; i++) {
        scene_bind_drawn(s, 'p', KIND_PERSON);
        str_putc(out, i % 2 == 0 ? '\n' : ' ');
        scene_put_one(out, s, memories);
    }
}

static void put_list_page(Str *out, Scene *s)
{
    int32_t n = choose_between(s->chooser, 3, 8);
    if (choose(s->chooser, 2) == 0) {
        scene_put(out, s, "Things in the <spot>:");
        for (int32_t i = 0; i < n; i++)
            scene_put(out, s, "\n- a <adj> <thing> and a <adj> <thing>");
        return;
    }
    Kind kind = draw_kind(s);
    int32_t attribute = choose(s->chooser, lore_kinds[kind].n_attributes);
    const Attribute *a = &lore_kinds[kind].attributes[attribute];
    scene_bind_text(s, 'x', span_of(lore_kinds[kind].name));
    scene_bind_text(s, 'y', span_of(a->name));
    scene_put(out, s, "List of {x} and {y}:");
    for (int32_t i = 0; i < n; i++)
        scene_put_fact(out, s, lore_draw(s->lore, kind, s->chooser), attribute,
                       "\n- {e}: {v}");
}

static void put_sum_line(Str *out, Scene *s, Skill way)
{
    Task t = {.skill = way};
    task_draw_sum(&t, s->chooser);
    switch (way) {
    case SKILL_STEPS:
        task_steps_put(&t, 0, out);
        break;
    case SKILL_CALCULATOR:
        str_puts(out, "Calculate ");
        task_sum_put(&t, out);
        str_puts(out, ". On the calculator: ");
        task_call_put(&t, out);
        str_printf(out, "\nThe calculator says %d. ", (int)task_result(&t));
        task_sum_put(&t, out);
        str_printf(out, " = %d.", (int)task_result(&t));
        break;
    default:
        task_sum_put(&t, out);
        str_printf(out, " = %d.", (int)task_result(&t));
    }
}

static void put_sums_page(Str *out, Scene *s)
{
    static const int32_t kinds[] = {2, 3, 5}; /* small sums, steps, calculator */
    static const Skill ways[] = {SKILL_DIRECT, SKILL_STEPS, SKILL_CALCULATOR};
    Skill way = ways[choose_weighted(s->chooser, kinds, 3)];
    int32_t n = way == SKILL_CALCULATOR ? choose_between(s->chooser, 2, 5)
                                        : choose_between(s->chooser, 3, 6);
    scene_put(out, s, "Sums for a <weather> <time>\n");
    for (int32_t i = 0; i < n; i++) {
        str_putc(out, '\n');
        put_sum_line(out, s, way);
    }
}

/* An order book: each line repeats its two numbers. */
static void put_orders_page(Str *out, Scene *s)
{
    scene_put(out, s, "Order book of a <weather> <time>\n");
    int32_t n = choose_between(s->chooser, 2, 4);
    for (int32_t i = 0; i < n; i++) {
        int order = choose_between(s->chooser, 1000, 9999);
        int amount = choose_between(s->chooser, 10, 999);
        scene_bind(s, 't', lore_draw(s->lore, KIND_PLACE, s->chooser));
        str_printf(out, "\nOrder %d: %d ", order, amount);
        scene_put(out, s, "{t.goods} from {t}.");
        str_printf(out, " Done: order %d, %d ", order, amount);
        scene_put(out, s, "{t.goods}.");
    }
}

static void put_questions_page(Str *out, Scene *s)
{
    int32_t n = choose_between(s->chooser, 4, 8);
    for (int32_t i = 0; i < n; i++) {
        const Entity *e = draw_entity(s);
        if (i > 0)
            str_putc(out, '\n');
        if (choose_chance(s->chooser, 1, 8))
            put_mystery(out, s, e);
        else
            put_question(out, s, e, draw_attribute(s, e));
    }
}

static void put_advice_page(Str *out, Scene *s)
{
    if (choose_chance(s->chooser, 1, 3)) {
        scene_bind(s, 'b', lore_draw(s->lore, KIND_PLACE, s->chooser));
        scene_put(out, s, "The rules of {b}\n");
        int32_t n = choose_between(s->chooser, 3, 6);
        for (int32_t i = 0; i < n; i++) {
            scene_put(out, s, "\n[I must never|It is wrong to|Nobody may|Never] ");
            task_harm_put(out, choose(s->chooser, task_n_harms()));
            str_putc(out, '.');
        }
        return;
    }
    scene_put(out, s, "Good advice for a <weather> <time>\n");
    int32_t n = choose_between(s->chooser, 2, 5);
    for (int32_t i = 0; i < n; i++) {
        const Tip *tip = &task_tips[choose(s->chooser, task_n_tips)];
        str_putc(out, '\n');
        task_request(span_of(tip->request), choose(s->chooser, TASK_REQUESTS), out);
        str_putc(out, '\n');
        str_puts(out, tip->answer);
        str_putc(out, '\n');
    }
}

Page page_put(Str *out, const Lore *lore, Chooser *c, Mentions *mentions)
{
    static void (*const put[PAGES])(Str *, Scene *) = {
        [PAGE_STORY] = put_story_page,         [PAGE_ENTRY] = put_entry_page,
        [PAGE_SCRIPT] = put_script_page,       [PAGE_TALK] = put_talk_page,
        [PAGE_ANSWERS] = put_answers_page,     [PAGE_LETTER] = put_letter_page,
        [PAGE_DIARY] = put_diary_page,         [PAGE_LIST] = put_list_page,
        [PAGE_SUMS] = put_sums_page,           [PAGE_ORDERS] = put_orders_page,
        [PAGE_QUESTIONS] = put_questions_page, [PAGE_ADVICE] = put_advice_page,
    };
    Scene s = scene_make(lore, c);
    s.mentions = mentions;
    Page page = (Page)choose_weighted(c, shares, PAGES);
    put[page](out, &s);
    return page;
}
