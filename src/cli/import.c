/* import.c - `tame import`: other programs' checkpoints become model folders. Today:
 * llama2.c's legacy .bin with its vocabulary. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "model/folder.h"
#include "model/import_llama2c.h"
#include "text/tokenizer.h"

typedef struct ImportOptions {
    char *vocab, *out;
} ImportOptions;
static const OptField import_fields[] = {
    OPT_TEXT(ImportOptions, vocab, NULL, "llama2.c's tokenizer file (tok512.bin)"),
    OPT_TEXT(ImportOptions, out, NULL, "folder to write the model to"),
    OPT_END,
};
static const OptTable import_options = {"import", "options", sizeof(ImportOptions),
                                        import_fields};

static Status import_model(const char *path, TensorOps *ops, Model **out, Err *err)
{
    FileMap map;
    TRY(file_map(path, &map, err));
    Status status =
        import_llama2c(out, ops, (Span){(const char *)map.ptr, map.len}, err);
    file_unmap(&map);
    if (status != OK)
        err_context(err, "'%s'", path);
    return status;
}

static Status import_vocab(const char *path, int32_t vocab, Tokenizer **out, Err *err)
{
    FileMap map;
    TRY(file_map(path, &map, err));
    Status status =
        tokenizer_from_llama2c(out, (Span){(const char *)map.ptr, map.len}, vocab, err);
    file_unmap(&map);
    if (status != OK)
        err_context(err, "'%s'", path);
    return status;
}

/* config.json comes last: a folder without it is no model folder. */
static Status save_parts(const Model *model, const Tokenizer *tok, const char *folder,
                         Err *err)
{
    const ModelSpecials specials = {
        .bos = tokenizer_bos(tok),
        .pad = tokenizer_pad(tok),
        .eos = {tokenizer_eos(tok)},
        .n_eos = tokenizer_eos(tok) >= 0,
    };
    Str path = {0};
    bool taken = file_exists(file_join(&path, folder, "config.json"));
    str_release(&path);
    if (taken)
        return err_set(err, ERR_IO,
                       "'%s' holds a model already; remove it or give another --out",
                       folder);
    TRY(tokenizer_save(tok, folder, err));
    return model_folder_save(model, &specials, folder, err);
}

static Status save(const Model *model, const Tokenizer *tok, const char *folder,
                   Err *err)
{
    FileLock lock;
    TRY(file_make_folders(folder, err));
    TRY(file_lock(&lock, folder, err));
    Status status = save_parts(model, tok, folder, err);
    file_unlock(&lock);
    return status;
}

static Status import(const ImportOptions *o, const char *path, Err *err)
{
    TensorOps *ops = NULL;
    Model *model = NULL;
    Tokenizer *tok = NULL;
    Status status = command_backend(&ops, COMPUTE_F32, err);
    if (status == OK)
        status = import_model(path, ops, &model, err);
    if (status == OK)
        status = import_vocab(o->vocab, model->shape.vocab, &tok, err);
    if (status == OK)
        status = save(model, tok, o->out, err);
    if (status == OK)
        log_info("'%s' is ready: %s parameters, vocabulary %d", o->out,
                 log_count((double)model->n_params), (int)model->shape.vocab);
    tokenizer_free(tok);
    model_free(model);
    tensor_free(ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    const ImportOptions *o = self;
    (void)n;
    if (!o->vocab || !o->out)
        return command_usage_error("import", "give both --vocab and --out");
    return command_end(import(o, words[0], &err), &err);
}

int import_command(int argc, char **argv)
{
    ImportOptions o = {0};
    const OptBinding bindings[] = {{&import_options, &o}};
    const Usage usage = {
        .name = "import",
        .words = "FILE.bin --vocab TOK.bin --out DIR",
        .what = "Turns a llama2.c checkpoint (legacy layout) and its vocabulary into a "
                "model folder that every\ncommand (and transformers) opens.",
        .examples =
            "  tame import stories260K.bin --vocab tok512.bin --out stories260K\n"
            "  tame complete stories260K -p \"Once upon a time\" -n 100 --temp 0\n",
        .options = bindings,
        .n_options = sizeof bindings / sizeof *bindings,
    };
    return command_run(&usage, argc, argv, 1, 1, work, &o);
}
