/* model_word.c - see model_word.h. */
#include "cli/model_word.h"

#include "base/file.h"
#include "cli/command.h"
#include "think/lm/lm_remote.h"

Status model_word_open(Lm **out, TensorOps **ops, TensorCompute compute,
                       const char *word, const LmLocalOptions *local, Err *err)
{
    *out = NULL;
    if (endpoint_is(word))
        return lm_remote_open(out, word, err);
    if (!*ops)
        TRY(command_backend(ops, compute, err));
    return lm_local_open(out, *ops, word, local, err);
}

bool model_word_is(const char *word)
{
    return endpoint_is(word) || file_is_folder(word);
}
