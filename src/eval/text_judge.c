/* text_judge.c - see text_judge.h. */
#include "eval/text_judge.h"

#include "base/mem.h"
#include "eval/reward_sum.h"

#include <pthread.h>

struct TextJudge {
    Loaded own; /* a reward model's folder, where no model is asked that we know */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    RewardSum *sum;
    Reward reward;
    pthread_mutex_t lock;
    Ids prompt, answer; /* reused */
};

/* Opens the folder of the first reward model for its tokenizer and its shape. */
static Status open_own(TextJudge *j, const RewardSpec *spec, TensorOps *ops, Err *err)
{
    for (size_t i = 0; i < spec->n; i++) {
        if (spec->parts[i].kind == REWARD_MODEL)
            return loaded_open(&j->own, ops, spec->parts[i].what, true, err);
    }
    return err_set(err, ERR_OPTION,
                   "answers of an endpoint are judged in a reward model's tokens, and "
                   "there is no reward model");
}

static Status open_parts(TextJudge *j, const char *text, TensorOps *ops,
                         const Loaded *asked, Err *err)
{
    RewardSpec spec = {0};
    TRY(reward_spec_read(text, &spec, err));
    Status status = asked ? OK : open_own(j, &spec, ops, err);
    if (status == OK) {
        const Loaded *from = asked ? asked : &j->own;
        RewardEnv env = {.ops = ops,
                         .policy = &from->model->shape,
                         .tok = from->tok,
                         .chat = from->chat};
        j->tok = from->tok;
        j->chat = from->chat;
        status = reward_sum_open(&j->sum, &spec, &env, err);
    }
    reward_spec_release(&spec);
    TRY(status);
    TRY(reward_sum_check(j->sum, NULL, err));
    return reward_sum_prepare(j->sum, &j->reward, err);
}

Status text_judge_open(TextJudge **out, const char *spec, TensorOps *ops,
                       const Loaded *asked, Err *err)
{
    TextJudge *j;
    *out = NULL;
    if (asked && !asked->chat)
        return err_set(err, ERR_OPTION,
                       "judge: the model that is asked has no chat template");
    TRY(MEM_ARRAY(&j, 1, err));
    pthread_mutex_init(&j->lock, NULL);
    if (open_parts(j, spec, ops, asked, err) != OK) {
        text_judge_free(j);
        return err_context(err, "judge");
    }
    *out = j;
    return OK;
}

void text_judge_free(TextJudge *j)
{
    if (!j)
        return;
    reward_sum_free(j->sum);
    loaded_release(&j->own);
    ids_release(&j->prompt);
    ids_release(&j->answer);
    pthread_mutex_destroy(&j->lock);
    mem_free(j);
}

/* --- judging ------------------------------------------------------------------------- */
static Status score_text(TextJudge *j, const Conversation *talk, Span answer,
                         double *out, Err *err)
{
    ids_reset(&j->prompt);
    ids_reset(&j->answer);
    TRY(template_render(j->chat, talk, true, &j->prompt, NULL, err));
    TRY(tokenizer_encode(j->tok, answer, &j->answer, err));
    TRY(ids_push(&j->answer, template_end(j->chat), err));
    RewardItem item = {.prompt = talk,
                       .prompt_ids = j->prompt.ptr,
                       .n_prompt = (int64_t)j->prompt.len,
                       .answer = j->answer.ptr,
                       .n_answer = (int64_t)j->answer.len,
                       .ended = true};
    reward_sum_begin(j->sum);
    TRY(reward_score(&j->reward, &item, 1, err));
    *out = item.score;
    return OK;
}

static Status judge_score(void *self, const Conversation *talk, Span answer,
                          double *out, Err *err)
{
    TextJudge *j = self;
    pthread_mutex_lock(&j->lock);
    Status status = score_text(j, talk, answer, out, err);
    pthread_mutex_unlock(&j->lock);
    return status;
}

Judging text_judge_as(TextJudge *j)
{
    return (Judging){j, judge_score};
}
