/* stage.c - what every stage shares: the mark of a finished folder, reports, the hash of
 * options, models with their tokenizers. */
#include "stages/stage.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "stages/stage_internal.h"

#include <stdio.h>
#include <string.h>

/* --- finished or not --------------------------------------------------------------- */

static const char mark_name[] = "stage.json"; /* of stages that make data */

bool stage_is_finished(const StageEnv *env)
{
    Str path = {0};
    bool finished = file_exists(file_join(&path, env->folder, "config.json")) ||
                    file_exists(file_join(&path, env->folder, mark_name));
    str_release(&path);
    return finished;
}

Status stage_mark_finished(const StageEnv *env, const StageReport *report, Err *err)
{
    json_t *mark = json_object();
    json_object_set_new(mark, "data", json_from_bytes(span_of(report->data)));
    json_object_set_new(mark, "seconds", json_real(report->seconds));
    if (report->metrics)
        json_object_set(mark, "metrics", report->metrics);
    Str path = {0};
    Status status =
        json_write_file(file_join(&path, env->folder, mark_name), mark, err);
    str_release(&path);
    json_decref(mark);
    return status;
}

/* --- reports ----------------------------------------------------------------------- */

void stage_report_release(StageReport *r)
{
    if (!r)
        return;
    json_decref(r->metrics);
    *r = (StageReport){0};
}

void stage_report_fill(StageReport *out, TrainReport *run, const Model *model,
                       const char *started_from)
{
    out->tokens = run->tokens;
    out->flops = run->flops;
    out->seconds = run->seconds;
    out->params = model_shape_params(&model->shape);
    out->peak_bytes = mem_peak_rss();
    snprintf(out->started_from, sizeof out->started_from, "%s", started_from);
    out->metrics = run->final_metrics; /* moves over */
    run->final_metrics = NULL;
}

/* --- fingerprint ------------------------------------------------------------------- */

/* Paths are left out (a run may be moved), and what only decides when to save. */
static void hash_options(const OptTable *table, const void *o, uint64_t *hash)
{
    static const char *const harmless[] = {"keep_checkpoints", "checkpoint_every",
                                           "micro_batch", "memory"};
    Str text = {0};
    for (const OptField *f = table->fields; f->name; f++) {
        bool skip = f->type == OPT_TEXT_;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
            skip = skip || strcmp(f->name, harmless[i]) == 0;
        skip = skip || strncmp(f->name, "guard", 5) == 0; /* they only stop */
        if (skip)
            continue;
        str_printf(&text, "%s=", f->name);
        opt_value(f, o, &text);
        str_putc(&text, '\n');
    }
    *hash = rng_hash(text.ptr ? text.ptr : "", text.len, *hash);
    str_release(&text);
}

uint64_t stage_fingerprint(const OptTable *table, const void *o, const TrainOptions *t,
                           const uint64_t *data, size_t n_data)
{
    uint64_t hash = rng_hash(data, n_data * sizeof *data, 1);
    hash_options(table, o, &hash);
    hash_options(&train_options, t, &hash);
    return hash;
}

/* --- models with their tokenizers ---------------------------------------------------- */

static Status check_named(const char *folder, Err *err)
{
    return folder ? OK
                  : err_set(err, ERR_OPTION,
                            "option 'model' is not set: the folder of a model");
}

/* What belongs to the model; releases all when it does not fit. */
static Status open_rest(ChatModel *out, const char *folder, Err *err)
{
    Status status = model_folder_tokenizer(&out->tok, folder, err);
    if (status == OK)
        status = template_new(&out->chat, out->tok, err);
    if (status == OK && tokenizer_vocab(out->tok) > out->model->shape.vocab)
        status = err_set(err, ERR_FORMAT,
                         "'%s': the tokenizer has %d tokens, the model only %d", folder,
                         tokenizer_vocab(out->tok), out->model->shape.vocab);
    if (status != OK)
        chat_model_release(out);
    return status;
}

Status chat_model_open(ChatModel *out, TensorOps *ops, const char *folder,
                       bool trainable, Err *err)
{
    *out = (ChatModel){0};
    TRY(check_named(folder, err));
    TRY(model_folder_load(&out->model, ops, folder, trainable, &out->specials, err));
    return open_rest(out, folder, err);
}

Status chat_model_open_to_train(ChatModel *out, TensorOps *ops, const char *folder,
                                const LoraOptions *lora, int64_t seed, Err *err)
{
    *out = (ChatModel){0};
    TRY(check_named(folder, err));
    TRY(lora_open(&out->model, ops, folder, lora, seed, &out->specials, err));
    return open_rest(out, folder, err);
}

Status chat_model_open_shared(ChatModel *out, TensorOps *ops, const char *folder,
                              Err *err)
{
    *out = (ChatModel){0};
    TRY(check_named(folder, err));
    TRY(model_folder_open(&out->model, ops, folder, NULL, &out->specials, err));
    return open_rest(out, folder, err);
}

void chat_model_release(ChatModel *m)
{
    if (!m)
        return;
    template_free(m->chat);
    tokenizer_free(m->tok);
    model_free(m->model);
    *m = (ChatModel){0};
}

ModelSpecials chat_specials(const Tokenizer *tok)
{
    ModelSpecials s = {.bos = tokenizer_bos(tok), .pad = tokenizer_pad(tok)};
    const int32_t ends[] = {tokenizer_end_of_turn(tok), tokenizer_eos(tok)};
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            s.eos[s.n_eos++] = ends[i];
    }
    return s;
}

double stage_lr(double at_width_192, const ModelShape *shape)
{
    return at_width_192 * 192.0 / (double)shape->hidden;
}
