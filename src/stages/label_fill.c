/* label_fill.c - see label_fill.h. Equal answers to one prompt are one answer. */
#include "stages/label_fill.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "data/record_json.h"
#include "stages/stage_internal.h"
#include "think/answer.h"

#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(LabelFillOptions, model, NULL, "folder of the model that answers; several by commas share the answers"),
    OPT_TEXT(LabelFillOptions, prompts, NULL, "prompts: FILE[:WEIGHT],... or a glob"),
    OPT_TEXT(LabelFillOptions, data, NULL, "answers that are there already: {\"prompt\",\"completions\"} and all that the stages read"),
    OPT_TEXT(LabelFillOptions, batch, "", "name of this lot: a prompt is taken once for each"),
    OPT_INT(LabelFillOptions, answers, 0, 0, LABEL_MAX_ANSWERS, "answers to each prompt; 0: 4 to rank, else 1"),
    OPT_INT(LabelFillOptions, max_prompts, 0, 0, 1e9, "prompts at most; 0: all"),
    OPT_INT(LabelFillOptions, max_new, 160, 1, 1e6, "tokens an answer may have"),
    OPT_INT(LabelFillOptions, seed, 1, 0, 9e15, "of the answers and of what is repeated"),
    OPT_REAL(LabelFillOptions, temperature, 1, 0, 10, "of the answers"),
    OPT_REAL(LabelFillOptions, repeat, 0.1, 0, 1, "share of the prompts that everybody is asked, twice: agreement is measured on them"),
    OPT_END
};
/* clang-format on */
const OptTable label_fill_options = {"fill", "what is asked", sizeof(LabelFillOptions),
                                     fields};

enum { MOST_MODELS = 9, CHUNK = 32, SLOTS = 64, MOST_CALLS = 4 };

typedef struct Source {
    char *folder;
    ChatModel chat;
    Engine *engine;
    int64_t answers; /* of each prompt's */
} Source;

typedef struct Filler {
    const LabelFillOptions *o;
    TensorOps *ops;
    LabelAdder add;
    Source sources[MOST_MODELS];
    int32_t n_sources;
    int64_t answers;
    LabelFilled *filled;
} Filler;

/* --- answers of models ----------------------------------------------------------------------- */
static Status open_source(Filler *f, const char *name, size_t len, Err *err)
{
    if (f->n_sources == MOST_MODELS)
        return err_set(err, ERR_OPTION, "more than %d models", MOST_MODELS);
    Source *s = &f->sources[f->n_sources++];
    s->folder = mem_dup(name, len);
    if (!s->folder)
        return err_set(err, ERR_NOMEM, "no memory for a name");
    TRY(chat_model_open(&s->chat, f->ops, s->folder, false, err));
    return engine_new(&s->engine, s->chat.model, SLOTS, 0, NULL, err);
}

static Status open_sources(Filler *f, Err *err)
{
    for (const char *at = f->o->model; at && *at;) {
        size_t len = strcspn(at, ",");
        if (len > 0)
            TRY(open_source(f, at, len, err));
        at += len + (at[len] == ',');
    }
    if (f->n_sources > f->answers)
        return err_set(err, ERR_OPTION, "%d models share %lld answers: give --answers",
                       (int)f->n_sources, (long long)f->answers);
    for (int32_t i = 0; i < f->n_sources; i++)
        f->sources[i].answers = (f->answers - i + f->n_sources - 1) / f->n_sources;
    return OK;
}

/* Answer k of the row [prompt, completions...] is put last. */
static Status put_completion(json_t *completions, const Source *s,
                             const EngineResult *r, Err *err)
{
    json_t *completion = NULL;
    TRY(answer_completion(s->chat.tok, s->chat.chat, r->ids, r->n, &completion, err));
    json_t *message =
        json_pack("[{s:s,s:o}]", "role", "assistant", "content", completion);
    if (json_is_string(completion) && message)
        json_array_append_new(completions, message);
    else
        json_array_append(completions, completion);
    return OK;
}

static bool seen_before(const json_t *completions)
{
    size_t n = json_array_size(completions);
    for (size_t i = 0; i + 1 < n; i++) {
        if (json_equal(json_array_get(completions, i),
                       json_array_get(completions, n - 1)))
            return true;
    }
    return false;
}

/* The answers of all sources to prompt p of a chunk, without equal ones. */
static Status make_item(const Filler *f, const Record *prompt, const Answers *answers,
                        int64_t p, LabelItem *item, Err *err)
{
    json_t *row = label_question_row(prompt), *completions = json_array();
    json_object_set_new(row, "prompt", conversation_json(&prompt->chat));
    json_object_set_new(row, "completions", completions);
    int32_t n = 0;
    Status status = OK;
    for (int32_t i = 0; i < f->n_sources; i++) {
        const Source *s = &f->sources[i];
        for (int64_t k = 0; k < s->answers && status == OK; k++) {
            const EngineResult *r = &answers[i].results[p * s->answers + k];
            status = put_completion(completions, s, r, err);
            if (status != OK)
                break;
            if (seen_before(completions)) {
                json_array_remove(completions, json_array_size(completions) - 1);
                continue;
            }
            str_puts(&item->source[n], s->folder);
            item->cut |= (uint32_t)!answer_ended(s->chat.chat, r) << n;
            n++;
        }
    }
    Str text = {0};
    json_append(&text, row);
    if (status == OK)
        status = record_parse(str_span(&text), &item->record, err);
    str_release(&text);
    json_decref(row);
    return status;
}

static Status add_chunk(Filler *f, const Record *prompts, int64_t n,
                        const Answers *answers, Err *err)
{
    int32_t least = f->add.kind == LABEL_RANK ? 2 : 1;
    TRY(labels_begin(f->add.labels, err));
    Status status = OK;
    for (int64_t p = 0; p < n && status == OK; p++) {
        LabelItem item = {0};
        status = make_item(f, &prompts[p], answers, p, &item, err);
        if (status == OK && item.record.n_answers < least)
            f->filled->alike++;
        else if (status == OK)
            status = label_add(&f->add, &item, true, err);
        label_item_release(&item);
    }
    return labels_end(f->add.labels, status, err);
}

static Status answer_chunk(Filler *f, const Record *prompts, int64_t n, int64_t first,
                           Err *err)
{
    Answers answers[MOST_MODELS] = {0};
    Status status = OK;
    for (int32_t i = 0; i < f->n_sources && status == OK; i++) {
        const Source *s = &f->sources[i];
        AskOptions how = {.sample = sample_plain(f->o->temperature, f->o->max_new,
                                                 f->o->seed + MOST_MODELS * first + i),
                          .per_prompt = s->answers,
                          .max_calls = MOST_CALLS};
        status = answers_sample(s->engine, s->chat.tok, s->chat.chat, prompts, n, &how,
                                NULL, &answers[i], err);
    }
    if (status == OK)
        status = add_chunk(f, prompts, n, answers, err);
    for (int32_t i = 0; i < f->n_sources; i++)
        answers_release(&answers[i]);
    return status;
}

/* --- prompts --------------------------------------------------------------------------------- */
static Status leaves_room(const Filler *f, const Conversation *prompt, bool *fits,
                          Err *err)
{
    *fits = true;
    for (int32_t i = 0; i < f->n_sources && *fits; i++) {
        const Source *s = &f->sources[i];
        Ids ids = {0};
        Status status = template_render(s->chat.chat, prompt, true, &ids, NULL, err);
        *fits = (int64_t)ids.len + f->o->max_new <= s->chat.model->shape.context;
        ids_release(&ids);
        TRY(status);
    }
    return OK;
}

/* Prompts that are new and short enough come first in *list; *n of them. */
static Status sift(Filler *f, RecordList *list, int64_t *n, Err *err)
{
    *n = 0;
    for (size_t i = 0; i < list->n; i++) {
        bool known = false, fits;
        const Conversation *prompt = &list->records[i].chat;
        if (f->o->max_prompts > 0 && *n + f->add.known >= f->o->max_prompts)
            break;
        TRY(labels_knows_prompt(f->add.labels, f->add.kind, f->add.batch, prompt,
                                &known, err));
        TRY(leaves_room(f, prompt, &fits, err));
        f->add.known += known;
        f->filled->too_long += !known && !fits;
        if (known || !fits)
            continue;
        Record kept = list->records[*n];
        list->records[*n] = list->records[i];
        list->records[i] = kept;
        (*n)++;
    }
    return OK;
}

static Status answer_all(Filler *f, const RecordList *list, int64_t n, Err *err)
{
    Status status = OK;
    log_progress_begin("answers", (double)n, "prompts");
    for (int64_t i = 0; i < n && status == OK; i += CHUNK) {
        if (system_stop_requested()) {
            status = err_set(
                err, ERR_STOPPED,
                "stopped after %lld of %lld prompts; what was answered is kept, "
                "the same command goes on",
                (long long)i, (long long)n);
            break;
        }
        int64_t count = n - i < CHUNK ? n - i : CHUNK;
        status = answer_chunk(f, list->records + i, count, i, err);
        log_progress((double)(i + count), NULL);
    }
    log_progress_end();
    return status;
}

/* To write, prompts may come without any answer. */
static Status add_bare(Filler *f, const RecordList *list, int64_t n, Err *err)
{
    TRY(labels_begin(f->add.labels, err));
    Status status = OK;
    for (int64_t i = 0; i < n && status == OK; i++) {
        LabelItem item = {0};
        status = conversation_copy(&item.record.chat, &list->records[i].chat, err);
        item.record.row = json_incref(list->records[i].row);
        if (status == OK)
            status = label_add(&f->add, &item, true, err);
        label_item_release(&item);
    }
    return labels_end(f->add.labels, status, err);
}

static Status fill_from_prompts(Filler *f, RecordList *list, Err *err)
{
    int64_t n;
    TRY(sift(f, list, &n, err));
    return f->n_sources > 0 ? answer_all(f, list, n, err) : add_bare(f, list, n, err);
}

/* --- both ------------------------------------------------------------------------------------- */
static Status check(const LabelFillOptions *o, LabelKind kind, Err *err)
{
    if (o->model && !o->prompts)
        return err_set(err, ERR_OPTION, "--model answers prompts: give --prompts, too");
    if (o->prompts && !o->model && kind != LABEL_WRITE)
        return err_set(err, ERR_OPTION,
                       "to %s takes answers: give --model, or --data with answers",
                       label_kind_names[kind]);
    if (kind == LABEL_RANK && o->answers == 1)
        return err_set(err, ERR_OPTION, "to rank takes two answers or more");
    return OK;
}

static void release(Filler *f)
{
    for (int32_t i = 0; i < f->n_sources; i++) {
        engine_free(f->sources[i].engine);
        chat_model_release(&f->sources[i].chat);
        mem_free(f->sources[i].folder);
    }
}

Status label_fill(Labels **out, const char *path, LabelKind kind,
                  const LabelFillOptions *o, const CorpusOptions *corpus,
                  TensorOps *ops, LabelFilled *filled, Err *err)
{
    *out = NULL;
    *filled = (LabelFilled){0};
    TRY(check(o, kind, err));
    Filler f = {.o = o, .ops = ops, .filled = filled};
    f.add = (LabelAdder){.kind = kind,
                         .batch = o->batch ? o->batch : "",
                         .source = o->data,
                         .repeat = o->repeat,
                         .seed = (uint64_t)o->seed,
                         .most = o->max_prompts};
    f.answers = o->answers > 0 ? o->answers : kind == LABEL_RANK ? 4 : 1;
    RecordList prompts = {0};
    Corpus *data = NULL;
    Status status = OK;
    if (o->prompts)
        status = corpus_load(&prompts, o->prompts, RECORD_PROMPT, corpus, err);
    if (status == OK && o->data)
        status = corpus_open(&data, o->data, corpus, err);
    if (status == OK)
        status = open_sources(&f, err);
    if (status == OK) /* made only when there is something to put in */
        status = labels_open(&f.add.labels, path, o->prompts || o->data, err);
    if (status == OK && o->prompts)
        status = fill_from_prompts(&f, &prompts, err);
    if (status == OK && o->data)
        status = label_import(&f.add, data, err);
    corpus_close(data);
    record_list_release(&prompts);
    release(&f);
    filled->added = f.add.added;
    filled->known = f.add.known;
    if (status == OK)
        *out = f.add.labels;
    else
        labels_close(f.add.labels);
    return status;
}
