/* measure.c - see measure.h. */
#include "study/measure.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/corpus.h"
#include "eval/bits.h"
#include "eval/reward.h"
#include "format/json.h"
#include "model/folder.h"
#include "think/answer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = 64, MOST_CALLS = 2 };

/* --- which models it was made of ------------------------------------------------------ */

Status measure_weights_hash(const char *folder, uint64_t *hash, Err *err)
{
    Str path = {0};
    FileMap map = {0};
    Status status = file_map(file_join(&path, folder, "model.safetensors"), &map, err);
    if (status == OK)
        *hash = rng_hash(map.ptr, map.len, *hash);
    file_unmap(&map);
    str_release(&path);
    return status;
}

static Status fingerprint(const MeasureOptions *o, char out[17], Err *err)
{
    const int64_t numbers[] = {o->limit, o->answers, o->max_new, o->seed};
    uint64_t hash = rng_hash(numbers, sizeof numbers, 1);
    TRY(measure_weights_hash(o->policy, &hash, err));
    if (o->reference)
        TRY(measure_weights_hash(o->reference, &hash, err));
    for (size_t i = 0; o->proxies[i].name; i++) {
        hash = rng_hash(o->proxies[i].name, strlen(o->proxies[i].name), hash);
        TRY(measure_weights_hash(o->proxies[i].folder, &hash, err));
    }
    snprintf(out, 17, "%016" PRIx64, hash);
    return OK;
}

/* --- columns ------------------------------------------------------------------------- */

void measure_release(Measure *m)
{
    for (size_t i = 0; i < m->n_columns; i++)
        mem_free(m->columns[i].x);
    *m = (Measure){0};
}

const double *measure_column(const Measure *m, const char *name)
{
    for (size_t i = 0; i < m->n_columns; i++) {
        if (strcmp(m->columns[i].name, name) == 0)
            return m->columns[i].x;
    }
    return NULL;
}

static Status add_column(Measure *m, const char *name, double **x, Err *err)
{
    ASSERT(m->n_columns < sizeof m->columns / sizeof *m->columns);
    struct MeasureColumn *c = &m->columns[m->n_columns];
    TRY(MEM_ARRAY(&c->x, (size_t)measure_n(m), err));
    snprintf(c->name, sizeof c->name, "%s", name);
    m->n_columns++;
    *x = c->x;
    return OK;
}

/* --- the file ------------------------------------------------------------------------ */

static Status write_measure(const Measure *m, const char *file, const char *of,
                            Err *err)
{
    json_t *root = json_object(), *columns = json_object();
    json_object_set_new(root, "of", json_string(of));
    json_object_set_new(root, "prompts", json_integer(m->prompts));
    json_object_set_new(root, "answers", json_integer(m->answers));
    for (size_t i = 0; i < m->n_columns; i++) {
        json_t *values = json_array();
        for (int64_t k = 0; k < measure_n(m); k++)
            json_array_append_new(values, json_real(m->columns[i].x[k]));
        json_object_set_new(columns, m->columns[i].name, values);
    }
    json_object_set_new(root, "columns", columns);
    Status status = json_write_file(file, root, err);
    json_decref(root);
    return status;
}

static Status read_columns(const json_t *root, Measure *m, Err *err)
{
    const char *name;
    json_t *values;
    json_object_foreach(json_object_get(root, "columns"), name, values)
    {
        double *x;
        if ((int64_t)json_array_size(values) != measure_n(m) ||
            m->n_columns == sizeof m->columns / sizeof *m->columns)
            return err_set(err, ERR_FORMAT, "column '%s' is not of this measure", name);
        TRY(add_column(m, name, &x, err));
        for (int64_t k = 0; k < measure_n(m); k++)
            x[k] = json_number_value(json_array_get(values, (size_t)k));
    }
    return OK;
}

/* *found: the file is there and was made of the same. */
static Status read_measure(const char *file, const char *of, Measure *out, bool *found,
                           Err *err)
{
    json_t *root = NULL;
    *found = false;
    if (!file_exists(file))
        return OK;
    TRY(json_read_file(file, &root, err));
    const char *then = json_string_value(json_object_get(root, "of"));
    Status status = OK;
    if (then && strcmp(then, of) == 0) {
        status = json_get_int(root, "prompts", &out->prompts, err);
        if (status == OK)
            status = json_get_int(root, "answers", &out->answers, err);
        if (status == OK)
            status = read_columns(root, out, err);
        *found = status == OK;
    }
    json_decref(root);
    return status == OK ? OK : err_context(err, "'%s'", file);
}

/* --- asking -------------------------------------------------------------------------- */

typedef struct Asker {
    const MeasureOptions *o;
    TensorOps *ops;
    Model *policy, *reference;
    Tokenizer *tok;
    ChatTemplate *chat;
    World *world;
    RecordList prompts;
    Answers answers;
    RewardItem *items;
    Measure *out;
} Asker;

static void asker_release(Asker *a)
{
    mem_free(a->items);
    answers_release(&a->answers);
    record_list_release(&a->prompts);
    world_free(a->world);
    template_free(a->chat);
    tokenizer_free(a->tok);
    model_free(a->reference);
    model_free(a->policy);
}

static Status open_all(Asker *a, Err *err)
{
    const MeasureOptions *o = a->o;
    CorpusOptions corpus;
    TRY(model_folder_load(&a->policy, a->ops, o->policy, false, NULL, err));
    TRY(model_folder_tokenizer(&a->tok, o->policy, err));
    TRY(template_new(&a->chat, a->tok, err));
    if (o->reference)
        TRY(model_folder_load(&a->reference, a->ops, o->reference, false, NULL, err));
    TRY(world_open(&a->world, o->world, err));
    TRY(opt_defaults(&corpus_options, &corpus, err));
    Status status = corpus_load(&a->prompts, o->prompts, RECORD_PROMPT, &corpus, err);
    opt_release(&corpus_options, &corpus);
    return status;
}

static Status ask(Asker *a, Err *err)
{
    const MeasureOptions *o = a->o;
    int64_t n = (int64_t)a->prompts.n < o->limit ? (int64_t)a->prompts.n : o->limit;
    Engine *engine = NULL;
    AskOptions how = {.sample = sample_plain(1, o->max_new, o->seed),
                      .per_prompt = o->answers,
                      .max_calls = MOST_CALLS};
    TRY(engine_new(&engine, a->policy, SLOTS, 0, NULL, err));
    Status status = answers_sample(engine, a->tok, a->chat, a->prompts.records, n, &how,
                                   file_base_name(o->policy), &a->answers, err);
    engine_free(engine);
    a->out->prompts = n;
    a->out->answers = o->answers;
    return status;
}

static Status put_answers(Asker *a, Err *err)
{
    double *length, *ended;
    TRY(add_column(a->out, "length", &length, err));
    TRY(add_column(a->out, "ended", &ended, err));
    TRY(MEM_ARRAY(&a->items, (size_t)measure_n(a->out), err));
    for (int64_t i = 0; i < measure_n(a->out); i++) {
        a->items[i] = reward_item(&a->answers, a->prompts.records, a->chat, i);
        length[i] = (double)a->items[i].n_answer;
        ended[i] = a->items[i].ended ? 1 : 0;
    }
    return OK;
}

static Status put_scores(Asker *a, const char *name, Reward *reward, Err *err)
{
    double *score;
    TRY(add_column(a->out, name, &score, err));
    TRY(reward_score(reward, a->items, measure_n(a->out), err));
    for (int64_t i = 0; i < measure_n(a->out); i++)
        score[i] = a->items[i].score;
    return OK;
}

static Status put_gold(Asker *a, Err *err)
{
    Reward gold = {0};
    TRY(reward_from_judge(&gold, a->world, a->tok, a->chat, err));
    Status status = put_scores(a, "gold", &gold, err);
    reward_release(&gold);
    return status;
}

static Status put_proxy(Asker *a, const char *name, const char *folder, Err *err)
{
    Model *model = NULL;
    Reward proxy = {0};
    TRY(model_folder_load(&model, a->ops, folder, false, NULL, err));
    Status status = reward_from_model(&proxy, model, err);
    if (status == OK)
        status = put_scores(a, name, &proxy, err);
    reward_release(&proxy);
    model_free(model);
    return status;
}

/* --- KL ------------------------------------------------------------------------------ */

/* One answer at a time through both models, the whole distribution at each of its states. */
typedef struct KlPass {
    Tape *tape[2];                                    /* policy, reference */
    int32_t *ids, *positions, *starts, *rows, *drawn; /* [context] */
    float *logits[2];                                 /* [most rows][vocab] */
    int64_t most_rows;
} KlPass;

static void kl_pass_release(KlPass *p)
{
    for (int m = 0; m < 2; m++) {
        tape_free(p->tape[m]);
        mem_free(p->logits[m]);
    }
    int32_t *const arrays[] = {p->ids, p->positions, p->starts, p->rows, p->drawn};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
}

static Status kl_pass_init(KlPass *p, Asker *a, Err *err)
{
    const ModelShape *shape = &a->policy->shape;
    size_t context = (size_t)shape->context;
    Model *const models[2] = {a->policy, a->reference};
    if (a->reference->shape.vocab != shape->vocab ||
        a->reference->shape.context < shape->context)
        return err_set(err, ERR_OPTION, "'%s' does not read what '%s' writes",
                       a->o->reference, a->o->policy);
    int32_t **const arrays[] = {&p->ids, &p->positions, &p->starts, &p->rows,
                                &p->drawn};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        TRY(MEM_ARRAY(arrays[i], context, err));
    p->most_rows = a->o->max_new < shape->context ? a->o->max_new : shape->context;
    for (int m = 0; m < 2; m++) {
        TRY(tape_new(&p->tape[m], models[m], shape->context, (TapeOptions){0}, err));
        TRY(MEM_ARRAY(&p->logits[m], (size_t)(p->most_rows * shape->vocab), err));
    }
    return OK;
}

/* Lays prompt and answer; rows are the states in which its tokens were drawn. */
static int64_t lay_answer(KlPass *p, const RewardItem *item, const EngineResult *r,
                          ModelTokens *tokens)
{
    int64_t n = item->n_prompt + item->n_answer, rows = 0;
    ASSERT(p->ids);
    memcpy(p->ids, item->prompt_ids, (size_t)item->n_prompt * sizeof *p->ids);
    if (item->n_answer > 0)
        memcpy(p->ids + item->n_prompt, item->answer,
               (size_t)item->n_answer * sizeof *p->ids);
    for (int64_t i = 0; i < n; i++)
        p->positions[i] = (int32_t)i;
    for (int64_t t = 0; t < r->n; t++) {
        if (!r->forced[t]) {
            p->drawn[rows] = r->ids[t];
            p->rows[rows++] = (int32_t)(item->n_prompt + t - 1);
        }
    }
    *tokens = (ModelTokens){p->ids, p->positions, p->starts, n};
    return rows;
}

static double log_sum_exp(const float *x, int64_t n)
{
    double most = (double)x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = fmax(most, (double)x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    return most + log(sum);
}

static void add_state(const float *pi, const float *ref, int64_t vocab, int32_t drawn,
                      double *sampled, double *exact)
{
    double zp = log_sum_exp(pi, vocab), zr = log_sum_exp(ref, vocab);
    for (int64_t v = 0; v < vocab; v++) {
        double lp = (double)pi[v] - zp, lr = (double)ref[v] - zr;
        *exact += exp(lp) * (lp - lr);
        if (v == drawn)
            *sampled += lp - lr;
    }
}

static Status put_kl(Asker *a, Err *err)
{
    KlPass p = {0};
    double *sampled, *exact;
    int64_t vocab = a->policy->shape.vocab;
    Model *const models[2] = {a->policy, a->reference};
    TRY(add_column(a->out, "kl", &sampled, err));
    TRY(add_column(a->out, "kl_exact", &exact, err));
    Status status = kl_pass_init(&p, a, err);
    for (int64_t i = 0; status == OK && i < measure_n(a->out); i++) {
        ModelTokens tokens;
        int64_t rows = lay_answer(&p, &a->items[i], &a->answers.results[i], &tokens);
        for (int m = 0; m < 2; m++) {
            model_forward(models[m], p.tape[m], &tokens);
            model_logits(models[m], p.tape[m], p.rows, rows, p.logits[m]);
        }
        for (int64_t r = 0; r < rows; r++)
            add_state(p.logits[0] + r * vocab, p.logits[1] + r * vocab, vocab,
                      p.drawn[r], &sampled[i], &exact[i]);
    }
    kl_pass_release(&p);
    return status;
}

/* --- all of it ----------------------------------------------------------------------- */

static Status make(Asker *a, Err *err)
{
    TRY(open_all(a, err));
    TRY(ask(a, err));
    TRY(put_answers(a, err));
    TRY(put_gold(a, err));
    for (size_t i = 0; a->o->proxies[i].name; i++)
        TRY(put_proxy(a, a->o->proxies[i].name, a->o->proxies[i].folder, err));
    return a->reference ? put_kl(a, err) : OK;
}

Status measure_policy(const MeasureOptions *o, TensorOps *ops, Measure *out, Err *err)
{
    char of[17];
    bool found;
    *out = (Measure){0};
    TRY(fingerprint(o, of, err));
    Status status = read_measure(o->file, of, out, &found, err);
    if (status == OK && !found) {
        Asker a = {.o = o, .ops = ops, .out = out};
        status = make(&a, err);
        asker_release(&a);
        if (status == OK)
            status = write_measure(out, o->file, of, err);
    }
    if (status != OK)
        measure_release(out);
    return status;
}

static Status make_bits(const char *folder, const char *documents, int64_t limit,
                        TensorOps *ops, double *out, Err *err)
{
    Model *model = NULL;
    Tokenizer *tok = NULL;
    Engine *engine = NULL;
    BitsReport report;
    Status status = model_folder_load(&model, ops, folder, false, NULL, err);
    if (status == OK)
        status = model_folder_tokenizer(&tok, folder, err);
    if (status == OK)
        status = engine_new(&engine, model, 1, 0, NULL, err);
    if (status == OK)
        status = bits_measure(engine, tok, documents, limit, &report, err);
    if (status == OK)
        *out = report.bits_per_byte;
    engine_free(engine);
    tokenizer_free(tok);
    model_free(model);
    return status;
}

Status measure_bits(const char *file, const char *model, const char *documents,
                    int64_t limit, TensorOps *ops, double *out, Err *err)
{
    uint64_t hash = (uint64_t)limit;
    char of[17];
    json_t *root = NULL;
    TRY(measure_weights_hash(model, &hash, err));
    snprintf(of, sizeof of, "%016" PRIx64, hash);
    if (file_exists(file)) {
        TRY(json_read_file(file, &root, err));
        const char *then = json_string_value(json_object_get(root, "of"));
        bool same = then && strcmp(then, of) == 0;
        *out = json_number_value(json_object_get(root, "bits_per_byte"));
        json_decref(root);
        if (same)
            return OK;
    }
    TRY(make_bits(model, documents, limit, ops, out, err));
    root = json_pack("{s:s, s:f}", "of", of, "bits_per_byte", *out);
    Status status = json_write_file(file, root, err);
    json_decref(root);
    return status;
}
