/* loaded.c - see loaded.h. */
#include "cli/loaded.h"

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
    TRY(tokenizer_load(&l->tok, folder, err));
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

Status loaded_open(Loaded *out, TensorOps *ops, const char *folder, bool wants_chat,
                   Err *err)
{
    *out = (Loaded){.ops = ops};
    if (!file_is_folder(folder))
        return err_set(err, ERR_IO, "no model folder '%s'", folder);
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
