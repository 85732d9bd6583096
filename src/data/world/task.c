/* task.c - prompts from tasks and back, see task.h.
 *
 * All wordings are frames, a text with one hole {e}: what stands in the hole is matched
 * against what the skill allows there, and that tells frames apart which begin and end
 * alike ("Where does {e} live?" and "Where does the {e} live?"). */
#include "data/world/task.h"

#include "base/bytes.h"
#include "data/world/story.h"

#include <stdio.h>
#include <string.h>

enum { STORY_FRAMES = 4, SUM_FRAMES = 3, LARGEST = 999 };

static const char *const story_frames[STORY_FRAMES] = {
    "Tell me a story about {e}.", "Write a short story about {e}.",
    "Please tell me a story about {e}.", "I want to hear a story about {e}."};
static const char *const request_frames[TASK_REQUESTS] = {
    "How do I {e}?",
    "How can I {e}?",
    "Tell me how to {e}.",
    "What is the best way to {e}?",
    "I want to {e}. What should I do?",
    "Can you tell me how to {e}?",
    "Please explain how to {e}."};
static const char *const sum_frames[3][SUM_FRAMES] = {
    {"Calculate {e}.", "Please calculate {e}.", "Use the calculator for {e}."},
    {"Work out {e} step by step.", "Show me the steps of {e}.",
     "Explain how to add {e}."},
    {"What is {e}?", "How much is {e}?", "Tell me the sum {e}."},
};

const char *skill_name(Skill skill)
{
    static const char *const names[SKILLS + 1] = {
        "fact",  "unknown", "mystery", "harmful", "harmless", "calculator",
        "steps", "direct",  "story",   "chat",    "hidden",   "none"};
    return names[skill];
}

static void put_frame(Str *out, const char *frame, Span hole)
{
    const char *at = strstr(frame, "{e}");
    ASSERT(at);
    str_append(out, frame, (size_t)(at - frame));
    str_span_append(out, hole);
    str_puts(out, at + 3);
}

static bool match_frame(const char *frame, Span text, Span *hole)
{
    const char *at = strstr(frame, "{e}");
    ASSERT(at);
    size_t before = (size_t)(at - frame), after = strlen(at + 3);
    if (text.len <= before + after || memcmp(text.ptr, frame, before) != 0 ||
        memcmp(text.ptr + text.len - after, at + 3, after) != 0)
        return false;
    *hole = (Span){text.ptr + before, text.len - before - after};
    return true;
}

/* --- sums ---------------------------------------------------------------------------- */
int32_t task_result(const Task *t)
{
    switch (t->op) {
    case '+':
        return t->a + t->b;
    case '-':
        return t->a - t->b;
    case '*':
        return t->a * t->b;
    default:
        return t->a / t->b;
    }
}

Span task_sum(const Task *t, char out[TASK_SUM_BYTES])
{
    int n = snprintf(out, TASK_SUM_BYTES, "%d %c %d", (int)t->a, t->op, (int)t->b);
    ASSERT(n > 0 && n < TASK_SUM_BYTES);
    return (Span){out, (size_t)n};
}

void task_sum_put(const Task *t, Str *out)
{
    char sum[TASK_SUM_BYTES];
    str_span_append(out, task_sum(t, sum));
}

void task_draw_sum(Task *t, Chooser *c)
{
    switch (t->skill) {
    case SKILL_STEPS:
        t->op = '+';
        t->a = choose_between(c, 11, 99);
        t->b = choose_between(c, 11, 99);
        return;
    case SKILL_DIRECT:
        t->op = "+-*"[choose(c, 3)];
        t->a = choose_between(c, 1, 9);
        t->b = choose_between(c, 1, t->op == '-' ? t->a : 9);
        return;
    default:
        t->op = "+-*/"[choose(c, 4)];
        t->b = choose_between(c, 11, 99);
        t->a = t->op == '/' ? t->b * choose_between(c, 2, LARGEST / t->b)
                            : choose_between(c, 100, LARGEST);
    }
}

static bool parse_number(Span text, size_t *at, int32_t *out)
{
    size_t begin = *at;
    int32_t value = 0;
    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9') {
        value = value * 10 + (text.ptr[*at] - '0');
        if (++*at - begin > 6)
            return false;
    }
    *out = value;
    return *at > begin;
}

void task_call_put(const Task *t, Str *out)
{
    str_printf(out, "%d%c%d", (int)t->a, t->op, (int)t->b);
}

void task_steps_put(const Task *t, int32_t slip, Str *out)
{
    int a = t->a, b = t->b;
    int tens = a / 10 * 10 + b / 10 * 10, ones = a % 10 + b % 10;
    int sum = tens + ones + (int)slip;
    str_printf(out,
               "Tens: %d + %d = %d. Ones: %d + %d = %d. %d + %d = %d. So %d + %d = %d.",
               a / 10 * 10, b / 10 * 10, tens, a % 10, b % 10, ones, tens, ones, sum, a,
               b, sum);
}

static bool is_operator(char c)
{
    return c == '+' || c == '-' || c == '*' || c == '/';
}

/* "a op b", the operator between spaces. */
static bool parse_sum(Span text, Task *t)
{
    size_t at = 0;
    if (!parse_number(text, &at, &t->a) || text.len - at < 4 || text.ptr[at] != ' ' ||
        text.ptr[at + 2] != ' ' || !is_operator(text.ptr[at + 1]))
        return false;
    t->op = text.ptr[at + 1];
    at += 3;
    if (!parse_number(text, &at, &t->b) || at != text.len)
        return false;
    return t->op != '/' || (t->b != 0 && t->a % t->b == 0);
}

/* --- what is asked -------------------------------------------------------------------- */
/* The text in the hole of the task's frame. */
static void put_subject(const Task *t, Str *out)
{
    switch (t->skill) {
    case SKILL_HARMFUL:
        task_harm_put(out, t->item);
        break;
    case SKILL_HARMLESS:
        str_puts(out, task_tips[t->item].request);
        break;
    case SKILL_CALCULATOR:
    case SKILL_STEPS:
    case SKILL_DIRECT:
        task_sum_put(t, out);
        break;
    case SKILL_STORY:
        str_printf(out, "%s and %s", t->name, story_plots[t->item].title);
        break;
    case SKILL_CHAT:
        str_puts(out, task_chats[t->item].prompt);
        break;
    default:
        str_puts(out, t->name);
    }
}

static const char *frame_of(const Task *t)
{
    switch (t->skill) {
    case SKILL_FACT:
    case SKILL_UNKNOWN:
    case SKILL_HIDDEN:
        return lore_kinds[t->kind].attributes[t->attribute].questions[t->wording];
    case SKILL_MYSTERY:
        return lore_kinds[t->kind].mysteries[t->attribute].question;
    case SKILL_HARMFUL:
    case SKILL_HARMLESS:
        return request_frames[t->wording];
    case SKILL_CALCULATOR:
    case SKILL_STEPS:
    case SKILL_DIRECT:
        return sum_frames[t->skill - SKILL_CALCULATOR][t->wording];
    case SKILL_STORY:
        return story_frames[t->wording];
    default:
        return "{e}";
    }
}

void task_prompt(const Task *t, Str *out)
{
    Str subject = {0};
    put_subject(t, &subject);
    put_frame(out, frame_of(t), str_span(&subject));
    out->failed |= subject.failed;
    str_release(&subject);
}

void task_fact_question(const Entity *e, int32_t attribute, int32_t wording, Str *out)
{
    put_frame(out, lore_attribute(e, attribute)->questions[wording], span_of(e->name));
}

void task_request(Span request, int32_t wording, Str *out)
{
    put_frame(out, request_frames[wording], request);
}

/* --- drawing -------------------------------------------------------------------------- */
/* Half of all facts and a quarter of everything else are held out. Harmful requests and
 * stories are split by the pair they are made of, tips by tip and wording: their parts
 * are known from training, the combination is not. */
Split task_split(const Lore *lore, const Task *t)
{
    uint64_t key[] = {
        (uint64_t)t->skill,     (uint64_t)t->kind,
        (uint64_t)t->attribute, rng_hash(t->name, strlen(t->name), 0),
        (uint64_t)t->item,      (uint64_t)t->a << 32 | (uint64_t)t->b,
        (uint64_t)t->op,        t->skill == SKILL_HARMLESS ? (uint64_t)t->wording : 0};
    if (t->skill == SKILL_UNKNOWN) /* by the name alone */
        key[1] = key[2] = 0;
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        unsigned char bytes[8];
        bytes_put_u64(bytes, key[i]);
        hash = rng_hash(bytes, sizeof bytes, hash ^ lore->seed);
    }
    return hash % 100 < (t->skill == SKILL_FACT ? 50 : 25) ? SPLIT_HELDOUT
                                                           : SPLIT_TRAIN;
}

static void set_entity(Task *t, const Entity *e)
{
    t->entity = e;
    t->kind = e->kind;
    memcpy(t->name, e->name, strlen(e->name) + 1);
}

/* The kinds in proportion to their facts. */
static Kind draw_kind(const Lore *lore, Chooser *c)
{
    int32_t weights[KINDS];
    for (int32_t k = 0; k < KINDS; k++)
        weights[k] = lore->n_known[k] * lore_kinds[k].n_attributes;
    return (Kind)choose_weighted(c, weights, KINDS);
}

static void draw_question(Task *t, const Lore *lore, Chooser *c)
{
    Kind kind = draw_kind(lore, c);
    t->kind = kind;
    t->wording = choose(c, LORE_WORDINGS);
    t->attribute = choose(c, lore_kinds[kind].n_attributes);
    if (t->skill == SKILL_FACT) {
        set_entity(t, lore_draw(lore, kind, c));
    } else if (t->skill == SKILL_HIDDEN) {
        int32_t hidden = lore->n[kind] - lore->n_known[kind];
        set_entity(t, &lore->entities[kind][lore->n_known[kind] + choose(c, hidden)]);
    } else if (t->skill == SKILL_MYSTERY) {
        t->wording = 0;
        t->attribute = choose(c, lore_kinds[kind].n_mysteries);
        set_entity(t, lore_draw(lore, kind, c));
    } else {
        do {
            lore_rare_name(c, kind, t->name);
        } while (lore_find(lore, kind, span_of(t->name)));
    }
}

static void draw_any(Task *t, const Lore *lore, Skill skill, Chooser *c)
{
    *t = (Task){.skill = skill};
    switch (skill) {
    case SKILL_HARMFUL:
    case SKILL_HARMLESS:
        t->wording = choose(c, TASK_REQUESTS);
        t->item = choose(c, skill == SKILL_HARMFUL ? task_n_harms() : task_n_tips);
        break;
    case SKILL_CALCULATOR:
    case SKILL_STEPS:
    case SKILL_DIRECT:
        t->wording = choose(c, SUM_FRAMES);
        task_draw_sum(t, c);
        break;
    case SKILL_STORY:
        t->wording = choose(c, STORY_FRAMES);
        t->item = choose(c, STORY_PLOTS);
        set_entity(t, lore_draw(lore, KIND_PERSON, c));
        break;
    case SKILL_CHAT:
        t->item = choose(c, task_n_chats);
        break;
    default:
        draw_question(t, lore, c);
    }
}

void task_draw(Task *t, const Lore *lore, Skill skill, Split split, Chooser *c)
{
    bool one_split = skill == SKILL_CHAT || skill == SKILL_HIDDEN;
    do {
        draw_any(t, lore, skill, c);
    } while (!one_split && task_split(lore, t) != split);
}

/* --- recognising ------------------------------------------------------------------------ */
static bool set_name(Task *t, Skill skill, Kind kind, int32_t attribute, Span name)
{
    if (!lore_is_name(kind, name))
        return false;
    *t = (Task){.skill = skill, .kind = kind, .attribute = attribute};
    memcpy(t->name, name.ptr, name.len);
    return true;
}

static bool recognise_question(const Lore *lore, Span prompt, Task *t)
{
    Span name;
    for (int32_t k = 0; k < KINDS; k++) {
        const KindInfo *info = &lore_kinds[k];
        for (int32_t i = 0; i < info->n_attributes * LORE_WORDINGS; i++) {
            int32_t a = i / LORE_WORDINGS, wording = i % LORE_WORDINGS;
            if (!match_frame(info->attributes[a].questions[wording], prompt, &name) ||
                !set_name(t, SKILL_UNKNOWN, (Kind)k, a, name))
                continue;
            t->wording = wording;
            t->entity = lore_find(lore, (Kind)k, name);
            if (t->entity)
                t->skill = t->entity->hidden ? SKILL_HIDDEN : SKILL_FACT;
            return true;
        }
        for (int32_t i = 0; i < info->n_mysteries; i++) {
            if (match_frame(info->mysteries[i].question, prompt, &name) &&
                set_name(t, SKILL_MYSTERY, (Kind)k, i, name)) {
                t->entity = lore_find(lore, (Kind)k, name);
                return true;
            }
        }
    }
    return false;
}

static bool recognise_request(Span request, Task *t)
{
    for (int32_t i = 0; i < task_n_tips; i++) {
        if (span_equal(request, span_of(task_tips[i].request))) {
            *t = (Task){.skill = SKILL_HARMLESS, .item = i};
            return true;
        }
    }
    int32_t harm = task_find_harm(request);
    *t = (Task){.skill = SKILL_HARMFUL, .item = harm};
    return harm >= 0;
}

static bool recognise_story(const Lore *lore, Span subject, Task *t)
{
    ptrdiff_t at = span_find(subject, SPAN(" and "), 0);
    if (at < 0)
        return false;
    Span name = {subject.ptr, (size_t)at};
    Span title = {subject.ptr + at + 5, subject.len - (size_t)at - 5};
    for (int32_t i = 0; i < STORY_PLOTS; i++) {
        if (!span_equal(title, span_of(story_plots[i].title)) ||
            !set_name(t, SKILL_STORY, KIND_PERSON, 0, name))
            continue;
        t->item = i;
        t->entity = lore_find(lore, KIND_PERSON, name);
        return true;
    }
    return false;
}

static bool recognise_chat(Span prompt, Task *t)
{
    for (int32_t i = 0; i < task_n_chats; i++) {
        if (span_equal(prompt, span_of(task_chats[i].prompt))) {
            *t = (Task){.skill = SKILL_CHAT, .item = i};
            return true;
        }
    }
    return false;
}

bool task_recognise(const Lore *lore, Span prompt, Task *t)
{
    Span hole;
    for (int32_t i = 0; i < TASK_REQUESTS; i++) {
        if (match_frame(request_frames[i], prompt, &hole) &&
            recognise_request(hole, t)) {
            t->wording = i;
            return true;
        }
    }
    for (int32_t i = 0; i < 3 * SUM_FRAMES; i++) {
        int32_t way = i / SUM_FRAMES, wording = i % SUM_FRAMES;
        *t = (Task){.skill = (Skill)(SKILL_CALCULATOR + way), .wording = wording};
        if (match_frame(sum_frames[way][wording], prompt, &hole) && parse_sum(hole, t))
            return true;
    }
    for (int32_t i = 0; i < STORY_FRAMES; i++) {
        if (match_frame(story_frames[i], prompt, &hole) &&
            recognise_story(lore, hole, t)) {
            t->wording = i;
            return true;
        }
    }
    return recognise_question(lore, prompt, t) || recognise_chat(prompt, t);
}
