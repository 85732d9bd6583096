/* gold_runs.c - see gold_runs.h. */
#include "study/gold_runs.h"

#include <stdio.h>

const StudyScale gold_scales[GOLD_SCALES] = {
    {.name = "full",
     .run = "overoptimization",
     .seeds = 3,
     .text_bytes = 34000000,
     .demonstrations = 18000,
     .prompts = 8000,
     .heldout_prompts = 1000,
     .vocab = 2048,
     .context = 288,
     .policy = {4, 128, 4, 12000000},
     .small = {2, 64, 2, 4000000},
     .tiny = {1, 32, 1, 2000000},
     .sft_batch = 3072,
     .few = 500,
     .batch_prompts = 8,
     .episodes = 8192,
     .batch = 128,
     .max_new = 128,
     .eval_prompts = 256,
     .eval_every = 16,
     .kl_target = 2,
     .measured = 1000,
     .best_prompts = 400,
     .best_answers = 64,
     .documents = 400,
     .checkpoint_every = -1},
    {.name = "quick",
     .run = "overoptimization-quick",
     .seeds = 3,
     .text_bytes = 20000000,
     .demonstrations = 12000,
     .prompts = 6400,
     .heldout_prompts = 640,
     .vocab = 1024,
     .context = 288,
     .policy = {4, 128, 4, 8000000},
     .small = {2, 64, 2, 3000000},
     .tiny = {1, 32, 1, 1500000},
     .sft_batch = 3072,
     .few = 400,
     .batch_prompts = 8,
     .episodes = 4096,
     .batch = 128,
     .max_new = 128,
     .eval_prompts = 128,
     .eval_every = 16,
     .kl_target = 2,
     .measured = 600,
     .best_prompts = 200,
     .best_answers = 32,
     .documents = 200,
     .checkpoint_every = 0},
    {.name = "smoke",
     .run = "overoptimization-smoke",
     .seeds = 1,
     .text_bytes = 120000,
     .demonstrations = 120,
     .prompts = 96,
     .heldout_prompts = 24,
     .vocab = 320,
     .context = 320,
     .policy = {1, 32, 1, 20000},
     .small = {1, 32, 1, 10000},
     .tiny = {1, 32, 1, 10000},
     .sft_batch = 1536,
     .few = 6,
     .batch_prompts = 4,
     .episodes = 32,
     .batch = 8,
     .max_new = 12,
     .eval_prompts = 8,
     .eval_every = 8,
     .kl_target = 1,
     .measured = 24,
     .best_prompts = 8,
     .best_answers = 4,
     .documents = 4,
     .checkpoint_every = 0},
};

RunName run_name(const char *stem, int64_t seed)
{
    RunName name;
    snprintf(name.text, sizeof name.text, "%s_%lld", stem, (long long)seed);
    return name;
}

void gold_put_world(Str *y, const StudyScale *s, const char *more)
{
    str_printf(
        y,
        "  - world: {people: 45, places: 30, animals: 30, text_bytes: %lld, "
        "demonstrations: %lld, prompts: %lld, heldout_prompts: %lld, comparisons: "
        "0, heldout_comparisons: 0%s}\n",
        (long long)s->text_bytes, (long long)s->demonstrations, (long long)s->prompts,
        (long long)s->heldout_prompts, more);
    str_printf(y, "  - tokenizer: {data: $world/pretrain.jsonl, vocab: %lld}\n",
               (long long)s->vocab);
}

void gold_put_model(Str *y, const StudyScale *s, const StudyModel *m,
                    const char *suffix, const char *more)
{
    str_printf(
        y,
        "  - pretrain: {name: base%s, data: $world/pretrain.jsonl, heldout_data: "
        "$world/heldout.jsonl, tokenizer: $tokenizer, depth: %lld, hidden: %lld, "
        "heads: %lld, context: %lld, tokens: %lld, batch_tokens: 2304, lr: 4.5e-3, "
        "beta2: 0.98, sample_every: 0, keep_checkpoints: 0%s}\n",
        suffix, (long long)m->depth, (long long)m->hidden, (long long)m->heads,
        (long long)s->context, (long long)m->tokens, more);
    str_printf(
        y,
        "  - sft: {name: sft%s, model: $base%s, data: $world/demonstrations.jsonl, "
        "overlong: drop, epochs: 2, batch_tokens: %lld, lr: 1.5e-3, ptx_data: "
        "$world/pretrain.jsonl, ptx_coef: 0.5, sample_every: 0, keep_checkpoints: "
        "0%s}\n",
        suffix, suffix, (long long)s->sft_batch, more);
}

void gold_put_comparisons(Str *y, const StudyScale *s, const char *name,
                          const char *model, int64_t prompts, const char *more)
{
    str_printf(y,
               "  - rank: {name: %s, model: $%s, prompts: $world/prompts.jsonl, world: "
               "$world/world.json, answers: 4, max_new: %lld, max_prompts: %lld%s}\n",
               name, model, (long long)s->max_new, (long long)prompts, more);
}

void gold_put_reward(Str *y, const StudyScale *s, const char *name, const char *model,
                     const char *data, const char *heldout, const char *more)
{
    str_printf(y,
               "  - reward: {name: %s, model: $%s, data: $%s/comparisons.jsonl, "
               "heldout_data: $%s/comparisons_heldout.jsonl, overlong: drop, lr: 1e-3, "
               "batch_prompts: %lld, checkpoint_every: %lld, keep_checkpoints: 0%s}\n",
               name, model, data, heldout, (long long)s->batch_prompts,
               (long long)s->checkpoint_every, more);
}

/* What guards would stop is what is studied here. */
void gold_put_ppo_stage(Str *y, const StudyScale *s, const char *name,
                        const char *model, const char *reward, const char *more)
{
    str_printf(
        y,
        "  - ppo: {name: %s, model: $%s, reward: %s, prompts: "
        "$world/prompts.jsonl, heldout_prompts: $world/prompts_heldout.jsonl, "
        "world: $world/world.json, max_new: %lld, batch: %lld, eval_prompts: %lld, "
        "eval_every: %lld, sample_every: 0, guards: false, %s}\n",
        name, model, reward, (long long)s->max_new, (long long)s->batch,
        (long long)s->eval_prompts, (long long)s->eval_every, more);
}

void gold_put_ppo(Str *y, const StudyScale *s, const char *name, const char *model,
                  const char *reward, const char *options)
{
    char more[400];
    snprintf(more, sizeof more,
             "episodes: %lld, checkpoint_every: %lld, keep_checkpoints: 0, %s",
             (long long)s->episodes, (long long)s->checkpoint_every, options);
    gold_put_ppo_stage(y, s, name, model, reward, more);
}
