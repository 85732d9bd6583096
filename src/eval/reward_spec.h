/* reward_spec.h - what a reward is made of: a list of parts, whose weighted sum it is.
 *
 *     reward: runs/rm                                   one reward model
 *     reward:                                           a list, as YAML in a recipe,
 *       - {model: runs/rm, weight: 1}                   as YAML or JSON on a command line,
 *       - {program: [./score.py, --strict], weight: 0.5, timeout: 10}
 *       - {exact: answer, match: number, when: {skill: [steps, direct]}}
 *     reward: rewards.yaml                              or in a file
 *
 * A part is one of
 *
 *     model: FOLDER     a reward model's score
 *     gold: WORLD       the gold judge of a practice world (its folder or world.json)
 *     skill: WORLD      1 when the answer is right as the world's tests count it, else 0
 *     program: PROGRAM  what an executable says (reward_program.h); a list: with arguments
 *     exact: FIELD      1 when the answer is what that field of the prompt's row says.
 *                       match: whole (default) the text is the field's; final: what stands
 *                       after the last "Answer:" is (`after`: other words); number: its
 *                       last number is the field's last; contains: the field's words are
 *                       in it. ignore_case. A field that is a list: any of them
 *     regex: PATTERN    1 when it matches somewhere in the answer (PCRE2)
 *     length: HOW       in tokens. target: -|n - tokens| / tokens; penalty: -n / tokens;
 *                       over: 0 up to tokens - buffer, falls to -1 at tokens (DAPO)
 *     format: HOW       1 or 0. ended: the answer came to its end; answer: its last line is
 *                       "Answer: ..." and no other is (`after`); json: it is a JSON object
 *                       or array; call: it calls a tool, every call is well-formed and
 *                       worked, and a text follows; no_call: it calls none
 *     random: SEED      drawn for each answer, mean 0 and deviation 1; the same for the same
 *                       ids of prompt and answer. A null control: it teaches nothing
 *
 * and may have a `weight` (1), a `name` for the metrics (its kind), and `when`: fields of
 * the prompt's row with the value or the values that they must have, else the part is not
 * asked and counts 0.
 *
 * Pure, but for reward_spec_read when the text names a file; fuzz/fuzz_reward_spec.c. */
#ifndef EVAL_REWARD_SPEC_H
#define EVAL_REWARD_SPEC_H

#include "base/options.h"
#include "format/json.h"

typedef enum RewardKind {
    REWARD_MODEL,
    REWARD_GOLD,
    REWARD_SKILL,
    REWARD_PROGRAM,
    REWARD_EXACT,
    REWARD_REGEX,
    REWARD_LENGTH,
    REWARD_FORMAT,
    REWARD_RANDOM,
    REWARD_KINDS
} RewardKind;
const char *reward_kind_name(RewardKind kind);

enum { MATCH_WHOLE, MATCH_FINAL, MATCH_NUMBER, MATCH_CONTAINS };
enum { LENGTH_TARGET, LENGTH_PENALTY, LENGTH_OVER };
enum { FORMAT_ENDED, FORMAT_ANSWER, FORMAT_JSON, FORMAT_CALL, FORMAT_NO_CALL };

typedef struct RewardPartOptions {
    char *name;
    double weight;
    double timeout;   /* program: seconds without an answer */
    int64_t attempts; /* program: on one answer, before it is given up */
    char *failed;     /* program: the score of such an answer; NULL: an error */
    int match;        /* exact */
    bool ignore_case; /* exact */
    char *after;      /* exact with final and number, format with answer */
    int64_t tokens;   /* length */
    int64_t buffer;   /* length */
} RewardPartOptions;

typedef struct RewardPart {
    RewardKind kind;
    char *what;           /* folder, world, field, pattern; NULL for the others */
    int how;              /* LENGTH_..., FORMAT_... */
    uint64_t seed;        /* random */
    const char **command; /* program: words, ended by NULL; borrowed from `given` */
    RewardPartOptions o;
    const json_t *when; /* of `given`; NULL: always */
    json_t *given;      /* as it was written */
} RewardPart;

enum { REWARD_MOST_PARTS = 32 };
typedef struct RewardSpec {
    RewardPart *parts;
    size_t n;
} RewardSpec;

/* Text as above: a folder, or a list or a mapping in YAML or JSON. */
NODISCARD Status reward_spec_parse(Span text, RewardSpec *out, Err *err);
/* The same, but that a text that ends in .yaml or .yml is the name of a file. */
NODISCARD Status reward_spec_read(const char *text, RewardSpec *out, Err *err);
void reward_spec_release(RewardSpec *spec);
/* The list again, as a new tree. */
json_t *reward_spec_json(const RewardSpec *spec);
/* Of all that decides a score, but not of where things are; 0 for one model of weight 1. */
uint64_t reward_spec_hash(const RewardSpec *spec);

/* Whether the part is asked about a prompt with this row (NULL: with none). */
bool reward_part_applies(const RewardPart *part, const json_t *row);

#endif
