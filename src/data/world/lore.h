/* lore.h - the facts of a practice world: who and what there is, and what is true of it.
 *
 * Three kinds of entities (people, places, animals), each with the attributes of its
 * kind; a fact is (entity, attribute, value). A world is consistent: every text about it
 * draws from this one table. The last entities of each kind are hidden: they are as real
 * as the others, but no training text names them (they are for retrieval).
 *
 * Names tell the kind by their shape, and known from unknown by their letters: the names
 * of the world use plain syllables ("Mira", "Balford", "tamok"), those of hidden and of
 * nonexistent entities rare ones ("Zhoovix"). */
#ifndef WORLD_LORE_H
#define WORLD_LORE_H

#include "data/world/phrase.h"
#include "data/world/world.h"

typedef enum Kind { KIND_PERSON, KIND_PLACE, KIND_ANIMAL, KINDS } Kind;
enum { LORE_ATTRIBUTES = 6, LORE_WORDINGS = 5, LORE_NAME_BYTES = 24 };

/* The lists of names that a world invents. */
typedef enum NameList {
    NAMES_PEOPLE, /* = KIND_PERSON and so on */
    NAMES_PLACES,
    NAMES_ANIMALS,
    NAMES_PETS,
    NAMES_RIVERS,
    NAMES_NONE,
} NameList;

/* What can be true of a kind. In the texts {e} is the entity's name, {v} the value. */
typedef struct Attribute {
    const char *name;
    const char *const *words; /* the pool of values; NULL: a list of names */
    NameList names;
    const char *questions[LORE_WORDINGS];
    const char *const
        *statements; /* wordings for prose; the first is the best answer */
} Attribute;

/* What nobody in the world knows, with a made-up answer of a careless writer. */
typedef struct Mystery {
    const char *question;
    const char *lie;
} Mystery;

typedef struct KindInfo {
    const char *name;
    const Attribute *attributes;
    int32_t n_attributes;
    const Mystery *mysteries;
    int32_t n_mysteries;
} KindInfo;
extern const KindInfo lore_kinds[KINDS];

typedef struct Entity {
    Kind kind;
    int32_t index; /* among its kind */
    bool hidden, female;
    const char *name;                    /* in the list of names, or own_name */
    char own_name[LORE_NAME_BYTES];      /* hidden ones only */
    const char *values[LORE_ATTRIBUTES]; /* members of the attributes' pools */
} Entity;

typedef struct Lore {
    uint64_t seed;
    Entity *entities[KINDS]; /* known ones first */
    int32_t n_known[KINDS], n[KINDS];
    const char **names[NAMES_NONE];     /* NULL-terminated */
    char (*spellings)[LORE_NAME_BYTES]; /* what they point to */
} Lore;

NODISCARD Status lore_init(Lore *lore, const WorldOptions *o, Err *err);
void lore_release(Lore *lore);
int32_t lore_facts(const Lore *lore); /* of the known entities */

const Entity *lore_find(const Lore *lore, Kind kind, Span name);  /* NULL: none */
const Entity *lore_draw(const Lore *lore, Kind kind, Chooser *c); /* a known one */
/* A value of the attribute other than the entity's own. */
const char *lore_wrong_value(const Lore *lore, const Entity *e, int32_t attribute,
                             Chooser *c);
/* All values that the attribute can have, NULL-terminated. */
const char *const *lore_pool(const Lore *lore, const Attribute *a);
/* The friend and the home town of a person. */
const Entity *lore_friend(const Lore *lore, const Entity *person);
const Entity *lore_town(const Lore *lore, const Entity *person);
const Attribute *lore_attribute(const Entity *e, int32_t attribute);
/* True when the name has the shape of this kind's names: one word, upper or lower case. */
bool lore_is_name(Kind kind, Span name);
/* A name of the rare kind. It may be a hidden entity's. */
void lore_rare_name(Chooser *c, Kind kind, char out[LORE_NAME_BYTES]);

/* True when `word` stands in `text` with no letter or digit beside it. */
bool span_has_word(Span text, Span word);

#endif
