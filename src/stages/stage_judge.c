/* stage_judge.c - see stage_judge.h. */
#include "stages/stage_judge.h"

#include "base/file.h"

/* Folders of models hold none. */
static bool holds_world(const char *folder)
{
    Str name = {0};
    bool holds = file_exists(file_join(&name, folder, "world.json"));
    str_release(&name);
    return holds;
}

Status stage_judge_open(StageJudge *out, TensorOps *ops, const char *folder,
                        const char *option, const ChatModel *model, Err *err)
{
    *out = (StageJudge){0};
    if (!folder)
        return err_set(err, ERR_OPTION,
                       "option '%s' is not set: a practice world or a reward model",
                       option);
    if (file_is_folder(folder) && !holds_world(folder)) {
        TRY(model_folder_load(&out->reward_model, ops, folder, false, NULL, err));
        return reward_from_model(&out->reward, out->reward_model, err);
    }
    TRY(world_open(&out->world, folder, err));
    return reward_from_judge(&out->reward, out->world, model->tok, model->chat, err);
}

void stage_judge_release(StageJudge *j)
{
    reward_release(&j->reward);
    world_free(j->world);
    model_free(j->reward_model);
    *j = (StageJudge){0};
}
