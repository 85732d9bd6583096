/* completion.c - see completion.h. */
#include "cli/completion.h"

#include "base/system.h"
#include "cli/stream.h"

#include <stdio.h>

static bool show_token(void *self, int64_t request, int32_t id, bool forced)
{
    (void)request;
    (void)forced;
    stream_put(self, id);
    return !system_stop_requested();
}

static Status render(const Loaded *l, Span text, Ids *ids, Err *err)
{
    int32_t bos = loaded_begin(l);
    if (bos >= 0)
        TRY(ids_push(ids, bos, err));
    if (text.len > 0)
        TRY(tokenizer_encode(l->tok, text, ids, err));
    if (ids->len == 0)
        return err_set(
            err, ERR_OPTION,
            "nothing to continue: the text is empty and the tokenizer has no "
            "token that begins a document");
    return OK;
}

Status completion_show(const Loaded *l, Engine *engine, Span text,
                       const SampleOptions *sample, uint64_t index, bool echo, Err *err)
{
    Ids ids = {0};
    Status status = render(l, text, &ids, err);
    if (status != OK) {
        ids_release(&ids);
        return status;
    }
    Stream stream;
    stream_init(&stream, l->tok, NULL, ids.ptr, ids.len);
    if (echo)
        stream_show_context(&stream);
    EngineRequest request = {.prompt = ids.ptr,
                             .n_prompt = (int64_t)ids.len,
                             .sample = *sample,
                             .index = index,
                             .stop_ids = l->ends,
                             .n_stop_ids = l->n_ends,
                             .on_token = show_token,
                             .self = &stream};
    EngineResult result = {0};
    status = engine_run(engine, &request, 1, &result, NULL, err);
    if (status == OK) {
        stream_end(&stream);
        putchar('\n');
        if (result.finish == FINISH_CONTEXT)
            stream_note("[the context is full]");
        fflush(stdout);
    }
    engine_result_release(&result);
    stream_release(&stream);
    ids_release(&ids);
    return status;
}
