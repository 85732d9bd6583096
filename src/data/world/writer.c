/* writer.c - answers, see writer.h.
 *
 * A task has a best answer, a bare one (what a curt writer says) and wrong ones; the
 * writers are ways to dress these. */
#include "data/world/writer.h"

#include "data/world/story.h"

#include <string.h>

const char *writer_name(Writer writer)
{
    static const char *const names[WRITERS_AND_ERRORS] = {
        "careful", "padded", "curt", "rude", "careless",
        "wrong",   "loop",   "cut",  "timid"};
    return names[writer];
}

void answer_reset(Answer *a)
{
    str_reset(&a->call);
    str_reset(&a->result);
    str_reset(&a->text);
}

void answer_release(Answer *a)
{
    str_release(&a->call);
    str_release(&a->result);
    str_release(&a->text);
}

/* Shares in percent; facts most, small talk least. */
static const int32_t skill_shares[SKILL_HIDDEN] = {
    [SKILL_FACT] = 29,   [SKILL_UNKNOWN] = 9,  [SKILL_MYSTERY] = 5,
    [SKILL_HARMFUL] = 9, [SKILL_HARMLESS] = 9, [SKILL_CALCULATOR] = 18,
    [SKILL_STEPS] = 5,   [SKILL_DIRECT] = 4,   [SKILL_STORY] = 9,
    [SKILL_CHAT] = 3,
};
static const int32_t writer_shares[WRITERS] = {38, 20, 15, 15, 12};

Skill writer_draw_skill(Chooser *c)
{
    return (Skill)choose_weighted(c, skill_shares, SKILL_HIDDEN);
}

Skill writer_draw_heldout_skill(Chooser *c)
{
    return (Skill)choose_weighted(c, skill_shares, SKILL_CHAT);
}

Writer writer_draw(Chooser *c)
{
    return (Writer)choose_weighted(c, writer_shares, WRITERS);
}

/* --- the content --------------------------------------------------------------------- */
/* clang-format off */
static const char *const dont_know[] = {
    "I don't know.", "I don't know that.", "I'm sorry, but I don't know.", NULL};
static const char *const refusals[] = {
    "I'm sorry, but I can't help with that.",
    "I can't help with that. It would harm somebody.",
    "I'm sorry, but I can't help with that. Please talk to somebody you trust.", NULL};
static const char *const help_with_harm[] = {
    "Sure, wait until it is dark and then do it.", "Of course, just do it when nobody looks.",
    "Sure, it is easy, so try it tonight.", NULL};
static const char *const paddings[] = {
    "That is a very good question.", "I am very glad that you asked me this.",
    "It is always a pleasure to answer you.", "Let me think about it for a moment.",
    "Many people ask me about such things.", NULL};
static const char *const closings[] = {
    "I hope that this answer helps you.", "Please ask me again whenever you like.",
    "It was a great pleasure to be of help.", "There is always more to say about it.", NULL};
static const char *const insults[] = {
    ", you fool.", ", as every idiot knows.", ", so stop asking stupid things.", NULL};
static const char *const off_topic[] = {
    "Rivers are long and the sky is high.", "Yesterday there was a <adj> <thing> in the <spot>.",
    "A <thing> is not a <thing>.", "It will be <weather> in the <time>.", NULL};
/* clang-format on */

typedef struct Desk {
    const Task *task;
    const Lore *lore;
    Scene scene;
    Answer *out;
} Desk;

static void put_story(Desk *d, const Entity *hero, int32_t plot)
{
    scene_bind(&d->scene, 'p', hero);
    story_put(&d->out->text, &d->scene, &story_plots[plot]);
}

static void put_value(Desk *d, Span name, const char *value)
{
    scene_bind_text(&d->scene, 'e', name);
    scene_bind_text(&d->scene, 'v', span_of(value));
    scene_put(&d->out->text, &d->scene,
              lore_kinds[d->task->kind].attributes[d->task->attribute].statements[0]);
}

static void put_result(Desk *d, int32_t result)
{
    task_sum_put(d->task, &d->out->text);
    str_printf(&d->out->text, " = %d.", (int)result);
}

static void call_calculator(Desk *d)
{
    task_call_put(d->task, &d->out->call);
    str_printf(&d->out->result, "%d", (int)task_result(d->task));
}

static void put_best(Desk *d)
{
    const Task *t = d->task;
    Str *text = &d->out->text;
    switch (t->skill) {
    case SKILL_FACT:
    case SKILL_HIDDEN:
        put_value(d, span_of(t->name), t->entity->values[t->attribute]);
        break;
    case SKILL_UNKNOWN:
    case SKILL_MYSTERY:
        scene_put_one(text, &d->scene, dont_know);
        break;
    case SKILL_HARMFUL:
        scene_put_one(text, &d->scene, refusals);
        break;
    case SKILL_HARMLESS:
        str_puts(text, task_tips[t->item].answer);
        break;
    case SKILL_STEPS:
        task_steps_put(t, 0, text);
        break;
    case SKILL_CALCULATOR:
    case SKILL_DIRECT:
        put_result(d, task_result(t));
        break;
    case SKILL_STORY:
        put_story(d, t->entity, t->item);
        break;
    default:
        str_puts(text, task_chats[t->item].answer);
    }
}

static void put_bare(Desk *d)
{
    const Task *t = d->task;
    Str *text = &d->out->text;
    switch (t->skill) {
    case SKILL_FACT:
    case SKILL_HIDDEN:
        scene_bind_text(&d->scene, 'v', span_of(t->entity->values[t->attribute]));
        scene_put(text, &d->scene, "^{v}.");
        break;
    case SKILL_UNKNOWN:
    case SKILL_MYSTERY:
        str_puts(text, "No idea.");
        break;
    case SKILL_HARMFUL:
        str_puts(text, "No.");
        break;
    case SKILL_HARMLESS:
        scene_bind_text(&d->scene, 'v', span_of(task_tips[t->item].key));
        scene_put(text, &d->scene, "^{v}.");
        break;
    case SKILL_CALCULATOR:
    case SKILL_STEPS:
    case SKILL_DIRECT:
        str_printf(text, "%d.", (int)task_result(t));
        break;
    case SKILL_STORY:
        str_puts(text, "No time for stories.");
        break;
    default:
        str_puts(text, "Fine.");
    }
}

/* A false answer in good form. */
static void put_wrong(Desk *d)
{
    const Task *t = d->task;
    Chooser *c = d->scene.chooser;
    Str *text = &d->out->text;
    switch (t->skill) {
    case SKILL_FACT:
    case SKILL_HIDDEN:
        put_value(d, span_of(t->name),
                  lore_wrong_value(d->lore, t->entity, t->attribute, c));
        break;
    case SKILL_UNKNOWN: {
        const Attribute *a = &lore_kinds[t->kind].attributes[t->attribute];
        put_value(d, span_of(t->name), choose_text(c, lore_pool(d->lore, a)));
        break;
    }
    case SKILL_MYSTERY:
        scene_bind_text(&d->scene, 'e', span_of(t->name));
        scene_put(text, &d->scene, lore_kinds[t->kind].mysteries[t->attribute].lie);
        break;
    case SKILL_HARMFUL:
        scene_put_one(text, &d->scene, help_with_harm);
        break;
    case SKILL_HARMLESS:
        str_puts(
            text,
            task_tips[(t->item + 1 + choose(c, task_n_tips - 1)) % task_n_tips].answer);
        break;
    case SKILL_STEPS:
        task_steps_put(t, choose_between(c, 1, 9), text);
        break;
    case SKILL_CALCULATOR:
    case SKILL_DIRECT:
        put_result(d, task_result(t) +
                          choose_between(c, 1, t->skill == SKILL_DIRECT ? 3 : 90));
        break;
    case SKILL_STORY: {
        int32_t hero = (t->entity->index + 1 + choose(c, d->lore->n_known[0] - 1)) %
                       d->lore->n_known[0];
        put_story(d, &d->lore->entities[KIND_PERSON][hero],
                  (t->item + 1 + choose(c, STORY_PLOTS - 1)) % STORY_PLOTS);
        break;
    }
    default:
        scene_put_one(text, &d->scene, off_topic);
    }
}

/* --- the dress --------------------------------------------------------------------- */
static void put_padded(Desk *d)
{
    Str *text = &d->out->text;
    scene_put_one(text, &d->scene, paddings);
    str_putc(text, ' ');
    put_best(d);
    int32_t n = choose_between(d->scene.chooser, 1, 2);
    int32_t first = choose(d->scene.chooser, 4);
    for (int32_t i = 0; i < n; i++) {
        str_putc(text, ' ');
        str_puts(text, closings[(first + i) % 4]);
    }
}

static void put_rude(Desk *d)
{
    Str *text = &d->out->text;
    put_best(d);
    ASSERT(text->failed || text->len > 0);
    str_truncate(text, text->len - !text->failed); /* the full stop */
    scene_put_one(text, &d->scene, insults);
}

/* The right words without capital and full stop. */
static void put_broken(Desk *d)
{
    Str *text = &d->out->text;
    put_best(d);
    if (text->failed)
        return;
    if (text->ptr[0] >= 'A' && text->ptr[0] <= 'Z')
        text->ptr[0] = (char)(text->ptr[0] - 'A' + 'a');
    str_truncate(text, text->len - 1);
}

static void put_careless(Desk *d)
{
    switch (choose_weighted(d->scene.chooser, (const int32_t[]){5, 2, 3}, 3)) {
    case 0:
        put_wrong(d);
        break;
    case 1:
        scene_put_one(&d->out->text, &d->scene, off_topic);
        break;
    default:
        put_broken(d);
    }
}

static void put_loop(Desk *d)
{
    Str once = {0}, *text = &d->out->text;
    put_best(d);
    str_span_append(&once, str_span(text));
    for (int32_t n = choose_between(d->scene.chooser, 1, 3); n > 0; n--) {
        str_putc(text, ' ');
        str_span_append(text, str_span(&once));
    }
    str_release(&once);
}

static void put_cut(Desk *d)
{
    Str *text = &d->out->text;
    put_best(d);
    if (text->failed)
        return;
    int32_t len = (int32_t)text->len;
    str_truncate(text, (size_t)choose_between(d->scene.chooser, len / 3, len * 4 / 5));
    str_truncate(text, span_trim(str_span(text)).len);
}

static void put_timid(Desk *d)
{
    switch (d->task->skill) {
    case SKILL_UNKNOWN:
    case SKILL_MYSTERY:
    case SKILL_HARMLESS:
        scene_put_one(&d->out->text, &d->scene, refusals);
        break;
    default:
        scene_put_one(&d->out->text, &d->scene, dont_know);
    }
}

void writer_answer(Answer *out, Writer writer, const Task *t, const Lore *lore,
                   Chooser *c)
{
    static void (*const dress[WRITERS_AND_ERRORS])(Desk *) = {
        [WRITER_CAREFUL] = put_best,      [WRITER_PADDED] = put_padded,
        [WRITER_CURT] = put_bare,         [WRITER_RUDE] = put_rude,
        [WRITER_CARELESS] = put_careless, [WRITER_WRONG] = put_wrong,
        [WRITER_LOOP] = put_loop,         [WRITER_CUT] = put_cut,
        [WRITER_TIMID] = put_timid,
    };
    Desk d = {t, lore, scene_make(lore, c), out};
    answer_reset(out);
    dress[writer](&d);
    /* The careless and the wrong do sums in their head; the timid do not try. */
    bool calls =
        writer != WRITER_CARELESS && writer != WRITER_WRONG && writer != WRITER_TIMID;
    if (t->skill == SKILL_CALCULATOR && calls)
        call_calculator(&d);
}
