/* kinds.c - the table of stages. */
#include "stages/kinds.h"

#include "base/mem.h"
#include "stages/bestof.h"
#include "stages/dpo.h"
#include "stages/kto.h"
#include "stages/pretrain.h"
#include "stages/rank.h"
#include "stages/reward.h"
#include "stages/rl/grpo.h"
#include "stages/rl/ppo.h"
#include "stages/rl/rloo.h"
#include "stages/sft.h"
#include "stages/tasks.h"
#include "stages/tokenizer.h"
#include "stages/world.h"

#include <string.h>

/* Each stage takes its own options struct; the table hands it over untyped. */
static Status run_world(const StageEnv *env, const void *o, const TrainOptions *t,
                        StageReport *report, Err *err)
{
    (void)t;
    return stage_world(env, o, report, err);
}
static Status run_tasks(const StageEnv *env, const void *o, const TrainOptions *t,
                        StageReport *report, Err *err)
{
    (void)t;
    return stage_tasks(env, o, report, err);
}
static Status run_tokenizer(const StageEnv *env, const void *o, const TrainOptions *t,
                            StageReport *report, Err *err)
{
    (void)t;
    return stage_tokenizer(env, o, report, err);
}
static Status run_pretrain(const StageEnv *env, const void *o, const TrainOptions *t,
                           StageReport *report, Err *err)
{
    return stage_pretrain(env, o, t, report, err);
}
static Status run_sft(const StageEnv *env, const void *o, const TrainOptions *t,
                      StageReport *report, Err *err)
{
    return stage_sft(env, o, t, report, err);
}
static Status run_rank(const StageEnv *env, const void *o, const TrainOptions *t,
                       StageReport *report, Err *err)
{
    (void)t;
    return stage_rank(env, o, report, err);
}
static Status run_bestof(const StageEnv *env, const void *o, const TrainOptions *t,
                         StageReport *report, Err *err)
{
    (void)t;
    return stage_bestof(env, o, report, err);
}
static Status run_reward(const StageEnv *env, const void *o, const TrainOptions *t,
                         StageReport *report, Err *err)
{
    return stage_reward(env, o, t, report, err);
}
static Status run_dpo(const StageEnv *env, const void *o, const TrainOptions *t,
                      StageReport *report, Err *err)
{
    return stage_dpo(env, o, t, report, err);
}
static Status run_kto(const StageEnv *env, const void *o, const TrainOptions *t,
                      StageReport *report, Err *err)
{
    return stage_kto(env, o, t, report, err);
}
static Status run_ppo(const StageEnv *env, const void *o, const TrainOptions *t,
                      StageReport *report, Err *err)
{
    return stage_ppo(env, o, t, report, err);
}
static Status run_rloo(const StageEnv *env, const void *o, const TrainOptions *t,
                       StageReport *report, Err *err)
{
    return stage_rloo(env, o, t, report, err);
}
static Status run_grpo(const StageEnv *env, const void *o, const TrainOptions *t,
                       StageReport *report, Err *err)
{
    return stage_grpo(env, o, t, report, err);
}

const StageKind stage_kinds[] = {
    {
        .name = "world",
        .help = "make the practice world's data sets",
        .options = &world_options,
        .default_name = "world",
        .makes_data = true,
        .example = "  tame world data/world --seed 1\n",
        .run = run_world,
    },
    {
        .name = "tasks",
        .help = "make questions whose answers a program knows",
        .options = &tasks_options,
        .default_name = "tasks",
        .makes_data = true,
        .example = "  tame tasks data/products --task multiply --examples 50000\n"
                   "  tame tasks data/chains --task multiply --variants "
                   "chain:3,calculator --size 4\n",
        .run = run_tasks,
    },
    {
        .name = "tokenizer",
        .help = "learn a byte-level BPE vocabulary from text",
        .options = &tokenizer_stage_options,
        .reads = true,
        .default_name = "tokenizer",
        .example =
            "  tame tokenizer tok --data data/world/pretrain.jsonl --vocab 2048\n"
            "  tame tokenizer tok --data 'books/*.txt.gz' --vocab 16384 --pattern "
            "cl100k\n",
        .run = run_tokenizer,
    },
    {
        .name = "pretrain",
        .help = "train a base model: a completer of documents",
        .options = &pretrain_options,
        .trains = true,
        .reads = true,
        .default_name = "base",
        .example =
            "  tame pretrain base --data data/world/pretrain.jsonl --tokenizer tok "
            "--depth 4\n"
            "  tame pretrain base --data data/world/pretrain.jsonl --tokenizer tok "
            "--optimizer muon\n",
        .run = run_pretrain,
    },
    {
        .name = "sft",
        .help = "fine-tune a base model on demonstrations",
        .options = &sft_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "sft",
        .example =
            "  tame sft sft --model base --data data/world/demonstrations.jsonl\n"
            "  tame sft sft --model base --data data/world/demonstrations.jsonl "
            "--lora-rank 16\n",
        .run = run_sft,
    },
    {
        .name = "rank",
        .help = "sample answers to prompts and have a judge rank them",
        .options = &rank_options,
        .reads = true,
        .default_name = "comparisons",
        .makes_data = true,
        .example =
            "  tame rank comparisons --model sft --prompts data/world/prompts.jsonl "
            "--world data/world/world.json\n",
        .run = run_rank,
    },
    {
        .name = "bestof",
        .help = "keep the best of several answers as demonstrations",
        .options = &bestof_options,
        .reads = true,
        .default_name = "bestof",
        .makes_data = true,
        .example = "  tame bestof best --model sft --reward reward --prompts "
                   "data/world/prompts.jsonl --answers 16\n",
        .run = run_bestof,
    },
    {
        .name = "reward",
        .help = "train a reward model on ranked answers",
        .options = &reward_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "reward",
        .example =
            "  tame reward reward --model sft --data comparisons/comparisons.jsonl\n",
        .run = run_reward,
    },
    {
        .name = "dpo",
        .help = "learn from ranked answers without a reward model (DPO, IPO)",
        .options = &dpo_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "dpo",
        .example =
            "  tame dpo dpo --model sft --data comparisons/comparisons.jsonl\n"
            "  tame dpo ipo --model sft --data comparisons/comparisons.jsonl --loss "
            "ipo\n"
            "  tame dpo dpo --model sft --data comparisons/comparisons.jsonl "
            "--lora-rank 16\n",
        .run = run_dpo,
    },
    {
        .name = "kto",
        .help = "learn from answers rated good or bad (KTO)",
        .options = &kto_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "kto",
        .example = "  tame kto kto --model sft --data rated.jsonl\n",
        .run = run_kto,
    },
    {
        .name = "ppo",
        .help = "reinforcement learning from a reward (PPO)",
        .options = &ppo_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "ppo",
        .example =
            "  tame ppo ppo --model sft --reward reward --prompts "
            "data/world/prompts.jsonl\n"
            "  tame ppo ppo --model sft --prompts data/world/prompts.jsonl --reward "
            "'[{model: reward}, {exact: expected, match: number, "
            "when: {skill: steps}}]'\n"
            "  tame ppo ppo --model sft --reward rewards.yaml --prompts p.jsonl\n",
        .run = run_ppo,
    },
    {
        .name = "rloo",
        .help = "reinforcement learning without a critic (RLOO)",
        .options = &rloo_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "rloo",
        .example = "  tame rloo rloo --model sft --reward reward --prompts "
                   "data/world/prompts.jsonl\n",
        .run = run_rloo,
    },
    {
        .name = "grpo",
        .help = "group relative policy optimisation (GRPO, Dr. GRPO, DAPO)",
        .options = &grpo_options,
        .trains = true,
        .adapts = true,
        .reads = true,
        .default_name = "grpo",
        .example = "  tame grpo grpo --model sft --reward reward --prompts "
                   "data/world/prompts.jsonl\n"
                   "  tame grpo dr --model sft --reward reward --prompts p.jsonl "
                   "--scale none --loss constant\n"
                   "  tame grpo dapo --model sft --reward reward --prompts p.jsonl "
                   "--loss token --clip-high 0.28 --equal-groups resample "
                   "--overlong-buffer 16 --kl-coef 0\n",
        .run = run_grpo,
    },
    {.name = NULL},
};

const StageKind *stage_kind_find(const char *name)
{
    for (const StageKind *k = stage_kinds; k->name; k++) {
        if (strcmp(k->name, name) == 0)
            return k;
    }
    return NULL;
}

size_t stage_options_tables(StageOptions *o, OptBinding tables[STAGE_TABLES])
{
    size_t n = 0;
    tables[n++] = (OptBinding){o->kind->options, o->own};
    if (o->kind->reads)
        tables[n++] = (OptBinding){&corpus_options, &o->corpus};
    if (o->kind->trains)
        tables[n++] = (OptBinding){&train_options, &o->train};
    if (o->kind->adapts)
        tables[n++] = (OptBinding){&lora_options, &o->lora};
    return n;
}

Status stage_options_new(StageOptions *out, const StageKind *kind, Err *err)
{
    *out = (StageOptions){.kind = kind};
    out->own = mem_alloc_array(1, kind->options->size);
    if (!out->own)
        return err_set(err, ERR_NOMEM, "no memory for options");
    OptBinding tables[STAGE_TABLES];
    size_t n = stage_options_tables(out, tables);
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++)
        status = opt_defaults(tables[i].table, tables[i].o, err);
    if (status != OK)
        stage_options_release(out);
    return status;
}

void stage_options_release(StageOptions *o)
{
    if (!o->kind)
        return;
    OptBinding tables[STAGE_TABLES];
    size_t n = stage_options_tables(o, tables);
    for (size_t i = 0; i < n; i++)
        opt_release(tables[i].table, tables[i].o);
    mem_free(o->own);
    *o = (StageOptions){0};
}

/* The message for a key that no table knows: the nearest of all. */
static Status unknown_option(const OptBinding *tables, size_t n_tables, const char *key,
                             Err *err)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < n_tables; i++)
        for (const OptField *f = tables[i].table->fields; f->name && n < 256; f++)
            names[n++] = f->name;
    const char *near = opt_nearest(key, names, n);
    if (near)
        return err_set(err, ERR_OPTION, "unknown option '%s'; did you mean '%s'?", key,
                       near);
    return err_set(err, ERR_OPTION, "unknown option '%s'", key);
}

/* Each member goes to the mapping of the table that knows it. */
static Status split_options(const OptBinding *tables, size_t n, const json_t *mapping,
                            json_t **parts, Err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(mapping), key, value)
    {
        size_t i = 0;
        while (i < n && !opt_find(tables[i].table, key))
            i++;
        if (i == n)
            return unknown_option(tables, n, key, err);
        if (json_object_set(parts[i], key, value) != 0)
            return err_set(err, ERR_NOMEM, "no memory for options");
    }
    return OK;
}

Status stage_options_read(StageOptions *o, const json_t *mapping, Err *err)
{
    OptBinding tables[STAGE_TABLES];
    size_t n = stage_options_tables(o, tables);
    json_t *parts[STAGE_TABLES];
    for (size_t i = 0; i < n; i++)
        parts[i] = json_object();
    Status status = split_options(tables, n, mapping, parts, err);
    for (size_t i = 0; i < n; i++) {
        if (status == OK)
            status = json_to_options(parts[i], tables[i].table, tables[i].o, err);
        json_decref(parts[i]);
    }
    return status;
}

json_t *stage_options_record(const StageOptions *o)
{
    StageOptions same = *o; /* bindings are for writing too */
    OptBinding tables[STAGE_TABLES];
    size_t n = stage_options_tables(&same, tables);
    json_t *record = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *part = json_from_options(tables[i].table, tables[i].o);
        json_object_update(record, part);
        json_decref(part);
    }
    return record;
}
