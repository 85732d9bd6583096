/* ptx_shard.c - see ptx_shard.h. */
#include "stages/ptx_shard.h"

#include "base/file.h"

static Status build_ptx(const StageEnv *env, const char *data, const Tokenizer *tok,
                        Str *path, Err *err)
{
    ShardOptions split = {0};
    Str folder = {0};
    file_join(&folder, env->data, "ptx");
    Status status = file_make_folders(str_c(&folder), err);
    if (status == OK)
        status =
            shards_build(str_c(&folder), data, NULL, &env->corpus, &split, tok, err);
    file_join(path, str_c(&folder), "train.shard");
    str_release(&folder);
    return status;
}

Status ptx_shard_open(Shard *out, const StageEnv *env, const char *data,
                      const Tokenizer *tok, Err *err)
{
    Str path = {0};
    Status status = OK;
    file_join(&path, data, "train.shard");
    if (!file_exists(str_c(&path)))
        status = build_ptx(env, data, tok, &path, err);
    if (status == OK)
        status = shard_open(out, str_c(&path), err);
    if (status == OK && out->fingerprint != tokenizer_fingerprint(tok))
        status = err_set(err, ERR_FORMAT, "'%s' was made with another tokenizer",
                         str_c(&path));
    if (status == OK)
        status = shard_check_ids(out, tokenizer_vocab(tok), err);
    str_release(&path);
    return status;
}
