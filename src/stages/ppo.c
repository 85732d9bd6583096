/* ppo.c - stage 4: PPO from a reward, see ppo.h.
 *
 * Two models learn: the policy (starts as the SFT model) and the critic (starts as the
 * reward model: Stiennon et al. 2020 found separate networks clearly better); the SFT model
 * as reference and the reward (rewards.h) stay as they are. An iteration:
 *
 *     batch of prompts ─► engine: answers, calls executed ─► reward: a score each
 *       └─► training forward: log pi, log ref, V ─► rewards, advantages   ppo_rollout.c
 *             └─► epochs x minibatches: clipped updates of both           ppo_update.c
 *
 * Here: options, opening the models, evaluation on held-out prompts, the Objective.
 * Checkpoints fall between iterations, so the KL coefficient is the only state beside
 * weights and moments: prompts, draws and shuffles are keyed by their numbers. */
#include "stages/ppo.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "stages/ppo_internal.h"
#include "stages/ptx_shard.h"
#include "train/memory.h"

#include <math.h>
#include <stdio.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(PpoOptions, model, NULL, "folder of the SFT model: policy and reference"),
    OPT_TREE(PpoOptions, reward, NULL, REWARDS_HELP),
    OPT_TEXT(PpoOptions, critic, NULL, "folder of a model with a scalar head that the critic starts from; unset: the first reward model, or else the policy's trunk with a fresh head"),
    OPT_TEXT(PpoOptions, prompts, NULL, "prompts: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(PpoOptions, world, NULL, "practice world (its folder or world.json): logs the gold reward, which PPO never sees; unset: does not"),
    OPT_TEXT(PpoOptions, heldout_prompts, NULL, "prompts to evaluate on; unset: no evaluation"),
    OPT_TEXT(PpoOptions, ptx_data, NULL, "pretraining text to mix in: folder with train.shard, or data; needs ptx_coef"),
    OPT_INT(PpoOptions, episodes, 4096, 1, 9e15, "answers to learn from in all"),
    OPT_INT(PpoOptions, batch, 128, 1, 1e6, "episodes an iteration"),
    OPT_INT(PpoOptions, minibatches, 4, 1, 1e6, "updates an epoch"),
    OPT_INT(PpoOptions, epochs, 2, 1, 1000, "passes over the episodes of an iteration"),
    OPT_REAL(PpoOptions, temperature, 1, 0.01, 100, "of the rollouts; log-probabilities are taken at the same"),
    OPT_INT(PpoOptions, max_new, 96, 1, 1e6, "tokens an answer may have, tool results included"),
    OPT_REAL(PpoOptions, kl_coef, 0.05, 0, 1e6, "penalty for a nat of KL to the reference; where it starts when kl_target is set"),
    OPT_REAL(PpoOptions, kl_target, 0, 0, 1e6, "nats an answer that the coefficient is steered to; 0: it is fixed"),
    OPT_REAL(PpoOptions, kl_horizon, 10000, 1, 1e12, "episodes over which the coefficient adapts"),
    OPT_REAL(PpoOptions, gamma, 1, 0, 1, "discount of a token"),
    OPT_REAL(PpoOptions, lambda, 0.95, 0, 1, "of generalised advantage estimation"),
    OPT_REAL(PpoOptions, clip, 0.2, 0.0001, 1e6, "of the policy's ratio"),
    OPT_REAL(PpoOptions, value_clip, 0.2, 0, 1e6, "of the value's change; 0: none"),
    OPT_REAL(PpoOptions, value_coef_lr, 3, 0, 1000, "the critic's learning rate as a multiple of the policy's"),
    OPT_REAL(PpoOptions, missing_eos_penalty, 1, 0, 1e6, "taken from the score of an answer that does not end"),
    OPT_REAL(PpoOptions, score_clip, 0, 0, 1e6, "limit of a score's size; 0: none"),
    OPT_REAL(PpoOptions, entropy_coef, 0, 0, 1e6, "bonus for a nat of entropy"),
    OPT_REAL(PpoOptions, ptx_coef, 0, 0, 1e6, "weight of the loss on pretraining text; 0: not mixed in"),
    OPT_REAL(PpoOptions, target_kl, 0, 0, 1e6, "leave an iteration when a minibatch's approximate KL passes this; 0: never"),
    OPT_BOOL(PpoOptions, whiten_rewards, false, "scale rewards to unit spread in each iteration"),
    OPT_BOOL(PpoOptions, tools, true, "execute calculator calls in rollouts"),
    OPT_INT(PpoOptions, eval_prompts, 128, 1, 1e6, "held-out prompts to evaluate on"),
    OPT_END
};
/* clang-format on */
const OptTable ppo_options = {"ppo", "reinforcement learning from a reward",
                              sizeof(PpoOptions), fields};

static const TrainOptions stage_defaults = {
    .lr = 1e-4, /* at width 192 */
    .lr_end = 0,
    .schedule = SCHEDULE_LINEAR,
    .warmup = 0,
    .weight_decay = 0,
    .beta2 = 0.999,
    .eps = 1e-5,
};

enum { SLOTS = 64, SAMPLES = 8 };

/* --- the objective ------------------------------------------------------------------- */

static Status update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                     Err *err)
{
    return ppo_update(self, u, m, loss, skip, err);
}

/* Answers to the first n held-out prompts into results and items; the draws differ from
 * those of training and are the same each time. */
static Status answer_heldout(PpoStage *p, int64_t n, Err *err)
{
    AnswerOptions o = {p->o->temperature, p->o->max_new, p->t->seed};
    for (int64_t i = 0; i < n; i++)
        p->which[i] = i;
    uint64_t apart = (uint64_t)1 << 48;
    TRY(answerer_run(p->answerer, &p->heldout, p->which, n, apart, &o, p->results, NULL,
                     err));
    for (int64_t i = 0; i < n; i++)
        p->items[i] = answerer_item(p->answerer, &p->heldout, i, &p->results[i]);
    return OK;
}

static void release_results(PpoStage *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        engine_result_release(&p->results[i]);
}

static Status put_scores(PpoStage *p, Reward *judge, int64_t n, const char *mean_key,
                         const char *sd_key, Metrics *m, Err *err)
{
    double *score;
    TRY(MEM_ARRAY(&score, (size_t)n, err));
    Status status = reward_score(judge, p->items, n, err);
    for (int64_t i = 0; status == OK && i < n; i++)
        score[i] = p->items[i].score;
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
    PpoStage *p = self;
    int64_t n = p->heldout.n;
    if (n == 0)
        return OK;
    TRY(answer_heldout(p, n, err));
    Status status = put_scores(p, &p->rewards.reward, n, "heldout/score",
                               "heldout/score_std", m, err);
    if (status == OK)
        rewards_put(&p->rewards, "heldout/", m);
    if (status == OK && p->gold.self)
        status = put_scores(p, &p->gold, n, "heldout/gold", "heldout/gold_std", m, err);
    double length = 0, ended = 0;
    for (int64_t i = 0; i < n; i++) {
        length += (double)p->items[i].n_answer / (double)n;
        ended += (double)p->items[i].ended / (double)n;
    }
    metrics_put(m, "heldout/len_mean", length);
    metrics_put(m, "heldout/missing_eos_frac", 1 - ended);
    release_results(p, n);
    return status;
}

static Status sample(void *self, int64_t u, json_t *samples, Err *err)
{
    (void)u;
    PpoStage *p = self;
    int64_t n = p->heldout.n < SAMPLES ? p->heldout.n : SAMPLES;
    double score[SAMPLES];
    if (n == 0)
        return OK;
    TRY(answer_heldout(p, n, err));
    Status status = reward_score(&p->rewards.reward, p->items, n, err);
    for (int64_t i = 0; i < n; i++)
        score[i] = p->items[i].score;
    if (status == OK && p->gold.self)
        status = reward_score(&p->gold, p->items, n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        json_t *s = answerer_sample(p->answerer, &p->heldout, i, &p->results[i]);
        json_object_set_new(s, "score", json_real(score[i]));
        if (p->gold.self)
            json_object_set_new(s, "gold", json_real(p->items[i].score));
        json_array_append_new(samples, s);
    }
    release_results(p, n);
    return status;
}

static json_t *state(void *self)
{
    const PpoStage *p = self;
    json_t *s = json_object();
    json_object_set_new(s, "kl_coef", json_real(p->kl_coef));
    return s;
}

static Status restore(void *self, const json_t *saved, Err *err)
{
    PpoStage *p = self;
    return json_get_real_or(saved, "kl_coef", p->o->kl_coef, &p->kl_coef, err);
}

static double tokens(void *self)
{
    const PpoStage *p = self;
    return p->tokens;
}

static double flops(void *self)
{
    const PpoStage *p = self;
    return p->flops;
}

static double waited(void *self)
{
    const PpoStage *p = self;
    return prefetch_waited(p->ptx_ahead);
}

/* --- opening ------------------------------------------------------------------------- */

static Status check_options(const PpoOptions *o, Err *err)
{
    if (!o->prompts)
        return err_set(err, ERR_OPTION, "option 'prompts' is not set");
    if (o->batch < o->minibatches)
        return err_set(err, ERR_OPTION,
                       "a batch of %lld episodes cannot be cut into %lld minibatches",
                       (long long)o->batch, (long long)o->minibatches);
    if (o->ptx_coef > 0 && !o->ptx_data)
        return err_set(err, ERR_OPTION, "ptx_coef is set, but not ptx_data");
    return OK;
}

static Status open_models(PpoStage *p, TensorOps *ops, Err *err)
{
    const PpoOptions *o = p->o;
    TRY(chat_model_open(&p->sft, ops, o->model, true, err));
    TRY(model_folder_load(&p->reference, ops, o->model, false, NULL, err));
    const RewardEnv env = {ops, &p->sft.model->shape, p->sft.tok, p->sft.chat};
    TRY(rewards_open(&p->rewards, o->reward, &env, err));
    p->policy = (Learner){.name = "policy", .model = p->sft.model, .lr_scale = 1};
    p->critic = (Learner){.name = "critic", .lr_scale = o->value_coef_lr};
    return rewards_critic(&p->critic.model, &p->rewards, o->critic, &env, p->sft.model,
                          p->t->seed, &p->critic_from, err);
}

static Status open_gold(PpoStage *p, Err *err)
{
    if (!p->o->world)
        return OK;
    TRY(world_open(&p->world, p->o->world, err));
    return reward_from_judge(&p->gold, p->world, p->sft.tok, p->sft.chat, err);
}

static Status open_prompts(PpoStage *p, const StageEnv *env, Err *err)
{
    const PpoOptions *o = p->o;
    int64_t context = p->sft.model->shape.context;
    TRY(prompts_load(&p->prompts, o->prompts, &env->corpus, p->sft.chat, context,
                     o->max_new, 0, err));
    if (o->heldout_prompts)
        TRY(prompts_load(&p->heldout, o->heldout_prompts, &env->corpus, p->sft.chat,
                         context, o->max_new, o->eval_prompts, err));
    TRY(rewards_check(&p->rewards, &p->prompts, err));
    TRY(rewards_check(&p->rewards, &p->heldout, err));
    p->prompt_epoch = -1;
    return MEM_ARRAY(&p->prompt_order, (size_t)p->prompts.n, err);
}

/* About as many tokens of pretraining text an update as of answers. */
static PackOptions ptx_pack(const PpoStage *p)
{
    const PpoOptions *o = p->o;
    int64_t context = p->sft.model->shape.context;
    int64_t rows = o->batch / o->minibatches * o->max_new / context;
    return (PackOptions){.row = context,
                         .rows = rows > 0 ? rows : 1,
                         .overlong = PACK_SPLIT,
                         .seed = (uint64_t)p->t->seed,
                         .shuffle = true};
}

static Status open_ptx(PpoStage *p, const StageEnv *env, Err *err)
{
    const PpoOptions *o = p->o;
    if (o->ptx_coef <= 0)
        return OK;
    PackOptions pack = ptx_pack(p);
    TRY(ptx_shard_open(&p->ptx_shard, env, o->ptx_data, p->sft.tok, err));
    TRY(packer_new(&p->ptx_packer, shard_pack_source(&p->ptx_shard), &pack, err));
    return prefetch_new(&p->ptx_ahead, p->ptx_packer, pack.row * pack.rows, err);
}

static Status make_experience(Experience *x, size_t batch, size_t context, Err *err)
{
    size_t n = batch * context;
    TRY(MEM_ARRAY(&x->episodes, batch, err));
    TRY(MEM_ARRAY(&x->ids, n, err));
    TRY(MEM_ARRAY(&x->is_action, n, err));
    float **const arrays[] = {&x->logprob, &x->ref_logprob, &x->entropy, &x->value,
                              &x->reward,  &x->advantage,   &x->returns, &x->ones};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(MEM_ARRAY(arrays[i], n, err));
    for (size_t i = 0; i < n; i++)
        x->ones[i] = 1;
    return OK;
}

static Status make_pass(PpoPass *pass, size_t batch, size_t most, Err *err)
{
    TRY(batch_new(&pass->batch, (int64_t)most, err));
    TRY(MEM_ARRAY(&pass->episodes, batch, err));
    float **const arrays[] = {&pass->logprob,     &pass->entropy,   &pass->value,
                              &pass->old_logprob, &pass->old_value, &pass->advantage,
                              &pass->returns,     &pass->dlogprob,  &pass->dentropy,
                              &pass->dvalue};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(MEM_ARRAY(arrays[i], most, err));
    return OK;
}

/* Tokens of the longest pass: no episode is cut. */
static int64_t pass_tokens(const PpoStage *p)
{
    int64_t context = p->sft.model->shape.context;
    return p->t->micro_batch > context ? p->t->micro_batch : context;
}

/* The most answers that are made at once. */
static int64_t most_answers(const PpoOptions *o)
{
    return o->batch > o->eval_prompts ? o->batch : o->eval_prompts;
}

static int32_t answer_slots(const PpoOptions *o)
{
    return most_answers(o) < SLOTS ? (int32_t)most_answers(o) : SLOTS;
}

static int32_t answer_capacity(const PpoStage *p)
{
    const ModelShape *shape = &p->sft.model->shape;
    int32_t training = prompts_capacity(&p->prompts, p->o->max_new, shape);
    int32_t heldout = prompts_capacity(&p->heldout, p->o->max_new, shape);
    return training > heldout ? training : heldout;
}

/* The models, the prompts and the world are in memory already. */
static Status plan_memory(MemoryPlan *plan, const PpoStage *p, Err *err)
{
    const ModelShape *policy = &p->sft.model->shape, *critic = &p->critic.model->shape;
    plan->mapped = p->ptx_shard.map.len;
    memory_add_model(plan, policy, true);
    memory_add_model(plan, policy, false);
    memory_add_model(plan, critic, true);
    rewards_plan(plan, &p->rewards);
    memory_add_process(plan);
    memory_add_optimizer(plan, policy);
    memory_add_optimizer(plan, critic);
    memory_add_tape(plan, policy, pass_tokens(p), true);
    memory_add_tape(plan, critic, pass_tokens(p), true);
    memory_add_tape(plan, policy, pass_tokens(p), false);
    memory_add_cache(plan,
                     engine_bytes(policy, answer_slots(p->o), answer_capacity(p)));
    if (p->ptx_packer) {
        PackOptions pack = ptx_pack(p);
        int64_t tokens =
            lm_pass_tokens(pack.row * pack.rows, p->t->micro_batch, pack.row);
        memory_add_tape(plan, policy, tokens, true);
    }
    return memory_settle(plan, p->t, err);
}

static Status make_tapes(PpoStage *p, int32_t recomputed, Err *err)
{
    TapeOptions keeps = {.backward = true, .recomputed = recomputed}, scores = {0};
    int64_t most = pass_tokens(p);
    TRY(tape_new(&p->policy_tape, p->sft.model, most, keeps, err));
    TRY(tape_new(&p->critic_tape, p->critic.model, most, keeps, err));
    TRY(tape_new(&p->reference_tape, p->reference, most, scores, err));
    TRY(rewards_prepare(&p->rewards, err));
    if (!p->ptx_packer)
        return OK;
    PackOptions pack = ptx_pack(p);
    return lm_pass_new(&p->ptx_pass, p->sft.model, pack.row * pack.rows,
                       p->t->micro_batch, pack.row, keeps, err);
}

static Status make_buffers(PpoStage *p, Err *err)
{
    const PpoOptions *o = p->o;
    int64_t context = p->sft.model->shape.context, answers = most_answers(o);
    TRY(make_experience(&p->experience, (size_t)o->batch, (size_t)context, err));
    TRY(make_pass(&p->pass, (size_t)o->batch, (size_t)pass_tokens(p), err));
    TRY(MEM_ARRAY(&p->order, (size_t)o->batch, err));
    TRY(MEM_ARRAY(&p->results, (size_t)answers, err));
    TRY(MEM_ARRAY(&p->items, (size_t)answers, err));
    TRY(MEM_ARRAY(&p->which, (size_t)answers, err));
    return answerer_new(&p->answerer, p->sft.model, p->sft.tok, p->sft.chat,
                        answer_slots(o), answer_capacity(p), o->tools, err);
}

/* --- closing ------------------------------------------------------------------------- */

static void release_experience(Experience *x)
{
    mem_free(x->episodes);
    mem_free(x->ids);
    mem_free(x->is_action);
    float *const arrays[] = {x->logprob, x->ref_logprob, x->entropy, x->value,
                             x->reward,  x->advantage,   x->returns, x->ones};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
}

static void release_pass(PpoPass *pass)
{
    batch_free(pass->batch);
    mem_free(pass->episodes);
    float *const arrays[] = {pass->logprob,     pass->entropy,   pass->value,
                             pass->old_logprob, pass->old_value, pass->advantage,
                             pass->returns,     pass->dlogprob,  pass->dentropy,
                             pass->dvalue};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
}

static void release(PpoStage *p)
{
    answerer_free(p->answerer);
    release_experience(&p->experience);
    release_pass(&p->pass);
    mem_free(p->order);
    mem_free(p->results);
    mem_free(p->items);
    mem_free(p->which);
    mem_free(p->prompt_order);
    lm_pass_free(p->ptx_pass);
    prefetch_free(p->ptx_ahead);
    packer_free(p->ptx_packer);
    shard_close(&p->ptx_shard);
    prompts_release(&p->prompts);
    prompts_release(&p->heldout);
    rewards_release(&p->rewards);
    reward_release(&p->gold);
    world_free(p->world);
    tape_free(p->policy_tape);
    tape_free(p->critic_tape);
    tape_free(p->reference_tape);
    adamw_release(&p->policy.adamw, p->policy.model);
    adamw_release(&p->critic.adamw, p->critic.model);
    model_free(p->critic.model);
    model_free(p->reference);
    chat_model_release(&p->sft);
}

/* --- the stage ----------------------------------------------------------------------- */

static Status prepare(PpoStage *p, const StageEnv *env, Err *err)
{
    MemoryPlan plan = {.ops = env->ops};
    TRY(open_gold(p, err));
    TRY(open_prompts(p, env, err));
    TRY(open_ptx(p, env, err));
    TRY(plan_memory(&plan, p, err));
    p->kl_coef = p->o->kl_coef;
    TRY(adamw_new(&p->policy.adamw, p->policy.model, err));
    TRY(adamw_new(&p->critic.adamw, p->critic.model, err));
    TRY(make_tapes(p, plan.recomputed, err));
    return make_buffers(p, err);
}

Status stage_ppo(const StageEnv *env, const PpoOptions *o, const TrainOptions *given,
                 StageReport *report, Err *err)
{
    TRY(check_options(o, err));
    TrainOptions t = *given, defaults = stage_defaults;
    PpoStage p = {.o = o, .t = &t};
    TrainReport run = {0};
    Status status = open_models(&p, env->ops, err);
    if (status != OK)
        goto done;
    defaults.lr = stage_lr(stage_defaults.lr, &p.sft.model->shape);
    train_options_resolve(&t, &defaults);
    status = prepare(&p, env, err);
    if (status != OK)
        goto done;

    int64_t iterations = (o->episodes + o->batch - 1) / o->batch;
    int64_t episodes = iterations * o->batch;
    const uint64_t data[] = {documents_hash(&p.prompts.rendered),
                             documents_hash(&p.heldout.rendered), p.ptx_shard.source,
                             p.rewards.hash};
    Objective objective = {
        .self = &p,
        .stage = "ppo",
        .updates = iterations * o->epochs * o->minibatches,
        .fingerprint =
            stage_fingerprint(&ppo_options, o, &t, data, p.rewards.hash ? 4 : 3),
        .updates_per_iteration = o->epochs * o->minibatches,
        .n_learners = 2,
        .learners = {&p.policy, &p.critic},
        .update = update,
        .evaluate = evaluate,
        .sample = sample,
        .state = state,
        .restore = restore,
        .tokens = tokens,
        .flops = flops,
        .waited = p.ptx_ahead ? waited : NULL,
    };
    log_info(
        "ppo: %lld iterations of %lld episodes on %s prompts, peak learning rate %.3g; "
        "the critic starts from %s",
        (long long)iterations, (long long)o->batch, log_count((double)p.prompts.n),
        t.lr, p.critic_from);
    ModelSpecials specials = chat_specials(p.sft.tok);
    status = trainer_run(&objective, &t, p.sft.tok, &specials, env->folder, &run, err);
    if (status == OK) {
        snprintf(report->data, sizeof report->data,
                 "%lld episodes on %lld prompts, %lld epochs of %lld minibatches; "
                 "reward from "
                 "'%.200s'",
                 (long long)episodes, (long long)p.prompts.n, (long long)o->epochs,
                 (long long)o->minibatches, o->reward);
        stage_report_fill(report, &run, p.sft.model, o->model);
    }
done:
    train_report_release(&run);
    release(&p);
    return status;
}
