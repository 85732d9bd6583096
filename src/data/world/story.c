/* story.c - stories, see story.h. */
#include "data/world/story.h"

/* clang-format off */
const Plot story_plots[STORY_PLOTS] = {
    {"the broken bridge", "the bridge broke and nobody could cross the [river|stream|ditch]",
     "built a new bridge of <adj> [wood|stone]", "bridge broke", "a new bridge"},
    {"the lost key", "the key was lost and the <spot> stayed closed",
     "found the key under a <adj> <thing>", "key was lost", "found the key"},
    {"the big storm", "a big storm blew the roof off the <spot>",
     "put a new roof on the <spot>", "storm blew the roof", "a new roof"},
    {"the hungry wolf", "a hungry wolf came to the <spot>",
     "drove the wolf away with a <adj> <thing>", "hungry wolf came", "drove the wolf away"},
    {"the sick pet", "{p.petname} the {p.pet} fell ill and did not eat",
     "gave {p.petname} a <adj> drink, and soon the pet was well again", "fell ill", "well again"},
    {"the dry well", "the well near the <spot> ran dry",
     "dug a deeper well behind the <spot>", "ran dry", "a deeper well"},
    {"the stolen bell", "somebody stole the bell of the <spot>",
     "brought the bell back in a <adj> <thing>", "stole the bell", "brought the bell back"},
    {"the great flood", "the water rose into the <spot>",
     "built a wall of sand around the <spot>", "the water rose", "a wall of sand"},
    {"the lost child", "a child got lost behind the <spot>",
     "led the child home to the <spot>", "child got lost", "led the child home"},
    {"the broken wheel", "the wheel of the cart broke near the <spot>",
     "made a new wheel for the cart", "wheel of the cart broke", "a new wheel"},
    {"the long winter", "there was no wood left for the stove",
     "shared the wood from the <spot>", "no wood left", "shared the wood"},
    {"the missing cake", "the cake for the feast was gone",
     "baked a new cake with a <adj> crust", "cake for the feast was gone", "baked a new cake"},
};

static const char *const openings[] = {
    "Once upon a time there was a <kind> {p.job} called {p} who lived in {p.town}.",
    "Once upon a time a <kind> {p.job} called {p} lived in {p.town}.",
    "Long ago a <kind> {p.job} called {p} lived in {p.town}.",
    "One <weather> <time> {p} the {p.job} went to the <spot> of {p.town}.",
    "One <weather> <time> {p}, a <kind> {p.job}, was in the <spot> of {p.town}.", NULL};
static const char *const details[] = {
    "^{p.he} had a <adj> <thing> and a {p.pet} called {p.petname}.",
    "{p.petname} the {p.pet} sat beside {p.him} on a <adj> <thing>.",
    "^{p.he} had a <adj> <thing> full of {p.food}.",
    "^{p.his} favourite food was {p.food}, and there was a <adj> <thing> of it.",
    "It was {t.market}, market day, and {p} <did> a <adj> <thing>.",
    "A <adj> <thing> lay on the bank of the river {t.river}.",
    "People came to {p.town} for its {t.goods}, and {p} <did> a <adj> <thing>.",
    "In the <spot> {p.he} <did> a <adj> <thing> and a <adj> <thing>.",
    "In the <spot> a {a.colour} {a} looked for {a.diet}.", NULL};
static const char *const bridges[] = {"But then", "Then", "But one <time>", "Suddenly", NULL};
static const char *const reactions[] = {
    "{p} was <feeling> and <feeling>.", "\"What shall we do?\" asked {p}.",
    "{p} was <feeling> and <ly> <did> a <adj> <thing>.", "\"This is bad,\" said {p} <ly>.", NULL};
static const char *const helps[] = {
    "{p.friend} came to help with a <adj> <thing>.",
    "{p} asked {p.friend} for help.",
    "{p.friend}, {p.his} best friend, came with a <adj> <thing>.",
    "{p.friend} heard of it and came from {f.town} with a <adj> <thing>.", NULL};
static const char *const bodies[] = {
    "Together they", "The two friends", "They worked for <number> days and", "^<ly> they", NULL};
static const char *const endings[] = {
    "[Everybody|Everyone in {p.town}|{p}] was <feeling> again. The end.",
    "They ate {p.food} together and were <feeling>. The end.",
    "{p} thanked {p.friend} with a <adj> <thing>. The end.",
    "From that day on {p} and {p.friend} were <feeling>. The end.", NULL};
/* clang-format on */

void story_put(Str *out, Scene *s, const Plot *plot)
{
    const Entity *p = s->who['p' - 'a'];
    ASSERT(p && p->kind == KIND_PERSON);
    scene_bind(s, 'f', lore_friend(s->lore, p));
    scene_bind(s, 't', lore_town(s->lore, p));
    scene_bind_drawn(s, 'a', KIND_ANIMAL);
    scene_put_one(out, s, openings);
    str_puts(out, " ");
    scene_put_one(out, s, details);
    str_puts(out, " ");
    scene_put_one(out, s, bridges);
    str_puts(out, " ");
    scene_put(out, s, plot->problem);
    str_puts(out, ". ");
    scene_put_one(out, s, reactions);
    str_puts(out, " ");
    scene_put_one(out, s, helps);
    str_puts(out, " ");
    scene_put_one(out, s, bodies);
    str_puts(out, " ");
    scene_put(out, s, plot->solution);
    str_puts(out, ". ");
    scene_put_one(out, s, endings);
}

static bool opens(Span text)
{
    return span_starts(text, SPAN("Once upon a time ")) ||
           span_starts(text, SPAN("Long ago ")) || span_starts(text, SPAN("One "));
}

static bool ends(Span text, Span with)
{
    return text.len >= with.len &&
           span_equal((Span){text.ptr + text.len - with.len, with.len}, with);
}

StoryForm story_check(Span text, Span hero, const Plot *plot)
{
    ptrdiff_t problem = span_find(text, span_of(plot->problem_key), 0);
    size_t after = problem < 0 ? text.len : (size_t)problem;
    return (StoryForm){
        .opening = opens(text),
        .hero = span_has_word(text, hero),
        .problem = problem >= 0,
        .solution = span_find(text, span_of(plot->solution_key), after) >= 0,
        .ending = ends(text, SPAN(" The end.")),
    };
}

int32_t story_points(const StoryForm *f)
{
    return f->opening + f->hero + f->problem + f->solution + f->ending;
}
