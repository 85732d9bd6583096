/* skills.h - the practice world's tests: one file of questions a skill, answered greedily
 * and judged right or wrong by the world's judge.
 *
 * tests/SKILL.jsonl holds {"prompt": ...} rows; the name of the file is the name of the
 * skill. Beside right and wrong it is counted how often the model said that it did not
 * know, refused, called the calculator and ended by itself, because a skill like "known"
 * is as much about what is not said. */
#ifndef EVAL_SKILLS_H
#define EVAL_SKILLS_H

#include "base/stats.h"
#include "data/world/world.h"
#include "engine/engine.h"
#include "format/json.h"
#include "text/template.h"

typedef struct SkillsOptions {
    int64_t max_new, max_calls;
    int64_t limit; /* questions a skill; 0: all */
} SkillsOptions;
extern const OptTable skills_options;

typedef struct SkillResult {
    char name[32];
    int64_t n, right;
    int64_t abstained, refused, called, ended;
    StatsInterval interval; /* of right/n: Wilson, 95 % */
} SkillResult;

typedef struct SkillsReport {
    SkillResult *skills; /* in the order of file names */
    size_t n;
} SkillsReport;

/* Every *.jsonl of `folder`. `answers` (may be NULL) gets a JSON line an answer: {"skill",
 * "prompt", "answer", "right"}. */
NODISCARD Status skills_measure(Engine *engine, const Tokenizer *tok,
                                const ChatTemplate *chat, const World *world,
                                const char *folder, const SkillsOptions *o,
                                const char *progress, Str *answers, SkillsReport *out,
                                Err *err);
void skills_release(SkillsReport *r);
const SkillResult *skills_find(const SkillsReport *r, const char *name); /* or NULL */
/* {"facts": {"right": .., "n": .., "rate": .., "low": .., "high": .., ...}, ...} */
json_t *skills_to_json(const SkillsReport *r);

#endif
