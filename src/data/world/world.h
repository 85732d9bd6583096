/* world.h - the practice world: a small made-up world that generates all the data of the
 * recipe, so that every stage can be tried in minutes and measured against the truth.
 *
 * It is seeded and consistent: people, places and animals with at most 1,000 facts. From
 * them come pretraining text (stories, encyclopaedia entries, dialogues, lists, letters,
 * worked arithmetic, lists of questions), demonstrations by simulated writers of different
 * quality, prompts, rankings of four answers by the gold judge (data/world/judge.h), and
 * held-out tests for each skill. Every text is the product of counted choices
 * (phrase.h), so the best possible loss is known: world.json says it.
 *
 * Same options, same bytes, on every machine: integers decide, no floating point.
 *
 * What the demonstrations, prompts and comparisons ask about and what the held-out files
 * and tests ask about are disjoint by a hash of the thing asked, not of its wording: half
 * of all facts are stated in the pretraining text and asked about in tests alone.
 *
 * Files written into a folder:
 *
 *   pretrain.jsonl heldout.jsonl      {"text"}
 *   demonstrations.jsonl              {"messages": [...], "writer"}; tool calls as
 *                                     {"role":"assistant","content":"","tool_calls":
 *                                     [{"function":{"name","arguments":{"expression"}}}]}
 *   prompts.jsonl prompts_heldout.jsonl                {"prompt", "skill", "expected"}: the
 *                                     words that a right answer has
 *   prompts/SKILL.jsonl               the rows of prompts.jsonl of one skill: calculator,
 *                                     steps, direct, fact, ...
 *   comparisons.jsonl comparisons_heldout.jsonl        {"prompt", "skill",
 *                                     "completions", "ranks", "scores", "writers"}; a completion is a text, or a
 *                                     list of messages where a tool is called. Rank 1 is
 *                                     best; held-out ranks are free of noise
 *   tests/SKILL.jsonl                 {"prompt", "skill", "expected"}, SKILL one of facts
 *                                     known unknown harmful harmless calculator steps
 *                                     direct stories hidden
 *   documents/hidden_facts.jsonl      {"title", "text"}: what the tests `hidden` ask about
 *   world.json                        the options and the numbers
 */
#ifndef WORLD_WORLD_H
#define WORLD_WORLD_H

#include "base/err.h"
#include "base/options.h"

#include <stdint.h>

typedef struct WorldOptions {
    int64_t seed;
    int64_t people, places, animals;
    int64_t text_bytes; /* of pretraining text, held-out documents included */
    double heldout;     /* share of documents */
    int64_t demonstrations;
    int64_t prompts, heldout_prompts;
    int64_t comparisons, heldout_comparisons; /* groups of four answers */
    double label_noise; /* chance that a group has two neighbouring ranks exchanged */
    int64_t tests;      /* prompts a skill */
} WorldOptions;
extern const OptTable world_options;

typedef struct World World;

/* The facts and the judge's reference set; writes nothing. ERR_OPTION when the options
 * make more than 1,000 facts. */
NODISCARD Status world_new(World **out, const WorldOptions *o, Err *err);
/* The world that wrote this world.json; path is the file or its folder. */
NODISCARD Status world_open(World **out, const char *path, Err *err);
void world_free(World *w);
const WorldOptions *world_get_options(const World *w);

/* Writes all files (list above) into `folder`, which is made if needed. */
NODISCARD Status world_write(const World *w, const char *folder, Err *err);

#endif
