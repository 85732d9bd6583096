/* rl.c - the core of reinforcement learning, see rl_internal.h: opening and closing, the
 * plan of the memory, evaluation on held-out prompts, the Objective.
 *
 * The policy starts as the SFT model and learns; the SFT model as reference and the reward
 * (rewards.h) stay as they are. Checkpoints fall between iterations, so the KL coefficient and
 * the number of groups are the only state beside weights and moments: prompts, draws and
 * shuffles are keyed by their numbers. */
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "stages/ptx_shard.h"
#include "stages/rl/rl_internal.h"

#include <math.h>
#include <stdio.h>

static const TrainOptions stage_defaults = {
    .lr = 1e-4, /* at width 192 */
    .lr_end = 0,
    .schedule = SCHEDULE_LINEAR,
    .warmup = 0,
    .weight_decay = 0,
    .beta2 = 0.999,
    .eps = 1e-5,
};
static const double lora_lr = 5e-4; /* at width 192 */

enum { SLOTS = 64, SAMPLES = 8 };

/* --- evaluation ---------------------------------------------------------------------- */

/* Answers to the first n held-out prompts into results and items; the draws differ from
 * those of training and are the same each time. */
static Status answer_heldout(RlStage *s, int64_t n, Err *err)
{
    AnswerOptions o = {s->o->temperature, s->o->max_new, s->t->seed};
    for (int64_t i = 0; i < n; i++)
        s->which[i] = i;
    uint64_t apart = (uint64_t)1 << 48;
    TRY(answerer_run(s->answerer, &s->heldout, s->which, n, apart, &o, s->results, NULL,
                     err));
    for (int64_t i = 0; i < n; i++)
        s->items[i] = answerer_item(s->answerer, &s->heldout, i, &s->results[i]);
    return OK;
}

static void release_results(RlStage *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        engine_result_release(&s->results[i]);
}

static Status put_scores(RlStage *s, Reward *judge, int64_t n, const char *mean_key,
                         const char *sd_key, Metrics *m, Err *err)
{
    double *score;
    TRY(MEM_ARRAY(&score, (size_t)n, err));
    Status status = reward_score(judge, s->items, n, err);
    for (int64_t i = 0; status == OK && i < n; i++)
        score[i] = s->items[i].score;
    if (status == OK) {
        metrics_put(m, mean_key, stats_mean(score, n));
        metrics_put(m, sd_key, stats_sd(score, n));
    }
    mem_free(score);
    return status;
}

static Status evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)u;
    RlStage *s = self;
    int64_t n = s->heldout.n;
    if (n == 0)
        return OK;
    TRY(answer_heldout(s, n, err));
    rewards_begin(&s->rewards);
    Status status = put_scores(s, &s->rewards.reward, n, "heldout/score",
                               "heldout/score_std", m, err);
    if (status == OK)
        rewards_put(&s->rewards, "heldout/", m);
    if (status == OK && s->gold.self)
        status = put_scores(s, &s->gold, n, "heldout/gold", "heldout/gold_std", m, err);
    double length = 0, ended = 0;
    for (int64_t i = 0; i < n; i++) {
        length += (double)s->items[i].n_answer / (double)n;
        ended += (double)s->items[i].ended / (double)n;
    }
    metrics_put(m, "heldout/len_mean", length);
    metrics_put(m, "heldout/missing_eos_frac", 1 - ended);
    release_results(s, n);
    if (status == OK)
        rl_watch_heldout(s, m);
    return status;
}

static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    RlStage *s = self;
    int64_t n = s->heldout.n < SAMPLES ? s->heldout.n : SAMPLES;
    double score[SAMPLES];
    if (n == 0)
        return OK;
    TRY(answer_heldout(s, n, err));
    Status status = reward_score(&s->rewards.reward, s->items, n, err);
    for (int64_t i = 0; i < n; i++)
        score[i] = s->items[i].score;
    if (status == OK && s->gold.self)
        status = reward_score(&s->gold, s->items, n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        json_t *one = answerer_sample(s->answerer, &s->heldout, i, &s->results[i]);
        json_object_set_new(one, "score", json_real(score[i]));
        if (s->gold.self)
            json_object_set_new(one, "gold", json_real(s->items[i].score));
        json_array_append_new(samples, one);
    }
    release_results(s, n);
    return status;
}

/* --- the rest of the objective ------------------------------------------------------- */

static Status update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    return rl_update(self, u, m, loss, skip, err);
}

static json_t *state(void *self)
{
    const RlStage *s = self;
    json_t *saved = json_object();
    json_object_set_new(saved, "kl_coef", json_real(s->kl_coef));
    json_object_set_new(saved, "groups", json_integer(s->groups));
    json_object_set_new(saved, "loss", json_real(s->last_loss));
    json_object_set_new(saved, "guards", guards_state(&s->guards));
    return saved;
}

static Status restore(void *self, const json_t *saved, Err *err)
{
    RlStage *s = self;
    TRY(json_get_int(saved, "groups", &s->groups, err));
    TRY(json_get_real_or(saved, "loss", 0, &s->last_loss, err));
    TRY(guards_restore(&s->guards, json_object_get(saved, "guards"), err));
    return json_get_real_or(saved, "kl_coef", s->o->kl_coef, &s->kl_coef, err);
}

/* What is chatted with needs no critic. */
static Status finish(void *self, Metrics *m, Err *err)
{
    (void)m;
    (void)err;
    RlStage *s = self;
    model_drop_score(s->sft.model);
    return OK;
}

static double tokens(void *self)
{
    const RlStage *s = self;
    return s->tokens;
}

static double flops(void *self)
{
    const RlStage *s = self;
    return s->flops;
}

static void put_times(void *self, Metrics *m)
{
    const RlTimes *t = &((RlStage *)self)->times;
    metrics_put(m, "seconds_rollout", t->rollout);
    metrics_put(m, "seconds_reward", t->reward);
    metrics_put(m, "seconds_look_back", t->look_back);
    metrics_put(m, "seconds_update", t->update);
    if (t->rollout > 0)
        metrics_put(m, "rollout_tokens_per_second", t->drawn / t->rollout);
    if (t->update > 0)
        metrics_put(m, "update_tokens_per_second", t->learned / t->update);
}

static double waited(void *self)
{
    const RlStage *s = self;
    return prefetch_waited(s->ptx_ahead);
}

/* --- opening ------------------------------------------------------------------------- */

static Status check_options(const RlOptions *o, Err *err)
{
    if (!o->prompts)
        return err_set(err, ERR_OPTION, "option 'prompts' is not set");
    if (o->batch < o->minibatches)
        return err_set(err, ERR_OPTION,
                       "a batch of %lld episodes cannot be cut into %lld minibatches",
                       (long long)o->batch, (long long)o->minibatches);
    if (o->batch % o->answers != 0)
        return err_set(err, ERR_OPTION,
                       "a batch of %lld episodes is not so many prompts with %lld "
                       "answers each: make it a multiple",
                       (long long)o->batch, (long long)o->answers);
    if (o->overlong_buffer > o->max_new)
        return err_set(err, ERR_OPTION, "overlong_buffer is more than max_new");
    if (o->ptx_coef > 0 && !o->ptx_data)
        return err_set(err, ERR_OPTION, "ptx_coef is set, but not ptx_data");
    return OK;
}

Status rl_check_group(const RlOptions *o, Err *err)
{
    if (o->answers < 2)
        return err_set(err, ERR_OPTION,
                       "one answer a prompt has nothing to be compared with: set "
                       "'answers' to 2 or more");
    return OK;
}

RewardEnv rl_reward_env(const RlStage *s)
{
    ASSERT(s->sft.model);
    return (RewardEnv){.ops = s->sft.model->ops,
                       .policy = &s->sft.model->shape,
                       .tok = s->sft.tok,
                       .chat = s->sft.chat,
                       .beside = s->lora.rank > 0 ? s->reference : NULL};
}

/* Opens what is behind s->rewards, whose tapes are made when their memory is planned. */
static Status open_reward(RlStage *s, Err *err)
{
    const RewardEnv env = rl_reward_env(s);
    return rewards_open(&s->rewards, s->o->reward, &env, err);
}

static ModelHead policy_head(const RlStage *s)
{
    return s->method->policy_head ? s->method->policy_head(s) : HEAD_LM;
}

/* A critic's row begins at zero: it says nothing until it has learned. */
static Status add_row(RlStage *s, Err *err)
{
    if (policy_head(s) != HEAD_BOTH)
        return OK;
    TensorOps *ops = s->sft.model->ops;
    if (s->lora.rank == 0)
        return model_add_score(&s->sft.model, err);
    ops->fill(ops, s->sft.model->score.value, 0);
    return OK;
}

/* An adapter begins as nothing, or as the one that the SFT model is: so the reference is
 * the SFT model itself, and the policy an adapter over the same base. */
static Status open_policy(RlStage *s, const StageEnv *env, Err *err)
{
    const char *folder = s->o->model;
    TRY(lora_read(&env->lora, &s->lora, err));
    s->lora_hash = lora_hash(&env->lora);
    if (s->lora.rank == 0) {
        TRY(chat_model_open(&s->sft, env->ops, folder, true, err));
        TRY(add_row(s, err));
        return model_folder_load(&s->reference, env->ops, folder, false, NULL, err);
    }
    TRY(chat_model_open_shared(&s->sft, env->ops, folder, err));
    s->reference = s->sft.model;
    s->sft.model = NULL;
    if (model_adapter_new(&s->sft.model, s->reference, &s->lora, policy_head(s), true,
                          (uint64_t)s->t->seed, err) != OK)
        return err_context(err, "'%s'", folder);
    return add_row(s, err);
}

static Status open_models(RlStage *s, const StageEnv *env, Err *err)
{
    TRY(open_policy(s, env, err));
    TRY(open_reward(s, err));
    s->policy = (Learner){.name = "policy", .model = s->sft.model, .lr_scale = 1};
    return s->method->open ? s->method->open(s, env->ops, err) : OK;
}

/* The judge of the world, or a second reward model. */
static Status open_gold(RlStage *s, Err *err)
{
    const RlOptions *o = s->o;
    if (o->world) {
        TRY(world_open(&s->world, o->world, err));
        return reward_from_judge(&s->gold, s->world, s->sft.tok, s->sft.chat, err);
    }
    if (!o->gold_reward)
        return OK;
    const RewardEnv env = rl_reward_env(s);
    return rewards_open(&s->gold_rewards, o->gold_reward, &env, err);
}

static Status open_prompts(RlStage *s, const StageEnv *env, Err *err)
{
    const RlOptions *o = s->o;
    int64_t context = s->sft.model->shape.context;
    TRY(prompts_load(&s->prompts, o->prompts, &env->corpus, s->sft.chat, context,
                     o->max_new, 0, err));
    if (o->heldout_prompts)
        TRY(prompts_load(&s->heldout, o->heldout_prompts, &env->corpus, s->sft.chat,
                         context, o->max_new, o->eval_prompts, err));
    TRY(rewards_check(&s->rewards, &s->prompts, err));
    TRY(rewards_check(&s->rewards, &s->heldout, err));
    if (s->gold_rewards.sum) {
        TRY(rewards_check(&s->gold_rewards, &s->prompts, err));
        TRY(rewards_check(&s->gold_rewards, &s->heldout, err));
    }
    s->prompt_epoch = -1;
    return MEM_ARRAY(&s->prompt_order, (size_t)s->prompts.n, err);
}

/* About as many tokens of pretraining text an update as of answers. */
static PackOptions ptx_pack(const RlStage *s)
{
    const RlOptions *o = s->o;
    int64_t context = s->sft.model->shape.context;
    int64_t rows = o->batch / o->minibatches * o->max_new / context;
    return (PackOptions){.row = context,
                         .rows = rows > 0 ? rows : 1,
                         .overlong = PACK_SPLIT,
                         .seed = (uint64_t)s->t->seed,
                         .shuffle = true};
}

static Status open_ptx(RlStage *s, const StageEnv *env, Err *err)
{
    const RlOptions *o = s->o;
    if (o->ptx_coef <= 0)
        return OK;
    PackOptions pack = ptx_pack(s);
    TRY(ptx_shard_open(&s->ptx_shard, env, o->ptx_data, s->sft.tok, err));
    TRY(packer_new(&s->ptx_packer, shard_pack_source(&s->ptx_shard), &pack, err));
    return prefetch_new(&s->ptx_ahead, s->ptx_packer, pack.row * pack.rows, err);
}

static Status make_experience(Experience *x, size_t batch, size_t context, Err *err)
{
    size_t n = batch * context;
    x->n = (int64_t)batch;
    TRY(MEM_ARRAY(&x->episodes, batch, err));
    TRY(MEM_ARRAY(&x->outcome, batch, err));
    TRY(MEM_ARRAY(&x->relative, batch, err));
    TRY(MEM_ARRAY(&x->ids, n, err));
    TRY(MEM_ARRAY(&x->is_action, n, err));
    float **const arrays[] = {&x->drawn_logprob, &x->logprob, &x->ref_logprob,
                              &x->entropy,       &x->weight,  &x->advantage};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(MEM_ARRAY(arrays[i], n, err));
    return OK;
}

static Status make_pass(RlPass *pass, size_t batch, size_t most, Err *err)
{
    TRY(batch_new(&pass->batch, (int64_t)most, err));
    TRY(MEM_ARRAY(&pass->episodes, batch, err));
    TRY(MEM_ARRAY(&pass->actions, batch, err));
    float **const arrays[] = {&pass->logprob,     &pass->entropy,   &pass->old_logprob,
                              &pass->ref_logprob, &pass->advantage, &pass->weight,
                              &pass->dlogprob,    &pass->dentropy};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(MEM_ARRAY(arrays[i], most, err));
    return OK;
}

int64_t rl_pass_tokens(const RlStage *s)
{
    int64_t context = s->sft.model->shape.context;
    return s->t->micro_batch > context ? s->t->micro_batch : context;
}

/* The most answers that are made at once. */
static int64_t most_answers(const RlOptions *o)
{
    return o->batch > o->eval_prompts ? o->batch : o->eval_prompts;
}

static int32_t answer_slots(const RlOptions *o)
{
    return most_answers(o) < SLOTS ? (int32_t)most_answers(o) : SLOTS;
}

static int32_t answer_capacity(const RlStage *s)
{
    const ModelShape *shape = &s->sft.model->shape;
    int32_t training = prompts_capacity(&s->prompts, s->o->max_new, shape);
    int32_t heldout = prompts_capacity(&s->heldout, s->o->max_new, shape);
    return training > heldout ? training : heldout;
}

/* The models, the prompts and the world are in memory already. */
static Status plan_memory(MemoryPlan *plan, const RlStage *s, Err *err)
{
    const ModelShape *policy = &s->sft.model->shape;
    plan->mapped = s->ptx_shard.map.len;
    const Model *beside = s->lora.rank > 0 ? s->reference : NULL;
    lora_plan(plan, s->sft.model);
    if (!beside || beside->base) /* else it is the policy's base */
        memory_add_model(plan, &s->reference->shape, false);
    rewards_plan(plan, &s->rewards, beside);
    if (s->gold_rewards.sum)
        rewards_plan(plan, &s->gold_rewards, beside);
    if (s->method->plan_models)
        s->method->plan_models(s, plan);
    memory_add_process(plan);
    memory_add_optimizer(plan, policy);
    memory_add_tape(plan, policy, rl_pass_tokens(s), true);
    memory_add_tape(plan, policy, rl_pass_tokens(s), false);
    if (s->method->plan_training)
        s->method->plan_training(s, plan);
    memory_add_cache(plan,
                     engine_bytes(policy, answer_slots(s->o), answer_capacity(s)));
    if (s->ptx_packer) {
        PackOptions pack = ptx_pack(s);
        int64_t tokens =
            lm_pass_tokens(pack.row * pack.rows, s->t->micro_batch, pack.row);
        memory_add_tape(plan, policy, tokens, true);
    }
    return memory_settle(plan, s->t, err);
}

static Status make_tapes(RlStage *s, TapeOptions keeps, Err *err)
{
    int64_t most = rl_pass_tokens(s);
    TRY(tape_new(&s->policy_tape, s->sft.model, most, keeps, err));
    TRY(tape_new(&s->reference_tape, s->reference, most, (TapeOptions){0}, err));
    TRY(rewards_prepare(&s->rewards, err));
    if (s->gold_rewards.sum) {
        TRY(rewards_prepare(&s->gold_rewards, err));
        s->gold = s->gold_rewards.reward;
    }
    if (!s->ptx_packer)
        return OK;
    PackOptions pack = ptx_pack(s);
    return lm_pass_new(&s->ptx_pass, s->sft.model, pack.row * pack.rows,
                       s->t->micro_batch, pack.row, keeps, err);
}

static Status make_buffers(RlStage *s, Err *err)
{
    const RlOptions *o = s->o;
    int64_t context = s->sft.model->shape.context, answers = most_answers(o);
    TRY(make_experience(&s->experience, (size_t)o->batch, (size_t)context, err));
    TRY(make_pass(&s->pass, (size_t)o->batch, (size_t)rl_pass_tokens(s), err));
    TRY(MEM_ARRAY(&s->order, (size_t)o->batch, err));
    TRY(MEM_ARRAY(&s->grams, (size_t)context, err));
    TRY(MEM_ARRAY(&s->results, (size_t)answers, err));
    TRY(MEM_ARRAY(&s->items, (size_t)answers, err));
    TRY(MEM_ARRAY(&s->which, (size_t)answers, err));
    return answerer_new(&s->answerer, s->sft.model, s->sft.tok, s->sft.chat,
                        answer_slots(o), answer_capacity(s), o->tools, err);
}

/* --- closing ------------------------------------------------------------------------- */

static void release_experience(Experience *x)
{
    mem_free(x->episodes);
    mem_free(x->outcome);
    mem_free(x->relative);
    mem_free(x->ids);
    mem_free(x->is_action);
    float *const arrays[] = {x->drawn_logprob, x->logprob, x->ref_logprob,
                             x->entropy,       x->weight,  x->advantage};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
}

static void release_pass(RlPass *pass)
{
    batch_free(pass->batch);
    mem_free(pass->episodes);
    mem_free(pass->actions);
    float *const arrays[] = {pass->logprob,     pass->entropy,   pass->old_logprob,
                             pass->ref_logprob, pass->advantage, pass->weight,
                             pass->dlogprob,    pass->dentropy};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
}

static void release(RlStage *s)
{
    if (s->method->release)
        s->method->release(s);
    answerer_free(s->answerer);
    release_experience(&s->experience);
    release_pass(&s->pass);
    mem_free(s->order);
    mem_free(s->results);
    mem_free(s->items);
    mem_free(s->which);
    mem_free(s->prompt_order);
    lm_pass_free(s->ptx_pass);
    prefetch_free(s->ptx_ahead);
    packer_free(s->ptx_packer);
    shard_close(&s->ptx_shard);
    prompts_release(&s->prompts);
    prompts_release(&s->heldout);
    rewards_release(&s->rewards);
    if (!s->gold_rewards.sum)
        reward_release(&s->gold);
    rewards_release(&s->gold_rewards);
    world_free(s->world);
    mem_free(s->grams);
    tape_free(s->policy_tape);
    tape_free(s->reference_tape);
    adamw_release(&s->policy.adamw, s->policy.model);
    model_free(s->reference);
    chat_model_release(&s->sft);
}

/* --- the stage ----------------------------------------------------------------------- */

static Status prepare(RlStage *s, const StageEnv *env, Err *err)
{
    MemoryPlan plan = {.ops = env->ops};
    TRY(open_gold(s, err));
    TRY(open_prompts(s, env, err));
    TRY(open_ptx(s, env, err));
    TRY(plan_memory(&plan, s, err));
    TapeOptions keeps = {.backward = true, .recomputed = plan.recomputed};
    s->kl_coef = s->o->kl_coef;
    s->guards.limits = rl_guard_limits(s->o);
    TRY(adamw_new(&s->policy.adamw, s->policy.model, err));
    TRY(make_tapes(s, keeps, err));
    if (s->method->prepare)
        TRY(s->method->prepare(s, keeps, err));
    return make_buffers(s, err);
}

static Objective make_objective(RlStage *s)
{
    const RlOptions *o = s->o;
    int64_t iterations = (o->episodes + o->batch - 1) / o->batch;
    const uint64_t data[] = {documents_hash(&s->prompts.rendered),
                             documents_hash(&s->heldout.rendered), s->ptx_shard.source,
                             s->rewards.hash, s->lora_hash};
    bool plain = s->rewards.hash == 0 && s->lora_hash == 0;
    return (Objective){
        .self = s,
        .stage = s->method->options->name,
        .updates = iterations * o->epochs * o->minibatches,
        .fingerprint =
            stage_fingerprint(s->method->options, o, s->t, data, plain ? 3 : 5),
        .updates_per_iteration = o->epochs * o->minibatches,
        .n_learners = s->critic ? 2 : 1,
        .learners = {&s->policy, s->critic},
        .update = update,
        .evaluate = evaluate,
        .sample = sample,
        .state = state,
        .restore = restore,
        .finish = policy_head(s) == HEAD_BOTH ? finish : NULL,
        .tokens = tokens,
        .flops = flops,
        .waited = s->ptx_ahead ? waited : NULL,
        .timings = put_times,
    };
}

static Status train(RlStage *s, const StageEnv *env, StageReport *report, Err *err)
{
    const RlOptions *o = s->o;
    Objective objective = make_objective(s);
    int64_t iterations = objective.updates / objective.updates_per_iteration;
    TrainReport run = {0};
    lora_tell(objective.stage, env->ops, &s->sft.model->shape);
    log_info(
        "%s: %lld iterations of %lld episodes on %s prompts, peak learning rate %.3g",
        objective.stage, (long long)iterations, (long long)o->batch,
        log_count((double)s->prompts.n), s->t->lr);
    ModelSpecials specials = chat_specials(s->sft.tok);
    Status status =
        trainer_run(&objective, s->t, s->sft.tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%lld episodes on %lld prompts, %lld epochs of %lld minibatches; "
                 "reward from "
                 "'%.200s'",
                 (long long)iterations * o->batch, (long long)s->prompts.n,
                 (long long)o->epochs, (long long)o->minibatches, o->reward);
        stage_report_fill(report, &run, s->sft.model, o->model);
    }
    train_report_release(&run);
    if (status == OK)
        status = rl_write_diagnosis(s, err);
    return status;
}

Status rl_run(RlStage *s, const StageEnv *env, const TrainOptions *given,
              StageReport *report, Err *err)
{
    TRY(check_options(s->o, err));
    TrainOptions t = *given, defaults = stage_defaults;
    s->t = &t;
    s->folder = env->folder;
    Status status = open_models(s, env, err);
    if (status == OK) {
        defaults.lr = stage_lr(s->lora.rank > 0 ? lora_lr : stage_defaults.lr,
                               &s->sft.model->shape);
        train_options_resolve(&t, &defaults);
        status = prepare(s, env, err);
    }
    if (status == OK)
        status = train(s, env, report, err);
    release(s);
    return status;
}
