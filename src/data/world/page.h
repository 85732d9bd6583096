/* page.h - the documents of the pretraining text. Each states facts of the world in one
 * of many wordings, or practises what the assistant will need: sums, copying numbers,
 * advice, stories. No page names a hidden or nonexistent entity. */
#ifndef WORLD_PAGE_H
#define WORLD_PAGE_H

#include "data/world/scene.h"

typedef enum Page {
    PAGE_STORY,
    PAGE_ENTRY,   /* encyclopaedia: one entity, most of its facts */
    PAGE_SCRIPT,  /* a dialogue as in a play: questions and answers */
    PAGE_TALK,    /* a dialogue in prose, with questions and answers */
    PAGE_ANSWERS, /* questions about one entity, each followed by its answer */
    PAGE_LETTER,
    PAGE_DIARY,
    PAGE_LIST,      /* of things, or of facts */
    PAGE_SUMS,      /* worked arithmetic */
    PAGE_ORDERS,    /* numbers written down and copied */
    PAGE_QUESTIONS, /* questions and nothing else */
    PAGE_ADVICE,    /* requests with their tips; what one must not do */
    PAGES,
} Page;

/* Appends a document: its kind is the first choice. Mentions may be NULL. */
Page page_put(Str *out, const Lore *lore, Chooser *c, Mentions *mentions);
/* An encyclopaedia entry of any entity, hidden ones too, with all its facts. */
void page_put_entry(Str *out, Scene *s, const Entity *e);

#endif
