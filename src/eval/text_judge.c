/* text_judge.c - see text_judge.h. */
#include "eval/text_judge.h"

#include "base/mem.h"
#include "eval/reward_sum.h"

#include <pthread.h>

struct TextJudge {
    Loaded own; /* a reward model's folder, where no model is asked that we know */
    Tokenizer *bytes; /* where there is none either: a token a byte */
    ChatTemplate *bytes_chat;
    const Tokenizer *tok;
    const ChatTemplate *chat;
    RewardSum *sum;
    Reward reward;
    pthread_mutex_t lock;
    Ids prompt, answer; /* reused */
};

/* Opens the folder of the first reward model for its tokenizer and its shape; false when
 * there is none. */
static Status open_own(TextJudge *j, const RewardSpec *spec, TensorOps *ops,
                       bool *found, Err *err)
{
    size_t i = 0;
    while (i < spec->n && spec->parts[i].kind != REWARD_MODEL)
        i++;
    *found = i < spec->n;
    return *found ? loaded_open(&j->own, ops, spec->parts[i].what, true, err) : OK;
}

/* The tokens that answers are judged in: of the model that is asked, of a reward model, or
 * bytes, which is all that rules and programs need. */
static Status choose_tokens(TextJudge *j, const RewardSpec *spec, TensorOps *ops,
                            const Loaded *asked, RewardEnv *env, Err *err)
{
    bool found = asked != NULL;
    if (!found)
        TRY(open_own(j, spec, ops, &found, err));
    const Loaded *from = asked ? asked : &j->own;
    if (!found) {
        TRY(tokenizer_of_bytes(&j->bytes, err));
        TRY(template_new(&j->bytes_chat, j->bytes, err));
    }
    j->tok = found ? from->tok : j->bytes;
    j->chat = found ? from->chat : j->bytes_chat;
    *env = (RewardEnv){.ops = ops,
                       .policy = found ? &from->model->shape : NULL,
                       .tok = j->tok,
                       .chat = j->chat,
                       .hurries = true};
    return OK;
}

static Status open_parts(TextJudge *j, const char *text, TensorOps *ops,
                         const Loaded *asked, Err *err)
{
    RewardSpec spec = {0};
    RewardEnv env;
    TRY(reward_spec_read(text, &spec, err));
    Status status = choose_tokens(j, &spec, ops, asked, &env, err);
    if (status == OK)
        status = reward_sum_open(&j->sum, &spec, &env, err);
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
    template_free(j->bytes_chat);
    tokenizer_free(j->bytes);
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
