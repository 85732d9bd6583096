/* scene.h - who and what a text is about: the slots of its phrases.
 *
 *     {p}        the name of the entity bound to p, or the text bound to p
 *     {p.town}   a value of it
 *     {p.he} {p.him} {p.his}   its pronouns
 *     <thing>    a word of scene_words
 *
 * A scene counts how often each fact is stated, and in how many wordings. */
#ifndef WORLD_SCENE_H
#define WORLD_SCENE_H

#include "data/world/lore.h"

/* One fact: how often it was stated, and a set of hashes of the phrases used. */
typedef struct Mentions {
    int64_t count;
    uint64_t wordings; /* bit i: a phrase whose hash is i modulo 64 */
} Mentions;

typedef struct Scene {
    const Lore *lore;
    Chooser *chooser;
    const Entity *who[26];
    Span text[26];
    bool drawn[26]; /* to be drawn from kind[] when first used */
    Kind kind[26];
    Mentions *mentions; /* lore_mention_slots() of them; NULL: do not count */
} Scene;

extern const PhraseRule scene_words[]; /* words.c */

Scene scene_make(const Lore *lore, Chooser *c);
void scene_bind(Scene *s, char slot, const Entity *e);
void scene_bind_text(Scene *s, char slot, Span text);
/* A known entity, drawn when a phrase first asks for it: a choice that the text does not
 * show must not be made, or its bits would count for nothing. */
void scene_bind_drawn(Scene *s, char slot, Kind kind);
void scene_put(Str *out, Scene *s, const char *phrase);
/* One of a NULL-terminated list of phrases. */
void scene_put_one(Str *out, Scene *s, const char *const *phrases);
/* A phrase that states a fact with {e} and {v}. */
void scene_put_fact(Str *out, Scene *s, const Entity *e, int32_t attribute,
                    const char *phrase);

size_t lore_mention_slots(const Lore *lore);
Mentions *lore_mention(const Lore *lore, Mentions *all, const Entity *e,
                       int32_t attribute);

#endif
