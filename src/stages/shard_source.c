/* shard_source.c - the documents of a shard for a Packer, see shard_source.h. */
#include "stages/shard_source.h"

#include "base/file.h"

static int64_t source_len(void *self, int64_t doc)
{
    return shard_doc_len(self, doc);
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    shard_doc_ids(self, doc, from, n, ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = 1;
}

PackSource shard_source(Shard *s)
{
    return (PackSource){.self = s,
                        .documents = (int64_t)s->documents,
                        .len = source_len,
                        .ids = source_ids};
}

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
