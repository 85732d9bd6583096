/* measure_variety.c - how many different things a finished model says, measured once and
 * kept, see measure.h. */
#include "base/file.h"
#include "base/rng.h"
#include "data/corpus.h"
#include "format/json.h"
#include "study/measure.h"
#include "think/loaded.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = 64 };

static Status fingerprint(const char *model, const VarietyOptions *o, char out[17],
                          Err *err)
{
    const int64_t numbers[] = {o->answers, o->max_new, o->max_calls, o->limit, o->seed};
    uint64_t hash = rng_hash(numbers, sizeof numbers, 2);
    hash = rng_hash(&o->temperature, sizeof o->temperature, hash);
    TRY(measure_weights_hash(model, &hash, err));
    (void)snprintf(out, 17, "%016" PRIx64, hash);
    return OK;
}

/* --- the file -------------------------------------------------------------------------- */

/* Where each number of a report is, by the name that it has in the file. */
typedef struct Number {
    const char *key;
    double *value;
} Number;
enum { NUMBERS = 9 };

static void list_numbers(VarietyReport *r, Number out[NUMBERS])
{
    const Number all[NUMBERS] = {{"entropy", &r->entropy},
                                 {"low", &r->interval.low},
                                 {"high", &r->interval.high},
                                 {"distinct_1", &r->texts.distinct[0]},
                                 {"distinct_2", &r->texts.distinct[1]},
                                 {"distinct_3", &r->texts.distinct[2]},
                                 {"self_bleu", &r->texts.self_bleu},
                                 {"unique", &r->texts.unique},
                                 {"tokens", &r->tokens}};
    memcpy(out, all, sizeof all);
}

static Status read_kept(const char *file, const char *of, VarietyReport *out,
                        bool *found, Err *err)
{
    json_t *root = NULL;
    Number numbers[NUMBERS];
    *found = false;
    if (!file_exists(file))
        return OK;
    TRY(json_read_file(file, &root, err));
    const char *then = json_string_value(json_object_get(root, "of"));
    *found = then && strcmp(then, of) == 0;
    list_numbers(out, numbers);
    for (int i = 0; i < NUMBERS; i++)
        *numbers[i].value = json_number_value(json_object_get(root, numbers[i].key));
    json_decref(root);
    return OK;
}

static Status keep(const char *file, const char *of, VarietyReport *r, Err *err)
{
    Number numbers[NUMBERS];
    json_t *root = json_object();
    json_object_set_new(root, "of", json_string(of));
    list_numbers(r, numbers);
    for (int i = 0; i < NUMBERS; i++)
        json_object_set_new(root, numbers[i].key, json_real(*numbers[i].value));
    Status status = json_write_file(file, root, err);
    json_decref(root);
    return status;
}

/* --- measuring -------------------------------------------------------------------------- */

static Status ask(const char *model, const char *prompts, const VarietyOptions *o,
                  TensorOps *ops, VarietyReport *out, Err *err)
{
    Loaded loaded = {0};
    Engine *engine = NULL;
    RecordList rows = {0};
    CorpusOptions corpus;
    TRY(opt_defaults(&corpus_options, &corpus, err));
    Status status = loaded_open(&loaded, ops, model, true, err);
    if (status == OK)
        status = engine_new(&engine, loaded.model, SLOTS, 0, NULL, err);
    if (status == OK)
        status = corpus_load(&rows, prompts, RECORD_PROMPT, &corpus, err);
    if (status == OK)
        status = variety_measure(engine, loaded.tok, loaded.chat, &rows, o,
                                 file_base_name(model), out, err);
    record_list_release(&rows);
    engine_free(engine);
    loaded_release(&loaded);
    opt_release(&corpus_options, &corpus);
    return status;
}

Status measure_variety(const char *file, const char *model, const char *prompts,
                       const VarietyOptions *o, TensorOps *ops, VarietyReport *out,
                       Err *err)
{
    char of[17];
    bool found;
    TRY(fingerprint(model, o, of, err));
    TRY(read_kept(file, of, out, &found, err));
    if (found)
        return OK;
    TRY(ask(model, prompts, o, ops, out, err));
    return keep(file, of, out, err);
}
