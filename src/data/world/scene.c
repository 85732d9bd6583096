/* scene.c - phrases filled with facts, see scene.h. */
#include "data/world/scene.h"

size_t lore_mention_slots(const Lore *lore)
{
    size_t n = 0;
    for (int32_t kind = 0; kind < KINDS; kind++)
        n += (size_t)lore->n[kind] * LORE_ATTRIBUTES;
    return n;
}

Mentions *lore_mention(const Lore *lore, Mentions *all, const Entity *e,
                       int32_t attribute)
{
    size_t at = 0;
    for (int32_t kind = 0; kind < (int32_t)e->kind; kind++)
        at += (size_t)lore->n[kind];
    return &all[(at + (size_t)e->index) * LORE_ATTRIBUTES + (size_t)attribute];
}

Scene scene_make(const Lore *lore, Chooser *c)
{
    return (Scene){.lore = lore, .chooser = c};
}

void scene_bind(Scene *s, char slot, const Entity *e)
{
    s->who[slot - 'a'] = e;
    s->drawn[slot - 'a'] = false;
}

void scene_bind_text(Scene *s, char slot, Span text)
{
    scene_bind(s, slot, NULL);
    s->text[slot - 'a'] = text;
}

void scene_bind_drawn(Scene *s, char slot, Kind kind)
{
    s->drawn[slot - 'a'] = true;
    s->kind[slot - 'a'] = kind;
}

static void count_mention(Scene *s, const Entity *e, int32_t attribute, Span phrase)
{
    if (!s->mentions)
        return;
    Mentions *m = lore_mention(s->lore, s->mentions, e, attribute);
    m->count++;
    m->wordings |= UINT64_C(1) << (rng_hash(phrase.ptr, phrase.len, 0) % 64);
}

static Span entity_slot(Scene *s, const Entity *e, Span name, Span phrase)
{
    static const struct {
        const char *name, *she, *he;
    } pronouns[] = {{"he", "she", "he"}, {"him", "her", "him"}, {"his", "her", "his"}};
    for (size_t i = 0; i < sizeof pronouns / sizeof *pronouns; i++) {
        if (span_equal(name, span_of(pronouns[i].name)))
            return span_of(e->female ? pronouns[i].she : pronouns[i].he);
    }
    for (int32_t a = 0; a < lore_kinds[e->kind].n_attributes; a++) {
        if (!span_equal(name, span_of(lore_attribute(e, a)->name)))
            continue;
        count_mention(s, e, a, phrase);
        return span_of(e->values[a]);
    }
    ASSERT(false && "a phrase asks for an attribute that is not there");
    return SPAN("");
}

/* A PhraseSlot: "p" or "p.attribute". */
static Span scene_slot(void *self, Span name, Span phrase)
{
    Scene *s = self;
    int at = name.ptr[0] - 'a';
    ASSERT(at >= 0 && at < 26 && (name.len == 1 || name.ptr[1] == '.'));
    if (s->drawn[at])
        scene_bind(s, name.ptr[0], lore_draw(s->lore, s->kind[at], s->chooser));
    const Entity *e = s->who[at];
    if (!e) {
        ASSERT(name.len == 1 && s->text[at].ptr);
        return s->text[at];
    }
    if (name.len == 1)
        return span_of(e->name);
    return entity_slot(s, e, (Span){name.ptr + 2, name.len - 2}, phrase);
}

void scene_put(Str *out, Scene *s, const char *phrase)
{
    PhraseContext ctx = {s->chooser, scene_words, scene_slot, s};
    phrase_put(out, &ctx, phrase);
}

void scene_put_one(Str *out, Scene *s, const char *const *phrases)
{
    scene_put(out, s, choose_text(s->chooser, phrases));
}

void scene_put_fact(Str *out, Scene *s, const Entity *e, int32_t attribute,
                    const char *phrase)
{
    scene_bind(s, 'e', e);
    scene_bind_text(s, 'v', span_of(e->values[attribute]));
    count_mention(s, e, attribute, span_of(phrase));
    scene_put(out, s, phrase);
}
