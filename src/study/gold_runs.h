/* gold_runs.h - the runs on the practice world that studies have in common, as stages of a
 * recipe: the world, a base model and its fine-tuned assistant, comparisons of its answers by
 * the gold judge, reward models, PPO against them with the gold judge looking on. */
#ifndef STUDY_GOLD_RUNS_H
#define STUDY_GOLD_RUNS_H

#include "base/str.h"

#include <stdint.h>

/* A model that is pretrained and fine-tuned: the policy, or where reward models start. */
typedef struct StudyModel {
    int64_t depth, hidden, heads, tokens; /* tokens: of pretraining */
} StudyModel;

typedef struct StudyScale {
    const char *name, *run; /* "quick"; the run folder's default name */
    int64_t seeds;          /* of the runs where the table asks for several */
    int64_t text_bytes, demonstrations, prompts, heldout_prompts, vocab, context;
    StudyModel policy, small, tiny;
    int64_t sft_batch;
    int64_t few;           /* prompts of the smallest set of comparisons: N; the others
                              have 4N and 16N */
    int64_t batch_prompts; /* rankings an update of the reward models */
    int64_t episodes, batch, max_new; /* of an RL run */
    int64_t eval_prompts, eval_every;
    double kl_target;
    int64_t measured;                   /* held-out prompts of a measure */
    int64_t best_prompts, best_answers; /* for best of n */
    int64_t documents;                  /* for bits per byte */
    int64_t checkpoint_every; /* of reward models and RL: 0 where they are short */
} StudyScale;
enum { GOLD_FULL, GOLD_QUICK, GOLD_SMOKE, GOLD_SCALES };
extern const StudyScale gold_scales[GOLD_SCALES];

/* Names of runs that differ by seed: "ppo_1". */
typedef struct RunName {
    char text[48];
} RunName;
RunName run_name(const char *stem, int64_t seed);

/* Each appends stages to the YAML of a recipe. `more` are options of this run alone
 * (", seed: 2"). `model`, `data`, `heldout`: names of runs. */
/* world and tokenizer */
void gold_put_world(Str *y, const StudyScale *s, const char *more);
/* base<suffix> and sft<suffix> */
void gold_put_model(Str *y, const StudyScale *s, const StudyModel *m,
                    const char *suffix, const char *more);
void gold_put_comparisons(Str *y, const StudyScale *s, const char *name,
                          const char *model, int64_t prompts, const char *more);
void gold_put_reward(Str *y, const StudyScale *s, const char *name, const char *model,
                     const char *data, const char *heldout, const char *more);
/* reward: as YAML, "$reward_1". more and options begin without a comma; of the second the
 * scale says how many episodes. */
void gold_put_ppo_stage(Str *y, const StudyScale *s, const char *name,
                        const char *model, const char *reward, const char *more);
void gold_put_ppo(Str *y, const StudyScale *s, const char *name, const char *model,
                  const char *reward, const char *options);

#endif
