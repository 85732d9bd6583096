/* reward.c - the judges behind the reward interface that need no options, see reward.h. */
#include "eval/reward.h"

#include "base/mem.h"
#include "data/batch.h"
#include "data/world/judge.h"
#include "think/answer.h"

#include <string.h>

Status reward_score(Reward *r, RewardItem *items, int64_t n, Err *err)
{
    if (r->score(r->self, items, n, err) != OK)
        return err_context(err, "%s", r->name);
    return OK;
}

void reward_release(Reward *r)
{
    if (r->free)
        r->free(r->self);
    *r = (Reward){0};
}

/* --- a reward model: its scalar head at the last token of prompt and answer ---------- */
/* Rows of one pass, or the context if that is longer. */
enum { PASS_TOKENS = 2048 };

typedef struct ModelJudge {
    Model *model; /* borrowed: outlives us */
    Tape *tape;
    Batch *batch;
    int64_t capacity;
    int32_t *ids;  /* (context) one sequence */
    int32_t *last; /* (capacity) last row of each sequence in the batch */
    float *scores; /* (capacity) */
} ModelJudge;

static void model_judge_free(void *self)
{
    ModelJudge *j = self;
    if (!j)
        return;
    tape_free(j->tape);
    batch_free(j->batch);
    mem_free(j->ids);
    mem_free(j->last);
    mem_free(j->scores);
    mem_free(j);
}

/* Adds prompt and answer to the batch; false when it is full. */
static bool lay_item(ModelJudge *j, const RewardItem *item, int64_t row)
{
    int64_t n = item->n_prompt + item->n_answer;
    memcpy(j->ids, item->prompt_ids, (size_t)item->n_prompt * sizeof *j->ids);
    if (item->n_answer > 0)
        memcpy(j->ids + item->n_prompt, item->answer,
               (size_t)item->n_answer * sizeof *j->ids);
    int64_t first = batch_add_inputs(j->batch, j->ids, n);
    if (first < 0)
        return false;
    j->last[row] = (int32_t)(first + n - 1);
    return true;
}

static Status check_length(const ModelJudge *j, const RewardItem *item, Err *err)
{
    int64_t n = item->n_prompt + item->n_answer;
    if (n < 1 || n > j->model->shape.context)
        return err_set(err, ERR_LIMIT,
                       "prompt and answer have %lld tokens, the limit is %d",
                       (long long)n, j->model->shape.context);
    return OK;
}

static Status model_judge_score(void *self, RewardItem *items, int64_t n, Err *err)
{
    ModelJudge *j = self;
    for (int64_t i = 0; i < n; i++)
        TRY(check_length(j, &items[i], err));
    for (int64_t done = 0; done < n;) {
        int64_t count = 0;
        batch_reset(j->batch);
        while (done + count < n && lay_item(j, &items[done + count], count))
            count++;
        batch_finish(j->batch);
        ModelTokens tokens = batch_tokens(j->batch);
        model_forward(j->model, j->tape, &tokens);
        model_scores(j->model, j->tape, j->last, count, j->scores);
        for (int64_t i = 0; i < count; i++)
            items[done++].score = (double)j->scores[i];
    }
    return OK;
}

RewardItem reward_item(const Answers *answers, const Record *prompts,
                       const ChatTemplate *chat, int64_t i)
{
    int64_t p = i / answers->per_prompt;
    const EngineResult *r = &answers->results[i];
    return (RewardItem){.prompt = &prompts[p].chat,
                        .row = prompts[p].row,
                        .prompt_ids = answers->prompts[p].ptr,
                        .n_prompt = (int64_t)answers->prompts[p].len,
                        .answer = r->ids,
                        .n_answer = r->n,
                        .ended = answer_ended(chat, r)};
}

Status reward_model_check(const Model *model, const char *folder, const char *what,
                          const ModelShape *policy, Err *err)
{
    const ModelShape *shape = &model->shape;
    if (shape->head != HEAD_SCALAR)
        return err_set(err, ERR_OPTION, "'%s' is no %s: it has no score head", folder,
                       what);
    if (shape->vocab != policy->vocab || shape->context < policy->context)
        return err_set(err, ERR_OPTION,
                       "'%s' has a vocabulary of %d and a context of %d, the policy %d "
                       "and %d",
                       folder, shape->vocab, shape->context, policy->vocab,
                       policy->context);
    return OK;
}

int64_t reward_pass_tokens(const ModelShape *shape)
{
    return shape->context > PASS_TOKENS ? shape->context : PASS_TOKENS;
}

static Status model_judge_new(ModelJudge **out, Model *model, Err *err)
{
    int64_t context = model->shape.context;
    int64_t capacity = reward_pass_tokens(&model->shape);
    TRY(MEM_ARRAY(out, 1, err));
    ModelJudge *j = *out;
    *j = (ModelJudge){.model = model, .capacity = capacity};
    TRY(MEM_ARRAY(&j->ids, (size_t)context, err));
    TRY(MEM_ARRAY(&j->last, (size_t)capacity, err));
    TRY(MEM_ARRAY(&j->scores, (size_t)capacity, err));
    TRY(batch_new(&j->batch, capacity, err));
    return tape_new(&j->tape, model, capacity, (TapeOptions){0}, err);
}

Status reward_from_model(Reward *out, Model *reward_model, Err *err)
{
    *out = (Reward){0};
    if (reward_model->shape.head != HEAD_SCALAR)
        return err_set(err, ERR_OPTION,
                       "a language model gives no scores: a reward "
                       "model has a scalar head");
    ModelJudge *j = NULL;
    Status status = model_judge_new(&j, reward_model, err);
    if (status != OK) {
        model_judge_free(j);
        return status;
    }
    *out = (Reward){j, "reward model", model_judge_score, model_judge_free};
    return OK;
}

/* --- the gold judge of the practice world, and its tests ----------------------------- */
typedef struct GoldJudge {
    const World *world; /* the three are borrowed: they outlive us */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    bool tests; /* right or not, as the skill tests count it */
    Str text;   /* reused */
} GoldJudge;

static void gold_judge_free(void *self)
{
    GoldJudge *j = self;
    str_release(&j->text);
    mem_free(j);
}

/* What the user asked last. */
static Span last_question(const Conversation *c)
{
    for (size_t i = c->n; i-- > 0;) {
        if (c->messages[i].role == ROLE_USER)
            return (Span){c->messages[i].content, c->messages[i].len};
    }
    return (Span){"", 0};
}

static Status gold_judge_score(void *self, RewardItem *items, int64_t n, Err *err)
{
    GoldJudge *j = self;
    for (int64_t i = 0; i < n; i++) {
        JudgeScore score;
        str_reset(&j->text);
        TRY(answer_text(j->tok, j->chat, items[i].answer, items[i].n_answer, &j->text,
                        err));
        Span question = last_question(items[i].prompt), answer = str_span(&j->text);
        if (j->tests) {
            items[i].score = judge_skill_right(j->world, question, answer);
            continue;
        }
        judge_score(j->world, question, answer, items[i].ended, &score);
        items[i].score = score.total;
    }
    return OK;
}

static Status gold_judge_new(Reward *out, const GoldJudge *how, const char *name,
                             Err *err)
{
    *out = (Reward){0};
    GoldJudge *j;
    TRY(MEM_ARRAY(&j, 1, err));
    *j = *how;
    *out = (Reward){j, name, gold_judge_score, gold_judge_free};
    return OK;
}

Status reward_from_judge(Reward *out, const World *world, const Tokenizer *tok,
                         const ChatTemplate *chat, Err *err)
{
    const GoldJudge how = {.world = world, .tok = tok, .chat = chat};
    return gold_judge_new(out, &how, "gold judge", err);
}

Status reward_from_skill(Reward *out, const World *world, const Tokenizer *tok,
                         const ChatTemplate *chat, Err *err)
{
    const GoldJudge how = {.world = world, .tok = tok, .chat = chat, .tests = true};
    return gold_judge_new(out, &how, "skill tests", err);
}
