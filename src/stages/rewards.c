/* rewards.c - a stage's reward and critic, see rewards.h. */
#include "stages/rewards.h"

#include "model/folder.h"

#include <stdio.h>

Status rewards_open(Rewards *r, const char *text, const RewardEnv *env, Err *err)
{
    RewardSpec spec;
    *r = (Rewards){0};
    if (!text)
        return err_set(
            err, ERR_OPTION,
            "option 'reward' is not set: a reward model, or a list of parts");
    TRY(reward_spec_read(text, &spec, err));
    r->hash = reward_spec_hash(&spec);
    return reward_sum_open(&r->sum, &spec, env, err);
}

Status rewards_check(const Rewards *r, const Prompts *prompts, Err *err)
{
    for (int64_t i = 0; i < prompts->n; i++) {
        if (reward_sum_check(r->sum, prompts_row(prompts, i), err) != OK)
            return err_context(err, "prompt %lld", (long long)prompts->record[i] + 1);
    }
    return OK;
}

void rewards_plan(MemoryPlan *plan, const Rewards *r, const Model *beside)
{
    const Model *model;
    for (size_t i = 0; (model = reward_sum_model(r->sum, i, NULL)); i++) {
        bool shared = beside && model->base &&
                      model->base == (beside->base ? beside->base : beside);
        if (model->base && !shared)
            memory_add_model(plan, &model->base->shape, false);
        memory_add_model(plan, &model->shape, false);
        memory_add_tape(plan, &model->shape, reward_pass_tokens(&model->shape), false);
    }
}

Status rewards_prepare(Rewards *r, Err *err)
{
    return reward_sum_prepare(r->sum, &r->reward, err);
}

void rewards_release(Rewards *r)
{
    if (!r)
        return;
    reward_release(&r->reward);
    reward_sum_free(r->sum);
    *r = (Rewards){0};
}

void rewards_begin(Rewards *r)
{
    reward_sum_begin(r->sum);
}

void rewards_put(const Rewards *r, const char *prefix, Metrics *m)
{
    size_t n = reward_sum_spec(r->sum)->n;
    for (size_t i = 0; n > 1 && i < n; i++) {
        RewardPartStats s;
        char key[96];
        reward_sum_part(r->sum, i, &s);
        if (s.n == 0)
            continue;
        snprintf(key, sizeof key, "%srewards/%s/mean", prefix, s.name);
        metrics_put(m, key, s.mean);
        snprintf(key, sizeof key, "%srewards/%s/std", prefix, s.name);
        metrics_put(m, key, s.sd);
    }
}

/* --- the critic ---------------------------------------------------------------------- */

/* The policy's trunk, copied, under a scalar head that trains. */
static Status scalar_over_trunk(Model **out, TensorOps *ops, const Model *trunk,
                                int64_t seed, Err *err)
{
    ModelShape shape = trunk->shape;
    shape.head = HEAD_SCALAR;
    shape.tied = false;
    shape.lora = (ModelLora){0};
    *out = NULL;
    TRY(model_shape_check(&shape, err));
    TRY(model_new(out, ops, &shape, true, err));
    Status status = model_init(*out, (uint64_t)seed, err);
    if (status == OK)
        status = model_copy_trunk(*out, trunk, err);
    if (status != OK) {
        model_free(*out);
        *out = NULL;
    }
    return status;
}

/* An adapter over the model in `folder`, or over `from` where there is none. */
static Status adapter_critic(Model **out, const char *folder, Model *from,
                             const RewardEnv *env, const ModelLora *lora, int64_t seed,
                             Err *err)
{
    Model *opened = NULL;
    if (folder) {
        TRY(model_folder_open(&opened, env->ops, folder, env->beside, NULL, err));
        from = opened;
    }
    Status status =
        folder ? reward_model_check(from, folder, "critic", env->policy, err) : OK;
    if (status == OK)
        status =
            model_adapter_new(out, from, lora, HEAD_SCALAR, true, (uint64_t)seed, err);
    model_free(opened); /* the adapter holds its base */
    return status == OK ? OK : err_context(err, "option 'critic'");
}

Status rewards_critic(Model **out, const Rewards *r, const char *folder,
                      const RewardEnv *env, Model *policy, const ModelLora *lora,
                      int64_t seed, const char **from, Err *err)
{
    const char *named = folder;
    *out = NULL;
    Model *reward = folder ? NULL : reward_sum_model(r->sum, 0, &named);
    if (from)
        *from = named ? named : "the policy's trunk";
    if (lora->rank > 0)
        return adapter_critic(out, folder, reward ? reward : policy, env, lora, seed,
                              err);
    if (!named)
        return scalar_over_trunk(out, env->ops, policy, seed, err);
    TRY(model_folder_load(out, env->ops, named, true, NULL, err));
    if (reward_model_check(*out, named, "critic", env->policy, err) != OK) {
        model_free(*out);
        *out = NULL;
        return err_context(err, "option 'critic'");
    }
    return OK;
}
