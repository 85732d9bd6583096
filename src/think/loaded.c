/* loaded.c - see loaded.h. */
#include "think/loaded.h"

#include "base/file.h"

#include <string.h>

static void add_end(Loaded *l, int32_t id)
{
    for (int32_t i = 0; i < l->n_ends; i++) {
        if (l->ends[i] == id)
            return;
    }
    if (id >= 0 && id < l->model->shape.vocab &&
        l->n_ends < (int32_t)(sizeof l->ends / sizeof *l->ends))
        l->ends[l->n_ends++] = id;
}

/* A new bos ends a document too: the next would begin. */
static void find_ends(Loaded *l)
{
    add_end(l, tokenizer_bos(l->tok));
    add_end(l, tokenizer_eos(l->tok));
    for (int32_t i = 0; i < l->specials.n_eos; i++)
        add_end(l, l->specials.eos[i]);
}

static Status open_parts(Loaded *l, const char *folder, bool wants_chat, Err *err)
{
    TRY(model_folder_load(&l->model, l->ops, folder, false, &l->specials, err));
    TRY(model_folder_tokenizer(&l->tok, folder, err));
    if (tokenizer_vocab(l->tok) > l->model->shape.vocab)
        return err_set(err, ERR_FORMAT,
                       "the tokenizer has %d tokens, the model only %d: they do not "
                       "belong together",
                       tokenizer_vocab(l->tok), l->model->shape.vocab);
    find_ends(l);
    if (wants_chat && template_new(&l->chat, l->tok, err) != OK)
        return err_context(err,
                           "no chat model (`tame complete` continues texts with it)");
    return OK;
}

static bool holds(const char *folder, const char *name)
{
    Str path = {0};
    bool there = file_exists(file_join(&path, folder, name));
    str_release(&path);
    return there;
}

/* Says what a folder without config.json is instead. */
static Status no_model(const char *folder, Err *err)
{
    if (holds(folder, "ledger.json"))
        return err_set(
            err, ERR_IO,
            "'%s' is the folder of a run, not of a model; `tame info %s` lists "
            "its stages, each with a folder in it",
            folder, folder);
    if (holds(folder, "checkpoints"))
        return err_set(
            err, ERR_IO,
            "'%s' is not finished: it has checkpoints, but no config.json yet; "
            "the command that began it goes on",
            folder);
    return err_set(err, ERR_IO, "'%s' is no model folder: it has no config.json",
                   folder);
}

Status loaded_open(Loaded *out, TensorOps *ops, const char *folder, bool wants_chat,
                   Err *err)
{
    *out = (Loaded){.ops = ops};
    if (!file_is_folder(folder))
        return err_set(err, ERR_IO, "no model folder '%s'", folder);
    if (!holds(folder, "config.json") && !model_folder_is_adapter(folder))
        return no_model(folder, err);
    if (open_parts(out, folder, wants_chat, err) == OK)
        return OK;
    loaded_release(out);
    return err_context(err, "'%s'", folder);
}

void loaded_release(Loaded *l)
{
    template_free(l->chat);
    tokenizer_free(l->tok);
    model_free(l->model);
    *l = (Loaded){0};
}

int32_t loaded_begin(const Loaded *l)
{
    int32_t bos = tokenizer_bos(l->tok) >= 0 ? tokenizer_bos(l->tok) : l->specials.bos;
    return bos >= 0 ? bos : tokenizer_eos(l->tok);
}
