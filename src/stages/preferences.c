/* preferences.c - what DPO and KTO share, see preferences.h. */
#include "stages/preferences.h"

#include "base/mem.h"
#include "eval/gold.h"

#include <stdio.h>

enum { SLOTS = 64, SAMPLES = 8, MOST_CALLS = 4 };

/* --- opening and closing ------------------------------------------------------------- */

static int32_t slots(const Policy *p)
{
    return p->prompts.n < SLOTS ? (int32_t)p->prompts.n : SLOTS;
}

static int32_t capacity(const Policy *p)
{
    return prompts_capacity(&p->prompts, p->how.max_new, &p->sft.model->shape);
}

/* Those of the prompts that leave room for an answer, for gold_measure. */
static Status list_prompts(Policy *p, Err *err)
{
    size_t n = (size_t)p->prompts.n;
    TRY(MEM_ARRAY(&p->asked.records, n, err));
    p->asked.n = p->asked.cap = n;
    for (size_t i = 0; i < n; i++)
        p->asked.records[i] = p->prompts.list.records[p->prompts.record[i]];
    return OK;
}

Status policy_ask(Policy *p, const PolicyOptions *o, Err *err)
{
    p->how = (AnswerOptions){.temperature = 1, .max_new = o->max_new, .seed = o->seed};
    TRY(prompts_load(&p->prompts, o->prompts, o->corpus, p->sft.chat,
                     p->sft.model->shape.context, 1,
                     o->world ? o->most_prompts : SAMPLES, err));
    if (!o->world)
        return OK;
    TRY(list_prompts(p, err));
    TRY(world_open(&p->world, o->world, err));
    return reward_from_judge(&p->gold, p->world, p->sft.tok, p->sft.chat, err);
}

Status policy_plan(MemoryPlan *plan, const Policy *p, int64_t pass_tokens,
                   const TrainOptions *t, Err *err)
{
    const ModelShape *shape = &p->sft.model->shape;
    lora_plan(plan, p->sft.model);
    memory_add_process(plan);
    memory_add_optimizer(plan, shape);
    memory_add_tape(plan, shape, pass_tokens, true);
    memory_add_cache(plan, engine_bytes(shape, slots(p), capacity(p)));
    return memory_settle(plan, t, err);
}

Status policy_prepare(Policy *p, Err *err)
{
    p->learner = (Learner){.name = "model", .model = p->sft.model, .lr_scale = 1};
    TRY(adamw_new(&p->learner.adamw, p->sft.model, err));
    return answerer_new(&p->answerer, p->sft.model, p->sft.tok, p->sft.chat, slots(p),
                        capacity(p), true, err);
}

void policy_release(Policy *p)
{
    answerer_free(p->answerer);
    reward_release(&p->gold);
    world_free(p->world);
    mem_free(p->asked.records);
    prompts_release(&p->prompts);
    adamw_release(&p->learner.adamw, p->learner.model);
    chat_model_release(&p->sft);
}

/* --- the reference ------------------------------------------------------------------- */

Status policy_reference(AnswerPass *pass, const Documents *docs, const char *progress,
                        float **out, Err *err)
{
    TRY(MEM_ARRAY(out, docs->n, err));
    return answer_pass_values(pass, docs, (int64_t)docs->n, *out, progress, err);
}

/* --- metrics ------------------------------------------------------------------------- */

void put_under(Metrics *m, const char *prefix, const char *name, double value)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    metrics_put(m, key, value);
}

/* --- answers on the way -------------------------------------------------------------- */

Status policy_put_gold(Policy *p, Metrics *m, Err *err)
{
    if (!p->world)
        return OK;
    GoldOptions o = {.temperature = p->how.temperature,
                     .answers = 1,
                     .max_new = p->how.max_new,
                     .max_calls = MOST_CALLS,
                     .seed = p->how.seed};
    GoldReport report;
    TRY(gold_measure(answerer_engine(p->answerer), p->sft.tok, p->sft.chat, &p->gold,
                     &p->asked, &o, NULL, &report, err));
    metrics_put(m, "heldout/gold", report.mean);
    metrics_put(m, "heldout/gold_std", report.sd);
    metrics_put(m, "heldout/len_mean", report.tokens);
    metrics_put(m, "heldout/missing_eos_frac", 1 - report.ended);
    gold_release(&report);
    return OK;
}

Status policy_sample(Policy *p, json_t *samples, Err *err)
{
    int64_t n = p->prompts.n < SAMPLES ? p->prompts.n : SAMPLES;
    return answerer_show(p->answerer, &p->prompts, n, &p->how, samples, err);
}
