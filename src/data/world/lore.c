/* lore.c - names and facts of a practice world, see lore.h. */
#include "data/world/lore.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_FACTS = 1000,
    RIVERS = 16,
    HIDDEN_PEOPLE = 12,
    HIDDEN_PLACES = 8,
    HIDDEN_ANIMALS = 6
};

/* --- names ------------------------------------------------------------------------- */
/* The spelling of each list's names: a name is one member of each part. */
typedef const char *const Part[];
static Part onsets = {"b", "d", "k", "l", "m", "n", "r", "s", "t", NULL};
static Part vowels = {"a", "e", "i", "o", "u", NULL};
static Part middles = {"l", "n", "r", "m", "d", "k", "t", NULL};
static Part open_vowels = {"a", "e", "o", NULL};
static Part liquids = {"l", "n", "r", "m", NULL};
static Part town_ends = {"ford", "ton", "wick", "by", "mere",
                         "dale", "ham", "well", NULL};
static Part animal_ends = {"ak", "ok", "uk", "im", "om", "um", "ib", "ob", NULL};
static Part river_ends = {"da", "ka", "ma", "ta", "va", "ba", NULL};
static Part woman_end = {"a", NULL}, man_end = {"o", NULL}, pet_end = {"i", NULL};

static Part rare_onsets = {"z",  "x",  "v", "qu", "j",  "zh", "vr", "gl", "ph", "th",
                           "kr", "sk", "y", "gr", "dr", "h",  "f",  "w",  NULL};
static Part rare_vowels = {"oo", "ee", "au", "y", "ia", "oa", "u", "i", NULL};
static Part rare_middles = {"x",  "z",  "v",  "ff", "gg", "sh", "th",
                            "ck", "mp", "bz", "j",  "ph", NULL};
static Part rare_ends = {"ax", "ix", "oz",  "uth", "yv", "onz", "ath",
                         "ez", "ux", "yth", "eph", "iv", NULL};

static void spell(Chooser *c, const char *const *const *parts, int32_t n, bool capital,
                  char out[LORE_NAME_BYTES])
{
    size_t len = 0;
    for (int32_t i = 0; i < n; i++) {
        const char *part = choose_text(c, parts[i]);
        size_t more = strlen(part);
        ASSERT(len + more < LORE_NAME_BYTES);
        memcpy(out + len, part, more + 1);
        len += more;
    }
    if (capital)
        out[0] = (char)(out[0] - 'a' + 'A');
}

static void spell_common(Chooser *c, NameList list, int32_t item,
                         char out[LORE_NAME_BYTES])
{
    const char *const *person[] = {onsets, vowels, middles,
                                   item % 2 ? man_end : woman_end};
    const char *const *place[] = {onsets, open_vowels, liquids, town_ends};
    const char *const *animal[] = {onsets, vowels, middles, animal_ends};
    const char *const *pet[] = {onsets, vowels, middles, pet_end};
    const char *const *river[] = {vowels, liquids, river_ends};
    const char *const *const *const spellings[] = {person, place, animal, pet, river};
    spell(c, spellings[list], list == NAMES_RIVERS ? 3 : 4, list != NAMES_ANIMALS, out);
}

void lore_rare_name(Chooser *c, Kind kind, char out[LORE_NAME_BYTES])
{
    const char *const *person[] = {rare_onsets, rare_vowels, rare_middles, rare_ends};
    const char *const *place[] = {rare_onsets, rare_vowels, rare_middles, town_ends};
    spell(c, kind == KIND_PLACE ? place : person, 4, kind != KIND_ANIMAL, out);
}

bool lore_is_name(Kind kind, Span name)
{
    if (name.len < 2 || name.len >= LORE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        bool upper = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z';
        bool lower = name.ptr[i] >= 'a' && name.ptr[i] <= 'z';
        if (i == 0 && kind != KIND_ANIMAL ? !upper : !lower)
            return false;
    }
    return true;
}

/* Fills list with n names that differ from each other; they are stored from *next on. */
static void invent_names(Lore *lore, NameList list, int32_t n,
                         char (**next)[LORE_NAME_BYTES])
{
    Chooser c = chooser_make(lore->seed, STREAM_NAMES, (uint64_t)list);
    const char **names = lore->names[list];
    for (int32_t i = 0; i < n;) {
        char *name = **next;
        spell_common(&c, list, i, name);
        bool taken = name[2] + ('A' - 'a') == name[0]; /* "Mama" */
        for (int32_t j = 0; j < i && !taken; j++)
            taken = strcmp(names[j], name) == 0;
        if (taken)
            continue;
        names[i++] = name;
        ++*next;
    }
}

/* --- facts -------------------------------------------------------------------------- */
const Attribute *lore_attribute(const Entity *e, int32_t attribute)
{
    ASSERT(attribute >= 0 && attribute < lore_kinds[e->kind].n_attributes);
    return &lore_kinds[e->kind].attributes[attribute];
}

const char *const *lore_pool(const Lore *lore, const Attribute *a)
{
    return a->words ? a->words : lore->names[a->names];
}

static void settle_entity(Lore *lore, Kind kind, int32_t index)
{
    Entity *e = &lore->entities[kind][index];
    uint64_t item = (uint64_t)kind << 32 | (uint64_t)index;
    Chooser c = chooser_make(lore->seed, STREAM_FACTS, item);
    e->kind = kind;
    e->index = index;
    e->hidden = index >= lore->n_known[kind];
    e->female = index % 2 == 0;
    e->name = e->own_name;
    if (e->hidden)
        lore_rare_name(&c, kind, e->own_name);
    else
        e->name = lore->names[kind][index];
    for (int32_t a = 0; a < lore_kinds[kind].n_attributes; a++) {
        const Attribute *attribute = lore_attribute(e, a);
        const char *const *pool = lore_pool(lore, attribute);
        if (attribute->names == NAMES_PETS && !e->hidden) {
            e->values[a] = pool[index]; /* no two pets share a name */
            continue;
        }
        do {
            e->values[a] = choose_text(&c, pool);
        } while (e->values[a] == e->name); /* nobody is the own friend */
    }
}

static Status check_size(const WorldOptions *o, Err *err)
{
    int64_t facts = o->people * lore_kinds[KIND_PERSON].n_attributes +
                    o->places * lore_kinds[KIND_PLACE].n_attributes +
                    o->animals * lore_kinds[KIND_ANIMAL].n_attributes;
    if (facts > MAX_FACTS)
        return err_set(
            err, ERR_OPTION,
            "people %lld, places %lld and animals %lld make %lld facts, more "
            "than %d",
            (long long)o->people, (long long)o->places, (long long)o->animals,
            (long long)facts, MAX_FACTS);
    return OK;
}

Status lore_init(Lore *lore, const WorldOptions *o, Err *err)
{
    *lore = (Lore){.seed = (uint64_t)o->seed};
    TRY(check_size(o, err));
    const int32_t known[KINDS] = {(int32_t)o->people, (int32_t)o->places,
                                  (int32_t)o->animals};
    static const int32_t hidden[KINDS] = {HIDDEN_PEOPLE, HIDDEN_PLACES, HIDDEN_ANIMALS};
    const int32_t lists[NAMES_NONE] = {known[0], known[1], known[2], known[0], RIVERS};
    int32_t all = 0;
    for (int32_t list = 0; list < NAMES_NONE; list++)
        all += lists[list];
    Status status = MEM_ARRAY(&lore->spellings, (size_t)all, err);
    for (int32_t list = 0; list < NAMES_NONE && status == OK; list++)
        status = MEM_ARRAY(&lore->names[list], (size_t)lists[list] + 1, err);
    for (int32_t kind = 0; kind < KINDS && status == OK; kind++) {
        lore->n_known[kind] = known[kind];
        lore->n[kind] = known[kind] + hidden[kind];
        status = MEM_ARRAY(&lore->entities[kind], (size_t)lore->n[kind], err);
    }
    if (status != OK) {
        lore_release(lore);
        return status;
    }
    char(*next)[LORE_NAME_BYTES] = lore->spellings;
    for (int32_t list = 0; list < NAMES_NONE; list++)
        invent_names(lore, (NameList)list, lists[list], &next);
    for (int32_t kind = 0; kind < KINDS; kind++) {
        for (int32_t i = 0; i < lore->n[kind]; i++)
            settle_entity(lore, (Kind)kind, i);
    }
    return OK;
}

void lore_release(Lore *lore)
{
    if (!lore)
        return;
    for (int32_t list = 0; list < NAMES_NONE; list++)
        mem_free((void *)lore->names[list]);
    for (int32_t kind = 0; kind < KINDS; kind++)
        mem_free(lore->entities[kind]);
    mem_free(lore->spellings);
    *lore = (Lore){0};
}

int32_t lore_facts(const Lore *lore)
{
    int32_t n = 0;
    for (int32_t kind = 0; kind < KINDS; kind++)
        n += lore->n_known[kind] * lore_kinds[kind].n_attributes;
    return n;
}

const Entity *lore_find(const Lore *lore, Kind kind, Span name)
{
    for (int32_t i = 0; i < lore->n[kind]; i++) {
        const Entity *e = &lore->entities[kind][i];
        if (span_equal(span_of(e->name), name))
            return e;
    }
    return NULL;
}

/* The entity that the values from `list` name in this person's facts. */
static const Entity *named_in(const Lore *lore, const Entity *person, NameList list,
                              Kind kind)
{
    ASSERT(person->kind == KIND_PERSON);
    for (int32_t a = 0; a < lore_kinds[KIND_PERSON].n_attributes; a++) {
        if (lore_attribute(person, a)->names == list)
            return lore_find(lore, kind, span_of(person->values[a]));
    }
    ASSERT(false && "people have no attribute with these names");
    return NULL;
}

const Entity *lore_friend(const Lore *lore, const Entity *person)
{
    return named_in(lore, person, NAMES_PEOPLE, KIND_PERSON);
}

const Entity *lore_town(const Lore *lore, const Entity *person)
{
    return named_in(lore, person, NAMES_PLACES, KIND_PLACE);
}

const Entity *lore_draw(const Lore *lore, Kind kind, Chooser *c)
{
    return &lore->entities[kind][choose(c, lore->n_known[kind])];
}

const char *lore_wrong_value(const Lore *lore, const Entity *e, int32_t attribute,
                             Chooser *c)
{
    const char *const *pool = lore_pool(lore, lore_attribute(e, attribute));
    const char *value;
    do {
        value = choose_text(c, pool);
    } while (value == e->values[attribute] || value == e->name);
    return value;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool span_has_word(Span text, Span word)
{
    for (size_t from = 0;;) {
        ptrdiff_t at = span_find(text, word, from);
        if (at < 0)
            return false;
        size_t begin = (size_t)at, end = begin + word.len;
        if ((begin == 0 || !is_word_byte(text.ptr[begin - 1])) &&
            (end == text.len || !is_word_byte(text.ptr[end])))
            return true;
        from = begin + 1;
    }
}
