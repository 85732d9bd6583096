/* merge.c - `tame merge`: an adapter and its base become a model folder of their own. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "think/loaded.h"

static Status check_folders(const char *adapter, const char *out, Err *err)
{
    if (!model_folder_is_adapter(adapter))
        return err_set(err, ERR_IO,
                       "'%s' is no adapter folder: it has no adapter_config.json",
                       adapter);
    Str path = {0};
    bool taken = file_exists(file_join(&path, out, "config.json")) ||
                 model_folder_is_adapter(out);
    str_release(&path);
    if (taken)
        return err_set(err, ERR_IO,
                       "'%s' holds a model already; remove it or give another folder",
                       out);
    return OK;
}

/* config.json comes last: a folder without it is no model folder. */
static Status save(const Loaded *l, const char *out, Err *err)
{
    FileLock lock;
    TRY(file_make_folders(out, err));
    TRY(file_lock(&lock, out, err));
    Status status = tokenizer_save(l->tok, out, err);
    if (status == OK)
        status = model_folder_save(l->model, &l->specials, out, err);
    file_unlock(&lock);
    return status;
}

static Status merge(const char *adapter, const char *out, Err *err)
{
    TensorOps *ops = NULL;
    Loaded l = {0};
    TRY(check_folders(adapter, out, err));
    Status status = command_backend(&ops, COMPUTE_F32, err);
    if (status == OK)
        status = loaded_open(&l, ops, adapter, false, err);
    if (status == OK)
        status = save(&l, out, err);
    if (status == OK)
        log_info("'%s' is ready: %s parameters", out,
                 log_count((double)l.model->n_params));
    loaded_release(&l);
    tensor_free(ops);
    return status;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    (void)self, (void)n;
    return command_end(merge(words[0], words[1], &err), &err);
}

int merge_command(int argc, char **argv)
{
    const Usage usage = {
        .name = "merge",
        .words = "ADAPTER OUT",
        .what = "Adds an adapter to the weights of its base, in f32, and writes the "
                "result as a model folder of its\nown. Every command opens adapter "
                "folders too; merged, they need no base.",
        .examples = "  tame merge adapter merged\n  tame chat merged\n",
    };
    return command_run(&usage, argc, argv, 2, 2, work, NULL);
}
