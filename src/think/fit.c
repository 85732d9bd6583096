/* fit.c - see fit.h. */
#include "think/fit.h"

#include "base/log.h"
#include "model/folder.h"
#include "text/template.h"

/* Keeps the records that leave room for a token at least, in their order. */
static Status keep_short(RecordList *prompts, const ChatTemplate *chat, size_t context,
                         size_t *left_out, Err *err)
{
    Ids ids = {0};
    size_t kept = 0;
    Status status = OK;
    for (size_t i = 0; i < prompts->n; i++) {
        Record *r = &prompts->records[i];
        ids_reset(&ids);
        if (status == OK)
            status = template_render(chat, &r->chat, true, &ids, NULL, err);
        if (status == OK && ids.len >= context) {
            record_release(r);
            ++*left_out;
        } else {
            prompts->records[kept++] = *r; /* after an error all the rest */
        }
    }
    prompts->n = kept;
    ids_release(&ids);
    return status;
}

Status fit_prompts(RecordList *prompts, const char *folder, Err *err)
{
    ModelShape shape;
    ModelSpecials specials;
    Tokenizer *tok = NULL;
    ChatTemplate *chat = NULL;
    size_t left_out = 0;
    TRY(model_folder_shape(folder, &shape, &specials, err));
    Status status = model_folder_tokenizer(&tok, folder, err);
    if (status == OK)
        status = template_new(&chat, tok, err);
    if (status == OK)
        status = keep_short(prompts, chat, (size_t)shape.context, &left_out, err);
    if (status == OK && left_out > 0 && prompts->n == 0)
        status = err_set(err, ERR_LIMIT, "every prompt fills the context of '%s', %lld",
                         folder, (long long)shape.context);
    else if (status == OK && left_out > 0)
        log_warn("%zu of %zu prompts fill the context of '%s', %lld: left out",
                 left_out, left_out + prompts->n, folder, (long long)shape.context);
    template_free(chat);
    tokenizer_free(tok);
    return status;
}
