/* info.c - `tame info PATH`: what a folder or file is: a model, a run, a shard,
 * an endpoint. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "data/shards.h"
#include "model/folder.h"
#include "recipe/ledger.h"
#include "text/tokenizer.h"
#include "think/lm/lm_remote.h"

#include <stdio.h>
#include <string.h>

static const char *family_name(ModelFamily f)
{
    static const char *const names[] = {"llama", "qwen2", "qwen3"};
    return names[f];
}

static Status describe_tokenizer(const char *folder, Err *err)
{
    Tokenizer *tok = NULL;
    TRY(tokenizer_load(&tok, folder, err));
    printf("tokenizer   %s, %d tokens, fingerprint %016llx\n",
           tokenizer_kind(tok) == TOKENIZER_BYTE_BPE ? "byte-level BPE"
                                                     : "scores with byte fallback",
           (int)tokenizer_vocab(tok), (unsigned long long)tokenizer_fingerprint(tok));
    tokenizer_free(tok);
    return OK;
}

static Status describe_model(const char *folder, Err *err)
{
    ModelShape s;
    TRY(model_folder_shape(folder, &s, NULL, err));
    static const char *const head_name[] = {"language-model", "scalar",
                                            "language-model and scalar"};
    printf("model       %s, %s head, %s parameters (%s in f32)\n",
           family_name(s.family), head_name[s.head],
           log_count((double)model_shape_params(&s)),
           log_bytes(4.0 * (double)model_shape_params(&s)));
    printf("layers      %d of width %d, MLP %d, %d heads of %d, %d key/value heads\n",
           (int)s.layers, (int)s.hidden, (int)s.intermediate, (int)s.heads,
           (int)s.head_dim, (int)s.kv_heads);
    printf("vocabulary  %d%s\n", (int)s.vocab, s.tied ? ", head tied" : "");
    printf("context     %d tokens, RoPE theta %g\n", (int)s.context, s.rope_theta);
    printf("options     q/k/v bias %s, q/k norm %s\n", s.qkv_bias ? "yes" : "no",
           s.qk_norm ? "yes" : "no");
    printf("training    %.2e FLOPs a token at full context\n",
           model_shape_train_flops(&s, (double)s.context / 2));
    return OK;
}

static Status describe_adapter(const char *folder, Err *err)
{
    ModelShape s;
    Str names = {0}, base = {0};
    Err why = {0};
    TRY(model_folder_shape(folder, &s, NULL, err));
    model_lora_names(s.lora.targets, &names);
    printf("adapter     rank %d, alpha %g%s, of %s\n", (int)s.lora.rank, s.lora.alpha,
           s.lora.rslora ? ", rslora" : "", str_c(&names));
    printf("trained     %s parameters (%s in f32)\n",
           log_count((double)model_shape_own_params(&s)),
           log_bytes(4.0 * (double)model_shape_own_params(&s)));
    bool found = model_folder_base(folder, &base, &why) == OK;
    printf("base        %s\n", found ? str_c(&base) : why.msg);
    str_release(&base);
    str_release(&names);
    return OK;
}

static Status describe_run(const char *folder, Err *err)
{
    json_t *ledger = NULL;
    TRY(ledger_open(folder, &ledger, err));
    Str table = {0};
    ledger_table(ledger, false, &table);
    fputs(str_c(&table), stdout);
    str_release(&table);
    json_decref(ledger);
    return OK;
}

static Status describe_shard(const char *path, Err *err)
{
    Shard s;
    if (shard_open(&s, path, err) != OK)
        return err_context(err, "info describes folders and shards of tokens");
    printf("shard       %s documents, %s tokens, %s of text (%.2f bytes a token)\n",
           log_count((double)s.documents), log_count((double)s.tokens),
           log_bytes((double)s.text_bytes), (double)s.text_bytes / (double)s.tokens);
    printf("tokenizer   fingerprint %016llx, ids of %d bytes\n",
           (unsigned long long)s.fingerprint, (int)s.id_bytes);
    shard_close(&s);
    return OK;
}

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

/* Asks it for a word: so its address, its key and its model's name are right, too. */
static Status describe_endpoint(const char *word, Err *err)
{
    Lm *lm;
    system_catch_stop();
    TRY(lm_remote_open(&lm, word, err));
    double begun = system_seconds();
    Status status = lm_remote_probe(lm, err);
    if (status == OK) {
        const LmAbility *can = &lm->can;
        printf("endpoint    %s, answers in %s\n", lm->name,
               log_seconds(system_seconds() - begun));
        printf("context     %s\n",
               lm->context ? log_count((double)lm->context) : "not known");
        printf("logprobs    %s (found out)\n", yes_no(can->logprobs));
        printf("as its options say: schemas %s, grammars %s, tools %s, documents %s, "
               "prefixes %s\n",
               yes_no(can->schemas), yes_no(can->constraints), yes_no(can->tools),
               yes_no(can->documents), yes_no(can->prefixes));
    }
    lm_free(lm);
    return status;
}

static Status describe(const char *path, Err *err)
{
    if (endpoint_is(path))
        return describe_endpoint(path, err);
    if (!file_exists(path))
        return err_set(err, ERR_IO, "'%s' does not exist", path);
    if (!file_is_folder(path))
        return describe_shard(path, err);
    Str name = {0};
    bool run = file_exists(file_join(&name, path, "ledger.json"));
    bool adapter = model_folder_is_adapter(path);
    bool model = adapter || file_exists(file_join(&name, path, "config.json"));
    bool tokenizer = file_exists(file_join(&name, path, "tokenizer.json"));
    str_release(&name);
    if (!run && !model && !tokenizer)
        return err_set(err, ERR_FORMAT,
                       "'%s' is no folder of a run, a model or a tokenizer: it holds "
                       "no ledger.json, config.json or tokenizer.json",
                       path);
    if (run)
        TRY(describe_run(path, err));
    if (model)
        TRY(describe_model(path, err));
    if (adapter)
        TRY(describe_adapter(path, err));
    if (tokenizer)
        TRY(describe_tokenizer(path, err));
    return OK;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)self, (void)n;
    return command_end(describe(words[0], &err), &err);
}

int info_command(int argc, char **argv)
{
    const Usage usage = {
        .name = "info",
        .words = "PATH|ENDPOINT",
        .what =
            "Describes a model folder, an adapter folder, a tokenizer folder, a run "
            "folder or a shard;\nof an OpenAI-compatible endpoint, whether it can be "
            "asked "
            "(docs/ask.md).",
        .examples = "  tame info runs/demo\n  tame info runs/demo/ppo\n"
                    "  tame info runs/demo/data/train.shard\n",
    };
    return command_run(&usage, argc, argv, 1, 1, work, NULL);
}
